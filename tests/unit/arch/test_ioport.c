/* SPDX-License-Identifier: MIT */
/*
 * Port I/O of a guest: which port is accessed how wide with what value, who may, and what string
 * instructions leave in memory and registers.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <asm/pci.h>

#include "pv_guest.h"

#define FIRST 0x60U /* ports that the domain has: the CMOS is among them */
#define LAST  0x7fU
#define DATA  0x4000UL

/* What pci_guest_read() and pci_guest_write() were asked for. */
static struct {
    unsigned int port, bytes;
    u32 value;
} pci[4];
static unsigned int pci_calls;

static void pci_call(unsigned int port, unsigned int bytes, u32 value)
{
    assert_true(pci_calls < ARRAY_SIZE(pci));
    pci[pci_calls].port = port;
    pci[pci_calls].bytes = bytes;
    pci[pci_calls++].value = value;
}

u32 pci_guest_read(const struct domain *d, unsigned int port, unsigned int bytes)
{
    pci_call(port, bytes, 0);
    return 0xaabbccdc;
}

void pci_guest_write(const struct domain *d, unsigned int port, unsigned int bytes, u32 value)
{
    pci_call(port, bytes, value);
}

static struct cpu_user_regs *start(void)
{
    struct cpu_user_regs *regs = guest_start(0);

    assert_int_equal(rangeset_add(current->domain->ioports, FIRST, LAST), 0);
    current->arch.iopl = 0x1000;
    host_port_value = 0x87654321;
    regs->rax = 0x1122334455667788;
    pci_calls = 0;
    return regs;
}

static bool io(const char *code, unsigned int n, unsigned int port)
{
    struct cpu_user_regs *regs = guest_regs();
    bool done;

    guest_code(code, n);
    regs->rdx = 0xabcd0000 | port;
    host_port_access = host_port_before = (struct host_port_access){0};
    done = pv_emulate_privileged(regs);
    if (regs->rip != HANDLER(EXC_PF))
        assert_true(regs->rip == GUEST(CODE) || (done && regs->rip == GUEST(CODE) + n));
    return done;
}

#define IO(code, port) io(code, sizeof(code) - 1, port)
#define FINISHED(code, port) \
    assert_true(IO(code, port) && guest_regs()->rip == GUEST(CODE) + sizeof(code) - 1)

static void expect_port(struct host_port_access got, unsigned int port, unsigned int bytes,
                        bool write, u32 value)
{
    assert_int_equal(got.port, port);
    assert_int_equal(got.bytes, bytes);
    assert_int_equal(got.write, write);
    assert_int_equal(got.value, value);
}

#define EXPECT_READ(port, bytes)                      \
    expect_port(host_port_access, port, bytes, false, \
                (u32)(0x87654321 & ((1UL << 8 * (bytes)) - 1)))
#define EXPECT_WRITE(port, bytes, value) expect_port(host_port_access, port, bytes, true, value)
#define EXPECT_NOTHING()                 assert_int_equal(host_port_access.bytes, 0)

static void widths(void **state)
{
    struct cpu_user_regs *regs = start();

    FINISHED("\xec", 0x64);
    EXPECT_READ(0x64, 1);
    assert_true(regs->rax == 0x1122334455667721);
    FINISHED("\x66\xed", 0x62);
    EXPECT_READ(0x62, 2);
    assert_true(regs->rax == 0x1122334455664321);
    FINISHED("\xed", 0x7c);
    EXPECT_READ(0x7c, 4);
    assert_true(regs->rax == 0x87654321);
    FINISHED("\x48\xed", 0x7c);
    EXPECT_READ(0x7c, 4);
    FINISHED("\xe4\x61", 0);
    EXPECT_READ(0x61, 1);
    FINISHED("\xe5\x60", 0);
    EXPECT_READ(0x60, 4);
    FINISHED("\xe4\xe1", 0x60); /* the immediate is not signed, and e1 is not ours */
    EXPECT_NOTHING();
    regs->rax = 0x1122334455667788;
    FINISHED("\xee", 0x64);
    EXPECT_WRITE(0x64, 1, 0x88);
    FINISHED("\x66\xef", 0x64);
    EXPECT_WRITE(0x64, 2, 0x7788);
    FINISHED("\xef", 0x64);
    EXPECT_WRITE(0x64, 4, 0x55667788);
    FINISHED("\xe6\x60", 0);
    EXPECT_WRITE(0x60, 1, 0x88);
    FINISHED("\xe7\x60", 0);
    EXPECT_WRITE(0x60, 4, 0x55667788);
    assert_true(regs->rax == 0x1122334455667788);
    guest_end();
}

/* Reads of others' ports give ones, writes are lost. */
static void others(void **state)
{
    struct cpu_user_regs *regs = start();

    FINISHED("\xec", 0x5f);
    assert_true(regs->rax == 0x11223344556677ff);
    FINISHED("\x66\xed", 0x7f); /* one of two */
    assert_true(regs->rax == 0x112233445566ffff);
    FINISHED("\xed", 0x7d);
    assert_true(regs->rax == 0xffffffff);
    EXPECT_NOTHING();
    FINISHED("\xee", 0x80);
    FINISHED("\xef", 0x5e);
    EXPECT_NOTHING();
    /* the last ports; beyond there are none */
    FINISHED("\xec", 0xffff);
    FINISHED("\xed", 0xfffc);
    assert_false(IO("\xed", 0xfffd));
    assert_false(IO("\x66\xed", 0xffff));
    assert_int_equal(pci_calls, 0);
    guest_end();
}

static void cmos(void **state)
{
    struct cpu_user_regs *regs = start();

    regs->rax = 0x8a;
    FINISHED("\xee", 0x70);
    EXPECT_NOTHING();
    regs->rax = 0;
    FINISHED("\xec", 0x70);
    EXPECT_NOTHING();
    assert_true(regs->rax == 0x8a);
    FINISHED("\xec", 0x71); /* without the bit that masks NMI */
    expect_port(host_port_before, 0x70, 1, true, 0x0a);
    EXPECT_READ(0x71, 1);
    assert_true(regs->rax == 0x21);
    regs->rax = 0x3344;
    FINISHED("\xee", 0x71);
    expect_port(host_port_before, 0x70, 1, true, 0x0a);
    EXPECT_WRITE(0x71, 1, 0x44);
    /* both at once */
    regs->rax = 0x5566;
    FINISHED("\x66\xef", 0x70);
    expect_port(host_port_before, 0x70, 1, true, 0x66);
    EXPECT_WRITE(0x71, 1, 0x55);
    FINISHED("\x66\xed", 0x70);
    assert_true(regs->rax == 0x2166);
    /* A wider access that ends in the index port leaves that to us. */
    regs->rax = 0x99887766;
    FINISHED("\xef", 0x6d);
    EXPECT_WRITE(0x6f, 1, 0x88);
    expect_port(host_port_before, 0x6e, 1, true, 0x77);
    regs->rax = 0;
    FINISHED("\xed", 0x6d);
    EXPECT_READ(0x6f, 1);
    assert_true(regs->rax == 0x99212121);
    regs->rax = 0x2166;
    /* A domain that has not both of the ports gets neither. */
    rangeset_remove(current->domain->ioports, 0x70, 0x70);
    FINISHED("\xec", 0x71);
    assert_true(regs->rax == 0x21ff);
    FINISHED("\xee", 0x71);
    EXPECT_NOTHING();
    guest_end();
}

static void pci_ports(void **state)
{
    struct cpu_user_regs *regs = start();

    assert_int_equal(rangeset_add(current->domain->ioports, 0xcf8, 0xcfb), 0);
    regs->rax = 0x80001234;
    FINISHED("\xef", 0xcf8);
    EXPECT_NOTHING();
    regs->rax = 0;
    FINISHED("\xed", 0xcf8);
    EXPECT_NOTHING();
    assert_true(regs->rax == 0x80001234);
    FINISHED("\x66\xed", 0xcf8); /* not the address register: a port like others */
    EXPECT_READ(0xcf8, 2);
    /* A dword that only ends in the register does not set it. */
    regs->rax = 0x11112222;
    FINISHED("\xef", 0xcf5);
    FINISHED("\xed", 0xcf8);
    assert_true(regs->rax == 0x80001234);
    rangeset_remove(current->domain->ioports, 0xcf8, 0xcfb);
    FINISHED("\xec", 0xcf9);
    EXPECT_NOTHING();
    FINISHED("\xed", 0xcfc);
    assert_true(regs->rax == 0xaabbccdc && pci[0].port == 0xcfc && pci[0].bytes == 4);
    FINISHED("\x66\xed", 0xcfe);
    assert_true(regs->rax == 0xaabbccdc && pci[1].port == 0xcfe && pci[1].bytes == 2);
    FINISHED("\xec", 0xcff);
    assert_true(regs->rax == 0xaabbccdc && pci[2].port == 0xcff && pci[2].bytes == 1);
    assert_int_equal(pci_calls, 3);
    /* Not aligned: in pieces, up to the end of the register. */
    pci_calls = 0;
    FINISHED("\xed", 0xcfd);
    assert_int_equal(pci_calls, 2);
    assert_true(pci[0].port == 0xcfd && pci[0].bytes == 2);
    assert_true(pci[1].port == 0xcff && pci[1].bytes == 1);
    assert_true(regs->rax == 0xffdcccdc);
    pci_calls = 0;
    regs->rax = 0x44332211;
    FINISHED("\xef", 0xcfd);
    assert_int_equal(pci_calls, 2);
    assert_true(pci[0].port == 0xcfd && pci[0].bytes == 2 && (u16)pci[0].value == 0x2211);
    assert_true(pci[1].port == 0xcff && pci[1].bytes == 1 && (u8)pci[1].value == 0x33);
    pci_calls = 0;
    FINISHED("\xef", 0xcfc);
    assert_true(pci_calls == 1 && pci[0].bytes == 4 && pci[0].value == 0x44332211);
    EXPECT_NOTHING();
    guest_end();
}

/* Virtual IOPL: the kernel counts as ring 1, or as ring 0 if it asked for that. */
static void privilege(void **state)
{
    struct domain *d;

    start();
    d = current->domain;
    FINISHED("\xec", 0x64);
    current->arch.iopl = 0;
    assert_false(IO("\xec", 0x64));
    assert_false(IO("\xfa", 0));
    assert_false(IO("\xfb", 0));
    d->vm_assist = 1UL << VMASST_TYPE_architectural_iopl;
    FINISHED("\xec", 0x64);
    FINISHED("\xfa", 0);
    FINISHED("\xfb", 0);
    d->vm_assist = 0;
    current->arch.iopl = 0x2000;
    guest_user();
    assert_false(IO("\xec", 0x64));
    assert_false(IO("\xfa", 0));
    current->arch.iopl = 0x3000;
    FINISHED("\xec", 0x64);
    FINISHED("\xfa", 0);
    guest_end();
}

static void bitmap(void **state)
{
    u8 *map;

    start();
    map = (u8 *)window(DATA);
    memset(map, 0xff, 0x100);
    current->arch.iopl = 0;
    current->arch.iobmp = (u8 *)GUEST(DATA);
    current->arch.iobmp_limit = 0x400;
    guest_user();
    assert_false(IO("\xec", 0x64));
    assert_true(!in_guest_kernel(current) && host_registers()->gs_base == 0x7000);
    map[12] = 0xef; /* 64 */
    FINISHED("\xec", 0x64);
    EXPECT_READ(0x64, 1);
    assert_false(in_guest_kernel(current));
    assert_true(host_registers()->gs_base == 0x7000);
    assert_false(IO("\xec", 0x65));
    assert_false(IO("\x66\xed", 0x64));
    map[12] = 0x7f; /* 67 and 68 */
    map[13] = 0xfe;
    FINISHED("\x66\xed", 0x67);
    map[13] = 0xff;
    assert_false(IO("\x66\xed", 0x67));
    map[12] = 0x0f; /* 64 to 67 */
    FINISHED("\xed", 0x64);
    map[12] = 0x8f;
    assert_false(IO("\xed", 0x64));
    FINISHED("\xe4\x64", 0);
    /* the bitmap's end */
    current->arch.iobmp_limit = 0x65;
    assert_false(IO("\xec", 0x64));
    current->arch.iobmp_limit = 0x66;
    FINISHED("\xec", 0x64);
    /* the end of what is mapped: one byte is there, none is there */
    current->arch.iobmp_limit = 0x400;
    current->arch.iobmp = (u8 *)GUEST(HOST_WINDOW - 13);
    *((u8 *)host_guest + HOST_WINDOW - 1) = 0x6f;
    FINISHED("\xec", 0x64);
    FINISHED("\xec", 0x67);
    assert_false(IO("\x66\xed", 0x67));
    current->arch.iobmp = (u8 *)GUEST(HOST_WINDOW - 12);
    assert_false(IO("\xec", 0x64));
    /* the kernel, too, if its IOPL is too low */
    enter_guest_kernel(current);
    current->arch.iobmp = (u8 *)GUEST(DATA);
    FINISHED("\xec", 0x64);
    assert_true(in_guest_kernel(current));
    assert_false(IO("\xec", 0x67));
    guest_end();
}

static void ins(void **state)
{
    struct cpu_user_regs *regs = start();

    memset(window(DATA), 0xee, 64);
    regs->rcx = 5;
    regs->rdi = GUEST(DATA);
    FINISHED("\x6c", 0x64);
    EXPECT_READ(0x64, 1);
    assert_true(*window(DATA) == 0xeeeeeeeeeeeeee21 && regs->rdi == GUEST(DATA + 1));
    assert_true(regs->rcx == 5);
    FINISHED("\x66\x6d", 0x64);
    EXPECT_READ(0x64, 2);
    assert_true(*window(DATA) == 0xeeeeeeeeee432121 && regs->rdi == GUEST(DATA + 3));
    regs->rflags |= EFLAGS_DF;
    FINISHED("\x6d", 0x64);
    EXPECT_READ(0x64, 4);
    assert_true(*window(DATA) == 0xee87654321432121 && regs->rdi == GUEST(DATA - 1));
    regs->rflags &= ~EFLAGS_DF;
    /* FS does not count for INS. */
    do_set_segment_base(SEGBASE_FS, 0x100);
    regs->rdi = GUEST(DATA);
    FINISHED("\x64\x6d", 0x64);
    assert_true(*window(DATA) == 0xee87654387654321);
    regs->rdi = GUEST(DATA);
    regs->rcx = 3;
    FINISHED("\xf3\x66\x6d", 0x64);
    assert_true(*window(DATA) == 0xee87432143214321 && regs->rcx == 0);
    assert_true(regs->rdi == GUEST(DATA + 6));
    FINISHED("\xf3\x6c", 0x64);
    EXPECT_NOTHING();
    assert_true(regs->rdi == GUEST(DATA + 6) && regs->rcx == 0);
    guest_end();
}

static void outs(void **state)
{
    struct cpu_user_regs *regs = start();

    *window(DATA) = 0x8877665544332211;
    *window(DATA + 0x6000) = 0x99;
    regs->rcx = 5;
    regs->rsi = GUEST(DATA);
    FINISHED("\x6e", 0x64);
    EXPECT_WRITE(0x64, 1, 0x11);
    FINISHED("\x66\x6f", 0x64);
    EXPECT_WRITE(0x64, 2, 0x3322);
    FINISHED("\x6f", 0x64);
    EXPECT_WRITE(0x64, 4, 0x77665544);
    assert_true(regs->rsi == GUEST(DATA + 7) && regs->rcx == 5);
    regs->rflags |= EFLAGS_DF;
    regs->rsi = GUEST(DATA + 3);
    regs->rcx = 3;
    FINISHED("\xf2\x6e", 0x64);
    EXPECT_WRITE(0x64, 1, 0x22);
    assert_true(regs->rsi == GUEST(DATA) && regs->rcx == 0);
    /* GS counts for OUTS. */
    FINISHED("\x65\x6e", 0x64);
    EXPECT_WRITE(0x64, 1, 0x99);
    guest_end();
}

/* 1024 elements, then the guest comes again. */
static void batches(void **state)
{
    struct cpu_user_regs *regs = start();

    regs->rdi = GUEST(DATA);
    regs->rcx = 1024;
    FINISHED("\xf3\x6c", 0x64);
    assert_true(regs->rcx == 0 && regs->rdi == GUEST(DATA + 1024));
    regs->rcx = 1025;
    assert_true(IO("\xf3\x6c", 0x64));
    assert_true(regs->rcx == 1 && regs->rdi == GUEST(DATA + 2048) && regs->rip == GUEST(CODE));
    FINISHED("\xf3\x6c", 0x64);
    assert_true(regs->rcx == 0 && regs->rdi == GUEST(DATA + 2049));
    guest_end();
}

static void expect_fault(unsigned long addr, u32 error)
{
    EXPECT_ENTRY(HANDLER(14), STACK, guest_regs()->rcx, 0x1111111111111111UL, error, GUEST(CODE),
                 0xe030, KERNEL_TAIL);
    assert_true(current->info->arch.cr2 == addr);
    EXPECT_NOTHING();
    guest_regs()->rsp = GUEST(STACK + 8);
}

static void faults(void **state)
{
    struct cpu_user_regs *regs = start();

    regs->rdi = regs->rsi = GUEST(HOST_WINDOW);
    assert_true(IO("\x6c", 0x64));
    expect_fault(GUEST(HOST_WINDOW), PFEC_WRITE);
    assert_int_equal(regs->entry_vector, EXC_PF);
    assert_true(IO("\x6e", 0x64));
    expect_fault(GUEST(HOST_WINDOW), 0);
    /* the second half is not there */
    regs->rdi = regs->rsi = GUEST(HOST_WINDOW - 2);
    assert_true(IO("\x6d", 0x64));
    expect_fault(GUEST(HOST_WINDOW), PFEC_WRITE);
    assert_true(regs->rdi == GUEST(HOST_WINDOW - 2));
    assert_true(IO("\x6f", 0x64));
    expect_fault(GUEST(HOST_WINDOW), 0);
    /* addresses of 32 bits */
    regs->rdi = 0xff12345678;
    regs->rcx = 0xff00000001;
    assert_true(IO("\x67\xf3\x6c", 0x64));
    expect_fault(0x12345678, PFEC_WRITE);
    regs->rcx = 0xff00000000;
    FINISHED("\x67\xf3\x6c", 0x64);
    guest_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths),    cmocka_unit_test(others),    cmocka_unit_test(cmos),
        cmocka_unit_test(pci_ports), cmocka_unit_test(privilege), cmocka_unit_test(bitmap),
        cmocka_unit_test(ins),       cmocka_unit_test(outs),      cmocka_unit_test(batches),
        cmocka_unit_test(faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
