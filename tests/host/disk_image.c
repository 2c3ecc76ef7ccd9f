/* SPDX-License-Identifier: MIT */
/* Partition tables in memory. Nothing is shared with the parser but the specification. */
#include "disk_image.h"

#include <string.h>
#include <zlib.h>

#define GPT_ENTRIES 128u

static uint8_t *block_at(struct disk_image *image, uint64_t block)
{
    return image->data + block * image->block_size;
}

void image_write_mbr(struct disk_image *image, uint64_t block,
                     const struct image_partition *entries, unsigned int count)
{
    uint8_t *bytes = block_at(image, block);

    memset(bytes, 0, 512);
    for (unsigned int i = 0; i < count; i++) {
        uint32_t first = (uint32_t)entries[i].first, length = (uint32_t)entries[i].count;

        bytes[446 + i * 16 + 4] = entries[i].type;
        memcpy(bytes + 446 + i * 16 + 8, &first, 4);
        memcpy(bytes + 446 + i * 16 + 12, &length, 4);
    }
    bytes[510] = 0x55;
    bytes[511] = 0xaa;
}

void image_sign_gpt(struct disk_image *image, uint64_t block)
{
    uint8_t *header = block_at(image, block);
    uint64_t blocks = image->size / image->block_size, table;
    uint32_t size, count, entry_size, crc;

    memcpy(&size, header + 12, 4);
    memcpy(&table, header + 72, 8);
    memcpy(&count, header + 80, 4);
    memcpy(&entry_size, header + 84, 4);
    if (table < blocks && (uint64_t)count * entry_size <= (blocks - table) * image->block_size) {
        crc = (uint32_t)crc32(0, block_at(image, table), count * entry_size);
        memcpy(header + 88, &crc, 4);
    }
    memset(header + 16, 0, 4);
    if (size > image->block_size)
        return;
    crc = (uint32_t)crc32(0, header, size);
    memcpy(header + 16, &crc, 4);
}

static void write_header(struct disk_image *image, uint64_t own, uint64_t other, uint64_t table,
                         uint64_t table_blocks, uint32_t entry_size)
{
    uint64_t first = 2 + table_blocks, last = image->size / image->block_size - 2 - table_blocks;
    uint32_t revision = 0x10000, size = 92, count = GPT_ENTRIES;
    uint8_t *header = block_at(image, own);

    memset(header, 0, image->block_size);
    memcpy(header, "EFI PART", 8);
    memcpy(header + 8, &revision, 4);
    memcpy(header + 12, &size, 4);
    memcpy(header + 24, &own, 8);
    memcpy(header + 32, &other, 8);
    memcpy(header + 40, &first, 8);
    memcpy(header + 48, &last, 8);
    memcpy(header + 72, &table, 8);
    memcpy(header + 80, &count, 4);
    memcpy(header + 84, &entry_size, 4);
    image_sign_gpt(image, own);
}

void image_write_gpt(struct disk_image *image, const struct image_partition *entries,
                     unsigned int count, uint32_t entry_size)
{
    uint64_t blocks = image->size / image->block_size;
    uint64_t table_blocks = (GPT_ENTRIES * entry_size + image->block_size - 1) / image->block_size;
    struct image_partition all = {.type = 0xee, .first = 1, .count = blocks - 1};

    image_write_mbr(image, 0, &all, 1);
    for (unsigned int copy = 0; copy < 2; copy++) {
        uint64_t table = copy ? blocks - 1 - table_blocks : 2;

        memset(block_at(image, table), 0, table_blocks * image->block_size);
        for (unsigned int i = 0; i < count; i++) {
            uint8_t *entry = block_at(image, table) + i * entry_size;
            uint64_t last = entries[i].first + entries[i].count - 1;

            if (entries[i].count == 0)
                continue;
            memset(entry, 0x5a, 32); /* type and identity */
            memcpy(entry + 32, &entries[i].first, 8);
            memcpy(entry + 40, &last, 8);
        }
        write_header(image, copy ? blocks - 1 : 1, copy ? 1 : blocks - 1, table, table_blocks,
                     entry_size);
    }
}
