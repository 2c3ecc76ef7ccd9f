/* SPDX-License-Identifier: MIT */
/*
 * The front end's view of a block ring (public/io/blkif.h): putting requests and taking answers
 * that a hostile back may have written. Free of the kernel, so that tests and fuzzers compile it.
 *
 * Indices, and what is under way, are kept here and never read back from the ring. An answer is
 * handed on only if it belongs to a request that was pushed and not answered before.
 */
#ifndef DRIVERS_BLKFRONT_RING_H
#define DRIVERS_BLKFRONT_RING_H

#include <public/io/blkif.h>
#include <stdbool.h>
#include <stdint.h>

#define BLKFRONT_MAX_RING_ORDER 4u
#define BLKFRONT_MAX_RING_PAGES (1u << BLKFRONT_MAX_RING_ORDER)
#define BLKFRONT_MAX_SLOTS      512u /* that a ring of so many pages has */

struct blkfront_ring {
    struct blkif_sring *shared;
    uint32_t slots;      /* a power of two */
    uint32_t req_prod;   /* requests put */
    uint32_t req_pushed; /* requests that the back was shown */
    uint32_t rsp_cons;   /* answers taken */
    uint32_t free_count;
    uint16_t free_ids[BLKFRONT_MAX_SLOTS];  /* a stack */
    uint8_t operations[BLKFRONT_MAX_SLOTS]; /* what each id is under way with, or BLKFRONT_IDLE */
};

#define BLKFRONT_IDLE 0xff

struct blkfront_answer {
    uint16_t id;
    int16_t status; /* BLKIF_RSP_* */
};

/* A segment's descriptor as one word: sectors @first to @last of the page granted by @gref. */
static inline uint64_t blkfront_segment(grant_ref_t gref, uint32_t first, uint32_t last)
{
    return gref | (uint64_t)(first | last << 8) << 32;
}

/* Makes the ring of @size bytes at @shared empty; its back end does not see it yet. */
void blkfront_ring_init(struct blkfront_ring *ring, void *shared, uint32_t size);

/* How many requests can be put now. */
static inline uint32_t blkfront_ring_room(const struct blkfront_ring *ring)
{
    return ring->free_count;
}

/* The id that the next request will have. */
static inline uint16_t blkfront_ring_next_id(const struct blkfront_ring *ring)
{
    return ring->free_ids[ring->free_count - 1];
}

/*
 * Puts a request; there must be room. The back sees it at the next push.
 * @param operation BLKIF_OP_READ, _WRITE or _FLUSH_DISKCACHE.
 * @param segments  descriptors made by blkfront_segment(), at most
 *                  BLKIF_MAX_SEGMENTS_PER_REQUEST.
 * @return its id, below ring->slots, in use until it is answered.
 */
uint16_t blkfront_ring_put(struct blkfront_ring *ring, uint8_t operation, blkif_vdev_t handle,
                           uint64_t sector, const uint64_t *segments, unsigned int count);

/* As above, @count descriptors being in @page_count granted pages. */
uint16_t blkfront_ring_put_indirect(struct blkfront_ring *ring, uint8_t operation,
                                    blkif_vdev_t handle, uint64_t sector, unsigned int count,
                                    const grant_ref_t *pages, unsigned int page_count);

uint16_t blkfront_ring_put_discard(struct blkfront_ring *ring, blkif_vdev_t handle, uint64_t sector,
                                   uint64_t sectors);

/* Shows the back what was put. @return whether it asked for an event. */
bool blkfront_ring_push(struct blkfront_ring *ring);

/* How many answers wait. @return NULL, or why the back cannot be trusted. */
const char *blkfront_ring_waiting(const struct blkfront_ring *ring, uint32_t *count);

/* Takes the next answer; there must be one. @return NULL, or why the back cannot be trusted. */
const char *blkfront_ring_take(struct blkfront_ring *ring, struct blkfront_answer *answer);

/* Asks for an event at the next answer. @return whether some came before we asked. */
bool blkfront_ring_sleep(struct blkfront_ring *ring);

#endif
