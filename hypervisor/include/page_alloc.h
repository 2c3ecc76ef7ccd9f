/* SPDX-License-Identifier: MIT */
/*
 * The frame allocator: a buddy system over all of RAM, with two uses.
 *
 * - Hypervisor memory (alloc_hv_pages()): for our own structures; always reached through the direct
 * map.
 * - Domain memory (alloc_domain_pages()): frames assigned to a domain, on its frame list, counted
 * against max_pages.
 *
 * Every frame that is handed out was scrubbed, and scrubbed after every CPU had forgotten the
 * translations of its last owner. RAM never used is scrubbed at its first allocation.
 */
#ifndef BULKHEAD_PAGE_ALLOC_H
#define BULKHEAD_PAGE_ALLOC_H

#include "arch.h"
#include "page.h"

#define MAX_ORDER 18U /* 1 GiB blocks */

struct domain;

/*
 * Boot: hands the frames [@start, @end) to the allocator. Their struct page must be mapped and
 * zero.
 */
void heap_add_range(mfn_t start, mfn_t end);

/* The end of boot: cleans the frames that boot has freed, with interrupts off. */
void heap_scrub_all(void);
/*
 * Cleans frames that were freed, until this CPU, which is idle and has interrupts on, has work:
 * a batch at most.
 * @return false: there was nothing to clean
 */
bool heap_scrub_idle(void);

/*
 * Allocates 2^@order contiguous zeroed frames of our own.
 * @return their address in the direct map; NULL: out of memory
 */
void *alloc_hv_pages(unsigned int order);
void free_hv_pages(void *p, unsigned int order);

#define MEMF_BELOW_4G 1U /* machine addresses below 4 GiB */
#define MEMF_NO_SCRUB 2U /* the caller overwrites everything (dom0's builder) */
/* The bits of @memf above the flags give the largest address width in bits (0: any), as
 * XENMEMF_address_bits does. */
#define MEMF_ADDRESS_BITS(n) ((n) << 8)

/*
 * Allocates 2^@order frames for @d: it owns them, each is PG_ALLOCATED with one general count, is
 * on d->pages and is counted. Their pseudo-physical numbers begin at @pfn (INVALID_M2P_ENTRY: they
 * have none); they are in the M2P table before the frames are the domain's, since from then on any
 * of its vCPUs may give a frame back.
 * @return the first frame's struct page; NULL: out of memory, over d->max_pages, or @d is dying
 */
struct page *alloc_domain_pages_at(struct domain *d, unsigned int order, unsigned int memf,
                                   unsigned long pfn);

static inline struct page *alloc_domain_pages(struct domain *d, unsigned int order,
                                              unsigned int memf)
{
    return alloc_domain_pages_at(d, order, memf, INVALID_M2P_ENTRY);
}

/*
 * The same in two steps, for a domain that gives back as many: allocates frames for @d that nobody
 * owns yet, and lists them behind @aside. Then either all of them are given to @d, whatever its
 * max_pages, or they are freed.
 * @return the first frame's struct page; NULL: out of memory
 */
struct page *alloc_pages_aside(struct domain *d, unsigned int order, unsigned int memf,
                               unsigned long pfn, struct page_list *aside);
void free_pages_aside(struct page_list *aside);
/* @return false: @d is dying, and has got none of them */
bool give_pages_aside(struct domain *d, struct page_list *aside);

/*
 * Sets free memory aside for @d, until it has @pages frames or dies: no other domain gets it. With
 * @pages 0 ends the claim.
 * @return 0; -XEN_EINVAL: @d holds a claim already, has that many frames, or may not have so many;
 * -XEN_ENOMEM: not that much is free and unclaimed
 */
int claim_domain_pages(struct domain *d, unsigned long pages);
/*
 * Drops the PG_ALLOCATED count of a frame that its owner gives back.
 * @return false: that count had been dropped before
 */
bool free_domain_page(struct page *pg);
/*
 * Gives back frames at the front of the list of @d, which dies, as long as nobody else holds one: a
 * batch at most. Takes one lock for all of them.
 * @return how many; the domain's own reference goes with the last of its frames
 */
unsigned int free_domain_batch(struct domain *d);

/*
 * Lends a frame of ours to @d (shared info, grant frames): @d owns it and may map it, writable only
 * with @writable; it stays ours.
 */
void share_hv_page(void *page, struct domain *d, bool writable);
/*
 * Ends the lending. The frame returns to the allocator when the last guest mapping of it is gone;
 * the caller must not use it afterwards.
 */
void unshare_hv_page(void *page);

unsigned long heap_free_pages(void);
unsigned long heap_total_pages(void);
/* @return the number of free frames whose addresses have at most @bits bits */
unsigned long heap_free_pages_below(unsigned int bits);
/* @return the number of frames that are free, but claimed by domains */
unsigned long heap_claimed_pages(void);

/*
 * Small objects of ours: zeroed and 16-byte aligned; those of PAGE_SIZE and above are page-aligned.
 * @return NULL: out of memory
 */
void *xzalloc_bytes(size_t size);
void xfree(void *p);
#define xzalloc(type)          ((type *)xzalloc_bytes(sizeof(type)))
#define xzalloc_array(type, n) ((type *)xzalloc_bytes(sizeof(type) * (n)))
/* @return the bytes that were handed out and not returned, for the leak checks */
unsigned long xalloc_in_use(void);

#endif
