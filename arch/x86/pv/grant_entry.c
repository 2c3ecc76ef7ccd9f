/* SPDX-License-Identifier: MIT */
/*
 * Page-table entries of grant mappings: apart from a privileged domain's foreign updates, only they
 * make an L1 entry name a frame that its table's owner does not own.
 *
 * Such an entry holds counts on its frame like any other (see pv/pte.h); the grant code takes them
 * before it calls here and gets them back when the entry is removed. So the counts stay right
 * whatever the guest does to the entry by mmu_update or by dropping its table. An entry that a new
 * mapping replaces is dropped as mmu_update drops it.
 */
#include <arch.h>
#include <asm/instructions.h>
#include <public/grant_table.h>

#include "pte.h"
#include "walk.h"

/*
 * Takes the table of the entry at machine address @addr (GNTMAP_contains_pte), a validated L1 table
 * of current's, with both counts. An entry that is named by virtual address is held by the lock of
 * the page tables instead.
 * @return NULL: there is none
 */
static struct page *get_named_table(u64 addr)
{
    struct domain *d = current->domain;
    mfn_t mfn = MFN(addr >> PAGE_SHIFT);
    struct page *table = mfn_to_page(mfn);

    if (addr & 7 || !mfn_valid(mfn) || READ_ONCE(table->owner) != page_owner_id(d) ||
        !page_try_get_both(table, PG_TYPE_L1))
        return NULL;
    if (READ_ONCE(table->owner) != page_owner_id(d)) {
        put_page_and_type(table);
        return NULL;
    }
    return table;
}

/*
 * @return the flags of an entry that maps a grant as the GNTMAP_* of @flags say, as l1e_adjust()
 * would make them. The mapping is never executable.
 */
static u64 grant_entry_flags(unsigned int flags)
{
    u64 e = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_NX;

    if (!(flags & GNTMAP_readonly))
        e |= PTE_WRITE;
    e |= PTE_USER | (flags & GNTMAP_application_map ? PTE_GLOBAL : PTE_GUEST_KERNEL);
    return e | (u64)(flags >> _GNTMAP_guest_avail0 & 7) << 9;
}

/* Drops what a new mapping replaced. */
static __noinline int drop_entry(u64 e)
{
    l1e_put(e, current->domain);
    return GNTST_okay;
}

static __noinline int map_named(u64 maddr, u64 e)
{
    struct page *table = get_named_table(maddr);

    if (!table)
        return GNTST_general_error;
    e = xchg((u64 *)maddr_to_virt(maddr), e);
    put_page_and_type(table);
    return drop_entry(e);
}

int arch_grant_map(u64 host_addr, mfn_t frame, unsigned int flags)
{
    u64 e = (frame.n << PAGE_SHIFT) | grant_entry_flags(flags), *pe;
    struct vcpu *v = current;

    if (unlikely(flags & GNTMAP_contains_pte))
        return map_named(host_addr, e);
    pe = lock_l1e(v, host_addr);
    if (unlikely(!pe))
        return GNTST_general_error;
    e = xchg(pe, e);
    unlock_l1e(v);
    return unlikely(e & PTE_PRESENT) ? drop_entry(e) : GNTST_okay;
}

/*
 * Replaces the entry at @pe by @wanted, if it still is the mapping of @frame that @flags describe.
 * Meanwhile the processor may set Accessed and Dirty, and the guest may have changed the bits that
 * it may choose.
 * @return false: it is another entry
 */
static bool replace_grant_entry(u64 *pe, mfn_t frame, unsigned int flags, u64 wanted)
{
    u64 e = READ_ONCE(*pe), want = PTE_PRESENT | (flags & GNTMAP_readonly ? 0 : PTE_WRITE);

    do {
        if (pte_mfn(e).n != frame.n || (e & (PTE_PRESENT | PTE_WRITE)) != want)
            return false;
    } while (!cmpxchg(pe, &e, wanted));
    return true;
}

static __noinline int unmap_named(u64 maddr, mfn_t frame, unsigned int flags)
{
    struct page *table = get_named_table(maddr);
    bool done;

    if (!table)
        return GNTST_general_error;
    done = replace_grant_entry(maddr_to_virt(maddr), frame, flags, 0);
    put_page_and_type(table);
    return done ? GNTST_okay : GNTST_general_error;
}

int arch_grant_unmap(u64 host_addr, mfn_t frame, unsigned int flags)
{
    struct vcpu *v = current;
    bool done;
    u64 *pe;

    if (unlikely(flags & GNTMAP_contains_pte))
        return unmap_named(host_addr, frame, flags);
    pe = lock_l1e(v, host_addr);
    if (unlikely(!pe))
        return GNTST_general_error;
    done = replace_grant_entry(pe, frame, flags, 0);
    unlock_l1e(v);
    return likely(done) ? GNTST_okay : GNTST_general_error;
}

int arch_grant_replace(u64 host_addr, mfn_t frame, u64 new_addr, unsigned int flags)
{
    struct page *table, *from;
    u64 *pe, *from_pe, moved;
    bool done;

    if (!new_addr)
        return arch_grant_unmap(host_addr, frame, flags);
    if (flags & GNTMAP_contains_pte)
        return GNTST_general_error; /* the two addresses would be of different kinds */
    from = get_l1_table(current, new_addr, &from_pe);
    if (!from)
        return GNTST_general_error;
    table = get_l1_table(current, host_addr, &pe);
    if (!table) {
        put_page_and_type(from);
        return GNTST_general_error;
    }
    /*
     * The entry at @new_addr moves over, with the counts that it holds; if it cannot move, it is
     * unmapped nevertheless.
     */
    moved = xchg(from_pe, 0);
    done = replace_grant_entry(pe, frame, flags, moved);
    if (!done)
        l1e_put(moved, current->domain);
    put_page_and_type(table);
    put_page_and_type(from);
    return done ? GNTST_okay : GNTST_general_error;
}

void arch_grant_flush(const struct domain *d)
{
    tlb_flush_mask(&d->dirty_cpus);
}
