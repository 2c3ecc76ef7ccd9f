/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in ring 0, and those that have a stack of their own: #DB, NMI, #MC and #DF. pv/traps.c
 * serves exceptions of a guest; descriptors.c makes the tables that lead here.
 *
 * In ring 0 there are three kinds of exceptions that are not our error: an access to guest memory
 * or a guest's selector that faults (exception table), a fault in the LDT window (pv_ldt_fault()
 * maps the page), and the final IRET to a guest. All else is fatal.
 */
#include <arch.h>
#include <asm/backtrace.h>
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/io.h>
#include <asm/pv.h>
#include <asm/smp.h>
#include <asm/watchdog.h>
#include <console.h>
#include <public/nmi.h>
#include <softirq.h>

extern const char exit_iret_failed[]; /* entry.S */

/* ---- exceptions in ring 0 ---- */

struct ex_entry {
    s32 from, to; /* distances from their own places */
};
extern const struct ex_entry ex_table_start[], ex_table_end[];

/*
 * The table is short and faults are rare, so it is not sorted.
 * @return where execution continues after a fault at @rip; 0: nowhere
 */
static unsigned long find_fixup(unsigned long rip)
{
    for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
        if ((unsigned long)&e->from + (unsigned long)(s64)e->from == rip)
            return (unsigned long)&e->to + (unsigned long)(s64)e->to;
    return 0;
}

void show_registers(const struct cpu_user_regs *r)
{
    printk(LOG_ERR, "RIP %04x:%016lx RFLAGS %08lx RSP %04x:%016lx", r->cs, (unsigned long)r->rip,
           (unsigned long)r->rflags, r->ss, (unsigned long)r->rsp);
    printk(LOG_ERR, "RAX %016lx RBX %016lx RCX %016lx RDX %016lx", (unsigned long)r->rax,
           (unsigned long)r->rbx, (unsigned long)r->rcx, (unsigned long)r->rdx);
    printk(LOG_ERR, "RSI %016lx RDI %016lx RBP %016lx R8  %016lx", (unsigned long)r->rsi,
           (unsigned long)r->rdi, (unsigned long)r->rbp, (unsigned long)r->r8);
    printk(LOG_ERR, "R9  %016lx R10 %016lx R11 %016lx R12 %016lx", (unsigned long)r->r9,
           (unsigned long)r->r10, (unsigned long)r->r11, (unsigned long)r->r12);
    printk(LOG_ERR, "R13 %016lx R14 %016lx R15 %016lx", (unsigned long)r->r13,
           (unsigned long)r->r14, (unsigned long)r->r15);
}

static void __noreturn fatal_exception(const struct cpu_user_regs *regs, const char *what)
{
    panic_begin();
    printk(LOG_ERR, "%s in ring 0: vector %u, error code %#x, CR2 %016lx, CR3 %016lx", what,
           regs->entry_vector, regs->error_code, read_cr2(), read_cr3());
    show_registers(regs);
    print_backtrace(regs->rip, regs->rbp);
    panic("%s", what);
}

/*
 * Serves a fault of the final IRET to the guest. @regs holds the guest's general registers (they
 * had been restored), and guest_regs from rip on holds what IRET was to load. The two frames
 * overlap. For the guest it is an exception at the place of return, as if it had got there.
 */
static void __noreturn exit_failed(struct cpu_user_regs *regs)
{
    struct cpu_user_regs *guest = guest_regs();
    u32 vector = regs->entry_vector, error_code = regs->error_code;
    unsigned long addr = read_cr2();

    memmove(guest, regs, offsetof(struct cpu_user_regs, error_code));
    guest->entry_vector = vector;
    guest->error_code = error_code;
    local_irq_enable();
    pv_exception(guest, addr);
    reset_stack_and_jump(exit_to_guest);
}

void do_hv_exception(struct cpu_user_regs *regs);
void do_hv_exception(struct cpu_user_regs *regs)
{
    unsigned long fixup;

    if (regs->entry_vector == EXC_PF && current &&
        pv_own_page_fault(read_cr2(), regs->error_code, MFN(read_cr3() >> PAGE_SHIFT)))
        return;
    fixup = find_fixup(regs->rip);
    if (unlikely(!fixup))
        fatal_exception(regs, "unexpected exception");
    if (fixup == (unsigned long)exit_iret_failed)
        exit_failed(regs);
    regs->rip = fixup;
}

/* ---- entries on stacks of their own ---- */

#define DR6_DEFAULT 0xffff0ff0UL
#define DR6_BS      (1UL << 14)

void do_debug(struct cpu_user_regs *regs);
void do_nmi(struct cpu_user_regs *regs);
void do_machine_check(struct cpu_user_regs *regs) __noreturn;
void do_double_fault(struct cpu_user_regs *regs) __noreturn;

/*
 * #DB. In ring 0 the guest caused it: by a breakpoint on memory that we copied, or by one on its
 * stack that waited (after MOV SS) until SYSCALL had entered. It is dropped, and our code is not
 * single-stepped.
 */
void do_debug(struct cpu_user_regs *regs)
{
    unsigned long dr6 = read_dr(6);
    struct vcpu *v = current;

    write_dr(6, DR6_DEFAULT);
    if (!(regs->cs & 3)) {
        regs->rflags &= ~EFLAGS_TF;
        return;
    }
    local_irq_enable();
    /* Status bits collect until the guest clears them; the inverted ones are 0 when active. */
    v->arch.debugreg[6] |= dr6 & ~DR6_DEFAULT;
    v->arch.debugreg[6] &= dr6 | ~DR6_DEFAULT;
    pv_inject(regs, EXC_DB);
}

#define PORT_SYSTEM_CONTROL 0x61
#define NMI_SERR            0x80
#define NMI_IOCHK           0x40

/*
 * Serves an NMI, which ends this CPU's work when another one stops the machine. A hardware NMI is
 * passed to dom0, as an NMI of its first vCPU. Locks: none may be taken here, since it can come
 * anywhere; so a softirq does what needs them.
 */
void do_nmi(struct cpu_user_regs *regs)
{
    u8 status;
    unsigned long reason = 0;
    bool ours;

    smp_stop_if_asked(regs->rip);
    ours = watchdog_tick();
    if (!(regs->cs & 3) && watchdog_accuses())
        fatal_exception(regs, "this CPU hangs (watchdog)");
    status = inb(PORT_SYSTEM_CONTROL);
    if (status & NMI_SERR)
        reason |= XEN_NMIREASON_pci_serr;
    if (status & NMI_IOCHK)
        reason |= XEN_NMIREASON_io_error;
    if (!reason && ours)
        return;
    if (!reason)
        reason = XEN_NMIREASON_unknown;
    if (!dom0 || !dom0->vcpu[0])
        return;
    atomic_or(&dom0->shared_info->arch.nmi_reason, reason);
    softirq_raise(SOFTIRQ_NMI);
}

#define MSR_MCG_CAP       0x179
#define MSR_MCG_STATUS    0x17a
#define MSR_MC_STATUS(n)  (0x401 + 4 * (n))
#define MSR_MC_ADDRESS(n) (0x402 + 4 * (n))
#define MC_STATUS_VALID   (1ULL << 63)

void do_machine_check(struct cpu_user_regs *regs)
{
    unsigned int banks = rdmsr(MSR_MCG_CAP) & 0xff;

    panic_begin();
    printk(LOG_ERR, "Machine check: status %#lx", (unsigned long)rdmsr(MSR_MCG_STATUS));
    for (unsigned int i = 0; i < banks; i++) {
        u64 status = rdmsr(MSR_MC_STATUS(i));

        if (status & MC_STATUS_VALID)
            printk(LOG_ERR, "bank %u: status %016lx address %016lx", i, (unsigned long)status,
                   (unsigned long)rdmsr(MSR_MC_ADDRESS(i)));
    }
    show_registers(regs);
    panic("machine check");
}

void do_double_fault(struct cpu_user_regs *regs)
{
    fatal_exception(regs, "double fault");
}
