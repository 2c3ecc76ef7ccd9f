/* SPDX-License-Identifier: MIT */
/*
 * Linux's block front driver on our back driver, with what it does not choose by itself: no
 * persistent grants on a ring of many pages with many indirect segments; a ring of one page without
 * indirect segments. tests/linux/block.sh does the I/O. Then the disk grows, which Linux has to
 * notice. And on disks with other sectors, where tests/linux/sectors.sh does it.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECTORS_PER_MIB 2048

/* What goes to the front driver, and the disk's size before and after, in MiB. */
static const struct {
    const char *parameters;
    int before, after;
} ways[] = {
    {"feature_persistent=0,max_ring_page_order=4,max_indirect_segments=256", 32, 40},
    {"feature_persistent=1,max_ring_page_order=0,max_indirect_segments=0", 40, 48},
};

static void resize_disk(int mib)
{
    char command[256];

    snprintf(command, sizeof(command),
             "{\"execute\":\"block_resize\",\"arguments\":{\"device\":\"disk\",\"size\":%ld}}",
             mib * 1048576L);
    monitor_execute(build_path("logs/block-linux.qmp"), command);
}

static const char *make_guests(void)
{
    const char *folder = build_path("logs/block-linux.guests");
    const char *ramdisk = build_path("logs/block-linux.cpio");

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    run_command("cp -L %s %s %s", build_path("guests/vmlinuz"), build_path("tests/block.cpio.gz"),
                folder);
    run_command("printf '%%s\\n' 'name = \"linux\"' 'kernel = \"/guests/vmlinuz\"' "
                "'ramdisk = \"/guests/block.cpio.gz\"' 'memory = 192' "
                "'disk = [ \"/dev/vda,raw,xvda,w\" ]' >%s/block.cfg",
                folder);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    return ramdisk;
}

static void linux_reads_what_it_wrote(void **state)
{
    const char *image = build_path("logs/block-linux.img");
    char drive[4200], qmp[4200];
    const char *const extra[] = {
        "-drive", drive, "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
        "-qmp",   qmp,   NULL};
    struct machine *machine;

    run_command("rm -f %s && truncate -s %dM %s", image, ways[0].before, image);
    snprintf(drive, sizeof(drive), "file=%s,if=none,id=disk,format=raw,cache=unsafe,discard=unmap",
             image);
    snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", build_path("logs/block-linux.qmp"));
    machine = machine_start(&(struct machine_options){
        .name = "block-linux", .iso = make_dom0_iso("block-linux", make_guests()), .extra = extra});
    expect_prompt(machine);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        char size[64];

        machine_type(machine, "create -c /guests/block.cfg extra='console=hvc0 quiet BLK=%s'",
                     ways[i].parameters);
        machine_expect(machine, "BLOCK buffered: ok");
        machine_expect(machine, "BLOCK large and direct: ok");
        machine_expect(machine, "BLOCK small and direct: ok");
        snprintf(size, sizeof(size), "BLOCK size %d\n", ways[i].before * SECTORS_PER_MIB);
        machine_expect(machine, size);
        resize_disk(ways[i].after);
        snprintf(size, sizeof(size), "BLOCK size %d\n", ways[i].after * SECTORS_PER_MIB);
        machine_expect(machine, size);
        machine_expect(machine, "BLOCK discard: ok");
        machine_expect(machine, "BLOCK DONE");
        leave_console(machine);
        bh(machine, "destroy linux");
    }
}

/* What the disks of the machine are; sizes are in 512 bytes whatever a sector is. */
static void linux_keeps_to_sectors(void **state)
{
    const char *first = build_path("logs/block-sectors-a.img");
    const char *second = build_path("logs/block-sectors-b.img");
    char drives[2][4200];
    const char *const extra[] = {
        "-drive",
        drives[0],
        "-device",
        "virtio-blk-pci,drive=a,disable-legacy=on,logical_block_size=4096,physical_block_size=4096",
        "-drive",
        drives[1],
        "-device",
        "virtio-blk-pci,drive=b,disable-legacy=on,logical_block_size=512,physical_block_size=4096",
        NULL};
    struct machine *machine;
    const char *text;

    run_command("rm -f %s %s && truncate -s 32M %s %s", first, second, first, second);
    snprintf(drives[0], sizeof(drives[0]), "file=%s,if=none,id=a,format=raw,cache=unsafe", first);
    snprintf(drives[1], sizeof(drives[1]), "file=%s,if=none,id=b,format=raw,cache=unsafe", second);
    machine = machine_start(
        &(struct machine_options){.name = "block-sectors",
                                  .iso = make_dom0_iso("block-sectors", make_guests()),
                                  .extra = extra});
    expect_prompt(machine);
    machine_type(machine, "create -c /guests/block.cfg extra='console=hvc0 quiet SECTORS' "
                          "disk=['/dev/vda,raw,xvda,w','/dev/vdb,raw,xvdb,w']");
    machine_expect(machine, "SECTORS DONE");
    text = machine_between(machine);
    for (int disk = 0; disk < 2; disk++) {
        static const char *const lines[2][3] = {
            {"xvda: 4096 4096 65536\n", "xvda: data ok", "xvda: direct ok"},
            {"xvdb: 512 4096 65536\n", "xvdb: data ok", "xvdb: direct ok"}};

        for (int i = 0; i < 3; i++) {
            if (!strstr(text, lines[disk][i])) {
                machine_fail(machine, "not said: %s", lines[disk][i]);
            }
        }
    }
    /* The superblock of xvda is where file systems have it, whatever the sectors are. */
    run_command("[ \"$(od -An -tx1 -j1080 -N2 %s)\" = ' 53 ef' ]", first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_reads_what_it_wrote, machines_stop),
        cmocka_unit_test_teardown(linux_keeps_to_sectors, machines_stop),
    };

    return cmocka_run_group_tests_name("block front drivers of Linux", tests, NULL, NULL);
}
