/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space of segment 0, by configuration mechanism #1 (PCI local bus specification
 * 3.0, 3.2.2.3): for ourselves, and for dom0's emulated ports. Capabilities that concern us lie
 * below offset 256; dom0 reaches the extended space itself, through the window that ACPI's MCFG
 * names.
 */
#ifndef ASM_PCI_H
#define ASM_PCI_H

#include <types.h>

#define PCI_VENDOR            0x00U
#define PCI_COMMAND           0x04U
#define PCI_COMMAND_MEMORY    0x0002U
#define PCI_STATUS            0x06U
#define PCI_STATUS_CAPABILITY 0x0010U
#define PCI_HEADER_TYPE       0x0eU
#define PCI_BAR0              0x10U
#define PCI_FIRST_CAPABILITY  0x34U
#define PCI_CAPABILITY_MSI    0x05U
#define PCI_CAPABILITY_MSIX   0x11U

#define PCI_PORT_ADDRESS 0xcf8U
#define PCI_PORT_DATA    0xcfcU

struct domain;

/* Which device: its bus, and device << 3 | function. */
struct pci_address {
    u8 bus, devfn;
};

/*
 * Read or write @bytes (1, 2, 4) at offset @reg, which is a multiple of @bytes and below 256. Any
 * context.
 */
u32 pci_read(struct pci_address at, unsigned int reg, unsigned int bytes);
void pci_write(struct pci_address at, unsigned int reg, unsigned int bytes, u32 value);

/* @return the offset of capability @id; 0: the device has none */
u8 pci_find_capability(struct pci_address at, u8 id);
/* @return where memory BAR @index of a device lies; 0: nowhere, or it is not a memory BAR */
paddr_t pci_memory_bar(struct pci_address at, unsigned int index);

/*
 * A guest's access to @port of the data ports (0xcfc-0xcff), within the register that it selected
 * last. A domain that may not read gets all ones; a write that would disturb our messages is
 * discarded. Interrupts are on. Locks: none that msi.c takes may be held.
 */
u32 pci_guest_read(const struct domain *d, unsigned int port, unsigned int bytes);
void pci_guest_write(const struct domain *d, unsigned int port, unsigned int bytes, u32 value);

#endif
