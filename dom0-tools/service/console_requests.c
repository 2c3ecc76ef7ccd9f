/* SPDX-License-Identifier: MIT */
/* Requests about domains' consoles: see tools/service.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_archive.h"
#include "console_requests.h"
#include "domain_life.h"
#include "domain_rings.h"

#define SHOWN_IN_A_ROW 2048u /* bytes of one console, as many as its ring has */

/* A client that is attached to a console. */
struct console_attachment {
    struct console_attachment *next;
    struct console_reader reader;
    struct console_client client;
    unsigned int handle;
    domid_t domid;
};

static struct console_attachment *attachments;

/* The one whose console is being shown, or NULL, and how many bytes of it in a row. */
static struct console_attachment *shown;
static unsigned int shown_bytes;

static struct managed_domain *find_console(domid_t domid, struct error *e)
{
    struct managed_domain *d = managed_domain_find(domid);

    if (d && d->console)
        return d;
    if (!d && domid)
        managed_domain_missing(domid, e);
    else if (!d || managed_domain_running(domid, e))
        error_set(e, "domain %u has no console here", domid);
    return NULL;
}

static void attachment_free(struct console_attachment *a)
{
    struct console_attachment **link = &attachments;

    while (*link != a)
        link = &(*link)->next;
    *link = a->next;
    if (shown == a)
        shown = NULL;
    free(a);
}

/* The console of an attachment, if its clients have not been shown all; or NULL. */
static struct managed_domain *find_behind(const struct console_attachment *a)
{
    struct managed_domain *d = find_console(a->domid, NULL);

    return d && console_is_behind(d->console) ? d : NULL;
}

/* Chooses whose console is shown next, and returns its domain; or NULL: all have been shown all. */
static struct managed_domain *choose_shown(void)
{
    struct managed_domain *d = shown && shown_bytes < SHOWN_IN_A_ROW ? find_behind(shown) : NULL;
    struct console_attachment *a = shown ? shown->next : NULL;

    if (d)
        return d;
    shown_bytes = 0;
    while (a && !find_behind(a))
        a = a->next;
    if (!a)
        for (a = attachments; a && !find_behind(a);)
            a = a->next;
    shown = a;
    return a ? find_behind(a) : NULL;
}

/* The clients have been shown all, for which the domain has had to wait with the rest. */
static void serve_caught_up(struct managed_domain *d)
{
    domain_rings_console_turn(d);
    if (d->last_words && !console_is_behind(d->console))
        domain_life_look_at(d->domid);
}

void console_clients_follow(void)
{
    struct managed_domain *d = choose_shown();
    uint64_t began = d ? platform_now() : 0;

    while (d) {
        console_show(d->console);
        shown_bytes += TERMINAL_PART;
        if (!console_is_behind(d->console))
            serve_caught_up(d);
        d = choose_shown();
        if (d && platform_now() - began >= TERMINAL_TURN) {
            platform_wake();
            return;
        }
    }
}

static void attachment_output(void *context, const void *data, size_t length)
{
    const struct console_attachment *a = context;

    a->client.output(a->client.context, data, length);
}

static void attachment_gone(void *context)
{
    struct console_attachment *a = context;
    struct console_client client = a->client;

    attachment_free(a);
    client.gone(client.context);
}

int service_console_attach(domid_t domid, const struct console_client *client, unsigned int *handle,
                           struct error *e)
{
    static unsigned int handles;
    struct managed_domain *d = find_console(domid, e);
    struct console_attachment *a;

    if (!d)
        return -1;
    a = calloc(1, sizeof(*a));
    if (!a)
        return error_set(e, "not enough memory");
    a->client = *client;
    a->reader.sink = attachment_output;
    a->reader.gone = attachment_gone;
    a->reader.context = a;
    a->handle = *handle = ++handles;
    a->domid = domid;
    a->next = attachments;
    attachments = a;
    console_attach(d->console, &a->reader);
    console_clients_follow();
    return 0;
}

void service_console_detach(unsigned int handle)
{
    struct console_attachment *a = attachments;
    struct managed_domain *d;

    while (a && a->handle != handle)
        a = a->next;
    if (!a)
        return; /* its domain has gone */
    d = find_console(a->domid, NULL);
    if (d) {
        console_detach(d->console, &a->reader);
        attachment_free(a);
        serve_caught_up(d);
        return;
    }
    attachment_free(a);
}

/* The log of a domain that is there. */
static int copy_log(const struct console *console, char **text, size_t *length, struct error *e)
{
    uint64_t end = console_written(console), position = 0;
    size_t part;

    *text = malloc(CONSOLE_LOG_SIZE);
    if (!*text)
        return error_set(e, "not enough memory");
    *length = 0;
    while (position < end) {
        part = console_read_log(console, &position, *text + *length, CONSOLE_LOG_SIZE - *length);
        *length += part;
    }
    return 0;
}

int service_console_log(const char *name_or_number, char **text, size_t *length, struct error *e)
{
    const struct managed_domain *d;
    const char *kept;
    domid_t domid;

    if (!service_find(name_or_number, &domid, e)) {
        d = managed_domain_find(domid);
        if (d && d->console)
            return copy_log(d->console, text, length, e);
        find_console(domid, e);
    }
    if (console_archive_find(name_or_number, &kept, length))
        return -1;
    *text = malloc(*length);
    if (!*text)
        return error_set(e, "not enough memory");
    memcpy(*text, kept, *length);
    return 0;
}

size_t service_console_input(domid_t domid, const void *data, size_t length)
{
    struct managed_domain *d = managed_domain_find(domid);
    size_t taken;

    if (!d || !d->console)
        return length;
    taken = console_queue_input(d->console, data, length);
    domain_rings_console_turn(d);
    console_clients_follow(); /* an echo need not wait for the service's thread */
    return taken;
}
