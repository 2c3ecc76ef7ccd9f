/* SPDX-License-Identifier: MIT */
/*
 * Time: the hypervisor writes, per vCPU, a pair (TSC value, nanoseconds) and the TSC's rate; a
 * version number that is odd during an update makes readers read again.
 */
#include <clock.h>
#include <guest.h>
#include <hypercall.h>

#include "internal.h"

uint64_t clock_now(void)
{
    const volatile struct vcpu_time_info *time = &this_vcpu()->info->time;
    uint32_t version;
    uint64_t now;

    do {
        uint64_t delta;
        int8_t shift;

        version = time->version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        shift = time->tsc_shift;
        delta = clock_tsc() - time->tsc_timestamp;
        delta = shift < 0 ? delta >> -shift : delta << shift;
        now = time->system_time +
              (uint64_t)(((unsigned __int128)delta * time->tsc_to_system_mul) >> 32);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != time->version);
    return now;
}

uint64_t clock_wall(void)
{
    const volatile shared_info_t *info = shared_info;
    uint64_t seconds;
    uint32_t version, nanoseconds;

    do {
        version = info->wc_version;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        seconds = ((uint64_t)info->wc_sec_hi << 32) | info->wc_sec;
        nanoseconds = info->wc_nsec;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while ((version & 1) || version != info->wc_version);
    return seconds * NANOSECONDS_PER_SECOND + nanoseconds + clock_now();
}

static uint64_t timer_deadline; /* that was given to the hypervisor and has not come yet; 0: none */
static volatile unsigned int timer_events;

/* A vCPU that waits and is woken all the time mostly wants what it has. */
void clock_set_timer(uint64_t deadline)
{
    if (deadline == timer_deadline)
        return;
    timer_deadline = deadline;
    hypercall_set_timer_op(deadline);
}

unsigned int clock_timer_events(void)
{
    return timer_events;
}

static void timer_event(evtchn_port_t port, void *argument)
{
    timer_deadline = 0;
    timer_events++;
    threads_timer_expired();
}

void clock_init(void)
{
    int port;

    /* vCPU 0 starts with a periodic tick that only the scheduler of a preemptive kernel wants. */
    hypercall_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    port = event_bind_virq(VIRQ_TIMER, 0);
    if (port < 0)
        guest_panic("no timer: %d", port);
    event_set_handler((evtchn_port_t)port, timer_event, NULL);
}
