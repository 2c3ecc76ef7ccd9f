/* SPDX-License-Identifier: MIT */
/* What the parts of the network back driver share: a vif, and its two directions. */
#ifndef DRIVERS_NETBACK_INTERNAL_H
#define DRIVERS_NETBACK_INTERNAL_H

#include <grant.h>

#include <drivers/bridge.h>
#include <drivers/netback_ring.h>
#include <drivers/split.h>
#include <drivers/work.h>

#define VIF_RING_SLOTS __CONST_RING_SIZE(netif_rx, 4096)

/* A slot of the receive ring that was taken and is answered by the next flush. */
struct vif_slot {
    struct netif_extra_info extra; /* of `is_extra` */
    uint16_t id, flags, size;
    bool is_extra;
    unsigned int first_copy, end_copy;
};

/* A packet that waits for empty pages of the front end, copied to dom0's memory. */
struct vif_waiting;

struct vif {
    struct net_port port;
    struct split_device *device;
    struct vif *next;
    bool connected; /* rings are mapped */
    bool broken;    /* reported to split.c: the front end broke the protocol */
    bool scatter_gather;
    uint32_t mtu; /* as the tools want it; 0: as large as can be */
    /* What the front end may transmit: `rate` bytes in `interval` ns, where rate is not 0. */
    uint64_t rate, interval;
    int64_t credit;                  /* bytes that are left of it */
    uint64_t credit_since;           /* clock_now() when the interval began */
    int transmit_port, receive_port; /* event channels; the same one, or two */
    struct work transmit_work, receive_work;
    netif_tx_back_ring_t transmit;
    netif_rx_back_ring_t receive;
    struct grant_mapping transmit_page, receive_page;
    struct vif_slot slots[VIF_RING_SLOTS];
    unsigned int slot_count;
    struct vif_waiting *first_waiting, *last_waiting;
    unsigned int waiting_pages;
};

/* Closes the vif, with one line that says why. Its rings are not looked at again. */
void vif_break(struct vif *vif, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Work items: take packets from the front end; pass on packets that waited for its empty pages. */
void vif_transmit_run(struct work *work);
void vif_receive_run(struct work *work);

/* Operations of the port. */
void vif_send(struct net_port *port, const struct net_packet *packet);
void vif_flush(struct net_port *port);

/* Drops all that waits. */
void vif_drop_waiting(struct vif *vif);

/* The vif for which most pages wait, or NULL: none do. */
struct vif *vif_of_longest_backlog(void);

#endif
