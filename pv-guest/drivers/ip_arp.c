/* SPDX-License-Identifier: MIT */
/* ARP (RFC 826): the neighbours' hardware addresses, and announcing our own. */
#include <clock.h>
#include <string.h>

#include <drivers/ip.h>
#include <drivers/net_checksum.h>

#define ARP_LENGTH     42u /* with the Ethernet header */
#define ARP_REQUEST    1u
#define ARP_REPLY      2u
#define FRAME_MINIMUM  60u
#define FORGET_SECONDS 1200u

static struct ip_neighbour *find_neighbour(struct ip_interface *interface, uint32_t address)
{
    for (unsigned int i = 0; i < IP_NEIGHBOURS; i++)
        if (interface->neighbours[i].address == address)
            return &interface->neighbours[i];
    return NULL;
}

const uint8_t *arp_find(struct ip_interface *interface, uint32_t address)
{
    const struct ip_neighbour *neighbour = find_neighbour(interface, address);

    if (!neighbour || clock_now() - neighbour->heard > FORGET_SECONDS * NANOSECONDS_PER_SECOND)
        return NULL;
    return neighbour->mac;
}

/* @always: also a neighbour that is not known yet; it replaces the one not heard of for longest. */
void arp_learn(struct ip_interface *interface, uint32_t address, const uint8_t *mac, bool always)
{
    struct ip_neighbour *neighbour = find_neighbour(interface, address);

    if (mac_is_group(mac) || (!neighbour && !always))
        return;
    if (!neighbour) {
        neighbour = &interface->neighbours[0];
        for (unsigned int i = 1; i < IP_NEIGHBOURS; i++)
            if (interface->neighbours[i].heard < neighbour->heard)
                neighbour = &interface->neighbours[i];
    }
    neighbour->address = address;
    neighbour->heard = clock_now();
    memcpy(neighbour->mac, mac, MAC_SIZE);
    wake_all(&interface->changed);
}

static void arp_send(struct ip_interface *interface, unsigned int operation, const uint8_t *to_mac,
                     uint32_t to)
{
    static const uint8_t everybody[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static uint8_t frame[FRAME_MINIMUM] __attribute__((aligned(64)));
    uint8_t *arp = frame + ETHERNET_HEADER;

    memset(frame, 0, sizeof(frame));
    memcpy(frame, to_mac ? to_mac : everybody, MAC_SIZE);
    memcpy(frame + MAC_SIZE, interface->port->mac, MAC_SIZE);
    net_put16(frame + 12, 0x0806);
    net_put16(arp, 1);          /* Ethernet */
    net_put16(arp + 2, 0x0800); /* IPv4 */
    arp[4] = MAC_SIZE;
    arp[5] = 4;
    net_put16(arp + 6, operation);
    memcpy(arp + 8, interface->port->mac, MAC_SIZE);
    net_put32(arp + 14, interface->address);
    if (to_mac)
        memcpy(arp + 18, to_mac, MAC_SIZE);
    net_put32(arp + 24, to);
    ip_send_frame(interface, frame, sizeof(frame), false);
}

void arp_ask(struct ip_interface *interface, uint32_t address)
{
    arp_send(interface, ARP_REQUEST, NULL, address);
}

void arp_announce(struct ip_interface *interface)
{
    arp_send(interface, ARP_REQUEST, NULL, interface->address);
}

void arp_input(struct ip_interface *interface, const uint8_t *frame, uint32_t length)
{
    const uint8_t *arp = frame + ETHERNET_HEADER;
    uint32_t from, to;

    if (length < ARP_LENGTH || net_get16(arp) != 1 || net_get16(arp + 2) != 0x0800 ||
        arp[4] != MAC_SIZE || arp[5] != 4)
        return;
    from = net_get32(arp + 14);
    to = net_get32(arp + 24);
    if (from != IP_ANY && from != interface->address)
        arp_learn(interface, from, arp + 8, to == interface->address);
    if (net_get16(arp + 6) == ARP_REQUEST && to == interface->address &&
        interface->address != IP_ANY && from != interface->address)
        arp_send(interface, ARP_REPLY, arp + 8, from);
}
