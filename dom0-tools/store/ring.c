/* SPDX-License-Identifier: MIT */
/*
 * Moving bytes between a domain's store page and its session.
 *
 * The guest's indices are read once for each step and believed only if they leave a possible
 * amount; so are the service's own, which the guest can overwrite to its own damage only. Data is
 * copied out before it is looked at.
 */
#include <string.h>

#include <public/io/xs_wire.h>

#include <tools/store_ring.h>

/* Requests in one turn, fewer if they take much work: one domain cannot keep the service busy. */
#define TURN_REQUESTS 16

void store_ring_init(void *page)
{
    struct xenstore_domain_interface *ring = page;

    memset(ring, 0, sizeof(*ring));
    ring->server_features = XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR;
}

bool store_ring_wants_reconnection(const void *page)
{
    const struct xenstore_domain_interface *ring = page;

    return __atomic_load_n(&ring->connection, __ATOMIC_ACQUIRE) == XENSTORE_RECONNECT;
}

void store_ring_reconnect(void *page)
{
    struct xenstore_domain_interface *ring = page;

    ring->req_cons = ring->req_prod = ring->rsp_cons = ring->rsp_prod = 0;
    ring->error = XENSTORE_ERROR_NONE;
    __atomic_store_n(&ring->connection, XENSTORE_CONNECTED, __ATOMIC_RELEASE);
}

void store_ring_fail(void *page, enum ring_state state)
{
    struct xenstore_domain_interface *ring = page;

    __atomic_store_n(&ring->error,
                     state == RING_BAD_INDEX ? XENSTORE_ERROR_RINGIDX : XENSTORE_ERROR_PROTO,
                     __ATOMIC_RELEASE);
}

static enum ring_state ring_take_requests(struct xenstore_domain_interface *ring,
                                          struct store_session *session, unsigned int *budget)
{
    unsigned int before = *budget;
    char bytes[XENSTORE_RING_SIZE];
    uint32_t cons = __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED);
    uint32_t prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
    uint32_t length = prod - cons, start = MASK_XENSTORE_IDX(cons), head;
    long taken;

    if (length > XENSTORE_RING_SIZE)
        return RING_BAD_INDEX;
    head = length < XENSTORE_RING_SIZE - start ? length : XENSTORE_RING_SIZE - start;
    memcpy(bytes, ring->req + start, head);
    memcpy(bytes + head, ring->req, length - head);
    taken = store_session_put(session, bytes, length, budget);
    if (taken < 0)
        return RING_BAD_MESSAGE;
    if (taken)
        __atomic_store_n(&ring->req_cons, cons + (uint32_t)taken, __ATOMIC_RELEASE);
    return taken || *budget != before ? RING_MOVED : RING_IDLE;
}

static enum ring_state give_answers(struct xenstore_domain_interface *ring,
                                    struct store_session *session)
{
    enum ring_state state = RING_IDLE;
    uint32_t cons = __atomic_load_n(&ring->rsp_cons, __ATOMIC_ACQUIRE);
    uint32_t prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_RELAXED);
    const void *data;
    size_t length;

    if (prod - cons > XENSTORE_RING_SIZE)
        return RING_BAD_INDEX;
    while (prod - cons < XENSTORE_RING_SIZE && (length = store_session_peek(session, &data)) > 0) {
        uint32_t start = MASK_XENSTORE_IDX(prod), room = XENSTORE_RING_SIZE - (prod - cons);

        if (room > XENSTORE_RING_SIZE - start)
            room = XENSTORE_RING_SIZE - start;
        if (length > room)
            length = room;
        memcpy(ring->rsp + start, data, length);
        store_session_fetched(session, length);
        prod += (uint32_t)length;
        state = RING_MOVED;
    }
    if (state == RING_MOVED)
        __atomic_store_n(&ring->rsp_prod, prod, __ATOMIC_RELEASE);
    return state;
}

enum ring_state store_ring_turn(void *page, struct store_session *session)
{
    unsigned int budget = TURN_REQUESTS;
    enum ring_state result = RING_IDLE;

    for (;;) {
        enum ring_state in = ring_take_requests(page, session, &budget);
        enum ring_state out;

        if (in == RING_BAD_INDEX || in == RING_BAD_MESSAGE)
            return in;
        out = give_answers(page, session);
        if (out == RING_BAD_INDEX)
            return out;
        if (in == RING_IDLE && out == RING_IDLE)
            return result;
        if (!budget)
            return RING_MORE;
        result = RING_MOVED;
    }
}
