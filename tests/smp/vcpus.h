/* SPDX-License-Identifier: MIT */
/*
 * vCPUs of three domains under the real scheduler, on several CPUs at once:
 *
 * vcpus.c          the machine: how a CPU passes from a guest through the exit path to the next
 *                  one, how it halts, its clock; rounds and seeds
 * vcpus_guest.c    what a guest does: waits, sleeps, timers, hypercalls
 * vcpus_events.c   what guests know of their event channels, and whether one was lost
 * vcpus_control.c  what is done to guests: pauses, affinities, caps, CPUs that go; our own timers
 * vcpus_check.c    what must hold when all CPUs stand still
 */
#ifndef VCPUS_H
#define VCPUS_H

#include "../fuzz/pv_machine.h"
#include "../fuzz/pv_steps.h"
#include "smp.h"

#define GUEST_VCPUS 2U /* of each domain */

/* What the test knows of a vCPU. */
struct guest {
    u64 mark;      /* in its registers, as it left them */
    u32 on;        /* the CPU on which it runs, + 1; 0: none */
    bool down;     /* the first vCPU has taken it down */
    bool stopped;  /* whoever paused it has been told that it does not run */
    u32 polled[2]; /* the ports of its last poll, 0: none */
    s_time_t born; /* since when its run states are counted */
};

extern struct guest guests[NR_DOMAINS][GUEST_VCPUS];
extern bool with_memory; /* guests change their page tables, too, and scribble anywhere */

static inline struct guest *guest_of(const struct vcpu *v)
{
    return &guests[v->domain->id][v->id];
}

/* The vCPU numbered @n of all domains that live, or NULL. */
struct vcpu *vcpus_nth(unsigned int n);
#define ALL_VCPUS (NR_DOMAINS * GUEST_VCPUS)

/* ---- vcpus.c ---- */

/* Has this CPU, which is in a guest or halted, been interrupted? */
bool vcpus_interrupted(void);
/* Does @cpu take no timer interrupts, since it is taken from the scheduler? */
bool vcpus_cpu_is_off(unsigned int cpu);
void vcpus_set_cpu_off(unsigned int cpu, bool off);
/* Until when the clock of @cpu is quiet; 0: for ever. */
s_time_t vcpus_clock_of(unsigned int cpu);

/* ---- vcpus_guest.c ---- */

/* What guests of this seed do most of all; from GUEST_FOCUSES on: nothing. */
#define GUEST_FOCUSES 6U
extern unsigned int guest_focus;

/* One step of @v, which runs here. @return it has been in the hypervisor */
bool guest_step(struct vcpu *v);
/* A call of its own, with the argument in this CPU's part of guest memory, and back from there. */
long guest_event_op(unsigned int cmd, void *op, unsigned long size);

/* ---- vcpus_events.c ---- */

/* Opens the ports that all domains begin with. One CPU runs. */
void events_begin(bool fifo);
void events_step(struct vcpu *v);
/* Is an event to be delivered to @v, as the exit path sees it? */
bool events_visible(const struct vcpu *v);
/* The guest's handler. */
void events_upcall(struct vcpu *v);
/* Picks a port of @v's domain. */
u32 events_pick_port(void);
/* No event of @d has been lost, and no vCPU sleeps or runs that should see one. */
void events_check(struct domain *d);

/* ---- vcpus_control.c ---- */

void control_begin(void);
/* One step of this CPU's share: of the timers, and on the last CPU of all else. */
void control_step(void);
/* Undoes what is in force: nothing is paused, pinned, capped; all CPUs are there. */
void control_end(void);
void control_check(void);
void control_kill_timers(void);

/* ---- vcpus_check.c ---- */

void vcpus_check(void);

#endif
