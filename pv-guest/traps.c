/* SPDX-License-Identifier: MIT */
/*
 * Exceptions, after entry.S saved the registers. From user mode all go to user_run()'s caller. An
 * exception of kernel mode goes to trap_catch(), else to the hook, else it ends the domain.
 */
#include <guest.h>
#include <hypercall.h>
#include <stdio.h>

#include "internal.h"

#define RFLAGS_TF (1u << 8)
#define RFLAGS_DF (1u << 10)
#define RFLAGS_NT (1u << 14)
#define RFLAGS_AC (1u << 18)

#define TRAP_ENTRIES(ENTRY)                            \
    ENTRY(TRAP_DIVIDE, 0, trap_divide)                 \
    ENTRY(TRAP_DEBUG, 0, trap_debug)                   \
    ENTRY(TRAP_NMI, 0, trap_nmi)                       \
    ENTRY(TRAP_BREAKPOINT, 3, trap_breakpoint)         \
    ENTRY(TRAP_OVERFLOW, 3, trap_overflow)             \
    ENTRY(TRAP_BOUNDS, 0, trap_bounds)                 \
    ENTRY(TRAP_INVALID_OPCODE, 0, trap_invalid_opcode) \
    ENTRY(TRAP_NO_DEVICE, 0, trap_no_device)           \
    ENTRY(TRAP_DOUBLE_FAULT, 0, trap_double_fault)     \
    ENTRY(TRAP_INVALID_TSS, 0, trap_invalid_tss)       \
    ENTRY(TRAP_NO_SEGMENT, 0, trap_no_segment)         \
    ENTRY(TRAP_STACK, 0, trap_stack)                   \
    ENTRY(TRAP_GP, 0, trap_gp)                         \
    ENTRY(TRAP_PAGE_FAULT, 0, trap_page_fault)         \
    ENTRY(TRAP_X87, 0, trap_x87)                       \
    ENTRY(TRAP_ALIGNMENT, 0, trap_alignment)           \
    ENTRY(TRAP_MACHINE_CHECK, 0, trap_machine_check)   \
    ENTRY(TRAP_SIMD, 0, trap_simd)                     \
    ENTRY(TRAP_INT80, 3, trap_int80)

#define DECLARE_STUB(number, dpl, stub) void stub(void);
TRAP_ENTRIES(DECLARE_STUB)

#define TABLE_ENTRY(number, dpl, stub) {number, dpl, FLAT_KERNEL_CS, (unsigned long)stub},
const trap_info_t trap_table[] = {TRAP_ENTRIES(TABLE_ENTRY){0, 0, 0, 0}};

/* State of a trap_catch() that is under way. */
struct catch_state {
    uint64_t stack;
    struct trap_report *report;
};

static const char *trap_name(uint64_t vector)
{
    static const char *const names[] = {
        "divide error",
        "debug",
        "NMI",
        "breakpoint",
        "overflow",
        "bound range",
        "invalid opcode",
        "device not available",
        "double fault",
        "9",
        "invalid TSS",
        "segment not present",
        "stack fault",
        "general protection",
        "page fault",
        "15",
        "x87 error",
        "alignment check",
        "machine check",
        "SIMD error",
    };

    return vector < sizeof(names) / sizeof(names[0]) ? names[vector] : "callback";
}

static _Noreturn void report_fatal(const struct registers *regs)
{
    printf("unexpected %s (vector %#lx, error code %#lx, address %#lx)\n", trap_name(regs->vector),
           regs->vector, regs->error_code, trap_fault_address());
    printf("rip %04lx:%016lx rsp %016lx rflags %08lx\n", regs->cs & 0xffff, regs->rip, regs->rsp,
           regs->rflags);
    printf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", regs->rax, regs->rbx, regs->rcx,
           regs->rdx);
    printf("rsi %016lx rdi %016lx rbp %016lx r8  %016lx\n", regs->rsi, regs->rdi, regs->rbp,
           regs->r8);
    printf("r9  %016lx r10 %016lx r11 %016lx r12 %016lx\n", regs->r9, regs->r10, regs->r11,
           regs->r12);
    printf("r13 %016lx r14 %016lx r15 %016lx\n", regs->r13, regs->r14, regs->r15);
    guest_shutdown(SHUTDOWN_crash);
}

uint64_t trap_fault_address(void)
{
    return this_vcpu()->info->arch.cr2;
}

trap_hook trap_set_hook(trap_hook hook)
{
    struct vcpu *vcpu = this_vcpu();
    trap_hook old = vcpu->hook;

    vcpu->hook = hook;
    return old;
}

bool trap_catch(void (*function)(void *), void *argument, struct trap_report *report)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch_state *outer = vcpu->catching;
    struct catch_state state = {.report = report};
    bool trapped;

    if (report)
        report->trapped = false;
    vcpu->catching = &state;
    trapped = catch_call(function, argument, &state.stack) != 0;
    vcpu->catching = outer;
    return trapped;
}

static void resume_catcher(struct vcpu *vcpu, struct registers *regs)
{
    struct catch_state *state = vcpu->catching;

    vcpu->catching = NULL;
    if (state->report) {
        state->report->trapped = true;
        state->report->regs = *regs;
        state->report->address = trap_fault_address();
    }
    regs->rip = (uint64_t)catch_resume;
    regs->rsp = state->stack;
    regs->cs = FLAT_KERNEL_CS & ~3ul;
    regs->ss = FLAT_KERNEL_SS;
    regs->rflags &= ~(uint64_t)(RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC);
}

void trap_dispatch(struct registers *regs)
{
    struct vcpu *vcpu = this_vcpu();

    if (registers_from_user(regs) && vcpu->user_regs) {
        *vcpu->user_regs = *regs;
        vcpu->user_regs = NULL;
        user_leave(vcpu->user_frame);
    }
    if (vcpu->hook && vcpu->hook(regs))
        return;
    if (!vcpu->catching)
        report_fatal(regs);
    resume_catcher(vcpu, regs);
}

void traps_init(void)
{
    static const struct callback_register callbacks[] = {
        {.type = CALLBACKTYPE_event, .address = (unsigned long)event_entry},
        {.type = CALLBACKTYPE_failsafe, .address = (unsigned long)trap_failsafe},
        {.type = CALLBACKTYPE_syscall, .address = (unsigned long)trap_syscall},
        {.type = CALLBACKTYPE_syscall32, .address = (unsigned long)trap_syscall32},
        {.type = CALLBACKTYPE_sysenter, .address = (unsigned long)trap_sysenter},
    };

    if (hypercall_set_trap_table(trap_table))
        guest_panic("cannot set the trap table");
    for (unsigned int i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
        long error = hypercall_callback_op(CALLBACKOP_register, &callbacks[i]);

        /*
         * On a CPU without syscall32 or sysenter the last two are refused; nothing needs them then.
         */
        if (error && callbacks[i].type <= CALLBACKTYPE_syscall)
            guest_panic("callback %u refused: %ld", callbacks[i].type, error);
    }
}
