/* SPDX-License-Identifier: MIT */
/* A client of the store for unit tests; see store_wire.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store_wire.h"

size_t wire_request(struct wire_message *m, uint32_t type, uint32_t transaction,
                    const char *payload, size_t length)
{
    m->header = (struct xsd_sockmsg){
        .type = type, .req_id = 7, .tx_id = transaction, .len = (uint32_t)length};
    memcpy(m->payload, payload, length);
    return sizeof(m->header) + length;
}

bool wire_send(struct store_session *session, uint32_t type, uint32_t transaction,
               const char *payload, size_t length)
{
    struct wire_message m;

    length = wire_request(&m, type, transaction, payload, length);
    return store_session_put(session, &m, length, NULL) == (long)length;
}

int wire_fetch(struct store_session *session, const char **text)
{
    static char answer[XENSTORE_PAYLOAD_MAX + 1];
    struct xsd_sockmsg header;
    const void *data;
    size_t length = store_session_peek(session, &data);

    if (!length)
        return -1;
    assert_true(length >= sizeof(header));
    memcpy(&header, data, sizeof(header));
    assert_int_equal(length, sizeof(header) + header.len);
    assert_true(header.len < sizeof(answer));
    memcpy(answer, (const char *)data + sizeof(header), header.len);
    for (uint32_t i = 0; i < header.len; i++)
        if (!answer[i])
            answer[i] = '|';
    answer[header.len] = '\0';
    *text = answer;
    store_session_fetched(session, length);
    return (int)header.type;
}
