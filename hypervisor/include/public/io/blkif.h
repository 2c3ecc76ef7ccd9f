/* SPDX-License-Identifier: MIT */
/*
 * The protocol of split block devices.
 *
 * One ring (io/ring.h) of one or several pages. The front end puts its grant reference and its
 * port into the store ("ring-ref" or "ring-ref%u" with "ring-page-order", "event-channel",
 * "protocol"), the back end the disk's properties ("sectors", "sector-size", "info",
 * "physical-sector-size") and what it can do ("feature-flush-cache", "feature-barrier",
 * "feature-discard", "feature-persistent", "feature-max-indirect-segments",
 * "max-ring-page-order").
 *
 * Sector numbers and counts in the protocol are in units of 512 bytes, whatever "sector-size" is.
 * The 32-bit and the 64-bit layout of requests differ; "protocol" ("x86_32-abi", "x86_64-abi")
 * says which one the front end uses.
 */
#ifndef XEN_PUBLIC_IO_BLKIF_H
#define XEN_PUBLIC_IO_BLKIF_H

#include "../grant_table.h"
#include "ring.h"

#define blkif_vdev_t   uint16_t /* number of a device, as its folder in the store is named */
#define blkif_sector_t uint64_t /* number of a 512-byte sector */

/* blkif_request.operation */
#define BLKIF_OP_READ            0
#define BLKIF_OP_WRITE           1
#define BLKIF_OP_WRITE_BARRIER   2 /* everything before it is on the disk first; may have no data */
#define BLKIF_OP_FLUSH_DISKCACHE 3 /* all that was answered before is on the disk */
#define BLKIF_OP_RESERVED_1      4
#define BLKIF_OP_DISCARD         5 /* blkif_request_discard: the sectors are no longer needed */
#define BLKIF_OP_INDIRECT        6 /* blkif_request_indirect: the segments are in other pages */

#define BLKIF_MAX_SEGMENTS_PER_REQUEST       11
#define BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST 8 /* of 512 segments each */

/* A part of a granted page. */
struct blkif_request_segment {
    grant_ref_t gref;
    uint8_t first_sect, last_sect; /* 0 to 7, both included */
};

/* READ, WRITE, WRITE_BARRIER, FLUSH_DISKCACHE */
struct blkif_request {
    uint8_t operation;   /* BLKIF_OP_* */
    uint8_t nr_segments; /* elements of seg */
    blkif_vdev_t handle; /* the device */
    uint64_t id;         /* comes back in the response */
    blkif_sector_t sector_number;
    struct blkif_request_segment seg[BLKIF_MAX_SEGMENTS_PER_REQUEST];
};
typedef struct blkif_request blkif_request_t;

#define BLKIF_DISCARD_SECURE (1 << 0) /* flag: and nothing may be left of what they held */

/* DISCARD, in the same slot. */
struct blkif_request_discard {
    uint8_t operation;
    uint8_t flag; /* BLKIF_DISCARD_SECURE or 0 */
    blkif_vdev_t handle;
    uint64_t id;
    blkif_sector_t sector_number;
    uint64_t nr_sectors;
};
typedef struct blkif_request_discard blkif_request_discard_t;

/* INDIRECT, in the same slot. The pages hold arrays of blkif_request_segment, 8 bytes each. */
struct blkif_request_indirect {
    uint8_t operation;
    uint8_t indirect_op;  /* BLKIF_OP_READ or BLKIF_OP_WRITE */
    uint16_t nr_segments; /* of all pages together */
    uint64_t id;
    blkif_sector_t sector_number;
    blkif_vdev_t handle;
    grant_ref_t indirect_grefs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
#ifdef __i386__
    uint64_t pad; /* as long as in 64-bit guests */
#endif
};
typedef struct blkif_request_indirect blkif_request_indirect_t;

#define BLKIF_RSP_EOPNOTSUPP -2 /* this operation is not there */
#define BLKIF_RSP_ERROR      -1
#define BLKIF_RSP_OKAY       0

struct blkif_response {
    uint64_t id;       /* of the request */
    uint8_t operation; /* of the request; of an indirect one, its indirect_op */
    int16_t status;    /* BLKIF_RSP_* */
};
typedef struct blkif_response blkif_response_t;

DEFINE_RING_TYPES(blkif, struct blkif_request, struct blkif_response);

/* Bits of "info". */
#define VDISK_CDROM     0x1
#define VDISK_REMOVABLE 0x2
#define VDISK_READONLY  0x4

#endif /* XEN_PUBLIC_IO_BLKIF_H */
