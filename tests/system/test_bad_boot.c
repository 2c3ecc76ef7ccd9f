/* SPDX-License-Identifier: MIT */
/*
 * What cannot be booted is refused with one clear line on the serial console that names the thing,
 * and then the machine halts (noreboot) or reboots. An unknown option only warns.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct machine *boot(const char *name, const char *cmdline, const char *modules,
                            const char *cpu, unsigned int memory_mib)
{
    return machine_start(&(struct machine_options){.name = name,
                                                   .kernel = build_path("bulkhead"),
                                                   .cmdline = cmdline,
                                                   .modules = modules,
                                                   .cpu = cpu,
                                                   .memory_mib = memory_mib,
                                                   .expect_fatal = true});
}

static void no_module(void **state)
{
    machine_expect(boot("bad-no-module", "console=com1 noreboot", NULL, NULL, 128), "no module");
}

static void module_is_no_kernel(void **state)
{
    machine_expect(boot("bad-no-kernel", "console=com1 noreboot", "LICENSE", NULL, 128),
                   "neither an ELF file nor a bzImage");
}

static void truncated_bzimage(void **state)
{
    const char *file = build_path("logs/truncated-bzImage");

    run_command("head -c 2000000 %s >%s", build_path("packages/vmlinuz"), file);
    machine_expect(boot("bad-truncated", "console=com1 noreboot", file, NULL, 512), "truncated");
}

static void kernel_for_another_abi(void **state)
{
    const char *file = build_path("logs/another-abi");

    run_command("sed s/xen-3.0/xen-2.0/ %s >%s", dom0_kernel(), file);
    machine_expect(boot("bad-abi", "console=com1 noreboot", file, NULL, 128),
                   "dom0's kernel: the kernel is for the hypervisor ABI 'xen-2.0'");
}

static void too_little_memory(void **state)
{
    machine_expect(boot("bad-memory", "console=com1 noreboot", dom0_kernel(), NULL, 12),
                   "too little memory");
}

static void missing_cpu_feature(void **state)
{
    struct machine *machine = boot("bad-cpu", "console=com1 noreboot", dom0_kernel(), "qemu64,-nx",
                                   128);

    machine_expect(machine, "CPU lacks a feature that is needed: NX\n");
}

/* Without noreboot the machine resets, which ends QEMU (the harness starts it with -no-reboot). */
static void reboots_unless_told_otherwise(void **state)
{
    struct machine *machine = boot("bad-reboot", "console=com1", "LICENSE", NULL, 128);

    machine_expect(machine, "neither an ELF file nor a bzImage");
    machine_expect_exit(machine);
}

/* A panic before anybody could have read a word, on a machine that has no clock to wait by. */
static void panic_waits_for_a_reader(void **state)
{
    struct machine_options options = {.name = "bad-clock",
                                      .type = "pc,acpi=off,hpet=off,pit=off",
                                      .kernel = build_path("bulkhead"),
                                      .cmdline = "console=com1",
                                      .modules = dom0_kernel(),
                                      .expect_fatal = true};
    struct machine *machine = machine_start(&options);
    struct timespec start, end;

    machine_expect(machine, "No clock works");
    machine_expect(machine, "Restarting in 5 seconds.\n");
    clock_gettime(CLOCK_MONOTONIC, &start);
    machine_expect(machine, "Restarting in 1 second.\n");
    clock_gettime(CLOCK_MONOTONIC, &end);
    /* Each of its seconds is 2^31 ticks of the TSC, here of at most 4.5 GHz. */
    assert_true((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >=
                4 * 470);
    machine_expect_exit(machine);

    options.name = "bad-clock-noreboot";
    options.cmdline = "console=com1 noreboot";
    machine = machine_start(&options);
    machine_expect(machine, "No clock works");
    machine_expect(machine, "Stopped.\n");
}

static void unknown_option_warns(void **state)
{
    char modules[1024];
    struct machine *machine;

    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), dom0_ramdisk());
    machine = machine_start(&(struct machine_options){.name = "bad-option",
                                                      .kernel = build_path("bulkhead"),
                                                      .cmdline = "console=com1 no-real-mode "
                                                                 "edd=off frobnicate=3",

                                                      .modules = modules});
    machine_expect(machine, "frobnicate");
    expect_prompt(machine);
    /* What GRUB adds on UEFI is known. */
    assert_null(strstr(machine_text(machine), "'no-real-mode"));
    assert_null(strstr(machine_text(machine), "'edd=off"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(no_module, machines_stop),
        cmocka_unit_test_teardown(module_is_no_kernel, machines_stop),
        cmocka_unit_test_teardown(truncated_bzimage, machines_stop),
        cmocka_unit_test_teardown(kernel_for_another_abi, machines_stop),
        cmocka_unit_test_teardown(too_little_memory, machines_stop),
        cmocka_unit_test_teardown(missing_cpu_feature, machines_stop),
        cmocka_unit_test_teardown(reboots_unless_told_otherwise, machines_stop),
        cmocka_unit_test_teardown(panic_waits_for_a_reader, machines_stop),
        cmocka_unit_test_teardown(unknown_option_warns, machines_stop),
    };

    return cmocka_run_group_tests_name("bad boots", tests, NULL, NULL);
}
