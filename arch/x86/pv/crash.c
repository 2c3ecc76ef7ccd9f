/* SPDX-License-Identifier: MIT */
/*
 * Explains why the guest's kernel could not be entered, so that its author finds the mistake: what
 * was to be delivered, the instruction, and for a page fault the page-table walk. The domain is
 * crashed.
 *
 * All of it runs once in a domain's life, for the current vCPU and in its address space.
 */
#include <arch.h>
#include <guest_access.h>

#include "bounce.h"
#include "pte.h"

#define TEXT_BYTES       64U
#define CHAIN_LENGTH_MAX 1024U /* frames of 64 bytes or more: a stack of 64 KiB */

/* ---- what was to be delivered ---- */

static bool has_error_code(u32 vector)
{
    return vector < 32 && HAS_ERROR_CODE >> vector & 1;
}

/* @return the name of an exception; NULL: the vector is reserved, or the guest's own interrupt */
static const char *exception_name(u32 vector)
{
    static const char *const names[] = {
        [EXC_DE] = "#DE (divide error)",
        [EXC_DB] = "#DB (debug)",
        [EXC_NMI] = "NMI",
        [EXC_BP] = "#BP (breakpoint)",
        [EXC_OF] = "#OF (overflow)",
        [EXC_BR] = "#BR (bound range)",
        [EXC_UD] = "#UD (invalid opcode)",
        [EXC_NM] = "#NM (no FPU)",
        [EXC_DF] = "#DF (double fault)",
        [EXC_TS] = "#TS (invalid TSS)",
        [EXC_NP] = "#NP (segment not present)",
        [EXC_SS] = "#SS (stack fault)",
        [EXC_GP] = "#GP (general protection)",
        [EXC_PF] = "#PF (page fault)",
        [EXC_MF] = "#MF (x87 fault)",
        [EXC_AC] = "#AC (alignment)",
        [EXC_XM] = "#XM (SIMD fault)",
    };

    return vector < ARRAY_SIZE(names) ? names[vector] : NULL;
}

static void describe_exception(char *text, const struct cpu_user_regs *regs)
{
    u32 vector = regs->entry_vector;
    const char *name = exception_name(vector);

    if (!name)
        snprintf(text, TEXT_BYTES, "INT %u", vector);
    else if (has_error_code(vector))
        snprintf(text, TEXT_BYTES, "%s, error code %#x", name, regs->error_code & 0xffff);
    else
        snprintf(text, TEXT_BYTES, "%s", name);
}

static void describe_entry(char *text, const struct cpu_user_regs *regs, enum guest_entry entry)
{
    if (entry == ENTRY_EXCEPTION)
        describe_exception(text, regs);
    else
        snprintf(text, TEXT_BYTES, "%s",
                 entry == ENTRY_EVENT      ? "an event"
                 : entry == ENTRY_FAILSAFE ? "the failsafe callback"
                                           : "a system call");
}

/* ---- the instruction ---- */

/*
 * @return the name of a privileged instruction that kernels forget to replace; NULL: it is another
 * instruction
 */
static const char *privileged_name(const struct insn *insn)
{
    static const char *const group7[] = {NULL, NULL, "lgdt", "lidt", NULL, NULL, "lmsw", "invlpg"};
    static const char *const group6[] = {NULL, NULL, "lldt", "ltr"};

    if (insn->map == MAP_ONE_BYTE) {
        switch (insn->opcode) {
        case 0xfa:
            return "cli";
        case 0xfb:
            return "sti";
        case 0xf4:
            return "hlt";
        case 0xcf:
            return "iret";
        case 0xcd:
            return "int";
        case 0x6c ... 0x6d:
        case 0xe4 ... 0xe5:
        case 0xec ... 0xed:
            return "in";
        case 0x6e ... 0x6f:
        case 0xe6 ... 0xe7:
        case 0xee ... 0xef:
            return "out";
        default:
            return NULL;
        }
    }
    if (insn->map != MAP_0F)
        return NULL;
    switch (insn->opcode) {
    case 0x00:
        return (insn->reg & 7) < ARRAY_SIZE(group6) ? group6[insn->reg & 7] : NULL;
    case 0x01:
        if (insn->rm_kind == OPERAND_REG && (insn->reg & 7) == 7)
            return (insn->rm & 7) == 0 ? "swapgs" : "rdtscp";
        return group7[insn->reg & 7];
    case 0x06:
        return "clts";
    case 0x08:
    case 0x09:
        return "wbinvd";
    case 0x0b:
        return "ud2";
    case 0x20 ... 0x23:
        return "mov to or from a control or debug register";
    case 0x30:
        return "wrmsr";
    case 0x32:
        return "rdmsr";
    case 0x35:
        return "sysexit";
    case 0x07:
        return "sysret";
    default:
        return NULL;
    }
}

/*
 * Prints the bytes at RIP, and the instruction's name if it is one that a kernel may not use here.
 */
static void show_instruction(const struct cpu_user_regs *regs)
{
    char text[3 * INSN_MAX + 1] = "";
    const char *name = NULL;
    struct insn insn;

    for (unsigned int i = 0; i < INSN_MAX; i++) {
        u8 byte;

        if (copy_from_guest(&byte, regs->rip + i, 1))
            break;
        snprintf(text + (size_t)3 * i, 4, " %02x", byte);
    }
    if (!text[0]) {
        printk(LOG_ERR, "bytes at RIP: (not mapped)");
        return;
    }
    if (pv_fetch_insn(&insn, regs) == 0)
        name = privileged_name(&insn);
    printk(LOG_ERR, "bytes at RIP:%s%s%s", text, name ? ": " : "", name ? name : "");
}

/* ---- the page tables ---- */

/*
 * Walks to the L1 entry of @va in the tables that the vCPU uses. With @show each entry on the way
 * is printed, with the pseudo-physical number of the frame that it names.
 * @return the entry; 0: there is none
 */
static u64 walk_tables(struct vcpu *v, unsigned long va, bool show)
{
    mfn_t table = in_guest_kernel(v) ? v->arch.guest_table : v->arch.guest_table_user;
    u64 entry = 0;

    spin_lock(&v->domain->arch.page_tables_lock);
    for (unsigned int level = 4; level > 0; level--) {
        unsigned int i = pt_index(va, L1_SHIFT + 9 * (level - 1));

        entry = READ_ONCE(((const u64 *)mfn_to_virt(table))[i]);
        table = pte_mfn(entry);
        if (show)
            printk(LOG_ERR, " L%u[%03x] = %016lx %016lx", level, i, (unsigned long)entry,
                   mfn_valid(table) ? arch_get_m2p(table) : INVALID_M2P_ENTRY);
        if (!(entry & PTE_PRESENT))
            break;
    }
    spin_unlock(&v->domain->arch.page_tables_lock);
    return entry & PTE_PRESENT ? entry : 0;
}

static void show_walk(struct vcpu *v, unsigned long va)
{
    if (is_hv_address(va) || !is_canonical(va)) {
        printk(LOG_ERR, "%016lx is %s", va,
               is_hv_address(va) ? "in the hypervisor's range" : "not canonical");
        return;
    }
    printk(LOG_ERR, "Page-table walk of %016lx:", va);
    walk_tables(v, va, true);
}

/* @return why the words of the frame at @addr cannot be written */
static const char *stack_fault(struct vcpu *v, unsigned long addr)
{
    u64 entry;

    if (is_hv_address(addr))
        return "in the hypervisor's range";
    if (!is_canonical(addr))
        return "not canonical or in the hypervisor's range";
    entry = walk_tables(v, addr, false);
    if (!entry)
        return "not mapped";
    return entry & PTE_WRITE ? "not mapped as a whole" : "read-only";
}

/* ---- what came before ---- */

/* The exception whose handler begins at @rip; 256: there is none. */
static u32 handler_at(const struct vcpu *v, unsigned long rip)
{
    u32 vector = 0;

    while (vector < ARRAY_SIZE(v->arch.traps) && v->arch.traps[vector].address != rip)
        vector++;
    return vector;
}

/*
 * A handler that faults at its first instruction is entered again and again until its stack ends.
 * The frames that these entries left lead to the exception with which it began.
 */
static void show_first_of_chain(struct vcpu *v, const struct cpu_user_regs *regs)
{
    unsigned long rip = regs->rip, rsp = regs->rsp;
    u32 vector, first = 0;
    unsigned int nested = 0;

    while (rip && (vector = handler_at(v, rip)) < ARRAY_SIZE(v->arch.traps) &&
           nested < CHAIN_LENGTH_MAX) {
        struct {
            u64 rip, cs, rflags, rsp, ss;
        } frame;
        unsigned long at = rsp + (has_error_code(vector) ? 24 : 16); /* behind RCX and R11 */

        if (copy_from_guest(&frame, at, sizeof(frame)))
            break;
        first = vector;
        nested++;
        rip = frame.rip;
        rsp = frame.rsp;
    }
    if (nested)
        printk(LOG_ERR, "The first of %u exceptions in a row: %s at RIP %016lx, RSP %016lx", nested,
               exception_name(first) ?: "INT", rip, rsp);
}

/* ---- the end ---- */

static void tell_of_bounce(struct cpu_user_regs *regs, struct vcpu *v, enum bounce_failure why,
                           enum guest_entry entry, unsigned long addr)
{
    char what[TEXT_BYTES];

    describe_entry(what, regs, entry);
    if (entry == ENTRY_EXCEPTION) {
        show_instruction(regs);
        if (regs->entry_vector == EXC_PF)
            show_walk(v, v->arch.ctrlreg[2]);
    }
    if (why == BOUNCE_STACK_FAULT)
        show_first_of_chain(v, regs);
    if (why == BOUNCE_STACK_FAULT)
        domain_crash_end(v->domain, "%s: its stack at %#lx is %s", what, addr,
                         stack_fault(v, addr));
    else if (entry == ENTRY_EVENT)
        domain_crash_end(v->domain, "an event, but no event callback");
    else
        domain_crash_end(v->domain, "%s: no handler for vector %u", what, regs->entry_vector);
}

bool bounce_failed(struct cpu_user_regs *regs, struct vcpu *v, enum bounce_failure why,
                   enum guest_entry entry, unsigned long addr)
{
    bool irqs_off = !local_irq_is_enabled();

    regs->cs |= 3; /* what enter_kernel() took away: no frame of ring 0 may be left for IRET */
    /* To stop a domain takes locks that are not for interrupt context. */
    if (irqs_off)
        local_irq_enable();
    if (domain_crash_begin(v->domain))
        tell_of_bounce(regs, v, why, entry, addr);
    if (irqs_off)
        local_irq_disable();
    return false;
}
