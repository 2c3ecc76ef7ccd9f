/* SPDX-License-Identifier: MIT */
/*
 * Indices that a guest supplies, kept in bounds under misspeculation, too: by arithmetic on the
 * flags of the comparison, which no branch prediction can get wrong.
 */
#ifndef ASM_NOSPEC_H
#define ASM_NOSPEC_H

#include <types.h>

/* @return @index where it is below @size, else 0 */
static inline unsigned long index_nospec(unsigned long index, unsigned long size)
{
    unsigned long mask;

    __asm__("cmp %1, %2\n\tsbb %0, %0" : "=r"(mask) : "r"(size), "r"(index) : "cc");
    return index & mask;
}

/*
 * Is a guest-supplied @*index below @size? Where the branch on the answer is mispredicted, @*index
 * is 0. One comparison serves for both.
 */
static inline bool index_ok(unsigned long *index, unsigned long size)
{
    unsigned long mask;
    bool too_large;

    __asm__("cmp %2, %3\n\tsbb %0, %0" : "=r"(mask), "=@ccz"(too_large) : "r"(size), "r"(*index));
    if (__builtin_expect(too_large, 0))
        return false;
    *index &= mask;
    return true;
}

#endif
