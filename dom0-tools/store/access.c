/* SPDX-License-Identifier: MIT */
/* Paths, and what each connection may do where they lead. */
#include <stdio.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

struct special *store_find_special(struct store *s, const char *path)
{
    for (size_t i = 0; i < SPECIAL_COUNT; i++)
        if (!strcmp(path, s->special[i].name))
            return &s->special[i];
    return NULL;
}

/* The letters, digits, -, _ and @ that names are made of. */
static bool is_name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '@';
}

/* Whether @path has no other bytes than names and single slashes, and no slash at its end. */
static bool is_well_formed(const char *path)
{
    for (const char *at = path; *at; at++)
        if (!is_name_byte(*at) && (*at != '/' || at[1] == '/' || (!at[1] && at != path)))
            return false;
    return true;
}

int xs_resolve(const struct store_connection *c, const char *path, char absolute[STORE_PATH_SIZE])
{
    size_t length = strlen(path);
    unsigned int depth = 0;
    int total;

    if (!length || length > (path[0] == '/' ? STORE_PATH_SIZE - 1 : STORE_RELATIVE_MAX))
        return XEN_EINVAL;
    if (!is_well_formed(path))
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

unsigned int connection_access(const struct store_connection *c, const struct tree_perm *perms,
                               unsigned int count)
{
    if (c->privileged || perms[0].domid == c->domid || perms[0].domid == c->target)
        return PERM_READ | PERM_WRITE;
    for (unsigned int i = 1; i < count; i++)
        if (perms[i].domid == c->domid || perms[i].domid == c->target)
            return perms[i].access;
    return perms[0].access;
}

int connection_check(const struct store_connection *c, const struct tree_node *root,
                     const char *path, unsigned int wanted, const struct tree_node **found)
{
    const struct tree_node *asked, *node = tree_reach(root, path, &asked);

    *found = node;
    if ((connection_access(c, asked->data->perms, asked->data->perm_count) & wanted) != wanted)
        return XEN_EACCES;
    return node ? 0 : XEN_ENOENT;
}
