/* SPDX-License-Identifier: MIT */
/*
 * A client's session: puts its bytes together to requests, and keeps answers and watch events until
 * they are fetched.
 *
 * Each request is answered by exactly one message of its own type, or of type XS_ERROR with the
 * name of an errno value. Whatever a client sends, or does not fetch, is bounded: answers by its
 * limits, beyond which its requests wait; events by EVENT_BYTES and its memory, beyond which its
 * watches remember that they have missed events. If there is no memory for its answer, a request is
 * not carried out.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "session.h"

#define EVENT_BYTES        (64u << 10) /* of watch events that wait */
#define PRIVILEGED_ANSWERS 64
#define SPARE_PAYLOAD      16 /* the longest name of an error */

/* FNV-1a. */
static uint32_t hash_bytes(const char *bytes, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
    return hash;
}

/* Whether an event like this one waits already: one is enough. */
static bool event_waits(const struct store_session *s, const struct message *event)
{
    const struct message *m = s->first;

    if (m && s->fetched) /* this one is on its way */
        m = m->next;
    for (; m; m = m->next)
        if (m->header.type == XS_WATCH_EVENT && m->hash == event->hash &&
            m->header.len == event->header.len &&
            !memcmp(m->payload, event->payload, event->header.len))
            return true;
    return false;
}

static bool session_on_event(void *context, const char *path, const char *token)
{
    size_t path_bytes = strlen(path) + 1, token_bytes = strlen(token) + 1;
    size_t bytes = sizeof(struct message) + path_bytes + token_bytes;
    struct store_session *s = context;
    struct message *m;

    if (path_bytes + token_bytes > XENSTORE_PAYLOAD_MAX)
        return true; /* no message can hold it, now or later */
    if (s->event_bytes + bytes > EVENT_BYTES || bytes > xs_memory_left(s->connection))
        return false;
    m = malloc(bytes);
    if (!m)
        return false;
    m->header = (struct xsd_sockmsg){.type = XS_WATCH_EVENT,
                                     .len = (uint32_t)(path_bytes + token_bytes)};
    memcpy(m->payload, path, path_bytes);
    memcpy(m->payload + path_bytes, token, token_bytes);
    m->hash = hash_bytes(m->payload, m->header.len);
    if (event_waits(s, m))
        free(m);
    else
        session_enqueue(s, m);
    return true;
}

static void free_messages(struct store_session *s)
{
    while (s->first) {
        struct message *m = s->first;

        s->first = m->next;
        xs_charge(s->connection, -(long)message_bytes(m));
        if (m != s->spare)
            free(m);
    }
    s->end = &s->first;
    s->fetched = s->event_bytes = 0;
    s->answers = 0;
    s->spare_queued = false;
}

struct store_session *store_session_open(struct store *store, uint16_t domid, bool privileged,
                                         const struct store_limits *limits,
                                         const struct store_host *host,
                                         void (*output)(void *context), void *context)
{
    struct store_session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->spare = malloc(sizeof(*s->spare) + SPARE_PAYLOAD);
    s->connection = s->spare ? store_connect(store, domid, privileged, limits, session_on_event, s)
                             : NULL;
    if (!s->connection) {
        free(s->spare);
        free(s);
        return NULL;
    }
    s->limits = limits;
    s->host = host;
    s->output = output;
    s->output_context = context;
    s->end = &s->first;
    return s;
}

void store_session_set_target(struct store_session *s, uint16_t target)
{
    store_connection_set_target(s->connection, target);
}

static void drop_request(struct store_session *s)
{
    free(s->payload);
    s->payload = NULL;
    s->received = 0;
}

void store_session_reset(struct store_session *s)
{
    xs_reset(s->connection);
    free_messages(s);
    drop_request(s);
    s->broken = false;
}

void store_session_close(struct store_session *s)
{
    free_messages(s);
    store_disconnect(s->connection);
    free(s->payload);
    free(s->answer);
    free(s->spare);
    free(s);
}

/* Carries out the request that has been received. @return false if it has to wait. */
static bool handle(struct store_session *s)
{
    bool privileged = store_connection_privileged(s->connection);
    int error;

    if (s->answers >= (privileged ? PRIVILEGED_ANSWERS : s->limits->outstanding))
        return false;
    if (!s->answer)
        s->answer = malloc(sizeof(*s->answer) + XENSTORE_PAYLOAD_MAX);
    if (!s->answer && s->spare_queued)
        return false;
    error = XEN_ENOMEM;
    if (s->answer && s->payload) {
        s->payload[s->header.len] = '\0';
        error = store_request(s);
    }
    if (error)
        session_reply_error(s, error);
    drop_request(s);
    return true;
}

/* Takes bytes of the header, then of the payload. */
static size_t session_receive(struct store_session *s, const uint8_t *bytes, size_t length)
{
    bool in_header = s->received < sizeof(s->header);
    size_t wanted = in_header ? sizeof(s->header) - s->received
                              : sizeof(s->header) + s->header.len - s->received;
    size_t part = wanted < length ? wanted : length;

    if (in_header)
        memcpy((uint8_t *)&s->header + s->received, bytes, part);
    else if (s->payload)
        memcpy(s->payload + (s->received - sizeof(s->header)), bytes, part);
    s->received += part;
    if (in_header && s->received == sizeof(s->header) && s->header.len <= XENSTORE_PAYLOAD_MAX)
        s->payload = malloc(s->header.len + 1);
    return part;
}

long store_session_put(struct store_session *s, const void *data, size_t length,
                       unsigned int *budget)
{
    size_t taken = 0;

    s->taking = true;
    while (!s->broken) {
        if (s->received >= sizeof(s->header) && s->header.len > XENSTORE_PAYLOAD_MAX) {
            s->broken = true;
        } else if (s->received >= sizeof(s->header) &&
                   s->received == sizeof(s->header) + s->header.len) {
            if ((budget && !*budget) || !handle(s))
                break;
            if (budget)
                --*budget;
        } else if (taken == length) {
            break;
        } else {
            taken += session_receive(s, (const uint8_t *)data + taken, length - taken);
        }
    }
    s->taking = false;
    return s->broken ? -1 : (long)taken;
}

size_t store_session_peek(struct store_session *s, const void **data)
{
    if (!s->first)
        return 0;
    *data = (const uint8_t *)&s->first->header + s->fetched;
    return sizeof(s->first->header) + s->first->header.len - s->fetched;
}

void store_session_fetched(struct store_session *s, size_t length)
{
    struct message *m = s->first;

    s->fetched += length;
    if (s->fetched < sizeof(m->header) + m->header.len)
        return;
    s->first = m->next;
    if (!s->first)
        s->end = &s->first;
    s->fetched = 0;
    xs_charge(s->connection, -(long)message_bytes(m));
    if (m->header.type == XS_WATCH_EVENT)
        s->event_bytes -= message_bytes(m);
    else
        s->answers--;
    if (m == s->spare)
        s->spare_queued = false;
    else
        free(m);
    xs_missed_events(s->connection);
}
