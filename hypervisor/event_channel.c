/* SPDX-License-Identifier: MIT */
/*
 * The ports of a domain: how they are opened, bound to what they carry, and closed
 * (public/event_channel.h). event_op.c sends on them and serves the hypercall.
 *
 * The state of a port changes under the domain's event lock together with the port's own lock;
 * sending takes only the latter. An interdomain pair is connected and disconnected under both event
 * locks and both port locks, so the holder of one end's lock may use the other end.
 */
#include <arch.h>
#include <evtchn_impl.h>
#include <hypercall.h>
#include <irq.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>

/* ---- ports ---- */

static void clear_pending(struct domain *d, struct evtchn *chn)
{
    if (READ_ONCE(d->evtchn_fifo))
        evtchn_fifo_clear_pending(d, chn);
    else
        evtchn_2l_clear_pending(d, chn);
}

/* Adds a bucket of ports. Locks: the event lock is held. */
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

/* @return where it is counted how many ports of the bucket of @port are in use */
static u8 *open_in_bucket(const struct domain *d, unsigned int port)
{
    return &d->evtchn_buckets[port / EVTCHNS_PER_BUCKET]->open_in_bucket;
}

/*
 * Finds the lowest free port; the caller sets its state. Locks: the event lock is held.
 * @return the port; -XEN_ENOSPC; -XEN_ENOMEM
 */
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

/* Puts a fresh port into use. Locks: the event lock is held. */
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
    WRITE_ONCE(chn->state, ECS_FREE);
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

/*
 * Finds the domain that an operation names, and takes a reference: the caller itself, or any domain
 * if the caller is privileged.
 */
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

long evtchn_alloc_unbound(struct evtchn_alloc_unbound *op)
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

long evtchn_bind_interdomain(struct evtchn_bind_interdomain *op)
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
    WRITE_ONCE(rchn->state, ECS_INTERDOMAIN);
    /* The other end may have sent an event before this one was bound. */
    evtchn_set_pending(ld, lchn);
    unlock_two(lchn, rchn, flags);
    op->local_port = (u32)lport;
    rc = 0;
out:
    spin_unlock_two(&ld->event_lock, &rd->event_lock);
    put_domain(rd);
    return rc;
}

long evtchn_bind_virq(struct evtchn_bind_virq *op)
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

long evtchn_bind_ipi(struct evtchn_bind_ipi *op)
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

long evtchn_bind_pirq(struct evtchn_bind_pirq *op)
{
    struct domain *d = current->domain;
    struct evtchn *chn;
    struct pirq *pirq;
    unsigned long flags;
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
    /* The port is open before the interrupt is, which may come at once. */
    chn = evtchn_lookup(d, (unsigned int)port);
    chn->pirq = op->pirq;
    open_port(d, port, ECS_PIRQ, 0);
    pirq->evtchn = (u32)port;
    rc = arch_pirq_bind(d->vcpu[0], pirq, op->flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        pirq->evtchn = 0;
        flags = spin_lock_irqsave(&chn->lock);
        close_port(d, chn);
        spin_unlock_irqrestore(&chn->lock, flags);
        goto out;
    }
    op->port = (u32)port;
out:
    spin_unlock(&d->event_lock);
    return rc;
}

/* ---- closing ---- */

/*
 * @return the domain at the other end of an interdomain port, with a reference, so that both event
 * locks can be taken
 */
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

/*
 * Breaks the connection; the other end waits for this domain again. Locks: both event locks are
 * held.
 */
static void evtchn_disconnect(struct domain *d, struct evtchn *chn)
{
    struct evtchn *rchn = chn->peer;
    unsigned long flags;

    lock_two(chn, rchn, &flags);
    if (rchn != chn) {
        WRITE_ONCE(rchn->state, ECS_UNBOUND);
        rchn->remote = NULL;
        rchn->peer = NULL;
        rchn->unbound_domid = d->id;
    }
    close_port(d, chn);
    unlock_two(chn, rchn, flags);
}

long evtchn_close(struct domain *d, unsigned int port)
{
    struct domain *peer = get_peer(d, port);
    struct domain *locked = peer ? peer : d;
    struct evtchn *chn;
    unsigned long flags;
    long rc = -XEN_EINVAL;

    spin_lock_two(&d->event_lock, &locked->event_lock);
    chn = evtchn_lookup(d, port);
    if (!chn || !evtchn_is_usable(chn))
        goto out;
    if (chn->state == ECS_INTERDOMAIN) {
        /*
         * The caller raced with itself: the port was connected, or to another port, after we
         * looked.
         */
        if (chn->remote != peer)
            goto out;
        evtchn_disconnect(d, chn);
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
                WRITE_ONCE(v->virq_port[chn->virq], 0);
    }
    flags = evtchn_lock(chn);
    close_port(d, chn);
    evtchn_unlock(chn, flags);
    rc = 0;
out:
    spin_unlock_two(&d->event_lock, &locked->event_lock);
    if (peer)
        put_domain(peer);
    return rc;
}

/*
 * Closes all ports.
 * @cursor: where to continue
 * @return 0; -ERESTART: preempted, to be called again
 */
static int close_all(struct domain *d, unsigned int *cursor)
{
    for (unsigned int port = READ_ONCE(*cursor); port < READ_ONCE(d->valid_evtchns); port++) {
        if (evtchn_is_usable(evtchn_lookup(d, port)))
            evtchn_close(d, port);
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

long evtchn_reset(domid_t id)
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
         * Another vCPU of the domain may have opened ports meanwhile, or moved the cursor past some
         * by a reset of its own. The count shows that.
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
