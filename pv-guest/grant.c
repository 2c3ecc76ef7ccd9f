/* SPDX-License-Identifier: MIT */
/*
 * Grant table, version 1. References are kept on a free list threaded through an array of our own,
 * because the table itself is shared with the hypervisor. The table is set up on first use.
 */
#include <errno.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>

#include "internal.h"

#define GRANT_FRAMES      4u
#define ENTRIES_PER_FRAME ((unsigned int)(PAGE_SIZE / sizeof(grant_entry_v1_t)))
#define MAX_ENTRIES       (GRANT_FRAMES * ENTRIES_PER_FRAME)

static grant_entry_v1_t *table;
static unsigned int entries;
static grant_ref_t next_free[MAX_ENTRIES];
static grant_ref_t first_free; /* 0: none; the reserved references are never free */

static void set_up(void)
{
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = GRANT_FRAMES};
    unsigned long frames[GRANT_FRAMES];

    set_xen_guest_handle(setup.frame_list, frames);
    if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status != GNTST_okay)
        guest_panic("no grant table: status %d", setup.status);
    table = map_frames(frames, GRANT_FRAMES, DOMID_SELF, PTE_KERNEL_DATA, NULL);
    if (!table)
        guest_panic("cannot map the grant table");
    entries = MAX_ENTRIES;
    for (grant_ref_t ref = entries - 1; ref >= GNTTAB_NR_RESERVED_ENTRIES; ref--) {
        next_free[ref] = first_free;
        first_free = ref;
    }
}

grant_entry_v1_t *grant_table(void)
{
    if (!table)
        set_up();
    return table;
}

unsigned int grant_entries(void)
{
    grant_table();
    return entries;
}

int grant_offer(domid_t domid, mfn_t mfn, bool readonly)
{
    bool enabled = events_disable();
    grant_entry_v1_t *entry = grant_table();
    grant_ref_t ref = first_free;

    if (ref)
        first_free = next_free[ref];
    events_restore(enabled);
    if (!ref)
        return -ENOSPC;
    entry += ref;
    entry->frame = (uint32_t)mfn;
    entry->domid = domid;
    /* The flags make the entry valid, so they come last. */
    __atomic_store_n(&entry->flags, GTF_permit_access | (readonly ? GTF_readonly : 0),
                     __ATOMIC_RELEASE);
    return (int)ref;
}

bool grant_end(grant_ref_t reference)
{
    grant_entry_v1_t *entry = &table[reference];
    uint16_t flags = entry->flags;
    bool enabled;

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED));
    enabled = events_disable();
    next_free[reference] = first_free;
    first_free = reference;
    events_restore(enabled);
    return true;
}

static int map_one(struct grant_mapping *mapping, unsigned int index, domid_t domid,
                   grant_ref_t reference, bool readonly)
{
    struct gnttab_map_grant_ref map = {
        .host_addr = (uintptr_t)mapping->va + index * PAGE_SIZE,
        .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
        .ref = reference,
        .dom = domid,
    };
    long error = hypercall_grant_table_op(GNTTABOP_map_grant_ref, &map, 1);

    if (error)
        return (int)error;
    if (map.status != GNTST_okay)
        return -EINVAL;
    mapping->handles[index] = map.handle;
    return 0;
}

static void unmap_pages(struct grant_mapping *mapping, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct gnttab_unmap_grant_ref unmap = {
            .host_addr = (uintptr_t)mapping->va + i * PAGE_SIZE,
            .handle = mapping->handles[i],
        };

        if (hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1) ||
            unmap.status != GNTST_okay)
            guest_panic("cannot unmap a grant: status %d", unmap.status);
    }
}

int grant_map(struct grant_mapping *mapping, domid_t domid, const grant_ref_t *references,
              unsigned int count, bool readonly)
{
    int error = -ENOMEM;

    mapping->count = count;
    mapping->handles = calloc(count, sizeof(*mapping->handles));
    mapping->va = window_reserve(count);
    if (!mapping->handles || !mapping->va)
        goto fail;
    for (unsigned int i = 0; i < count; i++) {
        error = map_one(mapping, i, domid, references[i], readonly);
        if (error) {
            unmap_pages(mapping, i);
            goto fail;
        }
    }
    return 0;

fail:
    if (mapping->va)
        window_release(mapping->va, count);
    free(mapping->handles);
    return error;
}

void grant_unmap(struct grant_mapping *mapping)
{
    unmap_pages(mapping, mapping->count);
    window_release(mapping->va, mapping->count);
    free(mapping->handles);
}

static int copy(struct gnttab_copy *copy_op)
{
    long error = hypercall_grant_table_op(GNTTABOP_copy, copy_op, 1);

    return error ? GNTST_general_error : copy_op->status;
}

int grant_copy_from(void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                    unsigned int length)
{
    struct gnttab_copy op = {
        .source = {.u.ref = reference, .domid = domid, .offset = (uint16_t)offset},
        .dest = {.u.gmfn = va_to_mfn(local),
                 .domid = DOMID_SELF,
                 .offset = (uint16_t)((uintptr_t)local & (PAGE_SIZE - 1))},
        .len = (uint16_t)length,
        .flags = GNTCOPY_source_gref,
    };

    return copy(&op);
}

int grant_copy_to(const void *local, domid_t domid, grant_ref_t reference, unsigned int offset,
                  unsigned int length)
{
    struct gnttab_copy op = {
        .source = {.u.gmfn = va_to_mfn(local),
                   .domid = DOMID_SELF,
                   .offset = (uint16_t)((uintptr_t)local & (PAGE_SIZE - 1))},
        .dest = {.u.ref = reference, .domid = domid, .offset = (uint16_t)offset},
        .len = (uint16_t)length,
        .flags = GNTCOPY_dest_gref,
    };

    return copy(&op);
}
