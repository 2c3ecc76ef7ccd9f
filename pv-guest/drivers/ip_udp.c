/* SPDX-License-Identifier: MIT */
/* UDP (RFC 768). */
#include <errno.h>
#include <string.h>

#include <drivers/ip.h>
#include <drivers/net_checksum.h>

#define HEADER 8u

/* The pseudo header's sum, from the addresses that lie in the IPv4 header. */
static uint64_t pseudo_sum(uint32_t from, uint32_t to, uint32_t length)
{
    uint8_t header[12] = {0};

    net_put32(header, from);
    net_put32(header + 4, to);
    header[9] = IP_PROTOCOL_UDP;
    net_put16(header + 10, length);
    return net_sum(header, sizeof(header), 0);
}

int udp_send(struct ip_interface *interface, uint16_t from_port, uint32_t to, uint16_t to_port,
             uint8_t *data, uint32_t length)
{
    uint8_t *udp = data - HEADER;
    uint16_t checksum;

    net_put16(udp, from_port);
    net_put16(udp + 2, to_port);
    net_put16(udp + 4, HEADER + length);
    net_put16(udp + 6, 0);
    checksum = net_sum_finish(
        net_sum(udp, HEADER + length, pseudo_sum(interface->address, to, HEADER + length)));
    net_put_checksum(udp + 6, checksum ? checksum : 0xffff);
    return ip_send(interface, to, IP_PROTOCOL_UDP, udp, HEADER + length);
}

/* The checksum covers our address as the sender used it, which it wrote behind its own. */
static bool checksum_is_right(const uint8_t *data, uint32_t length, uint32_t from, uint32_t to)
{
    uint16_t sum;

    if (data[6] == 0 && data[7] == 0)
        return true;
    sum = net_sum_finish(net_sum(data, length, pseudo_sum(from, to, length)));
    return sum == 0 || sum == 0xffff;
}

void udp_input(struct ip_interface *interface, uint32_t from, uint8_t *data, uint32_t length)
{
    uint32_t to = net_get32(data - 4); /* without IP options; with them, the sum says no */
    struct udp_source source = {.address = from};

    if (length < HEADER || net_get16(data + 4) < HEADER || net_get16(data + 4) > length)
        return;
    length = net_get16(data + 4);
    if (!checksum_is_right(data, length, from, to))
        return;
    source.port = net_get16(data);
    for (struct udp_socket *socket = interface->sockets; socket; socket = socket->next) {
        if (socket->port == net_get16(data + 2)) {
            socket->receive(interface, socket, &source, data + HEADER, length - HEADER);
            return;
        }
    }
}

int udp_open(struct ip_interface *interface, struct udp_socket *socket)
{
    for (const struct udp_socket *other = interface->sockets; other; other = other->next)
        if (other->port == socket->port)
            return -EADDRINUSE;
    socket->next = interface->sockets;
    interface->sockets = socket;
    return 0;
}

void udp_close(struct ip_interface *interface, struct udp_socket *socket)
{
    struct udp_socket **at = &interface->sockets;

    while (*at != socket)
        at = &(*at)->next;
    *at = socket->next;
}
