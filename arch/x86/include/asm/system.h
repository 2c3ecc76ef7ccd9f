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
