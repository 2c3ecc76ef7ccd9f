/* SPDX-License-Identifier: MIT */
/*
 * XEN_SYSCTL_lockprof_op: how often and how long CPUs have waited for locks (public/sysctl.h).
 *
 * Only a CPU that has to wait counts (spin_lock_wait()), in counters of its own: taking a lock that
 * is free costs nothing, and the counters are not shared by those that already fight for a lock.
 */
#include <control_impl.h>
#include <guest_access.h>
#include <percpu.h>
#include <timer.h>

static const char *const rank_names[LOCK_RANKS] = {
    [RANK_DOMCTL] = "DOMCTL",
    [RANK_HOTPLUG] = "HOTPLUG",
    [RANK_FIRMWARE] = "FIRMWARE",
    [RANK_PAUSE] = "PAUSE",
    [RANK_CONTEXT] = "CONTEXT",
    [RANK_DOMAIN_LIST] = "DOMAIN_LIST",
    [RANK_DOMAIN] = "DOMAIN",
    [RANK_GRANT] = "GRANT",
    [RANK_GRANT_MAP] = "GRANT_MAP",
    [RANK_PAGE_TABLES] = "PAGE_TABLES",
    [RANK_EVENT] = "EVENT",
    [RANK_PIRQ] = "PIRQ",
    [RANK_PCI] = "PCI",
    [RANK_WINDOW] = "WINDOW",
    [RANK_PAGE_LIST] = "PAGE_LIST",
    [RANK_RANGESET] = "RANGESET",
    [RANK_XALLOC] = "XALLOC",
    [RANK_HEAP] = "HEAP",
    [RANK_EVENT_GLOBAL] = "EVENT_GLOBAL",
    [RANK_EVENT_CHANNEL] = "EVENT_CHANNEL",
    [RANK_EVENT_QUEUE] = "EVENT_QUEUE",
    [RANK_SCHED] = "SCHED",
    [RANK_CAP] = "CAP",
    [RANK_TIMER] = "TIMER",
    [RANK_IRQ] = "IRQ",
    [RANK_DEVICE] = "DEVICE",
    [RANK_CONSOLE] = "CONSOLE",
};

static s_time_t counting_since;

/* Adds up what all CPUs have waited for locks of @rank. */
static void sum_waits(unsigned int rank, struct xen_sysctl_lockprof_data *data)
{
    *data = (struct xen_sysctl_lockprof_data){.type = LOCKPROF_TYPE_GLOBAL};
    snprintf(data->name, sizeof(data->name), "%s", rank_names[rank]);
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        const struct cpu *c = cpus[cpu];

        if (c) {
            data->block_cnt += READ_ONCE(c->lock_waits[rank].count);
            data->block_time += READ_ONCE(c->lock_waits[rank].ns);
        }
    }
}

static long query(struct xen_sysctl_lockprof_op *op)
{
    struct xen_sysctl_lockprof_data data;

    op->nr_elem = LOCK_RANKS - 1;
    op->time = (u64)(now() - counting_since);
    for (u32 i = 0; i < MIN(op->nr_elem, op->max_elem); i++) {
        sum_waits(i + 1, &data);
        if (put_guest_element(handle_addr(op->data), i, &data))
            return -XEN_EFAULT;
    }
    return 0;
}

static void reset(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++) {
        for (unsigned int rank = 0; cpus[cpu] && rank < LOCK_RANKS; rank++) {
            WRITE_ONCE(cpus[cpu]->lock_waits[rank].count, 0);
            WRITE_ONCE(cpus[cpu]->lock_waits[rank].ns, 0);
        }
    }
    counting_since = now();
}

long lock_profile_op(struct xen_sysctl_lockprof_op *op)
{
    switch (op->cmd) {
    case XEN_SYSCTL_LOCKPROF_query:
        return query(op);
    case XEN_SYSCTL_LOCKPROF_reset:
        reset();
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
