/* SPDX-License-Identifier: MIT */
/*
 * Trace buffers: XEN_SYSCTL_tbuf_op, and the records of each CPU (public/trace.h).
 *
 * Each CPU writes to a ring of its own, with interrupts off, so records need no lock. Dom0 may
 * write to the pages of a ring at any time: of all that is there, only `cons` is ever read, once,
 * and checked. Where the next record goes is kept in memory of ours.
 *
 * The rings are made once. What is written about them here is final before trace_on says so, except
 * for what dom0 wants to see.
 */
#include <arch.h>
#include <event_channel.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <percpu.h>
#include <public/sysctl.h>
#include <softirq.h>
#include <trace.h>

u32 trace_on;

struct ring {
    struct t_buf *head;
    const u32 *mfns; /* of its pages; dom0 may only read this list */
    u32 prod;        /* what head->prod was last set to */
    u32 lost;        /* records since the last one that was written */
    u64 lost_since;
    bool notify; /* dom0 is to be told that it is half full */
    bool busy;   /* its CPU writes a record, or is about to look whether it may */
};

static struct ring *rings; /* by CPU; NULL until all of them are complete, which they stay */
static u32 ring_bytes;     /* of each, for records */

/* What dom0 wants to see. */
static u32 event_mask = TRC_ALL;
static cpumask_t cpu_mask = {.bits = {[0 ... NR_CPUS / BITS_PER_LONG - 1] = ~0UL}};

/* The list of frames, and what is needed to make it. */
#define FIRST_LIST DIV_ROUND_UP(offsetof(struct t_info, mfn_offset[NR_CPUS]), sizeof(u32))

static struct {
    struct ring *rings; /* NULL: set_size has not come so far */
    struct t_info *info;
    unsigned int info_pages; /* of the list */
    u32 asked;               /* pages of a ring, as set_size asked for them */
    u32 pages;               /* and as they came to be */
    unsigned int made;       /* pages that are in the list */
} bufs;

/* ---- records ---- */

#define HEADER_BYTES 4U
#define STAMP_BYTES  8U

/* The data of TRC_LOST_RECORDS. */
struct lost_records {
    u32 count;
    u16 domain, vcpu;
    u64 since;
};
#define LOST_WORDS (sizeof(struct lost_records) / sizeof(u32))

static u32 record_bytes(unsigned int words)
{
    return HEADER_BYTES + STAMP_BYTES + words * (u32)sizeof(u32);
}

/* @return does dom0 want to see @event, of this CPU? */
static bool is_wanted(u32 event)
{
    u32 both = READ_ONCE(event_mask) & event;

    return both >> TRC_CLS_SHIFT && both >> TRC_SUBCLS_SHIFT & 0xf &&
           cpumask_test(&cpu_mask, smp_processor_id());
}

/* @return the bytes from where the next record goes to the end of @r */
static u32 bytes_to_end(const struct ring *r)
{
    return (r->prod < ring_bytes ? ring_bytes : 2 * ring_bytes) - r->prod;
}

/* Writes the next word of @r, which is not at its end. */
static void put_word(struct ring *r, u32 word)
{
    u32 at = ring_bytes - bytes_to_end(r) + (u32)sizeof(struct t_buf);
    u32 *page = mfn_to_virt(MFN(r->mfns[at >> PAGE_SHIFT]));

    WRITE_ONCE(page[(at & ~PAGE_MASK) / sizeof(u32)], word);
    r->prod += sizeof(u32);
    if (r->prod == 2 * ring_bytes)
        r->prod = 0;
}

static void put_record(struct ring *r, u32 event, const u32 *data, unsigned int words)
{
    u64 stamp = arch_timestamp();

    put_word(r, event | words << TRACE_EXTRA_SHIFT | (u32)TRC_HD_CYCLE_FLAG);
    put_word(r, (u32)stamp);
    put_word(r, (u32)(stamp >> 32));
    for (unsigned int i = 0; i < words; i++)
        put_word(r, data[i]);
}

/*
 * Fills what is left of @r with a record, if one of @bytes does not fit there. That is less than
 * the largest record, so it is a record.
 */
static void wrap_for(struct ring *r, u32 bytes)
{
    u32 words = bytes_to_end(r) / sizeof(u32) - 1;
    u32 stamp = 0;

    if (bytes <= bytes_to_end(r))
        return;
    if (words > TRACE_EXTRA_MAX) {
        words -= STAMP_BYTES / sizeof(u32);
        stamp = (u32)TRC_HD_CYCLE_FLAG;
    }
    put_word(r, TRC_TRACE_WRAP_BUFFER | words << TRACE_EXTRA_SHIFT | stamp);
    words += stamp ? STAMP_BYTES / (u32)sizeof(u32) : 0;
    while (words--)
        put_word(r, 0);
}

/* @return what a record of @bytes takes when *@to_end bytes are left, which changes with it */
static u32 take(u32 *to_end, u32 bytes)
{
    u32 filled = bytes > *to_end ? *to_end : 0;

    if (filled)
        *to_end = ring_bytes;
    *to_end -= bytes;
    if (!*to_end)
        *to_end = ring_bytes;
    return filled + bytes;
}

/*
 * Reads how far dom0 has come.
 * @used: the bytes of @r that it has not read yet
 * @return false: that cannot be
 */
static bool get_used(const struct ring *r, u32 *used)
{
    u32 cons = READ_ONCE(r->head->cons);

    if (cons & 3 || cons >= 2 * ring_bytes)
        return false;
    *used = r->prod - cons + (r->prod < cons ? 2 * ring_bytes : 0);
    return *used <= ring_bytes;
}

static void put_lost(struct ring *r)
{
    struct lost_records lost = {.count = r->lost,
                                .domain = current->domain->id,
                                .vcpu = (u16)current->id,
                                .since = r->lost_since};
    u32 words[LOST_WORDS];

    memcpy(words, &lost, sizeof(lost));
    wrap_for(r, record_bytes(LOST_WORDS));
    put_record(r, TRC_LOST_RECORDS, words, LOST_WORDS);
    r->lost = 0;
}

/* Writes a record into @r, or counts it as lost. The caller is the CPU of @r, interrupts off. */
static void insert(struct ring *r, u32 event, const u32 *data, unsigned int words)
{
    u32 used, need = 0, to_end = bytes_to_end(r);

    if (!get_used(r, &used)) {
        WRITE_ONCE(trace_on, 0);
        printk(LOG_WARNING, "trace: dom0 has read more of CPU %u than there is, so traces are off",
               smp_processor_id());
        return;
    }
    if (r->lost)
        need = take(&to_end, record_bytes(LOST_WORDS));
    need += take(&to_end, record_bytes(words));
    if (need > ring_bytes - used) {
        if (r->lost++ == 0)
            r->lost_since = arch_timestamp();
        return;
    }
    if (r->lost)
        put_lost(r);
    wrap_for(r, record_bytes(words));
    put_record(r, event, data, words);
    smp_wmb(); /* the records are there before dom0 is told */
    WRITE_ONCE(r->head->prod, r->prod);
    if (used < ring_bytes / 2 && used + need >= ring_bytes / 2) {
        r->notify = true; /* in a softirq: the caller may hold any lock */
        softirq_raise(SOFTIRQ_TRACE);
    }
}

void trace_record(u32 event, const void *data, unsigned int words)
{
    u32 copy[TRACE_EXTRA_MAX];
    unsigned long flags;
    struct ring *r;

    if (!is_wanted(event))
        return;
    ASSERT(words <= TRACE_EXTRA_MAX);
    memcpy(copy, data, words * sizeof(u32));
    flags = local_irq_save();
    if (tracing()) {
        smp_rmb(); /* what trace_on promises */
        r = &rings[smp_processor_id()];
        WRITE_ONCE(r->busy, true);
        smp_mb(); /* stop() sees this, or we see that it has begun */
        if (tracing())
            insert(r, event, copy, words);
        store_release(&r->busy, false);
    }
    local_irq_restore(flags);
}

void trace_vcpu_record(u32 event, const struct vcpu *v)
{
    const u32 data[] = {v->domain->id, v->id};

    trace_record(event, data, ARRAY_SIZE(data));
}

void trace_domain_record(u32 event, const struct domain *d)
{
    const u32 data[] = {d->id};

    trace_record(event, data, ARRAY_SIZE(data));
}

void trace_shutdown_record(u32 event, u32 reason)
{
    const u32 data[] = {current->domain->id, current->id, reason};

    trace_record(event, data, ARRAY_SIZE(data));
}

void trace_runstate_record(const struct vcpu *v, int state)
{
    const u32 data[] = {(u32)v->domain->id << 16 | v->id};

    if (v->runstate.state != state)
        trace_record(TRC_SCHED_RUNSTATE_CHANGE | ((u32)v->runstate.state & 3) << 8 |
                         ((u32)state & 3) << 4,
                     data, ARRAY_SIZE(data));
}

/* The arguments that tell most of a hypercall, counted from 1; 0: none. */
static const struct {
    u8 argument[2];
} shown[NR_HYPERCALLS] = {
    [__HYPERVISOR_mmu_update] = {{2}}, /* how many */
    [__HYPERVISOR_multicall] = {{2}},         [__HYPERVISOR_mmuext_op] = {{2}},
    [__HYPERVISOR_grant_table_op] = {{1, 3}}, /* which, how many */
    [__HYPERVISOR_vcpu_op] = {{1, 2}},        /* which, vCPU */
    [__HYPERVISOR_sched_op] = {{1}},          /* which */
};

void trace_hypercall(u32 event, unsigned long op, const unsigned long *args)
{
    u32 data[1 + ARRAY_SIZE(shown[0].argument)] = {(u32)op & ~TRC_PV_HYPERCALL_V2_ARG_MASK};
    unsigned int words = 1;

    if (op < NR_HYPERCALLS) {
        const u8 *which = shown[index_nospec(op, NR_HYPERCALLS)].argument;

        for (unsigned int i = 0; i < ARRAY_SIZE(shown[0].argument) && which[i]; i++) {
            data[0] |= TRC_PV_HYPERCALL_V2_ARG_32(which[i] - 1U);
            data[words++] = (u32)args[which[i] - 1];
        }
    }
    trace_record(event, data, words);
}

/* ---- the rings ---- */

/* @return the most pages that a ring can have: `mfn_offset` of the last CPU has 16 bits */
static u32 most_pages(void)
{
    u32 most = 0xffff - FIRST_LIST;

    return nr_cpus > 1 ? most / (nr_cpus - 1) : most;
}

static u32 *frame_list(void)
{
    return (u32 *)(void *)bufs.info;
}

/* Gives back what begin_rings() and make_pages() have made, though it may not be all. */
static void drop_rings(void)
{
    while (bufs.made)
        unshare_hv_page(mfn_to_virt(MFN(frame_list()[FIRST_LIST + --bufs.made])));
    if (bufs.info)
        free_hv_pages(bufs.info, order_from_pages(bufs.info_pages));
    xfree(bufs.rings);
    memset(&bufs, 0, sizeof(bufs));
}

/* Begins to make rings of @pages pages. */
static long begin_rings(u32 pages)
{
    u32 fit = MIN(pages, most_pages());
    unsigned int info_pages = (unsigned int)DIV_ROUND_UP(
        (FIRST_LIST + nr_cpus * (unsigned long)fit) * sizeof(u32), PAGE_SIZE);

    if (nr_cpus * (unsigned long)fit + info_pages > heap_free_pages() - heap_claimed_pages())
        return -XEN_ENOMEM;
    bufs.rings = xzalloc_array(struct ring, nr_cpus);
    bufs.info = alloc_hv_pages(order_from_pages(info_pages));
    bufs.info_pages = info_pages;
    bufs.asked = pages;
    bufs.pages = fit;
    if (bufs.rings && bufs.info)
        return 0;
    drop_rings();
    return -XEN_ENOMEM;
}

/*
 * Makes the pages, which dom0 may map from then on: it does not yet hear which they are.
 * @return -ERESTART: to be called again; -XEN_ENOMEM: nothing is left of it
 */
static long make_pages(void)
{
    while (bufs.made < nr_cpus * bufs.pages) {
        void *page = alloc_hv_pages(0);

        if (!page) {
            drop_rings();
            return -XEN_ENOMEM;
        }
        share_hv_page(page, dom_xen, true);
        frame_list()[FIRST_LIST + bufs.made++] = (u32)virt_to_mfn(page).n;
        if (hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

static void complete_rings(void)
{
    bufs.info->tbuf_size = (u16)bufs.pages;
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        unsigned int at = (unsigned int)FIRST_LIST + cpu * bufs.pages;

        bufs.info->mfn_offset[cpu] = (u16)at;
        bufs.rings[cpu].mfns = &frame_list()[at];
        bufs.rings[cpu].head = mfn_to_virt(MFN(frame_list()[at]));
    }
    for (unsigned int i = 0; i < bufs.info_pages; i++)
        share_hv_page((char *)bufs.info + i * PAGE_SIZE, dom_xen, false);
    ring_bytes = bufs.pages * (u32)PAGE_SIZE - (u32)sizeof(struct t_buf);
    store_release(&rings, bufs.rings);
    printk(LOG_INFO, "trace: %u pages for each of %u CPUs", bufs.pages, nr_cpus);
}

/* Tells all CPUs, those out of use too, to follow trace_on. */
static void switch_all(void)
{
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        softirq_raise_on(cpu, SOFTIRQ_TRACE);
}

static void start(void)
{
    store_release(&trace_on, 1);
    switch_all();
}

/* When it returns, no record is written any longer, and none that was lost is spoken of. */
static void stop(void)
{
    WRITE_ONCE(trace_on, 0);
    smp_mb();
    for (unsigned int cpu = 0; rings && cpu < nr_cpus; cpu++) {
        while (load_acquire(&rings[cpu].busy))
            tlb_relax();
        rings[cpu].lost = 0;
    }
    switch_all();
}

/* As on Xen, the rings are made once, and traces are on then. */
static long set_size(u32 pages)
{
    long rc;

    if (bufs.rings && pages != (rings ? bufs.pages : bufs.asked))
        return -XEN_EINVAL;
    if (rings)
        return -XEN_EBUSY;
    if (!pages)
        return -XEN_EINVAL;
    rc = bufs.rings ? 0 : begin_rings(pages);
    if (!rc)
        rc = make_pages();
    if (rc)
        return rc;
    complete_rings();
    start();
    return 0;
}

void trace_set_cpus(const cpumask_t *mask)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(cpu_mask.bits); i++)
        WRITE_ONCE(cpu_mask.bits[i], mask->bits[i]);
}

long trace_op(struct xen_sysctl_tbuf_op *op)
{
    switch (op->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        op->evt_mask = event_mask;
        op->buffer_mfn = rings ? virt_to_mfn(bufs.info).n : 0;
        op->size = rings ? bufs.info_pages * (u32)PAGE_SIZE : 0;
        return 0;
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        WRITE_ONCE(event_mask, op->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return set_size(op->size);
    case XEN_SYSCTL_TBUFOP_enable:
        if (!rings)
            return -XEN_EINVAL;
        start();
        return 0;
    case XEN_SYSCTL_TBUFOP_disable:
        stop();
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

void trace_softirq(void)
{
    struct ring *all = load_acquire(&rings), *r = all ? &all[smp_processor_id()] : NULL;

    arch_trace_switch(tracing());
    if (r && r->notify) {
        r->notify = false;
        send_global_virq(VIRQ_TBUF);
    }
}
