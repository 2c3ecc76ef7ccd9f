/* SPDX-License-Identifier: MIT */
/* CPUID as toolstacks read and limit it: the policies of the machine and of domains. */
#ifndef ASM_CPU_POLICY_H
#define ASM_CPU_POLICY_H

#include <types.h>

struct cpu_policy;
struct cpuid;
struct domain;
struct xen_domctl;
struct xen_sysctl_cpu_policy;
struct xen_sysctl_cpu_featureset;

/* Limits @out, one leaf as the domain could have it at most, to what @p leaves of it. */
void cpu_policy_limit(const struct cpu_policy *p, u32 leaf, u32 subleaf, struct cpuid *out);

/*
 * The operations, with errors as on Xen.
 * @return 0; -XEN_ENOBUFS: too little room; -XEN_ERANGE: unknown leaf or MSR; -XEN_EINVAL: more
 * than there is; -XEN_EFAULT
 */
long cpu_policy_sysctl(struct xen_sysctl_cpu_policy *op);
long cpu_policy_featureset(struct xen_sysctl_cpu_featureset *op);
long cpu_policy_get(const struct domain *d, struct xen_domctl *op);
/*
 * Limits the policy of @d. After some errors the caller finds in its structure (@u_domctl) what was
 * wrong.
 * @return as above; -XEN_EEXIST: @d has run already
 */
long cpu_policy_set(struct domain *d, struct xen_domctl *op, unsigned long u_domctl);

#endif
