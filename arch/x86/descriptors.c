/* SPDX-License-Identifier: MIT */
/*
 * The tables by which the processor enters the hypervisor: GDT, IDT, TSS, and the stubs of SYSCALL
 * and SYSENTER. All CPUs share one IDT, and another one while traces are on; all else is each CPU's
 * own.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <asm/setup.h>
#include <page_alloc.h>
#include <trace.h>

/* ---- descriptors (Intel SDM volume 3, 3.4.5, 6.14.1, 7.2.3) ---- */

#define DESC_CODE64 0x00af9a000000ffffULL /* ring 0, execute and read */
#define DESC_DATA   0x00cf92000000ffffULL
#define DESC_RING1  (1ULL << 45)
#define DESC_RING3  (3ULL << 45)
#define DESC_CODE32 0x00cf9a000000ffffULL
#define DESC_TSS    0x0000890000000000ULL /* available 64-bit TSS */
#define DESC_LDT    0x0000820000000000ULL

#define GATE_INTERRUPT 0x8eULL /* present, 64-bit interrupt gate */
#define GATE_RING3     0x60ULL

/* Exception stacks: page within the block (current.h) and IST number. */
enum { STACK_MC, STACK_DF, STACK_NMI, STACK_DB, NR_IST_STACKS };

static u64 idt[2 * 256] __aligned(PAGE_SIZE);
static u64 traced_idt[2 * 256] __aligned(PAGE_SIZE); /* exceptions of guests leave records */

extern const char exc_divide_error[], exc_debug[], exc_nmi[], exc_breakpoint[], exc_overflow[],
    exc_bounds[], exc_invalid_opcode[], exc_no_device[], exc_double_fault[],
    exc_coprocessor_overrun[], exc_invalid_tss[], exc_no_segment[], exc_stack[], exc_protection[],
    exc_page_fault[], exc_reserved[], exc_fpu[], exc_alignment[], exc_machine_check[], exc_simd[],
    irq_stubs[], syscall_entry[], syscall_traced[], syscall32_entry[], sysenter_entry[];

/* The entries that leave records (entry.S); one of NULL is the last. */
extern const struct traced_exception {
    u64 vector;
    const char *entry;
} traced_exceptions[];

#define IRQ_STUB_SIZE 16U

static void __init write_gate(u64 *gate, const char *entry, u64 type, u64 ist)
{
    u64 at = (u64)entry;

    gate[0] = (at & 0xffff) | (u64)HV_CS << 16 | ist << 32 | type << 40 | (at >> 16 & 0xffff) << 48;
    gate[1] = at >> 32;
}

static void __init set_gate(unsigned int vector, const char *entry, u64 type, u64 ist)
{
    write_gate(&idt[2 * vector], entry, type, ist);
}

/* Makes the IDT for traces from the other one. */
static void __init traced_idt_init(void)
{
    memcpy(traced_idt, idt, sizeof(idt));
    for (const struct traced_exception *t = traced_exceptions; t->entry; t++)
        write_gate(&traced_idt[2 * t->vector], t->entry, idt[2 * t->vector] >> 40 & 0xff, 0);
}

static void __init idt_init(void)
{
    static const char *const exceptions[] __initconst = {
        [EXC_DE] = exc_divide_error,   [EXC_BP] = exc_breakpoint,
        [EXC_OF] = exc_overflow,       [EXC_BR] = exc_bounds,
        [EXC_UD] = exc_invalid_opcode, [EXC_NM] = exc_no_device,
        [9] = exc_coprocessor_overrun, [EXC_TS] = exc_invalid_tss,
        [EXC_NP] = exc_no_segment,     [EXC_SS] = exc_stack,
        [EXC_GP] = exc_protection,     [EXC_PF] = exc_page_fault,
        [15] = exc_reserved,           [EXC_MF] = exc_fpu,
        [EXC_AC] = exc_alignment,      [EXC_XM] = exc_simd,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(exceptions); i++)
        if (exceptions[i])
            set_gate(i, exceptions[i], GATE_INTERRUPT, 0);
    /* INT3 and INTO in any ring. INT n of other vectors faults and is emulated. */
    set_gate(EXC_BP, exc_breakpoint, GATE_INTERRUPT | GATE_RING3, 0);
    set_gate(EXC_OF, exc_overflow, GATE_INTERRUPT | GATE_RING3, 0);
    set_gate(EXC_MC, exc_machine_check, GATE_INTERRUPT, STACK_MC + 1);
    set_gate(EXC_DF, exc_double_fault, GATE_INTERRUPT, STACK_DF + 1);
    set_gate(EXC_NMI, exc_nmi, GATE_INTERRUPT, STACK_NMI + 1);
    set_gate(EXC_DB, exc_debug, GATE_INTERRUPT, STACK_DB + 1);
    for (unsigned int i = 0x20; i < 256; i++)
        set_gate(i, irq_stubs + (i - 0x20) * IRQ_STUB_SIZE, GATE_INTERRUPT, 0);
    traced_idt_init();
}

/* Writes a 16-byte system descriptor. */
static void set_system_descriptor(u64 *desc, unsigned long base, unsigned long limit, u64 type)
{
    desc[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | type | (base >> 24 & 0xff) << 56;
    desc[1] = base >> 32;
}

/*
 * Makes the reserved part of every guest's GDT: each CPU has one page, which appears at the same
 * place in the GDT window of the vCPU that runs there. Selectors as in public/arch-x86/xen.h.
 */
static void gdt_init(struct cpu *cpu)
{
    u64 *gdt = cpu->arch.gdt;

    gdt[(HV_CS & 0xfff) / 8] = DESC_CODE64;
    gdt[(HV_DS & 0xfff) / 8] = DESC_DATA;
    gdt[(FLAT_RING3_CS32 & 0xfff) / 8] = DESC_CODE32 | DESC_RING3;
    gdt[(FLAT_RING3_DS32 & 0xfff) / 8] = DESC_DATA | DESC_RING3;
    gdt[(FLAT_RING3_CS64 & 0xfff) / 8] = DESC_CODE64 | DESC_RING3;
    set_system_descriptor(&gdt[(TSS_SELECTOR & 0xfff) / 8], (unsigned long)cpu->arch.tss,
                          sizeof(struct tss64) - 1, DESC_TSS);
}

void set_ldt_descriptor(struct cpu *cpu, unsigned long base, unsigned int entries)
{
    set_system_descriptor(&cpu->arch.gdt[(LDT_SELECTOR & 0xfff) / 8], base, entries * 8UL - 1,
                          DESC_LDT);
}

static void tss_init(struct cpu *cpu)
{
    unsigned long block = (unsigned long)(cpu->info + 1) - STACK_SIZE;
    struct tss64 *tss = cpu->arch.tss;

    tss->rsp[0] = (unsigned long)&cpu->info->guest_regs.es;
    for (unsigned int i = 0; i < NR_IST_STACKS; i++)
        tss->ist[i] = block + (i + 1) * PAGE_SIZE;
    tss->iomap_base = sizeof(*tss); /* none: every port access in ring 3 faults */
}

/* ---- SYSCALL entry stubs ---- */

/*
 * SYSCALL changes neither the stack pointer nor any other register that could lead to this CPU's
 * stack; so each CPU has its own few instructions that address it relative to RIP:
 *
 *     mov  %rsp, guest_regs.rsp(%rip)
 *     lea  guest_regs.rsp(%rip), %rsp
 *     movq $SS, 8(%rsp)
 *     push %r11 ; pushq $CS ; push %rcx ; pushq $error_code
 *     jmp  syscall_entry or syscall32_entry
 */
struct syscall_stub {
    u8 save_rsp[3];
    s32 save_rsp_at;
    u8 load_rsp[3];
    s32 load_rsp_at;
    u8 store_ss[5];
    u32 ss;
    u8 push_rflags[2];
    u8 push_cs;
    u32 cs;
    u8 push_rip;
    u8 push_error;
    u32 error;
    u8 jmp;
    s32 jmp_to;
    u8 pad[64 - 41];
} __packed;
STATIC_ASSERT(sizeof(struct syscall_stub) == 64);

/*
 * For 64-bit and compatibility mode of each CPU, in the text (entry.S). They are written when the
 * CPU is brought up.
 */
extern struct syscall_stub syscall_stubs[NR_CPUS][2];

/* @return the distance from an instruction that ends at @end to @target */
static s32 relative(const void *end, const void *target)
{
    s64 d = (const char *)target - (const char *)end;

    BUG_ON(d != (s32)d); /* stacks lie near the text */
    return (s32)d;
}

static void make_stub(struct syscall_stub *s, const struct cpu *cpu, u32 cs, u32 error,
                      const char *entry)
{
    const void *rsp = &cpu->info->guest_regs.rsp;
    struct syscall_stub code = {
        .save_rsp = {0x48, 0x89, 0x25},
        .save_rsp_at = relative(s->load_rsp, rsp),
        .load_rsp = {0x48, 0x8d, 0x25},
        .load_rsp_at = relative(s->store_ss, rsp),
        .store_ss = {0x48, 0xc7, 0x44, 0x24, 0x08},
        .ss = FLAT_RING3_SS64,
        .push_rflags = {0x41, 0x53},
        .push_cs = 0x68,
        .cs = cs,
        .push_rip = 0x51,
        .push_error = 0x68,
        .error = error,
        .jmp = 0xe9,
        .jmp_to = relative(s->pad, entry),
    };
    unsigned long cr0 = read_cr0();

    memset(code.pad, 0xcc, sizeof(code.pad));
    /* The text is read-only. No CPU executes this piece of it yet. */
    write_cr0(cr0 & ~CR0_WP);
    *(volatile struct syscall_stub *)s = code;
    write_cr0(cr0);
}

static void syscall_init(struct cpu *cpu)
{
    struct syscall_stub *stubs = syscall_stubs[cpu->id];

    make_stub(&stubs[0], cpu, FLAT_RING3_CS64, FRAME_SYSCALL, syscall_entry);
    make_stub(&stubs[1], cpu, FLAT_RING3_CS32, 0, syscall32_entry);
    wrmsr(MSR_STAR, (u64)FLAT_RING3_CS32 << 48 | (u64)HV_CS << 32);
    wrmsr(MSR_LSTAR, (u64)&stubs[0]);
    wrmsr(MSR_CSTAR, (u64)&stubs[1]);
    wrmsr(MSR_SYSCALL_MASK, SYSCALL_FLAGS_MASK);
    /* AMD has no SYSENTER in long mode; the MSRs are there. */
    wrmsr(MSR_SYSENTER_CS, HV_CS);
    wrmsr(MSR_SYSENTER_ESP, (u64)&cpu->info->guest_regs.es);
    wrmsr(MSR_SYSENTER_EIP, (u64)sysenter_entry);
}

/*
 * The stub is this CPU's own, which executes it only when it comes from a guest: so nobody is in
 * the middle of it. The text is writable for the moment of one store, as when it was made.
 */
void arch_trace_switch(bool on)
{
    struct syscall_stub *s = &syscall_stubs[smp_processor_id()][0];
    s32 to = relative(s->pad, on ? syscall_traced : syscall_entry);
    unsigned long flags, cr0;

    if (s->jmp_to == to)
        return;
    lidt((unsigned long)(on ? traced_idt : idt), sizeof(idt) - 1);
    flags = local_irq_save();
    cr0 = read_cr0();
    write_cr0(cr0 & ~CR0_WP);
    *(volatile s32 *)((char *)s + offsetof(struct syscall_stub, jmp_to)) = to;
    write_cr0(cr0); /* a serialising instruction, before the stub runs again */
    local_irq_restore(flags);
}

void __init trap_cpu_init(void)
{
    struct cpu *cpu = this_cpu();

    /* Entries from ring 3 align the stack pointer down to 16 bytes before they push. */
    STATIC_ASSERT((sizeof(struct cpu_info) - offsetof(struct cpu_user_regs, es)) % 16 == 0);
    cpu->arch.gdt = alloc_hv_pages(0);
    cpu->arch.tss = xzalloc(struct tss64);
    if (!cpu->arch.gdt || !cpu->arch.tss)
        panic("no memory for the descriptor tables of CPU %u", cpu->id);
    cpu->arch.cr4 = hv_cr4;
    tss_init(cpu);
    gdt_init(cpu);
    load_own_gdt();
    __asm__ volatile("push %0\n\tlea 1f(%%rip), %%rax\n\tpush %%rax\n\tlretq\n1:" ::"i"(HV_CS)
                     : "rax", "memory");
    __asm__ volatile(
        "mov %0, %%ss\n\tmov %1, %%ds\n\tmov %1, %%es\n\tmov %1, %%fs\n\tmov %1, %%gs" ::"r"(HV_DS),
        "r"(0));
    lidt((unsigned long)idt, sizeof(idt) - 1);
    ltr(TSS_SELECTOR);
    lldt(0);
    write_dr(7, 0x400);
    syscall_init(cpu);
}

void __init trap_init(void)
{
    idt_init();
    trap_cpu_init();
    fpu_init();
}
