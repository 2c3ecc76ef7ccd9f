/* SPDX-License-Identifier: MIT */
/*
 * Sub-operations of memory_op that only the architecture knows: memory maps, and where the M2P
 * table is.
 */
#include <arch.h>
#include <asm/memory_map.h>
#include <asm/paging.h>
#include <guest_access.h>
#include <hypercall.h>
#include <memory_impl.h>
#include <page_alloc.h>
#include <public/memory.h>

#include "mmu.h"
#include "pte.h"

#define GUEST_MAP_MAX 1024U

/* ---- a domain's own map ---- */

static long set_memory_map(unsigned long arg)
{
    struct xen_foreign_memory_map op;
    struct e820_entry *map = NULL, *old;
    struct domain *d;
    long rc;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (op.map.nr_entries > GUEST_MAP_MAX)
        return -XEN_EINVAL;
    rc = memory_target(op.domid, &d);
    if (rc)
        return rc;
    map = xzalloc_array(struct e820_entry, op.map.nr_entries + 1);
    if (!map) {
        rc = -XEN_ENOMEM;
        goto out;
    }
    if (copy_from_guest(map, handle_addr(op.map.buffer), op.map.nr_entries * sizeof(*map))) {
        rc = -XEN_EFAULT;
        goto out;
    }
    spin_lock(&d->lock);
    old = d->arch.memory_map;
    d->arch.memory_map = map;
    d->arch.memory_map_entries = op.map.nr_entries;
    spin_unlock(&d->lock);
    map = old;
out:
    xfree(map);
    put_domain(d);
    return rc;
}

static long memory_map(unsigned long arg)
{
    struct domain *d = current->domain;
    struct xen_memory_map op;
    long rc = 0;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    spin_lock(&d->lock);
    if (!d->arch.memory_map_entries) {
        rc = -XEN_ENOSYS; /* its builder gave it none */
    } else {
        op.nr_entries = MIN(op.nr_entries, d->arch.memory_map_entries);
        if (copy_to_guest(handle_addr(op.buffer), d->arch.memory_map,
                          op.nr_entries * sizeof(struct e820_entry)) ||
            put_guest(arg, &op))
            rc = -XEN_EFAULT;
    }
    spin_unlock(&d->lock);
    return rc;
}

/* ---- the machine's map ---- */

/*
 * The map that is written to the guest: the machine's ranges and, as reserved ranges between them,
 * the frames that the caller may not map (our interrupt controllers), so that the guest places no
 * device there.
 */
struct map_writer {
    unsigned long buffer; /* 0: count only */
    unsigned int room, n;
    unsigned long first,
        end; /* frames of the present hole; below ->first the permission is known */
};

static long write_range(struct map_writer *w, const struct e820_entry *e)
{
    if (w->buffer) {
        if (w->n >= w->room)
            return -XEN_EINVAL;
        if (put_guest_element(w->buffer, w->n, e))
            return -XEN_EFAULT;
    }
    w->n++;
    return 0;
}

static long write_denied(struct map_writer *w, unsigned long first, unsigned long end)
{
    struct e820_entry e = {(u64)first << PAGE_SHIFT, (u64)(end - first) << PAGE_SHIFT,
                           E820_RESERVED};

    return first < end ? write_range(w, &e) : 0;
}

/* Takes a permitted range: what lies between the last one and this one is denied. */
static int next_permitted(unsigned long first, unsigned long last, void *arg)
{
    struct map_writer *w = arg;
    int rc;

    if (last < w->first)
        return 0;
    if (first >= w->end)
        return 1; /* enough */
    rc = (int)write_denied(w, w->first, first);
    w->first = last == ~0UL ? last : last + 1;
    return rc;
}

/* Writes the denied frames of [@first, @end). */
static long write_hole(struct map_writer *w, unsigned long first, unsigned long end)
{
    long rc;

    w->first = first;
    w->end = end;
    rc = rangeset_for_each(current->domain->iomem, next_permitted, w);
    if (rc < 0)
        return rc;
    return write_denied(w, w->first, end);
}

static long machine_memory_map(unsigned long arg)
{
    struct xen_memory_map op;
    struct map_writer w;
    unsigned long at = 0; /* frames below are in the map */
    long rc;

    if (!current->domain->privileged)
        return -XEN_EPERM;
    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    w = (struct map_writer){.buffer = handle_addr(op.buffer), .room = op.nr_entries};
    if (w.buffer && w.room < machine_map_entries + 1)
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < machine_map_entries; i++) {
        const struct e820_entry *e = &machine_map[i];

        rc = write_hole(&w, at, e->start >> PAGE_SHIFT);
        if (rc)
            return rc;
        rc = write_range(&w, e);
        if (rc)
            return rc;
        at = MAX(at, (e->start + e->size + PAGE_SIZE - 1) >> PAGE_SHIFT);
    }
    /* Interrupt controllers lie below 4 GiB. */
    rc = write_hole(&w, at, 1UL << (32 - PAGE_SHIFT));
    if (rc)
        return rc;
    op.nr_entries = w.n;
    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

/* ---- the M2P table ---- */

static long machphys_mapping(unsigned long arg)
{
    struct xen_machphys_mapping op = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = MACH2PHYS_NR_ENTRIES - 1,
    };

    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

/* @return our frame behind @offset of the M2P table; INVALID_MFN where it has none */
static mfn_t m2p_frame(unsigned long offset)
{
    static const unsigned int shifts[] = {L4_SHIFT, L3_SHIFT, L2_SHIFT, L1_SHIFT};
    unsigned long va = RW_M2P_START + offset;
    const u64 *table = hv_l4;

    for (unsigned int i = 0; i < ARRAY_SIZE(shifts); i++) {
        u64 e = table[pt_index(va, shifts[i])];

        if (!(e & PTE_PRESENT))
            return INVALID_MFN;
        if (shifts[i] == L1_SHIFT || e & PTE_LARGE)
            return mfn_add(pte_mfn(e), (va & ((1UL << shifts[i]) - 1)) >> PAGE_SHIFT);
        table = mfn_to_virt(pte_mfn(e));
    }
    return INVALID_MFN;
}

/*
 * Lets privileged domains map the table's frames read-only, as frames of DOMID_XEN. It does so only
 * once.
 * @return false: preempted
 */
static bool share_m2p(void)
{
    static spinlock_t lock = SPINLOCK_INIT(RANK_DOMAIN);
    static unsigned long shared; /* bytes */

    spin_lock(&lock);
    while (shared < m2p_bytes) {
        mfn_t mfn = m2p_frame(shared);

        if (!mfn_eq(mfn, INVALID_MFN))
            share_hv_page(mfn_to_virt(mfn), dom_xen, false);
        shared += PAGE_SIZE;
        if (hypercall_preempt_check())
            break;
    }
    spin_unlock(&lock);
    return shared >= m2p_bytes;
}

static long machphys_mfn_list(unsigned long arg)
{
    struct xen_machphys_mfn_list op;
    xen_pfn_t last = 0;
    unsigned int i;

    if (get_guest(&op, arg))
        return -XEN_EFAULT;
    if (current->domain->privileged && !share_m2p())
        return hypercall_continue(__HYPERVISOR_memory_op, 2,
                                  (unsigned long)XENMEM_machphys_mfn_list, arg);
    for (i = 0; i < op.max_extents && ((u64)i << L2_SHIFT) < m2p_bytes; i++) {
        mfn_t mfn = m2p_frame((unsigned long)i << L2_SHIFT);

        /* A gap repeats the frame before it, so that every extent can be mapped. */
        if (!mfn_eq(mfn, INVALID_MFN))
            last = mfn.n;
        if (put_guest_element(handle_addr(op.extent_start), i, &last))
            return -XEN_EFAULT;
    }
    op.nr_extents = i;
    return put_guest(arg, &op) ? -XEN_EFAULT : 0;
}

long arch_memory_op(unsigned long cmd, unsigned long arg)
{
    switch (cmd) {
    case XENMEM_set_memory_map:
        return set_memory_map(arg);
    case XENMEM_memory_map:
        return memory_map(arg);
    case XENMEM_machine_memory_map:
        return machine_memory_map(arg);
    case XENMEM_machphys_mapping:
        return machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(arg);
    default:
        return hypercall_unknown(__HYPERVISOR_memory_op, cmd);
    }
}
