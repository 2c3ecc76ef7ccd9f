/* SPDX-License-Identifier: MIT */
/*
 * The page tables that a 64-bit PV kernel starts on: which tables given stretches of virtual
 * addresses need, and what they contain. Pure computation.
 */
#ifndef IMAGE_PAGE_TABLES_H
#define IMAGE_PAGE_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_ENTRIES 512
#define TABLE_LEVELS  4
#define MAX_REGIONS   2

/* A stretch of virtual addresses mapped to pfns in a row, and the frames its tables lie in. */
struct table_region {
    uint64_t start, end; /* virtual, multiples of a page; end is the last byte + 1 */
    uint64_t pfn;        /* at start */
    uint64_t limit;      /* pfns from here on are left unmapped */
    uint64_t tables_pfn; /* its tables are here in a row, the root of the tree first of all */
};

struct page_tables {
    struct table_region region[MAX_REGIONS];
    unsigned int regions;
    uint64_t read_only, read_only_end; /* pfns mapped without write access: the tables */
    uint64_t read_only2, read_only2_end;
};

/* How many tables region @r needs beyond those of the regions before it. */
uint64_t page_tables_count(const struct page_tables *t, unsigned int r);

/*
 * Computes table number @n of region @r (0 <= n < its count): its entries go to @entries. @frame
 * gives the machine frame of a pfn.
 */
void page_tables_fill(const struct page_tables *t, unsigned int r, uint64_t n,
                      uint64_t entries[TABLE_ENTRIES],
                      uint64_t (*frame)(const void *context, uint64_t pfn), const void *context);

#endif
