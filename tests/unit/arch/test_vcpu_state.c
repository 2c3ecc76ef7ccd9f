/* SPDX-License-Identifier: MIT */
/*
 * What a toolstack saves and restores of a vCPU besides its context: what it gets, and that nothing
 * which it makes up gets as far as XRSTOR.
 */
/* SOURCES: $(HOST_CORE) arch/x86/fpu.c arch/x86/vcpu_state.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/context.h>
#include <asm/cpu_features.h>
#include <asm/pv.h>
#include <asm/vcpu_state.h>

#include "../hypervisor/two_domains.h"

#define PLACE    GUEST(8192)
#define NOWHERE  GUEST(HOST_WINDOW)
#define LEGACY   16U /* where the area begins in what is passed */
#define HEADER   (LEGACY + XSAVE_HEADER)
#define SMALL    (LEGACY + XSAVE_MINIMUM) /* without AVX */
#define LARGE    (SMALL + 256U)
#define FCW      LEGACY
#define MXCSR    (LEGACY + 24U)
#define RESERVED 0xfffc0000U /* of MXCSR, with every processor */

struct cpu_features boot_cpu;
static u64 left; /* of the domain's features by its policy */

void pv_domain_cpuid(const struct domain *d, u32 leaf, u32 subleaf, struct cpuid *out)
{
    assert_int_equal(leaf, 0xd);
    assert_int_equal(subleaf, 0);
    *out = (struct cpuid){.eax = (u32)left, .edx = (u32)(left >> 32)};
}

int arch_vcpu_create(struct vcpu *v)
{
    fpu_vcpu_create(v);
    return 0;
}

void arch_vcpu_destroy(struct vcpu *v)
{
}

/* x87, SSE and AVX */
static const struct host_cpuid_leaf avx[] = {{0xd, 0, {7, 0, 0, 0}}, {0xd, 2, {256, 576, 0, 0}}};

static int setup_with(bool xsave)
{
    host_cpuid_leaves = avx;
    host_cpuid_leaf_count = ARRAY_SIZE(avx);
    boot_cpu = (struct cpu_features){
        .vendor = "AuthenticAMD", .xsave = xsave, .rdtscp = true, .max_leaf = 0xd};
    left = 7;
    xfeature_mask = 0;
    host_boot(4096);
    fpu_init();
    make_two_domains(2, 2, 1);
    host_become(a->vcpu[0]);
    memset(host_guest, 0, 16384);
    return 0;
}

static int setup(void **state)
{
    return setup_with(true);
}

static int setup_without_xsave(void **state)
{
    return setup_with(false);
}

static int teardown(void **state)
{
    host_become(cpus[0]->rq.idle);
    host_fail_allocation(0);
    return end_two_domains(state);
}

static u64 *word(unsigned long offset)
{
    return (u64 *)(void *)(host_guest + 8192 + offset);
}

/* ---- extended state ---- */

static u64 size, mask; /* what the last call said */

static long get(struct domain *d, u32 vcpu, u64 bytes, u64 features, unsigned long at)
{
    struct xen_domctl_vcpuextstate op = {.vcpu = vcpu, .size = bytes, .xfeature_mask = features};
    long rc;

    set_xen_guest_handle(op.buffer, (u64 *)at);
    rc = domctl_get_xstate(d, &op);
    size = op.size;
    mask = op.xfeature_mask;
    return rc;
}

static long set(struct domain *d, u32 vcpu, u64 bytes, unsigned long at)
{
    struct xen_domctl_vcpuextstate op = {.vcpu = vcpu, .size = bytes};

    set_xen_guest_handle(op.buffer, (u64 *)at);
    return domctl_set_xstate(d, &op);
}

/* The words in front of an area and the first one of its header. */
static void make_up(u64 xcr0, u64 accum, u64 present)
{
    *word(0) = xcr0;
    *word(8) = accum;
    *word(HEADER) = present;
}

static long set_made_up(u64 xcr0, u64 accum, u64 present)
{
    make_up(xcr0, accum, present);
    return set(b, 0, accum & 4 ? LARGE : SMALL, PLACE);
}

static void a_fresh_vcpu_has_none(void **state)
{
    assert_int_equal(get(b, 1, 0, 0, PLACE), 0);
    assert_true(size == LARGE && mask == 7); /* the most that there can be */
    assert_int_equal(get(b, 1, 5, 9, 0), 0); /* no buffer */
    assert_true(size == LARGE && mask == 7);
    memset(host_guest + 8192, 0xee, 32);
    assert_int_equal(get(b, 1, 16, 7, PLACE), 0);
    assert_true(*word(0) == 0 && *word(8) == 0 && *word(16) == 0xeeeeeeeeeeeeeeee);
    assert_int_equal(set(b, 1, 16, PLACE), 0);
    assert_int_equal(get(b, 1, 100, 7, PLACE), 0); /* more room */
    assert_int_equal(size, 16);
}

static void the_area_goes_there_and_back(void **state)
{
    struct vcpu *v = b->vcpu[1];
    u8 *fpu = v->arch.fpu;

    for (unsigned int i = 0; i < XSAVE_HEADER; i++)
        fpu[i] = (u8)(i * 7);
    memset(fpu + XSAVE_MINIMUM, 0xab, 256);
    fpu[XSAVE_HEADER] = 7;
    v->arch.xcr0 = v->arch.xcr0_accum = 3;
    memset(host_guest + 8192, 0xee, 2048);
    assert_int_equal(get(b, 1, SMALL, 7, PLACE), 0);
    assert_true(*word(0) == 3 && *word(8) == 3);
    assert_int_equal(*word(HEADER), 3); /* AVX was never on */
    assert_memory_equal(word(LEGACY), fpu, XSAVE_HEADER);
    assert_true(*word(SMALL) == 0xeeeeeeeeeeeeeeee);

    v->arch.xcr0_accum = 7; /* and is off now */
    assert_int_equal(get(b, 1, LARGE, 7, PLACE), 0);
    assert_int_equal(size, LARGE);
    assert_true(*word(0) == 3 && *word(8) == 7 && *word(HEADER) == 7);
    assert_memory_equal(word(LEGACY), fpu, XSAVE_MINIMUM + 256);
    assert_int_equal(get(b, 1, LARGE - 1, 7, PLACE), -XEN_EINVAL);
    assert_int_equal(get(b, 1, LARGE, 3, PLACE), -XEN_EINVAL);
    assert_int_equal(get(b, 1, LARGE, 7, NOWHERE - LARGE + 1), -XEN_EFAULT);

    /* It is taken as it is, but for bits of MXCSR that do not exist. */
    *(u32 *)(void *)(host_guest + 8192 + MXCSR) |= RESERVED;
    assert_int_equal(set(b, 0, LARGE, PLACE), 0);
    v = b->vcpu[0];
    assert_true(v->arch.xcr0 == 3 && v->arch.xcr0_accum == 7);
    assert_memory_equal(v->arch.fpu, fpu, 24);
    assert_int_equal(*(u32 *)(void *)(v->arch.fpu + 24) & RESERVED, 0);
    assert_memory_equal(v->arch.fpu + 28, fpu + 28, XSAVE_MINIMUM + 256 - 28);
}

/* Everything on which XRSTOR faults, and what cannot have come from a vCPU. */
static void made_up_areas_are_refused(void **state)
{
    static const unsigned int reserved[] = {16, 24, 32, 40, 48, 56};
    static const u64 wrong[][3] = {
        {3, 0, 0}, /* xcr0, accum, present */
        {0, 3, 0},
        {2, 3, 0},
        {3, 2, 0},
        {3, 1, 0},
        {7, 3, 0},
        {3, 3, 7},
        {1, 1, 2},
        {5, 5, 1}, /* AVX without SSE */
        {5, 7, 1},
        {3, 0xf, 3},
        {3, 3, 1UL << 63},
        {0x1f, 0x1f, 1},
        {3, 3 | 1UL << 32, 1},
        {0xe7, 0xe7, 1},
        {1UL << 32, 1UL << 32, 0},
    };
    struct vcpu *v = b->vcpu[0];

    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++)
        assert_int_equal(set_made_up(wrong[i][0], wrong[i][1], wrong[i][2]), -XEN_EINVAL);
    make_up(3, 3, 3);
    *word(HEADER + 8) = 1UL << 63;
    assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_EOPNOTSUPP);
    *word(HEADER + 8) = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(reserved); i++) {
        *word(HEADER + reserved[i]) = 1UL << i * 9;
        assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_EIO);
        *word(HEADER + reserved[i]) = 0;
    }
    left = 3; /* the domain's policy takes AVX away */
    assert_int_equal(set_made_up(3, 7, 3), -XEN_EINVAL);
    left = 7 | 1UL << 35; /* and cannot give what the machine does not switch */
    assert_int_equal(set_made_up(3, 3 | 1UL << 35, 3), -XEN_EINVAL);
    assert_true(v->arch.xcr0 == 0 && v->arch.xcr0_accum == 0);
    assert_int_equal(*(u64 *)(void *)(v->arch.fpu + XSAVE_HEADER), 0);
    assert_int_equal(set_made_up(1, 1, 0), 0);
    assert_int_equal(set_made_up(3, 7, 7), 0);
    assert_true(v->arch.xcr0 == 3 && v->arch.xcr0_accum == 7);
    assert_int_equal(*(u64 *)(void *)(v->arch.fpu + XSAVE_HEADER), 7);
}

static void sizes_are_checked(void **state)
{
    struct vcpu *v = b->vcpu[0];

    make_up(0, 0, ~0UL);
    assert_int_equal(set(b, 0, 0, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, 15, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, 17, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, SMALL - 1, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, LARGE + 1, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, ~0UL, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, LARGE, PLACE), -XEN_EINVAL);
    make_up(3, 3, 3);
    assert_int_equal(set(b, 0, 16, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, SMALL - 1, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, LARGE, PLACE), -XEN_EINVAL);
    assert_int_equal(v->arch.xcr0, 0);
    assert_int_equal(set(b, 0, SMALL, PLACE), 0);
    assert_int_equal(v->arch.xcr0, 3);
    make_up(3, 7, 3);
    assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_EINVAL);
    make_up(0, 0, 0);
    assert_int_equal(set(b, 0, 16, PLACE), 0); /* no state: nothing changes */
    assert_int_equal(v->arch.xcr0, 3);
}

static void who_and_where(void **state)
{
    assert_int_equal(get(b, 2, 0, 0, 0), -XEN_ESRCH);
    assert_int_equal(set(b, ~0U, 16, PLACE), -XEN_ESRCH);
    assert_int_equal(get(a, 0, 0, 0, 0), -XEN_EINVAL); /* oneself */
    assert_int_equal(set(a, 0, 16, PLACE), -XEN_EINVAL);
    assert_int_equal(set(b, 0, 16, NOWHERE - 15), -XEN_EFAULT);
    make_up(3, 3, 3);
    assert_int_equal(set(a, 1, SMALL, PLACE), 0); /* a sibling */
    assert_int_equal(get(a, 1, SMALL, 7, PLACE), 0);
    assert_int_equal(*word(8), 3);
    spin_lock(&a->pause_lock); /* that stops another one itself */
    assert_int_equal(get(a, 1, SMALL, 7, PLACE), -ERESTART);
    assert_int_equal(set(a, 1, SMALL, PLACE), -ERESTART);
    spin_unlock(&a->pause_lock);
    host_fail_allocation(1);
    assert_int_equal(get(b, 0, 0, 0, 0), 0); /* a question for the size needs nothing */
    assert_int_equal(get(b, 0, SMALL, 7, PLACE), -XEN_ENOMEM);
    host_fail_allocation(1);
    assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_ENOMEM);
    host_fail_allocation(0);
    assert_int_equal(b->vcpu[0]->pause_count, 0);
    assert_int_equal(a->vcpu[1]->pause_count, 0);
}

static void without_xsave(void **state)
{
    assert_int_equal(get(b, 0, 0, 0, 0), 0);
    assert_true(size == 16 && mask == 0);
    assert_int_equal(get(b, 0, 16, 1, PLACE), -XEN_EINVAL);
    assert_int_equal(get(b, 0, 17, 0, PLACE), 0);
    assert_int_equal(set(b, 0, 16, PLACE), 0);
    assert_int_equal(set(b, 0, SMALL, PLACE), -XEN_EINVAL);
    make_up(1, 1, 0);
    assert_int_equal(set(b, 0, 16, PLACE), -XEN_EINVAL);
}

/* XSETBV: what a vCPU ever had on stays in its state. */
static void xsetbv_is_remembered(void **state)
{
    struct vcpu *v = b->vcpu[0];

    assert_true(fpu_set_xcr0(v, 7));
    assert_true(fpu_set_xcr0(v, 1));
    assert_false(fpu_set_xcr0(v, 5));
    assert_false(fpu_set_xcr0(v, 0xe7));
    assert_true(v->arch.xcr0 == 1 && v->arch.xcr0_accum == 7);
}

/* ---- entry points ---- */

static void entry_points(void **state)
{
    static const u64 caps[] = {1UL << 11, 1UL << 24, 1UL << 9, 1UL << 63};
    struct xen_domctl_ext_vcpucontext op = {.vcpu = 1,
                                            .size = 64,
                                            .syscall32_callback_eip = 0x1234,
                                            .sysenter_callback_eip = 0xffff828000000000,
                                            .syscall32_callback_cs = 0x23,
                                            .sysenter_callback_cs = 0x10,
                                            .syscall32_disables_events = 2,
                                            .vmce.caps = 0x102};
    struct xen_domctl_ext_vcpucontext got = {.vcpu = 1, .vmce.caps = 9};
    const struct vcpu *v = b->vcpu[1];

    assert_int_equal(domctl_set_ext_context(b, &op), 0);
    assert_int_equal(domctl_get_ext_context(b, &got), 0);
    assert_true(got.vcpu == 1 && got.size == 64 && got.vmce.caps == 0);
    assert_true(got.syscall32_callback_eip == 0x1234 && got.syscall32_callback_cs == 0x23);
    assert_true(got.sysenter_callback_eip == 0xffff828000000000);
    assert_int_equal(got.sysenter_callback_cs, 0x13);
    assert_true(got.syscall32_disables_events == 1 && got.sysenter_disables_events == 0);

    op.syscall32_callback_eip = 0x5678;
    op.size = 31;
    assert_int_equal(domctl_set_ext_context(b, &op), -XEN_EINVAL);
    op.size = 64;
    op.sysenter_callback_eip = 1UL << 47;
    assert_int_equal(domctl_set_ext_context(b, &op), -XEN_EINVAL);
    op.sysenter_callback_eip = 0;
    op.syscall32_callback_eip = 1UL << 62;
    assert_int_equal(domctl_set_ext_context(b, &op), -XEN_EINVAL);
    op.syscall32_callback_eip = 0x5678;
    for (unsigned int i = 0; i < ARRAY_SIZE(caps); i++) {
        op.vmce.caps = caps[i];
        op.size = 40;
        assert_int_equal(domctl_set_ext_context(b, &op), -XEN_EINVAL);
    }
    assert_int_equal(v->arch.syscall32_callback_eip, 0x1234);
    op.size = 39; /* by an old tool */
    assert_int_equal(domctl_set_ext_context(b, &op), 0);
    assert_int_equal(v->arch.syscall32_callback_eip, 0x5678);
    memcpy(boot_cpu.vendor, "GenuineIntel", sizeof(boot_cpu.vendor));
    op.size = 64;
    op.vmce.caps = 0x9000802;
    assert_int_equal(domctl_set_ext_context(b, &op), 0);

    op.vcpu = got.vcpu = 2;
    assert_int_equal(domctl_set_ext_context(b, &op), -XEN_ESRCH);
    assert_int_equal(domctl_get_ext_context(b, &got), -XEN_ESRCH);
    op.vcpu = 1;
    got.vcpu = 0;
    assert_int_equal(domctl_set_ext_context(a, &op), -XEN_ESRCH); /* one's own domain */
    assert_int_equal(domctl_get_ext_context(a, &got), -XEN_ESRCH);
    got.vcpu = 1;
    assert_int_equal(domctl_get_ext_context(a, &got), 0);
    spin_lock(&a->pause_lock);
    assert_int_equal(domctl_get_ext_context(a, &got), -ERESTART);
    spin_unlock(&a->pause_lock);
    assert_int_equal(v->pause_count, 0);
}

/* ---- MSRs ---- */

static u32 count; /* what the last call said */
static bool changed;

static long get_msrs(u32 room, unsigned long at)
{
    struct xen_domctl_vcpu_msrs op = {.msr_count = room};
    long rc;

    set_xen_guest_handle(op.msrs, (xen_domctl_vcpu_msr_t *)at);
    rc = domctl_get_msrs(b, &op);
    count = op.msr_count;
    return rc;
}

static long set_msrs(u32 n, unsigned long at)
{
    struct xen_domctl_vcpu_msrs op = {.msr_count = n};
    long rc;

    changed = false;
    set_xen_guest_handle(op.msrs, (xen_domctl_vcpu_msr_t *)at);
    rc = domctl_set_msrs(b, &op, &changed);
    count = op.msr_count;
    return rc;
}

static void expect_wrong(xen_domctl_vcpu_msr_t msr)
{
    xen_domctl_vcpu_msr_t *list = (void *)word(0);

    list[0] = (xen_domctl_vcpu_msr_t){.index = 0x140};
    list[1] = msr;
    assert_int_equal(set_msrs(2, PLACE), -XEN_EINVAL);
    assert_true(changed && count == 1);
}

static void msrs(void **state)
{
    xen_domctl_vcpu_msr_t *list = (void *)word(0);
    struct xen_domctl_vcpu_msrs other = {.vcpu = 2};

    assert_int_equal(get_msrs(0, 0), 0);
    assert_int_equal(count, 7);
    assert_int_equal(get_msrs(0, PLACE), 0);
    assert_int_equal(count, 0);
    list[0] = (xen_domctl_vcpu_msr_t){.index = 0xc0000103, .value = 0xffffffff};
    assert_int_equal(set_msrs(1, PLACE), 0);
    assert_false(changed);
    assert_int_equal(b->vcpu[0]->arch.tsc_aux, 0xffffffff);
    list[0] = (xen_domctl_vcpu_msr_t){.reserved = 1};
    assert_int_equal(get_msrs(0, PLACE), -XEN_ENOBUFS);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].reserved, 1);
    assert_int_equal(get_msrs(9, PLACE), 0);
    assert_int_equal(count, 1);
    assert_true(list[0].index == 0xc0000103 && !list[0].reserved && list[0].value == 0xffffffff);
    assert_int_equal(get_msrs(1, NOWHERE - 8), -XEN_EFAULT);

    expect_wrong((xen_domctl_vcpu_msr_t){.index = 0xc0000103, .reserved = 1, .value = 2});
    expect_wrong((xen_domctl_vcpu_msr_t){.index = 0xc0000103, .value = 1UL << 32});
    expect_wrong((xen_domctl_vcpu_msr_t){.index = 0x140, .value = 1});
    expect_wrong((xen_domctl_vcpu_msr_t){.index = 0x48});
    boot_cpu.rdtscp = false;
    expect_wrong((xen_domctl_vcpu_msr_t){.index = 0xc0000103, .value = 2});
    assert_int_equal(b->vcpu[0]->arch.tsc_aux, 0xffffffff);
    assert_int_equal(set_msrs(8, PLACE), -XEN_EINVAL);
    assert_true(!changed && count == 8);
    assert_int_equal(set_msrs(2, NOWHERE - 8), -XEN_EFAULT);
    assert_true(changed && count == 0);

    assert_int_equal(domctl_get_msrs(b, &other), -XEN_ESRCH);
    assert_int_equal(domctl_set_msrs(b, &other, &changed), -XEN_ESRCH);
    other.vcpu = 0;
    assert_int_equal(domctl_get_msrs(a, &other), -XEN_EINVAL);
    assert_int_equal(domctl_set_msrs(a, &other, &changed), -XEN_EINVAL);
    other.vcpu = 1;
    spin_lock(&a->pause_lock);
    assert_int_equal(domctl_set_msrs(a, &other, &changed), -ERESTART);
    spin_unlock(&a->pause_lock);
    assert_int_equal(b->vcpu[0]->pause_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_fresh_vcpu_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(the_area_goes_there_and_back, setup, teardown),
        cmocka_unit_test_setup_teardown(made_up_areas_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(sizes_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(who_and_where, setup, teardown),
        cmocka_unit_test_setup_teardown(without_xsave, setup_without_xsave, teardown),
        cmocka_unit_test_setup_teardown(xsetbv_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(entry_points, setup, teardown),
        cmocka_unit_test_setup_teardown(msrs, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
