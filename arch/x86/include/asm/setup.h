/* SPDX-License-Identifier: MIT */
/*
 * The steps of boot that boot/main.c calls in order; each is implemented by its subject. They run
 * on the boot CPU with interrupts off.
 */
#ifndef ASM_SETUP_H
#define ASM_SETUP_H

/*
 * Sets up descriptor tables, exceptions and the system-call entry of this CPU. It needs memory and
 * nothing else. (descriptors.c)
 */
void trap_init(void);
/* The part of trap_init() that each other CPU does for itself. */
void trap_cpu_init(void);
/*
 * Reads the ACPI tables, sets up local APIC, IO-APIC and clocks; from here on now() advances.
 * (platform.c)
 */
void platform_init(void);

#endif
