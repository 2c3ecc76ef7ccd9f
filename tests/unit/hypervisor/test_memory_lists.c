/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * Lists of frames in memory_op, word for word: what is written to them and what is left, at which
 * element they stop and how they continue, and who is refused what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <grant_impl.h>
#include <public/memory.h>

#include "two_domains.h"

#define LIST   4096UL /* where in the guest's window the lists are */
#define OUT    8192UL
#define UNUSED 0x5a5a5a5a5a5a5a5aUL

static xen_pfn_t *list, *out;

static int setup(void **state)
{
    make_two_domains(1, 1, 8);
    list = (xen_pfn_t *)GUEST(LIST);
    out = (xen_pfn_t *)GUEST(OUT);
    memset(list, 0x5a, 8192);
    return 0;
}

static unsigned long m2p[4096] = {[0 ... 4095] = INVALID_M2P_ENTRY};

/* A frame has its number before it is the domain's: from then on a vCPU may change that itself. */
void arch_set_m2p(mfn_t mfn, unsigned long pfn)
{
    if (pfn != INVALID_M2P_ENTRY)
        assert_int_equal(mfn_to_page(mfn)->owner, 0);
    m2p[mfn.n] = pfn;
}

unsigned long arch_get_m2p(mfn_t mfn)
{
    return m2p[mfn.n];
}

static unsigned long own(const struct domain *d, unsigned int n)
{
    return page_to_mfn(host_frame(d, n)).n;
}

static u64 refs(unsigned long mfn)
{
    return page_refs(mfn_to_page(MFN(mfn))->state);
}

/* ---- reservations ---- */

static struct xen_memory_reservation *reservation(unsigned long n, unsigned int order, domid_t id)
{
    struct xen_memory_reservation *r = (void *)host_guest;

    *r = (struct xen_memory_reservation){.nr_extents = n, .extent_order = order, .domid = id};
    set_xen_guest_handle(r->extent_start, list);
    return r;
}

static void lists_stop_and_continue(void **state)
{
    static const unsigned int cmds[] = {XENMEM_increase_reservation, XENMEM_populate_physmap,
                                        XENMEM_decrease_reservation};
    u32 refs_b = b->refs;

    b->max_pages = 100;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
        reservation(5, 0, DOMID_SELF);
        for (unsigned int k = 0; k < 5; k++)
            list[k] = cmds[i] == XENMEM_decrease_reservation ? own(b, k) : 100 + k;
        host_preempt_every(2);
        assert_int_equal(do_memory_op(cmds[i], GUEST(0)), HOST_CONTINUED);
        host_preempt_every(0);
        assert_int_equal(host_continued.op, __HYPERVISOR_memory_op);
        assert_int_equal(host_continued.nargs, 2);
        assert_int_equal(host_continued.args[0], cmds[i] | 2UL << 6);
        assert_int_equal(host_continued.args[1], GUEST(0));
        assert_int_equal(do_memory_op(cmds[i] | 2UL << 6, GUEST(0)), 5);
        assert_int_equal(b->refs, refs_b);
        if (cmds[i] == XENMEM_decrease_reservation)
            continue;
        for (unsigned int k = 0; k < 5; k++) {
            assert_ptr_equal(page_owner(mfn_to_page(MFN(list[k]))), b);
            assert_int_equal(arch_get_m2p(MFN(list[k])),
                             cmds[i] == XENMEM_populate_physmap ? 100 + k : INVALID_M2P_ENTRY);
        }
    }
    assert_int_equal(list[5], UNUSED);
    assert_int_equal(b->tot_pages, 13);
}

/* What is refused was done as far as the number says: not at all. */
static void lists_are_refused(void **state)
{
    static const unsigned int cmds[] = {XENMEM_increase_reservation, XENMEM_populate_physmap,
                                        XENMEM_decrease_reservation};
    u32 refs_a = a->refs;

    b->max_pages = a->max_pages = 4000;
    for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++)
        for (unsigned long start = 0; start < 2; start++) {
            const unsigned long cmd = cmds[i] | start << 6;

            list[0] = list[1] = list[2] = 1;
            assert_int_equal(do_memory_op(cmd, GUEST(HOST_WINDOW) - 8), start);
            reservation(start, 0, DOMID_SELF);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(1UL << 26, 0, DOMID_SELF);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(2, 10, DOMID_SELF);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(2, 0, 1);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(2, 0, 77);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(2, 0, DOMID_IO);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            reservation(2, 0, DOMID_SELF)->mem_flags = XENMEMF_address_bits(12);
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
            set_xen_guest_handle(reservation(2, 0, DOMID_SELF)->extent_start,
                                 (xen_pfn_t *)(~0UL - 8));
            assert_int_equal(do_memory_op(cmd, GUEST(0)), start);
        }
    reservation(2, 0, DOMID_SELF)->mem_flags = XENMEMF_populate_on_demand;
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, GUEST(0)), 0);
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(b->tot_pages, 8);
    /* An order of 9 is what everybody may have, one above what dom0 may. */
    reservation(1, 9, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, GUEST(0)), 1);
    assert_int_equal(b->tot_pages, 520);
    assert_int_equal(arch_get_m2p(MFN(list[0] + 511)), 1 + 511);
    host_become(a->vcpu[0]);
    reservation(1, 10, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, GUEST(0)), 1);
    assert_int_equal(a->tot_pages, 8 + 1024);
    reservation(1, 0, 2);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, GUEST(0)), 1);
    assert_int_equal(b->tot_pages, 521);
}

static void frames_go_back(void **state)
{
    const unsigned long shared = virt_to_mfn(b->shared_info).n, foreign = own(a, 0);
    const unsigned long bad[] = {foreign, max_page, ~0UL, 0};
    unsigned long held = own(b, 3);

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        reservation(3, 0, DOMID_SELF);
        list[0] = own(b, 0);
        list[1] = bad[i];
        list[2] = own(b, 1);
        assert_int_equal(do_memory_op(XENMEM_decrease_reservation, GUEST(0)), 1);
        assert_int_equal(b->tot_pages, 7 - i);
    }
    assert_int_equal(refs(foreign), 1);
    /* One of ours counts as given, and stays. */
    reservation(1, 0, DOMID_SELF);
    list[0] = shared;
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, GUEST(0)), 1);
    assert_int_equal(refs(shared), 1);
    assert_true(mfn_to_page(MFN(shared))->state & PG_ALLOCATED);
    assert_int_equal(b->tot_pages, 4);
    /* One in use is given when the use ends, and only once. */
    held = own(b, 0);
    assert_true(get_page(mfn_to_page(MFN(held)), b));
    list[0] = held;
    for (unsigned int i = 0; i < 2; i++) {
        assert_int_equal(do_memory_op(XENMEM_decrease_reservation, GUEST(0)), 1);
        assert_int_equal(refs(held), 1);
        assert_int_equal(b->tot_pages, 4);
    }
    put_page(mfn_to_page(MFN(held)));
    assert_int_equal(b->tot_pages, 3);
    /* The list ends in the middle. */
    reservation(3, 0, DOMID_SELF);
    list[0] = own(b, 0);
    list[1] = own(b, 1);
    host_guest_limit(0, LIST + 8);
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, GUEST(0)), 1);
    b->max_pages = 100;
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, GUEST(0)), 1);
    assert_int_equal(b->tot_pages, 3);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, GUEST(0)), 1);
    assert_int_equal(b->tot_pages, 5); /* the second was given, and could not be named */
}

/* ---- exchange ---- */

static struct xen_memory_exchange *exchange(unsigned long in, unsigned int in_order,
                                            unsigned long nr_out, unsigned int out_order)
{
    struct xen_memory_exchange *x = (void *)host_guest;

    *x = (struct xen_memory_exchange){
        .in = {.nr_extents = in, .extent_order = in_order, .domid = DOMID_SELF},
        .out = {.nr_extents = nr_out, .extent_order = out_order, .domid = DOMID_SELF}};
    set_xen_guest_handle(x->in.extent_start, list);
    set_xen_guest_handle(x->out.extent_start, out);
    for (unsigned int i = 0; i < 8; i++) {
        list[i] = own(b, i);
        out[i] = 100 + i;
    }
    return x;
}

static long exchange_now(void)
{
    return do_memory_op(XENMEM_exchange, GUEST(0));
}

static void an_exchange_continues(void **state)
{
    struct xen_memory_exchange *x = exchange(8, 0, 2, 2);
    u32 refs_b = b->refs;

    host_preempt_every(1);
    assert_int_equal(exchange_now(), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(host_continued.op, __HYPERVISOR_memory_op);
    assert_int_equal(host_continued.nargs, 2);
    assert_int_equal(host_continued.args[0], XENMEM_exchange);
    assert_int_equal(host_continued.args[1], GUEST(0));
    assert_int_equal(x->nr_exchanged, 4);
    assert_int_equal(out[0] % 4, 0);
    assert_ptr_equal(page_owner(mfn_to_page(MFN(out[0]))), b);
    for (unsigned int k = 0; k < 4; k++)
        assert_int_equal(arch_get_m2p(MFN(out[0] + k)), 100 + k);
    assert_int_equal(out[1], 101);
    assert_int_equal(refs(list[3]), 0);
    assert_int_equal(refs(list[4]), 1);
    /* From within a chunk it begins that again. */
    x->nr_exchanged = 5;
    assert_int_equal(exchange_now(), 0);
    assert_int_equal(x->nr_exchanged, 8);
    assert_int_equal(out[1] % 4, 0);
    for (unsigned int k = 0; k < 4; k++)
        assert_int_equal(arch_get_m2p(MFN(out[1] + k)), 101 + k);
    assert_int_equal(out[2], 102);
    assert_int_equal(refs(list[7]), 0);
    assert_int_equal(b->tot_pages, 8);
    assert_int_equal(b->refs, refs_b);
    /* All of it is done: nothing more. */
    assert_int_equal(exchange_now(), 0);
    assert_int_equal(x->nr_exchanged, 8);
    assert_int_equal(b->tot_pages, 8);
}

static void exchanges_are_refused(void **state)
{
    struct xen_memory_exchange *x;
    u32 refs_a = a->refs, refs_b = b->refs;

#define REFUSED(expected, nr_in, in_order, nr_out, out_order, change) \
    do {                                                              \
        x = exchange(nr_in, in_order, nr_out, out_order);             \
        change;                                                       \
        assert_int_equal(exchange_now(), expected);                   \
        host_guest_limit(0, 0);                                       \
        assert_int_equal(b->tot_pages, 8);                            \
        for (unsigned int _i = 0; _i < 8; _i++)                       \
            assert_int_equal(refs(own(b, _i)), 1);                    \
    } while (0)

    REFUSED(-XEN_EPERM, 1, 10, 1, 10, );
    REFUSED(-XEN_EPERM, 1024, 0, 1, 10, );
    REFUSED(-XEN_EINVAL, 1, 9, 1, 9, );
    REFUSED(-XEN_EINVAL, 8, 0, 8, 1, );
    REFUSED(-XEN_EINVAL, 8, 1, 8, 0, );
    REFUSED(-XEN_EINVAL, 8, 0, 8, 0, x->nr_exchanged = 9);
    REFUSED(-XEN_EINVAL, 1UL << 63, 1, 0, 0, );
    REFUSED(-XEN_EINVAL, 0, 0, 1UL << 63, 1, );
    REFUSED(-XEN_EINVAL, 8, 0, 8, 0, x->out.domid = 2);
    REFUSED(-XEN_EPERM, 8, 0, 8, 0, x->out.domid = x->in.domid = 1);
    REFUSED(-XEN_ESRCH, 8, 0, 8, 0, x->out.domid = x->in.domid = 77);
    REFUSED(-XEN_ENOMEM, 8, 0, 8, 0, x->out.mem_flags = XENMEMF_address_bits(12));
    REFUSED(-XEN_EFAULT, 8, 0, 8, 0,
            set_xen_guest_handle(x->in.extent_start, (xen_pfn_t *)(~0UL - 8)));
    REFUSED(-XEN_EFAULT, 8, 0, 8, 0,
            set_xen_guest_handle(x->out.extent_start, (xen_pfn_t *)(~0UL - 8)));
    /* Lists that end within the first chunk. */
    REFUSED(-XEN_EFAULT, 8, 0, 4, 1, host_guest_limit(0, LIST + 8));
    REFUSED(-XEN_EFAULT, 8, 0, 4, 1, host_guest_limit(0, OUT + 4));
    /* A frame in the middle of a chunk that is not the domain's, or in use. */
    REFUSED(-XEN_EINVAL, 8, 0, 1, 3, list[5] = own(a, 0));
    REFUSED(-XEN_EINVAL, 8, 0, 1, 3, list[5] = list[4]);
    REFUSED(-XEN_EINVAL, 8, 0, 1, 3, list[7] = max_page);
    for (unsigned long n = 1; n <= 2; n++)
        REFUSED(-XEN_ENOMEM, 8, 0, 8, 0, host_fail_allocation(n));
    host_fail_allocation(0);
#undef REFUSED
    assert_int_equal(do_memory_op(XENMEM_exchange, GUEST(HOST_WINDOW) - 16), -XEN_EFAULT);
    assert_int_equal(do_memory_op(XENMEM_exchange | 1UL << 6, GUEST(0)), -XEN_EINVAL);
    assert_int_equal(refs(own(a, 0)), 1);
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(b->refs, refs_b);
}

static void frames_in_use_are_not_exchanged(void **state)
{
    struct page *pg = host_frame(b, 2);
    const unsigned long shared = virt_to_mfn(b->shared_info).n;

    exchange(1, 0, 1, 0);
    list[0] = shared;
    assert_int_equal(exchange_now(), -XEN_EINVAL);
    assert_int_equal(refs(shared), 1);
    /* Mapped, held with a type, on its way back. */
    assert_true(get_page(pg, b));
    list[0] = page_to_mfn(pg).n;
    assert_int_equal(exchange_now(), -XEN_EINVAL);
    assert_int_equal(refs(list[0]), 2);
    assert_int_equal(get_page_type(pg, PG_TYPE_WRITABLE, false), 0);
    assert_int_equal(exchange_now(), -XEN_EINVAL);
    put_page_type(pg, false);
    assert_true(free_domain_page(pg));
    assert_int_equal(exchange_now(), -XEN_EINVAL);
    assert_int_equal(refs(list[0]), 1);
    put_page(pg);
    assert_int_equal(b->tot_pages, 7);
}

static struct page *held; /* by a stranger, who sees at its third instruction whose it is */
static unsigned int relaxes;

void host_relax(void)
{
    if (++relaxes == 3 && held) {
        put_page(held);
        held = NULL;
    }
}

/* A count that another domain takes where it may not is gone at once, and does not matter. */
static void a_passing_count_is_waited_for(void **state)
{
    exchange(1, 0, 1, 0);
    held = host_frame(b, 2);
    list[0] = page_to_mfn(held).n;
    assert_true(get_page(held, b));
    relaxes = 0;
    assert_int_equal(exchange_now(), 0);
    assert_int_equal(relaxes, 3);
    assert_int_equal(refs(list[0]), 0);
    assert_int_equal(b->tot_pages, 8);
}

/* ---- resources ---- */

static struct xen_mem_acquire_resource *resource(unsigned int nr, bool listed)
{
    struct xen_mem_acquire_resource *op = (void *)host_guest;

    *op = (struct xen_mem_acquire_resource){.domid = 2,
                                            .type = XENMEM_resource_grant_table,
                                            .id = XENMEM_resource_grant_table_id_shared,
                                            .nr_frames = nr};
    if (listed)
        set_xen_guest_handle(op->frame_list, list);
    memset(list, 0x5a, 64);
    return op;
}

static long acquire(unsigned long start)
{
    return do_memory_op(XENMEM_acquire_resource | start << 6, GUEST(0));
}

static unsigned long grant_frame(unsigned int n)
{
    return virt_to_mfn(shared_entry(b->grant_table, n * GRANTS_PER_FRAME)).n;
}

static void grant_frames_are_listed(void **state)
{
    struct xen_mem_acquire_resource *op;
    u32 refs_b = b->refs;

    host_become(a->vcpu[0]);
    op = resource(0, false);
    assert_int_equal(acquire(0), 0);
    assert_int_equal(op->nr_frames, 4);
    assert_int_equal(b->grant_table->nr_frames, 1);
    resource(1, true);
    assert_int_equal(acquire(0), 0);
    assert_int_equal(list[0], grant_frame(0));
    assert_int_equal(list[1], UNUSED);
    assert_int_equal(b->refs, refs_b);
    /* From the second on; the table grows. */
    resource(2, true)->frame = 1;
    assert_int_equal(acquire(0), 0);
    assert_int_equal(b->grant_table->nr_frames, 3);
    assert_int_equal(list[0], grant_frame(1));
    assert_int_equal(list[1], grant_frame(2));
    assert_int_equal(list[2], UNUSED);
    assert_int_equal(b->refs, refs_b + 2); /* one for each frame lent */
    /* A list in pieces. */
    resource(4, true);
    host_preempt_every(3);
    assert_int_equal(acquire(0), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(host_continued.op, __HYPERVISOR_memory_op);
    assert_int_equal(host_continued.nargs, 2);
    assert_int_equal(host_continued.args[0], XENMEM_acquire_resource | 3UL << 6);
    assert_int_equal(host_continued.args[1], GUEST(0));
    assert_int_equal(list[2], grant_frame(2));
    assert_int_equal(list[3], UNUSED);
    list[2] = 7;
    assert_int_equal(acquire(3), 0);
    assert_int_equal(list[2], 7);
    assert_int_equal(list[3], grant_frame(3));
    assert_int_equal(b->refs, refs_b + 3);
}

/* The table, grown by several frames for one, is preempted, too. */
static void a_far_grant_frame_comes_in_pieces(void **state)
{
    host_become(a->vcpu[0]);
    resource(1, true)->frame = 3;
    host_preempt_every(1);
    for (unsigned int nr = 2; nr < 4; nr++) {
        assert_int_equal(acquire(0), HOST_CONTINUED);
        assert_int_equal(host_continued.args[0], XENMEM_acquire_resource);
        assert_int_equal(host_continued.args[1], GUEST(0));
        assert_int_equal(b->grant_table->nr_frames, nr);
        assert_int_equal(list[0], UNUSED);
    }
    assert_int_equal(acquire(0), 0);
    host_preempt_every(0);
    assert_int_equal(list[0], grant_frame(3));
}

static void resources_are_refused(void **state)
{
    u32 refs_a = a->refs, refs_b = b->refs;

#define REFUSED(expected, nr, listed, change)                       \
    do {                                                            \
        struct xen_mem_acquire_resource *op = resource(nr, listed); \
        change;                                                     \
        assert_int_equal(acquire(0), expected);                     \
        host_guest_limit(0, 0);                                     \
        assert_int_equal(op->nr_frames, nr);                        \
        assert_int_equal(list[0], UNUSED);                          \
    } while (0)

    REFUSED(-XEN_EPERM, 1, true, op->domid = 1);
    REFUSED(-XEN_EPERM, 1, true, op->domid = 2);
    host_become(a->vcpu[0]);
    REFUSED(-XEN_EPERM, 1, true, op->domid = 1);
    REFUSED(-XEN_ESRCH, 1, true, op->domid = 77);
    REFUSED(-XEN_EINVAL, 1, true, op->domid = DOMID_IO);
    REFUSED(-XEN_EINVAL, 1, true, op->pad = 1);
    REFUSED(-XEN_EINVAL, 1, true, op->frame = 1UL << 32);
    REFUSED(-XEN_EINVAL, 1, true, op->frame = 0xffffffff);
    REFUSED(-XEN_EINVAL, 1, true, op->frame = 0xfffffffe);
    REFUSED(-XEN_EINVAL, 1, true, op->frame = 4);
    REFUSED(-XEN_EINVAL, 1, true, op->type = XENMEM_resource_ioreq_server);
    REFUSED(-XEN_EINVAL, 1, true, op->id = XENMEM_resource_grant_table_id_status);
    REFUSED(-XEN_EINVAL, 1, false, );
    REFUSED(-XEN_EINVAL, 0, true, );
    REFUSED(-XEN_EINVAL, 1U << 26, true, );
    REFUSED(-XEN_EFAULT, 1, true, set_xen_guest_handle(op->frame_list, (xen_pfn_t *)(~0UL - 6)));
    REFUSED(-XEN_EFAULT, 1, true, host_guest_limit(0, LIST));
    b->dying = DOMAIN_DYING;
    REFUSED(-XEN_EINVAL, 1, true, );
    b->dying = DOMAIN_ALIVE;
#undef REFUSED
    resource(2, true);
    assert_int_equal(acquire(2), -XEN_EINVAL); /* nothing is left of the list */
    resource(0, false);
    assert_int_equal(acquire(1), -XEN_EINVAL);
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, GUEST(HOST_WINDOW) - 8), -XEN_EFAULT);
    assert_int_equal(a->refs, refs_a);
    assert_int_equal(b->refs, refs_b);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_stop_and_continue),
        TEST(lists_are_refused),
        TEST(frames_go_back),
        TEST(an_exchange_continues),
        TEST(exchanges_are_refused),
        TEST(frames_in_use_are_not_exchanged),
        TEST(a_passing_count_is_waited_for),
        TEST(grant_frames_are_listed),
        TEST(a_far_grant_frame_comes_in_pieces),
        TEST(resources_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
