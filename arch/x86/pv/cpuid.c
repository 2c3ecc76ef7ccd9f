/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a PV guest sees it: the processor's own leaves, reduced to what works in ring 3 under
 * us, and the ABI's leaves at 0x40000000.
 *
 * The masks are Xen's list of features for all guests (public header arch-x86/cpufeatureset.h of
 * libxen-dev, mark A), less what needs an MSR that we do not give (IBRSB, STIBP, SSBD, ARCH_CAPS,
 * DBEXT), RTM, and the topology bits HTT and CMP_LEGACY: a PV guest has no caches or threads of its
 * own.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/cpu_policy.h>
#include <asm/msr.h>
#include <asm/pv.h>
#include <public/arch-x86/cpuid.h>
#include <version.h>

#define MAX_BASIC     0xdU
#define MAX_EXTENDED  0x80000008U
#define LEAF_XEN_TIME 3U

#define FEATURES_1_EDX        0x0fc9cbf5U
#define FEATURES_1_ECX        0xf6d83203U
#define FEATURES_7_EBX        0xfdaf0329U
#define FEATURES_7_ECX        0x02405f43U
#define FEATURES_7_EDX        0x0000441cU
#define FEATURES_7_1_EAX      0x00001c30U
#define FEATURES_D_1_EAX      0x00000007U /* XSAVEOPT, XSAVEC, XGETBV with 1 */
#define FEATURES_80000001_EDX 0xea500800U
#define FEATURES_80000001_ECX 0x002109e1U
#define FEATURES_80000008_EBX 0x64001005U

/*
 * On AMD's CPUs EDX of 80000001 repeats these bits of leaf 1. SEP is not one of them: its bit is
 * SYSCALL there.
 */
#define AMD_SHARED_EDX 0x0183f3ffU

#define F1_EDX_MTRR       (1U << 12)
#define F1_ECX_HYPERVISOR (1U << 31)
#define F1_ECX_XSAVE      (1U << 26)
#define F1_ECX_OSXSAVE    (1U << 27)
#define F1_ECX_NEED_AVX   (1U << 28 | 1U << 12 | 1U << 29) /* AVX, FMA, F16C */
#define F7_EBX_NEED_AVX   (1U << 5)                        /* AVX2 */
#define F7_EBX_NEED_512   0xdc230000U          /* AVX512F, DQ, IFMA, PF, ER, CD, BW, VL */
#define F7_ECX_NEED_AVX   (1U << 9 | 1U << 10) /* VAES, VPCLMULQDQ */
#define F7_ECX_NEED_512   (1U << 1 | 1U << 6 | 1U << 11 | 1U << 12 | 1U << 14)
#define F7_EDX_NEED_512   (1U << 2 | 1U << 3)
#define F71_EAX_NEED_AVX  (1U << 4)
#define F71_EAX_NEED_512  (1U << 5)
#define FE_ECX_NEED_AVX   (1U << 11 | 1U << 16) /* XOP, FMA4 */
#define FE_EDX_ITSC       (1U << 8)             /* of leaf 80000007 */

#define XSTATE_AVX    4UL
#define XSTATE_AVX512 0xe0UL

static bool is_amd(void)
{
    return !strcmp(boot_cpu.vendor, "AuthenticAMD") || !strcmp(boot_cpu.vendor, "HygonGenuine");
}

/* @return XCR0 of @v; where a toolstack asks for no vCPU, XCR0 as after a reset */
static u64 guest_xcr0(const struct vcpu *v)
{
    return v && v->arch.xcr0 ? v->arch.xcr0 : 3;
}

/* Removes the features that use state which we do not switch. */
static u32 without(u32 features, u32 need_avx, u32 need_512)
{
    if (!(xfeature_mask & XSTATE_AVX))
        features &= ~need_avx;
    if (!(xfeature_mask & XSTATE_AVX512))
        features &= ~need_512;
    return features;
}

static void leaf_1(const struct vcpu *v, struct cpuid *r)
{
    u32 features = FEATURES_1_EDX;

    /* Dom0's kernel sets up memory types through platform_op. */
    if (v && v->domain->privileged && in_guest_kernel(v))
        features |= F1_EDX_MTRR;
    r->ebx &= 0x0000ff00; /* CLFLUSH line; no APIC id, no threads */
    r->edx &= features;
    r->ecx = without(r->ecx & FEATURES_1_ECX, F1_ECX_NEED_AVX, 0) | F1_ECX_HYPERVISOR;
    /*
     * CR4.OSXSAVE is ours and always on, and CPUID that does not fault says so too. It is the state
     * of CR4, not a feature, so only a vCPU is shown it.
     */
    if (!xfeature_mask)
        r->ecx &= ~F1_ECX_XSAVE;
    else if (v)
        r->ecx |= F1_ECX_OSXSAVE;
}

static void leaf_7(u32 subleaf, struct cpuid *r)
{
    switch (subleaf) {
    case 0:
        r->eax = MIN(r->eax, 1U);
        r->ebx = without(r->ebx & FEATURES_7_EBX, F7_EBX_NEED_AVX, F7_EBX_NEED_512);
        r->ecx = without(r->ecx & FEATURES_7_ECX, F7_ECX_NEED_AVX, F7_ECX_NEED_512);
        r->edx = without(r->edx & FEATURES_7_EDX, 0, F7_EDX_NEED_512);
        break;
    case 1:
        *r = (struct cpuid){
            .eax = without(r->eax & FEATURES_7_1_EAX, F71_EAX_NEED_AVX, F71_EAX_NEED_512)};
        break;
    default:
        *r = (struct cpuid){0};
    }
}

/* Extended state: shows the sizes of what we switch, not of all that the processor has. */
static void leaf_d(const struct vcpu *v, u32 subleaf, struct cpuid *r)
{
    if (!xfeature_mask) {
        *r = (struct cpuid){0};
        return;
    }
    switch (subleaf) {
    case 0:
        *r = (struct cpuid){
            .eax = (u32)xfeature_mask,
            .ebx = xsave_size(guest_xcr0(v)),
            .ecx = xsave_size(xfeature_mask),
            .edx = (u32)(xfeature_mask >> 32),
        };
        break;
    case 1:
        *r = (struct cpuid){.eax = r->eax & FEATURES_D_1_EAX};
        if (r->eax & 2) /* XSAVEC: compacted, so standard is an upper bound */
            r->ebx = xsave_size(guest_xcr0(v));
        break;
    default:
        if (subleaf >= 63 || !(xfeature_mask >> subleaf & 1))
            *r = (struct cpuid){0};
    }
}

static void basic_leaf(const struct vcpu *v, u32 leaf, u32 subleaf, struct cpuid *r)
{
    switch (leaf) {
    case 0:
        r->eax = MIN(r->eax, MAX_BASIC);
        break;
    case 1:
        leaf_1(v, r);
        break;
    case 2:
        break;
    case 4:
        r->eax &= 0x3fff; /* how caches are shared is topology */
        break;
    case 7:
        leaf_7(subleaf, r);
        break;
    case 0xd:
        leaf_d(v, subleaf, r);
        break;
    default: /* power, performance counters, topology */
        *r = (struct cpuid){0};
    }
}

static void extended_leaf(const struct domain *d, u32 leaf, struct cpuid *r)
{
    u32 shared;

    switch (leaf) {
    case 0x80000000:
        r->eax = MIN(r->eax, MAX_EXTENDED);
        break;
    case 0x80000001:
        shared = is_amd() ? r->edx & AMD_SHARED_EDX & FEATURES_1_EDX : 0;
        r->edx = (r->edx & FEATURES_80000001_EDX) | shared;
        r->ecx = without(r->ecx & FEATURES_80000001_ECX, FE_ECX_NEED_AVX, 0);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: /* the processor's name */
    case 0x80000005:
    case 0x80000006: /* caches */
        break;
    case 0x80000007:
        /* Only dom0, which is never moved to another machine, can rely on the frequency. */
        *r = (struct cpuid){.edx = !d || d->privileged ? r->edx & FE_EDX_ITSC : 0};
        break;
    case 0x80000008:
        *r = (struct cpuid){.eax = r->eax & 0xffff, .ebx = r->ebx & FEATURES_80000008_EBX};
        break;
    default:
        *r = (struct cpuid){0};
    }
}

static void hypervisor_leaf(u32 leaf, u32 subleaf, struct cpuid *r)
{
    *r = (struct cpuid){0};
    switch (leaf - XEN_CPUID_FIRST_LEAF) {
    case 0:
        *r = (struct cpuid){XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES), XEN_CPUID_SIGNATURE_EBX,
                            XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
        break;
    case 1:
        r->eax = XEN_ABI_MAJOR << 16 | XEN_ABI_MINOR;
        break;
    case 2:
        r->eax = 1;                    /* hypercall pages, */
        r->ebx = XEN_CPUID_FIRST_LEAF; /* the MSR that installs them */
        r->ecx = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case LEAF_XEN_TIME:
        if (subleaf == 0)
            r->ecx = (u32)cpu_khz;
        break;
    case 5:
        r->ebx = boot_cpu.phys_bits & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
        break;
    default: /* 4 is for hardware virtualisation */
        break;
    }
}

/*
 * Computes a leaf as a domain is shown it.
 * @d: the domain; NULL: the most that any domain can have
 * @v: the vCPU that executes CPUID; NULL: no vCPU in particular
 */
static void shown_leaf(const struct domain *d, const struct vcpu *v, u32 leaf, u32 subleaf,
                       struct cpuid *out)
{
    *out = (struct cpuid){0};
    if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_LEAF(0xff)) {
        if (leaf <= XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES))
            hypervisor_leaf(leaf, subleaf, out);
    } else if (leaf < 0x80000000) {
        if (leaf > MIN(boot_cpu.max_leaf, MAX_BASIC))
            return;
        *out = cpuid_count(leaf, subleaf);
        basic_leaf(v, leaf, subleaf, out);
    } else {
        if (leaf > MIN(boot_cpu.max_ext_leaf, MAX_EXTENDED))
            return;
        *out = cpuid(leaf);
        extended_leaf(d, leaf, out);
    }
    if (d && unlikely(d->arch.cpu_policy))
        cpu_policy_limit(d->arch.cpu_policy, leaf, subleaf, out);
}

void pv_cpuid(const struct vcpu *v, u32 leaf, u32 subleaf, struct cpuid *out)
{
    shown_leaf(v->domain, v, leaf, subleaf, out);
}

void pv_domain_cpuid(const struct domain *d, u32 leaf, u32 subleaf, struct cpuid *out)
{
    shown_leaf(d, NULL, leaf, subleaf, out);
}
