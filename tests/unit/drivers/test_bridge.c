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
#define CARD  3 /* the port with a whole LAN behind it */

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
    memset(ports, 0, sizeof(ports));
    for (unsigned int i = 0; i < PORTS; i++) {
        ports[i].carrier = true;
        ports[i].mac[5] = (uint8_t)(i + 1);
        assert_int_equal(
            bridge_add(&ports[i], i == CARD ? BRIDGE_ADDRESSES_OF_CARD : BRIDGE_ADDRESSES_OF_VIF),
            0);
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
    assert_null(bridge_lookup(mac));
    bridge_remove(&ports[1]); /* which is not in it */
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

/* The port behind which a host was heard of, or PORTS. */
static unsigned int port_of(unsigned int number)
{
    uint8_t mac[MAC_SIZE];
    struct net_port *port;

    host(mac, number);
    port = bridge_lookup(mac);
    return port ? (unsigned int)(port - ports) : PORTS;
}

static unsigned int known(unsigned int port, unsigned int first, unsigned int count)
{
    unsigned int sum = 0;

    for (unsigned int i = first; i < first + count; i++)
        sum += port_of(i) == port;
    return sum;
}

/* What is sent to any host of a large LAN goes there, and to no domain. */
static void a_card_has_a_large_lan(void **state)
{
    for (unsigned int i = 0; i < BRIDGE_ADDRESSES_OF_CARD; i++)
        frame(CARD, 1000 + i, 0xff);
    assert_int_equal(known(CARD, 1000, BRIDGE_ADDRESSES_OF_CARD), BRIDGE_ADDRESSES_OF_CARD);
    frame(0, 1, 1000);
    assert_sent(0, 0, 0, 1);
}

/*
 * However many addresses somebody makes up behind a port, the bridge learns those that come after
 * them, keeps those that are in use, and keeps all that lie behind other ports.
 */
static void a_flood_of_addresses_pushes_nobody_out(void **state)
{
    static const unsigned int room[PORTS] = {BRIDGE_ADDRESSES_OF_VIF, BRIDGE_ADDRESSES_OF_VIF,
                                             BRIDGE_ADDRESSES_OF_VIF, BRIDGE_ADDRESSES_OF_CARD};

    for (unsigned int port = 0; port < PORTS; port++)
        frame(port, 1 + port, 0xff);
    for (unsigned int port = 0; port < PORTS; port++) {
        unsigned int first = 1000 + 10000 * port, count = 2 * room[port];

        for (unsigned int i = 0; i < count; i++) {
            frame(port, first + i, 0xff);
            if (i % (room[port] / 2) == 0)
                frame(port, 1 + port, 0xff);
        }
        assert_int_equal(known(port, first, count), room[port] - 1);
        assert_int_equal(port_of(first + count - 1), port);
        frame(port, 500 + port, 0xff);
        assert_int_equal(port_of(500 + port), port);
    }
    for (unsigned int port = 0; port < PORTS; port++) {
        assert_int_equal(port_of(1 + port), port);
        assert_int_equal(port_of(500 + port), port);
    }
}

/* Every domain may flood: there is room for each of them, and for those that come later. */
static void each_port_has_its_own_room(void **state)
{
    static struct net_port more[40];

    for (unsigned int p = 0; p < 40; p++) {
        more[p] = (struct net_port){.carrier = false};
        assert_int_equal(bridge_add(&more[p], BRIDGE_ADDRESSES_OF_VIF), 0);
        for (unsigned int i = 0; i < BRIDGE_ADDRESSES_OF_VIF; i++) {
            uint8_t header[ETHERNET_HEADER];
            struct net_packet packet = {.fragments[0] = {.va = header, .length = sizeof(header)},
                                        .fragment_count = 1,
                                        .length = sizeof(header),
                                        .from = &more[p]};

            host(header, 0xff);
            host(header + MAC_SIZE, 1000 + BRIDGE_ADDRESSES_OF_VIF * p + i);
            more[p].input(&more[p], &packet);
        }
    }
    frame(0, 1, 0xff);
    assert_int_equal(port_of(1), 0);
    for (unsigned int p = 0; p < 40; p++) {
        uint8_t mac[MAC_SIZE];

        for (unsigned int i = 0; i < BRIDGE_ADDRESSES_OF_VIF; i++) {
            host(mac, 1000 + BRIDGE_ADDRESSES_OF_VIF * p + i);
            assert_ptr_equal(bridge_lookup(mac), &more[p]);
        }
        bridge_remove(&more[p]);
        assert_null(bridge_lookup(mac));
    }
}

/* The entry of a host that has moved is free for the next host of its old port. */
static void a_host_moves_to_a_full_port(void **state)
{
    for (unsigned int i = 0; i < BRIDGE_ADDRESSES_OF_VIF; i++) {
        frame(0, 1000 + i, 0xff);
        frame(1, 2000 + i, 0xff);
    }
    frame(0, 2010, 0xff);
    assert_int_equal(port_of(2010), 0);
    assert_int_equal(port_of(1000), PORTS);
    assert_int_equal(known(0, 1001, BRIDGE_ADDRESSES_OF_VIF - 1), BRIDGE_ADDRESSES_OF_VIF - 1);
    frame(1, 3, 0xff);
    assert_int_equal(port_of(3), 1);
    assert_int_equal(port_of(2010), 0);
    assert_int_equal(known(1, 2000, BRIDGE_ADDRESSES_OF_VIF), BRIDGE_ADDRESSES_OF_VIF - 1);
    frame(1, 4, 0xff);
    assert_int_equal(port_of(2000), PORTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(learns_where_hosts_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgets_what_is_old_and_what_went, set_up, tear_down),
        cmocka_unit_test_setup_teardown(passes_nothing_where_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drops_false_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_card_has_a_large_lan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_of_addresses_pushes_nobody_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_port_has_its_own_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_host_moves_to_a_full_port, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("bridge", tests, NULL, NULL);
}
