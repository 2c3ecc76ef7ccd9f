/* SPDX-License-Identifier: MIT */
/*
 * Grant tables: a domain lets another one map or copy some of its frames.
 *
 * The granting domain writes entries into shared memory; while a frame is mapped or copied, an
 * active entry of ours pins it and the shared flags say so. Version 1 entries.
 */
#ifndef BULKHEAD_GRANT_TABLE_H
#define BULKHEAD_GRANT_TABLE_H

#include <public/grant_table.h>

#include "domain.h"

int grant_table_create(struct domain *d, unsigned int max_grant_frames,
                       unsigned int max_maptrack_frames);
/* @d is dying: none of its entries is pinned any more. */
void grant_table_close(struct domain *d);
/* Drops every mapping that a dying @d holds of others (preemptible: -ERESTART). */
int grant_table_release_mappings(struct domain *d);
/*
 * The dying domain's shared frames: unshare_hv_page() each; they go when nobody maps them.
 * Preemptible: -ERESTART.
 */
int grant_table_unshare(struct domain *d);
/* Frees the table, piece by piece, as long as *@budget lasts. True: it is gone. */
bool grant_table_destroy(struct domain *d, unsigned int *budget);

long do_grant_table_op(unsigned int cmd, unsigned long uop, unsigned int count);

/* XENMAPSPACE_grant_table of XENMEM_add_to_physmap has no meaning for PV; GNTTABOP_setup_table
 * lists the frames. */
/* Toolstack: how many frames does the shared table have now? */
unsigned int grant_table_nr_frames(const struct domain *d);
/* And how many may it have? */
unsigned int grant_table_max_frames(const struct domain *d);
/* For DOMCTL/XENMEM_acquire_resource: the machine frame of shared frame @idx; grows the table. */
int grant_table_get_shared_frame(struct domain *d, unsigned long idx, mfn_t *mfn);
/* Prints what is in use. (Debug key) */
void grant_table_dump(struct domain *d);

#endif
