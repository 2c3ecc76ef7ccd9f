/* SPDX-License-Identifier: MIT */
/*
 * The control operations on the state of a vCPU that only x86 has (arch/x86/vcpu_state.c). Locks:
 * RANK_DOMCTL is held.
 * @return 0; -XEN_ESRCH: there is no such vCPU; -XEN_EINVAL: it is the current one, or nonsense was
 * given; -XEN_EFAULT; -XEN_ENOMEM; -ERESTART: to be continued; and what is said below
 */
#ifndef ASM_VCPU_STATE_H
#define ASM_VCPU_STATE_H

#include <domain.h>
#include <public/domctl.h>

/* -XEN_ESRCH: also the current vCPU, for the second one any of the current domain. */
long domctl_get_ext_context(struct domain *d, struct xen_domctl_ext_vcpucontext *op);
long domctl_set_ext_context(struct domain *d, const struct xen_domctl_ext_vcpucontext *op);

/* -XEN_EOPNOTSUPP: an area in compacted format; -XEN_EIO: its header has reserved bits. */
long domctl_get_xstate(struct domain *d, struct xen_domctl_vcpuextstate *op);
long domctl_set_xstate(struct domain *d, const struct xen_domctl_vcpuextstate *op);

/*
 * -XEN_ENOBUFS: there are more than there is room for.
 * @changed: set when after an error op->msr_count says which element is wrong
 */
long domctl_get_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *op);
long domctl_set_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *op, bool *changed);

#endif
