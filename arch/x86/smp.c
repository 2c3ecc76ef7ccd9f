/* SPDX-License-Identifier: MIT */
/* The physical CPUs: which there are, which of them are online, and how all are stopped. */
#include <arch.h>
#include <asm/apic.h>
#include <asm/smp.h>
#include <asm/tlb.h>
#include <lib.h>
#include <percpu.h>
#include <sched.h>

static struct cpu cpu0;
struct cpu *cpus[NR_CPUS];
unsigned int nr_cpus = 1;
cpumask_t cpu_online;

void __init smp_init_boot_cpu(void)
{
    struct cpu_info *info = get_cpu_info();

    STATIC_ASSERT(sizeof(struct cpu_info) <= CPU_INFO_ROOM);
    info->cpu = &cpu0;
    cpu0.info = info;
    cpus[0] = &cpu0;
    cpumask_set(&cpu_online, 0);
}

void smp_join(void)
{
    tlb_flush_local(); /* stamped before anybody may ask how old its translations are */
    atomic_add(&nr_cpus, 1);
    cpumask_set(&cpu_online, smp_processor_id());
    sched_start();
}

/* ---- stopping ---- */

static bool stopping;

bool smp_stopping(void)
{
    return READ_ONCE(stopping);
}

void smp_stop_others(void)
{
    unsigned int cpu;

    WRITE_ONCE(stopping, true);
    for_each_cpu (cpu, &cpu_online)
        if (cpu != smp_processor_id())
            apic_send_nmi(cpus[cpu]->arch.apic_id);
}
