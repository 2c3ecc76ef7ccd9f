/* SPDX-License-Identifier: MIT */
/*
 * Entering the guest's kernel: the frame that exceptions and callbacks find on its stack.
 *
 *   rsp -> | rcx | r11 | [error code] | rip | cs + saved upcall mask << 32 | rflags | rsp | ss |
 *
 * and for the failsafe callback, between r11 and rip: ds, es, fs, gs. The kernel is entered with
 * the flat selectors and RCX and R11 undefined (it has them in the frame), so the way back may be
 * SYSRET. In the frame the low bits of cs tell kernel (0) from user mode (3), and RFLAGS.IF says
 * whether events were enabled.
 *
 * bounce.h builds the common frame; this file has its forms for callers off the hot paths, and the
 * rare frame.
 */
#include "bounce.h"
#include "trace_pv.h"

void pv_inject(struct cpu_user_regs *regs, enum exception vector)
{
    if (tracing())
        trace_pv_trap(regs->rip, vector, 0);
    bounce_exception(regs, current, vector);
}

void pv_inject_error(struct cpu_user_regs *regs, enum exception vector, u32 error_code)
{
    if (tracing())
        trace_pv_trap(regs->rip, vector, error_code);
    bounce_exception_error(regs, current, vector, error_code);
}

void pv_inject_page_fault(struct cpu_user_regs *regs, unsigned long addr, u32 error_code)
{
    if (tracing())
        trace_pv_page_fault(regs->rip, addr, error_code);
    bounce_page_fault(regs, current, addr, error_code);
}

void pv_failsafe(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct vcpu_info *info = v->info;
    u8 mask = info->evtchn_upcall_mask;
    unsigned long end;
    u64 *sp;

    if (!v->arch.failsafe_callback_eip) {
        domain_crash(v->domain, "a selector cannot be loaded and it has no failsafe callback");
        return;
    }
    end = enter_kernel(v, regs);
    regs->saved_upcall_mask = mask;
    sp = (u64 *)end - 11;
    guest_window_open();
    guest_window_store(sp + 10, *(u64 *)&regs->ss, fault);
    guest_window_store(sp + 9, regs->rsp, fault);
    guest_window_store(sp + 8, frame_rflags(v, regs->rflags, mask), fault);
    guest_window_store(sp + 7, *(u64 *)&regs->cs, fault);
    guest_window_store(sp + 6, regs->rip, fault);
    guest_window_store(sp + 5, (u64)regs->gs, fault);
    guest_window_store(sp + 4, (u64)regs->fs, fault);
    guest_window_store(sp + 3, (u64)regs->es, fault);
    guest_window_store(sp + 2, (u64)regs->ds, fault);
    guest_window_store(sp + 1, regs->r11, fault);
    guest_window_store(sp, regs->rcx, fault);
    guest_window_close();
    if (v->arch.failsafe_disables_events)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, v->arch.failsafe_callback_eip, (unsigned long)sp);
    set_entry_selectors(regs);
    return;

fault:
    guest_window_close();
    bounce_failed(regs, v, BOUNCE_STACK_FAULT, ENTRY_FAILSAFE, (unsigned long)sp);
}
