/* SPDX-License-Identifier: MIT */
/*
 * Images as the packages install them, packed with gzip: GRUB unpacks the hypervisor, the
 * hypervisor unpacks the built-in dom0, and that unpacks a guest.
 */
#include "bulkhead.h"

static void packed_images_boot(void **state)
{
    static const char *const files[] = {"../dist/demo.gz", NULL};
    const char *ramdisk = make_ramdisk("packed", files);
    const char *iso = make_iso("packed", build_path("dist/bulkhead.gz"), "console=com1 noreboot",
                               build_path("dist/dom0.gz"), "", ramdisk);
    struct machine *machine = machine_start(
        &(struct machine_options){.name = "packed", .iso = iso});

    expect_prompt(machine);
    bh(machine, "create name=demo kernel=/guests/demo.gz memory=16");
    talk_to_demo(machine, "hello");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(packed_images_boot, machines_stop),
    };

    return cmocka_run_group_tests_name("packed", tests, NULL, NULL);
}
