/* SPDX-License-Identifier: MIT */
/*
 * Split devices: one end is split*.c with a driver that writes down what it is told, over the
 * store client of pv-guest, its link in the built-in dom0, and the real store; the other end and
 * the tools are the test.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: pv-guest/drivers/split.c pv-guest/drivers/split_device.c */
/* SOURCES: pv-guest/drivers/split_nodes.c pv-guest/store.c tests/host/guest/threads.c */
/* SOURCES: dom0-tools/platform/builtin_store.c $(STORE_SRCS) dom0-tools/error.c */
/* SOURCES: tests/unit/drivers/notes.c */
/* CFLAGS: -Itests/host -Idom0-tools -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/split.h>
#include <errno.h>
#include <guest/threads.h>
#include <platform/builtin.h>
#include <thread.h>
#include <tools/service.h>
#include <tools/store_protocol.h>

#include "notes.h"

#define BACK  "/local/domain/0/backend/vbd/3/51712"
#define FRONT "/local/domain/3/device/vbd/51712"
#define ERROR "/local/domain/0/error/backend/vbd/3/51712/error"

static struct store *store;
static struct store_connection *tools;
static char noticed[256];
static int probe_result;
static struct split_device *last;

/* ---- The link between pv-guest's client and the store ---- */

static bool is_introduced(void *context, uint16_t domid)
{
    return domid == 0;
}

struct store_session *service_store_session(void (*output)(void *context), void *context)
{
    static const struct store_host host = {.is_introduced = is_introduced};

    return store_session_open(store, 0, true, NULL, &host, output, context);
}

/* ---- The driver ---- */

static int probe(struct split_device *device)
{
    note("P ");
    last = device;
    if (probe_result)
        return probe_result;
    if (device->driver->back) {
        split_write(device, 0, "feature-x", "%d", 1);
        split_set_state(device, XenbusStateInitWait);
    }
    return 0;
}

static void back_changed(struct split_device *device, enum xenbus_state state)
{
    note("%d ", (int)state);
    if (state == XenbusStateInitialised && device->state == XenbusStateInitWait)
        split_set_state(device, XenbusStateConnected);
}

static void front_changed(struct split_device *device, enum xenbus_state state)
{
    note("%d ", (int)state);
    if (state == XenbusStateInitWait) {
        split_write(device, 0, "ring-ref", "8");
        split_set_state(device, XenbusStateInitialised);
    } else if (state == XenbusStateConnected) {
        split_set_state(device, XenbusStateConnected);
    }
}

static void removed(struct split_device *device)
{
    note("R ");
}

static struct split_driver back = {
    .kind = "vbd", .back = true, .probe = probe, .other_changed = back_changed, .remove = removed};
static struct split_driver front = {
    .kind = "vif", .probe = probe, .other_changed = front_changed, .remove = removed};

/* ---- The tools and the other end ---- */

static bool no_event(void *context, const char *path, const char *token)
{
    return true;
}

static void put(const char *folder, const char *key, const char *value)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", folder, key);
    assert_int_equal(xs_write(tools, 0, path, value, strlen(value)), 0);
}

static const char *get(const char *path)
{
    static char text[256];
    const void *value;
    size_t length;

    if (xs_read(tools, 0, path, &value, &length))
        return "none";
    memcpy(text, value, length);
    text[length] = '\0';
    return text;
}

static void drop(const char *path)
{
    assert_int_equal(xs_remove(tools, 0, path), 0);
}

static void state(const char *folder, const char *value)
{
    put(folder, "state", value);
    threads_settle();
}

/* What the driver was told since the last time. */
static void assert_told(const char *expected)
{
    threads_settle();
    assert_noted(expected);
}

static void make_device(void)
{
    put(BACK, "frontend", FRONT);
    put(BACK, "frontend-id", "3");
    put(BACK, "online", "1");
    put(BACK, "state", "1");
    put(FRONT, "backend", BACK);
    put(FRONT, "backend-id", "0");
    put(FRONT, "state", "1");
    threads_settle();
}

static void drop_device(void)
{
    drop(FRONT);
    drop(BACK);
    threads_settle();
}

static void connect_back(void)
{
    make_device();
    assert_string_equal(get(BACK "/state"), "2");
    state(FRONT, "3");
    assert_string_equal(get(BACK "/state"), "4");
    state(FRONT, "4");
    assert_told("P 1 3 4 ");
}

/* A console may be full, so that the thread that prints a line waits. */
static bool console_full;
static struct wait_queue console_room;

static void take_notice(const char *text)
{
    wait_until(&console_room, !console_full);
    snprintf(noticed, sizeof(noticed), "%s", text);
}

static int begin(void **unused)
{
    if (!store) { /* the client's link stays for good, and so does the store */
        store = store_create(1);
        tools = store_connect(store, 0, true, NULL, no_event, NULL);
        assert_int_equal(builtin_store_attach(), 0);
    }
    split_notice = take_notice;
    probe_result = 0;
    console_full = false;
    notes[0] = noticed[0] = '\0';
    assert_int_equal(split_register(&back), 0);
    assert_int_equal(split_register(&front), 0);
    threads_settle();
    return 0;
}

static int end(void **unused)
{
    split_unregister(&back);
    split_unregister(&front);
    threads_settle();
    assert_int_equal(threads_count(), 1); /* the store client's */
    return 0;
}

/* ---- Tests ---- */

static void test_back_way(void **unused)
{
    connect_back();
    assert_string_equal(get(BACK "/feature-x"), "1");
    state(FRONT, "5");
    assert_string_equal(get(BACK "/state"), "5");
    state(FRONT, "6");
    assert_string_equal(get(BACK "/state"), "6");
    assert_told("5 6 ");
    /* It comes back. */
    state(FRONT, "1");
    assert_string_equal(get(BACK "/state"), "2");
    state(FRONT, "3");
    assert_string_equal(get(BACK "/state"), "4");
    assert_told("1 3 ");
    drop_device();
    assert_told("R ");
    assert_string_equal(get(BACK "/state"), "none");
}

static void test_back_detach(void **unused)
{
    connect_back();
    put(BACK, "online", "0");
    state(BACK, "5");
    assert_told("");
    state(FRONT, "5");
    state(FRONT, "6");
    assert_told("5 6 R ");
    assert_string_equal(get(BACK "/state"), "6");
    drop_device();
    /* A front end that never came lets go at once. */
    make_device();
    put(BACK, "online", "0");
    assert_told("P 1 R ");
    assert_string_equal(get(BACK "/state"), "6");
    drop_device();
    assert_told("");
}

static void test_back_fast_restart(void **unused)
{
    connect_back();
    put(FRONT, "state", "6");
    put(FRONT, "state", "1");
    assert_told("6 1 ");
    assert_string_equal(get(BACK "/state"), "2");
    /* Deleted and made again before anybody looked. */
    state(FRONT, "3");
    assert_told("3 ");
    drop(FRONT);
    drop(BACK);
    make_device();
    assert_told("R P 1 ");
    drop_device();
    assert_told("R ");
}

static void fail_device(struct split_device *device)
{
    split_fail(device, -EINVAL, "grant reference %u is wrong", 7u);
}

static void test_back_failure(void **unused)
{
    connect_back();
    split_call(last, fail_device);
    assert_told("R ");
    assert_string_equal(noticed, "vbd 3/51712: grant reference 7 is wrong");
    assert_string_equal(get(ERROR), "22 grant reference 7 is wrong");
    assert_string_equal(get(BACK "/state"), "5");
    state(FRONT, "6");
    assert_string_equal(get(BACK "/state"), "6");
    state(FRONT, "1"); /* no second try */
    state(FRONT, "3");
    assert_string_equal(get(BACK "/state"), "6");
    assert_told("");
    drop_device();
    assert_string_equal(get("/local/domain/0/error"), "");
    assert_string_equal(get("/local/domain/0/error/backend"), "none");

    /* That it cannot begin is for the tools to tell. */
    probe_result = -EBUSY;
    noticed[0] = '\0';
    make_device();
    assert_told("P ");
    assert_string_equal(noticed, "");
    assert_string_equal(get(BACK "/state"), "5");
    assert_string_equal(get(ERROR),
                        "16 the driver cannot serve the device: Device or resource busy");
    drop_device();
    assert_told("");
}

static void fail_in_thread(void *unused)
{
    split_fail(last, -EIO, "it broke");
}

/* The data path, another thread, never waits in split_fail(), where the device could go away. */
static void test_failure_while_device_goes(void **unused)
{
    connect_back();
    console_full = true;
    assert_non_null(thread_create("work", fail_in_thread, NULL));
    threads_settle();
    assert_int_equal(threads_count(), 4); /* the client's, two finders', the device's */
    drop_device();
    assert_string_equal(noticed, "");
    console_full = false;
    wake_all(&console_room);
    assert_told("R ");
    assert_string_equal(noticed, "vbd 3/51712: it broke");
    assert_string_equal(get("/local/domain/0/error/backend"), "none");
}

/* What a device that goes away had to say is still said. */
static void test_failure_of_a_device_that_is_gone(void **unused)
{
    connect_back();
    drop(FRONT);
    drop(BACK);
    split_fail(last, -EIO, "it broke");
    assert_told("R ");
    assert_string_equal(noticed, "vbd 3/51712: it broke");
}

static void test_back_driver_restart(void **unused)
{
    connect_back();
    split_unregister(&back);
    assert_told("R ");
    assert_string_equal(get(BACK "/state"), "6");
    assert_int_equal(split_register(&back), 0);
    assert_told(""); /* the front end is connected to a back end that is gone */
    state(FRONT, "6");
    assert_told("P ");
    assert_string_equal(get(BACK "/state"), "2");
    state(FRONT, "1");
    state(FRONT, "3");
    assert_told("1 3 ");
    drop_device();
    assert_told("R ");
}

#define VIF_FRONT "/local/domain/0/device/vif/0"
#define VIF_BACK  "/local/domain/1/backend/vif/0/0"

static void make_front(void)
{
    put(VIF_BACK, "state", "1");
    put(VIF_FRONT, "backend", VIF_BACK);
    put(VIF_FRONT, "backend-id", "1");
    put(VIF_FRONT, "state", "1");
    threads_settle();
}

static void test_front_way(void **unused)
{
    make_front();
    assert_told("P 1 ");
    state(VIF_BACK, "2");
    assert_string_equal(get(VIF_FRONT "/state"), "3");
    state(VIF_BACK, "4");
    assert_string_equal(get(VIF_FRONT "/state"), "4");
    assert_told("2 4 ");
    state(VIF_BACK, "4"); /* something has changed */
    assert_told("4 ");
    /* The back end goes away and comes back. */
    state(VIF_BACK, "6");
    assert_string_equal(get(VIF_FRONT "/state"), "6");
    state(VIF_BACK, "2");
    assert_string_equal(get(VIF_FRONT "/state"), "3");
    state(VIF_BACK, "4");
    assert_told("6 2 4 ");
    /* So fast that only its new state is seen. */
    put(VIF_BACK, "state", "6");
    put(VIF_BACK, "state", "2");
    assert_told("6 2 ");
    assert_string_equal(get(VIF_FRONT "/state"), "3");
    /* Detached. */
    state(VIF_BACK, "5");
    assert_told("5 ");
    assert_string_equal(get(VIF_FRONT "/state"), "6");
    drop(VIF_FRONT);
    drop(VIF_BACK);
    assert_told("R ");
    assert_string_equal(get(VIF_FRONT), "none");
}

static void test_front_back_vanishes(void **unused)
{
    make_front();
    state(VIF_BACK, "2");
    state(VIF_BACK, "4");
    assert_told("P 1 2 4 ");
    drop(VIF_BACK);
    assert_told("6 ");
    assert_string_equal(get(VIF_FRONT "/state"), "6");
    drop(VIF_FRONT);
    assert_told("R ");
}

static void test_numbers(void **unused)
{
    uint64_t value;
    char *text;

    connect_back();
    put(FRONT, "ring-ref", "4294967296");
    put(FRONT, "bad", "12x");
    put(FRONT, "long", "18446744073709551616");
    put(FRONT, "empty", "");
    assert_int_equal(split_other_number(last, "ring-ref", &value), 0);
    assert_int_equal(value, 4294967296ull);
    assert_int_equal(split_other_number(last, "bad", &value), -EINVAL);
    assert_int_equal(split_other_number(last, "long", &value), -EINVAL);
    assert_int_equal(split_other_number(last, "empty", &value), -EINVAL);
    assert_int_equal(split_other_number(last, "none", &value), -ENOENT);
    assert_int_equal(split_other_feature(last, "bad"), 0);
    assert_int_equal(split_own_text(last, "frontend", &text), (int)strlen(FRONT));
    assert_string_equal(text, FRONT);
    free(text);
    drop_device();
    assert_int_equal(threads_count(), 3);
}

/* The client's side: folders whose list does not fit in one message. */
static void test_long_folder(void **unused)
{
    char key[32];
    char **names;

    for (unsigned int i = 0; i < 900; i++) {
        snprintf(key, sizeof(key), "node%04u", i);
        put("/many", key, "");
    }
    assert_int_equal(store_directory(0, "/many", &names), 900);
    assert_string_equal(names[0], "node0000");
    assert_string_equal(names[899], "node0899");
    free(names);
    drop("/many");
    assert_int_equal(store_directory(0, "/many", &names), -ENOENT);
}

/* ---- Anything, in any order ---- */

/* A driver that insists on what split.h promises. */
struct strict {
    bool linked;
};

static unsigned int alive, disorder = 12345;

static unsigned int below(unsigned int end)
{
    disorder = disorder * 1103515245u + 12345u;
    return (disorder >> 16) % end;
}

static void fail_sometimes(struct split_device *device)
{
    assert_non_null(device->driver_data);
    if (!below(3))
        split_fail(device, -EIO, "bad luck");
}

static int strict_probe(struct split_device *device)
{
    if (!below(8)) {
        if (below(2))
            split_fail(device, -EIO, "bad luck");
        return -EIO;
    }
    device->driver_data = calloc(1, sizeof(struct strict));
    assert_non_null(device->driver_data);
    alive++;
    split_call(device, fail_sometimes);
    if (device->driver->back)
        split_set_state(device, XenbusStateInitWait);
    return 0;
}

static void strict_changed(struct split_device *device, enum xenbus_state other)
{
    struct strict *s = device->driver_data;

    assert_non_null(s);
    assert_false(device->failed);
    assert_in_range(other, XenbusStateInitialising, XenbusStateReconfigured);
    switch (other) {
    case XenbusStateInitialising:
        assert_false(s->linked);
        break;
    case XenbusStateInitWait:
        if (!device->driver->back) {
            assert_false(s->linked);
            assert_int_equal(device->state, XenbusStateInitialising);
            s->linked = true;
            split_set_state(device, XenbusStateInitialised);
        }
        break;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        assert_true(device->driver->back || s->linked);
        s->linked = true;
        if (device->driver->back && device->state == XenbusStateInitWait)
            split_set_state(device, XenbusStateConnected);
        break;
    case XenbusStateClosing:
        assert_true(s->linked);
        s->linked = device->driver->back; /* a front end lets go at once */
        break;
    case XenbusStateClosed:
        assert_true(s->linked);
        s->linked = false;
        break;
    default:
        break;
    }
    if (!below(40))
        split_fail(device, -EPROTO, "worse luck");
    if (!below(20))
        split_call(device, fail_sometimes);
}

static void strict_remove(struct split_device *device)
{
    assert_non_null(device->driver_data);
    free(device->driver_data);
    device->driver_data = NULL;
    alive--;
}

static struct split_driver strict_back = {.kind = "any",
                                          .back = true,
                                          .probe = strict_probe,
                                          .other_changed = strict_changed,
                                          .remove = strict_remove};
static struct split_driver strict_front = {.kind = "other",
                                           .probe = strict_probe,
                                           .other_changed = strict_changed,
                                           .remove = strict_remove};

/* One of the nodes of a device of each role. */
static void disturb(const char *own, const char *other, bool is_back)
{
    static const char *const words[] = {"0", "1", "2", "3", "4",    "5",
                                        "6", "7", "8", "9", "junk", ""};
    char path[160];

    switch (below(12)) {
    case 0:
        snprintf(path, sizeof(path), "%s", below(2) ? own : other);
        xs_remove(tools, 0, path);
        break;
    case 1:
        snprintf(path, sizeof(path), "%s/%s", below(2) ? own : other, below(2) ? "state" : "x");
        xs_remove(tools, 0, path);
        break;
    case 2:
        put(own, "online", below(2) ? "0" : "1");
        break;
    case 3:
        put(own, "state", words[below(12)]);
        break;
    case 4:
    case 5:
        put(own, is_back ? "frontend" : "backend", below(10) ? other : "/nowhere");
        put(own, is_back ? "frontend-id" : "backend-id", below(10) ? "5" : "nobody");
        put(own, "online", "1");
        put(own, "state", "1");
        break;
    default:
        put(other, "state", words[below(12)]);
        break;
    }
}

static void test_disorder(void **unused)
{
    static const char *const backs[][2] = {
        {"/local/domain/0/backend/any/5/1", "/local/domain/5/device/any/1"},
        {"/local/domain/0/backend/any/5/2", "/local/domain/5/device/any/2"},
    };
    static const char *const fronts[][2] = {
        {"/local/domain/0/device/other/1", "/local/domain/5/backend/other/0/1"},
        {"/local/domain/0/device/other/2", "/local/domain/5/backend/other/0/2"},
    };

    assert_int_equal(split_register(&strict_back), 0);
    assert_int_equal(split_register(&strict_front), 0);
    for (unsigned int i = 0; i < 20000; i++) {
        unsigned int which = below(2);

        if (below(2))
            disturb(backs[which][0], backs[which][1], true);
        else
            disturb(fronts[which][0], fronts[which][1], false);
        if (below(3))
            threads_settle();
        if (!below(500)) {
            split_unregister(&strict_back);
            assert_int_equal(split_register(&strict_back), 0);
        }
        if (!below(500)) {
            split_unregister(&strict_front);
            assert_int_equal(split_register(&strict_front), 0);
        }
        assert_in_range(alive, 0, 4);
    }
    for (unsigned int i = 0; i < 2; i++) {
        xs_remove(tools, 0, backs[i][0]);
        xs_remove(tools, 0, fronts[i][0]);
    }
    threads_pass_time(1000000000ull);
    assert_int_equal(alive, 0);
    split_unregister(&strict_back);
    split_unregister(&strict_front);
    xs_remove(tools, 0, "/local/domain/0");
    xs_remove(tools, 0, "/local/domain/5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_back_way, begin, end),
        cmocka_unit_test_setup_teardown(test_back_detach, begin, end),
        cmocka_unit_test_setup_teardown(test_back_fast_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_back_failure, begin, end),
        cmocka_unit_test_setup_teardown(test_failure_while_device_goes, begin, end),
        cmocka_unit_test_setup_teardown(test_failure_of_a_device_that_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(test_back_driver_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_front_way, begin, end),
        cmocka_unit_test_setup_teardown(test_front_back_vanishes, begin, end),
        cmocka_unit_test_setup_teardown(test_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_long_folder, begin, end),
        cmocka_unit_test_setup_teardown(test_disorder, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
