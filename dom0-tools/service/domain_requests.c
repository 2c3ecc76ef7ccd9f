/* SPDX-License-Identifier: MIT */
/* Questions about domains and small requests to them: see tools/service.h. */
#include <stdio.h>
#include <string.h>

#include <tools/control.h>

#include "domains.h"
#include "store_clients.h"

/* ---- Names ---- */

static int parse_domain_number(const char *text, domid_t *domid)
{
    unsigned int number = 0;

    if (!*text)
        return -1;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return -1;
        number = number * 10 + (unsigned int)(*text - '0');
        if (number >= DOMID_FIRST_RESERVED)
            return -1;
    }
    *domid = (domid_t)number;
    return 0;
}

int service_find(const char *name_or_number, domid_t *domid, struct error *e)
{
    struct xen_domctl_getdomaininfo info;
    const struct managed_domain *d;

    if (!parse_domain_number(name_or_number, domid)) {
        if (!managed_domain_find(*domid) && control_domain_info(*domid, &info))
            return error_set(e, "there is no domain %u", *domid);
        return 0;
    }
    if (!strcmp(name_or_number, service_dom0_name)) {
        *domid = 0;
        return 0;
    }
    d = managed_domain_named(name_or_number);
    if (!d)
        return error_set(e, "there is no domain named '%s'", name_or_number);
    if (d->domid == DOMID_INVALID)
        return error_set(e, "domain '%s' is being created", name_or_number);
    *domid = d->domid;
    return 0;
}

const char *service_name(domid_t domid, char name[GUEST_NAME_SIZE])
{
    const struct managed_domain *d = managed_domain_find(domid);

    snprintf(name, GUEST_NAME_SIZE, "%s",
             domid == 0 ? service_dom0_name
             : d        ? d->config.name
                        : "(null)");
    return name;
}

int service_rename(domid_t domid, const char *name, struct error *e)
{
    struct managed_domain *d = managed_domain_find(domid);
    char path[64];

    if (!d && domid != 0)
        return managed_domain_missing(domid, e);
    if (d && (d->life == LIFE_BUILDING || d->life == LIFE_DYING))
        return managed_domain_running(domid, e) ? 0 : -1;
    if (guest_name_check(name, e) || managed_domain_check_name(name, e))
        return -1;
    if (d)
        managed_domain_set_name(d, name);
    else
        snprintf(service_dom0_name, GUEST_NAME_SIZE, "%s", name);
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    xs_printf(service_tools, STORE_NO_TRANSACTION, path, "%s", name);
    platform_wake();
    return 0;
}

/* ---- Life ---- */

/* Writes to a node that the domain's kernel watches. */
static int write_control_node(domid_t domid, const char *node, const char *value, struct error *e)
{
    char path[64];
    int error;

    if (!managed_domain_running(domid, e))
        return -1;
    if (!store_client_is_connected(domid))
        return error_set(e, "domain %u has no connection to the store", domid);
    snprintf(path, sizeof(path), "/local/domain/%u/control/%s", domid, node);
    error = xs_write(service_tools, STORE_NO_TRANSACTION, path, value, strlen(value));
    platform_wake(); /* the event is to be delivered */
    return error ? error_set(e, "writing %s: %s", path, error_words(error)) : 0;
}

int service_request_stop(domid_t domid, const char *word, struct error *e)
{
    return write_control_node(domid, "shutdown", word, e);
}

int service_sysrq(domid_t domid, char key, struct error *e)
{
    char value[2] = {key, '\0'};

    return write_control_node(domid, "sysrq", value, e);
}

bool service_is_alive(domid_t domid)
{
    const struct managed_domain *d = managed_domain_find(domid);

    return d && d->exists && d->life != LIFE_STOPPED;
}

/* Whether the user may stop and start a domain's vCPUs: it is not being built or taken apart. */
static bool may_pause(domid_t domid, struct error *e)
{
    const struct managed_domain *d = managed_domain_find(domid);

    return !d || d->life == LIFE_STOPPED || managed_domain_running(domid, e);
}

int service_unpause(domid_t domid, struct error *e)
{
    return may_pause(domid, e) ? control_unpause(domid, e) : -1;
}

int service_pause(domid_t domid, struct error *e)
{
    if (!domid)
        return error_set(e, "domain 0 cannot be paused");
    return may_pause(domid, e) ? control_pause(domid, e) : -1;
}

/* ---- Questions ---- */

int service_config(domid_t domid, struct guest_config *config)
{
    const struct managed_domain *d = managed_domain_find(domid);

    return d ? guest_config_copy(config, &d->config) : -1;
}

bool service_uptime(domid_t domid, uint64_t *nanoseconds)
{
    const struct managed_domain *d = managed_domain_find(domid);

    if (domid && (!d || !d->started || d->life == LIFE_DYING))
        return false;
    *nanoseconds = platform_now() - (d ? d->started : 0);
    return true;
}
