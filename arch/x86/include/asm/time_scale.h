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
 * The same rate in units of 2^-60 ns per tick; the rate is below 16 ns and above 2^-28 ns a tick.
 */
static inline u64 time_scale_to_60(struct time_scale s)
{
    return (u64)s.mul << (28 + s.shift);
}

#endif
