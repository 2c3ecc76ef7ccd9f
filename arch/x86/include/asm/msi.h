/* SPDX-License-Identifier: MIT */
/*
 * Messages that devices send as interrupts (MSI and MSI-X; PCI local bus specification 3.0, 6.8).
 *
 * Dom0 finds the devices; a device is known here from its announcement or the first message on.
 * Each message is one hardware interrupt (irq.h) with a number behind the lines'. The capability or
 * the table entry is written by us alone, and while any entry of a table is in use its page is
 * read-only to everybody.
 */
#ifndef ASM_MSI_H
#define ASM_MSI_H

#include <asm/pci.h>

struct msi_request {
    struct pci_address at;
    u16 segment;
    bool msix;
    unsigned int entry; /* MSI-X: of the table */
    paddr_t table_base; /* MSI-X: where its BAR lies, for a device whose own BAR does not say */
};

/*
 * Programs a message, masked, and gives the number of its interrupt. -ENODEV: no such device, or it
 * has no such capability; -EINVAL: no such entry; -EEXIST: in use; -ENXIO: the table is not to be
 * found; -ENOSPC: no interrupt or vector left; -ENOMEM.
 */
int msi_map(const struct msi_request *request, unsigned int *irq);
/* Takes it back from the device and frees the number. Nobody is bound to it. */
void msi_unmap(unsigned int irq);

/* Has dom0 spoken of it? Touches no device. */
bool msi_device_known(u16 segment, struct pci_address at);
/* Dom0 tells of a device; telling again is no error. -ENOMEM. */
int msi_device_add(u16 segment, struct pci_address at);
/* It is gone: its messages come no more, their numbers stay until they are unmapped. -ENODEV. */
int msi_device_remove(u16 segment, struct pci_address at);
/* Writes all messages of a device again and enables them, after a reset. -ENODEV; -ENXIO. */
int msi_restore(u16 segment, struct pci_address at);
/*
 * Keeps the MSI-X table of a device read-only though none of its entries is in use, or (@release)
 * no longer. -ENODEV; -EBUSY: entries are in use, or it was not kept; -ENXIO.
 */
int msi_keep_table(u16 segment, struct pci_address at, bool release);

/* Holds off all changes of messages, while dom0 writes to configuration space. */
void msi_lock(void);
void msi_unlock(void);
/*
 * May dom0 write *@value there? It may be changed to what is written instead. msi_lock() held.
 */
bool msi_allow_write(struct pci_address at, unsigned int reg, unsigned int bytes, u32 *value);

/* Boot: the list of read-only frames. */
void msi_init(void);

#endif
