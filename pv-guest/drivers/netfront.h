/* SPDX-License-Identifier: MIT */
/*
 * The network front driver: each vif that the tools gave this domain becomes a net port.
 *
 * When the back end goes away the port loses its carrier; when it returns, what it had not
 * acknowledged is sent again before anything new.
 */
#ifndef DRIVERS_NETFRONT_H
#define DRIVERS_NETFRONT_H

#include <drivers/net.h>

struct netfront_options {
    /* Take and send packets with blank checksums and large ones; else only plain frames. */
    bool offloads;
    /* A port has its carrier for the first time: give it an input. In a thread that may wait. */
    void (*found)(struct net_port *port);
};

/* Serves every vif of this domain. @options is kept by pointer. @return 0 or a negative errno. */
int netfront_start(const struct netfront_options *options);

/*
 * Waits until a packet of @length bytes fits the transmit ring. Only for threads.
 * @return false when the port lost its carrier.
 */
bool netfront_wait_for_room(struct net_port *port, uint32_t length);

/* How many events the front end took, and how many it sent to the back end; for measuring. */
struct netfront_events {
    uint64_t taken, sent;
};
void netfront_count_events(const struct net_port *port, struct netfront_events *events);

#endif
