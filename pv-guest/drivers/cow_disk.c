/* SPDX-License-Identifier: MIT */
/*
 * Copy-on-write over any device. Written sectors lie in chunks of a page each, found through a hash
 * table, and a bit for each sector says whether it was written. So a write never reads the base; a
 * read reads the base and is then patched with the written sectors.
 *
 * A request either finds all the memory that it needs before it changes anything, or it fails.
 */
#include <drivers/cow_disk.h>

#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SECTORS (PAGE_SIZE / SECTOR_SIZE)
#define BUCKETS_MAX   4096u
/* How many struct chunk the heap cuts from a page: they take memory besides the data. */
#define CHUNKS_OF_PAGE 64u
/*
 * Left free for all else, however many disks there are: clearly more than the network back driver
 * wants to see free before it keeps a packet (netback_receive.c).
 */
#define PAGES_SPARED 4096u

struct chunk {
    uint64_t number; /* sector / CHUNK_SECTORS */
    uint8_t present; /* a bit a sector */
    char *data;      /* a page */
    struct chunk *next;
};

_Static_assert(CHUNK_SECTORS == 8, "`present` has as many bits");

struct cow_disk {
    struct block_device device; /* first; always a whole disk, so request->sector is its own */
    struct block_device *base;
    unsigned long pages_left;
    bool told_full;
    unsigned int bucket_mask;
    struct chunk *buckets[];
};

/* What the open disks may still take, together. */
static unsigned long pages_promised;

static struct chunk **bucket_of(struct cow_disk *cow, uint64_t number)
{
    return &cow->buckets[(number ^ number >> 12) & cow->bucket_mask];
}

static struct chunk *find_chunk(struct cow_disk *cow, uint64_t number)
{
    struct chunk *chunk = *bucket_of(cow, number);

    while (chunk && chunk->number != number)
        chunk = chunk->next;
    return chunk;
}

static bool add_chunk(struct cow_disk *cow, uint64_t number)
{
    struct chunk **bucket = bucket_of(cow, number);
    struct chunk *chunk;

    if (cow->pages_left == 0 || memory_free_pages() <= PAGES_SPARED)
        return false;
    chunk = calloc(1, sizeof(*chunk));
    if (!chunk)
        return false;
    chunk->data = page_alloc();
    if (!chunk->data) {
        free(chunk);
        return false;
    }
    chunk->number = number;
    chunk->next = *bucket;
    *bucket = chunk;
    cow->pages_left--;
    pages_promised--;
    return true;
}

/* Takes back chunks of a range that nothing was written to. */
static void drop_empty(struct cow_disk *cow, uint64_t number, uint64_t end)
{
    for (; number < end; number++) {
        struct chunk **link = bucket_of(cow, number);

        while (*link && (*link)->number != number)
            link = &(*link)->next;
        if (*link && !(*link)->present) {
            struct chunk *chunk = *link;

            *link = chunk->next;
            page_free(chunk->data);
            free(chunk);
            cow->pages_left++;
            pages_promised++;
        }
    }
}

static bool reserve(struct cow_disk *cow, uint64_t sector, uint64_t sectors)
{
    uint64_t begin = sector / CHUNK_SECTORS;
    uint64_t end = (sector + sectors + CHUNK_SECTORS - 1) / CHUNK_SECTORS;

    for (uint64_t number = begin; number < end; number++) {
        if (!find_chunk(cow, number) && !add_chunk(cow, number)) {
            drop_empty(cow, begin, number);
            return false;
        }
    }
    return true;
}

/* Copies between a chunk and memory, sectors [first, first + count) of the chunk. */
static void copy_sectors(struct chunk *chunk, unsigned int first, unsigned int count, char *memory,
                         bool write)
{
    for (unsigned int i = first; i < first + count; i++, memory += SECTOR_SIZE) {
        char *data = chunk->data + i * SECTOR_SIZE;

        if (write) {
            memcpy(data, memory, SECTOR_SIZE);
            chunk->present |= (uint8_t)(1u << i);
        } else if (chunk->present & 1u << i) {
            memcpy(memory, data, SECTOR_SIZE);
        }
    }
}

/* Copies what a request has in chunks: all of it for a write. */
static void copy_request(struct cow_disk *cow, const struct block_request *request)
{
    uint64_t sector = request->sector;

    for (unsigned int i = 0; i < request->segment_count; i++) {
        char *memory = request->segments[i].va;
        uint64_t end = sector + request->segments[i].length / SECTOR_SIZE;

        while (sector < end) {
            struct chunk *chunk = find_chunk(cow, sector / CHUNK_SECTORS);
            unsigned int first = sector % CHUNK_SECTORS;
            unsigned int count = CHUNK_SECTORS - first;

            if (count > end - sector)
                count = (unsigned int)(end - sector);
            if (chunk)
                copy_sectors(chunk, first, count, memory, request->operation == BLOCK_WRITE);
            memory += count * SECTOR_SIZE;
            sector += count;
        }
    }
}

/* Whether a range is here altogether. */
static bool all_present(struct cow_disk *cow, uint64_t sector, uint64_t sectors)
{
    const struct chunk *chunk = NULL;

    for (uint64_t i = sector; i < sector + sectors; i++) {
        if (!chunk || i % CHUNK_SECTORS == 0)
            chunk = find_chunk(cow, i / CHUNK_SECTORS);
        if (!chunk || !(chunk->present & 1u << i % CHUNK_SECTORS))
            return false;
    }
    return true;
}

static void base_done(struct block_request *request, int error)
{
    struct cow_disk *cow = request->context;

    request->done = request->upper_done;
    request->context = request->upper_context;
    if (!error)
        copy_request(cow, request);
    request->done(request, error);
}

/* The base works on the request itself: a read takes no memory, which there might not be. */
static void submit_read(struct cow_disk *cow, struct block_request *request)
{
    if (all_present(cow, request->sector, request->sectors)) {
        copy_request(cow, request);
        request->done(request, 0);
        return;
    }
    request->upper_done = request->done;
    request->upper_context = request->context;
    request->done = base_done;
    request->context = cow;
    block_submit(cow->base, request);
}

/* Once for a disk, since the writer will try again. */
static void tell_full(struct cow_disk *cow)
{
    if (!cow->told_full)
        printf("%s: no memory for more of what is written to it\n", cow->device.name);
    cow->told_full = true;
}

static void cow_submit(struct block_device *device, struct block_request *request)
{
    struct cow_disk *cow = (struct cow_disk *)device;

    if (request->operation == BLOCK_READ) {
        submit_read(cow, request);
    } else if (reserve(cow, request->sector, request->sectors)) {
        copy_request(cow, request);
        request->done(request, 0);
    } else {
        tell_full(cow);
        request->done(request, -ENOSPC);
    }
}

static void cow_kick(struct block_device *device)
{
    block_kick(((struct cow_disk *)device)->base);
}

static void close_cow(struct block_device *device)
{
    struct cow_disk *cow = (struct cow_disk *)device;

    for (unsigned int i = 0; i <= cow->bucket_mask; i++) {
        while (cow->buckets[i]) {
            struct chunk *chunk = cow->buckets[i];

            cow->buckets[i] = chunk->next;
            page_free(chunk->data);
            free(chunk);
        }
    }
    if (cow->base->operations->close)
        cow->base->operations->close(cow->base);
    pages_promised -= cow->pages_left;
    free(cow);
}

static const struct block_operations operations = {
    .submit = cow_submit, .kick = cow_kick, .close = close_cow};

unsigned long cow_disk_share(void)
{
    unsigned long taken = pages_promised + PAGES_SPARED, free_pages = memory_free_pages();

    return free_pages > taken ? (free_pages - taken) / 2 : 0;
}

unsigned long cow_disk_spare(unsigned long kept)
{
    unsigned long free_pages = memory_free_pages(), needed = 0;

    if (pages_promised > 0)
        needed = pages_promised + pages_promised / CHUNKS_OF_PAGE + PAGES_SPARED + 2;
    if (needed < kept)
        needed = kept;
    return free_pages > needed ? free_pages - needed : 0;
}

int cow_disk_open(struct block_device *base, unsigned long pages, struct block_device **device)
{
    unsigned int buckets = 16;
    struct cow_disk *cow;

    if (pages == 0)
        return -ENOMEM;
    while (buckets < pages && buckets < BUCKETS_MAX)
        buckets *= 2;
    cow = calloc(1, sizeof(*cow) + buckets * sizeof(struct chunk *));
    if (!cow)
        return -ENOMEM;
    cow->base = base;
    cow->pages_left = pages;
    pages_promised += pages;
    cow->bucket_mask = buckets - 1;
    cow->device = (struct block_device){
        .operations = &operations,
        .disk = &cow->device,
        .sectors = base->sectors,
        .logical_size = base->logical_size,
        .physical_size = base->physical_size,
        .max_segments = base->max_segments,
    };
    snprintf(cow->device.name, sizeof(cow->device.name), "%s", base->name);
    *device = &cow->device;
    return 0;
}
