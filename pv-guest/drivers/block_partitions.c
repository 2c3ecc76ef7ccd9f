/* SPDX-License-Identifier: MIT */
/*
 * Partitions as block devices of their own: a range of the disk, whose driver they use.
 */
#include <drivers/block.h>
#include <drivers/partition.h>

#include <ctype.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Devices read into whole pages of the physical map, which a stack is not. */
struct reader {
    struct block_device *disk;
    char *page;
};

static int read_block(void *context, uint64_t block, void *buffer)
{
    const struct reader *reader = context;
    uint32_t size = reader->disk->logical_size;
    int error = block_read(reader->disk, block * (size / SECTOR_SIZE), reader->page, size);

    if (!error)
        memcpy(buffer, reader->page, size);
    return error;
}

static bool add_partition(struct block_device *disk, const struct partition *partition)
{
    struct block_device *device = calloc(1, sizeof(*device));
    size_t length = strlen(disk->name);

    if (!device)
        return false;
    *device = *disk;
    device->claims = NULL;
    device->first = partition->first;
    device->sectors = partition->sectors;
    snprintf(device->name, sizeof(device->name), "%s%s%u", disk->name,
             isdigit(disk->name[length - 1]) ? "p" : "", partition->number);
    if (block_register(device) == 0)
        return true;
    free(device);
    return false;
}

unsigned int block_add_partitions(struct block_device *disk)
{
    struct partition *partitions = calloc(PARTITIONS_MAX, sizeof(*partitions));
    struct reader reader = {.disk = disk, .page = page_alloc()};
    struct partition_source source = {
        .sectors = disk->sectors,
        .logical_size = disk->logical_size,
        .read = read_block,
        .context = &reader,
    };
    const char *note = "no memory to read the partition table";
    unsigned int added = 0;
    int count = 0;

    if (partitions && reader.page)
        count = partition_scan(&source, partitions, &note);
    if (count < 0)
        note = "the partition table cannot be read";
    if (note)
        printf("%s: %s\n", disk->name, note);
    for (int i = 0; i < count; i++)
        added += add_partition(disk, &partitions[i]);
    if (reader.page)
        page_free(reader.page);
    free(partitions);
    return added;
}
