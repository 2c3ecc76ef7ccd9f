/* SPDX-License-Identifier: MIT */
/* The near ends of a domain's store and console rings. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_DOMAIN_RINGS_H
#define TOOLS_SERVICE_DOMAIN_RINGS_H

#include <tools/builder.h>

#include "domains.h"

/* Connects to the rings of a domain that was just built. @return 0, or -1 with the reason in @e. */
int domain_rings_attach(struct managed_domain *d, const struct build_result *built,
                        struct error *e);

/*
 * Releases the rings and the session with the store, as far as there are any. The end of the
 * console's output is archived.
 */
void domain_rings_detach(struct managed_domain *d);

/* Serves the console's ring behind @port, and notifies the domain if anything moved. */
void domain_rings_serve(int port);

#endif
