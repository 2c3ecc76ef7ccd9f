/* SPDX-License-Identifier: MIT */
/*
 * The steps of boot that boot/main.c calls in order, each by the part that owns it. Boot CPU,
 * interrupts off.
 */
#ifndef ASM_SETUP_H
#define ASM_SETUP_H

/*
 * Descriptor tables, exceptions and system-call entry of this CPU. Memory is up; nothing else is.
 * (descriptors.c)
 */
void trap_init(void);
/* ACPI tables, local APIC, IO-APIC, clocks; from here on now() runs. (platform.c) */
void platform_init(void);

#endif
