/* SPDX-License-Identifier: MIT */
/*
 * What `make gdb` offers: gdb reaches the hypervisor's code by name, shows source lines, and the
 * helper commands read the structures as they are today.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stops at the first scheduling decision after dom0 is built and asks for everything. */
static const char commands[] = "hbreak sched_start\n"
                               "continue\n"
                               "bh-domains\n"
                               "bh-vcpus 0\n"
                               "bh-frame 0x10\n"
                               "bh-cpu\n"
                               "backtrace\n"
                               "kill\n";

static void assert_shows(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        fail_msg("no \"%s\" in what gdb printed:\n%s", part, text);
    }
}

static void helper_commands_read_the_hypervisor(void **state)
{
    const char *script = build_path("logs/gdb-commands"), *log = build_path("logs/gdb.log");
    const char *qemu = getenv("QEMU") ? getenv("QEMU") : "qemu-system-x86_64";
    FILE *file = fopen(script, "we");
    const char *text;

    assert_non_null(file);
    fputs(commands, file);
    fclose(file);
    /* gdb complains when QEMU is gone after "kill"; what counts is what it printed. */
    run_command("timeout 300 gdb -q -batch %s -x mk/gdb/bulkhead-gdb.py -ex 'target remote | exec "
                "%s -M q35 -m 256 -nic none -display none -serial none -kernel %s -initrd %s "
                "-S -gdb stdio' -x %s >%s 2>&1 || true",
                build_path("bulkhead"), qemu, build_path("bulkhead"), dom0_kernel(), script, log);
    text = read_whole_file(log);
    assert_shows(text, "sched_start");
    assert_shows(text, "     0 running");
    assert_shows(text, "d0v0");
    assert_shows(text, "mfn 0x10: owner ");
    assert_shows(text, "cpu 0: vCPU ");
    assert_shows(text, "arch/x86/boot/main.c:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(helper_commands_read_the_hypervisor),
    };

    return cmocka_run_group_tests_name("gdb", tests, NULL, NULL);
}
