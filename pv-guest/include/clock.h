/* SPDX-License-Identifier: MIT */
/*
 * Time: the nanosecond clock from the hypervisor's per-vCPU time record, wall clock, and the
 * one-shot timer that the thread scheduler sleeps with.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define NANOSECONDS_PER_SECOND ((uint64_t)1000000000)
#define MILLISECONDS(n)        ((uint64_t)(n)*1000000ull)

/* Nanoseconds since the hypervisor started ("system time"). */
uint64_t clock_now(void);

/* Nanoseconds since 1970-01-01 UTC. */
uint64_t clock_wall(void);

/* Timer events (VIRQ_TIMER) that vCPU 0 took so far. */
unsigned int clock_timer_events(void);

/* The time-stamp counter. */
static inline uint64_t clock_tsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((uint64_t)high << 32) | low;
}

#endif
