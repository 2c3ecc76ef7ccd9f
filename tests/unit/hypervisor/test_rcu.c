/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Grace periods: never over before every CPU has been quiescent, and over soon after; CPUs that
 * sleep are woken for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>

#define CPUS 3U

static unsigned int called;

static void count(struct rcu_head *head)
{
    called++;
}

static int setup(void **state)
{
    host_boot_memory(64, CPUS);
    called = 0;
    return 0;
}

/* What @cpu's softirqs do of what concerns us. Returns what was pending. */
static u32 pass(unsigned int cpu)
{
    u32 pending;

    host_run_on(cpu);
    pending = get_cpu_info()->softirq_pending;
    get_cpu_info()->softirq_pending = 0;
    if (pending >> SOFTIRQ_SCHEDULE & 1)
        rcu_quiescent();
    if ((pending | get_cpu_info()->softirq_pending) >> SOFTIRQ_RCU & 1)
        rcu_softirq();
    return pending;
}

/* No CPU acts unless the test says so, as in a machine that sleeps. */
static void sleeping_cpus(void **state)
{
    static struct rcu_head head[2];
    unsigned int rounds = 0;

    host_run_on(0);
    call_rcu(&head[0], count);
    pass(0);
    assert_int_equal(called, 0);
    assert_true(pass(1) >> SOFTIRQ_SCHEDULE & 1);
    while (pass(0))
        assert_int_equal(called, 0); /* CPU 2 may still look at it */
    assert_true(pass(2) >> SOFTIRQ_SCHEDULE & 1);
    assert_int_equal(called, 0);
    host_run_on(0);
    call_rcu(&head[1], count); /* another, for the next period */
    for (u32 pending = 1; pending; rounds++) {
        assert_true(rounds < 20);
        pending = 0;
        for (unsigned int cpu = 0; cpu < CPUS; cpu++)
            pending |= pass(cpu);
    }
    assert_int_equal(called, 2);
    host_run_on(0);
}

/* A CPU that is idle is neither woken nor waited for; one that stops being so is. */
static void idle_cpus_are_left_alone(void **state)
{
    static struct rcu_head head[2];

    host_run_on(1);
    rcu_idle_enter();
    host_run_on(2);
    rcu_idle_enter();
    rcu_idle_exit();
    host_run_on(0);
    call_rcu(&head[0], count);
    pass(0);
    assert_int_equal(cpus[1]->info->softirq_pending, 0);
    while (pass(0))
        assert_int_equal(called, 0);
    assert_true(pass(2) >> SOFTIRQ_SCHEDULE & 1);
    assert_int_equal(called, 0);
    while (pass(0))
        ;
    assert_int_equal(called, 1);
    assert_int_equal(cpus[1]->info->softirq_pending, 0);
    /* It wakes after the period began: it is waited for, since it is not known what it holds. */
    host_run_on(2);
    rcu_idle_enter();
    host_run_on(0);
    call_rcu(&head[1], count);
    pass(0);
    host_run_on(1);
    rcu_idle_exit();
    while (pass(0))
        assert_int_equal(called, 1);
    host_run_on(1);
    rcu_quiescent();
    while (pass(0))
        ;
    assert_int_equal(called, 2);
    host_run_on(0);
}

static void all_cpus_queue(void **state)
{
    static struct rcu_head head[CPUS];
    u32 pending = 1;

    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        host_run_on(cpu);
        call_rcu(&head[cpu], count);
    }
    for (unsigned int rounds = 0; pending; rounds++) {
        assert_true(rounds < 20);
        pending = 0;
        for (unsigned int cpu = 0; cpu < CPUS; cpu++)
            pending |= pass(cpu);
    }
    assert_int_equal(called, CPUS);
    host_run_on(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sleeping_cpus, setup),
        cmocka_unit_test_setup(idle_cpus_are_left_alone, setup),
        cmocka_unit_test_setup(all_cpus_queue, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
