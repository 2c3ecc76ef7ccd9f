/* SPDX-License-Identifier: MIT */
/* What dom0 does to the other domains of the stress test. */
#ifndef STRESS_CONTROL_H
#define STRESS_CONTROL_H

#include <public/domctl.h>

#include "stress.h"

/* Domains by number: those that live as long as a round, those that die at any time, and empty
 * ones, with which all vCPUs of dom0 do what they like. */
#define FIRST_STEADY 1u
#define FIRST_VICTIM 3u
#define FIRST_EMPTY  STRESS_PEERS
#define DOMAINS      10u

#define DOM0_WEIGHT 2048u /* at least: it makes most of the trouble */

/* What vCPU 0 of dom0 says about the domains that work. */
struct subject {
    uint32_t ready;   /* its vCPUs expect NMIs */
    uint32_t holders; /* of these two: while there are some, no other domain gets the number */
    uint64_t frame;   /* that it said to have; 0: none */
};
extern struct subject subjects[STRESS_PEERS];

/* How often each thing was done. */
extern struct controls {
    uint64_t pauses, nmis, kills, shutdowns, empty, maps, moves, cpus;
} controls;

long stress_domctl(uint32_t command, domid_t domain, struct xen_domctl *op);

/* The parameters of a new domain. */
struct xen_domctl_createdomain stress_new_domain(unsigned int vcpus);

/* Before vCPU @vcpu of dom0 is started. */
void stress_control_prepare(unsigned int vcpu);

/* One thing by chance. */
void stress_control(struct worker *w);

/* Everything is as at first: mappings are gone, all CPUs work. The second is for vCPU 0. */
void stress_control_end(struct worker *w);
void stress_cpus_online(void);

#endif
