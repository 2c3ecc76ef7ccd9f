/* SPDX-License-Identifier: MIT */
/*
 * Network back driver: vifs in the store, from the features that it offers to a port of the bridge.
 * The rings are netback_transmit.c's and netback_receive.c's.
 */
#include <clock.h>
#include <errno.h>
#include <events.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <drivers/netback.h>

#include "netback_internal.h"

#define MICROSECOND 1000u
#define MAX_RATE    (1ull << 40) /* bytes in an interval */

static struct vif *vifs;

void vif_break(struct vif *vif, const char *format, ...)
{
    char text[120];
    va_list arguments;

    if (vif->broken)
        return;
    vif->broken = true;
    vif->port.carrier = false;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    split_fail(vif->device, -EINVAL, "the front end is closed: %s", text);
}

static void bad_grant(struct net_port *port, grant_ref_t ref)
{
    struct vif *vif = (struct vif *)((char *)port - offsetof(struct vif, port));

    vif_break(vif, "cannot copy with its grant reference %u", ref);
}

static const struct net_port_operations operations = {
    .send = vif_send,
    .flush = vif_flush,
    .bad_grant = bad_grant,
};

/*
 * A port stays masked until its work has run: a front end that never stops sending events gets one
 * upcall for each round of the work list, and no more.
 */
static void on_transmit_event(evtchn_port_t port, void *argument)
{
    struct vif *vif = argument;

    event_mask(port);
    work_schedule(&vif->transmit_work);
    if (port == (evtchn_port_t)vif->receive_port && vif->first_waiting)
        work_schedule(&vif->receive_work);
}

static void on_receive_event(evtchn_port_t port, void *argument)
{
    struct vif *vif = argument;

    event_mask(port);
    work_schedule(&vif->receive_work);
}

/* ---- Connecting ----------------------------------------------------------------------------- */

/* No event schedules work any more, and none is left of what others did. */
static void unbind(struct vif *vif)
{
    if (vif->transmit_port >= 0)
        event_close((evtchn_port_t)vif->transmit_port);
    if (vif->receive_port >= 0 && vif->receive_port != vif->transmit_port)
        event_close((evtchn_port_t)vif->receive_port);
    vif->transmit_port = vif->receive_port = -1;
    work_cancel(&vif->transmit_work);
    work_cancel(&vif->receive_work);
}

static void vif_disconnect(struct vif *vif)
{
    if (!vif->connected)
        return;
    vif->connected = false;
    vif->port.carrier = false;
    bridge_remove(&vif->port);
    unbind(vif);
    net_forget(&vif->port);
    vif_drop_waiting(vif);
    vif->slot_count = 0;
    grant_unmap(&vif->transmit_page);
    grant_unmap(&vif->receive_page);
}

static int vif_map_ring(struct vif *vif, const char *key, struct grant_mapping *mapping)
{
    grant_ref_t ref;
    uint64_t value;
    int error = split_other_number(vif->device, key, &value);

    if (error)
        return error;
    ref = (grant_ref_t)value;
    return value == ref ? grant_map(mapping, vif->device->other, &ref, 1, false) : -EINVAL;
}

static int vif_bind_port(struct vif *vif, const char *key, event_handler handler)
{
    uint64_t value;
    int error = split_other_number(vif->device, key, &value);
    int port;

    if (error)
        return error;
    port = event_bind_interdomain(vif->device->other, (evtchn_port_t)value);
    if (port >= 0)
        event_set_handler((evtchn_port_t)port, handler, vif);
    return port;
}

static int bind_ports(struct vif *vif)
{
    vif->transmit_port = vif_bind_port(vif, "event-channel-tx", on_transmit_event);
    if (vif->transmit_port >= 0) {
        vif->receive_port = vif_bind_port(vif, "event-channel-rx", on_receive_event);
    } else {
        vif->transmit_port = vif_bind_port(vif, "event-channel", on_transmit_event);
        vif->receive_port = vif->transmit_port;
    }
    if (vif->receive_port >= 0)
        return 0;
    return vif->receive_port;
}

static void vif_read_features(struct vif *vif)
{
    const struct split_device *device = vif->device;
    struct net_features *features = &vif->port.features;

    vif->scatter_gather = split_other_feature(device, "feature-sg");
    features->csum_ipv4 = !split_other_feature(device, "feature-no-csum-offload");
    features->csum_ipv6 = split_other_feature(device, "feature-ipv6-csum-offload");
    features->tso_ipv4 = vif->scatter_gather && split_other_feature(device, "feature-gso-tcpv4");
    features->tso_ipv6 = vif->scatter_gather && split_other_feature(device, "feature-gso-tcpv6");
    vif->port.mtu = vif->scatter_gather ? NET_MAX_MTU : ETHERNET_MTU;
    if (vif->mtu && vif->mtu < vif->port.mtu)
        vif->port.mtu = vif->mtu;
}

static void vif_connect(struct vif *vif)
{
    struct split_device *device = vif->device;
    int error;

    if (vif->connected)
        return;
    if (!split_other_feature(device, "request-rx-copy")) {
        split_fail(device, -EOPNOTSUPP, "the front end does not ask for request-rx-copy");
        return;
    }
    vif_read_features(vif);
    vif->transmit_port = vif->receive_port = -1;
    error = vif_map_ring(vif, "tx-ring-ref", &vif->transmit_page);
    if (error) {
        split_fail(device, error, "cannot map the front end's tx-ring-ref");
        return;
    }
    error = vif_map_ring(vif, "rx-ring-ref", &vif->receive_page);
    if (error) {
        split_fail(device, error, "cannot map the front end's rx-ring-ref");
        goto no_receive;
    }
    BACK_RING_INIT(&vif->transmit, (netif_tx_sring_t *)vif->transmit_page.va, PAGE_SIZE);
    BACK_RING_INIT(&vif->receive, (netif_rx_sring_t *)vif->receive_page.va, PAGE_SIZE);
    /* Before the ports: an event may come at once. */
    vif->connected = true;
    error = bind_ports(vif);
    if (error) {
        split_fail(device, error, "cannot bind the front end's event channels");
        goto no_ports;
    }
    vif->port.carrier = true;
    error = bridge_add(&vif->port, BRIDGE_ADDRESSES_OF_VIF);
    if (error)
        split_fail(device, error, "no memory for the bridge");
    if (error || split_set_state(device, XenbusStateConnected)) {
        vif_disconnect(vif);
        return;
    }
    work_schedule(&vif->transmit_work);
    return;

no_ports:
    vif->connected = false;
    unbind(vif);
    grant_unmap(&vif->receive_page);
no_receive:
    grant_unmap(&vif->transmit_page);
}

/* ---- The device ----------------------------------------------------------------------------- */

static bool vif_read_mac(struct vif *vif)
{
    char *text;
    bool valid;

    if (split_own_text(vif->device, "mac", &text) < 0)
        return false;
    valid = net_parse_mac(text, vif->port.mac) && !mac_is_group(vif->port.mac);
    free(text);
    return valid;
}

/* rate=BYTES,MICROSECONDS, mtu=BYTES, antispoof=1: what the tools wrote. */
static bool read_limits(struct vif *vif)
{
    uint64_t only_own_mac = 0, mtu = 0;
    char *text, *end;

    split_own_number(vif->device, "antispoof", &only_own_mac);
    split_own_number(vif->device, "mtu", &mtu);
    vif->port.only_own_mac = only_own_mac;
    vif->mtu = mtu < NET_MAX_MTU ? (uint32_t)mtu : NET_MAX_MTU;
    if (split_own_text(vif->device, "rate", &text) < 0)
        return true;
    vif->rate = strtoul(text, &end, 10);
    vif->interval = *end == ',' ? strtoul(end + 1, &end, 10) * MICROSECOND : 0;
    free(text);
    if (vif->rate == 0 || vif->rate > MAX_RATE || vif->interval == 0 ||
        vif->interval > NANOSECONDS_PER_SECOND)
        return false;
    vif->credit_since = clock_now();
    return true;
}

static bool bridge_exists(const struct vif *vif, char *name, size_t size)
{
    char *text;

    if (split_own_text(vif->device, "bridge", &text) < 0)
        return true;
    snprintf(name, size, "%s", text);
    free(text);
    return name[0] == '\0' || strcmp(name, BRIDGE_NAME) == 0;
}

static int offer_features(struct split_device *device)
{
    static const struct {
        const char *key, *value;
    } features[] = {
        {"feature-sg", "1"},
        {"feature-gso-tcpv4", "1"},
        {"feature-gso-tcpv6", "1"},
        {"feature-ipv6-csum-offload", "1"},
        {"feature-rx-copy", "1"},
        {"feature-rx-flip", "0"},
        {"feature-split-event-channels", "1"},
        {"feature-multicast-control", "0"},
        {"hotplug-status", "connected"},
    };

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        int error = split_write(device, 0, features[i].key, "%s", features[i].value);

        if (error)
            return error;
    }
    return split_set_state(device, XenbusStateInitWait);
}

static int check_nodes(struct vif *vif)
{
    char bridge[32];

    if (!vif_read_mac(vif)) {
        split_fail(vif->device, -EINVAL, "its `mac` is no hardware address of one card");
        return -EINVAL;
    }
    if (!read_limits(vif)) {
        split_fail(vif->device, -EINVAL, "its `rate` is not BYTES,MICROSECONDS of up to a second");
        return -EINVAL;
    }
    if (!bridge_exists(vif, bridge, sizeof(bridge))) {
        split_fail(vif->device, -ENODEV, "there is no bridge %s, only " BRIDGE_NAME, bridge);
        return -ENODEV;
    }
    return 0;
}

static void vif_free(struct vif *vif)
{
    for (struct vif **at = &vifs; *at; at = &(*at)->next) {
        if (*at == vif) {
            *at = vif->next;
            break;
        }
    }
    work_cancel(&vif->transmit_work);
    work_cancel(&vif->receive_work);
    free(vif);
}

static int vif_probe(struct split_device *device)
{
    struct vif *vif = calloc(1, sizeof(*vif));
    int error;

    if (!vif)
        return -ENOMEM;
    vif->device = device;
    vif->port.operations = &operations;
    vif->transmit_work.run = vif_transmit_run;
    vif->receive_work.run = vif_receive_run;
    snprintf(vif->port.name, sizeof(vif->port.name), "vif%u.%u", device->other, device->id);
    vif->next = vifs;
    vifs = vif;
    device->driver_data = vif;
    error = check_nodes(vif);
    if (!error)
        error = offer_features(device);
    if (error)
        vif_free(vif);
    return error;
}

static void vif_other_changed(struct split_device *device, enum xenbus_state state)
{
    struct vif *vif = device->driver_data;

    switch (state) {
    case XenbusStateInitialising:
        split_set_state(device, XenbusStateInitWait);
        break;
    case XenbusStateConnected:
        vif_connect(vif);
        break;
    case XenbusStateClosing:
    case XenbusStateClosed:
        vif_disconnect(vif);
        break;
    default:
        break;
    }
}

static void removed(struct split_device *device)
{
    struct vif *vif = device->driver_data;

    vif_disconnect(vif);
    vif_free(vif);
}

static struct split_driver driver = {
    .kind = "vif",
    .back = true,
    .probe = vif_probe,
    .other_changed = vif_other_changed,
    .remove = removed,
};

struct vif *vif_of_longest_backlog(void)
{
    struct vif *longest = NULL;

    for (struct vif *vif = vifs; vif; vif = vif->next)
        if (vif->first_waiting && (!longest || vif->waiting_pages > longest->waiting_pages))
            longest = vif;
    return longest;
}

int netback_start(void)
{
    return split_register(&driver);
}

bool netback_counters(domid_t domid, unsigned int handle, struct net_counters *counters)
{
    for (const struct vif *vif = vifs; vif; vif = vif->next) {
        if (vif->device->other == domid && vif->device->id == handle) {
            *counters = vif->port.counters;
            return true;
        }
    }
    return false;
}

void netback_each(void (*entry)(void *context, domid_t domid, const struct net_counters *counters),
                  void *context)
{
    for (const struct vif *vif = vifs; vif; vif = vif->next)
        entry(context, vif->device->other, &vif->port.counters);
}
