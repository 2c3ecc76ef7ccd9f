/* SPDX-License-Identifier: MIT */
/*
 * Both ends of a block ring: what they agree on in both layouts, and what each says of an end that
 * breaks the protocol.
 */
/* SOURCES: pv-guest/drivers/blkback_ring.c pv-guest/drivers/blkfront_ring.c */
/* SOURCES: tests/host/changing_memory.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/blkback_ring.h>
#include <drivers/blkfront_ring.h>

#include "../../host/changing_memory.h"

#define PAGE    4096u
#define SECTORS 1000u

static uint8_t memory[BLKBACK_MAX_RING_PAGES * PAGE] __attribute__((aligned(PAGE)));
static struct blkfront_ring front;
static struct blkback_ring back;
static struct blkback_command command;
static const struct blkback_limits limits = {.sectors = SECTORS, .segments = 64};

static struct blkif_sring *shared(void)
{
    return (struct blkif_sring *)memory;
}

static int set_up(void **state)
{
    memset(memory, 0xa5, sizeof(memory));
    blkfront_ring_init(&front, memory, PAGE);
    blkback_ring_init(&back, memory, PAGE, false);
    return 0;
}

static const char *take(void)
{
    uint32_t waiting;

    assert_true(blkback_ring_waiting(&back, &waiting));
    assert_true(waiting > 0);
    return blkback_ring_take(&back, &limits, &command);
}

/* The front puts one read of `count` segments that the test then spoils; the back takes it. */
static struct blkif_request *put_read(uint64_t sector, unsigned int count)
{
    uint64_t segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];

    for (unsigned int i = 0; i < count; i++)
        segments[i] = blkfront_segment(100 + i, 0, 7);
    blkfront_ring_put(&front, BLKIF_OP_READ, 51712 & 0xffff, sector, segments, count);
    blkfront_ring_push(&front);
    return &shared()->ring[(front.req_prod - 1) & (front.slots - 1)].req;
}

static void sizes_are_those_of_the_protocol(void **state)
{
    assert_int_equal(back.slots, 32);
    assert_int_equal(front.slots, 32);
    for (unsigned int order = 0; order <= BLKBACK_MAX_RING_ORDER; order++) {
        blkfront_ring_init(&front, memory, PAGE << order);
        blkback_ring_init(&back, memory, PAGE << order, false);
        assert_int_equal(front.slots, 32 << order);
        assert_int_equal(back.slots, 32 << order);
        blkback_ring_init(&back, memory, PAGE << order, true);
        assert_int_equal(back.slots, 32 << order);
        assert_int_equal(back.slot_size, 108);
    }
}

static void a_request_goes_there_and_back(void **state)
{
    struct blkfront_answer answer;
    uint32_t count;

    put_read(40, 3);
    assert_null(take());
    assert_int_equal(command.kind, BLKBACK_READ);
    assert_int_equal(command.sector, 40);
    assert_int_equal(command.sectors, 24);
    assert_int_equal(command.segment_count, 3);
    assert_int_equal(blkback_segment_gref(command.segments[2]), 102);
    blkback_ring_answer(&back, command.id, command.operation, BLKIF_RSP_OKAY);
    assert_null(blkfront_ring_waiting(&front, &count));
    assert_int_equal(count, 0); /* not shown yet */
    assert_true(blkback_ring_push(&back));
    assert_null(blkfront_ring_waiting(&front, &count));
    assert_int_equal(count, 1);
    assert_null(blkfront_ring_take(&front, &answer));
    assert_int_equal(answer.id, command.id);
    assert_int_equal(answer.status, BLKIF_RSP_OKAY);
    assert_int_equal(blkfront_ring_room(&front), 32);
}

static void events_are_asked_for_and_sent(void **state)
{
    put_read(0, 1);
    assert_true(shared()->req_event == 1);
    assert_true(blkback_ring_sleep(&back)); /* something came before */
    assert_null(take());
    assert_false(blkback_ring_sleep(&back));
    blkfront_ring_put(&front, BLKIF_OP_FLUSH_DISKCACHE, 0, 0, NULL, 0);
    assert_true(blkfront_ring_push(&front));
    blkfront_ring_put(&front, BLKIF_OP_FLUSH_DISKCACHE, 0, 0, NULL, 0);
    assert_false(blkfront_ring_push(&front)); /* asked for once only */
    blkback_ring_answer(&back, 0, BLKIF_OP_READ, 0);
    assert_true(blkback_ring_push(&back));
    blkback_ring_answer(&back, 1, BLKIF_OP_FLUSH_DISKCACHE, 0);
    assert_false(blkback_ring_push(&back));
    assert_true(blkfront_ring_sleep(&front));
}

/* The 32-bit layout, byte by byte. */
static void narrow_fronts_are_understood(void **state)
{
    uint8_t *slot = memory + 64;

    blkback_ring_init(&back, memory, PAGE, true);
    memset(slot, 0, 216);
    slot[0] = BLKIF_OP_WRITE;
    slot[1] = 2;
    slot[4] = 77;
    slot[12] = 9;
    slot[20] = 5;
    slot[24 + 1] = 3;
    slot[28] = 6;
    slot[32] = 4;
    slot[32 + 1] = 7;
    slot[108] = BLKIF_OP_DISCARD;
    slot[108 + 4] = 78;
    slot[108 + 12] = 100;
    slot[108 + 20] = 200;
    slot[216] = BLKIF_OP_INDIRECT;
    slot[216 + 1] = BLKIF_OP_WRITE;
    slot[216 + 2] = 20;
    slot[216 + 3] = 0;
    memset(slot + 216 + 4, 0, 104);
    slot[216 + 4] = 79;
    slot[216 + 24] = 55;
    shared()->req_prod = 3;
    assert_null(take());
    assert_int_equal(command.kind, BLKBACK_WRITE);
    assert_int_equal(command.id, 77);
    assert_int_equal(command.sector, 9);
    assert_int_equal(command.sectors, 4 + 4);
    assert_int_equal(blkback_segment_gref(command.segments[1]), 6);
    assert_int_equal(blkback_segment_first(command.segments[1]), 4);
    assert_null(take());
    assert_int_equal(command.kind, BLKBACK_DISCARD);
    assert_int_equal(command.id, 78);
    assert_int_equal(command.sectors, 200);
    assert_int_equal(command.segment_count, 0); /* not those of the request before */
    assert_int_equal(command.page_count, 0);
    assert_null(take());
    assert_int_equal(command.id, 79);
    assert_int_equal(command.segment_count, 20);
    assert_int_equal(command.page_count, 1);
    assert_int_equal(command.pages[0], 55);
    blkback_ring_answer(&back, 77, BLKIF_OP_WRITE, BLKIF_RSP_ERROR);
    blkback_ring_answer(&back, 78, BLKIF_OP_DISCARD, BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(slot[0], 77);
    assert_int_equal(slot[8], BLKIF_OP_WRITE);
    assert_int_equal((int8_t)slot[10], BLKIF_RSP_ERROR);
    assert_int_equal((int8_t)slot[11], -1);
    assert_int_equal(slot[108], 78);
    assert_int_equal((int8_t)slot[118], BLKIF_RSP_EOPNOTSUPP);
}

static void indirect_segments_are_fetched(void **state)
{
    static uint64_t page[BLKIF_SEGMENTS_PER_PAGE];
    grant_ref_t gref = 500;

    for (unsigned int i = 0; i < 40; i++)
        page[i] = blkfront_segment(i, 0, 7);
    blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, 8, 40, &gref, 1);
    blkfront_ring_push(&front);
    assert_null(take());
    assert_int_equal(command.page_count, 1);
    assert_int_equal(command.pages[0], 500);
    assert_null(blkback_ring_segments(&command, &limits, 0, page));
    assert_int_equal(command.sectors, 320);
    assert_int_equal(blkback_segment_gref(command.segments[39]), 39);
    /* Changed afterwards: nothing of it is seen. */
    page[39] = blkfront_segment(0, 7, 0);
    assert_int_equal(blkback_segment_last(command.segments[39]), 7);
    command.sectors = 0;
    assert_non_null(blkback_ring_segments(&command, &limits, 0, page));
}

/*
 * Whole pages are distinguished from parts of pages, also where the parts together look like one.
 */
static void parts_of_pages_are_counted(void **state)
{
    static const struct {
        uint8_t first, last;
    } parts[][3] = {
        {{0, 7}, {3, 4}, {0, 7}}, {{0, 5}, {0, 3}, {0, 7}}, {{1, 7}, {0, 7}, {0, 7}},
        {{0, 0}, {7, 7}, {2, 5}}, {{0, 7}, {0, 7}, {0, 7}},
    };
    uint64_t segments[BLKIF_SEGMENTS_PER_PAGE] = {0};
    grant_ref_t gref = 1;

    for (unsigned int i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        uint64_t sectors = 9ull * 8;

        for (unsigned int j = 0; j < 12; j++) {
            unsigned int first = j < 3 ? parts[i][j].first : 0, last = j < 3 ? parts[i][j].last : 7;

            /* What is in the padding does not count. */
            segments[j] = blkfront_segment(j, first, last) | (uint64_t)j << 48;
            sectors += j < 3 ? last - first + 1u : 0;
        }
        blkfront_ring_put_indirect(&front, BLKIF_OP_READ, 0, 0, 12, &gref, 1);
        blkfront_ring_push(&front);
        assert_null(take());
        assert_null(blkback_ring_segments(&command, &limits, 0, segments));
        assert_int_equal(command.sectors, sectors);
    }
}

static void impossible_segments_are_seen(void **state)
{
    put_read(0, 1)->seg[0].last_sect = 8;
    assert_non_null(take());
    put_read(0, 1)->seg[0].first_sect = 7;
    assert_null(take());
    put_read(0, 2)->seg[1] = (struct blkif_request_segment){
        .gref = 1, .first_sect = 5, .last_sect = 4};
    assert_non_null(take());
    memset(memory + PAGE / 2, 0, PAGE / 2); /* the front's next slots would pass for segments */
    memset(&shared()->ring[front.req_prod & (front.slots - 1)], 0, 2 * back.slot_size);
    put_read(0, 1)->nr_segments = 12;
    assert_non_null(take());
    put_read(0, 1)->nr_segments = 255;
    assert_non_null(take());
    put_read(0, 1)->nr_segments = 0;
    assert_non_null(take());
}

/* The front changes each word as soon as it was read: what was checked is what is done. */
static void words_are_read_once(void **state)
{
    static uint64_t page[BLKIF_SEGMENTS_PER_PAGE] __attribute__((aligned(PAGE)));
    grant_ref_t gref = 500;

    put_read(40, 11);
    memory_changes(memory, PAGE, sizeof(uint64_t));
    assert_null(take());
    memory_stays();
    assert_int_equal(command.operation, BLKIF_OP_READ);
    assert_int_equal(command.kind, BLKBACK_READ);
    assert_int_equal(command.sector, 40);
    assert_int_equal(command.sectors, 88);
    assert_int_equal(command.segment_count, 11);
    for (unsigned int i = 0; i < 11; i++)
        assert_int_equal(command.segments[i], blkfront_segment(100 + i, 0, 7));
    set_up(NULL);
    for (unsigned int i = 0; i < 40; i++)
        page[i] = blkfront_segment(i, 1, 6);
    blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, 8, 40, &gref, 1);
    blkfront_ring_push(&front);
    memory_changes(memory, PAGE, sizeof(uint64_t));
    assert_null(take());
    memory_stays();
    assert_int_equal(command.operation, BLKIF_OP_WRITE);
    assert_int_equal(command.segment_count, 40);
    assert_int_equal(command.pages[0], 500);
    memory_changes(page, PAGE, sizeof(uint64_t));
    assert_null(blkback_ring_segments(&command, &limits, 0, page));
    memory_stays();
    assert_int_equal(command.sectors, 240);
    for (unsigned int i = 0; i < 40; i++)
        assert_int_equal(command.segments[i], blkfront_segment(i, 1, 6));
}

static void impossible_ranges_are_seen(void **state)
{
    put_read(SECTORS - 8, 1);
    assert_null(take());
    put_read(SECTORS - 7, 1);
    assert_non_null(take());
    put_read(SECTORS, 1);
    assert_non_null(take());
    put_read(~0ull, 1);
    assert_non_null(take());
    put_read(~0ull - 7, 1);
    assert_non_null(take());
    blkfront_ring_put_discard(&front, 0, 1, ~0ull);
    blkfront_ring_push(&front);
    assert_non_null(take());
}

static void wrong_indirect_requests_are_seen(void **state)
{
    static const struct {
        unsigned int count;
        uint8_t operation;
    } wrong[] = {{0, BLKIF_OP_READ},
                 {65, BLKIF_OP_READ},
                 {0xffff, BLKIF_OP_WRITE},
                 {12, BLKIF_OP_DISCARD},
                 {12, BLKIF_OP_INDIRECT}};
    grant_ref_t gref = 1;

    for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        blkfront_ring_put_indirect(&front, wrong[i].operation, 0, 0, wrong[i].count, &gref, 1);
        blkfront_ring_push(&front);
        assert_non_null(take());
    }
}

/* One segment is enough; and where none are offered, the operation is not there. */
static void indirect_requests_are_bounded(void **state)
{
    static const struct blkback_limits none = {.sectors = SECTORS};
    grant_ref_t gref = 500;
    uint64_t page[BLKIF_SEGMENTS_PER_PAGE] = {blkfront_segment(3, 0, 7)};

    blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, 8, 1, &gref, 1);
    blkfront_ring_push(&front);
    assert_null(take());
    assert_int_equal(command.segment_count, 1);
    assert_int_equal(command.page_count, 1);
    assert_null(blkback_ring_segments(&command, &limits, 0, page));
    assert_int_equal(command.sectors, 8);
    blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, 8, 12, &gref, 1);
    blkfront_ring_push(&front);
    assert_null(blkback_ring_take(&back, &none, &command));
    assert_int_equal(command.kind, BLKBACK_UNKNOWN);
    assert_int_equal(command.operation, BLKIF_OP_WRITE);
    assert_int_equal(command.page_count, 0);
}

static void unknown_operations_are_merely_not_there(void **state)
{
    put_read(0, 1)->operation = 99;
    assert_null(take());
    assert_int_equal(command.kind, BLKBACK_UNKNOWN);
    blkfront_ring_put_discard(&front, 0, 0, 8);
    blkfront_ring_push(&front);
    ((struct blkif_request_discard *)&shared()->ring[1].req)->flag = BLKIF_DISCARD_SECURE;
    assert_null(take());
    assert_int_equal(command.kind, BLKBACK_UNKNOWN);
}

static void a_jumping_producer_is_seen(void **state)
{
    uint32_t waiting;

    shared()->req_prod = 32;
    assert_true(blkback_ring_waiting(&back, &waiting));
    assert_int_equal(waiting, 32);
    shared()->req_prod = 33;
    assert_false(blkback_ring_waiting(&back, &waiting));
    shared()->req_prod = ~0u;
    assert_false(blkback_ring_waiting(&back, &waiting));
    shared()->req_prod = 32;
    for (unsigned int i = 0; i < 32; i++)
        blkback_ring_take(&back, &limits, &command);
    /* All taken, none answered: there cannot be another. */
    shared()->req_prod = 33;
    assert_false(blkback_ring_waiting(&back, &waiting));
    blkback_ring_answer(&back, 0, 0, 0);
    assert_true(blkback_ring_waiting(&back, &waiting));
    assert_int_equal(waiting, 1);
    shared()->req_prod = 31; /* backwards */
    assert_false(blkback_ring_waiting(&back, &waiting));
}

static void impossible_answers_are_seen(void **state)
{
    struct blkfront_answer answer;
    uint32_t count;

    put_read(0, 1);
    shared()->rsp_prod = 2;
    assert_non_null(blkfront_ring_waiting(&front, &count));
    shared()->rsp_prod = 1;
    assert_null(blkfront_ring_waiting(&front, &count));
    shared()->ring[0].rsp = (struct blkif_response){.id = 31, .operation = BLKIF_OP_READ};
    assert_non_null(blkfront_ring_take(&front, &answer)); /* not asked */
    set_up(NULL);
    put_read(0, 1);
    shared()->ring[0].rsp = (struct blkif_response){.id = 32, .operation = BLKIF_OP_READ};
    assert_non_null(blkfront_ring_take(&front, &answer)); /* no id */
    set_up(NULL);
    put_read(0, 1);
    shared()->ring[0].rsp = (struct blkif_response){.id = 0, .operation = BLKIF_OP_WRITE};
    assert_non_null(blkfront_ring_take(&front, &answer));
    set_up(NULL);
    put_read(0, 1);
    shared()->ring[0].rsp = (struct blkif_response){.operation = BLKIF_OP_READ, .status = 1};
    assert_non_null(blkfront_ring_take(&front, &answer));
    set_up(NULL);
    put_read(0, 1);
    put_read(0, 1);
    shared()->ring[0].rsp = shared()->ring[1].rsp = (struct blkif_response){
        .id = 0, .operation = BLKIF_OP_READ};
    assert_null(blkfront_ring_take(&front, &answer));
    assert_non_null(blkfront_ring_take(&front, &answer)); /* twice */
}

static void indices_may_wrap(void **state)
{
    struct blkfront_answer answer;
    uint32_t count;

    front.req_prod = front.req_pushed = front.rsp_cons = ~0u - 2;
    back.req_cons = back.rsp_prod = back.rsp_pushed = ~0u - 2;
    shared()->req_prod = shared()->rsp_prod = ~0u - 2;
    for (unsigned int i = 0; i < 8; i++) {
        put_read(i, 1);
        assert_null(take());
        assert_int_equal(command.sector, i);
        blkback_ring_answer(&back, command.id, command.operation, BLKIF_RSP_OKAY);
        blkback_ring_push(&back);
        assert_null(blkfront_ring_waiting(&front, &count));
        assert_int_equal(count, 1);
        assert_null(blkfront_ring_take(&front, &answer));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sizes_are_those_of_the_protocol, set_up),
        cmocka_unit_test_setup(a_request_goes_there_and_back, set_up),
        cmocka_unit_test_setup(events_are_asked_for_and_sent, set_up),
        cmocka_unit_test_setup(narrow_fronts_are_understood, set_up),
        cmocka_unit_test_setup(indirect_segments_are_fetched, set_up),
        cmocka_unit_test_setup(parts_of_pages_are_counted, set_up),
        cmocka_unit_test_setup(impossible_segments_are_seen, set_up),
        cmocka_unit_test_setup(words_are_read_once, set_up),
        cmocka_unit_test_setup(impossible_ranges_are_seen, set_up),
        cmocka_unit_test_setup(wrong_indirect_requests_are_seen, set_up),
        cmocka_unit_test_setup(indirect_requests_are_bounded, set_up),
        cmocka_unit_test_setup(unknown_operations_are_merely_not_there, set_up),
        cmocka_unit_test_setup(a_jumping_producer_is_seen, set_up),
        cmocka_unit_test_setup(impossible_answers_are_seen, set_up),
        cmocka_unit_test_setup(indices_may_wrap, set_up),
    };

    return cmocka_run_group_tests_name("block rings", tests, NULL, NULL);
}
