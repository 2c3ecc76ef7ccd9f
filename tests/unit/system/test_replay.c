/* SPDX-License-Identifier: MIT */
/*
 * The judge of recorded disks (tests/system/replay.c) must acquit a disk that kept its promises and
 * convict each kind that did not. The logs are made here, as QEMU would write them.
 */
/* SOURCES: tests/system/replay.c */
#include "../../system/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define START 4096u /* of the workload's disk on the recorded one */

static char path[] = "/tmp/bulkhead-replay.XXXXXX";
static FILE *file;
static uint64_t entries;
static struct replay_result result;

static int begin_log(void **state)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    file = fdopen(mkstemp(path), "w+");
    assert_non_null(file);
    entries = 0;
    fseek(file, 512, SEEK_SET);
    return 0;
}

static int remove_log(void **state)
{
    unlink(path);
    return 0;
}

static void add_entry(uint64_t sector, uint64_t sectors, uint64_t flags, const void *data)
{
    uint64_t header[64] = {sector, sectors, flags};

    assert_int_equal(fwrite(header, sizeof(header), 1, file), 1);
    if (data) {
        assert_int_equal(fwrite(data, 512, sectors, file), sectors);
    }
    entries++;
}

static void add_flush(void)
{
    add_entry(0, 0, 1, NULL);
}

/* The first COUNT blocks of a worker's round, or all of them. */
static void add_round(uint32_t worker, uint32_t round, unsigned int count, uint64_t flags)
{
    uint32_t blocks[DURABLE_MOST];
    unsigned int all = durable_choose(worker, round, blocks);

    for (unsigned int i = 0; i < all && i < count; i++) {
        struct durable_block block;

        for (uint32_t s = 0; s < DURABLE_SECTORS; s++) {
            durable_fill(&block.sectors[s], worker, round, blocks[i], s);
        }
        add_entry(START / 512 + (worker * DURABLE_BLOCKS + blocks[i]) * DURABLE_SECTORS,
                  DURABLE_SECTORS, flags, &block);
    }
}

static bool judge(uint32_t seen_of_worker_0)
{
    const uint32_t seen[DURABLE_WORKERS] = {seen_of_worker_0};
    uint64_t super[64] = {0x6a736677736872ULL, 1, entries, 512};

    fseek(file, 0, SEEK_SET);
    assert_int_equal(fwrite(super, sizeof(super), 1, file), 1);
    assert_int_equal(fclose(file), 0);
    return replay_check(path, START, seen, &result);
}

static void a_disk_that_keeps_its_promises(void **state)
{
    for (uint32_t round = 1; round <= 20; round++) {
        add_round(0, round, DURABLE_MOST, 0);
        add_round(1, round, DURABLE_MOST, 0);
        add_flush();
    }
    assert_true(judge(20));
    assert_int_equal(result.flushes, 20);
    assert_int_equal(result.acknowledged[0], 20);
    assert_int_equal(result.acknowledged[1], 19); /* its last round was not acknowledged */
}

static void writes_that_are_durable_by_themselves(void **state)
{
    for (uint32_t round = 1; round <= 5; round++) {
        add_round(3, round, DURABLE_MOST, 2);
    }
    assert_true(judge(0));
    assert_int_equal(result.acknowledged[3], 4);
}

static void a_flush_that_was_never_made(void **state)
{
    add_round(0, 1, DURABLE_MOST, 0);
    add_round(0, 2, DURABLE_MOST, 0);
    add_flush();
    assert_false(judge(0));
    assert_non_null(strstr(result.error, "was told that its round 1 is on the disk"));
}

static void a_last_flush_that_was_never_made(void **state)
{
    add_round(0, 1, DURABLE_MOST, 0);
    assert_false(judge(1));
}

static void a_write_that_was_lost(void **state)
{
    uint32_t blocks[DURABLE_MOST];
    uint32_t round = 1;

    while (durable_choose(0, round, blocks) < 2) {
        round++;
    }
    for (uint32_t i = 1; i < round; i++) {
        add_round(0, i, DURABLE_MOST, 0);
        add_flush();
    }
    add_round(0, round, 1, 0);
    add_flush();
    assert_false(judge(round));
}

static void an_old_round_that_comes_late(void **state)
{
    add_round(0, 1, DURABLE_MOST, 0);
    add_flush();
    for (uint32_t round = 2; round <= 200; round++) {
        add_round(0, round, DURABLE_MOST, 0);
        add_flush();
    }
    add_round(0, 1, DURABLE_MOST, 0);
    add_flush();
    assert_false(judge(200));
}

static void data_that_nobody_wrote(void **state)
{
    static const uint8_t noise[512] = {1, 2, 3};

    add_entry(START / 512, 1, 0, noise);
    assert_false(judge(0));
    assert_non_null(strstr(result.error, "what is not its"));
}

static void what_lies_outside_is_not_looked_at(void **state)
{
    static const uint8_t noise[512] = {1, 2, 3};

    add_entry(0, 1, 0, noise);
    add_entry(START / 512 + DURABLE_WORKERS * DURABLE_BLOCKS * DURABLE_SECTORS, 1, 0, noise);
    assert_true(judge(0));
}

static void a_log_that_ends_in_an_entry_half_written(void **state)
{
    add_round(0, 1, DURABLE_MOST, 0);
    add_flush();
    add_entry(0, 1000, 0, NULL);
    assert_true(judge(1));
}

static void no_log(void **state)
{
    fclose(file);
    assert_false(replay_check(path, 0, (const uint32_t[DURABLE_WORKERS]){0}, &result));
    assert_false(replay_check("/nonexistent", 0, (const uint32_t[DURABLE_WORKERS]){0}, &result));
}

static void a_disk_as_a_flush_left_it(void **state)
{
    char disk[] = "/tmp/bulkhead-disk.XXXXXX", error[100];
    struct durable_sector sectors[3] = {{.round = 1}, {.round = 2}, {.round = 3}}, found = {0};
    int descriptor = mkstemp(disk);

    assert_true(descriptor >= 0);
    for (int i = 0; i < 3; i++) {
        add_entry(5, 1, 0, &sectors[i]);
        add_flush();
    }
    assert_true(judge(0));
    assert_int_equal(replay_disk(path, 2, disk, error, sizeof(error)), 3);
    assert_int_equal(pread(descriptor, &found, 512, 5 * 512), 512);
    assert_int_equal(found.round, 2);
    close(descriptor);
    unlink(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_disk_that_keeps_its_promises, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(writes_that_are_durable_by_themselves, begin_log,
                                        remove_log),
        cmocka_unit_test_setup_teardown(a_flush_that_was_never_made, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(a_last_flush_that_was_never_made, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(a_write_that_was_lost, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(an_old_round_that_comes_late, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(data_that_nobody_wrote, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(what_lies_outside_is_not_looked_at, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(a_log_that_ends_in_an_entry_half_written, begin_log,
                                        remove_log),
        cmocka_unit_test_setup_teardown(no_log, begin_log, remove_log),
        cmocka_unit_test_setup_teardown(a_disk_as_a_flush_left_it, begin_log, remove_log),
    };

    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
