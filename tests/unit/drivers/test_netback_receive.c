/* SPDX-License-Identifier: MIT */
/*
 * The network back driver's backlog: vifs whose front ends take nothing, and what they leave to one
 * that does.
 */
/* SOURCES: pv-guest/drivers/netback_receive.c pv-guest/drivers/netback_ring.c */
/* SOURCES: tests/host/guest/net_copy.c */
/* CFLAGS: -include pv-guest/include/memory.h -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <events.h>

#include <drivers/netback_internal.h>

#define VIFS   8u
#define LENGTH 1500u
#define ALL    1024u /* packets of a page that wait at most */

static union {
    netif_rx_sring_t receive;
    uint8_t bytes[PAGE_SIZE];
} pages[VIFS] __attribute__((aligned(PAGE_SIZE)));

static struct split_device devices[VIFS];
static struct vif vifs[VIFS];
static unsigned int allocated, unmasked;

/* ---- The kernel ---- */

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn;
}

void *pages_alloc(unsigned long count)
{
    allocated += (unsigned int)count;
    return aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
}

void pages_free(void *page, unsigned long count)
{
    allocated -= (unsigned int)count;
    free(page);
}

unsigned long memory_free_pages(void)
{
    return 100000;
}

int event_send(evtchn_port_t port)
{
    return 0;
}

void event_unmask(evtchn_port_t port)
{
    unmasked++;
}

void work_schedule(struct work *work)
{
    work->scheduled = true;
}

/* ---- The rest of the driver ---- */

void vif_break(struct vif *vif, const char *format, ...)
{
    vif->broken = true;
}

struct vif *vif_of_longest_backlog(void)
{
    struct vif *longest = &vifs[0];

    for (unsigned int i = 1; i < VIFS; i++)
        if (vifs[i].waiting_pages > longest->waiting_pages)
            longest = &vifs[i];
    return longest->first_waiting ? longest : NULL;
}

void net_mark_dirty(struct net_port *port)
{
    port->is_dirty = true;
}

void net_flush(void)
{
    for (unsigned int i = 0; i < VIFS; i++)
        if (vifs[i].port.is_dirty)
            vif_flush(&vifs[i].port);
}

/* ---- Tests ---- */

static int set_up(void **state)
{
    memset(pages, 0, sizeof(pages));
    memset(vifs, 0, sizeof(vifs));
    for (unsigned int i = 0; i < VIFS; i++) {
        vifs[i].device = &devices[i];
        vifs[i].connected = true;
        vifs[i].receive_port = (int)i + 10;
        BACK_RING_INIT(&vifs[i].receive, &pages[i].receive, PAGE_SIZE);
    }
    unmasked = 0;
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned int i = 0; i < VIFS; i++)
        vif_drop_waiting(&vifs[i]);
    return allocated == 0 ? 0 : -1;
}

static void send(unsigned int to, unsigned int count)
{
    const struct net_packet packet = {.length = LENGTH};

    while (count-- > 0)
        vif_send(&vifs[to].port, &packet);
}

static void post(unsigned int vif, unsigned int count)
{
    pages[vif].receive.req_prod += count;
    vif_receive_run(&vifs[vif].receive_work);
}

static void a_backlog_is_bounded_and_handed_over(void **state)
{
    send(0, ALL);
    assert_int_equal(allocated, ALL / 4);
    assert_int_equal(vifs[0].port.counters.sent_dropped, ALL - ALL / 4);
    post(0, 100);
    assert_int_equal(vifs[0].port.counters.sent_packets, 100);
    assert_int_equal(allocated, ALL / 4 - 100);
}

static void who_takes_nothing_leaves_others_their_share(void **state)
{
    for (unsigned int i = 0; i < 4; i++)
        send(i, ALL);
    assert_int_equal(allocated, ALL);
    send(4, ALL);
    assert_in_range(vifs[4].waiting_pages, ALL / 5, ALL / 5 + 1);
    for (unsigned int i = 5; i < VIFS; i++)
        send(i, ALL);
    for (unsigned int i = 0; i < VIFS; i++)
        assert_in_range(vifs[i].waiting_pages, ALL / VIFS, ALL / VIFS + 1);
    assert_int_equal(allocated, ALL);
    /* What is left goes through when there are empty pages again. */
    post(0, ALL / VIFS);
    assert_int_equal(vifs[0].port.counters.sent_packets, ALL / VIFS);
    send(0, 1);
    assert_int_equal(allocated, ALL - ALL / VIFS + 1);
}

/* Its front end is asked for as many pages as the packet needs that is first now. */
static void who_gives_way_looks_at_its_ring_again(void **state)
{
    const struct net_packet large = {.length = 17 * PAGE_SIZE};
    unsigned int scheduled = 0;

    for (unsigned int i = 0; i < 4; i++)
        vifs[i].scatter_gather = true;
    for (unsigned int i = 0; i < 4; i++)
        for (unsigned int j = 0; j < ALL; j++)
            vif_send(&vifs[i].port, &large);
    assert_int_equal(pages[0].receive.req_event, 17);
    for (unsigned int i = 0; i < 4; i++)
        send(i, ALL);
    assert_int_equal(allocated, ALL);
    send(4, 1);
    for (unsigned int i = 0; i < 4; i++) {
        assert_int_equal(vifs[i].receive_work.scheduled, vifs[i].waiting_pages < ALL / 4);
        scheduled += vifs[i].receive_work.scheduled;
    }
    assert_int_equal(scheduled, 1);
}

static void a_port_of_its_own_is_unmasked_after_its_work(void **state)
{
    vif_receive_run(&vifs[0].receive_work);
    assert_int_equal(unmasked, 1);
    vifs[0].transmit_port = vifs[0].receive_port;
    vif_receive_run(&vifs[0].receive_work);
    vifs[1].broken = true;
    vif_receive_run(&vifs[1].receive_work);
    vifs[2].connected = false;
    vif_receive_run(&vifs[2].receive_work);
    assert_int_equal(unmasked, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_backlog_is_bounded_and_handed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_takes_nothing_leaves_others_their_share, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_gives_way_looks_at_its_ring_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_of_its_own_is_unmasked_after_its_work, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("network backlogs", tests, NULL, NULL);
}
