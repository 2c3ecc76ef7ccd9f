/* SPDX-License-Identifier: MIT */
/*
 * Back drivers under fronts that are driven by chance (tests/guest/driver-chaos.c), seed after
 * seed: what they read is rewritten while they read it. Beside them the disk exerciser checks every
 * word of its disk and two hosts ping each other; they do not notice. Fronts that keep to the
 * protocol are served to the end, and once the hostile domain is gone every counter is what it was.
 * The argument is the number of seeds.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISKS 12
#define VIFS  12

static unsigned long seeds = 3, first_seed = 1;

static const char *make_guests(void)
{
    const char *folder = build_path("logs/driver-chaos.guests");
    const char *ramdisk = build_path("logs/driver-chaos.cpio");
    char config[2048] = "memory = 24\nvcpus = 2\ndisk = [";

    run_command("rm -rf %s && mkdir -p %s && truncate -s 4M %s/small.img", folder, folder, folder);
    make_guest(
        folder, "victim", "disk",
        "memory = 24\nextra = 'do=load mib=8 count=1000'\ndisk = [ '/dev/vda,raw,xvda,w' ]\n");
    make_guest(folder, "host", "echo",
               "memory = 16\nextra = 'ip=10.1.0.1/24'\nvif = [ 'mac=00:16:3e:00:00:01' ]\n");
    make_guest(folder, "pinger", "echo",
               "memory = 16\nextra = 'ip=10.1.0.2/24 ping=10.1.0.1 count=1000000 size=1000'\n"
               "vif = [ 'mac=00:16:3e:00:00:02' ]\n");
    for (int i = 0; i < DISKS; i++) {
        static const char *const targets[] = {"/dev/vdb,raw,xvd%c,w!",
                                              "/guests/small.img,raw,xvd%c,w",
                                              "/dev/vdb,raw,xvd%c,r", "/dev/vdb,raw,xvd%c,w!"};
        char disk[64];

        snprintf(disk, sizeof(disk), targets[i / 3], 'a' + i);
        sprintf(config + strlen(config), " '%s',", disk);
    }
    strcat(config, " ]\nvif = [");
    for (int i = 0; i < VIFS; i++) {
        strcat(config, " '',");
    }
    strcat(config, " ]\n");
    make_guest(folder, "chaos", "driver-chaos", config);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static struct machine *boot(void)
{
    const char *image = build_path("logs/driver-chaos.img");
    const char *shared = build_path("logs/driver-chaos-shared.img");
    char drive[4200], shared_drive[4200];
    const char *const extra[] = {
        "-drive", drive,        "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
        "-drive", shared_drive, "-device", "virtio-blk-pci,drive=shared,disable-legacy=on",
        NULL};

    run_command("rm -f %s %s && truncate -s 16M %s && truncate -s 4M %s", image, shared, image,
                shared);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw,cache=unsafe", image);
    snprintf(shared_drive, sizeof(shared_drive),
             "file=%s,if=none,id=shared,format=raw,cache=unsafe,discard=unmap", shared);
    return start_dom0(&(struct machine_options){.name = "driver-chaos",
                                                .cmdline = "console=com1 noreboot",
                                                .extra = extra},
                      make_guests());
}

/* Sees a text twice on a domain's console from now on. */
static void expect_progress(struct machine *machine, const char *domain, const char *text)
{
    machine_type(machine, "console %s", domain);
    machine_expect(machine, text);
    machine_expect(machine, text);
    leave_console(machine);
}

static void run_seed(struct machine *machine, unsigned long seed)
{
    machine_type(machine, "create -c /guests/chaos.cfg extra='seed=%lu'", seed);
    machine_expect(machine, "CHAOS DONE");
    if (strstr(machine_between(machine), "CHAOS FAIL")) {
        machine_fail(machine, "a front that kept to the protocol was not served");
    }
    leave_console(machine);
    bh(machine, "block-detach chaos xvd%c", 'a' + (int)(seed % DISKS));
    bh(machine, "network-detach chaos %lu", seed % VIFS);
    expect_progress(machine, "victim", "load goes on");
    expect_progress(machine, "pinger", "bytes from");
    machine_type(machine, "destroy chaos");
    /* What dom0 says of closed devices has prompts behind it, too: find the last one. */
    machine_type(machine, "list");
    machine_expect(machine, "pinger");
    expect_prompt(machine);
}

static void others_do_not_notice(void **state)
{
    struct machine *machine = boot();
    const char *before = NULL;

    bh(machine, "create /guests/victim.cfg");
    bh(machine, "create /guests/host.cfg");
    bh(machine, "create /guests/pinger.cfg");
    expect_progress(machine, "pinger", "bytes from");
    for (unsigned long seed = first_seed; seed < first_seed + seeds; seed++) {
        const char *after;

        run_seed(machine, seed);
        after = hypervisor_counters(machine);
        /* After the first seed dom0 has all the page tables that it will need. */
        if (before && strcmp(after, before) != 0) {
            machine_fail(machine, "after seed %lu:\n%sbefore:\n%s", seed, after, before);
        }
        before = after;
    }
    assert_null(strstr(machine_text(machine), "FAIL"));
    assert_null(strstr(machine_text(machine), "no answer"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(others_do_not_notice, machines_stop),
    };

    if (argc > 1) {
        seeds = strtoul(argv[1], NULL, 10);
    }
    if (argc > 2) {
        first_seed = strtoul(argv[2], NULL, 10);
    }
    return cmocka_run_group_tests_name("driver chaos", tests, NULL, NULL);
}
