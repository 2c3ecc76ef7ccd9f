/* SPDX-License-Identifier: MIT */
/*
 * Fakes of the instructions of asm/instructions.h: the registers of the CPU that the caller is
 * (instructions.c), nothing behind them. What a CPU remembers of translations is told to
 * host_tlb_event(), which a test may define.
 */
#ifndef ASM_INSTRUCTIONS_H
#define ASM_INSTRUCTIONS_H

#include <types.h>

struct host_registers {
    unsigned long cr0, cr2, cr3, cr4, dr[8];
    u64 fs_base, gs_base, kernel_gs_base, efer, tsc_aux;
    u64 xcr0;
    u32 ds, es, fs, gs;
    unsigned long gdt;
    u16 gdt_limit, ldt;
    unsigned int pred_cmds; /* barriers that were ordered */
    unsigned long invlpg;   /* the last address that was flushed */
    unsigned int wbinvds;
};

/* Of this CPU. */
struct host_registers *host_registers(void);

enum host_tlb_event {
    HOST_TLB_CR3,    /* load of CR3: all but global translations go */
    HOST_TLB_CR4,    /* PGE was changed, or INVPCID: all go */
    HOST_TLB_INVLPG, /* one address */
};
void host_tlb_event(enum host_tlb_event event, unsigned long value);

unsigned long read_cr0(void);
void write_cr0(unsigned long v);
unsigned long read_cr2(void);
unsigned long read_cr3(void);
void write_cr3(unsigned long v);
void write_cr4(unsigned long v);
void clts(void);
#define read_dr(n)     (host_registers()->dr[n])
#define write_dr(n, v) (host_registers()->dr[n] = (unsigned long)(v))
u64 xgetbv(u32 index);
void xsetbv(u32 index, u64 v);
/* A register that not every processor has ends the test. */
u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 v);
/* All registers are there, unless a test has its own. */
bool rdmsr_safe(u32 msr, u64 *val);
struct cpuid {
    u32 eax, ebx, ecx, edx;
};
/* What CPUID says of a leaf; of one that is not among the test's it says 0. */
struct host_cpuid_leaf {
    u32 leaf, subleaf;
    struct cpuid says;
};
extern const struct host_cpuid_leaf *host_cpuid_leaves;
extern unsigned int host_cpuid_leaf_count;
struct cpuid cpuid_count(u32 leaf, u32 subleaf);
static inline struct cpuid cpuid(u32 leaf)
{
    return cpuid_count(leaf, 0);
}
void swapgs(void);
void read_selectors(u32 *ds, u32 *es, u32 *fs, u32 *gs);
void clear_selectors(void);
/* Does what the processor checks of a data selector say yes? (Of the GDT and LDT in use.) */
bool host_selector_ok(u32 sel);
#define load_selector(seg, sel)                 \
    ({                                          \
        u32 _sel = (u16)(sel);                  \
        bool _ok = host_selector_ok(_sel);      \
        host_registers()->seg = _ok ? _sel : 0; \
        _ok;                                    \
    })
void lldt(u16 selector);
void ltr(u16 selector);
void lgdt(unsigned long base, u16 limit);
void lidt(unsigned long base, u16 limit);
void invlpg(unsigned long va);
void invpcid_all(void);
void wbinvd(void);
/* Tells host_line_flushed(), which a test may define, about the line. */
void clflush(const void *p);
void host_line_flushed(const void *p);
static inline void mfence(void)
{
}

/* Every port read gives host_port_value; the last access and the one before it are kept. */
struct host_port_access {
    u16 port;
    u8 bytes;
    bool write;
    u32 value;
};
extern struct host_port_access host_port_access, host_port_before;
extern u32 host_port_value;
u8 inb(u16 port);
u16 inw(u16 port);
u32 inl(u16 port);
void outb(u8 v, u16 port);
void outw(u16 v, u16 port);
void outl(u32 v, u16 port);

#endif
