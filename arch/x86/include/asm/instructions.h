/* SPDX-License-Identifier: MIT */
/*
 * Instructions that a process may not execute, that would act on the process itself, or that tell
 * which processor it runs on. Each has an inline function with nothing else in it.
 *
 * All that arch/x86/pv/ needs of the processor it gets from here, from asm/system.h (the interrupt
 * flag), and from the window of asm/guest_access.h. tests/host/include replaces these headers by
 * fakes of the instructions, and so the files run in a process, where fuzzers and sanitizers reach
 * them. mk/check-pv.sh holds arch/x86/pv/ to that. (Intel SDM volume 2.)
 */
#ifndef ASM_INSTRUCTIONS_H
#define ASM_INSTRUCTIONS_H

#include <asm/guest_window.h>
#include <types.h>

/* ---- control and debug registers ---- */

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

/* ---- model-specific registers ---- */

static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

/*
 * Reads a register that may not exist.
 * @return false, with *@val 0: the processor has no such register
 */
static inline bool rdmsr_safe(u32 msr, u64 *val)
{
    u32 lo, hi;
    bool ok = true;

    __asm__ volatile("1: rdmsr\n2:\n\t.pushsection .fixup, \"ax\"\n"
                     "3: xor %%eax, %%eax\n\txor %%edx, %%edx\n\tmovb $0, %2\n\tjmp 2b\n\t"
                     ".popsection\n\t" ASM_EXTABLE("1b", "3b")
                     : "=&a"(lo), "=&d"(hi), "+q"(ok)
                     : "c"(msr));
    *val = (u64)hi << 32 | lo;
    return ok;
}

/* ---- what the processor is ---- */

struct cpuid {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    struct cpuid r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

static inline struct cpuid cpuid(u32 leaf)
{
    return cpuid_count(leaf, 0);
}

/* ---- segments ---- */

static inline void swapgs(void)
{
    __asm__ volatile("swapgs" ::: "memory");
}

/* Stores the data selectors as the processor has them. */
static inline void read_selectors(u32 *ds, u32 *es, u32 *fs, u32 *gs)
{
    __asm__ volatile("mov %%ds, %0\n\tmov %%es, %1\n\tmov %%fs, %2\n\tmov %%gs, %3"
                     : "=r"(*ds), "=r"(*es), "=r"(*fs), "=r"(*gs));
}

static inline void clear_selectors(void)
{
    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" ::"r"(0));
}

/*
 * Loads a data selector, or the null selector when that faults. (Needs asm/guest_access.h.)
 * @return false: it faulted
 */
#define load_selector(seg, sel)                                                                 \
    ({                                                                                          \
        u32 _sel = (sel);                                                                       \
        bool _ok = true;                                                                        \
        __asm__ volatile("1: mov %0, %%" #seg "\n2:\n\t.pushsection .fixup, \"ax\"\n"           \
                         "3: xor %0, %0\n\tmov %0, %%" #seg                                     \
                         "\n\tmovb $0, %1\n\tjmp 2b\n\t.popsection\n\t" ASM_EXTABLE("1b", "3b") \
                         : "+r"(_sel), "+q"(_ok));                                              \
        _ok;                                                                                    \
    })

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

/* ---- translations and caches ---- */

static inline void invlpg(unsigned long va)
{
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* INVPCID of type 2: forgets all translations, global ones too. */
static inline void invpcid_all(void)
{
    const struct {
        u64 pcid, va;
    } all = {0, 0};

    __asm__ volatile("invpcid %0, %1" ::"m"(all), "r"(2UL) : "memory");
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" ::: "memory");
}

static inline void clflush(const void *p)
{
    __asm__ volatile("clflush (%0)" ::"r"(p) : "memory");
}

static inline void mfence(void)
{
    __asm__ volatile("mfence" ::: "memory");
}

/* ---- ports ---- */

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

#endif
