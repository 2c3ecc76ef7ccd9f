/* SPDX-License-Identifier: MIT */
/*
 * Page tables: finding and changing entries of the kernel's own tree, and the window, the part of
 * the address space where frames that are not our own get mapped.
 */
#ifndef PAGETABLE_H
#define PAGETABLE_H

#include <memory.h>

typedef uint64_t pte_t;

#define PTE_PRESENT    (1ull << 0)
#define PTE_RW         (1ull << 1)
#define PTE_USER       (1ull << 2)
#define PTE_PWT        (1ull << 3)
#define PTE_PCD        (1ull << 4)
#define PTE_ACCESSED   (1ull << 5)
#define PTE_DIRTY      (1ull << 6)
#define PTE_PSE        (1ull << 7) /* L2 and L3: superpage; L1: PAT */
#define PTE_GLOBAL     (1ull << 8)
#define PTE_AVAIL0     (1ull << 9)
#define PTE_NX         (1ull << 63)
#define PTE_FRAME_MASK 0x000ffffffffff000ull

/* What the kernel uses for its own data, read-only data, text, and for tables. */
#define PTE_KERNEL_DATA (PTE_PRESENT | PTE_RW | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define PTE_KERNEL_RO   (PTE_PRESENT | PTE_ACCESSED | PTE_NX)
#define PTE_KERNEL_TEXT (PTE_PRESENT | PTE_ACCESSED)
#define PTE_TABLE       (PTE_PRESENT | PTE_RW | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

#define WINDOW_BASE 0xffffffffc0000000ul
#define WINDOW_SIZE (512ul << 20)

static inline pte_t make_pte(mfn_t mfn, pte_t flags)
{
    return ((pte_t)mfn << PAGE_SHIFT) | flags;
}

static inline mfn_t pte_mfn(pte_t pte)
{
    return (pte & PTE_FRAME_MASK) >> PAGE_SHIFT;
}

/*
 * Finds the entry for @va at @level (1 is the lowest) in the running kernel root.
 * @return the entry, through the physical map (read-only), or NULL when a level above is absent.
 */
const pte_t *pte_lookup(const void *va, unsigned int level);

/* As pte_lookup(), in the tree whose L4 is at @root in the physical map. */
const pte_t *pte_lookup_in(const pte_t *root, const void *va, unsigned int level);

/* Machine address of an entry found by pte_lookup(), as mmu_update takes it. */
static inline uint64_t pte_maddr(const pte_t *pte)
{
    return va_to_maddr(pte);
}

/* Changes one entry (any level) with mmu_update. @return 0 or a negative errno. */
int pte_set(const pte_t *pte, pte_t value);

/* As pte_set(), for a frame that belongs to domain @domid. */
int pte_set_foreign(const pte_t *pte, pte_t value, domid_t domid);

/*
 * Remaps a page of the physical map to the same frame with other flags, and flushes its
 * translation.
 * @return 0 or a negative errno.
 */
int page_protect(const void *va, pte_t flags);

/* Allocates a table and puts it into an entry that is absent. @return 0 or a negative errno. */
int pte_add_table(const pte_t *entry);

/*
 * Reserves addresses in the window, with page tables below them ready and all entries empty.
 * @return the first address, or NULL when window or memory are exhausted.
 */
void *window_reserve(unsigned long pages);

/*
 * How many pages of addresses are free. What takes many of them leaves WINDOW_KEPT: otherwise the
 * rings and new domains that one page each is enough for could not be mapped any more.
 */
unsigned long window_free(void);
#define WINDOW_KEPT (WINDOW_SIZE / PAGE_SIZE / 16)

/* Gives back addresses from window_reserve(); the entries must be empty again. */
void window_release(void *va, unsigned long pages);

/*
 * Maps machine frames of a domain.
 * @param mfns   the frames, in order.
 * @param count  how many.
 * @param domid  their owner: DOMID_SELF, DOMID_IO, or a domain that we control.
 * @param flags  PTE_KERNEL_DATA or PTE_KERNEL_RO, plus PTE_PCD and the like.
 * @param errors per frame 0 or a negative errno; frames with an error are left unmapped. When
 *               NULL, one error fails the whole call and nothing stays mapped.
 * @return the address of the first page, or NULL.
 */
void *map_frames(const mfn_t *mfns, unsigned long count, domid_t domid, pte_t flags, int *errors);

/* Undoes map_frames(): empties the entries, flushes, releases the window. */
void unmap_frames(void *va, unsigned long count);

#endif
