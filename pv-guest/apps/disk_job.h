/* SPDX-License-Identifier: MIT */
/*
 * Jobs of the disk exerciser: many requests of one kind, a number of them under way at a time, with
 * every word that is written or read being known.
 */
#ifndef DISK_JOB_H
#define DISK_JOB_H

#include <drivers/block.h>
#include <stdbool.h>
#include <stdint.h>

#define DISK_JOB_DEPTH 16u
#define DISK_JOB_PAGES 32u /* of the largest request */

enum disk_job_kind {
    DISK_JOB_WRITE, /* from the first block to the last, then from the first again */
    DISK_JOB_READ,
    DISK_JOB_RANDOM_WRITE,
    DISK_JOB_RANDOM_READ,
    DISK_JOB_MIX, /* two reads, one write, and a flush now and then */
};

struct disk_job {
    struct block_device *device;
    uint64_t blocks; /* of 4 KiB that may be used, from the first */
    enum disk_job_kind kind;
    unsigned int size;   /* of a request, in blocks */
    unsigned int depth;  /* requests under way */
    unsigned long count; /* requests; 0: once over all blocks */
    bool marks; /* tell a counter outside when `count` begins, after a few more, and when it ends */
};

/* Gets ready for @blocks blocks. @return 0 or -ENOMEM. */
int disk_job_begin(uint64_t blocks);

/* All blocks shall have the contents of @seed; until they are written, only by the next job. */
void disk_job_new_contents(uint32_t seed);

/*
 * Runs a job. @return 0, a request's error, or -EILSEQ when other data was read than was written.
 */
int disk_job_run(const struct disk_job *job);

#endif
