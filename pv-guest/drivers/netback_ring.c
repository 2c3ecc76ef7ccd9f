/* SPDX-License-Identifier: MIT */
/*
 * Parsing of network rings. What makes a packet be dropped and what makes the front end an enemy is
 * as in Linux's back driver, which front drivers were written against.
 */
#include <drivers/netback_ring.h>

#define PAGE_BYTES 4096u
#define MIN_FRAME  14u

/* Where in the ring the packet that is looked at goes on. */
struct place {
    RING_IDX next;
    unsigned int left; /* slots that the front end has published from there on */
};

static enum netback_taken broken(struct netback_packet *packet, const char *why)
{
    packet->why = why;
    return NETBACK_BROKEN;
}

static void read_slot(const netif_tx_back_ring_t *ring, struct place *place, void *slot)
{
    const volatile uint32_t *from = (const volatile uint32_t *)RING_GET_REQUEST(ring, place->next);
    uint32_t *to = slot;

    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    place->next++;
    place->left--;
}

static enum netback_taken take_extras(const netif_tx_back_ring_t *ring, struct place *place,
                                      struct netback_packet *packet)
{
    enum netback_taken result = NETBACK_PACKET;
    union {
        struct netif_extra_info info;
        netif_tx_request_t whole_slot;
    } extra;

    do {
        if (place->left == 0)
            return broken(packet, "extra information is missing");
        if (packet->slot_count == NETBACK_MAX_SLOTS)
            return broken(packet, "extra information without end");
        read_slot(ring, place, &extra);
        packet->slot_count++;
        packet->extra_count++;
        switch (extra.info.type) {
        case XEN_NETIF_EXTRA_TYPE_GSO:
            if (extra.info.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
                extra.info.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
                return broken(packet, "an unknown kind of segmentation");
            if (extra.info.u.gso.size == 0)
                return broken(packet, "segments of no size");
            packet->gso_size = extra.info.u.gso.size;
            packet->gso_type = extra.info.u.gso.type;
            break;
        case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
        case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
            result = NETBACK_REFUSE;
            break;
        case XEN_NETIF_EXTRA_TYPE_HASH:
            break;
        default:
            return broken(packet, "unknown extra information");
        }
    } while (extra.info.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return result;
}

/* The pieces behind the first. The first slot's size is that of the packet. */
static enum netback_taken take_pieces(const netif_tx_back_ring_t *ring, struct place *place,
                                      struct netback_packet *packet, netif_tx_request_t *slot)
{
    enum netback_taken result = NETBACK_PACKET;
    uint32_t first_size = slot->size;
    unsigned int ids = 1;

    while (slot->flags & NETTXF_more_data) {
        if (place->left == 0)
            return broken(packet, "a packet without its end");
        if (packet->slot_count == NETBACK_MAX_SLOTS)
            return broken(packet, "a packet of too many pieces");
        read_slot(ring, place, slot);
        packet->slot_count++;
        packet->ids[ids++] = slot->id;
        if (slot->offset + slot->size > PAGE_BYTES)
            return broken(packet, "a piece that crosses the end of its page");
        if (slot->size > first_size || packet->piece_count == NETBACK_MAX_PIECES)
            result = NETBACK_DROP;
        if (result == NETBACK_DROP)
            continue;
        first_size -= slot->size;
        packet->pieces[packet->piece_count++] = (struct netback_piece){slot->gref, slot->offset,
                                                                       slot->size};
    }
    if (result == NETBACK_DROP)
        return result;
    if (packet->pieces[0].offset + first_size > PAGE_BYTES)
        return broken(packet, "a piece that crosses the end of its page");
    packet->pieces[0].size = (uint16_t)first_size;
    return packet->length < MIN_FRAME ? NETBACK_DROP : NETBACK_PACKET;
}

enum netback_taken netback_take(netif_tx_back_ring_t *ring, struct netback_packet *packet)
{
    RING_IDX put = __atomic_load_n(&ring->sring->req_prod, __ATOMIC_ACQUIRE);
    struct place place = {ring->req_cons, put - ring->req_cons};
    enum netback_taken extras = NETBACK_PACKET, pieces;
    netif_tx_request_t slot;

    packet->slot_count = 1;
    packet->extra_count = 0;
    packet->gso_size = 0;
    packet->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    if (place.left > RING_SIZE(ring) || put - ring->rsp_prod_pvt > RING_SIZE(ring))
        return broken(packet, "an impossible index in the transmit ring");
    if (place.left == 0)
        return NETBACK_NONE;
    read_slot(ring, &place, &slot);
    packet->ids[0] = slot.id;
    packet->flags = slot.flags;
    packet->length = slot.size;
    packet->pieces[0] = (struct netback_piece){slot.gref, slot.offset, slot.size};
    packet->piece_count = 1;
    if (slot.flags & NETTXF_extra_info) {
        extras = take_extras(ring, &place, packet);
        if (extras == NETBACK_BROKEN)
            return extras;
        slot.flags = packet->flags;
    }
    pieces = take_pieces(ring, &place, packet, &slot);
    if (pieces == NETBACK_BROKEN)
        return pieces;
    ring->req_cons = place.next;
    return extras == NETBACK_REFUSE ? extras : pieces;
}

void netback_answer(netif_tx_back_ring_t *ring, const struct netback_packet *packet, int16_t status)
{
    for (unsigned int slot = 0, id = 0; slot < packet->slot_count; slot++) {
        netif_tx_response_t *response = RING_GET_RESPONSE(ring, ring->rsp_prod_pvt++);

        if (slot >= 1 && slot <= packet->extra_count) {
            response->status = NETIF_RSP_NULL;
            continue;
        }
        response->id = packet->ids[id++];
        response->status = status;
    }
}

int netback_rx_pages(const netif_rx_back_ring_t *ring)
{
    RING_IDX put = __atomic_load_n(&ring->sring->req_prod, __ATOMIC_ACQUIRE);

    if (put - ring->req_cons > RING_SIZE(ring) || put - ring->rsp_prod_pvt > RING_SIZE(ring))
        return -1;
    return (int)(put - ring->req_cons);
}

void netback_rx_take(netif_rx_back_ring_t *ring, netif_rx_request_t *request)
{
    const volatile netif_rx_request_t *slot = RING_GET_REQUEST(ring, ring->req_cons++);

    request->id = slot->id;
    request->gref = slot->gref;
}

bool netback_rx_want(netif_rx_back_ring_t *ring, unsigned int wanted)
{
    RING_IDX put;

    __atomic_store_n(&ring->sring->req_event, ring->req_cons + wanted, __ATOMIC_RELAXED);
    xen_mb();
    put = __atomic_load_n(&ring->sring->req_prod, __ATOMIC_ACQUIRE);
    return put - ring->req_cons >= wanted;
}
