/* SPDX-License-Identifier: MIT */
/* A domain's own nodes in the store, without its devices'. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_DOMAIN_NODES_H
#define TOOLS_SERVICE_DOMAIN_NODES_H

#include <tools/builder.h>

#include "domains.h"

/* Writes the nodes that a new domain finds in the store. @return 0, or -1 with the reason in @e. */
int domain_nodes_write(const struct managed_domain *d, const struct build_result *built,
                       struct error *e);

/* Removes these nodes. May wait. */
void domain_nodes_remove(const struct managed_domain *d);

#endif
