/* SPDX-License-Identifier: MIT */
/*
 * Where the kernel begins: the ELF notes that make an image loadable, the hypercall page, and the
 * entry point with its stack.
 *
 * At entry (public/arch-x86/xen.h): rsi holds the address of start_info, cs/ss/ds are the
 * hypervisor's flat selectors, rsp is a small stack of the builder's that we leave at once.
 */
#include <public/elfnote.h>
#include <public/features.h>

#define BOOT_STACK_SIZE 32768

    .section .text.hypercall_page, "ax"
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096, 0x90

    .text
    .globl guest_entry
guest_entry:
    /* Keep the registers' values, for boot_registers (guest.h). */
    mov %rax, boot_registers + 8 * 10(%rip)
    lea boot_registers(%rip), %rax
    mov %r15, 0(%rax)
    mov %r14, 8(%rax)
    mov %r13, 16(%rax)
    mov %r12, 24(%rax)
    mov %rbp, 32(%rax)
    mov %rbx, 40(%rax)
    mov %r11, 48(%rax)
    mov %r10, 56(%rax)
    mov %r9, 64(%rax)
    mov %r8, 72(%rax)
    mov %rcx, 88(%rax)
    mov %rdx, 96(%rax)
    mov %rsi, 104(%rax)
    mov %rdi, 112(%rax)
    mov %cs, 144(%rax)
    mov %rsp, 160(%rax)
    mov %ss, 168(%rax)
    pushf
    pop 152(%rax)
    cld
    lea boot_stack_end(%rip), %rsp
    xor %ebp, %ebp
    push %rbp
    mov %rsi, %rdi
    push %rbp
    call guest_start
    ud2

    .bss
    .balign 16
boot_stack:
    .skip BOOT_STACK_SIZE
boot_stack_end:

    .globl boot_registers
    .balign 8
boot_registers:
    .skip 22 * 8

/* One ELF note: name "Xen", a type from public/elfnote.h, and its value. */
.macro xen_note type, kind, value:vararg
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \kind \value
2:  .balign 4
.endm

    xen_note XEN_ELFNOTE_GUEST_OS, .asciz, "pv-guest"
    xen_note XEN_ELFNOTE_GUEST_VERSION, .asciz, "1"
    xen_note XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
    xen_note XEN_ELFNOTE_VIRT_BASE, .quad, KERNEL_BASE
    xen_note XEN_ELFNOTE_PADDR_OFFSET, .quad, 0
    xen_note XEN_ELFNOTE_ENTRY, .quad, guest_entry
    xen_note XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page
    xen_note XEN_ELFNOTE_FEATURES, .asciz, "!writable_page_tables|pae_pgdir_above_4gb"
    xen_note XEN_ELFNOTE_SUPPORTED_FEATURES, .long, \
        (1 << XENFEAT_pae_pgdir_above_4gb) | (1 << XENFEAT_dom0)
    xen_note XEN_ELFNOTE_PAE_MODE, .asciz, "yes"
    xen_note XEN_ELFNOTE_LOADER, .asciz, "generic"
