/* SPDX-License-Identifier: MIT */
/*
 * Internet checksums against a plain sum of words, and TCP segmentation: the segments, put together
 * again, are the packet, and each has the right sums.
 */
/* SOURCES: pv-guest/drivers/net_checksum.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <drivers/net_checksum.h>

#define PAYLOAD 5000u

static uint8_t frame[200 + PAYLOAD];
static struct net_layers layers;

/* As RFC 1071 says it, word by word. */
static uint16_t slow_sum(const uint8_t *data, size_t length, uint32_t sum)
{
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    if (length % 2)
        sum += (uint32_t)data[length - 1] << 8;
    while (sum >> 16)
        sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)sum;
}

static void sums_are_those_of_the_rfc(void **state)
{
    uint8_t data[300], stored[2];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 37 + (i >> 3) * 11 + 200);
    for (size_t from = 0; from < 9; from++) {
        for (size_t length = 0; length + from <= sizeof(data); length++) {
            net_put_checksum(stored, net_checksum(data + from, length));
            assert_int_equal(net_get16(stored), (uint16_t)~slow_sum(data + from, length, 0));
        }
    }
    memset(data, 0xff, sizeof(data));
    assert_int_equal(net_checksum(data, sizeof(data)), 0);
}

static uint32_t make_frame(bool ipv6, bool vlan, uint8_t protocol, uint32_t options,
                           uint32_t payload)
{
    uint8_t *at = frame;
    uint32_t transport = protocol == 6 ? 20 + options : 8;

    memset(frame, 0, sizeof(frame));
    memset(at, 0x22, 12);
    at += 12;
    if (vlan) {
        net_put16(at, 0x8100);
        net_put16(at + 2, 5);
        at += 4;
    }
    net_put16(at, ipv6 ? 0x86dd : 0x0800);
    at += 2;
    if (ipv6) {
        at[0] = 0x60;
        net_put16(at + 4, transport + payload);
        at[6] = protocol;
        for (unsigned int i = 0; i < 32; i++)
            at[8 + i] = (uint8_t)(i * 7 + 1);
        at += 40;
    } else {
        at[0] = 0x45;
        net_put16(at + 2, 20 + transport + payload);
        net_put16(at + 4, 77);
        at[8] = 64;
        at[9] = protocol;
        net_put32(at + 12, 0x0a000001);
        net_put32(at + 16, 0x0a000002);
        at += 20;
    }
    net_put16(at, 1234);
    net_put16(at + 2, 80);
    if (protocol == 6) {
        net_put32(at + 4, 0xfffffff0); /* wraps in the middle */
        at[12] = (uint8_t)((transport / 4) << 4);
        at[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR, ACK, PSH, FIN */
    } else {
        net_put16(at + 4, 8 + payload);
    }
    at += transport;
    for (uint32_t i = 0; i < payload; i++)
        at[i] = (uint8_t)(i * 13 + (i >> 8));
    return (uint32_t)(at - frame) + payload;
}

/* Whether the transport checksum of a frame of one segment is right. */
static bool transport_is_right(const uint8_t *data, uint32_t length)
{
    struct net_layers l;

    assert_true(net_find_layers(data, length, &l));
    return net_sum_finish(net_sum(data + l.transport, length - l.transport,
                                  net_pseudo_sum(data, &l, length - l.transport))) == 0;
}

static void checksums_are_filled_in(void **state)
{
    for (unsigned int i = 0; i < 8; i++) {
        uint32_t length = make_frame(i & 1, i & 2, i & 4 ? 6 : 17, 12, 1001);

        net_find_layers(frame, length, &layers);
        net_put16(frame + layers.checksum, 0xbeef); /* what was there does not matter */
        assert_true(net_fill_checksum(frame, length));
        assert_true(transport_is_right(frame, length));
        /* A device that completes it finds the pseudo header's sum. */
        net_prepare_checksum(frame, &layers, length);
        net_put_checksum(frame + layers.checksum,
                         net_checksum(frame + layers.transport, length - layers.transport));
        assert_true(transport_is_right(frame, length));
    }
}

static void padding_is_not_summed(void **state)
{
    uint32_t length = make_frame(false, false, 17, 0, 4);

    memset(frame + length, 0xaa, 14);
    assert_true(net_fill_checksum(frame, length + 14));
    assert_true(transport_is_right(frame, length));
}

static void segments_are_the_packet(void **state)
{
    static uint8_t segment[200 + PAYLOAD];

    for (unsigned int variant = 0; variant < 4; variant++) {
        uint32_t length = make_frame(variant & 1, variant & 2, 6, 12, PAYLOAD), size = 1448;
        uint32_t done = 0;

        assert_true(net_find_layers(frame, length, &layers));
        assert_int_equal(length - layers.payload, PAYLOAD);
        for (unsigned int i = 0; done < PAYLOAD; i++) {
            uint32_t part = PAYLOAD - done < size ? PAYLOAD - done : size;
            bool last = done + part == PAYLOAD;
            const uint8_t *tcp = segment + layers.transport;

            net_segment_headers(segment, frame, &layers, layers.payload + done, part, i, last);
            memcpy(segment + layers.payload, frame + layers.payload + done, part);
            assert_true(transport_is_right(segment, layers.payload + part));
            assert_int_equal(net_get32(tcp + 4), 0xfffffff0u + done);
            assert_int_equal(tcp[13] & 0x09, last ? 0x09 : 0);
            assert_int_equal(tcp[13] & 0x80, i == 0 ? 0x80 : 0);
            if (!layers.ipv6) {
                const uint8_t *ip = segment + layers.network;

                assert_int_equal(net_checksum(ip, 20), 0);
                assert_int_equal(net_get16(ip + 4), 77 + i);
                assert_int_equal(net_get16(ip + 2), layers.payload - layers.network + part);
            }
            done += part;
        }
    }
}

static void what_is_no_tcp_or_udp_is_left_alone(void **state)
{
    uint32_t length = make_frame(false, false, 17, 0, 100);

    for (uint32_t cut = 0; cut < 42; cut++)
        assert_false(net_find_layers(frame, cut, &layers));
    assert_true(net_find_layers(frame, 42, &layers));
    net_put16(frame + 20, 0x2000); /* the first fragment of more */
    assert_false(net_fill_checksum(frame, length));
    net_put16(frame + 20, 0);
    frame[23] = 1; /* ICMP */
    assert_false(net_fill_checksum(frame, length));
    frame[23] = 17;
    frame[14] = 0x44; /* a header of 16 bytes */
    assert_false(net_fill_checksum(frame, length));
    frame[14] = 0x4f; /* of 60 */
    assert_true(net_find_layers(frame, length, &layers));
    assert_int_equal(layers.transport, 74);
    net_put16(frame + 12, 0x0806);
    assert_false(net_fill_checksum(frame, length));
    make_frame(false, false, 6, 12, 100);
    frame[14 + 20 + 12] = 0x40; /* a TCP header of 16 bytes */
    assert_false(net_find_layers(frame, 200, &layers));
    frame[14 + 20 + 12] = 0xf0; /* of 60, beyond the end */
    assert_false(net_find_layers(frame, 14 + 20 + 59, &layers));
    /* IPv6 headers in a chain that ends nowhere. */
    make_frame(true, false, 6, 0, 100);
    frame[14 + 6] = 60;
    for (unsigned int i = 0; i < 20; i++)
        frame[14 + 40 + i * 8] = 60, frame[14 + 40 + i * 8 + 1] = 0;
    assert_false(net_find_layers(frame, 14 + 40 + 160, &layers));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_rfc),
        cmocka_unit_test(checksums_are_filled_in),
        cmocka_unit_test(padding_is_not_summed),
        cmocka_unit_test(segments_are_the_packet),
        cmocka_unit_test(what_is_no_tcp_or_udp_is_left_alone),
    };

    return cmocka_run_group_tests_name("network checksums", tests, NULL, NULL);
}
