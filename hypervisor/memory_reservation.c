/* SPDX-License-Identifier: MIT */
/*
 * Lists of frames that a domain gets or gives back: XENMEM_increase_reservation,
 * XENMEM_decrease_reservation and XENMEM_populate_physmap.
 *
 * Work is done element by element: what is done stays done, and the result says how many elements
 * that are. A list is preempted between elements.
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>
#include <memory_impl.h>
#include <page_alloc.h>
#include <public/memory.h>

/* A list operation in progress. */
struct extents {
    struct domain *d;
    unsigned long list; /* guest address of the list, 0: none */
    unsigned long first, count;
    unsigned int order;
    unsigned int memf; /* MEMF_* for the allocator */
    bool preempted;
};

/* Should a list operation stop before element @i? It does one element at least. */
static bool stop_before(struct extents *x, unsigned long i)
{
    if (i != x->first && hypercall_preempt_check())
        x->preempted = true;
    return x->preempted;
}

/* Each of these returns the index of the first element that was not done. */
static unsigned long increase_reservation(struct extents *x)
{
    unsigned long i;

    for (i = x->first; i < x->count && !stop_before(x, i); i++) {
        struct page *pg = alloc_domain_pages(x->d, x->order, x->memf);
        xen_pfn_t mfn;

        if (!pg)
            break;
        mfn = page_to_mfn(pg).n;
        if (x->list && put_guest_element(x->list, i, &mfn))
            break;
    }
    return i;
}

static unsigned long populate_physmap(struct extents *x)
{
    unsigned long i;

    for (i = x->first; i < x->count && !stop_before(x, i); i++) {
        xen_pfn_t pfn, mfn;
        struct page *pg;

        if (get_guest_element(&pfn, x->list, i))
            break;
        pg = alloc_domain_pages_at(x->d, x->order, x->memf, pfn);
        if (!pg)
            break;
        mfn = page_to_mfn(pg).n;
        if (put_guest_element(x->list, i, &mfn))
            break;
    }
    return i;
}

bool memory_remove_frame(struct domain *d, mfn_t mfn)
{
    struct page *pg;

    if (!mfn_valid(mfn))
        return false;
    pg = mfn_to_page(mfn);
    if (!get_page(pg, d))
        return false;
    /* A frame of ours (shared info, grant frames) is not the guest's to give. */
    if (!(READ_ONCE(pg->state) & PG_HYPERVISOR))
        free_domain_page(pg);
    put_page(pg);
    return true;
}

static unsigned long decrease_reservation(struct extents *x)
{
    unsigned long i;

    for (i = x->first; i < x->count && !stop_before(x, i); i++) {
        xen_pfn_t mfn;

        if (get_guest_element(&mfn, x->list, i))
            break;
        for (unsigned long k = 0; k < 1UL << x->order; k++)
            if (!memory_remove_frame(x->d, MFN(mfn + k)))
                return i;
    }
    return i;
}

long memory_reservation_op(unsigned int cmd, unsigned long start, unsigned long arg)
{
    struct xen_memory_reservation r;
    struct extents x;
    unsigned long done;

    if (get_guest(&r, arg) || r.nr_extents > MEMOP_MAX_EXTENTS || start >= r.nr_extents ||
        !guest_range_ok(handle_addr(r.extent_start), r.nr_extents, sizeof(xen_pfn_t)))
        return (long)start;
    if (r.extent_order > memory_max_order(current->domain))
        return (long)start;
    x = (struct extents){.list = handle_addr(r.extent_start),
                         .first = start,
                         .count = r.nr_extents,
                         .order = r.extent_order};
    /* Populating on demand is for hardware virtualisation. */
    if (!memory_flags(r.mem_flags, &x.memf) || memory_target(r.domid, &x.d))
        return (long)start;

    switch (cmd) {
    case XENMEM_increase_reservation:
        done = increase_reservation(&x);
        break;
    case XENMEM_decrease_reservation:
        done = decrease_reservation(&x);
        break;
    default:
        done = r.mem_flags & XENMEMF_populate_on_demand ? start : populate_physmap(&x);
        break;
    }
    put_domain(x.d);
    if (x.preempted)
        return hypercall_continue(__HYPERVISOR_memory_op, 2, cmd | done << MEMOP_EXTENT_SHIFT, arg);
    return (long)done;
}
