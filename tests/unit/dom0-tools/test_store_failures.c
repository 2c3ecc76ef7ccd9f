/* SPDX-License-Identifier: MIT */
/*
 * The store without memory: the same requests again and again, where each time another allocation
 * fails. Every request gets exactly one answer, which is the right one or ENOMEM; one that failed
 * changed nothing; events are not lost; and in the end nothing is left allocated.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: tests/unit/dom0-tools/store_wire.c dom0-tools/error.c */
/* SOURCES: $(STORE_SRCS) */
/* CFLAGS: -Dmalloc=counted_malloc -Dcalloc=counted_calloc -Drealloc=counted_realloc */
/* CFLAGS: -Dfree=counted_free -Dstrdup=counted_strdup -DHELD_BYTES=1u */
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef strdup
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store_wire.h"

static unsigned int calls, fail_from, fail_count;
static long blocks;

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);
void *counted_realloc(void *block, size_t size);
void counted_free(void *block);
char *counted_strdup(const char *text);

static bool fails(void)
{
    calls++;
    return calls >= fail_from && calls < fail_from + fail_count;
}

void *counted_malloc(size_t size)
{
    if (fails())
        return NULL;
    blocks++;
    return malloc(size);
}

void *counted_calloc(size_t count, size_t size)
{
    void *block = counted_malloc(count * size);

    return block ? memset(block, 0, count * size) : NULL;
}

void *counted_realloc(void *block, size_t size)
{
    return fails() ? NULL : realloc(block, size);
}

void counted_free(void *block)
{
    blocks -= block != NULL;
    free(block);
}

char *counted_strdup(const char *text)
{
    char *copy = counted_malloc(strlen(text) + 1);

    return copy ? strcpy(copy, text) : NULL;
}

static bool no_event(void *context, const char *path, const char *token)
{
    return true;
}

static bool is_introduced(void *context, uint16_t domid)
{
    return domid < 2;
}

static const struct store_host host = {.is_introduced = is_introduced};

struct step {
    unsigned int domain;
    uint32_t type;
    uint32_t transaction;
    const char *payload;
    size_t length;
    const char *answer; /* "!NAME" is an error */
    bool optional;      /* may fail otherwise when an earlier one did */
};

#define STEP(domain, type, t, payload, answer)                      \
    {                                                               \
        domain, type, t, payload, sizeof(payload) - 1, answer, true \
    }

static const struct step steps[] = {
    STEP(1, XS_WATCH, 0, "data\0w\0", "OK|"),
    STEP(0, XS_WATCH, 0, "/local\0w\0", "OK|"),
    STEP(1, XS_WRITE, 0, "data/a/b/c\0one", "OK|"),
    STEP(1, XS_WRITE, 0, "data/a/b/c\0two", "OK|"),
    STEP(1, XS_MKDIR, 0, "data/a/d\0", "OK|"),
    STEP(1, XS_SET_PERMS, 0, "data/a\0n1\0r0\0b2\0", "OK|"),
    STEP(1, XS_GET_PERMS, 0, "data/a\0", "n1|r0|b2|"),
    STEP(1, XS_DIRECTORY, 0, "data/a\0", "b|d|"),
    STEP(1, XS_TRANSACTION_START, 0, "\0", "1|"),
    STEP(1, XS_READ, 1, "data/a/b/c\0", "two"),
    STEP(1, XS_WRITE, 1, "data/t\0in", "OK|"),
    STEP(1, XS_RM, 1, "data/a/d\0", "OK|"),
    STEP(0, XS_WRITE, 0, "/other\0x", "OK|"), /* the transaction continues from another tree */
    STEP(1, XS_READ, 1, "data/t\0", "in"),
    STEP(1, XS_TRANSACTION_END, 1, "T\0", "OK|"),
    STEP(0, XS_DIRECTORY, 0, "/local/domain/1/data\0", "a|t|"),
    STEP(1, XS_RM, 0, "data/a\0", "OK|"),
    STEP(1, XS_UNWATCH, 0, "data\0w\0", "OK|"),
};

/* Sends one request and fetches all there is, until its answer came. */
static void run_step(struct store_session **sessions, const struct step *step, bool may_differ)
{
    unsigned int answers = 0;
    const char *text;
    int type;

    assert_true(wire_send(sessions[step->domain], step->type, step->transaction, step->payload,
                          step->length));
    for (unsigned int i = 0; i < 2; i++) {
        while ((type = wire_fetch(sessions[i], &text)) >= 0) {
            if (type == XS_WATCH_EVENT)
                continue;
            assert_int_equal(i, step->domain);
            answers++;
            if (type == XS_ERROR && (may_differ || !strcmp(text, "ENOMEM|")))
                continue;
            if (may_differ)
                continue;
            assert_int_equal(type, step->type);
            assert_string_equal(text, step->answer);
        }
        /* A request that had to wait continues now. */
        assert_int_equal(store_session_put(sessions[i], "", 0, NULL), 0);
    }
    if (!answers)
        while ((type = wire_fetch(sessions[step->domain], &text)) >= 0)
            answers += type != XS_WATCH_EVENT;
    assert_int_equal(answers, 1);
}

/* Returns whether a failure came. */
static bool run_all(unsigned int from, unsigned int count)
{
    struct store_permission p = {.domid = 1};
    struct store *store = store_create(1);
    struct store_connection *tools = store_connect(store, 0, true, NULL, no_event, NULL);
    struct store_session *sessions[2];
    bool came;

    sessions[0] = store_session_open(store, 0, true, NULL, &host, NULL, NULL);
    sessions[1] = store_session_open(store, 1, false, &store_default_limits, &host, NULL, NULL);
    xs_mkdir(tools, 0, "/local/domain/1");
    xs_set_permissions(tools, 0, "/local/domain/1", &p, 1);
    calls = 0;
    fail_from = from;
    fail_count = count;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        run_step(sessions, &steps[i], calls >= from);
        assert_true(xs_is_consistent(store));
    }
    came = calls >= from;
    (void)xs_domain_gone(store, 1); /* may fail as well: nothing half done */
    assert_true(xs_is_consistent(store));
    fail_count = 0;
    store_session_close(sessions[0]);
    store_session_close(sessions[1]);
    assert_int_equal(xs_domain_gone(store, 1), 0);
    assert_int_equal(xs_memory_used(store, 1), 0);
    store_disconnect(tools);
    store_destroy(store);
    assert_int_equal(blocks, 0);
    return came;
}

static void test_each_allocation_fails(void **state)
{
    unsigned int n = 1;

    while (run_all(n, 1))
        n++;
    assert_true(n > 50);
}

static void test_memory_is_short_for_long(void **state)
{
    unsigned int n = 1;

    while (run_all(n, 7))
        n++;
    for (n = 1; run_all(n, 40); n++)
        ;
}

static struct store *store;
static struct store_connection *tools;
static struct store_session *session; /* which watches /a */

static int watch(void **state)
{
    fail_count = 0;
    store = store_create(1);
    tools = store_connect(store, 0, true, NULL, no_event, NULL);
    session = store_session_open(store, 0, true, NULL, &host, NULL, NULL);
    assert_true(wire_send(session, XS_WATCH, 0, "/a\0t", 5));
    return 0;
}

static int end(void **state)
{
    store_session_close(session);
    store_disconnect(tools);
    store_destroy(store);
    return blocks ? -1 : 0;
}

/* No event is lost when memory comes back. */
static void test_events_survive(void **state)
{
    const char *text;

    assert_int_equal(wire_fetch(session, &text), XS_WATCH);
    xs_mkdir(tools, 0, "/a/b");
    /* The event for /a/c finds no memory, the change does. */
    calls = 0;
    fail_count = 1;
    for (fail_from = 1; xs_mkdir(tools, 0, "/a/c"); fail_from++)
        calls = 0;
    fail_count = 0;
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "/a|t|");
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "/a/b|t|");
    if (wire_fetch(session, &text) == XS_WATCH_EVENT)
        assert_string_equal(text, "/a|t|");
}

/* Nor does it take the client to do something: any change brings it. */
static void test_event_comes_by_itself(void **state)
{
    const char *text;

    while (wire_fetch(session, &text) >= 0)
        ;
    /* The change finds memory, its event does not. */
    calls = fail_from = 0;
    fail_count = 1;
    while (xs_mkdir(tools, 0, "/a") || wire_fetch(session, &text) >= 0) {
        fail_count = 0;
        xs_remove(tools, 0, "/a");
        wire_fetch(session, &text);
        fail_from++;
        calls = 0;
        fail_count = 1;
    }
    fail_count = 0;
    assert_int_equal(xs_mkdir(tools, 0, "/elsewhere"), 0);
    assert_int_equal(wire_fetch(session, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "/a|t|");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_fails),
        cmocka_unit_test(test_memory_is_short_for_long),
        cmocka_unit_test_setup_teardown(test_events_survive, watch, end),
        cmocka_unit_test_setup_teardown(test_event_comes_by_itself, watch, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
