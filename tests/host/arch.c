/* SPDX-License-Identifier: MIT */
/*
 * The architecture's half of arch.h on the host, as little of it as the portable half needs to be
 * exercised, and what tests call to play guest, clock and scheduler. See host.h.
 */
#include <setjmp.h>
#include <stdarg.h>

#include <asm/entry.h>
#include <console.h>
#include <event_channel.h>
#include <guest_access.h>
#include <host.h>
#include <irq.h>
#include <public/grant_table.h>
#include <public/sysctl.h>
#include <rcu.h>
#include <trace.h>

/* A test of the real one links that instead. */
#define WEAK __attribute__((weak))

s_time_t host_hw_timer;
unsigned long host_kicks, host_dumps;
unsigned int host_restarts;
int host_error, host_arch_domain_error, host_arch_vcpu_error;
unsigned long host_fixed_memory;
struct host_pte host_ptes[HOST_PTES];
static struct domain *pte_domain[HOST_PTES];

/* ---- boot and time ---- */

unsigned int host_boot_cpus = 1;
static struct vcpu idle_vcpus[HOST_CPUS];

void host_boot(unsigned long frames)
{
    static bool done;

    if (done) {
        host_become(cpus[0]->rq.idle);
        return; /* the tables of domains are there already, and empty but for what the test left */
    }
    done = true;
    host_boot_memory(frames, host_boot_cpus);
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        sched_cpu_init(cpu);
        timer_cpu_init(cpu);
    }
    sched_cpu_up(0);
    domain_init();
    for (unsigned int cpu = 1; cpu < nr_cpus; cpu++) {
        idle_vcpus[cpu] = *cpus[0]->rq.idle;
        idle_vcpus[cpu].processor = cpu;
        cpus[cpu]->rq.idle = cpus[cpu]->info->vcpu = &idle_vcpus[cpu];
    }
}

void host_become(struct vcpu *v)
{
    get_cpu_info()->vcpu = v;
}

static bool resumable[HOST_CPUS];
static jmp_buf resume_points[HOST_CPUS];

void host_leave(void)
{
    BUG_ON(!resumable[smp_processor_id()]);
    longjmp(resume_points[smp_processor_id()], 1);
}

WEAK void arch_resume(void)
{
    host_leave();
}

void host_run_softirqs(void)
{
    unsigned int cpu = smp_processor_id();

    BUG_ON(resumable[cpu]);
    resumable[cpu] = true;
    (void)setjmp(resume_points[cpu]);
    local_irq_enable();
    softirq_run();
    resumable[cpu] = false;
}

/* What the scheduler and the softirqs of the other CPUs would do for grace periods. */
static void settle_others(void)
{
    unsigned int self = smp_processor_id();

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (cpu == self)
            continue;
        host_run_on(cpu);
        get_cpu_info()->softirq_pending = 0;
        rcu_quiescent();
        rcu_softirq();
    }
    host_run_on(self);
}

void host_settle(void)
{
    for (unsigned int i = 0; i < 8; i++) {
        settle_others();
        softirq_raise(SOFTIRQ_SCHEDULE);
        host_run_softirqs();
    }
}

void host_advance(s_time_t ns)
{
    host_now += ns;
    timer_interrupt();
    host_run_softirqs();
}

WEAK void arch_context_switch(struct vcpu *prev, struct vcpu *next)
{
    BUG_ON(prev == next || local_irq_is_enabled());
}

void arch_cpu_leave(void)
{
}

void arch_cpu_return(void)
{
}

WEAK void arch_trace_switch(bool on)
{
}

WEAK u64 arch_timestamp(void)
{
    return (u64)host_now;
}

WEAK void arch_set_timer(s_time_t deadline)
{
    host_hw_timer = deadline;
}

WEAK void arch_send_ipi(unsigned int cpu)
{
}

WEAK void arch_kick_cpu(unsigned int cpu)
{
    host_kicks++;
}

void arch_idle(void)
{
}

void machine_restart(void)
{
    host_restarts++;
    panic("restart");
}

void machine_poweroff(void)
{
    host_restarts++;
    panic("power off");
}

/* ---- domains ---- */

WEAK int arch_domain_create(struct domain *d, const struct xen_domctl_createdomain *config)
{
    return host_arch_domain_error;
}

WEAK void arch_domain_destroy(struct domain *d)
{
}

WEAK int arch_domain_config_check(const struct xen_arch_domainconfig *config)
{
    return config->emulation_flags == 0 ? 0 : -XEN_EOPNOTSUPP;
}

WEAK int arch_vcpu_create(struct vcpu *v)
{
    if (host_arch_vcpu_error)
        return host_arch_vcpu_error;
    v->arch.fpu = xzalloc_bytes(512);
    return v->arch.fpu ? 0 : -XEN_ENOMEM;
}

unsigned long arch_memory_use(struct bulkhead_sysctl_memory_use *use)
{
    *use = (struct bulkhead_sysctl_memory_use){.fixed = host_fixed_memory};
    return host_fixed_memory;
}

WEAK size_t arch_vcpu_size(void)
{
    return sizeof(struct vcpu);
}

WEAK void arch_vcpu_destroy(struct vcpu *v)
{
    xfree(v->arch.fpu);
}

WEAK int arch_set_context(struct vcpu *v, const struct vcpu_guest_context *ctx)
{
    if (ctx->user_regs.rip == ~0UL)
        return -XEN_EINVAL;
    v->arch.user_regs = ctx->user_regs;
    return 0;
}

WEAK void arch_get_context(struct vcpu *v, struct vcpu_guest_context *ctx)
{
    ctx->user_regs = v->arch.user_regs;
}

WEAK void arch_vm_assist_changed(struct domain *d)
{
}

WEAK int arch_vcpu_reset(struct vcpu *v)
{
    return 0;
}

WEAK void watchdog_touch(void)
{
}

WEAK void arch_dump_vcpu(struct vcpu *v)
{
    host_dumps++;
}

WEAK void arch_update_guest_areas(struct vcpu *v)
{
}

WEAK void arch_update_time_record(struct vcpu *v)
{
}

void arch_update_wallclock(struct domain *d)
{
}

WEAK void *arch_map_guest_page(mfn_t mfn)
{
    return mfn_to_virt(mfn);
}

WEAK void arch_unmap_guest_page(void *p)
{
}

void host_overwrite_pte(unsigned int i)
{
    struct page *pg = mfn_to_page(host_ptes[i].frame);

    if (!host_ptes[i].present)
        return;
    host_ptes[i].present = false;
    if (host_ptes[i].writable)
        put_page_and_type(pg);
    else
        put_page(pg);
}

WEAK int arch_domain_relinquish(struct domain *d)
{
    for (unsigned int i = 0; i < HOST_PTES; i++)
        if (pte_domain[i] == d)
            host_overwrite_pte(i);
    return 0;
}

/* ---- memory ---- */

/* As after boot: nothing is entered. */
static unsigned long m2p[1UL << 16] = {[0 ...(1UL << 16) - 1] = INVALID_M2P_ENTRY};

WEAK void arch_set_m2p(mfn_t mfn, unsigned long pfn)
{
    WRITE_ONCE(m2p[mfn.n % ARRAY_SIZE(m2p)], pfn);
}

WEAK unsigned long arch_get_m2p(mfn_t mfn)
{
    return READ_ONCE(m2p[mfn.n % ARRAY_SIZE(m2p)]);
}

WEAK int arch_validate_page(struct page *pg, u64 type, bool preemptible)
{
    return 0;
}

WEAK int arch_invalidate_page(struct page *pg, u64 type, bool preemptible)
{
    return 0;
}

WEAK void arch_nmi_softirq(void)
{
}

WEAK void tlb_flush_stale(const cpumask_t *mask, u32 stamp)
{
    host_tlb_flushes++;
}

WEAK void tlb_flush_local(void)
{
    tlb_now++;
    host_tlb_flushes++;
}

WEAK void tlb_switch_root(unsigned long cr3)
{
    tlb_flush_local();
}

WEAK void tlb_flush_mask(const cpumask_t *mask)
{
    tlb_flush_local();
}

WEAK void tlb_flush_page_mask(const cpumask_t *mask, unsigned long va)
{
    host_tlb_flushes++;
}

WEAK void tlb_relax(void)
{
    cpu_relax();
}

WEAK void cache_flush_local(void)
{
}

WEAK void cache_flush_mask(const cpumask_t *mask)
{
}

WEAK long arch_memory_op(unsigned long cmd, unsigned long arg)
{
    return -XEN_ENOSYS;
}

WEAK long arch_domctl(struct domain *d, struct xen_domctl *op, unsigned long u_domctl,
                      bool *copyback)
{
    return -XEN_ENOSYS;
}

WEAK long arch_sysctl(struct xen_sysctl *op, unsigned long u_sysctl, bool *copyback)
{
    return -XEN_ENOSYS;
}

int console_read_ring(struct xen_sysctl_readconsole *op)
{
    return -XEN_ENOSYS;
}

void console_softirq(void)
{
}

/* ---- grants: one page table of HOST_PTES entries for all domains ---- */

static bool pte_of(u64 host_addr, unsigned int flags, unsigned int *i)
{
    *i = (unsigned int)MIN(host_addr >> PAGE_SHIFT, (u64)HOST_PTES);
    return *i < HOST_PTES;
}

WEAK int arch_grant_map(u64 host_addr, mfn_t frame, unsigned int flags)
{
    unsigned int i;

    if (!pte_of(host_addr, flags, &i))
        return GNTST_bad_virt_addr;
    host_overwrite_pte(i);
    host_ptes[i] = (struct host_pte){frame, true, !(flags & GNTMAP_readonly)};
    pte_domain[i] = current->domain;
    return GNTST_okay;
}

void (*host_at_grant_unmap)(void);

WEAK int arch_grant_unmap(u64 host_addr, mfn_t frame, unsigned int flags)
{
    unsigned int i;

    if (host_at_grant_unmap)
        host_at_grant_unmap();
    if (!pte_of(host_addr, flags, &i))
        return GNTST_bad_virt_addr;
    if (!host_ptes[i].present || !mfn_eq(host_ptes[i].frame, frame) ||
        pte_domain[i] != current->domain || host_ptes[i].writable != !(flags & GNTMAP_readonly))
        return GNTST_general_error;
    host_ptes[i].present = false;
    return GNTST_okay;
}

WEAK int arch_grant_replace(u64 host_addr, mfn_t frame, u64 new_addr, unsigned int flags)
{
    unsigned int from, to;
    int rc;

    if (!pte_of(host_addr, flags, &to) || !pte_of(new_addr, flags, &from) || from == to)
        return GNTST_bad_virt_addr;
    rc = arch_grant_unmap(host_addr, frame, flags);
    if (rc == GNTST_okay) {
        host_ptes[to] = host_ptes[from];
        pte_domain[to] = pte_domain[from];
        host_ptes[from].present = false;
    }
    return rc;
}

WEAK void arch_grant_flush(const struct domain *d)
{
    tlb_flush_local();
}

WEAK void arch_cache_flush(mfn_t frame, unsigned int offset, unsigned int length, bool invalidate)
{
}

/* ---- interrupts ---- */

WEAK unsigned int arch_nr_pirqs(bool privileged)
{
    return 32;
}

WEAK struct pirq *pirq_get(struct domain *d, unsigned int pirq, bool create)
{
    if (pirq >= d->nr_pirqs)
        return NULL;
    if (!d->pirqs && create)
        d->pirqs = xzalloc_array(struct pirq *, d->nr_pirqs);
    if (!d->pirqs)
        return NULL;
    if (!d->pirqs[pirq] && create) {
        d->pirqs[pirq] = xzalloc(struct pirq);
        if (d->pirqs[pirq])
            d->pirqs[pirq]->pirq = pirq;
    }
    return d->pirqs[pirq];
}

WEAK void pirq_free_all(struct domain *d)
{
    for (unsigned int i = 0; d->pirqs && i < d->nr_pirqs; i++)
        xfree(d->pirqs[i]);
    xfree(d->pirqs);
    d->pirqs = NULL;
}

WEAK int arch_pirq_bind(struct vcpu *v, struct pirq *pirq, bool will_share)
{
    return 0;
}

WEAK void arch_pirq_unbind(struct domain *d, struct pirq *pirq)
{
}

/* ---- hypercalls ---- */

static unsigned int preempt_every[HOST_CPUS], preempt_looks[HOST_CPUS];
static bool preempted[HOST_CPUS];
struct host_continuation host_continuations[HOST_CPUS];

void host_preempt_every(unsigned int n)
{
    unsigned int cpu = smp_processor_id();

    preempt_every[cpu] = n;
    preempt_looks[cpu] = 0;
    preempted[cpu] = false;
}

WEAK bool hypercall_preempt_check(void)
{
    unsigned int cpu = smp_processor_id();

    if (preempt_every[cpu] && ++preempt_looks[cpu] % preempt_every[cpu] == 0)
        preempted[cpu] = true;
    return preempted[cpu];
}

WEAK void arch_old_tables_left(void)
{
}

void host_return_to_guest(void)
{
    do {
        preempted[smp_processor_id()] = false;
    } while (page_finish_old_tables(current));
}

WEAK long hypercall_continue(unsigned int op, unsigned int nargs, ...)
{
    va_list ap;

    BUG_ON(nargs > ARRAY_SIZE(host_continued.args));
    preempted[smp_processor_id()] = false;
    host_continued.op = op;
    host_continued.nargs = nargs;
    va_start(ap, nargs);
    for (unsigned int i = 0; i < nargs; i++)
        host_continued.args[i] = va_arg(ap, unsigned long);
    va_end(ap);
    return HOST_CONTINUED;
}

WEAK long hypercall_unknown(unsigned int op, unsigned long cmd)
{
    printk_guest(LOG_DEBUG, "hypercall %u (%lu) is not implemented", op, cmd);
    return -XEN_ENOSYS;
}

static void put_op(const void *op, unsigned long size)
{
    BUG_ON(size > HOST_WINDOW);
    memcpy(host_guest, op, size);
    host_continued.nargs = 0;
}

long host_call2(long (*fn)(unsigned int cmd, unsigned long arg), unsigned int cmd, void *op,
                unsigned long size)
{
    long rc;

    put_op(op, size);
    rc = fn(cmd, GUEST(0));
    while (rc == HOST_CONTINUED)
        rc = fn((unsigned int)host_continued.args[0], host_continued.args[1]);
    memcpy(op, host_guest, size);
    return rc;
}

long host_call1(long (*fn)(unsigned long arg), void *op, unsigned long size)
{
    long rc;

    put_op(op, size);
    do
        rc = fn(GUEST(0));
    while (rc == HOST_CONTINUED);
    memcpy(op, host_guest, size);
    return rc;
}

/* ---- a domain for a test ---- */

struct domain *host_domain(domid_t id, unsigned int vcpus, unsigned long frames, bool privileged)
{
    struct xen_domctl_createdomain config = {.max_vcpus = vcpus,
                                             .max_evtchn_port = EVTCHN_FIFO_NR_CHANNELS - 1,
                                             .max_grant_frames = 4,
                                             .max_maptrack_frames = 4,
                                             .grant_opts = 1};
    struct domain *d;

    host_error = domain_create(id, &config, privileged, &d);
    if (host_error)
        return NULL;
    d->max_pages = frames;
    for (unsigned int i = 0; i < vcpus && !host_error; i++) {
        host_error = vcpu_create(d, i);
        if (!host_error)
            d->vcpu[i]->initialised = true;
    }
    for (unsigned long i = 0; i < frames && !host_error; i++)
        if (!alloc_domain_pages(d, 0, 0))
            host_error = -XEN_ENOMEM;
    if (host_error) {
        host_kill(d);
        return NULL;
    }
    domain_unpause_by_controller(d);
    return d;
}

void host_kill(struct domain *d)
{
    struct vcpu *v = current;

    if (v->domain == d)
        v = cpus[0]->rq.idle;
    host_become(cpus[0]->rq.idle);
    while (domain_kill(d) == -ERESTART)
        host_return_to_guest();
    host_settle();
    host_become(v);
}

struct page *host_frame(const struct domain *d, unsigned long n)
{
    struct page *pg = page_list_first(&d->pages);

    while (n--)
        pg = mfn_to_page(MFN(pg->next));
    return pg;
}
