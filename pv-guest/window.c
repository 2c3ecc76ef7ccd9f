/* SPDX-License-Identifier: MIT */
/*
 * The window: 512 MiB of kernel addresses for frames that are not in the physical map. Addresses
 * are handed out first-fit by a bitmap; tables below them are made when first needed and stay.
 */
#include <guest.h>
#include <hypercall.h>

#include "internal.h"

#define WINDOW_PAGES (WINDOW_SIZE >> PAGE_SHIFT)

/* Entries changed with one hypercall; the requests are on the stack. */
#define BATCH 64

static uint8_t used[WINDOW_PAGES / 8];
static unsigned long search_start;
static unsigned long free_pages = WINDOW_PAGES;

static bool is_used(unsigned long page)
{
    return used[page / 8] & (1u << (page % 8));
}

static void mark(unsigned long first, unsigned long count, bool in_use)
{
    for (unsigned long page = first; page < first + count; page++) {
        if (in_use)
            used[page / 8] |= (uint8_t)(1u << (page % 8));
        else
            used[page / 8] &= (uint8_t) ~(1u << (page % 8));
    }
}

static long find_addresses(unsigned long from, unsigned long count)
{
    unsigned long found = 0;

    for (unsigned long page = from; page < WINDOW_PAGES; page++) {
        found = is_used(page) ? 0 : found + 1;
        if (found == count)
            return (long)(page + 1 - count);
    }
    return -1;
}

/* Makes sure that the entry for @va at @level exists, building tables from the top. */
static int make_table(const void *va, unsigned int level)
{
    const pte_t *entry = pte_lookup(va, level + 1);

    if (!entry) {
        int error = make_table(va, level + 1);

        if (error)
            return error;
        entry = pte_lookup(va, level + 1);
    }
    if (*entry & PTE_PRESENT)
        return 0;
    return pte_add_table(entry);
}

void *window_reserve(unsigned long pages)
{
    bool enabled = events_disable();
    long first = -1;
    char *va = NULL;

    if (pages > 0 && pages <= WINDOW_PAGES) {
        first = find_addresses(search_start, pages);
        if (first < 0)
            first = find_addresses(0, pages);
    }
    if (first >= 0) {
        va = (char *)WINDOW_BASE + ((unsigned long)first << PAGE_SHIFT);
        for (unsigned long page = 0; page < pages; page++)
            if ((page == 0 || (uintptr_t)(va + page * PAGE_SIZE) % (512 * PAGE_SIZE) == 0) &&
                make_table(va + page * PAGE_SIZE, 1))
                va = NULL;
    }
    if (va) {
        mark((unsigned long)first, pages, true);
        search_start = (unsigned long)first + pages;
        free_pages -= pages;
    }
    events_restore(enabled);
    return va;
}

unsigned long window_free(void)
{
    return free_pages;
}

void window_release(void *va, unsigned long pages)
{
    bool enabled = events_disable();
    unsigned long first = ((uintptr_t)va - WINDOW_BASE) >> PAGE_SHIFT;

    mark(first, pages, false);
    free_pages += pages;
    if (first < search_start)
        search_start = first;
    events_restore(enabled);
}

/* Changes entries of @count pages in as few hypercalls as possible; @mfns NULL empties them.
 * Failures are entered in @errors, or end the work when that is NULL. @return pages dealt with. */
static unsigned long update_entries(char *va, const mfn_t *mfns, unsigned long count, domid_t domid,
                                    pte_t flags, int *errors)
{
    mmu_update_t batch[BATCH];
    unsigned long page = 0;

    while (page < count) {
        unsigned int size = 0, done = 0;
        uint64_t entry = 0;
        long error;

        for (; size < BATCH && page + size < count; size++) {
            char *at = va + (page + size) * PAGE_SIZE;

            /* The entries of neighbours lie in one table, up to its end. */
            if (size == 0 || (uintptr_t)at % (512 * PAGE_SIZE) == 0)
                entry = pte_maddr(pte_lookup(at, 1));
            batch[size].ptr = entry | MMU_NORMAL_PT_UPDATE;
            batch[size].val = mfns ? make_pte(mfns[page + size], flags) : 0;
            entry += sizeof(pte_t);
        }
        error = hypercall_mmu_update(batch, size, &done, domid);
        for (unsigned int i = 0; errors && i < done; i++)
            errors[page + i] = 0;
        page += done;
        if (!error)
            continue;
        if (!errors)
            return page;
        errors[page++] = (int)error;
    }
    return page;
}

/* Empties entries without giving the addresses back. */
static void clear_entries(char *va, unsigned long count)
{
    struct mmuext_op flush = {.cmd = MMUEXT_TLB_FLUSH_ALL};

    if (count == 1)
        flush = (struct mmuext_op){.cmd = MMUEXT_INVLPG_ALL, .arg1.linear_addr = (unsigned long)va};
    if (update_entries(va, NULL, count, DOMID_SELF, 0, NULL) != count ||
        hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF))
        guest_panic("cannot unmap %p", (void *)va);
}

void *map_frames(const mfn_t *mfns, unsigned long count, domid_t domid, pte_t flags, int *errors)
{
    char *va = window_reserve(count);
    unsigned long done;

    if (!va)
        return NULL;
    done = update_entries(va, mfns, count, domid, flags, errors);
    if (done < count) {
        if (done > 0)
            clear_entries(va, done);
        window_release(va, count);
        return NULL;
    }
    return va;
}

void unmap_frames(void *va, unsigned long count)
{
    clear_entries(va, count);
    window_release(va, count);
}
