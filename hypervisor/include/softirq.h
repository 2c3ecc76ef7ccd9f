/* SPDX-License-Identifier: MIT */
/*
 * Work put off until the way out to a guest (or the idle loop), where interrupts are on and no lock
 * is held. Pending bits live in each CPU's cpu_info, where the exit path tests them with one
 * instruction.
 */
#ifndef BULKHEAD_SOFTIRQ_H
#define BULKHEAD_SOFTIRQ_H

#include "types.h"

enum softirq {
    SOFTIRQ_TIMER,    /* expired timers */
    SOFTIRQ_CONSOLE,  /* console input and output of dom0 */
    SOFTIRQ_RCU,      /* callbacks whose grace period is over */
    SOFTIRQ_NMI,      /* an NMI that was left for dom0 */
    SOFTIRQ_TRACE,    /* traces were switched, or dom0 is to read some */
    SOFTIRQ_EVENT,    /* the current vCPU got an event while it was in the hypervisor */
    SOFTIRQ_SCHEDULE, /* choose another vCPU; always last, may not return */
    NR_SOFTIRQS
};

/* Marks @nr pending on this CPU or on @cpu; another CPU is sent an interrupt. */
void softirq_raise(enum softirq nr);
void softirq_raise_on(unsigned int cpu, enum softirq nr);
/*
 * Runs every softirq that is pending on this CPU. The exit path and the idle loop call it with
 * interrupts on.
 */
void softirq_run(void);
/* Is any softirq pending? A long operation stops when one is, and continues later. */
bool softirq_pending(void);

/* The handlers, one for each bit: in timer.c, console.c, rcu.c, sched.c; see also trace.h. */
void timer_softirq(void);
void console_softirq(void);
void rcu_softirq(void);
/* Has nothing to do: the event is delivered on the way out. */
void event_softirq(void);
void schedule(void);

#endif
