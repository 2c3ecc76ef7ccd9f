/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_memory_op: how many frames a domain has and which ones (public/memory.h).
 *
 * A domain may act on itself; on another one only if it is privileged. Operations on lists work
 * element by element: what is done stays done, and the result says how many. A preempted list goes
 * on at the element that stands in the command word above MEMOP_EXTENT_SHIFT. What only an
 * architecture knows (maps, the place of the M2P table) is passed on to arch_memory_op().
 */
#include <arch.h>
#include <grant_table.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <public/memory.h>

/*
 * The command word: operation below, first element to do above (Xen's own encoding, part of no
 * header).
 */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK     ((1UL << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_MAX_EXTENTS  (~0U >> MEMOP_EXTENT_SHIFT)

/* Largest extents: a superpage for anybody, the allocator's limit for who builds domains. */
#define DOMU_MAX_ORDER 9U

#define MAX_NUMA_NODES 64U
#define NO_NUMA_NODE   0xffU

/* A list operation on the way. */
struct extents {
    struct domain *d;
    unsigned long list; /* guest address of the list, 0: none */
    unsigned long first, count;
    unsigned int order;
    unsigned int memf; /* MEMF_* for the allocator */
    bool preempted;
};

static unsigned int max_order(const struct domain *d)
{
    return d->privileged ? MAX_ORDER : DOMU_MAX_ORDER;
}

/* Finds the domain that @id names to the caller, with a reference. -ESRCH, -EPERM. */
static long find_target(domid_t id, struct domain **out)
{
    struct domain *d = get_domain_or_self(id);

    if (!d)
        return -XEN_ESRCH;
    if (d->system) {
        put_domain(d);
        return -XEN_ESRCH;
    }
    if (d != current->domain && !current->domain->privileged) {
        put_domain(d);
        return -XEN_EPERM;
    }
    *out = d;
    return 0;
}

/*
 * Takes xen_memory_reservation.mem_flags apart. There is one memory node, 0. False: they are wrong.
 */
static bool memf_from_guest(unsigned int mem_flags, unsigned int *memf)
{
    unsigned int bits = XENMEMF_get_address_bits(mem_flags);
    unsigned int node = XENMEMF_get_node(mem_flags);

    *memf = 0;
    if (bits && bits < order_from_pages(max_page) + PAGE_SHIFT) {
        if (bits <= PAGE_SHIFT)
            return false;
        *memf = MEMF_ADDRESS_BITS(bits);
    }
    if (mem_flags & XENMEMF_vnode || node == NO_NUMA_NODE)
        return true;
    if (!current->domain->privileged)
        return !(mem_flags & XENMEMF_exact_node_request);
    return node < MAX_NUMA_NODES && (node == 0 || !(mem_flags & XENMEMF_exact_node_request));
}

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
        pg = alloc_domain_pages(x->d, x->order, x->memf);
        if (!pg)
            break;
        mfn = page_to_mfn(pg).n;
        for (unsigned long k = 0; k < 1UL << x->order; k++)
            arch_set_m2p(MFN(mfn + k), pfn + k);
        if (put_guest_element(x->list, i, &mfn))
            break;
    }
    return i;
}

/* Takes back one frame of @d that the guest names. It is gone when the last mapping of it is. */
static bool remove_frame(struct domain *d, mfn_t mfn)
{
    struct page *pg;

    if (!mfn_valid(mfn))
        return false;
    pg = mfn_to_page(mfn);
    if (!get_page(pg, d))
        return false;
    /* One of ours (shared info, grant frames) is not the guest's to give. */
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
            if (!remove_frame(x->d, MFN(mfn + k)))
                return i;
    }
    return i;
}

static long reservation_op(unsigned int cmd, unsigned long start, unsigned long arg)
{
    struct xen_memory_reservation r;
    struct extents x;
    unsigned long done;

    if (get_guest(&r, arg) || r.nr_extents > MEMOP_MAX_EXTENTS || start >= r.nr_extents ||
        !guest_range_ok(handle_addr(r.extent_start), r.nr_extents, sizeof(xen_pfn_t)))
        return (long)start;
    if (r.extent_order > max_order(current->domain))
        return (long)start;
    x = (struct extents){.list = handle_addr(r.extent_start),
                         .first = start,
                         .count = r.nr_extents,
                         .order = r.extent_order};
    /* Populating on demand is for hardware virtualisation. */
    if (!memf_from_guest(r.mem_flags, &x.memf) || find_target(r.domid, &x.d))
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

/* ---- exchange ---- */

/*
 * Takes a frame away from @d if nobody uses it: afterwards no count is held and no other can be
 * taken, but it is still on the domain's list. unsteal_frame() undoes it, page_release() completes
 * it.
 */
static bool steal_frame(struct page *pg, const struct domain *d)
{
    u64 s;

    if (!get_page(pg, d))
        return false;
    s = READ_ONCE(pg->state);
    do {
        /* The allocation's count and the one just taken, nothing else. */
        if ((s & (PG_REF_MASK | PG_TYPE_COUNT_MASK | PG_ALLOCATED | PG_HYPERVISOR | PG_PARTIAL)) !=
            (2 * PG_REF_ONE | PG_ALLOCATED)) {
            put_page(pg);
            return false;
        }
    } while (!cmpxchg(&pg->state, &s, s & ~(PG_REF_MASK | PG_ALLOCATED)));
    return true;
}

static void unsteal_frame(struct page *pg, struct domain *d)
{
    /* With a count for ourselves: another CPU may free it as soon as it is the domain's again. */
    atomic_or(&pg->state, PG_ALLOCATED | 2 * PG_REF_ONE);
    /* The walk over a dying domain's frames may have passed this one meanwhile. */
    if (READ_ONCE(d->dying))
        free_domain_page(pg);
    put_page(pg);
}

/*
 * What is exchanged in one step: as many extents on either side as make one of the larger side, so
 * one of the two counts is 1.
 */
struct chunk {
    unsigned long in_extents, out_extents;
    unsigned int in_order, out_order;
    xen_pfn_t *in; /* frames that the guest gives, first of each extent */
    struct {
        xen_pfn_t pfn; /* where the guest will have it */
        struct page *pages;
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

/* Frame @n of all that the chunk takes. */
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
        unsigned long mfn = c->in[n >> c->in_order] + (n & ((1UL << c->in_order) - 1));

        if (!mfn_valid(MFN(mfn)) || !steal_frame(mfn_to_page(MFN(mfn)), d)) {
            unsteal_chunk(c, n, d);
            return -XEN_EINVAL;
        }
    }
    return 0;
}

/* New memory for the chunk. The domain has it at once; nobody has told it where. */
static long allocate_chunk(struct chunk *c, struct domain *d, unsigned int memf)
{
    for (unsigned long i = 0; i < c->out_extents; i++) {
        c->out[i].pages = alloc_domain_pages(d, c->out_order, memf | MEMF_EXCHANGE);
        if (c->out[i].pages)
            continue;
        while (i-- > 0)
            for (unsigned long k = 0; k < 1UL << c->out_order; k++)
                free_domain_page(&c->out[i].pages[k]);
        return -XEN_ENOMEM;
    }
    return 0;
}

/*
 * Chunk number @i. 0, or why not; then the guest keeps what it has (but for -XEN_EFAULT at the very
 * end).
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
    for (unsigned long j = 0; j < c->out_extents; j++) {
        xen_pfn_t mfn = page_to_mfn(c->out[j].pages).n;

        for (unsigned long k = 0; k < 1UL << c->out_order; k++)
            arch_set_m2p(MFN(mfn + k), c->out[j].pfn + k);
        if (put_guest_element(out, i * c->out_extents + j, &mfn))
            rc = -XEN_EFAULT;
    }
    return rc;
}

static long check_exchange(const struct xen_memory_exchange *exch)
{
    const struct xen_memory_reservation *in = &exch->in, *out = &exch->out;

    if (MAX(in->extent_order, out->extent_order) > max_order(current->domain))
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

static long exchange(unsigned long arg)
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
        rc = find_target(exch.in.domid, &d);
    if (rc == 0 &&
        (!memf_from_guest(exch.out.mem_flags & 0xff, &memf) || !chunk_init(&chunk, &exch)))
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

/* ---- numbers ---- */

static long count_op(unsigned int cmd, unsigned long arg)
{
    struct xen_memory_domain which;
    struct domain *d;
    long rc;

    if (get_guest(&which, arg))
        return -XEN_EFAULT;
    rc = find_target(which.domid, &d);
    if (rc)
        return rc;
    switch (cmd) {
    case XENMEM_current_reservation:
        rc = (long)READ_ONCE(d->tot_pages);
        break;
    case XENMEM_maximum_reservation:
        rc = (long)READ_ONCE(d->max_pages);
        break;
    default: { /* XENMEM_maximum_gpfn: what the guest itself says */
        const struct shared_info *shared = READ_ONCE(d->shared_info);
        unsigned long pfns = shared ? READ_ONCE(shared->arch.max_pfn) : 0;

        rc = pfns ? (long)(pfns - 1) : 0;
        break;
    }
    }
    put_domain(d);
    return rc;
}

static long claim_pages(unsigned long arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (get_guest(&r, arg))
        return -XEN_EFAULT;
    if (handle_addr(r.extent_start) || r.extent_order || r.mem_flags)
        return -XEN_EINVAL;
    d = get_domain_by_id(r.domid);
    if (!d)
        return -XEN_EINVAL;
    if (!current->domain->privileged)
        rc = -XEN_EPERM;
    else
        rc = claim_domain_pages(d, r.nr_extents);
    put_domain(d);
    return rc;
}

/* ---- what PV domains have not ---- */

/* Translated domains only: for a PV domain there is nothing to place frames in. */
static long refuse_physmap(domid_t id)
{
    struct domain *d = get_domain_or_self(id);

    if (!d)
        return -XEN_ESRCH;
    put_domain(d);
    return -XEN_EACCES;
}

static long add_to_physmap(unsigned long arg)
{
    struct xen_add_to_physmap op;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.space == XENMAPSPACE_gmfn_foreign)
        return -XEN_ENOSYS;
    return refuse_physmap(op.domid);
}

static long add_to_physmap_batch(unsigned long arg)
{
    struct xen_add_to_physmap_batch op;

    if (get_guest(&op, arg) ||
        !guest_range_ok(handle_addr(op.idxs), op.size, sizeof(xen_ulong_t)) ||
        !guest_range_ok(handle_addr(op.gpfns), op.size, sizeof(xen_pfn_t)) ||
        !guest_range_ok(handle_addr(op.errs), op.size, sizeof(int)))
        return -XEN_EFAULT;
    if (op.space == XENMAPSPACE_gmfn_range)
        return -XEN_EOPNOTSUPP;
    return refuse_physmap(op.domid);
}

static long remove_from_physmap(unsigned long arg)
{
    struct xen_remove_from_physmap op;

    return get_guest(&op, arg) ? -XEN_EFAULT : refuse_physmap(op.domid);
}

/* No domain is ever given virtual memory nodes. */
static long get_vnumainfo(unsigned long arg)
{
    struct xen_vnuma_topology_info topology;
    struct domain *d;
    long rc;

    if (get_guest(&topology, arg))
        return -XEN_EFAULT;
    if (topology.pad)
        return -XEN_EINVAL;
    rc = find_target(topology.domid, &d);
    if (rc)
        return rc;
    put_domain(d);
    return -XEN_EOPNOTSUPP;
}

/* Without an IOMMU no device has memory reserved. */
static long reserved_device_memory_map(unsigned long arg)
{
    struct xen_reserved_device_memory_map map;

    if (get_guest(&map, arg) || !guest_range_ok(handle_addr(map.buffer), map.nr_entries,
                                                sizeof(xen_reserved_device_memory_t)))
        return -XEN_EFAULT;
    if (map.flags & ~(u32)XENMEM_RDM_ALL)
        return -XEN_EINVAL;
    map.nr_entries = 0;
    return put_guest(arg, &map) ? -XEN_EFAULT : 0;
}

/* ---- frames of ours for tools ---- */

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

static long acquire_resource(unsigned long start, unsigned long arg)
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
    /* The status array belongs to version 2; device models and traces to other kinds of domains. */
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

long do_memory_op(unsigned long cmd, unsigned long arg)
{
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    unsigned int op = cmd & MEMOP_CMD_MASK;

    /* These go on in the middle; the others have no middle. */
    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation_op(op, start, arg);
    case XENMEM_acquire_resource:
        return acquire_resource(start, arg);
    case XENMEM_add_to_physmap:
        return add_to_physmap(arg);
    case XENMEM_add_to_physmap_batch:
        return add_to_physmap_batch(arg);
    default:
        break;
    }

    switch (op) {
    case XENMEM_exchange:
        return start ? -XEN_EINVAL : exchange(arg);
    case XENMEM_maximum_ram_page:
        return start ? -XEN_EINVAL : (long)max_page;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return start ? -XEN_EINVAL : count_op(op, arg);
    case XENMEM_claim_pages:
        return start ? -XEN_EINVAL : claim_pages(arg);
    case XENMEM_remove_from_physmap:
        return start ? -XEN_EINVAL : remove_from_physmap(arg);
    case XENMEM_get_vnumainfo:
        return start ? -XEN_EINVAL : get_vnumainfo(arg);
    case XENMEM_reserved_device_memory_map:
        return start ? -XEN_EINVAL : reserved_device_memory_map(arg);
    default:
        return arch_memory_op(cmd, arg);
    }
}
