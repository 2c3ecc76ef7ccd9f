/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) arch/x86/msi.c arch/x86/pci.c */
/*
 * Messages of devices against a faked configuration space with two devices, one with MSI-X and one
 * with a maskable 64-bit MSI: what is programmed, what dom0 may write meanwhile, and that each
 * failure leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/context.h>
#include <asm/device_window.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/pv.h>
#include <host.h>

#define CARD                    \
    (struct pci_address)        \
    {                           \
        .bus = 0, .devfn = 0x18 \
    }
#define DISK                    \
    (struct pci_address)        \
    {                           \
        .bus = 1, .devfn = 0x00 \
    }
#define NOBODY                  \
    (struct pci_address)        \
    {                           \
        .bus = 7, .devfn = 0x00 \
    }
#define MSIX         0x40U /* where the card has its capability */
#define MSI          0x50U /* the disk's */
#define ENTRIES      4U
#define TABLE_BAR    0x1fe000000UL /* above 4 GiB */
#define TABLE_OFFSET 0x1000UL
#define TABLE_FRAME  ((TABLE_BAR + TABLE_OFFSET) >> PAGE_SHIFT)
#define FIRST_IRQ    24U
#define FIRST_VECTOR 0x40U
#define ADDRESS      (0xfee00000U | 3U << 12) /* of the local APIC with id 3 */

struct rangeset *mmio_read_only;
unsigned int nr_gsis = FIRST_IRQ, nr_irqs = MAX_IRQS;

static u8 card[256], disk[256];
static u32 selected;
static u32 table[PAGE_SIZE / 4];
static unsigned int table_maps;
static bool any_frame; /* the table may be put anywhere */
static bool window_full, table_in_ram, no_vector;
static struct irq_desc descs[MAX_IRQS];
static unsigned long objects_before;

/* ---- the machine ---- */

static u8 *config_space(void)
{
    if (!(selected >> 31))
        return NULL;
    switch (selected >> 8 & 0xffff) {
    case 0x0018:
        return card;
    case 0x0100:
        return disk;
    default:
        return NULL;
    }
}

u32 hw_port_read(u16 port, unsigned int bytes)
{
    const u8 *config = config_space();
    u32 value = 0;

    assert_in_range(port, 0xcfc, 0xcff);
    if (!config)
        return ~0U >> (32 - 8 * bytes);
    memcpy(&value, config + (selected & 0xfc) + (port & 3), bytes);
    return value;
}

void hw_port_write(u16 port, unsigned int bytes, u32 value)
{
    u8 *config = config_space();

    if (port == 0xcf8) {
        selected = value;
        return;
    }
    assert_in_range(port, 0xcfc, 0xcff);
    if (config)
        memcpy(config + (selected & 0xfc) + (port & 3), &value, bytes);
}

bool frame_is_ram(mfn_t mfn)
{
    return table_in_ram && mfn.n == TABLE_FRAME;
}

void device_window_init(void)
{
}

void *device_window_map(mfn_t mfn)
{
    if (!any_frame)
        assert_int_equal(mfn.n, TABLE_FRAME);
    if (window_full)
        return NULL;
    table_maps++;
    return table;
}

void device_window_unmap(void *p)
{
    table_maps--;
}

static u32 destination; /* APIC id */

u32 irq_destination(unsigned int irq)
{
    return destination;
}

struct irq_desc *irq_get(unsigned int irq)
{
    return descs[irq].controller ? &descs[irq] : NULL;
}

int irq_create(const struct irq_controller *controller)
{
    for (unsigned int i = FIRST_IRQ; i < MAX_IRQS; i++)
        if (!descs[i].controller) {
            spin_lock_init(&descs[i].lock, RANK_IRQ);
            descs[i].controller = controller;
            return (int)i;
        }
    return -XEN_ENOSPC;
}

void irq_destroy(unsigned int irq)
{
    descs[irq].controller = NULL;
}

int irq_program(struct irq_desc *desc)
{
    unsigned int irq = (unsigned int)(desc - descs);

    if (no_vector)
        return -XEN_ENOSPC;
    desc->vector = (u8)(FIRST_VECTOR + irq - FIRST_IRQ);
    desc->controller->setup(irq, desc->vector, false, false);
    return 0;
}

/* ---- helpers ---- */

static void put(u8 *config, unsigned int reg, u32 value)
{
    memcpy(config + reg, &value, sizeof(value));
}

static u32 get(const u8 *config, unsigned int reg)
{
    u32 value;

    memcpy(&value, config + reg, sizeof(value));
    return value;
}

static int found_range(unsigned long first, unsigned long last, void *arg)
{
    return 1;
}

static void make_devices(void)
{
    memset(card, 0, sizeof(card));
    put(card, 0x00, 0x10d38086);
    put(card, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_STATUS_CAPABILITY << 16);
    put(card, PCI_BAR0 + 8, (u32)TABLE_BAR | 0xc);
    put(card, PCI_BAR0 + 12, TABLE_BAR >> 32);
    put(card, PCI_FIRST_CAPABILITY, MSIX);
    put(card, MSIX, PCI_CAPABILITY_MSIX | (ENTRIES - 1) << 16);
    put(card, MSIX + 4, TABLE_OFFSET | 2);
    put(card, MSIX + 8, (TABLE_OFFSET + PAGE_SIZE) | 2);
    memset(disk, 0, sizeof(disk));
    put(disk, 0x00, 0x29228086);
    put(disk, PCI_COMMAND, PCI_STATUS_CAPABILITY << 16);
    put(disk, PCI_FIRST_CAPABILITY, MSI);
    put(disk, MSI, PCI_CAPABILITY_MSI | 0x0180U << 16);
    memset(table, 0, sizeof(table));
    for (unsigned int i = 0; i < ENTRIES; i++)
        table[4 * i + 3] = 1;
}

static int setup(void **state)
{
    static bool done;

    host_boot(256);
    destination = 3;
    if (!done) {
        msi_init();
        dom0 = host_domain(0, 1, 4, true);
        assert_int_equal(rangeset_add(dom0->iomem, 0, 1UL << 30), 0);
        /* The set keeps the memory that it needed first. */
        assert_int_equal(rangeset_add(mmio_read_only, 0, 0), 0);
        assert_int_equal(rangeset_remove(mmio_read_only, 0, 0), 0);
    }
    done = true;
    host_become(dom0->vcpu[0]);

    make_devices();
    assert_int_equal(msi_device_add(0, CARD), 0);
    assert_int_equal(msi_device_add(0, DISK), 0);
    objects_before = host_objects();
    return 0;
}

static int teardown(void **state)
{
    window_full = table_in_ram = no_vector = false;
    host_fail_allocation(0);
    for (unsigned int i = FIRST_IRQ; i < MAX_IRQS; i++)
        if (descs[i].controller)
            return -1;
    if (table_maps || rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME))
        return -1;
    return host_objects() == objects_before ? 0 : -1;
}

static int map_entry(unsigned int entry, unsigned int *irq)
{
    return msi_map(&(struct msi_request){.at = CARD, .msix = true, .entry = entry}, irq);
}

static int map_disk(unsigned int *irq)
{
    return msi_map(&(struct msi_request){.at = DISK}, irq);
}

/* As dom0 writes, through the ports. */
static void dom0_writes(struct pci_address at, unsigned int reg, unsigned int bytes, u32 value)
{
    dom0->arch.pci_cf8 = 0x80000000U | (u32)at.bus << 16 | (u32)at.devfn << 8 | (reg & 0xfc);
    pci_guest_write(dom0, PCI_PORT_DATA + (reg & 3), bytes, value);
}

/* ---- tests ---- */

static void msix(void **state)
{
    unsigned int first, second;

    assert_int_equal(map_entry(2, &first), 0);
    assert_int_equal(first, FIRST_IRQ);
    assert_int_equal(table[8], ADDRESS);
    assert_int_equal(table[9], 0);
    assert_int_equal(table[10], FIRST_VECTOR);
    assert_int_equal(table[11], 1);                       /* masked until a port is bound */
    assert_int_equal(get(card, MSIX) >> 16, ENTRIES - 1); /* on or off is dom0's to say */
    assert_true(rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME + 1));

    assert_int_equal(map_entry(2, &second), -XEN_EEXIST);
    assert_int_equal(map_entry(ENTRIES, &second), -XEN_EINVAL);
    assert_int_equal(map_entry(0, &second), 0);
    assert_int_equal(table[2], FIRST_VECTOR + 1);
    descs[second].controller->unmask(second);
    assert_int_equal(table[3], 0);
    assert_int_equal(table[11], 1);
    descs[second].controller->mask(second);
    assert_int_equal(table[3], 1);
    descs[second].controller->unmask(second);

    msi_unmap(first);
    assert_true(rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME + 1));
    assert_int_equal(table[3], 0);
    msi_unmap(second);
    assert_int_equal(table[3], 1);
}

static void maskable_msi(void **state)
{
    unsigned int irq, again;

    /* Dom0 had it on, with four messages. */
    put(disk, MSI, PCI_CAPABILITY_MSI | (0x0180U | 0x0021U) << 16);
    assert_int_equal(map_disk(&irq), 0);
    assert_int_equal(get(disk, MSI) >> 16, 0x0181);
    assert_int_equal(get(disk, MSI + 4), ADDRESS);
    assert_int_equal(get(disk, MSI + 8), 0);
    assert_int_equal(get(disk, MSI + 12) & 0xffff, FIRST_VECTOR);
    assert_int_equal(get(disk, MSI + 16), 1);
    assert_int_equal(map_disk(&again), -XEN_EEXIST);
    descs[irq].controller->unmask(irq);
    assert_int_equal(get(disk, MSI + 16), 0);
    msi_unmap(irq);
    assert_int_equal(get(disk, MSI) >> 16, 0x0180);
    assert_int_equal(get(disk, MSI + 16), 1);
}

/* Another CPU gets the messages; whether they are masked stays as it was. */
static void redirect(void **state)
{
    unsigned int first, second, disk_irq;

    assert_int_equal(map_entry(0, &first), 0);
    assert_int_equal(map_entry(2, &second), 0);
    assert_int_equal(map_disk(&disk_irq), 0);
    descs[first].controller->unmask(first);
    descs[disk_irq].controller->unmask(disk_irq);
    destination = 9;
    descs[first].controller->redirect(first);
    descs[second].controller->redirect(second);
    descs[disk_irq].controller->redirect(disk_irq);
    assert_int_equal(table[0], ADDRESS + (6U << 12));
    assert_int_equal(table[1], 0);
    assert_int_equal(table[2], FIRST_VECTOR);
    assert_int_equal(table[3], 0);
    assert_int_equal(table[8], ADDRESS + (6U << 12));
    assert_int_equal(table[11], 1);
    assert_int_equal(get(disk, MSI + 4), ADDRESS + (6U << 12));
    assert_int_equal(get(disk, MSI + 12) & 0xffff, FIRST_VECTOR + 2);
    assert_int_equal(get(disk, MSI + 16), 0);
    msi_unmap(first);
    msi_unmap(second);
    msi_unmap(disk_irq);
}

static void writes_of_dom0(void **state)
{
    unsigned int irq;

    /* The table's place is never dom0's to change; the control word is. */
    dom0_writes(CARD, MSIX + 4, 4, 0x12345678);
    assert_int_equal(get(card, MSIX + 4), TABLE_OFFSET | 2);
    dom0_writes(CARD, MSIX + 2, 2, 0xc000 | (ENTRIES - 1));
    assert_int_equal(get(card, MSIX) >> 16, 0xc000 | (ENTRIES - 1));
    dom0_writes(CARD, MSIX + 3, 1, 0);
    dom0_writes(CARD, MSIX, 4, 0);
    assert_int_equal(get(card, MSIX) >> 16, 0xc000 | (ENTRIES - 1));
    dom0_writes(CARD, MSIX + 12, 4, 5);
    assert_int_equal(get(card, MSIX + 12), 5);
    dom0_writes(CARD, MSIX - 4, 4, 6);
    assert_int_equal(get(card, MSIX - 4), 6);
    dom0_writes(CARD, PCI_COMMAND, 2, 6);
    assert_int_equal(get(card, PCI_COMMAND) & 0xffff, 6);

    /* The other capability is free until a message is in use. */
    dom0_writes(DISK, MSI + 4, 4, 0x1000);
    assert_int_equal(get(disk, MSI + 4), 0x1000);
    assert_int_equal(map_disk(&irq), 0);
    dom0_writes(DISK, MSI + 4, 4, 0x1000);
    dom0_writes(DISK, MSI + 12, 2, 0xef);
    assert_int_equal(get(disk, MSI + 4), ADDRESS);
    assert_int_equal(get(disk, MSI + 12) & 0xffff, FIRST_VECTOR);
    dom0_writes(DISK, MSI + 2, 2, 0x0180 | 0x0071);
    assert_int_equal(get(disk, MSI) >> 16, 0x0181); /* one message is all */
    dom0_writes(DISK, MSI + 16, 4, 0);
    assert_int_equal(get(disk, MSI + 16), ~0U);
    descs[irq].controller->unmask(irq);
    dom0_writes(DISK, MSI + 16, 4, 0);
    assert_int_equal(get(disk, MSI + 16), ~1U);
    dom0_writes(DISK, MSI + 24, 4, 7);
    assert_int_equal(get(disk, MSI + 24), 7);
    msi_unmap(irq);

    /* Nobody else reaches anything. */
    dom0->privileged = false;
    dom0_writes(DISK, MSI + 24, 4, 8);
    assert_int_equal(get(disk, MSI + 24), 7);
    assert_int_equal(pci_guest_read(dom0, PCI_PORT_DATA, 4), ~0U);
    dom0->privileged = true;
    assert_int_equal(pci_guest_read(dom0, PCI_PORT_DATA, 4), 7);
}

static void refusals(void **state)
{
    struct msi_request far = {.at = CARD, .segment = 1, .msix = true};
    unsigned int irq;

    assert_int_equal(msi_map(&(struct msi_request){.at = NOBODY}, &irq), -XEN_ENODEV);
    assert_int_equal(msi_map(&far, &irq), -XEN_ENODEV);
    assert_int_equal(msi_map(&(struct msi_request){.at = CARD}, &irq), -XEN_ENODEV);
    assert_int_equal(msi_map(&(struct msi_request){.at = DISK, .msix = true}, &irq), -XEN_ENODEV);
    put(card, PCI_COMMAND, PCI_STATUS_CAPABILITY << 16);
    assert_int_equal(map_entry(0, &irq), -XEN_ENXIO);
    put(card, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_STATUS_CAPABILITY << 16);
    table_in_ram = true; /* dom0 moved the BAR */
    assert_int_equal(map_entry(0, &irq), -XEN_ENXIO);
    table_in_ram = false;
    put(card, PCI_BAR0 + 8, 0xc);
    put(card, PCI_BAR0 + 12, 0);
    assert_int_equal(map_entry(0, &irq), -XEN_ENXIO);
    /* A virtual function's registers do not say where it is; then dom0 does. */
    far = (struct msi_request){.at = CARD, .msix = true, .table_base = TABLE_BAR};
    assert_int_equal(msi_map(&far, &irq), 0);
    msi_unmap(irq);
    put(card, PCI_BAR0 + 8, (u32)TABLE_BAR | 0xc);
    put(card, PCI_BAR0 + 12, TABLE_BAR >> 32);

    put(card, MSIX + 4, (TABLE_OFFSET + 8) | 2);
    assert_int_equal(map_entry(0, &irq), -XEN_ENXIO);
    put(card, MSIX + 4, TABLE_OFFSET | 2);

    window_full = true;
    assert_int_equal(map_entry(0, &irq), -XEN_ENOMEM);
    window_full = false;
    no_vector = true;
    assert_int_equal(map_entry(0, &irq), -XEN_ENOSPC);
    assert_int_equal(map_disk(&irq), -XEN_ENOSPC);
}

static void no_memory(void **state)
{
    unsigned int irq;
    int rc = -XEN_ENOMEM;

    for (unsigned int fail = 1; rc == -XEN_ENOMEM; fail++) {
        host_fail_allocation(fail);
        rc = map_entry(1, &irq);
        host_fail_allocation(0);
    }
    assert_int_equal(rc, 0);
    msi_unmap(irq);
}

static void removal(void **state)
{
    unsigned int irq, other;

    assert_int_equal(map_entry(1, &irq), 0);
    descs[irq].controller->unmask(irq);
    assert_int_equal(msi_device_remove(0, CARD), 0);
    assert_int_equal(table[7], 1);
    assert_false(rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME));
    descs[irq].controller->unmask(irq); /* the bound port does not notice */
    assert_int_equal(table[7], 1);
    assert_int_equal(msi_device_remove(0, CARD), -XEN_ENODEV);
    assert_int_equal(map_entry(2, &other), -XEN_ENODEV);
    assert_int_equal(msi_restore(0, CARD), -XEN_ENODEV);
    msi_unmap(irq);
    assert_int_equal(msi_device_add(0, CARD), 0);
    assert_int_equal(map_entry(2, &other), 0);
    msi_unmap(other);
}

static void restoring(void **state)
{
    unsigned int silent, heard, irq;

    assert_int_equal(msi_restore(0, DISK), 0);
    assert_int_equal(map_entry(0, &silent), 0);
    assert_int_equal(map_entry(3, &heard), 0);
    assert_int_equal(map_disk(&irq), 0);
    descs[heard].controller->unmask(heard);
    memset(table, 0, sizeof(table));
    put(disk, MSI, PCI_CAPABILITY_MSI | 0x0180U << 16);
    put(disk, MSI + 4, 0);
    assert_int_equal(msi_restore(0, CARD), 0);
    assert_int_equal(table[0], ADDRESS);
    assert_int_equal(table[2], FIRST_VECTOR);
    assert_int_equal(table[3], 1);
    assert_int_equal(table[14], FIRST_VECTOR + 1);
    assert_int_equal(table[15], 0);
    assert_int_equal(get(card, MSIX) >> 16, 0x8000 | (ENTRIES - 1));
    assert_int_equal(msi_restore(0, DISK), 0);
    assert_int_equal(get(disk, MSI + 4), ADDRESS);
    assert_int_equal(get(disk, MSI) >> 16, 0x0181);
    put(card, PCI_COMMAND, PCI_STATUS_CAPABILITY << 16);
    assert_int_equal(msi_restore(0, CARD), -XEN_ENXIO);
    msi_unmap(silent);
    msi_unmap(heard);
    msi_unmap(irq);
}

static void kept_table(void **state)
{
    unsigned int irq;

    assert_int_equal(msi_keep_table(0, DISK, false), -XEN_ENODEV);
    assert_int_equal(msi_keep_table(0, CARD, true), -XEN_EBUSY);
    assert_int_equal(msi_keep_table(0, CARD, false), 0);
    assert_int_equal(msi_keep_table(0, CARD, false), -XEN_EBUSY);
    assert_true(rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME));
    assert_int_equal(map_entry(0, &irq), 0);
    assert_int_equal(msi_keep_table(0, CARD, true), -XEN_EBUSY);
    msi_unmap(irq);
    assert_true(rangeset_contains(mmio_read_only, TABLE_FRAME, TABLE_FRAME));
    assert_int_equal(msi_keep_table(0, CARD, true), 0);
}

/* Capabilities that would run out of configuration space are none. */
static void no_room(void **state)
{
    unsigned int irq;

    assert_int_equal(msi_device_remove(0, CARD) | msi_device_remove(0, DISK), 0);
    put(card, PCI_FIRST_CAPABILITY, 0xf8);
    put(card, 0xf8, PCI_CAPABILITY_MSIX);
    put(disk, PCI_FIRST_CAPABILITY, 0xf0);
    put(disk, 0xf0, PCI_CAPABILITY_MSI | 0x0180U << 16);
    assert_int_equal(msi_device_add(0, CARD) | msi_device_add(0, DISK), 0);
    assert_int_equal(map_entry(0, &irq), -XEN_ENODEV);
    assert_int_equal(map_disk(&irq), -XEN_ENODEV);
    put(disk, 0xf0, PCI_CAPABILITY_MSI | 0x0100U << 16);
    assert_int_equal(map_disk(&irq), 0);
    assert_int_equal(get(disk, 0xfc), 1);
    msi_unmap(irq);
    make_devices();
    assert_int_equal(msi_device_remove(0, CARD) | msi_device_remove(0, DISK), 0);
    assert_int_equal(msi_device_add(0, CARD) | msi_device_add(0, DISK), 0);
}

/* A list of capabilities that is a circle ends; so does one that leads into the header. */
static void odd_lists(void **state)
{
    put(card, MSIX, 0x09 | MSIX << 8);
    assert_int_equal(pci_find_capability(CARD, PCI_CAPABILITY_MSIX), 0);
    put(card, MSIX, 0x09 | 0x10U << 8);
    assert_int_equal(pci_find_capability(CARD, PCI_CAPABILITY_MSIX), 0);
    assert_int_equal(pci_memory_bar(CARD, 6), 0);
    put(card, PCI_BAR0 + 20, 0xfe00000c); /* 64 bits wide, and the last one */
    assert_int_equal(pci_memory_bar(CARD, 5), 0);
    put(card, PCI_BAR0, 0xc001);
    assert_int_equal(pci_memory_bar(CARD, 0), 0);
    put(card, PCI_BAR0, 0xfe000000);
    assert_int_equal(pci_memory_bar(CARD, 0), 0xfe000000);
}

static u32 below(u32 n)
{
    static u32 x = 1;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return n ? x % n : x;
}

/*
 * One step of a dom0 that does anything at any time, under sanitizers and with lock orders checked.
 */
static void random_step(unsigned int irqs[], unsigned int *count)
{
    struct pci_address at = below(4) ? CARD : DISK;
    unsigned int i = *count ? below(*count) : 0;

    switch (below(10)) {
    case 0:
    case 1:
    case 2:
        if (*count < 16 && !(at.bus ? map_disk(&irqs[*count]) : map_entry(below(5), &irqs[*count])))
            ++*count;
        break;
    case 3:
    case 4:
        if (*count) {
            msi_unmap(irqs[i]);
            irqs[i] = irqs[--*count];
        }
        break;
    case 5:
        if (*count)
            (below(2) ? descs[irqs[i]].controller->mask
                      : descs[irqs[i]].controller->unmask)(irqs[i]);
        break;
    case 6:
        below(4) ? msi_device_add(0, at) : msi_device_remove(0, at);
        break;
    case 7:
        msi_keep_table(0, at, below(2));
        break;
    case 8:
        dom0_writes(at, below(64) * 4, 4, below(0));
        break;
    default:
        msi_restore(0, at);
        host_fail_allocation(below(20));
        break;
    }
}

static void anything(void **state)
{
    unsigned int irqs[16], count = 0;

    any_frame = true;
    for (unsigned int i = 0; i < 200000; i++) {
        random_step(irqs, &count);
        if (i % 100 == 0)
            make_devices(); /* what it wrote is undone now and then */
    }
    host_fail_allocation(0);
    while (count)
        msi_unmap(irqs[--count]);
    make_devices();
    assert_int_equal(msi_device_add(0, CARD) | msi_device_add(0, DISK), 0);
    assert_int_equal(msi_device_remove(0, CARD) | msi_device_remove(0, DISK), 0);
    assert_int_equal(msi_device_add(0, CARD) | msi_device_add(0, DISK), 0);
    assert_int_equal(table_maps, 0);
    assert_false(rangeset_for_each(mmio_read_only, found_range, NULL));
    any_frame = false;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(msix),       TEST(maskable_msi), TEST(redirect), TEST(writes_of_dom0),
        TEST(refusals),   TEST(no_memory),    TEST(removal),  TEST(restoring),
        TEST(kept_table), TEST(odd_lists),    TEST(no_room),  TEST(anything),
    };

    return cmocka_run_group_tests_name("msi", tests, NULL, NULL);
}
