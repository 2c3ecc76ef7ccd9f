/* SPDX-License-Identifier: MIT */
/*
 * The part of the control library (tools/control.h) that asks the hypervisor what it measures:
 * waits for locks, and what domains' vCPUs were doing.
 */
#ifndef TOOLS_MEASURES_H
#define TOOLS_MEASURES_H

#include <platform.h>
#include <tools/error.h>

/*
 * Reads how often CPUs have waited for the hypervisor's locks. Fills @list with up to @max of them;
 * *@period is for how long (ns) they have been counted. @return how many, or -1 with the reason in
 * @e.
 */
int control_lock_profile(struct xen_sysctl_lockprof_data *list, unsigned int max, uint64_t *period,
                         struct error *e);

/*
 * Reads what the vCPUs of domains were doing: of up to @max domains from number @first on, in
 * order. @return how many, or -1 if the hypervisor does not tell, as Xen, or memory is short.
 */
int control_domain_times(domid_t first, struct bulkhead_domain_times *list, unsigned int max);

/*
 * Reads what the hypervisor takes of the machine's memory. @return 0, or -1 if it does not tell, as
 * Xen.
 */
int control_memory_use(struct bulkhead_sysctl_memory_use *use);

#endif
