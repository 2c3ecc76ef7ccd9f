/* SPDX-License-Identifier: MIT */
/* What a PV vCPU may run with: see pv_vcpu.h. */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <no_coverage.h>

#include "pv_vcpu.h"

NO_COVERAGE_BEGIN

bool vcpu_address_ok(unsigned long addr)
{
    return is_canonical(addr) && !is_hv_address(addr);
}

void vcpu_registers_check(const struct cpu_user_regs *r, bool syscall)
{
    if ((r->cs & 3) != 3 || (r->ss & 3) != 3)
        panic("cs %x, ss %x", r->cs, r->ss);
    if (!(r->rflags & EFLAGS_IF) || r->rflags & (EFLAGS_IOPL | EFLAGS_NT | EFLAGS_VM))
        panic("rflags %lx", (unsigned long)r->rflags);
    if (syscall && r->error_code == FRAME_SYSCALL &&
        (r->cs != FLAT_RING3_CS64 || r->ss != FLAT_RING3_SS64))
        panic("cs %x, ss %x are not what SYSRET loads", r->cs, r->ss);
}

void vcpu_settings_check(const struct vcpu *v)
{
    const struct arch_vcpu *a = &v->arch;

    for (unsigned int i = 0; i < ARRAY_SIZE(a->traps); i++)
        if (!is_canonical(a->traps[i].address))
            panic("handler %u at %lx", i, a->traps[i].address);
    if (!is_canonical(a->event_callback_eip) || !is_canonical(a->failsafe_callback_eip) ||
        !is_canonical(a->syscall_callback_eip) || !is_canonical(a->syscall32_callback_eip) ||
        !is_canonical(a->sysenter_callback_eip))
        panic("a callback that is not canonical");
    if (!is_canonical(a->fs_base) || !is_canonical(a->gs_base_kernel) ||
        !is_canonical(a->gs_base_user))
        panic("a base that is not canonical");
    if (is_hv_address(a->entry_sp) || is_hv_address(a->entry_sp - FRAME_BYTES_MAX))
        panic("kernel stack at %lx", a->entry_sp);
    if ((a->kernel_ss & 3) != 3 || a->iopl & ~EFLAGS_IOPL)
        panic("kernel ss %lx, iopl %x", a->kernel_ss, a->iopl);
    for (unsigned int i = 0; i < 4; i++)
        if (!vcpu_address_ok(a->debugreg[i]))
            panic("breakpoint at %lx", a->debugreg[i]);
    if (a->debugreg[7] & 1UL << 13)
        panic("DR7.GD");
    if (a->ctrlreg[4] & ~(hv_cr4 | CR4_TSD | CR4_DE))
        panic("CR4 %lx", a->ctrlreg[4]);
    if (a->ldt_entries > 8192 || (a->ldt_entries && !vcpu_address_ok(a->ldt_base)))
        panic("LDT at %lx", a->ldt_base);
}

NO_COVERAGE_END
