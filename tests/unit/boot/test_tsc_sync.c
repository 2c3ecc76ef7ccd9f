/* SPDX-License-Identifier: MIT */
/*
 * Comparing the TSCs of two CPUs: from readings that take a chance time, of TSCs that differ by a
 * known distance, the distance is found to within the fastest exchange; and equal ones count as
 * equal. A TSC that differs is set right where the CPU has IA32_TSC_ADJUST.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/msr.h>

static u64 fake_rdtsc(void);
#define rdtsc fake_rdtsc

#include "../../../arch/x86/boot/tsc_sync.c" /* NOLINT(bugprone-suspicious-include) */

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
int sched_yield(void);

s_time_t host_now;

/* What a CPU waits for comes within moments, or never. */
void tlb_relax(void)
{
    static __thread unsigned long waits;

    if (++waits % (1UL << 24) == 0)
        __builtin_trap();
    sched_yield();
}

static u64 sequence;

/* @return the next of a fixed sequence of chance numbers */
static u64 chance(void)
{
    sequence = sequence * 6364136223846793005ULL + 1442695040888963407ULL;
    return sequence >> 33;
}

/* ---- two CPUs, which read their TSCs by turns ---- */

static struct {
    u64 ticks;         /* of CPU 0's TSC */
    s64 distance;      /* of the other one's: CPU 0's less its own */
    u64 adjust;        /* its IA32_TSC_ADJUST */
    u32 max_leaf;      /* of CPUID */
    bool has_adjust;   /* says CPUID */
    bool stuck;        /* what is written to the register changes nothing */
    unsigned int asks; /* for the feature or the register */
    bool misused;      /* what it does not have, or by CPU 0 */
} machine;
static __thread bool is_other;

/* Each reading comes a chance time after the one before it. */
static u64 fake_rdtsc(void)
{
    machine.ticks += 50 + chance() % 950;
    return machine.ticks - (u64)(is_other ? machine.distance : 0);
}

struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    machine.asks++;
    if (leaf == 0)
        return (struct cpuid){.eax = machine.max_leaf};
    machine.misused |= leaf != 7 || subleaf || machine.max_leaf < 7;
    return (struct cpuid){.ebx = machine.has_adjust ? 1U << 1 : ~(1U << 1)};
}

u64 rdmsr(u32 msr)
{
    machine.misused |= msr != 0x3b || !is_other || !machine.has_adjust;
    machine.asks++;
    return machine.adjust;
}

/* What is added to the register is added to the TSC (Intel SDM volume 3, 18.17.3). */
void wrmsr(u32 msr, u64 v)
{
    machine.misused |= msr != 0x3b || !is_other || !machine.has_adjust;
    if (!machine.stuck)
        machine.distance -= (s64)(v - machine.adjust);
    machine.adjust = v;
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

struct measured {
    s64 found, left;
};

static void *other_cpu(void *arg)
{
    struct measured *m = arg;

    is_other = true;
    m->found = tsc_sync_measure(&m->left);
    return NULL;
}

#define CHANCE_TICKS 1000 /* what the time of an exchange can hide */
#define FIRMWARE     12345U

/* A CPU whose TSC is @distance behind that of CPU 0 measures that. */
static struct measured measure(s64 distance)
{
    struct measured m = {-1, -1};
    unsigned long thread;

    machine.ticks = 1ULL << 62;
    machine.distance = distance;
    machine.adjust = FIRMWARE;
    machine.asks = 0;
    assert_int_equal(pthread_create(&thread, NULL, other_cpu, &m), 0);
    tsc_sync_serve(SECONDS(1));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(machine.misused);
    return m;
}

static int setup(void **state)
{
    sequence = 3;
    machine.max_leaf = 0xd;
    machine.has_adjust = true;
    machine.stuck = false;
    return 0;
}

/* Only a CPU whose TSC differs looks for the register. */
static void equal_tscs_are_left_alone(void **state)
{
    for (int i = 0; i < 20; i++) {
        struct measured m = measure(0);

        assert_int_equal(m.found, 0);
        assert_int_equal(m.left, 0);
        assert_int_equal(machine.asks, 0);
        assert_int_equal(machine.adjust, FIRMWARE);
    }
}

static const s64 behind[] = {3000,      -3000,      1000000,   -1000000,
                             123456789, -123456789, 1LL << 60, -(1LL << 60)};

static void assert_near(s64 a, s64 b)
{
    assert_in_range(a - b + CHANCE_TICKS, 0, 2 * CHANCE_TICKS);
}

static void a_tsc_is_set_right(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(behind); i++) {
        struct measured m = measure(behind[i]);

        assert_near(m.found, behind[i]);
        assert_int_equal(machine.adjust, FIRMWARE + (u64)m.found);
        assert_near(machine.distance, 0);
        assert_int_equal(m.left, 0);
    }
}

/* Not every CPU has the register, nor the leaf that tells; and a hypervisor may ignore it. */
static void a_tsc_that_stays_different_is_told(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(behind); i++) {
        struct measured m;

        machine.has_adjust = false;
        m = measure(behind[i]);
        assert_near(m.left, behind[i]);
        assert_int_equal(m.left, m.found);
        assert_int_equal(machine.adjust, FIRMWARE);

        machine.max_leaf = 6;
        m = measure(behind[i]);
        assert_int_equal(m.left, m.found);
        machine.max_leaf = 0xd;

        machine.has_adjust = machine.stuck = true;
        m = measure(behind[i]);
        assert_near(m.found, behind[i]);
        assert_near(m.left, behind[i]);
        machine.stuck = false;
    }
}

/* CPU 0 waits for a CPU that does not ask until its time is over, and serves the next one. */
static void a_silent_cpu_does_not_hold_up_cpu_0(void **state)
{
    host_now = SECONDS(2);
    tsc_sync_serve(SECONDS(1));
    host_now = 0;
    assert_int_equal(measure(0).found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_ones_count_as_equal),
        cmocka_unit_test(the_distance_is_found),
        cmocka_unit_test(the_bounds_are_sharp),
        cmocka_unit_test(different_rates_have_no_distance),
        cmocka_unit_test_setup(equal_tscs_are_left_alone, setup),
        cmocka_unit_test_setup(a_tsc_is_set_right, setup),
        cmocka_unit_test_setup(a_tsc_that_stays_different_is_told, setup),
        cmocka_unit_test_setup(a_silent_cpu_does_not_hold_up_cpu_0, setup),
    };

    return cmocka_run_group_tests_name("comparing TSCs", tests, NULL, NULL);
}
