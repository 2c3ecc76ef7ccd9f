/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of a guest: we complete what the guest may expect of the hypervisor, and pass
 * everything else on to its own handler. Also HYPERVISOR_set_trap_table and INT n.
 *
 * The handlers that entry.S calls run with interrupts off and return true when they only entered
 * the guest's handler (see bounce() for the registers that this leaves alone). A handler that takes
 * longer enables interrupts and returns false.
 */
#include <guest_access.h>
#include <hypercall.h>

#include "bounce.h"
#include "trace_pv.h"

#define ERR_IDT 2U /* selector error code: the index is of the IDT */

bool pv_fault(struct cpu_user_regs *regs, struct vcpu *v)
{
    return bounce_exception(regs, v, regs->entry_vector);
}

bool pv_fault_error(struct cpu_user_regs *regs, struct vcpu *v)
{
    return bounce_exception_error(regs, v, regs->entry_vector, regs->error_code);
}

/* The prefix XEN_EMULATE_PREFIX begins with these bytes: UD2, "xe". */
#define PREFIX_START 0x65780b0fU

static __attribute__((noinline)) bool forced_emulation(struct cpu_user_regs *regs, struct vcpu *v)
{
    if (!pv_emulate_forced(regs))
        return pv_fault(regs, v);
    if (tracing())
        trace_pv_behind(TRC_PV_FORCED_INVALID_OP, regs->rip);
    return false;
}

/*
 * The address needs no check: the guest has just fetched an instruction from there. Nothing may be
 * mapped behind the last byte of that instruction.
 */
bool pv_invalid_opcode(struct cpu_user_regs *regs, struct vcpu *v)
{
    u32 bytes;

    guest_window_open();
    guest_window_load(bytes, regs->rip, fault);
    guest_window_close();
    if (unlikely(bytes == PREFIX_START))
        return forced_emulation(regs, v);
    return bounce_exception(regs, v, EXC_UD);

fault:
    guest_window_close();
    return pv_fault(regs, v);
}

/*
 * Does the domain want direct writes to page tables? It asks for them by an assist; dom0 gets them
 * in any case, as on Xen.
 */
static bool wants_pte_writes(const struct domain *d)
{
    return d->vm_assist & 1UL << VMASST_TYPE_writable_pagetables || d->privileged;
}

static __attribute__((noinline)) bool fix_page_fault(struct cpu_user_regs *regs, struct vcpu *v,
                                                     unsigned long addr)
{
    bool fixed;

    local_irq_enable();
    /*
     * The processor looks up descriptors as a supervisor does, whatever it runs; the guest's own
     * accesses fault.
     */
    if (addr - DESCRIPTORS_START < IOREMAP_START - DESCRIPTORS_START &&
        !(regs->error_code & PFEC_USER)) {
        fixed = pv_ldt_fault(addr);
        addr = pv_ldt_address(addr);
    } else {
        fixed = in_guest_kernel(v) && wants_pte_writes(v->domain) &&
                pv_emulate_pte_write(addr, regs);
    }
    local_irq_disable();
    return fixed ? false : bounce_page_fault(regs, v, addr, regs->error_code);
}

bool pv_page_fault(struct cpu_user_regs *regs, struct vcpu *v)
{
    unsigned long addr = read_cr2();
    u32 err = regs->error_code;

    /*
     * Only a write to a present page can be one to a page table, and only we have mappings in our
     * range. All other faults are the guest's.
     */
    if (unlikely((err & (PFEC_PRESENT | PFEC_WRITE | PFEC_RSVD)) == (PFEC_PRESENT | PFEC_WRITE) ||
                 is_hv_address(addr)))
        return fix_page_fault(regs, v, addr);
    return bounce_page_fault(regs, v, addr, err);
}

/*
 * Serves INT n, or another use of a selector whose error code says that it is of the IDT. The
 * number n is read from the instruction, since the error code is not the same everywhere.
 */
static __noinline void software_interrupt(struct cpu_user_regs *regs, struct vcpu *v)
{
    const struct guest_trap *t;
    struct insn insn;
    u8 vector;

    if (pv_fetch_insn(&insn, regs) || insn.map != MAP_ONE_BYTE || insn.opcode != 0xcd) {
        pv_inject_error(regs, EXC_GP, regs->error_code);
        return;
    }
    vector = (u8)insn.imm;
    t = &v->arch.traps[vector];
    /*
     * The kernel itself may use any gate whose privilege is not 0, as in a 32-bit guest whose
     * kernel is in ring 1.
     */
    if (t->dpl < (in_guest_kernel(v) ? 1 : 3)) {
        pv_inject_error(regs, EXC_GP, vector << 3 | ERR_IDT);
        return;
    }
    regs->rip += insn.length;
    regs->entry_vector = vector;
    if (tracing())
        trace_pv_trap(regs->rip, vector, 0);
    bounce_exception(regs, v, vector);
}

bool pv_protection_fault(struct cpu_user_regs *regs, struct vcpu *v)
{
    local_irq_enable();
    if (regs->error_code & ERR_IDT)
        software_interrupt(regs, v);
    else if (regs->error_code || !pv_emulate_privileged(regs))
        pv_inject_error(regs, EXC_GP, regs->error_code);
    return false;
}

/* CR0.TS belongs to the guest; it is clear when the handler runs. */
bool pv_no_device(struct cpu_user_regs *regs, struct vcpu *v)
{
    v->arch.ctrlreg[0] &= ~CR0_TS;
    load_ts(v);
    return bounce_exception(regs, v, EXC_NM);
}

void pv_exception(struct cpu_user_regs *regs, unsigned long addr)
{
    u32 vector = regs->entry_vector;

    if (vector == EXC_GP)
        pv_protection_fault(regs, current);
    else if (vector == EXC_PF) /* only a descriptor in the LDT can be the cause */
        bounce_page_fault(regs, current, pv_ldt_address(addr), regs->error_code);
    else if (HAS_ERROR_CODE >> vector & 1)
        pv_fault_error(regs, current);
    else
        pv_fault(regs, current);
}

long do_set_trap_table(unsigned long traps)
{
    struct vcpu *v = current;
    struct trap_info ti;

    if (!traps) {
        memset(v->arch.traps, 0, sizeof(v->arch.traps));
        return 0;
    }
    for (;; traps += sizeof(ti)) {
        if (get_guest(&ti, traps)) {
            printk_guest(LOG_DEBUG, "the trap table at %lx cannot be read", traps);
            return -XEN_EFAULT;
        }
        if (!ti.address)
            return 0;
        if (!is_canonical(ti.address)) {
            printk_guest(LOG_DEBUG, "trap handler %lx of vector %u: not a canonical address",
                         (unsigned long)ti.address, ti.vector);
            return -XEN_EINVAL;
        }
        v->arch.traps[ti.vector] = (struct guest_trap){
            .address = ti.address,
            .cs = ti.cs | 3, /* kernels run in ring 3 */
            .dpl = TI_GET_DPL(&ti),
            .disable_events = TI_GET_IF(&ti),
        };
        if (hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_set_trap_table, 1, traps + sizeof(ti));
    }
}
