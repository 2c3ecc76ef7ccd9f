/* SPDX-License-Identifier: MIT */
/*
 * CPU policies as a toolstack uses them: the machine's are read, a new domain's is read, cut down,
 * written and read again, and the calls that have to be refused are.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <public/domctl.h>
#include <public/sysctl.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define MOST_LEAVES 200u
#define MOST_MSRS   8u
#define MOST_WORDS  32u

static xen_cpuid_leaf_t leaves[MOST_LEAVES];
static xen_msr_entry_t msrs[MOST_MSRS];
static uint32_t words[MOST_WORDS];

static long sysctl_policy(uint32_t index, uint32_t *nr_leaves, uint32_t *nr_msrs, bool ask)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_policy,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    long rc;

    op.u.cpu_policy.index = index;
    op.u.cpu_policy.nr_leaves = *nr_leaves;
    op.u.cpu_policy.nr_msrs = *nr_msrs;
    set_xen_guest_handle(op.u.cpu_policy.leaves, ask ? NULL : leaves);
    set_xen_guest_handle(op.u.cpu_policy.msrs, ask ? NULL : msrs);
    rc = hypercall_sysctl(&op);
    *nr_leaves = op.u.cpu_policy.nr_leaves;
    *nr_msrs = op.u.cpu_policy.nr_msrs;
    return rc;
}

static const xen_cpuid_leaf_t *find(uint32_t n, uint32_t leaf, uint32_t subleaf)
{
    for (uint32_t i = 0; i < n; i++)
        if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf)
            return &leaves[i];
    return NULL;
}

/* What every policy has: order, limits that are kept, a vendor. */
static void check_leaves(uint32_t n)
{
    const xen_cpuid_leaf_t *basic = find(n, 0, XEN_CPUID_NO_SUBLEAF);
    const xen_cpuid_leaf_t *extended = find(n, 0x80000000, XEN_CPUID_NO_SUBLEAF);

    if (!CHECK(basic) || !CHECK(extended))
        return;
    CHECK(basic->b != 0 && basic->a >= 1);
    CHECK(find(n, 1, XEN_CPUID_NO_SUBLEAF));
    CHECK(find(n, 0x80000001, XEN_CPUID_NO_SUBLEAF));
    CHECK(find(n, 0x40000000, XEN_CPUID_NO_SUBLEAF));
    CHECK(find(n, 0x40000100, XEN_CPUID_NO_SUBLEAF));
    for (uint32_t i = 0; i < n; i++) {
        if (leaves[i].leaf < 0x40000000)
            CHECK(leaves[i].leaf <= basic->a);
        if (i)
            CHECK(leaves[i].leaf > leaves[i - 1].leaf ||
                  (leaves[i].leaf == leaves[i - 1].leaf &&
                   leaves[i].subleaf > leaves[i - 1].subleaf));
    }
}

/* @return how many leaves of the list have the number @leaf */
static uint32_t count(uint32_t n, uint32_t leaf)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < n; i++)
        found += leaves[i].leaf == leaf;
    return found;
}

/*
 * Xen's library writes back all subleaves with the one that ends them, and refuses a list with
 * fewer elements.
 */
static void check_subleaves(uint32_t n)
{
    const xen_cpuid_leaf_t *basic = find(n, 0, XEN_CPUID_NO_SUBLEAF), *last, *second;
    uint64_t components;

    if (!CHECK(basic))
        return;
    if (basic->a >= 4) {
        last = find(n, 4, count(n, 4) - 1);
        CHECK(last && (count(n, 4) == 6 || !(last->a & 31)));
    }
    if (basic->a >= 0xb) {
        last = find(n, 0xb, count(n, 0xb) - 1);
        CHECK(last && (count(n, 0xb) == 2 || !(last->c >> 8 & 0xff)));
    }
    if (basic->a >= 0xd) {
        last = find(n, 0xd, 0);
        second = find(n, 0xd, 1);
        if (!CHECK(last) || !CHECK(second))
            return;
        components = last->a | (uint64_t)last->d << 32 | second->c | (uint64_t)second->d << 32;
        CHECK_EQ(count(n, 0xd), components >> 2 ? 64 - __builtin_clzl(components) : 2);
    }
}

static void test_machine(void)
{
    static const uint32_t indices[] = {XEN_SYSCTL_cpu_policy_raw, XEN_SYSCTL_cpu_policy_host,
                                       XEN_SYSCTL_cpu_policy_pv_max,
                                       XEN_SYSCTL_cpu_policy_pv_default};

    for (unsigned int i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        uint32_t n = 0, m = 0, most;

        CHECK_EQ(sysctl_policy(indices[i], &n, &m, true), 0);
        CHECK(n > 20 && n <= MOST_LEAVES);
        CHECK(m == 2);
        most = n;
        CHECK_EQ(sysctl_policy(indices[i], &n, &m, false), 0);
        CHECK(n <= most && m == 2);
        check_leaves(n);
        check_subleaves(n);
        CHECK_EQ(msrs[0].idx, 0xce);
        CHECK_EQ(msrs[1].idx, 0x10a);
        n--;
        CHECK_EQ(sysctl_policy(indices[i], &n, &m, false), -ENOBUFS);
    }
}

static void test_machine_refusals(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_policy,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    uint32_t n = 0, m = 0;

    CHECK_EQ(sysctl_policy(6, &n, &m, true), -EINVAL);
    CHECK_EQ(sysctl_policy(~0u, &n, &m, true), -EINVAL);
    op.u.cpu_policy._rsvd = 1;
    CHECK_EQ(hypercall_sysctl(&op), -EINVAL);
    op.u.cpu_policy._rsvd = 0;
    op.u.cpu_policy.nr_leaves = op.u.cpu_policy.nr_msrs = MOST_LEAVES;
    set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)UNMAPPED_ADDRESS);
    CHECK_EQ(hypercall_sysctl(&op), -EFAULT);
}

static void test_featureset(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_get_cpu_featureset,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    struct xen_sysctl_cpu_featureset *f = &op.u.cpu_featureset;
    uint32_t nr, raw[4];

    CHECK_EQ(hypercall_sysctl(&op), 0);
    nr = f->nr_features;
    CHECK_EQ(nr, 19);
    set_xen_guest_handle(f->features, words);
    f->index = XEN_SYSCTL_cpu_featureset_raw;
    CHECK_EQ(hypercall_sysctl(&op), 0);
    memcpy(raw, words, sizeof(raw));
    f->index = XEN_SYSCTL_cpu_featureset_pv;
    CHECK_EQ(hypercall_sysctl(&op), 0);
    CHECK(words[0] & 1u << 25); /* SSE */
    CHECK(words[2] & 1u << 29); /* long mode */
    CHECK((words[0] & ~raw[0]) == 0);
    CHECK(!(words[0] & 1u << 12)); /* MTRR: only shown to dom0 */
    f->nr_features = nr - 1;
    CHECK_EQ(hypercall_sysctl(&op), -ENOBUFS);
    f->index = 6;
    CHECK_EQ(hypercall_sysctl(&op), -EINVAL);
}

/* As toolstacks create PV domains, but with @arch; the new domain's id is in @op->domain. */
static long create_with(struct xen_domctl *op, struct xen_arch_domainconfig arch)
{
    *op = (struct xen_domctl){.cmd = XEN_DOMCTL_createdomain,
                              .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                              .domain = DOMID_INVALID,
                              .u.createdomain = {.max_vcpus = 1,
                                                 .max_evtchn_port = 1023,
                                                 .max_grant_frames = -1,
                                                 .max_maptrack_frames = -1,
                                                 .grant_opts = XEN_DOMCTL_GRANT_version(1),
                                                 .arch = arch}};
    return hypercall_domctl(op);
}

static domid_t create(void)
{
    struct xen_domctl op;

    return CHECK_EQ(create_with(&op, (struct xen_arch_domainconfig){0}), 0) ? op.domain
                                                                            : DOMID_INVALID;
}

static long simple(uint32_t cmd, domid_t domain)
{
    struct xen_domctl op = {
        .cmd = cmd, .interface_version = XEN_DOMCTL_INTERFACE_VERSION, .domain = domain};

    return hypercall_domctl(&op);
}

static long policy(uint32_t cmd, domid_t domain, struct xen_domctl_cpu_policy *p)
{
    struct xen_domctl op = {.cmd = cmd,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                            .domain = domain,
                            .u.cpu_policy = *p};
    long rc;

    set_xen_guest_handle(op.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(op.u.cpu_policy.msrs, msrs);
    rc = hypercall_domctl(&op);
    *p = op.u.cpu_policy;
    return rc;
}

static long get(domid_t domain, uint32_t *n, uint32_t *m)
{
    struct xen_domctl_cpu_policy p = {.nr_leaves = MOST_LEAVES, .nr_msrs = MOST_MSRS};
    long rc = policy(XEN_DOMCTL_get_cpu_policy, domain, &p);

    *n = p.nr_leaves;
    *m = p.nr_msrs;
    return rc;
}

/* A PV domain can have a PIT and no other emulated device. */
static void test_configurations(void)
{
    struct xen_domctl op;

    CHECK_EQ(create_with(&op, (struct xen_arch_domainconfig){.emulation_flags = XEN_X86_EMU_LAPIC}),
             -EOPNOTSUPP);
    CHECK_EQ(create_with(&op, (struct xen_arch_domainconfig){.emulation_flags = XEN_X86_EMU_ALL}),
             -EOPNOTSUPP);
    CHECK_EQ(create_with(&op, (struct xen_arch_domainconfig){.emulation_flags = 1u << 31}),
             -EINVAL);
    CHECK_EQ(create_with(&op, (struct xen_arch_domainconfig){.misc_flags = 1u << 31}), -EINVAL);
    if (CHECK_EQ(
            create_with(&op, (struct xen_arch_domainconfig){.emulation_flags = XEN_X86_EMU_PIT}),
            0))
        CHECK_EQ(simple(XEN_DOMCTL_destroydomain, op.domain), 0);
}

#define SSE3 1u

static void test_domain(void)
{
    struct xen_domctl_cpu_policy p = {0};
    domid_t domain = create();
    xen_cpuid_leaf_t *one;
    uint32_t n, m;

    if (domain == DOMID_INVALID)
        return;
    CHECK_EQ(get(domain, &n, &m), 0);
    check_leaves(n);
    check_subleaves(n);
    CHECK_EQ(m, 2);
    p.nr_leaves = n;
    p.nr_msrs = m;
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), 0); /* as it is */

    one = (xen_cpuid_leaf_t *)find(n, 1, XEN_CPUID_NO_SUBLEAF);
    if (CHECK(one)) {
        CHECK(one->c & SSE3);
        one->c &= ~SSE3;
    }
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), 0);
    CHECK_EQ(get(domain, &n, &m), 0);
    one = (xen_cpuid_leaf_t *)find(n, 1, XEN_CPUID_NO_SUBLEAF);
    CHECK(one && !(one->c & SSE3));

    /* A part of the list changes only what it names. */
    leaves[0] = (xen_cpuid_leaf_t){
        .leaf = 0x80000002, .subleaf = XEN_CPUID_NO_SUBLEAF, .a = 0x6b6c7542};
    p = (struct xen_domctl_cpu_policy){.nr_leaves = 1};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), 0);
    CHECK_EQ(get(domain, &n, &m), 0);
    one = (xen_cpuid_leaf_t *)find(n, 1, XEN_CPUID_NO_SUBLEAF);
    CHECK(one && !(one->c & SSE3));
    one = (xen_cpuid_leaf_t *)find(n, 0x80000002, XEN_CPUID_NO_SUBLEAF);
    CHECK(one && one->a == 0x6b6c7542);
    CHECK_EQ(simple(XEN_DOMCTL_destroydomain, domain), 0);
}

static void test_domain_refusals(void)
{
    struct xen_domctl_cpu_policy p = {0};
    domid_t domain = create();

    if (domain == DOMID_INVALID)
        return;
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, 0, &p), -EINVAL); /* one's own */
    p.nr_leaves = 1;
    leaves[0] = (xen_cpuid_leaf_t){.leaf = 0x12345, .subleaf = 7};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -ERANGE);
    CHECK_EQ(p.err_leaf, 0x12345);
    CHECK_EQ(p.err_subleaf, 7);
    CHECK_EQ(p.err_msr, ~0u);
    leaves[0] = (xen_cpuid_leaf_t){.leaf = 1, .subleaf = 0};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -ERANGE);
    CHECK_EQ(p.err_leaf, 1);
    leaves[0] = (xen_cpuid_leaf_t){.leaf = 0, .subleaf = XEN_CPUID_NO_SUBLEAF, .a = 0x1000};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -EINVAL);
    CHECK_EQ(p.err_leaf, 0);
    p = (struct xen_domctl_cpu_policy){.nr_msrs = 1};
    msrs[0] = (xen_msr_entry_t){.idx = 0x1234};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -ERANGE);
    CHECK_EQ(p.err_msr, 0x1234);
    msrs[0] = (xen_msr_entry_t){.idx = 0xce, .flags = 1};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -EINVAL);
    CHECK_EQ(p.err_msr, 0xce);
    p = (struct xen_domctl_cpu_policy){.nr_leaves = 100000};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -E2BIG);
    /* Once unpaused it is too late, whether it can run or not. */
    CHECK_EQ(simple(XEN_DOMCTL_unpausedomain, domain), 0);
    p = (struct xen_domctl_cpu_policy){0};
    CHECK_EQ(policy(XEN_DOMCTL_set_cpu_policy, domain, &p), -EEXIST);
    CHECK_EQ(simple(XEN_DOMCTL_gethvmcontext, domain), -EINVAL);
    CHECK_EQ(simple(XEN_DOMCTL_destroydomain, domain), 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"machine", test_machine},
        {"machine_refusals", test_machine_refusals},
        {"featureset", test_featureset},
        {"configurations", test_configurations},
        {"domain", test_domain},
        {"domain_refusals", test_domain_refusals},
        {NULL, NULL},
    };

    run_tests(tests);
}
