/* SPDX-License-Identifier: MIT */
/*
 * The control operations on vCPUs: creating them, their contexts, where and how much they run
 * (public/domctl.h).
 */
#include <arch.h>
#include <control_impl.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>

long bitmap_to_guest(const struct xenctl_bitmap *dst, const unsigned long *map, unsigned int bits)
{
    unsigned long room = DIV_ROUND_UP((unsigned long)dst->nr_bits, 8);
    unsigned long have = DIV_ROUND_UP(bits, 8U);
    u8 bytes[NR_CPUS / 8] = {0};

    have = MIN(have, sizeof(bytes));
    have = MIN(have, room);
    for (unsigned int i = 0; i < bits && i < NR_CPUS; i++)
        bytes[i / 8] |= (u8)(test_bit(map, i) << i % 8);
    if (copy_to_guest(handle_addr(dst->bitmap), bytes, have) ||
        clear_guest(handle_addr(dst->bitmap) + have, room - have))
        return -XEN_EFAULT;
    return 0;
}

long bitmap_from_guest(unsigned long *map, const struct xenctl_bitmap *src, unsigned int bits)
{
    unsigned long given = DIV_ROUND_UP((unsigned long)src->nr_bits, 8);
    u8 bytes[NR_CPUS / 8] = {0};

    bits = MIN(bits, src->nr_bits);
    bits = MIN(bits, NR_CPUS);
    given = MIN(given, DIV_ROUND_UP(bits, 8U));
    if (copy_from_guest(bytes, handle_addr(src->bitmap), given))
        return -XEN_EFAULT;
    memset(map, 0, NR_CPUS / 8);
    for (unsigned int i = 0; i < bits; i++)
        if (bytes[i / 8] >> i % 8 & 1)
            map[i / BITS_PER_LONG] |= 1UL << i % BITS_PER_LONG;
    return 0;
}

long domctl_max_vcpus(struct domain *d, const struct xen_domctl_max_vcpus *op)
{
    long rc = 0;

    /* The creation fixed the number; this operation makes the vCPUs. */
    if (d == current->domain || op->max != d->max_vcpus)
        return -XEN_EINVAL;
    spin_lock(&d->lock);
    if (d->dying)
        rc = -XEN_EINVAL;
    for (unsigned int i = 0; i < d->max_vcpus && rc == 0; i++) {
        if (d->vcpu[i])
            continue;
        rc = vcpu_create(d, i);
        if (rc == 0 && hypercall_preempt_check())
            rc = -ERESTART;
    }
    spin_unlock(&d->lock);
    return rc;
}

long domctl_set_context(struct domain *d, const struct xen_domctl_vcpucontext *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct vcpu_guest_context *ctx = NULL;
    long rc;

    if (d == current->domain || !v)
        return -XEN_EINVAL;
    if (handle_addr(op->ctxt)) {
        ctx = xzalloc(struct vcpu_guest_context);
        if (!ctx)
            return -XEN_ENOMEM;
        if (get_guest(ctx, handle_addr(op->ctxt))) {
            xfree(ctx);
            return -XEN_EFAULT;
        }
    }
    domain_pause(d);
    spin_lock(&d->lock);
    if (d->dying)
        rc = -XEN_EINVAL;
    else
        rc = ctx ? vcpu_set_context(v, ctx) : vcpu_reset(v);
    spin_unlock(&d->lock);
    domain_unpause(d);
    xfree(ctx);
    return rc;
}

long domctl_get_context(struct domain *d, const struct xen_domctl_vcpucontext *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct vcpu_guest_context *ctx;
    long rc;

    if (!v || v == current)
        return -XEN_EINVAL;
    if (!v->initialised)
        return -XEN_ENODATA;
    ctx = xzalloc(struct vcpu_guest_context);
    if (!ctx)
        return -XEN_ENOMEM;
    if (d != current->domain) {
        vcpu_pause(v);
    } else if (!vcpu_pause_sibling(v)) {
        xfree(ctx);
        return -ERESTART;
    }
    arch_get_context(v, ctx);
    if (d != current->domain)
        vcpu_unpause(v);
    else
        vcpu_unpause_sibling(v);
    rc = put_guest(handle_addr(op->ctxt), ctx) ? -XEN_EFAULT : 0;
    xfree(ctx);
    return rc;
}

long domctl_vcpu_info(struct domain *d, struct xen_domctl_getvcpuinfo *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);

    if (op->vcpu >= d->max_vcpus)
        return -XEN_EINVAL;
    if (!v)
        return -XEN_ESRCH;
    op->online = !test_bit(&v->pause_flags, VPF_DOWN);
    op->blocked = test_bit(&v->pause_flags, VPF_BLOCKED);
    op->running = READ_ONCE(v->is_running);
    op->cpu_time = vcpu_cpu_time(v);
    op->cpu = READ_ONCE(v->processor);
    return 0;
}

/* ---- where ---- */

static long find_affinity_vcpu(struct domain *d, const struct xen_domctl_vcpuaffinity *op,
                               struct vcpu **v)
{
    if (op->vcpu >= d->max_vcpus)
        return -XEN_EINVAL;
    *v = domain_vcpu(d, op->vcpu);
    if (!*v)
        return -XEN_ESRCH;
    if (op->flags == 0 ||
        (op->flags & XEN_VCPUAFFINITY_HARD && !handle_addr(op->cpumap_hard.bitmap)) ||
        (op->flags & XEN_VCPUAFFINITY_SOFT && !handle_addr(op->cpumap_soft.bitmap)))
        return -XEN_EINVAL;
    return 0;
}

/* Answers both calls. No vCPU prefers a CPU, so the soft affinity is every CPU. */
static long show_affinity(const struct xen_domctl_vcpuaffinity *op, const cpumask_t *hard)
{
    cpumask_t all;
    long rc = 0;

    memset(&all, 0xff, sizeof(all));
    if (op->flags & XEN_VCPUAFFINITY_HARD)
        rc = bitmap_to_guest(&op->cpumap_hard, hard->bits, nr_cpus);
    if (rc == 0 && op->flags & XEN_VCPUAFFINITY_SOFT)
        rc = bitmap_to_guest(&op->cpumap_soft, all.bits, nr_cpus);
    return rc;
}

long domctl_get_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op)
{
    struct vcpu *v;
    long rc = find_affinity_vcpu(d, op, &v);

    return rc ? rc : show_affinity(op, &v->hard_affinity);
}

long domctl_set_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op)
{
    bool usable = false;
    struct vcpu *v;
    cpumask_t want;
    long rc = find_affinity_vcpu(d, op, &v);

    if (rc)
        return rc;
    if (op->flags & XEN_VCPUAFFINITY_HARD) {
        rc = bitmap_from_guest(want.bits, &op->cpumap_hard, NR_CPUS);
        if (rc)
            return rc;
        for (unsigned int i = 0; i < ARRAY_SIZE(want.bits); i++)
            usable |= (want.bits[i] & cpu_online.bits[i]) != 0;
        if (!usable)
            return -XEN_EINVAL;
        v->hard_affinity = want;
    }
    return show_affinity(op, &v->hard_affinity);
}

/* ---- how much ---- */

long domctl_scheduler(struct domain *d, struct xen_domctl_scheduler_op *op, bool *copyback)
{
    if (op->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = d->sched_weight;
        op->u.credit2.cap = 0;
        *copyback = true;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        /* A weight of 0 and a cap of all ones leave the value as it is. There are no caps. */
        if (op->u.credit2.cap != 0 && op->u.credit2.cap != 0xffff)
            return -XEN_EOPNOTSUPP;
        if (op->u.credit2.weight)
            WRITE_ONCE(d->sched_weight, op->u.credit2.weight);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
