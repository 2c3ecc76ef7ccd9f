/* SPDX-License-Identifier: MIT */
/*
 * The store's transport to a domain: the two 1024-byte rings of the page that start_info names
 * (public/io/xs_wire.h). The page is shared with a guest that may write anything into it at any
 * time.
 */
#ifndef TOOLS_STORE_RING_H
#define TOOLS_STORE_RING_H

#include <stdbool.h>

#include <tools/store_protocol.h>

/* The result of a turn at a ring. */
enum ring_state {
    RING_IDLE,        /* nothing moved */
    RING_MOVED,       /* bytes moved: the domain is to be notified */
    RING_MORE,        /* as RING_MOVED, and another turn may find more to do */
    RING_BAD_INDEX,   /* the domain broke the ring: disconnect it */
    RING_BAD_MESSAGE, /* the domain broke the protocol: disconnect it */
};

/* Prepares the page of a domain that has not started. */
void store_ring_init(void *page);

/*
 * Moves as many bytes as possible between @page and @session, both ways, and carries out requests
 * of bounded number and work.
 */
enum ring_state store_ring_turn(void *page, struct store_session *session);

/* Writes into the page why the guest was disconnected. */
void store_ring_fail(void *page, enum ring_state state);

/* Whether the guest asks for a new connection; grants it, once its session was reset. */
bool store_ring_wants_reconnection(const void *page);
void store_ring_reconnect(void *page);

#endif
