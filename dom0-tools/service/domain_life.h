/* SPDX-License-Identifier: MIT */
/*
 * The life of the domains that the service creates: from their creation to the actions that their
 * configurations name for their end (on_poweroff, on_reboot, on_crash and the like). Private to
 * dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_DOMAIN_LIFE_H
#define TOOLS_SERVICE_DOMAIN_LIFE_H

#include "domains.h"

/* A domain that ends this soon after its start, and this often in a row, is left dead. */
#define QUICK_LIFE 20000000000ull /* ns */
#define QUICK_ENDS 4

/* Finds the domains that have stopped, and starts the actions that their configurations name. */
void domain_life_look(void);

/* The same for one domain. */
void domain_life_look_at(domid_t domid);

#endif
