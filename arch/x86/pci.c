/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space: our accesses and dom0's.
 *
 * The address port selects what the data ports reach, so each access is one pair under a lock;
 * dom0's ports are emulated and its own address register is kept apart. What dom0 writes goes to
 * the device unless it is part of a message that we programmed (msi.h).
 */
#include <asm/context.h>
#include <asm/msi.h>
#include <asm/pci.h>
#include <domain.h>

#define ADDRESS_ENABLE   0x80000000U
#define MAX_CAPABILITIES 48U /* as many as fit: a list in a circle ends */
#define HEADER_TYPE_MASK 0x7fU
#define BAR_PORTS        0x1U
#define BAR_TYPE_MASK    0x6U
#define BAR_64BIT        0x4U
#define BAR_FLAGS        0xfU

static spinlock_t config_lock = SPINLOCK_INIT(RANK_DEVICE); /* the pair of ports */

/* Makes one access to @port of the data ports, with @address in the address port. */
static u32 config_access(u32 address, unsigned int port, unsigned int bytes, bool write, u32 value)
{
    unsigned long flags = spin_lock_irqsave(&config_lock);

    hw_port_write(PCI_PORT_ADDRESS, 4, address);
    if (write)
        hw_port_write((u16)port, bytes, value);
    else
        value = hw_port_read((u16)port, bytes);
    spin_unlock_irqrestore(&config_lock, flags);
    return value;
}

static u32 config_address(struct pci_address at, unsigned int reg)
{
    return ADDRESS_ENABLE | (u32)at.bus << 16 | (u32)at.devfn << 8 | (reg & 0xfc);
}

u32 pci_read(struct pci_address at, unsigned int reg, unsigned int bytes)
{
    return config_access(config_address(at, reg), PCI_PORT_DATA + (reg & 3), bytes, false, 0);
}

void pci_write(struct pci_address at, unsigned int reg, unsigned int bytes, u32 value)
{
    config_access(config_address(at, reg), PCI_PORT_DATA + (reg & 3), bytes, true, value);
}

u8 pci_find_capability(struct pci_address at, u8 id)
{
    u32 offset;

    if (!(pci_read(at, PCI_STATUS, 2) & PCI_STATUS_CAPABILITY))
        return 0;
    offset = pci_read(at, PCI_FIRST_CAPABILITY, 1) & 0xfc;
    for (unsigned int i = 0; i < MAX_CAPABILITIES && offset >= 0x40; i++) {
        u32 head = pci_read(at, offset, 2);

        if ((head & 0xff) == id)
            return (u8)offset;
        offset = head >> 8 & 0xfc;
    }
    return 0;
}

paddr_t pci_memory_bar(struct pci_address at, unsigned int index)
{
    unsigned int bars = pci_read(at, PCI_HEADER_TYPE, 1) & HEADER_TYPE_MASK ? 2 : 6;
    unsigned int reg = PCI_BAR0 + 4 * index;
    paddr_t address;
    u32 low;

    if (index >= bars)
        return 0;
    low = pci_read(at, reg, 4);
    if (low & BAR_PORTS)
        return 0;
    address = low & ~BAR_FLAGS;
    if ((low & BAR_TYPE_MASK) == BAR_64BIT) {
        if (index + 1 >= bars)
            return 0;
        address |= (paddr_t)pci_read(at, reg + 4, 4) << 32;
    }
    return address;
}

u32 pci_guest_read(const struct domain *d, unsigned int port, unsigned int bytes)
{
    return d->privileged ? config_access(d->arch.pci_cf8, port, bytes, false, 0) : ~0U;
}

void pci_guest_write(const struct domain *d, unsigned int port, unsigned int bytes, u32 value)
{
    u32 address = d->arch.pci_cf8;
    struct pci_address at = {.bus = (u8)(address >> 16), .devfn = (u8)(address >> 8)};
    unsigned int reg = (address & 0xfc) + (port & 3);

    if (!d->privileged)
        return;
    msi_lock();
    if (!(address & ADDRESS_ENABLE) || msi_allow_write(at, reg, bytes, &value))
        config_access(address, port, bytes, true, value);
    msi_unlock();
}
