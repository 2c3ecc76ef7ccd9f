/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * The state machine of frames (hypervisor/page_type.c), one transition after another: the whole
 * state word before and after, which flush it asked for, and what the architecture was told to
 * check or take apart. Here the architecture answers as the test says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <hypercall.h>

/* The words of page.h, by their numbers. */
#define REFS(n)   ((u64)(n))
#define COUNT(n)  ((u64)(n) << 26)
#define TYPE(t)   ((u64)(t) << 52)
#define L1        TYPE(1)
#define L2        TYPE(2)
#define L4        TYPE(4)
#define SEGDESC   TYPE(5)
#define WRITABLE  TYPE(6)
#define VALID     (1ULL << 55)
#define PARTIAL   (1ULL << 56)
#define PINNED    (1ULL << 57)
#define ALLOCATED (1ULL << 59)

static struct domain *a, *b;
static struct page *tested;
static unsigned long pages_before;

static struct {
    int validate, invalidate; /* what is answered */
    unsigned int validated, invalidated, flushed;
    unsigned int done; /* of the frame when it was to be taken apart */
    u64 type;
    bool preemptible;
    u32 stamp;
    const cpumask_t *asked;
} arch;

int arch_validate_page(struct page *pg, u64 type, bool preemptible)
{
    arch.validated++;
    arch.type = type;
    arch.preemptible = preemptible;
    assert_int_equal(pg->state & COUNT(~0U >> 6), COUNT(1));
    assert_true(pg->state & PG_BUSY && !(pg->state & (VALID | PARTIAL)));
    return arch.validate;
}

int arch_invalidate_page(struct page *pg, u64 type, bool preemptible)
{
    arch.invalidated++;
    arch.type = type;
    arch.preemptible = preemptible;
    arch.done = pg->done;
    assert_true(pg->state & PG_BUSY && !(pg->state & (VALID | PARTIAL)));
    return arch.invalidate;
}

void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    arch.flushed++;
    arch.stamp = stamp;
    arch.asked = mask;
}

static int setup(void **state)
{
    host_boot(4096);
    host_preempt_every(0);
    memset(&arch, 0, sizeof(arch));
    heap_scrub_all();
    pages_before = heap_free_pages();
    a = host_domain(1, 1, 4, true);
    b = host_domain(2, 1, 4, false);
    host_become(b->vcpu[0]);
    tested = host_frame(b, 0);
    memset(&arch, 0, sizeof(arch));
    return tested ? 0 : -1;
}

static int teardown(void **state)
{
    memset(&arch, 0, sizeof(arch));
    host_kill(a);
    host_kill(b);
    return heap_free_pages() == pages_before ? 0 : -1;
}

static void types_are_taken_and_put(void **state)
{
    static const u64 types[] = {L1, SEGDESC, L2, TYPE(3), L4};

    assert_int_equal(tested->state, ALLOCATED | WRITABLE | VALID | REFS(1));
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        const u64 t = types[i];
        u32 stamp = tested->stamp;

        memset(&arch, 0, sizeof(arch));
        assert_int_equal(get_page_and_type(tested, b, t), 0);
        assert_int_equal(tested->state, ALLOCATED | t | VALID | COUNT(1) | REFS(2));
        assert_int_equal(arch.validated, 1);
        assert_int_equal(arch.type, t);
        assert_false(arch.preemptible);
        assert_int_equal(arch.flushed, stamp ? 1 : 0);
        assert_int_equal(arch.stamp, stamp);
        assert_int_equal(get_page_and_type_preemptible(tested, b, t), 0);
        assert_int_equal(tested->state, ALLOCATED | t | VALID | COUNT(2) | REFS(3));
        assert_int_equal(arch.validated, 1);
        /* As nothing else meanwhile. */
        assert_int_equal(get_page_and_type(tested, b, WRITABLE), -XEN_EINVAL);
        assert_int_equal(get_page_and_type(tested, b, t == L2 ? L1 : L2), -XEN_EINVAL);
        assert_int_equal(get_page_and_type(tested, a, t), -XEN_EINVAL);
        assert_int_equal(tested->state, ALLOCATED | t | VALID | COUNT(2) | REFS(3));
        put_page_and_type(tested);
        assert_int_equal(tested->state, ALLOCATED | t | VALID | COUNT(1) | REFS(2));
        assert_int_equal(arch.invalidated, 0);
        tlb_now = 1000 + i;
        put_page_and_type(tested);
        assert_int_equal(tested->state, ALLOCATED | t | (t == SEGDESC ? VALID : 0) | REFS(1));
        assert_int_equal(tested->stamp, 1000 + i);
        assert_int_equal(arch.invalidated, t == SEGDESC ? 0 : 1);
        assert_int_equal(arch.done, t == SEGDESC ? 0 : 512);
        /* The same type needs no flush; a table is looked at again, for what it names. */
        arch.flushed = 0;
        assert_int_equal(get_page_and_type_preemptible(tested, b, t), 0);
        assert_int_equal(arch.flushed, 0);
        assert_int_equal(arch.validated, t == SEGDESC ? 1 : 2);
        assert_int_equal(arch.preemptible, t != SEGDESC);
        put_page_and_type(tested);
    }
    arch.validated = 0;
    assert_int_equal(get_page_and_type(tested, b, WRITABLE), 0);
    assert_int_equal(tested->state, ALLOCATED | WRITABLE | VALID | COUNT(1) | REFS(2));
    assert_int_equal(arch.validated, 0);
    assert_int_equal(arch.flushed, 1);
    put_page_and_type(tested);
    assert_int_equal(tested->state, ALLOCATED | WRITABLE | VALID | REFS(1));
}

static void contents_are_refused(void **state)
{
    arch.validate = -XEN_EPERM;
    assert_int_equal(get_page_and_type(tested, b, L1), -XEN_EPERM);
    assert_int_equal(tested->state, ALLOCATED | L1 | REFS(1));
    assert_int_equal(arch.invalidated, 0); /* it gives back what it took itself */
    assert_int_equal(get_page_and_type(tested, b, SEGDESC), -XEN_EPERM);
    assert_int_equal(tested->state, ALLOCATED | SEGDESC | REFS(1));
    /* A directory is taken apart up to where it came. */
    tested->done = 99;
    assert_int_equal(get_page_and_type_preemptible(tested, b, L2), -XEN_EPERM);
    assert_int_equal(tested->state, ALLOCATED | L2 | REFS(1));
    assert_int_equal(arch.invalidated, 1);
    assert_int_equal(arch.done, 0);
    assert_int_equal(current->old_tables.count, 0);
    /* Which may be preempted: then the rest is done on the way out. */
    arch.invalidate = -ERESTART;
    assert_int_equal(get_page_and_type_preemptible(tested, b, L4), -XEN_EPERM);
    assert_int_equal(tested->state, ALLOCATED | L4 | PARTIAL | COUNT(1) | REFS(3));
    assert_int_equal(current->old_tables.count, 1);
    assert_ptr_equal(current->old_tables.table[0], tested);
    assert_int_equal(page_finish_old_tables(current), -ERESTART);
    assert_int_equal(current->old_tables.count, 1);
    assert_int_equal(tested->state, ALLOCATED | L4 | PARTIAL | COUNT(1) | REFS(3));
    arch.invalidate = 0;
    assert_int_equal(page_finish_old_tables(current), 0);
    assert_int_equal(current->old_tables.count, 0);
    assert_int_equal(tested->state, ALLOCATED | L4 | REFS(1));
}

/* A preempted validation keeps its count; whoever comes next with the type continues it. */
static void a_validation_continues(void **state)
{
    arch.validate = -ERESTART;
    assert_int_equal(get_page_and_type_preemptible(tested, b, L2), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L2 | PARTIAL | COUNT(1) | REFS(2));
    assert_int_equal(arch.invalidated, 0);
    assert_int_equal(get_page_and_type_preemptible(tested, b, TYPE(3)), -XEN_EINVAL);
    tested->done = 17;
    assert_int_equal(get_page_and_type_preemptible(tested, b, L2), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L2 | PARTIAL | COUNT(1) | REFS(2));
    assert_int_equal(tested->done, 17);
    arch.validate = 0;
    assert_int_equal(get_page_and_type_preemptible(tested, b, L2), 0);
    assert_int_equal(tested->state, ALLOCATED | L2 | VALID | COUNT(1) | REFS(2));
    assert_int_equal(tested->done, 17);
    /* Put in pieces: a general count stays for the rest. */
    arch.invalidate = -ERESTART;
    assert_int_equal(put_page_and_type_nested(tested, true), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L2 | PARTIAL | COUNT(1) | REFS(2));
    assert_int_equal(page_take_apart(tested, L1, true), 0); /* not that */
    assert_int_equal(arch.invalidated, 1);
    assert_int_equal(page_take_apart(tested, L2, true), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L2 | PARTIAL | COUNT(1) | REFS(2));
    arch.invalidate = 0;
    assert_int_equal(page_take_apart(tested, L2, true), 0);
    assert_int_equal(tested->state, ALLOCATED | L2 | REFS(1));
    assert_int_equal(page_take_apart(tested, L2, true), 0);
    assert_int_equal(arch.invalidated, 3);
}

static void a_type_alone_is_put(void **state)
{
    assert_int_equal(get_page_and_type(tested, b, L2), 0);
    arch.invalidate = -ERESTART;
    assert_int_equal(put_page_type(tested, true), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L2 | PARTIAL | COUNT(1) | REFS(3));
    arch.invalidate = 0;
    assert_int_equal(page_take_apart(tested, L2, true), 0);
    assert_int_equal(tested->state, ALLOCATED | L2 | REFS(2));
    assert_int_equal(get_page_type(tested, WRITABLE, false), 0);
    assert_int_equal(get_page_type(tested, WRITABLE, false), 0);
    assert_int_equal(put_page_type(tested, false), 0);
    assert_int_equal(tested->state, ALLOCATED | WRITABLE | VALID | COUNT(1) | REFS(2));
    assert_int_equal(put_page_type(tested, false), 0);
    assert_int_equal(tested->state, ALLOCATED | WRITABLE | VALID | REFS(2));
    put_page(tested);
}

static void a_table_is_left_for_the_way_out(void **state)
{
    assert_int_equal(get_page_and_type(tested, b, L1), 0);
    assert_int_equal(put_page_table(tested), 0);
    assert_int_equal(tested->state, ALLOCATED | L1 | REFS(1));
    assert_int_equal(get_page_and_type(tested, b, L4), 0);
    assert_int_equal(put_page_table(tested), 0);
    assert_int_equal(tested->state, ALLOCATED | L4 | REFS(1));
    assert_true(arch.preemptible);
    assert_int_equal(get_page_and_type(tested, b, L4), 0);
    arch.invalidate = -ERESTART;
    assert_int_equal(put_page_table(tested), -ERESTART);
    assert_int_equal(tested->state, ALLOCATED | L4 | PARTIAL | COUNT(1) | REFS(3));
    assert_int_equal(current->old_tables.count, 1);
    /* A vCPU that dies leaves it to the walk over the domain's frames. */
    page_forget_old_tables(current);
    assert_int_equal(current->old_tables.count, 0);
    assert_int_equal(tested->state, ALLOCATED | L4 | PARTIAL | COUNT(1) | REFS(2));
    arch.invalidate = 0;
    assert_int_equal(page_take_apart(tested, L4, true), 0);
    assert_int_equal(tested->state, ALLOCATED | L4 | REFS(1));
}

static void pins_hold_both_counts(void **state)
{
    assert_true(get_page(tested, b));
    assert_int_equal(page_pin(tested, L1, true), 0);
    assert_int_equal(tested->state, ALLOCATED | PINNED | L1 | VALID | COUNT(1) | REFS(2));
    assert_true(get_page(tested, b));
    assert_int_equal(page_pin(tested, L1, true), -XEN_EINVAL);
    assert_int_equal(tested->state, ALLOCATED | PINNED | L1 | VALID | COUNT(1) | REFS(2));
    assert_true(get_page(tested, b));
    assert_int_equal(page_pin(tested, L2, true), -XEN_EINVAL);
    assert_int_equal(tested->state, ALLOCATED | PINNED | L1 | VALID | COUNT(1) | REFS(2));
    assert_true(page_unpin(tested));
    assert_int_equal(tested->state, ALLOCATED | L1 | REFS(1));
    assert_false(page_unpin(tested));
    page_unpin_dying(tested);
    assert_int_equal(tested->state, ALLOCATED | L1 | REFS(1));
    assert_true(get_page(tested, b));
    assert_int_equal(page_pin(tested, L2, true), 0);
    page_unpin_dying(tested);
    assert_int_equal(tested->state, ALLOCATED | L2 | REFS(1));
    assert_int_equal(current->old_tables.count, 0);
    /* By another domain, for one that dies: not at all. For one that lives: as its own. */
    host_become(a->vcpu[0]);
    assert_true(get_page(tested, b));
    b->dying = DOMAIN_DYING;
    assert_int_equal(page_pin(tested, L1, true), 0);
    assert_int_equal(tested->state, ALLOCATED | L1 | REFS(1));
    b->dying = DOMAIN_ALIVE;
    assert_true(get_page(tested, b));
    assert_int_equal(page_pin(tested, L1, true), 0);
    assert_int_equal(tested->state, ALLOCATED | PINNED | L1 | VALID | COUNT(1) | REFS(2));
    assert_true(page_unpin(tested));
}

static void counts_have_an_end(void **state)
{
    const u64 limit = (1UL << 26) - 1 - 4096;
    const u64 full = ALLOCATED | WRITABLE | VALID | COUNT(limit) | REFS(limit);

    tested->state = full - COUNT(1) - REFS(1);
    assert_int_equal(get_page_and_type(tested, b, WRITABLE), 0);
    assert_int_equal(tested->state, full);
    assert_int_equal(get_page_and_type(tested, b, WRITABLE), -XEN_EINVAL);
    assert_int_equal(page_claim_type(tested, WRITABLE, false), -XEN_EINVAL);
    assert_int_equal(tested->state, full);
    tested->state = ALLOCATED | REFS(1);
}

/* The last general count, put together with the type, gives the frame back. */
static void the_last_count_releases(void **state)
{
    static const u64 types[] = {WRITABLE, L1};

    for (unsigned int i = 0; i < 2; i++) {
        struct page *p = host_frame(b, 1);
        unsigned long pages = b->tot_pages;

        assert_int_equal(get_page_and_type(p, b, types[i]), 0);
        assert_true(free_domain_page(p));
        assert_false(free_domain_page(p));
        assert_int_equal(p->state, types[i] | VALID | COUNT(1) | REFS(1));
        assert_int_equal(b->tot_pages, pages);
        put_page_and_type(p);
        assert_int_equal(b->tot_pages, pages - 1);
        assert_int_equal(p->owner, 0);
    }
}

/* A new type asks the CPUs that run the owner, and all only where others had the frame mapped. */
static void only_who_may_remember_is_asked(void **state)
{
    assert_int_equal(get_page_and_type(tested, b, WRITABLE), 0);
    put_page_and_type(tested);
    assert_int_equal(get_page_and_type(tested, b, L1), 0);
    assert_int_equal(arch.flushed, 1);
    assert_ptr_equal(arch.asked, &b->dirty_cpus);
    put_page_and_type(tested);

    assert_int_equal(get_page_and_type(tested, b, WRITABLE), 0);
    assert_ptr_equal(arch.asked, &b->dirty_cpus);
    page_mark_foreign(tested);
    page_mark_uncached(tested);
    page_mark_foreign(tested);
    put_page_and_type(tested);
    assert_int_equal(get_page_and_type(tested, b, L1), 0);
    assert_int_equal(arch.flushed, 3);
    assert_ptr_equal(arch.asked, &cpu_online);
    put_page_and_type(tested);
    /* All have forgotten it. */
    assert_int_equal(get_page_and_type(tested, b, SEGDESC), 0);
    assert_ptr_equal(arch.asked, &b->dirty_cpus);
    put_page_and_type(tested);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_are_taken_and_put), TEST(only_who_may_remember_is_asked),
        TEST(contents_are_refused),    TEST(a_validation_continues),
        TEST(a_type_alone_is_put),     TEST(a_table_is_left_for_the_way_out),
        TEST(pins_hold_both_counts),   TEST(counts_have_an_end),
        TEST(the_last_count_releases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
