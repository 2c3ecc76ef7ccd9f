/* SPDX-License-Identifier: MIT */
/*
 * Requests on the store: each connection's rights, and the charges to its limits.
 *
 * Everything is checked before anything is changed, and a change makes a new tree (tree.h) before
 * the live one is released, so a request that fails leaves everything as it was.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

#define STEP_BYTES 64 /* bytes that are looked at count as a step */

const struct store_limits store_default_limits = STORE_DEFAULT_LIMITS;

struct store *store_create(uint32_t seed)
{
    static const char *const names[SPECIAL_COUNT] = {"@introduceDomain", "@releaseDomain"};
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->root = tree_create(&s->forest, (struct tree_perm){.domid = 0});
    if (!s->root) {
        tree_usages_free(&s->forest);
        free(s);
        return NULL;
    }
    s->seed = seed;
    s->newest_end = &s->oldest;
    store_recount(s, NULL, s->root);
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        s->special[i].name = names[i];
        s->special[i].perm_count = 1; /* nothing for others than domain 0 */
    }
    return s;
}

void store_destroy(struct store *store)
{
    tree_release(store->root);
    tree_usages_free(&store->forest);
    free(store);
}

/*
 * Fires watches for the nodes that a domain had, which are gone from the live tree: for the
 * uppermost of them, as when they are removed one by one. @node is the one at @path, of @length
 * bytes, in the former tree.
 */
static void fire_purged(struct store *s, const struct tree_node *node, uint16_t domid,
                        char path[STORE_PATH_SIZE], size_t length)
{
    if (length && tree_owner(node) == domid) { /* not the root, which cannot go */
        watches_fire(s, node, path, true);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        const struct tree_node *child = node->children[i];
        int added = snprintf(path + length, STORE_PATH_SIZE - length, "/%s", child->data->name);

        fire_purged(s, child, domid, path, length + (size_t)added);
    }
}

/* Removes what the live tree has of a domain. */
static int purge_tree(struct store *store, uint16_t domid)
{
    static const struct tree_perm nobody = {.domid = 0};
    struct tree_node *former = tree_hold(store->root);
    struct tree_edit edit = {.former = NULL};
    char path[STORE_PATH_SIZE] = "";
    int error = 0;

    /* The root cannot go. */
    if (tree_owner(former) == domid &&
        tree_set(&store->root, &store->forest, "/", NULL, 0, &nobody, 1, &edit))
        error = XEN_ENOMEM;
    tree_edit_end(&edit);
    if (!error && tree_purge(&store->root, &store->forest, domid))
        error = XEN_ENOMEM;
    store_recount(store, former, store->root);
    watches_retry(store);
    if (!error)
        fire_purged(store, former, domid, path, 0);
    tree_release(former);
    transactions_follow(store);
    return error;
}

int xs_domain_gone(struct store *store, uint16_t domid)
{
    int error = store_may_mention(store, domid) ? purge_tree(store, domid) : 0;

    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        struct special *special = &store->special[i];
        unsigned int count = 1;

        if (special->perms[0].domid == domid)
            special->perms[0] = (struct tree_perm){.domid = 0};
        for (unsigned int j = 1; j < special->perm_count; j++)
            if (special->perms[j].domid != domid)
                special->perms[count++] = special->perms[j];
        special->perm_count = count;
    }
    for (struct store_connection *c = store->connections; c; c = c->next)
        if (c->target == domid)
            c->target = c->domid;
    tree_usages_sweep(&store->forest, domid);
    return error;
}

struct store_connection *store_connect(struct store *store, uint16_t domid, bool privileged,
                                       const struct store_limits *limits, store_event_fn *event,
                                       void *context)
{
    struct store_connection *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->usage = tree_usage(&store->forest, domid, true);
    if (!c->usage) {
        free(c);
        return NULL;
    }
    c->usage->holds++;
    c->store = store;
    c->domid = c->target = domid;
    c->privileged = privileged;
    c->limits = limits;
    c->event = event;
    c->context = context;
    c->watches_end = &c->watches;
    c->next = store->connections;
    c->link = &store->connections;
    if (c->next)
        c->next->link = &c->next;
    store->connections = c;
    return c;
}

bool store_connection_privileged(const struct store_connection *c)
{
    return c->privileged;
}

void store_connection_set_target(struct store_connection *c, uint16_t target)
{
    c->target = target;
}

/* Finds the root that a request works on; *@t is NULL outside of transactions. */
static int select_root(struct store_connection *c, uint32_t id, struct transaction **t,
                       struct tree_node ***root)
{
    *t = NULL;
    *root = &c->store->root;
    if (id == STORE_NO_TRANSACTION)
        return 0;
    *t = transaction_find(c, id);
    if (!*t)
        return XEN_ENOENT;
    *root = &(*t)->work;
    return 0;
}

/* A request that only looks: selects the root, notes the path, checks that it may be read. */
static int store_look(struct store_connection *c, uint32_t id, const char *path,
                      const struct tree_node **node)
{
    struct transaction *t;
    struct tree_node **root;
    int error = select_root(c, id, &t, &root);

    if (!error && t)
        error = transaction_touch(t, path, NULL);
    return error ? error : connection_check(c, *root, path, PERM_READ, node);
}

int xs_read(struct store_connection *c, uint32_t transaction, const char *path, const void **value,
            size_t *length)
{
    const struct tree_node *node;
    int error = store_look(c, transaction, path, &node);

    if (error)
        return error;
    *value = node->data->value;
    *length = node->data->length;
    return 0;
}

int xs_directory(struct store_connection *c, uint32_t transaction, const char *path, char **names,
                 size_t *length, uint64_t *generation)
{
    const struct tree_node *node;
    int error = store_look(c, transaction, path, &node);
    size_t total = 0, at = 0;

    if (error)
        return error;
    for (size_t i = 0; i < node->child_count; i++)
        total += strlen(node->children[i]->data->name) + 1;
    *names = malloc(total + 1);
    if (!*names)
        return XEN_ENOMEM;
    for (size_t i = 0; i < node->child_count; i++) {
        size_t bytes = strlen(node->children[i]->data->name) + 1;

        memcpy(*names + at, node->children[i]->data->name, bytes);
        at += bytes;
    }
    *length = total;
    *generation = node->stamp;
    return 0;
}

int xs_directory_part(struct store_connection *c, uint32_t transaction, const char *path,
                      uint64_t offset, char *names, size_t *length, bool *last,
                      uint64_t *generation)
{
    const struct tree_node *node;
    int error = store_look(c, transaction, path, &node);
    size_t used = 0;

    if (error)
        return error;
    *last = true;
    *generation = node->stamp;
    for (size_t i = 0; i < node->child_count && *last; i++) {
        const char *name = node->children[i]->data->name;
        size_t bytes = strlen(name) + 1;

        c->store->steps += 1 + bytes / STEP_BYTES;
        if (offset >= bytes) {
            offset -= bytes;
            continue;
        }
        bytes -= (size_t)offset;
        *last = used + bytes <= *length;
        if (*last) {
            memcpy(names + used, name + offset, bytes);
            used += bytes;
        }
        offset = 0;
    }
    *length = used;
    return 0;
}

int xs_get_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       struct store_permission *permissions, unsigned int *count)
{
    const struct special *special = store_find_special(c->store, path);
    const struct tree_perm *perms;
    const struct tree_node *node;

    if (special) {
        if (!(connection_access(c, special->perms, special->perm_count) & PERM_READ))
            return XEN_EACCES;
        perms = special->perms;
        *count = special->perm_count;
    } else {
        int error = store_look(c, transaction, path, &node);

        if (error)
            return error;
        perms = node->data->perms;
        *count = node->data->perm_count;
    }
    for (unsigned int i = 0; i < *count; i++) {
        permissions[i].domid = perms[i].domid;
        permissions[i].read = perms[i].access & PERM_READ;
        permissions[i].write = perms[i].access & PERM_WRITE;
    }
    return 0;
}

/* Makes a checked change of the live tree. */
static int change_live(struct store_connection *c, struct change *change,
                       const struct tree_node *node)
{
    struct store *s = c->store;
    struct tree_edit edit;
    int created = 0, error = change_make(c, &s->root, &created, change, node, &edit);

    if (!error) {
        store_recount_edit(s, &edit);
        watches_retry(s);
        watches_fire(s, edit.former, change->path, change->kind == CHANGE_REMOVE);
    }
    free(change);
    tree_edit_end(&edit);
    transactions_follow(s);
    return error;
}

/* Checks and makes one change, in a transaction or on the live tree, where watches fire. */
static int change_tree(struct store_connection *c, uint32_t id, struct change *change)
{
    const struct tree_node *node;
    struct tree_node **root;
    struct transaction *t;
    int error = select_root(c, id, &t, &root);

    if (!error && t && t->change_count >= t->limit)
        error = XEN_ENOSPC;
    /* Removing takes memory only where it has to be remembered. */
    if (!error && (t || change->kind != CHANGE_REMOVE) && connection_is_over_memory(c))
        error = XEN_ENOMEM;
    if (!error)
        error = transaction_touch(t, change->path, &change->touched);
    if (!error)
        error = change_check(c, *root, t ? t->created : 0, change, &node);
    if (error || (change->kind == CHANGE_MKDIR && node)) { /* it is there already */
        free(change);
        return error;
    }
    return t ? transaction_change(t, change, node) : change_live(c, change, node);
}

int xs_write(struct store_connection *c, uint32_t transaction, const char *path, const void *value,
             size_t length)
{
    struct change *change;

    if (!c->privileged && length > c->limits->node_size)
        return XEN_ENOSPC;
    /* A NULL value would mean: leave the value as it is. */
    change = change_new(CHANGE_WRITE, path, value, length, NULL, 0);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_mkdir(struct store_connection *c, uint32_t transaction, const char *path)
{
    struct change *change = change_new(CHANGE_MKDIR, path, NULL, 0, NULL, 0);

    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_remove(struct store_connection *c, uint32_t transaction, const char *path)
{
    const struct tree_node *node;
    struct tree_node **root;
    struct transaction *t;
    struct change *change;
    int error = select_root(c, transaction, &t, &root);

    if (error)
        return error;
    error = connection_check(c, *root, path, PERM_WRITE, &node);
    if (!error && !strcmp(path, "/"))
        return XEN_EINVAL;
    /* To remove what is not there succeeds if its parent is there. */
    if (error == XEN_ENOENT && tree_missing(*root, path) == 1)
        return transaction_touch(t, path, NULL);
    change = change_new(CHANGE_REMOVE, path, NULL, 0, NULL, 0);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_set_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       const struct store_permission *permissions, unsigned int count)
{
    struct special *special = store_find_special(c->store, path);
    struct tree_perm perms[STORE_MAX_PERMS];
    struct change *change;

    if (!count || count > STORE_MAX_PERMS)
        return XEN_EINVAL;
    if (!c->privileged && count > c->limits->permissions)
        return XEN_ENOSPC;
    for (unsigned int i = 0; i < count; i++) {
        perms[i].domid = permissions[i].domid;
        perms[i].access = (uint16_t)((permissions[i].read ? PERM_READ : 0) |
                                     (permissions[i].write ? PERM_WRITE : 0));
    }
    if (special) {
        if (!c->privileged)
            return XEN_EACCES;
        memcpy(special->perms, perms, count * sizeof(perms[0]));
        special->perm_count = count;
        return 0;
    }
    change = change_new(CHANGE_PERMISSIONS, path, NULL, 0, perms, count);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

void xs_reset(struct store_connection *c)
{
    watches_drop(c);
    transactions_drop(c);
}

void store_disconnect(struct store_connection *c)
{
    xs_reset(c);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->usage->holds--;
    tree_usages_sweep(&c->store->forest, c->domid);
    free(c);
}

int xs_printf(struct store_connection *c, uint32_t transaction, const char *path,
              const char *format, ...)
{
    char value[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(value, sizeof(value), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(value))
        return XEN_E2BIG;
    return xs_write(c, transaction, path, value, (size_t)length);
}
