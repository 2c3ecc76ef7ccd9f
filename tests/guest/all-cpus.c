/* SPDX-License-Identifier: MIT */
/*
 * A domain with many vCPUs: as dom0 one for each CPU of the machine, pinned to it. An event wakes
 * each, whether it sleeps or polls, and one request of one vCPU takes old translations from all.
 * tests/system/test_smp.c runs it.
 */
#include <clock.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <public/domctl.h>
#include <stdio.h>
#include <thread.h>
#include <vcpu.h>

#include "harness.h"

#define PAGES  3u /* that the window shows, one after the other */
#define MARK   0x1000u
#define WAIT_S 120u

static unsigned int vcpus;

static unsigned int up[MAX_VCPUS];     /* it runs */
static unsigned int events[MAX_VCPUS]; /* that it took */
static evtchn_port_t ports[MAX_VCPUS]; /* where they come */
static unsigned int looked[MAX_VCPUS]; /* how often it read what the window shows */
static unsigned int seen[MAX_VCPUS][PAGES];

static unsigned int shown; /* how many pages the window has shown; it shows the last one */
static const volatile unsigned int *window;

static unsigned int load(const unsigned int *place)
{
    return __atomic_load_n(place, __ATOMIC_ACQUIRE);
}

static void store(unsigned int *place, unsigned int value)
{
    __atomic_store_n(place, value, __ATOMIC_RELEASE);
}

static void on_event(evtchn_port_t port, void *argument)
{
    unsigned int id = this_vcpu()->id;

    store(&events[id], events[id] + 1);
}

static void sleep_until_event(unsigned int id)
{
    while (load(&events[id]) == 0) {
        hypercall_sched_op(SCHEDOP_block, NULL);
        events_disable();
    }
}

static void poll_until_event(unsigned int id)
{
    evtchn_port_t port;
    struct sched_poll poll = {.nr_ports = 1};

    while ((port = load(&ports[id])) == 0)
        hypercall_sched_op(SCHEDOP_yield, NULL);
    set_xen_guest_handle(poll.ports, &port);
    while (!event_test_and_clear(port))
        CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), 0);
    store(&events[id], 1);
}

/* Waits for its event; then reads what the window shows, whenever that is another page. */
static void live(void *argument)
{
    unsigned int id = this_vcpu()->id;

    events_disable();
    store(&up[id], 1);
    if (id % 2)
        poll_until_event(id);
    else
        sleep_until_event(id);
    for (unsigned int page = 0; page < PAGES; page++) {
        while (load(&shown) <= page)
            asm volatile("pause");
        seen[id][page] = *window;
        store(&looked[id], page + 1);
    }
}

/* Waits until it is so for each vCPU but this one. */
static void wait_for_all(const unsigned int *counts, unsigned int count)
{
    uint64_t end = clock_now() + WAIT_S * NANOSECONDS_PER_SECOND;

    for (unsigned int i = 1; i < vcpus; i++) {
        while (load(&counts[i]) < count && clock_now() < end)
            thread_sleep(MILLISECONDS(1));
        CHECK_EQ(load(&counts[i]), count);
    }
}

/* vCPU N to CPU N. */
static long pin(unsigned int vcpu)
{
    uint64_t map[2] = {0};
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpuaffinity,
                            .interface_version = XEN_DOMCTL_INTERFACE_VERSION,
                            .domain = guest_domid()};

    map[vcpu / 64] |= 1ull << vcpu % 64;
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = sizeof(map) * 8;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, (uint8_t *)map);
    return hypercall_domctl(&op);
}

static void test_each_runs(void)
{
    while (vcpus < MAX_VCPUS && vcpu_is_up(vcpus) >= 0) {
        if (guest_is_privileged())
            CHECK_EQ(pin(vcpus), 0);
        if (vcpus > 0)
            CHECK_EQ(vcpu_start(vcpus, live, NULL), 0);
        vcpus++;
    }
    wait_for_all(up, 1);
    printf("%u vCPUs\n", vcpus);
}

static void test_an_event_wakes_each(void)
{
    for (unsigned int i = 1; i < vcpus; i++) {
        int port = event_bind_ipi(i);

        CHECK(port >= 0);
        if (i % 2 == 0)
            event_set_handler((evtchn_port_t)port, on_event, NULL);
        store(&ports[i], (unsigned int)port);
        CHECK_EQ(event_send((evtchn_port_t)port), 0);
    }
    wait_for_all(events, 1);
}

static void show(unsigned int *page, unsigned int flush)
{
    struct mmuext_op op = {.cmd = flush, .arg1.linear_addr = (unsigned long)window};

    CHECK_EQ(hypercall_update_va_mapping((const void *)window,
                                         make_pte(va_to_mfn(page), PTE_KERNEL_RO), UVMF_NONE),
             0);
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
}

/* All have read the page before, so that their CPUs know where the window leads. */
static void test_one_flush_reaches_all(void)
{
    static const unsigned int flushes[PAGES] = {MMUEXT_TLB_FLUSH_ALL, MMUEXT_INVLPG_ALL,
                                                MMUEXT_TLB_FLUSH_ALL};

    for (unsigned int page = 0; page < PAGES; page++) {
        unsigned int *data = page_alloc_zeroed();

        *data = MARK + page;
        show(data, flushes[page]);
        store(&shown, page + 1);
        wait_for_all(looked, page + 1);
        for (unsigned int i = 1; i < vcpus; i++)
            CHECK_EQ(seen[i][page], MARK + page);
    }
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"each_runs", test_each_runs},
        {"an_event_wakes_each", test_an_event_wakes_each},
        {"one_flush_reaches_all", test_one_flush_reaches_all},
        {NULL, NULL},
    };

    window = window_reserve(1);
    run_tests(tests);
}
