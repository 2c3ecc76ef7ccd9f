/* SPDX-License-Identifier: MIT */
/*
 * Many small domains on one machine: each takes little memory of the hypervisor's, answers on its
 * console and to an event, all of them go, and nothing is left. And what the next one costs: as
 * many instructions as the tenth did, within bounds. The argument is the number of domains.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB 2u /* a domain's memory */

static unsigned int domains = 100;

/* A ramdisk with the demonstration guest, and an autorun file of COMMANDS (NULL: none). */
static const char *make_files(const char *name, const char *commands)
{
    const char *folder = build_path("logs/%s.files", name),
               *ramdisk = build_path("logs/%s.cpio", name);
    FILE *file;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "demo", "demo", "memory = 2\nextra = 'tick=0'\n");
    if (commands) {
        file = fopen(build_path("logs/%s.files/autorun", name), "we");
        assert_non_null(file);
        fputs(commands, file);
        fclose(file);
    }
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static unsigned int machine_mib(void)
{
    return domains * (MIB + 1) + 512;
}

/* ---- They live and go ---- */

static void create_all(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "create /guests/demo.cfg name=d%u", i);
}

/* Its console's ring takes a line in each direction, both told by events. */
static void each_answers(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++) {
        char answer[32];

        snprintf(answer, sizeof(answer), "you said: n%ux", i);
        machine_type(machine, "console d%u", i);
        machine_type(machine, "n%ux", i);
        machine_expect(machine, answer);
        leave_console(machine);
    }
}

/* Every other domain hears from the store that it is to go, and goes; the rest are destroyed. */
static void all_go(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "%s d%u", i % 2 ? "shutdown -w" : "destroy", i);
}

/* What the hypervisor has allocated for domains and itself. */
static unsigned long hypervisor_kib(struct machine *machine)
{
    const char *line = strstr(bh(machine, "info"), "hypervisor_kib");

    assert_non_null(line);
    return strtoul(strchr(line, ':') + 1, NULL, 10);
}

#define DOMAIN_KIB 24.0
#define VCPU_KIB   8.0

static void expect_small_domains(struct machine *machine, unsigned long before)
{
    double each = (double)(hypervisor_kib(machine) - before) / domains;

    print_message("a domain takes %.1f KiB of the hypervisor's memory\n", each);
    if (each > DOMAIN_KIB + VCPU_KIB) {
        machine_fail(machine, "each domain of one vCPU takes %.1f KiB", each);
    }
}

/* Twice, since the first time dom0 comes to have what it needs for so many, and keeps it. */
static void many_live_and_go(void **state)
{
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "scale", .memory_mib = machine_mib()},
        make_files("scale", NULL));
    const char *before = NULL, *after = NULL;
    unsigned int nodes = lines_of(bh(machine, "store-ls"));

    for (unsigned int round = 0; round < 2; round++) {
        unsigned long kib = hypervisor_kib(machine);

        create_all(machine);
        expect_small_domains(machine, kib);
        expect_domains(machine, domains);
        each_answers(machine);
        all_go(machine);
        expect_domains(machine, 0);
        assert_int_equal(lines_of(bh(machine, "store-ls")), nodes);
        before = after;
        after = hypervisor_counters(machine);
    }
    if (strcmp(after, before) != 0) {
        machine_fail(machine, "after the second round:\n%safter the first:\n%s", after, before);
    }
}

/* ---- What they cost ---- */

/* Instructions of hypervisor and dom0, by the number of the command. */
static double *read_costs(const char *path, unsigned int commands)
{
    double *costs = calloc(commands, sizeof(*costs)), hypervisor, marker, dom0;
    FILE *file = fopen(path, "re");
    unsigned int region;

    assert_non_null(costs);
    assert_non_null(file);
    while (fscanf(file, "region %u hypervisor %lf marker %lf dom0 %lf other %*f\n", &region,
                  &hypervisor, &marker, &dom0) == 4)
        if (region < commands)
            costs[region] = hypervisor + marker + dom0;
    fclose(file);
    return costs;
}

static void expect_at_most(struct machine *machine, const char *what, double cost, double most)
{
    print_message("%s: %.0f instructions, at most %.0f\n", what, cost, most);
    if (cost > most || cost == 0) {
        machine_fail(machine, "%s took %.0f instructions, more than %.0f", what, cost, most);
    }
}

#define SCRUB     520.0 /* instructions: a store for each 8 bytes of a frame, and a few */
#define TAKE      40.0  /* to take it from the dirty frames, and to list it among the clean ones */
#define A_FRAME   150.0 /* besides, for all that is done with a frame that is mapped at once */
#define MORE_MIB  2u
#define MORE_COST ((A_FRAME + SCRUB) * 256 * MORE_MIB)
#define LARGER    3u /* times; the cheapest counts, since now and then a table grows */

static double cheapest_larger(const double *costs)
{
    double least = costs[0];

    for (unsigned int i = 1; i < LARGER; i++)
        least = costs[i] < least ? costs[i] : least;
    return least;
}

/*
 * The commands come from the autorun file, so that no typing is counted: the domains are created,
 * listed in three ways, and destroyed from the last one on. Before that larger ones come and go,
 * which show what each frame costs. The last command begins what nobody reads.
 */
static void the_next_costs_no_more(void **state)
{
    const char *counts = build_path("logs/scale-costs.count");
    char *commands = malloc(64ul * (2ul * domains + 2 * LARGER + 10)), *to = commands,
         address[32] = "";
    const unsigned int created = 1, listed = created + domains, topped = listed + 1,
                       nodes = topped + 1, larger = nodes + 1, destroyed = larger + 2 * LARGER,
                       end = destroyed + domains;
    const char *extra[] = {"-icount", "shift=0", "-plugin", NULL, NULL};
    struct machine *machine;
    double *costs;
    FILE *file;

    assert_non_null(commands);
    to += sprintf(to, "info\n");
    for (unsigned int i = 1; i <= domains; i++)
        to += sprintf(to, "create -p /guests/demo.cfg name=d%u\n", i);
    to += sprintf(to, "list\ntop --batch --iterations 1\nstore-ls\n");
    for (unsigned int i = 0; i < LARGER; i++)
        to += sprintf(to, "create -p /guests/demo.cfg name=larger%u memory=%u\n", i,
                      MIB + MORE_MIB);
    for (unsigned int i = 0; i < LARGER; i++)
        to += sprintf(to, "destroy larger%u\n", i);
    for (unsigned int i = domains; i >= 1; i--)
        to += sprintf(to, "destroy d%u\n", i);
    sprintf(to, "uptime\nversion\n");
    run_command("rm -f %s && nm %s | awk '$3 == \"bh_run\" { print $1 }' >%s", counts,
                dom0_kernel(), build_path("logs/scale-costs.address"));
    file = fopen(build_path("logs/scale-costs.address"), "re");
    assert_non_null(file);
    assert_non_null(fgets(address, sizeof(address), file));
    fclose(file);
    address[strcspn(address, "\n")] = '\0';
    extra[3] = build_path("tests/qemu/count.so,out=%s,at=%s", counts, address);
    machine = machine_start(&(struct machine_options){
        .name = "scale-costs",
        .memory_mib = machine_mib(),
        .kernel = bulkhead_image(),
        .cmdline = "console=com1 spec-ctrl=no",
        .modules = build_path("pv-guest/dom0,%s", make_files("scale-costs", commands)),
        .extra = extra});
    machine_expect(machine, "> version");
    expect_prompt(machine);
    costs = read_costs(counts, end);
    expect_at_most(machine, "creating the 10th", costs[created + 9], 1200000);
    expect_at_most(machine, "creating the last", costs[created + domains - 1],
                   1.1 * costs[created + 9]);
    expect_at_most(machine, "creating a larger one", cheapest_larger(&costs[larger]),
                   costs[created + domains - 1] + MORE_COST);
    expect_at_most(machine, "destroying the 10th", costs[end - 10], 500000);
    expect_at_most(machine, "destroying the last", costs[destroyed], 1.1 * costs[end - 10]);
    expect_at_most(machine, "destroying a larger one", cheapest_larger(&costs[larger + LARGER]),
                   costs[end - 10] + MORE_COST + TAKE * 256 * MORE_MIB);
    expect_at_most(machine, "listing a domain", costs[listed] / (domains + 1), 10000);
    expect_at_most(machine, "a domain in top", costs[topped] / (domains + 1), 20000);
    expect_at_most(machine, "a domain's nodes in store-ls", costs[nodes] / (domains + 1), 400000);
    free(costs);
    free(commands);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(many_live_and_go, machines_stop),
        cmocka_unit_test_teardown(the_next_costs_no_more, machines_stop),
    };

    if (argc > 1) {
        domains = (unsigned int)strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
