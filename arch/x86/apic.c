/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of each CPU.
 *
 * It is used in x2APIC mode when the CPU has it (MSRs instead of memory, 32-bit ids) and otherwise
 * through its registers in memory. The legacy inputs are masked: interrupts come through IO-APICs
 * and messages only.
 */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/cpu_features.h>
#include <asm/irq.h>
#include <lib.h>
#include <percpu.h>

#define APIC_BASE_ENABLE  (1UL << 11)
#define APIC_BASE_X2APIC  (1UL << 10)
#define APIC_BASE_ADDRESS 0x000ffffffffff000UL
#define MAX_ICR_POLLS     1000000U

bool x2apic_enabled;
u8 *apic_base;

void __init apic_init(bool no_x2apic)
{
    u64 base = rdmsr(MSR_APIC_BASE);

    if (!(cpuid(1).edx & (1U << 9)))
        panic("This machine has no local APIC, which Bulkhead needs");
    x2apic_enabled = boot_cpu.x2apic && !no_x2apic;
    if (base & APIC_BASE_X2APIC) /* the firmware switched it on: only a reset switches it off */
        x2apic_enabled = true;
    if (!x2apic_enabled) {
        apic_base = ioremap(acpi.lapic_address, PAGE_SIZE);
        if (!apic_base)
            panic("No room to map the local APIC");
    }
    apic_cpu_init();
    printk(LOG_INFO, "Local APIC: id %u, %s mode", apic_id(), x2apic_enabled ? "x2APIC" : "xAPIC");
}

static void mask_lvt(unsigned int reg)
{
    apic_write(reg, apic_read(reg) | APIC_LVT_MASKED);
}

void apic_cpu_init(void)
{
    u64 base = rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    unsigned int max_lvt;

    if (!x2apic_enabled)
        base = (base & ~APIC_BASE_ADDRESS) | acpi.lapic_address;
    wrmsr(MSR_APIC_BASE, base);
    if (x2apic_enabled && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);

    max_lvt = apic_read(APIC_VERSION) >> 16 & 0xff;
    apic_write(APIC_TPR, 0);
    mask_lvt(APIC_LVT_TIMER);
    if (max_lvt >= 4)
        mask_lvt(APIC_LVT_PMC);
    if (max_lvt >= 5)
        mask_lvt(APIC_LVT_THERMAL);
    apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_LVT_MASKED);
    if (acpi.lapic_nmi_present)
        apic_write(acpi.lapic_nmi_lint ? APIC_LVT_LINT1 : APIC_LVT_LINT0, APIC_LVT_NMI);
    apic_write(APIC_SPIV, APIC_SPIV_ENABLE | SPURIOUS_VECTOR);

    /* Ends what the firmware left in service: each EOI ends the highest. */
    for (unsigned int i = 0; i < 256; i++) {
        u32 in_service = 0;

        for (unsigned int w = 0; w < 8; w++)
            in_service |= apic_read(APIC_ISR + w * 0x10);
        if (!in_service)
            break;
        apic_eoi();
    }
    apic_write(APIC_ESR, 0);
    apic_write(APIC_LVT_ERROR, ERROR_VECTOR);
    this_cpu()->arch.apic_id = apic_id();
}

u32 apic_id(void)
{
    u32 id = apic_read(APIC_ID);

    return x2apic_enabled ? id : id >> 24;
}

bool apic_in_service(u8 vector)
{
    return apic_read(APIC_ISR + (vector / 32U) * 0x10U) >> (vector % 32U) & 1;
}

static void wait_until_sent(void)
{
    for (unsigned int i = 0; i < MAX_ICR_POLLS && (apic_read(APIC_ICR) & APIC_ICR_BUSY); i++)
        cpu_relax();
}

/* Sends what @low says (Intel SDM volume 3, 11.6.1) to the CPU with APIC id @dest_apic_id. */
static void send_interrupt(u32 dest_apic_id, u32 low)
{
    unsigned long flags;

    if (x2apic_enabled) {
        /*
         * The MSR write is not serialising: what the other CPU has to see must be visible before
         * it.
         */
        __asm__ volatile("mfence; lfence" ::: "memory");
        wrmsr(MSR_X2APIC_FIRST + (APIC_ICR >> 4), (u64)dest_apic_id << 32 | low);
        return;
    }
    flags = local_irq_save();
    wait_until_sent();
    apic_write(APIC_ICR2, dest_apic_id << 24);
    apic_write(APIC_ICR, low);
    local_irq_restore(flags);
}

void apic_send_ipi(u32 dest_apic_id, u8 vector)
{
    send_interrupt(dest_apic_id, APIC_ICR_ASSERT | vector);
}

void apic_send_nmi(u32 dest_apic_id)
{
    send_interrupt(dest_apic_id, APIC_ICR_ASSERT | APIC_ICR_NMI);
}

void __init apic_send_init(u32 dest_apic_id)
{
    send_interrupt(dest_apic_id, APIC_ICR_ASSERT | APIC_ICR_INIT);
}

void __init apic_send_startup(u32 dest_apic_id, u8 page)
{
    send_interrupt(dest_apic_id, APIC_ICR_ASSERT | APIC_ICR_STARTUP | page);
}

void arch_send_ipi(unsigned int cpu)
{
    apic_send_ipi(cpus[cpu]->arch.apic_id, IPI_EVENT_VECTOR);
}

void arch_kick_cpu(unsigned int cpu)
{
    if (cpu != smp_processor_id())
        arch_send_ipi(cpu);
}
