/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a PV guest, and the hypercalls that do the same: control and debug
 * registers, MSRs, time stamp, CPUID, bases of segments. And where instructions and operands are in
 * compatibility mode.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
#include <hypercall.h>

#include "pv_guest.h"

static bool emulate(const char *code, unsigned int n)
{
    struct cpu_user_regs *regs = guest_regs();
    bool done;

    guest_code(code, n);
    done = pv_emulate_privileged(regs);
    assert_true(regs->rip == GUEST(CODE) + (done ? n : 0));
    return done;
}

#define DONE(code)    assert_true(emulate(code, sizeof(code) - 1))
#define REFUSED(code) assert_false(emulate(code, sizeof(code) - 1))

static void control_registers(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    unsigned long root = page_to_mfn(host_frame(current->domain, 0)).n << 12, cr0;
    struct vcpu *v = current;

    cr0 = v->arch.ctrlreg[0];
    v->arch.ctrlreg[2] = 0x2222;
    DONE("\x0f\x20\xc0"); /* mov %cr0,%rax */
    assert_true(regs->rax == cr0 && !(cr0 & 8));
    DONE("\x41\x0f\x20\xd1"); /* mov %cr2,%r9 */
    assert_true(regs->r9 == 0x2222);
    DONE("\x0f\x20\xda"); /* mov %cr3,%rdx */
    assert_true(regs->rdx == root);
    DONE("\x0f\x20\xe3"); /* mov %cr4,%rbx */
    assert_true(regs->rbx == v->arch.ctrlreg[4]);
    REFUSED("\x0f\x20\xc8");     /* %cr1 */
    REFUSED("\x44\x0f\x20\xc0"); /* %cr8 */

    regs->rax = cr0 | 8; /* TS */
    DONE("\x0f\x22\xc0");
    assert_true(v->arch.ctrlreg[0] == (cr0 | 8) && host_registers()->cr0 & 8);
    DONE("\x0f\x06"); /* clts */
    assert_true(v->arch.ctrlreg[0] == cr0 && !(host_registers()->cr0 & 8));
    regs->rax = cr0 | 8;
    DONE("\x0f\x22\xc0");
    assert_int_equal(do_fpu_taskswitch(0), 0);
    assert_true(v->arch.ctrlreg[0] == cr0);
    assert_int_equal(do_fpu_taskswitch(1), 0);
    regs->rax = cr0;
    DONE("\x0f\x22\xc0");
    assert_true(v->arch.ctrlreg[0] == cr0 && !(host_registers()->cr0 & 8));
    regs->rax = cr0 ^ 4;
    REFUSED("\x0f\x22\xc0");
    regs->rax = 0x3333;
    DONE("\x0f\x22\xd0");
    assert_true(v->arch.ctrlreg[2] == 0x3333 && v->info->arch.cr2 == 0x3333);
    regs->rax = root;
    DONE("\x0f\x22\xd8");
    regs->rax = 8UL << 12; /* not a root */
    REFUSED("\x0f\x22\xd8");
    assert_true(host_registers()->cr3 == root);
    regs->rax = 0;
    DONE("\x0f\x22\xe0");
    cr0 = v->arch.ctrlreg[4];
    assert_false(cr0 & 4);
    assert_false(host_registers()->cr4 & 4);
    regs->rax = 4; /* TSD */
    DONE("\x0f\x22\xe0");
    assert_true(v->arch.ctrlreg[4] == (cr0 | 4) && host_registers()->cr4 & 4);
    REFUSED("\x44\x0f\x22\xc0");
    REFUSED("\x0f\x22\xc8");
    guest_end();
}

static void debug_registers(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    struct vcpu *v = current;

    regs->rax = 0x123456789;
    DONE("\x0f\x23\xc0"); /* mov %rax,%db0 */
    assert_true(do_get_debugreg(0) == 0x123456789);
    regs->rax = 0x5555;
    DONE("\x0f\x23\xd8");
    assert_true(do_get_debugreg(3) == 0x5555);
    DONE("\x0f\x21\xc2"); /* mov %db0,%rdx */
    assert_true(regs->rdx == 0x123456789);
    regs->rax = HV_VIRT_START;
    REFUSED("\x0f\x23\xc8");
    regs->rax = 1;
    DONE("\x0f\x23\xf8"); /* %db7 */
    assert_true(host_registers()->dr[7] == 0x401 && host_registers()->dr[0] == 0x123456789);
    DONE("\x0f\x21\xfa");
    assert_true(regs->rdx == 0x401);
    DONE("\x0f\x21\xea"); /* db5 is db7 */
    assert_true(regs->rdx == 0x401);
    DONE("\x0f\x21\xe2"); /* db4 is db6 */
    assert_true(regs->rdx == 0xffff0ff0);
    v->arch.ctrlreg[4] |= 8; /* DE: no more */
    GUEST_CODE("\x0f\x21\xea");
    assert_true(pv_emulate_privileged(regs));
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    assert_int_equal(regs->entry_vector, EXC_UD);
    regs->rsp = GUEST(STACK + 8);
    GUEST_CODE("\x0f\x23\xe0");
    assert_true(pv_emulate_privileged(regs));
    EXPECT_ENTRY(HANDLER(6), STACK, RCX_R11, GUEST(CODE), 0xe030, KERNEL_TAIL);
    v->arch.ctrlreg[4] &= ~8UL;
    GUEST_CODE("\x44\x0f\x21\xc0"); /* db8 */
    assert_true(pv_emulate_privileged(regs));
    assert_true(regs->rip == HANDLER(6));
    guest_end();
}

static void debug_hypercalls(void **state)
{
    struct vcpu *v;

    guest_start(1);
    v = current;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(do_set_debugreg(i, 0x1000 + (unsigned long)i), 0);
        assert_true(do_get_debugreg(i) == 0x1000 + (unsigned long)i);
        assert_int_equal(do_set_debugreg(i, 1UL << 47), -XEN_EPERM);
        assert_int_equal(do_set_debugreg(i, HV_VIRT_START), -XEN_EPERM);
        assert_int_equal(do_set_debugreg(i, HV_VIRT_START - 4), -XEN_EPERM);
    }
    assert_int_equal(do_set_debugreg(6, ~0UL), 0);
    assert_true(do_get_debugreg(6) == 0xffffefff);
    assert_int_equal(do_set_debugreg(4, 0), 0);
    assert_true(do_get_debugreg(6) == 0xffff0ff0 && do_get_debugreg(4) == 0xffff0ff0);
    /* DR7: what is kept apart, and what is refused */
    assert_int_equal(do_set_debugreg(7, 0x2000), -XEN_EPERM); /* GD */
    assert_int_equal(do_set_debugreg(7, 0xf000ffffdc00), 0);  /* not all are there to be written */
    assert_true(do_get_debugreg(7) == 0xffff0400);
    assert_int_equal(do_set_debugreg(7, 0), 0);
    assert_true(do_get_debugreg(7) == 0x400 && host_registers()->dr[7] == 0x400);
    assert_int_equal(do_set_debugreg(7, 0x00020002), -XEN_EPERM); /* a port, without DE */
    assert_true(do_get_debugreg(7) == 0x400);
    assert_int_equal(do_set_debugreg(7, 0x00020000), 0); /* nothing enabled */
    v->arch.ctrlreg[4] |= 8;
    assert_int_equal(do_set_debugreg(5, 0), -XEN_ENODEV);
    assert_int_equal(do_set_debugreg(4, 0), -XEN_ENODEV);
    assert_true(do_get_debugreg(4) == (unsigned long)-XEN_ENODEV);
    assert_true(do_get_debugreg(5) == (unsigned long)-XEN_ENODEV);
    assert_true(do_get_debugreg(6) == 0xffff0ff0 && do_get_debugreg(7) == 0x20400);
    /* ports in 1 and 3, a write in 0 and 2 */
    assert_int_equal(do_set_debugreg(7, 0x212100ff), 0);
    assert_true(host_registers()->dr[7] == 0x21210433);
    assert_true(v->arch.debugreg[5] == 0xcc && v->arch.debugreg[7] == 0x21210433);
    assert_true(do_get_debugreg(7) == 0x212104ff);
    /* in 0 and 2; each enabled in one way */
    assert_int_equal(do_set_debugreg(7, 0x12120099), 0);
    assert_true(host_registers()->dr[7] == 0x12120488 && v->arch.debugreg[5] == 0x11);
    assert_true(host_registers()->dr[0] == 0x1000 && host_registers()->dr[3] == 0x1003);
    v->arch.ctrlreg[4] &= ~8UL;
    assert_int_equal(do_set_debugreg(5, 3), 0);
    assert_true(host_registers()->dr[7] == 0x403 && v->arch.debugreg[5] == 0);
    assert_true(do_get_debugreg(5) == 0x403);
    assert_int_equal(do_set_debugreg(8, 0), -XEN_ENODEV);
    assert_int_equal(do_set_debugreg(-1, 0), -XEN_ENODEV);
    assert_true(do_get_debugreg(8) == (unsigned long)-XEN_ENODEV);
    assert_true(do_get_debugreg(-1) == (unsigned long)-XEN_ENODEV);
    /* A vCPU that does not run. */
    assert_int_equal(pv_set_debugreg(v->domain->vcpu[1], 7, 1), 0);
    assert_true(host_registers()->dr[7] == 0x403);
    guest_end();
}

static void bases(void **state)
{
    struct vcpu *v;

    guest_start(1);
    v = current;
    assert_int_equal(do_set_segment_base(SEGBASE_FS, 0x111), 0);
    assert_int_equal(do_set_segment_base(SEGBASE_GS_USER, 0x222), 0);
    assert_int_equal(do_set_segment_base(SEGBASE_GS_KERNEL, 0x333), 0);
    assert_true(host_registers()->fs_base == 0x111 && v->arch.fs_base == 0x111);
    assert_true(host_registers()->kernel_gs_base == 0x222 && v->arch.gs_base_user == 0x222);
    assert_true(host_registers()->gs_base == 0x333 && v->arch.gs_base_kernel == 0x333);
    for (unsigned int i = 0; i < 3; i++)
        assert_int_equal(do_set_segment_base(i, 1UL << 47), -XEN_EINVAL);
    assert_int_equal(do_set_segment_base(SEGBASE_GS_USER_SEL, 1UL << 47 | 3), 0);
    assert_int_equal(host_registers()->gs, 3);
    assert_true(host_registers()->gs_base == 0x333);
    assert_int_equal(do_set_segment_base(4, 0), -XEN_EINVAL);
    host_registers()->gs_base = 0x6000; /* as guest_end() expects nothing else */
    guest_end();
}

static void msrs(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    u64 before, tsc;

    regs->rcx = 0xff00000000 | 0xc0000100; /* FS_BASE; only ECX counts */
    regs->rdx = 0xff00000012;
    regs->rax = 0xff34567890;
    DONE("\x0f\x30");
    assert_true(host_registers()->fs_base == 0x1234567890);
    regs->rax = regs->rdx = ~0UL;
    DONE("\x0f\x32");
    assert_true(regs->rax == 0x34567890 && regs->rdx == 0x12);
    regs->rdx = 0x8000;
    REFUSED("\x0f\x30");
    regs->rcx = 0x12345;
    REFUSED("\x0f\x30");
    REFUSED("\x0f\x32");
    /* RDTSC, RDTSCP */
    before = rdtsc();
    DONE("\x0f\x31");
    tsc = regs->rdx << 32 | regs->rax;
    assert_true(tsc >= before && tsc <= rdtsc() && regs->rax >> 32 == 0);
    current->arch.tsc_aux = 0x77;
    regs->rax = regs->rdx = 0;
    DONE("\x0f\x01\xf9");
    assert_true(regs->rcx == 0x77 && (regs->rdx << 32 | regs->rax) >= tsc);
    boot_cpu.rdtscp = false;
    REFUSED("\x0f\x01\xf9");
    boot_cpu.rdtscp = true;
    guest_end();
}

/* The registers of the policy: what is read, which writes are taken. */
static void msr_policy(void **state)
{
    static const u32 lost[] = {0x79, 0x8b, 0x17a, 0xe7, 0xe8};
    static const u32 zero[] = {0xce, 0x140, 0x179, 0x17a, 0x40000000};
    struct vcpu *v;
    u64 val;

    guest_start(1);
    v = current;
    for (unsigned int i = 0; i < ARRAY_SIZE(lost); i++)
        assert_true(pv_wrmsr(v, lost[i], ~0UL));
    for (unsigned int i = 0; i < ARRAY_SIZE(zero); i++) {
        val = 5;
        assert_true(pv_rdmsr(v, zero[i], &val) && val == 0);
    }
    assert_true(pv_rdmsr(v, 0xc0000101, &val) && val == 0x6000);
    assert_true(pv_rdmsr(v, 0xc0000102, &val) && val == 0x7000);
    assert_true(pv_rdmsr(v, 0x1b, &val) && val == 0xfee00900);
    assert_true(pv_rdmsr(v->domain->vcpu[1], 0x1b, &val) && val == 0xfee00800);
    assert_false(pv_wrmsr(v, 0x1b, 0xfee00900));
    assert_true(pv_rdmsr(v, 0xc0000080, &val) && val == 0xd01);
    assert_true(pv_wrmsr(v, 0xc0000080, 0xd01));
    assert_false(pv_wrmsr(v, 0xc0000080, 0xd00));
    assert_true(pv_rdmsr(v, 0x277, &val) && pv_wrmsr(v, 0x277, val));
    assert_false(pv_wrmsr(v, 0x277, val + 1));
    for (u32 msr = 0xc0000100; msr <= 0xc0000102; msr++)
        assert_false(pv_wrmsr(v, msr, 1UL << 47));
    assert_true(pv_wrmsr(v, 0xc0000102, 0x1111));
    assert_true(host_registers()->kernel_gs_base == 0x1111 && v->arch.gs_base_user == 0x1111);
    assert_true(pv_wrmsr(v, 0xc0000101, 0x2222));
    assert_true(host_registers()->gs_base == 0x2222 && v->arch.gs_base_kernel == 0x2222);
    /* TSC_AUX has 32 bits, and is there with RDTSCP. */
    assert_true(pv_wrmsr(v, 0xc0000103, 0xffffffff));
    assert_true(host_registers()->tsc_aux == 0xffffffff);
    assert_true(pv_rdmsr(v, 0xc0000103, &val) && val == 0xffffffff);
    assert_false(pv_wrmsr(v, 0xc0000103, 1UL << 32));
    boot_cpu.rdtscp = false;
    assert_false(pv_wrmsr(v, 0xc0000103, 1) || pv_rdmsr(v, 0xc0000103, &val));
    boot_cpu.rdtscp = true;
    /* PRED_CMD: a barrier, where the processor has it. */
    host_registers()->pred_cmds = 0;
    assert_true(pv_wrmsr(v, 0x49, 1));
    assert_int_equal(host_registers()->pred_cmds, 1);
    assert_false(pv_wrmsr(v, 0x49, 2) || pv_rdmsr(v, 0x49, &val));
    boot_cpu.ibpb = false;
    assert_false(pv_wrmsr(v, 0x49, 1));
    boot_cpu.ibpb = true;
    /* A page of hypercalls, into writable memory of its own. */
    val = page_to_mfn(host_frame(v->domain, 9)).n << 12;
    assert_false(pv_wrmsr(v, 0x40000000, val | 1));
    assert_false(pv_wrmsr(v, 0x40000000, machine_frames << 12));
    assert_false(pv_wrmsr(v, 0x40000000, page_to_mfn(host_frame(v->domain, 3)).n << 12));
    assert_true(pv_wrmsr(v, 0x40000000, val));
    assert_int_equal(*(u8 *)maddr_to_virt(val), 0x51);
    machine_check();
    /* Others, which a relaxed domain reads as 0. */
    assert_false(pv_rdmsr(v, 0x12345, &val) || pv_wrmsr(v, 0x12345, 0));
    v->domain->arch.msr_relaxed = true;
    val = 5;
    assert_true(pv_rdmsr(v, 0x12345, &val) && val == 0 && pv_wrmsr(v, 0x12345, 0));
    host_registers()->gs_base = 0x6000;
    guest_end();
}

static void others(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);
    unsigned int flushes = host_registers()->wbinvds;

    DONE("\x0f\x09"); /* wbinvd */
    assert_int_equal(host_registers()->wbinvds, flushes);
    regs->rcx = 0; /* xsetbv */
    regs->rax = 3;
    regs->rdx = 0;
    DONE("\x0f\x01\xd1");
    assert_true(current->arch.xcr0 == 3);
    regs->rax = 7;
    DONE("\x0f\x01\xd1");
    assert_true(current->arch.xcr0 == 7);
    regs->rdx = 1;
    REFUSED("\x0f\x01\xd1");
    regs->rdx = 0;
    regs->rcx = 1;
    REFUSED("\x0f\x01\xd1");
    regs->rcx = 0;
    REFUSED("\x0f\x01\xd0"); /* xgetbv */
    REFUSED("\x0f\x01\xc9"); /* mwait */
    REFUSED("\x0f\x01\x10"); /* lgdt (%rax) */
    REFUSED("\x0f\x01\x11"); /* lgdt (%rcx) */
    REFUSED("\x0f\x01\x39"); /* invlpg (%rcx) */
    REFUSED("\x0f\x01\xf8"); /* swapgs */
    REFUSED("\x0f\x08");     /* invd */
    REFUSED("\x0f\x35");     /* sysexit */
    REFUSED("\xf4");         /* hlt */
    REFUSED("\xf0\x0f\x06"); /* lock clts */
    REFUSED("\x0f\x38\x06\x00");
    REFUSED("\x06");
    /* CPUID, by anybody */
    regs->rax = 0x40000000;
    regs->rcx = 0;
    DONE("\x0f\xa2");
    assert_true(regs->rbx == 0x566e6558);
    /* User mode gets none of the kernel's. */
    guest_user();
    REFUSED("\x0f\x06");
    REFUSED("\x0f\x20\xc0");
    REFUSED("\x0f\x31");
    regs->rax = 0x40000000;
    DONE("\x0f\xa2");
    assert_true(regs->rdx == 0x4d4d566e);
    guest_end();
    /* Who drives devices flushes caches. */
    guest_start(0);
    flushes = host_registers()->wbinvds;
    DONE("\x0f\x09");
    assert_int_equal(host_registers()->wbinvds, flushes + 1);
    guest_end();
}

static void single_step(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    regs->rflags |= EFLAGS_RF;
    DONE("\x0f\x06");
    assert_true(regs->rflags == 0x202);
    regs->rflags |= EFLAGS_TF;
    GUEST_CODE("\x0f\x06");
    current->arch.debugreg[6] = 0;
    assert_true(pv_emulate_privileged(regs));
    EXPECT_ENTRY(HANDLER(1), STACK, RCX_R11, GUEST(CODE) + 2, 0xe030, 0x302, GUEST(STACK + 8),
                 0xe02b);
    assert_true(current->arch.debugreg[6] == 0x4000);
    guest_end();
}

/* #GP: with an error code, or of an instruction that is not taken, it is the guest's. */
static void protection_faults(void **state)
{
    struct cpu_user_regs *regs = guest_start(1);

    GUEST_CODE("\x0f\x06");
    regs->error_code = 0;
    local_irq_disable();
    assert_false(pv_protection_fault(regs, current));
    assert_true(regs->rip == GUEST(CODE) + 2);
    GUEST_CODE("\x0f\x06");
    regs->error_code = 0x58;
    pv_protection_fault(regs, current);
    EXPECT_ENTRY(HANDLER(13), STACK, RCX_R11, 0x58, GUEST(CODE), 0xe030, KERNEL_TAIL);
    GUEST_CODE("\xf4");
    regs->rsp = GUEST(STACK + 8);
    regs->error_code = 0;
    pv_protection_fault(regs, current);
    EXPECT_ENTRY(HANDLER(13), STACK, RCX_R11, 0, GUEST(CODE), 0xe030, KERNEL_TAIL);
    guest_end();
}

/* ---- compatibility mode ---- */

static void *(*windows)(unsigned long addr, unsigned long bytes);

/* The window is there a second time, at 1 MiB, where 32-bit code can reach it. */
static void *low_memory(unsigned long addr, unsigned long bytes)
{
    if (addr >= 0x100000 && addr + bytes <= 0x110000)
        return host_guest + (addr - 0x100000);
    return windows(addr, bytes);
}

static u64 descriptor(u32 base, u32 limit, u32 type)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(type & 0xff) << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)(type >> 8 & 15) << 52 | (u64)(base >> 24) << 56;
}

#define CODE32 0x4fb /* type and flags: readable code, 32 bits, in bytes */
#define CODE16 0x0fb
#define DATA32 0x4f3
#define DOWN32 0x4f7 /* expands down */
#define DOWN16 0x0f7

static u64 *gdt;

static void start_compat(void)
{
    mfn_t mfn;

    guest_start(1);
    mfn = page_to_mfn(host_frame(current->domain, 12));
    gdt = mfn_to_virt(mfn);
    assert_int_equal(do_update_va_mapping(12 << 12, 0, 0), 0);
    memset(gdt, 0, 4096);
    gdt[1] = descriptor(0x100000, 0x1fff, CODE32);
    gdt[2] = descriptor(0x100000, 0x1fff, CODE16);
    gdt[3] = descriptor(0x100000, 0x4fff, DATA32);
    gdt[4] = descriptor(0x12345678, 0xabcde, DATA32 | 0x800);
    gdt[5] = descriptor(0x100000, 0xfff, DOWN32);
    gdt[6] = descriptor(0x100000, 0xfff, DOWN16);
    *window(0) = mfn.n;
    assert_int_equal(do_set_gdt(GUEST(0), 64), 0);
    gdt[7] = descriptor(0x100000, 0xffff, DATA32 & ~0x80U); /* absent */
    gdt[8] = descriptor(0x100000, 0xffff, DATA32 & ~0x10U); /* a system descriptor */
    this_cpu()->arch.gdt[5] = this_cpu()->arch.gdt[511] = descriptor(0, 0xfffff, DATA32 | 0x800);
    windows = host_more_guest_memory;
    host_more_guest_memory = low_memory;
}

static void end_compat(void)
{
    host_more_guest_memory = windows;
    guest_end();
}

static int fetch(unsigned int sel, unsigned long rip, struct insn *insn)
{
    struct cpu_user_regs regs = {.cs = (u16)sel, .rip = rip};

    return pv_fetch_insn(insn, &regs);
}

static void fetches(void **state)
{
    struct insn insn;

    start_compat();
    memcpy(host_guest + CODE, "\xb8\x01\x02\x03\x04", 5);
    assert_int_equal(fetch(0x0b, CODE, &insn), 0);
    assert_true(insn.code == CODE_32 && insn.length == 5 && insn.imm == 0x4030201);
    assert_int_equal(fetch(0x13, CODE, &insn), 0);
    assert_true(insn.code == CODE_16 && insn.length == 3 && insn.imm == 0x201);
    assert_int_equal(fetch(0xe033, GUEST(CODE), &insn), 0);
    assert_true(insn.code == CODE_64 && insn.length == 5);
    /* a segment of data, none, beyond the table, absent */
    assert_int_equal(fetch(0x1b, CODE, &insn), -XEN_EFAULT);
    assert_int_equal(fetch(0x03, CODE, &insn), -XEN_EFAULT);
    assert_int_equal(fetch(64 * 8 + 3, CODE, &insn), -XEN_EFAULT);
    assert_int_equal(fetch(0x0f, CODE, &insn), -XEN_EFAULT); /* of the LDT, which is empty */
    assert_int_equal(fetch(0x4b, CODE, &insn), -XEN_EFAULT);
    /* The limit: the last byte, an instruction that crosses it, beyond it. */
    memcpy(host_guest + 0x1ffb, "\xb8\x01\x02\x03\x04", 5);
    assert_int_equal(fetch(0x0b, 0x1ffb, &insn), 0);
    memcpy(host_guest + 0x1ffc, "\xb8\x01\x02\x03\x04", 5);
    assert_true(fetch(0x0b, 0x1ffc, &insn) != 0);
    host_guest[0x1fff] = '\x90';
    assert_int_equal(fetch(0x0b, 0x1fff, &insn), 0);
    assert_int_equal(fetch(0x0b, 0x2000, &insn), -XEN_EFAULT);
    /* the end of memory: one NOP is there, the next is not */
    host_guest[HOST_WINDOW - 1] = '\x90';
    assert_int_equal(fetch(0xe033, GUEST(HOST_WINDOW - 1), &insn), 0);
    assert_int_equal(fetch(0xe033, GUEST(HOST_WINDOW), &insn), -XEN_EFAULT);
    host_guest[HOST_WINDOW - 1] = '\xb8';
    assert_int_equal(fetch(0xe033, GUEST(HOST_WINDOW - 1), &insn), -XEN_ERANGE);
    end_compat();
}

/* Is [@offset, @bytes] in the segment @sel, as ES; at @want? */
static void address(unsigned int sel, unsigned long offset, unsigned int bytes, unsigned long want)
{
    struct insn insn = {.code = CODE_32, .segment = SEG_ES};
    unsigned long addr = 0;
    bool ok;

    host_registers()->es = sel;
    ok = pv_segment_address(&insn, guest_regs(), offset, bytes, &addr);
    if (ok != (want != 0) || (ok && addr != want))
        fail_msg("%x:%lx is %lx, not %lx", sel, offset, ok ? addr : 0, want);
}

static void addresses(void **state)
{
    struct insn insn = {.code = CODE_32};
    struct cpu_user_regs *regs;
    unsigned long addr;

    start_compat();
    address(0x1b, 0x4fff, 1, 0x104fff);
    address(0x1b, 0x5000, 1, 0);
    address(0x1b, 0x4ffc, 4, 0x104ffc);
    address(0x1b, 0x4ffd, 4, 0);
    address(0x23, 0xabcdefff, 1, 0xbe024677);
    address(0x23, 0xabcdf000, 1, 0);
    address(0x23, 0xabcdeffd, 4, 0);
    address(0x2b, 0xfff, 1, 0);
    address(0x2b, 0x1000, 1, 0x101000);
    address(0x2b, 0xffffffff, 1, 0xfffff);
    address(0x2b, 0xfffffffd, 4, 0);
    address(0x33, 0xffff, 1, 0x10ffff);
    address(0x33, 0x10000, 1, 0);
    address(0x33, 0xfffd, 4, 0);
    address(0x33, 0xfffc, 4, 0x10fffc);
    address(0x33, 0xfff, 4, 0);
    address(0x3b, 0x100, 1, 0);
    address(0x43, 0x100, 1, 0);
    address(0x03, 0x100, 1, 0);
    address(0x0b, 0x1fff, 1, 0x101fff); /* code, which does not expand down */
    address(64 * 8 + 3, 0x100, 1, 0);
    address(63 * 8 + 3, 0x100, 1, 0);
    address(0xe02b, 0x100, 1, 0x100); /* ours, and the last of ours */
    address(0xeffb, 0x100, 1, 0x100);
    address(0xf003, 0x100, 1, 0); /* behind our page */
    /* Each segment register. */
    regs = guest_regs();
    regs->cs = 0x0b;
    regs->ss = 0x1b;
    host_registers()->ds = 0x2b;
    host_registers()->es = 0x23;
    host_registers()->fs = 0x33;
    host_registers()->gs = 0xe02b;
    gdt[1] = descriptor(0x200000, 0x1fff, CODE32);
    gdt[3] = descriptor(0x300000, 0x1fff, DATA32);
    gdt[5] = descriptor(0x500000, 0xfff, DOWN32);
    gdt[6] = descriptor(0x600000, 0xfff, DOWN16);
    for (int i = SEG_ES; i <= SEG_GS; i++) {
        static const unsigned long want[] = {0x12346678, 0x201000, 0x301000,
                                             0x501000,   0x601000, 0x1000};

        insn.segment = (u8)i;
        assert_true(pv_segment_address(&insn, regs, 0x1000, 1, &addr));
        assert_true(addr == want[i]);
    }
    /* 64-bit code: only the bases of FS and GS. */
    insn = (struct insn){
        .code = CODE_64, .segment = SEG_DS, .addr_bytes = 8, .base = 0, .index = -1};
    regs->rax = 0x1000;
    assert_true(pv_operand_address(&insn, regs, &addr) && addr == 0x1000);
    host_registers()->fs_base = 0x20000;
    insn.segment = SEG_FS;
    assert_true(pv_operand_address(&insn, regs, &addr) && addr == 0x21000);
    insn.segment = SEG_GS;
    assert_true(pv_operand_address(&insn, regs, &addr) && addr == 0x7000);
    host_registers()->ds = host_registers()->es = host_registers()->fs = host_registers()->gs = 0;
    end_compat();
}

/* Descriptors of the LDT, to its last entry. */
static void local_table(void **state)
{
    struct insn insn = {.code = CODE_32, .segment = SEG_ES};
    unsigned long addr;
    mfn_t mfn;
    u64 *ldt;

    start_compat();
    mfn = page_to_mfn(host_frame(current->domain, 11));
    ldt = mfn_to_virt(mfn);
    assert_int_equal(do_update_va_mapping(11 << 12, 0, 0), 0);
    memset(ldt, 0, 4096);
    ldt[0] = descriptor(0x100000, 0xfff, DATA32);
    ldt[1] = descriptor(0x200000, 0xfff, DATA32);
    ldt[2] = descriptor(0x300000, 0xfff, DATA32);
    assert_int_equal(do_update_va_mapping(11 << 12, mfn.n << 12 | 1, 0), 0);
    current->arch.ldt_base = 11 << 12;
    current->arch.ldt_entries = 2;
    assert_true(pv_ldt_fault(LDT_VIRT(current->arch.window_nr)));
    host_registers()->es = 0x07;
    assert_true(pv_segment_address(&insn, guest_regs(), 4, 1, &addr) && addr == 0x100004);
    host_registers()->es = 0x0f;
    assert_true(pv_segment_address(&insn, guest_regs(), 4, 1, &addr) && addr == 0x200004);
    host_registers()->es = 0x17;
    assert_false(pv_segment_address(&insn, guest_regs(), 4, 1, &addr));
    host_registers()->es = 0;
    end_compat();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_registers),
        cmocka_unit_test(debug_registers),
        cmocka_unit_test(debug_hypercalls),
        cmocka_unit_test(bases),
        cmocka_unit_test(msrs),
        cmocka_unit_test(msr_policy),
        cmocka_unit_test(others),
        cmocka_unit_test(single_step),
        cmocka_unit_test(protection_faults),
        cmocka_unit_test(fetches),
        cmocka_unit_test(addresses),
        cmocka_unit_test(local_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
