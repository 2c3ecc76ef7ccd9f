/* SPDX-License-Identifier: MIT */
/*
 * The end: an invariant of ours is broken. panic() says on every console what happened and where,
 * then stops (noreboot) or, after a wait, restarts the machine. It may be called in any context,
 * with any lock held, and again from inside itself.
 */
#include <arch.h>
#include <asm/backtrace.h>
#include <asm/current.h>
#include <console.h>
#include <lib.h>

static u32 panicking;

void panic(const char *fmt, ...)
{
    unsigned long rbp;
    va_list ap;

    local_irq_disable();
    /* A second panic, of this CPU or another one, has nothing to add. */
    if (xchg(&panicking, 1))
        machine_halt();
    console_force_unlock();
    __asm__ volatile("mov %%rbp, %0" : "=r"(rbp));
    va_start(ap, fmt);
    printk(LOG_ERR, "****************************************");
    printk(LOG_ERR, "PANIC on CPU %u", smp_processor_id());
    vprintk(LOG_ERR, fmt, ap);
    va_end(ap);
    if (current)
        printk(LOG_ERR, "Current: d%uv%u", current->domain->id, current->id);
    print_backtrace((unsigned long)__builtin_return_address(0), *(unsigned long *)rbp);
    printk(LOG_ERR, "****************************************");
    machine_give_up();
}
