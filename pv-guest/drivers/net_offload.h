/* SPDX-License-Identifier: MIT */
/*
 * What a port's other end cannot do, done here in software: checksums and TCP segmentation. Both
 * copy the packet to memory of our own first, so that it cannot change under the sum.
 */
#ifndef DRIVERS_NET_OFFLOAD_H
#define DRIVERS_NET_OFFLOAD_H

#include <drivers/net.h>
#include <drivers/net_checksum.h>

/* Fills in the blank checksum of a packet and sends it; counts what cannot be sent. */
void net_send_with_checksum(struct net_port *port, const struct net_packet *packet);

/* Cuts a packet into segments of its gso_size, with checksums, and sends them. */
void net_send_segments(struct net_port *port, const struct net_packet *packet);

#endif
