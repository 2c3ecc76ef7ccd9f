/* SPDX-License-Identifier: MIT */
/*
 * Entries from the hypervisor: exceptions, system calls, failsafe, and the event upcall; and the
 * way back, the iret hypercall.
 *
 * The hypervisor pushes, from low to high address:
 *
 *     rcx  r11  [error code]  rip  cs  rflags  rsp  ss
 *
 * cs has RPL 0 when kernel mode was interrupted, 3 for user mode. Exceptions and system calls save
 * a full struct registers (pv-guest/include/traps.h); the upcall saves only what C code may change.
 *
 * The iret hypercall wants a frame of (rax r11 rcx) flags rip cs rflags rsp ss; its stub in the
 * hypercall page pushes the three in parentheses. It restores the event mask from rflags.IF, and
 * delivers what became pending, so that enabling events and returning is one step.
 */
#include <public/xen.h>

#define IRET_STUB (hypercall_page + __HYPERVISOR_iret * 32)

    .text

/* Exceptions without and with an error code. */
.macro trap_entry name, vector
    .globl \name
    .balign 16
\name:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    movq $0, 8(%rsp)        /* in place of the error code */
    movq $\vector, (%rsp)
    jmp trap_common
.endm

.macro trap_entry_error name, vector
    .globl \name
    .balign 16
\name:
    pop %rcx
    mov (%rsp), %r11
    movq $\vector, (%rsp)
    jmp trap_common
.endm

    trap_entry trap_divide, 0
    trap_entry trap_debug, 1
    trap_entry trap_nmi, 2
    trap_entry trap_breakpoint, 3
    trap_entry trap_overflow, 4
    trap_entry trap_bounds, 5
    trap_entry trap_invalid_opcode, 6
    trap_entry trap_no_device, 7
    trap_entry_error trap_double_fault, 8
    trap_entry_error trap_invalid_tss, 10
    trap_entry_error trap_no_segment, 11
    trap_entry_error trap_stack, 12
    trap_entry_error trap_gp, 13
    trap_entry_error trap_page_fault, 14
    trap_entry trap_x87, 16
    trap_entry_error trap_alignment, 17
    trap_entry trap_machine_check, 18
    trap_entry trap_simd, 19
    trap_entry trap_int80, 0x80
    trap_entry trap_syscall, 0x100
    trap_entry trap_syscall32, 0x101
    trap_entry trap_sysenter, 0x102

/* The failsafe frame has ds es fs gs between r11 and rip; what they should have been is of no use
 * in a 64-bit kernel. */
    .globl trap_failsafe
    .balign 16
trap_failsafe:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    add $0x20, %rsp
    movq $0, 8(%rsp)
    movq $0x103, (%rsp)

trap_common:
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call trap_dispatch
    mov %rbx, %rsp
restore_registers:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
    add $8, %rsp
    movq $0, (%rsp)         /* the error code's place becomes iret's flags */
    jmp IRET_STUB

/* Events: events are masked here until iret. */
    .globl event_entry
    .balign 16
event_entry:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    movq $0, 8(%rsp)        /* iret's flags */
    mov %rbp, (%rsp)
    mov %rsp, %rbp
    push %rcx
    push %r11
    push %rax
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    cld
    and $-16, %rsp
    call event_upcall
    lea -72(%rbp), %rsp
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rax
    pop %r11
    pop %rcx
    pop %rbp
    jmp IRET_STUB

/*
 * void user_enter(struct registers *regs, uint64_t *frame): leave for user mode. trap_dispatch()
 * comes back through user_leave(*frame), which returns from here.
 */
    .globl user_enter
user_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rsi)
    mov %rdi, %rbx
    mov $FLAT_KERNEL_SS, %edi
    mov %rsp, %rsi
    call hypercall_page + __HYPERVISOR_stack_switch * 32
    sub $22 * 8, %rsp
    mov %rbx, %rsi
    mov %rsp, %rdi
    mov $22, %ecx
    rep movsq
    jmp restore_registers

    .globl user_leave
user_leave:
    mov %rdi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/*
 * int catch_call(void (*function)(void *), void *argument, uint64_t *stack): call and return 0;
 * going to catch_resume with rsp = *stack makes it return 1.
 */
    .globl catch_call, catch_resume
catch_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $8, %rsp
    mov %rsp, (%rdx)
    mov %rdi, %rax
    mov %rsi, %rdi
    call *%rax
    xor %eax, %eax
    jmp 1f
catch_resume:
    mov $1, %eax
1:  add $8, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* void thread_switch(uint64_t *save, uint64_t load): continue on another thread's stack. Called
 * like a function, so only callee-saved registers matter; SSE registers are caller-saved. */
    .globl thread_switch
thread_switch:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* First instruction of a secondary vCPU; rdi is its record, its stack is set. */
    .globl vcpu_entry
vcpu_entry:
    xor %ebp, %ebp
    call vcpu_main
    ud2
