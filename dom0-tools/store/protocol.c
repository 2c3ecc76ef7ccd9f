/* SPDX-License-Identifier: MIT */
/*
 * A client's session: puts its bytes together to requests, and keeps answers and watch events until
 * they are fetched.
 *
 * Each request is answered by exactly one message of its own type, or of type XS_ERROR with the
 * name of an errno value. Whatever a client sends, or does not fetch, is bounded: answers by its
 * limits, beyond which its requests wait; events by EVENT_BYTES and its memory, beyond which its
 * watches remember that they have missed events. If there is no memory for its answer, a request is
 * not carried out, or is one that changes nothing.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "session.h"
#include "store_internal.h"

#define EVENT_BYTES        (64u << 10) /* of watch events that wait */
#define PRIVILEGED_ANSWERS 64
#define REQUEST_STEPS      1024u /* of the store's work: beyond that, a request counts as several */

static struct message **event_bucket(struct store_session *s, uint32_t hash)
{
    return &s->events[hash >> (32 - EVENT_BITS)];
}

/* Whether an event like this one waits already: one is enough. */
static bool event_waits(struct store_session *s, const char *path, size_t path_bytes,
                        const char *token, size_t token_bytes, uint32_t hash)
{
    const struct message *m = *event_bucket(s, hash);

    for (; m; m = m->bucket_next) {
        s->connection->store->steps++;
        if (m->hash == hash && m->header.len == path_bytes + token_bytes &&
            !memcmp(m->payload, path, path_bytes) &&
            !memcmp(m->payload + path_bytes, token, token_bytes))
            return true;
    }
    return false;
}

/* Takes the oldest event out of the buckets: from now on, one like it is a new one. */
static void event_leaves(struct store_session *s, const struct message *event)
{
    struct message **link = event_bucket(s, event->hash);

    while (*link != event)
        link = &(*link)->bucket_next;
    *link = event->bucket_next;
}

static void queue_event(struct store_session *s, struct message *m, uint32_t hash)
{
    struct message **bucket = event_bucket(s, hash);

    m->hash = hash;
    m->bucket_next = *bucket;
    *bucket = m;
    session_enqueue(s, m);
}

static bool session_on_event(void *context, const char *path, const char *token)
{
    size_t path_bytes = strlen(path) + 1, token_bytes = strlen(token) + 1;
    size_t bytes = sizeof(struct message) + path_bytes + token_bytes;
    struct store_session *s = context;
    struct message *m;
    uint32_t hash;

    if (s->event_bytes + bytes + BLOCK_OVERHEAD > EVENT_BYTES ||
        bytes + BLOCK_OVERHEAD > xs_memory_left(s->connection))
        return false;
    hash = hash_bytes(hash_bytes(s->connection->store->seed, path, path_bytes), token, token_bytes);
    if (event_waits(s, path, path_bytes, token, token_bytes, hash))
        return true;
    m = malloc(bytes);
    if (!m)
        return false;
    m->header = (struct xsd_sockmsg){.type = XS_WATCH_EVENT,
                                     .len = (uint32_t)(path_bytes + token_bytes)};
    memcpy(m->payload, path, path_bytes);
    memcpy(m->payload + path_bytes, token, token_bytes);
    queue_event(s, m, hash);
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
    memset(s->events, 0, sizeof(s->events));
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
    s->spare = malloc(sizeof(*s->spare) + SHORT_ANSWER);
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
        s->answer = malloc(sizeof(*s->answer) + SHORT_ANSWER);
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

/* Counts a request of that many steps. */
static void spend(unsigned int *budget, uint64_t steps)
{
    uint64_t requests = 1 + steps / REQUEST_STEPS;

    *budget -= requests < *budget ? (unsigned int)requests : *budget;
}

long store_session_put(struct store_session *s, const void *data, size_t length,
                       unsigned int *budget)
{
    const struct store *store = s->connection->store;
    size_t taken = 0;

    s->taking = true;
    while (!s->broken) {
        if (s->received >= sizeof(s->header) && s->header.len > XENSTORE_PAYLOAD_MAX) {
            s->broken = true;
        } else if (s->received >= sizeof(s->header) &&
                   s->received == sizeof(s->header) + s->header.len) {
            uint64_t before = store->steps;

            if ((budget && !*budget) || !handle(s))
                break;
            if (budget)
                spend(budget, store->steps - before);
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

    if (!s->fetched && length && m->header.type == XS_WATCH_EVENT)
        event_leaves(s, m);
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
