/* SPDX-License-Identifier: MIT */
/* Privileged registers of this CPU that a context switch and the exception handlers use. */
#ifndef ASM_CONTROL_H
#define ASM_CONTROL_H

#include <asm/cpu_features.h>
#include <asm/instructions.h>
#include <asm/msr.h>

static inline void stts(void)
{
    write_cr0(read_cr0() | CR0_TS);
}

static inline unsigned long read_fs_base(void)
{
    return rdmsr(MSR_FS_BASE);
}

static inline unsigned long read_gs_base(void)
{
    return rdmsr(MSR_GS_BASE);
}

#endif
