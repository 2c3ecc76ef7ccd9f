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
/* Boot, end: starts scheduling on this CPU; its boot stack is not used again. */
void sched_start(void) __noreturn;

void sched_init_vcpu(struct vcpu *v);

/*
 * Queues @v, if it may run (vcpu_runnable()) and is neither running nor queued already. Any
 * context.
 */
void vcpu_wake(struct vcpu *v);
/*
 * Takes @v off its CPU or its queue if it may not run; the _sync form waits until its registers are
 * saved.
 */
void vcpu_sleep_nosync(struct vcpu *v);
void vcpu_sleep_sync(struct vcpu *v);
/* Clears VPF_BLOCKED of @v and wakes it. */
void vcpu_unblock(struct vcpu *v);
/*
 * Makes @v see an event that is pending for it: unblocks it, or interrupts the CPU on which it runs
 * in guest mode.
 */
void vcpu_kick(struct vcpu *v);
/*
 * Has vcpu_kick() anything to do? Not for the current vCPU, which sees its events on the way out,
 * unless it is about to block.
 */
static inline bool vcpu_needs_kick(const struct vcpu *v)
{
    return v != current || (READ_ONCE(v->pause_flags) & 1UL << VPF_BLOCKED);
}
/* May @v run: is nothing set in pause_flags, and are neither it nor its domain paused? */
bool vcpu_runnable(const struct vcpu *v);

/* Is @v the vCPU that a CPU runs when it has nothing else to run? */
static inline bool is_idle_vcpu(const struct vcpu *v)
{
    return v->domain->id == DOMID_IDLE;
}

/*
 * Enables events and blocks the current vCPU until an event is pending (for SCHEDOP_block and HLT).
 */
void vcpu_block_enable_events(void);
/* Lets another vCPU run before the current one, if one waits. */
void vcpu_yield(void);

/* The hypercalls; errors as in public/sched.h and public/vcpu.h. */
long do_sched_op(unsigned int cmd, unsigned long arg);
long do_sched_op_compat(unsigned int cmd, unsigned long arg);
long do_set_timer_op(s_time_t timeout);
long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, unsigned long arg);

/* @return the CPU time that @v has consumed, in ns */
u64 vcpu_cpu_time(const struct vcpu *v);
/* Fills in the run state of @v, with the current state accounted up to now. */
void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out);

/* Sets up and tears down the guest-visible timers of a vCPU (vcpu_time.c). */
void vcpu_time_init(struct vcpu *v);
void vcpu_time_destroy(struct vcpu *v);
/* @v is about to run on this CPU, or has run: its periodic timer ticks only in between. */
void vcpu_time_switch_in(struct vcpu *v);
void vcpu_time_switch_out(struct vcpu *v);

#endif
