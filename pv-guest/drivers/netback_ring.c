/* SPDX-License-Identifier: MIT */
/*
 * Parsing of network rings. Packets are dropped, and vifs closed, for the same reasons as in
 * Linux's back driver, for which front drivers were written.
 */
#include <drivers/netback_ring.h>

#define PAGE_BYTES 4096u
#define MIN_FRAME  14u

/* Where in the ring the packet that is being read continues. */
struct place {
    RING_IDX next;
    unsigned int left; /* slots that the front end has published from there on */
};

static enum netback_taken broken(struct netback_packet *packet, const char *why)
{
    packet->why = why;
    return NETBACK_BROKEN;
}

/* A slot, read once. */
union slot {
    netif_tx_request_t request;
    struct netif_extra_info extra;
    uint32_t words[3];
};

static void read_slot(const netif_tx_back_ring_t *ring, struct place *place, union slot *slot)
{
    const volatile uint32_t *from = (const volatile uint32_t *)RING_GET_REQUEST(ring, place->next);

    for (unsigned int i = 0; i < 3; i++)
        slot->words[i] = from[i];
    place->next++;
    place->left--;
}

static enum netback_taken take_extras(const netif_tx_back_ring_t *ring, struct place *place,
                                      struct netback_packet *packet)
{
    enum netback_taken result = NETBACK_PACKET;
    union slot slot;

    do {
        if (place->left == 0)
            return broken(packet, "extra information is missing");
        if (packet->slot_count == NETBACK_MAX_SLOTS)
            return broken(packet, "extra information without end");
        read_slot(ring, place, &slot);
        packet->slot_count++;
        packet->extra_count++;
        switch (slot.extra.type) {
        case XEN_NETIF_EXTRA_TYPE_GSO:
            if (slot.extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
                slot.extra.u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6)
                return broken(packet, "an unknown kind of segmentation");
            if (slot.extra.u.gso.size == 0)
                return broken(packet, "segments of no size");
            packet->gso_size = slot.extra.u.gso.size;
            packet->gso_type = slot.extra.u.gso.type;
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
    } while (slot.extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return result;
}

/* The pieces behind the first. The first slot's size is that of the packet. */
static enum netback_taken take_pieces(const netif_tx_back_ring_t *ring, struct place *place,
                                      struct netback_packet *packet)
{
    enum netback_taken result = NETBACK_PACKET;
    uint32_t first_size = packet->length;
    uint16_t flags = packet->flags;
    unsigned int ids = 1;

    while (flags & NETTXF_more_data) {
        const netif_tx_request_t *request;
        union slot slot;

        if (place->left == 0)
            return broken(packet, "a packet without its end");
        if (packet->slot_count == NETBACK_MAX_SLOTS)
            return broken(packet, "a packet of too many pieces");
        read_slot(ring, place, &slot);
        request = &slot.request;
        flags = request->flags;
        packet->slot_count++;
        packet->ids[ids++] = request->id;
        if (request->offset + request->size > PAGE_BYTES)
            return broken(packet, "a piece that crosses the end of its page");
        if (request->size > first_size || packet->piece_count == NETBACK_MAX_PIECES)
            result = NETBACK_DROP;
        if (result == NETBACK_DROP)
            continue;
        first_size -= request->size;
        packet->pieces[packet->piece_count++] = (struct netback_piece){
            request->gref, request->offset, request->size};
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
    union slot slot;

    packet->slot_count = 1;
    packet->extra_count = 0;
    packet->gso_size = 0;
    packet->gso_type = XEN_NETIF_GSO_TYPE_NONE;
    if (place.left > RING_SIZE(ring) || put - ring->rsp_prod_pvt > RING_SIZE(ring))
        return broken(packet, "an impossible index in the transmit ring");
    if (place.left == 0)
        return NETBACK_NONE;
    read_slot(ring, &place, &slot);
    packet->ids[0] = slot.request.id;
    packet->flags = slot.request.flags;
    packet->length = slot.request.size;
    packet->pieces[0] = (struct netback_piece){slot.request.gref, slot.request.offset,
                                               slot.request.size};
    packet->piece_count = 1;
    if (packet->flags & NETTXF_extra_info) {
        extras = take_extras(ring, &place, packet);
        if (extras == NETBACK_BROKEN)
            return extras;
    }
    pieces = take_pieces(ring, &place, packet);
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
