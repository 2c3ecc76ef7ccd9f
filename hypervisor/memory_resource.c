/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_acquire_resource: frames of ours that a privileged domain may map on behalf of another
 * one. There is one kind, the shared frames of a grant table.
 */
#include <domain.h>
#include <grant_table.h>
#include <guest_access.h>
#include <hypercall.h>
#include <memory_impl.h>
#include <public/memory.h>

static long list_grant_frames(struct domain *d, const struct xen_mem_acquire_resource *op,
                              unsigned long start, unsigned long arg)
{
    for (unsigned long i = start; i < op->nr_frames; i++) {
        xen_pfn_t frame;
        mfn_t mfn;
        int rc;

        if (i != start && hypercall_preempt_check())
            return hypercall_continue(__HYPERVISOR_memory_op, 2,
                                      XENMEM_acquire_resource | i << MEMOP_EXTENT_SHIFT, arg);
        rc = grant_table_get_shared_frame(d, op->frame + i, &mfn);
        if (rc == -ERESTART)
            return hypercall_continue(__HYPERVISOR_memory_op, 2,
                                      XENMEM_acquire_resource | i << MEMOP_EXTENT_SHIFT, arg);
        if (rc)
            return rc;
        frame = mfn.n;
        if (put_guest_element(handle_addr(op->frame_list), i, &frame))
            return -XEN_EFAULT;
    }
    return 0;
}

long memory_acquire_resource(unsigned long start, unsigned long arg)
{
    struct xen_mem_acquire_resource op;
    unsigned int max_frames = 0;
    struct domain *d;
    long rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.pad || op.frame > ~0U || op.frame + op.nr_frames > ~0U)
        return -XEN_EINVAL;
    d = get_domain_by_id(op.domid);
    if (!d)
        return -XEN_ESRCH;
    if (d == current->domain || !current->domain->privileged) {
        put_domain(d);
        return -XEN_EPERM;
    }
    /* Status frames are of version 2; device models and traces belong to other kinds of domains. */
    if (op.type == XENMEM_resource_grant_table && op.id == XENMEM_resource_grant_table_id_shared &&
        !d->system)
        max_frames = grant_table_max_frames(d);

    if (max_frames == 0) {
        rc = -XEN_EINVAL;
    } else if (!handle_addr(op.frame_list)) {
        rc = -XEN_EINVAL;
        if (op.nr_frames == 0 && start == 0) {
            op.nr_frames = max_frames;
            rc = put_guest(arg + offsetof(struct xen_mem_acquire_resource, nr_frames),
                           &op.nr_frames)
                     ? -XEN_EFAULT
                     : 0;
        }
    } else if (start >= op.nr_frames || op.nr_frames > MEMOP_MAX_EXTENTS) {
        rc = -XEN_EINVAL;
    } else if (!guest_range_ok(handle_addr(op.frame_list), op.nr_frames, sizeof(xen_pfn_t))) {
        rc = -XEN_EFAULT;
    } else {
        rc = list_grant_frames(d, &op, start, arg);
    }
    put_domain(d);
    return rc;
}
