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

/*
 * How branches in ring 0 are kept from being predicted by what a guest has taught @cpu, once it has
 * been told to (Intel SDM volume 3, IA32_SPEC_CTRL; AMD APM volume 2, 3.1.7). Other CPUs would have
 * to be told at each entry, which we do not do. The command line decides, too.
 */
enum ibrs { IBRS_NONE, IBRS_ENHANCED, IBRS_AUTOMATIC };
enum ibrs cpu_ibrs(const struct cpu_features *cpu);

/* Warns in one line when the boot CPU has any of these leaks. */
void cpu_warn_leaks(void);

#endif
