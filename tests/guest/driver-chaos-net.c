/* SPDX-License-Identifier: MIT */
/*
 * Driver chaos on vifs: the first page of the rings is the one for transmission, the second the one
 * for reception. A polite vif transmits packets of one piece, of which any field can be rewritten.
 */
#include <string.h>

#include "driver-chaos.h"

#define SLOTS 256u

static netif_tx_sring_t *transmit(const struct device *device)
{
    return (netif_tx_sring_t *)device->rings;
}

static netif_rx_sring_t *receive(const struct device *device)
{
    return (netif_rx_sring_t *)(device->rings + 4096);
}

static uint16_t small(struct hostile *h)
{
    return (uint16_t)hostile_below(h, 2048);
}

/* Flags that a packet of one piece may have. */
static uint16_t flags(struct hostile *h)
{
    return (uint16_t)(hostile_number(h) & (NETTXF_csum_blank | NETTXF_data_validated));
}

static netif_tx_request_t *next_slot(struct device *device)
{
    return &transmit(device)->ring[device->put++ % SLOTS].req;
}

static void put_piece(struct device *device, struct hostile *h, uint16_t more, uint16_t size)
{
    *next_slot(device) = (netif_tx_request_t){
        .gref = wild(device, h) ? (grant_ref_t)hostile_value(h) : some_ref(device, h),
        .offset = small(h),
        .flags = wild(device, h) ? (uint16_t)hostile_number(h) : (uint16_t)(flags(h) | more),
        .id = (uint16_t)hostile_number(h),
        .size = wild(device, h) ? (uint16_t)hostile_number(h) : size,
    };
}

/* Slots of extra information behind the first of a packet. */
static void put_extras(struct device *device, struct hostile *h, unsigned int count)
{
    static const uint8_t types[] = {XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                                    XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_TYPE_GSO};

    for (; count > 0; count--) {
        union {
            struct netif_extra_info extra;
            netif_tx_request_t request;
        } slot = {.extra = {.type = types[hostile_below(h, sizeof(types))],
                            .flags = count > 1 ? XEN_NETIF_EXTRA_FLAG_MORE : 0,
                            .u.gso = {.size = (uint16_t)(1 + hostile_below(h, 9000)),
                                      .type = (uint8_t)(1 + hostile_below(h, 2))}}};

        if (wild(device, h))
            slot.extra.type = (uint8_t)hostile_number(h);
        *next_slot(device) = slot.request;
    }
}

/* A packet of several pieces, the first of which says how long all of them are. */
static void put_chain(struct device *device, struct hostile *h)
{
    unsigned int pieces = hostile_below(h, 6), extras = hostile_below(h, 3);
    uint16_t size = small(h);
    uint16_t more = (uint16_t)(pieces > 0 ? NETTXF_more_data : 0);

    put_piece(device, h, (uint16_t)(more | (extras ? NETTXF_extra_info : 0)),
              (uint16_t)(small(h) + pieces * size));
    put_extras(device, h, extras);
    while (pieces-- > 0)
        put_piece(device, h, pieces > 0 ? NETTXF_more_data : 0, size);
}

static void ask(struct device *device, struct hostile *h)
{
    uint32_t under_way = device->put -
                         __atomic_load_n(&transmit(device)->rsp_prod, __ATOMIC_ACQUIRE);
    uint32_t waiting = device->put_receive -
                       __atomic_load_n(&receive(device)->rsp_prod, __ATOMIC_ACQUIRE);
    unsigned int count = hostile_below(h, 12);

    for (; count > 0 && under_way + 10 < SLOTS; count--) {
        uint32_t before = device->put;

        if (device->manners == POLITE || hostile_below(h, 2))
            put_piece(device, h, 0, small(h));
        else
            put_chain(device, h);
        under_way += device->put - before;
    }
    for (count = hostile_below(h, 32); count > 0 && waiting < SLOTS; count--, waiting++)
        receive(device)->ring[device->put_receive++ % SLOTS].req = (netif_rx_request_t){
            .id = (uint16_t)hostile_number(h),
            .gref = wild(device, h) ? (grant_ref_t)hostile_value(h) : some_ref(device, h),
        };
    if (wild(device, h))
        device->put += (uint32_t)hostile_value(h);
    if (wild(device, h))
        device->put_receive += (uint32_t)hostile_value(h);
    __atomic_store_n(&transmit(device)->req_prod, device->put, __ATOMIC_RELEASE);
    __atomic_store_n(&receive(device)->req_prod, device->put_receive, __ATOMIC_RELEASE);
}

static void offer(struct device *device, struct hostile *h)
{
    static const char *const features[] = {"feature-sg",
                                           "feature-gso-tcpv4",
                                           "feature-gso-tcpv6",
                                           "feature-no-csum-offload",
                                           "feature-ipv6-csum-offload",
                                           "feature-rx-notify"};

    memset(device->rings, 0, RING_PAGES * 4096u);
    SHARED_RING_INIT(transmit(device));
    SHARED_RING_INIT(receive(device));
    device->put = device->put_receive = 0;
    tell(device, "tx-ring-ref", "%u", device->ring_refs[0]);
    tell(device, "rx-ring-ref", "%u", device->ring_refs[1]);
    tell(device, "request-rx-copy", "1");
    for (unsigned int i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        tell(device, features[i], "%u", hostile_below(h, 2));
}

/* A slot of a chain may be extra information, or not the last: it must stay what it is. */
static void scribble_packet(struct device *device, struct hostile *h)
{
    netif_tx_request_t *request = &transmit(device)->ring[hostile_below(h, SLOTS)].req;

    if (device->manners != POLITE && !wild(device, h)) {
        request->id = (uint16_t)hostile_number(h);
        return;
    }
    switch (hostile_below(h, 4)) {
    case 0:
        request->gref = some_ref(device, h);
        break;
    case 1:
        request->flags = flags(h);
        break;
    case 2:
        request->offset = small(h);
        break;
    default:
        request->size = small(h);
        break;
    }
}

static void scribble(struct device *device, struct hostile *h)
{
    switch (hostile_below(h, 12)) {
    case 0:
        transmit(device)->rsp_event = (uint32_t)hostile_number(h);
        break;
    case 1:
        receive(device)->rsp_event = (uint32_t)hostile_number(h);
        break;
    case 2:
        transmit(device)->req_event = (uint32_t)hostile_number(h);
        break;
    case 3:
        receive(device)->req_event = (uint32_t)hostile_number(h);
        break;
    case 4:
        if (wild(device, h))
            transmit(device)->req_prod = (uint32_t)hostile_value(h);
        break;
    case 5:
        if (wild(device, h))
            receive(device)->req_prod = (uint32_t)hostile_value(h);
        break;
    case 6:
        receive(device)->ring[hostile_below(h, SLOTS)].req.gref = some_ref(device, h);
        break;
    default:
        scribble_packet(device, h);
        break;
    }
}

static bool answered(const struct device *device)
{
    return __atomic_load_n(&transmit(device)->rsp_prod, __ATOMIC_ACQUIRE) == device->put;
}

const struct kind net_kind = {
    .name = "vif", .offer = offer, .ask = ask, .scribble = scribble, .answered = answered};
