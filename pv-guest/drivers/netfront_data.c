/* SPDX-License-Identifier: MIT */
/*
 * Network front driver, the data. Pages are offered to the back end once, not for each packet:
 * packets to send are copied into them, and packets that come in are used in place before the page
 * is posted again. The page of a receive slot is always the same, by the slot's number.
 */
#include <errno.h>
#include <events.h>
#include <string.h>

#include "netfront_internal.h"

#define OF_PORT(p) ((struct netfront *)((char *)(p)-offsetof(struct netfront, port)))
#define OF_WORK(w) ((struct netfront *)((char *)(w)-offsetof(struct netfront, work)))
#define MASK       (NETFRONT_SLOTS - 1)

/* Packets that are taken before the pages are posted again. */
#define RECEIVE_BATCH 64u

/* ---- Transmitting --------------------------------------------------------------------------- */

static unsigned int netfront_slots_for(uint32_t length)
{
    return (length + PAGE_SIZE - 1) / PAGE_SIZE + 1;
}

static bool netfront_has_room(const struct netfront *front, uint32_t length)
{
    unsigned int slots = netfront_slots_for(length);

    return RING_FREE_REQUESTS(&front->transmit) >= slots && front->free_count >= slots;
}

static void netfront_fail(struct netfront *front, const char *why)
{
    front->port.carrier = false;
    split_fail(front->device, -EINVAL, "the back end %s", why);
}

static void reap(struct netfront *front)
{
    netif_tx_front_ring_t *ring = &front->transmit;
    RING_IDX put = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);

    if (put - ring->rsp_cons > ring->req_prod_pvt - ring->rsp_cons) {
        netfront_fail(front, "answers what was not sent");
        return;
    }
    for (; ring->rsp_cons != put; ring->rsp_cons++) {
        netif_tx_response_t response;

        RING_COPY_RESPONSE(ring, ring->rsp_cons, &response);
        if (response.status == NETIF_RSP_NULL)
            continue;
        if (response.id >= NETFRONT_SLOTS || !front->page_used[response.id]) {
            netfront_fail(front, "answers with a number that was not sent");
            return;
        }
        if (response.status != NETIF_RSP_OKAY)
            front->port.counters.sent_errors++;
        front->page_used[response.id] = false;
        front->free_pages[front->free_count++] = response.id;
    }
    front->room_changed = true;
    wake_all(&front->room_queue);
}

/* Writes one slot, and notes it. */
static void put_slot(struct netfront *front, const union netif_tx_sring_entry *slot, bool first)
{
    RING_IDX at = front->transmit.req_prod_pvt++;

    front->sent[at & MASK] = *slot;
    front->begins_packet[at & MASK] = first;
    *RING_GET_REQUEST(&front->transmit, at) = slot->req;
}

static void put_gso(struct netfront *front, const struct net_packet *packet)
{
    union {
        struct netif_extra_info extra;
        union netif_tx_sring_entry slot;
    } u;

    memset(&u, 0, sizeof(u));
    u.extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
    u.extra.u.gso.size = packet->gso_size;
    u.extra.u.gso.type = packet->gso_type;
    put_slot(front, &u.slot, false);
}

void netfront_send(struct net_port *port, const struct net_packet *packet)
{
    struct netfront *front = OF_PORT(port);
    struct net_cursor cursor = {0};
    uint32_t left = packet->length;

    if (!netfront_has_room(front, packet->length))
        reap(front);
    if (!netfront_has_room(front, packet->length)) {
        port->counters.sent_dropped++;
        return;
    }
    net_copy_reserve();
    for (bool first = true; left > 0; first = false) {
        uint32_t size = left < PAGE_SIZE ? left : PAGE_SIZE;
        uint16_t id = front->free_pages[--front->free_count];
        const struct netfront_page *page = &front->transmit_pages[id];
        struct net_target target = {.port = port, .va = page->va};
        union netif_tx_sring_entry slot;

        front->page_used[id] = true;
        net_copy(packet, &cursor, &target, size);
        left -= size;
        slot.req = (netif_tx_request_t){
            .gref = page->ref,
            .flags = left > 0 ? NETTXF_more_data : 0,
            .id = id,
            .size = (uint16_t)(first ? packet->length : size),
        };
        if (first && packet->csum_blank)
            slot.req.flags |= NETTXF_csum_blank | NETTXF_data_validated;
        else if (first && packet->csum_valid)
            slot.req.flags |= NETTXF_data_validated;
        if (first && packet->gso_size > 0)
            slot.req.flags |= NETTXF_extra_info;
        put_slot(front, &slot, first);
        if (first && packet->gso_size > 0)
            put_gso(front, packet);
    }
    port->counters.sent_packets++;
    port->counters.sent_bytes += packet->length;
    net_mark_dirty(port);
}

static void notify(struct netfront *front, int port)
{
    front->events.sent++;
    event_send((evtchn_port_t)port);
}

void netfront_flush(struct net_port *port)
{
    struct netfront *front = OF_PORT(port);
    int wanted;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->transmit, wanted);
    if (wanted && port->carrier)
        notify(front, front->transmit_port);
}

/*
 * Asks for an event when half of what lies in the ring is answered. @return whether it is already.
 */
static bool want_answers(netif_tx_front_ring_t *ring)
{
    RING_IDX event = ring->rsp_cons + (ring->req_prod_pvt - ring->rsp_cons) / 2 + 1;

    ring->sring->rsp_event = event;
    xen_mb();
    return (int32_t)(__atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_RELAXED) - event) >= 0;
}

bool netfront_wait_for_room(struct net_port *port, uint32_t length)
{
    struct netfront *front = OF_PORT(port);

    for (;;) {
        if (!port->carrier)
            return false;
        reap(front);
        if (netfront_has_room(front, length))
            return port->carrier;
        front->room_changed = false;
        if (!want_answers(&front->transmit))
            wait_until(&front->room_queue, front->room_changed || !port->carrier);
    }
}

/* ---- Receiving ------------------------------------------------------------------------------ */

static void post_slot(struct netfront *front, RING_IDX end)
{
    while (front->receive.req_prod_pvt != end) {
        RING_IDX at = front->receive.req_prod_pvt++;
        netif_rx_request_t *request = RING_GET_REQUEST(&front->receive, at);

        request->id = (uint16_t)(at & MASK);
        request->gref = front->receive_pages[at & MASK].ref;
    }
}

static void deliver_to_port(struct netfront *front, const struct netfront_packet *taken)
{
    static struct net_packet packet;

    packet.fragment_count = taken->piece_count;
    for (unsigned int i = 0; i < taken->piece_count; i++)
        packet.fragments[i] = (struct net_fragment){
            .va = front->receive_pages[taken->pieces[i].id].va + taken->pieces[i].offset,
            .length = taken->pieces[i].size,
        };
    packet.length = taken->length;
    packet.gso_size = taken->gso_size;
    packet.gso_type = taken->gso_type;
    packet.csum_blank = taken->flags & NETRXF_csum_blank;
    packet.csum_valid = taken->flags & (NETRXF_data_validated | NETRXF_csum_blank);
    net_input(&front->port, &packet);
}

/* @return whether there may be more. */
static bool netfront_receive(struct netfront *front)
{
    enum netfront_taken taken = NETFRONT_NONE;
    unsigned int count;
    int wanted;

    for (count = 0; count < RECEIVE_BATCH; count++) {
        static struct netfront_packet packet;

        taken = netfront_take(&front->receive, &packet);
        if (taken == NETFRONT_PACKET)
            deliver_to_port(front, &packet);
        else if (taken == NETFRONT_DROP)
            front->port.counters.received_errors++;
        else
            break;
    }
    net_flush();
    if (taken == NETFRONT_BROKEN) {
        netfront_fail(front, "hands over pages that it does not have");
        return false;
    }
    if (count > 0) {
        post_slot(front, front->receive.rsp_cons + NETFRONT_SLOTS);
        RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->receive, wanted);
        if (wanted)
            notify(front, front->receive_port);
    }
    return count == RECEIVE_BATCH;
}

void netfront_run(struct work *work)
{
    struct netfront *front = OF_WORK(work);
    int more = 0;

    if (front->transmit_port < 0 || front->device->failed)
        return;
    reap(front);
    if (front->device->failed)
        return;
    if (!netfront_receive(front) && !front->device->failed)
        RING_FINAL_CHECK_FOR_RESPONSES(&front->receive, more);
    else
        more = 1;
    if (more && !front->device->failed)
        work_schedule(work);
}

/* ---- Beginning ------------------------------------------------------------------------------ */

/*
 * Puts what the last back end did not acknowledge into the new ring. A packet of which it
 * acknowledged a part is gone. The pages that these packets occupy are determined again.
 */
static void send_again(struct netfront *front, RING_IDX from, RING_IDX to)
{
    static union netif_tx_sring_entry slots[NETFRONT_SLOTS];
    static bool begins[NETFRONT_SLOTS];
    bool is_extra = false;

    memcpy(slots, front->sent, sizeof(slots));
    memcpy(begins, front->begins_packet, sizeof(begins));
    memset(front->page_used, 0, sizeof(front->page_used));
    front->free_count = 0;
    while (from != to && !begins[from & MASK])
        from++;
    for (; from != to; from++) {
        const union netif_tx_sring_entry *slot = &slots[from & MASK];

        if (!is_extra)
            front->page_used[slot->req.id] = true;
        is_extra = begins[from & MASK] && slot->req.flags & NETTXF_extra_info;
        put_slot(front, slot, begins[from & MASK]);
    }
    for (unsigned int id = 0; id < NETFRONT_SLOTS; id++)
        if (!front->page_used[id])
            front->free_pages[front->free_count++] = (uint16_t)id;
}

void netfront_reset_rings(struct netfront *front)
{
    netif_tx_sring_t *transmit = (netif_tx_sring_t *)front->transmit_ring.va;
    netif_rx_sring_t *receive_ring = (netif_rx_sring_t *)front->receive_ring.va;
    RING_IDX from = front->transmit.rsp_cons, to = front->transmit.req_prod_pvt;

    SHARED_RING_INIT(transmit);
    SHARED_RING_INIT(receive_ring);
    FRONT_RING_INIT(&front->transmit, transmit, PAGE_SIZE);
    FRONT_RING_INIT(&front->receive, receive_ring, PAGE_SIZE);
    send_again(front, from, to);
    RING_PUSH_REQUESTS(&front->transmit);
    post_slot(front, NETFRONT_SLOTS);
    RING_PUSH_REQUESTS(&front->receive);
}
