/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: offering our pages to another domain, and using theirs.
 */
#ifndef GRANT_H
#define GRANT_H

#include <pagetable.h>
#include <public/grant_table.h>
#include <stdbool.h>

/** Our own grant table, for tests; grant_entries() entries. */
grant_entry_v1_t *grant_table(void);
unsigned int grant_entries(void);

/** Offer frame `mfn` to `domid`. @return the reference, or a negative errno. */
int grant_offer(domid_t domid, mfn_t mfn, bool readonly);

/** Withdraw an offer. @return false while the other side still has it mapped. */
bool grant_end(grant_ref_t reference);

/** A mapping of another domain's pages. */
struct grant_mapping {
    void *va;
    unsigned int count;
    grant_handle_t *handles;
};

/**
 * Map pages that `domid` offers, one after another in the window.
 * @return 0, or a negative errno with nothing mapped.
 */
int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly);

/** Undo grant_map(). */
void grant_unmap(struct grant_mapping *mapping);

/**
 * Copy within one page of another domain, at most PAGE_SIZE bytes.
 * @param local address in our physical map; it must not cross a page.
 * @return 0 or a GNTST_* error (negative).
 */
int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length);
int grant_copy_to(const void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                  unsigned int length);

#endif
