/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: from the boot loader's 32-bit protected mode to start_of_day() in long
 * mode.
 *
 * Two headers say how we want to be loaded: multiboot2 (GRUB) and multiboot 1 with address fields
 * (qemu -kernel, which takes no ELF64 otherwise). Either way we arrive with paging off, flat
 * segments, EAX = the protocol's magic number and EBX = the physical address of its information.
 *
 * The tables built here serve until boot/paging.c has built the real ones: the first 4 GiB at
 * address 0, at the direct map, and the first 1 GiB at HV_TEXT_START.
 */
#include <asm/config.h>

#define PA(sym) ((sym) - HV_TEXT_START)
#define MSR_EFER 0xc0000080

#define MB1_MAGIC 0x1badb002
#define MB1_PAGE_ALIGN 0x1
#define MB1_MEMORY_INFO 0x2
#define MB1_ADDRESS_FIELDS 0x10000
#define MB1_FLAGS (MB1_PAGE_ALIGN | MB1_MEMORY_INFO | MB1_ADDRESS_FIELDS)

#define MB2_MAGIC 0xe85250d6
#define MB2_ARCH_I386 0
#define MB2_TAG_END 0
#define MB2_TAG_INFO_REQUEST 1
#define MB2_TAG_CONSOLE_FLAGS 4
#define MB2_TAG_MODULE_ALIGN 6

#define BOOT_CS 0x08
#define BOOT_DS 0x10
#define BOOT_CS32 0x18

        .section .head.text, "ax"
        .code32
        .globl hv_start
hv_start:
        jmp     start32

        .balign 4
mb1_header:
        .long   MB1_MAGIC
        .long   MB1_FLAGS
        .long   -(MB1_MAGIC + MB1_FLAGS)
        .long   PA(mb1_header)
        .long   PA(hv_image_start)
        .long   PA(hv_file_end)
        .long   PA(hv_image_end)
        .long   PA(hv_start)

        .balign 8
mb2_header:
        .long   MB2_MAGIC
        .long   MB2_ARCH_I386
        .long   mb2_header_end - mb2_header
        .long   -(MB2_MAGIC + MB2_ARCH_I386 + (mb2_header_end - mb2_header))
        /* Modules on page boundaries. */
        .short  MB2_TAG_MODULE_ALIGN, 0
        .long   8
        /* Text mode will do; no console is required. */
        .balign 8
        .short  MB2_TAG_CONSOLE_FLAGS, 0
        .long   12
        .long   2
        .balign 8
        .short  MB2_TAG_END, 0
        .long   8
mb2_header_end:

start32:
        cli
        cld
        lgdt    PA(boot_gdt_pointer)
        ljmp    $BOOT_CS32, $PA(1f)
1:      mov     $BOOT_DS, %ecx
        mov     %ecx, %ds
        mov     %ecx, %es
        mov     %ecx, %ss
        mov     $PA(cpu0_stack + STACK_SIZE), %esp
        mov     %eax, %ebp              /* magic; EBX keeps the information's address */
        mov     %ebx, PA(boot_info_address)

        /* CPUID exists when EFLAGS.ID (bit 21) can be changed. */
        pushf
        pop     %eax
        mov     %eax, %ecx
        xor     $0x200000, %eax
        push    %eax
        popf
        pushf
        pop     %eax
        xor     %ecx, %eax
        test    $0x200000, %eax
        jz      no_long_mode
        mov     $0x80000000, %eax
        cpuid
        cmp     $0x80000001, %eax
        jb      no_long_mode
        mov     $0x80000001, %eax
        cpuid
        bt      $29, %edx               /* LM */
        jnc     no_long_mode

        /* 2048 large pages cover 4 GiB. */
        mov     $PA(early_l2), %edi
        mov     $0x83, %eax             /* present, writable, 2 MiB */
        mov     $2048, %ecx
1:      mov     %eax, (%edi)
        movl    $0, 4(%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b

        mov     $PA(early_l3), %edi
        mov     $PA(early_l2) + 3, %eax
        mov     $4, %ecx
1:      mov     %eax, (%edi)
        add     $0x1000, %eax
        add     $8, %edi
        loop    1b
        movl    $PA(early_l2) + 3, PA(early_l3_text) + ((HV_TEXT_START >> 30) & 511) * 8

        movl    $PA(early_l3) + 3, PA(early_l4)
        movl    $PA(early_l3) + 3, PA(early_l4) + ((DIRECTMAP_START >> 39) & 511) * 8
        movl    $PA(early_l3_text) + 3, PA(early_l4) + ((HV_TEXT_START >> 39) & 511) * 8

        mov     $PA(early_l4), %eax
        mov     %eax, %cr3
        mov     %cr4, %eax
        or      $0x20, %eax             /* PAE */
        mov     %eax, %cr4
        mov     $MSR_EFER, %ecx
        rdmsr
        or      $0x100, %eax            /* LME */
        wrmsr
        mov     %cr0, %eax
        or      $0x80010001, %eax       /* PG, WP, PE */
        mov     %eax, %cr0
        ljmp    $BOOT_CS, $PA(start64_low)

/* Writes to serial line 1 and the text screen, by the simplest means. */
no_long_mode:
        mov     $PA(no_long_mode_text), %esi
        mov     $0xb8000, %edi
1:      lodsb
        test    %al, %al
        jz      3f
        mov     %al, %bl
        mov     %al, (%edi)
        movb    $0x0f, 1(%edi)
        add     $2, %edi
        mov     $0x10000, %ecx
        mov     $0x3fd, %dx             /* line status: transmitter empty? */
2:      in      (%dx), %al
        test    $0x20, %al
        loopz   2b
        mov     $0x3f8, %dx
        mov     %bl, %al
        out     %al, (%dx)
        jmp     1b
3:      hlt
        jmp     3b

        .code64
start64_low:
        movabs  $start64, %rax
        jmp     *%rax
start64:
        movabs  $cpu0_stack + STACK_SIZE - CPU_INFO_ROOM, %rsp
        lgdt    boot_gdt_pointer_high(%rip)
        xor     %eax, %eax
        mov     %eax, %fs
        mov     %eax, %gs
        lldt    %ax
        mov     %ebp, %edi
        mov     boot_info_address(%rip), %esi
        xor     %ebp, %ebp              /* ends every backtrace */
        push    %rbp
        push    %rbp
        call    start_of_day
        ud2

/*
 * Exceptions before trap_init(): one stub for each of the 32 vectors, then early_exception(). The
 * error code is pushed by hand where the CPU pushes none (vectors 8, 10-14, 17, 21, 29, 30 have
 * one).
 */
        .section .init.text, "ax"
        .balign 16
        .globl early_exception_stubs
early_exception_stubs:
vector = 0
        .rept   32
        .balign 16
        .if     !((0x60227d00 >> vector) & 1)
        push    $0
        .endif
        push    $vector
        jmp     early_exception_common
vector = vector + 1
        .endr
early_exception_common:
        mov     %rsp, %rdi              /* vector, error code, RIP, CS, RFLAGS, RSP, SS */
        mov     %rbp, %rsi
        and     $-16, %rsp
        call    early_exception
        ud2

        .section .init.rodata, "a"
no_long_mode_text:
        .asciz  "Bulkhead: this CPU has no 64-bit mode (LM); stopped.\r\n"

        .section .init.data, "aw"
        .globl  boot_gdt_pointer_high, early_l4 /* trampoline.S */
        .balign 8
boot_gdt:
        .quad   0
        .quad   0x00af9b000000ffff      /* BOOT_CS: 64-bit code */
        .quad   0x00cf93000000ffff      /* BOOT_DS */
        .quad   0x00cf9b000000ffff      /* BOOT_CS32 */
boot_gdt_end:
boot_gdt_pointer:
        .short  boot_gdt_end - boot_gdt - 1
        .quad   PA(boot_gdt)
boot_gdt_pointer_high:
        .short  boot_gdt_end - boot_gdt - 1
        .quad   boot_gdt
boot_info_address:
        .long   0

        .balign 4096
early_l4:
        .skip   4096
early_l3:
        .skip   4096
early_l3_text:
        .skip   4096
early_l2:
        .skip   4 * 4096
