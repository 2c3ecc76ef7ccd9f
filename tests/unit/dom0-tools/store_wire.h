/* SPDX-License-Identifier: MIT */
/* A client of the store for unit tests: whole messages in, whole messages out. */
#ifndef TESTS_STORE_WIRE_H
#define TESTS_STORE_WIRE_H

#include <public/io/xs_wire.h>

#include <tools/store_protocol.h>

struct wire_message {
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX];
};

/* Writes a request. Returns its length. */
size_t wire_request(struct wire_message *m, uint32_t type, uint32_t transaction,
                    const char *payload, size_t length);

/* Sends a request, as far as it is taken. Returns whether all was. */
bool wire_send(struct store_session *session, uint32_t type, uint32_t transaction,
               const char *payload, size_t length);

/*
 * Fetches one message. Returns its type, or -1 if there is none; *@text is its payload with zero
 * bytes shown as |, good until the next call.
 */
int wire_fetch(struct store_session *session, const char **text);

#endif
