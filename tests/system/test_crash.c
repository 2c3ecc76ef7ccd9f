/* SPDX-License-Identifier: MIT */
/*
 * A domain that crashes: the reason, its registers and its stack are in the hypervisor's messages,
 * its configuration says what becomes of it, and what is given up is given back to the last page.
 */
#include "bulkhead.h"

#include <string.h>

/* What tests/guest/crash.c leaves in R12 and on its stack. */
#define IN_R12   "R12 1234abcd5678ef90"
#define ON_STACK "0f1e2d3c4b5a6978"

static struct machine *boot(const char *name)
{
    const char *folder = build_path("logs/%s.guests", name),
               *ramdisk = build_path("logs/%s.cpio", name);
    struct machine *machine;

    run_command("rm -rf %s && mkdir -p %s", folder, folder);
    make_guest(folder, "crash", "crash", "memory = 16\n");
    run_command("mk/make-ramdisk.sh %s %s", ramdisk, folder);
    machine = machine_start(
        &(struct machine_options){.name = name, .iso = make_dom0_iso(name, ramdisk)});
    expect_prompt(machine);
    return machine;
}

/* Creates the domain, lets it crash, and waits until dom0 has announced the action. */
static void crash(struct machine *machine, const char *how, const char *on_crash, const char *told)
{
    bh(machine, "create /guests/crash.cfg on_crash=\"%s\"", on_crash);
    machine_type(machine, "console crash");
    machine_expect(machine, "crash how?");
    machine_type(machine, "%s", how);
    machine_expect(machine, told);
    /* Ctrl-] leaves the console, if it has not gone with the domain; then the prompt ignores it. */
    machine_send(machine, "\x1d");
    machine_type(machine, "help help");
    machine_expect(machine, "usage: bh help");
    expect_prompt(machine);
}

static void the_reason_is_told(void **state)
{
    static const struct {
        const char *how, *reason, *told;
        bool stack; /* its stack pointer leads to its stack still */
    } ways[] = {
        {"trap", "#UD (invalid opcode): no handler for vector 6", "has crashed", true},
        {"stack", "#UD (invalid opcode): its stack at 0xfffffc8 is not mapped", "has crashed",
         false},
        {"pushes", "is read-only", "has crashed", false},
        {"chain", "exceptions in a row: #PF (page fault) at RIP ", "has crashed", false},
        {"general", "bytes at RIP: fa", "has crashed", true},
        {"general", "#GP (general protection), error code", "has crashed", true},
        {"fault", " L4[000] = ", "has crashed", true},
        {"event", "an event, but no event callback", "has crashed", true},
        {"iret", "iret frame at 0x10000000: it is not mapped", "has crashed", false},
        {"rings", "its cs has RPL 3, user mode", "has crashed", false},
        {"report", "its kernel says so", "has crashed", true},
        {"watchdog", "watchdog timer expired", "was stopped by its watchdog", true},
    };
    struct machine *machine = boot("crash");
    long long free_before = free_memory(machine);

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const char *messages;

        bh(machine, "dmesg -c");
        crash(machine, ways[i].how, "destroy", ways[i].told);
        messages = bh(machine, "dmesg");
        if (!strstr(messages, ways[i].reason) || !strstr(messages, IN_R12) ||
            !strstr(messages, "RIP e03") ||
            (ways[i].stack && (!strstr(messages, "Stack at ") || !strstr(messages, ON_STACK)))) {
            machine_fail(machine, "%s left: %s", ways[i].how, messages);
        }
        expect_gone(machine, "crash");
        assert_int_equal(free_memory(machine), free_before);
    }
}

static void the_configuration_decides(void **state)
{
    struct machine *machine = boot("crash-policies");
    long long free_before = free_memory(machine);
    const char *list;

    crash(machine, "trap", "preserve", "has crashed: preserve");
    assert_non_null(strstr(bh(machine, "list crash"), "sc"));
    bh(machine, "destroy crash");
    assert_int_equal(free_memory(machine), free_before);

    crash(machine, "trap", "restart", "is running again");
    list = bh(machine, "list crash");
    assert_null(strstr(list, "sc"));
    assert_non_null(strstr(list, "crash"));
    bh(machine, "destroy crash");
    assert_int_equal(free_memory(machine), free_before);

    crash(machine, "trap", "rename-restart", "is running again");
    assert_non_null(strstr(bh(machine, "list crash-1"), "sc"));
    assert_null(strstr(bh(machine, "list crash"), "sc"));
    bh(machine, "destroy crash");
    bh(machine, "destroy crash-1");
    assert_null(strstr(bh(machine, "list"), "crash"));
    assert_int_equal(free_memory(machine), free_before);
}

/*
 * A domain that crashes again as soon as it runs: it can be destroyed by its name at any time, is
 * left dead in the end, and what it said last is still there when it is gone.
 */
static void a_crash_loop_ends(void **state)
{
    struct machine *machine = boot("crash-loop");
    long long free_before = free_memory(machine);

    bh(machine, "create /guests/crash.cfg on_crash=\"restart\" extra=\"trap\"");
    machine_expect(machine, "4 times in a row within seconds of its start: it is left dead");
    expect_prompt(machine);
    assert_non_null(strstr(bh(machine, "list crash"), "sc"));
    bh(machine, "destroy crash");
    assert_int_equal(free_memory(machine), free_before);
    assert_non_null(strstr(bh(machine, "console --log crash"), "crash how?"));
    assert_non_null(strstr(bh(machine, "console --log 2"), "crash how?"));

    for (int i = 0; i < 8; i++) {
        bh(machine, "create /guests/crash.cfg on_crash=\"restart\" extra=\"trap\"");
        /* Messages about the crash may come in between: a prompt does not say that it is done. */
        machine_type(machine, "destroy crash");
        machine_type(machine, "help help");
        machine_expect(machine, "usage: bh help");
        if (strstr(machine_between(machine), "bh destroy")) {
            machine_fail(machine, "destroy says: %s", machine_between(machine));
        }
        expect_prompt(machine);
        assert_null(strstr(bh(machine, "list"), "crash"));
    }
    assert_int_equal(free_memory(machine), free_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_reason_is_told, machines_stop),
        cmocka_unit_test_teardown(the_configuration_decides, machines_stop),
        cmocka_unit_test_teardown(a_crash_loop_ends, machines_stop),
    };

    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
