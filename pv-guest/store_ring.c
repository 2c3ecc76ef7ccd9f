/* SPDX-License-Identifier: MIT */
/*
 * The ring by which a domain reaches its store: a page with one ring in each direction
 * (public/io/xs_wire.h) and an event channel, both named by the builder in the start-of-day record.
 */
#include <events.h>
#include <guest.h>
#include <memory.h>
#include <public/io/xs_wire.h>
#include <store.h>
#include <string.h>

#include "internal.h"

static struct xenstore_domain_interface *ring;
static evtchn_port_t port;

/* Bytes that can be copied in one piece at @index, given how many the ring has. */
static size_t piece(size_t wanted, uint32_t available, XENSTORE_RING_IDX index)
{
    size_t to_end = XENSTORE_RING_SIZE - MASK_XENSTORE_IDX(index);
    size_t size = wanted < available ? wanted : available;

    return size < to_end ? size : to_end;
}

static size_t ring_send(const void *data, size_t length)
{
    uint32_t used = ring->req_prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
    size_t size = piece(length, XENSTORE_RING_SIZE - used, ring->req_prod);

    memcpy(&ring->req[MASK_XENSTORE_IDX(ring->req_prod)], data, size);
    __atomic_store_n(&ring->req_prod, ring->req_prod + (uint32_t)size, __ATOMIC_RELEASE);
    return size;
}

static size_t ring_receive(void *data, size_t length)
{
    uint32_t waiting = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) - ring->rsp_cons;
    size_t size = piece(length, waiting, ring->rsp_cons);

    memcpy(data, &ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)], size);
    __atomic_store_n(&ring->rsp_cons, ring->rsp_cons + (uint32_t)size, __ATOMIC_RELEASE);
    return size;
}

static void ring_notify(void)
{
    event_send(port);
}

static const struct store_link ring_link = {ring_send, ring_receive, ring_notify};

static void ring_event(evtchn_port_t event_port, void *argument)
{
    store_link_ready();
}

void store_init(void)
{
    if (!start_info->store_mfn || !start_info->store_evtchn)
        return;
    ring = mfn_to_va(start_info->store_mfn);
    port = start_info->store_evtchn;
    event_set_handler(port, ring_event, NULL);
    if (store_attach(&ring_link))
        guest_panic("no memory for the store client");
}
