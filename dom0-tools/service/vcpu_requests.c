/* SPDX-License-Identifier: MIT */
/*
 * Requests about domains' vCPUs and their share of the CPUs (tools/service.h), and the same for a
 * domain that is being built (construction.h).
 */
#include "vcpu_requests.h"

#include <stdio.h>
#include <string.h>

#include <tools/scheduling.h>

#include "store_clients.h"

/* ---- Where vCPUs run ---- */

static int place_vcpu(const struct managed_domain *d, unsigned int vcpu, struct error *e)
{
    const struct cpu_set *hard = guest_affinity_of(&d->config.cpus, vcpu);
    const struct cpu_set *soft = guest_affinity_of(&d->config.cpus_soft, vcpu);
    bool idle_soft = false;

    if ((hard || soft) && control_pin_vcpu(d->domid, vcpu, hard, soft, false, &idle_soft, e))
        return -1;
    if (idle_soft)
        managed_domain_say(d, "has no use for cpus_soft: cpus excludes all of it for vCPU %u",
                           vcpu);
    return 0;
}

static int give_share(const struct managed_domain *d, struct error *e)
{
    const unsigned int weight = d->config.cpu_weight, cap = d->config.cap;
    struct cpu_share share;

    if (!weight && !cap)
        return 0;
    return control_change_share(d->domid, weight ? &weight : NULL, &cap, &share, e);
}

int domain_place_vcpus(const struct managed_domain *d, struct error *e)
{
    for (unsigned int i = 0; i < d->config.maxvcpus; i++)
        if (place_vcpu(d, i, e))
            return -1;
    return give_share(d, e);
}

int service_set_share(domid_t domid, const unsigned int *weight, const unsigned int *cap,
                      struct error *e)
{
    struct managed_domain *d = managed_domain_find(domid);
    struct cpu_share share;

    if (control_change_share(domid, weight, cap, &share, e))
        return -1;
    if (d && d->exists) {
        d->config.cpu_weight = share.weight;
        d->config.cap = share.cap;
    }
    return 0;
}

/* ---- Which vCPUs a kernel uses ---- */

int domain_write_availability(const struct managed_domain *d, uint32_t transaction,
                              unsigned int online)
{
    int error = 0;

    for (unsigned int i = 0; !error && i < d->config.maxvcpus; i++) {
        const char *value = i < online ? "online" : "offline";
        char path[64];

        snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", d->domid, i);
        error = xs_write(service_tools, transaction, path, value, strlen(value));
    }
    return error;
}

/* All nodes or none. */
static int change_availability(const struct managed_domain *d, unsigned int online)
{
    uint32_t transaction;
    int error = xs_transaction_start(service_tools, &transaction);

    if (error)
        return error;
    error = domain_write_availability(d, transaction, online);
    if (!error)
        return xs_transaction_end(service_tools, transaction, true);
    xs_transaction_end(service_tools, transaction, false);
    return error;
}

int service_set_vcpus(domid_t domid, unsigned int count, struct error *e)
{
    struct managed_domain *d;
    int error;

    if (!domid)
        return error_set(e, "domain 0 keeps the vCPUs that it has");
    d = managed_domain_running(domid, e);
    if (!d)
        return -1;
    if (!count)
        return error_set(e, "a domain needs one vCPU at least");
    if (count > d->config.maxvcpus)
        return error_set(e, "%u vCPUs are more than the domain's maxvcpus, %u", count,
                         d->config.maxvcpus);
    error = change_availability(d, count);
    if (error)
        return error_set(e, "writing cpu/N/availability: %s", error_words(error));
    d->config.vcpus = count;
    platform_wake(); /* the events are to be delivered */
    return 0;
}
