/* SPDX-License-Identifier: MIT */
/*
 * The watchdog on a faked machine: each CPU is watched by another one, and by its own performance
 * counter where there is one, so that a machine of one CPU is watched, too.
 */
/* SOURCES: arch/x86/watchdog.c hypervisor/lib/printf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arch.h>
#include <asm/apic.h>
#include <asm/cpu_features.h>
#include <asm/watchdog.h>
#include <percpu.h>

#define CPUS 3U

static struct cpu cpu_of[CPUS];
static struct cpu_info info_of[CPUS];
static unsigned int here;

struct cpu *cpus[NR_CPUS];
unsigned int nr_cpus;
cpumask_t cpu_online;
struct cpu_features boot_cpu;
u64 cpu_khz;
s_time_t host_now;
__thread bool host_irqs_on;
bool x2apic_enabled;
static u8 apic_page[CPUS][PAGE_SIZE] __aligned(PAGE_SIZE);
u8 *apic_base = apic_page[0];

static void go_to(unsigned int cpu)
{
    here = cpu;
    apic_base = apic_page[cpu];
}

char *strstr(const char *haystack, const char *needle);

static char message[256];

void printk(enum loglevel level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
}

struct cpu_info *get_cpu_info(void)
{
    return &info_of[here];
}

/* ---- the counters ---- */

#define INTEL_SELECT 0x186U
#define INTEL_VALUE  0xc1U
#define INTEL_GLOBAL 0x38fU
#define AMD_SELECT   0xc0010000U
#define AMD_VALUE    0xc0010004U
#define WIDTH        48U

static struct {
    u64 select, value, global;
} counter[CPUS];
static u32 counters_leaf, no_cycles; /* CPUID leaf 0xa: EAX, EBX */
static bool is_amd;
static unsigned int nmis[CPUS];

struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    assert_int_equal(leaf, 0xa);
    assert_true(boot_cpu.max_leaf >= 0xa);
    return (struct cpuid){.eax = counters_leaf, .ebx = no_cycles};
}

u64 rdmsr(u32 msr)
{
    if (!is_amd && msr == INTEL_GLOBAL)
        return counter[here].global;
    assert_int_equal(msr, is_amd ? AMD_VALUE : INTEL_VALUE);
    return counter[here].value;
}

/* What is written to a counter of Intel's has 32 bits, whose highest one fills up the others. */
void wrmsr(u32 msr, u64 v)
{
    if (!is_amd && msr == INTEL_GLOBAL) {
        counter[here].global = v;
    } else if (msr == (is_amd ? AMD_VALUE : INTEL_VALUE)) {
        counter[here].value = (is_amd ? v : (u64)(s32)v) & ((1ULL << WIDTH) - 1);
    } else {
        assert_int_equal(msr, is_amd ? AMD_SELECT : INTEL_SELECT);
        counter[here].select = v;
    }
}

static u32 lvt(void)
{
    return *(u32 *)(apic_page[here] + APIC_LVT_PMC);
}

/* The CPU works for @ns; it counts if it was told to. */
static bool overflows(s_time_t ns)
{
    u64 before = counter[here].value;

    if (!(counter[here].select >> 22 & 1) || (!is_amd && !(counter[here].global & 1)))
        return false;
    counter[here].value = (before + (u64)ns * cpu_khz / 1000000) & ((1ULL << WIDTH) - 1);
    if (counter[here].value >= before)
        return false;
    assert_int_equal(counter[here].select & 0xfff0ffff, is_amd ? 0x500076 : 0x50003c);
    assert_int_equal(lvt(), APIC_LVT_NMI);
    *(u32 *)(apic_page[here] + APIC_LVT_PMC) |= APIC_LVT_MASKED; /* as Intel's does */
    return true;
}

void apic_send_nmi(u32 apic_id)
{
    nmis[apic_id - 100]++;
}

/* ---- timers ---- */

void timer_init(struct timer *t, void (*fn)(void *arg), void *arg, unsigned int cpu)
{
    *t = (struct timer){.fn = fn, .arg = arg, .cpu = cpu};
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->expires = expires;
}

void timer_stop(struct timer *t)
{
    t->expires = 0;
}

/* ---- the machine ---- */

static bool hung[CPUS], reported[CPUS];
static unsigned int ticks; /* NMIs of counters */

/* What the NMI handler does. */
static void nmi(void)
{
    ticks += watchdog_tick();
    reported[here] |= watchdog_accuses();
}

/* All CPUs work for @seconds, those that hang with their interrupts off. */
static void work(unsigned int seconds)
{
    for (unsigned int i = 0; i < seconds * 10; i++) {
        host_now += MILLISECS(100);
        for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
            struct timer *t = &cpu_of[cpu].arch.watchdog.timer;

            if (!cpumask_test(&cpu_online, cpu))
                continue;
            go_to(cpu);
            if (!hung[here] && t->expires && t->expires <= host_now)
                t->fn(t->arg);
            if (overflows(MILLISECS(100)))
                nmi();
        }
        for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
            if (nmis[cpu]) {
                nmis[cpu] = 0;
                go_to(cpu);
                nmi();
            }
    }
    go_to(0);
}

static void boot(unsigned int nr, const char *vendor)
{
    memset(cpu_of, 0, sizeof(cpu_of));
    memset(counter, 0, sizeof(counter));
    memset(&cpu_online, 0, sizeof(cpu_online));
    memset(nmis, 0, sizeof(nmis));
    memset(hung, 0, sizeof(hung));
    memset(reported, 0, sizeof(reported));
    nr_cpus = nr;
    for (unsigned int i = 0; i < nr; i++) {
        info_of[i] = (struct cpu_info){.cpu = &cpu_of[i], .cpu_id = i};
        cpu_of[i].id = i;
        cpu_of[i].arch.apic_id = 100 + i;
        cpus[i] = &cpu_of[i];
        cpumask_set(&cpu_online, i);
    }
    is_amd = !strcmp(vendor, "AuthenticAMD");
    snprintf(boot_cpu.vendor, sizeof(boot_cpu.vendor), "%s", vendor);
    boot_cpu.family = 0x17;
    boot_cpu.hypervisor = false;
    cpu_khz = 3000000; /* a second is more than Intel's counters can be set to */
    ticks = 0;
    go_to(0);
    host_now = SECONDS(100);
    message[0] = '\0';
    watchdog_start(5);
}

/* Version 2, 4 counters of 48 bits, 7 events. */
static void with_intel(unsigned int nr)
{
    boot_cpu.max_leaf = 0xd;
    counters_leaf = 7U << 24 | WIDTH << 16 | 4U << 8 | 2;
    no_cycles = 0;
    boot(nr, "GenuineIntel");
}

static void without(unsigned int nr)
{
    boot_cpu.max_leaf = 0xd;
    counters_leaf = 0;
    boot(nr, "GenuineIntel");
}

/* Family 0x17, which has no leaf for its counters. */
static void with_amd(unsigned int nr)
{
    boot_cpu.max_leaf = 0xd;
    counters_leaf = 0;
    boot(nr, "AuthenticAMD");
}

static void expect_report(unsigned int cpu)
{
    work(3);
    assert_false(reported[0] || reported[1] || reported[2]);
    hung[cpu] = true;
    work(4);
    assert_false(reported[0] || reported[1] || reported[2]);
    work(6);
    for (unsigned int i = 0; i < CPUS; i++)
        assert_int_equal(reported[i], i == cpu);
}

static void by_another_cpu(void **state)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        without(CPUS);
        expect_report(cpu);
        assert_int_equal(ticks, 0);
    }
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        without(2);
        expect_report(cpu);
    }
}

/* All others hang as well: each CPU finds itself. */
static void by_its_own_counter(void **state)
{
    with_intel(1);
    assert_non_null(strstr(message, "Watchdog: "));
    expect_report(0);
    with_amd(1);
    expect_report(0);
    with_intel(CPUS);
    work(3);
    hung[0] = hung[1] = hung[2] = true;
    work(8);
    assert_true(reported[0] && reported[1] && reported[2]);
}

/* About one NMI a second, as long as it works, and none of them is taken for a report. */
static void a_cpu_that_works_is_left_alone(void **state)
{
    with_intel(2);
    work(100);
    assert_false(reported[0] || reported[1]);
    assert_in_range(ticks, 200, 300);
    with_amd(1);
    work(100);
    assert_in_range(ticks, 80, 100);
    assert_false(reported[0]);
}

/* Somebody else's NMI is not the counter's. */
static void other_nmis(void **state)
{
    with_intel(1);
    assert_false(watchdog_tick());
    work(3);
    ticks = 0;
    assert_false(watchdog_tick());
    assert_false(watchdog_accuses());
}

static void one_cpu_without_a_counter(void **state)
{
    static const u32 leaves[] = {0, WIDTH << 16 | 2, 7U << 24 | WIDTH << 16 | 2};

    for (unsigned int i = 0; i < ARRAY_SIZE(leaves); i++) {
        counters_leaf = leaves[i];
        boot(1, "GenuineIntel");
        assert_string_equal(message, "watchdog=: one CPU that cannot count its cycles has no "
                                     "other that could watch it");
        work(20);
        assert_int_equal(ticks, 0);
    }
    with_intel(1);
    no_cycles = 1;
    message[0] = '\0';
    boot(1, "GenuineIntel");
    assert_non_null(strstr(message, "cannot count"));
    boot_cpu.max_leaf = 9;
    boot(1, "GenuineIntel");
    assert_non_null(strstr(message, "cannot count"));
}

/* Out of use a CPU neither beats nor counts; back, it is watched anew. */
static void a_cpu_goes_and_comes_back(void **state)
{
    with_intel(2);
    work(3);
    go_to(1);
    watchdog_leave();
    assert_int_equal(counter[1].select, 0);
    assert_int_equal(lvt(), APIC_LVT_MASKED);
    cpumask_clear(&cpu_online, 1);
    work(60);
    assert_false(reported[0] || reported[1]);
    go_to(1);
    watchdog_return();
    cpumask_set(&cpu_online, 1);
    work(20);
    assert_false(reported[0] || reported[1]);
    assert_int_not_equal(counter[1].select, 0);
    hung[1] = true;
    work(8);
    assert_true(reported[1]);
    assert_false(reported[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* The first one finds no counter, as at boot. */
        cmocka_unit_test(by_another_cpu),     cmocka_unit_test(one_cpu_without_a_counter),
        cmocka_unit_test(by_its_own_counter), cmocka_unit_test(a_cpu_that_works_is_left_alone),
        cmocka_unit_test(other_nmis),         cmocka_unit_test(a_cpu_goes_and_comes_back),
    };

    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
