/* SPDX-License-Identifier: MIT */
/*
 * Nothing is lost when domains come and go: after many rounds of create and destroy the free memory
 * and all that the hypervisor counts equal what they were before. The argument is the number of
 * rounds.
 */
#include "bulkhead.h"

#include <stdlib.h>
#include <string.h>

static int rounds = 20;

static void all_is_as_before(void **state)
{
    const char *iso = make_dom0_iso("leaks", dom0_ramdisk());
    struct machine *machine = machine_start(&(struct machine_options){.name = "leaks", .iso = iso});
    const char *counters_before;
    long long free_before;

    expect_prompt(machine);
    free_before = free_memory(machine);
    counters_before = hypervisor_counters(machine);
    for (int i = 0; i < rounds; i++) {
        bh(machine, "create /guests/demo.cfg");
        assert_non_null(strstr(bh(machine, "list"), "demo"));
        bh(machine, "destroy demo");
        assert_null(strstr(bh(machine, "list"), "demo"));
        assert_int_equal(free_memory(machine), free_before);
    }
    assert_string_equal(hypervisor_counters(machine), counters_before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(all_is_as_before, machines_stop),
    };

    if (argc > 1) {
        rounds = (int)strtol(argv[1], NULL, 10);
    }
    return cmocka_run_group_tests_name("leaks", tests, NULL, NULL);
}
