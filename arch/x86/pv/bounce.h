/* SPDX-License-Identifier: MIT */
/*
 * Building the frame of an entry into the guest's kernel, in line, since every exception, event and
 * system call of a guest goes through it. See bounce.c for the frame.
 */
#ifndef PV_BOUNCE_H
#define PV_BOUNCE_H

#include <asm/context.h>
#include <asm/entry.h>
#include <asm/guest_access.h>
#include <asm/pv.h>

/* Vectors that push an error code: #DF, #TS, #NP, #SS, #GP, #PF, #AC. */
#define HAS_ERROR_CODE 0x27d00U

/*
 * The reason to enter the guest's kernel. For ENTRY_EXCEPTION @regs->entry_vector says which
 * exception.
 */
enum guest_entry { ENTRY_EXCEPTION, ENTRY_EVENT, ENTRY_SYSCALL, ENTRY_FAILSAFE };

/*
 * Crashes the guest, with interrupts on meanwhile, and says why: @entry has no handler, or its
 * frame, whose lowest word is at @addr, cannot be written. @regs can be returned to afterwards, in
 * ring 3: the vCPU of a domain that was suspended may be resumed. (crash.c)
 * @return false
 */
enum bounce_failure { BOUNCE_NO_HANDLER, BOUNCE_STACK_FAULT };
bool bounce_failed(struct cpu_user_regs *regs, struct vcpu *v, enum bounce_failure why,
                   enum guest_entry entry, unsigned long addr);

/* RFLAGS as the guest knows @rflags: IF is its event mask, IOPL its own if it asked for that. */
HOT_INLINE u64 frame_rflags(const struct vcpu *v, u64 rflags, u32 mask)
{
    rflags &= ~(EFLAGS_IF | EFLAGS_IOPL);
    rflags |= (mask - 1) & EFLAGS_IF; /* all ones when the mask is 0; else less than 256 */
    if (unlikely(v->arch.rare & RARE_ARCH_IOPL))
        rflags |= v->arch.iopl;
    return rflags;
}

/*
 * Changes to kernel mode; in the frame the low bits of cs tell which mode it was. A frame that
 * would touch our range is placed where it faults. (A frame that reaches into our range from below
 * touches the read-only M2P, which faults too.) Until set_entry_selectors() the cs in @regs may
 * name ring 0; bounce_failed() undoes that.
 * @return where the frame ends: for an entry from the kernel below the last word of its stack, for
 * one from user mode at the stack of stack_switch
 */
HOT_INLINE unsigned long enter_kernel(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (likely(v->arch.flags & TF_KERNEL_MODE)) {
        regs->cs &= 0xfffc;
        if (unlikely(is_hv_address(regs->rsp - FRAME_BYTES_MAX)))
            return FAULTING_ADDRESS;
        return regs->rsp & ~0xfUL;
    }
    enter_guest_kernel(v);
    return v->arch.entry_sp;
}

/*
 * The flags that are clear in a handler: TF, NT, RF, VM, as the processor has it; AC, because the
 * kernel's accesses would trap; DF, because a system call would clear it.
 */
HOT_INLINE void set_entry_state(struct cpu_user_regs *regs, unsigned long eip, unsigned long sp)
{
    regs->rip = eip;
    regs->eflags &= ~(u32)(EFLAGS_AC | EFLAGS_VM | EFLAGS_RF | EFLAGS_NT | EFLAGS_DF | EFLAGS_TF);
    regs->rsp = sp;
}

HOT_INLINE void set_entry_selectors(struct cpu_user_regs *regs)
{
    regs->error_code = FRAME_SYSCALL;
    *(u64 *)&regs->cs = FLAT_KERNEL_CS;
    *(u64 *)&regs->ss = FLAT_KERNEL_SS;
}

/*
 * Enters the kernel of the current vCPU @v at @eip.
 * @return true: done, and of the registers in @regs only those of the return frame were changed;
 * false: the guest was crashed
 */
HOT_INLINE bool bounce(struct cpu_user_regs *regs, struct vcpu *v, enum guest_entry entry,
                       unsigned long eip, bool disable_events, bool has_error, u32 error_code)
{
    struct vcpu_info *info = v->info;
    u8 mask = info->evtchn_upcall_mask;
    unsigned int last = has_error ? 7 : 6; /* word of the frame */
    u64 *sp;

    if (unlikely(!eip))
        return bounce_failed(regs, v, BOUNCE_NO_HANDLER, entry, 0);
    sp = (u64 *)enter_kernel(v, regs) - (last + 1);
    regs->saved_upcall_mask = mask;
    guest_window_open();
    guest_window_store(sp + last, *(u64 *)&regs->ss, fault);
    guest_window_store(sp + last - 1, regs->rsp, fault);
    guest_window_store(sp + last - 2, frame_rflags(v, regs->rflags, mask), fault);
    guest_window_store(sp + last - 3, *(u64 *)&regs->cs, fault);
    guest_window_store(sp + last - 4, regs->rip, fault);
    if (has_error)
        guest_window_store(sp + 2, (u64)error_code, fault);
    guest_window_store(sp + 1, regs->r11, fault);
    guest_window_store(sp, regs->rcx, fault);
    guest_window_close();
    if (disable_events)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, eip, (unsigned long)sp);
    set_entry_selectors(regs);
    return true;

fault:
    guest_window_close();
    return bounce_failed(regs, v, BOUNCE_STACK_FAULT, entry, (unsigned long)sp);
}

/*
 * The same for SYSCALL from 64-bit user mode: RCX and R11 are RIP and RFLAGS, the selectors are
 * flat and the frame is one for SYSRET already.
 */
HOT_INLINE bool bounce_syscall(struct cpu_user_regs *regs, struct vcpu *v, unsigned long eip,
                               bool disable_events)
{
    struct vcpu_info *info = v->info;
    u32 mask = info->evtchn_upcall_mask;
    u64 *sp = (u64 *)v->arch.entry_sp - 7, rip = regs->rip, rflags = regs->rflags;

    enter_guest_kernel(v);
    guest_window_open();
    guest_window_store(sp, rip, fault);
    guest_window_store(sp + 1, rflags, fault);
    guest_window_store(sp + 2, rip, fault);
    guest_window_store((u32 *)(sp + 3), (u32)FLAT_USER_CS64, fault);
    guest_window_store((u32 *)(sp + 3) + 1, mask, fault);
    guest_window_store(sp + 4, frame_rflags(v, rflags, mask), fault);
    guest_window_store(sp + 5, regs->rsp, fault);
    guest_window_store(sp + 6, (u64)FLAT_USER_SS64, fault);
    guest_window_close();
    if (disable_events)
        info->evtchn_upcall_mask = 1;
    set_entry_state(regs, eip, (unsigned long)sp);
    return true;

fault:
    guest_window_close();
    return bounce_failed(regs, v, BOUNCE_STACK_FAULT, ENTRY_SYSCALL, (unsigned long)sp);
}

/* Enters the handler of exception @vector in the guest's trap table. */
HOT_INLINE bool bounce_exception(struct cpu_user_regs *regs, struct vcpu *v, unsigned int vector)
{
    const struct guest_trap *t = &v->arch.traps[vector];

    return bounce(regs, v, ENTRY_EXCEPTION, t->address, t->disable_events, false, 0);
}

HOT_INLINE bool bounce_exception_error(struct cpu_user_regs *regs, struct vcpu *v,
                                       unsigned int vector, u32 error_code)
{
    const struct guest_trap *t = &v->arch.traps[vector];

    return bounce(regs, v, ENTRY_EXCEPTION, t->address, t->disable_events, true, error_code);
}

HOT_INLINE bool bounce_page_fault(struct cpu_user_regs *regs, struct vcpu *v, unsigned long addr,
                                  u32 error_code)
{
    v->arch.ctrlreg[2] = addr;
    v->info->arch.cr2 = addr;
    /* The processor always saw user mode; only the guest's mode says whether that is true. */
    error_code |= PFEC_USER;
    if (in_guest_kernel(v))
        error_code &= ~PFEC_USER;
    return bounce_exception_error(regs, v, EXC_PF, error_code);
}

#endif
