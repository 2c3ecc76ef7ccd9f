/* SPDX-License-Identifier: MIT */
/*
 * Frames that change their type or lose their domain at awkward moments: cases that the fuzzer of
 * the page-type machine does not come upon by itself. The machine's own checks (counts, TLB,
 * nothing left at the end) panic when one is wrong.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include <asm/pv.h>
#include <pv/pte.h>

#include "../../fuzz/pv_cache.h"
#include "../../fuzz/pv_machine.h"
#include "../../fuzz/pv_tlb.h"

#define FRAMES 14U

static struct page *frame(unsigned int n)
{
    return host_frame(current->domain, n);
}

/* Frame @n is mapped at its number by the machine: no longer, or read-only. */
static void unmap(unsigned int n)
{
    assert_int_equal(do_update_va_mapping((unsigned long)n << PAGE_SHIFT, 0, UVMF_NONE), 0);
}

static long pin_l1(unsigned int n)
{
    struct mmuext_op *op = (void *)host_guest;

    op->cmd = MMUEXT_PIN_L1_TABLE;
    op->arg1.mfn = page_to_mfn(frame(n)).n;
    return do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF);
}

/*
 * The clock of flushes is 32 bits wide, and a guest can make it turn over. At no time does a stale
 * translation survive.
 */
static void stamp_at_every_turn(void **state)
{
    static const u32 times[] = {1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0};

    for (unsigned int i = 0; i < ARRAY_SIZE(times); i++) {
        machine_start(FRAMES);
        tlb_now = cpus[0]->arch.tlb_stamp = times[i];
        machine_check(); /* the guest has written to all of its frames */
        unmap(10);
        assert_int_equal(pin_l1(10), 0);
        machine_check();
        machine_end();
    }
}

/*
 * Frames that their domain gave back are kept by their pins alone, and go away while its death
 * walks over the list.
 */
static void dies_with_pinned_frames_given_back(void **state)
{
    for (unsigned int first = 4; first < FRAMES; first++) {
        machine_start(FRAMES);
        for (unsigned int n = 4; n < FRAMES; n++) {
            unmap(n);
            assert_int_equal(pin_l1(n), 0);
        }
        for (unsigned int n = first; n < FRAMES; n += 2)
            free_domain_page(frame(n));
        machine_check();
        machine_end();
    }
}

/*
 * A death may stop behind each vCPU, each frame whose type goes, and each batch of those that need
 * nothing, which ends where one needs something.
 */
static void death_is_preempted_at_each_step(void **state)
{
    unsigned int vcpus = 0, stops = 0;
    unsigned long scanned;
    struct domain *d;

    machine_start(FRAMES);
    d = machine_domains[2];
    get_domain(d);
    scanned = FRAMES;
    host_preempt_every(1);
    while (domain_kill(d) == -ERESTART) {
        host_return_to_guest();
        assert_in_range(d->arch.vcpus_dropped, vcpus, vcpus + 1);
        vcpus = d->arch.vcpus_dropped;
        if (vcpus == 2) {
            stops += d->arch.pages_to_scan != scanned;
            assert_in_range(d->arch.pages_to_scan, 0, scanned);
            scanned = d->arch.pages_to_scan;
        }
    }
    host_preempt_every(0);
    assert_int_equal(vcpus, 2);
    assert_int_equal(scanned, 0);
    assert_in_range(stops, 1, FRAMES);
    put_domain(d);
    machine_domains[2] = NULL;
    machine_end();
}

/*
 * Another vCPU of the guest maps the frame, writes, and unmaps it, between our look at the clock
 * and our last put.
 */
static struct page *contended;
static bool got;

static void other_cpu(void)
{
    got = page_try_get_both(contended, PG_TYPE_WRITABLE);
    if (got) {
        /* what it has from now on is younger than the stamp that we are about to set */
        tlb_flush_local();
        put_page_and_type(contended);
    }
}

/* A stamp is never older than the last translation. */
static void stamp_against_another_cpu(void **state)
{
    machine_start(FRAMES);
    contended = frame(10);
    host_after_clock = other_cpu;
    unmap(10);
    assert_null(host_after_clock);
    assert_true(!got || contended->stamp == tlb_now);
    assert_int_equal(page_type_count(contended->state), 0);
    assert_int_equal(pin_l1(10), 0);
    machine_check();
    machine_end();
}

static long mmuext(unsigned int cmd, unsigned int n)
{
    struct mmuext_op *op = (void *)host_guest;

    op->cmd = cmd;
    op->arg1.mfn = page_to_mfn(frame(n)).n;
    return do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF);
}

/* Pins as a guest does it that follows continuations. */
static long pin_to_the_end(unsigned int cmd, unsigned int n)
{
    long rc = mmuext(cmd, n);

    while (rc == HOST_CONTINUED) {
        const unsigned long *a = host_continued.args;

        host_return_to_guest();
        rc = do_mmuext_op(a[0], (unsigned int)a[1], a[2], (unsigned int)a[3]);
    }
    return rc;
}

/* Frames 10 to 13 become an L2 and three L1 below it; the last one has an entry @last. */
static void make_tree(u64 last)
{
    u64 *l2 = mfn_to_virt(page_to_mfn(frame(10)));

    for (unsigned int n = 10; n < FRAMES; n++)
        unmap(n);
    for (unsigned int n = 11; n < FRAMES; n++)
        l2[n] = (page_to_mfn(frame(n)).n << PAGE_SHIFT) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    ((u64 *)mfn_to_virt(page_to_mfn(frame(13))))[5] = last;
}

/*
 * What a hypercall leaves of a table is finished before its guest runs again, whether the table was
 * given up or refused, and as often as the guest likes.
 */
static void preempted_tables_are_finished_on_the_way_out(void **state)
{
    const u64 bad = PTE_PRESENT | PTE_USER | (u64)MMIO_FRAME << PAGE_SHIFT; /* not ours to map */

    machine_start(FRAMES);
    make_tree(0);
    assert_int_equal(pin_to_the_end(MMUEXT_PIN_L2_TABLE, 10), 0);
    host_preempt_every(1);
    assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, 10), 0);
    assert_int_equal(current->old_tables.count, 1);
    assert_true(frame(10)->state & PG_PARTIAL);
    machine_check();
    host_return_to_guest();
    assert_int_equal(current->old_tables.count, 0);
    for (unsigned int n = 10; n < FRAMES; n++)
        assert_int_equal(page_type_count(frame(n)->state), 0);
    machine_check();
    host_preempt_every(0);

    make_tree(bad);
    host_preempt_every(1);
    for (unsigned int round = 0; round < 2 * OLD_TABLES_MAX; round++) {
        assert_int_equal(pin_to_the_end(MMUEXT_PIN_L2_TABLE, 10), -XEN_EPERM);
        assert_int_equal(current->old_tables.count, 1);
        host_return_to_guest();
        for (unsigned int n = 10; n < FRAMES; n++)
            assert_int_equal(page_type_count(frame(n)->state), 0);
        machine_check();
    }
    host_preempt_every(0);
    machine_end();
}

/*
 * Another CPU may work on a directory for long. Who wants it meanwhile can be preempted, and
 * leaves no counts.
 */
static void a_busy_directory_is_not_waited_for(void **state)
{
    struct page *pg;
    u64 before, busy;

    machine_start(FRAMES);
    make_tree(0);
    pg = frame(10);
    before = pg->state;
    busy = (before & ~(PG_TYPE_MASK | PG_VALID)) + PG_TYPE_L2 + PG_BUSY + PG_TYPE_ONE;
    pg->state = busy;
    host_preempt_every(1);
    alarm(10); /* or it waits for ever */
    assert_int_equal(mmuext(MMUEXT_PIN_L2_TABLE, 10), HOST_CONTINUED);
    alarm(0);
    assert_true(pg->state == busy);
    host_return_to_guest();
    pg->state = before;
    host_preempt_every(0);
    machine_check();
    machine_end();
}

/*
 * Whichever domains a hypercall names, and whether or not it is refused, it keeps no reference.
 * machine_end() looks at those of the system domains, the loop at those of the others.
 */
static void gives_back_the_domains_it_names(void **state)
{
    static const domid_t ids[] = {DOMID_SELF, 0, 1, 2, 77, DOMID_IO, DOMID_XEN, DOMID_IDLE};
    u32 before[NR_DOMAINS];

    machine_start(FRAMES);
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        before[i] = machine_domains[i]->refs;
    for (unsigned int d = 0; d < NR_DOMAINS; d++) {
        machine_switch(d, 0);
        for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
            memset(host_guest, 0, 64);
            do_mmu_update(GUEST(0), 1, 0, ids[i]);
            do_mmuext_op(GUEST(0), 1, 0, ids[i]);
            do_update_va_mapping_otherdomain(0, 0, 0, ids[i]);
            for (unsigned int k = 0; k < ARRAY_SIZE(ids); k++)
                do_mmu_update(GUEST(0), 1, 0, (ids[k] + 1U) << 16 | ids[i]);
        }
    }
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        assert_int_equal(machine_domains[i]->refs, before[i]);
    machine_end();
}

/* The entry of frame @n, which the machine maps at its number. */
static u64 *entry(unsigned int n)
{
    return (u64 *)mfn_to_virt(page_to_mfn(frame(3))) + n;
}

static u64 entry_for(unsigned int n, u64 flags)
{
    return (page_to_mfn(frame(n)).n << PAGE_SHIFT) | PTE_PRESENT | flags;
}

/*
 * A global translation of a page of the kernel's own would survive the change to the user root.
 * Whatever way an entry is made, it is not global then; machine_check() looks at all of them.
 */
static void no_kernel_page_is_global(void **state)
{
    static const u64 flags[] = {PTE_GLOBAL, PTE_GLOBAL | PTE_WRITE,
                                PTE_GLOBAL | PTE_USER | PTE_GUEST_KERNEL};
    struct mmu_update *req = (void *)host_guest;

    machine_start(FRAMES);
    for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
        const u64 kept = entry_for(9, flags[i] | PTE_USER | PTE_GUEST_KERNEL) & ~PTE_GLOBAL;

        /* A new mapping, and one that changes in its harmless bits alone. */
        unmap(9);
        for (unsigned int twice = 0; twice < 2; twice++) {
            assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, entry_for(9, flags[i]), UVMF_NONE),
                             0);
            assert_int_equal(*entry(9), kept);
            machine_check();
        }
        unmap(9);
        req->ptr = virt_to_maddr(entry(9));
        req->val = entry_for(9, flags[i]);
        assert_int_equal(do_mmu_update(GUEST(0), 1, 0, DOMID_SELF), 0);
        assert_int_equal(*entry(9), kept);
        machine_check();
        /* In a table that is validated. */
        unmap(10);
        *(u64 *)mfn_to_virt(page_to_mfn(frame(10))) = entry_for(9, flags[i]);
        assert_int_equal(pin_l1(10), 0);
        machine_check();
        ((struct mmuext_op *)(void *)host_guest)->cmd = MMUEXT_UNPIN_TABLE;
        assert_int_equal(do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF), 0);
    }
    assert_int_equal(do_update_va_mapping(9 * PAGE_SIZE, entry_for(9, PTE_USER), UVMF_NONE), 0);
    assert_true(*entry(9) & PTE_GLOBAL);
    machine_end();
}

/* ---- faults of the hypervisor's own copies ---- */

#define WRITE_REFUSED (PFEC_PRESENT | PFEC_WRITE)

static bool again(unsigned long addr, u32 error_code)
{
    return pv_own_page_fault(addr, error_code, current->arch.guest_table);
}

static void map(unsigned int n, u64 flags)
{
    assert_int_equal(
        do_update_va_mapping((unsigned long)n << PAGE_SHIFT, entry_for(n, flags), UVMF_NONE), 0);
}

/*
 * The guest gives a mapping the right to write and flushes nothing, as it may. When the TLB still
 * refuses our write we make it again, and no other fault is taken for that.
 */
static void writes_again_through_a_widened_mapping(void **state)
{
    const unsigned long va = 9 * PAGE_SIZE + 8;
    u64 *l2;

    machine_start(FRAMES);
    map(9, 0);
    assert_false(again(va, WRITE_REFUSED));
    map(9, PTE_WRITE);
    assert_true(again(va, WRITE_REFUSED));
    assert_false(again(va, PFEC_WRITE));
    assert_false(again(va, PFEC_PRESENT));
    assert_false(again(va, WRITE_REFUSED | PFEC_RSVD));
    assert_false(again(va, WRITE_REFUSED | PFEC_FETCH));
    assert_false(again(0, WRITE_REFUSED)); /* the root, read-only */
    assert_false(again(FRAMES * PAGE_SIZE, WRITE_REFUSED));
    assert_false(again(1UL << L3_SHIFT, WRITE_REFUSED));
    /* Not guest addresses: not canonical; the M2P; in our direct map. */
    assert_false(again(va | 1UL << 47, WRITE_REFUSED));
    assert_false(again(HV_VIRT_START, WRITE_REFUSED));
    assert_false(again(HV_VIRT_END - 8, WRITE_REFUSED));
    /* A directory takes the right away. */
    l2 = mfn_to_virt(page_to_mfn(frame(2)));
    l2[0] &= ~PTE_WRITE;
    assert_false(again(va, WRITE_REFUSED));
    l2[0] |= PTE_WRITE;
    assert_true(again(va, WRITE_REFUSED));
    /* A root that no longer is one. */
    assert_false(pv_own_page_fault(va, WRITE_REFUSED, page_to_mfn(frame(9))));
    assert_false(pv_own_page_fault(va, WRITE_REFUSED, MFN(machine_frames)));
    machine_end();
}

/* ---- caches ---- */

/* Domain 2, which may choose how its pages are cached, maps frame @n and writes past the caches. */
static void write_uncached(unsigned int n, unsigned int slot, u64 val)
{
    machine_switch(2, 0);
    assert_int_equal(do_update_va_mapping((unsigned long)n << PAGE_SHIFT,
                                          entry_for(n, PTE_WRITE | PTE_UNCACHED), UVMF_NONE),
                     0);
    machine_check();
    assert_true(tlb_model_may_write_uncached(page_to_mfn(frame(n)).n));
    machine_write_uncached(page_to_mfn(frame(n)).n, slot, val);
}

/*
 * What is checked is what the processor will walk: a frame that was written past the caches is
 * flushed first, once no mapping is writable any more. The entry that shows then is refused.
 */
static void checks_tables_as_memory_has_them(void **state)
{
    for (unsigned int again = 0; again < 2; again++) {
        machine_start(FRAMES);
        machine_switch(2, 0);
        /* a writable mapping of the root */
        write_uncached(10, 5, entry_for(0, PTE_WRITE));
        unmap(10);
        if (again)
            machine_check();
        assert_int_equal(pin_l1(10), -XEN_EBUSY);
        machine_check();
        /* The next change of the type needs no flush. */
        *((u64 *)mfn_to_virt(page_to_mfn(frame(10))) + 5) = 0;
        assert_int_equal(machine_cache_flushes, 2);
        assert_int_equal(pin_l1(10), 0);
        assert_int_equal(machine_cache_flushes, 2);
        machine_check();
        machine_end();
    }
}

static void checks_descriptors_as_memory_has_them(void **state)
{
    machine_start(FRAMES);
    write_uncached(10, 7, 0x0000890000000067UL); /* a TSS */
    unmap(10);
    *(unsigned long *)(void *)host_guest = page_to_mfn(frame(10)).n;
    assert_int_equal(do_set_gdt(GUEST(0), 512), -XEN_EINVAL);
    machine_check();
    machine_end();
}

/* Neither the allocator nor a frame's next owner gets one that differs in memory. */
static void gives_back_frames_as_memory_has_them(void **state)
{
    struct page *pg;

    machine_start(FRAMES);
    write_uncached(10, 7, 0x1234);
    pg = frame(10);
    unmap(10);
    assert_true(free_domain_page(pg));
    machine_check();
    /* Ended with the domain instead. */
    write_uncached(11, 7, 0x1234);
    machine_end();
}

/* Zeroes that are still in a cache do not hide from us alone what the last owner left. */
static void shows_no_old_data_past_the_caches(void **state)
{
    struct page *pg, *next;

    machine_start(FRAMES);
    machine_switch(1, 0);
    machine_check(); /* it has written to all of its frames */
    pg = frame(10);
    unmap(10);
    assert_true(free_domain_page(pg));
    machine_switch(2, 0);
    current->domain->max_pages = machine_frames;
    do
        next = alloc_domain_pages(current->domain, 0, 0);
    while (next && next != pg);
    assert_ptr_equal(next, pg);
    unmap(10);
    assert_int_equal(do_update_va_mapping(
                         10 * PAGE_SIZE,
                         (page_to_mfn(pg).n << PAGE_SHIFT) | PTE_PRESENT | PTE_UNCACHED, UVMF_NONE),
                     0);
    machine_check();
    machine_end();
}

/* A domain that does not change cache types pays for no flush. */
static void flushes_no_caches_without_need(void **state)
{
    machine_start(FRAMES);
    machine_switch(2, 0);
    for (unsigned int n = 4; n < FRAMES; n++) {
        struct page *pg = frame(4);

        unmap(n);
        assert_true(free_domain_page(pg));
    }
    machine_end();
    assert_int_equal(machine_cache_flushes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamp_at_every_turn),
        cmocka_unit_test(dies_with_pinned_frames_given_back),
        cmocka_unit_test(death_is_preempted_at_each_step),
        cmocka_unit_test(stamp_against_another_cpu),
        cmocka_unit_test(preempted_tables_are_finished_on_the_way_out),
        cmocka_unit_test(a_busy_directory_is_not_waited_for),
        cmocka_unit_test(gives_back_the_domains_it_names),
        cmocka_unit_test(no_kernel_page_is_global),
        cmocka_unit_test(writes_again_through_a_widened_mapping),
        cmocka_unit_test(checks_tables_as_memory_has_them),
        cmocka_unit_test(checks_descriptors_as_memory_has_them),
        cmocka_unit_test(gives_back_frames_as_memory_has_them),
        cmocka_unit_test(shows_no_old_data_past_the_caches),
        cmocka_unit_test(flushes_no_caches_without_need),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
