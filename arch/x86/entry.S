/* SPDX-License-Identifier: MIT */
/*
 * All ways in (SYSCALL, SYSENTER, exceptions, interrupts) and the way back to a guest.
 *
 * From guest mode: the processor or the entry stub pushes the frame's end at cpu_info.guest_regs,
 * SAVE_ALL the rest, so the stack pointer is then &guest_regs and the main stack below it is empty.
 * From ring 0 the same frame is pushed wherever the stack is. #MC, #DF, NMI and #DB arrive on
 * stacks of their own (IST), because they can come while the stack pointer is still or again the
 * guest's; from guest mode their frame is moved to the main stack first.
 *
 * The way out: with interrupts off, pending softirqs and exit work are tested in one compare, then
 * events, and then nothing can come between that test and the guest. SYSRET serves frames marked
 * FRAME_SYSCALL whose RIP is canonical, IRET all others. An IRET that faults is found in the
 * exception table, and becomes an exception of the guest (traps.c).
 */
#include <asm-offsets.h>
#include <asm/config.h>
#include <asm/entry.h>
#include <public/xen.h>

#define EXC_NMI 2
#define EFLAGS_IF 0x200
#define EFLAGS_NOT_FOR_GUESTS 0x27000 /* IOPL, NT, VM */

/* CLAC where SMAP is there (boot/patch.c). */
.macro ASM_CLAC
661:    .byte   0x0f, 0x1f, 0x00
        .pushsection .altinstr_smap, "a"
        .long   661b - ., 0
        .popsection
.endm

/*
 * LFENCE unless spec-ctrl=no: execution waits until the branches before it, on what the guest was
 * doing, are resolved.
 */
.macro SPEC_FENCE
661:    .byte   0x0f, 0x1f, 0x00
        .pushsection .altinstr_spec, "a"
        .long   661b - ., 0
        .popsection
.endm

/*
 * The instruction that follows may become a jump to a way out that clears the CPU's buffers
 * (boot/patch.c).
 */
.macro EXIT_SITE kind
661:    .pushsection .altinstr_exit, "a"
        .long   661b - ., \kind
        .popsection
.endm
#define EXIT_SYSRET 0
#define EXIT_IRET 1

.macro EXTABLE from, to
        .pushsection .ex_table, "a"
        .balign 4
        .long   \from - ., \to - .
        .popsection
.endm

/*
 * In builds with a meter (meter.h) C functions are called on the ways in and out. The registers
 * that they destroy are loaded again from the frame, at the stack pointer.
 */
#ifdef METER
.macro METER_CALL function
        cld
        mov     %rsp, %rdi
        call    \function
        mov     REGS_RDI(%rsp), %rdi
        mov     REGS_RSI(%rsp), %rsi
        mov     REGS_RDX(%rsp), %rdx
        mov     REGS_RCX(%rsp), %rcx
        mov     REGS_RAX(%rsp), %rax
        mov     REGS_R8(%rsp), %r8
        mov     REGS_R9(%rsp), %r9
        mov     REGS_R10(%rsp), %r10
        mov     REGS_R11(%rsp), %r11
.endm
.macro METER_ENTER
        testb   $3, REGS_CS(%rsp)
        jz      .Lfrom_ring0_\@
        METER_CALL meter_enter
.Lfrom_ring0_\@:
.endm
#else
.macro METER_CALL function
.endm
.macro METER_ENTER
.endm
#endif

/* The registers that a C function may destroy, in the order of the frame. */
.macro PUSH_CALLER_SAVED
        push    %rdi
        push    %rsi
        push    %rdx
        push    %rcx
        push    %rax
        push    %r8
        push    %r9
        push    %r10
        push    %r11
.endm

.macro POP_CALLER_SAVED
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rax
        pop     %rcx
        pop     %rdx
        pop     %rsi
        pop     %rdi
.endm

.macro SAVE_ALL
        PUSH_CALLER_SAVED
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        METER_ENTER
.endm

.macro FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
        .balign 16
\name:
.endm

        .text

/*
 * Jumps to \to unless the return address is canonical, that is, bits 47 to 63 are all equal. Uses
 * %ecx.
 */
.macro CHECK_CANONICAL_RIP to
        mov     REGS_RIP + 4(%rsp), %ecx
        add     $0x8000, %ecx
        shr     $16, %ecx
        jnz     \to
.endm

/*
 * Jumps to \to if an event is pending (byte 0 is not 0) and not masked (byte 1 is 0). %rbx: the
 * vCPU. Uses %ecx.
 */
.macro CHECK_EVENTS to
        mov     VCPU_INFO(%rbx), %rcx
        movzwl  (%rcx), %ecx
        dec     %ecx
        cmp     $0xfe, %ecx
        jbe     \to
.endm

.macro RESTORE_ARGUMENTS
        METER_CALL meter_leave
        mov     REGS_RBX(%rsp), %rbx
        mov     REGS_R10(%rsp), %r10
        mov     REGS_R9(%rsp), %r9
        mov     REGS_R8(%rsp), %r8
        mov     REGS_RDX(%rsp), %rdx
        mov     REGS_RSI(%rsp), %rsi
        mov     REGS_RDI(%rsp), %rdi
        mov     REGS_RAX(%rsp), %rax
.endm

/*
 * From here to SYSRET only IST entries can come, and they do not look at the stack pointer's
 * memory.
 */
.macro SYSRET_TO_GUEST
        mov     REGS_RIP(%rsp), %rcx
        mov     REGS_RFLAGS(%rsp), %r11
        and     $~EFLAGS_NOT_FOR_GUESTS, %r11
        or      $EFLAGS_IF, %r11
        EXIT_SITE EXIT_SYSRET
        mov     REGS_RSP(%rsp), %rsp
        sysretq
.endm

/*
 * SYSCALL, from this CPU's stub (descriptors.c), which has pushed SS to the error code word. A
 * guest kernel makes a hypercall: number in RAX, arguments in RDI, RSI, RDX, R10, R8, R9. User mode
 * wants its kernel.
 */
FUNCTION syscall_entry
        SAVE_ALL
        mov     CPUINFO_VCPU(%rsp), %rbx
        testb   $1, VCPU_FLAGS(%rbx)    /* TF_KERNEL_MODE */
        jz      user_syscall
        SPEC_FENCE
        cmp     $__HYPERVISOR_iret, %rax
        je      iret_hypercall
        METER_CALL meter_irqs_on
        sti
        mov     %r10, %rcx
hypercall_by_number:
        cmp     $HYPERCALLS - 1, %rax
        ja      bad_hypercall
        and     $HYPERCALLS - 1, %eax   /* also where the branch above was mispredicted */
        lea     hypercall_table(%rip), %r11
        call    *(%r11, %rax, 8)
hypercall_done:
        mov     %rax, REGS_RAX(%rsp)
        cli
        METER_CALL meter_irqs_off

        /*
         * In this and the next function RBP and R12 to R15 still hold the guest's values: C code
         * preserves them, no hypercall changes them in the frame, and bounces do not either.
         */
        cmpq    $0, CPUINFO_PENDING(%rsp)
        jne     exit_work
        CHECK_EVENTS hypercall_event
        testb   $FRAME_SYSCALL >> 24, REGS_ERROR_CODE + 3(%rsp)
        jz      exit_to_guest           /* iret in a multicall */
        CHECK_CANONICAL_RIP iret_to_guest
        RESTORE_ARGUMENTS
        SYSRET_TO_GUEST

iret_hypercall:
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_iret
        cmpq    $0, CPUINFO_PENDING(%rsp)
        jne     exit_work
        CHECK_EVENTS hypercall_event
        testb   $FRAME_SYSCALL >> 24, REGS_ERROR_CODE + 3(%rsp)
        jnz     exit_to_guest           /* VGCF_in_syscall */
        RESTORE_ARGUMENTS
        mov     REGS_R11(%rsp), %r11
        mov     REGS_RCX(%rsp), %rcx
        EXIT_SITE EXIT_IRET
        lea     REGS_RIP(%rsp), %rsp    /* its RFLAGS are fit for a guest */
exit_iret_short:
        iretq
        EXTABLE exit_iret_short, exit_iret_failed

bad_hypercall:
        mov     %rax, %rdi
        call    hypercall_bad_number
        jmp     hypercall_done

/*
 * SYSCALL while traces are on (arch_trace_switch()): a hypercall leaves a record, and so does each
 * element of a multicall.
 */
FUNCTION syscall_traced
        SAVE_ALL
        mov     CPUINFO_VCPU(%rsp), %rbx
        testb   $1, VCPU_FLAGS(%rbx)    /* TF_KERNEL_MODE */
        jz      user_syscall
        SPEC_FENCE
        mov     %rsp, %rdi
        call    pv_trace_hypercall
        mov     REGS_RAX(%rsp), %rax
        cmp     $__HYPERVISOR_iret, %rax
        je      iret_hypercall
        METER_CALL meter_irqs_on
        sti
        mov     REGS_RDI(%rsp), %rdi
        mov     REGS_RSI(%rsp), %rsi
        mov     REGS_RDX(%rsp), %rdx
        mov     REGS_R10(%rsp), %rcx
        mov     REGS_R8(%rsp), %r8
        mov     REGS_R9(%rsp), %r9
        cmp     $__HYPERVISOR_multicall, %rax
        jne     hypercall_by_number
        call    do_multicall_traced
        jmp     hypercall_done

/* SYSCALL from compatibility mode. */
FUNCTION syscall32_entry
        SAVE_ALL
        mov     CPUINFO_VCPU(%rsp), %rbx
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_syscall32
        jmp     bounced

user_syscall:
        SPEC_FENCE
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_syscall
        /* fall through */

/*
 * Entered after a bounce was tried, with interrupts off. AL says whether it was made; then the
 * frame is one for SYSRET, and its general registers are those that the guest came with.
 */
FUNCTION bounced
        test    %al, %al
        jz      exit_to_guest
        cmpq    $0, CPUINFO_PENDING(%rsp)
        jne     exit_work
        CHECK_EVENTS hypercall_event
bounced_last:
        CHECK_CANONICAL_RIP exit_to_guest
        RESTORE_ARGUMENTS
        SYSRET_TO_GUEST

/*
 * Events are masked in the guest's handler, so there is no second one, whatever another vCPU
 * writes to the mask: that one could keep this CPU here, with interrupts off.
 */
hypercall_event:
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_deliver_event
        test    %al, %al
        jz      exit_to_guest           /* crashed: a softirq is pending */
        cmpq    $0, CPUINFO_PENDING(%rsp)
        je      bounced_last
        jmp     exit_work

/* The whole way out. The stack pointer is &guest_regs: the stack holds nothing else. */
FUNCTION exit_to_guest
        cli
        METER_CALL meter_irqs_off
        mov     CPUINFO_VCPU(%rsp), %rbx
        cmpq    $0, CPUINFO_PENDING(%rsp)
        jne     exit_work
        CHECK_EVENTS deliver_event
exit_last:
        testb   $FRAME_SYSCALL >> 24, REGS_ERROR_CODE + 3(%rsp)
        jz      iret_to_guest
        CHECK_CANONICAL_RIP iret_to_guest
        mov     REGS_R15(%rsp), %r15
        mov     REGS_R14(%rsp), %r14
        mov     REGS_R13(%rsp), %r13
        mov     REGS_R12(%rsp), %r12
        mov     REGS_RBP(%rsp), %rbp
        RESTORE_ARGUMENTS
        SYSRET_TO_GUEST

/* To ring 3, with RFLAGS that are fit for a guest, whatever the frame came to hold. */
iret_to_guest:
        orb     $3, REGS_CS(%rsp)
        andl    $~EFLAGS_NOT_FOR_GUESTS, REGS_RFLAGS(%rsp)
        orl     $EFLAGS_IF, REGS_RFLAGS(%rsp)
        mov     REGS_R15(%rsp), %r15
        mov     REGS_R14(%rsp), %r14
        mov     REGS_R13(%rsp), %r13
        mov     REGS_R12(%rsp), %r12
        mov     REGS_RBP(%rsp), %rbp
        RESTORE_ARGUMENTS
        mov     REGS_R11(%rsp), %r11
        mov     REGS_RCX(%rsp), %rcx
        EXIT_SITE EXIT_IRET
        lea     REGS_RIP(%rsp), %rsp
exit_iret:
        iretq
        EXTABLE exit_iret, exit_iret_failed

/*
 * The ends of the ways out on CPUs whose buffers VERW clears: its form with a memory operand does
 * (Intel, MD_CLEAR).
 */
FUNCTION exit_sysret_clearing
        verw    verw_operand(%rip)
        mov     REGS_RSP(%rsp), %rsp
        sysretq

FUNCTION exit_iret_clearing
        verw    verw_operand(%rip)
        lea     REGS_RIP(%rsp), %rsp
exit_iret_cleared:
        iretq
        EXTABLE exit_iret_cleared, exit_iret_failed

        .balign 2
verw_operand:
        .short  HV_DS

/* A name for do_hv_exception() to recognise; never run. */
FUNCTION exit_iret_failed
        ud2

deliver_event:
        mov     %rsp, %rdi
        mov     %rbx, %rsi
        call    pv_deliver_event
        cmpq    $0, CPUINFO_PENDING(%rsp)
        je      exit_last               /* as in hypercall_event */
        /* fall through */

exit_work:
        METER_CALL meter_irqs_on
        sti
        cmpl    $0, CPUINFO_PENDING(%rsp)
        je      1f
        call    softirq_run             /* may not return: arch_resume() */
        jmp     exit_to_guest
1:      mov     %rsp, %rdi
        call    pv_exit_work
        jmp     exit_to_guest

/*
 * Two pieces of 64 bytes a CPU, where SYSCALL arrives: written by descriptors.c, which says how
 * they look.
 */
        .balign 64
        .globl  syscall_stubs
        .hidden syscall_stubs
syscall_stubs:
        .fill   SYSCALL_STUBS * 64, 1, 0xcc

/* SYSENTER: RSP is &guest_regs.es (MSR), IF and VM are clear; nothing says where the guest was. */
FUNCTION sysenter_entry
        pushq   $FLAT_USER_SS
        pushq   $0                      /* RSP */
        pushfq
        pushq   $2
        popfq                           /* TF, DF, NT, AC, IOPL */
        pushq   $3                      /* CS */
        pushq   $0                      /* RIP */
        pushq   $0
        SAVE_ALL
        mov     %rsp, %rdi
        mov     CPUINFO_VCPU(%rsp), %rbx
        mov     %rbx, %rsi
        call    pv_sysenter
        jmp     bounced

/* ---- waiting for a lock ---- */

/*
 * spin_lock_wait() with the lock and the ticket on the stack, where they are taken away; all
 * registers stay as they are.
 */
FUNCTION spin_lock_wait_saving
        PUSH_CALLER_SAVED
        mov     10 * 8(%rsp), %rdi
        mov     11 * 8(%rsp), %rsi
        call    spin_lock_wait
        POP_CALLER_SAVED
        ret     $16

/* ---- exceptions ---- */

/*
 * In guest mode \handler(regs, vcpu) of pv.h is called with interrupts off, or
 * pv_trace_exception(), which calls it. \error: the processor pushes a code.
 */
.macro EXCEPTION_ENTRY vector, error, handler, traced
        .if !\error
        pushq   $0
        .endif
        movl    $\vector, 4(%rsp)
        SAVE_ALL
        cld
        ASM_CLAC
        mov     %rsp, %rdi
        testb   $3, REGS_CS(%rsp)
        jz      hv_exception
        SPEC_FENCE
        mov     CPUINFO_VCPU(%rsp), %rbx
        mov     %rbx, %rsi
        .if \traced
        lea     \handler(%rip), %rdx
        call    pv_trace_exception
        .else
        call    \handler
        .endif
        jmp     bounced
.endm

/* Two entries: one for traced_idt (descriptors.c), and one that leaves no record. */
.macro EXCEPTION name, vector, error, handler
FUNCTION traced_\name
        EXCEPTION_ENTRY \vector, \error, \handler, 1
        .pushsection .rodata.traced_exceptions, "a"
        .quad   \vector, traced_\name
        .popsection
FUNCTION \name
        EXCEPTION_ENTRY \vector, \error, \handler, 0
.endm

        .pushsection .rodata.traced_exceptions, "a"
        .balign 8
        .globl  traced_exceptions
        .hidden traced_exceptions
traced_exceptions:
        .popsection

        EXCEPTION exc_divide_error, 0, 0, pv_fault
        EXCEPTION exc_breakpoint, 3, 0, pv_fault
        EXCEPTION exc_overflow, 4, 0, pv_fault
        EXCEPTION exc_bounds, 5, 0, pv_fault
        EXCEPTION exc_invalid_opcode, 6, 0, pv_invalid_opcode
        EXCEPTION exc_no_device, 7, 0, pv_no_device
        EXCEPTION exc_coprocessor_overrun, 9, 0, pv_fault
        EXCEPTION exc_invalid_tss, 10, 1, pv_fault_error
        EXCEPTION exc_no_segment, 11, 1, pv_fault_error
        EXCEPTION exc_stack, 12, 1, pv_fault_error
        EXCEPTION exc_protection, 13, 1, pv_protection_fault
        EXCEPTION exc_page_fault, 14, 1, pv_page_fault
        EXCEPTION exc_reserved, 15, 0, pv_fault
        EXCEPTION exc_fpu, 16, 0, pv_fault
        EXCEPTION exc_alignment, 17, 1, pv_fault_error
        EXCEPTION exc_simd, 19, 0, pv_fault

        .pushsection .rodata.traced_exceptions, "a"
        .quad   0, 0
        .popsection

hv_exception:
        call    do_hv_exception
        /* fall through */

/* Back to where we were in ring 0. */
restore_hv:
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        POP_CALLER_SAVED
        add     $8, %rsp
        iretq

/* ---- interrupts: one stub a vector from 0x20 on, 16 bytes each ---- */

FUNCTION irq_stubs
        .set    vector, 0x20
        .rept   256 - 0x20
        .balign 16
        pushq   $0
        movl    $vector, 4(%rsp)
        jmp     interrupt
        .set    vector, vector + 1
        .endr

interrupt:
        SAVE_ALL
        cld
        ASM_CLAC
        mov     %rsp, %rdi
        testb   $3, REGS_CS(%rsp)
        jz      1f
        SPEC_FENCE
        call    do_irq
        jmp     exit_to_guest
1:      call    do_irq
        jmp     restore_hv

/* ---- entries on stacks of their own ---- */

.macro IST_ENTRY vector, error
        .if !\error
        pushq   $0
        .endif
        movl    $\vector, 4(%rsp)
        SAVE_ALL
        cld
        ASM_CLAC
        mov     %rsp, %rdi
        testb   $3, REGS_CS(%rsp)
.endm

/* From guest mode: the frame moves to guest_regs, so that this stack is free for the next one. */
.macro MOVE_TO_MAIN_STACK
        mov     %rsp, %rsi
        or      $STACK_SIZE - 1, %rdi
        sub     $CPUINFO_SIZE - 1, %rdi
        mov     %rdi, %rbx
        mov     $REGS_FRAME_END / 8, %ecx
        rep     movsq
        mov     %rbx, %rsp
        mov     %rbx, %rdi
.endm

FUNCTION exc_debug
        IST_ENTRY 1, 0
        jz      1f
        MOVE_TO_MAIN_STACK
        call    do_debug
        jmp     exit_to_guest
1:      call    do_debug
        jmp     restore_hv

FUNCTION exc_nmi
        IST_ENTRY EXC_NMI, 0
        jz      1f
        MOVE_TO_MAIN_STACK
        call    do_nmi
        /* SYSRET would leave NMIs blocked: an IRET to the next line unblocks them. */
        mov     %rsp, %rax
        mov     %ss, %ecx
        push    %rcx
        push    %rax
        pushfq
        mov     %cs, %ecx
        push    %rcx
        lea     2f(%rip), %rcx
        push    %rcx
        iretq
2:      jmp     exit_to_guest
1:      call    do_nmi
        jmp     restore_hv

FUNCTION exc_machine_check
        IST_ENTRY 18, 0
        call    do_machine_check        /* does not return */
        ud2

FUNCTION exc_double_fault
        IST_ENTRY 8, 1
        call    do_double_fault         /* does not return */
        ud2
