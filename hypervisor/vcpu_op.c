/* SPDX-License-Identifier: MIT */
/* HYPERVISOR_vcpu_op: bring-up, run state, timers and shared areas of a vCPU (public/vcpu.h). */
#include <arch.h>
#include <event_channel.h>
#include <guest_access.h>
#include <hypercall.h>
#include <page_alloc.h>
#include <sched.h>

#define PERIOD_MIN MILLISECS(1)
#define PERIOD_MAX SECONDS(0x100000)

static long vcpu_initialise(struct vcpu *v, unsigned long arg)
{
    struct vcpu_guest_context *ctx;
    struct domain *d = v->domain;
    long rc;

    if (!vcpu_has_info(v))
        return -XEN_EINVAL;
    ctx = xzalloc(struct vcpu_guest_context);
    if (!ctx)
        return -XEN_ENOMEM;
    if (get_guest(ctx, arg)) {
        xfree(ctx);
        return -XEN_EFAULT;
    }
    /* The page tables may take many time slices to validate, so nobody waits for this lock. */
    if (spin_trylock(&d->context_lock)) {
        rc = v->initialised ? -XEN_EEXIST : vcpu_set_context(v, ctx);
        spin_unlock(&d->context_lock);
    } else {
        rc = -ERESTART;
    }
    xfree(ctx);
    return rc;
}

static long bring_up(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool was_down = false;

    if (!vcpu_has_info(v))
        return -XEN_EINVAL;
    spin_lock(&d->lock);
    if (!v->initialised) {
        spin_unlock(&d->lock);
        return -XEN_EINVAL;
    }
    was_down = vcpu_set_down(v, false);
    spin_unlock(&d->lock);
    if (was_down)
        vcpu_wake(v);
    return 0;
}

/* Takes a vCPU down. The last vCPU to go down shuts its domain down. */
static long take_down(struct vcpu *v)
{
    struct domain *d = v->domain;
    bool others = false;
    struct vcpu *o;

    spin_lock(&d->lock);
    for_each_vcpu (d, o)
        others |= o != v && !test_bit(&o->pause_flags, VPF_DOWN);
    if (others)
        vcpu_set_down(v, true);
    spin_unlock(&d->lock);
    if (others)
        vcpu_sleep_nosync(v);
    else
        domain_shutdown(d, SHUTDOWN_poweroff);
    return 0;
}

static long set_periodic(struct vcpu *v, s_time_t period)
{
    if (period < PERIOD_MIN || period > PERIOD_MAX)
        return -XEN_EINVAL;
    if (!vcpu_pause_sibling(v))
        return -ERESTART;
    v->periodic_period = period;
    v->periodic_last = now();
    if (v == current)
        timer_set(&v->periodic, v->periodic_last + period);
    vcpu_unpause_sibling(v);
    return 0;
}

static long stop_periodic(struct vcpu *v)
{
    if (!vcpu_pause_sibling(v))
        return -ERESTART;
    v->periodic_period = 0;
    timer_stop(&v->periodic);
    vcpu_unpause_sibling(v);
    return 0;
}

static long set_singleshot(struct vcpu *v, unsigned long arg)
{
    struct vcpu_set_singleshot_timer set;

    if (v != current)
        return -XEN_EINVAL;
    if (get_guest(&set, arg))
        return -XEN_EFAULT;
    if (set.timeout_abs_ns == 0)
        return 0;
    /* VCPU_SSHOTTMR_future changes nothing, as in Xen: a time that has passed fires at once. */
    timer_set(&v->singleshot, (s_time_t)set.timeout_abs_ns);
    return 0;
}

/*
 * Moves the vCPU's info out of shared_info (or gives the vCPU its first) to anywhere in the guest's
 * memory. The vCPU itself may do that once, or another one while it is down. The frame stays
 * referenced as writable, so it cannot become anything else.
 */
static long register_info(struct vcpu *v, unsigned long arg)
{
    struct vcpu_register_vcpu_info area;
    struct domain *d = v->domain;
    struct vcpu_info *info;
    struct page *pg;
    long rc = -XEN_EINVAL;

    if (get_guest(&area, arg))
        return -XEN_EFAULT;
    if (area.offset > PAGE_SIZE - sizeof(struct vcpu_info) || area.offset % sizeof(u64))
        return -XEN_ENXIO; /* not whole in one frame, or not aligned */
    if (area.mfn > ~0UL >> PAGE_SHIFT)
        return -XEN_EINVAL;
    spin_lock(&d->lock);
    if (!mfn_eq(v->info_mfn, INVALID_MFN) || (v != current && !test_bit(&v->pause_flags, VPF_DOWN)))
        goto out;
    if (!mfn_valid(MFN(area.mfn)))
        goto out;
    pg = mfn_to_page(MFN(area.mfn));
    if (get_page_and_type(pg, d, PG_TYPE_WRITABLE))
        goto out;
    info = (struct vcpu_info *)((char *)arch_map_guest_page(MFN(area.mfn)) + area.offset);
    if (vcpu_has_info(v)) {
        memcpy(info, v->info, sizeof(*info));
    } else {
        memset(info, 0, sizeof(*info));
        info->evtchn_upcall_mask = 1;
    }
    v->info_mfn = MFN(area.mfn);
    store_release(&v->info, info);
    arch_update_time_record(v);
    evtchn_vcpu_info_moved(v);
    rc = 0;
out:
    spin_unlock(&d->lock);
    return rc;
}

static long register_area(struct vcpu *v, unsigned long arg, unsigned long size,
                          unsigned long *area)
{
    u64 addr;

    if (get_guest(&addr, arg))
        return -XEN_EFAULT;
    if (!guest_addr_ok(addr, size))
        return -XEN_EFAULT;
    *area = addr;
    if (v == current)
        arch_update_guest_areas(v);
    return 0;
}

static long vcpu_op(struct vcpu *v, unsigned int cmd, unsigned long arg)
{
    switch (cmd) {
    case VCPUOP_initialise:
        return vcpu_initialise(v, arg);
    case VCPUOP_up:
        return bring_up(v);
    case VCPUOP_down:
        return take_down(v);
    case VCPUOP_is_up:
        return !test_bit(&v->pause_flags, VPF_DOWN);
    case VCPUOP_get_runstate_info: {
        struct vcpu_runstate_info r;

        vcpu_runstate_get(v, &r);
        return put_guest(arg, &r) ? -XEN_EFAULT : 0;
    }
    case VCPUOP_register_runstate_memory_area:
        return register_area(v, arg, sizeof(struct vcpu_runstate_info), &v->runstate_guest);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_area(v, arg, sizeof(struct vcpu_time_info), &v->time_guest);
    case VCPUOP_set_periodic_timer: {
        struct vcpu_set_periodic_timer set;

        if (get_guest(&set, arg))
            return -XEN_EFAULT;
        return set_periodic(v, (s_time_t)set.period_ns);
    }
    case VCPUOP_stop_periodic_timer:
        return stop_periodic(v);
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, arg);
    case VCPUOP_stop_singleshot_timer:
        if (v != current)
            return -XEN_EINVAL;
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(v, arg);
    case VCPUOP_send_nmi:
        arch_raise_nmi(v);
        return 0;
    case VCPUOP_get_physid:
        return -XEN_EINVAL; /* only for domains whose vCPUs are pinned */
    default:
        return hypercall_unknown(__HYPERVISOR_vcpu_op, cmd);
    }
}

long do_vcpu_op(unsigned int cmd, unsigned int vcpuid, unsigned long arg)
{
    struct vcpu *v = domain_vcpu(current->domain, vcpuid);
    long rc = v ? vcpu_op(v, cmd, arg) : -XEN_ENOENT;

    if (unlikely(rc == -ERESTART))
        rc = hypercall_continue(__HYPERVISOR_vcpu_op, 3, (unsigned long)cmd, (unsigned long)vcpuid,
                                arg);
    return rc;
}
