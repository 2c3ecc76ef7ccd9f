/* SPDX-License-Identifier: MIT */
/*
 * Physical memory: pages of this domain, their three numbers, and the page allocator.
 *
 *   pfn   this domain's own numbering, 0 .. memory_pages()-1
 *   mfn   the machine frame behind a pfn, found in the p2m table
 *   va    where the kernel sees it: the physical map, KERNEL_BASE + pfn * PAGE_SIZE
 *
 * The physical map covers the first gigabyte of the domain; the allocator hands out only that.
 *
 *   0xffffffff80000000  KERNEL_BASE: image (text read-only), ramdisk, p2m, tables, free pages
 *   0xffffffffc0000000  WINDOW_BASE: foreign frames, grants, device memory (pagetable.h)
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <public/xen.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

#define KERNEL_BASE       0xffffffff80000000ul
#define PHYSICAL_MAP_SIZE (1ul << 30)

typedef unsigned long pfn_t;
typedef unsigned long mfn_t;

#define INVALID_MFN (~0ul)

/* Pages this domain started with. */
unsigned long memory_pages(void);

/* Pages that are free in the allocator now. */
unsigned long memory_free_pages(void);

mfn_t pfn_to_mfn(pfn_t pfn);

/* Enters a new machine frame for @pfn (after memory exchange); the caller updates the mappings. */
void pfn_set_mfn(pfn_t pfn, mfn_t mfn);

/* The pfn by the machine-to-physical table; meaningless for frames of other domains. */
pfn_t mfn_to_pfn(mfn_t mfn);

static inline void *pfn_to_va(pfn_t pfn)
{
    return (void *)(KERNEL_BASE + (pfn << PAGE_SHIFT));
}

static inline pfn_t va_to_pfn(const void *va)
{
    return ((uintptr_t)va - KERNEL_BASE) >> PAGE_SHIFT;
}

static inline mfn_t va_to_mfn(const void *va)
{
    return pfn_to_mfn(va_to_pfn(va));
}

/* Machine address of a byte in the physical map. */
static inline uint64_t va_to_maddr(const void *va)
{
    return ((uint64_t)va_to_mfn(va) << PAGE_SHIFT) | ((uintptr_t)va & (PAGE_SIZE - 1));
}

static inline void *mfn_to_va(mfn_t mfn)
{
    return pfn_to_va(mfn_to_pfn(mfn));
}

/* Allocates a page, not cleared. @return its address in the physical map, or NULL. */
void *page_alloc(void);

/* Allocates a page of zeroes. */
void *page_alloc_zeroed(void);

/* Allocates @count pages that follow one another in pfn and address (not in mfn). */
void *pages_alloc(unsigned long count);

/* Gives back what page_alloc() or pages_alloc() returned. The pages must be mapped writable. */
void pages_free(void *pages, unsigned long count);

static inline void page_free(void *page)
{
    pages_free(page, 1);
}

#endif
