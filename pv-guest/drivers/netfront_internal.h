/* SPDX-License-Identifier: MIT */
/* What the parts of the network front driver share. */
#ifndef DRIVERS_NETFRONT_INTERNAL_H
#define DRIVERS_NETFRONT_INTERNAL_H

#include <grant.h>
#include <memory.h>
#include <thread.h>

#include <drivers/netfront.h>
#include <drivers/netfront_ring.h>
#include <drivers/split.h>
#include <drivers/work.h>

#define NETFRONT_SLOTS __CONST_RING_SIZE(netif_tx, 4096)

/* A page that the back end may use for as long as the device is there. */
struct netfront_page {
    uint8_t *va;
    grant_ref_t ref;
};

struct netfront {
    struct net_port port;
    struct split_device *device;
    const struct netfront_options *options;
    bool announced;                  /* options->found() was called */
    int transmit_port, receive_port; /* event channels, -1: none; the same one, or two */
    struct work work;
    struct wait_queue room_queue; /* threads that wait for room to send */
    bool room_changed;
    struct netfront_events events;

    netif_tx_front_ring_t transmit;
    netif_rx_front_ring_t receive;
    struct netfront_page transmit_ring, receive_ring;

    /* What lies in the transmit ring, in its order, to be sent again. */
    union netif_tx_sring_entry sent[NETFRONT_SLOTS];
    bool begins_packet[NETFRONT_SLOTS];
    struct netfront_page transmit_pages[NETFRONT_SLOTS];
    bool page_used[NETFRONT_SLOTS];
    uint16_t free_pages[NETFRONT_SLOTS];
    unsigned int free_count;

    struct netfront_page receive_pages[NETFRONT_SLOTS]; /* by slot */
};

/* Operations of the port. */
void netfront_send(struct net_port *port, const struct net_packet *packet);
void netfront_flush(struct net_port *port);

/* Work item: reaps packets that were sent, takes packets that were received. */
void netfront_run(struct work *work);

/*
 * Makes both rings empty, puts what was not acknowledged into the one, empty pages into the other.
 */
void netfront_reset_rings(struct netfront *front);

#endif
