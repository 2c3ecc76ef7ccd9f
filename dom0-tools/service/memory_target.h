/* SPDX-License-Identifier: MIT */
/*
 * The memory limits of domains follow their targets in the store (memory/target, in KiB), as with
 * libxl: a domain may have its target and DOMAIN_SLACK_KIB, and never more than its maxmem and the
 * same. Private to dom0-tools/service.
 */
#ifndef TOOLS_SERVICE_MEMORY_TARGET_H
#define TOOLS_SERVICE_MEMORY_TARGET_H

#include "domains.h"

/* Opens the connection that watches the targets. @return 0, or -1 with the reason in @e. */
int memory_targets_start(struct error *e);

/* Follows a domain's target from now on. @return 0, or -1 with the reason in @e. */
int memory_target_watch(const struct managed_domain *d, struct error *e);

/* Stops following a domain's target. */
void memory_target_unwatch(const struct managed_domain *d);

/* Sets the limits of the domains whose targets have changed. */
void memory_targets_follow(void);

/* Closes the connection. */
void memory_targets_stop(void);

#endif
