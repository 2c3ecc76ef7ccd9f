/* SPDX-License-Identifier: MIT */
/*
 * The network back driver from the front end to the bridge: which bytes are fetched from where, the
 * packets that come of it, what is answered, when it stops, and the credit of a limited rate. Ring
 * and driver are real, what is around them notes what it is asked.
 */
/* SOURCES: pv-guest/drivers/netback_transmit.c pv-guest/drivers/netback_ring.c */
/* SOURCES: tests/unit/drivers/notes.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <clock.h>
#include <events.h>
#include <thread.h>

#include <drivers/netback_internal.h>

#include "notes.h"

#define FRONT 7
#define PORT  5
#define SLOTS 256u

static union {
    netif_tx_sring_t ring;
    uint8_t bytes[PAGE_SIZE];
} page __attribute__((aligned(PAGE_SIZE)));

static struct split_device device = {.other = FRONT};
static struct vif vif;
static unsigned int inputs, fetches;
static uint64_t now, input_bytes;
static grant_ref_t bad; /* this reference cannot be copied from, for the reason in `bad_status` */
static int16_t bad_status;
static bool no_pages;
static void (*called)(struct split_device *device);

/* ---- The kernel ---- */

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void *pages_alloc(unsigned long count)
{
    assert_int_equal(count, 2); /* 64 headers of 128 bytes */
    return no_pages ? NULL : aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pages_free(void *pages, unsigned long count)
{
    free(pages);
}

uint64_t clock_now(void)
{
    return now;
}

void thread_sleep(uint64_t nanoseconds)
{
    note("sleep(%llu) ", (unsigned long long)nanoseconds);
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
    assert_ptr_equal(work, &vif.transmit_work);
    note("again ");
}

void split_call(struct split_device *d, void (*function)(struct split_device *device))
{
    assert_ptr_equal(d, &device);
    called = function;
    note("call ");
}

void vif_break(struct vif *v, const char *format, ...)
{
    char text[120];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    note("break(%s) ", text);
    v->broken = true;
}

/* Puts into each byte which one of its page it is. */
void grant_copy_batch(struct gnttab_copy *ops, unsigned int count)
{
    fetches += count;
    for (unsigned int i = 0; i < count; i++) {
        uint8_t *to = (uint8_t *)pfn_to_va(ops[i].dest.u.gmfn) + ops[i].dest.offset;

        assert_int_equal(ops[i].flags, GNTCOPY_source_gref);
        assert_int_equal(ops[i].source.domid, FRONT);
        assert_int_equal(ops[i].dest.domid, DOMID_SELF);
        assert_in_range(ops[i].source.offset + ops[i].len, 1, PAGE_SIZE);
        assert_in_range(ops[i].dest.offset + ops[i].len, 1, PAGE_SIZE);
        assert_int_equal(ops[i].status, GNTST_okay);
        if (ops[i].source.u.ref == bad)
            ops[i].status = bad_status;
        else
            for (unsigned int j = 0; j < ops[i].len; j++)
                to[j] = (uint8_t)(ops[i].source.u.ref * 16 + ops[i].source.offset + j);
    }
}

/* ---- The bridge ---- */

static bool brief; /* packets are only counted */

void net_input(struct net_port *port, struct net_packet *packet)
{
    uint32_t length = 0;

    assert_ptr_equal(port, &vif.port);
    inputs++;
    input_bytes += packet->length;
    for (unsigned int i = 0; i < packet->fragment_count; i++) {
        assert_true((packet->fragments[i].va != NULL) == (i == 0));
        length += packet->fragments[i].length;
    }
    assert_int_equal(length, packet->length);
    if (brief)
        return;
    note("packet(%u", packet->length);
    for (unsigned int i = 0; i < packet->fragment_count; i++) {
        const struct net_fragment *f = &packet->fragments[i];

        if (i == 0) {
            note(" %u:%u..%u", f->length, f->va[0], f->va[f->length - 1]);
            continue;
        }
        assert_int_equal(f->domid, FRONT);
        note(" %u@%u+%u", f->length, f->ref, f->offset);
    }
    note("%s%s", packet->csum_blank ? " blank" : "", packet->csum_valid ? " valid" : "");
    if (packet->gso_size)
        note(" gso %u/%u", packet->gso_size, packet->gso_type);
    note(") ");
}

void net_flush(void)
{
    note("flush ");
}

/* ---- The front end ---- */

static int set_up(void **state)
{
    memset(&page, 0, sizeof(page));
    memset(&vif, 0, sizeof(vif));
    page.ring.req_event = page.ring.rsp_event = 1;
    BACK_RING_INIT(&vif.transmit, &page.ring, PAGE_SIZE);
    vif.device = &device;
    vif.connected = true;
    vif.transmit_port = PORT;
    device.driver_data = &vif;
    notes[0] = '\0';
    inputs = fetches = 0;
    input_bytes = 0;
    bad = 0;
    bad_status = GNTST_bad_gntref;
    now = 1000000;
    brief = no_pages = false;
    called = NULL;
    return 0;
}

static netif_tx_sring_t *ring(void)
{
    return (netif_tx_sring_t *)page.bytes;
}

/* A slot; the reference is its number in the ring and one more. */
static void put(uint16_t flags, uint16_t offset, uint16_t size)
{
    RING_IDX at = ring()->req_prod++;

    ring()->ring[at % SLOTS].req = (netif_tx_request_t){.gref = at + 1,
                                                        .offset = offset,
                                                        .flags = flags,
                                                        .id = (uint16_t)(at % SLOTS),
                                                        .size = size};
}

static void put_extra(uint8_t type, uint16_t size, uint8_t gso)
{
    struct netif_extra_info extra = {.type = type, .u.gso = {.size = size, .type = gso}};

    memcpy(&ring()->ring[ring()->req_prod++ % SLOTS], &extra, sizeof(extra));
}

static void run(void)
{
    vif_transmit_run(&vif.transmit_work);
}

static int status_of(RING_IDX index)
{
    assert_true(ring()->rsp_prod - index - 1 < SLOTS);
    return ring()->ring[index % SLOTS].rsp.status;
}

/* ---- Packets ---- */

/* The first 128 bytes are fetched, wherever they are; what is left stays where it is. */
static void headers_are_fetched(void **state)
{
    put(0, 10, 60);                     /* reference 1: all of it */
    put(NETTXF_data_validated, 0, 128); /* 2: all of it */
    put(NETTXF_csum_blank, 50, 129);    /* 3: but the last byte */
    run();
    assert_noted("packet(60 60:26..85) packet(128 128:32..159 valid) "
                 "packet(129 128:98..225 1@3+178 blank valid) flush event(5) unmask(5) ");
    assert_int_equal(fetches, 3);
    assert_int_equal(ring()->rsp_prod, 3);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(status_of(i), NETIF_RSP_OKAY);
    /* Pieces: of 100 and 28 and 3 bytes; of 20, none, and 200. */
    put(NETTXF_more_data, 0, 131);
    put(NETTXF_more_data, 200, 28);
    put(0, 7, 3);
    put(NETTXF_more_data, 1, 220);
    put(NETTXF_more_data, 9, 0);
    put(0, 4, 200);
    run();
    assert_noted("packet(131 128:64..51 3@6+7) packet(220 128:113..255 92@9+112) flush "
                 "unmask(5) ");
    assert_int_equal(fetches, 3 + 4);
    put(NETTXF_more_data, 0, 4096);
    put(0, 0, 4000);
    run();
    assert_noted("packet(4096 128:160..207 3968@11+32) flush unmask(5) ");
}

static void one_packet_is_fetched_and_answered(void **state)
{
    put(NETTXF_more_data, 0, 100); /* 33 bytes, and 67 */
    put(0, 3, 67);
    run();
    assert_noted("packet(100 100:16..101) flush event(5) unmask(5) ");
    put(0, 5, 70);
    run();
    assert_noted("packet(70 70:53..122) flush unmask(5) ");
    assert_int_equal(ring()->rsp_prod, 3);
    assert_int_equal(status_of(2), NETIF_RSP_OKAY);
}

static void kinds_of_packets(void **state)
{
    put(NETTXF_extra_info, 0, 64);
    put_extra(XEN_NETIF_EXTRA_TYPE_GSO, 1, XEN_NETIF_GSO_TYPE_TCPV6);
    put(0, 0, 13); /* shorter than a frame's header */
    put(NETTXF_extra_info, 0, 64);
    put_extra(XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0);
    put(0, 0, 64);
    run();
    assert_noted("packet(64 64:16..79 blank valid gso 1/2) packet(64 64:96..159) flush "
                 "event(5) unmask(5) ");
    assert_int_equal(status_of(0), NETIF_RSP_OKAY);
    assert_int_equal(status_of(1), NETIF_RSP_NULL);
    assert_int_equal(status_of(2), NETIF_RSP_ERROR);
    assert_int_equal(status_of(3), NETIF_RSP_ERROR);
    assert_int_equal(status_of(4), NETIF_RSP_NULL);
    assert_int_equal(status_of(5), NETIF_RSP_OKAY);
    assert_int_equal(vif.port.counters.received_errors, 1); /* multicast is no error */
    assert_int_equal(fetches, 2);
    run(); /* nothing is there */
    assert_noted("flush unmask(5) ");
    assert_int_equal(ring()->rsp_prod, 6);
}

static void enemies(void **state)
{
    put(0, 0, 64);
    put(0, 0, 65);
    put(0, 0, 66);
    bad = 2;
    run();
    assert_noted("packet(64 64:16..79) break(cannot copy from grant reference 2 that it "
                 "transmits) flush ");
    assert_int_equal(ring()->rsp_prod, 0);
    run(); /* it is not looked at again */
    assert_noted("");
    set_up(NULL);
    put(0, 0, 64);
    put(0, 4000, 97);
    run();
    assert_noted("break(a piece that crosses the end of its page) flush ");
    set_up(NULL);
    vif.connected = false;
    put(0, 0, 64);
    run();
    assert_noted("");
}

/* A packet is lost when the hypervisor is short of memory; its sender and the next ones are not. */
static void what_cannot_be_copied_now_is_dropped(void **state)
{
    static const int16_t statuses[] = {GNTST_eagain, GNTST_no_device_space};

    for (unsigned int i = 0; i < 2; i++) {
        set_up(NULL);
        put(0, 0, 64);
        put(NETTXF_more_data, 0, 80);
        put(0, 0, 16);
        put(0, 0, 66);
        bad = 2;
        bad_status = statuses[i];
        run();
        assert_noted("packet(64 64:16..79) packet(66 66:64..129) flush event(5) unmask(5) ");
        assert_false(vif.broken);
        assert_int_equal(vif.port.counters.received_dropped, 1);
        assert_int_equal(ring()->rsp_prod, 4);
        assert_int_equal(status_of(0), NETIF_RSP_OKAY);
        assert_int_equal(status_of(1), NETIF_RSP_ERROR);
        assert_int_equal(status_of(2), NETIF_RSP_ERROR);
        assert_int_equal(status_of(3), NETIF_RSP_OKAY);
    }
}

/* ---- The end of a round ---- */

static void a_batch_is_bounded(void **state)
{
    brief = true;
    for (unsigned int i = 0; i < 65; i++)
        put(0, 0, 64);
    run();
    assert_int_equal(inputs, 64);
    assert_noted("flush event(5) again unmask(5) ");
    run();
    assert_int_equal(inputs, 65);
    assert_noted("flush unmask(5) ");
    /* 128 fetches, of which a packet may need 18. */
    set_up(NULL);
    brief = true;
    for (unsigned int i = 0; i < 80; i++)
        put(i % 2 ? 0 : NETTXF_more_data, 0, i % 2 ? 10 : 64);
    run();
    assert_int_equal(inputs, 40);
    set_up(NULL);
    brief = true;
    for (unsigned int i = 0; i < 14 * 18; i++)
        put(i % 18 < 17 ? NETTXF_more_data : 0, 0, i % 18 ? 2 : 64);
    run();
    assert_int_equal(inputs, 7);
    assert_int_equal(fetches, 7 * 18);
    /* 256 KiB: it ends behind the packet that fills them. */
    set_up(NULL);
    brief = true;
    for (unsigned int i = 0; i < 16 * 10; i++)
        put(i % 16 < 15 ? NETTXF_more_data : 0, 0, i % 16 ? 4096 : 65535);
    run();
    assert_int_equal(inputs, 5);
    set_up(NULL);
    brief = true;
    for (unsigned int i = 0; i < 16 * 10; i++)
        put(i % 16 < 15 ? NETTXF_more_data : 0, 0, (uint16_t)(i % 16 ? 2048 : 32768));
    run();
    assert_int_equal(inputs, 8);
    /* One byte less, and there is another. */
    set_up(NULL);
    brief = true;
    for (unsigned int i = 0; i < 16 * 10; i++)
        put(i % 16 < 15 ? NETTXF_more_data : 0, 0,
            (uint16_t)(i % 16 ? 2047 : 32768 - (i / 16 == 7)));
    run();
    assert_int_equal(inputs, 9);
}

static void a_round_without_memory(void **state)
{
    no_pages = true;
    put(0, 0, 64);
    run();
    assert_noted("unmask(5) ");
    assert_int_equal(ring()->rsp_prod, 0);
}

/* ---- The rate ---- */

static void limit(uint64_t bytes, uint64_t interval)
{
    vif.rate = bytes;
    vif.interval = interval;
    vif.credit_since = now;
    brief = true;
}

static void put_many(unsigned int count, uint16_t size)
{
    while (count-- > 0)
        put(0, 0, size);
}

static void credit_comes_with_time(void **state)
{
    limit(1000, 500);
    put_many(50, 400);
    run();
    assert_int_equal(inputs, 0);
    assert_noted("flush call unmask(5) ");
    now += 499;
    called(&device);
    assert_noted("sleep(1) again ");
    run();
    assert_int_equal(inputs, 0);
    now++;
    notes[0] = '\0';
    called(&device); /* it is time */
    assert_noted("again ");
    run();
    assert_int_equal(inputs, 3); /* the third with 200 left, so 200 are owed */
    assert_int_equal(vif.credit, -200);
    notes[0] = '\0';
    called(&device);
    assert_noted("sleep(500) again ");
    now += 499;
    run();
    assert_int_equal(inputs, 3);
    now += 1;
    run();
    assert_int_equal(inputs, 5); /* of 800 */
    assert_int_equal(vif.credit, 0);
    /* What is not used is not kept; and intervals begin where the last one ended. */
    now += 5 * 500 + 499;
    run();
    assert_int_equal(inputs, 8);
    assert_int_equal(vif.credit, -200);
    now += 1;
    run();
    assert_int_equal(inputs, 10);
    /* The last byte of credit is enough for a packet; what it owes is made up for then. */
    set_up(NULL);
    limit(10, 100);
    vif.credit = -9;
    now += 100;
    put_many(1, 400);
    run();
    assert_int_equal(inputs, 1);
    set_up(NULL);
    limit(1000, 500);
    vif.credit = 1;
    now += 500;
    put_many(1, 400);
    run();
    assert_int_equal(vif.credit, 601);
    /* Who is gone is not continued with. */
    put_many(1, 1000);
    put_many(1, 400);
    run();
    vif.connected = false;
    notes[0] = '\0';
    called(&device);
    assert_noted("");
}

static void credit_after_a_long_time(void **state)
{
    limit(1ull << 40, 1000);
    put_many(3, 400);
    now += 1000001ull * 1000;
    run();
    assert_int_equal(inputs, 3);
    assert_int_equal(vif.credit, (1LL << 40) - 1200);
    /* A debt is paid by as many intervals as it takes. */
    set_up(NULL);
    limit(10, 100);
    put_many(3, 1000);
    now += 100;
    run();
    assert_int_equal(inputs, 1);
    assert_int_equal(vif.credit, -990);
    now += 99 * 100;
    run();
    assert_int_equal(inputs, 1);
    assert_int_equal(vif.credit, 0);
    now += 100;
    run();
    assert_int_equal(inputs, 2);
    assert_int_equal(vif.credit, -990);
    now += 1001 * 100; /* more intervals than are counted */
    vif.credit = -50;
    run();
    assert_int_equal(vif.credit, -40);
    now += 1000 * 100;
    vif.credit = -9995;
    run();
    assert_int_equal(inputs, 3);
    assert_int_equal(vif.credit, 5 - 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First, since the pages of headers are kept. */
        cmocka_unit_test_setup(a_round_without_memory, set_up),
        cmocka_unit_test_setup(headers_are_fetched, set_up),
        cmocka_unit_test_setup(one_packet_is_fetched_and_answered, set_up),
        cmocka_unit_test_setup(kinds_of_packets, set_up),
        cmocka_unit_test_setup(enemies, set_up),
        cmocka_unit_test_setup(what_cannot_be_copied_now_is_dropped, set_up),
        cmocka_unit_test_setup(a_batch_is_bounded, set_up),
        cmocka_unit_test_setup(credit_comes_with_time, set_up),
        cmocka_unit_test_setup(credit_after_a_long_time, set_up),
    };

    return cmocka_run_group_tests_name("network transmission", tests, NULL, NULL);
}
