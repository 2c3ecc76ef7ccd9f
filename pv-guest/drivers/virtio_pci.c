/* SPDX-License-Identifier: MIT */
/*
 * Virtio over PCI, the interface of virtio 1.x (4.1): structures in the device's memory regions
 * that vendor capabilities point to. Devices that also have the older interface (transitional ones)
 * have this one as well; those with only the older one are passed over.
 *
 * A ring's three parts have addresses of their own, so each needs contiguous memory only for
 * itself: a page. The common structure's queue fields are selected by an index, so they are for
 * threads alone.
 */
#include <drivers/virtio.h>

#include <clock.h>
#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#define VENDOR_VIRTIO       0x1af4
#define ID_TRANSITIONAL     0x1000 /* the type is in the subsystem id */
#define ID_TRANSITIONAL_END 0x1040
#define ID_MODERN           0x1040 /* and the type */

/* Vendor capability (4.1.4). */
#define CAPABILITY_TYPE       3
#define CAPABILITY_BAR        4
#define CAPABILITY_OFFSET     8
#define CAPABILITY_LENGTH     12
#define CAPABILITY_MULTIPLIER 16 /* that of STRUCTURE_NOTIFY */
#define STRUCTURE_COMMON      1
#define STRUCTURE_NOTIFY      2
#define STRUCTURE_ISR         3
#define STRUCTURE_DEVICE      4
#define CAPABILITIES_MAX      16

/* Common configuration structure (4.1.4.3). */
#define COMMON_DEVICE_FEATURE_SELECT 0
#define COMMON_DEVICE_FEATURE        4
#define COMMON_DRIVER_FEATURE_SELECT 8
#define COMMON_DRIVER_FEATURE        12
#define COMMON_CONFIG_VECTOR         16
#define COMMON_NUM_QUEUES            18
#define COMMON_STATUS                20
#define COMMON_GENERATION            21
#define COMMON_QUEUE_SELECT          22
#define COMMON_QUEUE_SIZE            24
#define COMMON_QUEUE_VECTOR          26
#define COMMON_QUEUE_ENABLE          28
#define COMMON_QUEUE_NOTIFY_OFF      30
#define COMMON_QUEUE_DESC            32
#define COMMON_QUEUE_DRIVER          40
#define COMMON_QUEUE_DEVICE          48
#define COMMON_LENGTH                56

#define STATUS_ACKNOWLEDGE 0x01
#define STATUS_DRIVER      0x02
#define STATUS_DRIVER_OK   0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40
#define STATUS_FAILED      0x80

#define ISR_QUEUE  0x1
#define ISR_CONFIG 0x2

#define RESET_TRIES  1000 /* a millisecond apart */
#define STOP_TRIES   10000
#define CONFIG_TRIES 100
#define CONFIG_MAX   4096

static uint8_t reg_get8(const volatile uint8_t *registers, unsigned int offset)
{
    return registers[offset];
}

static uint16_t reg_get16(const volatile uint8_t *registers, unsigned int offset)
{
    return *(const volatile uint16_t *)(registers + offset);
}

static uint32_t reg_get32(const volatile uint8_t *registers, unsigned int offset)
{
    return *(const volatile uint32_t *)(registers + offset);
}

static void reg_put8(volatile uint8_t *registers, unsigned int offset, uint8_t value)
{
    registers[offset] = value;
}

static void reg_put16(volatile uint8_t *registers, unsigned int offset, uint16_t value)
{
    *(volatile uint16_t *)(registers + offset) = value;
}

static void reg_put32(volatile uint8_t *registers, unsigned int offset, uint32_t value)
{
    *(volatile uint32_t *)(registers + offset) = value;
}

/* Registers of 64 bits are written in two halves (4.1.3.1). */
static void reg_put64(volatile uint8_t *registers, unsigned int offset, uint64_t value)
{
    reg_put32(registers, offset, (uint32_t)value);
    reg_put32(registers, offset + 4, (uint32_t)(value >> 32));
}

static void add_status(struct virtio_device *device, uint8_t bits)
{
    reg_put8(device->common, COMMON_STATUS, reg_get8(device->common, COMMON_STATUS) | bits);
}

static int reset_device(struct virtio_device *device)
{
    reg_put8(device->common, COMMON_STATUS, 0);
    for (unsigned int i = 0; i < RESET_TRIES; i++) {
        if (reg_get8(device->common, COMMON_STATUS) == 0)
            return 0;
        thread_sleep(MILLISECONDS(1));
    }
    return -EIO;
}

/* ---- Finding a device's structures ---- */

/* Maps what one capability points to; the first of each type counts. */
static void map_structure(struct virtio_device *device, unsigned int capability)
{
    const struct pci_device *pci = device->pci;
    unsigned int bar = pci_read8(pci, capability + CAPABILITY_BAR);
    uint32_t offset = pci_read32(pci, capability + CAPABILITY_OFFSET);
    uint32_t length = pci_read32(pci, capability + CAPABILITY_LENGTH);

    if (bar >= PCI_BARS)
        return;
    switch (pci_read8(pci, capability + CAPABILITY_TYPE)) {
    case STRUCTURE_COMMON:
        if (!device->common && length >= COMMON_LENGTH)
            device->common = pci_map_bar(pci, bar, offset, COMMON_LENGTH);
        break;
    case STRUCTURE_ISR:
        if (!device->isr && length >= 1)
            device->isr = pci_map_bar(pci, bar, offset, 1);
        break;
    case STRUCTURE_DEVICE:
        if (!device->config && length > 0) {
            device->config_length = length < CONFIG_MAX ? length : CONFIG_MAX;
            device->config = pci_map_bar(pci, bar, offset, device->config_length);
        }
        break;
    case STRUCTURE_NOTIFY:
        if (!device->notify_length) {
            device->notify_bar = bar;
            device->notify_offset = offset;
            device->notify_length = length;
            device->notify_multiplier = pci_read32(pci, capability + CAPABILITY_MULTIPLIER);
        }
        break;
    default:
        break;
    }
}

static bool map_structures(struct virtio_device *device)
{
    unsigned int capability = 0;

    for (unsigned int i = 0; i < CAPABILITIES_MAX; i++) {
        capability = pci_find_capability(device->pci, PCI_CAPABILITY_VENDOR, capability);
        if (!capability)
            break;
        map_structure(device, capability);
    }
    return device->common && device->isr && device->config && device->notify_length;
}

static void unmap_structures(struct virtio_device *device)
{
    if (device->common)
        pci_unmap_bar(device->common, COMMON_LENGTH);
    if (device->isr)
        pci_unmap_bar(device->isr, 1);
    if (device->config)
        pci_unmap_bar(device->config, device->config_length);
}

static bool is_type(const struct pci_device *pci, unsigned int type)
{
    if (pci->vendor != VENDOR_VIRTIO)
        return false;
    if (pci->id >= ID_TRANSITIONAL && pci->id < ID_TRANSITIONAL_END)
        return pci->subsystem == type;
    return pci->id == ID_MODERN + type;
}

static void read_offer(struct virtio_device *device)
{
    volatile uint8_t *common = device->common;

    reg_put32(common, COMMON_DEVICE_FEATURE_SELECT, 0);
    device->offered = reg_get32(common, COMMON_DEVICE_FEATURE);
    reg_put32(common, COMMON_DEVICE_FEATURE_SELECT, 1);
    device->offered |= (uint64_t)reg_get32(common, COMMON_DEVICE_FEATURE) << 32;
}

static void probe_one(struct pci_device *pci, int (*probe)(struct virtio_device *device))
{
    struct virtio_device *device = calloc(1, sizeof(*device));
    int error = -ENODEV;

    if (!device)
        return;
    device->pci = pci;
    pci->claimed = true;
    pci_place(pci, device->place);
    pci_enable(pci);
    if (!map_structures(device)) {
        printf("virtio %s: has no virtio 1.0 interface\n", device->place);
    } else if (reset_device(device)) {
        printf("virtio %s: does not answer to a reset\n", device->place);
    } else {
        add_status(device, STATUS_ACKNOWLEDGE);
        add_status(device, STATUS_DRIVER);
        read_offer(device);
        error = probe(device);
        if (error) {
            printf("virtio %s: cannot be used: %s\n", device->place, strerror(-error));
            add_status(device, STATUS_FAILED);
        }
    }
    if (error) {
        pci_disable(pci);
        unmap_structures(device);
        free(device);
    }
}

void virtio_probe(unsigned int type, int (*probe)(struct virtio_device *device))
{
    struct pci_device *pci = NULL;

    if (pci_init())
        return;
    while ((pci = pci_next(pci)))
        if (is_type(pci, type))
            probe_one(pci, probe);
}

/* ---- Features and configuration ---- */

int virtio_negotiate(struct virtio_device *device, uint64_t wanted)
{
    volatile uint8_t *common = device->common;

    wanted |= VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 |
              VIRTIO_F_ACCESS_PLATFORM;
    device->features = device->offered & wanted;
    if (!virtio_has(device, VIRTIO_F_VERSION_1))
        return -ENODEV;
    reg_put32(common, COMMON_DRIVER_FEATURE_SELECT, 0);
    reg_put32(common, COMMON_DRIVER_FEATURE, (uint32_t)device->features);
    reg_put32(common, COMMON_DRIVER_FEATURE_SELECT, 1);
    reg_put32(common, COMMON_DRIVER_FEATURE, (uint32_t)(device->features >> 32));
    add_status(device, STATUS_FEATURES_OK);
    return reg_get8(common, COMMON_STATUS) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

/* Fields are read in units of their own size, which is that of their alignment up to 4. */
static void read_config(const struct virtio_device *device, size_t offset, uint8_t *to, size_t size)
{
    const volatile uint8_t *config = device->config;

    while (size > 0) {
        size_t unit = (offset | size) & 1 ? 1 : (offset | size) & 2 ? 2 : 4;
        uint32_t value = unit == 1   ? reg_get8(config, (unsigned int)offset)
                         : unit == 2 ? reg_get16(config, (unsigned int)offset)
                                     : reg_get32(config, (unsigned int)offset);

        memcpy(to, &value, unit);
        to += unit;
        offset += unit;
        size -= unit;
    }
}

void virtio_config_read(struct virtio_device *device, size_t offset, void *to, size_t size)
{
    uint8_t before;

    memset(to, 0, size);
    if (offset >= device->config_length)
        return;
    if (size > device->config_length - offset)
        size = device->config_length - offset;
    for (unsigned int i = 0; i < CONFIG_TRIES; i++) {
        before = reg_get8(device->common, COMMON_GENERATION);
        read_config(device, offset, to, size);
        if (reg_get8(device->common, COMMON_GENERATION) == before)
            return;
    }
}

/* ---- Interrupts ---- */

static void on_queue(evtchn_port_t port, void *argument)
{
    struct virtio_queue *queue = argument;

    work_schedule(&queue->work);
}

static void on_config(evtchn_port_t port, void *argument)
{
    struct virtio_device *device = argument;

    if (device->config_work.run)
        work_schedule(&device->config_work);
}

/*
 * One vector for all, of which nothing tells what it means; or no MSI-X at all: then the status
 * does, and reading it takes the line back.
 */
static void on_any(evtchn_port_t port, void *argument)
{
    struct virtio_device *device = argument;
    bool msix = device->pci->interrupt_kind == PCI_INTERRUPTS_MSIX;
    uint8_t status = msix ? ISR_QUEUE | ISR_CONFIG : reg_get8(device->isr, 0);

    if (status & ISR_CONFIG)
        on_config(port, device);
    if (status & ISR_QUEUE)
        for (unsigned int i = 0; i < device->queue_count; i++)
            work_schedule(&device->queues[i].work);
}

/* Lets the device send vector @vector for what @offset is about. */
static int set_vector(struct virtio_device *device, unsigned int offset, uint16_t vector)
{
    reg_put16(device->common, offset, vector);
    return reg_get16(device->common, offset) == vector ? 0 : -ENOSPC;
}

static int start_interrupts(struct virtio_device *device)
{
    bool msix, shared;
    int vectors = pci_interrupts_enable(device->pci, device->queue_count + 1);
    int error;

    if (vectors < 0)
        return vectors;
    msix = device->pci->interrupt_kind == PCI_INTERRUPTS_MSIX;
    shared = vectors <= (int)device->queue_count;
    error = msix ? set_vector(device, COMMON_CONFIG_VECTOR, 0) : 0;
    for (unsigned int i = 0; i < device->queue_count && !error; i++) {
        reg_put16(device->common, COMMON_QUEUE_SELECT, (uint16_t)i);
        if (msix)
            error = set_vector(device, COMMON_QUEUE_VECTOR, (uint16_t)(shared ? 0 : i + 1));
        if (!error && !shared)
            pci_interrupt_set_handler(device->pci, i + 1, on_queue, &device->queues[i]);
    }
    if (error) {
        pci_interrupts_disable(device->pci);
        return error;
    }
    pci_interrupt_set_handler(device->pci, 0, shared ? on_any : on_config, device);
    return 0;
}

/* ---- Queues ---- */

/* The largest power of two that the device, the driver and a page allow, or 0. */
static unsigned int choose_queue_size(unsigned int device_limit, unsigned int driver_limit)
{
    unsigned int limit = driver_limit ? driver_limit : VIRTQUEUE_MAX_SIZE;
    unsigned int size = VIRTQUEUE_MAX_SIZE;

    while (size > device_limit || size > limit)
        size /= 2;
    return size;
}

/* Where the device is notified of a queue: within the notification structure, or NULL. */
static volatile uint16_t *map_doorbell(struct virtio_device *device)
{
    uint64_t offset = (uint64_t)reg_get16(device->common, COMMON_QUEUE_NOTIFY_OFF) *
                      device->notify_multiplier;

    if (offset + 2 > device->notify_length)
        return NULL;
    return pci_map_bar(device->pci, device->notify_bar, device->notify_offset + offset, 2);
}

static void free_queue(struct virtio_queue *queue)
{
    if (queue->ring.doorbell)
        pci_unmap_bar(queue->ring.doorbell, 2);
    if (queue->pages)
        pages_free(queue->pages, 2);
    free(queue->ring.slots);
    memset(&queue->ring, 0, sizeof(queue->ring));
    queue->pages = NULL;
}

/* Allocates what a queue needs, agrees on its size and tells the device where it is. */
static int make_queue(struct virtio_device *device, struct virtio_queue *queue, uint16_t number)
{
    volatile uint8_t *common = device->common;
    struct virtqueue_slot *slots;
    unsigned int size;
    char *rings;

    reg_put16(common, COMMON_QUEUE_SELECT, number);
    size = choose_queue_size(reg_get16(common, COMMON_QUEUE_SIZE), queue->limit);
    if (size == 0)
        return -ENODEV;
    queue->ring.slots = slots = calloc(size, sizeof(*slots));
    queue->ring.doorbell = map_doorbell(device);
    queue->pages = pages_alloc(2);
    if (!slots || !queue->ring.doorbell || !queue->pages)
        return -ENOMEM;
    memset(queue->pages, 0, 2 * PAGE_SIZE);
    rings = (char *)queue->pages + PAGE_SIZE;
    virtqueue_init(&queue->ring, number, size, queue->pages, rings, slots, queue->ring.doorbell,
                   virtio_has(device, VIRTIO_F_INDIRECT_DESC),
                   virtio_has(device, VIRTIO_F_EVENT_IDX));
    reg_put16(common, COMMON_QUEUE_SIZE, (uint16_t)size);
    reg_put64(common, COMMON_QUEUE_DESC, va_to_maddr(queue->pages));
    reg_put64(common, COMMON_QUEUE_DRIVER, va_to_maddr(rings + VIRTQUEUE_AVAIL_OFFSET));
    reg_put64(common, COMMON_QUEUE_DEVICE, va_to_maddr(rings + VIRTQUEUE_USED_OFFSET));
    return 0;
}

static void enable_queues(struct virtio_device *device)
{
    for (unsigned int i = 0; i < device->queue_count; i++) {
        reg_put16(device->common, COMMON_QUEUE_SELECT, (uint16_t)i);
        reg_put16(device->common, COMMON_QUEUE_ENABLE, 1);
    }
    add_status(device, STATUS_DRIVER_OK);
}

int virtio_start(struct virtio_device *device, struct virtio_queue *queues, unsigned int count)
{
    int error = count <= reg_get16(device->common, COMMON_NUM_QUEUES) ? 0 : -ENODEV;

    device->queues = queues;
    device->queue_count = count;
    for (unsigned int i = 0; i < count && !error; i++)
        error = make_queue(device, &queues[i], (uint16_t)i);
    if (!error)
        error = start_interrupts(device);
    if (!error) {
        enable_queues(device);
        virtio_watch(device);
        return 0;
    }
    reset_device(device);
    virtio_free_queues(device);
    return error;
}

bool virtio_needs_reset(struct virtio_device *device)
{
    return reg_get8(device->common, COMMON_STATUS) & STATUS_NEEDS_RESET;
}

void virtio_stop(struct virtio_device *device, const char *why)
{
    if (why)
        printf("virtio %s: stopped: %s\n", device->place, why);
    virtio_unwatch(device);
    reg_put8(device->common, COMMON_STATUS, 0);
    /* The work thread may not sleep; and if this takes longer, memory is out of reach already. */
    pci_disable(device->pci);
    for (unsigned int i = 0; i < STOP_TRIES && reg_get8(device->common, COMMON_STATUS); i++)
        ;
    pci_interrupts_disable(device->pci);
}

void virtio_free_queues(struct virtio_device *device)
{
    work_cancel(&device->config_work);
    for (unsigned int i = 0; i < device->queue_count; i++) {
        work_cancel(&device->queues[i].work);
        free_queue(&device->queues[i]);
    }
    device->queue_count = 0;
}
