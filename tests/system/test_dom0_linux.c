/* SPDX-License-Identifier: MIT */
/*
 * Debian's own kernel as dom0 (`make run DOM0=linux`): it reaches its shell on hvc0, sees the
 * hypervisor as dom0 sees it, runs work that forks and maps, and powers the machine off.
 */
#include "bulkhead.h"

#include <string.h>

static const char *shell(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    return machine_between(machine);
}

static void linux_as_dom0(void **state)
{
    const char *iso = make_iso("dom0-linux", build_path("bulkhead"), "console=com1 noreboot",
                               build_path("packages/vmlinuz"), "console=hvc0",
                               build_path("dom0-linux.cpio.gz"));
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "dom0-linux", .memory_mib = 1024, .iso = iso});

    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    assert_non_null(strstr(shell(machine, "uname -r"), linux_release()));
    assert_non_null(strstr(shell(machine, "cat /proc/xen/capabilities"), "control_d"));
    assert_non_null(strstr(shell(machine, "ls /dev/xen"), "privcmd"));
    assert_non_null(strstr(shell(machine, "i=0; while [ $i -lt 100 ]; do /bin/true; "
                                          "i=$((i+1)); done; echo ran $i"),
                           "ran 100"));
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_as_dom0, machines_stop),
    };

    return cmocka_run_group_tests_name("linux as dom0", tests, NULL, NULL);
}
