/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the grant subsystem: the table and its pins (grant_table.c), mapping
 * (grant_map.c), copying (grant_copy.c), and the operations on the table itself (grant_op.c).
 */
#ifndef BULKHEAD_GRANT_IMPL_H
#define BULKHEAD_GRANT_IMPL_H

#include "grant_table.h"

/* What we remember of a shared entry while somebody uses it. All under the table's lock. */
struct grant_active {
    u32 frame;     /* machine frame pinned */
    domid_t domid; /* who uses it */
    u16 spare;
    union {
        struct {
            u32 writers; /* writable mappings and copies into it */
            u32 readers; /* read-only mappings and copies out of it */
        };
        u32 pins[2]; /* the same, by whether they are read-only */
        u64 in_use;  /* the same: is there any? */
    };
};

/*
 * A mapping that a domain holds of another's frame; the handle is its index. It names all that
 * unmapping needs, and holds a reference on the granting domain.
 */
struct grant_mapping {
    u32 owner; /* frame number of the granting domain's struct domain, as in struct page */
    u32 ref;   /* of the granting domain; of a free mapping: the next free handle */
    u32 frame; /* machine frame mapped */
    u16 flags; /* GNTMAP_device_map, _host_map, _readonly and more; 0: free */
    u16 spare;
};

#define GRANTS_PER_FRAME  (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define MAPPINGS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_mapping))
#define NO_HANDLE         (~0U)

struct grant_table {
    spinlock_t lock; /* RANK_GRANT: shared frames and active entries */
    unsigned int nr_frames, max_frames;
    struct grant_entry_v1 **shared; /* max_frames pointers to frames of ours lent to the domain */
    struct grant_active **active;   /* one array a shared frame */

    spinlock_t map_lock; /* RANK_GRANT_MAP: mappings that this domain holds of others */
    unsigned int nr_map_pages, max_map_pages;
    struct grant_mapping **mappings;
    u32 free_handle;    /* NO_HANDLE: none */
    u32 release_cursor; /* of grant_table_release_mappings() */
};

/* Does the table have an entry *@ref? Clamps it where that is mispredicted. Table lock held. */
static inline bool gref_ok(const struct grant_table *gt, unsigned long *ref)
{
    return index_ok(ref, gt->nr_frames * GRANTS_PER_FRAME);
}

/* The two halves of an entry that is known to exist. Table lock held. */
static inline struct grant_entry_v1 *shared_entry(const struct grant_table *gt, unsigned long ref)
{
    return &gt->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static inline struct grant_active *active_entry(const struct grant_table *gt, unsigned long ref)
{
    return &gt->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

/* Grows the shared table to @frames. 0, -ENOMEM, -EINVAL over the limit. Table lock held. */
int grant_table_grow(struct domain *d, unsigned int frames);

/*
 * Pins entry @ref of @owner for @user: checks the shared entry, shows in it that it is in use,
 * counts. On success *frame is the frame, on which the caller has a general count (and, if
 * !@readonly, a type count of writable). GNTST_okay or another GNTST_*. Takes the table lock.
 */
int grant_pin(struct domain *owner, grant_ref_t ref, struct domain *user, bool readonly,
              mfn_t *frame);
/* Undoes the pin; the counts on the frame are the caller's to drop. Takes the table lock. */
void grant_unpin(struct domain *owner, grant_ref_t ref, bool readonly);
/* Drops the counts that grant_pin() or grant_get_frame() took. */
static inline void grant_put_frame(mfn_t frame, bool readonly)
{
    if (readonly)
        put_page(mfn_to_page(frame));
    else
        put_page_and_type(mfn_to_page(frame));
}

/*
 * Takes the counts on a frame of @owner for one use. GNTST_okay; GNTST_bad_page: no such frame;
 * GNTST_general_error: not the owner's, or one that may not be written.
 */
int grant_get_frame_slow(mfn_t frame, struct domain *owner, bool readonly);
/*
 * Does that for a frame that has been of the right type before. The owner is looked at before, to leave other domains'
 * counts alone, and again once it cannot change.
 */
HOT_INLINE bool grant_try_frame(mfn_t frame, struct domain *owner, bool readonly)
{
    struct page *pg = mfn_to_page(frame);

    if (unlikely(!mfn_valid(frame) || READ_ONCE(pg->owner) != page_owner_id(owner)))
        return false;
    if (readonly ? !page_try_get(pg) : !page_try_get_both(pg, PG_TYPE_WRITABLE))
        return false;
    if (likely(READ_ONCE(pg->owner) == page_owner_id(owner)))
        return true;
    grant_put_frame(frame, readonly);
    return false;
}

HOT_INLINE int grant_get_frame(mfn_t frame, struct domain *owner, bool readonly)
{
    return likely(grant_try_frame(frame, owner, readonly))
               ? GNTST_okay
               : grant_get_frame_slow(frame, owner, readonly);
}

/*
 * The operations that take @count elements at guest address @uop, and do them one after the other. Each element's status
 * says how it went; the result is -XEN_EFAULT where an element could not be read or written. They go on later by
 * themselves when they are preempted.
 */
long grant_map_op(unsigned long uop, unsigned int count);
long grant_unmap_op(unsigned long uop, unsigned int count);
long grant_unmap_and_replace_op(unsigned long uop, unsigned int count);
long grant_copy_op(unsigned long uop, unsigned int count);
long grant_swap_op(unsigned long uop, unsigned int count);
long grant_cache_flush_op(unsigned long uop, unsigned int count);
/* Their way to do that: @done elements of @size bytes are done. */
long grant_continue(unsigned int cmd, unsigned long uop, unsigned int count, unsigned int done,
                    size_t size);

/* Those that take one. */
long grant_setup_table(unsigned long uop);
long grant_query_size(unsigned long uop);
long grant_set_version(unsigned long uop);
long grant_get_version(unsigned long uop);
long grant_get_status_frames(unsigned long uop);

#endif
