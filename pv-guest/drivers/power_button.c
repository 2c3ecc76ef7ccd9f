/* SPDX-License-Identifier: MIT */
/*
 * The power button. ACPI is dom0's: its driver takes the interrupt of the fixed hardware (the SCI)
 * and reads its reason from the PM1 status register. General-purpose events, which only AML
 * understands, are turned off, so that none of them keeps the line busy.
 * Source: ACPI 6.4, chapters 4.8.2 and 4.8.3.
 */
#include <drivers/power_button.h>

#include <clock.h>
#include <drivers/acpi_tables.h>
#include <errno.h>
#include <pci.h>
#include <ports.h>
#include <thread.h>

#define POWER_BUTTON 0x0100u /* in PM1's status and enable registers */
#define SCI_ENABLED  0x0001u /* in PM1's control register */
#define MODE_TRIES   300u

static struct acpi_fixed fixed;
static void (*on_press)(void);

/* Clears the button's status. @return whether it was set. */
static bool take_press(uint16_t event)
{
    if (!event || !(in16(event) & POWER_BUTTON))
        return false;
    out16(event, POWER_BUTTON);
    return true;
}

static void on_sci(evtchn_port_t port, void *argument)
{
    bool pressed = take_press(fixed.pm1a_event);

    if (take_press(fixed.pm1b_event) || pressed)
        on_press();
}

/* From the firmware's mode to ACPI's. */
static int enter_acpi_mode(void)
{
    if (in16(fixed.pm1a_control) & SCI_ENABLED)
        return 0;
    if (!fixed.smi_command || !fixed.acpi_enable)
        return -ENOENT;
    out8(fixed.smi_command, fixed.acpi_enable);
    for (unsigned int i = 0; i < MODE_TRIES; i++) {
        if (in16(fixed.pm1a_control) & SCI_ENABLED)
            return 0;
        thread_sleep(MILLISECONDS(10));
    }
    return -ETIMEDOUT;
}

static void disable_general_events(uint16_t block, unsigned int length)
{
    for (unsigned int i = length / 2; block && i < length; i++)
        out8((uint16_t)(block + i), 0);
}

static void enable_button(uint16_t event)
{
    if (!event)
        return;
    out16(event, POWER_BUTTON);
    out16((uint16_t)(event + fixed.pm1_length / 2), POWER_BUTTON);
}

int power_button_start(void (*pressed)(void))
{
    int error = ports_allow();

    if (!error)
        error = acpi_find_fixed(&fixed);
    if (!error && !fixed.power_button)
        error = -ENOENT;
    if (!error)
        error = enter_acpi_mode();
    if (error)
        return error;
    on_press = pressed;
    disable_general_events(fixed.gpe0, fixed.gpe0_length);
    disable_general_events(fixed.gpe1, fixed.gpe1_length);
    error = gsi_interrupt_start(fixed.sci, fixed.sci_level, fixed.sci_active_low, on_sci, NULL);
    if (error)
        return error;
    enable_button(fixed.pm1a_event);
    enable_button(fixed.pm1b_event);
    return 0;
}
