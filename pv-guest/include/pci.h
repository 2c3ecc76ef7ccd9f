/* SPDX-License-Identifier: MIT */
/*
 * PCI devices, for the domain that owns them (dom0): finding them, their configuration space, their
 * registers in memory, and their interrupts as event handlers.
 *
 * Everything here is for threads; nothing but an interrupt's handler runs in the upcall.
 *
 * A driver for a device does, in this order:
 *
 *     pci_init(); device = pci_find(vendor, id, NULL);
 *     registers = pci_map_bar(device, bar, offset, length);
 *     pci_enable(device);
 *     count = pci_interrupts_enable(device, wanted);
 *     pci_interrupt_set_handler(device, vector, handler, argument);    ... for each vector
 */
#ifndef PCI_H
#define PCI_H

#include <events.h>
#include <stddef.h>

/* Configuration registers, PCI local bus specification 3.0, chapter 6. */
#define PCI_VENDOR             0x00 /* 16 bits; so is the next */
#define PCI_DEVICE             0x02
#define PCI_COMMAND            0x04 /* 16 bits */
#define PCI_COMMAND_PORTS      0x0001
#define PCI_COMMAND_MEMORY     0x0002
#define PCI_COMMAND_MASTER     0x0004
#define PCI_COMMAND_LINE_OFF   0x0400
#define PCI_STATUS             0x06 /* 16 bits */
#define PCI_STATUS_CAPABILITY  0x0010
#define PCI_REVISION           0x08 /* 8 bits; class code in the 24 bits above */
#define PCI_HEADER_TYPE        0x0e /* 8 bits */
#define PCI_BAR0               0x10
#define PCI_SECONDARY_BUS      0x19 /* bridges, 8 bits */
#define PCI_SUBSYSTEM_VENDOR   0x2c
#define PCI_SUBSYSTEM          0x2e
#define PCI_FIRST_CAPABILITY   0x34
#define PCI_INTERRUPT_LINE     0x3c
#define PCI_INTERRUPT_PIN      0x3d
#define PCI_CAPABILITY_MSI     0x05
#define PCI_CAPABILITY_VENDOR  0x09
#define PCI_CAPABILITY_EXPRESS 0x10
#define PCI_CAPABILITY_MSIX    0x11

/* Base class, and subclass: the upper 8 or 16 bits of the class code. */
#define PCI_CLASS_STORAGE      0x01
#define PCI_CLASS_STORAGE_SCSI 0x0100
#define PCI_CLASS_STORAGE_IDE  0x0101
#define PCI_CLASS_STORAGE_AHCI 0x0106
#define PCI_CLASS_STORAGE_NVME 0x0108
#define PCI_CLASS_NETWORK      0x02
#define PCI_CLASS_BRIDGE_PCI   0x0604

#define PCI_BARS 6

/* How a device's interrupts reach us. */
enum pci_interrupt_kind {
    PCI_INTERRUPTS_OFF,
    PCI_INTERRUPTS_MSIX, /* one message for each entry of the device's table */
    PCI_INTERRUPTS_MSI,  /* one message */
    PCI_INTERRUPTS_LINE, /* the INTx pin; handlers must expect calls that are for other devices */
};

struct pci_interrupt;

struct pci_device {
    uint8_t bus;
    uint8_t devfn; /* device << 3 | function */
    uint16_t vendor, id;
    uint16_t subsystem_vendor, subsystem; /* 0 in bridges */
    uint32_t class_code;                  /* base class, subclass, interface: 24 bits */
    uint8_t revision;
    uint8_t header_type; /* 0: device, 1: bridge */
    bool claimed;        /* a driver has it, or has said why it cannot use it */
    enum pci_interrupt_kind interrupt_kind;
    unsigned int interrupt_count;
    struct pci_interrupt *interrupts; /* interrupt_count of them */
    struct pci_device *next;
};

/*
 * Finds all devices, on every root bus and behind all bridges, and tells the hypervisor about them.
 * Calls after the first do nothing.
 * @return 0, -EPERM in a domain that is not dom0, -ENODEV without PCI, -ENOMEM.
 */
int pci_init(void);

/* The next device after @after (NULL: the first), or NULL. */
struct pci_device *pci_next(const struct pci_device *after);

/* As pci_next(), of this vendor and device id. */
struct pci_device *pci_find(uint16_t vendor, uint16_t id, const struct pci_device *after);

/* Writes where a device is, as "02:00.1": bus, device and function. @return @text. */
#define PCI_PLACE_SIZE 8
const char *pci_place(const struct pci_device *device, char text[PCI_PLACE_SIZE]);

/* Reads a configuration register of 1, 2 or 4 bytes, aligned, below offset 256. */
uint8_t pci_read8(const struct pci_device *device, unsigned int offset);
uint16_t pci_read16(const struct pci_device *device, unsigned int offset);
uint32_t pci_read32(const struct pci_device *device, unsigned int offset);

/* Writes one. */
void pci_write8(const struct pci_device *device, unsigned int offset, uint8_t value);
void pci_write16(const struct pci_device *device, unsigned int offset, uint16_t value);
void pci_write32(const struct pci_device *device, unsigned int offset, uint32_t value);

/*
 * Finds a capability.
 * @param capability PCI_CAPABILITY_*
 * @param after      offset of one that was found before, to continue behind it, or 0.
 * @return its offset, or 0.
 */
unsigned int pci_find_capability(const struct pci_device *device, uint8_t capability,
                                 unsigned int after);

/* A base address register, decoded. */
struct pci_bar {
    uint64_t address; /* 0: the firmware gave it none */
    uint64_t size;    /* bytes; 0: there is no such register */
    bool ports;       /* in I/O space, not memory */
};

/* Reads a register and finds its size; memory and port decoding are off for a moment meanwhile. */
struct pci_bar pci_bar(const struct pci_device *device, unsigned int index);

/*
 * Maps a part of a memory BAR, uncached.
 * @param offset,length bytes, any alignment.
 * @return the address of byte @offset, or NULL: not a memory BAR, not within it, or no memory.
 */
volatile void *pci_map_bar(const struct pci_device *device, unsigned int index, uint64_t offset,
                           size_t length);

/* Undoes pci_map_bar(), with the same length. */
void pci_unmap_bar(volatile void *address, size_t length);

/* Lets the device answer to its registers and use memory by itself (decoding, bus master). */
void pci_enable(const struct pci_device *device);

/* Stops it from using memory. */
void pci_disable(const struct pci_device *device);

/*
 * Sets up interrupts: @wanted MSI-X vectors, as many of them as the device and the hypervisor have;
 * else one MSI; else the line. They stay silent until pci_interrupt_set_handler().
 * @return how many there are now (at least 1), or a negative errno with none.
 */
int pci_interrupts_enable(struct pci_device *device, unsigned int wanted);

/* Calls @handler (NULL: nobody) in the upcall at each interrupt @vector, below the count. */
void pci_interrupt_set_handler(struct pci_device *device, unsigned int vector,
                               event_handler handler, void *argument);

/* Undoes pci_interrupts_enable(). */
void pci_interrupts_disable(struct pci_device *device);

/*
 * Calls @handler in the upcall at each interrupt of a line that belongs to no PCI device, as ACPI's
 * does, for good.
 * @param gsi              the line's number, as ACPI counts them.
 * @param level,active_low how it is wired.
 * @return 0 or a negative errno.
 */
int gsi_interrupt_start(unsigned int gsi, bool level, bool active_low, event_handler handler,
                        void *argument);

#endif
