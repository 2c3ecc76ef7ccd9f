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

/* FNV-1a, of a path that is read from the left: the hash of each beginning comes by the way. */
#define HASH_BASIS 2166136261u

static uint32_t hash_byte(uint32_t hash, char byte)
{
    return (hash ^ (uint8_t)byte) * 16777619u;
}

static uint32_t hash_text(uint32_t hash, const char *text)
{
    while (*text)
        hash = hash_byte(hash, *text++);
    return hash;
}

static bool may_read(const struct store_connection *c, const struct tree_node *node)
{
    return node && (connection_access(c, node->data->perms, node->data->perm_count) & PERM_READ);
}

/*
 * A connection that may read the node at @path, or could until now, may know of the change; so may
 * one that may list its folder. @former: the node that was at @path.
 */
static bool may_hear(const struct store_connection *c, const struct tree_node *former,
                     const char *path)
{
    const struct tree_node *root = c->store->root;

    return c->privileged || may_read(c, tree_find(root, path)) || may_read(c, former) ||
           may_read(c, tree_above(root, path));
}

static void set_missed(struct store_connection *c, bool missed)
{
    if (missed != c->any_missed)
        c->store->missing_events += missed ? 1 : -1u;
    c->any_missed = missed;
}

/* Delivers the event to one watch, or marks the watch as having missed it. */
static void watch_tell(struct watch *w, const char *path)
{
    struct store_connection *c = w->owner;

    if (w->missed || c->event(c->context, path, w->token))
        return;
    w->missed = true;
    set_missed(c, true);
}

void xs_missed_events(struct store_connection *c)
{
    if (!c->any_missed)
        return;
    set_missed(c, false);
    for (struct watch *w = c->watches; w; w = w->next) {
        if (!w->missed)
            continue;
        w->missed = false;
        watch_tell(w, w->path);
        if (w->missed)
            return; /* those behind it wait as well */
    }
}

/* ---- Which watches a change fires ---- */

/* Puts the watches on the first @length bytes of @path, whose hash is @hash, in front of @list. */
static struct watch *match_path(const struct store *s, uint32_t hash, const char *path,
                                size_t length, struct watch *list)
{
    for (struct watch *w = s->watches[hash % WATCH_BUCKETS]; w; w = w->bucket_next) {
        if (w->hash != hash || strncmp(w->absolute, path, length) != 0 || w->absolute[length])
            continue;
        w->matched = list;
        list = w;
    }
    return list;
}

/* The watches on @path and on all above it. *@hash receives the path's. */
static struct watch *match_above(const struct store *s, const char *path, uint32_t *hash)
{
    uint32_t h = hash_byte(HASH_BASIS, '/');
    struct watch *list = match_path(s, h, path, 1, NULL);
    size_t length = 1;

    for (; path[length]; length++) {
        if (path[length] == '/')
            list = match_path(s, h, path, length, list);
        h = hash_byte(h, path[length]);
    }
    if (length > 1)
        list = match_path(s, h, path, length, list);
    *hash = h;
    return list;
}

/* Adds those on what is below @node, which is at @path, of @length bytes. */
static struct watch *match_below(const struct store *s, const struct tree_node *node, uint32_t hash,
                                 char path[STORE_PATH_SIZE], size_t length, struct watch *list)
{
    for (size_t i = 0; i < node->child_count; i++) {
        const struct tree_node *child = node->children[i];
        size_t bytes = strlen(child->data->name);
        uint32_t h = hash_text(hash_byte(hash, '/'), child->data->name);

        path[length] = '/';
        memcpy(path + length + 1, child->data->name, bytes);
        list = match_path(s, h, path, length + 1 + bytes, list);
        list = match_below(s, child, h, path, length + 1 + bytes, list);
    }
    return list;
}

/* Sorts the matched watches in the order in which they were set. */
static struct watch *sort_matched(struct watch *list)
{
    struct watch *half = list, *first, *all = NULL, **end = &all;

    if (!list || !list->matched)
        return list;
    for (const struct watch *w = list->matched; w && w->matched; w = w->matched->matched)
        half = half->matched;
    first = list;
    list = half->matched;
    half->matched = NULL;
    first = sort_matched(first);
    list = sort_matched(list);
    while (first && list) {
        struct watch **earlier = first->serial < list->serial ? &first : &list;

        *end = *earlier;
        end = &(*end)->matched;
        *earlier = *end;
    }
    *end = first ? first : list;
    return all;
}

void watches_fire(struct store *s, const struct tree_node *former, const struct change *change)
{
    size_t length = strlen(change->path);
    struct watch *matched;
    uint32_t hash;

    /* Nothing else may come to pass for a connection that has missed an event. */
    for (struct store_connection *c = s->missing_events ? s->connections : NULL; c; c = c->next)
        xs_missed_events(c);
    matched = match_above(s, change->path, &hash);
    if (change->kind == CHANGE_REMOVE && former && former->child_count) {
        char path[STORE_PATH_SIZE];

        memcpy(path, change->path, length);
        matched = match_below(s, former, hash, path, length, matched);
    }
    for (struct watch *w = sort_matched(matched); w; w = w->matched) {
        bool below = strlen(w->absolute) > length;
        const char *path = below ? w->absolute : change->path;
        const struct tree_node *was = below ? tree_find(former, path + length) : former;

        if (may_hear(w->owner, was, path))
            watch_tell(w, path + w->strip);
    }
}

void xs_fire_special(struct store *store, const char *name)
{
    const struct special *special = store_find_special(store, name);
    struct watch *matched = match_path(store, hash_text(HASH_BASIS, name), name, strlen(name),
                                       NULL);

    for (struct watch *w = sort_matched(matched); w; w = w->matched)
        if (connection_access(w->owner, special->perms, special->perm_count) & PERM_READ)
            watch_tell(w, name);
}

/* ---- Setting and removing ---- */

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

static struct watch *find_watch(const struct store_connection *c, const char *absolute,
                                const char *token)
{
    uint32_t hash = hash_text(HASH_BASIS, absolute);
    struct watch *w = c->store->watches[hash % WATCH_BUCKETS];

    while (w &&
           (w->owner != c || strcmp(w->absolute, absolute) != 0 || strcmp(w->token, token) != 0))
        w = w->bucket_next;
    return w;
}

static void enter_watch(struct store_connection *c, struct watch *w)
{
    struct watch **bucket;

    w->owner = c;
    w->serial = ++c->store->last_watch;
    w->hash = hash_text(HASH_BASIS, w->absolute);
    bucket = &c->store->watches[w->hash % WATCH_BUCKETS];
    w->bucket_next = *bucket;
    w->bucket_link = bucket;
    if (w->bucket_next)
        w->bucket_next->bucket_link = &w->bucket_next;
    *bucket = w;
    w->link = c->watches_end;
    *w->link = w;
    c->watches_end = &w->next;
    c->watch_count++;
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
    struct watch *w;
    int error = watch_resolve(c, path, absolute);

    if (error)
        return error;
    if (find_watch(c, absolute, token))
        return XEN_EEXIST;
    if (!c->privileged && c->watch_count >= c->limits->watches)
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
    enter_watch(c, w);
    xs_charge(c, (long)watch_bytes(w));
    return 0;
}

void xs_watch_first(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    struct watch *w = watch_resolve(c, path, absolute) ? NULL : find_watch(c, absolute, token);

    if (w)
        watch_tell(w, path);
}

static void leave_watch(struct watch *w)
{
    struct store_connection *c = w->owner;

    *w->bucket_link = w->bucket_next;
    if (w->bucket_next)
        w->bucket_next->bucket_link = w->bucket_link;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    else
        c->watches_end = w->link;
    c->watch_count--;
    xs_charge(c, -(long)watch_bytes(w));
    free_watch(w);
}

int xs_unwatch(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    struct watch *w = watch_resolve(c, path, absolute) ? NULL : find_watch(c, absolute, token);

    if (!w)
        return XEN_ENOENT;
    leave_watch(w);
    return 0;
}

void watches_drop(struct store_connection *c)
{
    struct watch *next;

    for (struct watch *w = c->watches; w; w = next) {
        next = w->next;
        leave_watch(w);
    }
    set_missed(c, false);
}
