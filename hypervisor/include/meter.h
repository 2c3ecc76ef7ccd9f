/* SPDX-License-Identifier: MIT */
/*
 * The meter: how long the hypervisor works without a chance to be preempted, and with interrupts
 * off. It exists only in builds with `make METER=1`; in all others the hooks below are empty.
 *
 * A stretch begins when a guest enters the hypervisor, when a softirq begins, or when a long
 * operation asks whether it should stop (hypercall_preempt_check()) and need not. It ends at the
 * next of these points, or on the way out to the guest. The answer "stop" does not end it: what the
 * operation still does until it has stopped counts. The longest stretch of each hypercall,
 * exception, interrupt, softirq and kind of exit work is kept, with what it was about; the debug
 * key 'M' prints and forgets them. docs/testing.md says how it is used.
 *
 * Times are TSC ticks: instructions, under QEMU's -icount shift=0. The meter's own are among them.
 */
#ifndef BULKHEAD_METER_H
#define BULKHEAD_METER_H

#include "types.h"

#ifdef METER

/*
 * A hypercall begins, or an element of a multicall, with its first argument: mostly a
 * sub-operation.
 */
void meter_hypercall(unsigned long op, unsigned long argument);
/* A long operation asked whether it should stop. */
void meter_preempt_check(bool stop);
void meter_softirq(unsigned int nr);
/* A softirq is about to call @fn, the function of a timer or of an RCU callback. */
void meter_callback(const void *fn);
void meter_exit_work(u32 work);
/* The CPU has nothing to do. */
void meter_idle(void);
/* Interrupts were switched off; are about to be switched on. Both may be called once too often. */
void meter_irqs_off(void);
void meter_irqs_on(void);
/* Prints the longest stretches since the last time. */
void meter_show(void);

#else

static inline void meter_hypercall(unsigned long op, unsigned long argument)
{
}

static inline void meter_preempt_check(bool stop)
{
}

static inline void meter_softirq(unsigned int nr)
{
}

static inline void meter_callback(const void *fn)
{
}

static inline void meter_exit_work(u32 work)
{
}

static inline void meter_idle(void)
{
}

static inline void meter_irqs_off(void)
{
}

static inline void meter_irqs_on(void)
{
}

static inline void meter_show(void)
{
}

#endif

#endif
