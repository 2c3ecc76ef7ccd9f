/* SPDX-License-Identifier: MIT */
/*
 * Segments and privilege: local descriptor tables with 16- and 32-bit code, selectors that a return
 * must refuse, port access by permission, and instructions that user mode may not execute.
 */
#include "stress.h"

#include <asm/ldt.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#define LDT_SELECTOR(n) ((n) << 3 | 7)
#define USER_CODE_32    0x23

static bool set_descriptor(struct user_desc *descriptor)
{
    return syscall(SYS_modify_ldt, 0x11, descriptor, sizeof(*descriptor)) == 0;
}

/* Code below 4 GiB, where 32- and 16-bit segments reach it. */
static unsigned char *low_code(const void *code, size_t bytes)
{
    unsigned char *memory = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    check(memory != MAP_FAILED, "mmap: %s", strerror(errno));
    memcpy(memory, code, bytes);
    return memory;
}

struct far_pointer {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed));

/* Calls code of another segment, on a stack that it can reach; it ends with a far return of EAX. */
static uint32_t far_call(const struct far_pointer *target, void *stack)
{
    uint32_t result;

    __asm__ volatile("mov %%rsp, %%rbx\n\tmov %[stack], %%rsp\n\tlcall *(%[target])\n\t"
                     "mov %%rbx, %%rsp"
                     : "=a"(result)
                     : [target] "r"(target), [stack] "r"(stack)
                     : "rbx", "r8", "r9", "r10", "r11", "cc", "memory");
    return result;
}

/* ---- 32- and 16-bit code ---- */

static volatile unsigned int breakpoint_selector;

static void on_breakpoint(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;

    breakpoint_selector = (uint16_t)uc->uc_mcontext.gregs[REG_CSGSFS];
}

static void code_segments(unsigned int seconds)
{
    /* mov $20, %eax; int $0x80; retf: getpid, by the 32-bit numbers */
    static const unsigned char code32[] = {0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xcb};
    /* mov $0x1234, %ax; int3; o32 retf, in 16-bit code */
    static const unsigned char code16[] = {0xb8, 0x34, 0x12, 0xcc, 0x66, 0xcb};
    static const unsigned char trap32[] = {0xb8, 0x34, 0x12, 0, 0, 0xcc, 0xcb};
    struct sigaction action = {.sa_sigaction = on_breakpoint, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    unsigned char *text = low_code(code32, sizeof(code32));
    const stack_t handler_stack = {.ss_sp = map(64 << 10), .ss_size = 64 << 10};
    void *stack = text + PAGE_SIZE - 64;
    struct user_desc descriptor = {.entry_number = 3,
                                   .base_addr = (uint32_t)(uintptr_t)text + 64,
                                   .limit = 0xffff,
                                   .contents = MODIFY_LDT_CONTENTS_CODE};
    const struct far_pointer flat = {(uint32_t)(uintptr_t)text, USER_CODE_32};
    const struct far_pointer local = {0, LDT_SELECTOR(3)};
    uint64_t start = now();

    memcpy(text + 64, code16, sizeof(code16));
    if (!set_descriptor(&descriptor)) { /* a paravirtual kernel knows no 16-bit segments */
        descriptor.seg_32bit = 1;
        memcpy(text + 64, trap32, sizeof(trap32));
        check(set_descriptor(&descriptor), "no segment of 32-bit code");
    }
    sigaltstack(&handler_stack, NULL);
    sigaction(SIGTRAP, &action, NULL);
    do {
        check(far_call(&flat, stack) == (uint32_t)getpid(), "getpid from 32-bit code");
        check((far_call(&local, stack) & 0xffff) == 0x1234, "local code returned something else");
        check(breakpoint_selector == LDT_SELECTOR(3), "the breakpoint was in segment %#x",
              breakpoint_selector);
        sched_yield();
    } while (!elapsed(start, seconds));
}

/* ---- data segments: each process has its own table, of its own size ---- */

static uint32_t read_gs(void)
{
    uint32_t value;

    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

static void keep_table(unsigned int copy, unsigned int seconds)
{
    unsigned int number = copy * 1000;
    uint32_t *memory = (uint32_t *)(void *)low_code(&copy, sizeof(copy));
    struct user_desc descriptor = {.entry_number = number,
                                   .base_addr = (uint32_t)(uintptr_t)memory,
                                   .limit = 0xfffff,
                                   .seg_32bit = 1,
                                   .limit_in_pages = 1,
                                   .useable = 1};
    uint64_t start = now();

    do {
        uint16_t selector = LDT_SELECTOR(number), seen;

        descriptor.seg_not_present = 0;
        check(set_descriptor(&descriptor), "modify_ldt: %s", strerror(errno));
        __asm__ volatile("mov %0, %%gs" : : "r"(selector));
        for (unsigned int i = 0; i < 50; i++) {
            pid_t child = i == 10 ? spawn() : -1;

            check(read_gs() == copy, "segment %u shows %u", copy, read_gs());
            if (child == 0) { /* inherits the table and the selector */
                sched_yield();
                check(read_gs() == copy, "the child's segment %u shows %u", copy, read_gs());
                _exit(0);
            } else if (child > 0) {
                join(child);
            }
            sched_yield();
        }
        /* The segment goes while its selector is loaded: later switches must cope. */
        descriptor.seg_not_present = 1;
        check(set_descriptor(&descriptor), "modify_ldt: %s", strerror(errno));
        for (unsigned int i = 0; i < 10; i++) {
            sched_yield();
        }
        __asm__ volatile("mov %%gs, %0" : "=r"(seen));
        check(seen == selector || seen == 0, "GS is %#x", seen);
        __asm__ volatile("mov %0, %%gs" : : "r"(0));
    } while (!elapsed(start, seconds));
}

static void data_segments(unsigned int seconds)
{
    run_copies(6, keep_table, seconds);
}

/* ---- returns that must be refused ---- */

static unsigned int spoilt_register;
static unsigned long spoilt_value;

static void on_spoil(int signal, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    uc->uc_mcontext.gregs[spoilt_register] = (greg_t)spoilt_value;
}

static void return_spoilt(void)
{
    struct sigaction action = {.sa_sigaction = on_spoil, .sa_flags = SA_SIGINFO};

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
}

static void bad_returns(unsigned int seconds)
{
    static const struct {
        unsigned int number;
        unsigned long value;
    } bad[] = {
        {REG_CSGSFS, 0x002b000000001337}, {REG_CSGSFS, 0x002b000000000000},
        {REG_CSGSFS, 0x002b00000000fff3}, {REG_CSGSFS, 0x002b000000000083},
        {REG_CSGSFS, 0x133b000000000033}, {REG_CSGSFS, 0x0033000000000033},
        {REG_CSGSFS, 0x002b00000000e033}, {REG_CSGSFS, 0x002b00000000e008},
        {REG_RIP, 0x0000800000000000},    {REG_RIP, 0x8000000000000000},
        {REG_RIP, 0xffff800000000000},    {REG_RIP, 0xffff82d080200000},
        {REG_RIP, 0xffffffff81000000},    {REG_RIP, 0x00007ffffffff000},
        {REG_RSP, 0x0000800000000000},    {REG_RSP, 0xffff82d080200000},
        {REG_RSP, 0xffff880000000000},    {REG_RSP, 8},
    };
    uint64_t start = now();

    do {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            int signal;

            spoilt_register = bad[i].number;
            spoilt_value = bad[i].value;
            signal = fate_of(return_spoilt);
            /* Xen's own user segments are as good as Linux's. */
            if (bad[i].value != 0x002b00000000e033) {
                check(signal == SIGSEGV || signal == SIGBUS, "register %u = %#lx: signal %d",
                      bad[i].number, bad[i].value, signal);
            }
        }
    } while (!elapsed(start, seconds));
}

/* ---- instructions that need privilege ---- */

#define FATAL_INSTRUCTION(name, text)                                   \
    static void name(void)                                              \
    {                                                                   \
        __asm__ volatile(text ::: "memory", "rax", "rcx", "rdx", "cc"); \
    }

FATAL_INSTRUCTION(do_hlt, "hlt")
FATAL_INSTRUCTION(do_cli, "cli")
FATAL_INSTRUCTION(do_sti, "sti")
FATAL_INSTRUCTION(do_read_cr0, "mov %%cr0, %%rax")
FATAL_INSTRUCTION(do_write_cr3, "mov %%rax, %%cr3")
FATAL_INSTRUCTION(do_read_cr4, "mov %%cr4, %%rax")
FATAL_INSTRUCTION(do_read_dr7, "mov %%dr7, %%rax")
FATAL_INSTRUCTION(do_clts, "clts")
FATAL_INSTRUCTION(do_rdmsr, "mov $0xc0000080, %%ecx\n\trdmsr")
FATAL_INSTRUCTION(do_wrmsr, "mov $0xc0000080, %%ecx\n\twrmsr")
FATAL_INSTRUCTION(do_invlpg, "invlpg (%%rax)")
FATAL_INSTRUCTION(do_wbinvd, "wbinvd")
FATAL_INSTRUCTION(do_lidt, "lidt -16(%%rsp)")
FATAL_INSTRUCTION(do_lgdt, "lgdt -16(%%rsp)")
FATAL_INSTRUCTION(do_ltr, "mov $8, %%eax\n\tltr %%ax")
FATAL_INSTRUCTION(do_lldt, "xor %%eax, %%eax\n\tlldt %%ax")
FATAL_INSTRUCTION(do_lmsw, "lmsw %%ax")
FATAL_INSTRUCTION(do_swapgs, "swapgs")
FATAL_INSTRUCTION(do_sysret, "xor %%ecx, %%ecx\n\tsysretq")
FATAL_INSTRUCTION(do_in, "inb $0x80, %%al")
FATAL_INSTRUCTION(do_out, "outb %%al, $0x80")
FATAL_INSTRUCTION(do_ins, "insb")
FATAL_INSTRUCTION(do_int_32, "int $0x20")
FATAL_INSTRUCTION(do_int_82, "int $0x82")
FATAL_INSTRUCTION(do_int_page_fault, "int $14")
FATAL_INSTRUCTION(do_far_kernel, "pushq $0xe030\n\tpushq $0\n\tlretq")
FATAL_INSTRUCTION(do_wild_read, "mov $0x8000000000000000, %%rax\n\tmov (%%rax), %%rax")
FATAL_INSTRUCTION(do_read_hypervisor, "mov $0xffff82d080200000, %%rax\n\tmov (%%rax), %%rax")
FATAL_INSTRUCTION(do_write_m2p, "mov $0xffff800000000000, %%rax\n\tmov %%rax, (%%rax)")
FATAL_INSTRUCTION(do_read_direct_map, "mov $0xffff830000000000, %%rax\n\tmov (%%rax), %%rax")

static void privileged(unsigned int seconds)
{
    static void (*const actions[])(void) = {
        do_hlt,
        do_cli,
        do_sti,
        do_read_cr0,
        do_write_cr3,
        do_read_cr4,
        do_read_dr7,
        do_clts,
        do_rdmsr,
        do_wrmsr,
        do_invlpg,
        do_wbinvd,
        do_lidt,
        do_lgdt,
        do_ltr,
        do_lldt,
        do_lmsw,
        do_swapgs,
        do_sysret,
        do_in,
        do_out,
        do_ins,
        do_int_32,
        do_int_82,
        do_int_page_fault,
        do_far_kernel,
        do_wild_read,
        do_read_hypervisor,
        do_write_m2p,
        do_read_direct_map,
    };
    uint64_t start = now();

    do {
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
            int signal = fate_of(actions[i]);

            check(signal == SIGSEGV || signal == SIGBUS || signal == SIGILL,
                  "privileged instruction %zu: signal %d", i, signal);
        }
    } while (!elapsed(start, seconds));
}

/* ---- ports ---- */

/* A domain without hardware may ask for ports, too: it writes into the void and reads ones. */
static void use_iopl(void)
{
    if (iopl(3) == 0) {
        outb(0, 0x80);
        check(inb(0x3fd) == 0xff || !in_domu(), "a domain without hardware reads a port");
    }
}

static void use_ioperm(void)
{
    if (ioperm(0x80, 1, 1) == 0) {
        outb(0, 0x80);
    }
}

static void use_other_port(void)
{
    if (ioperm(0x80, 1, 1) == 0) {
        (void)inb(0x84);
    }
}

static void ports(unsigned int seconds)
{
    uint64_t start = now();

    do {
        check(fate_of(use_iopl) == 0, "ports after iopl");
        check(fate_of(use_ioperm) == 0, "a port after ioperm");
        check(fate_of(use_other_port) == SIGSEGV, "a port without permission");
        check(fate_of(do_in) == SIGSEGV, "a port after others used it");
    } while (!elapsed(start, seconds));
}

const struct subject segment_subjects[] = {
    {"code-segments", code_segments},
    {"data-segments", data_segments},
    {"bad-returns", bad_returns},
    {"privileged", privileged},
    {"ports", ports},
    {NULL, NULL},
};
