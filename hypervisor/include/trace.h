/* SPDX-License-Identifier: MIT */
/*
 * Traces: what the hypervisor notes of its own work in a ring for each CPU, which dom0 reads
 * (public/trace.h). While they are off, a point of the code that is traced costs one test of a
 * word, and hypercalls cost nothing: only while they are on do CPUs enter by other ways
 * (arch_trace_switch()).
 */
#ifndef BULKHEAD_TRACE_H
#define BULKHEAD_TRACE_H

#include <public/trace.h>

#include "domain.h"

struct xen_sysctl_tbuf_op;

/* Are records written? */
extern u32 trace_on;

static inline bool tracing(void)
{
    return unlikely(READ_ONCE(trace_on));
}

/*
 * Writes a record with @words words of @data and the time, if traces are on and @event and this CPU
 * are among those that dom0 wants. Any context but NMIs and machine checks.
 */
void trace_record(u32 event, const void *data, unsigned int words);

/*
 * The records of vCPUs and domains (public/trace.h). They are out of line, so that the callers save
 * no registers for them.
 */
void trace_vcpu_record(u32 event, const struct vcpu *v);
void trace_domain_record(u32 event, const struct domain *d);
void trace_shutdown_record(u32 event, u32 reason);
void trace_runstate_record(const struct vcpu *v, int state);

static inline void trace_vcpu(u32 event, const struct vcpu *v)
{
    if (tracing())
        trace_vcpu_record(event, v);
}

static inline void trace_domain(u32 event, const struct domain *d)
{
    if (tracing())
        trace_domain_record(event, d);
}

/* The current vCPU shuts its domain down, or says with which reason it will. */
static inline void trace_shutdown(u32 event, u32 reason)
{
    if (tracing())
        trace_shutdown_record(event, reason);
}

/* @v is about to get the run state @state. */
static inline void trace_runstate(const struct vcpu *v, int state)
{
    if (tracing())
        trace_runstate_record(v, state);
}

/* The hypercall @op with its first @args, or an element of a multicall, as @event says. */
#define TRACE_HYPERCALL_ARGS 3U /* more are in no record */
void trace_hypercall(u32 event, unsigned long op, const unsigned long *args);
/* do_multicall() with a record for each element that is called. (multicall.c) */
long do_multicall_traced(unsigned long call_list, unsigned int nr_calls);

/*
 * XEN_SYSCTL_tbuf_op: set_cpu_mask, for which sysctl.c has read the mask, and all others. Locks:
 * that of sysctl is held.
 * @return 0; -XEN_EINVAL: no such command, or a size that cannot be (any more); -XEN_EBUSY: the
 * rings are there; -XEN_ENOMEM; -ERESTART: to be called again
 */
void trace_set_cpus(const cpumask_t *mask);
long trace_op(struct xen_sysctl_tbuf_op *op);

/* SOFTIRQ_TRACE: tells dom0 of a full ring; this CPU follows trace_on. */
void trace_softirq(void);

/* ---- the architecture's ---- */

/* @return this CPU's counter of cycles */
u64 arch_timestamp(void);
/*
 * Makes guests enter this CPU by the ways that trace hypercalls, or by those that do not.
 * Interrupts are on.
 */
void arch_trace_switch(bool on);

#endif
