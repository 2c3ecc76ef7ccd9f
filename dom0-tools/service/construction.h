/* SPDX-License-Identifier: MIT */
/*
 * Making the domain of a record and taking it apart: memory and kernel, rings, nodes, devices.
 * Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_CONSTRUCTION_H
#define TOOLS_SERVICE_CONSTRUCTION_H

#include "domains.h"

/*
 * Makes the domain that a record in LIFE_BUILDING asks for; it stays paused. @return 0, or -1 with
 * the reason in @e and nothing left of it. May wait.
 */
int domain_construct(struct managed_domain *d, struct error *e);

/*
 * Destroys a domain and all that belongs to it. Its record stays, in LIFE_DYING without `exists`.
 * @return 0, or -1 with the reason in @e if the hypervisor keeps the domain. May wait.
 */
int domain_dismantle(struct managed_domain *d, struct error *e);

#endif
