/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: memory_op. Frames that are tables, mapped or nobody's are not given away by force,
 * sizes without end are refused, other domains are out of reach, and random calls leave a domain
 * that can still take memory and give it back.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/memory.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hostile.h"

#define RANDOM_CALLS 5000
#define OPS          32

static struct hostile sequence;

static long decrease(const xen_pfn_t *extents, unsigned long count, unsigned int order,
                     domid_t domid)
{
    struct xen_memory_reservation op = {.nr_extents = count, .extent_order = order, .domid = domid};

    set_xen_guest_handle(op.extent_start, (xen_pfn_t *)extents);
    return hypercall_memory_op(XENMEM_decrease_reservation, &op);
}

static long populate(xen_pfn_t *extents, unsigned long count, unsigned int order, domid_t domid)
{
    struct xen_memory_reservation op = {.nr_extents = count, .extent_order = order, .domid = domid};

    set_xen_guest_handle(op.extent_start, extents);
    return hypercall_memory_op(XENMEM_populate_physmap, &op);
}

static long reservation(void)
{
    domid_t self = DOMID_SELF;

    return hypercall_memory_op(XENMEM_current_reservation, &self);
}

static void test_pointers(void)
{
    for (unsigned int i = 1; i < BAD_POINTERS; i++) {
        if (i == M2P_POINTER)
            continue;
        CHECK_EQ(hypercall_memory_op(XENMEM_exchange, bad_pointers[i]), -EFAULT);
        CHECK_EQ(hypercall_memory_op(XENMEM_memory_map, bad_pointers[i]), -EFAULT);
        CHECK_EQ(hypercall_memory_op(XENMEM_current_reservation, bad_pointers[i]), -EFAULT);
        CHECK(hypercall_memory_op(XENMEM_machphys_mapping, bad_pointers[i]) < 0);
        /* In these nothing was done. */
        CHECK(hypercall_memory_op(XENMEM_decrease_reservation, bad_pointers[i]) <= 0);
        CHECK(hypercall_memory_op(XENMEM_populate_physmap, bad_pointers[i]) <= 0);
        CHECK(decrease(bad_pointers[i], 1, 0, DOMID_SELF) <= 0);
        CHECK(populate(bad_pointers[i], 1, 0, DOMID_SELF) <= 0);
    }
}

/* A frame that is in use somewhere is given up only when that ends; a table never by this. */
static void test_frames_in_use(void)
{
    xen_pfn_t table = va_to_mfn((void *)start_info->pt_base), none = BAD_MFN, other = 1;
    long before = reservation();

    hypercall_memory_op(XENMEM_maximum_ram_page, NULL);
    CHECK(decrease(&none, 1, 0, DOMID_SELF) == 0);
    CHECK(decrease(&other, 1, 0, DOMID_SELF) == 0);
    CHECK_EQ(reservation(), before);
    CHECK_EQ(*(uint64_t *)start_info->pt_base, *(volatile uint64_t *)start_info->pt_base);
    CHECK(mmuext_mfn(MMUEXT_PIN_L4_TABLE, table) <= 0);
}

static void test_sizes(void)
{
    static const unsigned int orders[] = {10, 19, 31, 32, 63, 64, 0x7fffffff, ~0u};
    xen_pfn_t extents[2] = {memory_pages() + 1, memory_pages() + 2};
    long before = reservation();

    for (unsigned int i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (guest_is_dom0() && orders[i] < 20)
            continue; /* it may have them */
        CHECK(populate(extents, 2, orders[i], DOMID_SELF) <= 0);
        CHECK(decrease(extents, 2, orders[i], DOMID_SELF) <= 0);
    }
    CHECK(populate(extents, ~0ul, 0, DOMID_SELF) <= 0);
    CHECK(decrease(extents, ~0ul, 0, DOMID_SELF) <= 0);
    CHECK(populate(extents, 1ul << 52, 0, DOMID_SELF) <= 0);
    CHECK_EQ(reservation(), before);
}

static void test_others(void)
{
    xen_pfn_t extent = 0;
    struct xen_add_to_physmap add = {.domid = 0, .space = XENMAPSPACE_shared_info};

    if (guest_is_dom0())
        return;
    CHECK(decrease(&extent, 1, 0, 0) <= 0);
    CHECK(populate(&extent, 1, 0, 0) <= 0);
    CHECK(hypercall_memory_op(XENMEM_add_to_physmap, &add) < 0);
    CHECK(decrease(&extent, 1, 0, 0x7000) <= 0);
    CHECK(decrease(&extent, 1, 0, DOMID_XEN) <= 0);
    CHECK(decrease(&extent, 1, 0, DOMID_IO) <= 0);
}

/* Frames of the sequence's own pages may go: they are not used for anything else. */
static void test_random(void)
{
    uint64_t argument[16];

    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        unsigned int op = hostile_below(&sequence, OPS);

        hostile_fill(&sequence, argument, sizeof(argument));
        /*
         * An extent is a frame of anybody's: what is ours elsewhere would take our own code away.
         */
        if (op == XENMEM_decrease_reservation || op == XENMEM_exchange ||
            op == XENMEM_remove_from_physmap)
            continue;
        if (guest_is_dom0() && op != XENMEM_current_reservation && op != XENMEM_maximum_reservation)
            continue;
        hypercall_memory_op(op, argument);
    }
}

static void test_alive(void)
{
    xen_pfn_t extent;
    void *page = page_alloc();
    long before = reservation();

    if (!CHECK(page != NULL))
        return;
    CHECK_EQ(hypercall_update_va_mapping(page, 0, UVMF_INVLPG), 0);
    extent = va_to_mfn(page);
    CHECK_EQ(decrease(&extent, 1, 0, DOMID_SELF), 1);
    CHECK_EQ(reservation(), before - 1);
    extent = va_to_pfn(page);
    CHECK_EQ(populate(&extent, 1, 0, DOMID_SELF), 1);
    CHECK_EQ(reservation(), before);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pointers", test_pointers},
        {"frames_in_use", test_frames_in_use},
        {"sizes", test_sizes},
        {"others", test_others},
        {"alive", test_alive},
        {"random", test_random},
        {NULL, NULL},
    };

    hostile_init(&sequence, 0, pages_alloc(16), 16);
    run_tests(tests);
}
