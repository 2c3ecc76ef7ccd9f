/* SPDX-License-Identifier: MIT */
/*
 * Watches: a connection gets an event for each change at or below a path.
 *
 * A change at P fires a watch on W when P is W or lies below it; the removal of P also fires a
 * watch on an existing W below P. Only connections that may know of the node get events.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

/* Whether @path is @top or lies below it. */
static bool is_within(const char *path, const char *top)
{
    size_t length = strlen(top);

    if (!strcmp(top, "/"))
        return path[0] == '/';
    return !strncmp(path, top, length) && (path[length] == '\0' || path[length] == '/');
}

static bool may_read(const struct store_connection *c, const struct tree_node *node)
{
    return node && (connection_access(c, node->data->perms, node->data->perm_count) & PERM_READ);
}

/*
 * A connection that may read the node, or could until now, may know of the change; so may one that
 * may list its folder.
 */
static bool may_hear(const struct store_connection *c, const struct tree_node *former,
                     const char *path)
{
    const struct tree_node *root = c->store->root;

    return c->privileged || may_read(c, tree_find(root, path)) ||
           may_read(c, tree_find(former, path)) || may_read(c, tree_above(root, path));
}

/* Delivers the event to one watch, or marks the watch as having missed it. */
static void watch_tell(struct store_connection *c, struct watch *w, const char *path)
{
    if (!w->missed && !c->event(c->context, path, w->token))
        w->missed = c->any_missed = true;
}

void xs_missed_events(struct store_connection *c)
{
    if (!c->any_missed)
        return;
    c->any_missed = false;
    for (struct watch *w = c->watches; w; w = w->next) {
        if (!w->missed)
            continue;
        w->missed = false;
        watch_tell(c, w, w->path);
        if (w->missed)
            return; /* those behind it wait as well */
    }
}

void watches_fire(struct store *s, const struct tree_node *former, const struct change *change)
{
    for (struct store_connection *c = s->connections; c; c = c->next) {
        xs_missed_events(c); /* nothing else may come to pass for it */
        for (struct watch *w = c->watches; w; w = w->next) {
            const char *path = NULL;

            if (is_within(change->path, w->absolute))
                path = change->path;
            else if (change->kind == CHANGE_REMOVE && is_within(w->absolute, change->path) &&
                     tree_find(former, w->absolute))
                path = w->absolute;
            if (path && may_hear(c, former, path))
                watch_tell(c, w, path + w->strip);
        }
    }
}

void xs_fire_special(struct store *store, const char *name)
{
    const struct special *special = store_find_special(store, name);

    for (struct store_connection *c = store->connections; c; c = c->next)
        for (struct watch *w = c->watches; w; w = w->next)
            if (!strcmp(w->absolute, name) &&
                (connection_access(c, special->perms, special->perm_count) & PERM_READ))
                watch_tell(c, w, name);
}

/* What a watch on @path matches. */
static int watch_resolve(const struct store_connection *c, const char *path,
                         char absolute[STORE_PATH_SIZE])
{
    if (path[0] != '@')
        return xs_resolve(c, path, absolute);
    if (strlen(path) > STORE_RELATIVE_MAX)
        return XEN_EINVAL;
    strcpy(absolute, path);
    return 0;
}

static struct watch **find_watch(struct store_connection *c, const char *absolute,
                                 const char *token)
{
    struct watch **link = &c->watches;

    while (*link &&
           (strcmp((*link)->absolute, absolute) != 0 || strcmp((*link)->token, token) != 0))
        link = &(*link)->next;
    return link;
}

static size_t watch_bytes(const struct watch *w)
{
    return sizeof(*w) + strlen(w->absolute) + strlen(w->path) + strlen(w->token) + 3;
}

static void free_watch(struct watch *w)
{
    free(w->absolute);
    free(w->path);
    free(w->token);
    free(w);
}

int xs_watch(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    unsigned int count = 0;
    struct watch **end, *w;
    int error = watch_resolve(c, path, absolute);

    if (error)
        return error;
    for (w = c->watches; w; w = w->next)
        count++;
    end = find_watch(c, absolute, token);
    if (*end)
        return XEN_EEXIST;
    if (!c->privileged && count >= c->limits->watches)
        return XEN_E2BIG;
    if (connection_is_over_memory(c))
        return XEN_ENOMEM;
    w = calloc(1, sizeof(*w));
    if (!w)
        return XEN_ENOMEM;
    w->absolute = strdup(absolute);
    w->path = strdup(path);
    w->token = strdup(token);
    if (!w->absolute || !w->path || !w->token) {
        free_watch(w);
        return XEN_ENOMEM;
    }
    w->strip = strlen(absolute) - strlen(path); /* 0 if it is not relative */
    *end = w;
    xs_charge(c, (long)watch_bytes(w));
    return 0;
}

void xs_watch_first(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    struct watch *w = watch_resolve(c, path, absolute) ? NULL : *find_watch(c, absolute, token);

    if (w)
        watch_tell(c, w, path);
}

int xs_unwatch(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    struct watch **link, *w;

    if (watch_resolve(c, path, absolute))
        return XEN_ENOENT;
    link = find_watch(c, absolute, token);
    w = *link;
    if (!w)
        return XEN_ENOENT;
    *link = w->next;
    xs_charge(c, -(long)watch_bytes(w));
    free_watch(w);
    return 0;
}

void watches_drop(struct store_connection *c)
{
    while (c->watches) {
        struct watch *w = c->watches;

        c->watches = w->next;
        xs_charge(c, -(long)watch_bytes(w));
        free_watch(w);
    }
    c->any_missed = false;
}
