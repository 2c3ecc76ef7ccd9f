/* SPDX-License-Identifier: MIT */
/* SOURCES: $(HOST_CORE) hypervisor/domctl.c hypervisor/domctl_vcpu.c hypervisor/sysctl.c */
/* SOURCES: hypervisor/debug_keys.c hypervisor/lock_profile.c hypervisor/power_states.c */
/*
 * The control operations: which domains may call them, in which order that is checked, and what
 * they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <public/sysctl.h>

#include "two_domains.h"

#define BUFFER GUEST(65536)

static int setup(void **state)
{
    make_two_domains(1, 2, 4);
    host_become(a->vcpu[0]);
    return 0;
}

static int teardown(void **state)
{
    /* A test that failed may have left it on the CPU, and there is no other one to take it off. */
    domain_pause_nosync(b);
    host_become(cpus[0]->rq.idle);
    host_settle();
    return end_two_domains(state);
}

static long call(struct xen_domctl *op, unsigned int cmd, domid_t id)
{
    op->cmd = cmd;
    op->domain = id;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return host_call1(do_domctl, op, sizeof(*op));
}

static long sysctl(struct xen_sysctl *op, unsigned int cmd)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return host_call1(do_sysctl, op, sizeof(*op));
}

static struct xen_domctl creation(unsigned int vcpus)
{
    return (struct xen_domctl){.u.createdomain = {.max_vcpus = vcpus,
                                                  .max_evtchn_port = 1023,
                                                  .max_grant_frames = -1,
                                                  .max_maptrack_frames = -1,
                                                  .grant_opts = XEN_DOMCTL_GRANT_version(1)}};
}

static void order_of_checks(void **state)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_pausedomain, .domain = 99, .interface_version = 0x14};
    struct xen_sysctl sys = {.interface_version = 1};

    host_become(b->vcpu[0]);
    assert_int_equal(do_domctl(0), -XEN_EFAULT);
    assert_int_equal(host_call1(do_domctl, &op, sizeof(op)), -XEN_EACCES);
    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, 99), -XEN_ESRCH);
    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, DOMID_SELF), -XEN_ESRCH);
    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, DOMID_XEN), -XEN_ESRCH);
    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, 1), -XEN_EPERM);
    assert_int_equal(call(&op, 9999, 2), -XEN_EPERM);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 99), -XEN_EPERM);
    assert_int_equal(call(&op, XEN_DOMCTL_createdomain, 0), -XEN_EPERM);
    assert_int_equal(do_sysctl(0), -XEN_EFAULT);
    assert_int_equal(host_call1(do_sysctl, &sys, sizeof(sys)), -XEN_EACCES);
    assert_int_equal(sysctl(&sys, XEN_SYSCTL_sched_id), -XEN_EPERM);
    host_become(a->vcpu[0]);
    assert_int_equal(call(&op, 9999, 2), -XEN_ENOSYS);
    assert_int_equal(sysctl(&sys, 9999), -XEN_ENOSYS);
}

/* ---- one at a time ---- */

static void (*within_a_call)(void); /* NULL: nothing */

long arch_domctl(struct domain *d, struct xen_domctl *op, unsigned long u_domctl, bool *copyback)
{
    if (within_a_call)
        within_a_call();
    return -XEN_ENOSYS;
}

long arch_sysctl(struct xen_sysctl *op, unsigned long u_sysctl, bool *copyback)
{
    if (within_a_call)
        within_a_call();
    return -XEN_ENOSYS;
}

static long rc_within;

/* What another CPU calls meanwhile, with its argument at BUFFER. */
static void domctl_within(void)
{
    rc_within = do_domctl(BUFFER);
}

static void sysctl_within(void)
{
    rc_within = do_sysctl(BUFFER);
}

/* While a control operation is under way, a second one is made anew, and has done nothing. */
static void one_at_a_time(void **state)
{
    struct xen_domctl *pause = (void *)BUFFER, op = {0};
    struct xen_sysctl *id = (void *)BUFFER, sys = {0};
    u32 refs_b = b->refs;

    *pause = (struct xen_domctl){.cmd = XEN_DOMCTL_pausedomain,
                                 .domain = 2,
                                 .interface_version = XEN_DOMCTL_INTERFACE_VERSION};
    within_a_call = domctl_within;
    assert_int_equal(call(&op, 9999, 2), -XEN_ENOSYS);
    assert_int_equal(rc_within, HOST_CONTINUED);
    assert_int_equal(host_continued.op, __HYPERVISOR_domctl);
    assert_int_equal(host_continued.nargs, 1);
    assert_int_equal(host_continued.args[0], BUFFER);
    assert_int_equal(b->controller_pause_count, 0);
    assert_int_equal(b->refs, refs_b);
    assert_int_equal(do_domctl(BUFFER), 0);
    assert_int_equal(b->controller_pause_count, 1);
    pause->cmd = XEN_DOMCTL_unpausedomain;
    assert_int_equal(do_domctl(BUFFER), 0);

    *id = (struct xen_sysctl){.cmd = XEN_SYSCTL_sched_id,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION};
    within_a_call = sysctl_within;
    assert_int_equal(sysctl(&sys, 9999), -XEN_ENOSYS);
    assert_int_equal(rc_within, HOST_CONTINUED);
    assert_int_equal(host_continued.op, __HYPERVISOR_sysctl);
    assert_int_equal(host_continued.args[0], BUFFER);
    assert_int_equal(do_sysctl(BUFFER), 0);
    /* The two kinds do not wait for each other. */
    assert_int_equal(call(&op, 9999, 2), -XEN_ENOSYS);
    assert_int_equal(rc_within, 0);
    within_a_call = NULL;
}

/* ---- what changes ---- */

static long next_change(struct xen_domctl *op)
{
    *op = (struct xen_domctl){.cmd = XEN_DOMCTL_get_domain_state, .domain = DOMID_INVALID};
    return host_call1(do_domctl, op, sizeof(*op));
}

/* Each domain that changes is named once, the dead and the gone as well. */
static void changed_states(void **state)
{
    const struct xen_domctl_get_domain_state *info;
    struct xen_domctl op;
    u64 unique_id;
    domid_t id;

    info = &op.u.get_domain_state;
    while (next_change(&op) == 0)
        ;
    op = creation(1);
    assert_int_equal(call(&op, XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
    id = op.domain;
    assert_int_equal(next_change(&op), -XEN_ENOENT);
    op.domain = id;
    assert_int_equal(host_call1(do_domctl, &op, sizeof(op)), 0);
    assert_int_equal(info->state, XEN_DOMCTL_GETDOMSTATE_STATE_EXIST);
    unique_id = info->unique_id;
    assert_true(unique_id != 0);

    domain_shutdown(b, SHUTDOWN_poweroff);
    assert_int_equal(next_change(&op), -XEN_ENOENT);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(next_change(&op), 0);
    assert_int_equal(op.domain, b->id);
    assert_int_equal(info->state,
                     XEN_DOMCTL_GETDOMSTATE_STATE_EXIST | XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN);
    assert_true(info->unique_id != unique_id);
    assert_int_equal(next_change(&op), -XEN_ENOENT);

    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, id), 0);
    assert_int_equal(next_change(&op), 0);
    assert_int_equal(op.domain, id);
    assert_true(info->state & XEN_DOMCTL_GETDOMSTATE_STATE_DEAD);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(next_change(&op), 0);
    assert_int_equal(op.domain, id);
    assert_int_equal(info->state, 0);
    assert_int_equal(next_change(&op), -XEN_ENOENT);

    /* Of one domain, at any time; and no business of others'. */
    op = (struct xen_domctl){.cmd = XEN_DOMCTL_get_domain_state, .domain = id};
    assert_int_equal(host_call1(do_domctl, &op, sizeof(op)), -XEN_ESRCH);
    op.domain = b->id;
    assert_int_equal(host_call1(do_domctl, &op, sizeof(op)), 0);
    assert_true(info->state & XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN);
    op.u.get_domain_state.pad0 = 1;
    assert_int_equal(host_call1(do_domctl, &op, sizeof(op)), -XEN_EINVAL);
    assert_int_equal(call(&op, XEN_DOMCTL_get_domain_state, b->id), -XEN_ENOSYS);
    host_become(b->vcpu[0]);
    assert_int_equal(next_change(&op), -XEN_EACCES);
    host_become(a->vcpu[0]);
    domain_resume(b);
}

/* In steps, its caller may do something else between two of them. */
static void destroyed_in_steps(void **state)
{
    struct xen_domctl op;
    unsigned int steps = 0;
    domid_t id = b->id;
    long status;

    assert_int_equal(call(&op, BULKHEAD_DOMCTL_destroy_step, a->id), -XEN_EINVAL); /* oneself */
    host_preempt_every(1);
    while ((status = call(&op, BULKHEAD_DOMCTL_destroy_step, id)) == -XEN_EAGAIN) {
        steps++;
        assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, id), 0);
    }
    host_preempt_every(0);
    assert_int_equal(status, 0);
    assert_true(steps > 0);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(call(&op, BULKHEAD_DOMCTL_destroy_step, id), -XEN_ESRCH);
    b = host_domain(2, 2, 4, false);
    assert_non_null(b);
    host_become(a->vcpu[0]);
}

static void whole_life(void **state)
{
    struct xen_domctl op = creation(3);
    struct xen_domctl_getdomaininfo *info = &op.u.getdomaininfo;
    struct domain *d;
    domid_t id;

    memset(op.u.createdomain.handle, 7, 16);
    assert_int_equal(call(&op, XEN_DOMCTL_createdomain, DOMID_INVALID), 0);
    id = op.domain;
    assert_true(id != 0 && id != 1 && id != 2 && id < DOMID_FIRST_RESERVED);
    op.u.max_vcpus.max = 2;
    assert_int_equal(call(&op, XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
    op.u.max_vcpus.max = 3;
    host_fail_allocation(3);
    assert_int_equal(call(&op, XEN_DOMCTL_max_vcpus, id), -XEN_ENOMEM);
    assert_int_equal(call(&op, XEN_DOMCTL_max_vcpus, id), 0); /* makes those that lack */
    op.u.max_mem.max_memkb = 44;
    assert_int_equal(call(&op, XEN_DOMCTL_max_mem, id), 0);

    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, id), 0);
    assert_int_equal(op.domain, id);
    assert_int_equal(info->domain, id);
    assert_int_equal(info->flags, XEN_DOMINF_paused | 0xffff0000);
    assert_int_equal(info->max_pages, 11);
    assert_int_equal(info->tot_pages, 0);
    assert_int_equal(info->nr_online_vcpus, 0);
    assert_int_equal(info->max_vcpu_id, 2);
    assert_int_equal(info->handle[15], 7);
    d = get_domain_by_id(id);
    assert_int_equal(info->shared_info_frame, virt_to_mfn(d->shared_info).n);
    put_domain(d);

    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, id), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_unpausedomain, id), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_unpausedomain, id), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
    host_preempt_every(1);
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, id), 0);
    host_preempt_every(0);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, id), -XEN_ESRCH);
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, 1), -XEN_EINVAL); /* oneself */
    assert_int_equal(call(&op, XEN_DOMCTL_pausedomain, 1), -XEN_EINVAL);
}

static void bad_creations(void **state)
{
    struct xen_domctl op = creation(1);

    assert_int_equal(call(&op, XEN_DOMCTL_createdomain, 2), -XEN_EEXIST);
#define REFUSED(member, value, error)                                           \
    do {                                                                        \
        op = creation(1);                                                       \
        op.u.createdomain.member = (value);                                     \
        assert_int_equal(call(&op, XEN_DOMCTL_createdomain, 50), -XEN_##error); \
        assert_null(get_domain_by_id(50));                                      \
    } while (0)
    REFUSED(flags, XEN_DOMCTL_CDF_hvm, EINVAL);
    REFUSED(flags, XEN_DOMCTL_CDF_iommu, EINVAL);
    REFUSED(flags, 1U << 31, EINVAL);
    REFUSED(iommu_opts, 1, EINVAL);
    REFUSED(max_vcpus, 0, EINVAL);
    REFUSED(max_vcpus, MAX_VCPUS + 1, EINVAL);
    REFUSED(grant_opts, 0, EINVAL);
    REFUSED(grant_opts, 2, EINVAL);
    REFUSED(grant_opts, 0x11, EINVAL);
    REFUSED(vmtrace_size, 4096, EINVAL);
    REFUSED(cpupool_id, 1, ESRCH);
    REFUSED(arch.emulation_flags, 1, EOPNOTSUPP);
    for (unsigned long n = 1;; n++) {
        unsigned long pages = heap_free_pages(), objects = host_objects();

        op = creation(2);
        host_fail_allocation(n);
        if (call(&op, XEN_DOMCTL_createdomain, 50) == 0)
            break;
        assert_int_equal(heap_free_pages(), pages);
        assert_int_equal(host_objects(), objects);
    }
    host_fail_allocation(0);
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, 50), 0);
    host_settle();
    host_become(a->vcpu[0]);
}

static void information(void **state)
{
    struct xen_domctl op = {0};

    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 0), 0); /* the next one */
    assert_int_equal(op.domain, 1);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 3), -XEN_ESRCH);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, DOMID_SELF), -XEN_EINVAL);

    clear_bit(&b->vcpu[1]->pause_flags, VPF_DOWN);
    set_bit(&b->vcpu[1]->pause_flags, VPF_BLOCKED);
    domain_shutdown(b, SHUTDOWN_reboot);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 2), 0);
    assert_int_equal(op.u.getdomaininfo.flags, XEN_DOMINF_blocked | XEN_DOMINF_shutdown |
                                                   SHUTDOWN_reboot << XEN_DOMINF_shutdownshift);
    assert_int_equal(op.u.getdomaininfo.nr_online_vcpus, 1);
    assert_int_equal(call(&op, XEN_DOMCTL_resumedomain, 2), 0);
    assert_false(b->is_shut_down);
    assert_int_equal(call(&op, XEN_DOMCTL_resumedomain, 1), -XEN_EINVAL);

    op.u.getvcpuinfo.vcpu = 1;
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpuinfo, 2), 0);
    assert_int_equal(op.u.getvcpuinfo.online, 1);
    assert_int_equal(op.u.getvcpuinfo.blocked, 1);
    op.u.getvcpuinfo.vcpu = 2;
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpuinfo, 2), -XEN_EINVAL);
}

/* A dead domain whose frames are held is listed until they are let go. */
static void zombies(void **state)
{
    struct domain *c = host_domain(3, 1, 2, false);
    struct page *pg = host_frame(c, 1);
    struct xen_domctl op = {0};

    host_become(a->vcpu[0]);
    assert_true(get_page(pg, c));
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, 3), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_destroydomain, 3), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 3), 0);
    assert_true(op.u.getdomaininfo.flags & XEN_DOMINF_dying);
    assert_int_equal(op.u.getdomaininfo.tot_pages, 1);
    assert_int_equal(op.u.getdomaininfo.shared_info_frame, ~0UL);
    op.u.max_vcpus.max = 1;
    call(&op, XEN_DOMCTL_setvcpucontext, 3);
    put_page(pg);
    host_settle();
    host_become(a->vcpu[0]);
    assert_int_equal(call(&op, XEN_DOMCTL_getdomaininfo, 3), -XEN_ESRCH);
}

static void contexts(void **state)
{
    static struct vcpu_guest_context ctx;
    struct xen_domctl op = {.u.vcpucontext.vcpu = 0};

    b->vcpu[0]->initialised = false;
    ctx.user_regs.rip = 0x1234;
    ctx.flags = VGCF_online;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)BUFFER);
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpucontext, 2), -XEN_ENODATA);
    memcpy((void *)BUFFER, &ctx, sizeof(ctx));
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0);
    assert_true(b->vcpu[0]->initialised);
    assert_int_equal(b->pause_count, 0);
    memset((void *)BUFFER, 0, sizeof(ctx));
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpucontext, 2), 0);
    assert_int_equal(((struct vcpu_guest_context *)BUFFER)->user_regs.rip, 0x1234);
    host_fail_allocation(1);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), -XEN_ENOMEM);
    ((struct vcpu_guest_context *)BUFFER)->user_regs.rip = ~0UL;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), -XEN_EINVAL);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 1), -XEN_EINVAL); /* one's own */
    op.u.vcpucontext.vcpu = 2;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), -XEN_EINVAL);
    op.u.vcpucontext.vcpu = 0;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)8);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), -XEN_EFAULT);
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)NULL);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0); /* resets */
    assert_false(b->vcpu[0]->initialised);
}

/* A vCPU that is reset does not run again before it has a context and is brought up. */
static void reset_of_a_live_vcpu(void **state)
{
    static struct vcpu_guest_context ctx;
    struct xen_domctl op = {.u.vcpucontext.vcpu = 0};
    struct vcpu *v = b->vcpu[0];

    ctx.flags = VGCF_online;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)BUFFER);
    memcpy((void *)BUFFER, &ctx, sizeof(ctx));
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0);
    assert_true(vcpu_runnable(v));
    /* It waits for an event, as SCHEDOP_poll makes it wait. */
    v->poll_port = -1;
    set_bit(b->poll_mask, 0);
    set_bit(&v->pause_flags, VPF_BLOCKED);
    vcpu_sleep_nosync(v);

    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)NULL);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0);
    assert_false(v->initialised);
    assert_int_equal(v->pause_flags, 1UL << VPF_DOWN);
    assert_int_equal(v->poll_port, 0);
    assert_false(test_bit(b->poll_mask, 0));
    vcpu_kick(v);
    assert_false(vcpu_runnable(v));

    /* Only a context makes it one that can be brought up; without VGCF_online it stays down. */
    memset((void *)BUFFER, 0, sizeof(ctx));
    set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)BUFFER);
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0);
    assert_true(v->initialised);
    assert_false(vcpu_runnable(v));
    memcpy((void *)BUFFER, &ctx, sizeof(ctx));
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpucontext, 2), 0);
    assert_true(vcpu_runnable(v));
    set_bit(&v->pause_flags, VPF_DOWN);
    vcpu_sleep_nosync(v);
}

static void affinity(void **state)
{
    struct xen_domctl op = {.u.vcpuaffinity = {.vcpu = 0, .flags = XEN_VCPUAFFINITY_HARD}};
    u8 *map = (u8 *)BUFFER;

    op.u.vcpuaffinity.cpumap_hard.nr_bits = 21;
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpuaffinity, 2), -XEN_EINVAL); /* no buffer */
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, map);
    memset(map, 0xee, 8);
    assert_int_equal(call(&op, XEN_DOMCTL_getvcpuaffinity, 2), 0);
    assert_int_equal(map[0] | map[1] << 8 | map[2] << 16, 1); /* one CPU */
    assert_int_equal(map[3], 0xee);
    map[0] = 2;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), -XEN_EINVAL); /* not there */
    map[0] = 3;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), 0);
    assert_int_equal(map[0], 1); /* what is in force */
    assert_int_equal(b->vcpu[0]->hard_affinity.bits[0], 3);
    /* Soft ones may be anywhere; in force are those that are online and allowed. */
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_SOFT;
    op.u.vcpuaffinity.cpumap_soft = op.u.vcpuaffinity.cpumap_hard;
    map[0] = 2;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), 0);
    assert_int_equal(map[0], 0);
    assert_int_equal(b->vcpu[0]->soft_affinity.bits[0], 2);
    assert_int_equal(b->vcpu[0]->hard_affinity.bits[0], 3);
    /* Both or none. */
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT;
    op.u.vcpuaffinity.cpumap_soft.nr_bits = 0;
    map[0] = 4;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), -XEN_EINVAL);
    assert_int_equal(b->vcpu[0]->soft_affinity.bits[0], 2);
    op.u.vcpuaffinity.flags = 0;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), -XEN_EINVAL);
    op.u.vcpuaffinity.vcpu = 9;
    assert_int_equal(call(&op, XEN_DOMCTL_setvcpuaffinity, 2), -XEN_EINVAL);
}

static void permissions(void **state)
{
    struct xen_domctl op = {.u.ioport_permission = {0x3f8, 8, 1}};

    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), -XEN_EPERM); /* a has none */
    assert_int_equal(rangeset_add(a->ioports, 0, 0xffff), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), 0);
    assert_true(rangeset_contains(b->ioports, 0x3f8, 0x3ff));
    op.u.ioport_permission.allow_access = 0;
    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), 0);
    assert_false(rangeset_contains(b->ioports, 0x3f8, 0x3f8));
    op.u.ioport_permission.nr_ports = 0;
    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), -XEN_EINVAL);
    op.u.ioport_permission.nr_ports = 0x10000;
    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), -XEN_EINVAL);
    op.u.ioport_permission.nr_ports = ~0U;
    assert_int_equal(call(&op, XEN_DOMCTL_ioport_permission, 2), -XEN_EINVAL);

    assert_int_equal(rangeset_add(a->iomem, 0xfee00, 0xfeeff), 0);
    op = (struct xen_domctl){.u.iomem_permission = {0xfee00, 2, 1}};
    assert_int_equal(call(&op, XEN_DOMCTL_iomem_permission, 2), 0);
    assert_true(rangeset_contains(b->iomem, 0xfee00, 0xfee01));
    op.u.iomem_permission.nr_mfns = ~0UL;
    assert_int_equal(call(&op, XEN_DOMCTL_iomem_permission, 2), -XEN_EINVAL);
    op = (struct xen_domctl){.u.memory_mapping = {.first_mfn = 0xfee00, .nr_mfns = 2}};
    assert_int_equal(call(&op, XEN_DOMCTL_memory_mapping, 2), 0);
    op.u.memory_mapping.nr_mfns = 3;
    assert_int_equal(call(&op, XEN_DOMCTL_memory_mapping, 2), -XEN_EPERM);

    op = (struct xen_domctl){.u.irq_permission = {.pirq = 5, .allow_access = 1}};
    assert_int_equal(call(&op, XEN_DOMCTL_irq_permission, 2), -XEN_EPERM);
    assert_int_equal(rangeset_add(a->irqs, 5, 5), 0);
    assert_int_equal(call(&op, XEN_DOMCTL_irq_permission, 2), 0);
    op.u.irq_permission.pirq = 4000;
    assert_int_equal(call(&op, XEN_DOMCTL_irq_permission, 2), -XEN_EINVAL);
}

static void weights(void **state)
{
    struct xen_domctl op = {
        .u.scheduler_op = {.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_DOMCTL_SCHEDOP_getinfo}};

    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    assert_int_equal(op.u.scheduler_op.u.credit2.weight, 256);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = 100;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    op.u.scheduler_op.u.credit2.weight = 0; /* as it is */
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    assert_int_equal(b->sched_weight, 100);
    assert_int_equal(b->vcpu[0]->fair.weight, 100);
    /* A cap of 0 is none; a weight counts although the cap beside it is refused. */
    op.u.scheduler_op.u.credit2.cap = 50;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    assert_int_equal(b->cap.percent, 50);
    op.u.scheduler_op.u.credit2.cap = (u16)(100 * b->max_vcpus + 1);
    op.u.scheduler_op.u.credit2.weight = 300;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), -XEN_EINVAL);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    assert_int_equal(op.u.scheduler_op.u.credit2.cap, 50);
    assert_int_equal(op.u.scheduler_op.u.credit2.weight, 300);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.cap = 0;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), 0);
    assert_int_equal(b->cap.percent, 0);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getvcpuinfo; /* credit2 has none by vCPU */
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), -XEN_EINVAL);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    assert_int_equal(call(&op, XEN_DOMCTL_scheduler_op, 2), -XEN_EINVAL);
}

static const u32 refused_of_pools[] = {
    XEN_SYSCTL_CPUPOOL_OP_CREATE, XEN_SYSCTL_CPUPOOL_OP_DESTROY,    XEN_SYSCTL_CPUPOOL_OP_ADDCPU,
    XEN_SYSCTL_CPUPOOL_OP_RMCPU,  XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN,
};

static unsigned int count_in_log(const char *text)
{
    unsigned int n = 0;

    for (const char *p = host_console_log; (p = strstr(p, text)) != NULL; p++)
        n++;
    return n;
}

static void machine(void **state)
{
    struct xen_sysctl op = {.u.getdomaininfolist = {.first_domain = 0, .max_domains = 10}};
    struct xen_domctl_getdomaininfo *list = (void *)BUFFER;
    struct xen_sysctl_cpuinfo *cpu = (void *)BUFFER;

    set_xen_guest_handle(op.u.getdomaininfolist.buffer, list);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 2);
    assert_int_equal(list[0].domain, 1);
    assert_int_equal(list[1].domain, 2);
    assert_int_equal(list[1].tot_pages, 4);
    op.u.getdomaininfolist.max_domains = 1;
    op.u.getdomaininfolist.first_domain = 2;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_getdomaininfolist), 0);
    assert_int_equal(op.u.getdomaininfolist.num_domains, 1);
    assert_int_equal(list[0].domain, 2);
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, (struct xen_domctl_getdomaininfo *)16);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);

    op = (struct xen_sysctl){.u.availheap = {.node = -1}};
    assert_int_equal(sysctl(&op, XEN_SYSCTL_availheap), 0);
    assert_int_equal(op.u.availheap.avail_bytes, heap_free_pages() << PAGE_SHIFT);
    op.u.availheap.max_bitwidth = 64;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_availheap), 0);
    assert_int_equal(op.u.availheap.avail_bytes, heap_free_pages() << PAGE_SHIFT);

    op = (struct xen_sysctl){.u.getcpuinfo.max_cpus = 4};
    set_xen_guest_handle(op.u.getcpuinfo.info, cpu);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_getcpuinfo), 0);
    assert_int_equal(op.u.getcpuinfo.nr_cpus, 1);

    op = (struct xen_sysctl){.u.cpupool_op = {.op = XEN_SYSCTL_CPUPOOL_OP_INFO}};
    op.u.cpupool_op.cpumap.nr_bits = 8;
    set_xen_guest_handle(op.u.cpupool_op.cpumap.bitmap, (u8 *)BUFFER);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_cpupool_op), 0);
    assert_int_equal(op.u.cpupool_op.n_dom, 2);
    assert_int_equal(*(u8 *)BUFFER, 1);
    op.u.cpupool_op.cpupool_id = 1;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
    /* No CPU is outside of the pool, and nothing about it can be changed. */
    *(u8 *)BUFFER = 0xff;
    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_cpupool_op), 0);
    assert_int_equal(*(u8 *)BUFFER, 0);
    for (u32 i = 0; i < ARRAY_SIZE(refused_of_pools); i++) {
        op.u.cpupool_op = (struct xen_sysctl_cpupool_op){.op = refused_of_pools[i], .domid = 2};
        assert_int_equal(sysctl(&op, XEN_SYSCTL_cpupool_op), -XEN_EOPNOTSUPP);
    }
    op.u.cpupool_op.op = 99;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_cpupool_op), -XEN_ENOSYS);

    op = (struct xen_sysctl){
        .u.scheduler_op = {.sched_id = XEN_SCHEDULER_CREDIT2, .cmd = XEN_SYSCTL_SCHEDOP_getinfo}};
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), 0);
    assert_int_equal(op.u.scheduler_op.u.sched_credit2.ratelimit_us, 1000);
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 99;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), -XEN_EINVAL);
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 500001;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), -XEN_EINVAL);
    assert_int_equal(sched_rate_limit, MILLISECS(1));
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 500000;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), 0);
    assert_int_equal(sched_rate_limit, MILLISECS(500));
    op.u.scheduler_op.u.sched_credit2.ratelimit_us = 0;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), 0);
    assert_int_equal(sched_rate_limit, 0);
    sched_rate_limit = SCHED_RATE_LIMIT;
    op.u.scheduler_op.cpupool_id = 1;
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), -XEN_ESRCH);
    op.u.scheduler_op.cmd = 2; /* is looked at first */
    assert_int_equal(sysctl(&op, XEN_SYSCTL_scheduler_op), -XEN_EINVAL);

    op = (struct xen_sysctl){.u.debug_keys.nr_keys = 5};
    memcpy((void *)BUFFER, "qemhX", 5);
    set_xen_guest_handle(op.u.debug_keys.keys, (const char *)BUFFER);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_debug_keys), 0);

    /* Any number of them, each once, though the call is preempted after each. */
    op = (struct xen_sysctl){.u.debug_keys.nr_keys = 20};
    memcpy((void *)BUFFER, "YYYYYYYYYYYYYYYYYYYX", 20);
    set_xen_guest_handle(op.u.debug_keys.keys, (const char *)BUFFER);
    host_console_log[0] = 0;
    host_preempt_every(1);
    assert_int_equal(sysctl(&op, XEN_SYSCTL_debug_keys), 0);
    host_preempt_every(0);
    assert_int_equal(count_in_log("no debug key 'Y'"), 19);
    assert_int_equal(count_in_log("no debug key 'X'"), 1);
    op = (struct xen_sysctl){.u.debug_keys.nr_keys = 1};
    assert_int_equal(sysctl(&op, XEN_SYSCTL_debug_keys), -XEN_EFAULT);
}

#define TIMES ((struct bulkhead_domain_times *)BUFFER)

/* @return for how long vCPUs of b were offline, though not down */
static u64 paused_time(void)
{
    struct xen_sysctl op = {.u.domain_times = {.first_domain = 2, .max_domains = 1}};

    set_xen_guest_handle(op.u.domain_times.buffer, TIMES);
    assert_int_equal(sysctl(&op, BULKHEAD_SYSCTL_domain_times), 0);
    assert_int_equal(op.u.domain_times.num_domains, 1);
    assert_int_equal(TIMES[0].domain, 2);
    return TIMES[0].time[RUNSTATE_offline];
}

static void times_of_domains(void **state)
{
    struct xen_sysctl op = {.u.domain_times.max_domains = 10};

    set_xen_guest_handle(op.u.domain_times.buffer, TIMES);
    b->vcpu[0]->runstate.time[RUNSTATE_runnable] = 70;
    b->vcpu[1]->runstate.time[RUNSTATE_runnable] = 7;
    b->vcpu[1]->runstate.time[RUNSTATE_running] = 3;
    b->vcpu[0]->runstate.time[RUNSTATE_blocked] = 5;
    assert_int_equal(sysctl(&op, BULKHEAD_SYSCTL_domain_times), 0);
    assert_int_equal(op.u.domain_times.num_domains, 2);
    assert_int_equal(TIMES[0].domain, 1);
    assert_int_equal(TIMES[1].domain, 2);
    assert_int_equal(TIMES[1].time[RUNSTATE_running], 3);
    assert_int_equal(TIMES[1].time[RUNSTATE_runnable], 77);
    assert_int_equal(TIMES[1].time[RUNSTATE_blocked], 5);

    host_now += 1000; /* both are down, and have been since they were made */
    assert_int_equal(paused_time(), 0);
    assert_true(vcpu_set_down(b->vcpu[1], false));
    assert_false(vcpu_set_down(b->vcpu[1], false));
    host_now += 100;
    assert_int_equal(paused_time(), 100);
    assert_true(vcpu_set_down(b->vcpu[1], true));
    assert_false(vcpu_set_down(b->vcpu[1], true));
    host_now += 10;
    assert_int_equal(paused_time(), 100);
    assert_true(vcpu_set_down(b->vcpu[1], false));
    host_now++;
    assert_int_equal(paused_time(), 101);

    set_xen_guest_handle(op.u.domain_times.buffer, (struct bulkhead_domain_times *)16);
    assert_int_equal(sysctl(&op, BULKHEAD_SYSCTL_domain_times), -XEN_EFAULT);
    host_become(b->vcpu[0]);
    assert_int_equal(sysctl(&op, BULKHEAD_SYSCTL_domain_times), -XEN_EPERM);
    host_become(a->vcpu[0]);
}

/* @return what all domains take, besides their own memory */
static u64 taken_for_domains(void)
{
    struct xen_sysctl op = {0};

    assert_int_equal(sysctl(&op, BULKHEAD_SYSCTL_memory_use), 0);
    assert_int_equal(op.u.memory_use.fixed, host_fixed_memory);
    return op.u.memory_use.domains;
}

/*
 * Frames of domains are theirs, those of ours are counted, what boot took is not, and a domain that
 * is about to get frames does not make it less than nothing.
 */
static void memory_of_the_hypervisor(void **state)
{
    u64 at_first = taken_for_domains(), used = (heap_total_pages() - heap_free_pages()) * PAGE_SIZE;
    struct page *pg;
    void *ours = alloc_hv_pages(1);

    assert_non_null(ours);
    assert_int_equal(at_first, used - (a->tot_pages + b->tot_pages) * PAGE_SIZE);
    assert_int_equal(taken_for_domains(), at_first + 2 * PAGE_SIZE);
    b->max_pages += 4;
    pg = alloc_domain_pages(b, 2, 0);
    assert_non_null(pg);
    assert_int_equal(taken_for_domains(), at_first + 2 * PAGE_SIZE);
    host_fixed_memory = 3 * PAGE_SIZE;
    assert_int_equal(taken_for_domains(), at_first - PAGE_SIZE);
    host_fixed_memory = 0;
    b->tot_pages += 1UL << MAX_ORDER;
    assert_int_equal(taken_for_domains(), 0);
    b->tot_pages -= 1UL << MAX_ORDER;
    for (unsigned int i = 0; i < 4; i++)
        assert_true(free_domain_page(&pg[i]));
    b->max_pages -= 4;
    free_hv_pages(ours, 1);
    assert_int_equal(taken_for_domains(), at_first);
}

/* Every number with random arguments: an error or an answer. */
static void random_calls(void **state)
{
    unsigned int seed = 23;

    for (unsigned int i = 0; i < 20000; i++) {
        struct xen_domctl op;
        struct xen_sysctl sys;
        unsigned int cmd = i % 90;

        for (unsigned int k = 0; k < sizeof(op); k++) {
            seed = seed * 1103515245 + 12345;
            ((u8 *)&op)[k] = (u8)(seed >> 16) & (u8)(seed >> 24);
        }
        memcpy(&sys, &op, MIN(sizeof(op), sizeof(sys)));
        if (cmd == XEN_DOMCTL_createdomain || cmd == XEN_DOMCTL_set_virq_handler)
            continue;
        call(&op, cmd, seed & 1 ? 2 : (domid_t)(seed >> 20));
        if (cmd == XEN_DOMCTL_destroydomain && b->dying) {
            host_settle();
            b = host_domain(2, 2, 4, false);
            assert_non_null(b);
            host_become(a->vcpu[0]);
        }
        if (cmd != XEN_SYSCTL_debug_keys)
            sysctl(&sys, cmd);
        rangeset_remove(b->ioports, 0, ~0UL);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(order_of_checks),  TEST(one_at_a_time),
        TEST(changed_states),   TEST(destroyed_in_steps),
        TEST(whole_life),       TEST(bad_creations),
        TEST(information),      TEST(zombies),
        TEST(contexts),         TEST(reset_of_a_live_vcpu),
        TEST(affinity),         TEST(permissions),
        TEST(weights),          TEST(machine),
        TEST(times_of_domains), TEST(memory_of_the_hypervisor),
        TEST(random_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
