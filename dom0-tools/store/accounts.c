/* SPDX-License-Identifier: MIT */
/* What each domain owns in the store, and how much memory it is charged. */
#include <string.h>

#include "store_internal.h"

static const struct tree_usage *usage_of(const struct store *store, uint16_t domid)
{
    static const struct tree_usage nothing;
    const struct tree_usage *u = store->forest.usages[domid % TREE_USAGE_BUCKETS];

    while (u && u->domid != domid)
        u = u->next;
    return u ? u : &nothing;
}

unsigned int xs_nodes_owned(const struct store *store, uint16_t domid)
{
    return usage_of(store, domid)->nodes;
}

size_t xs_memory_used(const struct store *store, uint16_t domid)
{
    return usage_of(store, domid)->live + usage_of(store, domid)->charged;
}

size_t xs_memory_held(const struct store *store)
{
    return store->forest.bytes - store->forest.live;
}

uint64_t xs_steps(const struct store *store)
{
    return store->steps;
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
    for (unsigned int i = 0; i < TREE_USAGE_BUCKETS; i++)
        for (const struct tree_usage *u = store->forest.usages[i]; u; u = u->next)
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

static void count_mentions(const struct tree_node *node, unsigned int mentions[MENTION_COUNTS])
{
    for (unsigned int i = 0; i < node->data->perm_count; i++)
        mentions[node->data->perms[i].domid % MENTION_COUNTS]++;
    for (size_t i = 0; i < node->child_count; i++)
        count_mentions(node->children[i], mentions);
}

bool xs_is_consistent(const struct store *store)
{
    static unsigned int mentions[MENTION_COUNTS];
    size_t bytes = 0, live = 0, made = 0;

    for (const struct transaction *t = store->oldest; t; t = t->later)
        made += t->made;
    for (unsigned int i = 0; i < TREE_USAGE_BUCKETS; i++) {
        for (const struct tree_usage *u = store->forest.usages[i]; u; u = u->next) {
            if (u->nodes != store_count_owned(store->root, u->domid) ||
                u->live != count_bytes(store->root, u->domid) || u->live > u->bytes)
                return false;
            bytes += u->bytes;
            live += u->live;
        }
    }
    memset(mentions, 0, sizeof(mentions));
    count_mentions(store->root, mentions);
    return bytes == store->forest.bytes && live == store->forest.live && made == store->made &&
           made <= bytes - live && !memcmp(mentions, store->mentions, sizeof(mentions));
}

bool connection_is_over_memory(const struct store_connection *c)
{
    return !xs_memory_left(c);
}

bool store_may_mention(const struct store *s, uint16_t domid)
{
    return s->mentions[domid % MENTION_COUNTS] != 0;
}

static void count_node(struct store *s, const struct tree_node *node, int sign)
{
    const struct tree_data *data = node->data;
    const long bytes = (long)tree_bytes(node);

    data->usage->nodes += (unsigned int)sign;
    tree_count_live(data->usage, sign < 0 ? -bytes : bytes);
    for (unsigned int i = 0; i < data->perm_count; i++)
        s->mentions[data->perms[i].domid % MENTION_COUNTS] += (unsigned int)sign;
}

/* The entries are there: each owner of a node has one. */
void store_recount(struct store *s, const struct tree_node *before, const struct tree_node *now)
{
    size_t i = 0, j = 0, before_count = before ? before->child_count : 0;
    size_t now_count = now ? now->child_count : 0;

    if (before)
        count_node(s, before, -1);
    if (now)
        count_node(s, now, 1);
    while (i < before_count || j < now_count) {
        const struct tree_node *a = i < before_count ? before->children[i] : NULL;
        const struct tree_node *b = j < now_count ? now->children[j] : NULL;
        int order = !a ? 1 : !b ? -1 : a == b ? 0 : strcmp(a->data->name, b->data->name);

        s->steps++;
        if (a != b)
            store_recount(s, order <= 0 ? a : NULL, order >= 0 ? b : NULL);
        i += order <= 0;
        j += order >= 0;
    }
}

void store_recount_edit(struct store *s, const struct tree_edit *edit)
{
    const long place = sizeof(edit->now->children[0]);

    store_recount(s, edit->former, edit->now);
    if (edit->parent && !edit->former)
        tree_count_live(edit->parent, place);
    if (edit->parent && !edit->now)
        tree_count_live(edit->parent, -place);
}
