/* SPDX-License-Identifier: MIT */
/*
 * The learning bridge "xenbr0": it joins net ports into one Ethernet. Which addresses lie behind
 * which port it learns from the frames that come in; entries age. What goes to an unknown address,
 * to all or to a group goes out of all other ports.
 *
 * Each port has entries of its own: a port that floods the bridge with addresses pushes out its own
 * oldest ones and nobody else's, and the latest address is always learned. Only the work thread,
 * and others between its items, may call these functions.
 */
#ifndef DRIVERS_BRIDGE_H
#define DRIVERS_BRIDGE_H

#include <drivers/net.h>

#define BRIDGE_NAME "xenbr0"

/* Seconds after which an address that was not heard of is forgotten. */
#define BRIDGE_AGEING_SECONDS 300u

/*
 * Addresses that are remembered behind a domain's interface, and behind a network card, where a
 * whole LAN lies. When there are more, the one that was heard of longest ago is forgotten.
 */
#define BRIDGE_ADDRESSES_OF_VIF  64u
#define BRIDGE_ADDRESSES_OF_CARD 4096u

/*
 * Joins a port to the bridge, which remembers up to @room addresses (at least 1) behind it; its
 * input is the bridge's from then on. @return 0 or -ENOMEM.
 */
int bridge_add(struct net_port *port, unsigned int room);

/* Takes a port out and forgets what lies behind it. No-op for one that is not in. */
void bridge_remove(struct net_port *port);

/* The port behind which an address was heard of lately, or NULL. */
struct net_port *bridge_lookup(const uint8_t *mac);

#endif
