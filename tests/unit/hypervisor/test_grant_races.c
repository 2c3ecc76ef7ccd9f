/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) tests/host/changing_memory.c */
/*
 * A grant that changes while it is taken: the granting guest writes the entry between our look and
 * our mark, or its frame goes to another domain. Either it is taken as it is then, or it is refused
 * and nothing of it is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../host/changing_memory.h"
#include "grants.h"

static int setup(void **state)
{
    make_two_domains(1, 1, 16);
    return 0;
}

/* b maps grant 8 for writing. */
static int map_for_writing(void)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = 1UL << PAGE_SHIFT, .flags = GNTMAP_host_map, .ref = 8, .dom = 1};

    assert_int_equal(host_grant_op(GNTTABOP_map_grant_ref, &op, sizeof(op), 1), 0);
    return op.status;
}

/* ---- the entry ---- */

#define PWT GTF_PWT /* it means nothing to us */

static unsigned int reads, writes; /* of the entry's flags */
static void (*guest)(struct grant_entry_v1 *e);

static void guest_writes(void *place, bool write)
{
    if (place != entry(a, 8))
        return;
    reads += !write;
    writes += write;
    guest(entry(a, 8));
}

/* The mapping, while the granting guest does @fn after each access of ours to the entry. */
static int map_while(void (*fn)(struct grant_entry_v1 *e))
{
    int status;

    grant(8, 2, 0);
    guest = fn;
    reads = writes = 0;
    memory_is_watched(shared_entry(a->grant_table, 0), PAGE_SIZE, guest_writes);
    status = map_for_writing();
    memory_stays();
    return status;
}

static void changes_a_bit(struct grant_entry_v1 *e)
{
    if (reads == 1 && writes == 0)
        e->flags |= PWT;
}

static void changes_always(struct grant_entry_v1 *e)
{
    if (writes > 0 || reads <= 2)
        e->flags ^= PWT;
}

static void revokes_at_once(struct grant_entry_v1 *e)
{
    if (reads == 1 && writes == 0)
        e->flags = GTF_invalid;
}

static void revokes_later(struct grant_entry_v1 *e)
{
    if (reads == 1 && writes == 0)
        e->flags |= PWT;
    else if (reads == 2 && writes == 1)
        e->flags = GTF_invalid;
}

static void permits_another(struct grant_entry_v1 *e)
{
    if (reads == 1 && writes == 0)
        e->domid = 77;
}

static void makes_it_readonly(struct grant_entry_v1 *e)
{
    if (reads == 1 && writes == 0)
        e->flags |= GTF_readonly;
}

static void an_entry_changes(void **state)
{
    static const struct {
        void (*fn)(struct grant_entry_v1 *e);
        u16 flags, domid;
    } refused[] = {
        {revokes_at_once, GTF_invalid, 2},
        {revokes_later, GTF_invalid, 2},
        {permits_another, GTF_permit_access, 77},
        {makes_it_readonly, GTF_permit_access | GTF_readonly, 2},
        {changes_always, GTF_permit_access, 2},
    };
    const mfn_t m = page_to_mfn(host_frame(a, 2));

    for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
        assert_int_equal(map_while(refused[i].fn), GNTST_general_error);
        assert_true(reads > 1);
        assert_int_equal(entry(a, 8)->flags & ~PWT, refused[i].flags);
        assert_int_equal(entry(a, 8)->domid, refused[i].domid);
        assert_int_equal(active_entry(a->grant_table, 8)->in_use, 0);
        assert_int_equal(refs(m), 1);
        assert_int_equal(types(m), 0);
    }
    assert_int_equal(writes, 1 + 5); /* so often it is tried */
    assert_int_equal(map_while(changes_a_bit), GNTST_okay);
    assert_int_equal(entry(a, 8)->flags, GTF_permit_access | PWT | GTF_reading | GTF_writing);
    assert_int_equal(active_entry(a->grant_table, 8)->writers, 1);
    assert_int_equal(refs(m), 2);
    assert_int_equal(types(m), 1);
}

/* ---- the frame ---- */

static struct page *contended;
static unsigned int looks;
static bool revoked;

static void frame_moves(void *place, bool write)
{
    if (place != &contended->owner || write || ++looks != 1)
        return;
    page_set_owner(contended, b);
    if (revoked)
        entry(a, 8)->flags &= (u16)~GTF_type_mask;
}

static void a_frame_moves(void **state)
{
    const mfn_t m = grant(8, 2, 0);
    u64 state_before;

    /* It has been writable, so that both counts are taken at once. */
    contended = mfn_to_page(m);
    assert_int_equal(get_page_and_type(contended, a, PG_TYPE_WRITABLE), 0);
    put_page_and_type(contended);
    state_before = contended->state;
    for (unsigned int way = 0; way < 2; way++) {
        grant(8, 2, 0);
        looks = 0;
        revoked = way;
        memory_is_watched(mfn_to_page(MFN(0)), max_page * sizeof(*contended), frame_moves);
        assert_int_equal(map_for_writing(), GNTST_general_error);
        memory_stays();
        assert_ptr_equal(page_owner(contended), b);
        assert_int_equal(contended->state, state_before);
        page_set_owner(contended, a);
        assert_int_equal(entry(a, 8)->flags, revoked ? GTF_invalid : GTF_permit_access);
        assert_int_equal(active_entry(a->grant_table, 8)->in_use, 0);
    }
    grant(8, 2, 0);
    assert_int_equal(map_for_writing(), GNTST_okay);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, end_two_domains)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_entry_changes),
        TEST(a_frame_moves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
