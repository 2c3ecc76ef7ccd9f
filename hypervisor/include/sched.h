/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which vCPU runs on which CPU, and when.
 * A weighted fair scheduler: the runnable vCPU that has consumed the least weighted time runs next.
 */
#ifndef BULKHEAD_SCHED_H
#define BULKHEAD_SCHED_H

#include "domain.h"

#define SCHED_DEFAULT_WEIGHT 256U

void sched_cpu_init(unsigned int cpu);
/* Boot, end: starts scheduling on this CPU; its boot stack is left for good. */
void sched_start(void) __noreturn;

void sched_init_vcpu(struct vcpu *v);

/* Makes @v runnable if nothing in pause_flags and no pause forbids it. Any context. */
void vcpu_wake(struct vcpu *v);
/* Takes @v off its CPU if it may not run; the sync form waits until its registers are saved. */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* Clears VPF_BLOCKED and wakes. */
void vcpu_unblock(struct vcpu *v);
/* An event is pending for @v: unblock it, or interrupt the CPU on which it runs in guest mode. */
void vcpu_kick(struct vcpu *v);
/*
 * Would that do anything? Not to the current vCPU, which sees its events on the way out, unless it
 * is about to block.
 */
static inline bool vcpu_needs_kick(const struct vcpu *v)
{
    return v != current || (READ_ONCE(v->pause_flags) & 1UL << VPF_BLOCKED);
}
bool vcpu_runnable(const struct vcpu *v);

/* Blocks current until an event is pending (used by SCHEDOP_block and HLT). */
void vcpu_block_enable_events(void);
void vcpu_yield(void);

long do_sched_op(unsigned int cmd, unsigned long arg);
long do_sched_op_compat(unsigned int cmd, unsigned long arg);
long do_set_timer_op(s_time_t timeout);
long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, unsigned long arg);

/* CPU time consumed by @v, ns. */
u64 vcpu_cpu_time(const struct vcpu *v);
/* Run state with the current state accounted up to now. */
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);

/* Set up and tear down the guest-visible timers of a vCPU. */
void vcpu_time_init(struct vcpu *v);
void vcpu_time_destroy(struct vcpu *v);
/* Set before and after @v runs on this CPU: periodic timer. */
void vcpu_time_switch_in(struct vcpu *v);
void vcpu_time_switch_out(struct vcpu *v);

extern const char *sched_name; /* as sched= names it */

#endif
