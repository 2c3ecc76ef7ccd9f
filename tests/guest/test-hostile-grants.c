/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: grants. Tables of nonsense, mappings at addresses that are no place for one,
 * handles of nobody, offers of frames that are not ours to offer, of page tables to write, and
 * random calls. Whatever could be mapped is taken away again at the end.
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
#include "hostile.h"

#define RANDOM_CALLS 5000
#define OPS          14
#define FIRST_REF    64 /* those below are in use by the console, the store and the library */

static struct hostile sequence;
static char *window;
static domid_t self;

static void offer(grant_ref_t ref, domid_t domid, mfn_t mfn, uint16_t flags)
{
    grant_table()[ref].domid = domid;
    grant_table()[ref].frame = (uint32_t)mfn;
    grant_table()[ref].flags = flags;
}

static int16_t map(uint64_t address, uint32_t flags, grant_ref_t ref, domid_t domid,
                   grant_handle_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = domid};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    *handle = op.handle;
    return op.status;
}

static int16_t unmap(uint64_t address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = address, .handle = handle};

    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

static void test_pointers(void)
{
    for (unsigned int op = 0; op < 9; op++) {
        for (unsigned int i = 1; i < BAD_POINTERS; i++) {
            if (op != GNTTABOP_dump_table && op != GNTTABOP_transfer && i != M2P_POINTER)
                CHECK(hypercall_grant_table_op(op, bad_pointers[i], 1) < 0);
        }
    }
    CHECK(hypercall_grant_table_op(99, sequence.pages, 1) < 0);
}

/* Addresses where no mapping may appear. */
static void test_addresses(void)
{
    const pte_t *entry = pte_lookup(window, 1);
    uint64_t table = pte_maddr(pte_lookup(window, 2));
    grant_handle_t handle;

    offer(FIRST_REF, self, va_to_mfn(sequence.pages), GTF_permit_access);
    for (unsigned int i = 0; i < BAD_POINTERS; i++)
        CHECK(map((uint64_t)bad_pointers[i], GNTMAP_host_map, FIRST_REF, self, &handle) < 0);
    for (unsigned int slot = 256; slot < 272; slot++)
        CHECK(map(0xffff000000000000ull | (uint64_t)slot << 39, GNTMAP_host_map, FIRST_REF, self,
                  &handle) < 0);
    /* Entries that are not of an L1 table, not of ours, not aligned. */
    CHECK(map(table, GNTMAP_host_map | GNTMAP_contains_pte, FIRST_REF, self, &handle) < 0);
    CHECK(map((uint64_t)BAD_MFN << PAGE_SHIFT, GNTMAP_host_map | GNTMAP_contains_pte, FIRST_REF,
              self, &handle) < 0);
    CHECK(map(va_to_maddr(sequence.pages), GNTMAP_host_map | GNTMAP_contains_pte, FIRST_REF, self,
              &handle) < 0);
    CHECK(map(pte_maddr(entry) + 4, GNTMAP_host_map | GNTMAP_contains_pte, FIRST_REF, self,
              &handle) < 0);
    CHECK_EQ(*entry, 0);
    offer(FIRST_REF, 0, 0, 0);
}

/* Offers of what is not ours to offer. */
static void test_offers(void)
{
    static const mfn_t foreign[] = {0, 1, BAD_MFN, 0xffffffff};
    grant_handle_t handle;

    for (unsigned int i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (guest_is_dom0() && foreign[i] < BAD_MFN)
            continue; /* the machine's lowest memory is its */
        offer(FIRST_REF, self, foreign[i], GTF_permit_access);
        CHECK(map((uintptr_t)window, GNTMAP_host_map, FIRST_REF, self, &handle) < 0);
    }
    /* A page table: to read, not to write. */
    offer(FIRST_REF, self, va_to_mfn((void *)start_info->pt_base), GTF_permit_access);
    CHECK(map((uintptr_t)window, GNTMAP_host_map, FIRST_REF, self, &handle) < 0);
    /*
     * To write frames that were offered for reading, and frames that were offered to another
     * domain.
     */
    offer(FIRST_REF, self, va_to_mfn(sequence.pages), GTF_permit_access | GTF_readonly);
    CHECK(map((uintptr_t)window, GNTMAP_host_map, FIRST_REF, self, &handle) < 0);
    offer(FIRST_REF, 0x7000, va_to_mfn(sequence.pages), GTF_permit_access);
    CHECK(map((uintptr_t)window, GNTMAP_host_map, FIRST_REF, self, &handle) < 0);
    CHECK(map((uintptr_t)window, GNTMAP_host_map, ~0u, self, &handle) < 0);
    CHECK_EQ(*pte_lookup(window, 1), 0);
    offer(FIRST_REF, 0, 0, 0);
}

static void test_handles(void)
{
    static const grant_handle_t handles[] = {0, 1, 1000, 0x7fffffff, 0x80000000, ~0u};
    grant_handle_t handle;

    for (unsigned int i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        CHECK(unmap((uintptr_t)window, handles[i]) < 0);
    /* Where another frame is mapped, where nothing may be, and twice. */
    offer(FIRST_REF, self, va_to_mfn(sequence.pages), GTF_permit_access);
    CHECK_EQ(map((uintptr_t)window, GNTMAP_host_map, FIRST_REF, self, &handle), GNTST_okay);
    CHECK_EQ(*pte_lookup(window, 1) & PTE_NX, PTE_NX);
    CHECK(unmap((uintptr_t)sequence.pages + PAGE_SIZE, handle) < 0);
    CHECK(unmap((uint64_t)HYPERVISOR_ADDRESS, handle) < 0);
    CHECK_EQ(unmap((uintptr_t)window, handle), GNTST_okay);
    CHECK(unmap((uintptr_t)window, handle) < 0);
    CHECK_EQ(*pte_lookup(window, 1), 0);
    CHECK_EQ(grant_table()[FIRST_REF].flags, GTF_permit_access);
    offer(FIRST_REF, 0, 0, 0);
}

static void test_random(void)
{
    uint64_t argument[16];

    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        grant_ref_t ref = FIRST_REF + hostile_below(&sequence, 64);
        unsigned int op = hostile_below(&sequence, OPS);

        hostile_fill(&sequence, &grant_table()[ref], sizeof(grant_entry_v1_t));
        hostile_fill(&sequence, argument, sizeof(argument));
        if (op == GNTTABOP_map_grant_ref || op == GNTTABOP_unmap_grant_ref ||
            op == GNTTABOP_unmap_and_replace)
            argument[0] = (uintptr_t)window; /* what is mapped elsewhere may be our own code */
        if (op != GNTTABOP_set_version && op != GNTTABOP_setup_table)
            hypercall_grant_table_op(op, argument, 1);
    }
    for (grant_handle_t handle = 0; handle < 256; handle++)
        unmap((uintptr_t)window, handle);
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    for (grant_ref_t ref = FIRST_REF; ref < FIRST_REF + 64; ref++)
        offer(ref, 0, 0, 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pointers", test_pointers}, {"addresses", test_addresses}, {"offers", test_offers},
        {"handles", test_handles},   {"random", test_random},       {NULL, NULL},
    };

    self = guest_domid();
    window = window_reserve(1);
    hostile_init(&sequence, 0, pages_alloc(4), 4);
    run_tests(tests);
}
