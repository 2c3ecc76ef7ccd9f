/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_event_channel_op: sending, questions about a port, and the dispatch of the rest
 * (public/event_channel.h). What opens and closes ports is in event_channel.c.
 *
 * Sending is the hot path: it takes the port's lock alone, and where no vCPU has to be woken it
 * saves no register.
 */
#include <arch.h>
#include <evtchn_impl.h>
#include <guest_access.h>
#include <hypercall.h>
#include <sched.h>

/* ---- sending ---- */

void evtchn_wake_pollers(struct domain *d, unsigned int port)
{
    for (unsigned int w = 0; w < ARRAY_SIZE(d->poll_mask); w++) {
        unsigned long bits = READ_ONCE(d->poll_mask[w]);

        while (bits) {
            struct vcpu *v = d->vcpu[w * BITS_PER_LONG + (unsigned int)__builtin_ctzl(bits)];
            int polled = READ_ONCE(v->poll_port);

            bits &= bits - 1;
            if (polled == -1 || polled == (int)port)
                vcpu_poll_event(v, port);
        }
    }
}

/*
 * The longer ways of evtchn_send(), which end by giving up the port's lock. They are functions of
 * their own that it tail-calls, so that the short way, where no vCPU has to be woken, saves no
 * registers.
 */
static __noinline long send_to_nobody(struct evtchn *chn, u8 state)
{
    /* The port has no peer yet: bind_interdomain will set it pending. */
    long rc = state == ECS_UNBOUND ? 0 : -XEN_EINVAL;

    spin_unlock_irq(&chn->lock);
    return rc;
}

static __noinline long send_fifo(struct evtchn *chn, struct domain *d, struct evtchn *to)
{
    struct vcpu *v = d->vcpu[READ_ONCE(to->notify_vcpu)];

    evtchn_fifo_set_pending(v, to);
    /* When other events are pending for it as well, nobody has told that it is waited for. */
    if (unlikely(READ_ONCE(v->on_queue)) && d == current->domain)
        vcpu_favour(v);
    spin_unlock_irq(&chn->lock);
    return 0;
}

static __noinline long send_waking(struct evtchn *chn, struct domain *d, const struct evtchn *to,
                                   struct vcpu *v)
{
    if (v)
        vcpu_kick(v);
    evtchn_check_pollers(d, to->port);
    spin_unlock_irq(&chn->lock);
    return 0;
}

HOT_INLINE long send_to_port(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_lookup(d, port), *to = chn;
    struct vcpu *v;
    u8 state;

    if (unlikely(!chn))
        return -XEN_EINVAL;
    spin_lock_irq(&chn->lock);
    state = load_acquire(&chn->state); /* a free port is opened without its lock */
    if (state == ECS_INTERDOMAIN) {
        d = chn->remote;
        to = chn->peer;
    } else if (unlikely(state != ECS_IPI)) {
        return send_to_nobody(chn, state);
    }
    if (READ_ONCE(d->evtchn_fifo))
        return send_fifo(chn, d, to);
    if (evtchn_2l_set_pending(d, to, &v) && vcpu_needs_kick(v))
        return send_waking(chn, d, to, v);
    if (unlikely(evtchn_has_pollers(d)))
        return send_waking(chn, d, to, NULL);
    spin_unlock_irq(&chn->lock);
    return 0;
}

int evtchn_send(struct domain *d, unsigned int port)
{
    return (int)send_to_port(d, port);
}

/* ---- asking and changing ---- */

static long event_status(struct evtchn_status *op)
{
    struct domain *d = get_domain_or_self(op->dom);
    struct evtchn *chn;
    long rc = 0;

    if (!d)
        return -XEN_ESRCH;
    chn = evtchn_lookup(d, op->port);
    if (!chn)
        rc = -XEN_EINVAL;
    else if (d != current->domain && !current->domain->privileged)
        rc = -XEN_EPERM;
    if (rc) {
        put_domain(d);
        return rc;
    }
    spin_lock(&d->event_lock);
    switch (chn->state) {
    case ECS_UNBOUND:
        op->status = EVTCHNSTAT_unbound;
        op->u.unbound.dom = chn->unbound_domid;
        break;
    case ECS_INTERDOMAIN:
        op->status = EVTCHNSTAT_interdomain;
        op->u.interdomain.dom = chn->remote->id;
        op->u.interdomain.port = chn->peer->port;
        break;
    case ECS_PIRQ:
        op->status = EVTCHNSTAT_pirq;
        op->u.pirq = chn->pirq;
        break;
    case ECS_VIRQ:
        op->status = EVTCHNSTAT_virq;
        op->u.virq = chn->virq;
        break;
    case ECS_IPI:
        op->status = EVTCHNSTAT_ipi;
        break;
    default:
        op->status = EVTCHNSTAT_closed;
    }
    op->vcpu = chn->notify_vcpu;
    spin_unlock(&d->event_lock);
    put_domain(d);
    return 0;
}

static long bind_vcpu(unsigned int port, unsigned int vcpu)
{
    struct domain *d = current->domain;
    struct evtchn *chn;
    unsigned long flags;
    long rc = 0;

    if (!domain_vcpu(d, vcpu))
        return -XEN_ENOENT;
    spin_lock(&d->event_lock);
    chn = evtchn_lookup(d, port);
    if (!chn) {
        rc = -XEN_EINVAL;
        goto out;
    }
    flags = evtchn_lock(chn);
    switch (chn->state) {
    case ECS_VIRQ:
        if (!virq_is_global(chn->virq)) {
            rc = -XEN_EINVAL;
            break;
        }
        WRITE_ONCE(chn->notify_vcpu, (u16)vcpu);
        break;
    case ECS_UNBOUND:
    case ECS_INTERDOMAIN:
    case ECS_PIRQ:
        WRITE_ONCE(chn->notify_vcpu, (u16)vcpu);
        break;
    default:
        rc = -XEN_EINVAL;
    }
    evtchn_unlock(chn, flags);
out:
    spin_unlock(&d->event_lock);
    return rc;
}

long evtchn_unmask(unsigned int port)
{
    struct domain *d = current->domain;
    struct evtchn *chn = evtchn_lookup(d, port);
    unsigned long flags;

    if (unlikely(!chn))
        return -XEN_EINVAL;
    flags = evtchn_lock(chn);
    if (evtchn_is_usable(chn)) {
        if (READ_ONCE(d->evtchn_fifo))
            evtchn_fifo_unmask(d, chn);
        else
            evtchn_2l_unmask(d, chn);
    }
    evtchn_unlock(chn, flags);
    return 0;
}

int evtchn_port_poll(struct domain *d, u32 port)
{
    struct evtchn *chn = evtchn_lookup(d, port);
    unsigned long flags;
    int rc = -XEN_EINVAL;

    if (!chn)
        return rc;
    flags = evtchn_lock(chn);
    if (evtchn_is_usable(chn))
        rc = READ_ONCE(d->evtchn_fifo) ? evtchn_fifo_is_pending(d, chn)
                                       : evtchn_2l_is_pending(d, chn);
    evtchn_unlock(chn, flags);
    return rc;
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    /* An event that was signalled in the old place must not be lost. */
    WRITE_ONCE(v->info->evtchn_pending_sel, ~0UL);
    vcpu_set_pending(v);
}

/* ---- what a person reads ---- */

#define DUMPED_PORTS 64U /* of one domain; a guest chooses how many it opens */

static void describe_port(char *text, size_t size, const struct evtchn *chn)
{
    switch (chn->state) {
    case ECS_UNBOUND:
        snprintf(text, size, "unbound, waits for d%u", chn->unbound_domid);
        break;
    case ECS_INTERDOMAIN:
        snprintf(text, size, "interdomain, d%u port %u", chn->remote->id, chn->peer->port);
        break;
    case ECS_PIRQ:
        snprintf(text, size, "pirq %u", chn->pirq);
        break;
    case ECS_VIRQ:
        snprintf(text, size, "virq %u", chn->virq);
        break;
    default:
        snprintf(text, size, "ipi");
        break;
    }
}

static void describe_line(char *line, size_t size, struct domain *d, struct evtchn *chn)
{
    bool fifo = d->evtchn_fifo != NULL, masked, pending;
    unsigned int vcpu = chn->notify_vcpu;
    char text[64];

    masked = fifo ? evtchn_fifo_is_masked(d, chn) : evtchn_2l_is_masked(d, chn);
    pending = fifo ? evtchn_fifo_is_pending(d, chn) : evtchn_2l_is_pending(d, chn);
    describe_port(text, sizeof(text), chn);
    snprintf(line, size, "d%u port %u: %s, vcpu %u%s%s", d->id, chn->port, text, vcpu,
             pending ? ", pending" : "", masked ? ", masked" : "");
}

void evtchn_dump(struct domain *d)
{
    unsigned int shown = 0, more = 0;

    for (unsigned int port = 1; port < READ_ONCE(d->valid_evtchns); port++) {
        char line[128] = "";

        spin_lock(
            &d->event_lock); /* a connection stays, and a dying domain keeps its shared info */
        if (d->shared_info && evtchn_is_usable(evtchn_lookup(d, port))) {
            if (shown++ < DUMPED_PORTS)
                describe_line(line, sizeof(line), d, evtchn_lookup(d, port));
            else
                more++;
        }
        spin_unlock(&d->event_lock); /* nobody waits for the serial port */
        if (*line)
            printk(LOG_INFO, "%s", line);
    }
    if (more)
        printk(LOG_INFO, "d%u: %u more ports", d->id, more);
}

/* ---- the hypercall ---- */

union any_op {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

/*
 * The size of each operation's argument, and whether it is written back when the operation
 * succeeds.
 */
static const struct {
    u8 size;
    bool out;
} op_info[] = {
    [EVTCHNOP_bind_interdomain] = {sizeof(struct evtchn_bind_interdomain), true},
    [EVTCHNOP_bind_virq] = {sizeof(struct evtchn_bind_virq), true},
    [EVTCHNOP_bind_pirq] = {sizeof(struct evtchn_bind_pirq), true},
    [EVTCHNOP_close] = {sizeof(struct evtchn_close), false},
    [EVTCHNOP_send] = {sizeof(struct evtchn_send), false},
    [EVTCHNOP_status] = {sizeof(struct evtchn_status), true},
    [EVTCHNOP_alloc_unbound] = {sizeof(struct evtchn_alloc_unbound), true},
    [EVTCHNOP_bind_ipi] = {sizeof(struct evtchn_bind_ipi), true},
    [EVTCHNOP_bind_vcpu] = {sizeof(struct evtchn_bind_vcpu), false},
    [EVTCHNOP_unmask] = {sizeof(struct evtchn_unmask), false},
    [EVTCHNOP_reset] = {sizeof(struct evtchn_reset), false},
    [EVTCHNOP_init_control] = {sizeof(struct evtchn_init_control), true},
    [EVTCHNOP_expand_array] = {sizeof(struct evtchn_expand_array), false},
    [EVTCHNOP_set_priority] = {sizeof(struct evtchn_set_priority), false},
};

static long event_op_dispatch(unsigned int cmd, union any_op *op, unsigned long arg)
{
    struct domain *d = current->domain;
    long rc;

    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return evtchn_alloc_unbound(&op->alloc_unbound);
    case EVTCHNOP_bind_interdomain:
        return evtchn_bind_interdomain(&op->bind_interdomain);
    case EVTCHNOP_bind_virq:
        return evtchn_bind_virq(&op->bind_virq);
    case EVTCHNOP_bind_pirq:
        return evtchn_bind_pirq(&op->bind_pirq);
    case EVTCHNOP_bind_ipi:
        return evtchn_bind_ipi(&op->bind_ipi);
    case EVTCHNOP_close:
        return evtchn_close(d, op->close.port);
    case EVTCHNOP_status:
        return event_status(&op->status);
    case EVTCHNOP_bind_vcpu:
        return bind_vcpu(op->bind_vcpu.port, op->bind_vcpu.vcpu);
    case EVTCHNOP_unmask:
        return evtchn_unmask(op->unmask.port);
    case EVTCHNOP_reset:
        rc = evtchn_reset(op->reset.dom);
        if (rc == -ERESTART)
            rc = hypercall_continue(__HYPERVISOR_event_channel_op, 2, (unsigned long)cmd, arg);
        return rc;
    case EVTCHNOP_init_control:
        return evtchn_fifo_init_control(&op->init_control);
    case EVTCHNOP_expand_array:
        return evtchn_fifo_expand_array(&op->expand_array);
    case EVTCHNOP_set_priority:
        return evtchn_fifo_set_priority(d, &op->set_priority);
    default:
        return -XEN_ENOSYS;
    }
}

/*
 * Serves all operations but sending. It is a function of its own, so that the fast path saves no
 * registers for it.
 */
static __noinline long event_other_op(unsigned int cmd, unsigned long arg)
{
    union any_op op;
    unsigned int size;
    long rc;

    if (cmd >= ARRAY_SIZE(op_info))
        return hypercall_unknown(__HYPERVISOR_event_channel_op, cmd);
    cmd = (unsigned int)index_nospec(cmd, ARRAY_SIZE(op_info));
    size = op_info[cmd].size;
    if (copy_from_guest(&op, arg, size))
        return -XEN_EFAULT;
    rc = event_op_dispatch(cmd, &op, arg);
    if (rc == 0 && op_info[cmd].out && copy_to_guest(arg, &op, size))
        rc = -XEN_EFAULT;
    return rc;
}

long do_event_channel_op(unsigned int cmd, unsigned long arg)
{
    u32 port;

    if (unlikely(cmd != EVTCHNOP_send))
        return event_other_op(cmd, arg);
    if (get_guest(&port, arg))
        return -XEN_EFAULT;
    return send_to_port(current->domain, port);
}

/* The older form has number and argument in one structure. */
long do_event_channel_op_compat(unsigned long uop)
{
    unsigned long arg = uop + offsetof(struct evtchn_op, u);
    u32 cmd;

    if (get_guest(&cmd, uop))
        return -XEN_EFAULT;
    if (cmd > EVTCHNOP_unmask)
        return -XEN_ENOSYS;
    return do_event_channel_op(cmd, arg);
}
