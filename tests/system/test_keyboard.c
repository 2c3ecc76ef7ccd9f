/* SPDX-License-Identifier: MIT */
/*
 * A machine without a serial port: the text screen shows the console, and the built-in dom0's
 * prompt is typed at on a PS/2 keyboard. QEMU's monitor reads the screen and presses the keys.
 */
#include "bulkhead.h"

#include <stdio.h>
#include <string.h>

static struct machine *start_without_serial_port(const char *name, const char *type)
{
    char modules[1024];

    snprintf(modules, sizeof(modules), "%s,%s", dom0_kernel(), dom0_ramdisk());
    return machine_start(&(struct machine_options){.name = name,
                                                   .type = type,
                                                   .kernel = build_path("bulkhead"),
                                                   .cmdline = "noreboot",
                                                   .modules = modules,
                                                   .monitor = true});
}

/* By interrupt (q35) and polled (pc without ACPI). */
static void keyboard_types_at_the_screen(void **state)
{
    static const char *const keys[] = {"u", "p", "t", "i", "x", "backspace", "m", "e", "ret", NULL};
    static const char *const capitals[] = {"shift-h", "2",         "shift-minus", "caps_lock",
                                           "q",       "caps_lock", "slash",       NULL};
    static const char *const clear[] = {"ctrl-l", "z", NULL};
    struct machine *machine = start_without_serial_port("machine-keyboard", *state);

    machine_expect(machine, "(qemu) ");
    machine_expect_screen(machine, "bh> ");
    machine_press(machine, keys);
    machine_expect_screen(machine, "bh> uptime ");
    machine_expect_screen(machine, "Domain-0 ");
    machine_press(machine, capitals);
    machine_expect_screen(machine, "bh> H2_Q/ ");
    machine_press(machine, clear);
    machine_expect_screen(machine, "bh> H2_Q/z ");
    assert_null(strstr(machine_screen(machine), "uptime"));
}

static void no_keyboard_is_said(void **state)
{
    struct machine *machine = start_without_serial_port("machine-no-keyboard", "q35,i8042=off");

    machine_expect(machine, "(qemu) ");
    machine_expect_screen(machine, "No serial port and no PS/2 keyboard");
}

int main(void)
{
    static char by_interrupt[] = "q35", polled[] = "pc,acpi=off";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(keyboard_types_at_the_screen, NULL, machines_stop,
                                                 by_interrupt),
        cmocka_unit_test_prestate_setup_teardown(keyboard_types_at_the_screen, NULL, machines_stop,
                                                 polled),
        cmocka_unit_test_teardown(no_keyboard_is_said, machines_stop),
    };

    return cmocka_run_group_tests_name("keyboard", tests, NULL, NULL);
}
