/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs of the faked machine at once. Programs do one of two things, pv_smp.c or vcpus.c,
 * with one of two engines; smp_pairs.c has two operations meet at each of their points, with the
 * first engine:
 *
 * smp_interleave.c  one host thread, a coroutine a CPU: the seed alone says which CPU runs when, so
 *                     a failure is seen again with its seeds
 * smp_threads.c     a host thread a CPU, with delays by chance: what the processor does between
 *                     two points, too
 *
 * Interrupts arrive at points where the CPU has interrupts on.
 */
#ifndef SMP_H
#define SMP_H

#include <host_x86.h>

/* ---- a program of tests/smp (pv_smp.c, vcpus.c), for seeds.c and smp.c ---- */

/* Does all that @seed says. */
void smp_try_seed(u64 seed);
/*
 * This CPU is at a point, with interrupts on: what happens besides flushes, by the chance bits
 * @random. Nothing in it is a point.
 */
void smp_devices(u64 random);

/* ---- for it ---- */

/* Runs @fn on every CPU and comes back when all have returned. @seed: of all that is by chance. */
void smp_run(void (*fn)(void), u64 seed);

/*
 * The same on two CPUs, as coroutines: @first runs up to its point number @points, then the other
 * one until it is done or waits for the first, then the first again, and so on.
 */
void smp_run_interrupted(void (*fn)(void), unsigned int first, unsigned int points);

/* A CPU has done something: they do not wait for each other for ever. */
void smp_progress(void);

/* ---- for the two engines (smp.c) ---- */

/* Has @cpu been asked to flush? Takes the interrupt back. */
bool smp_take_interrupt(unsigned int cpu);
/* Has @cpu been interrupted for anything else? Takes it back. */
bool smp_take_event(unsigned int cpu);
/* What happens at a point besides a switch; nothing in it is a point. True: an interrupt came. */
bool smp_events(u64 random);
/* Panics unless CR3 of this CPU names a root that is validated and counted (midway.c). */
void smp_check_root(void);
/* The interrupt of this CPU that asks it to flush. */
void smp_interrupt(void);

#endif
