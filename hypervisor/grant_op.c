/* SPDX-License-Identifier: MIT */
/* Operations on the grant table itself: size, frames, version, swapping entries, cache maintenance.
 */
#include <arch.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <hypercall.h>

/*
 * Finds the domain that an operation names, and takes a reference.
 * @return GNTST_*
 */
static int grant_target(domid_t id, struct domain **d)
{
    *d = get_domain_or_self(id);
    if (!*d) {
        printk_guest(LOG_DEBUG, "grant table of another: there is no domain %u", id);
        return GNTST_bad_domain;
    }
    if (*d == current->domain || (current->domain->privileged && !(*d)->system))
        return GNTST_okay;
    printk_guest(LOG_DEBUG, "not privileged, or it has none: no access to the grant table of d%u",
                 id);
    put_domain(*d);
    return GNTST_permission_denied;
}

long grant_setup_table(unsigned long uop)
{
    struct gnttab_setup_table op;
    struct grant_table *gt;
    struct domain *d;
    int rc = 0;

    if (get_guest(&op, uop))
        return -XEN_EFAULT;
    op.status = (s16)grant_target(op.dom, &d);
    if (op.status)
        goto out;
    gt = d->grant_table;
    spin_lock(&gt->lock);
    if (READ_ONCE(d->dying) || op.nr_frames > gt->max_frames)
        op.status = GNTST_general_error;
    else
        rc = grant_table_grow(d, op.nr_frames);
    if (rc == -ERESTART) {
        spin_unlock(&gt->lock);
        put_domain(d);
        return grant_continue(GNTTABOP_setup_table, uop, 1);
    }
    if (rc)
        op.status = GNTST_general_error;
    if (op.status)
        printk_guest(LOG_DEBUG, "grant table of %u frames for d%u: it may have %u%s", op.nr_frames,
                     d->id, gt->max_frames,
                     READ_ONCE(d->dying) ? ", and is dying"
                     : rc                ? ", without memory"
                                         : "");
    for (unsigned int i = 0; op.status == GNTST_okay && i < op.nr_frames; i++) {
        xen_pfn_t frame = virt_to_mfn(shared_entry(gt, i * GRANTS_PER_FRAME)).n;

        if (put_guest_element(handle_addr(op.frame_list), i, &frame))
            op.status = GNTST_bad_virt_addr;
    }
    spin_unlock(&gt->lock);
    put_domain(d);
out:
    return put_guest(uop, &op) ? -XEN_EFAULT : 0;
}

long grant_query_size(unsigned long uop)
{
    struct gnttab_query_size op;
    struct domain *d;

    if (get_guest(&op, uop))
        return -XEN_EFAULT;
    op.status = (s16)grant_target(op.dom, &d);
    if (op.status == GNTST_okay) {
        op.nr_frames = grant_table_nr_frames(d);
        op.max_nr_frames = d->grant_table->max_frames;
        put_domain(d);
    }
    return put_guest(uop, &op) ? -XEN_EFAULT : 0;
}

long grant_set_version(unsigned long uop)
{
    struct gnttab_set_version op;

    if (get_guest(&op, uop))
        return -XEN_EFAULT;
    if (op.version != 1 && op.version != 2)
        return -XEN_EINVAL;
    if (op.version == 2)
        return -XEN_ENOSYS; /* only version 1 exists here; guests fall back */
    return put_guest(uop, &op) ? -XEN_EFAULT : 0;
}

long grant_get_version(unsigned long uop)
{
    struct gnttab_get_version op;
    struct domain *d;

    if (get_guest(&op, uop))
        return -XEN_EFAULT;
    switch (grant_target(op.dom, &d)) {
    case GNTST_okay:
        break;
    case GNTST_bad_domain:
        return -XEN_ESRCH;
    default:
        return -XEN_EPERM;
    }
    put_domain(d);
    op.version = 1;
    return put_guest(uop, &op) ? -XEN_EFAULT : 0;
}

long grant_get_status_frames(unsigned long uop)
{
    struct gnttab_get_status_frames op;
    struct domain *d;

    if (get_guest(&op, uop))
        return -XEN_EFAULT;
    op.status = (s16)grant_target(op.dom, &d);
    if (op.status == GNTST_okay) {
        op.status = GNTST_general_error; /* version 1 has none */
        put_domain(d);
    }
    return put_guest(uop, &op) ? -XEN_EFAULT : 0;
}

static int swap_one(unsigned long a, unsigned long b)
{
    struct grant_table *gt = current->domain->grant_table;
    int rc = GNTST_okay;

    spin_lock(&gt->lock);
    if (!gref_ok(gt, &a) || !gref_ok(gt, &b)) {
        rc = GNTST_bad_gntref;
    } else if (a != b && (grant_in_use(gt, a) || grant_in_use(gt, b))) {
        rc = GNTST_eagain; /* in use by another domain */
    } else if (a != b) {
        struct grant_entry_v1 t = *shared_entry(gt, a);

        *shared_entry(gt, a) = *shared_entry(gt, b);
        *shared_entry(gt, b) = t;
    }
    spin_unlock(&gt->lock);
    return rc;
}

long grant_swap_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    struct gnttab_swap_grant_ref op;

    if (!guest_range_ok(uop, count, sizeof(op)))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < count; i++) {
        if (i && hypercall_preempt_check())
            return grant_continue(cmd, uop + i * sizeof(op), count - i);
        if (get_guest_element(&op, uop, i))
            return -XEN_EFAULT;
        op.status = (s16)swap_one(op.ref_a, op.ref_b);
        if (op.status)
            printk_guest(LOG_DEBUG, "swap of grants %u and %u: %s", op.ref_a, op.ref_b,
                         op.status == GNTST_eagain ? "one is in use by another domain"
                                                   : "the grant table has no such entry");
        if (put_guest_element(uop, i, &op))
            return -XEN_EFAULT;
    }
    return 0;
}

static long cache_flush_refused(const struct gnttab_cache_flush *op, const char *why, long error)
{
    printk_guest(LOG_DEBUG, "cache flush of %u bytes at %lx + %u: %s", op->length,
                 (unsigned long)op->a.dev_bus_addr, op->offset, why);
    return error;
}

/* Cleans or invalidates a piece of one of the caller's own frames. */
static long cache_flush_one(const struct gnttab_cache_flush *op)
{
    struct domain *d = current->domain;
    struct page *pg;
    mfn_t frame;

    if (op->op & ~(GNTTAB_CACHE_SOURCE_GREF | GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL))
        return cache_flush_refused(op, "unknown flags", -XEN_EINVAL);
    if (op->offset + op->length > PAGE_SIZE)
        return cache_flush_refused(op, "it leaves its page", -XEN_EINVAL);
    if (op->length == 0 || !(op->op & (GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)))
        return 0;
    if (op->op & GNTTAB_CACHE_SOURCE_GREF)
        return cache_flush_refused(op, "grants are not supported", -XEN_EOPNOTSUPP);
    frame = MFN(op->a.dev_bus_addr >> PAGE_SHIFT);
    if (!mfn_valid(frame))
        return cache_flush_refused(op, "it is not RAM", -XEN_EPERM);
    pg = mfn_to_page(frame);
    if (!get_page(pg, d))
        return cache_flush_refused(op, "the frame is not the caller's", -XEN_EPERM);
    arch_cache_flush(frame, op->offset, op->length, op->op & GNTTAB_CACHE_INVAL);
    put_page(pg);
    return 0;
}

long grant_cache_flush_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    struct gnttab_cache_flush op;

    if (!guest_range_ok(uop, count, sizeof(op)))
        return -XEN_EFAULT;
    for (unsigned int i = 0; i < count; i++) {
        long rc;

        if (i && hypercall_preempt_check())
            return grant_continue(cmd, uop + i * sizeof(op), count - i);
        if (get_guest_element(&op, uop, i))
            return -XEN_EFAULT;
        rc = cache_flush_one(&op);
        if (rc)
            return rc;
    }
    return 0;
}
