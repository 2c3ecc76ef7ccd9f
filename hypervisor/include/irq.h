/* SPDX-License-Identifier: MIT */
/*
 * Hardware interrupts as guests see them: a pirq is a domain's handle of one interrupt line or
 * message.
 */
#ifndef BULKHEAD_IRQ_H
#define BULKHEAD_IRQ_H

#include "domain.h"

#define PIRQ_UNMAPPED (-1)
#define PIRQ_RESERVED (-2) /* handed out by PHYSDEVOP_get_free_pirq, not mapped yet */

struct pirq {
    unsigned int pirq; /* number in the domain */
    u32 evtchn;        /* the port it is bound to, 0: none */
    bool masked;       /* waits for the guest's EOI */
    int irq; /* hardware interrupt (GSI or allocated for MSI), or PIRQ_UNMAPPED, PIRQ_RESERVED */
};

/* How many pirqs a new domain has: its d->nr_pirqs. */
unsigned int arch_nr_pirqs(bool privileged);

/* Finds (or creates) the domain's pirq; NULL: out of range, or out of memory. No lock needed. */
struct pirq *pirq_get(struct domain *d, unsigned int pirq, bool create);
void pirq_free_all(struct domain *d);

/*
 * Architecture. Binds the hardware interrupt to @v's domain: unmasks the line. -EPERM: the pirq is
 * not mapped; -EBUSY: in use, and one of the users does not share; -ENOSPC: no vector left.
 * Event lock held.
 */
int arch_pirq_bind(struct vcpu *v, struct pirq *pirq, bool will_share);
void arch_pirq_unbind(struct domain *d, struct pirq *pirq);
/* The guest finished handling. */
void arch_pirq_eoi(struct domain *d, struct pirq *pirq);

#endif
