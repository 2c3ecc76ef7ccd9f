/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a frame whose checksum is filled in, and as one that is cut into segments. The
 * sanitizers watch its end; a checksum that was filled in is right; segments are never larger than
 * asked for.
 */
/* SOURCES: pv-guest/drivers/net_checksum.c */
#include <stdlib.h>
#include <string.h>

#include <drivers/net_checksum.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t length = (uint32_t)size - 1, gso;
    struct net_layers layers;
    uint8_t *frame, *headers;

    if (size < 2 || size > 65536)
        return 0;
    /* Exactly as long as it is, so that the next byte is guarded. */
    frame = malloc(length);
    memcpy(frame, data + 1, length);
    gso = data[0] * 16u + 1;
    if (net_find_layers(frame, length, &layers)) {
        if (layers.checksum + 2 > layers.payload || layers.payload > length)
            abort();
        headers = malloc(layers.payload);
        if (layers.protocol == 6)
            for (uint32_t from = layers.payload, i = 0; from < length && i < 128; from += gso, i++)
                net_segment_headers(headers, frame, &layers, from,
                                    length - from < gso ? length - from : gso, i,
                                    length - from <= gso);
        free(headers);
        net_prepare_checksum(frame, &layers, length);
    }
    if (net_fill_checksum(frame, length) && !net_fill_checksum(frame, length))
        abort();
    net_is_ipv6(frame, length);
    free(frame);
    return 0;
}
