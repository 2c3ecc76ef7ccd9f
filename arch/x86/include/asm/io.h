/* SPDX-License-Identifier: MIT */
/* I/O ports and device registers. */
#ifndef ASM_IO_H
#define ASM_IO_H

#include <types.h>

static inline u8 inb(u16 port)
{
    u8 v;

    __asm__ volatile("inb %w1, %b0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u16 inw(u16 port)
{
    u16 v;

    __asm__ volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline u32 inl(u16 port)
{
    u32 v;

    __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void outb(u8 v, u16 port)
{
    __asm__ volatile("outb %b0, %w1" ::"a"(v), "Nd"(port));
}

static inline void outw(u16 v, u16 port)
{
    __asm__ volatile("outw %w0, %w1" ::"a"(v), "Nd"(port));
}

static inline void outl(u32 v, u16 port)
{
    __asm__ volatile("outl %0, %w1" ::"a"(v), "Nd"(port));
}

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
