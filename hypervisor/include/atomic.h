/* SPDX-License-Identifier: MIT */
/*
 * Atomic operations and bit operations on shared words. They use the compiler's builtins, so that
 * they also run on the host.
 */
#ifndef BULKHEAD_ATOMIC_H
#define BULKHEAD_ATOMIC_H

#include "lib.h"

/*
 * Replaces *@p by @new if it holds *@old; otherwise loads the present value into *@old.
 * @return false: it held another value
 */
#define cmpxchg(p, old, new) \
    __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
#define xchg(p, v)          __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)
#define atomic_add(p, v)    __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST)
#define atomic_sub(p, v)    __atomic_sub_fetch(p, v, __ATOMIC_SEQ_CST)
#define atomic_or(p, v)     __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST)
#define atomic_and(p, v)    __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
#define load_acquire(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_mb()            __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()           __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()           __atomic_thread_fence(__ATOMIC_RELEASE)

#define BITS_PER_LONG 64

/*
 * Atomic bit operations on an array of longs, which may be shared with a guest. The architecture
 * defines the first one: bool test_and_set_bit(unsigned long *map, unsigned int bit).
 */
#include <asm/bitops.h>

static inline bool test_and_clear_bit(unsigned long *map, unsigned int bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return atomic_and(&map[bit / BITS_PER_LONG], ~mask) & mask;
}

static inline void set_bit(unsigned long *map, unsigned int bit)
{
    atomic_or(&map[bit / BITS_PER_LONG], 1UL << (bit % BITS_PER_LONG));
}

static inline void clear_bit(unsigned long *map, unsigned int bit)
{
    atomic_and(&map[bit / BITS_PER_LONG], ~(1UL << (bit % BITS_PER_LONG)));
}

static inline bool test_bit(const unsigned long *map, unsigned int bit)
{
    return READ_ONCE(map[bit / BITS_PER_LONG]) >> (bit % BITS_PER_LONG) & 1;
}

#endif
