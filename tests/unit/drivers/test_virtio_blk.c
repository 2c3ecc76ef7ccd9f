/* SPDX-License-Identifier: MIT */
/*
 * The driver of virtio disks over a transport and a device that are the test: what the device is
 * asked for, requests beyond its queue, ranges in parts, resizing; and a device that answers late,
 * wrongly, or with errors. Each request completes once.
 */
/* SOURCES: pv-guest/drivers/virtio_blk.c pv-guest/drivers/virtqueue.c pv-guest/drivers/block.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <drivers/block.h>
#include <drivers/virtio.h>
#include <drivers/virtio_blk.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS 4096u
#define QUEUE   64u

/* ---- The kernel ---- */

mfn_t pfn_to_mfn(pfn_t pfn)
{
    /* So that machine addresses are pointers. */
    return pfn + (KERNEL_BASE >> PAGE_SHIFT);
}

void *page_alloc_zeroed(void)
{
    void *page = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

    return memset(page, 0, PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    free(pages);
}

unsigned int block_add_partitions(struct block_device *disk)
{
    return 0;
}

/* ---- The transport ---- */

static uint8_t config[60];
static uint64_t offered;
static struct virtio_device transport;
static struct virtio_queue *queue;
static volatile uint16_t doorbell;
static bool stopped, needs_reset;
static int probe_result;

static void config_put(unsigned int offset, uint64_t value, unsigned int size)
{
    memcpy(config + offset, &value, size);
}

void virtio_probe(unsigned int type, int (*probe)(struct virtio_device *device))
{
    assert_int_equal(type, VIRTIO_TYPE_BLOCK);
    memset(&transport, 0, sizeof(transport));
    probe_result = probe(&transport);
}

int virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    device->features = offered & (wanted | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
    return 0;
}

void virtio_config_read(struct virtio_device *device, size_t offset, void *to, size_t size)
{
    memset(to, 0, size);
    if (size > sizeof(config) - offset)
        size = sizeof(config) - offset;
    memcpy(to, config + offset, size);
}

int virtio_start(struct virtio_device *device, struct virtio_queue *queues, unsigned int count)
{
    assert_int_equal(count, 1);
    queue = queues;
    queue->pages = aligned_alloc(PAGE_SIZE, 2 * PAGE_SIZE);
    memset(queue->pages, 0, 2 * PAGE_SIZE);
    virtqueue_init(&queue->ring, 0, QUEUE, queue->pages, (char *)queue->pages + PAGE_SIZE,
                   calloc(QUEUE, sizeof(struct virtqueue_slot)), &doorbell,
                   virtio_has(device, VIRTIO_F_INDIRECT_DESC),
                   virtio_has(device, VIRTIO_F_EVENT_IDX));
    return 0;
}

bool virtio_needs_reset(struct virtio_device *device)
{
    return needs_reset;
}

void virtio_stop(struct virtio_device *device, const char *why)
{
    stopped = true;
}

void virtio_free_queues(struct virtio_device *device)
{
}

/* ---- The device ---- */

static char medium[SECTORS * SECTOR_SIZE];
static uint16_t device_taken;
static unsigned int flushes, commands;
static uint64_t largest_range;

struct chain {
    uint16_t id;
    uint32_t type;
    uint64_t sector;
    const struct virtq_desc *data[256];
    unsigned int data_count;
    uint8_t *status;
};

/* Take the next chain apart. @return false when there is none. */
static bool device_next(struct chain *chain)
{
    const struct virtqueue *ring = &queue->ring;
    const struct virtq_desc *table = ring->descriptors, *at;

    if (device_taken == __atomic_load_n(&ring->avail->index, __ATOMIC_ACQUIRE))
        return false;
    memset(chain, 0, sizeof(*chain));
    chain->id = ring->avail->ring[device_taken++ & ring->mask];
    at = &table[chain->id];
    if (at->flags & VIRTQ_DESC_INDIRECT)
        at = table = (const void *)(uintptr_t)at->address;
    assert_int_equal(at->length, 16);
    assert_int_equal(at->flags, VIRTQ_DESC_NEXT);
    memcpy(&chain->type, (const void *)(uintptr_t)at->address, 4);
    memcpy(&chain->sector, (const char *)(uintptr_t)at->address + 8, 8);
    for (at = &table[at->next]; at->flags & VIRTQ_DESC_NEXT; at = &table[at->next])
        chain->data[chain->data_count++] = at;
    assert_int_equal(at->flags, VIRTQ_DESC_WRITE);
    assert_int_equal(at->length, 1);
    chain->status = (uint8_t *)(uintptr_t)at->address;
    commands++;
    return true;
}

static void device_answer(const struct chain *chain, uint8_t status, uint32_t length)
{
    struct virtq_used *used = queue->ring.used;

    *chain->status = status;
    used->ring[used->index & queue->ring.mask] = (struct virtq_used_entry){.id = chain->id,
                                                                           .length = length};
    __atomic_store_n(&used->index, used->index + 1, __ATOMIC_RELEASE);
}

static uint32_t device_range(const struct chain *chain)
{
    struct {
        uint64_t sector;
        uint32_t sectors, flags;
    } range;

    assert_int_equal(chain->data_count, 1);
    assert_int_equal(chain->data[0]->length, 16);
    memcpy(&range, (const void *)(uintptr_t)chain->data[0]->address, 16);
    assert_true(range.sector + range.sectors <= SECTORS);
    assert_int_equal(range.flags, 0);
    memset(medium + range.sector * SECTOR_SIZE, 0, range.sectors * SECTOR_SIZE);
    if (range.sectors > largest_range)
        largest_range = range.sectors;
    return 1;
}

/* Do what a chain says, correctly. */
static void device_work(const struct chain *chain)
{
    uint64_t at = chain->sector * SECTOR_SIZE;
    uint32_t length = 1;

    for (unsigned int i = 0; i < chain->data_count && chain->type < 2; i++) {
        void *memory = (void *)(uintptr_t)chain->data[i]->address;
        uint32_t size = chain->data[i]->length;

        assert_true(at + size <= sizeof(medium));
        assert_int_equal(!!(chain->data[i]->flags & VIRTQ_DESC_WRITE), chain->type == 0);
        memcpy(chain->type == 0 ? memory : medium + at, chain->type == 0 ? medium + at : memory,
               size);
        length += chain->type == 0 ? size : 0;
        at += size;
    }
    if (chain->type == 4)
        flushes++;
    else if (chain->type == 11 || chain->type == 13)
        length = device_range(chain);
    device_answer(chain, 0, length);
}

static void interrupt(void)
{
    queue->work.run(&queue->work);
}

/* Work and interrupt until nothing is left. */
static void device_run(void)
{
    struct chain chain;

    while (device_next(&chain)) {
        device_work(&chain);
        interrupt();
    }
}

/* ---- The user ---- */

#define USERS 200u

static struct user {
    struct block_request request;
    struct block_segment segments[64];
    char *memory; /* a page a segment */
    unsigned int done;
    int error;
} users[USERS];

static struct block_device *disk;

static void on_done(struct block_request *request, int error)
{
    struct user *user = request->context;

    user->done++;
    user->error = error;
}

static struct user *submit(unsigned int index, enum block_operation operation, uint64_t sector,
                           unsigned int segments)
{
    struct user *user = &users[index];

    if (!user->memory)
        user->memory = aligned_alloc(PAGE_SIZE, 64 * PAGE_SIZE);
    for (unsigned int i = 0; i < segments; i++) {
        char *va = user->memory + i * PAGE_SIZE;

        user->segments[i] = (struct block_segment){
            .va = va, .maddr = (uintptr_t)va, .length = PAGE_SIZE};
    }
    user->done = 0;
    user->request = (struct block_request){.operation = operation,
                                           .segment_count = segments,
                                           .segments = user->segments,
                                           .sector = sector,
                                           .done = on_done,
                                           .context = user};
    block_submit(disk, &user->request);
    return user;
}

static struct user *submit_range(unsigned int index, enum block_operation operation,
                                 uint64_t sector, uint64_t sectors)
{
    struct user *user = &users[index];

    user->done = 0;
    user->request = (struct block_request){.operation = operation,
                                           .sector = sector,
                                           .sectors = sectors,
                                           .done = on_done,
                                           .context = user};
    block_submit(disk, &user->request);
    return user;
}

static void expect(const struct user *user, int error)
{
    assert_int_equal(user->done, 1);
    assert_int_equal(user->error, error);
}

/* ---- Before and after each test ---- */

#define ALL_FEATURES                                                            \
    (1ull << 2 | 1ull << 6 | 1ull << 9 | 1ull << 10 | 1ull << 13 | 1ull << 14 | \
     VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX)

static int begin(void **state)
{
    memset(config, 0, sizeof(config));
    config_put(0, SECTORS, 8);
    config_put(12, 126, 4);
    config_put(20, 512, 4);
    config_put(24, 3, 1);
    config_put(36, 1000, 4);
    config_put(44, 8, 4);
    config_put(48, 500, 4);
    offered = ALL_FEATURES;
    device_taken = 0;
    flushes = commands = 0;
    largest_range = 0;
    stopped = needs_reset = false;
    return 0;
}

static void start(void)
{
    static char name[8] = "vda";

    virtio_blk_init();
    assert_int_equal(probe_result, 0);
    disk = block_find(name);
    name[2]++;
    assert_non_null(disk);
}

/* The driver keeps a disk for good; what it took goes here. */
static int end(void **state)
{
    for (unsigned int i = 0; i < USERS; i++) {
        free(users[i].memory);
        users[i].memory = NULL;
    }
    return 0;
}

/* ---- Tests ---- */

static void properties(void **state)
{
    start();
    assert_int_equal(disk->sectors, SECTORS);
    assert_int_equal(disk->logical_size, 512);
    assert_int_equal(disk->physical_size, 4096);
    assert_true(disk->flush && disk->discard && disk->write_zeroes && !disk->read_only);
    assert_int_equal(disk->discard_granularity, 4096);
    assert_true(disk->max_segments >= 32 && disk->max_segments <= 126);
}

static void bad_properties(void **state)
{
    static const uint32_t sizes[] = {0, 256, 513, 1000, 8192, 0xffffffff};

    for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        config_put(20, sizes[i], 4);
        virtio_blk_init();
        assert_int_equal(probe_result, -EINVAL);
    }
    config_put(20, 512, 4);
    config_put(12, 0, 4);
    virtio_blk_init();
    assert_int_equal(probe_result, -EINVAL);
}

static void data_goes_both_ways(bool indirect)
{
    struct user *user;

    if (!indirect)
        offered &= ~VIRTIO_F_INDIRECT_DESC;
    start();
    for (unsigned int segments = 1; segments <= disk->max_segments; segments++) {
        user = submit(0, BLOCK_WRITE, segments, 0);
        expect(user, -EINVAL);
        memset(submit(0, BLOCK_WRITE, segments, segments)->memory, (int)segments,
               segments * PAGE_SIZE);
        block_kick(disk);
        device_run();
        expect(user, 0);
        assert_int_equal(medium[segments * SECTOR_SIZE], segments);
        memset(user->memory, 0, 64 * PAGE_SIZE);
        submit(0, BLOCK_READ, segments, segments);
        block_kick(disk);
        device_run();
        expect(user, 0);
        for (unsigned int i = 0; i < segments * PAGE_SIZE; i++)
            assert_int_equal(user->memory[i], segments);
    }
}

static void data_indirect(void **state)
{
    data_goes_both_ways(true);
}

static void data_direct(void **state)
{
    data_goes_both_ways(false);
}

static void more_than_fit(bool indirect)
{
    if (!indirect)
        offered &= ~VIRTIO_F_INDIRECT_DESC;
    start();
    for (unsigned int i = 0; i < USERS; i++)
        submit(i, BLOCK_READ, i, 1);
    block_kick(disk);
    device_run();
    for (unsigned int i = 0; i < USERS; i++)
        expect(&users[i], 0);
    assert_int_equal(commands, USERS);
}

static void more_than_the_queue_holds(void **state)
{
    more_than_fit(true);
    begin(state);
    more_than_fit(false);
}

static void flushes_and_ranges(void **state)
{
    struct user *user;

    start();
    memset(medium, 0x11, sizeof(medium));
    user = submit_range(0, BLOCK_FLUSH, 0, 0);
    block_kick(disk);
    device_run();
    expect(user, 0);
    assert_int_equal(flushes, 1);

    commands = 0;
    user = submit_range(0, BLOCK_DISCARD, 8, 3001);
    block_kick(disk);
    device_run();
    expect(user, 0);
    assert_int_equal(commands, 4);
    assert_int_equal(largest_range, 1000);
    assert_int_equal(medium[8 * SECTOR_SIZE - 1], 0x11);
    for (unsigned int i = 8 * SECTOR_SIZE; i < 3009 * SECTOR_SIZE; i++)
        assert_int_equal(medium[i], 0);
    assert_int_equal(medium[3009 * SECTOR_SIZE], 0x11);

    commands = 0;
    user = submit_range(0, BLOCK_WRITE_ZEROES, 0, SECTORS);
    block_kick(disk);
    device_run();
    expect(user, 0);
    assert_int_equal(commands, (SECTORS + 499) / 500);
    assert_int_equal(medium[sizeof(medium) - 1], 0);
}

static void without_features(void **state)
{
    offered = 0;
    start();
    assert_int_equal(disk->max_segments, 1);
    expect(submit_range(0, BLOCK_FLUSH, 0, 0), 0);
    expect(submit_range(0, BLOCK_DISCARD, 0, 8), -EOPNOTSUPP);
    expect(submit_range(0, BLOCK_WRITE_ZEROES, 0, 8), -EOPNOTSUPP);
    submit(0, BLOCK_READ, 0, 1);
    block_kick(disk);
    device_run();
    expect(&users[0], 0);
}

static void read_only(void **state)
{
    offered |= 1ull << 5;
    start();
    expect(submit(0, BLOCK_WRITE, 0, 1), -EROFS);
    expect(submit_range(0, BLOCK_DISCARD, 0, 8), -EROFS);
    submit(0, BLOCK_READ, 0, 1);
    block_kick(disk);
    device_run();
    expect(&users[0], 0);
}

static void out_of_range(void **state)
{
    start();
    expect(submit(0, BLOCK_READ, SECTORS, 1), -EINVAL);
    expect(submit(0, BLOCK_READ, SECTORS - 7, 1), -EINVAL);
    expect(submit(0, BLOCK_WRITE, ~0ull, 1), -EINVAL);
    expect(submit_range(0, BLOCK_DISCARD, 1, SECTORS), -EINVAL);
    expect(submit_range(0, BLOCK_DISCARD, 0, 0), -EINVAL);
    assert_int_equal(commands, 0);
}

static void errors_are_passed_on(void **state)
{
    static const struct {
        uint8_t status;
        uint32_t length;
        int error;
    } answers[] = {
        {0, 1 + PAGE_SIZE, 0}, {1, 1, -EIO}, {2, 1, -EOPNOTSUPP}, {3, 1, -EIO},
        {0xff, 1, -EIO},       {0, 1, -EIO}, {0, 0, -EIO},        {0, PAGE_SIZE, -EIO},
    };
    struct chain chain;

    start();
    for (unsigned int i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        submit(0, BLOCK_READ, 0, 1);
        block_kick(disk);
        assert_true(device_next(&chain));
        device_answer(&chain, answers[i].status, answers[i].length);
        interrupt();
        expect(&users[0], answers[i].error);
    }
    /* The rest of a range is not asked for after an error. */
    submit_range(0, BLOCK_DISCARD, 0, 3000);
    block_kick(disk);
    assert_true(device_next(&chain));
    device_answer(&chain, 1, 1);
    interrupt();
    expect(&users[0], -EIO);
    assert_false(device_next(&chain));
    assert_false(stopped);
}

/* All that the device had and all that waited fails, and so does what comes later. */
static void expect_stopped(unsigned int count)
{
    assert_true(stopped);
    for (unsigned int i = 0; i < count; i++)
        assert_int_equal(users[i].done, 1);
    expect(&users[count - 1], -EIO);
    expect(submit(0, BLOCK_READ, 0, 1), -EIO);
    interrupt();
    expect(&users[0], -EIO);
}

static void submit_many(unsigned int count)
{
    start();
    for (unsigned int i = 0; i < count; i++)
        submit(i, BLOCK_READ, i, 1);
    block_kick(disk);
}

static void wrong_answers_stop_the_device(void **state)
{
    struct chain chain;

    submit_many(USERS);
    device_next(&chain);
    device_answer(&chain, 0, 2 * PAGE_SIZE);
    interrupt();
    expect_stopped(USERS);

    begin(state);
    /* The same twice, with no request waiting that would take the slot that became free. */
    submit_many(10);
    device_next(&chain);
    device_answer(&chain, 0, 1 + PAGE_SIZE);
    device_answer(&chain, 0, 1 + PAGE_SIZE);
    interrupt();
    expect_stopped(10);

    begin(state);
    submit_many(USERS);
    device_next(&chain);
    chain.id = QUEUE;
    device_answer(&chain, 0, 1 + PAGE_SIZE);
    interrupt();
    expect_stopped(USERS);

    begin(state);
    submit_many(USERS);
    queue->ring.used->index = 0xfff0;
    interrupt();
    expect_stopped(USERS);
}

static void a_device_that_gives_up(void **state)
{
    submit_many(USERS);
    needs_reset = true;
    transport.config_work.run(&transport.config_work);
    expect_stopped(USERS);
}

static unsigned int resized;

static void on_resized(struct block_claim *claim)
{
    resized++;
}

static void resizing(void **state)
{
    struct block_claim claim = {.access = BLOCK_WRITER, .resized = on_resized};

    start();
    assert_int_equal(block_claim(&claim, disk, NULL, 0), 0);
    transport.config_work.run(&transport.config_work);
    assert_int_equal(resized, 0);
    config_put(0, 100, 8);
    transport.config_work.run(&transport.config_work);
    assert_int_equal(resized, 1);
    assert_int_equal(disk->sectors, 100);
    expect(submit(0, BLOCK_READ, 100, 1), -EINVAL);
    block_release(&claim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(properties, begin, end),
        cmocka_unit_test_setup_teardown(bad_properties, begin, end),
        cmocka_unit_test_setup_teardown(data_indirect, begin, end),
        cmocka_unit_test_setup_teardown(data_direct, begin, end),
        cmocka_unit_test_setup_teardown(more_than_the_queue_holds, begin, end),
        cmocka_unit_test_setup_teardown(flushes_and_ranges, begin, end),
        cmocka_unit_test_setup_teardown(without_features, begin, end),
        cmocka_unit_test_setup_teardown(read_only, begin, end),
        cmocka_unit_test_setup_teardown(out_of_range, begin, end),
        cmocka_unit_test_setup_teardown(errors_are_passed_on, begin, end),
        cmocka_unit_test_setup_teardown(wrong_answers_stop_the_device, begin, end),
        cmocka_unit_test_setup_teardown(a_device_that_gives_up, begin, end),
        cmocka_unit_test_setup_teardown(resizing, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
