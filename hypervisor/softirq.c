/* SPDX-License-Identifier: MIT */
/*
 * Deferred work: pending bits in each CPU's cpu_info, served with interrupts on before a guest is
 * entered.
 */
#include <arch.h>
#include <meter.h>
#include <percpu.h>
#include <rcu.h>
#include <softirq.h>
#include <trace.h>

static void (*const handlers[NR_SOFTIRQS])(void) = {
    [SOFTIRQ_TIMER] = timer_softirq, [SOFTIRQ_CONSOLE] = console_softirq,
    [SOFTIRQ_RCU] = rcu_softirq,     [SOFTIRQ_NMI] = arch_nmi_softirq,
    [SOFTIRQ_TRACE] = trace_softirq, [SOFTIRQ_EVENT] = event_softirq,
    [SOFTIRQ_SCHEDULE] = schedule,
};

void event_softirq(void)
{
}

void softirq_raise(enum softirq nr)
{
    atomic_or(&get_cpu_info()->softirq_pending, 1U << nr);
}

void softirq_raise_on(unsigned int cpu, enum softirq nr)
{
    u32 bit = 1U << nr;

    if (!(atomic_or(&cpus[cpu]->info->softirq_pending, bit) & bit) && cpu != smp_processor_id())
        arch_send_ipi(cpu);
}

bool softirq_pending(void)
{
    return READ_ONCE(get_cpu_info()->softirq_pending) != 0;
}

void softirq_run(void)
{
    u32 pending;

    while ((pending = READ_ONCE(get_cpu_info()->softirq_pending)) != 0) {
        unsigned int nr = (unsigned int)__builtin_ctz(pending);

        atomic_and(&get_cpu_info()->softirq_pending, ~(1U << nr));
        meter_softirq(nr);
        handlers[nr]();
    }
}
