/* SPDX-License-Identifier: MIT */
/*
 * Dom0's first page tables, written as plain data: the page-type machine checks and counts them
 * when the root is handed to the vCPU, as it does for any guest.
 */
#include <asm/pte.h>
#include <page.h>

#include "dom0_build.h"

#define ENTRY (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define TABLE (ENTRY | PTE_WRITE | PTE_DIRTY)

/*
 * Tables of a level whose entries cover 2^@shift bytes: pieces of 2^(@shift + 9) bytes that
 * [@start, @end) touches.
 */
static unsigned long __init tables_at(unsigned long start, unsigned long end, unsigned int shift)
{
    return ((end - 1) >> (shift + 9)) - (start >> (shift + 9)) + 1;
}

unsigned long __init dom0_tables_needed(unsigned long start, unsigned long end)
{
    return tables_at(start, end, L1_SHIFT) + tables_at(start, end, L2_SHIFT) +
           tables_at(start, end, L3_SHIFT);
}

/* The table below entry @e, made when there is none. */
static u64 *__init table_below(u64 *e, struct table_pool *pool)
{
    if (!(*e & PTE_PRESENT)) {
        BUG_ON(pool->next >= pool->end);
        memset(dom0_frame(pool->next), 0, PAGE_SIZE);
        *e = dom0_pfn_to_mfn(pool->next++).n << PAGE_SHIFT | TABLE;
    }
    return maddr_to_virt(*e & PTE_ADDR_MASK);
}

void __init dom0_map(unsigned long root, struct table_pool *pool, unsigned long va,
                     unsigned long pfn, bool writable)
{
    u64 *table = dom0_frame(root);

    for (unsigned int shift = L4_SHIFT; shift > L1_SHIFT; shift -= 9)
        table = table_below(&table[pt_index(va, shift)], pool);
    table[pt_index(va, L1_SHIFT)] = dom0_pfn_to_mfn(pfn).n << PAGE_SHIFT | ENTRY |
                                    (writable ? PTE_WRITE | PTE_DIRTY : 0);
}
