/* SPDX-License-Identifier: MIT */
/* A session's state, and what its parts call of each other. Private to dom0-tools/store. */
#ifndef TOOLS_STORE_SESSION_H
#define TOOLS_STORE_SESSION_H

#include <public/io/xs_wire.h>

#include <tools/store_protocol.h>

#define SHORT_ANSWER 12 /* bytes: a number, "OK", or the name of an error */
#define EVENT_BITS   6

struct message {
    struct message *next;
    struct message *bucket_next; /* of an event that is in the session's buckets */
    uint32_t hash;               /* of an event's payload */
    struct xsd_sockmsg header;   /* right in front of the payload: they are fetched together */
    char payload[];
};

struct store_session {
    struct store_connection *connection;
    const struct store_limits *limits;
    const struct store_host *host;
    void (*output)(void *context);
    void *output_context;
    bool taking; /* inside of store_session_put, whose caller looks for output anyway */
    bool broken;

    /* The request being received, or that waits until its answer finds room. */
    struct xsd_sockmsg header;
    /* The session adds a zero byte at its end. NULL: not begun, or there is no memory for it. */
    char *payload;
    size_t received; /* header and payload */

    /*
     * Where a short answer goes: allocated before the request is carried out. When there is no
     * memory, the request is not carried out, and ENOMEM goes into the spare. Longer answers are to
     * requests that change nothing, which may fail in the end.
     */
    struct message *answer;
    struct message *spare;
    bool spare_queued;

    /* What waits to be fetched; the first @fetched bytes of the first message are gone. */
    struct message *first, **end;
    struct message *events[1u << EVENT_BITS]; /* those of them of which no byte is gone, by hash */
    size_t fetched, event_bytes;
    unsigned int answers;
};

/* What a message is charged for, with its payload. */
size_t message_bytes(const struct message *m);

/* Queues a message for the client, as the last. */
void session_enqueue(struct store_session *s, struct message *m);

/* Answers the request with an error. */
void session_reply_error(struct store_session *s, int error);

/*
 * Answer the request. A request that succeeds calls exactly one of these, successfully. @return 0
 * or XEN_ENOMEM, which comes only for more than SHORT_ANSWER bytes.
 */
int session_reply(struct store_session *s, const void *data, size_t length);
int session_reply_text(struct store_session *s, const char *text); /* with its zero byte */
int session_reply_ok(struct store_session *s);

/* Carries out the request: 0 if it was answered, or the errno to answer with. */
int store_request(struct store_session *s);

/* XS_CONTROL, for a privileged session. As store_request. */
int store_control(struct store_session *s);

/* Splits the payload into at most @max strings, each ended by a zero byte. @return how many, or
 * UINT32_MAX when it has no such form. */
unsigned int session_split_payload(struct store_session *s, const char **strings, unsigned int max);

/* A number in decimal, all of @text, up to @max. @return 0 or EINVAL. */
int parse_decimal(const char *text, uint64_t max, uint64_t *number);

#endif
