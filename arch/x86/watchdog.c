/* SPDX-License-Identifier: MIT */
/*
 * Each CPU beats once a second from a timer, that is, on its way out to a guest or in its idle
 * loop. Two look at the beats, and report the CPU when these have stopped for too long:
 *
 * - The CPU before it in the circle of all CPUs, when it beats itself. It sends an NMI, which gets
 *   through wherever the CPU is, and whose handler shows what it was doing. So the last CPU that
 *   works is enough to report the others.
 * - The CPU itself, if it has a performance counter: that counts the cycles in which the CPU does
 *   not sleep, and sends it an NMI about once a second. So a machine of one CPU is watched, too.
 *
 * Nothing here costs a guest anything but a timer and an NMI a second, and none of it runs unless
 * watchdog= asks for it.
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/cpu_features.h>
#include <asm/watchdog.h>
#include <percpu.h>

#define PERIOD SECONDS(1)

static s_time_t limit; /* 0: nobody watches */

/* ---- the performance counter ---- */

/* Intel SDM volume 3, 20.2; AMD APM volume 2, 13.2. */
#define LEAF_COUNTERS       0xaU
#define MSR_GLOBAL_CONTROL  0x38fU
#define EVENT_USER_KERNEL   (3U << 16)
#define EVENT_INTERRUPT     (1U << 20)
#define EVENT_ENABLE        (1U << 22)
#define INTEL_CYCLES        0x3cU
#define AMD_CYCLES          0x76U
#define AMD_COUNTER_WIDTH   48U
#define INTEL_COUNTER_LIMIT 0x7fffffffU /* what it can be set to, below zero */

/* What counts cycles; the same on all CPUs. */
static struct {
    u32 select, value; /* MSRs; 0: there is none */
    u32 event;
    unsigned int width;
    bool global; /* it has to be enabled in another register, too */
} counter;

static bool __init find_intel_counter(void)
{
    struct cpuid r;

    if (boot_cpu.max_leaf < LEAF_COUNTERS)
        return false;
    r = cpuid(LEAF_COUNTERS);
    /* A version, a counter, and no bit that says that cycles are not counted. */
    if (!(r.eax & 0xff) || !(r.eax >> 8 & 0xff) || !(r.eax >> 24) || (r.ebx & 1))
        return false;
    counter.select = 0x186;
    counter.value = 0xc1;
    counter.event = INTEL_CYCLES;
    counter.width = r.eax >> 16 & 0xff;
    counter.global = (r.eax & 0xff) >= 2;
    return true;
}

/* A hypervisor does not say whether it has them. */
static bool __init find_amd_counter(void)
{
    if (strcmp(boot_cpu.vendor, "AuthenticAMD") || boot_cpu.family < 0xf || boot_cpu.hypervisor)
        return false;
    counter.select = 0xc0010000;
    counter.value = 0xc0010004;
    counter.event = AMD_CYCLES;
    counter.width = AMD_COUNTER_WIDTH;
    counter.global = false;
    return true;
}

/* Sets this CPU's counter to run over zero after a second of work, and lets that be an NMI. */
static void arm_counter(void)
{
    u64 cycles = cpu_khz * 1000;

    if (counter.event == INTEL_CYCLES)
        wrmsr(counter.value, (u32)-MIN(cycles, (u64)INTEL_COUNTER_LIMIT));
    else
        wrmsr(counter.value, 0 - cycles);
    apic_write(APIC_LVT_PMC, APIC_LVT_NMI); /* it may have masked itself */
}

static void start_counter(struct watchdog_cpu *w)
{
    w->own_seen = w->beats;
    w->own_since = now();
    wrmsr(counter.select, 0);
    arm_counter();
    wrmsr(counter.select, counter.event | EVENT_USER_KERNEL | EVENT_INTERRUPT | EVENT_ENABLE);
    if (counter.global)
        wrmsr(MSR_GLOBAL_CONTROL, rdmsr(MSR_GLOBAL_CONTROL) | 1);
    WRITE_ONCE(w->counts, true);
}

static void stop_counter(struct watchdog_cpu *w)
{
    if (!w->counts)
        return;
    WRITE_ONCE(w->counts, false);
    wrmsr(counter.select, 0);
    apic_write(APIC_LVT_PMC, APIC_LVT_MASKED);
}

bool watchdog_tick(void)
{
    struct watchdog_cpu *w = &this_cpu()->arch.watchdog;

    if (!READ_ONCE(w->counts) || rdmsr(counter.value) >> (counter.width - 1) & 1)
        return false;
    arm_counter();
    if (w->beats != w->own_seen) {
        w->own_seen = w->beats;
        w->own_since = now();
    } else if (now() - w->own_since > limit) {
        WRITE_ONCE(w->accused_at, w->beats + 1);
    }
    return true;
}

/* ---- beats ---- */

/* @return the CPU after this one, in a circle; this one if it is alone */
static unsigned int next_cpu(void)
{
    unsigned int cpu = cpumask_next(&cpu_online, smp_processor_id() + 1);

    return cpu < NR_CPUS ? cpu : cpumask_next(&cpu_online, 0);
}

static void accuse(unsigned int cpu, u32 beats)
{
    unsigned long flags;

    WRITE_ONCE(cpus[cpu]->arch.watchdog.accused_at, beats + 1);
    flags = local_irq_save();
    apic_send_nmi(cpus[cpu]->arch.apic_id);
    local_irq_restore(flags);
}

static void watch(struct watchdog_cpu *w, unsigned int cpu, s_time_t t)
{
    u32 beats = READ_ONCE(cpus[cpu]->arch.watchdog.beats);

    if (cpu != w->neighbour || beats != w->seen) {
        w->neighbour = cpu;
        w->seen = beats;
        w->seen_since = t;
    } else if (t - w->seen_since > limit) {
        accuse(cpu, beats);
    }
}

static void beat(void *arg)
{
    struct watchdog_cpu *w = arg;
    unsigned int cpu = next_cpu();
    s_time_t t = now();

    WRITE_ONCE(w->beats, w->beats + 1);
    if (counter.select && !w->counts)
        start_counter(w);
    if (cpu != smp_processor_id())
        watch(w, cpu, t);
    timer_set(&w->timer, t + PERIOD);
}

/* Only this CPU writes its beats: the timer, too, runs on it. */
void watchdog_touch(void)
{
    struct watchdog_cpu *w = &this_cpu()->arch.watchdog;

    WRITE_ONCE(w->beats, w->beats + 1);
}

void watchdog_leave(void)
{
    struct watchdog_cpu *w = &this_cpu()->arch.watchdog;

    timer_stop(&w->timer);
    stop_counter(w);
}

/*
 * It begins to watch anew, and beats before it is seen to be back: who watches it may not have seen
 * that it was away.
 */
void watchdog_return(void)
{
    struct watchdog_cpu *w = &this_cpu()->arch.watchdog;

    if (!limit)
        return;
    w->neighbour = smp_processor_id();
    WRITE_ONCE(w->beats, w->beats + 1);
    timer_set(&w->timer, now() + PERIOD);
}

bool watchdog_accuses(void)
{
    struct watchdog_cpu *w = &this_cpu()->arch.watchdog;

    return READ_ONCE(w->accused_at) == w->beats + 1;
}

void __init watchdog_start(unsigned int timeout)
{
    bool counts = find_intel_counter() || find_amd_counter();
    unsigned int cpu;

    if (!counts && nr_cpus == 1) {
        printk(LOG_WARNING, "watchdog=: one CPU that cannot count its cycles has no other that "
                            "could watch it");
        return;
    }
    limit = SECONDS(timeout);
    for_each_cpu (cpu, &cpu_online) {
        struct watchdog_cpu *w = &cpus[cpu]->arch.watchdog;

        w->neighbour = cpu;
        timer_init(&w->timer, beat, w, cpu);
        timer_set(&w->timer, now() + PERIOD);
    }
    printk(LOG_INFO, "Watchdog: a CPU that hangs for %u s ends the machine", timeout);
}
