/* SPDX-License-Identifier: MIT */
/*
 * Machines of several CPUs: all come up, each is woken by an event and answers a flush; so do all
 * vCPUs of a domain that has 128; waits for locks and CPUs are shown. The argument is the number of
 * CPUs of the largest machine.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int most_cpus = 16;

/* A vCPU of dom0 runs on each CPU, so that each is interrupted and flushes for another one. */
static void all_cpus_come_up(void **state)
{
    char line[64], cpus[16];
    struct machine *machine;

    snprintf(cpus, sizeof(cpus), "%u", most_cpus);
    setenv("BULKHEAD_CPUS", cpus, 1);
    machine = start_dom0(&(struct machine_options){.name = "smp-all"}, dom0_ramdisk());
    snprintf(line, sizeof(line), "(BH) CPUs: %u present, %u used\n", most_cpus, most_cpus);
    assert_non_null(strstr(machine_text(machine), line));
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "nr_cpus"), most_cpus);
}

/* Each is woken by an event, and a request of one of them reaches all. */
static void all_cpus_hear_of_one(void **state)
{
    char count[32], cpus[16];
    struct machine *machine;

    snprintf(cpus, sizeof(cpus), "%u", most_cpus);
    snprintf(count, sizeof(count), "\n%u vCPUs\n", most_cpus);
    setenv("BULKHEAD_CPUS", cpus, 1);
    machine = machine_start(&(struct machine_options){.name = "smp-hear",
                                                      .kernel = bulkhead_image(),
                                                      .cmdline = "console=com1 noreboot "
                                                                 "dom0_mem=128M",
                                                      .modules = build_path("pv-guest/all-cpus")});
    machine_expect(machine, count);
    machine_expect(machine, "TESTS DONE 3 passed, 0 failed");
}

/* As many vCPUs as a domain may have, on two CPUs: the last one is reached like the others. */
static void a_domain_of_128_vcpus(void **state)
{
    const char *folder = build_path("logs/smp-many.guests"),
               *ramdisk = build_path("logs/smp-many.cpio");
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "many", "all-cpus", "memory = 16\nvcpus = 128\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    setenv("BULKHEAD_CPUS", "2", 1);
    machine = start_dom0(&(struct machine_options){.name = "smp-many"}, ramdisk);
    machine_type(machine, "create -c /guests/many.cfg");
    machine_expect(machine, "\n128 vCPUs\n");
    machine_expect(machine, "TESTS DONE 3 passed, 0 failed");
}

/* How often dom0 is asked, and what passes between: it takes some hundred collisions at most. */
#define LOOKS   100
#define LOOK_US 200000

/* Two busy vCPUs on one CPU: one of them waits at any time. */
static void expect_delay(struct machine *machine)
{
    const char *json;

    bh(machine, "vcpu-pin contend all 1");
    json = strstr(bh(machine, "top --json -d 1"), "\"contend\"");
    assert_non_null(json);
    assert_in_range(json_number(machine, json, "run_queue_delay_percent"), 50, 150);
    assert_true(json_number(machine, json, "steal_ns") >=
                json_number(machine, json, "run_queue_delay_ns"));
}

static void waits_are_shown(void **state)
{
    const char *folder = build_path("logs/smp-locks.guests"),
               *ramdisk = build_path("logs/smp-locks.cpio"), *json;
    struct machine *machine;
    unsigned int looks = 0;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "contend", "contend", "memory = 8\nvcpus = 2\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    setenv("BULKHEAD_CPUS", "2", 1);
    machine = start_dom0(&(struct machine_options){.name = "smp-locks"}, ramdisk);
    assert_null(strstr(bh(machine, "debug locks"), "EVENT "));
    bh(machine, "create /guests/contend.cfg");
    while (!strstr(json = bh(machine, "debug locks --json"), "\"EVENT\"")) {
        if (++looks == LOOKS)
            machine_fail(machine, "nobody waits for the event lock");
        usleep(LOOK_US);
    }
    json = strstr(json, "\"EVENT\"");
    assert_true(json_number(machine, json, "waits") > 0);
    assert_true(json_number(machine, json, "waited_ns") > 0);
    assert_non_null(strstr(bh(machine, "debug locks"), "\nEVENT  "));
    expect_delay(machine);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_cpus_come_up, machines_stop),
        cmocka_unit_test_teardown(all_cpus_hear_of_one, machines_stop),
        cmocka_unit_test_teardown(a_domain_of_128_vcpus, machines_stop),
        cmocka_unit_test_teardown(waits_are_shown, machines_stop),
    };

    if (argc > 1) {
        most_cpus = (unsigned int)strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("several CPUs", tests, NULL, NULL);
}
