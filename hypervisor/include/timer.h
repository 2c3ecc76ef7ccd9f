/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers in system time, with one queue for each CPU.
 *
 * A timer belongs to the CPU it was initialised or moved for and its function runs there, from the
 * timer softirq, with interrupts on and no lock held. A timer may be set and stopped from any CPU
 * and in any context.
 */
#ifndef BULKHEAD_TIMER_H
#define BULKHEAD_TIMER_H

#include "types.h"

struct timer {
    s_time_t expires;                  /* while queued */
    struct timer *child, *next, *prev; /* pairing heap */
    void (*fn)(void *arg);
    void *arg;
    unsigned int cpu;
    bool queued;
};

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu);
/* Starts or restarts @t, to expire at system time @expires (ns), or at once if that is past. */
void timer_set(struct timer *t, s_time_t expires);
void timer_stop(struct timer *t);
/*
 * Stops @t and waits until its function does not run on another CPU. An owner calls it before it
 * frees @t.
 */
void timer_kill(struct timer *t);
/* Moves @t to another CPU's queue, still queued if it was, when its function does not run there. */
void timer_migrate(struct timer *t, unsigned int cpu);

/* Boot: prepares the queue of @cpu. */
void timer_cpu_init(unsigned int cpu);
/*
 * This CPU, where no timer's function runs, gives its timers to @cpu and takes no others until
 * timer_cpu_open(): one that belongs to it and is set goes to the CPU that sets it.
 */
void timer_cpu_close(unsigned int cpu);
void timer_cpu_open(void);
/* Called by the clock interrupt: the deadline set with arch_set_timer() has been reached. */
void timer_interrupt(void);

#include <asm/time.h> /* s_time_t now(void): current system time in ns */

#endif
