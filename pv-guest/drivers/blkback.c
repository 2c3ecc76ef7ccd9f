/* SPDX-License-Identifier: MIT */
/*
 * The block back driver's devices: their nodes in the store, and their connecting and closing.
 *
 * The tools write into the back's node: params (the target: a disk, a partition, a file of the
 * ramdisk), mode (r, w, w! for shared), dev, device-type, removable, discard-enable. At probe the
 * target is opened, which is refused if another user writes it, and the features are written before
 * the state InitWait, in which the front reads them. When the front is Initialised, its ring and
 * port are taken, the disk's size is written, and the device is Connected.
 */
#include <drivers/blkback.h>
#include <errno.h>
#include <events.h>
#include <inttypes.h>
#include <memory.h>
#include <public/io/protocols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct blkback *backs; /* all devices */

static struct blkback *blkback_of(const struct split_device *split)
{
    return split->driver_data;
}

/* Whether our own node @key is the text @value. */
static bool own_is(const struct split_device *split, const char *key, const char *value)
{
    char *text;
    bool same;

    if (split_own_text(split, key, &text) < 0)
        return false;
    same = strcmp(text, value) == 0;
    free(text);
    return same;
}

/* ---- what the front gets to know ---- */

static unsigned int info_bits(const struct split_device *split, const struct block_device *disk,
                              enum block_access access)
{
    unsigned int info = 0;

    if (disk->read_only || access == BLOCK_READER)
        info |= VDISK_READONLY;
    if (own_is(split, "device-type", "cdrom"))
        info |= VDISK_CDROM;
    if (own_is(split, "removable", "1"))
        info |= VDISK_REMOVABLE;
    return info;
}

static int write_number(struct split_device *split, const char *key, uint64_t value)
{
    return split_write(split, 0, key, "%" PRIu64, value);
}

/* All that can be known of a disk before a front is there. */
static int blkback_write_features(struct split_device *split)
{
    struct blkback *back = blkback_of(split);
    const struct block_device *disk = back->claim.device;
    bool discard = disk->discard && !own_is(split, "discard-enable", "0");
    unsigned int segments = back->limits.segments;
    int error = write_number(split, "max-ring-page-order", BLKBACK_MAX_RING_ORDER);

    if (!error)
        error = write_number(split, "feature-persistent", 1);
    if (!error && segments > 0)
        error = write_number(split, "feature-max-indirect-segments", segments);
    if (!error)
        error = write_number(split, "feature-flush-cache", disk->flush);
    if (!error)
        error = write_number(split, "feature-barrier", disk->flush);
    if (!error)
        error = write_number(split, "feature-discard", discard);
    if (!error && discard) {
        error = write_number(split, "discard-granularity", disk->discard_granularity);
        if (!error)
            error = write_number(split, "discard-alignment", 0);
        if (!error)
            error = write_number(split, "discard-secure", 0);
    }
    if (!error)
        error = write_number(split, "sector-size", disk->logical_size);
    if (!error)
        error = write_number(split, "physical-sector-size", disk->physical_size);
    if (!error)
        error = write_number(split, "info", info_bits(split, disk, back->claim.access));
    if (!error)
        error = write_number(split, "sectors", disk->sectors);
    return error;
}

/* The disk has another size. Writing Connected once more makes the front read it. */
static void tell_size(struct split_device *split)
{
    const struct blkback *back = blkback_of(split);
    uint64_t sectors = back->claim.device->sectors;

    split_say(split, "%s has %" PRIu64 " sectors now", back->claim.device->name, sectors);
    write_number(split, "sectors", sectors);
    if (split->state == XenbusStateConnected)
        split_set_state(split, XenbusStateConnected);
}

static void claim_resized(struct block_claim *claim)
{
    struct blkback *back = claim->context;

    /* The front end may use the sectors that it knows of until it has read the new size. */
    if (claim->device->sectors > back->limits.sectors)
        back->limits.sectors = claim->device->sectors;
    split_call(back->split, tell_size);
}

/* ---- the front's ring ---- */

/* The references of the ring's pages. @return how many, or a negative errno. */
static int read_ring_references(const struct split_device *split, grant_ref_t *references)
{
    uint64_t order, value;
    unsigned int count;
    char key[16];

    if (split_other_number(split, "ring-page-order", &order)) {
        if (split_other_number(split, "ring-ref", &value))
            return -EINVAL;
        references[0] = (grant_ref_t)value;
        return 1;
    }
    if (order > BLKBACK_MAX_RING_ORDER)
        return -EINVAL;
    count = 1u << order;
    for (unsigned int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "ring-ref%u", i);
        if (split_other_number(split, key, &value))
            return -EINVAL;
        references[i] = (grant_ref_t)value;
    }
    return (int)count;
}

/* Which layout the front uses. @return 0, or -EINVAL for none that we know. */
static int read_protocol(const struct split_device *split, bool *narrow)
{
    char *protocol;
    int error = 0;

    *narrow = false;
    if (split_other_text(split, "protocol", &protocol) < 0)
        return 0;
    if (strcmp(protocol, XEN_IO_PROTO_ABI_X86_32) == 0)
        *narrow = true;
    else if (strcmp(protocol, XEN_IO_PROTO_ABI_X86_64) != 0)
        error = -EINVAL;
    free(protocol);
    return error;
}

static int blkback_map_ring(struct blkback *back)
{
    grant_ref_t references[BLKBACK_MAX_RING_PAGES];
    struct split_device *split = back->split;
    int count = read_ring_references(split, references);
    int error;

    if (count < 0) {
        split_fail(split, count, "no ring-ref, or a wrong ring-page-order");
        return count;
    }
    error = grant_map(&back->ring_pages, split->other, references, (unsigned int)count, false);
    if (error)
        split_fail(split, error, "cannot map the ring");
    return error;
}

static int blkback_bind_port(struct blkback *back)
{
    struct split_device *split = back->split;
    uint64_t remote;
    int port;

    if (split_other_number(split, "event-channel", &remote)) {
        split_fail(split, -EINVAL, "no event-channel");
        return -EINVAL;
    }
    port = event_bind_interdomain(split->other, (evtchn_port_t)remote);
    if (port < 0) {
        split_fail(split, port, "cannot bind to port %" PRIu64, remote);
        return port;
    }
    back->port = (evtchn_port_t)port;
    return 0;
}

/* Once: a front can come and go as fast as it likes. */
static void tell_connected(struct blkback *back, bool persistent)
{
    if (!back->told)
        split_say(back->split, "%s, %" PRIu64 " sectors%s%s", back->claim.device->name,
                  back->claim.device->sectors,
                  back->claim.access == BLOCK_READER ? ", read-only" : "",
                  persistent ? ", persistent grants" : "");
    back->told = true;
}

static void blkback_connect(struct split_device *split)
{
    struct blkback *back = blkback_of(split);
    bool persistent = split_other_feature(split, "feature-persistent");
    bool narrow;
    int error;

    if (read_protocol(split, &narrow)) {
        split_fail(split, -EINVAL, "a protocol that we do not speak");
        return;
    }
    if (blkback_map_ring(back))
        return;
    if (blkback_bind_port(back)) {
        grant_unmap(&back->ring_pages);
        return;
    }
    back->limits.sectors = back->claim.device->sectors;
    error = blkback_io_start(back, back->ring_pages.va,
                             back->ring_pages.count * (uint32_t)PAGE_SIZE, narrow, persistent);
    if (error) {
        event_close(back->port);
        grant_unmap(&back->ring_pages);
        split_fail(split, error, "%s",
                   error == -ENOSPC ? "as many disks are connected as this domain has addresses for"
                                    : "no memory for its pages");
        return;
    }
    back->connected = true;
    tell_connected(back, persistent);
    write_number(split, "sectors", back->claim.device->sectors);
    split_set_state(split, XenbusStateConnected);
    event_set_handler(back->port, blkback_io_event, back);
    /* What the front put before we listened. */
    work_schedule(&back->work);
}

static void blkback_disconnect(struct split_device *split)
{
    struct blkback *back = blkback_of(split);

    if (!back->connected)
        return;
    back->connected = false;
    event_set_handler(back->port, NULL, NULL);
    blkback_io_stop(back);
    event_close(back->port);
    grant_unmap(&back->ring_pages);
}

/* ---- coming and going ---- */

static enum block_access wanted_access(const struct split_device *split)
{
    if (own_is(split, "mode", "w!"))
        return BLOCK_SHARED_WRITER;
    return own_is(split, "mode", "w") ? BLOCK_WRITER : BLOCK_READER;
}

/*
 * Its domain may have got another name since the device was made, so the store is asked each time.
 */
static void describe_claim(const struct block_claim *claim, char *text, size_t size)
{
    const struct blkback *back = claim->context;
    unsigned int domid = back->split->other;
    char dev[sizeof(back->dev)], path[40];
    char *name;

    memcpy(dev, back->dev, sizeof(dev));
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    if (store_read(0, path, &name) < 0) {
        snprintf(text, size, "domain %u (%s)", domid, dev);
        return;
    }
    snprintf(text, size, "domain '%s' (%s)", name, dev);
    free(name);
}

/* Opens what the tools named. */
static int open_target(struct split_device *split)
{
    struct blkback *back = blkback_of(split);
    char why[200] = "";
    char *name, *dev;
    int error;

    if (split_own_text(split, "params", &name) < 0) {
        split_fail(split, -EINVAL, "no params");
        return -EINVAL;
    }
    snprintf(back->dev, sizeof(back->dev), "%u", split->id);
    if (split_own_text(split, "dev", &dev) >= 0) {
        snprintf(back->dev, sizeof(back->dev), "%s", dev);
        free(dev);
    }
    back->claim.describe = describe_claim;
    back->claim.access = wanted_access(split);
    back->claim.resized = claim_resized;
    back->claim.context = back;
    error = block_target_open(&back->claim, name, why, sizeof(why));
    free(name);
    if (error) {
        split_fail(split, error, "%s", why);
        return error;
    }
    back->opened = true;
    return 0;
}

static void blkback_release(struct split_device *split)
{
    struct blkback *back = blkback_of(split), **link = &backs;

    while (*link != back)
        link = &(*link)->next;
    *link = back->next;
    blkback_disconnect(split);
    if (back->opened)
        block_target_close(&back->claim);
    free(back);
    split->driver_data = NULL;
}

static int blkback_probe(struct split_device *split)
{
    struct blkback *back = calloc(1, sizeof(*back));
    unsigned int segments;
    int error;

    if (!back)
        return -ENOMEM;
    split->driver_data = back;
    back->split = split;
    back->next = backs;
    backs = back;
    error = open_target(split);
    if (error) {
        blkback_release(split);
        return error;
    }
    segments = back->claim.device->max_segments;
    if (segments > BLKBACK_MAX_SEGMENTS)
        segments = BLKBACK_MAX_SEGMENTS;
    back->limits.segments = segments > BLKIF_MAX_SEGMENTS_PER_REQUEST ? segments : 0;
    error = blkback_write_features(split);
    if (!error)
        error = split_set_state(split, XenbusStateInitWait);
    if (error)
        blkback_release(split);
    return error;
}

static void blkback_other_changed(struct split_device *split, enum xenbus_state state)
{
    if (state == XenbusStateInitialised || state == XenbusStateConnected) {
        if (!blkback_of(split)->connected)
            blkback_connect(split);
    } else if (state == XenbusStateClosing || state == XenbusStateClosed) {
        blkback_disconnect(split);
    }
}

static struct split_driver driver = {
    .kind = "vbd",
    .back = true,
    .probe = blkback_probe,
    .other_changed = blkback_other_changed,
    .remove = blkback_release,
};

void blkback_each(void (*entry)(void *context, domid_t domid,
                                const struct blkback_counters *counters),
                  void *context)
{
    for (const struct blkback *back = backs; back; back = back->next)
        entry(context, back->split->other, &back->counters);
}

int blkback_init(void)
{
    return split_register(&driver);
}

void blkback_exit(void)
{
    split_unregister(&driver);
}
