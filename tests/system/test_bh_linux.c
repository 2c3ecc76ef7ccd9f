/* SPDX-License-Identifier: MIT */
/*
 * bh as a program of Linux as dom0, beside Debian's xl, xenstored and xenconsoled, on Bulkhead:
 * both tell the same of the machine and its domains, and what one changes the other sees. And
 * Debian's xentrace, which reads the hypervisor's records.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static struct machine *machine;

static void boot(void)
{
    const char *iso = make_iso("bh-linux", bulkhead_image(), "console=com1 noreboot",
                               build_path("packages/vmlinuz"), "console=hvc0",
                               build_path("tests/bh-linux.cpio.gz"));

    machine = machine_start(
        &(struct machine_options){.name = "bh-linux", .memory_mib = 1024, .iso = iso});
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
}

/* Runs a command in dom0's shell, which must succeed. Returns what it printed. */
static const char *shell(const char *command)
{
    const char *text;

    machine_type(machine, "%s; echo status=$?", command);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    text = machine_between(machine);
    if (!strstr(text, "status=0\n")) {
        machine_fail(machine, "%s failed: %s", command, text);
    }
    return text;
}

static void expect_in(const char *command, const char *text)
{
    if (!strstr(shell(command), text)) {
        machine_fail(machine, "%s does not print \"%s\"", command, text);
    }
}

/* bh and xl print the same, but for the time that has passed meanwhile. */
static void expect_same(const char *command, const char *filter)
{
    char line[256];

    snprintf(line, sizeof(line), "bh %s | %s >/tmp/b && xl %s | %s >/tmp/x && test -s /tmp/b",
             command, filter, command, filter);
    shell(line);
    shell("diff /tmp/b /tmp/x");
}

static void beside_xl(void **state)
{
    boot();
    expect_same("list", "cut -c 1-66");
    expect_same("vcpu-list", "cut -c 1-50");
    expect_same("info", "grep -E '^(nr_cpus|cores|threads|total_m|free_m|xen_)'");
    expect_same("dmesg", "head -n 20");
    expect_in("bh list --json", "\"name\": \"Domain-0\"");
    expect_in("bh top -b -i 1", "Domain-0");
    shell("bh uptime | grep 'Domain-0 .* 0:0'");
    shell("bh dmesg -c >/tmp/b; bh debug-keys q && bh dmesg | grep 'd0: refs'");

    shell("bh rename 0 first");
    expect_in("xl list first", "\nfirst ");
    shell("xl rename first Domain-0");
    expect_in("bh li Domain-0", "\nDomain-0 ");

    /* What went wrong is no output. */
    shell("! bh destroy 0 2>/tmp/b && grep 'domain 0 cannot be destroyed' /tmp/b");
    shell("! bh shutdown 7 2>/tmp/b && grep 'there is no domain 7' /tmp/b");
    shell("! bh console Domain-0 2>/tmp/b && grep 'has no console' /tmp/b");
    shell("test -z \"$(bh domid nosuch 2>/dev/null)\"");
    shell("! bh list >/dev/full");

    /* Its file begins with the record that names the CPU of those that follow. */
    shell("/usr/lib/xen-4.17/bin/xentrace -D -S 64 -T 2 -e 0x2f000 /tmp/trace");
    shell("od -A n -t x4 -N 4 /tmp/trace | grep 2001f003");
    shell("test $(stat -c %s /tmp/trace) -gt 4096");

    shell("kill $(cat /run/xenstored.pid) && sleep 1");
    shell("bh list | grep '^Domain-0'"); /* numbers work without the store */
    shell("rm /dev/xen/privcmd && ! bh list 2>/tmp/b && grep 'does not run on' /tmp/b");
    shell("bh --help | grep vcpu-pin");
    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(beside_xl, machines_stop),
    };

    return cmocka_run_group_tests_name("bh on Linux", tests, NULL, NULL);
}
