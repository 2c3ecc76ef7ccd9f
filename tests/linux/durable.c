/* SPDX-License-Identifier: MIT */
/*
 * A workload that says what is safe: the first program of a ramdisk, or started from a shell, as
 *
 *     durable DEVICE ROUNDS
 *
 * Several workers at once write rounds of blocks to areas of their own (durable.h), each in its own
 * way: directly, through the page cache, by writes that are synchronous themselves. When the
 * kernel has said that a round is on the disk, and not before, one line is printed:
 *
 *     ACK <worker> <round>
 *
 * and only then does the worker's next round begin. In between it reads blocks back. It ends with
 * "DURABLE DONE <errors> errors"; as first process it then waits for a key and powers off.
 */
#include "durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK_BYTES sizeof(struct durable_block)

static const char *device;
static uint32_t rounds;
static atomic_uint errors;

/* A line is one write, since all workers print. */
static void say(const char *format, ...)
{
    char line[200];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    (void)!write(STDOUT_FILENO, line, (size_t)length);
}

static void complain(const char *what, uint32_t worker, uint32_t round)
{
    say("DURABLE FAIL %s: worker %u, round %u, errno %d", what, worker, round, errno);
    errors++;
}

/* One write for blocks that follow one another. */
static bool write_round(int file, struct durable_block *buffer, uint32_t worker, uint32_t round)
{
    uint32_t blocks[DURABLE_MOST];
    unsigned int count = durable_choose(worker, round, blocks);

    for (unsigned int i = 0, run; i < count; i += run) {
        for (run = 0; i + run < count && blocks[i + run] == blocks[i] + run; run++) {
            for (uint32_t s = 0; s < DURABLE_SECTORS; s++) {
                durable_fill(&buffer[run].sectors[s], worker, round, blocks[i + run], s);
            }
        }
        if (pwrite(file, buffer, run * BLOCK_BYTES,
                   (off_t)((worker * DURABLE_BLOCKS + blocks[i]) * BLOCK_BYTES)) !=
            (ssize_t)(run * BLOCK_BYTES)) {
            return false;
        }
    }
    return true;
}

/* The blocks of an earlier round hold that round or a later one. */
static bool read_back(int file, struct durable_block *buffer, uint32_t worker, uint32_t round)
{
    uint32_t blocks[DURABLE_MOST];
    unsigned int count = durable_choose(worker, round, blocks);

    for (unsigned int i = 0; i < count; i++) {
        if (pread(file, buffer, BLOCK_BYTES,
                  (off_t)((worker * DURABLE_BLOCKS + blocks[i]) * BLOCK_BYTES)) !=
            (ssize_t)BLOCK_BYTES) {
            return false;
        }
        for (uint32_t s = 0; s < DURABLE_SECTORS; s++) {
            if (durable_round(&buffer->sectors[s], worker, blocks[i], s) < (int64_t)round) {
                errno = 0;
                return false;
            }
        }
    }
    return true;
}

static void *work(void *argument)
{
    static const int flags[DURABLE_WORKERS] = {O_DIRECT, O_DIRECT, 0, O_DIRECT | O_DSYNC};
    uint32_t worker = (uint32_t)(uintptr_t)argument;
    int file = open(device, O_RDWR | O_CLOEXEC | flags[worker]);
    struct durable_block *buffer = aligned_alloc(4096, DURABLE_MOST * BLOCK_BYTES);

    if (file < 0 || !buffer) {
        complain("open", worker, 0);
        return NULL;
    }
    for (uint32_t round = 1; round <= rounds; round++) {
        if (!write_round(file, buffer, worker, round)) {
            complain("write", worker, round);
            break;
        }
        if (!(flags[worker] & O_DSYNC) && fdatasync(file) != 0) {
            complain("flush", worker, round);
            break;
        }
        say("ACK %u %u", worker, round);
        if (!read_back(file, buffer, worker, round / 2 + 1)) {
            complain("read", worker, round / 2 + 1);
            break;
        }
    }
    free(buffer);
    close(file);
    return NULL;
}

/* ---- as first process ---- */

static int load(const struct dirent *entry)
{
    char path[300];
    int file;

    snprintf(path, sizeof(path), "/lib/modules/%s", entry->d_name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (entry->d_name[0] != '.' && file >= 0 && syscall(SYS_finit_module, file, "", 0) < 0) {
        say("%s: errno %d", entry->d_name, errno);
    }
    close(file);
    return 0;
}

static void set_up_machine(void)
{
    struct dirent **entries;
    int count;

    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    count = scandir("/lib/modules", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        load(entries[i]);
    }
    for (int tenths = 0; access(device, R_OK) != 0 && tenths < 600; tenths++) {
        usleep(100000);
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[DURABLE_WORKERS];
    bool first = getpid() == 1;

    device = argc > 1 ? argv[1] : "/dev/xvda";
    rounds = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10;
    if (first) {
        set_up_machine();
    }
    for (uintptr_t i = 0; i < DURABLE_WORKERS; i++) {
        pthread_create(&threads[i], NULL, work, (void *)i);
    }
    for (unsigned int i = 0; i < DURABLE_WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    say("DURABLE DONE %u errors", errors);
    if (first) {
        char key;

        (void)!read(STDIN_FILENO, &key, 1);
        reboot(RB_POWER_OFF);
    }
    return errors != 0;
}
