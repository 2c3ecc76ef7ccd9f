/* SPDX-License-Identifier: MIT */
/*
 * A small instruction decoder: prefixes, opcode, ModRM, SIB, displacement, immediate. It knows the
 * shape of every instruction of the one-byte, 0F, 0F 38 and 0F 3A maps, not their meaning; VEX,
 * EVEX and XOP forms are refused. Shapes: Intel SDM volume 2, appendix A. It touches nothing but
 * its arguments, so it runs on the host.
 */
#ifndef ASM_DECODE_H
#define ASM_DECODE_H

#include <public/xen.h>
#include <types.h>

#define INSN_MAX 15U /* longest instruction */
#define INSN_BUFFER \
    48U /* room for what the decoder may look at before it finds that an instruction is too long */

/* Segment registers as ModRM encodes them. */
enum segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

/* Which opcode map the opcode byte belongs to. */
enum opcode_map { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A };

/* Width of the code segment. */
enum code_size { CODE_16, CODE_32, CODE_64 };

/* Kinds of operands beyond registers that the instruction encodes. */
enum insn_operand { OPERAND_NONE, OPERAND_REG, OPERAND_MEM };

struct insn {
    u8 length; /* bytes, prefixes included */
    u8 map;    /* enum opcode_map */
    u8 opcode; /* last opcode byte */
    u8 code;   /* enum code_size */
    /* operand size: 2, 4 or 8; the caller has to know opcodes of one byte, see insn_is_byte() */
    u8 op_bytes;
    u8 addr_bytes; /* address size: 2, 4 or 8 */
    /* enum segment of the memory operand: the override, or what the base register implies */
    u8 segment;
    u8 rex; /* REX prefix, 0: none */
    bool lock, rep, repne, opsize_prefix, addrsize_prefix;
    bool segment_override;
    u8 rm_kind; /* enum insn_operand: what ModRM's r/m names */
    u8 reg;     /* ModRM.reg with REX.R; for a group opcode reg & 7 is the selector */
    u8 rm;      /* register number when rm_kind is OPERAND_REG (with REX.B); ModRM.rm otherwise */
    s8 base, index; /* of the memory operand: register numbers; -1: none */
    u8 scale;       /* shift of the index register */
    bool rip_relative;
    s64 disp; /* displacement; the address itself for MOV to and from a fixed offset (A0 to A3) */
    u64 imm;  /* immediate, sign-extended to 64 bits where the instruction does */
    u8 imm_bytes; /* 0: none */
};

/*
 * Decodes the instruction at the start of @bytes, of which @n are valid; the rest of the buffer may
 * hold anything.
 * @return 0; -XEN_EINVAL: not an instruction that we know, or longer than 15 bytes; -XEN_ERANGE:
 * more bytes are needed than @n
 */
int insn_decode(struct insn *insn, const u8 bytes[INSN_BUFFER], unsigned int n,
                enum code_size code);

/*
 * Does the low bit of the opcode say that its operands have one byte? For the classic families
 * (ALU, MOV, XCHG, IN, OUT, strings).
 */
static inline bool insn_is_byte(const struct insn *insn)
{
    return !(insn->opcode & 1);
}

/* @return general register @n (0: RAX ... 15: R15) */
u64 *insn_register(struct cpu_user_regs *regs, unsigned int n);

/*
 * Reads register operand @n of @bytes bytes; without REX, byte registers 4 to 7 are AH, CH, DH, BH.
 * Zero-extended.
 */
u64 insn_get_register(const struct insn *insn, struct cpu_user_regs *regs, unsigned int n,
                      unsigned int bytes);
/*
 * Writes register operand @n as the processor does: 4 bytes clear the upper half, 1 and 2 keep the
 * rest.
 */
void insn_set_register(const struct insn *insn, struct cpu_user_regs *regs, unsigned int n,
                       unsigned int bytes, u64 value);

/*
 * @return the offset of the memory operand in its segment, truncated to the address size;
 * @regs->rip is the instruction's start
 */
unsigned long insn_offset(const struct insn *insn, const struct cpu_user_regs *regs);

#endif
