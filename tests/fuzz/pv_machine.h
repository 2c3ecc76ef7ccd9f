/* SPDX-License-Identifier: MIT */
/*
 * A small machine with PV domains for fuzzing the memory half: real page types, page tables,
 * descriptors and grants on the faked machine of tests/host, with the models of what processors
 * would remember of translations (pv_tlb.h) and of what their caches hide (pv_cache.h), and the
 * check of the invariant.
 */
#ifndef PV_MACHINE_H
#define PV_MACHINE_H

#include <host_x86.h>

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
/* Runs @next, of one of the domains or an idle one, on this CPU. */
void machine_run(struct vcpu *next);
/*
 * Domain @n, which does not run, dies, and one with number @id takes its place: NULL if there is
 * not enough memory, since others still hold frames of the dead. Calls are not preempted any more.
 */
void machine_renew(unsigned int n, domid_t id);
/* The guest runs for a moment, filling the model of the TLB; then everything is compared. */
void machine_check(void);
/* The part of it that is quick, and can be done after each step: the counts on all frames. */
void machine_check_counts(void);
/* All domains die; nothing may be left. */
void machine_end(void);

/*
 * Dom0 may map @mfn, of any domain, in the tables of domain @id from now on. What that was granted
 * needs no such word.
 */
void machine_allow(domid_t id, unsigned long mfn);
#endif
