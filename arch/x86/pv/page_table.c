/* SPDX-License-Identifier: MIT */
/*
 * Guest page tables: checking whole tables, taking them apart, and the rare cases of single
 * entries.
 *
 * page_type.c calls this file to make a frame a page table: validation takes the references of each
 * present entry (pv/pte.h says which), adjusts the entries to how the CPU has to see them, and
 * writes our own slots into an L4. It refuses tables that refer to tables of their own level, and
 * superpages.
 *
 * L1 tables are done in one go. Directories are preemptible after each entry: entries below
 * page->done hold their references, and the table that entry page->done names may itself be half
 * done.
 */
#include <arch.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <hypercall.h>

#include "descriptor.h"
#include "mmu.h"
#include "pte.h"

#define DIR_TYPE(level) table_type((level)-1)

/* ---- L1 entries: what the inline path does not take ---- */

struct rangeset *mmio_read_only;

static int found_one(unsigned long first, unsigned long last, void *arg)
{
    return 1;
}

bool domain_has_devices(const struct domain *d)
{
    return rangeset_for_each(d->iomem, found_one, NULL) ||
           rangeset_for_each(d->ioports, found_one, NULL);
}

/*
 * The part of l1e_get() for a frame that is not RAM: device registers or firmware tables. It counts
 * nothing.
 */
static int l1e_get_io(u64 e, struct domain *l1_owner, struct domain *pg_owner)
{
    unsigned long mfn = pte_mfn(e).n;
    int drop = 0;

    if (pg_owner == dom_io)
        pg_owner = current->domain;
    if (!rangeset_contains(pg_owner->iomem, mfn, mfn) ||
        (pg_owner != l1_owner && !rangeset_contains(l1_owner->iomem, mfn, mfn))) {
        if (mfn == PTE_ADDR_MASK >> PAGE_SHIFT)
            return -XEN_EINVAL; /* an entry made of the invalid frame number */
        printk_guest(LOG_WARNING, "mapping of frame %lx, which is not RAM: not given to d%u", mfn,
                     pg_owner->id);
        return -XEN_EPERM;
    }
    if (e & PTE_WRITE && mmio_read_only && rangeset_contains(mmio_read_only, mfn, mfn))
        drop = PTE_WRITE;
    /*
     * Write-back, write-through and write-protected become uncached; the other kinds are left
     * alone.
     */
    switch (e & L1E_CACHE_BITS) {
    case 0:
        return drop | PTE_PWT | PTE_PCD;
    case PTE_PWT:
        return drop | PTE_PCD;
    case PTE_PWT | PTE_PAT:
        return drop | PTE_PCD | PTE_PAT;
    default:
        return drop;
    }
}

int l1e_get_slow(u64 e, struct domain *l1_owner, struct domain *pg_owner)
{
    mfn_t mfn = pte_mfn(e);
    struct page *pg = mfn_to_page(mfn);
    struct domain *owner;

    if (e & L1E_CACHE_BITS && !domain_has_devices(l1_owner)) {
        printk_guest(LOG_WARNING, "L1 entry %lx: cache bits (98), but d%u has no devices", e,
                     l1_owner->id);
        return -XEN_EINVAL;
    }
    if (!mfn_valid(mfn) || (!page_refs(READ_ONCE(pg->state)) && !frame_is_ram(mfn)))
        return l1e_get_io(e, l1_owner, pg_owner);

    if (!page_try_get(pg)) {
        page_refused("mapping of frame", mfn, pg_owner, PG_TYPE_NONE);
        return -XEN_EBUSY;
    }
    owner = page_owner(pg);
    /*
     * A domain that writes into another domain's tables may also name frames of a third one, if it
     * controls that one.
     */
    if (owner != pg_owner && (!owner || l1_owner == pg_owner || !may_target(pg_owner, owner))) {
        page_refused("mapping of frame", mfn, pg_owner, PG_TYPE_NONE);
        put_page(pg);
        return -XEN_EBUSY;
    }
    if (e & PTE_WRITE && get_page_type(pg, PG_TYPE_WRITABLE, false)) {
        page_refused("writable mapping of frame", mfn, owner, PG_TYPE_WRITABLE);
        put_page(pg);
        return -XEN_EBUSY;
    }
    if (e & PTE_WRITE && owner != l1_owner)
        page_mark_foreign(pg);
    if (e & L1E_CACHE_BITS)
        page_mark_uncached(pg);
    return 0;
}

/*
 * Drops both counts of a frame that its owner has and that one entry alone maps writable, as it is
 * with most entries. The frame is BUSY while it is stamped: drop_type() says why.
 * @return false: nothing was dropped, since it is not so or another CPU changes a count just now
 */
static inline bool put_only_writable(struct page *pg)
{
    u64 s = READ_ONCE(pg->state);

    if ((s & ~PG_REF_MASK) != (PG_ALLOCATED | PG_TYPE_WRITABLE | PG_VALID | PG_TYPE_ONE) ||
        !cmpxchg(&pg->state, &s, s - PG_VALID + PG_BUSY))
        return false;
    page_stamp(pg);
    s = atomic_add(&pg->state, PG_VALID - PG_BUSY - PG_TYPE_ONE - PG_REF_ONE);
    if (unlikely(!page_refs(s)))
        page_release(pg);
    return true;
}

HOT_INLINE void put_last(struct page *pg)
{
    if (likely(put_only_writable(pg)))
        return;
    if (page_refs(READ_ONCE(pg->state)))
        put_page_and_last_type(pg);
    /* else the frame is not RAM, and nothing was counted */
}

void l1e_put_last(struct page *pg)
{
    put_last(pg);
}

/*
 * The guest may be about to reuse an LDT frame: it does not know which of its LDT pages we have
 * mapped.
 */
bool l1e_is_of_ldt(const struct page *pg, const struct domain *l1_owner)
{
    return page_type_count(READ_ONCE(pg->state)) && page_owner(pg) == l1_owner;
}

/* ---- whole tables ---- */

static u64 *table_of(const struct page *pg)
{
    return mfn_to_virt(page_to_mfn(pg));
}

/*
 * Most tables of most processes are nearly empty, so eight entries are skipped at once where none
 * is present.
 */
#define GROUP 8U

static inline bool group_absent(const u64 *e)
{
    return !((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) & PTE_PRESENT);
}

/* Does a group without a present entry begin at @pe? */
static inline bool at_absent_group(const u64 *pe)
{
    return (unsigned long)pe % (GROUP * sizeof(*pe)) == 0 && group_absent(pe);
}

static int validate_l1(struct page *pg, struct domain *d)
{
    u64 *const table = table_of(pg), *const end = table + PT_ENTRIES;
    bool ldt = false;

    for (u64 *pe = table; pe < end; pe++) {
        u64 e = *pe, adjusted;
        int rc;

        if (!(e & PTE_PRESENT)) {
            if (at_absent_group(pe))
                pe += GROUP - 1;
            continue;
        }
        rc = l1e_get(e, d, d);
        if (unlikely(rc < 0)) {
            printk_guest(LOG_DEBUG, "entry %ld of L1 %lx is refused: %lx", pe - table,
                         page_to_mfn(pg).n, e);
            while (pe-- > table)
                ldt |= l1e_put_by(*pe, d, l1e_put_last);
            if (ldt)
                drop_ldts(d);
            return rc;
        }
        adjusted = l1e_adjust(e) ^ (u64)rc;
        if (adjusted != e)
            WRITE_ONCE(*pe, adjusted);
    }
    return 0;
}

static __noinline void invalidate_l1(struct page *pg, struct domain *d)
{
    const u64 *const table = table_of(pg), *const end = table + PT_ENTRIES;
    bool ldt = false;

    for (const u64 *pe = table; pe < end; pe++) {
        u64 e = *pe;

        if (e & PTE_PRESENT) {
            if (unlikely(l1e_put_by(e, d, put_last)))
                ldt = true;
        } else if (at_absent_group(pe)) {
            pe += GROUP - 1;
        }
    }
    if (unlikely(ldt))
        drop_ldts(d);
}

/* Logs why entry @e of a directory of @level is refused. */
static __noinline int refuse_dir_entry(u64 e, unsigned int level, const struct domain *d, int rc)
{
    static const char *const what[] = {"L2 entry for L1", "L3 entry for L2", "L4 entry for L3"};

    if (e & DIR_REFUSED_BITS)
        printk_guest(LOG_DEBUG,
                     "L%u entry %lx: superpages, cache and global bits (198) are refused", level,
                     e);
    else if (rc != -ERESTART)
        page_refused(what[level - 2], pte_mfn(e), d, DIR_TYPE(level));
    return rc;
}

/*
 * Takes both counts on the table that entry @e of a directory of @level names. @nested says that
 * the directory itself is being validated: it then takes apart what an error leaves.
 */
static int dir_entry_get(u64 e, unsigned int level, struct domain *d, bool nested, bool preemptible)
{
    mfn_t mfn = pte_mfn(e);
    struct page *pg = mfn_to_page(mfn);
    int rc;

    if (e & DIR_REFUSED_BITS || !mfn_valid(mfn))
        return refuse_dir_entry(e, level, d, -XEN_EINVAL);
    if (!nested) {
        rc = get_page_and_type_preemptible(pg, d, DIR_TYPE(level));
        return likely(!rc) ? 0 : refuse_dir_entry(e, level, d, rc);
    }
    if (!get_page(pg, d))
        return refuse_dir_entry(e, level, d, -XEN_EINVAL);
    rc = page_claim_type(pg, DIR_TYPE(level), preemptible);
    if (unlikely(rc)) {
        refuse_dir_entry(e, level, d, rc);
        put_page(pg);
    }
    return rc;
}

/* Writes our own slots of a root, from our own root, and the descriptors' windows. */
static void write_hv_slots(u64 *l4, const struct domain *d)
{
    for (unsigned int i = HV_L4_FIRST; i <= HV_L4_LAST; i++)
        l4[i] = hv_l4[i];
    l4[DESCRIPTORS_L4_SLOT] = descriptors_l4_entry;
    if (d->vm_assist >> VMASST_TYPE_m2p_strict & 1)
        l4[HV_L4_FIRST] = 0;
}

void root_set_m2p(mfn_t root, bool visible)
{
    u64 *l4 = mfn_to_virt(root);

    WRITE_ONCE(l4[HV_L4_FIRST], visible ? hv_l4[HV_L4_FIRST] : 0);
}

static int validate_directory(struct page *pg, unsigned int level, struct domain *d,
                              bool preemptible)
{
    u64 *table = table_of(pg);

    for (unsigned int i = pg->done; i < PT_ENTRIES; i++) {
        u64 e = table[i];
        int rc;

        if (!(e & PTE_PRESENT)) {
            if (i % GROUP == 0 && group_absent(&table[i]))
                i += GROUP - 1;
            continue;
        }
        if (level == 4 && is_hv_l4_slot(i))
            continue;
        rc = dir_entry_get(e, level, d, true, preemptible);
        if (rc) {
            if (rc != -ERESTART)
                printk_guest(
                    LOG_DEBUG, "entry %u of L%u %lx is refused%s", i, level, page_to_mfn(pg).n,
                    mfn_eq(pte_mfn(e), page_to_mfn(pg)) ? ": a table may not name itself" : "");
            pg->done = (u16)i;
            return rc;
        }
        if (!(e & PTE_USER))
            WRITE_ONCE(table[i], e | PTE_USER);
        if (preemptible && hypercall_preempt_check()) {
            pg->done = (u16)(i + 1);
            return -ERESTART;
        }
    }
    if (level == 4)
        write_hv_slots(table, d);
    return 0;
}

static int invalidate_directory(struct page *pg, unsigned int level, struct domain *d,
                                bool preemptible)
{
    const u64 *table = table_of(pg);
    unsigned int i = pg->done;
    int rc;

    /*
     * Work on this directory stopped in the table that this entry names: that one is unfinished,
     * and belongs to no other directory.
     */
    if (i < PT_ENTRIES && level > 2 && table[i] & PTE_PRESENT &&
        !(level == 4 && is_hv_l4_slot(i)) && mfn_valid(pte_mfn(table[i]))) {
        struct page *child = mfn_to_page(pte_mfn(table[i]));

        if (get_page(child, d)) {
            rc = page_take_apart(child, DIR_TYPE(level), preemptible);
            put_page(child);
            if (rc)
                return rc;
        }
    }
    while (i > 0) {
        u64 e = table[--i];

        if (!(e & PTE_PRESENT)) {
            if (i % GROUP == GROUP - 1 && group_absent(&table[i - (GROUP - 1)]))
                i -= GROUP - 1;
            continue;
        }
        if (level == 4 && is_hv_l4_slot(i))
            continue;
        /*
         * From here on the entry holds no reference; an unfinished table below is found again
         * through it.
         */
        pg->done = (u16)i;
        rc = put_page_and_type_nested(mfn_to_page(pte_mfn(e)), preemptible);
        if (rc)
            return rc;
        if (preemptible && i > 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

int arch_validate_page(struct page *pg, u64 type, bool preemptible)
{
    struct domain *d = page_owner(pg);

    switch (type) {
    case PG_TYPE_L1:
        return validate_l1(pg, d);
    case PG_TYPE_L2:
    case PG_TYPE_L3:
    case PG_TYPE_L4:
        return validate_directory(pg, table_level(type), d, preemptible);
    case PG_TYPE_SEGDESC:
        return validate_segdesc(pg);
    default:
        BUG();
    }
}

int arch_invalidate_page(struct page *pg, u64 type, bool preemptible)
{
    struct domain *d = page_owner(pg);

    if (type == PG_TYPE_L1) {
        invalidate_l1(pg, d);
        return 0;
    }
    return invalidate_directory(pg, table_level(type), d, preemptible);
}

/* ---- single entries of directories ---- */

int dir_entry_update(u64 *pe, u64 wanted, bool preserve_ad, unsigned int level, struct domain *d)
{
    unsigned int slot = ((unsigned long)pe & ~PAGE_MASK) / sizeof(*pe);
    u64 old;
    int rc;

    if (level == 4 && is_hv_l4_slot(slot)) {
        printk_guest(LOG_DEBUG, "slot %u of an L4 is the hypervisor's", slot);
        return -XEN_EINVAL;
    }
    if (wanted & PTE_PRESENT) {
        if (wanted & DIR_REFUSED_BITS)
            return refuse_dir_entry(wanted, level, d, -XEN_EINVAL);
        if (pte_replace_similar(pe, wanted, wanted | PTE_USER, preserve_ad))
            return 0;
        rc = dir_entry_get(wanted, level, d, false, true);
        if (rc)
            return rc;
        wanted |= PTE_USER;
    }
    /* Walks rely on the tables above L1 until they have taken counts on the L1 table. */
    spin_lock(&d->arch.page_tables_lock);
    old = pte_exchange(pe, wanted, preserve_ad);
    spin_unlock(&d->arch.page_tables_lock);
    if (old & PTE_PRESENT)
        put_page_table(mfn_to_page(pte_mfn(old)));
    return 0;
}
