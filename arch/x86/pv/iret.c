/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_iret: the guest's kernel returns from an exception, a callback or a system call, to
 * itself or to user mode.
 *
 * Nothing in the frame needs to be valid: a bad selector or address faults in our own IRET and
 * becomes an exception there. We force what the guest may not choose: privilege level 3, IF set,
 * IOPL 0.
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

/* Does what few guests ask for: IOPL as part of RFLAGS, NMIs. */
static __attribute__((noinline)) void iret_rare(struct vcpu *v, u64 rflags)
{
    u8 rare = atomic_and(&v->arch.rare, (u8)~RARE_NMI_MASKED);

    if (rare & RARE_ARCH_IOPL)
        v->arch.iopl = rflags & EFLAGS_IOPL;
    if ((rare & RARE_NMI_MASKED) && v->nmi_pending)
        pv_set_nmi_pending(v); /* again: it waited */
}

/*
 * The frame is read word by word into @regs. If a word faults the guest is crashed, and then it
 * does not matter how many of the old registers are left.
 */
void pv_iret(struct cpu_user_regs *regs, struct vcpu *v)
{
    const u64 *sp = (const u64 *)regs->rsp;
    u64 w, flags, rflags, cs;

    /* The last bytes of our range are not mapped, so it is enough to check where the frame ends. */
    if (unlikely(is_hv_address((unsigned long)(sp + 9)))) {
        iret_failed(v, "the address is not the guest's", (unsigned long)sp);
        return;
    }
    guest_window_open();
    guest_window_load(flags, sp + 3, fault);
    guest_window_load(cs, sp + 5, fault);
    guest_window_load(rflags, sp + 6, fault);
    guest_window_load(w, sp, fault);
    regs->rax = w;
    guest_window_load(w, sp + 4, fault);
    regs->rip = w;
    guest_window_load(w, sp + 8, fault);
    *(u64 *)&regs->ss = (u16)w | 3;
    if (likely(!(flags & VGCF_in_syscall))) {
        guest_window_load(w, sp + 1, fault);
        regs->r11 = w;
        guest_window_load(w, sp + 2, fault);
        regs->rcx = w;
        regs->error_code = 0;
    } else if ((u16)(cs | 3) != FLAT_RING3_CS64 || regs->ss != FLAT_RING3_SS64) {
        /*
         * SYSRET cannot load these selectors, so IRET has to; RCX and R11 get what SYSRET would
         * leave there.
         */
        regs->r11 = rflags;
        regs->rcx = regs->rip;
        regs->error_code = 0;
    }
    guest_window_load(w, sp + 7, fault);
    guest_window_close();
    regs->rsp = w;
    *(u64 *)&regs->cs = (u16)cs | 3;
    regs->rflags = (rflags & ~(EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM)) | EFLAGS_IF;

    if ((cs & 3) == 3) {
        if (unlikely(mfn_eq(v->arch.guest_table_user, INVALID_MFN))) {
            iret_failed(v,
                        "its cs has RPL 3, user mode, which has no page table; frames of the "
                        "kernel have e030",
                        (unsigned long)sp);
            return;
        }
        enter_guest_user(v);
    }
    v->info->evtchn_upcall_mask = !(rflags & EFLAGS_IF);
    if (unlikely(v->arch.rare))
        iret_rare(v, rflags);
    return;

fault:
    guest_window_close();
    iret_failed(v, "it is not mapped", (unsigned long)sp);
}

/*
 * The handler for an iret that is an element of a multicall; entry.S recognises the hypercall
 * itself. The result is RAX.
 */
long do_iret(void)
{
    struct cpu_user_regs *regs = guest_regs();

    pv_iret(regs, current);
    return (long)regs->rax;
}
