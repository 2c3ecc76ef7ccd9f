/* SPDX-License-Identifier: MIT */
/*
 * Messages that devices send as interrupts (MSI and MSI-X; PCI local bus specification 3.0, 6.8).
 *
 * Dom0 finds the devices; we know a device from its announcement or its first message on. Each
 * message is one hardware interrupt (irq.h) with a number above those of lines. Only we write the
 * capability or the table entry, and while any entry of a table is in use every guest may only read
 * the table's page.
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
 * Programs a message, masked, and gives the number of its interrupt.
 * @return 0; -XEN_ENODEV: no such device, or it has no such capability; -XEN_EINVAL: no such entry;
 * -XEN_EEXIST: the message is in use; -XEN_ENXIO: the table cannot be found; -XEN_ENOSPC: no
 * interrupt or vector is left; -XEN_ENOMEM
 */
int msi_map(const struct msi_request *request, unsigned int *irq);
/* Takes a message back from its device and frees the number, to which no domain is bound. */
void msi_unmap(unsigned int irq);

/* Is the device known, and not removed? Touches no device. */
bool msi_device_known(u16 segment, struct pci_address at);
/*
 * Dom0 announces a device; announcing it again is not an error.
 * @return 0; -XEN_ENOMEM
 */
int msi_device_add(u16 segment, struct pci_address at);
/*
 * Dom0 says that a device is gone: it sends no further messages; their numbers stay until they are
 * unmapped.
 * @return 0; -XEN_ENODEV: we do not know it
 */
int msi_device_remove(u16 segment, struct pci_address at);
/*
 * Writes all messages of a device again and enables them, after a reset.
 * @return 0; -XEN_ENODEV; -XEN_ENXIO: as msi_map()
 */
int msi_restore(u16 segment, struct pci_address at);
/*
 * Keeps the MSI-X table of a device read-only although none of its entries is in use, or, with
 * @release, no longer does.
 * @return 0; -XEN_ENODEV; -XEN_EBUSY: entries are in use, or the table was not kept; -XEN_ENXIO
 */
int msi_keep_table(u16 segment, struct pci_address at, bool release);

/* Hold off all changes of messages, while dom0 writes to configuration space. */
void msi_lock(void);
void msi_unlock(void);
/*
 * May dom0 write *@value there? The function may replace *@value by what is to be written instead.
 * Locks: msi_lock() is held.
 */
bool msi_allow_write(struct pci_address at, unsigned int reg, unsigned int bytes, u32 *value);

/* Boot: makes the list of read-only frames. */
void msi_init(void);

#endif
