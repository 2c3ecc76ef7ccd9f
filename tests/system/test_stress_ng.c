/* SPDX-License-Identifier: MIT */
/*
 * Debian's kernel with four vCPUs on two CPUs under stress-ng (tests/linux/stress-ng.sh), as domU,
 * and with the argument "long" ten times as long, and for a minute as dom0, too. Nothing fails, and
 * the kernel has nothing to complain about. It was told of the time for which its vCPUs waited for
 * a CPU, and has spinlocks whose waiters sleep. The kinds of stressors have so much memory that
 * none of their processes is killed for want of it.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *domu_options = "stress=12"; /* seconds for each of five kinds: a minute */

/* What Linux says when something is wrong with memory, locks or time. */
static const char *const complaints[] = {"BUG",
                                         "WARNING",
                                         "Oops",
                                         "ad page",
                                         "stall",
                                         "lockup",
                                         "LOCKUP",
                                         "hung",
                                         "blocked for more than",
                                         "INFO:",
                                         "protection fault"};

/* There are more vCPUs than CPUs, and Linux was told that they waited. */
static void expect_steal(struct machine *machine, const char *log)
{
    const char *line = strstr(log, "STRESS-NG steal ");

    if (!line || strtoul(line + strlen("STRESS-NG steal "), NULL, 10) == 0) {
        machine_fail(machine, "Linux counts no steal time");
    }
}

/* Reads what the console shows from the program's beginning to its end. */
static void expect_success(struct machine *machine)
{
    const char *log;

    machine_expect(machine, "STRESS-NG BEGIN\n");
    while (machine_expect_any(machine, "STRESS-NG DONE\n", "STRESS-NG works\n") != 0)
        continue;
    log = strstr(machine_text(machine), "STRESS-NG BEGIN\n");
    if (strstr(log, "STRESS-NG FAIL")) {
        machine_fail(machine, "stress-ng fails: %s", strstr(log, "STRESS-NG FAIL"));
    }
    expect_steal(machine, log);
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
        const char *found = strstr(log, complaints[i]);

        if (found) {
            machine_fail(machine, "Linux complains: %.200s", found);
        }
    }
}

static void domu(void **state)
{
    const char *folder = build_path("logs/stress-ng.guests"),
               *ramdisk = build_path("logs/stress-ng.ramdisk");
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && "
                "printf '%%s\\n' 'name = \"linux\"' 'kernel = \"/guests/vmlinuz\"' 'vcpus = 4' "
                "'memory = 1024' 'ramdisk = \"/guests/stress-ng.cpio.gz\"' "
                "'extra = \"console=hvc0 quiet %s\"' >%s/linux.cfg && "
                "mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("guests/vmlinuz"), build_path("tests/stress-ng.cpio.gz"),
                folder, domu_options, folder, ramdisk, folder);
    machine = start_dom0(&(struct machine_options){.name = "stress-ng", .memory_mib = 1536},
                         ramdisk);
    bh(machine, "create /guests/linux.cfg");
    machine_type(machine, "console linux");
    expect_success(machine);
}

static void dom0(void **state)
{
    char modules[512];

    snprintf(modules, sizeof(modules), "%s console=hvc0 quiet stress=12,%s",
             build_path("packages/vmlinuz"), build_path("tests/stress-ng.cpio.gz"));
    expect_success(machine_start(
        &(struct machine_options){.name = "stress-ng-dom0",
                                  .memory_mib = 1024,
                                  .kernel = bulkhead_image(),
                                  .cmdline = "console=com1 noreboot dom0_mem=768M dom0_max_vcpus=4",
                                  .modules = modules}));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest short_tests[] = {
        cmocka_unit_test_teardown(domu, machines_stop),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test_teardown(domu, machines_stop),
        cmocka_unit_test_teardown(dom0, machines_stop),
    };

    setenv("BULKHEAD_CPUS", "2", 1);
    if (argc > 1 && !strcmp(argv[1], "long")) {
        domu_options = "stress=60 stress_all=3"; /* five minutes, and all of the classes: six */
        return cmocka_run_group_tests_name("linux under stress-ng", long_tests, NULL, NULL);
    }
    return cmocka_run_group_tests_name("linux under stress-ng", short_tests, NULL, NULL);
}
