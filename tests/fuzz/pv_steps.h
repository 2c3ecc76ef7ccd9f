/* SPDX-License-Identifier: MIT */
/*
 * Random work of PV domains on their memory: hypercalls of every kind, stores to page tables,
 * grants, descriptor tables, frames given back and exchanged, plain writes to whatever a
 * translation of theirs still allows. Each CPU has an actor, which does it for the vCPU that runs
 * there.
 */
#ifndef PV_STEPS_H
#define PV_STEPS_H

#include <host.h>

#define PV_FRAMES_EACH  14U /* frames a domain starts with */
#define PV_GRANTS       6U  /* grant references in use */
#define PV_MAPPINGS     6U  /* of others' grants that an actor remembers */
#define PV_ACTOR_WINDOW (HOST_WINDOW / PV_CPUS)

/* A grant mapping as it was made. */
struct pv_mapping {
    u32 handle;
    u64 host_addr, dev_bus_addr;
};

struct pv_actor {
    const u8 *input, *input_end; /* what it does, byte by byte */
    u64 random;                  /* and afterwards by this state of pv_random(), not 0 */
    struct pv_mapping mappings[PV_MAPPINGS];
    void (*change_vcpu)(void); /* its CPU may run another one */
    void (*meanwhile)(void);   /* before a call is continued; NULL: nothing happens */
};

extern struct pv_actor pv_actors[PV_CPUS];

u64 pv_random(u64 *state);
/* One step of this CPU's actor. */
void pv_step(void);

/* ---- for further steps of this CPU's actor ---- */

/* The next byte of what it does. */
u8 take(void);
unsigned int pick(unsigned int n); /* a number below @n */
/* A frame of any domain, rarely one that is none. */
unsigned long pick_frame(void);
u64 pick_entry(void); /* of a page table */
/* Few slots, so that trees come about: at both ends, around the hypervisor's. */
unsigned int pick_slot(void);
unsigned long pick_va(void);
domid_t pick_domid(void);
/* A word that is likely to matter: a number near some limit, an address, a flag, or anything. */
u64 pick_word(void);
/*
 * The guest makes its call, which returned @rc, again as long as it is told to, or does something
 * else after a few times.
 */
long follow(long rc);

#endif
