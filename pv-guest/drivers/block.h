/* SPDX-License-Identifier: MIT */
/*
 * Block devices inside this kernel: one face for virtio disks, partitions, files of the ramdisk,
 * copy-on-write overlays and the front driver, so that the back driver and programs need not know
 * what they stand on.
 *
 * Sectors are of 512 bytes everywhere here, whatever the device's own block sizes are. Requests are
 * submitted from threads or work items, never from event handlers, and complete in the work thread
 * (work.h), perhaps before block_submit() returns.
 */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define SECTOR_SIZE     512u
#define BLOCK_NAME_SIZE 64

enum block_operation {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,   /* what was completed before it is on the medium when it completes */
    BLOCK_DISCARD, /* the content of a range is not needed any more */
};

/** A piece of memory within one page. */
struct block_segment {
    void *va;        /* where this kernel sees it */
    uint64_t maddr;  /* where a device does */
    uint32_t length; /* bytes, a multiple of SECTOR_SIZE */
};

struct block_request {
    enum block_operation operation;
    uint64_t sector;
    uint64_t sectors; /* BLOCK_DISCARD; else 0: the segments say */
    const struct block_segment *segments;
    unsigned int segment_count; /* at most the device's max_segments */
    /** Called once, with 0 or a negative errno. The request is the caller's again. */
    void (*done)(struct block_request *request, int error);
    void *context;              /* the caller's */
    struct block_request *next; /* the device's, while it has the request */
};

struct block_device;

struct block_operations {
    /** Take a request, whose range and segments were checked; queue it if there is no room. */
    void (*submit)(struct block_device *device, struct block_request *request);
    /** Tell the hardware or the other end about what was submitted since the last time. */
    void (*kick)(struct block_device *device);
    /** Nobody uses the device any more; NULL where that means nothing. */
    void (*close)(struct block_device *device);
};

struct block_device {
    const struct block_operations *operations;
    char name[BLOCK_NAME_SIZE]; /* "vda", "vda1", "/guests/disk.img" */
    uint64_t sectors;
    uint32_t logical_size;  /* bytes: requests begin and end at multiples of it */
    uint32_t physical_size; /* bytes: what is written without reading first */
    unsigned int max_segments;
    bool read_only;
    bool flush;                   /* has a cache that BLOCK_FLUSH empties */
    bool discard;                 /* takes BLOCK_DISCARD */
    uint32_t discard_granularity; /* bytes */
    /** Called in a thread when `sectors` has changed, by whom the device is held. NULL: nobody. */
    void (*resized)(struct block_device *device, void *context);
    void *resized_context;
    struct block_device *next; /* block.c's list */
};

/** Make a device known under its name. @return 0, or -EEXIST. */
int block_register(struct block_device *device);
void block_unregister(struct block_device *device);

/** Find a device that was registered, or NULL. Accepts "vda1" and "/dev/vda1". */
struct block_device *block_find(const char *name);

/** Call `entry` for every registered device until it returns false. */
void block_list(bool (*entry)(struct block_device *device, void *argument), void *argument);

/**
 * Check a request against the device and pass it on. One that does not fit (beyond the end, not
 * aligned, a write to a read-only device) completes with -EINVAL, -EROFS or -EOPNOTSUPP at once.
 */
void block_submit(struct block_device *device, struct block_request *request);

/** After one or several block_submit(): let them start. */
static inline void block_kick(struct block_device *device)
{
    if (device->operations->kick)
        device->operations->kick(device);
}

/** Read or write `length` bytes from or to the physical map, and wait. @return 0 or negative errno. */
int block_read(struct block_device *device, uint64_t sector, void *buffer, uint32_t length);
int block_write(struct block_device *device, uint64_t sector, const void *buffer, uint32_t length);

/** Flush, and wait. */
int block_flush(struct block_device *device);

#endif
