/* SPDX-License-Identifier: MIT */
/*
 * The learning bridge: a list of ports and a hash table of addresses. An entry is found by the
 * address' hash in a chain of its bucket; entries come from a fixed array, those that are too old
 * are taken back when none is free.
 */
#include <clock.h>
#include <string.h>

#include <drivers/bridge.h>

#define BUCKETS 256u

struct address {
    uint8_t mac[MAC_SIZE];
    uint16_t next; /* in its bucket, or in the free list */
    struct net_port *port;
    uint64_t heard; /* clock_now() */
};

static struct net_port *ports;
static struct address addresses[BRIDGE_ADDRESSES];
/* Numbers of entries plus 1, so that all zero is empty. */
static uint16_t buckets[BUCKETS];
static uint16_t free_entries;
static unsigned int never_used; /* entries from here on were never used */

/* The last bytes differ most, between addresses that one maker or one tool gives. */
static unsigned int hash_address(const uint8_t *mac)
{
    uint32_t sum = (uint32_t)(mac[2] << 24 | mac[3] << 16 | mac[4] << 8 | mac[5]);

    return (sum * 0x9e3779b1u) >> 24;
}

static struct address *find_address(const uint8_t *mac)
{
    for (uint16_t i = buckets[hash_address(mac)]; i; i = addresses[i - 1].next)
        if (mac_equal(addresses[i - 1].mac, mac))
            return &addresses[i - 1];
    return NULL;
}

static bool is_old(const struct address *entry, uint64_t now)
{
    return now - entry->heard > BRIDGE_AGEING_SECONDS * NANOSECONDS_PER_SECOND;
}

/* Takes back the entries of a port, or with NULL those that are too old. */
static void forget_addresses(const struct net_port *port, uint64_t now)
{
    for (unsigned int bucket = 0; bucket < BUCKETS; bucket++) {
        uint16_t *at = &buckets[bucket];

        while (*at) {
            uint16_t number = *at;
            struct address *entry = &addresses[number - 1];

            if (port ? entry->port != port : !is_old(entry, now)) {
                at = &entry->next;
                continue;
            }
            *at = entry->next;
            entry->port->addresses--;
            entry->next = free_entries;
            free_entries = number;
        }
    }
}

static uint16_t take_entry(void)
{
    uint16_t number = free_entries;

    if (number) {
        free_entries = addresses[number - 1].next;
        return number;
    }
    return never_used < BRIDGE_ADDRESSES ? (uint16_t)++never_used : 0;
}

/* Looks for old entries, but not at every frame of a flood of new addresses. */
static void sweep_addresses(uint64_t now)
{
    static uint64_t last;

    if (now - last < NANOSECONDS_PER_SECOND)
        return;
    last = now;
    forget_addresses(NULL, now);
}

/* An address that cannot be remembered is one to which frames go out of all ports. */
static void learn_address(const uint8_t *mac, struct net_port *port)
{
    uint64_t now = clock_now();
    struct address *entry = find_address(mac);
    uint16_t number;

    if (entry && entry->port == port) {
        entry->heard = now;
        return;
    }
    if (port->addresses >= BRIDGE_ADDRESSES_OF_PORT) {
        sweep_addresses(now);
        if (port->addresses >= BRIDGE_ADDRESSES_OF_PORT)
            return;
        entry = find_address(mac); /* the sweep may have taken it back */
    }
    if (entry) {
        entry->port->addresses--;
    } else {
        number = take_entry();
        if (!number) {
            sweep_addresses(now);
            return;
        }
        entry = &addresses[number - 1];
        memcpy(entry->mac, mac, MAC_SIZE);
        entry->next = buckets[hash_address(mac)];
        buckets[hash_address(mac)] = number;
    }
    entry->port = port;
    entry->heard = now;
    port->addresses++;
}

struct net_port *bridge_lookup(const uint8_t *mac)
{
    struct address *entry = find_address(mac);

    return entry && !is_old(entry, clock_now()) ? entry->port : NULL;
}

static void flood_frame(struct net_port *from, const struct net_packet *packet)
{
    for (struct net_port *port = ports; port; port = port->next)
        if (port != from && port->carrier)
            net_send(port, packet);
}

/* Addresses 01:80:c2:00:00:00 to 0f are for bridges among themselves, and are not passed on. */
static bool is_link_local(const uint8_t *mac)
{
    static const uint8_t prefix[] = {0x01, 0x80, 0xc2, 0x00, 0x00};

    return memcmp(mac, prefix, sizeof(prefix)) == 0 && mac[5] < 0x10;
}

static void bridge_input(struct net_port *from, struct net_packet *packet)
{
    const uint8_t *destination = net_header(packet);
    const uint8_t *source = destination + MAC_SIZE;
    struct net_port *to;

    if (mac_is_group(source) || (from->only_own_mac && !mac_equal(source, from->mac)) ||
        is_link_local(destination)) {
        from->counters.received_dropped++;
        return;
    }
    learn_address(source, from);
    if (mac_is_group(destination)) {
        flood_frame(from, packet);
        return;
    }
    to = bridge_lookup(destination);
    if (!to)
        flood_frame(from, packet);
    else if (to != from)
        net_send(to, packet);
}

void bridge_add(struct net_port *port)
{
    port->input = bridge_input;
    port->next = ports;
    ports = port;
}

void bridge_remove(struct net_port *port)
{
    for (struct net_port **at = &ports; *at; at = &(*at)->next) {
        if (*at == port) {
            *at = port->next;
            break;
        }
    }
    port->input = NULL;
    forget_addresses(port, 0);
}
