/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder on instructions that kernels use on page tables and devices, and on what
 * has to be refused.
 */
/* SOURCES: arch/x86/pv/decode.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/decode.h>
#include <public/errno.h>
#include <string.h>

static int decode(struct insn *insn, const char *bytes, unsigned int n, enum code_size code)
{
    u8 buffer[INSN_BUFFER] = {0};

    memcpy(buffer, bytes, n);
    return insn_decode(insn, buffer, n, code);
}

#define DECODE(insn, bytes, code) decode(insn, bytes, sizeof(bytes) - 1, code)

static void test_stores(void **state)
{
    struct insn i;

    /* mov %rbx,(%rax) */
    assert_int_equal(DECODE(&i, "\x48\x89\x18", CODE_64), 0);
    assert_int_equal(i.length, 3);
    assert_int_equal(i.opcode, 0x89);
    assert_int_equal(i.op_bytes, 8);
    assert_int_equal(i.rm_kind, OPERAND_MEM);
    assert_int_equal(i.base, 0);
    assert_int_equal(i.index, -1);
    assert_int_equal(i.reg, 3);
    /* lock andb $0xfd,-8(%r12,%rcx,4) */
    assert_int_equal(DECODE(&i, "\xf0\x41\x80\x64\x8c\xf8\xfd", CODE_64), 0);
    assert_true(i.lock);
    assert_int_equal(i.base, 12);
    assert_int_equal(i.index, 1);
    assert_int_equal(i.scale, 2);
    assert_int_equal(i.disp, -8);
    assert_int_equal(i.reg & 7, 4);
    assert_int_equal((u8)i.imm, 0xfd);
    assert_true(insn_is_byte(&i));
    /* movq $-1,0x1000(%rip) */
    assert_int_equal(DECODE(&i, "\x48\xc7\x05\x00\x10\x00\x00\xff\xff\xff\xff", CODE_64), 0);
    assert_true(i.rip_relative);
    assert_int_equal(i.length, 11);
    assert_true(i.imm == ~0ULL);
    /* mov %gs:0x28,%rax by absolute address: 64 48 8b 04 25 */
    assert_int_equal(DECODE(&i, "\x65\x48\x8b\x04\x25\x28\x00\x00\x00", CODE_64), 0);
    assert_int_equal(i.segment, SEG_GS);
    assert_int_equal(i.base, -1);
    assert_int_equal(i.disp, 0x28);
}

static void test_privileged(void **state)
{
    struct insn i;

    /* mov %cr0,%r9, whose mod bits do not count */
    assert_int_equal(DECODE(&i, "\x41\x0f\x20\x01", CODE_64), 0);
    assert_int_equal(i.rm_kind, OPERAND_REG);
    assert_int_equal(i.rm, 9);
    assert_int_equal(i.reg, 0);
    /* in $0x71,%al; rep outsw */
    assert_int_equal(DECODE(&i, "\xe4\x71", CODE_64), 0);
    assert_int_equal((u8)i.imm, 0x71);
    assert_int_equal(DECODE(&i, "\xf3\x66\x6f", CODE_64), 0);
    assert_true(i.rep);
    assert_int_equal(i.op_bytes, 2);
    /* int $0x80 */
    assert_int_equal(DECODE(&i, "\xcd\x80", CODE_32), 0);
    assert_int_equal((u8)i.imm, 0x80);
    /* xsetbv */
    assert_int_equal(DECODE(&i, "\x0f\x01\xd1", CODE_64), 0);
    assert_int_equal(i.reg, 2);
    assert_int_equal(i.rm, 1);
}

static void test_addresses(void **state)
{
    struct cpu_user_regs regs = {
        .rbx = 0x1111111110UL, .rsi = 0x22, .rbp = 0x10000, .rip = 0x400000};
    struct insn i;

    /* mov %eax,8(%rbx,%rsi,2), and with 32-bit addresses */
    assert_int_equal(DECODE(&i, "\x89\x44\x73\x08", CODE_64), 0);
    assert_true(insn_offset(&i, &regs) == 0x1111111110UL + 0x44 + 8);
    assert_int_equal(DECODE(&i, "\x67\x89\x44\x73\x08", CODE_64), 0);
    assert_true(insn_offset(&i, &regs) == (u32)(0x1111111110UL + 0x44 + 8));
    /* mov %eax,0x10(%rip) */
    assert_int_equal(DECODE(&i, "\x89\x05\x10\x00\x00\x00", CODE_64), 0);
    assert_true(insn_offset(&i, &regs) == 0x400000 + 6 + 0x10);
    /* 16 bits: mov %ax,(%bp,%si) is in the stack segment */
    assert_int_equal(DECODE(&i, "\x89\x02", CODE_16), 0);
    assert_int_equal(i.segment, SEG_SS);
    assert_true(insn_offset(&i, &regs) == 0x22);
    /* mov %eax,0xc0000000 in 32-bit code */
    assert_int_equal(DECODE(&i, "\xa3\x00\x00\x00\xc0", CODE_32), 0);
    assert_true(insn_offset(&i, &regs) == 0xc0000000);
}

static void test_registers(void **state)
{
    struct cpu_user_regs regs = {.rax = 0x1122334455667788UL};
    struct insn legacy = {0}, rex = {.rex = 0x40};

    assert_int_equal(insn_get_register(&legacy, &regs, 4, 1), 0x77); /* AH */
    assert_int_equal(insn_get_register(&rex, &regs, 4, 1), 0);       /* SPL */
    insn_set_register(&legacy, &regs, 4, 1, 0xaa);
    assert_true(regs.rax == 0x112233445566aa88UL);
    insn_set_register(&legacy, &regs, 0, 2, 0xbbbb);
    assert_true(regs.rax == 0x112233445566bbbbUL);
    insn_set_register(&legacy, &regs, 0, 4, 0xcccccccc);
    assert_true(regs.rax == 0xccccccccUL);
}

static void test_refused(void **state)
{
    struct insn i;

    assert_int_equal(DECODE(&i, "\x48", CODE_64), -XEN_ERANGE);
    assert_int_equal(DECODE(&i, "\x48\x89", CODE_64), -XEN_ERANGE);
    assert_int_equal(DECODE(&i, "\x48\xc7\x00\x01\x02", CODE_64), -XEN_ERANGE);
    assert_int_equal(
        DECODE(&i, "\xc5\xf8\x77\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90", CODE_64),
        -XEN_EINVAL); /* VEX */
    assert_int_equal(DECODE(&i, "\x06", CODE_64),
                     -XEN_EINVAL); /* push %es is gone in 64-bit mode */
    assert_int_equal(DECODE(&i, "\x06", CODE_32), 0);
    /* Fifteen prefixes leave no room, fourteen and a NOP do. */
    assert_int_equal(
        DECODE(&i, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66", CODE_64),
        -XEN_EINVAL);
    assert_int_equal(
        DECODE(&i, "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90", CODE_64), 0);
    assert_int_equal(i.length, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stores),    cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_registers),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
