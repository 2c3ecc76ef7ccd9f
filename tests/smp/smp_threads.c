/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_CORE) */
/* CPUs as threads; smp.h. */
#include "../fuzz/pv_steps.h"
#include "smp.h"

#define WATCH_SECONDS 100

/* pthread.h includes <sched.h>, and that is the hypervisor's here. */
int pthread_create(unsigned long *thread, const void *attr, void *(*fn)(void *), void *arg);
int pthread_join(unsigned long thread, void **result);
int sched_yield(void);
unsigned int alarm(unsigned int seconds);

static void (*body)(void);
static u64 run_seed;
static unsigned int running;
static __thread u64 chance;
static __thread bool in_point;
static bool active;

static void dawdle(u64 random)
{
    if (random % 64 == 0)
        sched_yield();
    else if (random % 8 == 0)
        for (unsigned int n = (random >> 8) % 200; n; n--)
            barrier();
}

void smp_point(void)
{
    bool interrupt;
    u64 random;

    if (!active || in_point)
        return;
    in_point = true;
    random = pv_random(&chance) >> 8;
    dawdle(random >> 32);
    interrupt = smp_events(random);
    in_point = false;
    if (interrupt)
        smp_interrupt();
}

static void serve_waiting(void)
{
    unsigned int self = smp_processor_id();
    bool on = host_irqs_on;

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpu == self || !smp_take_interrupt(cpu))
            continue;
        host_run_on(cpu);
        smp_interrupt();
        host_run_on(self);
    }
    host_irqs_on = on;
}

void host_relax(void)
{
    if (!active)
        serve_waiting(); /* only one thread is there */
    else
        sched_yield();
}

void smp_progress(void)
{
}

static void *thread(void *arg)
{
    host_run_on((unsigned int)(unsigned long)arg);
    host_irqs_on = true;
    chance = (run_seed ^ ((unsigned long)arg + 1) * 0x9e3779b97f4a7c15UL) | 1;
    body();
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&running, __ATOMIC_SEQ_CST)) {
        if (smp_take_interrupt(smp_processor_id()))
            smp_interrupt();
        sched_yield();
    }
    return NULL;
}

void smp_run(void (*fn)(void), u64 seed)
{
    unsigned long threads[PV_CPUS];

    body = fn;
    run_seed = seed;
    running = nr_cpus;
    active = true;
    alarm(WATCH_SECONDS); /* should they wait for each other for ever */
    for (unsigned long cpu = 0; cpu < nr_cpus; cpu++)
        BUG_ON(pthread_create(&threads[cpu], NULL, thread, (void *)cpu));
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        pthread_join(threads[cpu], NULL);
    alarm(0);
    active = false;
}
