/* SPDX-License-Identifier: MIT */
/*
 * Network front driver: a vif from its node in the store to a port, and again when the back end
 * comes back. All pages that the back end is given are allocated once and offered until the device
 * is removed.
 */
#include <errno.h>
#include <events.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfront_internal.h"

static const struct netfront_options *chosen;

static const struct net_port_operations operations = {
    .send = netfront_send,
    .flush = netfront_flush,
};

/* ---- Pages ---------------------------------------------------------------------------------- */

static int make_page(const struct netfront *front, struct netfront_page *page, bool readonly)
{
    int ref;

    page->va = page_alloc_zeroed();
    if (!page->va)
        return -ENOMEM;
    ref = grant_offer(front->device->other, va_to_mfn(page->va), readonly);
    if (ref < 0) {
        page_free(page->va);
        page->va = NULL;
        return ref;
    }
    page->ref = (grant_ref_t)ref;
    return 0;
}

/* A page that the back end still has mapped stays its for good. */
static void free_page(struct netfront_page *page)
{
    if (page->va && grant_end(page->ref))
        page_free(page->va);
    page->va = NULL;
}

static void free_pages(struct netfront *front)
{
    free_page(&front->transmit_ring);
    free_page(&front->receive_ring);
    for (unsigned int i = 0; i < NETFRONT_SLOTS; i++) {
        free_page(&front->transmit_pages[i]);
        free_page(&front->receive_pages[i]);
    }
}

static int make_pages(struct netfront *front)
{
    int error = make_page(front, &front->transmit_ring, false);

    if (!error)
        error = make_page(front, &front->receive_ring, false);
    for (unsigned int i = 0; !error && i < NETFRONT_SLOTS; i++) {
        error = make_page(front, &front->transmit_pages[i], true);
        if (!error)
            error = make_page(front, &front->receive_pages[i], false);
    }
    if (error)
        free_pages(front);
    return error;
}

/* ---- Connecting ----------------------------------------------------------------------------- */

static void netfront_on_event(evtchn_port_t port, void *argument)
{
    struct netfront *front = argument;

    front->events.taken++;
    work_schedule(&front->work);
}

static void netfront_disconnect(struct netfront *front)
{
    front->port.carrier = false;
    wake_all(&front->room_queue);
    if (front->receive_port >= 0 && front->receive_port != front->transmit_port)
        event_close((evtchn_port_t)front->receive_port);
    if (front->transmit_port >= 0)
        event_close((evtchn_port_t)front->transmit_port);
    front->transmit_port = front->receive_port = -1;
    /* Events schedule it no more. */
    work_cancel(&front->work);
    net_forget(&front->port);
}

static int make_port(struct netfront *front)
{
    int port = event_alloc_unbound(front->device->other);

    if (port >= 0)
        event_set_handler((evtchn_port_t)port, netfront_on_event, front);
    return port;
}

static int make_ports(struct netfront *front)
{
    front->transmit_port = make_port(front);
    if (front->transmit_port < 0)
        return front->transmit_port;
    front->receive_port = front->transmit_port;
    if (split_other_feature(front->device, "feature-split-event-channels"))
        front->receive_port = make_port(front);
    return front->receive_port < 0 ? front->receive_port : 0;
}

static int write_rings(struct netfront *front, store_transaction transaction)
{
    struct split_device *device = front->device;
    int error = split_write(device, transaction, "tx-ring-ref", "%u", front->transmit_ring.ref);

    if (!error)
        error = split_write(device, transaction, "rx-ring-ref", "%u", front->receive_ring.ref);
    if (error)
        return error;
    if (front->receive_port == front->transmit_port)
        return split_write(device, transaction, "event-channel", "%d", front->transmit_port);
    error = split_write(device, transaction, "event-channel-tx", "%d", front->transmit_port);
    return error ? error
                 : split_write(device, transaction, "event-channel-rx", "%d", front->receive_port);
}

static int netfront_write_features(const struct netfront *front, store_transaction transaction)
{
    int yes = front->options->offloads, no = !yes;
    const struct {
        const char *key;
        int value;
    } features[] = {
        {"request-rx-copy", 1},
        {"feature-rx-notify", 1},
        {"feature-sg", yes},
        {"feature-gso-tcpv4", yes},
        {"feature-gso-tcpv6", yes},
        {"feature-ipv6-csum-offload", yes},
        {"feature-no-csum-offload", no},
    };

    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        int error = split_write(front->device, transaction, features[i].key, "%d",
                                features[i].value);

        if (error)
            return error;
    }
    return 0;
}

static int netfront_write_all(store_transaction transaction, void *argument)
{
    struct netfront *front = argument;
    int error = write_rings(front, transaction);

    return error ? error : netfront_write_features(front, transaction);
}

static void netfront_read_features(struct netfront *front)
{
    const struct split_device *device = front->device;
    struct net_features *features = &front->port.features;
    bool scatter_gather = front->options->offloads && split_other_feature(device, "feature-sg");
    uint64_t mtu;

    features->csum_ipv4 = front->options->offloads;
    features->csum_ipv6 = front->options->offloads &&
                          split_other_feature(device, "feature-ipv6-csum-offload");
    features->tso_ipv4 = scatter_gather && split_other_feature(device, "feature-gso-tcpv4");
    features->tso_ipv6 = scatter_gather && split_other_feature(device, "feature-gso-tcpv6");
    front->port.mtu = scatter_gather ? NET_MAX_MTU : ETHERNET_MTU;
    if (!split_own_number(device, "mtu", &mtu) && mtu < front->port.mtu)
        front->port.mtu = (uint32_t)mtu;
}

static void netfront_connect(struct netfront *front)
{
    struct split_device *device = front->device;
    int error;

    if (!split_other_feature(device, "feature-rx-copy")) {
        split_fail(device, -EOPNOTSUPP, "the back end does not offer feature-rx-copy");
        return;
    }
    netfront_disconnect(front);
    netfront_read_features(front);
    netfront_reset_rings(front);
    error = make_ports(front);
    if (!error)
        error = store_change(netfront_write_all, front);
    if (!error)
        error = split_set_state(device, XenbusStateConnected);
    if (error)
        split_fail(device, error, "cannot connect: %s", strerror(-error));
}

static void connected(struct netfront *front)
{
    front->port.carrier = true;
    if (!front->announced) {
        front->announced = true;
        front->options->found(&front->port);
    }
    work_schedule(&front->work);
}

/* ---- The device ----------------------------------------------------------------------------- */

static bool netfront_read_mac(struct netfront *front)
{
    char *text;
    bool valid;

    if (split_own_text(front->device, "mac", &text) < 0)
        return false;
    valid = net_parse_mac(text, front->port.mac);
    free(text);
    return valid;
}

static int netfront_probe(struct split_device *device)
{
    struct netfront *front = calloc(1, sizeof(*front));
    int error = -ENOMEM;

    if (!front)
        return error;
    front->device = device;
    front->options = chosen;
    front->port.operations = &operations;
    front->work.run = netfront_run;
    front->transmit_port = front->receive_port = -1;
    snprintf(front->port.name, sizeof(front->port.name), "eth%u", device->id);
    device->driver_data = front;
    if (netfront_read_mac(front))
        error = make_pages(front);
    else
        split_fail(device, -EINVAL, "its `mac` is no hardware address");
    if (error)
        free(front);
    return error;
}

static void netfront_other_changed(struct split_device *device, enum xenbus_state state)
{
    struct netfront *front = device->driver_data;

    switch (state) {
    case XenbusStateInitWait:
        netfront_connect(front);
        break;
    case XenbusStateConnected:
        connected(front);
        break;
    case XenbusStateClosing:
    case XenbusStateClosed:
        netfront_disconnect(front);
        break;
    default:
        break;
    }
}

/* The port's user may hold it still, so its memory stays; it has no carrier and no pages. */
static void netfront_remove(struct split_device *device)
{
    struct netfront *front = device->driver_data;

    netfront_disconnect(front);
    free_pages(front);
}

static struct split_driver driver = {
    .kind = "vif",
    .probe = netfront_probe,
    .other_changed = netfront_other_changed,
    .remove = netfront_remove,
};

int netfront_start(const struct netfront_options *options)
{
    chosen = options;
    return split_register(&driver);
}

void netfront_count_events(const struct net_port *port, struct netfront_events *events)
{
    *events =
        ((const struct netfront *)((const char *)port - offsetof(struct netfront, port)))->events;
}
