/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) arch/x86/irq.c arch/x86/pirq.c */
/*
 * Hardware interrupts on two CPUs: one that comes while its port is being opened, answers that come
 * late, an interrupt that follows the vCPU that takes it, a CPU that leaves, and the table that two
 * CPUs make at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/irq.h>
#include <asm/msi.h>
#include <asm/pirq.h>
#include <asm/tlb.h>
#include <evtchn_impl.h>
#include <host.h>

/* ---- the machine ---- */

struct acpi_info acpi;
bool x2apic_enabled;
static u8 apic_registers[PAGE_SIZE];
u8 *apic_base = apic_registers;

static u8 vectors[MAX_IRQS];
static unsigned int masked, unmasked, redirected;
static void (*at_unmask)(unsigned int irq);

bool apic_in_service(u8 vector)
{
    return true;
}

void tlb_flush_interrupt(void)
{
}

void msi_unmap(unsigned int irq)
{
}

static void mask(unsigned int irq)
{
    masked++;
}

static void unmask(unsigned int irq)
{
    unmasked++;
    if (at_unmask)
        at_unmask(irq);
}

static void set_up(unsigned int irq, u8 vector, bool level, bool active_low)
{
    vectors[irq] = vector;
}

static void redirect(unsigned int irq)
{
    redirected++;
}

static const struct irq_controller controller = {
    .name = "test", .mask = mask, .unmask = unmask, .setup = set_up, .redirect = redirect};

static struct domain *d;

static int setup(void **state)
{
    host_boot_cpus = 2;
    host_boot(2048);
    host_preempt_every(0);
    if (!nr_gsis) {
        irq_init();
        nr_gsis = 24;
        for (unsigned int irq = 0; irq < nr_gsis; irq++)
            irq_set_controller(irq, &controller);
    }
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        cpus[cpu]->arch.apic_id = 4 + cpu;
    masked = unmasked = redirected = 0;
    at_unmask = NULL;
    d = host_domain(1, 2, 4, true);
    host_become(d->vcpu[0]);
    return rangeset_add(d->irqs, 0, 31);
}

static int teardown(void **state)
{
    at_unmask = NULL;
    host_kill(d);
    return 0;
}

static void interrupt(unsigned int irq)
{
    struct cpu_user_regs regs = {.entry_vector = vectors[irq], .cs = 3};

    local_irq_disable();
    do_irq(&regs);
    local_irq_enable();
}

static struct pirq *pirq_of(unsigned int irq)
{
    return pirq_get(d, irq, false);
}

static long bind(unsigned int irq, evtchn_port_t *port)
{
    struct evtchn_bind_pirq op = {.pirq = irq};
    int pirq = (int)irq;
    long rc;

    assert_int_equal(pirq_map_gsi(d, irq, &pirq), 0);
    rc = host_call2(do_event_channel_op, EVTCHNOP_bind_pirq, &op, sizeof(op));
    *port = op.port;
    return rc;
}

/* ---- while a hypercall is under way ---- */

/* @return does an interrupt from there make a long operation stop? */
static bool stops(u16 cs)
{
    struct cpu_user_regs regs = {.entry_vector = IPI_EVENT_VECTOR, .cs = cs};
    bool stop;

    local_irq_disable();
    do_irq(&regs);
    local_irq_enable();
    stop = get_cpu_info()->softirq_pending >> SOFTIRQ_EVENT & 1;
    host_run_softirqs();
    assert_false(softirq_pending());
    return stop;
}

/* It stops for an event that its vCPU takes, as soon as an interrupt brings that. */
static void an_event_stops_a_hypercall(void **state)
{
    struct vcpu_info *info = current->info;

    info->evtchn_upcall_mask = 0;
    info->evtchn_upcall_pending = 0;
    assert_false(stops(0));
    info->evtchn_upcall_pending = 1;
    assert_true(stops(0));
    assert_false(stops(3)); /* the guest's code was interrupted */
    info->evtchn_upcall_mask = 1;
    assert_false(stops(0));
    host_become(cpus[0]->rq.idle);
    assert_false(stops(0));
    host_become(d->vcpu[0]);
    info->evtchn_upcall_pending = 0;
}

/* ---- binding ---- */

static unsigned int opened;

/* From here on another CPU may be interrupted, and sends the event. */
static void port_is_open(unsigned int irq)
{
    unsigned int port = pirq_of(irq)->evtchn;

    assert_int_not_equal(port, 0);
    assert_int_equal(evtchn_lookup(d, port)->state, ECS_PIRQ);
    assert_int_equal(evtchn_lookup(d, port)->pirq, irq);
    opened++;
}

static void an_interrupt_comes_at_once(void **state)
{
    evtchn_port_t port;

    opened = 0;
    at_unmask = port_is_open;
    assert_int_equal(bind(17, &port), 0);
    assert_int_equal(opened, 1);
    interrupt(17);
    assert_true(test_bit(d->shared_info->evtchn_pending, port));
}

static void a_binding_is_refused(void **state)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 0};
    evtchn_port_t port;

    irq_get(18)->use = IRQ_OURS;
    assert_int_equal(bind(18, &port), -XEN_EBUSY);
    irq_get(18)->use = IRQ_FREE;
    assert_int_equal(pirq_of(18)->evtchn, 0);
    assert_int_equal(unmasked, 0);
    /* The port is free again. */
    assert_int_equal(host_call2(do_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    assert_int_equal(ipi.port, 1);
    assert_int_equal(d->active_evtchns, 1);
}

/* ---- answers ---- */

/*
 * A guest answers from one CPU, while another one maps the number to a new interrupt: the answer
 * does not count for the old one.
 */
static void an_answer_comes_late(void **state)
{
    struct pirq *late = pirq_get(d, 20, true);
    evtchn_port_t port;

    assert_int_equal(bind(19, &port), 0);
    interrupt(19);
    assert_int_equal(masked, 1);
    assert_int_equal(irq_get(19)->in_service, 1);
    late->irq = 19; /* as it was when the answer looked */
    late->masked = true;
    arch_pirq_eoi(d, late);
    assert_int_equal(irq_get(19)->in_service, 1);
    assert_int_equal(unmasked, 1);
    assert_true(late->masked);
    late->irq = PIRQ_UNMAPPED;
    arch_pirq_eoi(d, pirq_of(19));
    assert_int_equal(irq_get(19)->in_service, 0);
    assert_int_equal(unmasked, 2);
    arch_pirq_eoi(d, pirq_of(19)); /* a second answer is none */
    assert_int_equal(irq_get(19)->in_service, 0);
    assert_int_equal(unmasked, 2);
}

/* ---- an interrupt follows its vCPU ---- */

/* @times interrupts arrive on @cpu, and are answered. */
static void arrives(unsigned int irq, unsigned int cpu, unsigned int times)
{
    host_run_on(cpu);
    while (times--) {
        interrupt(irq);
        arch_pirq_eoi(d, pirq_of(irq));
    }
    host_run_on(0);
}

static void it_follows_its_vcpu(void **state)
{
    struct evtchn_bind_vcpu move = {.vcpu = 1};

    d->vcpu[0]->processor = 0;
    d->vcpu[1]->processor = 1;
    assert_int_equal(bind(16, &move.port), 0);
    arrives(16, 0, 20);
    assert_int_equal(redirected, 0);
    assert_int_equal(host_call2(do_event_channel_op, EVTCHNOP_bind_vcpu, &move, sizeof(move)), 0);
    arrives(16, 0, 7);
    assert_int_equal(redirected, 0);
    assert_int_equal(irq_destination(16), 4);
    arrives(16, 0, 1);
    assert_int_equal(redirected, 1);
    assert_int_equal(irq_destination(16), 5);
    arrives(16, 1, 20);
    assert_int_equal(redirected, 1);
    /* The vCPU moves; it does not pull its interrupt along at once. */
    d->vcpu[1]->processor = 0;
    arrives(16, 1, 7);
    assert_int_equal(redirected, 1);
    arrives(16, 1, 1);
    assert_int_equal(redirected, 2);
    assert_int_equal(irq_destination(16), 4);
}

/* A message cannot name such a CPU. */
static void it_does_not_follow_beyond_254(void **state)
{
    evtchn_port_t port;

    d->vcpu[0]->processor = 1;
    assert_int_equal(bind(21, &port), 0);
    cpus[1]->arch.apic_id = 255;
    arrives(21, 0, 20);
    assert_int_equal(redirected, 0);
    cpus[1]->arch.apic_id = 254;
    arrives(21, 0, 1);
    assert_int_equal(redirected, 1);
}

/* ---- a CPU leaves ---- */

/* Its interrupts go to CPU 0, and none comes back while it is about to leave. */
static void a_cpu_that_leaves_gets_none(void **state)
{
    evtchn_port_t port, closed;
    struct evtchn_close close;

    d->vcpu[0]->processor = 1;
    assert_int_equal(bind(22, &port), 0);
    assert_int_equal(bind(23, &closed), 0);
    assert_int_equal(bind(13, &port), 0); /* stays where it is */
    arrives(22, 0, 8);
    arrives(23, 0, 8);
    assert_int_equal(irq_destination(22), 5);
    assert_int_equal(irq_destination(23), 5);
    close.port = closed;
    assert_int_equal(host_call2(do_event_channel_op, EVTCHNOP_close, &close, sizeof(close)), 0);
    arrives(22, 0, 7); /* strays, nearly often enough to come back at once */
    redirected = 0;

    cpus[1]->state = CPU_LEAVING;
    host_run_on(1);
    irq_leave_cpu();
    host_run_on(0);
    assert_int_equal(irq_destination(22), 4);
    assert_int_equal(irq_destination(23), 4);
    assert_int_equal(redirected, 1); /* the other one is programmed when it is bound */
    arrives(22, 0, 20);
    assert_int_equal(redirected, 1);
    assert_int_equal(irq_destination(22), 4);

    cpus[1]->state = CPU_UP;
    arrives(22, 0, 8);
    assert_int_equal(irq_destination(22), 5);
}

/* ---- two CPUs enter one number ---- */

static unsigned int number;
static struct pirq *of_another_cpu;

static void another_cpu_is_first(void)
{
    of_another_cpu = pirq_get(d, number, true);
    of_another_cpu->irq = 7;
}

/* All get the same entry of the same table; what the later one made is freed. */
static void one_entry_for_all(void **state)
{
    unsigned long objects = host_objects();
    struct pirq *ours;

    assert_null(d->pirqs);
    number = 18;
    host_at_object = another_cpu_is_first;
    ours = pirq_get(d, number, true);
    assert_ptr_equal(ours, of_another_cpu);
    assert_int_equal(host_objects(), objects + 2);
    number = 19;
    host_at_object = another_cpu_is_first;
    ours = pirq_get(d, number, true);
    assert_ptr_equal(ours, of_another_cpu);
    assert_int_equal(host_objects(), objects + 3);
    assert_int_equal(pirq_of(19)->irq, 7);
    assert_int_equal(pirq_of(18)->irq, 7);
    pirq_of(18)->irq = pirq_of(19)->irq = PIRQ_UNMAPPED;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_stops_a_hypercall),  TEST(an_interrupt_comes_at_once),
        TEST(a_binding_is_refused),        TEST(an_answer_comes_late),
        TEST(it_follows_its_vcpu),         TEST(it_does_not_follow_beyond_254),
        TEST(a_cpu_that_leaves_gets_none), TEST(one_entry_for_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
