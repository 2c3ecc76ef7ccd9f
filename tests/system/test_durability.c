/* SPDX-License-Identifier: MIT */
/*
 * A write that was reported flushed is on the disk. Debian's kernel, as a domU with dom0's real
 * disk behind the block drivers, runs a workload that reports which data the kernel called safe
 * (tests/linux/durable.c), while QEMU's blklogwrites records what reaches the disk and when it is
 * flushed. The record is then replayed to every flush (replay.h). Once to the end, once with the
 * power cut in the middle, and once with a front that knows of no flush, only of barriers, which
 * carry data. With the argument "long" there are more rounds.
 */
#include "bulkhead.h"
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_MIB  16
#define BACK      "/local/domain/0/backend/vbd/1/51712/" /* of the only domain's only disk */
#define PARTITION (1u << 20) /* where the recorded disk's only partition begins */

static uint32_t rounds = 40;

/* Boots the built-in dom0 with a fresh recorded disk, vda with a partition vda1. */
static struct machine *boot(const char *name, const char *target)
{
    const char *folder = build_path("logs/%s.guests", name);
    const char *ramdisk = build_path("logs/%s.cpio", name);
    const char *disk = build_path("logs/%s.img", name);
    const char *log = build_path("logs/%s.writes", name);
    char record[1024];
    const char *const extra[] = {"-blockdev", record, "-device",
                                 "virtio-blk-pci,drive=recorded,disable-legacy=on", NULL};

    run_command("rm -f %s %s && truncate -s %uM %s && truncate -s 0 %s && "
                "echo start=%u | sfdisk -q --label gpt %s >%s.sfdisk",
                disk, log, DISK_MIB, disk, log, PARTITION / 512, disk, disk);
    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && "
                "printf '%%s\\n' 'kernel = \"/guests/vmlinuz\"' 'memory = 160' "
                "'name = \"durable\"' 'ramdisk = \"/guests/durable.cpio\"' "
                "'extra = \"console=hvc0 quiet -- /dev/xvda %u\"' "
                "'disk = [ \"%s,raw,xvda,w\" ]' >%s/durable.cfg && mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("guests/vmlinuz"),
                build_path("tests/linux/durable.cpio"), folder, rounds, target, folder, ramdisk,
                folder);
    snprintf(record, sizeof(record),
             "driver=blklogwrites,node-name=recorded,log-sector-size=512,file.driver=file,"
             "file.filename=%s,log.driver=file,log.filename=%s",
             disk, log);
    return start_dom0(&(struct machine_options){.name = name, .memory_mib = 1024, .extra = extra},
                      ramdisk);
}

/* Reads acknowledgements into SEEN until COUNT have come, or the workload has ended. */
static bool read_acknowledgements(struct machine *machine, unsigned int count,
                                  uint32_t seen[DURABLE_WORKERS])
{
    for (unsigned int i = 0; i < count; i++) {
        unsigned long worker, round;
        char *end;

        switch (machine_expect_any(machine, "ACK ", "DURABLE FAIL ", "DURABLE DONE ")) {
        case 1:
            machine_expect(machine, "\n");
            machine_fail(machine, "%s", machine_between(machine));
        case 2:
            return false;
        }
        machine_expect(machine, "\n");
        worker = strtoul(machine_between(machine), &end, 10);
        round = strtoul(end, NULL, 10);
        assert_true(worker < DURABLE_WORKERS);
        assert_int_equal(round, seen[worker] + 1);
        seen[worker] = (uint32_t)round;
    }
    return true;
}

static void check_record(const char *name, uint64_t start, const uint32_t seen[DURABLE_WORKERS])
{
    struct replay_result result;

    if (!replay_check(build_path("logs/%s.writes", name), start, seen, &result)) {
        fail_msg("%s", result.error);
    }
    print_message("%s: %llu writes, %llu flushes, %llu rounds acknowledged and found\n", name,
                  (unsigned long long)result.writes, (unsigned long long)result.flushes,
                  (unsigned long long)result.rounds);
    assert_true(result.flushes > 0);
}

/* From the first acknowledgement to the end of the machine and of its record. */
static void run_to_the_end(struct machine *machine, const char *name)
{
    uint32_t seen[DURABLE_WORKERS] = {0};

    read_acknowledgements(machine, DURABLE_WORKERS * rounds, seen);
    machine_expect(machine, "DURABLE DONE 0 errors");
    /* As Linux says it when it gives flushes or barriers up. */
    assert_null(strstr(machine_text(machine), "op failed"));
    machine_type(machine, "%s", ""); /* it powers off */
    expect_prompt(machine);
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
    for (unsigned int i = 0; i < DURABLE_WORKERS; i++) {
        assert_int_equal(seen[i], rounds);
    }
    check_record(name, PARTITION, seen);
}

static void all_that_was_flushed_is_on_the_disk(void **state)
{
    struct machine *machine = boot("durability", "/dev/vda1");

    machine_type(machine, "create -c /guests/durable.cfg");
    run_to_the_end(machine, "durability");
}

/*
 * Linux takes barriers where it finds no feature-flush-cache: it may not read that node here. Nor
 * that of indirect segments, which Linux cannot have in a barrier: it would die of an assertion of
 * its own.
 */
static void all_before_a_barrier_is_on_the_disk(void **state)
{
    struct machine *machine = boot("barriers", "/dev/vda1");

    bh(machine, "create -p /guests/durable.cfg extra='console=hvc0 -- /dev/xvda %u'", rounds);
    bh(machine, "store-chmod " BACK "feature-flush-cache n0");
    bh(machine, "store-chmod " BACK "feature-max-indirect-segments n0");
    machine_type(machine, "unpause durable");
    machine_type(machine, "console durable");
    machine_expect(machine, "xvda: barrier: enabled");
    run_to_the_end(machine, "barriers");
}

/*
 * The disk sees no orderly end. Of the record's last entries some may be numbered and not written
 * yet, so what is asked of it are the acknowledgements that came a while before the cut.
 */
static void nothing_is_lost_when_the_power_is_cut(void **state)
{
    struct machine *machine = boot("power-cut", "/dev/vda");
    uint32_t seen[DURABLE_WORKERS] = {0}, later[DURABLE_WORKERS];

    machine_type(machine, "create -c /guests/durable.cfg");
    assert_true(read_acknowledgements(machine, DURABLE_WORKERS * rounds / 3, seen));
    memcpy(later, seen, sizeof(later));
    assert_true(read_acknowledgements(machine, DURABLE_WORKERS * rounds / 3, later));
    machines_stop(NULL);
    check_record("power-cut", 0, seen);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_that_was_flushed_is_on_the_disk, machines_stop),
        cmocka_unit_test_teardown(nothing_is_lost_when_the_power_is_cut, machines_stop),
        cmocka_unit_test_teardown(all_before_a_barrier_is_on_the_disk, machines_stop),
    };

    if (argc > 1 && !strcmp(argv[1], "long")) {
        rounds = 1000;
    }
    return cmocka_run_group_tests_name("durability", tests, NULL, NULL);
}
