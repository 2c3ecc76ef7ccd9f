/* SPDX-License-Identifier: MIT */
/*
 * Debian's kernel under load, as dom0 and as several domUs at once: tests/linux/stress asks of it
 * what a paravirtual kernel must get right, alone and all at once. Afterwards, and after domains
 * that were destroyed in the middle of it, the hypervisor counts what it counted before. With the
 * argument "long" each subject runs for a second rather than once, on more CPUs and machines.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

#define HV_CMDLINE "console=com1 noreboot loglvl=all guest_loglvl=all"

static unsigned int seconds;

/* Waits until the program has run in the domain whose console is shown. */
static void expect_success(struct machine *machine)
{
    for (;;) {
        switch (machine_expect_any(machine, "STRESS DONE ", ": ok\n", ": FAIL ")) {
        case 0:
            machine_expect(machine, "\n");
            if (!strstr(machine_between(machine), " 0 failed")) {
                machine_fail(machine, "a subject failed");
            }
            return;
        case 2:
            machine_expect(machine, "\n");
            machine_fail(machine, "%s", machine_between(machine));
        }
    }
}

static void run_as_dom0(const char *name, const char *type, const char *cpu, unsigned int vcpus)
{
    char cmdline[128], modules[512];
    struct machine *machine;

    snprintf(cmdline, sizeof(cmdline), HV_CMDLINE " dom0_max_vcpus=%u", vcpus);
    snprintf(modules, sizeof(modules), "%s console=hvc0 quiet -- %u,%s",
             build_path("packages/vmlinuz"), seconds, build_path("tests/linux/stress.cpio"));
    machine = machine_start(&(struct machine_options){.name = name,
                                                      .type = type,
                                                      .cpu = cpu,
                                                      .kernel = build_path("bulkhead"),
                                                      .cmdline = cmdline,
                                                      .modules = modules});
    expect_success(machine);
    machine_type(machine, "%s", ""); /* it powers off */
    machine_expect_exit(machine);
}

static void dom0_with_two_vcpus(void **state)
{
    run_as_dom0("stress-dom0", "q35", NULL, 2);
}

static void dom0_with_all_that_the_cpu_has(void **state)
{
    run_as_dom0("stress-dom0-max", "pc", "max", 4);
}

static void dom0_on_an_old_cpu(void **state)
{
    run_as_dom0("stress-dom0-qemu64", "pc", "qemu64", 1);
}

/* Boots the built-in dom0 with the program as domain: create /guests/stress.cfg. */
static struct machine *boot(const char *name)
{
    const char *folder = build_path("logs/%s.guests", name);
    const char *ramdisk = build_path("logs/%s.cpio", name);
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && "
                "printf '%%s\\n' 'kernel = \"/guests/vmlinuz\"' 'memory = 160' "
                "'ramdisk = \"/guests/stress.cpio\"' 'extra = \"console=hvc0 quiet -- %u\"' "
                ">%s/stress.cfg && mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("guests/vmlinuz"), build_path("tests/linux/stress.cpio"),
                folder, seconds, folder, ramdisk, folder);
    machine = machine_start(&(struct machine_options){
        .name = name,
        .memory_mib = 1024,
        .iso = make_iso(name, build_path("bulkhead"), HV_CMDLINE, dom0_kernel(), "", ramdisk)});
    expect_prompt(machine);
    return machine;
}

static void domains_side_by_side(void **state)
{
    struct machine *machine = boot("stress-domu");
    const char *before = hypervisor_counters(machine);

    bh(machine, "create /guests/stress.cfg name=one vcpus=1");
    bh(machine, "create /guests/stress.cfg name=four vcpus=4");
    machine_type(machine, "console one");
    expect_success(machine);
    leave_console(machine);
    machine_type(machine, "console four");
    expect_success(machine);
    leave_console(machine);
    bh(machine, "destroy one");
    bh(machine, "destroy four");
    assert_string_equal(hypervisor_counters(machine), before);
}

/* Pulls the plug at some point of each subject's work. */
static void domains_destroyed_at_work(void **state)
{
    struct machine *machine = boot("stress-destroy");
    const char *before = hypervisor_counters(machine);
    static const char *const moments[] = {"STRESS forks: ok", "STRESS maps: ok",
                                          "STRESS thread-bases: ok", "STRESS privileged: ok",
                                          "STRESS events: ok"};

    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        bh(machine, "create /guests/stress.cfg name=doomed vcpus=2");
        machine_type(machine, "console doomed");
        machine_expect(machine, moments[i]);
        leave_console(machine);
        bh(machine, "destroy doomed");
        assert_string_equal(hypervisor_counters(machine), before);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest short_tests[] = {
        cmocka_unit_test_teardown(dom0_with_two_vcpus, machines_stop),
        cmocka_unit_test_teardown(domains_side_by_side, machines_stop),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test_teardown(dom0_with_two_vcpus, machines_stop),
        cmocka_unit_test_teardown(dom0_with_all_that_the_cpu_has, machines_stop),
        cmocka_unit_test_teardown(dom0_on_an_old_cpu, machines_stop),
        cmocka_unit_test_teardown(domains_side_by_side, machines_stop),
        cmocka_unit_test_teardown(domains_destroyed_at_work, machines_stop),
    };

    if (argc > 1 && !strcmp(argv[1], "long")) {
        seconds = 1;
        return cmocka_run_group_tests_name("linux under load", long_tests, NULL, NULL);
    }
    return cmocka_run_group_tests_name("linux under load", short_tests, NULL, NULL);
}
