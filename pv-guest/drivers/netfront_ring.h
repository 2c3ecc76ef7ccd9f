/* SPDX-License-Identifier: MIT */
/*
 * The receive ring, seen from the front: taking packets out of it. The back end is trusted with the
 * data, but not with our memory: indices, numbers and lengths are checked.
 */
#ifndef DRIVERS_NETFRONT_RING_H
#define DRIVERS_NETFRONT_RING_H

#include <public/io/netif.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slots with data that a packet may have. */
#define NETFRONT_MAX_PIECES 20u

enum netfront_taken {
    NETFRONT_NONE,   /* no packet, or not all of it, is there */
    NETFRONT_PACKET, /* one is */
    NETFRONT_DROP,   /* one that the back end marked as an error, or that is too long */
    NETFRONT_BROKEN, /* the back end's index or numbers are impossible */
};

struct netfront_piece {
    uint16_t id; /* of the page: the slot's number in the ring */
    uint16_t offset, size;
};

struct netfront_packet {
    struct netfront_piece pieces[NETFRONT_MAX_PIECES];
    unsigned int piece_count;
    uint32_t length;
    uint16_t flags; /* NETRXF_* of the first slot */
    uint16_t gso_size;
    uint8_t gso_type;
};

/*
 * Takes the next packet out of the ring; its slots are consumed. The requests were posted with
 * their slots' numbers as ids.
 */
enum netfront_taken netfront_take(netif_rx_front_ring_t *ring, struct netfront_packet *packet);

#endif
