/* SPDX-License-Identifier: MIT */
/*
 * What a toolstack saves and restores of a vCPU besides its context (public/domctl.h): entry points
 * for 32-bit user mode, extended state, MSRs.
 *
 * All of it can have been made up. It is checked before any of it is taken, so that XRSTOR cannot
 * fault on it.
 */
#include <arch.h>
#include <asm/context.h>
#include <asm/cpu_features.h>
#include <asm/msr.h>
#include <asm/pv.h>
#include <asm/vcpu_state.h>
#include <guest_access.h>
#include <page_alloc.h>
#include <public/errno.h>

/*
 * Stops a vCPU that is not the current one, so that all of its state is in memory.
 * @return false: it is of the same domain, and wants to stop this one
 */
static bool pause_other(struct vcpu *v)
{
    if (v->domain == current->domain)
        return vcpu_pause_sibling(v);
    vcpu_pause(v);
    return true;
}

static void unpause_other(struct vcpu *v)
{
    if (v->domain == current->domain)
        vcpu_unpause_sibling(v);
    else
        vcpu_unpause(v);
}

/* ---- entry points ---- */

/* MCG_CAP (Intel SDM volume 3, 16.3.1.1), as far as Xen shows it to guests. */
#define MCG_CAP_COUNT 0xffUL
#define MCG_CTL_P     (1UL << 8)
#define MCG_TES_P     (1UL << 11)
#define MCG_SER_P     (1UL << 24)
#define MCG_LMCE_P    (1UL << 27)

/* Has @op, of which op->size bytes were given, machine-check features that no guest can have? */
static bool machine_checks_ok(const struct xen_domctl_ext_vcpucontext *op)
{
    u64 known = MCG_CAP_COUNT | MCG_CTL_P;

    if (op->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) + sizeof(op->mcg_cap))
        return true;
    if (!strcmp(boot_cpu.vendor, "GenuineIntel"))
        known |= MCG_TES_P | MCG_SER_P | MCG_LMCE_P;
    return !(op->mcg_cap & ~known);
}

long domctl_get_ext_context(struct domain *d, struct xen_domctl_ext_vcpucontext *op)
{
    const u32 vcpu = op->vcpu;
    struct vcpu *v = domain_vcpu(d, vcpu);

    if (!v || v == current)
        return -XEN_ESRCH;
    if (!pause_other(v))
        return -ERESTART;
    *op = (struct xen_domctl_ext_vcpucontext){
        .vcpu = vcpu,
        .size = sizeof(*op),
        .syscall32_callback_eip = v->arch.syscall32_callback_eip,
        .sysenter_callback_eip = v->arch.sysenter_callback_eip,
        .syscall32_callback_cs = v->arch.syscall32_callback_cs,
        .sysenter_callback_cs = v->arch.sysenter_callback_cs,
        .syscall32_disables_events = v->arch.syscall32_disables_events,
        .sysenter_disables_events = v->arch.sysenter_disables_events,
    };
    unpause_other(v);
    return 0;
}

long domctl_set_ext_context(struct domain *d, const struct xen_domctl_ext_vcpucontext *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);

    if (!v || d == current->domain)
        return -XEN_ESRCH;
    if (op->size < offsetof(struct xen_domctl_ext_vcpucontext, vmce) ||
        !is_canonical(op->syscall32_callback_eip) || !is_canonical(op->sysenter_callback_eip) ||
        !machine_checks_ok(op))
        return -XEN_EINVAL;
    vcpu_pause(v);
    v->arch.syscall32_callback_eip = op->syscall32_callback_eip;
    v->arch.sysenter_callback_eip = op->sysenter_callback_eip;
    v->arch.syscall32_callback_cs = op->syscall32_callback_cs | 3;
    v->arch.sysenter_callback_cs = op->sysenter_callback_cs | 3;
    v->arch.syscall32_disables_events = op->syscall32_disables_events;
    v->arch.sysenter_disables_events = op->sysenter_disables_events;
    vcpu_unpause(v);
    return 0;
}

/* ---- extended state ---- */

/* What is passed: these two, and with them the area. */
struct xstate {
    u64 xcr0, xcr0_accum;
    u8 area[];
};

#define WITH_AREA (sizeof(struct xstate) + XSAVE_MINIMUM)

/* @return how many bytes describe a vCPU that has used the components @xcr0 */
static unsigned int xstate_size(u64 xcr0)
{
    return sizeof(struct xstate) + (xcr0 ? xsave_size(xcr0) : 0);
}

/* @return room for @bytes, cleared; NULL: no memory */
static struct xstate *xstate_alloc(unsigned long bytes)
{
    return (struct xstate *)xzalloc_array(u64, DIV_ROUND_UP(bytes, sizeof(u64)));
}

long domctl_get_xstate(struct domain *d, struct xen_domctl_vcpuextstate *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct xstate *x;
    unsigned int bytes;
    long rc = 0;

    if (!v)
        return -XEN_ESRCH;
    if (v == current)
        return -XEN_EINVAL;
    if ((!op->size && !op->xfeature_mask) || !handle_addr(op->buffer)) {
        op->xfeature_mask = xfeature_mask;
        op->size = xstate_size(xfeature_mask);
        return 0;
    }
    if (!pause_other(v))
        return -ERESTART;
    bytes = xstate_size(v->arch.xcr0_accum);
    x = xstate_alloc(bytes);
    if (x) {
        x->xcr0 = v->arch.xcr0;
        x->xcr0_accum = v->arch.xcr0_accum;
        if (bytes > sizeof(*x))
            fpu_get_xstate(v, x->area, bytes - (unsigned int)sizeof(*x));
    }
    unpause_other(v);
    if (!x)
        return -XEN_ENOMEM;

    if (op->size < bytes || op->xfeature_mask != xfeature_mask) {
        rc = -XEN_EINVAL;
    } else {
        op->size = bytes;
        rc = copy_to_guest(handle_addr(op->buffer), x, bytes) ? -XEN_EFAULT : 0;
    }
    xfree(x);
    return rc;
}

/*
 * Checks what @x says of its area. In standard format XRSTOR faults on components that are not
 * enabled, on the other format's bits and on reserved ones (Intel SDM volume 1, 13.8.1).
 */
static long check_xstate(const struct domain *d, const struct xstate *x)
{
    struct xsave_header header;
    struct cpuid most;

    memcpy(&header, x->area + XSAVE_HEADER, sizeof(header));
    pv_domain_cpuid(d, 0xd, 0, &most);
    if ((header.xstate_bv | x->xcr0) & ~x->xcr0_accum ||
        x->xcr0_accum & ~(most.eax | (u64)most.edx << 32) || !fpu_xcr0_ok(x->xcr0) ||
        !fpu_xcr0_ok(x->xcr0_accum))
        return -XEN_EINVAL;
    if (header.xcomp_bv)
        return -XEN_EOPNOTSUPP;
    for (unsigned int i = 0; i < ARRAY_SIZE(header.reserved); i++)
        if (header.reserved[i])
            return -XEN_EIO;
    return 0;
}

/* Checks @x, of which there are @bytes: as many as a vCPU with these components gives. */
static long check_all_xstate(const struct domain *d, const struct xstate *x, unsigned long bytes)
{
    if (bytes < WITH_AREA)
        return bytes == sizeof(*x) && !x->xcr0 && !x->xcr0_accum ? 0 : -XEN_EINVAL;
    if (x->xcr0_accum & ~xfeature_mask || bytes != xstate_size(x->xcr0_accum))
        return -XEN_EINVAL;
    return check_xstate(d, x);
}

/* @v is paused. */
static void load_xstate(struct vcpu *v, const struct xstate *x, unsigned long bytes)
{
    spin_lock(&v->domain->context_lock); /* a sibling may be setting the registers of @v */
    v->arch.xcr0 = (u32)x->xcr0;
    v->arch.xcr0_accum = (u32)x->xcr0_accum;
    fpu_set_xstate(v, x->area, (unsigned int)(bytes - sizeof(*x)));
    spin_unlock(&v->domain->context_lock);
}

long domctl_set_xstate(struct domain *d, const struct xen_domctl_vcpuextstate *op)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    struct xstate *x;
    long rc;

    if (!v)
        return -XEN_ESRCH;
    if (v == current || op->size < sizeof(*x) || op->size > xstate_size(xfeature_mask))
        return -XEN_EINVAL;
    x = xstate_alloc(op->size);
    if (!x)
        return -XEN_ENOMEM;
    if (copy_from_guest(x, handle_addr(op->buffer), op->size))
        rc = -XEN_EFAULT;
    else
        rc = check_all_xstate(d, x, op->size);
    /* Without an area there is nothing to take. */
    if (rc == 0 && op->size >= WITH_AREA) {
        if (pause_other(v)) {
            load_xstate(v, x, op->size);
            unpause_other(v);
        } else {
            rc = -ERESTART;
        }
    }
    xfree(x);
    return rc;
}

/* ---- MSRs ---- */

/*
 * How many there can be, as in Xen: speculation control, MISC_FEATURES_ENABLES, TSC_AUX, and AMD's
 * four masks of breakpoints. Of these a guest of ours only has TSC_AUX.
 */
#define SAVED_MSRS 7U

#define MSR_MISC_FEATURES 0x140U

long domctl_get_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *op)
{
    const struct vcpu *v = domain_vcpu(d, op->vcpu);
    xen_domctl_vcpu_msr_t msr = {.index = MSR_TSC_AUX};
    u32 room = op->msr_count;

    if (!v)
        return -XEN_ESRCH;
    if (v == current)
        return -XEN_EINVAL;
    if (!handle_addr(op->msrs)) {
        op->msr_count = SAVED_MSRS;
        return 0;
    }
    msr.value = READ_ONCE(v->arch.tsc_aux);
    op->msr_count = msr.value != 0;
    if (op->msr_count > room)
        return -XEN_ENOBUFS;
    return op->msr_count && put_guest(handle_addr(op->msrs), &msr) ? -XEN_EFAULT : 0;
}

/* Sets an MSR of @v, which is paused. */
static long set_msr(struct vcpu *v, const xen_domctl_vcpu_msr_t *msr)
{
    if (msr->reserved)
        return -XEN_EINVAL;
    switch (msr->index) {
    case MSR_MISC_FEATURES:
        return msr->value ? -XEN_EINVAL : 0;
    case MSR_TSC_AUX:
        if (!boot_cpu.rdtscp || msr->value >> 32)
            return -XEN_EINVAL;
        v->arch.tsc_aux = (u32)msr->value;
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

long domctl_set_msrs(struct domain *d, struct xen_domctl_vcpu_msrs *op, bool *changed)
{
    struct vcpu *v = domain_vcpu(d, op->vcpu);
    long rc = 0;
    u32 i;

    if (!v)
        return -XEN_ESRCH;
    if (v == current || op->msr_count > SAVED_MSRS)
        return -XEN_EINVAL;
    if (!pause_other(v))
        return -ERESTART;
    for (i = 0; i < op->msr_count; i++) {
        xen_domctl_vcpu_msr_t msr;

        rc = get_guest_element(&msr, handle_addr(op->msrs), i) ? -XEN_EFAULT : set_msr(v, &msr);
        if (rc)
            break;
    }
    unpause_other(v);
    *changed = rc != 0;
    op->msr_count = i;
    return rc;
}
