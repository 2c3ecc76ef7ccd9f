/* SPDX-License-Identifier: MIT */
/*
 * The table of block devices and the claims on them; files and copy-on-write disks as targets,
 * checked against a plain array.
 */
/* SOURCES: pv-guest/drivers/block.c pv-guest/drivers/block_target.c pv-guest/drivers/file_disk.c */
/* SOURCES: pv-guest/drivers/cow_disk.c pv-guest/drivers/block_partitions.c */
/* SOURCES: pv-guest/drivers/partition.c tests/host/disk_image.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include -Itests/host */
/* CFLAGS: -Dcalloc=counted_calloc */
#undef calloc
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <disk_image.h>
#include <drivers/block.h>
#include <drivers/cow_disk.h>
#include <errno.h>
#include <fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The kernel ---- */

static char file_data[64 * SECTOR_SIZE + 100];
static unsigned long pages_free_now = 10000, pages_used;
static bool no_heap;

void *counted_calloc(size_t count, size_t size);

void *counted_calloc(size_t count, size_t size)
{
    return no_heap ? NULL : calloc(count, size);
}

int fs_lookup(const char *path, struct fs_file *file)
{
    memset(file, 0, sizeof(*file));
    if (strcmp(path, "/guests") == 0)
        file->directory = true;
    else if (strcmp(path, "/guests/empty") == 0)
        file->size = 511;
    else if (strcmp(path, "/guests/disk.img") == 0)
        *file = (struct fs_file){.data = file_data, .size = sizeof(file_data)};
    else
        return -ENOENT;
    return 0;
}

unsigned long memory_free_pages(void)
{
    return pages_free_now - pages_used;
}

void *page_alloc(void)
{
    if (pages_used == pages_free_now)
        return NULL;
    pages_used++;
    return aligned_alloc(PAGE_SIZE, PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    assert_int_equal(count, 1);
    pages_used--;
    free(pages);
}

/* ---- A disk that keeps requests until the test completes them ---- */

static char medium[64 * SECTOR_SIZE];
static struct block_request *kept;
static bool at_once = true;
static unsigned int kicks, closed;

static void medium_finish(void)
{
    struct block_request *request = kept;
    char *at;

    if (!request)
        return;
    kept = request->next;
    at = medium + request->disk_sector * SECTOR_SIZE;
    for (unsigned int i = 0; i < request->segment_count; i++) {
        uint32_t length = request->segments[i].length;

        if (request->operation == BLOCK_READ)
            memcpy(request->segments[i].va, at, length);
        else
            memcpy(at, request->segments[i].va, length);
        at += length;
    }
    request->done(request, 0);
}

static void medium_submit(struct block_device *device, struct block_request *request)
{
    assert_true(request->disk_sector + request->sectors <= 64);
    request->next = kept;
    kept = request;
    if (at_once)
        medium_finish();
}

static void medium_kick(struct block_device *device)
{
    kicks++;
}

static void medium_close(struct block_device *device)
{
    closed++;
}

static const struct block_operations medium_operations = {
    .submit = medium_submit, .kick = medium_kick, .close = medium_close};

static void make_device(struct block_device *device, struct block_device *whole, const char *name,
                        uint64_t first, uint64_t sectors)
{
    memset(device, 0, sizeof(*device));
    device->operations = &medium_operations;
    device->disk = whole;
    device->first = first;
    device->sectors = sectors;
    device->logical_size = device->physical_size = SECTOR_SIZE;
    device->max_segments = 8;
    snprintf(device->name, sizeof(device->name), "%s", name);
}

/* What block_wait.c does for threads; `while_waiting` is what others do meanwhile. */
static void (*while_waiting)(void);

int block_read(struct block_device *device, uint64_t sector, void *buffer, size_t length)
{
    assert_true(sector + length / SECTOR_SIZE <= device->sectors);
    memcpy(buffer, medium + sector * SECTOR_SIZE, length);
    if (while_waiting)
        while_waiting();
    return 0;
}

/* ---- A request that is finished or not ---- */

static unsigned int done_count;
static int done_error;

static void on_done(struct block_request *request, int error)
{
    done_count++;
    done_error = error;
}

/*
 * Read or write `sectors`, cut into segments of `piece` sectors. @return what it ended with, or 1.
 */
static int transfer(struct block_device *device, enum block_operation operation, uint64_t sector,
                    unsigned int sectors, void *memory, unsigned int piece)
{
    static struct block_segment segments[64];
    static struct block_request request;
    unsigned int count = 0;

    for (unsigned int i = 0; i < sectors; i += piece)
        segments[count++] = (struct block_segment){
            .va = (char *)memory + i * SECTOR_SIZE,
            .length = (sectors - i < piece ? sectors - i : piece) * SECTOR_SIZE};
    request = (struct block_request){.operation = operation,
                                     .sector = sector,
                                     .segments = segments,
                                     .segment_count = count,
                                     .done = on_done};
    done_count = 0;
    block_submit(device, &request);
    block_kick(device);
    return done_count ? done_error : 1;
}

/* ---- The table ---- */

static void names(void **state)
{
    struct block_device disk, part, other;

    make_device(&disk, &disk, "vda", 0, 64);
    make_device(&part, &disk, "vda1", 8, 16);
    make_device(&other, &other, "vda", 0, 64);
    assert_null(block_find("vda"));
    assert_int_equal(block_register(&disk), 0);
    assert_int_equal(block_register(&part), 0);
    assert_int_equal(block_register(&other), -EEXIST);
    assert_ptr_equal(block_find("vda"), &disk);
    assert_ptr_equal(block_find("/dev/vda1"), &part);
    assert_null(block_find("/dev/vda2"));
    assert_null(block_find("/vda"));
    block_unregister(&disk);
    assert_null(block_find("vda1"));
}

static void requests_are_checked(void **state)
{
    struct block_device disk, part;
    char memory[16 * SECTOR_SIZE];

    make_device(&disk, &disk, "vda", 0, 64);
    make_device(&part, &disk, "vda1", 8, 16);
    memset(memory, 7, sizeof(memory));
    assert_int_equal(transfer(&part, BLOCK_WRITE, 0, 16, memory, 8), 0);
    assert_int_equal(medium[8 * SECTOR_SIZE - 1], 0);
    assert_int_equal(medium[8 * SECTOR_SIZE], 7);
    assert_int_equal(medium[24 * SECTOR_SIZE - 1], 7);
    assert_int_equal(medium[24 * SECTOR_SIZE], 0);
    assert_int_equal(transfer(&part, BLOCK_WRITE, 1, 16, memory, 8), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_READ, 16, 1, memory, 8), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_READ, ~0ull, 2, memory, 8), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_READ, 0, 0, memory, 8), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_READ, 0, 9, memory, 1), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_FLUSH, 0, 0, memory, 1), 0);
    part.logical_size = 4096;
    assert_int_equal(transfer(&part, BLOCK_READ, 0, 8, memory, 8), 0);
    assert_int_equal(transfer(&part, BLOCK_READ, 1, 8, memory, 8), -EINVAL);
    assert_int_equal(transfer(&part, BLOCK_READ, 0, 8, memory, 4), -EINVAL);
    part.read_only = true;
    assert_int_equal(transfer(&part, BLOCK_WRITE, 0, 8, memory, 8), -EROFS);
}

/* ---- Claims ---- */

static struct block_claim claims[8];
static char why[160];

static void describe(const struct block_claim *claim, char *text, size_t size)
{
    snprintf(text, size, "domain %u", (unsigned int)(claim - claims));
}

static int claim(unsigned int index, struct block_device *device, enum block_access access)
{
    claims[index].access = access;
    claims[index].describe = describe;
    why[0] = '\0';
    return block_claim(&claims[index], device, why, sizeof(why));
}

static void claims_of_one_device(void **state)
{
    static const struct {
        enum block_access held, wanted;
        int error;
    } rules[] = {
        {BLOCK_READER, BLOCK_READER, 0},
        {BLOCK_READER, BLOCK_WRITER, -EBUSY},
        {BLOCK_READER, BLOCK_SHARED_WRITER, 0},
        {BLOCK_WRITER, BLOCK_READER, -EBUSY},
        {BLOCK_WRITER, BLOCK_WRITER, -EBUSY},
        {BLOCK_WRITER, BLOCK_SHARED_WRITER, 0},
        {BLOCK_SHARED_WRITER, BLOCK_READER, 0},
        {BLOCK_SHARED_WRITER, BLOCK_WRITER, -EBUSY},
        {BLOCK_SHARED_WRITER, BLOCK_SHARED_WRITER, 0},
    };
    struct block_device disk;

    make_device(&disk, &disk, "vda", 0, 64);
    block_register(&disk);
    for (unsigned int i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        assert_int_equal(claim(0, &disk, rules[i].held), 0);
        assert_int_equal(claim(1, &disk, rules[i].wanted), rules[i].error);
        assert_int_equal(why[0] != '\0', rules[i].error != 0);
        block_release(&claims[1]);
        block_release(&claims[0]);
        block_release(&claims[0]);
    }
    assert_null(disk.claims);
    block_unregister(&disk);
}

static void claims_of_what_overlaps(void **state)
{
    struct block_device disk, first, second, other;

    make_device(&disk, &disk, "vda", 0, 64);
    make_device(&first, &disk, "vda1", 8, 16);
    make_device(&second, &disk, "vda2", 24, 16);
    make_device(&other, &other, "vdb", 0, 64);
    block_register(&disk);
    block_register(&first);
    block_register(&second);
    block_register(&other);
    assert_int_equal(claim(0, &first, BLOCK_WRITER), 0);
    assert_int_equal(claim(1, &second, BLOCK_WRITER), 0);
    assert_int_equal(claim(2, &other, BLOCK_WRITER), 0);
    assert_int_equal(claim(3, &disk, BLOCK_READER), -EBUSY);
    assert_string_equal(why, "vda cannot be used for reading: vda1, which overlaps it, is written "
                             "by domain 0");
    assert_int_equal(claim(3, &first, BLOCK_WRITER), -EBUSY);
    assert_string_equal(why, "vda1 cannot be used for writing: it is written by domain 0");
    block_release(&claims[0]);
    block_release(&claims[1]);
    assert_int_equal(claim(0, &disk, BLOCK_READER), 0);
    assert_int_equal(claim(1, &second, BLOCK_READER), 0);
    assert_int_equal(claim(3, &first, BLOCK_WRITER), -EBUSY);
    assert_string_equal(why, "vda1 cannot be used for writing: vda, which overlaps it, is read by "
                             "domain 0");
    disk.read_only = true;
    assert_int_equal(claim(3, &disk, BLOCK_WRITER), -EROFS);
    assert_string_equal(why, "vda is read-only");
    for (unsigned int i = 0; i < 3; i++)
        block_release(&claims[i]);
    block_unregister(&disk);
    block_unregister(&other);
}

static struct block_device *going;

/* Naming the holder waits; meanwhile it releases the disk, whose partitions are replaced. */
static void describe_and_go(const struct block_claim *claim, char *text, size_t size)
{
    describe(claim, text, size);
    block_release(&claims[0]);
    block_unregister(going);
    free(going);
}

static void a_refused_device_may_be_gone_then(void **state)
{
    struct block_device disk;

    going = malloc(sizeof(*going));
    make_device(&disk, &disk, "vda", 0, 64);
    make_device(going, &disk, "vda1", 8, 16);
    block_register(&disk);
    block_register(going);
    assert_int_equal(claim(0, &disk, BLOCK_WRITER), 0);
    claims[0].describe = describe_and_go;
    assert_int_equal(claim(1, going, BLOCK_WRITER), -EBUSY);
    assert_string_equal(why, "vda1 cannot be used for writing: vda, which overlaps it, is written "
                             "by domain 0");
    block_unregister(&disk);
}

static unsigned int told;

static void on_resized(struct block_claim *of)
{
    told++;
    block_release(of);
}

static void holders_hear_of_a_new_size(void **state)
{
    struct block_device disk;

    make_device(&disk, &disk, "vda", 0, 64);
    block_register(&disk);
    claims[0].resized = claims[1].resized = on_resized;
    claim(0, &disk, BLOCK_READER);
    claim(1, &disk, BLOCK_READER);
    claim(2, &disk, BLOCK_READER);
    block_resized(&disk, 128);
    assert_int_equal(told, 2);
    assert_int_equal(disk.sectors, 128);
    claims[0].resized = claims[1].resized = NULL;
    block_release(&claims[2]);
    block_unregister(&disk);
}

/* ---- Targets ---- */

static int open_target(unsigned int index, const char *spec, enum block_access access)
{
    claims[index].access = access;
    why[0] = '\0';
    return block_target_open(&claims[index], spec, why, sizeof(why));
}

static void refused_targets(void **state)
{
    assert_int_equal(open_target(0, "vda", BLOCK_READER), -ENOENT);
    assert_string_equal(why, "vda is not a disk of this machine");
    assert_int_equal(open_target(0, "/dev/vda", BLOCK_READER), -ENOENT);
    assert_int_equal(open_target(0, "", BLOCK_READER), -ENOENT);
    assert_int_equal(open_target(0, "/none", BLOCK_READER), -ENOENT);
    assert_string_equal(why, "/none is neither a disk nor a file of the ramdisk");
    assert_int_equal(open_target(0, "/guests", BLOCK_READER), -EISDIR);
    assert_int_equal(open_target(0, "/guests/empty", BLOCK_READER), -EINVAL);
    assert_string_equal(why, "/guests/empty is empty");
    assert_null(claims[0].device);
    block_target_close(&claims[0]);
}

static void a_file_is_read(void **state)
{
    char memory[64 * SECTOR_SIZE];

    for (unsigned int i = 0; i < sizeof(file_data); i++)
        file_data[i] = (char)(i / 100);
    assert_int_equal(open_target(0, "/guests/disk.img", BLOCK_READER), 0);
    assert_int_equal(claims[0].device->sectors, 64);
    assert_true(claims[0].device->read_only);
    assert_int_equal(transfer(claims[0].device, BLOCK_READ, 0, 64, memory, 8), 0);
    assert_memory_equal(memory, file_data, sizeof(memory));
    assert_int_equal(transfer(claims[0].device, BLOCK_WRITE, 0, 1, memory, 8), -EROFS);
    assert_int_equal(transfer(claims[0].device, BLOCK_READ, 64, 1, memory, 8), -EINVAL);
    block_target_close(&claims[0]);
}

static void a_file_is_written_in_private(void **state)
{
    char memory[8 * SECTOR_SIZE], before[sizeof(file_data)];

    memcpy(before, file_data, sizeof(before));
    assert_int_equal(open_target(0, "/guests/disk.img", BLOCK_WRITER), 0);
    assert_int_equal(open_target(1, "/guests/disk.img", BLOCK_WRITER), 0);
    memset(memory, 0x77, sizeof(memory));
    assert_int_equal(transfer(claims[0].device, BLOCK_WRITE, 3, 8, memory, 8), 0);
    assert_int_equal(transfer(claims[1].device, BLOCK_READ, 3, 8, memory, 8), 0);
    assert_memory_equal(memory, file_data + 3 * SECTOR_SIZE, sizeof(memory));
    assert_int_equal(transfer(claims[0].device, BLOCK_READ, 3, 8, memory, 8), 0);
    assert_int_equal(memory[0], 0x77);
    assert_memory_equal(before, file_data, sizeof(before));
    block_target_close(&claims[0]);
    block_target_close(&claims[1]);
    assert_int_equal(pages_used, 0);
}

/* ---- Partitions that change ---- */

static struct block_device changing;

static void claim_the_disk(void)
{
    if (!claims[3].device)
        assert_int_equal(claim(3, &changing, BLOCK_READER), 0);
}

static void expect_partition(const char *name, uint64_t first, uint64_t sectors)
{
    const struct block_device *device = block_find(name);

    assert_non_null(device);
    assert_int_equal(device->first, first);
    assert_int_equal(device->sectors, sectors);
    assert_ptr_equal(device->disk, &changing);
}

static void partitions_are_read_again(void **state)
{
    static const struct block_operations no_close = {.submit = medium_submit};
    struct disk_image image = {
        .data = (uint8_t *)medium, .size = sizeof(medium), .block_size = SECTOR_SIZE};
    struct image_partition table[2] = {{0x83, 2, 10}, {0x83, 12, 20}};

    make_device(&changing, &changing, "vda", 0, 64);
    changing.operations = &no_close;
    block_register(&changing);
    image_write_mbr(&image, 0, table, 2);
    assert_int_equal(block_add_partitions(&changing), 2);
    expect_partition("vda2", 12, 20);

    /* Somebody holds a partition; then the disk, and releases it. */
    table[1] = (struct image_partition){0x83, 40, 24};
    image_write_mbr(&image, 0, table, 2);
    assert_int_equal(open_target(0, "vda1", BLOCK_WRITER), 0);
    block_reread_partitions(&changing);
    block_target_close(&claims[0]);
    expect_partition("vda2", 12, 20);
    assert_int_equal(open_target(0, "/dev/vda", BLOCK_READER), 0);
    block_target_close(&claims[0]);
    expect_partition("vda2", 12, 20);
    assert_int_equal(open_target(0, "/dev/vda", BLOCK_WRITER), 0);
    block_target_close(&claims[0]);
    expect_partition("vda1", 2, 10);
    expect_partition("vda2", 40, 24);

    /* Somebody comes while the table is read. */
    image_write_mbr(&image, 0, table, 0);
    while_waiting = claim_the_disk;
    block_reread_partitions(&changing);
    while_waiting = NULL;
    expect_partition("vda2", 40, 24);
    block_release(&claims[3]);
    block_reread_partitions(&changing);
    assert_null(block_find("vda1"));
    assert_null(block_find("vda2"));
    block_unregister(&changing);
    assert_int_equal(pages_used, 0);
}

/* Random reads and writes, of which the base answers some late. */
static void copy_on_write(void **state)
{
    static char model[64 * SECTOR_SIZE], memory[64 * SECTOR_SIZE];
    struct block_device base, *cow;
    unsigned int seed = 1;

    make_device(&base, &base, "vda", 0, 64);
    base.max_segments = 64;
    for (unsigned int i = 0; i < sizeof(medium); i++)
        medium[i] = (char)rand_r(&seed);
    memcpy(model, medium, sizeof(model));
    assert_int_equal(cow_disk_open(&base, 100, &cow), 0);
    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int sector = (unsigned int)rand_r(&seed) % 64;
        unsigned int count = (unsigned int)rand_r(&seed) % (64 - sector) % 20 + 1;
        unsigned int piece = (unsigned int)rand_r(&seed) % 8 + 1;
        bool write = rand_r(&seed) & 1 && round % 500 > 100;
        int result;

        at_once = rand_r(&seed) & 1;
        if (write)
            memset(memory, rand_r(&seed), sizeof(memory));
        result = transfer(cow, write ? BLOCK_WRITE : BLOCK_READ, sector, count, memory, piece);
        if (result == 1)
            medium_finish();
        assert_int_equal(done_count, 1);
        assert_int_equal(done_error, 0);
        if (write)
            memcpy(model + sector * SECTOR_SIZE, memory, count * SECTOR_SIZE);
        else
            assert_memory_equal(memory, model + sector * SECTOR_SIZE, count * SECTOR_SIZE);
    }
    at_once = true;
    assert_true(pages_used <= 8);
    closed = 0;
    cow->operations->close(cow);
    assert_int_equal(closed, 1);
    assert_int_equal(pages_used, 0);
}

/* A write that does not fit fails as a whole, and what was there can still be written. */
static void copy_on_write_without_room(void **state)
{
    static char memory[64 * SECTOR_SIZE], back[64 * SECTOR_SIZE];
    struct block_device base, *cow;

    make_device(&base, &base, "vda", 0, 64);
    base.max_segments = 64;
    assert_int_equal(cow_disk_open(&base, 3, &cow), 0);
    memset(memory, 1, sizeof(memory));
    assert_int_equal(transfer(cow, BLOCK_WRITE, 4, 8, memory, 8), 0);
    assert_int_equal(pages_used, 2);
    memset(memory, 2, sizeof(memory));
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 32, memory, 8), -ENOSPC);
    assert_int_equal(pages_used, 2);
    assert_int_equal(transfer(cow, BLOCK_READ, 4, 8, back, 8), 0);
    assert_int_equal(back[0], 1);
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 24, memory, 8), 0);
    assert_int_equal(transfer(cow, BLOCK_WRITE, 24, 1, memory, 8), -ENOSPC);
    assert_int_equal(transfer(cow, BLOCK_WRITE, 8, 8, memory, 8), 0);
    cow->operations->close(cow);

    /* Memory that others need is left to them. */
    assert_int_equal(cow_disk_open(&base, 3, &cow), 0);
    pages_free_now = 4096;
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 8, memory, 8), -ENOSPC);
    pages_free_now = 10000;
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 8, memory, 8), 0);
    cow->operations->close(cow);
    assert_int_equal(pages_used, 0);
}

/* A read finds its way without memory, also on a part of a disk, and ends for who asked for it. */
static void copy_on_write_reads_without_memory(void **state)
{
    static char memory[16 * SECTOR_SIZE], back[16 * SECTOR_SIZE];
    struct block_device base, part, *cow;

    make_device(&base, &base, "vda", 0, 64);
    make_device(&part, &base, "vda1", 8, 32);
    for (unsigned int i = 0; i < sizeof(medium); i++)
        medium[i] = (char)(i / SECTOR_SIZE);
    assert_int_equal(cow_disk_open(&part, 3, &cow), 0);
    memset(memory, 0x77, sizeof(memory));
    assert_int_equal(transfer(cow, BLOCK_WRITE, 5, 2, memory, 2), 0);
    no_heap = true;
    for (unsigned int i = 0; i < 2; i++) {
        at_once = i == 0;
        transfer(cow, BLOCK_READ, 4, 16, back, 8);
        medium_finish();
        assert_int_equal(done_count, 1);
        assert_int_equal(done_error, 0);
        for (unsigned int sector = 0; sector < 16; sector++)
            assert_int_equal(back[sector * SECTOR_SIZE + 511],
                             sector == 1 || sector == 2 ? 0x77 : 12 + sector);
        memset(back, 0, sizeof(back));
    }
    at_once = true;
    part.sectors = 16; /* it has shrunk: what it refuses is refused */
    assert_int_equal(transfer(cow, BLOCK_READ, 4, 16, back, 8), -EINVAL);
    assert_int_equal(done_count, 1);
    no_heap = false;
    cow->operations->close(cow);
    assert_int_equal(pages_used, 0);
}

/* Whoever takes memory for a while leaves what open disks may still take, in whatever order. */
static void copy_on_write_disks_get_what_was_promised(void **state)
{
    const unsigned long all = pages_free_now;
    static char memory[64 * SECTOR_SIZE];
    struct block_device base, *cow;

    assert_int_equal(cow_disk_spare(0), all);
    assert_int_equal(cow_disk_spare(3000), all - 3000);
    assert_int_equal(cow_disk_spare(all), 0);
    assert_int_equal(cow_disk_spare(all + 1), 0);
    make_device(&base, &base, "vda", 0, 64);
    base.max_segments = 64;
    assert_int_equal(cow_disk_open(&base, 640, &cow), 0);
    assert_int_equal(cow_disk_spare(3000), all - 4096 - 640 - 10 - 2);
    assert_int_equal(cow_disk_spare(9000), all - 9000);
    /* What it has taken it needs no more. */
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 64, memory, 8), 0);
    assert_int_equal(cow_disk_spare(3000), all - 8 - 4096 - 632 - 9 - 2);
    cow->operations->close(cow);
    /* One that has all that it may have does not keep others from anything. */
    assert_int_equal(cow_disk_open(&base, 8, &cow), 0);
    pages_free_now = 4096 + 8 + 2 + 20;
    assert_int_equal(cow_disk_spare(0), 20);
    pages_free_now -= 20;
    assert_int_equal(transfer(cow, BLOCK_WRITE, 0, 64, memory, 8), 0);
    assert_int_equal(cow_disk_spare(3000), 4096 + 2 - 3000);
    cow->operations->close(cow);
    pages_free_now = all;
    assert_int_equal(cow_disk_spare(0), all);
}

/* What open disks may still take is not given to another; what others need is left to them. */
static void copy_on_write_disks_share(void **state)
{
    const unsigned long room = pages_free_now - 4096;
    static char memory[64 * SECTOR_SIZE];
    struct block_device base, *cows[3];
    unsigned long share = cow_disk_share(), all = share;

    make_device(&base, &base, "vda", 0, 64);
    base.max_segments = 64;
    assert_int_equal(share, room / 2);
    assert_int_equal(cow_disk_open(&base, share, &cows[0]), 0);
    share = cow_disk_share();
    assert_int_equal(share, room / 4);
    assert_int_equal(cow_disk_open(&base, share, &cows[1]), 0);
    all += share;
    /* Whether they have it or may have it is the same. */
    assert_int_equal(transfer(cows[0], BLOCK_WRITE, 0, 64, memory, 8), 0);
    assert_int_equal(cow_disk_share(), (room - all) / 2);
    assert_int_equal(cow_disk_open(&base, room - all, &cows[2]), 0);
    assert_int_equal(cow_disk_share(), 0);
    assert_int_equal(open_target(0, "/guests/disk.img", BLOCK_WRITER), -ENOMEM);
    assert_string_equal(why, "/guests/disk.img cannot be opened for writing: no memory");
    assert_int_equal(open_target(0, "/guests/disk.img", BLOCK_READER), 0);
    block_target_close(&claims[0]);
    for (unsigned int i = 0; i < 3; i++)
        cows[i]->operations->close(cows[i]);
    assert_int_equal(cow_disk_share(), room / 2);
    assert_int_equal(pages_used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(claims_of_one_device),
        cmocka_unit_test(claims_of_what_overlaps),
        cmocka_unit_test(a_refused_device_may_be_gone_then),
        cmocka_unit_test(holders_hear_of_a_new_size),
        cmocka_unit_test(refused_targets),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(a_file_is_written_in_private),
        cmocka_unit_test(partitions_are_read_again),
        cmocka_unit_test(copy_on_write),
        cmocka_unit_test(copy_on_write_without_room),
        cmocka_unit_test(copy_on_write_reads_without_memory),
        cmocka_unit_test(copy_on_write_disks_get_what_was_promised),
        cmocka_unit_test(copy_on_write_disks_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
