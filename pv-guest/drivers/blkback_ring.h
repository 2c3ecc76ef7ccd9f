/* SPDX-License-Identifier: MIT */
/*
 * The back end's view of a block ring (public/io/blkif.h): taking requests that a hostile front may
 * have written, and answering them. Free of the kernel, so that tests and fuzzers compile it.
 *
 * Shared memory is read once, into locals; all that is handed on was checked from those. Indices
 * of our own are kept here and never read back. What the protocol cannot produce is reported as a
 * text that says why, and the device is to be closed; what merely cannot be done is an answer.
 */
#ifndef DRIVERS_BLKBACK_RING_H
#define DRIVERS_BLKBACK_RING_H

#include <public/io/blkif.h>
#include <stdbool.h>
#include <stdint.h>

/* What Linux's back driver offers: 2^4 pages of ring, half a page of indirect segments. */
#define BLKBACK_MAX_RING_ORDER 4u
#define BLKBACK_MAX_RING_PAGES (1u << BLKBACK_MAX_RING_ORDER)
#define BLKBACK_MAX_SEGMENTS   256u

#define BLKBACK_PAGE_SECTORS 8u /* in a page */

#define BLKIF_SEGMENTS_PER_PAGE 512u /* descriptors in a page of an indirect request */

struct blkback_ring {
    uint8_t *shared;
    uint32_t slots;      /* a power of two */
    uint32_t slot_size;  /* bytes */
    uint32_t rest;       /* where in a slot the id is; all behind it is the same in both layouts */
    uint32_t req_cons;   /* requests taken */
    uint32_t rsp_prod;   /* answers written */
    uint32_t rsp_pushed; /* answers that the front was shown */
};

/* What a front may ask for. */
struct blkback_limits {
    uint64_t sectors;      /* the end of the disk */
    unsigned int segments; /* of an indirect request; 0: there are none */
};

enum blkback_kind {
    BLKBACK_READ,
    BLKBACK_WRITE,
    BLKBACK_FLUSH,   /* then write the segments, if there are any */
    BLKBACK_BARRIER, /* flush, write the segments, flush; nothing overtakes it */
    BLKBACK_DISCARD,
    BLKBACK_UNKNOWN, /* to be answered BLKIF_RSP_EOPNOTSUPP */
};

/* A request, out of reach of the front. */
struct blkback_command {
    enum blkback_kind kind;
    uint8_t operation; /* for the answer: as in the slot, but what an indirect request asks for */
    uint64_t id;
    uint64_t sector;
    uint64_t sectors; /* all segments together, or what to discard */
    unsigned int segment_count;
    unsigned int page_count; /* indirect: pages that hold the segments; else 0, and they are here */
    grant_ref_t pages[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
    uint64_t segments[BLKBACK_MAX_SEGMENTS]; /* as they were in shared memory, but checked */
};

/* What a segment says: the page, and its first and last sector, 0 to 7. */
static inline grant_ref_t blkback_segment_gref(uint64_t segment)
{
    return (grant_ref_t)segment;
}

static inline uint32_t blkback_segment_first(uint64_t segment)
{
    return (uint8_t)(segment >> 32);
}

static inline uint32_t blkback_segment_last(uint64_t segment)
{
    return (uint8_t)(segment >> 40);
}

/* Whether it is a whole page, as most are. */
static inline bool blkback_segment_is_page(uint64_t segment)
{
    return (uint16_t)(segment >> 32) == (BLKBACK_PAGE_SECTORS - 1) << 8;
}

/*
 * Begins with an empty ring.
 * @param size bytes at @shared: up to BLKBACK_MAX_RING_PAGES pages.
 * @param narrow the front's layout is that of 32-bit guests.
 */
void blkback_ring_init(struct blkback_ring *ring, void *shared, uint32_t size, bool narrow);

/* How many requests wait. @return false: the front's index is impossible. */
bool blkback_ring_waiting(const struct blkback_ring *ring, uint32_t *count);

/*
 * Takes the next request; there must be one. The segments of an indirect request come afterwards,
 * by blkback_ring_segments().
 * @return NULL, or why the device is to be closed.
 */
const char *blkback_ring_take(struct blkback_ring *ring, const struct blkback_limits *limits,
                              struct blkback_command *command);

/*
 * Takes the segments in page @page of an indirect request from its shared memory.
 * @return NULL, or why the device is to be closed.
 */
const char *blkback_ring_segments(struct blkback_command *command,
                                  const struct blkback_limits *limits, unsigned int page,
                                  const void *shared);

/* Answers a request, after those answered before. The front sees it at the next push. */
void blkback_ring_answer(struct blkback_ring *ring, uint64_t id, uint8_t operation, int16_t status);

/* Shows the front what was answered. @return whether it asked for an event. */
bool blkback_ring_push(struct blkback_ring *ring);

/* Asks for an event at the next request. @return whether some came before we asked. */
bool blkback_ring_sleep(struct blkback_ring *ring);

#endif
