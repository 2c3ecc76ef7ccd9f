/* SPDX-License-Identifier: MIT */
/*
 * The end: an invariant of ours is broken. panic() says on every console what happened and where,
 * then stops (noreboot) or, after a wait, restarts the machine. It may be called in any context,
 * with any lock held, and again from inside itself.
 */
#include <arch.h>
#include <asm/backtrace.h>
#include <asm/current.h>
#include <asm/smp.h>
#include <console.h>
#include <lib.h>

void panic_begin(void)
{
    local_irq_disable();
    smp_stop_others();
    console_force_unlock();
}

void panic(const char *fmt, ...)
{
    unsigned long rbp;
    static bool said;
    va_list ap;

    panic_begin();
    if (said) /* a panic inside of this one */
        machine_halt();
    said = true;
    __asm__ volatile("mov %%rbp, %0" : "=r"(rbp));
    va_start(ap, fmt);
    printk(LOG_ERR, "****************************************");
    printk(LOG_ERR, "PANIC on CPU %u", smp_processor_id());
    vprintk(LOG_ERR, fmt, ap);
    va_end(ap);
    if (current)
        printk(LOG_ERR, "Current: d%uv%u", current->domain->id, current->id);
    print_backtrace((unsigned long)__builtin_return_address(0), *(unsigned long *)rbp);
    smp_say_where();
    printk(LOG_ERR, "****************************************");
    machine_give_up();
}
