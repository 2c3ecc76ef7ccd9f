/* SPDX-License-Identifier: MIT */
/*
 * Devices: configuration space by ports, messages as pirqs, and what of it a domain without devices
 * is refused. The test program gives the machine a device of QEMU's that interrupts on request with
 * MSI ("edu") and two network cards whose causes can be raised by hand: one with MSI-X (82574), one
 * with nothing but a line (82540).
 */
#include <clock.h>
#include <errno.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <pagetable.h>
#include <pci.h>
#include <stdio.h>
#include <string.h>
#include <thread.h>

#include "harness.h"

#define EDU_VENDOR   0x1234
#define EDU_ID       0x11e8
#define EDU_SIZE     0x100
#define EDU_IDENTITY 0x00
#define EDU_STATUS   0x24
#define EDU_RAISE    0x60
#define EDU_ANSWER   0x64

#define NIC_VENDOR       0x8086
#define NIC_ID           0x10d3
#define NIC_SIZE         0x1000
#define NIC_CAUSE        0xc0
#define NIC_SET_CAUSE    0xc8
#define NIC_ENABLE       0xd0
#define NIC_DISABLE      0xd8
#define NIC_VECTORS      0xe4
#define NIC_QUEUE(n)     (1u << (20 + (n)))
#define NIC_VECTOR(q, v) ((8u | (v)) << 4 * (q))
#define OLD_NIC_ID       0x100e
#define NIC_TABLE_BAR    3
#define NIC_ENTRIES      5

static unsigned int calls[NIC_ENTRIES];

static void count_call(evtchn_port_t port, void *argument)
{
    calls[(uintptr_t)argument]++;
}

/* How often interrupt `vector` was seen; gives it ten seconds to come to `count`. */
static unsigned int wait_calls(unsigned int vector, unsigned int count)
{
    for (unsigned int i = 0; i < 1000 && *(volatile unsigned int *)&calls[vector] < count; i++)
        thread_sleep(MILLISECONDS(10));
    return calls[vector];
}

static uint32_t reg_read(volatile void *base, unsigned int offset)
{
    return *(volatile uint32_t *)((volatile char *)base + offset);
}

static void reg_write(volatile void *base, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile char *)base + offset) = value;
}

static volatile void *line_registers;

/* Reading the causes clears them, and lowers the line. */
static void answer_line(evtchn_port_t port, void *argument)
{
    if (reg_read(line_registers, NIC_CAUSE))
        calls[0]++;
}

static struct pci_device *find_device(uint16_t vendor, uint16_t id)
{
    return pci_init() ? NULL : pci_find(vendor, id, NULL);
}

static void test_enumeration(void)
{
    const struct pci_device *host;
    struct pci_bar bar;

    if (!guest_is_dom0()) {
        CHECK_EQ(pci_init(), -EPERM);
        return;
    }
    if (!CHECK_EQ(pci_init(), 0))
        return;
    host = pci_next(NULL);
    if (!CHECK(host != NULL))
        return;
    CHECK_EQ(host->bus, 0);
    CHECK_EQ(host->devfn, 0);
    CHECK_EQ(host->vendor, 0x8086);
    CHECK_EQ(pci_read32(host, 0), host->vendor | (uint32_t)host->id << 16);
    CHECK_EQ(pci_read16(host, 2), host->id);
    CHECK_EQ(pci_read8(host, 1), 0x80);
    CHECK_EQ(host->class_code >> 16, 6);
    CHECK_EQ(pci_bar(host, 0).size, 0);
    host = find_device(NIC_VENDOR, NIC_ID);
    if (!CHECK(host != NULL))
        return;
    bar = pci_bar(host, 0);
    CHECK_EQ(bar.size, 128 << 10);
    CHECK(bar.address && !bar.ports);
    bar = pci_bar(host, 2);
    CHECK_EQ(bar.size, 32);
    CHECK(bar.ports);
    CHECK(pci_find_capability(host, PCI_CAPABILITY_MSIX, 0) != 0);
    CHECK_EQ(pci_find_capability(host, 0x77, 0), 0);
}

static void test_msi(void)
{
    struct pci_device *device = find_device(EDU_VENDOR, EDU_ID);
    volatile void *registers;

    if (!guest_is_dom0() || !CHECK(device != NULL))
        return;
    pci_enable(device);
    registers = pci_map_bar(device, 0, 0, EDU_SIZE);
    if (!CHECK(registers != NULL))
        return;
    CHECK_EQ(reg_read(registers, EDU_IDENTITY) & 0xffff, 0xed);
    CHECK_EQ(pci_interrupts_enable(device, 4), 1);
    CHECK_EQ(device->interrupt_kind, PCI_INTERRUPTS_MSI);
    calls[0] = 0;
    pci_interrupt_set_handler(device, 0, count_call, NULL);
    for (unsigned int i = 1; i <= 3; i++) {
        reg_write(registers, EDU_RAISE, 1);
        CHECK_EQ(wait_calls(0, i), i);
        reg_write(registers, EDU_ANSWER, reg_read(registers, EDU_STATUS));
    }
    pci_interrupts_disable(device);
    pci_unmap_bar(registers, EDU_SIZE);
}

static void test_msix(void)
{
    struct pci_device *device = find_device(NIC_VENDOR, NIC_ID);
    volatile void *registers;

    if (!guest_is_dom0() || !CHECK(device != NULL))
        return;
    pci_enable(device);
    registers = pci_map_bar(device, 0, 0, NIC_SIZE);
    if (!CHECK(registers != NULL))
        return;
    if (!CHECK_EQ(pci_interrupts_enable(device, 100), NIC_ENTRIES))
        return;
    CHECK_EQ(device->interrupt_kind, PCI_INTERRUPTS_MSIX);
    memset(calls, 0, sizeof(calls));
    for (unsigned int i = 0; i < NIC_ENTRIES; i++)
        pci_interrupt_set_handler(device, i, count_call, (void *)(uintptr_t)i);
    reg_write(registers, NIC_VECTORS, NIC_VECTOR(0, 2) | NIC_VECTOR(1, 4));
    reg_write(registers, NIC_ENABLE, NIC_QUEUE(0) | NIC_QUEUE(1));
    for (unsigned int i = 1; i <= 3; i++) {
        reg_write(registers, NIC_SET_CAUSE, NIC_QUEUE(0));
        CHECK_EQ(wait_calls(2, i), i);
        reg_write(registers, NIC_CAUSE, NIC_QUEUE(0));
    }
    reg_write(registers, NIC_SET_CAUSE, NIC_QUEUE(1));
    CHECK_EQ(wait_calls(4, 1), 1);
    CHECK_EQ(calls[0] + calls[1] + calls[3], 0);
    reg_write(registers, NIC_DISABLE, ~0u);
    thread_sleep(MILLISECONDS(10)); /* QEMU's card throttles: its timer must not find MSI-X off */
    pci_interrupts_disable(device);
    pci_unmap_bar(registers, NIC_SIZE);
}

#define OLD_CAUSE 0x10 /* receiver at its limit */

/*
 * A card without messages: its line is level-triggered and comes again until the card is answered.
 */
static void test_line(void)
{
    struct pci_device *device = find_device(NIC_VENDOR, OLD_NIC_ID);
    volatile void *registers;

    if (!guest_is_dom0() || !CHECK(device != NULL))
        return;
    pci_enable(device);
    registers = pci_map_bar(device, 0, 0, NIC_SIZE);
    if (!CHECK(registers != NULL))
        return;
    reg_write(registers, NIC_DISABLE, ~0u);
    reg_read(registers, NIC_CAUSE);
    if (!CHECK_EQ(pci_interrupts_enable(device, 3), 1))
        return;
    CHECK_EQ(device->interrupt_kind, PCI_INTERRUPTS_LINE);
    line_registers = registers;
    calls[0] = 0;
    pci_interrupt_set_handler(device, 0, answer_line, NULL);
    reg_write(registers, NIC_ENABLE, OLD_CAUSE);
    for (unsigned int i = 1; i <= 3; i++) {
        reg_write(registers, NIC_SET_CAUSE, OLD_CAUSE);
        CHECK_EQ(wait_calls(0, i), i);
    }
    reg_write(registers, NIC_DISABLE, ~0u);
    pci_interrupts_disable(device);
    pci_unmap_bar(registers, NIC_SIZE);
}

static struct physdev_map_pirq message_request(const struct pci_device *device)
{
    return (struct physdev_map_pirq){.domid = DOMID_SELF,
                                     .type = MAP_PIRQ_TYPE_MSI_SEG,
                                     .index = -1,
                                     .pirq = -1,
                                     .bus = device ? device->bus : 0xee,
                                     .devfn = device ? device->devfn : 0};
}

static long map_message(struct physdev_map_pirq request)
{
    return hypercall_physdev_op(PHYSDEVOP_map_pirq, &request);
}

static long unmap_message(int pirq)
{
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq};

    return hypercall_physdev_op(PHYSDEVOP_unmap_pirq, &unmap);
}

static void test_map_refused(void)
{
    struct pci_device *nic = find_device(NIC_VENDOR, NIC_ID),
                      *edu = find_device(EDU_VENDOR, EDU_ID);
    struct physdev_map_pirq request;

    if (!guest_is_dom0() || !CHECK(nic && edu))
        return;
    pci_enable(nic);
    request = message_request(edu);
    request.domid = 0x1234;
    CHECK_EQ(map_message(request), -ESRCH);
    request = message_request(edu);
    request.type = 99;
    CHECK_EQ(map_message(request), -EINVAL);
    request = message_request(edu);
    request.index = 0;
    CHECK_EQ(map_message(request), -EINVAL);
    request = message_request(edu);
    request.pirq = 1 << 20;
    CHECK_EQ(map_message(request), -EINVAL);

    request = message_request(edu);
    request.type = MAP_PIRQ_TYPE_MULTI_MSI;
    CHECK_EQ(map_message(request), -EDOM);
    request.entry_nr = 33;
    CHECK_EQ(map_message(request), -EDOM);
    request.entry_nr = 2;
    CHECK_EQ(map_message(request), -EOPNOTSUPP);
    request.table_base = PAGE_SIZE;
    CHECK_EQ(map_message(request), -EINVAL);

    CHECK_EQ(map_message(message_request(NULL)), -ENODEV);
    CHECK_EQ(map_message(message_request(pci_next(NULL))), -ENODEV);
    request = message_request(pci_next(NULL));
    request.table_base = PAGE_SIZE;
    CHECK_EQ(map_message(request), -ENODEV);
    request = message_request(nic);
    request.table_base = pci_bar(nic, NIC_TABLE_BAR).address;
    request.entry_nr = NIC_ENTRIES;
    CHECK_EQ(map_message(request), -EINVAL);
    request.entry_nr = -1;
    CHECK_EQ(map_message(request), -EINVAL);
    /* Its table is not to be reached. */
    request.entry_nr = 0;
    pci_write16(nic, PCI_COMMAND, 0);
    CHECK_EQ(map_message(request), -ENXIO);
    pci_enable(nic);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(unmap_message(200), -EINVAL);
    CHECK_EQ(unmap_message(-1), -EINVAL);
    CHECK_EQ(unmap_message(1 << 20), -EINVAL);
}

/* A message under a number of our choice; what the call gives back. */
static void test_map_numbers(void)
{
    struct pci_device *edu = find_device(EDU_VENDOR, EDU_ID);
    struct physdev_get_free_pirq reserve = {.type = MAP_PIRQ_TYPE_MSI};
    struct physdev_map_pirq request;

    if (!guest_is_dom0() || !CHECK(edu != NULL))
        return;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_get_free_pirq, &reserve), 0);
    request = message_request(edu);
    request.pirq = (int)reserve.pirq;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, &request), 0);
    CHECK_EQ(request.pirq, reserve.pirq);
    CHECK_EQ(request.type, MAP_PIRQ_TYPE_MSI);
    CHECK_EQ(unmap_message(request.pirq), 0);
    CHECK_EQ(unmap_message(request.pirq), -EINVAL);
    request = message_request(edu);
    request.type = MAP_PIRQ_TYPE_MULTI_MSI;
    request.entry_nr = 1;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_map_pirq, &request), 0);
    CHECK_EQ(request.entry_nr, 1);
    CHECK(request.pirq > 0);
    CHECK_EQ(unmap_message(request.pirq), 0);
}

static void test_announcements(void)
{
    const struct pci_device *nic = find_device(NIC_VENDOR, NIC_ID), *host = pci_next(NULL);
    struct physdev_pci_device device = {.bus = 0xee}, absent = device;
    struct physdev_manage_pci manage = {.bus = 0xee};
    struct physdev_manage_pci_ext extended = {.is_extfn = 2};
    struct physdev_restore_msi restore = {.bus = 0xee};

    if (!guest_is_dom0() || !CHECK(nic && host))
        return;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &device), -ENODEV);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_manage_pci_remove, &manage), -ENODEV);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_manage_pci_add_ext, &extended), -EINVAL);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi, &restore), -ENODEV);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi_ext, &device), -ENODEV);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_prepare_msix, &device), -ENODEV);
    device = (struct physdev_pci_device){.bus = host->bus, .devfn = host->devfn};
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi_ext, &device), 0);
    device = (struct physdev_pci_device){.bus = nic->bus, .devfn = nic->devfn};
    pci_enable(nic);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_release_msix, &device), -EBUSY);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_prepare_msix, &device), 0);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_prepare_msix, &device), -EBUSY);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_release_msix, &device), 0);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_pci_device_add, UNMAPPED_ADDRESS), -EFAULT);
    /* One that is gone is unknown until it is announced again. */
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &device), 0);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_pci_device_remove, &device), -ENODEV);
    CHECK_EQ(map_message(message_request(nic)), -ENODEV);
    manage = (struct physdev_manage_pci){.bus = nic->bus, .devfn = nic->devfn};
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_manage_pci_add, &manage), 0);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi_ext, &device), 0);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi_ext, &absent), -ENODEV);
}

/* While messages are in use, the hypervisor alone writes the table and the capability. */
static void test_table_protected(void)
{
    struct pci_device *nic = find_device(NIC_VENDOR, NIC_ID);
    unsigned int capability;
    volatile uint32_t *table;
    uint32_t control;

    if (!guest_is_dom0() || !CHECK(nic != NULL))
        return;
    pci_enable(nic);
    if (!CHECK_EQ(pci_interrupts_enable(nic, 2), 2))
        return;
    table = pci_map_bar(nic, NIC_TABLE_BAR, 0, PAGE_SIZE);
    if (CHECK(table != NULL)) {
        CHECK(!(*pte_lookup((const void *)table, 1) & PTE_RW));
        CHECK_EQ(table[0] >> 20, 0xfee);
        table[0] = 0;
        table[2] = 0;
        CHECK_EQ(table[0] >> 20, 0xfee);
        CHECK(table[2] != 0);
        pci_unmap_bar(table, PAGE_SIZE);
    }
    capability = pci_find_capability(nic, PCI_CAPABILITY_MSIX, 0);
    control = pci_read32(nic, capability);
    CHECK(control >> 31);
    pci_write32(nic, capability, 0);
    pci_write8(nic, capability + 3, 0);
    CHECK_EQ(pci_read32(nic, capability), control);
    pci_interrupts_disable(nic);
    table = pci_map_bar(nic, NIC_TABLE_BAR, 0, PAGE_SIZE);
    if (CHECK(table != NULL)) {
        CHECK(*pte_lookup((const void *)table, 1) & PTE_RW);
        pci_unmap_bar(table, PAGE_SIZE);
    }
}

#define Q35_HOST         0x29c0
#define Q35_WINDOW       0x60 /* where the configuration window lies */
#define Q35_WINDOW_MASK  0xfffff0000000ull
#define CONFIG_PAGE(dev) ((mfn_t)(dev)->bus << 8 | (dev)->devfn)

/* Configuration space in memory, where the chip set has it. */
static void test_memory_mapped(void)
{
    struct pci_device *host = find_device(0x8086, Q35_HOST), *nic = find_device(NIC_VENDOR, NIC_ID);
    volatile uint32_t *config;
    uint64_t window;
    mfn_t mfn;

    if (!host || !nic)
        return;
    window = pci_read32(host, Q35_WINDOW) | (uint64_t)pci_read32(host, Q35_WINDOW + 4) << 32;
    mfn = ((window & Q35_WINDOW_MASK) >> PAGE_SHIFT) + CONFIG_PAGE(nic);
    config = map_frames(&mfn, 1, DOMID_IO, PTE_KERNEL_RO | PTE_PCD | PTE_PWT, NULL);
    if (!CHECK(config != NULL))
        return;
    CHECK_EQ(config[0], NIC_VENDOR | (uint32_t)NIC_ID << 16);
    unmap_frames((void *)config, 1);
}

/*
 * Frames of devices cannot be granted by a PV domain, so the caching that an owner may ask for in a
 * grant entry never comes to pass.
 */
static void test_grant_refused(void)
{
    const struct pci_device *nic = find_device(NIC_VENDOR, NIC_ID);
    struct gnttab_map_grant_ref map = {.flags = GNTMAP_host_map, .dom = guest_domid()};
    void *window = window_reserve(1);
    int ref;

    if (!guest_is_dom0() || !CHECK(nic != NULL))
        return;
    ref = grant_offer(guest_domid(), pci_bar(nic, 0).address >> PAGE_SHIFT, false);
    if (!CHECK(ref >= 0))
        return;
    grant_table()[ref].flags |= GTF_PCD | GTF_PWT;
    map.ref = (grant_ref_t)ref;
    map.host_addr = (uintptr_t)window;
    CHECK_EQ(hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1), 0);
    CHECK_EQ(map.status, GNTST_bad_page);
    CHECK(grant_end((grant_ref_t)ref));
    window_release(window, 1);
}

/* What a domain without devices gets: nothing. */
static void test_without_devices(void)
{
    static const mfn_t frames[] = {0xa0, 0xb0000, 0xfebc0, 0xfec00, 0xfee00};
    static const unsigned int announcements[] = {
        PHYSDEVOP_pci_device_add,    PHYSDEVOP_pci_device_remove,  PHYSDEVOP_manage_pci_add,
        PHYSDEVOP_manage_pci_remove, PHYSDEVOP_manage_pci_add_ext, PHYSDEVOP_restore_msi,
        PHYSDEVOP_restore_msi_ext,   PHYSDEVOP_prepare_msix,       PHYSDEVOP_release_msix,
    };
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct physdev_map_pirq request = message_request(NULL);
    struct evtchn_bind_pirq bind = {.pirq = 40};
    uint32_t value = 0x80000000, argument[8] = {0};

    if (guest_is_dom0())
        return;
    CHECK_EQ(map_message(request), -EPERM);
    request.bus = 0;
    CHECK_EQ(map_message(request), -EPERM);
    request.domid = 0;
    CHECK_EQ(map_message(request), -EPERM);
    request.domid = 0x1234;
    CHECK_EQ(map_message(request), -ESRCH);
    request.type = MAP_PIRQ_TYPE_MULTI_MSI;
    request.table_base = PAGE_SIZE;
    CHECK_EQ(map_message(request), -EINVAL);
    CHECK_EQ(unmap_message(40), -EPERM);
    CHECK(hypercall_event_channel_op(EVTCHNOP_bind_pirq, &bind) < 0);
    for (unsigned int i = 0; i < sizeof(announcements) / sizeof(announcements[0]); i++)
        CHECK_EQ(hypercall_physdev_op(announcements[i], argument), -EPERM);
    argument[0] = 0xee; /* a bus that there is not */
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_restore_msi, argument), -ENODEV);

    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    asm volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)0xcf8));
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)0xcfc));
    CHECK_EQ(value, ~0u);
    for (unsigned int i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        int error = 0;
        void *va = map_frames(&frames[i], 1, DOMID_IO, PTE_KERNEL_DATA | PTE_PCD, &error);

        CHECK(error < 0);
        if (va)
            unmap_frames(va, 1);
    }
}

static const struct test tests[] = {
    {"enumeration", test_enumeration},
    {"memory_mapped", test_memory_mapped},
    {"map_refused", test_map_refused},
    {"map_numbers", test_map_numbers},
    {"announcements", test_announcements},
    {"msi", test_msi},
    {"msix", test_msix},
    {"line", test_line},
    {"table_protected", test_table_protected},
    {"grant_refused", test_grant_refused},
    {"without_devices", test_without_devices},
    {NULL, NULL},
};

void guest_main(void)
{
    run_tests(tests);
}
