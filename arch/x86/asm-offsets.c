/* SPDX-License-Identifier: MIT */
/* Numbers of C that entry.S needs; see mk/asm-offsets-macros.h. */
#include <asm-offsets-macros.h>
#include <asm/current.h>
#include <domain.h>
#include <hypercall.h>

void asm_offsets(void);

void asm_offsets(void)
{
    OFFSET(REGS_R15, struct cpu_user_regs, r15);
    OFFSET(REGS_R14, struct cpu_user_regs, r14);
    OFFSET(REGS_R13, struct cpu_user_regs, r13);
    OFFSET(REGS_R12, struct cpu_user_regs, r12);
    OFFSET(REGS_RBP, struct cpu_user_regs, rbp);
    OFFSET(REGS_RBX, struct cpu_user_regs, rbx);
    OFFSET(REGS_R11, struct cpu_user_regs, r11);
    OFFSET(REGS_R10, struct cpu_user_regs, r10);
    OFFSET(REGS_R9, struct cpu_user_regs, r9);
    OFFSET(REGS_R8, struct cpu_user_regs, r8);
    OFFSET(REGS_RAX, struct cpu_user_regs, rax);
    OFFSET(REGS_RCX, struct cpu_user_regs, rcx);
    OFFSET(REGS_RDX, struct cpu_user_regs, rdx);
    OFFSET(REGS_RSI, struct cpu_user_regs, rsi);
    OFFSET(REGS_RDI, struct cpu_user_regs, rdi);
    OFFSET(REGS_ERROR_CODE, struct cpu_user_regs, error_code);
    OFFSET(REGS_VECTOR, struct cpu_user_regs, entry_vector);
    OFFSET(REGS_RIP, struct cpu_user_regs, rip);
    OFFSET(REGS_CS, struct cpu_user_regs, cs);
    OFFSET(REGS_RFLAGS, struct cpu_user_regs, rflags);
    OFFSET(REGS_RSP, struct cpu_user_regs, rsp);
    OFFSET(REGS_SS, struct cpu_user_regs, ss);
    OFFSET(REGS_FRAME_END, struct cpu_user_regs, es);

    SIZEOF(CPUINFO_SIZE, struct cpu_info);
    OFFSET(CPUINFO_PENDING, struct cpu_info, softirq_pending);
    OFFSET(CPUINFO_VCPU, struct cpu_info, vcpu);

    OFFSET(VCPU_INFO, struct vcpu, info);
    OFFSET(VCPU_FLAGS, struct vcpu, arch.flags);

    DEFINE(HYPERCALLS, NR_HYPERCALLS);
    DEFINE(SYSCALL_STUBS, 2 * NR_CPUS);
}
