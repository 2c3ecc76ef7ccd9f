/* SPDX-License-Identifier: MIT */
/* The domains that the store serves over rings. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_STORE_CLIENTS_H
#define TOOLS_SERVICE_STORE_CLIENTS_H

#include <platform.h>
#include <tools/error.h>

/*
 * Serves the ring in machine frame @frame of a domain, which signals by its port @port. Returns 0,
 * or -1 with @e and nothing left behind.
 */
int store_client_attach(domid_t domid, xen_pfn_t frame, evtchn_port_t port, struct error *e);

/* Lets go of a domain's ring with its watches and transactions, if it has one. */
void store_client_detach(domid_t domid);

/* Whether the store serves the domain: it has a ring and has not broken it. */
bool store_client_is_connected(domid_t domid);

/*
 * Some domain has stopped or died: fires @releaseDomain where that is so, and lets go of those that
 * are gone and that the service did not create, whom nobody else lets go.
 */
void store_clients_look(void);

/*
 * Serves the ring behind @port (-1: none), and what the store has to tell to other domains.
 * Bounded: what is left over makes platform_wait return.
 */
void store_clients_serve(int port);

#endif
