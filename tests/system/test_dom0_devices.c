/* SPDX-License-Identifier: MIT */
/*
 * Debian's kernel as dom0 drives real devices: a SATA disk (AHCI, MSI), a virtio disk and card
 * (MSI-X), an e1000e (MSI-X) and an e1000 (a line). The machine has memory above 4 GiB and dom0
 * gets it from there, so what a device cannot reach goes through buffers that dom0 exchanges for
 * low memory.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

#define PATTERN_BYTES (4 << 20)
#define DISK_BYTES    (64 << 20)
#define RELOADS       3

static const char *shell(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    return machine_between(machine);
}

/* The answer to the question is yes. */
static void expect_yes(struct machine *machine, const char *question)
{
    char command[512];

    snprintf(command, sizeof(command), "if %s; then echo it  is; fi", question);
    if (!strstr(shell(machine, command), "it is"))
        machine_fail(machine, "not so: %s", question);
}

static const char *disk_image(const char *name)
{
    const char *path = build_path("logs/dom0-devices.%s", name);

    run_command("rm -f %s && truncate -s %d %s", path, DISK_BYTES, path);
    return path;
}

/* Brings the card up and fetches the pattern that the server at its other end sends. */
static void use_card(struct machine *machine, const char *card)
{
    char command[512];

    snprintf(command, sizeof(command), "ifconfig %s 10.0.2.15 netmask 255.255.255.0 up", card);
    shell(machine, command);
    expect_yes(machine, "for i in 1 2 3 4 5 6 7 8 9; do ping -q -c 1 -W 3 10.0.2.2 && break; done");
    expect_yes(machine, "nc 10.0.2.100 80 </dev/null >/tmp/fetched");
    expect_yes(machine, "[ -f /tmp/pattern ] || mv /tmp/fetched /tmp/pattern");
    expect_yes(machine, "[ ! -f /tmp/fetched ] || cmp /tmp/fetched /tmp/pattern");
    snprintf(command, sizeof(command), "ifconfig %s 0.0.0.0 down", card);
    shell(machine, command);
}

/* Is the pattern on the disk itself, past all caches? */
static void expect_on_disk(struct machine *machine, const char *disk)
{
    char command[512];

    shell(machine, "echo 3 >/proc/sys/vm/drop_caches");
    snprintf(command, sizeof(command), "head -c %d /dev/%s | cmp - /tmp/pattern", PATTERN_BYTES,
             disk);
    expect_yes(machine, command);
}

static void use_disk(struct machine *machine, const char *disk)
{
    char command[512];

    snprintf(command, sizeof(command), "dd if=/tmp/pattern of=/dev/%s bs=64k conv=fsync", disk);
    expect_yes(machine, command);
    expect_on_disk(machine, disk);
}

/* A formatted text that is kept until the program ends. */
static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *text(const char *format, ...)
{
    char *formatted = NULL;
    va_list arguments;

    va_start(arguments, format);
    assert_true(vasprintf(&formatted, format, arguments) >= 0);
    va_end(arguments);
    return formatted;
}

static struct machine *start(const char *sata, const char *virtio, const char *pattern)
{
    const char *extra[] = {
        "-smp",    "2", /* with one, QEMU before 8.0 elides the barriers that virtio needs */
        "-device", "ahci,id=sata",
        "-drive",  text("file=%s,format=raw,if=none,id=disk0", sata),
        "-device", "ide-hd,bus=sata.0,drive=disk0",
        "-drive",  text("file=%s,format=raw,if=none,id=disk1", virtio),
        "-device", "virtio-blk-pci,disable-legacy=on,drive=disk1",
        "-netdev", text("user,id=net0,guestfwd=tcp:10.0.2.100:80-cmd:cat %s", pattern),
        "-device", "e1000,netdev=net0,romfile=",
        "-netdev", text("user,id=net1,guestfwd=tcp:10.0.2.100:80-cmd:cat %s", pattern),
        "-device", "e1000e,netdev=net1,romfile=",
        "-netdev", text("user,id=net2,guestfwd=tcp:10.0.2.100:80-cmd:cat %s", pattern),
        "-device", "virtio-net-pci,disable-legacy=on,netdev=net2,romfile=",
        NULL,
    };

    return machine_start(&(struct machine_options){
        .name = "dom0-devices",
        .memory_mib = 6144,
        .kernel = build_path("bulkhead"),
        .cmdline = "console=com1 noreboot dom0_mem=512M",
        .modules = text("%s console=hvc0 quiet,%s", build_path("packages/vmlinuz"),
                        build_path("tests/system/devices.cpio.gz")),
        .extra = extra,
    });
}

static void linux_drives_devices(void **state)
{
    const char *pattern = build_path("logs/dom0-devices.pattern");
    const char *sata = disk_image("sata"), *virtio = disk_image("virtio"), *interrupts;
    struct machine *machine;

    run_command("head -c %d /dev/urandom >%s", PATTERN_BYTES, pattern);
    machine = start(sata, virtio, pattern);
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    use_card(machine, "eth0");
    use_card(machine, "eth1");
    use_card(machine, "eth2");
    use_disk(machine, "sda");
    use_disk(machine, "vda");
    interrupts = shell(machine, "grep pirq /proc/interrupts");
    assert_non_null(strstr(interrupts, "-msi-x     virtio"));
    assert_non_null(strstr(interrupts, "-msi       ahci"));

    /* Every message is given back, and to be had again. */
    for (unsigned int i = 0; i < RELOADS; i++) {
        shell(machine, "rmmod e1000e virtio_net virtio_blk ahci");
        expect_yes(machine, "! grep -q '[-]msi' /proc/interrupts");
        shell(machine, "for m in ahci virtio_blk e1000e virtio_net; do insmod /lib/modules/$m.ko; "
                       "done");
    }
    expect_yes(machine, "for i in 1 2 3 4 5 6 7 8 9; do [ -b /dev/sda ] || sleep 1; done; "
                        "[ -b /dev/sda ]");
    expect_on_disk(machine, "sda");
    expect_on_disk(machine, "vda");
    use_card(machine, "eth1");
    use_card(machine, "eth2");
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
    run_command("cmp -n %d %s %s && cmp -n %d %s %s", PATTERN_BYTES, pattern, sata, PATTERN_BYTES,
                pattern, virtio);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_drives_devices, machines_stop),
    };

    return cmocka_run_group_tests_name("devices of dom0", tests, NULL, NULL);
}
