/* SPDX-License-Identifier: MIT */
/*
 * Virtio block devices (virtio 1.2, chapter 5.2).
 *
 * Each request that the device has occupies a slot: a kilobyte of memory with the request's header,
 * its status byte and its chain of descriptors. The parts that never change are written once. A
 * request beyond the slots waits in a list. All of it runs in threads and work items, which do not
 * preempt each other, so there are no locks.
 *
 * A device that answers wrongly is stopped: what it had and what comes later fails with -EIO.
 */
#include <drivers/virtio_blk.h>

#include <drivers/block.h>
#include <drivers/virtio.h>

#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define F_SEG_MAX      (1ull << 2)
#define F_READ_ONLY    (1ull << 5)
#define F_BLOCK_SIZE   (1ull << 6)
#define F_FLUSH        (1ull << 9)
#define F_TOPOLOGY     (1ull << 10)
#define F_DISCARD      (1ull << 13)
#define F_WRITE_ZEROES (1ull << 14)

#define TYPE_READ         0u
#define TYPE_WRITE        1u
#define TYPE_FLUSH        4u
#define TYPE_DISCARD      11u
#define TYPE_WRITE_ZEROES 13u

#define STATUS_OK          0
#define STATUS_UNSUPPORTED 2
#define STATUS_UNTOUCHED   0xff /* ours: the device wrote none */

/* The device's configuration, 5.2.4. All fields are little-endian. */
struct configuration {
    uint64_t capacity; /* sectors */
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t block_size;
    uint8_t physical_block_exponent, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t queue_count;
    uint32_t max_discard_sectors, max_discard_segments, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_segments;
    uint8_t write_zeroes_may_unmap, unused1[3];
};

_Static_assert(offsetof(struct configuration, write_zeroes_may_unmap) == 56, "5.2.4");

struct header {
    uint32_t type, reserved;
    uint64_t sector;
};

/* What a discard and writing of zeroes have for data. */
struct range {
    uint64_t sector;
    uint32_t sectors, flags;
};

#define SLOTS_MAX       128u
#define SLOT_SIZE       1024u
#define CHAIN_SIZE      60u
#define CHAIN_STATUS    1u /* descriptors 0 and 1 of a slot's chain are fixed */
#define CHAIN_DATA      2u
#define SEGMENTS_MAX    (CHAIN_SIZE - CHAIN_DATA)
#define SLOTS_IN_A_PAGE (PAGE_SIZE / SLOT_SIZE)

/* The memory of a slot that the device sees. */
struct slot_memory {
    struct header header;
    struct range range;
    uint8_t status;
    uint8_t unused[31];
    struct virtq_desc chain[CHAIN_SIZE];
};

_Static_assert(sizeof(struct slot_memory) == SLOT_SIZE, "slots do not cross pages");

struct slot {
    struct slot_memory *memory;
    uint64_t maddr;
    struct block_request *request;
    uint64_t sectors_given; /* of a range, which may take more than one command; else 0 */
    uint32_t writable;      /* bytes that the device writes if all goes well */
    struct slot *next;      /* while free */
};

struct disk {
    struct block_device device; /* first */
    struct virtio_device *virtio;
    struct virtio_queue queue;
    struct slot *free_slots;
    struct block_request *waiting, **waiting_end;
    bool stopped;
    uint32_t max_discard, max_zeroes; /* sectors a command */
    struct slot *slots;
    unsigned int slot_count;
};

#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* ---- Giving requests to the device ---- */

/* @return descriptors in the chain. */
static unsigned int fill_data(struct slot *slot, uint16_t flags)
{
    const struct block_request *request = slot->request;
    const struct block_segment *segment = request->segments;
    const struct block_segment *end = segment + request->segment_count;
    struct virtq_desc *descriptor = &slot->memory->chain[CHAIN_DATA];
    uint64_t link = VIRTQ_DESC_LINK(flags, CHAIN_DATA + 1);

    for (; segment < end; segment++, descriptor++, link += VIRTQ_DESC_LINK(0, 1))
        virtq_desc_set(descriptor, segment->maddr, segment->length, link);
    descriptor[-1].next = CHAIN_STATUS;
    return request->segment_count + CHAIN_DATA;
}

/* The next part of a range, as long as a command may be. */
static unsigned int fill_range(struct slot *slot, uint32_t limit)
{
    const struct block_request *request = slot->request;
    uint64_t left = request->sectors - slot->sectors_given;
    struct range *range = &slot->memory->range;

    range->sector = request->disk_sector + slot->sectors_given;
    range->sectors = left < limit ? (uint32_t)left : limit;
    range->flags = 0;
    slot->sectors_given += range->sectors;
    virtq_desc_set(&slot->memory->chain[CHAIN_DATA],
                   slot->maddr + offsetof(struct slot_memory, range), sizeof(*range),
                   VIRTQ_DESC_LINK(VIRTQ_DESC_NEXT, CHAIN_STATUS));
    return CHAIN_DATA + 1;
}

/* There is room in the ring for every slot. */
static void start_slot(struct disk *disk, struct slot *slot)
{
    const struct block_request *request = slot->request;
    struct slot_memory *memory = slot->memory;
    uint32_t type, writable = 1;
    uint64_t sector = 0;
    unsigned int count;

    memory->chain[0].next = CHAIN_DATA;
    switch (request->operation) {
    case BLOCK_READ:
        type = TYPE_READ;
        sector = request->disk_sector;
        writable += (uint32_t)request->sectors * SECTOR_SIZE;
        count = fill_data(slot, VIRTQ_DESC_NEXT | VIRTQ_DESC_WRITE);
        break;
    case BLOCK_WRITE:
        type = TYPE_WRITE;
        sector = request->disk_sector;
        count = fill_data(slot, VIRTQ_DESC_NEXT);
        break;
    case BLOCK_DISCARD:
        type = TYPE_DISCARD;
        count = fill_range(slot, disk->max_discard);
        break;
    case BLOCK_WRITE_ZEROES:
        type = TYPE_WRITE_ZEROES;
        count = fill_range(slot, disk->max_zeroes);
        break;
    default:
        type = TYPE_FLUSH;
        memory->chain[0].next = CHAIN_STATUS;
        count = CHAIN_DATA;
        break;
    }
    memory->header.type = type;
    memory->header.sector = sector;
    memory->status = STATUS_UNTOUCHED;
    slot->writable = writable;
    virtqueue_add(&disk->queue.ring, memory->chain,
                  slot->maddr + offsetof(struct slot_memory, chain), count, writable, slot);
}

static void disk_take_slot(struct disk *disk, struct slot *slot, struct block_request *request)
{
    slot->request = request;
    slot->sectors_given = 0;
    start_slot(disk, slot);
}

static void disk_submit(struct block_device *device, struct block_request *request)
{
    struct disk *disk = (struct disk *)device;
    struct slot *slot = disk->free_slots;

    if (disk->stopped) {
        request->done(request, -EIO);
    } else if (slot) {
        disk->free_slots = slot->next;
        disk_take_slot(disk, slot, request);
    } else {
        request->next = NULL;
        *disk->waiting_end = request;
        disk->waiting_end = &request->next;
    }
}

static void disk_kick(struct block_device *device)
{
    virtqueue_kick(&((struct disk *)device)->queue.ring);
}

static const struct block_operations operations = {.submit = disk_submit, .kick = disk_kick};

/* ---- Taking them back ---- */

static struct block_request *disk_take_waiting(struct disk *disk)
{
    struct block_request *request = disk->waiting;

    if (request) {
        disk->waiting = request->next;
        if (!disk->waiting)
            disk->waiting_end = &disk->waiting;
    }
    return request;
}

/* The slot goes to the request that waits longest, before `done` may submit another. */
static void complete_slot(struct disk *disk, struct slot *slot, int error)
{
    struct block_request *request = slot->request;
    struct block_request *waiting = disk->stopped ? NULL : disk_take_waiting(disk);

    if (waiting) {
        disk_take_slot(disk, slot, waiting);
    } else {
        slot->next = disk->free_slots;
        disk->free_slots = slot;
    }
    request->done(request, error);
}

/* What the device says about a request, of which it wrote @length bytes. */
static int result(const struct slot *slot, uint32_t length)
{
    switch (__atomic_load_n(&slot->memory->status, __ATOMIC_RELAXED)) {
    case STATUS_OK:
        return length == slot->writable ? 0 : -EIO;
    case STATUS_UNSUPPORTED:
        return -EOPNOTSUPP;
    default:
        return -EIO;
    }
}

/* Whether more commands are needed for what the slot's request wants. */
static bool unfinished(const struct slot *slot)
{
    return slot->sectors_given > 0 && slot->sectors_given < slot->request->sectors;
}

static void disk_stop(struct disk *disk, const char *why)
{
    struct block_request *request;
    struct slot *slot;

    disk->stopped = true;
    virtio_stop(disk->virtio, why);
    while ((slot = virtqueue_detach(&disk->queue.ring)))
        complete_slot(disk, slot, -EIO);
    while ((request = disk_take_waiting(disk)))
        request->done(request, -EIO);
}

static void run_queue(struct work *work)
{
    struct disk *disk = CONTAINER(work, struct disk, queue.work);
    struct virtqueue *ring = &disk->queue.ring;
    struct slot *slot;
    uint32_t length;

    if (disk->stopped)
        return;
    do {
        while ((slot = virtqueue_get(ring, &length))) {
            int error = result(slot, length);

            if (!error && unfinished(slot))
                start_slot(disk, slot);
            else
                complete_slot(disk, slot, error);
        }
    } while (!virtqueue_rearm(ring));
    if (ring->broken)
        disk_stop(disk, "wrong entry in the used ring");
    else
        virtqueue_kick(ring);
}

/* ---- The device as a whole ---- */

static void run_config(struct work *work)
{
    struct disk *disk = CONTAINER(work, struct virtio_device, config_work)->driver_data;
    uint64_t capacity;

    if (disk->stopped)
        return;
    if (virtio_needs_reset(disk->virtio)) {
        disk_stop(disk, "it asks for a reset");
        return;
    }
    virtio_config_read(disk->virtio, offsetof(struct configuration, capacity), &capacity,
                       sizeof(capacity));
    if (capacity == disk->device.sectors)
        return;
    printf("%s: resized from %lu to %lu sectors\n", disk->device.name, disk->device.sectors,
           capacity);
    block_resized(&disk->device, capacity);
}

/* A limit of sectors a command, in whole blocks; 0: the command cannot be used. */
static uint32_t command_limit(const struct block_device *device, uint32_t sectors)
{
    return sectors & ~(device->logical_size / SECTOR_SIZE - 1);
}

static int read_configuration(struct disk *disk)
{
    struct block_device *device = &disk->device;
    struct virtio_device *virtio = disk->virtio;
    struct configuration config;

    virtio_config_read(virtio, 0, &config, sizeof(config));
    device->sectors = config.capacity;
    device->logical_size = virtio_has(virtio, F_BLOCK_SIZE) ? config.block_size : SECTOR_SIZE;
    if (device->logical_size < SECTOR_SIZE || device->logical_size > PAGE_SIZE ||
        device->logical_size & (device->logical_size - 1))
        return -EINVAL;
    device->physical_size = device->logical_size;
    if (virtio_has(virtio, F_TOPOLOGY) && config.physical_block_exponent < 16)
        device->physical_size <<= config.physical_block_exponent;
    device->max_segments = virtio_has(virtio, F_SEG_MAX) ? config.seg_max : 1;
    if (device->max_segments > SEGMENTS_MAX)
        device->max_segments = SEGMENTS_MAX;
    device->read_only = virtio_has(virtio, F_READ_ONLY);
    device->flush = virtio_has(virtio, F_FLUSH);
    disk->max_discard = command_limit(device, config.max_discard_sectors);
    device->discard = virtio_has(virtio, F_DISCARD) && disk->max_discard > 0;
    device->discard_granularity = config.discard_sector_alignment * SECTOR_SIZE;
    if (device->discard_granularity < device->logical_size)
        device->discard_granularity = device->logical_size;
    disk->max_zeroes = command_limit(device, config.max_write_zeroes_sectors);
    device->write_zeroes = virtio_has(virtio, F_WRITE_ZEROES) && disk->max_zeroes > 0;
    return device->max_segments > 0 ? 0 : -EINVAL;
}

static void free_slots(struct disk *disk)
{
    for (unsigned int i = 0; disk->slots && i < disk->slot_count; i += SLOTS_IN_A_PAGE)
        if (disk->slots[i].memory)
            page_free(disk->slots[i].memory);
    free(disk->slots);
}

/* As many slots as the ring has room for. */
static int make_slots(struct disk *disk)
{
    unsigned int count = disk->queue.ring.mask + 1u, *segments = &disk->device.max_segments;
    struct slot_memory *page = NULL;

    if (!disk->queue.ring.indirect) {
        /* So that a long request does not take a queue for itself, unless it is tiny. */
        unsigned int limit = count > 8 * CHAIN_DATA ? count / 8 : count;

        if (limit <= CHAIN_DATA)
            return -ENODEV;
        if (*segments > limit - CHAIN_DATA)
            *segments = limit - CHAIN_DATA;
        count /= *segments + CHAIN_DATA;
    }
    disk->slot_count = count < SLOTS_MAX ? count : SLOTS_MAX;
    disk->slots = calloc(disk->slot_count, sizeof(*disk->slots));
    if (!disk->slots)
        return -ENOMEM;
    for (unsigned int i = 0; i < disk->slot_count; i++) {
        struct slot *slot = &disk->slots[i];

        if (i % SLOTS_IN_A_PAGE == 0)
            page = page_alloc_zeroed();
        if (!page)
            return -ENOMEM;
        slot->memory = page + i % SLOTS_IN_A_PAGE;
        slot->maddr = va_to_maddr(slot->memory);
        virtq_desc_set(&slot->memory->chain[0], slot->maddr + offsetof(struct slot_memory, header),
                       sizeof(struct header), VIRTQ_DESC_LINK(VIRTQ_DESC_NEXT, CHAIN_DATA));
        virtq_desc_set(&slot->memory->chain[CHAIN_STATUS],
                       slot->maddr + offsetof(struct slot_memory, status), 1,
                       VIRTQ_DESC_LINK(VIRTQ_DESC_WRITE, 0));
        slot->next = disk->free_slots;
        disk->free_slots = slot;
    }
    return 0;
}

static int start_disk(struct disk *disk)
{
    int error = virtio_negotiate(disk->virtio, F_SEG_MAX | F_READ_ONLY | F_BLOCK_SIZE | F_FLUSH |
                                                   F_TOPOLOGY | F_DISCARD | F_WRITE_ZEROES);

    if (!error)
        error = read_configuration(disk);
    disk->queue.work.run = run_queue;
    disk->virtio->config_work.run = run_config;
    if (!error)
        error = virtio_start(disk->virtio, &disk->queue, 1);
    if (error)
        return error;
    error = make_slots(disk);
    if (error) {
        virtio_stop(disk->virtio, NULL);
        virtio_free_queues(disk->virtio);
    }
    return error;
}

/* "vda" to "vdz", "vdaa"... */
static void name_disk(char *name, size_t size, unsigned int number)
{
    char letters[8], *first = &letters[sizeof(letters) - 1];

    *first = '\0';
    for (number++; number > 0; number = (number - 1) / 26)
        *--first = (char)('a' + (number - 1) % 26);
    snprintf(name, size, "vd%s", first);
}

static bool print_partition(struct block_device *device, void *argument)
{
    if (device->disk == argument && device->disk != device)
        printf(" %s", device->name);
    return true;
}

static void announce_disk(struct disk *disk, unsigned int partitions)
{
    const struct block_device *device = &disk->device;

    printf("%s: %lu MiB at virtio %s, blocks of %u bytes%s%s%s:%s", device->name,
           device->sectors / (1048576 / SECTOR_SIZE), disk->virtio->place, device->logical_size,
           device->flush ? ", flush" : "", device->discard ? ", discard" : "",
           device->read_only ? ", read-only" : "", partitions ? "" : " no partitions");
    block_list(print_partition, &disk->device);
    printf("\n");
}

static int disk_probe(struct virtio_device *virtio)
{
    static unsigned int count;
    struct disk *disk = calloc(1, sizeof(*disk));
    int error;

    if (!disk)
        return -ENOMEM;
    disk->virtio = virtio;
    disk->waiting_end = &disk->waiting;
    disk->device.operations = &operations;
    disk->device.disk = &disk->device;
    virtio->driver_data = disk;
    error = start_disk(disk);
    if (error) {
        free_slots(disk);
        free(disk);
        return error;
    }
    name_disk(disk->device.name, sizeof(disk->device.name), count++);
    block_register(&disk->device);
    announce_disk(disk, block_add_partitions(&disk->device));
    return 0;
}

void virtio_blk_init(void)
{
    virtio_probe(VIRTIO_TYPE_BLOCK, disk_probe);
}
