/* SPDX-License-Identifier: MIT */
/* What PV guests do at the entries of the hypervisor, as records of a trace (public/trace.h). */
#include <asm/msr.h>
#include <guest_access.h>

#include "bounce.h"
#include "trace_pv.h"

u64 arch_timestamp(void)
{
    return rdtsc();
}

#define NO_ERROR_CODE 0xffffU /* as Xen has it */

void trace_pv_trap(unsigned long rip, unsigned int vector, u32 error_code)
{
    bool has_error = vector < 32 && HAS_ERROR_CODE >> vector & 1;
    const u32 data[] = {(u32)rip, (u32)(rip >> 32),
                        vector | (u32)has_error << 15 |
                            (has_error ? error_code : NO_ERROR_CODE) << 16};

    trace_record(TRC_PV_TRAP | TRC_64_FLAG, data, ARRAY_SIZE(data));
}

void trace_pv_page_fault(unsigned long rip, unsigned long addr, u32 error_code)
{
    const u32 data[] = {(u32)rip, (u32)(rip >> 32), (u32)addr, (u32)(addr >> 32), error_code};

    trace_record(TRC_PV_PAGE_FAULT | TRC_64_FLAG, data, ARRAY_SIZE(data));
}

void trace_pv_behind(u32 event, unsigned long rip)
{
    trace_record(event | TRC_64_FLAG, &rip, sizeof(rip) / sizeof(u32));
}

void trace_pv_pte_write(unsigned long rip, unsigned long addr, u64 pte)
{
    const u64 data[] = {pte, addr, rip};

    trace_record(TRC_PV_PTWR_EMULATION | TRC_64_FLAG, data, 2 * ARRAY_SIZE(data));
}

/* ---- called by the entry code while traces are on, with interrupts off ---- */

void pv_trace_hypercall(const struct cpu_user_regs *regs);
bool pv_trace_exception(struct cpu_user_regs *regs, struct vcpu *v,
                        bool (*handler)(struct cpu_user_regs *regs, struct vcpu *v));

/* The guest, whose registers are @regs, makes a hypercall. */
void pv_trace_hypercall(const struct cpu_user_regs *regs)
{
    const unsigned long args[TRACE_HYPERCALL_ARGS] = {regs->rdi, regs->rsi, regs->rdx};

    if (tracing())
        trace_hypercall(TRC_PV_HYPERCALL_V2, regs->rax, args);
}

/* @regs, which were at @rip, were moved on by emulation, after the exception @vector at @addr. */
static void trace_emulation(const struct cpu_user_regs *regs, unsigned int vector,
                            unsigned long rip, unsigned long addr)
{
    u64 pte;

    if (vector == EXC_GP)
        trace_pv_behind(TRC_PV_EMULATE_PRIVOP, regs->rip);
    else if (vector == EXC_PF && !get_guest(&pte, addr & ~7UL))
        trace_pv_pte_write(rip, addr & ~7UL, pte);
}

/*
 * Has @handler serve an exception. If that has entered the guest's handler, or has done what the
 * guest's instruction was to do, that leaves a record here, so that it costs nothing while traces
 * are off; what is injected in other ways leaves its own (bounce.c).
 */
bool pv_trace_exception(struct cpu_user_regs *regs, struct vcpu *v,
                        bool (*handler)(struct cpu_user_regs *regs, struct vcpu *v))
{
    unsigned long rip = regs->rip, addr = read_cr2();
    unsigned int vector = regs->entry_vector;
    u32 error_code = regs->error_code;

    if (vector == EXC_PF)
        error_code = in_guest_kernel(v) ? error_code & ~PFEC_USER : error_code | PFEC_USER;
    if (!handler(regs, v)) {
        if (tracing() && regs->rip != rip && regs->error_code != FRAME_SYSCALL)
            trace_emulation(regs, vector, rip, addr);
        return false;
    }
    if (!tracing())
        return true;
    if (vector == EXC_PF)
        trace_pv_page_fault(rip, v->arch.ctrlreg[2], error_code);
    else
        trace_pv_trap(rip, vector, error_code);
    return true;
}
