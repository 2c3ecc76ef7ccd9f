/* SPDX-License-Identifier: MIT */
/*
 * Physical CPUs that dom0 takes out of use and back: the hypercalls' errors, what they say of a CPU
 * in each state, the event, and a vCPU that may only run on a CPU that goes.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <public/domctl.h>
#include <public/platform.h>
#include <public/sysctl.h>
#include <public/version.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define NO_CPU      4000u /* no machine has it */
#define ROUNDS      20
#define EVENT_LIMIT NANOSECONDS_PER_SECOND

/* Xen 4.17 forgets to which CPUs a vCPU was bound when the last of them goes. */
static bool is_xen(void)
{
    xen_extraversion_t extra;

    CHECK_EQ(hypercall_xen_version(XENVER_extraversion, extra), 0);
    return !strstr(extra, "bulkhead");
}

static long hotplug(unsigned int cpu, unsigned int what)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpu_hotplug,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.cpu_hotplug = {.cpu = cpu, .op = what}};

    return hypercall_sysctl(&op);
}

static long offline(unsigned int cpu)
{
    return hotplug(cpu, XEN_SYSCTL_CPU_HOTPLUG_OFFLINE);
}

static long online(unsigned int cpu)
{
    return hotplug(cpu, XEN_SYSCTL_CPU_HOTPLUG_ONLINE);
}

static long platform(unsigned int command, unsigned int cpu)
{
    struct xen_platform_op op = {.cmd = command, .interface_version = XENPF_INTERFACE_VERSION};

    op.u.cpu_ol.cpuid = cpu;
    return hypercall_platform_op(&op);
}

static struct xenpf_pcpuinfo describe(unsigned int cpu)
{
    struct xen_platform_op op = {.cmd = XENPF_get_cpuinfo,
                                 .interface_version = XENPF_INTERFACE_VERSION,
                                 .u.pcpu_info.xen_cpuid = cpu};

    CHECK_EQ(hypercall_platform_op(&op), 0);
    return op.u.pcpu_info;
}

static struct xen_sysctl machine(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_physinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

    CHECK_EQ(hypercall_sysctl(&op), 0);
    return op;
}

static unsigned int cpus_online(void)
{
    return machine().u.physinfo.nr_cpus;
}

/* ---- what is refused ---- */

static void test_errors(void)
{
    CHECK_EQ(offline(0), -EINVAL);
    CHECK_EQ(offline(NO_CPU), -EINVAL);
    CHECK_EQ(offline(~0u), -EINVAL);
    CHECK_EQ(online(0), -EEXIST);
    CHECK_EQ(online(NO_CPU), -EINVAL);
    CHECK_EQ(online(~0u), -EINVAL);
    CHECK_EQ(hotplug(1, 99), -EOPNOTSUPP);
    CHECK_EQ(platform(XENPF_cpu_offline, 0), -EOPNOTSUPP);
    CHECK_EQ(platform(XENPF_cpu_offline, NO_CPU), -EINVAL);
    CHECK_EQ(platform(XENPF_cpu_offline, ~0u), -EINVAL);
    CHECK_EQ(platform(XENPF_cpu_online, 0), 0);
    CHECK_EQ(platform(XENPF_cpu_online, NO_CPU), -EINVAL);
    CHECK_EQ(platform(XENPF_cpu_online, ~0u), -EINVAL);
    CHECK_EQ(describe(NO_CPU).flags, XEN_PCPU_FLAGS_INVALID);
    CHECK_EQ(describe(0).flags, XEN_PCPU_FLAGS_ONLINE);
    CHECK_EQ(describe(NO_CPU).max_present, cpus_online() - 1);
}

/* QEMU's CPUs have one thread a core. */
static void test_no_threads(void)
{
    CHECK_EQ(hotplug(0, XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE), -EOPNOTSUPP);
    CHECK_EQ(hotplug(0, XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE), -EOPNOTSUPP);
}

/* ---- a CPU goes and comes ---- */

/* Was there an event at @port since the last time? */
static bool told(evtchn_port_t port)
{
    uint64_t end = clock_now() + EVENT_LIMIT;

    while (!event_is_pending(port) && clock_now() < end)
        hypercall_sched_op(SCHEDOP_yield, NULL);
    return event_test_and_clear(port);
}

static xen_sysctl_cputopo_t topology[4];
static xen_sysctl_cpuinfo_t info[4];

static unsigned int count_topology(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cputopoinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.cputopoinfo.num_cpus = 4};

    set_xen_guest_handle(op.u.cputopoinfo.cputopo, topology);
    CHECK_EQ(hypercall_sysctl(&op), 0);
    return op.u.cputopoinfo.num_cpus;
}

static unsigned int count_info(void)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_getcpuinfo,
                            .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                            .u.getcpuinfo.max_cpus = 4};

    set_xen_guest_handle(op.u.getcpuinfo.info, info);
    CHECK_EQ(hypercall_sysctl(&op), 0);
    return op.u.getcpuinfo.nr_cpus;
}

/* The CPUs of Pool-0 below 64. */
static uint64_t pool_map(void)
{
    static uint64_t map;
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cpupool_op,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.cpupool_op = {.op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpumap.nr_bits = 64}};

    set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, (uint8_t *)&map);
    CHECK_EQ(hypercall_sysctl(&op), 0);
    return map;
}

static void check_state(bool up)
{
    struct xenpf_pcpuinfo cpu = describe(1);

    CHECK_EQ(cpu.flags, up ? XEN_PCPU_FLAGS_ONLINE : 0);
    CHECK_EQ(cpu.max_present, 1);
    CHECK_EQ(cpus_online(), up ? 2 : 1);
    CHECK_EQ(machine().u.physinfo.max_cpu_id, 1);
    CHECK_EQ(pool_map(), up ? 3 : 1);
    CHECK_EQ(count_info(), 2);
    CHECK_EQ(!info[1].idletime, !up);
    CHECK_EQ(count_topology(), 2);
    CHECK_EQ(topology[1].core == XEN_INVALID_CORE_ID, !up);
    CHECK_EQ(topology[1].socket == XEN_INVALID_SOCKET_ID, !up);
    CHECK_EQ(topology[1].node, 0);
}

static void test_goes_and_comes(void)
{
    evtchn_port_t port = (evtchn_port_t)event_bind_virq(VIRQ_PCPU_STATE, 0);

    if (cpus_online() != 2)
        return;
    check_state(true);
    CHECK_EQ(online(1), -EEXIST);
    CHECK(!event_is_pending(port));
    CHECK_EQ(offline(1), 0);
    check_state(false);
    CHECK(told(port));
    CHECK_EQ(offline(1), -EEXIST);
    CHECK_EQ(platform(XENPF_cpu_offline, 1), 0);
    CHECK(!event_is_pending(port));
    CHECK_EQ(online(1), 0);
    check_state(true);
    CHECK(told(port));
    CHECK_EQ(platform(XENPF_cpu_online, 1), 0);
    CHECK(!event_is_pending(port));
    CHECK_EQ(platform(XENPF_cpu_offline, 1), 0);
    check_state(false);
    CHECK(told(port));
    CHECK_EQ(platform(XENPF_cpu_online, 1), 0);
    check_state(true);
    CHECK(told(port));
    event_close(port);
}

static void test_again_and_again(void)
{
    if (cpus_online() != 2)
        return;
    for (unsigned int i = 0; i < ROUNDS; i++) {
        CHECK_EQ(offline(1), 0);
        CHECK_EQ(online(1), 0);
    }
    check_state(true);
}

/* ---- this vCPU, which may only run there ---- */

/* The hard affinity of this vCPU, which is set to @set, unless that is 0. */
static long affinity(uint64_t set, uint64_t *seen)
{
    static uint64_t map;
    struct xen_domctl op = {
        .cmd = set ? XEN_DOMCTL_setvcpuaffinity : XEN_DOMCTL_getvcpuaffinity,
        .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
        .u.vcpuaffinity = {.flags = XEN_VCPUAFFINITY_HARD, .cpumap_hard.nr_bits = 64}};
    long rc;

    map = set;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&map);
    rc = hypercall_domctl(&op);
    *seen = map;
    return rc;
}

static unsigned int where(void)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuinfo,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION};

    CHECK_EQ(hypercall_domctl(&op), 0);
    return op.u.getvcpuinfo.cpu;
}

static void test_pinned_vcpu(void)
{
    uint64_t map, deadline;

    if (cpus_online() != 2)
        return;
    CHECK_EQ(affinity(2, &map), 0);
    CHECK_EQ(map, 2);
    CHECK_EQ(where(), 1);
    CHECK_EQ(offline(1), 0);
    CHECK_EQ(where(), 0);
    CHECK_EQ(affinity(2, &map), -EINVAL);
    CHECK_EQ(affinity(0, &map), 0);
    CHECK_EQ(map, is_xen() ? 3 : 2);
    /* Its timer and its events come there. */
    deadline = clock_now() + MILLISECONDS(5);
    CHECK_EQ(hypercall_set_timer_op(deadline), 0);
    while (clock_now() < deadline)
        CHECK_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    CHECK_EQ(online(1), 0);
    if (!is_xen())
        CHECK_EQ(where(), 1);
    CHECK_EQ(affinity(1, &map), 0);
    CHECK_EQ(where(), 0);
    CHECK_EQ(affinity(3, &map), 0);
    CHECK_EQ(map, 3);
}

static const struct test tests[] = {
    {"errors", test_errors},
    {"no_threads", test_no_threads},
    {"goes_and_comes", test_goes_and_comes},
    {"again_and_again", test_again_and_again},
    {"pinned_vcpu", test_pinned_vcpu},
    {NULL, NULL},
};

void guest_main(void)
{
    run_tests(tests);
}
