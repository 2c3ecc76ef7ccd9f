/* SPDX-License-Identifier: MIT */
/*
 * Hardware interrupts in the hands of guests.
 *
 * A domain names an interrupt by its own number (pirq), maps it to a hardware interrupt, and binds
 * it to an event channel. A line may be shared by several domains. A level-triggered line is masked
 * when it fires and unmasked when every domain that it was delivered to has said so (PHYSDEVOP_eoi)
 * or has gone; edges and messages need no answer. So a guest that never answers loses only its own
 * interrupt, and the interrupt of the guests that share its line.
 *
 * A struct pirq, once made, lives as long as its domain, so it can be looked up without a lock.
 * pirq->masked is protected by the lock of the interrupt's descriptor, pirq->irq by the domain's
 * pirq_lock (and does not change while the pirq is bound).
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/pirq.h>
#include <domain.h>
#include <event_channel.h>
#include <irq.h>
#include <page_alloc.h>
#include <public/errno.h>

#define DOMU_EXTRA_PIRQS 32U

unsigned int arch_nr_pirqs(bool privileged)
{
    unsigned int n = nr_gsis + DOMU_EXTRA_PIRQS;

    return privileged ? nr_irqs : MIN(n, nr_irqs);
}

struct pirq *pirq_get(struct domain *d, unsigned int pirq, bool create)
{
    struct pirq **table = load_acquire(&d->pirqs), **no_table = NULL;
    struct pirq *p, *none = NULL;

    if (pirq >= d->nr_pirqs)
        return NULL;
    pirq = (unsigned int)index_nospec(pirq, d->nr_pirqs);
    if (!table) {
        if (!create || (table = xzalloc_array(struct pirq *, d->nr_pirqs)) == NULL)
            return NULL;
        if (!cmpxchg(&d->pirqs, &no_table, table)) {
            xfree(table);
            table = no_table;
        }
    }
    p = load_acquire(&table[pirq]);
    if (p || !create)
        return p;
    p = xzalloc(struct pirq);
    if (!p)
        return NULL;
    p->pirq = pirq;
    p->irq = PIRQ_UNMAPPED;
    if (!cmpxchg(&table[pirq], &none, p)) {
        xfree(p);
        p = none;
    }
    return p;
}

/* Sets or clears a bit in the map in which the guest sees which pirqs it must answer. */
static void mark_eoi(struct domain *d, unsigned int pirq, bool needs_eoi)
{
    unsigned long *map = load_acquire(&d->arch.pirq_eoi_map);

    if (!map || pirq >= PAGE_SIZE * 8)
        return;
    if (needs_eoi)
        set_bit(map, pirq);
    else
        clear_bit(map, pirq);
}

int arch_pirq_bind(struct vcpu *v, struct pirq *pirq, bool will_share)
{
    struct irq_desc *desc = pirq->irq >= 0 ? irq_get((unsigned int)pirq->irq) : NULL;
    unsigned long flags;
    int rc = 0;

    if (!desc)
        return -XEN_EPERM; /* not mapped, so not permitted */
    flags = spin_lock_irqsave(&desc->lock);
    if (desc->use == IRQ_OURS)
        rc = -XEN_EBUSY;
    else if (desc->use == IRQ_GUEST && (!will_share || desc->nr_guests == IRQ_MAX_GUESTS))
        rc = -XEN_EBUSY;
    else if (desc->use == IRQ_FREE)
        rc = irq_program(desc);
    if (!rc) {
        pirq->masked = false;
        mark_eoi(v->domain, pirq->pirq, desc->level);
        desc->guest[desc->nr_guests].domain = v->domain;
        desc->guest[desc->nr_guests].pirq = pirq;
        desc->nr_guests++;
        if (desc->use == IRQ_FREE) {
            desc->use = IRQ_GUEST;
            desc->in_service = 0;
            desc->controller->unmask((unsigned int)pirq->irq);
        }
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

/*
 * Notes that one guest has handled the interrupt; the last guest opens the line again. Locks: the
 * descriptor's is held.
 */
static void guest_done(struct irq_desc *desc, struct pirq *pirq)
{
    if (!pirq->masked)
        return;
    pirq->masked = false;
    if (--desc->in_service == 0)
        desc->controller->unmask((unsigned int)pirq->irq);
}

void arch_pirq_unbind(struct domain *d, struct pirq *pirq)
{
    struct irq_desc *desc = pirq->irq >= 0 ? irq_get((unsigned int)pirq->irq) : NULL;
    unsigned long flags;

    if (!desc)
        return;
    flags = spin_lock_irqsave(&desc->lock);
    for (unsigned int i = 0; i < desc->nr_guests; i++) {
        if (desc->guest[i].pirq != pirq)
            continue;
        guest_done(desc, pirq);
        desc->guest[i] = desc->guest[--desc->nr_guests];
        if (desc->nr_guests == 0) {
            desc->controller->mask((unsigned int)pirq->irq);
            desc->use = IRQ_FREE;
        }
        mark_eoi(d, pirq->pirq, true);
        break;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
}

void arch_pirq_eoi(struct domain *d, struct pirq *pirq)
{
    struct irq_desc *desc = pirq->irq >= 0 ? irq_get((unsigned int)pirq->irq) : NULL;
    unsigned long flags;

    if (!desc)
        return;
    flags = spin_lock_irqsave(&desc->lock);
    /* Meanwhile it may have been mapped to another interrupt. */
    for (unsigned int i = 0; i < desc->nr_guests; i++)
        if (desc->guest[i].pirq == pirq)
            guest_done(desc, pirq);
    spin_unlock_irqrestore(&desc->lock, flags);
}

unsigned int irq_accept_for_guests(struct irq_desc *desc, struct pirq_target *targets)
{
    if (desc->level) {
        desc->controller->mask((unsigned int)desc->guest[0].pirq->irq);
        for (unsigned int i = 0; i < desc->nr_guests; i++)
            if (!desc->guest[i].pirq->masked) {
                desc->guest[i].pirq->masked = true;
                desc->in_service++;
            }
    }
    apic_eoi();
    for (unsigned int i = 0; i < desc->nr_guests; i++) {
        targets[i].domain = desc->guest[i].domain;
        targets[i].pirq = *desc->guest[i].pirq;
    }
    return desc->nr_guests;
}

bool pirq_is_shared(const struct pirq *pirq)
{
    const struct irq_desc *desc = pirq->irq >= 0 ? irq_get((unsigned int)pirq->irq) : NULL;

    return desc && desc->use == IRQ_GUEST && READ_ONCE(desc->nr_guests) > 1;
}

/* @return the pirq of @d that is mapped to @irq, or -1. Locks: pirq_lock is held. */
static int find_by_irq(struct domain *d, int irq)
{
    for (unsigned int i = 0; d->pirqs && i < d->nr_pirqs; i++)
        if (d->pirqs[i] && d->pirqs[i]->irq == irq)
            return (int)i;
    return -1;
}

static bool is_unused(struct domain *d, unsigned int pirq)
{
    const struct pirq *p = pirq_get(d, pirq, false);

    return !p || (p->irq == PIRQ_UNMAPPED && !p->evtchn);
}

/*
 * Finds a number of @d's that is not in use, for a line (@gsi) or a message. Locks: pirq_lock is
 * held.
 */
static int find_free(struct domain *d, bool gsi)
{
    unsigned int limit = gsi ? MIN(nr_gsis, d->nr_pirqs) : d->nr_pirqs;

    /*
     * Messages are numbered from the top, out of the way of lines, which usually keep their own
     * numbers.
     */
    for (unsigned int n = NR_ISA_IRQS; n < limit; n++) {
        unsigned int pirq = gsi ? n : limit - 1 - (n - NR_ISA_IRQS);

        if (is_unused(d, pirq))
            return (int)pirq;
    }
    return -XEN_ENOSPC;
}

int pirq_reserve(struct domain *d, bool gsi)
{
    struct pirq *p;
    int number;

    spin_lock(&d->pirq_lock);
    number = READ_ONCE(d->dying) ? -XEN_EINVAL : find_free(d, gsi);
    if (number >= 0) {
        p = pirq_get(d, (unsigned int)number, true);
        if (p)
            p->irq = PIRQ_RESERVED;
        else
            number = -XEN_ENOMEM;
    }
    spin_unlock(&d->pirq_lock);
    return number;
}

int pirq_map_gsi(struct domain *d, unsigned int irq, int *pirq)
{
    struct pirq *p;
    int rc = 0, number;

    if (irq >= nr_gsis || !irq_get(irq))
        return -XEN_EINVAL;
    spin_lock(&d->pirq_lock);
    if (READ_ONCE(d->dying)) {
        rc = -XEN_EINVAL;
        goto out;
    }
    number = find_by_irq(d, (int)irq);
    if (*pirq < 0) {
        if (number < 0)
            number = is_unused(d, irq) ? (int)irq : find_free(d, true);
        if (number < 0) {
            rc = number;
            goto out;
        }
    } else if (number >= 0 && number != *pirq) {
        rc = -XEN_EEXIST; /* the domain has it under another number */
        goto out;
    } else {
        number = *pirq;
    }
    rc = -XEN_EINVAL;
    if ((unsigned int)number >= d->nr_pirqs)
        goto out;
    rc = -XEN_ENOMEM;
    p = pirq_get(d, (unsigned int)number, true);
    if (!p)
        goto out;
    rc = -XEN_EEXIST; /* the number stands for another interrupt */
    if (p->irq >= 0 && p->irq != (int)irq)
        goto out;
    p->irq = (int)irq;
    *pirq = number;
    rc = 0;
out:
    spin_unlock(&d->pirq_lock);
    return rc;
}

int pirq_map_message(struct domain *d, unsigned int irq, int *pirq)
{
    struct pirq *p;
    int number = *pirq, rc = -XEN_EINVAL;

    spin_lock(&d->pirq_lock);
    if (number < 0 && !READ_ONCE(d->dying))
        number = find_free(d, false);
    if (number < 0) {
        rc = READ_ONCE(d->dying) ? -XEN_EINVAL : number;
    } else if (!READ_ONCE(d->dying) && (unsigned int)number < d->nr_pirqs) {
        p = pirq_get(d, (unsigned int)number, true);
        rc = !p ? -XEN_ENOMEM : p->irq >= 0 ? -XEN_EEXIST : 0;
        if (!rc) {
            p->irq = (int)irq;
            *pirq = number;
        }
    }
    spin_unlock(&d->pirq_lock);
    return rc;
}

/* Releases what is left of a mapping when no event channel is bound to it. */
static void release_irq(struct pirq *p)
{
    if (p->irq >= (int)nr_gsis)
        msi_unmap((unsigned int)p->irq);
    p->irq = PIRQ_UNMAPPED;
}

int pirq_unmap(struct domain *d, unsigned int pirq)
{
    struct pirq *p;
    int rc = -XEN_EINVAL;

    spin_lock(&d->event_lock); /* so that no binding is made meanwhile */
    spin_lock(&d->pirq_lock);
    p = pirq_get(d, pirq, false);
    if (p && p->irq >= 0) {
        arch_pirq_unbind(d, p);
        release_irq(p);
        rc = 0;
    }
    spin_unlock(&d->pirq_lock);
    spin_unlock(&d->event_lock);
    return rc;
}

int pirq_set_eoi_map(struct domain *d, mfn_t mfn, bool auto_unmask)
{
    struct page *pg;
    unsigned long *map;
    int rc = 0;

    if (!mfn_valid(mfn))
        return -XEN_EINVAL;
    pg = mfn_to_page(mfn);
    if (get_page_and_type(pg, d, PG_TYPE_WRITABLE))
        return -XEN_EINVAL;
    map = arch_map_guest_page(mfn);
    spin_lock(&d->pirq_lock);
    if (d->arch.pirq_eoi_map) {
        rc = -XEN_EBUSY;
    } else {
        d->arch.pirq_eoi_mfn = mfn;
        d->arch.pirq_auto_unmask = auto_unmask;
        store_release(&d->arch.pirq_eoi_map, map);
    }
    spin_unlock(&d->pirq_lock);
    if (rc) {
        arch_unmap_guest_page(map);
        put_page_and_type(pg);
    }
    return rc;
}

void pirq_free_all(struct domain *d)
{
    unsigned long *map;
    struct pirq **table;

    spin_lock(&d->pirq_lock);
    map = d->arch.pirq_eoi_map;
    table = d->pirqs;
    d->arch.pirq_eoi_map = NULL;
    d->pirqs = NULL;
    spin_unlock(&d->pirq_lock);

    for (unsigned int i = 0; table && i < d->nr_pirqs; i++)
        if (table[i]) {
            arch_pirq_unbind(d, table[i]);
            release_irq(table[i]);
            xfree(table[i]);
        }
    xfree(table);
    if (map) {
        arch_unmap_guest_page(map);
        put_page_and_type(mfn_to_page(d->arch.pirq_eoi_mfn));
    }
}
