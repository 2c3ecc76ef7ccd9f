/* SPDX-License-Identifier: MIT */
/*
 * Interrupt vectors and hardware interrupts.
 *
 * A hardware interrupt ("irq") is a global system interrupt of ACPI, an input of an IO-APIC; later also a message of a
 * device, numbered after them. It is free, ours (a handler), or guests' (a list of pirqs). Vectors are the same on
 * all CPUs.
 */
#ifndef ASM_IRQ_H
#define ASM_IRQ_H

#include <types.h>

#define NR_ISA_IRQS 16U
#define MAX_IRQS    256U /* inputs of all IO-APICs and, after them, messages */

/* Vectors. 0x20-0x2f take what a confused legacy PIC may still send; 0x80 and 0x82 are software interrupts of guests. */
#define PIC_FIRST_VECTOR      0x20
#define FIRST_DYNAMIC_VECTOR  0x30
#define LAST_DYNAMIC_VECTOR   0xef
#define LEGACY_SYSCALL_VECTOR 0x80
#define HYPERCALL_VECTOR      0x82
#define TIMER_VECTOR          0xfa
#define IPI_FLUSH_VECTOR      0xfc /* TLB flush; to be sent by tlb.c once other CPUs run */
#define IPI_EVENT_VECTOR      0xfd
#define ERROR_VECTOR          0xfe
#define SPURIOUS_VECTOR       0xff

struct cpu_user_regs;
struct irq_desc;

/* How a kind of interrupt controller is told. Called with the descriptor's lock held, interrupts off. */
struct irq_controller {
    const char *name;
    void (*mask)(unsigned int irq);
    void (*unmask)(unsigned int irq);
    /* Programs vector, trigger mode, polarity and destination, masked. */
    void (*setup)(unsigned int irq, u8 vector, bool level, bool active_low);
};

/* Every external interrupt, from the entry stubs of vectors 0x20 to 0xff; regs->entry_vector. Interrupts are off. */
void do_irq(struct cpu_user_regs *regs);

/* Boot. */
void irq_init(void);
void pic_init(void); /* the legacy PIC: out of the way of exceptions, all masked */

/* IO-APIC inputs 0..nr_gsis-1 exist; physical interrupts of all kinds are below nr_irqs. */
extern unsigned int nr_gsis, nr_irqs;

/* Names the controller of @irq; boot. */
void irq_set_controller(unsigned int irq, const struct irq_controller *ctl);

/*
 * Our own interrupt: allocates a vector, programs and unmasks the line that ISA interrupt @isa_irq arrives on.
 * @fn runs in interrupt context. -EINVAL: no such line; -EBUSY: in use; -ENOSPC: no vector left.
 */
int irq_request_isa(unsigned int isa_irq, void (*fn)(void *arg), void *arg);

/*
 * Trigger mode and polarity of GSI @irq as the firmware or dom0 knows them. Changes nothing while the interrupt is in
 * use. -EINVAL, -EBUSY, -ENOSPC.
 */
int irq_setup_gsi(unsigned int irq, bool level, bool active_low);
/* The vector of @irq, allocated now if it has none; 0: no vector left. */
u8 irq_assign_vector(unsigned int irq);
/* Is it one of ours, which no guest may have? */
bool irq_is_ours(unsigned int irq);
/* Is it bound to more than one guest? */
bool irq_is_shared(unsigned int irq);

#endif
