/* SPDX-License-Identifier: MIT */
/* The simulated machine of sched_sim.h. */
#include "sched_sim.h"

struct domain *sim_domains[SIM_DOMAINS];

u64 sim_random(struct sim *s, u64 below)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random % below;
}

/* About @ns: from half to one and a half of it. */
static s_time_t about(struct sim *s, s_time_t ns)
{
    return ns == SCHED_NEVER ? ns : ns / 2 + (s_time_t)sim_random(s, (u64)ns + 1);
}

void sim_boot(void)
{
    if (sim_domains[0])
        return;
    host_boot_cpus = HOST_CPUS;
    host_boot(8192);
    for (unsigned int i = 0; i < SIM_DOMAINS; i++) {
        sim_domains[i] = host_domain((domid_t)(i + 1), SIM_VCPUS, 0, false);
        assert_non_null(sim_domains[i]);
    }
}

void sim_begin(struct sim *s, unsigned int nr, unsigned int siblings, u64 seed)
{
    if (s->cpus)
        sim_end(s); /* a test that failed has left it as it was */
    *s = (struct sim){.cpus = nr, .random = seed * 0x9e3779b97f4a7c15ULL + 1};
    host_now += SECONDS(1);
    host_run_on(0);
    memset(&cpu_online, 0, sizeof(cpu_online));
    memset(&sched_cpus, 0, sizeof(sched_cpus));
    memset(&sched_idle, 0, sizeof(sched_idle));
    memset(&sched_waiting, 0, sizeof(sched_waiting));
    nr_cpus = nr;
    for (unsigned int cpu = 0; cpu < nr; cpu++) {
        cpumask_set(&cpu_online, cpu);
        memset(&cpus[cpu]->siblings, 0, sizeof(cpus[cpu]->siblings));
        for (unsigned int i = 0; i < siblings; i++)
            cpumask_set(&cpus[cpu]->siblings, MIN(cpu / siblings * siblings + i, nr - 1));
    }
    for (unsigned int cpu = 0; cpu < nr; cpu++) {
        sched_cpu_up(cpu);
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
    for (unsigned int i = 0; i < SIM_DOMAINS; i++) {
        sched_set_weight(sim_domains[i], SCHED_DEFAULT_WEIGHT);
        sched_set_cap(sim_domains[i], 0);
        for (unsigned int k = 0; k < SIM_VCPUS; k++) {
            struct vcpu *v = sim_domains[i]->vcpu[k];
            cpumask_t all;

            memset(&all, 0xff, sizeof(all));
            sched_set_affinity(v, &all, &all);
            memset(&v->runstate, 0, sizeof(v->runstate));
            v->runstate.state = RUNSTATE_offline;
            v->state_since = host_now;
        }
    }
    sched_rate_limit = SCHED_RATE_LIMIT;
    sim_settle(s);
}

void sim_end(struct sim *s)
{
    for (unsigned int cpu = 0; cpu < s->cpus; cpu++)
        if (!cpumask_test(&sched_cpus, cpu))
            sched_cpu_up(cpu);
    for (unsigned int i = 0; i < s->count; i++) {
        set_bit(&s->vcpus[i].v->pause_flags, VPF_DOWN);
        clear_bit(&s->vcpus[i].v->pause_flags, VPF_BLOCKED);
        vcpu_sleep_nosync(s->vcpus[i].v);
    }
    sim_settle(s);
    for (unsigned int cpu = 0; cpu < s->cpus; cpu++)
        assert_true(sched_cpu_is_empty(cpu));
}

u64 sim_cpu_time(const struct vcpu *v)
{
    u64 t = v->runstate.time[RUNSTATE_running];

    return v->runstate.state == RUNSTATE_running ? t + (u64)(host_now - v->state_since) : t;
}

static void note_waiting(struct sim *s, struct sim_vcpu *w)
{
    bool waits = w->v->on_queue;

    if (waits && !w->waits_since)
        w->waits_since = host_now;
    if (w->waits_since)
        w->longest = MAX(w->longest, host_now - w->waits_since);
    if (waits || !w->waits_since)
        return;
    if (w->light)
        s->waits[MIN((unsigned long)(host_now - w->waits_since) / (unsigned long)SIM_WAIT_STEP,
                     63UL)]++;
    w->waits_since = 0;
}

void sim_settle(struct sim *s)
{
    bool again = true;

    for (unsigned int rounds = 0; again; rounds++) {
        again = false;
        assert_true(rounds < 10000);
        for (unsigned int cpu = 0; cpu < s->cpus; cpu++) {
            if (!cpus[cpu]->info->softirq_pending)
                continue;
            host_run_on(cpu);
            host_run_softirqs();
            again = true;
        }
    }
    for (unsigned int i = 0; i < s->count; i++)
        note_waiting(s, &s->vcpus[i]);
}

struct sim_vcpu *sim_add(struct sim *s, unsigned int domain, unsigned int vcpu, s_time_t run,
                         s_time_t sleep)
{
    struct sim_vcpu *w = &s->vcpus[s->count++];

    *w = (struct sim_vcpu){.v = sim_domains[domain]->vcpu[vcpu], .run = run, .sleep = sleep};
    w->until = run == SCHED_NEVER ? ~0ULL : sim_cpu_time(w->v) + (u64)about(s, run);
    host_run_on((unsigned int)sim_random(s, s->cpus));
    clear_bit(&w->v->pause_flags, VPF_DOWN);
    vcpu_wake(w->v);
    sim_settle(s);
    return w;
}

void sim_wake(struct sim *s, struct sim_vcpu *w)
{
    unsigned int cpu = (unsigned int)sim_random(s, s->cpus);

    w->wake_at = 0;
    w->until = sim_cpu_time(w->v) + (u64)about(s, w->run);
    host_run_on(cpumask_test(&sched_cpus, cpu) ? cpu : cpumask_next(&sched_cpus, 0));
    vcpu_unblock(w->v);
}

/* When the timer of @cpu, which is set, fires. */
static s_time_t fires_at(const struct sim *s, unsigned int cpu)
{
    return MAX(cpus[cpu]->timers.programmed + s->late_now[cpu], host_now);
}

/* When the next thing happens: @return at @end at the latest */
static s_time_t next_event(const struct sim *s, s_time_t end)
{
    for (unsigned int cpu = 0; cpu < s->cpus; cpu++)
        if (cpus[cpu]->timers.programmed)
            end = MIN(end, fires_at(s, cpu));
    for (unsigned int i = 0; i < s->count; i++) {
        const struct sim_vcpu *w = &s->vcpus[i];

        if (w->wake_at)
            end = MIN(end, w->wake_at);
        else if (w->v->is_running && w->until != ~0ULL)
            end = MIN(end, host_now + (s_time_t)(w->until - sim_cpu_time(w->v)));
    }
    return end;
}

/* @w has run as long as it wanted. */
static void stops(struct sim *s, struct sim_vcpu *w)
{
    host_run_on(w->v->processor);
    assert_ptr_equal(current, w->v);
    if (!w->sleep) {
        w->until += (u64)about(s, w->run);
        vcpu_yield();
        return;
    }
    w->wake_at = host_now + about(s, w->sleep);
    w->v->info->evtchn_upcall_pending = 0;
    vcpu_block_enable_events();
}

void sim_run(struct sim *s, s_time_t ns)
{
    s_time_t end = host_now + ns;

    while (host_now < end) {
        host_now = next_event(s, end);
        for (unsigned int cpu = 0; cpu < s->cpus; cpu++) {
            if (!cpus[cpu]->timers.programmed || fires_at(s, cpu) > host_now)
                continue;
            if (s->late)
                s->late_now[cpu] = (s_time_t)sim_random(s, (u64)s->late);
            host_run_on(cpu);
            timer_interrupt();
        }
        for (unsigned int i = 0; i < s->count; i++) {
            struct sim_vcpu *w = &s->vcpus[i];

            if (w->wake_at && w->wake_at <= host_now)
                sim_wake(s, w);
            else if (!w->wake_at && w->v->is_running && sim_cpu_time(w->v) >= w->until)
                stops(s, w);
        }
        sim_settle(s);
    }
}

/* ---- what holds at any time ---- */

static u64 virtual_time(const struct run_queue *rq, const struct vcpu *cur)
{
    __int128 sum = rq->fair.weighted_v;
    __int128 weight = rq->fair.weight;

    if (!is_idle_vcpu(cur)) {
        u64 ran = (u64)(host_now - rq->fair.charged) << 16;

        sum += (__int128)cur->fair.weight *
               (s64)(cur->fair.v + ran / cur->fair.weight - rq->fair.base);
        weight += cur->fair.weight;
    }
    return rq->fair.base + (u64)(s64)(weight ? sum / weight : 0);
}

static void check_queue(unsigned int cpu)
{
    const struct run_queue *rq = &cpus[cpu]->rq;
    unsigned int length = 0;
    u64 weight = 0, deadline = 0;
    s64 sum = 0;

    for (const struct vcpu *v = fair_first(rq); v; v = fair_next(v)) {
        assert_true(v->on_queue);
        assert_int_equal(v->processor, cpu);
        assert_true(cpumask_test(&v->may_run, cpu));
        assert_true(cpumask_test(&sched_cpus, cpu));
        assert_true(!length || (s64)(v->fair.deadline - deadline) >= 0);
        deadline = v->fair.deadline;
        weight += v->fair.weight;
        sum += (s64)v->fair.weight * (s64)(v->fair.v - rq->fair.base);
        length++;
    }
    assert_int_equal(length, rq->length);
    assert_int_equal(weight, rq->fair.weight);
    assert_int_equal(sum, rq->fair.weighted_v);
    if (is_idle_vcpu(cpus[cpu]->info->vcpu))
        assert_int_equal(length, 0);
}

void sim_check(struct sim *s)
{
    cpumask_t idle = {{0}};

    for (unsigned int cpu = 0; cpu < s->cpus; cpu++) {
        const struct vcpu *cur = cpus[cpu]->info->vcpu;

        check_queue(cpu);
        assert_true(cur->is_running);
        if (is_idle_vcpu(cur)) {
            if (cpumask_test(&sched_cpus, cpu))
                cpumask_set(&idle, cpu);
            continue;
        }
        assert_int_equal(cur->processor, cpu);
        assert_true(vcpu_runnable(cur));
        assert_true(cpumask_test(&cur->may_run, cpu));
    }
    for (unsigned int i = 0; i < s->count; i++) {
        const struct vcpu *v = s->vcpus[i].v;
        bool runs = cpus[v->processor]->info->vcpu == v;

        assert_int_equal(runs, v->is_running);
        assert_int_equal(runs + v->on_queue + v->cap.parked, vcpu_runnable(v));
        assert_int_equal(v->runstate.state == RUNSTATE_running, runs);
        if (!runs)
            assert_int_equal(v->runstate.state == RUNSTATE_runnable, vcpu_runnable(v));
        assert_int_equal(v->mover, 0);
        /* Nobody waits for a CPU that another one could give. */
        for (unsigned int k = 0; v->on_queue && k < ARRAY_SIZE(idle.bits); k++)
            assert_int_equal(idle.bits[k] & v->may_run.bits[k], 0);
    }
}

s_time_t sim_largest_lag(const struct sim *s)
{
    s_time_t most = 0;

    for (unsigned int i = 0; i < s->count; i++) {
        const struct vcpu *v = s->vcpus[i].v;
        const struct run_queue *rq = &cpus[v->processor]->rq;
        const struct vcpu *cur = cpus[v->processor]->info->vcpu;
        u64 at = v->fair.v;
        s_time_t lag;

        if (!v->on_queue && !v->is_running)
            continue;
        if (v->is_running)
            at += ((u64)(host_now - rq->fair.charged) << 16) / v->fair.weight;
        lag = (s64)(virtual_time(rq, cur) - at) * (s64)v->fair.weight >> 16;
        most = MAX(most, lag < 0 ? -lag : lag);
    }
    return most;
}
