/* SPDX-License-Identifier: MIT */
/*
 * In which order a CPU takes the time, changes its root, forgets and says so (arch/x86/tlb.c).
 * Another order would be a hole that no test of what the CPU remembers in the end shows.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/tlb.h>
#include <host_x86.h>
#include <percpu.h>

#define ROOT 0x5000UL

static enum host_tlb_event events[8];
static unsigned int count;
static u32 now_before, stamp_before;

/* The time has been taken, and what the CPU says of itself is still old. */
void host_tlb_event(enum host_tlb_event event, unsigned long value)
{
    assert_true(count < ARRAY_SIZE(events));
    events[count++] = event;
    assert_int_equal(tlb_now, now_before + 1);
    assert_int_equal(this_cpu()->arch.tlb_stamp, stamp_before);
    if (event == HOST_TLB_CR3)
        assert_int_equal(value, ROOT);
}

static int setup(void **state)
{
    host_boot(256);
    if (!this_cpu()->arch.gdt)
        host_boot_x86();
    count = 0;
    now_before = tlb_now;
    stamp_before = this_cpu()->arch.tlb_stamp;
    return 0;
}

static void a_flush(void **state)
{
    tlb_flush_local();
    assert_true(count > 0);
    assert_int_equal(this_cpu()->arch.tlb_stamp, now_before + 1);
}

/* What is loaded from the old root up to the last moment, even if global, is forgotten, too. */
static void another_root(void **state)
{
    tlb_switch_root(ROOT);
    assert_true(count > 1);
    assert_int_equal(events[0], HOST_TLB_CR3);
    for (unsigned int i = 1; i < count; i++)
        assert_int_equal(events[i], HOST_TLB_CR4);
    assert_int_equal(read_cr3(), ROOT);
    assert_int_equal(this_cpu()->arch.tlb_stamp, now_before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_flush, setup),
        cmocka_unit_test_setup(another_root, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
