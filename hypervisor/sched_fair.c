/* SPDX-License-Identifier: MIT */
/*
 * The scheduling policy: earliest eligible virtual deadline first (EEVDF), on the queue of one CPU.
 *
 * The time of a queue is virtual: the mean, by weight, of how far its vCPUs have run. A vCPU that
 * has run less than that is owed time (its lag is positive), and is eligible. It asks for a piece
 * of time, and its deadline is when it would have that at its share; the eligible vCPU with the
 * earliest deadline runs until it has what it asked for. One that wakes has a
 * head start: it is due earlier than those that never stop. docs/scheduler.md has the bounds.
 *
 * A vCPU keeps its lag while it sleeps: within a limit, and what it owes or is owed is forgotten as
 * fast as the others run. When the CPU ran out of work meanwhile, nobody is owed anything.
 *
 * A waking vCPU preempts one of its own domain at once, since that may spin for its answer; one of
 * another domain only after that has run for the rate limit. Otherwise a front driver would be
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

#define VIRTUAL_SHIFT 16
#define CHARGE_LIMIT  SECONDS(10) /* one that ran longer was alone, so that it owes nobody */

static bool before(u64 a, u64 b)
{
    return (s64)(a - b) < 0;
}

static struct vcpu *vcpu_of(struct fair_vcpu *n)
{
    return n ? container_of(n, struct vcpu, fair) : NULL;
}

u64 fair_virtual(const struct vcpu *v, s_time_t ns)
{
    u64 shifted = (u64)ns << VIRTUAL_SHIFT;
    u32 weight = v->fair.weight;

    if (!weight)
        __builtin_unreachable(); /* SCHED_DEFAULT_WEIGHT, or what a controller set: 1 at least */
    return likely(weight == SCHED_DEFAULT_WEIGHT) ? shifted / SCHED_DEFAULT_WEIGHT
                                                  : shifted / weight;
}

/* @return the virtual time @lag of @v, limited to what it may keep */
static s64 limit_lag(const struct vcpu *v, s64 lag)
{
    s64 limit = (s64)fair_virtual(v, SCHED_LAG_LIMIT);

    return MAX(MIN(lag, limit), -limit);
}

static bool runs_something(const struct vcpu *cur)
{
    return !is_idle_vcpu(cur);
}

/* Counts what @cur has run since the last time. */
static void charge_running(struct fair_queue *f, struct vcpu *cur, s_time_t t)
{
    s_time_t ran = t - f->charged;

    if (ran <= 0)
        return;
    f->charged = t;
    cur->fair.v += fair_virtual(cur, MIN(ran, CHARGE_LIMIT));
}

/* @return the virtual time of the queue together with @runner; NULL: with the queued ones alone */
static u64 queue_time(const struct fair_queue *f, const struct vcpu *runner)
{
    s64 sum = f->weighted_v, weight = (s64)f->weight, mean;

    if (runner) {
        if (!weight)
            return runner->fair.v;
        sum += (s64)runner->fair.weight * (s64)(runner->fair.v - f->base);
        weight += runner->fair.weight;
    }
    if (!weight)
        return f->base;
    mean = sum / weight;
    if (mean * weight > sum)
        mean--; /* round down: the vCPU with the least v is eligible for sure */
    return f->base + (u64)mean;
}

static void move_base(struct fair_queue *f, u64 base)
{
    f->weighted_v -= (s64)f->weight * (s64)(base - f->base);
    f->base = base;
}

static u32 next_random(struct fair_queue *f)
{
    f->random = f->random * 1664525U + 1013904223U;
    return f->random;
}

static void enqueue(struct run_queue *rq, struct vcpu *v)
{
    struct fair_queue *f = &rq->fair;

    WRITE_ONCE(v->on_queue, true);
    if (!rq->length++) {
        f->base = v->fair.v; /* so the sum stays 0 */
        f->weight = v->fair.weight;
        fair_tree_begin(&f->root, &v->fair);
        return;
    }
    f->weighted_v += (s64)v->fair.weight * (s64)(v->fair.v - f->base);
    f->weight += v->fair.weight;
    fair_tree_insert(&f->root, &v->fair, next_random(f));
}

static void dequeue(struct run_queue *rq, struct vcpu *v)
{
    struct fair_queue *f = &rq->fair;

    WRITE_ONCE(v->on_queue, false);
    if (f->favoured == v)
        f->favoured = NULL;
    if (!--rq->length) {
        f->root = NULL;
        f->weighted_v = 0;
        f->weight = 0;
        return;
    }
    fair_tree_remove(&f->root, &v->fair);
    f->weighted_v -= (s64)v->fair.weight * (s64)(v->fair.v - f->base);
    f->weight -= v->fair.weight;
}

/*
 * @v has left the queue, whose time with it was @time, and where @runner runs now (NULL: nobody):
 * notes its lag. The queue's time moves on when somebody leaves that is owed time: so what others
 * run from here on, by which that is forgotten, counts from the time without it.
 */
static void keep_lag(const struct fair_queue *f, struct vcpu *v, u64 time,
                     const struct vcpu *runner)
{
    s64 lag = limit_lag(v, (s64)(time - v->fair.v));

    v->fair.lag = lag;
    v->fair.v = time - (u64)lag;
    v->fair.left_at = lag > 0 ? queue_time(f, runner) : time;
    v->fair.left_on = f->number;
    v->fair.idle_seen = f->idles;
}

/* Does the lag of @v belong to @f, which has not run out of work since @v left or arrived? */
static bool still_counts(const struct fair_queue *f, const struct vcpu *v)
{
    return v->fair.idle_seen == f->idles && (!v->fair.left_on || v->fair.left_on == f->number);
}

/*
 * What @v is owed is forgotten, too: else a guest could have siblings save some up one after the
 * other, and come together.
 * @return the lag of @v, which was off, at queue time @time
 */
static s64 kept_lag(const struct fair_queue *f, const struct vcpu *v, u64 time)
{
    s64 lag = v->fair.lag, passed = MAX((s64)(time - v->fair.left_at), (s64)0);

    if (!still_counts(f, v))
        return 0;
    return lag < 0 ? MIN(lag + passed, (s64)0) : MAX(lag - passed, (s64)0);
}

/*
 * @v comes back at queue time @time, with @lag. On the queue that it left, its v must not go back.
 * For the queue's time goes back when vCPUs join that are owed time, or when others leave; so a
 * guest could have siblings come and go until what one of its vCPUs owes is gone. But nobody owes
 * more than the limit: time may have gone back by much, where light vCPUs have left.
 * @return @lag, or the largest one with which the v of @v stays as it was
 */
static s64 lag_in_place(const struct fair_queue *f, const struct vcpu *v, s64 lag, u64 time)
{
    s64 most = (s64)(time - v->fair.v);

    if (most >= lag || !v->fair.left_on || !still_counts(f, v))
        return lag;
    return most < 0 ? limit_lag(v, most) : most;
}

/* The timer is to fire at @end at the latest. */
static void arm_slice(struct fair_queue *f, s_time_t end)
{
    if (!READ_ONCE(f->slice.queued) || f->slice.expires > end)
        timer_set(&f->slice, end);
}

/* @return when @v, which owes time, will be eligible; or the end of the slice, if that is sooner */
static __noinline s_time_t when_eligible(const struct fair_queue *f, const struct vcpu *v,
                                         const struct vcpu *cur, s_time_t t)
{
    s64 total = (s64)(f->weight + cur->fair.weight);
    s64 ahead = (s64)(v->fair.v - queue_time(f, cur));

    if (ahead > (s64)((u64)(f->slice_end - t) << VIRTUAL_SHIFT) / total)
        return f->slice_end;
    return t + (MAX(ahead, (s64)0) * total >> VIRTUAL_SHIFT);
}

/*
 * @v has been queued behind @cur, which has a deadline, too.
 * @return true: @v is to take the CPU at once
 */
HOT_INLINE bool challenge(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s64 lag,
                          s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    s_time_t earliest;

    if (v->domain == cur->domain && fair_favour(rq, v, cur, t))
        return true;
    if (before(v->fair.deadline, cur->fair.deadline) && t < f->slice_end) {
        earliest = f->started + READ_ONCE(sched_rate_limit);
        if (unlikely(lag < 0))
            earliest = MAX(earliest, when_eligible(f, v, cur, t));
        f->slice_end = MIN(f->slice_end, earliest);
    }
    if (f->slice_end <= t)
        return true;
    arm_slice(f, f->slice_end);
    return false;
}

bool fair_wake(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t)
{
    struct vcpu *runner = runs_something(cur) ? cur : NULL;
    struct fair_queue *f = &rq->fair;
    s64 lag = 0, others = (s64)f->weight;
    u64 time;

    if (runner) {
        charge_running(f, cur, t);
        if (!rq->length) { /* @cur ran alone so far, without a slice */
            f->base = cur->fair.v;
            cur->fair.deadline = cur->fair.v + cur->fair.slice;
            f->slice_end = t + SCHED_SLICE;
        }
        others += cur->fair.weight;
    }
    time = queue_time(f, runner);
    if (others) {
        lag = kept_lag(f, v, time);
        /*
         * The queue's time moves when @v joins it. After a sleep that has to be made up for; but
         * where @v gets its v back (lag_in_place()), that would be more than it has run, and more
         * each time, and who wakes beside it would be placed there.
         */
        if (lag && !v->fair.moved && (lag > 0 || !v->fair.left_on))
            lag += lag * (s64)v->fair.weight / others;
        lag = lag_in_place(f, v, lag, time);
    }
    v->fair.v = time - (u64)lag;
    v->fair.deadline = v->fair.moved ? v->fair.v + v->fair.slice
                                     : v->fair.v - fair_virtual(v, SCHED_HEAD_START);
    v->fair.moved = false;
    enqueue(rq, v);
    if (rq->length == 1)
        move_base(f, time); /* its own v may lie far from that of those who come next */
    return !runner || challenge(rq, v, cur, lag, t);
}

void fair_remove(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t)
{
    struct vcpu *runner = runs_something(cur) ? cur : NULL;
    u64 time;

    if (runner)
        charge_running(&rq->fair, cur, t);
    time = queue_time(&rq->fair, runner);
    dequeue(rq, v);
    keep_lag(&rq->fair, v, time, runner);
}

void fair_yield(struct vcpu *cur)
{
    cur->fair.yielding = true;
}

/*
 * @v, which waits or ran last, may run in the place of its sibling @other while it has run for no
 * more than a slice longer, and nobody who waits is owed more than a slice of its own at queue time
 * @time: else many siblings that favour each other would keep others from the CPU.
 * @return how much more it is, in virtual time; > 0: it may not
 */
static s64 excess_over(const struct fair_queue *f, const struct vcpu *v, const struct vcpu *other,
                       u64 time)
{
    return MAX((s64)(v->fair.v - other->fair.v) - (s64)v->fair.slice,
               (s64)(time - f->root->least_due));
}

/* @return has @v an event that it has not taken yet? */
static bool has_event(const struct vcpu *v)
{
    return READ_ONCE(v->info->evtchn_upcall_pending);
}

bool fair_favour(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    s64 excess;

    charge_running(f, cur, t);
    cur->fair.awaits = v;
    if (v->fair.awaits == cur && has_event(cur) && READ_ONCE(cur->info->evtchn_upcall_mask))
        return false; /* @v would only spin; but @cur does not spin with interrupts off */
    excess = excess_over(f, v, cur, queue_time(f, cur));
    if (excess > 0) { /* @cur has to spin until it has caught up so far */
        t += (excess * (s64)cur->fair.weight >> VIRTUAL_SHIFT) + 1;
        f->slice_end = MIN(f->slice_end, t);
        arm_slice(f, f->slice_end);
        return false;
    }
    f->favoured = v;
    return true;
}

/*
 * @next has been chosen at queue time @time. If it spins until a sibling has answered that waits
 * here, or is @prev, which stays (NULL: it does not), its turn is used for that one.
 */
static struct vcpu *stand_in(const struct fair_queue *f, const struct vcpu *prev, struct vcpu *next,
                             u64 time)
{
    struct vcpu *v = next->fair.awaits;

    if (likely(!v))
        return next;
    if (!has_event(v)) {
        next->fair.awaits = NULL; /* it has been answered */
        return next;
    }
    /* What else there is to know of it is under this queue's lock only if it belongs here. */
    if (load_acquire(&v->processor) == next->processor && (v->on_queue || v == prev) &&
        excess_over(f, v, next, time) <= 0)
        return v;
    return next;
}

/*
 * Called when the slice timer expires. The timer is set under the lock, too: a CPU that queues a
 * vCPU after this finds that the timer has left its queue and has to be set, and the vCPU of one
 * that did so before is seen here.
 */
static void slice_over(void *arg)
{
    struct run_queue *rq = arg;
    struct fair_queue *f = &rq->fair;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    s_time_t end = rq->length ? f->slice_end : SCHED_NEVER;

    end = MIN(end, f->limit);
    if (end <= now())
        softirq_raise(SOFTIRQ_SCHEDULE);
    else if (end != SCHED_NEVER)
        arm_slice(f, end);
    spin_unlock_irqrestore(&rq->lock, flags);
}

/* @next has been chosen at @t; it keeps the slice of the one before it if it was @favoured. */
HOT_INLINE struct vcpu *give_cpu(struct run_queue *rq, const struct vcpu *prev, struct vcpu *next,
                                 bool favoured, s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    s_time_t left;

    f->charged = t;
    f->limit = SCHED_NEVER;
    f->running_weight = next->fair.weight;
    if (next != prev)
        f->started = t;
    if (!rq->length) {
        f->base = next->fair.v;
        return next;
    }
    if (!favoured) {
        left = (s64)(next->fair.deadline - next->fair.v) * (s64)next->fair.weight >> VIRTUAL_SHIFT;
        f->slice_end = t + MAX(left, SCHED_MIN_RUN);
    }
    arm_slice(f, f->slice_end);
    return next;
}

static struct vcpu *run_idle(struct run_queue *rq)
{
    rq->fair.idles++;
    rq->fair.limit = SCHED_NEVER;
    rq->fair.running_weight = 0;
    return rq->idle;
}

/*
 * What @prev, which stays, asks for from now on. @others: the time of the queue without it. What it
 * has run beyond its deadline, since its timer came late, is taken off the next slice: so those
 * that never stop have the same order in each round, and none is the first in one and the last in
 * the next.
 */
static void ask_anew(struct vcpu *prev, u64 others)
{
    u64 slice = prev->fair.slice, from = prev->fair.deadline;

    if (prev->fair.yielding && before(prev->fair.v, others))
        prev->fair.v = others;
    if (!prev->fair.yielding && before(prev->fair.v, prev->fair.deadline))
        return;
    if (prev->fair.yielding || !before(prev->fair.v, from + slice))
        from = prev->fair.v;
    prev->fair.deadline = from + slice;
}

/* The same as fair_pick(), when @prev stays and others wait. */
static __noinline struct vcpu *pick_beside(struct run_queue *rq, struct vcpu *prev, s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    bool yielding = prev->fair.yielding, favoured = f->favoured && t < f->slice_end;
    struct vcpu *next = f->favoured;
    u64 time;

    if (!favoured) {
        if (!yielding && t < MIN(f->slice_end, f->limit))
            return prev; /* its slice is not over */
        time = queue_time(f, NULL);
        ask_anew(prev, time);
        if (!yielding)
            time = queue_time(f, prev);
        next = vcpu_of(fair_tree_first_eligible(f->root, time));
        if (!yielding && !before(time, prev->fair.v) &&
            (!next || !before(next->fair.deadline, prev->fair.deadline)))
            next = prev;
        next = stand_in(f, yielding ? NULL : prev, next, time);
    }
    prev->fair.yielding = false;
    if (next != prev) {
        dequeue(rq, next);
        enqueue(rq, prev);
        move_base(f, queue_time(f, next));
    }
    f->favoured = NULL;
    return give_cpu(rq, prev, next, favoured, t);
}

/* The same when more than one waits and @prev does not stay. */
static __noinline struct vcpu *pick_among(struct run_queue *rq, const struct vcpu *prev, s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    u64 time = queue_time(f, NULL);
    struct vcpu *next = vcpu_of(fair_tree_first_eligible(f->root, time));

    next = stand_in(f, NULL, next, time);
    dequeue(rq, next);
    move_base(f, queue_time(f, next));
    f->favoured = NULL;
    return give_cpu(rq, prev, next, false, t);
}

/* The parts are functions of their own, so that the common ways save few registers. */
struct vcpu *fair_pick(struct run_queue *rq, struct vcpu *prev, bool stays, s_time_t t)
{
    struct fair_queue *f = &rq->fair;
    struct vcpu *next;

    if (runs_something(prev)) {
        charge_running(f, prev, t);
        if (stays && rq->length)
            return pick_beside(rq, prev, t);
        prev->fair.yielding = false;
        if (stays)
            return give_cpu(rq, prev, prev, false, t);
        if (!rq->length)
            return run_idle(rq); /* nobody is owed anything from here on */
        keep_lag(f, prev, queue_time(f, prev), NULL);
    }
    if (rq->length > 1)
        return pick_among(rq, prev, t);
    if (!rq->length)
        return run_idle(rq);
    next = vcpu_of(f->root);
    dequeue(rq, next);
    return give_cpu(rq, prev, next, false, t);
}

void fair_drop(struct run_queue *rq, struct vcpu *v)
{
    keep_lag(&rq->fair, v, queue_time(&rq->fair, v), NULL);
}

void fair_limit(struct run_queue *rq, s_time_t end)
{
    rq->fair.limit = end;
    arm_slice(&rq->fair, end);
}

void fair_set_weight(struct run_queue *rq, struct vcpu *v, u32 weight, struct vcpu *cur, s_time_t t)
{
    struct vcpu *runner = runs_something(cur) ? cur : NULL;
    s64 old = v->fair.weight, lag = v->fair.lag * old / weight;
    bool queued = v->on_queue;
    u64 time;

    if (runner)
        charge_running(&rq->fair, cur, t);
    time = queue_time(&rq->fair, runner);
    /* Of one that sleeps the lag counts, and its place; of one that runs alone nothing. */
    if (queued || (v == cur && rq->length)) {
        s64 ahead = (s64)(v->fair.v - time) * old / weight,
            left = (s64)(v->fair.deadline - v->fair.v) * old / weight;

        if (queued)
            dequeue(rq, v);
        v->fair.v = time + (u64)ahead;
        v->fair.deadline = v->fair.v + (u64)left;
    } else if (v != cur) {
        v->fair.v += (u64)(v->fair.lag - lag); /* lag_in_place() */
    }
    v->fair.weight = weight;
    v->fair.slice = fair_virtual(v, SCHED_SLICE);
    v->fair.lag = lag;
    if (queued) {
        enqueue(rq, v);
        if (rq->length == 1)
            move_base(&rq->fair, time); /* as in fair_wake() */
    }
    if (v == cur)
        rq->fair.running_weight = weight;
}

/* ---- for the balance between CPUs ---- */

u64 fair_load(const struct run_queue *rq)
{
    return READ_ONCE(rq->fair.weight) + READ_ONCE(rq->fair.running_weight);
}

u64 fair_pace(struct run_queue *rq, struct vcpu *cur, s_time_t t)
{
    struct vcpu *runner = runs_something(cur) ? cur : NULL;

    if (runner)
        charge_running(&rq->fair, cur, t);
    return queue_time(&rq->fair, runner) + rq->fair.pace;
}

void fair_shift_pace(struct run_queue *rq, s64 delta)
{
    rq->fair.pace += (u64)delta;
}

void fair_depart(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t)
{
    struct vcpu *runner = runs_something(cur) ? cur : NULL;

    if (runner)
        charge_running(&rq->fair, cur, t);
    v->fair.lag = kept_lag(&rq->fair, v, queue_time(&rq->fair, runner));
}

void fair_add_lag(struct vcpu *v, s64 lag)
{
    v->fair.lag = limit_lag(v, v->fair.lag + lag);
    v->fair.moved = true;
}

void fair_arrive(struct run_queue *rq, struct vcpu *v, struct vcpu *cur, s_time_t t)
{
    v->fair.left_at = fair_pace(rq, cur, t) - rq->fair.pace;
    v->fair.left_on = 0;
    v->fair.idle_seen = rq->fair.idles;
}

struct vcpu *fair_first(const struct run_queue *rq)
{
    return vcpu_of(fair_tree_first(rq->fair.root));
}

struct vcpu *fair_next(const struct vcpu *v)
{
    return vcpu_of(fair_tree_next(&v->fair));
}

void fair_cpu_init(struct run_queue *rq, unsigned int cpu)
{
    rq->fair = (struct fair_queue){
        .random = cpu + 1, .number = (u16)(cpu + 1), .limit = SCHED_NEVER};
    timer_init(&rq->fair.slice, slice_over, rq, cpu);
}

void fair_cpu_rest(struct run_queue *rq)
{
    timer_stop(&rq->fair.slice);
}

void fair_vcpu_init(struct vcpu *v, u32 weight)
{
    v->fair = (struct fair_vcpu){.weight = weight};
    v->fair.slice = fair_virtual(v, SCHED_SLICE);
}
