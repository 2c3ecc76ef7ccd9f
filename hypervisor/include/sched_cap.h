/* SPDX-License-Identifier: MIT */
/*
 * Caps: how much a domain may run, in per cent of one CPU, however idle the machine is. It gets
 * that part of each period as a budget. A vCPU takes a piece of the budget when it gets a CPU, and
 * brings back what is left. When the budget is used up, the vCPUs that want to run are parked until
 * the next period begins.
 */
#ifndef BULKHEAD_SCHED_CAP_H
#define BULKHEAD_SCHED_CAP_H

#include "list.h"
#include "spinlock.h"
#include "timer.h"

struct domain;
struct vcpu;

#define CAP_PERIOD    MILLISECS(10)
#define CAP_LEAST_BIT MICROSECS(250) /* that a vCPU takes, if there is so much */

/* Part of struct domain. */
struct sched_cap {
    spinlock_t lock;     /* RANK_CAP */
    u16 percent;         /* 0: no cap */
    unsigned int parked; /* vCPUs in the list */
    s_time_t budget;     /* ns left; negative: it is owed to the next periods */
    s_time_t next;       /* when the next period begins */
    struct list waiting; /* parked vCPUs, by cap.link */
    struct timer refill; /* set while one is parked */
};

/* Part of struct vcpu; under the run queue's lock, the link under the cap's. */
struct vcpu_cap {
    struct list link;
    s_time_t granted; /* ns that it took of the budget for this run; 0: none */
    s_time_t since;
    bool parked;
};

void cap_domain_init(struct domain *d);
/* Stops the timer: the vCPUs of @d do not run any longer. */
void cap_domain_destroy(struct domain *d);

/*
 * @v, of a domain with a cap, gets a CPU at time @t: takes a piece of the budget. Locks: the run
 * queue's is held, as for the others below.
 * @return until when @v may run; 0: the budget is used up, and @v is to be parked
 */
s_time_t cap_take(struct vcpu *v, s_time_t t);
/* @v, which may hold a piece, has run until @t. */
void cap_give_back(struct vcpu *v, s_time_t t);
/* Parks @v, which is off, or undoes that. */
void cap_park(struct vcpu *v);
void cap_unpark(struct vcpu *v);

/*
 * Sets the cap of @d: @percent of one CPU, or 0: none. Its vCPUs have to pass the scheduler.
 * Locks: RANK_DOMCTL is held.
 */
void cap_set(struct domain *d, u16 percent);

#endif
