/* SPDX-License-Identifier: MIT */
/* The architecture's part of struct cpu. */
#ifndef ASM_CPU_H
#define ASM_CPU_H

#include <types.h>

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

struct arch_cpu {
    u32 apic_id;
    u64 *gdt; /* this CPU's page of reserved descriptors (GDT pages 14 and 15) */
    struct tss64 *tss;
    u64 xcr0; /* loaded now */
    unsigned long
        cr3; /* of the last context switch; a vCPU changes between its two roots by itself */
    unsigned long cr4;
    u32 tlb_stamp;            /* TLB clock at the last full flush; read by others */
    unsigned long loaded_ldt; /* entries << 48 | base of the loaded LDT; 0: none */
};

#endif
