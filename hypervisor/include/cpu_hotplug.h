/* SPDX-License-Identifier: MIT */
/* Physical CPUs that dom0 takes out of use and back. */
#ifndef BULKHEAD_CPU_HOTPLUG_H
#define BULKHEAD_CPU_HOTPLUG_H

#include "types.h"

/*
 * A hypercall: takes @cpu into @use, or out of it, and tells dom0 (VIRQ_PCPU_STATE).
 * @return -XEN_EINVAL: there is no such CPU, or CPU 0 is to go; -XEN_EEXIST: it is so already;
 * -ERESTART: preempted, to be called again
 */
int cpu_set_use(unsigned int cpu, bool use);
/* Idle loop: this CPU, whose state is not CPU_UP, does what it is to do. */
void cpu_hotplug_step(void);

#endif
