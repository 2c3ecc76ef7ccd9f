/* SPDX-License-Identifier: MIT */
/*
 * The service (tools/service.h) beside Debian's own tools: what they know of domains stands in the
 * store and in libxl's files, and this is where it is asked for and changed. Nothing is kept here
 * between two requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/control.h>
#include <tools/scheduling.h>
#include <tools/service.h>

#include "domain_nodes.h"
#include "userdata.h"
#include "xenstore.h"

#define SECOND     1000000000ull /* ns */
#define LIST_CHUNK 32            /* domains asked for at a time */

/* ---- Names ---- */

const char *service_name(domid_t domid, char name[GUEST_NAME_SIZE])
{
    char *value = domain_node_read(domid, "name");

    snprintf(name, GUEST_NAME_SIZE, "%s", value ? value : domid ? "(null)" : "Domain-0");
    free(value);
    return name;
}

/* @return whether @text is a number, one that a domain may have. */
static bool read_number(const char *text, domid_t *domid)
{
    unsigned long number;
    char *end;

    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || number >= DOMID_FIRST_RESERVED)
        return false;
    *domid = (domid_t)number;
    return true;
}

/* Not by service_name(), which cuts a long name and makes one up where there is none. */
static bool has_name(domid_t domid, const char *name)
{
    char *value = domain_node_read(domid, "name");
    bool same = value ? !strcmp(value, name) : !domid && !strcmp(name, "Domain-0");

    free(value);
    return same;
}

/*
 * Looks for a domain with that name among all. @return 1; 0 if there is none; -1 with the reason in
 * @e.
 */
static int find_named(const char *name, domid_t *domid, struct error *e)
{
    struct xen_domctl_getdomaininfo list[LIST_CHUNK];
    domid_t next = 0;
    int count;

    do {
        count = control_list(next, list, LIST_CHUNK, e);
        for (int i = 0; i < count; i++) {
            *domid = list[i].domain;
            if (has_name(*domid, name))
                return 1;
        }
        if (count > 0)
            next = (domid_t)(list[count - 1].domain + 1);
    } while (count == LIST_CHUNK);
    return count < 0 ? -1 : 0;
}

int service_find(const char *name_or_number, domid_t *domid, struct error *e)
{
    struct xen_domctl_getdomaininfo info;
    int found;

    if (read_number(name_or_number, domid))
        return control_domain_info(*domid, &info) ? error_set(e, "there is no domain %u", *domid)
                                                  : 0;
    if (xenstore_open(e)) /* where the names are */
        return -1;
    found = find_named(name_or_number, domid, e);
    return found ? found < 0 ? -1 : 0
                 : error_set(e, "there is no domain named '%s'", name_or_number);
}

int service_rename(domid_t domid, const char *name, struct error *e)
{
    domid_t other;
    int found;

    if (guest_name_check(name, e) || xenstore_open(e))
        return -1;
    found = find_named(name, &other, e);
    if (found > 0 && other != domid)
        return error_set(e, "domain %u is named '%s' already", other, name);
    return found < 0 ? -1 : domain_name_change(domid, name, e);
}

/* ---- Life ---- */

bool service_is_alive(domid_t domid)
{
    struct xen_domctl_getdomaininfo info;

    return !control_domain_info(domid, &info) &&
           !(info.flags & (XEN_DOMINF_shutdown | XEN_DOMINF_dying));
}

int service_request_stop(domid_t domid, const char *word, struct error *e)
{
    if (!domid)
        return error_set(e, "domain 0 is this system, which its own commands stop");
    if (!service_is_alive(domid))
        return error_set(e, "it has stopped already");
    return domain_node_change(domid, "control/shutdown", word, e);
}

int service_sysrq(domid_t domid, char key, struct error *e)
{
    char value[] = {key, '\0'};

    return domain_node_change(domid, "control/sysrq", value, e);
}

int service_unpause(domid_t domid, struct error *e)
{
    return control_unpause(domid, e);
}

int service_pause(domid_t domid, struct error *e)
{
    return domid ? control_pause(domid, e) : error_set(e, "domain 0 cannot be paused");
}

int service_destroy(domid_t domid, struct error *e)
{
    struct xen_domctl_getdomaininfo info;
    int devices;

    if (!domid)
        return error_set(e, "domain 0 cannot be destroyed");
    if (control_domain_info(domid, &info))
        return error_set(e, "there is no domain %u", domid);
    if (xenstore_open(e)) /* before anything is lost: its nodes would stay */
        return -1;
    devices = domain_has_devices(domid, e);
    if (devices < 0)
        return -1;
    if (devices)
        return error_set(e, "it has devices, which xl attached and has to detach: use xl destroy");
    if (control_destroy(domid, e))
        return -1;
    domain_nodes_remove(domid, info.handle);
    userdata_remove(domid, info.handle);
    return 0;
}

/* ---- vCPUs ---- */

int service_set_vcpus(domid_t domid, unsigned int count, struct error *e)
{
    struct xen_domctl_getdomaininfo info;

    if (control_domain_info(domid, &info) || info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID)
        return error_set(e, "it has no vCPUs");
    if (!count)
        return error_set(e, "a domain needs one vCPU at least");
    if (count > info.max_vcpu_id + 1)
        return error_set(e, "%u vCPUs are more than the domain's maxvcpus, %u", count,
                         info.max_vcpu_id + 1);
    return domain_availability_change(domid, count, info.max_vcpu_id + 1, e);
}

int service_set_share(domid_t domid, const unsigned int *weight, const unsigned int *cap,
                      struct error *e)
{
    struct cpu_share share;

    return control_change_share(domid, weight, cap, &share, e);
}

/* ---- Questions ---- */

int service_config(domid_t domid, struct guest_config *config)
{
    return -1; /* libxl's files are libxl's to read */
}

bool service_uptime(domid_t domid, uint64_t *nanoseconds)
{
    uint64_t now = platform_wall_clock() / SECOND, start;

    if (!domid) {
        *nanoseconds = platform_now();
        return true;
    }
    if (!domain_start_time(domid, &start))
        return false;
    *nanoseconds = now > start ? (now - start) * SECOND : 0; /* the clock may have been set */
    return true;
}
