/* SPDX-License-Identifier: MIT */
/*
 * What the hypercalls on page tables share: owners of the frames that they name, roots, the end of
 * a batch.
 */
#ifndef PV_MMU_H
#define PV_MMU_H

#include <domain.h>

/* Set in the count of a hypercall that continues. */
#define MMU_UPDATE_PREEMPTED (1U << 31)

/*
 * Finds the owner of the frames that a hypercall names.
 * @return the domain, with a reference unless it is the caller; NULL: no such domain, or the caller
 * gave its own number instead of DOMID_SELF
 */
struct domain *get_pg_owner(domid_t domid);
/* Gives back what get_pg_owner() returned. */
void put_pg_owner(struct domain *owner);

/*
 * Says in the guest log that the current domain may not name what is @owner's.
 * @return -XEN_EPERM
 */
long refuse_target(const struct domain *owner);

/* May @d act on @target: is it @d itself, or is @d privileged? */
static inline bool may_target(const struct domain *d, const struct domain *target)
{
    return d == target || d->privileged;
}

/*
 * Has the domain been given any device? Then it may choose how its pages are cached, and flush
 * caches.
 */
bool domain_has_devices(const struct domain *d);

/*
 * Collects the CPUs on which the vCPUs in the guest's bitmap at @bitmap run.
 * @return 0; -XEN_EFAULT
 */
int read_vcpu_mask(const struct domain *d, unsigned long bitmap, cpumask_t *out);

/*
 * Ends mmu_update or mmuext_op after @i of @count elements: continues the hypercall if @rc is
 * -ERESTART, and tells the guest how many elements are done.
 */
long finish_batch(unsigned int op, unsigned long reqs, size_t element, unsigned int count,
                  unsigned int i, unsigned int done, unsigned long pdone, unsigned int foreigndom,
                  long rc);

/* Shows or hides the M2P table in a root, for VMASST_TYPE_m2p_strict. */
void root_set_m2p(mfn_t root, bool visible);

/*
 * Loads a new kernel root on the current vCPU.
 * @return 0; errors of get_page_type(); -ERESTART: preempted, to be called again with the same
 * arguments
 */
int set_kernel_root(struct vcpu *v, mfn_t mfn);

#endif
