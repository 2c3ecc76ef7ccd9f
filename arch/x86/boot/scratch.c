/* SPDX-License-Identifier: MIT */
/*
 * Memory for the time of dom0's build, for instance for an unpacked kernel of 70 MB or a
 * decompressor's dictionary.
 *
 * It is put together from 2 MiB blocks, or single pages, in a window of our address space of its
 * own, since so much contiguous memory may not exist. The window is used from its start; addresses
 * are not used again.
 */
#include <asm/config.h>
#include <asm/pte.h>
#include <page_alloc.h>

#include "dom0_build.h"

#define WINDOW_BYTES (8UL << 30)
#define WINDOW_START (IOREMAP_END - WINDOW_BYTES)
#define RW           (PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL | PTE_ACCESSED | PTE_DIRTY)
#define LARGE        (1UL << L2_SHIFT)
#define LARGE_ORDER  (L2_SHIFT - PAGE_SHIFT)
#define PIECES_MAX   32U

struct piece {
    unsigned long start, bytes; /* bytes 0: free slot */
};

static struct piece pieces[PIECES_MAX] __initdata;
static unsigned long window_next __initdata = WINDOW_START;

bool __init is_scratch(const void *p)
{
    return (unsigned long)p >= WINDOW_START && (unsigned long)p < IOREMAP_END;
}

static void __init release_scratch(unsigned long va, unsigned long bytes)
{
    while (bytes) {
        size_t size;
        paddr_t pa = unmap_page(va, &size);

        free_hv_pages(maddr_to_virt(pa), size == LARGE ? LARGE_ORDER : 0);
        va += size;
        bytes -= size;
    }
}

/*
 * Maps memory at [@va, @va + @bytes).
 * @return false, with nothing left behind: memory ran out
 */
static bool __init populate_scratch(unsigned long va, unsigned long bytes)
{
    unsigned long done = 0;

    while (done < bytes) {
        unsigned int order = bytes - done >= LARGE ? LARGE_ORDER : 0;
        void *block = alloc_hv_pages(order);

        if (!block && order) {
            order = 0;
            block = alloc_hv_pages(0);
        }
        if (!block) {
            release_scratch(va, done);
            return false;
        }
        map_range(va + done, virt_to_maddr(block), PAGE_SIZE << order, RW);
        done += PAGE_SIZE << order;
    }
    return true;
}

void *__init scratch_alloc(size_t bytes)
{
    unsigned long va = window_next;

    if (!bytes || bytes > WINDOW_START + WINDOW_BYTES - va)
        return NULL;
    bytes = ROUND_UP(bytes, PAGE_SIZE);
    for (unsigned int i = 0; i < PIECES_MAX; i++) {
        if (pieces[i].bytes)
            continue;
        if (!populate_scratch(va, bytes))
            return NULL;
        pieces[i] = (struct piece){va, bytes};
        /* A page is left unmapped, so that an overrun of the end faults. */
        window_next = ROUND_UP(va + bytes + PAGE_SIZE, LARGE);
        return (void *)va;
    }
    return NULL;
}

void __init scratch_free(void *p)
{
    for (unsigned int i = 0; p && i < PIECES_MAX; i++) {
        if (pieces[i].bytes && pieces[i].start == (unsigned long)p) {
            release_scratch(pieces[i].start, pieces[i].bytes);
            pieces[i].bytes = 0;
            return;
        }
    }
}
