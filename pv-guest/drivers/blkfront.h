/* SPDX-License-Identifier: MIT */
/*
 * The block front driver: every vbd that the tools give this domain becomes a block device "xvda"
 * and so on. Parts of the driver see its structures here; everybody else calls blkfront_init() and
 * finds devices with block_find().
 *
 * Users hold a device with block_claim(). Requests to one whose back end is away wait until it has
 * come back, and those that it had not answered are made again, in the order in which they were
 * made; a device that was taken away answers them with -EIO.
 */
#ifndef DRIVERS_BLKFRONT_H
#define DRIVERS_BLKFRONT_H

#include <drivers/blkfront_ring.h>
#include <drivers/block.h>
#include <drivers/split.h>
#include <drivers/work.h>
#include <public/event_channel.h>

/* Serves every vbd of this domain from now on. @return 0 or a negative errno. */
int blkfront_init(void);

/* Segments of a request: 128 KiB of whole pages, and room for what is not aligned. */
#define BLKFRONT_SEGMENTS   64u
#define BLKFRONT_RING_ORDER 2u
#define BLKFRONT_RING_PAGES (1u << BLKFRONT_RING_ORDER)

/* Pages that stay granted: fewer than back drivers keep mapped. */
#define BLKFRONT_GRANTS      960u
#define BLKFRONT_GRANT_TABLE 2048u

/* A page that stays granted. */
struct blkfront_grant {
    uint32_t page; /* the number of a struct blkfront_page; 0: the place is free */
    grant_ref_t ref;
};

/* A page that data is copied through, or that holds indirect segments. */
struct blkfront_page {
    struct blkfront_page *next;
    void *va;
};

struct blkfront_segment_state {
    grant_ref_t ref;            /* to be ended, or 0 */
    struct blkfront_page *page; /* that the data goes through, or NULL */
};

/* A request in the ring. */
struct blkfront_shadow {
    struct block_request *request;
    uint32_t order;        /* among those in the ring */
    uint16_t first, count; /* the request's segments that this is about */
    bool plain;            /* `segments` says nothing */
    uint64_t sectors;      /* of these segments */
    struct blkfront_page *indirect;
    grant_ref_t indirect_ref; /* to be ended, or 0 */
    struct blkfront_segment_state segments[BLKFRONT_SEGMENTS];
};

struct blkfront {
    struct block_device device; /* first */
    struct split_device *split;
    bool registered;
    bool connected;
    bool gone; /* taken away or failed: requests end with -EIO */

    struct blkfront_ring ring;
    void *ring_pages;
    unsigned int ring_page_count;
    grant_ref_t ring_refs[BLKFRONT_RING_PAGES];
    evtchn_port_t port;
    bool persistent;
    unsigned int segments;   /* of a request to this back end */
    bool divides;            /* which is fewer than a request may have */
    uint8_t flush_operation; /* BLKIF_OP_*, if device.flush */

    struct work work;
    struct blkfront_shadow *shadows; /* by id */
    struct block_request *waiting, **waiting_end;

    struct blkfront_page *free_pages;                   /* for copies and indirect segments */
    unsigned int grant_count;                           /* of the table's places are taken */
    struct blkfront_grant grants[BLKFRONT_GRANT_TABLE]; /* by a hash of the page */
};

extern const struct block_operations blkfront_operations;

/* Makes ring, port and references. @return 0 or a negative errno with nothing made. */
int blkfront_io_start(struct blkfront *front, unsigned int ring_page_count);

/* The back is connected: begin, with what waits. */
void blkfront_io_go(struct blkfront *front);

/*
 * Leaves the back. What it has not answered waits again, before all else. Waits until it has let go
 * of all pages. Nothing happens if blkfront_io_start() was not called.
 */
void blkfront_io_stop(struct blkfront *front);

/* Ends all that waits. */
void blkfront_io_abandon(struct blkfront *front);

#endif
