/* SPDX-License-Identifier: MIT */
/*
 * The other entries into a guest's kernel: events, SYSCALL, SYSENTER, NMI; and the hypercalls that
 * name them (set_callbacks, callback_op, nmi_op, stack_switch). Also the page of hypercall entry
 * points.
 */
#include <arch.h>
#include <guest_access.h>
#include <hypercall.h>
#include <meter.h>
#include <public/callback.h>
#include <public/nmi.h>

#include "bounce.h"

bool pv_deliver_event(struct cpu_user_regs *regs, struct vcpu *v)
{
    return bounce(regs, v, ENTRY_EVENT, v->arch.event_callback_eip, true, false, 0);
}

/*
 * SYSCALL and SYSENTER without a callback are undefined instructions for the guest. They have two
 * bytes, so RIP goes back to the instruction, where the handler expects it. (RFLAGS and RCX stay as
 * the instruction left them.)
 */
static bool no_callback(struct cpu_user_regs *regs, struct vcpu *v)
{
    regs->rip -= 2;
    regs->entry_vector = EXC_UD;
    return bounce_exception(regs, v, EXC_UD);
}

bool pv_syscall(struct cpu_user_regs *regs, struct vcpu *v)
{
    if (unlikely(!v->arch.syscall_callback_eip))
        return no_callback(regs, v);
    return bounce_syscall(regs, v, v->arch.syscall_callback_eip, v->arch.syscall_disables_events);
}

bool pv_syscall32(struct cpu_user_regs *regs, struct vcpu *v)
{
    if (unlikely(!v->arch.syscall32_callback_eip))
        return no_callback(regs, v);
    return bounce(regs, v, ENTRY_SYSCALL, v->arch.syscall32_callback_eip,
                  v->arch.syscall32_disables_events, false, 0);
}

bool pv_sysenter(struct cpu_user_regs *regs, struct vcpu *v)
{
    if (unlikely(!v->arch.sysenter_callback_eip)) {
        regs->entry_vector = EXC_GP;
        return bounce_exception_error(regs, v, EXC_GP, 0);
    }
    return bounce(regs, v, ENTRY_SYSCALL, v->arch.sysenter_callback_eip,
                  v->arch.sysenter_disables_events, false, 0);
}

void pv_set_nmi_pending(struct vcpu *v)
{
    WRITE_ONCE(v->nmi_pending, true);
    smp_mb(); /* before we look where @v is (load_vcpu()) */
    /*
     * If another vCPU runs there by now, it finds nothing to do; @v checks for itself when the CPU
     * switches to it.
     */
    atomic_or(&cpus[v->processor]->info->exit_work, EXIT_WORK_NMI);
}

/* Delivers an NMI. The next NMI waits for the callback's iret. */
static void deliver_nmi(struct vcpu *v, struct cpu_user_regs *regs)
{
    if ((v->arch.rare & RARE_NMI_MASKED) || !v->arch.traps[EXC_NMI].address ||
        !xchg(&v->nmi_pending, false))
        return;
    atomic_or(&v->arch.rare, RARE_NMI_MASKED);
    regs->entry_vector = EXC_NMI;
    pv_inject(regs, EXC_NMI);
}

void arch_old_tables_left(void)
{
    current->arch.flags |= TF_OLD_TABLES;
    atomic_or(&get_cpu_info()->exit_work, EXIT_WORK_TABLES);
}

/* Continues to take apart old tables. When it is preempted, softirqs run and it is called again. */
static void finish_old_tables(struct vcpu *v)
{
    if (page_finish_old_tables(v))
        arch_old_tables_left();
    else
        v->arch.flags &= ~TF_OLD_TABLES;
}

void pv_exit_work(struct cpu_user_regs *regs)
{
    u32 work = xchg(&get_cpu_info()->exit_work, 0);
    struct vcpu *v = current;

    meter_exit_work(work);
    if (work & EXIT_WORK_AREAS)
        arch_update_guest_areas(v);
    if ((work & EXIT_WORK_BOUNCE) && (v->arch.flags & TF_BAD_SELECTOR)) {
        v->arch.flags &= ~TF_BAD_SELECTOR;
        pv_failsafe(regs);
    }
    if (work & EXIT_WORK_NMI)
        deliver_nmi(v, regs);
    if (work & EXIT_WORK_TABLES)
        finish_old_tables(v);
}

static long register_nmi(struct vcpu *v, unsigned long address)
{
    if (!is_canonical(address))
        return -XEN_EINVAL;
    v->arch.traps[EXC_NMI] = (struct guest_trap){
        .address = address,
        .cs = FLAT_KERNEL_CS,
        .disable_events = true,
    };
    /* An NMI that came before there was a handler is not lost. */
    if (v->nmi_pending || (v->id == 0 && v->domain->shared_info->arch.nmi_reason))
        pv_set_nmi_pending(v);
    return 0;
}

static long unregister_nmi(struct vcpu *v)
{
    v->arch.traps[EXC_NMI] = (struct guest_trap){0};
    return 0;
}

static long register_callback(struct vcpu *v, const struct callback_register *reg)
{
    bool mask = reg->flags & CALLBACKF_mask_events;

    if (!is_canonical(reg->address))
        return -XEN_EINVAL;
    switch (reg->type) {
    case CALLBACKTYPE_event:
        v->arch.event_callback_eip = reg->address;
        return 0;
    case CALLBACKTYPE_failsafe:
        v->arch.failsafe_callback_eip = reg->address;
        v->arch.failsafe_disables_events = mask;
        return 0;
    case CALLBACKTYPE_syscall:
        v->arch.syscall_callback_eip = reg->address;
        v->arch.syscall_disables_events = mask;
        return 0;
    case CALLBACKTYPE_syscall32:
        v->arch.syscall32_callback_eip = reg->address;
        v->arch.syscall32_disables_events = mask;
        return 0;
    case CALLBACKTYPE_sysenter:
        v->arch.sysenter_callback_eip = reg->address;
        v->arch.sysenter_disables_events = mask;
        return 0;
    case CALLBACKTYPE_nmi:
        return register_nmi(v, reg->address);
    default:
        return -XEN_ENOSYS;
    }
}

static long unregister_callback(struct vcpu *v, u16 type)
{
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_sysenter:
        return -XEN_EINVAL; /* a callback can be replaced, not removed */
    case CALLBACKTYPE_nmi:
        return unregister_nmi(v);
    default:
        return -XEN_ENOSYS;
    }
}

long do_callback_op(int cmd, unsigned long arg)
{
    struct vcpu *v = current;

    switch (cmd) {
    case CALLBACKOP_register: {
        struct callback_register reg;

        return get_guest(&reg, arg) ? -XEN_EFAULT : register_callback(v, &reg);
    }
    case CALLBACKOP_unregister: {
        struct callback_unregister reg;

        return get_guest(&reg, arg) ? -XEN_EFAULT : unregister_callback(v, reg.type);
    }
    default:
        return hypercall_unknown(__HYPERVISOR_callback_op, (unsigned long)cmd);
    }
}

long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
    struct callback_register reg = {.type = CALLBACKTYPE_event, .address = event};
    struct vcpu *v = current;

    /*
     * An address that is not canonical leaves the old callback in place; the call itself does not
     * fail.
     */
    register_callback(v, &reg);
    reg.type = CALLBACKTYPE_failsafe;
    reg.address = failsafe;
    register_callback(v, &reg);
    reg.type = CALLBACKTYPE_syscall;
    reg.address = syscall;
    register_callback(v, &reg);
    return 0;
}

long do_nmi_op(unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case XENNMI_register_callback: {
        struct xennmi_callback cb;

        return get_guest(&cb, arg) ? -XEN_EFAULT : register_nmi(current, cb.handler_address);
    }
    case XENNMI_unregister_callback:
        return unregister_nmi(current);
    default:
        return hypercall_unknown(__HYPERVISOR_nmi_op, cmd);
    }
}

long do_stack_switch(unsigned long ss, unsigned long esp)
{
    set_kernel_stack(current, ss, esp);
    return 0;
}

/*
 * Entry n is at offset 32 * n. RCX and R11 are saved around SYSCALL, which destroys them. A kernel
 * jumps to the entry of iret instead of calling it, and the entry leaves the three registers in the
 * frame.
 */
void hypercall_page_init(void *page)
{
    static const u8 call[] = {
        0x51,                         /* push %rcx */
        0x41, 0x53,                   /* push %r11 */
        0xb8, 0x00, 0x00, 0x00, 0x00, /* mov $n, %eax */
        0x0f, 0x05,                   /* syscall */
        0x41, 0x5b,                   /* pop %r11 */
        0x59,                         /* pop %rcx */
        0xc3,                         /* ret */
    };
    static const u8 iret[] = {
        0x51,       /* push %rcx */
        0x41, 0x53, /* push %r11 */
        0x50,       /* push %rax */
        0xb8, __HYPERVISOR_iret,
        0x00, 0x00,
        0x00,       /* mov $23, %eax */
        0x0f, 0x05, /* syscall */
    };
    u8 *p = page;

    memset(page, 0xcc, PAGE_SIZE);
    for (unsigned int n = 0; n < PAGE_SIZE / 32; n++, p += 32) {
        memcpy(p, call, sizeof(call));
        p[4] = (u8)n;
    }
    memcpy((u8 *)page + __HYPERVISOR_iret * 32, iret, sizeof(iret));
}
