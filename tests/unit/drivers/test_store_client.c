/* SPDX-License-Identifier: MIT */
/*
 * The store's client when memory is short. The store is the test: it answers each request with OK.
 */
/* SOURCES: pv-guest/store.c tests/host/guest/threads.c */
/* CFLAGS: -Itests/host -idirafter pv-guest/include -Dmalloc=short_malloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <guest/threads.h>
#include <public/io/xs_wire.h>
#include <store.h>

static bool no_memory;

void *short_malloc(size_t size);

void *short_malloc(size_t size)
{
    return no_memory ? NULL : calloc(1, size);
}

/* ---- The store ---- */

static uint8_t request[1024], waiting[1024];
static size_t received, waiting_length;

static void put(const struct xsd_sockmsg *header, const void *payload)
{
    memcpy(waiting + waiting_length, header, sizeof(*header));
    memcpy(waiting + waiting_length + sizeof(*header), payload, header->len);
    waiting_length += sizeof(*header) + header->len;
    store_link_ready();
}

static size_t send_bytes(const void *data, size_t length)
{
    struct xsd_sockmsg header;

    memcpy(request + received, data, length);
    received += length;
    memcpy(&header, request, sizeof(header));
    if (received >= sizeof(header) && received == sizeof(header) + header.len) {
        received = 0;
        header.len = 3;
        put(&header, "OK");
    }
    return length;
}

static size_t receive_bytes(void *data, size_t length)
{
    size_t size = length < waiting_length ? length : waiting_length;

    memcpy(data, waiting, size);
    waiting_length -= size;
    memmove(waiting, waiting + size, waiting_length);
    return size;
}

static void send_event(const struct store_watch *watch, const char *path)
{
    char payload[256];
    int length = snprintf(payload, sizeof(payload), "%s%c%lx", path, '\0', (unsigned long)watch);

    put(&(struct xsd_sockmsg){.type = XS_WATCH_EVENT, .len = (uint32_t)length + 1}, payload);
    threads_settle();
}

/* ---- Tests ---- */

static char last_path[2][32];

static void on_event(struct store_watch *watch, const char *path);

static struct store_watch watches[2] = {{.path = "one", .event = on_event},
                                        {.path = "two", .event = on_event}};

static void on_event(struct store_watch *watch, const char *path)
{
    snprintf(last_path[watch - watches], sizeof(last_path[0]), "%s", path);
}

static void event_without_memory_is_everybodys(void **state)
{
    static const struct store_link link = {send_bytes, receive_bytes, store_link_ready};

    assert_int_equal(store_attach(&link), 0);
    assert_int_equal(store_watch(&watches[0]), 0);
    assert_int_equal(store_watch(&watches[1]), 0);
    send_event(&watches[1], "two/below");
    assert_int_equal(watches[0].fired, 0);
    assert_int_equal(watches[1].fired, 1);
    assert_string_equal(last_path[1], "two/below");
    no_memory = true;
    send_event(&watches[1], "two/below");
    no_memory = false;
    assert_int_equal(watches[0].fired, 1);
    assert_string_equal(last_path[0], "one");
    assert_int_equal(watches[1].fired, 2);
    assert_string_equal(last_path[1], "two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(event_without_memory_is_everybodys)};

    return cmocka_run_group_tests_name("the store's client", tests, NULL, NULL);
}
