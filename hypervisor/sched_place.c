/* SPDX-License-Identifier: MIT */
/*
 * Which CPU a vCPU waits for or runs on: where it goes when it wakes, what a CPU that runs out of
 * work takes from others, how loads are kept even, affinities, and CPUs that come and go
 * (docs/scheduler.md).
 *
 * A vCPU changes its queue under the lock of the one that it leaves; nobody holds two of these
 * locks. In between it belongs to the new queue already, so whoever wants to wake it or to stop it
 * finds it there; sched_send() looks whether there is something left to do.
 *
 * An idle CPU says so and then looks for waiting vCPUs. A CPU where a vCPU begins to wait says so
 * and then looks for idle CPUs. So one of the two sees the other.
 */
#include <arch.h>
#include <sched_impl.h>
#include <softirq.h>

cpumask_t sched_cpus, sched_idle, sched_waiting;

/*
 * Goes round the CPUs of @m from the one after @start to the one before it.
 * @return the one after @cpu, which is @start at first; NR_CPUS: that was the last one
 */
static unsigned int next_around(const cpumask_t *m, unsigned int cpu, unsigned int start)
{
    unsigned int next = cpumask_next(m, cpu + 1);

    if (cpu < start)
        return next < start ? next : NR_CPUS;
    if (next < NR_CPUS)
        return next;
    next = cpumask_next(m, 0);
    return next < start ? next : NR_CPUS;
}

/* ---- where to ---- */

void sched_refresh_affinity(struct vcpu *v)
{
    bool any = false, any_best = false;
    cpumask_t usable; /* as it is now: a CPU may be leaving */

    for (unsigned int i = 0; i < ARRAY_SIZE(usable.bits); i++) {
        usable.bits[i] = READ_ONCE(sched_cpus.bits[i]);
        any |= (v->hard_affinity.bits[i] & usable.bits[i]) != 0;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(usable.bits); i++) {
        unsigned long allowed = any ? v->hard_affinity.bits[i] : ~0UL;

        v->may_run.bits[i] = allowed & usable.bits[i];
        v->prefers.bits[i] = v->may_run.bits[i] & v->soft_affinity.bits[i];
        any_best |= v->prefers.bits[i] != 0;
    }
    if (!any_best)
        v->prefers = v->may_run;
}

static bool core_is_idle(unsigned int cpu)
{
    const cpumask_t *core = &cpus[cpu]->siblings;

    for (unsigned int i = 0; i < ARRAY_SIZE(core->bits); i++)
        if (core->bits[i] & READ_ONCE(sched_cpus.bits[i]) & ~READ_ONCE(sched_idle.bits[i]))
            return false;
    return true;
}

/*
 * @return an idle CPU of @among: the one where @v was, if its core is idle; or another one with an
 * idle core; or any; NR_CPUS: there is none
 */
static unsigned int find_idle(const struct vcpu *v, const cpumask_t *among)
{
    unsigned int cpu = READ_ONCE(v->processor), first = NR_CPUS;

    if (cpumask_test(&sched_idle, cpu) && cpumask_test(among, cpu)) {
        if (core_is_idle(cpu))
            return cpu;
        first = cpu;
    }
    for_each_cpu (cpu, &sched_idle) {
        if (!cpumask_test(among, cpu))
            continue;
        if (core_is_idle(cpu))
            return cpu;
        if (first == NR_CPUS)
            first = cpu;
    }
    return first;
}

/* Finds an idle CPU for @v, if there is one, and counts it as busy. */
static unsigned int claim_idle(const struct vcpu *v)
{
    if (cpumask_empty(&sched_idle))
        return NR_CPUS;
    for (;;) {
        unsigned int cpu = find_idle(v, &v->prefers);

        if (cpu == NR_CPUS)
            cpu = find_idle(v, &v->may_run);
        if (cpu == NR_CPUS || test_and_clear_bit(sched_idle.bits, cpu))
            return cpu;
    }
}

/* @return the CPU that has the least to do among those in use; of all, if none of these is */
static unsigned int least_loaded(const cpumask_t *among)
{
    unsigned int cpu, best = NR_CPUS;
    u64 least = ~0ULL;

    for_each_cpu (cpu, among) {
        u64 load = fair_load(&cpus[cpu]->rq);

        if (load < least && cpumask_test(&sched_cpus, cpu)) {
            least = load;
            best = cpu;
        }
    }
    return best == NR_CPUS ? least_loaded(&sched_cpus) : best; /* which CPU 0 never leaves */
}

unsigned int sched_choose_cpu(const struct vcpu *v)
{
    unsigned int cpu = claim_idle(v);
    bool has_run = v->runstate.time[RUNSTATE_running] != 0;

    if (cpu != NR_CPUS)
        return cpu;
    cpu = v->processor;
    if (has_run && cpumask_test(&v->may_run, cpu) && cpumask_test(&sched_cpus, cpu))
        return cpu; /* its cache is warm, and the loads are evened out later */
    return least_loaded(&v->prefers);
}

/* ---- queues ---- */

void sched_note_waiting(unsigned int cpu)
{
    if (cpumask_test(&sched_waiting, cpu))
        smp_mb();
    else
        cpumask_set(&sched_waiting, cpu); /* full barrier, too */
}

/* Makes the virtual time of @rq compare to @pace, that of another CPU. */
static void adopt_pace(struct run_queue *rq, u64 pace, struct vcpu *cur, s_time_t t)
{
    fair_shift_pace(rq, (s64)(pace - fair_pace(rq, cur, t)));
    WRITE_ONCE(rq->paced, true);
}

/* What is known of a vCPU that is on its way to another CPU. */
struct passage {
    unsigned int to; /* NR_CPUS: it does not go */
    bool has_pace;
    u64 pace; /* of the queue that it left */
};

/* Takes @v off the queue @rq, where it waits, for CPU @to. Locks: the queue's is held. */
static struct passage take_off(struct run_queue *rq, struct vcpu *v, unsigned int to)
{
    struct vcpu *cur = running_on(v->processor);
    s_time_t t = now();
    struct passage p = {.to = to, .has_pace = rq->paced, .pace = fair_pace(rq, cur, t)};

    fair_remove(rq, v, cur, t);
    store_release(&v->processor, to);
    return p;
}

/*
 * Gives @v, which is on its way, to its new CPU. If it waits there, too, and another CPU is idle,
 * it goes on to that.
 */
static void deliver(struct vcpu *v, struct passage p)
{
    while (p.to != NR_CPUS) {
        struct run_queue *rq = &cpus[p.to]->rq;
        unsigned long flags = spin_lock_irqsave(&rq->lock);
        struct vcpu *cur = running_on(p.to);
        s_time_t t = now();

        if (load_acquire(&v->processor) != p.to || !sched_wants_queue(v)) {
            sched_unlock(rq, flags);
            softirq_raise_on(p.to, SOFTIRQ_SCHEDULE); /* it may count as busy, but be idle */
            return;
        }
        if (unlikely(!cpumask_test(&sched_cpus, p.to))) {
            p.to = sched_choose_cpu(v);
            store_release(&v->processor, p.to);
            sched_unlock(rq, flags);
            continue;
        }
        if (p.has_pace && !rq->paced && !rq->length && is_idle_vcpu(cur))
            adopt_pace(rq, p.pace, cur, t);
        fair_arrive(rq, v, cur, t);
        if (sched_queue(rq, v, t)) {
            p.to = NR_CPUS;
        } else {
            sched_note_waiting(p.to);
            p.to = claim_idle(v);
            if (p.to != NR_CPUS)
                p = take_off(rq, v, p.to);
        }
        sched_unlock(rq, flags);
    }
}

void sched_offer(struct vcpu *v)
{
    struct passage p = {.to = NR_CPUS};
    struct run_queue *rq;
    unsigned long flags;

    if (cpumask_empty(&sched_idle))
        return;
    rq = sched_lock(v, &flags);
    /* The CPU that still saves its registers offers it itself when it has done so. */
    if (v->on_queue && !load_acquire(&v->is_running)) {
        p.to = claim_idle(v);
        if (p.to != NR_CPUS)
            p = take_off(rq, v, p.to);
    }
    sched_unlock(rq, flags);
    deliver(v, p);
}

void sched_send(struct vcpu *v, unsigned int cpu)
{
    deliver(v, (struct passage){.to = cpu});
}

bool sched_saver_sends(struct run_queue *rq, struct vcpu *v, s_time_t t)
{
    if (!load_acquire(&v->is_running))
        return false;
    WRITE_ONCE(v->mover, (u16)(v->processor + 1));
    smp_mb(); /* then either that CPU sees it, or we see that the registers are saved */
    if (!load_acquire(&v->is_running)) {
        WRITE_ONCE(v->mover, 0);
        return false;
    }
    if (v->on_queue)
        fair_remove(rq, v, running_on(v->processor), t);
    return true;
}

void sched_move(struct run_queue *rq, struct vcpu *v, unsigned long flags)
{
    struct vcpu *cur = running_on(v->processor);
    s_time_t t = now();
    unsigned int cpu;
    bool wants;

    ASSERT(!v->is_running);
    if (v->on_queue)
        fair_remove(rq, v, cur, t);
    else
        fair_depart(rq, v, cur, t);
    wants = sched_wants_queue(v);
    cpu = wants ? sched_choose_cpu(v) : least_loaded(&v->prefers);
    store_release(&v->processor, cpu);
    sched_unlock(rq, flags);
    if (wants)
        sched_send(v, cpu);
}

/* ---- idle CPUs take work ---- */

/*
 * Takes the first vCPU that waits in the queue of @from and may run on @to; with @best only one
 * that prefers @to.
 * @return NULL: there is none
 */
static struct vcpu *take_waiting(unsigned int from, unsigned int to, bool best, struct passage *p)
{
    struct run_queue *rq = &cpus[from]->rq;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    struct vcpu *v;

    for (v = fair_first(rq); v; v = fair_next(v)) {
        if (!load_acquire(&v->is_running) && cpumask_test(best ? &v->prefers : &v->may_run, to)) {
            *p = take_off(rq, v, to);
            break;
        }
    }
    sched_unlock(rq, flags);
    return v;
}

static void take_from_others(unsigned int self)
{
    struct vcpu *v = NULL;
    struct passage p;

    for (unsigned int pass = 0; !v && pass < 2; pass++)
        for (unsigned int cpu = next_around(&sched_waiting, self, self); !v && cpu != NR_CPUS;
             cpu = next_around(&sched_waiting, cpu, self))
            v = take_waiting(cpu, self, pass == 0, &p);
    if (v)
        deliver(v, p);
}

/* Sends what waits on this CPU to idle ones. */
static void offer_waiting(struct run_queue *rq)
{
    struct vcpu *v;

    do {
        struct passage p = {.to = NR_CPUS};
        unsigned long flags;

        if (cpumask_empty(&sched_idle))
            return;
        flags = spin_lock_irqsave(&rq->lock);
        for (v = fair_first(rq); v; v = fair_next(v)) {
            p.to = load_acquire(&v->is_running) ? NR_CPUS : claim_idle(v);
            if (p.to != NR_CPUS) {
                p = take_off(rq, v, p.to);
                break;
            }
        }
        sched_unlock(rq, flags);
        if (v)
            deliver(v, p);
    } while (v);
}

/* ---- busy CPUs even out their loads ---- */

#define BALANCE_LOOKS 16U /* at how many CPUs one looks at a time */

/*
 * Compares the pace of @cpu to @pace. One where nobody waits has nobody to whom it owes anything,
 * so its lead is limited to @limit, both ways; and what it gained while it was idle is not counted.
 * @return its lead
 */
static s64 lead_of(unsigned int cpu, u64 pace, s64 limit)
{
    struct run_queue *rq = &cpus[cpu]->rq;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    s64 lead = (s64)(fair_pace(rq, running_on(cpu), now()) - pace), limited = MIN(lead, limit);

    if (!rq->length)
        limited = rq->paced ? MAX(limited, -limit) : 0;
    else if (!rq->paced)
        limited = lead; /* it has to find its pace itself */
    if (limited != lead)
        fair_shift_pace(rq, limited - lead);
    if (!rq->length)
        WRITE_ONCE(rq->paced, true);
    if (!rq->paced)
        limited = 0;
    sched_unlock(rq, flags);
    return limited;
}

/* Was idle, and is not any longer: takes over the pace of another CPU where vCPUs wait. */
static void find_pace(unsigned int self)
{
    struct run_queue *rq = &cpus[self]->rq;
    unsigned long flags;
    unsigned int cpu;
    bool found = false;
    u64 pace = 0;

    for_each_cpu (cpu, &sched_waiting) {
        struct run_queue *other = &cpus[cpu]->rq;

        if (cpu == self || !READ_ONCE(other->paced))
            continue;
        flags = spin_lock_irqsave(&other->lock);
        pace = fair_pace(other, running_on(cpu), now());
        sched_unlock(other, flags);
        found = true;
        break;
    }
    flags = spin_lock_irqsave(&rq->lock);
    if (found)
        adopt_pace(rq, pace, running_on(self), now());
    WRITE_ONCE(rq->paced, true);
    sched_unlock(rq, flags);
}

/* A vCPU that waits on a CPU, and what is known when it is to be sent to a faster one. */
struct candidate {
    struct vcpu *v;
    cpumask_t may_run; /* where it may go */
    u64 pace, load;    /* of the CPU where it waits */
    s64 slice;         /* its slice in virtual time */
};

static bool find_candidate(unsigned int self, struct candidate *c)
{
    struct run_queue *rq = &cpus[self]->rq;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    struct vcpu *v;

    c->v = NULL;
    for (v = fair_first(rq); v; v = fair_next(v)) {
        cpumask_t may_run = cpumask_test(&v->prefers, self) ? v->prefers : v->may_run;

        cpumask_clear(&may_run, self);
        if (load_acquire(&v->is_running) || cpumask_empty(&may_run) ||
            (c->v && c->v->fair.weight >= v->fair.weight))
            continue;
        c->v = v;
        c->may_run = may_run;
    }
    v = c->v;
    if (v) {
        c->pace = fair_pace(rq, running_on(self), now());
        c->load = fair_load(rq);
        c->slice = (s64)fair_virtual(v, SCHED_SLICE);
    }
    sched_unlock(rq, flags);
    return v != NULL;
}

/* Sends @c->v to @to, which is ahead by @lead, if it is still there. */
static void send_ahead(unsigned int self, const struct candidate *c, unsigned int to, s64 lead)
{
    struct run_queue *rq = &cpus[self]->rq;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    struct vcpu *v = c->v;
    /* What else there is to know of it is under this queue's lock only if it is still here. */
    bool goes = READ_ONCE(v->processor) == self && v->on_queue && !load_acquire(&v->is_running) &&
                cpumask_test(&v->may_run, to);

    if (goes) {
        fair_remove(rq, v, running_on(self), now());
        fair_add_lag(v, lead);
        store_release(&v->processor, to);
    }
    sched_unlock(rq, flags);
    if (goes)
        sched_send(v, to);
}

/*
 * Looks for a CPU that is further in virtual time, and gets on faster, than this one by more than a
 * slice of a vCPU that waits here; sends that there. With it goes its right to catch up.
 */
static void balance_load(unsigned int self)
{
    struct run_queue *rq = &cpus[self]->rq;
    unsigned int looks = 0, best = NR_CPUS, cpu = rq->looked_at;
    struct candidate c;
    s64 most = 0;

    if (!READ_ONCE(rq->paced)) {
        find_pace(self);
        return;
    }
    if (!find_candidate(self, &c))
        return;
    while (looks < BALANCE_LOOKS) {
        s64 lead;

        cpu = next_around(&c.may_run, cpu, rq->looked_at);
        if (cpu == NR_CPUS)
            break;
        if (fair_load(&cpus[cpu]->rq) >= c.load || !cpumask_test(&sched_cpus, cpu))
            continue;
        looks++;
        lead = lead_of(cpu, c.pace, 2 * c.slice);
        if (lead > most) {
            most = lead;
            best = cpu;
        }
    }
    rq->looked_at = cpu == NR_CPUS ? self : cpu;
    if (most <= c.slice)
        return;
    send_ahead(self, &c, best, most);
}

void sched_note_choice(unsigned int cpu, bool idles)
{
    struct run_queue *rq = &cpus[cpu]->rq;

    if (idles) {
        WRITE_ONCE(rq->paced, false);
        if (cpumask_test(&sched_cpus, cpu))
            cpumask_set(&sched_idle, cpu); /* full barrier: then we look for those who wait */
    } else if (cpumask_test(&sched_idle, cpu)) {
        cpumask_clear(&sched_idle, cpu);
    }
    if (!rq->length) {
        if (cpumask_test(&sched_waiting, cpu))
            cpumask_clear(&sched_waiting, cpu);
    } else if (!cpumask_test(&sched_waiting, cpu)) {
        cpumask_set(&sched_waiting, cpu);
    }
}

void sched_after_switch(unsigned int cpu, bool idles)
{
    struct run_queue *rq = &cpus[cpu]->rq;
    s_time_t t;

    if (idles) {
        if (!cpumask_empty(&sched_waiting) && cpumask_test(&sched_cpus, cpu))
            take_from_others(cpu);
        return;
    }
    if (!sched_someone_waits(rq))
        return;
    offer_waiting(rq);
    t = now();
    if (t < rq->balance_at)
        return;
    rq->balance_at = t + SCHED_SLICE;
    balance_load(cpu);
}

/* ---- affinities, and CPUs that come and go ---- */

/* Works out anew where @v may run. If that is not where it is, it leaves at once. */
static void review_place(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);
    bool waits;

    if (hard)
        v->hard_affinity = *hard;
    if (soft)
        v->soft_affinity = *soft;
    sched_refresh_affinity(v);
    if (cpumask_test(&v->may_run, v->processor) || v->mover) {
        waits = v->on_queue;
        if (waits)
            sched_note_waiting(v->processor);
        sched_unlock(rq, flags);
        if (waits)
            sched_offer(v); /* to those that are new to it */
    } else if (running_on(v->processor) == v) {
        softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
        sched_unlock(rq, flags);
    } else if (sched_saver_sends(rq, v, now())) {
        sched_unlock(rq, flags);
    } else {
        sched_move(rq, v, flags);
    }
}

void sched_set_affinity(struct vcpu *v, const cpumask_t *hard, const cpumask_t *soft)
{
    review_place(v, hard, soft);
}

/* Reviews all vCPUs, and takes timers off the CPU @leaves, if that is not NR_CPUS. */
static void review_all(unsigned int leaves)
{
    struct domain *d;
    struct vcpu *v;

    for (domid_t id = 0; (d = get_next_domain(id)) != NULL;) {
        id = (domid_t)(d->id + 1);
        if (READ_ONCE(d->cap.refill.cpu) == leaves)
            timer_migrate(&d->cap.refill, smp_processor_id());
        for_each_vcpu (d, v) {
            review_place(v, NULL, NULL);
            if (READ_ONCE(v->singleshot.cpu) == leaves && !READ_ONCE(v->is_running))
                vcpu_time_move(v, READ_ONCE(v->processor));
        }
        put_domain(d);
    }
}

void sched_cpu_up(unsigned int cpu)
{
    cpumask_set(&sched_cpus, cpu);
    review_all(NR_CPUS);
    if (cpu != smp_processor_id()) /* at boot it is not to be disturbed before sched_start() */
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

int sched_cpu_down(unsigned int cpu)
{
    struct run_queue *rq = &cpus[cpu]->rq;
    unsigned int other = cpumask_next(&sched_cpus, 0);

    if (other == cpu)
        other = cpumask_next(&sched_cpus, cpu + 1);
    if (other == NR_CPUS)
        return -XEN_EBUSY;
    cpumask_clear(&sched_cpus, cpu);
    spin_unlock_irqrestore(&rq->lock, spin_lock_irqsave(&rq->lock));
    cpumask_clear(&sched_idle, cpu);
    /* Whoever takes the lock of the queue from here on sees that the CPU goes. */
    review_all(cpu);
    return 0;
}

bool sched_cpu_is_empty(unsigned int cpu)
{
    return !sched_someone_waits(&cpus[cpu]->rq) && is_idle_vcpu(READ_ONCE(cpus[cpu]->info->vcpu));
}
