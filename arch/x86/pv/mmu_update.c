/* SPDX-License-Identifier: MIT */
/*
 * Hypercall mmu_update: writes entries of page tables, and of the M2P table.
 *
 * Elements are done in order; the first that is refused ends the batch, and *pdone says how many
 * were done. Guests send runs of entries of one table, so the table found last stays referenced
 * from element to element.
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>

#include "mmu.h"
#include "pte.h"

/* ---- shared with mmuext_op ---- */

struct domain *get_pg_owner(domid_t domid)
{
    struct domain *d = current->domain;

    if (likely(domid == DOMID_SELF))
        return d;
    if (domid == d->id) {
        printk_guest(LOG_DEBUG, "domain %u is the caller, which has to say DOMID_SELF", domid);
        return NULL;
    }
    d = get_domain_by_id(domid); /* finds dom_io and dom_xen, too */
    if (!d)
        printk_guest(LOG_DEBUG, "there is no domain %u", domid);
    return d;
}

long refuse_target(const struct domain *owner)
{
    printk_guest(LOG_DEBUG, "not privileged: it may not name frames or tables of d%u", owner->id);
    return -XEN_EPERM;
}

void put_pg_owner(struct domain *owner)
{
    if (unlikely(owner != current->domain))
        put_domain(owner);
}

long finish_batch(unsigned int op, unsigned long reqs, size_t element, unsigned int count,
                  unsigned int i, unsigned int done, unsigned long pdone, unsigned int foreigndom,
                  long rc)
{
    if (pdone) {
        done += i;
        put_guest(pdone, &done);
    }
    if (rc == -ERESTART)
        return hypercall_continue(op, 4, reqs + i * element,
                                  (unsigned long)(count - i) | MMU_UPDATE_PREEMPTED, pdone,
                                  (unsigned long)foreigndom);
    return rc;
}

/* ---- the updates ---- */

/*
 * The frame that the last element wrote to, and its level. Level 0 is a frame that is not a page
 * table now, but plain writable memory of the domain: guests also use mmu_update to fill tables
 * that they have not pinned yet. Both counts are held while @page is not NULL.
 */
struct table_cursor {
    struct page *page;
    mfn_t mfn;
    unsigned int level;
};

static inline void leave_frame(struct table_cursor *cur)
{
    if (!cur->page)
        return;
    if (likely(cur->level <= 1))
        put_page_and_type(cur->page);
    else
        put_page_table(cur->page);
    cur->page = NULL;
    cur->mfn = INVALID_MFN;
}

/*
 * Moves to frame @mfn of @d.
 * @return false: it is not its own, or is neither a validated table nor can be taken as writable
 */
static __noinline bool enter_frame(struct table_cursor *cur, mfn_t mfn, struct domain *d)
{
    struct page *pg = mfn_to_page(mfn);
    u64 type;

    leave_frame(cur);
    if (!mfn_valid(mfn))
        goto refused;
    type = READ_ONCE(pg->state) & PG_TYPE_MASK;
    if (type >= PG_TYPE_L1 && type <= PG_TYPE_L4 && READ_ONCE(pg->owner) == page_owner_id(d) &&
        page_try_get_both(pg, type)) {
        if (unlikely(READ_ONCE(pg->owner) != page_owner_id(d))) {
            put_page_table(pg);
            goto refused;
        }
        cur->level = table_level(type);
    } else {
        if (get_page_and_type(pg, d, PG_TYPE_WRITABLE))
            goto refused;
        cur->level = 0;
    }
    cur->page = pg;
    cur->mfn = mfn;
    return true;

refused:
    page_refused("mmu_update of an entry in frame", mfn, d, PG_TYPE_WRITABLE);
    return false;
}

/*
 * Refuses an entry of a directory that names another domain's table: only mappings may name another
 * domain's frames.
 */
static __noinline int refuse_foreign_table(unsigned int level, const struct domain *pg_owner)
{
    printk_guest(LOG_DEBUG, "an L%u entry may not name a table of d%u", level, pg_owner->id);
    return -XEN_EINVAL;
}

HOT_INLINE int update_entry(struct table_cursor *cur, u64 ptr, u64 val, bool preserve_ad,
                            struct domain *pt_owner, struct domain *pg_owner)
{
    mfn_t mfn = MFN(ptr >> PAGE_SHIFT);
    u64 *pe;

    if (unlikely(!mfn_eq(mfn, cur->mfn)) && !enter_frame(cur, mfn, pt_owner))
        return -XEN_EINVAL;
    pe = (u64 *)((char *)mfn_to_virt(mfn) + (ptr & ~PAGE_MASK & ~7UL));
    if (likely(cur->level == 1))
        return l1e_update(pe, val, preserve_ad, pt_owner, pg_owner);
    if (cur->level == 0) {
        WRITE_ONCE(*pe, val);
        return 0;
    }
    if (pg_owner != pt_owner)
        return refuse_foreign_table(cur->level, pg_owner);
    return dir_entry_update(pe, val, preserve_ad, cur->level, pt_owner);
}

static int update_m2p(u64 ptr, u64 val, struct domain *pg_owner)
{
    mfn_t mfn = MFN(ptr >> PAGE_SHIFT);

    if (!mfn_valid(mfn) || !get_page(mfn_to_page(mfn), pg_owner)) {
        page_refused("M2P entry of frame", mfn, pg_owner, PG_TYPE_NONE);
        return -XEN_EINVAL;
    }
    arch_set_m2p(mfn, val);
    put_page(mfn_to_page(mfn));
    return 0;
}

/*
 * Finds the owner of the page tables: the upper half of @foreigndom is 0 for the caller, else domid
 * + 1. put_pg_owner() gives the domain back: there is a reference unless it is the caller.
 */
static struct domain *get_pt_owner(unsigned int foreigndom)
{
    struct domain *owner;

    if (likely(foreigndom >> 16 == 0))
        return current->domain;
    owner = get_domain_or_self((domid_t)((foreigndom >> 16) - 1));
    if (owner == current->domain)
        put_domain(owner); /* for the caller no reference is held */
    return owner;
}

/*
 * Does elements until one is refused or it is time to stop.
 * @tables_ok: may the caller change page tables of @pt_owner?
 * @frames_ok: may it name frames of @pg_owner?
 * @made: receives how many are done
 */
HOT_INLINE long update_batch(struct vcpu *v, unsigned long ureqs, unsigned int count,
                             struct domain *pt_owner, struct domain *pg_owner, bool tables_ok,
                             bool frames_ok, unsigned int *made)
{
    struct table_cursor cur = {NULL, INVALID_MFN, 0};
    unsigned int i;
    long rc = 0;

    for (i = 0; i < count; i++) {
        struct mmu_update req;

        if (i && unlikely(hypercall_preempt_check())) {
            rc = -ERESTART;
            break;
        }
        if (unlikely(get_guest_element(&req, ureqs, i))) {
            rc = -XEN_EFAULT;
            break;
        }
        switch (req.ptr & 7) {
        case MMU_NORMAL_PT_UPDATE:
        case MMU_PT_UPDATE_PRESERVE_AD:
        case MMU_PT_UPDATE_NO_TRANSLATE:
            rc = likely(tables_ok)
                     ? update_entry(&cur, req.ptr, req.val,
                                    (req.ptr & 7) == MMU_PT_UPDATE_PRESERVE_AD, pt_owner, pg_owner)
                     : refuse_target(frames_ok ? pt_owner : pg_owner);
            break;
        case MMU_MACHPHYS_UPDATE:
            rc = frames_ok && pt_owner == v->domain
                     ? update_m2p(req.ptr, req.val, pg_owner)
                     : refuse_target(frames_ok ? pt_owner : pg_owner);
            break;
        default:
            rc = hypercall_unknown(__HYPERVISOR_mmu_update, req.ptr & 7);
            break;
        }
        if (unlikely(rc))
            break;
    }
    leave_frame(&cur);
    *made = i;
    return rc;
}

/* Serves the general case: another domain's tables or frames, or the continuation of a batch. */
static __noinline long update_foreign(unsigned long ureqs, unsigned int count, unsigned long pdone,
                                      unsigned int foreigndom)
{
    struct vcpu *v = current;
    struct domain *d = v->domain, *pt_owner, *pg_owner;
    unsigned int i, done = 0;
    bool frames_ok;
    long rc;

    if (count & MMU_UPDATE_PREEMPTED) {
        count &= ~MMU_UPDATE_PREEMPTED;
        if (pdone && get_guest(&done, pdone))
            done = 0;
    }
    if (!guest_range_ok(ureqs, count, sizeof(struct mmu_update)))
        return -XEN_EFAULT;

    pt_owner = get_pt_owner(foreigndom);
    if (!pt_owner || (pt_owner != d && (pt_owner->system || !domain_vcpu(pt_owner, 0)))) {
        printk_guest(LOG_DEBUG, "there is no domain %u with page tables", (foreigndom >> 16) - 1);
        if (pt_owner)
            put_pg_owner(pt_owner);
        return -XEN_EINVAL;
    }
    pg_owner = get_pg_owner((domid_t)foreigndom);
    if (!pg_owner) {
        put_pg_owner(pt_owner);
        return -XEN_ESRCH;
    }
    frames_ok = pg_owner == dom_io || may_target(d, pg_owner);
    rc = update_batch(v, ureqs, count, pt_owner, pg_owner, frames_ok && may_target(d, pt_owner),
                      frames_ok, &i);
    put_pg_owner(pg_owner);
    put_pg_owner(pt_owner);
    return finish_batch(__HYPERVISOR_mmu_update, ureqs, sizeof(struct mmu_update), count, i, done,
                        pdone, foreigndom, rc);
}

long do_mmu_update(unsigned long ureqs, unsigned int count, unsigned long pdone,
                   unsigned int foreigndom)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    unsigned int i;
    long rc;

    if (unlikely(foreigndom != DOMID_SELF || count & MMU_UPDATE_PREEMPTED))
        return update_foreign(ureqs, count, pdone, foreigndom);
    if (unlikely(!guest_range_ok(ureqs, count, sizeof(struct mmu_update))))
        return -XEN_EFAULT;
    rc = update_batch(v, ureqs, count, d, d, true, true, &i);
    if (likely(!pdone && rc != -ERESTART))
        return rc;
    return finish_batch(__HYPERVISOR_mmu_update, ureqs, sizeof(struct mmu_update), count, i, 0,
                        pdone, foreigndom, rc);
}
