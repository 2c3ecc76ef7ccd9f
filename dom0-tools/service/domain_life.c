/* SPDX-License-Identifier: MIT */
/*
 * The life of domains: see domain_life.h.
 *
 * Creation enters the record first, so that the name is taken while building waits, and undoes
 * everything if a step fails. A domain that is restarted keeps its record, and so its name, from
 * its end to its next start: requests about it are refused meanwhile, with a message that it is
 * being rebuilt, and a request to destroy it cancels the restart.
 *
 * The hypervisor raises VIRQ_DOM_EXC when any domain stops or dies, and can be asked which ones.
 * Older ones cannot: then all records are looked at.
 */
#include "domain_life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/sched.h>

#include <tools/control.h>
#include <tools/utf8.h>

#include "construction.h"
#include "device_set.h"
#include "domain_rings.h"
#include "store_clients.h"

#define DESTROY_POLL 20000000ull /* ns between checks whether a domain is destroyed yet */

/* ---- Creation and destruction ---- */

/* Builds what a record asks for, and starts it. On failure the record stays. May wait. */
static int managed_domain_start(struct managed_domain *d, bool paused, struct error *e)
{
    d->life = LIFE_BUILDING;
    d->started = 0;
    if (domain_construct(d, e))
        return -1;
    d->life = LIFE_RUNNING;
    d->restarting = false;
    d->started = platform_now();
    store_clients_introduced();
    if (paused || !control_unpause(d->domid, e))
        return 0;
    domain_dismantle(d, NULL);
    store_clients_released();
    return -1;
}

/* Creates a domain that has come to an end @quick_ends times already, soon after its start. */
static int managed_domain_create(const struct guest_config *config, bool paused,
                                 unsigned int quick_ends, domid_t *domid, struct error *e)
{
    struct managed_domain *d = managed_domain_enter(config, e);

    if (d) {
        d->quick_ends = quick_ends;
        if (!managed_domain_start(d, paused, e)) {
            *domid = d->domid;
            return 0;
        }
        managed_domain_leave(d);
    }
    return error_prefix(e, "cannot create '%s'", config->name);
}

int service_create(const struct guest_config *config, bool paused, domid_t *domid, struct error *e)
{
    return managed_domain_create(config, paused, 0, domid, e);
}

void service_cancel_create(const char *name)
{
    struct managed_domain *d = managed_domain_named(name);

    if (d && d->life == LIFE_BUILDING && !d->restarting)
        d->cancelled = true;
}

/* Takes a domain apart, and its record with it. May wait. */
static int managed_domain_remove(struct managed_domain *d, struct error *e)
{
    int status = domain_dismantle(d, e);

    store_clients_released();
    managed_domain_leave(d);
    return status;
}

/* Has the thread that builds or ends a domain destroy it, and waits until that is done. */
static int managed_domain_cancel(struct managed_domain *d)
{
    uint64_t serial = d->serial;

    d->cancelled = true;
    while (managed_domain_serial(serial))
        platform_sleep(DESTROY_POLL);
    return 0;
}

int service_destroy(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_domain_find(domid);

    if (domid == 0)
        return error_set(e, "domain 0 cannot be destroyed");
    if (!d)
        return control_destroy(domid, e); /* not made by us, or left by a former service */
    if (d->life == LIFE_RUNNING || d->life == LIFE_STOPPED)
        return managed_domain_remove(d, e);
    return managed_domain_cancel(d);
}

/* ---- What becomes of a domain that has stopped ---- */

/* Gives a stopped domain a name that is free: name-1, name-2, ... */
static int step_aside(struct managed_domain *d, struct error *e)
{
    char name[GUEST_NAME_SIZE];
    size_t whole = strlen(d->config.name), room = GUEST_NAME_SIZE - sizeof("-999");

    whole = utf8_whole(d->config.name, whole < room ? whole : room);
    for (unsigned int i = 1; i < 1000; i++) {
        snprintf(name, sizeof(name), "%.*s-%u", (int)whole, d->config.name, i);
        if (!service_rename(d->domid, name, e))
            return 0;
    }
    return -1;
}

/*
 * Takes name, UUID and devices, which are for the new one, from a stopped domain that is kept. May
 * wait; its life is what it was.
 */
static void set_aside(struct managed_domain *d, struct guest_config *config)
{
    struct error e;

    if (step_aside(d, &e))
        service_notice(e.text);
    else
        memset(config->uuid, 0, sizeof(config->uuid)); /* the old one keeps its own */
    device_set_remove(d);
    d->config.disk_count = d->config.vif_count = 0;
}

/* Creates a domain in the place of one that was set aside. */
static void restart_in_place(const struct guest_config *config, unsigned int quick_ends)
{
    domid_t domid = 0;
    struct error e;

    if (managed_domain_create(config, false, quick_ends, &domid, &e))
        service_notice(e.text);
    else
        managed_domain_say(managed_domain_find(domid), "is running again");
}

/* Keeps a stopped domain, and creates another in its place; or neither if it is destroyed first. */
static void rename_and_restart(struct managed_domain *d)
{
    unsigned int quick_ends = d->quick_ends;
    struct guest_config config;
    struct error e;

    if (guest_config_copy(&config, &d->config)) {
        managed_domain_say(d, "is kept: there is not enough memory to restart it");
        d->life = LIFE_STOPPED;
        return;
    }
    set_aside(d, &config);
    if (!d->cancelled) {
        d->life = LIFE_STOPPED;
        restart_in_place(&config, quick_ends);
    } else if (managed_domain_remove(d, &e)) {
        service_notice(e.text);
    }
    guest_config_free(&config);
}

/* Takes a stopped domain apart and builds it again, under the same record. */
static void managed_domain_restart(struct managed_domain *d)
{
    struct error e;

    d->restarting = true;
    if (domain_dismantle(d, &e))
        service_notice(e.text);
    store_clients_released();
    if (!d->cancelled && !managed_domain_start(d, false, &e)) {
        managed_domain_say(d, "is running again");
        return;
    }
    if (!d->cancelled)
        managed_domain_say(d, "cannot be restarted: %s", e.text);
    managed_domain_leave(d);
}

/* A domain in LIFE_STOPPING, which keeps others from touching it, and what is to become of it. */
struct ending {
    struct managed_domain *domain;
    enum stop_action action;
};

static void end_domain(void *argument)
{
    struct ending ending = *(struct ending *)argument;
    struct managed_domain *d = ending.domain;
    struct error e;

    free(argument);
    if (d->cancelled || ending.action == STOP_DESTROY) {
        if (managed_domain_remove(d, &e))
            service_notice(e.text);
    } else if (ending.action == STOP_RENAME_RESTART) {
        rename_and_restart(d);
    } else {
        managed_domain_restart(d);
    }
}

/* What takes long, or waits, has a thread of its own: the rings of others are served meanwhile. */
static void start_ending(struct managed_domain *d, enum stop_action action)
{
    struct ending *ending = malloc(sizeof(*ending));

    d->life = LIFE_STOPPING;
    if (ending) {
        ending->domain = d;
        ending->action = action;
        if (!platform_thread_start("ending", end_domain, ending))
            return;
        free(ending);
    }
    /* Short of memory: what gives memory back is done here, even if it takes seconds. */
    if (action == STOP_DESTROY) {
        managed_domain_remove(d, NULL);
        return;
    }
    managed_domain_say(d, "is kept: there is not enough memory to restart it");
    d->life = LIFE_STOPPED;
}

static void act_on_end(struct managed_domain *d, const char *what, enum stop_action action)
{
    action = stop_action_part(action);
    managed_domain_say(d, "%s: %s", what, stop_action_word(action));
    if (action == STOP_PRESERVE)
        d->life = LIFE_STOPPED;
    else
        start_ending(d, action);
}

/* The same for a failure, which is not repeated for ever. */
static void act_on_failure(struct managed_domain *d, const char *what, enum stop_action action)
{
    bool quick = platform_now() - d->started < QUICK_LIFE;

    d->quick_ends = quick ? d->quick_ends + 1 : 0;
    if (d->quick_ends < QUICK_ENDS || stop_action_part(action) == STOP_DESTROY ||
        stop_action_part(action) == STOP_PRESERVE) {
        act_on_end(d, what, action);
        return;
    }
    managed_domain_say(d, "%s, %u times in a row within seconds of its start: it is left dead",
                       what, d->quick_ends);
    d->quick_ends = 0;
    d->life = LIFE_STOPPED;
}

static void domain_stopped(struct managed_domain *d, unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        act_on_end(d, "has powered off", d->config.on_poweroff);
        break;
    case SHUTDOWN_reboot:
        act_on_end(d, "reboots", d->config.on_reboot);
        break;
    case SHUTDOWN_crash:
        act_on_failure(d, "has crashed", d->config.on_crash);
        break;
    case SHUTDOWN_watchdog:
        act_on_failure(d, "was stopped by its watchdog", d->config.on_watchdog);
        break;
    case SHUTDOWN_soft_reset:
        act_on_end(d, "asks for a soft reset", d->config.on_soft_reset);
        break;
    default: /* suspended, or what we cannot do: kept as it is */
        act_on_end(d, "has stopped", STOP_PRESERVE);
        break;
    }
}

/* @return whether the domain needed to be handled; its record may be gone then. */
static bool look_after(struct managed_domain *d)
{
    struct xen_domctl_getdomaininfo info;

    if (d->life != LIFE_RUNNING)
        return false;
    if (control_domain_info(d->domid, &info) || (info.flags & XEN_DOMINF_dying)) {
        managed_domain_say(d, "is gone");
        start_ending(d, STOP_DESTROY);
        return true;
    }
    if (info.flags & XEN_DOMINF_shutdown) {
        d->last_words = domain_rings_show_last_words(d);
        if (d->last_words)
            return false; /* console_clients_follow() has it looked at again */
        domain_stopped(d, (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
        return true;
    }
    return false;
}

void domain_life_look_at(domid_t domid)
{
    struct managed_domain *d = managed_domain_find(domid);

    if (d)
        look_after(d);
}

void domain_life_look(void)
{
    struct managed_domain *d = service_domains;

    /* Each handled domain leaves the list or LIFE_RUNNING, so this ends. */
    while (d)
        d = look_after(d) ? service_domains : d->next;
}
