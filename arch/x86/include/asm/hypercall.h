/* SPDX-License-Identifier: MIT */
/* Hypercalls as registers: number in RAX, arguments in RDI, RSI, RDX, R10, R8, R9. */
#ifndef ASM_HYPERCALL_H
#define ASM_HYPERCALL_H

#include <asm/current.h>

#define SYSCALL_BYTES 2U

/* @return the hypercall number that the guest put into RAX */
static inline unsigned long hypercall_number(void)
{
    return guest_regs()->rax;
}

/*
 * Arranges that the guest executes its SYSCALL again with other arguments. The caller's result must
 * be @op, since it ends up in RAX.
 */
static inline void hypercall_restart(unsigned int op, const unsigned long *args, unsigned int nargs)
{
    struct cpu_user_regs *regs = guest_regs();

    regs->rax = op;
    regs->rip -= SYSCALL_BYTES;
    switch (nargs) {
    case 6:
        regs->r9 = args[5];
        __attribute__((fallthrough));
    case 5:
        regs->r8 = args[4];
        __attribute__((fallthrough));
    case 4:
        regs->r10 = args[3];
        __attribute__((fallthrough));
    case 3:
        regs->rdx = args[2];
        __attribute__((fallthrough));
    case 2:
        regs->rsi = args[1];
        __attribute__((fallthrough));
    case 1:
        regs->rdi = args[0];
        break;
    default:
        break;
    }
}

#endif
