/* SPDX-License-Identifier: MIT */
/*
 * The other entries into a PV guest's kernel, word for word: events, system calls, NMI, failsafe
 * callback; the hypercalls that name where they lead to; and the way back by iret.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include "pv_guest.h"

/* ---- callbacks ---- */

static void events(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    assert_true(pv_deliver_event(regs, current));
    EXPECT_ENTRY(EVENT, STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 1);
    guest_user();
    MASK = 0;
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    assert_true(pv_deliver_event(regs, current));
    EXPECT_ENTRY(EVENT, KERNEL_STACK, RCX_R11, GUEST(CODE), 0xe033, 0x202, GUEST(STACK + 8),
                 0xe02b);
    guest_end();
}

/* As entry.S leaves it. */
static void user_syscall(struct cpu_user_regs *regs)
{
    if (in_guest_kernel(current))
        guest_user();
    regs->rip = GUEST(CODE) + 2;
    regs->rsp = GUEST(STACK + 8);
    regs->rflags = 0x257;
    regs->cs = 0xe033;
    regs->ss = 0xe02b;
    regs->error_code = FRAME_SYSCALL;
    MASK = 0;
}

static void system_calls(void **state)
{
    struct callback_register *cb = (void *)window(0);
    struct cpu_user_regs *regs = guest_start(1);

    user_syscall(regs);
    regs->rflags = 0x1000 | ALL_FLAGS | EFLAGS_IF | 2;
    assert_true(pv_syscall(regs, current));
    EXPECT_ENTRY(SYSCALL, KERNEL_STACK, GUEST(CODE) + 2, 0x1000 | ALL_FLAGS | 0x202,
                 GUEST(CODE) + 2, 0xe033, ALL_FLAGS | 0x202, GUEST(STACK + 8), 0xe02b);
    assert_int_equal(MASK, 0);
    assert_false(regs->rflags & (EFLAGS_TF | EFLAGS_DF | EFLAGS_NT | EFLAGS_RF | EFLAGS_AC));
    *cb = (struct callback_register){
        .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events, .address = SYSCALL};
    assert_int_equal(do_callback_op(CALLBACKOP_register, GUEST(0)), 0);
    user_syscall(regs);
    MASK = 1;
    assert_true(pv_syscall(regs, current));
    EXPECT_ENTRY(SYSCALL, KERNEL_STACK, GUEST(CODE) + 2, 0x257, GUEST(CODE) + 2, 1UL << 32 | 0xe033,
                 0x57, GUEST(STACK + 8), 0xe02b);
    user_syscall(regs);
    assert_true(pv_syscall(regs, current));
    assert_int_equal(MASK, 1);
    /* without a callback the instruction is undefined */
    user_syscall(regs);
    current->arch.syscall_callback_eip = 0;
    assert_true(pv_syscall(regs, current));
    EXPECT_ENTRY(HANDLER(6), KERNEL_STACK, RCX_R11, GUEST(CODE), 0xe033, 0x257, GUEST(STACK + 8),
                 0xe02b);
    assert_int_equal(regs->entry_vector, EXC_UD);
    guest_end();
}

static void compatibility_calls(void **state)
{
    struct callback_register *cb = (void *)window(0);
    struct cpu_user_regs *regs = guest_start(1);

    user_syscall(regs);
    assert_true(pv_syscall32(regs, current));
    EXPECT_ENTRY(HANDLER(6), KERNEL_STACK, RCX_R11, GUEST(CODE), 0xe033, 0x257, GUEST(STACK + 8),
                 0xe02b);
    user_syscall(regs);
    assert_true(pv_sysenter(regs, current));
    EXPECT_ENTRY(HANDLER(13), KERNEL_STACK, RCX_R11, 0, GUEST(CODE) + 2, 0xe033, 0x257,
                 GUEST(STACK + 8), 0xe02b);
    assert_int_equal(regs->entry_vector, EXC_GP);
    for (unsigned int mask = 0; mask < 2; mask++) {
        *cb = (struct callback_register){
            .type = CALLBACKTYPE_syscall32, .flags = (u16)mask, .address = SYSCALL32};
        assert_int_equal(do_callback_op(CALLBACKOP_register, GUEST(0)), 0);
        *cb = (struct callback_register){
            .type = CALLBACKTYPE_sysenter, .flags = (u16)!mask, .address = SYSENTER};
        assert_int_equal(do_callback_op(CALLBACKOP_register, GUEST(0)), 0);
        user_syscall(regs);
        regs->cs = 0xe023;
        assert_true(pv_syscall32(regs, current));
        EXPECT_ENTRY(SYSCALL32, KERNEL_STACK, RCX_R11, GUEST(CODE) + 2, 0xe023, 0x257,
                     GUEST(STACK + 8), 0xe02b);
        assert_int_equal(MASK, mask);
        user_syscall(regs);
        regs->cs = 0xe023;
        assert_true(pv_sysenter(regs, current));
        EXPECT_ENTRY(SYSENTER, KERNEL_STACK, RCX_R11, GUEST(CODE) + 2, 0xe023, 0x257,
                     GUEST(STACK + 8), 0xe02b);
        assert_int_equal(MASK, !mask);
    }
    guest_end();
}

#define SELECTORS 0xe02b, 0xe033, 0x13, 0x1b /* ds, es, fs, gs */

static void set_selectors(struct cpu_user_regs *regs)
{
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    regs->ds = 0xe02b;
    regs->es = 0xe033;
    regs->fs = 0x13;
    regs->gs = 0x1b;
}

static void failsafe(void **state)
{
    struct callback_register *cb = (void *)window(0);
    struct cpu_user_regs *regs = guest_start(1);

    set_selectors(regs);
    pv_failsafe(regs);
    EXPECT_ENTRY(FAILSAFE, STACK, RCX_R11, SELECTORS, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 0);
    *cb = (struct callback_register){
        .type = CALLBACKTYPE_failsafe, .flags = CALLBACKF_mask_events, .address = FAILSAFE};
    assert_int_equal(do_callback_op(CALLBACKOP_register, GUEST(0)), 0);
    /* At the exit to user mode, when a selector could not be loaded. */
    guest_user();
    set_selectors(regs);
    regs->rflags = 0x20000 | ALL_FLAGS | EFLAGS_IF | 2;
    get_cpu_info()->exit_work = EXIT_WORK_BOUNCE;
    pv_exit_work(regs);
    assert_true(regs->rip == GUEST(CODE));
    assert_int_equal(get_cpu_info()->exit_work, 0);
    get_cpu_info()->exit_work = EXIT_WORK_BOUNCE;
    current->arch.flags |= TF_BAD_SELECTOR;
    pv_exit_work(regs);
    EXPECT_ENTRY(FAILSAFE, KERNEL_STACK, RCX_R11, SELECTORS, GUEST(CODE), 0xe033,
                 0x20000 | ALL_FLAGS | 0x202, GUEST(STACK + 8), 0xe02b);
    assert_int_equal(MASK, 1);
    assert_false(current->arch.flags & TF_BAD_SELECTOR);
    assert_true(regs->rflags == 0xad7);
    /* With events masked already. */
    set_selectors(regs);
    pv_failsafe(regs);
    EXPECT_ENTRY(FAILSAFE, STACK, RCX_R11, SELECTORS, GUEST(CODE), 1UL << 32 | 0xe030, 0x8d7,
                 GUEST(STACK + 8), 0xe02b);
    assert_false(current->domain->shutting_down);
    guest_end();
}

static void failsafe_crashes(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    set_selectors(regs);
    current->arch.failsafe_callback_eip = 0;
    pv_failsafe(regs);
    expect_crash("crashed: a selector cannot be loaded and it has no failsafe callback");
    guest_end();
    regs = guest_start(1);
    set_selectors(regs);
    regs->rsp = GUEST(8);
    pv_failsafe(regs);
    expect_crash("crashed: the failsafe callback: its stack at ");
    assert_true(regs->rip == GUEST(CODE));
    guest_end();
}

static void nmis(void **state)
{
    struct xennmi_callback *cb = (void *)window(0);
    struct cpu_user_regs *regs = guest_start(1);
    struct iret_context *frame;

    assert_int_equal(do_nmi_op(XENNMI_unregister_callback, 0), 0);
    assert_true(current->arch.traps[EXC_NMI].address == 0);
    pv_set_nmi_pending(current);
    assert_int_equal(get_cpu_info()->exit_work, EXIT_WORK_NMI);
    pv_exit_work(regs); /* nobody to take it: it waits */
    assert_true(current->nmi_pending && regs->rip == GUEST(CODE));
    cb->handler_address = 1UL << 47;
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(0)), -XEN_EINVAL);
    assert_int_equal(get_cpu_info()->exit_work, 0);
    cb->handler_address = NMI_HANDLER;
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(0)), 0);
    assert_int_equal(get_cpu_info()->exit_work, EXIT_WORK_NMI);
    pv_exit_work(regs);
    EXPECT_ENTRY(NMI_HANDLER, STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 1);
    assert_int_equal(regs->entry_vector, EXC_NMI);
    assert_false(current->nmi_pending);
    assert_true(current->arch.rare & RARE_NMI_MASKED);
    /* The next waits until the handler returns. */
    regs->rip = GUEST(CODE);
    pv_set_nmi_pending(current);
    pv_exit_work(regs);
    assert_true(regs->rip == GUEST(CODE) && current->nmi_pending);
    frame = (void *)window(STACK);
    *frame = (struct iret_context){
        .rip = GUEST(CODE), .cs = 0xe030, .rflags = 0x202, .rsp = GUEST(STACK + 8), .ss = 0xe02b};
    regs->rsp = GUEST(STACK);
    pv_iret(regs, current);
    assert_false(current->arch.rare & RARE_NMI_MASKED);
    assert_int_equal(get_cpu_info()->exit_work, EXIT_WORK_NMI);
    pv_exit_work(regs);
    assert_true(regs->rip == NMI_HANDLER && !current->nmi_pending);
    /* An iret when none waits asks for nothing. */
    regs->rsp = GUEST(STACK);
    pv_iret(regs, current);
    assert_int_equal(get_cpu_info()->exit_work, 0);
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(HOST_WINDOW)), -XEN_EFAULT);
    assert_int_equal(do_nmi_op(2, 0), -XEN_ENOSYS);
    guest_end();
}

/* Each part of the work on the way out is done when it is asked for. */
static void exit_work(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    current->time_guest = GUEST(0x200);
    *window(0x200) = 0x55;
    current->arch.flags |= TF_OLD_TABLES;
    get_cpu_info()->exit_work = 0;
    pv_exit_work(regs);
    assert_true(*window(0x200) == 0x55 && current->arch.flags & TF_OLD_TABLES);
    get_cpu_info()->exit_work = EXIT_WORK_AREAS;
    pv_exit_work(regs);
    assert_true(*window(0x200) == 0 && current->arch.flags & TF_OLD_TABLES);
    get_cpu_info()->exit_work = EXIT_WORK_TABLES;
    pv_exit_work(regs);
    assert_false(current->arch.flags & TF_OLD_TABLES);
    assert_int_equal(get_cpu_info()->exit_work, 0);
    arch_old_tables_left();
    assert_true(current->arch.flags & TF_OLD_TABLES);
    assert_int_equal(get_cpu_info()->exit_work, EXIT_WORK_TABLES);
    pv_exit_work(regs);
    assert_false(current->arch.flags & TF_OLD_TABLES);
    current->time_guest = 0;
    guest_end();
}

/* A reason that came before vCPU 0 had a handler is not lost; it is not that of another vCPU. */
static void nmi_reasons(void **state)
{
    struct xennmi_callback *cb = (void *)window(0);
    struct vcpu *v;

    guest_start(0);
    get_cpu_info()->exit_work = 0;
    cb->handler_address = NMI_HANDLER;
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(0)), 0);
    assert_false(current->nmi_pending);
    current->domain->shared_info->arch.nmi_reason = 1;
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(0)), 0);
    assert_true(current->nmi_pending);
    assert_int_equal(get_cpu_info()->exit_work, EXIT_WORK_NMI);
    machine_switch(0, 1);
    v = current;
    assert_int_equal(do_nmi_op(XENNMI_register_callback, GUEST(0)), 0);
    assert_false(v->nmi_pending);
    current->domain->shared_info->arch.nmi_reason = 0;
    guest_end();
}

static long callback_op(unsigned int cmd, unsigned int type, unsigned int flags, unsigned long addr)
{
    struct callback_register *cb = (void *)window(0);

    *cb = (struct callback_register){.type = (u16)type, .flags = (u16)flags, .address = addr};
    return do_callback_op((int)cmd, GUEST(0));
}

static void registrations(void **state)
{
    static const u8 types[] = {CALLBACKTYPE_event,    CALLBACKTYPE_failsafe,  CALLBACKTYPE_syscall,
                               CALLBACKTYPE_sysenter, CALLBACKTYPE_syscall32, CALLBACKTYPE_nmi};
    struct arch_vcpu *a;

    guest_start(1);
    a = &current->arch;
    for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
        assert_int_equal(callback_op(0, types[i], 1, 0x100000 + i), 0);
        assert_int_equal(callback_op(0, types[i], 0, 1UL << 47), -XEN_EINVAL);
    }
    assert_true(a->event_callback_eip == 0x100000 && a->failsafe_callback_eip == 0x100001);
    assert_true(a->syscall_callback_eip == 0x100002 && a->sysenter_callback_eip == 0x100003);
    assert_true(a->syscall32_callback_eip == 0x100004 && a->traps[2].address == 0x100005);
    assert_true(a->traps[2].disable_events && a->traps[2].cs == 0xe033 && a->traps[2].dpl == 0);
    assert_true(a->failsafe_disables_events && a->syscall_disables_events);
    assert_true(a->sysenter_disables_events && a->syscall32_disables_events);
    for (unsigned int i = 0; i < ARRAY_SIZE(types) - 1; i++)
        assert_int_equal(callback_op(0, types[i], 2, 0x100000 + i), 0);
    assert_false(a->failsafe_disables_events || a->syscall_disables_events);
    assert_false(a->sysenter_disables_events || a->syscall32_disables_events);
    assert_int_equal(callback_op(0, CALLBACKTYPE_sysenter_deprecated, 0, 0), -XEN_ENOSYS);
    assert_int_equal(callback_op(0, 6, 0, 0), -XEN_ENOSYS);
    assert_int_equal(do_callback_op(0, GUEST(HOST_WINDOW)), -XEN_EFAULT);

    assert_int_equal(callback_op(1, CALLBACKTYPE_event, 0, 0), -XEN_EINVAL);
    assert_int_equal(callback_op(1, CALLBACKTYPE_failsafe, 0, 0), -XEN_EINVAL);
    assert_int_equal(callback_op(1, CALLBACKTYPE_syscall, 0, 0), -XEN_EINVAL);
    assert_int_equal(callback_op(1, CALLBACKTYPE_sysenter, 0, 0), -XEN_EINVAL);
    assert_int_equal(callback_op(1, CALLBACKTYPE_nmi, 0, 0), 0);
    assert_true(a->traps[2].address == 0);
    assert_int_equal(callback_op(1, 6, 0, 0), -XEN_ENOSYS);
    assert_int_equal(do_callback_op(1, GUEST(HOST_WINDOW)), -XEN_EFAULT);
    assert_int_equal(do_callback_op(2, GUEST(0)), -XEN_ENOSYS);

    assert_int_equal(do_set_callbacks(1UL << 47, 0x200, 0x300), 0);
    assert_true(a->event_callback_eip == 0x100000 && a->failsafe_callback_eip == 0x200);
    assert_true(a->syscall_callback_eip == 0x300);
    assert_int_equal(do_set_callbacks(0x400, 1UL << 47, 1UL << 47), 0);
    assert_true(a->event_callback_eip == 0x400 && a->failsafe_callback_eip == 0x200);
    assert_true(a->syscall_callback_eip == 0x300);
    assert_int_equal(do_stack_switch(0xe028, GUEST(0x4004)), 0);
    assert_true(a->kernel_ss == 0xe02b && a->kernel_sp == GUEST(0x4004));
    assert_true(a->entry_sp == GUEST(0x4000));
    guest_end();
}

static struct trap_info *trap(unsigned int i, unsigned int vector, unsigned int how,
                              unsigned long address)
{
    struct trap_info *ti = (struct trap_info *)(void *)window(0) + i;

    *ti = (struct trap_info){
        .vector = (u8)vector, .flags = (u8)how, .cs = 0x1230, .address = address};
    return ti;
}

static void trap_table(void **state)
{
    struct guest_trap *t;

    guest_start(1);
    t = current->arch.traps;
    trap(0, 3, 3, 0x111);
    trap(1, 255, 4 | 1, 0x222);
    trap(2, 0, 0, 0);
    assert_int_equal(do_set_trap_table(GUEST(0)), 0);
    assert_true(t[3].address == 0x111 && t[3].dpl == 3 && !t[3].disable_events);
    assert_true(t[255].address == 0x222 && t[255].dpl == 1 && t[255].disable_events);
    assert_int_equal(t[3].cs, 0x1233);
    assert_true(t[4].address == HANDLER(4) && t[0].address == HANDLER(0));
    /* The first mistake ends it; what came before counts. */
    trap(1, 4, 0, 1UL << 47);
    trap(0, 5, 0, 0x333);
    assert_int_equal(do_set_trap_table(GUEST(0)), -XEN_EINVAL);
    assert_true(t[5].address == 0x333 && t[4].address == HANDLER(4));
    assert_int_equal(do_set_trap_table(GUEST(HOST_WINDOW)), -XEN_EFAULT);
    /* Preempted behind each entry. */
    trap(0, 6, 0, 0x444);
    trap(1, 7, 0, 0x555);
    host_preempt_every(1);
    assert_int_equal(do_set_trap_table(GUEST(0)), HOST_CONTINUED);
    assert_true(t[6].address == 0x444 && t[7].address == HANDLER(7));
    assert_int_equal(host_continued.op, __HYPERVISOR_set_trap_table);
    assert_int_equal(host_continued.nargs, 1);
    assert_true(host_continued.args[0] == GUEST(16));
    host_preempt_every(0);
    assert_int_equal(do_set_trap_table(0), 0);
    for (unsigned int i = 0; i < 256; i++)
        assert_true(t[i].address == 0);
    guest_end();
}

static void hypercall_page(void **state)
{
    static const u8 iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};
    static u8 page[4096 + 1];

    page[4096] = 0x77;
    hypercall_page_init(page);
    for (unsigned int n = 0; n < 128; n++) {
        const u8 call[] = {0x51, 0x41, 0x53, 0xb8, (u8)n, 0,    0,    0,
                           0x0f, 0x05, 0x41, 0x5b, 0x59,  0xc3, 0xcc, 0xcc};

        assert_memory_equal(page + 32 * n, n == 23 ? iret : call,
                            n == 23 ? sizeof(iret) : sizeof(call));
        assert_int_equal(page[32 * n + 31], 0xcc);
    }
    assert_int_equal(page[4096], 0x77);
}

/* ---- iret ---- */

static const struct iret_context to_kernel = {.rax = 1,
                                              .r11 = 2,
                                              .rcx = 3,
                                              .flags = 0,
                                              .rip = 5,
                                              .cs = 0xe030,
                                              .rflags = 0x202,
                                              .rsp = 8,
                                              .ss = 0xe028};

static void iret(struct cpu_user_regs *regs, const struct iret_context *frame)
{
    memcpy(window(STACK), frame, sizeof(*frame));
    regs->rsp = GUEST(STACK);
    regs->error_code = FRAME_SYSCALL;
    if (!in_guest_kernel(current))
        enter_guest_kernel(current);
    pv_iret(regs, current);
}

static void iret_to_kernel(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct iret_context frame = to_kernel;

    MASK = 1;
    iret(regs, &frame);
    assert_true(regs->rax == 1 && regs->r11 == 2 && regs->rcx == 3 && regs->rip == 5);
    assert_true(regs->rflags == 0x202 && regs->rsp == 8);
    assert_true(regs->cs == 0xe033 && regs->ss == 0xe02b && regs->error_code == 0);
    assert_true(in_guest_kernel(current) && host_registers()->gs_base == 0x6000);
    assert_int_equal(MASK, 0);
    /* Only 16 bits of the selectors, and not everything of the flags. */
    frame.cs = 0xffff00000000e030UL;
    frame.ss = 0xffff00000000e02bUL;
    frame.rflags = 0x3000 | 0x4000 | 0x20000 | 0x10dd5;
    iret(regs, &frame);
    assert_true(*(u64 *)(void *)&regs->cs == 0xe033 && *(u64 *)(void *)&regs->ss == 0xe02b);
    assert_true(regs->rflags == 0x10fd5);
    assert_int_equal(MASK, 1);
    assert_int_equal(current->arch.iopl, 0);
    /* RPL 1 and 2 are the kernel's, too. */
    frame.cs = 0xe031;
    iret(regs, &frame);
    assert_true(in_guest_kernel(current) && regs->cs == 0xe033);
    frame.cs = 0xe032;
    iret(regs, &frame);
    assert_true(in_guest_kernel(current));
    /* IOPL, for who asked for it */
    current->arch.rare |= RARE_ARCH_IOPL;
    iret(regs, &frame);
    assert_int_equal(current->arch.iopl, 0x3000);
    assert_false(regs->rflags & EFLAGS_IOPL);
    guest_end();
}

static void iret_to_user(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct iret_context frame = to_kernel;

    frame.cs = 0xe033;
    iret(regs, &frame);
    assert_false(in_guest_kernel(current));
    assert_true(host_registers()->gs_base == 0x7000);
    assert_true(host_registers()->cr3 == page_to_mfn(host_frame(current->domain, 0)).n << 12);
    assert_true(regs->error_code == 0 && regs->rcx == 3 && regs->r11 == 2);
    /* VGCF_in_syscall: by SYSRET, which loads RCX and R11 by itself. */
    frame.flags = 0x100;
    iret(regs, &frame);
    assert_int_equal(regs->error_code, FRAME_SYSCALL);
    assert_true(regs->rip == 5 && regs->cs == 0xe033 && regs->ss == 0xe02b);
    frame.flags = ~0x100UL;
    iret(regs, &frame);
    assert_int_equal(regs->error_code, 0);
    /* SYSRET cannot load these: IRET, with what it would leave in the registers. */
    frame.flags = 0x100;
    frame.rflags = 0x3257;
    frame.cs = 0xe023;
    iret(regs, &frame);
    assert_true(regs->error_code == 0 && regs->rcx == 5 && regs->r11 == 0x3257);
    assert_true(regs->cs == 0xe023 && regs->rflags == 0x257);
    frame.cs = 0xe033;
    frame.ss = 0x2b;
    iret(regs, &frame);
    assert_true(regs->error_code == 0 && regs->rcx == 5 && regs->r11 == 0x3257);
    assert_int_equal(regs->ss, 0x2b);
    guest_end();
}

static void iret_multicall(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    memcpy(window(STACK), &to_kernel, sizeof(to_kernel));
    regs->rsp = GUEST(STACK);
    assert_int_equal(do_iret(), 1);
    assert_true(regs->rip == 5);
    guest_end();
}

static void iret_fails(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct iret_context frame = to_kernel;

    local_irq_disable();
    frame.cs = 0xe033;
    current->arch.cr3 = host_registers()->cr3;
    host_become(current->domain->vcpu[1]); /* which has no user root */
    *guest_regs() = (struct cpu_user_regs){0};
    iret(regs, &frame);
    expect_crash(
        "its cs has RPL 3, user mode, which has no page table; frames of the kernel have e030");
    assert_false(local_irq_is_enabled());
    host_become(current->domain->vcpu[0]);
    guest_end();

    regs = guest_start(1);
    regs->rsp = HV_VIRT_START - 72;
    pv_iret(regs, current);
    expect_crash("the address is not the guest's");
    assert_true(local_irq_is_enabled());
    guest_end();
    /* In front of our range, and not in it. */
    regs = guest_start(1);
    regs->rsp = HV_VIRT_START - 80;
    pv_iret(regs, current);
    expect_crash("it is not mapped");
    guest_end();
    /* Each word of it counts. */
    for (unsigned int missing = 1; missing <= 9; missing++) {
        regs = guest_start(1);
        memcpy(window(STACK), &to_kernel, sizeof(to_kernel));
        regs->rsp = GUEST(STACK);
        host_guest_limit(0, STACK + 72 - missing * 8);
        pv_iret(regs, current);
        expect_crash("it is not mapped");
        host_guest_limit(0, 0);
        guest_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events),
        cmocka_unit_test(system_calls),
        cmocka_unit_test(compatibility_calls),
        cmocka_unit_test(failsafe),
        cmocka_unit_test(failsafe_crashes),
        cmocka_unit_test(nmis),
        cmocka_unit_test(exit_work),
        cmocka_unit_test(nmi_reasons),
        cmocka_unit_test(registrations),
        cmocka_unit_test(trap_table),
        cmocka_unit_test(hypercall_page),
        cmocka_unit_test(iret_to_kernel),
        cmocka_unit_test(iret_to_user),
        cmocka_unit_test(iret_multicall),
        cmocka_unit_test(iret_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
