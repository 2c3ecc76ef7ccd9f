/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors and hardware interrupts.
 *
 * A hardware interrupt ("irq") is a global system interrupt of ACPI, an input of an IO-APIC; later
 * also a message of a device, numbered after them. It is free, ours (a handler), or guests' (a list
 * of pirqs). Vectors are the same on all CPUs.
 */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

#include <irq.h>
#include <spinlock.h>

#define NR_ISA_IRQS 16U
#define MAX_IRQS    256U /* inputs of all IO-APICs and, after them, messages */

/*
 * Vectors. 0x20-0x2f take what a confused legacy PIC may still send; 0x80 and 0x82 are software
 * interrupts of guests.
 */
#define PIC_FIRST_VECTOR      0x20
#define FIRST_DYNAMIC_VECTOR  0x30
#define LAST_DYNAMIC_VECTOR   0xef
#define LEGACY_SYSCALL_VECTOR 0x80
#define HYPERCALL_VECTOR      0x82
#define TIMER_VECTOR          0xfa
#define IPI_FLUSH_VECTOR      0xfc /* tlb.c */
#define IPI_EVENT_VECTOR      0xfd
#define ERROR_VECTOR          0xfe
#define SPURIOUS_VECTOR       0xff

struct cpu_user_regs;

/*
 * How a kind of interrupt controller is told. Called with the descriptor's lock held, interrupts
 * off.
 */
struct irq_controller {
    const char *name;
    void (*mask)(unsigned int irq);
    void (*unmask)(unsigned int irq);
    /* Programs vector, trigger mode, polarity and destination, masked. */
    void (*setup)(unsigned int irq, u8 vector, bool level, bool active_low);
};

#define IRQ_MAX_GUESTS 8U /* domains that share one line */

enum irq_use { IRQ_FREE, IRQ_OURS, IRQ_GUEST };

struct irq_desc {
    spinlock_t lock;                         /* RANK_IRQ */
    const struct irq_controller *controller; /* NULL: no such interrupt */
    u8 vector;                               /* 0: none assigned */
    bool level, active_low;
    enum irq_use use;
    void (*fn)(void *arg); /* IRQ_OURS */
    void *arg;
    /* IRQ_GUEST */
    unsigned int nr_guests;
    unsigned int
        in_service; /* guests that still have to say that they handled it; masked while not 0 */
    struct {
        struct domain *domain;
        struct pirq *pirq;
    } guest[IRQ_MAX_GUESTS];
};

/*
 * Every external interrupt, from the entry stubs of vectors 0x20 to 0xff; regs->entry_vector.
 * Interrupts are off.
 */
void do_irq(struct cpu_user_regs *regs);

/*
 * Boot: descriptors and vectors, none in use; the legacy PIC moved away from the exceptions and
 * masked.
 */
void irq_init(void);

/* IO-APIC inputs 0..nr_gsis-1 exist; the numbers of interrupts of all kinds are below nr_irqs. */
extern unsigned int nr_gsis, nr_irqs;

/* The descriptor of @irq; NULL: no such interrupt. */
struct irq_desc *irq_get(unsigned int irq);
/* Names the controller of @irq; boot. */
void irq_set_controller(unsigned int irq, const struct irq_controller *controller);
/*
 * Gives @irq a vector if it has none and programs its controller. Lock held. -ENOSPC: no vector
 * left.
 */
int irq_program(struct irq_desc *desc);

/*
 * A number for a message, edge-triggered and served by @controller; -ENOSPC. The vector that it
 * gets stays with the number for good, so a late message meets a descriptor that is free, or at
 * worst another message's new owner.
 */
int irq_create(const struct irq_controller *controller);
/* Gives it back. Nobody uses it. */
void irq_destroy(unsigned int irq);

/*
 * Our own interrupt: programs and unmasks the line that ISA interrupt @isa_irq arrives on. @fn runs
 * in interrupt context. -EINVAL: no such line; -EBUSY: in use; -ENOSPC: no vector left.
 */
int irq_request_isa(unsigned int isa_irq, void (*fn)(void *arg), void *arg);

/*
 * Trigger mode and polarity of @irq as dom0 knows them from its own interpretation of the firmware.
 * -EINVAL: no such interrupt; -EEXIST: it was set up before; -ENOSPC: no vector left.
 */
int irq_setup_gsi(unsigned int irq, bool level, bool active_low);

/* Whom an interrupt goes to: the domain and a copy of its pirq. */
struct pirq_target {
    struct domain *domain;
    struct pirq pirq;
};

/*
 * pirq.c: accepts the interrupt for the guests bound to it: masks a level line, tells the local
 * APIC. Fills in at most IRQ_MAX_GUESTS targets and returns how many. Lock held.
 */
unsigned int irq_accept_for_guests(struct irq_desc *desc, struct pirq_target *targets);

#endif
