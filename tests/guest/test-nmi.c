/* SPDX-License-Identifier: MIT */
/*
 * NMIs that a vCPU sends: they come whatever the event mask says, through the NMI line of the trap
 * table (which is what the NMI callback is), one at a time until its iret.
 */
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <public/vcpu.h>
#include <traps.h>
#include <vcpu.h>

#include "harness.h"

static unsigned int nmis, depth, deepest;
static bool send_another;

static bool count_nmi(struct registers *regs)
{
    if (regs->vector != TRAP_NMI)
        return false;
    nmis++;
    if (++depth > deepest)
        deepest = depth;
    if (send_another) {
        send_another = false;
        CHECK_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
        hypercall_xen_version(0, NULL); /* would let it in, were it not masked */
    }
    depth--;
    return true;
}

/* Without events: the iret of one that comes during the first NMI would let the second one in. */
static void send(bool twice)
{
    bool enabled = events_disable();

    nmis = depth = deepest = 0;
    send_another = twice;
    trap_set_hook(count_nmi);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
    hypercall_xen_version(0, NULL);
    trap_set_hook(NULL);
    events_restore(enabled);
}

static void test_self(void)
{
    send(false);
    CHECK_EQ(nmis, 1);
}

/* The handler's own NMI waits until the handler has returned. */
static void test_nested(void)
{
    send(true);
    CHECK_EQ(nmis, 2);
    CHECK_EQ(deepest, 1);
}

static void test_refused(void)
{
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_send_nmi, 99, NULL), -ENOENT);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"self", test_self},
        {"nested", test_nested},
        {"refused", test_refused},
        {0},
    };

    run_tests(tests);
}
