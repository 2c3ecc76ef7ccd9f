/* SPDX-License-Identifier: MIT */
/*
 * The machine's power button in the built-in dom0: domains are shut down, then the machine goes
 * off. One that does not shut down is waited for until the button is pressed again.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static const char *socket_of(const char *name)
{
    return build_path("logs/%s.qmp", name);
}

static struct machine *start(const char *name, const char *type)
{
    static const char *const guests[] = {"demo", "demo.cfg", NULL};
    char qmp[512];
    const char *extra[] = {"-qmp", qmp, NULL};

    snprintf(qmp, sizeof(qmp), "unix:%s,server=on,wait=off", socket_of(name));
    return start_dom0(&(struct machine_options){.name = name, .type = type, .extra = extra},
                      make_ramdisk(name, guests));
}

static void press(const char *name)
{
    monitor_execute(socket_of(name), "{\"execute\":\"system_powerdown\"}");
}

static void domains_then_machine(const char *name, const char *type)
{
    struct machine *machine = start(name, type);

    bh(machine, "create /guests/demo.cfg");
    talk_to_demo(machine, "hello");
    bh(machine, "create /guests/demo.cfg name=second");
    press(name);
    machine_expect(machine, "The power button was pressed");
    machine_expect(machine, "(BH) dom0 shut down: power off");
    assert_non_null(strstr(machine_between(machine), "'demo' (1) has powered off"));
    assert_non_null(strstr(machine_between(machine), "'second' (2) has powered off"));
    assert_null(strstr(machine_between(machine), "have not shut down"));
    machine_expect_exit(machine);
}

static void on_q35(void **state)
{
    domains_then_machine("power-button-q35", "q35");
}

static void on_pc(void **state)
{
    domains_then_machine("power-button-pc", "pc");
}

static void pressed_again(void **state)
{
    struct machine *machine = start("power-button-again", "q35");

    bh(machine, "create -p /guests/demo.cfg");
    press("power-button-again");
    machine_expect(machine, "Press again to switch off now.");
    press("power-button-again");
    machine_expect(machine, "1 domains have not shut down.");
    machine_expect(machine, "(BH) dom0 shut down: power off");
    machine_expect_exit(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(on_q35, machines_stop),
        cmocka_unit_test_teardown(on_pc, machines_stop),
        cmocka_unit_test_teardown(pressed_again, machines_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
