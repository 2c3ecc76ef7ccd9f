/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls update_va_mapping and update_va_mapping_otherdomain: write the L1 entry behind a
 * virtual address of the caller, and flush as the flags say. This is the commonest page-table
 * operation of a guest that works on single pages.
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>
#include <percpu.h>

#include "mmu.h"
#include "pte.h"
#include "walk.h"

int read_vcpu_mask(const struct domain *d, unsigned long bitmap, cpumask_t *out)
{
    *out = (cpumask_t){{0}};
    for (unsigned int base = 0; base < d->max_vcpus; base += BITS_PER_LONG) {
        u64 bits;

        if (get_guest_element(&bits, bitmap, base / BITS_PER_LONG)) {
            printk_guest(LOG_DEBUG, "the bitmap of vCPUs at %lx cannot be read", bitmap);
            return -XEN_EFAULT;
        }
        for (; bits; bits &= bits - 1) {
            const struct vcpu *v = domain_vcpu(d, base + (unsigned int)__builtin_ctzl(bits));

            /* Translations may remain on the CPU where the vCPU ran last. */
            if (v)
                cpumask_set(out, READ_ONCE(v->processor));
        }
    }
    return 0;
}

/*
 * Flushes as the UVMF_* of @flags say. The entry is written already: only a bad bitmap can still
 * fail.
 */
static int flush_mapping(const struct domain *d, unsigned long va, unsigned long flags)
{
    unsigned long where = flags & ~UVMF_FLUSHTYPE_MASK;
    bool all = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_TLB_FLUSH;
    const cpumask_t *mask = &d->dirty_cpus;
    cpumask_t some;
    int rc;

    if (where == UVMF_LOCAL) {
        if (all)
            tlb_flush_local();
        else
            tlb_flush_page(va);
        return 0;
    }
    if (where != UVMF_ALL) {
        rc = read_vcpu_mask(d, where, &some);
        if (rc)
            return rc;
        mask = &some;
    }
    if (all)
        tlb_flush_mask(mask);
    else
        tlb_flush_page_mask(mask, va);
    return 0;
}

static __noinline int refuse_va(unsigned long va)
{
    printk_guest(LOG_DEBUG, "update_va_mapping of %lx: %s", va,
                 guest_va_ok(va) ? "no L1 table is there" : "not an address of the guest's");
    return -XEN_EINVAL;
}

static inline int update_va(unsigned long va, u64 val, unsigned long flags, struct domain *pg_owner)
{
    struct vcpu *v = current;
    struct page *table;
    u64 *pe;
    int rc;

    table = get_l1_table(v, va, &pe);
    if (unlikely(!table))
        return refuse_va(va);
    rc = l1e_update(pe, val, false, v->domain, pg_owner);
    put_page_and_type(table);
    if (rc || (flags & UVMF_FLUSHTYPE_MASK) == UVMF_NONE ||
        (flags & UVMF_FLUSHTYPE_MASK) == UVMF_FLUSHTYPE_MASK)
        return rc;
    return flush_mapping(v->domain, va, flags);
}

long do_update_va_mapping(unsigned long va, u64 val64, unsigned long flags)
{
    return update_va(va, val64, flags, current->domain);
}

long do_update_va_mapping_otherdomain(unsigned long va, u64 val64, unsigned long flags,
                                      domid_t domid)
{
    struct domain *pg_owner = get_pg_owner(domid);
    long rc;

    if (!pg_owner)
        return -XEN_ESRCH;
    rc = may_target(current->domain, pg_owner) ? update_va(va, val64, flags, pg_owner)
                                               : refuse_target(pg_owner);
    put_pg_owner(pg_owner);
    return rc;
}
