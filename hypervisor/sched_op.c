/* SPDX-License-Identifier: MIT */
/* HYPERVISOR_sched_op: yield, block, poll, shutdown, watchdog (public/sched.h). */
#include <arch.h>
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <percpu.h>
#include <sched_impl.h>
#include <softirq.h>
#include <trace.h>

#define WATCHDOG_VCPUS 2U /* whose registers are shown when a watchdog expires */

/*
 * Waits until one of the ports is pending, or the timeout is over, or any event comes. The ports
 * are looked at after the vCPU is marked as waiting, so an event between the two wakes it.
 */
static long do_poll(unsigned long arg)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    evtchn_port_t port = 0;
    struct sched_poll poll;
    bool faulted = false;
    long rc = 0;

    if (get_guest(&poll, arg))
        return -XEN_EFAULT;
    if (poll.nr_ports > 128)
        return -XEN_EINVAL;
    if (!guest_range_ok(handle_addr(poll.ports), poll.nr_ports, sizeof(evtchn_port_t)))
        return -XEN_EFAULT;
    if (poll.nr_ports == 1) /* it is known by name from the beginning */
        faulted = get_guest_element(&port, handle_addr(poll.ports), 0);

    vcpu_poll_begin(v, port ? (int)port : -1);
    if (READ_ONCE(v->info->evtchn_upcall_pending))
        goto stop;
    for (unsigned int i = 0; i < poll.nr_ports; i++) {
        if (poll.nr_ports > 1)
            faulted = get_guest_element(&port, handle_addr(poll.ports), i);
        rc = faulted ? -XEN_EFAULT : evtchn_port_poll(d, port);
        if (rc) {
            rc = MIN(rc, 0L);
            goto stop;
        }
    }
    WRITE_ONCE(v->poll_until, (s_time_t)poll.timeout);
    if (poll.timeout)
        timer_set(&v->poll_timer, (s_time_t)poll.timeout);
    else
        timer_stop(&v->poll_timer); /* of an earlier poll, which an event ended */
    softirq_raise(SOFTIRQ_SCHEDULE);
    return 0;

stop:
    vcpu_poll_cancel(v);
    return rc;
}

static void watchdog_expired(void *arg)
{
    struct domain *d = arg;

    if (d->shutting_down)
        return;
    printk(LOG_ERR, "d%u: watchdog timer expired", d->id);
    domain_dump(d, WATCHDOG_VCPUS);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

/*
 * Once for each domain. To prepare a timer anew at each start would be wrong: a CPU that goes may
 * be moving it from one queue to another at that moment.
 */
void sched_init_watchdogs(struct domain *d)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
        timer_init(&d->watchdog[i], watchdog_expired, d, smp_processor_id());
}

/*
 * Sets, restarts or (timeout 0) stops one of the two watchdogs.
 * @return the id given out for id 0; 0; or an error
 */
static long do_watchdog(struct domain *d, u32 id, u32 timeout)
{
    s_time_t expires = now() + SECONDS(timeout);
    long rc = 0;

    if (id > ARRAY_SIZE(d->watchdog))
        return -XEN_EINVAL;
    spin_lock(&d->lock);
    if (id == 0) {
        if (timeout == 0) {
            rc = -XEN_EINVAL;
            goto out;
        }
        for (id = 0; id < ARRAY_SIZE(d->watchdog) && (d->watchdog_inuse & 1U << id);)
            id++;
        if (id == ARRAY_SIZE(d->watchdog)) {
            rc = -XEN_ENOSPC;
            goto out;
        }
        d->watchdog_inuse |= 1U << id;
        timer_set(&d->watchdog[id], expires);
        rc = (long)id + 1;
        goto out;
    }
    id--;
    if (!(d->watchdog_inuse & 1U << id)) {
        rc = -XEN_EINVAL;
    } else if (timeout == 0) {
        timer_stop(&d->watchdog[id]);
        d->watchdog_inuse &= ~(1U << id);
    } else {
        timer_set(&d->watchdog[id], expires);
    }
out:
    spin_unlock(&d->lock);
    return rc;
}

/* Serves a privileged domain that reports that another one has shut down. */
static long remote_shutdown(unsigned long arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;
    long rc = 0;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    d = get_domain_by_id(op.domain_id);
    if (!d)
        return -XEN_ESRCH;
    if (d->system)
        rc = -XEN_ESRCH;
    else if (!current->domain->privileged)
        rc = -XEN_EPERM;
    else
        domain_shutdown(d, op.reason & 0xff);
    put_domain(d);
    return rc;
}

/* A kernel that ends in its own panic is dumped like one that we stop. */
static void sched_shut_down(u32 reason)
{
    if (reason == SHUTDOWN_crash)
        domain_crash(current->domain, "its kernel says so");
    else
        domain_shutdown(current->domain, reason);
}

/*
 * Serves all but the two operations that are called most. It is a function of its own, so that
 * those save no registers for it.
 */
static __noinline long sched_other_op(unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case SCHEDOP_shutdown: {
        struct sched_shutdown op;

        if (get_guest(&op, arg))
            return -XEN_EFAULT;
        trace_shutdown(TRC_SCHED_SHUTDOWN, op.reason);
        sched_shut_down(op.reason & 0xff);
        return 0;
    }
    case SCHEDOP_shutdown_code: {
        struct sched_shutdown op;
        struct domain *d = current->domain;

        if (get_guest(&op, arg))
            return -XEN_EFAULT;
        trace_shutdown(TRC_SCHED_SHUTDOWN_CODE, op.reason);
        spin_lock(&d->lock);
        if (d->shutdown_code == ~0U)
            d->shutdown_code = op.reason & 0xff;
        spin_unlock(&d->lock);
        return 0;
    }
    case SCHEDOP_poll:
        return do_poll(arg);
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(arg);
    case SCHEDOP_watchdog: {
        struct sched_watchdog op;

        if (get_guest(&op, arg))
            return -XEN_EFAULT;
        return do_watchdog(current->domain, op.id, op.timeout);
    }
    case SCHEDOP_pin_override:
        return current->domain->privileged ? hypercall_unknown(__HYPERVISOR_sched_op, cmd)
                                           : -XEN_EPERM;
    default:
        return hypercall_unknown(__HYPERVISOR_sched_op, cmd);
    }
}

long do_sched_op(unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case SCHEDOP_yield:
        vcpu_yield();
        return 0;
    case SCHEDOP_block:
        vcpu_block_enable_events();
        return 0;
    default:
        return sched_other_op(cmd, arg);
    }
}

/* In the oldest form the second argument is the reason itself. */
long do_sched_op_compat(unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case SCHEDOP_yield:
    case SCHEDOP_block:
        return do_sched_op(cmd, arg);
    case SCHEDOP_shutdown:
        trace_shutdown(TRC_SCHED_SHUTDOWN, (u32)arg);
        sched_shut_down(arg & 0xff);
        return 0;
    default:
        return hypercall_unknown(__HYPERVISOR_sched_op_compat, cmd);
    }
}
