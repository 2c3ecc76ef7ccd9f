/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a binary buddy system over all of RAM.
 *
 * A free block of 2^order frames is listed by its first frame, which alone carries PG_FREE and the
 * order. Whether a frame holds zeroes is remembered frame by frame (PG_SCRUBBED): RAM that nobody
 * has used is scrubbed when it is first handed out, so booting never walks over memory.
 *
 * The last owner of a freed frame may still write it, through a translation that some CPU
 * remembers. It therefore joins the dirty frames, which are in no block:
 *
 *   in use --free--> dirty --flush, then scrub--> clean, in a block --allocate--> in use
 *
 * heap_scrub() takes a batch of dirty frames, flushes once every CPU that may remember one of them,
 * and scrubs them only then. So a frame in a block is in no CPU's TLB, and its PG_SCRUBBED can be
 * believed. Idle CPUs clean dirty frames. A CPU that frees a frame and finds that they do not keep
 * up cleans a batch itself; an allocation that finds no block cleans what there is.
 *
 * The caller that gets a frame can rely on three things: it reads as zeroes (unless asked not to),
 * no CPU's TLB still maps it for its last owner, and nobody else holds a reference.
 */
#include <arch.h>
#include <domain.h>
#include <page_alloc.h>
#include <public/errno.h>
#include <sched.h>
#include <softirq.h>

/* A frame below 2^z is in zone z or lower: blocks never cross a power of two. */
#define ZONES 33U

/* Dirty frames that share a flush. They are scrubbed in one piece, so their number is bounded. */
#define SCRUB_BATCH 64U

/* So many are left to idle CPUs. An allocation that finds no block has to clean all of them. */
#define DIRTY_MOST 512U

static struct {
    spinlock_t lock;
    struct page_list free[MAX_ORDER + 1][ZONES];
    u64 zones[MAX_ORDER + 1];        /* bit per zone: has it blocks of that order? */
    unsigned long zone_pages[ZONES]; /* of free_pages, those in each */
    struct page_list dirty;          /* freed and not yet clean; owner and state are 0 */
    unsigned long scrubbing;         /* frames that CPUs took from it and have not finished */
    unsigned long dirtied, cleaned;  /* how many frames ever joined it, and left the two above */
    unsigned long free_pages;        /* with the two above */
    unsigned long total_pages;
    unsigned long claimed; /* of the free ones: set aside for domains (claimed_pages) */
} heap = {.lock = SPINLOCK_INIT(RANK_HEAP)};

static unsigned int zone_of(const struct page *pg)
{
    return 64U - (unsigned int)__builtin_clzl(page_to_mfn(pg).n);
}

static void block_insert(struct page *pg, unsigned int order)
{
    unsigned int zone = zone_of(pg);

    WRITE_ONCE(pg->state, READ_ONCE(pg->state) | PG_FREE);
    pg->order = (u8)order;
    page_list_add_tail(&heap.free[order][zone], pg);
    heap.zones[order] |= 1ULL << zone;
}

static void block_remove(struct page *pg)
{
    unsigned int zone = zone_of(pg), order = pg->order;

    page_list_del(&heap.free[order][zone], pg);
    if (!heap.free[order][zone].first)
        heap.zones[order] &= ~(1ULL << zone);
    WRITE_ONCE(pg->state, READ_ONCE(pg->state) & ~PG_FREE);
}

/* Counts a block, all of which is in one zone, as free. Locks: the heap's is held. */
static void count_free(const struct page *pg, unsigned int order)
{
    heap.free_pages += 1UL << order;
    heap.zone_pages[zone_of(pg)] += 1UL << order;
}

/*
 * Lists a block that is counted already, merged with its free buddies. Locks: the heap's is held.
 */
static void block_free(struct page *pg, unsigned int order)
{
    unsigned long m = page_to_mfn(pg).n;

    while (order < MAX_ORDER) {
        unsigned long buddy = m ^ (1UL << order);
        struct page *b;

        if (!mfn_valid(MFN(buddy)))
            break;
        b = mfn_to_page(MFN(buddy));
        if (!(READ_ONCE(b->state) & PG_FREE) || b->order != order)
            break;
        block_remove(b);
        m &= ~(1UL << order);
        order++;
    }
    block_insert(mfn_to_page(MFN(m)), order);
}

/*
 * Takes a block of exactly @order off the lists, or splits a larger one; all its frames lie below
 * 2^@bits. High addresses are taken first, since some uses need low ones; among those the smallest
 * block. Locks: the heap's is held.
 * @return NULL: there is none
 */
static struct page *block_alloc(unsigned int order, unsigned int bits)
{
    const u64 allowed = bits < ZONES ? (2ULL << bits) - 1 : ~0ULL;
    unsigned int best = MAX_ORDER;
    int best_zone = -1;
    struct page *pg;

    for (unsigned int o = MAX_ORDER + 1; o-- > order;) {
        u64 zones = heap.zones[o] & allowed;
        int zone = zones ? 63 - __builtin_clzll(zones) : -1;

        if (zone >= best_zone) {
            best = o;
            best_zone = zone;
        }
    }
    if (best_zone < 0)
        return NULL;
    pg = page_list_first(&heap.free[best][best_zone]);
    block_remove(pg);
    while (best > order) {
        best--;
        block_insert(pg + (1UL << best), best);
    }
    heap.free_pages -= 1UL << order;
    heap.zone_pages[best_zone] -= 1UL << order;
    return pg;
}

/* Lists frames @m to @end - 1, which are counted with @count. Locks: the heap's is held. */
static void run_free(unsigned long m, unsigned long end, bool count)
{
    while (m < end) {
        unsigned int order = MIN((unsigned int)__builtin_ctzl(m), MAX_ORDER);

        while (order > 0 && m + (1UL << order) > end)
            order--;
        if (count)
            count_free(mfn_to_page(MFN(m)), order);
        block_free(mfn_to_page(MFN(m)), order);
        m += 1UL << order;
    }
}

void heap_add_range(mfn_t start, mfn_t end)
{
    /* Frame 0 ends lists, so it is never given out. */
    unsigned long m = MAX(start.n, 1UL);

    spin_lock(&heap.lock);
    if (m < end.n)
        heap.total_pages += end.n - m;
    run_free(m, end.n, true);
    spin_unlock(&heap.lock);
}

/* ---- dirty frames ---- */

/* Frees frames of one zone that may hold anything and may be in any CPU's TLB. */
static void free_dirty(struct page *pg, unsigned int order)
{
    unsigned long flags;

    for (unsigned long i = 0; i < 1UL << order; i++) {
        page_stamp(&pg[i]);
        page_set_owner(&pg[i], NULL);
        WRITE_ONCE(pg[i].state, 0);
    }
    flags = spin_lock_irqsave(&heap.lock);
    count_free(pg, order);
    WRITE_ONCE(heap.dirtied, heap.dirtied + (1UL << order));
    for (unsigned long i = 0; i < 1UL << order; i++)
        page_list_add_tail(&heap.dirty, &pg[i]);
    spin_unlock_irqrestore(&heap.lock, flags);
}

/*
 * Moves a batch of dirty frames, or all of them if they are not many more, to the empty list
 * @batch.
 * @return how many frames other CPUs took before and have not finished
 */
static unsigned long take_dirty(struct page_list *batch)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock), others = heap.scrubbing;

    if (heap.dirty.count <= 2UL * SCRUB_BATCH) {
        *batch = heap.dirty;
        page_list_init(&heap.dirty);
    } else {
        batch->last = heap.dirty.first;
        while (++batch->count < SCRUB_BATCH)
            batch->last = mfn_to_page(MFN(batch->last))->next;
        page_list_cut(&heap.dirty, batch);
    }
    heap.scrubbing += batch->count;
    spin_unlock_irqrestore(&heap.lock, flags);
    return others;
}

/*
 * Makes sure that no CPU remembers a translation of any frame of @batch. What was stamped last
 * decides. A frame may have been dirty for more than half a round of the clock, so ages are
 * compared: one that seems too small costs a flush. They are counted from a moment after now, since
 * a stamp may be that (page_stamp()).
 */
static void flush_freed(const struct page_list *batch)
{
    u32 later = tlb_clock() + 1, age = ~0U;

    for (u32 m = batch->first; m; m = mfn_to_page(MFN(m))->next)
        age = MIN(age, later - mfn_to_page(MFN(m))->stamp);
    tlb_flush_stale(&cpu_online, later - age);
}

/*
 * Scrubs the frames of @batch, an idle CPU only as long as it has no work. What is scrubbed is the
 * first @batch->count afterwards.
 * @return the others
 */
static struct page_list scrub_frames(struct page_list *batch, bool idle)
{
    struct page_list rest = *batch;

    for (; rest.first && !(idle && softirq_pending()); rest.count--) {
        struct page *pg = mfn_to_page(MFN(rest.first));

        if (unlikely(pg->marks & PAGE_UNCACHED))
            page_flush_caches(pg);
        memzero_inline(mfn_to_virt(MFN(rest.first)), PAGE_SIZE);
        rest.first = pg->next;
    }
    batch->count -= rest.count;
    return rest;
}

/*
 * Cleans a batch of dirty frames, or what an idle CPU finds the time for. Waits for other CPUs'
 * flushes: no lock may be held that is taken with interrupts off.
 * @return false: there were none, and no other CPU is cleaning any.
 */
static bool heap_scrub(bool idle)
{
    struct page_list batch = {0}, rest;
    unsigned long others = take_dirty(&batch), taken = batch.count, flags;

    if (!batch.count) {
        tlb_relax();
        return others != 0;
    }
    flush_freed(&batch);
    rest = scrub_frames(&batch, idle);

    flags = spin_lock_irqsave(&heap.lock);
    heap.scrubbing -= taken;
    WRITE_ONCE(heap.cleaned, heap.cleaned + batch.count);
    page_list_append(&heap.dirty, &rest);
    /* Neighbours, which most frames of a domain are, go to the lists as one block. */
    for (u32 m = batch.first, first = m, end = m; batch.count; first = m) {
        do {
            struct page *pg = mfn_to_page(MFN(m));

            m = pg->next;
            pg->next = pg->prev = 0;
            pg->stamp = 0;
            WRITE_ONCE(pg->state, PG_SCRUBBED);
            end++;
        } while (--batch.count && m == end);
        run_free(first, end, false);
        end = m;
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    return true;
}

/* ---- allocation ---- */

static inline bool frame_is_zero(const struct page *pg)
{
    const u64 *words = mfn_to_virt(page_to_mfn(pg));

    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(u64); i++)
        if (words[i])
            return false;
    return true;
}

/* Makes a block that came off the lists ready for use. */
static void block_prepare(struct page *pg, unsigned int order, bool scrub)
{
    for (unsigned long i = 0; i < 1UL << order; i++) {
        u64 s = READ_ONCE(pg[i].state);

        if (scrub && !(s & PG_SCRUBBED)) {
            memzero_inline(mfn_to_virt(page_to_mfn(&pg[i])), PAGE_SIZE);
            WRITE_ONCE(pg[i].state, s | PG_SCRUBBED);
        }
        ASSERT(!scrub || frame_is_zero(&pg[i]));
        ASSERT(!pg[i].stamp && !pg[i].owner);
        pg[i].done = 0;
    }
}

/*
 * Takes a free block that no domain has claimed, or that @d has.
 * @return NULL: none is listed
 */
static struct page *block_take(struct domain *d, unsigned int order, unsigned int bits)
{
    unsigned long n = 1UL << order, from_claim = 0, flags;
    struct page *pg = NULL;

    if (d) {
        spin_lock(&d->page_lock);
        from_claim = MIN(n, d->claimed_pages);
    }
    flags = spin_lock_irqsave(&heap.lock);
    if (heap.free_pages - heap.claimed + from_claim >= n)
        pg = block_alloc(order, bits);
    if (pg && from_claim) {
        d->claimed_pages -= from_claim;
        heap.claimed -= from_claim;
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    if (d)
        spin_unlock(&d->page_lock);
    return pg;
}

/*
 * The same, but cleans dirty frames if none is listed: as many as there are now, since others may
 * free frames for as long as we clean them.
 */
static struct page *find_block(struct domain *d, unsigned int order, unsigned int bits)
{
    unsigned long dirtied = READ_ONCE(heap.dirtied);
    struct page *pg;

    do
        pg = block_take(d, order, bits);
    while (!pg && (long)(dirtied - READ_ONCE(heap.cleaned)) > 0 && heap_scrub(false));
    /* What another CPU was cleaning when we looked may have been listed since. */
    return pg ? pg : block_take(d, order, bits);
}

void *alloc_hv_pages(unsigned int order)
{
    struct page *pg = find_block(NULL, order, ZONES);

    if (!pg)
        return NULL;
    block_prepare(pg, order, true);
    for (unsigned long i = 0; i < 1UL << order; i++)
        WRITE_ONCE(pg[i].state, 0);
    return mfn_to_virt(page_to_mfn(pg));
}

/*
 * Cleans dirty frames if there are many: where no CPU is idle the one that frees frames also cleans
 * them. So there are never many more dirty frames than DIRTY_MOST, and an allocation that needs
 * them does not have to clean more. It does nothing while interrupts are off, since it may have to
 * wait for another CPU's flush.
 */
static void scrub_if_many(void)
{
    if (READ_ONCE(heap.dirty.count) >= DIRTY_MOST && local_irq_is_enabled())
        heap_scrub(false);
}

bool heap_scrub_idle(void)
{
    if (!READ_ONCE(heap.dirty.count))
        return false;
    heap_scrub(true);
    return true;
}

void heap_scrub_all(void)
{
    while (READ_ONCE(heap.dirty.count))
        heap_scrub(false);
}

void free_hv_pages(void *p, unsigned int order)
{
    if (!p)
        return;
    free_dirty(virt_to_page(p), order);
    scrub_if_many();
}

/* Undoes find_block(): nobody has seen the block. */
static void block_give_back(struct page *pg, unsigned int order)
{
    unsigned long flags = spin_lock_irqsave(&heap.lock);

    count_free(pg, order);
    block_free(pg, order);
    spin_unlock_irqrestore(&heap.lock, flags);
}

static void set_pfns(struct page *pg, unsigned long n, unsigned long pfn)
{
    mfn_t mfn = page_to_mfn(pg);

    for (unsigned long i = 0; i < n; i++)
        arch_set_m2p(mfn_add(mfn, i), pfn == INVALID_M2P_ENTRY ? pfn : pfn + i);
}

/* Lists the @n frames from @pg on behind those of @l. */
static void list_neighbours(struct page_list *l, struct page *pg, unsigned long n)
{
    u32 m = (u32)page_to_mfn(pg).n;
    struct page_list run = {.first = m, .last = m + (u32)n - 1, .count = n};

    for (u32 i = 0; i < n; i++) {
        pg[i].prev = m + i - 1;
        pg[i].next = m + i + 1;
    }
    pg[0].prev = 0;
    pg[n - 1].next = 0;
    page_list_append(l, &run);
}

/*
 * Takes a block that is ready for @d, with numbers from @pfn on, but that nobody owns.
 * @return NULL: there is none
 */
static struct page *block_for(struct domain *d, unsigned int order, unsigned int memf,
                              unsigned long pfn)
{
    unsigned int bits = memf >> 8;
    struct page *pg;

    if (memf & MEMF_BELOW_4G)
        bits = bits && bits < 32 ? bits : 32;
    if (!bits)
        bits = PAGE_SHIFT + ZONES;
    bits = bits > PAGE_SHIFT ? bits - PAGE_SHIFT : 0;
    pg = find_block(d, order, bits);
    if (!pg)
        return NULL;
    block_prepare(pg, order, !(memf & MEMF_NO_SCRUB));
    if (pfn != INVALID_M2P_ENTRY)
        set_pfns(pg, 1UL << order, pfn);
    return pg;
}

/* Locks: the page lock of @d is held. */
static inline void give_frame(struct page *pg, struct domain *d)
{
    page_set_owner(pg, d);
    /* Most frames are mapped writable first: they are fit for it at once. */
    store_release(&pg->state, PG_ALLOCATED | PG_TYPE_WRITABLE | PG_VALID | PG_REF_ONE);
}

struct page *alloc_domain_pages_at(struct domain *d, unsigned int order, unsigned int memf,
                                   unsigned long pfn)
{
    unsigned long n = 1UL << order;
    struct page *pg;

    if (order > MAX_ORDER)
        return NULL;

    /* The count is reserved first, so that the slow part runs without the lock. */
    spin_lock(&d->page_lock);
    if (d->dying || d->tot_pages + n > d->max_pages) {
        spin_unlock(&d->page_lock);
        return NULL;
    }
    d->tot_pages += n;
    spin_unlock(&d->page_lock);

    pg = block_for(d, order, memf, pfn);

    spin_lock(&d->page_lock);
    if (!pg || d->dying) {
        d->tot_pages -= n;
        spin_unlock(&d->page_lock);
        if (pg) {
            set_pfns(pg, n, INVALID_M2P_ENTRY);
            block_give_back(pg, order);
        }
        return NULL;
    }
    if (!d->pages.count)
        get_domain(d); /* frames keep their domain; dropped with the last one */
    list_neighbours(&d->pages, pg, n);
    for (unsigned long i = 0; i < n; i++)
        give_frame(&pg[i], d);
    spin_unlock(&d->page_lock);
    return pg;
}

struct page *alloc_pages_aside(struct domain *d, unsigned int order, unsigned int memf,
                               unsigned long pfn, struct page_list *aside)
{
    struct page *pg = order > MAX_ORDER ? NULL : block_for(d, order, memf, pfn);

    if (pg)
        list_neighbours(aside, pg, 1UL << order);
    return pg;
}

void free_pages_aside(struct page_list *aside)
{
    for (u32 m = aside->first; m;) {
        struct page *pg = mfn_to_page(MFN(m));

        m = pg->next;
        pg->next = pg->prev = 0;
        set_pfns(pg, 1, INVALID_M2P_ENTRY);
        block_give_back(pg, 0);
    }
    page_list_init(aside);
}

bool give_pages_aside(struct domain *d, struct page_list *aside)
{
    spin_lock(&d->page_lock);
    if (d->dying) {
        spin_unlock(&d->page_lock);
        return false;
    }
    if (!d->pages.count)
        get_domain(d);
    d->tot_pages += aside->count;
    for (u32 m = aside->first; m; m = mfn_to_page(MFN(m))->next)
        give_frame(mfn_to_page(MFN(m)), d);
    page_list_append(&d->pages, aside);
    spin_unlock(&d->page_lock);
    return true;
}

int claim_domain_pages(struct domain *d, unsigned long pages)
{
    unsigned long flags, want;
    int rc = 0;

    spin_lock(&d->page_lock);
    flags = spin_lock_irqsave(&heap.lock);
    want = pages - d->tot_pages;
    if (pages == 0) {
        heap.claimed -= d->claimed_pages;
        d->claimed_pages = 0;
    } else if (d->claimed_pages || d->dying || pages <= d->tot_pages || pages > d->max_pages) {
        rc = -XEN_EINVAL;
    } else if (want > heap.free_pages - heap.claimed) {
        rc = -XEN_ENOMEM;
    } else {
        heap.claimed += want;
        d->claimed_pages = want;
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    spin_unlock(&d->page_lock);
    return rc;
}

bool free_domain_page(struct page *pg)
{
    if (!(atomic_and(&pg->state, ~PG_ALLOCATED) & PG_ALLOCATED))
        return false;
    put_page(pg);
    return true;
}

void page_release(struct page *pg)
{
    struct domain *d = page_owner(pg);
    u64 s = READ_ONCE(pg->state);
    bool last = false;

    BUG_ON(s & (PG_ALLOCATED | PG_TYPE_COUNT_MASK));
    if (d) {
        spin_lock(&d->page_lock);
        if (s & PG_HYPERVISOR) {
            d->hv_pages--;
        } else {
            page_list_del(&d->pages, pg);
            d->tot_pages--;
            last = d->pages.count == 0;
        }
        spin_unlock(&d->page_lock);
        last = last || (s & PG_HYPERVISOR);
    }
    arch_set_m2p(page_to_mfn(pg), INVALID_M2P_ENTRY);
    free_dirty(pg, 0);
    if (d && last)
        put_domain(d);
    scrub_if_many();
}

unsigned int free_domain_batch(struct domain *d)
{
    struct page_list batch = {0};
    u32 all = 0, common = ~0U; /* bits of the frames' numbers */
    unsigned long flags;
    bool last;

    spin_lock(&d->page_lock);
    for (u32 m = d->pages.first; m && batch.count < SCRUB_BATCH; batch.count++) {
        struct page *pg = mfn_to_page(MFN(m));
        u64 s = READ_ONCE(pg->state);

        if ((s & ~(PG_TYPE_MASK | PG_VALID)) != (PG_ALLOCATED | PG_REF_ONE) ||
            !cmpxchg(&pg->state, &s, 0))
            break;
        page_stamp(pg);
        page_set_owner(pg, NULL);
        arch_set_m2p(MFN(m), INVALID_M2P_ENTRY);
        batch.last = m;
        all |= m;
        common &= m;
        m = pg->next;
    }
    page_list_cut(&d->pages, &batch);
    d->tot_pages -= batch.count;
    last = d->pages.count == 0;
    spin_unlock(&d->page_lock);
    if (!batch.count)
        return 0;

    flags = spin_lock_irqsave(&heap.lock);
    heap.free_pages += batch.count;
    WRITE_ONCE(heap.dirtied, heap.dirtied + batch.count);
    if (likely(common > all >> 1)) /* they have their highest bit in common */
        heap.zone_pages[zone_of(page_list_first(&batch))] += batch.count;
    else
        for (u32 m = batch.first; m; m = mfn_to_page(MFN(m))->next)
            heap.zone_pages[zone_of(mfn_to_page(MFN(m)))]++;
    page_list_append(&heap.dirty, &batch);
    spin_unlock_irqrestore(&heap.lock, flags);
    if (last)
        put_domain(d);
    scrub_if_many();
    return (unsigned int)batch.count;
}

void share_hv_page(void *page, struct domain *d, bool writable)
{
    struct page *pg = virt_to_page(page);

    get_domain(d); /* one for each lent frame */
    spin_lock(&d->page_lock);
    page_set_owner(pg, d);
    d->hv_pages++;
    spin_unlock(&d->page_lock);
    /* Our type count keeps the frame from ever becoming another type. */
    store_release(&pg->state,
                  PG_HYPERVISOR | PG_ALLOCATED | PG_REF_ONE | PG_TYPE_ONE |
                      (writable ? PG_TYPE_WRITABLE | PG_VALID : PG_TYPE_NONE | PG_VALID));
}

void unshare_hv_page(void *page)
{
    struct page *pg = virt_to_page(page);

    atomic_sub(&pg->state, PG_TYPE_ONE);
    BUG_ON(!free_domain_page(pg));
}

unsigned long heap_free_pages(void)
{
    return READ_ONCE(heap.free_pages);
}

unsigned long heap_free_pages_below(unsigned int bits)
{
    unsigned int zones = bits < PAGE_SHIFT ? 0 : MIN(bits - PAGE_SHIFT + 1, ZONES);
    unsigned long flags = spin_lock_irqsave(&heap.lock), pages = 0;

    for (unsigned int zone = 0; zone < zones; zone++)
        pages += heap.zone_pages[zone];
    spin_unlock_irqrestore(&heap.lock, flags);
    return pages;
}

unsigned long heap_claimed_pages(void)
{
    return READ_ONCE(heap.claimed);
}

unsigned long heap_total_pages(void)
{
    return heap.total_pages;
}
