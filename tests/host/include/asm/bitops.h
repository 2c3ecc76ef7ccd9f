/* SPDX-License-Identifier: MIT */
/* The real one is an instruction in assembly, which tests/smp could not stop before. */
#ifndef ASM_BITOPS_H
#define ASM_BITOPS_H

#include <types.h>

static inline bool test_and_set_bit(unsigned long *map, unsigned int bit)
{
    unsigned long mask = 1UL << (bit % BITS_PER_LONG);

    return atomic_or(&map[bit / BITS_PER_LONG], mask) & mask;
}

#endif
