/* SPDX-License-Identifier: MIT */
/*
 * The watchdog: finds a CPU that no longer leaves the hypervisor, and ends the machine with what
 * that CPU was doing (option watchdog=).
 */
#ifndef ASM_WATCHDOG_H
#define ASM_WATCHDOG_H

#include <timer.h>

/* Part of struct arch_cpu. */
struct watchdog_cpu {
    struct timer timer;     /* beats once a second */
    u32 beats;              /* read by the CPU that watches this one */
    u32 accused_at;         /* beats + 1 when that CPU or an NMI found this one hung; 0: never */
    unsigned int neighbour; /* the CPU that this one watches, */
    u32 seen;               /* the number of its beats when they last changed, */
    s_time_t seen_since;    /* and when that was */
    bool counts;            /* its performance counter counts, */
    u32 own_seen;           /* and what that found of its own beats */
    s_time_t own_since;
};

/*
 * Boot, once all CPUs are online. Prints a line if nothing can watch the only one.
 * @timeout: seconds without a beat
 */
void watchdog_start(unsigned int timeout);
/* This CPU goes out of use: it does not beat, and is not watched; and it is back. */
void watchdog_leave(void);
void watchdog_return(void);
/*
 * To be called by an NMI handler, before watchdog_accuses(): looks at this CPU's own beats.
 * @return did the performance counter send an NMI?
 */
bool watchdog_tick(void);
/* @return true, in an NMI handler: the NMI says that this CPU hangs, and it does */
bool watchdog_accuses(void);

#endif
