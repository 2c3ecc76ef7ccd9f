/* SPDX-License-Identifier: MIT */
/*
 * Entries from guest mode and the way back: what assembly and C agree on.
 *
 * Every entry from guest mode ends with the guest's whole register frame in cpu_info.guest_regs and
 * the stack pointer at that frame. cpu_user_regs.error_code holds FRAME_SYSCALL when RCX and R11
 * need not be returned: then the way back is SYSRET, whose RCX and R11 are RIP and RFLAGS. Such a
 * frame has the flat 64-bit selectors.
 */
#ifndef ASM_ENTRY_H
#define ASM_ENTRY_H

#define FRAME_SYSCALL 0x40000000 /* hardware error codes have 16 bits */

/* SYSCALL clears these in RFLAGS: IF, DF, TF, NT, AC, IOPL, RF, VM. */
#define SYSCALL_FLAGS_MASK 0x77700

#ifndef __ASSEMBLY__
#include <asm/current.h>
#include <lib.h>

/*
 * Leaves to the guest whose frame is in guest_regs(), through the checks for pending work.
 * (entry.S)
 */
void exit_to_guest(void) __noreturn;

/* Continues at @fn with an empty main stack. */
#define reset_stack_and_jump(fn)                                                             \
    do {                                                                                     \
        __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\tjmp *%1" ::"r"(guest_regs()), \
                         "r"(fn)                                                             \
                         : "memory");                                                        \
        __builtin_unreachable();                                                             \
    } while (0)

/*
 * Sets up descriptor tables and entry points of the CPU that it runs on. On the boot CPU
 * trap_init() calls it.
 */
void trap_cpu_init(void);

/* Prints @regs on the console. */
void show_registers(const struct cpu_user_regs *regs);
#endif

#endif
