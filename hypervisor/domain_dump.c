/* SPDX-License-Identifier: MIT */
/*
 * What the console shows of a domain that was stopped: the registers of its vCPUs.
 *
 * A guest chooses when that happens, and how many vCPUs it has. The registers of one vCPU keep the
 * serial port busy for up to a tenth of a second, in which this CPU does nothing else. So a dump
 * has a fixed number of vCPUs, and a domain gets a few dumps and then one a minute. A domain that
 * is built again and again counts as the same: it is known by its handle, which its toolstack
 * keeps.
 */
#include <arch.h>
#include <domain.h>

#define DUMPS_AT_ONCE 4U
#define DUMP_PERIOD   SECONDS(60)
#define REMEMBERED    16U

/* The domains that were dumped last. */
static struct dumped {
    xen_domain_handle_t handle;
    s_time_t full_at;    /* when it may be dumped DUMPS_AT_ONCE times again; 0: a free entry */
    unsigned int missed; /* dumps refused since the last one */
} dumped[REMEMBERED];
static spinlock_t dumped_lock = SPINLOCK_INIT(RANK_CONSOLE);

/*
 * Finds the entry of @d. A new entry takes the place of the one that has waited longest. Locks:
 * that of the list is held.
 */
static struct dumped *find_entry(const struct domain *d)
{
    struct dumped *oldest = dumped;

    for (unsigned int i = 0; i < REMEMBERED; i++) {
        struct dumped *e = &dumped[i];

        if (e->full_at && !memcmp(e->handle, d->handle, sizeof(e->handle)))
            return e;
        if (e->full_at < oldest->full_at)
            oldest = e;
    }
    *oldest = (struct dumped){0};
    memcpy(oldest->handle, d->handle, sizeof(oldest->handle));
    return oldest;
}

/*
 * May @d be dumped now?
 * @missed: receives how many dumps were refused since the last one
 */
static bool may_dump(const struct domain *d, unsigned int *missed)
{
    unsigned long flags = spin_lock_irqsave(&dumped_lock);
    struct dumped *e = find_entry(d);
    s_time_t t = now(), full_at = MAX(e->full_at, t);
    bool ok = full_at + DUMP_PERIOD <= t + DUMPS_AT_ONCE * DUMP_PERIOD;

    *missed = e->missed;
    e->full_at = ok ? full_at + DUMP_PERIOD : full_at;
    e->missed = ok ? 0 : e->missed + 1;
    spin_unlock_irqrestore(&dumped_lock, flags);
    return ok;
}

void domain_dump(struct domain *d, unsigned int vcpus)
{
    unsigned int left = vcpus, more = 0, missed;
    struct vcpu *v;

    if (!may_dump(d, &missed)) {
        printk(LOG_ERR, "d%u: its registers are not shown, since they were so often", d->id);
        return;
    }
    if (missed)
        printk(LOG_ERR, "d%u: registers were not shown %u times", d->id, missed);
    if (current->domain == d) {
        arch_dump_vcpu(current);
        left--;
    }
    for_each_vcpu (d, v) {
        if (!v->initialised || v == current)
            continue;
        if (left) {
            arch_dump_vcpu(v);
            left--;
        } else {
            more++;
        }
    }
    if (vcpus > 1 && more)
        printk(LOG_ERR, "d%u: %u more vCPUs are not shown", d->id, more);
}
