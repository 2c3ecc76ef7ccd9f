/* SPDX-License-Identifier: MIT */
/*
 * Rules of the store at their edges: whose a new node is, how deep and long paths are, what
 * everything is charged, what a domain's end leaves alone, and what old versions may take.
 */
/* SOURCES: dom0-tools/utf8.c */
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
#include <tools/store.h>

static struct store *store;
static struct store_connection *dom0, *dom1;
static struct store_limits limits;
static char events[256];

static bool on_event(void *context, const char *path, const char *token)
{
    snprintf(events + strlen(events), sizeof(events) - strlen(events), "%s=%s ", path, token);
    return true;
}

static int setup(void **state)
{
    limits = store_default_limits;
    store = store_create(1);
    dom0 = store_connect(store, 0, true, NULL, on_event, NULL);
    dom1 = store_connect(store, 1, false, &limits, on_event, NULL);
    events[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    assert_true(xs_is_consistent(store));
    store_disconnect(dom0);
    store_disconnect(dom1);
    store_destroy(store);
    return 0;
}

/* Sets permissions as the wire writes them: "n1 r2". */
static void permit(const char *path, const char *text)
{
    struct store_permission p[4];
    unsigned int count = 0;

    for (; *text; text += text[2] ? 3 : 2)
        p[count++] = (struct store_permission){.domid = (uint16_t)(text[1] - '0'),
                                               .read = text[0] == 'r' || text[0] == 'b',
                                               .write = text[0] == 'w' || text[0] == 'b'};
    assert_int_equal(xs_set_permissions(dom0, 0, path, p, count), 0);
}

static const char *permissions(const char *path)
{
    static char text[64];
    struct store_permission p[STORE_MAX_PERMS];
    unsigned int count;

    assert_int_equal(xs_get_permissions(dom0, 0, path, p, &count), 0);
    text[0] = '\0';
    for (unsigned int i = 0; i < count; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%c%u", i ? " " : "",
                 p[i].read ? (p[i].write ? 'b' : 'r') : (p[i].write ? 'w' : 'n'), p[i].domid);
    return text;
}

/* A new node has its parent's permissions; it is its maker's, unless domain 0 made it. */
static void whose_a_new_node_is(void **state)
{
    xs_mkdir(dom0, 0, "/shared");
    permit("/shared", "b2 r3");
    assert_int_equal(xs_mkdir(dom1, 0, "/shared/of/dom1"), 0);
    assert_string_equal(permissions("/shared/of"), "b1 r3");
    assert_string_equal(permissions("/shared/of/dom1"), "b1 r3");
    assert_int_equal(xs_mkdir(dom0, 0, "/shared/of/dom1/deep"), 0);
    assert_string_equal(permissions("/shared/of/dom1/deep"), "b1 r3");
    assert_int_equal(xs_write(dom0, 0, "/shared/other", "x", 1), 0);
    assert_string_equal(permissions("/shared/other"), "b2 r3");
    assert_int_equal(xs_nodes_owned(store, 1), 3);
    assert_int_equal(xs_nodes_owned(store, 2), 2);
}

static void how_deep_paths_are(void **state)
{
    char path[128] = "", absolute[STORE_PATH_SIZE];

    for (unsigned int i = 0; i < 48; i++)
        strcat(path, "/d");
    assert_int_equal(xs_resolve(dom0, path, absolute), 0);
    assert_int_equal(xs_mkdir(dom0, 0, absolute), 0);
    strcat(path, "/d");
    assert_int_equal(xs_resolve(dom0, path, absolute), XEN_EINVAL);
    assert_int_equal(xs_resolve(dom0, "a/", absolute), XEN_EINVAL);
    assert_int_equal(xs_resolve(dom0, "/", absolute), 0);
    assert_int_equal(xs_resolve(dom0, "a", absolute), 0);
    assert_string_equal(absolute, "/local/domain/0/a");
}

static void how_long_paths_are(void **state)
{
    char path[STORE_PATH_SIZE + 1], absolute[STORE_PATH_SIZE];
    char *exact = malloc(STORE_PATH_SIZE);

    memset(path, 'x', sizeof(path));
    path[2048] = '\0';
    assert_int_equal(xs_resolve(dom0, path, absolute), 0);
    path[2048] = 'x';
    path[2049] = '\0';
    assert_int_equal(xs_resolve(dom0, path, absolute), XEN_EINVAL);
    path[2049] = 'x';
    path[0] = '/';
    path[STORE_PATH_SIZE - 1] = '\0';
    assert_int_equal(xs_resolve(dom0, path, exact), 0);
    assert_int_equal(xs_mkdir(dom0, 0, exact), 0);
    assert_int_equal(xs_write(dom0, 0, exact, "v", 1), 0);
    free(exact);
}

static void who_may_do_what_for_a_target(void **state)
{
    const void *value;
    size_t length;

    xs_write(dom0, 0, "/of2", "two", 3);
    permit("/of2", "n2");
    store_connection_set_target(dom1, 2);
    assert_int_equal(xs_domain_gone(store, 3), 0);
    assert_int_equal(xs_read(dom1, 0, "/of2", &value, &length), 0);
    store_connection_set_target(dom1, 4);
    assert_int_equal(xs_read(dom1, 0, "/of2", &value, &length), XEN_EACCES);
}

/* The end of a domain that is in nothing changes nothing. */
static void a_domain_of_which_nothing_is_left(void **state)
{
    uint64_t before, after;
    const void *value;
    size_t length;
    uint32_t t;
    char *names;

    xs_write(dom0, 0, "/a/b", "x", 1);
    permit("/a", "n2 r3");
    assert_int_equal(xs_directory(dom0, 0, "/a", &names, &length, &before), 0);
    free(names);
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    assert_int_equal(xs_read(dom0, t, "/a", &value, &length), 0);
    assert_int_equal(xs_write(dom0, t, "/c", "x", 1), 0);
    assert_int_equal(xs_domain_gone(store, 5), 0);
    assert_int_equal(xs_directory(dom0, 0, "/a", &names, &length, &after), 0);
    free(names);
    assert_true(before == after);
    assert_int_equal(xs_transaction_end(dom0, t, true), 0);
    permit("@introduceDomain", "n0 r5 r3");
    permit("@releaseDomain", "r5 r3");
    assert_int_equal(xs_domain_gone(store, 5), 0);
    assert_string_equal(permissions("@introduceDomain"), "n0 r3");
    assert_string_equal(permissions("@releaseDomain"), "n0 r3");
}

/* The end of a domain changes no node that it had no part in. */
static void a_domain_that_is_in_one_node(void **state)
{
    uint64_t before, after;
    size_t length;
    char *names;

    xs_write(dom0, 0, "/a/b", "x", 1);
    xs_mkdir(dom0, 0, "/its");
    permit("/its", "n0 r3");
    assert_int_equal(xs_directory(dom0, 0, "/a", &names, &length, &before), 0);
    free(names);
    assert_int_equal(xs_domain_gone(store, 3), 0);
    assert_string_equal(permissions("/its"), "n0");
    assert_int_equal(xs_directory(dom0, 0, "/a", &names, &length, &after), 0);
    free(names);
    assert_true(before == after);
}

/* Each of its nodes that is uppermost is told of, by its whole path. */
static void the_end_of_several_nodes(void **state)
{
    xs_mkdir(dom0, 0, "/a/long-name/x/y");
    xs_mkdir(dom0, 0, "/a/short");
    xs_mkdir(dom0, 0, "/b");
    permit("/a/long-name/x", "n3");
    permit("/a/short", "n3");
    permit("/b", "n3");
    assert_int_equal(xs_watch(dom0, "/", "t"), 0);
    assert_int_equal(xs_domain_gone(store, 3), 0);
    assert_string_equal(events, "/a/long-name/x=t /a/short=t /b=t ");
}

/* To the byte: what limits are in stands in no other place. */
static void what_things_cost(void **state)
{
    size_t before, after;
    const void *value;
    size_t length;
    uint32_t t;

    xs_mkdir(dom0, 0, "/home");
    permit("/home", "n1");
    before = xs_memory_used(store, 1);
    assert_int_equal(xs_write(dom1, 0, "/home/abc", "value", 5), 0);
    after = xs_memory_used(store, 1);
    /* A node of 32 bytes and a place in its parent, data of 48, a permission, value and name. */
    assert_int_equal(after - before, 32 + 8 + 48 + 4 + 5 + 4 + 2 * 16);
    assert_int_equal(xs_watch(dom1, "/abc", "t"), 0);
    assert_int_equal(xs_memory_used(store, 1) - after, 80 + 5 + 2 + 16);
    assert_int_equal(xs_unwatch(dom1, "/abc", "t"), 0);
    assert_int_equal(xs_memory_used(store, 1), after);
    assert_int_equal(xs_transaction_start(dom1, &t), 0);
    before = xs_memory_used(store, 1);
    assert_int_equal(xs_read(dom1, t, "/home/abc", &value, &length), 0);
    assert_int_equal(xs_memory_used(store, 1) - before, 24 + 10 + 16);
    assert_int_equal(xs_write(dom1, t, "/home/abc", "xyz", 3), 0);
    /* The change, the node that it makes, and its own versions of the folders above. */
    assert_int_equal(xs_memory_used(store, 1) - before, 24 + 10 + 16 + 64 + 3 + 10 + 16 + 32 + 48 +
                                                            4 + 3 + 4 + 2 * 16 + 2 * (32 + 8 + 16));
    assert_int_equal(xs_transaction_end(dom1, t, false), 0);
    assert_int_equal(xs_memory_used(store, 1), after);
}

/* Also those that change nothing in transactions have them follow. */
static void old_versions_are_bounded(void **state)
{
    static char large[100000];
    const void *value;
    size_t length;
    uint32_t t;
    char path[16];

    for (unsigned int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "/n%u", i);
        assert_int_equal(xs_write(dom0, 0, path, large, sizeof(large)), 0);
    }
    assert_int_equal(xs_transaction_start(dom0, &t), 0);
    for (unsigned int i = 0; i < 20; i++) {
        snprintf(path, sizeof(path), "/n%u", i);
        assert_int_equal(xs_write(dom0, 0, path, large, sizeof(large)), 0);
        assert_in_range(xs_memory_held(store), 0, 1050000);
    }
    assert_int_equal(xs_read(dom0, t, "/n1", &value, &length), 0);
    assert_int_equal(xs_transaction_end(dom0, t, true), 0);
    assert_int_equal(xs_memory_held(store), 0);
}

/*
 * What was held when they followed last does not count again; when less is held afterwards, that
 * is what counts from then on.
 */
static void only_what_is_new_is_looked_at(void **state)
{
    static char large[300000];
    uint32_t t[2], u;
    char path[16];

    assert_int_equal(xs_transaction_start(dom0, &t[0]), 0);
    for (unsigned int i = 0; i < 8; i++) { /* its own nodes, which nobody can let go */
        snprintf(path, sizeof(path), "/t%u", i);
        assert_int_equal(xs_write(dom0, t[0], path, large, sizeof(large)), 0);
    }
    assert_true(xs_memory_held(store) > 2400000);
    assert_int_equal(xs_mkdir(dom0, 0, "/x"), 0); /* they follow now */
    assert_int_equal(xs_transaction_end(dom0, t[0], false), 0);
    assert_int_equal(xs_memory_held(store), 0);
    assert_int_equal(xs_transaction_start(dom0, &u), 0);
    for (unsigned int i = 0; i < 8; i++) {
        assert_int_equal(xs_write(dom0, 0, "/y", large, sizeof(large)), 0);
        assert_int_equal(xs_transaction_start(dom0, &t[1]), 0);
        assert_in_range(xs_memory_held(store), 0, 1400000);
    }
}

static void values_from_formats(void **state)
{
    char text[1100];
    const void *value;
    size_t length;

    assert_int_equal(xs_printf(dom0, 0, "/a", "%d-%s", 7, "x"), 0);
    assert_int_equal(xs_read(dom0, 0, "/a", &value, &length), 0);
    assert_int_equal(length, 3);
    assert_memory_equal(value, "7-x", 3);
    assert_int_equal(xs_printf(dom0, 0, "/a", "%s", ""), 0);
    assert_int_equal(xs_read(dom0, 0, "/a", &value, &length), 0);
    assert_int_equal(length, 0);
    memset(text, 'x', sizeof(text));
    text[1023] = '\0';
    assert_int_equal(xs_printf(dom0, 0, "/a", "%s", text), 0);
    assert_int_equal(xs_read(dom0, 0, "/a", &value, &length), 0);
    assert_int_equal(length, 1023);
    text[1023] = 'x';
    text[1024] = '\0';
    assert_int_equal(xs_printf(dom0, 0, "/a", "%s", text), XEN_E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whose_a_new_node_is, setup, teardown),
        cmocka_unit_test_setup_teardown(how_deep_paths_are, setup, teardown),
        cmocka_unit_test_setup_teardown(how_long_paths_are, setup, teardown),
        cmocka_unit_test_setup_teardown(who_may_do_what_for_a_target, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_that_is_in_one_node, setup, teardown),
        cmocka_unit_test_setup_teardown(a_domain_of_which_nothing_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(the_end_of_several_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(what_things_cost, setup, teardown),
        cmocka_unit_test_setup_teardown(old_versions_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_new_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(values_from_formats, setup, teardown),
    };

    return cmocka_run_group_tests_name("rules of the store", tests, NULL, NULL);
}
