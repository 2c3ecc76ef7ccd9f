/* SPDX-License-Identifier: MIT */
/* Devices that domains release late: see device_late.h. */
#include "device_late.h"

#include <stdlib.h>
#include <string.h>

void device_forget(struct managed_domain *d, const struct device *v)
{
    if (v->kind == DEVICE_DISK)
        guest_config_remove_disk(&d->config, v->id);
    else
        guest_config_remove_vif(&d->config, v->id);
}

/*
 * A device that its domain was asked to release, and did not release in time.
 */
struct late {
    struct late *next;
    struct device device;
};

static struct late *late_devices;
static bool waiting_late; /* there is a thread for them */

void device_late_end(const struct device *v)
{
    struct late **link = &late_devices, *l;

    while (*link && strcmp((*link)->device.back, v->back) != 0)
        link = &(*link)->next;
    l = *link;
    if (!l)
        return;
    *link = l->next;
    free(l);
}

void device_take_away(const struct device *v)
{
    struct managed_domain *d = managed_domain_find(v->domid);

    device_late_end(v);
    if (!d || d->life != LIFE_RUNNING)
        return; /* it goes with the domain */
    device_remove_nodes(v);
    d = managed_domain_find(v->domid);
    if (d && d->life == LIFE_RUNNING)
        device_forget(d, v);
}

/* Handles the first device that its domain has released. @return whether there was one. */
static bool look_after_one_late(void)
{
    const struct late *l = late_devices;
    const struct managed_domain *d;
    struct device v;

    while (l && !device_is_closed(&l->device))
        l = l->next;
    if (!l)
        return false;
    v = l->device;
    device_take_away(&v);
    d = managed_domain_find(v.domid);
    if (d)
        managed_domain_say(d, "has let go of %s", v.name);
    return true;
}

static void wait_late(void *unused)
{
    while (late_devices)
        if (!look_after_one_late())
            platform_sleep(DEVICE_MOMENT);
    waiting_late = false;
}

void device_late_begin(const struct device *v)
{
    struct late *l;

    device_late_end(v);
    l = malloc(sizeof(*l));
    if (!l)
        return;
    *l = (struct late){.next = late_devices, .device = *v};
    late_devices = l;
    if (!waiting_late)
        waiting_late = !platform_thread_start("late devices", wait_late, NULL);
}
