/* SPDX-License-Identifier: MIT */
/*
 * Devices that domains were asked to release and did not release in time: they are removed when the
 * domains do so, be it hours later. Private to dom0-tools/service.
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
 * Has a device removed when its domain releases it. If memory is short it is not, and the user has
 * to detach it again.
 */
void device_late_begin(const struct device *v);

/* Stops waiting for a device, if it did. */
void device_late_end(const struct device *v);

#endif
