/* SPDX-License-Identifier: MIT */
/*
 * Debian's xenstore-* commands in a Linux domain, through /dev/xen/xenbus, against the store of the
 * built-in dom0; and bh's own store commands on the other side of the same nodes.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static struct machine *machine;

/* Boots with a domain whose ramdisk has the commands, and leaves its shell on the terminal. */
static void boot(void)
{
    const char *folder = build_path("logs/xenstore-utils.guests"),
               *ramdisk = build_path("logs/xenstore-utils.cpio");

    run_command("rm -rf %s && mkdir -p %s && cp -L %s %s %s && cp %s %s/linux.cpio.gz", folder,
                folder, build_path("guests/vmlinuz"), build_path("guests/linux.cfg"), folder,
                build_path("tests/xenstore-utils.cpio.gz"), folder);
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    machine = start_dom0(&(struct machine_options){.name = "xenstore-utils",
                                                   .memory_mib = 768,
                                                   .cmdline = "console=com1 dom0_mem=96M"},
                         ramdisk);
    machine_type(machine, "create -c /guests/linux.cfg");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
}

/* Runs a command in the domain; its output and its exit status must be these. */
static void expect_output(const char *command, const char *output)
{
    char expected[512], got[512];
    const char *end;

    machine_type(machine, "%s; echo \"[$?]\"", command);
    machine_expect(machine, "\n"); /* of the echo of what was typed */
    machine_expect(machine, "]\n");
    snprintf(got, sizeof(got), "%s", machine_between(machine));
    end = strrchr(output, ' ');
    snprintf(expected, sizeof(expected), "%.*s[%s", (int)(end - output), output, end + 1);
    machine_expect(machine, LINUX_PROMPT);
    if (strcmp(got, expected) != 0) {
        machine_fail(machine, "%s: printed \"%s\", not \"%s\"", command, got, expected);
    }
}

static void enter_console(void)
{
    machine_type(machine, "console linux");
    machine_send(machine, "\r");
    machine_expect(machine, LINUX_PROMPT);
    machine_type(machine, "echo back-$((6 * 7))");
    machine_expect(machine, "back-42");
    machine_expect(machine, LINUX_PROMPT);
}

static void commands_work(void **state)
{
    boot();
    /* The expected status comes behind the last blank. */
    expect_output("xenstore-read domid name", "1\nlinux\n 0");
    expect_output("xenstore-write data/x hello data/y 'a b'", " 0");
    expect_output("xenstore-list data", "x\ny\n 0");
    expect_output("xenstore-read data/x data/y", "hello\na b\n 0");
    expect_output("xenstore-ls data", "x = \"hello\"\ny = \"a b\"\n 0");
    expect_output("xenstore-chmod data/x n1 r0", " 0");
    expect_output("xenstore-ls -p data", "x = \"hello\"   (n1,r0)\ny = \"a b\"   (n1)\n 0");
    expect_output("xenstore-ls -f data", "data/x = \"hello\"\n"
                                         "data/y = \"a b\"\n 0");
    expect_output("xenstore-exists data/x", " 0");
    expect_output("xenstore-rm data/x", " 0");
    expect_output("xenstore-exists data/x", " 1");
    expect_output("xenstore-read data/none", "xenstore-read: couldn't read path data/none\n 1");
    expect_output("xenstore-write /elsewhere x",
                  "xenstore-write: could not write path /elsewhere\n 1");
    expect_output("xenstore-write name other", "xenstore-write: could not write path name\n 1");
    expect_output("xenstore-ls / 2>&1 | grep -c denied", "1\n 0");

    leave_console(machine);
    assert_non_null(strstr(bh(machine, "store-ls -p /local/domain/1/data"), "y = \"a b\"   (n1)"));
    bh(machine, "store-write /local/domain/1/data/z \"from dom0\"");
    enter_console();
    expect_output("xenstore-read data/z", "from dom0\n 0");
}

static void watches_tell(void **state)
{
    boot();
    machine_type(machine, "xenstore-watch -n 3 data/w >/tmp/w & sleep 1");
    machine_expect(machine, LINUX_PROMPT);
    expect_output("xenstore-write data/w 1; sleep 1", " 0");
    leave_console(machine);
    bh(machine, "store-write /local/domain/1/data/w/deeper 2");
    enter_console();
    expect_output("wait; cat /tmp/w", "data/w\ndata/w\ndata/w/deeper\n 0");

    /* The other way round: dom0 watches what the domain writes. */
    machine_type(machine, "sleep 4; xenstore-write data/seen yes");
    leave_console(machine);
    machine_type(machine, "store-watch -n 2 /local/domain/1/data/seen");
    machine_expect(machine, "\n/local/domain/1/data/seen\n/local/domain/1/data/seen\n");
    expect_prompt(machine);
    assert_non_null(strstr(bh(machine, "store-read /local/domain/1/data/seen"), "yes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(commands_work, machines_stop),
        cmocka_unit_test_teardown(watches_tell, machines_stop),
    };

    return cmocka_run_group_tests_name("xenstore-utils", tests, NULL, NULL);
}
