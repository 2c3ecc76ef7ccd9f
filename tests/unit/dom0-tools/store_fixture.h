/* SPDX-License-Identifier: MIT */
/*
 * A store with a session of domain 0, one of domain 1, which has a home, and the tools' connection.
 * Domains 0 to 2 are introduced; what else the sessions ask of their host is only written down.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "store_wire.h"

#define HOME "/local/domain/1"

extern struct store *store;
extern struct store_connection *tools;
extern struct store_session *dom0, *dom1;
extern struct store_limits limits; /* of both sessions */
extern const struct store_host host;
extern char asked[64];   /* of the host, last */
extern int host_error;   /* what it says */
extern const char *text; /* for wire_fetch() */

/* @output, @context: dom1's, see store_session_open(). */
void store_fixture_start(void (*output)(void *context), void *context);
/* A test's teardown. Nothing may be left of domain 1. */
int store_fixture_end(void **state);

#endif
