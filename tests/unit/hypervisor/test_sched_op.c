/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * HYPERVISOR_sched_op word for word: who polls for what, watchdogs to the second, reasons of a
 * shutdown, and each refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <event_channel.h>
#include <public/sched.h>

#include "two_domains.h"

#define PORTS 4096UL /* where in the window the list of a poll is */

static int setup(void **state)
{
    make_two_domains(2, 2, 4);
    return 0;
}

#define OP(cmd, op) host_call2(do_sched_op, SCHEDOP_##cmd, &(op), sizeof(op))

static evtchn_port_t ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};

    assert_int_equal(host_call2(do_event_channel_op, EVTCHNOP_bind_ipi, &op, sizeof(op)), 0);
    return op.port;
}

/* ---- poll ---- */

static long poll(unsigned int nr, u64 timeout)
{
    struct sched_poll op = {.nr_ports = nr, .timeout = timeout};

    set_xen_guest_handle(op.ports, (evtchn_port_t *)GUEST(PORTS));
    return OP(poll, op);
}

static bool blocked(const struct vcpu *v)
{
    return test_bit(&v->pause_flags, VPF_BLOCKED);
}

/* Waits no more, by no sign. */
static void assert_awake(const struct vcpu *v)
{
    assert_false(blocked(v));
    assert_int_equal(v->poll_port, 0);
    assert_int_equal(v->domain->poll_mask[0] >> v->id & 1, 0);
}

static void polls_wait(void **state)
{
    evtchn_port_t *ports = (evtchn_port_t *)GUEST(PORTS);
    struct vcpu *v = b->vcpu[0], *w = b->vcpu[1];

    for (unsigned int i = 0; i < 130; i++)
        ports[i] = ipi(0);
    host_become(w);
    v->info->evtchn_upcall_pending = w->info->evtchn_upcall_pending = 0;
    assert_int_equal(poll(1, 0), 0);
    assert_true(blocked(w));
    assert_int_equal(w->poll_port, ports[0]);
    assert_int_equal(b->poll_mask[0], 2);
    assert_false(READ_ONCE(w->poll_timer.queued));
    vcpu_unblock(w);
    assert_awake(w);
    /* Several, none, and as many as there may be: any of them. */
    assert_int_equal(poll(2, (u64)host_now + 5000), 0);
    assert_int_equal(w->poll_port, -1);
    assert_true(READ_ONCE(w->poll_timer.queued));
    assert_int_equal(w->poll_timer.expires, host_now + 5000);
    vcpu_unblock(w);
    assert_int_equal(poll(0, 0), 0);
    assert_true(blocked(w));
    assert_int_equal(w->poll_port, -1);
    assert_false(READ_ONCE(w->poll_timer.queued)); /* that of the last poll is stopped */
    vcpu_unblock(w);
    assert_int_equal(poll(128, 0), 0);
    assert_true(blocked(w));
    vcpu_unblock(w);
    /* One of them is pending, the last. */
    set_bit(b->shared_info->evtchn_pending, ports[127]);
    assert_int_equal(poll(127, 0), 0);
    assert_true(blocked(w));
    vcpu_unblock(w);
    assert_int_equal(poll(128, 0), 0);
    assert_awake(w);
    /* Any event at all. */
    w->info->evtchn_upcall_pending = 1;
    assert_int_equal(poll(1, 0), 0);
    assert_awake(w);
    w->info->evtchn_upcall_pending = 0;
}

/*
 * A vCPU is woken from a poll, and polls again before whoever woke it comes to clear the signs of
 * the first poll.
 */
static void polls_overlap(void **state)
{
    struct vcpu *w = b->vcpu[1];

    host_become(w);
    w->info->evtchn_upcall_pending = 0;
    assert_int_equal(poll(0, 0), 0);
    /* As vcpu_unblock() begins. */
    assert_true(test_and_clear_bit(&w->pause_flags, VPF_BLOCKED));
    vcpu_poll_begin(w, 7);
    vcpu_poll_forget(w);
    assert_int_equal(w->poll_port, 7);
    assert_int_equal(b->poll_mask[0], 2);
    /* Another port's event, and the timeout of an earlier poll, are not for it. */
    vcpu_poll_event(w, 6);
    vcpu_poll_timeout(w);
    assert_true(blocked(w));
    vcpu_poll_event(w, 7);
    assert_awake(w);
}

static void polls_are_refused(void **state)
{
    evtchn_port_t *ports = (evtchn_port_t *)GUEST(PORTS);
    struct vcpu *v = b->vcpu[0];
    struct sched_poll op = {.nr_ports = 1};

    ports[0] = ports[1] = ipi(0);
    v->info->evtchn_upcall_pending = 0;
    assert_int_equal(do_sched_op(SCHEDOP_poll, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    assert_int_equal(poll(129, 0), -XEN_EINVAL);
    set_xen_guest_handle(op.ports, (evtchn_port_t *)~0UL);
    assert_int_equal(OP(poll, op), -XEN_EFAULT);
    host_guest_limit(0, PORTS + 4);
    assert_int_equal(poll(2, 0), -XEN_EFAULT);
    assert_awake(v);
    host_guest_limit(0, 0);
    ports[1] = 60;
    assert_int_equal(poll(2, 0), -XEN_EINVAL);
    assert_awake(v);
    ports[1] = 5000;
    assert_int_equal(poll(2, 0), -XEN_EINVAL);
    assert_awake(v);
}

/* ---- watchdogs ---- */

static long watchdog(u32 id, u32 timeout)
{
    struct sched_watchdog op = {.id = id, .timeout = timeout};

    return OP(watchdog, op);
}

static void watchdogs_are_given_out(void **state)
{
    assert_int_equal(watchdog(0, 0), -XEN_EINVAL);
    assert_int_equal(watchdog(1, 5), -XEN_EINVAL); /* not in use */
    assert_int_equal(watchdog(1, 0), -XEN_EINVAL);
    assert_int_equal(watchdog(3, 5), -XEN_EINVAL);
    assert_int_equal(watchdog(0, 5), 1);
    assert_int_equal(b->watchdog[0].expires, host_now + SECONDS(5));
    assert_int_equal(b->watchdog_inuse, 1);
    assert_int_equal(watchdog(2, 5), -XEN_EINVAL);
    assert_int_equal(watchdog(0, 7), 2);
    assert_int_equal(b->watchdog[1].expires, host_now + SECONDS(7));
    assert_int_equal(b->watchdog_inuse, 3);
    assert_int_equal(watchdog(0, 5), -XEN_ENOSPC);
    assert_int_equal(watchdog(1, 9), 0);
    assert_int_equal(b->watchdog[0].expires, host_now + SECONDS(9));
    assert_int_equal(watchdog(1, 0), 0);
    assert_int_equal(b->watchdog_inuse, 2);
    assert_false(READ_ONCE(b->watchdog[0].queued));
    assert_true(READ_ONCE(b->watchdog[1].queued));
    assert_int_equal(watchdog(1, 0), -XEN_EINVAL);
    assert_int_equal(watchdog(0, 3), 1);
    assert_int_equal(watchdog(2, 0), 0);
    assert_int_equal(b->watchdog_inuse, 1);
    assert_int_equal(do_sched_op(SCHEDOP_watchdog, GUEST(HOST_WINDOW) - 7), -XEN_EFAULT);
    assert_int_equal(watchdog(1, 0), 0);
}

static void a_watchdog_bites(void **state)
{
    unsigned long dumps = host_dumps;

    assert_int_equal(watchdog(0, 2), 1);
    host_advance(SECONDS(2) - 1);
    assert_false(b->shutting_down);
    host_advance(1);
    assert_true(b->shutting_down);
    assert_int_equal(b->shutdown_code, SHUTDOWN_watchdog);
    assert_int_equal(host_dumps, dumps + 2);
}

/* One that shut down meanwhile has nothing to say any more. */
static void a_watchdog_of_the_dead_is_quiet(void **state)
{
    struct sched_shutdown op = {.reason = SHUTDOWN_reboot};
    unsigned long dumps = host_dumps;

    assert_int_equal(watchdog(0, 2), 1);
    assert_int_equal(OP(shutdown, op), 0);
    host_advance(SECONDS(3));
    assert_int_equal(b->shutdown_code, SHUTDOWN_reboot);
    assert_int_equal(host_dumps, dumps);
}

/* ---- shutdown ---- */

static void reasons_of_a_shutdown(void **state)
{
    struct sched_shutdown code = {.reason = 0x105}, op = {.reason = 0x303};

    /* What is to be said instead, once. */
    assert_int_equal(b->shutdown_code, ~0U);
    assert_int_equal(OP(shutdown_code, code), 0);
    assert_int_equal(b->shutdown_code, 5);
    code.reason = 7;
    assert_int_equal(OP(shutdown_code, code), 0);
    assert_int_equal(b->shutdown_code, 5);
    assert_false(b->shutting_down);
    assert_int_equal(do_sched_op(SCHEDOP_shutdown_code, GUEST(HOST_WINDOW) - 3), -XEN_EFAULT);
    assert_int_equal(do_sched_op(SCHEDOP_shutdown, GUEST(HOST_WINDOW) - 3), -XEN_EFAULT);
    assert_false(b->shutting_down);
    assert_int_equal(OP(shutdown, op), 0);
    assert_true(b->shutting_down);
    assert_int_equal(b->shutdown_code, 5);
}

static void a_shutdown_names_its_reason(void **state)
{
    struct sched_shutdown op = {.reason = 0x101};
    unsigned long dumps = host_dumps;

    assert_int_equal(OP(shutdown, op), 0);
    assert_true(b->shutting_down);
    assert_int_equal(b->shutdown_code, 1);
    assert_int_equal(host_dumps, dumps);
}

static void a_crash_leaves_its_registers(void **state)
{
    struct sched_shutdown op = {.reason = SHUTDOWN_crash};
    unsigned long dumps = host_dumps;

    assert_int_equal(OP(shutdown, op), 0);
    assert_int_equal(b->shutdown_code, SHUTDOWN_crash);
    assert_true(host_dumps > dumps);
}

static void the_oldest_form(void **state)
{
    assert_int_equal(do_sched_op_compat(SCHEDOP_poll, 0), -XEN_ENOSYS);
    assert_int_equal(do_sched_op_compat(SCHEDOP_yield, 0), 0);
    b->vcpu[0]->info->evtchn_upcall_pending = 0;
    b->vcpu[0]->info->evtchn_upcall_mask = 1;
    assert_int_equal(do_sched_op_compat(SCHEDOP_block, 0), 0);
    assert_true(blocked(b->vcpu[0]));
    assert_int_equal(b->vcpu[0]->info->evtchn_upcall_mask, 0);
    vcpu_unblock(b->vcpu[0]);
    assert_int_equal(do_sched_op_compat(SCHEDOP_shutdown, 0x201), 0);
    assert_int_equal(b->shutdown_code, 1);
}

static void others_are_reported_by_dom0_alone(void **state)
{
    struct sched_remote_shutdown op = {.domain_id = 1, .reason = 0x102};
    u32 refs_a = a->refs, refs_b;

    assert_int_equal(OP(remote_shutdown, op), -XEN_EPERM);
    op.domain_id = 77;
    assert_int_equal(OP(remote_shutdown, op), -XEN_ESRCH);
    assert_false(a->shutting_down);
    assert_int_equal(do_sched_op(SCHEDOP_remote_shutdown, GUEST(HOST_WINDOW) - 7), -XEN_EFAULT);
    assert_int_equal(do_sched_op(SCHEDOP_pin_override, GUEST(0)), -XEN_EPERM);
    assert_int_equal(do_sched_op(8, GUEST(0)), -XEN_ENOSYS);
    host_become(a->vcpu[0]);
    assert_int_equal(do_sched_op(SCHEDOP_pin_override, GUEST(0)), -XEN_ENOSYS);
    refs_b = b->refs;
    op.domain_id = 2;
    assert_int_equal(OP(remote_shutdown, op), 0);
    assert_true(b->shutting_down);
    assert_int_equal(b->shutdown_code, 2);
    host_settle();
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(b->refs, refs_b);
}

/* ---- what the calls that are made most leave ---- */

static void blocking_and_yielding(void **state)
{
    struct vcpu *v = b->vcpu[0];

    v->info->evtchn_upcall_mask = 1;
    v->info->evtchn_upcall_pending = 1;
    assert_int_equal(do_sched_op(SCHEDOP_block, 0), 0);
    assert_false(blocked(v));
    assert_int_equal(v->info->evtchn_upcall_mask, 0);
    v->info->evtchn_upcall_pending = 0;
    assert_int_equal(do_sched_op(SCHEDOP_block, 0), 0);
    assert_true(blocked(v));
    vcpu_unblock(v);
    /* With nobody else there is nobody to yield to. */
    cpus[0]->rq.length = 0;
    v->fair.yielding = false;
    assert_int_equal(do_sched_op(SCHEDOP_yield, 0), 0);
    assert_false(v->fair.yielding);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(polls_wait),
        TEST(polls_overlap),
        TEST(polls_are_refused),
        TEST(watchdogs_are_given_out),
        TEST(a_watchdog_bites),
        TEST(a_watchdog_of_the_dead_is_quiet),
        TEST(reasons_of_a_shutdown),
        TEST(a_shutdown_names_its_reason),
        TEST(a_crash_leaves_its_registers),
        TEST(the_oldest_form),
        TEST(others_are_reported_by_dom0_alone),
        TEST(blocking_and_yielding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
