/* SPDX-License-Identifier: MIT */
/* IO-APICs: where interrupt lines become vectors. Intel 82093AA data sheet. */
#ifndef ASM_IOAPIC_H
#define ASM_IOAPIC_H

#include <types.h>

/* Boot: finds the IO-APICs that the MADT lists, masks every input, sets nr_gsis. */
void ioapic_init(void);
/*
 * Dom0's view of an IO-APIC (PHYSDEVOP_apic_read and _apic_write), named by its physical address.
 * Reads show the registers; writes change nothing.
 * @return 0; -XEN_EINVAL: no such IO-APIC or register
 */
int ioapic_guest_read(u64 physbase, u32 reg, u32 *value);
int ioapic_guest_write(u64 physbase, u32 reg, u32 value);

#endif
