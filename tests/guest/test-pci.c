/* SPDX-License-Identifier: MIT */
/*
 * Devices: configuration space by ports, messages as pirqs, and what of it a domain without devices
 * is refused. The test program gives the machine a device of QEMU's that interrupts on request with
 * MSI ("edu") and a network card with MSI-X (82574), whose causes can be raised by hand.
 */
#include <clock.h>
#include <errno.h>
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
#define NIC_TABLE_BAR    3
#define NIC_ENTRIES      5

static unsigned int calls[NIC_ENTRIES];

static void count_call(evtchn_port_t port, void *argument)
{
    calls[(uintptr_t)argument]++;
}

/* Whether interrupt `vector` was seen `count` times; gives it a second. */
static bool called(unsigned int vector, unsigned int count)
{
    for (unsigned int i = 0; i < 100 && *(volatile unsigned int *)&calls[vector] < count; i++)
        thread_sleep(MILLISECONDS(10));
    return calls[vector] == count;
}

static uint32_t reg_read(volatile void *base, unsigned int offset)
{
    return *(volatile uint32_t *)((volatile char *)base + offset);
}

static void reg_write(volatile void *base, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile char *)base + offset) = value;
}

static struct pci_device *find_device(uint16_t vendor, uint16_t id)
{
    return pci_init() ? NULL : pci_find(vendor, id, NULL);
}

static void test_enumeration(void)
{
    const struct pci_device *host;
    struct pci_bar bar;

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

    if (!CHECK(device != NULL))
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
        CHECK(called(0, i));
        reg_write(registers, EDU_ANSWER, reg_read(registers, EDU_STATUS));
    }
    pci_interrupts_disable(device);
    pci_unmap_bar(registers, EDU_SIZE);
}

static void test_msix(void)
{
    struct pci_device *device = find_device(NIC_VENDOR, NIC_ID);
    volatile void *registers;

    if (!CHECK(device != NULL))
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
        CHECK(called(2, i));
        reg_write(registers, NIC_CAUSE, NIC_QUEUE(0));
    }
    reg_write(registers, NIC_SET_CAUSE, NIC_QUEUE(1));
    CHECK(called(4, 1));
    CHECK_EQ(calls[0] + calls[1] + calls[3], 0);
    reg_write(registers, NIC_DISABLE, ~0u);
    thread_sleep(MILLISECONDS(10)); /* QEMU's card throttles: its timer must not find MSI-X off */
    pci_interrupts_disable(device);
    pci_unmap_bar(registers, NIC_SIZE);
}

static const struct test tests[] = {
    {"enumeration", test_enumeration},
    {"msi", test_msi},
    {"msix", test_msix},
    {NULL, NULL},
};

void guest_main(void)
{
    run_tests(tests);
}
