/* SPDX-License-Identifier: MIT */
/*
 * XENMEM_exchange: a domain gives frames of its own and gets as many others, in larger or smaller
 * extents or at lower addresses.
 *
 * It works chunk by chunk, as many frames as the larger extent has. All frames of a chunk are taken
 * from the domain first, so that nobody can use them any longer, then the new ones are allocated.
 * When both steps have succeeded, the old frames go; else the domain keeps what it had.
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>
#include <memory_impl.h>
#include <page_alloc.h>
#include <public/memory.h>

#define STEAL_TRIES 100U

/*
 * Takes a frame away from @d if nobody uses it: afterwards no count is held and no other can be
 * taken, but it is still on the domain's list. unsteal_frame() undoes it, page_release() completes
 * it.
 *
 * Another domain that names this frame where it may not takes a count for some instructions, before
 * it sees whose frame it is (get_page()); so a count too many is looked at again.
 */
static bool steal_frame(struct page *pg, const struct domain *d)
{
    if (!get_page(pg, d))
        return false;
    for (unsigned int i = 0; i < STEAL_TRIES; i++) {
        u64 s = READ_ONCE(pg->state);

        /* The frame has the allocation's count and the one just taken, and no other. */
        if ((s & (PG_REF_MASK | PG_TYPE_COUNT_MASK | PG_ALLOCATED | PG_HYPERVISOR | PG_PARTIAL)) ==
                (2 * PG_REF_ONE | PG_ALLOCATED) &&
            cmpxchg(&pg->state, &s, s & ~(PG_REF_MASK | PG_ALLOCATED)))
            return true;
        cpu_relax();
    }
    put_page(pg);
    return false;
}

static void unsteal_frame(struct page *pg, struct domain *d)
{
    /*
     * The second count is ours: another CPU may free the frame as soon as it is the domain's again.
     */
    atomic_or(&pg->state, PG_ALLOCATED | 2 * PG_REF_ONE);
    /* The walk over a dying domain's frames may have passed this one meanwhile. */
    if (READ_ONCE(d->dying))
        free_domain_page(pg);
    put_page(pg);
}

/*
 * What is exchanged in one step: one extent of the side with the larger extents, and as many of the
 * other side as make it up. So one of the two counts is 1.
 */
struct chunk {
    unsigned long in_extents, out_extents;
    unsigned int in_order, out_order;
    xen_pfn_t *in; /* frames that the guest gives, first of each extent */
    struct {
        xen_pfn_t pfn; /* where the guest will have it */
        xen_pfn_t mfn; /* the first frame that it got */
    } * out;
};

static bool chunk_init(struct chunk *c, const struct xen_memory_exchange *exch)
{
    unsigned int in = exch->in.extent_order, out = exch->out.extent_order;

    *c = (struct chunk){.in_order = in,
                        .out_order = out,
                        .in_extents = 1UL << (MAX(in, out) - in),
                        .out_extents = 1UL << (MAX(in, out) - out)};
    c->in = xzalloc_array(xen_pfn_t, c->in_extents);
    c->out = xzalloc_bytes(sizeof(*c->out) * c->out_extents);
    return c->in && c->out;
}

static void chunk_free(struct chunk *c)
{
    xfree(c->in);
    xfree(c->out);
}

/* @return frame @n of all that the chunk takes */
static struct page *chunk_frame(const struct chunk *c, unsigned long n)
{
    return mfn_to_page(MFN(c->in[n >> c->in_order] + (n & ((1UL << c->in_order) - 1))));
}

static void unsteal_chunk(const struct chunk *c, unsigned long frames, struct domain *d)
{
    while (frames-- > 0)
        unsteal_frame(chunk_frame(c, frames), d);
}

static long steal_chunk(const struct chunk *c, struct domain *d)
{
    unsigned long frames = c->in_extents << c->in_order;

    for (unsigned long n = 0; n < frames; n++) {
        mfn_t mfn = MFN(c->in[n >> c->in_order] + (n & ((1UL << c->in_order) - 1)));

        if (!mfn_valid(mfn) || !steal_frame(mfn_to_page(mfn), d)) {
            unsteal_chunk(c, n, d);
            return -XEN_EINVAL;
        }
    }
    return 0;
}

/*
 * Allocates new memory for the chunk. None of it is the domain's before all of it is: a vCPU that
 * guesses where it is could keep what is not needed after all.
 */
static long allocate_chunk(struct chunk *c, struct domain *d, unsigned int memf)
{
    struct page_list aside = {0};

    for (unsigned long i = 0; i < c->out_extents; i++) {
        const struct page *pg = alloc_pages_aside(d, c->out_order, memf, c->out[i].pfn, &aside);

        if (!pg)
            goto fail;
        c->out[i].mfn = page_to_mfn(pg).n;
    }
    if (give_pages_aside(d, &aside))
        return 0;
fail:
    free_pages_aside(&aside);
    return -XEN_ENOMEM;
}

/*
 * Exchanges chunk number @i.
 * @return 0, or an error, after which the guest keeps what it has (except for -XEN_EFAULT at the
 * very end)
 */
static long exchange_chunk(struct chunk *c, struct domain *d,
                           const struct xen_memory_exchange *exch, unsigned long i,
                           unsigned int memf)
{
    const unsigned long frames = c->in_extents << c->in_order;
    const unsigned long out = handle_addr(exch->out.extent_start);
    long rc;

    for (unsigned long j = 0; j < c->in_extents; j++)
        if (get_guest_element(&c->in[j], handle_addr(exch->in.extent_start), i * c->in_extents + j))
            return -XEN_EFAULT;
    for (unsigned long j = 0; j < c->out_extents; j++)
        if (get_guest_element(&c->out[j].pfn, out, i * c->out_extents + j))
            return -XEN_EFAULT;
    rc = steal_chunk(c, d);
    if (rc)
        return rc;
    rc = allocate_chunk(c, d, memf);
    if (rc) {
        unsteal_chunk(c, frames, d);
        return rc;
    }
    for (unsigned long n = 0; n < frames; n++)
        page_release(chunk_frame(c, n));
    for (unsigned long j = 0; j < c->out_extents; j++)
        if (put_guest_element(out, i * c->out_extents + j, &c->out[j].mfn))
            rc = -XEN_EFAULT;
    return rc;
}

static long check_exchange(const struct xen_memory_exchange *exch)
{
    const struct xen_memory_reservation *in = &exch->in, *out = &exch->out;

    if (MAX(in->extent_order, out->extent_order) > memory_max_order(current->domain))
        return -XEN_EPERM;
    if (exch->nr_exchanged > in->nr_extents || in->domid != out->domid ||
        ~0UL >> in->extent_order < in->nr_extents || ~0UL >> out->extent_order < out->nr_extents ||
        in->nr_extents << in->extent_order != out->nr_extents << out->extent_order)
        return -XEN_EINVAL;
    if (!guest_range_ok(handle_addr(in->extent_start), in->nr_extents, sizeof(xen_pfn_t)) ||
        !guest_range_ok(handle_addr(out->extent_start), out->nr_extents, sizeof(xen_pfn_t)))
        return -XEN_EFAULT;
    return 0;
}

long memory_exchange(unsigned long arg)
{
    const unsigned long nr_exchanged = arg + offsetof(struct xen_memory_exchange, nr_exchanged);
    struct xen_memory_exchange exch;
    struct domain *d = NULL;
    struct chunk chunk = {0};
    bool preempted = false;
    unsigned long first;
    unsigned int memf;
    long rc;

    if (get_guest(&exch, arg))
        return -XEN_EFAULT;
    rc = check_exchange(&exch);
    if (rc == 0)
        rc = memory_target(exch.in.domid, &d);
    if (rc == 0 && (!memory_flags(exch.out.mem_flags & 0xff, &memf) || !chunk_init(&chunk, &exch)))
        rc = -XEN_ENOMEM;

    first = exch.nr_exchanged;
    while (rc == 0 && exch.nr_exchanged < exch.in.nr_extents) {
        if (exch.nr_exchanged != first && hypercall_preempt_check()) {
            preempted = true;
            break;
        }
        exch.nr_exchanged = ROUND_DOWN(exch.nr_exchanged, chunk.in_extents);
        rc = exchange_chunk(&chunk, d, &exch, exch.nr_exchanged / chunk.in_extents, memf);
        if (rc == 0)
            exch.nr_exchanged += chunk.in_extents;
    }
    chunk_free(&chunk);
    if (d)
        put_domain(d);
    if (put_guest(nr_exchanged, &exch.nr_exchanged))
        return -XEN_EFAULT;
    if (preempted)
        return hypercall_continue(__HYPERVISOR_memory_op, 2, (unsigned long)XENMEM_exchange, arg);
    return rc;
}
