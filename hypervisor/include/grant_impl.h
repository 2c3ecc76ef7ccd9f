/* SPDX-License-Identifier: MIT */
/*
 * What the files of the grant subsystem share: the table and its pins (grant_table.c), mapping
 * (grant_map.c), copying (grant_copy.c), and the operations on the table itself (grant_op.c).
 */
#ifndef BULKHEAD_GRANT_IMPL_H
#define BULKHEAD_GRANT_IMPL_H

#include "grant_table.h"

/*
 * What we remember of a shared entry while a domain uses it. The table's lock protects all of it.
 */
struct grant_active {
    u32 frame;     /* machine frame pinned */
    domid_t domid; /* the domain that uses it */
    u16 spare;
    union {
        struct {
            u32 writers; /* writable mappings and copies into it */
            u32 readers; /* read-only mappings and copies out of it */
        };
        u32 pins[2]; /* the same, indexed by "read-only" */
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

/*
 * A piece of the table: some entries of a shared frame and their active entries. These are made
 * when the first of them is needed, since most domains use few entries; they never move.
 */
struct grant_chunk {
    struct grant_entry_v1 *shared; /* of a frame of ours lent to the domain */
    struct grant_active *active;   /* NULL: not made yet */
};

#define GRANTS_PER_FRAME  (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define GRANTS_PER_CHUNK  64U
#define CHUNKS_PER_FRAME  (GRANTS_PER_FRAME / GRANTS_PER_CHUNK)
#define MAPPINGS_PER_PAGE (PAGE_SIZE / sizeof(struct grant_mapping))
#define NO_HANDLE         (~0U)

struct grant_table {
    spinlock_t lock; /* RANK_GRANT: shared frames and active entries */
    unsigned int nr_frames, max_frames;
    unsigned int room;          /* frames for whose chunks there is room */
    unsigned long open_entries; /* those with active entries, the first ones; 0: the domain dies */
    struct grant_chunk *chunks;

    spinlock_t map_lock; /* RANK_GRANT_MAP: mappings that this domain holds of others */
    unsigned int nr_map_pages, max_map_pages;
    struct grant_mapping **mappings; /* NULL before the first */
    u32 free_handle;                 /* NO_HANDLE: none */
    u32 release_cursor;              /* of grant_table_release_mappings() */
    unsigned int unshared; /* of grant_table_unshare(): how many shared frames are given back */
};

/*
 * Does the table have an entry *@ref? Where the answer is mispredicted, *@ref becomes 0. Locks: the
 * table lock is held.
 */
static inline bool gref_ok(const struct grant_table *gt, unsigned long *ref)
{
    return index_ok(ref, gt->nr_frames * GRANTS_PER_FRAME);
}

/* The same for an entry that can be pinned at once. */
static inline bool gref_open(const struct grant_table *gt, unsigned long *ref)
{
    return index_ok(ref, gt->open_entries);
}

/*
 * The two halves of an entry that is known to exist, and, for the active one, to be made. A closed
 * table may have given the frame of the shared half back: shared_entry() then returns what is not
 * an address, and grant_drop_pin() does not use it. Locks: the table lock is held.
 */
static inline struct grant_entry_v1 *shared_entry(const struct grant_table *gt, unsigned long ref)
{
    unsigned long chunk = (unsigned long)gt->chunks[ref / GRANTS_PER_CHUNK].shared;

    return (void *)(chunk + ref % GRANTS_PER_CHUNK * sizeof(struct grant_entry_v1));
}

static inline struct grant_active *active_entry(const struct grant_table *gt, unsigned long ref)
{
    return &gt->chunks[ref / GRANTS_PER_CHUNK].active[ref % GRANTS_PER_CHUNK];
}

/* Does a domain use the entry, which exists? Locks: the table lock is held. */
static inline bool grant_in_use(const struct grant_table *gt, unsigned long ref)
{
    return gt->chunks[ref / GRANTS_PER_CHUNK].active && active_entry(gt, ref)->in_use;
}

/*
 * Grows the shared table to @frames. Locks: the table lock is held.
 * @return 0; -XEN_ENOMEM; -XEN_EINVAL: over the limit; -ERESTART: preempted, with some of them made
 */
int grant_table_grow(struct domain *d, unsigned int frames);

/*
 * Makes another page of handles when none is free, if memory and limit allow. Locks: the map lock
 * is held.
 */
void grant_map_add_handles(struct grant_table *gt);

/*
 * Pins entry @ref of @owner for domain @user: checks the shared entry, marks it as in use, and
 * counts. Takes the table lock.
 * @frame: receives the frame, on which the caller then has a general count and, for writing, a type
 * count of writable
 * @return GNTST_okay or another GNTST_*
 */
int grant_pin_reading(struct domain *owner, grant_ref_t ref, domid_t user, mfn_t *frame);
int grant_pin_writing(struct domain *owner, grant_ref_t ref, domid_t user, mfn_t *frame);
static inline int grant_pin(struct domain *owner, grant_ref_t ref, domid_t user, bool readonly,
                            mfn_t *frame)
{
    return readonly ? grant_pin_reading(owner, ref, user, frame)
                    : grant_pin_writing(owner, ref, user, frame);
}

/*
 * Clears in the shared entry the marks that no pin needs any longer. Locks: the table lock is held.
 */
static inline void grant_unmark(struct grant_entry_v1 *sha, const struct grant_active *act)
{
    u16 done = act->writers ? 0 : act->readers ? GTF_writing : GTF_reading | GTF_writing;

    atomic_and(&sha->flags, (u16)~done);
}

/*
 * Drops one pin. A closed table may have given its shared frames back, and no domain looks at them
 * any longer. Locks: the table lock is held.
 */
HOT_INLINE void grant_drop_pin(const struct grant_table *gt, struct grant_entry_v1 *sha,
                               struct grant_active *act, bool readonly)
{
    /* The common case reads both counts as one word: they were written long ago. */
    if (likely(act->in_use == (readonly ? 1UL << 32 : 1UL))) {
        act->in_use = 0;
        if (likely(gt->open_entries))
            atomic_and(&sha->flags, (u16) ~(GTF_reading | GTF_writing));
        return;
    }
    act->pins[readonly]--;
    if (!act->writers && gt->open_entries)
        grant_unmark(sha, act);
}

/* Undoes the pin; the counts on the frame are the caller's to drop. Takes the table lock. */
static inline void grant_unpin(struct domain *owner, unsigned long ref, bool readonly)
{
    struct grant_table *gt = owner->grant_table;

    spin_lock(&gt->lock);
    grant_drop_pin(gt, shared_entry(gt, ref), active_entry(gt, ref), readonly);
    spin_unlock(&gt->lock);
}

/* Drops the counts that grant_pin() or grant_get_frame() took. */
static inline void grant_put_frame(mfn_t frame, bool readonly)
{
    if (readonly)
        put_page(mfn_to_page(frame));
    else
        put_page_and_type(mfn_to_page(frame));
}

/*
 * Takes the counts on a frame of @owner for one use.
 * @return GNTST_okay; GNTST_bad_page: no such frame; GNTST_general_error: it is not the owner's, or
 * may not be written
 */
int grant_get_frame(mfn_t frame, struct domain *owner, bool readonly);

/*
 * Takes the counts on a frame that has been of the right type before. Before it takes a type count
 * it looks at the owner, to leave other domains' types alone; the caller looks again afterwards,
 * when the owner can no longer change.
 * @return false: nothing was taken
 */
HOT_INLINE bool grant_try_frame(mfn_t frame, u32 owner_id, bool readonly)
{
    struct page *pg = mfn_to_page(frame);

    if (unlikely(!mfn_valid(frame)))
        return false;
    if (readonly)
        return page_try_get_once(pg);
    return READ_ONCE(pg->owner) == owner_id && page_try_get_both_once(pg, PG_TYPE_WRITABLE);
}

/* Does the domain of @owner_id own the frame? The caller holds a general count. */
HOT_INLINE bool grant_owns_frame(mfn_t frame, u32 owner_id)
{
    return READ_ONCE(mfn_to_page(frame)->owner) == owner_id;
}

/*
 * Makes the first pin of an entry that permits it: marks the entry, takes the counts on its frame
 * (@*frame), and counts. Locks: the table lock is held.
 * @return false: nothing was changed, and the longer way has to be taken
 */
HOT_INLINE bool grant_pin_first(const struct domain *owner, struct grant_entry_v1 *sha,
                                struct grant_active *act, domid_t user, bool readonly, mfn_t *frame)
{
    const u32 look = 0xffff0000U | GTF_type_mask | (readonly ? 0 : GTF_readonly);
    const u32 mark = readonly ? GTF_reading : GTF_reading | GTF_writing;
    u32 seen, id = owner->owner_id;
    mfn_t f;

    if (unlikely(act->in_use))
        return false;
    seen = READ_ONCE(*(u32 *)(void *)sha);
    if (unlikely((seen & look) != ((u32)user << 16 | GTF_permit_access) ||
                 !cmpxchg((u32 *)(void *)sha, &seen, seen | mark)))
        return false;
    f = MFN(READ_ONCE(sha->frame));
    if (unlikely(!grant_try_frame(f, id, readonly)))
        goto unmark;
    if (unlikely(!grant_owns_frame(f, id)))
        goto put;
    act->frame = (u32)f.n;
    act->domid = user;
    act->pins[readonly] = 1;
    *frame = f;
    return true;

put:
    grant_put_frame(f, readonly);
unmark:
    grant_unmark(sha, act);
    return false;
}

/*
 * The operations that take @count elements at guest address @uop, and do them one after the other.
 * Each element's status says how it went. A preempted operation continues by itself.
 * @return 0, a continuation; -XEN_EFAULT: an element could not be read or written
 */
long grant_map_op(unsigned int cmd, unsigned long uop, unsigned int count);
long grant_unmap_op(unsigned int cmd, unsigned long uop, unsigned int count);
long grant_unmap_and_replace_op(unsigned int cmd, unsigned long uop, unsigned int count);
long grant_copy_op(unsigned int cmd, unsigned long uop, unsigned int count);
long grant_swap_op(unsigned int cmd, unsigned long uop, unsigned int count);
long grant_cache_flush_op(unsigned int cmd, unsigned long uop, unsigned int count);
/* Continues such an operation, of which @count elements at @uop are left. */
long grant_continue(unsigned int cmd, unsigned long uop, unsigned int count);

/* The operations that take one element. */
long grant_setup_table(unsigned long uop);
long grant_query_size(unsigned long uop);
long grant_set_version(unsigned long uop);
long grant_get_version(unsigned long uop);
long grant_get_status_frames(unsigned long uop);

#endif
