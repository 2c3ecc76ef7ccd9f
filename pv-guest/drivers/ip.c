/* SPDX-License-Identifier: MIT */
/* IPv4: datagrams in and out, addresses as text. */
#include <clock.h>
#include <errno.h>
#include <memory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drivers/ip.h>
#include <drivers/net_checksum.h>

#define TYPE_IPV4 0x0800u
#define TYPE_ARP  0x0806u
#define TTL       64u

/* A frame that is looked at, whole and ours: it may be changed and sent back. */
#define FRAME_PAGES 4u
#define FRAME_SIZE  (FRAME_PAGES * PAGE_SIZE)

static uint8_t *input_frame;

void ip_send_frame(struct ip_interface *interface, const uint8_t *frame, uint32_t length,
                   bool checksum_valid)
{
    struct net_packet packet = {
        .fragments[0] = {.va = frame, .length = length},
        .fragment_count = 1,
        .length = length,
        .csum_valid = checksum_valid,
    };

    net_send(interface->port, &packet);
    net_flush();
}

/* The neighbour that has to get a datagram for @to; IP_ANY when there is no route. */
static uint32_t next_hop(const struct ip_interface *interface, uint32_t to)
{
    if (to == IP_BROADCAST || ((to ^ interface->address) & interface->mask) == 0)
        return to;
    return interface->gateway;
}

static const uint8_t *hardware_address(struct ip_interface *interface, uint32_t hop)
{
    static const uint8_t everybody[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    if (hop == IP_BROADCAST || hop == (interface->address | ~interface->mask))
        return everybody;
    return arp_find(interface, hop);
}

int ip_send(struct ip_interface *interface, uint32_t to, uint8_t protocol, uint8_t *data,
            uint32_t length)
{
    uint32_t hop = next_hop(interface, to);
    uint8_t *frame = data - IP_HEADERS;
    uint8_t *ip = data - 20;
    const uint8_t *mac;

    if (hop == IP_ANY)
        return -EHOSTUNREACH;
    mac = hardware_address(interface, hop);
    if (!mac) {
        arp_ask(interface, hop);
        return -EAGAIN;
    }
    memcpy(frame, mac, MAC_SIZE);
    memcpy(frame + MAC_SIZE, interface->port->mac, MAC_SIZE);
    net_put16(frame + 12, TYPE_IPV4);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    net_put16(ip + 2, 20 + length);
    net_put16(ip + 4, interface->next_id++);
    ip[8] = TTL;
    ip[9] = protocol;
    net_put32(ip + 12, interface->address);
    net_put32(ip + 16, to);
    net_put_checksum(ip + 10, net_checksum(ip, 20));
    ip_send_frame(interface, frame, IP_HEADERS + length, true);
    return 0;
}

bool ip_resolve(struct ip_interface *interface, uint32_t to, uint64_t deadline)
{
    uint32_t hop = next_hop(interface, to);

    if (hop == IP_ANY)
        return false;
    while (!hardware_address(interface, hop)) {
        uint64_t again = clock_now() + NANOSECONDS_PER_SECOND;

        arp_ask(interface, hop);
        if (!wait_on_until(&interface->changed, again < deadline ? again : deadline) &&
            clock_now() >= deadline)
            return false;
    }
    return true;
}

static bool is_for_us(const struct ip_interface *interface, uint32_t to)
{
    return to == IP_BROADCAST || interface->address == IP_ANY || to == interface->address ||
           to == (interface->address | ~interface->mask);
}

static void ipv4_input(struct ip_interface *interface, uint8_t *frame, uint32_t length)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    uint32_t header = (ip[0] & 0xfu) * 4, size, from;

    if (length < IP_HEADERS || ip[0] >> 4 != 4 || header < 20)
        return;
    size = net_get16(ip + 2);
    if (size < header || size > length - ETHERNET_HEADER || net_checksum(ip, header) != 0 ||
        (net_get16(ip + 6) & 0x3fff) || !is_for_us(interface, net_get32(ip + 16)))
        return;
    from = net_get32(ip + 12);
    if (from != IP_ANY && interface->address != IP_ANY && next_hop(interface, from) == from)
        arp_learn(interface, from, frame + MAC_SIZE, true);
    if (ip[9] == IP_PROTOCOL_ICMP)
        icmp_input(interface, from, ip + header, size - header);
    else if (ip[9] == IP_PROTOCOL_UDP)
        udp_input(interface, from, ip + header, size - header);
}

static void input(struct net_port *port, struct net_packet *packet)
{
    struct ip_interface *interface = port->input_context;
    const uint8_t *to = net_header(packet);
    uint16_t type;

    if (packet->length > FRAME_SIZE || (!mac_is_group(to) && !mac_equal(to, port->mac)))
        return;
    if (!net_copy_now(packet, input_frame))
        return;
    if (packet->csum_blank)
        net_fill_checksum(input_frame, packet->length);
    type = net_get16(input_frame + 12);
    if (type == TYPE_IPV4)
        ipv4_input(interface, input_frame, packet->length);
    else if (type == TYPE_ARP)
        arp_input(interface, input_frame, packet->length);
}

void ip_attach(struct ip_interface *interface, struct net_port *port)
{
    if (!input_frame)
        input_frame = pages_alloc(FRAME_PAGES);
    if (!input_frame)
        return;
    interface->port = port;
    port->input_context = interface;
    port->input = input;
}

void ip_configure(struct ip_interface *interface, uint32_t address, uint32_t mask, uint32_t gateway)
{
    interface->address = address;
    interface->mask = mask;
    interface->gateway = gateway;
    if (address != IP_ANY)
        arp_announce(interface);
}

bool ip_parse(const char *text, uint32_t *address)
{
    *address = 0;
    for (unsigned int i = 0; i < 4; i++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 10);

        if (end == text || byte > 255 || *end != (i < 3 ? '.' : '\0'))
            return false;
        *address = *address << 8 | (uint32_t)byte;
        text = end + 1;
    }
    return true;
}

char *ip_text(uint32_t address, char text[IP_TEXT_SIZE])
{
    snprintf(text, IP_TEXT_SIZE, "%u.%u.%u.%u", address >> 24, (address >> 16) & 255,
             (address >> 8) & 255, address & 255);
    return text;
}
