/* SPDX-License-Identifier: MIT */
/*
 * Devices that domains were asked for and have not let go of in the time that the asker waits: they
 * are taken away when the domains do, be it hours later. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_DEVICE_LATE_H
#define TOOLS_SERVICE_DEVICE_LATE_H

#include "device_nodes.h"
#include "domains.h"

/* Takes a device out of a configuration. */
void device_forget(struct managed_domain *d, const struct device *v);

/* Removes what is left of a device that is closed, if its domain still runs and has it. */
void device_take_away(const struct device *v);

/*
 * Has a device taken away when its domain lets go of it. Without memory for that, somebody has to
 * ask again.
 */
void device_late_begin(const struct device *v);

/* Waits for a device no longer, if that was done. */
void device_late_end(const struct device *v);

#endif
