/* SPDX-License-Identifier: MIT */
/*
 * A domain that makes random hypercalls, group after group and seed after seed, on two vCPUs, next
 * to a domain that continues to work. The hypervisor continues, too, and once the hostile domain is
 * gone every counter is what it was. The argument is the number of seeds for each group.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long seeds = 3;

static const char *const groups[] = {"mmu",     "memory",    "events", "grants", "cpu",
                                     "control", "multicall", "all",    "fatal"};

static struct machine *boot(void)
{
    const char *folder = build_path("logs/hostile.guests"),
               *ramdisk = build_path("logs/hostile.cpio");
    struct machine *machine;
    const char *iso;

    run_command("rm -rf %s && mkdir -p %s && cp %s %s %s", folder, folder,
                build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    /* Whatever becomes of it, it stays until it is destroyed. */
    make_guest(folder, "chaos", "chaos",
               "memory = 16\nvcpus = 2\non_crash = \"preserve\"\non_poweroff = \"preserve\"\n"
               "on_reboot = \"preserve\"\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    /* What is said of the hostile domain would come amid the lines of the other one. */
    iso = make_iso("hostile", bulkhead_image(), "console=com1 noreboot guest_loglvl=none",
                   dom0_kernel(), "", ramdisk);
    machine = machine_start(&(struct machine_options){.name = "hostile", .iso = iso});
    expect_prompt(machine);
    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "before");
    return machine;
}

static void others_do_not_notice(void **state)
{
    struct machine *machine = boot();
    const char *before = hypervisor_counters(machine);
    char word[64];

    for (unsigned long seed = 1; seed <= seeds; seed++) {
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
            const char *after;

            bh(machine, "create /guests/chaos.cfg extra=\"group=%s seed=%lu\"", groups[i], seed);
            for (int round = 0; round < 10; round++) {
                snprintf(word, sizeof(word), "%s-%lu-%d", groups[i], seed, round);
                talk_to_demo(machine, word);
            }
            bh(machine, "destroy chaos");
            after = hypervisor_counters(machine);
            if (strcmp(after, before) != 0) {
                machine_fail(machine, "after %s, seed %lu:\n%sbefore:\n%s", groups[i], seed, after,
                             before);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(others_do_not_notice, machines_stop),
    };

    if (argc > 1) {
        seeds = strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
