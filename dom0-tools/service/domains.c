/* SPDX-License-Identifier: MIT */
/* The records of the domains that the service has created: see domains.h. */
#include "domains.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tools/control.h>

struct managed_domain *service_domains;
service_notice_fn *service_notice;
char service_dom0_name[GUEST_NAME_SIZE] = "Domain-0";

/* ---- Looking up ---- */

static struct index numbers, names, uuids;

struct managed_domain *managed_domain_find(domid_t domid)
{
    struct managed_domain *gone = NULL;

    for (struct index_entry *e = index_first(&numbers, domid); e; e = index_next(e)) {
        struct managed_domain *d = index_owner(e, struct managed_domain, by_number);

        if (d->exists)
            return d;
        gone = d;
    }
    return domid == DOMID_INVALID ? NULL : gone;
}

void managed_domain_set_number(struct managed_domain *d, domid_t domid)
{
    d->domid = domid;
    index_leave(&d->by_number);
    index_enter(&numbers, &d->by_number, domid);
}

void managed_domain_set_name(struct managed_domain *d, const char *name)
{
    snprintf(d->config.name, sizeof(d->config.name), "%s", name);
    index_leave(&d->by_name);
    index_enter(&names, &d->by_name, index_key(name, strlen(name)));
}

struct managed_domain *managed_domain_named(const char *name)
{
    struct index_entry *e = index_first(&names, index_key(name, strlen(name)));

    while (e && strcmp(index_owner(e, struct managed_domain, by_name)->config.name, name) != 0)
        e = index_next(e);
    return index_owner_or_null(e, struct managed_domain, by_name);
}

struct managed_domain *managed_domain_serial(uint64_t serial)
{
    struct managed_domain *d = service_domains;

    while (d && d->serial != serial)
        d = d->next;
    return d;
}

int managed_domain_missing(domid_t domid, struct error *e)
{
    struct xen_domctl_getdomaininfo info;

    if (control_domain_info(domid, &info))
        return error_set(e, "there is no domain %u", domid);
    if (info.flags & XEN_DOMINF_dying)
        return error_set(e, "domain %u is dying", domid);
    return error_set(e, "domain %u was not created here", domid);
}

struct managed_domain *managed_domain_running(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_domain_find(domid);

    if (!d) {
        managed_domain_missing(domid, e);
        return NULL;
    }
    switch (d->life) {
    case LIFE_RUNNING:
        return d;
    case LIFE_BUILDING:
    case LIFE_DYING:
        error_set(e, "domain '%s' is %s", d->config.name,
                  d->restarting              ? "being rebuilt"
                  : d->life == LIFE_BUILDING ? "being created"
                                             : "dying");
        break;
    case LIFE_STOPPING:
    case LIFE_STOPPED:
        error_set(e, "domain '%s' has stopped", d->config.name);
        break;
    }
    return NULL;
}

void managed_domain_say(const struct managed_domain *d, const char *format, ...)
{
    char what[192], text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(text, sizeof(text), "domain '%s' (%u) %s", d->config.name, d->domid, what);
    service_notice(text);
}

/* ---- Entering and leaving ---- */

static bool is_zero(const uint8_t uuid[16])
{
    static const uint8_t zero[16];

    return !memcmp(uuid, zero, sizeof(zero));
}

/* A random UUID, version 4 (RFC 4122). */
static void make_uuid(uint8_t uuid[16])
{
    platform_random(uuid, 16);
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static bool is_mac_taken(const uint8_t mac[6])
{
    for (const struct managed_domain *d = service_domains; d; d = d->next)
        for (unsigned int i = 0; i < d->config.vif_count; i++)
            if (d->config.vifs[i].mac_set && !memcmp(d->config.vifs[i].mac, mac, 6))
                return true;
    return false;
}

void managed_domain_make_mac(struct vif_config *vif)
{
    static const uint8_t prefix[3] = {0x00, 0x16, 0x3e}; /* the Xen project's */

    memcpy(vif->mac, prefix, sizeof(prefix));
    do {
        platform_random(vif->mac + 3, 3);
    } while (is_mac_taken(vif->mac));
    vif->mac_set = true;
}

int managed_domain_check_name(const char *name, struct error *e)
{
    const struct managed_domain *d = managed_domain_named(name);

    if (!strcmp(name, service_dom0_name))
        return error_set(e, "the name '%s' is taken by domain 0", name);
    if (!d)
        return 0;
    if (d->life == LIFE_BUILDING)
        return error_set(e, "the name '%s' is taken by a domain that is being %s", name,
                         d->restarting ? "rebuilt" : "created");
    return error_set(e, "the name '%s' is taken by domain %u", name, d->domid);
}

static int check_uuid(const uint8_t uuid[16], struct error *e)
{
    struct index_entry *same = index_first(&uuids, index_key(uuid, 16));

    for (; same && !is_zero(uuid); same = index_next(same)) {
        const struct managed_domain *d = index_owner(same, struct managed_domain, by_uuid);

        if (!memcmp(d->config.uuid, uuid, 16))
            return error_set(e, "the UUID is taken by domain '%s'", d->config.name);
    }
    return 0;
}

struct managed_domain *managed_domain_enter(const struct guest_config *config, struct error *e)
{
    static uint64_t serials;
    struct managed_domain *d;

    if (managed_domain_check_name(config->name, e) || check_uuid(config->uuid, e))
        return NULL;
    d = calloc(1, sizeof(*d));
    if (!d || guest_config_copy(&d->config, config)) {
        free(d);
        error_set(e, "not enough memory");
        return NULL;
    }
    if (is_zero(d->config.uuid))
        make_uuid(d->config.uuid);
    for (unsigned int i = 0; i < d->config.vif_count; i++)
        if (!d->config.vifs[i].mac_set)
            managed_domain_make_mac(&d->config.vifs[i]);
    d->serial = ++serials;
    d->life = LIFE_BUILDING;
    d->console_port = -1;
    managed_domain_set_number(d, DOMID_INVALID);
    managed_domain_set_name(d, config->name);
    index_enter(&uuids, &d->by_uuid, index_key(d->config.uuid, 16));
    d->link = &service_domains;
    d->next = service_domains;
    if (d->next)
        d->next->link = &d->next;
    service_domains = d;
    return d;
}

void managed_domain_leave(struct managed_domain *d)
{
    *d->link = d->next;
    if (d->next)
        d->next->link = d->link;
    index_leave(&d->by_number);
    index_leave(&d->by_name);
    index_leave(&d->by_uuid);
    guest_config_free(&d->config);
    free(d);
}
