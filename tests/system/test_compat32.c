/* SPDX-License-Identifier: MIT */
/*
 * 32-bit processes inside Debian's 64-bit kernel, as domU and as dom0: every way into the kernel
 * that such a process has. The vDSO takes SYSCALL on AMD's CPUs, of which QEMU's default is one,
 * and SYSENTER on Intel's; there the boot warns of what the CPU leaks, too. The program is
 * tests/linux/compat32.c.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

#define PROGRAM "tests/linux/compat32"

/*
 * The Linux ramdisk NAME of the build folder with the program in /bin: Linux unpacks archive after
 * archive.
 */
static const char *ramdisk_with_program(const char *name)
{
    const char *ramdisk = build_path("logs/compat32-%s", strrchr(name, '/') + 1);
    const char *folder = build_path("logs/compat32.tree");

    run_command("rm -rf %s && mkdir -p %s/bin && cp %s %s/bin/", folder, folder,
                build_path(PROGRAM), folder);
    run_command("mk/make-cpio.sh %s | gzip -n | cat %s - >%s", folder, build_path("%s", name),
                ramdisk);
    return ramdisk;
}

static void expect_ok(struct machine *machine, const char *way)
{
    char expected[64];

    machine_type(machine, "compat32 %s", way);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    snprintf(expected, sizeof(expected), "compat32 %s: ok\n", way);
    if (!strstr(machine_between(machine), expected)) {
        machine_fail(machine, "%s: %s", way, machine_between(machine));
    }
}

static void check_ways(struct machine *machine, const char *fast)
{
    char expected[32];

    expect_ok(machine, "int80");
    expect_ok(machine, fast);
    expect_ok(machine, "vdso");
    snprintf(expected, sizeof(expected), "vdso uses %s\n", fast);
    assert_non_null(strstr(machine_between(machine), expected));
}

static void start_domu(const char *name, const char *cpu, const char *fast, bool leaks)
{
    const char *folder = build_path("logs/%s.guests", name),
               *ramdisk = build_path("logs/%s.cpio", name);
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s && cp %s %s/linux.cpio.gz && "
                "cp %s %s && mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("guests/vmlinuz"), folder,
                ramdisk_with_program("guests/linux.cpio.gz"), folder,
                build_path("guests/linux.cfg"), folder, ramdisk, folder);
    machine = machine_start(&(struct machine_options){
        .name = name, .cpu = cpu, .memory_mib = 1024, .iso = make_dom0_iso(name, ramdisk)});
    expect_prompt(machine);
    assert_int_equal(strstr(machine_text(machine), "this CPU leaks memory to guests") != NULL,
                     leaks);
    machine_type(machine, "create -c /guests/linux.cfg");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    check_ways(machine, fast);
}

static void domu_on_amd(void **state)
{
    start_domu("compat32-amd", "qemu64", "syscall", false);
}

static void domu_on_intel(void **state)
{
    start_domu("compat32-intel", "Nehalem", "sysenter", true);
}

static void dom0(void **state)
{
    const char *iso = make_iso("compat32-dom0", build_path("bulkhead"), "console=com1 noreboot",
                               build_path("packages/vmlinuz"), "console=hvc0",
                               ramdisk_with_program("./dom0-linux.cpio.gz"));
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "compat32-dom0", .memory_mib = 1024, .iso = iso});

    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    check_ways(machine, "syscall");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(domu_on_amd, machines_stop),
        cmocka_unit_test_teardown(domu_on_intel, machines_stop),
        cmocka_unit_test_teardown(dom0, machines_stop),
    };

    return cmocka_run_group_tests_name("32-bit processes", tests, NULL, NULL);
}
