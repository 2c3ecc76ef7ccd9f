/* SPDX-License-Identifier: MIT */
/* The local APIC, through memory (xAPIC) or MSRs (x2APIC). Intel SDM volume 3, chapter 11. */
#ifndef ASM_APIC_H
#define ASM_APIC_H

#include <asm/io.h>
#include <asm/msr.h>

#define APIC_ID            0x20
#define APIC_VERSION       0x30
#define APIC_TPR           0x80
#define APIC_EOI           0xb0
#define APIC_SPIV          0xf0
#define APIC_ISR           0x100
#define APIC_ESR           0x280
#define APIC_ICR           0x300
#define APIC_ICR2          0x310
#define APIC_LVT_TIMER     0x320
#define APIC_LVT_THERMAL   0x330
#define APIC_LVT_PMC       0x340
#define APIC_LVT_LINT0     0x350
#define APIC_LVT_LINT1     0x360
#define APIC_LVT_ERROR     0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE  0x3e0

#define APIC_SPIV_ENABLE        0x100
#define APIC_LVT_MASKED         0x10000
#define APIC_LVT_NMI            0x400
#define APIC_LVT_TIMER_DEADLINE 0x40000
#define APIC_DIVIDE_BY_1        0xb
#define APIC_ICR_BUSY           0x1000
#define APIC_ICR_ASSERT         0x4000
#define APIC_ICR_NMI            0x400 /* delivery modes */
#define APIC_ICR_INIT           0x500
#define APIC_ICR_STARTUP        0x600

extern bool x2apic_enabled;
extern u8 *apic_base; /* registers in memory, when not x2apic_enabled */

static inline u32 apic_read(unsigned int reg)
{
    if (x2apic_enabled)
        return (u32)rdmsr(MSR_X2APIC_FIRST + (reg >> 4));
    return readl(apic_base + reg);
}

static inline void apic_write(unsigned int reg, u32 v)
{
    if (x2apic_enabled)
        wrmsr(MSR_X2APIC_FIRST + (reg >> 4), v);
    else
        writel(v, apic_base + reg);
}

static inline void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

/* Boot CPU: finds the APIC, chooses xAPIC or x2APIC. panic() when there is no APIC. */
void apic_init(bool no_x2apic);
/* Enables this CPU's local APIC with everything masked but NMI. */
void apic_cpu_init(void);
/* This CPU's APIC id. */
u32 apic_id(void);
/* Sends @vector to one CPU. */
void apic_send_ipi(u32 dest_apic_id, u8 vector);
/* Sends it an NMI. To be called only where no interrupt is being sent by this CPU. */
void apic_send_nmi(u32 dest_apic_id);
/*
 * Boot: resets a CPU, which then waits for a startup interrupt; and that interrupt, which starts it
 * in real mode at @page, a page below 1 MiB (Intel SDM volume 3, 9.4).
 */
void apic_send_init(u32 dest_apic_id);
void apic_send_startup(u32 dest_apic_id, u8 page);
/* Is @vector being served, that is, in this CPU's in-service register? */
bool apic_in_service(u8 vector);

#endif
