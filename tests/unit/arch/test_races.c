/* SPDX-License-Identifier: MIT */
/*
 * A frame goes to another domain while a CPU is about to take counts on it for its old owner: the
 * counts come off again, and the old owner is refused.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/host/changing_memory.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arch.h>
#include <asm/pv.h>
#include <public/grant_table.h>

#include "../../host/changing_memory.h"
#include "own_frames.h"

#define FRAMES 14U

#define P 1UL
#define W 2UL

static int setup(void **state)
{
    own_frames_start(FRAMES);
    return 0;
}

static struct page *contended;
static unsigned int looks; /* at the owner of it */
static void (*between)(unsigned int look);

static void other_cpu(void *place, bool write)
{
    if (place == &contended->owner && !write)
        between(++looks);
}

/* From now on @fn is told of each look at the owner of @pg, after it. */
static void contend(struct page *pg, void (*fn)(unsigned int look))
{
    contended = pg;
    looks = 0;
    between = fn;
    memory_is_watched(mfn_to_page(MFN(0)), machine_frames * sizeof(*pg), other_cpu);
}

static void moves(unsigned int look)
{
    if (look == 1)
        page_set_owner(contended, machine_domains[2]);
}

/* It did move, with the counts that it had: @state. It moves back. */
static void expect_moved(u64 state)
{
    memory_stays();
    assert_true(looks > 1);
    assert_ptr_equal(page_owner(contended), machine_domains[2]);
    page_set_owner(contended, machine_domains[1]);
    assert_int_equal(contended->state, state);
}

static void the_table_of_an_update_moves(void **state)
{
    for (unsigned int n = 0; n <= 4; n++) {
        u64 before = frame(n)->state, entry = words(n)[9];

        *(struct mmu_update *)(void *)host_guest = (struct mmu_update){.ptr = maddr(n) + 8UL * 9};
        contend(frame(n), moves);
        assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), -XEN_EINVAL);
        expect_moved(before);
        assert_int_equal(words(n)[9], entry);
        assert_true(said("mmu_update of an entry in frame"));
    }
}

static void the_table_of_a_named_grant_moves(void **state)
{
    u64 before = frame(3)->state, entry = words(3)[9];

    contend(frame(3), moves);
    assert_int_equal(arch_grant_map(at(9), MFN(mfn(10)), GNTMAP_host_map | GNTMAP_contains_pte),
                     GNTST_general_error);
    expect_moved(before);
    assert_int_equal(words(3)[9], entry);
}

/* A directory with two tables, and the only counts on it are the caller's. */
static void make_directory(unsigned int n)
{
    words(n)[0] = maddr(9) | P;
    words(n)[5] = maddr(10) | P;
    assert_int_equal(get_page_and_type(frame(n), machine_domains[1], PG_TYPE_L2), 0);
}

/* It was preempted while it was taken apart; the vCPU's way out finishes that. */
static void expect_left_for_exit(unsigned int n)
{
    assert_int_equal(current->old_tables.count, 1);
    assert_ptr_equal(current->old_tables.table[0], frame(n));
    assert_int_equal(types(10), 0);
    assert_int_equal(types(9), 1);
    host_preempt_every(0);
    host_return_to_guest();
    assert_int_equal(types(9), 0);
    assert_int_equal(refs(9), 1);
    assert_int_equal(types(n), 0);
    assert_int_equal(refs(n), 1);
    words(n)[0] = words(n)[5] = 0;
}

/* The last other user of the table lets go of it during the update. */
static void is_left(unsigned int look)
{
    if (look == 2)
        put_page_and_type(contended);
}

static void the_table_of_an_update_is_left(void **state)
{
    make_directory(8);
    *(struct mmu_update *)(void *)host_guest = (struct mmu_update){.ptr = maddr(8) + 8UL * 9};
    host_preempt_every(1);
    contend(frame(8), is_left);
    assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
    memory_stays();
    expect_left_for_exit(8);
}

static void a_typed_frame_moves(void **state)
{
    static const struct {
        unsigned int frame;
        u64 type;
    } cases[] = {{0, PG_TYPE_L4}, {1, PG_TYPE_L3},       {2, PG_TYPE_L2},
                 {3, PG_TYPE_L1}, {4, PG_TYPE_WRITABLE}, {8, PG_TYPE_L1}};

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        struct page *pg = frame(cases[i].frame);
        u64 before = pg->state;

        contend(pg, moves);
        assert_int_equal(get_page_and_type(pg, machine_domains[1], cases[i].type), -XEN_EINVAL);
        expect_moved(before);
    }
}

/* It moves, and its new owner, who has made it a table as well, lets go of it. */
static void moves_and_is_left(unsigned int look)
{
    moves(look);
    if (look == 2)
        put_page_and_type(contended);
}

/* The counts that come off may be the last ones of a large table: that is preempted. */
static void a_table_moves_and_is_left(void **state)
{
    make_directory(8);
    host_preempt_every(1);
    contend(frame(8), moves_and_is_left);
    assert_int_equal(get_page_and_type(frame(8), machine_domains[1], PG_TYPE_L2), -XEN_EINVAL);
    memory_stays();
    page_set_owner(frame(8), machine_domains[1]);
    expect_left_for_exit(8);
}

static void the_frame_of_a_mapping_moves(void **state)
{
    assert_int_equal(map(9, P | W), 0);
    assert_int_equal(map(9, 0), 0);
    for (u64 flags = P; flags <= (P | W); flags += W) {
        u64 before = frame(9)->state;

        contend(frame(9), moves);
        assert_int_equal(map(9, flags), -XEN_EBUSY);
        expect_moved(before);
        assert_int_equal(entry(9), 0);
        assert_true(said("mapping of frame"));
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, own_frames_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_of_an_update_moves), TEST(the_table_of_an_update_is_left),
        TEST(a_typed_frame_moves),          TEST(a_table_moves_and_is_left),
        TEST(the_frame_of_a_mapping_moves), TEST(the_table_of_a_named_grant_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
