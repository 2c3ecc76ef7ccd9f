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
    struct timer timer; /* beats once a second */
    u32 beats;          /* read by the CPU that watches this one */
    u32 accused_at;     /* written by that CPU: beats + 1 when it found this one hung; 0: never */
    unsigned int neighbour; /* the CPU that this one watches, */
    u32 seen;               /* the number of its beats when they last changed, */
    s_time_t seen_since;    /* and when that was */
};

/* Boot, once all CPUs are online. @timeout: seconds without a beat */
void watchdog_start(unsigned int timeout);
/* This CPU goes out of use: it does not beat, and is not watched; and it is back. */
void watchdog_leave(void);
void watchdog_return(void);
/* @return true, in an NMI handler: the NMI says that this CPU hangs, and it does */
bool watchdog_accuses(void);

#endif
