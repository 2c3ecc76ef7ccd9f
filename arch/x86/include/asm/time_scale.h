/* SPDX-License-Identifier: MIT */
/* Arithmetic of clock rates: pure, exact, and tested on the host. */
#ifndef ASM_TIME_SCALE_H
#define ASM_TIME_SCALE_H

#include <types.h>

/* @a * @b / @c without overflow in between. @c is not 0 and the result fits 64 bits. */
static inline u64 mul_div64(u64 a, u64 b, u64 c)
{
    u64 high, low, q, r;

    __asm__("mulq %3" : "=a"(low), "=d"(high) : "a"(a), "rm"(b) : "cc");
    __asm__("divq %4" : "=a"(q), "=d"(r) : "a"(low), "d"(high), "rm"(c) : "cc");
    return q;
}

/*
 * As in the ABI's time record: ns = ((ticks << shift) * mul) >> 32, with 2^31 <= mul; a negative
 * shift is to the right.
 */
struct time_scale {
    u32 mul;
    s8 shift;
};

/* @hz of at least 1. */
static inline struct time_scale time_scale_from_hz(u64 hz)
{
    u64 ns_per_sec = 1000000000ULL;
    s8 shift = 0;

    /* Shift the rate into (1, 2] GHz: then mul = 10^9 * 2^32 / hz is in [2^31, 2^32). */
    while (hz > 2 * ns_per_sec) {
        hz >>= 1;
        shift--;
    }
    while (hz <= ns_per_sec) {
        hz <<= 1;
        shift++;
    }
    return (struct time_scale){(u32)mul_div64(ns_per_sec, 1ULL << 32, hz), shift};
}

/*
 * Rates in fixed point, for our own use: nanoseconds per tick in units of 2^-57, good for 10 MHz to
 * 1 THz, and ticks per nanosecond in units of 2^-60.
 */
#define NS_PER_TICK_SHIFT  57
#define TICKS_PER_NS_SHIFT 60

/* The rate of @s in nanoseconds per tick; @s is that of a counter of 10 MHz or more. */
static inline u64 time_scale_fixed(struct time_scale s)
{
    return (u64)s.mul << (NS_PER_TICK_SHIFT - 32 + s.shift);
}

/* Its inverse, rounded up: after that many ticks at least a nanosecond has passed. */
static inline u64 time_scale_inverse(u64 ns_per_tick)
{
    return mul_div64(1ULL << NS_PER_TICK_SHIFT, 1ULL << TICKS_PER_NS_SHIFT, ns_per_tick) + 1;
}

/* @return how many nanoseconds @ticks of a counter last */
static inline u64 ticks_to_ns(u64 ticks, u64 ns_per_tick)
{
    return (u64)((unsigned __int128)ticks * ns_per_tick >> NS_PER_TICK_SHIFT);
}

/*
 * @return the first tick after @ns: at least 1, and all ones for what does not fit 64 bits. Only
 * here does a time that a guest chose become ticks.
 */
static inline u64 ns_to_ticks(u64 ns, u64 ticks_per_ns)
{
    unsigned __int128 ticks = ((unsigned __int128)ns * ticks_per_ns >> TICKS_PER_NS_SHIFT) + 1;

    return ticks >> 64 ? ~0ULL : (u64)ticks;
}

#endif
