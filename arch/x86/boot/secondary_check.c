/* SPDX-License-Identifier: MIT */
/*
 * Is another CPU fit to run beside the boot CPU? Guests move from one to the other and see one set
 * of features, so it has to have all features of the boot CPU; what it can do beyond that is not
 * used. Memory must have one type on all CPUs; the firmware or the INIT may have left a CPU with
 * other types (QEMU's INIT clears them), so they are copied from the boot CPU. The PAT, which each
 * CPU has set for itself by then, is compared.
 */
#include <asm/control.h>
#include <lib.h>

#include "secondary.h"

enum { EAX, EBX, ECX, EDX };

/* Words of CPUID that list features. */
static const struct feature_word {
    u32 leaf, subleaf;
    u8 reg;
    char name[4];
    u32 changing; /* bits that show a setting of the CPU and not what it can do */
} words[] __initconst = {
    {1, 0, ECX, "ECX", 1U << 27 /* OSXSAVE */},
    {1, 0, EDX, "EDX", 1U << 9 /* APIC */},
    {7, 0, EBX, "EBX", 0},
    {7, 0, ECX, "ECX", 1U << 4 /* OSPKE */},
    {7, 0, EDX, "EDX", 0},
    {0xd, 0, EAX, "EAX", 0},
    {0xd, 1, EAX, "EAX", 0},
    {0x80000001, 0, ECX, "ECX", 0},
    {0x80000001, 0, EDX, "EDX", 0},
    {0x80000007, 0, EDX, "EDX", 0},
    {0x80000008, 0, EBX, "EBX", 0},
    {0x80000021, 0, EAX, "EAX", 0},
};

#define MTRR_FIXED    11U
#define MTRR_VARIABLE 255U
#define MTRR_WORDS    (MTRR_FIXED + 2U * MTRR_VARIABLE)
#define MTRR_CAP_FIX  (1U << 8)
#define MTRR_ENABLED  (1ULL << 11)
#define CPUID_MTRR    (1U << 12)

struct cpu_profile {
    u32 feature[ARRAY_SIZE(words)];
    u32 phys_bits;
    u64 pat;
    u64 mtrr_cap, mtrr_default;
    u64 mtrr[MTRR_WORDS]; /* in the order of mtrr_numbers() */
};

static struct cpu_profile first __initdata, other __initdata; /* one CPU at a time comes up */

/* The numbers of the registers that a CPU with @cap in IA32_MTRRCAP has, but for the default. */
static unsigned int __init mtrr_numbers(u64 cap, u32 *msr)
{
    static const u16 fixed[MTRR_FIXED] __initconst = {0x250, 0x258, 0x259, 0x268, 0x269, 0x26a,
                                                      0x26b, 0x26c, 0x26d, 0x26e, 0x26f};
    unsigned int n = 0;

    for (unsigned int i = 0; i < MTRR_FIXED && (cap & MTRR_CAP_FIX); i++)
        msr[n++] = fixed[i];
    for (unsigned int i = 0; i < 2 * (cap & 0xff); i++)
        msr[n++] = MSR_MTRR_PHYS_BASE(0) + i;
    return n;
}

static u32 mtrr_msr[MTRR_WORDS] __initdata;

static void __init read_mtrrs(struct cpu_profile *p)
{
    unsigned int n;

    p->mtrr_cap = rdmsr(MSR_MTRR_CAP);
    p->mtrr_default = rdmsr(MSR_MTRR_DEF_TYPE);
    n = mtrr_numbers(p->mtrr_cap, mtrr_msr);
    for (unsigned int i = 0; i < n; i++)
        p->mtrr[i] = rdmsr(mtrr_msr[i]);
}

/*
 * Loads the memory types of @p (Intel SDM volume 3, 12.11.8). This CPU has had nothing to cache yet
 * that another one changes.
 */
static void __init write_mtrrs(const struct cpu_profile *p)
{
    unsigned long cr0 = read_cr0();
    unsigned int n = mtrr_numbers(p->mtrr_cap, mtrr_msr);

    write_cr0((cr0 | CR0_CD) & ~CR0_NW);
    wbinvd();
    write_cr4(hv_cr4 & ~CR4_PGE);
    wrmsr(MSR_MTRR_DEF_TYPE, p->mtrr_default & ~MTRR_ENABLED);
    for (unsigned int i = 0; i < n; i++)
        wrmsr(mtrr_msr[i], p->mtrr[i]);
    wrmsr(MSR_MTRR_DEF_TYPE, p->mtrr_default);
    wbinvd();
    write_cr0(cr0);
    write_cr4(hv_cr4);
}

static u32 __init read_feature_word(const struct feature_word *w)
{
    struct cpuid r;

    if (cpuid(w->leaf & 0x80000000).eax < w->leaf)
        return 0;
    r = cpuid_count(w->leaf, w->subleaf);
    return (w->reg == EAX   ? r.eax
            : w->reg == EBX ? r.ebx
            : w->reg == ECX ? r.ecx
                            : r.edx) &
           ~w->changing;
}

static void __init read_profile(struct cpu_profile *p)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        p->feature[i] = read_feature_word(&words[i]);
    p->phys_bits = cpuid(0x80000000).eax >= 0x80000008 ? cpuid(0x80000008).eax & 0xff : 36;
    if (cpuid(1).edx & CPUID_MTRR)
        read_mtrrs(p);
}

static bool __init same_mtrrs(void)
{
    return other.mtrr_cap == first.mtrr_cap && other.mtrr_default == first.mtrr_default &&
           !memcmp(other.mtrr, first.mtrr, sizeof(first.mtrr));
}

void __init secondary_check_init(void)
{
    read_profile(&first);
    first.pat = rdmsr(MSR_PAT);
}

bool __init secondary_features_fit(char *why, size_t size)
{
    memset(&other, 0, sizeof(other));
    read_profile(&other);
    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
        u32 missing = first.feature[i] & ~other.feature[i];

        if (missing) {
            snprintf(why, size, "it lacks features of CPU 0: CPUID leaf %#x %s, bits %#x",
                     words[i].leaf, words[i].name, missing);
            return false;
        }
    }
    if (other.phys_bits < first.phys_bits) {
        snprintf(why, size, "its addresses have %u bits, those of CPU 0 %u", other.phys_bits,
                 first.phys_bits);
        return false;
    }
    return true;
}

bool __init secondary_memory_types_fit(char *why, size_t size)
{
    other.pat = rdmsr(MSR_PAT);
    if (other.pat != first.pat) {
        snprintf(why, size, "its memory types (PAT) are %#lx, those of CPU 0 %#lx",
                 (unsigned long)other.pat, (unsigned long)first.pat);
        return false;
    }
    if (same_mtrrs())
        return true;
    if (other.mtrr_cap == first.mtrr_cap) {
        write_mtrrs(&first);
        read_mtrrs(&other);
        if (same_mtrrs())
            return true;
    }
    snprintf(why, size, "its memory types (MTRRs) cannot be made those of CPU 0");
    return false;
}
