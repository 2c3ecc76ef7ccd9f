/* SPDX-License-Identifier: MIT */
/*
 * `make bench-sched`: how CPUs are shared among busy domains, and how soon one that sleeps gets a
 * CPU among them: on Bulkhead and, by the same guests and the same built-in dom0, on Debian's Xen
 * with its credit2. A table goes to the file that the first argument names; the second one is the
 * number of runs (5).
 *
 * The CPUs are threads of QEMU, so the machine that this runs on has to have two cores and nothing
 * else to do. Shares are by the guests' own run states (VCPUOP_get_runstate_info), in ten seconds.
 * Each domain has as many vCPUs as there are CPUs. Fails when a row is not within its bound, or is
 * worse than Xen's: when the median is farther from what it should be than each of Xen's runs.
 */
#include "loads.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_RUNS 15
#define CROWD    8u /* busy domains, so that each CPU has eight vCPUs */

/* A row of the table. The nearer to the ideal a value is, the better. */
struct row {
    const char *text;
    const char *wanted;
    double ideal, bound; /* the bound is on the distance from the ideal */
    bool has_to_win;     /* better than Xen, not only as good */
    double values[HYPERVISORS][MAX_RUNS];
};

enum { WEIGHTS, CAP_ALONE, CAP_BESIDE, LATE, LATE_99, LEAST, LONGEST, WEIGHTS_4, LEAST_4, ROWS };

static struct row rows[ROWS] = {
    [WEIGHTS] = {"weights 256 and 768: CPU time of the second domain in that of the first",
                 "2.85 to 3.15", 3, 0.15, false},
    [CAP_ALONE] = {"cap 25: per cent of a CPU, nothing else runs", "22 to 28", 25, 3, false},
    [CAP_BESIDE] = {"cap 25: per cent of a CPU, beside a busy domain", "22 to 28", 25, 3, false},
    [LATE] = {"wake-ups of a mostly idle domain beside two busy ones: the median is late by, in ms",
              "less than Xen's", 0, INFINITY, true},
    [LATE_99] = {"the same, 99 of 100 are late by at most, in ms", "5, and less than Xen's", 0, 5,
                 true},
    [LEAST] = {"8 busy domains: per cent of its fair share that the vCPU that ran least got",
               "50 to 100", 100, 50, false},
    [LONGEST] = {"the same: the longest time that a vCPU waited, in ms", "at most 500", 0, 500,
                 false},
    [WEIGHTS_4] = {"4 CPUs, weights 256 and 768: CPU time of the second in that of the first",
                   "2.85 to 3.15", 3, 0.15, false},
    [LEAST_4] = {"4 CPUs, 8 busy domains: per cent of its fair share that the vCPU that ran least "
                 "got",
                 "50 to 100", 100, 50, false},
};

static FILE *report;
static unsigned int runs = 5;

/* Where the values of what is measured now go. */
static struct machine *machine;
static int hypervisor;
static unsigned int run;

static void note(int row, double value)
{
    rows[row].values[hypervisor][run] = value;
    print_message("%s, run %u, %s: %.3f\n", hypervisor == XEN ? "Xen" : "Bulkhead", run + 1,
                  rows[row].text, value);
}

static void measure_weights(int row, unsigned int cpus)
{
    char settings[2][64];
    const char *const all[] = {settings[0], settings[1]};
    struct load loads[2];

    snprintf(settings[0], sizeof(settings[0]), "vcpus=%u cpu_weight=256", cpus);
    snprintf(settings[1], sizeof(settings[1]), "vcpus=%u cpu_weight=768", cpus);
    loads_run(machine, all, 2, loads);
    note(row, loads[1].cpus / loads[0].cpus);
}

static void measure_caps(void)
{
    static const char *const settings[] = {"vcpus=2 cap=25", "vcpus=2"};
    struct load loads[2];

    loads_run(machine, settings, 1, loads);
    note(CAP_ALONE, loads[0].cpus * 100);
    loads_run(machine, settings, 2, loads);
    note(CAP_BESIDE, loads[0].cpus * 100);
}

static void measure_wake_ups(void)
{
    static const char *const settings[] = {"vcpus=2 extra='work=wake'", "vcpus=2", "vcpus=2"};
    struct load loads[3];

    loads_run(machine, settings, 3, loads);
    note(LATE, loads[0].late_ms);
    note(LATE_99, loads[0].late_99_ms);
}

static void measure_a_crowd(int least, int longest, unsigned int cpus)
{
    char setting[32];
    const char *settings[CROWD];
    struct load loads[CROWD];
    double least_cpus = INFINITY, longest_ms = 0;

    snprintf(setting, sizeof(setting), "vcpus=%u", cpus);
    for (unsigned int i = 0; i < CROWD; i++)
        settings[i] = setting;
    loads_run(machine, settings, CROWD, loads);
    for (unsigned int i = 0; i < CROWD; i++) {
        least_cpus = loads[i].least < least_cpus ? loads[i].least : least_cpus;
        longest_ms = loads[i].longest_ms > longest_ms ? loads[i].longest_ms : longest_ms;
    }
    note(least, least_cpus * CROWD * 100);
    if (longest >= 0)
        note(longest, longest_ms);
}

static void measure(void)
{
    char name[32];

    for (unsigned int cpus = 2; cpus <= 4; cpus += 2) {
        snprintf(name, sizeof(name), "bench-sched-%s-%u", hypervisor == XEN ? "xen" : "bulkhead",
                 cpus);
        machine = loads_boot(name, hypervisor, cpus);
        if (cpus == 2) {
            measure_weights(WEIGHTS, cpus);
            measure_caps();
            measure_wake_ups();
            measure_a_crowd(LEAST, LONGEST, cpus);
        } else {
            measure_weights(WEIGHTS_4, cpus);
            measure_a_crowd(LEAST_4, -1, cpus);
        }
        machines_stop(NULL);
    }
}

/* How far the median and the farthest of a hypervisor's values are from the ideal. */
static double median_distance(struct row *row, int which)
{
    return fabs(median(row->values[which], runs) - row->ideal);
}

static double farthest(const struct row *row, int which)
{
    double most = 0;

    for (unsigned int i = 0; i < runs; i++) {
        double distance = fabs(row->values[which][i] - row->ideal);

        most = distance > most ? distance : most;
    }
    return most;
}

static const char *verdict(struct row *row)
{
    double distance = median_distance(row, BULKHEAD);

    if (distance > row->bound)
        return " (over)";
    if (distance > farthest(row, XEN) || (row->has_to_win && distance >= median_distance(row, XEN)))
        return " (worse)";
    return "";
}

static void print_values(struct row *row, int which)
{
    double *values = row->values[which], middle = median(values, runs);

    fprintf(report, " | %.2f (%.2f to %.2f)", middle, values[0], values[runs - 1]);
}

static void cpus_are_shared(void **state)
{
    unsigned int bad = 0;

    for (run = 0; run < runs; run++)
        for (hypervisor = 0; hypervisor < HYPERVISORS; hypervisor++)
            measure();
    fprintf(report,
            "| median (least to most) of %u runs | wanted | Xen | Bulkhead |\n"
            "|---|---:|---:|---:|\n",
            runs);
    for (int i = 0; i < ROWS; i++) {
        const char *judgement = verdict(&rows[i]);

        fprintf(report, "| %s | %s", rows[i].text, rows[i].wanted);
        print_values(&rows[i], XEN);
        print_values(&rows[i], BULKHEAD);
        fprintf(report, "%s |\n", judgement);
        if (*judgement) {
            print_error("%s:%s\n", rows[i].text, judgement);
            bad++;
        }
    }
    fflush(report);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cpus_are_shared, machines_stop),
    };

    if (argc > 2)
        runs = (unsigned int)strtoul(argv[2], NULL, 10);
    if (argc < 2 || runs < 1 || runs > MAX_RUNS || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench_sched REPORT [RUNS, at most %d]\n", MAX_RUNS);
        return 2;
    }
    return cmocka_run_group_tests_name("scheduler benchmarks", tests, NULL, NULL);
}
