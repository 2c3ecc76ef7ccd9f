/* SPDX-License-Identifier: MIT */
/*
 * Split devices: one end is split.c with a driver that writes down what it is told, over pv-guest's
 * store client and the real store; the other end and the tools are the test.
 */
/* SOURCES: pv-guest/drivers/split.c pv-guest/store.c tests/host/guest/threads.c */
/* SOURCES: dom0-tools/error.c dom0-tools/store/protocol.c dom0-tools/store/requests.c */
/* SOURCES: dom0-tools/store/control.c dom0-tools/store/store.c dom0-tools/store/tree.c */
/* SOURCES: dom0-tools/store/transaction.c dom0-tools/store/watch.c */
/* CFLAGS: -Itests/host -idirafter pv-guest/include */
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
#include <tools/store_protocol.h>

#define BACK  "/local/domain/0/backend/vbd/3/51712"
#define FRONT "/local/domain/3/device/vbd/51712"
#define ERROR "/local/domain/0/error/backend/vbd/3/51712/error"

static struct store *store;
static struct store_connection *tools;
static struct store_session *session;
static char told[512]; /* what the driver was told */
static char noticed[256];
static int probe_result;
static struct split_device *last;

/* ---- The link between pv-guest's client and the store ---- */

static size_t send_bytes(const void *data, size_t length)
{
    long taken = store_session_put(session, data, length, NULL);

    return taken > 0 ? (size_t)taken : 0;
}

static size_t receive_bytes(void *data, size_t length)
{
    const void *waiting;
    size_t size = store_session_peek(session, &waiting);

    if (size > length)
        size = length;
    if (size) {
        memcpy(data, waiting, size);
        store_session_fetched(session, size);
    }
    return size;
}

static void on_output(void *context)
{
    (void)context;
    store_link_ready();
}

static const struct store_link local = {send_bytes, receive_bytes, store_link_ready};

/* ---- The driver ---- */

static void note(const char *format, ...)
{
    size_t length = strlen(told);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(told + length, sizeof(told) - length, format, arguments);
    va_end(arguments);
}

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
    (void)device;
    note("R ");
}

static struct split_driver back = {
    .kind = "vbd", .back = true, .probe = probe, .other_changed = back_changed, .remove = removed};
static struct split_driver front = {
    .kind = "vif", .probe = probe, .other_changed = front_changed, .remove = removed};

/* ---- The tools and the other end ---- */

static bool no_event(void *context, const char *path, const char *token)
{
    (void)context;
    (void)path;
    (void)token;
    return true;
}

static bool is_introduced(void *context, uint16_t domid)
{
    (void)context;
    return domid == 0;
}

static const struct store_host host = {.is_introduced = is_introduced};

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
    assert_string_equal(told, expected);
    told[0] = '\0';
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

static void take_notice(const char *text)
{
    snprintf(noticed, sizeof(noticed), "%s", text);
}

static int begin(void **unused)
{
    (void)unused;
    if (!store) { /* the client's link stays for good, and so does the store */
        store = store_create();
        tools = store_connect(store, 0, true, NULL, no_event, NULL);
        session = store_session_open(store, 0, true, NULL, &host, on_output, NULL);
        assert_int_equal(store_attach(&local), 0);
    }
    split_notice = take_notice;
    probe_result = 0;
    told[0] = noticed[0] = '\0';
    assert_int_equal(split_register(&back), 0);
    assert_int_equal(split_register(&front), 0);
    threads_settle();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    split_unregister(&back);
    split_unregister(&front);
    threads_settle();
    assert_int_equal(threads_count(), 1); /* the store client's */
    return 0;
}

/* ---- Tests ---- */

static void test_back_way(void **unused)
{
    (void)unused;
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
    (void)unused;
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
    (void)unused;
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
    (void)unused;
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
    assert_string_equal(get(ERROR), "none");

    probe_result = -EBUSY;
    make_device();
    assert_told("P ");
    assert_string_equal(get(BACK "/state"), "5");
    assert_string_equal(get(ERROR), "16 the driver cannot serve the device (error 16)");
    drop_device();
    assert_told("");
}

static void test_back_driver_restart(void **unused)
{
    (void)unused;
    connect_back();
    split_unregister(&back);
    assert_told("R ");
    assert_string_equal(get(BACK "/state"), "6");
    assert_int_equal(split_register(&back), 0);
    assert_told(""); /* the front end is connected with one that is no more */
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
    (void)unused;
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
    (void)unused;
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

    (void)unused;
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

    (void)unused;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_back_way, begin, end),
        cmocka_unit_test_setup_teardown(test_back_detach, begin, end),
        cmocka_unit_test_setup_teardown(test_back_fast_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_back_failure, begin, end),
        cmocka_unit_test_setup_teardown(test_back_driver_restart, begin, end),
        cmocka_unit_test_setup_teardown(test_front_way, begin, end),
        cmocka_unit_test_setup_teardown(test_front_back_vanishes, begin, end),
        cmocka_unit_test_setup_teardown(test_numbers, begin, end),
        cmocka_unit_test_setup_teardown(test_long_folder, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
