/* SPDX-License-Identifier: MIT */
/*
 * The control operations: domains are made, given vCPUs, memory, page tables and contexts, paused,
 * run for a moment, and destroyed, by a privileged domain whose words are the input's and change
 * while they are read, with allocations that fail and calls that are never continued. Another
 * domain tries the same without the right to.
 *
 * After each step the counts on all frames are as they must be, and so are those of pauses; what a
 * vCPU is going to run with can harm nobody. In the end every domain can be destroyed, and nothing
 * is left.
 */
/* SOURCES: $(HOST_CORE) $(HOST_PV) $(PV_MACHINE) tests/fuzz/pv_steps.c tests/fuzz/pv_vcpu.c */
/* SOURCES: hypervisor/domctl.c hypervisor/domctl_vcpu.c hypervisor/lock_profile.c */
/* SOURCES: hypervisor/debug_keys.c hypervisor/power_states.c hypervisor/sysctl.c */
#include <asm/context.h>
#include <asm/entry.h>
#include <asm/pv.h>
#include <event_channel.h>
#include <public/domctl.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/sysctl.h>
#include <pv/pte.h>
#include <rcu.h>

#include "pv_machine.h"
#include "pv_steps.h"
#include "pv_vcpu.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define FRAMES    6U
#define MAX_STEPS 32U
#define MADE      4U
#define WINDOW    0x10000UL
#define BUFFER    0x2000UL /* offsets into the window: what the words point to */
#define CONTEXT   0x4000UL

static domid_t made[MADE]; /* numbers of domains that were made; 0: none */

/* ---- words ---- */

static domid_t pick_target(void)
{
    u8 b = take();

    if (b < 8)
        return b < 4 ? pick_domid() : (domid_t)pick_word();
    if (b < 64)
        return (domid_t)pick(NR_DOMAINS);
    return made[b % MADE];
}

static struct domain *pick_domain(void)
{
    struct domain *d = find_domain(pick_target());

    return d && !d->system ? d : NULL;
}

/* A frame of @d, or NULL. */
static struct page *frame_of(const struct domain *d)
{
    return d->pages.count ? host_frame(d, pick((unsigned int)MIN(d->pages.count, 8UL))) : NULL;
}

static void fill(unsigned long offset, unsigned int words)
{
    for (unsigned int i = 0; i < words; i++) {
        u64 w = take() & 1 ? pick_word() : GUEST(BUFFER);

        memcpy(host_guest + offset + i * 8U, &w, sizeof(w));
    }
}

/* One of the call's own words, or a root of the context. */
static void change_word(void)
{
    struct vcpu_guest_context *c = (void *)(host_guest + CONTEXT);
    u64 w = pick_word();

    if (take() & 1)
        memcpy(host_guest + pick(32) * 8U, &w, sizeof(w));
    else
        c->ctrlreg[1 + (take() & 2)] = xen_pfn_to_cr3(pick_frame());
}

/* Some of what has just been read changes. */
static void change_what_was_read(void *place, unsigned long bytes)
{
    char *p = place;

    if (p < host_guest || p + bytes > host_guest + WINDOW || take() % 4)
        return;
    for (unsigned long i = 0; i + 8 <= bytes; i += 8) {
        u64 w = pick_word();

        if (take() % 2)
            memcpy(p + i, &w, sizeof(w));
    }
}

/* ---- calls ---- */

static struct xen_domctl *domctl_words(void)
{
    return (struct xen_domctl *)host_guest;
}

/* Until the call ends, or the toolstack loses patience; its words may be others by then. */
static long call(long (*fn)(unsigned long arg))
{
    unsigned int patience = take() % 8 ? ~0U : take() % 4;
    long rc;

    if (take() % 8 == 0)
        host_fail_allocation(1U + pick(8));
    if (take() % 4 == 0)
        host_after_guest_read = change_what_was_read;
    rc = fn(GUEST(0));
    while (rc == HOST_CONTINUED && patience--) {
        BUG_ON(host_continued.args[0] != GUEST(0));
        host_return_to_guest();
        if (take() % 4 == 0)
            change_word();
        rc = fn(GUEST(0));
    }
    host_after_guest_read = NULL;
    host_fail_allocation(0);
    host_return_to_guest();
    if (!current->domain->privileged && (rc >= 0 || rc == HOST_CONTINUED))
        panic("a domain without the right to got %ld", rc);
    return rc;
}

static long domctl(unsigned int cmd, domid_t id)
{
    domctl_words()->cmd = cmd;
    domctl_words()->domain = id;
    domctl_words()->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return call(do_domctl);
}

static void step_make_vcpus(void)
{
    const struct domain *d = pick_domain();

    if (!d)
        return;
    domctl_words()->u.max_vcpus.max = take() % 8 ? d->max_vcpus : (u32)pick_word();
    domctl(XEN_DOMCTL_max_vcpus, d->id);
}

static void populate(domid_t id, unsigned int frames)
{
    struct xen_memory_reservation *r = (void *)host_guest;

    *r = (struct xen_memory_reservation){.domid = id, .nr_extents = frames};
    set_xen_guest_handle(r->extent_start, (xen_pfn_t *)GUEST(BUFFER));
    fill(BUFFER, frames);
    follow(
        do_memory_op(take() % 8 ? XENMEM_populate_physmap : XENMEM_decrease_reservation, GUEST(0)));
}

static void write_entry(struct domain *d, struct page *pg, unsigned int slot, u64 entry)
{
    if (get_page_and_type(pg, d, PG_TYPE_WRITABLE))
        return;
    ((u64 *)mfn_to_virt(page_to_mfn(pg)))[slot] = entry;
    put_page_and_type(pg);
}

static void write_good_tables(struct domain *d)
{
    for (unsigned int i = 0; i < 4; i++) {
        u64 next = page_to_mfn(host_frame(d, (i + 1) % 4)).n << PAGE_SHIFT;

        write_entry(d, host_frame(d, i), take() & 1 ? 0 : pick_slot(),
                    next | PTE_PRESENT | PTE_USER);
    }
}

/* Frames that the builder has mapped become tables of what it likes, or good ones. */
static void step_write_tables(void)
{
    struct domain *d = pick_domain();

    if (!d || d->pages.count < 4)
        return;
    if (take() & 1) {
        write_entry(d, frame_of(d), pick_slot(), pick_entry());
        return;
    }
    write_good_tables(d);
}

/* What a builder does. */
static void build(domid_t id)
{
    struct domain *d = find_domain(id);

    if (!d || d->max_vcpus > 4)
        return;
    domctl_words()->u.max_mem.max_memkb = 4UL * (4 + pick(8));
    domctl(XEN_DOMCTL_max_mem, id);
    domctl_words()->u.max_vcpus.max = d->max_vcpus;
    domctl(XEN_DOMCTL_max_vcpus, id);
    populate(id, 4 + pick(3));
    if (d->pages.count >= 4)
        write_good_tables(d);
}

static void step_create(void)
{
    struct xen_domctl_createdomain *c = &domctl_words()->u.createdomain;
    domid_t id = take() % 4 ? (domid_t)(NR_DOMAINS + pick(4)) : (domid_t)pick_word();

    *c = (struct xen_domctl_createdomain){.max_vcpus = 1 + pick(2),
                                          .max_evtchn_port = 1023,
                                          .max_grant_frames = 2,
                                          .max_maptrack_frames = 2,
                                          .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    for (unsigned int n = take() % 4 ? 0 : 1 + pick(2); n; n--)
        ((u32 *)c)[pick(sizeof(*c) / 4)] = (u32)pick_word();
    if (domctl(XEN_DOMCTL_createdomain, id))
        return;
    id = domctl_words()->domain;
    made[pick(MADE)] = id;
    if (take() & 1)
        build(id);
}

static void step_context(void)
{
    struct xen_domctl_vcpucontext *op = &domctl_words()->u.vcpucontext;
    struct vcpu_guest_context *c = (void *)(host_guest + CONTEXT);
    struct domain *d = pick_domain();

    if (!d)
        return;
    memset(c, 0, sizeof(*c));
    c->flags = VGCF_in_kernel | (take() & 1 ? VGCF_online : 0);
    if (d->pages.count) {
        c->ctrlreg[3] = xen_pfn_to_cr3(page_to_mfn(take() & 3 ? host_frame(d, 0) : frame_of(d)).n);
        if (take() % 4 == 0)
            c->ctrlreg[1] = xen_pfn_to_cr3(page_to_mfn(frame_of(d)).n);
        c->gdt_ents = take() % 4 ? 0 : pick(4) * 300U;
        for (unsigned int i = 0; i < 3; i++)
            c->gdt_frames[i] = page_to_mfn(frame_of(d)).n;
    }
    if (take() & 1)
        c->user_regs.rflags = pick_word();
    for (unsigned int n = take() % 4 ? 0 : take() % 8; n; n--)
        ((u64 *)c)[(take() | take() << 8) % (sizeof(*c) / 8)] = pick_word();
    if (take() % 4 == 0)
        host_preempt_every(1 + pick(3));
    op->vcpu = take() % 16 ? pick(2) : (u32)pick_word();
    set_xen_guest_handle(op->ctxt, (vcpu_guest_context_t *)(take() % 8   ? (unsigned long)c
                                                            : take() & 1 ? pick_word()
                                                                         : 0));
    domctl(take() % 4 ? XEN_DOMCTL_setvcpucontext : XEN_DOMCTL_getvcpucontext, d->id);
}

/* The extended state of a vCPU, which often could be one. */
static void step_state(void)
{
    struct xen_domctl_vcpuextstate *op = &domctl_words()->u.vcpuextstate;
    u64 *x = (void *)(host_guest + CONTEXT);
    const u64 accum = take() & 1 ? 3 : 7;
    const struct domain *d = pick_domain();

    if (!d)
        return;
    memset(x, 0, 2 * sizeof(u64) + xsave_size(xfeature_mask));
    x[0] = take() & 1 ? accum : 1;
    x[1] = accum;
    x[2 + XSAVE_HEADER / sizeof(u64)] = accum & take();
    for (unsigned int n = take() % 4 ? 0 : 1 + pick(3); n; n--)
        x[pick((16 + XSAVE_MINIMUM) / sizeof(u64))] = pick_word();
    *op = (struct xen_domctl_vcpuextstate){.vcpu = pick(2),
                                           .xfeature_mask = xfeature_mask,
                                           .size = take() % 8 ? 2 * sizeof(u64) + xsave_size(accum)
                                                              : pick_word()};
    set_xen_guest_handle(op->buffer, x);
    domctl(take() % 4 ? XEN_DOMCTL_setvcpuextstate : XEN_DOMCTL_getvcpuextstate, d->id);
}

/* Commands that most words get somewhere with, and now and then any. */
static void step_other(void)
{
    static const u16 cmds[] = {
        XEN_DOMCTL_destroydomain,       XEN_DOMCTL_pausedomain,
        XEN_DOMCTL_unpausedomain,       XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_getdomaininfo,       XEN_DOMCTL_setvcpuaffinity,
        XEN_DOMCTL_getvcpuaffinity,     XEN_DOMCTL_max_mem,
        XEN_DOMCTL_getvcpuinfo,         XEN_DOMCTL_scheduler_op,
        XEN_DOMCTL_setdomainhandle,     XEN_DOMCTL_setdebugging,
        XEN_DOMCTL_irq_permission,      XEN_DOMCTL_iomem_permission,
        XEN_DOMCTL_ioport_permission,   XEN_DOMCTL_memory_mapping,
        XEN_DOMCTL_hypercall_init,      XEN_DOMCTL_settimeoffset,
        XEN_DOMCTL_resumedomain,        XEN_DOMCTL_sendtrigger,
        XEN_DOMCTL_subscribe,           XEN_DOMCTL_set_address_size,
        XEN_DOMCTL_get_address_size,    XEN_DOMCTL_set_target,
        XEN_DOMCTL_getpageframeinfo3,   XEN_DOMCTL_gettscinfo,
        XEN_DOMCTL_settscinfo,          XEN_DOMCTL_set_virq_handler,
        XEN_DOMCTL_setnodeaffinity,     XEN_DOMCTL_getnodeaffinity,
        XEN_DOMCTL_get_cpu_policy,      XEN_DOMCTL_set_cpu_policy,
        XEN_DOMCTL_set_cpu_policy,      XEN_DOMCTL_get_ext_vcpucontext,
        XEN_DOMCTL_set_ext_vcpucontext, XEN_DOMCTL_get_vcpu_msrs,
        XEN_DOMCTL_set_vcpu_msrs,       XEN_DOMCTL_getvcpuextstate,
        XEN_DOMCTL_setvcpuextstate,
    };
    const struct domain *d = pick_domain();
    unsigned int cmd;

    fill(offsetof(struct xen_domctl, u), sizeof(domctl_words()->u) / 8);
    fill(BUFFER, 24);
    if (take() % 4 == 0) /* numbers of vCPUs, ports and the like */
        *(u32 *)&domctl_words()->u = pick(4);
    cmd = take() % 16 ? cmds[pick(ARRAY_SIZE(cmds))] : (u32)pick_word();
    if (cmd == XEN_DOMCTL_hypercall_init && d && d->pages.count && take() & 3)
        domctl_words()->u.hypercall_init.gmfn = page_to_mfn(frame_of(d)).n;
    domctl(cmd, d && take() % 8 ? d->id : pick_target());
}

static void step_sysctl(void)
{
    static const char keys[] = "egmqMh?0airu";
    struct xen_sysctl *op = (void *)host_guest;

    fill(offsetof(struct xen_sysctl, u), sizeof(op->u) / 8);
    op->cmd = take() % 16 ? take() % 32 : (u32)pick_word();
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    if (op->cmd == XEN_SYSCTL_tbuf_op && op->u.tbuf_op.cmd == XEN_SYSCTL_TBUFOP_set_size)
        op->u.tbuf_op.size = 0; /* the rings would stay for good, and be counted as lost */
    if (op->cmd == XEN_SYSCTL_debug_keys) {
        op->u.debug_keys.nr_keys = 1 + pick(sizeof(keys) - 1);
        set_xen_guest_handle(op->u.debug_keys.keys, (char *)GUEST(BUFFER));
        for (unsigned int i = 0; i < sizeof(keys); i++) /* but for the one that restarts us */
            host_guest[BUFFER + i] = keys[pick(sizeof(keys) - 1)];
        (void)do_sysctl(GUEST(0));
        return;
    }
    call(do_sysctl);
}

/* ---- what the others do meanwhile ---- */

static void check_running(const struct vcpu *v)
{
    if (host_registers()->cr3 != vcpu_cr3(v))
        panic("CR3 %lx", host_registers()->cr3);
    if (v->nmi_pending && !(v->arch.rare & RARE_NMI_MASKED) &&
        !(get_cpu_info()->exit_work & EXIT_WORK_NMI))
        panic("an NMI that nobody delivers");
    vcpu_registers_check(guest_regs(), true);
}

static void step_run(void)
{
    const struct domain *d = pick_domain();
    struct vcpu *v = d ? domain_vcpu(d, pick(2)) : NULL;

    if (!v || !vcpu_runnable(v))
        return;
    if (!v->initialised)
        panic("d%uv%u could run without a context", d->id, v->id);
    machine_run(v);
    check_running(v);
    machine_switch(0, 0);
}

static void step_shutdown(void)
{
    struct sched_remote_shutdown *op = (void *)host_guest;
    domid_t id = pick_target();

    if (id == current->domain->id)
        return;
    *op = (struct sched_remote_shutdown){.domain_id = id, .reason = take() % 8};
    do_sched_op(SCHEDOP_remote_shutdown, GUEST(0));
    if (dom_io->shutting_down || dom_xen->shutting_down)
        panic("a domain that never runs has shut down");
}

static void step_grace_periods(void)
{
    for (unsigned int i = 0; i < 4; i++) {
        rcu_quiescent();
        rcu_softirq();
    }
}

static void step(void)
{
    switch (take() % 16) {
    case 0:
    case 1:
        step_create();
        break;
    case 2:
        step_make_vcpus();
        break;
    case 3:
        populate(pick_target(), 1 + pick(6));
        break;
    case 4:
        step_write_tables();
        break;
    case 5:
    case 6:
    case 7:
        step_context();
        break;
    case 8:
        step_run();
        break;
    case 9:
        step_sysctl();
        break;
    case 10:
        step_grace_periods();
        if (take() % 4 == 0)
            step_shutdown();
        break;
    case 11:
        host_preempt_every(take() % 8);
        break;
    case 12:
        step_state();
        break;
    default:
        step_other();
        break;
    }
}

/* ---- what must hold ---- */

/* XRSTOR faults on an area that names what is not enabled, and on bits that are none. */
static void check_extended_state(const struct vcpu *v)
{
    struct xsave_header h;

    memcpy(&h, v->arch.fpu + XSAVE_HEADER, sizeof(h));
    if ((h.xstate_bv | v->arch.xcr0_accum) & ~xfeature_mask || h.xcomp_bv)
        panic("d%uv%u has state %lx in format %lx", v->domain->id, v->id, h.xstate_bv, h.xcomp_bv);
    for (unsigned int i = 0; i < ARRAY_SIZE(h.reserved); i++)
        if (h.reserved[i])
            panic("d%uv%u has reserved bits %lx", v->domain->id, v->id, h.reserved[i]);
    if (v->arch.xcr0 & ~v->arch.xcr0_accum)
        panic("d%uv%u has XCR0 %x, and never had more than %x", v->domain->id, v->id, v->arch.xcr0,
              v->arch.xcr0_accum);
    if (!is_canonical(v->arch.syscall32_callback_eip) ||
        !is_canonical(v->arch.sysenter_callback_eip))
        panic("d%uv%u has an entry point that is not canonical", v->domain->id, v->id);
}

static void check_domain(struct domain *d)
{
    struct vcpu *v;
    int pauses = d->controller_pause_count + d->shutting_down + (d->dying != DOMAIN_ALIVE);

    if (d->pause_count != pauses)
        panic("d%u is paused %d times, not %d", d->id, d->pause_count, pauses);
    for_each_vcpu (d, v) {
        if (v->pause_count)
            panic("d%uv%u is paused", d->id, v->id);
        check_extended_state(v);
        if (v->initialised && !d->dying)
            vcpu_settings_check(v);
        if (v->initialised && v != current)
            vcpu_registers_check(&v->arch.user_regs, false);
    }
}

static void for_all_domains(void (*fn)(struct domain *d))
{
    struct domain *d;

    for (domid_t id = 0; (d = get_next_domain(id)) != NULL;) {
        id = (domid_t)(d->id + 1);
        fn(d);
        put_domain(d);
    }
}

static void stop(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        set_bit(&v->pause_flags, VPF_DOWN);
        vcpu_sleep_nosync(v);
    }
}

static void kill_made(struct domain *d)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (d == machine_domains[i])
            return;
    while (domain_kill(d) == -ERESTART)
        host_return_to_guest();
}

/* The toolstack may destroy domains 1 and 2, too. */
static void forget_dead(void)
{
    for (unsigned int i = 0; i < NR_DOMAINS; i++)
        if (machine_domains[i] && machine_domains[i]->dying == DOMAIN_DEAD)
            machine_domains[i] = NULL;
}

static bool can_run(const struct domain *d)
{
    return d && !d->pause_count && d->vcpu[0]->initialised;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    pv_actors[0] = (struct pv_actor){
        .input = data, .input_end = data + size, .random = 0xcbf29ce484222325UL};
    memset(made, 0, sizeof(made));
    machine_start(FRAMES);
    host_guest_limit(0, WINDOW);
    for (unsigned int i = 0; i < MAX_STEPS; i++) {
        machine_switch(0, 0);
        if (take() % 8 == 0 && can_run(machine_domains[1]))
            machine_switch(1, 0);
        step();
        forget_dead();
        machine_check_counts();
        check_running(current);
        for_all_domains(check_domain);
    }
    machine_switch(0, 0);
    host_preempt_every(size % 4);
    for_all_domains(stop);
    for_all_domains(kill_made);
    machine_end();
    host_guest_limit(0, 0);
    return 0;
}
