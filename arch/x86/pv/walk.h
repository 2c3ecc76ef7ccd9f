/* SPDX-License-Identifier: MIT */
/*
 * From a guest's address to its entries in the page tables of a vCPU, which are validated (pte.h).
 */
#ifndef PV_WALK_H
#define PV_WALK_H

#include "pte.h"

/* May @va be an address of the guest: is it canonical, and outside our slots? */
static inline bool guest_va_ok(unsigned long va)
{
    return va < 0x0000800000000000UL || va >= HV_VIRT_END;
}

/*
 * Finds the L2 entry behind guest address @va in the kernel root of @v. Locks: page_tables_lock is
 * held; as long as it is, what a validated table names is a validated table of the same owner.
 * @return the entry; 0: there is none
 */
static inline u64 walk_to_l2e(const struct vcpu *v, unsigned long va)
{
    const u64 *t = mfn_to_virt(v->arch.guest_table);
    u64 e = READ_ONCE(t[pt_index(va, L4_SHIFT)]);

    if (unlikely(!(e & PTE_PRESENT)))
        return 0;
    t = mfn_to_virt(pte_mfn(e));
    e = READ_ONCE(t[pt_index(va, L3_SHIFT)]);
    if (unlikely(!(e & PTE_PRESENT)))
        return 0;
    t = mfn_to_virt(pte_mfn(e));
    e = READ_ONCE(t[pt_index(va, L2_SHIFT)]);
    return likely(e & PTE_PRESENT) ? e : 0;
}

/*
 * Finds the L1 table behind guest address @va in the kernel root of the current vCPU @v, and takes
 * both counts on it. *@pe receives the place of the entry.
 * @return NULL: there is none, or @va is not a guest address
 */
static inline struct page *get_l1_table(struct vcpu *v, unsigned long va, u64 **pe)
{
    spinlock_t *lock = &v->domain->arch.page_tables_lock;
    struct page *pg = NULL;
    u64 e;

    if (unlikely(!guest_va_ok(va)))
        return NULL;
    spin_lock(lock);
    e = walk_to_l2e(v, va);
    if (likely(e)) {
        pg = mfn_to_page(pte_mfn(e));
        if (likely(page_try_get_both(pg, PG_TYPE_L1)))
            *pe = (u64 *)mfn_to_virt(pte_mfn(e)) + pt_index(va, L1_SHIFT);
        else
            pg = NULL;
    }
    spin_unlock(lock);
    return pg;
}

/*
 * Finds the L1 entry for guest address @va in the kernel root of the current vCPU @v, and takes
 * page_tables_lock: until the caller gives it up, the entry's table stays a table.
 * @return NULL, without the lock: there is none, or @va is not a guest address
 */
static inline u64 *lock_l1e(struct vcpu *v, unsigned long va)
{
    spinlock_t *lock = &v->domain->arch.page_tables_lock;
    u64 e;

    if (unlikely(!guest_va_ok(va)))
        return NULL;
    spin_lock(lock);
    e = walk_to_l2e(v, va);
    if (likely(e))
        return (u64 *)mfn_to_virt(pte_mfn(e)) + pt_index(va, L1_SHIFT);
    spin_unlock(lock);
    return NULL;
}

static inline void unlock_l1e(struct vcpu *v)
{
    spin_unlock(&v->domain->arch.page_tables_lock);
}

/* @return the same entry as it is at this moment; 0: none */
static inline u64 read_l1e(struct vcpu *v, unsigned long va)
{
    u64 *pe = lock_l1e(v, va), e;

    if (unlikely(!pe))
        return 0;
    e = READ_ONCE(*pe);
    unlock_l1e(v);
    return likely(e & PTE_PRESENT) ? e : 0;
}

#endif
