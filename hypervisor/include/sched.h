/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which vCPU runs on which CPU, and when. Its core is in sched.c; sched_fair.c says
 * which of several runs next: the one that has consumed the least weighted time.
 */
#ifndef BULKHEAD_SCHED_H
#define BULKHEAD_SCHED_H

#include "domain.h"

#define SCHED_DEFAULT_WEIGHT 256U

void sched_cpu_init(unsigned int cpu);
/* Boot, end: starts scheduling on this CPU; its boot stack is left for good. */
void sched_start(void) __noreturn;

void sched_init_vcpu(struct vcpu *v);

/* Queues @v, if it may run (vcpu_runnable()) and neither runs nor waits already. Any context. */
void vcpu_wake(struct vcpu *v);
/* Takes @v off its CPU if it may not run; the sync form waits until its registers are saved. */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* Clears VPF_BLOCKED and wakes. */
void vcpu_unblock(struct vcpu *v);
/* An event is pending for @v: unblock it, or interrupt the CPU on which it runs in guest mode. */
void vcpu_kick(struct vcpu *v);
/*
 * Has vcpu_kick() something to do? Not for the current vCPU, which sees its events on the way out,
 * unless it is about to block.
 */
static inline bool vcpu_needs_kick(const struct vcpu *v)
{
    return v != current || (READ_ONCE(v->pause_flags) & 1UL << VPF_BLOCKED);
}
/* May @v run: is nothing set in pause_flags, and are neither it nor its domain paused? */
bool vcpu_runnable(const struct vcpu *v);

/* Is it what a CPU runs when it has nothing else to run? */
static inline bool is_idle_vcpu(const struct vcpu *v)
{
    return v->domain->id == DOMID_IDLE;
}

/* Blocks current until an event is pending (used by SCHEDOP_block and HLT). */
void vcpu_block_enable_events(void);
/* Lets a waiting vCPU pass, if there is one. */
void vcpu_yield(void);

/* The hypercalls; errors as in public/sched.h and public/vcpu.h. */
long do_sched_op(unsigned int cmd, unsigned long arg);
long do_sched_op_compat(unsigned int cmd, unsigned long arg);
long do_set_timer_op(s_time_t timeout);
long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, unsigned long arg);

/* CPU time consumed by @v, ns. */
u64 vcpu_cpu_time(const struct vcpu *v);
/* Run state with the current state accounted up to now. */
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);

/* Sets up and tears down the guest-visible timers of a vCPU (vcpu_time.c). */
void vcpu_time_init(struct vcpu *v);
void vcpu_time_destroy(struct vcpu *v);
/* @v is about to run on this CPU, or has run: the periodic timer ticks meanwhile only. */
void vcpu_time_switch_in(struct vcpu *v);
void vcpu_time_switch_out(struct vcpu *v);

#endif
