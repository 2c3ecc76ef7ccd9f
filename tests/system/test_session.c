/* SPDX-License-Identifier: MIT */
/*
 * The session of the README, from the CD to the last page given back: GRUB, Bulkhead, dom0's
 * prompt, Debian's own kernel as a domU with its shell, and its end by `destroy` and by itself.
 */
#include "bulkhead.h"

#include <string.h>

/* Boots the CD that `make run` boots, to dom0's prompt. */
static struct machine *boot(const char *name)
{
    const char *iso = make_dom0_iso(name, dom0_ramdisk());
    struct machine *machine = machine_start(
        &(struct machine_options){.name = name, .memory_mib = 1024, .iso = iso});

    expect_prompt(machine);
    return machine;
}

/* Types a command into the domain's Linux shell; returns what it printed. */
static const char *linux_shell(struct machine *machine, const char *command)
{
    machine_type(machine, "%s", command);
    machine_expect(machine, "\n");
    machine_expect(machine, LINUX_PROMPT);
    return machine_between(machine);
}

static void linux_domain_from_create_to_destroy(void **state)
{
    struct machine *machine = boot("session");
    long long free_before = free_memory(machine);

    assert_true(free_before > 0);
    bh(machine, "create /guests/linux.cfg");
    assert_non_null(strstr(bh(machine, "list"), "linux"));
    machine_type(machine, "console linux");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);

    assert_non_null(strstr(linux_shell(machine, "uname -r"), linux_release()));
    assert_non_null(strstr(linux_shell(machine, "cat /sys/hypervisor/type"), "xen"));
    /* Work that forks, maps and writes: page tables come and go. */
    assert_non_null(
        strstr(linux_shell(machine, "for i in 1 2 3 4 5; do ls /bin | wc -l; done >/tmp/n; "
                                    "echo lines $(wc -l </tmp/n)"),
               "lines 5"));

    leave_console(machine);
    bh(machine, "destroy linux");
    assert_null(strstr(bh(machine, "list"), "linux"));
    assert_int_equal(free_memory(machine), free_before);
}

static void linux_domain_shuts_itself_down(void **state)
{
    struct machine *machine = boot("session-shutdown");
    long long free_before = free_memory(machine);

    machine_type(machine, "create -c /guests/linux.cfg");
    machine_expect(machine, LINUX_BANNER);
    machine_expect(machine, LINUX_PROMPT);
    leave_console(machine);
    /* Through the store: control/shutdown, which the guest's kernel obeys. */
    bh(machine, "shutdown -w linux");
    assert_null(strstr(bh(machine, "list"), "linux"));
    assert_int_equal(free_memory(machine), free_before);

    machine_type(machine, "poweroff");
    machine_expect_exit(machine);
}

/* Waits until a domain has that memory, in MiB. */
static void wait_for_memory(struct machine *machine, const char *name, long long mib)
{
    long long now;

    do {
        now = json_number(machine, bh(machine, "list --json %s", name), "memory_mib");
    } while (now != mib);
}

/* A domain that starts with less than its maxmem follows its target, up to maxmem. */
static void linux_domain_balloons_up_to_maxmem(void **state)
{
    struct machine *machine = boot("session-balloon");
    long long most;

    machine_type(machine, "create -c /guests/linux.cfg memory=200 maxmem=400");
    machine_expect(machine, LINUX_PROMPT);
    leave_console(machine);
    wait_for_memory(machine, "linux", 200);
    bh(machine, "store-write /local/domain/1/memory/target 307200");
    wait_for_memory(machine, "linux", 300);
    bh(machine, "store-write /local/domain/1/memory/target 409600");
    wait_for_memory(machine, "linux", 400);
    bh(machine, "store-write /local/domain/1/memory/target 512000");
    most = json_number(machine, bh(machine, "list --json linux"), "max_memory_kib");
    assert_int_equal(most, (400 + 1) * 1024);
    bh(machine, "store-write /local/domain/1/memory/target 256000");
    wait_for_memory(machine, "linux", 250);
    bh(machine, "destroy linux");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(linux_domain_from_create_to_destroy, machines_stop),
        cmocka_unit_test_teardown(linux_domain_shuts_itself_down, machines_stop),
        cmocka_unit_test_teardown(linux_domain_balloons_up_to_maxmem, machines_stop),
    };

    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
