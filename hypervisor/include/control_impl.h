/* SPDX-License-Identifier: MIT */
/*
 * What the files of the control operations share: domctl.c, domctl_vcpu.c, sysctl.c and the
 * architecture's part of them.
 */
#ifndef BULKHEAD_CONTROL_IMPL_H
#define BULKHEAD_CONTROL_IMPL_H

#include <public/sysctl.h>

#include "cpumask.h"
#include "domain.h"

/* Describes @d as getdomaininfo and getdomaininfolist show it. */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * The operations on the vCPUs of @d (domctl_vcpu.c). Locks: RANK_DOMCTL is held.
 * @copyback: set when the caller is to get @op back as it is then
 * @return 0; -ERESTART: to be continued; or an error
 */
long domctl_max_vcpus(struct domain *d, const struct xen_domctl_max_vcpus *op);
long domctl_set_context(struct domain *d, const struct xen_domctl_vcpucontext *op);
long domctl_get_context(struct domain *d, const struct xen_domctl_vcpucontext *op);
long domctl_vcpu_info(struct domain *d, struct xen_domctl_getvcpuinfo *op);
long domctl_set_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op);
long domctl_get_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op);
long domctl_scheduler(struct domain *d, struct xen_domctl_scheduler_op *op, bool *copyback);

/* XEN_SYSCTL_debug_keys: prints what @key stands for (debug_keys.c). */
void debug_key(char key);

/*
 * XEN_SYSCTL_lockprof_op (lock_profile.c).
 * @return 0; -XEN_EFAULT; -XEN_EINVAL: no such command
 */
long lock_profile_op(struct xen_sysctl_lockprof_op *op);

/*
 * XEN_SYSCTL_get_pmstat, XEN_SYSCTL_pm_op (power_states.c).
 * @return 0; -XEN_EINVAL: no such CPU, or nothing that is known of its frequencies; -XEN_ENODEV: no
 * such kind of states; -XEN_ENOSYS: no such operation; -XEN_EOPNOTSUPP: a policy that we do not
 * have; -XEN_EACCES: the frequency is not ours to raise; -XEN_EFAULT
 */
long power_statistics(struct xen_sysctl_get_pmstat *op);
long power_op(struct xen_sysctl_pm_op *op);

/*
 * Copy sets of CPUs or nodes as tools pass them. To the guest: @bits bits of @map, and the rest of
 * the tool's buffer is cleared. From the guest: what lies beyond @bits is ignored, what the tool
 * did not give reads as 0.
 * @return 0; -XEN_EFAULT
 */
long bitmap_to_guest(const struct xenctl_bitmap *dst, const unsigned long *map, unsigned int bits);
long bitmap_from_guest(unsigned long *map, const struct xenctl_bitmap *src, unsigned int bits);

#endif
