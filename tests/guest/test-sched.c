/* SPDX-License-Identifier: MIT */
/*
 * Scheduling: yield, block, poll, shutdown codes, the watchdog; vcpu_op; and, where the domain has
 * more than one vCPU, bringing one up, signalling it, and taking it down.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>
#include <vcpu.h>

#include "harness.h"

static void test_yield(void)
{
    CHECK_EQ(hypercall_sched_op(SCHEDOP_yield, NULL), 0);
    CHECK_EQ(hypercall_sched_op(99, NULL), -ENOSYS);
}

/* With an event pending, block returns at once, upcalls enabled and the event taken. */
static void test_block_pending(void)
{
    int port = event_bind_ipi(0);
    uint64_t start = clock_now();

    event_unmask((evtchn_port_t)port);
    events_disable();
    CHECK_EQ(event_send((evtchn_port_t)port), 0);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
    CHECK(!event_is_pending((evtchn_port_t)port));
    CHECK(clock_now() - start < MILLISECONDS(500));
    event_close((evtchn_port_t)port);
}

static void test_block_timer(void)
{
    uint64_t start = clock_now();

    CHECK_EQ(hypercall_set_timer_op(start + MILLISECONDS(20)), 0);
    while (clock_now() < start + MILLISECONDS(20))
        CHECK_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    CHECK(clock_now() - start < MILLISECONDS(500));
}

static void test_poll(void)
{
    evtchn_port_t port = (evtchn_port_t)event_bind_ipi(0);
    struct sched_poll poll = {.nr_ports = 1};
    uint64_t start = clock_now();
    bool enabled;

    set_xen_guest_handle(poll.ports, &port);
    /* Pending: at once. */
    CHECK_EQ(event_send(port), 0);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(event_test_and_clear(port));
    /* Not pending: until the timeout, or until any other event waits for an upcall. */
    enabled = events_disable();
    poll.timeout = clock_now() + MILLISECONDS(20);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    CHECK(clock_now() - start >= MILLISECONDS(20) ||
          shared_info->vcpu_info[0].evtchn_upcall_pending);
    events_restore(enabled);
    poll.nr_ports = 129;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    poll.nr_ports = 1;
    port = 1000000;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    set_xen_guest_handle(poll.ports, UNMAPPED_ADDRESS);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EFAULT);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, UNMAPPED_ADDRESS), -EFAULT);
}

static void test_shutdown_code(void)
{
    struct sched_shutdown code = {.reason = SHUTDOWN_poweroff};

    CHECK_EQ(hypercall_sched_op(SCHEDOP_shutdown_code, &code), 0);
    code.reason = 99;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_shutdown_code, &code), 0);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_shutdown_code, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_shutdown, UNMAPPED_ADDRESS), -EFAULT);
}

static void test_remote_shutdown(void)
{
    struct sched_remote_shutdown remote = {.domain_id = 0x1234, .reason = SHUTDOWN_crash};

    CHECK_EQ(hypercall_sched_op(SCHEDOP_remote_shutdown, &remote), -ESRCH);
}

static void test_watchdog(void)
{
    struct sched_watchdog watchdog = {.id = 0, .timeout = 30};
    long id = hypercall_sched_op(SCHEDOP_watchdog, &watchdog);

    CHECK(id >= 1);
    watchdog.id = (uint32_t)id;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_watchdog, &watchdog), 0);
    watchdog.timeout = 0;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_watchdog, &watchdog), 0);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_watchdog, &watchdog), -EINVAL);
    watchdog.id = 99;
    CHECK_EQ(hypercall_sched_op(SCHEDOP_watchdog, &watchdog), -EINVAL);
}

static void test_vcpu_op(void)
{
    struct vcpu_guest_context *context = calloc(1, sizeof(*context));

    CHECK_EQ(vcpu_is_up(0), 1);
    CHECK_EQ(vcpu_is_up(1000), -ENOENT);
    CHECK_EQ(hypercall_vcpu_op(99, 0, NULL), -ENOSYS);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_up, 0, NULL), 0);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_up, 1000, NULL), -ENOENT);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 0, context), -EEXIST);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1000, context), -ENOENT);
    free(context);
}

static volatile unsigned int second_state;
static volatile unsigned int second_events;
static volatile bool second_stop;
static int second_port;

static void on_second(evtchn_port_t port, void *argument)
{
    if (this_vcpu()->id == 1)
        second_events++;
}

static void second_main(void *argument)
{
    second_state = 0x100 + this_vcpu()->id + (argument == &second_state);
    events_restore(true);
    while (!second_stop)
        hypercall_sched_op(SCHEDOP_block, NULL);
    second_state = 0x200;
}

static bool comes_true(bool (*condition)(void))
{
    for (unsigned int i = 0; i < 1000 && !condition(); i++)
        thread_sleep(MILLISECONDS(1));
    return condition();
}

static bool second_runs(void)
{
    return second_state == 0x102;
}

static bool second_signalled(void)
{
    return second_events == 1;
}

static bool second_down(void)
{
    return vcpu_is_up(1) == 0;
}

static void test_second_vcpu(void)
{
    struct vcpu_runstate_info info;
    struct vcpu_guest_context *context = calloc(1, sizeof(*context));

    if (vcpu_is_up(1) < 0) {
        free(context);
        return; /* the domain has one vCPU */
    }
    CHECK_EQ(vcpu_is_up(1), 0);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), -EINVAL);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, context), -EINVAL);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(vcpu_start(1, second_main, (void *)&second_state), 0);
    CHECK(comes_true(second_runs));
    CHECK_EQ(vcpu_is_up(1), 1);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, context), -EEXIST);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
    /* Signal it, then let it end. */
    second_port = event_bind_ipi(1);
    CHECK(second_port > 0);
    event_set_handler((evtchn_port_t)second_port, on_second, NULL);
    CHECK_EQ(event_send((evtchn_port_t)second_port), 0);
    CHECK(comes_true(second_signalled));
    second_stop = true;
    CHECK_EQ(event_send((evtchn_port_t)second_port), 0);
    CHECK(comes_true(second_down));
    CHECK_EQ(second_state, 0x200);
    CHECK_EQ(event_close((evtchn_port_t)second_port), 0);
    free(context);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"yield", test_yield},
        {"block_pending", test_block_pending},
        {"block_timer", test_block_timer},
        {"poll", test_poll},
        {"remote_shutdown", test_remote_shutdown},
        {"watchdog", test_watchdog},
        {"vcpu_op", test_vcpu_op},
        {"second_vcpu", test_second_vcpu},
        {"shutdown_code", test_shutdown_code}, /* last: the code stays */
        {NULL, NULL},
    };

    run_tests(tests);
}
