/* SPDX-License-Identifier: MIT */
/* Changes of a tree, the live one or a transaction's: whether they may be made, and making them. */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

struct change *change_new(enum change_kind kind, const char *path, const void *value, size_t length,
                          const struct tree_perm *perms, unsigned int count)
{
    size_t path_bytes = strlen(path) + 1, perm_bytes = count * sizeof(*perms);
    struct change *change = malloc(sizeof(*change) + perm_bytes + length + path_bytes);

    if (!change)
        return NULL;
    change->next = NULL;
    change->touched = NULL;
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

/* The permissions that new nodes at @path get: the nearest ancestor's, owned by their maker. */
static unsigned int inherit(const struct store_connection *c, const struct tree_node *root,
                            const char *path, struct tree_perm perms[STORE_MAX_PERMS])
{
    const struct tree_data *parent = tree_nearest(root, path)->data;

    memcpy(perms, parent->perms, parent->perm_count * sizeof(*perms));
    if (!c->privileged)
        perms[0].domid = c->domid;
    return parent->perm_count;
}

int change_check(const struct store_connection *c, const struct tree_node *root, int created,
                 const struct change *change, const struct tree_node **node)
{
    int error = connection_check(c, root, change->path, PERM_WRITE, node);

    switch (change->kind) {
    case CHANGE_MKDIR:
    case CHANGE_WRITE:
        if (!error || error != XEN_ENOENT)
            return error;
        if (!c->privileged &&
            (long)xs_nodes_owned(c->store, c->domid) + tree_missing(root, change->path) + created >
                (long)c->limits->nodes)
            return XEN_ENOSPC;
        return 0;
    case CHANGE_PERMISSIONS:
        if (error)
            return error;
        if (!c->privileged && tree_owner(*node) != c->domid && tree_owner(*node) != c->target)
            return XEN_EACCES;
        /* An owner may share, but neither give away nor unload its nodes onto others. */
        if (!c->privileged && change->perms[0].domid != tree_owner(*node))
            return XEN_EPERM;
        return 0;
    case CHANGE_REMOVE:
        return error;
    }
    return XEN_EINVAL;
}

int change_make(struct store_connection *c, struct tree_node **root, int *created,
                const struct change *change, const struct tree_node *node, struct tree_edit *edit)
{
    struct store *s = c->store;
    struct tree_perm perms[STORE_MAX_PERMS];
    unsigned int missing, count = 0;
    int removed;

    *edit = (struct tree_edit){.former = NULL};
    switch (change->kind) {
    case CHANGE_MKDIR:
    case CHANGE_WRITE:
        if (node && change->kind == CHANGE_MKDIR)
            return 0; /* another request has made it meanwhile */
        missing = node ? 0 : tree_missing(*root, change->path);
        if (missing)
            count = inherit(c, *root, change->path, perms);
        if (tree_set(root, &s->forest, change->path, change->value, change->length,
                     missing ? perms : NULL, count, edit))
            return XEN_ENOMEM;
        *created += (int)missing;
        return 0;
    case CHANGE_PERMISSIONS:
        return tree_set(root, &s->forest, change->path, NULL, 0, change->perms, change->perm_count,
                        edit)
                   ? XEN_ENOMEM
                   : 0;
    case CHANGE_REMOVE:
        removed = (int)store_count_owned(node, c->domid);
        if (tree_remove(root, &s->forest, change->path, edit))
            return XEN_ENOMEM;
        *created -= removed;
        return 0;
    }
    return XEN_EINVAL;
}
