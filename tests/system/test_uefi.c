/* SPDX-License-Identifier: MIT */
/*
 * Debian's kernel as dom0 on a UEFI machine that GRUB has booted, on Bulkhead and on Xen: it finds
 * ACPI and the firmware's tables, efibootmgr lists, creates and removes boot entries, a variable
 * survives the machine's being switched off, and dom0 switches it off.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

/* Boots dom0 with the word @word on its command line, on the flash with the variables of @name. */
static struct machine *boot(const char *name, const char *hypervisor, const char *word)
{
    char code[256], variables[256], disk[256], cmdline[64];
    const char *const extra[] = {"-drive", code, "-drive", variables, "-drive", disk, NULL};
    const char *iso = build_path("logs/%s.iso", name);

    snprintf(cmdline, sizeof(cmdline), "console=hvc0 quiet %s", word);
    run_command("GRUB_EFI=%s/ mk/make-iso.sh -u %s %s 'console=com1 noreboot dom0_mem=512M' "
                "%s '%s' %s ''",
                build_path("packages/grub-efi"), iso, hypervisor, build_path("packages/vmlinuz"),
                cmdline, build_path("tests/uefi.cpio.gz"));
    snprintf(code, sizeof(code), "if=pflash,format=raw,unit=0,readonly=on,file=%s",
             build_path("packages/uefi/OVMF_CODE.fd"));
    snprintf(variables, sizeof(variables), "if=pflash,format=raw,unit=1,file=%s",
             build_path("logs/%s.vars", name));
    snprintf(disk, sizeof(disk), "if=virtio,format=raw,file=%s", build_path("logs/%s.disk", name));
    return machine_start(
        &(struct machine_options){.name = name, .memory_mib = 1024, .iso = iso, .extra = extra});
}

static void expect_text(struct machine *machine, const char *text)
{
    if (!strstr(machine_between(machine), text))
        machine_fail(machine, "Linux does not say '%s'", text);
}

static void expect_tables(struct machine *machine)
{
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, "UEFI DONE");
    expect_text(machine, "UEFI rsdp: 1\n");
    expect_text(machine, "UEFI tables: /sys/firmware/efi/systab\n");
    expect_text(machine, "UEFI tables: /sys/firmware/dmi/tables/DMI\n");
    expect_text(machine, "UEFI clock: set\n");
}

static void switch_off(struct machine *machine)
{
    machine_expect(machine, LINUX_PROMPT);
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
}

static void use_firmware(const char *name, const char *hypervisor)
{
    struct machine *machine;
    char name2[64];

    run_command("cp -L %s %s", build_path("packages/uefi/OVMF_VARS.fd"),
                build_path("logs/%s.vars", name));
    run_command("truncate -s 8M %s", build_path("logs/%s.disk", name));
    run_command("echo 'label: gpt\nsize=4M, type=U' | /sbin/sfdisk -q %s",
                build_path("logs/%s.disk", name));
    machine = boot(name, hypervisor, "FIRST");
    expect_tables(machine);
    expect_text(machine, "UEFI list: Timeout: 7 seconds\n");
    expect_text(machine, "UEFI list: BootOrder: ");
    expect_text(machine, "* Bulkhead disk\n");
    switch_off(machine);
    machines_stop(NULL);

    snprintf(name2, sizeof(name2), "%s-2", name);
    run_command("mv %s %s", build_path("logs/%s.vars", name), build_path("logs/%s.vars", name2));
    run_command("mv %s %s", build_path("logs/%s.disk", name), build_path("logs/%s.disk", name2));
    machine = boot(name2, hypervisor, "SECOND");
    expect_tables(machine);
    expect_text(machine, "* Bulkhead disk\n");
    expect_text(machine, "k   e   p   t\n");
    expect_text(machine, "UEFI left: 0\n");
    switch_off(machine);
}

static void linux_on_bulkhead(void **state)
{
    use_firmware("uefi", bulkhead_image());
}

static void linux_on_xen(void **state)
{
    use_firmware("uefi-xen", build_path("packages/xen"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_on_bulkhead, machines_stop),
        cmocka_unit_test_teardown(linux_on_xen, machines_stop),
    };

    return cmocka_run_group_tests_name("UEFI", tests, NULL, NULL);
}
