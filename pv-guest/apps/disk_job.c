/* SPDX-License-Identifier: MIT */
/*
 * Jobs of the disk exerciser. A block's contents follow from its number, the seed and how often it
 * was written; so the next read finds a write that was lost, late or in the wrong place. While a
 * write to a block is under way, no other request touches it.
 *
 * The marks are instructions that do nothing, with a number in them that a counter in the emulator
 * looks for: one after a few requests, and one after `count` more.
 */
#include "disk_job.h"

#include <errno.h>
#include <events.h>
#include <guest.h>
#include <inttypes.h>
#include <io_page.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#define BLOCK_SECTORS 8u
#define BUSY          0x80u
#define GENERATION    0x7fu

struct slot {
    struct block_request request; /* first */
    struct block_segment segments[DISK_JOB_PAGES];
    struct slot *next;
    uint64_t block;
    int error;
};

static struct slot slots[DISK_JOB_DEPTH];
static struct slot *finished, **finished_end = &finished;
static struct wait_queue queue;
static uint8_t *states; /* a block's generation, and BUSY */
static uint32_t contents;
static uint64_t sequence = 0x243f6a8885a308d3ull;

static inline void mark_begin(void)
{
    asm volatile(".byte 0x0f, 0x1f, 0x80; .long 0x424c4b01" ::: "memory");
}

static inline void mark_end(void)
{
    asm volatile(".byte 0x0f, 0x1f, 0x80; .long 0x424c4b02" ::: "memory");
}

static uint64_t random_number(void)
{
    sequence ^= sequence << 13;
    sequence ^= sequence >> 7;
    sequence ^= sequence << 17;
    return sequence;
}

int disk_job_begin(uint64_t blocks)
{
    states = calloc(1, blocks);
    if (!states)
        return -ENOMEM;
    for (unsigned int i = 0; i < DISK_JOB_DEPTH; i++) {
        for (unsigned int j = 0; j < DISK_JOB_PAGES; j++) {
            void *page = io_page_alloc();

            if (!page)
                return -ENOMEM;
            slots[i].segments[j] = (struct block_segment){
                .va = page, .maddr = va_to_maddr(page), .length = PAGE_SIZE};
        }
    }
    return 0;
}

void disk_job_new_contents(uint32_t seed)
{
    contents = seed;
}

/* The first word of a block; the others follow by steps of PATTERN_STEP. */
#define PATTERN_STEP 0x9e3779b97f4a7c15ull

static uint64_t first_word(uint64_t block)
{
    return ((uint64_t)contents << 40) + ((uint64_t)(states[block] & GENERATION) << 32) +
           block * 0xd6e8feb86659fd93ull;
}

static void fill(const struct slot *slot, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++) {
        uint64_t *word = slot->segments[i].va;
        uint64_t *end = word + PAGE_SIZE / sizeof(*word);
        uint64_t value = first_word(slot->block + i);

        for (; word < end; word++, value += PATTERN_STEP)
            *word = value;
    }
}

static bool matches(const struct slot *slot, unsigned int size)
{
    for (unsigned int i = 0; i < size; i++) {
        const uint64_t *word = slot->segments[i].va;
        const uint64_t *end = word + PAGE_SIZE / sizeof(*word);
        uint64_t value = first_word(slot->block + i);

        for (; word < end; word++, value += PATTERN_STEP) {
            if (*word == value)
                continue;
            printf("block %" PRIu64 ", byte %lu: %#" PRIx64 ", not %#" PRIx64 "\n", slot->block + i,
                   (unsigned long)((uintptr_t)word - (uintptr_t)slot->segments[i].va), *word,
                   value);
            return false;
        }
    }
    return true;
}

static void done(struct block_request *request, int error)
{
    struct slot *slot = (struct slot *)request;

    slot->error = error;
    slot->next = NULL;
    *finished_end = slot;
    finished_end = &slot->next;
    wake_all(&queue);
}

static uint64_t choose_block(const struct disk_job *job, unsigned long number)
{
    uint64_t places = job->blocks / job->size;
    uint64_t block;

    if (job->kind == DISK_JOB_WRITE || job->kind == DISK_JOB_READ)
        return number % places * job->size;
    do {
        block = random_number() % places * job->size;
    } while (states[block] & BUSY);
    return block;
}

static enum block_operation choose_operation(const struct disk_job *job, unsigned long number)
{
    switch (job->kind) {
    case DISK_JOB_WRITE:
    case DISK_JOB_RANDOM_WRITE:
        return BLOCK_WRITE;
    case DISK_JOB_MIX:
        if (number % 101 == 100 && job->device->flush)
            return BLOCK_FLUSH;
        return number % 3 == 0 ? BLOCK_WRITE : BLOCK_READ;
    default:
        return BLOCK_READ;
    }
}

static void start_request(const struct disk_job *job, struct slot *slot, unsigned long number)
{
    struct block_request *request = &slot->request;

    request->operation = choose_operation(job, number);
    request->segments = slot->segments;
    request->segment_count = 0;
    request->done = done;
    if (request->operation != BLOCK_FLUSH) {
        slot->block = choose_block(job, number);
        request->segment_count = job->size;
        request->sector = slot->block * BLOCK_SECTORS;
        /* Nobody else may touch a block from now on, and what is written is new. */
        if (job->kind == DISK_JOB_MIX) {
            states[slot->block] |= BUSY;
            if (request->operation == BLOCK_WRITE)
                states[slot->block] = BUSY | ((states[slot->block] + 1u) & GENERATION);
        }
        if (request->operation == BLOCK_WRITE)
            fill(slot, job->size);
    }
    block_submit(job->device, request);
}

static int finish(const struct disk_job *job, const struct slot *slot)
{
    if (slot->request.operation == BLOCK_FLUSH)
        return slot->error;
    if (job->kind == DISK_JOB_MIX)
        states[slot->block] &= GENERATION;
    if (slot->error)
        return slot->error;
    if (slot->request.operation == BLOCK_READ && !matches(slot, job->size))
        return -EILSEQ;
    return 0;
}

/* Takes all that has finished since the last time, waiting for the first. */
static struct slot *take_finished(void)
{
    struct slot *list;
    bool enabled;

    wait_until(&queue, finished != NULL);
    enabled = events_disable();
    list = finished;
    finished = NULL;
    finished_end = &finished;
    events_restore(enabled);
    return list;
}

int disk_job_run(const struct disk_job *job)
{
    unsigned long total = job->count ? job->count : job->blocks / job->size;
    unsigned long warm_up = job->marks ? 4ul * job->depth : 0;
    unsigned long started = 0, under_way = 0, ended = 0;
    int error = 0;

    if (job->kind == DISK_JOB_WRITE)
        memset(states, 0, job->blocks);
    /* At both marks all slots are busy. */
    total += job->marks ? warm_up + job->depth : 0;
    for (; started < job->depth && started < total; started++, under_way++)
        start_request(job, &slots[started], started);
    block_kick(job->device);
    while (under_way > 0) {
        struct slot *slot = take_finished();

        while (slot) {
            struct slot *next = slot->next;
            int result = finish(job, slot);

            if (!error)
                error = result;
            under_way--;
            ended++;
            if (job->marks && ended == warm_up)
                mark_begin();
            if (job->marks && ended == warm_up + job->count)
                mark_end();
            if (!error && started < total) {
                start_request(job, slot, started++);
                under_way++;
            }
            slot = next;
        }
        block_kick(job->device);
    }
    return error;
}
