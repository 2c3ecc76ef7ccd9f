/* SPDX-License-Identifier: MIT */
/* vCPUs of a domain that is being built. Private to dom0-tools/service. */
#ifndef TOOLS_SERVICE_VCPU_REQUESTS_H
#define TOOLS_SERVICE_VCPU_REQUESTS_H

#include "domains.h"

/*
 * Gives a domain's vCPUs the affinities, and the domain the weight and cap, that its configuration
 * asks for. @return 0, or -1 with the reason in @e.
 */
int domain_place_vcpus(const struct managed_domain *d, struct error *e);

/*
 * Writes into the store that the first @online of a domain's vCPUs are to be used. @return 0, or an
 * error of the store.
 */
int domain_write_availability(const struct managed_domain *d, uint32_t transaction,
                              unsigned int online);

#endif
