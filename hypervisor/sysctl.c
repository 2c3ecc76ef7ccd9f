/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_sysctl: the control and description of the machine as a whole (public/sysctl.h).
 *
 * As with domctl, the interface version is checked before the caller's right. There is one memory
 * node and one CPU pool, both number 0.
 */
#include <arch.h>
#include <console.h>
#include <control_impl.h>
#include <cpu_hotplug.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>
#include <public/sysctl.h>
#include <sched.h>
#include <trace.h>

static spinlock_t sysctl_lock = SPINLOCK_INIT(RANK_DOMCTL);

/*
 * Calls @show for each domain from number @next on, until the tool's @buffer is full: the next call
 * begins at the first number that was not listed. @show puts the domain's element @n there.
 * @return 0; -XEN_EFAULT, as @show
 */
static long list_domains(domid_t next, u32 max, unsigned long buffer, u32 *listed,
                         long (*show)(struct domain *d, unsigned long buffer, u32 n))
{
    u32 n = 0;
    long rc;

    while (n < max && next < DOMID_FIRST_RESERVED) {
        struct domain *d = get_next_domain(next);

        if (!d)
            break;
        next = (domid_t)(d->id + 1);
        rc = show(d, buffer, n);
        put_domain(d);
        if (rc)
            return rc;
        n++;
    }
    *listed = n;
    return 0;
}

static long show_info(struct domain *d, unsigned long buffer, u32 n)
{
    struct xen_domctl_getdomaininfo info;

    domain_get_info(d, &info);
    return put_guest_element(buffer, n, &info) ? -XEN_EFAULT : 0;
}

/* Adds what one vCPU was, up to now, to the times of its domain. */
static void add_times(const struct vcpu *v, u64 time[])
{
    struct vcpu_runstate_info r;
    u64 down;

    vcpu_runstate_get(v, &r);
    down = v->down_ns + (test_bit(&v->pause_flags, VPF_DOWN) ? (u64)now() : 0);
    /* It leaves its CPU a little after it went down. */
    r.time[RUNSTATE_offline] -= MIN(down, r.time[RUNSTATE_offline]);
    for (unsigned int i = 0; i < ARRAY_SIZE(r.time); i++)
        time[i] += r.time[i];
}

static long show_times(struct domain *d, unsigned long buffer, u32 n)
{
    struct bulkhead_domain_times times = {.domain = d->id};
    struct vcpu *v;

    spin_lock(&d->lock); /* nobody goes down meanwhile */
    for_each_vcpu (d, v)
        add_times(v, times.time);
    spin_unlock(&d->lock);
    return put_guest_element(buffer, n, &times) ? -XEN_EFAULT : 0;
}

static long cpu_info(struct xen_sysctl_getcpuinfo *op)
{
    unsigned int n = MIN(op->max_cpus, nr_cpus);

    for (unsigned int i = 0; i < n; i++) {
        struct xen_sysctl_cpuinfo info = {0};

        if (cpumask_test(&cpu_online, i))
            info.idletime = vcpu_cpu_time(cpus[i]->rq.idle);
        if (put_guest_element(handle_addr(op->info), i, &info))
            return -XEN_EFAULT;
    }
    op->nr_cpus = n;
    return 0;
}

static long avail_heap(struct xen_sysctl_availheap *op)
{
    unsigned long below = op->max_bitwidth ? heap_free_pages_below(op->max_bitwidth)
                                           : heap_free_pages();
    unsigned long low = op->min_bitwidth ? heap_free_pages_below(op->min_bitwidth) : 0;

    op->avail_bytes = op->node > 0 || low > below ? 0 : (below - low) << PAGE_SHIFT;
    return 0;
}

/* @return how many frames domains own */
static unsigned long domains_pages(void)
{
    unsigned long pages = 0;
    struct domain *d;

    for (domid_t id = 0; (d = get_next_domain(id)) != NULL;) {
        id = (domid_t)(d->id + 1);
        pages += READ_ONCE(d->tot_pages);
        put_domain(d);
    }
    return pages;
}

static long memory_use(struct bulkhead_sysctl_memory_use *use)
{
    unsigned long others = arch_memory_use(use) + (domains_pages() << PAGE_SHIFT);
    unsigned long used = (heap_total_pages() - heap_free_pages()) << PAGE_SHIFT;

    /* A domain owns frames a moment before they are taken. */
    use->domains = used - MIN(used, others);
    return 0;
}

static long cpupool(struct xen_sysctl_cpupool_op *op)
{
    static const cpumask_t none;

    switch (op->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO: {
        struct domain *d;

        if (op->cpupool_id != 0 && op->cpupool_id != XEN_SYSCTL_CPUPOOL_PAR_ANY)
            return -XEN_ENOENT;
        op->cpupool_id = 0;
        op->sched_id = XEN_SCHEDULER_CREDIT2;
        op->n_dom = 0;
        for (domid_t id = 0; (d = get_next_domain(id)) != NULL; op->n_dom++) {
            id = (domid_t)(d->id + 1);
            put_domain(d);
        }
        return bitmap_to_guest(&op->cpumap, cpu_online.bits, nr_cpus);
    }
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return bitmap_to_guest(&op->cpumap, none.bits, nr_cpus);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_ENOSYS;
    }
}

static long scheduler(struct xen_sysctl_scheduler_op *op)
{
    u32 *ratelimit = &op->u.sched_credit2.ratelimit_us;

    if (op->cmd != XEN_SYSCTL_SCHEDOP_getinfo && op->cmd != XEN_SYSCTL_SCHEDOP_putinfo)
        return -XEN_EINVAL;
    if (op->cpupool_id != 0)
        return -XEN_ESRCH;
    if (op->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (*ratelimit && (*ratelimit < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
                           *ratelimit > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
            return -XEN_EINVAL;
        WRITE_ONCE(sched_rate_limit, MICROSECS(*ratelimit));
    }
    *ratelimit = (u32)(READ_ONCE(sched_rate_limit) / MICROSECS(1));
    return 0;
}

static long cpu_hotplug(const struct xen_sysctl_cpu_hotplug *op)
{
    switch (op->op) {
    case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
        return cpu_set_use(op->cpu, true);
    case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
        return cpu_set_use(op->cpu, false);
    default: /* all second threads at once: the caller names them one by one instead */
        return -XEN_EOPNOTSUPP;
    }
}

static long trace_buffers(struct xen_sysctl_tbuf_op *op)
{
    cpumask_t mask;
    long rc;

    if (op->cmd != XEN_SYSCTL_TBUFOP_set_cpu_mask)
        return trace_op(op);
    rc = bitmap_from_guest(mask.bits, &op->cpu_mask, nr_cpus);
    if (!rc)
        trace_set_cpus(&mask);
    return rc;
}

#define MAX_LIVEPATCHES 1024U /* that can be asked for at once */

/* We take no patches, so the list of them is empty. */
static long livepatch(struct xen_sysctl_livepatch_op *op)
{
    struct xen_sysctl_livepatch_list *list = &op->u.list;

    if (op->pad)
        return -XEN_EINVAL;
    if (op->cmd != XEN_SYSCTL_LIVEPATCH_LIST)
        return -XEN_EOPNOTSUPP;
    if (list->nr > MAX_LIVEPATCHES)
        return -XEN_E2BIG;
    if (list->pad)
        return -XEN_EINVAL;
    list->version = 1;
    list->nr = list->name_total_size = list->metadata_total_size = 0;
    return 0;
}

/* It can be preempted after any key: what is left is in @op, for the next call. */
static long debug_keys(struct xen_sysctl *op, unsigned long u_sysctl)
{
    struct xen_sysctl_debug_keys *keys = &op->u.debug_keys;
    char key;

    while (keys->nr_keys) {
        if (get_guest(&key, handle_addr(keys->keys)))
            return -XEN_EFAULT;
        debug_key(key);
        keys->keys.p++;
        if (--keys->nr_keys && hypercall_preempt_check())
            return put_guest(u_sysctl, op) ? -XEN_EFAULT : -ERESTART;
    }
    return 0;
}

/* ---- dispatch ---- */

static long machine_op(struct xen_sysctl *op, unsigned long u_sysctl, bool *copyback)
{
    *copyback = true;
    switch (op->cmd) {
    case XEN_SYSCTL_readconsole:
        return console_read_ring(&op->u.readconsole);
    case XEN_SYSCTL_tbuf_op:
        return trace_buffers(&op->u.tbuf_op);
    case XEN_SYSCTL_sched_id:
        op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
        return 0;
    case XEN_SYSCTL_getdomaininfolist:
        return list_domains(op->u.getdomaininfolist.first_domain,
                            op->u.getdomaininfolist.max_domains,
                            handle_addr(op->u.getdomaininfolist.buffer),
                            &op->u.getdomaininfolist.num_domains, show_info);
    case BULKHEAD_SYSCTL_domain_times:
        return list_domains(op->u.domain_times.first_domain, op->u.domain_times.max_domains,
                            handle_addr(op->u.domain_times.buffer), &op->u.domain_times.num_domains,
                            show_times);
    case BULKHEAD_SYSCTL_memory_use:
        return memory_use(&op->u.memory_use);
    case XEN_SYSCTL_debug_keys:
        *copyback = false;
        return debug_keys(op, u_sysctl);
    case XEN_SYSCTL_getcpuinfo:
        return cpu_info(&op->u.getcpuinfo);
    case XEN_SYSCTL_availheap:
        return avail_heap(&op->u.availheap);
    case XEN_SYSCTL_cpupool_op:
        return cpupool(&op->u.cpupool_op);
    case XEN_SYSCTL_scheduler_op:
        return scheduler(&op->u.scheduler_op);
    case XEN_SYSCTL_get_pmstat:
        return power_statistics(&op->u.get_pmstat);
    case XEN_SYSCTL_pm_op:
        return power_op(&op->u.pm_op);
    case XEN_SYSCTL_cpu_hotplug:
        *copyback = false;
        return cpu_hotplug(&op->u.cpu_hotplug);
    case XEN_SYSCTL_livepatch_op:
        return livepatch(&op->u.livepatch);
    case XEN_SYSCTL_coverage_op: /* not such a build */
        return -XEN_EOPNOTSUPP;
    case XEN_SYSCTL_lockprof_op:
        return lock_profile_op(&op->u.lockprof_op);
    default:
        *copyback = false;
        return arch_sysctl(op, u_sysctl, copyback);
    }
}

long do_sysctl(unsigned long u_sysctl)
{
    bool copyback = false;
    struct xen_sysctl op;
    long rc;

    if (get_guest(&op, u_sysctl))
        return -XEN_EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -XEN_EACCES;
    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (!spin_trylock(&sysctl_lock)) {
        rc = -ERESTART;
    } else {
        rc = machine_op(&op, u_sysctl, &copyback);
        spin_unlock(&sysctl_lock);
    }
    if (rc == -ERESTART)
        return hypercall_continue(__HYPERVISOR_sysctl, 1, u_sysctl);
    if (rc == 0 && copyback && put_guest(u_sysctl, &op))
        rc = -XEN_EFAULT;
    return rc;
}
