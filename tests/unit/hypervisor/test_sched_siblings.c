/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * vCPUs of one domain on one CPU that spin until a sibling has answered, as Linux does when it has
 * a function called on other CPUs: the one that is waited for gets the CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <sched_impl.h>

#define STEP  MICROSECS(1)
#define CALLS 2000U            /* of each vCPU */
#define LIMIT (1000UL * CALLS) /* steps; then something is wrong */
#define FEW   10U
#define BOUND (3 * SCHED_SLICE) /* of a vCPU's lag */
#define CHAIN 16U               /* vCPUs */

static struct domain *d, *e;

/* A vCPU that works, asks the other one, spins until that has answered, and begins anew. */
struct caller {
    struct vcpu *v;
    struct caller *other;
    unsigned int work; /* steps between two calls */
    unsigned int left;
    bool spins, looks;
    bool yields; /* when it finds that the one it asked does not run, as Linux */
    unsigned int calls;
    s_time_t since, longest;
};

static struct caller callers[2];
static s_time_t call_limit;
static unsigned int long_calls, other_turns; /* calls above the limit; turns of the other domain */

static int setup(void **state)
{
    host_boot(2048);
    d = host_domain(1, CHAIN, 0, false);
    e = host_domain(2, 1, 0, false);
    host_become(cpus[0]->rq.idle);
    host_settle();
    return d && e ? 0 : -1;
}

static int teardown(void **state)
{
    domain_pause_nosync(d);
    domain_pause_nosync(e);
    host_settle();
    host_kill(d);
    host_kill(e);
    return 0;
}

static void up(struct vcpu *v)
{
    v->info->evtchn_upcall_mask = 0;
    clear_bit(&v->pause_flags, VPF_DOWN);
    vcpu_wake(v);
    host_run_softirqs();
}

static void finish_call(struct caller *c)
{
    c->spins = false;
    c->longest = MAX(c->longest, host_now - c->since);
    long_calls += host_now - c->since > call_limit;
    c->left = c->work;
    c->calls++;
}

static void send_to(struct vcpu *v)
{
    v->info->evtchn_upcall_pending = 1;
    vcpu_kick(v);
}

/* What a vCPU does in one step. */
static void step_of(struct caller *c)
{
    if (c->v->info->evtchn_upcall_pending && !c->v->info->evtchn_upcall_mask) {
        c->v->info->evtchn_upcall_pending = 0; /* the interrupt */
        finish_call(c->other);
        return;
    }
    if (c->spins) {
        if (c->looks && c->yields && c->other->v->runstate.state == RUNSTATE_runnable)
            vcpu_yield();
        c->looks = false;
        return;
    }
    if (--c->left)
        return;
    c->spins = c->looks = true;
    c->since = host_now;
    send_to(c->other->v);
}

static void step(void)
{
    const struct vcpu *before = current;

    host_now += STEP;
    if (cpus[0]->timers.programmed && cpus[0]->timers.programmed <= host_now)
        timer_interrupt();
    for (unsigned int i = 0; i < 2; i++)
        if (current == callers[i].v)
            step_of(&callers[i]);
    host_run_softirqs();
    other_turns += current != before && current == e->vcpu[0];
}

static void begin_work(unsigned int i, unsigned int work)
{
    callers[i] = (struct caller){
        .v = d->vcpu[i], .other = &callers[!i], .work = work, .left = work};
    up(d->vcpu[i]);
}

/*
 * Both call each other until each has done so often enough. All calls take @most steps each at
 * most, on the average, and none takes long, unless another domain's turn comes in the middle of
 * it: whoever works less spins, so that both get as much of the CPU.
 */
static void call_each_other(unsigned int work_a, unsigned int work_b, bool yields, double most)
{
    unsigned long steps = 0;
    unsigned int calls;
    s_time_t longest;

    call_limit = (work_b - work_a + FEW) * STEP;
    long_calls = other_turns = 0;
    begin_work(0, work_a);
    begin_work(1, work_b);
    callers[0].yields = callers[1].yields = yields;
    while (MIN(callers[0].calls, callers[1].calls) < CALLS && steps < LIMIT) {
        steps++;
        step();
    }
    calls = callers[0].calls + callers[1].calls;
    longest = MAX(callers[0].longest, callers[1].longest);
    if ((double)steps > most * calls || long_calls > other_turns)
        print_error("work %u, %u: %lu steps for %u calls, the longest %ld ns\n", work_a, work_b,
                    steps, calls, longest);
    assert_true((double)steps <= most * calls);
    assert_true(long_calls <= other_turns);
    assert_true(longest <= call_limit + (other_turns ? SCHED_SLICE : 0));
}

/* A call takes one step more than the work: the interrupt. */
static void alone(void **state)
{
    for (unsigned int yields = 0; yields < 2; yields++) {
        call_each_other(15, 15, yields, 17);
        call_each_other(15, 20, yields, 22);
        call_each_other(15, 30, yields, 32);
        call_each_other(15, 200, yields, 202);
    }
}

/* Another domain gets its part, and no more. */
static void beside_another(void **state)
{
    s_time_t begin = host_now;
    u64 third;

    up(e->vcpu[0]);
    call_each_other(15, 15, false, 27);
    call_each_other(15, 20, true, 34);
    third = (u64)(host_now - begin) / 3;
    assert_in_range(vcpu_cpu_time(e->vcpu[0]), third - BOUND, third + BOUND);
    for (unsigned int i = 0; i < 2; i++)
        assert_in_range(vcpu_cpu_time(d->vcpu[i]), third - BOUND, third + BOUND);
}

/* When the sibling has answered, the caller's turns are its own again: it gets ahead, too. */
static void after_the_answer(void **state)
{
    s_time_t ahead = 0;

    begin_work(0, FEW);
    begin_work(1, LIMIT);
    while (!callers[0].calls)
        step();
    callers[0].left = LIMIT;
    for (unsigned int steps = 0; steps < 100 * CALLS; steps++) {
        step();
        ahead = MAX(ahead, (s_time_t)(vcpu_cpu_time(d->vcpu[0]) - vcpu_cpu_time(d->vcpu[1])));
    }
    assert_true(ahead > SCHED_SLICE / 2);
}

/*
 * One that is asked has interrupts off, and sends its caller an event before it answers: that does
 * not get the CPU back to spin on.
 */
static void before_the_answer(void **state)
{
    struct vcpu *caller = d->vcpu[0], *asked = d->vcpu[1];

    up(asked);
    up(caller);
    assert_ptr_equal(current, caller);
    asked->info->evtchn_upcall_mask = 1;
    send_to(asked);
    host_run_softirqs();
    assert_ptr_equal(current, asked);
    send_to(caller);
    host_run_softirqs();
    assert_ptr_equal(current, asked);
    asked->info->evtchn_upcall_pending = 0;
    send_to(caller);
    host_run_softirqs();
    assert_ptr_equal(current, caller);
}

/* Nor does that end when the slice does: the turns of its caller are still for it. */
static void interrupts_off_for_long(void **state)
{
    struct vcpu *caller = d->vcpu[0], *asked = d->vcpu[1];
    s_time_t end;

    up(asked);
    up(caller);
    asked->info->evtchn_upcall_mask = 1;
    send_to(asked);
    host_run_softirqs();
    for (end = host_now + SCHED_SLICE - MICROSECS(50); host_now < end;)
        step();
    assert_ptr_equal(current, asked);
    vcpu_yield(); /* its caller runs, and spins */
    host_run_softirqs();
    for (end = host_now + 3 * SCHED_SLICE; host_now < end && current == caller;)
        step();
    assert_true(host_now < end);
    assert_ptr_equal(current, asked);
}

/* A turn of the caller that begins when the slice of the asked one ends is for that one, too. */
static void the_next_turn(void **state)
{
    struct vcpu *caller = d->vcpu[0], *asked = d->vcpu[1];
    s_time_t end;

    up(asked);
    up(caller);
    asked->info->evtchn_upcall_mask = 1;
    for (end = host_now + SCHED_SLICE / 2; host_now < end;)
        step();
    assert_ptr_equal(current, caller);
    send_to(asked);
    host_run_softirqs();
    for (end = host_now + SCHED_SLICE; host_now < end;) {
        assert_ptr_equal(current, asked);
        step();
    }
}

/*
 * Many siblings, each of which calls the next one as soon as it runs and takes no events: however
 * they favour each other, a vCPU of another domain gets its share in time.
 */
static void a_chain_beside_another(void **state)
{
    const struct vcpu *hog = e->vcpu[0];
    s_time_t begin, least = 0;

    for (unsigned int i = 0; i < CHAIN; i++)
        up(d->vcpu[i]);
    up(e->vcpu[0]);
    begin = host_now;
    while (host_now < begin + SECONDS(5)) {
        host_now += MICROSECS(50);
        if (cpus[0]->timers.programmed && cpus[0]->timers.programmed <= host_now)
            timer_interrupt();
        if (current->domain == d && current->id + 1 < CHAIN)
            send_to(d->vcpu[current->id + 1]);
        host_run_softirqs();
        least = MIN(least, (s_time_t)vcpu_cpu_time(hog) - (host_now - begin) / (CHAIN + 1));
    }
    if (least < -BOUND)
        fail_msg("the other domain has been %ld us behind its share", -least / MICROSECS(1));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(alone),
        TEST(beside_another),
        TEST(after_the_answer),
        TEST(before_the_answer),
        TEST(interrupts_off_for_long),
        TEST(the_next_turn),
        TEST(a_chain_beside_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
