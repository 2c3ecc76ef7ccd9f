/* SPDX-License-Identifier: MIT */
/*
 * PCI: enumeration, configuration space by mechanism #1, capabilities, and base address registers.
 *
 * The two configuration ports are used as a pair, from threads only, and threads do not preempt
 * each other: that is all the locking there is. The hypervisor completes the port instructions by
 * emulation. Sources: PCI local bus specification 3.0, chapters 3.2.2.3 and 6.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <pagetable.h>
#include <pci.h>
#include <ports.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT_ADDRESS   0xcf8
#define PORT_DATA      0xcfc
#define ADDRESS_ENABLE 0x80000000u

#define NO_VENDOR            0xffff
#define HEADER_TYPE_MASK     0x7f
#define HEADER_MULTIFUNCTION 0x80
#define BUSES                256
#define MAX_DEPTH            8  /* of bridges behind bridges */
#define MAX_CAPABILITIES     48 /* as many as fit: a list that is a circle ends */

#define BAR_PORTS 0x1u
#define BAR_64BIT 0x4u

static struct pci_device *devices;
static struct pci_device **last = &devices;
static bool scanned;
static bool bus_scanned[BUSES];

/* Points the data port at a register. @return the data port's own offset for it. */
static uint16_t select_register(uint8_t bus, uint8_t devfn, unsigned int offset)
{
    out32(PORT_ADDRESS,
          ADDRESS_ENABLE | (uint32_t)bus << 16 | (uint32_t)devfn << 8 | (offset & 0xfc));
    return (uint16_t)(PORT_DATA + (offset & 3));
}

static uint32_t read_register(uint8_t bus, uint8_t devfn, unsigned int offset)
{
    return in32(select_register(bus, devfn, offset & 0xfc));
}

uint8_t pci_read8(const struct pci_device *device, unsigned int offset)
{
    return (uint8_t)(read_register(device->bus, device->devfn, offset) >> 8 * (offset & 3));
}

uint16_t pci_read16(const struct pci_device *device, unsigned int offset)
{
    return (uint16_t)(read_register(device->bus, device->devfn, offset) >> 8 * (offset & 2));
}

uint32_t pci_read32(const struct pci_device *device, unsigned int offset)
{
    return read_register(device->bus, device->devfn, offset);
}

void pci_write8(const struct pci_device *device, unsigned int offset, uint8_t value)
{
    uint16_t port = select_register(device->bus, device->devfn, offset);

    out8(port, value);
}

void pci_write16(const struct pci_device *device, unsigned int offset, uint16_t value)
{
    uint16_t port = select_register(device->bus, device->devfn, offset & ~1u);

    out16(port, value);
}

void pci_write32(const struct pci_device *device, unsigned int offset, uint32_t value)
{
    out32(select_register(device->bus, device->devfn, offset & ~3u), value);
}

static int scan_bus(uint8_t bus, unsigned int depth);

/* The hypervisor has to know a device before it sets up messages for it. One that knows it from a
 * scan of its own does not mind. */
static void announce_to_hypervisor(const struct pci_device *device)
{
    struct physdev_pci_device_add add = {.bus = device->bus, .devfn = device->devfn};

    hypercall_physdev_op(PHYSDEVOP_pci_device_add, &add);
}

static int add_function(uint8_t bus, uint8_t devfn, uint32_t ids, unsigned int depth)
{
    struct pci_device *device = calloc(1, sizeof(*device));
    uint8_t secondary;

    if (!device)
        return -ENOMEM;
    device->bus = bus;
    device->devfn = devfn;
    device->vendor = (uint16_t)ids;
    device->id = (uint16_t)(ids >> 16);
    device->revision = pci_read8(device, PCI_REVISION);
    device->class_code = pci_read32(device, PCI_REVISION) >> 8;
    device->header_type = pci_read8(device, PCI_HEADER_TYPE) & HEADER_TYPE_MASK;
    if (device->header_type == 0) {
        device->subsystem_vendor = pci_read16(device, PCI_SUBSYSTEM_VENDOR);
        device->subsystem = pci_read16(device, PCI_SUBSYSTEM);
    }
    announce_to_hypervisor(device);
    *last = device;
    last = &device->next;
    if (device->class_code >> 8 != PCI_CLASS_BRIDGE_PCI)
        return 0;
    secondary = pci_read8(device, PCI_SECONDARY_BUS);
    if (secondary <= bus || bus_scanned[secondary] || depth == MAX_DEPTH)
        return 0;
    return scan_bus(secondary, depth + 1);
}

static int scan_bus(uint8_t bus, unsigned int depth)
{
    bus_scanned[bus] = true;
    for (unsigned int slot = 0; slot < 32; slot++) {
        unsigned int functions = 1;

        for (unsigned int function = 0; function < functions; function++) {
            uint8_t devfn = (uint8_t)(slot << 3 | function);
            uint32_t ids = read_register(bus, devfn, PCI_VENDOR);
            int error;

            if ((uint16_t)ids == NO_VENDOR)
                continue;
            if (function == 0 &&
                read_register(bus, devfn, PCI_HEADER_TYPE & ~3u) >> 16 & HEADER_MULTIFUNCTION)
                functions = 8;
            error = add_function(bus, devfn, ids, depth);
            if (error)
                return error;
        }
    }
    return 0;
}

/*
 * The root buses are named by the firmware's program (AML) alone, so each bus that no bridge leads
 * to is looked at. A bus behind a bridge has a higher number than that bridge's own.
 */
static int scan_all(void)
{
    int error = 0;

    for (unsigned int bus = 0; bus < BUSES && !error; bus++)
        if (!bus_scanned[bus])
            error = scan_bus((uint8_t)bus, 0);
    return error;
}

int pci_init(void)
{
    int error;

    if (!guest_is_dom0())
        return -EPERM;
    if (scanned)
        return devices ? 0 : -ENODEV;
    if (ports_allow())
        return -EPERM;
    out32(PORT_ADDRESS, ADDRESS_ENABLE);
    if (in32(PORT_ADDRESS) != ADDRESS_ENABLE)
        return -ENODEV;
    scanned = true;
    error = scan_all();
    if (error)
        return error;
    return devices ? 0 : -ENODEV;
}

struct pci_device *pci_next(const struct pci_device *after)
{
    return after ? after->next : devices;
}

struct pci_device *pci_find(uint16_t vendor, uint16_t id, const struct pci_device *after)
{
    struct pci_device *device = pci_next(after);

    while (device && (device->vendor != vendor || device->id != id))
        device = device->next;
    return device;
}

const char *pci_place(const struct pci_device *device, char text[PCI_PLACE_SIZE])
{
    snprintf(text, PCI_PLACE_SIZE, "%02x:%02x.%x", device->bus, device->devfn >> 3u,
             device->devfn & 7u);
    return text;
}

unsigned int pci_find_capability(const struct pci_device *device, uint8_t capability,
                                 unsigned int after)
{
    unsigned int offset;

    if (!(pci_read16(device, PCI_STATUS) & PCI_STATUS_CAPABILITY))
        return 0;
    offset = pci_read8(device, after ? after + 1 : PCI_FIRST_CAPABILITY) & 0xfc;
    for (unsigned int i = 0; i < MAX_CAPABILITIES && offset >= 0x40; i++) {
        if (pci_read8(device, offset) == capability)
            return offset;
        offset = pci_read8(device, offset + 1) & 0xfc;
    }
    return 0;
}

/* Which bits of a register can be written: those say how large the region is. */
static uint32_t probe_register(const struct pci_device *device, unsigned int offset, uint32_t value)
{
    uint32_t writable;

    pci_write32(device, offset, ~0u);
    writable = pci_read32(device, offset);
    pci_write32(device, offset, value);
    return writable;
}

struct pci_bar pci_bar(const struct pci_device *device, unsigned int index)
{
    unsigned int offset = PCI_BAR0 + 4 * index, bars = device->header_type == 0 ? PCI_BARS : 2;
    struct pci_bar bar = {0};
    uint64_t writable;
    uint16_t command;
    uint32_t low;

    if (index >= bars)
        return bar;
    command = pci_read16(device, PCI_COMMAND);
    pci_write16(device, PCI_COMMAND,
                (uint16_t)(command & ~(PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY)));
    low = pci_read32(device, offset);
    bar.ports = low & BAR_PORTS;
    writable = probe_register(device, offset, low);
    if (bar.ports) {
        bar.address = low & ~3u;
        writable &= ~3ull;
        bar.size = writable ? (0x10000 - writable) & 0xffff : 0;
    } else {
        bar.address = low & ~15u;
        writable &= ~15ull;
        if (low & BAR_64BIT && index + 1 < bars) {
            uint32_t high = pci_read32(device, offset + 4);

            bar.address |= (uint64_t)high << 32;
            writable |= (uint64_t)probe_register(device, offset + 4, high) << 32;
        } else if (writable) {
            writable |= 0xffffffffull << 32;
        }
        bar.size = -writable;
    }
    pci_write16(device, PCI_COMMAND, command);
    return bar;
}

/* How many pages @length bytes from any address touch. */
static unsigned long pages_spanned(uint64_t address, size_t length)
{
    return ((address & (PAGE_SIZE - 1)) + length + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

volatile void *pci_map_bar(const struct pci_device *device, unsigned int index, uint64_t offset,
                           size_t length)
{
    struct pci_bar bar = pci_bar(device, index);
    uint64_t address = bar.address + offset;
    unsigned long count = pages_spanned(address, length);
    mfn_t *mfns;
    char *va;

    if (bar.ports || !bar.address || !length || offset > bar.size || length > bar.size - offset)
        return NULL;
    mfns = malloc(count * sizeof(*mfns));
    if (!mfns)
        return NULL;
    for (unsigned long page = 0; page < count; page++)
        mfns[page] = (address >> PAGE_SHIFT) + page;
    va = map_frames(mfns, count, DOMID_IO, PTE_KERNEL_DATA | PTE_PCD | PTE_PWT, NULL);
    free(mfns);
    return va ? va + (address & (PAGE_SIZE - 1)) : NULL;
}

void pci_unmap_bar(volatile void *address, size_t length)
{
    uintptr_t va = (uintptr_t)address;

    unmap_frames((void *)(va & PAGE_MASK), pages_spanned(va, length));
}

void pci_enable(const struct pci_device *device)
{
    uint16_t command = pci_read16(device, PCI_COMMAND);

    pci_write16(device, PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void pci_disable(const struct pci_device *device)
{
    uint16_t command = pci_read16(device, PCI_COMMAND);

    pci_write16(device, PCI_COMMAND, (uint16_t)(command & ~PCI_COMMAND_MASTER));
}
