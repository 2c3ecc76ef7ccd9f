/* SPDX-License-Identifier: MIT */
/*
 * What dom0 may touch of the machine: everything except what the hypervisor itself uses.
 *
 * Ports: not the interrupt controllers, the serial port of our console, the PM timer, and not the
 * PCI data port and the CMOS, which are emulated so that our own accesses do not get mixed up with
 * dom0's. (The hypervisor does not use the PIT after boot.) Frames: not the interrupt controllers'
 * registers; RAM is decided by ownership, not here. Interrupts: all lines; an attempt to bind one
 * that the hypervisor handles is refused as busy.
 */
#include <asm/acpi.h>
#include <asm/cpu_features.h>
#include <asm/ioapic.h>
#include <asm/irq.h>
#include <asm/uart.h>
#include <domain.h>

#include "dom0_build.h"

struct port_range {
    u16 first, last;
};

static const struct port_range our_ports[] __initconst = {
    {0x20, 0x21},   /* PIC */
    {0xa0, 0xa1},   /* second PIC */
    {0x22, 0x23},   /* interrupt mode configuration register */
    {0x4d0, 0x4d1}, /* PIC edge and level control */
    {0xcfc, 0xcff}, /* PCI configuration data */
};

#define MSI_FIRST_FRAME 0xfee00UL
#define MSI_LAST_FRAME  0xfeeffUL

static void __init grant_ports(struct domain *d)
{
    int rc = rangeset_add(d->ioports, 0, 0xffff);

    for (unsigned int i = 0; !rc && i < ARRAY_SIZE(our_ports); i++)
        rc = rangeset_remove(d->ioports, our_ports[i].first, our_ports[i].last);
    for (unsigned int port = 0; !rc && port <= 0xffff; port++)
        if (uart_owns_port((u16)port) || acpi_owns_port((u16)port))
            rc = rangeset_remove(d->ioports, port, port);
    if (rc)
        panic("out of memory for dom0's I/O ports");
}

static void __init grant_frames(struct domain *d)
{
    int rc = rangeset_add(d->iomem, 0, (1UL << (boot_cpu.phys_bits - PAGE_SHIFT)) - 1);

    if (!rc)
        rc = rangeset_remove(d->iomem, MSI_FIRST_FRAME, MSI_LAST_FRAME);
    if (!rc && acpi.lapic_address)
        rc = rangeset_remove(d->iomem, acpi.lapic_address >> PAGE_SHIFT,
                             acpi.lapic_address >> PAGE_SHIFT);
    for (unsigned int i = 0; !rc && i < acpi.nr_ioapics; i++)
        rc = rangeset_remove(d->iomem, acpi.ioapic[i].address >> PAGE_SHIFT,
                             acpi.ioapic[i].address >> PAGE_SHIFT);
    if (rc)
        panic("out of memory for dom0's device frames");
}

static void __init grant_interrupts(struct domain *d)
{
    if (rangeset_add(d->irqs, 1, nr_irqs - 1))
        panic("out of memory for dom0's interrupts");
}

void __init dom0_grant_access(struct domain *d)
{
    grant_ports(d);
    grant_frames(d);
    grant_interrupts(d);
}
