/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1, with ourselves as the other side: setting up, mapping, unmapping,
 * replacing, copying, queries, and every status that software can provoke.
 */
#include <errno.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static domid_t self;
static uint64_t *page;
static char *window;

static int16_t map_at(uint64_t host_addr, grant_ref_t ref, uint32_t flags, grant_handle_t *handle)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = host_addr, .flags = flags, .ref = ref, .dom = self};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    *handle = map.handle;
    return map.status;
}

static int16_t unmap_at(uint64_t host_addr, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = host_addr, .handle = handle};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    return unmap.status;
}

static void test_query_size(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};
    struct gnttab_get_version version = {.dom = DOMID_SELF};

    CHECK(grant_entries() >= 2048);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    CHECK_EQ(query.status, GNTST_okay);
    CHECK_EQ(query.nr_frames, 4);
    CHECK(query.max_nr_frames >= 32);
    query.dom = 0x1234;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_query_size, &query, 1), 0);
    CHECK_EQ(query.status, GNTST_bad_domain);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_get_version, &version, 1), 0);
    CHECK_EQ(version.version, 1);
}

static void test_setup_refused(void)
{
    unsigned long frames[4];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 4};

    set_xen_guest_handle(setup.frame_list, frames);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    CHECK_EQ(setup.status, GNTST_okay);
    setup.nr_frames = 1000000;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    CHECK_EQ(setup.status, GNTST_general_error);
    setup.nr_frames = 1;
    setup.dom = 0x1234;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    CHECK_EQ(setup.status, GNTST_bad_domain);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, UNMAPPED_ADDRESS, 1), -EFAULT);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_setup_table, HYPERVISOR_ADDRESS, 1), -EFAULT);
    CHECK_EQ(hypercall_grant_table_op(99, &setup, 1), -ENOSYS);
}

static void test_map(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    grant_entry_v1_t *entry = &grant_table()[ref];
    grant_handle_t handle;
    const pte_t *pte = pte_lookup(window, 1);

    page[0] = 0x1111;
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map, &handle), GNTST_okay);
    CHECK_EQ(entry->flags, GTF_permit_access | GTF_reading | GTF_writing);
    CHECK_EQ(*(volatile uint64_t *)window, 0x1111);
    *(volatile uint64_t *)window = 0x2222;
    CHECK_EQ(page[0], 0x2222);
    CHECK_EQ(pte_mfn(*pte), va_to_mfn(page));
    CHECK_EQ(*pte & PTE_RW, PTE_RW);
    CHECK(!grant_end((grant_ref_t)ref));
    /* Wrong address, wrong handle. */
    CHECK_EQ(unmap_at((uintptr_t)window + PAGE_SIZE, handle), GNTST_general_error);
    CHECK_EQ(unmap_at((uintptr_t)window, 12345), GNTST_bad_handle);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_okay);
    CHECK_EQ(entry->flags, GTF_permit_access);
    CHECK_EQ(*pte, 0);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_bad_handle);
    CHECK(grant_end((grant_ref_t)ref));
}

/* The owner's wish for a kind of caching is for frames of devices; RAM is mapped as all RAM is. */
static void test_map_caching(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    grant_handle_t handle;
    const pte_t *pte = pte_lookup(window, 1);

    grant_table()[ref].flags |= GTF_PWT | GTF_PCD | GTF_PAT;
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map, &handle), GNTST_okay);
    CHECK_EQ(pte_mfn(*pte), va_to_mfn(page));
    CHECK_EQ(*pte & (PTE_PWT | PTE_PCD | PTE_PSE), 0);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_okay);
    CHECK(grant_end((grant_ref_t)ref));
}

static void test_map_twice(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    grant_entry_v1_t *entry = &grant_table()[ref];
    grant_handle_t readonly, writable;

    CHECK_EQ(
        map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map | GNTMAP_readonly, &readonly),
        GNTST_okay);
    CHECK_EQ(entry->flags, GTF_permit_access | GTF_reading);
    CHECK_EQ(*pte_lookup(window, 1) & PTE_RW, 0);
    CHECK_EQ(map_at((uintptr_t)window + PAGE_SIZE, (grant_ref_t)ref, GNTMAP_host_map, &writable),
             GNTST_okay);
    CHECK(readonly != writable);
    CHECK_EQ(entry->flags, GTF_permit_access | GTF_reading | GTF_writing);
    CHECK_EQ(unmap_at((uintptr_t)window + PAGE_SIZE, writable), GNTST_okay);
    CHECK_EQ(entry->flags, GTF_permit_access | GTF_reading);
    CHECK_EQ(unmap_at((uintptr_t)window, readonly), GNTST_okay);
    CHECK_EQ(entry->flags, GTF_permit_access);
    CHECK(grant_end((grant_ref_t)ref));
}

static void test_readonly_grant(void)
{
    int ref = grant_offer(self, va_to_mfn(page), true);
    grant_handle_t handle;

    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map, &handle),
             GNTST_general_error);
    CHECK_EQ(
        map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map | GNTMAP_readonly, &handle),
        GNTST_okay);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_okay);
    CHECK(grant_end((grant_ref_t)ref));
}

static void test_map_refused(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    int bad_frame = grant_offer(self, BAD_MFN, false);
    int other = grant_offer(0x1234, va_to_mfn(page), false);
    int table = grant_offer(self, va_to_mfn((void *)start_info->pt_base), false);
    grant_handle_t handle;
    struct gnttab_map_grant_ref map = {
        .host_addr = (uintptr_t)window, .flags = GNTMAP_host_map, .ref = 8, .dom = 0x1234};

    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, 0, &handle), GNTST_bad_gntref);
    CHECK_EQ(map_at((uintptr_t)window, 1000000, GNTMAP_host_map, &handle), GNTST_bad_gntref);
    CHECK_EQ(map_at((uintptr_t)window, 2000, GNTMAP_host_map, &handle), GNTST_general_error);
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)bad_frame, GNTMAP_host_map, &handle),
             GNTST_bad_page);
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)other, GNTMAP_host_map, &handle),
             GNTST_general_error);
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)table, GNTMAP_host_map, &handle),
             GNTST_general_error);
    CHECK_EQ(map_at((uintptr_t)UNMAPPED_ADDRESS, (grant_ref_t)ref, GNTMAP_host_map, &handle),
             GNTST_general_error);
    CHECK_EQ(map_at((uintptr_t)HYPERVISOR_ADDRESS, (grant_ref_t)ref, GNTMAP_host_map, &handle),
             GNTST_general_error);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    CHECK_EQ(map.status, GNTST_bad_domain);
    CHECK_EQ(*pte_lookup(window, 1), 0);
    CHECK_EQ(grant_table()[ref].flags, GTF_permit_access);
    CHECK_EQ(grant_table()[table].flags, GTF_permit_access);
    CHECK(grant_end((grant_ref_t)ref));
    CHECK(grant_end((grant_ref_t)bad_frame));
    CHECK(grant_end((grant_ref_t)other));
    CHECK(grant_end((grant_ref_t)table));
}

/* The mapping is asked for by the machine address of the entry. */
static void test_contains_pte(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    const pte_t *pte = pte_lookup(window, 1);
    grant_handle_t handle;

    CHECK_EQ(
        map_at(pte_maddr(pte), (grant_ref_t)ref, GNTMAP_host_map | GNTMAP_contains_pte, &handle),
        GNTST_okay);
    CHECK_EQ(pte_mfn(*pte), va_to_mfn(page));
    CHECK_EQ(unmap_at(pte_maddr(pte), handle), GNTST_okay);
    CHECK_EQ(*pte, 0);
    CHECK_EQ(map_at(pte_maddr(pte) + 4, (grant_ref_t)ref, GNTMAP_host_map | GNTMAP_contains_pte,
                    &handle),
             GNTST_general_error);
    CHECK_EQ(
        map_at(va_to_maddr(page), (grant_ref_t)ref, GNTMAP_host_map | GNTMAP_contains_pte, &handle),
        GNTST_general_error);
    CHECK(grant_end((grant_ref_t)ref));
}

/* A granted mapping that is simply overwritten: the counts must stay right. */
static void test_overwrite(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    grant_handle_t handle;

    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map, &handle), GNTST_okay);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_general_error);
    /* Without an address nothing is given back. */
    CHECK_EQ(unmap_at(0, handle), GNTST_okay);
    CHECK_EQ(grant_table()[ref].flags, GTF_permit_access | GTF_reading | GTF_writing);
    /* With the entry as it was, the handle works. */
    CHECK_EQ(hypercall_update_va_mapping(window, make_pte(va_to_mfn(page), PTE_KERNEL_DATA),
                                         UVMF_INVLPG),
             0);
    CHECK_EQ(unmap_at((uintptr_t)window, handle), GNTST_okay);
    CHECK_EQ(grant_table()[ref].flags, GTF_permit_access);
    CHECK(grant_end((grant_ref_t)ref));
    /* The frame can become a page table, so no count is left over. */
    memset(page, 0, PAGE_SIZE);
    CHECK_EQ(page_protect(page, PTE_KERNEL_RO), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn(page)), 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_UNPIN_TABLE, va_to_mfn(page)), 0);
    CHECK_EQ(page_protect(page, PTE_KERNEL_DATA), 0);
}

static void test_unmap_and_replace(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    uint64_t *spare = page_alloc_zeroed();
    char *spare_va = window + 2 * PAGE_SIZE;
    struct gnttab_unmap_and_replace replace = {.host_addr = (uintptr_t)window,
                                               .new_addr = (uintptr_t)spare_va};
    grant_handle_t handle;

    spare[0] = 0x77;
    CHECK_EQ(hypercall_update_va_mapping(spare_va, make_pte(va_to_mfn(spare), PTE_KERNEL_DATA),
                                         UVMF_INVLPG),
             0);
    CHECK_EQ(map_at((uintptr_t)window, (grant_ref_t)ref, GNTMAP_host_map, &handle), GNTST_okay);
    replace.handle = handle;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_unmap_and_replace, &replace, 1), 0);
    CHECK_EQ(replace.status, GNTST_okay);
    CHECK_EQ(*(volatile uint64_t *)window, 0x77);
    CHECK_EQ(*pte_lookup(spare_va, 1), 0);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    CHECK(grant_end((grant_ref_t)ref));
    page_free(spare);
}

static int copy_op(struct gnttab_copy copy)
{
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_copy, &copy, 1), 0);
    return copy.status;
}

static void test_copy(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    int readonly = grant_offer(self, va_to_mfn(page), true);
    uint64_t *other = page_alloc_zeroed();
    struct gnttab_copy copy = {
        .source = {.u.ref = (grant_ref_t)ref, .domid = self},
        .dest = {.u.gmfn = va_to_mfn(other), .domid = DOMID_SELF},
        .len = PAGE_SIZE,
        .flags = GNTCOPY_source_gref,
    };

    for (unsigned int i = 0; i < 512; i++)
        page[i] = i;
    CHECK_EQ(copy_op(copy), GNTST_okay);
    CHECK(memcmp(page, other, PAGE_SIZE) == 0);
    CHECK_EQ(grant_table()[ref].flags, GTF_permit_access);
    CHECK_EQ(grant_copy_from(other, self, (grant_ref_t)ref, 80, 16), GNTST_okay);
    CHECK_EQ(other[0], 10);
    CHECK_EQ(other[1], 11);
    CHECK_EQ(other[2], 2);
    CHECK_EQ(grant_copy_to(other, self, (grant_ref_t)ref, 4088, 8), GNTST_okay);
    CHECK_EQ(page[511], 10);
    /* Across the end; nothing; to a read-only grant; bad frames and domains. */
    CHECK_EQ(grant_copy_from(other, self, (grant_ref_t)ref, 4090, 8), GNTST_bad_copy_arg);
    CHECK_EQ(grant_copy_from(other, self, (grant_ref_t)ref, 0, 0), GNTST_okay);
    CHECK_EQ(grant_copy_to(other, self, (grant_ref_t)readonly, 0, 8), GNTST_general_error);
    CHECK_EQ(grant_copy_from(other, self, (grant_ref_t)readonly, 0, 8), GNTST_okay);
    CHECK_EQ(grant_copy_from(other, self, 1000000, 0, 8), GNTST_bad_gntref);
    CHECK_EQ(grant_copy_from(other, 0x1234, (grant_ref_t)ref, 0, 8), GNTST_bad_domain);
    copy.dest.u.gmfn = BAD_MFN;
    CHECK_EQ(copy_op(copy), GNTST_bad_page);
    copy.dest.u.gmfn = va_to_mfn((void *)start_info->pt_base);
    CHECK_EQ(copy_op(copy), GNTST_general_error);
    copy.flags = 0;
    copy.source.u.gmfn = va_to_mfn(page);
    copy.source.domid = DOMID_SELF;
    copy.dest.u.gmfn = va_to_mfn(other);
    CHECK_EQ(copy_op(copy), GNTST_okay);
    copy.source.domid = self;
    CHECK_EQ(copy_op(copy), GNTST_permission_denied);
    CHECK(grant_end((grant_ref_t)ref));
    CHECK(grant_end((grant_ref_t)readonly));
    page_free(other);
}

static void test_batch(void)
{
    int ref = grant_offer(self, va_to_mfn(page), false);
    struct gnttab_map_grant_ref map[2] = {
        {.host_addr = (uintptr_t)window,
         .flags = GNTMAP_host_map,
         .ref = (grant_ref_t)ref,
         .dom = self},
        {.host_addr = (uintptr_t)window + PAGE_SIZE,
         .flags = GNTMAP_host_map,
         .ref = 1000000,
         .dom = self},
    };
    struct gnttab_unmap_grant_ref unmap = {.host_addr = (uintptr_t)window};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, map, 2), 0);
    CHECK_EQ(map[0].status, GNTST_okay);
    CHECK_EQ(map[1].status, GNTST_bad_gntref);
    unmap.handle = map[0].handle;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1), 0);
    CHECK_EQ(unmap.status, GNTST_okay);
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, map, 0), 0);
    CHECK(grant_end((grant_ref_t)ref));
}

static void test_version(void)
{
    struct gnttab_set_version set = {.version = 3};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_set_version, &set, 1), -EINVAL);
    set.version = 1;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
    CHECK_EQ(set.version, 1);
}

static void test_cache_flush(void)
{
    struct gnttab_cache_flush flush = {
        .a.dev_bus_addr = va_to_maddr(page), .length = 64, .op = GNTTAB_CACHE_CLEAN};

    if (guest_is_dom0())
        CHECK_EQ(hypercall_grant_table_op(GNTTABOP_cache_flush, &flush, 1), 0);
    flush.length = PAGE_SIZE + 1;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_cache_flush, &flush, 1), -EINVAL);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"query_size", test_query_size},
        {"setup_refused", test_setup_refused},
        {"map", test_map},
        {"map_caching", test_map_caching},
        {"map_twice", test_map_twice},
        {"readonly_grant", test_readonly_grant},
        {"map_refused", test_map_refused},
        {"contains_pte", test_contains_pte},
        {"overwrite", test_overwrite},
        {"unmap_and_replace", test_unmap_and_replace},
        {"copy", test_copy},
        {"batch", test_batch},
        {"version", test_version},
        {"cache_flush", test_cache_flush},
        {NULL, NULL},
    };

    self = guest_domid();
    page = page_alloc_zeroed();
    window = window_reserve(3);
    run_tests(tests);
}
