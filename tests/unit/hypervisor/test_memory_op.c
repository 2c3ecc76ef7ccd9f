/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) */
/*
 * XENMEM operations of the portable half: results, partial results, continuations, and which domain
 * may do what.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <grant_table.h>
#include <public/memory.h>

#include "two_domains.h"

#define LIST 4096UL /* where in the guest's window the lists are */
static xen_pfn_t *list;

static int setup(void **state)
{
    make_two_domains(1, 1, 8);
    list = (xen_pfn_t *)GUEST(LIST);
    memset(list, 0, HOST_WINDOW - LIST);
    return 0;
}

static long reserve(unsigned int cmd, unsigned long n, unsigned int order, unsigned int flags,
                    domid_t id)
{
    struct xen_memory_reservation r = {
        .nr_extents = n, .extent_order = order, .mem_flags = flags, .domid = id};

    set_xen_guest_handle(r.extent_start, list);
    return host_memory_op(cmd, &r, sizeof(r));
}

static void populate(void **state)
{
    b->max_pages = 8 + 50;
    for (unsigned int i = 0; i < 60; i++)
        list[i] = 1000 + i;
    host_preempt_every(7);
    assert_int_equal(reserve(XENMEM_populate_physmap, 60, 0, 0, DOMID_SELF), 50);
    host_preempt_every(0);
    assert_int_equal(b->tot_pages, 58);
    for (unsigned int i = 0; i < 50; i++) {
        assert_ptr_equal(page_owner(mfn_to_page(MFN(list[i]))), b);
        assert_int_equal(arch_get_m2p(MFN(list[i])), 1000 + i);
    }
    assert_int_equal(list[50], 1050); /* untouched */
    /* And back again, with a frame of another domain in between. */
    list[30] = page_to_mfn(host_frame(a, 0)).n;
    assert_int_equal(reserve(XENMEM_decrease_reservation, 50, 0, 0, DOMID_SELF), 30);
    assert_int_equal(b->tot_pages, 28);
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0, 0, DOMID_SELF), 0); /* gone */
}

static void larger_extents(void **state)
{
    b->max_pages = a->max_pages = 4096;
    list[0] = 512;
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 9, 0, 2), 1);
    assert_int_equal(list[0] % 512, 0);
    assert_int_equal(arch_get_m2p(MFN(list[0] + 511)), 1023);
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 9, 0, 2), 1);
    assert_int_equal(b->tot_pages, 8);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 10, 0, 2), 0); /* more than a guest may */
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 64, 0, 2), 0);
    host_become(a->vcpu[0]);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 10, 0, 2), 1);
    assert_int_equal(b->tot_pages, 8 + 1024);
    assert_int_equal(reserve(XENMEM_increase_reservation, 1, 19, 0, 2), 0);
}

static void increase(void **state)
{
    struct xen_memory_reservation r = {.nr_extents = 5, .domid = DOMID_SELF};

    b->max_pages = 100;
    assert_int_equal(reserve(XENMEM_increase_reservation, 5, 1, 0, DOMID_SELF), 5);
    assert_int_equal(b->tot_pages, 18);
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(arch_get_m2p(MFN(list[i])), INVALID_M2P_ENTRY);
    /* Without a list the numbers are not returned. */
    assert_int_equal(host_memory_op(XENMEM_increase_reservation, &r, sizeof(r)), 5);
    assert_int_equal(b->tot_pages, 23);
}

static void refused_reservations(void **state)
{
    b->max_pages = 100;
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, 0, 1), 0); /* another's */
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, 0, 55), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, 0, DOMID_IO), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_populate_on_demand, 2), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_address_bits(12), 2), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_exact_node(1), 2), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1UL << 40, 0, 0, 2), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 0, 0, 0, 2), 0);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap | 3 << 6, 0), 3);
    list = (xen_pfn_t *)(GUEST(0) + HOST_WINDOW - 8);
    assert_int_equal(reserve(XENMEM_populate_physmap, 2, 0, 0, 2), 1); /* then a fault */
    assert_int_equal(b->tot_pages, 9);
    list = (xen_pfn_t *)GUEST(LIST);
    host_become(a->vcpu[0]);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_node(1), 2), 1);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_exact_node(1), 2), 0);
    assert_int_equal(reserve(XENMEM_populate_physmap, 1, 0, XENMEMF_exact_node(0), 2), 1);
}

/*
 * A guest cannot give away a frame of the hypervisor, and a frame that is mapped stays until it is
 * unmapped.
 */
static void decrease_special(void **state)
{
    struct page *shared = virt_to_page(b->shared_info), *pg = host_frame(b, 0);

    list[0] = page_to_mfn(shared).n;
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0, 0, 2), 1);
    assert_int_equal(page_refs(shared->state), 1);
    assert_true(get_page(pg, b));
    list[0] = page_to_mfn(pg).n;
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0, 0, 2), 1);
    assert_int_equal(reserve(XENMEM_decrease_reservation, 1, 0, 0, 2), 1);
    assert_int_equal(b->tot_pages, 8);
    put_page(pg);
    assert_int_equal(b->tot_pages, 7);
}

static long exchange(struct xen_memory_exchange *x, unsigned long n, unsigned int flags)
{
    *x = (struct xen_memory_exchange){
        .in = {.nr_extents = n, .domid = DOMID_SELF},
        .out = {.nr_extents = n, .mem_flags = flags, .domid = DOMID_SELF}};
    set_xen_guest_handle(x->in.extent_start, list);
    set_xen_guest_handle(x->out.extent_start, list + 1024);
    return host_memory_op(XENMEM_exchange, x, sizeof(*x));
}

static void exchanging(void **state)
{
    struct xen_memory_exchange x;
    struct page *busy;

    for (unsigned int i = 0; i < 8; i++) {
        list[i] = page_to_mfn(host_frame(b, i)).n;
        list[1024 + i] = 70 + i;
    }
    host_preempt_every(2);
    assert_int_equal(exchange(&x, 8, 0), 0);
    host_preempt_every(0);
    assert_int_equal(x.nr_exchanged, 8);
    assert_int_equal(b->tot_pages, 8); /* although no more was allowed */
    for (unsigned int i = 0; i < 8; i++) {
        assert_ptr_equal(page_owner(mfn_to_page(MFN(list[1024 + i]))), b);
        assert_int_equal(arch_get_m2p(MFN(list[1024 + i])), 70 + i);
    }

    /* One that is in use stops it; what came before is done. */
    for (unsigned int i = 0; i < 8; i++)
        list[i] = list[1024 + i];
    busy = mfn_to_page(MFN(list[3]));
    assert_true(get_page(busy, b));
    assert_int_equal(exchange(&x, 8, 0), -XEN_EINVAL);
    assert_int_equal(x.nr_exchanged, 3);
    put_page(busy);
    assert_int_equal(page_refs(busy->state), 1);
    /* No memory: the old frame stays. */
    list[0] = page_to_mfn(busy).n;
    host_fail_allocation(1);
    assert_int_equal(exchange(&x, 1, 0), -XEN_ENOMEM);
    host_fail_allocation(0);
    assert_true(get_page(busy, b));
    put_page(busy);
    assert_int_equal(b->tot_pages, 8);

    list[0] = page_to_mfn(virt_to_page(b->shared_info)).n;
    assert_int_equal(exchange(&x, 1, 0), -XEN_EINVAL);
    list[0] = page_to_mfn(host_frame(a, 0)).n;
    assert_int_equal(exchange(&x, 1, 0), -XEN_EINVAL);
    list[0] = ~0UL;
    assert_int_equal(exchange(&x, 1, 0), -XEN_EINVAL);
}

/* The domain dies between the two steps: it gets nothing, and nothing of what was taken stays. */
static void exchanging_for_a_dying_domain(void **state)
{
    struct xen_memory_exchange x;
    struct page *pg = host_frame(b, 0);

    list[0] = page_to_mfn(pg).n;
    list[1024] = 70;
    b->dying = DOMAIN_DYING;
    assert_int_equal(exchange(&x, 1, 0), -XEN_ENOMEM);
    b->dying = DOMAIN_ALIVE;
    assert_int_equal(b->tot_pages, 7);
    assert_ptr_equal(page_owner(pg), NULL);
}

static long exchange_orders(struct xen_memory_exchange *x, unsigned long in, unsigned int in_order,
                            unsigned long out, unsigned int out_order, unsigned int flags)
{
    *x = (struct xen_memory_exchange){
        .in = {.nr_extents = in, .extent_order = in_order, .domid = DOMID_SELF},
        .out = {
            .nr_extents = out, .extent_order = out_order, .mem_flags = flags, .domid = DOMID_SELF}};
    set_xen_guest_handle(x->in.extent_start, list);
    set_xen_guest_handle(x->out.extent_start, list + 1024);
    return host_memory_op(XENMEM_exchange, x, sizeof(*x));
}

static void assert_intact(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        struct page *pg = mfn_to_page(MFN(list[i]));

        assert_true(get_page(pg, b));
        put_page(pg);
        assert_int_equal(page_refs(pg->state), 1);
    }
    assert_int_equal(b->tot_pages, 8);
}

/*
 * Single frames for two that follow each other, each, and back: as Linux makes buffers for devices.
 */
static void exchanging_extents(void **state)
{
    struct xen_memory_exchange x;
    struct page *busy;

    for (unsigned int i = 0; i < 8; i++)
        list[i] = page_to_mfn(host_frame(b, i)).n;
    for (unsigned int i = 0; i < 4; i++)
        list[1024 + i] = 100 + 2 * i;
    /*
     * One of the third step is in use: two steps are done, and the third has left its other frame.
     */
    busy = mfn_to_page(MFN(list[5]));
    assert_true(get_page(busy, b));
    assert_int_equal(exchange_orders(&x, 8, 0, 4, 1, 0), -XEN_EINVAL);
    assert_int_equal(x.nr_exchanged, 4);
    put_page(busy);
    for (unsigned int i = 0; i < 2; i++) {
        list[2 * i] = list[1024 + i];
        list[2 * i + 1] = list[1024 + i] + 1;
    }
    assert_intact();

    for (unsigned int i = 0; i < 4; i++)
        list[1024 + i] = 100 + 2 * i;
    host_preempt_every(2);
    assert_int_equal(exchange_orders(&x, 8, 0, 4, 1, 0), 0);
    host_preempt_every(0);
    assert_int_equal(x.nr_exchanged, 8);
    for (unsigned int i = 0; i < 8; i++) {
        list[i] = list[1024 + i / 2] + i % 2;
        assert_int_equal(arch_get_m2p(MFN(list[i])), 100 + i);
    }
    assert_intact();

    /* All at once into one extent, and the other way round. */
    list[1024] = 200;
    assert_int_equal(exchange_orders(&x, 8, 0, 1, 3, 0), 0);
    assert_int_equal(list[1024] % 8, 0);
    list[0] = list[1024];
    for (unsigned int i = 0; i < 8; i++)
        list[1024 + i] = 300 + i;
    assert_int_equal(exchange_orders(&x, 1, 3, 8, 0, 0), 0);
    assert_int_equal(x.nr_exchanged, 1);
    for (unsigned int i = 0; i < 8; i++) {
        list[i] = list[1024 + i];
        assert_int_equal(arch_get_m2p(MFN(list[i])), 300 + i);
    }
    assert_intact();
}

/* Whichever allocation fails, the guest keeps all that it has. */
static void exchange_without_memory(void **state)
{
    struct xen_memory_exchange x;
    long rc = -XEN_ENOMEM;

    for (unsigned int i = 0; i < 8; i++) {
        list[i] = page_to_mfn(host_frame(b, i)).n;
        list[1024 + i] = 70 + i;
    }
    assert_int_equal(exchange_orders(&x, 8, 0, 1, 3, XENMEMF_address_bits(PAGE_SHIFT)),
                     -XEN_ENOMEM);
    assert_intact();
    assert_int_equal(exchange_orders(&x, 8, 0, 1, 3, XENMEMF_address_bits(PAGE_SHIFT + 2)),
                     -XEN_ENOMEM);
    assert_int_equal(x.nr_exchanged, 0);
    assert_intact();
    for (unsigned int fail = 1; rc == -XEN_ENOMEM; fail++) {
        assert_true(fail < 20);
        host_fail_allocation(fail);
        rc = exchange_orders(&x, 8, 0, 1, 3, 0);
        host_fail_allocation(0);
        if (rc)
            assert_intact();
    }
    assert_int_equal(rc, 0);

    list[0] = list[1024];
    for (unsigned int fail = 1; rc == -XEN_ENOMEM || fail == 1; fail++) {
        assert_true(fail < 20);
        for (unsigned int i = 0; i < 8; i++)
            list[1024 + i] = 80 + i;
        host_fail_allocation(fail);
        rc = exchange_orders(&x, 1, 3, 8, 0, 0);
        host_fail_allocation(0);
        assert_int_equal(b->tot_pages, 8);
    }
    assert_int_equal(rc, 0);
}

/* Another vCPU of b takes a count on whatever it can, but for what is only lent to b. */
static void find_no_frame(void)
{
    for (unsigned long m = 1; m < max_page; m++) {
        struct page *pg = mfn_to_page(MFN(m));

        assert_false(!(pg->state & PG_HYPERVISOR) && get_page(pg, b));
    }
}

/* Nobody gets at frames of an exchange that fails: the domain would have them beyond its limit. */
static void exchange_fails_beside_another_vcpu(void **state)
{
    struct xen_memory_exchange x;

    for (unsigned int i = 0; i < 8; i++)
        list[i] = page_to_mfn(host_frame(b, i)).n;
    list[1024] = 70;
    assert_int_equal(exchange_orders(&x, 8, 0, 1, 3, 0), 0);
    list[0] = list[1024];
    for (unsigned int i = 0; i < 8; i++)
        list[1024 + i] = 80 + i;
    host_before_failure = find_no_frame;
    for (unsigned int fail = 4; fail < 8; fail++) {
        host_fail_allocation(fail);
        assert_int_equal(exchange_orders(&x, 1, 3, 8, 0, 0), -XEN_ENOMEM);
        assert_true(host_failed());
        assert_int_equal(b->tot_pages, 8);
        assert_int_equal(b->pages.count, 8);
    }
    host_before_failure = NULL;
    host_fail_allocation(0);
}

static void bad_exchanges(void **state)
{
    struct xen_memory_exchange x = {.in = {.nr_extents = 2, .domid = DOMID_SELF},
                                    .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    assert_int_equal(host_memory_op(XENMEM_exchange, &x, sizeof(x)), -XEN_EINVAL);
    x.out.extent_order = 10;
    assert_int_equal(host_memory_op(XENMEM_exchange, &x, sizeof(x)), -XEN_EPERM);
    x = (struct xen_memory_exchange){.in = {.nr_extents = 1, .domid = 1},
                                     .out = {.nr_extents = 1, .domid = 1}};
    assert_int_equal(host_memory_op(XENMEM_exchange, &x, sizeof(x)), -XEN_EPERM);
    x.out.domid = 2;
    assert_int_equal(host_memory_op(XENMEM_exchange, &x, sizeof(x)), -XEN_EINVAL);
    assert_int_equal(do_memory_op(XENMEM_exchange | 1 << 6, GUEST(0)), -XEN_EINVAL);
    assert_int_equal(do_memory_op(XENMEM_exchange, 0), -XEN_EFAULT);
}

static void numbers(void **state)
{
    struct xen_memory_domain which = {.domid = DOMID_SELF};

    b->max_pages = 99;
    b->shared_info->arch.max_pfn = 555;
    assert_int_equal(host_memory_op(XENMEM_current_reservation, &which, sizeof(which)), 8);
    assert_int_equal(host_memory_op(XENMEM_maximum_reservation, &which, sizeof(which)), 99);
    assert_int_equal(host_memory_op(XENMEM_maximum_gpfn, &which, sizeof(which)), 554);
    b->shared_info->arch.max_pfn = 0;
    assert_int_equal(host_memory_op(XENMEM_maximum_gpfn, &which, sizeof(which)), 0);
    assert_int_equal(do_memory_op(XENMEM_maximum_ram_page, 0), 4096);
    assert_int_equal(do_memory_op(XENMEM_current_reservation | 64, GUEST(0)), -XEN_EINVAL);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, 0), -XEN_EFAULT);
    which.domid = 1;
    assert_int_equal(host_memory_op(XENMEM_current_reservation, &which, sizeof(which)), -XEN_EPERM);
    which.domid = 44;
    assert_int_equal(host_memory_op(XENMEM_current_reservation, &which, sizeof(which)), -XEN_ESRCH);
    host_become(a->vcpu[0]);
    which.domid = 2;
    assert_int_equal(host_memory_op(XENMEM_maximum_reservation, &which, sizeof(which)), 99);
    which.domid = DOMID_XEN;
    assert_int_equal(host_memory_op(XENMEM_maximum_reservation, &which, sizeof(which)), -XEN_ESRCH);
}

static void nothing_for_pv(void **state)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info};
    struct xen_add_to_physmap_batch batch = {.domid = DOMID_SELF};
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF};
    struct xen_vnuma_topology_info vnuma = {.domid = DOMID_SELF};
    struct xen_reserved_device_memory_map rdm = {.nr_entries = 3};

    assert_int_equal(host_memory_op(XENMEM_add_to_physmap, &add, sizeof(add)), -XEN_EACCES);
    add.space = XENMAPSPACE_gmfn_foreign;
    assert_int_equal(host_memory_op(XENMEM_add_to_physmap, &add, sizeof(add)), -XEN_ENOSYS);
    assert_int_equal(host_memory_op(XENMEM_add_to_physmap_batch, &batch, sizeof(batch)),
                     -XEN_EACCES);
    batch.space = XENMAPSPACE_gmfn_range;
    assert_int_equal(host_memory_op(XENMEM_add_to_physmap_batch, &batch, sizeof(batch)),
                     -XEN_EOPNOTSUPP);
    batch.space = XENMAPSPACE_gmfn;
    batch.domid = 66;
    assert_int_equal(host_memory_op(XENMEM_add_to_physmap_batch, &batch, sizeof(batch)),
                     -XEN_ESRCH);
    batch.size = 1;
    batch.errs.p = (int *)HYPERVISOR_VIRT_START;
    assert_int_equal(host_memory_op(XENMEM_add_to_physmap_batch, &batch, sizeof(batch)),
                     -XEN_EFAULT);
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap, 0), -XEN_EFAULT);
    assert_int_equal(host_memory_op(XENMEM_remove_from_physmap, &remove, sizeof(remove)),
                     -XEN_EACCES);
    assert_int_equal(host_memory_op(XENMEM_get_vnumainfo, &vnuma, sizeof(vnuma)), -XEN_EOPNOTSUPP);
    vnuma.pad = 1;
    assert_int_equal(host_memory_op(XENMEM_get_vnumainfo, &vnuma, sizeof(vnuma)), -XEN_EINVAL);
    vnuma.pad = 0;
    vnuma.domid = 1;
    assert_int_equal(host_memory_op(XENMEM_get_vnumainfo, &vnuma, sizeof(vnuma)), -XEN_EPERM);
    assert_int_equal(do_memory_op(XENMEM_get_sharing_freed_pages, 0), 0);
    assert_int_equal(do_memory_op(XENMEM_get_sharing_shared_pages, 0), 0);
    assert_int_equal(do_memory_op(XENMEM_get_sharing_shared_pages | 1UL << 6, 0), -XEN_ENOSYS);
    assert_int_equal(host_memory_op(XENMEM_reserved_device_memory_map, &rdm, sizeof(rdm)), 0);
    assert_int_equal(rdm.nr_entries, 0);
    rdm.flags = 2;
    assert_int_equal(host_memory_op(XENMEM_reserved_device_memory_map, &rdm, sizeof(rdm)),
                     -XEN_EINVAL);
}

static void claiming(void **state)
{
    struct xen_memory_reservation r = {.nr_extents = 30, .domid = 2};

    assert_int_equal(host_memory_op(XENMEM_claim_pages, &r, sizeof(r)), -XEN_EPERM);
    host_become(a->vcpu[0]);
    assert_int_equal(do_memory_op(XENMEM_claim_pages, GUEST(HOST_WINDOW)), -XEN_EFAULT);
    assert_int_equal(host_memory_op(XENMEM_claim_pages, &r, sizeof(r)), -XEN_EINVAL);
    b->max_pages = 100;
    assert_int_equal(host_memory_op(XENMEM_claim_pages, &r, sizeof(r)), 0);
    assert_int_equal(b->claimed_pages, 22);
    r.nr_extents = 0;
    assert_int_equal(host_memory_op(XENMEM_claim_pages, &r, sizeof(r)), 0);
    assert_int_equal(b->claimed_pages, 0);
    r.domid = DOMID_SELF;
    assert_int_equal(host_memory_op(XENMEM_claim_pages, &r, sizeof(r)), -XEN_EINVAL);
}

static void resources(void **state)
{
    struct xen_mem_acquire_resource op = {.domid = 2,
                                          .type = XENMEM_resource_grant_table,
                                          .id = XENMEM_resource_grant_table_id_shared};

    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EPERM);
    host_become(a->vcpu[0]);
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), 0);
    assert_int_equal(op.nr_frames, 4);
    /* Numbers of frames have 32 bits, and the sum has, too. */
    op.frame = 0xffffffff;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EINVAL);
    op.nr_frames = 0;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), 0);
    assert_int_equal(op.nr_frames, 4);
    op.frame = 0;
    set_xen_guest_handle(op.frame_list, list);
    host_preempt_every(1);
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), 0);
    host_preempt_every(0);
    assert_int_equal(grant_table_nr_frames(b), 4);
    for (unsigned int i = 0; i < 4; i++)
        assert_ptr_equal(page_owner(mfn_to_page(MFN(list[i]))), b);
    op.frame = 1;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EINVAL);
    op.frame = 1UL << 40;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EINVAL);
    op.frame = 0;
    op.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EINVAL);
    op.domid = DOMID_SELF;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_ESRCH);
    op.domid = 1;
    assert_int_equal(host_memory_op(XENMEM_acquire_resource, &op, sizeof(op)), -XEN_EPERM);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(populate),
        TEST(larger_extents),
        TEST(increase),
        TEST(refused_reservations),
        TEST(decrease_special),
        TEST(exchanging),
        TEST(exchanging_for_a_dying_domain),
        TEST(exchanging_extents),
        TEST(exchange_without_memory),
        TEST(exchange_fails_beside_another_vcpu),
        TEST(bad_exchanges),
        TEST(numbers),
        TEST(nothing_for_pv),
        TEST(claiming),
        TEST(resources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
