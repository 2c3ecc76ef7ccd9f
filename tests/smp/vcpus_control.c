/* SPDX-License-Identifier: MIT */
/*
 * What happens to the vCPUs of vcpus.h from outside: the last CPU pauses them, moves them, and
 * takes CPUs away. And timers: each CPU sets and stops its own, anybody moves them about.
 */
#include <sched_impl.h>

#include "vcpus.h"

#define TIMERS PV_CPUS
#define SOON   MICROSECS(100)

/* ---- timers ---- */

static struct ours {
    struct timer timer;
    s_time_t due; /* of the last timer_set() */
    u32 waits;    /* 1: set, and has not fired or been stopped since */
    bool killed;  /* timer_kill() has returned */
} timers[TIMERS];

static void timer_fires(void *arg)
{
    struct ours *t = arg;

    if (READ_ONCE(t->timer.cpu) != smp_processor_id())
        panic("a timer of CPU %u fires on CPU %u", t->timer.cpu, smp_processor_id());
    WRITE_ONCE(t->waits, 0);
    for (unsigned int n = pick(4); n; n--)
        cpu_relax();
    if (READ_ONCE(t->timer.cpu) != smp_processor_id())
        panic("a timer has left for CPU %u while it fires", t->timer.cpu);
    if (load_acquire(&t->killed))
        panic("a timer fires that has been killed");
}

static void timer_step(void)
{
    struct ours *own = &timers[smp_processor_id()], *any = &timers[pick(TIMERS)];

    switch (pick(6)) {
    case 0:
    case 1:
        own->due = now() + (s_time_t)pick(255) * (SOON / 255);
        store_release(&own->killed, false);
        WRITE_ONCE(own->waits, 1);
        timer_set(&own->timer, own->due);
        break;
    case 2:
        timer_stop(&own->timer);
        WRITE_ONCE(own->waits, 0);
        break;
    case 3:
        timer_kill(&own->timer);
        WRITE_ONCE(own->waits, 0);
        store_release(&own->killed, true);
        break;
    default:
        timer_migrate(&any->timer, pick(PV_CPUS));
        break;
    }
}

/* ---- control ---- */

static struct vcpu *paused_vcpu;
static struct domain *paused_domain;
static unsigned int cpu_down = NR_CPUS; /* CPU that is down; NR_CPUS: none */

static void set_stopped(struct domain *d, bool stopped)
{
    for (unsigned int i = 0; i < GUEST_VCPUS; i++)
        store_release(&guest_of(d->vcpu[i])->stopped, stopped);
}

static void pause_vcpu(void)
{
    struct vcpu *v = vcpus_nth(pick(ALL_VCPUS));

    if (paused_vcpu) {
        v = paused_vcpu;
        paused_vcpu = NULL;
        if (!paused_domain || paused_domain != v->domain)
            store_release(&guest_of(v)->stopped, false);
        vcpu_unpause(v);
    } else if (v && v->domain != current->domain) { /* siblings pause each other by turns */
        vcpu_pause(v);
        store_release(&guest_of(v)->stopped, true);
        paused_vcpu = v;
    }
}

static void pause_domain(void)
{
    struct domain *d = machine_domains[pick(NR_DOMAINS)];

    if (paused_domain) {
        d = paused_domain;
        paused_domain = NULL;
        set_stopped(d, false);
        if (paused_vcpu && paused_vcpu->domain == d)
            store_release(&guest_of(paused_vcpu)->stopped, true);
        domain_unpause(d);
    } else if (!d->dying && current->domain != d) {
        domain_pause(d);
        set_stopped(d, true);
        paused_domain = d;
    }
}

static void pin(void)
{
    struct vcpu *v = vcpus_nth(pick(ALL_VCPUS));
    cpumask_t hard = {{0}}, soft = {{0}};

    if (!v)
        return;
    hard.bits[0] = pick(3) ? 1UL << pick(PV_CPUS) : ~0UL;
    soft.bits[0] = pick(2) ? 1UL << pick(PV_CPUS) : ~0UL;
    sched_set_affinity(v, &hard, pick(2) ? &soft : NULL);
}

static void change_share(void)
{
    static const u16 caps[] = {0, 0, 0, 20, 60, 130};
    struct domain *d = machine_domains[pick(NR_DOMAINS)];

    if (pick(2))
        sched_set_weight(d, (u16)(1 + pick(255) * 4));
    else
        sched_set_cap(d, caps[pick(ARRAY_SIZE(caps))]);
}

/*
 * A CPU goes, or comes back. Once it is empty it has no clock. Nobody waits for that here: a vCPU
 * that runs there may be waiting for the one that runs on this CPU.
 */
static void change_cpus(void)
{
    if (cpu_down != NR_CPUS && vcpus_cpu_is_off(cpu_down)) {
        vcpus_set_cpu_off(cpu_down, false);
        sched_cpu_up(cpu_down);
        cpu_down = NR_CPUS;
    } else if (cpu_down == NR_CPUS) {
        cpu_down = pick(PV_CPUS - 1);
        BUG_ON(sched_cpu_down(cpu_down));
    }
}

/* As the CPU itself does with all that are set (timer_cpu_close()). */
static void move_watchdogs(unsigned int from)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++) {
        struct domain *d = machine_domains[i];

        for (unsigned int k = 0; k < ARRAY_SIZE(d->watchdog); k++)
            if (READ_ONCE(d->watchdog[k].cpu) == from)
                timer_migrate(&d->watchdog[k], PV_CPUS - 1);
    }
}

static void finish_cpu_down(void)
{
    if (cpu_down == NR_CPUS || vcpus_cpu_is_off(cpu_down) || !sched_cpu_is_empty(cpu_down))
        return;
    for (unsigned int i = 0; i < TIMERS; i++)
        if (READ_ONCE(timers[i].timer.cpu) == cpu_down)
            timer_migrate(&timers[i].timer, PV_CPUS - 1);
    move_watchdogs(cpu_down);
    /* Of vCPUs that ran there when it began to go, and went to sleep there. */
    for (unsigned int n = 0; n < ALL_VCPUS; n++) {
        struct vcpu *v = vcpus_nth(n);

        if (v && READ_ONCE(v->singleshot.cpu) == cpu_down)
            vcpu_time_move(v, PV_CPUS - 1);
    }
    vcpus_set_cpu_off(cpu_down, true);
}

void control_step(void)
{
    if (smp_processor_id() != PV_CPUS - 1 || pick(3) == 0) {
        timer_step();
        return;
    }
    finish_cpu_down();
    if (paused_vcpu && pick(2))
        pause_vcpu();
    if (paused_domain && pick(2))
        pause_domain();
    switch (pick(8)) {
    case 0:
    case 1:
        pause_vcpu();
        break;
    case 2:
        pause_domain();
        break;
    case 3:
    case 4:
        pin();
        break;
    case 5:
        change_share();
        break;
    case 6:
        change_cpus();
        break;
    default:
        WRITE_ONCE(sched_rate_limit, (s_time_t)pick(2) * SCHED_RATE_LIMIT);
        break;
    }
}

/* ---- begin and end ---- */

void control_begin(void)
{
    for (unsigned int i = 0; i < TIMERS; i++) {
        timers[i] = (struct ours){.killed = true};
        timer_init(&timers[i].timer, timer_fires, &timers[i], i);
    }
}

void control_kill_timers(void)
{
    for (unsigned int i = 0; i < TIMERS; i++)
        timer_kill(&timers[i].timer);
}

void control_end(void)
{
    if (paused_vcpu)
        pause_vcpu();
    if (paused_domain)
        pause_domain();
    if (cpu_down != NR_CPUS) {
        vcpus_set_cpu_off(cpu_down, false);
        sched_cpu_up(cpu_down);
        cpu_down = NR_CPUS;
    }
    sched_rate_limit = SCHED_RATE_LIMIT;
}

void control_check(void)
{
    for (unsigned int i = 0; i < TIMERS; i++) {
        const struct ours *t = &timers[i];

        if (t->killed && t->timer.queued)
            panic("the timer of CPU %u is killed, and set", i);
        if (t->waits && !t->timer.queued)
            panic("the timer of CPU %u is lost", i);
    }
}
