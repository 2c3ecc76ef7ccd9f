/* SPDX-License-Identifier: MIT */
/*
 * Grace periods by epochs. A callback waits until every online CPU has announced a quiescent state
 * (scheduler or idle loop) in an epoch later than the one in which the callback was queued.
 */
#include <arch.h>
#include <percpu.h>
#include <rcu.h>
#include <softirq.h>

static u64 epoch = 1;

/* Has every CPU been quiescent since @since? */
static bool grace_over(u64 since)
{
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online) if (READ_ONCE(cpus[cpu]->rcu.quiescent) <= since) return false;
    return true;
}

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    unsigned long flags = local_irq_save();
    struct rcu_cpu *r = &this_cpu()->rcu;

    head->fn = fn;
    head->next = r->fresh;
    r->fresh = head;
    local_irq_restore(flags);
    softirq_raise(SOFTIRQ_RCU);
    softirq_raise(SOFTIRQ_SCHEDULE); /* brings a quiescent state soon */
}

void rcu_quiescent(void)
{
    struct rcu_cpu *r = &this_cpu()->rcu;

    WRITE_ONCE(r->quiescent, READ_ONCE(epoch));
    if (r->waiting || r->fresh)
        softirq_raise(SOFTIRQ_RCU);
}

void rcu_softirq(void)
{
    struct rcu_cpu *r = &this_cpu()->rcu;
    struct rcu_head *done = NULL;

    if (r->waiting && grace_over(r->epoch)) {
        done = r->waiting;
        r->waiting = NULL;
    }
    if (!r->waiting && r->fresh) {
        r->waiting = r->fresh;
        r->fresh = NULL;
        r->epoch = __atomic_fetch_add(&epoch, 1, __ATOMIC_SEQ_CST);
    }
    while (done) {
        struct rcu_head *next = done->next;

        done->fn(done);
        done = next;
    }
}
