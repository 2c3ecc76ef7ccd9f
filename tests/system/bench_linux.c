/* SPDX-License-Identifier: MIT */
/*
 * `make bench-linux`: what processes ask of Debian's kernel most often (tests/linux/bench.c),
 * natively and as dom0 of Debian's Xen and of Bulkhead; a table goes to the file named by the
 * argument.
 *
 * QEMU counts: with -icount shift=0 one instruction is one nanosecond and runs repeat exactly. No
 * hypervisor uses speculation barriers. A paravirtual kernel has no huge pages, so natively it runs
 * twice, as it comes and without them. Being over the mark is reported, not a failure: most of each
 * figure is the kernel's own.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NATIVE, NATIVE_4K, XEN, BULKHEAD, RUNS };

struct operation {
    const char *name; /* as the program prints it */
    const char *text;
    double limit; /* nanoseconds on Bulkhead */
    double cost[RUNS];
};

static struct operation operations[] = {
    {"getppid", "getppid", 600, {0}},
    {"fork", "fork, exit, wait", 320000, {0}},
    {"fork_8mib", "the same with 8 MiB mapped", 1300000, {0}},
    {"fork_8mib_rewritten", "the same, each page written again before", 5000000, {0}},
    {"fork_exec", "fork, exec, wait", 1050000, {0}},
    {"map_touch_unmap", "mmap, touch 16 pages, munmap", 150000, {0}},
    {"protect", "two mprotects and a write", 8500, {0}},
    {"ping_pong", "pipe ping-pong between two processes", 16000, {0}},
    {"boot", "boot to the first process, by the kernel's clock", 2.3e9, {0}},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static FILE *report;

static void take_costs(const char *text, int run)
{
    for (const char *line = strstr(text, "BENCH "); line; line = strstr(line + 1, "BENCH ")) {
        char name[64];
        double cost;

        if (sscanf(line, "BENCH %63s %lf", name, &cost) != 2) {
            continue;
        }
        for (size_t i = 0; i < OPERATIONS; i++) {
            if (!strcmp(operations[i].name, name)) {
                operations[i].cost[run] = cost;
            }
        }
    }
}

static void measure(int run, const char *name, const char *kernel, const char *cmdline,
                    const char *modules)
{
    static const char *const icount[] = {"-icount", "shift=0", NULL};
    struct machine *machine = machine_start(&(struct machine_options){.name = name,
                                                                      .memory_mib = 1024,
                                                                      .kernel = kernel,
                                                                      .cmdline = cmdline,
                                                                      .modules = modules,
                                                                      .extra = icount});

    machine_expect(machine, "BENCH DONE");
    take_costs(machine_text(machine), run);
    machines_stop(NULL);
}

static void measure_dom0(int run, const char *name, const char *hypervisor, const char *cmdline)
{
    char modules[512];

    snprintf(modules, sizeof(modules), "%s console=hvc0 quiet,%s", build_path("packages/vmlinuz"),
             build_path("tests/linux/bench.cpio"));
    measure(run, name, hypervisor, cmdline, modules);
}

static void linux_is_measured(void **state)
{
    const char *vmlinuz = build_path("packages/vmlinuz");
    const char *ramdisk = build_path("tests/linux/bench.cpio");

    measure(NATIVE, "bench-linux", vmlinuz, "console=ttyS0 quiet", ramdisk);
    measure(NATIVE_4K, "bench-linux-4k", vmlinuz, "console=ttyS0 quiet transparent_hugepage=never",
            ramdisk);
    measure_dom0(XEN, "bench-linux-xen", build_path("packages/xen"),
                 "console=com1 noreboot loglvl=warning spec-ctrl=no");
    measure_dom0(BULKHEAD, "bench-linux-bulkhead", build_path("bulkhead"),
                 "console=com1 noreboot spec-ctrl=no");

    fprintf(report, "| operation, in nanoseconds | native | native, no huge pages | Xen | Bulkhead "
                    "| at most |\n|---|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < OPERATIONS; i++) {
        const struct operation *o = &operations[i];

        fprintf(report, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f%s |\n", o->text, o->cost[NATIVE],
                o->cost[NATIVE_4K], o->cost[XEN], o->cost[BULKHEAD], o->limit,
                o->cost[BULKHEAD] > o->limit ? " (over)" : "");
        for (int run = 0; run < RUNS; run++) {
            assert_true(o->cost[run] > 0);
        }
    }
    fflush(report);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_is_measured, machines_stop),
    };

    if (argc != 2 || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench_linux REPORT\n");
        return 2;
    }
    return cmocka_run_group_tests_name("linux benchmarks", tests, NULL, NULL);
}
