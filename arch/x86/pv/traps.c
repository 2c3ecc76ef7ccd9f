/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of a guest: complete what the guest may expect of the hypervisor, hand on everything else to its own
 * handler. Also HYPERVISOR_set_trap_table and INT n.
 */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <hypercall.h>

#define ERR_IDT 2U /* selector error code: the index is of the IDT */

/* Vectors that push an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC. */
#define HAS_ERROR_CODE 0x27d00U

static void page_fault(struct cpu_user_regs *regs, unsigned long addr)
{
    struct vcpu *v = current;
    u32 err = regs->error_code;

    /* Only here is there something that we might have to complete; an absent page is always the guest's matter. */
    if (unlikely(addr - PERDOMAIN_START < FRAME_TABLE_START - PERDOMAIN_START)) {
        if (pv_ldt_fault(addr))
            return;
        addr = pv_ldt_address(addr);
    }
    if ((err & (PFEC_PRESENT | PFEC_WRITE | PFEC_RSVD)) == (PFEC_PRESENT | PFEC_WRITE) &&
        in_guest_kernel(v) && pv_emulate_pte_write(addr, regs))
        return;
    pv_inject_page_fault(regs, addr, err);
}

/*
 * The guest executed INT n, or loaded something that does not exist in the IDT's place. n comes from the instruction: the
 * error code is not the same everywhere.
 */
static void software_interrupt(struct cpu_user_regs *regs)
{
    const struct guest_trap *t;
    struct insn insn;
    u8 vector;

    if (pv_fetch_insn(&insn, regs) || insn.map != MAP_ONE_BYTE || insn.opcode != 0xcd) {
        pv_inject_error(regs, EXC_GP, regs->error_code);
        return;
    }
    vector = (u8)insn.imm;
    t = &current->arch.traps[vector];
    /* For the kernel's own use any privilege but 0 will do, as in a 32-bit guest whose kernel is in ring 1. */
    if (t->dpl < (in_guest_kernel(current) ? 1 : 3)) {
        pv_inject_error(regs, EXC_GP, vector << 3 | ERR_IDT);
        return;
    }
    regs->rip += insn.length;
    pv_inject_interrupt(regs, vector);
}

static void protection_fault(struct cpu_user_regs *regs)
{
    if (regs->error_code & ERR_IDT)
        software_interrupt(regs);
    else if (regs->error_code || !pv_emulate_privileged(regs))
        pv_inject_error(regs, EXC_GP, regs->error_code);
}

/* CR0.TS is the guest's own; it is clear when the handler runs. */
static void no_device(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;

    v->arch.ctrlreg[0] &= ~CR0_TS;
    load_ts(v);
    pv_inject(regs, EXC_NM);
}

void pv_exception(struct cpu_user_regs *regs, unsigned long cr2)
{
    u32 vector = regs->entry_vector;

    switch (vector) {
    case EXC_PF:
        page_fault(regs, cr2);
        return;
    case EXC_GP:
        protection_fault(regs);
        return;
    case EXC_UD:
        if (unlikely(pv_emulate_forced(regs)))
            return;
        break;
    case EXC_NM:
        no_device(regs);
        return;
    default:
        break;
    }
    if (HAS_ERROR_CODE >> vector & 1)
        pv_inject_error(regs, (enum exception)vector, regs->error_code);
    else
        pv_inject(regs, (enum exception)vector);
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
        if (get_guest(&ti, traps))
            return -XEN_EFAULT;
        if (!ti.address)
            return 0;
        if (!is_canonical(ti.address))
            return -XEN_EINVAL;
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
