/* SPDX-License-Identifier: MIT */
/*
 * Partition tables: MBR (primary and logical partitions) and GPT (UEFI 2.10, chapter 5). No kernel
 * dependencies. Whatever a disk has on it, the result is a list of ranges within the disk, or none.
 */
#ifndef DRIVERS_PARTITION_H
#define DRIVERS_PARTITION_H

#include <stdint.h>

#define PARTITIONS_MAX 128u

struct partition {
    unsigned int number; /* from 1; logical partitions of an MBR from 5 */
    uint64_t first;      /* sectors of 512 bytes */
    uint64_t sectors;
};

/* The disk that is looked at. */
struct partition_source {
    uint64_t sectors;      /* of 512 bytes */
    uint32_t logical_size; /* bytes: what tables count in. A power of two, 512 to 4096 */
    /* Read one logical block. @return 0 or a negative errno. */
    int (*read)(void *context, uint64_t block, void *buffer);
    void *context;
};

/*
 * Reads a disk's partition table. The backup of a GPT serves when its primary header or table is
 * damaged.
 * @param partitions receives up to PARTITIONS_MAX of them in order of their numbers; those that
 *                   do not lie within the disk are left out.
 * @param note       receives a text about what is wrong with the table, else NULL.
 * @return how many; 0 without a table; or the negative errno of reading.
 */
int partition_scan(const struct partition_source *source, struct partition *partitions,
                   const char **note);

#endif
