/* SPDX-License-Identifier: MIT */
/*
 * The heart of the guest interface: numbers of the hypercalls, the calls that need no header of
 * their own (page tables, multicalls, console, assists), and the two pages that every PV kernel
 * starts from, start_info and shared_info.
 *
 * Calling a hypercall: `call hypercall_page + 32 * number`, for all but iret. In 64-bit guests the
 * arguments are in rdi, rsi, rdx, r10, r8, r9 and the result comes in rax; in 32-bit guests they
 * are in ebx, ecx, edx, esi, edi, ebp, and the result comes in eax. A negative result is a XEN_E*
 * number of <public/errno.h>, negated. Registers that hold arguments may be changed, others are
 * kept. A 64-bit guest may instead load the number into eax and execute SYSCALL, which destroys rcx
 * and r11 besides.
 *
 * iret is jumped to, not called: see struct iret_context.
 *
 * May be included from assembler sources; only the constants remain visible there.
 */
#ifndef XEN_PUBLIC_XEN_H
#define XEN_PUBLIC_XEN_H

#include "arch-x86/xen.h"

/* ---- Hypercall numbers ---------------------------------------------------------------------- */

#define __HYPERVISOR_set_trap_table                0  /* (trap_info[]) ends at an address of 0 */
#define __HYPERVISOR_mmu_update                    1  /* (mmu_update[], count, *done, domid) */
#define __HYPERVISOR_set_gdt                       2  /* (frames[], number of entries) */
#define __HYPERVISOR_stack_switch                  3  /* (ss, sp) for entries from user mode */
#define __HYPERVISOR_set_callbacks                 4  /* (event, failsafe, syscall) addresses */
#define __HYPERVISOR_fpu_taskswitch                5  /* (set) 1 sets CR0.TS, 0 clears it */
#define __HYPERVISOR_sched_op_compat               6  /* before the calling form of sched_op */
#define __HYPERVISOR_platform_op                   7  /* (xen_platform_op *) <public/platform.h> */
#define __HYPERVISOR_set_debugreg                  8  /* (number, value) */
#define __HYPERVISOR_get_debugreg                  9  /* (number) */
#define __HYPERVISOR_update_descriptor             10 /* (machine address, descriptor) */
#define __HYPERVISOR_memory_op                     12 /* (XENMEM_*, *) <public/memory.h> */
#define __HYPERVISOR_multicall                     13 /* (multicall_entry[], count) */
#define __HYPERVISOR_update_va_mapping             14 /* (va, L1 entry, UVMF_*) */
#define __HYPERVISOR_set_timer_op                  15 /* (system time in ns; 0 cancels) */
#define __HYPERVISOR_event_channel_op_compat       16 /* (evtchn_op *) */
#define __HYPERVISOR_xen_version                   17 /* (XENVER_*, *) <public/version.h> */
#define __HYPERVISOR_console_io                    18 /* (CONSOLEIO_*, count, buffer) */
#define __HYPERVISOR_physdev_op_compat             19 /* (physdev_op *) */
#define __HYPERVISOR_grant_table_op                20 /* (GNTTABOP_*, ops[], count) */
#define __HYPERVISOR_vm_assist                     21 /* (VMASST_CMD_*, VMASST_TYPE_*) */
#define __HYPERVISOR_update_va_mapping_otherdomain 22 /* (va, L1 entry, UVMF_*, domid) */
#define __HYPERVISOR_iret                          23 /* frame on the stack, see iret_context */
#define __HYPERVISOR_vcpu_op                       24 /* (VCPUOP_*, vCPU, *) <public/vcpu.h> */
#define __HYPERVISOR_set_segment_base              25 /* (SEGBASE_*, base), 64-bit guests */
#define __HYPERVISOR_mmuext_op                     26 /* (mmuext_op[], count, *done, domid) */
#define __HYPERVISOR_xsm_op                        27 /* security module */
#define __HYPERVISOR_nmi_op                        28 /* (XENNMI_*, *) <public/nmi.h> */
#define __HYPERVISOR_sched_op                      29 /* (SCHEDOP_*, *) <public/sched.h> */
#define __HYPERVISOR_callback_op                   30 /* (CALLBACKOP_*, *) <public/callback.h> */
#define __HYPERVISOR_xenoprof_op                   31 /* profiling */
#define __HYPERVISOR_event_channel_op              32 /* (EVTCHNOP_*, *) <public/event_channel.h> */
#define __HYPERVISOR_physdev_op                    33 /* (PHYSDEVOP_*, *) <public/physdev.h> */
#define __HYPERVISOR_hvm_op                        34 /* hardware-virtualised domains */
#define __HYPERVISOR_sysctl                        35 /* (xen_sysctl *) <public/sysctl.h> */
#define __HYPERVISOR_domctl                        36 /* (xen_domctl *) <public/domctl.h> */
#define __HYPERVISOR_kexec_op                      37 /* crash kernels */
#define __HYPERVISOR_tmem_op                       38 /* withdrawn */
#define __HYPERVISOR_argo_op                       39 /* message passing */
#define __HYPERVISOR_xenpmu_op                     40 /* performance counters */
#define __HYPERVISOR_dm_op                         41 /* device models */
#define __HYPERVISOR_hypfs_op                      42 /* hypervisor file system */

/* Numbers that each architecture uses as it likes; on x86, arch_0 reports machine checks. */
#define __HYPERVISOR_arch_0 48
#define __HYPERVISOR_arch_1 49
#define __HYPERVISOR_arch_2 50
#define __HYPERVISOR_arch_3 51
#define __HYPERVISOR_arch_4 52
#define __HYPERVISOR_arch_5 53
#define __HYPERVISOR_arch_6 54
#define __HYPERVISOR_arch_7 55

/* ---- Virtual interrupts --------------------------------------------------------------------- */

/*
 * Sources of events inside the hypervisor, bound to a port by EVTCHNOP_bind_virq. Some exist once
 * for each vCPU and are bound on the vCPU that they concern; the others exist once, for one domain
 * (normally dom0, else the one named by XEN_DOMCTL_set_virq_handler).
 */
#define VIRQ_TIMER      0  /* per vCPU: a timer of this vCPU expired */
#define VIRQ_DEBUG      1  /* per vCPU: the operator asks the guest to print its state */
#define VIRQ_CONSOLE    2  /* one, dom0: a byte arrived at the hypervisor's console */
#define VIRQ_DOM_EXC    3  /* one, store: a domain was created, shut down, or died */
#define VIRQ_TBUF       4  /* one, dom0: trace buffers want to be read */
#define VIRQ_DEBUGGER   6  /* one, dom0: a domain stopped for its debugger */
#define VIRQ_XENOPROF   7  /* per vCPU: a profiling sample is ready */
#define VIRQ_CON_RING   8  /* one, dom0: the console ring got new text */
#define VIRQ_PCPU_STATE 9  /* one, dom0: a physical CPU went up or down */
#define VIRQ_MEM_EVENT  10 /* one, dom0: a memory event */
#define VIRQ_ARGO       11 /* one per domain: a message arrived */
#define VIRQ_ENOMEM     12 /* one, dom0: free memory is low */
#define VIRQ_XENPMU     13 /* per vCPU: a performance counter overflowed */
#define VIRQ_ARCH_0     16 /* one, dom0: a machine check was logged */
#define VIRQ_ARCH_1     17
#define VIRQ_ARCH_2     18
#define VIRQ_ARCH_3     19
#define VIRQ_ARCH_4     20
#define VIRQ_ARCH_5     21
#define VIRQ_ARCH_6     22
#define VIRQ_ARCH_7     23
#define NR_VIRQS        24 /* one more than the highest number */

/* ---- Domain numbers that name no ordinary domain -------------------------------------------- */

/* DOMID_IO owns device memory: the foreign domain of mmu_update for frames that are no RAM. */
/* DOMID_XEN owns what the hypervisor lets privileged domains see: the M2P table, trace buffers. */
#define DOMID_FIRST_RESERVED xen_mk_uint(0x7FF0) /* real domains have lower numbers */
#define DOMID_SELF           xen_mk_uint(0x7FF0) /* the caller, whoever it is */
#define DOMID_IO             xen_mk_uint(0x7FF1)
#define DOMID_XEN            xen_mk_uint(0x7FF2)
#define DOMID_COW            xen_mk_uint(0x7FF3) /* owner of shared copy-on-write frames */
#define DOMID_INVALID        xen_mk_uint(0x7FF4) /* no domain at all */
#define DOMID_IDLE           xen_mk_uint(0x7FFF) /* what runs when nothing else does */
#define DOMID_MASK           xen_mk_uint(0x7FFF) /* the bits that may be set in a number */

#ifndef __ASSEMBLY__

typedef uint16_t domid_t;

DEFINE_XEN_GUEST_HANDLE(char);
__DEFINE_XEN_GUEST_HANDLE(uchar, unsigned char);
DEFINE_XEN_GUEST_HANDLE(int);
__DEFINE_XEN_GUEST_HANDLE(uint, unsigned int);
DEFINE_XEN_GUEST_HANDLE(void);
DEFINE_XEN_GUEST_HANDLE(uint64_t);
DEFINE_XEN_GUEST_HANDLE(xen_pfn_t);
DEFINE_XEN_GUEST_HANDLE(xen_ulong_t);
__DEFINE_XEN_GUEST_HANDLE(uint8, uint8_t);
__DEFINE_XEN_GUEST_HANDLE(uint16, uint16_t);
__DEFINE_XEN_GUEST_HANDLE(uint32, uint32_t);
__DEFINE_XEN_GUEST_HANDLE(uint64, uint64_t);

#define XEN_FLEX_ARRAY_DIM /* bound of an array whose length is not known when compiling */

typedef uint8_t xen_domain_handle_t[16]; /* a domain's UUID; opaque to the hypervisor */

/* A universally unique identifier, in the byte order in which it is printed. */
typedef struct {
    uint8_t a[16];
} xen_uuid_t;

/* A set of CPUs or nodes: bit n is in byte n / 8. */
struct xenctl_bitmap {
    XEN_GUEST_HANDLE_64(uint8) bitmap;
    uint32_t nr_bits; /* how many bits the buffer has room for */
};
typedef struct xenctl_bitmap xenctl_bitmap_t;

#endif

/* ---- mmu_update ----------------------------------------------------------------------------- */

/*
 * long mmu_update(mmu_update_t reqs[], unsigned count, unsigned *done, unsigned domid)
 *
 * Changes entries of page tables or of the M2P table, in order, and stops at the first that is
 * refused: `*done` counts the ones that were made. `domid` names the owner of the frames that are
 * mapped (DOMID_SELF, DOMID_IO, or another domain that the caller controls); its upper 16 bits,
 * less one, name the owner of the page tables, when that is another one.
 */
#define MMU_NORMAL_PT_UPDATE       0 /* write `val` to the entry at machine address `ptr` */
#define MMU_MACHPHYS_UPDATE        1 /* M2P entry of the frame of `ptr` becomes `val` */
#define MMU_PT_UPDATE_PRESERVE_AD  2 /* as 0, but keep what the CPU set in Accessed and Dirty */
#define MMU_PT_UPDATE_NO_TRANSLATE 3 /* as 0, for tools that write entries of translated domains */

#ifndef __ASSEMBLY__
struct mmu_update {
    uint64_t ptr; /* machine address of the entry; the two low bits are MMU_* */
    uint64_t val; /* the new content */
};
typedef struct mmu_update mmu_update_t;
DEFINE_XEN_GUEST_HANDLE(mmu_update_t);
#endif

/* ---- mmuext_op ------------------------------------------------------------------------------ */

/*
 * long mmuext_op(mmuext_op_t ops[], unsigned count, unsigned *done, unsigned domid)
 *
 * Page-table work other than writing entries. Stops at the first refusal, as mmu_update does.
 *
 * Pinning validates a table with all that hangs below it and keeps it valid while no other table
 * or CR3 refers to it; an unpinned table that is nowhere in use is ordinary memory again.
 */
#define MMUEXT_PIN_L1_TABLE       0  /* arg1.mfn */
#define MMUEXT_PIN_L2_TABLE       1  /* arg1.mfn */
#define MMUEXT_PIN_L3_TABLE       2  /* arg1.mfn; the root in 32-bit guests */
#define MMUEXT_PIN_L4_TABLE       3  /* arg1.mfn; the root in 64-bit guests */
#define MMUEXT_UNPIN_TABLE        4  /* arg1.mfn */
#define MMUEXT_NEW_BASEPTR        5  /* arg1.mfn: load the kernel's root on this vCPU */
#define MMUEXT_TLB_FLUSH_LOCAL    6  /* flush this vCPU's translations */
#define MMUEXT_INVLPG_LOCAL       7  /* arg1.linear_addr: flush one page here */
#define MMUEXT_TLB_FLUSH_MULTI    8  /* arg2.vcpumask: flush on the vCPUs named */
#define MMUEXT_INVLPG_MULTI       9  /* arg1.linear_addr, arg2.vcpumask: one page on those */
#define MMUEXT_TLB_FLUSH_ALL      10 /* flush on all vCPUs of the domain */
#define MMUEXT_INVLPG_ALL         11 /* arg1.linear_addr: one page on all of them */
#define MMUEXT_FLUSH_CACHE        12 /* write back and invalidate caches; needs a device */
#define MMUEXT_SET_LDT            13 /* arg1.linear_addr, arg2.nr_ents: load an LDT */
#define MMUEXT_NEW_USER_BASEPTR   15 /* arg1.mfn: load user mode's root; 0 for none */
#define MMUEXT_CLEAR_PAGE         16 /* arg1.mfn: fill with zeros */
#define MMUEXT_COPY_PAGE          17 /* arg1.mfn from arg2.src_mfn */
#define MMUEXT_FLUSH_CACHE_GLOBAL 18 /* as FLUSH_CACHE, on all physical CPUs */
#define MMUEXT_MARK_SUPER         19 /* arg1.mfn: superpages, refused */
#define MMUEXT_UNMARK_SUPER       20 /* arg1.mfn: superpages, refused */

#ifndef __ASSEMBLY__
struct mmuext_op {
    unsigned int cmd; /* MMUEXT_* */
    union {
        xen_pfn_t mfn;             /* a machine frame */
        unsigned long linear_addr; /* a virtual address */
    } arg1;
    union {
        unsigned int nr_ents;                  /* SET_LDT: 8-byte entries, 0 for none */
        XEN_GUEST_HANDLE(const_void) vcpumask; /* a word-padded bitmap of vCPU numbers */
        xen_pfn_t src_mfn;                     /* COPY_PAGE: the source */
    } arg2;
};
typedef struct mmuext_op mmuext_op_t;
DEFINE_XEN_GUEST_HANDLE(mmuext_op_t);
#endif

/* ---- update_va_mapping ---------------------------------------------------------------------- */

/*
 * long update_va_mapping(unsigned long va, uint64_t entry, unsigned long flags)
 *
 * Writes the L1 entry that maps `va` in the current tables, and flushes as told. With UVMF_MULTI,
 * the flags carry, above the low bits, a pointer to a bitmap of vCPUs. A 32-bit guest passes the
 * entry in two registers.
 */
#define UVMF_NONE           (xen_mk_ulong(0) << 0) /* no flush */
#define UVMF_TLB_FLUSH      (xen_mk_ulong(1) << 0) /* flush everything */
#define UVMF_INVLPG         (xen_mk_ulong(2) << 0) /* flush the page of `va` */
#define UVMF_FLUSHTYPE_MASK (xen_mk_ulong(3) << 0) /* the bits of the three above */
#define UVMF_MULTI          (xen_mk_ulong(0) << 2) /* on the vCPUs of the bitmap */
#define UVMF_LOCAL          (xen_mk_ulong(0) << 2) /* here, when there is no bitmap */
#define UVMF_ALL            (xen_mk_ulong(1) << 2) /* on all vCPUs of the domain */

/* ---- console_io ----------------------------------------------------------------------------- */

/* long console_io(unsigned cmd, unsigned count, char buffer[]) on the hypervisor's own console. */
#define CONSOLEIO_write 0 /* print. dom0 only; a domU has a console ring (io/console.h) */
#define CONSOLEIO_read  1 /* take typed bytes without waiting; gives the number. dom0 only */

/* ---- vm_assist ------------------------------------------------------------------------------ */

/* long vm_assist(unsigned cmd, unsigned type): ask the hypervisor to behave differently. */
#define VMASST_CMD_enable  0
#define VMASST_CMD_disable 1

/* 32-bit guests: make segments of 4 GiB work by emulation, and raise trap 15 each time. */
#define VMASST_TYPE_4gb_segments        0
#define VMASST_TYPE_4gb_segments_notify 1
/* Plain stores to L1 page tables are completed for the guest. For dom0 they are without asking. */
#define VMASST_TYPE_writable_pagetables 2
/* 32-bit guests: page-table roots may lie above 4 GiB. */
#define VMASST_TYPE_pae_extended_cr3 3
/* The guest's IOPL is the one in its RFLAGS image, not the one of PHYSDEVOP_set_iopl. */
#define VMASST_TYPE_architectural_iopl 4
/* Mark run-state areas while they are being written, by XEN_RUNSTATE_UPDATE. */
#define VMASST_TYPE_runstate_update_flag 5
/* 64-bit guests: user mode does not see the M2P table. */
#define VMASST_TYPE_m2p_strict 32

/* ---- multicall ------------------------------------------------------------------------------ */

#ifndef __ASSEMBLY__
/*
 * long multicall(multicall_entry_t calls[], unsigned count)
 *
 * Makes the calls in order and stores each result; a call that fails does not stop the others.
 * Entries may not themselves be multicalls.
 */
struct multicall_entry {
    xen_ulong_t op, result; /* __HYPERVISOR_*; what the call returned */
    xen_ulong_t args[6];
};
typedef struct multicall_entry multicall_entry_t;
DEFINE_XEN_GUEST_HANDLE(multicall_entry_t);

/* ---- Time ----------------------------------------------------------------------------------- */

/*
 * System time (nanoseconds since the hypervisor booted) for readers of the time-stamp counter:
 *
 *   delta = tsc - tsc_timestamp; delta = shift >= 0 ? delta << shift : delta >> -shift
 *   now   = system_time + ((delta * tsc_to_system_mul) >> 32)
 *
 * The writer makes `version` odd, changes the record, and makes it even again: a reader starts
 * over when it saw an odd version or two different ones.
 */
struct vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;     /* counter value at which system_time was right */
    uint64_t system_time;       /* ns */
    uint32_t tsc_to_system_mul; /* ns per (shifted) tick, as a fraction of 2^32 */
    int8_t tsc_shift;           /* to the left; to the right when negative */
    uint8_t flags;              /* XEN_PVCLOCK_* */
    uint8_t pad1[2];
};
typedef struct vcpu_time_info vcpu_time_info_t;

#define XEN_PVCLOCK_TSC_STABLE_BIT (1 << 0) /* records of all vCPUs agree at any moment */
#define XEN_PVCLOCK_GUEST_STOPPED  (1 << 1) /* the guest did not run for a while */

/* ---- The shared page ------------------------------------------------------------------------ */

/*
 * What a vCPU and the hypervisor share. With two-level event channels a port p is delivered when
 * evtchn_pending[p / word] has its bit, evtchn_mask does not, the word's bit is set in
 * evtchn_pending_sel, evtchn_upcall_pending is set, and evtchn_upcall_mask is clear. The callback
 * clears evtchn_upcall_pending first, takes evtchn_pending_sel by an exchange, then each port.
 */
struct vcpu_info {
    uint8_t evtchn_upcall_pending;  /* 1: something wants to be delivered */
    uint8_t evtchn_upcall_mask;     /* 1: not now; the PV kernel's interrupt flag */
    xen_ulong_t evtchn_pending_sel; /* one bit for each word of evtchn_pending */
    struct arch_vcpu_info arch;
    vcpu_time_info_t time;
}; /* 64 bytes */
typedef struct vcpu_info vcpu_info_t;

/* The page that a domain and the hypervisor share, at start_info.shared_info. */
struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    xen_ulong_t evtchn_pending[sizeof(xen_ulong_t) * 8]; /* one bit for each port */
    xen_ulong_t evtchn_mask[sizeof(xen_ulong_t) * 8];    /* 1: do not deliver */

    /*
     * Wall-clock time (seconds and nanoseconds since 1970, UTC) at which system time was 0.
     * Written with the same odd-even protocol as vcpu_time_info.
     */
    uint32_t wc_version;
    uint32_t wc_sec;
    uint32_t wc_nsec;
#ifndef __i386__
    uint32_t wc_sec_hi; /* upper half of wc_sec */
#define xen_wc_sec_hi wc_sec_hi
#else
#define xen_wc_sec_hi arch.wc_sec_hi
#endif
    struct arch_shared_info arch;
};
typedef struct shared_info shared_info_t;

#define MAX_GUEST_CMDLINE 1024 /* room for the command line, with its final zero */

/* ---- The start of the day ------------------------------------------------------------------- */

/*
 * What a PV kernel finds when it starts: rsi (esi) holds the virtual address of this page, paging
 * is on, events are masked, the flat selectors are loaded. From VIRT_BASE on it finds, mapped in
 * this order: its image, the ramdisk (unless a note declines that), the P2M array (unless a note
 * puts it elsewhere), this page, in a domU the store's and the console's ring, the initial page
 * tables, and a page of stack, whose top is in the stack pointer. The mapping ends at a multiple of
 * 4 MiB, with at least 512 KiB to spare.
 *
 * The numbers are valid only once: a kernel that is resumed after suspend gets a new page.
 */
struct start_info {
    char magic[32];            /* "xen-<major>.<minor>-<platform>", zero-terminated */
    unsigned long nr_pages;    /* frames that the domain has */
    unsigned long shared_info; /* machine address of the shared_info page */
    uint32_t flags;            /* SIF_* */
    xen_pfn_t store_mfn;       /* domU: machine frame of the store's ring */
    uint32_t store_evtchn;     /* domU: port to the store */
    union {
        struct {
            xen_pfn_t mfn;   /* machine frame of the console ring */
            uint32_t evtchn; /* port to the console back end */
        } domU;
        struct {
            uint32_t info_off;  /* where dom0_vga_console_info is in this page, bytes */
            uint32_t info_size; /* how much of it is filled in */
        } dom0;
    } console;
    unsigned long pt_base;      /* virtual address of the page-table root */
    unsigned long nr_pt_frames; /* frames that the initial tables take */
    unsigned long mfn_list;     /* virtual address of the P2M array: mfns, indexed by pfn */
    unsigned long mod_start;    /* ramdisk: virtual address, see SIF_MOD_*; 0 for none */
    unsigned long mod_len;      /* its length in bytes */
    int8_t cmd_line[MAX_GUEST_CMDLINE];
    unsigned long first_p2m_pfn; /* when the kernel chose the array's place (INIT_P2M): first of */
    unsigned long nr_p2m_frames; /* the frames that hold it, and their number */
};
typedef struct start_info start_info_t;

/* What start_info.mod_start holds with SIF_MULTIBOOT_MOD: a list of modules. */
struct xen_multiboot_mod_list {
    uint32_t mod_start; /* first byte, physical address */
    uint32_t mod_end;   /* the byte behind the last */
    uint32_t cmdline;   /* address of a zero-terminated string */
    uint32_t pad;
};

#endif /* !__ASSEMBLY__ */

#define SIF_PRIVILEGED      (1 << 0)    /* the domain may use the control interface */
#define SIF_INITDOMAIN      (1 << 1)    /* the domain was started by the hypervisor itself: dom0 */
#define SIF_MULTIBOOT_MOD   (1 << 2)    /* mod_start is a list of modules */
#define SIF_MOD_START_PFN   (1 << 3)    /* mod_start is a frame number, the ramdisk is not mapped */
#define SIF_VIRT_P2M_4TOOLS (1 << 4)    /* tools understand arch_shared_info.p2m_vaddr */
#define SIF_PM_MASK         (0xFF << 8) /* XEN_PROCESSOR_PM_*: what to tell about ACPI */

/* ---- dom0's screen -------------------------------------------------------------------------- */

#define XEN_VGATYPE_TEXT_MODE_3 0x03 /* VGA text */
#define XEN_VGATYPE_VESA_LFB    0x23 /* a frame buffer set up through VESA */
#define XEN_VGATYPE_EFI_LFB     0x70 /* a frame buffer set up by EFI */

#ifndef __ASSEMBLY__
/* The state of the screen that dom0 takes over, at start_info.console.dom0.info_off. */
typedef struct dom0_vga_console_info {
    uint8_t video_type; /* XEN_VGATYPE_* */
    union {
        struct {
            uint16_t font_height;        /* scan lines of a character */
            uint16_t cursor_x, cursor_y; /* in characters, from 0 */
            uint16_t rows, columns;
        } text_mode_3;
        struct {
            uint16_t width, height; /* pixels */
            uint16_t bytes_per_line;
            uint16_t bits_per_pixel;
            uint32_t lfb_base;         /* physical address, low 32 bits */
            uint32_t lfb_size;         /* in units of 64 KiB */
            uint8_t red_pos, red_size; /* lowest bit and number of bits in a pixel */
            uint8_t green_pos, green_size;
            uint8_t blue_pos, blue_size;
            uint8_t rsvd_pos, rsvd_size;
            uint32_t gbl_caps;   /* VESA capabilities of the controller */
            uint16_t mode_attrs; /* VESA attributes of the mode */
            uint16_t pad;
            uint32_t ext_lfb_base; /* physical address, high 32 bits */
        } vesa_lfb;
    } u;
} dom0_vga_console_info_t;
#define xen_vga_console_info   dom0_vga_console_info
#define xen_vga_console_info_t dom0_vga_console_info_t
#endif

#endif /* XEN_PUBLIC_XEN_H */
