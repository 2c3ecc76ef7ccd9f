/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: the trap table, and a hook by which tests handle those that they expect.
 *
 * All exceptions of the kernel run on the stack that was interrupted. Unexpected ones print the
 * registers and crash the domain.
 */
#ifndef TRAPS_H
#define TRAPS_H

#include <stdbool.h>
#include <stdint.h>

#define TRAP_DIVIDE         0
#define TRAP_DEBUG          1
#define TRAP_NMI            2
#define TRAP_BREAKPOINT     3
#define TRAP_OVERFLOW       4
#define TRAP_BOUNDS         5
#define TRAP_INVALID_OPCODE 6
#define TRAP_NO_DEVICE      7
#define TRAP_DOUBLE_FAULT   8
#define TRAP_INVALID_TSS    10
#define TRAP_NO_SEGMENT     11
#define TRAP_STACK          12
#define TRAP_GP             13
#define TRAP_PAGE_FAULT     14
#define TRAP_X87            16
#define TRAP_ALIGNMENT      17
#define TRAP_MACHINE_CHECK  18
#define TRAP_SIMD           19
#define TRAP_SYSCALL        0x100 /* syscall instruction (also syscall32 and sysenter callbacks) */
#define TRAP_SYSCALL32      0x101 /* syscall from compatibility mode */
#define TRAP_SYSENTER       0x102 /* sysenter from compatibility mode */
#define TRAP_FAILSAFE       0x103 /* the failsafe callback */
#define TRAP_INT80          0x80  /* int $0x80 */

/* Registers as saved at entry; changing them changes what the return restores. */
struct registers {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t vector;     /* TRAP_* */
    uint64_t error_code; /* 0 where the exception has none */
    uint64_t rip, cs, rflags, rsp, ss;
};

/* Whether the interrupted code was in user mode. */
static inline bool registers_from_user(const struct registers *regs)
{
    return (regs->cs & 3) == 3;
}

/* The faulting address of the last page fault on this vCPU. */
uint64_t trap_fault_address(void);

/*
 * Called for each exception from kernel mode before the default handling.
 * @return true when handled: execution continues with @regs.
 */
typedef bool (*trap_hook)(struct registers *regs);

/* Installs a hook (NULL: none) for the calling vCPU. @return the one before. */
trap_hook trap_set_hook(trap_hook hook);

/* What trap_catch() saw. */
struct trap_report {
    bool trapped;
    struct registers regs; /* as at the exception */
    uint64_t address;      /* page faults: CR2 */
};

/*
 * Calls `function(argument)` and catches the first exception in it.
 * After an exception execution continues behind the call, with callee-saved registers as before it.
 * @return whether there was one; @report (may be NULL) says which.
 */
bool trap_catch(void (*function)(void *), void *argument, struct trap_report *report);

#endif
