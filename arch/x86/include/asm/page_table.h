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
#ifndef ASM_PAGE_TABLE_H
#define ASM_PAGE_TABLE_H

#include <asm/pte.h>
#include <domain.h>

/* Software bit 52: the guest asked for a supervisor page. */
#define PTE_GUEST_KERNEL (1UL << 52)
/* How an L1 entry is cached; only for domains that have been given devices. */
#define L1E_CACHE_BITS (PTE_PWT | PTE_PCD | PTE_PAT)
/* Not to be set above L1: caching, superpages, global. */
#define DIR_REFUSED_BITS (PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL)
/*
 * Entries that differ in these alone hold the same references: flags without effect on rights to
 * the frame.
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
void l1e_put_segdesc(struct page *pg, struct domain *l1_owner);

/*
 * Takes what the present entry @e will hold in a table of @l1_owner, for a frame that has to be
 * @pg_owner's. 0; > 0: bits to be flipped in the entry first (caching of devices); -XEN_EINVAL:
 * refused flags; -XEN_EBUSY: another owner, or the frame may not become writable; -XEN_EPERM: a
 * device that was not given.
 */
HOT_INLINE int l1e_get(u64 e, struct domain *l1_owner, struct domain *pg_owner)
{
    if (likely(!(e & L1E_CACHE_BITS) && mfn_valid(pte_mfn(e)))) {
        struct page *pg = mfn_to_page(pte_mfn(e));
        u32 owner = page_owner_id(pg_owner);

        /*
         * The owner is looked at before, to leave other domains' counts alone, and again once it
         * cannot change.
         */
        if (likely(READ_ONCE(pg->owner) == owner)) {
            if (e & PTE_WRITE) {
                if (likely(page_try_get_both(pg, PG_TYPE_WRITABLE))) {
                    if (likely(READ_ONCE(pg->owner) == owner))
                        return 0;
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

/* Drops what an entry held in a table of @l1_owner. */
static inline void l1e_put(u64 e, struct domain *l1_owner)
{
    struct page *pg;
    u64 s;

    if (!(e & PTE_PRESENT) || unlikely(!mfn_valid(pte_mfn(e))))
        return;
    pg = mfn_to_page(pte_mfn(e));
    s = READ_ONCE(pg->state);
    if (e & PTE_WRITE) {
        do {
            if (unlikely((s & PG_TYPE_COUNT_MASK) <= PG_TYPE_ONE)) {
                l1e_put_last(pg);
                return;
            }
        } while (unlikely(!cmpxchg(&pg->state, &s, s - PG_TYPE_ONE - PG_REF_ONE)));
    } else {
        if (unlikely(!(s & PG_REF_MASK)))
            return; /* not RAM */
        if (unlikely((s & PG_TYPE_MASK) == PG_TYPE_SEGDESC))
            l1e_put_segdesc(pg, l1_owner);
        put_page(pg);
    }
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
 * What the CPU is to see of a present L1 entry. A page for the guest's kernel alone is never
 * global, even if the guest asks for that: user mode would find its translation in the TLB.
 */
static inline u64 l1e_adjust(u64 e)
{
    if (!(e & PTE_USER)) {
        e |= PTE_GUEST_KERNEL | PTE_USER;
        __asm__("" : "+r"(e)); /* else gcc merges this with the next line, and needs more */
        e &= ~PTE_GLOBAL;
    } else if (e & PTE_GUEST_KERNEL) {
        __asm__("" : "+r"(e)); /* a jump costs less than to choose between two results */
        e &= ~PTE_GLOBAL;
    } else {
        e |= PTE_GLOBAL;
    }
    return e;
}

/*
 * Puts @wanted into *@pe and returns what was there; with @preserve_ad the CPU's Accessed and Dirty
 * bits stay.
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
 * Replaces *@pe by the adjusted @wanted if that leaves the references as they are. False: it does
 * not.
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
 * @pg_owner: whose frame it may name. Errors as l1e_get(), and then nothing changed.
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
 * count. -XEN_EINVAL: refused flags, a frame that is not the domain's, one that cannot be a table,
 * a slot of ours; the errors of the validation of a new table; -ERESTART: again. What becomes of
 * the old table may be left to page_finish_old_tables().
 */
int dir_entry_update(u64 *pe, u64 wanted, bool preserve_ad, unsigned int level, struct domain *d);

/* ---- roots and walks ---- */

/* May @va be an address of the guest: canonical, and not in our slots? */
static inline bool guest_va_ok(unsigned long va)
{
    return va < 0x0000800000000000UL || va >= HV_VIRT_END;
}

/*
 * The L2 entry behind guest address @va in the kernel root of @v; 0: none. Under page_tables_lock:
 * what a validated table names is a validated table of the same owner, for as long as the lock is
 * held.
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
 * The L1 table behind guest address @va in the kernel root of the current vCPU @v, with both counts
 * taken, and the entry in it; NULL: there is none, or it is not a guest address.
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
 * The L1 entry for guest address @va in the kernel root of the current vCPU @v, with
 * page_tables_lock held: until it is given up, the entry's table stays one. NULL, without the lock:
 * there is none, or it is not a guest address.
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

/* The same entry as it is at this moment; 0: none. */
static inline u64 read_l1e(struct vcpu *v, unsigned long va)
{
    u64 *pe = lock_l1e(v, va), e;

    if (unlikely(!pe))
        return 0;
    e = READ_ONCE(*pe);
    unlock_l1e(v);
    return likely(e & PTE_PRESENT) ? e : 0;
}

/* Shows or hides the M2P table in a root, for VMASST_TYPE_m2p_strict. */
void root_set_m2p(mfn_t root, bool visible);

/*
 * Loads a new kernel root on the current vCPU. Errors as get_page_type(). -ERESTART: again, same
 * arguments.
 */
int set_kernel_root(struct vcpu *v, mfn_t mfn);

/* ---- what the page-table hypercalls share ---- */

/* Set in the count of a hypercall that continues. */
#define MMU_UPDATE_PREEMPTED (1U << 31)

/*
 * Who owns the frames that a hypercall names, with a reference unless it is the caller. NULL: no
 * such domain, or the caller's own number, not DOMID_SELF.
 */
struct domain *get_pg_owner(domid_t domid);
/* Gives back what get_pg_owner() returned. */
void put_pg_owner(struct domain *owner);

/* The current domain may not name what is @owner's: says so. -XEN_EPERM. */
long refuse_target(const struct domain *owner);

/* May @d act on @target: itself, or anybody when privileged? */
static inline bool may_target(const struct domain *d, const struct domain *target)
{
    return d == target || d->privileged;
}

/*
 * Device frames that no guest may map writable: it gets a read-only mapping. NULL: there are none.
 */
extern struct rangeset *mmio_read_only;

/*
 * Has the domain been given any device? Then it may choose how its pages are cached, and flush
 * caches.
 */
bool domain_has_devices(const struct domain *d);

/* The CPUs that vCPUs in the guest's bitmap at @bitmap run on. 0; -XEN_EFAULT. */
int read_vcpu_mask(const struct domain *d, unsigned long bitmap, cpumask_t *out);

/*
 * End of mmu_update and mmuext_op after @i of @count elements: continues the hypercall if @rc is
 * -ERESTART, and tells the guest how many elements are done.
 */
long finish_batch(unsigned int op, unsigned long reqs, size_t element, unsigned int count,
                  unsigned int i, unsigned int done, unsigned long pdone, unsigned int foreigndom,
                  long rc);

/*
 * --- descriptor tables (descriptor.c) -----------------------------------------------------------
 */

/* Can the processor be shown this descriptor? Then it is made to give no more than ring 3. */
bool check_descriptor(u64 *desc);
/* Every descriptor of a frame is such; -XEN_EINVAL: not. */
int validate_segdesc(const struct page *pg);
/* MMUEXT_SET_LDT for the current vCPU; the arguments are checked. */
void set_ldt(struct vcpu *v, unsigned long base, unsigned int entries);
/* Unmaps the LDT of @v from its window. True: there was something, so its CPU has to flush. */
bool destroy_ldt(struct vcpu *v);
/* Unmaps the LDTs of all vCPUs of @d and flushes, so that the frames may be reused. */
void drop_ldts(struct domain *d);

#endif
