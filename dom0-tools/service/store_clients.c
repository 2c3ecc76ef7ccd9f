/* SPDX-License-Identifier: MIT */
/*
 * The domains that the store serves over rings: those that the service creates, and those that a
 * privileged client of the store introduces.
 *
 * A domain that breaks its ring or the protocol is disconnected, with one line that says so, and
 * may ask for a new connection through the ring's page. Each domain has the same bounded turn.
 */
#include <stdio.h>
#include <stdlib.h>

#include <public/errno.h>

#include <tools/control.h>
#include <tools/store_ring.h>

#include "state.h"
#include "store_clients.h"

struct store_client {
    struct store_client *next;
    domid_t domid;
    xen_pfn_t frame;
    void *page;
    int port;
    struct store_session *session;
    bool more;         /* its last turn was not its last word */
    bool disconnected; /* it broke something, and was told */
    bool noticed;      /* and so was the operator */
    bool stopped;      /* it has shut down, and @releaseDomain said so */
};

static struct store_client *clients;

static struct store_client *find(domid_t domid)
{
    struct store_client *c = clients;

    while (c && c->domid != domid)
        c = c->next;
    return c;
}

bool store_client_is_connected(domid_t domid)
{
    const struct store_client *c = find(domid);

    return c && !c->disconnected;
}

/* ---- What the protocol asks of its host ---- */

static bool is_introduced(void *context, uint16_t domid)
{
    return domid == 0 || find(domid);
}

static int introduce(void *context, uint16_t domid, uint64_t frame, uint32_t port)
{
    struct store_client *c = find(domid);
    int new_port;

    if (!c) {
        if (store_client_attach(domid, frame, port, NULL))
            return XEN_EINVAL;
        xs_fire_special(service_store, "@introduceDomain");
        return 0;
    }
    if (c->frame != frame)
        return XEN_EINVAL;
    new_port = platform_port_bind(domid, port);
    if (new_port < 0)
        return XEN_EINVAL;
    platform_port_close(c->port);
    c->port = new_port;
    return 0;
}

static int release(void *context, uint16_t domid)
{
    store_client_detach(domid);
    xs_fire_special(service_store, "@releaseDomain");
    return 0;
}

static int resume(void *context, uint16_t domid)
{
    find(domid)->stopped = false;
    return 0;
}

static int set_target(void *context, uint16_t domid, uint16_t target)
{
    if (!find(domid))
        return XEN_ENOENT;
    store_session_set_target(find(domid)->session, target);
    return 0;
}

static struct store_limits limits = STORE_DEFAULT_LIMITS;

static const struct store_host host = {
    .is_introduced = is_introduced,
    .introduce = introduce,
    .release = release,
    .resume = resume,
    .set_target = set_target,
    .limits = &limits,
};

/* ---- Sessions ---- */

/* The service's thread brings a domain what others' requests have to tell it. */
static void on_output(void *context)
{
    platform_wake();
}

struct store_session *service_store_session(void (*output)(void *context), void *context)
{
    return store_session_open(service_store, 0, true, &limits, &host, output, context);
}

struct store_connection *service_store_connect(store_event_fn *event, void *context)
{
    return store_connect(service_store, 0, true, &limits, event, context);
}

static void free_client(struct store_client *c)
{
    if (c->port >= 0)
        platform_port_close(c->port);
    if (c->session)
        store_session_close(c->session);
    if (c->page)
        platform_unmap_frames(c->page, 1);
    free(c);
}

int store_client_attach(domid_t domid, xen_pfn_t frame, evtchn_port_t port, struct error *e)
{
    struct store_client *c = calloc(1, sizeof(*c));

    if (!c)
        return error_set(e, "not enough memory");
    c->domid = domid;
    c->frame = frame;
    c->port = -1;
    c->page = platform_map_frames(domid, &frame, 1, true);
    if (!c->page) {
        free_client(c);
        return error_set(e, "mapping the store's ring failed");
    }
    c->session = store_session_open(service_store, domid, false, &limits, &host, on_output, NULL);
    if (!c->session) {
        free_client(c);
        return error_set(e, "not enough memory");
    }
    c->port = platform_port_bind(domid, port);
    if (c->port < 0) {
        int error = -c->port;

        free_client(c);
        return error_set(e, "binding the store's event channel: %s", error_words(error));
    }
    store_ring_init(c->page);
    c->next = clients;
    clients = c;
    return 0;
}

void store_client_detach(domid_t domid)
{
    struct store_client **link = &clients;
    struct store_client *c;

    while (*link && (*link)->domid != domid)
        link = &(*link)->next;
    c = *link;
    if (!c)
        return;
    *link = c->next;
    free_client(c);
}

/* ---- Turns ---- */

static void disconnect(struct store_client *c, enum ring_state state)
{
    char text[ERROR_TEXT_SIZE];

    store_session_reset(c->session);
    store_ring_fail(c->page, state);
    platform_port_notify(c->port);
    c->disconnected = true;
    if (c->noticed)
        return;
    c->noticed = true;
    snprintf(text, sizeof(text), "domain '%s' (%u) broke the store's %s: disconnected",
             service_name(c->domid), c->domid, state == RING_BAD_INDEX ? "ring" : "protocol");
    service_notice(text);
}

static void serve(struct store_client *c)
{
    enum ring_state state;

    c->more = false;
    if (store_ring_wants_reconnection(c->page)) {
        store_session_reset(c->session);
        store_ring_reconnect(c->page);
        platform_port_notify(c->port);
        c->disconnected = false;
    }
    if (c->disconnected)
        return;
    state = store_ring_turn(c->page, c->session);
    switch (state) {
    case RING_IDLE:
        break;
    case RING_MORE:
        c->more = true;
        platform_wake();
        platform_port_notify(c->port);
        break;
    case RING_MOVED:
        platform_port_notify(c->port);
        break;
    case RING_BAD_INDEX:
    case RING_BAD_MESSAGE:
        disconnect(c, state);
        break;
    }
}

/* Handles the first client found to need it. Returns whether there was one. */
static bool look_at_one(void)
{
    for (struct store_client *c = clients; c; c = c->next) {
        struct xen_domctl_getdomaininfo info;
        domid_t domid = c->domid;

        if (!managed_find(domid) &&
            (control_domain_info(domid, &info) || (info.flags & XEN_DOMINF_dying))) {
            store_client_detach(domid);
            xs_domain_gone(service_store, domid);
            xs_fire_special(service_store, "@releaseDomain");
            return true;
        }
        if (!c->stopped && !control_domain_info(domid, &info) &&
            (info.flags & XEN_DOMINF_shutdown)) {
            c->stopped = true;
            xs_fire_special(service_store, "@releaseDomain");
            return true;
        }
    }
    return false;
}

void store_clients_look(void)
{
    /* Each that is handled is gone or marked, so this ends. */
    while (look_at_one())
        ;
}

void store_clients_serve(int port)
{
    for (struct store_client *c = clients; c; c = c->next) {
        const void *waiting;

        if (port == c->port || c->more || store_session_peek(c->session, &waiting))
            serve(c);
    }
}
