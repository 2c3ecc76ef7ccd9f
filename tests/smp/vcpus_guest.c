/* SPDX-License-Identifier: MIT */
/* What the guests of vcpus.h do. */
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <public/vcpu.h>
#include <sched.h>

#include "vcpus.h"

#define SOON MICROSECS(200)

/* ---- calls ---- */

static unsigned long own_window(void)
{
    return GUEST(smp_processor_id() * PV_ACTOR_WINDOW);
}

long guest_event_op(unsigned int cmd, void *op, unsigned long size)
{
    unsigned long arg = own_window();
    long rc;

    memcpy((void *)arg, op, size);
    rc = do_event_channel_op(cmd, arg);
    memcpy(op, (void *)arg, size);
    return rc;
}

static s_time_t soon(void)
{
    return now() + (s_time_t)pick(255) * (SOON / 255);
}

/* Mostly there is a timer that ends the wait. */
static void set_timer_first(void)
{
    if (pick(4))
        (void)do_set_timer_op(soon());
}

static void poll(struct vcpu *v)
{
    struct guest *g = guest_of(v);
    struct {
        struct sched_poll poll;
        evtchn_port_t ports[ARRAY_SIZE(g->polled)];
    } *call = (void *)own_window();

    memset(call, 0, sizeof(*call));
    call->poll.nr_ports = 1 + pick(ARRAY_SIZE(g->polled));
    call->poll.ports.p = call->ports;
    memset(g->polled, 0, sizeof(g->polled));
    for (unsigned int i = 0; i < call->poll.nr_ports; i++)
        g->polled[i] = call->ports[i] = events_pick_port();
    if (pick(4))
        call->poll.timeout = (u64)soon();
    else
        set_timer_first();
    if (pick(2))
        WRITE_ONCE(v->info->evtchn_upcall_mask, 1); /* as one does that waits for a lock */
    (void)do_sched_op(SCHEDOP_poll, own_window());
}

static void change_periodic(unsigned int vcpu)
{
    struct vcpu_set_periodic_timer *set = (void *)own_window();

    set->period_ns = MILLISECS(1) + pick(8) * (SOON / 8);
    if (pick(2))
        (void)do_vcpu_op(VCPUOP_set_periodic_timer, vcpu, own_window());
    else
        (void)do_vcpu_op(VCPUOP_stop_periodic_timer, vcpu, 0);
}

/* Starts, restarts or stops one of two watchdogs that never end the domain. */
static void change_watchdog(void)
{
    struct sched_watchdog *op = (void *)own_window();

    op->id = pick(3);
    op->timeout = pick(2) ? 10000 : 0;
    (void)do_sched_op(SCHEDOP_watchdog, own_window());
}

/*
 * The second vCPU goes down, by itself too; the first one does not, since somebody has to be there.
 * What the first one has taken down stays down.
 */
static void change_vcpus(const struct vcpu *v)
{
    struct guest *second = &guests[v->domain->id][1];

    if (v->id == 1) {
        if (pick(4) == 0)
            (void)do_vcpu_op(VCPUOP_down, 1, 0);
    } else if (!second->down && pick(4) == 0) {
        (void)do_vcpu_op(VCPUOP_down, 1, 0);
        second->down = true;
    } else {
        second->down = false;
        (void)do_vcpu_op(VCPUOP_up, 1, 0);
    }
}

/* Where @v has its times written to: behind all that calls put into a window. */
static unsigned long times_area(const struct vcpu *v)
{
    return GUEST(PV_ACTOR_WINDOW) -
           (1 + v->domain->id * GUEST_VCPUS + v->id) * sizeof(struct vcpu_runstate_info);
}

static void ask_for_times(const struct vcpu *v)
{
    struct vcpu_runstate_info *r = (void *)own_window();
    struct vcpu_register_runstate_memory_area *area = (void *)own_window();

    if (pick(2)) {
        area->addr.p = (uintptr_t)times_area(v);
        BUG_ON(do_vcpu_op(VCPUOP_register_runstate_memory_area, v->id, own_window()));
        return;
    }
    BUG_ON(do_vcpu_op(VCPUOP_get_runstate_info, pick(GUEST_VCPUS), own_window()));
    BUG_ON(r->state < RUNSTATE_running || r->state > RUNSTATE_offline);
}

/* ---- a step ---- */

/* The guest computes: nothing but an interrupt gets it out of there. */
static bool compute(void)
{
    for (unsigned int n = pick(32); n && !vcpus_interrupted(); n--)
        cpu_relax();
    return vcpus_interrupted();
}

static void unmask_upcalls(struct vcpu *v)
{
    WRITE_ONCE(v->info->evtchn_upcall_mask, 0);
    if (events_visible(v))
        events_upcall(v);
}

unsigned int guest_focus;

/* What the guest does next: mostly one of two things, so that they meet often. */
static unsigned int pick_step(void)
{
    static const u8 pairs[GUEST_FOCUSES][2] = {{0, 23}, {3, 23}, {0, 7}, {0, 6}, {5, 10}, {8, 9}};

    return guest_focus < GUEST_FOCUSES && pick(4) ? pairs[guest_focus][pick(2)] : pick(24);
}

bool guest_step(struct vcpu *v)
{
    if (READ_ONCE(v->info->evtchn_upcall_mask))
        unmask_upcalls(v);
    switch (pick_step()) {
    case 0:
    case 1:
    case 2:
        set_timer_first();
        (void)do_sched_op(SCHEDOP_block, 0);
        return true;
    case 3:
    case 4:
        poll(v);
        return true;
    case 5:
        (void)do_sched_op(SCHEDOP_yield, 0);
        return true;
    case 6:
        if (pick(4))
            (void)do_set_timer_op(pick(3) ? soon() : 0);
        else
            change_watchdog();
        return true;
    case 7:
        change_vcpus(v);
        return true;
    case 8:
        change_periodic(pick(GUEST_VCPUS));
        return true;
    case 9:
        if (pick(2))
            ask_for_times(v);
        else
            (void)do_vcpu_op(VCPUOP_send_nmi, pick(GUEST_VCPUS), 0);
        return true;
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
        return compute();
    default:
        if (with_memory && pick(2))
            pv_step();
        else
            events_step(v);
        return true;
    }
}
