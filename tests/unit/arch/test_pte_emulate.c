/* SPDX-License-Identifier: MIT */
/*
 * Instructions of a guest's kernel that write to an L1 table: what is in the table afterwards, in
 * the registers, in the flags, and where RIP is. All operands, sizes and outcomes are stated as the
 * processor would have them.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/host/changing_memory.c */
#include <pv/pte.h>

#include "../../host/changing_memory.h"
#include "pv_guest.h"

#define TABLE 0x3000UL /* where the guest finds its L1 table, read-only */
#define SLOT  20U      /* an entry that maps nothing */
#define ENTRY (TABLE + SLOT * 8)

#define CF 0x001UL
#define PF 0x004UL
#define AF 0x010UL
#define ZF 0x040UL
#define SF 0x080UL
#define OF 0x800UL

static unsigned long mfn_of(unsigned int n)
{
    return page_to_mfn(host_frame(current->domain, n)).n;
}

static u64 *entry(unsigned int slot)
{
    return (u64 *)mfn_to_virt(MFN(mfn_of(3))) + slot;
}

/*
 * One instruction on (%rbx), with %rcx and %rax, as most are; RBX is @offset bytes into the entry.
 * @skip: bytes from there to what is written.
 */
struct write {
    const char *code;
    u8 n, offset;
    s8 skip;
    u64 old, rax, rcx, flags; /* before: the entry and registers */
    u64 new, rax_after, rcx_after, flags_after;
};

#define OP(code, ...)                       \
    {                                       \
        code, sizeof(code) - 1, __VA_ARGS__ \
    }
/* No register but the flags changes. */
#define PLAIN(code, offset, old, rcx, flags, new, after) \
    OP(code, offset, 0, old, 0x77, rcx, flags, new, 0x77, rcx, after)

static const struct write writes[] = {
    /* MOV, MOVNTI */
    PLAIN("\x48\x89\x0b", 0, 0x10, 0x8877665544332210, CF | OF, 0x8877665544332210, CF | OF),
    PLAIN("\x89\x0b", 0, 0x1111111122222222, 0xaaaaaaaa33333332, 0, 0x1111111133333332, 0),
    PLAIN("\x89\x0b", 4, 0x1111111122222222, 0xaaaaaaaa33333333, 0, 0x3333333322222222, 0),
    PLAIN("\x66\x89\x0b", 2, 0x1122334455667788, 0xaaaa, 0, 0x11223344aaaa7788, 0),
    PLAIN("\x88\x0b", 1, 0x1122334455667788, 0xabcd, 0, 0x112233445566cd88, 0),
    PLAIN("\x88\x2b", 7, 0x1122334455667788, 0xabcd, 0, 0xab22334455667788, 0), /* %ch */
    PLAIN("\x48\xc7\x03\xfe\xff\xff\xff", 0, 0x10, 0, 0, 0xfffffffffffffffe, 0),
    PLAIN("\xc7\x03\xff\x01\x02\x83", 4, 0x10, 0, 0, 0x830201ff00000010, 0),
    PLAIN("\x66\xc7\x03\x34\x92", 6, 0x10, 0, 0, 0x9234000000000010, 0),
    PLAIN("\xc6\x03\x88", 3, 0x10, 0, 0, 0x88000010, 0),
    PLAIN("\x48\x0f\xc3\x0b", 0, 0x10, 0x123456, CF, 0x123456, CF),
    PLAIN("\x0f\xc3\x0b", 4, 0x10, 0x123456, CF, 0x0012345600000010, CF),
    /* common forms with displacements; RBX is where they are counted from */
    OP("\x48\x89\x4b\x08", 0, 8, 0x10, 0, 0x20, 0, 0x20, 0, 0x20, 0),
    OP("\x48\x89\x4b\xf8", 0, -8, 0x10, 0, 0x20, 0, 0x20, 0, 0x20, 0),
    OP("\x48\x89\x8b\x10\x00\x00\x00", 0, 16, 0x10, 0, 0x20, 0, 0x20, 0, 0x20, 0),
    OP("\x48\x89\x8b\xf0\xff\xff\xff", 0, -16, 0x10, 0, 0x20, 0, 0x20, 0, 0x20, 0),
    OP("\xf0\x80\x63\x08\xf0", 0, 8, 0xff2, 0, 0, CF, 0xff0, 0, 0, SF | PF),
    OP("\xf0\x80\xa3\x10\x00\x00\x00\xf0", 0, 16, 0xff2, 0, 0, CF, 0xff0, 0, 0, SF | PF),
    OP("\xf0\x40\x80\xa3\x10\x00\x00\x00\xf0", 0, 16, 0xff2, 0, 0, CF, 0xff0, 0, 0, SF | PF),
    OP("\x48\x87\x4b\x08", 0, 8, 0x10, 0, 0x20, CF, 0x20, 0, 0x10, CF),
    /* XCHG */
    OP("\x48\x87\x0b", 0, 0, 0x8000000000000010, 0, 0x20, CF, 0x20, 0, 0x8000000000000010, CF),
    OP("\x87\x0b", 0, 0, 0x8000000080000010, 0, ~0x0fUL, CF, 0x80000000fffffff0, 0, 0x80000010, CF),
    OP("\x66\x87\x0b", 2, 0, 0x1122334455667788, 0, 0xaaaabbbb, 0, 0x11223344bbbb7788, 0,
       0xaaaa5566, 0),
    OP("\x86\x0b", 5, 0, 0x1122334455667788, 0, 0xaaaabbbb, 0, 0x1122bb4455667788, 0, 0xaaaabb33,
       0),
    /* arithmetic with a register */
    PLAIN("\x48\x01\x0b", 0, 0x7ffffffffffffff0, 0x10, 0, 0x8000000000000000, OF | SF | PF),
    PLAIN("\x48\x01\x0b", 0, 0x18, 0x18, CF | OF, 0x30, AF | PF),
    PLAIN("\x48\x11\x0b", 0, 0xfffffffffffffffe, 1, CF, 0, CF | AF | ZF | PF),
    PLAIN("\x48\x11\x0b", 0, 2, 4, 0, 6, PF),
    PLAIN("\x48\x29\x0b", 0, 0x10, 0x12, 0, 0xfffffffffffffffe, CF | AF | SF),
    PLAIN("\x48\x29\x0b", 0, 0x8000000000000000, 2, CF, 0x7ffffffffffffffe, AF | OF),
    PLAIN("\x48\x19\x0b", 0, 0x20, 1, CF, 0x1e, AF | PF),
    PLAIN("\x48\x19\x0b", 0, 0x20, 2, 0, 0x1e, AF | PF),
    PLAIN("\x48\x09\x0b", 0, 0xf0, 0x0e, CF | OF | AF | ZF | SF | PF, 0xfe, 0),
    PLAIN("\x48\x21\x0b", 0, 0xf0, 0x0e, CF | OF, 0, ZF | PF),
    PLAIN("\x48\x31\x0b", 0, 0x8000000000000000, 6, CF | OF, 0x8000000000000006, SF | PF),
    PLAIN("\x01\x0b", 4, 0xffffffff00000000, 1, 0, 0, CF | AF | ZF | PF),
    PLAIN("\x01\x0b", 0, 0x00000000fffffffe, 2, 0, 0, CF | AF | ZF | PF),
    PLAIN("\x66\x01\x0b", 2, 0x80000000, 0x8000, 0, 0, CF | OF | ZF | PF),
    PLAIN("\x00\x0b", 1, 0x7f00, 0x01, 0, 0x8000, OF | SF | AF),
    PLAIN("\x28\x0b", 1, 0x120000, 0x01, 0, 0x12ff00, CF | AF | SF | PF),
    PLAIN("\x30\x0b", 1, 0xff00, 0xf0, 0, 0x0f00, PF),
    PLAIN("\x08\x0b", 1, 0x0300, 0x80, 0, 0x8300, SF),
    PLAIN("\x20\x0b", 1, 0xff00, 0x07, 0, 0x0700, 0),
    /* arithmetic with an immediate */
    PLAIN("\x80\x03\x01", 1, 0xff00, 0, 0, 0, CF | AF | ZF | PF),
    PLAIN("\x80\x0b\x80", 1, 0x0100, 0, 0, 0x8100, SF | PF),
    PLAIN("\x80\x13\x01", 1, 0x0100, 0, CF, 0x0300, PF),
    PLAIN("\x80\x1b\x01", 1, 0x0300, 0, CF, 0x0100, 0),
    PLAIN("\x80\x23\x0f", 1, 0xf800, 0, 0, 0x0800, 0),
    PLAIN("\x80\x2b\x02", 1, 0x0300, 0, CF, 0x0100, 0),
    PLAIN("\x80\x33\xff", 1, 0xff00, 0, CF, 0, ZF | PF),
    PLAIN("\x48\x81\x03\xf0\xff\xff\xff", 0, 0x30, 0, 0, 0x20, CF),
    PLAIN("\x81\x03\x00\x00\x00\x80", 4, 0x8000000000000000, 0, 0, 0, CF | OF | ZF | PF),
    PLAIN("\x66\x83\x2b\x01", 2, 0x0012000000000000, 0, 0, 0x00120000ffff0000, CF | AF | SF | PF),
    PLAIN("\x48\x83\x23\xf0", 0, 0x1122334455667788, 0, 0, 0x1122334455667780, 0),
    /* INC, DEC keep CF */
    PLAIN("\xfe\x03", 1, 0xff00, 0, CF, 0, CF | AF | ZF | PF),
    PLAIN("\xfe\x03", 1, 0xff00, 0, OF, 0, AF | ZF | PF),
    PLAIN("\xff\x0b", 4, 0, 0, 0, 0xffffffff00000000, AF | SF | PF),
    PLAIN("\xff\x0b", 4, 0x8000000000000000, 0, CF, 0x7fffffff00000000, CF | OF | AF | PF),
    /* NOT leaves the flags alone; NEG */
    PLAIN("\xf6\x13", 1, 0x0f00, 0, CF | OF, 0xf000, CF | OF),
    PLAIN("\xf7\x13", 4, 0x1234567800000000, 0, ZF, 0xedcba98700000000, ZF),
    PLAIN("\xf6\x1b", 1, 0x0100, 0, 0, 0xff00, CF | AF | SF | PF),
    PLAIN("\xf7\x1b", 4, 0x8000000000000000, 0, 0, 0x8000000000000000, CF | OF | SF | PF),
    PLAIN("\x48\xf7\x1b", 0, 0, 0, CF, 0, ZF | PF),
    PLAIN("\x48\xf7\x1b", 0, 0x10, 0, 0, 0xfffffffffffffff0, CF | SF | PF),
    /* BTS, BTR, BTC change CF alone */
    PLAIN("\x0f\xab\x0b", 0, 0x1000000000000000, 5, CF | ZF, 0x1000000000000020, ZF),
    PLAIN("\x0f\xab\x0b", 0, 0x20, 5, 0, 0x20, CF),
    PLAIN("\x0f\xb3\x0b", 0, 0xff00000020, 5, OF, 0xff00000000, CF | OF),
    PLAIN("\x0f\xb3\x0b", 0, 0x40, 5, CF, 0x40, 0),
    PLAIN("\x0f\xbb\x0b", 0, 0x60, 5, 0, 0x40, CF),
    PLAIN("\x48\x0f\xbb\x0b", 0, 0x40, 63, CF, 0x8000000000000040, 0),
    OP("\x0f\xab\x0b", 0, 4, 0, 0, 37, 0, 0x2000000000, 0, 37, 0),
    OP("\x66\x0f\xab\x0b", 0, 2, 0, 0, 17, 0, 0x20000, 0, 17, 0),
    OP("\x48\x0f\xab\x0b", 0, 8, 0, 0, 65 + 4, 0, 0x20, 0, 69, 0),
    OP("\x48\x0f\xab\x0b", 0, -8, 0, 0, ~0UL, 0, 1UL << 63, 0, ~0UL, 0),
    OP("\x0f\xab\x0b", 0, -4, 0, 0, 0xffffffff, 0, 1UL << 63, 0, 0xffffffff, 0),
    OP("\x66\x0f\xab\x0b", 0, -2, 0, 0, 0xffff, 0, 1UL << 63, 0, 0xffff, 0),
    PLAIN("\x48\x0f\xba\x2b\x3f", 0, 0, 0, CF, 1UL << 63, 0),
    PLAIN("\x48\x0f\xba\x2b\x05", 0, 0x20, 0, 0, 0x20, CF),
    PLAIN("\x48\x0f\xba\x33\x05", 0, 0x40, 0, CF, 0x40, 0),
    PLAIN("\x0f\xba\x33\x25", 0, 0x30, 0, 0, 0x10, CF),
    PLAIN("\x66\x0f\xba\x3b\x11", 0, 0x32, 0, 0, 0x30, CF),
    PLAIN("\x0f\xba\x3b\x1e", 4, 0, 0, 0, 1UL << 62, 0),
    /* CMPXCHG */
    OP("\x48\x0f\xb1\x0b", 0, 0, 0x10, 0x10, 0x8000000000000000, CF | SF, 0x8000000000000000, 0x10,
       0x8000000000000000, ZF | PF),
    OP("\x48\x0f\xb1\x0b", 0, 0, 0x10, 2, 0x20, ZF, 0x10, 0x10, 0x20, CF | SF),
    OP("\x0f\xb1\x0b", 0, 0, 0x5500000010, 0x9900000010, 0x20, 0, 0x5500000020, 0x9900000010, 0x20,
       ZF | PF),
    OP("\x0f\xb1\x0b", 0, 0, 0x5500000010, 0x9900000012, 0x20, 0, 0x5500000010, 0x10, 0x20, 0),
    OP("\x0f\xb0\x0b", 1, 0, 0x123400, 0x9934, 0xff56, 0, 0x125600, 0x9934, 0xff56, ZF | PF),
    OP("\x0f\xb0\x0b", 1, 0, 0x123400, 0x9933, 0xff56, 0, 0x123400, 0x9934, 0xff56,
       CF | AF | SF | PF),
    /* XADD */
    OP("\x48\x0f\xc1\x0b", 0, 0, 0x10, 0, 0x20, CF, 0x30, 0, 0x10, PF),
    OP("\x0f\xc1\x0b", 4, 0, 0x8000000000000000, 0, 0xff80000000, 0, 0, 0, 0x80000000,
       CF | OF | ZF | PF),
    OP("\x0f\xc0\x0b", 1, 0, 0x0500, 0, 0xff03, 0, 0x0800, 0, 0xff05, 0),
};

static void check_write(unsigned int i, const struct write *w)
{
    struct cpu_user_regs *regs = guest_regs();
    unsigned long addr = ENTRY + w->offset + (unsigned long)((long)w->skip & 7), rbx;

    rbx = addr - (unsigned long)(long)w->skip;
    guest_code(w->code, w->n);
    *entry(SLOT) = w->old;
    regs->rax = w->rax;
    regs->rcx = w->rcx;
    regs->rbx = rbx;
    regs->rflags = 0x10202 | w->flags; /* RF is set, and clear behind the instruction */
    if (!pv_emulate_pte_write(addr, regs))
        fail_msg("write %u is refused", i);
    if (*entry(SLOT) != w->new || regs->rax != w->rax_after || regs->rcx != w->rcx_after ||
        regs->rflags != (0x202 | w->flags_after) || regs->rip != GUEST(CODE) + w->n ||
        regs->rbx != rbx)
        fail_msg("write %u: entry %lx, rax %lx, rcx %lx, flags %lx, rip + %lx", i,
                 (unsigned long)*entry(SLOT), (unsigned long)regs->rax, (unsigned long)regs->rcx,
                 (unsigned long)regs->rflags - 0x202, (unsigned long)regs->rip - GUEST(CODE));
}

static void all_forms(void **state)
{
    guest_start(1);
    for (unsigned int i = 0; i < ARRAY_SIZE(writes); i++)
        check_write(i, &writes[i]);
    *entry(SLOT) = 0;
    guest_end();
}

/* The same operand through every register, some of which need another decoder. */
static void all_bases(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct insn rex = {.rex = 0x40};

    for (unsigned int n = 0; n < 16; n++) {
        const char store[] = {(char)(0x4c | n >> 3), '\x89', (char)(0x78 | (n & 7)), 8}; /* %r15 */

        if ((n & 7) == 4 || n == 15)
            continue;
        guest_code(store, 4);
        insn_set_register(&rex, regs, n, 8, ENTRY - 8);
        regs->r15 = 0x1230 + n * 2;
        assert_true(pv_emulate_pte_write(ENTRY, regs));
        assert_true(*entry(SLOT) == 0x1230 + n * 2);
        insn_set_register(&rex, regs, n, 8, 0);
    }
    /* REX.B alone changes neither the size nor the other register. */
    GUEST_CODE("\x41\x89\x0b");
    *entry(SLOT) = 0x1100000000;
    regs->r11 = ENTRY;
    regs->rbx = 0x4444;
    regs->rcx = 0xffffffff00000002;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x1100000002);
    /* SIB, absolute, by a segment's base */
    GUEST_CODE("\x48\x89\x0c\x33");
    regs->rbx = ENTRY - 0x100;
    regs->rsi = 0x100;
    regs->rcx = 0x222;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x222);
    GUEST_CODE("\x48\x89\x0c\x25\xa0\x30\x00\x00");
    regs->rcx = 0x444;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x444);
    GUEST_CODE("\x64\x48\x89\x0b");
    do_set_segment_base(SEGBASE_FS, 0x1000);
    regs->rbx = ENTRY - 0x1000;
    regs->rcx = 0x666;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x666);
    GUEST_CODE("\x48\xa3\xa0\x30\x00\x00\x00\x00\x00\x00");
    regs->rax = 0x888;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x888);
    GUEST_CODE("\xa2\xa1\x30\x00\x00\x00\x00\x00\x00");
    assert_true(pv_emulate_pte_write(ENTRY + 1, regs));
    assert_true(*entry(SLOT) == 0x8888);
    assert_true(regs->rip == GUEST(CODE) + 9);
    /* Bits far behind the operand: BTS with a number of 64 and of 32 bits. */
    *entry(SLOT) = 0;
    GUEST_CODE("\x48\x0f\xab\x0b");
    regs->rbx = ENTRY - 0x20000000;
    regs->rcx = 0x100000004;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x10);
    GUEST_CODE("\x0f\xab\x0b");
    regs->rbx = ENTRY - 0x2000;
    regs->rcx = 0x10005;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    assert_true(*entry(SLOT) == 0x30);
    *entry(SLOT) = 0;
    guest_end();
}

/* How often guest memory is read, and the bytes of the first time. */
static unsigned int reads, first_read;

static void count_read(void *place, unsigned long bytes)
{
    if (reads++ == 0)
        first_read = (unsigned int)bytes;
}

/*
 * Is the instruction taken in one reading of eight bytes? That is all that the forms which kernels
 * use cost; what else we emulate is decoded at leisure.
 */
static bool read_once(const char *code, unsigned int n)
{
    struct cpu_user_regs *regs = guest_regs();

    guest_code(code, n);
    *entry(SLOT) = 0;
    regs->rbx = regs->r11 = ENTRY;
    regs->rcx = regs->r9 = 2;
    reads = 0;
    host_after_guest_read = count_read;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    host_after_guest_read = NULL;
    assert_int_equal(first_read, 8);
    return reads == 1;
}

#define READ_ONCE_ONLY(code) assert_true(read_once(code, sizeof(code) - 1))

static void common_forms_are_cheap(void **state)
{
    guest_start(1);
    READ_ONCE_ONLY("\x89\x0b");
    READ_ONCE_ONLY("\x48\x89\x0b");
    READ_ONCE_ONLY("\x49\x89\x0b");
    READ_ONCE_ONLY("\x4c\x89\x0b");
    READ_ONCE_ONLY("\x48\x89\x4b\x00");
    READ_ONCE_ONLY("\x48\x89\x8b\x00\x00\x00\x00");
    READ_ONCE_ONLY("\x87\x0b");
    READ_ONCE_ONLY("\x48\x87\x0b");
    READ_ONCE_ONLY("\x48\x87\x8b\x00\x00\x00\x00");
    READ_ONCE_ONLY("\xf0\x48\x87\x0b");
    for (int op = 0x0b; op <= 0x33; op += op == 0x0b ? 0x18 : 0x10) {
        const char byte[] = {'\xf0', '\x80', (char)op, 2}; /* OR, AND, XOR */

        assert_true(read_once(byte, 4));
        assert_true(read_once(byte + 1, 3));
    }
    READ_ONCE_ONLY("\x41\x80\x0b\x02");
    READ_ONCE_ONLY("\xf0\x80\x4b\x00\x02");
    READ_ONCE_ONLY("\xf0\x80\x8b\x00\x00\x00\x00\x02"); /* eight bytes */
    assert_false(read_once("\xf0\x40\x80\x8b\x00\x00\x00\x00\x02", 9));
    assert_false(read_once("\x80\x03\x02", 3)); /* ADD */
    assert_false(read_once("\x48\x09\x0b", 3));
    guest_end();
}

static void stos(const char *code, unsigned int n, unsigned long addr, u64 rcx, u64 flags)
{
    struct cpu_user_regs *regs = guest_regs();

    guest_code(code, n);
    *entry(SLOT) = 0x1111111111111110;
    regs->rax = 0x8877665544332220;
    regs->rdi = addr;
    regs->rcx = rcx;
    regs->rflags = 0x202 | flags;
    assert_true(pv_emulate_pte_write((u32)addr, regs));
    assert_true(regs->rax == 0x8877665544332220 && regs->rflags == (0x202 | flags));
}

static void strings(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    stos("\x48\xab", 2, ENTRY, 5, 0);
    assert_true(*entry(SLOT) == 0x8877665544332220 && regs->rdi == ENTRY + 8 && regs->rcx == 5);
    assert_true(regs->rip == GUEST(CODE) + 2);
    stos("\x48\xab", 2, ENTRY, 5, EFLAGS_DF);
    assert_true(regs->rdi == ENTRY - 8);
    stos("\xab", 1, ENTRY + 4, 5, 0);
    assert_true(*entry(SLOT) == 0x4433222011111110 && regs->rdi == ENTRY + 8);
    stos("\xaa", 1, ENTRY + 3, 5, 0);
    assert_true(*entry(SLOT) == 0x1111111120111110 && regs->rdi == ENTRY + 4);
    /* With REP one element, and the guest comes again for the others. */
    stos("\xf3\x48\xab", 3, ENTRY, 2, 0);
    assert_true(regs->rdi == ENTRY + 8 && regs->rcx == 1 && regs->rip == GUEST(CODE));
    stos("\xf3\x48\xab", 3, ENTRY, 1, 0);
    assert_true(regs->rdi == ENTRY + 8 && regs->rcx == 0 && regs->rip == GUEST(CODE) + 3);
    stos("\xf2\x48\xab", 3, ENTRY, 2, 0);
    assert_true(regs->rcx == 1 && regs->rip == GUEST(CODE));
    /* addresses of 32 bits: EDI and ECX */
    stos("\x67\xf3\xab", 3, 0xff00000000UL | ENTRY, 0xff00000001, 0);
    assert_true(regs->rdi == ENTRY + 4 && regs->rcx == 0 && regs->rip == GUEST(CODE) + 3);
    /* Nothing to do is not a reason for a fault here. */
    GUEST_CODE("\xf3\x48\xab");
    regs->rdi = ENTRY;
    assert_false(pv_emulate_pte_write(ENTRY, regs));
    *entry(SLOT) = 0;
    guest_end();
}

static void single_step(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    GUEST_CODE("\x48\x89\x0b");
    regs->rbx = ENTRY;
    regs->rcx = 0x20;
    regs->rflags |= EFLAGS_TF;
    assert_true(pv_emulate_pte_write(ENTRY, regs));
    EXPECT_ENTRY(HANDLER(1), STACK, 0x20, 0x1111111111111111UL, GUEST(CODE) + 3, 0xe030, 0x302,
                 GUEST(STACK + 8), 0xe02b);
    assert_true(current->arch.debugreg[6] & 1UL << 14);
    *entry(SLOT) = 0;
    guest_end();
}

static bool refused(const char *code, unsigned int n, unsigned long rbx, unsigned long addr)
{
    struct cpu_user_regs *regs = guest_regs(), before;
    u64 old = *entry(SLOT);
    bool done;

    guest_code(code, n);
    regs->rbx = rbx;
    regs->rcx = 2; /* what would be written maps nothing, and is not refused for that */
    before = *regs;
    done = pv_emulate_pte_write(addr, regs);
    assert_memory_equal(&before, regs, sizeof(before));
    assert_true(*entry(SLOT) == old);
    machine_check();
    return !done;
}

#define REFUSED(code, rbx, addr) assert_true(refused(code, sizeof(code) - 1, rbx, addr))

static void refusals(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->rdi = ENTRY;
    /* not the operand, not aligned, not readable */
    REFUSED("\x48\x89\x0b", ENTRY + 8, ENTRY);
    REFUSED("\x48\x89\x0b", ENTRY + 4, ENTRY + 4);
    REFUSED("\x89\x0b", ENTRY + 2, ENTRY + 2);
    REFUSED("\x66\x89\x0b", ENTRY + 1, ENTRY + 1);
    host_guest_limit(0, CODE + 2);
    REFUSED("\x48\x89\x0b", ENTRY, ENTRY);
    host_guest_limit(0, 0);
    /* no tables, or mapped writable, or not at all */
    REFUSED("\x48\x89\x0b", 0x0000, 0x0000);
    REFUSED("\x48\x89\x0b", 0x2000, 0x2000);
    REFUSED("\x48\x89\x0b", 0x8000, 0x8000);
    REFUSED("\x48\x89\x0b", 0x14000, 0x14000);
    /* instructions that only read, or that are not taken */
    REFUSED("\x48\x39\x0b", ENTRY, ENTRY); /* cmp */
    REFUSED("\x48\x03\x0b", ENTRY, ENTRY); /* add (%rbx),%rcx */
    REFUSED("\x02\x0b", ENTRY + 1, ENTRY + 1);
    REFUSED("\x48\x89\xcb", ENTRY, ENTRY); /* mov %rcx,%rbx */
    regs->rbp = ENTRY;
    REFUSED("\x48\x89\x0d\x00\x00\x00\x00", ENTRY, ENTRY); /* relative to RIP */
    REFUSED("\x48\x01\xcb", ENTRY, ENTRY);                 /* add %rcx,%rbx */
    REFUSED("\x48\x83\x3b\x02", ENTRY, ENTRY);             /* cmp $1 */
    REFUSED("\x80\x3b\x02", ENTRY, ENTRY);                 /* cmpb $1 */
    REFUSED("\xf6\x03\x02", ENTRY, ENTRY);                 /* testb */
    REFUSED("\x48\xf7\x23", ENTRY, ENTRY);                 /* mul */
    REFUSED("\x48\xff\x13", ENTRY, ENTRY);                 /* call */
    REFUSED("\xff\x13", ENTRY + 4, ENTRY + 4);
    REFUSED("\xfe\x13", ENTRY + 1, ENTRY + 1);
    REFUSED("\x48\xff\x33", ENTRY, ENTRY);                     /* push */
    REFUSED("\x48\xc7\x4b\x00\x02\x00\x00\x00", ENTRY, ENTRY); /* c7 /1 */
    REFUSED("\x48\x0f\xba\x23\x01", ENTRY, ENTRY);             /* bt $1 */
    REFUSED("\x48\x0f\xba\x1b\x01", ENTRY, ENTRY);             /* ba /3 */
    REFUSED("\x48\x0f\xa3\x0b", ENTRY, ENTRY);                 /* bt */
    REFUSED("\x48\x0f\xc7\x0b", ENTRY, ENTRY);                 /* cmpxchg16b */
    REFUSED("\x48\x0f\xab\xcb", ENTRY, ENTRY);                 /* bts %rcx,%rbx */
    REFUSED("\x48\x0f\x38\xf1\x0b", ENTRY, ENTRY);             /* movbe */
    REFUSED("\x48\x8b\x0b", ENTRY, ENTRY);                     /* mov (%rbx),%rcx */
    REFUSED("\x48\x85\x0b", ENTRY, ENTRY);                     /* test */
    REFUSED("\x48\xa5", ENTRY, ENTRY);                         /* movs */
    REFUSED("\x48\xa1\xa0\x30\x00\x00\x00\x00\x00\x00", ENTRY, ENTRY);
    REFUSED("\x90", ENTRY, ENTRY);
    REFUSED("\x06", ENTRY, ENTRY);
    guest_end();
}

static bool run(const char *code, unsigned int n, unsigned int slot, u64 rcx)
{
    struct cpu_user_regs *regs = guest_regs();
    bool done;

    guest_code(code, n);
    regs->rbx = TABLE + slot * 8;
    regs->rcx = rcx;
    done = pv_emulate_pte_write(TABLE + slot * 8, regs);
    assert_true(regs->rip == GUEST(CODE) + (done ? n : 0));
    machine_check();
    return done;
}

#define RUN(code, slot, rcx) run(code, sizeof(code) - 1, slot, rcx)

/* Entries that map something, under the rules of mmu_update; the counts are right at each step. */
static void mappings(void **state)
{
    u64 here = 1, e;

    guest_start(1);
    here = (mfn_of(8) << PAGE_SHIFT) | PTE_PRESENT;
    /* In and out by XCHG, and by MOV of both halves. */
    assert_true(RUN("\x48\x87\x0b", SLOT, here | PTE_WRITE));
    e = *entry(SLOT);
    assert_true(e == (here | PTE_WRITE | PTE_USER | PTE_GLOBAL | PTE_GUEST_KERNEL) ||
                (e & (PTE_ADDR_MASK | 7)) == (here | PTE_WRITE | PTE_USER));
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 2);
    assert_true(RUN("\x48\x87\x0b", SLOT, 0));
    assert_true(*entry(SLOT) == 0);
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 1);
    assert_true(RUN("\x89\x0b", SLOT, here | PTE_WRITE));
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 2);
    /* Accessed: a bit that does no harm. */
    assert_true(RUN("\x80\x0b\x20", SLOT, 0));
    assert_true(*entry(SLOT) & PTE_ACCESSED);
    /* Not writable any more, and so not a second time. */
    assert_true(RUN("\xf0\x80\x23\xfd", SLOT, 0));
    assert_true((*entry(SLOT) & (PTE_ADDR_MASK | 3)) == here);
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 1);
    assert_true(RUN("\xf0\x80\x23\xfd", SLOT, 0));
    assert_true(RUN("\xf0\x80\x0b\x02", SLOT, 0));
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 2);
    /* Another frame by one instruction, and away. */
    assert_true(RUN("\x89\x0b", SLOT, (mfn_of(9) << PAGE_SHIFT) | PTE_PRESENT | PTE_WRITE));
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 1);
    assert_int_equal(page_type_count(host_frame(current->domain, 9)->state), 2);
    assert_true(RUN("\x80\x23\xfe", SLOT, 0));
    assert_int_equal(page_type_count(host_frame(current->domain, 9)->state), 1);
    assert_false(*entry(SLOT) & PTE_PRESENT);
    guest_end();
}

/* ---- an entry that another vCPU changes between our look at it and the exchange ---- */

static struct {
    u64 bits;             /* that it changes */
    unsigned int changes; /* how often it still does, after each access */
} other_vcpu;

static void change_entry(void *place, bool write)
{
    if (place != entry(SLOT) || !other_vcpu.changes)
        return;
    other_vcpu.changes--;
    *entry(SLOT) ^= other_vcpu.bits;
}

/* As run(), while the other vCPU changes @bits of the entry @changes times. */
static bool contended(const char *code, unsigned int n, u64 rcx, u64 bits, unsigned int changes)
{
    struct cpu_user_regs *regs = guest_regs();
    bool done;

    guest_code(code, n);
    regs->rbx = ENTRY;
    regs->rcx = rcx;
    other_vcpu.bits = bits;
    other_vcpu.changes = changes;
    memory_is_watched(entry(0), PAGE_SIZE, change_entry);
    done = pv_emulate_pte_write(ENTRY, regs);
    memory_stays();
    machine_check();
    return done && regs->rip == GUEST(CODE) + n;
}

#define CONTENDED(code, rcx, bits) assert_true(contended(code, sizeof(code) - 1, rcx, bits, 1))

static void changed_meanwhile(void **state)
{
    u64 page8, here;

    guest_start(1);
    page8 = mfn_of(8) << PAGE_SHIFT;
    here = page8 | PTE_PRESENT | PTE_WRITE | PTE_GUEST_KERNEL | PTE_USER;
    /* The references that were taken in vain come off again. */
    CONTENDED("\x48\x87\x0b", page8 | PTE_PRESENT | PTE_WRITE, 0x40);
    assert_true(*entry(SLOT) == here);
    assert_true(guest_regs()->rcx == 0x40);
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 2);
    /* A bit that does no harm; the right to write; an entry that goes. */
    CONTENDED("\xf0\x80\x0b\x20", 0, PTE_DIRTY);
    assert_true(*entry(SLOT) == (here | PTE_ACCESSED | PTE_DIRTY));
    CONTENDED("\xf0\x80\x23\xfd", 0, PTE_DIRTY);
    assert_true(*entry(SLOT) == ((here | PTE_ACCESSED) & ~PTE_WRITE));
    assert_int_equal(page_type_count(host_frame(current->domain, 8)->state), 1);
    CONTENDED("\x48\x87\x0b", 0x10, PTE_DIRTY);
    assert_true(*entry(SLOT) == 0x10);
    assert_true(guest_regs()->rcx == ((here | PTE_ACCESSED | PTE_DIRTY) & ~PTE_WRITE));
    /* Without end: the guest executes its instruction again. */
    assert_false(contended("\x48\x87\x0b", 3, 0x20, 0x40, ~0U));
    assert_true(guest_regs()->rip == GUEST(CODE));
    assert_true(guest_regs()->rcx == 0x20);
    assert_true((*entry(SLOT) & ~0x40UL) == 0x10);
    *entry(SLOT) = 0;
    guest_end();
}

/* What the rules refuse changes nothing. */
static void refused_mappings(void **state)
{
    u64 old;

    guest_start(1);
    old = *entry(3);
    assert_false(RUN("\x80\x0b\x02", 3, 0)); /* a table, writable */
    assert_true(*entry(3) == old);
    assert_false(RUN("\x48\x89\x0b", SLOT, (mfn_of(3) << PAGE_SHIFT) | PTE_PRESENT | PTE_WRITE));
    assert_false(RUN("\x48\x87\x0b", SLOT, (mfn_of(3) << PAGE_SHIFT) | PTE_PRESENT | PTE_WRITE));
    assert_false(RUN("\x48\x87\x0b", SLOT, (5UL << PAGE_SHIFT) | PTE_PRESENT));
    assert_true(*entry(SLOT) == 0);
    assert_true(guest_regs()->rcx == ((5UL << PAGE_SHIFT) | PTE_PRESENT));
    guest_end();
}

/* Stores to device registers that may only be read are lost; other instructions fault. */
static void read_only_devices(void **state)
{
    struct cpu_user_regs *regs = guest_start(0);
    unsigned long addr = SLOT << PAGE_SHIFT;

    mmio_read_only = rangeset_new();
    assert_non_null(mmio_read_only);
    assert_int_equal(
        do_update_va_mapping(addr, (MMIO_FRAME << PAGE_SHIFT) | PTE_PRESENT | PTE_PCD, 0), 0);
    GUEST_CODE("\x89\x0b");
    regs->rbx = addr;
    assert_false(pv_emulate_pte_write(addr, regs)); /* not one of these */
    assert_int_equal(rangeset_add(mmio_read_only, MMIO_FRAME, MMIO_FRAME), 0);
    assert_true(pv_emulate_pte_write(addr, regs));
    assert_true(regs->rip == GUEST(CODE) + 2);
    GUEST_CODE("\x87\x0b");
    assert_false(pv_emulate_pte_write(addr, regs));
    assert_true(regs->rip == GUEST(CODE));
    GUEST_CODE("\x06");
    assert_false(pv_emulate_pte_write(addr, regs));
    GUEST_CODE("\x8b\x0b");
    assert_false(pv_emulate_pte_write(addr, regs));
    rangeset_free(mmio_read_only);
    mmio_read_only = NULL;
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms),
        cmocka_unit_test(all_bases),
        cmocka_unit_test(strings),
        cmocka_unit_test(single_step),
        cmocka_unit_test(refusals),
        cmocka_unit_test(mappings),
        cmocka_unit_test(refused_mappings),
        cmocka_unit_test(read_only_devices),
        cmocka_unit_test(common_forms_are_cheap),
        cmocka_unit_test(changed_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
