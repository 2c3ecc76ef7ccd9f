/* SPDX-License-Identifier: MIT */
/*
 * Event channels, FIFO scheme: setting it up, how events are linked into queues by priority, and
 * what masking does. Runs with upcalls off from the switch to the end, because the kernel library
 * knows the 2-level scheme only.
 */
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)

static volatile event_word_t *words;
static volatile struct evtchn_fifo_control_block *control;
static evtchn_port_t ports[4];

static long event_op(unsigned int op, void *argument)
{
    return hypercall_event_channel_op(op, argument);
}

static void test_setup_refused(void)
{
    struct evtchn_init_control init = {.vcpu = 0};
    struct evtchn_expand_array expand = {.array_gfn = va_to_mfn((void *)words)};

    /* Not before a control block. */
    CHECK_EQ(event_op(EVTCHNOP_expand_array, &expand), -EOPNOTSUPP);
    init.control_gfn = BAD_MFN;
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -EINVAL);
    init.control_gfn = va_to_mfn((void *)control);
    init.offset = 4;
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -EINVAL);
    init.offset = PAGE_SIZE - 64;
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -EINVAL);
    init.offset = 0;
    init.vcpu = 99;
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -ENOENT);
    init.vcpu = 0;
    init.control_gfn = va_to_mfn((void *)start_info->pt_base);
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -EINVAL);
}

static void test_setup(void)
{
    struct evtchn_init_control init = {.vcpu = 0, .control_gfn = va_to_mfn((void *)control)};
    struct evtchn_expand_array expand = {.array_gfn = va_to_mfn((void *)words)};

    /*
     * In a domU dom0 signals us whenever it has read our console: not on the queues that we look
     * at.
     */
    if (!guest_is_dom0()) {
        words[start_info->console.domU.evtchn] = MASKED;
        words[start_info->store_evtchn] = MASKED;
    }
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), 0);
    CHECK_EQ(init.link_bits, EVTCHN_FIFO_LINK_BITS);
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), -EINVAL);
    CHECK_EQ(event_op(EVTCHNOP_expand_array, &expand), 0);
    expand.array_gfn = BAD_MFN;
    CHECK_EQ(event_op(EVTCHNOP_expand_array, &expand), -EINVAL);
    /* The hypervisor's own page now: not for page tables. */
    CHECK(page_protect((void *)words, PTE_KERNEL_RO) == 0);
    CHECK_EQ(mmuext_mfn(MMUEXT_PIN_L1_TABLE, va_to_mfn((void *)words)), -EINVAL);
    CHECK(page_protect((void *)words, PTE_KERNEL_DATA) == 0);
}

static void make_ports(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        struct evtchn_bind_ipi bind = {.vcpu = 0};

        CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &bind), 0);
        ports[i] = bind.port;
    }
}

/* Take the first event off a queue as a kernel does. @return its port. */
static evtchn_port_t take(unsigned int priority)
{
    evtchn_port_t port = control->head[priority];
    event_word_t word = words[port];

    CHECK(word & LINKED);
    control->head[priority] = word & EVTCHN_FIFO_LINK_MASK;
    words[port] = word & ~(LINKED | PENDING | EVTCHN_FIFO_LINK_MASK);
    return port;
}

static void reset_upcall(void)
{
    control->ready = 0;
    shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
}

static void test_one(void)
{
    unsigned int priority = EVTCHN_FIFO_PRIORITY_DEFAULT;

    make_ports();
    /* New ports start unmasked here. */
    CHECK_EQ(words[ports[0]], 0);
    reset_upcall();
    CHECK_EQ(event_send(ports[0]), 0);
    CHECK_EQ(words[ports[0]], PENDING | LINKED);
    CHECK_EQ(control->ready, 1u << priority);
    CHECK_EQ(control->head[priority], ports[0]);
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_pending, 1);
    /* Again: it is on the queue already. */
    CHECK_EQ(event_send(ports[0]), 0);
    CHECK_EQ(words[ports[0]], PENDING | LINKED);
    CHECK_EQ(take(priority), ports[0]);
    CHECK_EQ(control->head[priority], 0);
    reset_upcall();
}

static void test_order(void)
{
    unsigned int priority = EVTCHN_FIFO_PRIORITY_DEFAULT;

    for (unsigned int i = 0; i < 4; i++)
        CHECK_EQ(event_send(ports[i]), 0);
    CHECK_EQ(control->head[priority], ports[0]);
    for (unsigned int i = 0; i < 3; i++)
        CHECK_EQ(words[ports[i]], PENDING | LINKED | ports[i + 1]);
    CHECK_EQ(words[ports[3]], PENDING | LINKED);
    for (unsigned int i = 0; i < 4; i++)
        CHECK_EQ(take(priority), ports[i]);
    reset_upcall();
}

static void test_mask(void)
{
    struct evtchn_unmask unmask = {.port = ports[1]};

    words[ports[1]] |= MASKED;
    CHECK_EQ(event_send(ports[1]), 0);
    CHECK_EQ(words[ports[1]], PENDING | MASKED);
    CHECK_EQ(control->ready, 0);
    CHECK_EQ(event_op(EVTCHNOP_unmask, &unmask), 0);
    CHECK_EQ(words[ports[1]], PENDING | LINKED);
    CHECK_EQ(take(EVTCHN_FIFO_PRIORITY_DEFAULT), ports[1]);
    reset_upcall();
}

static void test_priority(void)
{
    struct evtchn_set_priority set = {.port = ports[2], .priority = 0};

    CHECK_EQ(event_op(EVTCHNOP_set_priority, &set), 0);
    CHECK_EQ(event_send(ports[2]), 0);
    CHECK_EQ(event_send(ports[3]), 0);
    CHECK_EQ(control->ready, 1u | 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    CHECK_EQ(take(0), ports[2]);
    CHECK_EQ(take(EVTCHN_FIFO_PRIORITY_DEFAULT), ports[3]);
    reset_upcall();
    set.priority = EVTCHN_FIFO_PRIORITY_MIN + 1;
    CHECK_EQ(event_op(EVTCHNOP_set_priority, &set), -EINVAL);
    set.priority = 0;
    set.port = 100000;
    CHECK_EQ(event_op(EVTCHNOP_set_priority, &set), -EINVAL);
}

static void test_close(void)
{
    struct evtchn_close close = {.port = ports[3]};
    struct evtchn_status status = {.dom = DOMID_SELF, .port = ports[3]};

    CHECK_EQ(event_op(EVTCHNOP_close, &close), 0);
    CHECK_EQ(event_op(EVTCHNOP_status, &status), 0);
    CHECK_EQ(status.status, EVTCHNSTAT_closed);
    CHECK_EQ(event_send(ports[3]), -EINVAL);
    CHECK_EQ(words[ports[3]] & PENDING, 0);
}

/* Ports beyond one page of words need another page; it can be given early. */
static void test_expand(void)
{
    void *page = page_alloc_zeroed();
    struct evtchn_expand_array expand = {.array_gfn = va_to_mfn(page)};

    CHECK_EQ(event_op(EVTCHNOP_expand_array, &expand), 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"setup_refused", test_setup_refused},
        {"setup", test_setup},
        {"one", test_one},
        {"order", test_order},
        {"mask", test_mask},
        {"priority", test_priority},
        {"close", test_close},
        {"expand", test_expand},
        {NULL, NULL},
    };

    words = page_alloc_zeroed();
    control = page_alloc_zeroed();
    events_disable();
    run_tests(tests);
}
