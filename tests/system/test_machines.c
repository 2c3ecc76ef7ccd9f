/* SPDX-License-Identifier: MIT */
/*
 * The machines that Bulkhead has to run on: both of QEMU's PC types, a plain and a rich CPU, little
 * memory and memory far above the 4 GiB hole. On each: boot, create a domain, hear from it, destroy
 * it.
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

#define ON(kind) \
    cmocka_unit_test_prestate_setup_teardown(boots_and_runs_a_domain, NULL, machines_stop, &(kind))

int main(void)
{
    struct CMUnitTest tests[] = {ON(pc_qemu64), ON(pc_max),   ON(q35_qemu64),
                                 ON(q35_max),   ON(smallest), ON(largest)};
    static const char *const names[] = {"pc, -cpu qemu64", "pc, -cpu max", "q35, -cpu qemu64",
                                        "q35, -cpu max",   "64 MiB",       "16 GiB"};

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].name = names[i];
    }
    return cmocka_run_group_tests_name("machines", tests, NULL, NULL);
}
