/* SPDX-License-Identifier: MIT */
/*
 * A guest that crashes in the way that its command line names, or else a line on its console, with
 * known values in registers and on its stack, so that a test can look for them in what the
 * hypervisor leaves behind:
 *
 *     trap      an exception without a handler
 *     stack     an exception whose frame has no place
 *     pushes    the same with a stack that is mapped read-only
 *     chain     an exception whose handler raises another one, until the stack ends
 *     general   CLI, without a trap table
 *     fault     a read of what is not mapped, without a trap table
 *     event     an event without an event callback
 *     iret      a return whose frame is not mapped
 *     rings     a return to the kernel whose frame says user mode, which has no page table
 *     report    the kernel's own panic
 *     watchdog  a watchdog that is never fed
 */
#include <console.h>
#include <guest.h>
#include <hypercall.h>
#include <pagetable.h>
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

static void crash_by_read_only_stack(void)
{
    static char page[8192] __attribute__((aligned(4096)));
    unsigned long top = (unsigned long)(page + 4096);

    if (hypercall_update_va_mapping(page, *pte_lookup(page, 1) & ~PTE_RW, UVMF_INVLPG))
        return;
    asm volatile(KNOWN_VALUES "mov %0, %%rsp; ud2" ::"r"(top) : "r12", "rax", "memory");
}

void faulting_handler(void);
/* #PF raises #UD, whose handler raises it again. */
asm("faulting_handler: ud2; ud2");

static void crash_by_chain(void)
{
    static char stack[8192] __attribute__((aligned(4096)));
    static const trap_info_t traps[] = {
        {.vector = 6, .cs = FLAT_KERNEL_CS, .address = (unsigned long)faulting_handler},
        {.vector = 14, .cs = FLAT_KERNEL_CS, .address = (unsigned long)faulting_handler + 2},
        {0}};

    if (hypercall_set_trap_table(traps) ||
        hypercall_update_va_mapping(stack, *pte_lookup(stack, 1) & ~PTE_RW, UVMF_INVLPG))
        return;
    asm volatile(KNOWN_VALUES "mov %0, %%rsp; mov (%1), %%rcx" ::"r"(stack + sizeof(stack)),
                 "r"(NOWHERE)
                 : "r12", "rax", "rcx", "memory");
}

static void crash_by_general_protection(void)
{
    hypercall_set_trap_table(NULL);
    asm volatile(KNOWN_VALUES "cli" ::: "r12", "rax", "memory");
}

static void crash_by_page_fault(void)
{
    hypercall_set_trap_table(NULL);
    asm volatile(KNOWN_VALUES "mov (%0), %%rcx" ::"r"(NOWHERE) : "r12", "rax", "rcx", "memory");
}

/* What is pending and not masked is delivered on the way out of the next hypercall. */
static void crash_by_event(void)
{
    hypercall_set_callbacks(0, 0, 0);
    shared_info->vcpu_info[0].evtchn_upcall_pending = 1;
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    asm volatile(KNOWN_VALUES
                 "mov %0, %%eax; xor %%edi, %%edi; syscall" ::"i"(__HYPERVISOR_sched_op)
                 : "r12", "rax", "rdi", "rcx", "r11", "memory");
}

/* The selector in the frame has RPL 3: user mode. The frame of a kernel has RPL 0. */
static void crash_by_rings(void)
{
    static uint64_t frame[9] = {[5] = FLAT_KERNEL_CS, [6] = 0x202, [8] = FLAT_KERNEL_SS};

    asm volatile(KNOWN_VALUES "mov %0, %%rsp; mov %1, %%eax; syscall" ::"r"(frame),
                 "i"(__HYPERVISOR_iret)
                 : "r12", "rax", "memory");
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
        {"trap", crash_by_trap},
        {"stack", crash_by_stack},
        {"pushes", crash_by_read_only_stack},
        {"chain", crash_by_chain},
        {"general", crash_by_general_protection},
        {"fault", crash_by_page_fault},
        {"event", crash_by_event},
        {"iret", crash_by_iret},
        {"rings", crash_by_rings},
        {"report", crash_by_report},
        {"watchdog", crash_by_watchdog},
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
