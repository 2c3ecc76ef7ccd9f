/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * The scheduler: shares of CPU time, waking and sleeping, the accounting of run states. Time passes
 * only as the test says, so shares are exact to a time slice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <event_channel.h>
#include <host.h>

#define SLICE SCHED_SLICE
/* Of 256 vCPUs of weight 65535 that lie so far from the base of a queue, the sum fits into 2^62. */
#define FURTHEST_HEAVY (1L << 38)

static struct domain *d, *e;
static struct vcpu *idle;

static int setup(void **state)
{
    host_boot(2048);
    d = host_domain(1, 4, 0, false);
    e = host_domain(2, 1, 0, false);
    idle = cpus[0]->rq.idle;
    host_become(idle);
    host_settle();
    return d && e ? 0 : -1;
}

static int teardown(void **state)
{
    /* Off the CPU first: there is no other one that could make them leave it. */
    domain_pause_nosync(d);
    domain_pause_nosync(e);
    host_settle();
    assert_ptr_equal(current, idle);
    host_kill(d);
    host_kill(e);
    assert_int_equal(cpus[0]->rq.length, 0);
    return 0;
}

static void up(struct vcpu *v)
{
    if (test_and_clear_bit(&v->pause_flags, VPF_DOWN))
        vcpu_wake(v);
}

static void block(struct vcpu *v)
{
    set_bit(&v->pause_flags, VPF_BLOCKED);
    vcpu_sleep_nosync(v);
}

/* Lets the CPU run for @ns, in steps in which timers may come. */
static void run(s_time_t ns)
{
    while (ns > 0) {
        host_advance(MILLISECS(1));
        ns -= MILLISECS(1);
    }
}

static void idle_and_one(void **state)
{
    host_run_softirqs();
    assert_ptr_equal(current, idle);
    up(e->vcpu[0]);
    host_run_softirqs();
    assert_ptr_equal(current, e->vcpu[0]);
    assert_true(e->vcpu[0]->is_running);
    assert_false(idle->is_running);
    run(SECONDS(1));
    assert_ptr_equal(current, e->vcpu[0]);
    assert_int_equal(vcpu_cpu_time(e->vcpu[0]), SECONDS(1));
    vcpu_yield(); /* to no other vCPU */
    host_run_softirqs();
    assert_ptr_equal(current, e->vcpu[0]);
}

static void fair_shares(void **state)
{
    struct vcpu *v[3] = {d->vcpu[0], d->vcpu[1], e->vcpu[0]};

    for (unsigned int i = 0; i < 3; i++)
        up(v[i]);
    run(SECONDS(3));
    for (unsigned int i = 0; i < 3; i++)
        assert_in_range(vcpu_cpu_time(v[i]), SECONDS(1) - 2 * SLICE, SECONDS(1) + 2 * SLICE);
}

/*
 * A timer that was set for the vCPU that ran before does not shorten the slice of the one that runs
 * now.
 */
static void whole_slices(void **state)
{
    struct vcpu *x = d->vcpu[0], *y = e->vcpu[0];

    up(x);
    host_run_softirqs();
    assert_ptr_equal(current, x);
    up(y);
    run(MILLISECS(2));
    block(x);
    host_run_softirqs();
    assert_ptr_equal(current, y);
    vcpu_unblock(x);
    run(SLICE - MILLISECS(1));
    assert_ptr_equal(current, y);
    run(MILLISECS(2));
    assert_ptr_equal(current, x);
    run(SLICE - MILLISECS(2));
    assert_ptr_equal(current, x);
    run(MILLISECS(2));
    assert_ptr_equal(current, y);
}

static void weights(void **state)
{
    sched_set_weight(d, 512);
    up(d->vcpu[0]);
    up(e->vcpu[0]);
    run(SECONDS(3));
    assert_in_range(vcpu_cpu_time(d->vcpu[0]), SECONDS(2) - 3 * SLICE, SECONDS(2) + 3 * SLICE);
    assert_in_range(vcpu_cpu_time(e->vcpu[0]), SECONDS(1) - 3 * SLICE, SECONDS(1) + 3 * SLICE);
}

/* Where a vCPU runs or waits, its weight counts as it is now; elsewhere it does not count. */
static void weights_change(void **state)
{
    const struct run_queue *rq = &this_cpu()->rq;
    u64 before;

    host_run_softirqs();
    before = fair_load(rq);
    up(d->vcpu[0]);
    host_run_softirqs();
    assert_int_equal(fair_load(rq), before + d->vcpu[0]->fair.weight);
    sched_set_weight(d, 512);
    assert_int_equal(fair_load(rq), before + d->vcpu[0]->fair.weight);
    up(e->vcpu[0]);
    assert_int_equal(fair_load(rq), before + d->vcpu[0]->fair.weight + e->vcpu[0]->fair.weight);
    sched_set_weight(e, 100);
    assert_int_equal(fair_load(rq), before + d->vcpu[0]->fair.weight + e->vcpu[0]->fair.weight);
}

/* A vCPU that slept long runs at once, but has saved up no time by it. */
static void sleepers(void **state)
{
    struct vcpu *hog = d->vcpu[0], *sleeper = e->vcpu[0];
    u64 before;

    up(hog);
    up(sleeper);
    run(MILLISECS(100));
    block(sleeper);
    run(SECONDS(5));
    assert_ptr_equal(current, hog);
    before = vcpu_cpu_time(sleeper);
    vcpu_unblock(sleeper);
    host_run_softirqs();
    assert_ptr_equal(current, sleeper);
    run(SECONDS(1));
    assert_in_range(vcpu_cpu_time(sleeper) - before, MILLISECS(480), MILLISECS(530));
}

/* One that sleeps through a long virtual time gets another weight, and has its share of it then. */
static void weight_of_a_sleeper(void **state)
{
    struct vcpu *hog = d->vcpu[0], *sleeper = e->vcpu[0];
    u64 before;

    sched_set_weight(d, 1);
    sched_set_weight(e, 65535);
    up(hog);
    up(sleeper);
    run(MILLISECS(100));
    block(sleeper);
    run(SECONDS(5));
    sched_set_weight(e, 1);
    before = vcpu_cpu_time(sleeper);
    vcpu_unblock(sleeper);
    run(SECONDS(1));
    assert_in_range(vcpu_cpu_time(sleeper) - before, MILLISECS(470), MILLISECS(530));
}

/* A vCPU runs for a millisecond before another domain's takes the CPU from it on waking. */
static void wakers_wait_a_moment(void **state)
{
    struct vcpu *sender = d->vcpu[0], *receiver = e->vcpu[0], *sibling = d->vcpu[1];

    up(sender);
    up(receiver);
    up(sibling);
    block(receiver);
    block(sibling);
    run(MILLISECS(50));
    assert_ptr_equal(current, sender);

    /* It has run long enough. */
    vcpu_unblock(receiver);
    host_run_softirqs();
    assert_ptr_equal(current, receiver);
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, sender);

    /* Now it has only begun. */
    host_advance(MICROSECS(10));
    vcpu_unblock(receiver);
    host_run_softirqs();
    assert_ptr_equal(current, sender);
    host_advance(MICROSECS(980));
    assert_ptr_equal(current, sender);
    host_advance(MICROSECS(10));
    assert_ptr_equal(current, receiver);
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, sender);

    /* One that stops earlier is not waited for. */
    host_advance(MICROSECS(10));
    vcpu_unblock(receiver);
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, receiver);
    vcpu_unblock(sender);
    host_advance(MICROSECS(500));
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, sender);

    /* Its own siblings need not wait. */
    host_advance(MICROSECS(10));
    vcpu_unblock(sibling);
    host_run_softirqs();
    assert_ptr_equal(current, sibling);
}

static void yielding(void **state)
{
    struct vcpu *x = d->vcpu[0], *y = e->vcpu[0], *first;

    up(x);
    up(y);
    host_run_softirqs();
    first = current;
    for (unsigned int i = 0; i < 10; i++) {
        host_now += 1000;
        vcpu_yield();
        host_run_softirqs();
        assert_ptr_equal(current, i % 2 ? first : (first == x ? y : x));
    }
}

/* The time of this CPU's queue. */
static u64 time_here(void)
{
    struct run_queue *rq = &this_cpu()->rq;

    return fair_pace(rq, current, now()) - rq->fair.pace;
}

/* From now on @v, which sleeps, has @lag on this CPU. */
static void give_lag(struct vcpu *v, s64 lag)
{
    v->fair.lag = lag;
    v->fair.left_at = time_here();
    v->fair.v = v->fair.left_at - (u64)lag;
    v->fair.idle_seen = this_cpu()->rq.fair.idles;
}

/* Two siblings run beside a vCPU of @weight, which then sleeps. @return the one that runs now */
static struct vcpu *siblings_beside_a_sleeper(struct vcpu *sleeper, u16 weight)
{
    sched_set_weight(sleeper->domain, weight);
    up(d->vcpu[0]);
    up(d->vcpu[1]);
    up(sleeper);
    run(MILLISECS(50));
    block(sleeper);
    host_run_softirqs();
    return current;
}

static struct vcpu *sibling_of(const struct vcpu *v)
{
    return v == d->vcpu[0] ? d->vcpu[1] : d->vcpu[0];
}

/* One that has had too much waits, though its weight is large and so its deadline the earliest. */
static void who_has_had_enough_waits(void **state)
{
    struct vcpu *heavy = e->vcpu[0], *light = siblings_beside_a_sleeper(heavy, 512),
                *other = sibling_of(light);

    /* The queue's time is between these two; it comes back with more than the one that waits. */
    give_lag(heavy,
             (s64)(light->fair.v - other->fair.v) / 2 - (s64)fair_virtual(other, MILLISECS(1)));
    vcpu_unblock(heavy);
    host_run_softirqs();
    assert_ptr_equal(current, light);
    assert_true((s64)(heavy->fair.v - other->fair.v) > 0);
    assert_true((s64)(heavy->fair.deadline - other->fair.deadline) < 0);
    host_now += 1000;
    vcpu_yield();
    host_run_softirqs();
    assert_ptr_equal(current, other);
}

static void down(struct vcpu *v)
{
    set_bit(&v->pause_flags, VPF_DOWN);
    vcpu_sleep_nosync(v);
}

/* Siblings that come and go, without running, do not take from a vCPU what it owes. */
static void nobody_sheds_debt(void **state)
{
    struct vcpu *victim = e->vcpu[0], *owes = d->vcpu[0], *dummy = d->vcpu[1];
    s64 enough = -(s64)fair_virtual(owes, MILLISECS(8));
    u64 before;

    up(victim);
    up(owes);
    up(dummy);
    run(MILLISECS(50));
    down(dummy);
    host_run_softirqs();
    before = vcpu_cpu_time(victim);
    for (unsigned int ms = 0; ms < 3000; ms++) {
        run(MILLISECS(1));
        if (current != victim || (s64)(owes->fair.v - victim->fair.v) <= 0)
            continue;
        for (unsigned int i = 0; i < 12 && (s64)(owes->fair.v - victim->fair.v) > enough; i++) {
            down(owes);
            up(dummy);
            up(owes);
            down(dummy);
        }
    }
    assert_in_range(vcpu_cpu_time(victim) - before, SECONDS(1) - 3 * SLICE, SECONDS(2));
}

/* The v of the vCPU that is furthest ahead of @v, from there. */
static s64 furthest_ahead_of(const struct vcpu *v)
{
    s64 most = 0;

    for (unsigned int i = 0; i < d->max_vcpus; i++)
        most = MAX(most, (s64)(d->vcpu[i]->fair.v - v->fair.v));
    return most;
}

/*
 * Siblings that come and go do not get further ahead than they have run: whoever wakes beside them
 * would be placed there, and wait until all have caught up.
 */
static void nobody_gets_ahead_without_running(void **state)
{
    struct vcpu *runs = d->vcpu[0], *first = d->vcpu[1], *second = d->vcpu[2];
    s64 before;

    up(runs);
    host_run_softirqs();
    for (unsigned int i = 1; i <= 2; i++) {
        up(d->vcpu[i]);
        for (unsigned int ms = 0; ms < 1000 && current != d->vcpu[i]; ms++)
            run(MILLISECS(1));
        run(MILLISECS(5));
        down(d->vcpu[i]);
        host_run_softirqs();
    }
    assert_ptr_equal(current, runs);
    up(first);
    up(second);
    before = furthest_ahead_of(runs);
    assert_true(before > 0);
    for (unsigned int i = 0; i < 50; i++) {
        down(first);
        down(second);
        up(first);
        up(second);
    }
    assert_in_range(furthest_ahead_of(runs), 0, before);
}

/* What a sleeper is owed is forgotten while others run; else siblings could save it up together. */
static void nobody_saves_up(void **state)
{
    struct vcpu *hog = e->vcpu[0], *saver = d->vcpu[0];
    u64 time;

    up(hog);
    host_run_softirqs();
    run(MILLISECS(50));
    up(saver);
    host_now += MICROSECS(500); /* less than the rate limit: the hog stays */
    down(saver);
    assert_ptr_equal(current, hog);
    assert_true(saver->fair.lag > 0);
    run(MILLISECS(5));
    time = time_here();
    up(saver);
    assert_int_equal(saver->fair.v, time);
}

/*
 * But nothing is forgotten in a moment in which nobody has run, though the time moves on when one
 * leaves that is owed some: else whoever blocks often would starve beside one that never does.
 */
static void a_moments_sleep_costs_nothing(void **state)
{
    struct vcpu *hog = e->vcpu[0], *sleeper = d->vcpu[0];
    unsigned int ran = 0;

    up(hog);
    up(sleeper);
    for (unsigned int i = 0; i < 10000; i++) {
        host_advance(MICROSECS(100));
        if (current != sleeper || ++ran % 20)
            continue;
        block(sleeper);
        host_run_softirqs();
        assert_ptr_equal(current, hog);
        host_now += MICROSECS(10);
        vcpu_unblock(sleeper);
    }
    assert_in_range(vcpu_cpu_time(sleeper), MILLISECS(500) - 2 * SLICE, MILLISECS(500) + 2 * SLICE);
}

/* One that owes time when its weight changes in its sleep owes as much time of its new weight. */
static void weight_of_a_debtor(void **state)
{
    struct vcpu *hog = e->vcpu[0], *owes = d->vcpu[0];
    s64 before;

    up(hog);
    up(owes);
    for (unsigned int ms = 0; ms < 1000; ms++) {
        run(MILLISECS(1));
        (void)time_here(); /* counts what the running one has run */
        if (current == owes && (s64)(owes->fair.v - hog->fair.v) > 0)
            break;
    }
    block(owes);
    host_run_softirqs();
    assert_true(owes->fair.lag < 0);
    before = owes->fair.lag;
    sched_set_weight(d, 512);
    assert_int_equal(owes->fair.lag, before / 2);
    vcpu_unblock(owes);
    /* The queue's time, where it weighed as much as the hog, is halfway between these two. */
    assert_in_range(hog->fair.v - owes->fair.v - (u64)(before + before / 2) + 2, 0, 4);
}

/* Who waits is owed a slice of its own, whatever the weight of those that favour each other. */
static void nobody_is_favoured_over_a_heavier_one(void **state)
{
    struct vcpu *heavy = e->vcpu[0], *sibling = sibling_of(siblings_beside_a_sleeper(heavy, 2560));

    sched_rate_limit = SECONDS(1); /* so that the heavy one has to wait */
    give_lag(heavy, (s64)fair_virtual(heavy, 4 * SCHED_LAG_LIMIT));
    vcpu_unblock(heavy);
    vcpu_favour(sibling);
    host_run_softirqs();
    sched_rate_limit = SCHED_RATE_LIMIT;
    assert_ptr_not_equal(current, sibling);
}

/* Nor does one owe more than the limit where time went back since: a light vCPU left, far ahead. */
static void nobody_owes_more_than_the_limit(void **state)
{
    struct vcpu *hog = e->vcpu[0], *owes = d->vcpu[0];
    u64 time;

    up(hog);
    host_run_softirqs();
    run(MILLISECS(5));
    up(owes);
    run(MILLISECS(12)); /* each has run, so that it leaves with a lag of this queue */
    down(owes);
    host_run_softirqs();
    time = time_here();
    owes->fair.lag = -1;
    owes->fair.v = time + fair_virtual(owes, SECONDS(1));
    up(owes);
    assert_int_equal(owes->fair.v - time, fair_virtual(owes, SCHED_LAG_LIMIT));
}

/* The sum of a queue does not overflow, however far ahead the first is that waits there. */
static void a_first_waiter_far_ahead(void **state)
{
    struct vcpu *hog = e->vcpu[0], *light = d->vcpu[0];
    const struct fair_queue *f = &this_cpu()->rq.fair;

    sched_set_weight(e, 65535);
    up(hog);
    host_run_softirqs();
    run(MILLISECS(50));
    sched_set_weight(d, 1);
    give_lag(light, -(s64)fair_virtual(light, SCHED_LAG_LIMIT));
    up(light);
    assert_true((s64)(light->fair.v - hog->fair.v) > FURTHEST_HEAVY);
    /* One of the heaviest that wakes now adds its weight times how far it is from the base. */
    assert_in_range(hog->fair.v - f->base + (u64)FURTHEST_HEAVY, 0, 2 * (u64)FURTHEST_HEAVY);
    sched_set_weight(d, 2);
    sched_set_weight(d, 1);
    assert_in_range(hog->fair.v - f->base + (u64)FURTHEST_HEAVY, 0, 2 * (u64)FURTHEST_HEAVY);
}

/* One that has been alone for two days has neither a lag nor a slice that a weight could change. */
static void weight_of_a_loner(void **state)
{
    struct vcpu *hog = d->vcpu[0];

    up(hog);
    host_run_softirqs();
    for (unsigned int i = 0; i < 17280; i++) {
        host_now += SECONDS(10);
        softirq_raise(SOFTIRQ_SCHEDULE);
        host_run_softirqs();
    }
    sched_set_weight(d, 512);
    assert_ptr_equal(current, hog);
}

static void blocking(void **state)
{
    struct vcpu *v = e->vcpu[0];
    struct vcpu_runstate_info r;

    up(v);
    host_run_softirqs();
    v->info->evtchn_upcall_mask = 1;
    v->info->evtchn_upcall_pending = 1;
    vcpu_block_enable_events(); /* something is there already */
    host_run_softirqs();
    assert_ptr_equal(current, v);
    assert_int_equal(v->info->evtchn_upcall_mask, 0);
    v->info->evtchn_upcall_pending = 0;
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, idle);
    vcpu_runstate_get(v, &r);
    assert_int_equal(r.state, RUNSTATE_blocked);
    host_now += 12345;
    vcpu_kick(v);
    vcpu_runstate_get(v, &r);
    assert_int_equal(r.state, RUNSTATE_runnable);
    assert_int_equal(r.time[RUNSTATE_blocked], 12345);
    host_now += 55;
    host_run_softirqs();
    assert_ptr_equal(current, v);
    vcpu_runstate_get(v, &r);
    assert_int_equal(r.state, RUNSTATE_running);
    assert_int_equal(r.time[RUNSTATE_runnable], 55);
}

/* A vCPU that runs elsewhere is interrupted, so that it looks at its events; nobody else is. */
static void kicking(void **state)
{
    struct vcpu *v = e->vcpu[0];
    unsigned long kicks = host_kicks;

    up(v);
    host_run_softirqs();
    assert_ptr_equal(current, v);
    vcpu_kick(v); /* the caller itself */
    assert_int_equal(host_kicks, kicks);
    host_run_on(1);
    vcpu_kick(v);
    assert_int_equal(host_kicks, kicks + 1);
    host_run_on(0);
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, idle);
    kicks = host_kicks;
    vcpu_kick(v);
    assert_int_equal(host_kicks, kicks);
    host_run_softirqs();
    assert_ptr_equal(current, v);
}

/* Blocked, then paused, then unblocked, then unpaused: it runs only after the last. */
static void pausing_a_blocked_one(void **state)
{
    struct vcpu *v = e->vcpu[0];
    struct vcpu_runstate_info r;

    up(v);
    host_run_softirqs();
    vcpu_block_enable_events();
    host_run_softirqs();
    domain_pause(e); /* it would not run anyway, so nothing is taken from it */
    host_now += MILLISECS(3);
    vcpu_runstate_get(v, &r);
    assert_int_equal(r.state, RUNSTATE_blocked);
    assert_int_equal(r.time[RUNSTATE_offline], 0);
    vcpu_unblock(v); /* from now on it would */
    host_now += MILLISECS(4);
    host_run_softirqs();
    assert_ptr_equal(current, idle);
    vcpu_runstate_get(v, &r);
    assert_int_equal(r.state, RUNSTATE_offline);
    assert_int_equal(r.time[RUNSTATE_offline], MILLISECS(4));
    domain_unpause(e);
    host_run_softirqs();
    assert_ptr_equal(current, v);

    /* A wake between the pause and the scheduler's look. */
    host_become(v);
    domain_pause_nosync(e);
    domain_unpause(e);
    host_run_softirqs();
    assert_ptr_equal(current, v);
    assert_false(v->on_queue);
}

static void random_states(void **state)
{
    unsigned int seed = 17;
    int pauses[2] = {0};

    for (unsigned int i = 0; i < 20000; i++) {
        struct domain *dom;
        struct vcpu *v;

        seed = seed * 1103515245 + 12345;
        dom = seed >> 12 & 1 ? d : e;
        v = dom->vcpu[(seed >> 16) % dom->max_vcpus];
        switch (seed >> 20 & 7) {
        case 0:
            up(v);
            break;
        case 1:
            set_bit(&v->pause_flags, VPF_DOWN);
            vcpu_sleep_nosync(v);
            break;
        case 2:
            set_bit(&v->pause_flags, VPF_BLOCKED);
            vcpu_sleep_nosync(v);
            break;
        case 3:
        case 4:
            vcpu_unblock(v);
            break;
        case 5:
            if (pauses[dom == d]++ < 3)
                domain_pause_nosync(dom);
            else
                pauses[dom == d]--;
            break;
        case 6:
            if (pauses[dom == d]) {
                pauses[dom == d]--;
                domain_unpause(dom);
            }
            break;
        default:
            host_now += (seed >> 8) % 3000000;
            break;
        }
        if (seed >> 28 < 8) {
            timer_interrupt();
            host_run_softirqs();
            /* What runs may run; what may run runs or waits. */
            assert_true(current == idle || vcpu_runnable(current));
            for (unsigned int k = 0; k < 5; k++) {
                v = k < 4 ? d->vcpu[k] : e->vcpu[0];
                assert_int_equal(vcpu_runnable(v), v == current || v->on_queue);
                assert_false(v == current && v->on_queue);
                assert_int_equal(v->is_running, v == current);
            }
            if (current == idle)
                assert_int_equal(cpus[0]->rq.length, 0);
        }
    }
    while (pauses[1]--)
        domain_unpause(d);
    while (pauses[0]--)
        domain_unpause(e);
}

/* The states' times add up to all time. */
static void accounting(void **state)
{
    struct vcpu *v = d->vcpu[0];
    struct vcpu_runstate_info r0, r;
    s_time_t t0 = host_now;
    u64 total = 0;

    vcpu_runstate_get(v, &r0);
    up(v);
    up(e->vcpu[0]);
    run(MILLISECS(200));
    block(v);
    run(MILLISECS(50));
    vcpu_unblock(v);
    run(MILLISECS(50));
    domain_pause_nosync(d);
    run(MILLISECS(70));
    domain_unpause(d);
    run(MILLISECS(30));
    vcpu_runstate_get(v, &r);
    for (unsigned int i = 0; i < 4; i++)
        total += r.time[i] - r0.time[i];
    assert_int_equal(total, host_now - t0);
    assert_in_range(r.time[RUNSTATE_blocked] - r0.time[RUNSTATE_blocked], MILLISECS(48),
                    MILLISECS(52));
}

static void guest_timers(void **state)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER};
    struct vcpu *v = e->vcpu[0];

    host_become(v);
    assert_int_equal(host_call2(do_event_channel_op, EVTCHNOP_bind_virq, &bind, sizeof(bind)), 0);
    host_become(idle);
    up(v);
    host_run_softirqs();
    assert_ptr_equal(current, v);
    assert_int_equal(do_set_timer_op(host_now + 5000), 0);
    vcpu_block_enable_events();
    host_run_softirqs();
    assert_ptr_equal(current, idle);
    host_advance(4999);
    assert_ptr_equal(current, idle);
    host_advance(1);
    assert_ptr_equal(current, v);
    assert_true(test_bit(e->shared_info->evtchn_pending, bind.port));
    clear_bit(e->shared_info->evtchn_pending, bind.port);
    assert_int_equal(do_set_timer_op(host_now + 5000), 0);
    assert_int_equal(do_set_timer_op(0), 0);
    host_advance(10000);
    assert_false(test_bit(e->shared_info->evtchn_pending, bind.port));
    assert_int_equal(do_set_timer_op(-1), 0); /* an overflow: soon */
    host_advance(MILLISECS(101));
    assert_true(test_bit(e->shared_info->evtchn_pending, bind.port));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(idle_and_one),
        TEST(fair_shares),
        TEST(whole_slices),
        TEST(weights),
        TEST(weights_change),
        TEST(sleepers),
        TEST(weight_of_a_sleeper),
        TEST(wakers_wait_a_moment),
        TEST(yielding),
        TEST(who_has_had_enough_waits),
        TEST(nobody_sheds_debt),
        TEST(nobody_gets_ahead_without_running),
        TEST(nobody_saves_up),
        TEST(a_moments_sleep_costs_nothing),
        TEST(weight_of_a_debtor),
        TEST(nobody_owes_more_than_the_limit),
        TEST(a_first_waiter_far_ahead),
        TEST(nobody_is_favoured_over_a_heavier_one),
        TEST(weight_of_a_loner),
        TEST(blocking),
        TEST(pausing_a_blocked_one),
        TEST(random_states),
        TEST(accounting),
        TEST(guest_timers),
        TEST(kicking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
