/* SPDX-License-Identifier: MIT */
/*
 * What happens to domains that stop: their configurations' on_poweroff, on_reboot and on_crash.
 *
 * The hypervisor raises VIRQ_DOM_EXC when any domain stops or dies; it does not say which, so all
 * records are looked at.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/sched.h>

#include <tools/control.h>

#include "state.h"

static void __attribute__((format(printf, 2, 3)))
say(const struct managed_domain *d, const char *format, ...)
{
    char what[128], text[ERROR_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    snprintf(text, sizeof(text), "domain '%s' (%u) %s", d->config.name, d->domid, what);
    service_notice(text);
}

/* Creates a domain from a copied configuration, and frees that. */
static void start_again(struct guest_config *config)
{
    struct error e;
    domid_t domid;

    if (service_create(config, false, &domid, &e))
        service_notice(e.text);
    else
        say(managed_find(domid), "is running again");
    guest_config_free(config);
}

/* Renames a stopped domain to name-1, name-2, ... so that its name is free. */
static int step_aside(struct managed_domain *d, struct error *e)
{
    char name[GUEST_NAME_SIZE + 8];

    for (unsigned int i = 1; i < 1000; i++) {
        snprintf(name, sizeof(name), "%.50s-%u", d->config.name, i);
        if (!service_rename(d->domid, name, e))
            return 0;
    }
    return -1;
}

/* Keeps a stopped domain without its name, UUID and devices, which are for the new one. */
static void set_aside(struct managed_domain *d, struct guest_config *config)
{
    struct error e;

    if (step_aside(d, &e))
        service_notice(e.text);
    else
        memset(config->uuid, 0, sizeof(config->uuid)); /* the old one keeps its own */
    remove_devices(d);
    d->config.disk_count = d->config.vif_count = 0;
    d->life = LIFE_STOPPED;
}

/* A domain that is in LIFE_STOPPING, and that nobody else touches therefore. */
struct ending {
    struct managed_domain *domain;
    enum stop_action action;
};

static void end(void *argument)
{
    struct ending ending = *(struct ending *)argument;
    struct managed_domain *d = ending.domain;
    struct guest_config config;
    struct error e;

    free(argument);
    if (ending.action != STOP_DESTROY && guest_config_copy(&config, &d->config)) {
        service_notice("not enough memory to restart a domain");
        d->life = LIFE_STOPPED;
        return;
    }
    if (ending.action == STOP_RENAME_RESTART)
        set_aside(d, &config);
    else if (destroy_managed(d, &e))
        service_notice(e.text);
    if (ending.action != STOP_DESTROY)
        start_again(&config);
}

/* What takes long, or waits, has a thread of its own: the rings of others are served meanwhile. */
static void start_ending(struct managed_domain *d, enum stop_action action)
{
    struct ending *ending = malloc(sizeof(*ending));

    d->life = LIFE_STOPPING;
    if (ending) {
        ending->domain = d;
        ending->action = action;
        if (!platform_thread_start("ending", end, ending))
            return;
        free(ending);
    }
    /* Short of memory: what gives memory back is done here, even if it takes seconds. */
    if (action == STOP_DESTROY) {
        destroy_managed(d, NULL);
        return;
    }
    d->life = LIFE_STOPPED;
    service_notice("not enough memory to restart a domain");
}

static void act(struct managed_domain *d, const char *what, enum stop_action action)
{
    action = stop_action_part(action);
    say(d, "%s: %s", what, stop_action_word(action));
    if (action == STOP_PRESERVE)
        d->life = LIFE_STOPPED;
    else
        start_ending(d, action);
}

static void stopped(struct managed_domain *d, unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        act(d, "has powered off", d->config.on_poweroff);
        break;
    case SHUTDOWN_reboot:
        act(d, "reboots", d->config.on_reboot);
        break;
    case SHUTDOWN_crash:
        act(d, "has crashed", d->config.on_crash);
        break;
    case SHUTDOWN_watchdog:
        act(d, "was stopped by its watchdog", d->config.on_watchdog);
        break;
    case SHUTDOWN_soft_reset:
        act(d, "asks for a soft reset", d->config.on_soft_reset);
        break;
    default: /* suspended, or what we cannot do: kept as it is */
        act(d, "has stopped", STOP_PRESERVE);
        break;
    }
}

/* Handles the first domain found to need it. Returns whether there was one. */
static bool look_after_one(void)
{
    for (struct managed_domain *d = service_domains; d; d = d->next) {
        struct xen_domctl_getdomaininfo info;

        if (d->life != LIFE_RUNNING)
            continue;
        if (control_domain_info(d->domid, &info) || (info.flags & XEN_DOMINF_dying)) {
            say(d, "is gone");
            start_ending(d, STOP_DESTROY);
            return true;
        }
        if (info.flags & XEN_DOMINF_shutdown) {
            stopped(d, (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
            return true;
        }
    }
    return false;
}

void look_after_domains(void)
{
    /* Each handled domain leaves the list or LIFE_RUNNING, so this ends. */
    while (look_after_one())
        ;
}
