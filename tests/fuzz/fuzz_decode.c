/* SPDX-License-Identifier: MIT */
/*
 * The instruction decoder on any bytes: what it takes is 1 to 15 bytes long, what follows the
 * instruction does not matter, and with one byte less it asks for more. The address and register
 * helpers then work on whatever came out.
 */
/* SOURCES: arch/x86/pv/decode.c */
#include <asm/decode.h>
#include <public/errno.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition) \
    do {                   \
        if (!(condition))  \
            abort();       \
    } while (0)

/* A buffer of exactly the promised size, so that the sanitizer sees a look behind it. */
static int decode(struct insn *insn, const u8 bytes[INSN_MAX], unsigned int n, u8 filler,
                  enum code_size code)
{
    u8 *buffer = malloc(INSN_BUFFER);
    int rc;

    memset(buffer, filler, INSN_BUFFER);
    memcpy(buffer, bytes, n);
    rc = insn_decode(insn, buffer, n, code);
    free(buffer);
    return rc;
}

static bool same(const struct insn *a, const struct insn *b)
{
    return a->length == b->length && a->map == b->map && a->opcode == b->opcode &&
           a->op_bytes == b->op_bytes && a->addr_bytes == b->addr_bytes &&
           a->segment == b->segment && a->rm_kind == b->rm_kind && a->reg == b->reg &&
           a->rm == b->rm && a->base == b->base && a->index == b->index && a->scale == b->scale &&
           a->disp == b->disp && a->imm == b->imm && a->imm_bytes == b->imm_bytes;
}

static void use(const struct insn *insn)
{
    struct cpu_user_regs regs;
    static const u8 sizes[] = {1, 2, 4, 8};

    memset(&regs, 0x5a, sizeof(regs));
    if (insn->rm_kind == OPERAND_MEM) {
        unsigned long offset = insn_offset(insn, &regs);

        REQUIRE(insn->addr_bytes == 8 || offset >> (8 * insn->addr_bytes) == 0);
    }
    for (unsigned int i = 0; i < sizeof(sizes); i++) {
        u64 value = 0x0123456789abcdefULL >> (64 - 8 * sizes[i]);

        insn_set_register(insn, &regs, insn->reg, sizes[i], value);
        REQUIRE(insn_get_register(insn, &regs, insn->reg, sizes[i]) == value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct insn insn, again;
    u8 bytes[INSN_MAX] = {0};
    enum code_size code;

    if (size < 1)
        return 0;
    code = (enum code_size)(data[0] % 3);
    memcpy(bytes, data + 1, size - 1 < INSN_MAX ? size - 1 : INSN_MAX);
    if (decode(&insn, bytes, INSN_MAX, 0, code))
        return 0;
    REQUIRE(insn.length >= 1 && insn.length <= INSN_MAX);
    REQUIRE(decode(&again, bytes, insn.length, 0xff, code) == 0);
    REQUIRE(same(&insn, &again));
    REQUIRE(decode(&again, bytes, insn.length - 1U, 0, code) != 0);
    use(&insn);
    return 0;
}
