/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) hypervisor/domctl.c hypervisor/domctl_vcpu.c hypervisor/sysctl.c */
/* SOURCES: hypervisor/debug_keys.c hypervisor/lock_profile.c hypervisor/power_states.c */
/*
 * What the control operations about the machine say of power states and of patches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <percpu.h>
#include <public/sysctl.h>
#include <sched.h>

#include "two_domains.h"

#define TRIGGERS    65536U
#define RESIDENCIES 65600U

static int setup(void **state)
{
    make_two_domains(1, 1, 1);
    host_become(a->vcpu[0]);
    return 0;
}

static int teardown(void **state)
{
    host_become(cpus[0]->rq.idle);
    host_settle();
    return end_two_domains(state);
}

static long sysctl(struct xen_sysctl *op, unsigned int cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return host_call1(do_sysctl, op, sizeof(*op));
}

static long statistics(struct xen_sysctl *op, u32 type, u32 cpu, u32 room)
{
    struct pm_cx_stat *stat = &op->u.get_pmstat.u.getcx;

    memset(op, 0, sizeof(*op));
    memset(host_guest + TRIGGERS, 0xee, 128);
    op->u.get_pmstat.type = type;
    op->u.get_pmstat.cpuid = cpu;
    stat->nr = room;
    stat->last = stat->nr_pc = stat->nr_cc = 7;
    set_xen_guest_handle(stat->triggers, (u64 *)GUEST(TRIGGERS));
    set_xen_guest_handle(stat->residencies, (u64 *)GUEST(RESIDENCIES));
    return sysctl(op, XEN_SYSCTL_get_pmstat);
}

static u64 listed(unsigned long offset, unsigned int n)
{
    return ((const u64 *)(void *)(host_guest + offset))[n];
}

static void idle_times(void **state)
{
    const u64 none = 0xeeeeeeeeeeeeeeee;
    struct xen_sysctl op;
    struct pm_cx_stat *stat = &op.u.get_pmstat.u.getcx;
    u64 idle = vcpu_cpu_time(cpus[0]->rq.idle), time = (u64)now();

    assert_int_equal(statistics(&op, PMSTAT_get_max_cx, 0, 0), 0);
    assert_int_equal(stat->nr, 2);
    assert_int_equal(stat->last, 7);
    for (u32 room = 0; room < 4; room++) {
        assert_int_equal(statistics(&op, PMSTAT_get_cxstat, 0, room), 0);
        assert_true(stat->nr == 2 && stat->last == 0 && stat->nr_pc == 0 && stat->nr_cc == 0);
        assert_int_equal(stat->idle_time, idle);
        assert_int_equal(listed(TRIGGERS, 0), room > 0 ? 1 : none);
        assert_int_equal(listed(TRIGGERS, 1), room > 1 ? 1 : none);
        assert_int_equal(listed(TRIGGERS, 2), none);
        assert_int_equal(listed(RESIDENCIES, 0), room > 0 ? time - idle : none);
        assert_int_equal(listed(RESIDENCIES, 1), room > 1 ? idle : none);
        assert_int_equal(listed(RESIDENCIES, 2), none);
    }
    host_guest_limit(0, RESIDENCIES + 15);
    assert_int_equal(statistics(&op, PMSTAT_get_cxstat, 0, 2), -XEN_EFAULT);
    assert_int_equal(statistics(&op, PMSTAT_get_cxstat, 0, 1), 0);
    host_guest_limit(0, TRIGGERS + 7);
    assert_int_equal(statistics(&op, PMSTAT_get_cxstat, 0, 1), -XEN_EFAULT);
    host_guest_limit(0, 0);
    assert_int_equal(statistics(&op, PMSTAT_reset_cxstat, 0, 2), 0);
    assert_int_equal(statistics(&op, PMSTAT_CX, 0, 2), -XEN_ENOSYS);
    assert_int_equal(statistics(&op, 0x24, 0, 2), -XEN_ENOSYS);
    assert_int_equal(statistics(&op, PMSTAT_get_max_px, 0, 2), -XEN_ENODEV);
    assert_int_equal(statistics(&op, 0, 0, 2), -XEN_ENODEV);
    assert_int_equal(statistics(&op, PMSTAT_get_max_cx, nr_cpus, 0), -XEN_EINVAL);
    assert_int_equal(statistics(&op, 0, ~0U, 0), -XEN_EINVAL);
}

static long power(u32 cmd, u32 cpu, u32 *value)
{
    struct xen_sysctl op = {.u.pm_op = {.cmd = cmd, .cpuid = cpu, .u.set_max_cstate = *value}};
    long rc = sysctl(&op, XEN_SYSCTL_pm_op);

    *value = op.u.pm_op.u.get_max_cstate;
    return rc;
}

static u32 limit(u32 which)
{
    u32 value = 77;

    assert_int_equal(power(XEN_SYSCTL_pm_op_get_max_cstate, which, &value), 0);
    return value;
}

static void power_policy(void **state)
{
    u32 value = 2;

    assert_int_equal(limit(0), 1);
    assert_int_equal(limit(1), XEN_SYSCTL_CX_UNLIMITED);
    assert_int_equal(power(XEN_SYSCTL_pm_op_set_max_cstate, 0, &value), 0);
    assert_int_equal(limit(0), 2);
    assert_int_equal(limit(1), XEN_SYSCTL_CX_UNLIMITED);
    value = 0;
    assert_int_equal(power(XEN_SYSCTL_pm_op_set_max_cstate, 1, &value), 0);
    assert_int_equal(limit(1), 0);
    assert_int_equal(power(XEN_SYSCTL_pm_op_set_max_cstate, 0, &value), -XEN_EOPNOTSUPP);
    assert_int_equal(limit(0), 2);
    assert_int_equal(power(XEN_SYSCTL_pm_op_set_max_cstate, 2, &value), -XEN_EINVAL);
    assert_int_equal(power(XEN_SYSCTL_pm_op_get_max_cstate, 2, &value), -XEN_EINVAL);

    assert_int_equal(power(XEN_SYSCTL_pm_op_set_sched_opt_smt, 0, &value), 0);
    value = 1;
    assert_int_equal(power(XEN_SYSCTL_pm_op_set_sched_opt_smt, 0, &value), -XEN_EOPNOTSUPP);
    assert_int_equal(power(XEN_SYSCTL_pm_op_enable_turbo, 0, &value), -XEN_EACCES);
    assert_int_equal(power(XEN_SYSCTL_pm_op_disable_turbo, 0, &value), -XEN_EACCES);
    assert_int_equal(power(XEN_SYSCTL_pm_op_disable_turbo, nr_cpus, &value), -XEN_EINVAL);
    assert_int_equal(power(XEN_SYSCTL_pm_op_get_vcpu_migration_delay, 0, &value), -XEN_ENOSYS);
    assert_int_equal(power(0, 0, &value), -XEN_ENOSYS);
    assert_int_equal(power(0, ~0U, &value), -XEN_EINVAL);
    assert_int_equal(power(GET_CPUFREQ_PARA, 0, &value), -XEN_EINVAL);
    assert_int_equal(power(CPUFREQ_PARA | 0xf, 0, &value), -XEN_EINVAL);
}

/* ---- what there is none of ---- */

static long patches(struct xen_sysctl *op, u32 cmd, u32 pad, u32 list_pad, u32 nr)
{
    *op = (struct xen_sysctl){.u.livepatch = {.cmd = cmd,
                                              .pad = pad,
                                              .u.list = {.pad = list_pad,
                                                         .nr = nr,
                                                         .version = 9,
                                                         .name_total_size = 9,
                                                         .metadata_total_size = 9}}};
    return sysctl(op, XEN_SYSCTL_livepatch_op);
}

static void no_patches(void **state)
{
    struct xen_sysctl op;
    const struct xen_sysctl_livepatch_list *list = &op.u.livepatch.u.list;

    for (u32 nr = 0; nr <= 1024; nr += 512) {
        assert_int_equal(patches(&op, XEN_SYSCTL_LIVEPATCH_LIST, 0, 0, nr), 0);
        assert_true(list->nr == 0 && list->version == 1);
        assert_true(list->name_total_size == 0 && list->metadata_total_size == 0);
    }
    assert_int_equal(patches(&op, XEN_SYSCTL_LIVEPATCH_LIST, 0, 0, 1025), -XEN_E2BIG);
    assert_int_equal(patches(&op, XEN_SYSCTL_LIVEPATCH_LIST, 0, 1, 1), -XEN_EINVAL);
    assert_int_equal(patches(&op, XEN_SYSCTL_LIVEPATCH_LIST, 1, 0, 1), -XEN_EINVAL);
    assert_int_equal(patches(&op, XEN_SYSCTL_LIVEPATCH_UPLOAD, 0, 0, 1), -XEN_EOPNOTSUPP);
    assert_int_equal(patches(&op, 4, 0, 0, 1), -XEN_EOPNOTSUPP);
    assert_int_equal(patches(&op, 4, 1, 0, 1), -XEN_EINVAL);
}

static void no_coverage(void **state)
{
    struct xen_sysctl op = {0};

    assert_int_equal(sysctl(&op, XEN_SYSCTL_coverage_op), -XEN_EOPNOTSUPP);
}

/* Nobody has labels, whatever the domain's creator says. */
static void no_labels(void **state)
{
    struct xen_sysctl op = {.u.getdomaininfolist = {.max_domains = 1}};
    struct xen_domctl_getdomaininfo *info = (void *)(host_guest + TRIGGERS);

    memset(info, 0xee, sizeof(*info));
    set_xen_guest_handle(op.u.getdomaininfolist.buffer,
                         (xen_domctl_getdomaininfo_t *)GUEST(TRIGGERS));
    assert_int_equal(sysctl(&op, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 1);
    assert_int_equal(info->ssidref, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(idle_times, setup, teardown),
        cmocka_unit_test_setup_teardown(power_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(no_patches, setup, teardown),
        cmocka_unit_test_setup_teardown(no_coverage, setup, teardown),
        cmocka_unit_test_setup_teardown(no_labels, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
