/* SPDX-License-Identifier: MIT */
/*
 * The protocol of the example of docs/drivers.md: a split device of kind "shout" that turns text to
 * capitals.
 *
 * The front end puts text into a page that it has granted, and a request into the ring; the back
 * end changes the text in place and answers. In the store, the front end's node holds `ring-ref`
 * and `event-channel`.
 */
#ifndef APPS_SHOUT_H
#define APPS_SHOUT_H

#include <public/io/ring.h>
#include <stdint.h>

struct shout_request {
    uint32_t id;        /* the front end's, comes back in the response */
    uint32_t reference; /* grant of the page that holds the text */
    uint16_t offset;    /* of the text in the page, bytes */
    uint16_t length;    /* of the text, bytes; it ends within the page */
};

struct shout_response {
    uint32_t id;
    int32_t error; /* 0 or a negative errno (public/errno.h) */
};

DEFINE_RING_TYPES(shout, struct shout_request, struct shout_response);

#endif
