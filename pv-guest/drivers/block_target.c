/* SPDX-License-Identifier: MIT */
/*
 * Opens the device that the description of a virtual disk names, and holds it.
 */
#include <drivers/block.h>
#include <drivers/cow_disk.h>
#include <drivers/file_disk.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse_spec(char *why, size_t size, int error, const char *spec, const char *text)
{
    snprintf(why, size, "%s %s", spec, text);
    return error;
}

/* A file of the ramdisk, under a copy-on-write disk if it is to be written. */
static int open_file(const char *spec, bool write, struct block_device **device, char *why,
                     size_t size)
{
    struct block_device *file;
    int error = file_disk_open(spec, &file);

    if (error == -ENOENT || error == -ENODEV)
        return refuse_spec(why, size, -ENOENT, spec, "is neither a disk nor a file of the ramdisk");
    if (error == -EISDIR)
        return refuse_spec(why, size, error, spec, "is a directory");
    if (error == -EINVAL)
        return refuse_spec(why, size, error, spec, "is empty");
    if (error)
        return refuse_spec(why, size, error, spec, "cannot be opened: no memory");
    *device = file;
    if (!write)
        return 0;
    error = cow_disk_open(file, cow_disk_share(), device);
    if (error) {
        file->operations->close(file);
        return refuse_spec(why, size, error, spec, "cannot be opened for writing: no memory");
    }
    return 0;
}

int block_target_open(struct block_claim *claim, const char *spec, char *why, size_t size)
{
    struct block_device *device = block_find(spec);
    bool own = false;
    int error;

    claim->device = NULL;
    if (!device) {
        if (spec[0] != '/' || strncmp(spec, "/dev/", 5) == 0)
            return refuse_spec(why, size, -ENOENT, spec, "is not a disk of this machine");
        error = open_file(spec, claim->access != BLOCK_READER, &device, why, size);
        if (error)
            return error;
        own = true;
    }
    error = block_claim(claim, device, why, size);
    if (error && own)
        device->operations->close(device);
    return error;
}

void block_target_close(struct block_claim *claim)
{
    struct block_device *device = claim->device;

    if (!device)
        return;
    block_release(claim);
    if (device->operations->close)
        device->operations->close(device);
    else if (device->disk == device && claim->access != BLOCK_READER)
        block_reread_partitions(device);
}
