/* SPDX-License-Identifier: MIT */
/*
 * Populating a domain and writing to it.
 *
 * The builder asks for memory in extents of 2 MiB, up to 32 in one call: between two calls others
 * run. Where the machine has no such extent left, single frames fill the gap.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "guest_memory.h"

#define EXTENTS_A_CALL 32
#define WINDOW_FRAMES  64u /* mapped at a time: a small domain needs few of its frames filled in */

int guest_memory_let_others_run(struct guest_memory *m)
{
    platform_yield();
    return *m->cancelled ? error_set(m->error, "cancelled") : 0;
}

static long populate_extents(domid_t domid, xen_pfn_t *extents, size_t count, unsigned int order)
{
    struct xen_memory_reservation op = {.nr_extents = count, .extent_order = order, .domid = domid};

    set_xen_guest_handle(op.extent_start, extents);
    return platform_memory_op(XENMEM_populate_physmap, &op);
}

/* Fills one block frame by frame. */
static int populate_singly(struct guest_memory *m, uint64_t block, size_t count, xen_pfn_t *extents)
{
    struct frame_block *b = &m->blocks[block];
    long done;

    for (size_t i = 0; i < count; i++)
        extents[i] = block * BLOCK_FRAMES + i;
    done = populate_extents(m->domid, extents, count, 0);
    if (done != (long)count)
        return error_set(m->error, "not enough free memory: %llu of %llu MiB were found",
                         (unsigned long long)(block * BLOCK_FRAMES + (done > 0 ? done : 0)) >> 8,
                         (unsigned long long)m->frames >> 8);
    b->each = malloc(count * sizeof(*b->each));
    if (!b->each)
        return error_set(m->error, "not enough memory for the domain's frame table");
    memcpy(b->each, extents, count * sizeof(*b->each));
    return 0;
}

static int populate_all(struct guest_memory *m, xen_pfn_t *extents)
{
    uint64_t whole = m->frames / BLOCK_FRAMES, block = 0;
    size_t rest = m->frames % BLOCK_FRAMES;

    while (block < whole) {
        size_t count = whole - block < EXTENTS_A_CALL ? whole - block : EXTENTS_A_CALL;
        long done;

        for (size_t i = 0; i < count; i++)
            extents[i] = (block + i) * BLOCK_FRAMES;
        done = populate_extents(m->domid, extents, count, BLOCK_ORDER);
        if (done < 0)
            done = 0;
        for (long i = 0; i < done; i++)
            m->blocks[block++].first = extents[i];
        if ((size_t)done < count && populate_singly(m, block++, BLOCK_FRAMES, extents))
            return -1;
        if (guest_memory_let_others_run(m))
            return -1;
    }
    return rest ? populate_singly(m, block, rest, extents) : 0;
}

int guest_memory_populate(struct guest_memory *m, domid_t domid, uint64_t frames,
                          const bool *cancelled, struct error *e)
{
    size_t size = BLOCK_FRAMES * sizeof(xen_pfn_t);
    xen_pfn_t *extents;
    int status;

    memset(m, 0, sizeof(*m));
    m->domid = domid;
    m->frames = frames;
    m->cancelled = cancelled;
    m->error = e;
    m->blocks = calloc((frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES, sizeof(*m->blocks));
    extents = platform_buffer_alloc(size);
    status = m->blocks && extents ? populate_all(m, extents) : error_set(e, "not enough memory");
    if (extents)
        platform_buffer_free(extents, size);
    return status;
}

void guest_memory_free(struct guest_memory *m)
{
    guest_memory_close_window(m);
    for (uint64_t i = 0; m->blocks && i < (m->frames + BLOCK_FRAMES - 1) / BLOCK_FRAMES; i++)
        free(m->blocks[i].each);
    free(m->blocks);
    m->blocks = NULL;
}

void guest_memory_close_window(struct guest_memory *m)
{
    if (m->window)
        platform_unmap_frames(m->window, m->mapped);
    m->window = NULL;
}

void *guest_memory_window(struct guest_memory *m, uint64_t pfn, size_t *run)
{
    xen_pfn_t frames[WINDOW_FRAMES];
    uint64_t start = pfn - pfn % WINDOW_FRAMES;

    if (!m->window || start != m->window_pfn) {
        size_t count = m->frames - start < WINDOW_FRAMES ? m->frames - start : WINDOW_FRAMES;

        guest_memory_close_window(m);
        for (size_t i = 0; i < count; i++)
            frames[i] = guest_memory_frame(m, start + i);
        m->window = platform_map_frames(m->domid, frames, count, true);
        if (!m->window) {
            error_set(m->error, "mapping the domain's memory failed");
            return NULL;
        }
        m->window_pfn = start;
        m->mapped = count;
        if (guest_memory_let_others_run(m))
            return NULL;
    }
    *run = m->mapped - (pfn - start);
    return m->window + (pfn - start) * PAGE_BYTES;
}

/* Maps @address. @length, in: bytes wanted; out: bytes that are mapped in a row from there on. */
static uint8_t *reach_page(struct guest_memory *m, uint64_t address, uint64_t *length)
{
    size_t run;
    uint8_t *page = guest_memory_window(m, address >> PAGE_SHIFT, &run);
    uint64_t room;

    if (!page)
        return NULL;
    room = run * PAGE_BYTES - address % PAGE_BYTES;
    if (*length > room)
        *length = room;
    return page + address % PAGE_BYTES;
}

int guest_memory_write(void *context, uint64_t address, const void *data, size_t length)
{
    const uint8_t *from = data;

    while (length) {
        uint64_t part = length;
        uint8_t *to = reach_page(context, address, &part);

        if (!to)
            return -1;
        memcpy(to, from, part);
        from += part;
        address += part;
        length -= part;
    }
    return 0;
}

int guest_memory_clear(void *context, uint64_t address, uint64_t length)
{
    while (length) {
        uint64_t part = length;
        uint8_t *to = reach_page(context, address, &part);

        if (!to)
            return -1;
        memset(to, 0, part);
        address += part;
        length -= part;
    }
    return 0;
}
