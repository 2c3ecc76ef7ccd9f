/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_iret: the guest's kernel returns from an exception, a callback or a system call, to itself or to user mode.
 *
 * Nothing in the frame needs to be valid: a bad selector or address faults in our own IRET and becomes an exception
 * there. What may not be the guest's choice is forced: privilege level 3, IF set, IOPL 0.
 */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/guest_access.h>
#include <asm/pv.h>
#include <hypercall.h>

STATIC_ASSERT(sizeof(struct iret_context) == 9 * 8);

static __attribute__((noinline)) void iret_failed(struct vcpu *v, const char *why, unsigned long sp)
{
    bool irqs_off = !local_irq_is_enabled();

    if (irqs_off)
        local_irq_enable();
    domain_crash(v->domain, "iret frame at %#lx: %s", sp, why);
    if (irqs_off)
        local_irq_disable();
}

/* What few guests ask for: IOPL as part of RFLAGS, NMIs. */
static __attribute__((noinline)) void iret_rare(struct vcpu *v, u64 rflags)
{
    if (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
        v->arch.iopl = rflags & EFLAGS_IOPL;
    if (v->arch.flags & TF_NMI_MASKED) {
        v->arch.flags &= ~TF_NMI_MASKED;
        if (v->nmi_pending)
            get_cpu_info()->exit_work |= EXIT_WORK_NMI;
    }
}

void pv_iret(struct cpu_user_regs *regs, struct vcpu *v)
{
    const u64 *sp = (const u64 *)regs->rsp;
    u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;

    if (unlikely(((unsigned long)sp + sizeof(struct iret_context)) >> 43 == HV_VIRT_START >> 43 ||
                 (unsigned long)sp >> 43 == HV_VIRT_START >> 43)) {
        iret_failed(v, "the address is not the guest's", (unsigned long)sp);
        return;
    }
    guest_window_open();
    guest_window_load(rip, sp + 4, fault);
    guest_window_load(cs, sp + 5, fault);
    guest_window_load(rflags, sp + 6, fault);
    guest_window_load(rsp, sp + 7, fault);
    guest_window_load(ss, sp + 8, fault);
    guest_window_load(rax, sp, fault);
    guest_window_load(r11, sp + 1, fault);
    guest_window_load(rcx, sp + 2, fault);
    guest_window_load(flags, sp + 3, fault);
    guest_window_close();

    if ((cs & 3) == 3) {
        if (unlikely(mfn_eq(v->arch.guest_table_user, INVALID_MFN))) {
            iret_failed(v, "to user mode, which has no page table", (unsigned long)sp);
            return;
        }
        toggle_guest_mode(v);
    }
    v->info->evtchn_upcall_mask = !(rflags & EFLAGS_IF);
    if (unlikely((v->arch.flags & TF_NMI_MASKED) ||
                 (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)))
        iret_rare(v, rflags);

    regs->rip = rip;
    *(u64 *)&regs->cs = (u16)cs | 3;
    regs->rflags = (rflags & ~(EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM)) | EFLAGS_IF;
    regs->rsp = rsp;
    *(u64 *)&regs->ss = (u16)ss | 3;
    regs->rax = rax;
    if (!(flags & VGCF_in_syscall)) {
        regs->r11 = r11;
        regs->rcx = rcx;
        regs->error_code = 0;
    } else if (regs->cs != FLAT_RING3_CS64 || regs->ss != FLAT_RING3_SS64) {
        /* What SYSRET would leave in them; it cannot load these selectors. */
        regs->r11 = regs->rflags;
        regs->rcx = rip;
        regs->error_code = 0;
    }
    return;

fault:
    guest_window_close();
    iret_failed(v, "it is not mapped", (unsigned long)sp);
}

/* As an element of a multicall; the hypercall itself is recognised in entry.S. RAX is the result. */
long do_iret(void)
{
    struct cpu_user_regs *regs = guest_regs();

    pv_iret(regs, current);
    return (long)regs->rax;
}
