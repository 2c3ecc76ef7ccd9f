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
    domain_pause(d); /* none of its vCPUs is in vcpu_initialise() any longer */
    spin_lock(&d->context_lock);
    if (d->dying)
        rc = -XEN_EINVAL;
    else
        rc = ctx ? vcpu_set_context(v, ctx) : vcpu_reset(v);
    spin_unlock(&d->context_lock);
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

static long show_affinity(const struct xen_domctl_vcpuaffinity *op, const cpumask_t *hard,
                          const cpumask_t *soft)
{
    long rc = 0;

    if (op->flags & XEN_VCPUAFFINITY_HARD)
        rc = bitmap_to_guest(&op->cpumap_hard, hard->bits, nr_cpus);
    if (rc == 0 && op->flags & XEN_VCPUAFFINITY_SOFT)
        rc = bitmap_to_guest(&op->cpumap_soft, soft->bits, nr_cpus);
    return rc;
}

long domctl_get_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op)
{
    struct vcpu *v;
    long rc = find_affinity_vcpu(d, op, &v);

    return rc ? rc : show_affinity(op, &v->hard_affinity, &v->soft_affinity);
}

/* @return the CPUs of @a that are in @b, too */
static cpumask_t cpus_in_both(const cpumask_t *a, const cpumask_t *b)
{
    cpumask_t both;

    for (unsigned int i = 0; i < ARRAY_SIZE(both.bits); i++)
        both.bits[i] = a->bits[i] & b->bits[i];
    return both;
}

/* Sets both, or none, and shows what is in force of what was set. */
long domctl_set_affinity(struct domain *d, const struct xen_domctl_vcpuaffinity *op)
{
    bool sets_hard = op->flags & XEN_VCPUAFFINITY_HARD,
         sets_soft = op->flags & XEN_VCPUAFFINITY_SOFT;
    cpumask_t hard, soft;
    struct vcpu *v;
    long rc = find_affinity_vcpu(d, op, &v);

    if (rc == 0 && sets_hard) {
        rc = bitmap_from_guest(hard.bits, &op->cpumap_hard, NR_CPUS);
        if (rc == 0) {
            cpumask_t usable = cpus_in_both(&hard, &cpu_online);

            rc = cpumask_empty(&usable) ? -XEN_EINVAL : 0;
        }
    }
    if (rc == 0 && sets_soft)
        rc = bitmap_from_guest(soft.bits, &op->cpumap_soft, NR_CPUS);
    if (rc)
        return rc;
    sched_set_affinity(v, sets_hard ? &hard : NULL, sets_soft ? &soft : NULL);
    hard = cpus_in_both(&v->hard_affinity, &cpu_online);
    soft = cpus_in_both(&v->soft_affinity, &hard);
    return show_affinity(op, &hard, &soft);
}

/* ---- how much ---- */

long domctl_scheduler(struct domain *d, struct xen_domctl_scheduler_op *op, bool *copyback)
{
    if (op->sched_id != XEN_SCHEDULER_CREDIT2)
        return -XEN_EINVAL;
    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit2.weight = d->sched_weight;
        op->u.credit2.cap = d->cap.percent;
        *copyback = true;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        /* A weight of 0 leaves the weight as it is, a cap of 0 is none; credit2 has it so. */
        if (op->u.credit2.weight)
            sched_set_weight(d, op->u.credit2.weight);
        if (op->u.credit2.cap > 100 * d->max_vcpus)
            return -XEN_EINVAL;
        sched_set_cap(d, op->u.credit2.cap);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}
