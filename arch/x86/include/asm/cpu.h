/* SPDX-License-Identifier: MIT */
/* The architecture's part of struct cpu. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <asm/watchdog.h>
#include <cpumask.h>

struct vcpu;

struct tss64 {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 iomap_base;
} __attribute__((packed, aligned(8)));

/* What a CPU asks others to flush (tlb.c). It waits until ->unanswered is empty. */
struct flush_request {
    u32 kind;
    unsigned long va;
    cpumask_t unanswered; /* each CPU takes its own bit out */
};

struct arch_cpu {
    u32 apic_id;
    u64 *gdt; /* this CPU's page of reserved descriptors (GDT pages 14 and 15) */
    struct tss64 *tss;
    u64 xcr0; /* loaded now */
    unsigned long cr4;
    u32 tlb_stamp;    /* TLB clock at the last full flush; read by others */
    bool on_own_root; /* idle, since a full flush: holds no translation of a guest's */
    struct flush_request flush;
    cpumask_t flush_askers; /* CPUs whose requests this one has not answered yet; set by them */
    u32 flush_asked;        /* 1: it has to look at the askers, and was interrupted for that */
    struct watchdog_cpu watchdog;
    unsigned long stopped_at; /* RIP when smp_stop_others() stopped it; 0: not yet */
    unsigned long loaded_ldt; /* entries << 48 | base of the loaded LDT; 0: none */
};

#endif
