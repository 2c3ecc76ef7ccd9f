/* SPDX-License-Identifier: MIT */
/* The machine's power button, the fixed one of ACPI, for dom0. */
#ifndef DRIVERS_POWER_BUTTON_H
#define DRIVERS_POWER_BUTTON_H

/*
 * Listens to the power button from now on. For a thread, once.
 * @param pressed called at each press, in the upcall.
 * @return 0, -ENOENT: the machine has no such button or no tables that name it; or another
 * negative errno.
 */
int power_button_start(void (*pressed)(void));

#endif
