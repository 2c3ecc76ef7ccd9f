/* SPDX-License-Identifier: MIT */
/*
 * Store client: a link that carries bytes both ways (store_ring.c, or another), a lock that keeps a
 * request's bytes together, and a thread that passes each answer to the request with its number and
 * counts watch events. A watch's token is the hexadecimal address of its structure.
 */
#include <errno.h>
#include <events.h>
#include <guest.h>
#include <public/io/xs_wire.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <store.h>
#include <string.h>

#define TOKEN_SIZE 20

/* A store lets a domain have ten open at a time; threads that want more of them wait. */
#define MAX_TRANSACTIONS 8u

struct request {
    uint32_t id;
    bool answered;
    uint32_t type;
    uint32_t length;
    char *body; /* malloc'ed, with a NUL behind its end; NULL without memory */
    struct request *next;
};

struct part {
    const void *data;
    size_t length;
};

static const struct store_link *link;
static struct wait_queue link_queue, writer_queue, answer_queue;
static bool writing;
static uint32_t last_id;
static struct request *requests;
static unsigned int open_transactions;
static struct wait_queue transaction_queue;
static struct store_watch *watches;

bool store_present(void)
{
    return link != NULL;
}

void store_link_ready(void)
{
    wake_all(&link_queue);
}

static void write_bytes(const void *data, size_t length)
{
    const char *from = data;

    while (length > 0) {
        size_t size = link->send(from, length);

        if (size == 0) {
            link->notify();
            wait_until(&link_queue, (size = link->send(from, length)) > 0);
        }
        from += size;
        length -= size;
    }
}

/* Bytes of a message that we have no memory for (@data is NULL) are read and dropped. */
static void read_bytes(char *data, size_t length)
{
    while (length > 0) {
        char dropped[256];
        char *to = data ? data : dropped;
        size_t room = data || length < sizeof(dropped) ? length : sizeof(dropped);
        size_t size = link->receive(to, room);

        if (size == 0) {
            link->notify();
            wait_until(&link_queue, (size = link->receive(to, room)) > 0);
        }
        if (data)
            data += size;
        length -= size;
    }
    link->notify();
}

/* The errors that a store may name. */
static const struct xsd_errors error_names[] = {
    {EINVAL, "EINVAL"}, {EACCES, "EACCES"}, {EEXIST, "EEXIST"},       {EISDIR, "EISDIR"},
    {ENOENT, "ENOENT"}, {ENOMEM, "ENOMEM"}, {ENOSPC, "ENOSPC"},       {EIO, "EIO"},
    {ENOSYS, "ENOSYS"}, {EROFS, "EROFS"},   {ENOTEMPTY, "ENOTEMPTY"}, {EBUSY, "EBUSY"},
    {EAGAIN, "EAGAIN"}, {EPERM, "EPERM"},   {EISCONN, "EISCONN"},     {E2BIG, "E2BIG"},
};

/* Sends a request and waits for its answer. @return 0, or a negative errno; then no body. */
static int store_call(uint32_t type, store_transaction transaction, const struct part *parts,
                      unsigned int count, struct request *request)
{
    struct xsd_sockmsg header = {.type = type, .tx_id = transaction};
    struct request **place;

    if (!link)
        return -ENODEV;
    for (unsigned int i = 0; i < count; i++)
        header.len += (uint32_t)parts[i].length;
    if (header.len > XENSTORE_PAYLOAD_MAX)
        return -E2BIG;
    header.req_id = ++last_id;
    *request = (struct request){.id = header.req_id, .next = requests};
    requests = request;

    wait_until(&writer_queue, !writing);
    writing = true;
    write_bytes(&header, sizeof(header));
    for (unsigned int i = 0; i < count; i++)
        write_bytes(parts[i].data, parts[i].length);
    link->notify();
    writing = false;
    wake_one(&writer_queue);

    wait_until(&answer_queue, request->answered);
    for (place = &requests; *place != request; place = &(*place)->next)
        ;
    *place = request->next;
    if (!request->body)
        return -ENOMEM;
    if (request->type == XS_ERROR) {
        int error = EINVAL;

        for (unsigned int i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
            if (strcmp(request->body, error_names[i].errstring) == 0)
                error = error_names[i].errnum;
        free(request->body);
        return -error;
    }
    return 0;
}

/* For requests whose answer holds nothing of interest. */
static int call_plain(uint32_t type, store_transaction transaction, const struct part *parts,
                      unsigned int count)
{
    struct request request;
    int error = store_call(type, transaction, parts, count, &request);

    if (!error)
        free(request.body);
    return error;
}

/* A string with its NUL. */
static struct part string_part(const char *text)
{
    return (struct part){text, strlen(text) + 1};
}

int store_read(store_transaction transaction, const char *path, char **value)
{
    struct part part = string_part(path);
    struct request request;
    int error = store_call(XS_READ, transaction, &part, 1, &request);

    if (error)
        return error;
    *value = request.body;
    return (int)request.length;
}

int store_write(store_transaction transaction, const char *path, const char *value)
{
    struct part parts[] = {string_part(path), {value, strlen(value)}};

    return call_plain(XS_WRITE, transaction, parts, 2);
}

int store_printf(store_transaction transaction, const char *path, const char *format, ...)
{
    va_list arguments;
    char *value;
    int result;

    va_start(arguments, format);
    result = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (result < 0)
        return -ENOMEM;
    result = store_write(transaction, path, value);
    free(value);
    return result;
}

int store_mkdir(store_transaction transaction, const char *path)
{
    struct part part = string_part(path);

    return call_plain(XS_MKDIR, transaction, &part, 1);
}

int store_remove(store_transaction transaction, const char *path)
{
    struct part part = string_part(path);

    return call_plain(XS_RM, transaction, &part, 1);
}

/* Appends what one answer holds of a list. @return 1 at the list's end, 0 before, or an error. */
static int append_part(struct request *list, const struct request *answer)
{
    size_t skip = strlen(answer->body) + 1;
    size_t bytes = skip < answer->length ? answer->length - skip : 0;
    char *longer = realloc(list->body, list->length + bytes + 1);

    if (!longer)
        return -ENOMEM;
    list->body = longer;
    memcpy(longer + list->length, answer->body + skip, bytes);
    list->length += (uint32_t)bytes;
    if (!bytes)
        return -EIO;
    /* An empty name ends the list. */
    if (list->length > 1 && longer[list->length - 2] != '\0')
        return 0;
    list->length--;
    return 1;
}

/*
 * As XS_DIRECTORY's answer, for a folder that is too long for one. Again when it changes meanwhile.
 */
static int directory_in_parts(store_transaction transaction, const char *path, struct request *list)
{
    uint64_t generation = 0;
    int result = 0;

    *list = (struct request){.length = 0};
    while (!result) {
        struct request answer;
        struct part parts[2];
        char offset[16];

        snprintf(offset, sizeof(offset), "%u", list->length);
        parts[0] = string_part(path);
        parts[1] = string_part(offset);
        result = store_call(XS_DIRECTORY_PART, transaction, parts, 2, &answer);
        if (result)
            break;
        if (list->length > 0 && strtoull(answer.body, NULL, 10) != generation) {
            list->length = 0;
        } else {
            generation = strtoull(answer.body, NULL, 10);
            result = append_part(list, &answer);
        }
        free(answer.body);
    }
    if (result > 0)
        return 0;
    free(list->body);
    return result;
}

int store_directory(store_transaction transaction, const char *path, char ***names)
{
    struct part part = string_part(path);
    struct request request;
    int count = 0;
    char *text;
    int error = store_call(XS_DIRECTORY, transaction, &part, 1, &request);

    if (error == -E2BIG)
        error = directory_in_parts(transaction, path, &request);
    if (error)
        return error;
    for (uint32_t i = 0; i < request.length; i++)
        count += request.body[i] == '\0';
    *names = malloc((size_t)count * sizeof(char *) + request.length + 1);
    if (!*names) {
        free(request.body);
        return -ENOMEM;
    }
    text = (char *)(*names + count);
    memcpy(text, request.body, request.length);
    free(request.body);
    for (int i = 0; i < count; i++) {
        (*names)[i] = text;
        text += strlen(text) + 1;
    }
    return count;
}

/* One more request has ended, or did not begin. */
static void transaction_ended(void)
{
    open_transactions--;
    wake_one(&transaction_queue);
}

int store_begin(store_transaction *transaction)
{
    struct part part = string_part("");
    struct request request;
    int error;

    wait_until(&transaction_queue, open_transactions < MAX_TRANSACTIONS);
    open_transactions++;
    error = store_call(XS_TRANSACTION_START, 0, &part, 1, &request);
    if (error) {
        transaction_ended();
        return error;
    }
    *transaction = (store_transaction)strtoul(request.body, NULL, 10);
    free(request.body);
    return 0;
}

int store_end(store_transaction transaction, bool commit)
{
    struct part part = string_part(commit ? "T" : "F");
    int error = call_plain(XS_TRANSACTION_END, transaction, &part, 1);

    transaction_ended();
    return error;
}

int store_change(int (*change)(store_transaction transaction, void *argument), void *argument)
{
    int error;

    do {
        store_transaction transaction;

        error = store_begin(&transaction);
        if (error)
            return error;
        error = change(transaction, argument);
        if (error) {
            store_end(transaction, false);
            return error;
        }
        error = store_end(transaction, true);
    } while (error == -EAGAIN);
    return error;
}

static int call_watch(uint32_t type, struct store_watch *watch)
{
    char token[TOKEN_SIZE] = "";
    struct part parts[2];

    snprintf(token, sizeof(token), "%lx", (unsigned long)watch);
    parts[0] = string_part(watch->path);
    parts[1] = string_part(token);
    return call_plain(type, 0, parts, 2);
}

int store_watch(struct store_watch *watch)
{
    int error;

    watch->fired = 0;
    watch->next = watches;
    watches = watch;
    error = call_watch(XS_WATCH, watch);
    if (error)
        store_unwatch(watch);
    return error;
}

void store_unwatch(struct store_watch *watch)
{
    struct store_watch **place = &watches;

    call_watch(XS_UNWATCH, watch);
    while (*place && *place != watch)
        place = &(*place)->next;
    if (*place)
        *place = watch->next;
}

unsigned int store_watch_wait(struct store_watch *watch, unsigned int seen)
{
    wait_until(&watch->queue, watch->fired != seen);
    return watch->fired;
}

static void fire_watch(struct store_watch *watch, const char *path)
{
    watch->fired++;
    if (watch->event)
        watch->event(watch, path);
    wake_all(&watch->queue);
}

static void take_watch_event(const char *body, uint32_t length)
{
    size_t path_size = strlen(body) + 1;
    unsigned long token;

    if (path_size >= length)
        return;
    token = strtoul(body + path_size, NULL, 16);
    for (struct store_watch *watch = watches; watch; watch = watch->next)
        if ((unsigned long)watch == token)
            fire_watch(watch, body);
}

/* An event found no memory. It may have been any watch's, and none may miss one. */
static void lose_watch_event(void)
{
    for (struct store_watch *watch = watches; watch; watch = watch->next)
        fire_watch(watch, watch->path);
}

static void take_answer(const struct xsd_sockmsg *header, char *body)
{
    for (struct request *request = requests; request; request = request->next) {
        if (request->id != header->req_id)
            continue;
        request->type = header->type;
        request->length = header->len;
        request->body = body;
        request->answered = true;
        wake_all(&answer_queue);
        return;
    }
    free(body);
}

static void reader_thread(void *argument)
{
    for (;;) {
        struct xsd_sockmsg header = {0};
        char *body;

        read_bytes((char *)&header, sizeof(header));
        if (header.len > XENSTORE_PAYLOAD_MAX)
            guest_panic("the store sent a message of %u bytes", header.len);
        body = malloc(header.len + 1);
        read_bytes(body, header.len);
        if (body)
            body[header.len] = '\0';
        if (header.type != XS_WATCH_EVENT) {
            take_answer(&header, body);
        } else if (body) {
            take_watch_event(body, header.len);
            free(body);
        } else {
            lose_watch_event();
        }
    }
}

int store_attach(const struct store_link *new_link)
{
    if (link)
        return -EBUSY;
    link = new_link;
    if (!thread_create("store", reader_thread, NULL)) {
        link = NULL;
        return -ENOMEM;
    }
    return 0;
}
