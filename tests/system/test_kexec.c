/* SPDX-License-Identifier: MIT */
/*
 * kexec from Debian's kernel into Bulkhead by multiboot2: kexec loads the segments at their
 * physical addresses and jumps to the ELF entry point as it stands in the file.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

/* Boots Linux on the bare machine; its ramdisk (tests/linux/kexec.sh) then starts Bulkhead. */
static struct machine *start_linux(const char *name, const char *const *extra)
{
    struct machine *machine = machine_start(
        &(struct machine_options){.name = name,
                                  .kernel = build_path("packages/vmlinuz"),
                                  .cmdline = "console=ttyS0 quiet",
                                  .extra = extra,
                                  .modules = build_path("tests/kexec.cpio.gz"),
                                  .memory_mib = 1024});

    machine_expect(machine, "kexec: leaving Linux");
    return machine;
}

static void linux_starts_bulkhead(void **state)
{
    struct machine *machine = start_linux("kexec", NULL);

    machine_expect(machine, "(BH) boot loader: kexec");
    machine_expect(machine, "(BH) command line: console=com1 noreboot\n");
    expect_prompt(machine);
    /* Nothing of Linux's memory is missing: no more than an eighth, as after any boot. */
    assert_true(json_number(machine, bh(machine, "info --json"), "total_memory") >= 1024 - 128);
    assert_non_null(strstr(bh(machine, "list"), "Domain-0"));
}

/* Nothing lies in the BIOS area there: without acpi_rsdp= there would be no tables. */
static void linux_starts_bulkhead_on_uefi(void **state)
{
    char code[256], variables[256];
    const char *const firmware[] = {"-drive", code, "-drive", variables, NULL};
    struct machine *machine;

    snprintf(code, sizeof(code), "if=pflash,format=raw,unit=0,readonly=on,file=%s",
             build_path("packages/uefi/OVMF_CODE.fd"));
    snprintf(variables, sizeof(variables), "if=pflash,format=raw,unit=1,snapshot=on,file=%s",
             build_path("packages/uefi/OVMF_VARS.fd"));
    machine = start_linux("kexec-uefi", firmware);
    machine_expect(machine, "(BH) boot loader: kexec");
    expect_prompt(machine);
    assert_non_null(strstr(machine_text(machine), "noreboot acpi_rsdp=0x"));
    assert_null(strstr(machine_text(machine), "No ACPI tables"));
    assert_non_null(strstr(machine_text(machine), "(BH) IO-APIC 0: interrupts 0-23"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_starts_bulkhead, machines_stop),
        cmocka_unit_test_teardown(linux_starts_bulkhead_on_uefi, machines_stop),
    };

    return cmocka_run_group_tests_name("kexec", tests, NULL, NULL);
}
