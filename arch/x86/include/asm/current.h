/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU state found from the stack pointer.
 *
 * Each CPU has one naturally aligned block of STACK_SIZE bytes: exception stacks (NMI, #MC, #DF,
 * #DB) in its lower pages, the main stack in the upper ones, struct cpu_info at the very top. So
 * the same mask-and-add finds it from any of these stacks, GS is never needed, and entry from a
 * guest needs no SWAPGS. On an entry from guest mode the stack is empty: hardware and the entry
 * code push the guest's registers at guest_regs, the top of the main stack.
 *
 *   base                                                                base + STACK_SIZE
 *   | #MC | #DF | NMI | #DB | guard |          main stack          | cpu_info            |
 *                                                       grows down <-+
 *
 * struct cpu_info begins with guest_regs, so the main stack starts right below the guest's
 * registers.
 */
#ifndef ASM_CURRENT_H
#define ASM_CURRENT_H

#include <asm/config.h>
#include <public/xen.h>
#include <types.h>

struct vcpu;
struct cpu;

/*
 * now() = ns_base + (TSC - tsc_base) * scale. All zero until the clocks are calibrated: time
 * stands at 0.
 */
struct cpu_clock {
    u64 tsc_base;
    s64 ns_base;
    u64 scale; /* ns per tick in units of 2^-57; see time_scale.h */
};

struct cpu_info {
    struct cpu_user_regs
        guest_regs; /* es..gs at its end are used only when a context is shown or set */
    /* Both words are tested at once on the way out to a guest. */
    u32 softirq_pending; /* bits of enum softirq */
    u32 exit_work;       /* EXIT_WORK_*: rare things to do before entering the current guest */
    struct vcpu *vcpu;   /* the current one */
    struct cpu *cpu;     /* all else of this CPU */
    u32 cpu_id;
    u32 pad;
    struct cpu_clock clock; /* system time from the TSC; see time.h */
    unsigned long pad2;     /* keeps the size a multiple of 16 */
};

#define EXIT_WORK_AREAS  1U /* run-state or time area still to be written into guest memory */
#define EXIT_WORK_NMI    2U /* NMI for the guest */
#define EXIT_WORK_BOUNCE 4U /* an exception frame was prepared */
#define EXIT_WORK_TABLES 8U /* page tables still to be taken apart */

static inline struct cpu_info *get_cpu_info(void)
{
    unsigned long sp;

    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

#define current            (get_cpu_info()->vcpu)
#define this_cpu()         (get_cpu_info()->cpu)
#define smp_processor_id() (get_cpu_info()->cpu_id)
#define guest_regs()       (&get_cpu_info()->guest_regs)

#endif
