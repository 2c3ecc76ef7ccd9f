/* SPDX-License-Identifier: MIT */
/*
 * `make bench-locks`: how much more two CPUs get done than one, where what they do goes through the
 * hypervisor. Two tables go to the file that the first argument names; the second one is the number
 * of runs (5). Runs alternate between the systems, and the medians count.
 *
 * - Two domains that change page tables, against one; compared with two that only compute
 *   (pv-guest/apps/load.c), which shows what the machine itself gives.
 * - Two processes that fork, execute and touch memory, against one, in a Linux domain with two
 *   vCPUs; compared with the same on the bare machine (tests/linux/scaling.c).
 *
 * One is measured on either CPU while the other computes: so all figures are those of a machine
 * whose CPUs are both busy, and one of its CPUs may be faster. One and two take turns, and of a
 * run's turns the median counts, since machines in a cloud are faster and slower from one minute to
 * the next.
 *
 * The CPUs are threads of QEMU, so the machine that this runs on has to have two cores and nothing
 * else to do. Fails when Bulkhead's factor is less than a part of the one that it is compared with,
 * or is less than Xen's, beyond the spread of Xen's runs.
 */
#include "loads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 15
#define TURNS    3
#define CPUS     2

/* What can run Linux: the bare machine comes behind the hypervisors. */
enum { NATIVE = HYPERVISORS, SYSTEMS };

static const char *const system_names[SYSTEMS] = {
    [XEN] = "xen", [BULKHEAD] = "bulkhead", [NATIVE] = "native"};

/* What one and both CPUs get done in a second, and how much more that is. */
struct factor {
    double one[MAX_RUNS], factor[MAX_RUNS];
};

static struct factor loops[HYPERVISORS], tables[HYPERVISORS], processes[SYSTEMS];

static FILE *report;
static unsigned int runs = 5;

/* Of what one and both did in each of TURNS turns. Sorts the values. */
static void note(struct factor *factor, unsigned int run, const char *what, int system, double *one,
                 const double *both)
{
    double factors[TURNS];

    for (int i = 0; i < TURNS; i++)
        factors[i] = both[i] / one[i];
    factor->factor[run] = median(factors, TURNS);
    factor->one[run] = median(one, TURNS);
    print_message("%s, run %u, %s: one %.1f, factor %.3f (%.3f to %.3f)\n", system_names[system],
                  run + 1, what, factor->one[run], factor->factor[run], factors[0],
                  factors[TURNS - 1]);
}

/* ---- Two domains ---- */

/* The first domain stays on CPU 0 and the second on CPU 1. */
static void work_together(struct machine *machine, const char *first, const char *second,
                          struct load *loads)
{
    char settings[CPUS][64];
    const char *const pointers[CPUS] = {settings[0], settings[1]};

    snprintf(settings[0], sizeof(settings[0]), "cpus='0' extra='work=%s seconds=1'", first);
    snprintf(settings[1], sizeof(settings[1]), "cpus='1' extra='work=%s seconds=1'", second);
    loads_run(machine, pointers, CPUS, loads);
}

static void measure_work(struct machine *machine, struct factor *factor, unsigned int run,
                         const char *what, int hypervisor)
{
    double ones[TURNS], sums[TURNS];
    struct load loads[CPUS];

    for (int i = 0; i < TURNS; i++) {
        work_together(machine, what, "loop", loads);
        ones[i] = loads[0].operations / 2;
        work_together(machine, "loop", what, loads);
        ones[i] += loads[1].operations / 2;
        work_together(machine, what, what, loads);
        sums[i] = loads[0].operations + loads[1].operations;
    }
    note(factor, run, what, hypervisor, ones, sums);
}

static void measure_domains(unsigned int run, int hypervisor)
{
    struct machine *machine;
    char name[64];

    snprintf(name, sizeof(name), "bench-locks-%s", system_names[hypervisor]);
    machine = loads_boot(name, hypervisor, CPUS);
    measure_work(machine, &loops[hypervisor], run, "loop", hypervisor);
    measure_work(machine, &tables[hypervisor], run, "tables", hypervisor);
    machines_stop(NULL);
}

/* ---- A Linux domain with two vCPUs, and Linux without a hypervisor ---- */

#define LINUX_MIB 256

/* Waits for the program's report: lines for one process and for two in turn. */
static void take_report(struct machine *machine, unsigned int run, int system)
{
    double rates[CPUS][TURNS];
    unsigned int turn = 0;
    const char *line;

    machine_expect(machine, "SCALING DONE");
    line = machine_text(machine);
    while (turn < TURNS && (line = strstr(line, "SCALING 1 ")) != NULL) {
        assert_int_equal(
            sscanf(line, "SCALING 1 %lf SCALING 2 %lf", &rates[0][turn], &rates[1][turn]), 2);
        line += strlen("SCALING 1 ");
        turn++;
    }
    assert_int_equal(turn, TURNS);
    note(&processes[system], run, "Linux's processes", system, rates[0], rates[1]);
}

static const char *const two_cpus[] = {"-smp", "2", NULL};

static void measure_native(unsigned int run)
{
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "bench-locks-native",
                                  .memory_mib = LINUX_MIB,
                                  .kernel = build_path("packages/vmlinuz"),
                                  .cmdline = "console=ttyS0 quiet transparent_hugepage=never",
                                  .modules = build_path("tests/linux/scaling.cpio"),
                                  .extra = two_cpus});

    take_report(machine, run, NATIVE);
    machines_stop(NULL);
}

static const char *make_linux(void)
{
    const char *folder = build_path("logs/bench-locks-linux.guests");
    const char *ramdisk = build_path("logs/bench-locks-linux.cpio");

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && printf '%%s\\n' "
                "'name = \"linux\"' 'kernel = \"/guests/vmlinuz\"' 'memory = %d' 'vcpus = %d' "
                "'ramdisk = \"/guests/scaling.cpio\"' 'extra = \"console=hvc0 quiet\"' "
                ">%s/linux.cfg && mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("packages/vmlinuz"),
                build_path("tests/linux/scaling.cpio"), folder, LINUX_MIB, CPUS, folder, ramdisk,
                folder);
    return ramdisk;
}

static void measure_domu(unsigned int run, int hypervisor)
{
    char name[64], modules[1024];
    struct machine *machine;

    snprintf(name, sizeof(name), "bench-locks-linux-%s", system_names[hypervisor]);
    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), make_linux());
    machine = machine_start(&(struct machine_options){
        .name = name,
        .memory_mib = 768,
        .kernel = build_path(hypervisor == XEN ? "packages/xen" : "bulkhead"),
        .cmdline = "console=com1 noreboot loglvl=warning dom0_mem=256M spec-ctrl=no",
        .modules = modules,
        .extra = two_cpus});
    expect_prompt(machine);
    machine_type(machine, "create -c /guests/linux.cfg");
    take_report(machine, run, hypervisor);
    machines_stop(NULL);
}

/* ---- The tables ---- */

static void print_factors(const char *text, struct factor *factors, int count)
{
    fprintf(report, "| %s |", text);
    for (int i = 0; i < count; i++) {
        double *values = factors[i].factor, middle = median(values, runs);

        fprintf(report, " %.2f (%.2f to %.2f) |", middle, values[0], values[runs - 1]);
    }
    fprintf(report, "\n");
}

/* Factors have been sorted. @return 1 for one that is too low, or 0 */
static unsigned int judge(const char *what, struct factor *factors, const double *compared,
                          double at_least)
{
    double ours = median(factors[BULKHEAD].factor, runs) / compared[BULKHEAD];
    double least_of_xen = factors[XEN].factor[0] / compared[XEN];
    bool bad = ours < at_least || ours < least_of_xen;

    fprintf(report, "| of that, at least %.2f |", at_least);
    for (int i = 0; i < HYPERVISORS; i++)
        fprintf(report, " %.2f%s |", median(factors[i].factor, runs) / compared[i],
                i == BULKHEAD && bad ? (ours < at_least ? " (under)" : " (worse)") : "");
    if (bad)
        print_error("%s: %.3f of the factor that it is compared with\n", what, ours);
    return bad;
}

static void two_cpus_do_more_than_one(void **state)
{
    double compared[HYPERVISORS];
    unsigned int bad = 0;

    for (unsigned int run = 0; run < runs; run++) {
        for (int hypervisor = 0; hypervisor < HYPERVISORS; hypervisor++)
            measure_domains(run, hypervisor);
    }
    for (unsigned int run = 0; run < runs; run++) {
        measure_native(run);
        for (int hypervisor = 0; hypervisor < HYPERVISORS; hypervisor++)
            measure_domu(run, hypervisor);
    }

    fprintf(report, "| two domains over one, on two CPUs | Xen | Bulkhead |\n|---|---:|---:|\n");
    print_factors("computing", loops, HYPERVISORS);
    print_factors("page tables", tables, HYPERVISORS);
    for (int i = 0; i < HYPERVISORS; i++)
        compared[i] = median(loops[i].factor, runs);
    bad += judge("page tables", tables, compared, 0.95);
    fprintf(report, "\n\n| two processes over one, Linux with two CPUs | Xen | Bulkhead | native "
                    "|\n|---|---:|---:|---:|\n");
    print_factors("fork, exec, touch memory", processes, SYSTEMS);
    for (int i = 0; i < HYPERVISORS; i++)
        compared[i] = median(processes[NATIVE].factor, runs);
    bad += judge("Linux's processes", processes, compared, 0.9);
    fprintf(report, " 1 |\n| one process, rounds a second |");
    for (int i = 0; i < SYSTEMS; i++)
        fprintf(report, " %.0f |", median(processes[i].one, runs));
    fprintf(report, "\n");
    fflush(report);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(two_cpus_do_more_than_one, machines_stop),
    };

    if (argc > 2)
        runs = (unsigned int)strtoul(argv[2], NULL, 10);
    if (argc < 2 || runs < 1 || runs > MAX_RUNS || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench_locks REPORT [RUNS, at most %d]\n", MAX_RUNS);
        return 2;
    }
    return cmocka_run_group_tests_name("lock benchmarks", tests, NULL, NULL);
}
