/* SPDX-License-Identifier: MIT */
/*
 * FIFO delivery: each port has an event word in guest memory with pending, masked and linked bits
 * and a link to the next port; each vCPU has a control block with a head for each of 16 priorities.
 * We append at the tail, which only we know; the guest takes from the head.
 *
 * The guest may scribble over words and heads at any time. Nothing read from them is used as an
 * index, loops over them are bounded, and the worst a guest reaches is to lose its own events.
 */
#include <arch.h>
#include <evtchn_impl.h>
#include <page_alloc.h>
#include <public/errno.h>
#include <sched.h>

#define WORDS_PER_PAGE  (PAGE_SIZE / sizeof(event_word_t))
#define MAX_ARRAY_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define LINK_TRIES      4
#define BIT(n)          (1U << (n))

struct evtchn_fifo_queue {
    spinlock_t lock; /* RANK_EVENT_QUEUE, interrupts off */
    u32 tail;        /* last port linked; 0: none */
    u8 priority;
    struct vcpu *vcpu;
};

struct evtchn_fifo_vcpu {
    struct evtchn_fifo_control_block *block; /* guest memory */
    mfn_t mfn;
    struct evtchn_fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct evtchn_fifo {
    unsigned int nr_pages;
    event_word_t *page[MAX_ARRAY_PAGES]; /* guest memory */
};

static event_word_t *event_word(const struct domain *d, unsigned int port)
{
    const struct evtchn_fifo *f = READ_ONCE(d->evtchn_fifo);
    unsigned int p = port / WORDS_PER_PAGE;

    if (unlikely(p >= READ_ONCE(f->nr_pages)))
        return NULL;
    return f->page[index_nospec(p, MAX_ARRAY_PAGES)] + port % WORDS_PER_PAGE;
}

/*
 * Links @port behind the present tail. A try fails only because the guest changes the word at the
 * same moment. After LINK_TRIES of them the BUSY bit asks the guest to stop: a well-behaved guest
 * waits for it, and for one that does not the second loop ends, too.
 * @return false: the guest consumed the tail already (its LINKED bit is clear), so the queue is
 * empty, or the guest never stopped changing the word
 */
static bool append_to_tail(const struct domain *d, u32 tail, u32 port)
{
    event_word_t *word = event_word(d, tail);
    event_word_t w;
    bool linked = false;

    if (!word)
        return false;
    w = READ_ONCE(*word);
    for (unsigned int i = 0; i < LINK_TRIES; i++) {
        if (!(w & BIT(EVTCHN_FIFO_LINKED)))
            return false;
        if (cmpxchg(word, &w, (w & ~(event_word_t)EVTCHN_FIFO_LINK_MASK) | port))
            return true;
    }
    w = atomic_or(word, BIT(EVTCHN_FIFO_BUSY)) | BIT(EVTCHN_FIFO_BUSY);
    for (unsigned int i = 0; i < LINK_TRIES && !linked; i++) {
        if (!(w & BIT(EVTCHN_FIFO_LINKED)))
            break;
        linked = cmpxchg(
            word, &w, (w & ~((event_word_t)EVTCHN_FIFO_LINK_MASK | BIT(EVTCHN_FIFO_BUSY))) | port);
    }
    if (!linked)
        atomic_and(word, ~BIT(EVTCHN_FIFO_BUSY));
    return linked;
}

/*
 * Locks the queue to link @chn on: that of its vCPU and priority, unless the port is still linked
 * on its previous queue. Then the previous queue keeps it, since a port may be on one queue only. A
 * port that moves is no longer the tail of its old queue: the port that is linked there next must
 * not follow it to the new one. While no lock is held another CPU may move the port.
 */
static struct evtchn_fifo_queue *lock_fifo_queue(struct vcpu *v, struct evtchn *chn,
                                                 const event_word_t *word)
{
    struct evtchn_fifo_queue *q, *old;

    for (;;) {
        q = &v->fifo->queue[READ_ONCE(chn->priority)];
        old = READ_ONCE(chn->queue);
        if (likely(!old || old == q)) {
            spin_lock(&q->lock);
            if (likely(READ_ONCE(chn->queue) == old))
                return q;
            spin_unlock(&q->lock);
        } else {
            spin_lock_two(&q->lock, &old->lock);
            if (READ_ONCE(chn->queue) == old)
                break;
            spin_unlock_two(&q->lock, &old->lock);
        }
    }
    if (READ_ONCE(*word) & BIT(EVTCHN_FIFO_LINKED)) {
        spin_unlock(&q->lock);
        return old;
    }
    if (old->tail == chn->port)
        old->tail = 0;
    spin_unlock(&old->lock);
    return q;
}

static void link_port(struct vcpu *v, struct evtchn *chn, event_word_t *word)
{
    struct domain *d = v->domain;
    struct evtchn_fifo_queue *q;
    struct evtchn_fifo_control_block *block;
    u32 port = chn->port;
    bool was_empty;

    if (!v->fifo || !load_acquire(&v->fifo->block)) {
        printk_guest(LOG_WARNING, "event for d%uv%u, which has no FIFO control block", d->id,
                     v->id);
        return;
    }
    q = lock_fifo_queue(v, chn, word);
    block = q->vcpu->fifo->block;
    if (atomic_or(word, BIT(EVTCHN_FIFO_LINKED)) & BIT(EVTCHN_FIFO_LINKED)) {
        spin_unlock(&q->lock);
        return;
    }
    /* A word that was just linked has an empty link. */
    atomic_and(word, ~(event_word_t)EVTCHN_FIFO_LINK_MASK);
    WRITE_ONCE(chn->queue, q);
    was_empty = !q->tail || q->tail == port || !append_to_tail(d, q->tail, port);
    if (was_empty)
        WRITE_ONCE(block->head[q->priority], port);
    q->tail = port;
    spin_unlock(&q->lock);
    /* A port behind others is found when the guest comes to it. */
    if (was_empty && !(atomic_or(&block->ready, BIT(q->priority)) & BIT(q->priority)))
        vcpu_set_pending(q->vcpu);
}

void evtchn_fifo_set_pending(struct vcpu *v, struct evtchn *chn)
{
    event_word_t *word = event_word(v->domain, chn->port);
    event_word_t old;

    if (unlikely(!word)) {
        WRITE_ONCE(chn->latched, true);
        smp_mb(); /* the array may have grown meanwhile, and that CPU looks at the latch after it */
        word = event_word(v->domain, chn->port);
        if (!word)
            return;
        WRITE_ONCE(chn->latched, false);
    }
    old = atomic_or(word, BIT(EVTCHN_FIFO_PENDING));
    if (!(old & (BIT(EVTCHN_FIFO_MASKED) | BIT(EVTCHN_FIFO_LINKED))))
        link_port(v, chn, word);
    if (!(old & BIT(EVTCHN_FIFO_PENDING)))
        evtchn_check_pollers(v->domain, chn->port);
}

void evtchn_fifo_clear_pending(struct domain *d, struct evtchn *chn)
{
    event_word_t *word = event_word(d, chn->port);

    /* The port stays linked; the guest drops it from the queue when it comes to it. */
    if (word)
        atomic_and(word, ~BIT(EVTCHN_FIFO_PENDING));
    chn->latched = false;
}

void evtchn_fifo_unmask(struct domain *d, struct evtchn *chn)
{
    event_word_t *word = event_word(d, chn->port);

    if (!word)
        return;
    atomic_and(word, ~BIT(EVTCHN_FIFO_MASKED));
    if (READ_ONCE(*word) & BIT(EVTCHN_FIFO_PENDING))
        evtchn_fifo_set_pending(d->vcpu[READ_ONCE(chn->notify_vcpu)], chn);
}

bool evtchn_fifo_is_pending(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *word = event_word(d, chn->port);

    return word && (READ_ONCE(*word) & BIT(EVTCHN_FIFO_PENDING));
}

bool evtchn_fifo_is_masked(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *word = event_word(d, chn->port);

    return !word || (READ_ONCE(*word) & BIT(EVTCHN_FIFO_MASKED));
}

/*
 * Maps a guest frame for our use, referenced as writable, so that it cannot become a page table.
 * @return its address; NULL: it is not the guest's
 */
static void *map_frame(struct domain *d, u64 gfn)
{
    if (gfn > ~0UL >> PAGE_SHIFT || !mfn_valid(MFN(gfn)) ||
        get_page_and_type(mfn_to_page(MFN(gfn)), d, PG_TYPE_WRITABLE))
        return NULL;
    return arch_map_guest_page(MFN(gfn));
}

static void unmap_frame(void *p, mfn_t mfn)
{
    arch_unmap_guest_page(p);
    put_page_and_type(mfn_to_page(mfn));
}

static int setup_vcpu(struct vcpu *v)
{
    struct evtchn_fifo_vcpu *f = xzalloc(struct evtchn_fifo_vcpu);

    if (!f)
        return -XEN_ENOMEM;
    f->mfn = INVALID_MFN;
    for (unsigned int i = 0; i < ARRAY_SIZE(f->queue); i++) {
        spin_lock_init(&f->queue[i].lock, RANK_EVENT_QUEUE);
        f->queue[i].priority = (u8)i;
        f->queue[i].vcpu = v;
    }
    v->fifo = f;
    return 0;
}

/*
 * What is pending when the domain switches is shown again once the event words exist. Another CPU
 * may have begun to set the port pending the old way: it holds the lock of the port that it sends
 * on, so it has done so when we have had that lock. Locks: the event lock is held.
 */
static void keep_pending(const struct domain *d, struct evtchn *chn)
{
    struct evtchn *sender = chn->state == ECS_INTERDOMAIN ? chn->peer : chn;
    unsigned long flags = local_irq_save();

    spin_lock_two(&chn->lock, &sender->lock);
    if (chn->port < EVTCHN_2L_NR_CHANNELS && test_bit(d->shared_info->evtchn_pending, chn->port))
        WRITE_ONCE(chn->latched, true);
    spin_unlock_two(&chn->lock, &sender->lock);
    local_irq_restore(flags);
}

/*
 * Sets up the domain with its first control block: from here on all its ports are shown the FIFO
 * way.
 */
static int setup_domain(struct domain *d)
{
    struct evtchn_fifo *f = xzalloc(struct evtchn_fifo);
    struct vcpu *v;
    int rc;

    if (!f)
        return -XEN_ENOMEM;
    for_each_vcpu (d, v) {
        rc = setup_vcpu(v);
        if (rc)
            goto fail;
    }
    for (unsigned int port = 1; port < d->valid_evtchns; port++)
        evtchn_lookup(d, port)->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    store_release(&d->evtchn_fifo, f);
    d->max_evtchns = EVTCHN_FIFO_NR_CHANNELS;
    for (unsigned int port = 1; port < d->valid_evtchns; port++)
        keep_pending(d, evtchn_lookup(d, port));
    return 0;

fail:
    for_each_vcpu (d, v)
        evtchn_fifo_vcpu_destroy(v);
    xfree(f);
    return rc;
}

long evtchn_fifo_init_control(struct evtchn_init_control *op)
{
    struct domain *d = current->domain;
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    long rc;
    char *block;

    op->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (!v)
        return -XEN_ENOENT;
    if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
        return -XEN_EINVAL;
    spin_lock(&d->event_lock);
    rc = -XEN_EINVAL;
    if (v->fifo && v->fifo->block)
        goto out;
    block = map_frame(d, op->control_gfn);
    if (!block)
        goto out;
    rc = 0;
    if (!d->evtchn_fifo)
        rc = setup_domain(d);
    else if (!v->fifo)
        rc = setup_vcpu(v); /* created after the switch */
    if (rc) {
        unmap_frame(block, MFN(op->control_gfn));
        goto out;
    }
    /* Both set-ups gave the vCPU its half. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    v->fifo->mfn = MFN(op->control_gfn);
    store_release(&v->fifo->block, (struct evtchn_fifo_control_block *)(block + op->offset));
out:
    spin_unlock(&d->event_lock);
    return rc;
}

long evtchn_fifo_expand_array(const struct evtchn_expand_array *op)
{
    struct domain *d = current->domain;
    struct evtchn_fifo *f;
    unsigned int first;
    long rc = 0;
    void *page;

    spin_lock(&d->event_lock);
    f = d->evtchn_fifo;
    if (!f) {
        rc = -XEN_EOPNOTSUPP;
        goto out;
    }
    if (f->nr_pages == MAX_ARRAY_PAGES) {
        rc = -XEN_ENOSPC;
        goto out;
    }
    page = map_frame(d, op->array_gfn);
    if (!page) {
        rc = -XEN_EINVAL;
        goto out;
    }
    first = f->nr_pages * WORDS_PER_PAGE;
    f->page[f->nr_pages] = page;
    store_release(&f->nr_pages, f->nr_pages + 1);
    for (unsigned int port = MAX(first, 1U);
         port < MIN(first + (unsigned int)WORDS_PER_PAGE, d->valid_evtchns); port++) {
        struct evtchn *chn = evtchn_lookup(d, port);
        unsigned long flags = spin_lock_irqsave(&chn->lock);

        if (READ_ONCE(chn->latched)) { /* a sender holds the lock of its own port */
            WRITE_ONCE(chn->latched, false);
            evtchn_fifo_set_pending(d->vcpu[READ_ONCE(chn->notify_vcpu)], chn);
        }
        spin_unlock_irqrestore(&chn->lock, flags);
    }
out:
    spin_unlock(&d->event_lock);
    return rc;
}

long evtchn_fifo_set_priority(struct domain *d, const struct evtchn_set_priority *op)
{
    long rc = -XEN_EINVAL;
    struct evtchn *chn;

    spin_lock(&d->event_lock);
    chn = evtchn_lookup(d, op->port);
    if (chn) {
        if (!d->evtchn_fifo)
            rc = -XEN_ENOSYS;
        else if (op->priority <= EVTCHN_FIFO_PRIORITY_MIN) {
            WRITE_ONCE(chn->priority, (u8)op->priority); /* the next time it is linked */
            rc = 0;
        }
    }
    spin_unlock(&d->event_lock);
    return rc;
}

void evtchn_fifo_vcpu_destroy(struct vcpu *v)
{
    struct evtchn_fifo_vcpu *f = v->fifo;

    if (!f)
        return;
    if (f->block)
        unmap_frame((void *)((unsigned long)f->block & PAGE_MASK), f->mfn);
    v->fifo = NULL;
    xfree(f);
}

/*
 * Forgets the queues that ports were linked on last, which are gone. A dying domain links no port
 * again.
 */
static void forget_queues(struct domain *d)
{
    if (d->dying)
        return;
    for (unsigned int b = 0; b < d->valid_evtchns / EVTCHNS_PER_BUCKET; b++)
        for (unsigned int i = 0; i < EVTCHNS_PER_BUCKET; i++)
            d->evtchn_buckets[b][i].queue = NULL;
}

void evtchn_fifo_destroy(struct domain *d)
{
    struct evtchn_fifo *f = d->evtchn_fifo;
    struct vcpu *v;

    if (!f)
        return;
    d->evtchn_fifo = NULL;
    for_each_vcpu (d, v)
        evtchn_fifo_vcpu_destroy(v);
    for (unsigned int i = 0; i < f->nr_pages; i++)
        unmap_frame(f->page[i], virt_to_mfn(f->page[i]));
    forget_queues(d);
    d->max_evtchns = EVTCHN_2L_NR_CHANNELS;
    xfree(f);
}
