/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: vCPUs, scheduling, timers, traps, callbacks, descriptors, debug registers.
 * Addresses that are the hypervisor's or not canonical, vCPUs that do not exist, descriptors of
 * ring 0, breakpoints on the hypervisor, times without end. What holds on the oracle holds here.
 */
#include <clock.h>
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/callback.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"
#include "hostile.h"

#define RANDOM_CALLS 5000

static struct hostile sequence;

static void test_vcpus(void)
{
    static const unsigned int ids[] = {31, 32, 128, 0x7fffffff, 0x80000000, ~0u};

    for (unsigned int i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        for (unsigned int op = 0; op < 14; op++)
            CHECK(hypercall_vcpu_op(op, ids[i], sequence.pages) < 0);
    CHECK(hypercall_vcpu_op(99, 0, sequence.pages) < 0);
    CHECK(hypercall_vcpu_op(VCPUOP_initialise, 0, sequence.pages) < 0);
}

static void test_areas(void)
{
    static void *const places[] = {HYPERVISOR_ADDRESS, NON_CANONICAL, UNMAPPED_ADDRESS,
                                   (void *)~7ul};
    struct vcpu_register_runstate_memory_area runstate = {.addr.p = 0};
    struct vcpu_register_time_memory_area time = {.addr.p = 0};

    for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        runstate.addr.p = (uint64_t)places[i];
        time.addr.p = (uint64_t)places[i];
        hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &runstate);
        hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time);
        hypercall_sched_op(SCHEDOP_yield, NULL);
    }
    runstate.addr.p = time.addr.p = 0;
    hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &runstate);
    hypercall_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &time);
}

static void test_callbacks(void)
{
    struct callback_register reg = {.type = CALLBACKTYPE_sysenter,
                                    .address = (uintptr_t)NON_CANONICAL};

    for (unsigned int type = 0; type < 12; type++) {
        reg.type = (uint16_t)type;
        CHECK(hypercall_callback_op(CALLBACKOP_register, &reg) < 0);
    }
    reg = (struct callback_register){.type = 99};
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, &reg), -ENOSYS);
    CHECK(hypercall_callback_op(99, &reg) < 0);
    for (unsigned int i = 1; i < BAD_POINTERS; i++) {
        if (i == M2P_POINTER)
            continue;
        CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, bad_pointers[i]), -EFAULT);
        CHECK_EQ(hypercall_set_trap_table(bad_pointers[i]), -EFAULT);
    }
}

/* Interrupt and task gates, task and LDT segments: none gets into a table. */
static void test_descriptors(void)
{
    static const uint64_t refused[] = {
        0x0000890000000000ull, 0x0000820000000000ull, 0x00008e0000000000ull,
        0x0000ee0000000000ull, 0x0000850000000000ull, 0x00008b0000000000ull,
    };
    uint64_t *gdt = page_alloc_zeroed();
    unsigned long frame = va_to_mfn(gdt);

    for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        CHECK_EQ(hypercall_update_descriptor(va_to_maddr(gdt + 5), refused[i]), -EINVAL);
        CHECK_EQ(gdt[5], 0);
        gdt[6] = refused[i];
        CHECK_EQ(page_protect(gdt, PTE_KERNEL_RO), 0);
        CHECK(hypercall_set_gdt(&frame, 512) < 0);
        CHECK_EQ(page_protect(gdt, PTE_KERNEL_DATA), 0);
        gdt[6] = 0;
    }
    CHECK(hypercall_set_gdt(&frame, 0x7fffffff) < 0);
    CHECK(hypercall_set_gdt(&frame, 8192) < 0);
    page_free(gdt);
}

static void test_debug_registers(void)
{
    for (int reg = 0; reg < 4; reg++) {
        CHECK_EQ(hypercall_set_debugreg(reg, (unsigned long)HYPERVISOR_ADDRESS), -EPERM);
        CHECK_EQ(hypercall_set_debugreg(reg, (unsigned long)NON_CANONICAL), -EPERM);
    }
    CHECK(hypercall_set_debugreg(8, 0) < 0);
    CHECK(hypercall_set_debugreg(-1, 0) < 0);
    CHECK(hypercall_get_debugreg(8) < 0);
    CHECK_EQ(hypercall_set_debugreg(7, 0), 0);
}

static void test_times(void)
{
    struct vcpu_set_periodic_timer periodic = {.period_ns = 1};
    struct vcpu_set_singleshot_timer single = {.timeout_abs_ns = 1, .flags = VCPU_SSHOTTMR_future};
    struct sched_poll poll = {.nr_ports = 129};

    CHECK_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -EINVAL);
    periodic.period_ns = ~0ull;
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_set_periodic_timer, 0, &periodic), -EINVAL);
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single);
    single = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = ~0ull};
    hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 0, &single);
    hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    for (unsigned int bit = 0; bit < 64; bit++)
        CHECK_EQ(hypercall_set_timer_op(clock_now() + (1ull << bit)), 0);
    CHECK_EQ(hypercall_set_timer_op(~0ull), 0);
    CHECK_EQ(hypercall_set_timer_op(0), 0);
}

/* Not what ends or silences the caller. */
static void test_random(void)
{
    uint64_t argument[16];

    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        hostile_fill(&sequence, argument, sizeof(argument));
        switch (hostile_below(&sequence, 5)) {
        case 0: {
            unsigned int op = hostile_below(&sequence, 14);

            if (op != VCPUOP_down && op != VCPUOP_register_vcpu_info && op != VCPUOP_send_nmi &&
                op != VCPUOP_register_runstate_memory_area &&
                op != VCPUOP_register_vcpu_time_memory_area)
                hypercall_vcpu_op(op, (unsigned int)hostile_value(&sequence), argument);
            break;
        }
        case 1:
            hypercall_update_descriptor(va_to_maddr(hostile_page(&sequence)) +
                                            hostile_below(&sequence, PAGE_SIZE),
                                        hostile_number(&sequence));
            break;
        case 2:
            hypercall_set_gdt((unsigned long *)argument, (unsigned int)hostile_value(&sequence));
            hypercall_set_gdt(NULL, 0);
            break;
        case 3:
            hypercall_set_timer_op(hostile_value(&sequence));
            break;
        default:
            hypercall_any(__HYPERVISOR_vm_assist, hostile_value(&sequence),
                          hostile_value(&sequence), 0, 0, 0, 0);
            break;
        }
    }
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"vcpus", test_vcpus},
        {"areas", test_areas},
        {"callbacks", test_callbacks},
        {"descriptors", test_descriptors},
        {"debug_registers", test_debug_registers},
        {"times", test_times},
        {"random", test_random},
        {NULL, NULL},
    };

    hostile_init(&sequence, 0, pages_alloc(4), 4);
    run_tests(tests);
}
