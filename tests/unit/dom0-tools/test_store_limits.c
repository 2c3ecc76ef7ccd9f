/* SPDX-License-Identifier: MIT */
/*
 * What the store does when a client takes too much or fetches too little, when domains come, go or
 * stand for others, and what the tools may ask of it over the wire.
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

static int setup(void **state)
{
    store_fixture_start(NULL, NULL);
    return 0;
}

#define ASK(session, type, t, payload) ask(session, type, t, payload, sizeof(payload) - 1)

static int ask(struct store_session *session, uint32_t type, uint32_t t, const char *payload,
               size_t length)
{
    assert_true(wire_send(session, type, t, payload, length));
    return wire_fetch(session, &text);
}

static void assert_error(int type, const char *name)
{
    assert_int_equal(type, XS_ERROR);
    assert_string_equal(text, name);
}

static int write_value(struct store_session *session, uint32_t t, const char *name, size_t length)
{
    char payload[XENSTORE_PAYLOAD_MAX];
    size_t start = (size_t)snprintf(payload, sizeof(payload), "%s", name) + 1;

    memset(payload + start, 'v', length);
    return ask(session, XS_WRITE, t, payload, start + length);
}

/* ---- Tests ---- */

#define VALUES 100u /* of 2048 bytes */

static int write_values(struct store_session *session)
{
    char name[32];
    int type = XS_WRITE;

    for (unsigned int i = 0; i < VALUES && type == XS_WRITE; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        type = write_value(session, 0, name, 2048);
    }
    return type;
}

static uint32_t begin(struct store_session *session)
{
    assert_int_equal(ASK(session, XS_TRANSACTION_START, 0, "\0"), XS_TRANSACTION_START);
    return (uint32_t)strtoul(text, NULL, 10);
}

static int end(struct store_session *session, uint32_t t)
{
    return ask(session, XS_TRANSACTION_END, t, "T", 2);
}

/* Values, watches and transactions take memory, and give it back. */
static void test_memory(void **state)
{
    size_t before = xs_memory_used(store, 1);
    char name[32];
    uint32_t t;
    int type;

    limits.memory = 400u << 10;
    assert_int_equal(write_values(dom1), XS_WRITE);
    assert_in_range(xs_memory_used(store, 1), VALUES * 2048, VALUES * 2300);
    t = begin(dom1);
    for (unsigned int i = 0;; i++) {
        snprintf(name, sizeof(name), "m%u", i);
        type = write_value(dom1, t, name, 2000);
        if (type == XS_ERROR)
            break;
        assert_in_range(i, 0, VALUES);
    }
    assert_string_equal(text, "ENOMEM|");
    assert_in_range(xs_memory_used(store, 1), limits.memory, limits.memory + 4096);
    assert_error(write_value(dom1, 0, "n0", 1), "ENOMEM|");
    assert_error(ASK(dom1, XS_WATCH, 0, "n0\0t\0"), "ENOMEM|");
    assert_error(ASK(dom1, XS_TRANSACTION_START, 0, "\0"), "ENOMEM|");
    /* What takes no memory still works. */
    assert_int_equal(ASK(dom1, XS_READ, 0, "n0\0"), XS_READ);
    assert_int_equal(ask(dom1, XS_TRANSACTION_END, t, "F", 2), XS_TRANSACTION_END);
    assert_int_equal(write_value(dom1, 0, "n0", 2048), XS_WRITE);
    for (unsigned int i = 0; i < VALUES; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(ask(dom1, XS_RM, 0, name, strlen(name) + 1), XS_RM);
    }
    assert_int_equal(xs_memory_used(store, 1), before);
    assert_int_equal(xs_memory_held(store), 0);
    /* Others are not concerned. */
    limits.memory = 1;
    assert_error(write_value(dom1, 0, "n0", 1), "ENOMEM|");
    assert_int_equal(write_value(dom0, 0, "/other", 2000), XS_WRITE);
}

/*
 * Former nodes that others' transactions keep alive are not charged to their owner, and bounded;
 * and they do not notice that it is.
 */
static void test_old_versions(void **state)
{
    struct store_session *dom2 = store_session_open(store, 2, false, &limits, &host, NULL, NULL);
    struct store_permission p[] = {{.domid = 1}, {.domid = 2, .read = true}}, mine = {.domid = 2};
    uint32_t reader, writer, others[7];
    char name[32];

    assert_int_equal(xs_mkdir(tools, 0, "/local/domain/2"), 0);
    assert_int_equal(xs_set_permissions(tools, 0, "/local/domain/2", &mine, 1), 0);
    assert_int_equal(write_values(dom1), XS_WRITE);
    assert_int_equal(xs_set_permissions(tools, 0, HOME "/n0", p, 2), 0);
    reader = begin(dom2);
    assert_int_equal(ASK(dom2, XS_READ, reader, HOME "/n0\0"), XS_READ);
    assert_int_equal(write_value(dom2, reader, "seen", 1), XS_WRITE);
    writer = begin(dom2);
    for (unsigned int i = 0; i < 50; i++) {
        if (i < 7)
            others[i] = begin(dom2);
        snprintf(name, sizeof(name), "w%u", i);
        assert_int_equal(write_value(dom2, writer, name, 10), XS_WRITE);
        assert_int_equal(write_values(dom1), XS_WRITE);
        assert_in_range(xs_memory_used(store, 1), VALUES * 2048, VALUES * 2300);
        assert_in_range(xs_memory_held(store), 0, (1u << 20) + VALUES * 2300);
    }
    assert_in_range(xs_memory_used(store, 2), 0, 24000);
    /* All is in them as it was. */
    assert_int_equal(ASK(dom2, XS_READ, reader, "seen\0"), XS_READ);
    assert_error(end(dom2, reader), "EAGAIN|"); /* only here: n0 is another one now */
    assert_error(ASK(dom2, XS_READ, 0, "seen\0"), "ENOENT|");
    assert_int_equal(ASK(dom2, XS_READ, writer, "w0\0"), XS_READ);
    assert_error(ASK(dom2, XS_READ, 0, "w0\0"), "ENOENT|");
    assert_int_equal(end(dom2, writer), XS_TRANSACTION_END);
    assert_int_equal(ASK(dom2, XS_READ, 0, "w0\0"), XS_READ);
    assert_int_equal(ASK(dom2, XS_READ, 0, "w49\0"), XS_READ);
    for (unsigned int i = 0; i < 7; i++)
        assert_int_equal(end(dom2, others[i]), XS_TRANSACTION_END);
    assert_int_equal(xs_memory_held(store), 0);
    store_session_close(dom2);
}

static void test_transaction_size(void **state)
{
    char name[32];

    limits.changes = 5;
    assert_int_equal(ASK(dom1, XS_TRANSACTION_START, 0, "\0"), XS_TRANSACTION_START);
    for (unsigned int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        assert_int_equal(write_value(dom1, 1, name, 1), XS_WRITE);
    }
    assert_error(write_value(dom1, 1, "n5", 1), "ENOSPC|");
    assert_error(ASK(dom1, XS_READ, 1, "n6\0"), "ENOSPC|");
    assert_int_equal(ASK(dom1, XS_TRANSACTION_END, 1, "T\0"), XS_TRANSACTION_END);
    assert_int_equal(xs_nodes_owned(store, 1), 6);
}

/* What a transaction removes makes room in it. */
static void test_nodes_in_transaction(void **state)
{
    limits.nodes = 10; /* with its home */
    assert_int_equal(ASK(dom1, XS_MKDIR, 0, "a/b/c/d/e/f\0"), XS_MKDIR);
    assert_error(ASK(dom1, XS_MKDIR, 0, "x/y/z/0\0"), "ENOSPC|");
    assert_int_equal(ASK(dom1, XS_TRANSACTION_START, 0, "\0"), XS_TRANSACTION_START);
    for (unsigned int i = 0; i < 20; i++) {
        assert_int_equal(ASK(dom1, XS_RM, 1, "a\0"), XS_RM);
        assert_int_equal(ASK(dom1, XS_MKDIR, 1, "a/b/c/d/e/f/g/h/i\0"), XS_MKDIR);
        assert_error(ASK(dom1, XS_MKDIR, 1, "x\0"), "ENOSPC|");
    }
    assert_int_equal(ASK(dom1, XS_TRANSACTION_END, 1, "T\0"), XS_TRANSACTION_END);
    assert_int_equal(xs_nodes_owned(store, 1), 10);
}

static void test_permissions_limit(void **state)
{
    assert_int_equal(ASK(dom1, XS_WRITE, 0, "x\0v"), XS_WRITE);
    assert_int_equal(ASK(dom1, XS_SET_PERMS, 0, "x\0n1\0r2\0r3\0r4\0r5\0"), XS_SET_PERMS);
    assert_error(ASK(dom1, XS_SET_PERMS, 0, "x\0n1\0r2\0r3\0r4\0r5\0r6\0"), "ENOSPC|");
    assert_int_equal(ASK(dom0, XS_SET_PERMS, 0, "/local/domain/1/x\0n1\0r2\0r3\0r4\0r5\0r6\0"),
                     XS_SET_PERMS);
    assert_error(ASK(dom1, XS_SET_PERMS, 0, "x\0n32768\0"), "EINVAL|");
}

/* Requests wait while answers do; nothing is lost. */
static void test_outstanding(void **state)
{
    unsigned int sent = 0, got = 0;

    assert_int_equal(ASK(dom1, XS_WRITE, 0, "x\0v"), XS_WRITE);
    while (sent < 1000 && wire_send(dom1, XS_READ, 0, "x", 2))
        sent++;
    /* One more has been received and waits; the bytes of the next were not taken. */
    assert_int_equal(sent, limits.outstanding + 1);
    while (wire_fetch(dom1, &text) >= 0) {
        assert_string_equal(text, "v");
        got++;
        assert_int_equal(store_session_put(dom1, "", 0, NULL), 0);
    }
    assert_int_equal(got, sent);
}

/* Dom0 changes what domain 1 may read. */
static void change(const char *path)
{
    struct store_permission p = {.domid = 1};

    xs_mkdir(tools, 0, path);
    xs_set_permissions(tools, 0, path, &p, 1);
}

/* Events for which there was no room are delivered later, once for each watch. */
static void test_missed_events(void **state)
{
    char path[128];
    unsigned int events = 0, own = 0;

    assert_int_equal(ASK(dom1, XS_WATCH, 0, "a\0one\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_int_equal(ASK(dom1, XS_WATCH, 0, "b\0two\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_int_equal(wire_fetch(dom1, &text), -1);
    for (unsigned int i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), HOME "/%c/a-name-of-some-length-%u", i % 2 ? 'a' : 'b', i);
        change(path);
    }
    assert_in_range(xs_memory_used(store, 1), 0, 2u << 20);
    while (wire_fetch(dom1, &text) == XS_WATCH_EVENT) {
        events++;
        own += !strcmp(text, "a|one|") || !strcmp(text, "b|two|");
    }
    assert_in_range(events, 500, 2000);
    assert_int_equal(own, 2);
    /* And all is as usual afterwards. */
    write_value(dom1, 0, "a/a-name-of-some-length-1", 1);
    assert_string_equal(text, "a/a-name-of-some-length-1|one|");
}

/* Where there is room for the event of one of two watches, the other one's comes later. */
static void test_missed_by_two(void **state)
{
    unsigned int own = 0;
    char path[64];

    /* The events of c leave no room for those of the others, which are longer. */
    assert_int_equal(ASK(dom1, XS_WATCH, 0, "a\0a-token-that-is-long\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_int_equal(ASK(dom1, XS_WATCH, 0, "b\0a-token-that-is-long\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_int_equal(ASK(dom1, XS_WATCH, 0, "c\0t\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    for (unsigned int i = 1000; i < 5000; i++) {
        snprintf(path, sizeof(path), HOME "/c/%u", i);
        change(path);
    }
    change(HOME "/a/1");
    change(HOME "/b/1");
    while (wire_fetch(dom1, &text) == XS_WATCH_EVENT)
        own += text[0] != 'c';
    assert_int_equal(own, 2);
}

/* An event that no message can hold is not delivered, and the next one is. */
static void test_long_event(void **state)
{
    char request[XENSTORE_PAYLOAD_MAX];

    memset(request, 'x', sizeof(request));
    strcpy(request, "data");
    request[3005] = '\0'; /* the token */
    assert_int_equal(ask(dom1, XS_WATCH, 0, request, 3006), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    memset(request, 'x', sizeof(request));
    memcpy(request, "data/", 5);
    request[1500] = '\0';
    assert_int_equal(ask(dom1, XS_MKDIR, 0, request, 1501), XS_MKDIR);
    assert_int_equal(wire_fetch(dom1, &text), -1);
    assert_int_equal(ASK(dom1, XS_MKDIR, 0, "data/y\0"), XS_WATCH_EVENT);
    assert_int_equal(wire_fetch(dom1, &text), XS_MKDIR);
}

static void test_special_names(void **state)
{
    assert_int_equal(ASK(dom0, XS_GET_PERMS, 0, "@releaseDomain\0"), XS_GET_PERMS);
    assert_string_equal(text, "n0|");
    assert_error(ASK(dom1, XS_GET_PERMS, 0, "@releaseDomain\0"), "EACCES|");
    assert_error(ASK(dom1, XS_SET_PERMS, 0, "@releaseDomain\0n1\0"), "EACCES|");
    assert_error(ASK(dom0, XS_GET_PERMS, 0, "@else\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_READ, 0, "@releaseDomain\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_WRITE, 0, "@releaseDomain\0x"), "EINVAL|");
    assert_int_equal(ASK(dom1, XS_WATCH, 0, "@releaseDomain\0t\0"), XS_WATCH);
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    xs_fire_special(store, "@releaseDomain");
    assert_int_equal(wire_fetch(dom1, &text), -1);
    assert_int_equal(ASK(dom0, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r1\0"), XS_SET_PERMS);
    xs_fire_special(store, "@releaseDomain");
    assert_int_equal(wire_fetch(dom1, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "@releaseDomain|t|");
    xs_fire_special(store, "@introduceDomain");
    assert_int_equal(wire_fetch(dom1, &text), -1);
    assert_int_equal(xs_domain_gone(store, 1), 0);
    xs_fire_special(store, "@releaseDomain");
    assert_int_equal(wire_fetch(dom1, &text), -1);
}

static void test_target(void **state)
{
    struct store_permission p = {.domid = 2};

    xs_mkdir(tools, 0, "/local/domain/2/data");
    xs_set_permissions(tools, 0, "/local/domain/2/data", &p, 1);
    assert_error(ASK(dom1, XS_READ, 0, "/local/domain/2/data\0"), "EACCES|");
    assert_error(ASK(dom1, XS_SET_TARGET, 0, "1\0002\0"), "EACCES|");
    assert_error(ASK(dom0, XS_SET_TARGET, 0, "7\0002\0"), "ENOENT|");
    assert_int_equal(ASK(dom0, XS_SET_TARGET, 0, "1\0002\0"), XS_SET_TARGET);
    store_session_set_target(dom1, 2); /* as the service does */
    assert_int_equal(ASK(dom1, XS_READ, 0, "/local/domain/2/data\0"), XS_READ);
    assert_int_equal(ASK(dom1, XS_SET_PERMS, 0, "/local/domain/2/data\0n2\0r1\0"), XS_SET_PERMS);
    assert_error(ASK(dom1, XS_SET_PERMS, 0, "/local/domain/2/data\0n1\0"), "EPERM|");
    assert_int_equal(xs_domain_gone(store, 2), 0);
    assert_error(ASK(dom1, XS_READ, 0, "/local/domain/2/data\0"), "EACCES|");
    /* Nor what belongs to a later domain with the target's number. */
    xs_mkdir(tools, 0, "/local/domain/2/data");
    xs_set_permissions(tools, 0, "/local/domain/2/data", &p, 1);
    assert_error(ASK(dom1, XS_READ, 0, "/local/domain/2/data\0"), "EACCES|");
}

static void test_domain_gone(void **state)
{
    struct store_permission mine = {.domid = 1};
    struct store_permission shared[] = {{.domid = 0}, {.domid = 1, .read = true}, {.domid = 2}};

    write_value(dom1, 0, "a/b", 10);
    xs_mkdir(tools, 0, HOME "/a/of-another");
    xs_mkdir(tools, 0, "/shared/left");
    xs_set_permissions(tools, 0, "/shared", shared, 3);
    xs_set_permissions(tools, 0, "/shared/left", &mine, 1);
    xs_mkdir(tools, 0, "/shared/left/below");
    assert_int_equal(ASK(dom0, XS_WATCH, 0, "/shared\0t\0"), XS_WATCH);
    wire_fetch(dom0, &text);
    assert_int_equal(ASK(dom0, XS_WATCH, 0, "/shared/left/below\0u\0"), XS_WATCH);
    wire_fetch(dom0, &text);
    assert_int_equal(xs_domain_gone(store, 1), 0);
    assert_int_equal(wire_fetch(dom0, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "/shared/left|t|");
    assert_int_equal(wire_fetch(dom0, &text), XS_WATCH_EVENT);
    assert_string_equal(text, "/shared/left/below|u|");
    assert_int_equal(wire_fetch(dom0, &text), -1);
    assert_int_equal(xs_domain_gone(store, 1), 0); /* there is nothing to tell any more */
    assert_int_equal(wire_fetch(dom0, &text), -1);
    assert_true(xs_is_consistent(store));
    assert_int_equal(xs_nodes_owned(store, 1), 0);
    assert_error(ASK(dom0, XS_READ, 0, HOME "\0"), "ENOENT|");
    assert_error(ASK(dom0, XS_READ, 0, "/shared/left\0"), "ENOENT|");
    assert_int_equal(ASK(dom0, XS_GET_PERMS, 0, "/shared\0"), XS_GET_PERMS);
    assert_string_equal(text, "n0|n2|");
}

/* What cannot be removed with its owner falls to domain 0. */
static void test_owner_of_the_root_gone(void **state)
{
    assert_int_equal(ASK(dom0, XS_SET_PERMS, 0, "/\0b2\0r1\0"), XS_SET_PERMS);
    assert_int_equal(ASK(dom0, XS_SET_PERMS, 0, "@releaseDomain\0b2\0r1\0"), XS_SET_PERMS);
    assert_int_equal(xs_domain_gone(store, 2), 0);
    assert_true(xs_is_consistent(store));
    assert_int_equal(ASK(dom0, XS_GET_PERMS, 0, "/\0"), XS_GET_PERMS);
    assert_string_equal(text, "n0|");
    assert_int_equal(ASK(dom0, XS_GET_PERMS, 0, "@releaseDomain\0"), XS_GET_PERMS);
    assert_string_equal(text, "n0|r1|");
    assert_int_equal(xs_nodes_owned(store, 2), 0);
    assert_int_equal(ASK(dom0, XS_READ, 0, HOME "\0"), XS_READ);
}

static void test_introduction(void **state)
{
    assert_int_equal(ASK(dom0, XS_INTRODUCE, 0, "5\000123\0007\0"), XS_INTRODUCE);
    assert_string_equal(asked, "introduce 5 123 7");
    host_error = XEN_EINVAL;
    assert_error(ASK(dom0, XS_INTRODUCE, 0, "9\0001\0002\0"), "EINVAL|");
    host_error = 0;
    assert_error(ASK(dom0, XS_INTRODUCE, 0, "0\0001\0002\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_INTRODUCE, 0, "5\0001\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_INTRODUCE, 0, "5\0001\000x\0"), "EINVAL|");
    assert_int_equal(ASK(dom0, XS_RELEASE, 0, "1\0"), XS_RELEASE);
    assert_string_equal(asked, "release 1");
    assert_error(ASK(dom0, XS_RELEASE, 0, "5\0"), "ENOENT|");
    assert_error(ASK(dom1, XS_RELEASE, 0, "1\0"), "EACCES|");
    assert_int_equal(ASK(dom0, XS_RESUME, 0, "1\0"), XS_RESUME);
    assert_string_equal(asked, "resume 1");
    assert_error(ASK(dom0, XS_RESUME, 0, "7\0"), "ENOENT|");
    assert_error(ASK(dom1, XS_RESUME, 0, "1\0"), "EACCES|");
    assert_int_equal(ASK(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "2\0"), XS_IS_DOMAIN_INTRODUCED);
    assert_string_equal(text, "T|");
    assert_int_equal(ASK(dom0, XS_IS_DOMAIN_INTRODUCED, 0, "3\0"), XS_IS_DOMAIN_INTRODUCED);
    assert_string_equal(text, "F|");
}

static void test_control(void **state)
{
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "check\0"), XS_CONTROL);
    assert_string_equal(text, "OK|");
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "help\0"), XS_CONTROL);
    assert_non_null(strstr(text, "memreport"));
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "quota\0"), XS_CONTROL);
    assert_non_null(strstr(text, "nodes            :     1000"));
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "quota\0set\0nodes\00012\0"), XS_CONTROL);
    assert_int_equal(limits.nodes, 12);
    assert_error(ASK(dom0, XS_CONTROL, 0, "quota\0set\0nodes\0x\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_CONTROL, 0, "quota\0set\0what\0001\0"), "EINVAL|");
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "quota\0001\0"), XS_CONTROL);
    assert_non_null(strstr(text, "nodes            :        1"));
    assert_int_equal(ASK(dom0, XS_CONTROL, 0, "memreport\0"), XS_CONTROL);
    assert_non_null(strstr(text, "domain     1:      1 nodes"));
    assert_error(ASK(dom0, XS_CONTROL, 0, "explode\0"), "EINVAL|");
    assert_error(ASK(dom0, XS_CONTROL, 0, ""), "EINVAL|");
    assert_error(ASK(dom1, XS_CONTROL, 0, "check\0"), "EACCES|");
}

/* ---- Rings ---- */

static void put(struct xenstore_domain_interface *ring, const void *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = ((const char *)data)[i];
}

static void put_request(struct xenstore_domain_interface *ring)
{
    struct xsd_sockmsg header = {.type = XS_READ, .len = 5};

    put(ring, &header, sizeof(header));
    put(ring, "/abc", 5);
}

/* A turn carries out a bounded number of requests, and says that there is more. */
static void test_turn(void **state)
{
    struct xenstore_domain_interface ring;
    unsigned int turns = 1;

    store_ring_init(&ring);
    assert_int_equal(ring.server_features, 3);
    for (unsigned int i = 0; i < 40; i++)
        put_request(&ring);
    limits.outstanding = 1000;
    while (store_ring_turn(&ring, dom1) == RING_MORE) {
        turns++;
        ring.rsp_cons = ring.rsp_prod;
    }
    assert_int_equal(turns, 3);
    assert_int_equal(ring.req_cons, ring.req_prod);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_IDLE);
}

static void test_reconnection(void **state)
{
    struct xsd_sockmsg half = {.type = XS_WRITE, .len = 100};
    struct xenstore_domain_interface ring;

    store_ring_init(&ring);
    ASK(dom1, XS_WATCH, 0, "data\0t\0");
    ASK(dom1, XS_TRANSACTION_START, 0, "\0");
    put(&ring, &half, sizeof(half)); /* and never the rest */
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_IDLE);
    ring.req_prod += 5000;
    assert_int_equal(store_ring_turn(&ring, dom1), RING_BAD_INDEX);
    store_ring_fail(&ring, RING_BAD_INDEX);
    assert_int_equal(ring.error, XENSTORE_ERROR_RINGIDX);
    assert_false(store_ring_wants_reconnection(&ring));
    ring.connection = XENSTORE_RECONNECT;
    assert_true(store_ring_wants_reconnection(&ring));
    store_session_reset(dom1);
    store_ring_reconnect(&ring);
    assert_int_equal(ring.connection, XENSTORE_CONNECTED);
    assert_int_equal(ring.error, XENSTORE_ERROR_NONE);
    put_request(&ring);
    assert_int_equal(store_ring_turn(&ring, dom1), RING_MOVED);
    assert_int_equal(((struct xsd_sockmsg *)ring.rsp)->type, XS_ERROR);
    assert_error(ASK(dom1, XS_UNWATCH, 0, "data\0t\0"), "ENOENT|");
    assert_error(ASK(dom1, XS_TRANSACTION_END, 1, "T\0"), "ENOENT|");

    half.len = XENSTORE_PAYLOAD_MAX + 1;
    put(&ring, &half, sizeof(half));
    assert_int_equal(store_ring_turn(&ring, dom1), RING_BAD_MESSAGE);
    store_ring_fail(&ring, RING_BAD_MESSAGE);
    assert_int_equal(ring.error, XENSTORE_ERROR_PROTO);
    store_session_reset(dom1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_memory, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_old_versions, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_transaction_size, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_nodes_in_transaction, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_permissions_limit, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_outstanding, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_missed_events, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_missed_by_two, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_long_event, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_special_names, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_target, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_domain_gone, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_owner_of_the_root_gone, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_introduction, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_control, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_turn, setup, store_fixture_end),
        cmocka_unit_test_setup_teardown(test_reconnection, setup, store_fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
