/* SPDX-License-Identifier: MIT */
/*
 * The wire protocol: takes messages apart, calls the store, puts answers and watch events into a queue.
 *
 * Each request is answered by exactly one message of its own type, or of type XS_ERROR with the name of
 * an errno value. Whatever a client sends is bounded: the size of a message by the protocol, the queue of
 * what it does not fetch by QUEUE_LIMIT, beyond which its requests wait and its events are dropped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>
#include <public/io/xs_wire.h>

#include <tools/store_protocol.h>

#define QUEUE_LIMIT       (64u << 10)  /* bytes waiting, beyond which requests are not taken */
#define EVENT_QUEUE_LIMIT (256u << 10) /* and beyond which events are dropped */

struct message {
    struct message *next;
    struct xsd_sockmsg header;
    char payload[];
};

struct store_session {
    struct store_connection *connection;
    const struct store_host *host;
    void (*output)(void *context);
    void *output_context;
    bool taking; /* inside of store_session_put: whoever called it looks for output anyway */
    bool broken;

    /* The request being received. */
    struct xsd_sockmsg header;
    char payload[XENSTORE_PAYLOAD_MAX + 1]; /* always ends in a zero byte of ours */
    size_t received;                        /* header and payload */

    /* What waits to be fetched; the first @fetched bytes of the first message are gone. */
    struct message *first, **end;
    size_t fetched, queued;
};

static void enqueue(struct store_session *s, const struct xsd_sockmsg *header, const void *a,
                    size_t a_length, const void *b, size_t b_length)
{
    struct message *m = malloc(sizeof(*m) + a_length + b_length);

    if (!m) {
        s->broken = true;
        return;
    }
    m->next = NULL;
    m->header = *header;
    m->header.len = (uint32_t)(a_length + b_length);
    if (a_length)
        memcpy(m->payload, a, a_length);
    if (b_length)
        memcpy(m->payload + a_length, b, b_length);
    *s->end = m;
    s->end = &m->next;
    s->queued += sizeof(m->header) + a_length + b_length;
    if (!s->taking && s->output)
        s->output(s->output_context);
}

static void reply(struct store_session *s, const void *data, size_t length)
{
    enqueue(s, &s->header, data, length, NULL, 0);
}

static void reply_ok(struct store_session *s)
{
    reply(s, "OK", 3);
}

static void reply_error(struct store_session *s, int error)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {XEN_EINVAL, "EINVAL"}, {XEN_EACCES, "EACCES"},   {XEN_EEXIST, "EEXIST"},
        {XEN_EISDIR, "EISDIR"}, {XEN_ENOENT, "ENOENT"},   {XEN_ENOMEM, "ENOMEM"},
        {XEN_ENOSPC, "ENOSPC"}, {XEN_EIO, "EIO"},         {XEN_ENOTEMPTY, "ENOTEMPTY"},
        {XEN_ENOSYS, "ENOSYS"}, {XEN_EROFS, "EROFS"},     {XEN_EBUSY, "EBUSY"},
        {XEN_EAGAIN, "EAGAIN"}, {XEN_EISCONN, "EISCONN"}, {XEN_E2BIG, "E2BIG"},
        {XEN_EPERM, "EPERM"},
    };
    struct xsd_sockmsg header = s->header;
    const char *name = "EINVAL";

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].number == error)
            name = names[i].name;
    header.type = XS_ERROR;
    enqueue(s, &header, name, strlen(name) + 1, NULL, 0);
}

/* Whether a watch event with this payload waits already: told once is enough. */
static bool event_waits(const struct store_session *s, const char *path, const char *token)
{
    size_t path_bytes = strlen(path) + 1, token_bytes = strlen(token) + 1;
    const struct message *m = s->first;

    if (m && s->fetched) /* this one is on its way */
        m = m->next;
    for (; m; m = m->next)
        if (m->header.type == XS_WATCH_EVENT && m->header.len == path_bytes + token_bytes &&
            !memcmp(m->payload, path, path_bytes) &&
            !memcmp(m->payload + path_bytes, token, token_bytes))
            return true;
    return false;
}

static void on_event(void *context, const char *path, const char *token)
{
    static const struct xsd_sockmsg header = {.type = XS_WATCH_EVENT};
    struct store_session *s = context;

    if (s->queued < EVENT_QUEUE_LIMIT && !event_waits(s, path, token))
        enqueue(s, &header, path, strlen(path) + 1, token, strlen(token) + 1);
}

/* Splits the payload into at most @max strings, each ended by a zero byte. Returns how many. */
static unsigned int split(struct store_session *s, const char **strings, unsigned int max)
{
    unsigned int count = 0;
    size_t at = 0;

    while (at < s->header.len) {
        size_t length = strlen(s->payload + at);

        if (at + length >= s->header.len || count == max)
            return UINT32_MAX; /* not ended, or one too many: no request has such a form */
        strings[count++] = s->payload + at;
        at += length + 1;
    }
    return count;
}

/* The path that a request starts with, made absolute. */
static int first_path(struct store_session *s, char path[STORE_PATH_SIZE])
{
    if (strlen(s->payload) >= s->header.len)
        return XEN_EINVAL;
    return xs_resolve(s->connection, s->payload, path);
}

static int do_read(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    const void *value;
    size_t length;
    int error = first_path(s, path);

    if (!error)
        error = xs_read(s->connection, s->header.tx_id, path, &value, &length);
    if (!error && length > XENSTORE_PAYLOAD_MAX)
        error = XEN_E2BIG;
    if (!error)
        reply(s, value, length);
    return error;
}

static int do_write(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    size_t skip = strlen(s->payload) + 1;
    int error = first_path(s, path);

    if (!error)
        error = xs_write(s->connection, s->header.tx_id, path, s->payload + skip,
                         s->header.len - skip);
    if (!error)
        reply_ok(s);
    return error;
}

static int do_mkdir(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    int error = first_path(s, path);

    if (!error)
        error = xs_mkdir(s->connection, s->header.tx_id, path);
    if (!error)
        reply_ok(s);
    return error;
}

static int do_remove(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    int error = first_path(s, path);

    if (!error)
        error = xs_remove(s->connection, s->header.tx_id, path);
    if (!error)
        reply_ok(s);
    return error;
}

static int do_directory(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    uint64_t generation;
    size_t length;
    char *names;
    int error = first_path(s, path);

    if (!error)
        error = xs_directory(s->connection, s->header.tx_id, path, &names, &length, &generation);
    if (error)
        return error;
    if (length <= XENSTORE_PAYLOAD_MAX)
        reply(s, names, length);
    else
        error = XEN_E2BIG;
    free(names);
    return error;
}

/* The directory from a byte offset on, as many whole names as fit behind the generation number. */
static int do_directory_part(struct store_session *s)
{
    char path[STORE_PATH_SIZE], count[24];
    const char *strings[2];
    unsigned long long offset = 0;
    uint64_t generation;
    size_t length, room, part = 0;
    char *names;
    int error;

    if (split(s, strings, 2) != 2 || !*strings[1])
        return XEN_EINVAL;
    for (const char *c = strings[1]; *c; c++) {
        if (*c < '0' || *c > '9' || offset > UINT32_MAX)
            return XEN_EINVAL;
        offset = offset * 10 + (unsigned int)(*c - '0');
    }
    error = first_path(s, path);
    if (!error)
        error = xs_directory(s->connection, s->header.tx_id, path, &names, &length, &generation);
    if (error)
        return error;
    room = XENSTORE_PAYLOAD_MAX -
           (size_t)snprintf(count, sizeof(count), "%llu", (unsigned long long)generation) - 2;
    if (offset > length)
        offset = length;
    while (offset + part < length) {
        size_t bytes = strlen(names + offset + part) + 1;

        if (part + bytes > room)
            break;
        part += bytes;
    }
    /* An empty name says that this was the last part: the block has room for that byte. */
    if (offset + part == length)
        names[offset + part++] = '\0';
    enqueue(s, &s->header, count, strlen(count) + 1, names + offset, part);
    free(names);
    return 0;
}

static int do_get_permissions(struct store_session *s)
{
    struct store_permission permissions[STORE_MAX_PERMS];
    char path[STORE_PATH_SIZE], text[STORE_MAX_PERMS * 8];
    unsigned int count;
    size_t length = 0;
    int error = first_path(s, path);

    if (!error)
        error = xs_get_permissions(s->connection, s->header.tx_id, path, permissions, &count);
    if (error)
        return error;
    for (unsigned int i = 0; i < count; i++) {
        char letter = permissions[i].read ? (permissions[i].write ? 'b' : 'r')
                                          : (permissions[i].write ? 'w' : 'n');

        length += (size_t)snprintf(text + length, sizeof(text) - length, "%c%u", letter,
                                   permissions[i].domid) +
                  1;
    }
    reply(s, text, length);
    return 0;
}

/* A domain number in decimal, all of @text. Returns 0 or EINVAL. */
static int parse_domid(const char *text, uint16_t *domid)
{
    unsigned int number = 0;

    if (!*text)
        return XEN_EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return XEN_EINVAL;
        number = number * 10 + (unsigned int)(*text - '0');
        if (number > 0x7fff)
            return XEN_EINVAL;
    }
    *domid = (uint16_t)number;
    return 0;
}

static int do_set_permissions(struct store_session *s)
{
    struct store_permission permissions[STORE_MAX_PERMS];
    const char *strings[STORE_MAX_PERMS + 1];
    char path[STORE_PATH_SIZE];
    unsigned int count = split(s, strings, STORE_MAX_PERMS + 1);
    int error = count < 2 || count == UINT32_MAX ? XEN_EINVAL : first_path(s, path);

    for (unsigned int i = 1; !error && i < count; i++) {
        struct store_permission *p = &permissions[i - 1];
        char letter = strings[i][0];

        if (letter != 'n' && letter != 'r' && letter != 'w' && letter != 'b')
            return XEN_EINVAL;
        p->read = letter == 'r' || letter == 'b';
        p->write = letter == 'w' || letter == 'b';
        error = parse_domid(strings[i] + 1, &p->domid);
    }
    if (!error)
        error = xs_set_permissions(s->connection, s->header.tx_id, path, permissions, count - 1);
    if (!error)
        reply_ok(s);
    return error;
}

static int do_watch(struct store_session *s)
{
    const char *strings[2];
    int error;

    if (split(s, strings, 2) != 2)
        return XEN_EINVAL;
    error = xs_watch(s->connection, strings[0], strings[1]);
    if (error)
        return error;
    reply_ok(s);
    xs_watch_first(s->connection, strings[0], strings[1]);
    return 0;
}

static int do_unwatch(struct store_session *s)
{
    const char *strings[2];
    int error = split(s, strings, 2) == 2 ? xs_unwatch(s->connection, strings[0], strings[1])
                                          : XEN_EINVAL;

    if (!error)
        reply_ok(s);
    return error;
}

static int do_transaction_start(struct store_session *s)
{
    uint32_t id;
    char text[16];
    int error = s->header.tx_id ? XEN_EBUSY : xs_transaction_start(s->connection, &id);

    if (error)
        return error;
    snprintf(text, sizeof(text), "%u", id);
    reply(s, text, strlen(text) + 1);
    return 0;
}

static int do_transaction_end(struct store_session *s)
{
    const char *answer;
    int error;

    if (split(s, &answer, 1) != 1 || (strcmp(answer, "T") != 0 && strcmp(answer, "F") != 0))
        return XEN_EINVAL;
    error = xs_transaction_end(s->connection, s->header.tx_id, *answer == 'T');
    if (!error)
        reply_ok(s);
    return error;
}

static int do_get_domain_path(struct store_session *s)
{
    const char *text;
    char path[32];
    uint16_t domid;
    int error = split(s, &text, 1) == 1 ? parse_domid(text, &domid) : XEN_EINVAL;

    if (error)
        return error;
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    reply(s, path, strlen(path) + 1);
    return 0;
}

static int do_is_introduced(struct store_session *s)
{
    const char *text;
    uint16_t domid;
    int error = split(s, &text, 1) == 1 ? parse_domid(text, &domid) : XEN_EINVAL;

    if (!error)
        reply(s, s->host->is_introduced(s->host->context, domid) ? "T" : "F", 2);
    return error;
}

static int do_reset_watches(struct store_session *s)
{
    xs_reset(s->connection);
    reply_ok(s);
    return 0;
}

/* For domains' tools only; ours introduce domains without messages. */
static int do_privileged(struct store_session *s)
{
    return store_connection_privileged(s->connection) ? XEN_ENOSYS : XEN_EACCES;
}

static void handle(struct store_session *s)
{
    static int (*const handlers[])(struct store_session *) = {
        [XS_CONTROL] = do_privileged,
        [XS_DIRECTORY] = do_directory,
        [XS_READ] = do_read,
        [XS_GET_PERMS] = do_get_permissions,
        [XS_WATCH] = do_watch,
        [XS_UNWATCH] = do_unwatch,
        [XS_TRANSACTION_START] = do_transaction_start,
        [XS_TRANSACTION_END] = do_transaction_end,
        [XS_INTRODUCE] = do_privileged,
        [XS_RELEASE] = do_privileged,
        [XS_GET_DOMAIN_PATH] = do_get_domain_path,
        [XS_WRITE] = do_write,
        [XS_MKDIR] = do_mkdir,
        [XS_RM] = do_remove,
        [XS_SET_PERMS] = do_set_permissions,
        [XS_IS_DOMAIN_INTRODUCED] = do_is_introduced,
        [XS_RESUME] = do_privileged,
        [XS_SET_TARGET] = do_privileged,
        [XS_RESET_WATCHES] = do_reset_watches,
        [XS_DIRECTORY_PART] = do_directory_part,
    };
    int error = XEN_ENOSYS;

    s->payload[s->header.len] = '\0';
    if (s->header.type < sizeof(handlers) / sizeof(handlers[0]) && handlers[s->header.type])
        error = handlers[s->header.type](s);
    if (error)
        reply_error(s, error);
}

struct store_session *store_session_open(struct store *store, uint16_t domid, bool privileged,
                                         const struct store_limits *limits,
                                         const struct store_host *host,
                                         void (*output)(void *context), void *context)
{
    struct store_session *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->connection = store_connect(store, domid, privileged, limits, on_event, s);
    if (!s->connection) {
        free(s);
        return NULL;
    }
    s->host = host;
    s->output = output;
    s->output_context = context;
    s->end = &s->first;
    return s;
}

void store_session_close(struct store_session *s)
{
    store_disconnect(s->connection);
    while (s->first) {
        struct message *m = s->first;

        s->first = m->next;
        free(m);
    }
    free(s);
}

long store_session_put(struct store_session *s, const void *data, size_t length)
{
    const uint8_t *bytes = data;
    size_t taken = 0;

    s->taking = true;
    while (taken < length && !s->broken && s->queued < QUEUE_LIMIT) {
        bool in_header = s->received < sizeof(s->header);
        size_t wanted = in_header ? sizeof(s->header) - s->received
                                  : sizeof(s->header) + s->header.len - s->received;
        size_t part = wanted < length - taken ? wanted : length - taken;

        if (in_header)
            memcpy((uint8_t *)&s->header + s->received, bytes + taken, part);
        else
            memcpy(s->payload + (s->received - sizeof(s->header)), bytes + taken, part);
        s->received += part;
        taken += part;
        if (s->received < sizeof(s->header))
            continue;
        if (s->header.len > XENSTORE_PAYLOAD_MAX)
            s->broken = true;
        else if (s->received == sizeof(s->header) + s->header.len) {
            s->received = 0;
            handle(s);
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
    s->queued -= length;
    if (s->fetched < sizeof(m->header) + m->header.len)
        return;
    s->first = m->next;
    if (!s->first)
        s->end = &s->first;
    s->fetched = 0;
    free(m);
}
