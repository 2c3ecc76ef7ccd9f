/* SPDX-License-Identifier: MIT */
/* The bit operation on shared words that x86 does better than a compiler's builtin. */
#ifndef ASM_BITOPS_H
#define ASM_BITOPS_H

#include <types.h>

/*
 * Sets bit @bit of @map in one atomic step. BTS finds the word itself, and the carry flag tells
 * what was there; a builtin would need a loop of CMPXCHG.
 * @return whether it was set before
 */
static inline bool test_and_set_bit(unsigned long *map, unsigned int bit)
{
    bool was_set;

    __asm__ volatile("lock btsq %2, %1"
                     : "=@ccc"(was_set), "+m"(*map)
                     : "Jr"((unsigned long)bit)
                     : "memory");
    return was_set;
}

#endif
