/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as events: virtual interrupts of a vCPU or of the whole domain, and hardware
 * interrupts. All may be raised in any context.
 */
#include <evtchn_impl.h>
#include <irq.h>
#include <public/errno.h>

/*
 * The domain that receives each global virtual interrupt; NULL: dom0. Each entry holds a
 * reference.
 */
static struct domain *global_virq_handler[NR_VIRQS];
static spinlock_t global_virq_lock = SPINLOCK_INIT(RANK_EVENT_GLOBAL); /* interrupts off */

bool virq_is_global(u32 virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* Rings @port of @d if it is in @state. @return the vCPU that it notifies; NULL: it is not rung */
static const struct vcpu *virq_ring(struct domain *d, unsigned int port, enum evtchn_state state)
{
    struct evtchn *chn = evtchn_lookup(d, port);
    const struct vcpu *v = NULL;
    unsigned long flags;

    if (!chn)
        return NULL;
    flags = spin_lock_irqsave(&chn->lock);
    if (load_acquire(&chn->state) == state) {
        evtchn_set_pending(d, chn);
        v = d->vcpu[chn->notify_vcpu];
    }
    spin_unlock_irqrestore(&chn->lock, flags);
    return v;
}

void send_guest_vcpu_virq(struct vcpu *v, u32 virq)
{
    unsigned int port = load_acquire(&v->virq_port[virq]);

    if (port)
        virq_ring(v->domain, port, ECS_VIRQ);
}

void send_guest_global_virq(struct domain *d, u32 virq)
{
    /* The interrupt is bound through vCPU 0; the port may have been moved to another vCPU since. */
    if (d && d->vcpu && d->vcpu[0])
        send_guest_vcpu_virq(d->vcpu[0], virq);
}

void send_global_virq(u32 virq)
{
    unsigned long flags = spin_lock_irqsave(&global_virq_lock);
    struct domain *d = global_virq_handler[virq];

    send_guest_global_virq(d ? d : dom0, virq);
    spin_unlock_irqrestore(&global_virq_lock, flags);
}

int set_global_virq_handler(struct domain *d, u32 virq)
{
    struct domain *old;
    unsigned long flags;

    if (virq >= NR_VIRQS || !virq_is_global(virq))
        return -XEN_EINVAL;
    if (d->dying || !get_domain(d))
        return -XEN_EINVAL;
    flags = spin_lock_irqsave(&global_virq_lock);
    old = global_virq_handler[virq];
    global_virq_handler[virq] = d;
    spin_unlock_irqrestore(&global_virq_lock, flags);
    if (old)
        put_domain(old);
    return 0;
}

unsigned int send_guest_pirq(struct domain *d, const struct pirq *pirq)
{
    unsigned int port = READ_ONCE(pirq->evtchn);
    const struct vcpu *v = port ? virq_ring(d, port, ECS_PIRQ) : NULL;

    return v ? READ_ONCE(v->processor) : smp_processor_id();
}

void global_virq_drop_handler(struct domain *d)
{
    unsigned long flags = spin_lock_irqsave(&global_virq_lock);
    unsigned int dropped = 0;

    for (unsigned int i = 0; i < NR_VIRQS; i++) {
        if (global_virq_handler[i] == d) {
            global_virq_handler[i] = NULL;
            dropped++;
        }
    }
    spin_unlock_irqrestore(&global_virq_lock, flags);
    while (dropped--)
        put_domain(d);
}
