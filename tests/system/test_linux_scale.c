/* SPDX-License-Identifier: MIT */
/*
 * Many Linux domains at once, with as little memory as Debian's kernel boots with: each answers on
 * its console and to an event while all are there, all of them go, and nothing is left. The
 * argument is the number of domains. A host that has not the memory for a hundred skips this.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Debian's kernel lies from 16 MiB on, and with its ramdisk and first tables it needs 81 MiB. With
 * these it ends for want of memory, with one more it gets to its first process, but one of 122 did
 * not.
 */
#define MIB         84u
#define MACHINE_MIB (16u << 10)
#define FEW         16u /* domains for which a small machine will do */
#define FEW_MIB     2048u
#define MINUTES     20

static unsigned int domains = 2;

static const char *make_files(void)
{
    const char *folder = build_path("logs/linux-scale.files");
    const char *ramdisk = build_path("logs/linux-scale.cpio");

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && printf '%%s\\n' "
                "'kernel = \"/guests/vmlinuz\"' 'ramdisk = \"/guests/answer.cpio\"' "
                "'memory = %u' 'extra = \"console=hvc0 quiet\"' >%s/linux.cfg",
                folder, folder, build_path("packages/vmlinuz"),
                build_path("tests/linux/answer.cpio"), folder, MIB, folder);
    make_guest(folder, "demo", "demo", "memory = 2\nextra = 'tick=0'\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

/* @return what the host could give now, in MiB */
static unsigned long available_mib(void)
{
    const char *line = strstr(read_whole_file("/proc/meminfo"), "MemAvailable:");

    assert_non_null(line);
    return strtoul(line + strlen("MemAvailable:"), NULL, 10) >> 10;
}

/* Dom0 comes to have what it needs for so many domains, and keeps it. */
static void have_room_for_all(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "create -p /guests/demo.cfg name=d%u", i);
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "destroy d%u", i);
}

static void wait_for_boot(struct machine *machine, unsigned int i)
{
    machine_type(machine, "console d%u", i);
    machine_expect(machine, "answer: ready");
    leave_console(machine);
}

/* Two boot at a time. */
static void create_all(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++) {
        assert_null(strstr(bh(machine, "create /guests/linux.cfg name=d%u", i), "bh create:"));
        if (i > 1)
            wait_for_boot(machine, i - 1);
    }
    wait_for_boot(machine, domains);
}

/* The store tells a domain's kernel of the key by an event; its answer comes on the console. */
static void each_answers(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++) {
        char answer[32];

        snprintf(answer, sizeof(answer), "you said: n%ux", i);
        machine_type(machine, "console d%u", i);
        machine_type(machine, "n%ux", i);
        machine_expect(machine, answer);
        leave_console(machine);
        assert_string_equal(bh(machine, "sysrq d%u h", i), "");
        machine_type(machine, "console d%u", i);
        machine_expect(machine, "sysrq: HELP");
        leave_console(machine);
    }
}

/* Every other one is asked to go, and goes; the rest are destroyed. */
static void all_go(struct machine *machine)
{
    for (unsigned int i = 1; i <= domains; i++)
        bh(machine, "%s d%u", i % 2 ? "shutdown -w" : "destroy", i);
}

static void many_linux_domains(void **state)
{
    unsigned int mib = domains > FEW ? MACHINE_MIB : FEW_MIB;
    time_t start = time(NULL);
    struct machine *machine;
    const char *before;
    unsigned int nodes;

    if (available_mib() < mib + 512) {
        print_message("skipped: %u MiB are wanted for the machine, the host has %lu MiB\n", mib,
                      available_mib());
        skip();
    }
    setenv("BULKHEAD_CPUS", "2", 0);
    machine = start_dom0(&(struct machine_options){.name = "linux-scale", .memory_mib = mib},
                         make_files());
    have_room_for_all(machine);
    before = hypervisor_counters(machine);
    nodes = lines_of(bh(machine, "store-ls"));
    create_all(machine);
    expect_domains(machine, domains);
    each_answers(machine);
    all_go(machine);
    expect_domains(machine, 0);
    assert_int_equal(lines_of(bh(machine, "store-ls")), nodes);
    assert_string_equal(hypervisor_counters(machine), before);
    print_message("%u domains of %u MiB, %ld s\n", domains, MIB, (long)(time(NULL) - start));
    assert_in_range(time(NULL) - start, 0, MINUTES * 60);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(many_linux_domains, machines_stop),
    };

    if (argc > 1) {
        domains = (unsigned int)strtoul(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("many Linux domains", tests, NULL, NULL);
}
