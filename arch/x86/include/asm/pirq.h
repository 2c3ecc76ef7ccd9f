/* SPDX-License-Identifier: MIT */
/*
 * Mapping of a domain's interrupt numbers (pirqs) to hardware interrupts. See irq.h of the portable
 * half as well.
 */
#ifndef ASM_PIRQ_H
#define ASM_PIRQ_H

#include <irq.h>

/* Have several domains bound the interrupt at present? */
bool pirq_is_shared(const struct pirq *pirq);
/*
 * Reserves a number of @d's for a line (@gsi) or a message.
 * @return the number; -XEN_ENOSPC; -XEN_ENOMEM
 */
int pirq_reserve(struct domain *d, bool gsi);
/*
 * Maps line @irq under the number *@pirq, or under one of our choice if that is negative; mapping
 * it again is not an error. The caller checked permissions.
 * @return 0; -XEN_EINVAL: no such line, number out of range, or @d is dying; -XEN_EEXIST: the line
 * or the number is mapped otherwise already; -XEN_ENOSPC; -XEN_ENOMEM
 */
int pirq_map_gsi(struct domain *d, unsigned int irq, int *pirq);
/*
 * Maps message @irq (msi.h), which no pirq has yet, under the number *@pirq, or under one of our
 * choice if that is negative.
 * @return 0; -XEN_EINVAL: number out of range, or @d is dying; -XEN_EEXIST: the number stands for
 * another interrupt; -XEN_ENOSPC; -XEN_ENOMEM
 */
int pirq_map_message(struct domain *d, unsigned int irq, int *pirq);
/*
 * Unbinds and unmaps @pirq; a message is taken back from its device.
 * @return 0; -XEN_EINVAL: it is not mapped
 */
int pirq_unmap(struct domain *d, unsigned int pirq);
/*
 * PHYSDEVOP_pirq_eoi_gmfn_v1 (@auto_unmask: PHYSDEVOP_eoi unmasks the event channel too) and _v2:
 * from now on frame @mfn of @d holds a bit for each pirq that needs an answer.
 * @return 0; -XEN_EINVAL: not a writable frame of @d; -XEN_EBUSY: @d has such a map already
 */
int pirq_set_eoi_map(struct domain *d, mfn_t mfn, bool auto_unmask);

#endif
