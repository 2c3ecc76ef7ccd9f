/* SPDX-License-Identifier: MIT */
/*
 * x87, SSE and AVX state of vCPUs, switched eagerly.
 *
 * While a vCPU runs, the registers hold all of its state, also of components that it has switched
 * off in its XCR0. So we save and load with all components enabled, and each vCPU's registers
 * replace the previous one's completely. The hypervisor itself uses none of these registers.
 */
#include <asm/context.h>
#include <asm/pv.h>
#include <page_alloc.h>

#define XSTATE_X87    1UL
#define XSTATE_SSE    2UL
#define XSTATE_AVX    4UL
#define XSTATE_AVX512 0xe0UL /* mask registers, upper halves, registers 16 to 31: all or none */

#define FXSAVE_SIZE       512U
#define FCW_OFFSET        0U
#define MXCSR_OFFSET      24U
#define MXCSR_MASK_OFFSET 28U
#define FCW_RESET         0x37fU
#define MXCSR_RESET       0x1f80U
#define MXCSR_MASK_OLD    0xffbfU /* when the CPU reports none */

u64 xfeature_mask;
static unsigned int area_size = FXSAVE_SIZE;
static u32 mxcsr_mask;
/* These CPUs leave the x87 instruction and data pointers alone unless an exception is pending. */
static bool leaks_fpu_pointers;

static void set_xcr0(u64 xcr0)
{
    struct cpu *cpu = this_cpu();

    if (cpu->arch.xcr0 != xcr0) {
        cpu->arch.xcr0 = xcr0;
        xsetbv(0, xcr0);
    }
}

unsigned int xsave_size(u64 xcr0)
{
    unsigned int size = XSAVE_MINIMUM;

    for (unsigned int i = 2; i < 32; i++) {
        struct cpuid c;

        if (!(xcr0 >> i & 1))
            continue;
        c = cpuid_count(0xd, i);
        size = MAX(size, c.eax + c.ebx);
    }
    return size;
}

void __init fpu_init(void)
{
    u8 *image = alloc_hv_pages(0);

    if (!image)
        panic("no memory for the FPU state");
    clts();
    __asm__ volatile("fninit\n\tfxsaveq %0" : "=m"(*(u8(*)[FXSAVE_SIZE])image));
    memcpy(&mxcsr_mask, image + MXCSR_MASK_OFFSET, sizeof(mxcsr_mask));
    if (!mxcsr_mask)
        mxcsr_mask = MXCSR_MASK_OLD;
    free_hv_pages(image, 0);
    leaks_fpu_pointers = !strcmp(boot_cpu.vendor, "AuthenticAMD") ||
                         !strcmp(boot_cpu.vendor, "HygonGenuine");
    if (!boot_cpu.xsave || boot_cpu.max_leaf < 0xd)
        return;
    xfeature_mask = cpuid_count(0xd, 0).eax &
                    (XSTATE_X87 | XSTATE_SSE | XSTATE_AVX | XSTATE_AVX512);
    if ((xfeature_mask & XSTATE_AVX512) != XSTATE_AVX512 ||
        xsave_size(xfeature_mask) > FPU_AREA_MAX)
        xfeature_mask &= ~XSTATE_AVX512;
    area_size = xsave_size(xfeature_mask);
    fpu_cpu_init();
}

void fpu_cpu_init(void)
{
    clts();
    if (xfeature_mask)
        set_xcr0(xfeature_mask);
}

/* Fills an area with the state after FNINIT and with cleared registers. */
static void reset_area(u8 *area)
{
    const u16 fcw = FCW_RESET;
    const u32 mxcsr = MXCSR_RESET;

    memset(area, 0, area_size);
    memcpy(area + FCW_OFFSET, &fcw, sizeof(fcw));
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

/* Where the image is, from the beginning of struct vcpu, which is that of a page. */
#define AREA_OFFSET ((sizeof(struct vcpu) + 63) & ~63UL)

size_t arch_vcpu_size(void)
{
    return AREA_OFFSET + area_size;
}

void fpu_vcpu_create(struct vcpu *v)
{
    v->arch.fpu = (u8 *)v + AREA_OFFSET;
    reset_area(v->arch.fpu);
}

void fpu_save(struct vcpu *v)
{
    clts();
    if (xfeature_mask) {
        set_xcr0(xfeature_mask);
        if (boot_cpu.xsaveopt)
            __asm__ volatile("xsaveopt64 %0"
                             : "+m"(*(u8(*)[FPU_AREA_MAX])v->arch.fpu)
                             : "a"(~0U), "d"(~0U));
        else
            __asm__ volatile("xsave64 %0"
                             : "+m"(*(u8(*)[FPU_AREA_MAX])v->arch.fpu)
                             : "a"(~0U), "d"(~0U));
    } else {
        __asm__ volatile("fxsaveq %0" : "=m"(*(u8(*)[FXSAVE_SIZE])v->arch.fpu));
    }
}

void fpu_reset_registers(void)
{
    const u32 mxcsr = MXCSR_RESET;

    __asm__ volatile("fninit\n\tldmxcsr %0" ::"m"(mxcsr));
}

void fpu_load(struct vcpu *v)
{
    clts();
    if (unlikely(leaks_fpu_pointers)) {
        const u32 zero = 0;

        /*
         * Overwrites the pointers with ours. FNCLEX comes first, since a pending exception would be
         * raised by FILD.
         */
        __asm__ volatile("fnclex\n\tffree %%st(7)\n\tfildl %0" ::"m"(zero));
    }
    if (xfeature_mask) {
        set_xcr0(xfeature_mask);
        __asm__ volatile("xrstor64 %0" ::"m"(*(u8(*)[FPU_AREA_MAX])v->arch.fpu), "a"(~0U),
                         "d"(~0U));
        set_xcr0(v->arch.xcr0 ? v->arch.xcr0 : XSTATE_X87 | XSTATE_SSE);
    } else {
        __asm__ volatile("fxrstorq %0" ::"m"(*(u8(*)[FXSAVE_SIZE])v->arch.fpu));
    }
}

void fpu_get_legacy(const struct vcpu *v, void *fxsave)
{
    const u16 fcw = FCW_RESET;
    u64 present = ~0UL;

    memcpy(fxsave, v->arch.fpu, FXSAVE_SIZE);
    if (!xfeature_mask)
        return;
    /* Components in their initial state may not have been written. */
    memcpy(&present, v->arch.fpu + XSAVE_HEADER, sizeof(present));
    if (!(present & XSTATE_X87)) {
        memset(fxsave, 0, MXCSR_OFFSET);
        memcpy(fxsave, &fcw, sizeof(fcw));
        memset((u8 *)fxsave + 32, 0, 128);
    }
    if (!(present & XSTATE_SSE))
        memset((u8 *)fxsave + 160, 0, 256);
}

/* Clears the reserved bits of MXCSR, which would fault when the state is loaded. */
static void mask_mxcsr(u8 *area)
{
    u32 mxcsr;

    memcpy(&mxcsr, area + MXCSR_OFFSET, sizeof(mxcsr));
    mxcsr &= mxcsr_mask;
    memcpy(area + MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
}

void fpu_set_legacy(struct vcpu *v, const void *fxsave)
{
    const u64 present = XSTATE_X87 | XSTATE_SSE;

    reset_area(v->arch.fpu);
    memcpy(v->arch.fpu, fxsave, FXSAVE_SIZE);
    mask_mxcsr(v->arch.fpu);
    if (xfeature_mask)
        memcpy(v->arch.fpu + XSAVE_HEADER, &present, sizeof(present));
}

void fpu_get_xstate(const struct vcpu *v, void *area, unsigned int bytes)
{
    struct xsave_header header;

    memcpy(area, v->arch.fpu, bytes);
    /*
     * A processor may say of a component in its initial state that it is not; the vCPU cannot have
     * touched one that was never on.
     */
    memcpy(&header, v->arch.fpu + XSAVE_HEADER, sizeof(header));
    header.xstate_bv &= v->arch.xcr0_accum;
    memcpy((u8 *)area + XSAVE_HEADER, &header, sizeof(header));
}

void fpu_set_xstate(struct vcpu *v, const void *area, unsigned int bytes)
{
    reset_area(v->arch.fpu);
    memcpy(v->arch.fpu, area, bytes);
    mask_mxcsr(v->arch.fpu);
}

bool fpu_xcr0_ok(u64 xcr0)
{
    if (!xfeature_mask || (xcr0 & ~xfeature_mask) || !(xcr0 & XSTATE_X87))
        return false;
    if ((xcr0 & XSTATE_AVX) && !(xcr0 & XSTATE_SSE))
        return false;
    return !(xcr0 & XSTATE_AVX512) ||
           ((xcr0 & XSTATE_AVX512) == XSTATE_AVX512 && xcr0 & XSTATE_AVX);
}

bool fpu_set_xcr0(struct vcpu *v, u64 xcr0)
{
    if (!fpu_xcr0_ok(xcr0))
        return false;
    v->arch.xcr0 = (u32)xcr0;
    v->arch.xcr0_accum |= (u32)xcr0;
    set_xcr0(xcr0);
    return true;
}
