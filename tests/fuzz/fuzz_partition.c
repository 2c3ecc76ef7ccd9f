/* SPDX-License-Identifier: MIT */
/*
 * Any disk: one with a correct table of each kind, or an empty one, into which the input is written
 * in pieces, with or without its checksums made right afterwards. What is found lies within the
 * disk, and only blocks of the disk are read.
 */
/* SOURCES: pv-guest/drivers/partition.c tests/host/disk_image.c */
/* CFLAGS: -Itests/host */
#include <disk_image.h>
#include <drivers/partition.h>
#include <stdlib.h>
#include <string.h>

#define DISK_SIZE (256u << 10)

static uint8_t data[DISK_SIZE];
static struct disk_image image = {.data = data, .size = DISK_SIZE};
static unsigned int reads;

static int read_block(void *context, uint64_t block, void *buffer)
{
    if (block >= image.size / image.block_size || ++reads > 10000)
        abort();
    memcpy(buffer, data + block * image.block_size, image.block_size);
    return block % 61 == 60 ? -5 : 0;
}

static void make_table(unsigned int kind)
{
    const struct image_partition gpt[] = {{0, 40, 5}, {0, 45, 1}};
    uint64_t extended = image.size / image.block_size / 4;

    if (kind == 1)
        image_write_gpt(&image, gpt, 2, 128);
    if (kind == 2) {
        image_write_mbr(&image, 0, (struct image_partition[]){{0x83, 2, 3}, {0x05, extended, 30}},
                        2);
        image_write_mbr(&image, extended, (struct image_partition[]){{0x83, 1, 2}, {0x05, 3, 10}},
                        2);
        image_write_mbr(&image, extended + 3, (struct image_partition[]){{0x83, 1, 2}}, 1);
    }
}

/* Each piece: where (a block of the first 16 or of the last 8, an offset in 16s), length, bytes. */
static void write_pieces(const uint8_t *input, size_t size)
{
    while (size >= 3) {
        uint64_t block = input[0] % 24, length = input[2] % 33;
        uint64_t offset = input[1] % (image.block_size / 4) * 4;

        if (block >= 16)
            block = image.size / image.block_size - (block - 15);
        input += 3;
        size -= 3;
        if (length > size)
            length = size;
        if (block * image.block_size + offset + length <= image.size)
            memcpy(data + block * image.block_size + offset, input, length);
        input += length;
        size -= length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const uint32_t block_sizes[] = {512, 512, 1024, 4096};
    struct partition_source source = {.sectors = DISK_SIZE / 512, .read = read_block};
    struct partition found[PARTITIONS_MAX];
    const char *note;
    int count;

    if (size < 1)
        return 0;
    memset(data, 0, sizeof(data));
    reads = 0;
    image.block_size = source.logical_size = block_sizes[input[0] & 3];
    make_table(input[0] >> 2 & 3);
    write_pieces(input + 1, size - 1);
    if (input[0] & 0x10) {
        image_sign_gpt(&image, 1);
        image_sign_gpt(&image, image.size / image.block_size - 1);
    }
    count = partition_scan(&source, found, &note);
    for (int i = 0; i < count; i++)
        if (found[i].sectors == 0 || found[i].number == 0 || found[i].first >= source.sectors ||
            found[i].sectors > source.sectors - found[i].first)
            abort();
    return 0;
}
