/* SPDX-License-Identifier: MIT */
/* What the string functions of lib.h are made of. */
#ifndef ASM_STRING_H
#define ASM_STRING_H

#include <types.h>

/*
 * Large pieces go by string instructions, eight bytes at a time: without vector registers, which
 * belong to the guest, nothing is faster on all CPUs.
 */
static inline void memcpy_inline(void *dst, const void *src, size_t n)
{
    size_t words = n / 8, rest = n % 8;

    __asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
                     : "+D"(dst), "+S"(src), "+c"(words)
                     : "r"(rest)
                     : "memory");
}

/* Fills a piece of @n bytes, a multiple of eight, with zeroes. */
static inline void memzero_inline(void *dst, size_t n)
{
    size_t words = n / 8;

    __asm__ volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(0UL) : "memory");
}

#endif
