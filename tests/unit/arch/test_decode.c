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

/* ---- every shape, field by field ---- */

struct form {
    const char *bytes;
    struct insn want;
};

#define FORM(bytes, code_, op, addr, map_, opcode_, ...)                                    \
    {                                                                                       \
        bytes,                                                                              \
        {                                                                                   \
            .length = sizeof(bytes) - 1, .code = code_, .op_bytes = op, .addr_bytes = addr, \
            .map = map_, .opcode = opcode_, __VA_ARGS__                                     \
        }                                                                                   \
    }
#define ONE(bytes, op, opcode, ...) FORM(bytes, CODE_64, op, 8, MAP_ONE_BYTE, opcode, __VA_ARGS__)
#define NO_OPERAND                  .segment = SEG_DS, .base = -1, .index = -1
#define REGISTERS(reg_, rm_) \
    .rm_kind = OPERAND_REG, .reg = (reg_), .rm = (rm_), .segment = SEG_DS, .base = -1, .index = -1
#define MEMORY(reg_, seg, base_, index_, scale_, disp_)                                          \
    .rm_kind = OPERAND_MEM, .reg = (reg_), .segment = (seg), .base = (base_), .index = (index_), \
    .scale = (scale_), .disp = (disp_)
#define IMMEDIATE(value, bytes) .imm = (u64)(s64)(value), .imm_bytes = (bytes)

static const struct form forms[] = {
    /* immediates */
    ONE("\x90", 4, 0x90, NO_OPERAND),
    ONE("\xb0\x80", 4, 0xb0, NO_OPERAND, IMMEDIATE(-128, 1)),
    ONE("\x66\xb8\x34\x92", 2, 0xb8, NO_OPERAND, IMMEDIATE(-0x6dcc, 2), .opsize_prefix = true),
    ONE("\xb8\x78\x56\x34\x92", 4, 0xb8, NO_OPERAND, IMMEDIATE(-0x6dcba988, 4)),
    ONE("\x48\xbf\x01\x02\x03\x04\x05\x06\x07\x88", 8, 0xbf, NO_OPERAND,
        IMMEDIATE(0x8807060504030201, 8), .rex = 0x48),
    ONE("\x04\x7f", 4, 0x04, NO_OPERAND, IMMEDIATE(127, 1)),
    ONE("\x05\x01\x02\x03\x84", 4, 0x05, NO_OPERAND, IMMEDIATE(-0x7bfcfdff, 4)),
    ONE("\x48\x05\xff\xff\xff\xff", 8, 0x05, NO_OPERAND, IMMEDIATE(-1, 4), .rex = 0x48),
    ONE("\x66\x05\x01\x80", 2, 0x05, NO_OPERAND, IMMEDIATE(-0x7fff, 2), .opsize_prefix = true),
    ONE("\xc2\x08\x00", 8, 0xc2, NO_OPERAND, IMMEDIATE(8, 2)),
    ONE("\xca\x08\x00", 4, 0xca, NO_OPERAND, IMMEDIATE(8, 2)),
    ONE("\xc8\x10\x00\x01", 8, 0xc8, NO_OPERAND, IMMEDIATE(16, 2)),
    ONE("\xe8\x00\x01\x00\x00", 8, 0xe8, NO_OPERAND, IMMEDIATE(256, 4)),
    ONE("\xeb\xfe", 8, 0xeb, NO_OPERAND, IMMEDIATE(-2, 1)),
    ONE("\x66\x50", 2, 0x50, NO_OPERAND, .opsize_prefix = true),
    /* group 3: only TEST has an immediate, and /1 is TEST as well */
    ONE("\xf6\x00\x7f", 4, 0xf6, MEMORY(0, SEG_DS, 0, -1, 0, 0), IMMEDIATE(127, 1)),
    ONE("\xf6\x08\x7f", 4, 0xf6, MEMORY(1, SEG_DS, 0, -1, 0, 0), IMMEDIATE(127, 1)),
    ONE("\xf6\x10", 4, 0xf6, MEMORY(2, SEG_DS, 0, -1, 0, 0)),
    ONE("\xf6\x20", 4, 0xf6, MEMORY(4, SEG_DS, 0, -1, 0, 0)),
    ONE("\xf7\x00\x01\x02\x03\x04", 4, 0xf7, MEMORY(0, SEG_DS, 0, -1, 0, 0),
        IMMEDIATE(0x4030201, 4)),
    ONE("\x66\xf7\x00\x34\x12", 2, 0xf7, MEMORY(0, SEG_DS, 0, -1, 0, 0), IMMEDIATE(0x1234, 2),
        .opsize_prefix = true),
    ONE("\x48\xf7\x18", 8, 0xf7, MEMORY(3, SEG_DS, 0, -1, 0, 0), .rex = 0x48),
    /* fixed addresses, far pointers */
    ONE("\xa2\x01\x02\x03\x04\x05\x06\x07\x08", 4, 0xa2,
        MEMORY(0, SEG_DS, -1, -1, 0, 0x807060504030201)),
    FORM("\x67\xa1\x78\x56\x34\x12", CODE_64, 4, 4, MAP_ONE_BYTE, 0xa1,
         MEMORY(0, SEG_DS, -1, -1, 0, 0x12345678), .addrsize_prefix = true),
    FORM("\x67\xa3\x34\x12", CODE_32, 4, 2, MAP_ONE_BYTE, 0xa3,
         MEMORY(0, SEG_DS, -1, -1, 0, 0x1234), .addrsize_prefix = true),
    FORM("\x9a\x78\x56\x34\x12\x08\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x9a, NO_OPERAND,
         IMMEDIATE(0x12345678, 4)),
    FORM("\x66\xea\x34\x12\x08\x00", CODE_32, 2, 4, MAP_ONE_BYTE, 0xea, NO_OPERAND,
         IMMEDIATE(0x1234, 2), .opsize_prefix = true),
    FORM("\xea\x34\x12\x08\x00", CODE_16, 2, 2, MAP_ONE_BYTE, 0xea, NO_OPERAND,
         IMMEDIATE(0x1234, 2)),
    FORM("\x66\x67\xa3\x04\x03\x02\x01", CODE_16, 4, 4, MAP_ONE_BYTE, 0xa3,
         MEMORY(0, SEG_DS, -1, -1, 0, 0x1020304), .opsize_prefix = true, .addrsize_prefix = true),
    FORM("\x50", CODE_32, 4, 4, MAP_ONE_BYTE, 0x50, NO_OPERAND),
    /* the other maps */
    FORM("\x0f\xba\x28\x05", CODE_64, 4, 8, MAP_0F, 0xba, MEMORY(5, SEG_DS, 0, -1, 0, 0),
         IMMEDIATE(5, 1)),
    FORM("\x0f\x38\xf1\x00", CODE_64, 4, 8, MAP_0F38, 0xf1, MEMORY(0, SEG_DS, 0, -1, 0, 0)),
    FORM("\x66\x0f\x3a\x0f\xc1\x08", CODE_64, 2, 8, MAP_0F3A, 0x0f, REGISTERS(0, 1),
         IMMEDIATE(8, 1), .opsize_prefix = true),
    FORM("\x0f\x84\x00\x01\x00\x00", CODE_64, 8, 8, MAP_0F, 0x84, NO_OPERAND, IMMEDIATE(256, 4)),
    FORM("\x0f\xa0", CODE_64, 8, 8, MAP_0F, 0xa0, NO_OPERAND),
    FORM("\x44\x0f\x20\x00", CODE_64, 4, 8, MAP_0F, 0x20, REGISTERS(8, 0), .rex = 0x44),
    FORM("\x0f\x23\x3f", CODE_64, 4, 8, MAP_0F, 0x23, REGISTERS(7, 7)),
    /* operands */
    ONE("\x45\x89\xd1", 4, 0x89, REGISTERS(10, 9), .rex = 0x45),
    ONE("\x4d\x89\xfe", 8, 0x89, REGISTERS(15, 14), .rex = 0x4d),
    ONE("\x89\x04\x24", 4, 0x89, MEMORY(0, SEG_SS, 4, -1, 0, 0)),
    ONE("\x41\x89\x04\x24", 4, 0x89, MEMORY(0, SEG_DS, 12, -1, 0, 0), .rex = 0x41),
    ONE("\x42\x89\x04\x20", 4, 0x89, MEMORY(0, SEG_DS, 0, 12, 0, 0), .rex = 0x42),
    ONE("\x89\x45\x90", 4, 0x89, MEMORY(0, SEG_SS, 5, -1, 0, -0x70)),
    ONE("\x41\x89\x45\x10", 4, 0x89, MEMORY(0, SEG_DS, 13, -1, 0, 16), .rex = 0x41),
    ONE("\x89\x85\x00\x00\x00\x80", 4, 0x89, MEMORY(0, SEG_SS, 5, -1, 0, -0x80000000L)),
    ONE("\x89\x04\xcd\x10\x00\x00\x00", 4, 0x89, MEMORY(0, SEG_DS, -1, 1, 3, 16)),
    ONE("\x89\x44\xcd\x10", 4, 0x89, MEMORY(0, SEG_SS, 5, 1, 3, 16)),
    ONE("\x89\x04\x5d\x10\x00\x00\x00", 4, 0x89, MEMORY(0, SEG_DS, -1, 3, 1, 16)),
    ONE("\x43\x89\x54\xbd\x7f", 4, 0x89, MEMORY(2, SEG_DS, 13, 15, 2, 127), .rex = 0x43),
    ONE("\x44\x89\x94\x9e\x00\x01\x00\x00", 4, 0x89, MEMORY(10, SEG_DS, 6, 3, 2, 256), .rex = 0x44),
    ONE("\x41\x89\x05\x10\x00\x00\x00", 4, 0x89, MEMORY(0, SEG_DS, -1, -1, 0, 16), .rex = 0x41,
        .rip_relative = true),
    FORM("\x89\x05\x10\x00\x00\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x89,
         MEMORY(0, SEG_DS, -1, -1, 0, 16)),
    /* prefixes */
    ONE("\x64\x89\x45\x00", 4, 0x89, MEMORY(0, SEG_FS, 5, -1, 0, 0), .segment_override = true),
    ONE("\x65\x89\x00", 4, 0x89, MEMORY(0, SEG_GS, 0, -1, 0, 0), .segment_override = true),
    ONE("\x2e\x89\x00", 4, 0x89, MEMORY(0, SEG_DS, 0, -1, 0, 0)),
    ONE("\xf0\x87\x00", 4, 0x87, MEMORY(0, SEG_DS, 0, -1, 0, 0), .lock = true),
    ONE("\xf2\xa6", 4, 0xa6, NO_OPERAND, .repne = true),
    ONE("\xf2\xf3\xa4", 4, 0xa4, NO_OPERAND, .rep = true),
    ONE("\xf3\xf2\xa4", 4, 0xa4, NO_OPERAND, .repne = true),
    FORM("\x26\x89\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_ES, 0, -1, 0, 0),
         .segment_override = true),
    FORM("\x2e\x89\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_CS, 0, -1, 0, 0),
         .segment_override = true),
    FORM("\x36\x89\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_SS, 0, -1, 0, 0),
         .segment_override = true),
    FORM("\x3e\x89\x45\x00", CODE_32, 4, 4, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 5, -1, 0, 0),
         .segment_override = true),
    /* addresses of 16 bits */
    FORM("\x89\x00", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 3, 6, 0, 0)),
    FORM("\x89\x49\xf0", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(1, SEG_DS, 3, 7, 0, -16)),
    FORM("\x89\x92\x00\x80", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(2, SEG_SS, 5, 6, 0, -32768)),
    FORM("\x89\x03", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_SS, 5, 7, 0, 0)),
    FORM("\x89\x04", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 6, -1, 0, 0)),
    FORM("\x89\x45\x01", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 7, -1, 0, 1)),
    FORM("\x89\x06\x34\x12", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89,
         MEMORY(0, SEG_DS, -1, -1, 0, 0x1234)),
    FORM("\x89\x46\x02", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_SS, 5, -1, 0, 2)),
    FORM("\x89\x07", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 3, -1, 0, 0)),
    FORM("\x67\x89\x07", CODE_32, 4, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_DS, 3, -1, 0, 0),
         .addrsize_prefix = true),
    FORM("\x26\x89\x02", CODE_16, 2, 2, MAP_ONE_BYTE, 0x89, MEMORY(0, SEG_ES, 5, 6, 0, 0),
         .segment_override = true),
};

#define SAME(field)                                                                     \
    do {                                                                                \
        if (got.field != f->want.field)                                                 \
            fail_msg("form %zu: " #field " is %lld, not %lld", i, (long long)got.field, \
                     (long long)f->want.field);                                         \
    } while (0)

static void test_forms(void **state)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const struct form *f = &forms[i];
        struct insn got;

        assert_int_equal(decode(&got, f->bytes, f->want.length, f->want.code), 0);
        SAME(length);
        SAME(map);
        SAME(opcode);
        SAME(code);
        SAME(op_bytes);
        SAME(addr_bytes);
        SAME(segment);
        SAME(rex);
        SAME(lock);
        SAME(rep);
        SAME(repne);
        SAME(opsize_prefix);
        SAME(addrsize_prefix);
        SAME(segment_override);
        SAME(rm_kind);
        SAME(reg);
        if (f->want.rm_kind == OPERAND_REG)
            SAME(rm);
        SAME(base);
        SAME(index);
        SAME(scale);
        SAME(rip_relative);
        SAME(disp);
        SAME(imm);
        SAME(imm_bytes);
        /* A byte less, and it is not there as a whole. */
        assert_int_equal(decode(&got, f->bytes, f->want.length - 1U, f->want.code), -XEN_ERANGE);
    }
}

/* Bytes behind the @n valid ones are looked at, but do not make an instruction. */
static int decode_beyond(const char *bytes, unsigned int n, char next)
{
    u8 buffer[INSN_BUFFER] = {0};
    struct insn insn;

    memcpy(buffer, bytes, n);
    buffer[n] = (u8)next;
    return insn_decode(&insn, buffer, n, CODE_64);
}

static void test_ends(void **state)
{
    static const char prefixes[] =
        "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66";
    char bytes[16];

    assert_int_equal(decode_beyond("\x0f", 1, '\x04'), -XEN_ERANGE); /* 0f 04 is none, but */
    assert_int_equal(decode_beyond("\x0f\x04", 2, 0), -XEN_EINVAL);
    assert_int_equal(decode_beyond(prefixes, 14, '\x90'), -XEN_ERANGE);
    assert_int_equal(decode_beyond(prefixes, 15, '\x90'), -XEN_EINVAL);
    assert_int_equal(decode_beyond(prefixes, 20, '\x90'), -XEN_EINVAL);
    memcpy(bytes, prefixes, 16);
    bytes[14] = '\x0f';
    assert_int_equal(decode_beyond(bytes, 15, '\x04'), -XEN_EINVAL);
    assert_int_equal(decode_beyond(bytes, 15, '\xa2'), -XEN_EINVAL);
    /* REX counts in front of the opcode only: REX and a prefix, REX twice. */
    assert_int_equal(decode_beyond("\x48\x66\x90", 3, 0), -XEN_EINVAL);
    assert_int_equal(decode_beyond("\x48\x48\x90", 3, 0), -XEN_EINVAL);
}

static void test_all_registers(void **state)
{
    struct cpu_user_regs regs = {.rax = 0x100011100,
                                 .rcx = 0x100011101,
                                 .rdx = 0x100011102,
                                 .rbx = 0x100011103,
                                 .rsp = 0x100011104,
                                 .rbp = 0x100011105,
                                 .rsi = 0x100011106,
                                 .rdi = 0x100011107,
                                 .r8 = 0x100011108,
                                 .r9 = 0x100011109,
                                 .r10 = 0x10001110a,
                                 .r11 = 0x10001110b,
                                 .r12 = 0x10001110c,
                                 .r13 = 0x10001110d,
                                 .r14 = 0x10001110e,
                                 .r15 = 0x10001110f};
    struct insn legacy = {0}, rex = {.rex = 0x40};

    for (unsigned int n = 0; n < 16; n++) {
        assert_true(*insn_register(&regs, n) == 0x100011100UL + n);
        assert_true(insn_get_register(&rex, &regs, n, 1) == n);
        assert_true(insn_get_register(&legacy, &regs, n, 2) == 0x1100U + n);
        assert_true(insn_get_register(&legacy, &regs, n, 8) == 0x100011100UL + n);
        assert_true(insn_get_register(&legacy, &regs, n, 4) == 0x11100 + n);
        /* AH to BH, where there is no REX */
        assert_true(insn_get_register(&legacy, &regs, n, 1) == (n >= 4 && n < 8 ? 0x11 : n));
    }
    regs.rbx = 0x1122334455667788UL;
    assert_true(insn_get_register(&legacy, &regs, 3, 4) == 0x55667788);
    assert_true(insn_get_register(&legacy, &regs, 3, 8) == 0x1122334455667788UL);
    insn_set_register(&legacy, &regs, 7, 1, 0x1aa); /* BH */
    assert_true(regs.rbx == 0x112233445566aa88UL);
    insn_set_register(&legacy, &regs, 3, 1, 0x1bb);
    assert_true(regs.rbx == 0x112233445566aabbUL);
    insn_set_register(&legacy, &regs, 3, 2, 0x1cccc);
    assert_true(regs.rbx == 0x112233445566ccccUL);
    insn_set_register(&rex, &regs, 7, 1, 0xdd); /* DIL */
    assert_true(regs.rdi == 0x1000111dd);
    insn_set_register(&legacy, &regs, 8, 1, 0xee); /* R8B, though there is no REX here */
    assert_true(regs.r8 == 0x1000111ee);
    insn_set_register(&legacy, &regs, 3, 8, 0x0123456789abcdefUL);
    assert_true(regs.rbx == 0x0123456789abcdefUL);
    insn_set_register(&legacy, &regs, 3, 4, 0x1ffffffffUL);
    assert_true(regs.rbx == 0xffffffff);
    assert_true(regs.rcx == 0x100011101 && regs.r15 == 0x10001110f);
}

static void test_offsets(void **state)
{
    struct cpu_user_regs regs = {.rax = 0x12345, .rcx = 0x10, .rip = 0xffffffff00000000UL};
    struct insn i = {.addr_bytes = 8, .base = 0, .index = 1, .scale = 3, .disp = -1};

    assert_true(insn_offset(&i, &regs) == 0x12345 + 0x80 - 1);
    i.addr_bytes = 2;
    assert_true(insn_offset(&i, &regs) == 0x23c4);
    i.addr_bytes = 4;
    i.base = i.index = -1;
    assert_true(insn_offset(&i, &regs) == 0xffffffff);
    i = (struct insn){.addr_bytes = 8, .base = -1, .index = 0, .rip_relative = true, .length = 7};
    assert_true(insn_offset(&i, &regs) == 0xffffffff00000000UL + 7 + 0x12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stores),    cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_registers),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_forms),
        cmocka_unit_test(test_ends),      cmocka_unit_test(test_all_registers),
        cmocka_unit_test(test_offsets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
