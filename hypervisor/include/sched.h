/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: which vCPU runs on which CPU, and when (docs/scheduler.md). Its core is in
 * sched.c; sched_fair.c says which of several runs next on a CPU, sched_place.c on which CPU, and
 * sched_cap.c how much a domain may run at all.
 */
#ifndef BULKHEAD_SCHED_H
#define BULKHEAD_SCHED_H

#include "domain.h"

#define SCHED_DEFAULT_WEIGHT 256U

/*
 * Boot: prepares the queue of @cpu, before its idle vCPU is made. The architecture then fills in
 * cpus[@cpu]->siblings.
 */
void sched_cpu_init(unsigned int cpu);
/*
 * From now on @cpu, which has an idle vCPU and will call sched_start() or has, gets vCPUs; those
 * that were pinned to it come back.
 */
void sched_cpu_up(unsigned int cpu);
/*
 * @cpu gets no vCPU any longer, and those that are there leave. One that runs there does so when
 * that CPU passes the scheduler, which it is made to do: the caller waits until
 * sched_cpu_is_empty(). A vCPU that may run on no other CPU runs anywhere until this one is back.
 * Timers, other than those of vCPUs and caps, are the caller's business.
 * @return 0; -XEN_EBUSY: it is the last one
 */
int sched_cpu_down(unsigned int cpu);
/* @return does nothing but the idle vCPU run on @cpu or wait for it? */
bool sched_cpu_is_empty(unsigned int cpu);
/* Boot, end: starts scheduling on this CPU; its boot stack is not used again. */
void sched_start(void) __noreturn;

void sched_init_domain(struct domain *d);
void sched_init_vcpu(struct vcpu *v);

/* ---- settings ---- */

/* How long a vCPU runs, at least, before one of another domain preempts it on waking; 0: no time */
extern s_time_t sched_rate_limit;
/*
 * Set the share of each vCPU of @d relative to others (1 to 65535), and the limit for all together
 * (sched_cap.h). Locks: RANK_DOMCTL is held.
 */
void sched_set_weight(struct domain *d, u16 weight);
void sched_set_cap(struct domain *d, u16 percent);
/*
 * Sets where @v may run and where it runs best; NULL: that stays. A vCPU that is elsewhere leaves
 * at once.
 */
void sched_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft);
/* A period of the cap of its domain begins: @v is to wait for it no longer. */
void sched_release_parked(struct vcpu *v);

/* ---- waking and sleeping ---- */

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
/* Clears VPF_BLOCKED of @v and wakes it. That ends its poll, if it polls. */
void vcpu_unblock(struct vcpu *v);
/*
 * SCHEDOP_poll: @v, the current vCPU, begins to wait for @port (-1: for any of several), or for any
 * event; or does not wait after all.
 */
void vcpu_poll_begin(struct vcpu *v, int port);
void vcpu_poll_cancel(struct vcpu *v);
/*
 * Whoever woke @v from a poll clears the signs of it, unless @v, which may have run meanwhile,
 * waits again: then they are those of the next poll.
 */
void vcpu_poll_forget(struct vcpu *v);
/* Ends the poll of @v if it is for @port, or if its time is over. A later one is not disturbed. */
void vcpu_poll_event(struct vcpu *v, unsigned int port);
void vcpu_poll_timeout(struct vcpu *v);
/*
 * Makes @v see an event that is pending for it: unblocks it, or interrupts the CPU on which it runs
 * in guest mode.
 */
void vcpu_kick(struct vcpu *v);
/*
 * An event came for @v, which waits for a CPU or did when the caller looked. If one of its own
 * domain runs there, that may be spinning until @v has answered: so @v runs in its place.
 */
void vcpu_favour(struct vcpu *v);
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
/* Moves its timers to @cpu. */
void vcpu_time_move(struct vcpu *v, unsigned int cpu);

#endif
