/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) hypervisor/domctl.c hypervisor/domctl_vcpu.c hypervisor/sysctl.c */
/* SOURCES: hypervisor/debug_keys.c hypervisor/lock_profile.c hypervisor/power_states.c */
/* LDFLAGS: -Wl,--wrap=send_global_virq */
/*
 * Trace buffers: the control operation, what the rings hold when they wrap and when they are full,
 * and a dom0 that writes what it likes into their heads. The rings are made once for good, so the
 * tests depend on their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <host.h>
#include <public/sysctl.h>
#include <trace.h>

#define PAGES 2U
#define BYTES ((u32)(PAGES * PAGE_SIZE - sizeof(struct t_buf))) /* of a ring, for records */
#define CPUS  2U
#define MASK  GUEST(8192)

static struct domain *a, *b;
static unsigned int virqs[NR_VIRQS];
static bool switched[CPUS];

void __wrap_send_global_virq(u32 virq)
{
    virqs[virq]++;
}

void arch_trace_switch(bool on)
{
    switched[smp_processor_id()] = on;
}

static int boot(void **state)
{
    host_boot_cpus = CPUS;
    host_boot(4096);
    a = host_domain(1, 1, 4, true);
    b = host_domain(2, 1, 4, false);
    return a && b ? 0 : -1;
}

static int setup(void **state)
{
    host_become(a->vcpu[0]);
    return 0;
}

static long operate(struct xen_sysctl_tbuf_op *op, u32 cmd)
{
    struct xen_sysctl sysctl = {.cmd = XEN_SYSCTL_tbuf_op,
                                .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    long rc;

    op->cmd = cmd;
    sysctl.u.tbuf_op = *op;
    rc = host_call1(do_sysctl, &sysctl, sizeof(sysctl));
    *op = sysctl.u.tbuf_op;
    return rc;
}

static long set_size(u32 pages)
{
    struct xen_sysctl_tbuf_op op = {.size = pages};

    return operate(&op, XEN_SYSCTL_TBUFOP_set_size);
}

static long set_events(u32 mask)
{
    struct xen_sysctl_tbuf_op op = {.evt_mask = mask};

    return operate(&op, XEN_SYSCTL_TBUFOP_set_evt_mask);
}

static long set_cpus(u8 mask)
{
    struct xen_sysctl_tbuf_op op = {.cpu_mask = {.nr_bits = 8}};

    *(u8 *)MASK = mask;
    set_xen_guest_handle(op.cpu_mask.bitmap, (u8 *)MASK);
    return operate(&op, XEN_SYSCTL_TBUFOP_set_cpu_mask);
}

static long simply(u32 cmd)
{
    struct xen_sysctl_tbuf_op op = {0};

    return operate(&op, cmd);
}

static struct xen_sysctl_tbuf_op describe(void)
{
    struct xen_sysctl_tbuf_op op = {0};

    assert_int_equal(operate(&op, XEN_SYSCTL_TBUFOP_get_info), 0);
    return op;
}

/* ---- what a tool does ---- */

/* It asks once, since later the caller may be another domain. */
static struct t_info *info(void)
{
    static struct t_info *found;

    if (!found)
        found = mfn_to_virt(MFN(describe().buffer_mfn));
    return found;
}

static const u32 *list(unsigned int cpu)
{
    return (u32 *)(void *)info() + info()->mfn_offset[cpu];
}

static struct t_buf *head(unsigned int cpu)
{
    return mfn_to_virt(MFN(list(cpu)[0]));
}

struct record {
    u32 event, words;
    bool stamped;
    u64 stamp;
    u32 data[TRACE_EXTRA_MAX];
};

static u32 next_word(unsigned int cpu)
{
    u32 at = head(cpu)->cons % BYTES + (u32)sizeof(struct t_buf);
    const u32 *page = mfn_to_virt(MFN(list(cpu)[at / PAGE_SIZE]));

    head(cpu)->cons = (head(cpu)->cons + 4) % (2 * BYTES);
    return page[at % PAGE_SIZE / 4];
}

static bool is_empty(unsigned int cpu)
{
    return head(cpu)->cons == head(cpu)->prod;
}

static struct record next_of_any_kind(unsigned int cpu)
{
    struct record r = {0};
    u32 first;

    assert_false(is_empty(cpu));
    first = next_word(cpu);
    r.event = TRC_HD_TO_EVENT(first);
    r.words = TRC_HD_EXTRA(first);
    r.stamped = TRC_HD_INCLUDES_CYCLE_COUNT(first);
    if (r.stamped) {
        r.stamp = next_word(cpu);
        r.stamp |= (u64)next_word(cpu) << 32;
    }
    for (u32 i = 0; i < r.words; i++)
        r.data[i] = next_word(cpu);
    return r;
}

static unsigned int wraps;

/* The next record that says something. */
static struct record next(unsigned int cpu)
{
    struct record r = next_of_any_kind(cpu);

    if (r.event == TRC_TRACE_WRAP_BUFFER) {
        assert_int_equal(head(cpu)->cons % BYTES, 0);
        wraps++;
        r = next_of_any_kind(cpu);
    }
    assert_int_not_equal(r.event, TRC_TRACE_WRAP_BUFFER);
    return r;
}

/* Empty rings, traces on, of everything. */
static void begin(void)
{
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    assert_int_equal(set_events(TRC_ALL), 0);
    assert_int_equal(set_cpus(0xff), 0);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        head(cpu)->cons = head(cpu)->prod;
    host_run_softirqs();
    memset(virqs, 0, sizeof(virqs));
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_enable), 0);
}

/* ---- the operation ---- */

static void without_rings(void **state)
{
    struct xen_sysctl_tbuf_op op = describe();
    const u32 data[] = {1};

    assert_int_equal(op.evt_mask, TRC_ALL);
    assert_int_equal(op.buffer_mfn, 0);
    assert_int_equal(op.size, 0);
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_enable), -XEN_EINVAL);
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    assert_int_equal(simply(6), -XEN_EINVAL);
    assert_int_equal(set_size(0), -XEN_EINVAL);
    assert_int_equal(set_size(~0U), -XEN_ENOMEM);
    assert_int_equal(set_cpus(1), 0);
    op.cpu_mask.nr_bits = 8;
    set_xen_guest_handle(op.cpu_mask.bitmap, (u8 *)16);
    assert_int_equal(operate(&op, XEN_SYSCTL_TBUFOP_set_cpu_mask), -XEN_EFAULT);
    trace_record(TRC_SCHED_WAKE, data, 1); /* there is nowhere to write to */
    host_run_softirqs();
    host_become(b->vcpu[0]);
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_get_info), -XEN_EPERM);
}

/* Whichever allocation fails, nothing is left of the others. */
static void memory_runs_out(void **state)
{
    unsigned long pages = heap_free_pages(), objects = host_objects();
    u32 refs = dom_xen->refs;

    host_preempt_every(2);
    for (unsigned long n = 1; n <= 2 + CPUS * PAGES; n++) {
        host_fail_allocation(n);
        assert_int_equal(set_size(PAGES), -XEN_ENOMEM);
        assert_true(host_failed());
        assert_int_equal(describe().buffer_mfn, 0);
        assert_int_equal(simply(XEN_SYSCTL_TBUFOP_enable), -XEN_EINVAL);
        assert_int_equal(heap_free_pages(), pages);
        assert_int_equal(host_objects(), objects);
        assert_int_equal(dom_xen->refs, refs);
    }
    host_fail_allocation(0);
    host_preempt_every(0);
}

/* One call makes some of the pages; a call with another size does not come in between. */
static void in_pieces(void **state)
{
    struct xen_sysctl *op = (void *)GUEST(0);

    *op = (struct xen_sysctl){.cmd = XEN_SYSCTL_tbuf_op,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
                              .u.tbuf_op = {.cmd = XEN_SYSCTL_TBUFOP_set_size, .size = PAGES}};
    host_preempt_every(1);
    assert_int_equal(do_sysctl(GUEST(0)), HOST_CONTINUED);
    host_preempt_every(0);
    assert_int_equal(set_size(PAGES + 1), -XEN_EINVAL);
    assert_int_equal(describe().buffer_mfn, 0);
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_enable), -XEN_EINVAL);
    assert_false(trace_on);
    assert_int_equal(set_size(PAGES), 0);
    assert_true(trace_on); /* as on Xen */
    assert_int_equal(set_size(PAGES), -XEN_EBUSY);
    assert_int_equal(set_size(PAGES + 1), -XEN_EINVAL);
    assert_int_equal(set_size(0), -XEN_EINVAL);
}

static void what_dom0_finds(void **state)
{
    assert_int_equal(describe().size, PAGE_SIZE);
    assert_int_equal(info()->tbuf_size, PAGES);
    assert_ptr_equal(page_owner(virt_to_page(info())), dom_xen);
    assert_int_equal(virt_to_page(info())->state & PG_TYPE_MASK, PG_TYPE_NONE);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        assert_true(info()->mfn_offset[cpu] * 4U >= offsetof(struct t_info, mfn_offset[NR_CPUS]));
        for (unsigned int i = 0; i < PAGES; i++) {
            const struct page *pg = mfn_to_page(MFN(list(cpu)[i]));

            assert_ptr_equal(page_owner(pg), dom_xen);
            assert_int_equal(pg->state & PG_TYPE_MASK, PG_TYPE_WRITABLE);
        }
    }
    assert_true(list(1) >= list(0) + PAGES);
}

/* Each CPU follows in a softirq. */
static void cpus_are_switched(void **state)
{
    for (unsigned int round = 0; round < 2; round++) {
        assert_int_equal(simply(XEN_SYSCTL_TBUFOP_enable), 0);
        for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
            host_run_on(cpu);
            host_run_softirqs();
            assert_true(switched[cpu]);
        }
        host_run_on(0);
        assert_int_equal(simply(XEN_SYSCTL_TBUFOP_disable), 0);
        for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
            host_run_on(cpu);
            host_run_softirqs();
            assert_false(switched[cpu]);
        }
        host_run_on(0);
    }
}

/* ---- records ---- */

static void a_record(void **state)
{
    const u32 data[] = {11, 22, 33};
    struct record r;

    begin();
    host_now = 0x123456789abc;
    trace_record(TRC_SCHED_SWITCH, data, 3);
    host_run_on(1);
    trace_record(TRC_SCHED_BLOCK, data, 0);
    host_run_on(0);
    r = next(0);
    assert_int_equal(r.event, TRC_SCHED_SWITCH);
    assert_true(r.stamped);
    assert_int_equal(r.stamp, host_now);
    assert_int_equal(r.words, 3);
    assert_memory_equal(r.data, data, sizeof(data));
    assert_true(is_empty(0));
    r = next(1);
    assert_int_equal(r.event, TRC_SCHED_BLOCK);
    assert_int_equal(r.words, 0);
    assert_true(is_empty(1));
    assert_int_equal(simply(XEN_SYSCTL_TBUFOP_disable), 0);
    trace_record(TRC_SCHED_SWITCH, data, 3);
    assert_true(is_empty(0));
}

static bool leaves_record(u32 event)
{
    bool written;

    trace_record(event, (u32[]){0}, 1);
    written = !is_empty(0);
    head(0)->cons = head(0)->prod;
    return written;
}

static void masks(void **state)
{
    begin();
    assert_true(leaves_record(TRC_PV_HYPERCALL_V2));
    assert_int_equal(set_events(TRC_SCHED_MIN), 0); /* one subclass */
    assert_int_equal(describe().evt_mask, TRC_SCHED_MIN);
    assert_false(leaves_record(TRC_PV_HYPERCALL_V2)); /* another class, the same subclass */
    assert_false(leaves_record(TRC_SCHED_WAKE));      /* the same class, another one */
    assert_true(leaves_record(TRC_SCHED_RUNSTATE_CHANGE));
    assert_int_equal(set_events(TRC_SCHED | TRC_PV), 0);
    assert_true(leaves_record(TRC_PV_HYPERCALL_V2));
    assert_true(leaves_record(TRC_SCHED_WAKE));
    assert_false(leaves_record(TRC_DOM0_DOM_ADD));
    assert_int_equal(set_events(0), 0);
    assert_false(leaves_record(TRC_SCHED_WAKE));
    assert_int_equal(set_events(TRC_ALL), 0);
    assert_int_equal(set_cpus(1U << 1), 0);
    assert_false(leaves_record(TRC_SCHED_WAKE));
    assert_int_equal(set_cpus(1U << 0), 0);
    assert_true(leaves_record(TRC_SCHED_WAKE));
}

/* Records of all sizes go round and round; each comes out as it went in. */
static void wrapping(void **state)
{
    u32 data[TRACE_EXTRA_MAX];

    begin();
    wraps = 0;
    for (u32 n = 0; n < 20000; n++) {
        u32 words = n * 2654435761U >> 29; /* by chance */
        struct record r;

        for (u32 i = 0; i < words; i++)
            data[i] = n * 8 + i;
        trace_record(TRC_SCHED_WAKE + (n & 7), data, words);
        r = next(0);
        assert_int_equal(r.event, TRC_SCHED_WAKE + (n & 7));
        assert_int_equal(r.words, words);
        assert_memory_equal(r.data, data, words * sizeof(u32));
        assert_true(is_empty(0));
    }
    assert_true(wraps > 20);
    assert_int_equal(virqs[VIRQ_TBUF], 0);
}

/* Writes records until @n are there or lost. */
static void fill(u32 n)
{
    for (u32 i = 0; i < n; i++)
        trace_record(TRC_SCHED_SWITCH, (u32[]){i, i, i, i, i}, 5);
}

#define RECORD_BYTES (4U + 8 + 5 * 4)
#define MANY         (BYTES / RECORD_BYTES + 100)

static void full(void **state)
{
    u32 count = 0, room;
    struct record r;

    for (unsigned int round = 0; round < 50; round++) {
        begin();
        for (unsigned int skip = 0; skip < round; skip++) { /* another place each time */
            trace_record(TRC_SCHED_WAKE, (u32[]){0}, 1);
            (void)next(0);
        }
        host_now = 5000;
        fill(1);
        host_now = 6000;
        fill(MANY);
        room = BYTES - (head(0)->prod - head(0)->cons + 2 * BYTES) % (2 * BYTES);
        assert_true(room < 2 * RECORD_BYTES);
        for (count = 0; !is_empty(0); count++)
            (void)next(0);
        assert_true(count < MANY);
        host_now = 7000;
        trace_record(TRC_SCHED_WAKE, (u32[]){7}, 1);
        r = next(0);
        assert_int_equal(r.event, TRC_LOST_RECORDS);
        assert_int_equal(r.words, 4);
        assert_int_equal(r.stamp, 7000);
        assert_int_equal(r.data[0], MANY + 1 - count);
        assert_int_equal(r.data[1], a->id);
        assert_int_equal(r.data[2] | (u64)r.data[3] << 32, 6000);
        assert_int_equal(next(0).event, TRC_SCHED_WAKE);
        assert_true(is_empty(0));
    }
    /* Those that were lost before traces were switched off are not spoken of. */
    fill(MANY);
    begin();
    trace_record(TRC_SCHED_WAKE, (u32[]){7}, 1);
    assert_int_equal(next(0).event, TRC_SCHED_WAKE);
}

static void dom0_is_told(void **state)
{
    begin();
    for (unsigned int round = 1; round < 4; round++) {
        fill(BYTES / 2 / RECORD_BYTES - 2);
        host_run_softirqs();
        assert_int_equal(virqs[VIRQ_TBUF], round - 1);
        fill(4);
        assert_int_equal(virqs[VIRQ_TBUF], round - 1); /* not in the middle of anything */
        host_run_softirqs();
        assert_int_equal(virqs[VIRQ_TBUF], round);
        fill(MANY);
        host_run_softirqs();
        assert_int_equal(virqs[VIRQ_TBUF], round);
        head(0)->cons = head(0)->prod;
        trace_record(TRC_SCHED_WAKE, (u32[]){0}, 1); /* and the lost ones */
        head(0)->cons = head(0)->prod;
    }
}

/* ---- a dom0 that is not to be trusted ---- */

static void wrong_cons(void **state)
{
    begin();
    for (unsigned int n = 0; n < 7; n++) {
        u32 prod = head(0)->prod;
        const u32 wrong[] = {1,
                             prod + 2,
                             (prod + 2 * BYTES - 2) % (2 * BYTES),
                             2 * BYTES,
                             ~3U,
                             (prod + 4) % (2 * BYTES),
                             (prod + BYTES - 4) % (2 * BYTES)};

        head(0)->cons = wrong[n];
        fill(1);
        assert_false(trace_on);
        assert_int_equal(head(0)->prod, prod);
        assert_int_equal(head(0)->cons, wrong[n]);
        begin();
        fill(1);
        assert_true(trace_on);
        assert_int_equal(next(0).event, TRC_SCHED_SWITCH);
    }
}

/* Where the next record goes is nothing that dom0 could say. */
static void wrong_prod(void **state)
{
    static const u32 wrong[] = {0, 1, BYTES, 2 * BYTES, 0x7ffffffc, ~0U};
    u32 prod;

    begin();
    for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
        prod = head(0)->prod;
        head(0)->prod = wrong[i];
        trace_record(TRC_SCHED_WAKE, (u32[]){i}, 1);
        assert_true(trace_on);
        assert_true(head(0)->prod == (prod + 16) % (2 * BYTES) ||
                    head(0)->prod % BYTES == 16); /* with a filler in between */
        assert_int_equal(next(0).data[0], i);
    }
}

/* ---- what is recorded ---- */

static struct record hypercall(u32 event, unsigned long op)
{
    const unsigned long args[TRACE_HYPERCALL_ARGS] = {0x1111, 0x2222, 0x3333};

    trace_hypercall(event, op, args);
    return next(0);
}

static void hypercalls(void **state)
{
    static const struct {
        unsigned int op, words, first, second;
    } shown[] = {{__HYPERVISOR_xen_version, 0, 0, 0},   {__HYPERVISOR_mmu_update, 1, 1, 0},
                 {__HYPERVISOR_multicall, 1, 1, 0},     {__HYPERVISOR_grant_table_op, 2, 0, 2},
                 {__HYPERVISOR_vcpu_op, 2, 0, 1},       {__HYPERVISOR_mmuext_op, 1, 1, 0},
                 {__HYPERVISOR_sched_op, 1, 0, 0},      {NR_HYPERCALLS, 0, 0, 0},
                 {__HYPERVISOR_set_trap_table, 0, 0, 0}};
    static const u32 values[] = {0x1111, 0x2222, 0x3333};
    struct record r;

    begin();
    for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++) {
        u32 expected = shown[i].op;

        r = hypercall(TRC_PV_HYPERCALL_V2, shown[i].op);
        assert_int_equal(r.event, TRC_PV_HYPERCALL_V2);
        assert_int_equal(r.words, 1 + shown[i].words);
        if (shown[i].words > 0) {
            expected |= TRC_PV_HYPERCALL_V2_ARG_32(shown[i].first);
            assert_int_equal(r.data[1], values[shown[i].first]);
        }
        if (shown[i].words > 1) {
            expected |= TRC_PV_HYPERCALL_V2_ARG_32(shown[i].second);
            assert_int_equal(r.data[2], values[shown[i].second]);
        }
        assert_int_equal(r.data[0], expected);
    }
    r = hypercall(TRC_PV_HYPERCALL_SUBCALL, ~0UL); /* no bit of it says that there are arguments */
    assert_int_equal(r.event, TRC_PV_HYPERCALL_SUBCALL);
    assert_int_equal(r.words, 1);
    assert_int_equal(r.data[0], 0xfffff);
}

/* The next record of @event, which has to come. */
static struct record find(u32 event)
{
    struct record r;

    do
        r = next(0);
    while (r.event != event);
    return r;
}

static u32 change(int from, int to)
{
    return TRC_SCHED_RUNSTATE_CHANGE | (u32)from << 8 | (u32)to << 4;
}

/* A vCPU wakes, gets the CPU and blocks. */
static void scheduling(void **state)
{
    struct vcpu *v = b->vcpu[0];
    u32 both = (u32)b->id << 16;
    struct record r;

    host_become(cpus[0]->rq.idle);
    host_settle(); /* it is on no CPU from here on */
    set_bit(&v->pause_flags, VPF_BLOCKED);
    clear_bit(&v->pause_flags, VPF_DOWN);
    vcpu_sleep_nosync(v);
    host_become(a->vcpu[0]);
    begin();
    host_become(cpus[0]->rq.idle);

    vcpu_unblock(v);
    r = find(TRC_SCHED_WAKE);
    assert_int_equal(r.data[0], b->id);
    assert_int_equal(r.data[1], 0);
    assert_int_equal(find(change(RUNSTATE_blocked, RUNSTATE_runnable)).data[0], both);
    host_now += 300;
    host_run_softirqs();
    r = find(TRC_SCHED_SWITCH_INFPREV);
    assert_int_equal(r.data[0], DOMID_IDLE);
    r = find(TRC_SCHED_SWITCH_INFNEXT);
    assert_int_equal(r.data[0], b->id);
    assert_int_equal(r.data[2], 300);
    r = find(TRC_SCHED_SWITCH);
    assert_int_equal(r.data[0], DOMID_IDLE);
    assert_int_equal(r.data[2], b->id);
    assert_int_equal(find(change(RUNSTATE_running, RUNSTATE_runnable)).data[0] >> 16, DOMID_IDLE);
    assert_int_equal(find(change(RUNSTATE_runnable, RUNSTATE_running)).data[0], both);

    assert_ptr_equal(current, v);
    softirq_raise(SOFTIRQ_SCHEDULE);
    host_now += 200;
    host_run_softirqs();
    r = find(TRC_SCHED_SWITCH_INFCONT);
    assert_int_equal(r.data[0], b->id);
    assert_int_equal(find(TRC_SCHED_CONTINUE_RUNNING).data[0], both);

    v->info->evtchn_upcall_pending = 0;
    vcpu_block_enable_events();
    assert_int_equal(find(TRC_SCHED_BLOCK).data[0], b->id);
    host_run_softirqs();
    assert_int_equal(find(TRC_SCHED_SWITCH_INFPREV).data[0], b->id);
    assert_int_equal(find(change(RUNSTATE_running, RUNSTATE_blocked)).data[0], both);
    vcpu_sleep_nosync(v);
    assert_int_equal(find(TRC_SCHED_SLEEP).data[0], b->id);
}

static void domains(void **state)
{
    struct domain *d;

    begin();
    d = host_domain(9, 1, 1, false);
    assert_non_null(d);
    assert_int_equal(find(TRC_DOM0_DOM_ADD).data[0], 9);
    assert_int_equal(find(TRC_SCHED_DOM_ADD).data[0], 9);
    head(0)->cons = head(0)->prod;
    assert_int_equal(set_events(TRC_DOM0OP), 0);
    host_become(cpus[0]->rq.idle);
    host_kill(d);
    assert_int_equal(next(0).event, TRC_DOM0_DOM_REM);
    assert_true(is_empty(0));
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_rings),   TEST(memory_runs_out),   TEST(in_pieces),
        TEST(what_dom0_finds), TEST(cpus_are_switched), TEST(a_record),
        TEST(masks),           TEST(wrapping),          TEST(full),
        TEST(dom0_is_told),    TEST(wrong_cons),        TEST(wrong_prod),
        TEST(hypercalls),      TEST(scheduling),        TEST(domains),
    };

    return cmocka_run_group_tests(tests, boot, NULL);
}
