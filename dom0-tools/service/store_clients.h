/* SPDX-License-Identifier: MIT */
/*
 * The store, and the domains that it serves over rings. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_STORE_CLIENTS_H
#define TOOLS_SERVICE_STORE_CLIENTS_H

#include <platform.h>
#include <tools/error.h>
#include <tools/store.h>

extern struct store *service_store;

/* The service's own connection to the store, with domain 0's rights. It has no watches. */
extern struct store_connection *service_tools;

/* Makes the store. @return 0, or -1 with the reason in @e. */
int store_clients_start(struct error *e);

/*
 * Serves the ring in machine frame @frame of a domain, which signals by its port @port. @return 0,
 * or -1 with @e and nothing left behind.
 */
int store_client_attach(domid_t domid, xen_pfn_t frame, evtchn_port_t port, struct error *e);

/* Releases a domain's ring with its watches and transactions, if it has one. */
void store_client_detach(domid_t domid);

/* Fire @introduceDomain: a domain has come, and @releaseDomain: one has gone. */
void store_clients_introduced(void);
void store_clients_released(void);

/* Whether the store serves the domain: it has a ring and has not broken it. */
bool store_client_is_connected(domid_t domid);

/*
 * Looks for domains that have stopped or died: fires @releaseDomain for each, and releases the
 * rings of those that are gone and that the service did not create.
 */
void store_clients_look(void);

/* The same for one domain. */
void store_client_look(domid_t domid);

/*
 * Serves the ring behind @port (-1: none), and delivers the events for other domains. The work is
 * bounded; if some is left, platform_wait returns at once.
 */
void store_clients_serve(int port);

#endif
