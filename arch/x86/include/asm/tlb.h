/* SPDX-License-Identifier: MIT */
/*
 * Translation caches: the flushes of this and other CPUs, and a clock that tells whether one is
 * still needed.
 *
 * tlb_now counts full flushes of any CPU. A CPU that flushes stamps itself with the new count; a
 * frame whose last (writable) mapping goes is stamped with the present one. Translations of a frame
 * can be stale on a CPU only if the CPU's stamp is not newer than the frame's. The counter is 32
 * bits wide and compared modulo 2^32; a CPU that has not flushed for a quarter of the range is made
 * to flush.
 *
 * Guest user mappings are global, so that going back and forth between the two roots of a vCPU
 * (write_cr3) keeps them. A full flush therefore includes global translations.
 */
#ifndef ASM_TLB_H
#define ASM_TLB_H

#include <asm/instructions.h>
#include <cpumask.h>

extern u32 tlb_now;

static inline u32 tlb_clock(void)
{
    return READ_ONCE(tlb_now);
}

/* Forgets one page's translation on this CPU, global or not. */
static inline void tlb_flush_page(unsigned long va)
{
    invlpg(va);
}

/* Boot CPU, after the CPU features are known. */
void tlb_init(void);

/*
 * Loads another root (machine address) and forgets everything, global translations too. Any
 * context.
 */
void tlb_switch_root(unsigned long cr3);
/* Forgets all translations of this CPU. Any context. */
void tlb_flush_local(void);

/*
 * Do the same on the CPUs of @mask, this one included if it is there; they return when all have
 * done it. Interrupts may be off: while it waits, a CPU serves the requests of others.
 */
void tlb_flush_mask(const cpumask_t *mask);
void tlb_flush_page_mask(const cpumask_t *mask, unsigned long va);
/* Serves the flush that another CPU asked for: handler of IPI_FLUSH_VECTOR. */
void tlb_flush_interrupt(void);
/*
 * To be called in a loop that waits for another CPU, since that one may be waiting for a flush of
 * this one. Any context.
 */
void tlb_relax(void);

/* Writes back and invalidates the caches of this CPU, or of the CPUs of @mask. */
void cache_flush_local(void);
void cache_flush_mask(const cpumask_t *mask);

#endif
