/* SPDX-License-Identifier: MIT */
/*
 * The learning bridge: a list of ports and a hash table of addresses. Each port brings the entries
 * for what lies behind it, and keeps them in the order in which they were heard, the unused ones
 * first: so the first one is always the one to take. An entry is found by the address' hash in the
 * chain of a bucket. One that is too old counts as none, but stays until it is taken.
 */
#include <clock.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <drivers/bridge.h>

#define BUCKET_BITS 10u
#define BUCKETS     (1u << BUCKET_BITS)

struct address {
    uint8_t mac[MAC_SIZE];
    bool used;
    struct address *next;          /* in its bucket */
    struct address *older, *newer; /* of the same port */
    struct net_port *port;
    uint64_t heard; /* clock_now() */
};

/* The entries of a port. */
struct bridge_addresses {
    struct address *oldest, *newest;
    unsigned int room;
    struct address entries[];
};

static struct net_port *ports;
static struct address *buckets[BUCKETS];

/*
 * Mixes an address with a number that nobody outside knows: addresses that share a bucket would
 * make each look-up long. The rest is the last step of splitmix64.
 */
static struct address **bucket_of(const uint8_t *mac)
{
    static uint64_t secret;
    uint64_t bits = 0;

    if (!secret)
        secret = clock_tsc() * 0x9e3779b97f4a7c15ull | 1;
    memcpy(&bits, mac, MAC_SIZE);
    bits += secret;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    return &buckets[bits >> (64 - BUCKET_BITS)];
}

static struct address *find_address(const uint8_t *mac)
{
    struct address *entry = *bucket_of(mac);

    while (entry && !mac_equal(entry->mac, mac))
        entry = entry->next;
    return entry;
}

/* Puts an entry that is in no list behind @older of its port, or with NULL in front of all. */
static void list_add(struct bridge_addresses *list, struct address *entry, struct address *older)
{
    struct address *newer = older ? older->newer : list->oldest;

    entry->older = older;
    entry->newer = newer;
    *(older ? &older->newer : &list->oldest) = entry;
    *(newer ? &newer->older : &list->newest) = entry;
}

static void list_remove(struct bridge_addresses *list, struct address *entry)
{
    *(entry->older ? &entry->older->newer : &list->oldest) = entry->newer;
    *(entry->newer ? &entry->newer->older : &list->newest) = entry->older;
}

static void leave_bucket(struct address *entry)
{
    struct address **at = bucket_of(entry->mac);

    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    entry->used = false;
}

/* A host has moved to another port: its entry is the next that the old port takes. */
static void forget_address(struct address *entry)
{
    struct bridge_addresses *list = entry->port->addresses;

    leave_bucket(entry);
    list_remove(list, entry);
    list_add(list, entry, NULL);
}

/* Takes the oldest entry of a port, which has the most of all that it may have if it is used. */
static struct address *take_address(const uint8_t *mac, struct net_port *port)
{
    struct address *entry = port->addresses->oldest, **bucket = bucket_of(mac);

    if (entry->used)
        leave_bucket(entry);
    entry->used = true;
    memcpy(entry->mac, mac, MAC_SIZE);
    entry->next = *bucket;
    *bucket = entry;
    return entry;
}

static void learn_address(const uint8_t *mac, struct net_port *port)
{
    struct bridge_addresses *list = port->addresses;
    struct address *entry = find_address(mac);

    if (!entry || entry->port != port) {
        if (entry)
            forget_address(entry);
        entry = take_address(mac, port);
    }
    entry->heard = clock_now();
    if (entry == list->newest)
        return;
    list_remove(list, entry);
    list_add(list, entry, list->newest);
}

struct net_port *bridge_lookup(const uint8_t *mac)
{
    const struct address *entry = find_address(mac);
    uint64_t age = entry ? clock_now() - entry->heard : 0;

    return entry && age <= BRIDGE_AGEING_SECONDS * NANOSECONDS_PER_SECOND ? entry->port : NULL;
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

int bridge_add(struct net_port *port, unsigned int room)
{
    struct bridge_addresses *list = calloc(1, sizeof(*list) + room * sizeof(list->entries[0]));

    if (!list)
        return -ENOMEM;
    list->room = room;
    for (unsigned int i = 0; i < room; i++) {
        list->entries[i].port = port;
        list_add(list, &list->entries[i], list->newest);
    }
    port->addresses = list;
    port->input = bridge_input;
    port->next = ports;
    ports = port;
    return 0;
}

void bridge_remove(struct net_port *port)
{
    struct bridge_addresses *list = port->addresses;
    struct net_port **at = &ports;

    if (!list)
        return;
    while (*at != port)
        at = &(*at)->next;
    *at = port->next;
    port->input = NULL;
    for (unsigned int i = 0; i < list->room; i++)
        if (list->entries[i].used)
            leave_bucket(&list->entries[i]);
    free(list);
    port->addresses = NULL;
}
