/* SPDX-License-Identifier: MIT */
/*
 * Types of frames: the state machine behind the invariant of page.h.
 *
 *             claim                         publish
 *   unused ----------> BUSY, count 1 ----------------------> VALID, count 1 <--> count n
 *     ^                  |  ^   |                                  |
 *     |    error (L1)    |  |   | preempted, or error (L2..L4)     | last put of a page table
 *     +------------------+  |   v                                  v
 *     |                     +- PARTIAL, count 1 <------------- BUSY, count 1
 *     |                            | taken apart                   |
 *     +----------------------------+-------------------------------+
 *
 * The last put of any other type is BUSY for as long as it stamps the frame.
 *
 * A claim is one compare-and-exchange: from then on nobody can get the frame with another type, and
 * a CPU that wants it with the same type waits. Only then are stale translations flushed that could
 * still write to it (or that still use it as a page table), only then are its contents looked at,
 * and only when they are good is the type published. So nobody ever sees a type whose conditions do
 * not hold.
 *
 * A frame that was mapped past the caches is flushed from them between the two (page.h, "Caches").
 *
 * Waiting is free of deadlock: a frame that is BUSY waits only for frames of lower levels.
 */
#include <arch.h>
#include <hypercall.h>

#define TABLE_ENTRIES (PAGE_SIZE / sizeof(u64))

static inline bool is_table(u64 type)
{
    return type >= PG_TYPE_L1 && type <= PG_TYPE_L4;
}

/*
 * Tables above the lowest level can take long: they are preempted, and what failed is undone in
 * pieces.
 */
static inline bool is_directory(u64 type)
{
    return type > PG_TYPE_L1 && type <= PG_TYPE_L4;
}

/*
 * Takes a frame from BUSY with count 1 to VALID, or back. The caller's general count stays the
 * caller's.
 */
static int validate(struct page *pg, u64 type, bool preemptible)
{
    int rc = arch_validate_page(pg, type, preemptible);

    if (rc == 0)
        atomic_add(&pg->state, PG_VALID - PG_BUSY);
    else if (is_directory(type))
        atomic_add(&pg->state, PG_PARTIAL - PG_BUSY + PG_REF_ONE);
    else
        atomic_sub(&pg->state, PG_BUSY + PG_TYPE_ONE);
    return rc;
}

void page_mark_uncached(struct page *pg)
{
    if (READ_ONCE(pg->marks) & PAGE_UNCACHED)
        return;
    arch_cache_flush(page_to_mfn(pg), 0, PAGE_SIZE, false);
    atomic_or(&pg->marks, (u8)PAGE_UNCACHED);
}

void page_flush_caches(struct page *pg)
{
    arch_cache_flush(page_to_mfn(pg), 0, PAGE_SIZE, false);
    atomic_and(&pg->marks, (u8)~PAGE_UNCACHED);
}

/*
 * Has those CPUs flush that may remember what the frame, which is BUSY, was before: those that run
 * its owner, and all where another domain had it mapped.
 */
static void forget_former_use(struct page *pg)
{
    const struct domain *owner = page_owner(pg);

    if (owner && !(READ_ONCE(pg->marks) & PAGE_FOREIGN)) {
        tlb_flush_stale(&owner->dirty_cpus, pg->stamp);
        return;
    }
    tlb_flush_stale(&cpu_online, pg->stamp);
    atomic_and(&pg->marks, (u8)~PAGE_FOREIGN);
}

int page_claim_type(struct page *pg, u64 type, bool preemptible)
{
    u64 s = READ_ONCE(pg->state), claimed;
    bool changed;

    for (;;) {
        if (unlikely((s & PG_TYPE_COUNT_MASK) >= PG_REF_LIMIT << PG_COUNT_BITS))
            return -XEN_EINVAL;
        changed = (s & PG_TYPE_MASK) != type;
        if (s & PG_TYPE_COUNT_MASK && changed)
            return -XEN_EINVAL; /* in use as something else */

        if (s & PG_BUSY) {
            if (preemptible && hypercall_preempt_check())
                return -ERESTART; /* a directory may be BUSY for long */
            tlb_relax();          /* the CPU that has it may wait for a flush of ours */
            s = READ_ONCE(pg->state);
            continue;
        }
        if (!changed && s & PG_VALID) {
            if (cmpxchg(&pg->state, &s, s + PG_TYPE_ONE))
                return 0;
            continue;
        }
        if (s & PG_PARTIAL) {
            /*
             * Takes over the type count of the unfinished state; the general count of that state is
             * not needed in addition to ours.
             */
            if (!cmpxchg(&pg->state, &s, (s & ~PG_PARTIAL) + PG_BUSY - PG_REF_ONE))
                continue;
            return validate(pg, type, preemptible);
        }
        claimed = (s & ~(PG_TYPE_MASK | PG_VALID)) + type + PG_BUSY + PG_TYPE_ONE;
        if (cmpxchg(&pg->state, &s, claimed))
            break;
    }

    /* Old translations may write to what becomes a table, or walk a table that becomes writable. */
    if (changed && pg->stamp)
        forget_former_use(pg);
    if (type == PG_TYPE_WRITABLE) {
        atomic_add(&pg->state, PG_VALID - PG_BUSY);
        return 0;
    }
    if (unlikely(READ_ONCE(pg->marks) & PAGE_UNCACHED))
        page_flush_caches(pg);
    pg->done = 0;
    return validate(pg, type, preemptible);
}

/*
 * Takes apart a page table that is BUSY: it loses its contents' references, its type count and,
 * with @both, a general count. When preempted it becomes PG_PARTIAL, which needs one general count:
 * the one that was to be dropped, or a new one.
 */
static int take_apart(struct page *pg, u64 type, bool both, bool preemptible)
{
    u64 refs = both ? PG_REF_ONE : 0;
    int rc = arch_invalidate_page(pg, type, preemptible);

    if (rc) {
        atomic_add(&pg->state, PG_PARTIAL - PG_BUSY + PG_REF_ONE - refs);
        return rc;
    }
    /*
     * A CPU may have cached entries that point to this table; they are flushed before the frame is
     * used next.
     */
    page_stamp(pg);
    if (page_refs(atomic_sub(&pg->state, PG_BUSY + PG_TYPE_ONE + refs)) == 0)
        page_release(pg);
    return 0;
}

int page_take_apart(struct page *pg, u64 type, bool preemptible)
{
    u64 s = READ_ONCE(pg->state);

    do {
        if ((s & (PG_TYPE_MASK | PG_PARTIAL)) != (type | PG_PARTIAL))
            return 0; /* finished, or another CPU continues it */
    } while (!cmpxchg(&pg->state, &s, (s & ~PG_PARTIAL) + PG_BUSY));
    return take_apart(pg, type, true, preemptible);
}

/* Drops a type count and, with @both, a general count. */
static int drop_type(struct page *pg, bool both, bool preemptible)
{
    u64 drop = PG_TYPE_ONE + (both ? PG_REF_ONE : 0);
    u64 s = READ_ONCE(pg->state), type;
    bool last;

    do {
        ASSERT(s & PG_TYPE_COUNT_MASK && !(s & (PG_BUSY | PG_PARTIAL)));
        last = (s & PG_TYPE_COUNT_MASK) == PG_TYPE_ONE;
    } while (!cmpxchg(&pg->state, &s, last ? s - PG_VALID + PG_BUSY : s - drop));
    if (!last)
        return 0; /* the general count is at least the type count, which was above one */

    type = s & PG_TYPE_MASK;
    if (is_table(type)) {
        pg->done = TABLE_ENTRIES;
        return take_apart(pg, type, both, preemptible);
    }
    /*
     * The entry is gone already, but its translations may remain. Were the frame not BUSY, another
     * CPU could get and put the type after we read the clock, and leave translations younger than
     * the stamp.
     */
    page_stamp(pg);
    if (page_refs(atomic_add(&pg->state, PG_VALID - PG_BUSY - drop)) == 0)
        page_release(pg);
    return 0;
}

void put_page_and_last_type(struct page *pg)
{
    drop_type(pg, true, false);
}

int put_page_and_type_nested(struct page *pg, bool preemptible)
{
    return drop_type(pg, true, preemptible);
}

int put_page_type(struct page *pg, bool preemptible)
{
    return drop_type(pg, false, preemptible);
}

/* ---- what cannot be finished at once ---- */

int page_finish_old_tables(struct vcpu *v)
{
    struct old_tables *old = &v->old_tables;

    while (old->count) {
        struct page *pg = old->table[old->count - 1];

        if (page_take_apart(pg, READ_ONCE(pg->state) & PG_TYPE_MASK, true))
            return -ERESTART;
        old->count--;
        put_page(pg);
    }
    return 0;
}

void page_forget_old_tables(struct vcpu *v)
{
    struct old_tables *old = &v->old_tables;

    while (old->count)
        put_page(old->table[--old->count]);
}

/*
 * Leaves a PG_PARTIAL table to the current vCPU's way out, with a general count of the caller. The
 * comment on struct old_tables shows that there is room.
 */
static int leave_for_exit(struct page *pg)
{
    struct old_tables *old = &current->old_tables;

    BUG_ON(old->count == OLD_TABLES_MAX);
    old->table[old->count++] = pg;
    arch_old_tables_left();
    return -ERESTART;
}

int put_page_table(struct page *pg)
{
    u64 type = READ_ONCE(pg->state) & PG_TYPE_MASK;

    if (type == PG_TYPE_L1) {
        put_page_and_type(pg);
        return 0;
    }
    if (drop_type(pg, false, true) == -ERESTART)
        return leave_for_exit(pg);
    put_page(pg);
    return 0;
}

/*
 * Leaves a directory whose validation failed: it still holds what it had validated. The caller
 * holds a general count and keeps it.
 */
static void abandon(struct page *pg, u64 type)
{
    if (!is_directory(type) || page_take_apart(pg, type, true) == 0)
        return;
    atomic_add(&pg->state, PG_REF_ONE);
    leave_for_exit(pg);
}

int get_page_type(struct page *pg, u64 type, bool preemptible)
{
    int rc = page_claim_type(pg, type, preemptible);

    if (unlikely(rc && rc != -ERESTART))
        abandon(pg, type);
    return rc;
}

/* ---- pins ---- */

static bool clear_pin(struct page *pg)
{
    return atomic_and(&pg->state, ~PG_PINNED) & PG_PINNED;
}

int page_pin(struct page *pg, u64 type, bool preemptible)
{
    struct domain *d = page_owner(pg);
    int rc = get_page_type(pg, type, preemptible);

    if (rc) {
        put_page(pg);
        return rc;
    }
    if (atomic_or(&pg->state, PG_PINNED) & PG_PINNED) {
        put_page_table(pg);
        return -XEN_EINVAL; /* pinned already */
    }
    /*
     * A dying domain's pins are dropped only once: a CPU that finds the domain dying after it set
     * the flag undoes its own pin.
     */
    if (unlikely(d != current->domain)) {
        bool drop;

        spin_lock(&d->page_lock);
        drop = d->dying && clear_pin(pg);
        spin_unlock(&d->page_lock);
        if (drop)
            put_page_table(pg);
    }
    return 0;
}

bool page_unpin(struct page *pg)
{
    if (!clear_pin(pg))
        return false;
    put_page_table(pg);
    return true;
}

void page_unpin_dying(struct page *pg)
{
    if (!clear_pin(pg))
        return;
    put_page_type(pg, true);
    put_page(pg);
}

/* ---- both counts ---- */

/*
 * Drops both counts of a frame that changed hands while they were taken: ours may be the last ones
 * of a large table.
 */
static void put_both(struct page *pg, u64 type)
{
    if (is_directory(type))
        put_page_table(pg);
    else
        put_page_and_type(pg);
}

static int get_both(struct page *pg, struct domain *d, u64 type, bool preemptible)
{
    int rc;

    /*
     * The owner is checked first, too: another domain's counts are not to change even for a moment.
     */
    if (likely(READ_ONCE(pg->owner) == page_owner_id(d)) && page_try_get_both(pg, type)) {
        if (likely(READ_ONCE(pg->owner) == page_owner_id(d)))
            return 0;
        put_both(pg, type);
        return -XEN_EINVAL;
    }
    if (!get_page(pg, d))
        return -XEN_EINVAL;
    rc = get_page_type(pg, type, preemptible);
    if (rc)
        put_page(pg);
    return rc;
}

int get_page_and_type(struct page *pg, struct domain *d, u64 type)
{
    return get_both(pg, d, type, false);
}

int get_page_and_type_preemptible(struct page *pg, struct domain *d, u64 type)
{
    return get_both(pg, d, type, true);
}
