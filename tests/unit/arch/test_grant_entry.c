/* SPDX-License-Identifier: MIT */
/*
 * Grant mappings in real page tables: how the entry reads, by address and by name, what an unmap
 * has to find there, what a replacement moves, and the counts all the while.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arch.h>
#include <asm/pv.h>
#include <grant_table.h>
#include <public/grant_table.h>

#include "own_frames.h"

#define FRAMES 14U

#define P 0x1UL
#define W 0x2UL
#define U 0x4UL
#define G 0x100UL
#define K 0x10000000000000UL   /* the guest's kernel's */
#define X 0x8000000000000060UL /* accessed, dirty, never executed */

static unsigned long theirs; /* the frame of domain 2 that is mapped */

static int setup(void **state)
{
    own_frames_start(FRAMES);
    theirs = mfn_of(2, 9);
    machine_allow(1, theirs);
    return 0;
}

static struct page *granted(void)
{
    return mfn_to_page(MFN(theirs));
}

static u32 their_refs(void)
{
    return (u32)page_refs(granted()->state);
}

static u32 their_types(void)
{
    return (u32)page_type_count(granted()->state);
}

/* With the counts that the entry will hold, as the grant code does it. */
static int map_grant(u64 where, unsigned int flags)
{
    bool readonly = flags & GNTMAP_readonly;
    int rc;

    if (readonly)
        assert_true(get_page(granted(), machine_domains[2]));
    else
        assert_int_equal(get_page_and_type(granted(), machine_domains[2], PG_TYPE_WRITABLE), 0);
    rc = arch_grant_map(where, MFN(theirs), flags);
    if (rc != GNTST_okay) {
        if (readonly)
            put_page(granted());
        else
            put_page_and_type(granted());
    }
    return rc;
}

static int unmap_grant(u64 where, unsigned int flags)
{
    int rc = arch_grant_unmap(where, MFN(theirs), flags);

    if (rc == GNTST_okay) {
        if (flags & GNTMAP_readonly)
            put_page(granted());
        else
            put_page_and_type(granted());
    }
    return rc;
}

static void entries_read_as_they_are_asked_for(void **state)
{
    static const struct {
        unsigned int flags;
        u64 e;
    } cases[] = {
        {GNTMAP_host_map, P | W | U | K | X},
        {GNTMAP_host_map | GNTMAP_readonly, P | U | K | X},
        {GNTMAP_host_map | GNTMAP_application_map, P | W | U | G | X},
        {GNTMAP_host_map | GNTMAP_readonly | GNTMAP_application_map, P | U | G | X},
        {GNTMAP_host_map | 1U << _GNTMAP_guest_avail0, P | W | U | K | X | 0x200},
        {GNTMAP_host_map | 7U << _GNTMAP_guest_avail0, P | W | U | K | X | 0xe00},
        {GNTMAP_host_map | 4U << _GNTMAP_guest_avail0 | GNTMAP_device_map,
         P | W | U | K | X | 0x800},
    };
    const u32 refs_before = their_refs(), types_before = their_types();

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        for (unsigned int named = 0; named < 2; named++) {
            const unsigned int flags = cases[i].flags | (named ? GNTMAP_contains_pte : 0);
            const u64 where = named ? at(9) : 9 * PAGE_SIZE;
            const bool writable = !(flags & GNTMAP_readonly);

            assert_int_equal(map_grant(where, flags), GNTST_okay);
            assert_int_equal(entry(9), (theirs << PAGE_SHIFT) | cases[i].e);
            assert_int_equal(their_refs(), refs_before + 1);
            assert_int_equal(their_types(), types_before + writable);
            assert_int_equal(refs(3), 3);
            assert_int_equal(types(3), 1);
            /* Neither another frame's, nor with other rights, nor elsewhere. */
            assert_int_equal(arch_grant_unmap(where, MFN(theirs + 1), flags), GNTST_general_error);
            assert_int_equal(arch_grant_unmap(where, MFN(theirs), flags ^ GNTMAP_readonly),
                             GNTST_general_error);
            assert_int_equal(arch_grant_unmap(where + (named ? 8 : PAGE_SIZE), MFN(theirs), flags),
                             GNTST_general_error);
            assert_int_equal(entry(9), (theirs << PAGE_SHIFT) | cases[i].e);
            /* What the processor and the guest change in it does not matter. */
            words(3)[9] ^= 0xe00 | 0x60;
            assert_int_equal(unmap_grant(where, flags), GNTST_okay);
            assert_int_equal(entry(9), 0);
            assert_int_equal(unmap_grant(where, flags), GNTST_general_error);
            assert_int_equal(their_refs(), refs_before);
            assert_int_equal(their_types(), types_before);
            assert_int_equal(refs(3), 3);
            assert_int_equal(types(3), 1);
        }
    /* Not present: it maps nothing, whatever frame it says. */
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, theirs << PAGE_SHIFT, 0), 0);
    assert_int_equal(unmap_grant(9 * PAGE_SIZE, GNTMAP_readonly), GNTST_general_error);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, 0), 0);
}

/* What was mapped there is given up. */
static void a_mapping_replaces_what_was_there(void **state)
{
    for (unsigned int named = 0; named < 2; named++) {
        const unsigned int flags = GNTMAP_host_map | (named ? GNTMAP_contains_pte : 0);

        assert_int_equal(map(9, P | W), 0);
        assert_int_equal(types(9), 1);
        assert_int_equal(refs(9), 2);
        assert_int_equal(map_grant(named ? at(9) : 9 * PAGE_SIZE, flags), GNTST_okay);
        assert_int_equal(types(9), 0);
        assert_int_equal(refs(9), 1);
        assert_int_equal(unmap_grant(named ? at(9) : 9 * PAGE_SIZE, flags), GNTST_okay);
    }
}

static void places_are_refused(void **state)
{
    const u64 bad_names[] = {
        at(9) + 1,
        at(9) + 4,
        maddr(2),
        maddr(0),
        maddr(10), /* no L1 table */
        1UL << 50,
        (u64)machine_frames << PAGE_SHIFT,
        mfn_of(2, 3) << PAGE_SHIFT, /* another domain's */
    };
    const u64 bad_addresses[] = {HV_VIRT_START, 1UL << 47, 1UL << 21, 1UL << 30, 1UL << 39};
    const u32 refs_before = their_refs();
    const u32 held[] = {refs(0), refs(1), refs(2), refs(3)};
    const u32 held_types[] = {types(0), types(1), types(2), types(3)};

    for (unsigned int i = 0; i < ARRAY_SIZE(bad_names); i++) {
        assert_int_equal(map_grant(bad_names[i], GNTMAP_host_map | GNTMAP_contains_pte),
                         GNTST_general_error);
        assert_int_equal(unmap_grant(bad_names[i], GNTMAP_host_map | GNTMAP_contains_pte),
                         GNTST_general_error);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
        assert_int_equal(map_grant(bad_addresses[i], GNTMAP_host_map), GNTST_general_error);
        assert_int_equal(unmap_grant(bad_addresses[i], GNTMAP_host_map), GNTST_general_error);
        assert_int_equal(arch_grant_replace(bad_addresses[i], MFN(theirs), 8 * PAGE_SIZE, 0),
                         GNTST_general_error);
        assert_int_equal(arch_grant_replace(8 * PAGE_SIZE, MFN(theirs), bad_addresses[i], 0),
                         GNTST_general_error);
    }
    assert_int_equal(their_refs(), refs_before);
    assert_int_equal(refs(10), 1);
    assert_int_equal(words(10)[0], 0);
    for (unsigned int n = 0; n < 4; n++)
        assert_true(refs(n) == held[n] && types(n) == held_types[n]);
    machine_check();
}

static void a_replacement_moves_a_mapping(void **state)
{
    const u32 refs_before = their_refs();
    u64 moved;

    assert_int_equal(map(10, P | W), 0);
    moved = entry(10);
    assert_int_equal(map_grant(9 * PAGE_SIZE, GNTMAP_host_map), GNTST_okay);
    /* By name it cannot be; nothing changes. */
    assert_int_equal(
        arch_grant_replace(9 * PAGE_SIZE, MFN(theirs), 10 * PAGE_SIZE, GNTMAP_contains_pte),
        GNTST_general_error);
    assert_int_equal(entry(10), moved);
    assert_int_equal(arch_grant_replace(9 * PAGE_SIZE, MFN(theirs), 10 * PAGE_SIZE, 0), GNTST_okay);
    put_page_and_type(granted());
    assert_int_equal(entry(9), moved);
    assert_int_equal(entry(10), 0);
    assert_int_equal(types(10), 1);
    assert_int_equal(refs(10), 2);
    assert_int_equal(their_refs(), refs_before);
    machine_check();
    /* It is not there: what should have moved is unmapped all the same. */
    assert_int_equal(arch_grant_replace(8 * PAGE_SIZE, MFN(theirs), 9 * PAGE_SIZE, 0),
                     GNTST_general_error);
    assert_int_equal(entry(9), 0);
    assert_int_equal(types(10), 0);
    assert_int_equal(refs(10), 1);
    /* Without a new address it is an unmap. */
    assert_int_equal(map_grant(9 * PAGE_SIZE, GNTMAP_host_map | GNTMAP_readonly), GNTST_okay);
    assert_int_equal(arch_grant_replace(9 * PAGE_SIZE, MFN(theirs), 0, GNTMAP_readonly),
                     GNTST_okay);
    put_page(granted());
    assert_int_equal(entry(9), 0);
    assert_int_equal(their_refs(), refs_before);
    assert_int_equal(refs(3), 3);
    assert_int_equal(types(3), 1);
}

static void the_whole_domain_flushes(void **state)
{
    u32 now = tlb_now;

    arch_grant_flush(machine_domains[1]);
    assert_int_equal(tlb_now, now + 1);
    arch_grant_flush(machine_domains[2]); /* it has never run */
    assert_int_equal(tlb_now, now + 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, own_frames_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_read_as_they_are_asked_for),
        TEST(a_mapping_replaces_what_was_there),
        TEST(places_are_refused),
        TEST(a_replacement_moves_a_mapping),
        TEST(the_whole_domain_flushes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
