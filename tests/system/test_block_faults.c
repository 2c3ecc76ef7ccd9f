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

#define HOSTILE_DISKS 22 /* as many as tests/guest/hostile-blkfront.c has ways */
#define ANSWERED      4  /* how many of these are merely answered */

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
        fprintf(file, "  '/guests/small.img,raw,xvd%c,r',\n", 'a' + i);
    }
    fprintf(file, "]\n");
    fclose(file);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static struct machine *start(const char *name)
{
    const char *image = build_path("logs/%s.img", name);
    char drive[4200];
    const char *const extra[] = {"-drive", drive, "-device",
                                 "virtio-blk-pci,drive=disk,disable-legacy=on", NULL};
    struct machine *machine;

    run_command("rm -f %s && truncate -s 64M %s", image, image);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw,cache=unsafe", image);
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
    machine_send(machine, "\x1d"); /* Ctrl-] */
    expect_prompt(machine);
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

/* One hostile domain: each of its disks is closed for its own reason, the honest one is served. */
static void run_hostile(struct machine *machine)
{
    const char *text;

    machine_type(machine, "create -c /guests/hostile.cfg");
    machine_expect(machine, "HOSTILE DONE");
    text = machine_between(machine);
    assert_null(strstr(text, "nothing happens"));
    assert_int_equal(count_text(text, ": closed\n"), HOSTILE_DISKS - ANSWERED);
    assert_int_equal(count_text(text, ": answered "), ANSWERED);
    assert_non_null(strstr(text, "HOSTILE honest front: answered 0"));
    assert_non_null(strstr(text, "HOSTILE answers never consumed: answered 0"));
    assert_non_null(strstr(text, "HOSTILE changed requests: answered 0"));
    assert_non_null(strstr(text, "HOSTILE unknown operation: answered -2"));
    /* One line each, which says why. */
    for (int i = 0; i < HOSTILE_DISKS - ANSWERED; i++) {
        char device[32];
        const char *line;

        snprintf(device, sizeof(device), "/%d: ", i < 16 ? 51712 + i * 16 : 1 << 28 | i << 8);
        line = strstr(text, device);
        /* The first line may be that of the connection. */
        if (line && strncmp(line + strlen(device), "/guests/", 8) == 0) {
            line = strstr(line + 1, device);
        }
        if (!line) {
            machine_fail(machine, "no reason for disk %d", i);
        }
    }
    machine_send(machine, "\x1d"); /* Ctrl-] */
    expect_prompt(machine);
    bh(machine, "destroy hostile");
}

static void hostile_fronts_lose_their_disk_alone(void **state)
{
    struct machine *machine = start("block-faults-hostile");
    const char *before;

    (void)state;
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
}

static void destruction_in_the_middle_of_io_leaves_nothing(void **state)
{
    struct machine *machine = start("block-faults-destroy");
    const char *before = NULL;

    (void)state;
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
 * The tools' way to have a back device begin anew: its state is set back. The front keeps what was
 * not answered and asks again; the exerciser would notice a write that is lost or late.
 */
static void a_back_end_that_returns_finds_all_requests(void **state)
{
    struct machine *machine = start("block-faults-return");

    (void)state;
    bh(machine, "create /guests/victim.cfg");
    expect_progress(machine);
    for (int round = 0; round < 5; round++) {
        machine_type(machine, "store-write /local/domain/0/backend/vbd/1/51712/state 1");
        machine_expect(machine, "vbd 1/51712: vda, ");
        machine_send(machine, "\r");
        expect_prompt(machine);
        machine_type(machine, "console victim");
        machine_expect(machine, "connected again");
        machine_send(machine, "\x1d");
        expect_prompt(machine);
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
