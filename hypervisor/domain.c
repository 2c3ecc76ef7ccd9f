/* SPDX-License-Identifier: MIT */
/*
 * Domains: creation, lookup, pausing, shutdown and destruction.
 *
 * A domain is in the hash table by id from its creation until its last reference goes. So a dead
 * domain whose frames others still map stays visible as a zombie. The creation holds one reference
 * and gives it up at the end of destruction; a domain that owns frames has one more until the last
 * frame is gone, and one for each frame of ours that is lent to it.
 */
#include <arch.h>
#include <domain.h>
#include <domain_table.h>
#include <event_channel.h>
#include <grant_table.h>
#include <hypercall.h>
#include <irq.h>
#include <page_alloc.h>
#include <percpu.h>
#include <sched.h>
#include <softirq.h>
#include <trace.h>

struct domain *dom0, *dom_io, *dom_xen;
static struct domain *idle_domain;

/*
 * A vCPU's info points here while the vCPU has none of its own: its number is beyond those in
 * shared_info, and it has not registered one.
 */
static struct vcpu_info dummy_vcpu_info;

bool get_domain(struct domain *d)
{
    u32 refs = READ_ONCE(d->refs);

    do {
        if (refs == 0)
            return false;
    } while (!cmpxchg(&d->refs, &refs, refs + 1));
    return true;
}

struct domain *get_domain_by_id(domid_t id)
{
    struct domain *d = find_domain(id);

    return d && get_domain(d) ? d : NULL;
}

struct domain *get_domain_or_self(domid_t id)
{
    if (id == DOMID_SELF || id == current->domain->id) {
        get_domain(current->domain);
        return current->domain;
    }
    return get_domain_by_id(id);
}

static void free_domain(struct domain *d)
{
    rangeset_free(d->ioports);
    rangeset_free(d->iomem);
    rangeset_free(d->irqs);
    xfree(d->vcpu);
    xfree(d);
}

/*
 * The memory of a domain to which nobody has a pointer goes back in pieces of this many objects,
 * and guests run in between: such a domain may have a hundred thousand ports.
 */
#define DESTROY_BUDGET 256U
#define DESTROY_PAUSE  MILLISECS(1)
#define VCPU_OBJECTS   2U /* its frames */

static bool free_vcpus(struct domain *d, unsigned int *budget)
{
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[i];

        if (!v)
            continue;
        if (*budget < VCPU_OBJECTS)
            return false;
        *budget -= VCPU_OBJECTS;
        vcpu_time_destroy(v);
        evtchn_vcpu_destroy(v);
        arch_vcpu_destroy(v);
        d->vcpu[i] = NULL;
        xfree(v);
    }
    return true;
}

static void destroy_piece(void *arg)
{
    unsigned int budget = DESTROY_BUDGET;
    struct domain *d = arg;

    if (!free_vcpus(d, &budget) || !evtchn_destroy_final(d, &budget) ||
        !grant_table_destroy(d, &budget)) {
        timer_set(&d->destroy_timer, now() + DESTROY_PAUSE);
        return;
    }
    trace_domain(TRC_SCHED_DOM_REM, d);
    cap_domain_destroy(d);
    arch_domain_destroy(d);
    domain_state_changed(d);
    free_domain(d);
    send_global_virq(VIRQ_DOM_EXC);
}

/* Called when nobody has a pointer to the domain any longer. */
static void destroy_final(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, rcu);

    timer_init(&d->destroy_timer, destroy_piece, d, smp_processor_id());
    destroy_piece(d);
}

void put_domain(struct domain *d)
{
    if (atomic_sub(&d->refs, 1) == 0) {
        BUG_ON(d->dying != DOMAIN_DEAD);
        trace_domain(TRC_DOM0_DOM_REM, d);
        domain_table_remove(d);
        call_rcu(&d->rcu, destroy_final);
    }
}

static u64 last_unique_id;

/* Allocates the parts that every domain has, whether or not it runs. */
static struct domain *alloc_domain(domid_t id)
{
    struct domain *d = xzalloc_bytes(
        MAX(sizeof(*d), PAGE_SIZE)); /* page->owner holds its frame number */

    if (!d)
        return NULL;
    d->id = id;
    trace_domain(TRC_DOM0_DOM_ADD, d);
    d->unique_id = atomic_add(&last_unique_id, 1);
    d->owner_id = page_owner_id(d);
    d->refs = 1;
    d->shutdown_code = ~0U;
    sched_init_domain(d);
    spin_lock_init(&d->pause_lock, RANK_PAUSE);
    spin_lock_init(&d->context_lock, RANK_CONTEXT);
    spin_lock_init(&d->lock, RANK_DOMAIN);
    spin_lock_init(&d->page_lock, RANK_PAGE_LIST);
    spin_lock_init(&d->event_lock, RANK_EVENT);
    spin_lock_init(&d->pirq_lock, RANK_PIRQ);
    page_list_init(&d->pages);
    d->ioports = rangeset_new();
    d->iomem = rangeset_new();
    d->irqs = rangeset_new();
    if (!d->ioports || !d->iomem || !d->irqs) {
        free_domain(d);
        return NULL;
    }
    return d;
}

static struct domain *create_system_domain(domid_t id)
{
    struct domain *d = alloc_domain(id);

    if (!d)
        panic("out of memory for system domain %u", id);
    d->system = true;
    if (id != DOMID_IDLE)
        domain_table_insert(d);
    return d;
}

void domain_init(void)
{
    idle_domain = create_system_domain(DOMID_IDLE);
    dom_io = create_system_domain(DOMID_IO);
    dom_xen = create_system_domain(DOMID_XEN);

    idle_domain->max_vcpus = NR_CPUS;
    idle_domain->vcpu = xzalloc_array(struct vcpu *, NR_CPUS);
    if (!idle_domain->vcpu)
        panic("out of memory for the idle domain");
    get_cpu_info()->vcpu = idle_vcpu_create(smp_processor_id());
    if (!current)
        panic("out of memory for the idle vCPU");
}

struct vcpu *idle_vcpu_create(unsigned int cpu)
{
    struct vcpu *v;

    if (vcpu_create(idle_domain, cpu))
        return NULL;
    v = idle_domain->vcpu[cpu];
    v->processor = cpu;
    v->pause_flags = 0;
    v->initialised = true;
    v->is_running = true;
    v->runstate.state = RUNSTATE_running;
    cpus[cpu]->rq.idle = v;
    return v;
}

int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool privileged,
                  struct domain **out)
{
    unsigned int all = ~0U;
    struct domain *d;
    int rc = -XEN_ENOMEM;

    if (config->max_vcpus == 0 || config->max_vcpus > MAX_VCPUS)
        return -XEN_EINVAL;
    d = get_domain_by_id(id);
    if (d) {
        put_domain(d);
        return -XEN_EEXIST;
    }
    d = alloc_domain(id);
    if (!d)
        return -XEN_ENOMEM;
    d->privileged = privileged;
    d->create_flags = config->flags;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    d->controller_pause_count = 1;
    d->pause_count = 1;
    d->max_vcpus = config->max_vcpus;
    d->nr_pirqs = arch_nr_pirqs(privileged);
    d->vcpu = xzalloc_array(struct vcpu *, d->max_vcpus);
    d->shared_info = alloc_hv_pages(0);
    if (!d->vcpu || !d->shared_info)
        goto fail;
    share_hv_page(d->shared_info, d, true);
    for (unsigned int i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;

    rc = arch_domain_create(d, config);
    if (rc)
        goto fail;
    rc = evtchn_init(d, config->max_evtchn_port);
    if (rc)
        goto fail_arch;
    rc = grant_table_create(d, config->max_grant_frames, config->max_maptrack_frames);
    if (rc)
        goto fail_evtchn;
    arch_update_wallclock(d);
    domain_table_insert(d);
    *out = d;
    return 0;

fail_evtchn:
    evtchn_destroy(d);
    evtchn_destroy_final(d, &all);
fail_arch:
    arch_domain_destroy(d);
fail:
    if (d->shared_info && d->hv_pages)
        unshare_hv_page(d->shared_info);
    else
        free_hv_pages(d->shared_info, 0);
    free_domain(d);
    return rc;
}

int vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = xzalloc_bytes(arch_vcpu_size());
    int rc;

    if (!v)
        return -XEN_ENOMEM;
    v->domain = d;
    v->id = id;
    v->processor = smp_processor_id();
    vcpu_set_down(v, true);
    v->info_mfn = INVALID_MFN;
    v->info = d->shared_info && id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id]
                                                          : &dummy_vcpu_info;
    sched_init_vcpu(v);
    vcpu_time_init(v);
    rc = arch_vcpu_create(v);
    if (rc) {
        xfree(v);
        return rc;
    }
    if (!d->system)
        evtchn_vcpu_init(v);
    store_release(&d->vcpu[id], v);
    smp_mb();
    if (!d->system)
        sched_set_affinity(v, NULL, NULL); /* a CPU that came meanwhile has not seen it */
    return 0;
}

bool vcpu_set_down(struct vcpu *v, bool down)
{
    u64 t = (u64)now();

    if (test_bit(&v->pause_flags, VPF_DOWN) == down)
        return false;
    if (down)
        set_bit(&v->pause_flags, VPF_DOWN);
    else
        clear_bit(&v->pause_flags, VPF_DOWN);
    v->down_ns += down ? -t : t;
    return true;
}

int vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx)
{
    int rc = arch_set_context(v, ctx);

    if (rc)
        return rc;
    spin_lock(&v->domain->lock);
    v->initialised = true;
    vcpu_set_down(v, !(ctx->flags & VGCF_online));
    spin_unlock(&v->domain->lock);
    return 0;
}

int vcpu_reset(struct vcpu *v)
{
    int rc;

    spin_lock(&v->domain->lock);
    vcpu_set_down(v, true); /* first: what follows takes its page tables away */
    spin_unlock(&v->domain->lock);
    rc = arch_vcpu_reset(v);
    if (rc)
        return rc;
    v->initialised = false;
    vcpu_poll_cancel(v);
    return 0;
}

bool vcpu_has_info(const struct vcpu *v)
{
    return v->info != &dummy_vcpu_info;
}

/* ---- pausing ---- */

static void sleep_all(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        vcpu_sleep_nosync(v);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    ASSERT(d != current->domain);
    domain_pause_nosync(d); /* all at once: one may be waiting for what another one does */
    for_each_vcpu (d, v)
        vcpu_sleep_sync(v);
}

void domain_pause_nosync(struct domain *d)
{
    atomic_add(&d->pause_count, 1);
    sleep_all(d);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (atomic_sub(&d->pause_count, 1) == 0)
        for_each_vcpu (d, v)
            vcpu_wake(v);
}

int domain_pause_by_controller(struct domain *d)
{
    if (d == current->domain)
        return -XEN_EINVAL;
    if (atomic_add(&d->controller_pause_count, 1) >= 256) {
        atomic_sub(&d->controller_pause_count, 1);
        return -XEN_EBUSY;
    }
    domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    int count = READ_ONCE(d->controller_pause_count);

    do {
        if (count <= 0)
            return -XEN_EINVAL;
    } while (!cmpxchg(&d->controller_pause_count, &count, count - 1));
    d->has_run = true;
    domain_unpause(d);
    return 0;
}

void vcpu_pause(struct vcpu *v)
{
    atomic_add(&v->pause_count, 1);
    vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (atomic_sub(&v->pause_count, 1) == 0)
        vcpu_wake(v);
}

bool vcpu_pause_sibling(struct vcpu *v)
{
    if (v == current)
        return true;
    if (!spin_trylock(&v->domain->pause_lock))
        return false;
    vcpu_pause(v);
    return true;
}

void vcpu_unpause_sibling(struct vcpu *v)
{
    if (v == current)
        return;
    vcpu_unpause(v);
    spin_unlock(&v->domain->pause_lock);
}

/* ---- shutdown ---- */

static const char *shutdown_name(u32 reason)
{
    static const char *const names[] = {
        [SHUTDOWN_poweroff] = "power off", [SHUTDOWN_reboot] = "reboot",
        [SHUTDOWN_suspend] = "suspend",    [SHUTDOWN_crash] = "crash",
        [SHUTDOWN_watchdog] = "watchdog",  [SHUTDOWN_soft_reset] = "soft reset",
    };

    return reason < ARRAY_SIZE(names) ? names[reason] : "unknown reason";
}

/* The machine cannot do without dom0: when dom0 ends, so does the machine. */
static void machine_follow(u32 reason)
{
    printk(LOG_INFO, "dom0 shut down: %s\n", shutdown_name(reason));
    switch (reason) {
    case SHUTDOWN_poweroff:
        machine_poweroff();
    case SHUTDOWN_crash:
    case SHUTDOWN_watchdog:
    case SHUTDOWN_reboot:
    default:
        machine_restart();
    }
}

static bool is_on_a_cpu(const struct domain *d)
{
    const struct vcpu *v;

    for_each_vcpu (d, v)
        if (load_acquire(&v->is_running))
            return true;
    return false;
}

/*
 * Called when every CPU has passed its scheduler since the domain began to shut down. The toolstack
 * hears of the shutdown now, since it may read the domain's memory and registers: so none of the
 * vCPUs may be on a CPU any longer. One that is still on its way off waits for another round.
 */
static void finish_shutdown(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, shutdown_rcu);
    bool shut_down;
    u32 reason;

    spin_lock(&d->lock);
    shut_down = d->shutting_down; /* or resumed meanwhile */
    reason = d->shutdown_code;
    if (shut_down && is_on_a_cpu(d)) {
        spin_unlock(&d->lock);
        call_rcu(&d->shutdown_rcu, finish_shutdown);
        return;
    }
    d->finishing_shutdown = false;
    d->is_shut_down = shut_down;
    spin_unlock(&d->lock);
    if (shut_down) {
        domain_state_changed(d);
        if (reason == SHUTDOWN_suspend && d->suspend_port)
            evtchn_send(d, d->suspend_port);
        else
            send_global_virq(VIRQ_DOM_EXC);
    }
    put_domain(d);
}

void domain_shutdown(struct domain *d, u32 reason)
{
    spin_lock(&d->lock);
    if (d->shutdown_code == ~0U)
        d->shutdown_code = reason;
    reason = d->shutdown_code;
    if (d == dom0)
        machine_follow(reason);
    if (d->shutting_down) {
        spin_unlock(&d->lock);
        return;
    }
    d->shutting_down = true;
    atomic_add(&d->pause_count, 1); /* undone by domain_resume() */
    sleep_all(d);
    if (!d->finishing_shutdown) { /* not of an earlier one, which was resumed at once */
        d->finishing_shutdown = true;
        get_domain(d);
        call_rcu(&d->shutdown_rcu, finish_shutdown);
    }
    spin_unlock(&d->lock);
}

void domain_resume(struct domain *d)
{
    spin_lock(&d->lock);
    if (d->shutting_down) {
        d->shutting_down = d->is_shut_down = d->crash_told = false;
        d->shutdown_code = ~0U;
        domain_unpause(d);
    }
    spin_unlock(&d->lock);
}

bool domain_crash_begin(struct domain *d)
{
    bool shutting_down;

    /*
     * Under the lock, since whoever shuts the domain down holds it until all vCPUs were told: the
     * current one does not return to its guest.
     */
    spin_lock(&d->lock);
    shutting_down = d->shutting_down;
    spin_unlock(&d->lock);
    if (shutting_down)
        return false;
    /* The machine ends with dom0, so that tells first in any case. */
    if (!xchg(&d->crash_told, true) || d == dom0)
        return true;
    domain_shutdown(d, SHUTDOWN_crash);
    return false;
}

static void crash_end(struct domain *d, const char *fmt, va_list ap)
{
    char why[128];

    vsnprintf(why, sizeof(why), fmt, ap);
    printk(LOG_ERR, "d%u crashed: %s\n", d->id, why);
    if (d == current->domain)
        domain_dump(d, 1);
    domain_shutdown(d, SHUTDOWN_crash);
}

void domain_crash_end(struct domain *d, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    crash_end(d, fmt, ap);
    va_end(ap);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    va_list ap;

    if (!domain_crash_begin(d))
        return;
    va_start(ap, fmt);
    crash_end(d, fmt, ap);
    va_end(ap);
}

/* ---- destruction ---- */

/*
 * Drops the PG_ALLOCATED count of every frame: of those that only the domain holds in batches, of
 * others one by one. Frames that others still hold stay on the list, moved to its end. The walk is
 * over after as many frames as there were when it began, since none is added any longer.
 */
static int release_frames(struct domain *d)
{
    while (d->release_left) {
        unsigned int batch = free_domain_batch(d);
        bool held = false;
        struct page *pg;

        if (batch) {
            d->release_left -= MIN(batch, d->release_left);
            if (hypercall_preempt_check())
                return -ERESTART;
            continue;
        }
        d->release_left--;
        spin_lock(&d->page_lock);
        pg = page_list_first(&d->pages);
        if (pg) {
            page_list_del(&d->pages, pg);
            page_list_add_tail(&d->pages, pg);
            held = get_page(pg, d); /* not if its last holder is giving it back right now */
        }
        spin_unlock(&d->page_lock);
        if (!pg)
            break;
        if (held) {
            free_domain_page(pg);
            put_page(pg);
        }
        if (hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

static void release_vcpu_infos(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (!mfn_eq(v->info_mfn, INVALID_MFN)) {
            arch_unmap_guest_page(v->info);
            put_page_and_type(mfn_to_page(v->info_mfn));
            v->info_mfn = INVALID_MFN;
        }
        v->info = &dummy_vcpu_info;
    }
}

/* Called when every CPU that found the page in d->shared_info is done with it. */
static void release_shared_info(struct rcu_head *head)
{
    unshare_hv_page(container_of(head, struct domain, shared_info_rcu)->dead_shared_info);
}

enum teardown_step {
    STEP_EVENTS,
    STEP_GRANTS,
    STEP_INFO,
    STEP_ARCH,
    STEP_FRAMES,
    STEP_GRANT_FRAMES,
    STEP_DONE
};

/*
 * Whoever reads it holds one of these locks, or does not care: from DOMAIN_DYING on no ports are
 * opened and no frames are added. Locks: d->lock is held.
 */
static void set_dying(struct domain *d, enum domain_dying dying)
{
    spin_lock(&d->event_lock);
    spin_lock(&d->page_lock);
    WRITE_ONCE(d->dying, dying);
    spin_unlock(&d->page_lock);
    spin_unlock(&d->event_lock);
}

int domain_kill(struct domain *d)
{
    int rc = 0;

    spin_lock(&d->lock);
    if (d->dying == DOMAIN_ALIVE) {
        spin_unlock(&d->lock);
        domain_pause(d);
        for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog); i++)
            timer_kill(&d->watchdog[i]); /* takes the lock itself when it fires */
        spin_lock(&d->lock);
        set_dying(d, DOMAIN_DYING);
        grant_table_close(d);
        claim_domain_pages(d, 0);
    }
    spin_unlock(&d->lock);
    if (d->dying == DOMAIN_DEAD)
        return 0;

    while (rc == 0 && d->teardown_step < STEP_DONE) {
        switch (d->teardown_step) {
        case STEP_EVENTS:
            rc = evtchn_destroy(d);
            break;
        case STEP_GRANTS:
            rc = grant_table_release_mappings(d);
            break;
        case STEP_INFO:
            release_vcpu_infos(d);
            pirq_free_all(d);
            break;
        case STEP_ARCH:
            rc = arch_domain_relinquish(d);
            if (rc == 0)
                d->release_left = d->pages.count;
            break;
        case STEP_FRAMES:
            rc = release_frames(d);
            break;
        case STEP_GRANT_FRAMES:
            rc = grant_table_unshare(d);
            break;
        default:
            BUG();
        }
        if (rc == 0)
            d->teardown_step++;
    }
    if (rc)
        return rc;
    spin_lock(&d->lock);
    set_dying(d, DOMAIN_DEAD);
    spin_unlock(&d->lock);
    domain_state_changed(d);
    d->dead_shared_info = d->shared_info;
    WRITE_ONCE(d->shared_info, NULL);
    call_rcu(&d->shared_info_rcu,
             release_shared_info); /* keeps a reference on the domain until then */
    put_domain(d);
    send_global_virq(VIRQ_DOM_EXC);
    return 0;
}
