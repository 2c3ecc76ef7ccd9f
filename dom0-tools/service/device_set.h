/* SPDX-License-Identifier: MIT */
/* All devices of a domain's configuration at once. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_DEVICE_SET_H
#define TOOLS_SERVICE_DEVICE_SET_H

#include "domains.h"

/*
 * Makes the devices that a new domain's configuration names, and waits until their back ends are
 * ready. @return 0, or -1 with the reason in @e. @d is protected by its life. May wait.
 */
int device_set_create(const struct managed_domain *d, struct error *e);

/* Takes all devices away from a domain that does not run any more. The same holds. */
void device_set_remove(const struct managed_domain *d);

#endif
