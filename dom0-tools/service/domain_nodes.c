/* SPDX-License-Identifier: MIT */
/* A domain's own nodes in the store, as libxl writes them: see domain_nodes.h. */
#include "domain_nodes.h"

#include <stdio.h>
#include <string.h>

#include <public/errno.h>

#include "store_clients.h"
#include "vcpu_requests.h"

#define REMOVE_ATTEMPTS 8
#define REMOVE_DELAY    5000000ull /* ns */

static int write_node(const char *base, const char *name, const char *value)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    return xs_write(service_tools, STORE_NO_TRANSACTION, path, value, strlen(value));
}

static int write_number_node(const char *base, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return write_node(base, name, text);
}

/* Makes a node that the domain itself may write. */
static int make_own(const struct managed_domain *d, const char *base, const char *name)
{
    struct store_permission p = {.domid = d->domid};
    char path[128];
    int error;

    snprintf(path, sizeof(path), "%s/%s", base, name);
    error = xs_mkdir(service_tools, STORE_NO_TRANSACTION, path);
    return error ? error : xs_set_permissions(service_tools, STORE_NO_TRANSACTION, path, &p, 1);
}

/* Makes a directory that dom0 owns and the domain may read. */
static int make_readable(const struct managed_domain *d, const char *path)
{
    struct store_permission p[] = {{.domid = 0}, {.domid = d->domid, .read = true}};
    int error = xs_mkdir(service_tools, STORE_NO_TRANSACTION, path);

    return error ? error : xs_set_permissions(service_tools, STORE_NO_TRANSACTION, path, p, 2);
}

static void node_paths(const struct managed_domain *d, char base[64], char vm[64])
{
    char uuid[37];

    uuid_format(uuid, d->config.uuid);
    snprintf(base, 64, "/local/domain/%u", d->domid);
    snprintf(vm, 64, "/vm/%s", uuid);
}

static int write_all_nodes(const struct managed_domain *d, const struct build_result *built)
{
    static const char *const own[] = {"data",
                                      "drivers",
                                      "feature",
                                      "attr",
                                      "error",
                                      "control/shutdown",
                                      "control/sysrq",
                                      "control/feature-poweroff",
                                      "control/feature-reboot",
                                      "control/feature-suspend",
                                      "device/suspend/event-channel"};
    const struct guest_config *c = &d->config;
    char base[64], vm[64];
    int error;

    node_paths(d, base, vm);
    /* A former domain of that number may have left nodes, for lack of memory. */
    error = xs_domain_gone(service_store, d->domid);
    error = error ? error : xs_remove(service_tools, STORE_NO_TRANSACTION, base);
    error = error && error != XEN_ENOENT ? error : make_readable(d, base);
    error = error ? error : make_readable(d, vm);
    error = error ? error : write_node(base, "vm", vm);
    error = error ? error : write_node(base, "name", c->name);
    error = error ? error : write_number_node(base, "domid", d->domid);
    error = error ? error : write_node(vm, "name", c->name);
    error = error ? error : write_node(vm, "uuid", vm + 4);
    error = error ? error
                  : write_number_node(vm, "start_time", platform_wall_clock() / 1000000000ull);
    error = error ? error
                  : write_number_node(base, "memory/static-max", (uint64_t)c->maxmem_mib << 10);
    error = error ? error : write_number_node(base, "memory/target", (uint64_t)c->memory_mib << 10);
    error = error ? error : write_number_node(base, "store/ring-ref", built->store_frame);
    error = error ? error : write_number_node(base, "store/port", built->store_port);
    error = error ? error : write_number_node(base, "console/ring-ref", built->console_frame);
    error = error ? error : write_number_node(base, "console/port", built->console_port);
    error = error ? error : write_node(base, "console/type", "xenconsoled");
    error = error ? error : write_number_node(base, "console/limit", CONSOLE_LOG_SIZE);
    error = error ? error
                  : write_node(base, "control/platform-feature-multiprocessor-suspend", "1");
    error = error ? error : write_node(base, "control/platform-feature-xs_reset_watches", "1");
    error = error ? error : write_node(base, "device", "");
    error = error ? error : domain_write_availability(d, STORE_NO_TRANSACTION, c->vcpus);
    for (size_t i = 0; !error && i < sizeof(own) / sizeof(own[0]); i++)
        error = make_own(d, base, own[i]);
    return error;
}

int domain_nodes_write(const struct managed_domain *d, const struct build_result *built,
                       struct error *e)
{
    int error = write_all_nodes(d, built);

    return error ? error_set(e, "writing to the store: %s", error_words(error)) : 0;
}

void domain_nodes_remove(const struct managed_domain *d)
{
    char base[64], vm[64];

    node_paths(d, base, vm);
    /* Even removing needs memory; if that is short for the moment, it is waited for a little. */
    for (unsigned int i = 0; i < REMOVE_ATTEMPTS; i++) {
        int base_error = xs_remove(service_tools, STORE_NO_TRANSACTION, base);
        int vm_error = xs_remove(service_tools, STORE_NO_TRANSACTION, vm);
        int gone_error = xs_domain_gone(service_store, d->domid);

        if (base_error != XEN_ENOMEM && vm_error != XEN_ENOMEM && gone_error != XEN_ENOMEM)
            return;
        platform_sleep(REMOVE_DELAY);
    }
}
