/* SPDX-License-Identifier: MIT */
/*
 * The scheduling policy, which is fair by consumed time.
 *
 * Each vCPU carries the weighted nanoseconds that it has run (vruntime); the runnable vCPU with the
 * least of it runs next, for at most a time slice while others wait. A vCPU that slept starts at
 * the queue's floor less half a slice, so that it reacts at once but cannot save up time.
 *
 * A waking vCPU preempts one of its own domain at once, since that may spin for its answer; one of
 * another domain only after that has run for RATE_LIMIT. Otherwise a front driver would be
 * interrupted at each request that it sends, and pay two switches, with the loss of its TLB, for
 * every single one; so it gets to send several, and the back driver takes them together.
 *
 * While a vCPU waits, slice_end says when the running one is to be compared with it, at the latest.
 * The timer for that is lazy: when it is set for an earlier time, it is left alone, and set again
 * when it fires too early. So switches and wake-ups, which mostly come long before, need not touch
 * it.
 */
#include <arch.h>
#include <percpu.h>
#include <sched.h>
#include <softirq.h>

#define TIME_SLICE MILLISECS(10)
#define RATE_LIMIT MILLISECS(1) /* Xen's sched_ratelimit_us, with its default */

static struct vcpu *first_queued(struct run_queue *rq)
{
    return list_first(&rq->fair.queue, struct vcpu, fair.link);
}

static void fair_enqueue(struct run_queue *rq, struct vcpu *v)
{
    struct list *queue = &rq->fair.queue, *pos = queue->prev;

    /* The search begins at the back: most vCPUs that come have run most. */
    while (pos != queue &&
           list_entry(pos, struct vcpu, fair.link)->fair.vruntime > v->fair.vruntime)
        pos = pos->prev;
    list_add_after(pos, &v->fair.link);
    v->on_queue = true;
    rq->length++;
}

void fair_remove(struct run_queue *rq, struct vcpu *v)
{
    list_del(&v->fair.link);
    v->on_queue = false;
    rq->length--;
}

/* @return what @ran ns of running count for @v, by its weight */
static u64 weighted(const struct vcpu *v, s_time_t ran)
{
    u64 ns = ran > 0 ? (u64)ran : 0;
    u32 weight = READ_ONCE(v->domain->sched_weight);

    return likely(weight == SCHED_DEFAULT_WEIGHT) ? ns : ns * SCHED_DEFAULT_WEIGHT / weight;
}

/* @return the time from which on @v, which has run less, may take the CPU from @cur */
static s_time_t earliest_preemption(const struct vcpu *v, const struct vcpu *cur)
{
    return is_idle_vcpu(cur) || v->domain == cur->domain ? 0 : cur->state_since + RATE_LIMIT;
}

/* Limits the running vCPU to run until @end at most, since another one waits. */
static void limit_slice(struct run_queue *rq, s_time_t end)
{
    struct fair_queue *f = &rq->fair;

    f->slice_end = end;
    if (!READ_ONCE(f->slice.queued) || f->slice.expires > end)
        timer_set(&f->slice, end);
}

bool fair_wake(struct run_queue *rq, struct vcpu *v, const struct vcpu *cur, s_time_t t)
{
    u64 cur_vruntime = cur->fair.vruntime, floor = rq->fair.min_vruntime;
    s_time_t earliest;

    if (!is_idle_vcpu(cur)) {
        /* @cur may have run alone for long, with no other vCPU to compare it to. */
        cur_vruntime += weighted(cur, t - cur->state_since);
        if (!rq->length)
            floor = rq->fair.min_vruntime = MAX(floor, cur_vruntime);
    }
    floor = floor > (u64)TIME_SLICE / 2 ? floor - (u64)TIME_SLICE / 2 : 0;
    v->fair.vruntime = MAX(v->fair.vruntime, floor);
    fair_enqueue(rq, v);
    if (!is_idle_vcpu(cur) && v->fair.vruntime >= cur_vruntime) {
        if (rq->length == 1) /* @cur ran alone so far, without a slice */
            limit_slice(rq, t + TIME_SLICE);
        return false;
    }
    earliest = earliest_preemption(v, cur);
    if (t >= earliest)
        return true;
    limit_slice(rq, earliest); /* sooner than the end of any slice */
    return false;
}

void fair_yield(struct vcpu *v)
{
    v->fair.yielding = true;
}

/*
 * Called when the slice timer expires. The timer is set under the lock, too: a CPU that queues a
 * vCPU after this finds that the timer has left its queue and has to be set, and the vCPU of one
 * that did so before is seen here.
 */
static void slice_over(void *arg)
{
    struct run_queue *rq = arg;
    unsigned long flags = spin_lock_irqsave(&rq->lock);

    if (rq->length) {
        if (rq->fair.slice_end <= now())
            softirq_raise(SOFTIRQ_SCHEDULE);
        else
            limit_slice(rq, rq->fair.slice_end);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

struct vcpu *fair_pick(struct run_queue *rq, struct vcpu *prev, s_time_t t)
{
    struct vcpu *next;

    if (!is_idle_vcpu(prev)) {
        prev->fair.vruntime += weighted(prev, t - prev->state_since);
        if (vcpu_runnable(prev)) {
            /* A vCPU that yields is queued behind the first. */
            if (prev->fair.yielding && rq->length)
                prev->fair.vruntime = MAX(prev->fair.vruntime, first_queued(rq)->fair.vruntime + 1);
            fair_enqueue(rq, prev);
        }
        prev->fair.yielding = false;
    }
    if (!rq->length)
        return rq->idle;
    next = first_queued(rq);
    fair_remove(rq, next);
    rq->fair.min_vruntime = MAX(rq->fair.min_vruntime, next->fair.vruntime);
    if (rq->length)
        limit_slice(rq, t + TIME_SLICE);
    return next;
}

void fair_cpu_init(struct run_queue *rq, unsigned int cpu)
{
    list_init(&rq->fair.queue);
    timer_init(&rq->fair.slice, slice_over, rq, cpu);
}

void fair_vcpu_init(struct vcpu *v)
{
    list_init(&v->fair.link);
}
