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
 * - INVLPG drops the translations of one address, global ones too, and all pointers to tables.
 *
 * This is kept twice. By frame, for what the hypervisor relies on: there INVLPG drops no
 * translation, since the frame may be mapped elsewhere as well. Frames in the allocator and frames
 * of ours are covered like all others. By address (pv_address.c), for guests, which rely on the
 * flushes that they ask for: a sample, as a TLB is one.
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
/* This CPU loads the translation of @va, if its tables have one: its guest touches the page. */
void tlb_model_touch(unsigned long va);
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

/* ---- flushes that a guest asks for ---- */

#define TLB_VCPU(domain, vcpu) ((unsigned int)(domain)*2U + (vcpu)) /* its number here, below 8 */

struct tlb_flush {
    unsigned long since; /* what tlb_model_time() was before the guest asked */
    unsigned int vcpus;  /* whose translations, a bit each by TLB_VCPU() */
    bool here;           /* on this CPU alone */
    bool all;            /* all addresses, not @va alone */
    unsigned long va;
};

unsigned long tlb_model_time(void);
/* The flush has been made. Panics when a CPU still has a translation from before it. */
void tlb_model_check_flush(const struct tlb_flush *f);

/* ---- between pv_tlb.c and pv_address.c ---- */

void tlb_addresses_reset(void);
/* This CPU loads the translation of @va for its vCPU. */
void tlb_addresses_load(unsigned long va, bool global);
/* This CPU forgets all, or all but global translations. */
void tlb_addresses_forget(bool global);
void tlb_addresses_forget_one(unsigned long va);

#endif
