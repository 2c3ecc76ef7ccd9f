/* SPDX-License-Identifier: MIT */
/* A call on another stack. */

        .section .init.text, "ax"

/*
 * long call_on_stack(long (*fn)(void *arg), void *arg, void *stack); the ABI's alignment is made
 * here.
 */
        .globl call_on_stack
call_on_stack:
        push    %rbp
        mov     %rsp, %rbp
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsp
        and     $-16, %rsp
        call    *%rax
        leave
        ret
