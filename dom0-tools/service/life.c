/* SPDX-License-Identifier: MIT */
/*
 * What happens to domains that stop: their configurations' on_poweroff, on_reboot and on_crash.
 *
 * The hypervisor raises VIRQ_DOM_EXC when any domain stops or dies; it does not say which, so all records are
 * looked at. A restart builds a domain, which takes long: it gets a thread of its own, so that the other
 * domains' rings are served meanwhile.
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

static void restart(void *argument)
{
    struct guest_config *config = argument;
    struct error e;
    domid_t domid;

    if (service_create(config, false, &domid, &e))
        service_notice(e.text);
    else
        say(managed_find(domid), "is running again");
    guest_config_free(config);
    free(config);
}

static void start_again(const struct guest_config *config)
{
    struct guest_config *copy = malloc(sizeof(*copy));

    if (copy && !guest_config_copy(copy, config) &&
        !platform_thread_start("restart", restart, copy))
        return;
    service_notice("not enough memory to restart a domain");
    free(copy);
}

static void destroy(struct managed_domain *d)
{
    struct error e;

    if (service_destroy(d->domid, &e))
        service_notice(e.text);
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

static void act(struct managed_domain *d, const char *what, enum stop_action action)
{
    struct guest_config config;
    struct error e;

    say(d, "%s: %s", what, stop_action_word(action));
    d->life = LIFE_STOPPED;
    if (action == STOP_PRESERVE)
        return;
    if (action == STOP_DESTROY) {
        destroy(d);
        return;
    }
    if (guest_config_copy(&config, &d->config)) {
        service_notice("not enough memory to restart a domain");
        return;
    }
    if (action == STOP_RESTART)
        destroy(d);
    else if (step_aside(d, &e))
        service_notice(e.text);
    else
        memset(config.uuid, 0, sizeof(config.uuid)); /* the old one keeps its own */
    start_again(&config);
    guest_config_free(&config);
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
        act(d, "was stopped by its watchdog", d->config.on_crash);
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
            destroy(d);
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
