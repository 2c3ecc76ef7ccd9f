/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a kernel in ring 3, which fault with #GP(0): we complete what Xen
 * completes. Everything else stays the guest's #GP:
 *
 *   IN OUT INS OUTS           under the virtual IOPL or the I/O bitmap (ioport.c)
 *   MOV to and from CRn, DRn; CLTS; RDMSR WRMSR; WBINVD; XSETBV; RDTSC RDTSCP
 *                             by the kernel only
 *   CLI STI                   under the virtual IOPL: no effect. POPF could not be caught, so a
 *                             kernel that relies on them would lock up if they had one
 *   CPUID                     where the processor makes it fault, by anybody; or by the prefix
 *                             XEN_EMULATE_PREFIX, which raises #UD
 */
#include <asm/context.h>
#include <asm/decode.h>
#include <asm/pv.h>
#include <asm/tlb.h>
#include <guest_access.h>
#include <hypercall.h>

#include "mmu.h"

#define DR6_BS (1UL << 14)

/* The instruction at @regs->rip was completed: what the processor does at its end. */
static void finish_insn(struct cpu_user_regs *regs, unsigned int length)
{
    struct vcpu *v = current;

    regs->rip += length;
    regs->rflags &= ~EFLAGS_RF;
    if (unlikely(regs->rflags & EFLAGS_TF)) {
        v->arch.debugreg[6] |= DR6_BS;
        pv_inject(regs, EXC_DB);
    }
}

/* ---- control registers ---- */

static enum emulated read_cr(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *insn)
{
    u64 *reg = insn_register(regs, insn->rm);

    switch (insn->reg) {
    case 0:
        *reg = v->arch.ctrlreg[0];
        return EMULATE_DONE;
    case 2:
    case 4:
        *reg = v->arch.ctrlreg[insn->reg];
        return EMULATE_DONE;
    case 3:
        *reg = xen_pfn_to_cr3(v->arch.guest_table.n);
        return EMULATE_DONE;
    default:
        return EMULATE_REFUSED;
    }
}

static enum emulated write_cr(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *insn)
{
    unsigned long val = *insn_register(regs, insn->rm);
    int rc;

    switch (insn->reg) {
    case 0:
        if ((val ^ v->arch.ctrlreg[0]) & ~CR0_TS)
            return EMULATE_REFUSED; /* only TS is the guest's */
        do_fpu_taskswitch((val & CR0_TS) != 0);
        return EMULATE_DONE;
    case 2:
        v->arch.ctrlreg[2] = val;
        v->info->arch.cr2 = val;
        return EMULATE_DONE;
    case 3:
        rc = set_kernel_root(v, MFN(xen_cr3_to_pfn(val)));
        return rc == 0 ? EMULATE_DONE : rc == -ERESTART ? EMULATE_AGAIN : EMULATE_REFUSED;
    case 4:
        v->arch.ctrlreg[4] = pv_fix_cr4(val);
        load_cr4(v);
        return EMULATE_DONE;
    default:
        return EMULATE_REFUSED;
    }
}

/* ---- debug registers ---- */

static enum emulated move_dr(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *insn,
                             bool write)
{
    u64 *reg = insn_register(regs, insn->rm);
    long rc;

    /* DR4 and DR5 are other names of DR6 and DR7, unless CR4.DE makes them undefined. */
    if (insn->reg > 7 || ((insn->reg & 6) == 4 && (v->arch.ctrlreg[4] & CR4_DE))) {
        regs->entry_vector = EXC_UD;
        pv_inject(regs, EXC_UD);
        return EMULATE_FAULT;
    }
    if (!write) {
        *reg = do_get_debugreg(insn->reg);
        return EMULATE_DONE;
    }
    rc = pv_set_debugreg(v, insn->reg, *reg);
    return rc ? EMULATE_REFUSED : EMULATE_DONE;
}

/* ---- model-specific registers, time stamp ---- */

static void set_edx_eax(struct cpu_user_regs *regs, u64 val)
{
    regs->rax = (u32)val;
    regs->rdx = val >> 32;
}

static u64 edx_eax(const struct cpu_user_regs *regs)
{
    return (u64)regs->edx << 32 | regs->eax;
}

static enum emulated read_msr(struct vcpu *v, struct cpu_user_regs *regs)
{
    u64 val;

    if (!pv_rdmsr(v, regs->ecx, &val))
        return EMULATE_REFUSED;
    set_edx_eax(regs, val);
    return EMULATE_DONE;
}

/* Executes RDTSC or RDTSCP, which fault when the guest's CR4.TSD forbids them to its user mode. */
static enum emulated read_tsc(struct vcpu *v, struct cpu_user_regs *regs, bool with_aux)
{
    u64 aux = 0;

    if (with_aux && !pv_rdmsr(v, MSR_TSC_AUX, &aux))
        return EMULATE_REFUSED;
    set_edx_eax(regs, rdtsc());
    if (with_aux)
        regs->rcx = (u32)aux;
    return EMULATE_DONE;
}

static enum emulated cpuid_instruction(const struct vcpu *v, struct cpu_user_regs *regs)
{
    struct cpuid out;

    pv_cpuid(v, regs->eax, regs->ecx, &out);
    regs->rax = out.eax;
    regs->rbx = out.ebx;
    regs->rcx = out.ecx;
    regs->rdx = out.edx;
    return EMULATE_DONE;
}

/* XSETBV: of what we switch, a vCPU may have on what its domain is shown. */
static bool set_xcr0(struct vcpu *v, u64 xcr0)
{
    struct cpuid most;

    if (v->domain->arch.cpu_policy) {
        pv_domain_cpuid(v->domain, 0xd, 0, &most);
        if (xcr0 & ~(most.eax | (u64)most.edx << 32))
            return false;
    }
    return fpu_set_xcr0(v, xcr0);
}

/* ---- dispatch ---- */

/* Executes the two-byte instructions that belong to the kernel. */
static enum emulated kernel_instruction(struct vcpu *v, struct cpu_user_regs *regs,
                                        const struct insn *insn)
{
    switch (insn->opcode) {
    case 0x01:
        if (insn->rm_kind == OPERAND_REG && (insn->rm & 7) == 1 && (insn->reg & 7) == 2)
            return regs->ecx == 0 && set_xcr0(v, edx_eax(regs)) ? EMULATE_DONE : EMULATE_REFUSED;
        if (insn->rm_kind == OPERAND_REG && (insn->rm & 7) == 1 && (insn->reg & 7) == 7)
            return read_tsc(v, regs, true);
        return EMULATE_REFUSED;
    case 0x06:
        do_fpu_taskswitch(0);
        return EMULATE_DONE;
    case 0x09:
        if (domain_has_devices(v->domain))
            cache_flush_local();
        return EMULATE_DONE; /* without a device nobody can see a difference */
    case 0x20:
        return read_cr(v, regs, insn);
    case 0x21:
        return move_dr(v, regs, insn, false);
    case 0x22:
        return write_cr(v, regs, insn);
    case 0x23:
        return move_dr(v, regs, insn, true);
    case 0x30:
        return pv_wrmsr(v, regs->ecx, edx_eax(regs)) ? EMULATE_DONE : EMULATE_REFUSED;
    case 0x31:
        return read_tsc(v, regs, false);
    case 0x32:
        return read_msr(v, regs);
    default:
        return EMULATE_REFUSED;
    }
}

static enum emulated emulate(struct vcpu *v, struct cpu_user_regs *regs, const struct insn *insn)
{
    if (insn->lock)
        return EMULATE_REFUSED;
    if (insn->map == MAP_0F) {
        if (insn->opcode == 0xa2)
            return cpuid_instruction(v, regs);
        return in_guest_kernel(v) ? kernel_instruction(v, regs, insn) : EMULATE_REFUSED;
    }
    if (insn->map != MAP_ONE_BYTE)
        return EMULATE_REFUSED;
    switch (insn->opcode) {
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
        return pv_emulate_io(regs, insn);
    case 0xfa:
    case 0xfb:
        return pv_iopl_ok(v) ? EMULATE_DONE : EMULATE_REFUSED;
    default:
        return EMULATE_REFUSED;
    }
}

bool pv_emulate_privileged(struct cpu_user_regs *regs)
{
    struct vcpu *v = current;
    struct insn insn;

    if (pv_fetch_insn(&insn, regs))
        return false;
    switch (emulate(v, regs, &insn)) {
    case EMULATE_DONE:
        finish_insn(regs, insn.length);
        return true;
    case EMULATE_REFUSED:
        return false;
    default:
        return true;
    }
}

/* The caller saw UD2 and "xe"; then "n" and CPUID follow. */
#define PREFIX_SEEN  4U
#define PREFIX_END   'n'
#define CPUID_OPCODE 0xa20fU

bool pv_emulate_forced(struct cpu_user_regs *regs)
{
    u8 rest[3];

    if (copy_from_guest(rest, regs->rip + PREFIX_SEEN, sizeof(rest)) || rest[0] != PREFIX_END ||
        (rest[1] | rest[2] << 8) != CPUID_OPCODE)
        return false;
    cpuid_instruction(current, regs);
    finish_insn(regs, PREFIX_SEEN + sizeof(rest));
    return true;
}
