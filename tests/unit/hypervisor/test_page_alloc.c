/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * The frame allocator: blocks do not overlap, come back and merge, are clean; limits on address and
 * number hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <softirq.h>

#define FRAMES 4096UL

static int setup(void **state)
{
    host_boot(FRAMES);
    host_fail_allocation(0);
    return 0;
}

static bool is_zero(const u8 *p, unsigned long bytes)
{
    for (unsigned long i = 0; i < bytes; i++)
        if (p[i])
            return false;
    return true;
}

static void random_blocks(void **state)
{
    enum { N = 100 };
    static void *block[N];
    static unsigned int order[N];
    unsigned long free = heap_free_pages();
    unsigned int seed = 5;

    for (unsigned int i = 0; i < 20000; i++) {
        unsigned int k;

        seed = seed * 1103515245 + 12345;
        k = (seed >> 16) % N;
        if (block[k]) {
            assert_int_equal(((u8 *)block[k])[0], k); /* no other block lies there */
            assert_int_equal(((u8 *)block[k])[(PAGE_SIZE << order[k]) - 1], k);
            free_hv_pages(block[k], order[k]);
            free += 1UL << order[k];
            block[k] = NULL;
        } else {
            order[k] = (seed >> 8) % 6;
            block[k] = alloc_hv_pages(order[k]);
            if (!block[k])
                continue;
            assert_int_equal(virt_to_mfn(block[k]).n & ((1UL << order[k]) - 1), 0);
            if (i % 8 == 0)
                assert_true(is_zero(block[k], PAGE_SIZE << order[k]));
            memset(block[k], (int)k, PAGE_SIZE << order[k]);
            free -= 1UL << order[k];
        }
        assert_int_equal(heap_free_pages(), free);
    }
    for (unsigned int k = 0; k < N; k++) {
        if (block[k])
            free_hv_pages(block[k], order[k]);
        block[k] = NULL;
    }
    /* All merged again: the largest block that fits is there. */
    block[0] = alloc_hv_pages(10);
    assert_non_null(block[0]);
    free_hv_pages(block[0], 10);
}

static void everything(void **state)
{
    unsigned long free = heap_free_pages(), n = 0;
    void *first = NULL;

    for (void **p; (p = alloc_hv_pages(0)) != NULL; n++) {
        *p = first;
        first = p;
    }
    assert_int_equal(n, free);
    assert_int_equal(heap_free_pages(), 0);
    while (first) {
        void *next = *(void **)first;

        free_hv_pages(first, 0);
        first = next;
    }
    assert_int_equal(heap_free_pages(), free);
}

/* RAM may end anywhere: no block reaches beyond. */
static void memory_that_ends_oddly(void **state)
{
    for (unsigned long frames = FRAMES - 9; frames < FRAMES; frames++) {
        unsigned long n = 0;

        host_boot_memory(frames, 1);
        assert_int_equal(heap_free_pages(), frames - 1);
        for (const void *p; (p = alloc_hv_pages(0)) != NULL; n++)
            assert_in_range(virt_to_mfn(p).n, 1, frames - 1);
        assert_int_equal(n, frames - 1);
    }
}

static void address_limits(void **state)
{
    struct domain *d = host_domain(1, 1, 0, false);
    struct page *pg;

    d->max_pages = FRAMES;
    for (unsigned int bits = 14; bits < 24; bits++) {
        pg = alloc_domain_pages(d, 0, MEMF_ADDRESS_BITS(bits));
        if (pg)
            assert_true(page_to_mfn(pg).n < 1UL << (bits - PAGE_SHIFT));
    }
    /* Low memory is kept for requests that need it. */
    pg = alloc_domain_pages(d, 0, 0);
    assert_true(page_to_mfn(pg).n >= FRAMES / 2);
    assert_null(alloc_domain_pages(d, 0, MEMF_ADDRESS_BITS(12)));
    assert_null(alloc_domain_pages(d, 3, MEMF_ADDRESS_BITS(14)));
    assert_non_null(alloc_domain_pages(d, 3, MEMF_BELOW_4G));
    assert_null(alloc_domain_pages(d, MAX_ORDER + 1, 0));
    host_kill(d);
}

static void domain_frames(void **state)
{
    unsigned long free = heap_free_pages();
    struct domain *d = host_domain(1, 1, 8, false), *e = host_domain(2, 1, 8, false);
    struct page *pg = host_frame(d, 0);

    assert_ptr_equal(page_owner(pg), d);
    assert_true(get_page(pg, d));
    assert_false(get_page(pg, e));
    assert_int_equal(page_refs(pg->state), 2);
    memset(mfn_to_virt(page_to_mfn(pg)), 0xaa, PAGE_SIZE);
    arch_set_m2p(page_to_mfn(pg), 77);
    assert_true(free_domain_page(pg));
    assert_false(free_domain_page(pg));
    assert_int_equal(d->tot_pages, 8); /* still held by us */
    put_page(pg);
    assert_int_equal(d->tot_pages, 7);
    assert_false(get_page(pg, d)); /* free */
    assert_int_equal(arch_get_m2p(page_to_mfn(pg)), INVALID_M2P_ENTRY);
    host_kill(d);
    host_kill(e);
    assert_int_equal(heap_free_pages(), free);
}

static void counters_do_not_overflow(void **state)
{
    struct domain *d = host_domain(1, 1, 1, false);
    struct page *pg = host_frame(d, 0);
    u64 saved = pg->state;

    pg->state = (saved & ~PG_REF_MASK) | (PG_REF_LIMIT - 1);
    assert_true(get_page(pg, d));
    assert_false(get_page(pg, d));
    pg->state = saved;
    host_kill(d);
}

static void free_by_address(void **state)
{
    unsigned long all = heap_free_pages(), low;
    void *p;

    for (unsigned int bits = 0; bits < 70; bits++) {
        unsigned long frames = 0;

        for (unsigned long m = 0; m < FRAMES && bits < 64 && m << PAGE_SHIFT < 1UL << bits; m++)
            if (mfn_to_page(MFN(m))->state & PG_FREE)
                frames += 1UL << mfn_to_page(MFN(m))->order;
            else if (mfn_to_page(MFN(m))->stamp)
                frames++; /* freed, not yet clean */
        if (bits < 64)
            assert_int_equal(heap_free_pages_below(bits), frames);
        else
            assert_int_equal(heap_free_pages_below(bits), all);
    }
    low = heap_free_pages_below(23);
    p = alloc_hv_pages(3); /* from the top */
    assert_int_equal(heap_free_pages_below(23), low);
    assert_int_equal(heap_free_pages_below(64), all - 8);
    free_hv_pages(p, 3);
}

/* ---- dirty frames ---- */

/*
 * A processor that remembers writable translations of everything, until it is made to flush what is
 * as old as @stamp.
 */
static u8 *remembered[FRAMES];
static unsigned int flushes;
static u32 last_flush;                /* by the clock of all CPUs */
static struct domain *dies_in_flush;  /* another CPU begins to destroy it meanwhile */
static struct domain *frees_in_flush; /* a vCPU of it gives a frame back */

static void give_back(struct domain *d, unsigned int i);

void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    if ((s32)(stamp - last_flush) < 0)
        return;
    last_flush = ++tlb_now;
    flushes++;
    memset(remembered, 0, sizeof(remembered));
    if (dies_in_flush)
        dies_in_flush->dying = DOMAIN_DYING;
    if (frees_in_flush && frees_in_flush->pages.count)
        give_back(frees_in_flush, 0);
}

/* The last owners write wherever a translation of theirs still leads. */
static void write_through_stale_translations(void)
{
    for (unsigned int i = 0; i < FRAMES; i++)
        if (remembered[i])
            memset(remembered[i], 0xee, PAGE_SIZE);
}

static void give_back(struct domain *d, unsigned int i)
{
    struct page *pg = host_frame(d, i);

    remembered[page_to_mfn(pg).n] = mfn_to_virt(page_to_mfn(pg));
    assert_true(free_domain_page(pg));
}

/* All free frames are forgotten by the processor and zero. */
static void take_everything(void)
{
    static void *taken[FRAMES];
    unsigned int n = 0;

    for (void *p; (p = alloc_hv_pages(0)) != NULL; taken[n++] = p) {
        assert_null(remembered[virt_to_mfn(p).n]);
        assert_true(is_zero(p, PAGE_SIZE));
    }
    while (n)
        free_hv_pages(taken[--n], 0);
}

/* Data written into frames after they were given back reaches none of their next owners. */
static void written_while_free(void **state)
{
    struct domain *d = host_domain(1, 1, 300, false), *e;
    unsigned long free;

    for (unsigned int i = 0; i < 250; i++) {
        give_back(d, 0);
        if (i % 7 == 0)
            write_through_stale_translations();
    }
    write_through_stale_translations();
    free = heap_free_pages();
    e = host_domain(2, 1, 0, false);
    e->max_pages = FRAMES;
    for (unsigned int i = 0; i < free / 2; i++) {
        struct page *pg = alloc_domain_pages(e, 0, 0);

        assert_null(remembered[page_to_mfn(pg).n]);
        assert_true(is_zero(mfn_to_virt(page_to_mfn(pg)), PAGE_SIZE));
    }
    take_everything();
    host_kill(d);
    host_kill(e);
}

/* The newest stamp of a batch decides, and the clock may turn over between them. */
static void newest_decides(void **state)
{
    struct domain *d = host_domain(1, 1, 8, false);

    /* Few dirty frames are left from before, all with a stamp of now. */
    tlb_now = last_flush = ~0U - 150;
    take_everything();
    host_kill(host_domain(2, 1, 2000, false));
    tlb_now = last_flush = ~0U - 2;
    for (unsigned int i = 0; i < 6; i++) {
        give_back(d, 0);
        if (i == 2)
            tlb_flush_stale(&cpu_online, tlb_now); /* some of them are older than this one's */
        else
            tlb_now++; /* another CPU flushed */
    }
    take_everything();
    host_kill(d);
}

/* Also when one of the batch has been dirty for more than half a round of the clock. */
static void newest_decides_over_very_old_ones(void **state)
{
    struct domain *d = host_domain(1, 1, 8, false);

    heap_scrub_all();
    tlb_now = last_flush = 1000;
    give_back(d, 0);
    for (unsigned int i = 0; i < 5; i++) { /* no CPU falls behind that far */
        tlb_now += 1U << 29;
        last_flush = ++tlb_now;
    }
    tlb_now++;
    give_back(d, 0);
    give_back(d, 0);
    take_everything();
    host_kill(d);
}

/* While the clock shows 0 a frame is stamped 1, which is later; that one is the youngest, too. */
static void newest_decides_while_the_clock_shows_0(void **state)
{
    struct domain *d = host_domain(1, 1, 8, false);

    heap_scrub_all();
    tlb_now = last_flush = ~0U - 5;
    give_back(d, 0);
    tlb_now = ~0U - 2;
    tlb_flush_stale(&cpu_online, tlb_now);
    tlb_now = 0;
    give_back(d, 0);
    take_everything();
    host_kill(d);
}

static unsigned int clean_frames(void)
{
    unsigned int clean = 0;

    for (unsigned long m = 0; m < FRAMES; m++)
        clean += mfn_to_page(MFN(m))->state >> 62 & 1;
    return clean;
}

/*
 * 512 dirty frames are left to idle CPUs. From there on frames are flushed and scrubbed a batch at
 * a time by whoever frees more, all of them counted as free meanwhile.
 */
static void one_flush_a_batch(void **state)
{
    struct domain *d = host_domain(1, 1, 640, false);
    unsigned long free = heap_free_pages(), below = heap_free_pages_below(64);
    unsigned int clean;

    heap_scrub_all();
    clean = clean_frames();
    flushes = 0;
    for (unsigned int i = 0; i < 640; i++) {
        tlb_now++; /* another CPU flushed */
        give_back(d, 0);
        assert_int_equal(heap_free_pages(), ++free);
        assert_int_equal(heap_free_pages_below(64), ++below);
        assert_int_equal(clean_frames(), clean + (i < 511 ? 0 : (i - 511) / 64 * 64 + 64));
    }
    assert_int_equal(flushes, 1); /* the first one was for all that were dirty then */
    host_kill(d);
}

/*
 * Between two owners each frame is scrubbed once: on its way to the free ones, and not again when
 * it is handed out.
 */
static void one_scrub_between_two_owners(void **state)
{
    struct domain *d, *e;

    d = host_domain(1, 1, 1024, false);
    heap_scrub_all();
    host_scrubs = 0;
    for (unsigned int i = 0; i < 1024; i++)
        give_back(d, 0);
    heap_scrub_all();
    assert_int_equal(host_scrubs, 1024);
    e = host_domain(2, 1, 0, false);
    host_scrubs = 0;
    e->max_pages = FRAMES;
    for (unsigned int i = 0; i < 1024; i++)
        assert_true(alloc_domain_pages(e, 0, 0)->state & PG_ALLOCATED);
    assert_int_equal(host_scrubs, 0);
    host_scrubs = 0;
    host_kill(e); /* by batches */
    heap_scrub_all();
    assert_in_range(host_scrubs, 1024, 1024 + 16); /* and its own few */
    host_kill(d);
}

/* An allocation that finds nothing does not go on for as long as others free frames. */
static void others_free_for_ever(void **state)
{
    struct domain *d = host_domain(1, 1, 640, false), *e = host_domain(2, 1, 0, false);

    e->max_pages = FRAMES;
    heap_scrub_all();
    give_back(d, 0);
    flushes = 0;
    frees_in_flush = d;
    assert_null(alloc_domain_pages(e, 0, MEMF_ADDRESS_BITS(PAGE_SHIFT)));
    frees_in_flush = NULL;
    assert_in_range(flushes, 1, 3);
    host_kill(d);
    host_kill(e);
}

static void our_own_frames_do_not_pile_up(void **state)
{
    static void *taken[700];
    unsigned int clean;

    heap_scrub_all();
    for (unsigned int i = 0; i < ARRAY_SIZE(taken); i++)
        assert_non_null(taken[i] = alloc_hv_pages(0));
    clean = clean_frames();
    for (unsigned int i = 0; i < ARRAY_SIZE(taken); i++)
        free_hv_pages(taken[i], 0);
    assert_int_equal(clean_frames(), clean + 192);
}

static bool work_comes; /* while a frame is cleaned that was mapped past the caches */

void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate)
{
    if (work_comes)
        softirq_raise(SOFTIRQ_TIMER);
}

/* An idle CPU cleans a batch at a time, and stops behind the frame at which it gets work. */
static void idle_cpus_clean(void **state)
{
    struct domain *d = host_domain(1, 1, 400, false);
    unsigned long free;
    unsigned int clean;

    heap_scrub_all();
    flushes = 0;
    assert_false(heap_scrub_idle());
    assert_int_equal(flushes, 0);
    clean = clean_frames();
    for (unsigned int i = 0; i < 200; i++) {
        host_frame(d, 0)->marks = i == 109 ? PAGE_UNCACHED : 0;
        give_back(d, 0);
    }
    free = heap_free_pages();
    write_through_stale_translations();
    softirq_raise(SOFTIRQ_TIMER);
    assert_true(heap_scrub_idle());
    assert_int_equal(clean_frames(), clean);
    get_cpu_info()->softirq_pending = 0;
    work_comes = true; /* in the second batch of 64, since the first one is last now */
    assert_true(heap_scrub_idle());
    assert_int_equal(clean_frames(), clean + 46);
    work_comes = false;
    get_cpu_info()->softirq_pending = 0;
    write_through_stale_translations();
    while (heap_scrub_idle())
        assert_int_equal(heap_free_pages(), free);
    assert_int_equal(clean_frames(), clean + 200);
    assert_int_equal(heap_free_pages(), free);
    /* In the first frame of all. */
    host_frame(d, 0)->marks = PAGE_UNCACHED;
    for (unsigned int i = 0; i < 100; i++)
        give_back(d, 0);
    work_comes = true;
    assert_true(heap_scrub_idle());
    assert_int_equal(clean_frames(), clean + 201);
    work_comes = false;
    get_cpu_info()->softirq_pending = 0;
    assert_true(heap_scrub_idle());
    assert_false(heap_scrub_idle());
    assert_int_equal(clean_frames(), clean + 300);
    take_everything();
    host_kill(d);
}

/* A domain that begins to die while frames are made ready for it does not get them. */
static void dies_while_frames_are_cleaned(void **state)
{
    static void *taken[FRAMES];
    struct domain *d = host_domain(1, 1, 0, false);
    unsigned int n = 0;

    d->max_pages = 8;
    for (void *p; (p = alloc_hv_pages(0)) != NULL; taken[n++] = p)
        ;
    free_hv_pages(taken[--n], 0);
    dies_in_flush = d;
    assert_null(alloc_domain_pages(d, 0, 0));
    dies_in_flush = NULL;
    assert_int_equal(d->dying, DOMAIN_DYING);
    assert_int_equal(d->tot_pages, 0);
    assert_int_equal(heap_free_pages(), 1);
    d->dying = DOMAIN_ALIVE;
    assert_non_null(alloc_domain_pages(d, 0, 0));
    while (n)
        free_hv_pages(taken[--n], 0);
    host_kill(d);
}

static void double_free(void *pg)
{
    page_release(pg);
}

static void our_own_mistakes(void **state)
{
    struct domain *d = host_domain(1, 1, 1, false);

    assert_true(host_panics(double_free, host_frame(d, 0))); /* still allocated */
    host_kill(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_blocks, setup),
        cmocka_unit_test_setup(everything, setup),
        cmocka_unit_test_setup(address_limits, setup),
        cmocka_unit_test_setup(domain_frames, setup),
        cmocka_unit_test_setup(counters_do_not_overflow, setup),
        cmocka_unit_test_setup(free_by_address, setup),
        cmocka_unit_test_setup(written_while_free, setup),
        cmocka_unit_test_setup(newest_decides, setup),
        cmocka_unit_test_setup(newest_decides_over_very_old_ones, setup),
        cmocka_unit_test_setup(newest_decides_while_the_clock_shows_0, setup),
        cmocka_unit_test_setup(one_flush_a_batch, setup),
        cmocka_unit_test_setup(one_scrub_between_two_owners, setup),
        cmocka_unit_test_setup(others_free_for_ever, setup),
        cmocka_unit_test_setup(our_own_frames_do_not_pile_up, setup),
        cmocka_unit_test_setup(idle_cpus_clean, setup),
        cmocka_unit_test_setup(dies_while_frames_are_cleaned, setup),
        cmocka_unit_test_setup(our_own_mistakes, setup),
        cmocka_unit_test_setup(memory_that_ends_oddly, setup), /* the last: others need domains */
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
