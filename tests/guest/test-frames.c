/* SPDX-License-Identifier: MIT */
/*
 * What a kernel finds on its stack when it is entered, word for word, and the two ways to call the
 * iret hypercall: what docs/frames.md says.
 */
#include <events.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <public/arch-x86/xen.h>
#include <stdlib.h>
#include <string.h>
#include <traps.h>
#include <user.h>
#include <vcpu.h>

#include "harness.h"

#define WORDS     12
#define CODE      0x400000ul
#define CS_KERNEL (FLAT_KERNEL_CS & ~3u) /* as frames have it */
#define IF        0x200ul

/* What an entry below has seen. */
uint64_t frame_address, frame_mask, frame_words[WORDS], frame_rax;
volatile uint32_t frame_done; /* the failsafe callback has run */
/* Where a hypercall's result or a register is left. */
uint64_t frame_results[4];

/* Entries that write the frame down: for a software interrupt, #GP, an event, SYSCALL. */
void frame_interrupt(void);
void frame_gp(void);
void frame_event(void);
void frame_syscall(void);
void frame_direct(void);
void frame_in_syscall(void);
void frame_failsafe(void);
void frame_not_reached(void);
/* pv-guest's own. */
void event_entry(void);
void trap_syscall(void);

/* All registers stay as they were. */
asm(".macro write_down\n"
    "    mov %rax, frame_rax(%rip)\n"
    "    mov %rsp, frame_address(%rip)\n"
    "    mov shared_info(%rip), %rax\n"
    "    movzbl 1(%rax), %eax\n" /* vcpu_info[0].evtchn_upcall_mask */
    "    mov %rax, frame_mask(%rip)\n"
    "    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11\n"
    "    mov 8 * \\i(%rsp), %rax\n"
    "    mov %rax, frame_words + 8 * \\i(%rip)\n"
    "    .endr\n"
    "    mov frame_rax(%rip), %rax\n"
    ".endm\n"
    "frame_interrupt:\n"
    "    write_down\n"
    "    pop %rcx\n"
    "    pop %r11\n"
    "    push $0\n"
    "    jmp hypercall_page + 23 * 32\n"
    "frame_gp:\n"
    "    write_down\n"
    "    incq 24(%rsp)\n" /* rip: past hlt */
    "    pop %rcx\n"
    "    pop %r11\n"
    "    movq $0, (%rsp)\n"
    "    jmp hypercall_page + 23 * 32\n"
    "frame_event:\n"
    "    write_down\n"
    "    jmp event_entry\n"
    "frame_syscall:\n"
    "    write_down\n"
    "    jmp trap_syscall\n"
    /* The whole of struct iret_context, and SYSCALL instead of the stub. */
    "frame_direct:\n"
    "    write_down\n"
    "    pop %rcx\n"
    "    pop %r11\n"
    "    push $0\n"
    "    push %rcx\n"
    "    push %r11\n"
    "    push $0x77\n" /* rax */
    "    mov $23, %eax\n"
    "    syscall\n"
    "frame_in_syscall:\n"
    "    write_down\n"
    "    pop %rcx\n"
    "    movq $256, (%rsp)\n" /* VGCF_in_syscall */
    "    jmp hypercall_page + 23 * 32\n"
    /* On vCPU 1, for good. */
    "frame_failsafe:\n"
    "    write_down\n"
    "    mov %ds, %eax\n"
    "    mov %rax, frame_results(%rip)\n"
    "    movl $1, frame_done(%rip)\n"
    "    mov $2, %edi\n" /* VCPUOP_down */
    "    mov $1, %esi\n"
    "    call hypercall_page + 24 * 32\n"
    "frame_not_reached:\n"
    "    ud2\n");

static void set_entry(uint8_t vector, uint8_t flags, void (*entry)(void))
{
    const trap_info_t table[] = {{vector, flags, FLAT_KERNEL_CS, (unsigned long)entry}, {0}};

    CHECK_EQ(hypercall_set_trap_table(table), 0);
}

static void set_callback(uint16_t type, void (*entry)(void))
{
    struct callback_register callback = {.type = type, .address = (unsigned long)entry};

    CHECK_EQ(hypercall_callback_op(CALLBACKOP_register, &callback), 0);
}

/* The five words that the processor would push, from frame_words[at] on. */
static void check_processor_words(unsigned int at, uint64_t rip, uint64_t cs, uint64_t mask,
                                  uint64_t rsp, uint64_t ss)
{
    CHECK_EQ(frame_words[at], rip);
    CHECK_EQ(frame_words[at + 1] & 0xffff, cs);
    CHECK_EQ(frame_words[at + 1] >> 32, mask);
    CHECK_EQ(frame_words[at + 2] & IF, mask ? 0 : IF);
    CHECK_EQ(frame_words[at + 3], rsp);
    CHECK_EQ(frame_words[at + 4] & 0xffff, ss);
}

/* Execute an instruction with known values in rcx, r11 and rax, and the stack off by 8. */
#define EXECUTE(instruction, rsp, rip, rcx_after, r11_after, rax_after)                       \
    asm volatile("push %%rbp\n\tmov %%rsp, %%rbp\n\tand $-16, %%rsp\n\tsub $8, %%rsp\n\t"     \
                 "mov %%rsp, %0\n\tlea 1f(%%rip), %%rcx\n\tmov %%rcx, %1\n\t"                 \
                 "mov $0xc0ffee, %%ecx\n\tmov $0xbeef, %%r11d\n\tmov $0x1234, %%eax\n\t"      \
                 "1:\t" instruction "\n\tmov %%rcx, %2\n\tmov %%r11, %3\n\tmov %%rax, %4\n\t" \
                 "leave"                                                                      \
                 : "=m"(rsp), "=m"(rip), "=m"(rcx_after), "=m"(r11_after), "=m"(rax_after)    \
                 :                                                                            \
                 : "rax", "rcx", "r11", "memory", "cc")

static uint64_t at_rsp, at_rip, after_rcx, after_r11, after_rax;

static void check_returned(uint64_t rax)
{
    CHECK_EQ(after_rcx, 0xc0ffee);
    CHECK_EQ(after_r11, 0xbeef);
    CHECK_EQ(after_rax, rax);
}

/* rcx r11 rip cs rflags rsp ss, below the interrupted stack rounded down to 16 bytes. */
static void check_interrupt(uint64_t mask)
{
    CHECK_EQ(frame_address, (at_rsp & ~15ul) - 7 * 8);
    CHECK_EQ(frame_words[0], 0xc0ffee);
    CHECK_EQ(frame_words[1], 0xbeef);
    check_processor_words(2, at_rip + 1, CS_KERNEL, mask, at_rsp, FLAT_KERNEL_SS);
}

static void test_exception(void)
{
    set_entry(TRAP_BREAKPOINT, 3, frame_interrupt);
    EXECUTE("int3", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    check_interrupt(0);
    CHECK_EQ(frame_mask, 0); /* an exception masks nothing by itself */
    check_returned(0x1234);
    /* Flag 4 masks events at the entry; iret restores them from RFLAGS.IF. */
    set_entry(TRAP_BREAKPOINT, 3 | 4, frame_interrupt);
    EXECUTE("int3", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    check_interrupt(0);
    CHECK_EQ(frame_mask, 1);
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 0);
    /* With events masked before. */
    shared_info->vcpu_info[0].evtchn_upcall_mask = 1;
    EXECUTE("int3", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    CHECK_EQ(shared_info->vcpu_info[0].evtchn_upcall_mask, 1);
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    check_interrupt(1);
}

/* With an error code, between r11 and rip. hlt is refused with #GP. */
static void test_error_code(void)
{
    set_entry(TRAP_GP, 0, frame_gp);
    EXECUTE("hlt", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    CHECK_EQ(frame_address, (at_rsp & ~15ul) - 8 * 8);
    CHECK_EQ(frame_words[0], 0xc0ffee);
    CHECK_EQ(frame_words[1], 0xbeef);
    CHECK_EQ(frame_words[2], 0);
    check_processor_words(3, at_rip, CS_KERNEL, 0, at_rsp, FLAT_KERNEL_SS);
    check_returned(0x1234);
}

/* The stub pushes rax, r11 and rcx; a direct SYSCALL finds all nine words. */
static void test_direct_iret(void)
{
    set_entry(TRAP_BREAKPOINT, 3, frame_direct);
    EXECUTE("int3", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    check_interrupt(0);
    check_returned(0x77);
}

/* As SYSRET would leave them. */
static void test_in_syscall(void)
{
    set_entry(TRAP_BREAKPOINT, 3, frame_in_syscall);
    EXECUTE("int3", at_rsp, at_rip, after_rcx, after_r11, after_rax);
    check_interrupt(0);
    CHECK_EQ(after_rcx, at_rip + 1);
    CHECK_EQ(after_r11 & IF, IF);
    CHECK_EQ(after_rax, 0x1234);
}

static void ignore(evtchn_port_t port, void *argument)
{
}

static void test_event(void)
{
    int port = event_bind_ipi(0);

    CHECK(port >= 0);
    event_set_handler((evtchn_port_t)port, ignore, NULL);
    set_callback(CALLBACKTYPE_event, frame_event);
    frame_address = 0;
    event_send((evtchn_port_t)port);
    CHECK(frame_address != 0);
    CHECK_EQ(frame_address & 15, 8);
    CHECK_EQ(frame_mask, 1);
    CHECK_EQ(frame_words[3] & 0xffff, CS_KERNEL);
    CHECK_EQ(frame_words[3] >> 32, 0); /* as it was before */
    CHECK_EQ(frame_words[4] & IF, IF);
    CHECK_EQ(frame_words[6] & 0xffff, FLAT_KERNEL_SS);
    set_callback(CALLBACKTYPE_event, event_entry);
    event_close((evtchn_port_t)port);
}

/* RCX and R11 of the frame are what SYSCALL made of them: rip and rflags. */
static void test_syscall(void)
{
    struct registers regs = {.rip = CODE, .rsp = 0x123450};
    struct user_space space;
    uint8_t *code = page_alloc_zeroed();

    CHECK(code != NULL);
    CHECK_EQ(user_space_create(&space), 0);
    CHECK_EQ(user_map(&space, CODE, va_to_mfn(code), PTE_KERNEL_TEXT), 0);
    memcpy(code, "\x0f\x05", 2);
    set_callback(CALLBACKTYPE_syscall, frame_syscall);
    user_run(&space, &regs);
    set_callback(CALLBACKTYPE_syscall, trap_syscall);
    CHECK_EQ(frame_address & 15, 8);
    CHECK_EQ(frame_words[0], CODE + 2);
    CHECK_EQ(frame_words[1], regs.rflags);
    check_processor_words(2, CODE + 2, FLAT_USER_CS64, 0, 0x123450, FLAT_USER_SS64);
    user_space_destroy(&space);
    page_free(code);
}

/* A vCPU begins with a ds that cannot be loaded. */
static void test_failsafe(void)
{
    struct vcpu_guest_context *context = calloc(1, sizeof(*context));
    uint8_t *stack = page_alloc_zeroed();

    CHECK(context && stack);
    if (vcpu_is_up(1) < 0) {
        free(context);
        return; /* the domain has one vCPU */
    }
    context->flags = VGCF_in_kernel;
    context->user_regs.rip = (unsigned long)frame_not_reached;
    context->user_regs.rsp = (unsigned long)(stack + PAGE_SIZE - 72);
    context->user_regs.rcx = 0xc0ffee;
    context->user_regs.r11 = 0xbeef;
    context->user_regs.cs = FLAT_KERNEL_CS;
    context->user_regs.ss = FLAT_KERNEL_SS;
    context->user_regs.ds = 0xfff0; /* beyond the GDT */
    context->user_regs.rflags = IF;
    context->kernel_ss = FLAT_KERNEL_SS;
    context->kernel_sp = (unsigned long)(stack + PAGE_SIZE - 64);
    context->ctrlreg[3] = va_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT;
    context->event_callback_eip = (unsigned long)event_entry;
    context->failsafe_callback_eip = (unsigned long)frame_failsafe;
    context->syscall_callback_eip = (unsigned long)trap_syscall;
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_initialise, 1, context), 0);
    CHECK_EQ(hypercall_vcpu_op(VCPUOP_up, 1, NULL), 0);
    for (unsigned int i = 0; i < 1000000 && !frame_done; i++)
        hypercall_sched_op(SCHEDOP_yield, NULL);
    /* rcx r11 ds es fs gs rip cs rflags rsp ss */
    CHECK_EQ(frame_address, (context->user_regs.rsp & ~15ul) - 11 * 8);
    CHECK_EQ(frame_words[0], 0xc0ffee);
    CHECK_EQ(frame_words[1], 0xbeef);
    CHECK_EQ(frame_words[2] & 0xffff, 0xfff0);
    CHECK_EQ(frame_results[0] & 0xffff, 0); /* what was loaded instead */
    CHECK_EQ(frame_words[3] & 0xffff, 0);
    CHECK_EQ(frame_words[4] & 0xffff, 0);
    CHECK_EQ(frame_words[5] & 0xffff, 0);
    /* A new vCPU has its events masked, whatever its RFLAGS say. */
    check_processor_words(6, (unsigned long)frame_not_reached, CS_KERNEL, 1, context->user_regs.rsp,
                          FLAT_KERNEL_SS);
    free(context);
}

/* What a call by the stub, and one by SYSCALL itself, leave of rcx, r11 and the arguments. */
static void test_calls(void)
{
    uint64_t rcx = 0xc0ffee, rdi = XENVER_version, rsi = 0, rdx = 3, result = 17;
    register uint64_t r10 asm("r10") = 10;
    register uint64_t r8 asm("r8") = 8;
    register uint64_t r9 asm("r9") = 9;
    register uint64_t r11 asm("r11") = 0xbeef;
    uint64_t here;

    asm volatile("call hypercall_page + 17 * 32"
                 : "+a"(result), "+c"(rcx), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10), "+r"(r8),
                   "+r"(r9), "+r"(r11)
                 :
                 : "memory", "cc");
    frame_results[0] = r11;
    CHECK_EQ(result >> 16, 4);
    CHECK_EQ(rcx, 0xc0ffee);
    CHECK_EQ(frame_results[0], 0xbeef);
    result = 17;
    rdi = XENVER_version;
    rsi = 0;
    asm volatile("syscall\n1:\tlea 1b(%%rip), %1"
                 : "+a"(result), "=r"(here), "+c"(rcx), "+D"(rdi), "+S"(rsi), "+d"(rdx), "+r"(r10),
                   "+r"(r8), "+r"(r9), "+r"(r11)
                 :
                 : "memory", "cc");
    frame_results[0] = r11;
    CHECK_EQ(result >> 16, 4);
    CHECK_EQ(rcx, here);
    CHECK_EQ(frame_results[0] & IF, IF);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"exception", test_exception},
        {"error_code", test_error_code},
        {"direct_iret", test_direct_iret},
        {"in_syscall", test_in_syscall},
        {"event", test_event},
        {"syscall", test_syscall},
        {"failsafe", test_failsafe},
        {"calls", test_calls},
        {NULL, NULL},
    };

    run_tests(tests);
}
