/* SPDX-License-Identifier: MIT */
/*
 * Moving bytes between a domain's store page and its session.
 *
 * The guest's indices are read once per turn and believed only if they leave a possible amount; our own
 * are written, never read back as truth beyond that check. Data is copied out before it is looked at.
 */
#include <string.h>

#include <public/io/xs_wire.h>

#include <tools/store_ring.h>

/* Requests handled in one turn are bounded, so that one domain cannot keep the service busy. */
#define MAX_ROUNDS 16

void store_ring_init(void *page)
{
    struct xenstore_domain_interface *ring = page;

    memset(ring, 0, sizeof(*ring));
    ring->server_features = XENSTORE_SERVER_FEATURE_ERROR;
}

void store_ring_fail(void *page)
{
    struct xenstore_domain_interface *ring = page;

    __atomic_store_n(&ring->error, XENSTORE_ERROR_PROTO, __ATOMIC_RELEASE);
}

static enum ring_state take_requests(struct xenstore_domain_interface *ring,
                                     struct store_session *session)
{
    char bytes[XENSTORE_RING_SIZE];
    uint32_t cons = __atomic_load_n(&ring->req_cons, __ATOMIC_RELAXED);
    uint32_t prod = __atomic_load_n(&ring->req_prod, __ATOMIC_ACQUIRE);
    uint32_t length = prod - cons, start = MASK_XENSTORE_IDX(cons), head;
    long taken;

    if (length > XENSTORE_RING_SIZE)
        return RING_BROKEN;
    if (!length)
        return RING_IDLE;
    head = length < XENSTORE_RING_SIZE - start ? length : XENSTORE_RING_SIZE - start;
    memcpy(bytes, ring->req + start, head);
    memcpy(bytes + head, ring->req, length - head);
    taken = store_session_put(session, bytes, length);
    if (taken < 0)
        return RING_BROKEN;
    if (!taken)
        return RING_IDLE;
    __atomic_store_n(&ring->req_cons, cons + (uint32_t)taken, __ATOMIC_RELEASE);
    return RING_MOVED;
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
        return RING_BROKEN;
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
    enum ring_state result = RING_IDLE;

    for (unsigned int round = 0; round < MAX_ROUNDS; round++) {
        enum ring_state in = take_requests(page, session);
        enum ring_state out = in == RING_BROKEN ? in : give_answers(page, session);

        if (in == RING_BROKEN || out == RING_BROKEN)
            return RING_BROKEN;
        if (in == RING_IDLE && out == RING_IDLE)
            break;
        result = RING_MOVED;
    }
    return result;
}
