/* SPDX-License-Identifier: MIT */
/*
 * The network back driver: the vifs of other domains as ports of the bridge.
 */
#ifndef DRIVERS_NETBACK_H
#define DRIVERS_NETBACK_H

#include <drivers/net.h>

/*
 * Pages that are left to the rest of this domain: with fewer free no packet waits for a front end
 * that has no empty page, it is dropped.
 */
#define NETBACK_FREE_PAGES 2048u

/* Serves the vifs that the tools put into the store. @return 0 or a negative errno. */
int netback_start(void);

/*
 * What went through a vif since it was made: "sent" is what the domain received. Call it from
 * threads. @return false when there is no such vif.
 */
bool netback_counters(domid_t domid, unsigned int handle, struct net_counters *counters);

/* Calls @entry for each vif; from threads. @entry may not wait. */
void netback_each(void (*entry)(void *context, domid_t domid, const struct net_counters *counters),
                  void *context);

#endif
