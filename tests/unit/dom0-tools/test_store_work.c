/* SPDX-License-Identifier: MIT */
/*
 * What one request or turn of a domain may cost the store, counted in calls, compared bytes and the
 * store's own steps; and that what a domain makes the store hold is charged to it.
 */
/* SOURCES: tests/unit/dom0-tools/store_fixture.c tests/unit/dom0-tools/store_wire.c */
/* SOURCES: $(STORE_SRCS) dom0-tools/error.c dom0-tools/utf8.c */
/* CFLAGS: -Dmalloc=counted_malloc -Dcalloc=counted_calloc -Drealloc=counted_realloc */
/* CFLAGS: -Dfree=counted_free -Dstrdup=counted_strdup -Dstrcmp=counted_strcmp */
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef strdup
#undef strcmp
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tools/store_ring.h>

#include "store_fixture.h"

/* ---- What is counted ---- */

static unsigned long allocations; /* since begin_count(), as the next two */
static unsigned long compared;    /* bytes, by strcmp() */
static uint64_t first_step;
static size_t held; /* bytes in blocks, as they were asked for */

struct block {
    size_t size;
    size_t unused; /* the caller's part is aligned as malloc()'s */
};

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *data, size_t size);
void counted_free(void *data);
char *counted_strdup(const char *string);
int counted_strcmp(const char *a, const char *b);

void *counted_malloc(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);

    allocations++;
    held += size;
    block->size = size;
    return block + 1;
}

void *counted_calloc(size_t count, size_t size)
{
    return memset(counted_malloc(count * size), 0, count * size);
}

void counted_free(void *data)
{
    if (!data)
        return;
    held -= ((struct block *)data - 1)->size;
    free((struct block *)data - 1);
}

/* As pv-guest's: a block does not become smaller. */
void *counted_realloc(void *data, size_t size)
{
    size_t former = data ? ((struct block *)data - 1)->size : 0;
    void *larger;

    if (data && size <= former)
        return data;
    larger = counted_malloc(size);
    if (data)
        memcpy(larger, data, former);
    counted_free(data);
    return larger;
}

char *counted_strdup(const char *string)
{
    return strcpy(counted_malloc(strlen(string) + 1), string);
}

int counted_strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        compared++;
    return (unsigned char)*a - (unsigned char)*b;
}

static void begin_count(void)
{
    allocations = compared = 0;
    first_step = xs_steps(store);
}

static unsigned long steps(void)
{
    return (unsigned long)(xs_steps(store) - first_step);
}

/* ---- A domain ---- */

static int setup(void **state)
{
    store_fixture_start(NULL, NULL);
    return 0;
}

static void send_request(uint32_t type, uint32_t t, const char *payload, size_t length)
{
    assert_true(wire_send(dom1, type, t, payload, length));
}

static void fetch_all(void)
{
    while (wire_fetch(dom1, &text) >= 0)
        ;
}

/* Sends a request and fetches all there is; it succeeds. */
static void ask(uint32_t type, uint32_t t, const char *payload, size_t length)
{
    bool answered = false;
    int got;

    send_request(type, t, payload, length);
    while ((got = wire_fetch(dom1, &text)) >= 0) {
        assert_int_not_equal(got, XS_ERROR);
        answered |= got == (int)type;
    }
    assert_true(answered);
}

#define ASK(type, t, payload) ask(type, t, payload, sizeof(payload) - 1)

static uint32_t begin_transaction(void)
{
    assert_true(wire_send(dom1, XS_TRANSACTION_START, 0, "", 1));
    assert_int_equal(wire_fetch(dom1, &text), XS_TRANSACTION_START);
    return (uint32_t)strtoul(text, NULL, 10);
}

/* Sets @count watches on data, with tokens of two bytes. */
static void set_watches(unsigned int count)
{
    char payload[] = "data\0aa";

    ASK(XS_MKDIR, 0, "data\0");
    for (unsigned int i = 0; i < count; i++) {
        payload[5] = (char)('a' + i / 16);
        payload[6] = (char)('a' + i % 16);
        ask(XS_WATCH, 0, payload, sizeof(payload));
    }
}

/* A path of @length bytes below data, which differs from others at its end only. */
static size_t long_path(char *path, size_t length, unsigned int number)
{
    memcpy(path, "data/", 5);
    memset(path + 5, 'x', length - 5);
    snprintf(path + length - 4, 5, "%04u", number);
    return length + 1;
}

/* ---- Work ---- */

/*
 * Changes of one path in a transaction tell its watches once, however many there are, and though
 * the queue of events is as long as it may be.
 */
static void test_repeated_changes(void **state)
{
    char payload[] = "data/a";
    uint32_t t;

    set_watches(128);
    t = begin_transaction();
    for (unsigned int i = 0; i < 1024; i++)
        ASK(XS_WRITE, t, "data/z\0");
    for (unsigned int i = 0; i < 11; i++) {
        payload[5] = (char)('a' + i);
        send_request(XS_WRITE, 0, payload, sizeof(payload));
    }
    begin_count();
    send_request(XS_TRANSACTION_END, t, "T", 2);
    assert_in_range(allocations, 1024, 1024 * 8);
    assert_in_range(steps(), 1024 * 8, 20000);
    fetch_all();
}

/* A watch that has missed an event is not tried again for each change of a transaction. */
static void test_missed_in_a_commit(void **state)
{
    char path[1024];
    uint32_t t;

    set_watches(128);
    t = begin_transaction();
    for (unsigned int i = 0; i < 200; i++)
        ask(XS_MKDIR, t, path, long_path(path, 1000, i));
    /* The events for data itself wait already, and those for others leave no room for long ones. */
    send_request(XS_WRITE, 0, "data", 5);
    for (unsigned int i = 0; i < 6; i++)
        send_request(XS_WRITE, 0, path, (size_t)snprintf(path, sizeof(path), "data/%u", i) + 1);
    begin_count();
    send_request(XS_TRANSACTION_END, t, "T", 2);
    assert_in_range(allocations, 200, 200 * 8);
    assert_in_range(steps(), 200 * 128, 200 * 200);
    fetch_all();
}

/* Whether an event waits already is found out without a look at all that wait. */
static void test_full_queue(void **state)
{
    char path[16];

    set_watches(128);
    for (unsigned int i = 0; i < 7; i++)
        send_request(XS_WRITE, 0, path, (size_t)snprintf(path, sizeof(path), "data/%u", i) + 1);
    begin_count();
    send_request(XS_WRITE, 0, "data/0", 7);
    assert_in_range(steps(), 2 * 128, 128 * 64);
    fetch_all();
}

/* Who removes a folder after the folders in it has each node looked at once. */
static void test_nested_removals(void **state)
{
    char path[256] = "data";
    uint32_t t;

    for (unsigned int i = 0; i < 42; i++)
        strcat(path, "/d");
    for (unsigned int i = 0; i < 900; i++) {
        snprintf(path + 4 + 42 * 2, 8, "/%u", i);
        ask(XS_MKDIR, 0, path, strlen(path) + 1);
    }
    t = begin_transaction();
    for (unsigned int i = 42; i > 0; i--) {
        path[4 + i * 2] = '\0';
        ask(XS_RM, t, path, strlen(path) + 1);
    }
    begin_count();
    ask(XS_TRANSACTION_END, t, "T", 2);
    assert_in_range(steps(), 900, 900 * 10);
}

/* Ten transactions of 900 changes each, of a path that has the transaction's number. */
static void prepare_transactions(uint32_t t[10])
{
    char path[16];

    ASK(XS_MKDIR, 0, "data\0");
    for (unsigned int i = 0; i < 10; i++) {
        t[i] = begin_transaction();
        for (unsigned int j = 0; j < 900; j++)
            ask(XS_WRITE, t[i], path, (size_t)snprintf(path, sizeof(path), "data/%u", i) + 1);
    }
}

/* A request that takes much work counts as several of the turn's. */
static void test_turn(void **state)
{
    static struct xenstore_domain_interface ring;
    unsigned int turns = 1;
    uint32_t t[10];

    prepare_transactions(t);
    store_ring_init(&ring);
    for (unsigned int i = 0; i < 10; i++) {
        struct wire_message m;
        size_t length = wire_request(&m, XS_TRANSACTION_END, t[i], "T", 2);

        memcpy(ring.req + ring.req_prod, &m, length);
        ring.req_prod += (uint32_t)length;
    }
    for (;; turns++) {
        begin_count();
        if (store_ring_turn(&ring, dom1) != RING_MORE)
            break;
        assert_in_range(steps(), 7200, 30000);
    }
    assert_in_range(turns, 5, 10);
    assert_int_equal(ring.rsp_prod, 10 * (16 + 3));
}

/* Writes 700 nodes of 2000 bytes. @return the most steps that one takes. */
static unsigned long write_much(void)
{
    static char value[2000];
    unsigned long most = 0;
    char path[16];

    for (unsigned int i = 0; i < 700; i++) {
        snprintf(path, sizeof(path), "/n%u", i);
        begin_count();
        assert_int_equal(xs_write(tools, 0, path, value, sizeof(value)), 0);
        most = steps() > most ? steps() : most;
        assert_in_range(xs_memory_held(store), 0, (1 << 20) + (128 << 10));
    }
    return most;
}

/* Transactions continue from the live tree a few at a time, but they all do. */
static void test_following(void **state)
{
    uint32_t t[10];

    write_much();
    prepare_transactions(t);
    for (unsigned int i = 0; i < 3; i++)
        assert_in_range(write_much(), 7200, 16000);
    for (unsigned int i = 0; i < 10; i++)
        ask(XS_TRANSACTION_END, t[i], "T", 2);
    assert_int_equal(xs_memory_held(store), 0);
}

/* Requests in a transaction do not compare their path with all that it depends on. */
static void test_touched_paths(void **state)
{
    uint32_t t = begin_transaction();
    char path[2048];

    for (unsigned int i = 0; i < 400; i++) {
        send_request(XS_READ, t, path, long_path(path, 2000, i));
        fetch_all();
    }
    begin_count();
    send_request(XS_READ, t, path, long_path(path, 2000, 0));
    assert_in_range(compared, 0, 64 << 10);
    fetch_all();
    send_request(XS_READ, t, path, long_path(path, 2000, 400));
    assert_in_range(compared, 0, 64 << 10);
    fetch_all();
}

/* To set and to remove a watch takes no comparison with all others. */
static void test_tokens(void **state)
{
    char payload[4096] = "data";
    size_t length = 0;

    for (unsigned int i = 0; i < 128; i++) {
        length = 5 + long_path(payload + 5, 3000, i);
        ask(XS_WATCH, 0, payload, length);
    }
    begin_count();
    ask(XS_UNWATCH, 0, payload, length);
    ask(XS_WATCH, 0, payload, length);
    assert_in_range(compared, 0, 64 << 10);
}

/* ---- Memory ---- */

/* Nodes that transactions have made are charged, and those of ten take no more than the limit. */
static void test_nodes_of_transactions(void **state)
{
    size_t before = held, used = xs_memory_used(store, 1);
    char path[256] = "data/0000";
    unsigned int refused = 0;

    ASK(XS_SET_PERMS, 0, "/local/domain/1\0n1\0r2\0r3\0r4\0r5\0");
    for (unsigned int i = 0; i < 42; i++)
        strcat(path, "/d");
    for (unsigned int i = 0; i < 10 && !refused; i++) {
        uint32_t t = begin_transaction();

        for (unsigned int j = 0; j < 21; j++) {
            snprintf(path + 5, 5, "%04u", j);
            path[9] = '/';
            send_request(XS_MKDIR, t, path, strlen(path) + 1);
            refused += wire_fetch(dom1, &text) == XS_ERROR;
            assert_in_range(held - before, 0, xs_memory_used(store, 1) - used + 512);
        }
    }
    assert_true(refused > 0);
    assert_in_range(xs_memory_used(store, 1), limits.memory, limits.memory + (16 << 10));
    ASK(XS_RESET_WATCHES, 0, "\0");
    assert_in_range(xs_memory_used(store, 1), used, used + 64); /* its home has more permissions */
}

/* Answers that it does not fetch. */
static void test_unread_answers(void **state)
{
    size_t before, used;

    ASK(XS_WRITE, 0, "data\0a value that is longer than what has a place prepared");
    before = held;
    used = xs_memory_used(store, 1);
    for (unsigned int i = 0; i < limits.outstanding; i++)
        send_request(i % 2 ? XS_READ : XS_GET_PERMS, 0, "data", 5);
    assert_in_range(held - before, 0, xs_memory_used(store, 1) - used);
    fetch_all();
    assert_int_equal(xs_memory_used(store, 1), used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_repeated_changes, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_missed_in_a_commit, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_full_queue, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_nested_removals, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_turn, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_following, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_touched_paths, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_tokens, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_nodes_of_transactions, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_unread_answers, setup, store_fixture_end),
    };

    return cmocka_run_group_tests_name("work of the store", tests, NULL, NULL);
}
