/* SPDX-License-Identifier: MIT */
/*
 * Judges a disk that was recorded by QEMU's blklogwrites driver while tests/linux/durable.c wrote
 * to it: is everything that was reported as flushed really on the disk?
 */
#ifndef TESTS_SYSTEM_REPLAY_H
#define TESTS_SYSTEM_REPLAY_H

#include "../linux/durable.h"

#include <stdbool.h>
#include <stdint.h>

struct replay_result {
    uint64_t entries, writes, flushes;
    uint64_t rounds;                        /* rounds of all workers that were found complete */
    uint32_t acknowledged[DURABLE_WORKERS]; /* the last such round of each worker */
    char error[200];                        /* why replay_check() returned false */
};

/*
 * Replays the log LOG_PATH entry by entry, keeping apart what a flush has made durable and what may
 * still be lost. At every point it knows rounds that the workload had been told were safe: a worker
 * begins a round only when the one before was acknowledged, so a write of round n says that round n
 * - 1 was. All of these have to be in the durable part at that point, and at every later flush. At
 * the end the rounds in SEEN, of which the workload's output told, have to be there as well.
 *
 * The workload's disk began at byte START of the recorded one. Returns false with an error if
 * something is missing, or foreign to the workload, or if the log cannot be read.
 */
bool replay_check(const char *log_path, uint64_t start, const uint32_t seen[DURABLE_WORKERS],
                  struct replay_result *result);

/*
 * Writes the disk as its first FLUSHES flushes had left it to DISK_PATH, over a file that holds
 * what the disk held before. Returns the number of flushes in the log, or -1 with ERROR set.
 */
int64_t replay_disk(const char *log_path, uint64_t flushes, const char *disk_path, char *error,
                    size_t error_size);

#endif
