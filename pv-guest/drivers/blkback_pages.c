/* SPDX-License-Identifier: MIT */
/*
 * Pages of a front that the block back driver has mapped.
 *
 * With persistent grants a page stays mapped after its first use, found again by a hash of its
 * reference; when all places are taken, those that were not used for the longest time go (a clock
 * with one bit of age). Without, each use maps the page and its end unmaps it, many with one
 * hypercall. References are the front's to choose: the same one may come in many segments.
 */
#include <drivers/blkback.h>
#include <errno.h>
#include <pagetable.h>
#include <stdlib.h>
#include <string.h>

#define NONE  0xffffu
#define EVICT 64u /* pages that make room together */

_Static_assert(BLKBACK_PAGES >= BLKBACK_MAX_SEGMENTS + EVICT, "a request finds room");

/* What is mapped for one command; the work thread is the only one here. */
static struct gnttab_map_grant_ref map_ops[BLKBACK_MAX_SEGMENTS];

static inline void *page_va(const struct blkback_pages *pages, uint16_t index)
{
    return pages->va + index * PAGE_SIZE;
}

static inline uint16_t *chain(const struct blkback_pages *pages, grant_ref_t gref)
{
    return &pages->hash[gref % BLKBACK_HASH];
}

static inline uint16_t find_page(const struct blkback_pages *pages, grant_ref_t gref)
{
    uint16_t index = *chain(pages, gref);

    while (index != NONE && pages->pages[index].gref != gref)
        index = pages->pages[index].next;
    return index;
}

int blkback_pages_init(struct blkback_pages *pages, domid_t domid, bool persistent)
{
    *pages = (struct blkback_pages){.domid = domid, .persistent = persistent, .free = NONE};
    if (window_free() < BLKBACK_PAGES + WINDOW_KEPT)
        return -ENOSPC;
    pages->pages = calloc(BLKBACK_PAGES, sizeof(*pages->pages));
    pages->hash = malloc(BLKBACK_HASH * sizeof(*pages->hash));
    pages->va = window_reserve(BLKBACK_PAGES);
    if (!pages->pages || !pages->hash || !pages->va) {
        blkback_pages_destroy(pages);
        return -ENOMEM;
    }
    memset(pages->hash, 0xff, BLKBACK_HASH * sizeof(*pages->hash));
    for (unsigned int i = BLKBACK_PAGES; i-- > 0;) {
        pages->pages[i].next = pages->free;
        pages->free = (uint16_t)i;
    }
    pages->free_count = BLKBACK_PAGES;
    return 0;
}

static void unhash_mapping(struct blkback_pages *pages, uint16_t index)
{
    uint16_t *link = chain(pages, pages->pages[index].gref);

    while (*link != index)
        link = &pages->pages[*link].next;
    *link = pages->pages[index].next;
}

static inline uint16_t take_free(struct blkback_pages *pages)
{
    uint16_t index = pages->free;

    pages->free = pages->pages[index].next;
    pages->free_count--;
    return index;
}

static inline void give_free(struct blkback_pages *pages, uint16_t index)
{
    pages->pages[index].next = pages->free;
    pages->free = index;
    pages->free_count++;
}

void blkback_pages_flush(struct blkback_pages *pages)
{
    struct gnttab_unmap_grant_ref ops[sizeof(pages->dirty) / sizeof(pages->dirty[0])];

    if (pages->dirty_count == 0)
        return;
    for (unsigned int i = 0; i < pages->dirty_count; i++)
        ops[i] = (struct gnttab_unmap_grant_ref){
            .host_addr = (uintptr_t)page_va(pages, pages->dirty[i]),
            .handle = pages->pages[pages->dirty[i]].handle,
        };
    grant_unmap_batch(ops, pages->dirty_count);
    for (unsigned int i = 0; i < pages->dirty_count; i++)
        give_free(pages, pages->dirty[i]);
    pages->dirty_count = 0;
}

/* Nobody uses the page any more and no chain holds it: to be unmapped at the next flush. */
static void retire_mapping(struct blkback_pages *pages, uint16_t index)
{
    if (pages->dirty_count == sizeof(pages->dirty) / sizeof(pages->dirty[0]))
        blkback_pages_flush(pages);
    pages->pages[index].mapped = false;
    pages->dirty[pages->dirty_count++] = index;
}

void blkback_pages_destroy(struct blkback_pages *pages)
{
    if (pages->pages) {
        for (unsigned int i = 0; i < BLKBACK_PAGES; i++)
            if (pages->pages[i].mapped)
                retire_mapping(pages, (uint16_t)i);
        blkback_pages_flush(pages);
    }
    if (pages->va)
        window_release(pages->va, BLKBACK_PAGES);
    free(pages->hash);
    free(pages->pages);
    memset(pages, 0, sizeof(*pages));
}

/* Makes room: the hand goes round, at most twice, past pages that were used since it last came. */
static void evict_mapping(struct blkback_pages *pages)
{
    unsigned int wanted = EVICT;

    for (unsigned int steps = 0; steps < 2 * BLKBACK_PAGES && wanted > 0; steps++) {
        uint16_t index = (uint16_t)pages->hand;
        struct blkback_page *page = &pages->pages[index];

        if (++pages->hand == BLKBACK_PAGES)
            pages->hand = 0;
        if (!page->mapped || page->users > 0)
            continue;
        if (page->recent) {
            page->recent = false;
            continue;
        }
        unhash_mapping(pages, index);
        retire_mapping(pages, index);
        wanted--;
    }
    blkback_pages_flush(pages);
}

/* A place for a reference that is to be mapped; NONE when all are in use. */
static uint16_t place_page(struct blkback_pages *pages, grant_ref_t gref)
{
    uint16_t index;

    if (pages->free_count == 0) {
        if (pages->persistent)
            evict_mapping(pages);
        else
            blkback_pages_flush(pages);
        if (pages->free_count == 0)
            return NONE;
    }
    index = take_free(pages);
    pages->pages[index].gref = gref;
    pages->pages[index].users = 0;
    if (pages->persistent) {
        pages->pages[index].next = *chain(pages, gref);
        *chain(pages, gref) = index;
    }
    return index;
}

/*
 * Maps the places in `map_ops`; those that could not be mapped are free. @return 0; -EAGAIN: some
 * cannot be mapped now; -EINVAL: a wrong reference.
 */
static int map_places(struct blkback_pages *pages, unsigned int count)
{
    int error = 0;

    grant_map_batch(map_ops, count);
    for (unsigned int i = 0; i < count; i++) {
        uint16_t index = (uint16_t)((map_ops[i].host_addr - (uintptr_t)pages->va) / PAGE_SIZE);
        struct blkback_page *page = &pages->pages[index];

        if (map_ops[i].status == GNTST_okay) {
            page->handle = map_ops[i].handle;
            page->maddr = map_ops[i].dev_bus_addr;
            page->mapped = true;
            continue;
        }
        if (grant_is_wrong(map_ops[i].status))
            error = -EINVAL;
        else if (!error)
            error = -EAGAIN;
        if (pages->persistent)
            unhash_mapping(pages, index);
        give_free(pages, index);
    }
    return error;
}

static inline void set_map_op(struct blkback_pages *pages, unsigned int op, uint16_t index,
                              bool readonly)
{
    map_ops[op] = (struct gnttab_map_grant_ref){
        .host_addr = (uintptr_t)page_va(pages, index),
        .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
        .ref = pages->pages[index].gref,
        .dom = pages->domid,
    };
}

/* Takes back the first @count uses of a command, of which some page could not be had. */
static void undo_mappings(struct blkback_pages *pages, const uint16_t *used, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        struct blkback_page *page = &pages->pages[used[i]];

        if (--page->users == 0 && page->mapped && !pages->persistent)
            retire_mapping(pages, used[i]);
    }
}

/* Where a segment is whose page is at @va and @maddr. */
static inline void set_segment(struct block_segment *to, uint64_t segment, char *va, uint64_t maddr)
{
    uint32_t offset = blkback_segment_first(segment) * SECTOR_SIZE;

    to->va = va + offset;
    to->maddr = maddr + offset;
    to->length = (blkback_segment_last(segment) + 1) * SECTOR_SIZE - offset;
}

/*
 * The common case: segments in pages that stay mapped, and already are mapped. The loop's variables
 * are locals, because it writes memory that, as far as the compiler knows, could be anything's.
 * @param whole all segments are whole pages; a constant, so that each case gets a loop of its own.
 * @return how many segments were dealt with.
 */
static inline __attribute__((always_inline)) unsigned int get_mapped(
    struct blkback_pages *pages, const struct blkback_command *command, uint16_t *used,
    struct block_segment *to, bool whole)
{
    struct blkback_page *const table = pages->pages;
    const uint16_t *const hash = pages->hash;
    char *const base = pages->va;
    const uint64_t *segment = command->segments;
    const uint64_t *const end = segment + command->segment_count;

    for (; segment < end; segment++, to++) {
        uint64_t word = *segment;
        uint16_t index = hash[blkback_segment_gref(word) % BLKBACK_HASH];
        struct blkback_page *page = &table[index];
        char *va = base + index * PAGE_SIZE;

        /* Only the first of a chain; it rarely has more. */
        if (index == NONE || page->gref != blkback_segment_gref(word))
            break;
        page->users++;
        page->recent = true;
        *used++ = index;
        if (whole)
            *to = (struct block_segment){.va = va, .maddr = page->maddr, .length = PAGE_SIZE};
        else
            set_segment(to, word, va, page->maddr);
    }
    return (unsigned int)(segment - command->segments);
}

/* Gets what is mapped already. @return segments dealt with. */
static unsigned int get_first(struct blkback_pages *pages, const struct blkback_command *command,
                              uint16_t *used, struct block_segment *to)
{
    if (!pages->persistent)
        return 0;
    if (command->sectors == (uint64_t)command->segment_count * BLKBACK_PAGE_SECTORS)
        return get_mapped(pages, command, used, to, true);
    return get_mapped(pages, command, used, to, false);
}

int blkback_pages_get(struct blkback_pages *pages, const struct blkback_command *command,
                      bool readonly, uint16_t *used, struct block_segment *segments)
{
    unsigned int first = get_first(pages, command, used, segments);
    unsigned int new_count = 0;
    bool full = false;
    unsigned int i;
    int error = 0;

    if (first == command->segment_count)
        return 0;
    for (i = first; i < command->segment_count; i++) {
        grant_ref_t gref = blkback_segment_gref(command->segments[i]);
        uint16_t index = pages->persistent ? find_page(pages, gref) : NONE;

        if (index == NONE) {
            index = place_page(pages, gref);
            full = index == NONE;
            if (full)
                break;
            /* What stays mapped is mapped for all that may be done with it later. */
            set_map_op(pages, new_count++, index, readonly && !pages->persistent);
        }
        pages->pages[index].users++;
        pages->pages[index].recent = true;
        used[i] = index;
    }
    if (new_count > 0)
        error = map_places(pages, new_count);
    if (!error && full)
        error = -EAGAIN;
    if (error) {
        undo_mappings(pages, used, i);
        return error;
    }
    for (i = first; i < command->segment_count; i++)
        set_segment(&segments[i], command->segments[i], page_va(pages, used[i]),
                    pages->pages[used[i]].maddr);
    return 0;
}

void blkback_pages_put(struct blkback_pages *pages, const uint16_t *used, unsigned int count)
{
    struct blkback_page *const table = pages->pages;
    const uint16_t *const end = used + count;

    if (pages->persistent) {
        for (; used < end; used++)
            table[*used].users--;
        return;
    }
    for (; used < end; used++)
        if (--table[*used].users == 0)
            retire_mapping(pages, *used);
}

const void *blkback_pages_peek(struct blkback_pages *pages, grant_ref_t gref)
{
    uint16_t index = find_page(pages, gref);

    if (index == NONE) {
        index = place_page(pages, gref);
        if (index == NONE)
            return NULL;
        set_map_op(pages, 0, index, false);
        if (map_places(pages, 1))
            return NULL;
    }
    pages->pages[index].recent = true;
    return page_va(pages, index);
}
