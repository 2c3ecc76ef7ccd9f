/* SPDX-License-Identifier: MIT */
/*
 * The debug keys: what each prints, in one table. They are Xen's letters for the same things, with
 * M for Bulkhead's own meter.
 *
 * A serial port may take seconds for all of it, so the watchdog hears of each step.
 *
 * Dom0 asks for them by XEN_SYSCTL_debug_keys, or the administrator presses them while the
 * console's input is ours; but guests decide how much there is to show. So a key prints a line for
 * each CPU, domain or vCPU, and of what a domain can have many of, no more than a fixed number.
 */
#include <arch.h>
#include <control_impl.h>
#include <event_channel.h>
#include <grant_table.h>
#include <irq.h>
#include <meter.h>
#include <page_alloc.h>
#include <sched_impl.h>
#include <timer.h>

#define DUMPED_VCPUS 4U  /* whose registers are shown: some 20 lines each */
#define DUMPED_PIRQS 64U /* of one domain */

static void for_all_domains(void (*fn)(struct domain *d))
{
    struct domain *d;

    for (domid_t id = 0; (d = get_next_domain(id)) != NULL;) {
        id = (domid_t)(d->id + 1);
        fn(d);
        put_domain(d);
        watchdog_touch();
    }
}

static void for_all_cpus(void (*fn)(unsigned int cpu))
{
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        if (cpumask_test(&cpu_online, cpu)) {
            fn(cpu);
            watchdog_touch();
        }
}

/* ---- domains ---- */

static void dump_domain(struct domain *d)
{
    struct vcpu *v;

    printk(LOG_INFO, "d%u: refs %u, frames %lu of %lu, lent %lu, pauses %d, dying %d, ports %u",
           d->id, d->refs, d->tot_pages, d->max_pages, d->hv_pages, d->pause_count, (int)d->dying,
           d->active_evtchns);
    for_each_vcpu (d, v) {
        printk(LOG_INFO, "  v%u: cpu %u, state %d, pause flags %lx, pauses %d, upcall %d masked %d",
               v->id, v->processor, v->runstate.state, v->pause_flags, v->pause_count,
               v->info->evtchn_upcall_pending, v->info->evtchn_upcall_mask);
        watchdog_touch();
    }
}

static void dump_domains(void)
{
    for_all_domains(dump_domain);
}

static void dump_events(void)
{
    for_all_domains(evtchn_dump);
}

static void dump_grants(void)
{
    for_all_domains(grant_table_dump);
}

/*
 * The registers of dom0's vCPUs as they left them, and of the one that this CPU has come from.
 * Those of another one that runs at this moment are in another CPU.
 */
static void dump_dom0(void)
{
    const struct domain *d = dom0;
    unsigned int shown = 0, more = 0;
    struct vcpu *v;

    if (!d)
        return; /* not built yet */
    for_each_vcpu (d, v) {
        if (!v->initialised)
            continue;
        if (shown++ >= DUMPED_VCPUS)
            more++;
        else if (v != current && READ_ONCE(v->runstate.state) == RUNSTATE_running)
            printk(LOG_INFO, "d%uv%u runs on CPU %u", d->id, v->id, v->processor);
        else
            arch_dump_vcpu(v);
    }
    if (more)
        printk(LOG_INFO, "d%u: %u more vCPUs are not shown", d->id, more);
}

static void dump_pirqs_of(struct domain *d)
{
    unsigned int shown = 0, more = 0;

    for (unsigned int i = 0; i < d->nr_pirqs; i++) {
        const struct pirq *p = pirq_get(d, i, false);
        int irq = p ? READ_ONCE(p->irq) : PIRQ_UNMAPPED;

        if (irq < 0)
            continue;
        if (shown++ < DUMPED_PIRQS)
            printk(LOG_INFO, "d%u pirq %u: interrupt %d, port %u%s", d->id, i, irq, p->evtchn,
                   p->masked ? ", waits for the guest" : "");
        else
            more++;
    }
    if (more)
        printk(LOG_INFO, "d%u: %u more pirqs", d->id, more);
}

static void dump_interrupts(void)
{
    for_all_domains(dump_pirqs_of);
}

/* ---- the machine ---- */

static void dump_memory(void)
{
    printk(LOG_INFO, "memory: %lu of %lu frames free, %lu claimed, %lu bytes of objects",
           heap_free_pages(), heap_total_pages(), heap_claimed_pages(), xalloc_in_use());
}

static void dump_node_of(struct domain *d)
{
    printk(LOG_INFO, "d%u: %lu frames on node 0", d->id, d->tot_pages);
}

/* There is one node, whatever the machine has. */
static void dump_nodes(void)
{
    printk(LOG_INFO, "node 0: %u CPUs, %lu of %lu frames free", nr_cpus, heap_free_pages(),
           heap_total_pages());
    for_all_domains(dump_node_of);
}

static void dump_queue(unsigned int cpu)
{
    struct run_queue *rq = &cpus[cpu]->rq;
    unsigned long flags = spin_lock_irqsave(&rq->lock);
    const struct vcpu *v = running_on(cpu);
    unsigned int waiting = rq->length, vcpu = v->id;
    bool idles = is_idle_vcpu(v);
    domid_t domain = v->domain->id;

    spin_unlock_irqrestore(&rq->lock, flags);
    if (idles)
        printk(LOG_INFO, "CPU %u: idle, %u vCPUs wait", cpu, waiting);
    else
        printk(LOG_INFO, "CPU %u: d%uv%u runs, %u vCPUs wait", cpu, domain, vcpu, waiting);
}

static void dump_queues(void)
{
    printk(LOG_INFO, "scheduler credit2, rate limit %ld us",
           (long)(READ_ONCE(sched_rate_limit) / MICROSECS(1)));
    for_all_cpus(dump_queue);
}

static void dump_timers_of(unsigned int cpu)
{
    struct timer_queue *q = &cpus[cpu]->timers;
    unsigned long flags = spin_lock_irqsave(&q->lock);
    s_time_t first = q->root ? q->root->expires : 0, t = now();

    spin_unlock_irqrestore(&q->lock, flags);
    if (first)
        printk(LOG_INFO, "CPU %u: the first timer expires in %ld ns", cpu, (long)(first - t));
    else
        printk(LOG_INFO, "CPU %u: no timer", cpu);
}

static void dump_timers(void)
{
    printk(LOG_INFO, "timers at %ld ns", (long)now());
    for_all_cpus(dump_timers_of);
}

/* ---- the table ---- */

static void list_keys(void);

static const struct debug_key {
    char key;
    const char *what;
    void (*fn)(void);
} debug_keys[] = {
    {'0', "registers of dom0's vCPUs", dump_dom0},
    {'M', "longest stretches (builds with METER=1)", meter_show},
    {'R', "restart the machine", machine_restart},
    {'a', "timers", dump_timers},
    {'e', "event channels", dump_events},
    {'g', "grants", dump_grants},
    {'h', "this list", list_keys},
    {'i', "interrupts that domains have", dump_interrupts},
    {'m', "memory", dump_memory},
    {'q', "domains and vCPUs", dump_domains},
    {'r', "run queues", dump_queues},
    {'u', "memory by NUMA node", dump_nodes},
};

static void list_keys(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(debug_keys); i++)
        printk(LOG_INFO, "key '%c': %s", debug_keys[i].key, debug_keys[i].what);
}

void debug_key(char key)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(debug_keys); i++)
        if (debug_keys[i].key == key) {
            debug_keys[i].fn();
            return;
        }
    printk(LOG_INFO, "no debug key '%c'; h lists them", key);
}
