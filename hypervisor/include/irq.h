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

/* @return how many pirqs a new domain has (its d->nr_pirqs) */
unsigned int arch_nr_pirqs(bool privileged);

/*
 * Finds the domain's pirq, or creates it with @create. Locks: none needed.
 * @return NULL: the number is out of range, there is no such pirq, or memory is short
 */
struct pirq *pirq_get(struct domain *d, unsigned int pirq, bool create);
void pirq_free_all(struct domain *d);

/*
 * Binds the hardware interrupt of @pirq to the domain of @v and unmasks the line. Locks: the event
 * lock is held.
 * @return 0; -XEN_EPERM: the pirq is not mapped; -XEN_EBUSY: the interrupt is in use, and one of
 * its users does not share; -XEN_ENOSPC: no vector is left
 */
int arch_pirq_bind(struct vcpu *v, struct pirq *pirq, bool will_share);
void arch_pirq_unbind(struct domain *d, struct pirq *pirq);
/* Notes that the guest has finished handling @pirq. */
void arch_pirq_eoi(struct domain *d, struct pirq *pirq);

#endif
