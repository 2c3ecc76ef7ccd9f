/* SPDX-License-Identifier: MIT */
/* SOURCES: hypervisor/spinlock.c */
/*
 * System time and the one-shot timer (arch/x86/time.c) on a faked processor: a TSC, a local APIC
 * and a reference clock that agree on the time. The rates go from 10 MHz to 5 GHz, the deadlines
 * from the past to the end of 64 bits. A second CPU, whose TSC differs, has the same system time.
 *
 * QEMU has no TSC deadline, so this is the only test of that mode.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/msr.h>
#include <atomic.h>

static u64 fake_rdtsc(void);
static void fake_wrmsr(u32 msr, u64 v);
static void record_point(void);
#define rdtsc fake_rdtsc
#define wrmsr fake_wrmsr
#undef smp_wmb
#define smp_wmb() record_point()

/* The real clock in place of the one that tests set. NOLINTNEXTLINE(bugprone-suspicious-include) */
#define HOST_ASM_TIME_H
#include "../../../arch/x86/include/asm/time.h"
#include "../../../arch/x86/time.c" /* NOLINT(bugprone-suspicious-include) */

/* ---- the processor ---- */

static u64 tsc, tsc_hz, apic_hz, deadline_msr;
static u8 apic_page[PAGE_SIZE] __aligned(PAGE_SIZE);
static struct cpu cpu_of[2];
static struct cpu_info info_of[2];
static s64 behind[2];              /* how far the TSC of each is behind that of CPU 0 */
static __thread unsigned int here; /* the CPU that this is */

struct cpu_features boot_cpu;
u8 *apic_base = apic_page;
bool x2apic_enabled;
__thread bool host_irqs_on;
struct cpu *cpus[NR_CPUS] = {&cpu_of[0], &cpu_of[1]};
s_time_t host_now; /* by which waits for locks are measured */

struct cpu_info *get_cpu_info(void)
{
    return &info_of[here];
}

static u64 fake_rdtsc(void)
{
    return tsc - (u64)behind[here];
}

/* The local APIC is in xAPIC mode, at addresses in memory. */
u64 rdmsr(u32 msr)
{
    fail_msg("RDMSR of %x", msr);
    return 0;
}

static void fake_wrmsr(u32 msr, u64 v)
{
    assert_int_equal(msr, MSR_TSC_DEADLINE);
    assert_true(deadline_mode);
    deadline_msr = v;
}

static u32 *apic_register(unsigned int reg)
{
    return (u32 *)(apic_page + reg);
}

/* The reference counts at 1 MHz, and each look at it takes a microsecond. */
static u64 reference_read(void)
{
    static u64 count;

    count++;
    tsc += tsc_hz / 1000000;
    *apic_register(APIC_TIMER_CURRENT) -= (u32)(apic_hz / 1000000);
    return count;
}

static bool present(void)
{
    return true;
}

struct refclock hpet_refclock = {"hpet", ~0ULL, 1000000, present, reference_read};
struct refclock pmtimer_refclock = {"acpi", ~0ULL, 1000000, present, reference_read};
struct refclock pit_refclock = {"pit", ~0ULL, 1000000, present, reference_read};

/* ---- what else time.c asks for ---- */

#define BOOT_SECONDS 1700000000ULL

/* The battery clock, which runs by the TSC; where between two of its seconds the machine starts. */
static u64 rtc_phase_ns, tsc_at_start;

static u64 true_ns(void)
{
    u64 ns = (u64)((unsigned __int128)(tsc - tsc_at_start) * 1000000000U / tsc_hz);

    return BOOT_SECONDS * NSEC_PER_SEC + rtc_phase_ns + ns;
}

u64 rtc_read(void)
{
    return true_ns() / NSEC_PER_SEC;
}

void printk(enum loglevel level, const char *fmt, ...)
{
}

void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    __builtin_unreachable();
}

struct domain *get_next_domain(domid_t id)
{
    return NULL;
}

void put_domain(struct domain *d)
{
}

bool vcpu_has_info(const struct vcpu *v)
{
    return true;
}

void *host_guest_pointer(unsigned long addr, unsigned long bytes)
{
    return (void *)addr;
}

void host_guest_window(bool open)
{
}

unsigned long guest_copy_raw(void *dst, const void *src, unsigned long bytes)
{
    memcpy(dst, src, bytes);
    return 0;
}

/* ---- the tests ---- */

static const u64 rates[] = {10000000,   62000000,   100000000,  999000000, 1000000000,
                            1001000000, 2000000000, 2596000000, 5000000000};

static void boot(u64 hz, bool deadline)
{
    tsc_hz = hz;
    apic_hz = 100000000;
    tsc = tsc_at_start = 123456789;
    *apic_register(APIC_TIMER_CURRENT) = ~0U;
    for (unsigned int i = 0; i < 2; i++) {
        info_of[i] = (struct cpu_info){.cpu = &cpu_of[i], .cpu_id = i};
        cpu_of[i] = (struct cpu){.info = &info_of[i], .id = i};
        behind[i] = 0;
    }
    boot_cpu.tsc_deadline = deadline;
    boot_cpu.invariant_tsc = true;
    time_init("");
}

/* System time when the TSC shows @at; one bit more than s_time_t has, for the end of time. */
static u64 time_when(u64 at)
{
    u64 saved = tsc, t;

    tsc = at;
    t = (u64)now();
    tsc = saved;
    return t;
}

static void let_pass(u64 seconds)
{
    tsc += seconds * tsc_hz;
}

/* An hour by the TSC is an hour of system time, whatever the rate. */
static void time_runs_true(void **state)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        s_time_t begin, error;

        boot(rates[i], false);
        begin = now();
        let_pass(3600);
        error = now() - begin - SECONDS(3600);
        assert_true(error > -7200 && error < 7200);
        assert_true(cpu_khz == rates[i] / 1000);
    }
}

static void check_deadline_mode(s_time_t deadline)
{
    s_time_t t = now();

    if (deadline == 0) {
        assert_int_equal(deadline_msr, 0);
        return;
    }
    assert_true(deadline_msr >
                tsc); /* 0 would disarm it, and one that lies behind fires for ever */
    if (deadline <= t) {
        assert_in_range(deadline_msr - tsc, 1, 2);
    } else if (deadline_msr == ~0ULL) {
        assert_true(time_when(~0ULL) < (u64)deadline); /* it cannot be reached */
    } else {
        u64 late = 2 + tsc_hz / NSEC_PER_SEC + (deadline_msr - tsc) / 1000000000;

        assert_true(time_when(deadline_msr) >= (u64)deadline);
        assert_true(late >= deadline_msr - tsc || time_when(deadline_msr - late) < (u64)deadline);
    }
}

static void check_counter_mode(s_time_t deadline)
{
    u32 count = *apic_register(APIC_TIMER_INITIAL);
    s_time_t t = now();
    unsigned __int128 wanted;

    if (deadline == 0) {
        assert_int_equal(count, 0);
        return;
    }
    if (deadline <= t) {
        assert_int_equal(count, 1);
        return;
    }
    wanted = (unsigned __int128)(u64)(deadline - t) * apic_hz / NSEC_PER_SEC;
    if (wanted >= 0xffffffff)
        assert_int_equal(count, 0xffffffff);
    else
        assert_in_range(count, wanted, wanted + 2 + wanted / 1000000);
}

/* Every deadline that may come, after every uptime that may be. */
static void one_shot_timer(void **state)
{
    static const u64 uptimes[] = {0, 1, 86400, 31557600, 10 * 31557600ULL};
    const bool deadline = *(const bool *)*state;

    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        boot(rates[i], deadline);
        for (unsigned int u = 0; u < ARRAY_SIZE(uptimes); u++) {
            s_time_t t, deadlines[20];
            unsigned int n = 0;

            let_pass(uptimes[u]);
            t = now();
            deadlines[n++] = 0;
            deadlines[n++] = 1;
            deadlines[n++] = t - 1;
            deadlines[n++] = t;
            deadlines[n++] = t + 1;
            deadlines[n++] = t + 999;
            deadlines[n++] = t + MILLISECS(10);
            deadlines[n++] = t + SECONDS(3600);
            deadlines[n++] = t + SECONDS(0x40000);
            deadlines[n++] = 1LL << 62;
            deadlines[n++] = (1LL << 62) + 12345;
            deadlines[n++] = INT64_MAX / 10;
            deadlines[n++] = INT64_MAX / 5;
            deadlines[n++] = INT64_MAX / 5 + 1;
            deadlines[n++] = INT64_MAX - 1;
            deadlines[n++] = INT64_MAX;
            /* A guest's, with the top bit set: past. */
            deadlines[n++] = -1;
            deadlines[n++] = INT64_MIN;
            deadlines[n++] = INT64_MIN + 1;
            deadlines[n++] = INT64_MIN / 2;
            for (unsigned int k = 0; k < n; k++) {
                arch_set_timer(deadlines[k]);
                if (deadline)
                    check_deadline_mode(deadlines[k]);
                else
                    check_counter_mode(deadlines[k]);
            }
        }
    }
}

/* What a guest makes of the record @rec when the TSC shows @at. */
static u64 guest_time(const struct vcpu_time_info *rec, u64 at)
{
    u64 ticks = at - rec->tsc_timestamp;

    ticks = rec->tsc_shift >= 0 ? ticks << rec->tsc_shift : ticks >> -rec->tsc_shift;
    return rec->system_time + (u64)((unsigned __int128)ticks * rec->tsc_to_system_mul >> 32);
}

static void time_record(void **state)
{
    struct domain d = {0};
    struct vcpu v = {.domain = &d};
    struct vcpu_time_info rec;

    for (unsigned int i = 0; i < ARRAY_SIZE(rates); i++) {
        u64 ns;

        boot(rates[i], false);
        let_pass(1000000);
        time_get_record(&v, &rec);
        ns = guest_time(&rec, tsc);
        /* The guest's clock and ours differ by one tick at most. */
        assert_in_range((u64)now() - ns, 0, NSEC_PER_SEC / rates[i] + 1);
    }
}

/* ---- a second CPU ---- */

/* At one moment both CPUs have one time, and so has a guest, whichever of them it is on. */
static void expect_one_time(void)
{
    struct domain d = {0};
    struct vcpu v = {.domain = &d};
    struct vcpu_time_info rec;
    s_time_t ours[2];
    u64 guests[2];

    for (unsigned int i = 0; i < 2; i++) {
        here = v.processor = i;
        ours[i] = now();
        time_get_record(&v, &rec);
        guests[i] = guest_time(&rec, fake_rdtsc());
        assert_int_equal(rec.flags, tscs_differ ? 0 : XEN_PVCLOCK_TSC_STABLE_BIT);
    }
    here = 0;
    assert_true(ours[0] == ours[1]);
    assert_true(guests[0] == guests[1]);
}

static void one_time_on_two_cpus(void **state)
{
    static const s64 distances[] = {0, 1, -1, 12345, -12345, 1LL << 40, -(1LL << 40)};

    for (unsigned int r = 0; r < ARRAY_SIZE(rates); r++)
        for (unsigned int i = 0; i < ARRAY_SIZE(distances); i++) {
            bool deadline = i % 2;

            boot(rates[r], deadline);
            let_pass(1);
            *apic_register(APIC_TIMER_DIVIDE) = *apic_register(APIC_LVT_TIMER) = 0;
            behind[1] = distances[i];
            here = 1;
            time_cpu_init(distances[i]);
            here = 0;
            assert_int_equal(*apic_register(APIC_TIMER_DIVIDE), APIC_DIVIDE_BY_1);
            assert_int_equal(*apic_register(APIC_LVT_TIMER),
                             TIMER_VECTOR | (deadline ? APIC_LVT_TIMER_DEADLINE : 0));
            /* Those set right by TSC_ADJUST are as equal as others. */
            if (distances[i])
                time_tsc_differs();
            assert_int_equal(tscs_differ, distances[i] != 0);
            expect_one_time();
            let_pass(86400);
            expect_one_time();
            tscs_differ = false;
        }
}

/* ---- two CPUs write one record ---- */

int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
int sched_yield(void);

static struct {
    struct vcpu *v; /* NULL: nobody looks */
    struct vcpu_time_info before;
    u32 last;           /* the version that a guest saw last */
    unsigned int looks; /* of the first writer's */
    unsigned long thread;
    u32 second_waits, second_is_done;
} record;

/* A guest looks at the record, and must find that it changes if it may be half changed. */
static void look(void)
{
    const struct vcpu_time_info *rec = &record.v->info->time;

    assert_true(rec->version % 2);
    assert_true(rec->version >= record.last);
    record.last = rec->version;
}

static void *second_writer(void *arg)
{
    here = 1;
    arch_update_time_record(record.v);
    store_release(&record.second_is_done, 1);
    return NULL;
}

/* Between two steps of a writer. During those of the first one the second one begins. */
static void record_point(void)
{
    const struct vcpu_time_info *rec;

    if (!record.v)
        return;
    if (here == 1) {
        record.last = MAX(record.last, record.v->info->time.version);
        return;
    }
    look();
    rec = &record.v->info->time;
    if (record.looks++) {
        assert_memory_not_equal(&rec->tsc_timestamp, &record.before.tsc_timestamp, 8);
        return;
    }
    assert_memory_equal(&rec->pad0, &record.before.pad0, sizeof(*rec) - sizeof(rec->version));
    assert_int_equal(pthread_create(&record.thread, NULL, second_writer, NULL), 0);
    while (!load_acquire(&record.second_waits) && !load_acquire(&record.second_is_done))
        sched_yield();
    look();
}

void tlb_relax(void)
{
    if (here != 1)
        __builtin_trap(); /* nobody else runs who could end a wait */
    store_release(&record.second_waits, 1);
    sched_yield();
}

static void two_write_one_record(void **state)
{
    struct vcpu_info area = {0};
    struct domain d = {0};
    struct vcpu v = {.domain = &d, .info = &area};
    u64 ns;

    boot(1000000000, false);
    let_pass(1);
    spin_lock_init(&v.arch.time_lock, RANK_DEVICE);
    arch_update_time_record(&v);
    assert_int_equal(area.time.version, 2);
    area.time.version = 77; /* a guest's matter */
    info_of[0].clock.tsc_base -= 5;
    info_of[1].clock = info_of[0].clock;
    memset(&record, 0, sizeof(record));
    record.before = area.time;
    record.v = &v;
    arch_update_time_record(&v);
    record.v = NULL;
    assert_int_equal(pthread_join(record.thread, NULL), 0);
    assert_int_equal(record.looks, 2);
    assert_int_equal(area.time.version, 6);
    ns = guest_time(&area.time, tsc);
    assert_in_range((u64)now() - ns, 0, 1);
}

static u64 wallclock_error(void)
{
    s64 error = (s64)(wallclock_base + (u64)now() - true_ns());

    return (u64)(error < 0 ? -error : error);
}

/* Half a second at most, without waiting for the battery clock; less when it is looked at again. */
static void wall_clock(void **state)
{
    u64 sum = 0, later = 0;

    for (unsigned int i = 0; i < 100; i++) {
        u64 first;

        rtc_phase_ns = i * 10000000ULL;
        boot(1000000000, false);
        first = wallclock_error();
        assert_in_range(first, 0, 500000000);
        sum += first;
        tsc += 1300000000ULL; /* builds dom0 */
        time_settle();
        assert_in_range(wallclock_error(), 0, 500000000);
        later += wallclock_error();
    }
    assert_in_range(sum / 100, 0, 260000000);
    assert_in_range(later / 100, 0, 200000000);
    rtc_phase_ns = 0;
}

int main(void)
{
    static bool yes = true, no = false;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_runs_true),
        {"one_shot_timer_by_deadline", one_shot_timer, NULL, NULL, &yes},
        {"one_shot_timer_by_counting", one_shot_timer, NULL, NULL, &no},
        cmocka_unit_test(time_record),
        cmocka_unit_test(one_time_on_two_cpus),
        cmocka_unit_test(two_write_one_record),
        cmocka_unit_test(wall_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
