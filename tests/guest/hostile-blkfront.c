/* SPDX-License-Identifier: MIT */
/*
 * Front drivers that break the block protocol, for tests/system/test_block_faults.c: the domain has
 * a disk for each way in `faults`, in that order from xvda on. Of each one line is printed,
 *
 *     HOSTILE <what it does>: closed
 *     HOSTILE <what it does>: answered <status>
 *
 * and at the end HOSTILE DONE. The last one is an honest front, which must still be served.
 */
#include <clock.h>
#include <drivers/blkfront_ring.h>
#include <drivers/split.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#define BAD_REF 0x7ffff0u

struct front {
    struct split_device *split;
    const struct fault *fault;
    struct blkfront_ring ring;
    void *page; /* data */
    grant_ref_t page_ref, ring_ref;
    evtchn_port_t port;
    bool started, closed, answered;
    unsigned int connections;
    struct blkfront_answer answer;
};

struct fault {
    const char *what;
    /* Spoil the nodes in the store; NULL: none. */
    void (*connect)(struct front *front);
    /* Ask, and spoil it. NULL: an honest request. */
    void (*ask)(struct front *front);
};

static unsigned int reported;
static struct wait_queue report_queue;

/* ---- requests ---- */

static uint16_t put(struct front *front, uint64_t sector, unsigned int count, grant_ref_t ref,
                    uint32_t last)
{
    uint64_t segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];

    for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        segments[i] = blkfront_segment(ref, 0, last);
    return blkfront_ring_put(&front->ring, BLKIF_OP_READ, 0, sector, segments, count);
}

static struct blkif_request *slot(struct front *front, uint32_t back)
{
    return &front->ring.shared->ring[(front->ring.req_prod - back) & (front->ring.slots - 1)].req;
}

static void push(struct front *front)
{
    blkfront_ring_push(&front->ring);
    event_send(front->port);
}

static void honest(struct front *front)
{
    put(front, 0, 1, front->page_ref, 7);
    push(front);
}

static void wrong_reference(struct front *front)
{
    put(front, 0, 1, BAD_REF, 7);
    push(front);
}

static void wrong_second_reference(struct front *front)
{
    put(front, 0, 3, front->page_ref, 7);
    slot(front, 1)->seg[1].gref = BAD_REF;
    push(front);
}

static void read_only_page(struct front *front)
{
    put(front, 0, 1, (grant_ref_t)grant_offer(front->split->other, va_to_mfn(front->page), true),
        7);
    push(front);
}

static void beyond_the_page(struct front *front)
{
    put(front, 0, 1, front->page_ref, 8);
    push(front);
}

static void beyond_the_end(struct front *front)
{
    put(front, 1ull << 40, 1, front->page_ref, 7);
    push(front);
}

static void sector_overflow(struct front *front)
{
    put(front, ~0ull - 3, 1, front->page_ref, 7);
    push(front);
}

static void too_many_segments(struct front *front)
{
    put(front, 0, 11, front->page_ref, 7);
    slot(front, 1)->nr_segments = 200;
    push(front);
}

static void no_segments(struct front *front)
{
    put(front, 0, 0, 0, 0);
    push(front);
}

static void too_many_indirect(struct front *front)
{
    blkfront_ring_put_indirect(&front->ring, BLKIF_OP_READ, 0, 0, 4096, &front->page_ref, 1);
    push(front);
}

static void wrong_indirect_reference(struct front *front)
{
    grant_ref_t bad = BAD_REF;

    blkfront_ring_put_indirect(&front->ring, BLKIF_OP_READ, 0, 0, 20, &bad, 1);
    push(front);
}

static void nonsense_indirect(struct front *front)
{
    memset(front->page, 0xff, PAGE_SIZE);
    blkfront_ring_put_indirect(&front->ring, BLKIF_OP_READ, 0, 0, 20, &front->page_ref, 1);
    push(front);
}

static void producer_jumps(struct front *front)
{
    front->ring.req_prod += 1000;
    push(front);
}

static void producer_goes_back(struct front *front)
{
    uint32_t waiting;

    put(front, 0, 1, front->page_ref, 7);
    push(front);
    while (blkfront_ring_waiting(&front->ring, &waiting) || waiting == 0)
        thread_sleep(MILLISECONDS(10));
    blkfront_ring_take(&front->ring, &front->answer);
    front->ring.req_prod -= 2;
    push(front);
}

/* Rewritten at once, and again while the back may be at it: it is done as it was read. */
static void changes_requests(struct front *front)
{
    honest(front);
    for (unsigned int i = 0; i < 2000; i++) {
        slot(front, 1)->nr_segments = (uint8_t)i;
        slot(front, 1)->sector_number = ~0ull;
        slot(front, 1)->seg[0].gref = BAD_REF;
        slot(front, 1)->nr_segments = 1;
        slot(front, 1)->sector_number = 0;
        slot(front, 1)->seg[0].gref = front->page_ref;
    }
}

/* Asks for several rings full without looking at an answer but at the index. */
static void never_consumes(struct front *front)
{
    volatile struct blkif_sring *shared = front->ring.shared;

    for (unsigned int i = 0; i < 10; i++) {
        for (unsigned int j = 0; j < front->ring.slots; j++) {
            front->ring.free_count = front->ring.slots;
            put(front, 0, 1, front->page_ref, 7);
        }
        push(front);
        for (unsigned int tries = 0; tries < 200 && shared->rsp_prod != front->ring.req_prod;
             tries++)
            thread_sleep(MILLISECONDS(10));
    }
    front->answered = shared->rsp_prod == front->ring.req_prod;
}

/* What `front` was last asked is answered with `status`. The id is free again. */
static bool answered_with(struct front *front, int status)
{
    uint32_t waiting = 0;

    for (unsigned int tries = 0; tries < 1000 && waiting == 0 && !front->closed; tries++) {
        thread_sleep(MILLISECONDS(10));
        if (blkfront_ring_waiting(&front->ring, &waiting))
            return false;
    }
    return waiting > 0 && !blkfront_ring_take(&front->ring, &front->answer) &&
           front->answer.status == status;
}

/* All that changes a disk which this domain may only read, but which can be written. */
static void changes_what_it_may_read(struct front *front)
{
    static const uint8_t operations[] = {BLKIF_OP_WRITE, BLKIF_OP_WRITE_BARRIER,
                                         BLKIF_OP_FLUSH_DISKCACHE};
    uint64_t *descriptors = page_alloc_zeroed();
    uint64_t segment = blkfront_segment(front->page_ref, 0, 7);
    grant_ref_t page;
    bool refused = true;

    memset(front->page, 0xee, PAGE_SIZE);
    for (unsigned int i = 0; i < sizeof(operations); i++) {
        blkfront_ring_put(&front->ring, operations[i], 0, 8 * i, &segment, 1);
        push(front);
        refused &= answered_with(front, BLKIF_RSP_ERROR);
    }
    blkfront_ring_put_discard(&front->ring, 0, 2048, 2048);
    push(front);
    refused &= answered_with(front, BLKIF_RSP_ERROR);
    for (unsigned int i = 0; i < 20; i++)
        descriptors[i] = segment;
    page = (grant_ref_t)grant_offer(front->split->other, va_to_mfn(descriptors), false);
    blkfront_ring_put_indirect(&front->ring, BLKIF_OP_WRITE, 0, 64, 20, &page, 1);
    push(front);
    refused &= answered_with(front, BLKIF_RSP_ERROR);
    /* What does not change it is done. */
    blkfront_ring_put_indirect(&front->ring, BLKIF_OP_READ, 0, 64, 20, &page, 1);
    push(front);
    refused &= answered_with(front, BLKIF_RSP_OKAY);
    blkfront_ring_put(&front->ring, BLKIF_OP_FLUSH_DISKCACHE, 0, 0, NULL, 0);
    push(front);
    refused &= answered_with(front, BLKIF_RSP_OKAY);
    front->answer.status = refused ? 0 : 1;
    front->answered = true;
}

/* Sectors of the ring are always of 512 bytes; those of this disk are of 4096. */
static void misaligned(struct front *front)
{
    static const struct {
        uint64_t sector;
        uint32_t first, last;
        int status;
    } requests[] = {
        {0, 0, 7, BLKIF_RSP_OKAY},  {0, 0, 0, BLKIF_RSP_ERROR}, {1, 0, 7, BLKIF_RSP_ERROR},
        {8, 4, 7, BLKIF_RSP_ERROR}, {8, 0, 7, BLKIF_RSP_OKAY},
    };
    bool refused = true;

    for (unsigned int i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint64_t segment = blkfront_segment(front->page_ref, requests[i].first, requests[i].last);

        blkfront_ring_put(&front->ring, BLKIF_OP_READ, 0, requests[i].sector, &segment, 1);
        push(front);
        refused &= answered_with(front, requests[i].status);
    }
    front->answer.status = refused ? 0 : 1;
    front->answered = true;
}

/* Comes and goes. */
static void returns(struct front *front)
{
    for (unsigned int i = 0; i < 10; i++) {
        unsigned int before = front->connections;

        split_set_state(front->split, XenbusStateClosed);
        for (unsigned int tries = 0; tries < 1000 && !front->closed; tries++)
            thread_sleep(MILLISECONDS(10));
        split_set_state(front->split, XenbusStateInitialising);
        for (unsigned int tries = 0; tries < 1000 && front->connections == before; tries++)
            thread_sleep(MILLISECONDS(10));
        front->closed = false;
    }
    honest(front);
}

static void unknown_operation(struct front *front)
{
    put(front, 0, 1, front->page_ref, 7);
    slot(front, 1)->operation = 77;
    front->ring.operations[0] = 77;
    push(front);
}

/* ---- the nodes in the store ---- */

static void wrong_ring(struct front *front)
{
    split_write(front->split, 0, "ring-ref", "%u", BAD_REF);
}

static void read_only_ring(struct front *front)
{
    int ref = grant_offer(front->split->other, va_to_mfn(front->ring.shared), true);

    split_write(front->split, 0, "ring-ref", "%u", (unsigned int)ref);
}

static void wrong_port(struct front *front)
{
    split_write(front->split, 0, "event-channel", "%u", 4000000000u);
}

static void huge_ring(struct front *front)
{
    split_write(front->split, 0, "ring-page-order", "%u", 31u);
}

static void unknown_layout(struct front *front)
{
    split_write(front->split, 0, "protocol", "vax-abi");
}

static const struct fault faults[] = {
    {"wrong grant reference", NULL, wrong_reference},
    {"wrong second grant reference", NULL, wrong_second_reference},
    {"read-only page to be written", NULL, read_only_page},
    {"segment beyond its page", NULL, beyond_the_page},
    {"sector beyond the end", NULL, beyond_the_end},
    {"sector that overflows", NULL, sector_overflow},
    {"too many segments", NULL, too_many_segments},
    {"no segments", NULL, no_segments},
    {"too many indirect segments", NULL, too_many_indirect},
    {"wrong indirect reference", NULL, wrong_indirect_reference},
    {"nonsense for indirect segments", NULL, nonsense_indirect},
    {"producer that jumps", NULL, producer_jumps},
    {"producer that goes back", NULL, producer_goes_back},
    {"wrong ring", wrong_ring, NULL},
    {"read-only ring", read_only_ring, NULL},
    {"wrong port", wrong_port, NULL},
    {"huge ring", huge_ring, NULL},
    {"unknown layout", unknown_layout, NULL},
    {"changed requests", NULL, changes_requests},
    {"answers never consumed", NULL, never_consumes},
    {"unknown operation", NULL, unknown_operation},
    {"changes of what it may read", NULL, changes_what_it_may_read},
    {"front that comes and goes", NULL, returns},
    {"less than a sector", NULL, misaligned},
    {"honest front", NULL, honest},
};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

/* ---- the driver ---- */

/* Which disk it is: xvda is 0. Those from xvdq on have numbers of another form. */
static unsigned int disk_number(unsigned int id)
{
    return id & 1u << 28 ? (id & ~(1u << 28)) >> 8 : (id - (202u << 8)) / 16;
}

static int probe(struct split_device *split)
{
    unsigned int number = disk_number(split->id);
    struct front *front = calloc(1, sizeof(*front));

    if (!front || number >= FAULTS)
        return -EINVAL;
    front->fault = &faults[number];
    front->split = split;
    split->driver_data = front;
    return 0;
}

static void begin(struct front *front)
{
    domid_t other = front->split->other;
    void *ring = page_alloc_zeroed();

    front->page = page_alloc_zeroed();
    blkfront_ring_init(&front->ring, ring, PAGE_SIZE);
    front->ring_ref = (grant_ref_t)grant_offer(other, va_to_mfn(ring), false);
    front->page_ref = (grant_ref_t)grant_offer(other, va_to_mfn(front->page), false);
    front->port = (evtchn_port_t)event_alloc_unbound(other);
    split_write(front->split, 0, "ring-ref", "%u", front->ring_ref);
    split_write(front->split, 0, "event-channel", "%u", front->port);
    split_write(front->split, 0, "protocol", "x86_64-abi");
    split_write(front->split, 0, "feature-persistent", "1");
    if (front->fault->connect)
        front->fault->connect(front);
    split_set_state(front->split, XenbusStateInitialised);
}

/* In a thread of its own, since the device's thread still follows the back end's state. */
static void misbehave(void *argument)
{
    struct front *front = argument;
    const char *why = NULL;
    uint32_t waiting;

    if (front->fault->ask)
        front->fault->ask(front);
    for (unsigned int tries = 0; tries < 1000 && !front->closed && !front->answered; tries++) {
        why = blkfront_ring_waiting(&front->ring, &waiting);
        if (!why && waiting > 0 && !blkfront_ring_take(&front->ring, &front->answer))
            front->answered = true;
        else
            thread_sleep(MILLISECONDS(10));
    }
    if (front->closed)
        printf("HOSTILE %s: closed\n", front->fault->what);
    else if (front->answered)
        printf("HOSTILE %s: answered %d\n", front->fault->what, front->answer.status);
    else
        printf("HOSTILE %s: nothing happens%s%s\n", front->fault->what, why ? ", " : "",
               why ? why : "");
    reported++;
    wake_all(&report_queue);
}

static void other_changed(struct split_device *split, enum xenbus_state state)
{
    struct front *front = split->driver_data;

    if (state == XenbusStateInitWait && (!front->page || front->fault->ask == returns))
        begin(front);
    if (state >= XenbusStateClosing)
        front->closed = true;
    if (state == XenbusStateConnected) {
        split_set_state(split, XenbusStateConnected);
        front->connections++;
    }
    if ((state == XenbusStateConnected || front->closed) && front->page && !front->started) {
        front->started = true;
        thread_create("front", misbehave, front);
    }
}

static void remove(struct split_device *split)
{
    ((struct front *)split->driver_data)->closed = true;
}

static struct split_driver driver = {
    .kind = "vbd", .probe = probe, .other_changed = other_changed, .remove = remove};

void guest_main(void)
{
    struct wait_queue never = {0};

    if (split_register(&driver))
        guest_panic("no store");
    wait_until(&report_queue, reported == FAULTS);
    printf("HOSTILE DONE\n");
    for (;;)
        wait_on(&never);
}
