/* SPDX-License-Identifier: MIT */
/*
 * Grace periods by epochs. A callback waits until every online CPU has announced a quiescent state
 * (scheduler or idle loop) in an epoch later than the one in which the callback was queued, or has
 * been idle since. A CPU that starts an epoch sends all CPUs that are not idle through their
 * schedulers, and they tell it when they have passed.
 *
 * An idle CPU is left asleep. Whoever starts an epoch has hidden the object before, and then looks
 * whether a CPU is idle; a CPU that stops being idle says so before it looks at any object. Both do
 * so with a locked operation in between: if a CPU is found idle, it does not find the object.
 */
#include <arch.h>
#include <meter.h>
#include <percpu.h>
#include <rcu.h>
#include <softirq.h>

static u64 epoch = 1;
static cpumask_t waiters; /* CPUs with callbacks that wait for others */

/* Has every CPU been quiescent since @since, which has begun? */
static bool grace_over(u64 since)
{
    unsigned int cpu;

    for_each_cpu (cpu, &cpu_online)
        if (READ_ONCE(cpus[cpu]->rcu.quiescent) <= since && !load_acquire(&cpus[cpu]->rcu.idle))
            return false;
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
}

/*
 * Called when an epoch has begun, or callbacks wait. It is a function of its own, so that the
 * common way saves no registers for it.
 */
static __noinline void make_progress(struct rcu_cpu *r)
{
    u64 now = load_acquire(&epoch);

    if (r->quiescent != now) {
        unsigned int cpu;

        xchg(&r->quiescent, now); /* before we look which CPUs wait for that */
        for_each_cpu (cpu, &waiters)
            if (cpu != smp_processor_id())
                softirq_raise_on(cpu, SOFTIRQ_RCU);
    }
    if (r->waiting || r->fresh)
        softirq_raise(SOFTIRQ_RCU);
}

void rcu_quiescent(void)
{
    struct rcu_cpu *r = &this_cpu()->rcu;

    if (unlikely(r->quiescent != load_acquire(&epoch) || r->waiting || r->fresh))
        make_progress(r);
}

bool rcu_callbacks_wait(void)
{
    const struct rcu_cpu *r = &this_cpu()->rcu;

    return r->waiting || READ_ONCE(r->fresh);
}

void rcu_idle_enter(void)
{
    store_release(&this_cpu()->rcu.idle, true);
}

void rcu_idle_exit(void)
{
    (void)xchg(&this_cpu()->rcu.idle, false);
}

/*
 * Takes over the callbacks that were queued since the last time, perhaps by an interrupt.
 * @return false: none was
 */
static bool take_fresh(struct rcu_cpu *r)
{
    unsigned long flags = local_irq_save();

    r->waiting = r->fresh;
    r->fresh = NULL;
    local_irq_restore(flags);
    return r->waiting != NULL;
}

void rcu_softirq(void)
{
    struct rcu_cpu *r = &this_cpu()->rcu;
    unsigned int self = smp_processor_id();
    struct rcu_head *done = NULL;

    if (r->waiting && grace_over(r->epoch)) {
        done = r->waiting;
        r->waiting = NULL;
        cpumask_clear(&waiters, self);
    }
    if (!r->waiting && take_fresh(r)) {
        unsigned int cpu;

        cpumask_set(&waiters, self);
        r->epoch = __atomic_fetch_add(&epoch, 1, __ATOMIC_SEQ_CST);
        for_each_cpu (cpu, &cpu_online)
            if (!load_acquire(&cpus[cpu]->rcu.idle))
                softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
    while (done) {
        struct rcu_head *next = done->next;

        meter_callback((const void *)done->fn);
        done->fn(done);
        done = next;
    }
}
