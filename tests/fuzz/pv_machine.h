/* SPDX-License-Identifier: MIT */
/*
 * A small machine with PV domains for fuzzing the memory half: real page types, page tables,
 * descriptors and grants on the faked machine of tests/host, plus models of what a processor's TLB
 * and caches would remember and the check of the invariant.
 */
#ifndef PV_MACHINE_H
#define PV_MACHINE_H

#include <host.h>

/*
 * Number 0 is privileged and has been given MMIO_FRAME, number 2 has been given I/O ports: both may
 * choose how their pages are cached.
 */
#define NR_DOMAINS 3U
#define MMIO_FRAME 0xfed00UL

extern struct domain *machine_domains[NR_DOMAINS];
extern unsigned long first_frame, machine_frames; /* of the domains; of the machine */

/*
 * Domains with two vCPUs and @frames frames each. The first four frames are the kernel's tables, a
 * pinned root first; they map all frames of the domain from address 0 on, tables read-only.
 */
void machine_start(unsigned int frames);
/* Runs vCPU @vcpu of domain @n from now on. */
void machine_switch(unsigned int n, unsigned int vcpu);
/* The guest runs for a moment, filling the model of the TLB; then everything is compared. */
void machine_check(void);
/* All domains die; nothing may be left. */
void machine_end(void);

/* May the processor still have a writable translation to the frame for the current domain? */
bool machine_may_write(unsigned long mfn);
/* The same for a translation that passes the caches by, and such a write of one word. */
bool machine_may_write_uncached(unsigned long mfn);
void machine_write_uncached(unsigned long mfn, unsigned int slot, u64 val);
/* How many frames we have flushed from the caches since machine_start(). */
extern unsigned long machine_cache_flushes;
/* @d may map @mfn of another domain from now on (it was granted, or @d is privileged). */
void machine_allow(const struct domain *d, unsigned long mfn);
bool machine_allowed(const struct domain *d, unsigned long mfn);

#endif
