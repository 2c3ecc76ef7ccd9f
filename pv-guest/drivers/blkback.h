/* SPDX-License-Identifier: MIT */
/*
 * The block back driver: serves the "vbd" devices of other domains from block devices of this one.
 * The structures here are for the driver's parts; everybody else calls blkback_init().
 *
 * The data path (blkback_io.c, blkback_pages.c) runs in the work thread alone. Connecting and
 * disconnecting (blkback.c) happen in the thread that split.c keeps for each device; it touches the
 * data path only while that is stopped.
 */
#ifndef DRIVERS_BLKBACK_H
#define DRIVERS_BLKBACK_H

#include <drivers/blkback_ring.h>
#include <drivers/block.h>
#include <drivers/split.h>
#include <drivers/work.h>
#include <grant.h>
#include <public/event_channel.h>
#include <thread.h>

/* Serves every vbd from now on. @return 0 or a negative errno. */
int blkback_init(void);

/* What front ends have asked for, as this driver counts it for each device. */
struct blkback_counters {
    uint64_t held_back; /* times that a request waited for one of those under way to end */
    uint64_t reads, writes;
    uint64_t sectors_read, sectors_written; /* of 512 bytes */
};

/* Calls @entry for each device; from threads. @entry may not wait. */
void blkback_each(void (*entry)(void *context, domid_t domid,
                                const struct blkback_counters *counters),
                  void *context);

/* Leaves all front ends; they wait until blkback_init() connects to them again. */
void blkback_exit(void);

/* ---- Pages of the front that are mapped (blkback_pages.c) ---- */

/*
 * Pages of one device that can be mapped at a time: what Linux's back driver keeps, too. They have
 * addresses while the device is connected, of which there are enough for some 115 devices.
 */
#define BLKBACK_PAGES 1056u
#define BLKBACK_HASH  2048u

struct blkback_page {
    grant_ref_t gref;
    grant_handle_t handle;
    uint64_t maddr;
    uint16_t next;  /* in its hash chain, or in the free list */
    uint16_t users; /* requests under way; counts segments */
    bool mapped;
    bool recent; /* used since the clock's hand last passed */
} __attribute__((aligned(32)));

struct blkback_pages {
    domid_t domid;
    bool persistent; /* pages stay mapped after use */
    char *va;        /* page i is at va + i * PAGE_SIZE */
    struct blkback_page *pages;
    uint16_t *hash; /* persistent: first of a chain by reference */
    uint16_t free;
    unsigned int free_count;
    unsigned int hand;
    unsigned int dirty_count;
    uint16_t dirty[64]; /* not used any more, to be unmapped together */
};

/*
 * Prepares the pages of front end @domid, none mapped. @return 0, -ENOMEM, or -ENOSPC: there are no
 * addresses left for so many pages.
 */
int blkback_pages_init(struct blkback_pages *pages, domid_t domid, bool persistent);

/* Unmaps all. None may be in use. Nothing happens if it was not initialised. */
void blkback_pages_destroy(struct blkback_pages *pages);

/*
 * Maps what the segments of a command name, or finds it mapped.
 * @param readonly the front's pages need only be readable.
 * @param used     receives the index of each segment's page.
 * @param segments receives where each segment is.
 * @return 0; -EAGAIN: too many are in use, or the hypervisor is short of memory, and nothing was
 *         taken; -EINVAL: a wrong grant reference.
 */
int blkback_pages_get(struct blkback_pages *pages, const struct blkback_command *command,
                      bool readonly, uint16_t *used, struct block_segment *segments);

/* Gives pages up. Those that do not stay are unmapped by the next blkback_pages_flush(). */
void blkback_pages_put(struct blkback_pages *pages, const uint16_t *used, unsigned int count);

/* Unmaps pages that are no longer used; to be called before requests are answered. */
void blkback_pages_flush(struct blkback_pages *pages);

/*
 * Finds page @gref mapped, or maps it to stay. For persistent pages only. The address is valid
 * until the next call of any other function.
 * @return its address, or NULL: it cannot be mapped, for whatever reason.
 */
const void *blkback_pages_peek(struct blkback_pages *pages, grant_ref_t gref);

/* ---- The data path (blkback_io.c) ---- */

struct blkback_request;

struct blkback {
    struct blkback *next; /* of all devices */
    struct split_device *split;
    struct blkback_counters counters; /* since the device was made */
    struct block_claim claim;
    char dev[32];   /* its name in the front's domain: "xvda" */
    bool opened;    /* the claim is held */
    bool told;      /* the device has been announced on the console */
    bool connected; /* all below is set up */
    bool stopping;  /* no request is taken any more */

    struct grant_mapping ring_pages;
    evtchn_port_t port;
    bool port_masked; /* since its event, until the data path has looked at the ring */
    struct blkback_ring ring;
    struct blkback_limits limits;
    struct blkback_pages pages;

    struct work work;
    struct blkback_command command; /* the request that was taken last */
    bool held_back;                 /* it could not be begun yet, for lack of a resource */
    struct blkback_request *free;   /* requests that are not in use */
    unsigned int request_count;     /* all that exist */
    unsigned int under_way;
    struct blkback_request *completed, **completed_end;
    struct blkback_request *ordered; /* what is between a barrier's steps */
    struct wait_queue idle_queue;
    void *copy; /* a page for descriptors that are not mapped */
};

/* Sets up the data path on a mapped ring of @size bytes. @return 0 or a negative errno. */
int blkback_io_start(struct blkback *back, void *shared, uint32_t size, bool narrow,
                     bool persistent);

/*
 * The handler of the front's port; @argument is the struct blkback. The port is masked until its
 * work is done. Not while the data path is stopped.
 */
void blkback_io_event(evtchn_port_t port, void *argument);

/* Takes no more requests, waits for those under way, and releases all that the data path holds. */
void blkback_io_stop(struct blkback *back);

#endif
