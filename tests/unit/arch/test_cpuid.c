/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a PV guest sees it, on whichever processor this runs: what is the ABI's own, what is
 * taken away from everybody, and what depends on who asks.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <asm/cpu_features.h>
#include <asm/msr.h>

#include "pv_guest.h"

static struct cpuid seen(u32 leaf, u32 subleaf)
{
    struct cpuid r;

    pv_cpuid(current, leaf, subleaf, &r);
    return r;
}

static void expect_cpuid(u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 d)
{
    struct cpuid r = seen(leaf, subleaf);

    if (r.eax != a || r.ebx != b || r.ecx != c || r.edx != d)
        fail_msg("leaf %x.%x: %x %x %x %x", leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
}

static void start(unsigned int domain)
{
    guest_start(domain);
    boot_cpu.max_leaf = 0xd;
    boot_cpu.max_ext_leaf = 0x80000008;
    boot_cpu.phys_bits = 46;
    cpu_khz = 2500000;
    current->arch.xcr0 = 0;
}

static void abi_leaves(void **state)
{
    start(1);
    expect_cpuid(0x40000000, 0, 0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e);
    assert_int_equal(seen(0x40000001, 0).eax >> 16, 4); /* the version of the ABI */
    assert_int_equal(seen(0x40000001, 0).ebx, 0);
    expect_cpuid(0x40000002, 0, 1, 0x40000000, 1, 0);
    expect_cpuid(0x40000003, 0, 0, 0, 2500000, 0);
    expect_cpuid(0x40000003, 1, 0, 0, 0, 0);
    expect_cpuid(0x40000004, 0, 0, 0, 0, 0);
    expect_cpuid(0x40000005, 0, 0, 46, 0, 0);
    expect_cpuid(0x40000006, 0, 0, 0, 0, 0);
    expect_cpuid(0x400000ff, 0, 0, 0, 0, 0);
    expect_cpuid(0x40000100, 0, 0, 0, 0, 0);
    guest_end();
}

static void basic_leaves(void **state)
{
    struct cpuid real = cpuid(1), r;

    start(1);
    assert_true(seen(0, 0).eax <= 0xd);
    assert_true(seen(0, 0).ebx == cpuid(0).ebx);
    r = seen(1, 0);
    assert_int_equal(r.eax, real.eax);
    assert_int_equal(r.ebx, real.ebx & 0xff00);
    assert_int_equal(r.edx, real.edx & 0x0fc9cbf5);
    assert_int_equal(r.ecx & ~(1U << 27), (real.ecx & 0x76d83203 & ~(1U << 27)) | 1U << 31);
    assert_true(r.ecx & 1U << 27); /* OSXSAVE: CR4 is ours */
    pv_domain_cpuid(current->domain, 1, 0, &r);
    assert_false(r.ecx & 1U << 27);
    assert_int_equal(seen(2, 0).eax, cpuid(2).eax);
    assert_int_equal(seen(4, 0).eax, cpuid_count(4, 0).eax & 0x3fff);
    assert_int_equal(seen(4, 1).ebx, cpuid_count(4, 1).ebx);
    expect_cpuid(3, 0, 0, 0, 0, 0);
    expect_cpuid(5, 0, 0, 0, 0, 0);
    expect_cpuid(6, 0, 0, 0, 0, 0);
    expect_cpuid(0xa, 0, 0, 0, 0, 0);
    expect_cpuid(0xb, 0, 0, 0, 0, 0);
    expect_cpuid(0xe, 0, 0, 0, 0, 0);
    assert_true(seen(7, 0).eax <= 1);
    /* without AVX512, whose state xfeature_mask does not have */
    assert_int_equal(seen(7, 0).ebx, cpuid_count(7, 0).ebx & 0xfdaf0329 & ~0xdc230000U);
    assert_int_equal(seen(7, 0).ecx, cpuid_count(7, 0).ecx & 0x02405f43 & ~0x5842U);
    assert_int_equal(seen(7, 0).edx, cpuid_count(7, 0).edx & 0x0000441c & ~0xcU);
    expect_cpuid(7, 1, cpuid_count(7, 1).eax & 0x1c10, 0, 0, 0);
    expect_cpuid(7, 2, 0, 0, 0, 0);
    boot_cpu.max_leaf = 6;
    expect_cpuid(7, 0, 0, 0, 0, 0);
    guest_end();
}

static void memory_types(void **state)
{
    struct cpuid r;

    start(0);
    assert_int_equal(seen(1, 0).edx & 1U << 12, cpuid(1).edx & 1U << 12);
    guest_user();
    assert_int_equal(seen(1, 0).edx & 1U << 12, 0);
    pv_domain_cpuid(current->domain, 1, 0, &r);
    assert_int_equal(r.edx & 1U << 12, 0);
    guest_end();
}

static void extended_state(void **state)
{
    u32 compact = cpuid_count(0xd, 1).eax & 7;

    start(1);
    expect_cpuid(0xd, 0, 7, 832, 832, 0);
    expect_cpuid(0xd, 1, compact, compact & 2 ? 832 : 0, 0, 0);
    assert_int_equal(seen(0xd, 2).eax, cpuid_count(0xd, 2).eax);
    assert_int_equal(seen(0xd, 2).ebx, cpuid_count(0xd, 2).ebx);
    expect_cpuid(0xd, 3, 0, 0, 0, 0);
    expect_cpuid(0xd, 62, 0, 0, 0, 0);
    expect_cpuid(0xd, 63, 0, 0, 0, 0);
    expect_cpuid(0xd, 66, 0, 0, 0, 0);
    xfeature_mask = 3; /* no AVX */
    assert_int_equal(seen(1, 0).ecx & (1U << 28 | 1U << 12 | 1U << 29), 0);
    assert_int_equal(seen(7, 0).ebx & 1U << 5, 0);
    assert_int_equal(seen(7, 0).ecx & 0x600, 0);
    assert_int_equal(seen(7, 1).eax & 0x30, 0);
    expect_cpuid(0xd, 2, 0, 0, 0, 0);
    xfeature_mask = 0; /* no XSAVE */
    assert_int_equal(seen(1, 0).ecx & (1U << 26 | 1U << 27), 0);
    expect_cpuid(0xd, 0, 0, 0, 0, 0);
    expect_cpuid(0xd, 1, 0, 0, 0, 0);
    xfeature_mask = 7;
    guest_end();
}

static void extended_leaves(void **state)
{
    struct cpuid real = cpuid(0x80000001), r;

    start(1);
    assert_true(seen(0x80000000, 0).eax <= 0x80000008);
    r = seen(0x80000001, 0);
    assert_int_equal(r.edx, real.edx & 0xea500800);
    assert_int_equal(r.ecx, real.ecx & 0x002109e1);
    /* AMD's CPUs repeat leaf 1 there. */
    memcpy(boot_cpu.vendor, "AuthenticAMD", sizeof("AuthenticAMD"));
    assert_int_equal(seen(0x80000001, 0).edx,
                     (real.edx & 0xea500800) | (real.edx & 0x0183f3ff & 0x0fc9cbf5));
    memcpy(boot_cpu.vendor, "GenuineIntel", sizeof("GenuineIntel"));
    for (u32 leaf = 0x80000002; leaf <= 0x80000006; leaf++) {
        real = cpuid(leaf);
        expect_cpuid(leaf, 0, real.eax, real.ebx, real.ecx, real.edx);
    }
    expect_cpuid(0x80000007, 0, 0, 0, 0, 0);
    real = cpuid(0x80000008);
    expect_cpuid(0x80000008, 0, real.eax & 0xffff, real.ebx & 0x64001005, 0, 0);
    expect_cpuid(0x80000009, 0, 0, 0, 0, 0);
    boot_cpu.max_ext_leaf = 0x80000004;
    expect_cpuid(0x80000008, 0, 0, 0, 0, 0);
    boot_cpu.max_ext_leaf = 0x80000008;
    /* The frequency stays for who is never moved, and for nobody in particular. */
    pv_domain_cpuid(NULL, 0x80000007, 0, &r);
    assert_int_equal(r.edx, cpuid(0x80000007).edx & 0x100);
    guest_end();
    start(0);
    expect_cpuid(0x80000007, 0, 0, 0, 0, cpuid(0x80000007).edx & 0x100);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_leaves),      cmocka_unit_test(basic_leaves),
        cmocka_unit_test(memory_types),    cmocka_unit_test(extended_state),
        cmocka_unit_test(extended_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
