/* SPDX-License-Identifier: MIT */
/*
 * A dying domain lets go of its page tables.
 *
 * Its vCPUs are off their CPUs, so no processor walks its tables. First each vCPU gives up roots
 * and descriptor tables, then every pin goes. After that, only tables hold type counts of tables:
 * all tables are taken apart, and the mappings in them, those of the tables themselves too, drop
 * their counts. A table that only an unfinished operation still knows is taken apart by the walk
 * over all frames. All of these steps can be preempted.
 */
#include <arch.h>
#include <asm/pv.h>
#include <hypercall.h>
#include <page_alloc.h>

/*
 * Drops a root. What cannot be taken apart at once stays PG_PARTIAL, and the walk over all frames
 * finds it.
 */
static void drop_root(mfn_t *root)
{
    struct page *pg = mfn_to_page(*root);

    if (mfn_eq(*root, INVALID_MFN))
        return;
    *root = INVALID_MFN;
    put_page_type(pg, true);
    put_page(pg);
}

static void drop_vcpu(struct vcpu *v)
{
    drop_root(&v->arch.guest_table);
    drop_root(&v->arch.guest_table_user);
    v->arch.cr3 = 0;
    pv_descriptors_drop(v);
    page_forget_old_tables(v);
}

/*
 * Takes a count on a frame of the list, even where mappings have used up all counts that a get may
 * take (PG_REF_LIMIT leaves room for us).
 * @return false: the frame is about to leave the list, and is not a table
 */
static bool hold_frame(struct page *pg)
{
    u64 s = READ_ONCE(pg->state);

    do {
        if (!page_refs(s))
            return false;
    } while (!cmpxchg(&pg->state, &s, s + PG_REF_ONE));
    return true;
}

#define SKIP_BATCH 64U

/*
 * Moves frames at the front of the list to its end, if they are no tables that have to be unpinned
 * or taken apart.
 * @return how many
 */
static unsigned long skip_frames(struct domain *d)
{
    unsigned long most = MIN(d->arch.pages_to_scan, (unsigned long)SKIP_BATCH);
    struct page_list batch = {0};

    spin_lock(&d->page_lock);
    for (u32 m = d->pages.first; m && batch.count < most; batch.count++) {
        struct page *pg = mfn_to_page(MFN(m));

        if (READ_ONCE(pg->state) & (PG_PINNED | PG_PARTIAL | PG_BUSY))
            break;
        batch.last = m;
        m = pg->next;
    }
    page_list_cut(&d->pages, &batch);
    page_list_append(&d->pages, &batch);
    spin_unlock(&d->page_lock);
    return batch.count;
}

/* Moves @pg, which is done, to the end of the list. Locks: the page lock is held. */
static void move_to_end(struct domain *d, struct page *pg)
{
    page_list_del(&d->pages, pg);
    page_list_add_tail(&d->pages, pg);
}

/*
 * Takes a count on the next frame to look at.
 * @return NULL: nothing has to be done for it
 */
static struct page *first_frame(struct domain *d)
{
    struct page *pg;

    spin_lock(&d->page_lock);
    pg = page_list_first(&d->pages);
    if (pg && !hold_frame(pg)) {
        move_to_end(d, pg);
        pg = NULL;
    }
    spin_unlock(&d->page_lock);
    return pg;
}

/*
 * Our count kept the frame on the list. (Without it the frame might have left, and the next one be
 * moved to the end in its place.)
 */
static void frame_done(struct domain *d, struct page *pg)
{
    spin_lock(&d->page_lock);
    move_to_end(d, pg);
    spin_unlock(&d->page_lock);
}

static int drop_frame(struct page *pg)
{
    u64 type = READ_ONCE(pg->state) & PG_TYPE_MASK;

    page_unpin_dying(pg);
    return page_take_apart(pg, type, true);
}

int arch_domain_relinquish(struct domain *d)
{
    while (d->arch.vcpus_dropped < d->max_vcpus) {
        struct vcpu *v = d->vcpu[d->arch.vcpus_dropped++];

        if (v)
            drop_vcpu(v);
        if (d->arch.vcpus_dropped == d->max_vcpus)
            d->arch.pages_to_scan = d->pages.count;
        if (hypercall_preempt_check())
            return -ERESTART;
    }
    while (d->arch.pages_to_scan) {
        unsigned long skipped = skip_frames(d);
        struct page *pg = skipped ? NULL : first_frame(d);
        int rc = 0;

        if (pg) {
            rc = drop_frame(pg);
            if (!rc)
                frame_done(d, pg);
            put_page(pg);
        }
        if (!rc)
            d->arch.pages_to_scan -= MAX(skipped, 1UL);
        if (hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
