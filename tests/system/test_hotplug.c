/* SPDX-License-Identifier: MIT */
/*
 * CPUs of the machine go out of use and come back while domains run: by the built-in dom0's
 * commands, with a Linux domain that forks on all of them and a disk whose interrupts arrive there;
 * and from Linux as dom0.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

#define CPUS         4
#define ROUNDS       3
#define LINUX_ROUNDS 30

static const char *const four_cpus[] = {"-smp", "4", NULL};
static struct machine *machine;

/* Types a command, which has to print exactly @output. */
static void expect(const char *command, const char *output)
{
    const char *printed = bh(machine, "%s", command);

    if (strcmp(printed, output) != 0) {
        machine_fail(machine, "%s: printed \"%s\", not \"%s\"", command, printed, output);
    }
}

static void use_cpu(int cpu, bool use)
{
    char command[32];

    snprintf(command, sizeof(command), "cpu-%s %d", use ? "online" : "offline", cpu);
    expect(command, "");
}

/* Where the vCPU of "demo" runs, whose hard affinity is for CPU 3 alone. */
static void expect_demo_on(bool its_own)
{
    const char *list = bh(machine, "vcpu-list demo");
    const char *line = strstr(list, "\ndemo ");

    if (!line || !strstr(line, "3 / all") || !strstr(line, "2     0    3 ") != !its_own) {
        machine_fail(machine, "demo is %son CPU 3: %s", its_own ? "not " : "", list);
    }
}

static void by_commands(void **state)
{
    machine = start_dom0(&(struct machine_options){.name = "hotplug",
                                                   .cmdline = "console=com1 noreboot watchdog=yes "
                                                              "watchdog_timeout=60",
                                                   .memory_mib = 1024,
                                                   .extra = four_cpus},
                         dom0_ramdisk());
    machine_type(machine, "create -c /guests/linux.cfg memory=128 vcpus=4");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    leave_console(machine);
    bh(machine, "create /guests/demo.cfg cpus='3'");
    ask_linux(machine, "for i in 1 2 3 4; do (while :; do /bin/true; done) & done; echo \"[$!]\"",
              "]\n");
    expect_demo_on(true);
    for (int round = 0; round < ROUNDS; round++) {
        for (int cpu = 1; cpu < CPUS; cpu++) {
            use_cpu(cpu, false);
            assert_int_equal(json_number(machine, bh(machine, "info --json"), "nr_cpus"), CPUS - 1);
            expect_demo_on(cpu != 3);
            talk_to_demo(machine, "away");
            use_cpu(cpu, true);
        }
        expect_demo_on(true);
    }
    /* All but one, and the one in the middle first. */
    use_cpu(2, false);
    expect("cpupool-list -c", "Name               CPU list\nPool-0             0,1,3\n");
    use_cpu(1, false);
    use_cpu(3, false);
    expect("cpu-offline 3", "bh cpu-offline: CPU 3 is offline already\n");
    expect("cpu-offline 0", "bh cpu-offline: CPU 0 is always in use\n");
    talk_to_demo(machine, "alone");
    ask_linux(machine, "echo \"[$(cat /sys/devices/system/cpu/online)]\"", "[0-3]\n");
    for (int cpu = 1; cpu < CPUS; cpu++) {
        use_cpu(cpu, true);
    }
    expect_demo_on(true);
    talk_to_demo(machine, "back");
    ask_linux(machine,
              "jobs | grep -c Running; dmesg | grep -cE 'BUG:|WARNING:|rcu.*stall|soft lockup'",
              "4\n0\n");
}

/* Sees a text twice on a domain's console from now on. */
static void expect_progress(const char *domain, const char *text)
{
    machine_type(machine, "console %s", domain);
    machine_expect(machine, text);
    machine_expect(machine, text);
    leave_console(machine);
}

/* The CPU goes on which dom0 runs and its disk's interrupts arrive. */
static void a_disk_is_served(void **state)
{
    const char *image = build_path("logs/hotplug.img"), *folder = build_path("logs/hotplug.guests");
    const char *ramdisk = build_path("logs/hotplug.cpio");
    char drive[4200];
    const char *const extra[] = {"-smp", "4",       "-drive",
                                 drive,  "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
                                 NULL};

    run_command("rm -rf %s %s && truncate -s 16M %s && mkdir -p %s", image, folder, image, folder);
    make_guest(
        folder, "load", "disk",
        "memory = 24\nextra = 'do=load mib=4 count=1000'\ndisk = [ '/dev/vda,raw,xvda,w' ]\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw,cache=unsafe", image);
    machine = start_dom0(&(struct machine_options){.name = "hotplug-disk", .extra = extra},
                         ramdisk);
    bh(machine, "create /guests/load.cfg");
    for (int round = 0; round < ROUNDS; round++) {
        for (int cpu = 1; cpu < CPUS; cpu++) {
            char pin[32];

            snprintf(pin, sizeof(pin), "vcpu-pin Domain-0 0 %d", cpu);
            expect(pin, "");
            expect_progress("load", "load goes on");
            use_cpu(cpu, false);
            expect_progress("load", "load goes on");
            use_cpu(cpu, true);
        }
    }
}

static void shell(const char *command, const char *line)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, line);
    machine_expect(machine, LINUX_PROMPT);
}

#define ONLINE_FILES "/sys/devices/system/xen_cpu/xen_cpu[1-3]/online"

/* Linux knows the new state when it has taken the VIRQ, which is a little after the hypercall. */
static void use_all_from_linux(int use)
{
    char command[256], lines[16];

    snprintf(command, sizeof(command),
             "for f in " ONLINE_FILES "; do echo %d >$f; until grep -q %d $f; do :; done; done; "
             "cat " ONLINE_FILES,
             use, use);
    snprintf(lines, sizeof(lines), "%d\n%d\n%d\n", use, use, use);
    shell(command, lines);
}

static void from_linux(void **state)
{
    char modules[1024];

    snprintf(modules, sizeof(modules), "%s console=hvc0,%s", build_path("packages/vmlinuz"),
             build_path("dom0-linux.cpio.gz"));
    machine = machine_start(
        &(struct machine_options){.name = "hotplug-linux",
                                  .kernel = bulkhead_image(),
                                  .cmdline = "console=com1 noreboot dom0_mem=512M",
                                  .modules = modules,
                                  .memory_mib = 1024,
                                  .extra = four_cpus});
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    shell("cat " ONLINE_FILES, "1\n1\n1\n");
    for (int round = 0; round < LINUX_ROUNDS; round++) {
        use_all_from_linux(0);
        use_all_from_linux(1);
    }
    shell("ls /sys/devices/system/xen_cpu; nproc", "\n4\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(by_commands, machines_stop),
        cmocka_unit_test_teardown(a_disk_is_served, machines_stop),
        cmocka_unit_test_teardown(from_linux, machines_stop),
    };

    return cmocka_run_group_tests_name("CPUs that go and come", tests, NULL, NULL);
}
