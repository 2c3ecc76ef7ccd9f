/* SPDX-License-Identifier: MIT */
/*
 * Grant table, version 1. References are kept on a free list threaded through arrays of our own,
 * because the table itself is shared with the hypervisor. The table is set up on first use, at
 * addresses with room for the largest table that is possible, and grows a piece at a time.
 */
#include <errno.h>
#include <grant.h>
#include <guest.h>
#include <hypercall.h>
#include <stdlib.h>

#include "internal.h"

#define ENTRIES_PER_FRAME ((unsigned int)(PAGE_SIZE / sizeof(grant_entry_v1_t)))
#define MAX_FRAMES        256u
#define PIECE_FRAMES      4u
#define PIECE_ENTRIES     (PIECE_FRAMES * ENTRIES_PER_FRAME)
#define PIECE_LIST_PAGES  (PIECE_ENTRIES * sizeof(grant_ref_t) / PAGE_SIZE)

/* Operations of one hypercall when mapping for grant_map(). */
#define BATCH 32u

/* How often GNTST_eagain is taken for an answer worth asking for again. */
#define EAGAIN_TRIES 64

static grant_entry_v1_t *table;
static unsigned int frames, max_frames;
static grant_ref_t *next_free[MAX_FRAMES / PIECE_FRAMES];
static grant_ref_t first_free; /* 0: none; the reserved references are never free */

static grant_ref_t *next_of(grant_ref_t reference)
{
    return &next_free[reference / PIECE_ENTRIES][reference % PIECE_ENTRIES];
}

static int map_table_frames(const unsigned long *mfns, unsigned int first, unsigned int count)
{
    for (unsigned int i = first; i < first + count; i++) {
        const char *va = (const char *)table + i * PAGE_SIZE;
        int error = pte_set(pte_lookup(va, 1), make_pte(mfns[i], PTE_KERNEL_DATA));

        if (error)
            return error;
    }
    return 0;
}

/* Adds a piece to the table. Events are disabled. @return whether there are free references now. */
static bool grow_grants(void)
{
    unsigned long mfns[MAX_FRAMES];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = frames + PIECE_FRAMES};
    grant_ref_t begin = frames * ENTRIES_PER_FRAME;
    grant_ref_t *list;

    if (setup.nr_frames > max_frames)
        return false;
    list = pages_alloc(PIECE_LIST_PAGES);
    if (!list)
        return false;
    set_xen_guest_handle(setup.frame_list, mfns);
    if (hypercall_grant_table_op(GNTTABOP_setup_table, &setup, 1) || setup.status != GNTST_okay ||
        map_table_frames(mfns, frames, PIECE_FRAMES)) {
        pages_free(list, PIECE_LIST_PAGES);
        return false;
    }
    next_free[begin / PIECE_ENTRIES] = list;
    frames += PIECE_FRAMES;
    for (grant_ref_t ref = begin + PIECE_ENTRIES; ref-- > begin;) {
        if (ref < GNTTAB_NR_RESERVED_ENTRIES)
            break;
        *next_of(ref) = first_free;
        first_free = ref;
    }
    return true;
}

static void set_up_grants(void)
{
    struct gnttab_query_size query = {.dom = DOMID_SELF};

    if (hypercall_grant_table_op(GNTTABOP_query_size, &query, 1) || query.status != GNTST_okay)
        guest_panic("no grant table: status %d", query.status);
    max_frames = query.max_nr_frames < MAX_FRAMES ? query.max_nr_frames : MAX_FRAMES;
    table = window_reserve(max_frames);
    if (!table || !grow_grants())
        guest_panic("cannot set up the grant table");
}

grant_entry_v1_t *grant_table(void)
{
    if (!table)
        set_up_grants();
    return table;
}

unsigned int grant_entries(void)
{
    grant_table();
    return frames * ENTRIES_PER_FRAME;
}

int grant_offer(domid_t domid, mfn_t mfn, bool readonly)
{
    bool enabled = events_disable();
    grant_entry_v1_t *entry = grant_table();
    grant_ref_t ref = 0;

    if (first_free || grow_grants()) {
        ref = first_free;
        first_free = *next_of(ref);
    }
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
    *next_of(reference) = first_free;
    first_free = reference;
    events_restore(enabled);
    return true;
}

/* ---- many at once ---- */

void grant_copy_batch(struct gnttab_copy *ops, unsigned int count)
{
    if (hypercall_grant_table_op(GNTTABOP_copy, ops, count))
        guest_panic("a batch of grant copies was refused");
    for (unsigned int i = 0; i < count; i++)
        for (int tries = EAGAIN_TRIES; ops[i].status == GNTST_eagain && tries > 0; tries--)
            hypercall_grant_table_op(GNTTABOP_copy, &ops[i], 1);
}

void grant_map_batch(struct gnttab_map_grant_ref *ops, unsigned int count)
{
    if (hypercall_grant_table_op(GNTTABOP_map_grant_ref, ops, count))
        guest_panic("a batch of grant mappings was refused");
    for (unsigned int i = 0; i < count; i++)
        for (int tries = EAGAIN_TRIES; ops[i].status == GNTST_eagain && tries > 0; tries--)
            hypercall_grant_table_op(GNTTABOP_map_grant_ref, &ops[i], 1);
}

void grant_unmap_batch(struct gnttab_unmap_grant_ref *ops, unsigned int count)
{
    if (hypercall_grant_table_op(GNTTABOP_unmap_grant_ref, ops, count))
        guest_panic("a batch of grant unmappings was refused");
    for (unsigned int i = 0; i < count; i++)
        if (ops[i].status != GNTST_okay)
            guest_panic("cannot unmap a grant: status %d", ops[i].status);
}

/* ---- mappings in the window ---- */

/* Undoes the first @count pages, of which those with a handle are mapped. */
static void unmap_pages(struct grant_mapping *mapping, unsigned int count)
{
    struct gnttab_unmap_grant_ref ops[BATCH];
    unsigned int size = 0;

    for (unsigned int i = 0; i < count; i++) {
        ops[size++] = (struct gnttab_unmap_grant_ref){
            .host_addr = (uintptr_t)mapping->va + i * PAGE_SIZE,
            .handle = mapping->handles[i],
        };
        if (size == BATCH || i + 1 == count) {
            grant_unmap_batch(ops, size);
            size = 0;
        }
    }
}

/* Maps pages from @first on, at most a batch. @return how many are mapped; fewer than asked for is
 * an error. */
static unsigned int map_pages(struct grant_mapping *mapping, unsigned int first, unsigned int count,
                              domid_t domid, const grant_ref_t *references, bool readonly)
{
    struct gnttab_map_grant_ref ops[BATCH];
    unsigned int mapped = 0;

    for (unsigned int i = 0; i < count; i++)
        ops[i] = (struct gnttab_map_grant_ref){
            .host_addr = (uintptr_t)mapping->va + (first + i) * PAGE_SIZE,
            .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
            .ref = references[first + i],
            .dom = domid,
        };
    grant_map_batch(ops, count);
    while (mapped < count && ops[mapped].status == GNTST_okay) {
        mapping->handles[first + mapped] = ops[mapped].handle;
        mapped++;
    }
    /* What came through behind the first failure is of no use. */
    for (unsigned int i = mapped; i < count; i++) {
        struct gnttab_unmap_grant_ref unmap = {.host_addr = ops[i].host_addr,
                                               .handle = ops[i].handle};

        if (ops[i].status == GNTST_okay)
            grant_unmap_batch(&unmap, 1);
    }
    return mapped;
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
    for (unsigned int first = 0; first < count; first += BATCH) {
        unsigned int size = count - first < BATCH ? count - first : BATCH;
        unsigned int mapped = map_pages(mapping, first, size, domid, references, readonly);

        if (mapped < size) {
            unmap_pages(mapping, first + mapped);
            error = -EINVAL;
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

/* ---- one copy ---- */

static int copy_grants(struct gnttab_copy *copy_op)
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

    return copy_grants(&op);
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

    return copy_grants(&op);
}
