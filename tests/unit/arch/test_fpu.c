/* SPDX-License-Identifier: MIT */
/*
 * How much memory a vCPU takes with its extended state: two pages at most, whatever the processor
 * has; and each further vCPU of a domain no more than that.
 */
/* SOURCES: $(HOST_CORE) arch/x86/fpu.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/context.h>
#include <asm/cpu_features.h>
#include <host.h>

#define VCPU_ROOM (2 * PAGE_SIZE)
#define HEADER    576U /* legacy area and header of XSAVE */

struct cpu_features boot_cpu;

/* x87, SSE, AVX, AVX-512; of the processors' others (MPX, PKRU) none is used. */
#define ALL_OF_IT 0xe7U

/* Where processors keep their state: offset and size of AVX, of the three parts of AVX-512. */
struct layout {
    u32 avx, masks, upper, others;
};
static const struct layout intel = {576, 1088, 1152, 1664}, amd = {576, 832, 896, 1408},
                           sparse = {576, 1088, 1152, 1728};

static void boot_on(const struct layout *l, u32 features)
{
    static struct host_cpuid_leaf leaves[5];

    leaves[0] = (struct host_cpuid_leaf){0xd, 0, {features | 0x218, 0, 0, 0}};
    leaves[1] = (struct host_cpuid_leaf){0xd, 2, {256, l->avx, 0, 0}};
    leaves[2] = (struct host_cpuid_leaf){0xd, 5, {64, l->masks, 0, 0}};
    leaves[3] = (struct host_cpuid_leaf){0xd, 6, {512, l->upper, 0, 0}};
    leaves[4] = (struct host_cpuid_leaf){0xd, 7, {1024, l->others, 0, 0}};
    host_cpuid_leaves = leaves;
    host_cpuid_leaf_count = ARRAY_SIZE(leaves);
    host_boot(4096);
    boot_cpu = (struct cpu_features){.xsave = features != 0, .max_leaf = 0xd};
    fpu_init();
}

/* @return how much of the machine's memory a domain with @vcpus takes */
static unsigned long room_of_domain(unsigned int vcpus)
{
    unsigned long free = heap_free_pages(), taken;
    struct domain *d = host_domain(1, vcpus, 0, false);

    assert_non_null(d);
    taken = (free - heap_free_pages()) * PAGE_SIZE;
    host_kill(d);
    assert_int_equal(heap_free_pages(), free);
    return taken;
}

static void expect_vcpu(u64 mask, size_t area)
{
    assert_int_equal(xfeature_mask, mask);
    assert_int_equal(arch_vcpu_size(), ROUND_UP(sizeof(struct vcpu), 64UL) + area);
    assert_in_range(arch_vcpu_size(), PAGE_SIZE, VCPU_ROOM);
    assert_int_equal(room_of_domain(17) - room_of_domain(1), 16 * VCPU_ROOM);
}

static void a_vcpu_takes_two_pages(void **state)
{
    boot_on(&intel, 0);
    expect_vcpu(0, 512);
    boot_on(&intel, 7);
    expect_vcpu(7, HEADER + 256);
    boot_on(&amd, ALL_OF_IT);
    expect_vcpu(ALL_OF_IT, 1408 + 1024);
    boot_on(&intel, ALL_OF_IT);
    expect_vcpu(ALL_OF_IT, 1664 + 1024);
}

/* Guests do not get AVX-512 where they would have to be given more memory for it. */
static void no_room_for_avx512(void **state)
{
    boot_on(&sparse, ALL_OF_IT);
    expect_vcpu(7, HEADER + 256);
    boot_on(&intel, 0x27); /* or where not all of it is there */
    expect_vcpu(7, HEADER + 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vcpu_takes_two_pages),
        cmocka_unit_test(no_room_for_avx512),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
