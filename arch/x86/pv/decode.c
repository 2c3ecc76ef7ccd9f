/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder; see asm/decode.h. Two tables say for each opcode whether a ModRM byte
 * and what immediate follow. A wrong shape would make us complete another instruction than the
 * guest executed, so an instruction that is not in the tables is refused.
 */
#include <asm/decode.h>
#include <lib.h>
#include <public/errno.h>

/* For functions that the plain MOV does not need: its decoding has to be fast. */
#define RARE __attribute__((noinline, cold))

/* Shapes. The low nibble is the immediate, MODRM and BAD are flags. */
enum {
    IMM_NONE,
    IMM_8, /* one byte, sign-extended */
    IMM_16,
    IMM_Z,      /* two or four bytes by operand size, sign-extended */
    IMM_V,      /* two, four or eight bytes by operand size (MOV to register) */
    IMM_OFFSET, /* an address of the address size */
    IMM_FAR,    /* offset and selector */
    IMM_16_8,   /* ENTER */
    IMM_GROUP3, /* F6, F7: only TEST has one */
    MODRM = 0x10,
    BAD = 0x20, /* not an instruction, a prefix, or one that 64-bit mode dropped */
    BAD64 = 0x40,
    D64 = 0x80, /* operand size is 8 in 64-bit mode without REX.W (stack, near branches) */
    PREFIX = BAD | BAD64 | D64, /* a combination of its own: a legacy prefix */
};

#define X4(a) a, a, a, a
#define X8(a) X4(a), X4(a)
#define ALU   MODRM, MODRM, MODRM, MODRM, IMM_8, IMM_Z

static const u8 one_byte_map[256] = {
    /* 00 */ ALU,
    BAD64,
    BAD64,
    ALU,
    BAD64,
    BAD,
    /* 10 */ ALU,
    BAD64,
    BAD64,
    ALU,
    BAD64,
    BAD64,
    /* 20 */ ALU,
    PREFIX,
    BAD64,
    ALU,
    PREFIX,
    BAD64,
    /* 30 */ ALU,
    PREFIX,
    BAD64,
    ALU,
    PREFIX,
    BAD64,
    /* 40 */ X8(BAD64),
    X8(BAD64),
    /* 50 */ X8(D64),
    X8(D64),
    /* 60 */ BAD64,
    BAD64,
    BAD,
    MODRM,
    PREFIX,
    PREFIX,
    PREFIX,
    PREFIX,
    /* 68 */ IMM_Z | D64,
    MODRM | IMM_Z,
    IMM_8 | D64,
    MODRM | IMM_8,
    X4(IMM_NONE),
    /* 70 */ X8(IMM_8 | D64),
    X8(IMM_8 | D64),
    /* 80 */ MODRM | IMM_8,
    MODRM | IMM_Z,
    MODRM | IMM_8 | BAD64,
    MODRM | IMM_8,
    X4(MODRM),
    /* 88 */ X4(MODRM),
    MODRM,
    MODRM,
    MODRM,
    MODRM | D64,
    /* 90 */ X8(IMM_NONE),
    IMM_NONE,
    IMM_NONE,
    IMM_FAR | BAD64,
    IMM_NONE,
    D64,
    D64,
    IMM_NONE,
    IMM_NONE,
    /* a0 */ X4(IMM_OFFSET),
    X4(IMM_NONE),
    IMM_8,
    IMM_Z,
    X4(IMM_NONE),
    IMM_NONE,
    IMM_NONE,
    /* b0 */ X8(IMM_8),
    X8(IMM_V),
    /* c0 */ MODRM | IMM_8,
    MODRM | IMM_8,
    IMM_16 | D64,
    D64,
    BAD,
    BAD,
    MODRM | IMM_8,
    MODRM | IMM_Z,
    /* c8 */ IMM_16_8 | D64,
    D64,
    IMM_16,
    IMM_NONE,
    IMM_NONE,
    IMM_8,
    BAD64,
    IMM_NONE,
    /* d0 */ X4(MODRM),
    IMM_8 | BAD64,
    IMM_8 | BAD64,
    BAD,
    IMM_NONE,
    X8(MODRM),
    /* e0 */ X4(IMM_8 | D64),
    X4(IMM_8),
    IMM_Z | D64,
    IMM_Z | D64,
    IMM_FAR | BAD64,
    IMM_8 | D64,
    X4(IMM_NONE),
    /* f0 */ PREFIX,
    IMM_NONE,
    PREFIX,
    PREFIX,
    IMM_NONE,
    IMM_NONE,
    MODRM | IMM_GROUP3,
    MODRM | IMM_GROUP3,
    /* f8 */ X4(IMM_NONE),
    IMM_NONE,
    IMM_NONE,
    MODRM,
    MODRM,
};

static const u8 map_0f[256] = {
    /* 00 */ MODRM,
    MODRM,
    MODRM,
    MODRM,
    BAD,
    IMM_NONE,
    IMM_NONE,
    IMM_NONE,
    /* 08 */ IMM_NONE,
    IMM_NONE,
    BAD,
    IMM_NONE,
    BAD,
    MODRM,
    IMM_NONE,
    MODRM | IMM_8,
    /* 10 */ X8(MODRM),
    X8(MODRM),
    /* 20 */ X4(MODRM),
    X4(BAD),
    X8(MODRM),
    /* 30 */ X4(IMM_NONE),
    IMM_NONE,
    IMM_NONE,
    BAD,
    IMM_NONE,
    X8(BAD),
    /* 40 */ X8(MODRM),
    X8(MODRM),
    /* 50 */ X8(MODRM),
    X8(MODRM),
    /* 60 */ X8(MODRM),
    X8(MODRM),
    /* 70 */ X4(MODRM | IMM_8),
    MODRM,
    MODRM,
    MODRM,
    IMM_NONE,
    X8(MODRM),
    /* 80 */ X8(IMM_Z | D64),
    X8(IMM_Z | D64),
    /* 90 */ X8(MODRM),
    X8(MODRM),
    /* a0 */ D64,
    D64,
    IMM_NONE,
    MODRM,
    MODRM | IMM_8,
    MODRM,
    BAD,
    BAD,
    /* a8 */ D64,
    D64,
    IMM_NONE,
    MODRM,
    MODRM | IMM_8,
    MODRM,
    MODRM,
    MODRM,
    /* b0 */ X8(MODRM),
    MODRM,
    MODRM,
    MODRM | IMM_8,
    MODRM,
    X4(MODRM),
    /* c0 */ MODRM,
    MODRM,
    MODRM | IMM_8,
    MODRM,
    MODRM | IMM_8,
    MODRM | IMM_8,
    MODRM | IMM_8,
    MODRM,
    X8(IMM_NONE),
    /* d0 */ X8(MODRM),
    X8(MODRM),
    /* e0 */ X8(MODRM),
    X8(MODRM),
    /* f0 */ X8(MODRM),
    X8(MODRM),
};

/*
 * The parts of an instruction, in their order. Each function takes its part at @p and returns where
 * the next part begins. No function checks for the end of the buffer: the longest nonsense
 * (prefixes, and an instruction with all parts behind them) fits, and an instruction that was too
 * long is refused when its length is known.
 */

/* Little-endian, sign-extended. */
static inline s64 signed_value(const u8 *p, unsigned int bytes)
{
    s16 w;
    s32 l;
    s64 q;

    switch (bytes) {
    case 0:
        return 0;
    case 1:
        return (s8)*p;
    case 2:
        memcpy(&w, p, sizeof(w));
        return w;
    case 4:
        memcpy(&l, p, sizeof(l));
        return l;
    default:
        memcpy(&q, p, sizeof(q));
        return q;
    }
}

/*
 * Takes the legacy prefixes. After 15 of them there is no room for an instruction: what follows is
 * decoded as one, and found to be too long.
 */
static RARE const u8 *take_prefixes(struct insn *insn, const u8 *p)
{
    const u8 *end = p + INSN_MAX;

    for (; one_byte_map[*p] == PREFIX && p < end; p++) {
        switch (*p) {
        case 0x64:
        case 0x65:
            insn->segment = *p == 0x64 ? SEG_FS : SEG_GS;
            insn->segment_override = true;
            break;
        case 0x66:
            insn->opsize_prefix = true;
            break;
        case 0x67:
            insn->addrsize_prefix = true;
            break;
        case 0xf0:
            insn->lock = true;
            break;
        case 0xf2:
        case 0xf3:
            insn->repne = *p == 0xf2;
            insn->rep = *p == 0xf3;
            break;
        default: /* 26, 2e, 36, 3e: ignored by long mode */
            if (insn->code != CODE_64) {
                insn->segment = *p >> 3 & 3;
                insn->segment_override = true;
            }
        }
    }
    return p;
}

/* Takes the memory operand of 16-bit addressing. */
static RARE const u8 *take_memory_16(struct insn *insn, const u8 *p, u8 mod, u8 rm)
{
    static const s8 bases[8] = {3, 3, 5, 5, 6, 7, 5, 3};
    static const s8 indices[8] = {6, 7, 6, 7, -1, -1, -1, -1};

    insn->base = bases[rm];
    insn->index = indices[rm];
    if (mod == 0 && rm == 6) {
        insn->base = -1;
        mod = 2;
    }
    insn->disp = signed_value(p, mod);
    if (!insn->segment_override)
        insn->segment = insn->base == 5 ? SEG_SS : SEG_DS;
    return p + mod;
}

static inline const u8 *take_memory(struct insn *insn, const u8 *p, u8 mod, u8 rm, u8 rex)
{
    s8 base = (s8)(rm | (rex & 1) << 3);
    unsigned int bytes;

    if (rm == 4) {
        u8 sib = *p++;

        base = (s8)((sib & 7) | (rex & 1) << 3);
        insn->index = (s8)((sib >> 3 & 7) | (rex & 2) << 2);
        if (insn->index == 4)
            insn->index = -1;
        insn->scale = sib >> 6;
        if ((sib & 7) == 5 && mod == 0) {
            base = -1;
            mod = 2;
        }
    } else if (rm == 5 && mod == 0) {
        base = -1;
        insn->rip_relative = insn->code == CODE_64;
        mod = 2;
    }
    insn->base = base;
    if ((base == 4 || base == 5) && !insn->segment_override)
        insn->segment = SEG_SS;
    if (mod == 0)
        return p;
    bytes = mod == 1 ? 1 : 4;
    insn->disp = signed_value(p, bytes);
    return p + bytes;
}

static inline const u8 *take_modrm(struct insn *insn, const u8 *p, u8 rex)
{
    u8 modrm = *p++;
    u8 mod = modrm >> 6, rm = modrm & 7;

    insn->reg = (u8)((modrm >> 3 & 7) | (rex & 4) << 1);
    insn->rm = (u8)(rm | (rex & 1) << 3);
    /* MOV to and from control and debug registers ignores mod: it always names registers. */
    if (mod == 3 || (insn->map == MAP_0F && (insn->opcode & 0xfc) == 0x20)) {
        insn->rm_kind = OPERAND_REG;
        return p;
    }
    insn->rm_kind = OPERAND_MEM;
    if (unlikely(insn->addr_bytes == 2))
        return take_memory_16(insn, p, mod, rm);
    return take_memory(insn, p, mod, rm, rex);
}

static RARE const u8 *take_immediate(struct insn *insn, const u8 *p, u8 kind)
{
    u8 z = insn->op_bytes == 2 ? 2 : 4, behind = 0;

    switch (kind) {
    case IMM_8:
        insn->imm_bytes = 1;
        break;
    case IMM_16:
        insn->imm_bytes = 2;
        break;
    case IMM_Z:
        insn->imm_bytes = z;
        break;
    case IMM_V:
        insn->imm_bytes = insn->op_bytes;
        break;
    case IMM_OFFSET:
        insn->rm_kind = OPERAND_MEM;
        insn->disp = signed_value(p, insn->addr_bytes);
        return p + insn->addr_bytes;
    case IMM_FAR:
        insn->imm_bytes = z;
        behind = 2;
        break;
    case IMM_16_8:
        insn->imm_bytes = 2;
        behind = 1;
        break;
    case IMM_GROUP3:
        if ((insn->reg & 6) == 0)
            insn->imm_bytes = insn->opcode == 0xf6 ? 1 : z;
        break;
    }
    insn->imm = (u64)signed_value(p, insn->imm_bytes);
    return p + insn->imm_bytes + behind;
}

int insn_decode(struct insn *insn, const u8 bytes[INSN_BUFFER], unsigned int n, enum code_size code)
{
    const u8 *p = bytes;
    unsigned long length;
    u8 opcode, shape, rex = 0;

    *insn = (struct insn){.code = (u8)code, .segment = SEG_DS, .base = -1, .index = -1};
    if (unlikely(one_byte_map[*p] == PREFIX))
        p = take_prefixes(insn, p);
    opcode = *p++;
    if (likely(code == CODE_64)) {
        if ((opcode & 0xf0) == 0x40) {
            rex = opcode;
            insn->rex = rex;
            /*
             * REX counts only right before the opcode. Compilers do not write another prefix behind
             * it, and it is refused, since prefixes are BAD in the table.
             */
            opcode = *p++;
        }
        insn->addr_bytes = insn->addrsize_prefix ? 4 : 8;
        insn->op_bytes = rex & 8 ? 8 : insn->opsize_prefix ? 2 : 4;
    } else {
        insn->addr_bytes = (code == CODE_32) == insn->addrsize_prefix ? 2 : 4;
        insn->op_bytes = (code == CODE_32) == insn->opsize_prefix ? 2 : 4;
    }
    shape = one_byte_map[opcode];
    if (opcode == 0x0f) {
        insn->map = MAP_0F;
        opcode = *p++;
        shape = map_0f[opcode];
        if (opcode == 0x38 || opcode == 0x3a) {
            insn->map = opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
            shape = opcode == 0x38 ? MODRM : MODRM | IMM_8;
            opcode = *p++;
        }
    }
    insn->opcode = opcode;
    if (unlikely(shape & (BAD | BAD64)) && ((shape & BAD) || code == CODE_64))
        return (unsigned long)(p - bytes) > n && n < INSN_MAX ? -XEN_ERANGE : -XEN_EINVAL;
    if (unlikely(shape & D64) && code == CODE_64 && insn->op_bytes == 4)
        insn->op_bytes = 8;
    if (shape & MODRM)
        p = take_modrm(insn, p, rex);
    if (shape & 0xf)
        p = take_immediate(insn, p, shape & 0xf);
    length = (unsigned long)(p - bytes);
    if (unlikely(length > MIN(n, INSN_MAX)))
        return length > INSN_MAX || n >= INSN_MAX ? -XEN_EINVAL : -XEN_ERANGE;
    insn->length = (u8)length;
    return 0;
}

u64 *insn_register(struct cpu_user_regs *regs, unsigned int n)
{
    static const u8 offsets[16] = {
        offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
        offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
        offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
        offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
        offsetof(struct cpu_user_regs, r8),  offsetof(struct cpu_user_regs, r9),
        offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
        offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
        offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
    };

    return (u64 *)((char *)regs + offsets[n & 15]);
}

/* AH, CH, DH, BH: byte registers 4 to 7 without a REX prefix. */
static bool is_high_byte(const struct insn *insn, unsigned int n, unsigned int bytes)
{
    return bytes == 1 && !insn->rex && n >= 4 && n < 8;
}

u64 insn_get_register(const struct insn *insn, struct cpu_user_regs *regs, unsigned int n,
                      unsigned int bytes)
{
    if (is_high_byte(insn, n, bytes))
        return *insn_register(regs, n - 4) >> 8 & 0xff;
    return bytes == 8 ? *insn_register(regs, n)
                      : *insn_register(regs, n) & ((1UL << 8 * bytes) - 1);
}

void insn_set_register(const struct insn *insn, struct cpu_user_regs *regs, unsigned int n,
                       unsigned int bytes, u64 value)
{
    u64 *reg = insn_register(regs, n), mask = (1UL << 8 * (bytes & 7)) - 1;

    if (is_high_byte(insn, n, bytes)) {
        reg = insn_register(regs, n - 4);
        *reg = (*reg & ~0xff00UL) | (value & 0xff) << 8;
    } else if (bytes == 8) {
        *reg = value;
    } else if (bytes == 4) {
        *reg = (u32)value;
    } else {
        *reg = (*reg & ~mask) | (value & mask);
    }
}

unsigned long insn_offset(const struct insn *insn, const struct cpu_user_regs *regs)
{
    struct cpu_user_regs *r = (struct cpu_user_regs *)regs; /* only read */
    unsigned long offset = (unsigned long)insn->disp;

    if (insn->base >= 0)
        offset += *insn_register(r, (unsigned int)insn->base);
    if (insn->index >= 0)
        offset += *insn_register(r, (unsigned int)insn->index) << insn->scale;
    if (insn->rip_relative)
        offset += regs->rip + insn->length;
    if (insn->addr_bytes == 8)
        return offset;
    return insn->addr_bytes == 4 ? (u32)offset : (u16)offset;
}
