/* SPDX-License-Identifier: MIT */
/*
 * Partition tables as fdisk and its like write them, made in memory: for tests of their readers.
 */
#ifndef HOST_DISK_IMAGE_H
#define HOST_DISK_IMAGE_H

#include <stdint.h>

/* A disk: `size` bytes at `data`. */
struct disk_image {
    uint8_t *data;
    uint64_t size;
    uint32_t block_size; /* bytes */
};

/* All numbers are in blocks. */
struct image_partition {
    uint8_t type; /* MBR */
    uint64_t first, count;
};

/*
 * Write the table in `block` of an MBR or of an extended partition. Up to 4 entries, as they are.
 */
void image_write_mbr(struct disk_image *image, uint64_t block,
                     const struct image_partition *entries, unsigned int count);

/*
 * Write a GPT of 128 entries, its backup and the protective MBR. An entry with count 0 is unused.
 * @param entry_size bytes.
 */
void image_write_gpt(struct disk_image *image, const struct image_partition *entries,
                     unsigned int count, uint32_t entry_size);

/*
 * Make the checksums of the header in `block`, and of its table if it lies within the disk, right.
 */
void image_sign_gpt(struct disk_image *image, uint64_t block);

#endif
