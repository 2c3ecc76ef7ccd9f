/* SPDX-License-Identifier: MIT */
/*
 * `make bench`: the same guest image measures the cost of each operation, in instructions, on
 * Bulkhead and on Debian's Xen; a table with the budgets goes to the file named by the argument.
 *
 * QEMU counts: with -icount shift=0 one instruction is one nanosecond and runs repeat exactly. The
 * guest (pv-guest/bench, in dom0's place) prints
 *
 *     BENCH <operation> <instructions>
 *     BENCH DONE
 *
 * Each hypervisor runs twice: without speculation barriers, which is what the budgets are for, and
 * with its defaults. Fails when an operation is over its budget, or has become dearer than it is in
 * the table of the second argument, docs/benchmarks.md, by more than 1 per cent and 2 instructions.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { XEN, BULKHEAD, XEN_DEFAULT, BULKHEAD_DEFAULT, RUNS };

struct operation {
    const char *name; /* as the guest prints it */
    const char *text;
    long budget; /* instructions, without speculation barriers */
    long cost[RUNS];
    long before; /* what the table says of Bulkhead, without speculation barriers; 0: nothing */
};

static struct operation operations[] = {
    {"null_hypercall", "null hypercall (`xen_version`)", 90, {0}, 0},
    {"multicall_32", "multicall of 32 null calls", 1600, {0}, 0},
    {"update_va_mapping", "`update_va_mapping`, no flush", 300, {0}, 0},
    {"mmu_update_32", "`mmu_update`, 32 neighbouring entries", 7000, {0}, 0},
    {"tlb_flush_local", "local TLB flush", 160, {0}, 0},
    {"invlpg_local", "local INVLPG", 160, {0}, 0},
    {"pin_unpin_l1", "pin and unpin an L1 table of 512 mappings", 45000, {0}, 0},
    {"invalid_opcode", "invalid-opcode exception and `iret`", 240, {0}, 0},
    {"page_fault", "page fault and `iret`", 260, {0}, 0},
    {"user_syscall", "system call from user mode and `iret`", 230, {0}, 0},
    {"read_cr0", "emulated read of CR0", 400, {0}, 0},
    {"pte_store", "plain store to a page-table entry", 600, {0}, 0},
    {"pte_lock_and", "`lock andb` on a page-table entry", 600, {0}, 0},
    {"pte_xchg", "`xchg` on a page-table entry", 650, {0}, 0},
    {"event_send_masked", "event send, masked", 140, {0}, 0},
    {"event_send_self", "event send to self, upcall and `iret`", 332, {0}, 0},
    {"grant_map_unmap", "grant map and unmap", 900, {0}, 0},
    {"grant_copy_4096", "grant copy of 4096 bytes", 800, {0}, 0},
    {"set_timer_op", "`set_timer_op`", 220, {0}, 0},
    {"yield", "yield with nothing else to run", 300, {0}, 0},
    {"stack_switch", "`stack_switch`", 105, {0}, 0},
    {"set_segment_base", "`set_segment_base`", 105, {0}, 0},
    {"fpu_taskswitch", "`fpu_taskswitch`", 105, {0}, 0},
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static struct {
    const char *name; /* of the log */
    const char *hypervisor;
    const char *cmdline;
} runs[RUNS] = {
    [XEN] = {"bench-xen", "packages/xen", "console=com1 noreboot loglvl=warning spec-ctrl=no"},
    [BULKHEAD] = {"bench-bulkhead", "bulkhead", "console=com1 noreboot spec-ctrl=no"},
    [XEN_DEFAULT] = {"bench-xen-default", "packages/xen", "console=com1 noreboot loglvl=warning"},
    [BULKHEAD_DEFAULT] = {"bench-bulkhead-default", "bulkhead", "console=com1 noreboot"},
};

static FILE *report;
static const char *document;

/* Reads the rows of the table that the last bench has left: | text | Xen | Bulkhead | ... */
static void read_table(void)
{
    FILE *file = fopen(document, "re");
    char line[512];

    if (!file) {
        fail_msg("%s cannot be read", document);
    }
    while (fgets(line, sizeof(line), file)) {
        for (size_t i = 0; i < OPERATIONS; i++) {
            size_t length = strlen(operations[i].text);

            if (strncmp(line, "| ", 2) == 0 && strncmp(line + 2, operations[i].text, length) == 0) {
                sscanf(line + 2 + length, " | %*d | %ld |", &operations[i].before);
            }
        }
    }
    fclose(file);
}

/* @return what an operation may cost that cost COST */
static long not_dearer(long cost)
{
    return cost + (cost / 100 > 2 ? cost / 100 : 2);
}

static void take_costs(const char *text, int run)
{
    for (const char *line = strstr(text, "BENCH "); line; line = strstr(line + 1, "BENCH ")) {
        char name[64];
        long cost;

        if (sscanf(line, "BENCH %63s %ld", name, &cost) != 2) {
            continue;
        }
        for (size_t i = 0; i < OPERATIONS; i++) {
            if (!strcmp(operations[i].name, name)) {
                operations[i].cost[run] = cost;
            }
        }
    }
}

static void measure(int run)
{
    static const char *const icount[] = {"-icount", "shift=0", NULL};
    struct machine *machine = machine_start(
        &(struct machine_options){.name = runs[run].name,
                                  .kernel = build_path("%s", runs[run].hypervisor),
                                  .cmdline = runs[run].cmdline,
                                  .modules = build_path("pv-guest/bench"),
                                  .extra = icount});

    machine_expect(machine, "BENCH DONE");
    take_costs(machine_text(machine), run);
    machines_stop(NULL);
}

static void print_row(const struct operation *operation)
{
    const long *cost = operation->cost;

    fprintf(report, "| %s | %ld | %ld | %ld%s | %ld | %ld |\n", operation->text, cost[XEN],
            cost[BULKHEAD], operation->budget, cost[BULKHEAD] > operation->budget ? " (over)" : "",
            cost[XEN_DEFAULT], cost[BULKHEAD_DEFAULT]);
}

static void costs_are_within_budget(void **state)
{
    unsigned int bad = 0;

    read_table();
    for (int run = 0; run < RUNS; run++) {
        measure(run);
    }
    fprintf(report, "| operation, in instructions | Xen | Bulkhead | budget | Xen, default "
                    "`spec-ctrl` | Bulkhead, default `spec-ctrl` |\n"
                    "|---|---:|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < OPERATIONS; i++) {
        long cost = operations[i].cost[BULKHEAD];

        print_row(&operations[i]);
        if (cost == 0 || cost > operations[i].budget) {
            print_error("%s: %ld, budget %ld\n", operations[i].name, cost, operations[i].budget);
            bad++;
        }
        if (operations[i].before == 0 || cost > not_dearer(operations[i].before)) {
            print_error("%s: %ld, in %s %ld\n", operations[i].name, cost, document,
                        operations[i].before);
            bad++;
        }
    }
    fflush(report);
    assert_int_equal(bad, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(costs_are_within_budget, machines_stop),
    };

    if (argc != 3 || !(report = fopen(argv[1], "we"))) {
        fprintf(stderr, "usage: bench REPORT DOCUMENT\n");
        return 2;
    }
    document = argv[2];
    return cmocka_run_group_tests_name("benchmarks", tests, NULL, NULL);
}
