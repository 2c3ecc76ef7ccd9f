/* SPDX-License-Identifier: MIT */
/*
 * Virtio devices: what a driver for one asks of the transport, which is PCI (virtio_pci.c).
 *
 * A driver's probe function does, in a thread:
 *
 *     virtio_negotiate(device, features it knows);
 *     virtio_config_read(...);
 *     queue->work.run = ...; for each queue
 *     virtio_start(device, queues, count);
 *
 * and afterwards uses the queues by virtqueue.h. An interrupt of a queue schedules its work item.
 * Sources: virtio 1.2, chapters 2 to 4.1.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include <drivers/virtqueue.h>
#include <drivers/work.h>
#include <pci.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_TYPE_NET   1u
#define VIRTIO_TYPE_BLOCK 2u

/*
 * Features of the transport; virtio_negotiate() accepts these four by itself. ACCESS_PLATFORM says
 * that what the device takes for an address goes through the platform's IOMMU. Neither we nor the
 * hypervisor turns one on, so a machine address is right with it as without it.
 */
#define VIRTIO_F_INDIRECT_DESC   (1ull << 28)
#define VIRTIO_F_EVENT_IDX       (1ull << 29)
#define VIRTIO_F_VERSION_1       (1ull << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ull << 33)

struct virtio_queue {
    struct virtqueue ring;
    struct work work;   /* what an interrupt schedules; the driver sets `run` */
    unsigned int limit; /* the driver's wish, entries; 0: VIRTQUEUE_MAX_SIZE */
    void *pages;        /* two: descriptors and rings */
};

struct virtio_device {
    struct pci_device *pci;
    char place[PCI_PLACE_SIZE]; /* "00:03.0", for messages */
    uint64_t offered;           /* by the device, known before the driver's probe() */
    uint64_t features;          /* agreed on by virtio_negotiate() */
    struct virtio_queue *queues;
    unsigned int queue_count;
    struct work
        config_work; /* scheduled when the configuration changes; the driver may set `run` */
    void *driver_data;
    /* virtio_pci.c's. The registers are mapped. */
    volatile uint8_t *common, *isr, *config;
    size_t config_length;
    unsigned int notify_bar;
    uint64_t notify_offset, notify_length;
    uint32_t notify_multiplier;
    struct virtio_device *next_watched; /* virtio_watch.c's */
};

/*
 * Calls @probe for each device of a type (VIRTIO_TYPE_*), in the order of their places. The device
 * is allocated, reset and acknowledged; it stays the driver's if @probe returns 0.
 */
void virtio_probe(unsigned int type, int (*probe)(struct virtio_device *device));

/*
 * Agrees on features: device->features becomes those of @wanted and of the transport that the
 * device offers.
 * @return 0; -ENODEV if the device refuses them or is not a VERSION_1 device.
 */
int virtio_negotiate(struct virtio_device *device, uint64_t wanted);

static inline bool virtio_has(const struct virtio_device *device, uint64_t feature)
{
    return device->features & feature;
}

/*
 * Reads the device's own configuration; what it changes meanwhile is read again. Beyond its end: 0.
 */
void virtio_config_read(struct virtio_device *device, size_t offset, void *to, size_t size);

/*
 * Sets up the first @count queues and interrupts, and lets the device go. Interrupts: one for each
 * queue and one for the configuration if there are as many, else shared ones.
 * @param queues zeroed but for `work.run` and `limit`; kept by pointer.
 * @return 0, or a negative errno with nothing set up.
 */
int virtio_start(struct virtio_device *device, struct virtio_queue *queues, unsigned int count);

/* For virtio_pci.c: look at the device's queues now and then (virtio_watch.c), and no more. */
void virtio_watch(struct virtio_device *device);
void virtio_unwatch(struct virtio_device *device);

/* Whether the device says that it cannot continue (DEVICE_NEEDS_RESET). */
bool virtio_needs_reset(struct virtio_device *device);

/*
 * Stops the device for good: afterwards it touches no memory and raises no interrupt. Then
 * virtqueue_detach() gives back what it had. Prints one line with @why unless that is NULL.
 */
void virtio_stop(struct virtio_device *device, const char *why);

/* Gives back the queues of a device that was stopped, so that their memory can be freed. */
void virtio_free_queues(struct virtio_device *device);

#endif
