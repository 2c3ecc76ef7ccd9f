/* SPDX-License-Identifier: MIT */
/* The store: permissions, watches, transactions, quotas, the wire protocol and the ring. */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: tests/unit/dom0-tools/store_wire.c $(STORE_SRCS) dom0-tools/error.c */
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

#include "store_wire.h"

static struct store *store;
static struct store_connection *dom0, *dom1, *dom2;
static char events[4096];

static bool on_event(void *context, const char *path, const char *token)
{
    snprintf(events + strlen(events), sizeof(events) - strlen(events), "%s:%s=%s;",
             (const char *)context, path, token);
    return true;
}

static int setup(void **state)
{
    struct store_permission p = {.domid = 1};

    store = store_create(1);
    dom0 = store_connect(store, 0, true, NULL, on_event, "0");
    dom1 = store_connect(store, 1, false, &store_default_limits, on_event, "1");
    dom2 = store_connect(store, 2, false, &store_default_limits, on_event, "2");
    assert_int_equal(xs_mkdir(dom0, 0, "/local/domain/1"), 0);
    assert_int_equal(xs_set_permissions(dom0, 0, "/local/domain/1", &p, 1), 0);
    p = (struct store_permission){.domid = 0, .read = true};
    assert_int_equal(xs_set_permissions(dom0, 0, "/", &p, 1), 0); /* as "/" is not by itself */
    events[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    store_disconnect(dom0);
    store_disconnect(dom1);
    store_disconnect(dom2);
    store_destroy(store);
    return 0;
}

static int write_text(struct store_connection *c, uint32_t t, const char *path, const char *text)
{
    return xs_write(c, t, path, text, strlen(text));
}

static const char *read_text(struct store_connection *c, uint32_t t, const char *path)
{
    static char text[4096];
    const void *value;
    size_t length;
    int error = xs_read(c, t, path, &value, &length);

    if (error) {
        snprintf(text, sizeof(text), "errno %d", error);
    } else {
        memcpy(text, value, length);
        text[length] = '\0';
    }
    return text;
}

static const char *list(struct store_connection *c, uint32_t t, const char *path)
{
    static char text[4096];
    uint64_t generation;
    size_t length;
    char *names;
    int error = xs_directory(c, t, path, &names, &length, &generation);

    if (error) {
        snprintf(text, sizeof(text), "errno %d", error);
        return text;
    }
    memcpy(text, names, length);
    for (size_t i = 0; i < length; i++)
        if (!text[i])
            text[i] = ',';
    text[length] = '\0';
    free(names);
    return text;
}

static void test_nodes(void **state)
{
    assert_int_equal(write_text(dom0, 0, "/a/b/c", "x"), 0);
    assert_string_equal(read_text(dom0, 0, "/a/b/c"), "x");
    assert_string_equal(read_text(dom0, 0, "/a/b"), "");
    assert_int_equal(write_text(dom0, 0, "/a/b/c", ""), 0);
    assert_string_equal(read_text(dom0, 0, "/a/b/c"), "");
    assert_int_equal(xs_mkdir(dom0, 0, "/a/b/ca"), 0);
    assert_int_equal(xs_mkdir(dom0, 0, "/a/b/b"), 0);
    assert_string_equal(list(dom0, 0, "/a/b"), "b,c,ca,");
    assert_string_equal(list(dom0, 0, "/"), "a,local,");
    assert_string_equal(list(dom0, 0, "/none"), "errno 2");
    assert_int_equal(xs_remove(dom0, 0, "/a/b"), 0);
    assert_string_equal(list(dom0, 0, "/a"), "");
    assert_int_equal(xs_remove(dom0, 0, "/a/b"), 0); /* its parent is there */
    assert_int_equal(xs_remove(dom0, 0, "/a/b/c"), XEN_ENOENT);
    assert_int_equal(xs_remove(dom0, 0, "/"), XEN_EINVAL);
    assert_int_equal(xs_remove(dom1, 0, "/"), XEN_EACCES);
}

static void test_paths(void **state)
{
    char absolute[STORE_PATH_SIZE], text[4096];

    assert_int_equal(xs_resolve(dom1, "data/x", absolute), 0);
    assert_string_equal(absolute, "/local/domain/1/data/x");
    assert_int_equal(xs_resolve(dom1, "/", absolute), 0);
    assert_int_equal(xs_resolve(dom1, "", absolute), XEN_EINVAL);
    assert_int_equal(xs_resolve(dom1, "/a/", absolute), XEN_EINVAL);
    assert_int_equal(xs_resolve(dom1, "/a//b", absolute), XEN_EINVAL);
    assert_int_equal(xs_resolve(dom1, "/a b", absolute), XEN_EINVAL);
    memset(text, 'x', sizeof(text));
    text[0] = '/';
    text[3071] = '\0';
    assert_int_equal(xs_resolve(dom1, text, absolute), 0);
    text[3071] = 'x';
    text[3072] = '\0';
    assert_int_equal(xs_resolve(dom1, text, absolute), XEN_EINVAL);
    for (unsigned int i = 0; i < 200; i++)
        text[i] = i % 2 ? 'd' : '/';
    text[200] = '\0';
    assert_int_equal(xs_resolve(dom1, text, absolute), XEN_EINVAL); /* too deep */
}

static void test_permissions(void **state)
{
    struct store_permission p[3] = {{.domid = 1}, {.domid = 2, .read = true}}, got[STORE_MAX_PERMS];
    unsigned int count;

    assert_int_equal(write_text(dom1, 0, "/local/domain/1/data", "mine"), 0);
    assert_string_equal(read_text(dom2, 0, "/local/domain/1/data"), "errno 13");
    assert_string_equal(read_text(dom2, 0, "/local/domain/1/none"), "errno 13");
    assert_string_equal(read_text(dom1, 0, "/local/domain/1/none"), "errno 2");
    assert_int_equal(write_text(dom1, 0, "/local/domain/2/data", ""), XEN_EACCES);
    assert_int_equal(xs_remove(dom2, 0, "/local/domain/1/data"), XEN_EACCES);
    assert_int_equal(xs_set_permissions(dom1, 0, "/local/domain/1/data", p, 2), 0);
    assert_string_equal(read_text(dom2, 0, "/local/domain/1/data"), "mine");
    assert_int_equal(write_text(dom2, 0, "/local/domain/1/data", "x"), XEN_EACCES);
    assert_int_equal(xs_get_permissions(dom2, 0, "/local/domain/1/data", got, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(got[1].domid, 2);
    assert_true(got[1].read && !got[1].write);
    p[0].domid = 2; /* an owner cannot give its node away */
    assert_int_equal(xs_set_permissions(dom1, 0, "/local/domain/1/data", p, 1), XEN_EPERM);
    assert_int_equal(xs_set_permissions(dom2, 0, "/local/domain/1/data", p, 1), XEN_EACCES);
    assert_int_equal(xs_set_permissions(dom0, 0, "/local/domain/1/data", p, 1), 0);
    assert_string_equal(read_text(dom1, 0, "/local/domain/1/data"), "errno 13");
    assert_int_equal(xs_nodes_owned(store, 1), 1);
    assert_int_equal(xs_nodes_owned(store, 2), 1);
}

/* One change tells them in the order in which they were set, wherever in the tree they are. */
static void test_order_of_watches(void **state)
{
    assert_int_equal(write_text(dom0, 0, "/a/b/c", "v"), 0);
    assert_int_equal(xs_watch(dom0, "/a/b/c", "1"), 0);
    assert_int_equal(xs_watch(dom0, "/", "2"), 0);
    assert_int_equal(xs_watch(dom0, "/a/bb", "no"), 0);
    assert_int_equal(xs_watch(dom0, "/a/b/d", "no"), 0);
    assert_int_equal(xs_watch(dom0, "/a/b/c", "3"), 0);
    assert_int_equal(xs_watch(dom0, "/a", "4"), 0);
    assert_int_equal(xs_watch(dom0, "/a/b", "5"), 0);
    events[0] = '\0';
    assert_int_equal(xs_remove(dom0, 0, "/a/b"), 0);
    assert_string_equal(events, "0:/a/b/c=1;0:/a/b=2;0:/a/b/c=3;0:/a/b=4;0:/a/b=5;");
    assert_int_equal(xs_unwatch(dom0, "/a/b/c", "3"), 0);
    assert_int_equal(xs_unwatch(dom0, "/a/b", "5"), 0);
    assert_int_equal(xs_watch(dom0, "/a/b/c", "6"), 0);
    events[0] = '\0';
    assert_int_equal(write_text(dom0, 0, "/a/b/c", "v"), 0);
    assert_string_equal(events, "0:/a/b/c=1;0:/a/b/c=2;0:/a/b/c=4;0:/a/b/c=6;");
}

/* What a transaction began from stays as it was, though the live tree is changed in place. */
static void test_snapshots(void **state)
{
    uint32_t first, second;

    assert_int_equal(write_text(dom0, 0, "/s/a", "1"), 0);
    assert_int_equal(write_text(dom0, 0, "/s/b", "1"), 0);
    assert_int_equal(xs_transaction_start(dom0, &first), 0);
    assert_int_equal(write_text(dom0, 0, "/s/a", "2"), 0);
    assert_int_equal(write_text(dom0, 0, "/s/a", "3"), 0);
    assert_int_equal(xs_transaction_start(dom0, &second), 0);
    assert_int_equal(xs_remove(dom0, 0, "/s/b"), 0);
    assert_int_equal(write_text(dom0, 0, "/s/c", "1"), 0);
    assert_string_equal(read_text(dom0, first, "/s/a"), "1");
    assert_string_equal(read_text(dom0, first, "/s/b"), "1");
    assert_string_equal(read_text(dom0, second, "/s/a"), "3");
    assert_string_equal(read_text(dom0, second, "/s/b"), "1");
    assert_string_equal(read_text(dom0, second, "/s/c"), "errno 2");
    assert_string_equal(read_text(dom0, 0, "/s/b"), "errno 2");
    assert_int_equal(write_text(dom0, second, "/s/b", "2"), 0);
    assert_string_equal(read_text(dom0, first, "/s/b"), "1");
    assert_int_equal(xs_transaction_end(dom0, first, false), 0);
    assert_int_equal(xs_transaction_end(dom0, second, false), 0);
    assert_int_equal(xs_memory_held(store), 0);
    assert_true(xs_is_consistent(store));
}

static void test_watches(void **state)
{
    assert_int_equal(xs_watch(dom0, "/local", "t"), 0);
    assert_int_equal(xs_watch(dom0, "/local", "t"), XEN_EEXIST);
    assert_int_equal(xs_watch(dom1, "data", "r"), 0);
    assert_int_equal(xs_watch(dom2, "/local/domain/1", "spy"), 0);
    xs_watch_first(dom1, "data", "r");
    assert_string_equal(events, "1:data=r;");
    events[0] = '\0';
    assert_int_equal(write_text(dom1, 0, "/local/domain/1/data/x", "v"), 0);
    assert_string_equal(events, "0:/local/domain/1/data/x=t;1:data/x=r;");
    events[0] = '\0';
    assert_int_equal(write_text(dom0, 0, "/localx", "v"), 0);
    assert_int_equal(xs_mkdir(dom1, 0, "/local/domain/1/data"), 0); /* is there already */
    assert_string_equal(events, "");
    assert_int_equal(xs_remove(dom0, 0, "/local/domain/1"), 0); /* above the watch */
    assert_string_equal(events, "0:/local/domain/1=t;1:data=r;");
    events[0] = '\0';
    assert_int_equal(xs_watch(dom0, "@releaseDomain", "rel"), 0);
    assert_int_equal(xs_watch(dom1, "@releaseDomain", "rel"), 0);
    xs_fire_special(store, "@releaseDomain");
    assert_string_equal(events, "0:@releaseDomain=rel;");
    assert_int_equal(xs_unwatch(dom0, "/local", "x"), XEN_ENOENT);
    assert_int_equal(xs_unwatch(dom0, "/local", "t"), 0);
    xs_reset(dom1);
    assert_int_equal(xs_unwatch(dom1, "data", "r"), XEN_ENOENT);
}

/* A connection that may read a node, could until now, or may list its folder, gets its changes. */
static void test_watch_permissions(void **state)
{
    struct store_permission none = {.domid = 0}, shared[] = {{.domid = 0}, {1, .read = true}};

    xs_mkdir(dom0, 0, "/folder/hidden");
    xs_set_permissions(dom0, 0, "/folder", shared, 2);
    xs_set_permissions(dom0, 0, "/folder/hidden", &none, 1);
    assert_int_equal(xs_watch(dom1, "/folder", "t"), 0);
    write_text(dom0, 0, "/folder/hidden", "1");
    assert_string_equal(events, "1:/folder/hidden=t;");
    write_text(dom0, 0, "/folder/hidden/deep", "1");
    assert_string_equal(events, "1:/folder/hidden=t;");
    xs_set_permissions(dom0, 0, "/folder/hidden/deep", shared, 2);
    assert_string_equal(events, "1:/folder/hidden=t;1:/folder/hidden/deep=t;");
    events[0] = '\0';
    xs_set_permissions(dom0, 0, "/folder/hidden/deep", &none, 1);
    assert_string_equal(events, "1:/folder/hidden/deep=t;");
    xs_remove(dom0, 0, "/folder/hidden/deep");
    assert_string_equal(events, "1:/folder/hidden/deep=t;");
    xs_remove(dom0, 0, "/folder");
    assert_string_equal(events, "1:/folder/hidden/deep=t;1:/folder=t;");
}

/* A watch is one thing, whichever way its path is written. */
static void test_watch_names(void **state)
{
    assert_int_equal(xs_watch(dom1, "data", "t"), 0);
    assert_int_equal(xs_watch(dom1, "/local/domain/1/data", "t"), XEN_EEXIST);
    assert_int_equal(xs_watch(dom1, "/local/domain/1/data", "u"), 0);
    xs_watch_first(dom1, "/local/domain/1/data", "u");
    assert_string_equal(events, "1:/local/domain/1/data=u;");
    assert_int_equal(xs_unwatch(dom1, "/local/domain/1/data", "t"), 0);
    assert_int_equal(xs_unwatch(dom1, "data", "t"), XEN_ENOENT);
    assert_int_equal(xs_unwatch(dom1, "data", "u"), 0);
    assert_int_equal(xs_unwatch(dom1, "data//", "u"), XEN_ENOENT);
}

static void test_transactions(void **state)
{
    uint32_t t, u;

    write_text(dom0, 0, "/x", "0");
    assert_int_equal(xs_watch(dom0, "/", "w"), 0);
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    assert_int_equal(write_text(dom0, t, "/x", "1"), 0);
    assert_int_equal(write_text(dom0, t, "/new/node", "1"), 0);
    assert_string_equal(read_text(dom0, t, "/x"), "1");
    assert_string_equal(read_text(dom0, 0, "/x"), "0");
    assert_string_equal(events, "");
    assert_int_equal(write_text(dom0, 0, "/y", "other"), 0); /* touches nothing of t's */
    events[0] = '\0';
    assert_int_equal(xs_transaction_end(dom0, t, true), 0);
    assert_string_equal(events, "0:/x=w;0:/new/node=w;");
    assert_string_equal(read_text(dom0, 0, "/x"), "1");
    assert_string_equal(read_text(dom0, 0, "/y"), "other");
    assert_int_equal(xs_transaction_end(dom0, t, true), XEN_ENOENT);
    assert_int_equal(write_text(dom0, t, "/x", "2"), XEN_ENOENT);

    /* A node that came and went within the transaction fires no watch. */
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    write_text(dom0, t, "/short/life", "1");
    xs_remove(dom0, t, "/short");
    write_text(dom0, t, "/made/on-the-way", "1");
    xs_mkdir(dom0, t, "/made");
    events[0] = '\0';
    assert_int_equal(xs_transaction_end(dom0, t, true), 0);
    assert_string_equal(events, "0:/made/on-the-way=w;");

    /* A conflict: what was read has changed. */
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    assert_int_equal(xs_transaction_start(dom0, &u), 0);
    read_text(dom0, t, "/x");
    write_text(dom0, t, "/z", "t");
    write_text(dom0, u, "/x", "u");
    assert_int_equal(xs_transaction_end(dom0, u, true), 0);
    assert_int_equal(xs_transaction_end(dom0, t, true), XEN_EAGAIN);
    assert_string_equal(read_text(dom0, 0, "/z"), "errno 2");

    /* A conflict: a directory that was listed got a child; also something absent appeared. */
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    list(dom0, t, "/new");
    write_text(dom0, 0, "/new/other", "");
    assert_int_equal(xs_transaction_end(dom0, t, true), XEN_EAGAIN);
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    read_text(dom0, t, "/absent");
    write_text(dom0, 0, "/absent", "");
    assert_int_equal(xs_transaction_end(dom0, t, true), XEN_EAGAIN);

    /* A conflict: the directory of what is to be made is gone. It does not come back. */
    xs_mkdir(dom0, 0, "/gone");
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    write_text(dom0, t, "/gone/node", "");
    xs_remove(dom0, 0, "/gone");
    assert_int_equal(xs_transaction_end(dom0, t, true), XEN_EAGAIN);
    assert_string_equal(list(dom0, 0, "/gone"), "errno 2");

    /* None: two children of one directory; and an abort leaves nothing. */
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    write_text(dom0, t, "/new/a", "");
    write_text(dom0, 0, "/new/b", "");
    assert_int_equal(xs_transaction_end(dom0, t, true), 0);
    assert_string_equal(list(dom0, 0, "/new"), "a,b,node,other,");
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    write_text(dom0, t, "/new/c", "");
    assert_int_equal(xs_transaction_end(dom0, t, false), 0);
    assert_string_equal(list(dom0, 0, "/new"), "a,b,node,other,");
}

static void test_quotas(void **state)
{
    char path[64], big[4096];
    uint32_t t;
    unsigned int made = 0;
    int error;

    memset(big, 'x', sizeof(big));
    assert_int_equal(xs_write(dom1, 0, "/local/domain/1/big", big, 2049), XEN_ENOSPC);
    assert_int_equal(xs_write(dom1, 0, "/local/domain/1/big", big, 2048), 0);
    assert_int_equal(xs_remove(dom1, 0, "/local/domain/1/big"), 0);
    do {
        snprintf(path, sizeof(path), "/local/domain/1/n%u", made++);
        error = xs_mkdir(dom1, 0, path);
    } while (!error && made < 2000);
    assert_int_equal(error, XEN_ENOSPC);
    assert_int_equal(xs_nodes_owned(store, 1), 1000);
    assert_int_equal(xs_remove(dom1, 0, "/local/domain/1/n0"), 0);
    assert_int_equal(xs_transaction_start(dom1, &t), 0);
    assert_int_equal(xs_mkdir(dom1, t, "/local/domain/1/x"), 0);
    assert_int_equal(xs_mkdir(dom1, t, "/local/domain/1/y"), XEN_ENOSPC);
    assert_int_equal(xs_transaction_end(dom1, t, true), 0);
    assert_int_equal(xs_remove(dom0, 0, "/local/domain/1"), 0);
    assert_int_equal(xs_nodes_owned(store, 1), 0);

    for (made = 0; !(error = xs_transaction_start(dom1, &t)); made++)
        ;
    assert_int_equal(error, XEN_ENOSPC);
    assert_int_equal(made, 10);
    for (made = 0; made < 200; made++) {
        snprintf(path, sizeof(path), "/w%u", made);
        error = xs_watch(dom1, path, "t");
        if (error)
            break;
    }
    assert_int_equal(error, XEN_E2BIG);
    assert_int_equal(made, 128);
}

/* ---- The wire ---- */

static bool introduced(void *context, uint16_t domid)
{
    return domid == 1;
}

static const struct store_host host = {.is_introduced = introduced};
static struct store_session *session;
static const char *answer; /* with zero bytes shown as | */

static int fetch(void)
{
    return wire_fetch(session, &answer);
}

/* Sends a request one byte at a time and fetches its answer. */
static int ask(uint32_t type, uint32_t t, const char *payload, size_t length)
{
    struct wire_message m;

    length = wire_request(&m, type, t, payload, length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(store_session_put(session, (char *)&m + i, 1, NULL), 1);
    return fetch();
}

#define ASK(type, t, text) ask(type, t, text, sizeof(text) - 1)

static void assert_error(int type, const char *name)
{
    assert_int_equal(type, XS_ERROR);
    assert_string_equal(answer, name);
}

static void test_wire(void **state)
{
    char long_path[5000];

    session = store_session_open(store, 1, false, &store_default_limits, &host, NULL, NULL);
    assert_int_equal(ASK(XS_WRITE, 0, "data/a\0hello"), XS_WRITE);
    assert_string_equal(answer, "OK|");
    assert_int_equal(ASK(XS_READ, 0, "/local/domain/1/data/a\0"), XS_READ);
    assert_string_equal(answer, "hello");
    assert_int_equal(ASK(XS_MKDIR, 0, "data/b\0"), XS_MKDIR);
    assert_int_equal(ASK(XS_DIRECTORY, 0, "data\0"), XS_DIRECTORY);
    assert_string_equal(answer, "a|b|");
    assert_int_equal(ASK(XS_DIRECTORY_PART, 0,
                         "data\0"
                         "0\0"),
                     XS_DIRECTORY_PART);
    assert_string_equal(strchr(answer, '|'), "|a|b||");
    assert_int_equal(ASK(XS_DIRECTORY_PART, 0,
                         "data\0"
                         "2\0"),
                     XS_DIRECTORY_PART);
    assert_string_equal(strchr(answer, '|'), "|b||");
    assert_int_equal(ASK(XS_GET_PERMS, 0, "data\0"), XS_GET_PERMS);
    assert_string_equal(answer, "n1|");
    assert_int_equal(ASK(XS_SET_PERMS, 0, "data\0n1\0r0\0b2\0"), XS_SET_PERMS);
    assert_int_equal(ASK(XS_GET_PERMS, 0, "data\0"), XS_GET_PERMS);
    assert_string_equal(answer, "n1|r0|b2|");
    assert_int_equal(ASK(XS_GET_DOMAIN_PATH, 0, "5\0"), XS_GET_DOMAIN_PATH);
    assert_string_equal(answer, "/local/domain/5|");
    assert_error(ASK(XS_IS_DOMAIN_INTRODUCED, 0, "1\0"), "EACCES|");

    assert_int_equal(ASK(XS_WATCH, 0, "data\0tok\0"), XS_WATCH);
    assert_int_equal(fetch(), XS_WATCH_EVENT);
    assert_string_equal(answer, "data|tok|");
    assert_int_equal(ASK(XS_WRITE, 0, "data/a\0x"), XS_WATCH_EVENT);
    assert_string_equal(answer, "data/a|tok|");
    assert_int_equal(fetch(), XS_WRITE);
    write_text(dom0, 0, "/local/domain/1/data/a", "1");
    write_text(dom0, 0, "/local/domain/1/data/a", "2"); /* one event */
    assert_int_equal(fetch(), XS_WATCH_EVENT);
    assert_int_equal(fetch(), -1);
    assert_int_equal(ASK(XS_RESET_WATCHES, 0, "\0"), XS_RESET_WATCHES);
    assert_error(ASK(XS_UNWATCH, 0, "data\0tok\0"), "ENOENT|");

    assert_int_equal(ASK(XS_TRANSACTION_START, 0, "\0"), XS_TRANSACTION_START);
    assert_string_equal(answer, "1|");
    assert_error(ASK(XS_TRANSACTION_START, 1, "\0"), "EBUSY|");
    assert_int_equal(ASK(XS_WRITE, 1, "data/t\0x"), XS_WRITE);
    assert_error(ASK(XS_READ, 0, "data/t\0"), "ENOENT|");
    assert_error(ASK(XS_TRANSACTION_END, 1, "X\0"), "EINVAL|");
    assert_int_equal(ASK(XS_TRANSACTION_END, 1, "T\0"), XS_TRANSACTION_END);
    assert_int_equal(ASK(XS_READ, 0, "data/t\0"), XS_READ);
    assert_int_equal(ASK(XS_RM, 0, "data\0"), XS_RM);

    assert_error(ASK(XS_READ, 0, "data"), "EINVAL|"); /* no zero byte */
    assert_error(ASK(XS_READ, 0, ""), "EINVAL|");
    assert_error(ASK(XS_READ, 99, "data\0"), "ENOENT|");
    assert_error(ASK(XS_WATCH, 0, "data\0"), "EINVAL|");
    assert_error(ASK(XS_SET_PERMS, 0, "data\0q1\0"), "EINVAL|");
    assert_error(ASK(XS_INTRODUCE, 0,
                     "1\0"
                     "2\0"
                     "3\0"),
                 "EACCES|");
    assert_error(ASK(XS_CONTROL, 0, "help\0"), "EACCES|");
    assert_error(ASK(77, 0, "x\0"), "ENOSYS|");
    assert_error(ASK(0xffffffff, 0, "x\0"), "ENOSYS|");
    memset(long_path, 'x', sizeof(long_path));
    assert_error(ask(XS_READ, 0, long_path, XENSTORE_PAYLOAD_MAX), "EINVAL|");
    store_session_close(session);
}

static void test_wire_long_directory(void **state)
{
    char path[64];
    size_t offset = 0, total = 0;

    session = store_session_open(store, 0, true, NULL, &host, NULL, NULL);
    for (unsigned int i = 0; i < 900; i++) {
        snprintf(path, sizeof(path), "/many/node%04u", i);
        xs_mkdir(dom0, 0, path);
    }
    assert_error(ASK(XS_DIRECTORY, 0, "/many\0"), "E2BIG|");
    for (;;) {
        char *names;
        int length;

        length = snprintf(path, sizeof(path), "/many%c%zu", 0, offset) + 1;
        assert_int_equal(ask(XS_DIRECTORY_PART, 0, path, (size_t)length), XS_DIRECTORY_PART);
        names = strchr(answer, '|') + 1;
        total += strlen(names);
        if (strlen(names) >= 2 && !strcmp(names + strlen(names) - 2, "||"))
            break;
        offset += strlen(names);
    }
    assert_int_equal(total, 900 * 9 + 1);
    store_session_close(session);
}

static void test_wire_breach(void **state)
{
    struct xsd_sockmsg header = {.type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1};

    session = store_session_open(store, 1, false, &store_default_limits, &host, NULL, NULL);
    assert_int_equal(store_session_put(session, &header, sizeof(header), NULL), -1);
    store_session_close(session);
}

static void test_ring(void **state)
{
    struct xenstore_domain_interface *ring = malloc(4096);
    struct xsd_sockmsg header = {.type = XS_READ, .len = 2};
    char request[sizeof(header) + 2], got[64];
    unsigned int asked = 0, answered = 0;

    session = store_session_open(store, 1, false, &store_default_limits, &host, NULL, NULL);
    store_ring_init(ring);
    ring->req_cons = ring->req_prod = 0xfffffff0u; /* indices wrap */
    ring->rsp_cons = ring->rsp_prod = 0xfffffff0u;
    memcpy(request, &header, sizeof(header));
    memcpy(request + sizeof(header), "/", 2);
    assert_int_equal(store_ring_turn(ring, session), RING_IDLE);
    /* Ask on and on without fetching: the service stops taking instead of growing. */
    while (asked < 100000) {
        if (ring->req_prod - ring->req_cons > XENSTORE_RING_SIZE - sizeof(request)) {
            if (store_ring_turn(ring, session) == RING_IDLE)
                break;
            continue;
        }
        for (size_t i = 0; i < sizeof(request); i++)
            ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = request[i];
        asked++;
    }
    assert_in_range(asked, store_default_limits.outstanding, 200);
    /* "/" may be read: an answer is a header without a payload. Fetch all. */
    for (;;) {
        while (ring->rsp_prod - ring->rsp_cons >= sizeof(header)) {
            for (size_t i = 0; i < sizeof(header); i++)
                got[i] = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons++)];
            memcpy(&header, got, sizeof(header));
            assert_int_equal(header.type, XS_READ);
            assert_int_equal(header.len, 0);
            answered++;
        }
        if (store_ring_turn(ring, session) == RING_IDLE)
            break;
    }
    assert_int_equal(answered, asked);
    ring->req_prod = ring->req_cons + XENSTORE_RING_SIZE + 1;
    assert_int_equal(store_ring_turn(ring, session), RING_BAD_INDEX);
    ring->req_prod = ring->req_cons;
    ring->rsp_cons = ring->rsp_prod + 1;
    assert_int_equal(store_ring_turn(ring, session), RING_BAD_INDEX);
    store_session_close(session);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_of_watches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_permissions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_quotas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wire_long_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wire_breach, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
