/* SPDX-License-Identifier: MIT */
/*
 * The scheduling policy, as the scheduler's core (sched.c) calls it: which of the runnable vCPUs of
 * a CPU runs next, and for how long (EEVDF; docs/scheduler.md). All functions run under the run
 * queue's lock. Only sched_fair.c and sched_tree.c write what a vCPU and a run queue hold for the
 * policy. The idle vCPU is never queued.
 */
#ifndef BULKHEAD_SCHED_FAIR_H
#define BULKHEAD_SCHED_FAIR_H

#include "list.h"
#include "timer.h"

struct vcpu;
struct run_queue;

#define SCHED_SLICE      MILLISECS(6)      /* what a vCPU asks for that runs on and on */
#define SCHED_HEAD_START SCHED_SLICE       /* by how much it is due earlier when it wakes... */
#define SCHED_MIN_RUN    MILLISECS(1)      /* ...and then it gets this; nobody gets less */
#define SCHED_LAG_LIMIT  (2 * SCHED_SLICE) /* what it may keep while it does not run */
#define SCHED_RATE_LIMIT MILLISECS(1)      /* Xen's sched_ratelimit_us, with its default */

/*
 * Part of struct vcpu. Virtual time: one nanosecond of a vCPU with weight w is 2^16 / w of it. Its
 * values wrap, so only differences of them mean something.
 */
struct fair_vcpu {
    struct fair_vcpu *parent, *left, *right; /* in the queue's tree while vcpu.on_queue */
    u64 v;                                   /* how far it has run; stays while it is off */
    u64 deadline;                            /* when what it asks for should be done */
    u64 slice;                               /* SCHED_SLICE of it, in virtual time */
    u64 least_v;                             /* the least v in its subtree, */
    u64 least_due;                           /* and the least v + slice: who is owed a slice */
    s64 lag;                                 /* while it is off: by how much it was behind, */
    u64 left_at;                             /* from when on that is forgotten, in virtual time, */
    u32 idle_seen;                           /* and fair_queue.idles then */
    u32 weight;                              /* with which it is counted */
    u32 heap_order;                          /* of the tree */
    bool yielding;
    bool moved;          /* to a faster CPU; it has not arrived yet */
    u16 left_on;         /* the number of the queue that it left; 0: it comes from another one */
    struct vcpu *awaits; /* the sibling that it may be spinning for, until that takes its events */
};

/* Part of struct run_queue. */
struct fair_queue {
    struct fair_vcpu *root; /* runnable vCPUs that do not run, by deadline */
    u64 base;               /* a virtual time close to the present one */
    s64 weighted_v;         /* sum of weight * (v - base) of the queued vCPUs */
    u64 weight;             /* the sum of their weights */
    u32 running_weight;     /* of the vCPU that runs; 0: the idle one */
    u32 random;
    u16 number;            /* its CPU + 1 */
    u32 idles;             /* how often the CPU ran out of work: all lags are 0 then */
    u64 pace;              /* added to virtual time, it compares to that of other CPUs */
    struct vcpu *favoured; /* to run next, in the place of one of its own domain */
    s_time_t started;      /* when the running vCPU got the CPU */
    s_time_t charged;      /* until when its running is counted */
    s_time_t slice_end;    /* until when it runs without a new choice, while another one waits */
    s_time_t limit;        /* until when it runs in any case (fair_limit()), or SCHED_NEVER */
    struct timer slice;    /* set for these two, or earlier */
};

#define SCHED_NEVER ((s_time_t)(~0UL >> 1))

void fair_cpu_init(struct run_queue *rq, unsigned int cpu);
/* The CPU runs nothing, and gets no vCPU for a while: its timer is not needed. */
void fair_cpu_rest(struct run_queue *rq);
/* @weight: that of its domain */
void fair_vcpu_init(struct vcpu *v, u32 weight);

/*
 * @v became runnable at time @t: queues it, with the lag that it kept. If it has to take the CPU
 * from @cur, which runs, only later, sets a timer for that.
 * @return true: @v is to take the CPU at once
 */
bool fair_wake(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t);
/* Takes @v off the queue, with its lag. @cur runs. */
void fair_remove(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t);
/* @cur, which runs, lets the next vCPU pass at the next fair_pick(). */
void fair_yield(struct vcpu *cur);
/*
 * Lets the queued vCPU @v run at once in the place of @cur, which runs and is of the same domain:
 * @cur may be waiting for it. If @v has run for more than a slice longer, that is as soon as @cur
 * has caught up so far. Until @v has taken its events, each turn of @cur on this CPU is used for
 * @v. When @v waits for @cur in the same way, and that has interrupts off, it goes on.
 * @return true: the CPU is to choose anew
 */
bool fair_favour(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t);
/*
 * Takes the next vCPU to run off the queue. @prev ran until @t and is charged for it; if it @stays,
 * it is queued, unless it is the next one itself.
 * @return that vCPU; the idle vCPU if none is queued
 */
struct vcpu *fair_pick(struct run_queue *rq, struct vcpu *prev, bool stays, s_time_t t);
/* @v, which fair_pick() returned at this @t, cannot run after all: it leaves, with its lag. */
void fair_drop(struct run_queue *rq, struct vcpu *v);
/* The running vCPU is to pass fair_pick() at @end at the latest. */
void fair_limit(struct run_queue *rq, s_time_t end);
/* Counts @v, which may run, wait or be off, with @weight from @t on. Its lag in time stays. */
void fair_set_weight(struct run_queue *rq, struct vcpu *v, u32 weight, struct vcpu *cur,
                     s_time_t t);

/* ---- for the balance between CPUs (sched_place.c) ---- */

/* @return by weight, how much wants to run on this CPU; any context */
u64 fair_load(const struct run_queue *rq);
/* @return the virtual time of the queue at @t, comparable between CPUs */
u64 fair_pace(struct run_queue *rq, struct vcpu *cur, s_time_t t);
/* Changes what fair_pace() returns by @delta. */
void fair_shift_pace(struct run_queue *rq, s64 delta);
/*
 * @v, which is off, leaves for another CPU's queue with the lag that it has, which may be changed
 * there before it arrives. (One that fair_remove() took off has its lag already.)
 */
void fair_depart(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t);
void fair_add_lag(struct vcpu *v, s64 lag);
void fair_arrive(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t);
/* @return @ns of running of @v in virtual time */
u64 fair_virtual(const struct vcpu *v, s_time_t ns);
/* Walks over the queued vCPUs by deadline: @return the first, or the next one after @v; or NULL */
struct vcpu *fair_first(const struct run_queue *rq);
struct vcpu *fair_next(const struct vcpu *v);

/* ---- the tree (sched_tree.c) ---- */

/* A treap by deadline, each node with what is least below it: all operations are O(log n). */
static inline void fair_tree_begin(struct fair_vcpu **root, struct fair_vcpu *n)
{
    n->parent = n->left = n->right = NULL;
    n->least_v = n->v;
    n->least_due = n->v + n->slice;
    n->heap_order = 0; /* it may as well stay the root */
    *root = n;
}
void fair_tree_insert(struct fair_vcpu **root, struct fair_vcpu *n, u32 heap_order);
void fair_tree_remove(struct fair_vcpu **root, struct fair_vcpu *n);
/* @return of the nodes with a v of at most @v the one with the earliest deadline; or NULL */
struct fair_vcpu *fair_tree_first_eligible(struct fair_vcpu *root, u64 v);
struct fair_vcpu *fair_tree_first(struct fair_vcpu *root);
struct fair_vcpu *fair_tree_next(const struct fair_vcpu *n);

#endif
