/* SPDX-License-Identifier: MIT */
/*
 * The requests of the wire protocol: this file takes their payloads apart, calls the store or the
 * host, and answers. The payload is the client's and may hold anything; it ends in a zero byte that
 * is not the client's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "session.h"

#define MAX_DOMID 0x7fef /* greater numbers have meanings of their own */

static int parse_domid(const char *text, uint16_t *domid)
{
    uint64_t number;

    if (parse_decimal(text, MAX_DOMID, &number))
        return XEN_EINVAL;
    *domid = (uint16_t)number;
    return 0;
}

/* A path from the client, made absolute. The special names are not paths. */
static int request_resolve(struct store_session *s, const char *text, char path[STORE_PATH_SIZE])
{
    return *text == '@' ? XEN_EINVAL : xs_resolve(s->connection, text, path);
}

/* The path that is all of the payload. */
static int only_path(struct store_session *s, char path[STORE_PATH_SIZE])
{
    const char *text;

    return session_split_payload(s, &text, 1) == 1 ? request_resolve(s, text, path) : XEN_EINVAL;
}

/* For permissions, special names are good too. */
static int path_or_special(struct store_session *s, const char *text, char path[STORE_PATH_SIZE])
{
    if (*text != '@')
        return request_resolve(s, text, path);
    if (strcmp(text, "@introduceDomain") != 0 && strcmp(text, "@releaseDomain") != 0)
        return XEN_EINVAL;
    strcpy(path, text);
    return 0;
}

static int do_read(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    const void *value;
    size_t length;
    int error = only_path(s, path);

    if (!error)
        error = xs_read(s->connection, s->header.tx_id, path, &value, &length);
    if (!error && length > XENSTORE_PAYLOAD_MAX)
        error = XEN_E2BIG;
    return error ? error : session_reply(s, value, length);
}

static int do_write(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    size_t skip = strlen(s->payload) + 1;
    int error = skip > s->header.len ? XEN_EINVAL : request_resolve(s, s->payload, path);

    if (!error)
        error = xs_write(s->connection, s->header.tx_id, path, s->payload + skip,
                         s->header.len - skip);
    return error ? error : session_reply_ok(s);
}

static int do_mkdir(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    int error = only_path(s, path);

    if (!error)
        error = xs_mkdir(s->connection, s->header.tx_id, path);
    return error ? error : session_reply_ok(s);
}

static int do_remove(struct store_session *s)
{
    char path[STORE_PATH_SIZE];
    int error = only_path(s, path);

    if (!error)
        error = xs_remove(s->connection, s->header.tx_id, path);
    return error ? error : session_reply_ok(s);
}

static int do_directory(struct store_session *s)
{
    char path[STORE_PATH_SIZE], names[XENSTORE_PAYLOAD_MAX];
    size_t length = sizeof(names);
    uint64_t generation;
    bool last;
    int error = only_path(s, path);

    if (!error)
        error = xs_directory_part(s->connection, s->header.tx_id, path, 0, names, &length, &last,
                                  &generation);
    if (!error && !last)
        error = XEN_E2BIG;
    return error ? error : session_reply(s, names, length);
}

/* The directory from a byte offset on, as many whole names as fit behind the generation number. */
static int do_directory_part(struct store_session *s)
{
    char path[STORE_PATH_SIZE], answer[XENSTORE_PAYLOAD_MAX];
    const char *strings[2];
    uint64_t offset, generation;
    size_t length = 0, used;
    bool last;
    int error;

    if (session_split_payload(s, strings, 2) != 2 || parse_decimal(strings[1], UINT32_MAX, &offset))
        return XEN_EINVAL;
    error = request_resolve(s, strings[0], path);
    if (!error) /* no names yet: the number's length is not known */
        error = xs_directory_part(s->connection, s->header.tx_id, path, 0, answer, &length, &last,
                                  &generation);
    if (error)
        return error;
    used = (size_t)snprintf(answer, sizeof(answer), "%llu", (unsigned long long)generation) + 1;
    length = sizeof(answer) - 1 - used;
    error = xs_directory_part(s->connection, s->header.tx_id, path, offset, answer + used, &length,
                              &last, &generation);
    used += length;
    if (last)
        answer[used++] = '\0'; /* an empty name says so */
    return error ? error : session_reply(s, answer, used);
}

static int do_get_permissions(struct store_session *s)
{
    struct store_permission permissions[STORE_MAX_PERMS];
    char path[STORE_PATH_SIZE], text[STORE_MAX_PERMS * 8];
    unsigned int count;
    size_t length = 0;
    const char *name;
    int error = session_split_payload(s, &name, 1) == 1 ? path_or_special(s, name, path)
                                                        : XEN_EINVAL;

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
    return session_reply(s, text, length);
}

static int do_set_permissions(struct store_session *s)
{
    struct store_permission permissions[STORE_MAX_PERMS];
    const char *strings[STORE_MAX_PERMS + 1];
    char path[STORE_PATH_SIZE];
    unsigned int count = session_split_payload(s, strings, STORE_MAX_PERMS + 1);
    int error = count < 2 || count == UINT32_MAX ? XEN_EINVAL
                                                 : path_or_special(s, strings[0], path);

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
    return error ? error : session_reply_ok(s);
}

static int do_watch(struct store_session *s)
{
    const char *strings[2];
    int error;

    if (session_split_payload(s, strings, 2) != 2)
        return XEN_EINVAL;
    error = xs_watch(s->connection, strings[0], strings[1]);
    if (error)
        return error;
    session_reply_ok(s);
    xs_watch_first(s->connection, strings[0], strings[1]);
    return 0;
}

static int do_unwatch(struct store_session *s)
{
    const char *strings[2];
    int error = session_split_payload(s, strings, 2) == 2
                    ? xs_unwatch(s->connection, strings[0], strings[1])
                    : XEN_EINVAL;

    return error ? error : session_reply_ok(s);
}

static int do_transaction_start(struct store_session *s)
{
    uint32_t id;
    char text[16];
    int error = s->header.tx_id ? XEN_EBUSY : xs_transaction_start(s->connection, &id);

    if (error)
        return error;
    snprintf(text, sizeof(text), "%u", id);
    return session_reply_text(s, text);
}

static int do_transaction_end(struct store_session *s)
{
    const char *answer;
    int error;

    if (session_split_payload(s, &answer, 1) != 1 ||
        (strcmp(answer, "T") != 0 && strcmp(answer, "F") != 0))
        return XEN_EINVAL;
    error = xs_transaction_end(s->connection, s->header.tx_id, *answer == 'T');
    return error ? error : session_reply_ok(s);
}

static int do_get_domain_path(struct store_session *s)
{
    const char *text;
    char path[32];
    uint16_t domid;
    int error = session_split_payload(s, &text, 1) == 1 ? parse_domid(text, &domid) : XEN_EINVAL;

    if (error)
        return error;
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    return session_reply_text(s, path);
}

static int do_is_introduced(struct store_session *s)
{
    const char *text;
    uint16_t domid;
    int error;

    if (!store_connection_privileged(s->connection))
        return XEN_EACCES;
    error = session_split_payload(s, &text, 1) == 1 ? parse_domid(text, &domid) : XEN_EINVAL;
    if (error)
        return error;
    return session_reply_text(s, s->host->is_introduced(s->host->context, domid) ? "T" : "F");
}

static int do_reset_watches(struct store_session *s)
{
    xs_reset(s->connection);
    return session_reply_ok(s);
}

/* ---- What only the tools may ask ---- */

static int do_introduce(struct store_session *s)
{
    const struct store_host *host = s->host;
    const char *strings[3];
    uint64_t frame, port;
    uint16_t domid;
    int error;

    if (!store_connection_privileged(s->connection))
        return XEN_EACCES;
    if (session_split_payload(s, strings, 3) != 3 || parse_domid(strings[0], &domid) || !domid ||
        parse_decimal(strings[1], UINT64_MAX, &frame) ||
        parse_decimal(strings[2], UINT32_MAX, &port))
        return XEN_EINVAL;
    error = host->introduce ? host->introduce(host->context, domid, frame, (uint32_t)port)
                            : XEN_ENOSYS;
    return error ? error : session_reply_ok(s);
}

/* A request about one domain that was introduced, which is all of the payload. */
static int about_domain(struct store_session *s, uint16_t *domid)
{
    const char *text;

    if (!store_connection_privileged(s->connection))
        return XEN_EACCES;
    if (session_split_payload(s, &text, 1) != 1 || parse_domid(text, domid) || !*domid)
        return XEN_EINVAL;
    return s->host->is_introduced(s->host->context, *domid) ? 0 : XEN_ENOENT;
}

static int do_release(struct store_session *s)
{
    const struct store_host *host = s->host;
    uint16_t domid;
    int error = about_domain(s, &domid);

    if (!error)
        error = host->release ? host->release(host->context, domid) : XEN_ENOSYS;
    return error ? error : session_reply_ok(s);
}

static int do_resume(struct store_session *s)
{
    const struct store_host *host = s->host;
    uint16_t domid;
    int error = about_domain(s, &domid);

    if (!error)
        error = host->resume ? host->resume(host->context, domid) : XEN_ENOSYS;
    return error ? error : session_reply_ok(s);
}

static int do_set_target(struct store_session *s)
{
    const struct store_host *host = s->host;
    const char *strings[2];
    uint16_t domid, target;
    int error;

    if (!store_connection_privileged(s->connection))
        return XEN_EACCES;
    if (session_split_payload(s, strings, 2) != 2 || parse_domid(strings[0], &domid) ||
        parse_domid(strings[1], &target) || !domid)
        return XEN_EINVAL;
    if (!host->is_introduced(host->context, domid) || !host->is_introduced(host->context, target))
        return XEN_ENOENT;
    error = host->set_target ? host->set_target(host->context, domid, target) : XEN_ENOSYS;
    return error ? error : session_reply_ok(s);
}

static int do_control(struct store_session *s)
{
    return store_connection_privileged(s->connection) ? store_control(s) : XEN_EACCES;
}

int store_request(struct store_session *s)
{
    static int (*const handlers[])(struct store_session *) = {
        [XS_CONTROL] = do_control,
        [XS_DIRECTORY] = do_directory,
        [XS_READ] = do_read,
        [XS_GET_PERMS] = do_get_permissions,
        [XS_WATCH] = do_watch,
        [XS_UNWATCH] = do_unwatch,
        [XS_TRANSACTION_START] = do_transaction_start,
        [XS_TRANSACTION_END] = do_transaction_end,
        [XS_INTRODUCE] = do_introduce,
        [XS_RELEASE] = do_release,
        [XS_GET_DOMAIN_PATH] = do_get_domain_path,
        [XS_WRITE] = do_write,
        [XS_MKDIR] = do_mkdir,
        [XS_RM] = do_remove,
        [XS_SET_PERMS] = do_set_permissions,
        [XS_IS_DOMAIN_INTRODUCED] = do_is_introduced,
        [XS_RESUME] = do_resume,
        [XS_SET_TARGET] = do_set_target,
        [XS_RESET_WATCHES] = do_reset_watches,
        [XS_DIRECTORY_PART] = do_directory_part,
    };

    if (s->header.type >= sizeof(handlers) / sizeof(handlers[0]) || !handlers[s->header.type])
        return XEN_ENOSYS;
    return handlers[s->header.type](s);
}
