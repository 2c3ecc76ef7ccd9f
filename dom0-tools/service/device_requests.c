/* SPDX-License-Identifier: MIT */
/* Requests about single devices of running domains: attach, detach, state. See tools/service.h. */
#include <stdio.h>

#include <public/io/xenbus.h>

#include "device_late.h"
#include "device_nodes.h"
#include "domains.h"

static struct managed_domain *find_running(domid_t domid, struct error *e)
{
    if (domid)
        return managed_domain_running(domid, e);
    error_set(e, "domain 0 has its devices from the machine");
    return NULL;
}

/*
 * Waits for the back end of a device that is in the configuration, and whose nodes were written
 * with that error. Takes all of it back if anything fails.
 */
static int finish_attach(const struct device *v, int error, struct error *e)
{
    struct managed_domain *d;
    int status;

    if (error)
        status = error_set(e, "%s: writing to the store: %s", v->name, error_words(error));
    else
        status = device_wait_ready(v, e);
    d = managed_domain_find(v->domid);
    if (!d || d->life != LIFE_RUNNING)
        status = error_set(e, "%s: the domain has stopped", v->name);
    if (!status)
        return 0;
    /*
     * Also when the domain has gone with its devices: the nodes may have been written after that.
     */
    if (!error && device_back_state(v) != XenbusStateUnknown) {
        device_ask_gone(v);
        device_wait_closed(v);
        device_remove_nodes(v);
    }
    d = managed_domain_find(v->domid);
    if (d && d->life == LIFE_RUNNING)
        device_forget(d, v);
    return -1;
}

int service_attach_disk(domid_t domid, const struct disk_config *disk, struct error *e)
{
    struct managed_domain *d = find_running(domid, e);
    struct device v;

    if (!d)
        return -1;
    if (guest_config_disk(&d->config, disk->number))
        return error_set(e, "domain '%s' has a disk %s already", d->config.name, disk->vdev);
    if (!guest_config_add_disk(&d->config, disk))
        return error_set(e, "not enough memory");
    v = device_of_disk(domid, disk);
    return v.empty ? 0 : finish_attach(&v, device_write_disk(&v, disk), e);
}

int service_attach_vif(domid_t domid, struct vif_config *vif, struct error *e)
{
    struct managed_domain *d = find_running(domid, e);
    struct device v;

    if (!d)
        return -1;
    if (vif->devid_set && guest_config_vif(&d->config, vif->devid))
        return error_set(e, "domain '%s' has a vif %u already", d->config.name, vif->devid);
    if (!vif->devid_set)
        vif->devid = guest_config_free_devid(&d->config);
    if (vif->devid > VIF_MAX_DEVID)
        return error_set(e, "domain '%s' has as many vifs as it may have", d->config.name);
    vif->devid_set = true;
    if (!vif->mac_set)
        managed_domain_make_mac(vif);
    if (!guest_config_add_vif(&d->config, vif))
        return error_set(e, "not enough memory");
    v = device_of_vif(domid, vif);
    return finish_attach(&v, device_write_vif(&v, vif), e);
}

static int detach_device(const struct device *v, bool force, struct error *e)
{
    int error = force ? device_ask_gone(v) : device_ask_close(v);

    if (error)
        return error_set(e, "%s: writing to the store: %s", v->name, error_words(error));
    if (!device_wait_closed(v) && !force) {
        device_late_begin(v);
        return error_set(e,
                         "%s: the domain does not let go of it, it may be in use; once it does, "
                         "the device is taken away",
                         v->name);
    }
    device_take_away(v);
    /*
     * A front driver may write once more to the node that it loses. That must not hit the next
     * device's.
     */
    platform_sleep(DEVICE_MOMENT);
    return 0;
}

int service_detach_disk(domid_t domid, uint32_t number, bool force, struct error *e)
{
    const struct managed_domain *d = find_running(domid, e);
    const struct disk_config *disk = d ? guest_config_disk(&d->config, number) : NULL;
    struct device v;

    if (!d)
        return -1;
    if (!disk)
        return error_set(e, "domain '%s' has no disk %u", d->config.name, number);
    v = device_of_disk(domid, disk);
    return detach_device(&v, force, e);
}

int service_detach_vif(domid_t domid, unsigned int devid, bool force, struct error *e)
{
    const struct managed_domain *d = find_running(domid, e);
    const struct vif_config *vif = d ? guest_config_vif(&d->config, devid) : NULL;
    struct device v;

    if (!d)
        return -1;
    if (!vif)
        return error_set(e, "domain '%s' has no vif %u", d->config.name, devid);
    v = device_of_vif(domid, vif);
    return detach_device(&v, force, e);
}

void service_device_state(domid_t domid, enum device_kind kind, uint32_t id,
                          struct device_state *state)
{
    struct device v;

    device_locate(&v, domid, kind, id);
    snprintf(state->frontend, sizeof(state->frontend), "%s", v.front);
    snprintf(state->backend, sizeof(state->backend), "%s", v.back);
    state->state = device_read_number(v.front, "state");
    state->event_channel = device_read_number(v.front, "event-channel");
    state->ring_ref = device_read_number(v.front, "ring-ref");
    state->tx_ring_ref = device_read_number(v.front, "tx-ring-ref");
    state->rx_ring_ref = device_read_number(v.front, "rx-ring-ref");
}
