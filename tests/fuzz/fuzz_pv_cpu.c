/* SPDX-License-Identifier: MIT */
/*
 * The CPU half of a PV guest: exceptions, callbacks, iret, emulated instructions, MSRs, ports,
 * segments, debug registers, multicalls and new vCPUs, with frames, registers, code and structures
 * of the input's choice.
 *
 * Whatever the guest does, what its vCPUs are going to run with is nothing that could harm us:
 * privilege level 3, interrupts on, IOPL 0; no entry point, base or breakpoint that is not
 * canonical or that is ours; no port that it was not given; and the page tables in use are those
 * of its mode. (A base that is not canonical, or an MSR that is not for guests, ends the test in
 * the fakes of the instructions.)
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) */
/* SOURCES: hypervisor/multicall.c hypervisor/vcpu_op.c tests/fuzz/pv_vcpu.c */
/*
 * Guests choose addresses at both ends of the address space, and words beside them are looked for
 * beyond: the arithmetic may turn over, and the fakes judge each access.
 */
/* CFLAGS: -fno-sanitize=pointer-overflow */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <guest_access.h>
#include <public/callback.h>
#include <public/vcpu.h>

#include "pv_machine.h"
#include "pv_vcpu.h"

#define FRAMES     8U
#define MAX_STEPS  64U
#define FIRST_PORT 0x60U
#define LAST_PORT  0x71U
#define CODE       0x1000U /* offsets into the window */
#define STACK      0x8000U

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 *input, *input_end;
static u64 beyond; /* what follows the input is drawn by chance, so that each run has all steps */

static u8 take(void)
{
    if (input < input_end) {
        beyond = (beyond ^ *input) * 0x100000001b3UL;
        return *input++;
    }
    beyond = beyond * 6364136223846793005UL + 1442695040888963407UL;
    return (u8)(beyond >> 56);
}

static u64 take_bytes(unsigned int n)
{
    u64 v = 0;

    while (n--)
        v = v << 8 | take();
    return v;
}

/* A word that is likely to matter: an address at some border, a selector, a flag, or anything. */
static u64 word(void)
{
    static const u64 borders[] = {0,
                                  1,
                                  0x00007fffffffffffUL,
                                  0x0000800000000000UL,
                                  0xffff7fffffffffffUL,
                                  HV_VIRT_START,
                                  HV_VIRT_START + 8,
                                  0xffff830000000000UL,
                                  HV_VIRT_END - 8,
                                  HV_VIRT_END,
                                  HV_VIRT_END + 64,
                                  ~0UL,
                                  HV_CS,
                                  HV_DS,
                                  FLAT_RING3_CS64,
                                  FLAT_RING3_SS64};

    switch (take() % 8) {
    case 0:
    case 1:
        return borders[take() % ARRAY_SIZE(borders)];
    case 2:
    case 3:
        return GUEST(take_bytes(2));
    case 4:
        return GUEST(STACK + take() * 8U);
    case 5:
        return 1UL << take() % 64;
    case 6:
        return take_bytes(2);
    default:
        return take_bytes(8);
    }
}

/* ---- what must hold ---- */

/* What is in the processor. */
static void check_processor(const struct vcpu *v)
{
    const struct host_registers *r = host_registers();

    if (r->cr3 != vcpu_cr3(v))
        panic("CR3 %lx in %s mode", r->cr3, in_guest_kernel(v) ? "kernel" : "user");
    for (unsigned int i = 0; i < 4; i++)
        if (!vcpu_address_ok(r->dr[i]))
            panic("DR%u %lx", i, r->dr[i]);
    /* Neither general detection nor breakpoints on ports, which our own accesses would meet. */
    if (r->dr[7] & 1UL << 13)
        panic("DR7 %lx", r->dr[7]);
    for (unsigned int i = 0; i < 4; i++)
        if (r->dr[7] >> 2 * i & 3 && (r->dr[7] >> (16 + 4 * i) & 3) == 2)
            panic("DR7 %lx", r->dr[7]);
}

static void check_port(const struct domain *d)
{
    const struct host_port_access *p = &host_port_access;

    if (p->bytes == 0)
        return;
    if (!d->privileged || p->port < FIRST_PORT || p->port + p->bytes - 1U > LAST_PORT)
        panic("port %x, %u bytes", p->port, p->bytes);
    if (p->port == 0x70 && p->value & 0x80)
        panic("the NMI mask of the CMOS index");
    host_port_access = (struct host_port_access){0};
}

static void check_all(void)
{
    const struct domain *d = current->domain;

    vcpu_registers_check(guest_regs(), true);
    vcpu_settings_check(d->vcpu[0]);
    vcpu_settings_check(d->vcpu[1]);
    if (d->vcpu[1]->initialised)
        vcpu_registers_check(&d->vcpu[1]->arch.user_regs, false);
    check_processor(current);
    check_port(d);
}

/* ---- what the guest does ---- */

static void fill(unsigned int offset, unsigned int words)
{
    for (unsigned int i = 0; i < words; i++) {
        u64 w = word();

        memcpy(host_guest + offset + i * 8U, &w, sizeof(w));
    }
}

static void step_iret(void)
{
    if (!in_guest_kernel(current))
        return;
    fill(STACK, 9);
    guest_regs()->rsp = take() % 8 ? GUEST(STACK) : word();
    local_irq_disable();
    pv_iret(guest_regs(), current);
}

/* The guest runs on: registers are as it likes, within what it can have. */
static void step_registers(void)
{
    struct cpu_user_regs *r = guest_regs();

    r->rsp = take() % 4 ? GUEST(STACK + 0x1000) : word();
    r->rip = take() % 4 ? GUEST(CODE) : word();
    r->rcx = word();
    r->rdx = word();
    r->rax = word();
    r->rsi = word();
    r->rdi = word();
    r->rflags = (word() & ~(EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM)) | EFLAGS_IF;
    r->error_code = take() & 1 ? 0 : (u32)take_bytes(2);
    if (r->error_code != FRAME_SYSCALL && take() % 4 == 0) {
        r->cs = (u16)word() | 3;
        r->ss = (u16)word() | 3;
    }
}

static void step_exception(void)
{
    struct cpu_user_regs *r = guest_regs();
    struct vcpu *v = current;

    step_registers();
    host_registers()->cr2 = word();
    r->entry_vector = take() % 32;
    local_irq_disable();
    switch (take() % 12) {
    case 0:
        pv_fault(r, v);
        break;
    case 1:
        pv_fault_error(r, v);
        break;
    case 2:
        pv_invalid_opcode(r, v);
        break;
    case 3:
        pv_page_fault(r, v);
        break;
    case 4:
        pv_protection_fault(r, v);
        break;
    case 5:
        pv_no_device(r, v);
        break;
    case 6:
        pv_deliver_event(r, v);
        break;
    case 7:
        get_cpu_info()->exit_work = take() % 8;
        v->arch.flags |= take() & 1 ? TF_BAD_SELECTOR : 0;
        v->nmi_pending = take() & 1;
        local_irq_enable();
        pv_exit_work(r);
        break;
    case 8:
        local_irq_enable();
        pv_exception(r, word());
        break;
    default:
        if (in_guest_kernel(v))
            break;
        /* As entry.S leaves it. */
        if (take() & 1) {
            r->cs = FLAT_RING3_CS64;
            r->ss = FLAT_RING3_SS64;
            r->error_code = FRAME_SYSCALL;
            pv_syscall(r, v);
        } else if (take() & 1) {
            pv_syscall32(r, v);
        } else {
            pv_sysenter(r, v);
        }
        break;
    }
}

static void step_emulate(void)
{
    static const u8 kinds[][4] = {
        {0x0f, 0x30},       /* wrmsr */
        {0x0f, 0x32},       /* rdmsr */
        {0x0f, 0x22, 0xc0}, /* mov %rax, %cr0 and others */
        {0x0f, 0x23, 0xf8}, /* mov %rax, %dr7 and others */
        {0x0f, 0x01, 0xd1}, /* xsetbv */
        {0xee},             /* out */
        {0xec},             /* in */
        {0xf3, 0x6c},       /* rep ins */
        {0xf3, 0x6f},       /* rep outs */
        {0xcd, 0x80},       /* int */
        {0x0f, 0xa2},       /* cpuid */
        {0xfa},             /* cli */
    };
    static const u32 msrs[] = {0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0000080, 0x277,
                               0x49,       0x1a0,      0x8b,       0x17,       0x40000000, 0x10};
    struct cpu_user_regs *r = guest_regs();

    step_registers();
    r->rip = GUEST(CODE);
    if (take() % 4)
        r->cs = FLAT_RING3_CS64;
    for (unsigned int i = 0; i < 16; i++)
        host_guest[CODE + i] = (char)take();
    if (take() % 8) {
        memcpy(host_guest + CODE, kinds[take() % ARRAY_SIZE(kinds)], 4);
        host_guest[CODE + 2] |= (char)(take() & 0x3f);
    }
    if (take() & 1)
        r->rcx = msrs[take() % ARRAY_SIZE(msrs)];
    if (take() & 1)
        r->rdx = FIRST_PORT - 2 + take() % (LAST_PORT - FIRST_PORT + 4);
    r->error_code = take() % 8 ? 0 : 0x402;
    local_irq_disable();
    pv_protection_fault(r, current);
}

static void step_settings(void)
{
    struct callback_register *cb = (void *)host_guest;
    struct trap_info *ti = (void *)host_guest;

    switch (take() % 10) {
    case 0:
        for (unsigned int i = 0; i < 3; i++)
            ti[i] = (struct trap_info){
                .vector = take(), .flags = take(), .cs = (u16)word(), .address = word()};
        do_set_trap_table(GUEST(0));
        break;
    case 1:
        *cb = (struct callback_register){
            .type = take() % 8, .flags = take() & 1, .address = word()};
        do_callback_op(take() % 4 ? CALLBACKOP_register : CALLBACKOP_unregister, GUEST(0));
        break;
    case 2:
        do_set_callbacks(word(), word(), word());
        break;
    case 3:
        do_stack_switch(word(), word());
        break;
    case 4:
        if (in_guest_kernel(current))
            do_set_segment_base(take() % 5, word());
        break;
    case 5:
        do_set_debugreg(take() % 9, word());
        break;
    case 6:
        fill(0, 1);
        do_nmi_op(take() % 3, GUEST(0));
        break;
    case 7:
        current->arch.iopl = take() & 1 ? EFLAGS_IOPL : 0;
        current->domain->vm_assist = take() & 1 ? 1UL << VMASST_TYPE_architectural_iopl : 0;
        arch_vm_assist_changed(current->domain);
        break;
    case 8:
        current->arch.iobmp = (u8 *)word();
        current->arch.iobmp_limit = (u32)take_bytes(2);
        break;
    default:
        do_fpu_taskswitch(take() & 1);
        break;
    }
}

/* A context for vCPU 1: good but for some words. */
static void step_initialise(void)
{
    struct domain *d = current->domain;
    struct vcpu_guest_context *c = (void *)host_guest;
    u64 *words = (u64 *)c;

    if (d->vcpu[1]->initialised)
        vcpu_reset(d->vcpu[1]);
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel;
    c->ctrlreg[3] = xen_pfn_to_cr3(page_to_mfn(host_frame(d, 0)).n);
    for (unsigned int n = take() % 8; n; n--)
        words[take_bytes(2) % (sizeof(*c) / 8)] = word();
    if (take() & 1)
        c->user_regs.rflags = word();
    do_vcpu_op(VCPUOP_initialise, 1, GUEST(0));
}

static void step_vcpu_op(void)
{
    fill(0, 8);
    do_vcpu_op(take() % 16, take() % 3, take() % 4 ? GUEST(0) : word());
}

static long absent(void)
{
    return -XEN_ENOSYS;
}

#define HANDLER(fn) ((hypercall_fn)(void (*)(void))(fn))

/* All but these are absent. */
#pragma clang diagnostic ignored "-Winitializer-overrides"
const hypercall_fn hypercall_table[NR_HYPERCALLS] = {
    [0 ... NR_HYPERCALLS - 1] = HANDLER(absent),
    [__HYPERVISOR_set_callbacks] = HANDLER(do_set_callbacks),
    [__HYPERVISOR_stack_switch] = HANDLER(do_stack_switch),
    [__HYPERVISOR_set_debugreg] = HANDLER(do_set_debugreg),
    [__HYPERVISOR_fpu_taskswitch] = HANDLER(do_fpu_taskswitch),
    [__HYPERVISOR_multicall] = HANDLER(do_multicall),
    [__HYPERVISOR_iret] = HANDLER(do_iret),
};

static void step_multicall(void)
{
    static const u8 ops[] = {__HYPERVISOR_set_callbacks,  __HYPERVISOR_stack_switch,
                             __HYPERVISOR_set_debugreg,   __HYPERVISOR_iret,
                             __HYPERVISOR_fpu_taskswitch, __HYPERVISOR_multicall};
    struct multicall_entry *e = (void *)host_guest;
    unsigned int n = take() % 4;

    if (!in_guest_kernel(current))
        return;
    fill(STACK, 9);
    guest_regs()->rsp = GUEST(STACK);
    fill(0, n * 8);
    for (unsigned int i = 0; i < n; i++)
        e[i].op = take() % 8 ? ops[take() % ARRAY_SIZE(ops)] : word();
    do_multicall(take() % 8 ? GUEST(0) : word(), take() % 16 ? n : (unsigned int)take_bytes(4));
    if (this_cpu()->multicall.active)
        panic("a multicall does not end");
}

static void step(void)
{
    switch (take() % 8) {
    case 0:
        step_iret();
        break;
    case 1:
    case 2:
        step_exception();
        break;
    case 3:
    case 4:
        step_emulate();
        break;
    case 5:
        step_settings();
        break;
    case 6:
        if (take() & 1)
            step_initialise();
        else
            step_vcpu_op();
        break;
    default:
        step_multicall();
        break;
    }
    local_irq_enable();
}

static void start_guest(void)
{
    struct domain *d = current->domain;
    struct mmuext_op *op = (void *)host_guest;

    op->cmd = MMUEXT_NEW_USER_BASEPTR;
    op->arg1.mfn = page_to_mfn(host_frame(d, 0)).n;
    if (do_mmuext_op(GUEST(0), 1, 0, DOMID_SELF))
        panic("no user root");
    for (unsigned int i = 0; i < ARRAY_SIZE(current->arch.traps); i++)
        current->arch.traps[i] = (struct guest_trap){
            .address = GUEST(CODE), .cs = FLAT_RING3_CS64, .dpl = 3};
    do_set_callbacks(GUEST(CODE), GUEST(CODE), GUEST(CODE));
    do_stack_switch(FLAT_RING3_SS64, GUEST(STACK + 0x1000));
    *guest_regs() = (struct cpu_user_regs){.rip = GUEST(CODE),
                                           .cs = FLAT_RING3_CS64,
                                           .ss = FLAT_RING3_SS64,
                                           .rsp = GUEST(STACK),
                                           .rflags = EFLAGS_IF | 2};
}

/*
 * VCPUOP_up may have given a vCPU to the scheduler, which does not know which vCPU is current here.
 */
static void stop_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        set_bit(&v->pause_flags, VPF_DOWN);
        vcpu_sleep_nosync(v);
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    input = data;
    input_end = data + size;
    beyond = 0xcbf29ce484222325UL;
    host_port_access = (struct host_port_access){0};
    machine_start(FRAMES);
    BUG_ON(rangeset_add(machine_domains[0]->ioports, FIRST_PORT, LAST_PORT));
    machine_switch(take() % 2, 0);
    start_guest();
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        step();
        if (current->domain->shutting_down) { /* crashed; it may be resumed */
            vcpu_registers_check(guest_regs(), true);
            break;
        }
        check_all();
    }
    stop_vcpus(current->domain);
    machine_check();
    machine_end();
    return 0;
}
