/* SPDX-License-Identifier: MIT */
/*
 * An installed Debian 12 as a domU with its root on dom0's real disk: to the login prompt, no
 * failed units, data that is there after `bh reboot`, an address by DHCP and a transfer from
 * outside, fio with verification over a second disk that is attached while it runs. Afterwards no
 * port, grant or reference is left. With the argument "long" fio writes more, and to files of the
 * root file system too, and a Debian is destroyed in the middle of its work.
 */
#include "debian.h"

#include <stdlib.h>
#include <string.h>

static bool is_long;

static void expect_all_units_well(struct machine *machine)
{
    if (!strstr(debian_shell(machine, "systemctl is-system-running --wait"), "running")) {
        debian_shell(machine, "systemctl --failed --no-pager");
        machine_fail(machine, "some units have failed");
    }
}

/*
 * Ports, grants and references without the first line, the frames: dom0's table of mapped grants
 * has grown and stays as it is.
 */
static const char *counters(struct machine *machine)
{
    return strchr(hypervisor_counters(machine), '\n');
}

/*
 * Its address is one that QEMU's DHCP server gave; what it fetches from outside is what lies there.
 */
static void use_network(struct machine *machine)
{
    debian_do(machine, "until ip -4 -br address | grep -q 10.0.2.; do sleep 0.2; done");
    debian_do(machine, "ping -q -c 3 -i 0.2 10.0.2.2");
    debian_do(machine, "nc -d 10.0.2.100 80 >fetched");
    debian_do(machine, "[ \"$(head -n 1 fetched)\" = \"$(tail -n +2 fetched | sha256sum)\" ]");
}

static void run_fio(struct machine *machine)
{
    debian_do(machine, "DISK=/dev/xvdb SIZE=%s fio --eta=never --output=fio.log verify.fio",
              is_long ? "64M" : "2M");
    if (is_long) {
        debian_do(machine,
                  "DISK=/root/fio.data SIZE=32M fio --eta=never --output=fio.log verify.fio");
        debian_do(machine, "rm fio.data");
    }
}

static void debian_boots_works_and_keeps_its_data(void **state)
{
    struct machine *machine = debian_boot("debian", 128);
    const char *before = counters(machine);

    machine_type(machine, "create -c /guests/debian.cfg");
    debian_log_in(machine);
    assert_non_null(strstr(debian_shell(machine, "uname -r"), linux_release()));
    assert_non_null(strstr(debian_shell(machine, "findmnt -n -o SOURCE /"), "/dev/xvda1"));
    expect_all_units_well(machine);

    debian_do(machine, "head -c 8000000 /dev/urandom >data && sha256sum data >sum && sync");
    debian_leave(machine);
    bh(machine, "reboot debian");
    machine_expect(machine, "is running again");
    machine_type(machine, "console debian");
    debian_log_in(machine);
    debian_do(machine, "sha256sum -c sum");
    expect_all_units_well(machine);
    use_network(machine);

    debian_leave(machine);
    bh(machine, "block-attach debian /dev/vdb,raw,xvdb,w");
    assert_non_null(strstr(bh(machine, "block-list debian"), "51728"));
    machine_type(machine, "console debian");
    debian_do(machine, "udevadm wait /dev/xvdb --timeout=60");
    run_fio(machine);
    debian_leave(machine);
    bh(machine, "block-detach debian xvdb");
    bh(machine, "shutdown -w debian");
    assert_string_equal(counters(machine), before);
}

/* Disks and network under load, then the plug is pulled; the next domain finds all of it free. */
static void domain_destroyed_in_the_middle_of_its_io(void **state)
{
    struct machine *machine = debian_boot("debian-destroy", 64);
    const char *before = counters(machine);

    bh(machine, "create /guests/debian.cfg");
    bh(machine, "block-attach debian /dev/vdb,raw,xvdb,w");
    machine_type(machine, "console debian");
    debian_log_in(machine);
    debian_do(machine, "udevadm wait /dev/xvdb --timeout=900");
    use_network(machine);
    debian_shell(machine, "ping -q -f -s 1000 10.0.2.2 >/dev/null 2>&1 &");
    debian_shell(machine, "fio --name=a --filename=/dev/xvdb --size=32M --direct=1 --rw=randrw "
                          "--bs=16k --iodepth=32 --ioengine=libaio --loops=1000 --eta=never "
                          ">/dev/null &");
    debian_do(machine,
              "until grep -q ' [1-9][0-9]* *[0-9]*$' /sys/block/xvdb/inflight; do :; done");
    debian_do(machine, "cat /sys/block/xvdb/stat");
    debian_leave(machine);
    bh(machine, "destroy debian");
    assert_string_equal(counters(machine), before);

    bh(machine, "create -p /guests/debian.cfg");
    bh(machine, "block-attach debian /dev/vdb,raw,xvdb,w");
    assert_non_null(strstr(bh(machine, "block-list debian"), "51713"));
    bh(machine, "destroy debian");
    assert_string_equal(counters(machine), before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(debian_boots_works_and_keeps_its_data, machines_stop),
    };
    const struct CMUnitTest long_tests[] = {
        cmocka_unit_test_teardown(debian_boots_works_and_keeps_its_data, machines_stop),
        cmocka_unit_test_teardown(domain_destroyed_in_the_middle_of_its_io, machines_stop),
    };

    is_long = argc > 1 && !strcmp(argv[1], "long");
    if (is_long) {
        return cmocka_run_group_tests_name("debian", long_tests, NULL, NULL);
    }
    return cmocka_run_group_tests_name("debian", tests, NULL, NULL);
}
