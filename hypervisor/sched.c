/* SPDX-License-Identifier: MIT */
/*
 * The scheduler.
 *
 * Fair by consumed time: each vCPU carries the weighted nanoseconds that it has run (vruntime); the
 * runnable one with the least runs next, for at most a time slice while others wait. A vCPU that
 * slept starts at the queue's floor less half a slice, so that it reacts at once but cannot save up
 * time. The idle vCPU of a CPU is never queued.
 *
 * Who wakes takes the CPU at once from a vCPU of its own domain, which may spin for its answer, but
 * from one of another domain only when that has run for a moment. Otherwise a front driver would be
 * interrupted at each request that it sends, and pay two switches, with the loss of its TLB, for
 * every single one; so it gets to send several, and the back driver takes them together.
 *
 * While somebody waits, rq->slice_end says when who runs is to be compared with who waits, at the
 * latest. The timer for that is lazy: when it is set for an earlier time, it is left alone, and set
 * anew when it fires too early. So switches and wake-ups, which mostly come long before, need not
 * touch it.
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

#define TIME_SLICE MILLISECS(10)
#define RATE_LIMIT MILLISECS(1) /* Xen's sched_ratelimit_us, with its default */

const char *sched_name = "credit2";

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

static bool is_idle(const struct vcpu *v)
{
    return v->domain->id == DOMID_IDLE;
}

/* Accounts the time in the old state and enters @state. Run queue locked. */
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

/* The state of a vCPU that does not run and is not queued. */
static int stopped_state(const struct vcpu *v)
{
    return READ_ONCE(v->pause_flags) == 1UL << VPF_BLOCKED && !v->pause_count &&
                   !v->domain->pause_count
               ? RUNSTATE_blocked
               : RUNSTATE_offline;
}

static void enqueue(struct run_queue *rq, struct vcpu *v)
{
    struct list *pos = rq->queue.prev;

    /* From the back: most who come have run most. */
    while (pos != &rq->queue && list_entry(pos, struct vcpu, run_link)->vruntime > v->vruntime)
        pos = pos->prev;
    list_add_after(pos, &v->run_link);
    v->on_queue = true;
    rq->length++;
}

static void dequeue(struct run_queue *rq, struct vcpu *v)
{
    list_del(&v->run_link);
    v->on_queue = false;
    rq->length--;
}

/* What @ran ns of running count for @v. */
static u64 weighted(const struct vcpu *v, s_time_t ran)
{
    u64 ns = ran > 0 ? (u64)ran : 0;
    u32 weight = READ_ONCE(v->domain->sched_weight);

    return likely(weight == SCHED_DEFAULT_WEIGHT) ? ns : ns * SCHED_DEFAULT_WEIGHT / weight;
}

/* From when on @v, which has run less, may take the CPU from @cur. */
static s_time_t earliest_preemption(const struct vcpu *v, const struct vcpu *cur)
{
    return is_idle(cur) || v->domain == cur->domain ? 0 : cur->state_since + RATE_LIMIT;
}

/* Who runs may do so until @end at most, since somebody waits. Run queue locked. */
static void limit_slice(struct run_queue *rq, s_time_t end)
{
    rq->slice_end = end;
    if (!READ_ONCE(rq->slice.queued) || rq->slice.expires > end)
        timer_set(&rq->slice, end);
}

void vcpu_wake(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = lock_run_queue(v, &flags);
    unsigned int cpu = v->processor;

    if (!v->on_queue && cpus[cpu]->info->vcpu != v && vcpu_runnable(v)) {
        struct vcpu *cur = cpus[cpu]->info->vcpu;
        s_time_t t = now(), earliest;
        u64 cur_vruntime = cur->vruntime, floor;

        if (!is_idle(cur)) {
            /* It may have run alone for long, with nobody to compare it to. */
            cur_vruntime += weighted(cur, t - cur->state_since);
            if (!rq->length)
                rq->min_vruntime = MAX(rq->min_vruntime, cur_vruntime);
        }
        floor = rq->min_vruntime > (u64)TIME_SLICE / 2 ? rq->min_vruntime - (u64)TIME_SLICE / 2 : 0;
        set_runstate(v, RUNSTATE_runnable, t);
        v->vruntime = MAX(v->vruntime, floor);
        enqueue(rq, v);
        earliest = earliest_preemption(v, cur);
        if (!is_idle(cur) && v->vruntime >= cur_vruntime) {
            if (rq->length == 1) /* it ran alone so far, without a slice */
                limit_slice(rq, t + TIME_SLICE);
        } else if (t >= earliest) {
            softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
        } else {
            limit_slice(rq, earliest); /* sooner than the end of any slice */
        }
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = lock_run_queue(v, &flags);

    if (!vcpu_runnable(v)) {
        if (v->on_queue) {
            dequeue(rq, v);
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
    set_bit(&v->pause_flags, VPF_BLOCKED); /* full barrier: who sends after our look sees the bit */
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        clear_bit(&v->pause_flags, VPF_BLOCKED);
    else
        softirq_raise(SOFTIRQ_SCHEDULE);
}

void vcpu_yield(void)
{
    struct run_queue *rq = &this_cpu()->rq;

    if (!READ_ONCE(rq->length))
        return; /* nobody to yield to */
    current->yielding = true;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/*
 * The timer is set under the lock, too: who queues a vCPU after this finds that the timer has left
 * its queue and has to be set, and who did so before is seen here.
 */
static void slice_over(void *arg)
{
    struct run_queue *rq = arg;
    unsigned long flags = spin_lock_irqsave(&rq->lock);

    if (rq->length) {
        if (rq->slice_end <= now())
            softirq_raise(SOFTIRQ_SCHEDULE);
        else
            limit_slice(rq, rq->slice_end);
    }
    spin_unlock_irqrestore(&rq->lock, flags);
}

/* Chooses who runs next; @prev is back on the queue or stopped on return. Run queue locked. */
static struct vcpu *pick_next(struct run_queue *rq, struct vcpu *prev, s_time_t t)
{
    struct vcpu *next;

    if (!is_idle(prev)) {
        prev->vruntime += weighted(prev, t - prev->state_since);
        if (vcpu_runnable(prev)) {
            /* Who yields lets the next one pass: it queues behind it. */
            if (prev->yielding && rq->length)
                prev->vruntime = MAX(prev->vruntime,
                                     list_first(&rq->queue, struct vcpu, run_link)->vruntime + 1);
            enqueue(rq, prev);
        }
        prev->yielding = false;
    }
    if (list_empty(&rq->queue))
        return rq->idle;
    next = list_first(&rq->queue, struct vcpu, run_link);
    dequeue(rq, next);
    rq->min_vruntime = MAX(rq->min_vruntime, next->vruntime);
    return next;
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
    next = pick_next(rq, prev, t);
    if (rq->length)
        limit_slice(rq, t + TIME_SLICE);
    if (next == prev) {
        set_runstate(prev, RUNSTATE_running, t);
        spin_unlock(&rq->lock);
        local_irq_enable();
        return;
    }
    set_runstate(prev, prev->on_queue || is_idle(prev) ? RUNSTATE_runnable : stopped_state(prev),
                 t);
    set_runstate(next, RUNSTATE_running, t);
    next->is_running = true;
    get_cpu_info()->vcpu = next;
    spin_unlock(&rq->lock);

    if (!is_idle(prev))
        vcpu_time_switch_out(prev);
    arch_context_switch(prev, next);
    store_release(&prev->is_running, false);
    if (!is_idle(next)) {
        vcpu_time_switch_in(next);
        arch_update_guest_areas(next);
    }
    arch_resume();
}

void sched_cpu_init(unsigned int cpu)
{
    struct run_queue *rq = &cpus[cpu]->rq;

    spin_lock_init(&rq->lock, RANK_SCHED);
    list_init(&rq->queue);
    timer_init(&rq->slice, slice_over, rq, cpu);
}

void sched_start(void)
{
    softirq_raise(SOFTIRQ_SCHEDULE);
    arch_resume();
}

void sched_init_vcpu(struct vcpu *v)
{
    list_init(&v->run_link);
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
