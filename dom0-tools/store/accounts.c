/* SPDX-License-Identifier: MIT */
/* What each domain owns in the store, and how much memory it is charged. */
#include <string.h>

#include "store_internal.h"

unsigned int xs_nodes_owned(const struct store *store, uint16_t domid)
{
    for (const struct tree_usage *u = store->forest.usages; u; u = u->next)
        if (u->domid == domid)
            return u->nodes;
    return 0;
}

size_t xs_memory_used(const struct store *store, uint16_t domid)
{
    for (const struct tree_usage *u = store->forest.usages; u; u = u->next)
        if (u->domid == domid)
            return u->live + u->charged;
    return 0;
}

size_t xs_memory_held(const struct store *store)
{
    size_t bytes = 0;

    for (const struct tree_usage *u = store->forest.usages; u; u = u->next)
        bytes += u->bytes - u->live;
    return bytes;
}

void xs_charge(struct store_connection *c, long bytes)
{
    c->usage->charged += (size_t)bytes;
}

size_t xs_memory_left(const struct store_connection *c)
{
    size_t used = c->usage->live + c->usage->charged;

    if (c->privileged)
        return SIZE_MAX;
    return used < c->limits->memory ? c->limits->memory - used : 0;
}

void xs_each_domain(const struct store *store,
                    void (*entry)(void *context, uint16_t domid, unsigned int nodes, size_t bytes),
                    void *context)
{
    for (const struct tree_usage *u = store->forest.usages; u; u = u->next)
        if (u->nodes || u->charged)
            entry(context, u->domid, u->nodes, u->live + u->charged);
}

unsigned int store_count_owned(const struct tree_node *node, uint16_t domid)
{
    unsigned int count = tree_owner(node) == domid;

    for (size_t i = 0; i < node->child_count; i++)
        count += store_count_owned(node->children[i], domid);
    return count;
}

static size_t count_bytes(const struct tree_node *node, uint16_t domid)
{
    size_t bytes = tree_owner(node) == domid ? tree_bytes(node) : 0;

    for (size_t i = 0; i < node->child_count; i++)
        bytes += count_bytes(node->children[i], domid);
    return bytes;
}

bool xs_is_consistent(const struct store *store)
{
    for (const struct tree_usage *u = store->forest.usages; u; u = u->next)
        if (u->nodes != store_count_owned(store->root, u->domid) ||
            u->live != count_bytes(store->root, u->domid) || u->live > u->bytes)
            return false;
    return true;
}

bool connection_is_over_memory(const struct store_connection *c)
{
    return !xs_memory_left(c);
}

/* The entries are there: each owner of a node has one. */
void store_recount(struct store *s, const struct tree_node *before, const struct tree_node *now)
{
    size_t i = 0, j = 0, before_count = before ? before->child_count : 0;
    size_t now_count = now ? now->child_count : 0;

    if (before == now)
        return;
    if (before) {
        before->data->usage->nodes--;
        before->data->usage->live -= tree_bytes(before);
    }
    if (now) {
        now->data->usage->nodes++;
        now->data->usage->live += tree_bytes(now);
    }
    while (i < before_count || j < now_count) {
        const struct tree_node *a = i < before_count ? before->children[i] : NULL;
        const struct tree_node *b = j < now_count ? now->children[j] : NULL;
        int order = !a ? 1 : !b ? -1 : strcmp(a->data->name, b->data->name);

        store_recount(s, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}
