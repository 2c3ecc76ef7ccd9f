/* SPDX-License-Identifier: MIT */
/*
 * Direct writes to page tables: a guest's kernel stores to an L1 table that it maps read-only, as
 * if it were alone on the machine. We complete the fault: we do to the entry what the instruction
 * would have done, under the rules of mmu_update.
 *
 * We emulate the stores and read-modify-write instructions that compilers and kernels use on
 * entries: MOV, STOS, XCHG, the arithmetic and logical group, INC, DEC, NOT, NEG, BTS, BTR, BTC,
 * CMPXCHG, XADD; with LOCK or without, on 1 to 8 aligned bytes. All are done atomically. Any other
 * instruction, and what the rules refuse, remains a page fault of the guest.
 */
#include <arch.h>
#include <asm/pv.h>
#include <guest_access.h>

#include "pte.h"
#include "walk.h"

#define FLAG_CF          0x001UL
#define FLAG_PF          0x004UL
#define FLAG_AF          0x010UL
#define FLAG_ZF          0x040UL
#define FLAG_SF          0x080UL
#define FLAG_OF          0x800UL
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* The /r or opcode numbers of the first arithmetic group. */
enum alu_op { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };

/* What an instruction does to its memory operand. */
enum write_kind {
    WRITE_STORE,
    WRITE_STRING,
    WRITE_XCHG,
    WRITE_ALU,
    WRITE_LOGIC,
    WRITE_KEEP_CF,
    WRITE_NOT,
    WRITE_NEG,
    WRITE_BIT,
    WRITE_CMPXCHG,
    WRITE_XADD
};
enum bit_op { BIT_SET = 1, BIT_RESET, BIT_COMPLEMENT };

struct pte_write {
    u8 kind;   /* enum write_kind */
    u8 op;     /* enum alu_op or bit_op */
    u8 bytes;  /* operand size */
    u64 src;   /* operand, or bit number within the operand */
    long skip; /* bytes from the operand's address to what is accessed (bit strings) */
};

static u64 low_bytes(u64 v, unsigned int bytes)
{
    return bytes == 8 ? v : v & ((1UL << 8 * bytes) - 1);
}

/* ---- decoding ---- */

static void bit_operand(const struct insn *insn, struct cpu_user_regs *regs, struct pte_write *w,
                        bool from_register)
{
    unsigned int bits = w->bytes * 8U;
    s64 n = (s64)insn->imm & (bits - 1);

    if (from_register) {
        u64 v = insn_get_register(insn, regs, insn->reg, w->bytes);

        /* The bit number is signed and may lead out of the addressed operand. */
        n = w->bytes == 8 ? (s64)v : w->bytes == 4 ? (s32)v : (s16)v;
        w->skip = (n >> (w->bytes == 8 ? 6 : w->bytes == 4 ? 5 : 4)) * w->bytes;
        n &= bits - 1;
    }
    w->kind = WRITE_BIT;
    w->src = (u64)n;
}

static bool classify_0f(const struct insn *insn, struct cpu_user_regs *regs, struct pte_write *w)
{
    w->bytes = insn->op_bytes;
    switch (insn->opcode) {
    case 0xab: /* BTS */
    case 0xb3: /* BTR */
    case 0xbb: /* BTC */
        w->op = insn->opcode == 0xab ? BIT_SET : insn->opcode == 0xb3 ? BIT_RESET : BIT_COMPLEMENT;
        bit_operand(insn, regs, w, true);
        return true;
    case 0xba: /* the same with an immediate; /4 is BT, which does not write */
        w->op = insn->reg & 3;
        bit_operand(insn, regs, w, false);
        return (insn->reg & 7) > 4;
    case 0xb0:
    case 0xb1:
    case 0xc0:
    case 0xc1:
        if (insn_is_byte(insn))
            w->bytes = 1;
        w->kind = insn->opcode < 0xc0 ? WRITE_CMPXCHG : WRITE_XADD;
        w->src = insn_get_register(insn, regs, insn->reg, w->bytes);
        return true;
    case 0xc3: /* MOVNTI */
        w->kind = WRITE_STORE;
        w->src = insn_get_register(insn, regs, insn->reg, w->bytes);
        return true;
    default:
        return false;
    }
}

static u8 alu_kind(unsigned int op)
{
    return op == ALU_AND || op == ALU_OR || op == ALU_XOR ? WRITE_LOGIC : WRITE_ALU;
}

/*
 * Finds out what the instruction does to memory.
 * @return false: we do not emulate it
 */
HOT_INLINE bool classify(const struct insn *insn, struct cpu_user_regs *regs, struct pte_write *w)
{
    u8 sel = insn->reg & 7;

    *w = (struct pte_write){0};
    if (insn->map == MAP_0F)
        return insn->rm_kind == OPERAND_MEM && classify_0f(insn, regs, w);
    if (insn->map != MAP_ONE_BYTE)
        return false;
    w->bytes = insn_is_byte(insn) ? 1 : insn->op_bytes;

    switch (insn->opcode) {
    case 0xaa: /* STOS: one element; with REP the next one faults again */
    case 0xab:
        w->kind = WRITE_STRING;
        w->src = insn_get_register(insn, regs, 0, w->bytes);
        return !(insn->rep || insn->repne) || low_bytes(regs->rcx, insn->addr_bytes) != 0;
    case 0xa2: /* MOV to a fixed address */
    case 0xa3:
        w->kind = WRITE_STORE;
        w->src = insn_get_register(insn, regs, 0, w->bytes);
        return true;
    default:
        break;
    }
    if (insn->rm_kind != OPERAND_MEM)
        return false;

    switch (insn->opcode) {
    case 0x88: /* MOV */
    case 0x89:
        w->kind = WRITE_STORE;
        w->src = insn_get_register(insn, regs, insn->reg, w->bytes);
        return true;
    case 0xc6:
    case 0xc7:
        w->kind = WRITE_STORE;
        w->src = low_bytes(insn->imm, w->bytes);
        return sel == 0;
    case 0x86: /* XCHG */
    case 0x87:
        w->kind = WRITE_XCHG;
        w->src = insn_get_register(insn, regs, insn->reg, w->bytes);
        return true;
    case 0x80: /* arithmetic with an immediate */
    case 0x81:
    case 0x83:
        w->kind = alu_kind(sel);
        w->op = sel;
        w->src = low_bytes(insn->imm, w->bytes);
        return sel != ALU_CMP;
    case 0xf6: /* NOT, NEG */
    case 0xf7:
        w->kind = sel == 2 ? WRITE_NOT : WRITE_NEG;
        return sel == 2 || sel == 3;
    case 0xfe: /* INC, DEC */
    case 0xff:
        w->kind = WRITE_KEEP_CF;
        w->op = sel == 0 ? ALU_ADD : ALU_SUB;
        w->src = 1;
        return sel <= 1;
    default: /* arithmetic with a register: 00 + 8 * op, 01 + 8 * op */
        w->kind = alu_kind(insn->opcode >> 3);
        w->op = insn->opcode >> 3;
        if (insn->opcode >= 0x38 || (insn->opcode & 7) > 1)
            return false;
        w->src = insn_get_register(insn, regs, insn->reg, w->bytes);
        return true;
    }
}

/* ---- what the processor would have computed ---- */

/* @return the flags that the result @r alone decides */
static inline unsigned long result_flags(u64 r, unsigned int bytes)
{
    unsigned long f = (r >> (8 * bytes - 1) & 1) * FLAG_SF;

    if (r == 0)
        f |= FLAG_ZF;
    if (!__builtin_parity((unsigned int)r & 0xff))
        f |= FLAG_PF;
    return f;
}

/* OR, AND, XOR: neither carry nor overflow. */
static inline u64 logic(unsigned int op, u64 a, u64 b, unsigned int bytes, unsigned long *flags)
{
    u64 r = op == ALU_AND ? a & b : op == ALU_OR ? a | b : a ^ b;

    *flags = (*flags & ~FLAGS_ARITHMETIC) | result_flags(r, bytes);
    return r;
}

/*
 * Computes @a op @b on @bytes bytes. *@flags holds the carry, and receives the new arithmetic
 * flags.
 * @return the result
 */
static u64 arithmetic(unsigned int op, u64 a, u64 b, unsigned int bytes, unsigned long *flags)
{
    unsigned int top = 8 * bytes - 1;
    u64 carry = *flags & FLAG_CF, r, carries, overflow;
    unsigned long f;

    switch (op) {
    case ALU_ADD:
    case ALU_ADC:
        r = a + b + (op == ALU_ADC ? carry : 0);
        carries = (a & b) | ((a | b) & ~r);
        overflow = (a ^ r) & (b ^ r);
        f = (a ^ b ^ r) & FLAG_AF;
        break;
    default: /* SUB, SBB, CMP */
        r = a - b - (op == ALU_SBB ? carry : 0);
        carries = (~a & b) | ((~a | b) & r);
        overflow = (a ^ b) & (a ^ r);
        f = (a ^ b ^ r) & FLAG_AF;
        break;
    }
    r = low_bytes(r, bytes);
    if (carries >> top & 1)
        f |= FLAG_CF;
    if (overflow >> top & 1)
        f |= FLAG_OF;
    *flags = (*flags & ~FLAGS_ARITHMETIC) | f | result_flags(r, bytes);
    return r;
}

/* Computes the operand's new content, and the flags in *@flags. Only CMPXCHG uses @rax. */
static inline u64 compute(const struct pte_write *w, u64 old, u64 rax, unsigned long *flags)
{
    unsigned long cf = *flags & FLAG_CF;
    u64 r, bit;

    switch (w->kind) {
    case WRITE_LOGIC:
        return logic(w->op, old, w->src, w->bytes, flags);
    case WRITE_ALU:
        return arithmetic(w->op, old, w->src, w->bytes, flags);
    case WRITE_KEEP_CF:
        r = arithmetic(w->op, old, w->src, w->bytes, flags);
        *flags = (*flags & ~FLAG_CF) | cf;
        return r;
    case WRITE_XADD:
        return arithmetic(ALU_ADD, old, w->src, w->bytes, flags);
    case WRITE_NEG:
        return arithmetic(ALU_SUB, 0, old, w->bytes, flags);
    case WRITE_NOT:
        return low_bytes(~old, w->bytes);
    case WRITE_BIT:
        bit = 1UL << w->src;
        *flags = (*flags & ~FLAG_CF) | (old & bit ? FLAG_CF : 0);
        return w->op == BIT_SET ? old | bit : w->op == BIT_RESET ? old & ~bit : old ^ bit;
    case WRITE_CMPXCHG:
        arithmetic(ALU_CMP, low_bytes(rax, w->bytes), old, w->bytes, flags);
        return *flags & FLAG_ZF ? w->src : old;
    default: /* MOV, STOS, XCHG */
        return w->src;
    }
}

/* ---- doing it ---- */

enum outcome { DONE, CHANGED_MEANWHILE, REFUSED };

/* Does l1e_update() if the entry still is @old. */
static enum outcome update_if_same(u64 *pe, u64 old, u64 wanted, struct domain *d)
{
    u64 adjusted = wanted;
    int rc;

    if (wanted & PTE_PRESENT) {
        adjusted = l1e_adjust(wanted);
        if (!((old ^ wanted) & ~PTE_HARMLESS_BITS))
            return cmpxchg(pe, &old, adjusted) ? DONE : CHANGED_MEANWHILE;
        if (likely(l1e_is_write_protection(old, wanted, d))) {
            if (!cmpxchg(pe, &old, adjusted))
                return CHANGED_MEANWHILE;
            l1e_drop_write(old);
            return DONE;
        }
        rc = l1e_get(wanted, d, d);
        if (rc < 0)
            return REFUSED;
        adjusted ^= (u64)rc;
    }
    if (cmpxchg(pe, &old, adjusted)) {
        l1e_put(old, d);
        return DONE;
    }
    l1e_put(adjusted, d);
    return CHANGED_MEANWHILE;
}

/*
 * Ends the instruction: writes what it changes apart from memory (a register that gets the old
 * content, flags, string counters) and advances RIP.
 */
HOT_INLINE void retire_store(const struct insn *insn, struct cpu_user_regs *regs,
                             const struct pte_write *w, u64 old, unsigned long flags)
{
    bool again = false;

    switch (w->kind) {
    case WRITE_XCHG:
    case WRITE_XADD:
        insn_set_register(insn, regs, insn->reg, w->bytes, old);
        break;
    case WRITE_CMPXCHG:
        if (!(flags & FLAG_ZF))
            insn_set_register(insn, regs, 0, w->bytes, old);
        break;
    case WRITE_STRING:
        insn_set_register(insn, regs, 7, insn->addr_bytes,
                          regs->rdi + (regs->rflags & EFLAGS_DF ? -(u64)w->bytes : (u64)w->bytes));
        if (insn->rep || insn->repne) {
            insn_set_register(insn, regs, 1, insn->addr_bytes, regs->rcx - 1);
            again = low_bytes(regs->rcx, insn->addr_bytes) != 0;
        }
        break;
    default:
        break;
    }
    regs->rflags = flags & ~EFLAGS_RF;
    if (!again)
        regs->rip += insn->length;
    if (unlikely(flags & EFLAGS_TF)) {
        current->arch.debugreg[6] |= 1UL << 14; /* DR6.BS */
        pv_inject(regs, EXC_DB);
    }
}

/*
 * Performs @w on the entry at @pe, @shift bits into it.
 * @return false: refused
 */
static bool perform(const struct insn *insn, struct cpu_user_regs *regs, const struct pte_write *w,
                    u64 *pe, unsigned int shift, struct domain *d)
{
    if (likely(w->kind == WRITE_STORE && w->bytes == 8)) {
        if (l1e_update(pe, w->src, false, d, d))
            return false;
        retire_store(insn, regs, w, 0, regs->rflags);
        return true;
    }
    /*
     * Another vCPU may change the entry again and again; then the guest executes its instruction
     * once more.
     */
    for (unsigned int tries = 0; tries < 16; tries++) {
        u64 entry = READ_ONCE(*pe), old = low_bytes(entry >> shift, w->bytes), wanted;
        unsigned long flags = regs->rflags;

        wanted = compute(w, old, regs->rax, &flags);
        wanted = entry ^ (old ^ wanted) << shift;
        switch (wanted == entry ? DONE : update_if_same(pe, entry, wanted, d)) {
        case DONE:
            retire_store(insn, regs, w, old, flags);
            return true;
        case REFUSED:
            return false;
        case CHANGED_MEANWHILE:
            break;
        }
    }
    return true;
}

/*
 * Decodes the forms that kernels really use on entries, without the general decoder: in 64-bit
 * code, MOV and XCHG of four or eight bytes and [LOCK] AND, OR, XOR with a byte, on memory at a
 * register with or without displacement, in eight bytes of code. Fills in what retire_store()
 * needs.
 * @return false: it is another form
 */
HOT_INLINE bool decode_common(struct insn *insn, struct pte_write *w, unsigned long *operand,
                              struct cpu_user_regs *regs)
{
    u8 rex = 0, opcode, modrm, mod, rm;
    unsigned int n = 2;
    u64 code;

    if (regs->cs != FLAT_RING3_CS64 || get_guest(&code, regs->rip))
        return false;
    if ((u8)code == 0xf0) { /* LOCK: all is done atomically */
        code >>= 8;
        n++;
    }
    if ((code & 0xf0) == 0x40) {
        rex = (u8)code;
        code >>= 8;
        n++;
    }
    opcode = (u8)code;
    modrm = (u8)(code >> 8);
    code >>= 16;
    mod = modrm >> 6;
    rm = modrm & 7;
    if (rm == 4 || mod == 3 || (mod == 0 && rm == 5))
        return false; /* SIB, register, RIP-relative */
    *operand = *insn_register(regs, rm | (rex & 1U) << 3);
    if (mod == 1) {
        *operand += (unsigned long)(s8)code;
        code >>= 8;
        n++;
    } else if (mod == 2) {
        *operand += (unsigned long)(s32)code;
        code >>= 32;
        n += 4;
    }

    insn->rex = rex;
    insn->reg = (u8)((modrm >> 3 & 7) | (rex & 4) << 1);
    w->skip = 0;
    if (opcode == 0x89 || opcode == 0x87) {
        w->kind = opcode == 0x89 ? WRITE_STORE : WRITE_XCHG;
        w->bytes = rex & 8 ? 8 : 4;
        w->src = low_bytes(*insn_register(regs, insn->reg), w->bytes);
    } else if (opcode == 0x80 && alu_kind(insn->reg & 7) == WRITE_LOGIC) {
        w->kind = WRITE_LOGIC;
        w->op = insn->reg & 7;
        w->bytes = 1;
        w->src = (u8)code;
        n++;
    } else {
        return false;
    }
    insn->length = (u8)n;
    return n <= sizeof(code);
}

/* Decodes the instruction. Does it write its operand, is that aligned, and is it at @addr? */
HOT_INLINE bool decode_write(struct insn *insn, struct pte_write *w, struct cpu_user_regs *regs,
                             unsigned long addr)
{
    unsigned long operand;

    if (unlikely(!decode_common(insn, w, &operand, regs))) {
        if (pv_fetch_insn(insn, regs) || !classify(insn, regs, w))
            return false;
        if (w->kind == WRITE_STRING)
            operand = low_bytes(regs->rdi, insn->addr_bytes); /* ES:RDI, and ES is flat */
        else if (!pv_operand_address(insn, regs, &operand))
            return false;
    }
    return !(addr & (w->bytes - 1U)) && operand + (unsigned long)w->skip == addr;
}

/*
 * Discards a store to device registers that guests may only read (pv/pte.h), as Xen does. It is not
 * in line and uses the general decoder, so that the fast one stays in line in what follows.
 * @return false: the instruction is not such a store
 */
static __noinline bool lose_device_write(struct cpu_user_regs *regs, mfn_t mfn)
{
    struct pte_write w;
    struct insn insn;

    if (!mmio_read_only || !rangeset_contains(mmio_read_only, mfn.n, mfn.n) ||
        pv_fetch_insn(&insn, regs) || !classify(&insn, regs, &w) || w.kind != WRITE_STORE)
        return false;
    retire_store(&insn, regs, &w, 0, regs->rflags);
    return true;
}

bool pv_emulate_pte_write(unsigned long addr, struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    struct page *table;
    struct pte_write w;
    struct insn insn;
    bool done = false;
    u64 e = read_l1e(v, addr);

    if ((e & (PTE_PRESENT | PTE_WRITE)) != PTE_PRESENT)
        return false;
    table = mfn_to_page(pte_mfn(e));
    if (!mfn_valid(pte_mfn(e)) || READ_ONCE(table->owner) != page_owner_id(d))
        return lose_device_write(regs, pte_mfn(e));
    if (!page_try_get_both(table, PG_TYPE_L1))
        return false;
    if (likely(READ_ONCE(table->owner) == page_owner_id(d)) &&
        decode_write(&insn, &w, regs, addr)) {
        u64 *pe = (u64 *)((char *)mfn_to_virt(pte_mfn(e)) + (addr & ~PAGE_MASK & ~7UL));

        done = perform(&insn, regs, &w, pe, (addr & 7) * 8, d);
    }
    put_page_and_type(table);
    return done;
}
