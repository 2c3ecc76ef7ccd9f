/* SPDX-License-Identifier: MIT */
/* The physical CPUs: which there are, and which of them are online. So far only the boot CPU is. */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/smp.h>
#include <lib.h>
#include <percpu.h>

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

void __init smp_init(unsigned int maxcpus)
{
    unsigned int present = MAX(acpi.nr_cpus, 1U);

    if (maxcpus < present)
        printk(LOG_INFO, "CPUs: %u present, at most %u by maxcpus=, %u used", present, maxcpus,
               nr_cpus);
    else
        printk(LOG_INFO, "CPUs: %u present, %u used", present, nr_cpus);
}
