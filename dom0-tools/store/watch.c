/* SPDX-License-Identifier: MIT */
/*
 * Watches: a connection gets an event for each change at or below a path.
 *
 * A change at P fires a watch on W when P is W or lies below it; the removal of P also fires a
 * watch on an existing W below P. Only connections that may know of the node get events.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

static bool may_read(const struct store_connection *c, const struct tree_node *node)
{
    return node && (connection_access(c, node->data->perms, node->data->perm_count) & PERM_READ);
}

/* Who may know of what happened at a path. */
struct audience {
    const struct store *store;
    const char *path;
    const struct tree_node *former; /* what was there before */
    bool looked;                    /* the next two are known */
    const struct tree_node *now, *above;
    const struct store_connection *asked; /* last, */
    bool hears;                           /* and the answer */
};

/*
 * A connection that may read the node at the path, or could until now, may know of the change; so
 * may one that may list its folder.
 */
static bool may_hear(struct audience *a, const struct store_connection *c)
{
    if (c->privileged || c == a->asked)
        return c->privileged || a->hears;
    if (!a->looked) {
        a->now = tree_find(a->store->root, a->path);
        a->above = tree_above(a->store->root, a->path);
        a->looked = true;
    }
    a->asked = c;
    a->hears = may_read(c, a->now) || may_read(c, a->former) || may_read(c, a->above);
    return a->hears;
}

static void set_missed(struct store_connection *c, bool missed)
{
    if (missed != c->any_missed)
        c->store->missing_events += missed ? 1 : -1u;
    c->any_missed = missed;
}

static const char *watch_token(const struct watch *w)
{
    return w->absolute + w->length + 1;
}

/*
 * Delivers the event to one watch, or marks the watch as having missed it. @length: of @path. What
 * no message can hold is neither told nor missed.
 */
static void watch_tell(struct watch *w, const char *path, size_t length)
{
    struct store_connection *c = w->owner;

    if (w->missed || length + w->token_length + 2u > STORE_EVENT_MAX ||
        c->event(c->context, path, watch_token(w)))
        return;
    w->missed = true;
    set_missed(c, true);
}

static void watch_tell_own_path(struct watch *w)
{
    watch_tell(w, w->absolute + w->strip, w->length - w->strip);
}

void xs_missed_events(struct store_connection *c)
{
    if (!c->any_missed)
        return;
    set_missed(c, false);
    for (struct watch *w = c->watches; w; w = w->next) {
        c->store->steps++;
        if (!w->missed)
            continue;
        w->missed = false;
        watch_tell_own_path(w);
        if (w->missed)
            return; /* those behind it wait as well */
    }
}

void watches_retry(struct store *s)
{
    for (struct store_connection *c = s->missing_events ? s->connections : NULL; c; c = c->next) {
        s->steps++;
        xs_missed_events(c);
    }
}

/* ---- Which watches a change fires ---- */

static struct watch **bucket_of(struct store *s, uint32_t hash)
{
    return &s->watches[hash >> (32 - WATCH_BITS)];
}

/*
 * Puts the watches on the first @length bytes of @path, whose hash is @hash, in front of @list:
 * those of @audience (NULL: all), unless they have missed an event already.
 */
static struct watch *match_path(struct store *s, uint32_t hash, const char *path, size_t length,
                                struct audience *audience, struct watch *list)
{
    uint64_t place = 0;

    for (struct watch *w = *bucket_of(s, hash); w; w = w->bucket_next) {
        s->steps++;
        if (w->hash != hash || w->length != length)
            continue;
        /* One comparison is for all on the same path. */
        if (place ? w->place != place : memcmp(w->absolute, path, length) != 0)
            continue;
        place = w->place;
        if (w->missed || (audience && !may_hear(audience, w->owner)))
            continue;
        w->matched = list;
        list = w;
    }
    return list;
}

/* The watches on @path and on all above it. *@hash receives the path's, *@length its length. */
static struct watch *match_above(struct store *s, const char *path, struct audience *audience,
                                 uint32_t *hash, size_t *length)
{
    uint32_t h = hash_byte(s->seed, '/');
    struct watch *list = match_path(s, h, path, 1, audience, NULL);
    size_t at = 1;

    for (; path[at]; at++) {
        if (path[at] == '/')
            list = match_path(s, h, path, at, audience, list);
        h = hash_byte(h, path[at]);
    }
    if (at > 1)
        list = match_path(s, h, path, at, audience, list);
    *hash = h;
    *length = at;
    return list;
}

/*
 * Adds those on what was below @node, which was at @path, of @length bytes. What an earlier call
 * has been at is left out: a commit may remove a node and then one above it.
 */
static struct watch *match_below(struct store *s, const struct tree_node *node, uint32_t hash,
                                 char path[STORE_PATH_SIZE], size_t length, struct watch *list)
{
    for (size_t i = 0; i < node->child_count; i++) {
        struct tree_node *child = node->children[i];
        struct audience audience = {.store = s, .path = path, .former = child};
        size_t bytes;
        uint32_t h;

        s->steps++;
        if (child->told_gone)
            continue;
        child->told_gone = true;
        bytes = strlen(child->data->name);
        path[length] = '/';
        memcpy(path + length + 1, child->data->name, bytes + 1);
        bytes += length + 1;
        h = hash_bytes(hash, path + length, bytes - length);
        list = match_path(s, h, path, bytes, &audience, list);
        list = match_below(s, child, h, path, bytes, list);
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

void watches_fire(struct store *s, const struct tree_node *former, const char *path, bool removed)
{
    struct audience audience = {.store = s, .path = path, .former = former};
    struct watch *matched;
    size_t length;
    uint32_t hash;

    matched = match_above(s, path, &audience, &hash, &length);
    if (removed && former && former->child_count) {
        char below[STORE_PATH_SIZE];

        memcpy(below, path, length);
        matched = match_below(s, former, hash, below, length, matched);
    }
    for (struct watch *w = sort_matched(matched); w; w = w->matched) {
        if (w->length > length)
            watch_tell_own_path(w);
        else
            watch_tell(w, path + w->strip, length - w->strip);
    }
}

void xs_fire_special(struct store *store, const char *name)
{
    const struct special *special = store_find_special(store, name);
    size_t length = strlen(name);
    struct watch *matched = match_path(store, hash_bytes(store->seed, name, length), name, length,
                                       NULL, NULL);

    for (struct watch *w = sort_matched(matched); w; w = w->matched)
        if (connection_access(w->owner, special->perms, special->perm_count) & PERM_READ)
            watch_tell(w, name, length);
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
    struct store *s = c->store;
    uint32_t hash = hash_bytes(s->seed, absolute, strlen(absolute));
    uint32_t token_hash = hash_bytes(s->seed, token, strlen(token));
    struct watch *w = *bucket_of(s, hash);

    for (; w; w = w->bucket_next) {
        s->steps++;
        if (w->owner == c && w->hash == hash && w->token_hash == token_hash &&
            !strcmp(w->absolute, absolute) && !strcmp(watch_token(w), token))
            break;
    }
    return w;
}

/* A watch that is in no list; NULL without memory. @strip: see there. */
static struct watch *watch_new(const struct store *s, const char *absolute, size_t strip,
                               const char *token)
{
    size_t length = strlen(absolute), token_length = strlen(token);
    struct watch *w = malloc(sizeof(*w) + length + token_length + 2);

    if (!w)
        return NULL;
    memset(w, 0, sizeof(*w));
    w->hash = hash_bytes(s->seed, absolute, length);
    w->token_hash = hash_bytes(s->seed, token, token_length);
    w->length = (uint16_t)length;
    w->token_length = (uint16_t)token_length;
    w->strip = (uint16_t)strip;
    memcpy(w->absolute, absolute, length + 1);
    memcpy(w->absolute + length + 1, token, token_length + 1);
    return w;
}

/* The number of the place that @w is on: that of another watch there, or a new one. */
static uint64_t watch_place(struct store *s, const struct watch *w)
{
    for (const struct watch *o = *bucket_of(s, w->hash); o; o = o->bucket_next) {
        s->steps++;
        if (o->hash == w->hash && !strcmp(o->absolute, w->absolute))
            return o->place;
    }
    return w->serial;
}

static void enter_watch(struct store_connection *c, struct watch *w)
{
    struct watch **bucket = bucket_of(c->store, w->hash);

    w->owner = c;
    w->serial = ++c->store->last_watch;
    w->place = watch_place(c->store, w);
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
    return sizeof(*w) + w->length + w->token_length + 2u + BLOCK_OVERHEAD;
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
    w = watch_new(c->store, absolute, strlen(absolute) - strlen(path), token);
    if (!w)
        return XEN_ENOMEM;
    enter_watch(c, w);
    xs_charge(c, (long)watch_bytes(w));
    return 0;
}

void xs_watch_first(struct store_connection *c, const char *path, const char *token)
{
    char absolute[STORE_PATH_SIZE];
    struct watch *w = watch_resolve(c, path, absolute) ? NULL : find_watch(c, absolute, token);

    if (w)
        watch_tell(w, path, strlen(path));
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
    free(w);
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
