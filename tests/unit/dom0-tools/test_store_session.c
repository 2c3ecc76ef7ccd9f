/* SPDX-License-Identifier: MIT */
/*
 * A session of the store: how many bytes it takes, what waits and what that costs, which events are
 * told, and when its transport hears that there is something to fetch. And the ring's indices.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: tests/unit/dom0-tools/store_fixture.c tests/unit/dom0-tools/store_wire.c */
/* SOURCES: $(STORE_SRCS) dom0-tools/error.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <public/errno.h>
#include <tools/store_ring.h>

#include "store_fixture.h"

#define MESSAGE_BYTES 56u /* what a message that waits is charged for, with its payload */

static unsigned int outputs; /* calls of dom1's output function */

static void output(void *context)
{
    assert_ptr_equal(context, &outputs);
    outputs++;
}

static int setup(void **state)
{
    struct store_permission p[] = {{.domid = 0}, {.domid = 1, .read = true, .write = true}};

    store_fixture_start(output, &outputs);
    assert_int_equal(xs_mkdir(tools, 0, "/w"), 0);
    assert_int_equal(xs_set_permissions(tools, 0, "/w", p, 2), 0);
    outputs = 0;
    return 0;
}

static void watch(struct store_session *session, const char *path, const char *token)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t length = strlen(path) + 1;

    memcpy(payload, path, length);
    memcpy(payload + length, token, strlen(token) + 1);
    assert_true(wire_send(session, XS_WATCH, 0, payload, length + strlen(token) + 1));
    assert_int_equal(wire_fetch(session, &text), XS_WATCH);
    assert_string_equal(text, "OK|");
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
}

static void make(const char *path)
{
    (void)xs_remove(tools, 0, path);
    assert_int_equal(xs_mkdir(tools, 0, path), 0);
}

static void expect(struct store_session *session, int type, const char *payload)
{
    assert_int_equal(wire_fetch(session, &text), type);
    assert_string_equal(text, payload);
}

static void expect_nothing(struct store_session *session)
{
    assert_int_equal(wire_fetch(session, &text), -1);
}

/* Requests for the path of domain 5: 18 bytes each, and the answers have a header and 16 bytes. */
static char requests[200][18];

static void prepare_requests(void)
{
    const struct xsd_sockmsg header = {.type = XS_GET_DOMAIN_PATH, .req_id = 3, .len = 2};

    for (unsigned int i = 0; i < 200; i++) {
        memcpy(requests[i], &header, 16);
        memcpy(requests[i] + 16, "5", 2);
    }
}

static long put(struct store_session *session, unsigned int bytes, unsigned int *budget)
{
    return store_session_put(session, requests, bytes, budget);
}

static unsigned int fetch_answers(struct store_session *session)
{
    unsigned int count = 0;

    for (; wire_fetch(session, &text) == XS_GET_DOMAIN_PATH; count++)
        assert_string_equal(text, "/local/domain/5|");
    return count;
}

/* ---- Requests and answers ---- */

/* The request behind as many answers as may wait is received, and waits; no other is. */
static void test_answers_that_wait(void **state)
{
    size_t before = xs_memory_used(store, 1);

    prepare_requests();
    assert_int_equal(put(dom0, sizeof(requests), NULL), 65 * 18);
    assert_int_equal(put(dom0, 18, NULL), 0);
    assert_int_equal(fetch_answers(dom0), 64);
    assert_int_equal(put(dom0, 0, NULL), 0);
    assert_int_equal(fetch_answers(dom0), 1);

    limits.outstanding = 3;
    assert_int_equal(put(dom1, sizeof(requests), NULL), 4 * 18);
    assert_int_equal(xs_memory_used(store, 1), before + 3 * (MESSAGE_BYTES + 16));
    expect(dom1, XS_GET_DOMAIN_PATH, "/local/domain/5|");
    assert_int_equal(xs_memory_used(store, 1), before + 2 * (MESSAGE_BYTES + 16));
    assert_int_equal(put(dom1, 18, NULL), 18); /* the one that waited is answered, this one waits */
    assert_int_equal(fetch_answers(dom1), 3);
    assert_int_equal(put(dom1, 0, NULL), 0);
    assert_int_equal(fetch_answers(dom1), 1);
    assert_int_equal(xs_memory_used(store, 1), before);
    assert_int_equal(outputs, 0); /* who puts looks for answers himself */
}

static void test_budget(void **state)
{
    unsigned int budget = 2;

    prepare_requests();
    assert_int_equal(put(dom0, 5 * 18, &budget), 3 * 18);
    assert_int_equal(budget, 0);
    assert_int_equal(fetch_answers(dom0), 2);
    assert_int_equal(put(dom0, 18, &budget), 0);
    expect_nothing(dom0);
    budget = 7;
    assert_int_equal(put(dom0, 18 + 5, &budget), 18 + 5);
    assert_int_equal(budget, 5);
    assert_int_equal(fetch_answers(dom0), 2);
    assert_int_equal(store_session_put(dom0, requests[0] + 5, 13, &budget), 13);
    assert_int_equal(budget, 4);
    assert_int_equal(fetch_answers(dom0), 1);
}

/* Answers come in the order of the requests, with what the client can know them by. */
static void test_headers(void **state)
{
    struct xsd_sockmsg header = {.type = XS_GET_DOMAIN_PATH, .req_id = 77, .tx_id = 88, .len = 2};
    const void *data;

    prepare_requests();
    memcpy(requests[1], &header, 16);
    memcpy(requests[1] + 16, "6", 2);
    header.type = XS_RM;
    memcpy(requests[2], &header, 16);
    assert_int_equal(put(dom0, 3 * 18, NULL), 3 * 18);
    expect(dom0, XS_GET_DOMAIN_PATH, "/local/domain/5|");
    expect(dom0, XS_GET_DOMAIN_PATH, "/local/domain/6|");
    assert_int_equal(store_session_peek(dom0, &data), 16 + 7);
    memcpy(&header, data, 16);
    assert_int_equal(header.type, XS_ERROR);
    assert_int_equal(header.req_id, 77);
    assert_int_equal(header.tx_id, 88);
    assert_int_equal(header.len, 7);
    assert_string_equal((const char *)data + 16, "ENOENT");
    /* In parts. */
    store_session_fetched(dom0, 10);
    assert_int_equal(store_session_peek(dom0, &data), 13);
    store_session_fetched(dom0, 12);
    assert_int_equal(store_session_peek(dom0, &data), 1);
    assert_int_equal(*(const char *)data, 0);
    store_session_fetched(dom0, 1);
    assert_int_equal(store_session_peek(dom0, &data), 0);
}

static void test_breach_and_reset(void **state)
{
    struct xsd_sockmsg header = {.type = XS_READ, .len = 4096};
    size_t before = xs_memory_used(store, 1);

    prepare_requests();
    assert_int_equal(store_session_put(dom1, &header, 16, NULL), 16);
    store_session_reset(dom1); /* in the middle of a request */
    assert_int_equal(put(dom1, 18, NULL), 18);
    assert_int_equal(fetch_answers(dom1), 1);
    header.len = 4097;
    assert_int_equal(store_session_put(dom1, &header, 15, NULL), 15);
    assert_int_equal(store_session_put(dom1, (char *)&header + 15, 1, NULL), -1);
    assert_int_equal(put(dom1, 18, NULL), -1);
    assert_int_equal(put(dom1, 0, NULL), -1);
    store_session_reset(dom1);

    /* What waited is gone, and what may wait is as much as ever. */
    limits.outstanding = 2;
    watch(dom1, "/w", "t");
    assert_int_equal(put(dom1, 36, NULL), 36);
    make("/w/x");
    store_session_reset(dom1);
    assert_int_equal(xs_memory_used(store, 1), before);
    expect_nothing(dom1);
    assert_int_equal(put(dom1, 36, NULL), 36);
    assert_int_equal(fetch_answers(dom1), 2);
    make("/w/x");
    expect_nothing(dom1);
}

/* A message of which a part was fetched is forgotten as a whole. */
static void test_reset_between_parts(void **state)
{
    const void *data;

    prepare_requests();
    assert_int_equal(put(dom1, 18, NULL), 18);
    assert_int_equal(store_session_peek(dom1, &data), 32);
    store_session_fetched(dom1, 20);
    store_session_reset(dom1);
    assert_int_equal(put(dom1, 18, NULL), 18);
    assert_int_equal(fetch_answers(dom1), 1);
}

/* ---- Events ---- */

static void test_output(void **state)
{
    watch(dom1, "/w", "t");
    assert_int_equal(outputs, 0);
    make("/w/a");
    assert_int_equal(outputs, 1);
    make("/w/a"); /* goes and comes; both are told, as one that waits already */
    assert_int_equal(outputs, 1);
    make("/w/b");
    assert_int_equal(outputs, 2);
    expect(dom1, XS_WATCH_EVENT, "/w/a|t|");
    expect(dom1, XS_WATCH_EVENT, "/w/b|t|");
    expect_nothing(dom1);
    assert_true(wire_send(dom1, XS_MKDIR, 0, "/w/c", 5));
    expect(dom1, XS_WATCH_EVENT, "/w/c|t|");
    expect(dom1, XS_MKDIR, "OK|");
    assert_int_equal(outputs, 2);
}

/* An event like one that is on its way already is a new one; one like any that waits is not. */
static void test_equal_events(void **state)
{
    size_t before;
    const void *data;

    watch(dom1, "/w", "t");
    watch(dom1, "/w", "u");
    before = xs_memory_used(store, 1);
    make("/w/a");
    make("/w/b");
    make("/w/a");
    assert_int_equal(xs_memory_used(store, 1), before + 4 * (MESSAGE_BYTES + 7));
    assert_int_equal(store_session_peek(dom1, &data), 16 + 7);
    store_session_fetched(dom1, 1);
    make("/w/a");
    assert_int_equal(store_session_peek(dom1, &data), 16 + 6);
    store_session_fetched(dom1, 16 + 6);
    expect(dom1, XS_WATCH_EVENT, "/w/a|u|");
    expect(dom1, XS_WATCH_EVENT, "/w/b|t|");
    expect(dom1, XS_WATCH_EVENT, "/w/b|u|");
    expect(dom1, XS_WATCH_EVENT, "/w/a|t|");
    expect_nothing(dom1);
    assert_int_equal(xs_memory_used(store, 1), before);
}

/* An answer with the payload of an event is not the event. */
static void test_answer_like_an_event(void **state)
{
    assert_int_equal(xs_write(tools, 0, "/w/a", "/w/b\0t", 7), 0);
    watch(dom1, "/w/b", "t");
    assert_true(wire_send(dom1, XS_READ, 0, "/w/a", 5));
    make("/w/b");
    expect(dom1, XS_READ, "/w/b|t|");
    expect(dom1, XS_WATCH_EVENT, "/w/b|t|");
}

/* 64 KiB of events may wait: 512 of 128 bytes. The next is told later, as the watch's own path. */
static void test_bytes_of_events(void **state)
{
    static const char token[] = "a-token-of-63-bytes--------------------------------------------";
    char path[16], payload[80];

    watch(dom0, "/w", token);
    for (unsigned int i = 0; i < 514; i++) {
        snprintf(path, sizeof(path), "/w/%04u", i);
        make(path);
    }
    for (unsigned int i = 0; i < 512; i++) {
        snprintf(path, sizeof(path), "/w/%04u", i);
        assert_int_equal(wire_fetch(dom0, &text), XS_WATCH_EVENT);
        assert_memory_equal(text, path, 7);
    }
    snprintf(payload, sizeof(payload), "/w|%s|", token);
    expect(dom0, XS_WATCH_EVENT, payload);
    expect_nothing(dom0);
    make("/w/0001");
    snprintf(payload, sizeof(payload), "/w/0001|%s|", token);
    expect(dom0, XS_WATCH_EVENT, payload);
}

/* And not more than the domain's memory allows. */
static void test_memory_of_events(void **state)
{
    watch(dom1, "/w", "t");
    limits.memory = (unsigned int)xs_memory_used(store, 1) + MESSAGE_BYTES + 7;
    make("/w/a");
    make("/w/b");
    expect(dom1, XS_WATCH_EVENT, "/w/a|t|");
    expect(dom1, XS_WATCH_EVENT, "/w|t|");
    expect_nothing(dom1);
    limits.memory--;
    make("/w/c");
    expect_nothing(dom1);
    make("/elsewhere"); /* any change has it tried again: the watch's own path is shorter */
    expect(dom1, XS_WATCH_EVENT, "/w|t|");
    expect_nothing(dom1);
}

/* What no message can hold is neither told nor missed. */
static void test_events_that_fill_a_message(void **state)
{
    char token[3000], path[2000] = "/w/";

    memset(token, 't', sizeof(token));
    token[2999] = '\0';
    watch(dom1, "/w", token);
    memset(path + 3, 'x', sizeof(path) - 3);
    path[1095] = '\0';
    make(path); /* 1096 and 3000 bytes */
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_int_equal(strlen(text), 4096);
    path[1095] = 'x';
    path[1096] = '\0';
    make(path);
    expect_nothing(dom1);
}

/* ---- The ring ---- */

static struct xenstore_domain_interface ring;

static void test_full_rings(void **state)
{
    /* 56 requests and the beginning of one, which cross the ring's end; 16 in a turn. */
    prepare_requests();
    store_ring_init(&ring);
    limits.outstanding = 100;
    ring.req_cons = ring.req_prod = 1000;
    for (unsigned int i = 0; i < 1024; i++)
        ring.req[(1000 + i) % 1024] = requests[i / 18][i % 18];
    ring.req_prod += 1024;
    ring.rsp_cons = ring.rsp_prod = 1010;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MORE);
    assert_int_equal(ring.req_cons, 1000 + 17 * 18);
    assert_int_equal(ring.rsp_prod, 1010 + 16 * 32);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MORE);
    assert_int_equal(ring.req_cons, 1000 + 33 * 18);
    assert_int_equal(ring.rsp_prod, 1010 + 1024);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MORE); /* its budget is used up */
    assert_int_equal(ring.req_cons, 1000 + 49 * 18);
    assert_int_equal(ring.rsp_prod, 1010 + 1024);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.req_cons, 1000 + 1024);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_IDLE);
    for (unsigned int i = 0; i < 32; i++) {
        char answer[32];

        for (unsigned int j = 0; j < 32; j++)
            answer[j] = ring.rsp[(1010 + 32 * i + j) % 1024];
        assert_string_equal(answer + 16, "/local/domain/5");
    }
    ring.rsp_cons += 7;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.rsp_prod, 1010 + 1024 + 7);
    ring.rsp_cons += 24; /* all of the message but a byte */
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.rsp_prod, 1010 + 1024 + 31);
    ring.rsp_cons += 1;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.rsp_prod, 1010 + 1024 + 32);
    ring.rsp_cons = ring.rsp_prod;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.rsp_prod, 1010 + 56 * 32);
}

static void test_indices(void **state)
{
    static const struct xenstore_domain_interface empty = {.server_features = 3};

    prepare_requests();
    memset(&ring, 0xff, sizeof(ring));
    store_ring_init(&ring);
    assert_memory_equal(&ring, &empty, sizeof(ring));
    ring.req_prod = 1025;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_BAD_INDEX);
    ring.req_prod = (uint32_t)-1;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_BAD_INDEX);
    store_ring_fail(&ring, RING_BAD_INDEX);
    assert_int_equal(ring.error, 2);
    ring.connection = 1;
    ring.req_cons = 3;
    ring.rsp_prod = ring.rsp_cons = 4;
    assert_true(store_ring_wants_reconnection(&ring));
    store_ring_reconnect(&ring);
    assert_false(store_ring_wants_reconnection(&ring));
    assert_int_equal(ring.req_cons | ring.req_prod | ring.rsp_cons | ring.rsp_prod, 0);
    assert_int_equal(ring.error, 0);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_IDLE);
    ring.rsp_cons = (uint32_t)-1024;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_IDLE);
    ring.rsp_cons = (uint32_t)-1025;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_BAD_INDEX);
    store_ring_fail(&ring, RING_BAD_MESSAGE);
    assert_int_equal(ring.error, 3);

    /* Of a half request all is taken, and nothing happens. */
    store_ring_init(&ring);
    memcpy(ring.req, requests, 17);
    ring.req_prod = 17;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.req_cons, 17);
    assert_int_equal(ring.rsp_prod, 0);
    ring.req[17] = '\0';
    ring.req_prod = 18;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(ring.rsp_prod, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_that_wait, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_budget, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_headers, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_breach_and_reset, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_reset_between_parts, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_output, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_equal_events, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_answer_like_an_event, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_bytes_of_events, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_memory_of_events, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_events_that_fill_a_message, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_full_rings, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_indices, setup, store_fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
