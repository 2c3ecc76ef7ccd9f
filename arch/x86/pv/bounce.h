/* SPDX-License-Identifier: MIT */
/*
 * Building the frame of an entry into the guest's kernel, in line, since every exception, event and system call of a guest
 * goes through it. See bounce.c for the frame.
 */
#ifndef PV_BOUNCE_H
#define PV_BOUNCE_H

#include <asm/context.h>
#include <asm/entry.h>
#include <asm/guest_access.h>
#include <asm/pv.h>

#define FRAME_BYTES_MAX 96U /* failsafe: 11 words, and alignment */

/* Crashes the guest for the reason said, with interrupts on meanwhile if @irqs_off. (bounce.c) */
enum bounce_failure { BOUNCE_NO_HANDLER, BOUNCE_STACK_RANGE, BOUNCE_STACK_FAULT };
void bounce_failed(struct cpu_user_regs *regs, struct vcpu *v, enum bounce_failure why, unsigned long addr);

/* RFLAGS as the guest knows them: IF is its event mask, IOPL its own if it asked for that. */
static inline u64 frame_rflags(const struct vcpu *v, const struct cpu_user_regs *regs, u8 mask)
{
    u64 rflags = regs->rflags & ~(EFLAGS_IF | EFLAGS_IOPL);

    if (!mask)
        rflags |= EFLAGS_IF;
    if (unlikely(v->domain->vm_assist & 1UL << VMASST_TYPE_architectural_iopl))
        rflags |= v->arch.iopl;
    return rflags;
}

/*
 * Where the frame ends: the kernel goes on below its last word, user mode's entries start at the stack of stack_switch.
 * Changes to kernel mode; in the frame the low bits of cs tell which it was.
 */
static inline unsigned long enter_kernel(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned long sp = regs->rsp;

    if (likely(v->arch.flags & TF_KERNEL_MODE)) {
        regs->cs &= 0xfffc;
    } else {
        toggle_guest_mode(v);
        sp = v->arch.kernel_sp;
    }
    return sp & ~0xfUL;
}

/*
 * Would a frame that ends at @end touch our range? It is 2^43 bytes and aligned so. (What a frame that starts below it would
 * touch is the read-only M2P; non-canonical addresses fault by themselves.)
 */
static inline bool frame_is_ours(unsigned long end)
{
    STATIC_ASSERT(HV_VIRT_END - HV_VIRT_START == 1UL << 43);
    return (end - FRAME_BYTES_MAX) >> 43 == HV_VIRT_START >> 43;
}

/*
 * What the processor would change: TF, NT, RF, VM are clear in a handler. AC, because the kernel's accesses would
 * trap; DF, because a system call would clear it.
 */
static inline void set_entry_state(struct cpu_user_regs *regs, unsigned long eip, unsigned long sp)
{
    regs->error_code = FRAME_SYSCALL;
    regs->rip = eip;
    *(u64 *)&regs->cs = FLAT_KERNEL_CS;
    regs->eflags &= ~(u32)(EFLAGS_AC | EFLAGS_VM | EFLAGS_RF | EFLAGS_NT | EFLAGS_DF | EFLAGS_TF);
    regs->rsp = sp;
    regs->ss = FLAT_KERNEL_SS;
}

/*
 * Enters the kernel of the current vCPU @v at @eip. True: done, and of the registers in @regs only those of the return
 * frame were changed. False: the guest was crashed.
 */
static inline bool bounce(struct cpu_user_regs *regs, struct vcpu *v, unsigned long eip, bool disable_events,
                          bool has_error, u32 error_code)
{
    struct vcpu_info *info = v->info;
    u8 mask = info->evtchn_upcall_mask;
    unsigned long end;
    u64 *sp;

    if (unlikely(!eip)) {
        bounce_failed(regs, v, BOUNCE_NO_HANDLER, 0);
        return false;
    }
    end = enter_kernel(v, regs);
    if (unlikely(frame_is_ours(end))) {
        bounce_failed(regs, v, BOUNCE_STACK_RANGE, end);
        return false;
    }
    regs->saved_upcall_mask = mask;
    sp = (u64 *)end - (has_error ? 8 : 7);
    guest_window_open();
    guest_window_store((u64 *)end - 1, *(u64 *)&regs->ss, fault);
    guest_window_store((u64 *)end - 2, regs->rsp, fault);
    guest_window_store((u64 *)end - 3, frame_rflags(v, regs, mask), fault);
    guest_window_store((u64 *)end - 4, *(u64 *)&regs->cs, fault);
    guest_window_store((u64 *)end - 5, regs->rip, fault);
    if (has_error)
        guest_window_store(sp + 2, error_code, fault);
    guest_window_store(sp + 1, regs->r11, fault);
    guest_window_store(sp, regs->rcx, fault);
    guest_window_close();
    if (disable_events)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, eip, (unsigned long)sp);
    return true;

fault:
    guest_window_close();
    bounce_failed(regs, v, BOUNCE_STACK_FAULT, end);
    return false;
}

/* Exception @vector through the guest's trap table. */
static inline bool bounce_exception(struct cpu_user_regs *regs, struct vcpu *v, unsigned int vector)
{
    const struct guest_trap *t = &v->arch.traps[vector];

    return bounce(regs, v, t->address, t->disable_events, false, 0);
}

static inline bool bounce_exception_error(struct cpu_user_regs *regs, struct vcpu *v, unsigned int vector,
                                          u32 error_code)
{
    const struct guest_trap *t = &v->arch.traps[vector];

    return bounce(regs, v, t->address, t->disable_events, true, error_code);
}

static inline bool bounce_page_fault(struct cpu_user_regs *regs, struct vcpu *v, unsigned long addr,
                                     u32 error_code)
{
    v->arch.ctrlreg[2] = addr;
    v->info->arch.cr2 = addr;
    /* The processor has seen user mode always; the guest knows better. */
    error_code |= PFEC_USER;
    if (in_guest_kernel(v))
        error_code &= ~PFEC_USER;
    return bounce_exception_error(regs, v, EXC_PF, error_code);
}

#endif
