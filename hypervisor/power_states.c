/* SPDX-License-Identifier: MIT */
/*
 * What tools ask about the power states of CPUs (public/sysctl.h).
 *
 * An idle CPU halts (C1), and frequencies are the firmware's affair. So there are two states, C0
 * and C1, and the times are those of being busy and idle; how often a CPU halts nobody counts. That
 * is what Xen says where dom0 has told it of no other states.
 */
#include <arch.h>
#include <control_impl.h>
#include <guest_access.h>
#include <percpu.h>
#include <sched.h>

#define STATES 2U /* C0, C1 */

static bool is_online(u32 cpu)
{
    return cpu < nr_cpus && cpumask_test(&cpu_online, cpu);
}

/* @return 0; -XEN_EFAULT */
static long idle_states(u32 cpu, struct pm_cx_stat *stat)
{
    const u64 idle = vcpu_cpu_time(cpus[cpu]->rq.idle);
    const u64 triggers[STATES] = {1, 1}, residencies[STATES] = {(u64)now() - idle, idle};
    size_t bytes = MIN(stat->nr, STATES) * sizeof(u64);

    if (copy_to_guest(handle_addr(stat->triggers), triggers, bytes) ||
        copy_to_guest(handle_addr(stat->residencies), residencies, bytes))
        return -XEN_EFAULT;
    stat->nr = STATES;
    stat->last = 0;
    stat->idle_time = idle;
    stat->nr_pc = stat->nr_cc = 0;
    return 0;
}

long power_statistics(struct xen_sysctl_get_pmstat *op)
{
    if (!is_online(op->cpuid))
        return -XEN_EINVAL;
    if ((op->type & PMSTAT_CATEGORY_MASK) != PMSTAT_CX)
        return -XEN_ENODEV;
    switch (op->type) {
    case PMSTAT_get_max_cx:
        op->u.getcx.nr = STATES;
        return 0;
    case PMSTAT_get_cxstat:
        return idle_states(op->cpuid, &op->u.getcx);
    case PMSTAT_reset_cxstat: /* nothing is counted */
        return 0;
    default:
        return -XEN_ENOSYS;
    }
}

/* The deepest state that an idle CPU may enter, and the deepest variant of that. */
static u32 deepest[2] = {1, XEN_SYSCTL_CX_UNLIMITED};

static long limit_states(struct xen_sysctl_pm_op *op)
{
    if (op->cpuid >= ARRAY_SIZE(deepest))
        return -XEN_EINVAL;
    if (op->cmd == XEN_SYSCTL_pm_op_get_max_cstate) {
        op->u.get_max_cstate = deepest[op->cpuid];
        return 0;
    }
    if (op->cpuid == 0 && op->u.set_max_cstate == 0)
        return -XEN_EOPNOTSUPP; /* an idle CPU halts */
    deepest[op->cpuid] = op->u.set_max_cstate;
    return 0;
}

long power_op(struct xen_sysctl_pm_op *op)
{
    if (op->cmd == XEN_SYSCTL_pm_op_get_max_cstate || op->cmd == XEN_SYSCTL_pm_op_set_max_cstate)
        return limit_states(op);
    if (!is_online(op->cpuid) || (op->cmd & PM_PARA_CATEGORY_MASK) == CPUFREQ_PARA)
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_SYSCTL_pm_op_set_sched_opt_smt:
        if (op->u.set_sched_opt_smt)
            return -XEN_EOPNOTSUPP; /* vCPUs are spread over cores */
        return 0;
    case XEN_SYSCTL_pm_op_enable_turbo:
    case XEN_SYSCTL_pm_op_disable_turbo:
        return -XEN_EACCES;
    default:
        return -XEN_ENOSYS;
    }
}
