/* SPDX-License-Identifier: MIT */
/*
 * The block front driver's data path facing a back that keeps pages mapped which it should have let
 * go of: their owners do not get them back, and nobody else does, before it has. Grants, pages and
 * events are the test's; ring and data path are real.
 */
/* SOURCES: pv-guest/drivers/blkfront_io.c pv-guest/drivers/blkfront_ring.c */
/* SOURCES: pv-guest/drivers/block.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/blkfront.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <io_page.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#define SECTORS 64
#define PORT    5
#define GRANTS  64

static struct split_device split = {.other = 1, .id = 51712};
static struct blkfront front;
static unsigned int failures, sleeps, pages_out;

/* By reference: offered by the front, mapped by the back. */
static bool offered[GRANTS], mapped[GRANTS];

/* ---- The kernel ---- */

void work_schedule(struct work *work)
{
    work->scheduled = true;
}

void work_cancel(struct work *work)
{
    work->scheduled = false;
}

int event_alloc_unbound(domid_t remote)
{
    return PORT;
}

int event_close(evtchn_port_t port)
{
    assert_int_equal(port, PORT);
    return 0;
}

void event_set_handler(evtchn_port_t port, event_handler handler, void *argument)
{
    (void)port, (void)handler, (void)argument;
}

int event_send(evtchn_port_t port)
{
    return 0;
}

int grant_offer(domid_t domid, mfn_t mfn, bool readonly)
{
    int ref = 1;

    (void)domid, (void)mfn, (void)readonly;
    while (offered[ref])
        ref++;
    assert_in_range(ref, 1, GRANTS - 1);
    offered[ref] = true;
    return ref;
}

bool grant_end(grant_ref_t reference)
{
    assert_true(offered[reference]);
    if (!mapped[reference])
        offered[reference] = false;
    return !mapped[reference];
}

static unsigned int count_offered(void)
{
    unsigned int count = 0;

    for (unsigned int i = 0; i < GRANTS; i++)
        count += offered[i];
    return count;
}

void *pages_alloc(unsigned long count)
{
    pages_out += (unsigned int)count;
    return aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    pages_out -= (unsigned int)count;
    free(pages);
}

void *io_page_alloc(void)
{
    return pages_alloc(1);
}

void io_page_free(void *page)
{
    pages_free(page, 1);
}

bool io_page_is(const void *va)
{
    return false;
}

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void split_fail(struct split_device *device, int error, const char *format, ...)
{
    (void)device, (void)error, (void)format;
    failures++;
}

/* The back lets go in the end. */
void thread_sleep(uint64_t nanoseconds)
{
    if (++sleeps == 3)
        memset(mapped, 0, sizeof(mapped));
}

/* ---- A request, and the back's answer ---- */

static uint8_t memory[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct block_segment segment;
static struct block_request request;
static int answer; /* 1: none so far */

static void on_done(struct block_request *done, int error)
{
    assert_ptr_equal(done, &request);
    assert_int_equal(answer, 1);
    /* The memory is the owner's again. */
    for (unsigned int i = 0; i < GRANTS; i++)
        assert_false(mapped[i]);
    answer = error;
}

/* Asks for a page at @offset in memory; the back maps it, and answers without letting go. */
static void read_and_answer(size_t offset)
{
    struct blkif_request *asked;
    struct blkif_response response = {.operation = BLKIF_OP_READ};

    segment = (struct block_segment){.va = memory + offset, .length = PAGE_SIZE};
    request = (struct block_request){
        .operation = BLOCK_READ, .segment_count = 1, .segments = &segment, .done = on_done};
    answer = 1;
    block_submit(&front.device, &request);
    block_kick(&front.device);
    assert_int_equal(front.ring.shared->req_prod, 1);
    asked = &front.ring.shared->ring[0].req;
    mapped[asked->seg[0].gref] = true;
    response.id = asked->id;
    front.ring.shared->ring[0].rsp = response;
    front.ring.shared->rsp_prod = 1;
    front.work.run(&front.work);
}

static int setup(void **state)
{
    front = (struct blkfront){
        .split = &split,
        .segments = BLKIF_MAX_SEGMENTS_PER_REQUEST,
        .device = {.operations = &blkfront_operations,
                   .disk = &front.device,
                   .sectors = SECTORS,
                   .logical_size = SECTOR_SIZE,
                   .max_segments = BLKIF_MAX_SEGMENTS_PER_REQUEST},
    };
    front.waiting_end = &front.waiting;
    failures = sleeps = 0;
    assert_int_equal(blkfront_io_start(&front, 1), 0);
    blkfront_io_go(&front);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(count_offered(), 0);
    assert_int_equal(pages_out, 0);
    return 0;
}

/* ---- Tests ---- */

static void check_kept_page(size_t offset)
{
    read_and_answer(offset);
    assert_int_equal(failures, 1);
    assert_int_equal(answer, 1);
    assert_null(front.free_pages); /* for the next request */
    blkfront_io_stop(&front);
    assert_int_equal(sleeps, 3);
    assert_int_equal(answer, 1);
    blkfront_io_abandon(&front);
    assert_int_equal(answer, -EIO);
}

static void test_page_of_the_request_is_kept(void **state)
{
    check_kept_page(0);
}

static void test_page_of_the_driver_is_kept(void **state)
{
    check_kept_page(100); /* not where a sector can begin: the driver copies */
}

static void test_back_goes_and_comes(void **state)
{
    segment = (struct block_segment){.va = memory, .length = PAGE_SIZE};
    request = (struct block_request){
        .operation = BLOCK_WRITE, .segment_count = 1, .segments = &segment, .done = on_done};
    answer = 1;
    block_submit(&front.device, &request);
    block_kick(&front.device);
    mapped[front.ring.shared->ring[0].req.seg[0].gref] = true;
    blkfront_io_stop(&front);
    assert_int_equal(sleeps, 3);
    assert_int_equal(blkfront_io_start(&front, 1), 0);
    assert_int_equal(front.ring.shared->req_prod, 0);
    blkfront_io_go(&front);
    assert_int_equal(front.ring.shared->req_prod, 1);
    assert_int_equal(front.ring.shared->ring[0].req.operation, BLKIF_OP_WRITE);
    assert_int_equal(answer, 1);
    blkfront_io_stop(&front);
    blkfront_io_abandon(&front);
    assert_int_equal(answer, -EIO);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_page_of_the_request_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_page_of_the_driver_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_back_goes_and_comes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
