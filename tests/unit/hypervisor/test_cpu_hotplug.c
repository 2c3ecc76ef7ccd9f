/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/unit/hypervisor/sched_sim.c */
/*
 * CPUs that dom0 takes out of use and back, step by step: who may go when, what a CPU leaves
 * behind, and hypercalls that are preempted while they wait for it.
 */
#include "sched_sim.h"

#include <cpu_hotplug.h>
#include <percpu.h>

static struct sim sim;
static unsigned int flushes[2]; /* before, and when others can ask for flushes */

void tlb_flush_local(void)
{
    flushes[cpumask_test(&cpu_online, smp_processor_id())]++;
}

static int setup(void **state)
{
    sim_boot();
    sim_begin(&sim, 4, 1, 1);
    flushes[0] = flushes[1] = 0;
    return 0;
}

/* The idle loops of all CPUs go round once. */
static void idle_loops(void)
{
    sim_settle(&sim);
    for (unsigned int cpu = 0; cpu < sim.cpus; cpu++) {
        host_run_on(cpu);
        if (is_idle_vcpu(current) && cpus[cpu]->state != CPU_UP)
            cpu_hotplug_step();
    }
    sim_settle(&sim);
    host_run_on(0);
}

/* The hypercall, which is preempted whenever it would wait. */
static int try_set_use(unsigned int cpu, bool use)
{
    int rc;

    host_run_on(0);
    host_preempt_every(1);
    rc = cpu_set_use(cpu, use);
    host_preempt_every(0);
    return rc;
}

static int set_use(unsigned int cpu, bool use)
{
    int rc;

    while ((rc = try_set_use(cpu, use)) == -ERESTART)
        idle_loops();
    sim_settle(&sim);
    return rc;
}

static int teardown(void **state)
{
    for (unsigned int cpu = 1; cpu < sim.cpus; cpu++)
        (void)set_use(cpu, true);
    sim_end(&sim);
    return 0;
}

static struct vcpu *busy(unsigned int domain, unsigned int cpu)
{
    struct vcpu *v = sim_add(&sim, domain, 0, SCHED_NEVER, 0)->v;
    cpumask_t m = {{0}};

    cpumask_set(&m, cpu);
    sched_set_affinity(v, &m, NULL);
    sim_settle(&sim);
    return v;
}

static void refusals(void **state)
{
    assert_int_equal(set_use(0, false), -XEN_EINVAL);
    assert_int_equal(set_use(4, false), -XEN_EINVAL);
    assert_int_equal(set_use(~0U, false), -XEN_EINVAL);
    assert_int_equal(set_use(4, true), -XEN_EINVAL);
    assert_int_equal(set_use(0, true), -XEN_EEXIST);
    assert_int_equal(set_use(2, false), 0);
    assert_int_equal(set_use(2, false), -XEN_EEXIST);
    assert_int_equal(set_use(2, true), 0);
    assert_int_equal(set_use(2, true), -XEN_EEXIST);
}

static void vcpus_go_and_come(void **state)
{
    struct vcpu *v = busy(0, 1), *w = busy(1, 2);

    assert_int_equal(v->processor, 1);
    assert_int_equal(try_set_use(1, false), -ERESTART);
    assert_int_equal(cpus[1]->state, CPU_LEAVING);
    host_run_on(1);
    cpu_hotplug_step(); /* @v runs there: not yet */
    assert_int_equal(cpus[1]->state, CPU_LEAVING);
    assert_true(cpumask_test(&cpu_online, 1));
    idle_loops();
    assert_int_equal(cpus[1]->state, CPU_LEFT);
    assert_false(cpumask_test(&cpu_online, 1));
    assert_int_equal(try_set_use(1, false), 0);
    assert_int_not_equal(v->processor, 1);
    assert_true(v->is_running && w->is_running);
    sim_run(&sim, MILLISECS(100));
    assert_true(sched_cpu_is_empty(1));
    sim_check(&sim);
    assert_int_equal(nr_cpus, 4);
    assert_int_equal(cpumask_weight(&cpu_online), 3);

    assert_int_equal(flushes[0] + flushes[1], 0);
    assert_int_equal(set_use(1, true), 0);
    assert_int_equal(flushes[0], 1);
    assert_int_equal(flushes[1], 1);
    assert_true(cpumask_test(&cpu_online, 1));
    assert_int_equal(v->processor, 1);
    assert_true(v->is_running);
}

/* A hypercall that was given up is finished by the next one, whatever that wants. */
static void given_up(void **state)
{
    assert_int_equal(try_set_use(3, false), -ERESTART);
    assert_int_equal(try_set_use(3, true), -ERESTART);
    assert_int_equal(cpus[3]->state, CPU_LEAVING);
    assert_int_equal(set_use(3, true), 0);
    assert_true(cpumask_test(&cpu_online, 3));
    assert_true(cpumask_test(&sched_cpus, 3));
    assert_int_equal(set_use(3, false), 0);
    assert_int_equal(try_set_use(3, true), -ERESTART);
    assert_int_equal(set_use(3, false), 0);
    assert_false(cpumask_test(&cpu_online, 3));
    assert_false(cpumask_test(&sched_cpus, 3));
}

static unsigned int fired_on;

static void fire(void *arg)
{
    fired_on = smp_processor_id();
}

static void timers(void **state)
{
    struct timer set, unset;

    timer_init(&set, fire, NULL, 1);
    timer_init(&unset, fire, NULL, 1);
    timer_set(&set, host_now + MILLISECS(5));
    assert_int_equal(set_use(1, false), 0);
    assert_null(cpus[1]->timers.root);
    fired_on = 1;
    sim_run(&sim, MILLISECS(10));
    assert_int_equal(fired_on, 0);
    /* One that stayed behind follows whoever sets it. */
    host_run_on(2);
    timer_set(&unset, host_now + MILLISECS(5));
    sim_run(&sim, MILLISECS(10));
    assert_int_equal(fired_on, 2);
    assert_null(cpus[1]->timers.root);
    timer_migrate(&unset, 1);
    assert_int_equal(set_use(1, true), 0);
    timer_set(&unset, host_now + MILLISECS(5));
    assert_int_equal(unset.cpu, 1);
    sim_run(&sim, MILLISECS(10));
    assert_int_equal(fired_on, 1);
}

/* The scheduler's own timer stays with its CPU. */
static void slices(void **state)
{
    busy(0, 1);
    busy(1, 1);
    sim_run(&sim, MILLISECS(5));
    assert_true(cpus[1]->rq.fair.slice.queued);
    assert_int_equal(set_use(1, false), 0);
    assert_int_equal(cpus[1]->rq.fair.slice.cpu, 1);
    assert_int_equal(set_use(1, true), 0);
    sim_run(&sim, MILLISECS(5));
    assert_true(cpus[1]->rq.fair.slice.queued);
    assert_int_equal(cpus[1]->rq.fair.slice.cpu, 1);
}

static long watchdog(u32 id, u32 timeout)
{
    struct sched_watchdog op = {.id = id, .timeout = timeout};

    return host_call2(do_sched_op, SCHEDOP_watchdog, &op, sizeof(op));
}

/*
 * The CPU that goes takes the domain's watchdog elsewhere, while the domain may stop it and start
 * it again: that does not prepare the timer anew, on another queue than the one where it is put.
 */
static void watchdogs(void **state)
{
    struct timer *t = &busy(4, 2)->domain->watchdog[0];

    host_run_on(2);
    assert_int_equal(watchdog(0, 5), 1);
    assert_int_equal(watchdog(1, 0), 0);
    timer_migrate(t, 3);
    assert_int_equal(watchdog(0, 5), 1);
    assert_true(READ_ONCE(t->queued));
    assert_int_equal(t->cpu, 3);
    assert_int_equal(set_use(3, false), 0);
    assert_true(READ_ONCE(t->queued));
    assert_int_not_equal(t->cpu, 3);
    assert_int_equal(t->expires, host_now + SECONDS(5));
    host_run_on(2);
    assert_int_equal(watchdog(1, 0), 0);
    assert_false(READ_ONCE(t->queued));
}

static bool called;

static void callback(struct rcu_head *head)
{
    called = true;
}

static void callbacks_first(void **state)
{
    struct rcu_head head;

    called = false;
    assert_int_equal(try_set_use(1, false), -ERESTART);
    host_run_on(1);
    call_rcu(&head, callback);
    cpu_hotplug_step();
    assert_int_equal(cpus[1]->state, CPU_LEAVING);
    assert_false(called);
    assert_int_equal(set_use(1, false), 0);
    assert_true(called);
    /* Nobody waits for it when it is away. */
    called = false;
    host_run_on(2);
    call_rcu(&head, callback);
    sim_settle(&sim);
    assert_true(called);
}

/* The last thread of a core that is in use is a whole core. */
static void last_of_its_core(void **state)
{
    teardown(state);
    sim_begin(&sim, 4, 2, 1);
    assert_int_equal(set_use(3, false), 0);
    assert_int_equal(busy(0, 0)->processor, 0);
    assert_int_equal(sim_add(&sim, 1, 0, SCHED_NEVER, 0)->v->processor, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(vcpus_go_and_come, setup, teardown),
        cmocka_unit_test_setup_teardown(given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(timers, setup, teardown),
        cmocka_unit_test_setup_teardown(slices, setup, teardown),
        cmocka_unit_test_setup_teardown(watchdogs, setup, teardown),
        cmocka_unit_test_setup_teardown(callbacks_first, setup, teardown),
        cmocka_unit_test_setup_teardown(last_of_its_core, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
