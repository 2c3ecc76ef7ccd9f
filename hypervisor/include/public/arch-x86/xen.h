/* SPDX-License-Identifier: MIT */
/*
 * The x86 half of the guest interface: guest handles, selectors that every PV guest may load, the
 * part of the address space that belongs to the hypervisor, trap tables, register frames and the
 * complete state of a vCPU.
 *
 * For kernels and tools of either width: the compiler's own word size (__x86_64__ or __i386__)
 * selects the layout. All layouts are those of Xen 4.17 and never change.
 *
 * This header may be included from assembler sources; only the constants remain visible there.
 */
#ifndef XEN_PUBLIC_ARCH_X86_XEN_H
#define XEN_PUBLIC_ARCH_X86_XEN_H

#if !defined(__x86_64__) && !defined(__i386__)
#error "The PV interface exists for x86 only"
#endif

/* ---- Constants that are usable from C and from assembler ------------------------------------ */

#ifndef __ASSEMBLY__
#include <stddef.h>
#include <stdint.h>

#define __xen_mk_uint(x)   x##U
#define __xen_mk_ulong(x)  x##UL
#define __xen_mk_ullong(x) x##ULL
#define xen_mk_uint(x)     __xen_mk_uint(x)   /* x as unsigned int in C, plain in assembler */
#define xen_mk_ulong(x)    __xen_mk_ulong(x)  /* x as unsigned long */
#define xen_mk_ullong(x)   __xen_mk_ullong(x) /* x as unsigned long long */
#else
#define xen_mk_uint(x)   x
#define xen_mk_ulong(x)  x
#define xen_mk_ullong(x) x
#endif

/* ---- Guest handles -------------------------------------------------------------------------- */

/*
 * A guest handle is a guest virtual address inside a hypercall structure. It is a structure of its
 * own so that the compiler keeps it apart from a pointer that may be followed: the hypervisor
 * reaches through a handle only by copying, and a guest stores into one only by
 * set_xen_guest_handle().
 *
 *   XEN_GUEST_HANDLE(t)        as wide as the guest's pointers
 *   XEN_GUEST_HANDLE_64(t)     always 64 bits, aligned to 8: used by the control interface, whose
 *                              layout is the same for callers of both widths
 *   XEN_GUEST_HANDLE_PARAM(t)  a handle passed as an argument of a hypercall
 *
 * DEFINE_XEN_GUEST_HANDLE(t) creates the types for `t` and for `const t` (spelled const_t), and
 * __DEFINE_XEN_GUEST_HANDLE(n, t) does the same for a type whose name is not one word.
 */
#ifndef __ASSEMBLY__
#ifdef __i386__
#define ___DEFINE_XEN_GUEST_HANDLE(name, type) \
    typedef struct {                           \
        type *p;                               \
    } __guest_handle_##name;                   \
    typedef struct {                           \
        union {                                \
            type *p;                           \
            uint64_aligned_t q;                \
        };                                     \
    } __guest_handle_64_##name
#define __XEN_GUEST_HANDLE_64(name) __guest_handle_64_##name
/* Integers of the control interface: aligned to 8 bytes for callers of either width. */
#define uint64_aligned_t uint64_t __attribute__((aligned(8)))
#define int64_aligned_t  int64_t __attribute__((aligned(8)))
#else
#define ___DEFINE_XEN_GUEST_HANDLE(name, type) \
    typedef struct {                           \
        type *p;                               \
    } __guest_handle_##name
#define __XEN_GUEST_HANDLE_64(name) __guest_handle_##name
#define uint64_aligned_t            uint64_t
#define int64_aligned_t             int64_t
#endif

#define __DEFINE_XEN_GUEST_HANDLE(name, type) \
    ___DEFINE_XEN_GUEST_HANDLE(name, type);   \
    ___DEFINE_XEN_GUEST_HANDLE(const_##name, const type)
#define DEFINE_XEN_GUEST_HANDLE(name) __DEFINE_XEN_GUEST_HANDLE(name, name)

#define __XEN_GUEST_HANDLE(name)     __guest_handle_##name
#define XEN_GUEST_HANDLE(name)       __XEN_GUEST_HANDLE(name)
#define XEN_GUEST_HANDLE_64(name)    __XEN_GUEST_HANDLE_64(name)
#define XEN_GUEST_HANDLE_PARAM(name) XEN_GUEST_HANDLE(name)

/* Store pointer `val` in handle `hnd`; the unused upper half of a 64-bit handle becomes zero. */
#define set_xen_guest_handle_raw(hnd, val)        \
    do {                                          \
        __typeof__((hnd).p) handle_val_ = (val);  \
        __builtin_memset(&(hnd), 0, sizeof(hnd)); \
        (hnd).p = handle_val_;                    \
    } while (0)
#define set_xen_guest_handle(hnd, val) set_xen_guest_handle_raw(hnd, val)

/* Frame numbers and machine words, as wide as the guest. */
typedef unsigned long xen_pfn_t;
#define PRI_xen_pfn  "lx" /* printf format of xen_pfn_t, hexadecimal */
#define PRIu_xen_pfn "lu" /* the same, decimal */
typedef unsigned long xen_ulong_t;
#define PRI_xen_ulong "lx" /* printf format of xen_ulong_t */

#endif /* !__ASSEMBLY__ */

/* ---- What this architecture has ------------------------------------------------------------- */

#define XEN_HAVE_PV_GUEST_ENTRY 1 /* PV kernels are started with a start_info page */
#define XEN_HAVE_PV_UPCALL_MASK 1 /* vcpu_info has evtchn_upcall_mask */

/*
 * The first vCPUs of a domain have their vcpu_info inside the shared_info page; all others must
 * register one of their own (VCPUOP_register_vcpu_info) before they can receive an event.
 */
#define XEN_LEGACY_MAX_VCPUS 32

/* ---- Segments ------------------------------------------------------------------------------- */

/*
 * A guest's GDT has up to FIRST_RESERVED_GDT_PAGE pages of its own. The pages behind them are the
 * hypervisor's; they hold the flat descriptors below, which a guest may load at any time without
 * having a GDT at all.
 */
#define FIRST_RESERVED_GDT_PAGE  14
#define FIRST_RESERVED_GDT_BYTE  (FIRST_RESERVED_GDT_PAGE * 4096)
#define FIRST_RESERVED_GDT_ENTRY (FIRST_RESERVED_GDT_BYTE / 8)

#ifdef __x86_64__

/* A 64-bit kernel runs in ring 3, as its processes do: both have the same selectors. */
#define FLAT_RING3_CS32 0xe023 /* 32-bit code, for compatibility-mode processes */
#define FLAT_RING3_CS64 0xe033 /* 64-bit code */
#define FLAT_RING3_DS32 0xe02b /* data, base 0, limit 4 GiB */
#define FLAT_RING3_DS64 0x0000 /* long mode ignores it: the null selector */
#define FLAT_RING3_SS32 0xe02b
#define FLAT_RING3_SS64 0xe02b /* SS may not be null at privilege level 3 */

#define FLAT_KERNEL_DS64 FLAT_RING3_DS64
#define FLAT_KERNEL_DS32 FLAT_RING3_DS32
#define FLAT_KERNEL_DS   FLAT_KERNEL_DS64
#define FLAT_KERNEL_CS64 FLAT_RING3_CS64
#define FLAT_KERNEL_CS32 FLAT_RING3_CS32
#define FLAT_KERNEL_CS   FLAT_KERNEL_CS64
#define FLAT_KERNEL_SS64 FLAT_RING3_SS64
#define FLAT_KERNEL_SS32 FLAT_RING3_SS32
#define FLAT_KERNEL_SS   FLAT_KERNEL_SS64

#define FLAT_USER_DS64 FLAT_RING3_DS64
#define FLAT_USER_DS32 FLAT_RING3_DS32
#define FLAT_USER_DS   FLAT_USER_DS64
#define FLAT_USER_CS64 FLAT_RING3_CS64
#define FLAT_USER_CS32 FLAT_RING3_CS32
#define FLAT_USER_CS   FLAT_USER_CS64
#define FLAT_USER_SS64 FLAT_RING3_SS64
#define FLAT_USER_SS32 FLAT_RING3_SS32
#define FLAT_USER_SS   FLAT_USER_SS64

/* First argument of __HYPERVISOR_set_segment_base; the second is the base or the selector. */
#define SEGBASE_FS          0 /* base of FS, kernel and user alike */
#define SEGBASE_GS_USER     1 /* GS base while in user mode */
#define SEGBASE_GS_KERNEL   2 /* GS base while in kernel mode */
#define SEGBASE_GS_USER_SEL 3 /* load a selector for user mode's GS, together with its base */

#else

/* A 32-bit kernel runs in ring 1, its processes in ring 3. */
#define FLAT_RING1_CS 0xe019
#define FLAT_RING1_DS 0xe021
#define FLAT_RING1_SS 0xe021
#define FLAT_RING3_CS 0xe02b
#define FLAT_RING3_DS 0xe033
#define FLAT_RING3_SS 0xe033

#define FLAT_KERNEL_CS FLAT_RING1_CS
#define FLAT_KERNEL_DS FLAT_RING1_DS
#define FLAT_KERNEL_SS FLAT_RING1_SS
#define FLAT_USER_CS   FLAT_RING3_CS
#define FLAT_USER_DS   FLAT_RING3_DS
#define FLAT_USER_SS   FLAT_RING3_SS

#endif

/* ---- The hypervisor's part of the address space --------------------------------------------- */

/*
 * Nothing between HYPERVISOR_VIRT_START and HYPERVISOR_VIRT_END can be mapped by a guest. The range
 * starts with the machine-to-physical table: an array of words indexed by machine frame number that
 * gives the pseudo-physical frame number in the owner's view. Guests may read it and change entries
 * of their own frames by MMU_MACHPHYS_UPDATE.
 */
#ifdef __x86_64__
/* L4 slots 256 to 271: the lowest 8 TiB of the upper canonical half. */
#define __HYPERVISOR_VIRT_START 0xFFFF800000000000
#define __HYPERVISOR_VIRT_END   0xFFFF880000000000
#define __MACH2PHYS_VIRT_START  0xFFFF800000000000
#define __MACH2PHYS_VIRT_END    0xFFFF804000000000

#define HYPERVISOR_VIRT_END  xen_mk_ulong(__HYPERVISOR_VIRT_END)
#define MACH2PHYS_NR_ENTRIES ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 3)
#else
/*
 * With PAE tables the range goes up to the end of the address space. Its real start may be higher:
 * XENVER_platform_parameters and XENMEM_machphys_mapping tell.
 */
#define __HYPERVISOR_VIRT_START_PAE 0xF5800000
#define __MACH2PHYS_VIRT_START_PAE  0xF5800000
#define __MACH2PHYS_VIRT_END_PAE    0xF6800000
#define HYPERVISOR_VIRT_START_PAE   xen_mk_ulong(__HYPERVISOR_VIRT_START_PAE)
#define MACH2PHYS_VIRT_START_PAE    xen_mk_ulong(__MACH2PHYS_VIRT_START_PAE)
#define MACH2PHYS_VIRT_END_PAE      xen_mk_ulong(__MACH2PHYS_VIRT_END_PAE)

#define __HYPERVISOR_VIRT_START __HYPERVISOR_VIRT_START_PAE
#define __MACH2PHYS_VIRT_START  __MACH2PHYS_VIRT_START_PAE
#define __MACH2PHYS_VIRT_END    __MACH2PHYS_VIRT_END_PAE
#define MACH2PHYS_NR_ENTRIES    ((MACH2PHYS_VIRT_END - MACH2PHYS_VIRT_START) >> 2)
#endif

#define HYPERVISOR_VIRT_START xen_mk_ulong(__HYPERVISOR_VIRT_START)
#define MACH2PHYS_VIRT_START  xen_mk_ulong(__MACH2PHYS_VIRT_START)
#define MACH2PHYS_VIRT_END    xen_mk_ulong(__MACH2PHYS_VIRT_END)
#ifndef machine_to_phys_mapping
#define machine_to_phys_mapping ((unsigned long *)MACH2PHYS_VIRT_START)
#endif

#ifndef __ASSEMBLY__

/* ---- Exceptions and returns ----------------------------------------------------------------- */

/*
 * One line of a guest's trap table, as passed to __HYPERVISOR_set_trap_table. A call's array ends
 * with an entry whose address is 0.
 */
struct trap_info {
    uint8_t vector;        /* which exception, or which software interrupt */
    uint8_t flags;         /* least privileged ring that may use INT n | 4: mask events */
    uint16_t cs;           /* selector of the handler's code */
    unsigned long address; /* its offset in that segment */
};
typedef struct trap_info trap_info_t;
DEFINE_XEN_GUEST_HANDLE(trap_info_t);

#define TI_GET_DPL(_ti)       ((_ti)->flags & 3)
#define TI_GET_IF(_ti)        ((_ti)->flags & 4)
#define TI_SET_DPL(_ti, _dpl) ((_ti)->flags |= (_dpl))
#define TI_SET_IF(_ti, _if)   ((_ti)->flags |= (!!(_if)) << 2)

#ifdef __x86_64__
/*
 * What the iret hypercall takes from the stack, from the stack pointer upwards. Its stub in the
 * hypercall page is jumped to with the stack pointer at `flags`, and pushes rcx, r11 and rax; a
 * direct SYSCALL needs all nine words. `flags` is 0 for a full restore, or VGCF_in_syscall: then
 * rcx becomes rip and r11 becomes rflags, which a process expects that comes back from SYSCALL. The
 * RPL of `cs` is 0 for a return to the kernel, 3 for one to user mode. RFLAGS.IF becomes the event
 * mask: set enables events.
 */
struct iret_context {
    uint64_t rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;
};
#endif

/* Where the hypervisor may enter a kernel: a flat address, or a far one in 32-bit guests. */
#ifdef __x86_64__
typedef unsigned long xen_callback_t;
#else
struct xen_callback {
    unsigned long cs;
    unsigned long eip;
};
typedef struct xen_callback xen_callback_t;
#endif

/* ---- Registers ------------------------------------------------------------------------------ */

#ifdef __x86_64__

/* A register under the names of its 64-, 32- and 16-bit views. */
#define XEN_REG_LEGACY(name) \
    union {                  \
        uint64_t r##name;    \
        uint32_t e##name;    \
        uint16_t name;       \
    }
#define XEN_REG_NUMBERED(num) \
    union {                   \
        uint64_t r##num;      \
        uint32_t r##num##d;   \
        uint16_t r##num##w;   \
    }

/* The registers that an entry into the hypervisor saves, in the order of the saved frame. */
struct cpu_user_regs {
    XEN_REG_NUMBERED(15);
    XEN_REG_NUMBERED(14);
    XEN_REG_NUMBERED(13);
    XEN_REG_NUMBERED(12);
    XEN_REG_LEGACY(bp);
    XEN_REG_LEGACY(bx);
    XEN_REG_NUMBERED(11);
    XEN_REG_NUMBERED(10);
    XEN_REG_NUMBERED(9);
    XEN_REG_NUMBERED(8);
    XEN_REG_LEGACY(ax);
    XEN_REG_LEGACY(cx);
    XEN_REG_LEGACY(dx);
    XEN_REG_LEGACY(si);
    XEN_REG_LEGACY(di);
    uint32_t error_code;   /* of the exception that led here; not an input */
    uint32_t entry_vector; /* its vector; not an input */
    XEN_REG_LEGACY(ip);
    uint16_t cs, _pad0[1];
    uint8_t saved_upcall_mask; /* vcpu_info.evtchn_upcall_mask at the time of the exception */
    uint8_t _pad1[3];
    XEN_REG_LEGACY(flags);
    XEN_REG_LEGACY(sp);
    uint16_t ss, _pad2[3];
    uint16_t es, _pad3[3];
    uint16_t ds, _pad4[3];
    uint16_t fs, _pad5[3]; /* the selector; bases are in vcpu_guest_context */
    uint16_t gs, _pad6[3];
};

#undef XEN_REG_LEGACY
#undef XEN_REG_NUMBERED

/* A page-table root as a CR3 value, and back. */
#define xen_pfn_to_cr3(pfn) ((unsigned long)(pfn) << 12)
#define xen_cr3_to_pfn(cr3) ((unsigned long)(cr3) >> 12)

/* The part of vcpu_info that only this architecture has. */
struct arch_vcpu_info {
    unsigned long cr2; /* faulting address of the last page fault delivered to the guest */
    unsigned long pad; /* makes vcpu_info 64 bytes */
};

#else

/* The registers that an entry into the hypervisor saves, in the order of the saved frame. */
struct cpu_user_regs {
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    uint32_t esi;
    uint32_t edi;
    uint32_t ebp;
    uint32_t eax;
    uint16_t error_code;   /* of the exception that led here; not an input */
    uint16_t entry_vector; /* its vector; not an input */
    uint32_t eip;
    uint16_t cs;
    uint8_t saved_upcall_mask; /* vcpu_info.evtchn_upcall_mask at the time of the exception */
    uint8_t _pad0;
    uint32_t eflags;
    uint32_t esp;
    uint16_t ss, _pad1;
    uint16_t es, _pad2;
    uint16_t ds, _pad3;
    uint16_t fs, _pad4;
    uint16_t gs, _pad5;
};

/*
 * A page-directory-pointer table may lie above 4 GiB: the upper 8 bits of its frame number travel
 * in the low bits of the CR3 value, where the processor has nothing of use.
 */
#define xen_pfn_to_cr3(pfn) (((unsigned)(pfn) << 12) | ((unsigned)(pfn) >> 20))
#define xen_cr3_to_pfn(cr3) (((unsigned)(cr3) >> 12) | ((unsigned)(cr3) << 20))

/* The part of vcpu_info that only this architecture has. */
struct arch_vcpu_info {
    unsigned long cr2;    /* faulting address of the last page fault delivered to the guest */
    unsigned long pad[5]; /* makes vcpu_info 64 bytes */
};

#endif

typedef struct cpu_user_regs cpu_user_regs_t;
DEFINE_XEN_GUEST_HANDLE(cpu_user_regs_t);
typedef struct arch_vcpu_info arch_vcpu_info_t;

typedef uint64_t tsc_timestamp_t; /* a reading of the time-stamp counter */

#endif /* !__ASSEMBLY__ */

/* ---- The whole state of a vCPU -------------------------------------------------------------- */

/* vcpu_guest_context.flags, by bit number and as a mask. */
#define _VGCF_i387_valid               0 /* fpu_ctxt holds something to load */
#define VGCF_i387_valid                (1 << _VGCF_i387_valid)
#define _VGCF_in_kernel                2 /* starts in kernel mode */
#define VGCF_in_kernel                 (1 << _VGCF_in_kernel)
#define _VGCF_failsafe_disables_events 3 /* the failsafe callback masks events */
#define VGCF_failsafe_disables_events  (1 << _VGCF_failsafe_disables_events)
#define _VGCF_syscall_disables_events  4 /* the syscall callback masks events */
#define VGCF_syscall_disables_events   (1 << _VGCF_syscall_disables_events)
#define _VGCF_online                   5 /* the vCPU is up; set by a tool when restoring */
#define VGCF_online                    (1 << _VGCF_online)
#define VGCF_I387_VALID                (1 << 0) /* older spelling */
#define VGCF_IN_KERNEL                 (1 << 2) /* older spelling */
#ifdef __x86_64__
#define _VGCF_in_syscall 8 /* iret_context only: return by SYSRET */
#define VGCF_in_syscall  (1 << _VGCF_in_syscall)
#define VGCF_IN_SYSCALL  VGCF_in_syscall
#endif

#ifndef __ASSEMBLY__

/*
 * Everything that a vCPU starts with: what a kernel gives to VCPUOP_initialise for its secondary
 * processors, and what a domain builder gives to XEN_DOMCTL_setvcpucontext for the first. All is
 * checked as if the guest had made each setting by its own hypercall. Addresses are virtual.
 *
 * Of the control registers, [0] gives TS, [3] is the kernel's page-table root, [4] gives the bits
 * of CR4 that are the guest's, and in 64-bit guests [1] is user mode's root, or 0 for none. Roots
 * have the form of xen_pfn_to_cr3().
 */
struct vcpu_guest_context {
    struct {
        char x[512];
    } fpu_ctxt;                             /* FXSAVE image, with VGCF_i387_valid */
    unsigned long flags;                    /* VGCF_* */
    struct cpu_user_regs user_regs;         /* general registers, selectors, rip, rflags */
    struct trap_info trap_ctxt[256];        /* the trap table, indexed by vector */
    unsigned long ldt_base, ldt_ents;       /* LDT: address, number of 8-byte entries */
    unsigned long gdt_frames[16], gdt_ents; /* GDT: machine frames, number of entries */
    unsigned long kernel_ss, kernel_sp;     /* stack for entries from user mode (stack_switch) */
    unsigned long ctrlreg[8];               /* CR0 to CR7, see above */
    unsigned long debugreg[8];              /* DR0 to DR7 */
#ifdef __i386__
    unsigned long event_callback_cs;
    unsigned long event_callback_eip;
    unsigned long failsafe_callback_cs;
    unsigned long failsafe_callback_eip;
#else
    unsigned long event_callback_eip;    /* entered when an event is pending and not masked */
    unsigned long failsafe_callback_eip; /* entered when ds, es, fs or gs cannot be loaded */
    unsigned long syscall_callback_eip;  /* entered by SYSCALL from 64-bit user code */
#endif
    unsigned long vm_assist; /* set of 1 << VMASST_TYPE_* */
#ifdef __x86_64__
    uint64_t fs_base;
    uint64_t gs_base_kernel; /* GS base in kernel mode */
    uint64_t gs_base_user;   /* GS base in user mode */
#endif
};
typedef struct vcpu_guest_context vcpu_guest_context_t;
DEFINE_XEN_GUEST_HANDLE(vcpu_guest_context_t);

/*
 * The part of shared_info that only this architecture has. The guest fills in where its
 * physical-to-machine table is, so that tools can save, migrate or dump the domain.
 */
struct arch_shared_info {
    unsigned long max_pfn;                /* number of pseudo-physical frames in the table */
    xen_pfn_t pfn_to_mfn_frame_list_list; /* machine frame of the top of the three-level list */
    unsigned long nmi_reason;             /* XEN_NMIREASON_* bits, dom0 only */
    unsigned long p2m_cr3;                /* root that maps the linear table below; 0: none */
    unsigned long p2m_vaddr;              /* address of the linear table under that root */
    unsigned long p2m_generation;         /* odd while the guest changes the table's mapping */
#ifdef __i386__
    uint32_t wc_sec_hi; /* upper half of shared_info.wc_sec */
#endif
};
typedef struct arch_shared_info arch_shared_info_t;

/* ---- For tools ------------------------------------------------------------------------------ */

/* Devices to emulate for a domain with hardware virtualisation. A PV domain has none of them. */
#define _XEN_X86_EMU_LAPIC    0
#define XEN_X86_EMU_LAPIC     (1U << _XEN_X86_EMU_LAPIC)
#define _XEN_X86_EMU_HPET     1
#define XEN_X86_EMU_HPET      (1U << _XEN_X86_EMU_HPET)
#define _XEN_X86_EMU_PM       2
#define XEN_X86_EMU_PM        (1U << _XEN_X86_EMU_PM)
#define _XEN_X86_EMU_RTC      3
#define XEN_X86_EMU_RTC       (1U << _XEN_X86_EMU_RTC)
#define _XEN_X86_EMU_IOAPIC   4
#define XEN_X86_EMU_IOAPIC    (1U << _XEN_X86_EMU_IOAPIC)
#define _XEN_X86_EMU_PIC      5
#define XEN_X86_EMU_PIC       (1U << _XEN_X86_EMU_PIC)
#define _XEN_X86_EMU_VGA      6
#define XEN_X86_EMU_VGA       (1U << _XEN_X86_EMU_VGA)
#define _XEN_X86_EMU_IOMMU    7
#define XEN_X86_EMU_IOMMU     (1U << _XEN_X86_EMU_IOMMU)
#define _XEN_X86_EMU_PIT      8 /* the one that a PV domain may have */
#define XEN_X86_EMU_PIT       (1U << _XEN_X86_EMU_PIT)
#define _XEN_X86_EMU_USE_PIRQ 9
#define XEN_X86_EMU_USE_PIRQ  (1U << _XEN_X86_EMU_USE_PIRQ)
#define _XEN_X86_EMU_VPCI     10
#define XEN_X86_EMU_VPCI      (1U << _XEN_X86_EMU_VPCI)
#define XEN_X86_EMU_ALL                                                           \
    (XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET | XEN_X86_EMU_PM | XEN_X86_EMU_RTC |    \
     XEN_X86_EMU_IOAPIC | XEN_X86_EMU_PIC | XEN_X86_EMU_VGA | XEN_X86_EMU_IOMMU | \
     XEN_X86_EMU_PIT | XEN_X86_EMU_USE_PIRQ | XEN_X86_EMU_VPCI)

/* xen_arch_domainconfig.misc_flags: reads of unknown MSRs give 0 instead of #GP. */
#define XEN_X86_MSR_RELAXED    (1u << 0)
#define XEN_X86_MISC_FLAGS_MAX XEN_X86_MSR_RELAXED

/* The part of XEN_DOMCTL_createdomain that only this architecture has. */
struct xen_arch_domainconfig {
    uint32_t emulation_flags; /* XEN_X86_EMU_* */
    uint32_t misc_flags;      /* XEN_X86_MSR_RELAXED or 0 */
};

/* One CPUID leaf as a domain sees it. */
typedef struct xen_cpuid_leaf {
    uint32_t leaf, subleaf; /* inputs EAX and ECX; subleaf is XEN_CPUID_NO_SUBLEAF when unused */
    uint32_t a, b, c, d;    /* outputs EAX, EBX, ECX, EDX */
} xen_cpuid_leaf_t;
DEFINE_XEN_GUEST_HANDLE(xen_cpuid_leaf_t);
#define XEN_CPUID_NO_SUBLEAF 0xffffffffu

/* One model-specific register as a domain sees it. */
typedef struct xen_msr_entry {
    uint32_t idx;   /* which MSR */
    uint32_t flags; /* must be 0 */
    uint64_t val;   /* its value */
} xen_msr_entry_t;
DEFINE_XEN_GUEST_HANDLE(xen_msr_entry_t);

#endif /* !__ASSEMBLY__ */

/* ---- Forced emulation ----------------------------------------------------------------------- */

/*
 * CPUID does not fault in ring 3, so a PV kernel that wants the hypervisor's answer puts this
 * prefix in front: UD2 followed by the letters "xen". XEN_CPUID is the two together.
 */
#ifdef __ASSEMBLY__
#define XEN_EMULATE_PREFIX .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e;
#define XEN_CPUID          XEN_EMULATE_PREFIX cpuid
#else
#define XEN_EMULATE_PREFIX ".byte 0x0f,0x0b,0x78,0x65,0x6e ; "
#define XEN_CPUID          XEN_EMULATE_PREFIX "cpuid"
#endif

#define XEN_HVM_DEBUGCONS_IOPORT 0xe9 /* bytes written here reach the hypervisor's log (HVM) */

#endif /* XEN_PUBLIC_ARCH_X86_XEN_H */
