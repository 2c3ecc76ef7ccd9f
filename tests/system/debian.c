/* SPDX-License-Identifier: MIT */
/*
 * An installed Debian as a domU. See debian.h.
 */
#include "debian.h"

#include <stdio.h>
#include <string.h>

struct machine *debian_boot(const char *name, unsigned int scratch_mib)
{
    const char *folder = build_path("logs/%s.guests", name);
    const char *ramdisk = build_path("logs/%s.cpio", name);
    const char *scratch = build_path("logs/%s.scratch.img", name);
    const char *outside = build_path("logs/%s.outside", name);
    char drives[2][512], network[512];
    const char *const extra[] = {
        "-drive",  drives[0], "-device", "virtio-blk-pci,drive=root,disable-legacy=on",
        "-drive",  drives[1], "-device", "virtio-blk-pci,drive=scratch,disable-legacy=on",
        "-netdev", network,   "-device", "virtio-net-pci,netdev=net,disable-legacy=on,romfile=",
        NULL};

    run_command("rm -rf %s %s && mkdir -p %s && cp -L %s %s/* %s && mk/make-ramdisk.sh %s %s && "
                "truncate -s %uM %s && head -c 3000000 /dev/urandom >%s.body && "
                "(sha256sum && cat %s.body) <%s.body >%s",
                folder, scratch, folder, build_path("guests/vmlinuz"),
                build_path("debian/domu/guests"), folder, ramdisk, folder, scratch_mib, scratch,
                outside, outside, outside, outside);
    snprintf(drives[0], sizeof(drives[0]), "file=%s,format=raw,if=none,id=root,snapshot=on",
             build_path("debian/domu/disk.img"));
    snprintf(drives[1], sizeof(drives[1]), "file=%s,format=raw,if=none,id=scratch", scratch);
    snprintf(network, sizeof(network), "user,id=net,guestfwd=tcp:10.0.2.100:80-cmd:cat %s",
             outside);
    return start_dom0(&(struct machine_options){.name = name, .memory_mib = 1024, .extra = extra},
                      ramdisk);
}

void debian_log_in(struct machine *machine)
{
    machine_expect(machine, "debian login: ");
    machine_type(machine, "root");
    machine_expect(machine, DEBIAN_PROMPT);
}

static const char *type_into_shell(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, DEBIAN_PROMPT);
    return machine_between(machine);
}

const char *debian_shell(struct machine *machine, const char *format, ...)
{
    char command[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    return type_into_shell(machine, command);
}

void debian_do(struct machine *machine, const char *format, ...)
{
    char command[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    type_into_shell(machine, command);
    if (!strstr(type_into_shell(machine, "echo status=$?"), "status=0\n")) {
        machine_fail(machine, "failed in the domain: %s", command);
    }
}

void debian_leave(struct machine *machine)
{
    leave_console(machine);
}
