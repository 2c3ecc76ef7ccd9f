/* SPDX-License-Identifier: MIT */
/*
 * memory_op: giving frames back and getting others, exchange of frames and extents, limits, memory
 * maps, and where the machine-to-physical table is.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static struct xen_memory_reservation reservation(xen_pfn_t *extents, unsigned long count)
{
    struct xen_memory_reservation r = {.nr_extents = count, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, extents);
    return r;
}

static long current(void)
{
    struct xen_memory_domain domain = {.domid = DOMID_SELF};

    return hypercall_memory_op(XENMEM_current_reservation, &domain);
}

/* Take pages out of the physical map, so that nothing refers to their frames. */
static void unmap_pages(char *pages, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        CHECK_EQ(hypercall_update_va_mapping(pages + i * PAGE_SIZE, 0, UVMF_INVLPG), 0);
}

static void map_page(char *page, mfn_t mfn)
{
    pfn_set_mfn(va_to_pfn(page), mfn);
    CHECK_EQ(hypercall_update_va_mapping(page, make_pte(mfn, PTE_KERNEL_DATA), UVMF_INVLPG), 0);
}

static void test_numbers(void)
{
    struct xen_memory_domain domain = {.domid = DOMID_SELF};
    long maximum;

    CHECK(hypercall_memory_op(XENMEM_maximum_ram_page, NULL) >= (long)memory_pages() - 1);
    CHECK(current() >= (long)memory_pages());
    maximum = hypercall_memory_op(XENMEM_maximum_reservation, &domain);
    CHECK(maximum >= current() || guest_is_dom0());
    CHECK_EQ(hypercall_memory_op(XENMEM_maximum_gpfn, &domain), 0);
    domain.domid = 0x1234;
    CHECK_EQ(hypercall_memory_op(XENMEM_current_reservation, &domain), -ESRCH);
    CHECK_EQ(hypercall_memory_op(XENMEM_current_reservation, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_memory_op(60, NULL), -ENOSYS);
}

static void test_decrease_populate(void)
{
    char *pages = pages_alloc(4);
    xen_pfn_t extents[4];
    struct xen_memory_reservation r = reservation(extents, 4);
    long before = current();

    for (unsigned int i = 0; i < 4; i++)
        extents[i] = va_to_mfn(pages + i * PAGE_SIZE);
    unmap_pages(pages, 4);
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 4);
    CHECK_EQ(current(), before - 4);
    /* Twice: they are no longer ours. */
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
    CHECK_EQ(current(), before - 4);
    for (unsigned int i = 0; i < 4; i++)
        extents[i] = va_to_pfn(pages) + i;
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 4);
    CHECK_EQ(current(), before);
    for (unsigned int i = 0; i < 4; i++) {
        CHECK_EQ(mfn_to_pfn(extents[i]), va_to_pfn(pages) + i);
        map_page(pages + i * PAGE_SIZE, extents[i]);
    }
    /* Fresh frames are clean. */
    for (unsigned int i = 0; i < 4 * PAGE_SIZE; i++)
        if (pages[i]) {
            test_fail(__FILE__, __LINE__, "byte %u of fresh frames is %#x", i, pages[i]);
            break;
        }
    pages_free(pages, 4);
}

static void test_increase(void)
{
    char *page = page_alloc();
    xen_pfn_t extent = va_to_mfn(page);
    struct xen_memory_reservation r = reservation(&extent, 1);
    long before = current();

    unmap_pages(page, 1);
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
    extent = 0;
    CHECK_EQ(hypercall_memory_op(XENMEM_increase_reservation, &r), 1);
    CHECK(extent != 0);
    CHECK_EQ(current(), before);
    /* No place was told; the kernel says itself. */
    CHECK_EQ(
        mmu_update_one(((uint64_t)extent << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, va_to_pfn(page)), 0);
    map_page(page, extent);
    page_free(page);
}

/* A frame that is still mapped stays until the mapping goes. */
static void test_decrease_mapped(void)
{
    char *page = page_alloc_zeroed();
    xen_pfn_t extent = va_to_mfn(page);
    struct xen_memory_reservation r = reservation(&extent, 1);
    long before = current();

    page[0] = 55;
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 1);
    CHECK_EQ(page[0], 55);
    CHECK_EQ(current(), before);
    unmap_pages(page, 1);
    CHECK_EQ(current(), before - 1);
    extent = va_to_pfn(page);
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 1);
    map_page(page, extent);
    page_free(page);
}

static void test_refused(void)
{
    xen_pfn_t extents[2] = {BAD_MFN, BAD_MFN};
    struct xen_memory_reservation r = reservation(extents, 2);

    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
    extents[0] = va_to_mfn((void *)start_info->pt_base);
    r.domid = 0x1234;
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
    r.domid = DOMID_SELF;
    r.nr_extents = 0;
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 0);
    r.nr_extents = 1ul << 62;
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 0);
    r.nr_extents = 1;
    r.extent_order = 30;
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 0);
    r.extent_order = 0;
    set_xen_guest_handle(r.extent_start, HYPERVISOR_ADDRESS);
    CHECK_EQ(hypercall_memory_op(XENMEM_populate_physmap, &r), 0);
    set_xen_guest_handle(r.extent_start, UNMAPPED_ADDRESS);
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, &r), 0);
    CHECK_EQ(hypercall_memory_op(XENMEM_decrease_reservation, UNMAPPED_ADDRESS), 0);
}

static void test_exchange(void)
{
    char *pages = pages_alloc(2);
    xen_pfn_t in[2], out[2];
    struct xen_memory_exchange exchange = {.in = reservation(in, 2), .out = reservation(out, 2)};
    long before = current();

    for (unsigned int i = 0; i < 2; i++) {
        in[i] = va_to_mfn(pages + i * PAGE_SIZE);
        out[i] = va_to_pfn(pages) + i;
    }
    unmap_pages(pages, 2);
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), 0);
    CHECK_EQ(exchange.nr_exchanged, 2);
    CHECK_EQ(current(), before);
    for (unsigned int i = 0; i < 2; i++) {
        CHECK_EQ(mfn_to_pfn(out[i]), va_to_pfn(pages) + i);
        map_page(pages + i * PAGE_SIZE, out[i]);
    }
    pages_free(pages, 2);
}

#define EXTENT_ORDER 4u
#define EXTENT_PAGES (1u << EXTENT_ORDER)

/* As Linux prepares a buffer for a device: single frames for neighbours below 4 GiB, and back. */
static void test_exchange_extents(void)
{
    char *pages = pages_alloc(EXTENT_PAGES);
    xen_pfn_t singles[EXTENT_PAGES], extent = va_to_pfn(pages);
    struct xen_memory_exchange join = {.in = reservation(singles, EXTENT_PAGES),
                                       .out = reservation(&extent, 1)};
    struct xen_memory_exchange part = {.in = reservation(&extent, 1),
                                       .out = reservation(singles, EXTENT_PAGES)};
    long before = current();

    for (unsigned int i = 0; i < EXTENT_PAGES; i++)
        singles[i] = va_to_mfn(pages + i * PAGE_SIZE);
    unmap_pages(pages, EXTENT_PAGES);
    join.out.extent_order = EXTENT_ORDER;
    join.out.mem_flags = XENMEMF_address_bits(32);
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &join), 0);
    CHECK_EQ(join.nr_exchanged, EXTENT_PAGES);
    CHECK_EQ(current(), before);
    CHECK_EQ(extent % EXTENT_PAGES, 0);
    CHECK(extent + EXTENT_PAGES <= 1ul << (32 - PAGE_SHIFT));
    for (unsigned int i = 0; i < EXTENT_PAGES; i++) {
        CHECK_EQ(mfn_to_pfn(extent + i), va_to_pfn(pages) + i);
        map_page(pages + i * PAGE_SIZE, extent + i);
        pages[i * PAGE_SIZE] = (char)i;
    }

    for (unsigned int i = 0; i < EXTENT_PAGES; i++)
        singles[i] = va_to_pfn(pages) + i;
    part.in.extent_order = EXTENT_ORDER;
    unmap_pages(pages, EXTENT_PAGES - 1);
    /* One of them is still mapped. */
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &part), -EINVAL);
    CHECK_EQ(part.nr_exchanged, 0);
    map_page(pages, extent);
    unmap_pages(pages, EXTENT_PAGES);
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &part), 0);
    CHECK_EQ(part.nr_exchanged, 1);
    CHECK_EQ(current(), before);
    for (unsigned int i = 0; i < EXTENT_PAGES; i++) {
        CHECK_EQ(mfn_to_pfn(singles[i]), va_to_pfn(pages) + i);
        map_page(pages + i * PAGE_SIZE, singles[i]);
    }
    pages_free(pages, EXTENT_PAGES);
}

/* What cannot be had changes nothing. */
static void test_exchange_no_room(void)
{
    char *pages = pages_alloc(2);
    xen_pfn_t in[2] = {va_to_mfn(pages), va_to_mfn(pages + PAGE_SIZE)}, out = va_to_pfn(pages);
    struct xen_memory_exchange exchange = {.in = reservation(in, 2), .out = reservation(&out, 1)};

    unmap_pages(pages, 2);
    exchange.out.extent_order = 1;
    exchange.out.mem_flags = XENMEMF_address_bits(PAGE_SHIFT + 1);
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -ENOMEM);
    CHECK_EQ(exchange.nr_exchanged, 0);
    exchange.out.mem_flags = 0;
    exchange.out.extent_order = 30;
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EPERM);
    exchange.out.extent_order = 2;
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EINVAL);
    map_page(pages, in[0]);
    map_page(pages + PAGE_SIZE, in[1]);
    pages_free(pages, 2);
}

static void test_exchange_refused(void)
{
    char *page = page_alloc();
    xen_pfn_t in = va_to_mfn(page), out = va_to_pfn(page);
    struct xen_memory_exchange exchange = {.in = reservation(&in, 1), .out = reservation(&out, 1)};

    /* Still mapped. */
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EINVAL);
    CHECK_EQ(exchange.nr_exchanged, 0);
    in = BAD_MFN;
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EINVAL);
    in = va_to_mfn(page);
    exchange.nr_exchanged = 2;
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EINVAL);
    exchange.nr_exchanged = 0;
    exchange.out.nr_extents = 2; /* not the same size */
    CHECK_EQ(hypercall_memory_op(XENMEM_exchange, &exchange), -EINVAL);
    page_free(page);
}

static void test_machphys(void)
{
    struct xen_machphys_mapping mapping;
    xen_pfn_t frames[8] = {0};
    struct xen_machphys_mfn_list list = {.max_extents = 8};

    CHECK_EQ(hypercall_memory_op(XENMEM_machphys_mapping, &mapping), 0);
    CHECK_EQ(mapping.v_start, MACH2PHYS_VIRT_START);
    CHECK_EQ(mapping.v_end, MACH2PHYS_VIRT_END);
    CHECK(mapping.max_mfn < MACH2PHYS_NR_ENTRIES);
    CHECK(mapping.max_mfn >= memory_pages() - 1);
    set_xen_guest_handle(list.extent_start, frames);
    CHECK_EQ(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    CHECK(list.nr_extents >= 1);
    CHECK(list.nr_extents <= 8);
    CHECK(frames[0] != 0);
    list.max_extents = 0;
    CHECK_EQ(hypercall_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    CHECK_EQ(list.nr_extents, 0);
}

struct map_entry {
    uint64_t address, size;
    uint32_t type;
} __attribute__((packed));

static void test_memory_map(void)
{
    static struct map_entry entries[128];
    struct xen_memory_map map = {.nr_entries = 128};
    uint64_t total = 0;

    set_xen_guest_handle(map.buffer, entries);
    if (guest_is_dom0()) {
        CHECK_EQ(hypercall_memory_op(XENMEM_memory_map, &map), -ENOSYS);
        CHECK_EQ(hypercall_memory_op(XENMEM_machine_memory_map, &map), 0);
        CHECK(map.nr_entries >= 3);
        for (unsigned int i = 0; i < map.nr_entries; i++)
            total += entries[i].type == 1 ? entries[i].size : 0;
        CHECK(total >= memory_pages() << PAGE_SHIFT);
        map.nr_entries = 1;
        CHECK_EQ(hypercall_memory_op(XENMEM_machine_memory_map, &map), -EINVAL);
    } else {
        CHECK_EQ(hypercall_memory_op(XENMEM_machine_memory_map, &map), -EPERM);
    }
}

static void test_translated_only(void)
{
    struct xen_add_to_physmap add = {.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info};
    struct xen_remove_from_physmap remove = {.domid = DOMID_SELF};

    CHECK_EQ(hypercall_memory_op(XENMEM_add_to_physmap, &add), -EACCES);
    CHECK_EQ(hypercall_memory_op(XENMEM_remove_from_physmap, &remove), -EACCES);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"numbers", test_numbers},
        {"decrease_populate", test_decrease_populate},
        {"increase", test_increase},
        {"decrease_mapped", test_decrease_mapped},
        {"refused", test_refused},
        {"exchange", test_exchange},
        {"exchange_extents", test_exchange_extents},
        {"exchange_no_room", test_exchange_no_room},
        {"exchange_refused", test_exchange_refused},
        {"machphys", test_machphys},
        {"memory_map", test_memory_map},
        {"translated_only", test_translated_only},
        {NULL, NULL},
    };

    run_tests(tests);
}
