/* SPDX-License-Identifier: MIT */
/* Event channels, time, and vCPUs that come and go, of the stress test (stress.h). */
#include <clock.h>
#include <events.h>
#include <hypercall.h>
#include <public/event_channel.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <vcpu.h>

#include "stress.h"

#define GUESSED_PORTS 48u /* of another domain, to which we may be allowed to bind */
#define LONGEST_WAIT  2000000u

/* ---- ports ---- */

static unsigned int any_vcpu(struct worker *w)
{
    return hostile_below(&w->random, STRESS_VCPUS);
}

static domid_t any_peer(struct worker *w)
{
    return (domid_t)hostile_below(&w->random, STRESS_PEERS);
}

static evtchn_port_t open_unbound(struct worker *w)
{
    struct evtchn_alloc_unbound op = {.dom = DOMID_SELF, .remote_dom = any_peer(w)};

    return hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &op) ? 0 : op.port;
}

static evtchn_port_t open_interdomain(struct worker *w)
{
    struct evtchn_bind_interdomain op = {.remote_dom = any_peer(w),
                                         .remote_port = hostile_below(&w->random, GUESSED_PORTS)};

    return hypercall_event_channel_op(EVTCHNOP_bind_interdomain, &op) ? 0 : op.local_port;
}

static evtchn_port_t open_ipi(struct worker *w)
{
    struct evtchn_bind_ipi op = {.vcpu = any_vcpu(w)};

    return hypercall_event_channel_op(EVTCHNOP_bind_ipi, &op) ? 0 : op.port;
}

static void close_port(struct worker *w, evtchn_port_t *port)
{
    struct evtchn_close op = {.port = *port};
    long rc = hypercall_event_channel_op(EVTCHNOP_close, &op);

    if (rc)
        stress_trouble(w, "closing port %u: %ld", *port, rc);
    *port = 0;
}

void stress_close_ports(struct worker *w)
{
    for (unsigned int i = 0; i < PORTS; i++)
        if (w->ports[i])
            close_port(w, &w->ports[i]);
}

static void use_port(struct worker *w, evtchn_port_t *port)
{
    struct evtchn_bind_vcpu bind = {.port = *port, .vcpu = any_vcpu(w)};
    struct evtchn_status status = {.dom = DOMID_SELF, .port = *port};

    switch (hostile_below(&w->random, 8)) {
    case 0:
        close_port(w, port);
        break;
    case 1:
        hypercall_event_channel_op(EVTCHNOP_bind_vcpu, &bind); /* not the port of an IPI */
        break;
    case 2:
        if (hypercall_event_channel_op(EVTCHNOP_status, &status) ||
            status.status == EVTCHNSTAT_closed)
            stress_trouble(w, "port %u is closed", *port);
        break;
    case 3:
        event_mask(*port);
        break;
    case 4:
        event_unmask(*port);
        break;
    case 5:
        event_test_and_clear(*port);
        break;
    default:
        event_send(*port); /* refused while nobody is bound to it */
        break;
    }
}

void stress_ports(struct worker *w)
{
    evtchn_port_t *port = &w->ports[hostile_below(&w->random, PORTS)];

    if (*port)
        use_port(w, port);
    else if (stress_chance(w, 4))
        *port = open_ipi(w);
    else
        *port = stress_chance(w, 2) ? open_unbound(w) : open_interdomain(w);
}

/* ---- time ---- */

/* The timer's event is held back until the vCPU blocks, and wakes it. */
static void block(struct worker *w)
{
    struct vcpu_set_singleshot_timer timer;
    bool enabled = events_disable();

    timer.timeout_abs_ns = clock_now() + hostile_below(&w->random, LONGEST_WAIT);
    timer.flags = 0;
    event_unmask((evtchn_port_t)w->timer_port);
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, w->vcpu, &timer);
    hypercall_sched_op(SCHEDOP_block, NULL);
    events_restore(enabled);
}

void stress_wait(struct worker *w)
{
    uint64_t before = clock_now();

    if (stress_chance(w, 3))
        hypercall_sched_op(SCHEDOP_yield, NULL);
    else if (w->vcpu == 0 || stress_chance(w, 2))
        stress_nap(w, hostile_below(&w->random, LONGEST_WAIT));
    else
        block(w);
    if (clock_now() < before)
        stress_trouble(w, "time went back from %lu", before);
}

/* ---- vCPUs ---- */

void stress_vcpus(struct worker *w)
{
    unsigned int vcpu = any_vcpu(w);
    struct vcpu_runstate_info state;

    switch (hostile_below(&w->random, 6)) {
    case 0:
        if (w->vcpu != 0 && stress_chance(w, 4))
            hypercall_vcpu_op(VCPUOP_down, w->vcpu, NULL);
        break;
    case 1:
        hypercall_vcpu_op(VCPUOP_get_runstate_info, vcpu, &state);
        break;
    case 2:
        if (w->board->stage == STRESS_WORKS)
            hypercall_vcpu_op(VCPUOP_send_nmi, vcpu, NULL);
        break;
    case 3:
        vcpu_is_up(vcpu);
        break;
    default:
        /* Not before all have been started: vCPUs of dom0 that do not work are up already. */
        if (w->board->stage == STRESS_WORKS)
            hypercall_vcpu_op(VCPUOP_up, vcpu, NULL);
        break;
    }
}
