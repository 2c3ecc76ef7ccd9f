/* SPDX-License-Identifier: MIT */
/*
 * Disks: the virtio driver, partitions and requests of all kinds, on what
 * tests/system/test_virtio_blk.c gives the machine:
 *
 *   vda   64 MiB, empty, takes discards, modern interface alone; resized to 80 MiB on the way
 *   vdb   32 MiB, GPT with two partitions, read-only, both interfaces
 *   vdc   32 MiB, MBR with a primary, an extended and two logical partitions, blocks of 4096 bytes
 *   vdd   16 MiB, whose sector 2048 cannot be read and whose sector 4096 cannot be written
 */
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include <drivers/block.h>
#include <drivers/virtio_blk.h>
#include <drivers/work.h>

#include "harness.h"

#define MIB_SECTORS (1048576 / SECTOR_SIZE)
#define DEPTH       300u /* more than the driver has slots */

static struct block_device *disk(const char *name)
{
    struct block_device *device = block_find(name);

    if (!device)
        guest_panic("there is no %s", name);
    return device;
}

static void fill(void *buffer, size_t size, uint64_t seed)
{
    uint64_t *words = buffer;

    for (size_t i = 0; i < size / sizeof(*words); i++)
        words[i] = (seed + i) * 0x9e3779b97f4a7c15ull;
}

static bool is_filled(const void *buffer, size_t size, uint64_t seed)
{
    const uint64_t *words = buffer;

    for (size_t i = 0; i < size / sizeof(*words); i++)
        if (words[i] != (seed + i) * 0x9e3779b97f4a7c15ull)
            return false;
    return true;
}

static bool is_zero(const void *buffer, size_t size)
{
    const uint64_t *words = buffer;

    for (size_t i = 0; i < size / sizeof(*words); i++)
        if (words[i])
            return false;
    return true;
}

static void test_found(void)
{
    const struct block_device *a = disk("vda"), *b = disk("vdb"), *c = disk("vdc");

    CHECK_EQ(a->sectors, 64 * MIB_SECTORS);
    CHECK_EQ(a->logical_size, 512);
    CHECK(!a->read_only && a->flush && a->discard && a->write_zeroes);
    CHECK_EQ(b->sectors, 32 * MIB_SECTORS);
    CHECK(b->read_only);
    CHECK_EQ(c->logical_size, 4096);
    CHECK_EQ(c->physical_size, 4096);
    CHECK(!block_find("vde"));
    CHECK(block_find("/dev/vda") == a);
}

static void check_partition(const char *name, uint64_t first, uint64_t sectors)
{
    const struct block_device *device = block_find(name);

    if (!device) {
        test_fail(__FILE__, __LINE__, "there is no %s", name);
        return;
    }
    CHECK_EQ(device->first, first);
    CHECK_EQ(device->sectors, sectors);
}

static void test_partitions(void)
{
    check_partition("vdb1", 2048, 16384);
    check_partition("vdb2", 20480, 8192);
    check_partition("vdc1", 2048, 16384);
    check_partition("vdc5", 22528, 8192);
    check_partition("vdc6", 32768, 16384);
    CHECK(!block_find("vdc2"));
    CHECK(!block_find("vda1"));
}

static void test_data(void)
{
    static const size_t sizes[] = {512, 1024, 4096, 4608, 65536, 131072, 1048576};
    struct block_device *device = disk("vda");
    char *buffer = pages_alloc(1048576 >> PAGE_SHIFT);

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fill(buffer, sizes[i], i);
        CHECK_EQ(block_write(device, i * 4096 + 1, buffer, sizes[i]), 0);
    }
    CHECK_EQ(block_flush(device), 0);
    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        memset(buffer, 0, sizes[i]);
        CHECK_EQ(block_read(device, i * 4096 + 1, buffer, sizes[i]), 0);
        CHECK(is_filled(buffer, sizes[i], i));
    }
    /* The last sector, and a partition's place on its disk. */
    fill(buffer, SECTOR_SIZE, 99);
    CHECK_EQ(block_write(device, device->sectors - 1, buffer, SECTOR_SIZE), 0);
    CHECK_EQ(block_write(disk("vdc5"), 0, buffer, PAGE_SIZE), 0);
    memset(buffer, 0, PAGE_SIZE);
    CHECK_EQ(block_read(disk("vdc"), 22528, buffer, PAGE_SIZE), 0);
    CHECK(is_filled(buffer, SECTOR_SIZE, 99));
    pages_free(buffer, 1048576 >> PAGE_SHIFT);
}

/* ---- Many requests at once ---- */

struct one {
    struct block_request request;
    struct block_segment segment;
    int error;
};

static struct one *ones;
static unsigned int ended;
static struct wait_queue ended_queue;

static void one_done(struct block_request *request, int error)
{
    ((struct one *)request->context)->error = error;
    ended++;
    wake_all(&ended_queue);
}

static void prepare(struct one *one, enum block_operation operation, uint64_t sector, void *page)
{
    one->segment = (struct block_segment){
        .va = page, .maddr = va_to_maddr(page), .length = PAGE_SIZE};
    one->request = (struct block_request){
        .operation = operation,
        .sector = sector,
        .segments = &one->segment,
        .segment_count = 1,
        .done = one_done,
        .context = one,
    };
    one->error = 1;
}

static void run_many(struct block_device *device, enum block_operation operation, char *pages)
{
    ended = 0;
    for (unsigned int i = 0; i < DEPTH; i++) {
        prepare(&ones[i], operation, (uint64_t)i * 24, pages + i * PAGE_SIZE);
        block_submit(device, &ones[i].request);
    }
    block_kick(device);
    wait_until(&ended_queue, ended == DEPTH);
    for (unsigned int i = 0; i < DEPTH; i++)
        CHECK_EQ(ones[i].error, 0);
}

static void test_full_queue(void)
{
    struct block_device *device = disk("vda");
    char *pages = pages_alloc(DEPTH);

    ones = calloc(DEPTH, sizeof(*ones));
    for (unsigned int i = 0; i < DEPTH; i++)
        fill(pages + i * PAGE_SIZE, PAGE_SIZE, i * 1000);
    run_many(device, BLOCK_WRITE, pages);
    memset(pages, 0, DEPTH * PAGE_SIZE);
    run_many(device, BLOCK_READ, pages);
    for (unsigned int i = 0; i < DEPTH; i++)
        CHECK(is_filled(pages + i * PAGE_SIZE, PAGE_SIZE, i * 1000));
    pages_free(pages, DEPTH);
}

static void test_discard(void)
{
    struct block_device *device = disk("vda");
    char *page = page_alloc();

    fill(page, PAGE_SIZE, 5);
    CHECK_EQ(block_write(device, 8192, page, PAGE_SIZE), 0);
    CHECK_EQ(block_write(device, 8192 + 2048, page, PAGE_SIZE), 0);
    CHECK_EQ(block_discard(device, 8192, 2048), 0);
    CHECK_EQ(block_read(device, 8192, page, PAGE_SIZE), 0);
    CHECK(is_zero(page, PAGE_SIZE));
    CHECK_EQ(block_read(device, 8192 + 2048, page, PAGE_SIZE), 0);
    CHECK(is_filled(page, PAGE_SIZE, 5));
    CHECK_EQ(block_discard(device, 0, device->sectors), 0);
    page_free(page);
}

static void test_refused(void)
{
    struct block_device *a = disk("vda"), *b = disk("vdb"), *c = disk("vdc"), *part = disk("vdc6");
    char *page = page_alloc();

    CHECK_EQ(block_read(a, a->sectors, page, SECTOR_SIZE), -EINVAL);
    CHECK_EQ(block_read(a, a->sectors - 1, page, 2 * SECTOR_SIZE), -EINVAL);
    CHECK_EQ(block_read(a, ~0ull, page, SECTOR_SIZE), -EINVAL);
    CHECK_EQ(block_read(part, part->sectors, page, PAGE_SIZE), -EINVAL);
    CHECK_EQ(block_read(c, 1, page, PAGE_SIZE), -EINVAL);
    CHECK_EQ(block_read(c, 0, page, SECTOR_SIZE), -EINVAL);
    CHECK_EQ(block_write(b, 0, page, SECTOR_SIZE), -EROFS);
    CHECK_EQ(block_write(disk("vdb1"), 0, page, SECTOR_SIZE), -EROFS);
    CHECK_EQ(block_discard(a, a->sectors - 1, 2), -EINVAL);
    CHECK_EQ(block_flush(b), 0);
    page_free(page);
}

static void test_errors(void)
{
    struct block_device *device = disk("vdd");
    char *page = page_alloc();

    CHECK_EQ(block_read(device, 0, page, PAGE_SIZE), 0);
    CHECK_EQ(block_read(device, 2048, page, PAGE_SIZE), -EIO);
    CHECK_EQ(block_read(device, 2048 + 8, page, PAGE_SIZE), 0);
    CHECK_EQ(block_write(device, 4096, page, PAGE_SIZE), -EIO);
    CHECK_EQ(block_write(device, 4096 + 8, page, PAGE_SIZE), 0);
    page_free(page);
}

static void describe(const struct block_claim *claim, char *text, size_t size)
{
    snprintf(text, size, "test %p", (const void *)claim);
}

static void check_claim(struct block_claim *claim, const char *name, enum block_access access,
                        int expected)
{
    char why[128] = "";

    claim->access = access;
    claim->describe = describe;
    CHECK_EQ(block_target_open(claim, name, why, sizeof(why)), expected);
    CHECK((expected != 0) == (why[0] != '\0'));
}

static void test_claims(void)
{
    struct block_claim a = {0}, b = {0};

    check_claim(&a, "/dev/vdc1", BLOCK_WRITER, 0);
    check_claim(&b, "/dev/vdc", BLOCK_READER, -EBUSY);
    check_claim(&b, "vdc1", BLOCK_WRITER, -EBUSY);
    check_claim(&b, "vdc5", BLOCK_WRITER, 0);
    block_target_close(&b);
    check_claim(&b, "vdb", BLOCK_WRITER, -EROFS);
    check_claim(&b, "/dev/vdz", BLOCK_READER, -ENOENT);
    block_target_close(&a);
    check_claim(&b, "vdc", BLOCK_WRITER, 0);
    block_target_close(&b);
}

static struct wait_queue resized_queue;
static unsigned int resized_count;

static void on_resized(struct block_claim *claim)
{
    resized_count++;
    wake_all(&resized_queue);
}

/* The test program resizes the disk when it reads the line. */
static void test_resize(void)
{
    struct block_claim claim = {.resized = on_resized};
    struct block_device *device = disk("vda");
    char *page = page_alloc();

    check_claim(&claim, "vda", BLOCK_WRITER, 0);
    printf("RESIZE vda\n");
    wait_until(&resized_queue, resized_count > 0);
    CHECK_EQ(device->sectors, 80 * MIB_SECTORS);
    fill(page, PAGE_SIZE, 7);
    CHECK_EQ(block_write(device, 79 * MIB_SECTORS, page, PAGE_SIZE), 0);
    CHECK_EQ(block_flush(device), 0);
    CHECK_EQ(block_read(device, 79 * MIB_SECTORS, page, PAGE_SIZE), 0);
    CHECK(is_filled(page, PAGE_SIZE, 7));
    block_target_close(&claim);
    page_free(page);
}

static const struct test tests[] = {
    {"found", test_found},     {"partitions", test_partitions},
    {"data", test_data},       {"full_queue", test_full_queue},
    {"discard", test_discard}, {"refused", test_refused},
    {"errors", test_errors},   {"claims", test_claims},
    {"resize", test_resize},   {NULL, NULL},
};

void guest_main(void)
{
    virtio_blk_init();
    run_tests(tests);
}
