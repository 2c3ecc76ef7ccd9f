/* SPDX-License-Identifier: MIT */
/*
 * Everything at once on four CPUs: dom0 and five domUs, with four vCPUs each, do by chance what
 * uses the hypervisor's locks, while domains and CPUs come and go (tests/guest/stress.h). None of
 * them sees wrong data, each comes to its end, and after each round the hypervisor counts what it
 * counted after the first.
 *
 * The argument is the number of rounds. STRESS_SEED in the environment sets the seed of the first
 * machine; each next one has the next. A seed says what each vCPU does, but not when.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_SECONDS     10U
#define ROUNDS_OF_MACHINE 6

static unsigned long rounds = 2, seed = 1;

static const char *make_domains(void)
{
    const char *folder = build_path("logs/stress.guests"),
               *ramdisk = build_path("logs/stress.cpio");

    run_command("rm -rf %s && mkdir -p %s && objcopy --strip-debug %s %s/stress-domu && "
                "mk/make-ramdisk.sh %s %s",
                folder, folder, build_path("pv-guest/stress-domu"), folder, ramdisk, folder);
    return ramdisk;
}

static struct machine *boot(unsigned long rounds_now)
{
    char modules[512];

    print_message("STRESS_SEED=%lu\n", seed);
    snprintf(modules, sizeof(modules), "%s seed=%lu rounds=%lu seconds=%u,%s",
             build_path("pv-guest/stress-dom0"), seed, rounds_now, ROUND_SECONDS, make_domains());
    return machine_start(
        &(struct machine_options){.name = "stress",
                                  .kernel = bulkhead_image(),
                                  .cmdline = "console=com1 noreboot loglvl=info guest_loglvl=none "
                                             "dom0_max_vcpus=4",
                                  .modules = modules});
}

/* @return what the hypervisor counts when all domains of a round have gone */
static const char *counters_of_round(struct machine *machine)
{
    if (machine_expect_any(machine, "STRESS COUNTERS\n", "STRESS FAIL ") == 1) {
        machine_expect(machine, "\n");
        machine_fail(machine, "seed %lu: %s", seed, machine_between(machine));
    }
    machine_expect(machine, "STRESS ROUND ");
    return counters_in(machine_between(machine));
}

static void run_machine(unsigned long rounds_now)
{
    struct machine *machine = boot(rounds_now);
    const char *before = counters_of_round(machine), *after;

    for (unsigned long round = 2; round <= rounds_now; round++) {
        after = counters_of_round(machine);
        if (strcmp(after, before) != 0) {
            machine_fail(machine, "seed %lu, after round %lu:\n%safter the first:\n%s", seed, round,
                         after, before);
        }
    }
    machine_expect(machine, "STRESS DONE\n");
    machine_expect_exit(machine);
}

static void all_at_once(void **state)
{
    for (; rounds > 0; seed++) {
        unsigned long now = rounds < ROUNDS_OF_MACHINE ? rounds : ROUNDS_OF_MACHINE;

        run_machine(now);
        machines_stop(NULL);
        rounds -= now;
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_at_once, machines_stop),
    };
    const char *chosen = getenv("STRESS_SEED");

    setenv("BULKHEAD_CPUS", "4", 1);
    if (argc > 1)
        rounds = strtoul(argv[1], NULL, 10);
    if (chosen)
        seed = strtoul(chosen, NULL, 10);
    return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
