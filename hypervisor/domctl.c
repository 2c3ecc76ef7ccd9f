/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_domctl: the control of domains (public/domctl.h): their life, limits and permissions.
 *
 * One control operation runs at a time. The interface version is checked first, then the domain,
 * then the caller's right, so each kind of wrong call gets the error that Xen gives it. Long
 * operations are continued with unchanged arguments: the domain itself remembers how far they came.
 */
#include <arch.h>
#include <control_impl.h>
#include <domain_table.h>
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <sched.h>

static spinlock_t control_lock = SPINLOCK_INIT(RANK_DOMCTL);

#define IO_PORTS 0x10000U

/* ---- life ---- */

/* Creation flags that a PV domain without devices of its own may have. */
#define CREATE_FLAGS \
    (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain)

static int check_config(const struct xen_domctl_createdomain *config)
{
    unsigned int grant_version = config->grant_opts & XEN_DOMCTL_GRANT_version_mask;

    if (config->flags & ~CREATE_FLAGS || config->iommu_opts || config->vmtrace_size)
        return -XEN_EINVAL;
    if (config->grant_opts & ~(u32)XEN_DOMCTL_GRANT_version_mask || grant_version != 1)
        return -XEN_EINVAL;
    return arch_domain_config_check(&config->arch);
}

static bool id_is_free(domid_t id)
{
    struct domain *d = get_domain_by_id(id);

    if (d)
        put_domain(d);
    return !d;
}

/*
 * Chooses a domain id. Ids are given out in turn, so that one is not used again soon.
 * @return 0: none is left
 */
static domid_t choose_id(void)
{
    static domid_t last;

    for (unsigned int i = 1; i < DOMID_FIRST_RESERVED; i++) {
        last = last + 1U < DOMID_FIRST_RESERVED ? (domid_t)(last + 1) : 1;
        if (id_is_free(last))
            return last;
    }
    return 0;
}

static long create_domain(struct xen_domctl *op)
{
    domid_t id = op->domain;
    struct domain *d;
    int rc;

    if (id == 0 || id >= DOMID_FIRST_RESERVED) {
        id = choose_id();
        if (id == 0)
            return -XEN_ENOMEM;
    } else if (!id_is_free(id)) {
        return -XEN_EEXIST;
    }
    rc = check_config(&op->u.createdomain);
    if (rc)
        return rc;
    if (op->u.createdomain.cpupool_id != 0)
        return -XEN_ESRCH;
    rc = domain_create(id, &op->u.createdomain, false, &d);
    if (rc)
        return rc;
    op->domain = id;
    return 0;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    const struct shared_info *shared = READ_ONCE(d->shared_info);
    u32 flags = XEN_DOMINF_blocked;
    struct vcpu *v;

    *info = (struct xen_domctl_getdomaininfo){.domain = d->id,
                                              .max_vcpu_id = XEN_INVALID_MAX_VCPU_ID};
    for_each_vcpu (d, v) {
        info->cpu_time += vcpu_cpu_time(v);
        info->max_vcpu_id = v->id;
        if (test_bit(&v->pause_flags, VPF_DOWN))
            continue;
        info->nr_online_vcpus++;
        if (!test_bit(&v->pause_flags, VPF_BLOCKED))
            flags &= ~XEN_DOMINF_blocked;
        if (READ_ONCE(v->is_running))
            flags |= XEN_DOMINF_running;
    }
    if (info->nr_online_vcpus == 0)
        flags = 0;
    if (READ_ONCE(d->dying) == DOMAIN_DEAD)
        flags |= XEN_DOMINF_dying;
    if (d->is_shut_down)
        flags |= XEN_DOMINF_shutdown;
    if (READ_ONCE(d->controller_pause_count) > 0)
        flags |= XEN_DOMINF_paused;
    if (d->debugger_attached)
        flags |= XEN_DOMINF_debugged;
    if (d->create_flags & XEN_DOMCTL_CDF_xs_domain)
        flags |= XEN_DOMINF_xs_domain;
    info->flags = flags | d->shutdown_code << XEN_DOMINF_shutdownshift;

    info->tot_pages = READ_ONCE(d->tot_pages);
    info->max_pages = READ_ONCE(d->max_pages);
    info->outstanding_pages = READ_ONCE(d->claimed_pages);
    info->shared_info_frame = shared ? virt_to_mfn(shared).n : ~0UL;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->gpaddr_bits = (u8)(order_from_pages(max_page) + PAGE_SHIFT);
}

static long get_info(struct xen_domctl *op)
{
    struct domain *d;

    if (op->domain >= DOMID_FIRST_RESERVED)
        return -XEN_EINVAL;
    d = get_next_domain(op->domain);
    if (!d)
        return -XEN_ESRCH;
    domain_get_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    put_domain(d);
    return 0;
}

/* Not bound to a version of the interface: this is a call of later ones, which keep it as it is. */
static long get_domain_state(struct xen_domctl *op)
{
    struct xen_domctl_get_domain_state *info = &op->u.get_domain_state;
    bool any = op->domain == DOMID_INVALID;
    struct domain *d;

    if (info->pad0 || info->pad1)
        return -XEN_EINVAL;
    if (any && !domain_take_changed(&op->domain))
        return -XEN_ENOENT;
    *info = (struct xen_domctl_get_domain_state){.state = 0};
    d = op->domain < DOMID_FIRST_RESERVED ? get_domain_by_id(op->domain) : NULL;
    if (!d)
        return any ? 0 : -XEN_ESRCH;
    info->state = XEN_DOMCTL_GETDOMSTATE_STATE_EXIST;
    if (d->is_shut_down)
        info->state |= XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN;
    if (READ_ONCE(d->dying) != DOMAIN_ALIVE)
        info->state |= XEN_DOMCTL_GETDOMSTATE_STATE_DYING;
    if (READ_ONCE(d->dying) == DOMAIN_DEAD)
        info->state |= XEN_DOMCTL_GETDOMSTATE_STATE_DEAD;
    info->unique_id = d->unique_id;
    put_domain(d);
    return 0;
}

static long set_debugging(struct domain *d, bool enable)
{
    if (d == current->domain)
        return -XEN_EINVAL;
    domain_pause(d);
    d->debugger_attached = enable;
    domain_unpause(d);
    return 0;
}

/* ---- memory ---- */

static long set_max_mem(struct domain *d, u64 kib)
{
    /* A limit below what the domain has is allowed: the domain cannot grow until it has shrunk. */
    spin_lock(&d->page_lock);
    d->max_pages = MIN(kib >> (PAGE_SHIFT - 10), (u64)(~0U >> 1));
    spin_unlock(&d->page_lock);
    return 0;
}

/* There is one memory node, which the map has to contain. */
static long set_node_affinity(const struct xen_domctl_nodeaffinity *op)
{
    cpumask_t nodes;
    long rc = bitmap_from_guest(nodes.bits, &op->nodemap, NR_CPUS);

    if (rc)
        return rc;
    return cpumask_test(&nodes, 0) ? 0 : -XEN_EINVAL;
}

static long get_node_affinity(const struct xen_domctl_nodeaffinity *op)
{
    const cpumask_t nodes = {.bits = {1}};

    return bitmap_to_guest(&op->nodemap, nodes.bits, 1);
}

/* ---- devices: a domain can pass on what it has itself ---- */

static long set_permission(struct rangeset *mine, struct rangeset *theirs, unsigned long first,
                           unsigned long last, bool allow)
{
    if (!rangeset_contains(mine, first, last))
        return -XEN_EPERM;
    return allow ? rangeset_add(theirs, first, last) : rangeset_remove(theirs, first, last);
}

static long irq_permission(struct domain *d, const struct xen_domctl_irq_permission *op)
{
    if (op->pirq >= current->domain->nr_pirqs)
        return -XEN_EINVAL;
    return set_permission(current->domain->irqs, d->irqs, op->pirq, op->pirq, op->allow_access);
}

static long iomem_permission(struct domain *d, const struct xen_domctl_iomem_permission *op)
{
    u64 last = op->first_mfn + op->nr_mfns - 1;

    if (last < op->first_mfn)
        return -XEN_EINVAL;
    return set_permission(current->domain->iomem, d->iomem, op->first_mfn, last, op->allow_access);
}

static long ioport_permission(struct domain *d, const struct xen_domctl_ioport_permission *op)
{
    u32 end = op->first_port + op->nr_ports;

    if (end <= op->first_port || end > IO_PORTS)
        return -XEN_EINVAL;
    return set_permission(current->domain->ioports, d->ioports, op->first_port, end - 1,
                          op->allow_access);
}

/*
 * A PV domain maps device memory itself once it has the permission, so only the permission is
 * checked here.
 */
static long memory_mapping(struct domain *d, const struct xen_domctl_memory_mapping *op)
{
    u64 last = op->first_mfn + op->nr_mfns - 1;

    if (last < op->first_mfn || last >> (52 - PAGE_SHIFT) ||
        op->first_gfn + op->nr_mfns - 1 < op->first_gfn)
        return -XEN_EINVAL;
    if (!rangeset_contains(current->domain->iomem, op->first_mfn, last) ||
        !rangeset_contains(d->iomem, op->first_mfn, last))
        return -XEN_EPERM;
    return 0;
}

/* ---- dispatch ---- */

static long set_target(struct domain *d, domid_t id)
{
    struct domain *target = get_domain_by_id(id);

    if (!target)
        return -XEN_ESRCH;
    put_domain(target);
    /* Only domains with hardware virtualisation have a device model. */
    return target == d ? -XEN_EINVAL : -XEN_EOPNOTSUPP;
}

/* A part of destroying @d, after which the caller decides when to go on. */
static long destroy_step(struct domain *d)
{
    int rc = d == current->domain ? -XEN_EINVAL : domain_kill(d);

    return rc == -ERESTART ? -XEN_EAGAIN : rc;
}

/* Serves the operations on one domain, @d. */
static long domain_op(struct domain *d, struct xen_domctl *op, unsigned long u_domctl,
                      bool *copyback)
{
    switch (op->cmd) {
    case XEN_DOMCTL_destroydomain:
        return d == current->domain ? -XEN_EINVAL : domain_kill(d);
    case BULKHEAD_DOMCTL_destroy_step:
        return destroy_step(d);
    case XEN_DOMCTL_pausedomain:
        return domain_pause_by_controller(d);
    case XEN_DOMCTL_unpausedomain:
        return domain_unpause_by_controller(d);
    case XEN_DOMCTL_resumedomain:
        if (d == current->domain)
            return -XEN_EINVAL;
        domain_resume(d);
        return 0;
    case XEN_DOMCTL_getdomaininfo:
        domain_get_info(d, &op->u.getdomaininfo);
        *copyback = true;
        return 0;
    case XEN_DOMCTL_setdomainhandle:
        memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
        return 0;
    case XEN_DOMCTL_setdebugging:
        return set_debugging(d, op->u.setdebugging.enable);
    case XEN_DOMCTL_set_target:
        return set_target(d, op->u.set_target.target);
    case XEN_DOMCTL_subscribe:
        d->suspend_port = op->u.subscribe.port;
        return 0;
    case XEN_DOMCTL_set_virq_handler:
        return set_global_virq_handler(d, op->u.set_virq_handler.virq);
    case XEN_DOMCTL_settimeoffset:
        d->time_offset_seconds = op->u.settimeoffset.time_offset_seconds;
        arch_update_wallclock(d);
        return 0;

    case XEN_DOMCTL_max_mem:
        return set_max_mem(d, op->u.max_mem.max_memkb);
    case XEN_DOMCTL_setnodeaffinity:
        return set_node_affinity(&op->u.nodeaffinity);
    case XEN_DOMCTL_getnodeaffinity:
        return get_node_affinity(&op->u.nodeaffinity);

    case XEN_DOMCTL_max_vcpus:
        return domctl_max_vcpus(d, &op->u.max_vcpus);
    case XEN_DOMCTL_setvcpucontext:
        return domctl_set_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpucontext:
        return domctl_get_context(d, &op->u.vcpucontext);
    case XEN_DOMCTL_getvcpuinfo:
        *copyback = true;
        return domctl_vcpu_info(d, &op->u.getvcpuinfo);
    case XEN_DOMCTL_setvcpuaffinity:
        return domctl_set_affinity(d, &op->u.vcpuaffinity);
    case XEN_DOMCTL_getvcpuaffinity:
        return domctl_get_affinity(d, &op->u.vcpuaffinity);
    case XEN_DOMCTL_scheduler_op:
        return domctl_scheduler(d, &op->u.scheduler_op, copyback);

    case XEN_DOMCTL_irq_permission:
        return irq_permission(d, &op->u.irq_permission);
    case XEN_DOMCTL_iomem_permission:
        return iomem_permission(d, &op->u.iomem_permission);
    case XEN_DOMCTL_ioport_permission:
        return ioport_permission(d, &op->u.ioport_permission);
    case XEN_DOMCTL_memory_mapping:
        return memory_mapping(d, &op->u.memory_mapping);

    default:
        return arch_domctl(d, op, u_domctl, copyback);
    }
}

long do_domctl(unsigned long u_domctl)
{
    struct domain *d = NULL;
    bool copyback = false;
    struct xen_domctl op;
    long rc;

    if (get_guest(&op, u_domctl))
        return -XEN_EFAULT;
    if (op.cmd == XEN_DOMCTL_get_domain_state && op.interface_version == 0 &&
        current->domain->privileged) {
        rc = get_domain_state(&op);
        return rc == 0 && put_guest(u_domctl, &op) ? -XEN_EFAULT : rc;
    }
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -XEN_EACCES;

    if (op.cmd != XEN_DOMCTL_createdomain) {
        d = get_domain_by_id(op.domain);
        if (d && d->system) {
            put_domain(d);
            d = NULL;
        }
        /* getdomaininfo describes the next domain when there is none of this number. */
        if (!d && op.cmd != XEN_DOMCTL_getdomaininfo)
            return -XEN_ESRCH;
    }

    if (!current->domain->privileged) {
        rc = -XEN_EPERM;
    } else if (!spin_trylock(&control_lock)) {
        rc = -ERESTART;
    } else {
        if (op.cmd == XEN_DOMCTL_createdomain) {
            rc = create_domain(&op);
            copyback = true;
        } else if (!d) {
            rc = get_info(&op);
            copyback = true;
        } else {
            rc = domain_op(d, &op, u_domctl, &copyback);
        }
        spin_unlock(&control_lock);
    }
    if (d)
        put_domain(d);
    if (rc == -ERESTART)
        return hypercall_continue(__HYPERVISOR_domctl, 1, u_domctl);
    if (rc == 0 && copyback && put_guest(u_domctl, &op))
        rc = -XEN_EFAULT;
    return rc;
}
