/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of every CPU but the boot CPU: from real mode, in which the startup
 * interrupt begins it at the start of a page below 1 MiB, to secondary_start() in long mode.
 *
 * boot/secondary.c copies the piece between trampoline_start and trampoline_end there and fills in
 * its address. It runs on head.S's tables, which map the first 4 GiB at address 0 and our image;
 * then on our own root and on the CPU's own stack. (Intel SDM volume 3, 9.4 and 10.8.5)
 */
#include <asm/config.h>

#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define CR0_PG_WP_PE 0x80010001
#define CR4_PAE 0x20
#define BOOT_CS 0x08
#define BOOT_DS 0x10

/* An address in the copy, whose start CS and DS have as their base. */
#define HERE(sym) ((sym) - trampoline_start)

        .section .init.text, "ax"
        .globl  trampoline_start, trampoline_end
        .globl  trampoline_gdt_base, trampoline_long_mode, trampoline_64
        .balign 16
        .code16
trampoline_start:
        cli
        cld
        mov     %cs, %ax
        mov     %ax, %ds
        lgdtl   HERE(gdt_pointer)
        mov     $CR4_PAE, %eax
        mov     %eax, %cr4
        mov     $early_l4 - HV_TEXT_START, %eax
        mov     %eax, %cr3
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $EFER_LME_NXE, %eax     /* our own tables use NX */
        wrmsr
        mov     $CR0_PG_WP_PE, %eax     /* and switches the caches on */
        mov     %eax, %cr0
        ljmpl   *HERE(trampoline_long_mode)

        .code64
trampoline_64:
        movabs  $secondary_64, %rax
        jmp     *%rax

        .balign 8
gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* BOOT_CS: 64-bit code */
        .quad   0x00cf93000000ffff      /* BOOT_DS */
gdt_pointer:
        .short  gdt_pointer - gdt - 1
trampoline_gdt_base:
        .long   HERE(gdt)               /* + the address of the copy */
        .balign 4
trampoline_long_mode:
        .long   HERE(trampoline_64)     /* + the address of the copy */
        .short  BOOT_CS
trampoline_end:

        .balign 16
secondary_64:
        mov     $BOOT_DS, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %ss
        xor     %ecx, %ecx
        mov     %ecx, %fs
        mov     %ecx, %gs
        lldt    %cx
        lgdt    boot_gdt_pointer_high(%rip)     /* the copy's goes out of sight with CR3 */
        lea     hv_l4(%rip), %rax
        movabs  $HV_TEXT_START, %rcx
        sub     %rcx, %rax
        mov     %rax, %cr3
        mov     secondary_stack(%rip), %rsp
        xor     %ebp, %ebp                      /* ends every backtrace */
        push    %rbp
        push    %rbp
        call    secondary_start
        ud2
