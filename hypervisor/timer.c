/* SPDX-License-Identifier: MIT */
/*
 * Timers: each CPU has a pairing heap, ordered by expiry. Inserting is one comparison with the
 * root; removing the root pairs its children. The hardware is set only when the earliest expiry
 * moves forward in time: a timer that is stopped or put off leaves at most one interrupt too many.
 */
#include <arch.h>
#include <meter.h>
#include <percpu.h>
#include <softirq.h>
#include <timer.h>

/* Joins two heaps; the later root becomes the first child of the earlier one. */
static struct timer *meld_timers(struct timer *a, struct timer *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (b->expires < a->expires) {
        struct timer *t = a;

        a = b;
        b = t;
    }
    b->prev = a; /* of a first child: its parent */
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

/* Melds the children of a removed node: in pairs from the left, then all pairs from the right. */
static struct timer *merge_children(struct timer *first)
{
    struct timer *pairs = NULL, *root = NULL;

    while (first) {
        struct timer *a = first, *b = a->next, *pair;

        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        pair = meld_timers(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs) {
        struct timer *next = pairs->next;

        pairs->next = NULL;
        root = meld_timers(root, pairs);
        pairs = next;
    }
    if (root)
        root->next = root->prev = NULL;
    return root;
}

static void timer_dequeue(struct timer_queue *q, struct timer *t)
{
    struct timer *children = merge_children(t->child);

    if (t == q->root) {
        q->root = children;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        q->root = meld_timers(q->root, children);
    }
    t->child = t->next = t->prev = NULL;
    WRITE_ONCE(t->queued, false);
}

/* Locks the queue that @t belongs to; @t may move to another one until the lock is held. */
HOT_INLINE struct timer_queue *lock_queue_of(struct timer *t, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(t->cpu);
        struct timer_queue *q = &cpus[cpu]->timers;

        *flags = spin_lock_irqsave(&q->lock);
        if (likely(cpu == READ_ONCE(t->cpu)))
            return q;
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

/*
 * Sets the hardware, or makes the owning CPU do so: the earliest expiry may have moved. Locks: the
 * queue's is held.
 * @return false: the owning CPU takes no timers (timer_cpu_close())
 */
static inline bool program_timer(struct timer_queue *q, unsigned int cpu)
{
    s_time_t programmed = READ_ONCE(q->programmed);

    if (!q->root || (programmed && programmed <= q->root->expires))
        return true;
    if (cpu == smp_processor_id()) {
        q->programmed = q->root->expires;
        arch_set_timer(q->programmed);
        return true;
    }
    if (unlikely(q->closed))
        return false;
    softirq_raise_on(cpu, SOFTIRQ_TIMER);
    return true;
}

void timer_cpu_init(unsigned int cpu)
{
    spin_lock_init(&cpus[cpu]->timers.lock, RANK_TIMER);
}

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}

/* @return is @t's function running on another CPU, whose queue is @q? */
static bool runs_elsewhere(const struct timer_queue *q, const struct timer *t)
{
    return READ_ONCE(q->running) == t && q != &this_cpu()->timers;
}

/*
 * Moves @t if its function does not run on the CPU that it belongs to, where timer_kill() looks for
 * it. Both queues are locked, so that no timer_stop() or timer_set() falls in between.
 * @return has it been moved?
 */
static bool try_migrate(struct timer *t, unsigned int cpu)
{
    unsigned int from_cpu = READ_ONCE(t->cpu);
    struct timer_queue *from = &cpus[from_cpu]->timers, *to = &cpus[cpu]->timers;
    unsigned long flags = local_irq_save();
    bool moves;

    spin_lock_two(&from->lock, &to->lock);
    moves = from_cpu == READ_ONCE(t->cpu) && !runs_elsewhere(from, t);
    if (moves) {
        bool queued = t->queued;

        if (queued)
            timer_dequeue(from, t);
        WRITE_ONCE(t->cpu, cpu);
        if (queued) {
            WRITE_ONCE(t->queued, true);
            to->root = meld_timers(to->root, t);
            program_timer(to, cpu);
        }
    }
    spin_unlock_two(&from->lock, &to->lock);
    local_irq_restore(flags);
    return moves;
}

void timer_migrate(struct timer *t, unsigned int cpu)
{
    while (!try_migrate(t, cpu))
        tlb_relax();
}

void timer_set(struct timer *t, s_time_t expires)
{
    unsigned long flags;
    struct timer_queue *q = lock_queue_of(t, &flags);
    bool taken;

    if (t->queued)
        timer_dequeue(q, t);
    t->expires = expires > 0 ? expires : 1;
    WRITE_ONCE(t->queued, true);
    q->root = meld_timers(q->root, t);
    taken = program_timer(q, t->cpu);
    spin_unlock_irqrestore(&q->lock, flags);
    if (unlikely(!taken)) /* where its function runs at this moment, the next one is seen to */
        (void)try_migrate(t, smp_processor_id());
}

void timer_stop(struct timer *t)
{
    unsigned long flags;
    struct timer_queue *q = lock_queue_of(t, &flags);

    if (t->queued)
        timer_dequeue(q, t);
    spin_unlock_irqrestore(&q->lock, flags);
}

void timer_kill(struct timer *t)
{
    if (!t->fn)
        return; /* never initialised */
    timer_stop(t);
    while (runs_elsewhere(&cpus[READ_ONCE(t->cpu)]->timers, t))
        tlb_relax();
}

void timer_cpu_close(unsigned int cpu)
{
    struct timer_queue *q = &this_cpu()->timers;

    for (;;) {
        unsigned long flags = spin_lock_irqsave(&q->lock);
        struct timer *first = q->root;

        q->closed = true;
        q->programmed = 0;
        spin_unlock_irqrestore(&q->lock, flags);
        if (!first)
            return;
        timer_migrate(first, cpu); /* an owner that stops and frees it waits for a grace period */
    }
}

void timer_cpu_open(void)
{
    struct timer_queue *q = &this_cpu()->timers;
    unsigned long flags = spin_lock_irqsave(&q->lock);

    q->closed = false;
    spin_unlock_irqrestore(&q->lock, flags);
}

/*
 * Without the lock: whoever still sees the old time leaves the hardware to the softirq, which looks
 * at the queue again.
 */
void timer_interrupt(void)
{
    WRITE_ONCE(this_cpu()->timers.programmed, 0);
    softirq_raise(SOFTIRQ_TIMER);
}

void timer_softirq(void)
{
    struct timer_queue *q = &this_cpu()->timers;
    unsigned long flags = spin_lock_irqsave(&q->lock);
    s_time_t t_now = now();

    if (unlikely(q->closed)) { /* whoever has put a timer there takes it elsewhere himself */
        spin_unlock_irqrestore(&q->lock, flags);
        return;
    }
    while (q->root && q->root->expires <= t_now) {
        struct timer *t = q->root;
        void (*fn)(void *) = t->fn;
        void *arg = t->arg;

        timer_dequeue(q, t);
        WRITE_ONCE(q->running, t);
        spin_unlock_irqrestore(&q->lock, flags);
        meter_callback((const void *)fn);
        fn(arg);
        flags = spin_lock_irqsave(&q->lock);
        WRITE_ONCE(q->running, NULL);
    }
    program_timer(q, smp_processor_id());
    spin_unlock_irqrestore(&q->lock, flags);
}
