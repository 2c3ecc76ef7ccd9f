/* SPDX-License-Identifier: MIT */
/*
 * What the files of the event-channel subsystem share: the life of ports (event_channel.c), the
 * hypercall (event_op.c), interrupts as events (virq.c), and how a port is set pending in memory
 * that the guest sees (evtchn_2l.c, evtchn_fifo.c).
 */
#ifndef BULKHEAD_EVTCHN_IMPL_H
#define BULKHEAD_EVTCHN_IMPL_H

#include "event_channel.h"
#include "sched.h"

enum evtchn_state {
    ECS_FREE,        /* not in use */
    ECS_RESERVED,    /* never to be used: port 0 */
    ECS_UNBOUND,     /* waits for unbound_domid to bind */
    ECS_INTERDOMAIN, /* connected */
    ECS_PIRQ,        /* a hardware interrupt */
    ECS_VIRQ,        /* a virtual interrupt */
    ECS_IPI,         /* between vCPUs of the domain */
};

struct evtchn_fifo_queue;

/* Each port has a cache line: two CPUs that send do not slow each other down. */
struct evtchn {
    spinlock_t
        lock;     /* RANK_EVENT_CHANNEL, interrupts off: state and peer do not change while held */
    u8 state;     /* enum evtchn_state; changed under the event lock and this lock */
    u8 priority;  /* FIFO; read under a sender's lock, so whole, but perhaps old */
    bool latched; /* FIFO: became pending before its event word existed */
    u8 open_in_bucket; /* in the first port of a bucket: how many of its ports are in use */
    u16 notify_vcpu;   /* as priority */
    u16 virq;          /* ECS_VIRQ */
    u32 port;
    union {
        domid_t unbound_domid;
        u32 pirq;
    };
    struct domain *remote; /* ECS_INTERDOMAIN: the other end's domain and port */
    struct evtchn *peer;
    struct evtchn_fifo_queue *queue; /* FIFO: the queue it was linked on last */
} __aligned(64);

#define EVTCHNS_PER_BUCKET 64U

/* @return the struct of a port; NULL: no port of this number was ever allocated */
static inline struct evtchn *evtchn_lookup(const struct domain *d, unsigned int port)
{
    unsigned long i = port;
    struct evtchn *chn;

    if (unlikely(!index_ok(&i, READ_ONCE(d->valid_evtchns))))
        return NULL;
    chn = &d->evtchn_buckets[i / EVTCHNS_PER_BUCKET][i % EVTCHNS_PER_BUCKET];
    if (!chn)
        __builtin_unreachable(); /* so that the caller's test is ours */
    return chn;
}

static inline bool evtchn_is_usable(const struct evtchn *chn)
{
    u8 state = load_acquire(&chn->state); /* a free port is opened without its lock */

    return state != ECS_FREE && state != ECS_RESERVED;
}

static inline unsigned long evtchn_lock(struct evtchn *chn)
{
    return spin_lock_irqsave(&chn->lock);
}

static inline void evtchn_unlock(struct evtchn *chn, unsigned long flags)
{
    spin_unlock_irqrestore(&chn->lock, flags);
}

/* Tells @v that an event is pending: sets its upcall flag and wakes it. */
static inline void vcpu_set_pending(struct vcpu *v)
{
    if (!xchg(&v->info->evtchn_upcall_pending, 1))
        vcpu_kick(v);
}

/* Wakes the vCPUs that poll @port (or several ports). */
void evtchn_wake_pollers(struct domain *d, unsigned int port);

static inline bool evtchn_has_pollers(const struct domain *d)
{
    STATIC_ASSERT(ARRAY_SIZE(d->poll_mask) == 2);
    return READ_ONCE(d->poll_mask[0]) | READ_ONCE(d->poll_mask[1]);
}

static inline void evtchn_check_pollers(struct domain *d, unsigned int port)
{
    if (unlikely(evtchn_has_pollers(d)))
        evtchn_wake_pollers(d, port);
}

/*
 * Sets the port pending the two-level way. In line, since it is hot; see evtchn_2l.c.
 * @return true: the upcall flag of vCPU *@v was set, and *@v has to be told
 */
static inline bool evtchn_2l_set_pending(struct domain *d, const struct evtchn *chn,
                                         struct vcpu **v)
{
    struct shared_info *s = d->shared_info;
    unsigned int port = chn->port;
    struct vcpu_info *info;

    if (test_and_set_bit(s->evtchn_pending, port) || test_bit(s->evtchn_mask, port))
        return false;
    *v = d->vcpu[READ_ONCE(chn->notify_vcpu)];
    info = (*v)->info;
    return !test_and_set_bit(&info->evtchn_pending_sel, port / BITS_PER_LONG) &&
           !xchg(&info->evtchn_upcall_pending, 1);
}

/*
 * The ways in which a port is shown to its guest (public/event_channel.h). Locks: that of @chn is
 * held, with interrupts off, except by the _is_ forms.
 */
void evtchn_2l_clear_pending(struct domain *d, struct evtchn *chn);
void evtchn_2l_unmask(struct domain *d, struct evtchn *chn);
bool evtchn_2l_is_pending(const struct domain *d, const struct evtchn *chn);
bool evtchn_2l_is_masked(const struct domain *d, const struct evtchn *chn);

void evtchn_fifo_set_pending(struct vcpu *v, struct evtchn *chn);
void evtchn_fifo_clear_pending(struct domain *d, struct evtchn *chn);
void evtchn_fifo_unmask(struct domain *d, struct evtchn *chn);
bool evtchn_fifo_is_pending(const struct domain *d, const struct evtchn *chn);
bool evtchn_fifo_is_masked(const struct domain *d, const struct evtchn *chn);

/* The FIFO control operations, which take the event lock. Errors as in public/event_channel.h. */
long evtchn_fifo_init_control(struct evtchn_init_control *op);
long evtchn_fifo_expand_array(const struct evtchn_expand_array *op);
long evtchn_fifo_set_priority(struct domain *d, const struct evtchn_set_priority *op);
void evtchn_fifo_vcpu_destroy(struct vcpu *v);
/* Ends the use of FIFO: the domain returns to two-level delivery (reset) or ends. */
void evtchn_fifo_destroy(struct domain *d);

/*
 * Sets the port pending in the way that its domain chose. Locks: the port's is held, with
 * interrupts off.
 */
static inline void evtchn_set_pending(struct domain *d, struct evtchn *chn)
{
    struct vcpu *v;

    if (READ_ONCE(d->evtchn_fifo)) {
        evtchn_fifo_set_pending(d->vcpu[READ_ONCE(chn->notify_vcpu)], chn);
        return;
    }
    if (evtchn_2l_set_pending(d, chn, &v))
        vcpu_kick(v);
    evtchn_check_pollers(d, chn->port);
}

/*
 * The operations of the hypercall that open and close ports; errors as in public/event_channel.h.
 */
long evtchn_alloc_unbound(struct evtchn_alloc_unbound *op);
long evtchn_bind_interdomain(struct evtchn_bind_interdomain *op);
long evtchn_bind_virq(struct evtchn_bind_virq *op);
long evtchn_bind_ipi(struct evtchn_bind_ipi *op);
long evtchn_bind_pirq(struct evtchn_bind_pirq *op);
long evtchn_close(struct domain *d, unsigned int port);
/* @return 0 or an error; -ERESTART: preempted, to be called again */
long evtchn_reset(domid_t id);

/* Does this virtual interrupt belong to the whole domain, not to a vCPU? (virq.c) */
bool virq_is_global(u32 virq);
/* Ends the delegation of global virtual interrupts to @d: dom0 receives them again. */
void global_virq_drop_handler(struct domain *d);

#endif
