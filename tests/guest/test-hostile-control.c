/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: every operation of the control calls, by a domain that may use none of them: on
 * dom0, on itself, on domains that do not exist, and with arguments of all kinds. In dom0, which
 * may, only pointers that lead nowhere are tried.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <public/arch-x86/xen-mca.h>
#include <public/domctl.h>
#include <public/physdev.h>
#include <public/platform.h>
#include <public/sysctl.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "hostile.h"

#define RANDOM_CALLS 5000

static struct hostile sequence;

static void test_pointers(void)
{
    for (unsigned int i = 0; i < BAD_POINTERS; i++) {
        if (i == M2P_POINTER)
            continue;
        CHECK_EQ(hypercall_domctl(bad_pointers[i]), -EFAULT);
        CHECK_EQ(hypercall_sysctl(bad_pointers[i]), -EFAULT);
        CHECK_EQ(hypercall_platform_op(bad_pointers[i]), -EFAULT);
    }
}

static void test_domctl(void)
{
    static const domid_t domains[] = {0, DOMID_SELF};

    if (guest_is_privileged())
        return;
    for (unsigned int i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
        for (uint32_t cmd = 1; cmd < 90; cmd++) {
            struct xen_domctl op = {.cmd = cmd,
                                    .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                                    .domain = domains[i]};

            if (hypercall_domctl(&op) >= 0)
                test_fail(__FILE__, __LINE__, "domctl %u of domain %u is allowed", cmd, domains[i]);
        }
    }
}

static void test_sysctl(void)
{
    if (guest_is_privileged())
        return;
    for (uint32_t cmd = 1; cmd < 40; cmd++) {
        struct xen_sysctl op = {.cmd = cmd, .interface_version = XEN_SYSCTL_INTERFACE_VERSION};

        if (hypercall_sysctl(&op) >= 0)
            test_fail(__FILE__, __LINE__, "sysctl %u is allowed", cmd);
    }
}

static void test_platform(void)
{
    if (guest_is_privileged())
        return;
    for (uint32_t cmd = 1; cmd < 70; cmd++) {
        struct xen_platform_op op = {.cmd = cmd, .interface_version = XENPF_INTERFACE_VERSION};

        if (hypercall_platform_op(&op) >= 0)
            test_fail(__FILE__, __LINE__, "platform_op %u is allowed", cmd);
    }
}

/* What concerns devices; the rest of physdev_op any domain may call about itself. */
static void test_physdev(void)
{
    static const unsigned int refused[] = {
        PHYSDEVOP_apic_read,         PHYSDEVOP_apic_write,         PHYSDEVOP_manage_pci_add,
        PHYSDEVOP_manage_pci_remove, PHYSDEVOP_map_pirq,           PHYSDEVOP_setup_gsi,
        PHYSDEVOP_pci_device_add,    PHYSDEVOP_pci_mmcfg_reserved,
    };
    uint64_t argument[16] = {0};

    if (guest_is_privileged())
        return;
    for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        CHECK(hypercall_physdev_op(refused[i], argument) < 0);
}

static void test_random(void)
{
    uint64_t argument[32];

    if (guest_is_privileged())
        return;
    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        struct xen_domctl *domctl = (struct xen_domctl *)argument;

        hostile_fill(&sequence, argument, sizeof(argument));
        domctl->cmd = hostile_below(&sequence, 90);
        switch (hostile_below(&sequence, 4)) {
        case 0:
            domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
            CHECK(hypercall_domctl(argument) < 0);
            break;
        case 1:
            domctl->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
            CHECK(hypercall_sysctl(argument) < 0);
            break;
        case 2:
            domctl->interface_version = XENPF_INTERFACE_VERSION;
            CHECK(hypercall_platform_op(argument) < 0);
            break;
        default:
            hypercall_physdev_op(hostile_below(&sequence, 34), argument);
            break;
        }
    }
}

#define MCA_CPUS 4u

/* Machine checks are for dom0, which here finds that there are none. */
static void test_mca(void)
{
    static xen_mc_logical_cpu_t cpus[MCA_CPUS];
    static mc_info_t record;
    struct xen_mc op = {0};
    uint32_t there;

#define MCA(op) hypercall_any(__HYPERVISOR_mca, (unsigned long)(op), 0, 0, 0, 0, 0)
    if (!guest_is_privileged()) {
        op.interface_version = XEN_MCA_INTERFACE_VERSION;
        CHECK_EQ(MCA(&op), -EPERM);
        CHECK_EQ(MCA(UNMAPPED_ADDRESS), -EPERM);
        return;
    }
    for (unsigned int i = 0; i < BAD_POINTERS; i++)
        if (i != M2P_POINTER)
            CHECK_EQ(MCA(bad_pointers[i]), -EFAULT);
    CHECK_EQ(MCA(&op), -EACCES);
    op.interface_version = XEN_MCA_INTERFACE_VERSION;
    CHECK_EQ(MCA(&op), -EINVAL);
    op.cmd = 1000;
    CHECK_EQ(MCA(&op), -EINVAL);
    op.cmd = XEN_MC_fetch;
    CHECK_EQ(MCA(&op), -EINVAL);
    op.u.mc_fetch.flags = XEN_MC_URGENT;
    set_xen_guest_handle(op.u.mc_fetch.data, &record);
    CHECK_EQ(MCA(&op), 0);
    CHECK_EQ(op.u.mc_fetch.flags, XEN_MC_NODATA);
    op.cmd = XEN_MC_physcpuinfo;
    memset(&op.u, 0, sizeof(op.u));
    CHECK_EQ(MCA(&op), 0);
    there = op.u.mc_physcpuinfo.ncpus;
    CHECK(there >= 1);
    op.u.mc_physcpuinfo.ncpus = MCA_CPUS;
    set_xen_guest_handle(op.u.mc_physcpuinfo.info, cpus);
    CHECK_EQ(MCA(&op), 0);
    CHECK_EQ(op.u.mc_physcpuinfo.ncpus, there < MCA_CPUS ? there : MCA_CPUS);
    CHECK(cpus[0].mc_cpu_caps[MC_CAPS_STD_EDX] & 1u << 25);
    CHECK(cpus[0].mc_cpuid_level > 0);
#undef MCA
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pointers", test_pointers}, {"domctl", test_domctl},
        {"sysctl", test_sysctl},     {"platform", test_platform},
        {"physdev", test_physdev},   {"mca", test_mca},
        {"random", test_random},     {NULL, NULL},
    };

    hostile_init(&sequence, 0, pages_alloc(4), 4);
    run_tests(tests);
}
