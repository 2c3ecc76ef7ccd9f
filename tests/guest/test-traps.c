/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of the kernel: every one that software can raise arrives with its vector, error code,
 * address and instruction pointer, on the interrupted stack; and the forms of return.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <pagetable.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

/* The instruction under test gets a label of its own, so that its address is known. */
#define INSTRUCTION(name, code)                                                                \
    extern char name##_at[], name##_after[];                                                   \
    static __attribute__((noinline)) void name(void *argument)                                 \
    {                                                                                          \
        asm volatile(".globl " #name "_at, " #name "_after\n" #name "_at:\n\t" code "\n" #name \
                     "_after:"                                                                 \
                     :                                                                         \
                     : "D"(argument)                                                           \
                     : "rax", "rcx", "rdx", "memory", "cc");                                   \
    }

INSTRUCTION(do_divide, "divl (%%rdi)")
INSTRUCTION(do_int3, "int3")
INSTRUCTION(do_int_3, ".byte 0xcd, 3")
INSTRUCTION(do_int_4, "int $4")
INSTRUCTION(do_int_5, "int $5")
INSTRUCTION(do_int_20, "int $20")
INSTRUCTION(do_int_80, "int $0x80")
INSTRUCTION(do_ud2, "ud2")
INSTRUCTION(do_read, "mov (%%rdi), %%rax")
INSTRUCTION(do_write, "mov %%rax, (%%rdi)")
INSTRUCTION(do_fld, "fldz")
INSTRUCTION(do_sse, "xorps %%xmm0, %%xmm0")
INSTRUCTION(do_load_ds, "mov %%di, %%ds")
INSTRUCTION(do_load_ss, "mov %%di, %%ss")
INSTRUCTION(do_hlt, "hlt")
INSTRUCTION(do_ltr, "ltr %%di")
INSTRUCTION(do_lgdt, "lgdt (%%rdi)")

static struct trap_report report;

static bool check_frame(const char *at)
{
    CHECK_EQ(report.regs.rip, (uintptr_t)at);
    CHECK_EQ(report.regs.cs & 0xffff, FLAT_KERNEL_CS & ~3);
    CHECK_EQ(report.regs.ss, FLAT_KERNEL_SS);
    CHECK_EQ(report.regs.rflags & 0x200, 0x200);
    return true;
}

static bool catch (void (*function)(void *), const void *argument, uint64_t vector, uint64_t error,
                   const char *at)
{
    if (!CHECK(trap_catch(function, (void *)argument, &report)))
        return false;
    CHECK_EQ(report.regs.vector, vector);
    CHECK_EQ(report.regs.error_code, error);
    return check_frame(at);
}

static void test_simple(void)
{
    uint32_t zero[2] = {0, 0};

    catch (do_divide, zero, TRAP_DIVIDE, 0, do_divide_at);
    catch (do_int3, NULL, TRAP_BREAKPOINT, 0, do_int3_after);
    catch (do_ud2, NULL, TRAP_INVALID_OPCODE, 0, do_ud2_at);
}

/* QEMU's TCG puts 16 times the number into the error code, processors 8 times. */
static void expect_refused_interrupt(void (*function)(void *), unsigned int number, const char *at)
{
    if (!CHECK(trap_catch(function, NULL, &report)))
        return;
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK(report.regs.error_code == number * 8 + 2 || report.regs.error_code == number * 16 + 2);
    check_frame(at);
}

static void test_software_interrupts(void)
{
    catch (do_int_3, NULL, TRAP_BREAKPOINT, 0, do_int_3_after);
    catch (do_int_4, NULL, TRAP_OVERFLOW, 0, do_int_4_after);
    /* Privilege of the table entry too low; no entry. */
    expect_refused_interrupt(do_int_5, 5, do_int_5_at);
    expect_refused_interrupt(do_int_20, 20, do_int_20_at);
    catch (do_int_80, NULL, TRAP_INT80, 0, do_int_80_after);
}

static void test_page_faults(void)
{
    if (catch (do_read, UNMAPPED_ADDRESS, TRAP_PAGE_FAULT, 0, do_read_at))
        CHECK_EQ(report.address, (uintptr_t)UNMAPPED_ADDRESS);
    if (catch (do_write, UNMAPPED_ADDRESS, TRAP_PAGE_FAULT, 2, do_write_at))
        CHECK_EQ(report.address, (uintptr_t)UNMAPPED_ADDRESS);
    if (catch (do_write, guest_main, TRAP_PAGE_FAULT, 3, do_write_at))
        CHECK_EQ(report.address, (uintptr_t)guest_main);
    /* Whether something is mapped there is the hypervisor's business. */
    if (CHECK(trap_catch(do_read, HYPERVISOR_ADDRESS, &report))) {
        CHECK_EQ(report.regs.vector, TRAP_PAGE_FAULT);
        CHECK_EQ(report.regs.error_code & ~1ul, 0);
        CHECK_EQ(report.address, (uintptr_t)HYPERVISOR_ADDRESS);
        check_frame(do_read_at);
    }
    catch (do_read, NON_CANONICAL, TRAP_GP, 0, do_read_at);
}

INSTRUCTION(do_stack_read, "mov %%rbp, %%rax\n\tmov %%rdi, %%rbp\n"
                           "do_stack_read_fault: mov (%%rbp), %%rcx")
extern char do_stack_read_fault[];

static void test_stack_fault(void)
{
    /* QEMU's TCG raises #GP where processors raise #SS. */
    if (!CHECK(trap_catch(do_stack_read, NON_CANONICAL, &report)))
        return;
    CHECK(report.regs.vector == TRAP_STACK || report.regs.vector == TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0);
    check_frame(do_stack_read_fault);
}

static void test_selectors(void)
{
    /* Beyond the GDT's limit; in an LDT that is not there; null where it may not be. */
    catch (do_load_ds, (void *)0xfff8ul, TRAP_GP, 0xfff8, do_load_ds_at);
    catch (do_load_ds, (void *)0x7ul, TRAP_GP, 0x4, do_load_ds_at);
    catch (do_load_ss, (void *)0x0ul, TRAP_GP, 0, do_load_ss_at);
    catch (do_load_ss, (void *)0xe033ul, TRAP_GP, 0xe030, do_load_ss_at);
    CHECK(!trap_catch(do_load_ds, (void *)(uintptr_t)FLAT_USER_DS32, NULL));
    CHECK(!trap_catch(do_load_ds, NULL, NULL));
}

static void test_privileged(void)
{
    uint64_t descriptor[2] = {0, 0};

    catch (do_hlt, NULL, TRAP_GP, 0, do_hlt_at);
    catch (do_ltr, NULL, TRAP_GP, 0, do_ltr_at);
    catch (do_lgdt, descriptor, TRAP_GP, 0, do_lgdt_at);
}

static void test_no_device(void)
{
    CHECK_EQ(hypercall_fpu_taskswitch(1), 0);
    catch (do_fld, NULL, TRAP_NO_DEVICE, 0, do_fld_at);
    /* Delivery cleared TS. */
    CHECK(!trap_catch(do_fld, NULL, NULL));
    CHECK_EQ(hypercall_fpu_taskswitch(1), 0);
    catch (do_sse, NULL, TRAP_NO_DEVICE, 0, do_sse_at);
    CHECK(!trap_catch(do_sse, NULL, NULL));
    CHECK_EQ(hypercall_fpu_taskswitch(1), 0);
    CHECK_EQ(hypercall_fpu_taskswitch(0), 0);
    CHECK(!trap_catch(do_sse, NULL, NULL));
    asm volatile("fninit");
}

static void do_x87_error(void *argument)
{
    static const uint16_t all_unmasked = 0x340;

    asm volatile("fninit\n\tfldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(all_unmasked));
}

static void do_simd_error(void *argument)
{
    static const uint32_t unmasked = 0;
    static const float numbers[2] = {1.0f, 0.0f};

    asm volatile("ldmxcsr %0\n\tmovss %1, %%xmm0\n\tdivss %2, %%xmm0"
                 :
                 : "m"(unmasked), "m"(numbers[0]), "m"(numbers[1]));
}

static void test_float_errors(void)
{
    static const uint32_t defaults = 0x1f80;

    CHECK(trap_catch(do_x87_error, NULL, &report));
    CHECK_EQ(report.regs.vector, TRAP_X87);
    asm volatile("fninit");
    /* QEMU's TCG has no SIMD exceptions. */
    if (trap_catch(do_simd_error, NULL, &report))
        CHECK_EQ(report.regs.vector, TRAP_SIMD);
    asm volatile("ldmxcsr %0" : : "m"(defaults));
}

INSTRUCTION(do_single_step, "pushf\n\torl $0x100, (%%rsp)\n\tpopf\n"
                            "do_single_step_one: nop\ndo_single_step_two: nop")
extern char do_single_step_one[], do_single_step_two[];

static void test_debug(void)
{
    uint64_t dr6;

    if (catch (do_single_step, NULL, TRAP_DEBUG, 0, do_single_step_two)) {
        asm volatile("mov %%dr6, %0" : "=r"(dr6));
        CHECK_EQ(dr6, 0xffff4ff0);
        CHECK_EQ(report.regs.rflags & 0x100, 0x100);
    }
}

static void test_breakpoint_register(void)
{
    static volatile uint64_t watched;
    uint64_t dr6;

    asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0ul));
    CHECK_EQ(hypercall_set_debugreg(0, (unsigned long)&watched), 0);
    CHECK_EQ(hypercall_set_debugreg(7, 0x000d0402), 0); /* 4-byte write watch */
    if (catch (do_write, (void *)&watched, TRAP_DEBUG, 0, do_write_after)) {
        asm volatile("mov %%dr6, %0" : "=r"(dr6));
        CHECK_EQ(dr6, 0xffff0ff1);
    }
    CHECK_EQ(hypercall_set_debugreg(7, 0x400), 0);
    CHECK(!trap_catch(do_write, (void *)&watched, NULL));
}

static unsigned int hook_count;
static uint64_t hook_stack;

static bool skip_ud2(struct registers *regs)
{
    hook_count++;
    hook_stack = regs->rsp;
    if (regs->vector != TRAP_INVALID_OPCODE)
        return false;
    regs->rip += 2;
    regs->rax = 0x1111;
    regs->rflags |= 1; /* carry */
    return true;
}

/* The handler changes registers and flags; all else comes back as it was. */
static void test_return(void)
{
    uint64_t rax = 1, rcx = 2, rdx = 3, rsi = 4, rdi = 5;
    register uint64_t r8 asm("r8");
    register uint64_t r11 asm("r11");
    register uint64_t r15 asm("r15");
    uint64_t got_r8, got_r11, got_r15;
    uint8_t carry;

    hook_count = 0;
    trap_set_hook(skip_ud2);
    r8 = 8;
    r11 = 11;
    r15 = 15;
    asm volatile("clc\n\tud2\n\tsetc %0"
                 : "=m"(carry), "+a"(rax), "+c"(rcx), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+r"(r8),
                   "+r"(r11), "+r"(r15)
                 :
                 : "cc", "memory");
    got_r8 = r8;
    got_r11 = r11;
    got_r15 = r15;
    trap_set_hook(NULL);
    CHECK_EQ(hook_count, 1);
    CHECK_EQ(carry, 1);
    CHECK_EQ(rax, 0x1111);
    CHECK_EQ(rcx, 2);
    CHECK_EQ(rdx, 3);
    CHECK_EQ(rsi, 4);
    CHECK_EQ(rdi, 5);
    CHECK_EQ(got_r8, 8);
    CHECK_EQ(got_r11, 11);
    CHECK_EQ(got_r15, 15);
}

static bool set_flags(struct registers *regs)
{
    regs->rip += 2;
    regs->rflags = 0x3000 | 0x4000 | 0x20000 | 0x40000 | 0x200 | 2; /* IOPL NT VM AC IF */
    return true;
}

static void test_return_flags(void)
{
    uint64_t flags;

    trap_set_hook(set_flags);
    asm volatile("ud2\n\tpushf\n\tpop %0" : "=r"(flags) : : "memory", "cc");
    asm volatile("push $0x202\n\tpopf" : : : "memory", "cc");
    trap_set_hook(NULL);
    /* IF stays, IOPL and VM do not; AC is the guest's own. Xen lets NT pass as well, which is of no
     * use to anybody. */
    CHECK_EQ(flags & ~0x4000ul, 0x40202);
}

static bool masked_at_return(struct registers *regs)
{
    regs->rip += 2;
    regs->rflags &= ~0x200ul;
    return true;
}

/* The event mask travels in the IF bit of the frame. */
static void test_event_mask(void)
{
    volatile uint8_t *mask = &shared_info->vcpu_info[0].evtchn_upcall_mask;

    CHECK_EQ(*mask, 0);
    trap_set_hook(masked_at_return);
    asm volatile("ud2" : : : "memory", "cc");
    trap_set_hook(NULL);
    CHECK_EQ(*mask, 1);
    CHECK(trap_catch(do_ud2, NULL, &report));
    CHECK_EQ(report.regs.rflags & 0x200, 0);
    CHECK_EQ(report.regs.cs >> 32, 1);
    *mask = 0;
    CHECK(trap_catch(do_ud2, NULL, &report));
    CHECK_EQ(report.regs.rflags & 0x200, 0x200);
    CHECK_EQ(report.regs.cs >> 32, 0);
}

static void do_native_iret(void *argument)
{
    asm volatile("mov %%rsp, %%rax\n\tpush %2\n\tpush %%rax\n\tpushf\n\tpush %1\n\t"
                 "lea 1f(%%rip), %%rax\n\tpush %%rax\n\tiretq\n\tud2\n1:\tmovq $7, %0"
                 : "=m"(*(uint64_t *)argument)
                 : "r"((uint64_t)FLAT_KERNEL_CS), "r"((uint64_t)FLAT_KERNEL_SS)
                 : "rax", "memory", "cc");
}

/* The kernel may use the machine's own IRET for a return within the kernel. QEMU's TCG reads the
 * frame as ring 0 would, so that with SMAP it faults. */
static void test_native_iret(void)
{
    uint64_t marker = 0;

    if (!trap_catch(do_native_iret, &marker, &report))
        CHECK_EQ(marker, 7);
    else
        CHECK(report.regs.vector == TRAP_PAGE_FAULT && report.regs.error_code == 1);
}

static bool bad_cs_return(struct registers *regs)
{
    hook_count++;
    if (regs->vector == TRAP_INVALID_OPCODE) {
        regs->rip += 2;
        regs->cs = 0xfff0; /* beyond the GDT */
        return true;
    }
    return false;
}

static void do_bad_return(void *argument)
{
    asm volatile("ud2" : : : "memory");
}

/* What the hypervisor's own IRET cannot load comes back as an exception at the place of return. */
static void test_bad_return_cs(void)
{
    hook_count = 0;
    trap_set_hook(bad_cs_return);
    CHECK(trap_catch(do_bad_return, NULL, &report));
    trap_set_hook(NULL);
    CHECK_EQ(hook_count, 2);
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0xfff0);
    CHECK_EQ(report.regs.cs & 0xffff, 0xfff0);
}

static bool bad_rip_return(struct registers *regs)
{
    hook_count++;
    if (regs->vector == TRAP_INVALID_OPCODE) {
        regs->rip = (uint64_t)NON_CANONICAL;
        return true;
    }
    return false;
}

static void test_bad_return_rip(void)
{
    hook_count = 0;
    trap_set_hook(bad_rip_return);
    CHECK(trap_catch(do_bad_return, NULL, &report));
    trap_set_hook(NULL);
    CHECK_EQ(hook_count, 2);
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0);
    CHECK_EQ(report.regs.rip, (uint64_t)NON_CANONICAL);
}

static void test_set_trap_table(void)
{
    trap_info_t table[2] = {{TRAP_OVERFLOW, 3, FLAT_KERNEL_CS, (unsigned long)NON_CANONICAL}, {0}};

    CHECK_EQ(hypercall_set_trap_table(UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_set_trap_table(HYPERVISOR_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_set_trap_table(table), -EINVAL);
}

static void test_callbacks(void)
{
    struct callback_register callback = {.type = CALLBACKTYPE_event,
                                         .address = (unsigned long)NON_CANONICAL};
    struct callback_unregister unregister = {.type = CALLBACKTYPE_event};

    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, &callback), -EINVAL);
    callback.type = 99;
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, &callback), -EINVAL);
    callback.address = (unsigned long)guest_main;
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, &callback), -ENOSYS);
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, UNMAPPED_ADDRESS), -EFAULT);
    CHECK_EQ(hypercall_callback_op(99, &callback), -ENOSYS);
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_unregister, &unregister), -EINVAL);
    unregister.type = CALLBACKTYPE_nmi;
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_unregister, &unregister), 0);
    unregister.type = 99;
    CHECK_EQ(hypercall_callback_op(CALLBACKOP_unregister, &unregister), -ENOSYS);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"simple", test_simple},
        {"software_interrupts", test_software_interrupts},
        {"page_faults", test_page_faults},
        {"stack_fault", test_stack_fault},
        {"selectors", test_selectors},
        {"privileged", test_privileged},
        {"no_device", test_no_device},
        {"float_errors", test_float_errors},
        {"debug", test_debug},
        {"breakpoint_register", test_breakpoint_register},
        {"return", test_return},
        {"return_flags", test_return_flags},
        {"event_mask", test_event_mask},
        {"native_iret", test_native_iret},
        {"bad_return_cs", test_bad_return_cs},
        {"bad_return_rip", test_bad_return_rip},
        {"set_trap_table", test_set_trap_table},
        {"callbacks", test_callbacks},
        {NULL, NULL},
    };

    run_tests(tests);
}
