/* SPDX-License-Identifier: MIT */
/*
 * Event channels, 2-level scheme: every sub-operation, delivery and masking, and what is refused.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static unsigned int fired;

static void count_event(evtchn_port_t port, void *argument)
{
    fired++;
}

static long event_op(unsigned int op, void *argument)
{
    return hypercall_event_channel_op(op, argument);
}

static struct evtchn_status status_of(evtchn_port_t port)
{
    struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

    CHECK_EQ(event_op(EVTCHNOP_status, &status), 0);
    return status;
}

static long close_port(evtchn_port_t port)
{
    struct evtchn_close close = {.port = port};

    return event_op(EVTCHNOP_close, &close);
}

static void test_unbound(void)
{
    struct evtchn_alloc_unbound alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    struct evtchn_status status;

    CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    CHECK(alloc.port > 0);
    status = status_of(alloc.port);
    CHECK_EQ(status.status, EVTCHNSTAT_unbound);
    CHECK_EQ(status.u.unbound.dom, guest_domid());
    CHECK_EQ(status.vcpu, 0);
    CHECK_EQ(event_send(alloc.port), 0); /* no other end: lost without an error */
    CHECK(!event_is_pending(alloc.port));
    CHECK_EQ(close_port(alloc.port), 0);
    CHECK_EQ(status_of(alloc.port).status, EVTCHNSTAT_closed);
    CHECK_EQ(close_port(alloc.port), -EINVAL);
    /* The remote domain may come later. */
    alloc.remote_dom = 0x7777;
    CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &alloc), 0);
    CHECK_EQ(close_port(alloc.port), 0);
    alloc.remote_dom = DOMID_SELF;
    alloc.dom = 0x1234;
    CHECK_EQ(event_op(EVTCHNOP_alloc_unbound, &alloc), -ESRCH);
}

static void test_interdomain(void)
{
    int unbound = event_alloc_unbound(DOMID_SELF);
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF,
                                           .remote_port = (evtchn_port_t)unbound};
    struct evtchn_status status;

    CHECK(unbound > 0);
    CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), 0);
    CHECK(bind.local_port != bind.remote_port);
    status = status_of(bind.local_port);
    CHECK_EQ(status.status, EVTCHNSTAT_interdomain);
    CHECK_EQ(status.u.interdomain.dom, guest_domid());
    CHECK_EQ(status.u.interdomain.port, bind.remote_port);
    status = status_of(bind.remote_port);
    CHECK_EQ(status.status, EVTCHNSTAT_interdomain);
    CHECK_EQ(status.u.interdomain.port, bind.local_port);
    /* A fresh binding has an event pending on our side, in case one was sent before. */
    CHECK(event_test_and_clear(bind.local_port));
    CHECK(!event_is_pending(bind.remote_port));
    CHECK_EQ(event_send(bind.local_port), 0);
    CHECK(event_test_and_clear(bind.remote_port));
    CHECK_EQ(event_send(bind.remote_port), 0);
    CHECK(event_test_and_clear(bind.local_port));
    CHECK_EQ(close_port(bind.local_port), 0);
    /* The other end waits again for the domain to which it was bound. */
    status = status_of(bind.remote_port);
    CHECK_EQ(status.status, EVTCHNSTAT_unbound);
    CHECK_EQ(status.u.unbound.dom, guest_domid());
    CHECK_EQ(close_port(bind.remote_port), 0);
    CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -EINVAL);
    bind.remote_dom = 0x1234;
    CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -ESRCH);
    bind.remote_dom = DOMID_SELF;
    bind.remote_port = 100000;
    CHECK_EQ(event_op(EVTCHNOP_bind_interdomain, &bind), -EINVAL);
}

static void test_virq(void)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_DEBUG, .vcpu = 0};
    struct evtchn_status status;

    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &bind), 0);
    status = status_of(bind.port);
    CHECK_EQ(status.status, EVTCHNSTAT_virq);
    CHECK_EQ(status.u.virq, VIRQ_DEBUG);
    CHECK_EQ(event_send(bind.port), -EINVAL);
    struct evtchn_bind_virq again = bind;
    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &again), -EEXIST);
    again.vcpu = 99;
    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &again), -ENOENT);
    again.virq = NR_VIRQS;
    again.vcpu = 0;
    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &again), -EINVAL);
    CHECK_EQ(close_port(bind.port), 0);
    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &bind), 0);
    CHECK_EQ(close_port(bind.port), 0);
    /* A global one is on vCPU 0 at first. */
    again.virq = VIRQ_ARGO;
    again.vcpu = 1;
    CHECK_EQ(event_op(EVTCHNOP_bind_virq, &again), -EINVAL);
}

static void test_ipi(void)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    struct evtchn_bind_vcpu move = {.vcpu = 0};

    CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &bind), 0);
    CHECK_EQ(status_of(bind.port).status, EVTCHNSTAT_ipi);
    CHECK_EQ(event_send(bind.port), 0);
    CHECK(event_test_and_clear(bind.port));
    move.port = bind.port;
    CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &move), -EINVAL);
    CHECK_EQ(close_port(bind.port), 0);
    bind.vcpu = 99;
    CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &bind), -ENOENT);
}

static void test_bind_vcpu(void)
{
    int port = event_alloc_unbound(DOMID_SELF);
    struct evtchn_bind_vcpu move = {.port = (evtchn_port_t)port, .vcpu = 0};

    CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &move), 0);
    move.vcpu = 99;
    CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &move), -ENOENT);
    CHECK_EQ(close_port((evtchn_port_t)port), 0);
    move.vcpu = 0;
    CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &move), -EINVAL);
    move.port = 0;
    CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &move), -EINVAL);
}

static void test_delivery(void)
{
    int port = event_bind_ipi(0);
    evtchn_port_t p = (evtchn_port_t)port;
    volatile vcpu_info_t *info = &shared_info->vcpu_info[0];
    struct evtchn_unmask unmask = {.port = p};
    bool enabled;

    fired = 0;
    event_set_handler(p, count_event, NULL);
    CHECK_EQ(event_send(p), 0);
    CHECK_EQ(fired, 1);
    CHECK(!event_is_pending(p));
    /* Upcalls off: pending, selected, and taken when they are on again. */
    enabled = events_disable();
    CHECK_EQ(event_send(p), 0);
    CHECK_EQ(fired, 1);
    CHECK(event_is_pending(p));
    CHECK_EQ(info->evtchn_upcall_pending, 1);
    CHECK(info->evtchn_pending_sel & (1ul << (p / 64)));
    CHECK_EQ(event_send(p), 0); /* two are one */
    events_restore(enabled);
    CHECK_EQ(fired, 2);
    CHECK_EQ(info->evtchn_upcall_pending, 0);
    /* Masked: pending, but not selected; unmasking delivers. */
    event_mask(p);
    CHECK_EQ(event_send(p), 0);
    CHECK_EQ(fired, 2);
    CHECK(event_is_pending(p));
    CHECK_EQ(info->evtchn_upcall_pending, 0);
    event_unmask(p);
    CHECK_EQ(fired, 3);
    /* Unmasking what is not pending delivers nothing. */
    event_unmask(p);
    event_mask(p);
    CHECK_EQ(hypercall_event_channel_op(EVTCHNOP_unmask, &unmask), 0);
    CHECK_EQ(fired, 3);
    /* Closing forgets what was pending. */
    event_mask(p);
    CHECK_EQ(event_send(p), 0);
    CHECK_EQ(event_close(p), 0);
    CHECK(!event_is_pending(p));
    CHECK_EQ(fired, 3);
}

static void test_refused(void)
{
    struct evtchn_unmask unmask = {.port = 0};
    struct evtchn_status status = {.dom = DOMID_SELF, .port = 100000};

    CHECK_EQ(event_send(0), -EINVAL);
    CHECK_EQ(event_send(4095), -EINVAL);
    CHECK_EQ(event_send(4096), -EINVAL);
    CHECK_EQ(event_send(1u << 31), -EINVAL);
    CHECK_EQ(event_op(EVTCHNOP_send, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(event_op(EVTCHNOP_send, HYPERVISOR_ADDRESS), -EFAULT);
    CHECK_EQ(event_op(EVTCHNOP_unmask, &unmask), 0);
    unmask.port = 100000;
    CHECK_EQ(event_op(EVTCHNOP_unmask, &unmask), -EINVAL);
    CHECK_EQ(event_op(EVTCHNOP_status, &status), -EINVAL);
    status.port = 0;
    CHECK_EQ(event_op(EVTCHNOP_status, &status), 0);
    CHECK_EQ(status.status, EVTCHNSTAT_closed);
    status.dom = 0x1234;
    CHECK_EQ(event_op(EVTCHNOP_status, &status), -ESRCH);
    CHECK_EQ(close_port(0), -EINVAL);
    CHECK_EQ(close_port(100000), -EINVAL);
    CHECK_EQ(event_op(99, &status), -ENOSYS);
}

static void test_priority(void)
{
    struct evtchn_set_priority priority = {.port = 1, .priority = 3};

    /* Not with two levels. */
    CHECK_EQ(event_op(EVTCHNOP_set_priority, &priority), -ENOSYS);
}

static void test_pirq(void)
{
    struct evtchn_bind_pirq bind = {.pirq = 8, .flags = 0};

    if (!guest_is_dom0()) {
        CHECK_EQ(event_op(EVTCHNOP_bind_pirq, &bind), -EPERM);
        return;
    }
    bind.pirq = 1000000;
    CHECK_EQ(event_op(EVTCHNOP_bind_pirq, &bind), -EINVAL);
    bind.pirq = 100; /* not given to us */
    CHECK_EQ(event_op(EVTCHNOP_bind_pirq, &bind), -EPERM);
}

static void test_reset(void)
{
    int port = event_alloc_unbound(DOMID_SELF);
    struct evtchn_reset reset = {.dom = 0x1234};

    CHECK_EQ(event_op(EVTCHNOP_reset, &reset), -ESRCH);
    CHECK_EQ(status_of((evtchn_port_t)port).status, EVTCHNSTAT_unbound);
    if (!guest_is_dom0())
        return; /* it would take the console's port too */
    reset.dom = DOMID_SELF;
    CHECK_EQ(event_op(EVTCHNOP_reset, &reset), 0);
    CHECK_EQ(status_of((evtchn_port_t)port).status, EVTCHNSTAT_closed);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"unbound", test_unbound},
        {"interdomain", test_interdomain},
        {"virq", test_virq},
        {"ipi", test_ipi},
        {"bind_vcpu", test_bind_vcpu},
        {"delivery", test_delivery},
        {"refused", test_refused},
        {"priority", test_priority},
        {"pirq", test_pirq},
        {"reset", test_reset},
        {NULL, NULL},
    };

    run_tests(tests);
}
