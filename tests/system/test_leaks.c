/* SPDX-License-Identifier: MIT */
/*
 * Nothing is lost when domains come and go: after many rounds of create and destroy the free memory
 * equals what it was after the first. The argument is the number of rounds.
 */
#include "bulkhead.h"

#include <stdlib.h>
#include <string.h>

static int rounds = 20;

static long long free_memory(struct machine *machine)
{
    return json_number(machine, bh(machine, "info --json"), "free_memory_kib");
}

static void free_memory_is_as_before(void **state)
{
    const char *iso = make_dom0_iso("leaks", dom0_ramdisk());
    struct machine *machine = machine_start(&(struct machine_options){.name = "leaks", .iso = iso});
    long long free_before;

    (void)state;
    expect_prompt(machine);
    free_before = free_memory(machine);
    for (int i = 0; i < rounds; i++) {
        bh(machine, "create /guests/demo.cfg");
        assert_non_null(strstr(bh(machine, "list"), "demo"));
        bh(machine, "destroy demo");
        assert_null(strstr(bh(machine, "list"), "demo"));
        assert_int_equal(free_memory(machine), free_before);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(free_memory_is_as_before, machines_stop),
    };

    if (argc > 1) {
        rounds = (int)strtol(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("leaks", tests, NULL, NULL);
}
