/* SPDX-License-Identifier: MIT */
/*
 * Our front drivers against Linux's back drivers: pv-guest images as domUs of Debian's Xen, created
 * by xl in a Debian dom0 (mk/debian/peer) whose kernel serves the disk and the bridge. And what we
 * expect of a store, asked of Xen's own.
 */
#include "../system/bulkhead.h"

#include <stdio.h>
#include <string.h>

#define SHELL "peer# "

/*
 * Boots Xen and dom0 with tests/peer/guests and the images on /guests, and a scratch disk vdc.
 * @setting goes into the environment of dom0's scripts.
 */
static struct machine *boot(const char *name, const char *setting)
{
    const char *folder = build_path("logs/%s.guests", name);
    const char *guests = build_path("logs/%s.guests.img", name);
    const char *scratch = build_path("logs/%s.scratch.img", name);
    char modules[1024], drives[3][512];
    const char *const extra[] = {"-drive", drives[0], "-drive", drives[1],
                                 "-drive", drives[2], NULL};
    struct machine *machine;

    run_command("rm -rf %s %s %s && mkdir -p %s && cp tests/peer/guests/* %s %s %s %s && "
                "mke2fs -q -d %s %s 32m && truncate -s 64M %s",
                folder, guests, scratch, folder, build_path("pv-guest/disk"),
                build_path("pv-guest/echo"), build_path("pv-guest/test-store"), folder, folder,
                guests, scratch);
    snprintf(modules, sizeof(modules),
             "%s console=hvc0 root=/dev/vda1 init=/sbin/peer-init quiet %s,%s",
             build_path("packages/vmlinuz"), setting, build_path("debian/peer/initrd.gz"));
    snprintf(drives[0], sizeof(drives[0]), "file=%s,format=raw,if=virtio,snapshot=on",
             build_path("debian/peer/disk.img"));
    snprintf(drives[1], sizeof(drives[1]), "file=%s,format=raw,if=virtio", guests);
    snprintf(drives[2], sizeof(drives[2]), "file=%s,format=raw,if=virtio", scratch);
    machine = machine_start(
        &(struct machine_options){.name = name,
                                  .memory_mib = 1024,
                                  .kernel = build_path("packages/xen"),
                                  .cmdline = "console=com1 noreboot dom0_mem=512M spec-ctrl=no",
                                  .modules = modules,
                                  .extra = extra});
    machine_expect(machine, SHELL);
    return machine;
}

/* Types a command into dom0's shell and waits for its end; returns what it printed. */
static const char *shell(struct machine *machine, const char *command)
{
    /* Xen's buffer for input holds 128 bytes. */
    assert_true(strlen(command) < 120);
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, SHELL);
    return machine_between(machine);
}

static void expect_output(struct machine *machine, const char *command, const char *part)
{
    if (!strstr(shell(machine, command), part)) {
        machine_fail(machine, "%s: \"%s\" is not in its output", command, part);
    }
}

/* Creates a domain with a disk job and waits until it says that all went well and has ended. */
static void run_job(struct machine *machine, const char *create, const char *success)
{
    machine_type(machine, "xl create -c %s", create);
    if (machine_expect_any(machine, success, "FAIL", "is wrong", SHELL) != 0) {
        machine_fail(machine, "%s did not succeed", create);
    }
    machine_expect(machine, SHELL);
    expect_output(machine, "bash /guests/gone", "BACK ENDS LEFT: none");
}

static void disk_on_a_device_and_in_a_file(void **state)
{
    struct machine *machine = boot("peer-disk", "");

    run_job(machine, "/guests/disk.cfg", "check ok");
    /*
     * What our front driver wrote by one way is what it reads by another, from a copy that Linux
     * made.
     */
    run_job(machine, "/guests/disk.cfg 'extra=\"do=write mib=16 seed=7\"'", "DISK xvda: written");
    run_job(machine, "/guests/reader.cfg 'extra=\"do=verify mib=16 seed=7\"'",
            "DISK xvda: verified");
    shell(machine, "dd if=/dev/vdc of=/tmp/disk.img bs=1M count=16 status=none");
    run_job(machine, "/guests/file.cfg 'extra=\"do=verify mib=16 seed=7\"'", "DISK xvda: verified");
    run_job(machine, "/guests/file.cfg 'extra=\"do=check mib=16 count=300\"'", "check ok");
}

/* Types a command that shows the console of a domain with a disk job, and leaves it at work. */
static void start_load(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "DISK xvda: load goes on");
    machine_send(machine, "\x1d"); /* Ctrl-] */
    machine_expect(machine, SHELL);
}

static void end_load(struct machine *machine)
{
    shell(machine, "xl destroy disk");
    expect_output(machine, "bash /guests/gone", "BACK ENDS LEFT: none");
}

#define BACK "/local/domain/0/backend/vbd/1/51712" /* of the first domain's first disk */

/*
 * Sectors of 4096 bytes: a loop device that says so. Linux tells its size in 512 bytes all the
 * same, and finds what is written where we say that it is.
 */
static void disk_with_large_sectors(void **state)
{
    struct machine *machine = boot("peer-sectors", "");

    shell(machine, "losetup --sector-size 4096 /dev/loop1 /dev/vdc");
    start_load(machine, "xl create -c /guests/sectors.cfg 'extra=\"do=load mib=8 count=300\"'");
    expect_output(machine, "xenstore-read " BACK "/sector-size", "4096\n");
    expect_output(machine, "xenstore-read " BACK "/physical-sector-size", "4096\n");
    expect_output(machine, "xenstore-read " BACK "/sectors", "131072\n");
    end_load(machine);
    run_job(machine, "/guests/sectors.cfg", "check ok");
    run_job(machine, "/guests/sectors.cfg 'extra=\"do=write mib=16 seed=9\"'",
            "DISK xvda: written");
    shell(machine, "losetup -d /dev/loop1");
    run_job(machine, "/guests/reader.cfg 'extra=\"do=verify mib=16 seed=9\"'",
            "DISK xvda: verified");
}

/*
 * Linux's back driver offers barriers and flushes. The node of the latter is there before the back
 * driver writes it, and stays one which the domain may not read.
 */
static void barriers_where_flushes_are_not_seen(void **state)
{
    struct machine *machine = boot("peer-barriers", "");

    start_load(machine, "bash /guests/barriers");
    expect_output(machine, "xenstore-ls -p " BACK " | grep flush", "feature-flush-cache = \"1\"");
    expect_output(machine, "xenstore-ls -p " BACK " | grep flush", "(n0)");
    expect_output(machine, "xenstore-read " BACK "/feature-barrier", "1\n");
    expect_output(
        machine,
        "[ $(cat /sys/bus/xen-backend/devices/vbd-1-51712/statistics/f_req) -gt 3 ] && echo some",
        "some\n");
    end_load(machine);
}

static void domain_destroyed_in_the_middle_of_its_work(void **state)
{
    struct machine *machine = boot("peer-destroy", "");

    for (int i = 0; i < 3; i++) {
        machine_type(machine, "xl create -c /guests/disk.cfg 'extra=\"do=load mib=8\"'");
        machine_expect(machine, "DISK xvda: written");
        machine_send(machine, "\x1d"); /* Ctrl-] */
        machine_expect(machine, SHELL);
        shell(machine, "xl destroy disk");
        expect_output(machine, "bash /guests/gone", "BACK ENDS LEFT: none");
    }
    run_job(machine, "/guests/disk.cfg 'extra=\"do=check mib=8 count=100\"'", "check ok");
}

static void exchange_packets(struct machine *machine)
{
    expect_output(machine, "ping -q -c 20 -i 0.02 10.0.0.2", " 0% packet loss");
    expect_output(machine, "ping -q -c 20 -i 0.02 -s 1400 10.0.0.2", " 0% packet loss");
    /* The largest that is not cut into fragments. */
    expect_output(machine, "ping -q -c 5 -i 0.1 -s 1472 10.0.0.2", " 0% packet loss");
    expect_output(machine, "bash /guests/udp 1 3", "3 of 3");
    expect_output(machine, "bash /guests/udp 1472 5", "5 of 5");
}

static void host_on_the_bridge(void **state)
{
    static const char *const options[] = {"",
                                          " 'extra=\"ip=10.0.0.2/24 ping=10.0.0.1 offloads=no\"'"};
    struct machine *machine = boot("peer-network", "");

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        machine_type(machine, "xl create -c /guests/echo.cfg%s", options[i]);
        machine_expect(machine, "4 of 4 answered");
        machine_send(machine, "\x1d"); /* Ctrl-] */
        machine_expect(machine, SHELL);
        exchange_packets(machine);
        shell(machine, "xl destroy echo");
        expect_output(machine, "bash /guests/gone", "BACK ENDS LEFT: none");
    }
}

/* The tables that bh prints, too (tests/unit/dom0-tools/test_bh_vcpus.c, test_top.c there). */
static void tables_of_xl(void **state)
{
    struct machine *machine = boot("peer-tables", "");

    shell(machine, "xl create -p /guests/store.cfg maxvcpus=2 cpu_weight=512");
    expect_output(
        machine, "xl vcpu-list store",
        "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / "
        "Soft)\n"
        "store                                1     0    0   ---       0.0  all / all\n"
        "store                                1     1    -   --p       0.0  all / all\n");
    expect_output(machine, "xl sched-credit2",
                  "Cpupool Pool-0: ratelimit=1000us\n"
                  "Name                                ID Weight  Cap\n"
                  "Domain-0                             0    256    0\n"
                  "store                                1    512    0\n");
    expect_output(machine, "xl cpupool-list",
                  "Name               CPUs   Sched     Active   Domain "
                  "count\n"
                  "Pool-0               1   credit2       y          2\n");
    expect_output(machine, "xl cpupool-list -c",
                  "Name               CPU list\nPool-0             0\n");
    expect_output(
        machine, "xentop -b -i 1",
        "      NAME  STATE   CPU(sec) CPU(%)     MEM(k) MEM(%)  MAXMEM(k) MAXMEM(%) VCPUS "
        "NETS NETTX(k) NETRX(k) VBDS   VBD_OO   VBD_RD   VBD_WR  VBD_RSECT  VBD_WSECT SSID\n");
    expect_output(
        machine, "xentop -b -i 1",
        "\n     store ----p-          0    0.0      32768    3.1      33792       3.2     2 "
        "   0        0        0    0        0        0        0          0          0    0\n");
}

/* The xenstored in C, whose errors ours has; Debian's scripts would start the one in OCaml. */
static void store_of_xen(void **state)
{
    struct machine *machine = boot("peer-store", "XENSTORED=/usr/lib/xen-4.17/bin/xenstored");

    if (strstr(shell(machine, "pidof xenstored || echo not there"), "not there\r")) {
        machine_fail(machine, "the xenstored in C does not run");
    }
    machine_type(machine, "xl create -c /guests/store.cfg");
    if (machine_expect_any(machine, ", 0 failed", "failed", SHELL) != 0) {
        machine_fail(machine, "what we expect of a store is not what Xen's does");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(disk_on_a_device_and_in_a_file, machines_stop),
        cmocka_unit_test_teardown(disk_with_large_sectors, machines_stop),
        cmocka_unit_test_teardown(barriers_where_flushes_are_not_seen, machines_stop),
        cmocka_unit_test_teardown(domain_destroyed_in_the_middle_of_its_work, machines_stop),
        cmocka_unit_test_teardown(host_on_the_bridge, machines_stop),
        cmocka_unit_test_teardown(tables_of_xl, machines_stop),
        cmocka_unit_test_teardown(store_of_xen, machines_stop),
    };

    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
