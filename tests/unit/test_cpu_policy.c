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

#define ALL 0xffffffffU

/* The most that a domain can have: leaves to 0xd and 0x80000008, all features. */
void pv_domain_cpuid(const struct domain *d, u32 leaf, u32 subleaf, struct cpuid *out)
{
    *out = (struct cpuid){ALL, ALL, ALL, ALL};
    if (leaf == 0)
        out->eax = 0xd;
    else if (leaf == 0x80000000)
        out->eax = 0x80000008;
    else if (leaf == 7 && subleaf == 0)
        out->eax = 1;
    if (d && d->arch.cpu_policy)
        cpu_policy_limit(d->arch.cpu_policy, leaf, subleaf, out);
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

static void limits(void **state)
{
    host_boot(1024);
    d = host_domain(1, 1, 0, false);
    assert_non_null(d);
    d->has_run = false;

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
    assert_int_equal(shown(0xd, 0).eax, ALL);

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
    xfree(d->arch.cpu_policy);
    d->arch.cpu_policy = NULL;
    host_kill(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(limits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
