/* SPDX-License-Identifier: MIT */
/*
 * Internet checksums and the headers that carry them: where TCP's or UDP's checksum of a frame is,
 * filling it in, and the headers of the segments that a large TCP packet is cut into. Pure
 * functions of bytes that no one else changes meanwhile; whatever the bytes are, nothing outside
 * of the given length is touched.
 */
#ifndef DRIVERS_NET_CHECKSUM_H
#define DRIVERS_NET_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the layers of a frame begin, in bytes from its start. */
struct net_layers {
    uint32_t network;   /* the IPv4 or IPv6 header */
    uint32_t transport; /* the TCP or UDP header */
    uint32_t checksum;  /* the checksum field in it */
    uint32_t payload;   /* behind the TCP header; behind the UDP header */
    uint8_t protocol;   /* 6: TCP, 17: UDP */
    bool ipv6;
};

/* Whether a frame is IPv6 by its (VLAN's) type field. */
bool net_is_ipv6(const uint8_t *frame, uint32_t length);

/*
 * Finds the layers of a frame whose first @length bytes are given. @return false when it is no
 * TCP or UDP over IP, is a fragment of a datagram, or its headers do not lie in these bytes.
 */
bool net_find_layers(const uint8_t *frame, uint32_t length, struct net_layers *layers);

/* Sums of 16-bit words in memory order, not folded; @sum is what came before, of even length. */
uint64_t net_sum(const void *data, size_t length, uint64_t sum);

/* Fold a sum to the 16 bits, in memory order, that go into a header. Never 0xffff. */
uint16_t net_sum_finish(uint64_t sum);

/* The checksum of @length bytes, to be stored as it is. */
static inline uint16_t net_checksum(const void *data, size_t length)
{
    return net_sum_finish(net_sum(data, length, 0));
}

/* The sum of the pseudo header for a transport part of @length bytes. */
uint64_t net_pseudo_sum(const uint8_t *frame, const struct net_layers *layers, uint32_t length);

/*
 * Puts the pseudo header's sum into the checksum field, as a device that completes it wants to find
 * it. @total is the length of the whole frame, only the headers need be there.
 */
void net_prepare_checksum(uint8_t *frame, const struct net_layers *layers, uint32_t total);

/* Computes the checksum of a whole frame that is in memory. @return false: it has none. */
bool net_fill_checksum(uint8_t *frame, uint32_t length);

/*
 * Makes the headers of one segment out of those of the whole packet, with complete checksums.
 * @param headers receives layers->payload bytes
 * @param frame   the whole packet, in memory; TCP
 * @param from    where the segment's payload begins in the frame
 * @param length  its bytes, at least 1
 * @param index   0 for the first segment
 * @param last    it is the last one
 */
void net_segment_headers(uint8_t *headers, const uint8_t *frame, const struct net_layers *layers,
                         uint32_t from, uint32_t length, unsigned int index, bool last);

static inline uint16_t net_get16(const uint8_t *at)
{
    return (uint16_t)((at[0] << 8) | at[1]);
}

static inline uint32_t net_get32(const uint8_t *at)
{
    return ((uint32_t)net_get16(at) << 16) | net_get16(at + 2);
}

static inline void net_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void net_put32(uint8_t *at, uint32_t value)
{
    net_put16(at, value >> 16);
    net_put16(at + 2, value);
}

/* Stores a checksum, which is in memory order already. */
static inline void net_put_checksum(uint8_t *at, uint16_t checksum)
{
    __builtin_memcpy(at, &checksum, sizeof(checksum));
}

#endif
