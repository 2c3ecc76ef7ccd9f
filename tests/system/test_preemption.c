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

/*
 * What dom0 may ask for in one piece (tests/guest/one-piece.c): instructions for one frame, line or
 * byte, as docs/testing.md lists them.
 */
static const struct {
    const char *what;
    long instructions;
} pieces[] = {
    {"extent", 600},       /* a frame of an extent */
    {"domain", 12000},     /* a domain of 128 vCPUs, in a list */
    {"bitmap", 2},         /* eight bytes of a bitmap of CPUs */
    {"vcpu_lines", 5000},  /* a line of the debug key q */
    {"console_write", 20}, /* a character, without the serial port's time */
    {"console_read", 14},  /* a byte of the ring */
};

/* Starts the hypervisor with the meter; dom0 has the guests that lie in FOLDER. */
static struct machine *boot(const char *name, const char *folder)
{
    static const char *const icount[] = {"-icount", "shift=0", NULL};
    const char *ramdisk = build_path("logs/%s.cpio", name);
    static char modules[2 * PATH_MAX];
    struct machine *machine;

    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), ramdisk);
    machine = machine_start(&(struct machine_options){.name = name,
                                                      .memory_mib = 2048,
                                                      .kernel = build_path("meter/bulkhead"),
                                                      .cmdline = "console=com1",
                                                      .modules = modules,
                                                      .extra = icount});
    expect_prompt(machine);
    bh(machine, "debug-keys M");
    return machine;
}

static const char *empty_folder(const char *name)
{
    const char *folder = build_path("logs/%s.guests", name);

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    return folder;
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
    const char *folder = empty_folder("preemption");
    struct machine *machine;
    char line[64];

    make_guest(folder, "greedy", "greedy", "memory = 1024\nvcpus = 128\n");
    machine = boot("preemption", folder);
    machine_type(machine, "create -c /guests/greedy.cfg");
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
        snprintf(line, sizeof(line), "greedy: %s 0\n", works[i]);
        machine_expect(machine, line);
    }
    machine_expect(machine, "greedy: ready");
    leave_console(machine);
    check_stretches(machine, "alive", "domU");
    bh(machine, "destroy greedy");
    assert_null(strstr(bh(machine, "list"), "greedy"));
    check_stretches(machine, "dying", NULL);
}

/*
 * The random calls of tests/guest/chaos.c, group after group, next to a domain with which the test
 * talks.
 */
static void no_random_call_takes_long(void **state)
{
    static const char *const groups[] = {"mmu",     "memory",    "events", "grants", "cpu",
                                         "control", "multicall", "all",    "fatal"};
    const char *folder = empty_folder("preemption-chaos");
    struct machine *machine;

    run_command("cp %s %s %s", build_path("guests/demo"), build_path("guests/demo.cfg"), folder);
    make_guest(folder, "chaos", "chaos",
               "memory = 64\nvcpus = 2\non_crash = \"preserve\"\non_poweroff = \"preserve\"\n"
               "on_reboot = \"preserve\"\n");
    machine = boot("preemption-chaos", folder);
    bh(machine, "create /guests/demo.cfg");
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        bh(machine, "create /guests/chaos.cfg extra=\"group=%s seed=7\"", groups[i]);
        for (int round = 0; round < 3; round++) {
            talk_to_demo(machine, groups[i]);
        }
        check_stretches(machine, groups[i], "domU");
        bh(machine, "destroy chaos");
    }
}

static void pieces_for_dom0_cost_what_is_documented(void **state)
{
    static const char *const icount[] = {"-icount", "shift=0", NULL};
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "pieces",
                                  .memory_mib = 1024,
                                  .kernel = bulkhead_image(),
                                  .cmdline = "console=com1 dom0_mem=128M",
                                  .modules = build_path("pv-guest/one-piece"),
                                  .extra = icount});
    const char *text;

    machine_expect(machine, "piece: done\n");
    text = machine_text(machine);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char start[32];
        const char *at;
        long instructions, amount;

        snprintf(start, sizeof(start), "piece: %s ", pieces[i].what);
        at = strstr(text, start);
        assert_non_null(at);
        assert_int_equal(sscanf(at + strlen(start), "%ld for %ld", &instructions, &amount), 2);
        print_message("%.*s\n", (int)strcspn(at, "\n"), at);
        if (instructions > amount * pieces[i].instructions)
            machine_fail(machine, "%.*s", (int)strcspn(at, "\n"), at);
    }
    machine_expect_exit(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(no_stretch_is_long, machines_stop),
        cmocka_unit_test_teardown(no_random_call_takes_long, machines_stop),
        cmocka_unit_test_teardown(pieces_for_dom0_cost_what_is_documented, machines_stop),
    };

    return cmocka_run_group_tests_name("preemption", tests, NULL, NULL);
}
