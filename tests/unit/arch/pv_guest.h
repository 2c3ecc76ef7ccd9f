/* SPDX-License-Identifier: MIT */
/*
 * A PV guest on the host whose kernel and user mode a test plays: the machine of
 * tests/fuzz/pv_machine.h with handlers, callbacks and a user root. Code, stacks and arguments are
 * at fixed places of the guest window.
 */
#ifndef TESTS_PV_GUEST_H
#define TESTS_PV_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <public/callback.h>
#include <public/nmi.h>

#include "../../fuzz/pv_machine.h"

#define CODE         0x1000UL /* offsets into the window */
#define STACK        0x8000UL /* the top of the running stack, which is not aligned */
#define KERNEL_STACK 0xc000UL /* what stack_switch named */

#define HANDLER(vector) (0x1000000UL + (vector)*16U)
#define EVENT           0x2000000UL
#define FAILSAFE        0x2000010UL
#define SYSCALL         0x2000020UL
#define SYSCALL32       0x2000030UL
#define SYSENTER        0x2000040UL
#define NMI_HANDLER     0x2000050UL

#define ALL_FLAGS 0x50fd5UL /* TF, DF, NT, RF, AC and the arithmetic ones; IF and bit 1 come with */

#define MASK (current->info->evtchn_upcall_mask)

static inline u64 *window(unsigned long offset)
{
    return (u64 *)(void *)(host_guest + offset);
}

/* The kernel runs, events enabled. */
static inline struct cpu_user_regs *guest_start(unsigned int domain)
{
    struct cpu_user_regs *regs;
    struct mmuext_op *op;
    struct vcpu *v;

    machine_start(14);
    machine_switch(domain, 0);
    memset(host_guest, 0, 0x10000);
    v = current;
    regs = guest_regs();
    op = (void *)window(0);
    op->cmd = MMUEXT_NEW_USER_BASEPTR;
    op->arg1.mfn = page_to_mfn(host_frame(v->domain, 0)).n;
    assert_int_equal(do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF), 0);
    for (unsigned int i = 0; i < 256; i++)
        v->arch.traps[i] = (struct guest_trap){.address = HANDLER(i), .cs = 0xe033, .dpl = 3};
    assert_int_equal(do_set_callbacks(EVENT, FAILSAFE, SYSCALL), 0);
    assert_int_equal(do_stack_switch(0xe02b, GUEST(KERNEL_STACK + 8)), 0);
    v->info->evtchn_upcall_mask = 0;
    host_registers()->gs_base = 0x6000;
    host_registers()->kernel_gs_base = 0x7000;
    host_guest_log[0] = host_console_log[0] = 0;
    host_port_access = (struct host_port_access){0};
    *regs = (struct cpu_user_regs){.rax = 0xa0,
                                   .rcx = 0xc0c0c0c0c0c0c0c0UL,
                                   .rdx = 0xd0,
                                   .rbx = 0xb0,
                                   .rsi = 0x51,
                                   .rdi = 0xd1,
                                   .r11 = 0x1111111111111111UL,
                                   .rip = GUEST(CODE),
                                   .cs = 0xe033,
                                   .ss = 0xe02b,
                                   .rflags = EFLAGS_IF | 2,
                                   .rsp = GUEST(STACK + 8)};
    return regs;
}

/* Now user mode runs. */
static inline void guest_user(void)
{
    enter_guest_user(current);
}

static inline void guest_end(void)
{
    if (!in_guest_kernel(current) && !current->domain->shutting_down)
        enter_guest_kernel(current);
    local_irq_enable();
    machine_end();
}

/* The next instruction is the @n bytes @code, with whatever the window holds behind them. */
static inline void guest_code(const char *code, unsigned int n)
{
    memset(host_guest + CODE, 0x90, 32);
    memcpy(host_guest + CODE, code, n);
    guest_regs()->rip = GUEST(CODE);
}

#define GUEST_CODE(code) guest_code(code, sizeof(code) - 1)

/* The domain was crashed, and the console says so. */
static inline void expect_crash(const char *text)
{
    assert_true(current->domain->shutting_down);
    if (!strstr(host_console_log, text))
        fail_msg("no \"%s\" in:\n%s", text, host_console_log);
}

static inline void expect_text(const char *text)
{
    if (!strstr(host_console_log, text))
        fail_msg("no \"%s\" in:\n%s", text, host_console_log);
}

/* The handler at @rip was entered with the @n words @want on its stack, which ended at @end. */
static inline void expect_entry(unsigned long rip, unsigned long end, const u64 *want,
                                unsigned int n)
{
    const struct cpu_user_regs *regs = guest_regs();
    const u64 *got = window(end) - n;

    assert_true(in_guest_kernel(current));
    assert_true(host_registers()->cr3 == current->arch.cr3);
    assert_true(host_registers()->gs_base == 0x6000);
    assert_true(regs->rip == rip);
    assert_true(regs->rsp == (unsigned long)got);
    for (unsigned int i = 0; i < n; i++)
        if (got[i] != want[i])
            fail_msg("word %u is %lx, not %lx", i, (unsigned long)got[i], (unsigned long)want[i]);
    assert_int_equal(regs->cs, 0xe033);
    assert_int_equal(regs->ss, 0xe02b);
    assert_int_equal(regs->error_code, FRAME_SYSCALL);
}

#define EXPECT_ENTRY(rip, end, ...) \
    expect_entry(rip, end, (const u64[]){__VA_ARGS__}, sizeof((u64[]){__VA_ARGS__}) / 8)

/* The first and the last words of each frame from kernel mode at the code's start. */
#define RCX_R11     0xc0c0c0c0c0c0c0c0UL, 0x1111111111111111UL
#define KERNEL_TAIL 0x202, GUEST(STACK + 8), 0xe02b

#endif
