/* SPDX-License-Identifier: MIT */
/*
 * Deferred freeing of what other CPUs may still be looking at without a lock.
 * A hypercall never sleeps, so once every CPU has been through its scheduler or idle loop, none
 * holds an old pointer.
 */
#ifndef BULKHEAD_RCU_H
#define BULKHEAD_RCU_H

struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *head);
};

/* Calls @fn(@head) after a grace period, from a softirq. */
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head));
/* This CPU holds no pointer: called by the scheduler and the idle loop. */
void rcu_quiescent(void);

#endif
