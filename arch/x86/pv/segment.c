/* SPDX-License-Identifier: MIT */
/*
 * Instructions and operands of a guest as linear addresses: code and data segments, also of
 * compatibility mode, where bases and limits count.
 */
#include <asm/context.h>
#include <asm/guest_access.h>
#include <asm/pv.h>

/* Descriptor bits (Intel SDM volume 3, 3.4.5). */
#define DESC_CODE       (1ULL << 43)
#define DESC_SEGMENT    (1ULL << 44) /* code or data */
#define DESC_PRESENT    (1ULL << 47)
#define DESC_LONG       (1ULL << 53)
#define DESC_BIG        (1ULL << 54)
#define DESC_PAGE_UNITS (1ULL << 55)
#define DESC_EXPAND     (1ULL << 42) /* data: towards lower addresses */

struct segment_info {
    unsigned long base;
    u32 limit;
    u64 desc;
};

/*
 * Reads the descriptor that @sel names in the vCPU's own tables, through its window.
 * @return false: the selector is null or beyond the table, or the descriptor is not present
 */
static bool read_segment(const struct vcpu *v, u16 sel, struct segment_info *s)
{
    unsigned long table = sel & 4 ? LDT_VIRT(v->arch.window_nr) : GDT_VIRT(v->arch.window_nr);
    unsigned int index = sel >> 3;

    if (sel < 4)
        return false;
    if (sel & 4 ? index >= v->arch.ldt_entries
                : index >= FIRST_RESERVED_GDT_ENTRY + PAGE_SIZE / 8 ||
                      (index >= v->arch.gdt_entries && index < FIRST_RESERVED_GDT_ENTRY))
        return false;
    if (guest_load(&s->desc, (unsigned long)((u64 *)table + index), 8))
        return false;
    if ((s->desc & (DESC_SEGMENT | DESC_PRESENT)) != (DESC_SEGMENT | DESC_PRESENT))
        return false;
    s->base = (s->desc >> 16 & 0xffffff) | (s->desc >> 56 & 0xff) << 24;
    s->limit = (u32)((s->desc & 0xffff) | (s->desc >> 32 & 0xf0000));
    if (s->desc & DESC_PAGE_UNITS)
        s->limit = s->limit << PAGE_SHIFT | 0xfff;
    return true;
}

/*
 * copy_from_guest(), but not expanded in line, because the exact number of bytes not copied
 * matters.
 */
static unsigned long guest_copy(void *dst, unsigned long src, unsigned long bytes)
{
    return guest_addr_ok(src, bytes) ? guest_copy_raw(dst, (const void *)src, bytes) : bytes;
}

int pv_fetch_insn(struct insn *insn, const struct cpu_user_regs *regs)
{
    struct segment_info cs = {.limit = ~0U};
    enum code_size code = CODE_64;
    unsigned long rip = regs->rip;
    unsigned int n = INSN_MAX;
    u8 bytes[INSN_BUFFER];

    if (unlikely(regs->cs != FLAT_RING3_CS64)) {
        if (!read_segment(current, regs->cs, &cs) || !(cs.desc & DESC_CODE))
            return -XEN_EFAULT;
        if (!(cs.desc & DESC_LONG)) {
            code = cs.desc & DESC_BIG ? CODE_32 : CODE_16;
            if (rip > cs.limit)
                return -XEN_EFAULT;
            n = (unsigned int)MIN((u64)INSN_MAX, (u64)cs.limit - rip + 1);
            rip = (u32)(cs.base + rip);
        }
    }
    /*
     * Reads two words if they can be read; near the end of what is mapped, as many bytes as there
     * are.
     */
    if (unlikely(copy_from_guest(bytes, rip, 16))) {
        n -= (unsigned int)guest_copy(bytes, rip, n);
        if (!n)
            return -XEN_EFAULT;
    }
    return insn_decode(insn, bytes, n, code);
}

static u16 data_selector(const struct insn *insn, const struct cpu_user_regs *regs)
{
    struct cpu_user_regs now;

    if (insn->segment == SEG_CS)
        return regs->cs;
    if (insn->segment == SEG_SS)
        return regs->ss;
    save_selectors(&now);
    switch (insn->segment) {
    case SEG_ES:
        return now.es;
    case SEG_DS:
        return now.ds;
    case SEG_FS:
        return now.fs;
    default:
        return now.gs;
    }
}

/* Computes an address in compatibility mode, where bases and limits count. */
static __attribute__((noinline)) bool legacy_address(const struct insn *insn,
                                                     const struct cpu_user_regs *regs,
                                                     unsigned long offset, unsigned int bytes,
                                                     unsigned long *addr)
{
    struct segment_info s;

    if (!read_segment(current, data_selector(insn, regs), &s))
        return false;
    if (!(s.desc & DESC_CODE) && (s.desc & DESC_EXPAND)) {
        u32 top = s.desc & DESC_BIG ? ~0U : 0xffff;

        if (offset <= s.limit || offset > top || top - offset < bytes - 1)
            return false;
    } else if (offset > s.limit || s.limit - offset < bytes - 1) {
        return false;
    }
    *addr = (u32)(s.base + offset);
    return true;
}

bool pv_segment_address(const struct insn *insn, const struct cpu_user_regs *regs,
                        unsigned long offset, unsigned int bytes, unsigned long *addr)
{
    if (unlikely(insn->code != CODE_64))
        return legacy_address(insn, regs, offset, bytes, addr);
    if (unlikely(insn->segment == SEG_FS))
        offset += current_fs_base();
    else if (unlikely(insn->segment == SEG_GS))
        offset += current_gs_base();
    *addr = offset;
    return true;
}

bool pv_operand_address(const struct insn *insn, const struct cpu_user_regs *regs,
                        unsigned long *addr)
{
    return pv_segment_address(insn, regs, insn_offset(insn, regs), 1, addr);
}
