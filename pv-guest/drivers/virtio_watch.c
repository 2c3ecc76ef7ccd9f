/* SPDX-License-Identifier: MIT */
/*
 * A look at the queues of all virtio devices, four times a second, for events that got lost.
 *
 * Driver and device each publish an index and then look whether the other one wants to be notified.
 * A full barrier between the two sees to it that one of them notices the other. QEMU before 8.0
 * leaves barriers out when it emulates a machine with one CPU, though its devices have a thread of
 * their own: now and then both stay silent, and a disk would stand still for ever.
 */
#include <clock.h>
#include <drivers/virtio.h>
#include <stdio.h>
#include <thread.h>

#define PERIOD MILLISECONDS(250)

static struct virtio_device *watched;

static void watch(void *unused)
{
    for (;;) {
        thread_sleep(PERIOD);
        for (struct virtio_device *d = watched; d; d = d->next_watched)
            for (unsigned int i = 0; i < d->queue_count; i++)
                if (virtqueue_recheck(&d->queues[i].ring))
                    work_schedule(&d->queues[i].work);
    }
}

void virtio_watch(struct virtio_device *device)
{
    static bool started;

    device->next_watched = watched;
    watched = device;
    if (!started && !thread_create("virtio", watch, NULL))
        printf("virtio %s: no memory to look after lost interrupts\n", device->place);
    started = true;
}

void virtio_unwatch(struct virtio_device *device)
{
    struct virtio_device **link = &watched;

    while (*link && *link != device)
        link = &(*link)->next_watched;
    if (*link)
        *link = device->next_watched;
}
