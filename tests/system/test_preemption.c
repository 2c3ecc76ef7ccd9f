/* SPDX-License-Identifier: MIT */
/*
 * How long a guest can keep the hypervisor at work in one piece. Bulkhead with the meter
 * (hypervisor/include/meter.h) runs a domU of 1 GiB that asks for as much as it can
 * (tests/guest/greedy.c), under -icount shift=0, where a tick is an instruction. No stretch of any
 * hypercall, exception or softirq on the domU's account may be longer than LIMIT, nor any of the
 * domain's destruction, nor a piece with interrupts off.
 */
#include "bulkhead.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LIMIT 1000000L

static struct machine *boot(void)
{
    static const char *const icount[] = {"-icount", "shift=0", NULL};
    const char *folder = build_path("logs/preemption.guests"),
               *ramdisk = build_path("logs/preemption.cpio");
    static char modules[2 * PATH_MAX];
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "greedy", "greedy", "memory = 1024\nvcpus = 128\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), ramdisk);
    machine = machine_start(&(struct machine_options){.name = "preemption",
                                                      .memory_mib = 2048,
                                                      .kernel = build_path("meter/bulkhead"),
                                                      .cmdline = "console=com1",
                                                      .modules = modules,
                                                      .extra = icount});
    expect_prompt(machine);
    return machine;
}

/* Reads the meter and sets it back. Checks its lines about @who (NULL: all of them). */
static void check_stretches(struct machine *machine, const char *when, const char *who)
{
    const char *report;
    unsigned int lines = 0;
    char name[16];
    long ticks;

    bh(machine, "dmesg -c");
    bh(machine, "debug-keys M");
    report = bh(machine, "dmesg -c");
    for (const char *at = strstr(report, "meter: "); at; at = strstr(at + 1, "meter: ")) {
        assert_int_equal(sscanf(at, "meter: %ld %15s", &ticks, name), 2);
        print_message("%s: %.*s\n", when, (int)strcspn(at, "\n"), at);
        if (who && strcmp(name, who) != 0 && strcmp(name, "any") != 0)
            continue;
        lines++;
        if (ticks > LIMIT)
            machine_fail(machine, "%s: %.*s", when, (int)strcspn(at, "\n"), at);
    }
    assert_true(lines > 3);
}

static void no_stretch_is_long(void **state)
{
    static const char *const works[] = {
        "trees",         "pins",   "roots",  "entries",    "contexts", "descriptor-tables",
        "last-mappings", "memory", "grants", "multicalls", "timers",   "ports",
        "stay"};
    struct machine *machine = boot();
    char line[64];

    bh(machine, "debug-keys M");
    machine_type(machine, "create -c /guests/greedy.cfg");
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        snprintf(line, sizeof(line), "greedy: %s 0\n", works[i]);
        machine_expect(machine, line);
    }
    machine_expect(machine, "greedy: ready");
    machine_send(machine, "\x1d"); /* Ctrl-] */
    expect_prompt(machine);
    check_stretches(machine, "alive", "domU");
    bh(machine, "destroy greedy");
    assert_null(strstr(bh(machine, "list"), "greedy"));
    check_stretches(machine, "dying", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(no_stretch_is_long, machines_stop),
    };

    return cmocka_run_group_tests_name("preemption", tests, NULL, NULL);
}
