/* SPDX-License-Identifier: MIT */
/*
 * System time, the time records of vCPUs, the wall clock, and the one-shot timer.
 *
 * At boot the TSC and the local APIC's timer are measured against a reference clock; from then on
 * system time is the TSC times a constant, so a vCPU's time record is written once and stays right:
 * reading the time costs a guest no exit and us no update. (A TSC whose rate changes is reported at
 * boot; such machines are fifteen years old.)
 *
 * The timer is the local APIC's: in deadline mode, where it compares with the TSC, when the CPU has
 * that, else by counting down.
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/cpu_features.h>
#include <asm/irq.h>
#include <asm/refclock.h>
#include <asm/rtc.h>
#include <asm/time.h>
#include <guest_access.h>
#include <lib.h>
#include <meter.h>
#include <page_alloc.h>
#include <percpu.h>

#define CALIBRATION_NS 20000000U
#define READ_TRIES     16U
#define MIN_TSC_HZ     10000000U /* Bochs says 100 MHz, a little less as measured */
#define MIN_TIMER_HZ   1000000U

u64 cpu_khz;

/* The same on all CPUs. */
static struct time_scale tsc_scale; /* TSC ticks to ns, as the ABI's record has it */
static u64 timer_ticks_per_ns;      /* of the counter that the timer compares or counts down */
static bool deadline_mode;
static bool tsc_stable;
bool tscs_differ;

/* Wall clock at system time 0, in ns since 1970. */
static u64 wallclock_base;
static spinlock_t wallclock_lock = SPINLOCK_INIT(RANK_DEVICE);

/* A reading of all three clocks, as simultaneous as possible. */
struct reading {
    u64 tsc, ref;
    u32 timer;
};

static struct reading __init read_clocks(const struct refclock *ref)
{
    struct reading best = {0};
    u64 best_took = ~0ULL;

    /*
     * We take the reading during which the least time passed: an SMI or the emulator disturbed it
     * least.
     */
    for (unsigned int i = 0; i < READ_TRIES; i++) {
        u64 before = rdtsc();
        u64 count = ref->read();
        u32 timer = apic_read(APIC_TIMER_CURRENT);
        u64 took = rdtsc() - before;

        if (took < best_took) {
            best_took = took;
            best = (struct reading){before + took / 2, count, timer};
        }
    }
    return best;
}

/* Measures TSC and APIC timer frequency, in Hz, against @ref. */
static void __init measure_clocks(const struct refclock *ref, u64 *tsc_hz, u64 *timer_hz)
{
    u64 wanted = ref->frequency * (CALIBRATION_NS / 1000000U) / 1000U;
    struct reading start, end;
    u64 ref_ticks;

    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | TIMER_VECTOR);
    apic_write(APIC_TIMER_INITIAL, ~0U);
    start = read_clocks(ref);
    while (((ref->read() - start.ref) & ref->mask) < wanted)
        cpu_relax();
    end = read_clocks(ref);
    apic_write(APIC_TIMER_INITIAL, 0);
    ref_ticks = (end.ref - start.ref) & ref->mask;
    *tsc_hz = mul_div64(end.tsc - start.tsc, ref->frequency, ref_ticks);
    *timer_hz = mul_div64(start.timer - end.timer, ref->frequency, ref_ticks);
}

static struct refclock *__init choose_reference(const char *wanted)
{
    struct refclock *const clocks[] = {&hpet_refclock, &pmtimer_refclock, &pit_refclock};
    bool known = !*wanted;

    for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++)
        if (*wanted && !strcmp(clocks[i]->name, wanted)) {
            known = true;
            if (clocks[i]->probe())
                return clocks[i];
        }
    if (*wanted)
        printk(LOG_WARNING, "clocksource=%s: %s", wanted,
               known ? "not present on this machine" : "not known; expected hpet, acpi or pit");
    for (unsigned int i = 0; i < ARRAY_SIZE(clocks); i++)
        if (clocks[i]->probe())
            return clocks[i];
    panic("No clock works: neither HPET nor PM timer nor PIT counts");
}

/*
 * Reads the battery clock, which tells whole seconds; to wait for the next second would make each
 * boot half a second longer. So the wall clock lies between two bounds, which each reading narrows,
 * and the middle of them is at most half a second wrong.
 * @return false: the clock holds no date
 */
static u64 __initdata wallclock_from, wallclock_to; /* bounds of wallclock_base */

static bool __init look_at_rtc(void)
{
    s_time_t before = now();
    u64 ns = rtc_read() * NSEC_PER_SEC, from, to;

    if (!ns)
        return false;
    from = ns - (u64)now();
    to = ns + NSEC_PER_SEC - (u64)before;
    if (from < wallclock_to && to > wallclock_from) {
        from = MAX(from, wallclock_from);
        to = MIN(to, wallclock_to);
    } /* else it was set meanwhile */
    wallclock_from = from;
    wallclock_to = to;
    wallclock_base = from + (to - from) / 2;
    return true;
}

void time_cpu_init(s64 tsc_distance)
{
    struct cpu_clock *c = &get_cpu_info()->clock;

    apic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, TIMER_VECTOR | (deadline_mode ? APIC_LVT_TIMER_DEADLINE : 0));
    if (deadline_mode) /* the mode must have changed before the first deadline is written */
        __asm__ volatile("mfence" ::: "memory");
    if (c != &cpus[0]->info->clock) {
        *c = cpus[0]->info->clock;
        c->tsc_base -= (u64)tsc_distance;
    }
}

void __init time_tsc_differs(void)
{
    tsc_stable = false;
    tscs_differ = true;
}

void __init time_init(const char *reference)
{
    const struct refclock *ref = choose_reference(reference);
    struct cpu_clock *c = &get_cpu_info()->clock;
    u64 tsc_hz, timer_hz;

    measure_clocks(ref, &tsc_hz, &timer_hz);
    if (tsc_hz < MIN_TSC_HZ || timer_hz < MIN_TIMER_HZ)
        panic("Impossible clock frequencies: TSC %lu Hz, APIC timer %lu Hz", (unsigned long)tsc_hz,
              (unsigned long)timer_hz);
    deadline_mode = boot_cpu.tsc_deadline;
    tsc_stable = boot_cpu.invariant_tsc;
    cpu_khz = (tsc_hz + 500) / 1000;
    tsc_scale = time_scale_from_hz(tsc_hz);
    c->ns_base = 0;
    c->tsc_base = rdtsc();
    c->scale = time_scale_fixed(tsc_scale);
    timer_ticks_per_ns = deadline_mode
                             ? time_scale_inverse(c->scale)
                             : mul_div64(timer_hz, 1ULL << TICKS_PER_NS_SHIFT, NSEC_PER_SEC) + 1;
    time_cpu_init(0);
    wallclock_from = 0;
    wallclock_to = ~0ULL;
    if (!look_at_rtc())
        printk(LOG_WARNING, "The battery clock holds no date: the wall clock starts in 1970");
    printk(LOG_INFO, "Clocks: TSC %lu.%03lu MHz by %s, APIC timer %lu.%03lu MHz%s", cpu_khz / 1000,
           cpu_khz % 1000, ref->name, timer_hz / 1000000, timer_hz / 1000 % 1000,
           deadline_mode ? ", TSC deadline" : "");
    if (!tsc_stable && !boot_cpu.hypervisor)
        printk(LOG_WARNING, "This CPU does not promise a constant TSC rate: time may drift");
}

/*
 * Both modes count from now on, not from boot: the error of the rate's last bit is then small
 * against the time to wait, and a timer that fires early is set again for the rest. A deadline
 * beyond the counter's range fires early, too (the range of the TSC is centuries).
 */
void arch_set_timer(s_time_t deadline)
{
    u64 tsc = rdtsc(), ticks = 0;
    s_time_t t = time_at(&get_cpu_info()->clock, tsc);

    if (deadline)
        ticks = ns_to_ticks(deadline > t ? (u64)(deadline - t) : 0, timer_ticks_per_ns);
    if (!deadline_mode)
        apic_write(APIC_TIMER_INITIAL, (u32)MIN(ticks, (u64)0xffffffff));
    else
        wrmsr(MSR_TSC_DEADLINE, !deadline ? 0 : ticks < ~tsc ? tsc + ticks : ~0ULL);
}

/*
 * On bare hardware MWAIT, in the least deep state (C1), wakes as soon as another CPU writes the
 * word. The interrupt that follows is sent all the same, since on some CPUs MONITOR misses writes.
 * Under a hypervisor HLT tells that one that it has the CPU.
 */
void arch_idle(void)
{
    const u32 *pending = &get_cpu_info()->softirq_pending;
    bool mwait = boot_cpu.monitor && !boot_cpu.hypervisor;

    local_irq_disable();
    if (mwait)
        __asm__ volatile("monitor" ::"a"(pending), "c"(0), "d"(0) : "memory");
    if (READ_ONCE(*pending) == 0) {
        meter_irqs_on();
        /* No interrupt comes between STI and what follows it. */
        if (mwait)
            __asm__ volatile("sti; mwait; cli" ::"a"(0), "c"(0) : "memory");
        else
            __asm__ volatile("sti; hlt; cli" ::: "memory");
        meter_irqs_off();
    }
}

/* --- what guests see --- */

void time_get_record(const struct vcpu *v, struct vcpu_time_info *rec)
{
    const struct cpu_clock *c = &cpus[v->processor]->info->clock;

    memset(rec, 0, sizeof(*rec));
    rec->tsc_timestamp = c->tsc_base;
    rec->system_time = (u64)c->ns_base;
    rec->tsc_to_system_mul = tsc_scale.mul;
    rec->tsc_shift = tsc_scale.shift;
    rec->flags = tsc_stable ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
}

void arch_update_time_record(struct vcpu *v)
{
    struct vcpu_time_info *dst, rec;
    unsigned long flags;
    u32 version;

    if (!vcpu_has_info(v))
        return;
    /* A vCPU that is taken down may still be on its way to its CPU when another one comes here. */
    flags = spin_lock_irqsave(&v->arch.time_lock);
    dst = &v->info->time;
    time_get_record(v, &rec);
    /*
     * We keep the version, so what the guest wrote there does not matter. It is odd while the
     * record changes.
     */
    version = atomic_add(&v->arch.time_version, 2);
    WRITE_ONCE(dst->version, version - 1);
    smp_wmb();
    rec.version = version - 1;
    *dst = rec;
    smp_wmb();
    WRITE_ONCE(dst->version, version);
    spin_unlock_irqrestore(&v->arch.time_lock, flags);
}

bool time_write_secondary(struct vcpu *v, unsigned long addr)
{
    struct vcpu_time_info rec;
    u32 version = atomic_add(&v->arch.time_version, 2) - 1;

    time_get_record(v, &rec);
    rec.version = version;
    if (copy_to_guest(addr + offsetof(struct vcpu_time_info, version), &version, sizeof(version)))
        return false;
    smp_wmb();
    if (put_guest(addr, &rec))
        return false;
    smp_wmb();
    version++;
    return copy_to_guest(addr + offsetof(struct vcpu_time_info, version), &version,
                         sizeof(version)) == 0;
}

void arch_update_wallclock(struct domain *d)
{
    struct shared_info *si = READ_ONCE(d->shared_info);
    unsigned long flags;
    u64 secs;
    u32 version;

    if (!si)
        return;
    flags = spin_lock_irqsave(&wallclock_lock);
    secs = wallclock_base / NSEC_PER_SEC + (u64)d->time_offset_seconds;
    version = d->arch.wallclock_version = (d->arch.wallclock_version | 1) + 1;
    WRITE_ONCE(si->wc_version, version - 1);
    smp_wmb();
    WRITE_ONCE(si->wc_sec, (u32)secs);
    WRITE_ONCE(si->wc_sec_hi, (u32)(secs >> 32));
    WRITE_ONCE(si->wc_nsec, (u32)(wallclock_base % NSEC_PER_SEC));
    smp_wmb();
    WRITE_ONCE(si->wc_version, version);
    spin_unlock_irqrestore(&wallclock_lock, flags);
}

static void update_wallclocks(void)
{
    struct domain *d;

    for (domid_t id = 0; (d = get_next_domain(id)) != NULL;) {
        id = (domid_t)(d->id + 1);
        arch_update_wallclock(d);
        put_domain(d);
    }
}

void arch_set_wallclock(u64 secs, u32 nsecs, u64 system_time)
{
    unsigned long flags = spin_lock_irqsave(&wallclock_lock);

    wallclock_base = secs * NSEC_PER_SEC + nsecs - system_time;
    spin_unlock_irqrestore(&wallclock_lock, flags);
    update_wallclocks();
}

void __init time_settle(void)
{
    look_at_rtc();
    update_wallclocks();
}
