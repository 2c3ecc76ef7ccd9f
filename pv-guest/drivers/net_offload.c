/* SPDX-License-Identifier: MIT */
/*
 * Software offloads, on one buffer for the current packet. Packets that are sent from it are
 * flushed before the next one takes the buffer.
 */
#include <memory.h>
#include <string.h>

#include <drivers/net_offload.h>

/* More would come of a segment size that no TCP has. */
#define MAX_SEGMENTS 128u

static uint8_t *buffer;                         /* NET_MAX_FRAME bytes */
static uint8_t (*headers)[2 * NET_HEADER_ROOM]; /* one for each segment */

static bool alloc_scratch(void)
{
    if (!buffer)
        buffer = pages_alloc(NET_MAX_FRAME / PAGE_SIZE + 1);
    if (!headers)
        headers = pages_alloc(MAX_SEGMENTS * sizeof(*headers) / PAGE_SIZE);
    return buffer && headers;
}

/* The buffer is about to be filled, with nothing gathered that still reads it. */
static bool take_whole(struct net_port *port, const struct net_packet *packet)
{
    if (!alloc_scratch() || packet->length > NET_MAX_FRAME) {
        port->counters.sent_dropped++;
        return false;
    }
    if (!net_copy_now(packet, buffer)) {
        port->counters.sent_errors++;
        return false;
    }
    return true;
}

void net_send_with_checksum(struct net_port *port, const struct net_packet *packet)
{
    struct net_packet whole = {.from = packet->from, .length = packet->length, .csum_valid = true};

    if (!take_whole(port, packet))
        return;
    if (!net_fill_checksum(buffer, packet->length)) {
        port->counters.sent_errors++;
        return;
    }
    whole.fragments[0] = (struct net_fragment){.va = buffer, .length = packet->length};
    whole.fragment_count = 1;
    port->operations->send(port, &whole);
    net_flush();
}

void net_send_segments(struct net_port *port, const struct net_packet *packet)
{
    struct net_packet segment = {.from = packet->from, .csum_valid = true, .fragment_count = 2};
    struct net_layers layers;
    unsigned int count;
    uint32_t payload;

    if (!take_whole(port, packet))
        return;
    if (!net_find_layers(buffer, packet->length, &layers) || layers.protocol != 6 ||
        layers.payload > sizeof(*headers) || layers.payload == packet->length) {
        port->counters.sent_errors++;
        return;
    }
    payload = packet->length - layers.payload;
    count = (payload + packet->gso_size - 1) / packet->gso_size;
    if (count > MAX_SEGMENTS) {
        port->counters.sent_errors++;
        return;
    }
    for (unsigned int i = 0; i < count; i++) {
        uint32_t from = layers.payload + i * packet->gso_size;
        uint32_t length = packet->length - from;

        if (length > packet->gso_size)
            length = packet->gso_size;
        net_segment_headers(headers[i], buffer, &layers, from, length, i, i + 1 == count);
        segment.fragments[0] = (struct net_fragment){.va = headers[i], .length = layers.payload};
        segment.fragments[1] = (struct net_fragment){.va = buffer + from, .length = length};
        segment.length = layers.payload + length;
        port->operations->send(port, &segment);
    }
    net_flush();
}
