/* SPDX-License-Identifier: MIT */
/*
 * Debian's GRUB for PV domains (no hypercall-page note, writable and executable segments) as a domU
 * reaches its prompt, takes a command, and goes.
 */
#include "bulkhead.h"

#include <string.h>

static void pvgrub_reaches_its_prompt(void **state)
{
    const char *iso = make_dom0_iso("pvgrub", dom0_ramdisk());
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "pvgrub", .iso = iso});

    expect_prompt(machine);
    machine_type(machine, "create -c /guests/grub.cfg");
    machine_expect(machine, "grub> ");
    machine_type(machine, "echo pv-$grub_platform-$grub_cpu");
    machine_expect(machine, "pv-xen-x86_64");
    leave_console(machine);
    bh(machine, "destroy grub");
    assert_null(strstr(bh(machine, "list"), "grub"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pvgrub_reaches_its_prompt, machines_stop),
    };

    return cmocka_run_group_tests_name("pvgrub", tests, NULL, NULL);
}
