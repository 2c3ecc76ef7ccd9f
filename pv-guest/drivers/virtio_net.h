/* SPDX-License-Identifier: MIT */
/*
 * Virtio network cards: the first one of the machine becomes a port of the bridge.
 */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

/* Find the first card and print a line about it. For a thread of dom0, once. */
void virtio_net_init(void);

#endif
