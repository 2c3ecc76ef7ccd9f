/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and debugging: single steps, breakpoints in instructions and in debug registers, and
 * the signals and addresses that exceptions become.
 */
#include "stress.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- single steps ---- */

extern const char nops_begin[], nops_end[];
__asm__(
    ".pushsection .text\nnops:\nnops_begin: .rept 64\n\tnop\n\t.endr\nnops_end: ret\n.popsection");
void nops(void);

static void wait_stop(pid_t child, int signal)
{
    int status;

    check(waitpid(child, &status, 0) == child, "waitpid: %s", strerror(errno));
    check(WIFSTOPPED(status) && WSTOPSIG(status) == signal, "status %#x, not a stop by signal %d",
          status, signal);
}

static pid_t traced_child(void (*action)(void))
{
    pid_t child = spawn();

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        action();
        _exit(0);
    }
    wait_stop(child, SIGSTOP);
    return child;
}

/* Over system calls and page faults, until the child has run the 64 instructions one by one. */
static void step_round(void)
{
    pid_t child = traced_child(nops);
    unsigned long expected = (uintptr_t)nops_begin;
    struct user_regs_struct regs;

    for (unsigned int i = 0; i < 20000 && expected < (uintptr_t)nops_end; i++) {
        check(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0, "step: %s", strerror(errno));
        wait_stop(child, SIGTRAP);
        check(ptrace(PTRACE_GETREGS, child, NULL, &regs) == 0, "registers: %s", strerror(errno));
        if (expected > (uintptr_t)nops_begin || regs.rip == expected) {
            check(regs.rip == expected, "step to %#llx, not %#lx", regs.rip, expected);
            expected++;
        }
    }
    check(expected == (uintptr_t)nops_end, "the instructions were never reached");
    ptrace(PTRACE_CONT, child, NULL, NULL);
    join(child);
}

static void steps(unsigned int seconds)
{
    uint64_t start = now();

    do {
        step_round();
    } while (!elapsed(start, seconds));
}

/* A process that steps itself, through a system call. */
static volatile unsigned int own_steps;

static void on_own_step(int signal, siginfo_t *info, void *context)
{
    own_steps++;
}

static void own_trap_flag(unsigned int seconds)
{
    struct sigaction action = {.sa_sigaction = on_own_step, .sa_flags = SA_SIGINFO};
    uint64_t start = now();

    sigaction(SIGTRAP, &action, NULL);
    do {
        own_steps = 0;
        __asm__ volatile(
            "sub $256, %%rsp\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop\n\t"
            "mov %0, %%eax\n\tsyscall\n\tnop\n\tpushfq\n\tandl $~0x100, (%%rsp)\n\t"
            "popfq\n\tnop\n\tadd $256, %%rsp"
            :
            : "i"(SYS_getpid)
            : "rax", "rcx", "r11", "cc", "memory");
        /* nop, nop, mov, nop, pushf, andl, popf, and after the system call where the CPU says so */
        check(own_steps == 7 || own_steps == 8, "%u steps, not 7 or 8", own_steps);
    } while (!elapsed(start, seconds));
}

/* ---- debug registers ---- */

static volatile uint64_t watched[16];
static volatile unsigned int watched_index;

static void write_watched(void)
{
    for (unsigned int i = 0; i < 50; i++) {
        for (unsigned int j = 0; j < 16; j++) {
            if (j != watched_index) {
                watched[j]++;
            }
        }
        sched_yield();
        watched[watched_index] = i;
        __asm__ volatile("nop");
    }
    nops();
}

static void set_debug_register(pid_t child, unsigned int number, unsigned long value)
{
    check(ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg) + number * 8, value) ==
              0,
          "debug register %u: %s", number, strerror(errno));
}

static unsigned long debug_status(pid_t child)
{
    return (unsigned long)ptrace(PTRACE_PEEKUSER, child,
                                 offsetof(struct user, u_debugreg) + 6 * sizeof(long), NULL);
}

/* Several at once, each with an address of its own in the same registers. */
static void watch_round(unsigned int copy, unsigned int seconds)
{
    uint64_t start = now();

    watched_index = copy;
    do {
        struct user_regs_struct regs;
        pid_t child = traced_child(write_watched);

        set_debug_register(child, 0, (uintptr_t)&watched[copy]);
        set_debug_register(child, 1, (uintptr_t)nops_begin + copy);
        set_debug_register(child, 7, 1 | 4 | 0x9UL << 16); /* write of eight bytes; execution */
        for (unsigned int i = 0; i < 50; i++) {
            ptrace(PTRACE_CONT, child, NULL, NULL);
            wait_stop(child, SIGTRAP);
            check((debug_status(child) & 0xf) == 1, "write %u: status %#lx", i,
                  debug_status(child));
            check((unsigned long)ptrace(PTRACE_PEEKDATA, child, &watched[copy], NULL) == i,
                  "write %u was not done", i);
            set_debug_register(child, 6, 0);
        }
        ptrace(PTRACE_CONT, child, NULL, NULL);
        wait_stop(child, SIGTRAP);
        check((debug_status(child) & 0xf) == 2, "execution: status %#lx", debug_status(child));
        ptrace(PTRACE_GETREGS, child, NULL, &regs);
        check(regs.rip == (uintptr_t)nops_begin + copy, "execution stopped at %#llx", regs.rip);
        set_debug_register(child, 7, 0);
        ptrace(PTRACE_CONT, child, NULL, NULL);
        join(child);
    } while (!elapsed(start, seconds));
}

static void watchpoints(unsigned int seconds)
{
    pid_t child = traced_child(nops);
    long rc = ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg), watched);

    ptrace(PTRACE_CONT, child, NULL, NULL);
    join(child);
    if (rc < 0) {
        skip("debug registers: %s", strerror(errno));
    }
    run_copies(4, watch_round, seconds);
}

/* ---- exceptions ---- */

static sigjmp_buf exception_return;
static volatile siginfo_t exception;
static volatile unsigned long exception_error, exception_number;

static void on_exception(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *uc = context;

    exception = *info;
    exception_error = (unsigned long)uc->uc_mcontext.gregs[REG_ERR];
    exception_number = (unsigned long)uc->uc_mcontext.gregs[REG_TRAPNO];
    siglongjmp(exception_return, 1);
}

#define EXPECT_EXCEPTION(text, number, error, signal, code)                                \
    do {                                                                                   \
        if (sigsetjmp(exception_return, 1) == 0) {                                         \
            __asm__ volatile(text ::: "rax", "rcx", "rdx", "cc", "memory");                \
            fail("no exception: %s", text);                                                \
        }                                                                                  \
        check(exception_number == (number) && exception_error == (error) &&                \
                  exception.si_signo == (signal) && exception.si_code == (code),           \
              "%s: exception %lu, error %#lx, signal %d, code %d", text, exception_number, \
              exception_error, exception.si_signo, exception.si_code);                     \
    } while (0)

static void exceptions(unsigned int seconds)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction action = {.sa_sigaction = on_exception, .sa_flags = SA_SIGINFO};
    uint64_t start = now();

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaction(signals[i], &action, NULL);
    }
    do {
        EXPECT_EXCEPTION("xor %%eax, %%eax\n\txor %%edx, %%edx\n\tdiv %%eax", 0, 0, SIGFPE,
                         FPE_INTDIV);
        EXPECT_EXCEPTION("int3", 3, 0, SIGTRAP, SI_KERNEL);
        EXPECT_EXCEPTION("ud2", 6, 0, SIGILL, ILL_ILLOPN);
        EXPECT_EXCEPTION("mov $0x1337, %%eax\n\tmov %%ax, %%ds", 13, 0x1334, SIGSEGV, SI_KERNEL);
        EXPECT_EXCEPTION("mov $0x8000000000000000, %%rax\n\tmov (%%rax), %%rax", 13, 0, SIGSEGV,
                         SI_KERNEL);
        EXPECT_EXCEPTION("mov 8, %%rax", 14, 4, SIGSEGV, SEGV_MAPERR);
        check(exception.si_addr == (void *)8, "address %p, not 8", exception.si_addr);
        EXPECT_EXCEPTION("movb $1, 16", 14, 6, SIGSEGV, SEGV_MAPERR);
        check(exception.si_addr == (void *)16, "address %p, not 16", exception.si_addr);
    } while (!elapsed(start, seconds));
}

const struct subject debug_subjects[] = {
    {"steps", steps},
    {"own-trap-flag", own_trap_flag},
    {"watchpoints", watchpoints},
    {"exceptions", exceptions},
    {NULL, NULL},
};
