/* SPDX-License-Identifier: MIT */
/*
 * Work put off until the way out to a guest (or the idle loop), with interrupts on and no lock
 * held. Pending bits live in each CPU's cpu_info, where the exit path tests them with one
 * instruction.
 */
#ifndef BULKHEAD_SOFTIRQ_H
#define BULKHEAD_SOFTIRQ_H

#include "types.h"

enum softirq {
    SOFTIRQ_TIMER,    /* expired timers */
    SOFTIRQ_CONSOLE,  /* console input and output of dom0 */
    SOFTIRQ_RCU,      /* callbacks whose grace period is over */
    SOFTIRQ_SCHEDULE, /* choose another vCPU; always last, may not return */
    NR_SOFTIRQS
};

/* Marks @nr pending on a CPU; sends it an interrupt when it is another one. */
void softirq_raise(enum softirq nr);
void softirq_raise_on(unsigned int cpu, enum softirq nr);
/* Runs all that is pending on this CPU. Called with interrupts on from the exit path and the idle
 * loop. */
void softirq_run(void);
/* Is anything pending? Long operations stop and continue later when it is. */
bool softirq_pending(void);

/* The work itself, by bit: in timer.c, console.c, rcu.c, sched.c. */
void timer_softirq(void);
void console_softirq(void);
void rcu_softirq(void);
void schedule(void);

#endif
