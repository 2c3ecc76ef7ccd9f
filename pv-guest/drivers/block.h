/* SPDX-License-Identifier: MIT */
/*
 * Block devices inside this kernel: one interface for virtio disks, partitions, files of the
 * ramdisk, copy-on-write overlays and the front driver, so that the back driver and programs need
 * not know which of them they use.
 *
 * Sectors are of 512 bytes everywhere here, whatever the device's own block sizes are. Requests are
 * submitted from threads or work items, never from event handlers. They complete in the work thread
 * (work.h), in any order, perhaps before block_submit() returns: a device in memory does that, so
 * a `done` that submits requests must not do so without end.
 */
#ifndef DRIVERS_BLOCK_H
#define DRIVERS_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECTOR_SIZE     512u
#define BLOCK_NAME_SIZE 64

enum block_operation {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,        /* requests completed before it are on the medium when it completes */
    BLOCK_DISCARD,      /* the content of a range is no longer needed */
    BLOCK_WRITE_ZEROES, /* a range reads as zeroes afterwards */
};

/* A piece of memory within one page. */
struct block_segment {
    void *va;        /* address for this kernel */
    uint64_t maddr;  /* address for a device */
    uint32_t length; /* bytes, a multiple of the device's logical_size */
};

struct block_request {
    enum block_operation operation;
    unsigned int segment_count; /* at most the device's max_segments; 0 without data */
    /* The caller does not change them until `done`. */
    const struct block_segment *segments;
    uint64_t sector;  /* from the start of the device that it is submitted to */
    uint64_t sectors; /* BLOCK_DISCARD, BLOCK_WRITE_ZEROES: how many; else block_submit() sets it */
    /* Called once, with 0 or a negative errno. The request is the caller's again. */
    void (*done)(struct block_request *request, int error);
    void *context; /* the caller's */
    /* The device's, while it has the request. */
    uint64_t disk_sector; /* from the start of the whole disk */
    struct block_request *next;
    /* An overlay's (cow_disk.c), while the device below it has the request: the caller's. */
    void (*upper_done)(struct block_request *request, int error);
    void *upper_context;
};

struct block_device;

struct block_operations {
    /*
     * Take a request, whose range and segments were checked; queue it if there is no room. It
     * begins at request->disk_sector. Never BLOCK_FLUSH for a device without `flush`.
     */
    void (*submit)(struct block_device *disk, struct block_request *request);
    /* Tell the hardware or the other end of requests submitted since the last time; may be NULL. */
    void (*kick)(struct block_device *disk);
    /* Free a device that was opened for one user alone and is no longer used. Else NULL. */
    void (*close)(struct block_device *disk);
};

struct block_claim;

struct block_device {
    const struct block_operations *operations; /* the disk's, for a partition */
    struct block_device *disk;  /* the whole of which this is a part; itself, for a whole disk */
    uint64_t first;             /* where it begins in there; 0 for a whole disk */
    char name[BLOCK_NAME_SIZE]; /* "vda", "vda1", "/guests/disk.img" */
    uint64_t sectors;
    uint32_t logical_size;  /* bytes: requests begin and end at multiples of it */
    uint32_t physical_size; /* bytes: what is written without reading first */
    unsigned int max_segments;
    bool read_only;
    bool flush;                   /* has a cache that BLOCK_FLUSH empties */
    bool discard;                 /* takes BLOCK_DISCARD */
    bool write_zeroes;            /* takes BLOCK_WRITE_ZEROES */
    uint32_t discard_granularity; /* bytes */
    /* block.c's */
    struct block_claim *claims;
    struct block_device *next;
};

/* Makes a device known under its name. @return 0, or -EEXIST. */
int block_register(struct block_device *device);

/* Forgets a device and the partitions on it. Nobody may hold them. */
void block_unregister(struct block_device *device);

/* Finds a device that was registered, or NULL. Accepts "vda1" and "/dev/vda1". */
struct block_device *block_find(const char *name);

/* Calls @entry for every registered device, in order of registration, until it returns false. */
void block_list(bool (*entry)(struct block_device *device, void *argument), void *argument);

/*
 * Checks a request against the device and passes it on. One that does not fit completes at once:
 * -EINVAL beyond the end, not aligned, too many segments; -EROFS a change of a read-only device;
 * -EOPNOTSUPP. BLOCK_FLUSH completes at once where there is no cache.
 */
void block_submit(struct block_device *device, struct block_request *request);

/* After one or several block_submit(): lets the requests start. */
static inline void block_kick(struct block_device *device)
{
    if (device->operations->kick)
        device->operations->kick(device->disk);
}

/* ---- Holding devices ---- */

enum block_access {
    BLOCK_READER,
    BLOCK_WRITER,        /* "w": nobody else may have it, not even for reading */
    BLOCK_SHARED_WRITER, /* "w!": the administrator says that the users have agreed */
};

/* One user's hold on a device, within the user's own structure. */
struct block_claim {
    enum block_access access;
    /*
     * Name the holder, for the message of a refusal: "domain 'web' (xvda)". Called in the thread
     * that is refused. May wait, and the claim may have ended when it returns. NULL: this kernel
     * holds it.
     */
    void (*describe)(const struct block_claim *claim, char *text, size_t size);
    /* Called in the work thread when `device->sectors` has changed. May be NULL. */
    void (*resized)(struct block_claim *claim);
    void *context; /* the user's */
    /* block.c's */
    struct block_device *device;
    struct block_claim *next;
};

/*
 * Holds a device. The rules are those of xl: a writer must be alone, a reader may come to other
 * readers and shared writers, and a shared writer is never refused. A disk and its partitions count
 * as one device.
 * @param claim  `access` is set; `describe`, `resized` and `context` may be.
 * @param why    receives a sentence when refused; may be NULL with size 0.
 * @return 0; -EBUSY; -EROFS when a read-only device is to be written.
 */
int block_claim(struct block_claim *claim, struct block_device *device, char *why, size_t size);

/* Ends a hold. Nothing happens if it is not held. */
void block_release(struct block_claim *claim);

/* For a disk's driver: sets the disk's new size, and tells the holders. */
void block_resized(struct block_device *disk, uint64_t sectors);

/* ---- Targets: what stands behind a virtual disk (block_target.c) ---- */

/*
 * Finds or makes the device that @spec names, and holds it.
 *
 * "/dev/vda1" and "vda1" name a registered device. Any other path that begins with "/" is a file of
 * the ramdisk: read-only for a BLOCK_READER; else copy-on-write in memory, for this user alone, and
 * block_target_close() drops all changes.
 * @return 0 with claim->device set, or a negative errno and a sentence in @why: -ENOENT, -EISDIR,
 *         -EINVAL (empty), -ENOMEM, and those of block_claim().
 */
int block_target_open(struct block_claim *claim, const char *spec, char *why, size_t size);

/*
 * Releases it. No request may be under way. Nothing happens if it is not held. For threads that may
 * wait: the partitions of a disk that could be written are read again.
 */
void block_target_close(struct block_claim *claim);

/* ---- For threads that wait (block_wait.c, block_partitions.c); never in the work thread ---- */

/*
 * Reads or writes, and waits.
 * @param buffer in the physical map, aligned to the logical_size.
 * @param length bytes, a multiple of the device's logical_size.
 * @return 0 or a negative errno.
 */
int block_read(struct block_device *device, uint64_t sector, void *buffer, size_t length);
int block_write(struct block_device *device, uint64_t sector, const void *buffer, size_t length);

/* Flushes, and waits. @return 0 or a negative errno. */
int block_flush(struct block_device *device);

/*
 * Reads the partition table of a disk that is registered and registers the partitions, as "vda1"
 * and so on. What is wrong with a table is printed.
 * @return how many.
 */
unsigned int block_add_partitions(struct block_device *disk);

/*
 * Reads it again, and replaces the partitions if others are there now. Nothing changes while
 * anybody holds the disk or one of them, or if it cannot be read.
 */
void block_reread_partitions(struct block_device *disk);

/* Discards, and waits. @return 0 or a negative errno. */
int block_discard(struct block_device *device, uint64_t sector, uint64_t sectors);

#endif
