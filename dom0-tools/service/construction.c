/* SPDX-License-Identifier: MIT */
/* Making the domain of a record and taking it apart: see construction.h. */
#include "construction.h"

#include <stdlib.h>

#include <image/bzimage.h>
#include <tools/builder.h>
#include <tools/control.h>

#include "device_set.h"
#include "domain_nodes.h"
#include "domain_rings.h"
#include "memory_target.h"
#include "vcpu_requests.h"

#define TURN_POLL 20000000ull /* ns */

static bool building; /* some domain: see build_in_turn */

static int open_config_file(const char *key, const char *path, struct platform_file *file,
                            struct error *e)
{
    int status = platform_file_open(path, file);

    return status < 0 ? error_set(e, "%s %s: %s", key, path, error_file_words(-status)) : 0;
}

/* Memory that is plainly too little, or not there, is noticed before anything is made. */
static int check_memory(const struct guest_config *config, const struct build_request *request,
                        struct error *e)
{
    uint64_t needed = image_needs(request->kernel.data, request->kernel.size);
    struct xen_sysctl_physinfo info;
    uint64_t free_mib;

    if (needed)
        needed = (needed + request->ramdisk.size + (1u << 20) - 1) >> 20;
    if (config->memory_mib < needed)
        return error_set(e, "memory of %u MiB is not enough: kernel and ramdisk need %llu MiB",
                         config->memory_mib, (unsigned long long)needed);
    if (control_machine_info(&info, e))
        return -1;
    free_mib = (info.free_pages - info.outstanding_pages) >> 8;
    if (config->memory_mib > free_mib)
        return error_set(e, "not enough free memory: %u MiB wanted, %llu MiB free",
                         config->memory_mib, (unsigned long long)free_mib);
    return 0;
}

static int check_cancelled(const struct managed_domain *d, struct error *e)
{
    return d->cancelled ? error_set(e, "it was destroyed meanwhile") : 0;
}

/* Builds the domain and attaches to it. The domain is there if d->exists says so afterwards. */
static int build_and_attach(struct managed_domain *d, struct build_request *request,
                            struct error *e)
{
    struct build_result *built = calloc(1, sizeof(*built));
    domid_t domid;
    int status = -1;

    if (!built)
        return error_set(e, "not enough memory");
    if (!check_cancelled(d, e) && !control_create(d->config.uuid, d->config.maxvcpus, &domid, e)) {
        managed_domain_set_number(d, domid);
        request->domid = domid;
        d->exists = true;
        if (!domain_place_vcpus(d, e) && !build_domain(request, built, e) &&
            !domain_rings_attach(d, built, e) && !domain_nodes_write(d, built, e) &&
            !memory_target_watch(d, e) && !check_cancelled(d, e) && !device_set_create(d, e))
            status = 0;
    }
    free(built);
    return check_cancelled(d, e) ? -1 : status; /* whatever else it has failed for */
}

/*
 * Builds one domain after the other: unpacking a kernel takes memory that there may not be for two,
 * and time that the devices of another would wait for.
 */
static int build_in_turn(struct managed_domain *d, struct build_request *request, struct error *e)
{
    int status;

    while (building && !d->cancelled)
        platform_sleep(TURN_POLL);
    if (check_cancelled(d, e))
        return -1;
    building = true;
    status = build_and_attach(d, request, e);
    building = false;
    return status;
}

static int build_from_files(struct managed_domain *d, struct error *e)
{
    struct build_request request = {
        .memory_mib = d->config.memory_mib,
        .maxmem_mib = d->config.maxmem_mib,
        .cmdline = d->config.cmdline,
        .kernel_name = d->config.kernel,
        .ramdisk_name = d->config.ramdisk,
        .cancelled = &d->cancelled,
    };
    int status = -1;

    if (open_config_file("kernel", d->config.kernel, &request.kernel, e))
        return -1;
    if (!d->config.ramdisk ||
        !open_config_file("ramdisk", d->config.ramdisk, &request.ramdisk, e)) {
        if (!check_memory(&d->config, &request, e))
            status = build_in_turn(d, &request, e);
        if (d->config.ramdisk)
            platform_file_close(&request.ramdisk);
    }
    platform_file_close(&request.kernel);
    return status;
}

int domain_construct(struct managed_domain *d, struct error *e)
{
    int status = build_from_files(d, e);

    if (status)
        domain_dismantle(d, NULL);
    return status;
}

int domain_dismantle(struct managed_domain *d, struct error *e)
{
    int status = 0;

    d->life = LIFE_DYING;
    if (d->exists && (d->config.disk_count || d->config.vif_count)) {
        control_pause(d->domid, NULL); /* so that it does not see its devices go */
        device_set_remove(d);
    }
    domain_rings_detach(d);
    if (d->exists) {
        status = control_destroy(d->domid, e);
        memory_target_unwatch(d);
        domain_nodes_remove(d);
    }
    d->exists = false;
    return status;
}
