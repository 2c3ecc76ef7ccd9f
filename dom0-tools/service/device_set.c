/* SPDX-License-Identifier: MIT */
/* All devices of a domain's configuration at once: see device_set.h. */
#include "device_set.h"

#include <public/io/xenbus.h>

#include "device_late.h"
#include "device_nodes.h"

/* The devices of a configuration, the disks first. @return whether there is an @n-th. */
static bool nth_device(const struct managed_domain *d, unsigned int n, struct device *v)
{
    const struct guest_config *c = &d->config;

    if (n < c->disk_count)
        *v = device_of_disk(d->domid, &c->disks[n]);
    else if (n - c->disk_count < c->vif_count)
        *v = device_of_vif(d->domid, &c->vifs[n - c->disk_count]);
    else
        return false;
    return true;
}

static int write_nth_device(const struct managed_domain *d, unsigned int n, const struct device *v)
{
    const struct guest_config *c = &d->config;

    return v->kind == DEVICE_DISK ? device_write_disk(v, &c->disks[n])
                                  : device_write_vif(v, &c->vifs[n - c->disk_count]);
}

int device_set_create(const struct managed_domain *d, struct error *e)
{
    struct device v;

    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        int error = v.empty ? 0 : write_nth_device(d, n, &v);

        if (error)
            return error_set(e, "%s: writing to the store: %s", v.name, error_words(error));
    }
    for (unsigned int n = 0; nth_device(d, n, &v); n++)
        if (!v.empty && device_wait_ready(&v, e))
            return -1;
    return 0;
}

void device_set_remove(const struct managed_domain *d)
{
    struct device v;

    /* All at once, then wait for all. */
    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        device_late_end(&v);
        if (device_back_state(&v) != XenbusStateUnknown)
            device_ask_gone(&v);
    }
    for (unsigned int n = 0; nth_device(d, n, &v); n++) {
        if (!device_wait_closed(&v))
            managed_domain_say(d, "goes while the back end of %s does not close", v.name);
        device_remove_nodes(&v);
    }
}
