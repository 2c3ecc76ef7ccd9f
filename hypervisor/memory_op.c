/* SPDX-License-Identifier: MIT */
/*
 * HYPERVISOR_memory_op (public/memory.h): the dispatch of its sub-operations, the questions among
 * them, and what is refused because PV domains have no use for it.
 *
 * A domain may act on itself; on another one only if it is privileged. A preempted list continues
 * at the element whose number stands in the command word above MEMOP_EXTENT_SHIFT; sub-operations
 * without a list refuse such a number. What only an architecture knows (maps, the place of the M2P
 * table) is passed on to arch_memory_op().
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>
#include <memory_impl.h>
#include <page_alloc.h>
#include <public/memory.h>

#define DOMU_MAX_ORDER 9U

#define MAX_NUMA_NODES 64U
#define NO_NUMA_NODE   0xffU

/* ---- what the sub-operations share ---- */

unsigned int memory_max_order(const struct domain *d)
{
    return d->privileged ? MAX_ORDER : DOMU_MAX_ORDER;
}

long memory_target(domid_t id, struct domain **out)
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

bool memory_flags(unsigned int mem_flags, unsigned int *memf)
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

/* ---- numbers ---- */

static long count_op(unsigned int cmd, unsigned long arg)
{
    struct xen_memory_domain which;
    struct domain *d;
    long rc;

    if (get_guest(&which, arg))
        return -XEN_EFAULT;
    rc = memory_target(which.domid, &d);
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

/* ---- what PV domains do not have ---- */

/*
 * Refuses an operation on the physmap. Only translated domains have one: for a PV domain there is
 * nothing to place frames in.
 */
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

/* No domain has virtual memory nodes. */
static long get_vnumainfo(unsigned long arg)
{
    struct xen_vnuma_topology_info topology;
    struct domain *d;
    long rc;

    if (get_guest(&topology, arg))
        return -XEN_EFAULT;
    if (topology.pad)
        return -XEN_EINVAL;
    rc = memory_target(topology.domid, &d);
    if (rc)
        return rc;
    put_domain(d);
    return -XEN_EOPNOTSUPP;
}

/* We use no IOMMU, so no device has memory reserved. */
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

long do_memory_op(unsigned long cmd, unsigned long arg)
{
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    unsigned int op = cmd & MEMOP_CMD_MASK;

    /* These operations may continue in the middle; the others have no middle. */
    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return memory_reservation_op(op, start, arg);
    case XENMEM_acquire_resource:
        return memory_acquire_resource(start, arg);
    case XENMEM_add_to_physmap:
        return add_to_physmap(arg);
    case XENMEM_add_to_physmap_batch:
        return add_to_physmap_batch(arg);
    default:
        break;
    }

    switch (op) {
    case XENMEM_exchange:
        return start ? -XEN_EINVAL : memory_exchange(arg);
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
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return start ? -XEN_ENOSYS : 0; /* no frame is shared by copy-on-write */
    case XENMEM_reserved_device_memory_map:
        return start ? -XEN_EINVAL : reserved_device_memory_map(arg);
    default:
        return arch_memory_op(cmd, arg);
    }
}
