/* SPDX-License-Identifier: MIT */
/* Privileged registers of this CPU that a context switch and the exception handlers use. */
#ifndef ASM_CONTROL_H
#define ASM_CONTROL_H

#include <asm/cpu_features.h>
#include <asm/msr.h>

static inline unsigned long read_cr0(void)
{
    unsigned long v;

    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}

static inline void write_cr0(unsigned long v)
{
    __asm__ volatile("mov %0, %%cr0" ::"r"(v) : "memory");
}

static inline unsigned long read_cr2(void)
{
    unsigned long v;

    __asm__ volatile("mov %%cr2, %0" : "=r"(v));
    return v;
}

static inline unsigned long read_cr3(void)
{
    unsigned long v;

    __asm__ volatile("mov %%cr3, %0" : "=r"(v));
    return v;
}

static inline void write_cr3(unsigned long v)
{
    __asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory");
}

static inline void write_cr4(unsigned long v)
{
    __asm__ volatile("mov %0, %%cr4" ::"r"(v) : "memory");
}

static inline void clts(void)
{
    __asm__ volatile("clts");
}

static inline void stts(void)
{
    write_cr0(read_cr0() | CR0_TS);
}

static inline void swapgs(void)
{
    __asm__ volatile("swapgs" ::: "memory");
}

#define read_dr(n)                                          \
    ({                                                      \
        unsigned long _dr;                                  \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(_dr)); \
        _dr;                                                \
    })
#define write_dr(n, v) __asm__ volatile("mov %0, %%dr" #n ::"r"((unsigned long)(v)))

static inline u64 xgetbv(u32 index)
{
    u32 lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index));
    return (u64)hi << 32 | lo;
}

static inline void xsetbv(u32 index, u64 v)
{
    __asm__ volatile("xsetbv" ::"c"(index), "a"((u32)v), "d"((u32)(v >> 32)));
}

static inline unsigned long read_fs_base(void)
{
    return rdmsr(MSR_FS_BASE);
}

static inline unsigned long read_gs_base(void)
{
    return rdmsr(MSR_GS_BASE);
}

static inline void lldt(u16 selector)
{
    __asm__ volatile("lldt %0" ::"rm"(selector) : "memory");
}

static inline void ltr(u16 selector)
{
    __asm__ volatile("ltr %0" ::"rm"(selector) : "memory");
}

/* Operand of LGDT and LIDT. */
struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

static inline void lgdt(unsigned long base, u16 limit)
{
    struct table_pointer p = {limit, base};

    __asm__ volatile("lgdt %0" ::"m"(p) : "memory");
}

static inline void lidt(unsigned long base, u16 limit)
{
    struct table_pointer p = {limit, base};

    __asm__ volatile("lidt %0" ::"m"(p) : "memory");
}

#endif
