/* SPDX-License-Identifier: MIT */
/*
 * The learning bridge "xenbr0": it joins net ports into one Ethernet. Which addresses lie behind
 * which port it learns from the frames that come in; entries age. What goes to an unknown address,
 * to all or to a group goes out of all other ports.
 *
 * A port that floods it with addresses cannot push out those of others: each may have only so many
 * entries. Only the work thread, and others between its items, may call these functions.
 */
#ifndef DRIVERS_BRIDGE_H
#define DRIVERS_BRIDGE_H

#include <drivers/net.h>

#define BRIDGE_NAME "xenbr0"

/* Seconds after which an address that was not heard of is forgotten. */
#define BRIDGE_AGEING_SECONDS 300u

/* Addresses that are remembered for one port, and in all. */
#define BRIDGE_ADDRESSES_OF_PORT 64u
#define BRIDGE_ADDRESSES         1024u

/* Joins a port to the bridge; its input is the bridge's from then on. */
void bridge_add(struct net_port *port);

/* Takes a port out and forgets what lies behind it. No-op for one that is not in. */
void bridge_remove(struct net_port *port);

/* The port behind which an address was heard of lately, or NULL. */
struct net_port *bridge_lookup(const uint8_t *mac);

#endif
