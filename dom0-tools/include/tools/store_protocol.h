/* SPDX-License-Identifier: MIT */
/*
 * The store's wire protocol (public/io/xs_wire.h): bytes in, bytes out, for one client. Where the bytes
 * come from is the transport's business: a domain's ring (tools/store_ring.h), or a socket.
 */
#ifndef TOOLS_STORE_PROTOCOL_H
#define TOOLS_STORE_PROTOCOL_H

#include <tools/store.h>

struct store_session;

/* What the protocol asks of its host. */
struct store_host {
    bool (*is_introduced)(void *context, uint16_t domid);
    void *context;
};

/*
 * Opens a session of @domid; @limits and @host outlive it. @output is called with @context whenever there
 * is something to fetch that did not come of store_session_put; it must not call back. Returns NULL
 * when memory is short.
 */
struct store_session *store_session_open(struct store *store, uint16_t domid, bool privileged,
                                         const struct store_limits *limits,
                                         const struct store_host *host,
                                         void (*output)(void *context), void *context);

void store_session_close(struct store_session *s);

/*
 * Takes up to @length bytes from the client and answers the requests that they complete. Returns how many
 * were taken: none while too much output waits to be fetched. Returns -1 when the client broke the
 * protocol or memory ran out in the middle of an answer; the session is then good for closing only.
 */
long store_session_put(struct store_session *s, const void *data, size_t length);

/* The bytes that wait for the client; *@data is good until the next call. Returns how many. */
size_t store_session_peek(struct store_session *s, const void **data);

/* Says that the first @length of them have been fetched. */
void store_session_fetched(struct store_session *s, size_t length);

#endif
