/* SPDX-License-Identifier: MIT */
/*
 * The store's transport to a domain: the two 1024-byte rings of the page that start_info names
 * (public/io/xs_wire.h). The page is shared with a guest that may write anything into it at any time.
 */
#ifndef TOOLS_STORE_RING_H
#define TOOLS_STORE_RING_H

#include <stdbool.h>

#include <tools/store_protocol.h>

/* What came of a turn at a ring. */
enum ring_state {
    RING_IDLE,   /* nothing moved */
    RING_MOVED,  /* bytes moved: the domain is to be notified */
    RING_BROKEN, /* the domain broke the ring or the protocol: disconnect it */
};

/* Prepares the page of a domain that has not started. */
void store_ring_init(void *page);

/* Moves what can be moved between @page and @session, both ways. */
enum ring_state store_ring_turn(void *page, struct store_session *session);

/* Leaves a word for the guest about why it was disconnected. */
void store_ring_fail(void *page);

#endif
