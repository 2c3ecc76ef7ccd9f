/* SPDX-License-Identifier: MIT */
/* What the boot CPU can do, found once at boot; read-only afterwards. */
#ifndef ASM_CPU_FEATURES_H
#define ASM_CPU_FEATURES_H

#include <types.h>

/* Control registers and EFER (Intel SDM volume 3, 2.5; AMD APM volume 2, 3.1). */
#define CR0_PE         (1UL << 0)
#define CR0_MP         (1UL << 1)
#define CR0_EM         (1UL << 2)
#define CR0_TS         (1UL << 3)
#define CR0_ET         (1UL << 4)
#define CR0_NE         (1UL << 5)
#define CR0_WP         (1UL << 16)
#define CR0_AM         (1UL << 18)
#define CR0_NW         (1UL << 29)
#define CR0_CD         (1UL << 30)
#define CR0_PG         (1UL << 31)
#define CR4_VME        (1UL << 0)
#define CR4_TSD        (1UL << 2)
#define CR4_DE         (1UL << 3)
#define CR4_PSE        (1UL << 4)
#define CR4_PAE        (1UL << 5)
#define CR4_MCE        (1UL << 6)
#define CR4_PGE        (1UL << 7)
#define CR4_OSFXSR     (1UL << 9)
#define CR4_OSXMMEXCPT (1UL << 10)
#define CR4_FSGSBASE   (1UL << 16)
#define CR4_PCIDE      (1UL << 17)
#define CR4_OSXSAVE    (1UL << 18)
#define CR4_SMEP       (1UL << 20)
#define CR4_SMAP       (1UL << 21)
#define EFER_SCE       (1UL << 0)
#define EFER_LME       (1UL << 8)
#define EFER_LMA       (1UL << 10)
#define EFER_NXE       (1UL << 11)
#define EFER_AIBRSE    (1UL << 21) /* automatic IBRS (AMD APM volume 2, 3.1.7) */

struct cpu_features {
    char vendor[13];
    u32 family, model, stepping; /* as displayed: with the extended parts */
    u32 max_leaf, max_ext_leaf;  /* highest basic and extended CPUID leaf */
    unsigned int phys_bits;      /* width of a machine address */
    bool page_1g;
    bool smep, smap;
    bool fsgsbase;
    bool xsave, xsaveopt;
    bool x2apic;
    bool tsc_deadline;
    bool invariant_tsc;
    bool pcid;
    bool ibrs, stibp, ibpb; /* speculation controls */
    bool automatic_ibrs;
    bool md_clear;
    u64 arch_capabilities; /* IA32_ARCH_CAPABILITIES; 0 where it is not there */
    bool rdtscp;
    bool cpuid_faulting;
    bool hypervisor; /* we run under another hypervisor */
    bool monitor;    /* MONITOR and MWAIT */
};

extern struct cpu_features boot_cpu;

/*
 * The value of CR4 outside guests' control; a context switch may set further bits (TSD, DE,
 * OSXSAVE).
 */
extern unsigned long hv_cr4;

/*
 * Boot CPU: finds out what the CPU can do. If it lacks what we need, prints one clear line and
 * halts.
 */
void cpu_identify(void);
/* Sets CR0, CR4, EFER and PAT of this CPU, and IBRS where once is enough (cpu_leaks.h). */
void cpu_setup(void);

#endif
