/* SPDX-License-Identifier: MIT */
/* A client of the store: see xenstore.h. */
#include "xenstore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <public/errno.h>
#include <public/io/xs_wire.h>

#define SOCKET     "/run/xenstored/socket"
#define FIELDS_MAX 4 /* of a request's payload */

static int connection = -1;

/* ---- The connection ---- */

static int connect_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), reason;

    if (fd < 0 || !connect(fd, (struct sockaddr *)&address, sizeof(address)))
        return fd;
    reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int xenstore_open(struct error *e)
{
    if (connection < 0)
        connection = connect_socket();
    return connection < 0 ? error_set(e, "the store (xenstored) does not answer at " SOCKET ": %s",
                                      strerror(errno))
                          : 0;
}

/* After a breach of the protocol nobody knows where the next message begins. */
static int give_up(void)
{
    close(connection);
    connection = -1;
    return XEN_EIO;
}

/* ---- Messages ---- */

/* A part of a payload; all but a last one that is a value end in a zero byte. */
struct field {
    const char *data;
    size_t length;
};

static struct field text_field(const char *text)
{
    return (struct field){text, strlen(text) + 1};
}

static int send_all(const char *data, size_t length)
{
    while (length) {
        ssize_t sent = send(connection, data, length, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static int receive_all(char *data, size_t length)
{
    while (length) {
        ssize_t received = read(connection, data, length);

        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            return -1;
        data += received;
        length -= (size_t)received;
    }
    return 0;
}

/* Sends a request in one piece. */
static int send_request(uint32_t type, uint32_t transaction, const struct field *fields)
{
    char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    struct xsd_sockmsg head = {.type = type, .tx_id = transaction};
    size_t used = sizeof(head);

    for (; fields->data; fields++) {
        if (fields->length > sizeof(message) - used)
            return XEN_E2BIG;
        memcpy(message + used, fields->data, fields->length);
        used += fields->length;
    }
    head.len = (uint32_t)(used - sizeof(head));
    memcpy(message, &head, sizeof(head));
    return send_all(message, used) ? give_up() : 0;
}

/* The number of an error that the store names. */
static int error_number(const char *name)
{
    static const struct xsd_errors table[] = {
        {XEN_EINVAL, "EINVAL"}, {XEN_EACCES, "EACCES"}, {XEN_EEXIST, "EEXIST"},
        {XEN_EISDIR, "EISDIR"}, {XEN_ENOENT, "ENOENT"}, {XEN_ENOMEM, "ENOMEM"},
        {XEN_ENOSPC, "ENOSPC"}, {XEN_EIO, "EIO"},       {XEN_ENOTEMPTY, "ENOTEMPTY"},
        {XEN_ENOSYS, "ENOSYS"}, {XEN_EROFS, "EROFS"},   {XEN_EBUSY, "EBUSY"},
        {XEN_EAGAIN, "EAGAIN"}, {XEN_E2BIG, "E2BIG"},   {XEN_EPERM, "EPERM"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (!strcmp(table[i].errstring, name))
            return table[i].errnum;
    return XEN_EIO;
}

/* Receives one message. *@payload, of @head->len bytes and a zero byte, is the caller's to free. */
static int receive_message(struct xsd_sockmsg *head, char **payload)
{
    *payload = NULL;
    if (receive_all((char *)head, sizeof(*head)) || head->len > XENSTORE_PAYLOAD_MAX)
        return give_up();
    *payload = calloc(1, head->len + 1ul);
    if (!*payload || receive_all(*payload, head->len)) {
        free(*payload);
        *payload = NULL;
        return give_up();
    }
    return 0;
}

/*
 * Carries out a request, whose @fields end in one without data. *@answer (with *@length bytes and a
 * zero byte behind them) is the caller's to free; NULL if nobody wants it.
 */
static int request(uint32_t type, uint32_t transaction, const struct field *fields, char **answer,
                   size_t *length)
{
    struct xsd_sockmsg head;
    char *payload;
    int error;

    if (xenstore_open(NULL))
        return XEN_EIO;
    error = send_request(type, transaction, fields);
    if (error)
        return error;
    error = receive_message(&head, &payload);
    if (error)
        return error;
    if (head.type == XS_ERROR)
        error = error_number(payload);
    else if (head.type != type)
        error = give_up();
    if (error || !answer) {
        free(payload);
        return error;
    }
    *answer = payload;
    if (length)
        *length = head.len;
    return 0;
}

/* ---- Requests ---- */

int xenstore_read(uint32_t transaction, const char *path, char **value)
{
    struct field fields[FIELDS_MAX] = {text_field(path)};

    return request(XS_READ, transaction, fields, value, NULL);
}

int xenstore_write(uint32_t transaction, const char *path, const char *value)
{
    struct field fields[FIELDS_MAX] = {text_field(path), {value, strlen(value)}};

    return request(XS_WRITE, transaction, fields, NULL, NULL);
}

int xenstore_remove(uint32_t transaction, const char *path)
{
    struct field fields[FIELDS_MAX] = {text_field(path)};

    return request(XS_RM, transaction, fields, NULL, NULL);
}

int xenstore_directory(uint32_t transaction, const char *path, char **names, size_t *length)
{
    struct field fields[FIELDS_MAX] = {text_field(path)};

    return request(XS_DIRECTORY, transaction, fields, names, length);
}

int xenstore_transaction_start(uint32_t *transaction)
{
    struct field fields[FIELDS_MAX] = {text_field("")};
    unsigned long number;
    char *answer;
    int error = request(XS_TRANSACTION_START, 0, fields, &answer, NULL);

    if (error)
        return error;
    number = strtoul(answer, NULL, 10);
    free(answer);
    if (!number || number > UINT32_MAX)
        return give_up();
    *transaction = (uint32_t)number;
    return 0;
}

int xenstore_transaction_end(uint32_t transaction, bool commit)
{
    struct field fields[FIELDS_MAX] = {text_field(commit ? "T" : "F")};

    return request(XS_TRANSACTION_END, transaction, fields, NULL, NULL);
}
