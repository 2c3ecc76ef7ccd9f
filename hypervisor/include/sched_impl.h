/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's core (sched.c) and the part that spreads vCPUs over CPUs (sched_place.c)
 * know of each other.
 */
#ifndef BULKHEAD_SCHED_IMPL_H
#define BULKHEAD_SCHED_IMPL_H

#include "percpu.h"
#include "sched.h"

/* ---- sched.c ---- */

/*
 * Locks the run queue of @v->processor. That changes only under this lock, while @v is neither
 * queued nor running (docs/locking.md).
 */
static inline struct run_queue *sched_lock(const struct vcpu *v, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(v->processor);
        struct run_queue *rq = &cpus[cpu]->rq;

        *flags = spin_lock_irqsave(&rq->lock);
        if (likely(cpu == load_acquire(&v->processor)))
            return rq;
        spin_unlock_irqrestore(&rq->lock, *flags);
    }
}

static inline void sched_unlock(struct run_queue *rq, unsigned long flags)
{
    spin_unlock_irqrestore(&rq->lock, flags);
}

/* @return the vCPU that runs on @cpu. Locks: its run queue's is held, and keeps it there. */
static inline struct vcpu *running_on(unsigned int cpu)
{
    return cpus[cpu]->info->vcpu;
}

/* Part of sched_init_domain(): prepares the timers of SCHEDOP_watchdog of @d. (sched_op.c) */
void sched_init_watchdogs(struct domain *d);

/*
 * Does a vCPU wait in @rq? Without its lock that is a hint: whoever needs to know looks again under
 * it.
 */
static inline bool sched_someone_waits(const struct run_queue *rq)
{
    return READ_ONCE(rq->length) != 0;
}

/*
 * Is @v to be queued: may it run, and does nobody else see to it? Locks: its run queue's is held.
 */
static inline bool sched_wants_queue(const struct vcpu *v)
{
    return !v->on_queue && running_on(v->processor) != v && !v->mover && !v->cap.parked &&
           vcpu_runnable(v);
}
/* Queues it, and makes its CPU choose if that is to run it at once. @return did that? */
bool sched_queue(struct run_queue *rq, struct vcpu *v, s_time_t t);

/* ---- sched_place.c ---- */

/* CPUs that run vCPUs; idle ones of them; those where a vCPU waits that another may take. */
extern cpumask_t sched_cpus, sched_idle, sched_waiting;

/* Works out v->may_run and v->prefers. Locks: its run queue's is held, or @v is new. */
void sched_refresh_affinity(struct vcpu *v);
/*
 * Chooses where @v waits or runs next. Prefers the CPU where it was, but it takes one that is idle,
 * and whose core is, if there is one. An idle CPU that is returned counts as busy from now on; its
 * softirq SCHEDULE has to be raised. Locks: the run queue of @v is held.
 */
unsigned int sched_choose_cpu(const struct vcpu *v);
/*
 * Gives @v, which is neither queued nor running and whose processor has just become @cpu, to that
 * CPU, unless somebody else has seen to it meanwhile. Locks: none is held.
 */
void sched_send(struct vcpu *v, unsigned int cpu);
/*
 * @v has to leave its CPU, @rq's, which has chosen another vCPU and may still be saving the
 * registers of @v. Then that CPU sends @v elsewhere when it has done so (settle_switch()), and @v
 * is in no queue until then. Nobody waits for it: we may be in an interrupt of a CPU that holds
 * what the other one needs in order to switch. Locks: the run queue of @v is held.
 * @return does that CPU send it? Else the registers are saved.
 */
bool sched_saver_sends(struct run_queue *rq, struct vcpu *v, s_time_t t);
/*
 * @v, which runs nowhere and whose registers are saved, has to leave the CPU where it is. Locks:
 * its run queue's, @rq, is held, and released.
 */
void sched_move(struct run_queue *rq, struct vcpu *v, unsigned long flags);

/*
 * The way of schedule(): notes under the run queue's lock whether this CPU idles, and whether
 * somebody waits; after the switch takes work from others, or offers them some. With one CPU there
 * is nothing to do.
 */
void sched_note_choice(unsigned int cpu, bool idles);
void sched_after_switch(unsigned int cpu, bool idles);
/*
 * A vCPU waits in the queue of @cpu: notes that under the queue's lock; then, with no lock held,
 * gives @v, which waits there, to an idle CPU, if there is one.
 */
void sched_note_waiting(unsigned int cpu);
void sched_offer(struct vcpu *v);

#endif
