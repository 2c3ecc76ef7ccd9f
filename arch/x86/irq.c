/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors, hardware interrupts and their dispatch.
 *
 * Every external interrupt enters through do_irq(). Vectors of fixed meaning (timer, IPIs, errors)
 * are served here; the others belong to one hardware interrupt each, whose descriptor says whether
 * it is ours or guests'. A vector is handed out once and stays with its interrupt: there are more
 * vectors than a machine has lines, and the numbers of messages are used again, lowest first.
 */
#include <arch.h>
#include <asm/acpi.h>
#include <asm/apic.h>
#include <asm/io.h>
#include <asm/irq.h>
#include <asm/tlb.h>
#include <event_channel.h>
#include <lib.h>
#include <meter.h>
#include <percpu.h>
#include <public/errno.h>
#include <sched.h>
#include <softirq.h>
#include <timer.h>
#include <trace.h>

#define NO_IRQ 0xffff

/* The two legacy controllers (8259A): ports and initialisation words. */
#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1
#define ICW1_INIT    0x11
#define ICW4_8086    0x01

unsigned int nr_gsis;
unsigned int nr_irqs = MAX_IRQS;

static struct irq_desc descs[MAX_IRQS];
static u16 vector_to_irq[256];
static spinlock_t vector_lock = SPINLOCK_INIT(RANK_DEVICE);
static unsigned int next_vector = FIRST_DYNAMIC_VECTOR;

struct irq_desc *irq_get(unsigned int irq)
{
    if (irq >= MAX_IRQS)
        return NULL;
    irq = (unsigned int)index_nospec(irq, MAX_IRQS);
    return descs[irq].controller ? &descs[irq] : NULL;
}

void irq_set_controller(unsigned int irq, const struct irq_controller *controller)
{
    descs[irq].controller = controller;
}

/*
 * Remaps the legacy PIC, so that even a spurious interrupt of it does not look like an exception.
 */
static void __init pic_init(void)
{
    outb(ICW1_INIT, PIC1_COMMAND);
    outb(ICW1_INIT, PIC2_COMMAND);
    outb(PIC_FIRST_VECTOR, PIC1_DATA);
    outb(PIC_FIRST_VECTOR + 8, PIC2_DATA);
    outb(1 << 2, PIC1_DATA); /* the second one is on input 2 */
    outb(2, PIC2_DATA);
    outb(ICW4_8086, PIC1_DATA);
    outb(ICW4_8086, PIC2_DATA);
    outb(0xff, PIC1_DATA);
    outb(0xff, PIC2_DATA);
}

void __init irq_init(void)
{
    for (unsigned int i = 0; i < MAX_IRQS; i++)
        spin_lock_init(&descs[i].lock, RANK_IRQ);
    for (unsigned int i = 0; i < ARRAY_SIZE(vector_to_irq); i++)
        vector_to_irq[i] = NO_IRQ;
    /*
     * The firmware describes the ISA interrupts; other lines carry PCI interrupts: level-triggered,
     * active low.
     */
    for (unsigned int i = 0; i < MAX_IRQS; i++)
        descs[i].level = descs[i].active_low = i >= NR_ISA_IRQS;
    for (unsigned int i = 0; i < NR_ISA_IRQS; i++) {
        struct irq_desc *desc = &descs[acpi.isa[i].gsi];

        desc->level = acpi.isa[i].level;
        desc->active_low = acpi.isa[i].active_low;
    }
    pic_init();
}

/* @return the next unused vector; 0: none is left */
static u8 allocate_vector(unsigned int irq)
{
    u8 vector = 0;

    spin_lock(&vector_lock);
    while (next_vector == LEGACY_SYSCALL_VECTOR || next_vector == HYPERCALL_VECTOR)
        next_vector++;
    if (next_vector <= LAST_DYNAMIC_VECTOR) {
        vector = (u8)next_vector++;
        vector_to_irq[vector] = (u16)irq;
    }
    spin_unlock(&vector_lock);
    return vector;
}

int irq_program(struct irq_desc *desc)
{
    unsigned int irq = (unsigned int)(desc - descs);

    if (!desc->vector)
        desc->vector = allocate_vector(irq);
    if (!desc->vector)
        return -XEN_ENOSPC;
    desc->controller->setup(irq, desc->vector, desc->level, desc->active_low);
    return 0;
}

int irq_create(const struct irq_controller *controller)
{
    unsigned long flags = spin_lock_irqsave(&vector_lock);
    int irq = -XEN_ENOSPC;

    for (unsigned int i = nr_gsis; i < MAX_IRQS; i++)
        if (!descs[i].controller) {
            descs[i].level = descs[i].active_low = false;
            descs[i].controller = controller;
            irq = (int)i;
            break;
        }
    spin_unlock_irqrestore(&vector_lock, flags);
    return irq;
}

void irq_destroy(unsigned int irq)
{
    unsigned long flags;

    BUG_ON(descs[irq].use != IRQ_FREE);
    flags = spin_lock_irqsave(&vector_lock);
    descs[irq].controller = NULL;
    spin_unlock_irqrestore(&vector_lock, flags);
}

int irq_request_isa(unsigned int isa_irq, void (*fn)(void *arg), void *arg)
{
    struct irq_desc *desc = isa_irq < NR_ISA_IRQS ? irq_get(acpi.isa[isa_irq].gsi) : NULL;
    unsigned long flags;
    int rc;

    if (!desc)
        return -XEN_EINVAL;
    flags = spin_lock_irqsave(&desc->lock);
    rc = desc->use == IRQ_FREE ? irq_program(desc) : -XEN_EBUSY;
    if (!rc) {
        desc->fn = fn;
        desc->arg = arg;
        desc->use = IRQ_OURS;
        desc->controller->unmask((unsigned int)(desc - descs));
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

int irq_setup_gsi(unsigned int irq, bool level, bool active_low)
{
    struct irq_desc *desc = irq < nr_gsis ? irq_get(irq) : NULL;
    unsigned long flags;
    int rc;

    if (!desc)
        return -XEN_EINVAL;
    flags = spin_lock_irqsave(&desc->lock);
    if (desc->vector) {
        rc = -XEN_EEXIST;
    } else {
        desc->level = level;
        desc->active_low = active_low;
        rc = irq_program(desc);
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

u32 irq_destination(unsigned int irq)
{
    return cpus[descs[irq].cpu]->arch.apic_id;
}

#define ASTRAY_MAX  8U    /* so a vCPU that is moved about does not pull its interrupts along */
#define NO_REDIRECT 0xffU /* APIC ids from here on need an IOMMU */

/*
 * The vCPU that takes the interrupt runs on @cpu, and it arrived here. When that happens often the
 * interrupt is sent there: otherwise each would cost an interrupt of @cpu by this one. A CPU that
 * is about to leave says so before it comes to the descriptor's lock (irq_leave_cpu()).
 */
static __noinline void follow_vcpu(struct irq_desc *desc, unsigned int cpu)
{
    spin_lock(&desc->lock);
    if (desc->use == IRQ_GUEST && ++desc->astray >= ASTRAY_MAX &&
        cpus[cpu]->arch.apic_id < NO_REDIRECT && READ_ONCE(cpus[cpu]->state) == CPU_UP) {
        desc->astray = 0;
        desc->cpu = cpu;
        desc->controller->redirect((unsigned int)(desc - descs));
    }
    spin_unlock(&desc->lock);
}

void irq_leave_cpu(void)
{
    for (unsigned int i = 0; i < MAX_IRQS; i++) {
        struct irq_desc *desc = &descs[i];
        unsigned long flags = spin_lock_irqsave(&desc->lock);

        if (desc->cpu == smp_processor_id()) {
            desc->cpu = 0;
            desc->astray = 0;
            if (desc->use == IRQ_GUEST)
                desc->controller->redirect(i);
        }
        spin_unlock_irqrestore(&desc->lock, flags);
    }
}

static void hardware_interrupt(struct irq_desc *desc)
{
    struct pirq_target targets[IRQ_MAX_GUESTS];
    unsigned int nr_targets = 0, cpu = smp_processor_id();

    ASSERT(cpumask_test(&cpu_online, cpu)); /* else a domain could be freed while we look at it */
    if (this_cpu()->rcu.idle)
        rcu_idle_exit();
    spin_lock(&desc->lock);
    switch (desc->use) {
    case IRQ_OURS:
        /* A level line stays raised until the handler has served the device. */
        if (!desc->level)
            apic_eoi();
        desc->fn(desc->arg);
        if (desc->level)
            apic_eoi();
        break;
    case IRQ_GUEST:
        nr_targets = irq_accept_for_guests(desc, targets);
        break;
    case IRQ_FREE: /* was under way when it was unbound and masked */
        apic_eoi();
        break;
    }
    spin_unlock(&desc->lock);
    /*
     * This is done outside the lock, since waking a vCPU takes locks of lower rank. A domain that
     * dies meanwhile is not freed before this CPU has left the interrupt.
     */
    for (unsigned int i = 0; i < nr_targets; i++)
        cpu = send_guest_pirq(targets[i].domain, &targets[i].pirq);
    if (unlikely(cpu != smp_processor_id()))
        follow_vcpu(desc, cpu);
}

/* The same with a record: of the interrupt, and how long it took. */
static __noinline void traced_interrupt(struct irq_desc *desc)
{
    u32 begin = (u32)arch_timestamp();
    u32 data[3];

    hardware_interrupt(desc);
    data[0] = (u32)(desc - descs);
    data[1] = begin;
    data[2] = (u32)arch_timestamp();
    trace_record(TRC_HW_IRQ_HANDLED, data, ARRAY_SIZE(data));
}

static void apic_error(void)
{
    static u32 count;
    u32 status;

    apic_write(APIC_ESR, 0); /* latches what was collected */
    status = apic_read(APIC_ESR);
    apic_eoi();
    if (count++ < 10)
        printk(LOG_WARNING, "Local APIC error on CPU %u: status %#x", smp_processor_id(), status);
}

/*
 * Serves a vector that has no owner. One of a legacy PIC, or one that the APIC withdrew, is not in
 * service and must not get an EOI.
 */
static void unexpected(u8 vector)
{
    const u32 data[] = {vector};
    static u32 count;

    if (tracing())
        trace_record(TRC_HW_IRQ_UNMAPPED_VECTOR, data, ARRAY_SIZE(data));
    if (apic_in_service(vector))
        apic_eoi();
    if (count++ < 10)
        printk(LOG_WARNING, "Unexpected interrupt on vector %#x", vector);
}

/*
 * The interrupt came while the hypervisor was at work for a vCPU, and may have brought that an
 * event. A hypercall that takes long stops for it.
 */
static void note_event(void)
{
    const struct vcpu_info *info = current->info;

    if (!is_idle_vcpu(current) && READ_ONCE(info->evtchn_upcall_pending) &&
        !READ_ONCE(info->evtchn_upcall_mask))
        softirq_raise(SOFTIRQ_EVENT);
}

void do_irq(struct cpu_user_regs *regs)
{
    u8 vector = (u8)regs->entry_vector;
    u16 irq;

    meter_irqs_off();
    switch (vector) {
    case TIMER_VECTOR:
        apic_eoi();
        timer_interrupt();
        break;
    case IPI_EVENT_VECTOR: /* the exit path serves what is pending */
        apic_eoi();
        break;
    case IPI_FLUSH_VECTOR:
        apic_eoi();
        tlb_flush_interrupt();
        break;
    case ERROR_VECTOR:
        apic_error();
        break;
    case SPURIOUS_VECTOR:
        break;
    default:
        irq = vector_to_irq[vector];
        if (irq == NO_IRQ)
            unexpected(vector);
        else if (tracing())
            traced_interrupt(&descs[irq]);
        else
            hardware_interrupt(&descs[irq]);
    }
    if (!(regs->cs & 3)) {
        note_event();
        meter_irqs_on(); /* the IRET does it */
    }
}
