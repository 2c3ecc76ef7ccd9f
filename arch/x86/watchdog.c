/* SPDX-License-Identifier: MIT */
/*
 * Each CPU beats once a second from a timer, that is, on its way out to a guest or in its idle
 * loop; and looks at the beats of the next CPU. When these have stopped for too long, it sends that
 * CPU an NMI, which gets through wherever the CPU is, and whose handler shows what it was doing.
 *
 * So the last CPU that works is enough to report the others; and a machine of one CPU has nobody to
 * watch it. Nothing here costs a guest anything but a timer a second, and none of it runs unless
 * watchdog= asks for it.
 */
#include <arch.h>
#include <asm/apic.h>
#include <asm/watchdog.h>
#include <percpu.h>

#define PERIOD SECONDS(1)

static s_time_t limit; /* 0: nobody watches */

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
    if (cpu != smp_processor_id())
        watch(w, cpu, t);
    timer_set(&w->timer, t + PERIOD);
}

void watchdog_leave(void)
{
    timer_stop(&this_cpu()->arch.watchdog.timer);
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
    unsigned int cpu;

    limit = SECONDS(timeout);
    for_each_cpu (cpu, &cpu_online) {
        struct watchdog_cpu *w = &cpus[cpu]->arch.watchdog;

        w->neighbour = cpu;
        timer_init(&w->timer, beat, w, cpu);
        timer_set(&w->timer, now() + PERIOD);
    }
    printk(LOG_INFO, "Watchdog: a CPU that hangs for %u s ends the machine", timeout);
}
