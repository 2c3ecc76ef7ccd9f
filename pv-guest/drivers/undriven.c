/* SPDX-License-Identifier: MIT */
/*
 * The line for each disk controller and network card without a driver. Class codes: PCI code and ID
 * assignment specification 1.11; identifiers: virtio 1.2, chapter 5.
 */
#include <drivers/undriven.h>

#include <pci.h>
#include <stdio.h>

#define VENDOR_INTEL       0x8086
#define VENDOR_VIRTIO      0x1af4
#define ID_INTEL_E1000     0x100e /* 82540EM, which QEMU emulates */
#define ID_INTEL_E1000E    0x10d3 /* 82574L */
#define ID_VIRTIO_SCSI_OLD 0x1004
#define ID_VIRTIO_SCSI     0x1048

static const char *name_of(const struct pci_device *device)
{
    if (device->vendor == VENDOR_VIRTIO &&
        (device->id == ID_VIRTIO_SCSI || device->id == ID_VIRTIO_SCSI_OLD))
        return "virtio-scsi controller";
    if (device->vendor == VENDOR_INTEL && device->id == ID_INTEL_E1000)
        return "e1000 network card";
    if (device->vendor == VENDOR_INTEL && device->id == ID_INTEL_E1000E)
        return "e1000e network card";
    switch (device->class_code >> 8) {
    case PCI_CLASS_STORAGE_SCSI:
        return "SCSI controller";
    case PCI_CLASS_STORAGE_IDE:
        return "IDE controller";
    case PCI_CLASS_STORAGE_AHCI:
        return "AHCI controller";
    case PCI_CLASS_STORAGE_NVME:
        return "NVMe controller";
    default:
        return device->class_code >> 16 == PCI_CLASS_NETWORK ? "network card" : "disk controller";
    }
}

void undriven_report(void)
{
    const struct pci_device *device = NULL;
    char place[PCI_PLACE_SIZE];

    while ((device = pci_next(device))) {
        unsigned int class = device->class_code >> 16;

        if (device->claimed || (class != PCI_CLASS_STORAGE && class != PCI_CLASS_NETWORK))
            continue;
        printf("%s: %s %04x:%04x found, but not driven here: use Linux as dom0 for it\n",
               pci_place(device, place), name_of(device), device->vendor, device->id);
    }
}
