/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's core: the states of vCPUs, waking, sleeping, and the switch. The policy says
 * which vCPU of a CPU runs next, and for how long (sched_fair.h); sched_place.c says on which CPU.
 *
 * States of a vCPU, all under the lock of its run queue: running (is_running), queued (on_queue),
 * parked (cap.parked), about to be sent to another CPU (mover), or none of them, and then something
 * in pause_flags or a pause count says why. schedule() is the last softirq on the way out: the
 * stack below it is empty but for the guest's frame, so it switches vCPU by replacing that frame
 * and leaves by arch_resume(). From the choice of another vCPU until its registers are saved, a
 * vCPU may be queued already, but is_running keeps other CPUs from taking it.
 */
#include <arch.h>
#include <sched_impl.h>
#include <softirq.h>
#include <trace.h>

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

/*
 * One that waits for an event is not kept from running by other reasons, so it is not offline:
 * guests count that time as stolen.
 * @return the state of a vCPU that does not run and is not queued
 */
static int stopped_state(const struct vcpu *v)
{
    return test_bit(&v->pause_flags, VPF_BLOCKED) ? RUNSTATE_blocked : RUNSTATE_offline;
}

/* ---- waking and sleeping ---- */

/* Queues @v. @return its CPU is to run it at once, and was told. Locks: the run queue's is held. */
HOT_INLINE bool queue_vcpu(struct run_queue *rq, struct vcpu *v, s_time_t t)
{
    bool at_once;

    trace_runstate(v, RUNSTATE_runnable);
    set_runstate(v, RUNSTATE_runnable, t);
    at_once = fair_wake(rq, v, running_on(v->processor), t);
    if (at_once)
        softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
    return at_once;
}

bool sched_queue(struct run_queue *rq, struct vcpu *v, s_time_t t)
{
    return queue_vcpu(rq, v, t);
}

/*
 * The part of vcpu_wake() when there are several CPUs. A vCPU whose registers its CPU has not saved
 * yet has to stay there.
 */
static __noinline void wake_somewhere(struct run_queue *rq, struct vcpu *v, unsigned long flags)
{
    s_time_t t = now();
    unsigned int cpu;
    bool waits;

    if (unlikely(!cpumask_test(&v->may_run, v->processor)) && sched_saver_sends(rq, v, t)) {
        sched_unlock(rq, flags);
        return;
    }
    cpu = load_acquire(&v->is_running) ? v->processor : sched_choose_cpu(v);
    if (cpu == v->processor) {
        waits = !queue_vcpu(rq, v, t);
        if (waits)
            sched_note_waiting(cpu);
        sched_unlock(rq, flags);
        if (waits)
            sched_offer(v);
        return;
    }
    trace_runstate(v, RUNSTATE_runnable);
    set_runstate(v, RUNSTATE_runnable, t);
    fair_depart(rq, v, running_on(v->processor), t);
    store_release(&v->processor, cpu);
    sched_unlock(rq, flags);
    sched_send(v, cpu);
}

void vcpu_wake(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq;

    trace_vcpu(TRC_SCHED_WAKE, v);
    rq = sched_lock(v, &flags);
    if (sched_wants_queue(v)) {
        if (nr_cpus > 1) {
            wake_somewhere(rq, v, flags);
            return;
        }
        (void)queue_vcpu(rq, v, now());
    } else if (v->runstate.state == RUNSTATE_blocked && stopped_state(v) == RUNSTATE_offline) {
        trace_runstate(v, RUNSTATE_offline);
        set_runstate(v, RUNSTATE_offline, now()); /* its event came, but it may not run */
    }
    sched_unlock(rq, flags);
}

void vcpu_sleep_nosync(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq;
    struct vcpu *cur;
    s_time_t t;
    int state;

    trace_vcpu(TRC_SCHED_SLEEP, v);
    rq = sched_lock(v, &flags);
    cur = running_on(v->processor);
    if (!vcpu_runnable(v)) {
        t = now();
        if (cur == v) {
            softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
        } else {
            if (v->on_queue)
                fair_remove(rq, v, cur, t);
            else if (v->cap.parked)
                cap_unpark(v);
            state = stopped_state(v);
            if (state != v->runstate.state) {
                trace_runstate(v, state);
                set_runstate(v, state, t);
            }
        }
    }
    sched_unlock(rq, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && load_acquire(&v->is_running) && v != current)
        tlb_relax();
}

void sched_release_parked(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);

    if (v->cap.parked)
        cap_unpark(v);
    sched_unlock(rq, flags);
    vcpu_wake(v);
}

/* ---- blocking, polling and events ---- */

void vcpu_poll_begin(struct vcpu *v, int port)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);

    WRITE_ONCE(v->poll_until, 0);
    WRITE_ONCE(v->poll_port, port);
    set_bit(v->domain->poll_mask, v->id);
    set_bit(&v->pause_flags, VPF_BLOCKED);
    sched_unlock(rq, flags);
}

/* Locks: the run queue's is held. */
static void forget_poll(struct vcpu *v)
{
    WRITE_ONCE(v->poll_port, 0);
    clear_bit(v->domain->poll_mask, v->id);
}

__noinline void vcpu_poll_forget(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);

    if (!test_bit(&v->pause_flags, VPF_BLOCKED))
        forget_poll(v);
    sched_unlock(rq, flags);
}

void vcpu_poll_cancel(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);

    forget_poll(v);
    clear_bit(&v->pause_flags, VPF_BLOCKED);
    sched_unlock(rq, flags);
}

/* Ends the poll of @v, if @v polls and @over says so of the poll. */
static void end_poll(struct vcpu *v, bool (*over)(const struct vcpu *v, unsigned int port),
                     unsigned int port)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);
    bool ends = v->poll_port && test_bit(&v->pause_flags, VPF_BLOCKED) && over(v, port);

    if (ends) {
        forget_poll(v);
        clear_bit(&v->pause_flags, VPF_BLOCKED);
    }
    sched_unlock(rq, flags);
    if (ends)
        vcpu_wake(v);
}

static bool polls_port(const struct vcpu *v, unsigned int port)
{
    return v->poll_port == -1 || v->poll_port == (int)port;
}

static bool poll_timed_out(const struct vcpu *v, unsigned int port)
{
    s_time_t until = READ_ONCE(v->poll_until); /* written without the lock by a new poll */

    return until && until <= now();
}

void vcpu_poll_event(struct vcpu *v, unsigned int port)
{
    end_poll(v, polls_port, port);
}

void vcpu_poll_timeout(struct vcpu *v)
{
    end_poll(v, poll_timed_out, 0);
}

void vcpu_unblock(struct vcpu *v)
{
    if (!test_and_clear_bit(&v->pause_flags, VPF_BLOCKED))
        return;
    if (unlikely(READ_ONCE(v->poll_port)))
        vcpu_poll_forget(v);
    vcpu_wake(v);
}

__noinline void vcpu_favour(struct vcpu *v)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(v, &flags);
    struct vcpu *cur = running_on(v->processor);

    if (v->on_queue && cur->domain == v->domain && fair_favour(rq, v, cur, now()))
        softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
    sched_unlock(rq, flags);
}

void vcpu_kick(struct vcpu *v)
{
    bool running = READ_ONCE(v->is_running), waits = READ_ONCE(v->on_queue);

    vcpu_unblock(v);
    if (running && v != current)
        arch_kick_cpu(READ_ONCE(v->processor));
    if (unlikely(waits))
        vcpu_favour(v);
}

void vcpu_block_enable_events(void)
{
    struct vcpu *v = current;

    if (unlikely(READ_ONCE(v->poll_port)))
        vcpu_poll_forget(v); /* whoever ended it has not come to that yet */
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
    set_bit(&v->pause_flags, VPF_BLOCKED); /* full barrier: a sender after our look sees the bit */
    if (READ_ONCE(v->info->evtchn_upcall_pending)) {
        clear_bit(&v->pause_flags, VPF_BLOCKED);
    } else {
        trace_vcpu(TRC_SCHED_BLOCK, v);
        softirq_raise(SOFTIRQ_SCHEDULE);
    }
}

void vcpu_yield(void)
{
    struct run_queue *rq = &this_cpu()->rq;

    if (!sched_someone_waits(rq))
        return; /* nor is there a record: the hypercall's says it */
    trace_vcpu(TRC_SCHED_YIELD, current);
    fair_yield(current);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* ---- the switch ---- */

/*
 * @next, whose domain has a cap, was chosen: it takes a piece of the budget. While there is none,
 * it is parked, and the next one is chosen.
 */
static __noinline struct vcpu *choose_within_caps(struct run_queue *rq, struct vcpu *next,
                                                  s_time_t t)
{
    while (READ_ONCE(next->domain->cap.percent)) {
        s_time_t end = cap_take(next, t);

        if (end) {
            fair_limit(rq, end);
            break;
        }
        fair_drop(rq, next);
        cap_park(next);
        next = fair_pick(rq, rq->idle, false, t);
    }
    return next;
}

static struct vcpu *choose_next(struct run_queue *rq, struct vcpu *prev, s_time_t t)
{
    bool stays = !is_idle_vcpu(prev) && vcpu_runnable(prev);
    struct vcpu *next;

    if (unlikely(prev->cap.granted))
        cap_give_back(prev, t);
    if (stays && nr_cpus > 1 && unlikely(!cpumask_test(&prev->may_run, smp_processor_id()))) {
        WRITE_ONCE(prev->mover, (u16)(smp_processor_id() + 1));
        stays = false;
    }
    next = fair_pick(rq, prev, stays, t);
    if (unlikely(READ_ONCE(next->domain->cap.percent)))
        next = choose_within_caps(rq, next, t);
    if (nr_cpus > 1)
        sched_note_choice(smp_processor_id(), is_idle_vcpu(next));
    return next;
}

/*
 * @prev may not run on this CPU any longer, and its registers are saved: sends it elsewhere, unless
 * somebody else has seen that they are.
 */
static __noinline void send_away(struct vcpu *prev)
{
    unsigned long flags;
    struct run_queue *rq = sched_lock(prev, &flags);

    if (prev->mover != smp_processor_id() + 1) {
        sched_unlock(rq, flags);
        return;
    }
    WRITE_ONCE(prev->mover, 0);
    sched_move(rq, prev, flags);
}

/*
 * What is left to do after the switch when there are several CPUs. Others may run @prev already;
 * then what they note of it concerns them, not us.
 */
static __noinline void settle_switch(struct vcpu *prev, const struct vcpu *next)
{
    smp_mb(); /* is_running of @prev was cleared; now we look what others left to us */
    if (unlikely(READ_ONCE(prev->mover) == smp_processor_id() + 1))
        send_away(prev);
    sched_after_switch(smp_processor_id(), is_idle_vcpu(next));
}

/* @return how long @next, which was chosen at @t, is to run, in ns; -1: until somebody wants to */
static u32 slice_of(const struct run_queue *rq, const struct vcpu *next, s_time_t t)
{
    s_time_t end = MIN(rq->fair.slice_end, rq->fair.limit);

    return is_idle_vcpu(next) ? ~0U : (u32)MAX(end - t, (s_time_t)0);
}

/* Writes the records of a choice, whose states are not set yet. @state: the new one of @prev */
static __noinline void trace_choice(const struct run_queue *rq, const struct vcpu *prev, int state,
                                    const struct vcpu *next, s_time_t t)
{
    u32 ran = (u32)(t - prev->state_since), slice = slice_of(rq, next, t);

    if (next == prev) {
        const u32 stays[] = {prev->domain->id, prev->id, ran, slice};
        const u32 who[] = {(u32)prev->domain->id << 16 | prev->id};

        trace_record(TRC_SCHED_SWITCH_INFCONT, stays, ARRAY_SIZE(stays));
        trace_record(TRC_SCHED_CONTINUE_RUNNING, who, ARRAY_SIZE(who));
    } else {
        bool waited = next->runstate.state == RUNSTATE_runnable;
        const u32 goes[] = {prev->domain->id, prev->id, ran};
        const u32 comes[] = {next->domain->id, next->id, waited ? (u32)(t - next->state_since) : 0,
                             slice};
        const u32 both[] = {prev->domain->id, prev->id, next->domain->id, next->id};

        trace_record(TRC_SCHED_SWITCH_INFPREV, goes, ARRAY_SIZE(goes));
        trace_record(TRC_SCHED_SWITCH_INFNEXT, comes, ARRAY_SIZE(comes));
        trace_record(TRC_SCHED_SWITCH, both, ARRAY_SIZE(both));
        trace_runstate_record(prev, state);
        trace_runstate_record(next, RUNSTATE_running);
    }
}

/* @return the state of @prev, in whose place another vCPU was chosen */
static int state_after(const struct vcpu *prev)
{
    return prev->on_queue || prev->mover || prev->cap.parked || is_idle_vcpu(prev)
               ? RUNSTATE_runnable
               : stopped_state(prev);
}

void schedule(void)
{
    struct run_queue *rq = &this_cpu()->rq;
    struct vcpu *prev = current, *next;
    s_time_t t;
    int state;

    rcu_quiescent();
    local_irq_disable();
    spin_lock(&rq->lock);
    t = now();
    next = choose_next(rq, prev, t);
    state = next == prev ? RUNSTATE_running : state_after(prev);
    if (tracing())
        trace_choice(rq, prev, state, next, t);
    set_runstate(prev, state, t);
    if (next == prev) {
        spin_unlock(&rq->lock);
        if (nr_cpus > 1)
            sched_after_switch(smp_processor_id(), is_idle_vcpu(next));
        local_irq_enable();
        return;
    }
    set_runstate(next, RUNSTATE_running, t);
    WRITE_ONCE(next->is_running, true);
    WRITE_ONCE(get_cpu_info()->vcpu, next);
    spin_unlock(&rq->lock);

    if (!is_idle_vcpu(prev))
        vcpu_time_switch_out(prev);
    arch_context_switch(prev, next);
    store_release(&prev->is_running, false);
    if (!is_idle_vcpu(next)) {
        vcpu_time_switch_in(next);
        arch_update_guest_areas(next);
    }
    if (nr_cpus > 1)
        settle_switch(prev, next);
    arch_resume();
}

void sched_cpu_init(unsigned int cpu)
{
    struct run_queue *rq = &cpus[cpu]->rq;

    spin_lock_init(&rq->lock, RANK_SCHED);
    fair_cpu_init(rq, cpu);
    cpumask_set(&cpus[cpu]->siblings, cpu);
}

void sched_start(void)
{
    softirq_raise(SOFTIRQ_SCHEDULE);
    arch_resume();
}

/* ---- settings and times ---- */

s_time_t sched_rate_limit = SCHED_RATE_LIMIT;

void sched_init_domain(struct domain *d)
{
    trace_domain(TRC_SCHED_DOM_ADD, d);
    d->sched_weight = SCHED_DEFAULT_WEIGHT;
    cap_domain_init(d);
    sched_init_watchdogs(d);
}

void sched_init_vcpu(struct vcpu *v)
{
    fair_vcpu_init(v, v->domain->sched_weight);
    list_init(&v->cap.link);
    v->state_since = now();
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = (u64)v->state_since;
    memset(&v->hard_affinity, 0xff, sizeof(v->hard_affinity));
    memset(&v->soft_affinity, 0xff, sizeof(v->soft_affinity));
    sched_refresh_affinity(v);
}

void sched_set_weight(struct domain *d, u16 weight)
{
    struct vcpu *v;

    WRITE_ONCE(d->sched_weight, weight);
    for_each_vcpu (d, v) {
        unsigned long flags;
        struct run_queue *rq = sched_lock(v, &flags);

        fair_set_weight(rq, v, weight, running_on(v->processor), now());
        sched_unlock(rq, flags);
    }
}

void sched_set_cap(struct domain *d, u16 percent)
{
    struct vcpu *v;

    cap_set(d, percent);
    for_each_vcpu (d, v) {
        unsigned long flags;
        struct run_queue *rq = sched_lock(v, &flags); /* one that was just chosen is seen */

        if (running_on(v->processor) == v)
            softirq_raise_on(v->processor, SOFTIRQ_SCHEDULE);
        sched_unlock(rq, flags);
    }
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
    struct run_queue *rq = sched_lock(v, &flags);
    s_time_t delta = now() - v->state_since;

    *out = v->runstate;
    if (delta > 0)
        out->time[out->state] += (u64)delta;
    sched_unlock(rq, flags);
}
