/* SPDX-License-Identifier: MIT */
/*
 * Many small domains on one machine: each takes little memory of the hypervisor's, answers on its
 * console and to an event, all of them go, and nothing is left. What the hypervisor takes for
 * itself, a domain and a vCPU. And what the next one costs: as many instructions as the tenth did,
 * within bounds. The argument is the number of domains; with 1000 the machine has 8 GiB, and they
 * have three minutes.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

#define MANY         1000u
#define MANY_MIB     8192u
#define MANY_SECONDS 180

static unsigned int machine_mib(void)
{
    return domains < MANY ? domains * (MIB + 1) + 512 : MANY_MIB;
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

/* Each domain hears from the store, by an event, that it is to go, and goes. */
static void all_obey(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "shutdown -w d%u", i);
}

static void all_destroyed(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "destroy d%u", i);
}

/* What `bh info` says of KEY. */
static long long info(struct machine *machine, const char *key)
{
    return json_number(machine, bh(machine, "info --json"), key);
}

#define DOMAIN_BYTES (24 * 1024)
#define VCPU_BYTES   (8 * 1024)
#define WINDOW_BYTES 256 /* a sixteenth of a page table, of which two may be begun */
#define PAGE_BYTES   4096

static void expect_small_domains(struct machine *machine, long long before)
{
    double each = (double)(info(machine, "hypervisor_domains_kib") - before) * 1024 / domains;

    print_message("a domain with its vCPU takes %.0f bytes of the hypervisor's memory\n", each);
    if (each > DOMAIN_BYTES + VCPU_BYTES) {
        machine_fail(machine, "each domain of one vCPU takes %.0f bytes", each);
    }
}

static void expect_in_time(struct machine *machine, time_t begin)
{
    long seconds = (long)(time(NULL) - begin);

    print_message("%u domains were created and answered in %ld s\n", domains, seconds);
    if (domains >= MANY && seconds > MANY_SECONDS) {
        machine_fail(machine, "it took %ld s, more than %d", seconds, MANY_SECONDS);
    }
}

#define PORTS_OF_DOM0   5u /* without domains, with port 0 */
#define PORTS_OF_DOMAIN 2u /* of dom0's: console and store */
#define PORTS_OF_PAGE   64u

/*
 * Compares what the hypervisor counts. All has to be as before, but that dom0 keeps the pages that
 * describe its event channels, as on Xen: as many as it has needed so far.
 */
static void expect_counters(struct machine *machine, const char *before)
{
    static const char format[] = "(BH) memory: %lu of %*u frames free, 0 claimed, %lu bytes";
    const unsigned long ports = PORTS_OF_DOM0 + PORTS_OF_DOMAIN * domains,
                        most = (ports + PORTS_OF_PAGE - 1) / PORTS_OF_PAGE - 1;
    const char *after = hypervisor_counters(machine);
    unsigned long frames[2], bytes[2];

    if (sscanf(before, format, &frames[0], &bytes[0]) != 2 ||
        sscanf(after, format, &frames[1], &bytes[1]) != 2 || frames[0] < frames[1] ||
        frames[0] - frames[1] > most || bytes[1] - bytes[0] != (frames[0] - frames[1]) * 4096 ||
        strcmp(strchr(before, '\n'), strchr(after, '\n')) != 0) {
        machine_fail(machine, "afterwards:\n%sbefore:\n%s", after, before);
    }
}

/* In the first round they go by themselves, in the second they are destroyed. */
static void many_live_and_go(void **state)
{
    static void (*const end[])(struct machine * machine) = {all_obey, all_destroyed};
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "scale", .memory_mib = machine_mib()},
        make_files("scale", NULL));
    unsigned int nodes = lines_of(bh(machine, "store-ls"));
    const char *before;

    bh(machine, "create /guests/demo.cfg name=d0");
    bh(machine, "destroy d0");
    before = hypervisor_counters(machine);
    for (unsigned int round = 0; round < 2; round++) {
        long long kib = info(machine, "hypervisor_domains_kib");
        time_t begin = time(NULL);

        create_all(machine);
        expect_small_domains(machine, kib);
        expect_domains(machine, domains);
        each_answers(machine);
        expect_in_time(machine, begin);
        end[round](machine);
        expect_domains(machine, 0);
        assert_int_equal(lines_of(bh(machine, "store-ls")), nodes);
        expect_counters(machine, before);
    }
}

/* ---- What the hypervisor takes ---- */

#define MEMORY_CPUS 4
#define MORE_VCPUS  16

/* The fixed part: 1 per cent of RAM, 4 MiB, and 64 KiB for each CPU, and its pieces fit in it. */
static void expect_fixed_part(struct machine *machine)
{
    long long fixed = info(machine, "hypervisor_fixed_kib"), ram = info(machine, "ram_kib"),
              most = ram / 100 + 4096 + 64 * MEMORY_CPUS,
              tables = info(machine, "hypervisor_frames_kib") + info(machine, "hypervisor_m2p_kib"),
              cpus = info(machine, "hypervisor_cpus_kib"),
              image = info(machine, "hypervisor_image_kib");

    print_message("fixed part: %lld KiB, at most %lld: image %lld, tables %lld, CPUs %lld\n", fixed,
                  most, image, tables, cpus);
    if (fixed > most || image + tables + cpus > fixed || tables < ram / 4096 * 40 ||
        cpus > 64 * (MEMORY_CPUS - 1) || cpus < 32 * (MEMORY_CPUS - 1) || image < 256) {
        machine_fail(machine, "the hypervisor takes other memory than it should");
    }
    assert_int_equal(ram - info(machine, "heap_kib") >= image + tables, 1);
}

/* @return what a domain with VCPUS takes; it does not run */
static long long bytes_of_domain(struct machine *machine, unsigned int vcpus)
{
    long long before = info(machine, "hypervisor_domains_kib"), taken;

    bh(machine, "create -p /guests/demo.cfg vcpus=%u", vcpus);
    taken = info(machine, "hypervisor_domains_kib") - before;
    bh(machine, "destroy demo");
    return taken * 1024;
}

static void what_the_hypervisor_takes(void **state)
{
    static const char *const cpus[] = {"-smp", "4", NULL};
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "scale-memory", .memory_mib = 4096, .extra = cpus},
        make_files("scale-memory", NULL));
    long long one, more, vcpu = info(machine, "bytes_per_vcpu");

    expect_fixed_part(machine);
    bytes_of_domain(machine, 1); /* what dom0 needs for the first one stays */
    one = bytes_of_domain(machine, 1);
    more = bytes_of_domain(machine, 1 + MORE_VCPUS);
    print_message("a domain takes %lld bytes, each further vCPU %lld\n", one - vcpu,
                  (more - one) / MORE_VCPUS);
    assert_int_equal(vcpu, VCPU_BYTES + WINDOW_BYTES);
    if (one - VCPU_BYTES > DOMAIN_BYTES || one - VCPU_BYTES < DOMAIN_BYTES / 2) {
        machine_fail(machine, "a domain takes %lld bytes", one - VCPU_BYTES);
    }
    if (more - one > MORE_VCPUS * (VCPU_BYTES + WINDOW_BYTES) + PAGE_BYTES ||
        more - one < MORE_VCPUS * VCPU_BYTES) {
        machine_fail(machine, "%d vCPUs take %lld bytes", MORE_VCPUS, more - one);
    }
}

/* ---- What they cost ---- */

/*
 * Instructions of hypervisor and dom0, by the number of the command; *FIRST: those from the
 * beginning of command CREATE, or of the next one, to the first instruction of a domU.
 */
static double *read_costs(const char *path, unsigned int commands, unsigned int create,
                          double *first)
{
    double *costs = calloc(commands, sizeof(*costs)), hypervisor, marker, dom0;
    FILE *file = fopen(path, "re");
    unsigned int region;
    char word[8];

    *first = 0;
    assert_non_null(costs);
    assert_non_null(file);
    while (fscanf(file, "%7s %u hypervisor %lf marker %lf dom0 %lf other %*f\n", word, &region,
                  &hypervisor, &marker, &dom0) == 5) {
        if (strcmp(word, "first") == 0) {
            assert_in_range(region, create, create + 1);
            *first = hypervisor + marker + dom0 + (region > create ? costs[create] : 0);
        } else if (region < commands) {
            costs[region] = hypervisor + marker + dom0;
        }
    }
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
#define A_FRAME   150.0 /* besides, for all that is done with a frame that is mapped at once */
#define MORE_MIB  2u
#define MORE_COST ((A_FRAME + SCRUB) * 256 * MORE_MIB)
#define LARGER    3u /* times */
#define AGAIN     2u /* times; the last one counts: the first may get RAM that nobody had before */

/* Now and then a table grows: of the larger ones the cheapest counts. */
static double cheapest_larger(const double *costs)
{
    double least = costs[0];

    for (unsigned int i = 1; i < LARGER; i++)
        least = costs[i] < least ? costs[i] : least;
    return least;
}

/*
 * The middle one of three that destroy as much. Freed frames are scrubbed 64 at a time, so now and
 * then one of them scrubs what others left, and an idle moment may have spared one.
 */
static double usual_of_three(const double *costs)
{
    double least = costs[0] < costs[1] ? costs[0] : costs[1],
           most = costs[0] < costs[1] ? costs[1] : costs[0];

    return costs[2] < least ? least : costs[2] > most ? most : costs[2];
}

/* @return the address of NAME in the image at PATH, in hexadecimal */
static const char *address_of(const char *path, const char *name)
{
    static char address[2][32];
    static unsigned int uses;
    char *to = address[uses++ % 2];
    FILE *file;

    run_command("nm %s | awk '$3 == \"%s\" { print $1 }' >%s", path, name,
                build_path("logs/scale-costs.address"));
    file = fopen(build_path("logs/scale-costs.address"), "re");
    assert_non_null(file);
    assert_non_null(fgets(to, sizeof(address[0]), file));
    fclose(file);
    to[strcspn(to, "\n")] = '\0';
    return to;
}

/*
 * The commands come from the autorun file, so that no typing is counted. One domain, from RAM that
 * was never used, runs; then the domains are created, listed in three ways, and destroyed from the
 * last one on. Before that larger ones come and go, which show what each frame costs, and leave
 * frames that one more domain is created from. The last command begins what nobody reads.
 */
static void the_next_costs_no_more(void **state)
{
    const char *counts = build_path("logs/scale-costs.count");
    char *commands = malloc(64ul * (2ul * domains + 2 * LARGER + 2 * AGAIN + 14)), *to = commands;
    const unsigned int runs = 1, created = runs + 2, listed = created + domains,
                       topped = listed + 1, nodes = topped + 1, larger = nodes + 1,
                       again = larger + 2 * LARGER, destroyed = again + 2 * AGAIN,
                       end = destroyed + domains;
    const char *extra[] = {"-icount", "shift=0", "-plugin", NULL, NULL};
    struct machine *machine;
    double *costs, first, tenth, last;

    assert_non_null(commands);
    to += sprintf(to, "info\ncreate /guests/demo.cfg\nshutdown -w demo\n");
    for (unsigned int i = 1; i <= domains; i++)
        to += sprintf(to, "create -p /guests/demo.cfg name=d%u\n", i);
    to += sprintf(to, "list\ntop --batch --iterations 1\nstore-ls\n");
    for (unsigned int i = 0; i < LARGER; i++)
        to += sprintf(to, "create -p /guests/demo.cfg name=larger%u memory=%u\n", i,
                      MIB + MORE_MIB);
    for (unsigned int i = 0; i < LARGER; i++)
        to += sprintf(to, "destroy larger%u\n", i);
    for (unsigned int i = 0; i < AGAIN; i++)
        to += sprintf(to, "create -p /guests/demo.cfg name=again\ndestroy again\n");
    for (unsigned int i = domains; i >= 1; i--)
        to += sprintf(to, "destroy d%u\n", i);
    sprintf(to, "uptime\nversion\n");
    run_command("rm -f %s", counts);
    extra[3] = build_path("tests/qemu/count.so,out=%s,at=%s,first=%s", counts,
                          address_of(dom0_kernel(), "bh_run"),
                          address_of(build_path("pv-guest/demo"), "guest_entry"));
    machine = machine_start(&(struct machine_options){
        .name = "scale-costs",
        .memory_mib = machine_mib(),
        .kernel = bulkhead_image(),
        .cmdline = "console=com1 spec-ctrl=no",
        .modules = build_path("pv-guest/dom0,%s", make_files("scale-costs", commands)),
        .extra = extra});
    machine_expect(machine, "> version");
    expect_prompt(machine);
    costs = read_costs(counts, end, runs, &first);
    expect_at_most(machine, "creating the 10th", costs[created + 9], 1200000);
    expect_at_most(machine, "creating the last", costs[created + domains - 1],
                   1.1 * costs[created + 9]);
    expect_at_most(machine, "creating a larger one", cheapest_larger(&costs[larger]),
                   costs[created + domains - 1] + MORE_COST);
    expect_at_most(machine, "creating one from freed frames", costs[destroyed - 2],
                   costs[created + domains - 1] - SCRUB * 256 * MIB * 9 / 10);
    expect_at_most(machine, "creating one, to its first instruction", first, 2000000);
    tenth = usual_of_three(&costs[end - 11]);
    last = usual_of_three(&costs[destroyed]);
    expect_at_most(machine, "destroying the 10th", tenth, 500000);
    expect_at_most(machine, "destroying the last", last, 1.1 * tenth);
    expect_at_most(machine, "destroying a larger one", usual_of_three(&costs[larger + LARGER]),
                   last + MORE_COST);
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
        cmocka_unit_test_teardown(what_the_hypervisor_takes, machines_stop),
        cmocka_unit_test_teardown(the_next_costs_no_more, machines_stop),
    };

    if (argc > 1) {
        domains = (unsigned int)strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
