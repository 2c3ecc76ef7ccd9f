/* SPDX-License-Identifier: MIT */
/*
 * Which CPUs are fit to run beside the boot CPU, on a faked processor that is one and then the
 * other: one with more features is, one that lacks a feature is not, and memory types are set as on
 * the boot CPU; but the PAT has to be the same by itself.
 */
/* SOURCES: arch/x86/boot/secondary_check.c hypervisor/lib/printf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/control.h>
#include <lib.h>

#include "../../../arch/x86/boot/secondary.h"

#define VARIABLE   2U /* MTRRs */
#define NR_MSRS    0x300U
#define CPUID_MTRR (1U << 12)

struct processor {
    u32 feature_1_ecx, feature_1_edx, feature_7_ebx, phys_bits;
    u64 msr[NR_MSRS];
    bool stubborn; /* its memory types cannot be written */
};

static struct processor boot, other, *now_is;
static unsigned long cr0, cr4;
static bool caches_off;

unsigned long hv_cr4 = CR4_PAE | CR4_PGE;

struct cpuid cpuid_count(u32 leaf, u32 subleaf)
{
    struct cpuid r = {0};

    assert_int_equal(subleaf, leaf == 0xd ? subleaf : 0);
    switch (leaf) {
    case 0:
        r.eax = 0xd;
        break;
    case 1:
        r.ebx = now_is == &other ? 1U << 24 : 0; /* the APIC id differs */
        r.ecx = now_is->feature_1_ecx;
        r.edx = now_is->feature_1_edx | CPUID_MTRR;
        break;
    case 7:
        r.ebx = now_is->feature_7_ebx;
        break;
    case 0x80000000:
        r.eax = 0x80000008;
        break;
    case 0x80000008:
        r.eax = now_is->phys_bits;
        break;
    default:
        break;
    }
    return r;
}

u64 rdmsr(u32 msr)
{
    assert_true(msr < NR_MSRS);
    return now_is->msr[msr];
}

/* Memory types change while the caches are off and no translation is global. */
void wrmsr(u32 msr, u64 v)
{
    assert_true(msr < NR_MSRS);
    assert_ptr_equal(now_is, &other);
    assert_true(caches_off);
    assert_false(cr4 & CR4_PGE);
    if (!now_is->stubborn)
        now_is->msr[msr] = v;
}

unsigned long read_cr0(void)
{
    return cr0;
}

void write_cr0(unsigned long v)
{
    cr0 = v;
    caches_off = (v & CR0_CD) && !(v & CR0_NW);
}

void write_cr4(unsigned long v)
{
    cr4 = v;
}

void wbinvd(void)
{
    assert_true(caches_off);
}

#define PAT_OF_THE_ABI 0x0000050100070406ULL

/* Each CPU writes the PAT before its memory types are looked at. */
static void set_pat(void)
{
    if (!now_is->stubborn)
        now_is->msr[MSR_PAT] = PAT_OF_THE_ABI;
}

/* @return is the other CPU, as it is now, fit? */
static bool fits(char *why, size_t size)
{
    bool fit;

    now_is = &boot;
    set_pat();
    secondary_check_init();
    now_is = &other;
    fit = secondary_features_fit(why, size);
    if (fit) {
        set_pat();
        fit = secondary_memory_types_fit(why, size);
    }
    assert_int_equal(cr0, CR0_PE | CR0_PG);
    assert_int_equal(cr4, hv_cr4);
    return fit;
}

static int setup(void **state)
{
    boot = (struct processor){
        .feature_1_ecx = 0x1001, .feature_1_edx = 0x10, .feature_7_ebx = 1U << 7, .phys_bits = 40};
    boot.msr[MSR_MTRR_CAP] = 1U << 8 | VARIABLE;
    boot.msr[MSR_MTRR_DEF_TYPE] = 0xc00;
    boot.msr[0x250] = 0x0606060606060606;
    boot.msr[0x26f] = 0x0505050505050505;
    boot.msr[MSR_MTRR_PHYS_BASE(1)] = 0xc0000000;
    boot.msr[MSR_MTRR_PHYS_MASK(1)] = 0xffc0000800;
    other = boot;
    cr0 = CR0_PE | CR0_PG;
    cr4 = hv_cr4;
    caches_off = false;
    return 0;
}

static void equal_and_better_ones_fit(void **state)
{
    char why[128] = "";

    assert_true(fits(why, sizeof(why)));
    other.feature_1_ecx |= 1U << 20;
    other.phys_bits = 46;
    assert_true(fits(why, sizeof(why)));
    /* A setting, and no feature: the boot CPU has XSAVE enabled by now. */
    boot.feature_1_ecx |= 1U << 27;
    assert_true(fits(why, sizeof(why)));
    assert_string_equal(why, "");
}

static void lesser_ones_do_not(void **state)
{
    char why[128];

    other.feature_7_ebx = 0;
    assert_false(fits(why, sizeof(why)));
    assert_string_equal(why, "it lacks features of CPU 0: CPUID leaf 0x7 EBX, bits 0x80");
    setup(state);
    other.feature_1_ecx = 0x1000;
    assert_false(fits(why, sizeof(why)));
    assert_string_equal(why, "it lacks features of CPU 0: CPUID leaf 0x1 ECX, bits 0x1");
    setup(state);
    other.phys_bits = 39;
    assert_false(fits(why, sizeof(why)));
    assert_string_equal(why, "its addresses have 39 bits, those of CPU 0 40");
}

static void memory_types_are_copied(void **state)
{
    char why[128];

    for (unsigned int i = 0; i < NR_MSRS; i++)
        if (i != MSR_MTRR_CAP)
            other.msr[i] = 0;
    assert_true(fits(why, sizeof(why)));
    assert_memory_equal(other.msr, boot.msr, sizeof(boot.msr));
    assert_false(caches_off);
    setup(state);
    other.msr[MSR_MTRR_PHYS_MASK(1)] = 0;
    other.msr[MSR_PAT] = PAT_OF_THE_ABI;
    other.stubborn = true;
    assert_false(fits(why, sizeof(why)));
    assert_string_equal(why, "its memory types (MTRRs) cannot be made those of CPU 0");
    setup(state);
    other.msr[MSR_MTRR_CAP] = 1U << 8 | (VARIABLE - 1);
    assert_false(fits(why, sizeof(why)));
}

/* Entries of our page tables would mean other memory types there. */
static void another_pat_is_none_of_ours(void **state)
{
    char why[128];

    other.msr[MSR_PAT] = 0x0007040600070406;
    assert_true(fits(why, sizeof(why)));
    setup(state);
    other.msr[MSR_PAT] = 0x0007040600070406;
    other.stubborn = true;
    assert_false(fits(why, sizeof(why)));
    assert_string_equal(why, "its memory types (PAT) are 0x7040600070406, those of CPU 0 "
                             "0x50100070406");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_and_better_ones_fit),
        TEST(lesser_ones_do_not),
        TEST(memory_types_are_copied),
        TEST(another_pat_is_none_of_ours),
    };

    return cmocka_run_group_tests_name("other CPUs", tests, NULL, NULL);
}
