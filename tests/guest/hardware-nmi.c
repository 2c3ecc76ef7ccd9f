/* SPDX-License-Identifier: MIT */
/*
 * As dom0, whose only vCPU is on CPU 1: an NMI of the hardware comes to it, with its reason, and
 * all others run on. tests/system/test_cpu_faults.c runs it and sends the NMI.
 */
#include <clock.h>
#include <guest.h>
#include <hypercall.h>
#include <public/domctl.h>
#include <public/nmi.h>
#include <stdio.h>
#include <thread.h>
#include <traps.h>

#include "harness.h"

#define WAIT_S 120u

static volatile unsigned int nmis;
static volatile unsigned long reason;

static bool on_nmi(struct registers *regs)
{
    if (regs->vector != TRAP_NMI)
        return false;
    reason = shared_info->arch.nmi_reason;
    nmis++;
    return true;
}

static long pin_to_cpu_1(void)
{
    uint64_t map = 1u << 1;
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpuaffinity,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                            .domain = guest_domid()};

    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = sizeof(map) * 8;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)&map);
    return hypercall_domctl(&op);
}

static void test_it_comes(void)
{
    uint64_t end = clock_now() + WAIT_S * NANOSECONDS_PER_SECOND;

    CHECK_EQ(pin_to_cpu_1(), 0);
    trap_set_hook(on_nmi);
    printf("waiting for an NMI\n");
    while (nmis == 0 && clock_now() < end)
        thread_sleep(MILLISECONDS(1));
    CHECK_EQ(reason, XEN_NMIREASON_unknown);
    trap_set_hook(NULL);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"it_comes", test_it_comes},
        {NULL, NULL},
    };

    run_tests(tests);
}
