/* SPDX-License-Identifier: MIT */
/*
 * A guest that crashes in the way that its command line names, or else a line on its console, with
 * known values in registers and on its stack, so that a test can look for them in what the
 * hypervisor leaves behind:
 *
 *     trap      an exception without a handler
 *     stack     an exception whose frame has no place
 *     iret      a return whose frame is not mapped
 *     report    the kernel's own panic
 *     watchdog  a watchdog that is never fed
 */
#include <console.h>
#include <guest.h>
#include <hypercall.h>
#include <public/sched.h>
#include <stdio.h>
#include <string.h>

#define NOWHERE 0x10000000ul

/* Values to be found: R12, and the topmost word of the stack. */
#define KNOWN_VALUES \
    "movabs $0x1234abcd5678ef90, %%r12; movabs $0x0f1e2d3c4b5a6978, %%rax; push %%rax\n\t"

static void crash_by_trap(void)
{
    hypercall_set_trap_table(NULL);
    asm volatile(KNOWN_VALUES "ud2" ::: "r12", "rax", "memory");
}

static void crash_by_stack(void)
{
    asm volatile(KNOWN_VALUES "mov %0, %%rsp; ud2" ::"r"(NOWHERE) : "r12", "rax", "memory");
}

static void crash_by_iret(void)
{
    asm volatile(KNOWN_VALUES "mov %0, %%rsp; mov %1, %%eax; syscall" ::"r"(NOWHERE),
                 "i"(__HYPERVISOR_iret)
                 : "r12", "rax", "memory");
}

static void crash_by_report(void)
{
    static struct sched_shutdown shutdown = {.reason = SHUTDOWN_crash};

    asm volatile(KNOWN_VALUES "mov %0, %%eax; mov %1, %%edi; syscall" ::"i"(__HYPERVISOR_sched_op),
                 "i"(SCHEDOP_shutdown), "S"(&shutdown)
                 : "r12", "rax", "rdi", "memory");
}

static void crash_by_watchdog(void)
{
    struct sched_watchdog watchdog = {.timeout = 1};

    hypercall_sched_op(SCHEDOP_watchdog, &watchdog);
    asm volatile(KNOWN_VALUES "1: pause; jmp 1b" ::: "r12", "rax", "memory");
}

static void crash_as(const char *name)
{
    static const struct {
        const char *name;
        void (*crash)(void);
    } ways[] = {
        {"trap", crash_by_trap},     {"stack", crash_by_stack},       {"iret", crash_by_iret},
        {"report", crash_by_report}, {"watchdog", crash_by_watchdog},
    };

    for (unsigned int i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (!strcmp(name, ways[i].name))
            ways[i].crash();
}

void guest_main(void)
{
    char line[32];

    printf("crash how?\n");
    crash_as(guest_command_line());
    for (;;) {
        console_read_line(line, sizeof(line));
        crash_as(line);
        printf("crash how?\n");
    }
}
