/* SPDX-License-Identifier: MIT */
/*
 * What the files of HYPERVISOR_memory_op share: the dispatch (memory_op.c), lists of frames that a
 * domain gets or gives (memory_reservation.c), exchange (memory_exchange.c), and frames of ours
 * that tools may map (memory_resource.c).
 */
#ifndef BULKHEAD_MEMORY_IMPL_H
#define BULKHEAD_MEMORY_IMPL_H

#include "domain.h"

/*
 * The command word: operation below, first element to do above (Xen's own encoding, part of no
 * header).
 */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1UL << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_MAX_EXTENTS  (~0U >> MEMOP_EXTENT_SHIFT)

/*
 * The largest extent that @d may ask for: a superpage; the allocator's limit when it is privileged,
 * since it builds domains.
 * @return an order
 */
unsigned int memory_max_order(const struct domain *d);

/*
 * Finds the domain that the caller names.
 * @id: DOMID_SELF, or a number
 * @out: receives the domain, with a reference
 * @return 0; -XEN_ESRCH: none, or a system domain; -XEN_EPERM: the caller may not act on it
 */
long memory_target(domid_t id, struct domain **out);

/*
 * Translates xen_memory_reservation.mem_flags. There is one memory node, 0.
 * @memf: receives MEMF_* for the allocator
 * @return false: the flags cannot be satisfied
 */
bool memory_flags(unsigned int mem_flags, unsigned int *memf);

/*
 * XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap.
 * @start: the first element to do
 * @return how many elements are done, or a continuation
 */
long memory_reservation_op(unsigned int cmd, unsigned long start, unsigned long arg);

/*
 * XENMEM_exchange.
 * @return 0, a continuation; -XEN_EFAULT, -XEN_EPERM, -XEN_EINVAL, -XEN_ENOMEM, -XEN_ESRCH
 */
long memory_exchange(unsigned long arg);

/*
 * XENMEM_acquire_resource, for privileged domains.
 * @start: the first frame to list
 * @return 0, a continuation; -XEN_EFAULT, -XEN_EINVAL, -XEN_ESRCH, -XEN_EPERM
 */
long memory_acquire_resource(unsigned long start, unsigned long arg);

/*
 * Takes back frame @mfn, which the caller believes to be @d's. It goes when its last mapping goes.
 * @return false: it is not @d's
 */
bool memory_remove_frame(struct domain *d, mfn_t mfn);

#endif
