/* SPDX-License-Identifier: MIT */
/*
 * The store's wire protocol (public/io/xs_wire.h): bytes in, bytes out, for one client. The
 * transport moves the bytes: a domain's ring (tools/store_ring.h), or a socket.
 */
#ifndef TOOLS_STORE_PROTOCOL_H
#define TOOLS_STORE_PROTOCOL_H

#include <tools/store.h>

struct store_session;

/*
 * What the protocol asks of its host. The functions that return int return 0 or a positive errno of
 * the ABI; a NULL function means ENOSYS. They are called for privileged sessions only.
 */
struct store_host {
    bool (*is_introduced)(void *context, uint16_t domid);
    /* Serve a domain's ring, in machine frame @frame, from now on; or serve it by another port. */
    int (*introduce)(void *context, uint16_t domid, uint64_t frame, uint32_t port);
    int (*release)(void *context, uint16_t domid);
    /* A domain that had stopped continues to run. */
    int (*resume)(void *context, uint16_t domid);
    int (*set_target)(void *context, uint16_t domid, uint16_t target);
    struct store_limits *limits; /* what XS_CONTROL may show and change, or NULL */
    void *context;
};

/*
 * Opens a session of @domid; @limits and @host outlive it. @output is called with @context whenever
 * there is something to fetch that is not an answer to store_session_put; it must not call back.
 * @return NULL when memory is short.
 */
struct store_session *store_session_open(struct store *store, uint16_t domid, bool privileged,
                                         const struct store_limits *limits,
                                         const struct store_host *host,
                                         void (*output)(void *context), void *context);

void store_session_close(struct store_session *s);

/* Gives the session the rights of another domain in addition to its own. */
void store_session_set_target(struct store_session *s, uint16_t target);

/* Starts again: no watch, transaction, half request or waiting message is left. */
void store_session_reset(struct store_session *s);

/*
 * Takes up to @length bytes from the client and answers the requests that they complete, at most
 * *@budget (which is counted down; NULL: as many as there are): one that takes much work counts as
 * several. With no bytes it continues with requests that waited. @return how many bytes were taken,
 * none while too much output waits to be fetched; or -1 when the client broke the protocol: then
 * the session can only be reset (store_session_reset) or closed.
 */
long store_session_put(struct store_session *s, const void *data, size_t length,
                       unsigned int *budget);

/* The bytes that wait for the client; *@data is valid until the next call. @return how many. */
size_t store_session_peek(struct store_session *s, const void **data);

/* Says that the first @length of them have been fetched. */
void store_session_fetched(struct store_session *s, size_t length);

#endif
