/* SPDX-License-Identifier: MIT */
/*
 * The hypercall table, continuations, and the answers to numbers that we do not serve.
 *
 * A handler has the arguments that the ABI names. The entry code calls each with six registers, of
 * which it reads its own. A continuation makes the guest execute the hypercall instruction again,
 * with new arguments.
 */
#include <asm/hypercall.h>
#include <domain.h>
#include <event_channel.h>
#include <grant_table.h>
#include <hypercall.h>
#include <meter.h>
#include <percpu.h>
#include <sched.h>

static long absent(void);

#define HANDLER(fn)       ((hypercall_fn)(void (*)(void))(fn))
#define ENTRY(number, fn) [__HYPERVISOR_##number] = HANDLER(fn)

const hypercall_fn hypercall_table[NR_HYPERCALLS] = {
    ENTRY(set_trap_table, do_set_trap_table),
    ENTRY(mmu_update, do_mmu_update),
    ENTRY(set_gdt, do_set_gdt),
    ENTRY(stack_switch, do_stack_switch),
    ENTRY(set_callbacks, do_set_callbacks),
    ENTRY(fpu_taskswitch, do_fpu_taskswitch),
    ENTRY(sched_op_compat, do_sched_op_compat),
    ENTRY(platform_op, do_platform_op),
    ENTRY(set_debugreg, do_set_debugreg),
    ENTRY(get_debugreg, do_get_debugreg),
    ENTRY(update_descriptor, do_update_descriptor),
    ENTRY(memory_op, do_memory_op),
    ENTRY(multicall, do_multicall),
    ENTRY(update_va_mapping, do_update_va_mapping),
    ENTRY(set_timer_op, do_set_timer_op),
    ENTRY(event_channel_op_compat, do_event_channel_op_compat),
    ENTRY(xen_version, do_xen_version),
    ENTRY(console_io, do_console_io),
    ENTRY(physdev_op_compat, do_physdev_op_compat),
    ENTRY(grant_table_op, do_grant_table_op),
    ENTRY(vm_assist, do_vm_assist),
    ENTRY(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain),
    ENTRY(iret, do_iret),
    ENTRY(vcpu_op, do_vcpu_op),
    ENTRY(set_segment_base, do_set_segment_base),
    ENTRY(mmuext_op, do_mmuext_op),
    ENTRY(nmi_op, do_nmi_op),
    ENTRY(sched_op, do_sched_op),
    ENTRY(callback_op, do_callback_op),
    ENTRY(event_channel_op, do_event_channel_op),
    ENTRY(physdev_op, do_physdev_op),
    ENTRY(sysctl, do_sysctl),
    ENTRY(domctl, do_domctl),
    [11] = HANDLER(absent),
    ENTRY(arch_0, do_mca),
    ENTRY(xsm_op, absent),
    ENTRY(xenoprof_op, absent),
    ENTRY(hvm_op, absent),
    ENTRY(hypfs_op, do_hypfs_op),
    [__HYPERVISOR_kexec_op... __HYPERVISOR_hypfs_op - 1] = HANDLER(absent),
    [__HYPERVISOR_hypfs_op + 1 ... __HYPERVISOR_arch_0 - 1] = HANDLER(absent),
    [__HYPERVISOR_arch_0 + 1 ... NR_HYPERCALLS - 1] = HANDLER(absent),
};

/*
 * @return what Xen answers to a domain without privileges for the absent hypercall @op; a
 * privileged caller gets -XEN_ENOSYS
 */
static long absent_refusal(unsigned long op)
{
    switch (op) {
    case __HYPERVISOR_kexec_op:
        return -XEN_EPERM;
    case __HYPERVISOR_argo_op:
    case __HYPERVISOR_xenpmu_op:
        return -XEN_EOPNOTSUPP;
    default:
        return -XEN_ENOSYS;
    }
}

static void log_unknown(unsigned long op, unsigned long cmd)
{
    struct domain *d = current->domain;
    unsigned int bit = op < 8 * sizeof(d->unknown_logged) ? (unsigned int)op : 0;

    if (!test_and_set_bit(d->unknown_logged, bit))
        printk_guest(LOG_DEBUG, "hypercall %lu (%lu) is not implemented", op, cmd);
}

static long absent(void)
{
    const struct multicall_state *mcs = &this_cpu()->multicall;
    unsigned long op = mcs->active ? mcs->call.op : hypercall_number();

    log_unknown(op, 0);
    return current->domain->privileged ? -XEN_ENOSYS : absent_refusal(op);
}

/* Called from assembly: a number beyond the table. */
long hypercall_bad_number(unsigned long op)
{
    log_unknown(op, 0);
    return -XEN_ENOSYS;
}

long hypercall_unknown(unsigned int op, unsigned long cmd)
{
    log_unknown(op, cmd);
    return -XEN_ENOSYS;
}

bool hypercall_preempt_check(void)
{
    bool stop = READ_ONCE(get_cpu_info()->softirq_pending) != 0;

    meter_preempt_check(stop);
    return stop;
}

long hypercall_continue(unsigned int op, unsigned int nargs, ...)
{
    struct multicall_state *mcs = &this_cpu()->multicall;
    unsigned long args[6];
    va_list ap;

    va_start(ap, nargs);
    for (unsigned int i = 0; i < nargs; i++)
        args[i] = va_arg(ap, unsigned long);
    va_end(ap);
    if (mcs->active) {
        mcs->preempted = true;
        mcs->nr_args = (u8)nargs;
        mcs->call.op = op;
        for (unsigned int i = 0; i < nargs; i++)
            mcs->call.args[i] = args[i];
    } else {
        hypercall_restart(op, args, nargs);
    }
    return op; /* becomes the number again: results and numbers share a register */
}
