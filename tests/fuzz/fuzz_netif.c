/* SPDX-License-Identifier: MIT */
/*
 * A transmit and a receive ring whose shared memory the input writes to at any time. Whatever it
 * does, the pieces of a packet that the back takes lie within their pages and add up to its length,
 * it answers no more slots than there are, and the front gets no page that it did not post.
 */
/* SOURCES: pv-guest/drivers/netback_ring.c pv-guest/drivers/netfront_ring.c */
#include <stdlib.h>
#include <string.h>

#include <drivers/netback_ring.h>
#include <drivers/netfront_ring.h>

#define PAGE  4096u
#define SLOTS 256u

static uint8_t memory[2][PAGE] __attribute__((aligned(PAGE)));
static netif_tx_back_ring_t transmit;
static netif_rx_back_ring_t receive;
static netif_rx_front_ring_t front;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_packet(const struct netback_packet *packet)
{
    uint32_t length = 0;

    must(packet->piece_count >= 1 && packet->piece_count <= NETBACK_MAX_PIECES);
    for (unsigned int i = 0; i < packet->piece_count; i++) {
        must(packet->pieces[i].offset + packet->pieces[i].size <= PAGE);
        length += packet->pieces[i].size;
    }
    must(length == packet->length && length >= 14);
    must((packet->gso_size > 0) == (packet->gso_type != XEN_NETIF_GSO_TYPE_NONE));
}

static void back_takes(bool answers)
{
    struct netback_packet packet;
    enum netback_taken taken = netback_take(&transmit, &packet);

    if (taken == NETBACK_NONE || taken == NETBACK_BROKEN)
        return;
    must(packet.slot_count <= NETBACK_MAX_SLOTS);
    must(transmit.req_cons - transmit.rsp_prod_pvt <= SLOTS);
    if (taken == NETBACK_PACKET)
        check_packet(&packet);
    if (answers && transmit.req_cons - transmit.rsp_prod_pvt == packet.slot_count)
        netback_answer(&transmit, &packet, NETIF_RSP_OKAY);
    must((int32_t)(transmit.req_cons - transmit.rsp_prod_pvt) >= 0);
}

static void back_fills(void)
{
    int pages = netback_rx_pages(&receive);
    netif_rx_request_t request;

    must(pages >= -1 && pages <= (int)SLOTS);
    if (pages > 0) {
        netback_rx_take(&receive, &request);
        receive.rsp_prod_pvt++;
    }
    netback_rx_want(&receive, 3);
}

static void front_takes(void)
{
    struct netfront_packet packet;
    enum netfront_taken taken = netfront_take(&front, &packet);
    uint32_t length = 0;

    must(front.req_prod_pvt - front.rsp_cons <= SLOTS);
    if (taken != NETFRONT_PACKET)
        return;
    must(packet.piece_count >= 1 && packet.piece_count <= NETFRONT_MAX_PIECES);
    for (unsigned int i = 0; i < packet.piece_count; i++) {
        must(packet.pieces[i].id < SLOTS &&
             packet.pieces[i].offset + packet.pieces[i].size <= PAGE);
        length += packet.pieces[i].size;
    }
    must(length == packet.length && length > 0);
    front.req_prod_pvt = front.rsp_cons + SLOTS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memset(memory, 0, sizeof(memory));
    BACK_RING_INIT(&transmit, (netif_tx_sring_t *)memory[0], PAGE);
    BACK_RING_INIT(&receive, (netif_rx_sring_t *)memory[1], PAGE);
    FRONT_RING_INIT(&front, (netif_rx_sring_t *)memory[1], PAGE);
    front.req_prod_pvt = SLOTS;
    while (size >= 4) {
        /* Four bytes write one: where (14 bits), what, and who goes on afterwards. */
        unsigned int at = (data[0] | data[1] << 8) % sizeof(memory);

        /* Most writes go to the indices and the first slots, where they do something. */
        if (data[3] & 0x80)
            at = (at % 2) * PAGE + (at / 2) % 128;
        memory[at / PAGE][at % PAGE] = data[2];
        if (data[3] & 1)
            back_takes(data[3] & 2);
        if (data[3] & 4)
            back_fills();
        if (data[3] & 8)
            front_takes();
        data += 4;
        size -= 4;
    }
    return 0;
}
