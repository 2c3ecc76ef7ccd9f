/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) arch/x86/pv/cpu_policy.c */
/*
 * What a toolstack's list of CPUID leaves takes away from what a domain is shown, and that it can
 * add nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/cpu_policy.h>
#include <asm/msr.h>
#include <asm/pv.h>
#include <host.h>
#include <public/domctl.h>
#include <public/errno.h>
#include <public/sysctl.h>

#define ALL 0xffffffffU

/* The processor's own. */
static const struct host_cpuid_leaf raw[] = {
    {0, 0, {1, 2, 3, 4}},
    {1, 0, {5, 6, 7, 8}},
    {0x40000000, 0, {9, 9, 9, 9}},
    {0x80000000, 0, {0x80000001, 10, 11, 12}},
    {0x80000001, 0, {13, 14, 15, 16}},
};

/* Registers that tell which they are, for lists; else all features. */
static bool numbered;
static u32 high_component;

#define NUMBER(reg, leaf, subleaf) \
    ((reg) << 24 | ((leaf) >> 31) << 16 | ((leaf)&0xff) << 8 | (subleaf))

static void number(u32 leaf, u32 subleaf, struct cpuid *out)
{
    *out = (struct cpuid){NUMBER(1U, leaf, subleaf), NUMBER(2U, leaf, subleaf),
                          NUMBER(3U, leaf, subleaf), NUMBER(4U, leaf, subleaf)};
    if (leaf == 4 && subleaf == 3)
        out->eax = 0x20; /* three caches */
    else if (leaf == 4)
        out->eax |= 1;
    else if (leaf == 0xb && subleaf == 1)
        out->ecx = 0xff0000ff; /* one level */
    else if (leaf == 0xb)
        out->ecx = 0x100;
    else if (leaf == 0xd && subleaf == 0)
        out->eax = 7, out->edx = high_component; /* components 0, 1, 2, perhaps 32, */
    else if (leaf == 0xd && subleaf == 1)
        out->ecx = 0x10, out->edx = 0; /* and 4, of XSAVES */
}

/* The most that a domain can have: leaves to 0xd and 0x80000008. */
void pv_domain_cpuid(const struct domain *d, u32 leaf, u32 subleaf, struct cpuid *out)
{
    *out = (struct cpuid){ALL, ALL, ALL, ALL};
    if (numbered)
        number(leaf, subleaf, out);
    if (leaf == 0)
        out->eax = 0xd;
    else if (leaf == 0x80000000)
        out->eax = 0x80000008;
    else if (leaf == 7 && subleaf == 0)
        out->eax = 1;
    if (d && d->arch.cpu_policy)
        cpu_policy_limit(d->arch.cpu_policy, leaf, subleaf, out);
}

unsigned int xsave_size(u64 xcr0)
{
    return 512 + (u32)xcr0;
}

static struct domain *d;

static long set(u32 leaf, u32 subleaf, u32 a, u32 b, u32 c, u32 dd)
{
    const xen_cpuid_leaf_t l = {leaf, subleaf, a, b, c, dd};
    struct xen_domctl op = {.u.cpu_policy.nr_leaves = 1};

    memcpy(host_guest, &l, sizeof(l));
    set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)GUEST(0));
    return cpu_policy_set(d, &op, GUEST(4096));
}

static struct cpuid shown(u32 leaf, u32 subleaf)
{
    struct cpuid r;

    pv_domain_cpuid(d, leaf, subleaf, &r);
    return r;
}

static void start(void)
{
    host_boot(1024);
    d = host_domain(1, 1, 0, false);
    assert_non_null(d);
    d->has_run = false;
    host_cpuid_leaves = raw;
    host_cpuid_leaf_count = ARRAY_SIZE(raw);
}

static void end(void)
{
    numbered = false;
    high_component = 0;
    xfree(d->arch.cpu_policy);
    d->arch.cpu_policy = NULL;
    host_kill(d);
}

static void limits(void **state)
{
    start();
    assert_int_equal(set(1, XEN_CPUID_NO_SUBLEAF, 0x611, 5, 6, 7), 0);
    assert_int_equal(shown(1, 0).eax, 0x611);
    assert_int_equal(shown(1, 0).ebx, ALL); /* of the vCPU */
    assert_int_equal(shown(1, 0).ecx, 6 | 1U << 31 | 1U << 27);
    assert_int_equal(shown(1, 0).edx, 7);
    assert_int_equal(shown(1, 99).edx, 7); /* whatever is in ECX */
    assert_int_equal(shown(2, 0).eax, ALL);

    assert_int_equal(set(7, 0, 0, 3, 4, 5), 0);
    assert_int_equal(shown(7, 0).eax, 0);
    assert_int_equal(shown(7, 0).ebx, 3);
    assert_int_equal(set(7, 0, 2, 3, 4, 5), -XEN_EINVAL); /* more than there is: nothing changes */
    assert_int_equal(shown(7, 0).eax, 0);
    assert_int_equal(set(0xd, 1, 1, 0, 0, 0), 0);
    assert_int_equal(shown(0xd, 1).eax, 1);
    assert_int_equal(shown(0xd, 0).eax, 0); /* without XSAVE */

    assert_int_equal(set(0, XEN_CPUID_NO_SUBLEAF, 7, 'a', 'b', 'c'), 0);
    assert_int_equal(shown(0, 0).eax, 7);
    assert_int_equal(shown(0, 0).ebx, 'a');
    assert_int_equal(shown(7, 0).ebx, 3);
    assert_int_equal(shown(0xd, 1).eax, 0); /* beyond the end */
    assert_int_equal(shown(0x80000008, 0).ebx, ALL);
    assert_int_equal(set(0x80000000, XEN_CPUID_NO_SUBLEAF, 0x80000004, 0, 0, 0), 0);
    assert_int_equal(shown(0x80000004, 0).ebx, ALL);
    assert_int_equal(shown(0x80000008, 0).ebx, 0);
    assert_int_equal(shown(0x40000001, 0).ebx, ALL);

    d->has_run = true;
    assert_int_equal(set(7, 0, 0, 0, 0, 0), -XEN_EEXIST);
    end();
}

/* The extended state is that of the features which are left, whatever the list says of it. */
static void components(void **state)
{
    start();
    assert_int_equal(set(0xd, 0, 7, 0, 0, 0), 0);
    assert_int_equal(shown(0xd, 0).eax, ALL);
    assert_int_equal(set(7, 0, 1, ~(1U << 16), 0, 0), 0);
    assert_int_equal(shown(0xd, 0).eax, ALL & ~0xe0U);
    assert_int_equal(shown(0xd, 0).ecx, 512 + (ALL & ~0xe0U));
    assert_int_equal(shown(0xd, 2).eax, ALL);
    assert_int_equal(shown(0xd, 5).eax, 0);
    assert_int_equal(set(1, XEN_CPUID_NO_SUBLEAF, 0, 0, 1U << 26 | 1U << 28, 0), 0);
    assert_int_equal(shown(0xd, 0).eax, ALL & ~0xe0U);
    assert_int_equal(set(1, XEN_CPUID_NO_SUBLEAF, 0, 0, 1U << 26, 0), 0);
    assert_int_equal(shown(0xd, 0).eax, 3);
    assert_int_equal(shown(0xd, 0).ebx, ALL); /* of the vCPU */
    assert_int_equal(shown(0xd, 2).eax, 0);
    assert_int_equal(set(1, XEN_CPUID_NO_SUBLEAF, 0, 0, 1U << 28, 0), 0);
    assert_int_equal(shown(0xd, 0).eax, 0);
    assert_int_equal(shown(0xd, 0).ebx, 0);
    assert_int_equal(shown(0xd, 0).ecx, 0);
    end();
}

/* Each register of each leaf: what is taken as given, what in common, what smaller. */
static void registers(void **state)
{
    start();
    assert_int_equal(set(7, 1, 0x11, 0x12, 0x13, 0x14), 0);
    assert_int_equal(shown(7, 1).eax, 0x11);
    assert_int_equal(shown(7, 1).edx, 0x14);
    assert_int_equal(shown(7, 0).ebx, ALL);
    for (u32 i = 0; i < 6; i++)
        assert_int_equal(set(4, i, 0x40 + i, 0x50 + i, 0x60 + i, 0x70 + i), 0);
    assert_int_equal(set(7, 0, 1, 2, 3, 4), 0);
    assert_int_equal(set(7, 2, 5, 6, 7, 8), 0);
    assert_int_equal(set(0xb, 0, 0, 0, 0, 0), 0);
    assert_int_equal(set(0xb, 1, 0, 0, 0, 0), 0);
    assert_int_equal(set(0xd, 0, 0, 0, 0, 0), 0);
    assert_int_equal(set(0xd, 1, 5, 0, 0, 0), 0);
    assert_int_equal(set(0xd, 62, 0, 0, 0, 0), 0);
    for (u32 i = 0; i < 6; i++) {
        const struct cpuid want = {0x40 + i, 0x50 + i, 0x60 + i, 0x70 + i}, got = shown(4, i);

        assert_memory_equal(&got, &want, sizeof(want));
    }
    assert_int_equal(shown(4, 6).eax, ALL);
    assert_int_equal(shown(7, 0).eax, 1);
    assert_int_equal(shown(7, 0).ecx, 3);
    assert_int_equal(shown(7, 1).eax, 0x11);
    assert_int_equal(shown(7, 2).ecx, 7);
    assert_int_equal(shown(7, 3).ecx, ALL);
    assert_int_equal(shown(0xb, 0).ebx, ALL);
    assert_int_equal(shown(0xd, 1).eax, 5);
    assert_int_equal(shown(0xd, 1).ebx, ALL);
    assert_int_equal(shown(0xd, 62).eax, ALL);
    for (u32 i = 1; i < 9; i++)
        assert_int_equal(set(0x80000000 + i, XEN_CPUID_NO_SUBLEAF, i, 16 + i, 32 + i, 64 + i), 0);
    for (u32 i = 2; i < 7; i++) {
        const struct cpuid want = {i, 16 + i, 32 + i, 64 + i}, got = shown(0x80000000 + i, 0);

        assert_memory_equal(&got, &want, sizeof(want));
    }
    assert_int_equal(shown(0x80000001, 0).eax, ALL);
    assert_int_equal(shown(0x80000001, 0).ecx, 33);
    assert_int_equal(shown(0x80000001, 0).edx, 65);
    assert_int_equal(shown(0x80000007, 0).edx, 71);
    assert_int_equal(shown(0x80000007, 0).ebx, ALL);
    assert_int_equal(shown(0x80000008, 0).eax, ALL);
    assert_int_equal(shown(0x80000008, 0).ebx, 24);
    assert_int_equal(set(2, XEN_CPUID_NO_SUBLEAF, 1, 2, 3, 4), 0);
    assert_int_equal(shown(2, 0).eax, 1);
    assert_int_equal(shown(2, 0).edx, 4);
    assert_int_equal(set(0xc, XEN_CPUID_NO_SUBLEAF, 1, 2, 3, 4), 0);
    assert_int_equal(shown(0xc, 0).eax, ALL);
    /* The ABI's leaves: not fewer than three, and none goes with the basic ones. */
    assert_int_equal(set(0x40000000, XEN_CPUID_NO_SUBLEAF, 0x40000001, 0, 0, 0), 0);
    assert_int_equal(shown(0x40000000, 0).eax, 0x40000002);
    assert_int_equal(shown(0x40000000, 0).ebx, ALL);
    assert_int_equal(set(0x40000000, XEN_CPUID_NO_SUBLEAF, 0x40000004, 0, 0, 0), 0);
    assert_int_equal(shown(0x40000000, 0).eax, 0x40000004);
    assert_int_equal(set(0x40000100, XEN_CPUID_NO_SUBLEAF, 0, 0, 0, 0), 0);
    assert_int_equal(shown(0x40000000, 0).eax, 0x40000004);
    assert_int_equal(set(0, XEN_CPUID_NO_SUBLEAF, 0xa, 2, 3, 4), 0);
    assert_int_equal(shown(0, 0).eax, 0xa);
    assert_int_equal(shown(0, 0).edx, 4);
    assert_int_equal(shown(0x40000200, 0).eax, ALL);
    assert_int_equal(shown(0x40000201, 0).eax, 0);
    assert_int_equal(shown(0xa, 0).eax, ALL);
    assert_int_equal(shown(0xb, 0).eax, 0);
    end();
}

/* What is in no list, and what a toolstack is told of it. */
static void refused_leaves(void **state)
{
    static const u32 none[][2] = {{0xe, ALL},
                                  {1, 0},
                                  {4, ALL},
                                  {4, 6},
                                  {7, 3},
                                  {7, ALL},
                                  {0xb, 2},
                                  {0xd, 63},
                                  {0x40000001, ALL},
                                  {0x40000000, 0},
                                  {0x40000101, ALL},
                                  {0x80000022, ALL},
                                  {0x80000000, 0},
                                  {0x7fffffff, ALL}};
    struct xen_domctl *out = (void *)(host_guest + 4096);

    start();
    for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
        assert_int_equal(set(none[i][0], none[i][1], 0, 0, 0, 0), -XEN_ERANGE);
        assert_int_equal(out->u.cpu_policy.err_leaf, none[i][0]);
        assert_int_equal(out->u.cpu_policy.err_subleaf, none[i][1]);
        assert_int_equal(out->u.cpu_policy.err_msr, ALL);
    }
    assert_null(d->arch.cpu_policy);
    assert_int_equal(set(0x80000021, ALL, 0, 0, 0, 0), 0);
    assert_int_equal(set(0, ALL, 0xe, 0, 0, 0), -XEN_EINVAL);
    assert_int_equal(out->u.cpu_policy.err_leaf, 0);
    assert_int_equal(out->u.cpu_policy.err_subleaf, ALL);
    assert_int_equal(set(0x80000000, ALL, 0x80000009, 0, 0, 0), -XEN_EINVAL);
    assert_int_equal(out->u.cpu_policy.err_leaf, 0x80000000);
    assert_int_equal(set(7, 0, 2, 0, 0, 0), -XEN_EINVAL);
    assert_int_equal(out->u.cpu_policy.err_leaf, 7);
    assert_int_equal(out->u.cpu_policy.err_subleaf, 0);
    assert_int_equal(shown(0, 0).eax, 0xd);
    host_fail_allocation(1);
    assert_int_equal(set(2, ALL, 0, 0, 0, 0), -XEN_ENOMEM);
    host_become(d->vcpu[0]);
    assert_int_equal(set(2, ALL, 0, 0, 0, 0), -XEN_EINVAL); /* its own */
    host_become(cpus[0]->rq.idle);
    assert_int_equal(shown(2, 0).eax, ALL);
    end();
}

static long set_lists(u32 leaves, unsigned long at, u32 msrs, unsigned long msrs_at,
                      unsigned long copy)
{
    struct xen_domctl op = {.u.cpu_policy = {.nr_leaves = leaves, .nr_msrs = msrs}};

    set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)at);
    set_xen_guest_handle(op.u.cpu_policy.msrs, (xen_msr_entry_t *)msrs_at);
    return cpu_policy_set(d, &op, copy);
}

static long set_msr(u32 idx, u32 flags, u64 val)
{
    const xen_msr_entry_t e[2] = {{.idx = 0xce}, {.idx = idx, .flags = flags, .val = val}};

    memcpy(host_guest, e, sizeof(e));
    return set_lists(0, 0, 2, GUEST(0), GUEST(4096));
}

static void given_lists(void **state)
{
    struct xen_domctl *out = (void *)(host_guest + 4096);
    xen_cpuid_leaf_t *l = (void *)(host_guest + 8192);

    start();
    for (u32 i = 0; i < 121; i++)
        l[i] = (xen_cpuid_leaf_t){2, ALL, i, 0, 0, 0};
    assert_int_equal(set_lists(121, GUEST(8192), 0, 0, GUEST(4096)), -XEN_E2BIG);
    assert_int_equal(set_lists(120, GUEST(8192), 0, 0, GUEST(4096)), 0);
    assert_int_equal(shown(2, 0).eax, 119);
    memcpy(host_guest + HOST_WINDOW - 24, l, 24);
    assert_int_equal(set_lists(2, GUEST(HOST_WINDOW) - 24, 0, 0, GUEST(4096)), -XEN_EFAULT);
    assert_int_equal(set_lists(121, GUEST(8192), 0, 0, GUEST(HOST_WINDOW)), -XEN_EFAULT);
    assert_int_equal(shown(2, 0).eax, 119);

    assert_int_equal(set_msr(0x10a, 0, 0), 0);
    assert_int_equal(set_msr(0x10a, 0, 1), -XEN_EINVAL);
    assert_int_equal(out->u.cpu_policy.err_msr, 0x10a);
    assert_int_equal(set_msr(0xce, 1, 0), -XEN_EINVAL);
    assert_int_equal(out->u.cpu_policy.err_msr, 0xce);
    assert_int_equal(set_msr(0x99, 1, 0), -XEN_EINVAL);
    assert_int_equal(set_msr(0x99, 0, 0), -XEN_ERANGE);
    assert_int_equal(out->u.cpu_policy.err_msr, 0x99);
    assert_int_equal(out->u.cpu_policy.err_leaf, ALL);
    assert_int_equal(set_lists(0, 0, 1, GUEST(16), GUEST(4096)), -XEN_ERANGE); /* alone */
    assert_int_equal(set_lists(0, 0, 3, GUEST(0), GUEST(4096)), -XEN_E2BIG);
    assert_int_equal(set_lists(0, 0, 2, GUEST(HOST_WINDOW) - 16, GUEST(4096)), -XEN_EFAULT);
    end();
}

/* ---- lists that are read ---- */

#define LISTED 34U /* of the fake above */

static long read_lists(u32 index, u32 *leaves, unsigned long at, u32 *msrs, unsigned long msrs_at)
{
    struct xen_sysctl_cpu_policy op = {.index = index, .nr_leaves = *leaves, .nr_msrs = *msrs};
    long rc;

    set_xen_guest_handle(op.leaves, (xen_cpuid_leaf_t *)at);
    set_xen_guest_handle(op.msrs, (xen_msr_entry_t *)msrs_at);
    rc = cpu_policy_sysctl(&op);
    *leaves = op.nr_leaves;
    *msrs = op.nr_msrs;
    return rc;
}

static void expect_listed(const xen_cpuid_leaf_t *l, u32 leaf, u32 subleaf)
{
    struct cpuid r = {0};

    if (leaf != 0x40000100)
        pv_domain_cpuid(NULL, leaf, subleaf == ALL ? 0 : subleaf, &r);
    if (leaf == 0x40000000)
        r = (struct cpuid){.eax = r.eax};
    assert_int_equal(l->leaf, leaf);
    assert_int_equal(l->subleaf, subleaf);
    assert_true(l->a == r.eax && l->b == r.ebx && l->c == r.ecx && l->d == r.edx);
}

static void read_leaves(void **state)
{
    static const u32 want[LISTED][2] = {{0, ALL},
                                        {1, ALL},
                                        {2, ALL},
                                        {3, ALL},
                                        {4, 0},
                                        {4, 1},
                                        {4, 2},
                                        {4, 3}, /* the end */
                                        {5, ALL},
                                        {6, ALL},
                                        {7, 0},
                                        {7, 1},
                                        {8, ALL},
                                        {9, ALL},
                                        {0xa, ALL},
                                        {0xb, 0},
                                        {0xb, 1},
                                        {0xc, ALL},
                                        {0xd, 0},
                                        {0xd, 1},
                                        {0xd, 2},
                                        {0xd, 3}, /* no such component */
                                        {0xd, 4},
                                        {0x40000000, ALL},
                                        {0x40000100, ALL},
                                        {0x80000000, ALL},
                                        {0x80000001, ALL},
                                        {0x80000002, ALL},
                                        {0x80000003, ALL},
                                        {0x80000004, ALL},
                                        {0x80000005, ALL},
                                        {0x80000006, ALL},
                                        {0x80000007, ALL},
                                        {0x80000008, ALL}};
    const xen_cpuid_leaf_t *l = (void *)(host_guest + 8192);
    xen_msr_entry_t *e = (void *)host_guest;
    struct xen_domctl op = {0};
    u32 leaves, msrs;

    start();
    numbered = true;
    for (u32 index = 2; index <= 4; index += 2) {
        memset(host_guest, 0xee, 16384);
        leaves = LISTED;
        msrs = 2;
        assert_int_equal(read_lists(index, &leaves, GUEST(8192), &msrs, GUEST(0)), 0);
        assert_int_equal(leaves, LISTED);
        assert_int_equal(msrs, 2);
        for (unsigned int i = 0; i < LISTED; i++)
            expect_listed(&l[i], want[i][0], want[i][1]);
        assert_true(l[LISTED].leaf == 0xeeeeeeee);
        assert_true(e[0].idx == 0xce && e[0].flags == 0 && e[0].val == 0);
        assert_true(e[1].idx == 0x10a && e[1].flags == 0 && e[1].val == 0);
        assert_true(e[2].idx == 0xeeeeeeee);
    }
    /* how many there can be; too little room; no memory */
    leaves = msrs = 0;
    assert_int_equal(read_lists(2, &leaves, 0, &msrs, 0), 0);
    assert_true(leaves == 120 && msrs == 2);
    for (leaves = 0; leaves < LISTED; leaves++)
        assert_int_equal(read_lists(2, &leaves, GUEST(8192), &msrs, 0), -XEN_ENOBUFS);
    assert_int_equal(read_lists(2, &leaves, GUEST(HOST_WINDOW) - 24, &msrs, 0), -XEN_EFAULT);
    msrs = 1;
    assert_int_equal(read_lists(2, &leaves, 0, &msrs, GUEST(0)), -XEN_ENOBUFS);
    msrs = 2;
    assert_int_equal(read_lists(2, &leaves, 0, &msrs, GUEST(HOST_WINDOW) - 16), -XEN_EFAULT);
    assert_int_equal(read_lists(3, &leaves, 0, &msrs, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(read_lists(5, &leaves, 0, &msrs, 0), -XEN_EOPNOTSUPP);
    assert_int_equal(read_lists(6, &leaves, 0, &msrs, 0), -XEN_EINVAL);
    assert_int_equal(cpu_policy_sysctl(&(struct xen_sysctl_cpu_policy){._rsvd = 1}), -XEN_EINVAL);
    /* A domain's: what it is left. */
    assert_int_equal(set(0, ALL, 3, 1, 2, 3), 0);
    op.u.cpu_policy.nr_leaves = 120;
    set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)GUEST(8192));
    assert_int_equal(cpu_policy_get(d, &op), 0);
    assert_int_equal(op.u.cpu_policy.nr_leaves, 15);
    assert_int_equal(op.u.cpu_policy.nr_msrs, 2);
    assert_true(l[0].a == 3 && l[0].b == 1 && l[3].leaf == 3 && l[4].leaf == 0x40000000);
    /* The processor's own. */
    leaves = 120;
    msrs = 0;
    assert_int_equal(read_lists(1, &leaves, GUEST(8192), &msrs, 0), 0);
    assert_int_equal(leaves, 6);
    assert_true(l[0].leaf == 0 && l[0].subleaf == ALL);
    assert_true(l[0].a == 1 && l[0].b == 2 && l[0].c == 3 && l[0].d == 4);
    assert_true(l[1].leaf == 1 && l[1].a == 5 && l[1].b == 6 && l[1].c == 7 && l[1].d == 8);
    assert_true(l[2].leaf == 0x40000000 && !l[2].a && !l[2].b && !l[2].c && !l[2].d);
    assert_true(l[4].leaf == 0x80000000 && l[4].a == 0x80000001 && l[4].d == 12);
    assert_true(l[5].leaf == 0x80000001 && l[5].a == 13 && l[5].d == 16);
    assert_int_equal(read_lists(0, &leaves, GUEST(8192), &msrs, 0), 0);
    end();
}

/* The processor's own, with caches, levels of its topology and extended state. */
static const struct host_cpuid_leaf with_subleaves[] = {
    {0, 0, {0xd, 2, 3, 4}},     {4, 0, {1, 0, 0, 0}},
    {4, 1, {0x20, 7, 7, 7}},    {7, 0, {1, 0, 0, 0}},
    {0xb, 0, {1, 1, 0x100, 9}}, {0xb, 1, {0, 0, 1, 9}},
    {0xd, 0, {3, 0, 0, 0}},     {0x80000000, 0, {0x80000000, 0, 0, 0}},
};

/*
 * Lists with subleaves have as many elements as Xen's library writes back: the one that ends the
 * caches and the levels, empty, and all of extended state up to the last component.
 */
static void list_lengths(void **state)
{
    static const u32 want[][2] = {{4, 0},   {4, 1},     {5, ALL}, {6, ALL},   {7, 0},
                                  {7, 1},   {8, ALL},   {9, ALL}, {0xa, ALL}, {0xb, 0},
                                  {0xb, 1}, {0xc, ALL}, {0xd, 0}, {0xd, 1}};
    const xen_cpuid_leaf_t *l = (void *)(host_guest + 8192);
    u32 leaves = 120, msrs = 0;

    start();
    host_cpuid_leaves = with_subleaves;
    host_cpuid_leaf_count = ARRAY_SIZE(with_subleaves);
    assert_int_equal(read_lists(0, &leaves, GUEST(8192), &msrs, 0), 0);
    assert_int_equal(leaves, 4 + ARRAY_SIZE(want) + 3);
    for (unsigned int i = 0; i < ARRAY_SIZE(want); i++) {
        assert_int_equal(l[4 + i].leaf, want[i][0]);
        assert_int_equal(l[4 + i].subleaf, want[i][1]);
    }
    assert_true(!l[5].a && !l[5].b && !l[5].c && !l[5].d);
    assert_true(l[13].c == 0x100 && l[13].d == 9);
    assert_true(!l[14].a && !l[14].b && !l[14].c && !l[14].d);
    assert_int_equal(l[18].leaf, 0x40000000);

    numbered = true;
    high_component = 1;
    leaves = 120;
    assert_int_equal(read_lists(2, &leaves, GUEST(8192), &msrs, 0), 0);
    assert_int_equal(leaves, LISTED + 28);
    for (u32 i = 0; i <= 32; i++)
        expect_listed(&l[18 + i], 0xd, i);
    high_component = 0x80000000; /* beyond what the format has */
    leaves = 120;
    assert_int_equal(read_lists(2, &leaves, GUEST(8192), &msrs, 0), 0);
    assert_int_equal(leaves, LISTED + 58);
    end();
}

static long read_features(u32 index, u32 *n, unsigned long at)
{
    struct xen_sysctl_cpu_featureset op = {.index = index, .nr_features = *n};
    long rc;

    set_xen_guest_handle(op.features, (u32 *)at);
    rc = cpu_policy_featureset(&op);
    *n = op.nr_features;
    return rc;
}

static void feature_sets(void **state)
{
    static const u32 want[19] = {0x04000100, 0x03000100, 0x04010100, 0x03010100, 0x01000d01,
                                 0x02000700, 0x03000700, 0x04010700, 0x02010800, 0x04000700,
                                 0x01000701, 0,          0x02000701, 0,          0x03000701,
                                 0x04000701, 0,          0,          0};
    u32 *words = (void *)host_guest, n = 0;

    start();
    numbered = true;
    assert_int_equal(read_features(2, &n, 0), 0);
    assert_int_equal(n, 19);
    for (u32 index = 2; index <= 4; index += 2) {
        memset(host_guest, 0xee, 256);
        n = 25;
        assert_int_equal(read_features(index, &n, GUEST(0)), 0);
        assert_int_equal(n, 19);
        assert_memory_equal(words, want, sizeof(want));
        assert_true(words[19] == 0xeeeeeeee);
    }
    memset(host_guest, 0xee, 256);
    n = 18;
    assert_int_equal(read_features(2, &n, GUEST(0)), -XEN_ENOBUFS);
    assert_memory_equal(words, want, 18 * 4);
    assert_true(words[18] == 0xeeeeeeee);
    n = 19;
    assert_int_equal(read_features(2, &n, GUEST(HOST_WINDOW) - 4), -XEN_EFAULT);
    assert_int_equal(read_features(3, &n, GUEST(0)), -XEN_EOPNOTSUPP);
    assert_int_equal(read_features(5, &n, GUEST(0)), -XEN_EOPNOTSUPP);
    assert_int_equal(read_features(6, &n, GUEST(0)), -XEN_EINVAL);
    for (u32 index = 0; index < 2; index++) {
        assert_int_equal(read_features(index, &n, GUEST(0)), 0);
        assert_int_equal(words[0], 8);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits),       cmocka_unit_test(components),
        cmocka_unit_test(registers),    cmocka_unit_test(refused_leaves),
        cmocka_unit_test(given_lists),  cmocka_unit_test(read_leaves),
        cmocka_unit_test(list_lengths), cmocka_unit_test(feature_sets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
