/* SPDX-License-Identifier: MIT */
/*
 * Virtio disks, on Bulkhead and on Debian's Xen: the image tests/guest/virtio-blk.c in dom0's
 * place, which says what disks it wants; what it wrote and discarded is then looked for in the
 * files. And what the built-in dom0 says about each disk at boot, and after a domain wrote to one.
 */
#include "bulkhead.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MIB        1048576L
#define BLOCK_SIZE 4096L /* of the disk with an MBR */

/* ---- The disks ---- */

static const char *disk_path(const char *name, char letter)
{
    return build_path("logs/%s-%c.img", name, letter);
}

static void make_disk(const char *name, char letter, long mib)
{
    run_command("rm -f %s && truncate -s %ldM %s", disk_path(name, letter), mib,
                disk_path(name, letter));
}

struct mbr_entry {
    unsigned char type;
    unsigned int first, count; /* blocks */
};

/* sfdisk writes tables for blocks of 512 bytes alone, when the disk is a file. */
static void write_mbr(FILE *file, long block, const struct mbr_entry *entries, int count)
{
    unsigned char bytes[512] = {[510] = 0x55, [511] = 0xaa};

    for (int i = 0; i < count; i++) {
        unsigned char *entry = bytes + 446 + i * 16;

        entry[4] = entries[i].type;
        memcpy(entry + 8, &entries[i].first, 4);
        memcpy(entry + 12, &entries[i].count, 4);
    }
    assert_int_equal(fseek(file, block * BLOCK_SIZE, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, sizeof(bytes), 1, file), 1);
}

static void make_disks(const char *name)
{
    FILE *file;

    make_disk(name, 'a', 64);
    make_disk(name, 'b', 32);
    make_disk(name, 'c', 32);
    run_command("printf 'label: gpt\\nstart=2048,size=16384\\nstart=20480,size=8192\\n' | "
                "PATH=$PATH:/usr/sbin sfdisk -q %s",
                disk_path(name, 'b'));
    file = fopen(disk_path(name, 'c'), "r+be");
    assert_non_null(file);
    write_mbr(file, 0, (struct mbr_entry[]){{0x83, 256, 2048}, {0x05, 2560, 5120}}, 2);
    write_mbr(file, 2560, (struct mbr_entry[]){{0x83, 256, 1024}, {0x05, 1280, 2304}}, 2);
    write_mbr(file, 3840, (struct mbr_entry[]){{0x83, 256, 2048}}, 1);
    fclose(file);
}

/* A disk with one sector that cannot be read and one that cannot be written. */
static const char bad_disk[] =
    "{'driver':'blkdebug','node-name':'bad','image':'null','inject-error':["
    "{'event':'none','iotype':'read','sector':2048},"
    "{'event':'none','iotype':'write','sector':4096}]}";

/* QEMU's words for the disks. vda has the modern interface alone, the others are transitional. */
static struct machine *start(const char *name, bool on_xen, const char *modules)
{
    char a[512], b[512], c[512], qmp[512];
    const char *extra[] = {
        "-drive",    a,
        "-device",   "virtio-blk-pci,drive=a,disable-legacy=on",
        "-drive",    b,
        "-device",   "virtio-blk-pci,drive=b",
        "-drive",    c,
        "-device",   "virtio-blk-pci,drive=c,logical_block_size=4096,physical_block_size=4096",
        "-blockdev", "driver=null-co,size=16777216,read-zeroes=on,node-name=null",
        "-blockdev", bad_disk,
        "-device",   "virtio-blk-pci,drive=bad,rerror=report,werror=report",
        "-qmp",      qmp,
        NULL};

    make_disks(name);
    snprintf(a, sizeof(a), "file=%s,format=raw,if=none,id=a,discard=unmap", disk_path(name, 'a'));
    snprintf(b, sizeof(b), "file=%s,format=raw,if=none,id=b,readonly=on", disk_path(name, 'b'));
    snprintf(c, sizeof(c), "file=%s,format=raw,if=none,id=c", disk_path(name, 'c'));
    snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", build_path("logs/%s.qmp", name));
    return machine_start(&(struct machine_options){.name = name,
                                                   .kernel = on_xen ? build_path("packages/xen")
                                                                    : build_path("bulkhead"),
                                                   .cmdline = "console=com1 noreboot dom0_mem=256M",
                                                   .modules = modules,
                                                   .extra = extra});
}

static void resize_disk(const char *name, long mib)
{
    char command[256];

    snprintf(command, sizeof(command),
             "{\"execute\":\"block_resize\",\"arguments\":{\"device\":\"a\",\"size\":%ld}}",
             mib * MIB);
    monitor_execute(build_path("logs/%s.qmp", name), command);
}

/* ---- The tests ---- */

/* The discard at the end of the image's work gave back what it had written before the resizing. */
static void check_files(struct machine *machine, const char *name)
{
    struct stat file;

    assert_int_equal(stat(disk_path(name, 'a'), &file), 0);
    assert_int_equal(file.st_size, 80 * MIB);
    if (file.st_blocks * 512L > MIB) {
        machine_fail(machine, "%ld bytes of the disk are in use", file.st_blocks * 512L);
    }
}

static void image_passes(const char *name, bool on_xen)
{
    struct machine *machine = start(name, on_xen, build_path("pv-guest/virtio-blk"));

    machine_expect(machine, "RESIZE vda\n");
    resize_disk(name, 80);
    machine_expect(machine, "TESTS DONE ");
    machine_expect(machine, " failed");
    if (strcmp(machine_between(machine), "9 passed, 0") != 0) {
        machine_fail(machine, "%s failed", machine_between(machine));
    }
    check_files(machine, name);
}

static void on_bulkhead(void **state)
{
    image_passes("virtio-blk", false);
}

static void on_debians_xen(void **state)
{
    image_passes("virtio-blk-xen", true);
}

#define PASSED "1 passed, 0 failed"

/*
 * Devices and machines of other kinds, one disk each: interrupts by one message for all and by the
 * line, a device behind a bridge, without features that shorten requests, with a short queue, with
 * an older machine, on a second root bus, and with addresses that an IOMMU could translate; and one
 * that has nothing but the older interface, which is passed over.
 */
static void other_devices(void **state)
{
    static const struct {
        const char *type, *expected, *devices[3];
    } kinds[] = {
        {"q35", PASSED, {"virtio-blk-pci,drive=a,vectors=1"}},
        {"q35", PASSED, {"virtio-blk-pci,drive=a,vectors=0"}},
        {"q35", PASSED, {"pcie-root-port,id=bridge", "virtio-blk-pci,drive=a,bus=bridge"}},
        {"q35", PASSED, {"virtio-blk-pci,drive=a,indirect_desc=off,event_idx=off"}},
        {"q35",
         PASSED,
         {"virtio-blk-pci,drive=a,indirect_desc=off,queue-size=8,seg-max-adjust=off"}},
        {"pc", PASSED, {"virtio-blk-pci,drive=a,queue-size=1024"}},
        {"q35",
         PASSED,
         {"pxb-pcie,id=far,bus_nr=64", "pcie-root-port,id=bridge,bus=far",
          "virtio-blk-pci,drive=a,bus=bridge"}},
        {"q35", PASSED, {"virtio-blk-pci,drive=a,iommu_platform=on,disable-legacy=on"}},
        {"q35",
         "has no virtio 1.0 interface",
         {"virtio-blk-pci,drive=a,disable-modern=on,disable-legacy=off"}},
    };
    char modules[512], drive[512];

    snprintf(modules, sizeof(modules), "%s only=full_queue", build_path("pv-guest/virtio-blk"));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const char *const *devices = kinds[i].devices;
        const char *extra[] = {"-drive",
                               drive,
                               "-device",
                               devices[0],
                               devices[1] ? "-device" : NULL,
                               devices[1],
                               devices[2] ? "-device" : NULL,
                               devices[2],
                               NULL};
        struct machine *machine;

        make_disk("virtio-blk-kinds", 'a', 64);
        snprintf(drive, sizeof(drive), "file=%s,format=raw,if=none,id=a",
                 disk_path("virtio-blk-kinds", 'a'));
        machine = machine_start(&(struct machine_options){.name = "virtio-blk-kinds",
                                                          .type = kinds[i].type,
                                                          .kernel = build_path("bulkhead"),
                                                          .cmdline = "console=com1 noreboot",
                                                          .modules = modules,
                                                          .extra = extra,
                                                          .expect_fatal = true});
        machine_expect(machine, kinds[i].expected);
        machines_stop(NULL);
    }
}

#define WRITE_TO(disk) \
    "create -c /guests/disk.cfg extra='do=write mib=1' disk=['/dev/" disk ",raw,xvda,w']"

static void dom0_knows_its_disks(void **state)
{
    static const char *const guests[] = {"disk", "disk.cfg", NULL};
    char modules[1024];
    struct machine *machine;

    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(),
             make_ramdisk("virtio-blk-dom0", guests));
    machine = start("virtio-blk-dom0", false, modules);
    machine_expect(machine, "vda: 64 MiB at virtio ");
    machine_expect(machine, ": no partitions\n");
    machine_expect(machine, "vdb: 32 MiB at virtio ");
    machine_expect(machine, "read-only: vdb1 vdb2\n");
    machine_expect(machine, "vdc: 32 MiB at virtio ");
    machine_expect(machine, ": vdc1 vdc5 vdc6\n");
    expect_prompt(machine);

    /* Writing to a partition changes no others; writing over the whole disk does. */
    machine_type(machine, WRITE_TO("vdc5"));
    machine_expect(machine, "write ok");
    machine_expect(machine, "is gone]");
    machine_expect(machine, BH_PROMPT);
    machine_type(machine, WRITE_TO("vdc"));
    machine_expect(machine, "vdc: now has 0 partitions\n");
    assert_null(strstr(machine_between(machine), "now has"));
    machine_expect(machine, "is gone]");
    expect_prompt(machine);
    /*
     * Sectors of 4096 bytes all the way: reads, writes of odd sizes and discards by our front
     * driver.
     */
    machine_type(machine, "create -c /guests/disk.cfg extra='do=check mib=8 count=300' "
                          "disk=['/dev/vdc,raw,xvda,w']");
    machine_expect(machine, "DISK xvda: check ok");
    assert_null(strstr(machine_between(machine), "FAIL"));
}

/* Disks and cards without a driver are named, each in one line; those with one are not. */
static void dom0_names_what_it_does_not_drive(void **state)
{
    static const char *const extra[] = {"-blockdev", "driver=null-co,size=1048576,node-name=n",
                                        "-blockdev", "driver=null-co,size=1048576,node-name=v",
                                        "-device",   "nvme,serial=1,drive=n,addr=4",
                                        "-device",   "virtio-scsi-pci,addr=5",
                                        "-device",   "e1000,addr=6,romfile=",
                                        "-device",   "virtio-blk-pci,drive=v,addr=7",
                                        "-device",   "virtio-net-pci,addr=8,romfile=",
                                        NULL};
    static const char *const lines[] = {
        "\n00:04.0: NVMe controller 1b36:0010 found, but not driven here: use Linux as dom0 for it\n",
        "\n00:05.0: virtio-scsi controller 1af4:1004 found, but not driven here: ",
        "\n00:06.0: e1000 network card 8086:100e found, but not driven here: ",
        "\n00:1f.2: AHCI controller 8086:2922 found, but not driven here: ",
    };
    struct machine *machine = start_dom0(
        &(struct machine_options){.name = "virtio-blk-undriven", .extra = extra}, dom0_ramdisk());
    const char *text = machine_text(machine);
    unsigned int count = 0;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(text, lines[i]))
            machine_fail(machine, "no line:%s", lines[i]);
    for (const char *at = text; (at = strstr(at, "not driven here")); at++)
        count++;
    assert_int_equal(count, sizeof(lines) / sizeof(lines[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(on_bulkhead, machines_stop),
        cmocka_unit_test_teardown(on_debians_xen, machines_stop),
        cmocka_unit_test_teardown(other_devices, machines_stop),
        cmocka_unit_test_teardown(dom0_knows_its_disks, machines_stop),
        cmocka_unit_test_teardown(dom0_names_what_it_does_not_drive, machines_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
