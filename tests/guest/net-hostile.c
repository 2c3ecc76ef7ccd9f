/* SPDX-License-Identifier: MIT */
/*
 * A front driver that attacks the network back driver, one vif for each attack. The first vif is
 * honest and gives the others something to receive. Prints a line for each attack in the form of
 * guest tests (harness.h): the vif is closed, or the packet is answered with an error and the next
 * one goes through.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <grant.h>
#include <guest.h>
#include <memory.h>
#include <public/sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thread.h>

#include <drivers/net.h>
#include <drivers/split.h>

#define SLOTS    256u
#define PATIENCE (NANOSECONDS_PER_SECOND * 20)
#define BAD_REF  500u /* never offered: references come from the low end */

struct vif {
    struct split_device *device;
    netif_tx_sring_t *transmit;
    netif_rx_sring_t *receive;
    uint8_t *page;
    int ring_refs[2], page_ref, port;
    bool connected, closed;
};

/* What an attack expects. */
enum outcome {
    CLOSED,   /* the back end closes the vif */
    REFUSED,  /* it answers with NETIF_RSP_ERROR and continues */
    UNHARMED, /* it continues */
};

#define VIFS 24u

static struct vif vifs[VIFS];

static int offer(domid_t domid, void *page)
{
    return grant_offer(domid, va_to_mfn(page), false);
}

/* ---- What is wrong with a vif from the beginning ---- */

#define VIF_BAD_RING  1u
#define VIF_BAD_PORT  2u
#define VIF_NO_PAGES  3u /* never posts an empty page */
#define VIF_BAD_PAGES 4u /* posts pages that it did not offer */
#define FIRST_ATTACK  5u

static void post(struct vif *vif, unsigned int id)
{
    for (unsigned int i = 0; i < SLOTS; i++)
        vif->receive->ring[i].req = (netif_rx_request_t){
            .id = (uint16_t)i,
            .gref = id == VIF_BAD_PAGES ? BAD_REF : (grant_ref_t)vif->page_ref,
        };
    if (id != VIF_NO_PAGES)
        vif->receive->req_prod = SLOTS;
}

static void begin(struct vif *vif, struct split_device *device)
{
    int ring = vif->ring_refs[0], port = vif->port;

    SHARED_RING_INIT(vif->transmit);
    SHARED_RING_INIT(vif->receive);
    post(vif, device->id);
    if (device->id == VIF_BAD_RING)
        ring = BAD_REF;
    if (device->id == VIF_BAD_PORT)
        port = 999;
    split_write(device, 0, "tx-ring-ref", "%d", ring);
    split_write(device, 0, "rx-ring-ref", "%d", vif->ring_refs[1]);
    split_write(device, 0, "event-channel", "%d", port);
    split_write(device, 0, "request-rx-copy", "1");
    split_write(device, 0, "feature-sg", "1");
    split_set_state(device, XenbusStateConnected);
}

static int probe(struct split_device *device)
{
    struct vif *vif = &vifs[device->id];

    if (device->id >= VIFS || vif->device)
        return -EINVAL;
    vif->transmit = page_alloc_zeroed();
    vif->receive = page_alloc_zeroed();
    vif->page = page_alloc_zeroed();
    if (!vif->transmit || !vif->receive || !vif->page)
        return -ENOMEM;
    vif->ring_refs[0] = offer(device->other, vif->transmit);
    vif->ring_refs[1] = offer(device->other, vif->receive);
    vif->page_ref = offer(device->other, vif->page);
    vif->port = event_alloc_unbound(device->other);
    vif->device = device;
    return 0;
}

static void other_changed(struct split_device *device, enum xenbus_state state)
{
    struct vif *vif = &vifs[device->id];

    if (state == XenbusStateInitWait)
        begin(vif, device);
    else if (state == XenbusStateConnected)
        vif->connected = true;
    else if (state == XenbusStateClosing || state == XenbusStateClosed)
        vif->closed = true;
}

static void forget(struct split_device *device)
{
    vifs[device->id].closed = true;
}

static struct split_driver driver = {
    .kind = "vif",
    .probe = probe,
    .other_changed = other_changed,
    .remove = forget,
};

/* ---- Attacks ---- */

static void put(struct vif *vif, uint16_t flags, unsigned int offset, unsigned int size)
{
    RING_IDX at = vif->transmit->req_prod++;

    vif->transmit->ring[at % SLOTS].req = (netif_tx_request_t){
        .gref = (grant_ref_t)vif->page_ref,
        .offset = (uint16_t)offset,
        .flags = flags,
        .id = (uint16_t)at,
        .size = (uint16_t)size,
    };
}

static void put_extra(struct vif *vif, uint8_t type, uint8_t flags, uint16_t size, uint8_t gso)
{
    union {
        struct netif_extra_info extra;
        netif_tx_request_t request;
    } slot = {.extra = {.type = type, .flags = flags, .u.gso = {.size = size, .type = gso}}};

    vif->transmit->ring[vif->transmit->req_prod++ % SLOTS].req = slot.request;
}

/* A broadcast that all others receive. */
static void put_frame(struct vif *vif)
{
    memset(vif->page, 0xff, MAC_SIZE);
    memset(vif->page + MAC_SIZE, 0, 64);
    vif->page[MAC_SIZE] = 2;
    vif->page[2 * MAC_SIZE - 1] = (uint8_t)vif->device->id;
    put(vif, 0, 0, 100);
}

static void bad_reference(struct vif *vif)
{
    put(vif, 0, 0, 100);
    vif->transmit->ring[0].req.gref = BAD_REF;
}

static void bad_reference_behind(struct vif *vif)
{
    put_frame(vif);
    vif->transmit->ring[0].req.flags = NETTXF_more_data;
    vif->transmit->ring[0].req.size = 1100;
    put(vif, 0, 0, 1000);
    vif->transmit->ring[1].req.gref = BAD_REF;
}

static void crosses_page(struct vif *vif)
{
    put(vif, 0, 4000, 200);
}

static void index_jumps(struct vif *vif)
{
    vif->transmit->req_prod = 5000;
}

static void endless_chain(struct vif *vif)
{
    for (unsigned int i = 0; i < 100; i++)
        put(vif, NETTXF_more_data, 0, 20);
}

static void chain_without_end(struct vif *vif)
{
    put(vif, NETTXF_more_data, 0, 100);
}

static void segments_of_no_size(struct vif *vif)
{
    put(vif, NETTXF_extra_info, 0, 100);
    put_extra(vif, XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4);
}

static void unknown_extra(struct vif *vif)
{
    put(vif, NETTXF_extra_info, 0, 100);
    put_extra(vif, 77, 0, 0, 0);
}

static void too_many_pieces(struct vif *vif)
{
    for (unsigned int i = 0; i < 20; i++)
        put(vif, i < 19 ? NETTXF_more_data : 0, 0, i ? 10 : 1000);
}

static void too_short(struct vif *vif)
{
    put(vif, 0, 0, 5);
}

static void piece_larger_than_packet(struct vif *vif)
{
    put(vif, NETTXF_more_data, 0, 100);
    put(vif, 0, 0, 1000);
}

static void multicast_request(struct vif *vif)
{
    put(vif, NETTXF_extra_info, 0, 0);
    put_extra(vif, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0, 0);
}

/* Not a packet of TCP, whatever it claims. */
static void false_segmentation(struct vif *vif)
{
    put_frame(vif);
    vif->transmit->ring[0].req.flags = NETTXF_extra_info | NETTXF_csum_blank;
    put_extra(vif, XEN_NETIF_EXTRA_TYPE_GSO, 0, 1, XEN_NETIF_GSO_TYPE_TCPV4);
}

static void receive_index_jumps(struct vif *vif)
{
    vif->receive->req_prod = 5000;
}

static const struct {
    const char *name;
    void (*attack)(struct vif *vif);
    enum outcome expected;
} attacks[] = {
    {"bad-reference", bad_reference, CLOSED},
    {"bad-reference-behind-the-header", bad_reference_behind, CLOSED},
    {"piece-crosses-page", crosses_page, CLOSED},
    {"index-jumps", index_jumps, CLOSED},
    {"endless-chain", endless_chain, CLOSED},
    {"chain-without-end", chain_without_end, CLOSED},
    {"segments-of-no-size", segments_of_no_size, CLOSED},
    {"unknown-extra", unknown_extra, CLOSED},
    {"receive-index-jumps", receive_index_jumps, CLOSED},
    {"too-many-pieces", too_many_pieces, REFUSED},
    {"too-short", too_short, REFUSED},
    {"piece-larger-than-packet", piece_larger_than_packet, REFUSED},
    {"multicast-request", multicast_request, REFUSED},
    {"false-segmentation", false_segmentation, UNHARMED},
};
#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

_Static_assert(FIRST_ATTACK + ATTACKS <= VIFS, "a vif for each");

/* ---- Looking ---- */

static unsigned int passed, failed;

static void result(const char *name, bool ok, const char *seen)
{
    if (ok)
        printf("TEST %s: ok\n", name);
    else
        printf("TEST %s: FAIL %s\n", name, seen);
    passed += ok;
    failed += !ok;
}

static bool wait_for(const volatile bool *flag)
{
    uint64_t deadline = clock_now() + PATIENCE;

    while (!*flag && clock_now() < deadline)
        thread_sleep(MILLISECONDS(5));
    return *flag;
}

/* All that was put is answered. */
static bool wait_for_answers(const struct vif *vif)
{
    uint64_t deadline = clock_now() + PATIENCE;
    const volatile RING_IDX *answered = &vif->transmit->rsp_prod;

    while (*answered != vif->transmit->req_prod && !vif->closed && clock_now() < deadline)
        thread_sleep(MILLISECONDS(1));
    return *answered == vif->transmit->req_prod;
}

static void ring_bell(const struct vif *vif)
{
    event_send((evtchn_port_t)vif->port);
}

static int16_t status_of(const struct vif *vif, RING_IDX index)
{
    return vif->transmit->ring[index % SLOTS].rsp.status;
}

/* Send frames from an honest vif. */
static bool send_frames(struct vif *vif, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        put_frame(vif);
        ring_bell(vif);
        if (!wait_for_answers(vif) || status_of(vif, vif->transmit->req_prod - 1))
            return false;
    }
    return true;
}

static void expect_closed(const char *name, const struct vif *vif)
{
    result(name, wait_for(&vif->closed), "the vif is not closed");
}

static void run_attack(unsigned int number)
{
    struct vif *vif = &vifs[FIRST_ATTACK + number];
    const char *name = attacks[number].name;
    RING_IDX first;

    if (!wait_for(&vif->connected)) {
        result(name, false, "the vif does not connect");
        return;
    }
    first = vif->transmit->req_prod;
    attacks[number].attack(vif);
    ring_bell(vif);
    send_frames(&vifs[0], 1);
    if (attacks[number].expected == CLOSED) {
        expect_closed(name, vif);
        return;
    }
    if (!wait_for_answers(vif))
        result(name, false, "no answer");
    else if (attacks[number].expected == REFUSED && status_of(vif, first) != NETIF_RSP_ERROR)
        result(name, false, "it was not refused");
    else
        result(name, send_frames(vif, 1), "the next packet does not go through");
}

void guest_main(void)
{
    if (split_register(&driver))
        guest_panic("no store");
    wait_for(&vifs[VIF_BAD_PAGES].connected);
    result("honest", wait_for(&vifs[0].connected) && send_frames(&vifs[0], 10),
           "packets are not taken");
    expect_closed("bad-ring", &vifs[VIF_BAD_RING]);
    expect_closed("bad-port", &vifs[VIF_BAD_PORT]);
    expect_closed("bad-pages", &vifs[VIF_BAD_PAGES]);
    for (unsigned int i = 0; i < ATTACKS; i++)
        run_attack(i);
    /* More than is kept for a vif that never posts a page. */
    result("no-pages", send_frames(&vifs[0], 1000) && !vifs[VIF_NO_PAGES].closed,
           "others are held up");
    printf("TESTS DONE %u passed, %u failed\n", passed, failed);
    for (;;)
        thread_sleep(NANOSECONDS_PER_SECOND);
}
