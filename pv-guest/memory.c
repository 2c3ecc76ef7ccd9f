/* SPDX-License-Identifier: MIT */
/*
 * Page allocator: a bitmap with one bit per page of the physical map, set while the page is free,
 * searched from where the last search ended. Guarantees: a page is handed out once, mapped
 * writable, in the physical map. For threads and event handlers alike.
 */
#include <guest.h>
#include <string.h>

#include "internal.h"

#define MAX_PAGES (PHYSICAL_MAP_SIZE >> PAGE_SHIFT)
#define WORD_BITS 64u

/*
 * Runs from this size on come from the upper end. So the small and lasting stay together below, and
 * a large buffer that was found once (a decompressor's dictionary) is found again later.
 */
#define LARGE_RUN 256u

static uint64_t free_map[MAX_PAGES / WORD_BITS];
static unsigned long free_count;
static pfn_t search_start;
static pfn_t search_end; /* pages that can be free are below this */

static unsigned long *p2m;

unsigned long memory_pages(void)
{
    return start_info->nr_pages;
}

unsigned long memory_free_pages(void)
{
    return free_count;
}

mfn_t pfn_to_mfn(pfn_t pfn)
{
    return pfn < start_info->nr_pages ? p2m[pfn] : INVALID_MFN;
}

void pfn_set_mfn(pfn_t pfn, mfn_t mfn)
{
    p2m[pfn] = mfn;
}

pfn_t mfn_to_pfn(mfn_t mfn)
{
    return ((const unsigned long *)MACH2PHYS_VIRT_START)[mfn];
}

static bool page_is_free(pfn_t pfn)
{
    return free_map[pfn / WORD_BITS] & (1ull << (pfn % WORD_BITS));
}

/* Finds @count free pages in [from, to); a word without a free page is skipped at once. */
static pfn_t find_run(pfn_t from, pfn_t to, unsigned long count)
{
    unsigned long found = 0;

    for (pfn_t pfn = from; pfn < to; pfn++) {
        if (pfn % WORD_BITS == 0 && free_map[pfn / WORD_BITS] == 0) {
            found = 0;
            pfn += WORD_BITS - 1;
        } else if (!page_is_free(pfn)) {
            found = 0;
        } else if (++found == count) {
            return pfn + 1 - count;
        }
    }
    return INVALID_MFN;
}

/* As find_run() in [0, to), from the end. */
static pfn_t find_last_run(pfn_t to, unsigned long count)
{
    unsigned long found = 0;

    for (pfn_t pfn = to; pfn-- > 0;) {
        if (pfn % WORD_BITS == WORD_BITS - 1 && free_map[pfn / WORD_BITS] == 0) {
            found = 0;
            pfn -= WORD_BITS - 1;
        } else if (!page_is_free(pfn)) {
            found = 0;
        } else if (++found == count) {
            return pfn;
        }
    }
    return INVALID_MFN;
}

void *pages_alloc(unsigned long count)
{
    bool enabled = events_disable();
    bool large = count >= LARGE_RUN;
    pfn_t first = INVALID_MFN;

    if (large && count <= free_count) {
        first = find_last_run(search_end, count);
    } else if (count > 0 && count <= free_count) {
        first = find_run(search_start, search_end, count);
        if (first == INVALID_MFN)
            first = find_run(0, search_end, count);
    }
    if (first != INVALID_MFN) {
        for (pfn_t pfn = first; pfn < first + count; pfn++)
            free_map[pfn / WORD_BITS] &= ~(1ull << (pfn % WORD_BITS));
        free_count -= count;
        if (!large)
            search_start = first + count;
    }
    events_restore(enabled);
    return first == INVALID_MFN ? NULL : pfn_to_va(first);
}

void *page_alloc(void)
{
    return pages_alloc(1);
}

void *page_alloc_zeroed(void)
{
    void *page = page_alloc();

    if (page)
        memset(page, 0, PAGE_SIZE);
    return page;
}

static void free_range(pfn_t first, pfn_t end)
{
    for (pfn_t pfn = first; pfn < end; pfn++) {
        if (page_is_free(pfn))
            guest_panic("page %#lx freed twice", pfn);
        free_map[pfn / WORD_BITS] |= 1ull << (pfn % WORD_BITS);
    }
    free_count += end - first;
}

void pages_free(void *pages, unsigned long count)
{
    bool enabled = events_disable();
    pfn_t first = va_to_pfn(pages);

    free_range(first, first + count);
    if (first < search_start)
        search_start = first;
    events_restore(enabled);
}

/* The builder puts everything that must stay below the first page behind its page tables, except,
 * possibly, the two ring pages of a domU. */
static bool is_ring_page(pfn_t pfn)
{
    mfn_t mfn = p2m[pfn];

    return !guest_is_dom0() &&
           (mfn == start_info->console.domU.mfn || mfn == start_info->store_mfn);
}

static void release_range(pfn_t first, pfn_t end)
{
    for (pfn_t pfn = first; pfn < end; pfn++)
        if (!is_ring_page(pfn))
            free_range(pfn, pfn + 1);
    if (end > search_end)
        search_end = end;
}

void memory_init(void)
{
    pfn_t first = va_to_pfn((void *)start_info->pt_base) + start_info->nr_pt_frames;
    pfn_t end = start_info->nr_pages < MAX_PAGES ? start_info->nr_pages : MAX_PAGES;
    pfn_t mapped = first;

    p2m = (unsigned long *)start_info->mfn_list;
    while (mapped < end) {
        const pte_t *pte = pte_lookup(pfn_to_va(mapped), 1);

        if (!pte || !(*pte & PTE_PRESENT))
            break;
        mapped++;
    }
    physical_map_protect(mapped);
    release_range(first, mapped);
    /* Each table maps more pages than it takes, so extending feeds itself. */
    while (mapped < end) {
        pfn_t next = (mapped | 511) + 1;

        if (next > end)
            next = end;
        physical_map_extend(mapped, next);
        release_range(mapped, next);
        mapped = next;
    }
}
