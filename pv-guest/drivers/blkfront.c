/* SPDX-License-Identifier: MIT */
/*
 * The block front driver's devices: their nodes in the store, and their connecting, closing and
 * connecting again.
 *
 * The block device is registered when the back is Connected for the first time and stays until the
 * tools take the device away. When only the back goes, requests are kept for its return (split.h
 * shows the states); it may return with another size and other features.
 */
#include <drivers/blkfront.h>
#include <errno.h>
#include <events.h>
#include <inttypes.h>
#include <memory.h>
#include <public/io/protocols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct blkfront *blkfront_of(const struct split_device *split)
{
    return split->driver_data;
}

/* ---- names of virtual devices ---- */

/* "a" to "z", "aa" and so on. */
static void write_letters(char *to, size_t size, unsigned int disk)
{
    if (disk < 26)
        snprintf(to, size, "%c", (char)('a' + disk));
    else
        snprintf(to, size, "%c%c", (char)('a' + disk / 26 - 1), (char)('a' + disk % 26));
}

/* Numbers are major and minor as once in Linux, and a form of their own for many disks. */
static void make_name(char *name, size_t size, unsigned int number)
{
    static const struct {
        unsigned int major, first_disk, shift; /* a disk has 1 << shift minors */
        const char *prefix;
    } kinds[] = {{202, 0, 4, "xvd"}, {8, 0, 4, "sd"}, {3, 0, 6, "hd"}, {22, 2, 6, "hd"}};
    const char *prefix = "xvd";
    unsigned int disk = number >> 8, part = number & 0xff;
    char letters[4];

    if (number & 1u << 28) {
        disk = (number & ~(1u << 28)) >> 8;
    } else {
        for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (number >> 8 != kinds[i].major)
                continue;
            prefix = kinds[i].prefix;
            disk = kinds[i].first_disk + ((number & 0xff) >> kinds[i].shift);
            part = number & ((1u << kinds[i].shift) - 1);
        }
    }
    write_letters(letters, sizeof(letters), disk);
    if (part)
        snprintf(name, size, "%s%s%u", prefix, letters, part);
    else
        snprintf(name, size, "%s%s", prefix, letters);
}

/* ---- connecting ---- */

static int write_ring(store_transaction transaction, void *argument)
{
    struct blkfront *front = argument;
    struct split_device *split = front->split;
    unsigned int order = (unsigned int)__builtin_ctz(front->ring_page_count);
    char key[16] = "ring-ref";
    int error = 0;

    if (order > 0)
        error = split_write(split, transaction, "ring-page-order", "%u", order);
    for (unsigned int i = 0; i < front->ring_page_count && !error; i++) {
        if (order > 0)
            snprintf(key, sizeof(key), "ring-ref%u", i);
        error = split_write(split, transaction, key, "%u", front->ring_refs[i]);
    }
    if (!error)
        error = split_write(split, transaction, "event-channel", "%u", front->port);
    if (!error)
        error = split_write(split, transaction, "protocol", "%s", XEN_IO_PROTO_ABI_NATIVE);
    if (!error)
        error = split_write(split, transaction, "feature-persistent", "1");
    return error;
}

/* The back end waits for this end: make a ring and tell it. */
static void offer_ring_to_back(struct split_device *split)
{
    struct blkfront *front = blkfront_of(split);
    uint64_t order = split_other_feature(split, "max-ring-page-order");
    int error;

    if (order > BLKFRONT_RING_ORDER)
        order = BLKFRONT_RING_ORDER;
    error = blkfront_io_start(front, 1u << order);
    if (!error)
        error = store_change(write_ring, front);
    if (!error)
        error = split_set_state(split, XenbusStateInitialised);
    if (error)
        split_fail(split, error, "cannot offer a ring: %s", strerror(-error));
}

static void blkfront_read_features(struct blkfront *front)
{
    struct split_device *split = front->split;
    uint64_t segments = split_other_feature(split, "feature-max-indirect-segments");
    bool barrier = split_other_feature(split, "feature-barrier");
    bool flush = split_other_feature(split, "feature-flush-cache");

    if (segments <= BLKIF_MAX_SEGMENTS_PER_REQUEST)
        segments = BLKIF_MAX_SEGMENTS_PER_REQUEST;
    front->segments = segments < BLKFRONT_SEGMENTS ? (unsigned int)segments : BLKFRONT_SEGMENTS;
    front->persistent = split_other_feature(split, "feature-persistent");
    front->device.flush = barrier || flush;
    front->flush_operation = flush ? BLKIF_OP_FLUSH_DISKCACHE : BLKIF_OP_WRITE_BARRIER;
    front->device.discard = split_other_feature(split, "feature-discard");
    front->device.discard_granularity = (uint32_t)split_other_feature(split, "discard-granularity");
}

/* The disk's shape. @return 0 or a negative errno; split_fail() was called then. */
static int read_disk(struct blkfront *front, uint64_t *sectors)
{
    struct split_device *split = front->split;
    struct block_device *device = &front->device;
    uint64_t logical, physical, info;

    if (split_other_number(split, "sectors", sectors) ||
        split_other_number(split, "sector-size", &logical) ||
        split_other_number(split, "info", &info)) {
        split_fail(split, -EINVAL, "the back end does not say what the disk is");
        return -EINVAL;
    }
    if (logical < SECTOR_SIZE || logical > PAGE_SIZE || (logical & (logical - 1))) {
        split_fail(split, -EINVAL, "a sector size of %" PRIu64, logical);
        return -EINVAL;
    }
    physical = split_other_feature(split, "physical-sector-size");
    device->logical_size = (uint32_t)logical;
    device->physical_size = physical < logical ? (uint32_t)logical : (uint32_t)physical;
    device->read_only = info & (VDISK_READONLY | VDISK_CDROM);
    return 0;
}

/* The back is ready. The first time, a block device comes into being. */
static void ready(struct split_device *split)
{
    struct blkfront *front = blkfront_of(split);
    struct block_device *device = &front->device;
    uint64_t sectors;
    bool first = !front->registered;

    if (read_disk(front, &sectors))
        return;
    blkfront_read_features(front);
    if (first) {
        device->sectors = sectors;
        device->max_segments = front->segments;
        make_name(device->name, sizeof(device->name), split->id);
        if (block_register(device)) {
            split_fail(split, -EEXIST, "there is a %s already", device->name);
            return;
        }
        front->registered = true;
    } else if (sectors != device->sectors) {
        block_resized(device, sectors);
    }
    front->divides = front->segments < device->max_segments;
    blkfront_io_go(front);
    printf("%s: %" PRIu64 " sectors%s%s%s%s\n", device->name, sectors,
           device->read_only ? ", read-only" : "", front->persistent ? ", persistent grants" : "",
           device->discard ? ", discard" : "", first ? "" : ", connected again");
    split_set_state(split, XenbusStateConnected);
}

/* The back wrote Connected once more: the disk may have another size. */
static void look_at_size(struct split_device *split)
{
    struct blkfront *front = blkfront_of(split);
    uint64_t sectors;

    if (split_other_number(split, "sectors", &sectors) || sectors == front->device.sectors)
        return;
    printf("%s: %" PRIu64 " sectors now\n", front->device.name, sectors);
    block_resized(&front->device, sectors);
}

static void blkfront_other_changed(struct split_device *split, enum xenbus_state state)
{
    struct blkfront *front = blkfront_of(split);

    switch (state) {
    case XenbusStateInitWait:
        blkfront_io_stop(front);
        offer_ring_to_back(split);
        break;
    case XenbusStateConnected:
        if (front->connected)
            look_at_size(split);
        else if (front->shadows)
            ready(split);
        break;
    case XenbusStateClosing:
    case XenbusStateClosed:
        if (front->connected)
            printf("%s: the back end is gone\n", front->device.name);
        blkfront_io_stop(front);
        break;
    default:
        break;
    }
}

/* ---- coming and going ---- */

static int blkfront_probe(struct split_device *split)
{
    struct blkfront *front = calloc(1, sizeof(*front));

    if (!front)
        return -ENOMEM;
    front->split = split;
    front->waiting_end = &front->waiting;
    front->device.operations = &blkfront_operations;
    front->device.disk = &front->device;
    split->driver_data = front;
    return 0;
}

static void blkfront_remove(struct split_device *split)
{
    struct blkfront *front = blkfront_of(split);

    blkfront_io_stop(front);
    blkfront_io_abandon(front);
    split->driver_data = NULL;
    front->split = NULL;
    if (front->registered)
        block_unregister(&front->device);
    /* The device's holder still submits requests, which end with -EIO. */
    if (!front->device.claims)
        free(front);
}

static struct split_driver driver = {
    .kind = "vbd",
    .probe = blkfront_probe,
    .other_changed = blkfront_other_changed,
    .remove = blkfront_remove,
};

int blkfront_init(void)
{
    return split_register(&driver);
}
