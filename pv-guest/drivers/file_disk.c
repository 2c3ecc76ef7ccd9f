/* SPDX-License-Identifier: MIT */
/*
 * A file of the ramdisk as a read-only disk. A read is a copy, which is made when it is submitted.
 */
#include <drivers/file_disk.h>

#include <errno.h>
#include <fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 256

struct file_disk {
    struct block_device device; /* first */
    const char *data;
};

static void file_disk_submit(struct block_device *device, struct block_request *request)
{
    const struct file_disk *file = (const struct file_disk *)device;
    const char *from = file->data + request->disk_sector * SECTOR_SIZE;

    for (unsigned int i = 0; i < request->segment_count; i++) {
        memcpy(request->segments[i].va, from, request->segments[i].length);
        from += request->segments[i].length;
    }
    request->done(request, 0);
}

static void close_file(struct block_device *device)
{
    free(device);
}

static const struct block_operations operations = {.submit = file_disk_submit, .close = close_file};

int file_disk_open(const char *path, struct block_device **device)
{
    struct file_disk *disk;
    struct fs_file file;
    int error = fs_lookup(path, &file);

    if (error)
        return error;
    if (file.directory)
        return -EISDIR;
    if (file.size < SECTOR_SIZE)
        return -EINVAL;
    disk = calloc(1, sizeof(*disk));
    if (!disk)
        return -ENOMEM;
    disk->data = file.data;
    disk->device = (struct block_device){
        .operations = &operations,
        .disk = &disk->device,
        .sectors = file.size / SECTOR_SIZE,
        .logical_size = SECTOR_SIZE,
        .physical_size = SECTOR_SIZE,
        .max_segments = MAX_SEGMENTS,
        .read_only = true,
    };
    snprintf(disk->device.name, sizeof(disk->device.name), "%s", path);
    *device = &disk->device;
    return 0;
}
