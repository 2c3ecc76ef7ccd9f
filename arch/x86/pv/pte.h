/* SPDX-License-Identifier: MIT */
/*
 * Entries of guest page tables: what they may say and which references they hold.
 *
 * A present entry of a validated table holds, on the frame that it names,
 *   - at L1: a general count, and if it is writable a type count of PG_TYPE_WRITABLE. Frames that
 *     are not RAM are not counted; the owner must have been given them (domain.iomem).
 *   - at L2 to L4: a general count and a type count of the table type one level down; the frame has
 *     the same owner.
 *
 * The references travel with the entry: whoever takes the old value out by an atomic exchange drops
 * what it held. So entries of one table may be changed on several CPUs at once without a lock. Only
 * walks from a root rely on the tables above L1 staying where they are:
 * domain.arch.page_tables_lock is held while an entry of L2 to L4 is exchanged and during such a
 * walk.
 *
 * A guest's kernel runs in ring 3, so every mapping that it makes is a user mapping for the CPU.
 * What the guest itself calls a user page is global and survives changes between the two roots of a
 * vCPU; its kernel pages are marked with PTE_GUEST_KERNEL instead. Entries are adjusted to that
 * when they are made, and read back adjusted.
 */
#ifndef PV_PTE_H
#define PV_PTE_H

#include <asm/pte.h>
#include <domain.h>

#include "descriptor.h"

/* Software bit 52: the guest asked for a supervisor page. */
#define PTE_GUEST_KERNEL (1UL << 52)
/* How an L1 entry is cached; only for domains that have been given devices. */
#define L1E_CACHE_BITS (PTE_PWT | PTE_PCD | PTE_PAT)
/* Not to be set above L1: caching, superpages, global. */
#define DIR_REFUSED_BITS (PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL)
/*
 * Entries that differ only in these flags hold the same references, since the flags have no effect
 * on rights to the frame.
 */
#define PTE_HARMLESS_BITS \
    (PTE_NX | 0x7ffUL << 52 | 7UL << 9 | PTE_GLOBAL | PTE_DIRTY | PTE_ACCESSED | PTE_USER)

static inline mfn_t pte_mfn(u64 e)
{
    return MFN((e & PTE_ADDR_MASK) >> PAGE_SHIFT);
}

/* The type of a table of @level, and the level of a table type. */
static inline u64 table_type(unsigned int level)
{
    return (u64)level << PG_TYPE_SHIFT;
}

static inline unsigned int table_level(u64 state)
{
    return (state & PG_TYPE_MASK) >> PG_TYPE_SHIFT;
}

static inline bool is_hv_l4_slot(unsigned int slot)
{
    return slot - HV_L4_FIRST <= HV_L4_LAST - HV_L4_FIRST;
}

/* ---- L1 entries ---- */

int l1e_get_slow(u64 e, struct domain *l1_owner, struct domain *pg_owner);
void l1e_put_last(struct page *pg);
bool l1e_is_of_ldt(const struct page *pg, const struct domain *l1_owner);

/*
 * Takes the references that the present entry @e will hold in a table of @l1_owner; its frame has
 * to be @pg_owner's.
 * @return 0; > 0: bits to be flipped in the entry first (caching of devices); -XEN_EINVAL: refused
 * flags; -XEN_EBUSY: another owner, or the frame may not become writable; -XEN_EPERM: a device
 * frame that the domain was not given
 */
HOT_INLINE int l1e_get(u64 e, struct domain *l1_owner, struct domain *pg_owner)
{
    if (likely(!(e & L1E_CACHE_BITS) && mfn_valid(pte_mfn(e)))) {
        struct page *pg = mfn_to_page(pte_mfn(e));
        u32 owner = page_owner_id(pg_owner);

        /*
         * The owner is checked first, to leave other domains' counts alone, and again once it
         * cannot change.
         */
        if (likely(READ_ONCE(pg->owner) == owner)) {
            if (e & PTE_WRITE) {
                if (likely(page_try_get_both(pg, PG_TYPE_WRITABLE))) {
                    if (likely(READ_ONCE(pg->owner) == owner)) {
                        if (unlikely(pg_owner != l1_owner))
                            page_mark_foreign(pg);
                        return 0;
                    }
                    put_page_and_type(pg);
                }
            } else if (likely(page_try_get(pg))) {
                if (likely(READ_ONCE(pg->owner) == owner))
                    return 0;
                put_page(pg);
            }
        }
    }
    return l1e_get_slow(e, l1_owner, pg_owner);
}

/*
 * Drops the references that an entry held in a table of @l1_owner. Where the frame has no other
 * writable mapping, or is not RAM, @put_last does it: l1e_put_last(), or a copy of it in line.
 * @return true: the frame may be shown as part of an LDT. The caller has to drop the domain's LDTs,
 * once for as many entries as it likes: each time may interrupt other CPUs.
 */
HOT_INLINE bool l1e_put_by(u64 e, struct domain *l1_owner, void (*put_last)(struct page *pg))
{
    struct page *pg;
    u64 s;

    if (!(e & PTE_PRESENT) || unlikely(!mfn_valid(pte_mfn(e))))
        return false;
    pg = mfn_to_page(pte_mfn(e));
    s = READ_ONCE(pg->state);
    if (e & PTE_WRITE) {
        do {
            if (unlikely((s & PG_TYPE_COUNT_MASK) <= PG_TYPE_ONE)) {
                put_last(pg);
                return false;
            }
        } while (unlikely(!cmpxchg(&pg->state, &s, s - PG_TYPE_ONE - PG_REF_ONE)));
        return false;
    }
    if (unlikely(!(s & PG_REF_MASK)))
        return false; /* not RAM */
    if (unlikely((s & PG_TYPE_MASK) == PG_TYPE_SEGDESC) && l1e_is_of_ldt(pg, l1_owner)) {
        put_page(pg);
        return true;
    }
    put_page(pg);
    return false;
}

static inline void l1e_put(u64 e, struct domain *l1_owner)
{
    if (unlikely(l1e_put_by(e, l1_owner, l1e_put_last)))
        drop_ldts(l1_owner);
}

/*
 * Does @wanted only take the right to write away from the present entry @old, and does the frame
 * belong to @d? Then the general count stays with the entry, and l1e_drop_write() drops the rest
 * once it is written: guests do this to every page at each fork.
 */
static inline bool l1e_is_write_protection(u64 old, u64 wanted, const struct domain *d)
{
    return ((old ^ wanted) & ~(PTE_HARMLESS_BITS | PTE_WRITE)) == 0 && old & PTE_WRITE &&
           !(wanted & PTE_WRITE) && mfn_valid(pte_mfn(old)) &&
           READ_ONCE(mfn_to_page(pte_mfn(old))->owner) == page_owner_id(d);
}

static inline void l1e_drop_write(u64 old)
{
    struct page *pg = mfn_to_page(pte_mfn(old));
    u64 s = READ_ONCE(pg->state);

    do {
        if (unlikely((s & PG_TYPE_COUNT_MASK) <= PG_TYPE_ONE)) {
            put_page_type(pg, false);
            return;
        }
    } while (unlikely(!cmpxchg(&pg->state, &s, s - PG_TYPE_ONE)));
}

/*
 * @return the present L1 entry @e as the CPU has to see it. A page for the guest's kernel alone is
 * never global, even if the guest asks for that: user mode would find its translation in the TLB.
 */
static inline u64 l1e_adjust(u64 e)
{
    if (!(e & PTE_USER)) {
        e |= PTE_GUEST_KERNEL | PTE_USER;
        HIDE_VALUE(e); /* else gcc merges this with the next line, and needs more */
        e &= ~PTE_GLOBAL;
    } else if (e & PTE_GUEST_KERNEL) {
        HIDE_VALUE(e); /* a jump costs less than to choose between two results */
        e &= ~PTE_GLOBAL;
    } else {
        e |= PTE_GLOBAL;
    }
    return e;
}

/*
 * Puts @wanted into *@pe; with @preserve_ad the CPU's Accessed and Dirty bits stay.
 * @return the entry that was there
 */
static inline u64 pte_exchange(u64 *pe, u64 wanted, bool preserve_ad)
{
    u64 old;

    if (!preserve_ad)
        return xchg(pe, wanted);
    old = READ_ONCE(*pe);
    while (!cmpxchg(pe, &old, wanted | (old & (PTE_ACCESSED | PTE_DIRTY))))
        ;
    return old;
}

/*
 * Replaces *@pe by the adjusted @wanted if that leaves the references as they are.
 * @return false: it does not, and nothing was changed
 */
static inline bool pte_replace_similar(u64 *pe, u64 wanted, u64 adjusted, bool preserve_ad)
{
    u64 old = READ_ONCE(*pe);

    while (!((old ^ wanted) & ~PTE_HARMLESS_BITS))
        if (likely(
                cmpxchg(pe, &old, adjusted | (preserve_ad ? old & (PTE_ACCESSED | PTE_DIRTY) : 0))))
            return true;
    return false;
}

/*
 * Writes an entry of a validated L1 table of @l1_owner, on which the caller holds a type count.
 * @pg_owner is the domain whose frame the entry may name.
 * @return 0; an error of l1e_get(): nothing was changed
 */
HOT_INLINE int l1e_update(u64 *pe, u64 wanted, bool preserve_ad, struct domain *l1_owner,
                          struct domain *pg_owner)
{
    if (wanted & PTE_PRESENT) {
        u64 adjusted = l1e_adjust(wanted);
        int rc;

        if (pte_replace_similar(pe, wanted, adjusted, preserve_ad))
            return 0;
        rc = l1e_get(wanted, l1_owner, pg_owner);
        if (unlikely(rc)) {
            if (rc < 0)
                return rc;
            adjusted ^= (u64)rc;
        }
        wanted = adjusted;
    }
    l1e_put(pte_exchange(pe, wanted, preserve_ad), l1_owner);
    return 0;
}

/* ---- L2 to L4 entries ---- */

/*
 * Writes an entry of a validated table of @level (2 to 4) of @d, on which the caller holds a type
 * count. Taking the old table apart may be left to page_finish_old_tables().
 * @return 0; -XEN_EINVAL: refused flags, a frame that is not the domain's, one that cannot be a
 * table, or a slot of ours; errors of the validation of a new table; -ERESTART: preempted, to be
 * called again
 */
int dir_entry_update(u64 *pe, u64 wanted, bool preserve_ad, unsigned int level, struct domain *d);

#endif
