/* SPDX-License-Identifier: MIT */
/* What must hold of the scheduler and the timers of vcpus.h when all CPUs stand still. */
#include <rcu.h>
#include <sched_impl.h>

#include "vcpus.h"

/* ---- vCPUs ---- */

static unsigned int times_queued(const struct vcpu *v)
{
    unsigned int times = 0;

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        for (const struct vcpu *q = fair_first(&cpus[cpu]->rq); q; q = fair_next(q))
            if (q == v) {
                times++;
                if (cpu != v->processor)
                    panic("d%uv%u waits on CPU %u and belongs to CPU %u", v->domain->id, v->id, cpu,
                          v->processor);
            }
    return times;
}

static unsigned int times_running(const struct vcpu *v)
{
    unsigned int times = 0;

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        if (running_on(cpu) == v) {
            times++;
            if (cpu != v->processor)
                panic("d%uv%u runs on CPU %u and belongs to CPU %u", v->domain->id, v->id, cpu,
                      v->processor);
        }
    return times;
}

static unsigned int times_parked(const struct vcpu *v)
{
    const struct list *waiting = &v->domain->cap.waiting;
    unsigned int times = 0;

    for (const struct list *l = waiting->next; l != waiting; l = l->next)
        times += l == &v->cap.link;
    return times;
}

static void check_times(const struct vcpu *v)
{
    s_time_t sum = now() - v->state_since;

    for (unsigned int i = 0; i < ARRAY_SIZE(v->runstate.time); i++)
        sum += (s_time_t)v->runstate.time[i];
    if (sum != now() - guest_of(v)->born)
        panic("d%uv%u: its times make %ld ns too many", v->domain->id, v->id,
              sum - (now() - guest_of(v)->born));
}

/* May an idle CPU run @v, which waits? */
static bool is_overlooked(const struct vcpu *v)
{
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        if (is_idle_vcpu(running_on(cpu)) && cpumask_test(&sched_cpus, cpu) &&
            cpumask_test(&v->may_run, cpu))
            return true;
    return false;
}

static void check_timer(const struct vcpu *v, const struct timer *t, const char *name)
{
    if (t->queued && vcpus_cpu_is_off(t->cpu))
        panic("the %s timer of d%uv%u is on CPU %u, which is off", name, v->domain->id, v->id,
              t->cpu);
}

static void check_vcpu(const struct vcpu *v)
{
    unsigned int runs = times_running(v), waits = times_queued(v), parked = times_parked(v);
    bool polls = v->poll_port && v->pause_flags & 1UL << VPF_BLOCKED, runnable = vcpu_runnable(v);

    if (runs + waits + parked != runnable)
        panic("d%uv%u (flags %lx, pauses %d) runs %u times, waits %u times, is parked %u times",
              v->domain->id, v->id, v->pause_flags, v->pause_count, runs, waits, parked);
    if (v->is_running != runs || v->on_queue != waits || v->cap.parked != parked || v->mover)
        panic("d%uv%u: running %d, queued %d, parked %d, mover %u", v->domain->id, v->id,
              v->is_running, v->on_queue, v->cap.parked, v->mover);
    if (runs + waits && !cpumask_test(&v->may_run, v->processor))
        panic("d%uv%u is on CPU %u, where it may not run", v->domain->id, v->id, v->processor);
    if (waits && is_overlooked(v))
        panic("d%uv%u waits, and a CPU idles that may run it", v->domain->id, v->id);
    if (runs       ? v->runstate.state != RUNSTATE_running
        : runnable ? v->runstate.state != RUNSTATE_runnable
                   : v->runstate.state < RUNSTATE_blocked)
        panic("d%uv%u is in run state %d", v->domain->id, v->id, v->runstate.state);
    if (test_bit(v->domain->poll_mask, v->id) != polls)
        panic("d%uv%u: poll mask %lx, port %d, flags %lx", v->domain->id, v->id,
              v->domain->poll_mask[0], v->poll_port, v->pause_flags);
    if (polls && v->poll_until && v->poll_until <= now() && !vcpus_cpu_is_off(v->poll_timer.cpu))
        panic("d%uv%u polls beyond its time", v->domain->id, v->id);
    if (runs && v->nmi_pending)
        panic("d%uv%u has not been told of an NMI", v->domain->id, v->id);
    if (guest_of(v)->down && !(v->pause_flags & 1UL << VPF_DOWN))
        panic("d%uv%u is up, though it was taken down", v->domain->id, v->id);
    check_times(v);
    check_timer(v, &v->singleshot, "single-shot");
    check_timer(v, &v->periodic, "periodic");
    check_timer(v, &v->poll_timer, "poll");
}

/* ---- CPUs ---- */

static void check_queue(unsigned int cpu)
{
    const struct run_queue *rq = &cpus[cpu]->rq;
    unsigned int length = 0;
    u64 weight = 0;

    for (const struct vcpu *v = fair_first(rq); v; v = fair_next(v)) {
        length++;
        weight += v->fair.weight;
    }
    if (length != rq->length || weight != rq->fair.weight)
        panic("CPU %u: %u vCPUs wait, with weight %lu; it counts %u and %lu", cpu, length, weight,
              rq->length, rq->fair.weight);
    if (rq->fair.running_weight !=
        (is_idle_vcpu(running_on(cpu)) ? 0 : running_on(cpu)->fair.weight))
        panic("CPU %u runs with weight %u", cpu, rq->fair.running_weight);
}

/* All timers in a queue belong to its CPU: whoever looks for one finds it by that. */
static void check_timers(const struct timer *t, unsigned int cpu)
{
    for (; t; t = t->next) {
        if (t->cpu != cpu || !t->queued)
            panic("CPU %u: it has a timer of CPU %u, queued %d", cpu, t->cpu, t->queued);
        check_timers(t->child, cpu);
    }
}

/* Is the clock set for the first timer? */
static void check_clock(unsigned int cpu)
{
    const struct timer_queue *q = &cpus[cpu]->timers;

    check_timers(q->root, cpu);
    if (q->running)
        panic("CPU %u: a timer fires", cpu);
    if (!q->root || vcpus_cpu_is_off(cpu))
        return;
    if (!vcpus_clock_of(cpu) || vcpus_clock_of(cpu) > q->root->expires)
        panic("CPU %u: the first timer is for %ld, the clock for %ld", cpu, q->root->expires,
              vcpus_clock_of(cpu));
}

void vcpus_check(void)
{
    for (unsigned int n = 0; n < ALL_VCPUS; n++) {
        const struct vcpu *v = vcpus_nth(n);

        if (v)
            check_vcpu(v);
    }
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpus[cpu]->info->softirq_pending)
            panic("CPU %u has not been told of softirqs %x", cpu, cpus[cpu]->info->softirq_pending);
        check_queue(cpu);
        check_clock(cpu);
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        const struct sched_cap *cap = &machine_domains[i]->cap;

        if (cap->parked && !cap->refill.queued)
            panic("d%u: %u vCPUs are parked, and no period begins", i, cap->parked);
    }
}
