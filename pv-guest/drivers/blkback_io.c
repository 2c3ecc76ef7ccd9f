/* SPDX-License-Identifier: MIT */
/*
 * The block back driver's data path: from the front's ring to the disk and back.
 *
 * One work item for each device. It answers what the disk has completed, takes what the front has
 * put, starts the disk once for all of it, and shows the front all answers at once. The disk reads
 * and writes the front's own pages.
 *
 * A front end that always has more requests delays others by no more than one round: the item takes
 * a bounded number and is then scheduled again, behind theirs. Its port stays masked from the event
 * to the end of the round that looks at the ring, so that events cannot come faster than rounds.
 *
 * A request that cannot begin yet (no place to map its pages, no memory for that in the hypervisor,
 * a barrier before it) is held back as it was read; the ring is not looked at again before it has
 * begun. It is tried again when another one ends: with nothing under way it fails.
 */
#include <drivers/blkback.h>
#include <errno.h>
#include <events.h>
#include <memory.h>
#include <stdlib.h>
#include <string.h>

/* Requests of one device that are under way at a time; more wait in the ring. */
#define MAX_REQUESTS 128u

/*
 * What one round takes: a number of requests, and none after a number of segments. A disk in memory
 * copies those at once.
 */
#define ROUND_REQUESTS 64u
#define ROUND_SEGMENTS 512u

/* The steps of a request that orders others; it waits until those before it are done. */
enum step { STEP_WAIT, STEP_FLUSH, STEP_WRITE, STEP_FLUSH_AGAIN, STEP_DONE };

struct blkback_request {
    struct block_request block;
    struct blkback *back;
    struct blkback_request *next; /* free or completed */
    uint64_t id;
    uint8_t operation;
    int16_t status;
    enum step step; /* of back->ordered */
    bool barrier;
    unsigned int segment_count;
    uint16_t *pages; /* behind the segments */
    struct block_segment segments[];
};

static unsigned int max_segments(const struct blkback *back)
{
    return back->limits.segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? back->limits.segments
                                                                  : BLKIF_MAX_SEGMENTS_PER_REQUEST;
}

static void block_done(struct block_request *block, int error)
{
    struct blkback_request *request = block->context;
    struct blkback *back = request->back;

    if (error)
        request->status = error == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
    request->next = NULL;
    *back->completed_end = request;
    back->completed_end = &request->next;
    work_schedule(&back->work);
}

static struct blkback_request *new_request(struct blkback *back)
{
    unsigned int count = max_segments(back);
    struct blkback_request *request;

    request = malloc(sizeof(*request) + count * (sizeof(request->segments[0]) + sizeof(uint16_t)));
    if (!request)
        return NULL;
    request->back = back;
    request->pages = (uint16_t *)&request->segments[count];
    request->block.segments = request->segments;
    request->block.done = block_done;
    request->block.context = request;
    back->request_count++;
    return request;
}

/* @return NULL: at least the request that was made with the device is under way. */
static inline struct blkback_request *get_request(struct blkback *back)
{
    struct blkback_request *request = back->free;

    if (request)
        back->free = request->next;
    else if (back->request_count < MAX_REQUESTS)
        request = new_request(back);
    return request;
}

static inline void put_request(struct blkback *back, struct blkback_request *request)
{
    request->next = back->free;
    back->free = request;
}

/*
 * The front broke the protocol. It is not spoken to any more; what the disk does for it is waited
 * for.
 */
static void blkback_fail(struct blkback *back, const char *why)
{
    back->stopping = true;
    split_fail(back->split, -EPROTO, "%s", why);
}

/* ---- from the ring to the disk ---- */

static inline void blkback_submit(struct blkback *back, struct blkback_request *request,
                                  enum block_operation operation, unsigned int segments)
{
    request->block.operation = operation;
    request->block.segment_count = segments;
    block_submit(back->claim.device, &request->block);
}

/*
 * Fetches the descriptors of an indirect request. @return 0; -EAGAIN: later, from the beginning;
 * -EINVAL: the device is to be closed, and @why says why.
 */
static int fetch_segments(struct blkback *back, const char **why)
{
    struct blkback_command *command = &back->command;

    command->sectors = 0;
    for (unsigned int page = 0; page < command->page_count; page++) {
        grant_ref_t gref = command->pages[page];
        const void *shared = NULL;
        const char *fault;

        if (back->pages.persistent)
            shared = blkback_pages_peek(&back->pages, gref);
        if (!shared) {
            int status = grant_copy_from(back->copy, back->split->other, gref, 0, PAGE_SIZE);

            if (grant_is_wrong(status)) {
                *why = "a wrong grant reference for indirect segments";
                return -EINVAL;
            }
            if (status != GNTST_okay)
                return -EAGAIN;
            shared = back->copy;
        }
        fault = blkback_ring_segments(command, &back->limits, page, shared);
        if (fault) {
            *why = fault;
            return -EINVAL;
        }
    }
    command->page_count = 0;
    return 0;
}

/* The next step of the request that orders others. */
static void blkback_next_step(struct blkback *back)
{
    struct blkback_request *request = back->ordered;
    bool failed = request->status != BLKIF_RSP_OKAY;

    do {
        request->step++;
    } while (
        (request->step == STEP_WRITE && request->segment_count == 0) ||
        (request->step == STEP_FLUSH_AGAIN && (!request->barrier || request->segment_count == 0)));
    if (failed || request->step == STEP_DONE) {
        request->step = STEP_DONE;
        block_done(&request->block, 0);
        return;
    }
    if (request->step == STEP_WRITE)
        blkback_submit(back, request, BLOCK_WRITE, request->segment_count);
    else
        blkback_submit(back, request, BLOCK_FLUSH, 0);
}

/* Begins the command. @return 0; -EAGAIN: later; other errors: it is not to be begun. */
static int begin_command(struct blkback *back)
{
    struct blkback_command *command = &back->command;
    struct blkback_request *request = get_request(back);
    int error;

    if (!request)
        return -EAGAIN;
    error = blkback_pages_get(&back->pages, command, command->kind != BLKBACK_READ, request->pages,
                              request->segments);
    if (error) {
        put_request(back, request);
        return error;
    }
    back->under_way++;
    request->id = command->id;
    request->operation = command->operation;
    request->status = BLKIF_RSP_OKAY;
    request->segment_count = command->segment_count;
    request->block.sector = command->sector;
    request->block.sectors = command->sectors;
    switch (command->kind) {
    case BLKBACK_READ:
        back->counters.reads++;
        back->counters.sectors_read += command->sectors;
        blkback_submit(back, request, BLOCK_READ, request->segment_count);
        break;
    case BLKBACK_WRITE:
        back->counters.writes++;
        back->counters.sectors_written += command->sectors;
        blkback_submit(back, request, BLOCK_WRITE, request->segment_count);
        break;
    case BLKBACK_DISCARD:
        blkback_submit(back, request, BLOCK_DISCARD, 0);
        break;
    default: /* a flush, or a barrier */
        back->counters.sectors_written += command->sectors;
        request->barrier = command->kind == BLKBACK_BARRIER;
        if (!request->barrier && request->segment_count == 0) {
            blkback_submit(back, request, BLOCK_FLUSH, 0);
            break;
        }
        request->step = STEP_WAIT;
        back->ordered = request;
        if (back->under_way == 1)
            blkback_next_step(back);
        break;
    }
    return 0;
}

/* Whether a front that may only read asks for more. */
static inline bool command_forbidden(const struct blkback *back,
                                     const struct blkback_command *command)
{
    if (back->claim.access != BLOCK_READER || command->kind == BLKBACK_READ ||
        command->kind == BLKBACK_UNKNOWN)
        return false;
    return command->kind != BLKBACK_FLUSH || command->segment_count > 0;
}

/* What the disk cannot do; a front that read our features does not ask for it. */
static bool kind_supported(const struct blkback *back, enum blkback_kind kind)
{
    switch (kind) {
    case BLKBACK_UNKNOWN:
        return false;
    case BLKBACK_FLUSH:
    case BLKBACK_BARRIER:
        return back->claim.device->flush;
    case BLKBACK_DISCARD:
        return back->claim.device->discard;
    default:
        return true;
    }
}

/* Deals with the command that was taken. @return whether the next one may be taken. */
static bool dispatch_request(struct blkback *back)
{
    struct blkback_command *command = &back->command;
    const char *why = "a wrong grant reference";
    int error = 0;

    back->held_back = true;
    if (back->ordered)
        return false;
    if (command_forbidden(back, command)) {
        blkback_ring_answer(&back->ring, command->id, command->operation, BLKIF_RSP_ERROR);
        back->held_back = false;
        return true;
    }
    if (!kind_supported(back, command->kind)) {
        blkback_ring_answer(&back->ring, command->id, command->operation, BLKIF_RSP_EOPNOTSUPP);
        back->held_back = false;
        return true;
    }
    if (command->page_count > 0)
        error = fetch_segments(back, &why);
    if (!error)
        error = begin_command(back);
    if (error == -EINVAL) {
        blkback_fail(back, why);
        return false;
    }
    if (error == -EAGAIN && back->under_way > 0) {
        back->counters.held_back++;
        return false;
    }
    back->held_back = false;
    if (error)
        blkback_ring_answer(&back->ring, command->id, command->operation, BLKIF_RSP_ERROR);
    return true;
}

/* Takes what waits in the ring, at most a round's share. @return whether more can be taken now. */
static bool take_requests(struct blkback *back)
{
    unsigned int segments = 0;
    uint32_t waiting, left;

    if (back->held_back && !dispatch_request(back))
        return false;
    if (!blkback_ring_waiting(&back->ring, &waiting)) {
        blkback_fail(back, "its producer index is impossible");
        return false;
    }
    left = waiting < ROUND_REQUESTS ? waiting : ROUND_REQUESTS;
    waiting -= left;
    for (; left > 0 && segments < ROUND_SEGMENTS; left--) {
        const char *why = blkback_ring_take(&back->ring, &back->limits, &back->command);

        if (why) {
            blkback_fail(back, why);
            return false;
        }
        if (!dispatch_request(back))
            return false;
        segments += back->command.segment_count;
    }
    return waiting > 0 || left > 0 || blkback_ring_sleep(&back->ring);
}

/* ---- from the disk to the ring ---- */

static inline struct blkback_request *take_completed(struct blkback *back)
{
    struct blkback_request *request = back->completed;

    if (request) {
        back->completed = request->next;
        if (!back->completed)
            back->completed_end = &back->completed;
    }
    return request;
}

/* Gives back the pages of all that is done, then answers. */
static void answer_completed(struct blkback *back)
{
    struct blkback_request *done = NULL, **end = &done;
    struct blkback_request *request;

    while ((request = take_completed(back))) {
        if (request == back->ordered) {
            if (request->step != STEP_DONE) {
                blkback_next_step(back);
                continue;
            }
            back->ordered = NULL;
        }
        blkback_pages_put(&back->pages, request->pages, request->segment_count);
        request->next = NULL;
        *end = request;
        end = &request->next;
    }
    blkback_pages_flush(&back->pages);
    while ((request = done)) {
        done = request->next;
        blkback_ring_answer(&back->ring, request->id, request->operation, request->status);
        put_request(back, request);
        back->under_way--;
    }
    if (back->ordered && back->ordered->step == STEP_WAIT && back->under_way == 1)
        blkback_next_step(back);
}

static void blkback_run(struct work *work)
{
    struct blkback *back = (struct blkback *)((char *)work - offsetof(struct blkback, work));
    bool more;

    answer_completed(back);
    more = !back->stopping && take_requests(back);
    /* What a disk in memory has completed by now has scheduled us again. */
    block_kick(back->claim.device);
    if (back->stopping) {
        if (back->under_way == 0)
            wake_all(&back->idle_queue);
        return;
    }
    if (back->ring.rsp_prod != back->ring.rsp_pushed && blkback_ring_push(&back->ring))
        event_send(back->port);
    if (more) {
        work_schedule(&back->work);
    } else if (back->port_masked) {
        back->port_masked = false;
        event_unmask(back->port);
    }
}

void blkback_io_event(evtchn_port_t port, void *argument)
{
    struct blkback *back = argument;

    event_mask(port);
    back->port_masked = true;
    work_schedule(&back->work);
}

/* ---- beginning and end ---- */

int blkback_io_start(struct blkback *back, void *shared, uint32_t size, bool narrow,
                     bool persistent)
{
    int error = blkback_pages_init(&back->pages, back->split->other, persistent);

    if (error)
        return error;
    back->request_count = 0;
    back->copy = page_alloc();
    back->free = back->copy ? new_request(back) : NULL;
    if (!back->free) {
        if (back->copy)
            page_free(back->copy);
        blkback_pages_destroy(&back->pages);
        return -ENOMEM;
    }
    back->free->next = NULL;
    blkback_ring_init(&back->ring, shared, size, narrow);
    back->work.run = blkback_run;
    back->held_back = false;
    back->port_masked = false;
    back->completed = back->ordered = NULL;
    back->completed_end = &back->completed;
    back->under_way = 0;
    back->stopping = false;
    return 0;
}

void blkback_io_stop(struct blkback *back)
{
    back->stopping = true;
    work_schedule(&back->work);
    wait_until(&back->idle_queue, back->under_way == 0);
    work_cancel(&back->work);
    while (back->free) {
        struct blkback_request *request = back->free;

        back->free = request->next;
        free(request);
    }
    blkback_pages_destroy(&back->pages);
    page_free(back->copy);
    back->copy = NULL;
}
