/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(SMP_CORE) */
/*
 * CPUs as coroutines of one thread; smp.h. The one that runs continues for a number of points by
 * chance, of a size that itself is by chance in each run: races want switches close together, deep
 * states want long stretches. And some races want one CPU to stand still while another one does a
 * whole thing: in some runs each stretch is of another size.
 */
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "../fuzz/pv_steps.h"
#include "smp.h"

#define STACK_BYTES (1UL << 18)
#define PATIENCE    1000000UL /* points without a step of anybody: a deadlock */

static struct coroutine {
    ucontext_t context;
    const void *stack;
    size_t stack_bytes;
    void *fake_stack; /* the address sanitizer's */
    bool done, irqs_on;
} coroutines[PV_CPUS], outside;

static void (*body)(void);
static u64 chance;
static unsigned int running;       /* coroutines that are not done */
static unsigned int stretch, left; /* stretch 0: of any size */
#define FOREVER (~0U)              /* until the other CPU is done, or has to be waited for */
static bool active, in_point;
static unsigned long spins;

static void change(struct coroutine *from, struct coroutine *to, unsigned int cpu)
{
    from->irqs_on = host_irqs_on;
    host_run_on(cpu);
    host_irqs_on = to->irqs_on;
    __sanitizer_start_switch_fiber(from->done ? NULL : &from->fake_stack, to->stack,
                                   to->stack_bytes);
    swapcontext(&from->context, &to->context);
    __sanitizer_finish_switch_fiber(from->fake_stack, NULL, NULL);
}

/* CPUs that are done wait with interrupts on. */
static void serve_waiting(void)
{
    unsigned int self = smp_processor_id();
    bool on = host_irqs_on;

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpu == self || !(coroutines[cpu].done || !active) || !smp_take_interrupt(cpu))
            continue;
        host_run_on(cpu);
        smp_interrupt();
        host_run_on(self);
    }
    host_irqs_on = on;
}

static void switch_away(void)
{
    unsigned int self = smp_processor_id(), next = self;

    left = stretch == FOREVER ? FOREVER
                              : 1 + (unsigned int)(pv_random(&chance) >> 20) %
                                        (stretch ? stretch : 1U << (pv_random(&chance) >> 20) % 10);
    if (running < 2)
        return;
    for (unsigned int n = 1 + (unsigned int)(pv_random(&chance) >> 20) % (running - 1); n;) {
        next = (next + 1) % nr_cpus;
        if (next != self && !coroutines[next].done)
            n--;
    }
    change(&coroutines[self], &coroutines[next], next);
}

void smp_point(void)
{
    bool interrupt;

    if (!active || in_point)
        return;
    if (--left == 0)
        switch_away();
    in_point = true;
    serve_waiting();
    interrupt = smp_events(pv_random(&chance) >> 8);
    in_point = false;
    if (interrupt)
        smp_interrupt();
}

/* In a loop that waits for another CPU. */
void host_relax(void)
{
    if (++spins > PATIENCE)
        panic("nobody goes on: the CPUs wait for each other");
    if (active && !in_point) {
        left = 1;
        smp_point();
    } else if (!active) {
        serve_waiting();
    }
}

void smp_progress(void)
{
    spins = 0;
}

static void start(void)
{
    struct coroutine *self;
    unsigned int next;

    /* The first one comes from outside. */
    __sanitizer_finish_switch_fiber(NULL, outside.stack ? NULL : &outside.stack,
                                    outside.stack ? NULL : &outside.stack_bytes);
    body();
    self = &coroutines[smp_processor_id()];
    self->done = true;
    running--;
    for (next = 0; next < nr_cpus && coroutines[next].done; next++)
        ;
    if (next < nr_cpus)
        change(self, &coroutines[next], next);
    else
        change(self, &outside, 0);
}

static void prepare(struct coroutine *c)
{
    if (!c->stack) {
        c->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                        0);
        BUG_ON(c->stack == MAP_FAILED);
        c->stack_bytes = STACK_BYTES;
    }
    c->done = false;
    c->irqs_on = true;
    c->fake_stack = NULL;
    getcontext(&c->context);
    c->context.uc_stack.ss_sp = (void *)c->stack;
    c->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&c->context, start, 0);
}

/* Runs @fn on all CPUs; @first begins, for @points points. */
static void run(void (*fn)(void), unsigned int first, unsigned int points)
{
    body = fn;
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        prepare(&coroutines[cpu]);
    running = nr_cpus;
    left = points;
    spins = 0;
    active = true;
    change(&outside, &coroutines[first], first);
    active = false;
    spins = 0;
}

void smp_run(void (*fn)(void), u64 seed)
{
    static const unsigned int stretches[] = {2, 4, 16, 64, 512, 0, 0, 0};

    chance = seed | 1;
    stretch = stretches[(pv_random(&chance) >> 20) % ARRAY_SIZE(stretches)];
    run(fn, (unsigned int)(pv_random(&chance) >> 20) % nr_cpus, 1);
}

void smp_run_interrupted(void (*fn)(void), unsigned int first, unsigned int points)
{
    chance = 1;
    stretch = FOREVER;
    run(fn, first, points);
}
