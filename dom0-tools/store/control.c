/* SPDX-License-Identifier: MIT */
/*
 * XS_CONTROL, the request behind `xenstore-control`: one command and its parameters in, text out.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <public/errno.h>

#include "session.h"
#include "store_internal.h"

#define MAX_WORDS 4

/* An answer that grows; what does not fit is left out. */
struct text {
    size_t length;
    char bytes[XENSTORE_PAYLOAD_MAX - 1];
};

static void __attribute__((format(printf, 2, 3))) text_add(struct text *t, const char *format, ...)
{
    size_t room = sizeof(t->bytes) - t->length;
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(t->bytes + t->length, room, format, args);
    va_end(args);
    if ((size_t)length < room) /* and there was no error, which is negative */
        t->length += (size_t)length;
    t->bytes[t->length] = '\0';
}

static const struct {
    const char *name;
    size_t offset;
} quotas[] = {
    {"nodes", offsetof(struct store_limits, nodes)},
    {"node-size", offsetof(struct store_limits, node_size)},
    {"node-permissions", offsetof(struct store_limits, permissions)},
    {"watches", offsetof(struct store_limits, watches)},
    {"transactions", offsetof(struct store_limits, transactions)},
    {"transaction-nodes", offsetof(struct store_limits, changes)},
    {"outstanding", offsetof(struct store_limits, outstanding)},
    {"memory", offsetof(struct store_limits, memory)},
};

#define QUOTAS (sizeof(quotas) / sizeof(quotas[0]))

static unsigned int *quota(struct store_limits *limits, size_t index)
{
    return (unsigned int *)((char *)limits + quotas[index].offset);
}

static int show_quotas(struct store_session *s, struct text *t)
{
    if (!s->host->limits)
        return XEN_ENOSYS;
    for (size_t i = 0; i < QUOTAS; i++)
        text_add(t, "%-17s: %8u\n", quotas[i].name, *quota(s->host->limits, i));
    return 0;
}

static int set_quota(struct store_session *s, const char *name, const char *value)
{
    uint64_t number;

    if (!s->host->limits)
        return XEN_ENOSYS;
    for (size_t i = 0; i < QUOTAS; i++) {
        if (strcmp(name, quotas[i].name) != 0)
            continue;
        if (parse_decimal(value, UINT32_MAX, &number))
            return XEN_EINVAL;
        *quota(s->host->limits, i) = (unsigned int)number;
        return 0;
    }
    return XEN_EINVAL;
}

static int show_domain(struct store_session *s, const char *word, struct text *t)
{
    struct store *store = s->connection->store;
    unsigned int watches = 0, transactions = 0;
    uint64_t domid;

    if (parse_decimal(word, UINT16_MAX, &domid))
        return XEN_EINVAL;
    for (const struct store_connection *c = store->connections; c; c = c->next) {
        if (c->domid != domid)
            continue;
        watches += c->watch_count;
        for (const struct transaction *transaction = c->transactions; transaction;
             transaction = transaction->next)
            transactions++;
    }
    text_add(t, "Domain %u:\n", (unsigned int)domid);
    text_add(t, "nodes            : %8u\n", xs_nodes_owned(store, (uint16_t)domid));
    text_add(t, "watches          : %8u\n", watches);
    text_add(t, "transactions     : %8u\n", transactions);
    text_add(t, "memory           : %8zu\n", xs_memory_used(store, (uint16_t)domid));
    return 0;
}

static int do_quota(struct store_session *s, const char **words, unsigned int count, struct text *t)
{
    if (count == 1)
        return show_quotas(s, t);
    if (count == 4 && !strcmp(words[1], "set"))
        return set_quota(s, words[2], words[3]);
    return count == 2 ? show_domain(s, words[1], t) : XEN_EINVAL;
}

static int do_check(struct store_session *s, const char **words, unsigned int count, struct text *t)
{
    if (count != 1)
        return XEN_EINVAL;
    if (!xs_is_consistent(s->connection->store))
        text_add(t, "the counts of nodes do not agree with the tree");
    return 0;
}

static void add_domain(void *context, uint16_t domid, unsigned int nodes, size_t bytes)
{
    text_add(context, "domain %5u: %6u nodes, %8zu bytes\n", domid, nodes, bytes);
}

static int do_memreport(struct store_session *s, const char **words, unsigned int count,
                        struct text *t)
{
    if (count != 1)
        return XEN_EINVAL;
    xs_each_domain(s->connection->store, add_domain, t);
    text_add(t, "transactions: %zu bytes\n", xs_memory_held(s->connection->store));
    return 0;
}

static int do_help(struct store_session *s, const char **words, unsigned int count, struct text *t);

static const struct {
    const char *name;
    int (*run)(struct store_session *s, const char **words, unsigned int count, struct text *t);
    const char *help;
} commands[] = {
    {"check", do_check, "compare the counts of nodes with the tree"},
    {"help", do_help, "this list"},
    {"memreport", do_memreport, "nodes and memory of each domain"},
    {"quota", do_quota, "[set NAME VALUE | DOMID]: show or set limits, show what a domain uses"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int do_help(struct store_session *s, const char **words, unsigned int count, struct text *t)
{
    for (size_t i = 0; i < COMMANDS; i++)
        text_add(t, "%-10s %s\n", commands[i].name, commands[i].help);
    return 0;
}

int store_control(struct store_session *s)
{
    const char *words[MAX_WORDS];
    unsigned int count = session_split_payload(s, words, MAX_WORDS);
    struct text text = {.length = 0};

    if (!count || count == UINT32_MAX)
        return XEN_EINVAL;
    for (size_t i = 0; i < COMMANDS; i++) {
        int error;

        if (strcmp(words[0], commands[i].name) != 0)
            continue;
        error = commands[i].run(s, words, count, &text);
        return error ? error : session_reply_text(s, text.length ? text.bytes : "OK");
    }
    return XEN_EINVAL;
}
