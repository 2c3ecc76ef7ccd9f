/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers, the time-stamp counter. Numbers: Intel SDM volume 4, AMD APM volume 2.
 */
#ifndef ASM_MSR_H
#define ASM_MSR_H

#include <asm/instructions.h>

#define MSR_TSC               0x10
#define MSR_APIC_BASE         0x1b
#define MSR_SPEC_CTRL         0x48
#define SPEC_CTRL_IBRS        1
#define MSR_PLATFORM_INFO     0xce /* bit 31: CPUID faulting */
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_SYSENTER_CS       0x174
#define MSR_SYSENTER_ESP      0x175
#define MSR_SYSENTER_EIP      0x176
#define MSR_TSC_DEADLINE      0x6e0
#define MSR_X2APIC_FIRST      0x800 /* + register offset / 16 */
#define MSR_MTRR_CAP          0xfe
#define MSR_MTRR_PHYS_BASE(n) (0x200 + 2 * (n))
#define MSR_MTRR_PHYS_MASK(n) (0x201 + 2 * (n))
#define MSR_MTRR_DEF_TYPE     0x2ff
#define MSR_PAT               0x277
#define MSR_EFER              0xc0000080
#define MSR_STAR              0xc0000081
#define MSR_LSTAR             0xc0000082
#define MSR_CSTAR             0xc0000083
#define MSR_SYSCALL_MASK      0xc0000084
#define MSR_FS_BASE           0xc0000100
#define MSR_GS_BASE           0xc0000101
#define MSR_KERNEL_GS_BASE    0xc0000102
#define MSR_TSC_AUX           0xc0000103

static inline u64 rdtsc(void)
{
    u32 lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (u64)hi << 32 | lo;
}

#endif
