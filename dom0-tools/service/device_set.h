/* SPDX-License-Identifier: MIT */
/* All devices of a domain's configuration at once. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_DEVICE_SET_H
#define TOOLS_SERVICE_DEVICE_SET_H

#include "domains.h"

/*
 * Makes the devices that a new domain's configuration names, and waits until their back ends are
 * ready. @return 0, or -1 with the reason in @e. The life of @d protects the record meanwhile. May
 * wait.
 */
int device_set_create(const struct managed_domain *d, struct error *e);

/* Removes all devices of a domain that no longer runs; protected in the same way. May wait. */
void device_set_remove(const struct managed_domain *d);

#endif
