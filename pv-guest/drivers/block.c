/* SPDX-License-Identifier: MIT */
/*
 * The table of block devices, the check that every request passes, and the claims on devices. A
 * driver gets only requests that lie within its disk and fit its block size; two users that would
 * overwrite each other's data never hold the same sectors.
 */
#include <drivers/block.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct block_device *devices;

int block_register(struct block_device *device)
{
    struct block_device **link = &devices;

    if (block_find(device->name))
        return -EEXIST;
    while (*link)
        link = &(*link)->next;
    device->next = NULL;
    *link = device;
    return 0;
}

void block_unregister(struct block_device *device)
{
    struct block_device **link = &devices;

    while (*link) {
        if (*link == device || (*link)->disk == device)
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
}

struct block_device *block_find(const char *name)
{
    struct block_device *device = devices;

    if (strncmp(name, "/dev/", 5) == 0)
        name += 5;
    while (device && strcmp(device->name, name) != 0)
        device = device->next;
    return device;
}

void block_list(bool (*entry)(struct block_device *device, void *argument), void *argument)
{
    struct block_device *device = devices;

    while (device) {
        struct block_device *next = device->next;

        if (!entry(device, argument))
            return;
        device = next;
    }
}

/* ---- Requests ---- */

/* Whether a read or write may go to the device; sets how long it is. */
static int check_data(const struct block_device *device, struct block_request *request)
{
    const struct block_segment *segment = request->segments;
    const struct block_segment *end = segment + request->segment_count;
    uint64_t bytes = 0;
    uint32_t odd = 0;

    if (request->segment_count - 1 >= device->max_segments)
        return -EINVAL;
    for (; segment < end; segment++) {
        bytes += segment->length;
        odd |= segment->length;
    }
    request->sectors = bytes / SECTOR_SIZE;
    return odd & (device->logical_size - 1) ? -EINVAL : 0;
}

static int check_request(const struct block_device *device, struct block_request *request)
{
    uint64_t blocks = device->logical_size / SECTOR_SIZE;
    int error = 0;

    if (request->operation != BLOCK_READ && device->read_only)
        return -EROFS;
    if (request->operation <= BLOCK_WRITE)
        error = check_data(device, request);
    else if (request->operation == BLOCK_DISCARD ? !device->discard : !device->write_zeroes)
        return -EOPNOTSUPP;
    if (error)
        return error;
    if (((request->sector | request->sectors) & (blocks - 1)) || request->sectors == 0 ||
        request->sectors > device->sectors || request->sector > device->sectors - request->sectors)
        return -EINVAL;
    return 0;
}

void block_submit(struct block_device *device, struct block_request *request)
{
    int error;

    if (request->operation == BLOCK_FLUSH) {
        if (!device->flush) {
            request->done(request, 0);
            return;
        }
    } else {
        error = check_request(device, request);
        if (error) {
            request->done(request, error);
            return;
        }
    }
    request->disk_sector = device->first + request->sector;
    device->operations->submit(device->disk, request);
}

/* ---- Claims ---- */

static bool devices_overlap(const struct block_device *a, const struct block_device *b)
{
    return a->disk == b->disk &&
           (a == b || (a->first < b->first + b->sectors && b->first < a->first + a->sectors));
}

static bool in_the_way(const struct block_claim *held, enum block_access wanted)
{
    return wanted == BLOCK_WRITER || (wanted == BLOCK_READER && held->access == BLOCK_WRITER);
}

/* The claim that forbids this one, or NULL. A device that is not in the table is one user's own. */
static const struct block_claim *find_obstacle(const struct block_device *device,
                                               enum block_access wanted)
{
    for (const struct block_device *other = devices; other; other = other->next) {
        if (!devices_overlap(other, device))
            continue;
        for (const struct block_claim *held = other->claims; held; held = held->next)
            if (in_the_way(held, wanted))
                return held;
    }
    return NULL;
}

int block_claim(struct block_claim *claim, struct block_device *device, char *why, size_t size)
{
    bool writes = claim->access != BLOCK_READER;
    const struct block_claim *obstacle;

    if (writes && device->read_only) {
        snprintf(why, size, "%s is read-only", device->name);
        return -EROFS;
    }
    obstacle = find_obstacle(device, claim->access);
    if (obstacle) {
        bool own = obstacle->device == device;
        size_t length = (size_t)snprintf(why, size, "%s cannot be used for %s: %s%s is %s by ",
                                         device->name, writes ? "writing" : "reading",
                                         own ? "it" : obstacle->device->name,
                                         own ? "" : ", which overlaps it,",
                                         obstacle->access == BLOCK_READER ? "read" : "written");

        /* When this has waited, the claim and the devices may be gone. */
        if (length < size && obstacle->describe)
            obstacle->describe(obstacle, why + length, size - length);
        else if (length < size)
            snprintf(why + length, size - length, "this domain itself");
        return -EBUSY;
    }
    claim->device = device;
    claim->next = device->claims;
    device->claims = claim;
    return 0;
}

void block_release(struct block_claim *claim)
{
    struct block_claim **link;

    if (!claim->device)
        return;
    link = &claim->device->claims;
    while (*link && *link != claim)
        link = &(*link)->next;
    if (*link)
        *link = claim->next;
    claim->device = NULL;
}

void block_resized(struct block_device *disk, uint64_t sectors)
{
    struct block_claim *claim = disk->claims;

    disk->sectors = sectors;
    while (claim) {
        struct block_claim *next = claim->next;

        if (claim->resized)
            claim->resized(claim);
        claim = next;
    }
}
