/* SPDX-License-Identifier: MIT */
/* Where vCPUs run, and how much: see tools/scheduling.h. */
#include <string.h>

#include <public/errno.h>

#include <tools/control.h>
#include <tools/scheduling.h>

#include "call.h"

int control_vcpu_info(domid_t domid, unsigned int vcpu, struct xen_domctl_getvcpuinfo *info)
{
    struct xen_domctl op = {
        .cmd = XEN_DOMCTL_getvcpuinfo, .domain = domid, .u.getvcpuinfo.vcpu = vcpu};

    if (platform_domctl(&op) < 0)
        return -1;
    *info = op.u.getvcpuinfo;
    return 0;
}

/* ---- Affinity ---- */

static void pass_set(struct xenctl_bitmap *bitmap, struct cpu_set *set)
{
    bitmap->nr_bits = CPU_SET_CPUS;
    set_xen_guest_handle(bitmap->bitmap, (uint8_t *)set->words);
}

/* An operation on a vCPU's affinities, with the maps at @sets: the hard one and the soft one. */
static struct xen_domctl affinity_op(uint32_t cmd, domid_t domid, unsigned int vcpu,
                                     struct cpu_set sets[2])
{
    struct xen_domctl op = {
        .cmd = cmd,
        .domain = domid,
        .u.vcpuaffinity = {.vcpu = vcpu, .flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT},
    };

    pass_set(&op.u.vcpuaffinity.cpumap_hard, &sets[0]);
    pass_set(&op.u.vcpuaffinity.cpumap_soft, &sets[1]);
    return op;
}

int control_vcpu_affinity(domid_t domid, unsigned int vcpu, struct cpu_set *hard,
                          struct cpu_set *soft)
{
    struct cpu_set *sets = platform_buffer_alloc(2 * sizeof(*sets));
    struct xen_domctl op;
    long status;

    if (!sets)
        return -1;
    op = affinity_op(XEN_DOMCTL_getvcpuaffinity, domid, vcpu, sets);
    status = platform_domctl(&op);
    *hard = sets[0];
    *soft = sets[1];
    platform_buffer_free(sets, 2 * sizeof(*sets));
    return status < 0 ? -1 : 0;
}

static bool have_common(const struct cpu_set *a, const struct cpu_set *b)
{
    for (size_t i = 0; i < sizeof(a->words) / sizeof(a->words[0]); i++)
        if (a->words[i] & b->words[i])
            return true;
    return false;
}

static int explain_refusal(unsigned int vcpu, const struct cpu_set *hard, long status,
                           struct error *e)
{
    char text[CPU_LIST_TEXT_SIZE];

    if (status == -XEN_EINVAL && hard)
        return error_set(e, "vCPU %u: the machine has none of the CPUs %.80s", vcpu,
                         cpu_list_format(text, hard, CPU_SET_CPUS));
    if (status == -XEN_EBUSY)
        return error_set(e, "vCPU %u: its own kernel has pinned it for a while", vcpu);
    return error_set(e, "setting the affinity of vCPU %u: %s", vcpu, error_words((int)-status));
}

int control_pin_vcpu(domid_t domid, unsigned int vcpu, const struct cpu_set *hard,
                     const struct cpu_set *soft, bool force, bool *idle_soft, struct error *e)
{
    struct cpu_set *sets = platform_buffer_alloc(2 * sizeof(*sets));
    struct xen_domctl op;
    long status;

    if (!sets)
        return error_set(e, "not enough memory");
    op = affinity_op(XEN_DOMCTL_setvcpuaffinity, domid, vcpu, sets);
    if (hard)
        sets[0] = *hard;
    else
        op.u.vcpuaffinity.flags &= ~XEN_VCPUAFFINITY_HARD;
    if (soft)
        sets[1] = *soft;
    else
        op.u.vcpuaffinity.flags &= ~XEN_VCPUAFFINITY_SOFT;
    if (force)
        op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_FORCE;
    status = platform_domctl(&op);
    /* What is in force has come back: of the soft affinity, what the hard one leaves of it. */
    *idle_soft = status >= 0 && soft && !have_common(&sets[1], soft);
    platform_buffer_free(sets, 2 * sizeof(*sets));
    return status < 0 ? explain_refusal(vcpu, hard, status, e) : 0;
}

/* ---- Shares ---- */

static struct xen_domctl share_op(domid_t domid, uint32_t cmd)
{
    return (struct xen_domctl){
        .cmd = XEN_DOMCTL_scheduler_op,
        .domain = domid,
        .u.scheduler_op = {.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = cmd},
    };
}

int control_get_share(domid_t domid, struct cpu_share *share, struct error *e)
{
    struct xen_domctl op = share_op(domid, XEN_DOMCTL_SCHEDOP_getinfo);

    if (control_call(&op, "asking for the domain's weight", e))
        return -1;
    share->weight = op.u.scheduler_op.u.credit2.weight;
    share->cap = op.u.scheduler_op.u.credit2.cap;
    return 0;
}

int control_change_share(domid_t domid, const unsigned int *weight, const unsigned int *cap,
                         struct cpu_share *share, struct error *e)
{
    struct xen_domctl op = share_op(domid, XEN_DOMCTL_SCHEDOP_putinfo);

    if (control_get_share(domid, share, e))
        return -1;
    if (weight)
        share->weight = (uint16_t)*weight;
    if (cap)
        share->cap = (uint16_t)*cap;
    op.u.scheduler_op.u.credit2.weight = share->weight;
    op.u.scheduler_op.u.credit2.cap = share->cap;
    return control_call(&op, "setting the domain's weight and cap", e);
}

/* ---- Pools and the scheduler ---- */

static int ratelimit_call(struct xen_sysctl *op, const char *what, struct error *e)
{
    long status = platform_sysctl(op);

    return status < 0 ? error_set(e, "%s: %s", what, error_words((int)-status)) : 0;
}

static struct xen_sysctl ratelimit_op(uint32_t pool, uint32_t cmd)
{
    return (struct xen_sysctl){
        .cmd = XEN_SYSCTL_scheduler_op,
        .u.scheduler_op = {.cpupool_id = pool, .sched_id = XEN_SCHEDULER_CREDIT2, .cmd = cmd},
    };
}

int control_get_ratelimit(uint32_t pool, uint32_t *us, struct error *e)
{
    struct xen_sysctl op = ratelimit_op(pool, XEN_SYSCTL_SCHEDOP_getinfo);

    if (ratelimit_call(&op, "asking for the rate limit", e))
        return -1;
    *us = op.u.scheduler_op.u.sched_credit2.ratelimit_us;
    return 0;
}

int control_set_ratelimit(uint32_t pool, uint32_t us, struct error *e)
{
    struct xen_sysctl op = ratelimit_op(pool, XEN_SYSCTL_SCHEDOP_putinfo);

    op.u.scheduler_op.u.sched_credit2.ratelimit_us = us;
    return ratelimit_call(&op, "setting the rate limit", e);
}

int control_next_pool(uint32_t first, struct cpu_pool *pool, struct error *e)
{
    struct cpu_set *cpus = platform_buffer_alloc(sizeof(*cpus));
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cpupool_op,
        .u.cpupool_op = {.op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = first},
    };
    long status;

    if (!cpus)
        return error_set(e, "not enough memory");
    pass_set(&op.u.cpupool_op.cpumap, cpus);
    status = platform_sysctl(&op);
    *pool = (struct cpu_pool){
        .number = op.u.cpupool_op.cpupool_id,
        .scheduler = op.u.cpupool_op.sched_id,
        .domains = op.u.cpupool_op.n_dom,
        .cpus = *cpus,
    };
    platform_buffer_free(cpus, sizeof(*cpus));
    if (status == -XEN_ENOENT)
        return 0;
    return status < 0 ? error_set(e, "listing CPU pools: %s", error_words((int)-status)) : 1;
}

/* ---- CPUs ---- */

int control_use_cpu(unsigned int cpu, bool use, struct error *e)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cpu_hotplug,
        .u.cpu_hotplug = {.cpu = cpu,
                          .op = use ? XEN_SYSCTL_CPU_HOTPLUG_ONLINE
                                    : XEN_SYSCTL_CPU_HOTPLUG_OFFLINE},
    };
    long status = platform_sysctl(&op);

    if (status >= 0)
        return 0;
    if (status == -XEN_EEXIST)
        return error_set(e, "CPU %u is %s already", cpu, use ? "online" : "offline");
    if (status == -XEN_EINVAL && cpu == 0)
        return error_set(e, "CPU 0 is always in use");
    if (status == -XEN_EINVAL)
        return error_set(e, "the machine has no CPU %u", cpu);
    return error_set(e, "CPU %u: %s", cpu, error_words((int)-status));
}

const char *control_scheduler_name(uint32_t scheduler)
{
    static const char *const names[] = {
        [XEN_SCHEDULER_CREDIT] = "credit",     [XEN_SCHEDULER_CREDIT2] = "credit2",
        [XEN_SCHEDULER_ARINC653] = "arinc653", [XEN_SCHEDULER_RTDS] = "rtds",
        [XEN_SCHEDULER_NULL] = "null",
    };

    return scheduler < sizeof(names) / sizeof(names[0]) && names[scheduler] ? names[scheduler]
                                                                            : "unknown";
}

const char *control_scheduler(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_sched_id};

    return control_scheduler_name(platform_sysctl(&op) < 0 ? 0 : op.u.sched_id.sched_id);
}
