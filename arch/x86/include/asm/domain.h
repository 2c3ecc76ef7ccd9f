/* SPDX-License-Identifier: MIT */
/* The architecture's part of struct domain and struct vcpu. */
#ifndef ASM_DOMAIN_H
#define ASM_DOMAIN_H

#include <asm/config.h>
#include <page.h>
#include <public/xen.h>
#include <spinlock.h>

struct arch_domain {
    bool is_32bit;                 /* 32-bit PAE kernel in ring 1; not built yet: always false */
    spinlock_t page_tables_lock;   /* RANK_PAGE_TABLES: entries of L2 to L4, see pv/pte.h */
    unsigned int vcpus_dropped;    /* arch_domain_relinquish(): how many vCPUs are done */
    unsigned long pages_to_scan;   /* and how many frames are not */
    struct e820_entry *memory_map; /* XENMEM_set_memory_map; under the domain's lock; NULL: none */
    unsigned int memory_map_entries;
    bool pirq_auto_unmask; /* PHYSDEVOP_eoi unmasks the event channel too */
    mfn_t pirq_eoi_mfn;
    unsigned long *pirq_eoi_map;
    u32 wallclock_version;
    u32 pci_cf8;                   /* last value written to port 0xcf8 (dom0) */
    u8 cmos_index;                 /* last value written to port 0x70 (dom0) */
    bool msr_relaxed;              /* reads of unknown MSRs give 0 (XEN_X86_MSR_RELAXED) */
    struct cpu_policy *cpu_policy; /* what the toolstack leaves of CPUID; NULL: everything */
};

/* An exception handler of the guest (from HYPERVISOR_set_trap_table). */
struct guest_trap {
    unsigned long address; /* canonical; 0: none */
    u16 cs;
    u8 dpl;              /* lowest ring (as the guest names it) that may use INT n */
    bool disable_events; /* like an interrupt gate */
};

/*
 * The image of a vCPU's FPU lies in the memory of its struct vcpu, behind it, and ends with it in
 * two pages at most: here is room for AVX-512 as Intel's processors lay it out. AMD's take less.
 */
#define FPU_AREA_MAX 2688U

struct arch_vcpu {
    struct cpu_user_regs user_regs; /* while it does not run */

    /* Roots. While in user mode the CPU runs on guest_table_user. */
    mfn_t guest_table; /* kernel root (L4): a type and a general count held; INVALID_MFN: none */
    mfn_t guest_table_user; /* user root, likewise; INVALID_MFN: none */
    unsigned long cr3;      /* machine address of the kernel root, for CR3 */

    /* Entry points and flags, hot. */
    u32 flags; /* TF_* */
    u8 rare;   /* RARE_*: what iret and entries seldom have to act on */
    unsigned long kernel_ss, kernel_sp;
    unsigned long
        entry_sp; /* kernel_sp aligned for a frame; in our range: an address that faults */
    unsigned long event_callback_eip, failsafe_callback_eip, syscall_callback_eip;
    unsigned long syscall32_callback_eip, sysenter_callback_eip;
    bool syscall_disables_events, failsafe_disables_events, syscall32_disables_events,
        sysenter_disables_events;
    u16 syscall32_callback_cs, sysenter_callback_cs; /* as a toolstack set them; not used */

    unsigned long fs_base, gs_base_kernel, gs_base_user;
    unsigned long ctrlreg[8];  /* guest's view of CR0 (TS), CR2, CR4 */
    unsigned long debugreg[8]; /* DR0-3, DR6, DR7 as on hardware; [4] holds I/O breakpoint bits, [5]
                                  emulated DR7 */
    u32 iopl;                  /* virtual IOPL, in EFLAGS position */
    u8 *iobmp; /* guest address of its I/O permission bitmap (PHYSDEVOP_set_iobitmap) */
    u32 iobmp_limit;

    struct guest_trap traps[256];

    /* Descriptor tables; see descriptor.c. */
    u64 *window;   /* entries of the pages that show them */
    u32 window_nr; /* their addresses are GDT_VIRT(window_nr) and LDT_VIRT(window_nr) */
    mfn_t gdt_frames[FIRST_RESERVED_GDT_PAGE];
    unsigned int gdt_entries;
    unsigned long ldt_base;
    unsigned int ldt_entries;
    u32 ldt_shadow; /* LDT pages mapped so far */
    spinlock_t ldt_lock;

    /* FPU. */
    u8 *fpu;        /* XSAVE or FXSAVE image, 64-byte aligned */
    u32 xcr0;       /* as the guest set it; 0: not yet, x87 and SSE */
    u32 xcr0_accum; /* all components that were ever on in xcr0 */
    u32 tsc_aux;    /* what RDTSCP and RDPID give */

    /* Time records. */
    u32 time_version;     /* of both of them */
    spinlock_t time_lock; /* RANK_DEVICE; the record in the vCPU's info */
};

#define TF_KERNEL_MODE 1U /* guest kernel is running (else guest user mode) */
#define TF_AREAS_PENDING \
    2U                     /* run-state or time area to be written when the kernel root is loaded */
#define TF_BAD_SELECTOR 4U /* a selector could not be loaded: failsafe callback at the next entry */
#define TF_OLD_TABLES   8U /* vcpu.old_tables is not empty */
#define TF_EXIT_WORK    (TF_AREAS_PENDING | TF_BAD_SELECTOR | TF_OLD_TABLES)

/* arch_vcpu.rare, changed by atomic operations. */
#define RARE_ARCH_IOPL  1U /* VMASST_TYPE_architectural_iopl */
#define RARE_NMI_MASKED 2U /* in the NMI callback, until its iret */

#endif
