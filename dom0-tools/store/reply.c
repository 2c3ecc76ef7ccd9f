/* SPDX-License-Identifier: MIT */
/* Answers: queued behind what waits for the client already. */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "session.h"
#include "store_internal.h"

size_t message_bytes(const struct message *m)
{
    return sizeof(*m) + m->header.len + BLOCK_OVERHEAD;
}

void session_enqueue(struct store_session *s, struct message *m)
{
    m->next = NULL;
    *s->end = m;
    s->end = &m->next;
    if (m->header.type == XS_WATCH_EVENT)
        s->event_bytes += message_bytes(m);
    else
        s->answers++;
    xs_charge(s->connection, (long)message_bytes(m));
    if (!s->taking && s->output)
        s->output(s->output_context);
}

int session_reply(struct store_session *s, const void *data, size_t length)
{
    struct message *m = length <= SHORT_ANSWER ? s->answer : malloc(sizeof(*m) + length);

    if (!m)
        return XEN_ENOMEM;
    if (m == s->answer)
        s->answer = NULL; /* the next request gets another one */
    m->header = s->header;
    m->header.len = (uint32_t)length;
    if (length)
        memcpy(m->payload, data, length);
    session_enqueue(s, m);
    return 0;
}

int session_reply_text(struct store_session *s, const char *text)
{
    return session_reply(s, text, strlen(text) + 1);
}

int session_reply_ok(struct store_session *s)
{
    return session_reply_text(s, "OK");
}

static const char *error_name(int error)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {XEN_EACCES, "EACCES"},   {XEN_EEXIST, "EEXIST"},       {XEN_EISDIR, "EISDIR"},
        {XEN_ENOENT, "ENOENT"},   {XEN_ENOMEM, "ENOMEM"},       {XEN_ENOSPC, "ENOSPC"},
        {XEN_EIO, "EIO"},         {XEN_ENOTEMPTY, "ENOTEMPTY"}, {XEN_ENOSYS, "ENOSYS"},
        {XEN_EROFS, "EROFS"},     {XEN_EBUSY, "EBUSY"},         {XEN_EAGAIN, "EAGAIN"},
        {XEN_EISCONN, "EISCONN"}, {XEN_E2BIG, "E2BIG"},         {XEN_EPERM, "EPERM"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].number == error)
            return names[i].name;
    return "EINVAL"; /* for itself, and for what has no name on the wire */
}

void session_reply_error(struct store_session *s, int error)
{
    const char *name = error_name(error);

    s->header.type = XS_ERROR;
    if (s->answer) {
        session_reply_text(s, name);
        return;
    }
    s->spare_queued = true;
    s->spare->header = s->header;
    s->spare->header.len = (uint32_t)strlen(name) + 1;
    memcpy(s->spare->payload, name, strlen(name) + 1);
    session_enqueue(s, s->spare);
}
