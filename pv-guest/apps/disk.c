/* SPDX-License-Identifier: MIT */
/*
 * Disk exerciser: writes patterns, reads them back and checks every word, from a domU through the
 * front driver or from dom0 on a virtio disk. Command line:
 *
 *   device=NAME   xvda unless given; vda in dom0
 *   do=WORD       check   write all, verify, mix random reads and writes, odd sizes, discard;
 *                         the default
 *                 write   write all with the pattern of `seed`, flush
 *                 verify  read all, compare with the pattern of `seed`
 *                 load    write all, then mix random reads and writes until the domain ends
 *                 bench   the same requests again and again, between marks for a counter outside
 *   mib=N         how much of the disk is used; 16 unless given
 *   count=N       random requests of `check`, and requests of each kind of `bench`; 4000 unless
 *                 given
 *   seed=N        1 unless given
 *
 * Prints "DISK <device>: ..." lines; those of success end in "ok", those of failure contain "FAIL".
 */
#include <console.h>
#include <drivers/blkfront.h>
#include <drivers/block.h>
#include <drivers/virtio_blk.h>
#include <guest.h>
#include <inttypes.h>
#include <io_page.h>
#include <memory.h>
#include <public/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include "disk_job.h"

static struct block_device *device;
static struct block_claim claim;
static uint64_t blocks; /* of 4 KiB that are used */

static unsigned long number_option(const char *name, unsigned long otherwise)
{
    char text[24];

    return guest_option(name, text, sizeof(text)) ? strtoul(text, NULL, 0) : otherwise;
}

static void fail_disk(const char *what, int error)
{
    printf("DISK %s: FAIL %s: %s\n", device->name, what, strerror(-error));
    guest_shutdown(SHUTDOWN_crash);
}

/* Runs a job to its end. */
static void run_disk(const char *what, struct disk_job job)
{
    int error;

    job.device = device;
    job.blocks = blocks;
    error = disk_job_run(&job);
    if (error)
        fail_disk(what, error);
    printf("DISK %s: %s\n", device->name, what);
}

static void flush(void)
{
    int error = block_flush(device);

    if (error)
        fail_disk("flush", error);
}

static void disk_write_all(uint32_t seed)
{
    disk_job_new_contents(seed);
    run_disk("written", (struct disk_job){.kind = DISK_JOB_WRITE, .size = 32, .depth = 4});
    flush();
}

static void verify_all(void)
{
    run_disk("verified", (struct disk_job){.kind = DISK_JOB_READ, .size = 32, .depth = 4});
}

/* Buffers of all lengths at all offsets, which drivers must copy or divide. */
static void check_odd_sizes(void)
{
    unsigned int unit = device->logical_size;
    char *buffer = malloc(70 * PAGE_SIZE), *aligned;

    if (!buffer)
        fail_disk("no memory", -1);
    aligned = (char *)(((uintptr_t)buffer + unit - 1) & ~(uintptr_t)(unit - 1));
    for (unsigned int i = 0; i < 40; i++) {
        size_t length = (i % 2 ? 1 + i * 13u : 1 + i) * (size_t)unit;
        char *at = aligned + i % 8 * unit % PAGE_SIZE;
        int error;

        if (length > 64 * PAGE_SIZE)
            length = 64 * PAGE_SIZE;
        for (size_t j = 0; j < length; j++)
            at[j] = (char)(i + j + j / 509);
        error = block_write(device, i * 8, at, length);
        memset(at, 0, length);
        if (!error)
            error = block_read(device, i * 8, at, length);
        for (size_t j = 0; j < length && !error; j++)
            if (at[j] != (char)(i + j + j / 509))
                error = -1;
        if (error)
            fail_disk("odd sizes", error);
    }
    free(buffer);
    printf("DISK %s: odd sizes\n", device->name);
}

static void check_disk(unsigned long count)
{
    disk_write_all(1);
    verify_all();
    run_disk("random mix",
             (struct disk_job){.kind = DISK_JOB_MIX, .size = 1, .depth = 16, .count = count});
    flush();
    verify_all();
    check_odd_sizes();
    if (device->discard && block_discard(device, 0, 2048))
        fail_disk("discard", -1);
    disk_write_all(2);
    verify_all();
    printf("DISK %s: check ok\n", device->name);
}

static void bench(unsigned long count)
{
    static const struct {
        const char *name;
        struct disk_job job;
    } rows[] = {
        {"write_128k", {.kind = DISK_JOB_WRITE, .size = 32, .depth = 16}},
        {"read_128k", {.kind = DISK_JOB_READ, .size = 32, .depth = 16}},
        {"write_128k_alone", {.kind = DISK_JOB_WRITE, .size = 32, .depth = 1}},
        {"read_128k_alone", {.kind = DISK_JOB_READ, .size = 32, .depth = 1}},
        {"write_4k", {.kind = DISK_JOB_RANDOM_WRITE, .size = 1, .depth = 16}},
        {"read_4k", {.kind = DISK_JOB_RANDOM_READ, .size = 1, .depth = 16}},
    };

    disk_write_all(1);
    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct disk_job job = rows[i].job;

        job.device = device;
        job.blocks = blocks;
        job.count = count / job.size < 16 ? 16 : count / job.size;
        job.marks = true;
        if (disk_job_run(&job))
            fail_disk(rows[i].name, -1);
        printf("BENCH %s %lu\n", rows[i].name, job.count);
    }
    printf("BENCH DONE\n");
}

static void find_device(const char *name)
{
    char why[128] = "";
    unsigned int tries = 0;

    while (!(device = block_find(name))) {
        if (++tries == 300) {
            printf("DISK %s: FAIL there is no such device\n", name);
            guest_shutdown(SHUTDOWN_crash);
        }
        thread_sleep(100000000);
    }
    claim.access = device->read_only ? BLOCK_READER : BLOCK_WRITER;
    if (block_claim(&claim, device, why, sizeof(why))) {
        printf("DISK %s: FAIL %s\n", name, why);
        guest_shutdown(SHUTDOWN_crash);
    }
}

void guest_main(void)
{
    uint64_t size = number_option("mib", 16) * 256;
    unsigned long count = number_option("count", 4000);
    uint32_t seed = (uint32_t)number_option("seed", 1);
    char name[BLOCK_NAME_SIZE], word[16];

    if (guest_is_dom0())
        virtio_blk_init();
    else if (blkfront_init())
        guest_panic("no front driver");
    if (!guest_option("device", name, sizeof(name)))
        strcpy(name, guest_is_dom0() ? "vda" : "xvda");
    if (!guest_option("do", word, sizeof(word)))
        strcpy(word, "check");
    find_device(name);
    blocks = device->sectors / 8 < size ? device->sectors / 8 : size;
    printf("DISK %s: %" PRIu64 " sectors, %s\n", name, device->sectors, word);
    if (disk_job_begin(blocks))
        fail_disk("no memory", -1);
    if (strcmp(word, "write") == 0) {
        disk_write_all(seed);
        printf("DISK %s: write ok\n", name);
    } else if (strcmp(word, "verify") == 0) {
        disk_job_new_contents(seed);
        verify_all();
        printf("DISK %s: verify ok\n", name);
    } else if (strcmp(word, "load") == 0) {
        disk_write_all(seed);
        for (;;)
            run_disk(
                "load goes on",
                (struct disk_job){.kind = DISK_JOB_MIX, .size = 1, .depth = 16, .count = count});
    } else if (strcmp(word, "bench") == 0) {
        bench(count);
    } else {
        check_disk(count);
    }
}
