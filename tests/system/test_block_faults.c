/* SPDX-License-Identifier: MIT */
/*
 * Split block devices when things go wrong: front ends that break the protocol, a back end that
 * goes away and comes back, a domain that is destroyed in the middle of its I/O. All the while the
 * disk exerciser works on another disk and checks every word; and afterwards all that the
 * hypervisor counts is as before.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTILE_DISKS 25 /* as many as tests/guest/hostile-blkfront.c has ways */
#define ANSWERED      7  /* how many of these are merely answered */
#define READ_DISK     21 /* the one that stands on a disk which others may write */
#define CYCLED_DISK   22 /* the one whose front comes and goes */
#define SECTORS_DISK  23 /* the one whose sectors are of 4096 bytes */
#define KEPT_SIZE     4194304

static FILE *create_file(const char *folder, const char *name)
{
    char path[4200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    return file;
}

/* A ramdisk with the exerciser, the hostile guest and their configurations. */
static const char *make_guests(void)
{
    const char *folder = build_path("logs/block-faults.guests");
    const char *ramdisk = build_path("logs/block-faults.cpio");
    FILE *file;

    run_command("rm -rf %s && mkdir -p %s && truncate -s 64K %s/small.img", folder, folder, folder);
    run_command("cp -L %s %s && strip -g -o %s/hostile %s", build_path("guests/disk"), folder,
                folder, build_path("pv-guest/hostile-blkfront"));
    file = create_file(folder, "victim.cfg");
    fprintf(file, "name = 'victim'\nkernel = '/guests/disk'\nmemory = 24\n"
                  "extra = 'do=load mib=8 count=2000'\ndisk = [ '/dev/vda,raw,xvda,w' ]\n");
    fclose(file);
    file = create_file(folder, "hostile.cfg");
    fprintf(file, "name = 'hostile'\nkernel = '/guests/hostile'\nmemory = 24\ndisk = [\n");
    for (int i = 0; i < HOSTILE_DISKS; i++) {
        fprintf(file, "  '%s,raw,xvd%c,r',\n",
                i == READ_DISK      ? "/dev/vdb"
                : i == SECTORS_DISK ? "/dev/vdc"
                                    : "/guests/small.img",
                'a' + i);
    }
    fprintf(file, "]\n");
    fclose(file);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

/* A disk that can be written, of which a domain gets the right to read. */
static const char *kept_image(const char *name)
{
    return build_path("logs/%s-kept.img", name);
}

static void expect_unchanged(const char *name)
{
    run_command("head -c %d /dev/zero | tr '\\0' B | cmp - %s", KEPT_SIZE, kept_image(name));
}

static struct machine *start(const char *name)
{
    const char *image = build_path("logs/%s.img", name), *kept = kept_image(name);
    char drive[4200], kept_drive[4200];
    const char *const extra[] = {
        "-drive",
        drive,
        "-device",
        "virtio-blk-pci,drive=disk,disable-legacy=on",
        "-drive",
        kept_drive,
        "-device",
        "virtio-blk-pci,drive=kept,disable-legacy=on",
        "-drive",
        "driver=null-co,size=1048576,read-zeroes=on,if=none,id=sectors",
        "-device",
        "virtio-blk-pci,drive=sectors,disable-legacy=on,logical_block_size=4096,physical_block_size=4096",
        NULL};
    struct machine *machine;

    run_command("rm -f %s && truncate -s 64M %s", image, image);
    run_command("head -c %d /dev/zero | tr '\\0' B >%s", KEPT_SIZE, kept);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw,cache=unsafe", image);
    snprintf(kept_drive, sizeof(kept_drive),
             "file=%s,if=none,id=kept,format=raw,cache=unsafe,discard=unmap", kept);
    machine = machine_start(&(struct machine_options){
        .name = name, .iso = make_dom0_iso(name, make_guests()), .extra = extra});
    expect_prompt(machine);
    return machine;
}

/* The exerciser did another round of requests after this was called. */
static void expect_progress(struct machine *machine)
{
    machine_type(machine, "console victim");
    machine_expect(machine, "load goes on");
    machine_expect(machine, "load goes on");
    leave_console(machine);
}

static unsigned int count_text(const char *text, const char *what)
{
    unsigned int count = 0;

    while ((text = strstr(text, what))) {
        text += strlen(what);
        count++;
    }
    return count;
}

/* The number that the store has for a domain's disk: 0 is xvda. */
static int disk_id(int disk)
{
    return disk < 16 ? 51712 + disk * 16 : 1 << 28 | disk << 8;
}

/* One hostile domain: each of its disks is closed for its own reason, the honest one is served. */
static void run_hostile(struct machine *machine)
{
    char device[32];
    const char *text, *said;

    machine_type(machine, "create -c /guests/hostile.cfg");
    machine_expect(machine, "HOSTILE DONE");
    text = machine_between(machine);
    /* Dom0's console has other things to say. */
    snprintf(device, sizeof(device), "/%d: ", disk_id(CYCLED_DISK));
    assert_int_equal(count_text(text, device), 1);
    /* One line each, which says why. */
    for (int i = 0; i < HOSTILE_DISKS - ANSWERED; i++) {
        const char *line;

        snprintf(device, sizeof(device), "/%d: ", disk_id(i));
        line = strstr(text, device);
        /* The first line may be that of the connection. */
        if (line && strncmp(line + strlen(device), "/guests/", 8) == 0) {
            line = strstr(line + 1, device);
        }
        if (!line) {
            machine_fail(machine, "no reason for disk %d", i);
        }
    }
    leave_console(machine);
    /* In the log the domain's lines are whole. */
    said = bh(machine, "console --log hostile");
    assert_null(strstr(said, "nothing happens"));
    assert_int_equal(count_text(said, ": closed\n"), HOSTILE_DISKS - ANSWERED);
    assert_int_equal(count_text(said, ": answered "), ANSWERED);
    assert_non_null(strstr(said, "HOSTILE honest front: answered 0"));
    assert_non_null(strstr(said, "HOSTILE answers never consumed: answered 0"));
    assert_non_null(strstr(said, "HOSTILE changed requests: answered 0"));
    assert_non_null(strstr(said, "HOSTILE unknown operation: answered -2"));
    assert_non_null(strstr(said, "HOSTILE changes of what it may read: answered 0"));
    assert_non_null(strstr(said, "HOSTILE front that comes and goes: answered 0"));
    assert_non_null(strstr(said, "HOSTILE less than a sector: answered 0"));
    bh(machine, "destroy hostile");
}

static void hostile_fronts_lose_their_disk_alone(void **state)
{
    struct machine *machine = start("block-faults-hostile");
    const char *before;

    bh(machine, "create /guests/victim.cfg");
    expect_progress(machine);
    run_hostile(machine);
    expect_progress(machine);
    bh(machine, "destroy victim");
    /* Dom0 has all the page tables that it will need, and again. */
    before = hypervisor_counters(machine);
    bh(machine, "create /guests/victim.cfg");
    run_hostile(machine);
    expect_progress(machine);
    bh(machine, "destroy victim");
    assert_string_equal(before, hypervisor_counters(machine));
    expect_unchanged("block-faults-hostile");
}

static void destruction_in_the_middle_of_io_leaves_nothing(void **state)
{
    struct machine *machine = start("block-faults-destroy");
    const char *before = NULL;

    for (int round = 0; round < 4; round++) {
        const char *after;

        bh(machine, "create /guests/victim.cfg");
        expect_progress(machine);
        bh(machine, "destroy victim");
        after = hypervisor_counters(machine);
        if (before) {
            assert_string_equal(before, after);
        }
        before = after;
    }
}

/*
 * The tools' way to have a back device start over: its state is set back. The front keeps what was
 * not answered and asks again; the exerciser would notice a write that is lost or late.
 */
static void a_back_end_that_returns_finds_all_requests(void **state)
{
    struct machine *machine = start("block-faults-return");

    bh(machine, "create /guests/victim.cfg");
    expect_progress(machine);
    for (int round = 0; round < 5; round++) {
        machine_type(machine, "store-write /local/domain/0/backend/vbd/1/51712/state 1");
        machine_expect(machine, "vbd 1/51712: vda, ");
        machine_send(machine, "\r");
        expect_prompt(machine);
        machine_type(machine, "console victim");
        machine_expect(machine, "connected again");
        leave_console(machine);
        expect_progress(machine);
    }
    assert_null(strstr(machine_text(machine), "FAIL"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hostile_fronts_lose_their_disk_alone, machines_stop),
        cmocka_unit_test_teardown(destruction_in_the_middle_of_io_leaves_nothing, machines_stop),
        cmocka_unit_test_teardown(a_back_end_that_returns_finds_all_requests, machines_stop),
    };

    return cmocka_run_group_tests_name("block faults", tests, NULL, NULL);
}
