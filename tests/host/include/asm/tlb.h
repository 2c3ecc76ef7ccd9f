/* SPDX-License-Identifier: MIT */
/* Translation caches: there are none; flushes are counted. */
#ifndef ASM_TLB_H
#define ASM_TLB_H

#include <cpumask.h>

extern u32 tlb_now;
extern unsigned long host_tlb_flushes;
/* What another CPU does right after this one has looked at the clock; called once. */
extern void (*host_after_clock)(void);

static inline u32 tlb_clock(void)
{
    void (*other)(void) = host_after_clock;
    u32 now = tlb_now;

    host_after_clock = NULL;
    if (other)
        other();
    return now;
}

static inline void tlb_relax(void)
{
}

static inline void tlb_flush_page(unsigned long va)
{
    host_tlb_flushes++;
}

static inline void tlb_flush_local(void)
{
    tlb_now++;
    host_tlb_flushes++;
}

static inline void tlb_switch_root(unsigned long cr3)
{
    tlb_flush_local();
}

static inline void tlb_flush_mask(const cpumask_t *mask)
{
    tlb_flush_local();
}

static inline void tlb_flush_page_mask(const cpumask_t *mask, unsigned long va)
{
    tlb_flush_page(va);
}

static inline void cache_flush_local(void)
{
}

static inline void cache_flush_mask(const cpumask_t *mask)
{
}

#endif
