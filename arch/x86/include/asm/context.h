/* SPDX-License-Identifier: MIT */
/*
 * Which part of the running vCPU's state is in the processor, and how it is changed there
 * (arch/x86/context.c, fpu.c).
 */
#ifndef ASM_CONTEXT_H
#define ASM_CONTEXT_H

#include <asm/control.h>
#include <percpu.h>

/*
 * Change between user and kernel mode of the current vCPU, which is in the other one: each mode has
 * a page-table root and a GS base. User mappings are global, so they stay in the TLB.
 * enter_guest_user() may only be called if there is a user root.
 */
static inline void enter_guest_kernel(struct vcpu *v)
{
    v->arch.flags |= TF_KERNEL_MODE;
    swapgs();
    write_cr3(v->arch.cr3);
    if (unlikely(v->arch.flags & TF_AREAS_PENDING))
        atomic_or(&get_cpu_info()->exit_work, EXIT_WORK_AREAS);
}

static inline void enter_guest_user(struct vcpu *v)
{
    v->arch.flags &= ~TF_KERNEL_MODE;
    swapgs();
    write_cr3(v->arch.guest_table_user.n << PAGE_SHIFT);
}

/* @return CR3 for the mode that @v is in */
static inline unsigned long vcpu_cr3(const struct vcpu *v)
{
    return v->arch.flags & TF_KERNEL_MODE ? v->arch.cr3 : v->arch.guest_table_user.n << PAGE_SHIFT;
}

/*
 * Loads this CPU's own GDT, which is in use while no guest's GDT is; writes the LDT descriptor of
 * @cpu (descriptors.c).
 */
void load_own_gdt(void);
void set_ldt_descriptor(struct cpu *cpu, unsigned long base, unsigned int entries);

/* Loads the LDT of the current vCPU into LDTR, as v->arch.ldt_base and ldt_entries say. */
void load_ldt(struct vcpu *v);

/*
 * Set a segment base of the current vCPU in the processor, for set_segment_base. @base is
 * canonical.
 */
void load_fs_base(struct vcpu *v, unsigned long base);
void load_gs_base_kernel(struct vcpu *v, unsigned long base);
void load_gs_base_user(struct vcpu *v, unsigned long base);
/*
 * Loads selector @sel into user mode's GS. While the kernel runs only the base that it loads
 * matters.
 */
void load_user_gs_selector(u16 sel);

/* DR7: some breakpoint; none. */
#define DR7_ENABLED 0xffUL
#define DR7_RESET   0x400UL

/* Load what changed of the current vCPU: CR0.TS, CR4, debug registers, TSC_AUX. */
void load_ts(const struct vcpu *v);
void load_cr4(const struct vcpu *v);
void load_debug_registers(struct vcpu *v);
void load_tsc_aux(const struct vcpu *v);

/* Stores the data selectors that the processor has now into @regs. */
void save_selectors(struct cpu_user_regs *regs);

/* @return the base of FS or GS that the processor uses now */
unsigned long current_fs_base(void);
unsigned long current_gs_base(void);

/*
 * Copies the run state of @v to its area, in the address space loaded now. (domain.c)
 * @return false: it faulted
 */
bool arch_write_runstate(struct vcpu *v);

/* Execute IN or OUT of @bytes (1, 2, 4). */
u32 hw_port_read(u16 port, unsigned int bytes);
void hw_port_write(u16 port, unsigned int bytes, u32 value);

/* ---- FPU (fpu.c) ---- */

/* Boot: finds the size of the state and which components there are, and loads XCR0. */
void fpu_init(void);
/* Each other CPU: loads XCR0. */
void fpu_cpu_init(void);
/* State components that guests may use: XCR0 at most; 0: no XSAVE. */
extern u64 xfeature_mask;
/* Bytes of an XSAVE area with the components of @xcr0. */
unsigned int xsave_size(u64 xcr0);
void fpu_vcpu_create(struct vcpu *v); /* initial state */
void fpu_save(struct vcpu *v);        /* the registers hold the state of @v */
void fpu_load(struct vcpu *v);
/* Gives the x87 and SSE control words the values that compiled code expects. After fpu_save(). */
void fpu_reset_registers(void);
/* Copy the whole guest-visible legacy image (FXSAVE) out of and into a vCPU that does not run. */
void fpu_get_legacy(const struct vcpu *v, void *fxsave);
void fpu_set_legacy(struct vcpu *v, const void *fxsave);
/*
 * @return whether XSETBV of the current processor accepts @xcr0: what components need each other is
 * there, and nothing that guests may not use
 */
bool fpu_xcr0_ok(u64 xcr0);
/* The header of an XSAVE area, at XSAVE_HEADER (Intel SDM volume 1, 13.4.2). */
#define XSAVE_HEADER  512U
#define XSAVE_MINIMUM 576U /* legacy area and header */
struct xsave_header {
    u64 xstate_bv; /* components that are not in their initial state */
    u64 xcomp_bv;  /* 0: the standard format */
    u64 reserved[6];
};
/*
 * Copy an XSAVE area in standard format out of and into a vCPU that does not run. What is copied
 * out names no component that is not in v->arch.xcr0_accum. What is copied in has a header that
 * was checked, and at least XSAVE_MINIMUM bytes; bits of MXCSR that do not exist are cleared, so
 * that nothing in it can make XRSTOR fault.
 */
void fpu_get_xstate(const struct vcpu *v, void *area, unsigned int bytes);
void fpu_set_xstate(struct vcpu *v, const void *area, unsigned int bytes);
/*
 * XSETBV of the current vCPU.
 * @return false: the instruction raises #GP
 */
bool fpu_set_xcr0(struct vcpu *v, u64 xcr0);

#endif
