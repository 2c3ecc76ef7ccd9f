/* SPDX-License-Identifier: MIT */
/*
 * The scheduling policy, as the scheduler's core (sched.c) calls it: which of the runnable vCPUs of
 * a CPU runs next, and for how long. All functions run under the run queue's lock. Only
 * sched_fair.c reads and writes what a vCPU and a run queue hold for the policy. The idle vCPU is
 * never queued.
 */
#ifndef BULKHEAD_SCHED_FAIR_H
#define BULKHEAD_SCHED_FAIR_H

#include "list.h"
#include "timer.h"

struct vcpu;
struct run_queue;

/* Part of struct vcpu. */
struct fair_vcpu {
    struct list link; /* in the queue while vcpu.on_queue */
    u64 vruntime;     /* weighted nanoseconds consumed */
    bool yielding;
};

/* Part of struct run_queue. */
struct fair_queue {
    struct list queue;  /* runnable vCPUs that do not run, by vruntime */
    u64 min_vruntime;   /* floor for vCPUs that wake after a long sleep */
    s_time_t slice_end; /* of the running vCPU; valid while another one waits */
    struct timer slice; /* set for that, or earlier */
};

void fair_cpu_init(struct run_queue *rq, unsigned int cpu);
void fair_vcpu_init(struct vcpu *v);

/*
 * @v became runnable at time @t: queues it. If it has to take the CPU from @cur, which runs, only
 * later, sets a timer for that.
 * @return true: @v is to take the CPU at once
 */
bool fair_wake(struct run_queue *rq, struct vcpu *v, const struct vcpu *cur, s_time_t t);
/* Takes @v off the queue: it may no longer run. */
void fair_remove(struct run_queue *rq, struct vcpu *v);
/* @v, which runs, lets the next vCPU pass at the next fair_pick(). */
void fair_yield(struct vcpu *v);
/*
 * Takes the next vCPU to run off the queue. @prev ran until @t and is charged for it; it is queued
 * if it may still run.
 * @return that vCPU; the idle vCPU if none is queued
 */
struct vcpu *fair_pick(struct run_queue *rq, struct vcpu *prev, s_time_t t);

#endif
