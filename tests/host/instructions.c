/* SPDX-License-Identifier: MIT */
/*
 * Registers of CPUs that are none: the fakes of tests/host/include/asm/instructions.h. What would
 * fault on a processor ends the test.
 */
#include <asm/cpu_features.h>
#include <asm/instructions.h>
#include <asm/msr.h>

#define WEAK __attribute__((weak))

#define MSR_PRED_CMD 0x49

struct host_port_access host_port_access, host_port_before;
u32 host_port_value;

WEAK struct host_registers *host_registers(void)
{
    static struct host_registers only;

    return &only;
}

WEAK void host_tlb_event(enum host_tlb_event event, unsigned long value)
{
}

unsigned long read_cr0(void)
{
    return host_registers()->cr0;
}

void write_cr0(unsigned long v)
{
    host_registers()->cr0 = v;
}

unsigned long read_cr2(void)
{
    return host_registers()->cr2;
}

unsigned long read_cr3(void)
{
    return host_registers()->cr3;
}

void write_cr3(unsigned long v)
{
    host_registers()->cr3 = v;
    host_tlb_event(HOST_TLB_CR3, v);
}

void write_cr4(unsigned long v)
{
    bool forgets = (host_registers()->cr4 ^ v) & CR4_PGE;

    host_registers()->cr4 = v;
    if (forgets)
        host_tlb_event(HOST_TLB_CR4, v);
}

void clts(void)
{
    host_registers()->cr0 &= ~CR0_TS;
}

u64 xgetbv(u32 index)
{
    return host_registers()->xcr0;
}

void xsetbv(u32 index, u64 v)
{
    host_registers()->xcr0 = v;
}

/* What every 64-bit processor has, and TSC_AUX; NULL: another register. */
static u64 *usual_msr(u32 msr)
{
    struct host_registers *r = host_registers();

    switch (msr) {
    case MSR_FS_BASE:
        return &r->fs_base;
    case MSR_GS_BASE:
        return &r->gs_base;
    case MSR_KERNEL_GS_BASE:
        return &r->kernel_gs_base;
    case MSR_EFER:
        return &r->efer;
    case MSR_TSC_AUX:
        return &r->tsc_aux;
    default:
        return NULL;
    }
}

u64 rdmsr(u32 msr)
{
    const u64 *place = usual_msr(msr);

    if (!place)
        __builtin_trap();
    return *place;
}

WEAK bool rdmsr_safe(u32 msr, u64 *val)
{
    const u64 *place = usual_msr(msr);

    *val = place ? *place : 0x1234;
    return true;
}

static u64 canonical(u64 v)
{
    if ((s64)(v << 16) >> 16 != (s64)v)
        __builtin_trap();
    return v;
}

void wrmsr(u32 msr, u64 v)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        *usual_msr(msr) = canonical(v);
        break;
    case MSR_TSC_AUX:
        if (v >> 32)
            __builtin_trap();
        *usual_msr(msr) = v;
        break;
    case MSR_PRED_CMD:
        if (v & ~1UL)
            __builtin_trap();
        host_registers()->pred_cmds += (unsigned int)v;
        break;
    default:
        __builtin_trap();
    }
}

const struct host_cpuid_leaf *host_cpuid_leaves;
unsigned int host_cpuid_leaf_count;

struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    for (unsigned int i = 0; i < host_cpuid_leaf_count; i++)
        if (host_cpuid_leaves[i].leaf == leaf && host_cpuid_leaves[i].subleaf == subleaf)
            return host_cpuid_leaves[i].says;
    return (struct cpuid){0};
}

void swapgs(void)
{
    struct host_registers *r = host_registers();
    u64 base = r->gs_base;

    r->gs_base = r->kernel_gs_base;
    r->kernel_gs_base = base;
}

void read_selectors(u32 *ds, u32 *es, u32 *fs, u32 *gs)
{
    const struct host_registers *r = host_registers();

    *ds = r->ds;
    *es = r->es;
    *fs = r->fs;
    *gs = r->gs;
}

void clear_selectors(void)
{
    struct host_registers *r = host_registers();

    r->ds = r->es = r->fs = r->gs = 0;
}

WEAK bool host_selector_ok(u32 sel)
{
    return sel < 4;
}

void lldt(u16 selector)
{
    host_registers()->ldt = selector;
}

void ltr(u16 selector)
{
}

void lgdt(unsigned long base, u16 limit)
{
    host_registers()->gdt = base;
    host_registers()->gdt_limit = limit;
}

void lidt(unsigned long base, u16 limit)
{
}

void invlpg(unsigned long va)
{
    host_registers()->invlpg = va;
    host_tlb_event(HOST_TLB_INVLPG, va);
}

void invpcid_all(void)
{
    host_tlb_event(HOST_TLB_CR4, 0);
}

void wbinvd(void)
{
    host_registers()->wbinvds++;
}

WEAK void host_line_flushed(const void *p)
{
}

void clflush(const void *p)
{
    host_line_flushed(p);
}

/* ---- ports ---- */

static u32 port_in(u16 port, u8 bytes)
{
    u32 value = bytes == 4 ? host_port_value : host_port_value & ((1U << 8 * bytes) - 1);

    host_port_before = host_port_access;
    host_port_access = (struct host_port_access){port, bytes, false, value};
    return value;
}

static void port_out(u16 port, u8 bytes, u32 value)
{
    host_port_before = host_port_access;
    host_port_access = (struct host_port_access){port, bytes, true, value};
}

u8 inb(u16 port)
{
    return (u8)port_in(port, 1);
}

u16 inw(u16 port)
{
    return (u16)port_in(port, 2);
}

u32 inl(u16 port)
{
    return port_in(port, 4);
}

void outb(u8 v, u16 port)
{
    port_out(port, 1, v);
}

void outw(u16 v, u16 port)
{
    port_out(port, 2, v);
}

void outl(u32 v, u16 port)
{
    port_out(port, 4, v);
}
