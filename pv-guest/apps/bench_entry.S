/* SPDX-License-Identifier: MIT */
/*
 * The benchmark's own entries from the hypervisor: the least that a kernel can do before it
 * returns, so that the figures are the hypervisor's. See x86_64/entry.S for the frames.
 */
#include <public/xen.h>

#define IRET_STUB (hypercall_page + __HYPERVISOR_iret * 32)

    .text

/* Invalid opcode: step over a two-byte instruction. */
    .globl bench_invalid_opcode
bench_invalid_opcode:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    addq $2, 16(%rsp)
    movq $0, 8(%rsp)
    add $8, %rsp
    jmp IRET_STUB

/* Page fault, with its error code: step over a three-byte instruction. */
    .globl bench_page_fault
bench_page_fault:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    addq $3, 24(%rsp)
    movq $0, 16(%rsp)
    add $16, %rsp
    jmp IRET_STUB

/* System call from user mode: back at once. */
    .globl bench_syscall
bench_syscall:
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    movq $0, 8(%rsp)
    add $8, %rsp
    jmp IRET_STUB

/* Event: take it back, and return. bench_vcpu_info and bench_pending say where its bits are. */
    .globl bench_event
bench_event:
    mov bench_vcpu_info(%rip), %rcx
    movb $0, (%rcx)                     /* evtchn_upcall_pending */
    movq $0, 8(%rcx)                    /* evtchn_pending_sel */
    mov bench_pending(%rip), %rcx
    movq $0, (%rcx)
    incq bench_events(%rip)
    mov (%rsp), %rcx
    mov 8(%rsp), %r11
    movq $0, 8(%rsp)
    add $8, %rsp
    jmp IRET_STUB

    .data
    .globl bench_vcpu_info, bench_pending, bench_events
bench_vcpu_info: .quad 0
bench_pending: .quad 0
bench_events: .quad 0

/* What runs in user mode: rdi system calls, then an exception that ends it. */
    .section .rodata
    .globl bench_user_code, bench_user_code_size
bench_user_code:
1:  syscall
    dec %rdi
    jnz 1b
    ud2
2:
    .balign 8
bench_user_code_size: .quad 2b - bench_user_code
