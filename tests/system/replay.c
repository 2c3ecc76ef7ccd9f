/* SPDX-License-Identifier: MIT */
/*
 * Replays QEMU's write logs. See replay.h.
 *
 * The log's format is that of Linux's dm-log-writes: a super block, then entries, each with a
 * header of one sector of the log and its data behind it, little-endian. QEMU numbers an entry when
 * the request reaches it, so the log is in the order in which requests were made.
 */
#include "replay.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MAGIC   0x6a736677736872ULL
#define LOG_VERSION 1

enum { ENTRY_FLUSH = 1, ENTRY_FUA = 2, ENTRY_DISCARD = 4 };

#define SECTOR 512u
#define AREA   ((uint64_t)DURABLE_WORKERS * DURABLE_BLOCKS * sizeof(struct durable_block))

struct log_super {
    uint64_t magic, version, entries;
    uint32_t sector_size;
};

/* Places and lengths are in the log's sectors. */
struct log_entry {
    uint64_t sector, sectors, flags;
    uint64_t data_length; /* bytes; the log has it for marks only, next_entry() fills it in */
};

/* A log mapped into memory, and the place where its next entry begins. */
struct log {
    const uint8_t *bytes;
    uint64_t size, next, entries;
    uint32_t sector_size;
};

static bool open_log(struct log *log, const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    const struct log_super *super;
    struct stat status;

    if (file < 0) {
        return false;
    }
    if (fstat(file, &status) == 0 && (uint64_t)status.st_size >= SECTOR) {
        log->size = (uint64_t)status.st_size;
        log->bytes = mmap(NULL, log->size, PROT_READ, MAP_PRIVATE, file, 0);
    }
    close(file);
    if (!log->bytes || log->bytes == MAP_FAILED) {
        log->bytes = NULL;
        return false;
    }
    super = (const struct log_super *)log->bytes;
    log->sector_size = super->sector_size;
    log->entries = super->entries;
    log->next = super->sector_size;
    return super->magic == LOG_MAGIC && super->version == LOG_VERSION &&
           super->sector_size >= SECTOR && super->sector_size <= 4096;
}

static void close_log(struct log *log)
{
    if (log->bytes) {
        munmap((void *)log->bytes, log->size);
    }
}

/*
 * The next entry, with its data; false at the log's end. A machine that was killed may leave
 * an entry that was numbered and not written: it is the end too, as nothing behind it was complete.
 */
static bool next_entry(struct log *log, struct log_entry *entry, const uint8_t **data)
{
    static const struct log_entry none;

    if (log->entries == 0 || log->next + log->sector_size > log->size) {
        return false;
    }
    memcpy(entry, log->bytes + log->next, sizeof(*entry));
    if (!memcmp(entry, &none, sizeof(none)) || entry->sectors > log->size / log->sector_size) {
        return false;
    }
    *data = log->bytes + log->next + log->sector_size;
    entry->data_length = entry->flags & ENTRY_DISCARD ? 0 : entry->sectors * log->sector_size;
    if (entry->data_length > log->size - log->next - log->sector_size) {
        return false;
    }
    log->next += log->sector_size + entry->data_length;
    log->entries--;
    return true;
}

/* ---- the check ---- */

struct replay {
    uint8_t *cached;  /* the workload's area with every write so far */
    uint8_t *durable; /* as it was at the last flush */
    uint64_t start;   /* of the area on the disk, in bytes */
    uint32_t expected[DURABLE_WORKERS][DURABLE_BLOCKS]; /* the last safe round of each block */
    struct replay_result *result;
};

static bool wrong(struct replay *replay, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool wrong(struct replay *replay, const char *format, ...)
{
    struct replay_result *result = replay->result;
    va_list arguments;
    int length = snprintf(result->error, sizeof(result->error),
                          "entry %llu: ", (unsigned long long)result->entries);

    va_start(arguments, format);
    vsnprintf(result->error + length, sizeof(result->error) - (size_t)length, format, arguments);
    va_end(arguments);
    return false;
}

/* Is the last round of BLOCK that was called safe in the durable part? */
static bool is_safe(struct replay *replay, uint32_t worker, uint32_t block)
{
    const struct durable_sector *sector = (const struct durable_sector *)replay->durable +
                                          ((uint64_t)worker * DURABLE_BLOCKS + block) *
                                              DURABLE_SECTORS;

    for (uint32_t s = 0; s < DURABLE_SECTORS; s++, sector++) {
        int64_t round = durable_round(sector, worker, block, s);

        if (round < (int64_t)replay->expected[worker][block]) {
            return wrong(replay,
                         "worker %u was told that its round %u is on the disk, but block %u, "
                         "sector %u holds round %lld",
                         worker, replay->expected[worker][block], block, s, (long long)round);
        }
    }
    return true;
}

/* The workload knows that all rounds of WORKER up to ROUND are safe. */
static bool acknowledge(struct replay *replay, uint32_t worker, uint32_t round)
{
    uint32_t *acknowledged = &replay->result->acknowledged[worker];

    while (*acknowledged < round) {
        uint32_t blocks[DURABLE_MOST];
        unsigned int count = durable_choose(worker, ++*acknowledged, blocks);

        for (unsigned int i = 0; i < count; i++) {
            replay->expected[worker][blocks[i]] = *acknowledged;
            if (!is_safe(replay, worker, blocks[i])) {
                return false;
            }
        }
        replay->result->rounds++;
    }
    return true;
}

static bool flushed(struct replay *replay)
{
    memcpy(replay->durable, replay->cached, AREA);
    for (uint32_t worker = 0; worker < DURABLE_WORKERS; worker++) {
        for (uint32_t block = 0; block < DURABLE_BLOCKS; block++) {
            if (!is_safe(replay, worker, block)) {
                return false;
            }
        }
    }
    return true;
}

/* One sector of the area was written, to OFFSET in it. */
static bool sector_written(struct replay *replay, uint64_t offset, const uint8_t *data,
                           bool durable)
{
    uint32_t number = (uint32_t)(offset / SECTOR % DURABLE_SECTORS);
    uint32_t block = (uint32_t)(offset / sizeof(struct durable_block) % DURABLE_BLOCKS);
    uint32_t worker = (uint32_t)(offset / sizeof(struct durable_block) / DURABLE_BLOCKS);
    struct durable_sector sector;
    int64_t round;

    memcpy(&sector, data, sizeof(sector));
    round = durable_round(&sector, worker, block, number);
    if (round <= 0) {
        return wrong(replay, "worker %u's block %u, sector %u is overwritten with what is not its",
                     worker, block, number);
    }
    if (!acknowledge(replay, worker, (uint32_t)round - 1)) {
        return false;
    }
    memcpy(replay->cached + offset, data, SECTOR);
    if (durable) {
        memcpy(replay->durable + offset, data, SECTOR);
    }
    return true;
}

static bool written(struct replay *replay, const struct log_entry *entry, uint32_t sector_size,
                    const uint8_t *data)
{
    uint64_t offset = entry->sector * sector_size;

    for (uint64_t done = 0; done < entry->data_length; done += SECTOR) {
        uint64_t place = offset + done - replay->start;

        if (offset + done >= replay->start && place < AREA &&
            !sector_written(replay, place, data + done, entry->flags & ENTRY_FUA)) {
            return false;
        }
    }
    return true;
}

static bool replay_entries(struct replay *replay, struct log *log,
                           const uint32_t seen[DURABLE_WORKERS])
{
    struct log_entry entry;
    const uint8_t *data;

    while (next_entry(log, &entry, &data)) {
        replay->result->entries++;
        /* An entry with both is a flush, then a write. */
        if (entry.flags & ENTRY_FLUSH) {
            replay->result->flushes++;
            if (!flushed(replay)) {
                return false;
            }
        }
        if (entry.flags & ENTRY_DISCARD) {
            return wrong(replay, "the workload discards nothing");
        }
        if (entry.data_length) {
            replay->result->writes++;
            if (!written(replay, &entry, log->sector_size, data)) {
                return false;
            }
        }
    }
    for (uint32_t worker = 0; worker < DURABLE_WORKERS; worker++) {
        if (!acknowledge(replay, worker, seen[worker])) {
            return false;
        }
    }
    return true;
}

bool replay_check(const char *log_path, uint64_t start, const uint32_t seen[DURABLE_WORKERS],
                  struct replay_result *result)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    struct log log = {0};
    bool ok = false;

    memset(result, 0, sizeof(*result));
    if (!replay) {
        return false;
    }
    replay->start = start;
    replay->result = result;
    replay->cached = calloc(1, AREA);
    replay->durable = calloc(1, AREA);
    if (!replay->cached || !replay->durable || !open_log(&log, log_path)) {
        wrong(replay, "%s is not a log of writes", log_path);
    } else {
        ok = replay_entries(replay, &log, seen);
    }
    close_log(&log);
    free(replay->durable);
    free(replay->cached);
    free(replay);
    return ok;
}

/* ---- a disk as a loss of power would have left it ---- */

int64_t replay_disk(const char *log_path, uint64_t flushes, const char *disk_path, char *error,
                    size_t error_size)
{
    int disk = open(disk_path, O_WRONLY | O_CLOEXEC);
    struct log log = {0};
    struct log_entry entry;
    const uint8_t *data;
    int64_t found = 0;

    if (disk < 0 || !open_log(&log, log_path)) {
        snprintf(error, error_size, "%s or %s cannot be opened", log_path, disk_path);
        found = -1;
    }
    while (found >= 0 && next_entry(&log, &entry, &data)) {
        if (entry.flags & ENTRY_FLUSH) {
            found++;
        }
        if ((uint64_t)found < flushes && entry.data_length &&
            pwrite(disk, data, entry.data_length, (off_t)(entry.sector * log.sector_size)) !=
                (ssize_t)entry.data_length) {
            snprintf(error, error_size, "%s cannot be written", disk_path);
            found = -1;
        }
    }
    close_log(&log);
    if (disk >= 0) {
        close(disk);
    }
    return found;
}
