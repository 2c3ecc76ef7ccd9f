/* SPDX-License-Identifier: MIT */
/* What the parts of the kernel library share, and images do not need. */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <events.h>
#include <memory.h>
#include <pagetable.h>
#include <public/xen.h>
#include <traps.h>
#include <vcpu.h>

/* start.c, called by boot.S on the boot stack. */
_Noreturn void guest_start(start_info_t *info);

/* Start-of-day steps, in this order (start.c). */
void vcpu_init(void);
void traps_init(void);
void memory_init(void);
void console_init(void);
void events_init(void);
void clock_init(void);
void threads_init(void);
void console_start_input(void);
void store_init(void);

/* Leaves the boot stack for the first thread. */
_Noreturn void threads_run(void);

/* Whether the caller may wait: it is a thread, with events enabled or not, not an upcall. */
bool thread_may_wait(void);

/* Makes threads runnable whose deadline is over (from the timer's event handler). */
void threads_timer_expired(void);

/* Asks for a timer event at @deadline; 0 asks for none. With events disabled. */
void clock_set_timer(uint64_t deadline);

/* entry.S */
void event_entry(void);
void trap_syscall(void);
void trap_syscall32(void);
void trap_sysenter(void);
void trap_failsafe(void);
void catch_resume(void);
int catch_call(void (*function)(void *), void *argument, uint64_t *stack);
void user_enter(struct registers *regs, uint64_t *frame);
_Noreturn void user_leave(uint64_t frame);
void thread_switch(uint64_t *save, uint64_t load);
void vcpu_entry(void);

/* Called by entry.S. */
void trap_dispatch(struct registers *regs);
void event_upcall(void);
_Noreturn void vcpu_main(struct vcpu *vcpu);

/* The trap table, closed by an entry of zeroes. */
extern const trap_info_t trap_table[];

/* Maps the rest of the domain's memory behind what the builder mapped (physical_map.c). */
void physical_map_extend(pfn_t first, pfn_t end);

/* Gives every page of the builder's mapping the access it needs (physical_map.c). */
void physical_map_protect(pfn_t end);

/* The kernel's L4, in the physical map. */
pte_t *kernel_root(void);

#endif
