/* SPDX-License-Identifier: MIT */
/* SOURCES: pv-guest/drivers/partition.c tests/host/disk_image.c */
/* CFLAGS: -Itests/host */
/*
 * The parser of partition tables: whole ones, damaged ones, and disks with something else on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <disk_image.h>
#include <drivers/partition.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DISK_SIZE (4ul << 20)

static struct disk_image image;
static uint64_t bad_block = ~0ull; /* cannot be read */
static struct partition found[PARTITIONS_MAX];
static const char *note;

static int read_block(void *context, uint64_t block, void *buffer)
{
    assert_true(block < image.size / image.block_size);
    if (block == bad_block)
        return -EIO;
    memcpy(buffer, image.data + block * image.block_size, image.block_size);
    return 0;
}

static void make(uint32_t block_size)
{
    free(image.data);
    image = (struct disk_image){
        .data = calloc(1, DISK_SIZE), .size = DISK_SIZE, .block_size = block_size};
    bad_block = ~0ull;
}

static int scan(void)
{
    struct partition_source source = {
        .sectors = image.size / 512, .logical_size = image.block_size, .read = read_block};

    memset(found, 0xff, sizeof(found));
    return partition_scan(&source, found, &note);
}

static int end(void **state)
{
    free(image.data);
    image.data = NULL;
    return 0;
}

/* What was found at `index`; all in blocks. */
static void expect(unsigned int index, unsigned int number, uint64_t first, uint64_t count)
{
    uint64_t factor = image.block_size / 512;

    assert_int_equal(found[index].number, number);
    assert_int_equal(found[index].first, first * factor);
    assert_int_equal(found[index].sectors, count * factor);
}

static void empty_disks(void **state)
{
    make(512);
    assert_int_equal(scan(), 0);
    assert_null(note);
    memset(image.data, 0xa5, image.size);
    assert_int_equal(scan(), 0);
    assert_null(note);
    for (image.size = 0; image.size < 8 * 512; image.size += 512)
        assert_int_equal(scan(), 0);
    image.size = DISK_SIZE;
}

static void primary(uint32_t block_size)
{
    make(block_size);
    image_write_mbr(
        &image, 0,
        (struct image_partition[]){{0x83, 64, 100}, {0, 5, 5}, {0x07, 200, 1}, {0x82, 300, 724}},
        4);
    assert_int_equal(scan(), 3);
    assert_null(note);
    expect(0, 1, 64, 100);
    expect(1, 3, 200, 1);
    expect(2, 4, 300, 724);
}

static void mbr_primary(void **state)
{
    primary(512);
    primary(4096);
}

static void mbr_logical(void **state)
{
    make(512);
    image_write_mbr(&image, 0, (struct image_partition[]){{0x83, 64, 100}, {0x05, 1000, 3000}}, 2);
    image_write_mbr(&image, 1000, (struct image_partition[]){{0x83, 1, 99}, {0x05, 100, 200}}, 2);
    image_write_mbr(&image, 1100, (struct image_partition[]){{0, 0, 0}, {0x0f, 300, 200}}, 2);
    image_write_mbr(&image, 1300, (struct image_partition[]){{0x82, 10, 20}}, 1);
    assert_int_equal(scan(), 3);
    assert_null(note);
    expect(0, 1, 64, 100);
    expect(1, 5, 1001, 99);
    expect(2, 7, 1310, 20);
}

static void mbr_damaged_chain(void **state)
{
    make(512);
    image_write_mbr(&image, 0, (struct image_partition[]){{0x05, 1000, 3000}}, 1);
    assert_int_equal(scan(), 0);
    assert_non_null(note);
    /* A chain that goes back to itself. */
    image_write_mbr(&image, 1000, (struct image_partition[]){{0x83, 1, 9}, {0x05, 100, 20}}, 2);
    image_write_mbr(&image, 1100, (struct image_partition[]){{0x83, 1, 9}, {0x05, 100, 20}}, 2);
    assert_int_equal(scan(), 2);
    assert_non_null(note);
    image_write_mbr(&image, 1100, (struct image_partition[]){{0x83, 1, 9}, {0x05, 0, 20}}, 2);
    assert_int_equal(scan(), 2);
    assert_non_null(note);
    /* One that leaves the extended partition, and one that leaves the disk. */
    image_write_mbr(&image, 1100, (struct image_partition[]){{0x83, 1, 9}, {0x05, 3000, 20}}, 2);
    assert_int_equal(scan(), 2);
    assert_non_null(note);
    image_write_mbr(&image, 0, (struct image_partition[]){{0x05, 1000, 0xffffffff}}, 1);
    image_write_mbr(&image, 1100, (struct image_partition[]){{0x83, 1, 9}, {0x05, 9000, 20}}, 2);
    assert_int_equal(scan(), 2);
    assert_non_null(note);
}

static void mbr_long_chain(void **state)
{
    make(512);
    image_write_mbr(&image, 0, (struct image_partition[]){{0x05, 1000, 5000}}, 1);
    for (unsigned int i = 0; i < 100; i++)
        image_write_mbr(&image, 1000 + i * 10,
                        (struct image_partition[]){{0x83, 1, 9}, {0x05, i * 10 + 10, 10}}, 2);
    assert_int_equal(scan(), 60);
    assert_non_null(note);
}

static void mbr_beyond_the_end(void **state)
{
    make(512);
    image_write_mbr(
        &image, 0,
        (struct image_partition[]){
            {0x83, 8191, 1}, {0x83, 8191, 2}, {0x83, 0xffffffff, 0xffffffff}, {0x83, 10, 0}},
        4);
    assert_int_equal(scan(), 1);
    assert_non_null(note);
    expect(0, 1, 8191, 1);
}

/* The boot sector of a file system has the same signature at its end. */
static void file_system_without_a_table(void **state)
{
    make(512);
    memset(image.data, 'x', 512);
    image.data[510] = 0x55;
    image.data[511] = 0xaa;
    assert_int_equal(scan(), 0);
}

static void whole_gpt(uint32_t block_size, uint32_t entry_size)
{
    const struct image_partition entries[] = {{0, 300, 100}, {0, 0, 0}, {0, 400, 1}, {0, 500, 300}};

    make(block_size);
    image_write_gpt(&image, entries, 4, entry_size);
    assert_int_equal(scan(), 3);
    assert_null(note);
    expect(0, 1, 300, 100);
    expect(1, 3, 400, 1);
    expect(2, 4, 500, 300);
}

static void gpt(void **state)
{
    whole_gpt(512, 128);
    whole_gpt(512, 512);
    whole_gpt(512, 1024);
    whole_gpt(4096, 128);
    whole_gpt(1024, 256);
}

static void all_entries_of_a_gpt(void **state)
{
    struct image_partition entries[128];

    for (unsigned int i = 0; i < 128; i++)
        entries[i] = (struct image_partition){0, 100 + i * 10, 10};
    make(512);
    image_write_gpt(&image, entries, 128, 128);
    assert_int_equal(scan(), 128);
    expect(127, 128, 1370, 10);
}

static void backup_of_a_gpt(void **state)
{
    const struct image_partition entries[] = {{0, 300, 100}};

    /* The header, then its table. */
    for (unsigned int damaged = 512; damaged <= 1024; damaged += 512) {
        make(512);
        image_write_gpt(&image, entries, 1, 128);
        image.data[damaged + 40] ^= 1;
        assert_int_equal(scan(), 1);
        assert_non_null(note);
        expect(0, 1, 300, 100);
        /* And the same in the backup. */
        image.data[damaged == 512 ? image.size - 512 + 40 : image.size - 33 * 512 + 40] ^= 1;
        assert_int_equal(scan(), 0);
        assert_non_null(note);
    }
}

/* A field of the header gets another value, with checksums that are right. */
static void wrong_field(unsigned int offset, uint64_t value, unsigned int size)
{
    const struct image_partition entries[] = {{0, 300, 100}};

    make(512);
    image_write_gpt(&image, entries, 1, 128);
    memcpy(image.data + 512 + offset, &value, size);
    memcpy(image.data + image.size - 512 + offset, &value, size);
    image_sign_gpt(&image, 1);
    image_sign_gpt(&image, image.size / 512 - 1);
    assert_int_equal(scan(), 0);
    assert_non_null(note);
}

static void wrong_fields_of_a_gpt(void **state)
{
    wrong_field(0, 0, 8);
    wrong_field(12, 91, 4);
    wrong_field(12, 513, 4);
    wrong_field(12, 0xffffffff, 4);
    wrong_field(24, 5, 8);
    wrong_field(40, ~0ull, 8);
    wrong_field(48, 8192, 8);
    wrong_field(48, ~0ull, 8);
    wrong_field(72, 8192, 8);
    wrong_field(72, ~0ull, 8);
    wrong_field(80, 0xffffffff, 4);
    wrong_field(80, 1025, 4);
    wrong_field(84, 0, 4);
    wrong_field(84, 127, 4);
    wrong_field(84, 129, 4);
    wrong_field(84, 0x80000000, 4);
}

static void partitions_of_a_gpt_that_overlap_its_tables(void **state)
{
    const struct image_partition entries[] = {{0, 0, 100},  {0, 33, 10},  {0, 34, 10},
                                              {0, 8158, 1}, {0, 8159, 1}, {0, ~0ull - 5, 4}};

    make(512);
    image_write_gpt(&image, entries, 6, 128);
    assert_int_equal(scan(), 2);
    assert_non_null(note);
    expect(0, 3, 34, 10);
    expect(1, 4, 8158, 1);
}

static void errors_of_the_disk(void **state)
{
    const struct image_partition entries[] = {{0, 300, 100}};

    make(512);
    image_write_gpt(&image, entries, 1, 128);
    for (bad_block = 0; bad_block < 34; bad_block++)
        assert_int_equal(scan(), -EIO);
    assert_int_equal(scan(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(empty_disks, end),
        cmocka_unit_test_teardown(mbr_primary, end),
        cmocka_unit_test_teardown(mbr_logical, end),
        cmocka_unit_test_teardown(mbr_damaged_chain, end),
        cmocka_unit_test_teardown(mbr_long_chain, end),
        cmocka_unit_test_teardown(mbr_beyond_the_end, end),
        cmocka_unit_test_teardown(file_system_without_a_table, end),
        cmocka_unit_test_teardown(gpt, end),
        cmocka_unit_test_teardown(all_entries_of_a_gpt, end),
        cmocka_unit_test_teardown(backup_of_a_gpt, end),
        cmocka_unit_test_teardown(wrong_fields_of_a_gpt, end),
        cmocka_unit_test_teardown(partitions_of_a_gpt_that_overlap_its_tables, end),
        cmocka_unit_test_teardown(errors_of_the_disk, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
