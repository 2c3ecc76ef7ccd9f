/* SPDX-License-Identifier: MIT */
/*
 * What the console says when a guest's kernel cannot be entered: what was to be delivered, the
 * instruction, the page tables, the stack, and what came before.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
/* LDFLAGS: -Wl,--wrap=lock_order_acquire */
#include "pv_guest.h"

void __real_lock_order_acquire(spinlock_t *lock);
void __wrap_lock_order_acquire(spinlock_t *lock);

/* A domain's lock is not for interrupt context, wherever the domain crashes. */
void __wrap_lock_order_acquire(spinlock_t *lock)
{
    if (lock->rank == RANK_DOMAIN)
        assert_true(local_irq_is_enabled());
    __real_lock_order_acquire(lock);
}

/* A line of the console. */
static void expect_line(const char *fmt, ...)
{
    char line[200];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line) - 1, fmt, ap);
    va_end(ap);
    line[strlen(line) + 1] = 0;
    line[strlen(line)] = '\n';
    expect_text(line);
}

static void expect_no(const char *text)
{
    if (strstr(host_console_log, text))
        fail_msg("\"%s\" in:\n%s", text, host_console_log);
}

/* The exception @vector, which nobody handles, of the instruction at @code. */
static void unhandled(unsigned int vector, const char *code, unsigned int n)
{
    struct cpu_user_regs *regs = guest_start(1);

    guest_code(code, n);
    current->arch.traps[vector].address = 0;
    regs->entry_vector = vector;
    regs->error_code = 0x1234;
    pv_exception(regs, 0x123);
}

static void exceptions(void **state)
{
    static const struct {
        u8 vector;
        const char *text;
    } texts[] = {
        {0, "#DE (divide error): no handler for vector 0"},
        {1, "#DB (debug): no handler for vector 1"},
        {2, "NMI: no handler for vector 2"},
        {3, "#BP (breakpoint): no handler for vector 3"},
        {4, "#OF (overflow): no handler for vector 4"},
        {5, "#BR (bound range): no handler for vector 5"},
        {6, "#UD (invalid opcode): no handler for vector 6"},
        {7, "#NM (no FPU): no handler for vector 7"},
        {8, "#DF (double fault), error code 0x1234: no handler for vector 8"},
        {9, "INT 9: no handler for vector 9"},
        {10, "#TS (invalid TSS), error code 0x1234: no handler for vector 10"},
        {11, "#NP (segment not present), error code 0x1234: no handler for vector 11"},
        {12, "#SS (stack fault), error code 0x1234: no handler for vector 12"},
        {16, "#MF (x87 fault): no handler for vector 16"},
        {17, "#AC (alignment), error code 0x1234: no handler for vector 17"},
        {19, "#XM (SIMD fault): no handler for vector 19"},
        {20, "INT 20: no handler for vector 20"},
        {40, "INT 40: no handler for vector 40"}, /* which is 8 modulo 32 */
        {255, "INT 255: no handler for vector 255"},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(texts); i++) {
        if (texts[i].vector < 32) {
            unhandled(texts[i].vector, "\x90", 1);
        } else {
            struct cpu_user_regs *regs = guest_start(1);

            current->arch.traps[texts[i].vector].address = 0;
            regs->entry_vector = texts[i].vector;
            pv_fault(regs, current);
        }
        expect_crash(texts[i].text);
        guest_end();
    }
}

/* Instructions that kernels forget to replace are named. */
static void instructions(void **state)
{
    static const struct {
        const char *code;
        u8 n;
        const char *name;
    } names[] = {
        {"\xfa", 1, "cli"},
        {"\xfb", 1, "sti"},
        {"\xf4", 1, "hlt"},
        {"\xcf", 1, "iret"},
        {"\xcd\x20", 2, "int"},
        {"\x6c", 1, "in"},
        {"\x6d", 1, "in"},
        {"\xe4\x20", 2, "in"},
        {"\xed", 1, "in"},
        {"\x6e", 1, "out"},
        {"\xe7\x20", 2, "out"},
        {"\xef", 1, "out"},
        {"\x0f\x00\xd0", 3, "lldt"},
        {"\x0f\x00\xd8", 3, "ltr"},
        {"\x45\x0f\x00\xd8", 4, "ltr"},
        {"\x0f\x01\x10", 3, "lgdt"},
        {"\x0f\x01\x18", 3, "lidt"},
        {"\x0f\x01\xf0", 3, "lmsw"},
        {"\x0f\x01\x38", 3, "invlpg"},
        {"\x44\x0f\x01\x38", 4, "invlpg"},
        {"\x0f\x01\xf8", 3, "swapgs"},
        {"\x0f\x01\xf9", 3, "rdtscp"},
        {"\x0f\x06", 2, "clts"},
        {"\x0f\x08", 2, "wbinvd"},
        {"\x0f\x09", 2, "wbinvd"},
        {"\x0f\x0b", 2, "ud2"},
        {"\x0f\x22\xd8", 3, "mov to or from a control or debug register"},
        {"\x0f\x30", 2, "wrmsr"},
        {"\x0f\x32", 2, "rdmsr"},
        {"\x0f\x35", 2, "sysexit"},
        {"\x0f\x07", 2, "sysret"},
    };
    static const char *const others[] = {"\x89\xc0",     "\x0f\x00\xc0", "\x0f\x00\xe0",
                                         "\x0f\x01\xe0", "\x0f\x31",     "\x0f\x38\x08\xc0",
                                         "\x0f\x00\xf8"};

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
        char line[128], *end = line;

        unhandled(EXC_UD, names[i].code, names[i].n);
        end += snprintf(end, 64, "bytes at RIP:");
        for (unsigned int k = 0; k < 15; k++)
            end += snprintf(end, 4, " %02x", k < names[i].n ? (u8)names[i].code[k] : 0x90);
        expect_line("%s: %s", line, names[i].name);
        guest_end();
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
        unhandled(EXC_UD, others[i], i == 5 ? 4 : i == 0 || i == 4 ? 2 : 3);
        expect_line(" 90 90 90 90 90 90 90 90 90 90 90");
        guest_end();
    }
}

static void bytes_that_are_there(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->rip = GUEST(HOST_WINDOW - 2);
    host_guest[HOST_WINDOW - 2] = '\x0f';
    host_guest[HOST_WINDOW - 1] = '\x06';
    current->arch.traps[6].address = 0;
    regs->entry_vector = EXC_UD;
    pv_exception(regs, 0);
    expect_line("bytes at RIP: 0f 06: clts");
    guest_end();
    regs = guest_start(1);
    regs->rip = GUEST(HOST_WINDOW);
    current->arch.traps[6].address = 0;
    regs->entry_vector = EXC_UD;
    pv_exception(regs, 0);
    expect_line("bytes at RIP: (not mapped)");
    guest_end();
}

static void page_fault_at(unsigned long addr)
{
    struct cpu_user_regs *regs = guest_start(1);

    current->arch.traps[EXC_PF].address = 0;
    regs->entry_vector = EXC_PF;
    regs->error_code = 0x10002;
    pv_inject_page_fault(regs, addr, 2);
    expect_crash("#PF (page fault), error code 0x2: no handler for vector 14");
}

static void walks(void **state)
{
    const u64 *table[4];

    page_fault_at(0x8123);
    for (unsigned int i = 0; i < 4; i++)
        table[i] = mfn_to_virt(page_to_mfn(host_frame(current->domain, i)));
    expect_line("Page-table walk of 0000000000008123:");
    for (unsigned int i = 0; i < 4; i++) {
        u64 e = table[i][i == 3 ? 8 : 0];

        expect_line(" L%u[%03x] = %016lx %016lx", 4 - i, i == 3 ? 8 : 0, (unsigned long)e,
                    arch_get_m2p(MFN(e >> 12 & 0xffffff)));
    }
    guest_end();
    /* the way ends where nothing is present */
    page_fault_at(5UL << 30 | 0x8000);
    expect_text(" L4[000] = ");
    expect_text(" L3[005] = 0000000000000000 ");
    expect_no(" L2[");
    guest_end();
    page_fault_at(3UL << 39 | 0x8000);
    expect_text(" L4[003] = 0000000000000000 ");
    expect_no(" L3[");
    guest_end();
    page_fault_at(0x47 << 21);
    expect_text(" L2[047] = 0000000000000000 ");
    expect_no(" L1[");
    guest_end();
    page_fault_at(HV_VIRT_START + 0x10);
    expect_line("%016lx is in the hypervisor's range", HV_VIRT_START + 0x10);
    expect_no("walk");
    guest_end();
    page_fault_at(1UL << 47);
    expect_line("0000800000000000 is not canonical");
    expect_no("walk");
    guest_end();
}

static void stack_at(unsigned long rsp)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->rsp = rsp;
    regs->entry_vector = EXC_BP;
    pv_fault(regs, current);
}

static void stacks(void **state)
{
    stack_at(0x100000);
    expect_crash("#BP (breakpoint): its stack at 0xfffc8 is not mapped");
    guest_end();
    stack_at(0x2000);
    expect_crash("its stack at 0x1fc8 is read-only");
    guest_end();
    stack_at(0x9000);
    expect_crash("its stack at 0x8fc8 is not mapped as a whole");
    guest_end();
    stack_at(HV_VIRT_START + 0x1000);
    expect_crash("is not canonical or in the hypervisor's range");
    guest_end();
    stack_at(1UL << 47 | 0x1000);
    expect_crash("its stack at 0x800000000fc8 is not canonical or in the hypervisor's range");
    guest_end();
    /* other entries */
    struct cpu_user_regs *regs = guest_start(1);

    local_irq_disable();
    regs->rsp = 0x100000;
    assert_false(pv_deliver_event(regs, current));
    assert_false(local_irq_is_enabled());
    expect_crash("crashed: an event: its stack at 0xfffc8 is not mapped");
    expect_no("bytes at RIP");
    guest_end();
    regs = guest_start(1);
    current->arch.event_callback_eip = 0;
    assert_false(pv_deliver_event(regs, current));
    assert_true(local_irq_is_enabled());
    expect_crash("crashed: an event, but no event callback");
    guest_end();
    regs = guest_start(1);
    do_stack_switch(0xe02b, 0x100000);
    guest_user();
    assert_false(pv_syscall(regs, current));
    expect_crash("crashed: a system call: its stack at 0xfffc8 is not mapped");
    guest_end();
}

/*
 * A frame of an IRET that failed names ring 0, with privilege level 3. Whatever then cannot be
 * entered: the frame never has level 0. It may be used once more, when the domain shuts down at
 * the same moment or was suspended and is resumed.
 */
static void no_frame_of_ring_0(void **state)
{
    enum { INJECT, EVENT_UPCALL, FAILSAFE_CALLBACK, SYSCALL_32, SYSENTER_ENTRY, WAYS };

    for (unsigned int i = 0; i < 2 * WAYS; i++) {
        struct cpu_user_regs *regs = guest_start(1);

        current->domain->shutting_down = i >= WAYS;
        regs->cs = HV_CS | 3;
        regs->rsp = 0x100000;
        switch (i % WAYS) {
        case INJECT:
            pv_inject_error(regs, EXC_GP, HV_CS);
            break;
        case EVENT_UPCALL:
            assert_false(pv_deliver_event(regs, current));
            break;
        case FAILSAFE_CALLBACK:
            pv_failsafe(regs);
            break;
        case SYSCALL_32:
            assert_false(pv_syscall32(regs, current));
            break;
        case SYSENTER_ENTRY:
            assert_false(pv_sysenter(regs, current));
            break;
        }
        assert_true(current->domain->shutting_down);
        assert_int_equal(regs->cs, HV_CS | 3);
        guest_end();
    }
}

/* A handler that faults at its first instruction is entered until its stack ends. */
static void chains(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    unsigned int n;

    regs->rsp = GUEST(0x1000);
    regs->rip = 0x4242;
    pv_inject(regs, EXC_DE);
    for (n = 1; !current->domain->shutting_down; n++)
        pv_inject_page_fault(regs, HANDLER(0), 0);
    /* 64 bytes a frame, of 4096 */
    expect_line("The first of %u exceptions in a row: #DE (divide error) at RIP %016lx, "
                "RSP %016lx",
                64U, 0x4242UL, GUEST(0x1000));
    assert_int_equal(n, 65);
    guest_end();
    regs = guest_start(1);
    regs->rsp = GUEST(0x10);
    regs->rip = HANDLER(3) + 1;
    pv_inject(regs, EXC_BP);
    expect_crash("its stack at");
    expect_no("in a row");
    guest_end();
    /* an interrupt of the guest's own */
    regs = guest_start(1);
    regs->rsp = GUEST(0x60);
    regs->rip = 0x4242;
    pv_fault((regs->entry_vector = 0x80, regs), current);
    assert_false(current->domain->shutting_down);
    pv_inject(regs, EXC_BP);
    expect_line("The first of 1 exceptions in a row: INT at RIP %016lx, RSP %016lx", 0x4242UL,
                GUEST(0x60));
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exceptions),
        cmocka_unit_test(instructions),
        cmocka_unit_test(bytes_that_are_there),
        cmocka_unit_test(walks),
        cmocka_unit_test(stacks),
        cmocka_unit_test(no_frame_of_ring_0),
        cmocka_unit_test(chains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
