/* SPDX-License-Identifier: MIT */
/*
 * A front driver's network rings, seen from the back: taking packets out of the one, empty pages
 * out of the other, and answering. The memory is shared with a domain that may be hostile: each
 * slot is read once, all that comes out of here is checked, and nothing else about it is trusted.
 */
#ifndef DRIVERS_NETBACK_RING_H
#define DRIVERS_NETBACK_RING_H

#include <public/io/netif.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pieces of a packet that are taken; of one with more it is dropped. */
#define NETBACK_MAX_PIECES XEN_NETIF_NR_SLOTS_MIN
/* Slots of a packet, with extra information, from which on it is an attack. */
#define NETBACK_MAX_SLOTS 24u

enum netback_taken {
    NETBACK_NONE,   /* no packet, or not all of it, is there */
    NETBACK_PACKET, /* one is */
    NETBACK_DROP,   /* one that cannot be sent: answer it with NETIF_RSP_ERROR */
    NETBACK_REFUSE, /* a request for multicast addresses, which are not filtered: the same */
    NETBACK_BROKEN, /* no front driver does that: `why` says what */
};

struct netback_piece {
    grant_ref_t ref;
    uint16_t offset, size; /* within one page; size may be 0 */
};

struct netback_packet {
    struct netback_piece pieces[NETBACK_MAX_PIECES];
    unsigned int piece_count;
    uint32_t length; /* of all pieces */
    uint16_t flags;  /* NETTXF_* of the first slot */
    uint16_t gso_size;
    uint8_t gso_type; /* XEN_NETIF_GSO_TYPE_* */
    /* For the answer. */
    unsigned int slot_count, extra_count; /* the extra ones follow the first */
    uint16_t ids[NETBACK_MAX_SLOTS];      /* of all slots but the extra ones */
    const char *why;
};

/*
 * Takes the next packet out of the transmit ring. Its slots are consumed, unless the result is
 * NETBACK_NONE or NETBACK_BROKEN.
 */
enum netback_taken netback_take(netif_tx_back_ring_t *ring, struct netback_packet *packet);

/* Answers all slots of a packet, in the order in which packets were taken; not yet published. */
void netback_answer(netif_tx_back_ring_t *ring, const struct netback_packet *packet,
                    int16_t status);

/* Empty pages that wait in the receive ring. @return the number, or -1: an impossible index. */
int netback_rx_pages(const netif_rx_back_ring_t *ring);

/* Takes the next empty page; there must be one. */
void netback_rx_take(netif_rx_back_ring_t *ring, netif_rx_request_t *request);

/* Asks for an event when there are @wanted empty pages. @return whether there are already. */
bool netback_rx_want(netif_rx_back_ring_t *ring, unsigned int wanted);

#endif
