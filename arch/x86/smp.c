/* SPDX-License-Identifier: MIT */
/* The physical CPUs: which there are, which of them are online, and how all are stopped. */
#include <arch.h>
#include <asm/apic.h>
#include <asm/backtrace.h>
#include <asm/irq.h>
#include <asm/smp.h>
#include <asm/tlb.h>
#include <asm/topology.h>
#include <asm/watchdog.h>
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

/* Enters @cpu among the CPUs of its core, and those with it. Boot: one CPU at a time comes up. */
static void note_siblings(struct cpu *cpu)
{
    unsigned int shift = cpu_topology().core_shift, other;

    for_each_cpu (other, &cpu_online) {
        if (cpus[other]->arch.apic_id >> shift != cpu->arch.apic_id >> shift)
            continue;
        cpumask_set(&cpus[other]->siblings, cpu->id);
        cpumask_set(&cpu->siblings, other);
    }
}

void smp_join(void)
{
    tlb_flush_local(); /* stamped before anybody may ask how old its translations are */
    note_siblings(this_cpu());
    atomic_add(&nr_cpus, 1);
    cpumask_set(&cpu_online, smp_processor_id());
    sched_cpu_up(smp_processor_id());
    sched_start();
}

/* ---- out of use and back ---- */

#define INTERRUPT_DELAY MILLISECS(1) /* far more than an interrupt takes from a device to a CPU */

/* What was sent to this CPU before it was taken elsewhere is served while we wait. */
void arch_cpu_leave(void)
{
    s_time_t end;

    watchdog_leave();
    irq_leave_cpu();
    cache_flush_local(); /* nobody asks it to while it is away */
    end = now() + INTERRUPT_DELAY;
    while (now() < end)
        tlb_relax();
}

void arch_cpu_return(void)
{
    watchdog_return();
}

/* ---- stopping ---- */

static u32 stopper; /* the CPU that ends the machine, + 1; 0: none */

void smp_stop_if_asked(unsigned long rip)
{
    u32 who = READ_ONCE(stopper);

    if (!who || who == smp_processor_id() + 1)
        return;
    WRITE_ONCE(this_cpu()->arch.stopped_at, rip);
    machine_halt();
}

#define STOP_SPINS 1000000U /* for a CPU to stop, which takes microseconds */

static void say_where(unsigned int cpu, unsigned long rip)
{
    unsigned long offset;
    const char *name = symbol_lookup(rip, &offset);

    if (name)
        printk(LOG_ERR, "CPU %u was at %s+%#lx", cpu, name, offset);
    else if (rip)
        printk(LOG_ERR, "CPU %u was in a guest, at %016lx", cpu, rip);
    else
        printk(LOG_ERR, "CPU %u does not stop", cpu);
}

void smp_say_where(void)
{
    unsigned int cpu;

    for_each_cpu (cpu, &cpu_online) {
        const unsigned long *at = &cpus[cpu]->arch.stopped_at;

        if (cpu == smp_processor_id())
            continue;
        for (unsigned int i = 0; i < STOP_SPINS && !READ_ONCE(*at); i++)
            cpu_relax();
        say_where(cpu, READ_ONCE(*at));
    }
}

void smp_stop_others(void)
{
    u32 who = 0, self = smp_processor_id() + 1;
    unsigned int cpu;

    if (!cmpxchg(&stopper, &who, self)) {
        if (who != self)
            machine_halt(); /* another one does already */
        return;
    }
    for_each_cpu (cpu, &cpu_online)
        if (cpu != smp_processor_id())
            apic_send_nmi(cpus[cpu]->arch.apic_id);
}
