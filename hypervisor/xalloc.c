/* SPDX-License-Identifier: MIT */
/*
 * Small objects: power-of-two size classes from 32 bytes to half a page, carved out of single
 * frames; larger ones take whole frames. A frame's first 32 bytes say which class it serves, so
 * freeing needs no size.
 */
#include <page_alloc.h>
#include <spinlock.h>

#define MIN_SHIFT  5U
#define MAX_SHIFT  11U
#define SLAB_MAGIC 0x534c4142U

/* At the start of a slab frame. */
struct slab {
    u32 magic;
    u16 shift; /* object size */
    u16 in_use;
    void *free; /* first free object; each holds the address of the next */
    struct slab *next, *prev;
};
STATIC_ASSERT(sizeof(struct slab) == 32);

static struct {
    spinlock_t lock;
    struct slab *partial[MAX_SHIFT + 1]; /* slabs with a free object */
    unsigned long bytes;                 /* atomic: large objects are counted without the lock */
} pool = {.lock = SPINLOCK_INIT(RANK_XALLOC)};

static void slab_list(struct slab *s)
{
    s->prev = NULL;
    s->next = pool.partial[s->shift];
    if (s->next)
        s->next->prev = s;
    pool.partial[s->shift] = s;
}

static void slab_unlist(struct slab *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        pool.partial[s->shift] = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->next = s->prev = NULL;
}

/*
 * Makes a new slab, which is not listed yet. Locks: none may be held, since the allocator may wait
 * for other CPUs.
 */
static struct slab *slab_new(unsigned int shift)
{
    struct slab *s = alloc_hv_pages(0);
    unsigned long size = 1UL << shift;

    if (!s)
        return NULL;
    s->magic = SLAB_MAGIC;
    s->shift = (u16)shift;
    for (unsigned long off = PAGE_SIZE - size; off >= sizeof(*s); off -= size) {
        void **obj = (void **)((char *)s + off);

        *obj = s->free;
        s->free = obj;
        if (off < size)
            break;
    }
    return s;
}

/* Allocates the frames of a large object; page->order of its first frame remembers how many. */
static void *large_alloc(size_t size)
{
    unsigned int order = order_from_pages((size + PAGE_SIZE - 1) >> PAGE_SHIFT);
    void *p = alloc_hv_pages(order);

    if (p) {
        virt_to_page(p)->order = (u8)order;
        atomic_add(&pool.bytes, PAGE_SIZE << order);
    }
    return p;
}

void *xzalloc_bytes(size_t size)
{
    unsigned int shift = MIN_SHIFT;
    unsigned long flags;
    struct slab *s;
    void **obj;

    while (shift <= MAX_SHIFT && (1UL << shift) < size)
        shift++;
    /* Only one object of half a page fits behind the slab's head, so it gets a frame. */
    if (shift >= MAX_SHIFT)
        return large_alloc(size);

    flags = spin_lock_irqsave(&pool.lock);
    s = pool.partial[shift];
    if (!s) {
        spin_unlock_irqrestore(&pool.lock, flags);
        s = slab_new(shift);
        if (!s)
            return NULL;
        flags = spin_lock_irqsave(&pool.lock);
        slab_list(s);
    }
    obj = s->free;
    s->free = *obj;
    s->in_use++;
    if (!s->free)
        slab_unlist(s);
    atomic_add(&pool.bytes, 1UL << shift);
    spin_unlock_irqrestore(&pool.lock, flags);
    memset(obj, 0, 1UL << shift);
    return obj;
}

void xfree(void *p)
{
    struct slab *s = (struct slab *)((unsigned long)p & PAGE_MASK);
    bool was_full, empty;
    unsigned long flags;

    if (!p)
        return;
    if ((void *)s == p) {
        unsigned int order = virt_to_page(p)->order;

        atomic_sub(&pool.bytes, PAGE_SIZE << order);
        free_hv_pages(p, order);
        return;
    }
    BUG_ON(s->magic != SLAB_MAGIC);
    flags = spin_lock_irqsave(&pool.lock);
    was_full = !s->free;
    *(void **)p = s->free;
    s->free = p;
    atomic_sub(&pool.bytes, 1UL << s->shift);
    empty = --s->in_use == 0;
    if (was_full && !empty)
        slab_list(s);
    else if (empty && !was_full)
        slab_unlist(s);
    spin_unlock_irqrestore(&pool.lock, flags);
    if (empty)
        free_hv_pages(s, 0);
}

unsigned long xalloc_in_use(void)
{
    return READ_ONCE(pool.bytes);
}
