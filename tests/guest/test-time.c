/* SPDX-License-Identifier: MIT */
/*
 * Time: the vCPU's time record, wall clock, one-shot and periodic timers, set_timer_op, and the
 * areas for run state, time record and vcpu_info that a guest chooses itself.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <stdio.h>
#include <string.h>
#include <thread.h>
#include <vcpu.h>

#include "harness.h"

static long vcpu_op(unsigned int op, void *argument)
{
    return hypercall_vcpu_op(op, 0, argument);
}

/* Let time pass without the timer that the scheduler sleeps with. */
static void spin(uint64_t nanoseconds)
{
    uint64_t end = clock_now() + nanoseconds;

    while (clock_now() < end)
        asm volatile("pause");
}

static void test_clock(void)
{
    uint64_t last = clock_now(), tsc = clock_tsc(), start = last;
    const vcpu_time_info_t *time = &shared_info->vcpu_info[0].time;
    uint64_t rate;

    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t now = clock_now();

        if (now < last) {
            test_fail(__FILE__, __LINE__, "time went back by %lu ns", last - now);
            break;
        }
        last = now;
    }
    spin(MILLISECONDS(20));
    /* Ticks per second from two readings, and from the record's own numbers. */
    rate = (clock_tsc() - tsc) * 1000 / ((clock_now() - start) / 1000);
    CHECK(rate > 100000);
    CHECK_EQ(time->version & 1, 0);
    CHECK(time->tsc_to_system_mul != 0);
}

static void test_wall_clock(void)
{
    uint64_t first = clock_wall();

    CHECK(first > 1600000000ull * NANOSECONDS_PER_SECOND);
    CHECK(first < 4000000000ull * NANOSECONDS_PER_SECOND);
    spin(MILLISECONDS(5));
    CHECK(clock_wall() - first >= MILLISECONDS(5));
    CHECK(clock_wall() - first < MILLISECONDS(2000));
}

static void test_sleep(void)
{
    uint64_t start = clock_now();

    thread_sleep(MILLISECONDS(30));
    CHECK(clock_now() - start >= MILLISECONDS(30));
    CHECK(clock_now() - start < MILLISECONDS(1000));
}

/* Events so far, when no timer is set and none is on its way. */
static unsigned int quiet_events(void)
{
    hypercall_set_timer_op(0);
    spin(MILLISECONDS(2));
    return clock_timer_events();
}

/*
 * Spins until there are @count events, however late on a busy machine, and a moment for one too
 * many.
 */
static void spin_for_events(unsigned int count)
{
    uint64_t start = clock_now();

    while (clock_timer_events() < count && clock_now() < start + MILLISECONDS(10000))
        spin(MILLISECONDS(1));
    spin(MILLISECONDS(20));
}

static void test_set_timer_op(void)
{
    unsigned int before = quiet_events();
    uint64_t deadline = clock_now() + MILLISECONDS(10);

    CHECK_EQ(hypercall_set_timer_op(deadline), 0);
    spin(MILLISECONDS(5));
    CHECK(clock_timer_events() == before || clock_now() >= deadline);
    spin_for_events(before + 1);
    CHECK_EQ(clock_timer_events(), before + 1);
    /* Cancelled. */
    CHECK_EQ(hypercall_set_timer_op(clock_now() + MILLISECONDS(300)), 0);
    CHECK_EQ(hypercall_set_timer_op(0), 0);
    spin(MILLISECONDS(350));
    CHECK_EQ(clock_timer_events(), before + 1);
    /* In the past: at once. */
    CHECK_EQ(hypercall_set_timer_op(1), 0);
    spin_for_events(before + 2);
    CHECK_EQ(clock_timer_events(), before + 2);
}

static void test_singleshot(void)
{
    unsigned int before = quiet_events();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = clock_now() + MILLISECONDS(10)};

    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0);
    spin_for_events(before + 1);
    CHECK_EQ(clock_timer_events(), before + 1);
    timer.timeout_abs_ns = clock_now() - 1000;
    timer.flags = VCPU_SSHOTTMR_future;
    /* The flag is ignored: a time that has passed means at once. */
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0);
    spin_for_events(before + 2);
    CHECK_EQ(clock_timer_events(), before + 2);
    timer.timeout_abs_ns = clock_now() + MILLISECONDS(300);
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, &timer), 0);
    CHECK_EQ(vcpu_op(VCPUOP_stop_singleshot_timer, NULL), 0);
    spin(MILLISECONDS(350));
    CHECK_EQ(clock_timer_events(), before + 2);
    CHECK_EQ(vcpu_op(VCPUOP_set_singleshot_timer, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_set_singleshot_timer, 99, &timer), -ENOENT);
}

static void test_periodic(void)
{
    struct vcpu_set_periodic_timer timer = {.period_ns = MILLISECONDS(10)};
    unsigned int before = quiet_events();
    uint64_t start = clock_now();

    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, &timer), 0);
    /* However long five take: ticks that found no running vCPU are not made up. */
    while (clock_timer_events() - before < 5 && clock_now() < start + MILLISECONDS(10000))
        spin(MILLISECONDS(1));
    CHECK(clock_timer_events() - before >= 5);
    CHECK(clock_now() - start >= MILLISECONDS(40));
    CHECK_EQ(vcpu_op(VCPUOP_stop_periodic_timer, NULL), 0);
    before = clock_timer_events();
    spin(MILLISECONDS(30));
    CHECK_EQ(clock_timer_events(), before);
    timer.period_ns = MILLISECONDS(1) - 1;
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, &timer), -EINVAL);
    timer.period_ns = ~0ull;
    CHECK_EQ(vcpu_op(VCPUOP_set_periodic_timer, &timer), -EINVAL);
}

static void test_runstate(void)
{
    struct vcpu_runstate_info info;
    uint64_t sum = 0;

    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, &info), 0);
    CHECK_EQ(info.state, RUNSTATE_running);
    for (unsigned int i = 0; i < 4; i++)
        sum += info.time[i];
    CHECK(sum <= clock_now());
    CHECK(info.time[RUNSTATE_running] > 0);
    CHECK_EQ(vcpu_op(VCPUOP_get_runstate_info, UNMAPPED_ADDRESS), -EFAULT);
}

/*
 * Whether the area counts a sleep of 20 ms as blocked, within 5 ms. A busy host may stop the
 * machine between the look at the clock and the block, so one of ten sleeps has to show it.
 */
static bool sleep_is_blocked(const volatile struct vcpu_runstate_info *area)
{
    for (unsigned int i = 0; i < 10; i++) {
        uint64_t start = clock_now(), blocked = area->time[RUNSTATE_blocked];

        thread_sleep(MILLISECONDS(20));
        blocked = area->time[RUNSTATE_blocked] - blocked;
        CHECK(blocked <= clock_now() - start);
        if (blocked >= MILLISECONDS(15))
            return true;
    }
    return false;
}

static void test_runstate_area(void)
{
    static volatile struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area reg = {.addr.v = (struct vcpu_runstate_info *)&area};
    struct vcpu_register_runstate_memory_area off = {.addr.p = 0};
    uint64_t entry;

    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, &reg), 0);
    CHECK_EQ(area.state, RUNSTATE_running);
    entry = area.state_entry_time;
    CHECK(sleep_is_blocked(&area));
    CHECK_EQ(area.state, RUNSTATE_running);
    CHECK(area.state_entry_time > entry);
    CHECK_EQ(area.state_entry_time >> 63, 0);
    reg.addr.p = (uint64_t)HYPERVISOR_ADDRESS;
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, &reg), -EFAULT);
    CHECK_EQ(vcpu_op(VCPUOP_register_runstate_memory_area, &off), 0);
    entry = area.state_entry_time;
    thread_sleep(MILLISECONDS(5));
    CHECK_EQ(area.state_entry_time, entry);
}

static void test_time_area(void)
{
    static volatile struct vcpu_time_info area;
    struct vcpu_register_time_memory_area reg = {.addr.v = (struct vcpu_time_info *)&area};
    struct vcpu_register_time_memory_area off = {.addr.p = 0};

    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_time_memory_area, &reg), 0);
    CHECK_EQ(area.tsc_to_system_mul, shared_info->vcpu_info[0].time.tsc_to_system_mul);
    CHECK_EQ(area.version & 1, 0);
    reg.addr.p = (uint64_t)HYPERVISOR_ADDRESS;
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_time_memory_area, &reg), -EFAULT);
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_time_memory_area, &off), 0);
}

static void test_vcpu_info_refused(void)
{
    uint64_t *page = page_alloc_zeroed();
    struct vcpu_register_vcpu_info reg = {.mfn = va_to_mfn(page), .offset = PAGE_SIZE - 32};

    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), -ENXIO);
    reg.offset = 4;
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), -ENXIO);
    reg.offset = 0;
    reg.mfn = BAD_MFN;
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), -EINVAL);
    reg.mfn = va_to_mfn((void *)start_info->pt_base);
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), -EINVAL);
    page_free(page);
}

/* Last, because the record stays where it was moved to. */
static void test_vcpu_info(void)
{
    uint64_t *page = page_alloc_zeroed();
    struct vcpu_register_vcpu_info reg = {.mfn = va_to_mfn(page), .offset = 128};
    vcpu_info_t *moved = (vcpu_info_t *)(page + 16);
    uint64_t before = clock_now();
    bool enabled = events_disable();

    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), 0);
    CHECK_EQ(moved->time.tsc_to_system_mul, shared_info->vcpu_info[0].time.tsc_to_system_mul);
    /* All events are looked at again. */
    CHECK_EQ(moved->evtchn_upcall_pending, 1);
    CHECK_EQ(moved->evtchn_pending_sel, ~0ul);
    CHECK_EQ(moved->evtchn_upcall_mask, 1);
    vcpu_record(0)->info = moved;
    events_restore(enabled);
    CHECK(clock_now() >= before);
    thread_sleep(MILLISECONDS(5));
    CHECK_EQ(vcpu_op(VCPUOP_register_vcpu_info, &reg), -EINVAL);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"clock", test_clock},           {"wall_clock", test_wall_clock},
        {"sleep", test_sleep},           {"set_timer_op", test_set_timer_op},
        {"singleshot", test_singleshot}, {"periodic", test_periodic},
        {"runstate", test_runstate},     {"runstate_area", test_runstate_area},
        {"time_area", test_time_area},   {"vcpu_info_refused", test_vcpu_info_refused},
        {"vcpu_info", test_vcpu_info},   {NULL, NULL},
    };

    run_tests(tests);
}
