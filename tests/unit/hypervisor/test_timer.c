/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Timers against a naive model: random settings, stops and migrations; each fires once, in order,
 * never early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>

#define N 200U

static struct timer timers[N];
static s_time_t due[N]; /* 0: stopped */
static unsigned int fired;
static s_time_t last_due;

static void fire(void *arg)
{
    struct timer *t = arg;
    unsigned int i = (unsigned int)(t - timers);

    assert_true(due[i] != 0 && due[i] <= host_now);
    assert_true(due[i] >= last_due); /* in order of expiry */
    last_due = due[i];
    due[i] = 0;
    fired++;
}

static int setup(void **state)
{
    host_boot_memory(512, 2);
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        spin_lock_init(&cpus[cpu]->rq.lock, RANK_SCHED);
        timer_cpu_init(cpu);
    }
    for (unsigned int i = 0; i < N; i++)
        timer_init(&timers[i], fire, &timers[i], 0);
    memset(due, 0, sizeof(due));
    fired = 0;
    return 0;
}

static s_time_t earliest(void)
{
    s_time_t first = 0;

    for (unsigned int i = 0; i < N; i++)
        if (due[i] && (!first || due[i] < first))
            first = due[i];
    return first;
}

static void run_due(void)
{
    last_due = 0;
    timer_interrupt();
    get_cpu_info()->softirq_pending = 0;
    timer_softirq();
}

static void random_timers(void **state)
{
    unsigned int seed = 9, sets = 0;

    for (unsigned int i = 0; i < 60000; i++) {
        unsigned int t;

        seed = seed * 1103515245 + 12345;
        t = (seed >> 16) % N;
        switch (seed >> 8 & 7) {
        case 0:
            timer_stop(&timers[t]);
            due[t] = 0;
            break;
        case 1:
            host_now += (seed >> 4) % 300;
            run_due();
            for (unsigned int k = 0; k < N; k++)
                assert_true(!due[k] || due[k] > host_now);
            break;
        default:
            due[t] = host_now + 1 + (seed >> 9) % 5000;
            timer_set(&timers[t], due[t]);
            sets++;
            break;
        }
        /* The hardware never comes later than the first timer. */
        if (earliest())
            assert_true(cpus[0]->timers.programmed && host_hw_timer <= earliest());
        assert_int_equal(timers[t].queued, due[t] != 0);
    }
    host_now += 10000;
    run_due();
    assert_int_equal(earliest(), 0);
    assert_true(fired > sets / 20);
    assert_null(cpus[0]->timers.root);
}

static void past_and_zero(void **state)
{
    due[0] = 1;
    timer_set(&timers[0], 0);
    due[1] = 1;
    timer_set(&timers[1], -5);
    run_due();
    assert_int_equal(fired, 2);
    timer_kill(&timers[1]);
    timer_stop(&timers[0]);
}

static void migration(void **state)
{
    due[3] = host_now + 10;
    timer_set(&timers[3], due[3]);
    timer_migrate(&timers[3], 1);
    assert_null(cpus[0]->timers.root);
    assert_ptr_equal(cpus[1]->timers.root, &timers[3]);
    /* Its CPU is asked to look. */
    assert_true(cpus[1]->info->softirq_pending & 1U << SOFTIRQ_TIMER);
    timer_migrate(&timers[4], 1); /* not queued: stays so */
    assert_int_equal(timers[4].cpu, 1);
    host_now += 20;
    run_due();
    assert_int_equal(fired, 0);
    host_run_on(1);
    run_due();
    host_run_on(0);
    assert_int_equal(fired, 1);
}

/* While CPU 1 waits, the function of this timer returns on CPU 0; until then it belongs there. */
static struct timer *running;
static unsigned int looks;

void host_relax(void)
{
    assert_int_equal(running->cpu, 0);
    assert_ptr_equal(cpus[0]->timers.running, running);
    assert_int_equal(cpus[0]->timers.lock.next, cpus[0]->timers.lock.serving);
    if (++looks == 3)
        cpus[0]->timers.running = NULL;
}

static void runs_on_cpu_0(struct timer *t)
{
    running = cpus[0]->timers.running = t;
    looks = 0;
}

/* It was set again meanwhile. */
static void its_function_runs_elsewhere(void **state)
{
    due[6] = host_now + 10;
    timer_set(&timers[6], due[6]);
    host_run_on(1);
    runs_on_cpu_0(&timers[6]);
    timer_migrate(&timers[6], 1);
    assert_int_equal(looks, 3);
    assert_null(cpus[0]->timers.root);
    assert_ptr_equal(cpus[1]->timers.root, &timers[6]);
    assert_int_equal(timers[6].cpu, 1);

    timer_init(&timers[7], fire, &timers[7], 0);
    runs_on_cpu_0(&timers[7]);
    timer_stop(&timers[7]); /* does not wait */
    assert_int_equal(looks, 0);
    timer_kill(&timers[7]);
    assert_int_equal(looks, 3);
    /* Another one's function is not waited for. */
    runs_on_cpu_0(&timers[8]);
    timer_kill(&timers[7]);
    assert_int_equal(looks, 0);
    cpus[0]->timers.running = NULL;
    timer_stop(&timers[6]);
    host_run_on(0);
}

/* A timer that is put into the queue of a CPU that has just left is not for that CPU. */
static void a_closed_queue(void **state)
{
    due[5] = host_now + 10;
    timer_set(&timers[5], due[5]);
    cpus[0]->timers.closed = true;
    host_now += 10;
    timer_softirq();
    assert_ptr_equal(cpus[0]->timers.root, &timers[5]);
    cpus[0]->timers.closed = false;
    timer_softirq();
    assert_null(cpus[0]->timers.root);
}

static unsigned int rounds;

static void again(void *arg)
{
    if (++rounds < 5)
        timer_set(arg, host_now + 10);
}

/* A timer may set itself, and kill itself. */
static void from_its_own_function(void **state)
{
    struct timer t;

    timer_init(&t, again, &t, 0);
    timer_set(&t, host_now + 10);
    for (unsigned int i = 0; i < 10; i++) {
        host_now += 10;
        run_due();
    }
    assert_int_equal(rounds, 5);
    assert_false(t.queued);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_timers, setup),
        cmocka_unit_test_setup(past_and_zero, setup),
        cmocka_unit_test_setup(migration, setup),
        cmocka_unit_test_setup(its_function_runs_elsewhere, setup),
        cmocka_unit_test_setup(a_closed_queue, setup),
        cmocka_unit_test_setup(from_its_own_function, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
