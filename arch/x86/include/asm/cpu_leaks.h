/* SPDX-License-Identifier: MIT */
/*
 * What a guest can read by speculation on some CPUs although no mapping allows it, and what we do
 * not defend against.
 */
#ifndef ASM_CPU_LEAKS_H
#define ASM_CPU_LEAKS_H

#include <asm/cpu_features.h>

#define CPU_LEAK_MELTDOWN \
    (1U << 0) /* memory of the hypervisor that is mapped (Rogue Data Cache Load) */
#define CPU_LEAK_L1TF \
    (1U << 1)                  /* what lies in the L1 cache, through entries that are not present */
#define CPU_LEAK_MDS (1U << 2) /* what passes through the CPU's internal buffers */

/* @return the leaks of @cpu, by its vendor, family, model and IA32_ARCH_CAPABILITIES. Pure. */
unsigned int cpu_leaks(const struct cpu_features *cpu);

/*
 * Must VERW clear the buffers of @cpu whenever a guest is entered? @cpu and the command line
 * decide.
 */
bool cpu_uses_verw(const struct cpu_features *cpu);

/* Warns in one line when the boot CPU has any of these leaks. */
void cpu_warn_leaks(void);

#endif
