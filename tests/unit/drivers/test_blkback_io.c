/* SPDX-License-Identifier: MIT */
/*
 * The rounds of the block back driver's data path: how much one takes of a front that is always
 * ahead, what it does not take from one that may only read, and when events are let in again. Disk,
 * pages and events are the test's; ring and data path are real.
 */
/* SOURCES: pv-guest/drivers/blkback_io.c pv-guest/drivers/blkback_ring.c */
/* SOURCES: pv-guest/drivers/blkfront_ring.c pv-guest/drivers/block.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/blkback.h>
#include <drivers/blkfront_ring.h>
#include <errno.h>
#include <events.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 4096
#define PORT    5

static uint8_t ring_memory[BLKBACK_MAX_RING_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct split_device split;
static struct block_device disk;
static struct blkfront_ring front;
static struct blkback back;

/* ---- The kernel ---- */

static bool masked;
static unsigned int unmasked, failures;

void work_schedule(struct work *work)
{
    work->scheduled = true;
}

void work_cancel(struct work *work)
{
    work->scheduled = false;
}

void event_mask(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    masked = true;
}

void event_unmask(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    masked = false;
    unmasked++;
}

int event_send(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    return 0;
}

bool events_disable(void)
{
    return true;
}

void events_restore(bool enabled)
{
}

static void run(void)
{
    back.work.scheduled = false;
    back.work.run(&back.work);
}

void wait_on(struct wait_queue *queue)
{
    run();
}

void wake_all(struct wait_queue *queue)
{
}

void *page_alloc(void)
{
    return page;
}

void pages_free(void *pages, unsigned long count)
{
    assert_ptr_equal(pages, page);
    assert_int_equal(count, 1);
}

int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length)
{
    (void)local, (void)domid, (void)reference, (void)offset, (void)length;
    return -EINVAL;
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    (void)device, (void)error, (void)format;
    failures++;
}

/* ---- Pages: one, whatever the reference ---- */

int blkback_pages_init(struct blkback_pages *pages, domid_t domid, bool persistent)
{
    (void)pages, (void)domid, (void)persistent;
    return 0;
}

void blkback_pages_destroy(struct blkback_pages *pages)
{
}

int blkback_pages_get(struct blkback_pages *pages, const struct blkback_command *command,
                      bool readonly, uint16_t *used, struct block_segment *segments)
{
    (void)pages, (void)readonly;
    for (unsigned int i = 0; i < command->segment_count; i++) {
        used[i] = 0;
        segments[i] = (struct block_segment){.va = page, .length = PAGE_SIZE};
    }
    return 0;
}

void blkback_pages_put(struct blkback_pages *pages, const uint16_t *used, unsigned int count)
{
    (void)pages, (void)used, (void)count;
}

void blkback_pages_flush(struct blkback_pages *pages)
{
}

const void *blkback_pages_peek(struct blkback_pages *pages, grant_ref_t gref)
{
    (void)pages, (void)gref;
    return NULL;
}

/* ---- A disk in memory, and a front that is ahead of it ---- */

static unsigned int submitted[5], segments_submitted;
static uint8_t ahead_with; /* an operation that the front end requests again and again; 0: none */
static unsigned int ahead_segments;

/* As another CPU would while we are at it: the ring is full again, as far as answers were seen. */
static void get_ahead(void)
{
    uint64_t segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];

    for (unsigned int i = 0; i < ahead_segments; i++)
        segments[i] = blkfront_segment(1, 0, 7);
    while (front.req_prod - back.ring.rsp_prod < front.slots) {
        front.free_count = front.slots; /* it cares for no answers */
        blkfront_ring_put(&front, ahead_with, 0, 0, segments, ahead_segments);
    }
    blkfront_ring_push(&front);
}

static void disk_submit(struct block_device *device, struct block_request *request)
{
    submitted[request->operation]++;
    segments_submitted += request->segment_count;
    request->done(request, 0);
    if (ahead_with)
        get_ahead();
}

static const struct block_operations operations = {.submit = disk_submit};

static void start(enum block_access access, unsigned int ring_pages)
{
    memset(&back, 0, sizeof(back));
    memset(ring_memory, 0, sizeof(ring_memory));
    memset(submitted, 0, sizeof(submitted));
    segments_submitted = unmasked = failures = 0;
    masked = false;
    ahead_with = 0;
    disk = (struct block_device){.operations = &operations,
                                 .disk = &disk,
                                 .sectors = SECTORS,
                                 .logical_size = SECTOR_SIZE,
                                 .max_segments = BLKBACK_MAX_SEGMENTS,
                                 .flush = true,
                                 .discard = true};
    back.split = &split;
    back.port = PORT;
    back.claim.access = access;
    back.claim.device = &disk;
    back.limits = (struct blkback_limits){.sectors = SECTORS, .segments = BLKBACK_MAX_SEGMENTS};
    blkfront_ring_init(&front, ring_memory, ring_pages * PAGE_SIZE);
    assert_int_equal(
        blkback_io_start(&back, ring_memory, ring_pages * (uint32_t)PAGE_SIZE, false, false), 0);
}

static void stop(void)
{
    ahead_with = 0;
    blkback_io_stop(&back);
    assert_int_equal(back.under_way, 0);
    assert_int_equal(failures, 0);
}

/* ---- The tests ---- */

static void a_round_ends_however_much_is_asked(void **state)
{
    static const struct {
        uint8_t operation;
        unsigned int segments, at_most;
    } cases[] = {
        {BLKIF_OP_READ, 1, 64},
        {BLKIF_OP_READ, 11, 47},
        {BLKIF_OP_FLUSH_DISKCACHE, 0, 64},
        {77, 0, 64},
    };

    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start(BLOCK_WRITER, BLKBACK_MAX_RING_PAGES);
        ahead_with = cases[i].operation;
        ahead_segments = cases[i].segments;
        get_ahead();
        blkback_io_event(PORT, &back);
        for (unsigned int round = 1; round <= 50; round++) {
            run();
            assert_int_equal(back.ring.req_cons, round * cases[i].at_most);
            assert_true(back.work.scheduled);
            assert_true(masked);
            get_ahead();
        }
        stop();
    }
}

static void events_come_again_when_the_ring_is_empty(void **state)
{
    uint64_t segment = blkfront_segment(1, 0, 7);

    start(BLOCK_WRITER, 1);
    blkfront_ring_put(&front, BLKIF_OP_READ, 0, 0, &segment, 1);
    assert_true(blkfront_ring_push(&front));
    blkback_io_event(PORT, &back);
    assert_true(masked);
    run();
    assert_false(masked);
    assert_int_equal(unmasked, 1);
    /* The answer needs a round, but no event. */
    assert_true(back.work.scheduled);
    run();
    assert_int_equal(back.ring.rsp_pushed, 1);
    assert_false(back.work.scheduled);
    assert_int_equal(unmasked, 1);

    /* A front that broke the protocol is not listened to. */
    front.req_prod += 1000;
    blkfront_ring_push(&front);
    blkback_io_event(PORT, &back);
    run();
    assert_int_equal(failures, 1);
    assert_true(masked);
    failures = 0;
    stop();
}

/* The next answer's status. */
static int16_t ask(void)
{
    struct blkfront_answer answer;
    uint32_t waiting;

    blkfront_ring_push(&front);
    do
        run();
    while (back.work.scheduled);
    assert_null(blkfront_ring_waiting(&front, &waiting));
    assert_int_equal(waiting, 1);
    assert_null(blkfront_ring_take(&front, &answer));
    return answer.status;
}

static int16_t ask_for(uint8_t operation, unsigned int count)
{
    uint64_t segment = blkfront_segment(1, 0, 7);

    blkfront_ring_put(&front, operation, 0, 0, &segment, count);
    return ask();
}

static void assert_counters(uint64_t reads, uint64_t sectors_read, uint64_t writes,
                            uint64_t sectors_written)
{
    assert_int_equal(back.counters.reads, reads);
    assert_int_equal(back.counters.sectors_read, sectors_read);
    assert_int_equal(back.counters.writes, writes);
    assert_int_equal(back.counters.sectors_written, sectors_written);
}

static void a_reader_changes_nothing(void **state)
{
    grant_ref_t indirect = 9;

    start(BLOCK_READER, 1);
    assert_int_equal(ask_for(BLKIF_OP_WRITE, 1), BLKIF_RSP_ERROR);
    assert_int_equal(ask_for(BLKIF_OP_WRITE_BARRIER, 1), BLKIF_RSP_ERROR);
    assert_int_equal(ask_for(BLKIF_OP_FLUSH_DISKCACHE, 1), BLKIF_RSP_ERROR);
    blkfront_ring_put_discard(&front, 0, 0, 8);
    assert_int_equal(ask(), BLKIF_RSP_ERROR);
    blkfront_ring_put_indirect(&front, BLKIF_OP_WRITE, 0, 0, 20, &indirect, 1);
    assert_int_equal(ask(), BLKIF_RSP_ERROR);
    assert_int_equal(ask_for(77, 0), BLKIF_RSP_EOPNOTSUPP);
    for (unsigned int i = 0; i < sizeof(submitted) / sizeof(submitted[0]); i++)
        assert_int_equal(submitted[i], 0);
    assert_int_equal(ask_for(BLKIF_OP_READ, 1), BLKIF_RSP_OKAY);
    assert_int_equal(ask_for(BLKIF_OP_FLUSH_DISKCACHE, 0), BLKIF_RSP_OKAY);
    assert_counters(1, 8, 0, 0);
    stop();

    start(BLOCK_SHARED_WRITER, 1);
    assert_int_equal(ask_for(BLKIF_OP_WRITE, 1), BLKIF_RSP_OKAY);
    assert_int_equal(ask_for(BLKIF_OP_WRITE_BARRIER, 1), BLKIF_RSP_OKAY);
    assert_int_equal(submitted[BLOCK_WRITE], 2);
    assert_int_equal(submitted[BLOCK_FLUSH], 2);
    blkfront_ring_put_discard(&front, 0, 0, 8);
    assert_int_equal(ask(), BLKIF_RSP_OKAY);
    /* A barrier is no write of Linux's counters, but what it wrote counts. */
    assert_counters(0, 0, 1, 16);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_ends_however_much_is_asked),
        cmocka_unit_test(events_come_again_when_the_ring_is_empty),
        cmocka_unit_test(a_reader_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
