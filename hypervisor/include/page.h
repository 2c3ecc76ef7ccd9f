/* SPDX-License-Identifier: MIT */
/*
 * Frames of machine memory: owner, reference count and type.
 *
 * The invariant that every isolation property rests on: no frame is at once writable to a guest and
 * a page table or descriptor table, and no guest maps a frame that it neither owns nor was granted.
 *
 * Every 4 KiB frame of RAM has a `struct page` in the frame table, indexed by its machine frame
 * number. One 64-bit word, page->state, changed only by compare-and-exchange, holds both counts,
 * the type and the flags, so that "reference and use as type T" is one atomic step:
 *
 *   63                    58 57     55 54  52 51            26 25             0
 *   | allocation flags      | type fl.| type | type count     | general count  |
 *
 * - The general count keeps the frame allocated. The owner's allocation holds one (PG_ALLOCATED
 * says that it still does), each page-table entry that maps the frame holds one, so does each user
 * inside the hypervisor. At zero the frame goes back to the allocator.
 * - The type count says how many uses depend on the type. A writable mapping holds one of type
 * writable; an entry of a page directory holds one of type L1..L3; a pin and a vCPU's base pointer
 * hold one. Only at zero may the type change. Each type count is taken together with a general
 * count, so type count <= general count always.
 * - A page-table or descriptor type is validated when its type count leaves zero (PG_BUSY while
 * that happens, so nobody else can use the type) and taken apart when the count comes back
 * to zero. A preempted validation leaves PG_PARTIAL with page->done entries holding their
 * references.
 * - Counters refuse to overflow: a get fails at the maximum.
 */
#ifndef BULKHEAD_PAGE_H
#define BULKHEAD_PAGE_H

#include "atomic.h"

struct domain;
struct vcpu;

struct page {
    u64 state; /* counts, type, flags; see PG_* */
    u32 owner; /* machine frame number of the owner's struct domain; 0: none (ours, or free) */
    u32 stamp; /* TLB clock when the last mapping or writable mapping went; see tlb.h */
    u32 next;  /* list links: frame numbers, 0 ends (frame 0 is never listed) */
    u32 prev;
    u16 done; /* PG_PARTIAL: entries 0..done-1 are validated and hold references */
    u8 order; /* of a free block, in its first frame */
    u8 marks; /* PAGE_*; not in the state word, where most frames are to look the same */
};

#define PAGE_UNCACHED 1U /* mapped past the caches since they were flushed: page_mark_uncached() */
#define PAGE_FOREIGN  2U /* other domains' CPUs may remember a translation: page_mark_foreign() */

#define PG_COUNT_BITS      26
#define PG_COUNT_MAX       ((1ULL << PG_COUNT_BITS) - 1)
#define PG_REF_ONE         1ULL
#define PG_REF_MASK        PG_COUNT_MAX
#define PG_TYPE_ONE        (1ULL << PG_COUNT_BITS)
#define PG_TYPE_COUNT_MASK (PG_COUNT_MAX << PG_COUNT_BITS)

#define PG_TYPE_SHIFT    52
#define PG_TYPE_MASK     (7ULL << PG_TYPE_SHIFT)
#define PG_TYPE_NONE     (0ULL << PG_TYPE_SHIFT) /* read-only use only so far */
#define PG_TYPE_L1       (1ULL << PG_TYPE_SHIFT) /* page tables, by level */
#define PG_TYPE_L2       (2ULL << PG_TYPE_SHIFT)
#define PG_TYPE_L3       (3ULL << PG_TYPE_SHIFT)
#define PG_TYPE_L4       (4ULL << PG_TYPE_SHIFT)
#define PG_TYPE_SEGDESC  (5ULL << PG_TYPE_SHIFT) /* GDT or LDT frame */
#define PG_TYPE_WRITABLE (6ULL << PG_TYPE_SHIFT) /* mapped writable by its owner or a grantee */

#define PG_VALID (1ULL << 55) /* contents were checked for the type */
#define PG_PARTIAL \
    (1ULL << 56) /* validation or taking apart stopped midway; page->done says where */
#define PG_PINNED    (1ULL << 57) /* the owner pinned it: one type count and one general count */
#define PG_BUSY      (1ULL << 58) /* being validated or taken apart by one CPU */
#define PG_ALLOCATED (1ULL << 59) /* the owner's own general count is still held */
#define PG_HYPERVISOR \
    (1ULL << 60) /* our frame, shared with the owner (shared info, grant frames); never handed \
                    back by it */
#define PG_FREE (1ULL << 61) /* in the allocator */
#define PG_SCRUBBED \
    (1ULL << 62) /* free, zeroed since all CPUs forgot it; RAM that was never used lacks it */

STATIC_ASSERT(sizeof(struct page) == 32);

static inline u64 page_refs(u64 state)
{
    return state & PG_REF_MASK;
}

static inline u64 page_type_count(u64 state)
{
    return (state & PG_TYPE_COUNT_MASK) >> PG_COUNT_BITS;
}

/* frame_table, page_to_mfn, mfn_to_page, mfn_valid, mfn_to_virt, virt_to_mfn */
#include <asm/page.h>

/*
 * @return the owner, or NULL. It is stable only while the caller holds a general count (or the heap
 * lock).
 */
static inline struct domain *page_owner(const struct page *pg)
{
    u32 owner = READ_ONCE(pg->owner);

    return owner ? mfn_to_virt(MFN(owner)) : NULL;
}

static inline void page_set_owner(struct page *pg, const struct domain *d)
{
    WRITE_ONCE(pg->owner, d ? (u32)virt_to_mfn(d).n : 0);
}

/*
 * Gives a guest's frame back to the allocator. The caller dropped its last general count.
 * (page_alloc.c)
 */
void page_release(struct page *pg);

/*
 * No get goes above this. The room above it serves the references that cannot be refused: of a
 * PG_PARTIAL state, and of vCPUs that have the frame among their old tables. A type count never
 * exceeds the general count, so one comparison guards both.
 */
#define PG_REF_LIMIT (PG_COUNT_MAX - 4096)

/* May another general count be taken: is there one already, and is there room? */
static inline bool page_refs_ok(u64 state)
{
    return (state & PG_REF_MASK) - 1 < PG_REF_LIMIT - 1;
}

/*
 * Was the frame validated for @type, so that the type can be used at once? The test is made on the
 * shifted word, since constants of 64 bits cost more.
 */
static inline bool page_is_valid(u64 state, u64 type)
{
    STATIC_ASSERT(PG_VALID == 8ULL << PG_TYPE_SHIFT);
    return (state >> PG_TYPE_SHIFT & 15) == (type | PG_VALID) >> PG_TYPE_SHIFT;
}

/* Is there more than one type count? */
static inline bool page_type_shared(u64 state)
{
    return state >> PG_COUNT_BITS & PG_COUNT_MAX & ~1ULL;
}

/* @return what page->owner holds for frames of @d */
static inline u32 page_owner_id(const struct domain *d)
{
    return (u32)virt_to_mfn(d).n;
}

/*
 * Takes a general count, whoever owns @pg.
 * @return false: the frame is free, or the count is at its maximum
 */
static inline bool page_try_get(struct page *pg)
{
    u64 s = READ_ONCE(pg->state);

    do {
        if (unlikely(!page_refs_ok(s)))
            return false;
    } while (unlikely(!cmpxchg(&pg->state, &s, s + PG_REF_ONE)));
    return true;
}

/* The same with one try: it also fails when another CPU changes a count at the same moment. */
static inline bool page_try_get_once(struct page *pg)
{
    u64 s = READ_ONCE(pg->state);

    return likely(page_refs_ok(s)) && likely(cmpxchg(&pg->state, &s, s + PG_REF_ONE));
}

/*
 * Takes a general count on @pg if @d owns it. (A stranger takes none even for a moment, unless the
 * owner changes just then: it would be the one who drops the last count of a dead domain's frame.)
 * @return false: it has another owner, is free, or its count is at its maximum
 */
static inline bool get_page(struct page *pg, const struct domain *d)
{
    if (unlikely(READ_ONCE(pg->owner) != page_owner_id(d)) || unlikely(!page_try_get(pg)))
        return false;
    if (likely(READ_ONCE(pg->owner) == page_owner_id(d)))
        return true;
    if (page_refs(atomic_sub(&pg->state, PG_REF_ONE)) == 0)
        page_release(pg);
    return false;
}

/*
 * Drops a general count. The lower half of the state holds that count and the lowest bits of the
 * type count, which is never the larger one: so the half is zero exactly when the general count is,
 * and the processor says so by itself.
 * @return true: it was the last one, and page_release() is due
 */
static inline bool page_drop_ref(struct page *pg)
{
    STATIC_ASSERT(PG_COUNT_BITS < 32 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    return atomic_sub((u32 *)(void *)&pg->state, 1) == 0;
}

/* Drops one general count. */
static inline void put_page(struct page *pg)
{
    if (unlikely(page_drop_ref(pg)))
        page_release(pg);
}

/*
 * Takes a general and a type count in a single step, if the frame is validated for @type already (a
 * writable frame is, and remains so while unused). Does not look at the owner.
 * @return false: nothing was taken
 */
static inline bool page_try_get_both(struct page *pg, u64 type)
{
    u64 s = READ_ONCE(pg->state);

    do {
        if (unlikely(!page_is_valid(s, type) || !page_refs_ok(s)))
            return false;
    } while (unlikely(!cmpxchg(&pg->state, &s, s + PG_TYPE_ONE + PG_REF_ONE)));
    return true;
}

/* The same, with one try, as page_try_get_once(). */
static inline bool page_try_get_both_once(struct page *pg, u64 type)
{
    u64 s = READ_ONCE(pg->state);

    return likely(page_is_valid(s, type)) && likely(page_refs_ok(s)) &&
           likely(cmpxchg(&pg->state, &s, s + PG_TYPE_ONE + PG_REF_ONE));
}

/*
 * Takes a type count of @type on @pg, on which the caller holds a general count; validates the
 * contents when the type is new. A failure may leave work for page_finish_old_tables(). Locks: none
 * of rank RANK_PAGE_TABLES or above may be held. (page_type.c)
 * @return 0; -XEN_EINVAL: the frame is in use with another type, or the count is at its maximum;
 * what the validation of the contents returned (-XEN_EINVAL, -XEN_EBUSY, -XEN_EPERM); -ERESTART:
 * preempted with progress kept, to be called again (only with @preemptible)
 */
int get_page_type(struct page *pg, u64 type, bool preemptible);
/*
 * Drops one type count; takes a page table apart at zero.
 * @return 0; -ERESTART: preempted (only with @preemptible): the count is gone, and
 * page_take_apart() has to be called until it returns 0
 */
int put_page_type(struct page *pg, bool preemptible);

/*
 * Take both counts in one step, on a frame that @d owns. The preemptible form is for page
 * directories, whose validation may take long.
 * @return 0; errors of get_page_type(); -XEN_EINVAL also for a foreign frame; -ERESTART: preempted,
 * and no count is held
 */
int get_page_and_type(struct page *pg, struct domain *d, u64 type);
int get_page_and_type_preemptible(struct page *pg, struct domain *d, u64 type);

/*
 * Caches. Our own mapping of all RAM is cached, and so are a guest's mappings as a rule. When a
 * guest maps a frame in another way, a cache and main memory may hold different contents of it
 * until it is flushed: the processor could later walk something else than what was checked, and
 * what was scrubbed could still be there.
 *
 * page_mark_uncached(): the caller is about to make such a mapping and holds the counts for it.
 * What caches hold of the frame goes to memory. The frame is flushed again before its contents are
 * checked as a table, and before the allocator scrubs it for the next owner. The mark is set under
 * a writable type count or where nothing depends on it, and cleared by the CPU that has the frame
 * alone.
 */
void page_mark_uncached(struct page *pg);
/*
 * Makes caches and memory agree about a frame that was mapped so, when no translation can write to
 * it any longer. The caller has the frame BUSY or holds the last count.
 */
void page_flush_caches(struct page *pg);

/*
 * To be called by a domain that is not the owner and is about to map @pg writable; it holds a
 * writable type count. Without the mark, only the CPUs that run the owner are asked to flush when
 * the frame gets another type. The CPU that has the frame alone clears it when all CPUs have
 * flushed.
 */
static inline void page_mark_foreign(struct page *pg)
{
    if (!(READ_ONCE(pg->marks) & PAGE_FOREIGN))
        atomic_or(&pg->marks, (u8)PAGE_FOREIGN);
}

/* The slow half of put_page_and_type(): the type count may reach zero. It is not preempted. */
void put_page_and_last_type(struct page *pg);

/* Drops a general and a type count. */
static inline void put_page_and_type(struct page *pg)
{
    u64 s = READ_ONCE(pg->state);

    do {
        if (unlikely(!page_type_shared(s))) {
            put_page_and_last_type(pg);
            return;
        }
    } while (unlikely(!cmpxchg(&pg->state, &s, s - PG_TYPE_ONE - PG_REF_ONE)));
    /*
     * The general count is at least the type count, which was above one: the frame stays allocated.
     */
}

/*
 * Drops both counts of a page table of any level. When the taking apart is preempted, the rest is
 * left to page_finish_old_tables() of the current vCPU.
 * @return 0 or -ERESTART; the counts are gone either way
 */
int put_page_table(struct page *pg);

/*
 * Page tables whose taking apart was preempted, each with a general count. The vCPU finishes them
 * on its way out of the hypervisor, so the guest never sees one half apart.
 *
 * Three places suffice: a table is left only when hypercall_preempt_check() says so, which then
 * stays true until the vCPU leaves, so every batch ends at its next element. The element under way
 * leaves three tables at most: that of the element before it, the one that it replaces, and its own
 * at the end of the batch.
 */
#define OLD_TABLES_MAX 3U
struct old_tables {
    unsigned int count;
    struct page *table[OLD_TABLES_MAX];
};

/*
 * Continues to take apart the old tables of @v, which is current.
 * @return 0: none is left; -ERESTART: preempted again
 */
int page_finish_old_tables(struct vcpu *v);
/*
 * Forgets the old tables of @v, whose domain dies: the walk over its frames finds what is left of
 * them.
 */
void page_forget_old_tables(struct vcpu *v);

/*
 * Pins a table: PG_PINNED, with one type and one general count.
 * @pg: the caller's general count becomes the pin's, or is dropped
 * @return 0; -XEN_EINVAL: pinned already; errors of get_page_type(), -ERESTART only with
 * @preemptible
 */
int page_pin(struct page *pg, u64 type, bool preemptible);
/*
 * Drops the pin, like put_page_table(). The caller holds a general count of its own.
 * @return false: it was not pinned
 */
bool page_unpin(struct page *pg);
/*
 * Drops the pin, if there is one, for the walk over the frames of a dying domain. That walk itself
 * takes apart what stays PG_PARTIAL. The caller holds a general count of its own.
 */
void page_unpin_dying(struct page *pg);

/*
 * Says in the guest log why @d could not get frame @mfn, or not with @type (PG_TYPE_NONE: any):
 * "@what @mfn: it is mapped writable (2 times)". Called after the refusal; changes nothing.
 * (page_refusal.c)
 */
void page_refused(const char *what, mfn_t mfn, const struct domain *d, u64 type);

/*
 * The following three are for the architecture's code that walks tables (arch_validate_page() and
 * arch_invalidate_page()).
 *
 * page_claim_type() is get_page_type() one level down: after an error the frame may be PG_PARTIAL,
 * for its parent to take apart. page_take_apart() takes a PG_PARTIAL frame of @type apart and
 * leaves any other alone.
 * @return 0; errors of get_page_type() (page_claim_type() only); -ERESTART: preempted
 */
int page_claim_type(struct page *pg, u64 type, bool preemptible);
int page_take_apart(struct page *pg, u64 type, bool preemptible);
/*
 * Drops both counts of a table that another table referred to.
 * @return 0; -ERESTART: preempted, and the table is PG_PARTIAL
 */
int put_page_and_type_nested(struct page *pg, bool preemptible);

/* A list of frames, linked through the frame table. The lock of the list's holder protects it. */
struct page_list {
    u32 first, last;
    unsigned long count;
};

static inline void page_list_init(struct page_list *l)
{
    *l = (struct page_list){0};
}

static inline void page_list_add_tail(struct page_list *l, struct page *pg)
{
    u32 m = (u32)page_to_mfn(pg).n;

    pg->next = 0;
    pg->prev = l->last;
    if (l->last)
        mfn_to_page(MFN(l->last))->next = m;
    else
        l->first = m;
    l->last = m;
    l->count++;
}

static inline void page_list_del(struct page_list *l, struct page *pg)
{
    if (pg->prev)
        mfn_to_page(MFN(pg->prev))->next = pg->next;
    else
        l->first = pg->next;
    if (pg->next)
        mfn_to_page(MFN(pg->next))->prev = pg->prev;
    else
        l->last = pg->prev;
    pg->next = pg->prev = 0;
    l->count--;
}

/*
 * Moves the first frames of @l to @head, whose last frame and count say which: they are none, or
 * all of those from the first on.
 */
static inline void page_list_cut(struct page_list *l, struct page_list *head)
{
    struct page *last = mfn_to_page(MFN(head->last));

    if (!head->count)
        return;
    head->first = l->first;
    l->first = last->next;
    l->count -= head->count;
    if (last->next)
        mfn_to_page(MFN(last->next))->prev = 0;
    else
        l->last = 0;
    last->next = 0;
}

/* Moves all frames of @tail behind those of @l. */
static inline void page_list_append(struct page_list *l, struct page_list *tail)
{
    if (!tail->count)
        return;
    mfn_to_page(MFN(tail->first))->prev = l->last;
    if (l->last)
        mfn_to_page(MFN(l->last))->next = tail->first;
    else
        l->first = tail->first;
    l->last = tail->last;
    l->count += tail->count;
}

static inline struct page *page_list_first(const struct page_list *l)
{
    return l->first ? mfn_to_page(MFN(l->first)) : NULL;
}

#endif
