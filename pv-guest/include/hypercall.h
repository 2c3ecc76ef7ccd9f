/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: one inline function each, named after the call, over the hypercall page that the
 * hypervisor fills at load time.
 *
 * All return what the hypervisor returned: 0 or a count, or a negative errno (errno.h's numbers).
 */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include <public/callback.h>
#include <public/event_channel.h>
#include <public/grant_table.h>
#include <public/memory.h>
#include <public/physdev.h>
#include <public/sched.h>
#include <public/vcpu.h>
#include <public/version.h>
#include <public/xen.h>
#include <stdint.h>

extern char hypercall_page[];

/* The page holds one 32-byte stub per number. Arguments go where the ABI says: rdi rsi rdx r10 r8
 * r9; all of them may be changed by the call. */
#define HYPERCALL_TARGET(nr) "call hypercall_page + %c[offset]"

static inline __attribute__((always_inline)) long hypercall0(unsigned int nr)
{
    long result;

    asm volatile(HYPERCALL_TARGET(nr)
                 : "=a"(result)
                 : [offset] "i"(nr * 32)
                 : "rdi", "rsi", "rdx", "r10", "r8", "r9", "rcx", "r11", "memory");
    return result;
}

static inline __attribute__((always_inline)) long hypercall1(unsigned int nr, unsigned long a1)
{
    long result;

    asm volatile(HYPERCALL_TARGET(nr)
                 : "=a"(result), "+D"(a1)
                 : [offset] "i"(nr * 32)
                 : "rsi", "rdx", "r10", "r8", "r9", "rcx", "r11", "memory");
    return result;
}

static inline __attribute__((always_inline)) long hypercall2(unsigned int nr, unsigned long a1,
                                                             unsigned long a2)
{
    long result;

    asm volatile(HYPERCALL_TARGET(nr)
                 : "=a"(result), "+D"(a1), "+S"(a2)
                 : [offset] "i"(nr * 32)
                 : "rdx", "r10", "r8", "r9", "rcx", "r11", "memory");
    return result;
}

static inline __attribute__((always_inline)) long hypercall3(unsigned int nr, unsigned long a1,
                                                             unsigned long a2, unsigned long a3)
{
    long result;

    asm volatile(HYPERCALL_TARGET(nr)
                 : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3)
                 : [offset] "i"(nr * 32)
                 : "r10", "r8", "r9", "rcx", "r11", "memory");
    return result;
}

static inline __attribute__((always_inline)) long hypercall4(unsigned int nr, unsigned long a1,
                                                             unsigned long a2, unsigned long a3,
                                                             unsigned long a4)
{
    register unsigned long r10 asm("r10") = a4;
    long result;

    asm volatile(HYPERCALL_TARGET(nr)
                 : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10)
                 : [offset] "i"(nr * 32)
                 : "r8", "r9", "rcx", "r11", "memory");
    return result;
}

/* Any number, chosen at run time, with all six argument registers: for tests. */
static inline long hypercall_any(unsigned int nr, unsigned long a1, unsigned long a2,
                                 unsigned long a3, unsigned long a4, unsigned long a5,
                                 unsigned long a6)
{
    register unsigned long r10 asm("r10") = a4;
    register unsigned long r8 asm("r8") = a5;
    register unsigned long r9 asm("r9") = a6;
    long result = nr;

    asm volatile("syscall"
                 : "+a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8), "+r"(r9)
                 :
                 : "rcx", "r11", "memory");
    return result;
}

static inline long hypercall_set_trap_table(const trap_info_t *table)
{
    return hypercall1(__HYPERVISOR_set_trap_table, (unsigned long)table);
}

static inline long hypercall_mmu_update(const mmu_update_t *requests, unsigned int count,
                                        unsigned int *done, domid_t domid)
{
    return hypercall4(__HYPERVISOR_mmu_update, (unsigned long)requests, count, (unsigned long)done,
                      domid);
}

static inline long hypercall_set_gdt(const unsigned long *frames, unsigned int entries)
{
    return hypercall2(__HYPERVISOR_set_gdt, (unsigned long)frames, entries);
}

static inline long hypercall_stack_switch(unsigned long ss, unsigned long sp)
{
    return hypercall2(__HYPERVISOR_stack_switch, ss, sp);
}

static inline long hypercall_set_callbacks(unsigned long event, unsigned long failsafe,
                                           unsigned long syscall)
{
    return hypercall3(__HYPERVISOR_set_callbacks, event, failsafe, syscall);
}

static inline long hypercall_fpu_taskswitch(int set)
{
    return hypercall1(__HYPERVISOR_fpu_taskswitch, (unsigned long)set);
}

static inline long hypercall_platform_op(void *op)
{
    return hypercall1(__HYPERVISOR_platform_op, (unsigned long)op);
}

static inline long hypercall_set_debugreg(int reg, unsigned long value)
{
    return hypercall2(__HYPERVISOR_set_debugreg, (unsigned long)reg, value);
}

static inline long hypercall_get_debugreg(int reg)
{
    return hypercall1(__HYPERVISOR_get_debugreg, (unsigned long)reg);
}

static inline long hypercall_update_descriptor(uint64_t maddr, uint64_t descriptor)
{
    return hypercall2(__HYPERVISOR_update_descriptor, maddr, descriptor);
}

static inline long hypercall_memory_op(unsigned int op, void *argument)
{
    return hypercall2(__HYPERVISOR_memory_op, op, (unsigned long)argument);
}

static inline long hypercall_multicall(multicall_entry_t *calls, unsigned int count)
{
    return hypercall2(__HYPERVISOR_multicall, (unsigned long)calls, count);
}

static inline long hypercall_update_va_mapping(const void *va, uint64_t pte, unsigned long flags)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, (unsigned long)va, pte, flags);
}

static inline long hypercall_update_va_mapping_otherdomain(const void *va, uint64_t pte,
                                                           unsigned long flags, domid_t domid)
{
    return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, (unsigned long)va, pte, flags,
                      domid);
}

static inline long hypercall_set_timer_op(uint64_t deadline)
{
    return hypercall1(__HYPERVISOR_set_timer_op, deadline);
}

static inline long hypercall_xen_version(unsigned int op, void *argument)
{
    return hypercall2(__HYPERVISOR_xen_version, op, (unsigned long)argument);
}

static inline long hypercall_console_io(unsigned int op, unsigned int count, void *buffer)
{
    return hypercall3(__HYPERVISOR_console_io, op, count, (unsigned long)buffer);
}

static inline long hypercall_grant_table_op(unsigned int op, void *argument, unsigned int count)
{
    return hypercall3(__HYPERVISOR_grant_table_op, op, (unsigned long)argument, count);
}

static inline long hypercall_vm_assist(unsigned int command, unsigned int type)
{
    return hypercall2(__HYPERVISOR_vm_assist, command, type);
}

static inline long hypercall_vcpu_op(unsigned int op, unsigned int vcpu, void *argument)
{
    return hypercall3(__HYPERVISOR_vcpu_op, op, vcpu, (unsigned long)argument);
}

static inline long hypercall_set_segment_base(unsigned int which, unsigned long value)
{
    return hypercall2(__HYPERVISOR_set_segment_base, which, value);
}

static inline long hypercall_mmuext_op(const struct mmuext_op *ops, unsigned int count,
                                       unsigned int *done, domid_t domid)
{
    return hypercall4(__HYPERVISOR_mmuext_op, (unsigned long)ops, count, (unsigned long)done,
                      domid);
}

static inline long hypercall_sched_op(unsigned int op, void *argument)
{
    return hypercall2(__HYPERVISOR_sched_op, op, (unsigned long)argument);
}

static inline long hypercall_callback_op(unsigned int op, const void *argument)
{
    return hypercall2(__HYPERVISOR_callback_op, op, (unsigned long)argument);
}

static inline long hypercall_event_channel_op(unsigned int op, void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, op, (unsigned long)argument);
}

static inline long hypercall_physdev_op(unsigned int op, void *argument)
{
    return hypercall2(__HYPERVISOR_physdev_op, op, (unsigned long)argument);
}

static inline long hypercall_sysctl(void *op)
{
    return hypercall1(__HYPERVISOR_sysctl, (unsigned long)op);
}

static inline long hypercall_domctl(void *op)
{
    return hypercall1(__HYPERVISOR_domctl, (unsigned long)op);
}

#endif
