/* SPDX-License-Identifier: MIT */
/*
 * The block front driver's data path: from block requests to the ring and back.
 *
 * With a back that keeps pages mapped (persistent grants), I/O pages are granted once and used in
 * place; other memory is copied through I/O pages of the driver's own, because it may not stay
 * granted. With any other back, pages are granted for each request, and only what is not aligned to
 * sectors is copied.
 *
 * Requests that find no room wait in order; so do all while the back is away.
 */
#include <clock.h>
#include <drivers/blkfront.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <io_page.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

/* Grants that users' pages leave to the driver's own: enough for one request at least. */
#define OWN_PAGES (2 * BLKFRONT_SEGMENTS)

#define RETRY_DELAY   MILLISECONDS(10)
#define PATIENCE      500 /* such delays before a line is printed */
#define SECTOR_OFFSET (SECTOR_SIZE - 1)

/* ---- pages that stay granted ---- */

/* Names the page of an address in the physical map; never 0, for that is at the top of all. */
static inline uint32_t page_number(const void *va)
{
    return (uint32_t)((uintptr_t)va >> PAGE_SHIFT);
}

/* Where a page is in the table, or the free place where it would be. The table is never full. */
static inline struct blkfront_grant *grant_place(struct blkfront *front, uint32_t page)
{
    unsigned int i = page % BLKFRONT_GRANT_TABLE;

    while (front->grants[i].page && front->grants[i].page != page)
        i = (i + 1) % BLKFRONT_GRANT_TABLE;
    return &front->grants[i];
}

/* The reference of an I/O page, which stays granted; 0 when there are @limit already. */
static grant_ref_t keep_granted(struct blkfront *front, const void *va, unsigned int limit)
{
    struct blkfront_grant *grant = grant_place(front, page_number(va));
    int ref;

    if (grant->page)
        return grant->ref;
    if (front->grant_count >= limit)
        return 0;
    ref = grant_offer(front->split->other, va_to_mfn(va), false);
    if (ref < 0)
        return 0;
    front->grant_count++;
    grant->page = page_number(va);
    grant->ref = (grant_ref_t)ref;
    return grant->ref;
}

/* Ends a grant that the back end will unmap, unless it is broken. */
static void end_grant(const struct blkfront *front, grant_ref_t ref)
{
    for (unsigned int tries = 1; !grant_end(ref); tries++) {
        if (tries == PATIENCE)
            printf("%s: the back end keeps pages mapped\n", front->device.name);
        thread_sleep(RETRY_DELAY);
    }
}

static struct blkfront_page *pool_get(struct blkfront *front)
{
    struct blkfront_page *page = front->free_pages;

    if (page) {
        front->free_pages = page->next;
        return page;
    }
    page = malloc(sizeof(*page));
    if (!page)
        return NULL;
    page->va = io_page_alloc();
    if (page->va && (!front->persistent || keep_granted(front, page->va, BLKFRONT_GRANTS)))
        return page;
    if (page->va)
        io_page_free(page->va);
    free(page);
    return NULL;
}

static void pool_put(struct blkfront *front, struct blkfront_page *page)
{
    page->next = front->free_pages;
    front->free_pages = page;
}

/* A reference for one use of a page; @ended receives it if it is to be ended then. 0: none. */
static grant_ref_t grant_once(struct blkfront *front, const void *va, bool readonly,
                              grant_ref_t *ended)
{
    int ref;

    *ended = 0;
    if (front->persistent)
        return keep_granted(front, va, BLKFRONT_GRANTS - OWN_PAGES);
    ref = grant_offer(front->split->other, va_to_mfn(va), readonly);
    if (ref < 0)
        return 0;
    *ended = (grant_ref_t)ref;
    return (grant_ref_t)ref;
}

/* ---- from requests to the ring ---- */

static const struct block_segment *segment_of(const struct blkfront_shadow *shadow, unsigned int i)
{
    return &shadow->request->segments[shadow->first + i];
}

/*
 * Gives up what the first @count segments hold, but for pages that the back keeps. @return false:
 * it does.
 */
static bool release_segments(struct blkfront *front, struct blkfront_shadow *shadow,
                             unsigned int count)
{
    bool released = true;

    for (unsigned int i = 0; !shadow->plain && i < count; i++) {
        struct blkfront_segment_state *state = &shadow->segments[i];

        if (state->ref && !grant_end(state->ref)) {
            released = false;
            continue;
        }
        state->ref = 0;
        if (state->page)
            pool_put(front, state->page);
        state->page = NULL;
    }
    if (!shadow->indirect)
        return released;
    if (shadow->indirect_ref && !grant_end(shadow->indirect_ref))
        return false;
    pool_put(front, shadow->indirect);
    shadow->indirect = NULL;
    return released;
}

/* The descriptor of @length bytes at @offset in a granted page, both in whole sectors. */
static inline uint64_t descriptor(grant_ref_t ref, uint32_t offset, uint32_t length)
{
    return blkfront_segment(ref, offset / SECTOR_SIZE, (offset + length) / SECTOR_SIZE - 1);
}

/* Prepares a segment that make_first() left. @return its descriptor; 0: not now. */
static uint64_t prepare_segment(struct blkfront *front, struct blkfront_shadow *shadow,
                                unsigned int i)
{
    const struct block_segment *segment = segment_of(shadow, i);
    struct blkfront_segment_state *state = &shadow->segments[i];
    bool write = shadow->request->operation == BLOCK_WRITE;
    uint32_t offset = (uintptr_t)segment->va & (PAGE_SIZE - 1);
    grant_ref_t ref;

    if (front->persistent && !(offset & SECTOR_OFFSET)) {
        const struct blkfront_grant *grant = grant_place(front, page_number(segment->va));

        if (grant->page)
            return descriptor(grant->ref, offset, segment->length);
    }
    if (shadow->plain) {
        shadow->plain = false;
        memset(shadow->segments, 0, shadow->count * sizeof(shadow->segments[0]));
    }
    if (!(offset & SECTOR_OFFSET) && (!front->persistent || io_page_is(segment->va))) {
        ref = grant_once(front, segment->va, write, &state->ref);
        if (ref)
            return descriptor(ref, offset, segment->length);
        if (!front->persistent)
            return 0;
    }
    state->page = pool_get(front);
    if (!state->page)
        return 0;
    ref = grant_once(front, state->page->va, write, &state->ref);
    if (!ref)
        return 0;
    if (write)
        memcpy(state->page->va, segment->va, segment->length);
    return descriptor(ref, 0, segment->length);
}

/*
 * The common case: segments in pages that stay granted, and already are. The loop's variables are
 * locals, because it writes memory that, as far as the compiler knows, could be anything's.
 * @param whole all segments are whole pages; a constant, so that each case gets a loop of its own.
 * @return how many descriptors were made.
 */
static inline __attribute__((always_inline)) unsigned int make_granted(
    const struct blkfront *front, const struct block_segment *segment, unsigned int count,
    uint64_t *words, bool whole)
{
    const struct blkfront_grant *const grants = front->grants;
    const struct block_segment *const first = segment, *const end = segment + count;

    for (; segment < end; segment++) {
        uint32_t page = page_number(segment->va);
        const struct blkfront_grant *grant = &grants[page % BLKFRONT_GRANT_TABLE];
        uint32_t offset = whole ? 0 : (uintptr_t)segment->va & (PAGE_SIZE - 1);

        /* Only the first place where it can be; it rarely is at another. */
        if (grant->page != page || (offset & SECTOR_OFFSET))
            break;
        *words++ = descriptor(grant->ref, offset, whole ? PAGE_SIZE : segment->length);
    }
    return (unsigned int)(segment - first);
}

/* Makes descriptors of the shadow's segments from number @i on, as far as they are granted. */
static inline unsigned int make_first(const struct blkfront *front,
                                      const struct blkfront_shadow *shadow, unsigned int i,
                                      uint64_t *words)
{
    const struct block_segment *segment = segment_of(shadow, i);
    unsigned int count = shadow->count - i;

    if (!front->persistent)
        return 0;
    /* None has more than its page. */
    if (shadow->sectors == (uint64_t)shadow->count * (PAGE_SIZE / SECTOR_SIZE))
        return make_granted(front, segment, count, &words[i], true);
    return make_granted(front, segment, count, &words[i], false);
}

/* Makes descriptors of the shadow's segments. @return whether all could be made. */
static inline bool make_segments(struct blkfront *front, struct blkfront_shadow *shadow,
                                 uint64_t *words)
{
    for (unsigned int i = 0;; i++) {
        i += make_first(front, shadow, i, words);
        if (i == shadow->count)
            return true;
        words[i] = prepare_segment(front, shadow, i);
        if (!words[i]) {
            release_segments(front, shadow, i + 1);
            return false;
        }
    }
}

/* Which segments to ask for: those not done before, and as many as this back end takes. */
static void choose_segments(const struct blkfront *front, struct blkfront_shadow *shadow)
{
    const struct block_request *request = shadow->request;
    uint64_t sectors = 0;

    shadow->first = 0;
    shadow->count = (uint16_t)request->segment_count;
    shadow->sectors = request->sectors;
    if (!front->divides)
        return;
    /* What is left of the request is its end. */
    for (unsigned int i = request->segment_count; i-- > 0 && sectors < request->sectors;) {
        sectors += request->segments[i].length / SECTOR_SIZE;
        shadow->first = (uint16_t)i;
    }
    shadow->count = (uint16_t)(request->segment_count - shadow->first);
    if (shadow->count <= front->segments)
        return;
    shadow->count = (uint16_t)front->segments;
    shadow->sectors = 0;
    for (unsigned int i = 0; i < shadow->count; i++)
        shadow->sectors += segment_of(shadow, i)->length / SECTOR_SIZE;
}

static bool start_data(struct blkfront *front, struct blkfront_shadow *shadow)
{
    const struct block_request *request = shadow->request;
    uint8_t operation = request->operation == BLOCK_READ ? BLKIF_OP_READ : BLKIF_OP_WRITE;
    blkif_vdev_t handle = (blkif_vdev_t)front->split->id;
    uint64_t direct[BLKIF_MAX_SEGMENTS_PER_REQUEST], *words = direct;
    grant_ref_t page_ref = 0;

    choose_segments(front, shadow);
    shadow->plain = true;
    shadow->indirect = NULL;
    if (shadow->count > BLKIF_MAX_SEGMENTS_PER_REQUEST) {
        shadow->indirect = pool_get(front);
        if (!shadow->indirect)
            return false;
        words = shadow->indirect->va;
        page_ref = grant_once(front, words, true, &shadow->indirect_ref);
        if (!page_ref) {
            release_segments(front, shadow, 0);
            return false;
        }
    }
    if (!make_segments(front, shadow, words))
        return false;
    if (shadow->indirect)
        blkfront_ring_put_indirect(&front->ring, operation, handle, request->disk_sector,
                                   shadow->count, &page_ref, 1);
    else
        blkfront_ring_put(&front->ring, operation, handle, request->disk_sector, words,
                          shadow->count);
    return true;
}

/* Puts a request into the ring. @return false: there is no room now. */
static bool queue_request(struct blkfront *front, struct block_request *request)
{
    struct blkfront_shadow *shadow;
    blkif_vdev_t handle = (blkif_vdev_t)front->split->id;

    if (blkfront_ring_room(&front->ring) == 0)
        return false;
    shadow = &front->shadows[blkfront_ring_next_id(&front->ring)];
    shadow->request = request;
    shadow->order = front->ring.req_prod;
    if (request->operation <= BLOCK_WRITE) {
        bool started = start_data(front, shadow);

        if (!started)
            shadow->request = NULL;
        return started;
    }
    shadow->plain = true;
    shadow->indirect = NULL;
    shadow->count = 0;
    shadow->sectors = request->sectors;
    if (request->operation == BLOCK_FLUSH)
        blkfront_ring_put(&front->ring, front->flush_operation, handle, 0, NULL, 0);
    else
        blkfront_ring_put_discard(&front->ring, handle, request->disk_sector, request->sectors);
    return true;
}

static void wait_first(struct blkfront *front, struct block_request *request)
{
    request->next = front->waiting;
    if (!front->waiting)
        front->waiting_end = &request->next;
    front->waiting = request;
}

static void wait_last(struct blkfront *front, struct block_request *request)
{
    request->next = NULL;
    *front->waiting_end = request;
    front->waiting_end = &request->next;
}

static struct block_request *blkfront_take_waiting(struct blkfront *front)
{
    struct block_request *request = front->waiting;

    if (request) {
        front->waiting = request->next;
        if (!front->waiting)
            front->waiting_end = &front->waiting;
    }
    return request;
}

/* Then no answer will start a request that waits for room. */
static bool nothing_in_ring(const struct blkfront *front)
{
    return front->ring.req_prod == front->ring.rsp_cons;
}

static void start_waiting(struct blkfront *front)
{
    struct block_request *request;

    while (front->connected && (request = blkfront_take_waiting(front))) {
        if (queue_request(front, request))
            continue;
        if (!nothing_in_ring(front)) {
            wait_first(front, request);
            return;
        }
        request->done(request, -ENOMEM);
    }
}

static void blkfront_submit(struct block_device *device, struct block_request *request)
{
    struct blkfront *front = (struct blkfront *)device;

    if (front->gone)
        request->done(request, -EIO);
    else if (!front->connected || front->waiting)
        wait_last(front, request);
    else if (!queue_request(front, request)) {
        wait_last(front, request);
        if (nothing_in_ring(front))
            start_waiting(front);
    }
}

static void blkfront_kick(struct block_device *device)
{
    struct blkfront *front = (struct blkfront *)device;

    if (front->connected && front->ring.req_prod != front->ring.req_pushed &&
        blkfront_ring_push(&front->ring))
        event_send(front->port);
}

const struct block_operations blkfront_operations = {.submit = blkfront_submit,
                                                     .kick = blkfront_kick};

/* ---- from the ring to requests ---- */

/* The back cannot be trusted with anything any more. */
static void blkfront_fail(struct blkfront *front, const char *why)
{
    front->connected = false;
    split_fail(front->split, -EPROTO, "the back end is wrong: %s", why);
}

/* Copies what was read to where it was wanted. */
static void copy_back(const struct blkfront_shadow *shadow)
{
    for (unsigned int i = 0; i < shadow->count; i++)
        if (shadow->segments[i].page)
            memcpy(segment_of(shadow, i)->va, shadow->segments[i].page->va,
                   segment_of(shadow, i)->length);
}

static int error_of(int16_t status)
{
    if (status == BLKIF_RSP_OKAY)
        return 0;
    return status == BLKIF_RSP_EOPNOTSUPP ? -EOPNOTSUPP : -EIO;
}

static void complete_shadow(struct blkfront *front, const struct blkfront_answer *answer)
{
    struct blkfront_shadow *shadow = &front->shadows[answer->id];
    struct block_request *request = shadow->request;
    int error = error_of(answer->status);

    if (!shadow->plain && !error && request->operation == BLOCK_READ)
        copy_back(shadow);
    if (!release_segments(front, shadow, shadow->count)) {
        /*
         * Its memory is not its owner's before the back has let go: blkfront_io_stop() waits for
         * that.
         */
        blkfront_fail(front, "it keeps pages of requests that it answered");
        return;
    }
    shadow->request = NULL;
    if (!error && shadow->sectors < request->sectors && request->operation <= BLOCK_WRITE) {
        /* One part of several is done. */
        request->disk_sector += shadow->sectors;
        request->sectors -= shadow->sectors;
        wait_first(front, request);
        return;
    }
    request->done(request, error);
}

static void blkfront_run(struct work *work)
{
    struct blkfront *front = (struct blkfront *)((char *)work - offsetof(struct blkfront, work));

    while (front->connected) {
        struct blkfront_answer answer;
        uint32_t count;
        const char *why = blkfront_ring_waiting(&front->ring, &count);

        while (!why && front->connected && count-- > 0) {
            why = blkfront_ring_take(&front->ring, &answer);
            if (!why)
                complete_shadow(front, &answer);
        }
        if (why) {
            blkfront_fail(front, why);
            return;
        }
        start_waiting(front);
        blkfront_kick(&front->device);
        if (!front->connected || !blkfront_ring_sleep(&front->ring))
            return;
    }
}

static void blkfront_event(evtchn_port_t port, void *argument)
{
    struct blkfront *front = argument;

    work_schedule(&front->work);
}

/* ---- beginning and end ---- */

static int offer_ring(struct blkfront *front)
{
    for (unsigned int i = 0; i < front->ring_page_count; i++) {
        const char *page = (const char *)front->ring_pages + i * PAGE_SIZE;
        int ref = grant_offer(front->split->other, va_to_mfn(page), false);

        if (ref < 0) {
            while (i-- > 0)
                grant_end(front->ring_refs[i]);
            return ref;
        }
        front->ring_refs[i] = (grant_ref_t)ref;
    }
    return 0;
}

int blkfront_io_start(struct blkfront *front, unsigned int ring_page_count)
{
    int error = -ENOMEM;
    int port;

    front->ring_page_count = ring_page_count;
    front->ring_pages = pages_alloc(ring_page_count);
    if (!front->ring_pages)
        return error;
    blkfront_ring_init(&front->ring, front->ring_pages, ring_page_count * (uint32_t)PAGE_SIZE);
    front->shadows = calloc(front->ring.slots, sizeof(*front->shadows));
    if (!front->shadows)
        goto fail_pages;
    error = offer_ring(front);
    if (error)
        goto fail_shadows;
    port = event_alloc_unbound(front->split->other);
    if (port >= 0) {
        front->port = (evtchn_port_t)port;
        return 0;
    }
    error = port;
    for (unsigned int i = 0; i < ring_page_count; i++)
        grant_end(front->ring_refs[i]);
fail_shadows:
    free(front->shadows);
    front->shadows = NULL;
fail_pages:
    pages_free(front->ring_pages, ring_page_count);
    return error;
}

void blkfront_io_go(struct blkfront *front)
{
    front->work.run = blkfront_run;
    front->connected = true;
    event_set_handler(front->port, blkfront_event, front);
    start_waiting(front);
    blkfront_kick(&front->device);
}

/* The request that was put into the ring last, of those that are there. NULL: none is. */
static struct blkfront_shadow *youngest_shadow(struct blkfront *front)
{
    struct blkfront_shadow *found = NULL;

    for (uint32_t id = 0; id < front->ring.slots; id++) {
        struct blkfront_shadow *shadow = &front->shadows[id];

        if (shadow->request &&
            (!found || front->ring.req_prod - shadow->order < front->ring.req_prod - found->order))
            found = shadow;
    }
    return found;
}

/* Has what is in the ring wait again, in its order and before all else. */
static void take_back(struct blkfront *front)
{
    struct blkfront_shadow *shadow;

    while ((shadow = youngest_shadow(front))) {
        wait_first(front, shadow->request);
        shadow->request = NULL;
    }
}

static void end_segment_grants(struct blkfront *front)
{
    for (uint32_t id = 0; id < front->ring.slots; id++) {
        struct blkfront_shadow *shadow = &front->shadows[id];

        if (!shadow->request)
            continue;
        for (unsigned int i = 0; !shadow->plain && i < shadow->count; i++) {
            if (shadow->segments[i].ref)
                end_grant(front, shadow->segments[i].ref);
            if (shadow->segments[i].page)
                pool_put(front, shadow->segments[i].page);
        }
        if (shadow->indirect) {
            if (shadow->indirect_ref)
                end_grant(front, shadow->indirect_ref);
            pool_put(front, shadow->indirect);
        }
    }
}

static void end_lasting_grants(struct blkfront *front)
{
    for (unsigned int i = 0; i < BLKFRONT_GRANT_TABLE; i++) {
        if (front->grants[i].page)
            end_grant(front, front->grants[i].ref);
        front->grants[i].page = 0;
    }
    front->grant_count = 0;
    while (front->free_pages) {
        struct blkfront_page *page = front->free_pages;

        front->free_pages = page->next;
        io_page_free(page->va);
        free(page);
    }
}

void blkfront_io_stop(struct blkfront *front)
{
    if (!front->shadows)
        return;
    front->connected = false;
    event_close(front->port);
    work_cancel(&front->work);
    end_segment_grants(front);
    take_back(front);
    end_lasting_grants(front);
    for (unsigned int i = 0; i < front->ring_page_count; i++)
        end_grant(front, front->ring_refs[i]);
    pages_free(front->ring_pages, front->ring_page_count);
    free(front->shadows);
    front->shadows = NULL;
}

void blkfront_io_abandon(struct blkfront *front)
{
    struct block_request *request;

    front->gone = true;
    while ((request = blkfront_take_waiting(front)))
        request->done(request, -EIO);
}
