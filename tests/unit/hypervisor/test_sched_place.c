/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/unit/hypervisor/sched_sim.c */
/*
 * Where vCPUs run, step by step: affinities, cores, CPUs that go and come, and who makes room for
 * whom within a domain. test_sched_sim.c has the same by chance.
 */
#include "sched_sim.h"

static struct sim sim;

static int setup(void **state)
{
    sim_boot();
    return 0;
}

static int teardown(void **state)
{
    sim_end(&sim);
    return 0;
}

static cpumask_t one_cpu(unsigned int cpu)
{
    cpumask_t m = {{0}};

    cpumask_set(&m, cpu);
    return m;
}

static struct vcpu *busy(unsigned int domain, unsigned int vcpu)
{
    return sim_add(&sim, domain, vcpu, SCHED_NEVER, 0)->v;
}

static void may_run_on(struct vcpu *v, unsigned int cpu)
{
    cpumask_t m = one_cpu(cpu);

    sched_set_affinity(v, &m, NULL);
}

static void pin(struct vcpu *v, unsigned int cpu)
{
    may_run_on(v, cpu);
    sim_settle(&sim);
    sim_check(&sim);
}

/* A hard affinity is obeyed at once by whoever runs, waits or sleeps, even when CPUs are idle. */
static void hard(void **state)
{
    struct vcpu *a, *b, *c;

    sim_begin(&sim, 4, 1, 1);
    a = busy(0, 0);
    b = busy(1, 0);
    pin(a, 3);
    assert_int_equal(a->processor, 3);
    assert_true(a->is_running);
    pin(b, 3);
    assert_int_equal(b->processor, 3);
    assert_true(a->is_running ^ b->is_running);
    sim_run(&sim, SECONDS(1));
    assert_in_range(sim_cpu_time(a), MILLISECS(480), MILLISECS(520));
    /* The one that waits. */
    c = a->is_running ? b : a;
    pin(c, 2);
    assert_int_equal(c->processor, 2);
    assert_true(c->is_running);
    /* One that sleeps. */
    host_run_on(2);
    vcpu_block_enable_events();
    sim_settle(&sim);
    pin(c, 1);
    assert_int_equal(c->processor, 1);
    host_run_on(0);
    vcpu_unblock(c);
    sim_settle(&sim);
    assert_int_equal(c->processor, 1);
    assert_true(c->is_running);
}

/* A vCPU that waits is offered at once to an idle CPU that has become one of its own. */
static void widened(void **state)
{
    cpumask_t both = one_cpu(0);
    struct vcpu *a, *b, *waiting;

    sim_begin(&sim, 2, 1, 1);
    a = busy(0, 0);
    b = busy(1, 0);
    pin(a, 1);
    pin(b, 1);
    waiting = a->is_running ? b : a;
    assert_false(waiting->is_running);
    cpumask_set(&both, 1);
    sched_set_affinity(waiting, &both, NULL);
    sim_settle(&sim);
    assert_int_equal(waiting->processor, 0);
    assert_true(waiting->is_running);
}

/* The only CPU of a vCPU that sleeps leaves before its affinity is worked out anew. */
static void its_only_cpu_leaves(void **state)
{
    struct run_queue *rq;
    unsigned long flags;
    struct vcpu *v;

    sim_begin(&sim, 2, 1, 1);
    v = busy(0, 0);
    pin(v, 1);
    host_run_on(1);
    vcpu_block_enable_events();
    sim_settle(&sim);
    cpumask_clear(&sched_cpus, 1);
    rq = sched_lock(v, &flags);
    sched_move(rq, v, flags);
    assert_int_equal(v->processor, 0);
    cpumask_set(&sched_cpus, 1);
}

/* A soft affinity decides among idle CPUs, but nobody waits for it. */
static void soft(void **state)
{
    cpumask_t m = one_cpu(2);
    struct vcpu *a, *b;

    sim_begin(&sim, 4, 1, 1);
    a = sim_domains[0]->vcpu[0];
    b = sim_domains[1]->vcpu[0];
    sched_set_affinity(a, NULL, &m);
    sched_set_affinity(b, NULL, &m);
    busy(0, 0);
    assert_int_equal(a->processor, 2);
    busy(1, 0);
    assert_int_not_equal(b->processor, 2);
    assert_true(a->is_running && b->is_running);
}

/* Each core gets one vCPU before any gets two. */
static void cores(void **state)
{
    unsigned int used = 0;

    sim_begin(&sim, 8, 2, 1);
    for (unsigned int i = 0; i < 4; i++)
        used |= 1U << busy(i, 0)->processor / 2;
    assert_int_equal(used, 15);
    for (unsigned int i = 4; i < 8; i++)
        assert_true(busy(i, 0)->is_running);
}

/* The timers of a vCPU go where it runs, and from a CPU that stops. */
static void down_and_up(void **state)
{
    struct vcpu *a, *b, *asleep;

    sim_begin(&sim, 2, 1, 1);
    a = busy(0, 0);
    asleep = busy(1, 0);
    pin(a, 1);
    pin(asleep, 1);
    sim_run(&sim, MILLISECS(50));
    host_run_on(1);
    if (!asleep->is_running)
        sim_run(&sim, MILLISECS(10));
    assert_ptr_equal(cpus[1]->info->vcpu, asleep);
    host_run_on(1);
    assert_int_equal(do_set_timer_op(host_now + MILLISECS(100)), 0);
    vcpu_block_enable_events();
    sim_settle(&sim);
    assert_int_equal(asleep->singleshot.cpu, 1);
    b = busy(2, 0);
    pin(b, 0);

    host_run_on(0);
    assert_int_equal(sched_cpu_down(1), 0);
    assert_int_equal(asleep->singleshot.cpu, 0);
    sim_settle(&sim);
    assert_true(sched_cpu_is_empty(1));
    assert_int_equal(a->processor, 0);
    assert_int_equal(asleep->processor, 0);
    assert_true(cpumask_test(&a->hard_affinity, 1));
    assert_false(cpumask_test(&a->hard_affinity, 0));
    assert_int_equal(sched_cpu_down(0), -XEN_EBUSY);
    sim_run(&sim, SECONDS(1));
    sim_check(&sim);

    host_run_on(0);
    sched_cpu_up(1);
    sim_settle(&sim);
    assert_int_equal(a->processor, 1);
    assert_true(a->is_running && b->is_running);
    assert_int_equal(asleep->processor, 1);
}

/* Runs @v, which waits. */
static void let_run(const struct vcpu *v)
{
    for (unsigned int i = 0; i < 20 && !v->is_running; i++)
        sim_run(&sim, MILLISECS(10));
    assert_true(v->is_running);
}

/*
 * Two vCPUs of a domain on one CPU: one sends an event and spins until the other one, which waits,
 * has answered.
 */
static void spinners(void **state)
{
    struct vcpu *a, *b, *stranger;
    u64 before;

    sim_begin(&sim, 1, 1, 1);
    a = busy(0, 0);
    b = busy(0, 1);
    stranger = busy(1, 0);
    let_run(a);
    for (unsigned int i = 0; i < 5; i++) {
        sim_run(&sim, MICROSECS(5));
        vcpu_kick(b);
        sim_settle(&sim);
        assert_true(b->is_running);
        sim_run(&sim, MICROSECS(5));
        vcpu_kick(a);
        sim_settle(&sim);
        assert_true(a->is_running);
    }
    /* A stranger's event does not take the CPU from them, */
    vcpu_kick(stranger);
    sim_settle(&sim);
    assert_true(a->is_running);
    /* nor does it take more than their share if they go on doing so, */
    before = sim_cpu_time(stranger);
    for (unsigned int i = 0; i < 10000; i++) {
        sim_run(&sim, MICROSECS(100));
        if (!stranger->is_running)
            vcpu_kick(a->is_running ? b : a);
        sim_settle(&sim);
    }
    assert_in_range(sim_cpu_time(stranger) - before, MILLISECS(310), MILLISECS(360));
    /* and one that is kicked all the time does not starve the other one. */
    before = sim_cpu_time(a);
    for (unsigned int i = 0; i < 10000; i++) {
        sim_run(&sim, MICROSECS(100));
        if (b->on_queue)
            vcpu_kick(b);
        sim_settle(&sim);
    }
    assert_in_range(sim_cpu_time(a) - before, MILLISECS(300), MILLISECS(370));
}

/* The same when the other one slept, and owes time. */
static void sleeping_spinner(void **state)
{
    struct vcpu *a, *b;

    sim_begin(&sim, 1, 1, 1);
    a = busy(0, 0);
    b = busy(0, 1);
    busy(1, 0);
    let_run(b);
    sim_run(&sim, MICROSECS(100));
    host_run_on(0);
    vcpu_block_enable_events();
    sim_settle(&sim);
    let_run(a);
    vcpu_kick(b);
    sim_settle(&sim);
    assert_true(b->is_running);
}

/* What a vCPU owes when it goes to sleep is forgiven while others run. */
static void debts_are_forgiven(void **state)
{
    struct vcpu *v;
    u64 before;

    sim_begin(&sim, 1, 1, 1);
    v = busy(0, 0);
    busy(1, 0);
    busy(2, 0);
    while (!v->is_running || host_now - cpus[0]->rq.fair.started < SCHED_SLICE * 4 / 5)
        sim_run(&sim, MILLISECS(1));
    host_run_on(0);
    vcpu_block_enable_events();
    sim_settle(&sim);
    sim_run(&sim, MILLISECS(100));
    vcpu_unblock(v);
    sim_settle(&sim);
    before = sim_cpu_time(v);
    sim_run(&sim, SCHED_RATE_LIMIT + MICROSECS(1));
    assert_true(sim_cpu_time(v) > before);
}

/* Nor is there anything to gain by short sleeps: who owes time waits, however early it is due. */
static void sleep_is_no_gain(void **state)
{
    struct vcpu *v;

    sim_begin(&sim, 1, 1, 1);
    v = sim_add(&sim, 0, 0, MILLISECS(9), MICROSECS(100))->v;
    busy(1, 0);
    busy(2, 0);
    sim_run(&sim, SECONDS(10));
    assert_in_range(sim_cpu_time(v), MILLISECS(3000), MILLISECS(3500));
}

/* Neither a credit nor a debt grows without limit. */
static void lag_is_limited(void **state)
{
    struct vcpu *v;

    sim_begin(&sim, 1, 1, 1);
    v = busy(0, 0);
    fair_add_lag(v, 1L << 60);
    assert_int_equal(v->fair.lag, fair_virtual(v, SCHED_LAG_LIMIT));
    fair_add_lag(v, -(1L << 61));
    assert_int_equal(v->fair.lag, -(s64)fair_virtual(v, SCHED_LAG_LIMIT));
    v->fair.moved = false;
}

/* A weight counts from now on, also for one that waits with a lag. */
static void weights_change(void **state)
{
    struct vcpu *a, *b;
    u64 before;

    sim_begin(&sim, 1, 1, 1);
    a = busy(0, 0);
    b = busy(1, 0);
    sim_run(&sim, MILLISECS(505));
    sched_set_weight(sim_domains[0], 768);
    sim_settle(&sim);
    sim_check(&sim);
    before = sim_cpu_time(a);
    sim_run(&sim, SECONDS(1));
    assert_in_range(sim_cpu_time(a) - before, MILLISECS(735), MILLISECS(765));
    sched_set_weight(sim_domains[0], 1);
    sched_set_weight(sim_domains[1], 65535);
    before = sim_cpu_time(b);
    sim_run(&sim, SECONDS(1));
    assert_in_range(sim_cpu_time(b) - before, MILLISECS(975), SECONDS(1));
}

/* A vCPU that waits with a cap, and is then freed of it, runs at once; a sleeping one stays off. */
static void caps_change(void **state)
{
    struct vcpu *a;
    u64 before;

    sim_begin(&sim, 2, 1, 1);
    sched_set_cap(sim_domains[0], 25);
    a = busy(0, 0);
    sim_run(&sim, MILLISECS(100));
    assert_in_range(sim_cpu_time(a), MILLISECS(25), MILLISECS(28));
    while (!a->cap.parked)
        sim_run(&sim, MICROSECS(100));
    assert_int_equal(a->runstate.state, RUNSTATE_runnable);
    domain_pause_nosync(sim_domains[0]);
    assert_false(a->cap.parked);
    assert_int_equal(a->runstate.state, RUNSTATE_offline);
    domain_unpause(sim_domains[0]);
    sim_settle(&sim);
    assert_true(a->cap.parked);
    sched_set_cap(sim_domains[0], 0);
    sim_settle(&sim);
    assert_true(a->is_running);
    before = sim_cpu_time(a);
    sim_run(&sim, MILLISECS(100));
    assert_int_equal(sim_cpu_time(a) - before, MILLISECS(100));
    /* On one that runs, a cap counts at once. */
    sched_set_cap(sim_domains[0], 50);
    sim_settle(&sim);
    before = sim_cpu_time(a);
    sim_run(&sim, MILLISECS(100));
    assert_in_range(sim_cpu_time(a) - before, MILLISECS(50), MILLISECS(56));
}

/* A CPU that has seen a cap parks a vCPU when that has just been lifted. */
static void parked_without_a_cap(void **state)
{
    struct vcpu *a;

    sim_begin(&sim, 1, 1, 1);
    a = busy(0, 0);
    sched_set_cap(sim_domains[0], 50);
    while (!a->cap.parked)
        sim_run(&sim, MICROSECS(100));
    sim_domains[0]->cap.percent = 0;
    sim_domains[0]->cap.budget = 0;
    sim_run(&sim, 2 * CAP_PERIOD);
    assert_false(a->cap.parked);
    assert_true(a->is_running);
}

/* ---- registers that are not saved yet ---- */

static void (*while_saving)(struct vcpu *prev);

/* CPU 1 acts while CPU 0 saves the registers of @prev. */
void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    void (*fn)(struct vcpu * prev) = while_saving;

    if (!fn || is_idle_vcpu(prev))
        return;
    while_saving = NULL;
    host_run_on(1);
    fn(prev);
    host_run_on(0);
}

/* A vCPU that blocks on CPU 0, where another one waits; meanwhile @fn. CPU 1 is idle. */
static struct vcpu *block_and(void (*fn)(struct vcpu *prev))
{
    struct vcpu *a, *waits;
    cpumask_t all;

    memset(&all, 0xff, sizeof(all));
    sim_begin(&sim, 2, 1, 1);
    a = busy(0, 0);
    waits = busy(1, 0);
    pin(a, 0);
    pin(waits, 0);
    while (!a->is_running)
        sim_run(&sim, MILLISECS(1));
    sched_set_affinity(a, &all, NULL);
    assert_int_equal(a->processor, 0);
    while_saving = fn;
    host_run_on(0);
    vcpu_block_enable_events();
    sim_settle(&sim);
    assert_null(while_saving);
    sim_check(&sim);
    return a;
}

static void wake(struct vcpu *a)
{
    vcpu_unblock(a);
    assert_int_equal(a->processor, 0);
    assert_true(a->on_queue);
}

static void wake_and_move(struct vcpu *a)
{
    wake(a);
    may_run_on(a, 1);
    assert_int_equal(a->processor, 0);
    assert_false(a->on_queue);
}

static void move_and_wake(struct vcpu *a)
{
    may_run_on(a, 1);
    vcpu_unblock(a);
    assert_int_equal(a->processor, 0);
    assert_false(a->on_queue);
}

/* The vCPU stays with its CPU until then, even when it has to leave; nobody waits meanwhile. */
static void unsaved(void **state)
{
    static void (*const fns[])(struct vcpu * a) = {wake, wake_and_move, move_and_wake};

    for (unsigned int i = 0; i < ARRAY_SIZE(fns); i++) {
        const struct vcpu *a = block_and(fns[i]);

        assert_true(a->is_running);
        assert_int_equal(a->processor, 1);
        teardown(state);
    }
}

/* It was told to leave as long as it ran, and is woken where it may not stay. */
static void unsaved_where_it_may_not_be(void **state)
{
    struct vcpu *a = block_and(vcpu_unblock);

    pin(a, 0);
    sim_settle(&sim);
    while (!a->is_running)
        sim_run(&sim, MILLISECS(1));
    host_run_on(0);
    assert_ptr_equal(current, a);
    vcpu_block_enable_events();
    may_run_on(a, 1);
    while_saving = vcpu_unblock;
    sim_settle(&sim);
    assert_null(while_saving);
    assert_true(a->is_running);
    assert_int_equal(a->processor, 1);
}

/* Nor does a CPU that becomes idle take it. */
static void unsaved_is_not_taken(void **state)
{
    struct vcpu *a, *there;

    sim_begin(&sim, 2, 1, 1);
    pin(busy(0, 0), 0);
    there = busy(1, 0);
    pin(there, 1);
    a = busy(2, 0);
    while (a->processor != 0 || !a->on_queue)
        sim_run(&sim, MILLISECS(1));
    a->is_running = true;
    host_run_on(1);
    vcpu_block_enable_events();
    sim_settle(&sim);
    assert_true(is_idle_vcpu(cpus[1]->info->vcpu));
    assert_int_equal(a->processor, 0);
    a->is_running = false;
    softirq_raise_on(1, SOFTIRQ_SCHEDULE);
    sim_settle(&sim);
    assert_int_equal(a->processor, 1);
    assert_true(a->is_running);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hard),
        TEST(widened),
        TEST(its_only_cpu_leaves),
        TEST(soft),
        TEST(cores),
        TEST(down_and_up),
        TEST(spinners),
        TEST(sleeping_spinner),
        TEST(debts_are_forgiven),
        TEST(sleep_is_no_gain),
        TEST(lag_is_limited),
        TEST(weights_change),
        TEST(caps_change),
        TEST(parked_without_a_cap),
        TEST(unsaved),
        TEST(unsaved_where_it_may_not_be),
        TEST(unsaved_is_not_taken),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
