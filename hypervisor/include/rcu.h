/* SPDX-License-Identifier: MIT */
/*
 * Deferred freeing of objects that other CPUs may still read without a lock. A hypercall never
 * sleeps, so once every CPU has passed its scheduler or idle loop, no CPU holds an old pointer.
 */
#ifndef BULKHEAD_RCU_H
#define BULKHEAD_RCU_H

#include "types.h"

struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *head);
};

/* Calls @fn(@head) after a grace period, from a softirq. */
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head));
/*
 * Says that this CPU holds no pointer to such an object. The scheduler and the idle loop call it.
 */
void rcu_quiescent(void);
/* @return does a callback of this CPU wait to be called? */
bool rcu_callbacks_wait(void);
/*
 * From rcu_idle_enter() on this CPU holds no such pointer, and is not waited for, until it or an
 * interrupt that looks at such an object calls rcu_idle_exit().
 */
void rcu_idle_enter(void);
void rcu_idle_exit(void);

#endif
