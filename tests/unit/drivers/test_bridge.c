/* SPDX-License-Identifier: MIT */
/* The learning bridge, between ports that only count. */
/* SOURCES: pv-guest/drivers/bridge.c */
/* CFLAGS: -idirafter pv-guest/include */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <clock.h>
#include <drivers/bridge.h>

#define PORTS 4

static struct net_port ports[PORTS];
static unsigned int sent[PORTS];
static uint64_t now = 1000 * NANOSECONDS_PER_SECOND;

uint64_t clock_now(void)
{
    return now;
}

void net_send(struct net_port *port, const struct net_packet *packet)
{
    assert_ptr_not_equal(port, packet->from);
    sent[port - ports]++;
}

static int set_up(void **state)
{
    now += 10 * NANOSECONDS_PER_SECOND; /* a look for old entries is due */
    memset(ports, 0, sizeof(ports));
    for (unsigned int i = 0; i < PORTS; i++) {
        ports[i].carrier = true;
        ports[i].mac[5] = (uint8_t)(i + 1);
        bridge_add(&ports[i]);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (unsigned int i = 0; i < PORTS; i++)
        bridge_remove(&ports[i]);
    return 0;
}

/* Hosts are numbers: 1 is 00:00:00:00:00:01. 0xff is everybody. */
static void host(uint8_t *mac, unsigned int number)
{
    memset(mac, number == 0xff ? 0xff : 0, MAC_SIZE);
    if (number != 0xff) {
        mac[4] = (uint8_t)(number >> 8);
        mac[5] = (uint8_t)number;
    }
}

static void frame(unsigned int port, unsigned int from, unsigned int to)
{
    uint8_t header[ETHERNET_HEADER] = {0};
    struct net_packet packet = {.fragments[0] = {.va = header, .length = sizeof(header)},
                                .fragment_count = 1,
                                .length = sizeof(header),
                                .from = &ports[port]};

    host(header, to);
    host(header + MAC_SIZE, from);
    memset(sent, 0, sizeof(sent));
    ports[port].input(&ports[port], &packet);
}

#define assert_sent(a, b, c, d)                                  \
    do {                                                         \
        const unsigned int expected_[PORTS] = {a, b, c, d};      \
        assert_memory_equal(sent, expected_, sizeof(expected_)); \
    } while (0)

static void learns_where_hosts_are(void **state)
{
    frame(0, 1, 2);
    assert_sent(0, 1, 1, 1);
    frame(1, 2, 1);
    assert_sent(1, 0, 0, 0);
    frame(0, 1, 2);
    assert_sent(0, 1, 0, 0);
    frame(2, 3, 0xff);
    assert_sent(1, 1, 0, 1);
    frame(0, 5, 1); /* both on the same side */
    assert_sent(0, 0, 0, 0);
    frame(3, 2, 1); /* host 2 moves */
    assert_sent(1, 0, 0, 0);
    frame(0, 1, 2);
    assert_sent(0, 0, 0, 1);
}

static void forgets_what_is_old_and_what_went(void **state)
{
    uint8_t mac[MAC_SIZE];

    host(mac, 2);
    frame(1, 2, 1);
    now += BRIDGE_AGEING_SECONDS * NANOSECONDS_PER_SECOND;
    assert_ptr_equal(bridge_lookup(mac), &ports[1]);
    now += 1;
    assert_null(bridge_lookup(mac));
    frame(0, 1, 2);
    assert_sent(0, 1, 1, 1);
    frame(1, 2, 1);
    bridge_remove(&ports[1]);
    assert_int_equal(ports[1].addresses, 0);
    frame(0, 1, 2);
    assert_sent(0, 0, 1, 1);
}

static void passes_nothing_where_nobody_listens(void **state)
{
    ports[2].carrier = false;
    frame(0, 1, 0xff);
    assert_sent(0, 1, 0, 1);
}

static void drops_false_addresses(void **state)
{
    uint8_t header[ETHERNET_HEADER] = {0x01, 0x80, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 9};
    struct net_packet packet = {.fragments[0] = {.va = header, .length = sizeof(header)},
                                .fragment_count = 1,
                                .length = sizeof(header)};

    frame(0, 0xff, 2); /* from everybody */
    assert_sent(0, 0, 0, 0);
    ports[0].input(&ports[0], &packet); /* between bridges */
    assert_sent(0, 0, 0, 0);
    assert_int_equal(ports[0].counters.received_dropped, 2);
    ports[0].only_own_mac = true;
    frame(0, 2, 0xff);
    assert_sent(0, 0, 0, 0);
    frame(0, 1, 0xff);
    assert_sent(0, 1, 1, 1);
    assert_int_equal(ports[0].counters.received_dropped, 3);
}

static void a_flood_of_addresses_pushes_nobody_out(void **state)
{
    uint8_t mac[MAC_SIZE];

    frame(1, 2, 0xff);
    for (unsigned int i = 0; i < 5000; i++)
        frame(0, 1000 + i, 0xff);
    assert_int_equal(ports[0].addresses, BRIDGE_ADDRESSES_OF_PORT);
    host(mac, 2);
    assert_ptr_equal(bridge_lookup(mac), &ports[1]);
    frame(0, 2, 0xff); /* nor does it take over a host, being full */
    assert_ptr_equal(bridge_lookup(mac), &ports[1]);
    now += (BRIDGE_AGEING_SECONDS + 1) * NANOSECONDS_PER_SECOND;
    frame(0, 7, 0xff);
    assert_int_equal(ports[0].addresses, 1);
}

/*
 * A host moves to a port that is full of old entries, and its own entry is old: looking for old
 * entries makes room, and takes back the very entry that the host had.
 */
static void a_host_moves_to_a_port_full_of_old_entries(void **state)
{
    uint8_t mac[MAC_SIZE];

    host(mac, 2);
    frame(1, 2, 0xff);
    for (unsigned int i = 0; i < BRIDGE_ADDRESSES_OF_PORT; i++)
        frame(0, 1000 + i, 0xff);
    now += (BRIDGE_AGEING_SECONDS + 1) * NANOSECONDS_PER_SECOND;
    frame(0, 2, 0xff);
    assert_int_equal(ports[0].addresses, 1);
    assert_int_equal(ports[1].addresses, 0);
    assert_ptr_equal(bridge_lookup(mac), &ports[0]);
    frame(1, 3, 0xff); /* port 1 still learns, and host 3 does not get the entry of host 2 */
    assert_int_equal(ports[1].addresses, 1);
    assert_ptr_equal(bridge_lookup(mac), &ports[0]);
    host(mac, 3);
    assert_ptr_equal(bridge_lookup(mac), &ports[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(learns_where_hosts_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_what_is_old_and_what_went, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passes_nothing_where_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_false_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_addresses_pushes_nobody_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_moves_to_a_port_full_of_old_entries, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
