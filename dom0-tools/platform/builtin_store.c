/* SPDX-License-Identifier: MIT */
/*
 * The store of the built-in dom0, for the drivers in the same image: pv-guest's store client is
 * linked to a session with the service by plain calls. Requests are carried out in the thread that
 * makes them.
 */
#include <store.h>
#include <string.h>

#include <platform.h>
#include <tools/service.h>

#include "builtin.h"

static struct store_session *session;

static size_t send_bytes(const void *data, size_t length)
{
    long taken = store_session_put(session, data, length, NULL);

    return taken > 0 ? (size_t)taken : 0;
}

static size_t receive_bytes(void *data, size_t length)
{
    const void *waiting;
    size_t size = store_session_peek(session, &waiting);

    if (size > length)
        size = length;
    if (size) {
        memcpy(data, waiting, size);
        store_session_fetched(session, size);
        store_session_put(session, NULL, 0, NULL); /* a request that waited for room continues */
    }
    return size;
}

/* Answers wait for our own reader, and room for our own writers. */
static void link_notify(void)
{
    store_link_ready();
}

static void link_has_output(void *unused)
{
    store_link_ready();
}

int builtin_store_attach(void)
{
    static const struct store_link link = {send_bytes, receive_bytes, link_notify};

    session = service_store_session(link_has_output, NULL);
    if (!session || store_attach(&link))
        return -1;
    return 0;
}
