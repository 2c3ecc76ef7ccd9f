/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of PCI devices: MSI-X entries, an MSI, or the line, each as a pirq bound to an event
 * channel.
 *
 * The hypervisor writes messages into the device; here only the capability's enable bits are
 * written. A page shared with the hypervisor says which pirqs have to be answered after each event.
 * Sources: PCI local bus specification 3.0, chapter 6.8; public/physdev.h.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pci.h>
#include <stdlib.h>

#define CAPABILITY_CONTROL 2
#define MSIX_TABLE         4
#define MSIX_TABLE_BAR     0x7u
#define MSIX_ENABLE        0x8000u
#define MSIX_MASK_ALL      0x4000u
#define MSIX_SIZE          0x07ffu /* entries - 1 */
#define MSI_ENABLE         0x0001u

struct pci_interrupt {
    unsigned int pirq;
    evtchn_port_t port;
    event_handler handler;
    void *argument;
};

static unsigned long *eoi_map; /* a bit for each pirq; NULL: answer all */

static void share_eoi_map(void)
{
    struct physdev_pirq_eoi_gmfn share;
    unsigned long *page;

    if (eoi_map)
        return;
    page = page_alloc_zeroed();
    if (!page)
        return;
    share.gmfn = va_to_mfn(page);
    if (hypercall_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &share))
        page_free(page);
    else
        eoi_map = page;
}

static void end_interrupt(unsigned int pirq)
{
    struct physdev_eoi eoi = {.irq = pirq};

    if (!eoi_map || __atomic_load_n(&eoi_map[pirq / 64], __ATOMIC_RELAXED) & 1ul << (pirq % 64))
        hypercall_physdev_op(PHYSDEVOP_eoi, &eoi);
}

static void take_interrupt(evtchn_port_t port, void *argument)
{
    const struct pci_interrupt *interrupt = argument;

    if (interrupt->handler)
        interrupt->handler(port, interrupt->argument);
    end_interrupt(interrupt->pirq);
}

static int bind_interrupt(struct pci_interrupt *interrupt, int pirq, bool shared)
{
    int port = event_bind_pirq((unsigned int)pirq, shared);

    if (port < 0) {
        struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq};

        hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
        return port;
    }
    interrupt->pirq = (unsigned int)pirq;
    interrupt->port = (evtchn_port_t)port;
    return 0;
}

static int map_pci_message(const struct pci_device *device, struct pci_interrupt *interrupt,
                           unsigned int entry, uint64_t table_base)
{
    struct physdev_map_pirq map = {.domid = DOMID_SELF,
                                   .type = MAP_PIRQ_TYPE_MSI_SEG,
                                   .index = -1,
                                   .pirq = -1,
                                   .bus = device->bus,
                                   .devfn = device->devfn,
                                   .entry_nr = (int)entry,
                                   .table_base = table_base};
    int error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);

    return error ? error : bind_interrupt(interrupt, map.pirq, false);
}

static void set_line(const struct pci_device *device, bool on)
{
    uint16_t command = pci_read16(device, PCI_COMMAND);

    command = (uint16_t)(on ? command & ~PCI_COMMAND_LINE_OFF : command | PCI_COMMAND_LINE_OFF);
    pci_write16(device, PCI_COMMAND, command);
}

/* @return how many entries could be had. */
static unsigned int enable_msix(struct pci_device *device, unsigned int wanted)
{
    unsigned int offset = pci_find_capability(device, PCI_CAPABILITY_MSIX, 0), count = 0;
    uint16_t control;
    uint32_t table;
    uint64_t base;

    if (!offset)
        return 0;
    control = pci_read16(device, offset + CAPABILITY_CONTROL);
    if (wanted > (control & MSIX_SIZE) + 1)
        wanted = (control & MSIX_SIZE) + 1;
    table = pci_read32(device, offset + MSIX_TABLE);
    base = pci_bar(device, table & MSIX_TABLE_BAR).address;
    pci_write16(device, PCI_COMMAND, pci_read16(device, PCI_COMMAND) | PCI_COMMAND_MEMORY);
    pci_write16(device, offset + CAPABILITY_CONTROL,
                (uint16_t)(control | MSIX_ENABLE | MSIX_MASK_ALL));
    while (count < wanted && !map_pci_message(device, &device->interrupts[count], count, base))
        count++;
    if (count > 0) {
        set_line(device, false);
        control = (uint16_t)((control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
    }
    pci_write16(device, offset + CAPABILITY_CONTROL, control);
    return count;
}

static unsigned int enable_msi(struct pci_device *device)
{
    unsigned int offset = pci_find_capability(device, PCI_CAPABILITY_MSI, 0);
    uint16_t control;

    if (!offset || map_pci_message(device, &device->interrupts[0], 0, 0))
        return 0;
    set_line(device, false);
    control = pci_read16(device, offset + CAPABILITY_CONTROL);
    pci_write16(device, offset + CAPABILITY_CONTROL, control | MSI_ENABLE);
    return 1;
}

/* Binds a line; one that is set up already stays as it is wired. */
static int map_pci_line(struct pci_interrupt *interrupt, unsigned int gsi, bool level,
                        bool active_low)
{
    struct physdev_setup_gsi setup = {.gsi = (int)gsi, .triggering = level, .polarity = active_low};
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = (int)gsi, .pirq = (int)gsi};
    int error = (int)hypercall_physdev_op(PHYSDEVOP_setup_gsi, &setup);

    if (error && error != -EEXIST)
        return error;
    error = (int)hypercall_physdev_op(PHYSDEVOP_map_pirq, &map);
    return error ? error : bind_interrupt(interrupt, map.pirq, true);
}

/*
 * The line that the firmware routed the pin to, as the register says. The firmware's own programs
 * may know better routes for IO-APICs, but this one works unless something changes the router.
 */
static int enable_line(struct pci_device *device)
{
    uint8_t line = pci_read8(device, PCI_INTERRUPT_LINE);
    int error;

    if (!pci_read8(device, PCI_INTERRUPT_PIN) || line == 0 || line == 0xff)
        return -ENODEV;
    error = map_pci_line(&device->interrupts[0], line, true, true);
    if (!error)
        set_line(device, true);
    return error;
}

int pci_interrupts_enable(struct pci_device *device, unsigned int wanted)
{
    int error = 0;

    if (device->interrupt_kind != PCI_INTERRUPTS_OFF || wanted == 0)
        return -EBUSY;
    device->interrupts = calloc(wanted, sizeof(*device->interrupts));
    if (!device->interrupts)
        return -ENOMEM;
    share_eoi_map();
    device->interrupt_kind = PCI_INTERRUPTS_MSIX;
    device->interrupt_count = enable_msix(device, wanted);
    if (!device->interrupt_count) {
        device->interrupt_kind = PCI_INTERRUPTS_MSI;
        device->interrupt_count = enable_msi(device);
    }
    if (!device->interrupt_count) {
        device->interrupt_kind = PCI_INTERRUPTS_LINE;
        error = enable_line(device);
        device->interrupt_count = 1;
    }
    if (error) {
        free(device->interrupts);
        device->interrupts = NULL;
        device->interrupt_count = 0;
        device->interrupt_kind = PCI_INTERRUPTS_OFF;
        return error;
    }
    return (int)device->interrupt_count;
}

static void set_interrupt_handler(struct pci_interrupt *interrupt, event_handler handler,
                                  void *argument)
{
    event_mask(interrupt->port);
    interrupt->handler = handler;
    interrupt->argument = argument;
    event_set_handler(interrupt->port, handler ? take_interrupt : NULL, interrupt);
    end_interrupt(interrupt->pirq);
}

int gsi_interrupt_start(unsigned int gsi, bool level, bool active_low, event_handler handler,
                        void *argument)
{
    struct pci_interrupt *interrupt = calloc(1, sizeof(*interrupt));
    int error;

    if (!interrupt)
        return -ENOMEM;
    share_eoi_map();
    error = map_pci_line(interrupt, gsi, level, active_low);
    if (error) {
        free(interrupt);
        return error;
    }
    set_interrupt_handler(interrupt, handler, argument);
    return 0;
}

void pci_interrupt_set_handler(struct pci_device *device, unsigned int vector,
                               event_handler handler, void *argument)
{
    set_interrupt_handler(&device->interrupts[vector], handler, argument);
}

void pci_interrupts_disable(struct pci_device *device)
{
    bool msix = device->interrupt_kind == PCI_INTERRUPTS_MSIX;
    unsigned int offset;
    uint16_t control;

    if (device->interrupt_kind == PCI_INTERRUPTS_LINE) {
        set_line(device, false);
    } else if (device->interrupt_kind != PCI_INTERRUPTS_OFF) {
        offset = pci_find_capability(device, msix ? PCI_CAPABILITY_MSIX : PCI_CAPABILITY_MSI, 0);
        control = pci_read16(device, offset + CAPABILITY_CONTROL);
        pci_write16(device, offset + CAPABILITY_CONTROL,
                    (uint16_t)(control & ~(msix ? MSIX_ENABLE : MSI_ENABLE)));
    }
    for (unsigned int i = 0; i < device->interrupt_count; i++) {
        struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF,
                                           .pirq = (int)device->interrupts[i].pirq};

        event_close(device->interrupts[i].port);
        hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
    }
    free(device->interrupts);
    device->interrupts = NULL;
    device->interrupt_count = 0;
    device->interrupt_kind = PCI_INTERRUPTS_OFF;
}
