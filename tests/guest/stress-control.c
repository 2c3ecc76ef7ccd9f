/* SPDX-License-Identifier: MIT */
/* What dom0's vCPUs do by chance to domains and CPUs (stress-control.h). */
#include "stress-control.h"

#include <errno.h>
#include <hypercall.h>
#include <pagetable.h>
#include <public/memory.h>
#include <public/sched.h>
#include <public/sysctl.h>

#define CPUS        4u
#define KILL_TRIES  1000
#define FRAMES      16u  /* of an empty domain that are remembered */
#define EMPTY_PAGES 1024 /* that it may have */

struct subject subjects[STRESS_PEERS];
struct controls controls;

/* Frames that empty domains were given, and may have lost since. */
static uint64_t empty_frames[DOMAINS][FRAMES];

/* For each vCPU an address where it maps other domains' frames. */
static struct {
    void *va;
    bool mapped;
} views[STRESS_VCPUS];

static void count(uint64_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static domid_t one_of(struct worker *w, unsigned int first, unsigned int end)
{
    return (domid_t)(first + hostile_below(&w->random, end - first));
}

static domid_t any_domain(struct worker *w)
{
    return one_of(w, FIRST_STEADY, DOMAINS);
}

long stress_domctl(uint32_t command, domid_t domain, struct xen_domctl *op)
{
    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domain;
    return hypercall_domctl(op);
}

static long simple(uint32_t command, domid_t domain)
{
    struct xen_domctl op = {.cmd = 0};

    return stress_domctl(command, domain, &op);
}

struct xen_domctl_createdomain stress_new_domain(unsigned int vcpus)
{
    return (struct xen_domctl_createdomain){
        .max_vcpus = vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
}

/* ---- domains that work ---- */

static void pause_for_a_moment(struct worker *w)
{
    domid_t domain = any_domain(w);

    if (simple(XEN_DOMCTL_pausedomain, domain))
        return;
    for (unsigned int steps = hostile_below(&w->random, 8); steps > 0; steps--)
        stress_step(w);
    simple(XEN_DOMCTL_unpausedomain, domain);
    count(&controls.pauses);
}

/* A domain that was not ready when it was held may still be one that does not expect an NMI. */
static void send_nmi(struct worker *w)
{
    domid_t domain = one_of(w, 0, STRESS_PEERS);
    struct subject *subject = &subjects[domain];
    struct xen_domctl op = {.u.sendtrigger = {.trigger = XEN_DOMCTL_SENDTRIGGER_NMI}};

    op.u.sendtrigger.vcpu = hostile_below(&w->random, STRESS_VCPUS);
    __atomic_fetch_add(&subject->holders, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&subject->ready, __ATOMIC_SEQ_CST) &&
        stress_domctl(XEN_DOMCTL_sendtrigger, domain, &op) == 0)
        count(&controls.nmis);
    __atomic_fetch_sub(&subject->holders, 1, __ATOMIC_SEQ_CST);
}

static void set_affinity(struct worker *w)
{
    uint8_t hard = (uint8_t)hostile_below(&w->random, 1 << CPUS),
            soft = (uint8_t)hostile_below(&w->random, 1 << CPUS);
    struct xen_domctl op = {
        .u.vcpuaffinity = {.vcpu = hostile_below(&w->random, STRESS_VCPUS),
                           .flags = 1 + hostile_below(&w->random, 3),
                           .cpumap_hard.nr_bits = CPUS,
                           .cpumap_soft.nr_bits = CPUS},
    };

    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, &hard);
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_soft.bitmap, &soft);
    stress_domctl(stress_chance(w, 4) ? XEN_DOMCTL_getvcpuaffinity : XEN_DOMCTL_setvcpuaffinity,
                  one_of(w, 0, DOMAINS), &op);
}

static void set_share(struct worker *w)
{
    static const uint16_t caps[] = {0, 0, 50, 150};
    domid_t domain = one_of(w, 0, DOMAINS);
    struct xen_domctl op = {
        .u.scheduler_op = {
            .sched_id = XEN_SCHEDULER_CREDIT2,
            .cmd = stress_chance(w, 4) ? XEN_DOMCTL_SCHEDOP_getinfo : XEN_DOMCTL_SCHEDOP_putinfo,
        }};

    op.u.scheduler_op.u.credit2.weight = (uint16_t)(1 + hostile_below(&w->random, 1024));
    if (domain != 0)
        op.u.scheduler_op.u.credit2.cap = caps[hostile_below(&w->random, 4)];
    else
        op.u.scheduler_op.u.credit2.weight += DOM0_WEIGHT;
    stress_domctl(XEN_DOMCTL_scheduler_op, domain, &op);
}

static void ask(struct worker *w)
{
    static vcpu_guest_context_t contexts[STRESS_VCPUS];
    struct xen_domctl op = {.cmd = 0};
    domid_t domain = one_of(w, 0, DOMAINS);

    switch (hostile_below(&w->random, 5)) {
    case 0:
        stress_domctl(XEN_DOMCTL_getdomaininfo, domain, &op);
        break;
    case 1:
        op.u.getvcpuinfo.vcpu = hostile_below(&w->random, STRESS_VCPUS);
        stress_domctl(XEN_DOMCTL_getvcpuinfo, domain, &op);
        break;
    case 2:
        op.u.vcpucontext.vcpu = hostile_below(&w->random, STRESS_VCPUS);
        set_xen_guest_handle(op.u.vcpucontext.ctxt, &contexts[w->vcpu]);
        stress_domctl(XEN_DOMCTL_getvcpucontext, domain, &op);
        break;
    case 3:
        op.u.settimeoffset.time_offset_seconds = (int32_t)hostile_below(&w->random, 1000);
        stress_domctl(XEN_DOMCTL_settimeoffset, domain, &op);
        break;
    default:
        if (domain != 0)
            stress_domctl(XEN_DOMCTL_setdebugging, domain, &op); /* stops it and lets it go */
        break;
    }
}

static void kill_domain(domid_t domain)
{
    for (unsigned int i = 0; i < KILL_TRIES; i++)
        if (simple(XEN_DOMCTL_destroydomain, domain) != -EAGAIN)
            return;
}

static void end_a_victim(struct worker *w)
{
    domid_t victim = one_of(w, FIRST_VICTIM, STRESS_PEERS);
    struct sched_remote_shutdown shutdown = {.domain_id = victim, .reason = SHUTDOWN_reboot};

    if (!stress_chance(w, 50))
        return;
    switch (hostile_below(&w->random, 3)) {
    case 0:
        kill_domain(victim);
        count(&controls.kills);
        break;
    case 1:
        hypercall_sched_op(SCHEDOP_remote_shutdown, &shutdown);
        count(&controls.shutdowns);
        break;
    default:
        simple(XEN_DOMCTL_resumedomain, victim);
        break;
    }
}

/* ---- domains without vCPUs that run ---- */

static long reservation(struct worker *w, unsigned int command, domid_t domain, uint64_t *frames)
{
    struct xen_memory_reservation r = {.domid = domain};

    r.nr_extents = 1 + hostile_below(&w->random, 4);
    if (command == XENMEM_populate_physmap)
        r.extent_order = hostile_below(&w->random, 4);
    set_xen_guest_handle(r.extent_start, (xen_pfn_t *)frames);
    return hypercall_memory_op(command, &r);
}

static void change_memory(struct worker *w, domid_t domain)
{
    uint64_t frames[4], *known = empty_frames[domain];

    for (unsigned int i = 0; i < 4; i++)
        frames[i] = hostile_below(&w->random, EMPTY_PAGES);
    if (stress_chance(w, 2)) {
        if (reservation(w, XENMEM_populate_physmap, domain, frames) == 1)
            __atomic_store_n(&known[hostile_below(&w->random, FRAMES)], frames[0],
                             __ATOMIC_RELAXED);
        return;
    }
    for (unsigned int i = 0; i < 4; i++)
        frames[i] = __atomic_load_n(&known[hostile_below(&w->random, FRAMES)], __ATOMIC_RELAXED);
    reservation(w, XENMEM_decrease_reservation, domain, frames);
}

static void use_empty(struct worker *w)
{
    domid_t domain = one_of(w, FIRST_EMPTY, DOMAINS);
    struct xen_domctl op = {.cmd = 0};
    struct evtchn_alloc_unbound port = {.dom = domain, .remote_dom = one_of(w, 0, DOMAINS)};
    struct gnttab_setup_table table = {.dom = domain, .nr_frames = hostile_below(&w->random, 4)};
    unsigned long frames[4];

    count(&controls.empty);
    switch (hostile_below(&w->random, 10)) {
    case 0:
        op.u.createdomain = stress_new_domain(STRESS_VCPUS);
        stress_domctl(XEN_DOMCTL_createdomain, domain, &op);
        break;
    case 1:
        op.u.max_vcpus.max = STRESS_VCPUS;
        stress_domctl(XEN_DOMCTL_max_vcpus, domain, &op);
        break;
    case 2:
        op.u.max_mem.max_memkb = 4 * EMPTY_PAGES;
        stress_domctl(XEN_DOMCTL_max_mem, domain, &op);
        break;
    case 3:
        hypercall_event_channel_op(EVTCHNOP_alloc_unbound, &port);
        break;
    case 4:
        set_xen_guest_handle(table.frame_list, frames);
        hypercall_grant_table_op(GNTTABOP_setup_table, &table, 1);
        break;
    case 5:
        simple(XEN_DOMCTL_unpausedomain, domain);
        break;
    case 6:
        if (stress_chance(w, 8))
            kill_domain(domain);
        break;
    default:
        change_memory(w, domain);
        break;
    }
}

/* ---- frames of others ---- */

static void drop_view(struct worker *w)
{
    struct mmuext_op flush = {.cmd = MMUEXT_INVLPG_ALL};

    flush.arg1.linear_addr = (unsigned long)views[w->vcpu].va;
    if (pte_set(pte_lookup(views[w->vcpu].va, 1), 0) ||
        hypercall_mmuext_op(&flush, 1, NULL, DOMID_SELF))
        stress_trouble(w, "unmapping a frame fails");
    views[w->vcpu].mapped = false;
}

/* A frame of a domain that works may be a page table of the next one: so the domain is held. */
static void map_frame(struct worker *w)
{
    domid_t domain = any_domain(w);
    bool works = domain < STRESS_PEERS;
    const uint64_t *frame = works ? &subjects[domain].frame
                                  : &empty_frames[domain][hostile_below(&w->random, FRAMES)];
    pte_t flags = stress_chance(w, 2) ? PTE_KERNEL_DATA : PTE_KERNEL_RO;

    if (views[w->vcpu].mapped) {
        drop_view(w);
        return;
    }
    if (works)
        __atomic_fetch_add(&subjects[domain].holders, 1, __ATOMIC_SEQ_CST);
    if (pte_set_foreign(pte_lookup(views[w->vcpu].va, 1),
                        make_pte(__atomic_load_n(frame, __ATOMIC_SEQ_CST), flags), domain) == 0) {
        views[w->vcpu].mapped = true;
        (void)*(volatile uint64_t *)views[w->vcpu].va;
        count(&controls.maps);
    }
    if (works)
        __atomic_fetch_sub(&subjects[domain].holders, 1, __ATOMIC_SEQ_CST);
}

/* ---- CPUs ---- */

static long set_cpu(unsigned int cpu, bool online)
{
    struct xen_sysctl op = {
        .cmd = XEN_SYSCTL_cpu_hotplug,
        .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
        .u.cpu_hotplug = {.cpu = cpu,
                          .op = online ? XEN_SYSCTL_CPU_HOTPLUG_ONLINE
                                       : XEN_SYSCTL_CPU_HOTPLUG_OFFLINE},
    };

    return hypercall_sysctl(&op);
}

static void change_cpus(struct worker *w)
{
    if (stress_chance(w, 20) &&
        set_cpu(1 + hostile_below(&w->random, CPUS - 1), stress_chance(w, 2)) == 0)
        count(&controls.cpus);
}

void stress_cpus_online(void)
{
    for (unsigned int cpu = 1; cpu < CPUS; cpu++)
        set_cpu(cpu, true);
}

/* ---- all of it ---- */

void stress_control_prepare(unsigned int vcpu)
{
    views[vcpu].va = window_reserve(1);
    if (!views[vcpu].va)
        guest_panic("no address to map frames at");
}

void stress_control(struct worker *w)
{
    static void (*const controls_by_chance[])(struct worker *) = {
        pause_for_a_moment, send_nmi,  set_affinity, set_share, ask,
        end_a_victim,       use_empty, use_empty,    map_frame, change_cpus,
    };

    controls_by_chance[hostile_below(&w->random, sizeof(controls_by_chance) /
                                                     sizeof(controls_by_chance[0]))](w);
}

void stress_control_end(struct worker *w)
{
    if (views[w->vcpu].mapped)
        drop_view(w);
}
