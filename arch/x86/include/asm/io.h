/* SPDX-License-Identifier: MIT */
/* I/O ports and device registers. */
#ifndef ASM_IO_H
#define ASM_IO_H

#include <asm/instructions.h>

/* 32-bit registers in memory. */
static inline u32 readl(const volatile void *addr)
{
    return *(const volatile u32 *)addr;
}

static inline void writel(u32 v, volatile void *addr)
{
    *(volatile u32 *)addr = v;
}

/*
 * Maps device registers [@pa, @pa + @bytes) uncached, for good; NULL: window or memory used up.
 * Boot only. (The window is IOREMAP_START; boot/paging.c.)
 */
void *ioremap(paddr_t pa, size_t bytes);

#endif
