/* SPDX-License-Identifier: MIT */
/*
 * What each CPU remembers of translations, as far as the manuals let it remember the most (Intel
 * SDM volume 3, 4.10):
 *
 * - any translation that its page tables allow may be loaded at any moment, speculatively, and so
 *   may pointers to the tables on the way (paging-structure caches);
 * - a load of CR3 drops all but the global translations, and all pointers to tables;
 * - only a change of CR4.PGE, or INVPCID, drops global ones, too;
 * - a remembered pointer to a table is followed as it is, whatever has become of that table;
 * - INVLPG drops pointers to tables. That it drops one address is not modelled: nothing of ours
 *   relies on it.
 *
 * Frames in the allocator and frames of ours are covered like all others.
 */
#ifndef PV_TLB_H
#define PV_TLB_H

#include <types.h>

/* Forgets all, on all CPUs; for a machine of @frames frames. */
void tlb_model_reset(unsigned long frames);
/* This CPU loads all that it may. Nothing else runs. */
void tlb_model_load_all(void);
/* This CPU loads one translation, by the chance bits @random. */
void tlb_model_load_some(u64 random);
/* May this CPU write to frame @mfn through what it remembers? */
bool tlb_model_may_write(unsigned long mfn);
/* The same through a translation that passes the caches by. */
bool tlb_model_may_write_uncached(unsigned long mfn);
/*
 * Panics when any CPU remembers what it must not: a translation of a frame that has another owner
 * by now, or is ours, or is free and not called dirty; a writable translation of a table in use; a
 * pointer to a table of what is in use as something else.
 */
void tlb_model_check(void);

#endif
