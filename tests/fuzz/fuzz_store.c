/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as requests of two domains to the store, through their rings. Input: a byte that tells the domain,
 * the type of request and its transaction, one that tells the length, and the payload. Afterwards all that
 * the domains own is removed, and the counts must be back at zero.
 */
/* SOURCES: dom0-tools/error.c dom0-tools/store/protocol.c dom0-tools/store/requests.c dom0-tools/store/ring.c */
/* SOURCES: dom0-tools/store/control.c dom0-tools/store/store.c dom0-tools/store/tree.c */
/* SOURCES: dom0-tools/store/transaction.c dom0-tools/store/watch.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <public/io/xs_wire.h>

#include <tools/store_ring.h>

#define CLIENTS 2

static bool introduced(void *context, uint16_t domid)
{
    (void)context;
    return domid <= CLIENTS;
}

static const struct store_host host = {.is_introduced = introduced};

static bool ignore(void *context, const char *path, const char *token)
{
    (void)context;
    (void)path;
    (void)token;
    return true;
}

static void put(struct xenstore_domain_interface *ring, const void *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ring->req[MASK_XENSTORE_IDX(ring->req_prod++)] = ((const char *)data)[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const homes[CLIENTS] = {"/local/domain/1", "/local/domain/2"};
    struct store *store = store_create();
    struct store_connection *tools = store_connect(store, 0, true, NULL, ignore, NULL);
    struct xenstore_domain_interface ring[CLIENTS];
    struct store_session *session[CLIENTS];

    for (uint16_t i = 0; i < CLIENTS; i++) {
        struct store_permission p = {.domid = (uint16_t)(i + 1)};

        session[i] = store_session_open(store, p.domid, false, &store_default_limits, &host, NULL,
                                        NULL);
        store_ring_init(&ring[i]);
        xs_mkdir(tools, STORE_NO_TRANSACTION, homes[i]);
        xs_set_permissions(tools, STORE_NO_TRANSACTION, homes[i], &p, 1);
    }
    while (size >= 2) {
        unsigned int client = data[0] & 1;
        struct xsd_sockmsg m = {.type = (data[0] >> 1) % 24, .tx_id = data[0] >> 6};

        m.len = data[1] < size - 2 ? data[1] : (uint32_t)size - 2;
        put(&ring[client], &m, sizeof(m));
        put(&ring[client], data + 2, m.len);
        data += 2 + m.len;
        size -= 2 + m.len;
        for (unsigned int i = 0; i < CLIENTS; i++) {
            if (store_ring_turn(&ring[i], session[i]) >= RING_BAD_INDEX)
                abort(); /* the messages are well formed */
            ring[i].rsp_cons = ring[i].rsp_prod;
        }
    }
    for (unsigned int i = 0; i < CLIENTS; i++) {
        store_session_close(session[i]);
        xs_remove(tools, STORE_NO_TRANSACTION, homes[i]);
    }
    if (xs_nodes_owned(store, 1) || xs_nodes_owned(store, 2))
        abort();
    store_disconnect(tools);
    store_destroy(store);
    return 0;
}
