/* SPDX-License-Identifier: MIT */
/*
 * The block part of `make bench`: what a request costs through the split driver, and what the same
 * program pays for it directly on the disk; a table goes to the file named by the first argument.
 *
 * The disk exerciser (pv-guest/apps/disk.c, do=bench) runs once in dom0's place on a virtio disk
 * and once in a domU whose disk is the same one behind the built-in dom0. tests/qemu/count.c counts
 * the instructions between its marks, by the program that they belong to. Fails when the split adds
 * more than the budget.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 4000 /* requests of 4 KiB in the measured part; of 128 KiB, a 32nd of that */

enum { DIRECT, SPLIT, RUNS };

/* One region of the counter's output, by request. */
struct cost {
    double hypervisor, program, back;
};

static const struct {
    const char *text;
    int requests;
    int budget; /* per cent that the split may add */
} rows[] = {
    {"write 128 KiB, sequential, 16 at a time", COUNT / 32, 10},
    {"read 128 KiB, sequential, 16 at a time", COUNT / 32, 10},
    {"write 128 KiB, sequential, one at a time", COUNT / 32, 10},
    {"read 128 KiB, sequential, one at a time", COUNT / 32, 10},
    {"write 4 KiB, random, 16 at a time", COUNT, 60},
    {"read 4 KiB, random, 16 at a time", COUNT, 60},
};
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

static struct cost costs[RUNS][ROWS];
static FILE *report;

static void read_costs(int run, const char *path)
{
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    for (int i = 0; i < ROWS; i++) {
        struct cost *cost = &costs[run][i];
        unsigned int region;
        double other;

        assert_int_equal(fscanf(file, "region %u hypervisor %lf marker %lf dom0 %lf other %lf\n",
                                &region, &cost->hypervisor, &cost->program, &cost->back, &other),
                         5);
        /* All instructions found their program. */
        assert_true(other == 0);
        cost->hypervisor /= rows[i].requests;
        cost->program /= rows[i].requests;
        cost->back /= rows[i].requests;
    }
    fclose(file);
}

static void measure(int run)
{
    static const char *const guests[] = {"disk", "disk.cfg", NULL};
    const char *name = run == DIRECT ? "bench-block-direct" : "bench-block-split";
    const char *image = build_path("logs/%s.img", name), *out = build_path("logs/%s.count", name);
    const char *program = build_path("pv-guest/disk do=bench count=%d", COUNT);
    char drive[4200];
    const char *extra[] = {
        "-icount", "shift=0", "-plugin", build_path("tests/qemu/count.so,out=%s", out),
        "-drive",  drive,     "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
        NULL};
    struct machine *machine;

    run_command("rm -f %s %s && truncate -s 64M %s", image, out, image);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw", image);
    machine = machine_start(&(struct machine_options){
        .name = name,
        .kernel = build_path("bulkhead"),
        .cmdline = "console=com1 noreboot spec-ctrl=no",
        .modules = run == DIRECT
                       ? program
                       : build_path("pv-guest/dom0,%s", make_ramdisk("bench-block", guests)),
        .extra = extra});
    if (run == SPLIT) {
        expect_prompt(machine);
        machine_type(machine, "create -c /guests/disk.cfg extra='do=bench count=%d'", COUNT);
    }
    machine_expect(machine, "BENCH DONE");
    read_costs(run, out);
    machines_stop(NULL);
}

static double sum(const struct cost *cost)
{
    return cost->hypervisor + cost->program + cost->back;
}

static void the_split_is_within_its_budget(void **state)
{
    int bad = 0;

    for (int run = 0; run < RUNS; run++) {
        measure(run);
    }
    fprintf(report,
            "| instructions a request | direct | of that hypervisor | split | front end's domain | "
            "hypervisor | dom0 | added | at most |\n"
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n");
    for (int i = 0; i < ROWS; i++) {
        const struct cost *direct = &costs[DIRECT][i], *split = &costs[SPLIT][i];
        double added = (sum(split) / sum(direct) - 1) * 100;

        bool over = added > rows[i].budget;

        fprintf(report, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f %% | %d %%%s |\n",
                rows[i].text, sum(direct), direct->hypervisor, sum(split), split->program,
                split->hypervisor, split->back, added, rows[i].budget, over ? " (over)" : "");
        if (over) {
            print_error("%s: %.1f per cent more\n", rows[i].text, added);
            bad++;
        }
    }
    fflush(report);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_split_is_within_its_budget, machines_stop),
    };

    if (argc != 2 || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench_block REPORT\n");
        return 2;
    }
    return cmocka_run_group_tests_name("block benchmarks", tests, NULL, NULL);
}
