/* SPDX-License-Identifier: MIT */
/*
 * The CPU half of a PV guest: what its kernel sees of exceptions, callbacks and privileged
 * instructions. The code in arch/x86/pv behind this header holds no privileged instruction of its
 * own.
 */
#ifndef ASM_PV_H
#define ASM_PV_H

#include <asm/decode.h>
#include <domain.h>

/* Exception vectors (Intel SDM volume 3, 6.3.1). */
enum exception {
    EXC_DE = 0,
    EXC_DB = 1,
    EXC_NMI = 2,
    EXC_BP = 3,
    EXC_OF = 4,
    EXC_BR = 5,
    EXC_UD = 6,
    EXC_NM = 7,
    EXC_DF = 8,
    EXC_TS = 10,
    EXC_NP = 11,
    EXC_SS = 12,
    EXC_GP = 13,
    EXC_PF = 14,
    EXC_MF = 16,
    EXC_AC = 17,
    EXC_MC = 18,
    EXC_XM = 19,
};

/* Page-fault error code. */
#define PFEC_PRESENT 1U
#define PFEC_WRITE   2U
#define PFEC_USER    4U
#define PFEC_RSVD    8U
#define PFEC_FETCH   16U

/* RFLAGS. */
#define EFLAGS_TF   (1UL << 8)
#define EFLAGS_IF   (1UL << 9)
#define EFLAGS_DF   (1UL << 10)
#define EFLAGS_IOPL (3UL << 12)
#define EFLAGS_NT   (1UL << 14)
#define EFLAGS_RF   (1UL << 16)
#define EFLAGS_VM   (1UL << 17)
#define EFLAGS_AC   (1UL << 18)

/* Does the current vCPU run its kernel (else user mode)? */
static inline bool in_guest_kernel(const struct vcpu *v)
{
    return v->arch.flags & TF_KERNEL_MODE;
}

#define FRAME_BYTES_MAX  96U /* largest frame that we put on a guest's stack, with alignment */
#define FAULTING_ADDRESS (1UL << 63) /* not canonical */

/* The stack on which entries from user mode begin. */
static inline void set_kernel_stack(struct vcpu *v, unsigned long ss, unsigned long sp)
{
    v->arch.kernel_ss = (u16)ss | 3;
    v->arch.kernel_sp = sp;
    v->arch.entry_sp = is_hv_address(sp) || is_hv_address(sp - FRAME_BYTES_MAX) ? FAULTING_ADDRESS
                                                                                : sp & ~0xfUL;
}

static inline bool is_canonical(unsigned long addr)
{
    return (long)(addr << 16) >> 16 == (long)addr;
}

/* ---- delivery; all for the current vCPU, whose frame is @regs == guest_regs() ---- */

/*
 * Deliver an exception without and with error code through the guest's trap table (bounce.c). The
 * kernel is entered with the frame of the ABI on its stack: from user mode on the stack that
 * stack_switch named, after a change to the kernel's page tables. A guest whose stack cannot take
 * the frame, or that has no handler, is crashed.
 */
void pv_inject(struct cpu_user_regs *regs, enum exception vector);
void pv_inject_error(struct cpu_user_regs *regs, enum exception vector, u32 error_code);
/*
 * Delivers #PF at @addr. The user bit of @error_code is set as the guest sees the mode that it was
 * in.
 */
void pv_inject_page_fault(struct cpu_user_regs *regs, unsigned long addr, u32 error_code);

/* ---- entries from entry.S: interrupts off, @v is current ---- */

/*
 * Exceptions in guest mode. (traps.c)
 * @return true: the guest's handler was entered, nothing else happened, interrupts are still off,
 * and the general registers in @regs are as they were
 */
bool pv_fault(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_fault_error(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_invalid_opcode(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_page_fault(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_protection_fault(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_no_device(struct cpu_user_regs *regs, struct vcpu *v);
/*
 * SYSCALL from user mode, 64-bit and compatibility, and SYSENTER. (callback.c)
 * @return as for exceptions
 */
bool pv_syscall(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_syscall32(struct cpu_user_regs *regs, struct vcpu *v);
bool pv_sysenter(struct cpu_user_regs *regs, struct vcpu *v);
/*
 * Enters the event callback; the caller saw that an event is pending and not masked.
 * @return as for exceptions
 */
bool pv_deliver_event(struct cpu_user_regs *regs, struct vcpu *v);
/* HYPERVISOR_iret (iret.c). */
void pv_iret(struct cpu_user_regs *regs, struct vcpu *v);
/*
 * Serves the exception that @regs->entry_vector and error_code name, with interrupts on; @addr was
 * in CR2 if it is #PF.
 */
void pv_exception(struct cpu_user_regs *regs, unsigned long addr);
/*
 * Makes an NMI pending for @v: its callback is entered when @v next leaves to guest mode, or after
 * the iret of the NMI that it is in. Takes no lock; any context. (callback.c)
 */
void pv_set_nmi_pending(struct vcpu *v);
/* Does the EXIT_WORK_* of the current vCPU. */
void pv_exit_work(struct cpu_user_regs *regs);
/*
 * Enters the failsafe callback: a data selector could not be loaded when the CPU switched to the
 * vCPU. @regs->ds, es, fs, gs hold the selectors.
 */
void pv_failsafe(struct cpu_user_regs *regs);

/* ---- emulation ---- */

/*
 * Fetches the instruction at @regs->rip from guest memory and decodes it.
 * @return as insn_decode(); -XEN_EFAULT: it could not be read
 */
int pv_fetch_insn(struct insn *insn, const struct cpu_user_regs *regs);
/*
 * Computes the linear address of the memory operand of @insn.
 * @return false: beyond the segment's limit, or no usable segment
 */
bool pv_operand_address(const struct insn *insn, const struct cpu_user_regs *regs,
                        unsigned long *addr);
/* The same for @bytes at @offset of the segment that insn->segment names (string instructions). */
bool pv_segment_address(const struct insn *insn, const struct cpu_user_regs *regs,
                        unsigned long offset, unsigned int bytes, unsigned long *addr);

/*
 * #GP in guest mode: completes the instruction if a kernel in ring 3 may use it.
 * @return true: that is done, or another exception was delivered
 */
bool pv_emulate_privileged(struct cpu_user_regs *regs);
/* #UD in guest mode: serves an instruction with the prefix XEN_EMULATE_PREFIX. */
bool pv_emulate_forced(struct cpu_user_regs *regs);

/* Executes CPUID as @v sees it: registers in and out of @regs. */
struct cpuid;
void pv_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf, struct cpuid *out);
/*
 * The same without what depends on a vCPU's state. With @d NULL: the most that a domain can be
 * shown.
 */
void pv_domain_cpuid(const struct domain *d, u32 leaf, u32 subleaf, struct cpuid *out);
/*
 * Execute RDMSR and WRMSR under the policy at the top of msr.c.
 * @return false: the instruction raises #GP
 */
bool pv_rdmsr(struct vcpu *v, u32 msr, u64 *val);
bool pv_wrmsr(struct vcpu *v, u32 msr, u64 val);
/* What became of an instruction that was to be emulated. */
enum emulated {
    EMULATE_DONE,    /* complete: RIP is advanced */
    EMULATE_AGAIN,   /* the guest executes it (the rest of it) again */
    EMULATE_FAULT,   /* an exception was delivered instead */
    EMULATE_REFUSED, /* not for this guest: the #GP that brought us here is its own */
};
/* Executes IN, OUT, INS or OUTS. (ioport.c) */
enum emulated pv_emulate_io(struct cpu_user_regs *regs, const struct insn *insn);
/*
 * Keep dom0's other vCPUs away from the ports that select a register (CMOS, PCI configuration).
 * Locks: the ports' own, interrupts are off in between. (ioport.c)
 * @return for pv_unlock_index_ports()
 */
unsigned long pv_lock_index_ports(void);
void pv_unlock_index_ports(unsigned long flags);
/* Does the guest's virtual IOPL allow its present mode to use I/O instructions, CLI and STI? */
bool pv_iopl_ok(const struct vcpu *v);

/*
 * Sets debug register @reg to @value, with the checks of set_debugreg.
 * @return 0; -XEN_EINVAL, -XEN_EPERM, -XEN_ENODEV as on Xen
 */
long pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value);

/*
 * @return CR4 as it is shown to a guest that wants @cr4: its own bits where we allow them, ours for
 * the rest
 */
unsigned long pv_fix_cr4(unsigned long cr4);

/* Fills a page with hypercall entry points (in guest memory or about to become it). */
void hypercall_page_init(void *page);

/* ---- the memory half (pv/descriptor.c, pv/pte_emulate.c) ---- */

/*
 * Serves a fault at @addr in the LDT window of the current vCPU: maps the LDT page behind it.
 * Interrupts may be off.
 * @return false: there is none
 */
bool pv_ldt_fault(unsigned long addr);
/*
 * A page fault in ring 0 at @addr, with the processor's @error_code and root @root loaded. May the
 * access be made again as it was? It may when the LDT page behind it is mapped now, or when a
 * guest's mapping allows by now what an old translation refused. Interrupts may be off.
 * (pv/own_fault.c)
 */
bool pv_own_page_fault(unsigned long addr, u32 error_code, mfn_t root);
/*
 * @return the guest's name of an address in the LDT window of the current vCPU; other addresses as
 * they are
 */
unsigned long pv_ldt_address(unsigned long addr);
/*
 * Serves a write by the guest's kernel to a present read-only page at @addr.
 * @return true: it was to a page-table entry, and is complete
 */
bool pv_emulate_pte_write(unsigned long addr, struct cpu_user_regs *regs);

/* Boot: makes the tables of the windows for descriptor tables. */
void descriptor_windows_init(void);
/* What L4 slot 260 of every guest's root holds. */
extern u64 descriptors_l4_entry;
/*
 * Gives @v its window, or takes it away with the tables that it shows.
 * @return 0; -XEN_ENOMEM
 */
int pv_descriptors_create(struct vcpu *v);
void pv_descriptors_destroy(struct vcpu *v);
/* Takes GDT and LDT of @v away. */
void pv_descriptors_drop(struct vcpu *v);
/* @return the L1 entry of the reserved GDT page of @v */
u64 *pv_reserved_gdt_entry(const struct vcpu *v);
/*
 * Sets the GDT of @v: @entries descriptors in @frames. After an error @v has its old GDT.
 * @return 0; -XEN_EINVAL
 */
long set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
void destroy_gdt(struct vcpu *v);

/*
 * Device frames that no guest may map writable: an attempt makes a read-only mapping. NULL: there
 * are none.
 */
extern struct rangeset *mmio_read_only;

#endif
