/* SPDX-License-Identifier: MIT */
/* What the verbs that list domains share. Private to dom0-tools/bh. */
#ifndef TOOLS_BH_LISTING_H
#define TOOLS_BH_LISTING_H

#include <platform.h>

#include "bh.h"
#include "json.h"

#define SECOND 1000000000ull /* ns */

typedef struct xen_domctl_getdomaininfo domain_info;

/*
 * Calls @show for each domain, or for the @named ones in @domids if that is not 0. @return 0, or -1
 * after a message.
 */
int bh_each_domain(const struct bh_call *call, const domid_t *domids, int named,
                   void (*show)(const domain_info *info, void *context), void *context);

/* Prints the name of a domain, and blanks up to @columns. */
void bh_print_domain(domid_t domid, unsigned int columns);

/* Prints nanoseconds as seconds with one digit behind the point, in @width columns. */
void bh_print_seconds(int width, uint64_t ns);

/* Writes the member "name" of a domain. */
void json_domain(struct json *j, domid_t domid);

#endif
