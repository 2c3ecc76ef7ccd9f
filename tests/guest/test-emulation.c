/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions that a kernel in ring 3 still executes and the hypervisor completes:
 * control and debug registers, MSRs, CPUID by the forced prefix, port I/O, and the small rest.
 */
#include <errno.h>
#include <guest.h>
#include <hypercall.h>
#include <memory.h>
#include <stdio.h>
#include <string.h>
#include <traps.h>

#include "harness.h"

#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_APIC_BASE      0x1bu
#define MSR_PAT            0x277u
#define MSR_TSC            0x10u
#define MSR_SYSENTER_CS    0x174u

static struct trap_report report;

/* One instruction with rax, rcx, rdx in and out. */
struct operands {
    uint64_t rax, rcx, rdx;
};

#define OPERATION(name, code)                                                                    \
    static void name(void *argument)                                                             \
    {                                                                                            \
        struct operands *o = argument;                                                           \
        asm volatile(code : "+a"(o->rax), "+c"(o->rcx), "+d"(o->rdx) : : "rbx", "memory", "cc"); \
    }

OPERATION(do_rdmsr, "rdmsr")
OPERATION(do_wrmsr, "wrmsr")
OPERATION(do_read_cr0, "mov %%cr0, %%rax")
OPERATION(do_read_cr2, "mov %%cr2, %%rax")
OPERATION(do_read_cr3, "mov %%cr3, %%rax")
OPERATION(do_read_cr4, "mov %%cr4, %%rax")
OPERATION(do_read_cr8, "mov %%cr8, %%rax")
OPERATION(do_write_cr0, "mov %%rax, %%cr0")
OPERATION(do_write_cr2, "mov %%rax, %%cr2")
OPERATION(do_write_cr3, "mov %%rax, %%cr3")
OPERATION(do_write_cr4, "mov %%rax, %%cr4")
OPERATION(do_clts, "clts")
OPERATION(do_lmsw, "lmsw %%ax")
OPERATION(do_smsw, "smsw %%rax")
OPERATION(do_wbinvd, "wbinvd")
OPERATION(do_invd, "invd")
OPERATION(do_invlpg, "invlpg (%%rax)")
OPERATION(do_cli, "cli")
OPERATION(do_sti, "sti")
OPERATION(do_hlt, "hlt")
OPERATION(do_rdpmc, "rdpmc")
OPERATION(do_rdtsc, "rdtsc")
OPERATION(do_xgetbv, "xgetbv")
OPERATION(do_forced_cpuid, "ud2; .ascii \"xen\"; cpuid")
OPERATION(do_read_dr0, "mov %%dr0, %%rax")
OPERATION(do_read_dr4, "mov %%dr4, %%rax")
OPERATION(do_read_dr6, "mov %%dr6, %%rax")
OPERATION(do_read_dr7, "mov %%dr7, %%rax")
OPERATION(do_write_dr0, "mov %%rax, %%dr0")
OPERATION(do_write_dr7, "mov %%rax, %%dr7")
OPERATION(do_inb, "inb %%dx, %%al")
OPERATION(do_inw, "inw %%dx, %%ax")
OPERATION(do_inl, "inl %%dx, %%eax")
OPERATION(do_outb, "outb %%al, %%dx")
OPERATION(do_outl, "outl %%eax, %%dx")
OPERATION(do_in_imm, "inb $0x80, %%al")
OPERATION(do_sgdt, "sub $16, %%rsp; sgdt (%%rsp); add $16, %%rsp")
OPERATION(do_sldt, "sldt %%rax")
OPERATION(do_str, "str %%rax")

/* Execute; false when it trapped, which then was a general protection fault with no code. */
static bool works(void (*operation)(void *), struct operands *operands)
{
    if (!trap_catch(operation, operands, &report))
        return true;
    CHECK_EQ(report.regs.vector, TRAP_GP);
    CHECK_EQ(report.regs.error_code, 0);
    return false;
}

static void test_control_registers(void)
{
    struct operands o = {0, 0, 0};
    uint64_t cr0, cr4;

    CHECK(works(do_read_cr0, &o));
    cr0 = o.rax;
    CHECK_EQ(cr0, 0x8005003b & ~8ull);
    CHECK(works(do_write_cr0, &o));
    /* TS is the guest's own, the rest stays. */
    o.rax = cr0 | 8;
    CHECK(works(do_write_cr0, &o));
    CHECK(works(do_read_cr0, &o));
    CHECK_EQ(o.rax, cr0 | 8);
    CHECK(works(do_clts, &o));
    CHECK(works(do_read_cr0, &o));
    CHECK_EQ(o.rax, cr0);
    o.rax = cr0 & ~0x10000ull; /* without WP */
    CHECK(!works(do_write_cr0, &o));
    CHECK(works(do_read_cr0, &o));
    CHECK_EQ(o.rax, cr0);
    o.rax = cr0 | 8;
    CHECK(!works(do_lmsw, &o));
    CHECK(works(do_smsw, &o));
    CHECK_EQ(o.rax & 1, 1);

    o.rax = 0x12345;
    CHECK(works(do_write_cr2, &o));
    o.rax = 0;
    CHECK(works(do_read_cr2, &o));
    CHECK_EQ(o.rax, 0x12345);
    CHECK_EQ(shared_info->vcpu_info[0].arch.cr2, 0x12345);

    CHECK(works(do_read_cr3, &o));
    CHECK_EQ(o.rax, (uint64_t)va_to_mfn((void *)start_info->pt_base) << PAGE_SHIFT);
    CHECK(works(do_write_cr3, &o));
    o.rax = (uint64_t)BAD_MFN << PAGE_SHIFT;
    CHECK(!works(do_write_cr3, &o));

    CHECK(works(do_read_cr4, &o));
    cr4 = o.rax;
    CHECK_EQ(cr4 & 0x620, 0x620); /* PAE, OSFXSR, OSXMMEXCPT */
    CHECK_EQ(cr4 & 0x80, 0);      /* not PGE: that is the hypervisor's own */
    CHECK(works(do_write_cr4, &o));
    o.rax = cr4 ^ 0x20;
    works(do_write_cr4, &o);
    CHECK(works(do_read_cr4, &o));
    CHECK_EQ(o.rax, cr4);
    CHECK(!trap_catch(do_read_cr8, &o, &report) || report.regs.vector == TRAP_GP ||
          report.regs.vector == TRAP_INVALID_OPCODE);
}

static bool read_msr(uint32_t msr, uint64_t *value)
{
    struct operands o = {0, msr, 0};

    if (!works(do_rdmsr, &o))
        return false;
    *value = (o.rdx << 32) | (uint32_t)o.rax;
    return true;
}

static bool write_msr(uint32_t msr, uint64_t value)
{
    struct operands o = {(uint32_t)value, msr, value >> 32};

    return works(do_wrmsr, &o);
}

static void test_msr_bases(void)
{
    uint64_t fs, gs, value;

    CHECK(read_msr(MSR_FS_BASE, &fs));
    CHECK(read_msr(MSR_GS_BASE, &gs));
    CHECK(write_msr(MSR_FS_BASE, 0x123456789000));
    CHECK(read_msr(MSR_FS_BASE, &value));
    CHECK_EQ(value, 0x123456789000);
    CHECK(!write_msr(MSR_FS_BASE, (uint64_t)NON_CANONICAL));
    CHECK(write_msr(MSR_FS_BASE, fs));
    CHECK(write_msr(MSR_KERNEL_GS_BASE, 0x7000));
    CHECK(read_msr(MSR_KERNEL_GS_BASE, &value));
    CHECK_EQ(value, 0x7000);
    CHECK(write_msr(MSR_GS_BASE, gs));
    CHECK(read_msr(MSR_GS_BASE, &value));
    CHECK_EQ(value, gs);
}

static void test_msr_others(void)
{
    uint64_t value;

    CHECK(read_msr(MSR_EFER, &value));
    CHECK_EQ(value, 0xd01); /* NX, long mode active and enabled, SYSCALL */
    CHECK(write_msr(MSR_EFER, value));
    CHECK(read_msr(MSR_PAT, &value));
    CHECK_EQ(value, 0x050100070406);
    CHECK(!write_msr(MSR_PAT, 0x0007040600070406) ||
          (read_msr(MSR_PAT, &value), value == 0x050100070406));
    CHECK(read_msr(MSR_APIC_BASE, &value));
    CHECK(read_msr(MSR_TSC, &value));
    CHECK(value != 0);
    /* The hypervisor's own entry points and whatever it does not know. */
    CHECK(!read_msr(MSR_STAR, &value));
    CHECK(!read_msr(MSR_LSTAR, &value));
    CHECK(!read_msr(MSR_SYSENTER_CS, &value));
    CHECK(!read_msr(0x12345, &value));
    CHECK(!write_msr(MSR_LSTAR, 0));
    CHECK(!write_msr(0x12345, 0));
}

static void test_cpuid(void)
{
    struct operands o = {0x40000000, 0, 0};
    uint32_t ebx;

    /* The forced prefix; plain CPUID is not intercepted without CPUID faulting. */
    asm volatile("ud2; .ascii \"xen\"; cpuid" : "+a"(o.rax), "=b"(ebx), "+c"(o.rcx), "+d"(o.rdx));
    CHECK(o.rax >= 0x40000002);
    CHECK_EQ(ebx, 0x566e6558);             /* XenV */
    CHECK_EQ((uint32_t)o.rcx, 0x65584d4d); /* MMXe */
    CHECK_EQ((uint32_t)o.rdx, 0x4d4d566e); /* nVMM */
    o = (struct operands){0x40000001, 0, 0};
    CHECK(works(do_forced_cpuid, &o));
    CHECK_EQ((uint32_t)o.rax >> 16, 4);
    o = (struct operands){1, 0, 0};
    CHECK(works(do_forced_cpuid, &o));
    CHECK_EQ(o.rcx & (1ul << 31), 1ul << 31);                       /* under a hypervisor */
    CHECK_EQ(o.rdx & (1ul << 12), guest_is_dom0() ? 1ul << 12 : 0); /* MTRR */
    CHECK_EQ(o.rdx & (1ul << 3), 0);                                /* no 4 MiB pages */
    CHECK_EQ(o.rdx & (1ul << 6), 1ul << 6);                         /* PAE */
}

static void test_debug_registers(void)
{
    struct operands o = {(uintptr_t)guest_main, 0, 0};

    CHECK(works(do_write_dr0, &o));
    o.rax = 0;
    CHECK(works(do_read_dr0, &o));
    CHECK_EQ(o.rax, (uintptr_t)guest_main);
    CHECK_EQ(hypercall_get_debugreg(0), (intptr_t)guest_main);
    o.rax = (uint64_t)HYPERVISOR_ADDRESS;
    CHECK(!works(do_write_dr0, &o));
    CHECK_EQ(hypercall_set_debugreg(0, (unsigned long)HYPERVISOR_ADDRESS), -EPERM);
    CHECK_EQ(hypercall_set_debugreg(0, (unsigned long)NON_CANONICAL), -EPERM);
    CHECK(works(do_read_dr7, &o));
    CHECK_EQ(o.rax, 0x400);
    CHECK(works(do_read_dr6, &o));
    CHECK_EQ(o.rax, 0xffff0ff0);
    CHECK(works(do_read_dr4, &o));
    CHECK_EQ(o.rax, 0xffff0ff0); /* an alias of DR6 */
    o.rax = 0x400 | (1 << 13);   /* general detect */
    works(do_write_dr7, &o);
    CHECK(works(do_read_dr7, &o));
    CHECK_EQ(o.rax, 0x400);
    CHECK_EQ(hypercall_set_debugreg(4, 0xffff0ff0), 0);
    CHECK_EQ(hypercall_set_debugreg(8, 0), -ENODEV);
    CHECK_EQ(hypercall_get_debugreg(8), -ENODEV);
    CHECK_EQ(hypercall_set_debugreg(0, 0), 0);
}

static void test_ports(void)
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct operands o = {0, 0, 0x80};

    /* Without I/O privilege no port at all. */
    CHECK(!works(do_inb, &o));
    CHECK(!works(do_outb, &o));
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    if (!guest_is_dom0()) {
        /* With it, ports that are not ours read as if nothing were there. */
        CHECK(works(do_inb, &o));
        CHECK_EQ(o.rax & 0xff, 0xff);
        CHECK(works(do_outb, &o));
        iopl.iopl = 0;
        CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
        return;
    }
    CHECK(works(do_inb, &o));
    CHECK(works(do_outb, &o));
    CHECK(works(do_in_imm, &o));
    /* The CMOS, which the hypervisor shares. */
    o = (struct operands){0x0a, 0, 0x70};
    CHECK(works(do_outb, &o));
    o.rdx = 0x71;
    CHECK(works(do_inb, &o));
    CHECK_EQ(o.rax & 0x70, 0x20);
    /* PCI configuration, read through the hypervisor. */
    o = (struct operands){0x80000000, 0, 0xcf8};
    CHECK(works(do_outl, &o));
    CHECK(works(do_inl, &o));
    CHECK_EQ((uint32_t)o.rax, 0x80000000);
    o.rdx = 0xcfc;
    CHECK(works(do_inl, &o));
    CHECK_EQ((uint32_t)o.rax & 0xffff, 0x8086);
    CHECK(works(do_inw, &o));
    CHECK_EQ((uint32_t)o.rax & 0xffff, 0x8086);
    /* The hypervisor's own read as if nothing were there: interrupt controllers, console. */
    static const uint16_t own[] = {0x20, 0x21, 0xa0, 0xa1, 0x3f8, 0x3fd};
    for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        o = (struct operands){0, 0, own[i]};
        CHECK(works(do_inb, &o));
        if ((o.rax & 0xff) != 0xff)
            test_fail(__FILE__, __LINE__, "port %#x reads as %#lx", own[i], o.rax & 0xff);
    }
    iopl.iopl = 4;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), -EINVAL);
    iopl.iopl = 0;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    o.rdx = 0x80;
    CHECK(!works(do_inb, &o));
}

static void test_iobitmap(void)
{
    static uint8_t bitmap[8192];
    struct physdev_set_iobitmap set = {.nr_ports = 65536};
    struct operands o = {0, 0, 0x80};

    memset(bitmap, 0xff, sizeof(bitmap));
    bitmap[0x80 / 8] &= (uint8_t)~1;
    set_xen_guest_handle(set.bitmap, bitmap);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &set), 0);
    if (guest_is_dom0())
        CHECK(works(do_inb, &o));
    CHECK(!works(do_inw, &o));
    set.nr_ports = 65537;
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &set), -EINVAL);
    set.nr_ports = 0;
    set_xen_guest_handle(set.bitmap, NULL);
    CHECK_EQ(hypercall_physdev_op(PHYSDEVOP_set_iobitmap, &set), 0);
    CHECK(!works(do_inb, &o));
}

static void test_others(void)
{
    struct operands o = {0, 0, 0};

    o.rax = (uintptr_t)&o;
    CHECK(works(do_wbinvd, &o));
    CHECK(works(do_rdtsc, &o));
    CHECK(!works(do_invd, &o));
    CHECK(!works(do_invlpg, &o));
    CHECK(!works(do_cli, &o));
    CHECK(!works(do_sti, &o));
    CHECK(!works(do_hlt, &o));
    CHECK(!works(do_rdpmc, &o));
    CHECK(works(do_sgdt, &o));
    CHECK(works(do_sldt, &o));
    CHECK(works(do_str, &o));
}

/* Where the processor has it, it works, whether or not the guest asked for it in CR4. */
static void test_xgetbv(void)
{
    struct operands o = {0, 0, 0};

    if (trap_catch(do_xgetbv, &o, &report))
        CHECK_EQ(report.regs.vector, TRAP_INVALID_OPCODE);
    else
        CHECK_EQ(o.rax & 3, 3);
}

void guest_main(void)
{
    static const struct test tests[] = {
        {"control_registers", test_control_registers},
        {"msr_bases", test_msr_bases},
        {"msr_others", test_msr_others},
        {"cpuid", test_cpuid},
        {"debug_registers", test_debug_registers},
        {"ports", test_ports},
        {"iobitmap", test_iobitmap},
        {"others", test_others},
        {"xgetbv", test_xgetbv},
        {NULL, NULL},
    };

    run_tests(tests);
}
