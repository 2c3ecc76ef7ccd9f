/* SPDX-License-Identifier: MIT */
/* What the parts of the built-in dom0's platform share. Private to dom0-tools/platform. */
#ifndef TOOLS_BUILTIN_H
#define TOOLS_BUILTIN_H

/*
 * Links pv-guest's store client (store.h) with the service's store; after service_start, before any
 * driver starts. @return 0, or -1 when memory is short.
 */
int builtin_store_attach(void);

/* Finds dom0's own devices and starts the back drivers (builtin_drivers.c); says what fails. */
void builtin_drivers_start(void);

/*
 * Listens to the machine's power button: at a press the domains are asked to shut down, then the
 * machine goes off. After builtin_drivers_start(). Says @notice what happens.
 */
void builtin_power_start(void (*notice)(const char *text));

#endif
