/* SPDX-License-Identifier: MIT */
/*
 * Internet checksums (RFC 1071) and TCP segmentation, on bytes in memory. Sums are kept in the
 * machine's byte order, which does not matter to them as long as it is the same at both ends.
 */
#include <string.h>

#include <drivers/net_checksum.h>

#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u

#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

/* IPv6 headers that may stand before TCP's, all with a length in 8-byte units. */
#define IPV6_HOP_BY_HOP  0u
#define IPV6_ROUTING     43u
#define IPV6_DESTINATION 60u
#define IPV6_MAX_HEADERS 8

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_CWR 0x80u

uint64_t net_sum(const void *data, size_t length, uint64_t sum)
{
    const uint8_t *at = data;

    for (; length >= 64; length -= 64, at += 64)
        asm("addq (%1), %0\n\t"
            "adcq 8(%1), %0\n\t"
            "adcq 16(%1), %0\n\t"
            "adcq 24(%1), %0\n\t"
            "adcq 32(%1), %0\n\t"
            "adcq 40(%1), %0\n\t"
            "adcq 48(%1), %0\n\t"
            "adcq 56(%1), %0\n\t"
            "adcq $0, %0"
            : "+r"(sum)
            : "r"(at), "m"(*(const uint8_t(*)[64])at)
            : "cc");
    for (; length >= 8; length -= 8, at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        sum += word;
        sum += sum < word;
    }
    if (length > 0) {
        uint64_t word = 0;

        memcpy(&word, at, length);
        sum += word;
        sum += sum < word;
    }
    return sum;
}

uint16_t net_sum_finish(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t)sum;
    sum = (sum >> 32) + (uint32_t)sum;
    sum = (sum >> 16) + (uint16_t)sum;
    sum = (sum >> 16) + (uint16_t)sum;
    sum = (sum >> 16) + (uint16_t)sum;
    return (uint16_t)~sum;
}

/* The type of what follows the Ethernet header and at most one VLAN tag, and where that is. */
static uint16_t network_type(const uint8_t *frame, uint32_t length, uint32_t *network)
{
    uint16_t type;

    *network = 14;
    if (length < 14)
        return 0;
    type = net_get16(frame + 12);
    if (type == TYPE_VLAN && length >= 18) {
        type = net_get16(frame + 16);
        *network = 18;
    }
    return type;
}

bool net_is_ipv6(const uint8_t *frame, uint32_t length)
{
    uint32_t network;

    return network_type(frame, length, &network) == TYPE_IPV6;
}

static bool find_ipv4(const uint8_t *frame, uint32_t length, struct net_layers *layers)
{
    const uint8_t *ip = frame + layers->network;
    uint32_t size;

    if (length < layers->network + 20)
        return false;
    size = (ip[0] & 0xfu) * 4;
    if (ip[0] >> 4 != 4 || size < 20 || (net_get16(ip + 6) & 0x3fff))
        return false;
    layers->protocol = ip[9];
    layers->transport = layers->network + size;
    return true;
}

static bool find_ipv6(const uint8_t *frame, uint32_t length, struct net_layers *layers)
{
    uint32_t at = layers->network + 40;
    uint8_t next;

    if (length < at || frame[layers->network] >> 4 != 6)
        return false;
    next = frame[layers->network + 6];
    for (unsigned int i = 0; i < IPV6_MAX_HEADERS; i++) {
        if (next != IPV6_HOP_BY_HOP && next != IPV6_ROUTING && next != IPV6_DESTINATION)
            break;
        if (length < at + 8)
            return false;
        next = frame[at];
        at += (frame[at + 1] + 1u) * 8;
    }
    layers->protocol = next;
    layers->transport = at;
    return true;
}

bool net_find_layers(const uint8_t *frame, uint32_t length, struct net_layers *layers)
{
    uint16_t type = network_type(frame, length, &layers->network);

    layers->ipv6 = type == TYPE_IPV6;
    if (type == TYPE_IPV4 ? !find_ipv4(frame, length, layers)
                          : !layers->ipv6 || !find_ipv6(frame, length, layers))
        return false;
    if (layers->protocol == PROTOCOL_TCP) {
        if (length < layers->transport + 20)
            return false;
        layers->checksum = layers->transport + 16;
        layers->payload = layers->transport + (frame[layers->transport + 12] >> 4) * 4u;
        return layers->payload >= layers->transport + 20 && layers->payload <= length;
    }
    if (layers->protocol == PROTOCOL_UDP) {
        layers->checksum = layers->transport + 6;
        layers->payload = layers->transport + 8;
        return layers->payload <= length;
    }
    return false;
}

uint64_t net_pseudo_sum(const uint8_t *frame, const struct net_layers *layers, uint32_t length)
{
    const uint8_t *ip = frame + layers->network;
    uint8_t tail[8] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                       (uint8_t)length};
    uint64_t sum;

    tail[7] = layers->protocol;
    sum = layers->ipv6 ? net_sum(ip + 8, 32, 0) : net_sum(ip + 12, 8, 0);
    return net_sum(tail, sizeof(tail), sum);
}

/* Bytes from the transport header to the end of the datagram, which padding may follow. */
static uint32_t transport_length(const uint8_t *frame, const struct net_layers *layers,
                                 uint32_t total)
{
    const uint8_t *ip = frame + layers->network;
    uint32_t end = layers->ipv6 ? layers->network + 40 + net_get16(ip + 4)
                                : layers->network + net_get16(ip + 2);

    if (end < layers->payload || end > total)
        end = total;
    return end - layers->transport;
}

void net_prepare_checksum(uint8_t *frame, const struct net_layers *layers, uint32_t total)
{
    uint32_t length = transport_length(frame, layers, total);

    net_put_checksum(frame + layers->checksum,
                     (uint16_t)~net_sum_finish(net_pseudo_sum(frame, layers, length)));
}

/* UDP says "no checksum" by 0; 0xffff is the same number. */
static void store_checksum(uint8_t *at, const struct net_layers *layers, uint64_t sum)
{
    uint16_t checksum = net_sum_finish(sum);

    net_put_checksum(at, checksum == 0 && layers->protocol == PROTOCOL_UDP ? 0xffff : checksum);
}

bool net_fill_checksum(uint8_t *frame, uint32_t length)
{
    struct net_layers layers;
    uint32_t size;

    if (!net_find_layers(frame, length, &layers))
        return false;
    size = transport_length(frame, &layers, length);
    net_put16(frame + layers.checksum, 0);
    store_checksum(frame + layers.checksum, &layers,
                   net_sum(frame + layers.transport, size, net_pseudo_sum(frame, &layers, size)));
    return true;
}

void net_segment_headers(uint8_t *headers, const uint8_t *frame, const struct net_layers *layers,
                         uint32_t from, uint32_t length, unsigned int index, bool last)
{
    uint8_t *ip = headers + layers->network;
    uint8_t *tcp = headers + layers->transport;
    uint32_t transport = layers->payload - layers->transport + length;
    uint64_t sum;

    memcpy(headers, frame, layers->payload);
    if (layers->ipv6) {
        net_put16(ip + 4, layers->transport - layers->network - 40 + transport);
    } else {
        net_put16(ip + 2, layers->transport - layers->network + transport);
        net_put16(ip + 4, net_get16(ip + 4) + index);
        net_put16(ip + 10, 0);
        net_put_checksum(ip + 10, net_checksum(ip, layers->transport - layers->network));
    }
    net_put32(tcp + 4, net_get32(tcp + 4) + from - layers->payload);
    if (!last)
        tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (index > 0)
        tcp[13] &= (uint8_t)~TCP_CWR;
    net_put16(tcp + 16, 0);
    sum = net_sum(tcp, layers->payload - layers->transport,
                  net_pseudo_sum(headers, layers, transport));
    store_checksum(tcp + 16, layers, net_sum(frame + from, length, sum));
}
