/* SPDX-License-Identifier: MIT */
/*
 * The block back driver's devices, word for word: what is written into the store and in which
 * order, what is done when a front comes and goes, and what is undone when any step fails. All
 * around the driver is the test's and notes what it is asked.
 */
/* SOURCES: pv-guest/drivers/blkback.c */
/* SOURCES: tests/unit/drivers/fake_split.c tests/unit/drivers/notes.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
/* CFLAGS: -Dcalloc=counted_calloc */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/blkback.h>
#include <errno.h>
#include <events.h>
#include <stdio.h>
#include <string.h>

#include "fake_split.h"
#include "notes.h"

static struct block_device disk;

/* ---- The store ---- */

int store_read(store_transaction transaction, const char *path, char **value)
{
    assert_int_equal(transaction, 0);
    assert_string_equal(path, "/local/domain/7/name");
    return read_node("own", "name", value);
}

/* ---- Split devices ---- */

static void (*called)(struct split_device *device);

void split_unregister(struct split_driver *old_driver)
{
    assert_ptr_equal(old_driver, driver);
    note("unregistered ");
}

void split_say(const struct split_device *device, const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    note("say(%s) ", text);
}

void split_call(struct split_device *device, void (*function)(struct split_device *device))
{
    assert_ptr_equal(device, &split);
    called = function;
    note("call ");
}

/* ---- Grants, events, disk, data path ---- */

static int map_error, bind_error, open_error, start_error;
static evtchn_port_t bound_port;
static struct block_claim *opened;

int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly)
{
    assert_int_equal(domid, FRONT);
    assert_false(readonly);
    note("map(");
    for (unsigned int i = 0; i < count; i++)
        note(i ? ",%u" : "%u", references[i]);
    note(") ");
    mapping->va = &notes;
    mapping->count = count;
    return map_error;
}

void grant_unmap(struct grant_mapping *mapping)
{
    assert_ptr_equal(mapping->va, &notes);
    note("unmap ");
}

int event_bind_interdomain(domid_t remote, evtchn_port_t remote_port)
{
    assert_int_equal(remote, FRONT);
    note("bind(%u) ", remote_port);
    return bind_error ? bind_error : (int)bound_port;
}

int event_close(evtchn_port_t port)
{
    note("close(%u) ", port);
    return 0;
}

void event_set_handler(evtchn_port_t port, event_handler handler, void *argument)
{
    assert_ptr_equal(handler, argument ? blkback_io_event : NULL);
    assert_ptr_equal(argument, handler ? split.driver_data : NULL);
    note(handler ? "listen(%u) " : "deaf(%u) ", port);
}

void work_schedule(struct work *work)
{
    assert_ptr_equal(work, &((struct blkback *)split.driver_data)->work);
    note("work ");
}

int block_target_open(struct block_claim *claim, const char *spec, char *why, size_t size)
{
    note("open(%s, %d) ", spec, claim->access);
    if (open_error) {
        snprintf(why, size, "it is in use");
        return open_error;
    }
    claim->device = &disk;
    opened = claim;
    return 0;
}

void block_target_close(struct block_claim *claim)
{
    assert_ptr_equal(claim, opened);
    opened = NULL;
    note("shut ");
}

int blkback_io_start(struct blkback *back, void *shared, uint32_t size, bool narrow,
                     bool persistent)
{
    assert_ptr_equal(shared, &notes);
    assert_int_equal(back->limits.sectors, disk.sectors);
    note("start(%u%s%s) ", size, narrow ? ", narrow" : "", persistent ? ", persistent" : "");
    return start_error;
}

void blkback_io_event(evtchn_port_t port, void *argument)
{
}

void blkback_io_stop(struct blkback *back)
{
    assert_ptr_equal(back, split.driver_data);
    note("stop ");
}

/* ---- Tests ---- */

static int set_up(void **state)
{
    fake_split_start(51712);
    map_error = bind_error = open_error = start_error = 0;
    bound_port = 5;
    called = NULL;
    disk = (struct block_device){.name = "vda1",
                                 .sectors = 1000,
                                 .logical_size = 512,
                                 .physical_size = 4096,
                                 .max_segments = 300,
                                 .flush = true,
                                 .discard = true,
                                 .discard_granularity = 8192};
    set("own/params", "/dev/vda1");
    set("own/mode", "w");
    set("own/dev", "xvda");
    assert_int_equal(blkback_init(), -EEXIST);
    assert_string_equal(driver->kind, "vbd");
    assert_true(driver->back);
    return 0;
}

static int tear_down(void **state)
{
    if (split.driver_data)
        driver->remove(&split);
    assert_null(split.driver_data);
    assert_null(opened);
    notes[0] = '\0';
    blkback_exit();
    assert_noted("unregistered ");
    return 0;
}

static void probe(void)
{
    assert_int_equal(driver->probe(&split), 0);
    notes[0] = '\0';
}

static void features_are_written_before_the_state(void **state)
{
    assert_int_equal(driver->probe(&split), 0);
    assert_noted("open(/dev/vda1, 1) max-ring-page-order=4 feature-persistent=1 "
                 "feature-max-indirect-segments=256 feature-flush-cache=1 feature-barrier=1 "
                 "feature-discard=1 discard-granularity=8192 discard-alignment=0 "
                 "discard-secure=0 sector-size=512 physical-sector-size=4096 info=0 sectors=1000 "
                 "state=2 ");
    driver->remove(&split);
    assert_noted("shut ");
}

static void a_poor_disk_has_few_features(void **state)
{
    disk.discard = disk.flush = false;
    disk.max_segments = 11;
    disk.read_only = true;
    set("own/mode", "w!");
    set("own/device-type", "cdrom");
    set("own/removable", "1");
    assert_int_equal(driver->probe(&split), 0);
    assert_noted("open(/dev/vda1, 2) max-ring-page-order=4 feature-persistent=1 "
                 "feature-flush-cache=0 feature-barrier=0 feature-discard=0 sector-size=512 "
                 "physical-sector-size=4096 info=7 sectors=1000 state=2 ");
    driver->remove(&split);
    notes[0] = '\0';

    disk.discard = disk.flush = true;
    disk.max_segments = 12;
    disk.read_only = false;
    set("own/mode", "r");
    set("own/device-type", "");
    set("own/removable", "0");
    set("own/discard-enable", "0");
    assert_int_equal(driver->probe(&split), 0);
    assert_noted("open(/dev/vda1, 0) max-ring-page-order=4 feature-persistent=1 "
                 "feature-max-indirect-segments=12 feature-flush-cache=1 feature-barrier=1 "
                 "feature-discard=0 sector-size=512 physical-sector-size=4096 info=4 sectors=1000 "
                 "state=2 ");
    driver->remove(&split);
    set("own/discard-enable", "1");
    set("own/mode", NULL);
    notes[0] = '\0';
    assert_int_equal(driver->probe(&split), 0);
    assert_non_null(strstr(notes, "open(/dev/vda1, 0) "));
    assert_non_null(strstr(notes, "feature-discard=1 "));
}

/* Whatever cannot be written: nothing is written behind it, and the disk is free again. */
static void a_failed_write_ends_a_probe(void **state)
{
    unsigned int n = 0, length = 0;

    do {
        notes[0] = '\0';
        writes = 0;
        fail_write = ++n;
        if (driver->probe(&split) == 0)
            break;
        assert_int_equal(writes, n);
        assert_null(strstr(notes, "state"));
        assert_string_equal(notes + strlen(notes) - 5, "shut ");
        assert_true(strlen(notes) > length);
        length = (unsigned int)strlen(notes);
        assert_null(split.driver_data);
    } while (n < 50);
    assert_int_equal(n, 14); /* one more than there are */
    fail_write = 0;
    driver->remove(&split);
    state_error = -ENOENT;
    assert_int_equal(driver->probe(&split), -ENOENT);
    assert_null(split.driver_data);
    no_memory = true;
    assert_int_equal(driver->probe(&split), -ENOMEM);
}

static void a_target_that_cannot_be_had(void **state)
{
    open_error = -EBUSY;
    assert_int_equal(driver->probe(&split), -EBUSY);
    assert_noted("open(/dev/vda1, 1) fail(-16, it is in use) ");
    assert_null(split.driver_data);
    set("own/params", NULL);
    assert_int_equal(driver->probe(&split), -EINVAL);
    assert_noted("fail(-22, no params) ");
    assert_null(split.driver_data);
}

static void who_holds_the_disk(void **state)
{
    char text[100];

    probe();
    opened->describe(opened, text, sizeof(text));
    assert_string_equal(text, "domain 7 (xvda)");
    set("own/name", "");
    opened->describe(opened, text, sizeof(text));
    assert_string_equal(text, "domain '' (xvda)");
    set("own/name", "web");
    opened->describe(opened, text, sizeof(text));
    assert_string_equal(text, "domain 'web' (xvda)");
    driver->remove(&split);
    set("own/dev", NULL);
    probe();
    opened->describe(opened, text, sizeof(text));
    assert_string_equal(text, "domain 'web' (51712)");
}

static void put_front(void)
{
    set("other/ring-ref", "8");
    set("other/event-channel", "21");
}

static void a_front_comes_and_goes(void **state)
{
    probe();
    put_front();
    driver->other_changed(&split, XenbusStateInitialising);
    assert_noted("");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) bind(21) start(4096) say(vda1, 1000 sectors) sectors=1000 state=4 "
                 "listen(5) work ");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("");
    driver->other_changed(&split, XenbusStateClosing);
    assert_noted("deaf(5) stop close(5) unmap ");
    driver->other_changed(&split, XenbusStateClosed);
    assert_noted("");
    /* It comes again, and nobody talks of it; it has another layout and keeps its pages. */
    set("other/protocol", "x86_32-abi");
    set("other/feature-persistent", "1");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(8) bind(21) start(4096, narrow, persistent) sectors=1000 state=4 listen(5) "
                 "work ");
    driver->other_changed(&split, XenbusStateClosed);
    assert_noted("deaf(5) stop close(5) unmap ");
    set("other/protocol", "x86_64-abi");
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(8) bind(21) start(4096, persistent) sectors=1000 state=4 listen(5) work ");
    driver->other_changed(&split, XenbusStateClosed);
    bound_port = 0; /* whatever its number */
    notes[0] = '\0';
    driver->other_changed(&split, XenbusStateConnected);
    assert_noted("map(8) bind(21) start(4096, persistent) sectors=1000 state=4 listen(0) work ");
    /* The tools take it away while it is connected. */
    driver->remove(&split);
    assert_noted("deaf(0) stop close(0) unmap shut ");
}

static void a_reader_is_told_of(void **state)
{
    set("own/mode", "r");
    set("other/feature-persistent", "1");
    probe();
    put_front();
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) bind(21) start(4096, persistent) "
                 "say(vda1, 1000 sectors, read-only, persistent grants) sectors=1000 state=4 "
                 "listen(5) work ");
}

static void rings_of_several_pages(void **state)
{
    char key[24], value[24];

    probe();
    put_front();
    for (unsigned int i = 0; i < 16; i++) {
        snprintf(key, sizeof(key), "other/ring-ref%u", i);
        snprintf(value, sizeof(value), "%u", 100 + i);
        set(key, value);
    }
    for (unsigned int order = 0; order <= 4; order++) {
        static const char *const wanted[] = {
            "map(100) bind(21) start(4096) ", "map(100,101) bind(21) start(8192) ",
            "map(100,101,102,103) bind(21) start(16384) ",
            "map(100,101,102,103,104,105,106,107) bind(21) start(32768) ",
            ("map(100,101,102,103,104,105,106,107,108,109,110,111,112,113,114,115) bind(21) "
             "start(65536) ")};

        snprintf(value, sizeof(value), "%u", order);
        set("other/ring-page-order", value);
        driver->other_changed(&split, XenbusStateInitialised);
        assert_memory_equal(notes, wanted[order], strlen(wanted[order]));
        driver->other_changed(&split, XenbusStateClosed);
        notes[0] = '\0';
    }
    set("other/ring-page-order", "5");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("fail(-22, no ring-ref, or a wrong ring-page-order) ");
    set("other/ring-page-order", "4294967296");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("fail(-22, no ring-ref, or a wrong ring-page-order) ");
    set("other/ring-page-order", "4");
    set("other/ring-ref15", NULL);
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("fail(-22, no ring-ref, or a wrong ring-page-order) ");
}

/* What was done before the step that fails is undone. */
static void each_step_may_fail(void **state)
{
    probe();
    set("other/event-channel", "21");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("fail(-22, no ring-ref, or a wrong ring-page-order) ");
    put_front();
    set("other/event-channel", NULL);
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) fail(-22, no event-channel) unmap ");
    put_front();
    set("other/protocol", "arm-abi");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("fail(-22, a protocol that we do not speak) ");
    set("other/protocol", NULL);
    map_error = -EFAULT;
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) fail(-14, cannot map the ring) ");
    map_error = 0;
    bind_error = -EINVAL;
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) bind(21) fail(-22, cannot bind to port 21) unmap ");
    bind_error = 0;
    start_error = -ENOMEM;
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) bind(21) start(4096) close(5) unmap fail(-12, no memory for its pages) ");
    start_error = -ENOSPC;
    driver->other_changed(&split, XenbusStateInitialised);
    assert_noted("map(8) bind(21) start(4096) close(5) unmap fail(-28, as many disks are connected "
                 "as this domain has addresses for) ");
    start_error = 0;
    driver->other_changed(&split, XenbusStateClosed); /* it was not connected */
    assert_noted("");
}

static void a_disk_gets_another_size(void **state)
{
    struct blkback *back;

    probe();
    back = split.driver_data;
    put_front();
    disk.sectors = 1100;
    opened->resized(opened);
    assert_noted("call ");
    called(&split);
    assert_noted("say(vda1 has 1100 sectors now) sectors=1100 ");
    driver->other_changed(&split, XenbusStateInitialised);
    assert_int_equal(back->limits.sectors, 1100);
    notes[0] = '\0';
    disk.sectors = 1200;
    opened->resized(opened);
    assert_int_equal(back->limits.sectors, 1200);
    called(&split);
    assert_noted("call say(vda1 has 1200 sectors now) sectors=1200 state=4 ");
    disk.sectors = 900; /* the front may ask for what it knows of */
    opened->resized(opened);
    assert_int_equal(back->limits.sectors, 1200);
    called(&split);
    assert_noted("call say(vda1 has 900 sectors now) sectors=900 state=4 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(features_are_written_before_the_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_poor_disk_has_few_features, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_write_ends_a_probe, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_target_that_cannot_be_had, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_holds_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_front_comes_and_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_is_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rings_of_several_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_step_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_disk_gets_another_size, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("block devices", tests, NULL, NULL);
}
