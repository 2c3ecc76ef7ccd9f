/* SPDX-License-Identifier: MIT */
/* Caps: the budget of a domain, and its vCPUs that wait for the next one. See sched_cap.h. */
#include <arch.h>
#include <percpu.h>
#include <sched.h>

/* @return what @d may run in one period */
static s_time_t quota_of(const struct domain *d)
{
    return CAP_PERIOD * d->cap.percent / 100;
}

/*
 * @return how much @d may have left: with what it did not use in the last period, in which somebody
 * else may have been in the middle of a slice when its turn was.
 */
static s_time_t most_of(const struct domain *d)
{
    return 2 * quota_of(d);
}

/* Begins the period that is due, if one is. Locks: the cap's is held. */
static void refill_if_due(struct domain *d, s_time_t t)
{
    struct sched_cap *cap = &d->cap;
    s_time_t quota = quota_of(d), periods;

    if (t < cap->next)
        return;
    periods = (t - cap->next) / CAP_PERIOD + 1;
    cap->next += periods * CAP_PERIOD;
    /* What was overdrawn is paid back. */
    periods = MIN(periods, 1 - MIN(cap->budget, (s_time_t)0) / MAX(quota, (s_time_t)1));
    cap->budget = MIN(cap->budget + periods * quota, most_of(d));
}

s_time_t cap_take(struct vcpu *v, s_time_t t)
{
    struct domain *d = v->domain;
    struct sched_cap *cap = &d->cap;
    s_time_t piece = 0;

    spin_lock(&cap->lock);
    refill_if_due(d, t);
    if (cap->budget > 0) {
        piece = MAX(quota_of(d) / (s_time_t)d->max_vcpus, CAP_LEAST_BIT);
        piece = MIN(piece, cap->budget);
        cap->budget -= piece;
    }
    spin_unlock(&cap->lock);
    v->cap.granted = piece;
    v->cap.since = t;
    return piece ? t + piece : 0;
}

void cap_give_back(struct vcpu *v, s_time_t t)
{
    struct domain *d = v->domain;

    if (!v->cap.granted)
        return;
    spin_lock(&d->cap.lock);
    d->cap.budget += v->cap.granted - (t - v->cap.since);
    d->cap.budget = MIN(d->cap.budget, most_of(d));
    spin_unlock(&d->cap.lock);
    v->cap.granted = 0;
}

void cap_park(struct vcpu *v)
{
    struct sched_cap *cap = &v->domain->cap;

    v->cap.parked = true;
    spin_lock(&cap->lock);
    list_add_tail(&cap->waiting, &v->cap.link);
    cap->parked++;
    if (!READ_ONCE(cap->refill.queued))
        timer_set(&cap->refill, cap->next);
    spin_unlock(&cap->lock);
}

void cap_unpark(struct vcpu *v)
{
    struct sched_cap *cap = &v->domain->cap;

    v->cap.parked = false;
    spin_lock(&cap->lock);
    list_del(&v->cap.link);
    cap->parked--;
    spin_unlock(&cap->lock);
}

/*
 * Lets the @left vCPUs run that were parked when the caller held the lock: one that is parked again
 * meanwhile waits for the next period. A vCPU may leave the list by itself before its turn comes.
 */
static void release_parked(struct domain *d, unsigned int left)
{
    struct sched_cap *cap = &d->cap;

    while (left--) {
        struct vcpu *v = NULL;
        unsigned long flags = spin_lock_irqsave(&cap->lock);

        if (!list_empty(&cap->waiting))
            v = list_first(&cap->waiting, struct vcpu, cap.link);
        spin_unlock_irqrestore(&cap->lock, flags);
        if (!v)
            return;
        sched_release_parked(v); /* its memory stays: this CPU has not passed the scheduler */
    }
}

static void period_begins(void *arg)
{
    struct domain *d = arg;
    unsigned long flags = spin_lock_irqsave(&d->cap.lock);
    unsigned int parked = d->cap.parked;
    bool budget;

    refill_if_due(d, now());
    /* One that was chosen while there was a cap may have been parked when there was none. */
    budget = d->cap.budget > 0 || !d->cap.percent;
    if (!budget && d->cap.parked)
        timer_set(&d->cap.refill, d->cap.next); /* it paid back a debt */
    spin_unlock_irqrestore(&d->cap.lock, flags);
    if (budget)
        release_parked(d, parked);
}

void cap_set(struct domain *d, u16 percent)
{
    unsigned long flags = spin_lock_irqsave(&d->cap.lock);
    unsigned int parked = d->cap.parked;

    WRITE_ONCE(d->cap.percent, percent);
    d->cap.next = now() + CAP_PERIOD;
    d->cap.budget = quota_of(d);
    spin_unlock_irqrestore(&d->cap.lock, flags);
    release_parked(d, parked);
}

void cap_domain_init(struct domain *d)
{
    spin_lock_init(&d->cap.lock, RANK_CAP);
    list_init(&d->cap.waiting);
    timer_init(&d->cap.refill, period_begins, d, smp_processor_id());
}

void cap_domain_destroy(struct domain *d)
{
    timer_kill(&d->cap.refill);
}
