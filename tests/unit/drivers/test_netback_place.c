/* SPDX-License-Identifier: MIT */
/*
 * The network back driver from the bridge to the front end, slot by slot: into which pages a packet
 * goes, what each answer says, and what becomes of packets that wait. The ring and the driver are
 * real; the copying is the test's and notes what it is asked.
 */
/* SOURCES: pv-guest/drivers/netback_receive.c pv-guest/drivers/netback_ring.c */
/* SOURCES: tests/unit/drivers/notes.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
/* CFLAGS: -Dcalloc=counted_calloc */
#undef calloc
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <events.h>

#include <drivers/netback_internal.h>

#include "notes.h"

#define FRONT 7
#define PORT  5
#define SLOTS 256u

static union {
    netif_rx_sring_t ring;
    uint8_t bytes[PAGE_SIZE];
} page __attribute__((aligned(PAGE_SIZE)));

static struct split_device device = {.other = FRONT};
static struct vif vif;
static unsigned int copies, bad_copy, allocated; /* the copy that fails, 0: none */
static bool no_memory, no_pages, no_copy;
static unsigned int post_meanwhile; /* empty pages that the front end posts while we allocate */
static unsigned long free_pages;

/* ---- The front end ---- */

static netif_rx_sring_t *ring(void)
{
    return (netif_rx_sring_t *)page.bytes;
}

/* Empty pages: the reference of each is its number in the ring and 100, its id the number and 1. */
static void post(unsigned int count)
{
    while (count-- > 0) {
        RING_IDX at = ring()->req_prod++;

        ring()->ring[at % SLOTS].req = (netif_rx_request_t){.id = (uint16_t)(at % SLOTS + 1),
                                                            .gref = at + 100};
    }
}

/* ---- The kernel ---- */

void *counted_calloc(size_t count, size_t size);

void *counted_calloc(size_t count, size_t size)
{
    return no_memory ? NULL : calloc(count, size);
}

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void *pages_alloc(unsigned long count)
{
    if (no_pages)
        return NULL;
    post(post_meanwhile);
    post_meanwhile = 0;
    allocated += (unsigned int)count;
    return aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    allocated -= (unsigned int)count;
    free(pages);
}

unsigned long memory_free_pages(void)
{
    return free_pages;
}

int event_send(evtchn_port_t port)
{
    note("event(%u) ", port);
    return 0;
}

void event_unmask(evtchn_port_t port)
{
    note("unmask(%u) ", port);
}

void work_schedule(struct work *work)
{
    note("schedule ");
}

/* ---- The rest of the driver, and copying ---- */

void vif_break(struct vif *v, const char *format, ...)
{
    if (!v->broken)
        note("break ");
    v->broken = true;
}

struct vif *vif_of_longest_backlog(void)
{
    return vif.first_waiting ? &vif : NULL;
}

void net_mark_dirty(struct net_port *port)
{
    port->is_dirty = true;
}

void net_flush(void)
{
    note("flush ");
    if (vif.port.is_dirty)
        vif_flush(&vif.port);
    vif.port.is_dirty = false;
}

void net_copy_reserve(void)
{
    note("packet: ");
}

unsigned int net_copy_mark(void)
{
    return copies;
}

/* The cursor counts what was copied of the packet. */
void net_copy(const struct net_packet *packet, struct net_cursor *cursor,
              const struct net_target *target, uint32_t length)
{
    const struct net_fragment *fragment = &packet->fragments[0];

    assert_int_equal(packet->fragment_count, 1);
    assert_int_equal(fragment->length, packet->length);
    assert_int_equal(target->domid, FRONT);
    assert_ptr_equal(target->port, &vif.port);
    assert_int_equal(cursor->fragment, 0);
    assert_in_range(length, 1, PAGE_SIZE);
    note("%u+%u@%u%s ", cursor->offset, length, target->ref, fragment->va ? "" : "!");
    cursor->offset += length;
    copies++;
}

bool net_copies_done(unsigned int first, unsigned int end)
{
    assert_int_equal(end, first + 1);
    return end != bad_copy;
}

bool net_copy_now(const struct net_packet *packet, uint8_t *to)
{
    if (no_copy)
        return false;
    memset(to, 0x5a, packet->length);
    return true;
}

/* ---- Packets ---- */

static int set_up(void **state)
{
    memset(&page, 0, sizeof(page));
    memset(&vif, 0, sizeof(vif));
    memset(vif.slots, 0xff, sizeof(vif.slots)); /* as they were used before */
    page.ring.req_event = page.ring.rsp_event = 1;
    BACK_RING_INIT(&vif.receive, &page.ring, PAGE_SIZE);
    vif.device = &device;
    vif.connected = vif.scatter_gather = true;
    vif.receive_port = PORT;
    vif.transmit_port = PORT + 1;
    notes[0] = '\0';
    copies = bad_copy = allocated = post_meanwhile = 0;
    no_memory = no_pages = no_copy = false;
    free_pages = 100000;
    return 0;
}

static int tear_down(void **state)
{
    vif_drop_waiting(&vif);
    assert_int_equal(vif.waiting_pages, 0);
    return allocated == 0 ? 0 : -1;
}

static uint8_t data[70000];

static struct net_packet packet_of(uint32_t length)
{
    return (struct net_packet){
        .fragments[0] = {.va = data, .length = length}, .fragment_count = 1, .length = length};
}

static void send(uint32_t length)
{
    struct net_packet packet = packet_of(length);

    vif_send(&vif.port, &packet);
}

static void flush(void)
{
    net_flush();
}

static void assert_answer(RING_IDX at, int status, unsigned int flags)
{
    const netif_rx_response_t *answer = &ring()->ring[at % SLOTS].rsp;

    assert_true(ring()->rsp_prod - at - 1 < SLOTS);
    assert_int_equal(answer->id, at % SLOTS + 1);
    assert_int_equal(answer->offset, 0);
    assert_int_equal(answer->flags, flags);
    assert_int_equal(answer->status, status);
}

/* ---- Tests ---- */

static void packets_go_into_pages(void **state)
{
    post(20);
    send(1);
    send(4096);
    send(4097);
    send(8192);
    assert_int_equal(ring()->rsp_prod, 0);
    flush();
    assert_noted("packet: 0+1@100 packet: 0+4096@101 packet: 0+4096@102 4096+1@103 "
                 "packet: 0+4096@104 4096+4096@105 flush event(5) ");
    assert_int_equal(ring()->rsp_prod, 6);
    assert_answer(0, 1, 0);
    assert_answer(1, 4096, 0);
    assert_answer(2, 4096, NETRXF_more_data);
    assert_answer(3, 1, 0);
    assert_answer(4, 4096, NETRXF_more_data);
    assert_answer(5, 4096, 0);
    assert_int_equal(vif.slot_count, 0);
    assert_int_equal(vif.port.counters.sent_packets, 4);
    assert_int_equal(vif.port.counters.sent_bytes, 1 + 4096 + 4097 + 8192);
    send(60);
    flush(); /* nobody asked for an event */
    assert_noted("packet: 0+60@106 flush ");
    ring()->rsp_event = 8;
    send(60);
    flush();
    assert_noted("packet: 0+60@107 flush event(5) ");
}

/* What the front end gets to know of a packet stands in its first slot. */
static void packets_have_flags(void **state)
{
    struct net_packet packet = packet_of(5000);
    const struct netif_extra_info *extra = (const struct netif_extra_info *)&ring()->ring[3];

    post(20);
    packet.csum_blank = true;
    vif_send(&vif.port, &packet);
    packet.csum_valid = true;
    packet.gso_size = 1;
    packet.gso_type = XEN_NETIF_GSO_TYPE_TCPV6;
    vif_send(&vif.port, &packet);
    packet.csum_blank = false;
    packet.gso_size = 0;
    packet.length = packet.fragments[0].length = 60;
    vif_send(&vif.port, &packet);
    flush();
    assert_answer(0, 4096, NETRXF_more_data | NETRXF_csum_blank | NETRXF_data_validated);
    assert_answer(1, 904, 0);
    assert_answer(2, 4096,
                  NETRXF_more_data | NETRXF_csum_blank | NETRXF_data_validated | NETRXF_extra_info);
    assert_int_equal(extra->type, XEN_NETIF_EXTRA_TYPE_GSO);
    assert_int_equal(extra->flags, 0);
    assert_int_equal(extra->u.gso.size, 1);
    assert_int_equal(extra->u.gso.type, XEN_NETIF_GSO_TYPE_TCPV6);
    assert_answer(4, 904, 0);
    assert_answer(5, 60, NETRXF_data_validated);
    assert_int_equal(ring()->rsp_prod, 6);
}

static void copies_may_fail(void **state)
{
    post(20);
    send(60);
    send(8000);
    send(60);
    bad_copy = 2;
    flush();
    assert_answer(0, 60, 0);
    assert_answer(1, NETIF_RSP_ERROR, NETRXF_more_data);
    assert_answer(2, 3904, 0);
    assert_answer(3, 60, 0);
    assert_int_equal(vif.port.counters.sent_errors, 1);
}

static void who_gets_nothing(void **state)
{
    post(20);
    vif.scatter_gather = false;
    send(4097);
    assert_int_equal(vif.port.counters.sent_dropped, 1);
    send(4096);
    vif.connected = false;
    send(60);
    assert_int_equal(vif.port.counters.sent_dropped, 2);
    vif.connected = true;
    vif.broken = true; /* after the packet of one page, which is not shown then */
    send(60);
    assert_int_equal(vif.port.counters.sent_dropped, 3);
    assert_noted("packet: 0+4096@100 ");
    flush();
    assert_noted("flush ");
    assert_int_equal(ring()->rsp_prod, 0);
    assert_int_equal(vif.slot_count, 0);
    vif.broken = false;
    ring()->req_prod = 1000;
    send(60);
    assert_true(vif.broken);
    assert_noted("break schedule "); /* it is kept until the vif is gone */
}

/* They keep their order, also when others come while some are passed on. */
static void packets_wait_in_order(void **state)
{
    struct net_packet large = packet_of(4096);

    send(61);
    assert_int_equal(ring()->req_event, 1);
    send(62);
    send(63);
    assert_int_equal(vif.waiting_pages, 3);
    assert_int_equal(allocated, 3);
    post(1);
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+61@100 flush event(5) unmask(5) ");
    assert_int_equal(vif.waiting_pages, 2);
    assert_int_equal(allocated, 2);
    large.gso_size = 1;
    large.gso_type = 1;
    large.csum_blank = true;
    vif_send(&vif.port, &large);
    send(4097);
    assert_int_equal(allocated, 2 + 1 + 2);
    post(1);
    send(64); /* there is a page, but others come first */
    assert_noted("");
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+62@101 flush unmask(5) ");
    post(2);
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+63@102 flush unmask(5) "); /* the next one needs two */
    assert_int_equal(ring()->req_event, 5);
    post(3);
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+4096@103 packet: 0+4096@105 4096+1@106 flush unmask(5) ");
    assert_answer(3, 4096, NETRXF_csum_blank | NETRXF_data_validated | NETRXF_extra_info);
    assert_answer(5, 4096, NETRXF_more_data);
    post(1);
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+64@107 flush unmask(5) ");
    assert_null(vif.first_waiting);
    assert_int_equal(allocated, 0);
    assert_int_equal(vif.port.counters.sent_packets, 6);
    send(65);
    post(1);
    vif_receive_run(&vif.receive_work);
    assert_non_null(strstr(notes, "packet: 0+65@108 "));
    assert_int_equal(vif.port.counters.sent_dropped, 0);
}

/* A page that comes while the packet is being kept is noticed. */
static void a_page_comes_in_between(void **state)
{
    post_meanwhile = 1;
    send(60);
    assert_noted("schedule ");
    vif_receive_run(&vif.receive_work);
    assert_noted("packet: 0+60@100 flush event(5) unmask(5) ");
    post_meanwhile = 1; /* but two are needed */
    send(5000);
    assert_noted("");
}

static void what_cannot_wait_is_dropped(void **state)
{
    send(1);
    assert_int_equal(allocated, 1);
    vif_drop_waiting(&vif);
    assert_int_equal(vif.port.counters.sent_dropped, 1);
    no_memory = true;
    send(1);
    no_memory = false;
    no_pages = true;
    send(1);
    no_pages = false;
    no_copy = true;
    send(1);
    no_copy = false;
    free_pages = 2047;
    send(1);
    assert_int_equal(vif.port.counters.sent_dropped, 5);
    assert_int_equal(allocated, 0);
    assert_null(vif.first_waiting);
    free_pages = 2048;
    send(1);
    assert_int_equal(allocated, 1);
    assert_noted("");
    /* 256 pages may wait. */
    for (unsigned int i = 0; i < 17; i++)
        send(15 * 4096);
    send(1);
    assert_int_equal(allocated, 1 + 17 * 15);
    assert_int_equal(vif.port.counters.sent_dropped, 6);
}

static void an_impossible_index(void **state)
{
    send(60);
    ring()->req_prod = 257;
    vif_receive_run(&vif.receive_work);
    assert_noted("break flush ");
    assert_int_equal(ring()->rsp_prod, 0);
    assert_int_equal(vif.waiting_pages, 1);
    vif_receive_run(&vif.receive_work);
    assert_noted("flush ");
    vif.broken = vif.connected = false;
    vif_receive_run(&vif.receive_work);
    assert_noted("flush ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packets_go_into_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_have_flags, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gets_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_wait_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_page_comes_in_between, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_wait_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_impossible_index, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("network pages", tests, NULL, NULL);
}
