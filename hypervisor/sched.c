/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's core: the states of vCPUs, waking, sleeping, and the switch. The policy says
 * which vCPU runs next, and for how long (sched_fair.h).
 *
 * States of a vCPU, all under the lock of its run queue: running (is_running), queued (on_queue),
 * or neither, and then something in pause_flags or a pause count says why. schedule() is the last
 * softirq on the way out: the stack below it is empty but for the guest's frame, so it switches
 * vCPU by replacing that frame and leaves by arch_resume().
 */
#include <arch.h>
#include <percpu.h>
#include <sched.h>
#include <softirq.h>

static struct run_queue *lock_run_queue(const struct vcpu *v, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(v->processor);
        struct run_queue *rq = &cpus[cpu]->rq;

        *flags = spin_lock_irqsave(&rq->lock);
        if (likely(cpu == v->processor))
            return rq;
        spin_unlock_irqrestore(&rq->lock, *flags);
    }
}

bool vcpu_runnable(const struct vcpu *v)
{
    return !READ_ONCE(v->pause_flags) && !READ_ONCE(v->pause_count) &&
           !READ_ONCE(v->domain->pause_count);
}

/* Accounts the time in the old state and enters @state. Locks: the run queue's is held. */
static void set_runstate(struct vcpu *v, int state, s_time_t t)
{
    s_time_t delta = t - v->state_since;

    if (delta > 0) {
        v->runstate.time[v->runstate.state] += (u64)delta;
        v->state_since = t;
    }
    v->runstate.state = state;
    v->runstate.state_entry_time = (u64)t;
}

/* @return the state of a vCPU that does not run and is not queued */
static int stopped_state(const struct vcpu *v)
{
    return READ_ONCE(v->pause_flags) == 1UL << VPF_BLOCKED && !v->pause_count &&
                   !v->domain->pause_count
               ? RUNSTATE_blocked
               : RUNSTATE_offline;
}

void vcpu_wake(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = lock_run_queue(v, &flags);
    unsigned int cpu = v->processor;
    const struct vcpu *cur = cpus[cpu]->info->vcpu;

    if (!v->on_queue && cur != v && vcpu_runnable(v)) {
        s_time_t t = now();

        set_runstate(v, RUNSTATE_runnable, t);
        if (fair_wake(rq, v, cur, t))
            softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = lock_run_queue(v, &flags);

    if (!vcpu_runnable(v)) {
        if (v->on_queue) {
            fair_remove(rq, v);
            set_runstate(v, stopped_state(v), now());
        } else if (v->is_running) {
            softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
        } else {
            set_runstate(v, stopped_state(v), now());
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && load_acquire(&v->is_running) && v != current)
        cpu_relax();
}

void vcpu_unblock(struct vcpu *v)
{
    if (!test_and_clear_bit(&v->pause_flags, VPF_BLOCKED))
        return;
    if (unlikely(READ_ONCE(v->poll_port))) {
        v->poll_port = 0;
        clear_bit(v->domain->poll_mask, v->id);
    }
    vcpu_wake(v);
}

void vcpu_kick(struct vcpu *v)
{
    bool running = READ_ONCE(v->is_running);

    vcpu_unblock(v);
    if (running && v != current)
        arch_kick_cpu(v->processor);
}

void vcpu_block_enable_events(void)
{
    struct vcpu *v = current;

    v->info->evtchn_upcall_mask = 0;
    set_bit(&v->pause_flags, VPF_BLOCKED); /* full barrier: a sender after our look sees the bit */
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        clear_bit(&v->pause_flags, VPF_BLOCKED);
    else
        softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_yield(void)
{
    struct run_queue *rq = &this_cpu()->rq;

    if (!READ_ONCE(rq->length))
        return; /* no vCPU waits */
    fair_yield(current);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

void schedule(void)
{
    struct run_queue *rq = &this_cpu()->rq;
    struct vcpu *prev = current, *next;
    s_time_t t;

    rcu_quiescent();
    local_irq_disable();
    spin_lock(&rq->lock);
    t = now();
    next = fair_pick(rq, prev, t);
    if (next == prev) {
        set_runstate(prev, RUNSTATE_running, t);
        spin_unlock(&rq->lock);
        local_irq_enable();
        return;
    }
    set_runstate(prev,
                 prev->on_queue || is_idle_vcpu(prev) ? RUNSTATE_runnable : stopped_state(prev), t);
    set_runstate(next, RUNSTATE_running, t);
    next->is_running = true;
    get_cpu_info()->vcpu = next;
    spin_unlock(&rq->lock);

    if (!is_idle_vcpu(prev))
        vcpu_time_switch_out(prev);
    arch_context_switch(prev, next);
    store_release(&prev->is_running, false);
    if (!is_idle_vcpu(next)) {
        vcpu_time_switch_in(next);
        arch_update_guest_areas(next);
    }
    arch_resume();
}

void sched_cpu_init(unsigned int cpu)
{
    struct run_queue *rq = &cpus[cpu]->rq;

    spin_lock_init(&rq->lock, RANK_SCHED);
    fair_cpu_init(rq, cpu);
}

void sched_start(void)
{
    softirq_raise(SOFTIRQ_SCHEDULE);
    arch_resume();
}

void sched_init_vcpu(struct vcpu *v)
{
    fair_vcpu_init(v);
    v->state_since = now();
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = (u64)v->state_since;
    for (unsigned int i = 0; i < ARRAY_SIZE(v->hard_affinity.bits); i++)
        v->hard_affinity.bits[i] = ~0UL;
}

u64 vcpu_cpu_time(const struct vcpu *v)
{
    struct vcpu_runstate_info r;

    vcpu_runstate_get(v, &r);
    return r.time[RUNSTATE_running];
}

void vcpu_runstate_get(const struct vcpu *v, struct vcpu_runstate_info *out)
{
    unsigned long flags;
    struct run_queue *rq = lock_run_queue(v, &flags);
    s_time_t delta = now() - v->state_since;

    *out = v->runstate;
    if (delta > 0)
        out->time[out->state] += (u64)delta;
    spin_unlock_irqrestore(&rq->lock, flags);
}
