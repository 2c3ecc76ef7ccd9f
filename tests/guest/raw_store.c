/* SPDX-License-Identifier: MIT */
/* Messages to the store and from it, byte by byte; see raw_store.h. */
#include "raw_store.h"

#include <clock.h>
#include <events.h>
#include <guest.h>
#include <memory.h>
#include <string.h>
#include <thread.h>

#define PATIENCE (10 * NANOSECONDS_PER_SECOND)

struct xenstore_domain_interface *raw_ring;
unsigned int raw_events;

static evtchn_port_t port;
static struct wait_queue queue;
static uint32_t last_id;

static void on_event(evtchn_port_t event_port, void *argument)
{
    wake_all(&queue);
}

void raw_store_init(void)
{
    /* The client's thread looks at the ring once, then waits for events, which it gets no more. */
    thread_yield();
    raw_ring = mfn_to_va(start_info->store_mfn);
    port = start_info->store_evtchn;
    event_set_handler(port, on_event, NULL);
}

void raw_notify(void)
{
    event_send(port);
}

bool raw_wait(bool (*done)(void *argument), void *argument)
{
    uint64_t deadline = clock_now() + PATIENCE;
    bool enabled = events_disable();
    bool result;

    while (!(result = done(argument)) && wait_on_until(&queue, deadline))
        ;
    events_restore(enabled);
    return result || done(argument);
}

static bool has_room(void *unused)
{
    return raw_ring->req_prod - __atomic_load_n(&raw_ring->req_cons, __ATOMIC_ACQUIRE) <
           XENSTORE_RING_SIZE;
}

static bool has_answer(void *unused)
{
    return __atomic_load_n(&raw_ring->rsp_prod, __ATOMIC_ACQUIRE) != raw_ring->rsp_cons;
}

bool raw_put(const void *data, size_t length)
{
    const char *from = data;

    for (size_t i = 0; i < length; i++) {
        if (!has_room(NULL)) {
            raw_notify();
            if (!raw_wait(has_room, NULL))
                return false;
        }
        raw_ring->req[MASK_XENSTORE_IDX(raw_ring->req_prod)] = from[i];
        __atomic_store_n(&raw_ring->req_prod, raw_ring->req_prod + 1, __ATOMIC_RELEASE);
    }
    return true;
}

bool raw_send(uint32_t type, uint32_t transaction, const void *payload, size_t length)
{
    struct xsd_sockmsg header = {
        .type = type, .req_id = ++last_id, .tx_id = transaction, .len = (uint32_t)length};
    bool sent = raw_put(&header, sizeof(header)) && raw_put(payload, length);

    raw_notify();
    return sent;
}

static bool get(void *data, size_t length)
{
    char *to = data;

    for (size_t i = 0; i < length; i++) {
        if (!has_answer(NULL)) {
            raw_notify();
            if (!raw_wait(has_answer, NULL))
                return false;
        }
        to[i] = raw_ring->rsp[MASK_XENSTORE_IDX(raw_ring->rsp_cons)];
        __atomic_store_n(&raw_ring->rsp_cons, raw_ring->rsp_cons + 1, __ATOMIC_RELEASE);
    }
    return true;
}

int raw_fetch_any(const char **text)
{
    static char payload[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg header;

    *text = "(nothing)";
    if (!get(&header, sizeof(header)) || header.len > XENSTORE_PAYLOAD_MAX ||
        !get(payload, header.len))
        return -1;
    raw_notify();
    for (uint32_t i = 0; i < header.len; i++)
        if (!payload[i])
            payload[i] = '|';
    payload[header.len] = '\0';
    *text = payload;
    return (int)header.type;
}

int raw_fetch(const char **text)
{
    int type;

    while ((type = raw_fetch_any(text)) == XS_WATCH_EVENT)
        raw_events++;
    return type;
}

int raw_ask(uint32_t type, uint32_t transaction, const void *payload, size_t length,
            const char **text)
{
    return raw_send(type, transaction, payload, length) ? raw_fetch(text) : -1;
}

static bool is_connected(void *unused)
{
    return __atomic_load_n(&raw_ring->connection, __ATOMIC_ACQUIRE) == XENSTORE_CONNECTED;
}

bool raw_reconnect(void)
{
    __atomic_store_n(&raw_ring->connection, XENSTORE_RECONNECT, __ATOMIC_RELEASE);
    raw_notify();
    return raw_wait(is_connected, NULL);
}
