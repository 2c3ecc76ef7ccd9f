/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's state in the processor: how it is loaded and saved, and the hidden parts that a guest
 * sets by hypercalls.
 *
 * arch_context_switch() leaves nothing of the old vCPU in the CPU: page tables with all their TLB
 * entries, descriptor tables, selectors and bases, FPU, debug registers. The GDT in use lies in the
 * window of the old vCPU, which every root shows, until that of the new one is loaded.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/io.h>
#include <asm/paging.h>
#include <asm/pv.h>
#include <asm/time.h>
#include <asm/tlb.h>
#include <cpu_hotplug.h>
#include <guest_access.h>
#include <meter.h>
#include <options.h>
#include <page_alloc.h>
#include <rcu.h>
#include <sched.h>
#include <softirq.h>

#define GDT_LIMIT    (FIRST_RESERVED_GDT_BYTE + PAGE_SIZE - 1)
#define MSR_PRED_CMD 0x49
#define PRED_IBPB    1

/* ---- descriptor tables ---- */

/* Only the reserved page of this GDT exists; while it is in use no lower selector is loaded. */
void load_own_gdt(void)
{
    lgdt((unsigned long)this_cpu()->arch.gdt - FIRST_RESERVED_GDT_BYTE, GDT_LIMIT);
}

/* Loads the guest's GDT in its window, with this CPU's reserved page in its place. */
static void load_guest_gdt(const struct vcpu *v)
{
    lgdt(GDT_VIRT(v->arch.window_nr), GDT_LIMIT);
}

static void map_reserved_gdt(const struct vcpu *v)
{
    u64 e = virt_to_maddr(this_cpu()->arch.gdt) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED |
            PTE_DIRTY | PTE_NX;

    *pv_reserved_gdt_entry(v) = e;
}

void load_ldt(struct vcpu *v)
{
    struct cpu *cpu = this_cpu();

    if (!v->arch.ldt_entries) {
        if (cpu->arch.loaded_ldt)
            lldt(0);
        cpu->arch.loaded_ldt = 0;
        return;
    }
    set_ldt_descriptor(cpu, LDT_VIRT(v->arch.window_nr), v->arch.ldt_entries);
    cpu->arch.loaded_ldt = LDT_VIRT(v->arch.window_nr);
    lldt(LDT_SELECTOR);
}

/* ---- selectors and bases ---- */

void save_selectors(struct cpu_user_regs *regs)
{
    u32 ds, es, fs, gs;

    read_selectors(&ds, &es, &fs, &gs);
    regs->ds = (u16)ds;
    regs->es = (u16)es;
    regs->fs = (u16)fs;
    regs->gs = (u16)gs;
}

unsigned long current_fs_base(void)
{
    return rdmsr(MSR_FS_BASE);
}

unsigned long current_gs_base(void)
{
    return rdmsr(MSR_GS_BASE);
}

void load_fs_base(struct vcpu *v, unsigned long base)
{
    v->arch.fs_base = base;
    wrmsr(MSR_FS_BASE, base);
}

/* The caller is the guest's kernel: its own GS base is in use. */
void load_gs_base_kernel(struct vcpu *v, unsigned long base)
{
    v->arch.gs_base_kernel = base;
    wrmsr(MSR_GS_BASE, base);
}

void load_gs_base_user(struct vcpu *v, unsigned long base)
{
    v->arch.gs_base_user = base;
    wrmsr(MSR_KERNEL_GS_BASE, base);
}

void load_user_gs_selector(u16 sel)
{
    swapgs();
    if (sel > 3)
        sel |= 3;
    else
        load_selector(
            gs, FLAT_RING3_DS32); /* a null selector alone leaves the base alone on AMD's CPUs */
    load_selector(gs, sel);
    swapgs();
}

/*
 * Saves selectors and bases, which change without our knowledge: by selectors that the guest loads,
 * and by WRFSBASE and WRGSBASE.
 */
static void save_segments(struct vcpu *v)
{
    unsigned long gs = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

    save_selectors(&v->arch.user_regs);
    v->arch.fs_base = rdmsr(MSR_FS_BASE);
    v->arch.gs_base_kernel = in_guest_kernel(v) ? gs : other;
    v->arch.gs_base_user = in_guest_kernel(v) ? other : gs;
}

static void load_segments(struct vcpu *v)
{
    const struct cpu_user_regs *r = &v->arch.user_regs;
    bool ok = true;

    ok &= load_selector(ds, r->ds);
    ok &= load_selector(es, r->es);
    ok &= load_selector(fs, r->fs);
    ok &= load_selector(gs, r->gs);
    if (unlikely(!ok))
        v->arch.flags |= TF_BAD_SELECTOR;
    wrmsr(MSR_FS_BASE, v->arch.fs_base);
    wrmsr(MSR_GS_BASE, in_guest_kernel(v) ? v->arch.gs_base_kernel : v->arch.gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, in_guest_kernel(v) ? v->arch.gs_base_user : v->arch.gs_base_kernel);
}

/* ---- control and debug registers ---- */

void load_ts(const struct vcpu *v)
{
    if (v->arch.ctrlreg[0] & CR0_TS)
        stts();
    else
        clts();
}

/*
 * @return CR4 for @v. Its own bits are TSD and FSGSBASE; the others are ours. DE stays clear while
 * a guest runs: with it an access to DR4 would be an invalid opcode, and would not reach the
 * emulation, which knows the guest's own DE.
 */
static unsigned long cr4_for(const struct vcpu *v)
{
    return (hv_cr4 & ~(CR4_FSGSBASE | CR4_DE)) |
           (v->arch.ctrlreg[4] & (CR4_TSD | (hv_cr4 & CR4_FSGSBASE)));
}

static void set_cr4(unsigned long cr4)
{
    struct cpu *cpu = this_cpu();

    if (cpu->arch.cr4 != cr4) {
        cpu->arch.cr4 = cr4;
        write_cr4(cr4);
    }
}

void load_cr4(const struct vcpu *v)
{
    set_cr4(cr4_for(v));
}

#define DR6_RESET 0xffff0ff0UL

void load_debug_registers(struct vcpu *v)
{
    if (!(v->arch.debugreg[7] & DR7_ENABLED)) {
        write_dr(7, DR7_RESET);
        return;
    }
    write_dr(0, v->arch.debugreg[0]);
    write_dr(1, v->arch.debugreg[1]);
    write_dr(2, v->arch.debugreg[2]);
    write_dr(3, v->arch.debugreg[3]);
    write_dr(6, DR6_RESET);
    write_dr(7, v->arch.debugreg[7]);
}

void load_tsc_aux(const struct vcpu *v)
{
    if (boot_cpu.rdtscp)
        wrmsr(MSR_TSC_AUX, v->arch.tsc_aux);
}

/* ---- the switch ---- */

static void save_vcpu(struct vcpu *v)
{
    memcpy_inline(&v->arch.user_regs, guest_regs(), offsetof(struct cpu_user_regs, es));
    save_segments(v);
    fpu_save(v);
    if (v->arch.debugreg[7] & DR7_ENABLED)
        write_dr(7, DR7_RESET);
    if (v->runstate_guest && in_guest_kernel(v))
        arch_write_runstate(v);
}

static u32 flagged_exit_work(const struct vcpu *v)
{
    u32 work = 0;

    if (v->arch.flags & TF_BAD_SELECTOR)
        work |= EXIT_WORK_BOUNCE;
    if (v->arch.flags & TF_OLD_TABLES)
        work |= EXIT_WORK_TABLES;
    if ((v->arch.flags & TF_AREAS_PENDING) && in_guest_kernel(v))
        work |= EXIT_WORK_AREAS;
    return work;
}

static void load_vcpu(struct vcpu *v)
{
    struct cpu *cpu = this_cpu();

    WRITE_ONCE(cpu->arch.on_own_root, false);
    cpumask_set(&v->domain->dirty_cpus, cpu->id); /* both before translations can be loaded */
    map_reserved_gdt(v);
    tlb_switch_root(vcpu_cr3(v));
    load_guest_gdt(v);
    if (v->arch.ldt_entries || cpu->arch.loaded_ldt)
        load_ldt(v);
    load_cr4(v);
    load_tsc_aux(v);
    load_segments(v);
    fpu_load(v);
    load_ts(v);
    if (v->arch.debugreg[7] & DR7_ENABLED)
        load_debug_registers(v);
    *guest_regs() = v->arch.user_regs;
    if (unlikely(tscs_differ))
        arch_update_time_record(v);

    /* A CPU that makes an NMI pending after this sets the bit itself (pv_set_nmi_pending()). */
    xchg(&cpu->info->exit_work, unlikely(v->arch.flags & TF_EXIT_WORK) ? flagged_exit_work(v) : 0);
    if (READ_ONCE(v->nmi_pending))
        atomic_or(&cpu->info->exit_work, EXIT_WORK_NMI);
}

static void load_idle(void)
{
    load_own_gdt();
    lldt(0);
    this_cpu()->arch.loaded_ldt = 0;
    clear_selectors();
    set_cr4(hv_cr4);
    tlb_switch_root(hv_cr3());
    WRITE_ONCE(this_cpu()->arch.on_own_root, true);
    WRITE_ONCE(get_cpu_info()->exit_work, 0);
}

/*
 * Fills the CPU's stack of return addresses, of 32 at most, with harmless ones, so that the next
 * domain does not speculatively return where the last one wanted. (What a guest leaves there does
 * not harm us: SMEP keeps the CPU from running it even in speculation.)
 */
static void fill_return_stack(void)
{
    unsigned int n = 16;

    __asm__ volatile("1: call 2f\n3: pause\n\tlfence\n\tjmp 3b\n"
                     "2: call 4f\n5: pause\n\tlfence\n\tjmp 5b\n"
                     "4: dec %0\n\tjnz 1b\n\tadd $2 * 16 * 8, %%rsp"
                     : "+r"(n)
                     :
                     : "cc", "memory");
}

void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    unsigned int cpu = smp_processor_id();

    if (!is_idle_vcpu(prev))
        save_vcpu(prev);
    if (is_idle_vcpu(next))
        load_idle();
    else
        load_vcpu(next);
    if (prev->domain == next->domain)
        return;
    cpumask_clear(&prev->domain->dirty_cpus, cpu);
    if (!hv_options.spec_ctrl || is_idle_vcpu(next))
        return;
    fill_return_stack();
    if (boot_cpu.ibpb)
        wrmsr(MSR_PRED_CMD, PRED_IBPB);
}

static void __noreturn idle_loop(void)
{
    for (;;) {
        local_irq_enable();
        softirq_run();
        if (unlikely(READ_ONCE(this_cpu()->state) != CPU_UP))
            cpu_hotplug_step();
        rcu_quiescent(); /* a CPU that has just come back is waited for, too */
        meter_idle();
        if (READ_ONCE(this_cpu()->state) == CPU_UP && heap_scrub_idle())
            continue;
        local_irq_disable(); /* an interrupt that ends being idle ends the sleep as well */
        rcu_idle_enter();
        arch_idle(); /* returns with interrupts off */
        rcu_idle_exit();
    }
}

void arch_resume(void)
{
    if (is_idle_vcpu(current))
        reset_stack_and_jump(idle_loop);
    reset_stack_and_jump(exit_to_guest);
}

/* ---- ports ---- */

u32 hw_port_read(u16 port, unsigned int bytes)
{
    return bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
}

void hw_port_write(u16 port, unsigned int bytes, u32 value)
{
    if (bytes == 1)
        outb((u8)value, port);
    else if (bytes == 2)
        outw((u16)value, port);
    else
        outl(value, port);
}
