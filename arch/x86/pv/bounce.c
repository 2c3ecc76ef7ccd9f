/* SPDX-License-Identifier: MIT */
/*
 * Entering the guest's kernel: the frame that exceptions and callbacks find on its stack.
 *
 *   rsp -> | rcx | r11 | [error code] | rip | cs + saved upcall mask << 32 | rflags | rsp | ss |
 *
 * and for the failsafe callback, between r11 and rip: ds, es, fs, gs. The kernel is entered with the flat selectors and
 * RCX and R11 undefined (it has them in the frame), so the way back may be SYSRET. In the frame the low bits of cs
 * tell kernel (0) from user mode (3), and RFLAGS.IF says whether events were enabled.
 */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/guest_access.h>
#include <asm/pv.h>

#define FRAME_WORDS_MAX 12U

/* Where the frame's end goes: behind the kernel's last word on the stack, 16-byte aligned. Changes to kernel mode. */
static unsigned long enter_kernel(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (in_guest_kernel(v)) {
        regs->cs &= 0xfffc;
        return regs->rsp & ~0xfUL;
    }
    toggle_guest_mode(v);
    return v->arch.kernel_sp & ~0xfUL;
}

/* No part of the frame may lie in our range. A non-canonical address faults by itself. */
static bool stack_is_ours(unsigned long sp)
{
    return sp - HV_VIRT_START <= HV_VIRT_END - HV_VIRT_START + FRAME_WORDS_MAX * 8;
}

/* RFLAGS as the guest knows them: IF is its event mask, IOPL its own if it asked for that. */
static u64 guest_rflags(const struct vcpu *v, const struct cpu_user_regs *regs, u8 upcall_mask)
{
    u64 rflags = regs->rflags & ~(EFLAGS_IF | EFLAGS_IOPL);

    if (!upcall_mask)
        rflags |= EFLAGS_IF;
    if (v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl)
        rflags |= v->arch.iopl;
    return rflags;
}

/* What the processor would change on an entry: these flags are clear in a handler. AC would make its accesses trap. */
static inline void set_entry_state(struct cpu_user_regs *regs, unsigned long eip, unsigned long sp)
{
    regs->error_code = FRAME_SYSCALL;
    regs->rip = eip;
    *(u64 *)&regs->cs = FLAT_KERNEL_CS;
    regs->rflags &= ~(EFLAGS_AC | EFLAGS_VM | EFLAGS_RF | EFLAGS_NT | EFLAGS_TF);
    regs->rsp = sp;
    regs->ss = FLAT_KERNEL_SS;
}

void pv_bounce(struct cpu_user_regs *regs, unsigned long eip, unsigned int flags, u32 error_code)
{
    struct vcpu *v = current;
    struct vcpu_info *info = v->info;
    unsigned long end;
    u64 *sp, rflags;
    u8 mask = info->evtchn_upcall_mask;

    if (unlikely(!eip)) {
        domain_crash(v->domain, "no handler for vector %u", regs->entry_vector);
        return;
    }
    end = enter_kernel(v, regs);
    if (unlikely(stack_is_ours(end))) {
        domain_crash(v->domain, "kernel stack %#lx is in the hypervisor's range", end);
        return;
    }
    rflags = guest_rflags(v, regs, mask);
    sp = (u64 *)end;
    guest_window_open();
    guest_window_store(sp - 1, regs->ss, fault);
    guest_window_store(sp - 2, regs->rsp, fault);
    guest_window_store(sp - 3, rflags, fault);
    guest_window_store(sp - 4, regs->cs | (u64)mask << 32, fault);
    guest_window_store(sp - 5, regs->rip, fault);
    sp -= 7;
    if (flags & TBF_ERROR_CODE) {
        guest_window_store(sp + 1, error_code, fault);
        sp--;
    }
    guest_window_store(sp + 1, regs->r11, fault);
    guest_window_store(sp, regs->rcx, fault);
    guest_window_close();
    if (flags & TBF_DISABLE_EVENTS)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, eip, (unsigned long)sp);
    return;

fault:
    guest_window_close();
    domain_crash(v->domain, "no room for an exception frame at %#lx", end);
}

void pv_failsafe(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct vcpu_info *info = v->info;
    unsigned long end;
    u64 *sp, rflags;
    u8 mask = info->evtchn_upcall_mask;

    if (!v->arch.failsafe_callback_eip) {
        domain_crash(v->domain, "a return to the guest faulted and it has no failsafe callback");
        return;
    }
    end = enter_kernel(v, regs);
    if (stack_is_ours(end)) {
        domain_crash(v->domain, "kernel stack %#lx is in the hypervisor's range", end);
        return;
    }
    rflags = guest_rflags(v, regs, mask);
    sp = (u64 *)end - 11;
    guest_window_open();
    guest_window_store(sp + 10, regs->ss, fault);
    guest_window_store(sp + 9, regs->rsp, fault);
    guest_window_store(sp + 8, rflags, fault);
    guest_window_store(sp + 7, regs->cs | (u64)mask << 32, fault);
    guest_window_store(sp + 6, regs->rip, fault);
    guest_window_store(sp + 5, regs->gs, fault);
    guest_window_store(sp + 4, regs->fs, fault);
    guest_window_store(sp + 3, regs->es, fault);
    guest_window_store(sp + 2, regs->ds, fault);
    guest_window_store(sp + 1, regs->r11, fault);
    guest_window_store(sp, regs->rcx, fault);
    guest_window_close();
    if (v->arch.failsafe_disables_events)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, v->arch.failsafe_callback_eip, (unsigned long)sp);
    return;

fault:
    guest_window_close();
    domain_crash(v->domain, "no room for a failsafe frame at %#lx", end);
}

static inline unsigned int trap_flags(const struct guest_trap *t)
{
    return t->disable_events ? TBF_EXCEPTION | TBF_DISABLE_EVENTS : TBF_EXCEPTION;
}

void pv_inject(struct cpu_user_regs *regs, enum exception vector)
{
    const struct guest_trap *t = &current->arch.traps[vector];

    pv_bounce(regs, t->address, trap_flags(t), 0);
}

void pv_inject_error(struct cpu_user_regs *regs, enum exception vector, u32 error_code)
{
    const struct guest_trap *t = &current->arch.traps[vector];

    pv_bounce(regs, t->address, trap_flags(t) | TBF_ERROR_CODE, error_code);
}

void pv_inject_page_fault(struct cpu_user_regs *regs, unsigned long addr, u32 error_code)
{
    struct vcpu *v = current;

    v->arch.ctrlreg[2] = addr;
    v->info->arch.cr2 = addr;
    error_code &= ~PFEC_USER;
    if (!in_guest_kernel(v))
        error_code |= PFEC_USER;
    pv_inject_error(regs, EXC_PF, error_code);
}

void pv_inject_interrupt(struct cpu_user_regs *regs, u8 vector)
{
    const struct guest_trap *t = &current->arch.traps[vector];

    regs->entry_vector = vector;
    pv_bounce(regs, t->address, trap_flags(t), 0);
}
