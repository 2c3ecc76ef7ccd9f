/* SPDX-License-Identifier: MIT */
/* Frame table and direct map: conversions between frame numbers, struct page and addresses. */
#ifndef ASM_PAGE_H
#define ASM_PAGE_H

#include <asm/config.h>
#include <types.h>

#define frame_table ((struct page *)FRAME_TABLE_START)

extern unsigned long max_page; /* one above the highest machine frame of RAM */

static inline struct page *mfn_to_page(mfn_t mfn)
{
    return (struct page *)(FRAME_TABLE_START +
                           mfn.n * 32); /* sizeof(struct page); any number will do */
}

static inline mfn_t page_to_mfn(const struct page *pg)
{
    return MFN(pg - frame_table);
}

/*
 * Is there a struct page for this frame, that is, may it be RAM? The struct page of a frame in a
 * hole is all zero and read-only: it is never allocated, and a get on it fails.
 */
static inline bool mfn_valid(mfn_t mfn)
{
    return mfn.n < max_page;
}

/*
 * Is the frame RAM that we use, whoever owns it? A frame that is not RAM may be a device's. Slow:
 * it searches the memory map.
 */
bool frame_is_ram(mfn_t mfn);

static inline void *mfn_to_virt(mfn_t mfn)
{
    return (void *)(DIRECTMAP_START + (mfn.n << PAGE_SHIFT));
}

static inline void *maddr_to_virt(paddr_t pa)
{
    return (void *)(DIRECTMAP_START + pa);
}

/* @return the machine address behind @p, which lies in the direct map */
static inline paddr_t virt_to_maddr(const void *p)
{
    return (paddr_t)p - DIRECTMAP_START;
}

static inline mfn_t virt_to_mfn(const void *p)
{
    return MFN(virt_to_maddr(p) >> PAGE_SHIFT);
}

static inline struct page *virt_to_page(const void *p)
{
    return mfn_to_page(virt_to_mfn(p));
}

#endif
