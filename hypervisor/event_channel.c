/* SPDX-License-Identifier: MIT */
/*
 * Event channels: allocation, binding, sending, closing (public/event_channel.h).
 *
 * The state of a port changes under the domain's event lock together with the port's own lock;
 * sending takes only the latter. An interdomain pair is connected and disconnected under both event
 * locks and both port locks, so whoever holds one end's lock may use the other end.
 */
#include <arch.h>
#include <evtchn_impl.h>
#include <guest_access.h>
#include <hypercall.h>
#include <irq.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>

/* ---- showing a port as pending ---- */

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    if (d->evtchn_fifo)
        evtchn_fifo_clear_pending(d, chn);
    else
        evtchn_2l_clear_pending(d, chn);
}

static bool is_usable(const struct evtchn *chn)
{
    return chn->state != ECS_FREE && chn->state != ECS_RESERVED;
}

void evtchn_wake_pollers(struct domain *d, unsigned int port)
{
    for (unsigned int w = 0; w < ARRAY_SIZE(d->poll_mask); w++) {
        unsigned long bits = READ_ONCE(d->poll_mask[w]);

        while (bits) {
            struct vcpu *v = d->vcpu[w * BITS_PER_LONG + (unsigned int)__builtin_ctzl(bits)];
            int polled = READ_ONCE(v->poll_port);

            bits &= bits - 1;
            if (polled == -1 || polled == (int)port)
                vcpu_unblock(v);
        }
    }
}

/* ---- ports ---- */

static void lock_chn(struct evtchn *chn, unsigned long *flags)
{
    *flags = spin_lock_irqsave(&chn->lock);
}

static void unlock_chn(struct evtchn *chn, unsigned long flags)
{
    spin_unlock_irqrestore(&chn->lock, flags);
}

/* One more bucket of ports. Event lock held. */
static int add_bucket(struct domain *d)
{
    unsigned int first = d->valid_evtchns;
    struct evtchn *bucket = xzalloc_array(struct evtchn, EVTCHNS_PER_BUCKET);

    if (!bucket)
        return -XEN_ENOMEM;
    for (unsigned int i = 0; i < EVTCHNS_PER_BUCKET; i++) {
        spin_lock_init(&bucket[i].lock, RANK_EVENT_CHANNEL);
        bucket[i].port = first + i;
        bucket[i].priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    }
    d->evtchn_buckets[first / EVTCHNS_PER_BUCKET] = bucket;
    store_release(&d->valid_evtchns, first + EVTCHNS_PER_BUCKET);
    return 0;
}

/* How many ports of the bucket of @port are in use. */
static u8 *open_in_bucket(const struct domain *d, unsigned int port)
{
    return &d->evtchn_buckets[port / EVTCHNS_PER_BUCKET]->open_in_bucket;
}

/* The lowest free port, or -ENOSPC, -ENOMEM. Event lock held; the caller sets the state. */
static int free_port(struct domain *d)
{
    unsigned int limit = MIN(d->max_evtchns, d->max_evtchn_port + 1);
    unsigned int port;
    int rc;

    if (d->dying)
        return -XEN_EINVAL;
    for (port = d->lowest_free_evtchn; port < limit; port++) {
        if (port >= d->valid_evtchns) {
            rc = add_bucket(d);
            if (rc)
                return rc;
        }
        if (port % EVTCHNS_PER_BUCKET == 0 && *open_in_bucket(d, port) == EVTCHNS_PER_BUCKET) {
            port += EVTCHNS_PER_BUCKET - 1;
            continue;
        }
        if (evtchn_lookup(d, port)->state == ECS_FREE) {
            d->lowest_free_evtchn = port;
            return (int)port;
        }
    }
    return -XEN_ENOSPC;
}

/* Puts a fresh port into use. Event lock held. */
static struct evtchn *open_port(struct domain *d, int port, enum evtchn_state state,
                                unsigned int vcpu)
{
    struct evtchn *chn = evtchn_lookup(d, (unsigned int)port);

    chn->notify_vcpu = (u16)vcpu;
    chn->latched = false;
    clear_pending(d, chn);
    d->active_evtchns++;
    ++*open_in_bucket(d, chn->port);
    d->lowest_free_evtchn = (unsigned int)port + 1;
    store_release(&chn->state, (u8)state);
    return chn;
}

static void close_port(struct domain *d, struct evtchn *chn)
{
    clear_pending(d, chn);
    chn->notify_vcpu = 0;
    chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    chn->remote = NULL;
    chn->peer = NULL;
    chn->state = ECS_FREE;
    d->active_evtchns--;
    --*open_in_bucket(d, chn->port);
    d->lowest_free_evtchn = MIN(d->lowest_free_evtchn, chn->port);
}

int evtchn_init(struct domain *d, unsigned int max_port)
{
    unsigned int limit = MIN(max_port, EVTCHN_FIFO_NR_CHANNELS - 1U);

    d->max_evtchn_port = limit;
    d->max_evtchns = EVTCHN_2L_NR_CHANNELS;
    d->evtchn_buckets = xzalloc_array(struct evtchn *, limit / EVTCHNS_PER_BUCKET + 1);
    if (!d->evtchn_buckets || add_bucket(d)) {
        xfree(d->evtchn_buckets);
        d->evtchn_buckets = NULL;
        return -XEN_ENOMEM;
    }
    evtchn_lookup(d, 0)->state = ECS_RESERVED;
    *open_in_bucket(d, 0) = 1;
    d->lowest_free_evtchn = 1;
    return 0;
}

void evtchn_vcpu_init(struct vcpu *v)
{
    memset(v->virq_port, 0, sizeof(v->virq_port));
}

void evtchn_vcpu_destroy(struct vcpu *v)
{
    evtchn_fifo_vcpu_destroy(v);
}

/* ---- binding ---- */

/* The domain that an operation names, with a reference: one's own, or any if the caller is
 * privileged. */
static int target_domain(domid_t id, struct domain **d)
{
    *d = get_domain_or_self(id);
    if (!*d)
        return -XEN_ESRCH;
    if (*d != current->domain && !current->domain->privileged) {
        put_domain(*d);
        return -XEN_EPERM;
    }
    return 0;
}

static long alloc_unbound(struct evtchn_alloc_unbound *op)
{
    struct domain *d;
    struct evtchn *chn;
    int rc, port;

    rc = target_domain(op->dom, &d);
    if (rc)
        return rc;
    spin_lock(&d->event_lock);
    port = free_port(d);
    rc = port < 0 ? port : 0;
    if (!rc) {
        chn = evtchn_lookup(d, (unsigned int)port);
        chn->unbound_domid = op->remote_dom == DOMID_SELF ? current->domain->id : op->remote_dom;
        open_port(d, port, ECS_UNBOUND, 0);
        op->port = (u32)port;
    }
    spin_unlock(&d->event_lock);
    put_domain(d);
    return rc;
}

/* Locks two ports, of one domain or of two, in address order; they may be the same. */
static void lock_two(struct evtchn *a, struct evtchn *b, unsigned long *flags)
{
    *flags = local_irq_save();
    spin_lock_two(&a->lock, &b->lock);
}

static void unlock_two(struct evtchn *a, struct evtchn *b, unsigned long flags)
{
    spin_unlock_two(&a->lock, &b->lock);
    local_irq_restore(flags);
}

static long bind_interdomain(struct evtchn_bind_interdomain *op)
{
    struct domain *ld = current->domain, *rd;
    struct evtchn *lchn, *rchn;
    unsigned long flags;
    int rc, lport;

    rd = get_domain_or_self(op->remote_dom);
    if (!rd)
        return -XEN_ESRCH;
    spin_lock_two(&ld->event_lock, &rd->event_lock);
    lport = free_port(ld);
    rc = lport;
    if (lport < 0)
        goto out;
    rc = -XEN_EINVAL;
    rchn = evtchn_lookup(rd, op->remote_port);
    if (!rchn || rd->dying || rchn->state != ECS_UNBOUND || rchn->unbound_domid != ld->id)
        goto out;

    lchn = evtchn_lookup(ld, (unsigned int)lport);
    lock_two(lchn, rchn, &flags);
    lchn->remote = rd;
    lchn->peer = rchn;
    open_port(ld, lport, ECS_INTERDOMAIN, 0);
    rchn->remote = ld;
    rchn->peer = lchn;
    rchn->state = ECS_INTERDOMAIN;
    /* The other side may have rung before anyone listened. */
    evtchn_set_pending(ld, lchn);
    unlock_two(lchn, rchn, flags);
    op->local_port = (u32)lport;
    rc = 0;
out:
    spin_unlock_two(&ld->event_lock, &rd->event_lock);
    put_domain(rd);
    return rc;
}

static long bind_virq(struct evtchn_bind_virq *op)
{
    struct domain *d = current->domain;
    struct vcpu *v;
    int rc, port;

    if (op->virq >= NR_VIRQS || (virq_is_global(op->virq) && op->vcpu != 0))
        return -XEN_EINVAL;
    v = domain_vcpu(d, op->vcpu);
    if (!v)
        return -XEN_ENOENT;
    spin_lock(&d->event_lock);
    rc = -XEN_EEXIST;
    if (v->virq_port[op->virq])
        goto out;
    port = free_port(d);
    rc = port;
    if (port < 0)
        goto out;
    evtchn_lookup(d, (unsigned int)port)->virq = (u16)op->virq;
    open_port(d, port, ECS_VIRQ, op->vcpu);
    op->port = (u32)port;
    store_release(&v->virq_port[op->virq], (u32)port);
    rc = 0;
out:
    spin_unlock(&d->event_lock);
    return rc;
}

static long bind_ipi(struct evtchn_bind_ipi *op)
{
    struct domain *d = current->domain;
    int port;

    if (!domain_vcpu(d, op->vcpu))
        return -XEN_ENOENT;
    spin_lock(&d->event_lock);
    port = free_port(d);
    if (port >= 0) {
        open_port(d, port, ECS_IPI, op->vcpu);
        op->port = (u32)port;
    }
    spin_unlock(&d->event_lock);
    return port < 0 ? port : 0;
}

static long bind_pirq(struct evtchn_bind_pirq *op)
{
    struct domain *d = current->domain;
    struct pirq *pirq;
    int rc, port;

    if (op->pirq >= d->nr_pirqs)
        return -XEN_EINVAL;
    if (!rangeset_contains(d->irqs, op->pirq, op->pirq))
        return -XEN_EPERM;
    spin_lock(&d->event_lock);
    pirq = pirq_get(d, op->pirq, true);
    rc = -XEN_ENOMEM;
    if (!pirq)
        goto out;
    rc = -XEN_EEXIST;
    if (pirq->evtchn)
        goto out;
    port = free_port(d);
    rc = port;
    if (port < 0)
        goto out;
    pirq->evtchn = (u32)port;
    rc = arch_pirq_bind(d->vcpu[0], pirq, op->flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        pirq->evtchn = 0;
        goto out;
    }
    evtchn_lookup(d, (unsigned int)port)->pirq = op->pirq;
    open_port(d, port, ECS_PIRQ, 0);
    op->port = (u32)port;
out:
    spin_unlock(&d->event_lock);
    return rc;
}

/* ---- closing ---- */

/* The domain at the other end of an interdomain port, with a reference, so that both event locks
 * can be taken. */
static struct domain *get_peer(struct domain *d, unsigned int port)
{
    struct evtchn *chn;
    struct domain *peer = NULL;

    spin_lock(&d->event_lock);
    chn = evtchn_lookup(d, port);
    if (chn && chn->state == ECS_INTERDOMAIN) {
        peer = chn->remote;
        get_domain(peer);
    }
    spin_unlock(&d->event_lock);
    return peer;
}

/* Breaks the connection; the other end goes back to waiting for this domain. Both event locks held.
 */
static void disconnect(struct domain *d, struct evtchn *chn)
{
    struct evtchn *rchn = chn->peer;
    unsigned long flags;

    lock_two(chn, rchn, &flags);
    if (rchn != chn) {
        rchn->state = ECS_UNBOUND;
        rchn->remote = NULL;
        rchn->peer = NULL;
        rchn->unbound_domid = d->id;
    }
    close_port(d, chn);
    unlock_two(chn, rchn, flags);
}

static long close_any(struct domain *d, unsigned int port)
{
    struct domain *peer = get_peer(d, port);
    struct domain *locked = peer ? peer : d;
    struct evtchn *chn;
    unsigned long flags;
    long rc = -XEN_EINVAL;

    spin_lock_two(&d->event_lock, &locked->event_lock);
    chn = evtchn_lookup(d, port);
    if (!chn || !is_usable(chn))
        goto out;
    if (chn->state == ECS_INTERDOMAIN) {
        /* Connected, or connected anew, since we looked: the caller raced with itself. */
        if (chn->remote != peer)
            goto out;
        disconnect(d, chn);
        rc = 0;
        goto out;
    }
    if (chn->state == ECS_PIRQ) {
        struct pirq *pirq = pirq_get(d, chn->pirq, false);

        if (pirq) {
            arch_pirq_unbind(d, pirq);
            pirq->evtchn = 0;
        }
    }
    if (chn->state == ECS_VIRQ) {
        struct vcpu *v;

        for_each_vcpu (d, v)
            if (v->virq_port[chn->virq] == port)
                v->virq_port[chn->virq] = 0;
    }
    lock_chn(chn, &flags);
    close_port(d, chn);
    unlock_chn(chn, flags);
    rc = 0;
out:
    spin_unlock_two(&d->event_lock, &locked->event_lock);
    if (peer)
        put_domain(peer);
    return rc;
}

/* Closes all ports. -ERESTART: preempted, and *@cursor says where to go on. */
static int close_all(struct domain *d, unsigned int *cursor)
{
    for (unsigned int port = READ_ONCE(*cursor); port < READ_ONCE(d->valid_evtchns); port++) {
        if (is_usable(evtchn_lookup(d, port)))
            close_any(d, port);
        if (port % 64 == 63 && hypercall_preempt_check()) {
            WRITE_ONCE(*cursor, port + 1);
            return -ERESTART;
        }
    }
    WRITE_ONCE(*cursor, 0);
    return 0;
}

int evtchn_destroy(struct domain *d)
{
    int rc = close_all(d, &d->destroy_cursor);

    if (rc)
        return rc;
    global_virq_drop_handler(d);
    spin_lock(&d->event_lock);
    evtchn_fifo_destroy(d);
    spin_unlock(&d->event_lock);
    return 0;
}

bool evtchn_destroy_final(struct domain *d, unsigned int *budget)
{
    for (; d->valid_evtchns; d->valid_evtchns -= EVTCHNS_PER_BUCKET) {
        if (!*budget)
            return false;
        --*budget;
        xfree(d->evtchn_buckets[d->valid_evtchns / EVTCHNS_PER_BUCKET - 1]);
    }
    xfree(d->evtchn_buckets);
    d->evtchn_buckets = NULL;
    return true;
}

static long reset(domid_t id)
{
    struct domain *d;
    int rc = target_domain(id, &d);

    if (rc)
        return rc;
    if (d != current->domain && !READ_ONCE(d->controller_pause_count))
        rc = -XEN_EINVAL;
    else
        rc = close_all(d, &d->reset_cursor);
    if (!rc) {
        spin_lock(&d->event_lock);
        /*
         * Another of its vCPUs may have opened ports meanwhile, or moved the cursor past some by a
         * reset of its own. They still show themselves.
         */
        if (d->active_evtchns)
            rc = -XEN_EAGAIN;
        else
            evtchn_fifo_destroy(d);
        spin_unlock(&d->event_lock);
    }
    put_domain(d);
    return rc;
}

/* ---- sending ---- */

/*
 * The longer ways of evtchn_send(), which end by giving up the port's lock. Functions of their own
 * that it ends in, so that the short way, where nobody has to be woken, saves no registers.
 */
static __noinline long send_to_nobody(struct evtchn *chn)
{
    /* Nobody listens yet; who binds is told then. */
    long rc = chn->state == ECS_UNBOUND ? 0 : -XEN_EINVAL;

    spin_unlock_irq(&chn->lock);
    return rc;
}

static __noinline long send_fifo(struct evtchn *chn, struct domain *d, struct evtchn *to)
{
    evtchn_fifo_set_pending(d->vcpu[to->notify_vcpu], to);
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

HOT_INLINE long send(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_lookup(d, port), *to = chn;
    struct vcpu *v;

    if (unlikely(!chn))
        return -XEN_EINVAL;
    spin_lock_irq(&chn->lock);
    if (chn->state == ECS_INTERDOMAIN) {
        d = chn->remote;
        to = chn->peer;
    } else if (unlikely(chn->state != ECS_IPI)) {
        return send_to_nobody(chn);
    }
    if (d->evtchn_fifo)
        return send_fifo(chn, d, to);
    if (evtchn_2l_show_pending(d, to, &v) && vcpu_needs_kick(v))
        return send_waking(chn, d, to, v);
    if (unlikely(evtchn_has_pollers(d)))
        return send_waking(chn, d, to, NULL);
    spin_unlock_irq(&chn->lock);
    return 0;
}

int evtchn_send(struct domain *d, unsigned int port)
{
    return (int)send(d, port);
}

/* ---- asking and changing ---- */

static long status(struct evtchn_status *op)
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
    lock_chn(chn, &flags);
    switch (chn->state) {
    case ECS_VIRQ:
        if (!virq_is_global(chn->virq)) {
            rc = -XEN_EINVAL;
            break;
        }
        chn->notify_vcpu = (u16)vcpu;
        break;
    case ECS_UNBOUND:
    case ECS_INTERDOMAIN:
    case ECS_PIRQ:
        chn->notify_vcpu = (u16)vcpu;
        break;
    default:
        rc = -XEN_EINVAL;
    }
    unlock_chn(chn, flags);
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
    lock_chn(chn, &flags);
    if (is_usable(chn)) {
        if (d->evtchn_fifo)
            evtchn_fifo_unmask(d, chn);
        else
            evtchn_2l_unmask(d, chn);
    }
    unlock_chn(chn, flags);
    return 0;
}

int evtchn_port_poll(struct domain *d, u32 port)
{
    struct evtchn *chn = evtchn_lookup(d, port);
    unsigned long flags;
    int rc = -XEN_EINVAL;

    if (!chn)
        return rc;
    lock_chn(chn, &flags);
    if (is_usable(chn))
        rc = d->evtchn_fifo ? evtchn_fifo_is_pending(d, chn) : evtchn_2l_is_pending(d, chn);
    unlock_chn(chn, flags);
    return rc;
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
    /* What was signalled in the old place must not be lost. */
    WRITE_ONCE(v->info->evtchn_pending_sel, ~0UL);
    vcpu_mark_pending(v);
}

void evtchn_dump(struct domain *d)
{
    for (unsigned int port = 1; port < d->valid_evtchns; port++) {
        const struct evtchn *chn = evtchn_lookup(d, port);

        if (is_usable(chn))
            printk(LOG_INFO, "d%u port %u: state %u vcpu %u\n", d->id, port, chn->state,
                   chn->notify_vcpu);
    }
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

/* Size of each operation's argument, and whether it is written back when the operation succeeds. */
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

static long dispatch(unsigned int cmd, union any_op *op, unsigned long arg)
{
    struct domain *d = current->domain;
    long rc;

    switch (cmd) {
    case EVTCHNOP_alloc_unbound:
        return alloc_unbound(&op->alloc_unbound);
    case EVTCHNOP_bind_interdomain:
        return bind_interdomain(&op->bind_interdomain);
    case EVTCHNOP_bind_virq:
        return bind_virq(&op->bind_virq);
    case EVTCHNOP_bind_pirq:
        return bind_pirq(&op->bind_pirq);
    case EVTCHNOP_bind_ipi:
        return bind_ipi(&op->bind_ipi);
    case EVTCHNOP_close:
        return close_any(d, op->close.port);
    case EVTCHNOP_status:
        return status(&op->status);
    case EVTCHNOP_bind_vcpu:
        return bind_vcpu(op->bind_vcpu.port, op->bind_vcpu.vcpu);
    case EVTCHNOP_unmask:
        return evtchn_unmask(op->unmask.port);
    case EVTCHNOP_reset:
        rc = reset(op->reset.dom);
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

/* All but sending. Apart, so that the fast path saves no registers for it. */
static __noinline long other_op(unsigned int cmd, unsigned long arg)
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
    rc = dispatch(cmd, &op, arg);
    if (rc == 0 && op_info[cmd].out && copy_to_guest(arg, &op, size))
        rc = -XEN_EFAULT;
    return rc;
}

long do_event_channel_op(unsigned int cmd, unsigned long arg)
{
    u32 port;

    if (unlikely(cmd != EVTCHNOP_send))
        return other_op(cmd, arg);
    if (get_guest(&port, arg))
        return -XEN_EFAULT;
    return send(current->domain, port);
}

/* The older form: number and argument in one structure. */
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
