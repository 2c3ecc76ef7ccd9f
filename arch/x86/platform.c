/* SPDX-License-Identifier: MIT */
/*
 * The machine around the CPU, brought up in order: firmware tables, interrupt controllers, clocks.
 */
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/ioapic.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/setup.h>
#include <asm/time.h>
#include <lib.h>
#include <options.h>

void __init platform_init(void)
{
    if (!acpi_init(hv_options.acpi_rsdp))
        printk(LOG_WARNING, "No ACPI tables: one CPU, no IO-APIC, no power-off");
    irq_init();
    apic_init(hv_options.no_x2apic);
    ioapic_init();
    msi_init();
    time_init(hv_options.clocksource);
}
