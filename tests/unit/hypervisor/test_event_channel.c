/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/host/changing_memory.c */
/*
 * Event channels with two-level delivery: every operation, its errors, and what survives from one
 * user of a port to the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <evtchn_impl.h>
#include <irq.h>

#include "../../host/changing_memory.h"
#include "two_domains.h"

static int setup(void **state)
{
    make_two_domains(2, 2, 4);
    host_become(a->vcpu[0]);
    return 0;
}

#define OP(cmd, op) host_call2(do_event_channel_op, EVTCHNOP_##cmd, &(op), sizeof(op))

static bool pending(const struct domain *d, unsigned int port)
{
    return test_bit(d->shared_info->evtchn_pending, port);
}

static void unmask_vcpu(struct vcpu *v)
{
    v->info->evtchn_upcall_pending = 0;
    v->info->evtchn_pending_sel = 0;
}

static evtchn_port_t unbound(struct domain *d, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = d->id, .remote_dom = remote};

    assert_int_equal(OP(alloc_unbound, op), 0);
    return op.port;
}

static long state_of(struct domain *d, evtchn_port_t port)
{
    struct evtchn_status op = {.dom = d->id, .port = port};
    struct vcpu *v = current;
    long rc;

    host_become(a->vcpu[0]);
    rc = OP(status, op);
    host_become(v);
    return rc ? rc : (long)op.status;
}

static void interdomain(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 1};
    struct evtchn_status st = {.dom = DOMID_SELF};
    struct evtchn_send send;
    struct evtchn_close close;

    bind.remote_port = unbound(a, 2);
    assert_int_equal(bind.remote_port, 1); /* the lowest; 0 is never used */
    assert_int_equal(state_of(a, 1), EVTCHNSTAT_unbound);
    send.port = 1;
    assert_int_equal(OP(send, send), 0); /* goes nowhere */

    host_become(b->vcpu[0]);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    assert_int_equal(bind.local_port, 1);
    assert_true(pending(b, 1)); /* it may have been rung before */
    assert_int_equal(b->vcpu[0]->info->evtchn_upcall_pending, 1);
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL); /* taken */
    assert_int_equal(a->active_evtchns, 1);

    assert_false(pending(a, 1));
    assert_int_equal(OP(send, send), 0);
    assert_true(pending(a, 1));
    assert_int_equal(a->vcpu[0]->info->evtchn_upcall_pending, 1);
    assert_int_equal(a->vcpu[0]->info->evtchn_pending_sel, 1);

    st.port = 1;
    assert_int_equal(OP(status, st), 0);
    assert_int_equal(st.status, EVTCHNSTAT_interdomain);
    assert_int_equal(st.u.interdomain.dom, 1);
    assert_int_equal(st.u.interdomain.port, 1);

    close.port = 1;
    assert_int_equal(OP(close, close), 0);
    assert_int_equal(OP(close, close), -XEN_EINVAL);
    assert_false(pending(b, 1));
    assert_int_equal(state_of(a, 1), EVTCHNSTAT_unbound); /* waits for b again */
    assert_int_equal(OP(bind_interdomain, bind), 0);
    host_become(a->vcpu[0]);
    assert_int_equal(OP(close, close), 0);
    assert_int_equal(state_of(b, 1), EVTCHNSTAT_unbound);
    assert_int_equal(state_of(a, 1), EVTCHNSTAT_closed);
}

/* Both ends in one domain. */
static void loopback(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    struct evtchn_send send;
    struct evtchn_close close;

    bind.remote_port = unbound(a, DOMID_SELF);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    send.port = bind.local_port;
    assert_int_equal(OP(send, send), 0);
    assert_true(pending(a, bind.remote_port));
    close.port = bind.remote_port;
    assert_int_equal(OP(close, close), 0);
    assert_int_equal(state_of(a, bind.local_port), EVTCHNSTAT_unbound);
}

static void who_may_bind(void **state)
{
    struct evtchn_alloc_unbound alloc = {.dom = 1, .remote_dom = 2};
    struct evtchn_bind_interdomain bind = {.remote_dom = 1};
    struct evtchn_status st = {.dom = 1};
    struct evtchn_reset reset = {.dom = 1};

    bind.remote_port = unbound(a, 7); /* for another domain */
    host_become(b->vcpu[0]);
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL);
    bind.remote_port = 12345678;
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL);
    bind.remote_dom = 77;
    assert_int_equal(OP(bind_interdomain, bind), -XEN_ESRCH);
    assert_int_equal(OP(alloc_unbound, alloc), -XEN_EPERM);
    alloc.dom = 77;
    assert_int_equal(OP(alloc_unbound, alloc), -XEN_ESRCH);
    st.port = 1;
    assert_int_equal(OP(status, st), -XEN_EPERM);
    assert_int_equal(OP(reset, reset), -XEN_EPERM);
    /* The privileged one allocates for others. */
    host_become(a->vcpu[0]);
    alloc = (struct evtchn_alloc_unbound){.dom = 2, .remote_dom = DOMID_SELF};
    assert_int_equal(OP(alloc_unbound, alloc), 0);
    assert_int_equal(state_of(b, alloc.port), EVTCHNSTAT_unbound);
    bind = (struct evtchn_bind_interdomain){.remote_dom = 2, .remote_port = alloc.port};
    assert_int_equal(OP(bind_interdomain, bind), 0);
}

static void virqs(void **state)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_TIMER, .vcpu = 1};
    struct evtchn_bind_vcpu move = {.vcpu = 0};
    struct evtchn_send send;
    struct evtchn_close close;

    assert_int_equal(OP(bind_virq, bind), 0);
    assert_int_equal(OP(bind_virq, bind), -XEN_EEXIST);
    send_guest_vcpu_virq(a->vcpu[0], VIRQ_TIMER);
    assert_false(pending(a, bind.port));
    send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);
    assert_true(pending(a, bind.port));
    assert_int_equal(a->vcpu[1]->info->evtchn_upcall_pending, 1);
    assert_int_equal(a->vcpu[0]->info->evtchn_upcall_pending, 0);
    move.port = send.port = close.port = bind.port;
    assert_int_equal(OP(bind_vcpu, move), -XEN_EINVAL); /* belongs to its vCPU */
    assert_int_equal(OP(send, send), -XEN_EINVAL);
    assert_int_equal(OP(close, close), 0);
    send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);
    assert_false(pending(a, close.port));

    bind = (struct evtchn_bind_virq){.virq = VIRQ_DOM_EXC, .vcpu = 1};
    assert_int_equal(OP(bind_virq, bind), -XEN_EINVAL); /* global: bound through vCPU 0 */
    bind.vcpu = 0;
    assert_int_equal(OP(bind_virq, bind), 0);
    move.port = bind.port;
    move.vcpu = 1;
    assert_int_equal(OP(bind_vcpu, move), 0);
    send_guest_global_virq(a, VIRQ_DOM_EXC);
    assert_true(pending(a, bind.port));
    bind = (struct evtchn_bind_virq){.virq = NR_VIRQS};
    assert_int_equal(OP(bind_virq, bind), -XEN_EINVAL);
    bind = (struct evtchn_bind_virq){.virq = VIRQ_TIMER, .vcpu = 2};
    assert_int_equal(OP(bind_virq, bind), -XEN_ENOENT);
}

static void virq_handler(void **state)
{
    struct evtchn_bind_virq bind = {.virq = VIRQ_CON_RING};

    assert_int_equal(set_global_virq_handler(b, VIRQ_TIMER), -XEN_EINVAL);
    assert_int_equal(set_global_virq_handler(b, NR_VIRQS), -XEN_EINVAL);
    host_become(b->vcpu[0]);
    assert_int_equal(OP(bind_virq, bind), 0);
    send_global_virq(VIRQ_CON_RING);
    assert_false(pending(b, bind.port));
    assert_int_equal(set_global_virq_handler(b, VIRQ_CON_RING), 0);
    assert_int_equal(set_global_virq_handler(b, VIRQ_CON_RING), 0);
    send_global_virq(VIRQ_CON_RING);
    assert_true(pending(b, bind.port));
    /* The end of b ends it; see teardown. */
}

static void ipis(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 1};
    struct evtchn_bind_vcpu move = {.vcpu = 0};
    struct evtchn_send send;

    assert_int_equal(OP(bind_ipi, bind), 0);
    send.port = move.port = bind.port;
    assert_int_equal(OP(send, send), 0);
    assert_true(pending(a, bind.port));
    assert_int_equal(a->vcpu[1]->info->evtchn_pending_sel, 1);
    assert_int_equal(OP(bind_vcpu, move), -XEN_EINVAL);
    move.vcpu = 9;
    assert_int_equal(OP(bind_vcpu, move), -XEN_ENOENT);
    bind.vcpu = 2;
    assert_int_equal(OP(bind_ipi, bind), -XEN_ENOENT);
}

static void pirqs(void **state)
{
    struct evtchn_bind_pirq bind = {.pirq = 9};
    struct evtchn_close close;

    assert_int_equal(OP(bind_pirq, bind), -XEN_EPERM);
    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    assert_int_equal(OP(bind_pirq, bind), 0);
    assert_int_equal(OP(bind_pirq, bind), -XEN_EEXIST);
    send_guest_pirq(a, a->pirqs[9]);
    assert_true(pending(a, bind.port));
    close.port = bind.port;
    assert_int_equal(OP(close, close), 0);
    assert_int_equal(a->pirqs[9]->evtchn, 0);
    bind.pirq = a->nr_pirqs;
    assert_int_equal(OP(bind_pirq, bind), -XEN_EINVAL);
}

static void masking(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    struct vcpu *v = a->vcpu[0];
    struct evtchn_send send;
    struct evtchn_unmask unmask;

    assert_int_equal(OP(bind_ipi, bind), 0);
    send.port = unmask.port = bind.port;
    set_bit(a->shared_info->evtchn_mask, bind.port);
    unmask_vcpu(v);
    assert_int_equal(OP(send, send), 0);
    assert_true(pending(a, bind.port));
    assert_int_equal(v->info->evtchn_upcall_pending, 0);
    assert_int_equal(evtchn_port_poll(a, bind.port), 1);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    unmask_vcpu(v);
    assert_int_equal(OP(unmask, unmask), 0); /* was not masked: nothing to tell */
    assert_int_equal(v->info->evtchn_upcall_pending, 0);
    unmask.port = 1U << 20;
    assert_int_equal(OP(unmask, unmask), -XEN_EINVAL);
    assert_int_equal(evtchn_port_poll(a, 1U << 20), -XEN_EINVAL);
}

static struct {
    unsigned int port, accesses, unmasked_at;
    bool unmasked, seen;
} guest;

/* Another vCPU unmasks the port as guests do: it takes the mask away, then looks at the event. */
static void guest_unmasks(void *place, bool write)
{
    if (guest.accesses++ != guest.unmasked_at)
        return;
    clear_bit(a->shared_info->evtchn_mask, guest.port);
    guest.unmasked = true;
    guest.seen = pending(a, guest.port);
}

/* At whichever moment of a send it does so: either it sees the event, or the event is delivered. */
static void unmasked_meanwhile(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 1};
    struct vcpu *v = a->vcpu[1];

    assert_int_equal(OP(bind_ipi, bind), 0);
    guest.port = bind.port;
    for (guest.unmasked_at = 0;; guest.unmasked_at++) {
        unmask_vcpu(v);
        clear_bit(a->shared_info->evtchn_pending, bind.port);
        set_bit(a->shared_info->evtchn_mask, bind.port);
        guest.accesses = 0;
        guest.unmasked = guest.seen = false;
        memory_is_watched(a->shared_info, PAGE_SIZE, guest_unmasks);
        assert_int_equal(evtchn_send(a, bind.port), 0);
        memory_stays();
        if (!guest.unmasked)
            break;
        assert_true(guest.seen || v->info->evtchn_upcall_pending);
    }
    assert_true(guest.unmasked_at >= 2);
}

/* The limit counts ports from 0; a domain that closes one can open one again. */
static void limits(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    struct evtchn_close close = {.port = 77};

    a->max_evtchn_port = 199;
    for (unsigned int i = 1; i <= 199; i++) {
        assert_int_equal(OP(bind_ipi, bind), 0);
        assert_int_equal(bind.port, i);
    }
    assert_int_equal(OP(bind_ipi, bind), -XEN_ENOSPC);
    assert_int_equal(OP(close, close), 0);
    assert_int_equal(OP(bind_ipi, bind), 0);
    assert_int_equal(bind.port, 77);
    a->max_evtchn_port = 1U << 16;
    for (unsigned int i = 200; i < EVTCHN_2L_NR_CHANNELS; i++)
        assert_int_equal(OP(bind_ipi, bind), 0);
    assert_int_equal(OP(bind_ipi, bind), -XEN_ENOSPC);
}

static void out_of_memory(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};

    for (unsigned int i = 1; i < EVTCHNS_PER_BUCKET; i++)
        assert_int_equal(OP(bind_ipi, bind), 0);
    host_fail_allocation(1);
    assert_int_equal(OP(bind_ipi, bind), -XEN_ENOMEM);
    assert_int_equal(a->active_evtchns, EVTCHNS_PER_BUCKET - 1);
    assert_int_equal(OP(bind_ipi, bind), 0);
    assert_int_equal(bind.port, EVTCHNS_PER_BUCKET);
}

static void resetting(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 1};
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    host_become(b->vcpu[0]);
    for (unsigned int i = 0; i < 200; i++)
        assert_int_equal(OP(bind_ipi, ipi), 0);
    host_become(a->vcpu[0]);
    bind.remote_port = unbound(a, 2);
    host_become(b->vcpu[0]);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    host_preempt_every(1);
    assert_int_equal(OP(reset, reset), 0);
    host_preempt_every(0);
    assert_int_equal(b->active_evtchns, 0);
    assert_int_equal(state_of(a, bind.remote_port), EVTCHNSTAT_unbound);

    /* By the other one only while it is paused. */
    host_become(a->vcpu[0]);
    reset.dom = 2;
    assert_int_equal(OP(reset, reset), -XEN_EINVAL);
    assert_int_equal(domain_pause_by_controller(b), 0);
    assert_int_equal(OP(reset, reset), 0);
    assert_int_equal(domain_unpause_by_controller(b), 0);
}

/*
 * A reset continues where it was preempted; a port that was opened behind it makes it fail, and a
 * death closes that, too.
 */
static void resetting_in_pieces(void **state)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    long rc;

    host_become(b->vcpu[0]);
    for (unsigned int i = 0; i < 200; i++)
        assert_int_equal(OP(bind_ipi, ipi), 0);
    memcpy(host_guest, &reset, sizeof(reset));
    host_preempt_every(1);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, GUEST(0)), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(b->active_evtchns, 200 - 63);
    assert_int_equal(OP(bind_ipi, ipi), 0);
    assert_int_equal(ipi.port, 1);
    memcpy(host_guest, &reset, sizeof(reset));
    host_preempt_every(1);
    while ((rc = do_event_channel_op(EVTCHNOP_reset, GUEST(0))) == HOST_CONTINUED)
        ;
    host_preempt_every(0);
    assert_int_equal(rc, -XEN_EAGAIN);
    assert_int_equal(b->active_evtchns, 1);

    for (unsigned int i = 0; i < 100; i++)
        assert_int_equal(OP(bind_ipi, ipi), 0);
    memcpy(host_guest, &reset, sizeof(reset));
    host_preempt_every(1);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, GUEST(0)), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(OP(bind_ipi, ipi), 0);
    assert_int_equal(evtchn_destroy(b), 0);
    assert_int_equal(b->active_evtchns, 0);
}

/* A domain dies while connected: its peers wait for a domain of that number again. */
static void peer_dies(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 1};
    struct evtchn_send send;
    struct domain *c = host_domain(3, 1, 0, false);

    bind.remote_port = unbound(a, 3);
    host_become(c->vcpu[0]);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    host_become(a->vcpu[0]);
    host_kill(c);
    assert_int_equal(state_of(a, bind.remote_port), EVTCHNSTAT_unbound);
    send.port = bind.remote_port;
    assert_int_equal(OP(send, send), 0);
}

static void polling(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};
    struct sched_poll poll = {.nr_ports = 1, .timeout = 0};
    struct vcpu *v = a->vcpu[0];
    evtchn_port_t port;

    assert_int_equal(OP(bind_ipi, bind), 0);
    port = bind.port;
    unmask_vcpu(v);
    set_bit(a->shared_info->evtchn_mask, port);
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)GUEST(4096));
    memcpy((void *)GUEST(4096), &port, sizeof(port));

    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    assert_int_equal(v->poll_port, port);
    evtchn_send(a, port); /* masked, but a vCPU polls it */
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
    assert_int_equal(v->poll_port, 0);
    assert_false(test_bit(a->poll_mask, 0));
    /* Pending already: no wait. */
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
    /* With a timeout. */
    clear_bit(a->shared_info->evtchn_pending, port);
    poll.timeout = (u64)host_now + 1000;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    host_advance(2000);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
    host_become(v);

    /* The timeout of a poll that an event has ended disturbs neither another wait... */
    poll.timeout = (u64)host_now + 1000;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    evtchn_send(a, port);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
    clear_bit(a->shared_info->evtchn_pending, port);
    v->info->evtchn_upcall_pending = 0;
    vcpu_block_enable_events();
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    host_advance(2000);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    vcpu_unblock(v);
    host_run_softirqs();
    host_become(v);
    /* ...nor the next poll, which has none. */
    poll.timeout = (u64)host_now + 1000;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    evtchn_send(a, port);
    clear_bit(a->shared_info->evtchn_pending, port);
    poll.timeout = 0;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), 0);
    host_advance(2000);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
    assert_int_equal(v->poll_port, port);
    evtchn_send(a, port);
    clear_bit(a->shared_info->evtchn_pending, port);
    host_run_softirqs();
    host_become(v);

    port = 55; /* not open */
    memcpy((void *)GUEST(4096), &port, sizeof(port));
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), -XEN_EINVAL);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
    poll.nr_ports = 129;
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), -XEN_EINVAL);
    poll.nr_ports = 1;
    set_xen_guest_handle(poll.ports, (evtchn_port_t *)(GUEST(0) + HOST_WINDOW));
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &poll, sizeof(poll)), -XEN_EFAULT);
    assert_false(test_bit(&v->pause_flags, VPF_BLOCKED));
}

static void bad_calls(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 0};

    for (unsigned int cmd = 0; cmd < 40; cmd++)
        assert_true(do_event_channel_op(cmd, 0) < 0);
    for (unsigned int cmd = 0; cmd < 20; cmd++)
        assert_true(do_event_channel_op(cmd, GUEST(HOST_WINDOW) - 1) < 0);
    assert_int_equal(a->active_evtchns, 0);
    memcpy(host_guest, &bind, sizeof(bind));
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, GUEST(0)), 0);
    assert_int_equal(a->active_evtchns, 1);
}

/* The guest owns all the bits: whatever they say, ports work. */
static void scribbling(void **state)
{
    struct evtchn_bind_ipi bind = {.vcpu = 1};
    unsigned int seed = 1;

    assert_int_equal(OP(bind_ipi, bind), 0);
    for (unsigned int i = 0; i < 2000; i++) {
        u8 *info = (u8 *)a->shared_info;

        for (unsigned int k = 0; k < 64; k++) {
            seed = seed * 1103515245 + 12345;
            info[seed >> 8 & 0xfff] = (u8)(seed >> 20);
        }
        evtchn_send(a, bind.port);
        assert_true(pending(a, bind.port));
        evtchn_port_poll(a, bind.port);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(interdomain),         TEST(loopback),  TEST(who_may_bind),  TEST(virqs),
        TEST(virq_handler),        TEST(ipis),      TEST(pirqs),         TEST(masking),
        TEST(unmasked_meanwhile),  TEST(limits),    TEST(out_of_memory), TEST(resetting),
        TEST(resetting_in_pieces), TEST(peer_dies), TEST(polling),       TEST(bad_calls),
        TEST(scribbling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
