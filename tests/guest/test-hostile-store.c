/* SPDX-License-Identifier: MIT */
/*
 * A domain that breaks its ring to the store, its messages and its promises. The store disconnects
 * it or lets it wait, says why where the ABI has a word for it, and serves it again when it begins
 * anew.
 */
#include <clock.h>
#include <guest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include "harness.h"
#include "hostile.h"
#include "raw_store.h"

#define FLOOD 20000

static struct hostile sequence;
static const char *text;

static bool is_refused(void *unused)
{
    return __atomic_load_n(&raw_ring->error, __ATOMIC_ACQUIRE) != XENSTORE_ERROR_NONE;
}

/* After whatever was done: a new connection works, without the old one's watches. */
static void check_new_connection(void)
{
    CHECK(raw_reconnect());
    CHECK_EQ(raw_ring->error, XENSTORE_ERROR_NONE);
    CHECK_EQ(raw_ask(XS_WRITE, 0, "data/h\0alive", 12, &text), XS_WRITE);
    CHECK_EQ(raw_ask(XS_READ, 0, "data/h", 7, &text), XS_READ);
    CHECK(strcmp(text, "alive") == 0);
    CHECK_EQ(raw_ask(XS_RM, 0, "data/h", 7, &text), XS_RM);
    CHECK_EQ(raw_ask(XS_UNWATCH, 0, "data\0t", 7, &text), XS_ERROR);
}

static void test_features(void)
{
    CHECK_EQ(raw_ring->server_features &
                 (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR),
             3);
    check_new_connection();
}

/* Each index at values that cannot be. */
static void test_indices(void)
{
    static const uint32_t amounts[] = {XENSTORE_RING_SIZE + 1, 0x7fffffff, 0x80000000, 0xffffffff};
    XENSTORE_RING_IDX *const indices[] = {&raw_ring->req_cons, &raw_ring->req_prod,
                                          &raw_ring->rsp_cons, &raw_ring->rsp_prod};

    for (unsigned int i = 0; i < 4; i++) {
        for (unsigned int j = 0; j < sizeof(amounts) / sizeof(amounts[0]); j++) {
            CHECK_EQ(raw_ask(XS_WATCH, 0, "data\0t", 7, &text), XS_WATCH);
            *indices[i] += amounts[j];
            raw_notify();
            /* A consumer that goes back by one only seems to lag; it is not refused at once. */
            if (amounts[j] != 0xffffffff && raw_wait(is_refused, NULL))
                CHECK_EQ(raw_ring->error, XENSTORE_ERROR_RINGIDX);
            check_new_connection();
        }
    }
}

static void test_too_long(void)
{
    struct xsd_sockmsg header = {.type = XS_WRITE, .len = XENSTORE_PAYLOAD_MAX + 1};

    for (unsigned int i = 0; i < 3; i++) {
        CHECK(raw_put(&header, sizeof(header)));
        raw_notify();
        CHECK(raw_wait(is_refused, NULL));
        CHECK_EQ(raw_ring->error, XENSTORE_ERROR_PROTO);
        check_new_connection();
        header.len = i ? 0xffffffff : 0x80000000;
    }
}

/* Half a message, and a long silence. */
static void test_half_messages(void)
{
    struct xsd_sockmsg header = {.type = XS_WRITE, .len = 4000};

    for (size_t length = 1; length <= sizeof(header); length++) {
        CHECK(raw_put(&header, length));
        raw_notify();
        thread_sleep(MILLISECONDS(2));
        check_new_connection();
    }
    CHECK(raw_put(&header, sizeof(header)));
    CHECK(raw_put("data/half\0x", 11));
    raw_notify();
    thread_sleep(MILLISECONDS(20));
    check_new_connection();
}

static void test_random_bytes(void)
{
    char bytes[XENSTORE_RING_SIZE];

    for (unsigned int round = 0; round < 50; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)hostile_number(&sequence);
        raw_ring->req_prod = raw_ring->req_cons;
        raw_put(bytes, sizeof(bytes));
        raw_notify();
        thread_sleep(MILLISECONDS(1));
        check_new_connection();
    }
    /* The whole page, indices and all. */
    for (unsigned int round = 0; round < 50; round++) {
        for (size_t i = 0; i < 4096; i++)
            ((volatile char *)raw_ring)[i] = (char)hostile_number(&sequence);
        raw_notify();
        thread_sleep(MILLISECONDS(1));
        check_new_connection();
    }
}

/* Random requests that are well formed, as often with errors as not. */
static void test_random_requests(void)
{
    static const char *const paths[] = {"data/a", "data/a/b", "data/", "/", "domid", "/local", "x"};
    char payload[64];

    for (unsigned int i = 0; i < 5000; i++) {
        uint32_t type = (uint32_t)hostile_number(&sequence) % XS_TYPE_COUNT;
        int length = snprintf(payload, sizeof(payload), "%s%c%u",
                              paths[hostile_number(&sequence) % 7], 0,
                              (unsigned int)hostile_number(&sequence) % 8);

        if (!CHECK(raw_ask(type, (uint32_t)hostile_number(&sequence) % 3, payload,
                           (size_t)length + hostile_number(&sequence) % 2, &text) >= 0))
            break;
    }
    check_new_connection();
    raw_ask(XS_RM, 0, "data/a", 7, &text);
}

/* Requests without end, whose answers are not fetched: the store lets them wait. */
static void test_flood(void)
{
    struct xsd_sockmsg header = {.type = XS_READ, .len = 6};
    unsigned int sent = 0;

    while (sent < FLOOD) {
        uint32_t room = XENSTORE_RING_SIZE -
                        (raw_ring->req_prod -
                         __atomic_load_n(&raw_ring->req_cons, __ATOMIC_ACQUIRE));

        if (room < sizeof(header) + 6) {
            raw_notify();
            thread_sleep(MILLISECONDS(1));
            if (raw_ring->req_prod - __atomic_load_n(&raw_ring->req_cons, __ATOMIC_ACQUIRE) > 1000)
                break;
            continue;
        }
        raw_put(&header, sizeof(header));
        raw_put("domid", 6);
        sent++;
    }
    CHECK(sent < 1000);
    /* What was asked is answered all the same. */
    while (sent--)
        if (!CHECK_EQ(raw_fetch(&text), XS_READ))
            break;
    /* And with the answers fetched it may continue as fast as it can. */
    for (unsigned int i = 0; i < FLOOD / 10; i++)
        if (!CHECK_EQ(raw_ask(XS_READ, 0, "domid", 6, &text), XS_READ))
            break;
    check_new_connection();
}

/* Events that are not fetched are kept within bounds, and none of the watches is forgotten. */
static void test_events_unread(void)
{
    unsigned int events = 0;
    char payload[64];

    for (unsigned int i = 0; i < 40; i++) {
        int length = snprintf(payload, sizeof(payload), "data/e%cw%u", 0, i);

        CHECK_EQ(raw_ask(XS_WATCH, 0, payload, (size_t)length + 1, &text), XS_WATCH);
    }
    for (unsigned int i = 0; i < 400; i++) {
        int length = snprintf(payload, sizeof(payload), "data/e/n%u%cvalue", i, 0);

        /* Each makes 40 events. The ring fills, so the answer comes behind many of them. */
        if (!raw_send(XS_WRITE, 0, payload, (size_t)length))
            break;
        if (i % 20 == 19)
            while (raw_fetch_any(&text) == XS_WATCH_EVENT)
                events++;
    }
    CHECK(events > 40);
    check_new_connection();
    raw_ask(XS_RM, 0, "data/e", 7, &text);
}

/* Events to the store's port without any reason. */
static void test_event_storm(void)
{
    uint64_t end = clock_now() + MILLISECONDS(500);

    while (clock_now() < end)
        raw_notify();
    check_new_connection();
}

static void test_reconnection_storm(void)
{
    for (unsigned int i = 0; i < 200; i++)
        CHECK(raw_reconnect());
    for (unsigned int i = 0; i < 200; i++) {
        raw_ring->connection = (uint32_t)hostile_number(&sequence);
        raw_notify();
    }
    check_new_connection();
}

static const struct test tests[] = {
    {"features", test_features},
    {"indices", test_indices},
    {"too-long", test_too_long},
    {"half-messages", test_half_messages},
    {"random-bytes", test_random_bytes},
    {"random-requests", test_random_requests},
    {"flood", test_flood},
    {"events-unread", test_events_unread},
    {"event-storm", test_event_storm},
    {"reconnection-storm", test_reconnection_storm},
    {NULL, NULL},
};

void guest_main(void)
{
    raw_store_init();
    hostile_init(&sequence, 0, NULL, 0);
    run_tests(tests);
}
