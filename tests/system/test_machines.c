/* SPDX-License-Identifier: MIT */
/*
 * The machines that Bulkhead has to run on: both of QEMU's PC types, a plain and a rich CPU, little
 * memory and memory far above the 4 GiB hole. On each: boot, create a domain, hear from it, destroy
 * it. And machines that lack something: ACPI, IO-APIC, PM1 registers, the use of all CPUs.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

struct kind {
    const char *type;
    const char *cpu;
    unsigned int memory_mib;
    const char *const *extra;
};

/* Memory that the host has only to provide where it is touched. */
static const char *const lazy_memory[] = {"-object",
                                          "memory-backend-ram,id=ram,size=16G,reserve=off",
                                          "-machine", "memory-backend=ram", NULL};

static struct kind pc_qemu64 = {"pc", "qemu64", 512, NULL};
static struct kind pc_max = {"pc", "max", 512, NULL};
static struct kind q35_qemu64 = {"q35", "qemu64", 512, NULL};
static struct kind q35_max = {"q35", "max", 512, NULL};
static struct kind smallest = {"q35", NULL, 64, NULL};
static struct kind largest = {"q35", NULL, 16384, lazy_memory};

static void boots_and_runs_a_domain(void **state)
{
    static const char *const files[] = {"demo", "demo.cfg", NULL};
    const struct kind *kind = *state;
    struct machine *machine;
    const char *iso;
    char name[64];

    snprintf(name, sizeof(name), "machine-%s-%s-%u", kind->type, kind->cpu ? kind->cpu : "default",
             kind->memory_mib);
    iso = make_dom0_iso(name, make_ramdisk(name, files));
    machine = machine_start(&(struct machine_options){.name = name,
                                                      .type = kind->type,
                                                      .cpu = kind->cpu,
                                                      .memory_mib = kind->memory_mib,
                                                      .iso = iso,
                                                      .extra = kind->extra});
    expect_prompt(machine);
    /* All of RAM is used: no more than an eighth, and 8 MiB, is missing. */
    assert_true(json_number(machine, bh(machine, "info --json"), "total_memory") >=
                kind->memory_mib - kind->memory_mib / 8 - 8);
    bh(machine, "create /guests/demo.cfg");
    assert_non_null(strstr(bh(machine, "list"), "demo"));
    talk_to_demo(machine, "hello");
    bh(machine, "destroy demo");
    assert_null(strstr(bh(machine, "list"), "demo"));
}

/* ---- machines that lack something ---- */

/* Without an IO-APIC the serial port has no interrupt. */
static void serial_port_is_polled(void **state)
{
    const char *type = *state;
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "machine-no-ioapic", .type = type, .cpu = "qemu64"},
        dom0_ramdisk());

    assert_non_null(strstr(machine_text(machine), "No IO-APIC"));
    /* A line much longer than what the port's FIFO holds. */
    assert_non_null(strstr(bh(machine, "%-150s --long", "list"), "\"domid\": 0"));
    assert_non_null(strstr(bh(machine, "list"), "Domain-0"));
}

/* Has a sleep control register in memory, and no PM1 registers. */
static void microvm_switches_itself_off(void **state)
{
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "machine-microvm", .type = "microvm"}, dom0_ramdisk());

    assert_non_null(strstr(machine_text(machine), ", soft off\n"));
    machine_type(machine, "poweroff");
    machine_expect(machine, "dom0 shut down: power off");
    machine_expect_exit(machine);
}

static void says_how_many_cpus_it_uses(void **state)
{
    static const char *const four_cpus[] = {"-smp", "4", NULL};
    struct machine *machine = start_dom0(&(struct machine_options){.name = "machine-maxcpus",
                                                                   .extra = four_cpus,
                                                                   .cmdline = "console=com1 "
                                                                              "maxcpus=2"},
                                         dom0_ramdisk());

    assert_non_null(
        strstr(machine_text(machine), "(BH) CPUs: 4 present, at most 2 by maxcpus=, 2 used\n"));
    assert_int_equal(json_number(machine, bh(machine, "info --json"), "nr_cpus"), 2);
}

/* CPUs that do not say that they are emulated idle with MWAIT. */
static void idles_as_on_bare_hardware(void **state)
{
    static const char *const two_cpus[] = {"-smp", "2", NULL};
    struct machine *machine = start_dom0(&(struct machine_options){.name = "machine-mwait",
                                                                   .cpu = "max,-hypervisor",
                                                                   .extra = two_cpus},
                                         dom0_ramdisk());

    bh(machine, "create /guests/demo.cfg cpus='1'");
    talk_to_demo(machine, "hello");
    bh(machine, "vcpu-pin demo 0 0");
    talk_to_demo(machine, "again");
}

#define ON(kind) \
    cmocka_unit_test_prestate_setup_teardown(boots_and_runs_a_domain, NULL, machines_stop, &(kind))

#define WITH(test, type) \
    cmocka_unit_test_prestate_setup_teardown(test, NULL, machines_stop, (void *)(type))

int main(void)
{
    struct CMUnitTest tests[] = {ON(pc_qemu64),
                                 ON(pc_max),
                                 ON(q35_qemu64),
                                 ON(q35_max),
                                 ON(smallest),
                                 ON(largest),
                                 WITH(serial_port_is_polled, "pc,acpi=off"),
                                 WITH(serial_port_is_polled, "isapc"),
                                 WITH(microvm_switches_itself_off, NULL),
                                 WITH(says_how_many_cpus_it_uses, NULL),
                                 WITH(idles_as_on_bare_hardware, NULL)};
    static const char *const names[] = {"pc, -cpu qemu64",   "pc, -cpu max",  "q35, -cpu qemu64",
                                        "q35, -cpu max",     "64 MiB",        "16 GiB",
                                        "no ACPI, polled",   "isapc, polled", "microvm, power off",
                                        "4 CPUs, maxcpus=2", "2 CPUs, MWAIT"};

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].name = names[i];
    }
    return cmocka_run_group_tests_name("machines", tests, NULL, NULL);
}
