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
 * Boot only: maps device registers [@pa, @pa + @bytes) uncached, and leaves them mapped. (The
 * window is IOREMAP_START; boot/paging.c.)
 * @return their address; NULL: window or memory is used up
 */
void *ioremap(paddr_t pa, size_t bytes);

#endif
