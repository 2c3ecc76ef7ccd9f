/* SPDX-License-Identifier: MIT */
/*
 * What caches hide, as far as the manuals let them hide the most (Intel SDM volume 3, 12.3 and
 * 12.12.4).
 *
 * host_ram is what cached accesses see. A write past the caches changes main memory alone: each
 * line may be cached already, because we or the guest have read it, or because the processor
 * speculated. When the processor drops the line, which it may do at any time, main memory's content
 * shows. Only a flush of the line makes that certain. All CPUs share it.
 */
#ifndef PV_CACHE_H
#define PV_CACHE_H

#include <types.h>

/* Caches and main memory agree on all @frames frames of a machine. */
void cache_model_reset(unsigned long frames);
/* A CPU loads the L1 entry @e for frame @mfn. Panics when it shows what the last owner left. */
void cache_model_mapped(unsigned long mfn, u64 e);
/* The guest writes word @slot of a frame past the caches. */
void machine_write_uncached(unsigned long mfn, unsigned int slot, u64 val);
/* How many frames we have flushed from the caches since cache_model_reset(). */
extern unsigned long machine_cache_flushes;
/*
 * Panics when main memory holds what we have not checked of a table in use, or what the last owner
 * of a frame wrote.
 */
void cache_model_check(void);

#endif
