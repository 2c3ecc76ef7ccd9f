/* SPDX-License-Identifier: MIT */
/*
 * Trace buffers as dom0's tools use them: they are made once, mapped as frames of DOMID_XEN, and
 * hold records of hypercalls and of the scheduler. The tests depend on their order.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <pagetable.h>
#include <public/sysctl.h>
#include <public/trace.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

#define PAGES     4u
#define BYTES     (PAGES * (unsigned int)PAGE_SIZE - (unsigned int)sizeof(struct t_buf))
#define MOST_CPUS 8u
#define RECORDS   2048u

static const struct t_info *info;
static struct t_buf *rings[MOST_CPUS]; /* NULL: there is no such CPU */

static struct record {
    uint32_t event, words, data[TRACE_EXTRA_MAX];
    uint64_t stamp;
} records[RECORDS];
static unsigned int nr_records;

static long operate(struct xen_sysctl_tbuf_op *op, uint32_t command)
{
    struct xen_sysctl sysctl = {.cmd = XEN_SYSCTL_tbuf_op,
                                .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    long rc;

    op->cmd = command;
    sysctl.u.tbuf_op = *op;
    rc = hypercall_sysctl(&sysctl);
    *op = sysctl.u.tbuf_op;
    return rc;
}

static long simply(uint32_t command)
{
    struct xen_sysctl_tbuf_op op = {0};

    return operate(&op, command);
}

static long set_size(uint32_t pages)
{
    struct xen_sysctl_tbuf_op op = {.size = pages};

    return operate(&op, XEN_SYSCTL_TBUFOP_set_size);
}

static long set_events(uint32_t mask)
{
    struct xen_sysctl_tbuf_op op = {.evt_mask = mask};

    return operate(&op, XEN_SYSCTL_TBUFOP_set_evt_mask);
}

static long set_cpus(uint8_t *mask)
{
    struct xen_sysctl_tbuf_op op = {.cpu_mask = {.nr_bits = 8}};

    set_xen_guest_handle(op.cpu_mask.bitmap, mask);
    return operate(&op, XEN_SYSCTL_TBUFOP_set_cpu_mask);
}

static struct xen_sysctl_tbuf_op describe(void)
{
    struct xen_sysctl_tbuf_op op = {0};

    CHECK_EQ(operate(&op, XEN_SYSCTL_TBUFOP_get_info), 0);
    return op;
}

/* ---- reading ---- */

static uint32_t next_word(struct t_buf *ring)
{
    uint32_t at = ring->cons % BYTES;

    ring->cons = (ring->cons + 4) % (2 * BYTES);
    return ((const uint32_t *)(ring + 1))[at / 4];
}

/* Reads all that is in the rings; `records` has what says something. */
static void read_records(void)
{
    nr_records = 0;
    for (unsigned int cpu = 0; cpu < MOST_CPUS; cpu++) {
        struct t_buf *ring = rings[cpu];
        uint32_t prod = ring ? ((volatile struct t_buf *)ring)->prod : 0;

        while (ring && ring->cons != prod && nr_records < RECORDS) {
            struct record *r = &records[nr_records];
            uint32_t first = next_word(ring);

            r->event = TRC_HD_TO_EVENT(first);
            r->words = TRC_HD_EXTRA(first);
            r->stamp = 0;
            if (TRC_HD_INCLUDES_CYCLE_COUNT(first)) {
                r->stamp = next_word(ring);
                r->stamp |= (uint64_t)next_word(ring) << 32;
            }
            for (uint32_t i = 0; i < r->words; i++)
                r->data[i] = next_word(ring);
            if (r->event == TRC_TRACE_WRAP_BUFFER)
                CHECK_EQ(ring->cons % BYTES, 0);
            else
                nr_records++;
        }
    }
}

/* @return the first record of @event with @first as its first word; NULL: there is none */
static const struct record *find(uint32_t event, uint32_t first)
{
    for (unsigned int i = 0; i < nr_records; i++)
        if (records[i].event == event && records[i].words && records[i].data[0] == first)
            return &records[i];
    return NULL;
}

/* Forgets what is there, and has @events recorded. */
static void begin(uint32_t events)
{
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    CHECK_EQ(set_events(events), 0);
    read_records();
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_enable), 0);
}

static void end(void)
{
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    read_records();
}

/* ---- the operation ---- */

static void test_without(void)
{
    struct xen_sysctl_tbuf_op op = describe();

    CHECK_EQ(op.buffer_mfn, 0);
    CHECK_EQ(op.size, 0);
    CHECK_EQ(op.evt_mask, TRC_ALL);
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_enable), -EINVAL);
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    CHECK_EQ(simply(6), -EINVAL);
    CHECK_EQ(set_size(0), -EINVAL);
    CHECK_EQ(set_cpus(UNMAPPED_ADDRESS), -EFAULT);
}

static void test_size(void)
{
    struct xen_sysctl_tbuf_op op;

    CHECK_EQ(set_size(PAGES), 0);
    CHECK_EQ(set_size(PAGES), -EBUSY);
    CHECK_EQ(set_size(PAGES + 1), -EINVAL);
    CHECK_EQ(set_size(0), -EINVAL);
    op = describe();
    CHECK(op.buffer_mfn != 0);
    CHECK(op.size >= PAGE_SIZE && op.size % PAGE_SIZE == 0);
    CHECK_EQ(op.evt_mask, TRC_ALL);
}

static void test_map(void)
{
    struct xen_sysctl_tbuf_op op = describe();
    mfn_t list = op.buffer_mfn;

    /* The list can only be read, the rings can be written. */
    CHECK(!map_frames(&list, 1, DOMID_XEN, PTE_KERNEL_DATA, NULL));
    info = map_frames(&list, 1, DOMID_XEN, PTE_KERNEL_RO, NULL);
    if (!CHECK(info))
        return;
    CHECK_EQ(info->tbuf_size, PAGES);
    for (unsigned int cpu = 0; cpu < MOST_CPUS; cpu++) {
        const uint32_t *frames = (const uint32_t *)(const void *)info + info->mfn_offset[cpu];
        mfn_t mfns[PAGES];

        if (!info->mfn_offset[cpu])
            continue;
        for (unsigned int i = 0; i < PAGES; i++)
            mfns[i] = frames[i];
        rings[cpu] = map_frames(mfns, PAGES, DOMID_XEN, PTE_KERNEL_DATA, NULL);
        CHECK(rings[cpu]);
    }
    CHECK(rings[0]);
    read_records(); /* of what has been traced since the rings were made */
    CHECK(nr_records > 0);
}

/* ---- hypercalls ---- */

static void test_hypercalls(void)
{
    struct sched_poll poll = {.nr_ports = 129};
    const struct record *version, *sched, *grant;
    uint64_t start;

    begin(TRC_PV_ENTRY);
    start = clock_tsc();
    hypercall_xen_version(XENVER_version, NULL);
    CHECK_EQ(hypercall_sched_op(SCHEDOP_poll, &poll), -EINVAL);
    hypercall_grant_table_op(GNTTABOP_query_size, NULL, 0);
    end();
    version = find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_xen_version);
    sched = find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_sched_op | TRC_PV_HYPERCALL_V2_ARG_32(0));
    grant = find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_grant_table_op | TRC_PV_HYPERCALL_V2_ARG_32(0) |
                                          TRC_PV_HYPERCALL_V2_ARG_32(2));
    if (!CHECK(version) || !CHECK(sched) || !CHECK(grant))
        return;
    CHECK_EQ(version->words, 1);
    CHECK_EQ(sched->words, 2);
    CHECK_EQ(sched->data[1], SCHEDOP_poll);
    CHECK_EQ(grant->words, 3);
    CHECK_EQ(grant->data[1], GNTTABOP_query_size);
    CHECK_EQ(grant->data[2], 0);
    CHECK(start < version->stamp && version->stamp < clock_tsc());
}

static void test_multicall(void)
{
    multicall_entry_t calls[2] = {
        {.op = __HYPERVISOR_xen_version, .args = {XENVER_version, 0}},
        {.op = __HYPERVISOR_mmu_update, .args = {0, 0, 0, DOMID_SELF}},
    };
    const struct record *whole, *update;

    begin(TRC_PV_ENTRY | TRC_PV_SUBCALL);
    CHECK_EQ(hypercall_multicall(calls, 2), 0);
    end();
    CHECK_EQ(calls[0].result, 4 << 16 | 17);
    whole = find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_multicall | TRC_PV_HYPERCALL_V2_ARG_32(1));
    update = find(TRC_PV_HYPERCALL_SUBCALL,
                  __HYPERVISOR_mmu_update | TRC_PV_HYPERCALL_V2_ARG_32(1));
    CHECK(find(TRC_PV_HYPERCALL_SUBCALL, __HYPERVISOR_xen_version));
    if (!CHECK(whole) || !CHECK(update))
        return;
    CHECK_EQ(whole->data[1], 2);
    CHECK_EQ(update->data[1], 0);
}

/* An event upcall ends with iret, which takes a way of its own. */
static void test_iret(void)
{
    int port = event_bind_ipi(0);

    event_unmask((evtchn_port_t)port);
    begin(TRC_PV_ENTRY);
    CHECK_EQ(event_send((evtchn_port_t)port), 0);
    end();
    CHECK(find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_iret));
    event_close((evtchn_port_t)port);
}

static bool is_recorded(void)
{
    CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_enable), 0);
    hypercall_xen_version(XENVER_version, NULL);
    end();
    return find(TRC_PV_HYPERCALL_V2, __HYPERVISOR_xen_version);
}

static void test_masks(void)
{
    uint8_t none = 0, all = 0xff;

    end();
    hypercall_xen_version(XENVER_version, NULL);
    read_records();
    CHECK_EQ(nr_records, 0);
    CHECK_EQ(set_events(TRC_PV), 0);
    CHECK_EQ(describe().evt_mask, TRC_PV);
    CHECK(is_recorded());
    CHECK_EQ(set_events(TRC_PV_SUBCALL), 0);
    CHECK(!is_recorded());
    CHECK_EQ(set_events(TRC_SCHED), 0);
    CHECK(!is_recorded());
    CHECK_EQ(set_events(TRC_ALL), 0);
    CHECK(is_recorded());
    CHECK_EQ(set_cpus(&none), 0);
    CHECK(!is_recorded());
    CHECK_EQ(set_cpus(&all), 0);
    CHECK(is_recorded());
}

/* ---- exceptions and emulation ---- */

extern const char trace_cr0_after[];

static void do_ud2(void *argument)
{
    asm volatile("ud2");
}

static void do_ltr(void *argument)
{
    asm volatile("ltr %w0" : : "r"(0x28));
}

static __attribute__((noinline)) void do_read(void *argument)
{
    asm volatile("mov (%0), %%rax" : : "r"(argument) : "rax");
}

static __attribute__((noinline)) void read_cr0(void)
{
    asm volatile("mov %%cr0, %%rax\ntrace_cr0_after:" : : : "rax");
}

/* Catches the exception of @function. @return its record of @event, which is about its place */
static const struct record *catch_one(void (*function)(void *), void *argument, uint32_t event,
                                      struct trap_report *report)
{
    const struct record *r;

    begin(TRC_PV_ENTRY);
    CHECK(trap_catch(function, argument, report));
    end();
    r = find(event | TRC_64_FLAG, (uint32_t)report->regs.rip);
    CHECK(r);
    if (r)
        CHECK_EQ(r->data[1], report->regs.rip >> 32);
    return r;
}

static void test_exceptions(void)
{
    struct trap_report report;
    const struct record *r = catch_one(do_ud2, NULL, TRC_PV_TRAP, &report);

    if (r)
        CHECK_EQ(r->words == 3 ? r->data[2] : 0, TRAP_INVALID_OPCODE | 0xffffu << 16);
    r = catch_one(do_ltr, NULL, TRC_PV_TRAP, &report);
    if (r)
        CHECK_EQ(r->data[2], TRAP_GP | 1u << 15 | report.regs.error_code << 16);
    r = catch_one(do_read, UNMAPPED_ADDRESS, TRC_PV_PAGE_FAULT, &report);
    if (r && CHECK_EQ(r->words, 5)) {
        CHECK_EQ(r->data[2] | (uint64_t)r->data[3] << 32, (uintptr_t)UNMAPPED_ADDRESS);
        CHECK_EQ(r->data[4], report.regs.error_code);
    }
}

static void test_emulation(void)
{
    begin(TRC_PV_ENTRY);
    read_cr0();
    end();
    CHECK(find(TRC_PV_EMULATE_PRIVOP | TRC_64_FLAG, (uint32_t)(uintptr_t)trace_cr0_after));
}

/* Dom0 may write to its page tables; the hypervisor completes that. */
static void test_pte_write(void)
{
    char *window = window_reserve(1);
    uint64_t *page = page_alloc_zeroed();
    volatile uint64_t *entry = (volatile uint64_t *)pte_lookup(window, 1);
    const struct record *r;

    begin(TRC_PV_ENTRY);
    *entry = make_pte(va_to_mfn(page), PTE_KERNEL_DATA);
    end();
    r = find(TRC_PV_PTWR_EMULATION | TRC_64_FLAG, (uint32_t)*entry); /* the hypervisor adds flags */
    if (CHECK(r) && CHECK_EQ(r->words, 6)) {
        CHECK_EQ(r->data[1], *entry >> 32);
        CHECK_EQ(r->data[2] | (uint64_t)r->data[3] << 32, (uintptr_t)entry);
    }
    CHECK_EQ(hypercall_update_va_mapping(window, 0, UVMF_INVLPG), 0);
    window_release(window, 1);
    page_free(page);
}

/* ---- the scheduler ---- */

static uint32_t change(uint32_t from, uint32_t to)
{
    return TRC_SCHED_RUNSTATE_CHANGE | from << 8 | to << 4;
}

/* Only this vCPU is not idle. In its records the domain, 0, comes first, or both in one word. */
static void test_block(void)
{
    uint64_t until = clock_now() + MILLISECONDS(20);

    begin(TRC_SCHED);
    CHECK_EQ(hypercall_set_timer_op(until), 0);
    while (clock_now() < until)
        CHECK_EQ(hypercall_sched_op(SCHEDOP_block, NULL), 0);
    end();
    CHECK(find(TRC_SCHED_BLOCK, 0));
    CHECK(find(change(RUNSTATE_running, RUNSTATE_blocked), 0));
    CHECK(find(TRC_SCHED_WAKE, 0));
    CHECK(find(change(RUNSTATE_blocked, RUNSTATE_runnable), 0));
    CHECK(find(change(RUNSTATE_runnable, RUNSTATE_running), 0));
    CHECK(find(TRC_SCHED_SWITCH_INFPREV, 0));
    CHECK(find(TRC_SCHED_SWITCH_INFPREV, 0x7fff)); /* the idle vCPU */
    CHECK(find(TRC_SCHED_SWITCH_INFNEXT, 0));
    CHECK(find(TRC_SCHED_SWITCH, 0));
}

/* ---- full rings, and a tool that goes wrong ---- */

static void test_full(void)
{
    int port = event_bind_virq(VIRQ_TBUF, 0);
    unsigned int found = 0, calls = 4 * BYTES / 16;
    const struct record *lost = NULL;

    CHECK(port > 0);
    begin(TRC_PV_ENTRY);
    for (unsigned int i = 0; i < calls; i++)
        hypercall_xen_version(XENVER_version, NULL);
    CHECK(event_is_pending((evtchn_port_t)port));
    read_records();
    for (unsigned int i = 0; i < nr_records; i++)
        found += records[i].data[0] == __HYPERVISOR_xen_version;
    CHECK(found > BYTES / 16 / 2 && found < calls);
    hypercall_xen_version(XENVER_version, NULL);
    end();
    for (unsigned int i = 0; i < nr_records; i++)
        if (records[i].event == TRC_LOST_RECORDS)
            lost = &records[i];
    if (CHECK(lost))
        CHECK(lost->words == 4 && lost->data[0] > 0 && lost->data[0] <= calls);
    event_close((evtchn_port_t)port);
}

static void test_wrong_cons(void)
{
    static const uint32_t wrong[] = {1, 2 * BYTES, ~0u, ~3u};

    for (unsigned int n = 0; n < sizeof(wrong) / sizeof(wrong[0]); n++) {
        begin(TRC_PV_ENTRY);
        for (unsigned int cpu = 0; cpu < MOST_CPUS; cpu++)
            if (rings[cpu])
                rings[cpu]->cons = wrong[n];
        for (unsigned int i = 0; i < 100; i++)
            hypercall_xen_version(XENVER_version, NULL);
        CHECK_EQ(simply(XEN_SYSCTL_TBUFOP_disable), 0);
        for (unsigned int cpu = 0; cpu < MOST_CPUS; cpu++)
            if (rings[cpu])
                rings[cpu]->cons = ((volatile struct t_buf *)rings[cpu])->prod;
        CHECK(is_recorded());
    }
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"without", test_without},
        {"size", test_size},
        {"map", test_map},
        {"hypercalls", test_hypercalls},
        {"multicall", test_multicall},
        {"iret", test_iret},
        {"masks", test_masks},
        {"exceptions", test_exceptions},
        {"emulation", test_emulation},
        {"pte_write", test_pte_write},
        {"block", test_block},
        {"full", test_full},
        {"wrong_cons", test_wrong_cons},
        {NULL, NULL},
    };

    run_tests(tests);
}
