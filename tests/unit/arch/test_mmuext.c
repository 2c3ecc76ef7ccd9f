/* SPDX-License-Identifier: MIT */
/*
 * Hypercall mmuext_op: what each operation does and to what, whom it is refused, and what a batch
 * says of itself.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/paging.h>
#include <asm/pv.h>
#include <guest_access.h>

#include "own_frames.h"

#define FRAMES    14U
#define PREEMPTED (1U << 31)
#define PDONE     2048U /* where in the window the count of what is done is written */
#define BITMAP    1024U

static int setup(void **state)
{
    own_frames_start(FRAMES);
    return 0;
}

static long ask_for(domid_t whose, unsigned int cmd, unsigned long arg1, unsigned long arg2)
{
    struct mmuext_op op = {.cmd = cmd};

    op.arg1.mfn = arg1;
    memcpy(&op.arg2, &arg2, sizeof(arg2));
    memcpy(host_guest, &op, sizeof(op));
    return do_mmuext_op(GUEST(0), 1, 0, whose);
}

static long ask(unsigned int cmd, unsigned long arg1, unsigned long arg2)
{
    return ask_for(DOMID_SELF, cmd, arg1, arg2);
}

/* ---- pins ---- */

static void pins_and_unpins(void **state)
{
    static const unsigned int pin[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
                                       MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};

    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(ask(pin[i], mfn(10), 0), 0);
        assert_int_equal(type_of(10), i + 1);
        assert_int_equal(types(10), 1);
        assert_int_equal(refs(10), 2);
        assert_true(frame(10)->state & PG_PINNED);
        /* Twice, or as something else. */
        assert_int_equal(ask(pin[i], mfn(10), 0), -XEN_EINVAL);
        assert_true(said("pinned already"));
        assert_true(ask(pin[(i + 1) % 4], mfn(10), 0) < 0);
        assert_false(said("pinned already"));
        assert_int_equal(types(10), 1);
        assert_int_equal(refs(10), 2);
        assert_int_equal(ask(MMUEXT_UNPIN_TABLE, mfn(10), 0), 0);
        assert_int_equal(types(10), 0);
        assert_int_equal(refs(10), 1);
        assert_false(said("not pinned"));
        assert_int_equal(ask(MMUEXT_UNPIN_TABLE, mfn(10), 0), -XEN_EINVAL);
        assert_true(said("it is not pinned"));
        assert_int_equal(refs(10), 1);
    }
}

/* What a root holds in our slots is not looked at: it is overwritten, or stays when we refuse. */
static void our_slots_of_a_root(void **state)
{
    const struct page *stranger = host_frame(machine_domains[2], 9);
    const u64 counts = stranger->state, theirs = (u64)mfn_of(2, 9) << PAGE_SHIFT | 1;
    u64 *root = words(10);

    for (unsigned int behind = 255; behind <= 273; behind++) {
        const bool ours = behind >= 256 && behind <= 271;

        memset(root, 0, PAGE_SIZE);
        for (unsigned int i = 256; i <= 271; i++)
            root[i] = theirs;
        root[behind] = theirs;
        assert_int_equal(ask(MMUEXT_PIN_L4_TABLE, mfn(10), 0), ours ? 0 : -XEN_EINVAL);
        assert_true(root[256] == (ours ? hv_l4[256] : theirs));
        assert_true(root[271] == (ours ? hv_l4[271] : theirs));
        assert_true(stranger->state == counts);
        assert_int_equal(types(10), ours);
        if (ours)
            assert_int_equal(ask(MMUEXT_UNPIN_TABLE, mfn(10), 0), 0);
        assert_true(stranger->state == counts);
        assert_int_equal(refs(10), 1);
    }
    memset(root, 0, PAGE_SIZE);
}

static void pins_are_refused(void **state)
{
    const unsigned long theirs = mfn_of(2, 10);

    assert_int_equal(ask(MMUEXT_PIN_L1_TABLE, machine_frames, 0), -XEN_EINVAL);
    assert_true(said("pin of L1"));
    assert_int_equal(ask(MMUEXT_PIN_L2_TABLE, theirs, 0), -XEN_EINVAL);
    assert_true(said("pin of L2"));
    assert_int_equal(ask(MMUEXT_PIN_L3_TABLE, ~0UL, 0), -XEN_EINVAL);
    assert_true(said("pin of L3"));
    assert_int_equal(ask(MMUEXT_UNPIN_TABLE, theirs, 0), -XEN_EINVAL);
    assert_true(said("unpin of"));
    assert_int_equal(ask(MMUEXT_UNPIN_TABLE, ~0UL, 0), -XEN_EINVAL);
    /* Mapped writable; the contents are bad: that is told, and nothing stays. */
    assert_true(ask(MMUEXT_PIN_L4_TABLE, mfn(7), 0) < 0);
    assert_true(said("pin of L4"));
    words(10)[100] = maddr(3) | PTE_PRESENT | PTE_WRITE;
    assert_int_equal(ask(MMUEXT_PIN_L1_TABLE, mfn(10), 0), -XEN_EBUSY);
    assert_int_equal(types(10), 0);
    assert_int_equal(refs(10), 1);
    assert_int_equal(page_refs(mfn_to_page(MFN(theirs))->state), 2); /* a mapping, and its own */
}

/* What was preempted is no refusal. */
static void a_pin_continues(void **state)
{
    words(11)[5] = maddr(10) | PTE_PRESENT;
    words(11)[6] = maddr(12) | PTE_PRESENT;
    host_preempt_every(1);
    assert_int_equal(ask(MMUEXT_PIN_L2_TABLE, mfn(11), 0), HOST_CONTINUED);
    assert_int_equal(host_guest_log[0], '\0');
    assert_int_equal(host_continued.op, __HYPERVISOR_mmuext_op);
    assert_int_equal(host_continued.nargs, 4);
    assert_int_equal(host_continued.args[0], GUEST(0));
    assert_int_equal(host_continued.args[1], 1 | PREEMPTED);
    assert_int_equal(host_continued.args[2], 0);
    assert_int_equal(host_continued.args[3], DOMID_SELF);
    assert_int_equal(frame(11)->done, 6);
    host_preempt_every(0);
    host_return_to_guest();
    assert_int_equal(do_mmuext_op(GUEST(0), 1 | PREEMPTED, 0, DOMID_SELF), 0);
    assert_int_equal(types(10), 1);
    assert_int_equal(types(12), 1);
    assert_int_equal(words(11)[5], maddr(10) | PTE_PRESENT | PTE_USER);
}

/* A hypercall as a guest makes it that is preempted at every look, and returns in between. */
static long ask_in_pieces(unsigned int cmd, unsigned int n, unsigned int *pieces)
{
    long rc;

    host_preempt_every(1);
    rc = ask(cmd, mfn(n), 0);
    for (*pieces = 1; rc == HOST_CONTINUED; ++*pieces) {
        const unsigned long *args = host_continued.args;

        host_return_to_guest();
        rc = do_mmuext_op(args[0], (unsigned int)args[1], args[2], (unsigned int)args[3]);
    }
    return rc;
}

static void finish(void)
{
    for (unsigned int i = 0; current->old_tables.count && i < 100; i++)
        host_return_to_guest();
    host_preempt_every(0);
    assert_int_equal(current->old_tables.count, 0);
    for (unsigned int n = 8; n < FRAMES; n++) {
        assert_int_equal(types(n), 0);
        assert_int_equal(refs(n), 1);
    }
    machine_check();
}

/* An L4 above an L3, an L2 and three L1: whether it is left or refused, nothing of it stays. */
static void a_tall_tree_comes_and_goes_in_pieces(void **state)
{
    unsigned int pieces;

    words(13)[0] = maddr(12) | PTE_PRESENT;
    words(12)[511] = maddr(11) | PTE_PRESENT;
    words(11)[0] = maddr(8) | PTE_PRESENT;
    words(11)[7] = maddr(9) | PTE_PRESENT;
    words(11)[511] = maddr(10) | PTE_PRESENT;
    assert_int_equal(ask_in_pieces(MMUEXT_PIN_L4_TABLE, 13, &pieces), 0);
    assert_int_equal(pieces, 6); /* one for each entry, and the last */
    assert_false(said("is refused"));
    for (unsigned int n = 8; n < FRAMES; n++) {
        static const u8 level[] = {1, 1, 1, 2, 3, 4};

        assert_int_equal(type_of(n), level[n - 8]);
        assert_int_equal(types(n), 1);
        assert_int_equal(refs(n), 2);
    }
    host_preempt_every(0);
    machine_check();
    assert_int_equal(ask_in_pieces(MMUEXT_UNPIN_TABLE, 13, &pieces), 0);
    assert_int_equal(pieces, 1);
    assert_int_equal(current->old_tables.count, 1);
    finish();
    /* The last entry of all is bad. */
    words(10)[511] = maddr(3) | PTE_PRESENT | PTE_WRITE;
    assert_int_equal(ask_in_pieces(MMUEXT_PIN_L4_TABLE, 13, &pieces), -XEN_EBUSY);
    assert_int_equal(pieces, 3);
    finish();
    assert_int_equal(ask(MMUEXT_PIN_L4_TABLE, mfn(13), 0), -XEN_EBUSY);
    assert_true(said("entry 511 of L1"));
    finish();
    words(10)[511] = 0;
    words(11)[7] = maddr(11) | PTE_PRESENT;
    assert_int_equal(ask(MMUEXT_PIN_L2_TABLE, mfn(11), 0), -XEN_EINVAL);
    assert_true(said("a table may not name itself"));
    finish();
}

/* ---- roots ---- */

static void roots_are_loaded(void **state)
{
    struct vcpu *v = current;
    const unsigned long old = mfn(0);
    u32 now = tlb_now;
    u32 held = types(0);

    assert_int_equal(v->arch.guest_table.n, old);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, old, 0), 0); /* the same: a flush */
    assert_int_equal(tlb_now, now + 1);
    assert_int_equal(types(0), held);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, mfn(1), 0), -XEN_EINVAL);
    assert_true(said("root"));
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, mfn_of(2, 0), 0), -XEN_EINVAL);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, machine_frames, 0), -XEN_EINVAL);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, mfn(1), 0), -XEN_EINVAL);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, machine_frames, 0), -XEN_EINVAL);
    assert_int_equal(v->arch.guest_table.n, old);
    assert_int_equal(v->arch.guest_table_user.n, INVALID_MFN.n);
    assert_int_equal(tlb_now, now + 1);

    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, mfn(10), 0), 0);
    assert_int_equal(v->arch.guest_table.n, mfn(10));
    assert_int_equal(v->arch.cr3, maddr(10));
    assert_int_equal(host_registers()->cr3 & PAGE_MASK, maddr(10));
    assert_int_equal(tlb_now, now + 2);
    assert_int_equal(types(0), held - 1);
    assert_int_equal(types(10), 1);
    for (unsigned int i = 256; i < 272; i++)
        assert_int_equal(words(10)[i], hv_l4[i]);
    assert_int_equal(words(10)[255], 0);
    assert_int_equal(words(10)[272], 0);
    /* The user's: no flush, as it is not in use now. */
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, mfn(11), 0), 0);
    assert_int_equal(v->arch.guest_table_user.n, mfn(11));
    assert_int_equal(types(11), 1);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, mfn(11), 0), 0);
    assert_int_equal(types(11), 1);
    assert_int_equal(words(11)[256], hv_l4[256]);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, mfn(12), 0), 0);
    assert_int_equal(types(11), 0);
    assert_int_equal(refs(11), 1);
    assert_int_equal(types(12), 1);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    assert_int_equal(v->arch.guest_table_user.n, INVALID_MFN.n);
    assert_int_equal(types(12), 0);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, old, 0), 0);
    assert_int_equal(types(10), 0);
    assert_int_equal(types(0), held);
}

/* With m2p_strict the table is shown in the root of the kernel alone. */
static void a_strict_domain_hides_the_m2p_from_its_users(void **state)
{
    struct domain *d = machine_domains[1];
    const unsigned long old = mfn(0);

    d->vm_assist |= 1UL << 32;
    assert_int_equal(ask(MMUEXT_PIN_L4_TABLE, mfn(10), 0), 0);
    assert_int_equal(words(10)[256], 0);
    assert_int_equal(words(10)[257], hv_l4[257]);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, mfn(10), 0), 0);
    assert_int_equal(words(10)[256], hv_l4[256]);
    assert_int_equal(ask(MMUEXT_NEW_BASEPTR, old, 0), 0);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, mfn(10), 0), 0);
    assert_int_equal(words(10)[256], 0);
    assert_int_equal(ask(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    assert_int_equal(ask(MMUEXT_UNPIN_TABLE, mfn(10), 0), 0);
    d->vm_assist &= ~(1UL << 32);
}

/* ---- whole pages ---- */

static void pages_are_cleared_and_copied(void **state)
{
    memset(words(10), 0x77, PAGE_SIZE);
    words(11)[0] = 1;
    words(11)[511] = 2;
    assert_int_equal(ask(MMUEXT_COPY_PAGE, mfn(10), mfn(11)), 0);
    assert_memory_equal(words(10), words(11), PAGE_SIZE);
    assert_int_equal(words(10)[511], 2);
    assert_int_equal(ask(MMUEXT_CLEAR_PAGE, mfn(10), 0), 0);
    assert_int_equal(words(10)[0], 0);
    assert_int_equal(words(10)[511], 0);
    /* A table can be read. */
    assert_int_equal(ask(MMUEXT_COPY_PAGE, mfn(10), mfn(3)), 0);
    assert_int_equal(words(10)[4], words(3)[4]);
    for (unsigned int n = 10; n <= 11; n++) {
        assert_int_equal(types(n), 0);
        assert_int_equal(refs(n), 1);
    }
    assert_int_equal(types(3), 1);
    assert_int_equal(refs(3), 3);
}

static void pages_are_refused(void **state)
{
    const unsigned long bad[] = {mfn(3), mfn_of(2, 10), machine_frames, ~0UL};
    const u64 first = words(3)[4];

    words(10)[0] = 1;
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(ask(MMUEXT_CLEAR_PAGE, bad[i], 0), -XEN_EINVAL);
        assert_true(said("clear of frame"));
        assert_int_equal(ask(MMUEXT_COPY_PAGE, bad[i], mfn(10)), -XEN_EINVAL);
        assert_true(said("copy to frame"));
        if (i == 0)
            continue;
        assert_int_equal(ask(MMUEXT_COPY_PAGE, mfn(10), bad[i]), -XEN_EINVAL);
        assert_true(said("copy of frame"));
    }
    assert_int_equal(words(3)[4], first);
    assert_int_equal(words(10)[0], 1);
    assert_int_equal(refs(10), 1);
    assert_int_equal(types(10), 0);
    /* Dom0 does it for others, and to their frames alone. */
    machine_switch(0, 0);
    assert_int_equal(ask_for(1, MMUEXT_COPY_PAGE, mfn(10), mfn_of(2, 10)), -XEN_EINVAL);
    assert_int_equal(ask_for(1, MMUEXT_CLEAR_PAGE, mfn(10), 0), 0);
    assert_int_equal(words(10)[0], 0);
}

/* ---- flushes ---- */

static u32 flushes(long rc, u32 *since)
{
    u32 n = tlb_now - *since;

    assert_int_equal(rc, 0);
    *since = tlb_now;
    return n;
}

static void flushes_where_it_is_told(void **state)
{
    struct host_registers *r = host_registers();
    u64 *bits = (u64 *)(void *)(host_guest + BITMAP);
    const unsigned long va = 0x7fffffffe123;
    u32 now = tlb_now;

    r->invlpg = 0;
    assert_int_equal(flushes(ask(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), &now), 1);
    assert_int_equal(flushes(ask(MMUEXT_TLB_FLUSH_ALL, 0, 0), &now), 1);
    *bits = 1; /* vCPU 0 runs here */
    assert_int_equal(flushes(ask(MMUEXT_TLB_FLUSH_MULTI, 0, GUEST(BITMAP)), &now), 1);
    *bits = ~3UL; /* no such vCPUs */
    assert_int_equal(flushes(ask(MMUEXT_TLB_FLUSH_MULTI, 0, GUEST(BITMAP)), &now), 0);
    assert_int_equal(r->invlpg, 0);
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_MULTI, va, GUEST(BITMAP)), &now), 0);
    assert_int_equal(r->invlpg, 0);
    *bits = 1;
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_MULTI, va, GUEST(BITMAP)), &now), 0);
    assert_int_equal(r->invlpg, va);
    r->invlpg = 0;
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_LOCAL, va, 0), &now), 0);
    assert_int_equal(r->invlpg, va);
    r->invlpg = 0;
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_ALL, va, 0), &now), 0);
    assert_int_equal(r->invlpg, va);
    /* Not addresses of the guest's: nothing happens. */
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_ALL, HV_VIRT_START, 0), &now), 0);
    assert_int_equal(flushes(ask(MMUEXT_INVLPG_MULTI, HV_VIRT_START, GUEST(BITMAP)), &now), 0);
    assert_int_equal(r->invlpg, va);
    assert_int_equal(ask(MMUEXT_TLB_FLUSH_MULTI, 0, GUEST(HOST_WINDOW)), -XEN_EINVAL);
    assert_int_equal(ask(MMUEXT_INVLPG_MULTI, va, GUEST(HOST_WINDOW)), -XEN_EINVAL);
    assert_int_equal(flushes(0, &now), 0);
    /* In a batch as alone. */
    memset(host_guest, 0, 2 * sizeof(struct mmuext_op));
    ((struct mmuext_op *)(void *)host_guest)[0].cmd = MMUEXT_TLB_FLUSH_LOCAL;
    ((struct mmuext_op *)(void *)host_guest)[1].cmd = MMUEXT_INVLPG_LOCAL;
    ((struct mmuext_op *)(void *)host_guest)[1].arg1.linear_addr = 0x5000;
    assert_int_equal(flushes(do_mmuext_op(GUEST(0), 2, 0, DOMID_SELF), &now), 1);
    assert_int_equal(r->invlpg, 0x5000);
}

static void caches_are_flushed_for_who_has_devices(void **state)
{
    const struct host_registers *r = host_registers();
    unsigned int before = r->wbinvds;

    assert_int_equal(ask(MMUEXT_FLUSH_CACHE, 0, 0), -XEN_EACCES);
    assert_true(said("only a domain with devices"));
    assert_int_equal(ask(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), -XEN_EINVAL);
    assert_true(said("only a domain with devices"));
    assert_int_equal(r->wbinvds, before);
    for (unsigned int n = 0; n <= 2; n += 2) { /* memory of a device; ports */
        machine_switch(n, 0);
        assert_int_equal(ask(MMUEXT_FLUSH_CACHE, 0, 0), 0);
        assert_int_equal(r->wbinvds, before + 1);
        assert_int_equal(ask(MMUEXT_FLUSH_CACHE_GLOBAL, 0, 0), 0);
        assert_int_equal(r->wbinvds, before + 2);
        before = r->wbinvds;
    }
}

/* ---- the hypercall ---- */

static void for_oneself_alone(void **state)
{
    static const unsigned int own[] = {5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 18};

    machine_switch(0, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(own); i++) {
        assert_int_equal(ask_for(1, own[i], 0, 0), -XEN_EPERM);
        assert_true(said("is for the caller's own domain, not for d1"));
    }
    for (unsigned int cmd = MMUEXT_MARK_SUPER; cmd <= MMUEXT_UNMARK_SUPER; cmd++)
        assert_int_equal(ask(cmd, mfn_of(0, 10), 0), -XEN_EOPNOTSUPP);
    assert_int_equal(ask(14, 0, 0), -XEN_ENOSYS);
    assert_int_equal(ask(21, 0, 0), -XEN_ENOSYS);
    assert_true(said("hypercall 26 (21) is not implemented"));
    /* Whom it names. */
    assert_int_equal(ask_for(0, MMUEXT_PIN_L1_TABLE, mfn_of(0, 10), 0), -XEN_ESRCH);
    assert_int_equal(ask_for(77, MMUEXT_PIN_L1_TABLE, mfn(10), 0), -XEN_ESRCH);
    assert_int_equal(ask_for(1, MMUEXT_PIN_L1_TABLE, mfn(10), 0), 0);
    assert_int_equal(ask_for(1, MMUEXT_UNPIN_TABLE, mfn(10), 0), 0);
    assert_int_equal(ask_for(1, MMUEXT_PIN_L1_TABLE, mfn_of(0, 10), 0), -XEN_EINVAL);
    machine_switch(1, 0);
    assert_int_equal(ask_for(2, MMUEXT_PIN_L1_TABLE, mfn_of(2, 10), 0), -XEN_EPERM);
    assert_int_equal(ask_for(0, MMUEXT_PIN_L1_TABLE, mfn(10), 0), -XEN_EPERM);
    assert_int_equal(types(10), 0);
}

static u32 *done(void)
{
    return (u32 *)(void *)(host_guest + PDONE);
}

static void a_batch_says_how_far_it_came(void **state)
{
    struct mmuext_op *ops = (void *)host_guest;

    memset(ops, 0, 8 * sizeof(*ops));
    for (unsigned int i = 0; i < 8; i++) {
        ops[i].cmd = MMUEXT_CLEAR_PAGE;
        ops[i].arg1.mfn = mfn(10);
    }
    *done() = 99;
    assert_int_equal(do_mmuext_op(GUEST(0), 8, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 8);
    assert_int_equal(do_mmuext_op(GUEST(0), 1, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 1);
    assert_int_equal(do_mmuext_op(GUEST(0), 0, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 0);
    ops[5].arg1.mfn = mfn(3);
    assert_int_equal(do_mmuext_op(GUEST(0), 8, GUEST(PDONE), DOMID_SELF), -XEN_EINVAL);
    assert_int_equal(*done(), 5);
    /* The count goes on from before where it can be read. */
    *done() = 100;
    assert_int_equal(do_mmuext_op(GUEST(0), 2 | PREEMPTED, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 102);
    host_preempt_every(1);
    assert_int_equal(do_mmuext_op(GUEST(0), 8 | PREEMPTED, GUEST(PDONE), DOMID_SELF),
                     HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(*done(), 103);
    assert_int_equal(host_continued.args[0], (unsigned long)&ops[1]);
    assert_int_equal(host_continued.args[1], 7 | PREEMPTED);
    assert_int_equal(host_continued.args[2], GUEST(PDONE));
    assert_int_equal(host_continued.args[3], DOMID_SELF);
    assert_int_equal(do_mmuext_op(GUEST(0), 2 | PREEMPTED, GUEST(HOST_WINDOW), DOMID_SELF), 0);
    assert_int_equal(do_mmuext_op(GUEST(0), 2 | PREEMPTED, 0, DOMID_SELF), 0);
    /* What cannot be read. */
    assert_int_equal(do_mmuext_op(~0UL - 100, 8, GUEST(PDONE), DOMID_SELF), -XEN_EFAULT);
    host_guest_limit(0, 2 * sizeof(*ops));
    assert_int_equal(do_mmuext_op(GUEST(0), 3, 0, DOMID_SELF), -XEN_EFAULT);
    host_guest_limit(0, sizeof(*ops) - 1);
    assert_int_equal(do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF), -XEN_EFAULT);
}

/* Of a list that leaves the guest's addresses nothing is done. */
static void a_list_is_the_guests_to_its_end(void **state)
{
    void *(*more)(unsigned long, unsigned long) = host_more_guest_memory;
    struct mmuext_op *op = (void *)(top + PAGE_SIZE - sizeof(*op));
    const unsigned long list = TOP + PAGE_SIZE - sizeof(*op);

    host_more_guest_memory = top_page;
    memset(op, 0, sizeof(*op));
    op->cmd = MMUEXT_CLEAR_PAGE;
    op->arg1.mfn = mfn(10);
    words(10)[0] = 7;
    assert_int_equal(do_mmuext_op(list, 2, 0, DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(words(10)[0], 7);
    assert_int_equal(do_mmuext_op(list, 1 | PREEMPTED, 0, DOMID_SELF), 0);
    assert_int_equal(words(10)[0], 0);
    host_more_guest_memory = more;
}

static void an_ldt_is_refused(void **state)
{
    const struct vcpu *v = current;

    assert_int_equal(ask(MMUEXT_SET_LDT, 8 * PAGE_SIZE, 8192), 0);
    assert_int_equal(v->arch.ldt_entries, 8192);
    assert_int_equal(ask(MMUEXT_SET_LDT, 8 * PAGE_SIZE, 8193), -XEN_EINVAL);
    assert_true(said("LDT of 8193 entries"));
    assert_int_equal(ask(MMUEXT_SET_LDT, 8 * PAGE_SIZE + 1, 1), -XEN_EINVAL);
    assert_int_equal(ask(MMUEXT_SET_LDT, HV_VIRT_START, 1), -XEN_EINVAL);
    assert_int_equal(v->arch.ldt_base, 8 * PAGE_SIZE);
    assert_int_equal(ask(MMUEXT_SET_LDT, 1, 0), 0);
    assert_int_equal(v->arch.ldt_base, 0);
    assert_int_equal(v->arch.ldt_entries, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, own_frames_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pins_and_unpins),
        TEST(our_slots_of_a_root),
        TEST(pins_are_refused),
        TEST(a_pin_continues),
        TEST(a_tall_tree_comes_and_goes_in_pieces),
        TEST(roots_are_loaded),
        TEST(a_strict_domain_hides_the_m2p_from_its_users),
        TEST(pages_are_cleared_and_copied),
        TEST(pages_are_refused),
        TEST(flushes_where_it_is_told),
        TEST(caches_are_flushed_for_who_has_devices),
        TEST(for_oneself_alone),
        TEST(a_batch_says_how_far_it_came),
        TEST(a_list_is_the_guests_to_its_end),
        TEST(an_ldt_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
