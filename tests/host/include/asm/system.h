/* SPDX-License-Identifier: MIT */
/* The interrupt flag, as a variable. */
#ifndef ASM_SYSTEM_H
#define ASM_SYSTEM_H

#include <types.h>

extern __thread bool host_irqs_on; /* of the CPU that this thread is */

/* In a loop that waits for another CPU: for tests that have several. */
__attribute__((weak)) void host_relax(void);

/* Of those that have one, none waits so often in all. */
#define HOST_WAITS (1UL << 27)

#define arch_spin_lock_wait(lock, ticket) spin_lock_wait(lock, ticket)

static inline void cpu_relax(void)
{
    static unsigned long waits;

    if (host_relax)
        host_relax();
    else if (++waits >= HOST_WAITS)
        __builtin_trap(); /* nobody else runs who could end this wait */
}

static inline void local_irq_disable(void)
{
    host_irqs_on = false;
}

static inline void local_irq_enable(void)
{
    host_irqs_on = true;
}

static inline unsigned long local_irq_save(void)
{
    unsigned long flags = host_irqs_on;

    host_irqs_on = false;
    return flags;
}

static inline void local_irq_restore(unsigned long flags)
{
    host_irqs_on = flags;
}

static inline bool local_irq_is_enabled(void)
{
    return host_irqs_on;
}

#endif
