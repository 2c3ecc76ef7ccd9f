/* SPDX-License-Identifier: MIT */
/*
 * The CPUs as a set. cpu_online and nr_cpus (arch.h) and cpus[] (percpu.h) say which are online;
 * boot/secondary.c brings them up.
 */
#ifndef ASM_SMP_H
#define ASM_SMP_H

#include <types.h>

/* Boot, first of all: the boot CPU gets its number, 0, and its struct cpu. */
void smp_init_boot_cpu(void);
/* Another CPU, when it is set up: it comes online and begins to schedule. */
void smp_join(void) __attribute__((noreturn));
/*
 * Stops all other CPUs by an NMI, wherever they are, since the machine ends. The first CPU that
 * calls it goes on, another one stays here. Interrupts are off; any other context.
 */
void smp_stop_others(void);
/*
 * To be called by an NMI handler: if a CPU has called smp_stop_others(), this one ends here.
 * @rip: where the NMI came
 */
void smp_stop_if_asked(unsigned long rip);
/* Prints where the other CPUs were when they were stopped. */
void smp_say_where(void);

#endif
