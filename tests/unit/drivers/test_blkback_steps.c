/* SPDX-License-Identifier: MIT */
/*
 * What the block back driver asks of the disk for each request, and what of the pages, in which
 * order: barriers and flushes step by step, indirect requests, requests that wait, what fails, and
 * the end. The disk is the test's and completes what it is told to; ring and data path are real.
 */
/* SOURCES: pv-guest/drivers/blkback_io.c pv-guest/drivers/blkback_ring.c */
/* SOURCES: pv-guest/drivers/blkfront_ring.c */
/* SOURCES: tests/unit/drivers/notes.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
/* CFLAGS: -Dmalloc=counted_malloc */
#undef malloc
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

#include "notes.h"

#define PORT  5
#define FRONT 7

static uint8_t ring_memory[BLKBACK_MAX_RING_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct split_device split = {.other = FRONT};
static struct block_device disk;
static struct blkfront_ring front;
static struct blkback back;

/* ---- The kernel ---- */

static bool no_memory, no_page;
static unsigned int allocated_pages;
static uint64_t front_page[BLKIF_SEGMENTS_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static int copy_error;

void *counted_malloc(size_t size);

void *counted_malloc(size_t size)
{
    return no_memory ? NULL : malloc(size);
}

void work_schedule(struct work *work)
{
    work->scheduled = true;
}

void work_cancel(struct work *work)
{
    note("cancel ");
    work->scheduled = false;
}

void event_mask(evtchn_port_t port)
{
}

void event_unmask(evtchn_port_t port)
{
    note("unmask ");
}

int event_send(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    note("event ");
    return 0;
}

bool events_disable(void)
{
    return true;
}

void events_restore(bool enabled)
{
}

static void complete(int error);

static void run(void)
{
    back.work.scheduled = false;
    back.work.run(&back.work);
}

static bool woken;

/* The disk ends what is under way while somebody waits for the end. */
void wait_on(struct wait_queue *queue)
{
    assert_ptr_equal(queue, &back.idle_queue);
    note("wait ");
    woken = false;
    run();
    assert_false(woken);
    while (!woken) {
        complete(0);
        assert_true(back.work.scheduled);
        run();
    }
}

void wake_all(struct wait_queue *queue)
{
    assert_ptr_equal(queue, &back.idle_queue);
    woken = true;
}

void *page_alloc(void)
{
    if (no_page)
        return NULL;
    allocated_pages++;
    return aligned_alloc(PAGE_SIZE, PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    assert_int_equal(count, 1);
    allocated_pages--;
    free(pages);
}

int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length)
{
    assert_int_equal(domid, FRONT);
    note("copy(%u, %u, %u) ", reference, offset, length);
    memcpy(local, front_page, sizeof(front_page));
    return copy_error;
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    char text[120];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    note("fail(%d, %s) ", error, text);
}

/* ---- Pages ---- */

static int get_error, init_error;
static const void *peeked;

int blkback_pages_init(struct blkback_pages *pages, domid_t domid, bool persistent)
{
    assert_int_equal(domid, FRONT);
    pages->persistent = persistent;
    return init_error;
}

void blkback_pages_destroy(struct blkback_pages *pages)
{
    note("destroy ");
}

int blkback_pages_get(struct blkback_pages *pages, const struct blkback_command *command,
                      bool readonly, uint16_t *used, struct block_segment *segments)
{
    note("get(%u%s) ", command->segment_count, readonly ? ", readonly" : "");
    for (unsigned int i = 0; i < command->segment_count; i++) {
        used[i] = (uint16_t)(40 + i);
        segments[i].maddr = command->segments[i];
    }
    return get_error;
}

void blkback_pages_put(struct blkback_pages *pages, const uint16_t *used, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        assert_int_equal(used[i], 40 + i);
    note("put(%u) ", count);
}

void blkback_pages_flush(struct blkback_pages *pages)
{
    if (strstr(notes, "put"))
        note("flush ");
}

const void *blkback_pages_peek(struct blkback_pages *pages, grant_ref_t gref)
{
    note("peek(%u) ", gref);
    return peeked;
}

/* ---- The disk ---- */

static struct block_request *queue[256];
static unsigned int queued;

void block_submit(struct block_device *device, struct block_request *request)
{
    static const char *const names[] = {"read", "write", "flush", "discard"};

    assert_ptr_equal(device, &disk);
    note("%s(%u, %llu", names[request->operation], request->segment_count,
         (unsigned long long)request->sector);
    if (request->operation == BLOCK_DISCARD)
        note(", %llu", (unsigned long long)request->sectors);
    note(") ");
    queue[queued++] = request;
}

static void kick(struct block_device *device)
{
    note("kick ");
}

static const struct block_operations operations = {.kick = kick};

/* Ends the request that came first. */
static void complete(int error)
{
    struct block_request *request = queue[0];

    assert_true(queued > 0);
    memmove(queue, queue + 1, --queued * sizeof(queue[0]));
    request->done(request, error);
}

static void start(bool persistent)
{
    memset(&back, 0, sizeof(back));
    memset(ring_memory, 0, sizeof(ring_memory));
    notes[0] = '\0';
    queued = allocated_pages = 0;
    get_error = copy_error = init_error = 0;
    no_memory = no_page = false;
    peeked = NULL;
    disk = (struct block_device){
        .operations = &operations, .disk = &disk, .flush = true, .discard = true};
    back.split = &split;
    back.port = PORT;
    back.claim.access = BLOCK_WRITER;
    back.claim.device = &disk;
    back.limits = (struct blkback_limits){.sectors = 5000, .segments = BLKBACK_MAX_SEGMENTS};
    blkfront_ring_init(&front, ring_memory, 8 * PAGE_SIZE);
    assert_int_equal(
        blkback_io_start(&back, ring_memory, 8 * (uint32_t)PAGE_SIZE, false, persistent), 0);
    assert_int_equal(allocated_pages, 1);
}

static void stop(void)
{
    notes[0] = '\0';
    blkback_io_stop(&back);
    assert_noted("cancel destroy ");
    assert_int_equal(allocated_pages, 0);
    assert_null(back.copy);
}

static void put(uint8_t operation, uint64_t sector, unsigned int count)
{
    uint64_t segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];

    for (unsigned int i = 0; i < count; i++)
        segments[i] = blkfront_segment(100 + i, 0, 7);
    blkfront_ring_put(&front, operation, 0, sector, segments, count);
    blkfront_ring_push(&front);
}

/* The answers that the front was shown since the last time: operation and status of each. */
static const char *answers(void)
{
    static char text[1024];
    struct blkfront_answer answer;
    uint32_t count;

    text[0] = '\0';
    assert_null(blkfront_ring_waiting(&front, &count));
    while (count-- > 0) {
        assert_null(blkfront_ring_take(&front, &answer));
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d ", answer.status);
    }
    blkfront_ring_sleep(&front);
    return text;
}

/* ---- Tests ---- */

static void a_read_and_a_write(void **state)
{
    start(false);
    put(BLKIF_OP_READ, 30, 2);
    put(BLKIF_OP_WRITE, 70, 11);
    run();
    assert_noted("get(2) read(2, 30) get(11, readonly) write(11, 70) kick ");
    assert_int_equal(queue[1]->segments[10].maddr, blkfront_segment(110, 0, 7));
    assert_string_equal(answers(), "");
    complete(0);
    assert_true(back.work.scheduled);
    complete(-EIO);
    run();
    assert_noted("put(2) put(11) flush kick event ");
    assert_string_equal(answers(), "0 -1 ");
    run(); /* there is nothing to say */
    assert_noted("kick ");
    stop();
}

static void a_flush_and_a_discard(void **state)
{
    start(false);
    put(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    blkfront_ring_put_discard(&front, 0, 16, 24);
    blkfront_ring_push(&front);
    run();
    assert_noted("get(0, readonly) flush(0, 0) get(0, readonly) discard(0, 16, 24) kick ");
    complete(-EOPNOTSUPP);
    complete(0);
    run();
    assert_noted("put(0) put(0) flush kick event ");
    assert_string_equal(answers(), "-2 0 ");
    disk.flush = disk.discard = false;
    put(BLKIF_OP_FLUSH_DISKCACHE, 0, 0);
    put(BLKIF_OP_WRITE_BARRIER, 0, 1);
    blkfront_ring_put_discard(&front, 0, 16, 24);
    blkfront_ring_push(&front);
    run();
    assert_noted("kick event ");
    assert_string_equal(answers(), "-2 -2 -2 ");
    stop();
}

/* It waits for what came before, what comes behind it waits for it. */
static void a_barrier_step_by_step(void **state)
{
    start(false);
    put(BLKIF_OP_WRITE, 8, 1);
    put(BLKIF_OP_READ, 16, 1);
    put(BLKIF_OP_WRITE_BARRIER, 24, 3);
    put(BLKIF_OP_READ, 32, 1);
    run();
    assert_noted("get(1, readonly) write(1, 8) get(1) read(1, 16) get(3, readonly) kick ");
    complete(0);
    run();
    assert_noted("put(1) flush kick event ");
    assert_string_equal(answers(), "0 ");
    complete(0);
    run();
    assert_noted("put(1) flush flush(0, 24) kick event ");
    assert_string_equal(answers(), "0 ");
    complete(0);
    run();
    assert_noted("write(3, 24) kick ");
    complete(0);
    run();
    assert_noted("flush(0, 24) kick ");
    complete(0);
    run();
    assert_noted("put(3) flush get(1) read(1, 32) kick event ");
    assert_string_equal(answers(), "0 ");
    complete(0);
    run();
    assert_string_equal(answers(), "0 ");
    stop();
}

static void other_requests_that_order(void **state)
{
    start(false);
    put(BLKIF_OP_FLUSH_DISKCACHE, 40, 2); /* flushes, then writes */
    run();
    assert_noted("get(2, readonly) flush(0, 40) kick ");
    complete(0);
    run();
    assert_noted("write(2, 40) kick ");
    complete(0);
    run();
    assert_noted("put(2) flush kick event ");
    assert_string_equal(answers(), "0 ");
    put(BLKIF_OP_WRITE_BARRIER, 0, 0); /* without data: one flush */
    run();
    assert_noted("get(0, readonly) flush(0, 0) kick ");
    complete(0);
    run();
    assert_noted("put(0) flush kick event ");
    assert_string_equal(answers(), "0 ");
    put(BLKIF_OP_WRITE_BARRIER, 0, 1); /* whose flush fails: nothing is written */
    run();
    complete(-EIO);
    run();
    assert_noted("get(1, readonly) flush(0, 0) kick put(1) flush kick event ");
    assert_string_equal(answers(), "-1 ");
    stop();
}

static void put_indirect(uint8_t operation, unsigned int count)
{
    grant_ref_t gref = 66;

    for (unsigned int i = 0; i < count; i++)
        front_page[i] = blkfront_segment(300 + i, 0, 7);
    blkfront_ring_put_indirect(&front, operation, 0, 8, count, &gref, 1);
    blkfront_ring_push(&front);
}

static void segments_are_fetched(void **state)
{
    start(false);
    put_indirect(BLKIF_OP_WRITE, 256);
    run();
    assert_noted("copy(66, 0, 4096) get(256, readonly) write(256, 8) kick ");
    assert_int_equal(queue[0]->segments[255].maddr, blkfront_segment(555, 0, 7));
    complete(0);
    run();
    assert_noted("put(256) flush kick event ");
    assert_string_equal(answers(), "0 ");
    copy_error = -1;
    put_indirect(BLKIF_OP_READ, 20);
    run();
    assert_noted("copy(66, 0, 4096) fail(-71, a wrong grant reference for indirect segments) "
                 "kick ");
    stop();

    start(true);
    peeked = front_page;
    put_indirect(BLKIF_OP_READ, 20);
    run();
    assert_noted("peek(66) get(20) read(20, 8) kick ");
    peeked = NULL; /* no place for it */
    put_indirect(BLKIF_OP_READ, 20);
    run();
    assert_noted("peek(66) copy(66, 0, 4096) get(20) read(20, 8) kick ");
    complete(0);
    complete(0);
    run();
    put_indirect(BLKIF_OP_READ, 20);
    front_page[19] = blkfront_segment(1, 5, 4);
    notes[0] = '\0';
    run();
    assert_noted("peek(66) copy(66, 0, 4096) fail(-71, a segment is no part of a page) kick ");
    stop();
}

/* What finds no page begins when something has ended, and its segments are not fetched again. */
static void requests_wait_for_pages(void **state)
{
    start(false);
    put(BLKIF_OP_READ, 8, 1);
    run();
    put_indirect(BLKIF_OP_READ, 20);
    put(BLKIF_OP_READ, 16, 1);
    get_error = -EAGAIN;
    notes[0] = '\0';
    run();
    assert_noted("copy(66, 0, 4096) get(20) kick ");
    run();
    assert_noted("get(20) kick ");
    get_error = 0;
    complete(0);
    run();
    assert_noted("put(1) flush get(20) read(20, 8) get(1) read(1, 16) kick event ");
    complete(0);
    complete(0);
    run();
    assert_string_equal(answers(), "0 0 0 ");
    /* With nothing under way there is nothing to wait for. */
    get_error = -EAGAIN;
    put(BLKIF_OP_READ, 8, 1);
    notes[0] = '\0';
    run();
    assert_noted("get(1) kick event ");
    assert_string_equal(answers(), "-1 ");
    get_error = -EINVAL;
    put(BLKIF_OP_READ, 8, 1);
    run();
    assert_noted("get(1) fail(-71, a wrong grant reference) kick ");
    put(BLKIF_OP_READ, 8, 1);
    run(); /* it is not listened to any more */
    assert_noted("kick ");
    stop();
}

/* Segments that the hypervisor cannot copy now are no fault of the front's. */
static void requests_wait_for_their_segments(void **state)
{
    start(false);
    put(BLKIF_OP_READ, 8, 1);
    run();
    copy_error = GNTST_eagain;
    put_indirect(BLKIF_OP_READ, 20);
    notes[0] = '\0';
    run();
    assert_noted("copy(66, 0, 4096) kick ");
    assert_int_equal(back.counters.held_back, 1);
    copy_error = 0;
    complete(0);
    run();
    assert_noted("put(1) flush copy(66, 0, 4096) get(20) read(20, 8) kick event ");
    complete(0);
    run();
    assert_string_equal(answers(), "0 0 ");
    /* With nothing under way nobody would try again. */
    copy_error = GNTST_no_device_space;
    put_indirect(BLKIF_OP_READ, 20);
    notes[0] = '\0';
    run();
    assert_noted("copy(66, 0, 4096) kick event ");
    assert_string_equal(answers(), "-1 ");
    assert_false(back.stopping);
    stop();
}

/* 128 may be under way; and a request that was given back is used again. */
static void requests_wait_for_requests(void **state)
{
    start(false);
    for (unsigned int i = 0; i < 130; i++)
        put(BLKIF_OP_READ, 8, 1);
    for (unsigned int i = 0; i < 4; i++)
        run();
    assert_int_equal(queued, 128);
    notes[0] = '\0';
    run();
    assert_noted("kick ");
    complete(0);
    run();
    assert_noted("put(1) flush get(1) read(1, 8) kick event ");
    while (queued > 0)
        complete(0);
    run();
    assert_int_equal(queued, 1);
    complete(0);
    run();
    answers();
    /* Without memory those that exist have to do. */
    no_memory = true;
    get_error = -EAGAIN;
    put(BLKIF_OP_READ, 8, 1);
    run();
    get_error = 0;
    for (unsigned int i = 0; i < 128; i++)
        put(BLKIF_OP_READ, 8, 1);
    run();
    run();
    run();
    assert_int_equal(queued, 128);
    while (queued > 0)
        complete(0);
    run();
    stop();
}

static void memory_may_be_short(void **state)
{
    start(false);
    no_memory = true;
    put(BLKIF_OP_READ, 8, 1);
    notes[0] = '\0';
    run();
    assert_noted("get(1) read(1, 8) kick "); /* one can always be under way */
    put(BLKIF_OP_READ, 16, 1);
    run();
    assert_noted("kick "); /* it waits for that one */
    complete(0);
    run();
    assert_noted("put(1) flush get(1) read(1, 16) kick event ");
    complete(0);
    run();
    assert_string_equal(answers(), "0 0 ");
    stop();
    assert_int_equal(blkback_io_start(&back, ring_memory, PAGE_SIZE, false, false), -ENOMEM);
    assert_noted("destroy ");
    assert_int_equal(allocated_pages, 0);
    no_memory = false;
    no_page = true;
    assert_int_equal(blkback_io_start(&back, ring_memory, PAGE_SIZE, false, false), -ENOMEM);
    assert_noted("destroy ");
    init_error = -ENOMEM;
    assert_int_equal(blkback_io_start(&back, ring_memory, PAGE_SIZE, false, false), -ENOMEM);
    assert_noted("");
}

/* The end waits for what is under way, which is answered to nobody. */
static void the_end_waits(void **state)
{
    start(false);
    put(BLKIF_OP_READ, 8, 1);
    put(BLKIF_OP_WRITE, 16, 2);
    run();
    notes[0] = '\0';
    put(BLKIF_OP_READ, 8, 1); /* is not taken */
    blkback_io_stop(&back);
    assert_noted("wait kick put(1) flush kick put(2) flush kick cancel destroy ");
    assert_string_equal(answers(), "");
    assert_int_equal(allocated_pages, 0);
}

/* The round's end: after 64 requests, or 512 segments, whatever waits then. */
static void rounds_end(void **state)
{
    start(false);
    for (unsigned int i = 0; i < 65; i++)
        put(BLKIF_OP_READ, 8, 1);
    run();
    assert_int_equal(queued, 64);
    assert_true(back.work.scheduled);
    run();
    assert_int_equal(queued, 65);
    assert_false(back.work.scheduled);
    while (queued > 0)
        complete(0);
    run();
    answers();
    for (unsigned int i = 0; i < 3; i++)
        put_indirect(BLKIF_OP_READ, 256);
    run();
    assert_int_equal(queued, 2);
    assert_true(back.work.scheduled);
    run();
    assert_int_equal(queued, 3);
    assert_false(back.work.scheduled);
    while (queued > 0)
        complete(0);
    run();
    answers();
    put_indirect(BLKIF_OP_READ, 256); /* with 511 there may be another */
    put_indirect(BLKIF_OP_READ, 255);
    put(BLKIF_OP_READ, 8, 1);
    run();
    assert_int_equal(queued, 3);
    while (queued > 0)
        complete(0);
    run();
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_and_a_write),
        cmocka_unit_test(a_flush_and_a_discard),
        cmocka_unit_test(a_barrier_step_by_step),
        cmocka_unit_test(other_requests_that_order),
        cmocka_unit_test(segments_are_fetched),
        cmocka_unit_test(requests_wait_for_pages),
        cmocka_unit_test(requests_wait_for_their_segments),
        cmocka_unit_test(requests_wait_for_requests),
        cmocka_unit_test(memory_may_be_short),
        cmocka_unit_test(the_end_waits),
        cmocka_unit_test(rounds_end),
    };

    return cmocka_run_group_tests_name("block steps", tests, NULL, NULL);
}
