/* SPDX-License-Identifier: MIT */
/*
 * The data that the workload of tests/linux/durable.c writes, shared with the program that checks
 * the disk afterwards (tests/system/replay.c): which blocks of its area a worker writes in which
 * round, and every byte of them. Nothing here keeps state.
 */
#ifndef TESTS_LINUX_DURABLE_H
#define TESTS_LINUX_DURABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define DURABLE_MAGIC   0x656c626172756462ULL
#define DURABLE_WORKERS 4u
#define DURABLE_BLOCKS  128u /* of each worker's area; area follows area from the disk's start */
#define DURABLE_MOST    32u  /* blocks in a round */
#define DURABLE_SECTORS 8u   /* of a block */

/* Each sector names itself, since no more than a sector is written as a whole. */
struct durable_sector {
    uint64_t magic;
    uint32_t worker, round, block, sector;
    uint64_t words[61];
};

struct durable_block {
    struct durable_sector sectors[DURABLE_SECTORS];
};

static inline uint64_t durable_next(uint64_t *state)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return *state >> 17;
}

/* The blocks that WORKER writes in ROUND, each once, in order; returns how many. */
static inline unsigned int durable_choose(uint32_t worker, uint32_t round,
                                          uint32_t blocks[DURABLE_MOST])
{
    uint64_t state = ((uint64_t)worker << 32 | round) + 1;
    uint32_t first = (uint32_t)(durable_next(&state) % DURABLE_BLOCKS);
    bool one_run = durable_next(&state) % 3 == 0;
    uint32_t step = one_run ? 1 : (uint32_t)(durable_next(&state) % DURABLE_BLOCKS) | 1u;
    unsigned int count = 1 + (unsigned int)(durable_next(&state) % (one_run ? DURABLE_MOST : 8));

    for (unsigned int i = 0; i < count; i++) {
        blocks[i] = (first + i * step) % DURABLE_BLOCKS;
    }
    return count;
}

static inline void durable_fill(struct durable_sector *sector, uint32_t worker, uint32_t round,
                                uint32_t block, uint32_t number)
{
    uint64_t state = ((uint64_t)worker << 56) ^ ((uint64_t)round << 24) ^ (block << 4) ^ number;

    *sector = (struct durable_sector){DURABLE_MAGIC, worker, round, block, number, {0}};
    for (unsigned int i = 0; i < 61; i++) {
        sector->words[i] = durable_next(&state);
    }
}

/*
 * What the place of a sector holds: the round that wrote it, 0 when it is still empty, or -1 when
 * it holds anything else than what some round writes there.
 */
static inline int64_t durable_round(const struct durable_sector *sector, uint32_t worker,
                                    uint32_t block, uint32_t number)
{
    static const struct durable_sector empty;
    struct durable_sector expected;

    if (!memcmp(sector, &empty, sizeof(empty))) {
        return 0;
    }
    durable_fill(&expected, worker, sector->round, block, number);
    return memcmp(sector, &expected, sizeof(expected)) ? -1 : (int64_t)sector->round;
}

#endif
