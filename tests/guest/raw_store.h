/* SPDX-License-Identifier: MIT */
/*
 * The store as its ring has it: for tests that look at messages, or break them. The kernel
 * library's client must not be used at the same time.
 */
#ifndef RAW_STORE_H
#define RAW_STORE_H

#include <public/io/xs_wire.h>
#include <stdbool.h>
#include <stddef.h>

extern struct xenstore_domain_interface *raw_ring;

/* Take the ring over from the kernel library's client. */
void raw_store_init(void);

/* Tell the store that the ring has changed. */
void raw_notify(void);

/* Wait until `done(argument)` holds, for ten seconds at most. @return whether it does. */
bool raw_wait(bool (*done)(void *argument), void *argument);

/* Put bytes into the ring, waiting for room. @return whether there was. */
bool raw_put(const void *data, size_t length);

/* Put a whole request into the ring. */
bool raw_send(uint32_t type, uint32_t transaction, const void *payload, size_t length);

/*
 * Fetches the next message that is not a watch event, and counts those.
 * @param text receives the payload with zero bytes shown as |; good until the next call.
 * @return its type, or -1 when none comes.
 */
int raw_fetch(const char **text);

/* As raw_fetch(), and of any type. */
int raw_fetch_any(const char **text);

/* Send a request and fetch its answer. */
int raw_ask(uint32_t type, uint32_t transaction, const void *payload, size_t length,
            const char **text);

/* Ask for a new connection. @return whether it came. */
bool raw_reconnect(void);

/* Watch events that raw_fetch() came by. */
extern unsigned int raw_events;

#endif
