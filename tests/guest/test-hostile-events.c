/* SPDX-License-Identifier: MIT */
/*
 * Hostile guest: event channels. Pointers that lead nowhere, ports, vCPUs, interrupts and domains
 * that do not exist or are others', random calls, and at last FIFO queues whose links are nonsense,
 * which the hypervisor follows. (After that this domain's own events are not to be trusted.)
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
#include "hostile.h"

#define RANDOM_CALLS 5000
#define OPS          14 /* EVTCHNOP_set_priority and before */

static struct hostile sequence;

static long event_op(unsigned int op, void *argument)
{
    return hypercall_event_channel_op(op, argument);
}

static void test_pointers(void)
{
    for (unsigned int op = 0; op < OPS; op++) {
        for (unsigned int i = 1; i < BAD_POINTERS; i++) {
            if (i != M2P_POINTER)
                CHECK_EQ(event_op(op, bad_pointers[i]), -EFAULT);
        }
    }
    CHECK_EQ(event_op(99, NULL), -ENOSYS);
}

static void test_ports(void)
{
    static const evtchn_port_t ports[] = {0, 4095, 4096, 131071, 131072, 0x7fffffff, ~0u};

    for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        evtchn_port_t port = ports[i];
        struct evtchn_send send = {.port = port};
        struct evtchn_close close = {.port = port};
        struct evtchn_unmask unmask = {.port = port};
        struct evtchn_bind_vcpu bind = {.port = port};
        struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

        CHECK_EQ(event_op(EVTCHNOP_send, &send), -EINVAL);
        CHECK_EQ(event_op(EVTCHNOP_close, &close), -EINVAL);
        if (port >= 131072)
            CHECK_EQ(event_op(EVTCHNOP_unmask, &unmask), -EINVAL);
        CHECK_EQ(event_op(EVTCHNOP_bind_vcpu, &bind), -EINVAL);
        event_op(EVTCHNOP_status, &status);
    }
}

static void test_numbers(void)
{
    static const uint32_t numbers[] = {32, 0x7fffffff, 0x80000000, ~0u};

    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct evtchn_bind_virq virq = {.virq = numbers[i]};
        struct evtchn_bind_virq vcpu = {.virq = VIRQ_DEBUG, .vcpu = numbers[i]};
        struct evtchn_bind_ipi ipi = {.vcpu = numbers[i]};
        struct evtchn_bind_pirq pirq = {.pirq = numbers[i]};
        struct evtchn_set_priority priority = {.port = 1, .priority = numbers[i]};

        CHECK_EQ(event_op(EVTCHNOP_bind_virq, &virq), -EINVAL);
        CHECK_EQ(event_op(EVTCHNOP_bind_virq, &vcpu), -ENOENT);
        CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), -ENOENT);
        if (!guest_is_dom0())
            CHECK(event_op(EVTCHNOP_bind_pirq, &pirq) < 0);
        CHECK(event_op(EVTCHNOP_set_priority, &priority) < 0);
    }
}

static bool keeps_the_console(unsigned int op)
{
    return op != EVTCHNOP_close && op != EVTCHNOP_reset && op != EVTCHNOP_init_control;
}

static void test_random(void)
{
    uint64_t argument[4];

    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        unsigned int op = hostile_below(&sequence, OPS + 2);

        hostile_fill(&sequence, argument, sizeof(argument));
        if (keeps_the_console(op))
            event_op(op, argument);
    }
    /* What came of it is closed again, as far as it is ours. */
    for (evtchn_port_t port = 1; port < 4096; port++) {
        struct evtchn_status status = {.dom = DOMID_SELF, .port = port};

        if (event_op(EVTCHNOP_status, &status) == 0 && status.status == EVTCHNSTAT_unbound)
            event_close(port);
    }
}

/* Links to everywhere while events are sent: bounded work, and no port but ours is touched. */
static void test_fifo_links(void)
{
    struct evtchn_fifo_control_block *control = page_alloc_zeroed();
    event_word_t *words = page_alloc_zeroed();
    struct evtchn_init_control init = {.vcpu = 0, .control_gfn = va_to_mfn(control)};
    struct evtchn_expand_array expand = {.array_gfn = va_to_mfn(words)};
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    evtchn_port_t ports[8];

    for (unsigned int i = 0; i < 8; i++) {
        CHECK_EQ(event_op(EVTCHNOP_bind_ipi, &ipi), 0);
        ports[i] = ipi.port;
    }
    hypercall_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL);
    events_disable();
    CHECK_EQ(event_op(EVTCHNOP_init_control, &init), 0);
    CHECK_EQ(event_op(EVTCHNOP_expand_array, &expand), 0);
    for (unsigned int i = 0; i < RANDOM_CALLS; i++) {
        struct evtchn_send send = {.port = ports[hostile_below(&sequence, 8)]};
        struct evtchn_set_priority priority = {.port = ports[hostile_below(&sequence, 8)],
                                               .priority = hostile_below(&sequence, 16)};

        words[hostile_below(&sequence, 1024)] = (event_word_t)hostile_number(&sequence);
        words[send.port] = (event_word_t)hostile_number(&sequence) & ~(1u << EVTCHN_FIFO_PENDING);
        control->head[hostile_below(&sequence, 16)] = (uint32_t)hostile_value(&sequence);
        control->ready = (uint32_t)hostile_number(&sequence);
        CHECK_EQ(event_op(EVTCHNOP_send, &send), 0);
        CHECK_EQ(event_op(EVTCHNOP_set_priority, &priority), 0);
    }
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"pointers", test_pointers}, {"ports", test_ports},           {"numbers", test_numbers},
        {"random", test_random},     {"fifo_links", test_fifo_links}, {NULL, NULL},
    };

    hostile_init(&sequence, 0, pages_alloc(4), 4);
    run_tests(tests);
}
