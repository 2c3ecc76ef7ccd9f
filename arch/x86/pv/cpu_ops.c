/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls that change hidden processor state of the calling vCPU: segment bases, CR0.TS, debug
 * registers.
 */
#include <asm/context.h>
#include <asm/guest_access.h>
#include <asm/pv.h>
#include <hypercall.h>

long do_set_segment_base(unsigned int which, unsigned long base)
{
    struct vcpu *v = current;

    if (which == SEGBASE_GS_USER_SEL) {
        load_user_gs_selector((u16)base);
        return 0;
    }
    if (!is_canonical(base))
        return -XEN_EINVAL;
    switch (which) {
    case SEGBASE_FS:
        load_fs_base(v, base);
        return 0;
    case SEGBASE_GS_USER:
        load_gs_base_user(v, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        load_gs_base_kernel(v, base);
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

long do_fpu_taskswitch(int set)
{
    struct vcpu *v = current;

    if (set)
        v->arch.ctrlreg[0] |= CR0_TS;
    else
        v->arch.ctrlreg[0] &= ~CR0_TS;
    load_ts(v);
    return 0;
}

/* Debug registers (Intel SDM volume 3, 17.2). */
#define DR6_WRITABLE      0xffffefffUL
#define DR6_ALWAYS_SET    0xffff0ff0UL
#define DR7_WRITABLE      0xffff27ffUL
#define DR7_ALWAYS_SET    0x400UL
#define DR7_ENABLE        0xffUL
#define DR7_GD            (1UL << 13)
#define DR7_CONTROL_SHIFT 16
#define DR7_IO            2U /* of a breakpoint's R/W field: I/O port */

/*
 * Sets DR7. Breakpoints on I/O ports would see our own port accesses: they are kept in debugreg[5]
 * and never reach the processor.
 */
static long set_dr7(struct vcpu *v, unsigned long value)
{
    unsigned long io = 0;

    value = (value & DR7_WRITABLE) | DR7_ALWAYS_SET;
    if (value & DR7_GD)
        return -XEN_EPERM; /* would make our own accesses fault */
    for (unsigned int n = 0; (value & DR7_ENABLE) && n < 4; n++) {
        if ((value >> (DR7_CONTROL_SHIFT + 4 * n) & 3) != DR7_IO)
            continue;
        if (!(v->arch.ctrlreg[4] & CR4_DE))
            return -XEN_EPERM;
        io |= value & 3UL << 2 * n;
    }
    v->arch.debugreg[5] = io;
    v->arch.debugreg[7] = value & ~io;
    return 0;
}

long pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value)
{
    long rc = 0;

    switch (reg) {
    case 0:
    case 1:
    case 2:
    case 3:
        if (!is_canonical(value) || !guest_addr_ok(value, sizeof(long)))
            return -XEN_EPERM;
        v->arch.debugreg[reg] = value;
        break;
    case 4:
    case 6:
        if (reg == 4 && (v->arch.ctrlreg[4] & CR4_DE))
            return -XEN_ENODEV;
        v->arch.debugreg[6] = (value & DR6_WRITABLE) | DR6_ALWAYS_SET;
        break;
    case 5:
    case 7:
        if (reg == 5 && (v->arch.ctrlreg[4] & CR4_DE))
            return -XEN_ENODEV;
        rc = set_dr7(v, value);
        break;
    default:
        return -XEN_ENODEV;
    }
    if (rc == 0 && v == current)
        load_debug_registers(v);
    return rc;
}

long do_set_debugreg(int reg, unsigned long value)
{
    return pv_set_debugreg(current, (unsigned int)reg, value);
}

unsigned long do_get_debugreg(int reg)
{
    const struct vcpu *v = current;

    if (reg < 0 || reg > 7 || ((reg == 4 || reg == 5) && (v->arch.ctrlreg[4] & CR4_DE)))
        return (unsigned long)-XEN_ENODEV;
    if (reg < 4)
        return v->arch.debugreg[reg];
    return reg & 1 ? v->arch.debugreg[7] | v->arch.debugreg[5] : v->arch.debugreg[6];
}
