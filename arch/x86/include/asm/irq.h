/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors and hardware interrupts.
 *
 * A hardware interrupt ("irq") is a global system interrupt of ACPI, that is, an input of an
 * IO-APIC, or a message of a device, numbered after them. It is free, ours (a handler), or guests'
 * (a list of pirqs). Vectors are the same on all CPUs.
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
 * The operations of a kind of interrupt controller. They are called with the descriptor's lock held
 * and interrupts off.
 */
struct irq_controller {
    const char *name;
    void (*mask)(unsigned int irq);
    void (*unmask)(unsigned int irq);
    /* Programs vector, trigger mode, polarity and destination, masked. */
    void (*setup)(unsigned int irq, u8 vector, bool level, bool active_low);
    /* Programs another destination; what arrives meanwhile goes to either. */
    void (*redirect)(unsigned int irq);
};

#define IRQ_MAX_GUESTS 8U /* domains that share one line */

enum irq_use { IRQ_FREE, IRQ_OURS, IRQ_GUEST };

struct irq_desc {
    spinlock_t lock;                         /* RANK_IRQ */
    const struct irq_controller *controller; /* NULL: no such interrupt */
    u8 vector;                               /* 0: none assigned */
    bool level, active_low;
    enum irq_use use;
    unsigned int cpu; /* where it arrives */
    unsigned int
        astray; /* how often it arrived elsewhere than at its vCPU, since the last change */
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
 * Serves every external interrupt: the entry stubs of vectors 0x20 to 0xff call it with interrupts
 * off and the vector in regs->entry_vector.
 */
void do_irq(struct cpu_user_regs *regs);

/*
 * Boot: makes descriptors and vectors, of which none is in use; moves the legacy PIC away from the
 * exceptions and masks it.
 */
void irq_init(void);

/* IO-APIC inputs 0..nr_gsis-1 exist; the numbers of interrupts of all kinds are below nr_irqs. */
extern unsigned int nr_gsis, nr_irqs;

/* @return the descriptor of @irq; NULL: no such interrupt */
struct irq_desc *irq_get(unsigned int irq);
/* @return the id of the local APIC that @irq, which exists, is to be sent to */
u32 irq_destination(unsigned int irq);
/*
 * This CPU, whose state is CPU_LEAVING, gets no interrupts of devices any longer: CPU 0 gets them.
 * Those that are under way still arrive here.
 */
void irq_leave_cpu(void);
/* Boot: names the controller of @irq. */
void irq_set_controller(unsigned int irq, const struct irq_controller *controller);
/*
 * Gives @desc a vector if it has none and programs its controller. Locks: the descriptor's is held.
 * @return 0; -XEN_ENOSPC: no vector is left
 */
int irq_program(struct irq_desc *desc);

/*
 * Takes a number for a message, which is edge-triggered and served by @controller. The vector that
 * the number gets stays with it, so a late message meets a descriptor that is free, or at worst
 * another message's new owner.
 * @return the number; -XEN_ENOSPC
 */
int irq_create(const struct irq_controller *controller);
/* Gives the number back. It is not in use any longer. */
void irq_destroy(unsigned int irq);

/*
 * Takes an interrupt for ourselves: programs and unmasks the line that ISA interrupt @isa_irq
 * arrives on. @fn runs in interrupt context.
 * @return 0; -XEN_EINVAL: no such line; -XEN_EBUSY: in use; -XEN_ENOSPC: no vector is left
 */
int irq_request_isa(unsigned int isa_irq, void (*fn)(void *arg), void *arg);

/*
 * Sets trigger mode and polarity of @irq, which dom0 knows from its own interpretation of the
 * firmware.
 * @return 0; -XEN_EINVAL: no such interrupt; -XEN_EEXIST: it was set up before; -XEN_ENOSPC: no
 * vector is left
 */
int irq_setup_gsi(unsigned int irq, bool level, bool active_low);

/* A domain that an interrupt goes to, and a copy of its pirq. */
struct pirq_target {
    struct domain *domain;
    struct pirq pirq;
};

/*
 * Accepts the interrupt for the guests bound to it: masks a level line, tells the local APIC.
 * Locks: the descriptor's is held. (pirq.c)
 * @targets: receives at most IRQ_MAX_GUESTS of them
 * @return how many
 */
unsigned int irq_accept_for_guests(struct irq_desc *desc, struct pirq_target *targets);

#endif
