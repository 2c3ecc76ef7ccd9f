/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as requests to the store: of two domains through their rings, whose indices and fields
 * are written as well, and of domain 0. Input: a byte that says who does what (bits 0-1), the type
 * of request (bits 2-7) or what happens to the ring, a byte for the transaction or the index, one
 * that tells the length, and the payload. Answers are fetched only when the input says so.
 * Afterwards all counts must agree with the tree, and nothing of the domains may be left.
 */
/* SOURCES: dom0-tools/utf8.c */
/* SOURCES: $(STORE_SRCS) dom0-tools/error.c */
/* CFLAGS: -DHELD_BYTES=500u */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <public/io/xs_wire.h>

#include <tools/store_ring.h>

#define CLIENTS 2

struct client {
    struct xenstore_domain_interface ring;
    struct store_session *session;
    bool broken;
};

static struct store *store;
static struct client clients[CLIENTS];
static struct store_session *dom0;
static struct store_limits limits;

static bool introduced(void *context, uint16_t domid)
{
    return domid <= CLIENTS;
}

static int set_target(void *context, uint16_t domid, uint16_t target)
{
    store_session_set_target(clients[domid - 1].session, target);
    return 0;
}

static const struct store_host host = {
    .is_introduced = introduced,
    .set_target = set_target,
    .limits = &limits,
};

static bool ignore(void *context, const char *path, const char *token)
{
    return true;
}

static void put(struct xenstore_domain_interface *ring, const void *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = ((const char *)data)[i];
}

static void turn(struct client *c)
{
    enum ring_state state;

    if (store_ring_wants_reconnection(&c->ring)) {
        store_session_reset(c->session);
        store_ring_reconnect(&c->ring);
        c->broken = false;
    }
    if (c->broken)
        return;
    do
        state = store_ring_turn(&c->ring, c->session);
    while (state == RING_MORE);
    if (state < RING_BAD_INDEX)
        return;
    store_session_reset(c->session);
    store_ring_fail(&c->ring, state);
    c->broken = true;
}

/* What a guest can do to its page besides well-formed requests. */
static void disturb(struct client *c, unsigned int what, uint8_t index, const uint8_t *data,
                    size_t length)
{
    switch (what % 8) {
    case 0:
        put(&c->ring, data, length);
        break;
    case 1:
        c->ring.req_prod += index;
        break;
    case 2:
        c->ring.req_cons -= index;
        break;
    case 3:
        c->ring.rsp_cons += index;
        break;
    case 4:
        c->ring.rsp_prod -= index;
        break;
    case 5:
        c->ring.connection = index;
        break;
    case 6:
        c->ring.rsp_cons = c->ring.rsp_prod;
        break;
    default:
        memcpy((char *)&c->ring.req_cons + index % 28, data, length < 4 ? length : 4);
        break;
    }
}

static void from_dom0(const struct xsd_sockmsg *m, const uint8_t *payload)
{
    const void *data;
    size_t length;

    if (m->type == XS_CONTROL && m->len > 9 && !memcmp(payload, "quota\0set", 9))
        return; /* the limits are what is checked */
    if (store_session_put(dom0, m, sizeof(*m), NULL) < 0 ||
        store_session_put(dom0, payload, m->len, NULL) < 0)
        abort();
    while ((length = store_session_peek(dom0, &data)) > 0)
        store_session_fetched(dom0, length);
}

static void step(uint8_t who, uint8_t index, const uint8_t *payload, uint32_t length)
{
    struct xsd_sockmsg m = {.type = (uint32_t)(who >> 2) % 26, .tx_id = index & 3, .len = length};
    unsigned int client = (who & 3) - 1;

    if ((who & 3) == 0) {
        from_dom0(&m, payload);
        return;
    }
    if (client == CLIENTS) {
        disturb(&clients[index & 1], who >> 2, index, payload, length);
        turn(&clients[index & 1]);
        return;
    }
    put(&clients[client].ring, &m, sizeof(m));
    put(&clients[client].ring, payload, length);
    turn(&clients[client]);
    if (index & 4)
        clients[client].ring.rsp_cons = clients[client].ring.rsp_prod;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const homes[CLIENTS] = {"/local/domain/1", "/local/domain/2"};
    struct store_connection *tools;

    limits = store_default_limits;
    limits.memory = 64u << 10;
    store = store_create(1);
    tools = store_connect(store, 0, true, NULL, ignore, NULL);
    dom0 = store_session_open(store, 0, true, &limits, &host, NULL, NULL);
    for (uint16_t i = 0; i < CLIENTS; i++) {
        struct store_permission p = {.domid = (uint16_t)(i + 1)};

        clients[i].session = store_session_open(store, p.domid, false, &limits, &host, NULL, NULL);
        clients[i].broken = false;
        store_ring_init(&clients[i].ring);
        xs_mkdir(tools, STORE_NO_TRANSACTION, homes[i]);
        xs_set_permissions(tools, STORE_NO_TRANSACTION, homes[i], &p, 1);
    }
    while (size >= 3) {
        uint32_t length = data[2] < size - 3 ? data[2] : (uint32_t)size - 3;

        step(data[0], data[1], data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
    if (!xs_is_consistent(store))
        abort();
    for (uint16_t i = 0; i < CLIENTS; i++)
        store_session_close(clients[i].session);
    store_session_close(dom0);
    for (uint16_t i = 1; i <= CLIENTS; i++)
        if (xs_domain_gone(store, i) || xs_nodes_owned(store, i) || xs_memory_used(store, i))
            abort();
    store_disconnect(tools);
    store_destroy(store);
    return 0;
}
