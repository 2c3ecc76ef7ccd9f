/* SPDX-License-Identifier: MIT */
/*
 * CPUID as a PV guest sees it, on a processor that has everything and on one that has nothing: what
 * is the ABI's own, what is taken away from everybody, and what depends on who asks.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <asm/cpu_features.h>

#include "pv_guest.h"

#define ALL 0xffffffffU

/* Each leaf that is shown in part has all bits; what is not to be seen at all has them, too. */
static const struct host_cpuid_leaf everything[] = {
    {0, 0, {0x20, 0x756e6547, 0x6c65746e, 0x49656e69}},
    {1, 0, {0x000906ea, 0x12345678, ALL, ALL}},
    {2, 0, {0x76036301, 0x00f0b5ff, 0x1, 0x00c30000}},
    {3, 0, {ALL, ALL, ALL, ALL}},
    {4, 0, {0xfc07c121, 0x01c0003f, 0x3f, 0x2}},
    {4, 1, {0xfc07c122, 0x01c00040, 0x40, 0x3}},
    {5, 0, {ALL, ALL, ALL, ALL}},
    {6, 0, {ALL, ALL, ALL, ALL}},
    {7, 0, {2, ALL, ALL, ALL}},
    {7, 1, {ALL, ALL, ALL, ALL}},
    {7, 2, {ALL, ALL, ALL, ALL}},
    {0xa, 0, {ALL, ALL, ALL, ALL}},
    {0xb, 0, {ALL, ALL, ALL, ALL}},
    {0xd, 0, {ALL, ALL, ALL, ALL}},
    {0xd, 1, {ALL, ALL, ALL, ALL}},
    {0xd, 2, {0x100, 0x240, 1, 2}},
    {0xd, 3, {0x101, 0x241, 3, 4}},
    {0xd, 62, {ALL, ALL, ALL, ALL}},
    {0xd, 63, {ALL, ALL, ALL, ALL}},
    {0xd, 66, {ALL, ALL, ALL, ALL}},
    {0xe, 0, {ALL, ALL, ALL, ALL}},
    {0x40000000, 0, {ALL, ALL, ALL, ALL}},
    {0x40000001, 0, {ALL, ALL, ALL, ALL}},
    {0x40000006, 0, {ALL, ALL, ALL, ALL}},
    {0x40000100, 0, {ALL, ALL, ALL, ALL}},
    {0x80000000, 0, {0x80000028, 1, 2, 3}},
    {0x80000001, 0, {0x123, 0x456, ALL, ALL}},
    {0x80000002, 0, {0x20, 0x21, 0x22, 0x23}},
    {0x80000003, 0, {0x30, 0x31, 0x32, 0x33}},
    {0x80000004, 0, {0x40, 0x41, 0x42, 0x43}},
    {0x80000005, 0, {0x50, 0x51, 0x52, 0x53}},
    {0x80000006, 0, {0x60, 0x61, 0x62, 0x63}},
    {0x80000007, 0, {ALL, ALL, ALL, ALL}},
    {0x80000008, 0, {0x00393930, ALL, ALL, ALL}},
    {0x80000009, 0, {ALL, ALL, ALL, ALL}},
};

static void expect(const struct cpuid *r, u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 d)
{
    if (r->eax != a || r->ebx != b || r->ecx != c || r->edx != d)
        fail_msg("leaf %x.%x: %x %x %x %x", leaf, subleaf, r->eax, r->ebx, r->ecx, r->edx);
}

/* What the current vCPU sees. */
static void expect_cpuid(u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 d)
{
    struct cpuid r;

    pv_cpuid(current, leaf, subleaf, &r);
    expect(&r, leaf, subleaf, a, b, c, d);
}

/* What a toolstack is told of @of; NULL: of the most that any domain can have. */
static void expect_domain_cpuid(const struct domain *of, u32 leaf, u32 subleaf, u32 a, u32 b, u32 c,
                                u32 d)
{
    struct cpuid r;

    pv_domain_cpuid(of, leaf, subleaf, &r);
    expect(&r, leaf, subleaf, a, b, c, d);
}

static void start(unsigned int domain)
{
    guest_start(domain);
    host_cpuid_leaves = everything;
    host_cpuid_leaf_count = ARRAY_SIZE(everything);
    boot_cpu.max_leaf = 0x20;
    boot_cpu.max_ext_leaf = 0x80000028;
    boot_cpu.phys_bits = 46;
    xfeature_mask = 7;
    cpu_khz = 2500000;
    current->arch.xcr0 = 0;
}

static void abi_leaves(void **state)
{
    start(1);
    expect_cpuid(0x40000000, 0, 0x40000005, 0x566e6558, 0x65584d4d, 0x4d4d566e);
    expect_cpuid(0x40000001, 0, 0x00040011, 0, 0, 0); /* 4.17 */
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
    start(1);
    expect_cpuid(0, 0, 0xd, 0x756e6547, 0x6c65746e, 0x49656e69);
    expect_cpuid(1, 0, 0x000906ea, 0x5600, 0xfed83203, 0x0fc9cbf5);
    /* OSXSAVE is CR4's, which is a vCPU's. */
    expect_domain_cpuid(current->domain, 1, 0, 0x000906ea, 0x5600, 0xf6d83203, 0x0fc9cbf5);
    expect_cpuid(2, 0, 0x76036301, 0x00f0b5ff, 0x1, 0x00c30000);
    expect_cpuid(3, 0, 0, 0, 0, 0);
    expect_cpuid(4, 0, 0x121, 0x01c0003f, 0x3f, 0x2);
    expect_cpuid(4, 1, 0x122, 0x01c00040, 0x40, 0x3);
    expect_cpuid(5, 0, 0, 0, 0, 0);
    expect_cpuid(6, 0, 0, 0, 0, 0);
    /* without AVX512, whose state xfeature_mask does not have */
    expect_cpuid(7, 0, 1, 0x218c0329, 0x02400701, 0x4410);
    expect_cpuid(7, 1, 0x1c10, 0, 0, 0);
    expect_cpuid(7, 2, 0, 0, 0, 0);
    expect_cpuid(0xa, 0, 0, 0, 0, 0);
    expect_cpuid(0xb, 0, 0, 0, 0, 0);
    expect_cpuid(0xe, 0, 0, 0, 0, 0);
    boot_cpu.max_leaf = 6;
    expect_cpuid(6, 0, 0, 0, 0, 0);
    expect_cpuid(7, 0, 0, 0, 0, 0);
    boot_cpu.max_leaf = 7;
    expect_cpuid(7, 0, 1, 0x218c0329, 0x02400701, 0x4410);
    expect_cpuid(0xd, 1, 0, 0, 0, 0);
    guest_end();
}

/* A processor without features does not get any, but that a hypervisor and its CR4 are there. */
static void nothing_is_added(void **state)
{
    start(1);
    host_cpuid_leaf_count = 0;
    expect_cpuid(0, 0, 0, 0, 0, 0);
    expect_cpuid(1, 0, 0, 0, 0x88000000, 0);
    expect_domain_cpuid(NULL, 1, 0, 0, 0, 0x80000000, 0);
    expect_cpuid(4, 0, 0, 0, 0, 0);
    expect_cpuid(7, 0, 0, 0, 0, 0);
    expect_cpuid(7, 1, 0, 0, 0, 0);
    expect_cpuid(0xd, 0, 7, 576, 832, 0);
    expect_cpuid(0xd, 1, 0, 0, 0, 0);
    for (u32 leaf = 0x80000000; leaf <= 0x80000008; leaf++)
        expect_cpuid(leaf, 0, 0, 0, 0, 0);
    guest_end();
}

static void memory_types(void **state)
{
    start(0);
    expect_cpuid(1, 0, 0x000906ea, 0x5600, 0xfed83203, 0x0fc9dbf5);
    guest_user();
    expect_cpuid(1, 0, 0x000906ea, 0x5600, 0xfed83203, 0x0fc9cbf5);
    expect_domain_cpuid(current->domain, 1, 0, 0x000906ea, 0x5600, 0xf6d83203, 0x0fc9cbf5);
    guest_end();
}

static void extended_state(void **state)
{
    start(1);
    expect_cpuid(0xd, 0, 7, 576, 832, 0);
    expect_cpuid(0xd, 1, 7, 576, 0, 0);
    current->arch.xcr0 = 7;
    expect_cpuid(0xd, 0, 7, 832, 832, 0);
    expect_cpuid(0xd, 1, 7, 832, 0, 0);
    expect_domain_cpuid(current->domain, 0xd, 0, 7, 576, 832, 0);
    expect_cpuid(0xd, 2, 0x100, 0x240, 1, 2);
    expect_cpuid(0xd, 3, 0, 0, 0, 0);
    expect_cpuid(0xd, 62, 0, 0, 0, 0);
    expect_cpuid(0xd, 63, 0, 0, 0, 0);
    expect_cpuid(0xd, 66, 0, 0, 0, 0);

    xfeature_mask = 0xe7; /* with AVX512 */
    expect_cpuid(7, 0, 1, 0xfdaf0329, 0x02405f43, 0x441c);
    expect_cpuid(7, 1, 0x1c30, 0, 0, 0);
    xfeature_mask = 0x4000000300000007; /* from 62 on there are none but the last */
    expect_cpuid(0xd, 0, 7, 832, 832, 0x40000003);
    expect_cpuid(0xd, 62, ALL, ALL, ALL, ALL);
    expect_cpuid(0xd, 63, 0, 0, 0, 0);
    expect_cpuid(0xd, 66, 0, 0, 0, 0);

    xfeature_mask = 3; /* no AVX */
    expect_cpuid(1, 0, 0x000906ea, 0x5600, 0xced82203, 0x0fc9cbf5);
    expect_cpuid(7, 0, 1, 0x218c0309, 0x02400101, 0x4410);
    expect_cpuid(7, 1, 0x1c00, 0, 0, 0);
    expect_cpuid(0xd, 0, 3, 832, 576, 0);
    expect_cpuid(0xd, 2, 0, 0, 0, 0);
    expect_cpuid(0x80000001, 0, 0x123, 0x456, 0x002001e1, 0xea500800);

    xfeature_mask = 0; /* no XSAVE */
    expect_cpuid(1, 0, 0x000906ea, 0x5600, 0xc2d82203, 0x0fc9cbf5);
    expect_cpuid(0xd, 0, 0, 0, 0, 0);
    expect_cpuid(0xd, 1, 0, 0, 0, 0);
    guest_end();
}

static void extended_leaves(void **state)
{
    start(1);
    expect_cpuid(0x80000000, 0, 0x80000008, 1, 2, 3);
    expect_cpuid(0x80000001, 0, 0x123, 0x456, 0x002109e1, 0xea500800);
    expect_cpuid(0x80000001, 1, 0x123, 0x456, 0x002109e1, 0xea500800); /* it has no subleaves */
    /* AMD's CPUs and their like repeat leaf 1 there. */
    memcpy(boot_cpu.vendor, "AuthenticAMD", sizeof("AuthenticAMD"));
    expect_cpuid(0x80000001, 0, 0x123, 0x456, 0x002109e1, 0xebd1cbf5);
    memcpy(boot_cpu.vendor, "HygonGenuine", sizeof("HygonGenuine"));
    expect_cpuid(0x80000001, 0, 0x123, 0x456, 0x002109e1, 0xebd1cbf5);
    memcpy(boot_cpu.vendor, "GenuineIntel", sizeof("GenuineIntel"));
    for (u32 leaf = 2; leaf <= 6; leaf++)
        expect_cpuid(0x80000000 + leaf, 0, 0x10 * leaf, 0x10 * leaf + 1, 0x10 * leaf + 2,
                     0x10 * leaf + 3);
    expect_cpuid(0x80000007, 0, 0, 0, 0, 0);
    expect_cpuid(0x80000008, 0, 0x3930, 0x64001005, 0, 0);
    expect_cpuid(0x80000009, 0, 0, 0, 0, 0);
    boot_cpu.max_ext_leaf = 0x80000004;
    expect_cpuid(0x80000004, 0, 0x40, 0x41, 0x42, 0x43);
    expect_cpuid(0x80000005, 0, 0, 0, 0, 0);
    boot_cpu.max_ext_leaf = 0x80000008;
    /* The frequency stays for who is never moved, and for nobody in particular. */
    expect_domain_cpuid(NULL, 0x80000007, 0, 0, 0, 0, 0x100);
    guest_end();
    start(0);
    expect_cpuid(0x80000007, 0, 0, 0, 0, 0x100);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abi_leaves),       cmocka_unit_test(basic_leaves),
        cmocka_unit_test(nothing_is_added), cmocka_unit_test(memory_types),
        cmocka_unit_test(extended_state),   cmocka_unit_test(extended_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
