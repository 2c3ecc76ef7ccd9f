/* SPDX-License-Identifier: MIT */
/*
 * Grant tables, version 1: offering this domain's pages to another one, and using pages that
 * another one offers, one by one or many with one hypercall. Safe in threads, work items and event
 * handlers.
 */
#ifndef GRANT_H
#define GRANT_H

#include <pagetable.h>
#include <public/grant_table.h>
#include <stdbool.h>

/* This domain's grant table, for tests; grant_entries() entries. It grows as references run out. */
grant_entry_v1_t *grant_table(void);
unsigned int grant_entries(void);

/* Offers frame @mfn to @domid. @return the reference, or -ENOSPC. */
int grant_offer(domid_t domid, mfn_t mfn, bool readonly);

/* Withdraws an offer. @return false while the other side still has it mapped. */
bool grant_end(grant_ref_t reference);

/* A mapping of another domain's pages. */
struct grant_mapping {
    void *va;
    unsigned int count;
    grant_handle_t *handles;
};

/*
 * Maps pages that @domid offers, one after another in the window.
 * @return 0, or a negative errno with nothing mapped.
 */
int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly);

/* Undoes grant_map(). */
void grant_unmap(struct grant_mapping *mapping);

/*
 * Copies within one page of another domain, at most PAGE_SIZE bytes.
 * @param local address in this domain's physical map; it must not cross a page.
 * @return 0 or a GNTST_* error (negative).
 */
int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length);
int grant_copy_to(const void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                  unsigned int length);

/*
 * Runs operations with one hypercall. Each has a status of its own (GNTST_*); those that the
 * hypervisor asks to repeat (GNTST_eagain) are repeated a few times.
 *
 * A copy may have grants on both sides: set GNTCOPY_source_gref and GNTCOPY_dest_gref, and each
 * side's domain and reference. Elements that follow one another with the same source or
 * destination are cheaper than others.
 */
void grant_copy_batch(struct gnttab_copy *ops, unsigned int count);

/*
 * Whether a status of a copy or a mapping says that the other side granted a wrong page. Of the
 * others two say "not now": the hypervisor is short of memory, which is nobody's fault and passes.
 */
static inline bool grant_is_wrong(int status)
{
    return status != GNTST_okay && status != GNTST_eagain && status != GNTST_no_device_space;
}

/*
 * Maps with one hypercall. Where status is GNTST_okay, `handle` and `dev_bus_addr` (for devices)
 * are set.
 */
void grant_map_batch(struct gnttab_map_grant_ref *ops, unsigned int count);

/*
 * Unmaps with one hypercall and one flush of the TLB. A mapping that cannot be undone is a panic.
 */
void grant_unmap_batch(struct gnttab_unmap_grant_ref *ops, unsigned int count);

#endif
