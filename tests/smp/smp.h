/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs of the faked machine at once. Each program is one of two engines:
 *
 * smp_interleave.c  one host thread, a coroutine a CPU: the seed alone says which CPU runs when, so
 *                     a failure is seen again with its seeds
 * smp_threads.c     a host thread a CPU, with delays by chance: what the processor does between
 *                     two points, too
 *
 * Interrupts are requests to flush. They arrive at points where the CPU has interrupts on.
 */
#ifndef SMP_H
#define SMP_H

#include <host_x86.h>

/* Runs @fn on every CPU and comes back when all have returned. @seed: of all that is by chance. */
void smp_run(void (*fn)(void), u64 seed);

/* A CPU has done something: they do not wait for each other for ever. */
void smp_progress(void);

/* ---- for the two engines (smp.c) ---- */

/* Has an interrupt been sent to @cpu? Takes it back. */
bool smp_take_interrupt(unsigned int cpu);
/* What happens at a point besides a switch; nothing in it is a point. True: an interrupt came. */
bool smp_events(u64 random);
/* Panics unless CR3 of this CPU names a root that is validated and counted (midway.c). */
void smp_check_root(void);
/* The interrupt of this CPU, which waits for nothing else. */
void smp_interrupt(void);

#endif
