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

/*
 * Creates the grant table of @d. ~0 stands for the usual limit.
 * @return 0; -XEN_ENOMEM; -XEN_EINVAL: no shared frames, or a limit that is too large
 */
int grant_table_create(struct domain *d, unsigned int max_grant_frames,
                       unsigned int max_maptrack_frames);
/* Closes the table of a dying @d: from here on none of its entries is pinned. */
void grant_table_close(struct domain *d);
/*
 * Drops every mapping that a dying @d holds of other domains' frames.
 * @return 0; -ERESTART: preempted, to be called again
 */
int grant_table_release_mappings(struct domain *d);
/*
 * Gives back the shared frames of a dying domain by unshare_hv_page(); each goes when no domain
 * maps it.
 * @return 0; -ERESTART: preempted, to be called again
 */
int grant_table_unshare(struct domain *d);
/*
 * Frees the table piece by piece, as long as *@budget lasts.
 * @return true: it is gone
 */
bool grant_table_destroy(struct domain *d, unsigned int *budget);

long do_grant_table_op(unsigned int cmd, unsigned long uop, unsigned int count);

/*
 * XENMAPSPACE_grant_table of XENMEM_add_to_physmap has no meaning for PV domains:
 * GNTTABOP_setup_table lists the frames.
 */
/* @return how many frames the shared table has now, and how many it may have; for toolstacks */
unsigned int grant_table_nr_frames(const struct domain *d);
unsigned int grant_table_max_frames(const struct domain *d);
/*
 * Gives the machine frame of shared frame @idx, for XENMEM_acquire_resource; grows the table up to
 * it.
 * @return 0; -XEN_EINVAL: beyond the limit, or @d is dying; errors of grant_table_grow()
 */
int grant_table_get_shared_frame(struct domain *d, unsigned long idx, mfn_t *mfn);
/* Prints which entries and mappings are in use, for a debug key. */
void grant_table_dump(struct domain *d);

#endif
