/* SPDX-License-Identifier: MIT */
/* Interrupt flag and CPU control that portable code needs in line. */
#ifndef ASM_SYSTEM_H
#define ASM_SYSTEM_H

#include <meter.h>
#include <types.h>

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/*
 * Calls spin_lock_wait(@lock, @ticket) of spinlock.h in a way that destroys no register (entry.S):
 * a call of C would make each function that takes a lock save some, also when it need not wait.
 */
#define arch_spin_lock_wait(lock, ticket)                                 \
    __asm__ volatile("push %q1\n\tpush %q0\n\tcall spin_lock_wait_saving" \
                     :                                                    \
                     : "r"(lock), "r"((u32)(ticket))                      \
                     : "cc", "memory")

static inline void local_irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
    meter_irqs_off();
}

static inline void local_irq_enable(void)
{
    meter_irqs_on();
    __asm__ volatile("sti" ::: "memory");
}

static inline unsigned long local_irq_save(void)
{
    unsigned long flags;

    __asm__ volatile("pushf; pop %0; cli" : "=rm"(flags)::"memory");
    meter_irqs_off();
    return flags;
}

static inline void local_irq_restore(unsigned long flags)
{
    if (flags & 0x200)
        local_irq_enable();
}

static inline bool local_irq_is_enabled(void)
{
    unsigned long flags;

    __asm__ volatile("pushf; pop %0" : "=rm"(flags)::"memory");
    return flags & 0x200;
}

#endif
