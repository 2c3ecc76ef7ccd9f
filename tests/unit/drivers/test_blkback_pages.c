/* SPDX-License-Identifier: MIT */
/*
 * The pages of a front that the block back driver maps: for one use or to stay, which go when there
 * is no place left, and that nothing stays behind when a mapping or an allocation fails. The grant
 * hypercalls are the test's; it knows what is mapped where.
 */
/* SOURCES: pv-guest/drivers/blkback_pages.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
/* CFLAGS: -Dmalloc=counted_malloc -Dcalloc=counted_calloc */
#undef malloc
#undef calloc
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/blkback.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRONT  3
#define PLACES 1056u
#define BAD    4000000000u /* this reference and all above are wrong */
#define LATER  3000000000u /* from this one on the hypervisor has no memory, while `not_now` */
#define BATCH  64u         /* pages that are unmapped together */

static char *const window = (char *)0x100000000;
static struct blkback_pages tested;
static struct blkback_command command;
static uint16_t used[BLKBACK_MAX_SEGMENTS];
static struct block_segment segments[BLKBACK_MAX_SEGMENTS];

/* ---- The kernel ---- */

static struct {
    bool is_mapped, readonly;
    grant_ref_t gref;
    grant_handle_t handle;
} places[PLACES];

static grant_handle_t last_handle;
static unsigned int map_calls, maps, unmap_calls, unmaps, allocations, fail_at;
static bool no_window, has_window;
static int16_t not_now; /* GNTST_*, or 0 */

void *counted_malloc(size_t size);
void *counted_calloc(size_t count, size_t size);

void *counted_malloc(size_t size)
{
    return ++allocations == fail_at ? NULL : malloc(size);
}

void *counted_calloc(size_t count, size_t size)
{
    return ++allocations == fail_at ? NULL : calloc(count, size);
}

void *window_reserve(unsigned long pages)
{
    assert_int_equal(pages, PLACES);
    has_window = !no_window;
    return no_window ? NULL : window;
}

static unsigned long free_addresses = BLKBACK_PAGES + WINDOW_KEPT;

unsigned long window_free(void)
{
    return free_addresses;
}

void window_release(void *va, unsigned long pages)
{
    assert_true(has_window);
    assert_ptr_equal(va, window);
    assert_int_equal(pages, PLACES);
    for (unsigned int i = 0; i < PLACES; i++)
        assert_false(places[i].is_mapped);
    has_window = false;
}

static unsigned int place_of(uint64_t address)
{
    uint64_t offset = address - (uintptr_t)window;

    assert_int_equal(offset % 4096, 0);
    assert_in_range(offset / 4096, 0, PLACES - 1);
    return (unsigned int)(offset / 4096);
}

void grant_map_batch(struct gnttab_map_grant_ref *ops, unsigned int count)
{
    map_calls++;
    maps += count;
    for (unsigned int i = 0; i < count; i++) {
        unsigned int place = place_of(ops[i].host_addr);

        assert_int_equal(ops[i].dom, FRONT);
        assert_int_equal(ops[i].flags & ~GNTMAP_readonly, GNTMAP_host_map);
        assert_false(places[place].is_mapped);
        if (ops[i].ref >= BAD) {
            ops[i].status = GNTST_bad_gntref;
            continue;
        }
        if (ops[i].ref >= LATER && not_now) {
            ops[i].status = not_now;
            continue;
        }
        places[place].is_mapped = true;
        places[place].readonly = ops[i].flags & GNTMAP_readonly;
        places[place].gref = ops[i].ref;
        places[place].handle = ops[i].handle = ++last_handle;
        ops[i].dev_bus_addr = 0x1000000000 + ops[i].ref * 4096ull;
        ops[i].status = GNTST_okay;
    }
}

void grant_unmap_batch(struct gnttab_unmap_grant_ref *ops, unsigned int count)
{
    assert_in_range(count, 1, BATCH);
    unmap_calls++;
    unmaps += count;
    for (unsigned int i = 0; i < count; i++) {
        unsigned int place = place_of(ops[i].host_addr);

        assert_true(places[place].is_mapped);
        assert_int_equal(ops[i].handle, places[place].handle);
        assert_int_equal(ops[i].dev_bus_addr, 0);
        places[place].is_mapped = false;
    }
}

static unsigned int mapped(void)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < PLACES; i++)
        count += places[i].is_mapped;
    return count;
}

static bool is_mapped(grant_ref_t gref)
{
    for (unsigned int i = 0; i < PLACES; i++)
        if (places[i].is_mapped && places[i].gref == gref)
            return true;
    return false;
}

/* ---- Commands ---- */

static void start(bool persistent)
{
    memset(places, 0, sizeof(places));
    map_calls = maps = unmap_calls = unmaps = allocations = fail_at = 0;
    no_window = false;
    assert_int_equal(blkback_pages_init(&tested, FRONT, persistent), 0);
    assert_true(has_window);
    assert_int_equal(tested.free_count, PLACES);
}

static void stop(void)
{
    for (unsigned int i = 0; i < PLACES; i++)
        assert_int_equal(tested.pages[i].users, 0);
    blkback_pages_destroy(&tested);
    assert_false(has_window);
    assert_int_equal(mapped(), 0);
    assert_null(tested.pages);
    blkback_pages_destroy(&tested); /* does nothing now */
}

static uint64_t segment(grant_ref_t gref, unsigned int first, unsigned int last)
{
    return gref | (uint64_t)first << 32 | (uint64_t)last << 40;
}

/* Whole pages, of references that follow one another. */
static void ask_for(grant_ref_t gref, unsigned int count)
{
    command.segment_count = count;
    command.sectors = count * 8;
    for (unsigned int i = 0; i < count; i++)
        command.segments[i] = segment(gref + i, 0, 7);
}

static int get(bool readonly)
{
    memset(used, 0xee, sizeof(used));
    memset(segments, 0xee, sizeof(segments));
    return blkback_pages_get(&tested, &command, readonly, used, segments);
}

/* Where each segment of the command is, after blkback_pages_get(). */
static void check_segments(bool readonly)
{
    for (unsigned int i = 0; i < command.segment_count; i++) {
        grant_ref_t gref = (grant_ref_t)command.segments[i];
        unsigned int first = (uint8_t)(command.segments[i] >> 32);
        unsigned int last = (uint8_t)(command.segments[i] >> 40);

        assert_in_range(used[i], 0, PLACES - 1);
        assert_true(places[used[i]].is_mapped);
        assert_int_equal(places[used[i]].gref, gref);
        assert_int_equal(places[used[i]].readonly, readonly);
        assert_ptr_equal(segments[i].va, window + used[i] * 4096 + first * 512);
        assert_int_equal(segments[i].maddr, 0x1000000000 + gref * 4096ull + first * 512);
        assert_int_equal(segments[i].length, (last - first + 1) * 512);
    }
}

static void get_and_put(grant_ref_t gref, unsigned int count)
{
    ask_for(gref, count);
    assert_int_equal(get(false), 0);
    check_segments(false);
    blkback_pages_put(&tested, used, count);
}

/* Has all places taken by references from 1 on, none in use. */
static void fill(void)
{
    for (unsigned int i = 0; i < 33; i++)
        get_and_put(1 + 32 * i, 32);
    assert_int_equal(tested.free_count, 0);
    assert_int_equal(mapped(), PLACES);
    map_calls = maps = 0;
}

/* ---- For one use ---- */

static void a_use_maps_and_its_end_unmaps(void **state)
{
    start(false);
    ask_for(100, 3);
    command.segments[1] = segment(100, 2, 4); /* the same page twice is mapped twice */
    command.sectors = 19;
    assert_int_equal(get(true), 0);
    check_segments(true);
    assert_int_equal(map_calls, 1);
    assert_int_equal(maps, 3);
    assert_int_equal(tested.free_count, PLACES - 3);
    assert_int_not_equal(used[0], used[1]);
    blkback_pages_put(&tested, used, 3);
    assert_int_equal(unmaps, 0);
    blkback_pages_flush(&tested);
    assert_int_equal(unmap_calls, 1);
    assert_int_equal(unmaps, 3);
    assert_int_equal(tested.free_count, PLACES);
    blkback_pages_flush(&tested);
    assert_int_equal(unmap_calls, 1);
    ask_for(100, 1);
    assert_int_equal(get(false), 0);
    check_segments(false);
    blkback_pages_put(&tested, used, 1);
    ask_for(7, 0); /* a flush */
    assert_int_equal(get(false), 0);
    assert_int_equal(maps, 4);
    stop();
}

static void many_are_unmapped_together(void **state)
{
    start(false);
    ask_for(1, 130);
    assert_int_equal(get(false), 0);
    blkback_pages_put(&tested, used, 64);
    assert_int_equal(unmaps, 0);
    blkback_pages_put(&tested, used + 64, 1);
    assert_int_equal(unmaps, 64);
    assert_int_equal(tested.free_count, PLACES - 130 + 64);
    blkback_pages_put(&tested, used + 65, 65);
    assert_int_equal(unmaps, 128);
    blkback_pages_flush(&tested);
    assert_int_equal(unmaps, 130);
    assert_int_equal(unmap_calls, 3);
    stop();
}

static void what_finds_no_place_takes_nothing(void **state)
{
    static uint16_t others[PLACES];

    start(false);
    for (unsigned int i = 0; i < 8; i++) {
        ask_for(1 + 128 * i, 128);
        assert_int_equal(get(false), 0);
        memcpy(&others[128 * i], used, 128 * sizeof(used[0]));
    }
    ask_for(5000, 33);
    assert_int_equal(get(false), -EAGAIN);
    assert_int_equal(mapped(), 1024 + 32); /* to be unmapped at the next flush */
    blkback_pages_flush(&tested);
    assert_int_equal(mapped(), 1024);
    assert_int_equal(tested.free_count, 32);
    ask_for(5000, 32);
    assert_int_equal(get(false), 0);
    check_segments(false);
    memcpy(&others[1024], used, 32 * sizeof(used[0]));
    ask_for(6000, 1);
    map_calls = 0;
    assert_int_equal(get(false), -EAGAIN);
    assert_int_equal(map_calls, 0);
    /* What is only to be unmapped makes room. */
    blkback_pages_put(&tested, others, 1);
    assert_int_equal(get(false), 0);
    check_segments(false);
    assert_int_equal(used[0], others[0]);
    blkback_pages_put(&tested, others, PLACES);
    blkback_pages_flush(&tested);
    assert_int_equal(tested.free_count, PLACES);
    stop();
}

static void a_wrong_reference_takes_nothing(void **state)
{
    start(false);
    ask_for(100, 5);
    command.segments[1] = segment(BAD, 0, 7);
    command.segments[3] = segment(BAD, 0, 7);
    assert_int_equal(get(false), -EINVAL);
    blkback_pages_flush(&tested);
    assert_int_equal(mapped(), 0);
    assert_int_equal(tested.free_count, PLACES);
    get_and_put(100, 5);
    stop();
}

/* The front is not to blame for what the hypervisor cannot do now, and the same works later. */
static void what_cannot_be_mapped_now_takes_nothing(void **state)
{
    static const int16_t statuses[] = {GNTST_eagain, GNTST_no_device_space};

    for (unsigned int i = 0; i < 4; i++) {
        bool persistent = i & 1;

        start(persistent);
        not_now = statuses[i / 2];
        ask_for(100, 5);
        command.segments[1] = segment(LATER, 0, 7);
        assert_int_equal(get(false), -EAGAIN);
        blkback_pages_flush(&tested);
        assert_int_equal(mapped(), persistent ? 4 : 0);
        assert_int_equal(tested.free_count, PLACES - mapped());
        if (persistent)
            assert_null(blkback_pages_peek(&tested, LATER));
        assert_int_equal(tested.free_count, PLACES - mapped());
        /* A wrong reference stays one, before it and behind it. */
        command.segments[3] = segment(BAD, 0, 7);
        assert_int_equal(get(false), -EINVAL);
        command.segments[0] = segment(BAD, 0, 7);
        command.segments[3] = segment(103, 0, 7);
        assert_int_equal(get(false), -EINVAL);
        blkback_pages_flush(&tested);
        not_now = 0;
        command.segments[0] = segment(100, 0, 7);
        assert_int_equal(get(false), 0);
        check_segments(false);
        blkback_pages_put(&tested, used, 5);
        stop();
    }
}

/* ---- To stay ---- */

static void pages_stay_mapped(void **state)
{
    start(true);
    ask_for(100, 4);
    command.segments[3] = segment(101, 0, 7);
    assert_int_equal(get(true), 0);
    check_segments(false); /* for whatever comes later */
    assert_int_equal(map_calls, 1);
    assert_int_equal(maps, 3);
    assert_int_equal(used[1], used[3]);
    assert_int_equal(tested.pages[used[1]].users, 2);
    blkback_pages_put(&tested, used, 4);
    blkback_pages_flush(&tested);
    assert_int_equal(mapped(), 3);
    /* Found again, whole pages and parts. */
    assert_int_equal(get(false), 0);
    check_segments(false);
    blkback_pages_put(&tested, used, 4);
    command.segments[0] = segment(102, 0, 2);
    command.segments[1] = segment(100, 7, 7);
    command.segments[2] = segment(101, 3, 4);
    command.segments[3] = segment(100, 1, 7);
    command.sectors = 13;
    assert_int_equal(get(false), 0);
    check_segments(false);
    assert_int_equal(tested.pages[used[1]].users, 2);
    blkback_pages_put(&tested, used, 4);
    assert_int_equal(maps, 3);
    /* Some are there, some are not. */
    ask_for(101, 3);
    command.segments[2] = segment(99, 5, 7);
    command.sectors = 19;
    assert_int_equal(get(false), 0);
    check_segments(false);
    blkback_pages_put(&tested, used, 3);
    assert_int_equal(maps, 4);
    assert_int_equal(mapped(), 4);
    stop();
}

/* References that are 2048 apart are in one chain of the hash. */
static void references_of_one_chain(void **state)
{
    grant_ref_t wrong = BAD;

    start(true);
    for (unsigned int i = 0; i < 3; i++)
        get_and_put(5 + 2048 * i, 1);
    assert_int_equal(maps, 3);
    for (unsigned int i = 0; i < 3; i++)
        get_and_put(5 + 2048 * i, 1);
    assert_int_equal(maps, 3);
    command.segment_count = 4;
    command.sectors = 32;
    for (unsigned int i = 0; i < 3; i++)
        command.segments[i] = segment(5 + 2048 * i, 0, 7);
    while (wrong % 2048 != 5)
        wrong++;
    command.segments[3] = segment(wrong, 0, 7);
    assert_int_equal(get(false), -EINVAL);
    assert_int_equal(tested.free_count, PLACES - 3);
    assert_int_equal(mapped(), 3);
    maps = 0;
    command.segment_count = 3;
    command.sectors = 24;
    assert_int_equal(get(false), 0);
    check_segments(false);
    blkback_pages_put(&tested, used, 3);
    assert_int_equal(maps, 0);
    stop();
}

/* The good ones of a command that fails stay for the next. */
static void a_wrong_reference_among_those_that_stay(void **state)
{
    start(true);
    get_and_put(102, 1);
    ask_for(100, 5);
    command.segments[1] = segment(BAD + 1, 0, 7);
    command.segments[4] = segment(BAD + 1, 0, 7);
    assert_int_equal(get(false), -EINVAL);
    assert_int_equal(mapped(), 3);
    assert_int_equal(tested.free_count, PLACES - 3);
    for (unsigned int i = 0; i < PLACES; i++)
        assert_int_equal(tested.pages[i].users, 0);
    maps = 0;
    get_and_put(100, 5);
    assert_int_equal(maps, 2);
    stop();
}

/* All were used since the hand last passed, so it goes round once; then it takes the first 64. */
static void the_oldest_make_room(void **state)
{
    start(true);
    fill();
    get_and_put(5000, 1);
    assert_int_equal(unmaps, 64);
    assert_int_equal(unmap_calls, 1);
    assert_int_equal(maps, 1);
    assert_int_equal(tested.free_count, 63);
    for (unsigned int i = 1; i <= PLACES; i++)
        assert_int_equal(is_mapped(i), i > 64);
    /* 65 to 74 are used again, the next 64 that were not go. */
    get_and_put(65, 10);
    get_and_put(6000, 63);
    assert_int_equal(tested.free_count, 0);
    get_and_put(7000, 1);
    assert_int_equal(unmaps, 128);
    for (unsigned int i = 65; i <= PLACES; i++)
        assert_int_equal(is_mapped(i), i <= 74 || i > 138);
    assert_true(is_mapped(5000));
    stop();
}

/* What is in use stays, and there is room for what is left. */
static void what_is_in_use_stays(void **state)
{
    static uint16_t others[PLACES];
    unsigned int at = 0;

    start(true);
    fill();
    /* All but four are in use. */
    for (unsigned int i = 0; i < 33; i++) {
        unsigned int count = i == 20 ? 28 : 32;

        ask_for(1 + 32 * i, count);
        assert_int_equal(get(false), 0);
        memcpy(&others[at], used, count * sizeof(used[0]));
        at += count;
    }
    assert_int_equal(maps, 0);
    ask_for(5000, 5);
    assert_int_equal(get(false), -EAGAIN);
    assert_int_equal(unmaps, 4);
    assert_int_equal(maps, 4); /* they stay, for the next time */
    assert_int_equal(mapped(), PLACES);
    ask_for(5000, 4);
    assert_int_equal(get(false), 0);
    check_segments(false);
    assert_int_equal(maps, 4);
    assert_null(blkback_pages_peek(&tested, 9000));
    blkback_pages_put(&tested, used, 4);
    blkback_pages_put(&tested, others, at);
    ask_for(1, 32);
    assert_int_equal(get(false), 0);
    check_segments(false);
    assert_int_equal(maps, 4);
    blkback_pages_put(&tested, used, 32);
    stop();
}

/* Even if that is the last place that the hand comes to, the second time. */
static void the_last_place_makes_room(void **state)
{
    static uint16_t others[PLACES];

    start(true);
    fill();
    for (unsigned int i = 0; i < 33; i++) {
        ask_for(1 + 32 * i, i < 32 ? 32 : 31);
        assert_int_equal(get(false), 0);
        memcpy(&others[32 * i], used, 32 * sizeof(used[0]));
    }
    ask_for(5000, 1);
    assert_int_equal(get(false), 0);
    check_segments(false);
    assert_false(is_mapped(1056));
    blkback_pages_put(&tested, used, 1);
    blkback_pages_put(&tested, others, PLACES - 1);
    stop();
}

static void a_page_is_looked_at(void **state)
{
    const void *va;

    start(true);
    va = blkback_pages_peek(&tested, 77);
    assert_non_null(va);
    assert_int_equal(places[place_of((uintptr_t)va)].gref, 77);
    assert_false(places[place_of((uintptr_t)va)].readonly);
    assert_int_equal(maps, 1);
    assert_ptr_equal(blkback_pages_peek(&tested, 77), va);
    assert_int_equal(maps, 1);
    assert_null(blkback_pages_peek(&tested, BAD));
    assert_int_equal(tested.free_count, PLACES - 1);
    get_and_put(77, 1);
    assert_int_equal(maps, 2);
    /* Looking counts as use: the hand passes it once more. */
    get_and_put(2000, 1);
    stop();

    start(true);
    fill();
    get_and_put(5000, 64);
    assert_false(is_mapped(64));
    assert_non_null(blkback_pages_peek(&tested, 65));
    get_and_put(6000, 1);
    assert_true(is_mapped(65));
    assert_false(is_mapped(66));
    stop();
}

static void memory_may_be_short(void **state)
{
    for (unsigned int i = 1; i <= 3; i++) {
        allocations = 0;
        fail_at = i;
        no_window = i == 3;
        assert_int_equal(blkback_pages_init(&tested, FRONT, true), -ENOMEM);
        assert_false(has_window);
        assert_null(tested.pages);
    }
}

/* A disk more would take the addresses that rings and new domains need. */
static void addresses_may_be_short(void **state)
{
    allocations = fail_at = 0;
    free_addresses--;
    assert_int_equal(blkback_pages_init(&tested, FRONT, true), -ENOSPC);
    free_addresses++;
    assert_int_equal(allocations, 0);
    assert_false(has_window);
    blkback_pages_destroy(&tested);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_use_maps_and_its_end_unmaps),
        cmocka_unit_test(many_are_unmapped_together),
        cmocka_unit_test(what_finds_no_place_takes_nothing),
        cmocka_unit_test(a_wrong_reference_takes_nothing),
        cmocka_unit_test(what_cannot_be_mapped_now_takes_nothing),
        cmocka_unit_test(pages_stay_mapped),
        cmocka_unit_test(references_of_one_chain),
        cmocka_unit_test(a_wrong_reference_among_those_that_stay),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(what_is_in_use_stays),
        cmocka_unit_test(the_last_place_makes_room),
        cmocka_unit_test(a_page_is_looked_at),
        cmocka_unit_test(memory_may_be_short),
        cmocka_unit_test(addresses_may_be_short),
    };

    return cmocka_run_group_tests_name("block pages", tests, NULL, NULL);
}
