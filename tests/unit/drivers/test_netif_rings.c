/* SPDX-License-Identifier: MIT */
/*
 * Network rings from both ends: packets as front drivers write them, and everything that none would
 * write.
 */
/* SOURCES: pv-guest/drivers/netback_ring.c pv-guest/drivers/netfront_ring.c */
/* SOURCES: tests/host/changing_memory.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/netback_ring.h>
#include <drivers/netfront_ring.h>

#include "../../host/changing_memory.h"

#define PAGE  4096u
#define SLOTS 256u

static union {
    netif_tx_sring_t transmit;
    netif_rx_sring_t receive;
    uint8_t bytes[PAGE];
} page __attribute__((aligned(PAGE)));

static netif_tx_back_ring_t transmit;
static netif_rx_back_ring_t receive;
static netif_rx_front_ring_t front;
static struct netback_packet packet;
static struct netfront_packet taken;

/* The slots lie behind what the types say. */
static netif_tx_sring_t *shared_transmit(void)
{
    return (netif_tx_sring_t *)page.bytes;
}

static netif_rx_sring_t *shared_receive(void)
{
    return (netif_rx_sring_t *)page.bytes;
}

static int set_up(void **state)
{
    memset(&page, 0, sizeof(page));
    page.transmit.req_event = page.transmit.rsp_event = 1;
    BACK_RING_INIT(&transmit, &page.transmit, PAGE);
    BACK_RING_INIT(&receive, &page.receive, PAGE);
    FRONT_RING_INIT(&front, &page.receive, PAGE);
    return 0;
}

static void put(uint16_t id, uint16_t flags, uint16_t offset, uint16_t size)
{
    shared_transmit()->ring[page.transmit.req_prod++ % SLOTS].req = (netif_tx_request_t){
        .gref = 1000u + id, .offset = offset, .flags = flags, .id = id, .size = size};
}

static void put_extra(uint8_t type, uint8_t flags, uint16_t size, uint8_t gso)
{
    struct netif_extra_info extra = {
        .type = type, .flags = flags, .u.gso = {.size = size, .type = gso}};

    memcpy(&shared_transmit()->ring[page.transmit.req_prod++ % SLOTS], &extra, sizeof(extra));
}

static netif_tx_response_t response(RING_IDX index)
{
    return shared_transmit()->ring[index % SLOTS].rsp;
}

static void takes_a_packet_of_one_piece(void **state)
{
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_NONE);
    put(7, NETTXF_csum_blank | NETTXF_data_validated, 100, 60);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
    assert_int_equal(packet.piece_count, 1);
    assert_int_equal(packet.length, 60);
    assert_int_equal(packet.pieces[0].ref, 1007);
    assert_int_equal(packet.pieces[0].offset, 100);
    assert_int_equal(packet.pieces[0].size, 60);
    assert_true(packet.flags & NETTXF_csum_blank);
    netback_answer(&transmit, &packet, NETIF_RSP_OKAY);
    assert_int_equal(response(0).id, 7);
    assert_int_equal(response(0).status, NETIF_RSP_OKAY);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_NONE);
}

/* The front changes each word as soon as it was read: what was checked is what is sent. */
static void reads_words_once(void **state)
{
    put(1, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank, 4000, 96 + 4000);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV4);
    put(2, 0, 96, 4000);
    memory_changes(&page, PAGE, sizeof(uint32_t));
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
    memory_stays();
    assert_int_equal(packet.flags, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank);
    assert_int_equal(packet.length, 4096);
    assert_int_equal(packet.slot_count, 3);
    assert_int_equal(packet.piece_count, 2);
    assert_int_equal(packet.ids[0], 1);
    assert_int_equal(packet.ids[1], 2);
    assert_int_equal(packet.gso_size, 1448);
    assert_int_equal(packet.gso_type, XEN_NETIF_GSO_TYPE_TCPV4);
    assert_int_equal(packet.pieces[0].ref, 1001);
    assert_int_equal(packet.pieces[0].offset, 4000);
    assert_int_equal(packet.pieces[0].size, 96);
    assert_int_equal(packet.pieces[1].ref, 1002);
    assert_int_equal(packet.pieces[1].offset, 96);
    assert_int_equal(packet.pieces[1].size, 4000);
}

static void takes_a_large_packet(void **state)
{
    /* The first slot says how much there is altogether. */
    put(1, NETTXF_more_data | NETTXF_extra_info | NETTXF_csum_blank, 4000, 96 + 4096 + 100);
    put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, XEN_NETIF_GSO_TYPE_TCPV6);
    put(2, NETTXF_more_data, 0, 4096);
    put(3, 0, 50, 100);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
    assert_int_equal(packet.piece_count, 3);
    assert_int_equal(packet.slot_count, 5);
    assert_int_equal(packet.pieces[0].size, 96);
    assert_int_equal(packet.pieces[1].size, 4096);
    assert_int_equal(packet.pieces[2].offset, 50);
    assert_int_equal(packet.gso_size, 1448);
    assert_int_equal(packet.gso_type, XEN_NETIF_GSO_TYPE_TCPV6);
    netback_answer(&transmit, &packet, NETIF_RSP_ERROR);
    assert_int_equal(transmit.rsp_prod_pvt, 5);
    assert_int_equal(response(0).id, 1);
    assert_int_equal(response(1).status, NETIF_RSP_NULL);
    assert_int_equal(response(2).status, NETIF_RSP_NULL);
    assert_int_equal(response(3).id, 2);
    assert_int_equal(response(4).id, 3);
    assert_int_equal(response(4).status, NETIF_RSP_ERROR);
}

static void drops_what_it_cannot_send(void **state)
{
    put(1, 0, 0, 13); /* shorter than an Ethernet header */
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_DROP);
    put(2, NETTXF_more_data, 0, 100); /* a piece larger than the whole */
    put(3, 0, 0, 101);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_DROP);
    assert_int_equal(packet.slot_count, 2);
    for (uint16_t i = 0; i < 20; i++) /* more pieces than the protocol promises */
        put(i, i < 19 ? NETTXF_more_data : 0, 0, i ? 10 : 1000);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_DROP);
    assert_int_equal(packet.slot_count, 20);
    netback_answer(&transmit, &packet, NETIF_RSP_ERROR);
    put(9, 0, 0, 14);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
}

static void refuses_multicast_requests(void **state)
{
    put(1, NETTXF_extra_info, 0, 0);
    put_extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0, 0);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_REFUSE);
    assert_int_equal(packet.slot_count, 2);
}

static void expect_broken(const char *why)
{
    RING_IDX before = transmit.req_cons;

    assert_int_equal(netback_take(&transmit, &packet), NETBACK_BROKEN);
    assert_non_null(strstr(packet.why, why));
    assert_int_equal(transmit.req_cons, before);
    page.transmit.req_prod = before;
}

static void knows_an_enemy(void **state)
{
    page.transmit.req_prod = SLOTS + 1;
    expect_broken("index");
    page.transmit.req_prod = (RING_IDX)-1;
    expect_broken("index");
    put(1, NETTXF_extra_info, 0, 100);
    expect_broken("missing");
    put(1, NETTXF_extra_info, 0, 100);
    put_extra(XEN_NETIF_EXTRA_TYPE_NONE, 0, 0, 0);
    expect_broken("unknown extra");
    put(1, NETTXF_extra_info, 0, 100);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 0, XEN_NETIF_GSO_TYPE_TCPV4);
    expect_broken("no size");
    put(1, NETTXF_extra_info, 0, 100);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448, 3);
    expect_broken("kind of segmentation");
    put(1, NETTXF_extra_info, 0, 100);
    for (unsigned int i = 0; i < 30; i++)
        put_extra(XEN_NETIF_EXTRA_TYPE_HASH, XEN_NETIF_EXTRA_FLAG_MORE, 0, 0);
    expect_broken("without end");
    put(1, NETTXF_more_data, 0, 100);
    expect_broken("without its end");
    for (uint16_t i = 0; i < 30; i++)
        put(i, NETTXF_more_data, 0, 10);
    expect_broken("too many");
    put(1, 0, 4000, 97);
    expect_broken("crosses");
    put(1, NETTXF_more_data, 0, 3000);
    put(2, 0, 4095, 2);
    expect_broken("crosses");
    put(1, 0, 4000, 96);
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
}

static void knows_an_index_that_goes_back(void **state)
{
    for (uint16_t i = 0; i < 10; i++)
        put(i, 0, 0, 60);
    for (unsigned int i = 0; i < 10; i++)
        assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
    page.transmit.req_prod = 5; /* nothing is answered yet */
    expect_broken("index");
}

static void a_ring_goes_round(void **state)
{
    transmit.req_cons = transmit.rsp_prod_pvt = page.transmit.req_prod = (RING_IDX)-100;
    for (uint16_t i = 0; i < 200; i++)
        put(i, 0, 0, 60);
    for (unsigned int i = 0; i < 200; i++) {
        assert_int_equal(netback_take(&transmit, &packet), NETBACK_PACKET);
        assert_int_equal(packet.ids[0], i);
        netback_answer(&transmit, &packet, NETIF_RSP_OKAY);
    }
    assert_int_equal(netback_take(&transmit, &packet), NETBACK_NONE);
}

static void empty_pages_are_counted(void **state)
{
    netif_rx_request_t request;

    assert_int_equal(netback_rx_pages(&receive), 0);
    assert_false(netback_rx_want(&receive, 2));
    assert_int_equal(page.receive.req_event, 2);
    for (uint16_t i = 0; i < SLOTS; i++)
        shared_receive()->ring[i].req = (netif_rx_request_t){.id = i, .gref = 50u + i};
    page.receive.req_prod = SLOTS;
    assert_int_equal(netback_rx_pages(&receive), SLOTS);
    assert_true(netback_rx_want(&receive, 2));
    netback_rx_take(&receive, &request);
    assert_int_equal(request.gref, 50);
    assert_int_equal(netback_rx_pages(&receive), SLOTS - 1);
    page.receive.req_prod = 0; /* back behind what was taken */
    assert_int_equal(netback_rx_pages(&receive), -1);
    page.receive.req_prod = SLOTS + 1;
    assert_int_equal(netback_rx_pages(&receive), -1);
}

/* ---- The front's side ---- */

static void respond(uint16_t id, uint16_t flags, uint16_t offset, int16_t status)
{
    shared_receive()->ring[page.receive.rsp_prod++ % SLOTS].rsp = (netif_rx_response_t){
        .id = id, .offset = offset, .flags = flags, .status = status};
}

static void respond_gso(uint16_t size)
{
    struct netif_extra_info extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO,
                                     .u.gso = {.size = size, .type = XEN_NETIF_GSO_TYPE_TCPV4}};

    memcpy(&shared_receive()->ring[page.receive.rsp_prod++ % SLOTS], &extra, 8);
}

static void the_front_takes_packets(void **state)
{
    front.req_prod_pvt = SLOTS;
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_NONE);
    respond(0, NETRXF_data_validated, 2, 60);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_PACKET);
    assert_int_equal(taken.length, 60);
    assert_int_equal(taken.pieces[0].offset, 2);
    respond(1, NETRXF_more_data | NETRXF_extra_info | NETRXF_csum_blank, 0, 4096);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_NONE);
    respond_gso(1448);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_NONE);
    respond(3, 0, 0, 1000);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_PACKET);
    assert_int_equal(taken.piece_count, 2);
    assert_int_equal(taken.length, 5096);
    assert_int_equal(taken.gso_size, 1448);
    assert_int_equal(front.rsp_cons, 4);
    respond(4, 0, 0, NETIF_RSP_ERROR);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_DROP);
    respond(5, 0, 4000, 97);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_DROP);
    respond(6, 0, 0, 0);
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_DROP);
}

static void the_front_knows_a_wrong_back(void **state)
{
    front.req_prod_pvt = 10;
    page.receive.rsp_prod = 11;
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_BROKEN);
    page.receive.rsp_prod = 0;
    respond(1, 0, 0, 60); /* of another slot */
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_BROKEN);
    page.receive.rsp_prod = (RING_IDX)-5;
    assert_int_equal(netfront_take(&front, &taken), NETFRONT_BROKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_a_packet_of_one_piece, set_up),
        cmocka_unit_test_setup(reads_words_once, set_up),
        cmocka_unit_test_setup(takes_a_large_packet, set_up),
        cmocka_unit_test_setup(drops_what_it_cannot_send, set_up),
        cmocka_unit_test_setup(refuses_multicast_requests, set_up),
        cmocka_unit_test_setup(knows_an_enemy, set_up),
        cmocka_unit_test_setup(knows_an_index_that_goes_back, set_up),
        cmocka_unit_test_setup(a_ring_goes_round, set_up),
        cmocka_unit_test_setup(empty_pages_are_counted, set_up),
        cmocka_unit_test_setup(the_front_takes_packets, set_up),
        cmocka_unit_test_setup(the_front_knows_a_wrong_back, set_up),
    };

    return cmocka_run_group_tests_name("network rings", tests, NULL, NULL);
}
