/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: the table of a domain, pins on its entries, and the hypercall
 * (public/grant_table.h).
 *
 * The shared entry belongs to the guest, which may change it at any time. So we decide on one value
 * of it, and confirm that value by the compare-and-exchange that sets GTF_reading or GTF_writing;
 * from then on only our own active entry counts. The first pin fixes frame and user, the last unpin
 * clears the flags in the shared entry, in that order.
 */
#include <arch.h>
#include <grant_impl.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>

#define PIN_TRIES             5
#define DEFAULT_MAX_FRAMES    64U
#define DEFAULT_MAX_MAP_PAGES 1024U
#define LIMIT_FRAMES          4096U

/*
 * Makes the active entries of entry @ref and all before it. Locks: the table lock is held.
 * @return false: out of memory, and some may have been made
 */
static bool open_up_to(struct grant_table *gt, unsigned long ref)
{
    while (gt->open_entries <= ref) {
        struct grant_active *active = xzalloc_array(struct grant_active, GRANTS_PER_CHUNK);

        if (!active)
            return false;
        gt->chunks[gt->open_entries / GRANTS_PER_CHUNK].active = active;
        gt->open_entries += GRANTS_PER_CHUNK;
    }
    return true;
}

/*
 * Makes room for the chunks of another frame. Locks: the table lock is held.
 * @return false: out of memory
 */
static bool reserve_chunks(struct grant_table *gt)
{
    unsigned int room = gt->room ? gt->room * 2 : 1;
    struct grant_chunk *chunks;

    if (gt->nr_frames < gt->room)
        return true;
    chunks = xzalloc_array(struct grant_chunk, room * CHUNKS_PER_FRAME);
    if (!chunks)
        return false;
    if (gt->chunks)
        memcpy(chunks, gt->chunks, gt->room * CHUNKS_PER_FRAME * sizeof(*chunks));
    xfree(gt->chunks);
    gt->chunks = chunks;
    gt->room = room;
    return true;
}

/*
 * Adds a frame. All frames before it get their active entries now, so that never more than those of
 * one frame are left to be made by a domain that uses an entry. Locks: the table lock is held.
 */
static int add_frame(struct domain *d)
{
    struct grant_table *gt = d->grant_table;
    unsigned long entries = gt->nr_frames * GRANTS_PER_FRAME;
    struct grant_entry_v1 *shared;

    if (!reserve_chunks(gt))
        return -XEN_ENOMEM;
    shared = alloc_hv_pages(0);
    if (!shared)
        return -XEN_ENOMEM;
    if (!open_up_to(gt, entries)) {
        free_hv_pages(shared, 0);
        return -XEN_ENOMEM;
    }
    share_hv_page(shared, d, true);
    for (unsigned long i = 0; i < GRANTS_PER_FRAME; i += GRANTS_PER_CHUNK)
        gt->chunks[(entries + i) / GRANTS_PER_CHUNK].shared = shared + i;
    store_release(&gt->nr_frames, gt->nr_frames + 1);
    return 0;
}

int grant_table_grow(struct domain *d, unsigned int frames)
{
    struct grant_table *gt = d->grant_table;
    int rc;

    if (frames > gt->max_frames)
        return -XEN_EINVAL;
    while (gt->nr_frames < frames) {
        rc = add_frame(d);
        if (rc)
            return rc;
        if (gt->nr_frames < frames && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

int grant_table_create(struct domain *d, unsigned int max_grant_frames,
                       unsigned int max_maptrack_frames)
{
    struct grant_table *gt = xzalloc(struct grant_table);
    int rc;

    if (!gt)
        return -XEN_ENOMEM;
    spin_lock_init(&gt->lock, RANK_GRANT);
    spin_lock_init(&gt->map_lock, RANK_GRANT_MAP);
    /* -1 of the toolstack means the usual limit. */
    gt->max_frames = max_grant_frames == ~0U ? DEFAULT_MAX_FRAMES : max_grant_frames;
    gt->max_map_pages = max_maptrack_frames == ~0U ? DEFAULT_MAX_MAP_PAGES : max_maptrack_frames;
    gt->free_handle = NO_HANDLE;
    if (gt->max_frames == 0 || gt->max_frames > LIMIT_FRAMES || gt->max_map_pages > LIMIT_FRAMES) {
        xfree(gt);
        return -XEN_EINVAL;
    }
    d->grant_table = gt;
    rc = grant_table_grow(d, 1);
    /*
     * A domain that will map others' grants gets its first handles now, so that they do not grow
     * with the first request.
     */
    if (!rc && d->privileged)
        grant_map_add_handles(gt);
    if (rc) {
        unsigned int budget = ~0U;

        if (gt->nr_frames)
            unshare_hv_page(shared_entry(gt, 0));
        grant_table_destroy(d, &budget);
    }
    return rc;
}

void grant_table_close(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    spin_lock(&gt->lock);
    gt->open_entries = 0;
    spin_unlock(&gt->lock);
}

int grant_table_unshare(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    while (gt->unshared < gt->nr_frames) {
        struct grant_chunk *chunk = &gt->chunks[gt->unshared++ * CHUNKS_PER_FRAME];
        void *frame = chunk->shared;

        spin_lock(&gt->lock); /* somebody may be giving back a pin */
        for (unsigned int i = 0; i < CHUNKS_PER_FRAME; i++)
            chunk[i].shared = NULL;
        spin_unlock(&gt->lock);
        unshare_hv_page(frame);
        if (hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

bool grant_table_destroy(struct domain *d, unsigned int *budget)
{
    struct grant_table *gt = d->grant_table;

    if (!gt)
        return true;
    for (; gt->room; gt->room--) {
        if (*budget < CHUNKS_PER_FRAME)
            return false;
        *budget -= CHUNKS_PER_FRAME;
        for (unsigned int i = 1; i <= CHUNKS_PER_FRAME; i++)
            xfree(gt->chunks[gt->room * CHUNKS_PER_FRAME - i].active);
    }
    for (; gt->nr_map_pages; gt->nr_map_pages--) {
        if (!*budget)
            return false;
        --*budget;
        xfree(gt->mappings[gt->nr_map_pages - 1]);
    }
    xfree(gt->chunks);
    xfree(gt->mappings);
    xfree(gt);
    d->grant_table = NULL;
    return true;
}

unsigned int grant_table_nr_frames(const struct domain *d)
{
    return READ_ONCE(d->grant_table->nr_frames);
}

unsigned int grant_table_max_frames(const struct domain *d)
{
    return d->grant_table->max_frames;
}

int grant_table_get_shared_frame(struct domain *d, unsigned long idx, mfn_t *mfn)
{
    struct grant_table *gt = d->grant_table;
    int rc = 0;

    spin_lock(&gt->lock);
    if (READ_ONCE(d->dying))
        rc = -XEN_EINVAL;
    else if (idx >= gt->max_frames)
        rc = -XEN_EINVAL;
    else if (idx >= gt->nr_frames)
        rc = grant_table_grow(d, (unsigned int)idx + 1);
    if (rc == 0)
        *mfn = virt_to_mfn(shared_entry(gt, idx * GRANTS_PER_FRAME));
    spin_unlock(&gt->lock);
    return rc;
}

/* ---- pins ---- */

/* Flags and domid are adjacent, so one compare-and-exchange checks both and changes the flags. */
union flags_domid {
    u32 word;
    struct {
        u16 flags;
        domid_t domid;
    };
};

/* @return does an entry with these flags permit @user this access? */
static bool access_permitted(union flags_domid entry, domid_t user, bool readonly)
{
    return (entry.flags & GTF_type_mask) == GTF_permit_access && entry.domid == user &&
           (readonly || !(entry.flags & GTF_readonly));
}

/*
 * Checks that the entry permits @user this access and marks it as in use. A caller that loses
 * PIN_TRIES races against the granting guest gets an error: that is the guest's fault.
 * @frame: receives what the entry grants
 */
static int mark_in_use(struct grant_entry_v1 *sha, domid_t user, bool readonly, u32 *frame)
{
    union flags_domid seen = {.word = READ_ONCE(*(u32 *)(void *)sha)};

    for (unsigned int i = 0; i < PIN_TRIES; i++) {
        union flags_domid next = seen;

        if (!access_permitted(seen, user, readonly))
            return GNTST_general_error;
        next.flags |= (u16)(readonly ? GTF_reading : GTF_reading | GTF_writing);
        if (cmpxchg((u32 *)(void *)sha, &seen.word, next.word)) {
            *frame = READ_ONCE(sha->frame);
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

int grant_get_frame(mfn_t frame, struct domain *owner, bool readonly)
{
    struct page *pg;

    if (!mfn_valid(frame)) {
        page_refused("grant of frame", frame, owner, PG_TYPE_NONE);
        return GNTST_bad_page;
    }
    pg = mfn_to_page(frame);
    if (readonly ? !get_page(pg, owner) : get_page_and_type(pg, owner, PG_TYPE_WRITABLE) != 0) {
        page_refused("grant of frame", frame, owner, readonly ? PG_TYPE_NONE : PG_TYPE_WRITABLE);
        return GNTST_general_error;
    }
    return GNTST_okay;
}

/* Refuses @user an entry. Gives up the table lock. */
static int refuse_pin(struct domain *owner, unsigned long ref, domid_t user, bool readonly)
{
    const struct grant_entry_v1 *sha = shared_entry(owner->grant_table, ref);
    u16 flags = READ_ONCE(sha->flags);
    domid_t domid = READ_ONCE(sha->domid);

    spin_unlock(&owner->grant_table->lock);
    printk_guest(LOG_DEBUG, "grant %lu of d%u is not d%u's for %s: flags %x, domain %u", ref,
                 owner->id, user, readonly ? "reading" : "writing", flags, domid);
    return GNTST_general_error;
}

/* Pins an entry that is in use already, or is not as it should be. Gives up the table lock. */
static __noinline int pin_slow(struct domain *owner, unsigned long ref, domid_t user, bool readonly,
                               mfn_t *frame)
{
    struct grant_table *gt = owner->grant_table;
    struct grant_entry_v1 *sha = shared_entry(gt, ref);
    struct grant_active *act = active_entry(gt, ref);
    int rc;

    if (act->readers + act->writers >= ~0U >> 2 || (act->in_use && act->domid != user))
        return refuse_pin(owner, ref, user, readonly);
    if (!act->in_use || (!readonly && !act->writers)) {
        u32 seen;

        if (mark_in_use(sha, user, readonly, &seen))
            return refuse_pin(owner, ref, user, readonly);
        /* While the entry is pinned its frame is that of the first pin. */
        if (!act->in_use)
            act->frame = seen;
    }
    rc = grant_get_frame(MFN(act->frame), owner, readonly);
    if (rc) {
        grant_unmark(sha, act);
    } else {
        act->domid = user;
        act->pins[readonly]++;
        *frame = MFN(act->frame);
    }
    spin_unlock(&gt->lock);
    return rc;
}

/*
 * Pins an entry that has no active entry yet, or refuses it: there is no such entry, the table is
 * closed, or memory is used up, which may pass. The entry has to be a grant to @user, so that
 * nobody else can make a domain's table take memory. Gives up the table lock.
 */
static __noinline int pin_unopened(struct domain *owner, unsigned long ref, domid_t user,
                                   bool readonly, mfn_t *frame)
{
    struct grant_table *gt = owner->grant_table;
    bool exists = gref_ok(gt, &ref), closed = !gt->open_entries;

    if (exists && !closed) {
        union flags_domid seen = {.word = READ_ONCE(*(u32 *)(void *)shared_entry(gt, ref))};

        if (!access_permitted(seen, user, readonly))
            return refuse_pin(owner, ref, user, readonly);
        if (open_up_to(gt, ref))
            return pin_slow(owner, ref, user, readonly, frame);
    }
    spin_unlock(&gt->lock);
    printk_guest(LOG_DEBUG, "grant %lu: %s", ref,
                 !exists  ? "no grant table has such an entry"
                 : closed ? "its domain is dying"
                          : "no memory for its use");
    return !exists ? GNTST_bad_gntref : closed ? GNTST_general_error : GNTST_eagain;
}

HOT_INLINE int pin(struct domain *owner, grant_ref_t ref, domid_t user, bool readonly, mfn_t *frame)
{
    struct grant_table *gt = owner->grant_table;
    unsigned long i = ref;

    spin_lock(&gt->lock);
    if (unlikely(!gref_open(gt, &i)))
        return pin_unopened(owner, ref, user, readonly, frame);
    if (unlikely(!grant_pin_first(owner, shared_entry(gt, i), active_entry(gt, i), user, readonly,
                                  frame)))
        return pin_slow(owner, i, user, readonly, frame);
    spin_unlock(&gt->lock);
    return GNTST_okay;
}

int grant_pin_reading(struct domain *owner, grant_ref_t ref, domid_t user, mfn_t *frame)
{
    return pin(owner, ref, user, true, frame);
}

int grant_pin_writing(struct domain *owner, grant_ref_t ref, domid_t user, mfn_t *frame)
{
    return pin(owner, ref, user, false, frame);
}

void grant_table_dump(struct domain *d)
{
    struct grant_table *gt = d->grant_table;
    unsigned int pinned = 0, mapped = 0, map_pages;

    spin_lock(&gt->lock);
    for (unsigned long ref = 0; ref < gt->nr_frames * GRANTS_PER_FRAME; ref++)
        pinned += grant_in_use(gt, ref);
    spin_unlock(&gt->lock);
    spin_lock(&gt->map_lock);
    for (unsigned int i = 0; i < gt->nr_map_pages; i++)
        for (unsigned int j = 0; j < MAPPINGS_PER_PAGE; j++)
            mapped += gt->mappings[i][j].flags != 0;
    map_pages = gt->nr_map_pages;
    spin_unlock(&gt->map_lock);
    printk(
        LOG_INFO,
        "d%u grants: %u frames, %u entries in use by others, %u mappings of others in %u pages\n",
        d->id, gt->nr_frames, pinned, mapped, map_pages);
}

/* ---- the hypercall ---- */

long grant_continue(unsigned int cmd, unsigned long uop, unsigned int count)
{
    return hypercall_continue(__HYPERVISOR_grant_table_op, 3, (unsigned long)cmd, uop,
                              (unsigned long)count);
}

/* Serves the operations that take one element, and refuses unknown ones. */
static long single_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    switch (cmd) {
    case GNTTABOP_setup_table:
        return count == 1 ? grant_setup_table(uop) : -XEN_EINVAL;
    case GNTTABOP_query_size:
        return count == 1 ? grant_query_size(uop) : -XEN_EINVAL;
    case GNTTABOP_set_version:
        return count == 1 ? grant_set_version(uop) : -XEN_EINVAL;
    case GNTTABOP_get_version:
        return count == 1 ? grant_get_version(uop) : -XEN_EINVAL;
    case GNTTABOP_get_status_frames:
        return count == 1 ? grant_get_status_frames(uop) : -XEN_EINVAL;
    default:
        return hypercall_unknown(__HYPERVISOR_grant_table_op, cmd);
    }
}

long do_grant_table_op(unsigned int cmd, unsigned long uop, unsigned int count)
{
    static long (*const operation[])(unsigned int cmd, unsigned long uop, unsigned int count) = {
        [GNTTABOP_map_grant_ref] = grant_map_op,
        [GNTTABOP_unmap_grant_ref] = grant_unmap_op,
        [GNTTABOP_setup_table... GNTTABOP_copy - 1] = single_op,
        [GNTTABOP_copy] = grant_copy_op,
        [GNTTABOP_query_size] = single_op,
        [GNTTABOP_unmap_and_replace] = grant_unmap_and_replace_op,
        [GNTTABOP_set_version... GNTTABOP_swap_grant_ref - 1] = single_op,
        [GNTTABOP_swap_grant_ref] = grant_swap_op,
        [GNTTABOP_cache_flush] = grant_cache_flush_op,
    };
    unsigned long i = cmd;

    if (unlikely((int)count < 0))
        return -XEN_EINVAL;
    if (unlikely(!index_ok(&i, ARRAY_SIZE(operation))))
        return single_op(cmd, uop, count);
    return operation[i](cmd, uop, count);
}
