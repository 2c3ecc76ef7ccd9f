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

long do_iret(void)
{
    struct cpu_user_regs *regs = guest_regs();
    struct vcpu *v = current;
    const u64 *sp = (const u64 *)regs->rsp;
    u64 rax, r11, rcx, flags, rip, cs, rflags, rsp, ss;

    if (unlikely(!guest_addr_ok(regs->rsp, sizeof(struct iret_context)))) {
        domain_crash(v->domain, "iret frame at %#lx is not the guest's", (unsigned long)regs->rsp);
        return 0;
    }
    guest_window_open();
    guest_window_load(rax, sp, fault);
    guest_window_load(r11, sp + 1, fault);
    guest_window_load(rcx, sp + 2, fault);
    guest_window_load(flags, sp + 3, fault);
    guest_window_load(rip, sp + 4, fault);
    guest_window_load(cs, sp + 5, fault);
    guest_window_load(rflags, sp + 6, fault);
    guest_window_load(rsp, sp + 7, fault);
    guest_window_load(ss, sp + 8, fault);
    guest_window_close();

    if ((cs & 3) == 3) {
        if (unlikely(mfn_eq(v->arch.guest_table_user, INVALID_MFN))) {
            domain_crash(v->domain, "iret to user mode without a user page table");
            return 0;
        }
        toggle_guest_mode(v);
    }
    v->info->evtchn_upcall_mask = !(rflags & EFLAGS_IF);
    if (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
        v->arch.iopl = rflags & EFLAGS_IOPL;
    if (unlikely(v->arch.flags & TF_NMI_MASKED)) {
        v->arch.flags &= ~TF_NMI_MASKED;
        if (v->nmi_pending)
            get_cpu_info()->exit_work |= EXIT_WORK_NMI;
    }

    regs->rip = rip;
    *(u64 *)&regs->cs = (u16)cs | 3;
    regs->rflags = (rflags & ~(EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM)) | EFLAGS_IF;
    regs->rsp = rsp;
    regs->ss = (u16)ss | 3;
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
    return (long)rax;

fault:
    guest_window_close();
    domain_crash(v->domain, "iret frame at %#lx is not mapped", (unsigned long)regs->rsp);
    return 0;
}
