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

#include "domains.h"
#include "index.h"
#include "store_clients.h"

struct store_client {
    struct store_client *next, **link;
    struct index_entry by_number, by_port;
    struct store_client *next_waiting; /* of those that a turn has to serve without an event */
    domid_t domid;
    xen_pfn_t frame;
    void *page;
    int port;
    struct store_session *session;
    bool waiting;      /* it is among them */
    bool disconnected; /* it broke the ring or protocol, and the ring's page says so */
    bool noticed;      /* the operator was notified, too */
    bool stopped;      /* it has shut down, and @releaseDomain said so */
};

struct store *service_store;
struct store_connection *service_tools;
static struct store_client *clients;
static struct store_client *waiting, **waiting_end = &waiting;
static unsigned int waiting_count;
static struct index numbers, ports;

static bool ignore_tools_event(void *context, const char *path, const char *token)
{
    return true;
}

int store_clients_start(struct error *e)
{
    uint32_t seed;

    platform_random(&seed, sizeof(seed));
    service_store = store_create(seed);
    service_tools = service_store
                        ? store_connect(service_store, 0, true, NULL, ignore_tools_event, NULL)
                        : NULL;
    if (!service_tools)
        return error_set(e, "not enough memory for the store");
    xs_printf(service_tools, STORE_NO_TRANSACTION, "/local/domain/0/name", "%s", service_dom0_name);
    xs_printf(service_tools, STORE_NO_TRANSACTION, "/local/domain/0/domid", "0");
    xs_mkdir(service_tools, STORE_NO_TRANSACTION, "/vm");
    return 0;
}

void store_clients_introduced(void)
{
    xs_fire_special(service_store, "@introduceDomain");
}

void store_clients_released(void)
{
    xs_fire_special(service_store, "@releaseDomain");
}

static struct store_client *client_find(domid_t domid)
{
    struct index_entry *e = index_first(&numbers, domid);

    return index_owner_or_null(e, struct store_client, by_number);
}

static void client_set_port(struct store_client *c, int port)
{
    c->port = port;
    index_leave(&c->by_port);
    index_enter(&ports, &c->by_port, (uint32_t)port);
}

bool store_client_is_connected(domid_t domid)
{
    const struct store_client *c = client_find(domid);

    return c && !c->disconnected;
}

/* ---- What the protocol asks of its host ---- */

static bool host_is_introduced(void *context, uint16_t domid)
{
    return domid == 0 || client_find(domid);
}

static int host_introduce(void *context, uint16_t domid, uint64_t frame, uint32_t port)
{
    struct store_client *c = client_find(domid);
    int new_port;

    if (!c) {
        if (store_client_attach(domid, frame, port, NULL))
            return XEN_EINVAL;
        store_clients_introduced();
        return 0;
    }
    if (c->frame != frame)
        return XEN_EINVAL;
    new_port = platform_port_bind(domid, port);
    if (new_port < 0)
        return XEN_EINVAL;
    platform_port_close(c->port);
    client_set_port(c, new_port);
    return 0;
}

static int host_release(void *context, uint16_t domid)
{
    store_client_detach(domid);
    store_clients_released();
    return 0;
}

static int host_resume(void *context, uint16_t domid)
{
    client_find(domid)->stopped = false;
    return 0;
}

static int host_set_target(void *context, uint16_t domid, uint16_t target)
{
    if (!client_find(domid))
        return XEN_ENOENT;
    store_session_set_target(client_find(domid)->session, target);
    return 0;
}

static struct store_limits limits = STORE_DEFAULT_LIMITS;

static const struct store_host host = {
    .is_introduced = host_is_introduced,
    .introduce = host_introduce,
    .release = host_release,
    .resume = host_resume,
    .set_target = host_set_target,
    .limits = &limits,
};

/* ---- Sessions ---- */

/* Has the service's thread serve a client soon. */
static void client_wait(struct store_client *c)
{
    if (!c->waiting) {
        c->waiting = true;
        c->next_waiting = NULL;
        *waiting_end = c;
        waiting_end = &c->next_waiting;
        waiting_count++;
    }
    platform_wake();
}

static void client_wait_no_more(struct store_client *c)
{
    struct store_client **link = &waiting;

    if (!c->waiting)
        return;
    while (*link != c)
        link = &(*link)->next_waiting;
    *link = c->next_waiting;
    if (!*link)
        waiting_end = link;
    waiting_count--;
    c->waiting = false;
}

/* The service's thread delivers the events that others' requests cause. */
static void session_has_output(void *context)
{
    client_wait(context);
}

struct store_session *service_store_session(void (*output)(void *context), void *context)
{
    return store_session_open(service_store, 0, true, &limits, &host, output, context);
}

struct store_connection *service_store_connect(store_event_fn *event, void *context)
{
    return store_connect(service_store, 0, true, &limits, event, context);
}

static void client_free(struct store_client *c)
{
    index_leave(&c->by_port);
    if (c->port >= 0)
        platform_port_close(c->port);
    if (c->session)
        store_session_close(c->session);
    if (c->page)
        platform_unmap_frames(c->page, 1);
    client_wait_no_more(c); /* nobody can make it wait again */
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
        client_free(c);
        return error_set(e, "mapping the store's ring failed");
    }
    c->session = store_session_open(service_store, domid, false, &limits, &host, session_has_output,
                                    c);
    if (!c->session) {
        client_free(c);
        return error_set(e, "not enough memory");
    }
    c->port = platform_port_bind(domid, port);
    if (c->port < 0) {
        int error = -c->port;

        client_free(c);
        return error_set(e, "binding the store's event channel: %s", error_words(error));
    }
    store_ring_init(c->page);
    client_set_port(c, c->port);
    index_enter(&numbers, &c->by_number, domid);
    c->next = clients;
    c->link = &clients;
    if (c->next)
        c->next->link = &c->next;
    clients = c;
    return 0;
}

void store_client_detach(domid_t domid)
{
    struct store_client *c = client_find(domid);

    if (!c)
        return;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    index_leave(&c->by_number);
    client_free(c);
}

/* ---- Turns ---- */

static void client_disconnect(struct store_client *c, enum ring_state state)
{
    const struct managed_domain *d = managed_domain_find(c->domid);
    char text[ERROR_TEXT_SIZE];

    store_session_reset(c->session);
    store_ring_fail(c->page, state);
    platform_port_notify(c->port);
    c->disconnected = true;
    if (c->noticed)
        return;
    c->noticed = true;
    snprintf(text, sizeof(text), "domain '%s' (%u) broke the store's %s: disconnected",
             d ? d->config.name : "(null)", c->domid,
             state == RING_BAD_INDEX ? "ring" : "protocol");
    service_notice(text);
}

static void client_serve(struct store_client *c)
{
    enum ring_state state;

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
        client_wait(c);
        platform_port_notify(c->port);
        break;
    case RING_MOVED:
        platform_port_notify(c->port);
        break;
    case RING_BAD_INDEX:
    case RING_BAD_MESSAGE:
        client_disconnect(c, state);
        break;
    }
}

/* @return whether the client needed to be handled; it may be gone then. */
static bool client_look(struct store_client *c)
{
    struct xen_domctl_getdomaininfo info;
    domid_t domid = c->domid;

    if (!managed_domain_find(domid) &&
        (control_domain_info(domid, &info) || (info.flags & XEN_DOMINF_dying))) {
        store_client_detach(domid);
        xs_domain_gone(service_store, domid);
        store_clients_released();
        return true;
    }
    if (!c->stopped && !control_domain_info(domid, &info) && (info.flags & XEN_DOMINF_shutdown)) {
        c->stopped = true;
        store_clients_released();
        return true;
    }
    return false;
}

void store_client_look(domid_t domid)
{
    struct store_client *c = client_find(domid);

    if (c)
        client_look(c);
}

void store_clients_look(void)
{
    struct store_client *c = clients;

    /* Each that is handled is gone or marked, so this ends. */
    while (c)
        c = client_look(c) ? clients : c->next;
}

void store_clients_serve(int port)
{
    struct index_entry *e = index_first(&ports, (uint32_t)port);
    struct store_client *c = index_owner_or_null(e, struct store_client, by_port);

    if (c) {
        client_wait_no_more(c);
        client_serve(c);
    }
    /* Those that begin to wait meanwhile are served in the next turn. */
    for (unsigned int count = waiting_count; count && waiting; count--) {
        c = waiting;
        client_wait_no_more(c);
        client_serve(c);
        platform_yield(); /* with many that wait, dom0's drivers have their turns in between */
    }
}
