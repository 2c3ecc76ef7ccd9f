/* SPDX-License-Identifier: MIT */
/*
 * Mapping of a domain's interrupt numbers (pirqs) to hardware interrupts. See irq.h of the portable
 * half as well.
 */
#ifndef ASM_PIRQ_H
#define ASM_PIRQ_H

#include <irq.h>

/* Is the interrupt bound by several domains now? */
bool pirq_is_shared(const struct pirq *pirq);
/* Reserves a number of @d's for a line (@gsi) or a message; returns it. -ENOSPC, -ENOMEM. */
int pirq_reserve(struct domain *d, bool gsi);
/*
 * Maps line @irq under the number *@pirq, or one of our choice if that is negative; mapping it
 * again is no error. The caller checked permissions. -EINVAL: no such line, number out of range, or
 * @d is dying; -EEXIST: the line or the number is mapped otherwise already; -ENOSPC; -ENOMEM.
 */
int pirq_map_gsi(struct domain *d, unsigned int irq, int *pirq);
/*
 * Maps message @irq (msi.h), which no pirq has yet, under the number *@pirq, or one of our choice
 * if that is negative. -EINVAL: number out of range, or @d is dying; -EEXIST: the number stands for
 * another interrupt; -ENOSPC; -ENOMEM.
 */
int pirq_map_message(struct domain *d, unsigned int irq, int *pirq);
/* Unbinds and unmaps; a message is taken back from its device. -EINVAL: not mapped. */
int pirq_unmap(struct domain *d, unsigned int pirq);
/*
 * PHYSDEVOP_pirq_eoi_gmfn_v1 (@auto_unmask: PHYSDEVOP_eoi unmasks the event channel too) and _v2:
 * frame @mfn of @d holds a bit for each pirq that needs an answer. -EINVAL: not a writable frame of
 * @d; -EBUSY: there is one already.
 */
int pirq_set_eoi_map(struct domain *d, mfn_t mfn, bool auto_unmask);

#endif
