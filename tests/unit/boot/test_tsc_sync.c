/* SPDX-License-Identifier: MIT */
/*
 * Comparing the TSCs of two CPUs: from readings that take a chance time, of TSCs that differ by a
 * known distance, the distance is found to within the fastest exchange; and equal ones count as
 * equal.
 */
/* SOURCES: arch/x86/boot/tsc_sync.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/tlb.h>
#include <lib.h>

#include "../../../arch/x86/boot/tsc_sync.h"

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);

void tlb_relax(void)
{
}

s_time_t host_now;

/* Only a CPU whose TSC differs looks for IA32_TSC_ADJUST. */
struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    fail_msg("CPUID leaf %#x is read", leaf);
    return (struct cpuid){0};
}

u64 rdmsr(u32 msr)
{
    fail_msg("MSR %#x is read", msr);
    return 0;
}

void wrmsr(u32 msr, u64 v)
{
    fail_msg("MSR %#x is written", msr);
}

static u64 sequence;

/* @return the next of a fixed sequence of chance numbers */
static u64 chance(void)
{
    sequence = sequence * 6364136223846793005ULL + 1442695040888963407ULL;
    return sequence >> 33;
}

/* Exchanges messages that take @fastest to @slowest ticks each way. */
static s64 measured(s64 distance, unsigned int rounds, u64 fastest, u64 slowest)
{
    struct tsc_bounds bounds = TSC_UNBOUNDED;
    u64 ours = 1000000;

    for (unsigned int i = 0; i < rounds; i++) {
        u64 there = fastest + chance() % (slowest - fastest + 1);
        u64 back = fastest + chance() % (slowest - fastest + 1);

        tsc_bounds_narrow(&bounds, ours, ours + there + (u64)distance, ours + there + back);
        ours += there + back + chance() % 1000;
    }
    return tsc_distance(&bounds);
}

static void equal_ones_count_as_equal(void **state)
{
    sequence = 1;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(measured(0, 32, 50, 1000), 0);
}

static void the_distance_is_found(void **state)
{
    static const s64 distances[] = {1000, -1000, 123456789, -123456789, 1LL << 60, -(1LL << 60)};

    sequence = 2;
    for (unsigned int d = 0; d < ARRAY_SIZE(distances); d++)
        for (int i = 0; i < 1000; i++) {
            s64 error = measured(distances[d], 32, 50, 1000) - distances[d];

            /* One reading leaves at most half of its exchange, and 32 of them much less. */
            assert_in_range(error + 1000, 0, 2000);
            error = measured(distances[d], 1, 50, 60) - distances[d];
            assert_in_range(error + 5, 0, 10);
        }
}

/* A small distance is told from none when the fastest exchange is faster. */
static void the_bounds_are_sharp(void **state)
{
    struct tsc_bounds bounds = TSC_UNBOUNDED;

    tsc_bounds_narrow(&bounds, 100, 200, 200);
    assert_int_equal(bounds.low, 0);
    assert_int_equal(bounds.high, 100);
    assert_int_equal(tsc_distance(&bounds), 0);
    tsc_bounds_narrow(&bounds, 300, 401, 400);
    assert_int_equal(bounds.low, 1);
    assert_int_equal(bounds.high, 100);
    assert_int_equal(tsc_distance(&bounds), 50);
    tsc_bounds_narrow(&bounds, 500, 502, 600);
    assert_int_equal(tsc_distance(&bounds), 1);
    bounds = TSC_UNBOUNDED;
    tsc_bounds_narrow(&bounds, 100, 100, 200);
    assert_int_equal(tsc_distance(&bounds), 0);
    tsc_bounds_narrow(&bounds, 300, 299, 400);
    assert_int_equal(bounds.high, -1);
    assert_int_equal(tsc_distance(&bounds), -51);
}

/* The middle of bounds that cross: the two do not count at one rate. */
static void different_rates_have_no_distance(void **state)
{
    struct tsc_bounds bounds = TSC_UNBOUNDED;

    tsc_bounds_narrow(&bounds, 1000, 1010, 1010);
    tsc_bounds_narrow(&bounds, 2000, 2100, 2010);
    tsc_bounds_narrow(&bounds, 3000, 3020, 3010);
    assert_true(bounds.low > bounds.high);
    assert_int_equal(tsc_distance(&bounds), 50);
}

static void *other_cpu(void *found)
{
    *(s64 *)found = tsc_sync_measure((s64 *)found + 1);
    return NULL;
}

/* Two threads of one machine, whose TSCs count alike. */
static void the_exchange_ends(void **state)
{
    for (int i = 0; i < 20; i++) {
        s64 found[2] = {-1, -1};
        unsigned long thread;

        assert_int_equal(pthread_create(&thread, NULL, other_cpu, found), 0);
        tsc_sync_serve(SECONDS(1));
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(found[0], 0);
        assert_int_equal(found[1], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_count_as_equal),
        cmocka_unit_test(the_distance_is_found),
        cmocka_unit_test(the_bounds_are_sharp),
        cmocka_unit_test(different_rates_have_no_distance),
        cmocka_unit_test(the_exchange_ends),
    };

    return cmocka_run_group_tests_name("comparing TSCs", tests, NULL, NULL);
}
