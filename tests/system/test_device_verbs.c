/* SPDX-License-Identifier: MIT */
/*
 * Disks and network interfaces as bh shows and changes them: with a domain from its start, over its
 * reboot, while it runs, refused, and gone without a trace.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct machine *boot(const char *name)
{
    const char *folder = build_path("logs/%s.files", name),
               *ramdisk = build_path("logs/%s.cpio", name), *disk = build_path("logs/%s.img", name);
    char drive[1024];
    const char *const extra[] = {"-drive", drive, "-device",
                                 "virtio-blk-pci,drive=disk,disable-legacy=on", NULL};

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "echo", "echo", "memory = 16\nvif = [ \"\" ]\n");
    run_command("head -c 65536 /dev/zero >%s/disk.img && truncate -s 16M %s", folder, disk);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    snprintf(drive, sizeof(drive), "if=none,id=disk,format=raw,file=%s", disk);
    return start_dom0(&(struct machine_options){.name = name, .extra = extra}, ramdisk);
}

/* Types COMMAND; fails unless its output holds PART. Returns the output. */
static const char *expect_output(struct machine *machine, const char *command, const char *part)
{
    const char *output = bh(machine, "%s", command);

    if (!strstr(output, part)) {
        machine_fail(machine, "%s: \"%s\" is not in its output", command, part);
    }
    return output;
}

static void expect_no_output(struct machine *machine, const char *command)
{
    const char *output = bh(machine, "%s", command);

    if (*output) {
        machine_fail(machine, "%s: says %s", command, output);
    }
}

/* Waits until the first vif's front end is connected. */
/* The front end, whose state is listed, is so before the back end. */
static bool is_connected(struct machine *machine)
{
    const char *json = bh(machine, "network-list --json echo"), *place;
    char backend[64];

    place = strstr(json, "\"backend\": \"");
    if (json_number(machine, json, "state") != 4 || !place ||
        sscanf(place, "\"backend\": \"%63[^\"]", backend) != 1) {
        return false;
    }
    return strcmp(bh(machine, "store-read %s/state", backend), "4\n") == 0;
}

static void wait_connected(struct machine *machine)
{
    while (!is_connected(machine)) {
    }
}

static void devices_follow_their_domain(void **state)
{
    struct machine *machine = boot("devices-follow");
    char mac[32];
    const char *text;

    bh(machine,
       "create -p /guests/echo.cfg disk=[\"/dev/vda,raw,0145000,w\",\"/guests/disk.img,xvdb,r\","
       "\",hdc:cdrom,r\"]");
    text = expect_output(machine, "block-list echo", "/local/domain/0/backend/vbd/1/51712");
    assert_non_null(strstr(text, "51728 0   1      1     -1     -1"));
    expect_output(machine, "list -l echo", "\"pdev_path\": \"/guests/disk.img\"");
    expect_output(machine, "list -l echo", "\"max_memkb\": 16384");
    assert_int_equal(json_number(machine, bh(machine, "block-list --json echo"), "rref"), -1);
    expect_output(machine, "block-list --json echo",
                  "\"frontend\": \"/local/domain/1/device/vbd/51728\"");
    text = expect_output(machine, "list -l echo", "\"mac\": \"00:16:3e:");
    snprintf(mac, sizeof(mac), "%.17s", strstr(text, "00:16:3e:"));
    bh(machine, "unpause echo");
    wait_connected(machine);
    expect_output(machine, "network-list echo", mac);
    /* It asks for an address, so it sends. */
    while (json_number(machine, bh(machine, "network-list --json echo"), "tx_packets") == 0) {
    }
    expect_output(machine, "network-list --counters echo", "tx-bytes");

    /* The positions of older versions need no prefix. */
    expect_no_output(machine, "block-attach echo /guests/disk.img xvdr r");
    expect_output(machine, "block-list echo", "/backend/vbd/1/268439808");
    expect_no_output(machine, "block-detach echo 0x10001100");

    /* What was attached is there after a reboot too, what was detached is not. */
    expect_no_output(machine, "network-attach echo mac=0:16:3e:0:0:7 antispoof");
    expect_output(machine, "network-list echo", "00:16:3e:00:00:07");
    expect_no_output(machine, "block-detach echo xvdb");
    machine_type(machine, "reboot echo");
    machine_expect(machine, "is running again");
    expect_prompt(machine);
    wait_connected(machine);
    expect_output(machine, "network-list echo", mac);
    expect_output(machine, "network-list echo", "00:16:3e:00:00:07");
    expect_output(machine, "block-list echo", "/local/domain/0/backend/vbd/2/51712");
    assert_null(strstr(bh(machine, "block-list echo"), "51728"));
    expect_no_output(machine, "network-detach echo 00:16:3e:00:00:07");
    assert_null(strstr(bh(machine, "network-list echo"), "00:16:3e:00:00:07"));
    expect_no_output(machine, "network-detach echo 0");
    expect_no_output(machine, "block-detach --force echo 51712");
    expect_no_output(machine, "destroy echo");
}

static void refusals_leave_nothing(void **state)
{
    struct machine *machine = boot("devices-refused");
    long long free_before;

    bh(machine, "create /guests/echo.cfg disk=[\"/dev/vda,raw,xvda,w\"]");
    wait_connected(machine);
    free_before = free_memory(machine);
    expect_output(
        machine, "create -p /guests/echo.cfg name=two disk=[\"/dev/vda,raw,xvda,w\"]",
        "disk xvda: vda cannot be used for writing: it is written by domain 'echo' (xvda)");
    bh(machine, "rename echo web");
    expect_output(
        machine, "create -p /guests/echo.cfg name=two disk=[\"/dev/vda,raw,xvdb,r\"]",
        "disk xvdb: vda cannot be used for reading: it is written by domain 'web' (xvda)");
    bh(machine, "rename web echo");
    expect_output(machine, "create -p /guests/echo.cfg name=two disk=[\"/dev/vdz,raw,xvda,w\"]",
                  "disk xvda: /dev/vdz is not a disk");
    expect_output(machine, "create -p /guests/echo.cfg name=two disk=[\"/dev/vda,qcow2,xvda,w\"]",
                  "format 'qcow2' is not supported");
    expect_output(machine, "create -p /guests/echo.cfg name=two vif=[\"bridge=br7\"]", "br7");
    expect_output(machine, "block-attach echo /dev/vda,,xvda,w", "has a disk xvda already");
    assert_string_equal(bh(machine, "block-attach echo /dev/vdz,,xvdb,w"),
                        "bh block-attach: disk xvdb: /dev/vdz is not a disk of this machine\n");
    expect_output(machine, "block-attach Domain-0 /dev/vda,,xvdb,w", "domain 0");
    expect_output(machine, "block-detach echo xvdb", "domain 'echo' has no disk xvdb");
    expect_output(machine, "network-detach echo 5", "has no vif 5");
    assert_null(strstr(bh(machine, "list"), "two"));
    assert_null(strstr(bh(machine, "block-list echo"), "51728"));
    assert_int_equal(free_memory(machine), free_before);
    assert_null(strstr(bh(machine, "store-ls /local/domain/0"), "two"));
    /* Quotes that a shell would take away. */
    expect_output(
        machine,
        "create -p /guests/echo.cfg name=two 'disk=[\"/dev/vdz,raw,xvda,w\"]' 'vif=[\"\"]'",
        "disk xvda: /dev/vdz is not a disk");
    /* Two may write if both say so. */
    bh(machine, "block-detach echo xvda");
    expect_no_output(machine, "block-attach echo /dev/vda,,xvda,w!");
    bh(machine, "create -p /guests/echo.cfg name=two disk=[\"/dev/vda,raw,xvda,w!\"]");
    expect_output(machine, "list", "two");
}

static void nothing_leaks(void **state)
{
    struct machine *machine = boot("devices-leaks");
    long long free_before = 0;
    const char *counters = NULL;

    for (int i = 0; i < 12; i++) {
        bh(machine, "create /guests/echo.cfg disk=[\"/dev/vda,raw,xvda,w\"]");
        if (i % 2)
            wait_connected(machine); /* else destroyed while the ends find each other */
        bh(machine, "destroy echo"); /* a back end may say that its front end is gone */
        /* After the first ones dom0 has what it keeps for later. */
        if (i == 3) {
            free_before = free_memory(machine);
            counters = hypervisor_counters(machine);
        }
    }
    assert_int_equal(free_memory(machine), free_before);
    assert_string_equal(hypervisor_counters(machine), counters);
    expect_output(machine, "store-ls", "0 = \"\"\n   domid = \"0\"\n   name = \"Domain-0\"\nvm");
}

/* A detach that the domain takes longer for than the command waits. */
static void detached_late(void **state)
{
    struct machine *machine = boot("devices-late");

    bh(machine, "create /guests/echo.cfg");
    wait_connected(machine);
    bh(machine, "pause echo");
    expect_output(machine, "network-detach echo 0", "vif 0: the domain does not let go of it");
    expect_output(machine, "network-list echo", "/backend/vif/1/0");
    machine_type(machine, "unpause echo");
    machine_expect(machine, "domain 'echo' (1) has let go of vif 0");
    expect_prompt(machine);
    assert_null(strstr(bh(machine, "network-list echo"), "/backend/vif/1/0"));
    assert_null(strstr(bh(machine, "store-ls"), "vif"));
    /* Its number is free, and the domain finds the new one. */
    expect_no_output(machine, "network-attach echo");
    wait_connected(machine);
    expect_no_output(machine, "network-detach echo 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(devices_follow_their_domain, machines_stop),
        cmocka_unit_test_teardown(refusals_leave_nothing, machines_stop),
        cmocka_unit_test_teardown(detached_late, machines_stop),
        cmocka_unit_test_teardown(nothing_leaks, machines_stop),
    };

    return cmocka_run_group_tests_name("device verbs", tests, NULL, NULL);
}
