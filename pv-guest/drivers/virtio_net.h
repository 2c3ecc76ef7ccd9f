/* SPDX-License-Identifier: MIT */
/*
 * Virtio network cards: the first one of the machine becomes a port of the bridge.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

/* Finds the first card and prints a line about it. For a thread of dom0, once. */
void virtio_net_init(void);

#endif
