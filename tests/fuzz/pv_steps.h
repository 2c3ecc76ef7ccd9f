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
#define PV_ACTOR_WINDOW (HOST_WINDOW / HOST_CPUS)

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
};

extern struct pv_actor pv_actors[HOST_CPUS];

u64 pv_random(u64 *state);
/* One step of this CPU's actor. */
void pv_step(void);

#endif
