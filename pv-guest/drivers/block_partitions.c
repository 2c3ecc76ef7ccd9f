/* SPDX-License-Identifier: MIT */
/*
 * Partitions as block devices of their own: a range of the disk, whose driver they use.
 */
#include <drivers/block.h>
#include <drivers/partition.h>

#include <ctype.h>
#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Devices read into whole pages of the physical map, which a stack is not. */
struct reader {
    struct block_device *disk;
    char *page;
};

static int read_disk_block(void *context, uint64_t block, void *buffer)
{
    const struct reader *reader = context;
    uint32_t size = reader->disk->logical_size;
    int error = block_read(reader->disk, block * (size / SECTOR_SIZE), reader->page, size);

    if (!error)
        memcpy(buffer, reader->page, size);
    return error;
}

/* @return how many, or a negative errno. The caller frees @partitions. */
static int read_partitions(struct block_device *disk, struct partition **partitions,
                           const char **note)
{
    struct reader reader = {.disk = disk, .page = page_alloc()};
    struct partition_source source = {
        .sectors = disk->sectors,
        .logical_size = disk->logical_size,
        .read = read_disk_block,
        .context = &reader,
    };
    int count = -ENOMEM;

    *partitions = calloc(PARTITIONS_MAX, sizeof(**partitions));
    if (*partitions && reader.page)
        count = partition_scan(&source, *partitions, note);
    if (count < 0)
        *note = "the partition table cannot be read";
    if (reader.page)
        page_free(reader.page);
    return count;
}

static void name_partition(const struct block_device *disk, unsigned int number, char *name)
{
    size_t length = strlen(disk->name);

    snprintf(name, BLOCK_NAME_SIZE, "%.48s%s%u", disk->name,
             isdigit(disk->name[length - 1]) ? "p" : "", number);
}

static unsigned int add_all(struct block_device *disk, const struct partition *partitions,
                            int count)
{
    unsigned int added = 0;

    for (int i = 0; i < count; i++) {
        struct block_device *device = calloc(1, sizeof(*device));

        if (!device)
            break;
        *device = *disk;
        device->claims = NULL;
        device->first = partitions[i].first;
        device->sectors = partitions[i].sectors;
        name_partition(disk, partitions[i].number, device->name);
        if (block_register(device) == 0)
            added++;
        else
            free(device);
    }
    return added;
}

unsigned int block_add_partitions(struct block_device *disk)
{
    struct partition *partitions;
    const char *note = NULL;
    int count = read_partitions(disk, &partitions, &note);
    unsigned int added;

    if (note)
        printf("%s: %s\n", disk->name, note);
    added = add_all(disk, partitions, count);
    free(partitions);
    return added;
}

/* ---- Again, after the disk was written ---- */

/* What is registered for a disk. */
struct registered {
    struct block_device *disk;
    struct block_device *partition; /* one of them */
    int count;
    bool in_use; /* the disk, or one of them */
};

static bool look_at(struct block_device *device, void *argument)
{
    struct registered *registered = argument;

    if (device->disk != registered->disk)
        return true;
    if (device->claims)
        registered->in_use = true;
    if (device != registered->disk) {
        registered->partition = device;
        registered->count++;
    }
    return true;
}

static struct registered find_registered(struct block_device *disk)
{
    struct registered registered = {.disk = disk};

    block_list(look_at, &registered);
    return registered;
}

static bool is_registered(const struct block_device *disk, const struct partition *partition)
{
    const struct block_device *device;
    char name[BLOCK_NAME_SIZE];

    name_partition(disk, partition->number, name);
    device = block_find(name);
    return device && device->first == partition->first && device->sectors == partition->sectors;
}

static void replace_all(struct block_device *disk, const struct partition *partitions, int count)
{
    struct registered registered;

    while ((registered = find_registered(disk)).count > 0) {
        block_unregister(registered.partition);
        free(registered.partition);
    }
    printf("%s: now has %u partitions\n", disk->name, add_all(disk, partitions, count));
}

void block_reread_partitions(struct block_device *disk)
{
    struct registered registered = find_registered(disk);
    struct partition *partitions;
    const char *note;
    bool same;
    int count;

    if (registered.in_use)
        return;
    count = read_partitions(disk, &partitions, &note);
    /* Reading took its time. */
    registered = find_registered(disk);
    same = count == registered.count;
    for (int i = 0; i < count && same; i++)
        same = is_registered(disk, &partitions[i]);
    if (count >= 0 && !same && !registered.in_use)
        replace_all(disk, partitions, count);
    free(partitions);
}
