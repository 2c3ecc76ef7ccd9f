/* SPDX-License-Identifier: MIT */
/* Parsing of the receive ring. */
#include <drivers/netfront_ring.h>

#define PAGE_BYTES 4096u

struct place {
    RING_IDX next;
    unsigned int left; /* responses that the back end has published from there on */
};

/* A slot, read once. */
union slot {
    netif_rx_response_t response;
    struct netif_extra_info extra;
    uint32_t words[2];
};

static void read_slot(const netif_rx_front_ring_t *ring, struct place *place, union slot *slot)
{
    const volatile uint32_t *from = (const volatile uint32_t *)RING_GET_RESPONSE(ring, place->next);

    for (unsigned int i = 0; i < 2; i++)
        slot->words[i] = from[i];
    place->next++;
    place->left--;
}

/* @return false when not all of it is there. */
static bool take_extras(const netif_rx_front_ring_t *ring, struct place *place,
                        struct netfront_packet *packet)
{
    union slot slot;

    do {
        if (place->left == 0)
            return false;
        read_slot(ring, place, &slot);
        if (slot.extra.type == XEN_NETIF_EXTRA_TYPE_GSO) {
            packet->gso_size = slot.extra.u.gso.size;
            packet->gso_type = slot.extra.u.gso.type;
        }
    } while (slot.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return true;
}

/* Notes a slot's piece. @return whether the packet is still good. */
static bool add_piece(struct netfront_packet *packet, const netif_rx_response_t *slot)
{
    if (slot->status < 0 || slot->offset + slot->status > (int)PAGE_BYTES ||
        packet->piece_count == NETFRONT_MAX_PIECES)
        return false;
    packet->pieces[packet->piece_count++] = (struct netfront_piece){slot->id, slot->offset,
                                                                    (uint16_t)slot->status};
    packet->length += (uint16_t)slot->status;
    return true;
}

enum netfront_taken netfront_take(netif_rx_front_ring_t *ring, struct netfront_packet *packet)
{
    RING_IDX put = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);
    struct place place = {ring->rsp_cons, put - ring->rsp_cons};
    bool good = true, first = true;
    union slot slot;

    packet->piece_count = 0;
    packet->length = 0;
    packet->gso_size = 0;
    packet->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    if (place.left > ring->req_prod_pvt - ring->rsp_cons)
        return NETFRONT_BROKEN;
    do {
        RING_IDX at = place.next;

        if (place.left == 0)
            return NETFRONT_NONE;
        read_slot(ring, &place, &slot);
        if (slot.response.id != (at & (RING_SIZE(ring) - 1)))
            return NETFRONT_BROKEN;
        if (!add_piece(packet, &slot.response))
            good = false;
        if (first) {
            packet->flags = slot.response.flags;
            if (slot.response.flags & NETRXF_extra_info && !take_extras(ring, &place, packet))
                return NETFRONT_NONE;
        }
        first = false;
    } while (slot.response.flags & NETRXF_more_data);
    ring->rsp_cons = place.next;
    return good && packet->length > 0 ? NETFRONT_PACKET : NETFRONT_DROP;
}
