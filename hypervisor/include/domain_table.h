/* SPDX-License-Identifier: MIT */
/* Which domains there are (domain_table.c); find_domain() and its relatives are in domain.h. */
#ifndef BULKHEAD_DOMAIN_TABLE_H
#define BULKHEAD_DOMAIN_TABLE_H

#include "domain.h"

/* Enters a domain, whose id is free, and takes it out. Locks: takes RANK_DOMAIN_LIST. */
void domain_table_insert(struct domain *d);
void domain_table_remove(struct domain *d);

/* Notes that @d has shut down, is dead, or has gone: before VIRQ_DOM_EXC is sent. */
void domain_state_changed(const struct domain *d);

/* Takes one id out of the set of those that changed. @return false: there is none */
bool domain_take_changed(domid_t *id);

#endif
