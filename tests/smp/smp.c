/* SPDX-License-Identifier: MIT */
/* Interrupts and speculation of several CPUs: see smp.h. */
#include <asm/apic.h>

#include "../fuzz/pv_tlb.h"
#include "smp.h"

static bool sent[PV_CPUS];

void apic_send_ipi(u32 dest_apic_id, u8 vector)
{
    __atomic_store_n(&sent[dest_apic_id], true, __ATOMIC_SEQ_CST);
}

bool smp_take_interrupt(unsigned int cpu)
{
    return __atomic_exchange_n(&sent[cpu], false, __ATOMIC_SEQ_CST);
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
    return host_irqs_on && smp_take_interrupt(smp_processor_id());
}
