/* SPDX-License-Identifier: MIT */
/*
 * What a PV vCPU may run with, whoever has set it: privilege level 3, interrupts on, IOPL 0; no
 * entry point, base or breakpoint that is not canonical or that is ours. The checks panic.
 */
#ifndef PV_VCPU_H
#define PV_VCPU_H

#include <host_x86.h>

/* May a breakpoint or a table of the guest lie at @addr? */
bool vcpu_address_ok(unsigned long addr);
/* Registers that an exit to the guest would load; @syscall: also through SYSRET. */
void vcpu_registers_check(const struct cpu_user_regs *r, bool syscall);
/* What @v has set by hypercalls or was given as its context. */
void vcpu_settings_check(const struct vcpu *v);

#endif
