/* SPDX-License-Identifier: MIT */
/*
 * Requests on the store.
 *
 * The live tree is one root (tree.h). A transaction holds the root it began with and its own working root;
 * it notes each path that it looked at or changed, and each change. Ending it compares the noted paths in
 * the root it began with and in the live one: if all are as they were, the changes are made again on
 * the live tree. So two transactions meet only if they touch the same nodes.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

const struct store_limits store_default_limits = {
    .nodes = 1000,
    .node_size = 2048,
    .watches = 128,
    .transactions = 10,
    .changes = 1024,
};

static unsigned int *usage_of(struct store *s, uint16_t domid, bool create)
{
    struct usage *u;

    for (u = s->usage; u; u = u->next)
        if (u->domid == domid)
            return &u->nodes;
    u = create ? calloc(1, sizeof(*u)) : NULL;
    if (!u)
        return NULL;
    u->domid = domid;
    u->next = s->usage;
    s->usage = u;
    return &u->nodes;
}

unsigned int xs_nodes_owned(const struct store *store, uint16_t domid)
{
    for (const struct usage *u = store->usage; u; u = u->next)
        if (u->domid == domid)
            return u->nodes;
    return 0;
}

/* Where a subtree was @before and is @now, either may be NULL: moves its nodes between their owners. */
static void recount(struct store *s, const struct tree_node *before, const struct tree_node *now)
{
    size_t i = 0, j = 0, before_count = before ? before->child_count : 0;
    size_t now_count = now ? now->child_count : 0;
    unsigned int *nodes;

    if (before == now)
        return;
    nodes = before ? usage_of(s, tree_owner(before), false) : NULL;
    if (nodes && *nodes)
        --*nodes;
    nodes = now ? usage_of(s, tree_owner(now), false) : NULL;
    if (nodes)
        ++*nodes;
    while (i < before_count || j < now_count) {
        const struct tree_node *a = i < before_count ? before->children[i] : NULL;
        const struct tree_node *b = j < now_count ? now->children[j] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->data->name, b->data->name);

        recount(s, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}

struct store *store_create(void)
{
    struct store *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->root = tree_create(&s->stamps, (struct tree_perm){.domid = 0, .access = PERM_READ});
    if (!s->root) {
        free(s);
        return NULL;
    }
    return s;
}

void store_destroy(struct store *store)
{
    while (store->usage) {
        struct usage *u = store->usage;

        store->usage = u->next;
        free(u);
    }
    tree_release(store->root);
    free(store);
}

struct store_connection *store_connect(struct store *store, uint16_t domid, bool privileged,
                                       const struct store_limits *limits, store_event_fn *event,
                                       void *context)
{
    struct store_connection *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->store = store;
    c->domid = domid;
    c->privileged = privileged;
    c->limits = limits;
    c->event = event;
    c->context = context;
    c->next = store->connections;
    store->connections = c;
    return c;
}

bool store_connection_privileged(const struct store_connection *c)
{
    return c->privileged;
}

int xs_resolve(const struct store_connection *c, const char *path, char absolute[STORE_PATH_SIZE])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_@/";
    size_t length = strlen(path);
    unsigned int depth = 0;
    int total;

    if (!length || length >= (path[0] == '/' ? STORE_PATH_SIZE : STORE_RELATIVE_SIZE))
        return XEN_EINVAL;
    if (strspn(path, allowed) != length || strstr(path, "//") ||
        (length > 1 && path[length - 1] == '/'))
        return XEN_EINVAL;
    total = path[0] == '/'
                ? snprintf(absolute, STORE_PATH_SIZE, "%s", path)
                : snprintf(absolute, STORE_PATH_SIZE, "/local/domain/%u/%s", c->domid, path);
    if (total >= STORE_PATH_SIZE)
        return XEN_EINVAL;
    for (const char *at = absolute; *at; at++)
        depth += *at == '/';
    return depth > TREE_MAX_DEPTH ? XEN_EINVAL : 0;
}

static struct transaction *find_transaction(struct store_connection *c, uint32_t id)
{
    struct transaction *t = c->transactions;

    while (t && t->id != id)
        t = t->next;
    return t;
}

/* Finds the root that a request works on; *@t is NULL outside of transactions. */
static int select_root(struct store_connection *c, uint32_t id, struct transaction **t,
                       struct tree_node ***root)
{
    *t = NULL;
    *root = &c->store->root;
    if (id == STORE_NO_TRANSACTION)
        return 0;
    *t = find_transaction(c, id);
    if (!*t)
        return XEN_ENOENT;
    *root = &(*t)->work;
    return 0;
}

/* Notes that a transaction depends on @path. */
static int touch(struct transaction *t, const char *path)
{
    struct touched *touched;
    size_t length;

    if (!t)
        return 0;
    for (touched = t->touched; touched; touched = touched->next)
        if (!strcmp(touched->path, path))
            return 0;
    if (t->touched_count >= t->limit)
        return XEN_ENOSPC;
    length = strlen(path) + 1;
    touched = malloc(sizeof(*touched) + length);
    if (!touched)
        return XEN_ENOMEM;
    memcpy(touched->path, path, length);
    touched->next = t->touched;
    t->touched = touched;
    t->touched_count++;
    return 0;
}

/* Whether @c may do @wanted at @path: 0, EACCES or, where it may but nothing is there, ENOENT. */
static int check_access(const struct store_connection *c, const struct tree_node *root,
                        const char *path, unsigned int wanted, const struct tree_node **found)
{
    const struct tree_node *node = tree_find(root, path);
    const struct tree_node *asked = node ? node : tree_nearest(root, path);

    *found = node;
    if (!c->privileged && (tree_access(asked, c->domid) & wanted) != wanted)
        return XEN_EACCES;
    return node ? 0 : XEN_ENOENT;
}

/* A request that only looks: selects the root, notes the path, checks that it may be read. */
static int look(struct store_connection *c, uint32_t id, const char *path,
                const struct tree_node **node)
{
    struct transaction *t;
    struct tree_node **root;
    int error = select_root(c, id, &t, &root);

    if (!error)
        error = touch(t, path);
    return error ? error : check_access(c, *root, path, PERM_READ, node);
}

int xs_read(struct store_connection *c, uint32_t transaction, const char *path, const void **value,
            size_t *length)
{
    const struct tree_node *node;
    int error = look(c, transaction, path, &node);

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
    int error = look(c, transaction, path, &node);
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

int xs_get_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       struct store_permission *permissions, unsigned int *count)
{
    const struct tree_node *node;
    int error = look(c, transaction, path, &node);

    if (error)
        return error;
    *count = node->data->perm_count;
    for (unsigned int i = 0; i < *count; i++) {
        permissions[i].domid = node->data->perms[i].domid;
        permissions[i].read = node->data->perms[i].access & PERM_READ;
        permissions[i].write = node->data->perms[i].access & PERM_WRITE;
    }
    return 0;
}

static void free_changes(struct change *first)
{
    while (first) {
        struct change *change = first;

        first = change->next;
        free(change);
    }
}

static struct change *make_change(enum change_kind kind, const char *path, const void *value,
                                  size_t length, const struct tree_perm *perms, unsigned int count)
{
    size_t path_bytes = strlen(path) + 1, perm_bytes = count * sizeof(*perms);
    struct change *change = malloc(sizeof(*change) + perm_bytes + length + path_bytes);

    if (!change)
        return NULL;
    change->next = NULL;
    change->kind = kind;
    change->perms = (struct tree_perm *)(change + 1);
    change->perm_count = count;
    change->value = (uint8_t *)change->perms + perm_bytes;
    change->length = length;
    change->path = (char *)change->value + length;
    if (count)
        memcpy(change->perms, perms, perm_bytes);
    if (length)
        memcpy(change->value, value, length);
    memcpy(change->path, path, path_bytes);
    return change;
}

/* The permissions that new nodes at @path get: the nearest ancestor's, owned by who makes them. */
static unsigned int inherit(const struct store_connection *c, const struct tree_node *root,
                            const char *path, struct tree_perm perms[STORE_MAX_PERMS])
{
    const struct tree_data *parent = tree_nearest(root, path)->data;

    memcpy(perms, parent->perms, parent->perm_count * sizeof(*perms));
    if (!c->privileged)
        perms[0].domid = c->domid;
    return parent->perm_count;
}

static int check_change(const struct store_connection *c, const struct tree_node *root,
                        const struct transaction *t, const struct change *change,
                        const struct tree_node **node)
{
    int error = check_access(c, root, change->path, PERM_WRITE, node);

    switch (change->kind) {
    case CHANGE_MKDIR:
    case CHANGE_WRITE:
        if (!error || error != XEN_ENOENT)
            return error;
        if (!c->privileged && xs_nodes_owned(c->store, c->domid) +
                                      tree_missing(root, change->path) + (t ? t->created : 0) >
                                  c->limits->nodes)
            return XEN_ENOSPC;
        return 0;
    case CHANGE_PERMISSIONS:
        if (error)
            return error;
        if (!c->privileged && tree_owner(*node) != c->domid)
            return XEN_EACCES;
        /* An owner may share, but neither give away nor unload its nodes onto others. */
        if (!c->privileged && change->perms[0].domid != c->domid)
            return XEN_EPERM;
        return 0;
    case CHANGE_REMOVE:
        return error;
    }
    return XEN_EINVAL;
}

/*
 * Makes one checked change on a tree; @node is what is at its path now, or NULL. Adds to *@created what it
 * creates. Whoever gets to own nodes has an entry in the usage table afterwards.
 */
static int make_on_tree(struct store_connection *c, struct tree_node **root, unsigned int *created,
                        const struct change *change, const struct tree_node *node)
{
    struct store *s = c->store;
    struct tree_perm perms[STORE_MAX_PERMS];
    unsigned int missing, count = 0;

    switch (change->kind) {
    case CHANGE_MKDIR:
    case CHANGE_WRITE:
        if (node && change->kind == CHANGE_MKDIR)
            return 0;
        missing = tree_missing(*root, change->path);
        if (missing) {
            count = inherit(c, *root, change->path, perms);
            if (!usage_of(s, perms[0].domid, true))
                return XEN_ENOMEM;
        }
        if (tree_set(root, &s->stamps, change->path, change->value, change->length,
                     missing ? perms : NULL, count))
            return XEN_ENOMEM;
        *created += missing;
        return 0;
    case CHANGE_PERMISSIONS:
        if (!usage_of(s, change->perms[0].domid, true))
            return XEN_ENOMEM;
        return tree_set(root, &s->stamps, change->path, NULL, 0, change->perms, change->perm_count)
                   ? XEN_ENOMEM
                   : 0;
    case CHANGE_REMOVE:
        return tree_remove(root, &s->stamps, change->path) ? XEN_ENOMEM : 0;
    }
    return XEN_EINVAL;
}

/* Checks and makes one change, in a transaction or on the live tree, where watches fire. */
static int change_tree(struct store_connection *c, uint32_t id, struct change *change)
{
    const struct tree_node *node;
    struct tree_node **root, *former;
    unsigned int created = 0;
    struct transaction *t;
    int error = select_root(c, id, &t, &root);

    if (!error && t && t->change_count >= t->limit)
        error = XEN_ENOSPC;
    if (!error)
        error = touch(t, change->path);
    if (!error)
        error = check_change(c, *root, t, change, &node);
    if (error) {
        free(change);
        return error;
    }
    former = tree_hold(*root);
    error = make_on_tree(c, root, t ? &t->created : &created, change, node);
    if (!error && t) {
        *t->changes_end = change;
        t->changes_end = &change->next;
        t->change_count++;
    } else {
        if (!error) {
            recount(c->store, former, *root);
            watches_fire(c->store, former, change);
        }
        free(change);
    }
    tree_release(former);
    return error;
}

int xs_write(struct store_connection *c, uint32_t transaction, const char *path, const void *value,
             size_t length)
{
    struct change *change;

    if (!c->privileged && length > c->limits->node_size)
        return XEN_ENOSPC;
    /* A NULL value would mean: leave the value as it is. */
    change = make_change(CHANGE_WRITE, path, value, length, NULL, 0);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_mkdir(struct store_connection *c, uint32_t transaction, const char *path)
{
    struct change *change = make_change(CHANGE_MKDIR, path, NULL, 0, NULL, 0);

    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_remove(struct store_connection *c, uint32_t transaction, const char *path)
{
    const struct tree_node *node;
    struct tree_node **root;
    struct transaction *t;
    struct change *change;
    const char *slash = strrchr(path, '/');
    int error = select_root(c, transaction, &t, &root);

    if (error)
        return error;
    if (!strcmp(path, "/"))
        return XEN_EINVAL;
    /* To remove what is not there succeeds if its parent is there. */
    if (check_access(c, *root, path, PERM_WRITE, &node) == XEN_ENOENT &&
        tree_missing(*root, path) == 1 && slash)
        return touch(t, path);
    change = make_change(CHANGE_REMOVE, path, NULL, 0, NULL, 0);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

int xs_set_permissions(struct store_connection *c, uint32_t transaction, const char *path,
                       const struct store_permission *permissions, unsigned int count)
{
    struct tree_perm perms[STORE_MAX_PERMS];
    struct change *change;

    if (!count || count > STORE_MAX_PERMS)
        return XEN_EINVAL;
    for (unsigned int i = 0; i < count; i++) {
        perms[i].domid = permissions[i].domid;
        perms[i].access = (uint16_t)((permissions[i].read ? PERM_READ : 0) |
                                     (permissions[i].write ? PERM_WRITE : 0));
    }
    change = make_change(CHANGE_PERMISSIONS, path, NULL, 0, perms, count);
    return change ? change_tree(c, transaction, change) : XEN_ENOMEM;
}

static void free_transaction(struct transaction *t)
{
    while (t->touched) {
        struct touched *touched = t->touched;

        t->touched = touched->next;
        free(touched);
    }
    free_changes(t->changes);
    tree_release(t->base);
    tree_release(t->work);
    free(t);
}

int xs_transaction_start(struct store_connection *c, uint32_t *transaction)
{
    struct transaction *t;
    unsigned int open = 0;

    for (t = c->transactions; t; t = t->next)
        open++;
    if (!c->privileged && open >= c->limits->transactions)
        return XEN_ENOSPC;
    t = calloc(1, sizeof(*t));
    if (!t)
        return XEN_ENOMEM;
    do
        t->id = ++c->last_transaction;
    while (t->id == STORE_NO_TRANSACTION || find_transaction(c, t->id));
    t->base = tree_hold(c->store->root);
    t->work = tree_hold(c->store->root);
    t->changes_end = &t->changes;
    t->limit = c->privileged ? UINT32_MAX : c->limits->changes;
    t->next = c->transactions;
    c->transactions = t;
    *transaction = t->id;
    return 0;
}

/* Whether all that the transaction depends on is in the live tree as it was when it began. */
static bool still_valid(const struct store *s, const struct transaction *t)
{
    for (const struct touched *touched = t->touched; touched; touched = touched->next) {
        const struct tree_node *before = tree_find(t->base, touched->path);
        const struct tree_node *now = tree_find(s->root, touched->path);

        if (before != now && (!before || !now || before->stamp != now->stamp))
            return false;
    }
    return true;
}

/* Makes the changes again on the live tree, all or none, then fires the watches. */
static int commit(struct store_connection *c, struct transaction *t)
{
    struct store *s = c->store;
    struct tree_node *former = tree_hold(s->root);
    const struct tree_node *node;
    struct change *change;
    int error = still_valid(s, t) ? 0 : XEN_EAGAIN;

    /* A rehearsal on a root of its own finds what would fail, before anything counts. */
    tree_release(t->work);
    t->work = tree_hold(s->root);
    t->created = 0;
    for (change = t->changes; change && !error; change = change->next) {
        error = check_change(c, t->work, t, change, &node);
        if (!error)
            error = make_on_tree(c, &t->work, &t->created, change, node);
        if (error && error != XEN_ENOMEM && error != XEN_ENOSPC)
            error = XEN_EAGAIN;
    }
    if (!error && t->changes) {
        tree_release(s->root);
        s->root = tree_hold(t->work);
        recount(s, former, s->root);
        for (change = t->changes; change; change = change->next)
            watches_fire(s, former, change);
    }
    tree_release(former);
    return error;
}

int xs_transaction_end(struct store_connection *c, uint32_t transaction, bool wanted)
{
    struct transaction **link = &c->transactions;
    struct transaction *t;
    int error;

    while (*link && (*link)->id != transaction)
        link = &(*link)->next;
    t = *link;
    if (!t)
        return XEN_ENOENT;
    *link = t->next;
    error = wanted ? commit(c, t) : 0;
    free_transaction(t);
    return error;
}

void xs_reset(struct store_connection *c)
{
    watches_drop(c);
    while (c->transactions) {
        struct transaction *t = c->transactions;

        c->transactions = t->next;
        free_transaction(t);
    }
}

void store_disconnect(struct store_connection *c)
{
    struct store_connection **link = &c->store->connections;

    xs_reset(c);
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
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
