/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls mmu_update and update_va_mapping: which entries are made and how they read then, what
 * is refused with which error, whose tables and frames may be named, and what a batch says of
 * itself.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arch.h>
#include <asm/paging.h>
#include <asm/pv.h>

#include "own_frames.h"

#define FRAMES    14U
#define PREEMPTED (1U << 31)
#define PDONE     2048U /* where in the window the count of what is done is written */

#define P   0x1UL
#define W   0x2UL
#define U   0x4UL
#define PWT 0x8UL
#define PCD 0x10UL
#define A   0x20UL
#define D   0x40UL
#define PAT 0x80UL
#define G   0x100UL
#define K   0x10000000000000UL /* the guest's kernel's */

static int setup(void **state)
{
    own_frames_start(FRAMES);
    return 0;
}

static struct mmu_update *requests(void)
{
    return (void *)host_guest;
}

static long update_for(unsigned int whose, u64 ptr, u64 val)
{
    requests()[0] = (struct mmu_update){.ptr = ptr, .val = val};
    return do_mmu_update(GUEST(0), 1, 0, whose);
}

static long update(u64 ptr, u64 val)
{
    return update_for(DOMID_SELF, ptr, val);
}

/* ---- L1 entries ---- */

static void entries_are_adjusted(void **state)
{
    static const struct {
        u64 asked, made;
    } cases[] = {
        {P, P | U | K},
        {P | W, P | W | U | K},
        {P | U, P | U | G},
        {P | U | W | A | D, P | U | W | A | D | G},
        {P | G, P | U | K},
        {P | U | G, P | U | G},
        {P | U | G | K, P | U | K},
        {P | U | 0xe00, P | U | G | 0xe00},
        {P | 1UL << 63, P | U | K | 1UL << 63},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
        for (unsigned int way = 0; way < 3; way++) {
            const u64 asked = maddr(9) | cases[i].asked, made = maddr(9) | cases[i].made;

            assert_int_equal(update(at(9), 0), 0);
            assert_int_equal(refs(9), 1);
            if (way == 0) {
                assert_int_equal(update(at(9), asked), 0);
            } else if (way == 1) {
                assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE + 123, asked, UVMF_NONE), 0);
            } else {
                /* in a table that is validated */
                words(10)[511] = asked;
                words(10)[8] = maddr(11) | P;
                assert_int_equal(update(maddr(2) + 8 * 5, maddr(10) | P | W), 0);
                assert_int_equal(words(2)[5], maddr(10) | P | W | U);
                assert_int_equal(words(10)[511], made);
                assert_int_equal(words(10)[8], maddr(11) | P | U | K);
                assert_int_equal(type_of(10), 1);
                assert_int_equal(refs(9), 2);
                assert_int_equal(refs(11), 2);
                assert_int_equal(types(9), made & W ? 1 : 0);
                assert_int_equal(update(maddr(2) + 8 * 5, 0), 0);
                assert_int_equal(types(10), 0);
                assert_int_equal(refs(10), 1);
                assert_int_equal(refs(11), 1);
                assert_int_equal(refs(9), 1);
                assert_int_equal(types(9), 0);
                continue;
            }
            assert_int_equal(entry(9), made);
            assert_int_equal(refs(9), 2);
            assert_int_equal(types(9), made & W ? 1 : 0);
        }
}

/* MMU_PT_UPDATE_PRESERVE_AD keeps what the processor has set; the others do not. */
static void accessed_and_dirty_stay_if_told(void **state)
{
    u64 *e = &words(3)[9];

    assert_int_equal(update(at(9), maddr(9) | P | U), 0);
    *e |= A | D;
    assert_int_equal(update(at(9) | MMU_PT_UPDATE_PRESERVE_AD, maddr(9) | P), 0);
    assert_int_equal(*e, maddr(9) | P | U | K | A | D);
    assert_int_equal(update(at(9) | MMU_PT_UPDATE_PRESERVE_AD, maddr(9) | P | W), 0);
    assert_int_equal(*e, maddr(9) | P | W | U | K | A | D);
    assert_int_equal(update(at(9) | MMU_PT_UPDATE_NO_TRANSLATE, maddr(9) | P | W), 0);
    assert_int_equal(*e, maddr(9) | P | W | U | K);
    *e |= A;
    assert_int_equal(update(at(9), maddr(10) | P), 0);
    assert_int_equal(*e, maddr(10) | P | U | K);
    /* What is not present says whatever the guest likes. */
    assert_int_equal(update(at(9), 0x123456789abcdef0), 0);
    assert_int_equal(*e, 0x123456789abcdef0);
    assert_int_equal(update(at(9), 0), 0);
}

static void entries_are_refused(void **state)
{
    const struct {
        u64 e;
        long rc;
    } cases[] = {
        {maddr(3) | P | W, -XEN_EBUSY}, /* a table, to be written to */
        {maddr(0) | P | W, -XEN_EBUSY},
        {(mfn_of(2, 9) << PAGE_SHIFT) | P, -XEN_EBUSY}, /* another domain's */
        {(mfn_of(2, 9) << PAGE_SHIFT) | P | W, -XEN_EBUSY},
        {maddr(9) | P | PWT, -XEN_EINVAL}, /* it has no devices */
        {maddr(9) | P | PCD, -XEN_EINVAL},
        {maddr(9) | P | PAT, -XEN_EINVAL},
        {(MMIO_FRAME << PAGE_SHIFT) | P, -XEN_EPERM}, /* not given to it */
        {(MMIO_FRAME << PAGE_SHIFT) | P | PCD, -XEN_EINVAL},
        {0xffffffffff000 | P, -XEN_EINVAL}, /* of no frame at all */
    };

    assert_int_equal(update(at(9), maddr(9) | P | W), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(update(at(9), cases[i].e), cases[i].rc);
        assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, cases[i].e, UVMF_NONE), cases[i].rc);
        /* In a table: what stands before it is given back. */
        words(10)[6] = maddr(11) | P | W;
        words(10)[7] = maddr(12) | P;
        words(10)[8] = cases[i].e;
        assert_int_equal(update(maddr(2) + 8, maddr(10) | P), cases[i].rc);
        assert_int_equal(words(2)[1], 0);
        assert_int_equal(types(10), 0);
        assert_int_equal(refs(10), 1);
        assert_int_equal(types(11), 0);
        assert_int_equal(refs(11), 1);
        assert_int_equal(refs(12), 1);
    }
    assert_int_equal(entry(9), maddr(9) | P | W | U | K);
    assert_int_equal(types(9), 1);
    assert_int_equal(refs(9), 2);
    assert_int_equal(types(3), 1);
    assert_int_equal(refs(3), 3);
    assert_int_equal(page_refs(mfn_to_page(MFN(mfn_of(2, 9)))->state), 2);
}

/* Memory of devices is uncached unless it is mapped in one of the kinds that are weaker still. */
static void devices_are_mapped_uncached(void **state)
{
    static const struct {
        u64 asked, made;
    } cases[] = {
        {0, PWT | PCD},
        {PWT, PWT | PCD},
        {PCD, PCD},
        {PWT | PCD, PWT | PCD},
        {PAT, PAT},
        {PAT | PWT, PWT | PCD},
        {PAT | PCD, PAT | PCD},
        {PAT | PWT | PCD, PAT | PWT | PCD},
    };
    const u64 frame_bits = MMIO_FRAME << PAGE_SHIFT;
    const u64 *own = mfn_to_virt(MFN(mfn_of(0, 3)));
    struct rangeset *read_only;

    machine_switch(0, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_NONE), 0);
        assert_int_equal(
            do_update_va_mapping(9 * PAGE_SIZE, frame_bits | P | W | cases[i].asked, UVMF_NONE), 0);
        assert_int_equal(own[9], frame_bits | P | W | U | K | cases[i].made);
        assert_int_equal(do_update_va_mapping_otherdomain(
                             9 * PAGE_SIZE, frame_bits | P | U | cases[i].asked, 0, DOMID_IO),
                         0);
        assert_int_equal(own[9], frame_bits | P | U | G | cases[i].made);
    }
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, frame_bits + PAGE_SIZE + P, 0),
                     -XEN_EPERM);
    assert_true(said("not given to d0"));
    assert_int_equal(own[9], frame_bits | P | U | G | PAT | PWT | PCD);
    /* Some of it is for reading only: the entry is made without the right to write. */
    read_only = rangeset_new();
    assert_non_null(read_only);
    mmio_read_only = read_only;
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_NONE), 0);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, frame_bits | P | W, UVMF_NONE), 0);
    assert_int_equal(own[9], frame_bits | P | W | U | K | PWT | PCD);
    assert_int_equal(rangeset_add(read_only, MMIO_FRAME, MMIO_FRAME), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_NONE), 0);
        assert_int_equal(
            do_update_va_mapping(9 * PAGE_SIZE, frame_bits | P | W | cases[i].asked, UVMF_NONE), 0);
        assert_int_equal(own[9], frame_bits | P | U | K | cases[i].made);
    }
    mmio_read_only = NULL;
    rangeset_free(read_only);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, 0, UVMF_NONE), 0);
}

/* ---- directories, and what is no table ---- */

static void directories_change(void **state)
{
    static const u64 refused[] = {PWT, PCD, PAT, G};

    /* An empty L1 below the L2, an L2 below the L3, an L3 below the root. */
    for (unsigned int n = 2; n < 3; n--) {
        const u64 where = maddr(n) + 8 * 7;

        assert_int_equal(update(where, maddr(10) | P), 0);
        assert_int_equal(words(n)[7], maddr(10) | P | U);
        assert_int_equal(type_of(10), 3 - n);
        assert_int_equal(types(10), 1);
        assert_int_equal(refs(10), 2);
        words(n)[7] |= A;
        assert_int_equal(update(where | MMU_PT_UPDATE_PRESERVE_AD, maddr(10) | P | W), 0);
        assert_int_equal(words(n)[7], maddr(10) | P | U | W | A);
        assert_int_equal(types(10), 1);
        for (unsigned int i = 0; i < ARRAY_SIZE(refused); i++) {
            assert_int_equal(update(where, maddr(11) | P | refused[i]), -XEN_EINVAL);
            assert_true(said("superpages, cache and global bits"));
        }
        assert_int_equal(update(where, (mfn_of(2, 9) << PAGE_SHIFT) | P), -XEN_EINVAL);
        assert_int_equal(update(where, ((u64)machine_frames << PAGE_SHIFT) | P), -XEN_EINVAL);
        assert_int_equal(update(where, maddr(7) | P), -XEN_EINVAL); /* mapped writable */
        assert_int_equal(update(where, maddr(n) | P), -XEN_EINVAL); /* itself */
        assert_int_equal(words(n)[7], maddr(10) | P | U | W | A);
        assert_int_equal(update(where, maddr(11) | P), 0);
        assert_int_equal(types(10), 0);
        assert_int_equal(refs(10), 1);
        assert_int_equal(types(11), 1);
        assert_int_equal(update(where, 0), 0);
        assert_int_equal(types(11), 0);
        assert_int_equal(refs(11), 1);
    }
    /* A table with an entry that is refused gives back those before. */
    words(10)[0] = maddr(11) | P;
    words(10)[9] = maddr(12) | P;
    words(10)[10] = maddr(7) | P;
    assert_int_equal(update(maddr(1) + 8 * 7, maddr(10) | P), -XEN_EINVAL);
    assert_true(said("entry 10 of L2"));
    assert_int_equal(words(1)[7], 0);
    for (unsigned int n = 10; n <= 12; n++) {
        assert_int_equal(types(n), 0);
        assert_int_equal(refs(n), 1);
    }
    words(10)[10] = 0;
    assert_int_equal(update(maddr(1) + 8 * 7, maddr(10) | P), 0);
    assert_int_equal(types(11), 1);
    assert_int_equal(type_of(12), 1);
    assert_int_equal(update(maddr(1) + 8 * 7, 0), 0);
    assert_int_equal(types(12), 0);
    for (unsigned int slot = 255; slot <= 272; slot++) {
        const bool ours = slot > 255 && slot < 272;

        assert_int_equal(update(maddr(0) + 8UL * slot, maddr(10) | P), ours ? -XEN_EINVAL : 0);
        assert_int_equal(said("is the hypervisor's"), ours);
        assert_int_equal(update(maddr(0) + 8UL * slot, 0), ours ? -XEN_EINVAL : 0);
        assert_int_equal(types(10), 0);
        host_guest_log[0] = '\0';
    }
}

static void plain_memory_is_written_as_it_is(void **state)
{
    assert_int_equal(update(maddr(10) + 8 * 3, 0xffffffffffffffff), 0);
    assert_int_equal(words(10)[3], 0xffffffffffffffff);
    assert_int_equal(update(maddr(10) + 8 * 511 + 2, 0x18f), 0);
    assert_int_equal(words(10)[511], 0x18f);
    assert_int_equal(types(10), 0);
    assert_int_equal(refs(10), 1);
    assert_int_equal(update((u64)mfn_of(2, 10) << PAGE_SHIFT, 1), -XEN_EINVAL);
    assert_int_equal(update((u64)machine_frames << PAGE_SHIFT, 1), -XEN_EINVAL);
    assert_true(said("mmu_update of an entry in frame"));
    /* Neither a page table nor plain: a descriptor table. */
    *(unsigned long *)(void *)host_guest = mfn(11);
    assert_int_equal(do_set_gdt(GUEST(0), 10), 0);
    assert_int_equal(update(maddr(11), 1), -XEN_EINVAL);
    assert_int_equal(refs(11), 2);
    for (unsigned int bits = 4; bits < 8; bits++)
        assert_int_equal(update(at(9) | bits, 0), -XEN_ENOSYS);
    assert_true(said("hypercall 1 (7) is not implemented"));
}

static void the_m2p_is_changed_for_own_frames(void **state)
{
    assert_int_equal(update(maddr(10) | MMU_MACHPHYS_UPDATE, 0x1234), 0);
    assert_int_equal(arch_get_m2p(MFN(mfn(10))), 0x1234);
    assert_int_equal(refs(10), 1);
    assert_int_equal(update((mfn_of(2, 10) << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1), -XEN_EINVAL);
    assert_int_equal(update(((u64)machine_frames << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1),
                     -XEN_EINVAL);
    assert_true(said("M2P entry of frame"));
    assert_int_equal(page_refs(mfn_to_page(MFN(mfn_of(2, 10)))->state), 2);
    assert_int_equal(update_for(2, (mfn_of(2, 10) << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, 1),
                     -XEN_EPERM);
    machine_switch(0, 0);
    assert_int_equal(update_for(1, maddr(10) | MMU_MACHPHYS_UPDATE, 0x77), 0);
    assert_int_equal(arch_get_m2p(MFN(mfn(10))), 0x77);
    /* Not beside another's page tables. */
    assert_int_equal(update_for(2U << 16 | 1, maddr(10) | MMU_MACHPHYS_UPDATE, 1), -XEN_EPERM);
    assert_int_equal(arch_get_m2p(MFN(mfn(10))), 0x77);
}

/* ---- whose ---- */

static void tables_and_frames_of_others(void **state)
{
    const u64 theirs = mfn_of(2, 9) << PAGE_SHIFT, own = mfn_of(0, 9) << PAGE_SHIFT;
    const u32 io_refs = dom_io->refs, our_refs = machine_domains[1]->refs;
    struct domain *small;

    /* Nobody but dom0, by whichever number. */
    assert_int_equal(update_for(2, at(9), theirs | P), -XEN_EPERM);
    assert_true(said("tables of d2"));
    assert_int_equal(update_for(3U << 16 | DOMID_SELF, at(9), 0), -XEN_EPERM);
    assert_true(said("tables of d2"));
    assert_int_equal(update_for(1U << 16 | DOMID_SELF, at(9), 0), -XEN_EPERM);
    assert_true(said("tables of d0"));
    assert_int_equal(update_for(2U << 16 | DOMID_SELF, at(9), maddr(9) | P), 0); /* itself */
    assert_int_equal(entry(9), maddr(9) | P | U | K);
    assert_int_equal(update_for(1, at(9), 0), -XEN_ESRCH); /* it is DOMID_SELF */
    assert_true(said("has to say DOMID_SELF"));
    assert_int_equal(update_for(77, at(9), 0), -XEN_ESRCH);
    assert_true(said("there is no domain 77"));
    assert_int_equal(update_for(78U << 16 | DOMID_SELF, at(9), 0), -XEN_EINVAL);
    assert_true(said("no domain 77 with page tables"));
    assert_int_equal(update_for((DOMID_IO + 1U) << 16 | DOMID_SELF, at(9), 0), -XEN_EINVAL);
    assert_int_equal(dom_io->refs, io_refs);
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, theirs | P, 0, 2), -XEN_EPERM);
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, 0, 0, 1), -XEN_ESRCH);
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, 0, 0, 77), -XEN_ESRCH);
    assert_int_equal(entry(9), maddr(9) | P | U | K);
    /* Who has no business with devices finds none as DOMID_IO's. */
    assert_int_equal(update_for(DOMID_IO, at(9), (MMIO_FRAME << PAGE_SHIFT) | P), -XEN_EPERM);

    machine_switch(0, 0);
    machine_allow(0, mfn(9));
    machine_allow(1, mfn_of(2, 9));
    assert_int_equal(update_for(2U << 16 | 77, at(9), 0), -XEN_ESRCH);
    assert_int_equal(machine_domains[1]->refs, our_refs);
    assert_int_equal(update_for(2U << 16 | 1, at(9), maddr(9) | P), 0);
    assert_int_equal(frame(9)->marks, 0);
    assert_int_equal(update_for(2U << 16 | 1, at(9), maddr(9) | P | W), 0);
    assert_int_equal(entry(9), maddr(9) | P | W | U | K);
    assert_int_equal(frame(9)->marks, 0); /* by its owner */
    assert_int_equal(update_for(2U << 16 | 1, at(9), own | P), -XEN_EBUSY);
    assert_int_equal(update_for(2U << 16 | 1, at(9), theirs | P), -XEN_EBUSY);
    assert_int_equal(update_for(2U << 16 | 2, at(9), theirs | P), 0);
    assert_int_equal(entry(9), theirs | P | U | K);
    assert_int_equal(update_for(2U << 16 | 2, at(9), 0), 0);
    /* In its own tables. */
    assert_int_equal(update_for(1, (mfn_of(0, 3) << PAGE_SHIFT) + 8 * 9, maddr(9) | P), 0);
    assert_int_equal(refs(9), 2);
    assert_int_equal(frame(9)->marks, 0); /* for reading */
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, maddr(9) | P | W, 0, 1), 0);
    assert_int_equal(types(9), 1);
    assert_int_equal(frame(9)->marks, PAGE_FOREIGN);
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, theirs | P, 0, 1), -XEN_EBUSY);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, own | P | W, 0), 0);
    assert_int_equal(refs(9), 1);
    /* Only mappings name the frames of a third. */
    assert_int_equal(update_for(2U << 16 | DOMID_SELF, maddr(2) + 8, 0), -XEN_EINVAL);
    assert_true(said("an L2 entry may not name a table of d0"));
    assert_int_equal(update_for(2U << 16 | 1, maddr(2) + 8, maddr(10) | P), 0);
    assert_int_equal(type_of(10), 1);
    assert_int_equal(update_for(2U << 16 | 1, maddr(2) + 8, 0), 0);
    /* A former table, which is mapped writable by another domain from the beginning. */
    assert_int_equal(frame(10)->marks, 0);
    assert_int_equal(do_update_va_mapping_otherdomain(9 * PAGE_SIZE, maddr(10) | P | W, 0, 1), 0);
    assert_int_equal(frame(10)->marks, PAGE_FOREIGN);
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, own | P | W, 0), 0);
    /* One vCPU is enough to have tables. */
    small = host_domain(5, 1, 1, false);
    assert_non_null(small);
    assert_int_equal(update_for(6U << 16 | 5, page_to_mfn(host_frame(small, 0)).n << 12, 0x55), 0);
    assert_int_equal(*(u64 *)mfn_to_virt(page_to_mfn(host_frame(small, 0))), 0x55);
    host_kill(small);
}

/* ---- flushes of update_va_mapping ---- */

static void mappings_are_flushed_as_told(void **state)
{
    struct host_registers *r = host_registers();
    u64 *bits = (u64 *)(void *)(host_guest + 1024);
    const unsigned long va = 9 * PAGE_SIZE + 0x123;
    const struct {
        unsigned long flags;
        u64 vcpus;
        u32 all;
        bool page;
    } cases[] = {
        {UVMF_NONE, 0, 0, false},
        {UVMF_TLB_FLUSH, 0, 1, false}, /* here */
        {UVMF_INVLPG, 0, 0, true},
        {3, 0, 0, false},
        {UVMF_TLB_FLUSH | UVMF_ALL, 0, 1, false},
        {UVMF_INVLPG | UVMF_ALL, 0, 0, true},
        {UVMF_NONE | UVMF_ALL, 0, 0, false},
        {UVMF_TLB_FLUSH | GUEST(1024), 1, 1, false},
        {UVMF_TLB_FLUSH | GUEST(1024), 2, 1, false}, /* the other one ran here last */
        {UVMF_TLB_FLUSH | GUEST(1024), 3, 1, false},
        {UVMF_TLB_FLUSH | GUEST(1024), ~3UL, 0, false},
        {UVMF_INVLPG | GUEST(1024), 1, 0, true},
        {UVMF_INVLPG | GUEST(1024), ~3UL, 0, false},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
        u32 now = tlb_now;

        *bits = cases[i].vcpus;
        r->invlpg = 0;
        assert_int_equal(do_update_va_mapping(va, maddr(9) | P | (i % 2 ? W : 0), cases[i].flags),
                         0);
        assert_int_equal(tlb_now - now, cases[i].all);
        assert_int_equal(r->invlpg, cases[i].page ? va : 0);
        /* What is refused flushes nothing. */
        now = tlb_now;
        r->invlpg = 0;
        assert_int_equal(do_update_va_mapping(va, maddr(3) | P | W, cases[i].flags), -XEN_EBUSY);
        assert_int_equal(tlb_now, now);
        assert_int_equal(r->invlpg, 0);
    }
    /* The entry is made; that the bitmap is bad is told. */
    assert_int_equal(do_update_va_mapping(va, 0, UVMF_TLB_FLUSH | GUEST(HOST_WINDOW)), -XEN_EFAULT);
    assert_true(said("bitmap of vCPUs"));
    assert_int_equal(entry(9), 0);
    assert_int_equal(refs(9), 1);
    assert_int_equal(do_update_va_mapping(HV_VIRT_START, 0, UVMF_NONE), -XEN_EINVAL);
    assert_true(said("not an address of the guest's"));
    assert_int_equal(do_update_va_mapping(1UL << 47, 0, UVMF_NONE), -XEN_EINVAL);
    assert_int_equal(do_update_va_mapping(HV_VIRT_END, 0, UVMF_NONE), -XEN_EINVAL);
    assert_true(said("no L1 table is there"));
    assert_int_equal(do_update_va_mapping(1UL << 21, 0, UVMF_NONE), -XEN_EINVAL);
    assert_int_equal(do_update_va_mapping(1UL << 30, 0, UVMF_NONE), -XEN_EINVAL);
    assert_int_equal(do_update_va_mapping(1UL << 39, 0, UVMF_NONE), -XEN_EINVAL);
    assert_int_equal(refs(3), 3);
}

/* ---- batches ---- */

static u32 *done(void)
{
    return (u32 *)(void *)(host_guest + PDONE);
}

static void a_batch_says_how_far_it_came(void **state)
{
    const u32 before = refs(3);
    struct mmu_update *r = requests();

    for (unsigned int i = 0; i < 6; i++)
        r[i] = (struct mmu_update){.ptr = i % 2 ? maddr(10) + 8 : at(9), .val = 2UL * i};
    *done() = 99;
    assert_int_equal(do_mmu_update(GUEST(0), 6, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 6);
    assert_int_equal(entry(9), 8);
    assert_int_equal(words(10)[1], 10);
    assert_int_equal(do_mmu_update(GUEST(0), 0, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 0);
    r[4].val = maddr(3) | P | W;
    r[3].val = 0x70;
    r[5].val = 0x90;
    assert_int_equal(do_mmu_update(GUEST(0), 6, GUEST(PDONE), DOMID_SELF), -XEN_EBUSY);
    assert_int_equal(*done(), 4);
    assert_int_equal(words(10)[1], 0x70);
    assert_int_equal(entry(9), 4);
    *done() = 1000;
    assert_int_equal(do_mmu_update(GUEST(0), 3 | PREEMPTED, GUEST(PDONE), DOMID_SELF), 0);
    assert_int_equal(*done(), 1003);
    assert_int_equal(do_mmu_update(GUEST(0), 3 | PREEMPTED, GUEST(HOST_WINDOW), DOMID_SELF), 0);
    assert_int_equal(do_mmu_update(GUEST(0), 3 | PREEMPTED, 0, DOMID_SELF), 0);
    for (unsigned int again = 0; again < 2; again++) {
        *done() = 1000;
        host_preempt_every(2);
        assert_int_equal(
            do_mmu_update(GUEST(0), 6 | (again ? PREEMPTED : 0), GUEST(PDONE), DOMID_SELF),
            HOST_CONTINUED);
        host_preempt_every(0);
        assert_int_equal(*done(), again ? 1002 : 2);
        assert_int_equal(host_continued.op, __HYPERVISOR_mmu_update);
        assert_int_equal(host_continued.nargs, 4);
        assert_int_equal(host_continued.args[0], GUEST(32));
        assert_int_equal(host_continued.args[1], 4 | PREEMPTED);
        assert_int_equal(host_continued.args[2], GUEST(PDONE));
        assert_int_equal(host_continued.args[3], DOMID_SELF);
    }
    assert_int_equal(do_mmu_update(GUEST(0), 3, GUEST(PDONE), 2U << 16 | DOMID_SELF), 0);
    assert_int_equal(*done(), 3);
    host_preempt_every(1);
    assert_int_equal(do_mmu_update(GUEST(0), 6, 0, DOMID_SELF), HOST_CONTINUED);
    assert_int_equal(host_continued.args[0], GUEST(16));
    assert_int_equal(host_continued.args[2], 0);
    host_preempt_every(0);
    assert_int_equal(do_mmu_update(~0UL - 50, 6, 0, DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(do_mmu_update(~0UL - 50, 6 | PREEMPTED, 0, DOMID_SELF), -XEN_EFAULT);
    host_guest_limit(0, 47);
    assert_int_equal(do_mmu_update(GUEST(0), 3, 0, DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(refs(3), before);
    assert_int_equal(refs(10), 1);
    assert_int_equal(types(10), 0);
}

/* Of a list that leaves the guest's addresses nothing is done. */
static void a_list_is_the_guests_to_its_end(void **state)
{
    void *(*more)(unsigned long, unsigned long) = host_more_guest_memory;
    const unsigned long list = TOP + PAGE_SIZE - 16;

    host_more_guest_memory = top_page;
    *(struct mmu_update *)(void *)(top + PAGE_SIZE - 16) = (struct mmu_update){.ptr = at(9),
                                                                               .val = 0x70};
    assert_int_equal(do_mmu_update(list, 2, 0, DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(do_mmu_update(list, 2 | PREEMPTED, 0, DOMID_SELF), -XEN_EFAULT);
    assert_int_equal(entry(9), 0);
    assert_int_equal(do_mmu_update(list, 1, 0, DOMID_SELF), 0);
    assert_int_equal(entry(9), 0x70);
    host_more_guest_memory = more;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, own_frames_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_are_adjusted),
        TEST(accessed_and_dirty_stay_if_told),
        TEST(entries_are_refused),
        TEST(devices_are_mapped_uncached),
        TEST(directories_change),
        TEST(plain_memory_is_written_as_it_is),
        TEST(the_m2p_is_changed_for_own_frames),
        TEST(tables_and_frames_of_others),
        TEST(mappings_are_flushed_as_told),
        TEST(a_batch_says_how_far_it_came),
        TEST(a_list_is_the_guests_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
