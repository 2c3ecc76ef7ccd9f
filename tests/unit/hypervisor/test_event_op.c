/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Ports and the hypercall on them, word for word: what each operation answers for each kind of
 * port, which bits and which vCPU an event reaches, what a closed port leaves to the next one, and
 * the order of refusals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <evtchn_impl.h>
#include <irq.h>

#include "two_domains.h"

static int setup(void **state)
{
    make_two_domains(3, 2, 4);
    host_become(a->vcpu[0]);
    return 0;
}

#define OP(cmd, op) host_call2(do_event_channel_op, EVTCHNOP_##cmd, &(op), sizeof(op))

static bool pending(const struct domain *d, unsigned int port)
{
    return test_bit(d->shared_info->evtchn_pending, port);
}

static void forget_pending(struct domain *d)
{
    struct vcpu *v;

    memset(d->shared_info->evtchn_pending, 0, sizeof(d->shared_info->evtchn_pending));
    for_each_vcpu (d, v) {
        v->info->evtchn_upcall_pending = 0;
        v->info->evtchn_pending_sel = 0;
    }
}

static evtchn_port_t unbound(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = dom, .remote_dom = remote};

    assert_int_equal(OP(alloc_unbound, op), 0);
    return op.port;
}

static evtchn_port_t ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};

    assert_int_equal(OP(bind_ipi, op), 0);
    return op.port;
}

static evtchn_port_t virq(unsigned int number, unsigned int vcpu)
{
    struct evtchn_bind_virq op = {.virq = number, .vcpu = vcpu};

    assert_int_equal(OP(bind_virq, op), 0);
    return op.port;
}

static long close_port(evtchn_port_t port)
{
    struct evtchn_close op = {.port = port};

    return OP(close, op);
}

static long move_port(evtchn_port_t port, unsigned int vcpu)
{
    struct evtchn_bind_vcpu op = {.port = port, .vcpu = vcpu};

    return OP(bind_vcpu, op);
}

static struct evtchn_status status_of(domid_t dom, evtchn_port_t port)
{
    struct evtchn_status op = {.dom = dom, .port = port, .status = 77, .vcpu = 77};

    memset(&op.u, 0x5a, sizeof(op.u));
    assert_int_equal(OP(status, op), 0);
    return op;
}

/* ---- what a port says of itself ---- */

static void each_kind_says_what_it_is(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 1};
    struct evtchn_bind_pirq pirq = {.pirq = 9};
    struct evtchn_status st;
    evtchn_port_t p;

    st = status_of(DOMID_SELF, 0);
    assert_int_equal(st.status, EVTCHNSTAT_closed);
    p = unbound(DOMID_SELF, 2);
    st = status_of(DOMID_SELF, p);
    assert_int_equal(st.status, EVTCHNSTAT_unbound);
    assert_int_equal(st.u.unbound.dom, 2);
    assert_int_equal(st.vcpu, 0);
    assert_int_equal(status_of(DOMID_SELF, unbound(DOMID_SELF, DOMID_SELF)).u.unbound.dom, 1);
    assert_int_equal(status_of(2, unbound(2, DOMID_SELF)).u.unbound.dom, 1);

    host_become(b->vcpu[0]);
    ipi(0); /* so that the two ends have different numbers */
    bind.remote_port = p;
    assert_int_equal(OP(bind_interdomain, bind), 0);
    assert_int_equal(bind.local_port, 3);
    st = status_of(DOMID_SELF, 3);
    assert_int_equal(st.status, EVTCHNSTAT_interdomain);
    assert_int_equal(st.u.interdomain.dom, 1);
    assert_int_equal(st.u.interdomain.port, 1);
    host_become(a->vcpu[0]);
    st = status_of(1, 1);
    assert_int_equal(st.u.interdomain.dom, 2);
    assert_int_equal(st.u.interdomain.port, 3);

    st = status_of(DOMID_SELF, virq(VIRQ_TIMER, 2));
    assert_int_equal(st.status, EVTCHNSTAT_virq);
    assert_int_equal(st.u.virq, VIRQ_TIMER);
    assert_int_equal(st.vcpu, 2);
    st = status_of(DOMID_SELF, ipi(1));
    assert_int_equal(st.status, EVTCHNSTAT_ipi);
    assert_int_equal(st.vcpu, 1);
    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    assert_int_equal(OP(bind_pirq, pirq), 0);
    st = status_of(DOMID_SELF, pirq.port);
    assert_int_equal(st.status, EVTCHNSTAT_pirq);
    assert_int_equal(st.u.pirq, 9);
    st = status_of(DOMID_SELF, 63); /* there, and never opened */
    assert_int_equal(st.status, EVTCHNSTAT_closed);
    assert_int_equal(st.u.pirq, 0x5a5a5a5a);
}

static void a_status_is_refused(void **state)
{
    struct evtchn_status st = {.dom = DOMID_SELF, .port = 64};
    u32 refs = a->refs;

    assert_int_equal(OP(status, st), -XEN_EINVAL); /* never allocated */
    st.dom = 77;
    assert_int_equal(OP(status, st), -XEN_ESRCH);
    host_become(b->vcpu[0]);
    st.dom = 1;
    assert_int_equal(OP(status, st), -XEN_EINVAL); /* before: whether it may ask */
    st.port = 0;
    assert_int_equal(OP(status, st), -XEN_EPERM);
    st.dom = 2;
    assert_int_equal(OP(status, st), 0);
    assert_int_equal(a->refs, refs);
}

/* ---- where an event arrives ---- */

static void ports_move_to_other_vcpus(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    struct evtchn_bind_pirq pirq = {.pirq = 9};
    evtchn_port_t global, near;

    bind.remote_port = unbound(DOMID_SELF, DOMID_SELF);
    assert_int_equal(move_port(bind.remote_port, 2), 0);
    assert_int_equal(status_of(DOMID_SELF, bind.remote_port).vcpu, 2);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    assert_int_equal(status_of(DOMID_SELF, bind.local_port).vcpu, 0);
    forget_pending(a);
    assert_int_equal(evtchn_send(a, bind.local_port), 0);
    assert_true(pending(a, bind.remote_port));
    assert_false(pending(a, bind.local_port));
    assert_int_equal(a->vcpu[2]->info->evtchn_upcall_pending, 1);
    assert_int_equal(a->vcpu[2]->info->evtchn_pending_sel, 1);
    assert_int_equal(a->vcpu[0]->info->evtchn_upcall_pending, 0);
    assert_int_equal(move_port(bind.local_port, 1), 0);
    assert_int_equal(status_of(DOMID_SELF, bind.local_port).vcpu, 1);

    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    assert_int_equal(OP(bind_pirq, pirq), 0);
    assert_int_equal(move_port(pirq.port, 1), 0);
    assert_int_equal(status_of(DOMID_SELF, pirq.port).vcpu, 1);
    global = virq(VIRQ_CONSOLE, 0);
    assert_int_equal(move_port(global, 1), 0);
    near = virq(VIRQ_TIMER, 2);
    assert_int_equal(move_port(near, 1), -XEN_EINVAL);
    assert_int_equal(status_of(DOMID_SELF, near).vcpu, 2);
    near = ipi(2);
    assert_int_equal(move_port(near, 1), -XEN_EINVAL);
    assert_int_equal(status_of(DOMID_SELF, near).vcpu, 2);
    assert_int_equal(move_port(global, 3), -XEN_ENOENT);
    assert_int_equal(move_port(5000, 3), -XEN_ENOENT);
    assert_int_equal(move_port(5000, 1), -XEN_EINVAL);
    assert_int_equal(move_port(0, 1), -XEN_EINVAL);
    assert_int_equal(move_port(60, 1), -XEN_EINVAL);
}

/* What one user of a port did to it is not the next one's. */
static void a_port_is_fresh_again(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    evtchn_port_t p = unbound(DOMID_SELF, DOMID_SELF);

    assert_int_equal(p, 1);
    assert_int_equal(a->active_evtchns, 1);
    assert_int_equal(move_port(p, 2), 0);
    bind.remote_port = p;
    assert_int_equal(OP(bind_interdomain, bind), 0);
    assert_int_equal(a->active_evtchns, 2);
    assert_int_equal(evtchn_send(a, bind.local_port), 0);
    assert_true(pending(a, p));
    assert_int_equal(close_port(p), 0);
    assert_false(pending(a, p));
    assert_int_equal(a->active_evtchns, 1);
    assert_int_equal(status_of(DOMID_SELF, p).status, EVTCHNSTAT_closed);
    assert_int_equal(status_of(DOMID_SELF, p).vcpu, 0);
    assert_int_equal(status_of(DOMID_SELF, bind.local_port).status, EVTCHNSTAT_unbound);
    assert_int_equal(status_of(DOMID_SELF, bind.local_port).u.unbound.dom, 1);
    /* The guest sets the bit while nobody has the port. */
    set_bit(a->shared_info->evtchn_pending, p);
    assert_int_equal(unbound(DOMID_SELF, 2), p);
    assert_false(pending(a, p));
    assert_int_equal(status_of(DOMID_SELF, p).vcpu, 0);
    assert_int_equal(a->active_evtchns, 2);
}

static void no_port_no_event(void **state)
{
    const evtchn_port_t never = 64, closed = ipi(0), timer = virq(VIRQ_TIMER, 0);
    struct evtchn_send send = {.port = 0};
    struct evtchn_unmask unmask = {.port = closed};

    assert_int_equal(close_port(closed), 0);
    forget_pending(a);
    assert_int_equal(OP(send, send), -XEN_EINVAL);
    send.port = never;
    assert_int_equal(OP(send, send), -XEN_EINVAL);
    send.port = closed;
    assert_int_equal(OP(send, send), -XEN_EINVAL);
    send.port = timer;
    assert_int_equal(OP(send, send), -XEN_EINVAL);
    send.port = unbound(DOMID_SELF, 2);
    assert_int_equal(OP(send, send), 0);
    assert_int_equal(a->shared_info->evtchn_pending[0], 0);
    assert_int_equal(close_port(0), -XEN_EINVAL);
    assert_int_equal(close_port(never), -XEN_EINVAL);
    assert_int_equal(close_port(50), -XEN_EINVAL);
    assert_int_equal(do_event_channel_op(EVTCHNOP_send, GUEST(HOST_WINDOW) - 3), -XEN_EFAULT);
    /* A port that is none is unmasked for nobody. */
    set_bit(a->shared_info->evtchn_mask, 50);
    set_bit(a->shared_info->evtchn_pending, 50);
    unmask.port = 50;
    assert_int_equal(OP(unmask, unmask), 0);
    assert_true(test_bit(a->shared_info->evtchn_mask, 50));
    assert_int_equal(evtchn_port_poll(a, 50), -XEN_EINVAL);
    assert_int_equal(evtchn_port_poll(a, 0), -XEN_EINVAL);
    assert_int_equal(evtchn_port_poll(a, never), -XEN_EINVAL);
    assert_int_equal(evtchn_port_poll(a, timer), 0);
    set_bit(a->shared_info->evtchn_pending, timer);
    assert_int_equal(evtchn_port_poll(a, timer), 1);
}

static void unmasking_tells_the_right_vcpu(void **state)
{
    struct evtchn_unmask unmask;
    evtchn_port_t p = 0;

    while (p < 70)
        p = ipi(2);
    unmask.port = p;
    forget_pending(a);
    set_bit(a->shared_info->evtchn_mask, p);
    assert_int_equal(evtchn_send(a, p), 0);
    assert_int_equal(a->vcpu[2]->info->evtchn_pending_sel, 0);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_false(test_bit(a->shared_info->evtchn_mask, p));
    assert_int_equal(a->vcpu[2]->info->evtchn_pending_sel, 2); /* the second word */
    assert_int_equal(a->vcpu[2]->info->evtchn_upcall_pending, 1);
    assert_int_equal(a->vcpu[0]->info->evtchn_pending_sel, 0);
    /* Neither what is not pending, nor what was not masked, nor a word that is shown. */
    forget_pending(a);
    set_bit(a->shared_info->evtchn_mask, p);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(a->vcpu[2]->info->evtchn_pending_sel, 0);
    set_bit(a->shared_info->evtchn_pending, p);
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(a->vcpu[2]->info->evtchn_pending_sel, 0);
    set_bit(a->shared_info->evtchn_mask, p);
    a->vcpu[2]->info->evtchn_pending_sel = 2;
    assert_int_equal(OP(unmask, unmask), 0);
    assert_int_equal(a->vcpu[2]->info->evtchn_upcall_pending, 0);
}

/* A place for vcpu_info that is new: all words are looked at once. */
static void moved_vcpu_info_loses_nothing(void **state)
{
    struct vcpu *v = a->vcpu[1];

    forget_pending(a);
    evtchn_vcpu_info_moved(v);
    assert_int_equal(v->info->evtchn_pending_sel, ~0UL);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    assert_int_equal(a->vcpu[0]->info->evtchn_pending_sel, 0);
}

static void poll(struct vcpu *v, evtchn_port_t port, evtchn_port_t other)
{
    struct sched_poll op = {.nr_ports = other ? 2 : 1};
    evtchn_port_t ports[2] = {port, other};

    host_become(v);
    v->info->evtchn_upcall_pending = 0;
    memcpy((void *)GUEST(4096), ports, sizeof(ports));
    set_xen_guest_handle(op.ports, (evtchn_port_t *)GUEST(4096));
    assert_int_equal(host_call2(do_sched_op, SCHEDOP_poll, &op, sizeof(op)), 0);
    assert_true(test_bit(&v->pause_flags, VPF_BLOCKED));
}

static void pollers_wake_for_their_ports(void **state)
{
    evtchn_port_t x = ipi(0), y = ipi(0), z = ipi(0);

    set_bit(a->shared_info->evtchn_mask, x);
    set_bit(a->shared_info->evtchn_mask, y);
    set_bit(a->shared_info->evtchn_mask, z);
    poll(a->vcpu[0], x, 0);
    poll(a->vcpu[1], y, 0);
    poll(a->vcpu[2], y, z);
    assert_int_equal(a->vcpu[2]->poll_port, -1);
    assert_int_equal(a->poll_mask[0], 7);
    assert_int_equal(evtchn_send(a, y), 0);
    assert_true(test_bit(&a->vcpu[0]->pause_flags, VPF_BLOCKED));
    assert_false(test_bit(&a->vcpu[1]->pause_flags, VPF_BLOCKED));
    assert_false(test_bit(&a->vcpu[2]->pause_flags, VPF_BLOCKED));
    assert_int_equal(a->poll_mask[0], 1);
    assert_int_equal(evtchn_send(a, x), 0);
    assert_false(test_bit(&a->vcpu[0]->pause_flags, VPF_BLOCKED));
    assert_int_equal(a->poll_mask[0], 0);
    host_become(a->vcpu[0]);
}

/* ---- opening ---- */

static void ports_are_refused(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 2, .remote_port = 0};
    struct evtchn_bind_virq v = {.virq = NR_VIRQS - 1, .vcpu = 0};
    struct evtchn_bind_ipi i = {.vcpu = 3};
    struct evtchn_bind_pirq p = {.pirq = 31};
    struct evtchn_alloc_unbound u = {.dom = DOMID_SELF};
    u32 refs = b->refs;

    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL); /* port 0 */
    bind.remote_port = 64;
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL);
    bind.remote_port = unbound(2, 2); /* for b itself */
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL);
    b->dying = DOMAIN_DYING;
    bind.remote_port = 1;
    evtchn_lookup(b, 1)->unbound_domid = 1;
    assert_int_equal(OP(bind_interdomain, bind), -XEN_EINVAL);
    u.dom = 2;
    assert_int_equal(OP(alloc_unbound, u), -XEN_EINVAL);
    b->dying = DOMAIN_ALIVE;
    assert_int_equal(OP(bind_interdomain, bind), 0);
    assert_int_equal(b->refs, refs);
    assert_int_equal(close_port(bind.local_port), 0);
    assert_int_equal(OP(bind_ipi, i), -XEN_ENOENT);
    assert_int_equal(OP(bind_virq, v), 0);
    v.virq = NR_VIRQS;
    assert_int_equal(OP(bind_virq, v), -XEN_EINVAL);
    v = (struct evtchn_bind_virq){.virq = VIRQ_TIMER, .vcpu = 3};
    assert_int_equal(OP(bind_virq, v), -XEN_ENOENT);
    /* Pirqs: the number, the permission, memory, and only once. */
    assert_int_equal(OP(bind_pirq, p), -XEN_EPERM);
    assert_int_equal(rangeset_add(a->irqs, 31, 32), 0);
    host_fail_allocation(1);
    assert_int_equal(OP(bind_pirq, p), -XEN_ENOMEM);
    host_fail_allocation(0);
    assert_int_equal(OP(bind_pirq, p), 0);
    assert_int_equal(a->pirqs[31]->evtchn, p.port);
    assert_int_equal(OP(bind_pirq, p), -XEN_EEXIST);
    p.pirq = 32;
    assert_int_equal(OP(bind_pirq, p), -XEN_EINVAL);
    assert_int_equal(a->active_evtchns, 2);
}

/* Without a free port each kind says so, and keeps nothing. */
static void no_port_is_free(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = 2, .remote_port = unbound(2, 1)};
    struct evtchn_bind_virq v = {.virq = VIRQ_TIMER, .vcpu = 0};
    struct evtchn_bind_ipi i = {.vcpu = 0, .port = 77};
    struct evtchn_bind_pirq p = {.pirq = 9};
    struct evtchn_alloc_unbound u = {.dom = DOMID_SELF};

    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    a->max_evtchn_port = 2;
    assert_int_equal(ipi(0), 1);
    assert_int_equal(ipi(0), 2);
    for (unsigned int again = 0; again < 2; again++) {
        assert_int_equal(OP(bind_interdomain, bind), -XEN_ENOSPC);
        assert_int_equal(OP(bind_virq, v), -XEN_ENOSPC);
        assert_int_equal(OP(bind_ipi, i), -XEN_ENOSPC);
        assert_int_equal(OP(bind_pirq, p), -XEN_ENOSPC);
        assert_int_equal(OP(alloc_unbound, u), -XEN_ENOSPC);
    }
    assert_int_equal(i.port, 77); /* nothing is written back */
    assert_int_equal(a->vcpu[0]->virq_port[VIRQ_TIMER], 0);
    assert_int_equal(a->pirqs[9]->evtchn, 0);
    assert_int_equal(a->active_evtchns, 2);
    assert_int_equal(status_of(2, bind.remote_port).status, EVTCHNSTAT_unbound);
    assert_int_equal(close_port(1), 0);
    assert_int_equal(OP(bind_virq, v), 0);
    assert_int_equal(v.port, 1);
    assert_int_equal(a->vcpu[0]->virq_port[VIRQ_TIMER], 1);
    assert_int_equal(OP(bind_virq, v), -XEN_EEXIST);
}

/* The lowest free one, wherever it is, and full buckets are no obstacle. */
static void the_lowest_free_port_is_taken(void **state)
{
    for (evtchn_port_t p = 1; p < 200; p++)
        assert_int_equal(ipi(0), p);
    assert_int_equal(a->valid_evtchns, 256);
    assert_int_equal(close_port(130), 0);
    assert_int_equal(close_port(64), 0);
    assert_int_equal(close_port(199), 0);
    assert_int_equal(ipi(0), 64);
    assert_int_equal(ipi(0), 130);
    assert_int_equal(ipi(0), 199);
    assert_int_equal(ipi(0), 200);
    assert_int_equal(close_port(63), 0);
    assert_int_equal(close_port(128), 0);
    assert_int_equal(close_port(1), 0);
    assert_int_equal(ipi(0), 1);
    assert_int_equal(ipi(0), 63);
    assert_int_equal(ipi(0), 128);
    assert_int_equal(ipi(0), 201);
    assert_int_equal(a->active_evtchns, 201);
}

static void closing_ends_what_was_bound(void **state)
{
    struct evtchn_bind_pirq pirq = {.pirq = 9};
    evtchn_port_t p = virq(VIRQ_TIMER, 2), q = virq(VIRQ_TIMER, 1);

    assert_int_equal(a->vcpu[2]->virq_port[VIRQ_TIMER], p);
    assert_int_equal(close_port(p), 0);
    assert_int_equal(a->vcpu[2]->virq_port[VIRQ_TIMER], 0);
    assert_int_equal(a->vcpu[1]->virq_port[VIRQ_TIMER], q);
    assert_int_equal(virq(VIRQ_TIMER, 2), p);
    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    assert_int_equal(OP(bind_pirq, pirq), 0);
    assert_int_equal(close_port(pirq.port), 0);
    assert_int_equal(a->pirqs[9]->evtchn, 0);
    assert_int_equal(OP(bind_pirq, pirq), 0);
    assert_int_equal(pirq.port, 3);
}

static void a_reset_is_refused(void **state)
{
    struct evtchn_reset reset = {.dom = 77};
    u32 refs = b->refs;

    assert_int_equal(OP(reset, reset), -XEN_ESRCH);
    reset.dom = 2;
    unbound(2, 1);
    assert_int_equal(OP(reset, reset), -XEN_EINVAL); /* it runs */
    assert_int_equal(b->active_evtchns, 1);
    host_become(b->vcpu[0]);
    reset.dom = 1;
    assert_int_equal(OP(reset, reset), -XEN_EPERM);
    reset.dom = 2;
    assert_int_equal(OP(reset, reset), 0); /* its own, by number */
    assert_int_equal(b->active_evtchns, 0);
    assert_int_equal(b->reset_cursor, 0);
    assert_int_equal(b->refs, refs);
}

/* A reset is preempted after each 64 ports, and continues as the hypercall that it was. */
static void a_reset_continues(void **state)
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    for (unsigned int i = 1; i < 130; i++)
        ipi(0);
    memcpy(host_guest, &reset, sizeof(reset));
    host_preempt_every(1);
    for (unsigned int left = 129 - 63;; left -= 64) {
        assert_int_equal(do_event_channel_op(EVTCHNOP_reset, GUEST(0)), HOST_CONTINUED);
        assert_int_equal(host_continued.op, __HYPERVISOR_event_channel_op);
        assert_int_equal(host_continued.nargs, 2);
        assert_int_equal(host_continued.args[0], EVTCHNOP_reset);
        assert_int_equal(host_continued.args[1], GUEST(0));
        assert_int_equal(a->active_evtchns, left);
        assert_int_equal(a->reset_cursor, 129 - left + 1);
        if (left < 64)
            break;
    }
    host_preempt_every(0);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, GUEST(0)), 0);
    assert_int_equal(a->reset_cursor, 0);
    assert_int_equal(a->active_evtchns, 0);
}

/* A domain that was made in part leaves nothing. */
static void creation_fails(void **state)
{
    struct domain d = {.id = 9};
    unsigned long objects = host_objects();
    unsigned int budget = 0;

    for (unsigned long n = 1; n <= 2; n++) {
        host_fail_allocation(n);
        assert_int_equal(evtchn_init(&d, 1000), -XEN_ENOMEM);
        assert_null(d.evtchn_buckets);
        assert_int_equal(host_objects(), objects);
    }
    host_fail_allocation(0);
    assert_int_equal(evtchn_init(&d, ~0U), 0);
    assert_int_equal(d.max_evtchn_port, (1U << 17) - 1);
    assert_int_equal(d.max_evtchns, 4096);
    assert_int_equal(d.valid_evtchns, 64);
    assert_int_equal(d.lowest_free_evtchn, 1);
    assert_int_equal(evtchn_lookup(&d, 63)->port, 63);
    assert_int_equal(evtchn_lookup(&d, 63)->priority, 7);
    assert_int_equal(evtchn_lookup(&d, 63)->lock.rank, RANK_EVENT_CHANNEL);
    assert_int_equal(evtchn_lookup(&d, 0)->open_in_bucket, 1);
    assert_null(evtchn_lookup(&d, 64));
    assert_false(evtchn_destroy_final(&d, &budget));
    assert_int_equal(d.valid_evtchns, 64);
    budget = 2;
    assert_true(evtchn_destroy_final(&d, &budget));
    assert_int_equal(budget, 1);
    assert_int_equal(host_objects(), objects);
}

/* ---- what a person reads ---- */

static void ports_are_described(void **state)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = DOMID_SELF};
    struct evtchn_bind_pirq pirq = {.pirq = 9};

    unbound(DOMID_SELF, 2);
    bind.remote_port = unbound(DOMID_SELF, DOMID_SELF);
    assert_int_equal(OP(bind_interdomain, bind), 0);
    virq(VIRQ_TIMER, 2);
    assert_int_equal(close_port(ipi(0)), 0);
    forget_pending(a);
    assert_int_equal(rangeset_add(a->irqs, 9, 9), 0);
    assert_int_equal(OP(bind_pirq, pirq), 0);
    set_bit(a->shared_info->evtchn_pending, ipi(1));
    set_bit(a->shared_info->evtchn_mask, 4);
    set_bit(a->shared_info->evtchn_mask, 5);
    set_bit(a->shared_info->evtchn_pending, 5);
    host_console_log[0] = '\0';
    evtchn_dump(a);
    assert_string_equal(host_console_log, "d1 port 1: unbound, waits for d2, vcpu 0\n"
                                          "d1 port 2: interdomain, d1 port 3, vcpu 0\n"
                                          "d1 port 3: interdomain, d1 port 2, vcpu 0\n"
                                          "d1 port 4: virq 0, vcpu 2, masked\n"
                                          "d1 port 5: pirq 9, vcpu 0, pending, masked\n"
                                          "d1 port 6: ipi, vcpu 1, pending\n");
    /* At most 64 of them, and how many more there are. */
    while (ipi(0) < 64)
        ;
    evtchn_dump(a);
    assert_string_equal(host_console_log + strlen(host_console_log) - 25,
                        "\nd1 port 64: ipi, vcpu 0\n");
    ipi(0);
    ipi(0);
    evtchn_dump(a);
    assert_string_equal(host_console_log + strlen(host_console_log) - 42,
                        "\nd1 port 64: ipi, vcpu 0\nd1: 2 more ports\n");
}

/* ---- the hypercall ---- */

static void what_cannot_be_read_or_written(void **state)
{
    static const struct {
        unsigned int cmd, size;
    } ops[] = {
        {EVTCHNOP_bind_interdomain, 12},
        {EVTCHNOP_bind_virq, 12},
        {EVTCHNOP_bind_pirq, 12},
        {EVTCHNOP_close, 4},
        {EVTCHNOP_send, 4},
        {EVTCHNOP_status, 24},
        {EVTCHNOP_alloc_unbound, 8},
        {EVTCHNOP_bind_ipi, 8},
        {EVTCHNOP_bind_vcpu, 8},
        {EVTCHNOP_unmask, 4},
        {EVTCHNOP_reset, 2},
        {EVTCHNOP_init_control, 24},
        {EVTCHNOP_expand_array, 8},
        {EVTCHNOP_set_priority, 8},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
        memset(host_guest, 0xff, 64);
        host_guest_limit(0, ops[i].size - 1);
        assert_int_equal(do_event_channel_op(ops[i].cmd, GUEST(0)), -XEN_EFAULT);
        host_guest_limit(0, ops[i].size);
        assert_int_not_equal(do_event_channel_op(ops[i].cmd, GUEST(0)), -XEN_EFAULT);
        host_guest_limit(0, 0);
    }
    assert_int_equal(do_event_channel_op(14, GUEST(0)), -XEN_ENOSYS);
    assert_int_equal(do_event_channel_op(~0U, GUEST(0)), -XEN_ENOSYS);
}

/* The older form: the number, then the argument. */
static void the_older_form(void **state)
{
    struct evtchn_op op = {.cmd = EVTCHNOP_bind_ipi, .u.bind_ipi = {.vcpu = 2}};

    assert_int_equal(host_call1(do_event_channel_op_compat, &op, sizeof(op)), 0);
    assert_int_equal(op.u.bind_ipi.port, 1);
    assert_int_equal(status_of(DOMID_SELF, 1).vcpu, 2);
    op = (struct evtchn_op){.cmd = EVTCHNOP_unmask, .u.unmask = {.port = 1}};
    set_bit(a->shared_info->evtchn_mask, 1);
    assert_int_equal(host_call1(do_event_channel_op_compat, &op, sizeof(op)), 0);
    assert_false(test_bit(a->shared_info->evtchn_mask, 1));
    op.cmd = EVTCHNOP_reset;
    assert_int_equal(host_call1(do_event_channel_op_compat, &op, sizeof(op)), -XEN_ENOSYS);
    assert_int_equal(a->active_evtchns, 1);
    assert_int_equal(do_event_channel_op_compat(GUEST(HOST_WINDOW) - 3), -XEN_EFAULT);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_says_what_it_is),
        TEST(a_status_is_refused),
        TEST(ports_move_to_other_vcpus),
        TEST(a_port_is_fresh_again),
        TEST(no_port_no_event),
        TEST(unmasking_tells_the_right_vcpu),
        TEST(moved_vcpu_info_loses_nothing),
        TEST(pollers_wake_for_their_ports),
        TEST(ports_are_refused),
        TEST(no_port_is_free),
        TEST(the_lowest_free_port_is_taken),
        TEST(closing_ends_what_was_bound),
        TEST(a_reset_is_refused),
        TEST(a_reset_continues),
        TEST(creation_fails),
        TEST(ports_are_described),
        TEST(what_cannot_be_read_or_written),
        TEST(the_older_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
