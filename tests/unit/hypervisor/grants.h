/* SPDX-License-Identifier: MIT */
/* Grants between the two domains: a grants, b uses. And the counts on their frames. */
#ifndef GRANTS_H
#define GRANTS_H

#include <grant_impl.h>

#include "two_domains.h"

static inline struct grant_entry_v1 *entry(const struct domain *d, grant_ref_t ref)
{
    return shared_entry(d->grant_table, ref);
}

/* a grants its frame @n to b. */
static inline mfn_t grant(grant_ref_t ref, unsigned int n, u16 flags)
{
    mfn_t mfn = page_to_mfn(host_frame(a, n));

    *entry(a, ref) = (struct grant_entry_v1){
        .flags = (u16)(GTF_permit_access | flags), .domid = 2, .frame = (u32)mfn.n};
    return mfn;
}

static inline u64 refs(mfn_t mfn)
{
    return page_refs(mfn_to_page(mfn)->state);
}

static inline u64 types(mfn_t mfn)
{
    return page_type_count(mfn_to_page(mfn)->state);
}

#endif
