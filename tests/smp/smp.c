/* SPDX-License-Identifier: MIT */
/* Interrupts and speculation of several CPUs: see smp.h. */
#include <asm/apic.h>

#include "../fuzz/pv_tlb.h"
#include "smp.h"

static bool flush_sent[PV_CPUS], event_sent[PV_CPUS];

void apic_send_ipi(u32 dest_apic_id, u8 vector)
{
    __atomic_store_n(&flush_sent[dest_apic_id], true, __ATOMIC_SEQ_CST);
}

void arch_send_ipi(unsigned int cpu)
{
    __atomic_store_n(&event_sent[cpu], true, __ATOMIC_SEQ_CST);
}

void arch_kick_cpu(unsigned int cpu)
{
    if (cpu != smp_processor_id())
        arch_send_ipi(cpu);
}

bool smp_take_interrupt(unsigned int cpu)
{
    return __atomic_exchange_n(&flush_sent[cpu], false, __ATOMIC_SEQ_CST);
}

bool smp_take_event(unsigned int cpu)
{
    return __atomic_exchange_n(&event_sent[cpu], false, __ATOMIC_SEQ_CST);
}

void smp_interrupt(void)
{
    bool on = host_irqs_on;

    host_irqs_on = false;
    tlb_flush_interrupt();
    host_irqs_on = on;
}

bool smp_events(u64 random)
{
    smp_check_root();
    if (random % 16 == 0)
        tlb_model_load_some(random / 16);
    if (!host_irqs_on)
        return false;
    smp_devices(random / 64);
    return smp_take_interrupt(smp_processor_id());
}
