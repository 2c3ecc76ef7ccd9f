/* SPDX-License-Identifier: MIT */
/*
 * Network back driver, from the bridge to the front end: packets are copied into the empty pages
 * that it posted. Where too few pages are there, the packet is copied to dom0's memory, so that the
 * sender need not wait for a receiver that may never come. These packets are bounded, for each vif
 * and in all, and dropped beyond that. The vif with the longest backlog loses packets first, so
 * that vifs that never take anything leave the others their share.
 */
#include <events.h>
#include <memory.h>
#include <stdlib.h>

#include <drivers/netback.h>

#include "netback_internal.h"

/* Pages that packets for one vif may occupy, and for all. */
#define WAITING_PAGES     256u
#define ALL_WAITING_PAGES 1024u

#define TO_VIF(w)  ((struct vif *)((char *)(w)-offsetof(struct vif, receive_work)))
#define OF_PORT(p) ((struct vif *)((char *)(p)-offsetof(struct vif, port)))

struct vif_waiting {
    struct vif_waiting *next;
    uint8_t *data;
    uint32_t length;
    unsigned int pages;
    uint16_t gso_size;
    uint8_t gso_type;
    bool csum_blank, csum_valid;
};

static unsigned int all_waiting_pages;

static unsigned int vif_slots_for(uint32_t length, uint16_t gso_size)
{
    return (length + PAGE_SIZE - 1) / PAGE_SIZE + (gso_size > 0);
}

static struct vif_slot *vif_take_slot(struct vif *vif, netif_rx_request_t *request)
{
    struct vif_slot *slot = &vif->slots[vif->slot_count++];

    netback_rx_take(&vif->receive, request);
    slot->id = request->id;
    slot->flags = 0;
    slot->is_extra = false;
    return slot;
}

static void add_gso(struct vif *vif, const struct net_packet *packet)
{
    netif_rx_request_t request;
    struct vif_slot *slot = vif_take_slot(vif, &request);

    slot->is_extra = true;
    slot->extra = (struct netif_extra_info){
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = {.size = packet->gso_size, .type = packet->gso_type},
    };
}

/* Copies a packet into empty pages, of which there are enough. */
static void place_packet(struct vif *vif, const struct net_packet *packet)
{
    struct net_target target = {.port = &vif->port, .domid = vif->device->other};
    struct net_cursor cursor = {0};
    uint32_t left = packet->length;

    net_copy_reserve();
    for (bool first = true; left > 0; first = false) {
        uint32_t size = left < PAGE_SIZE ? left : PAGE_SIZE;
        netif_rx_request_t request;
        struct vif_slot *slot = vif_take_slot(vif, &request);

        left -= size;
        target.ref = request.gref;
        slot->size = (uint16_t)size;
        slot->first_copy = net_copy_mark();
        net_copy(packet, &cursor, &target, size);
        slot->end_copy = net_copy_mark();
        if (left > 0)
            slot->flags |= NETRXF_more_data;
        if (!first)
            continue;
        if (packet->csum_blank)
            slot->flags |= NETRXF_csum_blank | NETRXF_data_validated;
        else if (packet->csum_valid)
            slot->flags |= NETRXF_data_validated;
        if (packet->gso_size > 0) {
            slot->flags |= NETRXF_extra_info;
            add_gso(vif, packet);
        }
    }
    vif->port.counters.sent_packets++;
    vif->port.counters.sent_bytes += packet->length;
    net_mark_dirty(&vif->port);
}

/* ---- What waits ----------------------------------------------------------------------------- */

static void free_waiting(struct vif_waiting *waiting)
{
    all_waiting_pages -= waiting->pages;
    pages_free(waiting->data, waiting->pages);
    free(waiting);
}

static void take_first_waiting(struct vif *vif)
{
    struct vif_waiting *waiting = vif->first_waiting;

    vif->first_waiting = waiting->next;
    if (!vif->first_waiting)
        vif->last_waiting = NULL;
    vif->waiting_pages -= waiting->pages;
}

static void drop_first(struct vif *vif)
{
    struct vif_waiting *waiting = vif->first_waiting;

    take_first_waiting(vif);
    vif->port.counters.sent_dropped++;
    free_waiting(waiting);
}

/* Whether @pages more may wait for the vif; longer backlogs than its own then give way. */
static bool make_room(const struct vif *vif, unsigned int pages)
{
    unsigned int wanted = vif->waiting_pages + pages;

    if (wanted > WAITING_PAGES)
        return false;
    while (all_waiting_pages + pages > ALL_WAITING_PAGES) {
        struct vif *longest = vif_of_longest_backlog();

        if (!longest || longest->waiting_pages <= wanted)
            return false;
        drop_first(longest);
        /* Its front end was asked for as many empty pages as that one needed. */
        work_schedule(&longest->receive_work);
    }
    return memory_free_pages() >= NETBACK_FREE_PAGES;
}

static struct vif_waiting *make_waiting(const struct vif *vif, const struct net_packet *packet)
{
    unsigned int pages = (packet->length + PAGE_SIZE - 1) / PAGE_SIZE;
    struct vif_waiting *waiting;

    if (!make_room(vif, pages))
        return NULL;
    waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        return NULL;
    waiting->data = pages_alloc(pages);
    if (!waiting->data) {
        free(waiting);
        return NULL;
    }
    waiting->pages = pages;
    all_waiting_pages += pages;
    waiting->length = packet->length;
    waiting->gso_size = packet->gso_size;
    waiting->gso_type = packet->gso_type;
    waiting->csum_blank = packet->csum_blank;
    waiting->csum_valid = packet->csum_valid;
    if (!net_copy_now(packet, waiting->data)) {
        free_waiting(waiting);
        return NULL;
    }
    return waiting;
}

static void keep_waiting(struct vif *vif, const struct net_packet *packet)
{
    struct vif_waiting *waiting = make_waiting(vif, packet);

    if (!waiting) {
        vif->port.counters.sent_dropped++;
        return;
    }
    vif->waiting_pages += waiting->pages;
    if (vif->first_waiting) {
        vif->last_waiting->next = waiting;
        vif->last_waiting = waiting;
        return;
    }
    vif->first_waiting = vif->last_waiting = waiting;
    if (netback_rx_want(&vif->receive, vif_slots_for(waiting->length, waiting->gso_size)))
        work_schedule(&vif->receive_work);
}

void vif_drop_waiting(struct vif *vif)
{
    while (vif->first_waiting)
        drop_first(vif);
}

/* Whether there are empty pages for @slots; the front end is broken if its index is. */
static bool vif_has_room(struct vif *vif, unsigned int slots)
{
    int pages = netback_rx_pages(&vif->receive);

    if (pages < 0) {
        vif_break(vif, "an impossible index in the receive ring");
        return false;
    }
    return (unsigned int)pages >= slots;
}

static void vif_place_waiting(struct vif *vif, const struct vif_waiting *waiting)
{
    struct net_packet packet = {
        .fragments[0] = {.va = waiting->data, .length = waiting->length},
        .fragment_count = 1,
        .length = waiting->length,
        .gso_size = waiting->gso_size,
        .gso_type = waiting->gso_type,
        .csum_blank = waiting->csum_blank,
        .csum_valid = waiting->csum_valid,
    };

    place_packet(vif, &packet);
}

void vif_receive_run(struct work *work)
{
    struct vif *vif = TO_VIF(work);
    struct vif_waiting *placed = NULL;

    while (vif->connected && !vif->broken && vif->first_waiting) {
        struct vif_waiting *waiting = vif->first_waiting;
        unsigned int slots = vif_slots_for(waiting->length, waiting->gso_size);

        if (!vif_has_room(vif, slots) &&
            (!netback_rx_want(&vif->receive, slots) || !vif_has_room(vif, slots)))
            break;
        take_first_waiting(vif);
        vif_place_waiting(vif, waiting);
        waiting->next = placed;
        placed = waiting;
    }
    net_flush();
    while (placed) {
        struct vif_waiting *waiting = placed;

        placed = waiting->next;
        free_waiting(waiting);
    }
    if (vif->connected && !vif->broken && vif->receive_port != vif->transmit_port)
        event_unmask((evtchn_port_t)vif->receive_port);
}

/* ---- The port ------------------------------------------------------------------------------- */

void vif_send(struct net_port *port, const struct net_packet *packet)
{
    struct vif *vif = OF_PORT(port);
    unsigned int slots = vif_slots_for(packet->length, packet->gso_size);

    if (!vif->connected || vif->broken || (slots > 1 && !vif->scatter_gather)) {
        port->counters.sent_dropped++;
        return;
    }
    if (vif->first_waiting || !vif_has_room(vif, slots))
        keep_waiting(vif, packet);
    else
        place_packet(vif, packet);
}

void vif_flush(struct net_port *port)
{
    struct vif *vif = OF_PORT(port);
    int notify;

    for (unsigned int i = 0; i < vif->slot_count; i++) {
        const struct vif_slot *slot = &vif->slots[i];
        netif_rx_response_t *response = RING_GET_RESPONSE(&vif->receive,
                                                          vif->receive.rsp_prod_pvt++);

        if (slot->is_extra) {
            *(struct netif_extra_info *)response = slot->extra;
            continue;
        }
        response->id = slot->id;
        response->offset = 0;
        response->flags = slot->flags;
        response->status = (int16_t)slot->size;
        if (!net_copies_done(slot->first_copy, slot->end_copy)) {
            response->status = NETIF_RSP_ERROR;
            port->counters.sent_errors++;
        }
    }
    vif->slot_count = 0;
    if (vif->broken)
        return;
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&vif->receive, notify);
    if (notify)
        event_send((evtchn_port_t)vif->receive_port);
}
