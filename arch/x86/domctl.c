/* SPDX-License-Identifier: MIT */
/*
 * The control operations on a domain that need to know the CPU: page-table types, the hypercall
 * page, the width of the domain, its time-stamp counter. Those on the state of a vCPU are in
 * vcpu_state.c.
 */
#include <arch.h>
#include <asm/cpu_policy.h>
#include <asm/pv.h>
#include <asm/vcpu_state.h>
#include <guest_access.h>
#include <hypercall.h>
#include <sched.h>

#define MAX_PAGE_INFOS 1024U

/* Modes of the guest's time-stamp counter (CPUID leaf 3 of the ABI). It is never emulated. */
#define TSC_MODE_DEFAULT        0U
#define TSC_MODE_NEVER_EMULATED 2U

int arch_domain_config_check(const struct xen_arch_domainconfig *config)
{
    if (config->misc_flags & ~XEN_X86_MISC_FLAGS_MAX)
        return -XEN_EINVAL;
    if (config->emulation_flags & ~XEN_X86_EMU_ALL)
        return -XEN_EINVAL;
    if (config->emulation_flags & ~XEN_X86_EMU_PIT)
        return -XEN_EOPNOTSUPP; /* only a PIT exists for PV domains */
    return 0;
}

static unsigned long page_info(struct domain *d, mfn_t mfn)
{
    unsigned long type = XEN_DOMCTL_PFINFO_NOTAB;
    struct page *pg;
    u64 s;

    if (!mfn_valid(mfn))
        return XEN_DOMCTL_PFINFO_XTAB;
    pg = mfn_to_page(mfn);
    if (!get_page(pg, d))
        return XEN_DOMCTL_PFINFO_XTAB;
    s = READ_ONCE(pg->state);
    if (s & PG_HYPERVISOR) {
        type = XEN_DOMCTL_PFINFO_XTAB;
    } else {
        switch (s & PG_TYPE_MASK) {
        case PG_TYPE_L1:
            type = XEN_DOMCTL_PFINFO_L1TAB;
            break;
        case PG_TYPE_L2:
            type = XEN_DOMCTL_PFINFO_L2TAB;
            break;
        case PG_TYPE_L3:
            type = XEN_DOMCTL_PFINFO_L3TAB;
            break;
        case PG_TYPE_L4:
            type = XEN_DOMCTL_PFINFO_L4TAB;
            break;
        default:
            break;
        }
        if (s & PG_PINNED)
            type |= XEN_DOMCTL_PFINFO_LPINTAB;
    }
    put_page(pg);
    return type;
}

static long get_page_infos(struct domain *d, const struct xen_domctl_getpageframeinfo3 *op)
{
    if (op->num > MAX_PAGE_INFOS)
        return -XEN_E2BIG;
    for (unsigned long i = 0; i < op->num; i++) {
        xen_pfn_t frame;

        if (get_guest_element(&frame, handle_addr(op->array), i))
            return -XEN_EFAULT;
        frame = page_info(d, MFN(frame));
        if (put_guest_element(handle_addr(op->array), i, &frame))
            return -XEN_EFAULT;
    }
    return 0;
}

static long fill_hypercall_page(struct domain *d, mfn_t mfn)
{
    if (!mfn_valid(mfn) || !get_page(mfn_to_page(mfn), d))
        return -XEN_EINVAL;
    put_page(mfn_to_page(mfn));
    if (get_page_and_type(mfn_to_page(mfn), d, PG_TYPE_WRITABLE))
        return -XEN_EPERM;
    hypercall_page_init(mfn_to_virt(mfn));
    put_page_and_type(mfn_to_page(mfn));
    return 0;
}

static long send_trigger(struct domain *d, const struct xen_domctl_sendtrigger *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);

    if (!v)
        return -XEN_ESRCH;
    switch (op->trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        arch_raise_nmi(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP: /* buttons, which a paravirtual domain does not have */
        return -XEN_EINVAL;
    default:
        return -XEN_ENOSYS;
    }
}

static long get_tsc_info(const struct domain *d, struct xen_domctl_tsc_info *op)
{
    if (d == current->domain)
        return -XEN_EINVAL;
    *op = (struct xen_domctl_tsc_info){
        .tsc_mode = TSC_MODE_DEFAULT, .gtsc_khz = (u32)cpu_khz, .elapsed_nsec = (u64)now()};
    return 0;
}

static long set_tsc_info(struct domain *d, const struct xen_domctl_tsc_info *op)
{
    if (d == current->domain)
        return -XEN_EINVAL;
    return op->tsc_mode == TSC_MODE_DEFAULT || op->tsc_mode == TSC_MODE_NEVER_EMULATED
               ? 0
               : -XEN_EOPNOTSUPP;
}

/* These say how many MSRs there are, or which one is wrong, after an error, too. */
static long msrs_op(struct domain *d, struct xen_domctl *op, unsigned long u_domctl, bool *copyback)
{
    bool tell = false;
    long rc;

    if (op->cmd == XEN_DOMCTL_get_vcpu_msrs) {
        rc = domctl_get_msrs(d, &op->u.vcpu_msrs);
        tell = rc == -XEN_ENOBUFS || rc == -XEN_EFAULT;
        *copyback = true;
    } else {
        rc = domctl_set_msrs(d, &op->u.vcpu_msrs, &tell);
    }
    return tell && put_guest(u_domctl, op) ? -XEN_EFAULT : rc;
}

long arch_domctl(struct domain *d, struct xen_domctl *op, unsigned long u_domctl, bool *copyback)
{
    switch (op->cmd) {
    case XEN_DOMCTL_getpageframeinfo3:
        return get_page_infos(d, &op->u.getpageframeinfo3);
    case XEN_DOMCTL_hypercall_init:
        return fill_hypercall_page(d, MFN(op->u.hypercall_init.gmfn));
    case XEN_DOMCTL_set_address_size:
        if (op->u.address_size.size == 32)
            return -XEN_EOPNOTSUPP; /* no 32-bit kernels yet */
        return op->u.address_size.size == BITS_PER_LONG ? 0 : -XEN_EINVAL;
    case XEN_DOMCTL_get_address_size:
        op->u.address_size.size = d->arch.is_32bit ? 32 : BITS_PER_LONG;
        *copyback = true;
        return 0;
    case XEN_DOMCTL_sendtrigger:
        return send_trigger(d, &op->u.sendtrigger);
    case XEN_DOMCTL_gettscinfo:
        *copyback = true;
        return get_tsc_info(d, &op->u.tsc_info);
    case XEN_DOMCTL_settscinfo:
        return set_tsc_info(d, &op->u.tsc_info);
    case XEN_DOMCTL_get_ext_vcpucontext:
        *copyback = true;
        return domctl_get_ext_context(d, &op->u.ext_vcpucontext);
    case XEN_DOMCTL_set_ext_vcpucontext:
        return domctl_set_ext_context(d, &op->u.ext_vcpucontext);
    case XEN_DOMCTL_getvcpuextstate:
        *copyback = true;
        return domctl_get_xstate(d, &op->u.vcpuextstate);
    case XEN_DOMCTL_setvcpuextstate:
        return domctl_set_xstate(d, &op->u.vcpuextstate);
    case XEN_DOMCTL_get_vcpu_msrs:
    case XEN_DOMCTL_set_vcpu_msrs:
        return msrs_op(d, op, u_domctl, copyback);
    case XEN_DOMCTL_get_cpu_policy:
        *copyback = true;
        return cpu_policy_get(d, op);
    case XEN_DOMCTL_set_cpu_policy:
        return cpu_policy_set(d, op, u_domctl);
    case XEN_DOMCTL_gethvmcontext:
    case XEN_DOMCTL_gethvmcontext_partial:
    case XEN_DOMCTL_sethvmcontext:
        return -XEN_EINVAL; /* no such domain */
    case XEN_DOMCTL_ioport_mapping:
        return -XEN_EOPNOTSUPP; /* for hardware virtualisation */
    default:
        return hypercall_unknown(__HYPERVISOR_domctl, op->cmd);
    }
}
