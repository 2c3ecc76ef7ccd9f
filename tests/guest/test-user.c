/* SPDX-License-Identifier: MIT */
/*
 * User mode: entering it, every way back into the kernel (syscall, int $0x80, exceptions), what of
 * the registers survives, 32-bit code, and that user mode reaches neither kernel nor hypervisor.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>
#include <user.h>

#include "harness.h"

#define CODE  0x400000ul
#define DATA  0x500000ul
#define STACK (DATA + PAGE_SIZE)

static struct user_space space;
static uint8_t *code, *data;

/* Run a few instructions in user mode from CODE, starting with `regs`. */
#define RUN(regs, text)                                                                   \
    do {                                                                                  \
        const char *start_, *end_;                                                        \
        asm volatile("jmp 2f\n1:\t" text "\n2:\n\tlea 1b(%%rip), %0\n\tlea 2b(%%rip), %1" \
                     : "=r"(start_), "=r"(end_));                                         \
        memset(code, 0xcc, 64);                                                           \
        memcpy(code, start_, (size_t)(end_ - start_));                                    \
        (regs)->rip = CODE;                                                               \
        (regs)->rsp = STACK;                                                              \
        user_run(&space, regs);                                                           \
    } while (0)

static void test_syscall(void)
{
    struct registers regs = {.rax = 1,
                             .rbx = 2,
                             .rdx = 3,
                             .rsi = 4,
                             .rdi = 5,
                             .rbp = 6,
                             .r8 = 8,
                             .r9 = 9,
                             .r10 = 10,
                             .r12 = 12,
                             .r13 = 13,
                             .r14 = 14,
                             .r15 = 15};

    RUN(&regs, "syscall");
    CHECK_EQ(regs.vector, TRAP_SYSCALL);
    CHECK_EQ(regs.rip, CODE + 2);
    CHECK_EQ(regs.rcx, CODE + 2);
    CHECK_EQ(regs.r11, regs.rflags);
    CHECK_EQ(regs.rflags & 0x200, 0x200);
    CHECK_EQ(regs.rsp, STACK);
    CHECK_EQ(regs.cs & 0xffff, FLAT_USER_CS64);
    CHECK_EQ(regs.ss & 0xffff, FLAT_USER_SS64);
    CHECK_EQ(regs.rax, 1);
    CHECK_EQ(regs.rbx, 2);
    CHECK_EQ(regs.rdx, 3);
    CHECK_EQ(regs.rsi, 4);
    CHECK_EQ(regs.rdi, 5);
    CHECK_EQ(regs.rbp, 6);
    CHECK_EQ(regs.r8, 8);
    CHECK_EQ(regs.r9, 9);
    CHECK_EQ(regs.r10, 10);
    CHECK_EQ(regs.r12 + regs.r13 + regs.r14 + regs.r15, 12 + 13 + 14 + 15);
}

/* Flags of user mode arrive in the frame, and do not stay in force. */
static void test_syscall_flags(void)
{
    struct registers regs = {.rflags = 0x40000 | 0x400 | 1}; /* AC, DF, CF */
    uint64_t flags;

    RUN(&regs, "syscall");
    CHECK_EQ(regs.vector, TRAP_SYSCALL);
    CHECK_EQ(regs.rflags & 0x40401, 0x40401);
    asm volatile("pushf; pop %0" : "=r"(flags));
    CHECK_EQ(flags & 0x44400, 0);
}

static void test_int80(void)
{
    struct registers regs = {.rax = 1, .rcx = 2, .r11 = 3};

    RUN(&regs, "int $0x80");
    CHECK_EQ(regs.vector, TRAP_INT80);
    CHECK_EQ(regs.rip, CODE + 2);
    CHECK_EQ(regs.rax, 1);
    CHECK_EQ(regs.rcx, 2);
    CHECK_EQ(regs.r11, 3);
    CHECK_EQ(regs.cs & 3, 3);
}

static void test_memory(void)
{
    struct registers regs = {.rdi = DATA};

    *(volatile uint64_t *)data = 0x1234;
    RUN(&regs, "mov (%%rdi), %%rax; incq (%%rdi); push %%rax; syscall");
    CHECK_EQ(regs.vector, TRAP_SYSCALL);
    CHECK_EQ(regs.rax, 0x1234);
    CHECK_EQ(*(volatile uint64_t *)data, 0x1235);
    CHECK_EQ(*(volatile uint64_t *)(data + PAGE_SIZE - 8), 0x1234);
}

static void expect_page_fault(const struct registers *regs, uint64_t code_wanted, uint64_t address)
{
    CHECK_EQ(regs->vector, TRAP_PAGE_FAULT);
    CHECK_EQ(regs->error_code, code_wanted);
    CHECK_EQ(trap_fault_address(), address);
    CHECK_EQ(regs->rip, CODE);
}

static void test_page_faults(void)
{
    struct registers regs = {.rdi = 0x600000};

    RUN(&regs, "mov (%%rdi), %%rax");
    expect_page_fault(&regs, 4, 0x600000);
    RUN(&regs, "mov %%rax, (%%rdi)");
    expect_page_fault(&regs, 6, 0x600000);
    regs.rdi = CODE;
    RUN(&regs, "mov %%rax, (%%rdi)");
    expect_page_fault(&regs, 7, CODE);
    regs.rdi = DATA;
    RUN(&regs, "jmp *%%rdi");
    CHECK_EQ(regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(regs.error_code, 0x15);
    CHECK_EQ(regs.rip, DATA);
}

/* The kernel's addresses are not in this root, the hypervisor's are not for user mode. */
static void test_isolation(void)
{
    struct registers regs = {.rdi = KERNEL_BASE};

    RUN(&regs, "mov (%%rdi), %%rax");
    expect_page_fault(&regs, 4, KERNEL_BASE);
    regs.rdi = (uintptr_t)HYPERVISOR_ADDRESS;
    RUN(&regs, "mov (%%rdi), %%rax");
    CHECK_EQ(regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(regs.error_code & ~1ul, 4);
    CHECK_EQ(trap_fault_address(), (uintptr_t)HYPERVISOR_ADDRESS);
}

static void test_exceptions(void)
{
    struct registers regs = {0};

    RUN(&regs, "ud2");
    CHECK_EQ(regs.vector, TRAP_INVALID_OPCODE);
    CHECK_EQ(regs.rip, CODE);
    RUN(&regs, "int3");
    CHECK_EQ(regs.vector, TRAP_BREAKPOINT);
    CHECK_EQ(regs.rip, CODE + 1);
    RUN(&regs, "xor %%edx, %%edx; div %%edx");
    CHECK_EQ(regs.vector, TRAP_DIVIDE);
    RUN(&regs, "int $4");
    CHECK_EQ(regs.vector, TRAP_OVERFLOW);
    RUN(&regs, "mov %%cr0, %%rax");
    CHECK_EQ(regs.vector, TRAP_GP);
    CHECK_EQ(regs.error_code, 0);
    RUN(&regs, "hlt");
    CHECK_EQ(regs.vector, TRAP_GP);
    RUN(&regs, "cli");
    CHECK_EQ(regs.vector, TRAP_GP);
    RUN(&regs, "outb %%al, $0x80");
    CHECK_EQ(regs.vector, TRAP_GP);
    RUN(&regs, "int $14");
    CHECK_EQ(regs.vector, TRAP_GP);
    regs.rflags = 0x100;
    RUN(&regs, "nop; nop");
    CHECK_EQ(regs.vector, TRAP_DEBUG);
    CHECK_EQ(regs.rip, CODE + 1);
    regs.rflags = 0;
    asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ul));
}

/* Compatibility mode: int $0x80 as 32-bit processes make system calls, and syscall from there. */
static void test_32bit(void)
{
    struct registers regs = {.rax = 0x123456789, .cs = FLAT_USER_CS32, .ss = FLAT_USER_SS32};

    RUN(&regs, "mov $7, %%ebx; int $0x80");
    CHECK_EQ(regs.vector, TRAP_INT80);
    CHECK_EQ(regs.cs & 0xffff, FLAT_USER_CS32);
    CHECK_EQ(regs.rip, CODE + 7);
    CHECK_EQ(regs.rbx, 7);
    regs.cs = FLAT_USER_CS32;
    regs.ss = FLAT_USER_SS32;
    RUN(&regs, "ud2");
    CHECK_EQ(regs.vector, TRAP_INVALID_OPCODE);
    CHECK_EQ(regs.cs & 0xffff, FLAT_USER_CS32);
}

/* Code in the LDT, as old programs run it; and a return to it when it is not usable as such. */
static void test_ldt_code(void)
{
    uint64_t *ldt = page_alloc_zeroed();
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)ldt, .arg2.nr_ents = 512};
    struct registers regs = {.cs = 0xf, .ss = FLAT_USER_SS32};

    ldt[1] = 0x00cffa000000ffffull; /* 32-bit code of ring 3 */
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_RO), 0);
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    RUN(&regs, "mov $7, %%ebx; int $0x80");
    CHECK_EQ(regs.vector, TRAP_INT80);
    CHECK_EQ(regs.cs & 0xffff, 0xf);
    CHECK_EQ(regs.rbx, 7);
    op.arg2.nr_ents = 0;
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);

    /* On a writable page the kernel gets a fault at its own address. */
    CHECK_EQ(page_protect(ldt, PTE_KERNEL_DATA), 0);
    op.arg2.nr_ents = 512;
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    regs = (struct registers){.cs = 0xf, .ss = FLAT_USER_SS32};
    RUN(&regs, "ud2");
    CHECK_EQ(regs.vector, TRAP_PAGE_FAULT);
    CHECK_EQ(regs.error_code, 4);
    CHECK_EQ(trap_fault_address(), (uintptr_t)ldt + 8);
    CHECK_EQ(regs.rip, CODE);
    op.arg2.nr_ents = 0;
    CHECK_EQ(hypercall_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    page_free(ldt);
}

/* Hypercalls from user mode are system calls to the kernel, whatever the number. */
static void test_hypercall_from_user(void)
{
    struct registers regs = {.rax = __HYPERVISOR_sched_op, .rdi = SCHEDOP_shutdown};

    RUN(&regs, "syscall");
    CHECK_EQ(regs.vector, TRAP_SYSCALL);
    CHECK_EQ(regs.rax, __HYPERVISOR_sched_op);
}

static void test_segments(void)
{
    struct registers regs = {.rdi = DATA};
    uint64_t base;

    *(volatile uint64_t *)(data + 8) = 0x77;
    *(volatile uint64_t *)(data + 24) = 0x99;
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_FS, DATA), 0);
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_GS_USER, DATA + 16), 0);
    RUN(&regs, "mov %%fs:8, %%rax; mov %%gs:8, %%rbx; syscall");
    CHECK_EQ(regs.vector, TRAP_SYSCALL);
    CHECK_EQ(regs.rax, 0x77);
    CHECK_EQ(regs.rbx, 0x99);
    /* The kernel has its own GS again. */
    asm volatile("mov %%gs:0, %0" : "=r"(base));
    CHECK(base >= KERNEL_BASE);
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_FS, (unsigned long)NON_CANONICAL), -EINVAL);
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_GS_USER, (unsigned long)NON_CANONICAL), -EINVAL);
    CHECK_EQ(hypercall_set_segment_base(99, 0), -EINVAL);
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, FLAT_USER_DS32), 0);
    CHECK_EQ(hypercall_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
}

static void test_stack_switch(void)
{
    uint64_t frame = 0;

    CHECK_EQ(hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)&frame), 0);
    CHECK_EQ(hypercall_stack_switch(0, (unsigned long)&frame), 0);
    CHECK_EQ(hypercall_stack_switch(FLAT_KERNEL_SS, (unsigned long)NON_CANONICAL), 0);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"syscall", test_syscall},
        {"syscall_flags", test_syscall_flags},
        {"int80", test_int80},
        {"memory", test_memory},
        {"page_faults", test_page_faults},
        {"isolation", test_isolation},
        {"exceptions", test_exceptions},
        {"32bit", test_32bit},
        {"ldt_code", test_ldt_code},
        {"hypercall_from_user", test_hypercall_from_user},
        {"segments", test_segments},
        {"stack_switch", test_stack_switch},
        {NULL, NULL},
    };

    code = page_alloc_zeroed();
    data = page_alloc_zeroed();
    if (user_space_create(&space) || user_map(&space, CODE, va_to_mfn(code), PTE_KERNEL_TEXT) ||
        user_map(&space, DATA, va_to_mfn(data), PTE_KERNEL_DATA))
        guest_panic("no user space");
    run_tests(tests);
}
