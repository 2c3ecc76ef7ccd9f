/* SPDX-License-Identifier: MIT */
/*
 * Exceptions of a PV guest as its kernel finds them, word for word: frames, masks, CR2, gates.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include "pv_guest.h"

#define DISABLES(vector) (current->arch.traps[vector].disable_events = true)

static void from_kernel(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->entry_vector = EXC_BP;
    assert_true(pv_fault(regs, current));
    EXPECT_ENTRY(HANDLER(3), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 0);
    assert_int_equal(regs->saved_upcall_mask, 0);
    /* general registers stay */
    assert_true(regs->rcx == 0xc0c0c0c0c0c0c0c0UL && regs->r11 == 0x1111111111111111UL);
    assert_true(regs->rax == 0xa0 && regs->rdx == 0xd0);
    guest_end();
}

static void with_error_code(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    DISABLES(EXC_NP);
    regs->entry_vector = EXC_NP;
    regs->error_code = 0x8004;
    assert_true(pv_fault_error(regs, current));
    EXPECT_ENTRY(HANDLER(11), STACK, RCX_R11, 0x8004, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 1);
    /* and once more, with events masked and another stack: the mask is saved in the frame */
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 0x10f);
    pv_inject_error(regs, EXC_GP, 0x42);
    EXPECT_ENTRY(HANDLER(13), STACK + 0x100, RCX_R11, 0x42, GUEST(CODE), 1UL << 32 | 0xe030, 2,
                 GUEST(STACK + 0x10f), 0xe02b);
    assert_int_equal(MASK, 1);
    guest_end();
}

static void from_user(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    guest_user();
    assert_true(host_registers()->gs_base == 0x7000);
    MASK = 0xff;
    regs->entry_vector = EXC_DE;
    assert_true(pv_fault(regs, current));
    EXPECT_ENTRY(HANDLER(0), KERNEL_STACK, RCX_R11, GUEST(CODE), 0xffUL << 32 | 0xe033, 2,
                 GUEST(STACK + 8), 0xe02b);
    guest_end();
}

/* What a handler does not find in its flags, and what the frame says of them. */
static void flags(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->rflags = 0x20000 | ALL_FLAGS | EFLAGS_IF | 2;
    pv_inject(regs, EXC_UD);
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, GUEST(CODE), 0xe030, 0x20000 | ALL_FLAGS | 0x202,
                 GUEST(STACK + 8), 0xe02b);
    assert_true(regs->rflags == 0xad7); /* OF, IF, SF, ZF, AF, PF, CF, bit 1 */
    /* IOPL is in the frame when the guest asked for that. */
    current->arch.iopl = 0x2000;
    regs->rsp = GUEST(STACK);
    regs->rip = GUEST(CODE);
    regs->rflags = 0x1202;
    pv_inject(regs, EXC_UD);
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, GUEST(CODE), 0xe030, 0x202, GUEST(STACK), 0xe02b);
    current->arch.rare |= RARE_ARCH_IOPL;
    regs->rsp = GUEST(STACK);
    pv_inject(regs, EXC_UD);
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, HANDLER(6), 0xe030, 0x2202, GUEST(STACK), 0xe02b);
    guest_end();
}

static void page_faults(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    host_registers()->cr2 = 0x123456;
    regs->entry_vector = EXC_PF;
    regs->error_code = PFEC_USER | PFEC_WRITE;
    assert_true(pv_page_fault(regs, current));
    EXPECT_ENTRY(HANDLER(14), STACK, RCX_R11, PFEC_WRITE, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_true(current->info->arch.cr2 == 0x123456);
    assert_true(current->arch.ctrlreg[2] == 0x123456);
    guest_user();
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    pv_inject_page_fault(regs, 0x789, PFEC_PRESENT);
    EXPECT_ENTRY(HANDLER(14), KERNEL_STACK, RCX_R11, PFEC_USER | PFEC_PRESENT, GUEST(CODE), 0xe033,
                 0x202, GUEST(STACK + 8), 0xe02b);
    assert_true(current->info->arch.cr2 == 0x789);
    guest_end();
}

/* A write to what is present and read-only may be one to a table, which is for the kernel alone. */
static void writes_to_tables(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct domain *d = current->domain;

    /* movq $0, (%rax); entry 13 of the L1 table, which is at 0x3000 */
    GUEST_CODE("\x48\xc7\x00\x00\x00\x00\x00");
    regs->rax = 0x3000 + 13 * 8;
    host_registers()->cr2 = regs->rax;
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER;
    local_irq_disable();
    assert_true(pv_page_fault(regs, current)); /* it did not ask for it */
    EXPECT_ENTRY(HANDLER(14), STACK, RCX_R11, 3, GUEST(CODE), 0xe030, KERNEL_TAIL);
    d->vm_assist = 1UL << VMASST_TYPE_writable_pagetables;
    regs->rip = GUEST(CODE);
    guest_user();
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER;
    assert_true(pv_page_fault(regs, current));
    assert_true(regs->rip == HANDLER(14));
    regs->rip = GUEST(CODE);
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER | PFEC_RSVD;
    assert_true(pv_page_fault(regs, current));
    assert_true(regs->rip == HANDLER(14));
    regs->rip = GUEST(CODE);
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER;
    assert_false(pv_page_fault(regs, current));
    assert_false(local_irq_is_enabled());
    assert_true(regs->rip == GUEST(CODE) + 7);
    guest_end();
    /* Dom0 need not ask. */
    regs = guest_start(0);
    GUEST_CODE("\x48\xc7\x00\x00\x00\x00\x00");
    regs->rax = 0x3000 + 13 * 8;
    host_registers()->cr2 = regs->rax;
    regs->error_code = PFEC_PRESENT | PFEC_WRITE | PFEC_USER;
    local_irq_disable();
    assert_false(pv_page_fault(regs, current));
    assert_true(regs->rip == GUEST(CODE) + 7);
    guest_end();
}

/* Our range is not the guest's, and the processor reads descriptors as a supervisor. */
static void faults_in_our_range(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    host_registers()->cr2 = HV_VIRT_START + 8;
    regs->error_code = PFEC_USER;
    local_irq_disable();
    assert_true(pv_page_fault(regs, current));
    EXPECT_ENTRY(HANDLER(14), STACK, RCX_R11, 0, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_true(current->info->arch.cr2 == HV_VIRT_START + 8);
    /* A page that cannot be an LDT's: the guest finds the address where it keeps the LDT. */
    current->arch.ldt_base = 0x5000;
    current->arch.ldt_entries = 4;
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    host_registers()->cr2 = LDT_VIRT(current->arch.window_nr) + 24;
    regs->error_code = 0;
    assert_true(pv_page_fault(regs, current));
    EXPECT_ENTRY(HANDLER(14), STACK, RCX_R11, 0, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_true(current->info->arch.cr2 == 0x5000 + 24);
    /* An LDT that is there: the page is given to the processor. Frame 10 holds no entries. */
    assert_int_equal(do_update_va_mapping(10 << 12, 0, 0), 0);
    assert_int_equal(do_update_va_mapping(
                         10 << 12, (page_to_mfn(host_frame(current->domain, 10)).n << 12) | 1, 0),
                     0);
    current->arch.ldt_base = 10 << 12;
    regs->rip = GUEST(CODE);
    assert_false(pv_page_fault(regs, current));
    assert_true(regs->rip == GUEST(CODE));
    /* The guest's own access there faults, with the address that it used. */
    regs->rsp = GUEST(STACK + 8);
    regs->error_code = PFEC_USER;
    assert_true(pv_page_fault(regs, current));
    assert_true(regs->rip == HANDLER(14));
    assert_true(current->info->arch.cr2 == LDT_VIRT(current->arch.window_nr) + 24);
    /* Beyond its last entry. */
    regs->rip = GUEST(CODE);
    regs->error_code = 0;
    host_registers()->cr2 = LDT_VIRT(current->arch.window_nr) + 32;
    assert_true(pv_page_fault(regs, current));
    assert_true(current->info->arch.cr2 == LDT_VIRT(current->arch.window_nr) + 32);
    guest_end();
}

static void invalid_opcodes(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    GUEST_CODE("\x0f\x0b");
    assert_true(pv_invalid_opcode(regs, current));
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    /* UD2, "xen", CPUID: leaf 0x40000000 */
    GUEST_CODE("\x0f\x0bxen\x0f\xa2");
    regs->rsp = GUEST(STACK + 8);
    regs->rax = 0x40000000;
    assert_false(pv_invalid_opcode(regs, current));
    assert_true(regs->rip == GUEST(CODE) + 7);
    assert_true(regs->rbx == 0x566e6558 && regs->rcx == 0x65584d4d && regs->rdx == 0x4d4d566e);
    assert_true(regs->rax >= 0x40000002 && regs->rax <= 0x40000005);
    /* almost */
    static const char *const others[] = {"\x0f\x0bxey\x0f\xa2", "\x0f\x0bxen\x0f\xa3",
                                         "\x0f\x0bxen\x0e\xa2"};
    for (unsigned int i = 0; i < 3; i++) {
        guest_code(others[i], 7);
        regs->entry_vector = EXC_UD;
        regs->rax = 0x40000000;
        assert_true(pv_invalid_opcode(regs, current));
        assert_true(regs->rip == HANDLER(6));
        assert_true(regs->rax == 0x40000000);
    }
    /* At the end of what is mapped: UD2 alone, and the prefix alone. */
    GUEST_CODE("\x0f\x0bxen\x0f\xa2");
    host_guest_limit(0, CODE + 6);
    regs->entry_vector = EXC_UD;
    regs->rsp = GUEST(0x800);
    assert_true(pv_invalid_opcode(regs, current));
    assert_true(regs->rip == HANDLER(6));
    regs->rip = GUEST(CODE);
    host_guest_limit(0, CODE + 2);
    assert_true(pv_invalid_opcode(regs, current));
    assert_true(regs->rip == HANDLER(6));
    host_guest_limit(0, 0);
    guest_end();
}

/* Through the table by the vector, with interrupts on, as our own IRET's faults come. */
static void by_vector(void **state)
{
    static const u8 with_error[] = {8, 10, 11, 12, 17},
                    without[] = {0, 1, 3, 4, 5, 6, 7, 9, 16, 19};
    struct cpu_user_regs *regs = guest_start(1);

    for (unsigned int i = 0; i < ARRAY_SIZE(with_error); i++) {
        regs->rip = GUEST(CODE);
        regs->rsp = GUEST(STACK + 8);
        regs->entry_vector = with_error[i];
        regs->error_code = 0x33;
        pv_exception(regs, 0);
        EXPECT_ENTRY(HANDLER(with_error[i]), STACK, RCX_R11, 0x33, GUEST(CODE), 0xe030,
                     KERNEL_TAIL);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(without); i++) {
        regs->rip = GUEST(CODE);
        regs->rsp = GUEST(STACK + 8);
        regs->entry_vector = without[i];
        pv_exception(regs, 0);
        EXPECT_ENTRY(HANDLER(without[i]), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    }
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    current->arch.ldt_base = 0x7000;
    current->arch.ldt_entries = 4;
    regs->entry_vector = EXC_PF;
    regs->error_code = 0;
    pv_exception(regs, LDT_VIRT(current->arch.window_nr) + 8);
    EXPECT_ENTRY(HANDLER(14), STACK, RCX_R11, 0, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_true(current->info->arch.cr2 == 0x7008);
    regs->rip = GUEST(CODE);
    regs->rsp = GUEST(STACK + 8);
    regs->entry_vector = EXC_GP;
    regs->error_code = 0x50;
    pv_exception(regs, 0);
    EXPECT_ENTRY(HANDLER(13), STACK, RCX_R11, 0x50, GUEST(CODE), 0xe030, KERNEL_TAIL);
    guest_end();
}

static void no_device(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    assert_int_equal(do_fpu_taskswitch(1), 0);
    assert_true(current->arch.ctrlreg[0] & CR0_TS && host_registers()->cr0 & CR0_TS);
    assert_true(pv_no_device(regs, current));
    EXPECT_ENTRY(HANDLER(7), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_false(current->arch.ctrlreg[0] & CR0_TS || host_registers()->cr0 & CR0_TS);
    guest_end();
}

/* INT n: the gate's privilege counts, and RIP is behind the instruction. */
static void software_interrupts(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    DISABLES(0x80);
    GUEST_CODE("\xcd\x80");
    regs->error_code = 0x80 << 3 | 2;
    local_irq_disable();
    assert_false(pv_protection_fault(regs, current));
    EXPECT_ENTRY(HANDLER(0x80), STACK, RCX_R11, GUEST(CODE) + 2, 0xe030, KERNEL_TAIL);
    assert_int_equal(MASK, 1);
    assert_int_equal(regs->entry_vector, 0x80);
    MASK = 0;
    /* The kernel may use all but what is for ring 0. */
    current->arch.traps[0x21].dpl = 1;
    current->arch.traps[0x20].dpl = 0;
    GUEST_CODE("\xcd\x21");
    regs->rsp = GUEST(STACK + 8);
    regs->error_code = 0x21 << 3 | 2;
    pv_protection_fault(regs, current);
    assert_true(regs->rip == HANDLER(0x21));
    GUEST_CODE("\xcd\x20");
    regs->rsp = GUEST(STACK + 8);
    regs->error_code = 2;
    pv_protection_fault(regs, current);
    EXPECT_ENTRY(HANDLER(13), STACK, RCX_R11, 0x20 << 3 | 2, GUEST(CODE), 0xe030, KERNEL_TAIL);
    /* User mode needs 3. */
    current->arch.traps[0x22].dpl = 2;
    GUEST_CODE("\xcd\x22");
    guest_user();
    regs->error_code = 2;
    regs->rsp = GUEST(STACK + 8);
    pv_protection_fault(regs, current);
    EXPECT_ENTRY(HANDLER(13), KERNEL_STACK, RCX_R11, 0x22 << 3 | 2, GUEST(CODE), 0xe033, 0x202,
                 GUEST(STACK + 8), 0xe02b);
    GUEST_CODE("\xcd\x23");
    guest_user();
    regs->error_code = 2;
    pv_protection_fault(regs, current);
    assert_true(regs->rip == HANDLER(0x23));
    /* Another instruction that names the IDT: its own #GP. */
    GUEST_CODE("\x0f\xcd");
    regs->error_code = 0x1a;
    regs->rsp = GUEST(STACK + 8);
    pv_protection_fault(regs, current);
    EXPECT_ENTRY(HANDLER(13), STACK, RCX_R11, 0x1a, GUEST(CODE), 0xe030, KERNEL_TAIL);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_kernel),         cmocka_unit_test(with_error_code),
        cmocka_unit_test(from_user),           cmocka_unit_test(flags),
        cmocka_unit_test(page_faults),         cmocka_unit_test(writes_to_tables),
        cmocka_unit_test(faults_in_our_range), cmocka_unit_test(invalid_opcodes),
        cmocka_unit_test(by_vector),           cmocka_unit_test(no_device),
        cmocka_unit_test(software_interrupts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
