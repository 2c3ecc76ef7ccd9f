/* SPDX-License-Identifier: MIT */
/* Bringing CPUs up. cpu_online and nr_cpus (arch.h) and cpus[] (percpu.h) say which are online. */
#ifndef ASM_SMP_H
#define ASM_SMP_H

/* Boot, first of all: the boot CPU gets its number, 0, and its struct cpu. */
void smp_init_boot_cpu(void);
/*
 * Boot, once the firmware's list of CPUs was read: prints how many there are, how many of them
 * @maxcpus allows, and how many are used.
 */
void smp_init(unsigned int maxcpus);

#endif
