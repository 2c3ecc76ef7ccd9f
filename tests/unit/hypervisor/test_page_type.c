/* SPDX-License-Identifier: MIT */
/*
 * Frames that change their type or lose their domain at awkward moments: cases that the fuzzer of
 * the page-type machine does not come upon by itself. The machine's own checks (counts, TLB,
 * nothing left at the end) panic when one is wrong.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) tests/fuzz/pv_machine.c tests/fuzz/pv_tlb.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/page_table.h>
#include <asm/pv.h>

#include "../../fuzz/pv_machine.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamp_at_every_turn),
        cmocka_unit_test(dies_with_pinned_frames_given_back),
        cmocka_unit_test(stamp_against_another_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
