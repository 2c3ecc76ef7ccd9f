/* SPDX-License-Identifier: MIT */
/*
 * Bits of page-table entries (Intel SDM volume 3, "4-level paging") and the arithmetic of table
 * indices.
 */
#ifndef ASM_PTE_H
#define ASM_PTE_H

#include <types.h>

#define PTE_PRESENT   (1UL << 0)
#define PTE_WRITE     (1UL << 1)
#define PTE_USER      (1UL << 2)
#define PTE_PWT       (1UL << 3)
#define PTE_PCD       (1UL << 4)
#define PTE_ACCESSED  (1UL << 5)
#define PTE_DIRTY     (1UL << 6)
#define PTE_LARGE     (1UL << 7) /* L2, L3: a 2 MiB or 1 GiB page */
#define PTE_PAT       (1UL << 7) /* L1 */
#define PTE_GLOBAL    (1UL << 8)
#define PTE_NX        (1UL << 63)
#define PTE_ADDR_MASK 0x000ffffffffff000UL

/* Uncached: entry 3 of the PAT is that in the reset value as well as in ours. */
#define PTE_UNCACHED (PTE_PCD | PTE_PWT)

/* What IA32_PAT holds; part of the guest ABI. WB WT UC- UC WC WP UC UC. */
#define PAT_VALUE 0x050100070406UL

#define PT_ENTRIES 512U
#define L1_SHIFT   12
#define L2_SHIFT   21
#define L3_SHIFT   30
#define L4_SHIFT   39

static inline unsigned int pt_index(unsigned long va, unsigned int shift)
{
    return va >> shift & (PT_ENTRIES - 1);
}

#endif
