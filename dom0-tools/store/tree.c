/* SPDX-License-Identifier: MIT */
/* The store's persistent tree: see tree.h for the idea. */
#include <stdlib.h>
#include <string.h>

#include "tree.h"

/* A path taken apart, and the nodes along it that exist. */
struct walk {
    const char *part[TREE_MAX_DEPTH];
    size_t length[TREE_MAX_DEPTH];
    unsigned int parts;
    /* node[0] is the root, node[i] belongs to part[i - 1]; found nodes exist after the root */
    const struct tree_node *node[TREE_MAX_DEPTH + 1];
    size_t index[TREE_MAX_DEPTH]; /* of node[i + 1] in node[i]; of the first missing: its place */
    unsigned int found;
};

#define SWEEP_BUCKETS 8u /* at a time */

struct tree_usage *tree_usage(struct tree_forest *forest, uint16_t domid, bool create)
{
    struct tree_usage **bucket = &forest->usages[domid % TREE_USAGE_BUCKETS], *u = *bucket;

    while (u && u->domid != domid)
        u = u->next;
    if (u || !create)
        return u;
    u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->forest = forest;
    u->domid = domid;
    u->next = *bucket;
    *bucket = u;
    return u;
}

static void sweep_bucket(struct tree_usage **link, bool all)
{
    while (*link) {
        struct tree_usage *u = *link;

        if (!all && (u->nodes || u->holds || u->bytes || u->charged)) {
            link = &u->next;
            continue;
        }
        *link = u->next;
        free(u);
    }
}

void tree_usages_sweep(struct tree_forest *forest, uint16_t domid)
{
    sweep_bucket(&forest->usages[domid % TREE_USAGE_BUCKETS], false);
    for (unsigned int i = 0; i < SWEEP_BUCKETS; i++) {
        sweep_bucket(&forest->usages[forest->sweep_at], false);
        forest->sweep_at = (forest->sweep_at + 1) % TREE_USAGE_BUCKETS;
    }
}

void tree_usages_free(struct tree_forest *forest)
{
    for (unsigned int i = 0; i < TREE_USAGE_BUCKETS; i++)
        sweep_bucket(&forest->usages[i], true);
}

void tree_count_live(struct tree_usage *usage, long bytes)
{
    usage->live += (size_t)bytes;
    usage->forest->live += (size_t)bytes;
}

static void count_bytes(struct tree_usage *usage, long bytes)
{
    usage->bytes += (size_t)bytes;
    usage->forest->bytes += (size_t)bytes;
}

static size_t data_bytes(const struct tree_data *data)
{
    return sizeof(*data) + data->perm_count * sizeof(*data->perms) + data->length +
           strlen(data->name) + 1 + BLOCK_OVERHEAD;
}

static size_t node_bytes(const struct tree_node *node)
{
    return sizeof(*node) + node->child_count * sizeof(node->children[0]) + BLOCK_OVERHEAD;
}

size_t tree_bytes(const struct tree_node *node)
{
    return node_bytes(node) + data_bytes(node->data);
}

static struct tree_data *data_create(struct tree_forest *forest, const char *name,
                                     size_t name_length, const void *value, size_t length,
                                     const struct tree_perm *perms, unsigned int perm_count)
{
    size_t perm_bytes = perm_count * sizeof(*perms);
    struct tree_usage *usage = tree_usage(forest, perms[0].domid, true);
    struct tree_data *data = usage ? malloc(sizeof(*data) + perm_bytes + length + name_length + 1)
                                   : NULL;

    if (!data)
        return NULL;
    data->usage = usage;
    data->refs = 1;
    data->perm_count = perm_count;
    data->length = length;
    data->perms = (struct tree_perm *)(data + 1);
    data->value = (uint8_t *)data->perms + perm_bytes;
    data->name = (char *)data->value + length;
    memcpy(data->perms, perms, perm_bytes);
    if (length)
        memcpy(data->value, value, length);
    memcpy(data->name, name, name_length);
    data->name[name_length] = '\0';
    count_bytes(usage, (long)data_bytes(data));
    return data;
}

static void data_release(struct tree_data *data)
{
    if (--data->refs)
        return;
    count_bytes(data->usage, -(long)data_bytes(data));
    free(data);
}

struct tree_node *tree_hold(struct tree_node *node)
{
    node->refs++;
    return node;
}

void tree_release(struct tree_node *node)
{
    if (!node || --node->refs)
        return;
    /* As deep as the tree at most, which TREE_MAX_DEPTH bounds. */
    for (size_t i = 0; i < node->child_count; i++)
        tree_release(node->children[i]);
    count_bytes(node->data->usage, -(long)node_bytes(node));
    data_release(node->data);
    free(node);
}

/* A node with room for @child_count children, none filled in. Takes over the reference to @data. */
static struct tree_node *node_create(struct tree_data *data, uint64_t stamp, size_t child_count)
{
    struct tree_node *node = data ? malloc(sizeof(*node) + child_count * sizeof(node->children[0]))
                                  : NULL;

    if (!node) {
        if (data)
            data_release(data);
        return NULL;
    }
    node->refs = 1;
    node->told_gone = false;
    node->stamp = stamp;
    node->data = data;
    node->child_count = child_count;
    count_bytes(data->usage, (long)node_bytes(node));
    return node;
}

struct tree_node *tree_create(struct tree_forest *forest, struct tree_perm owner)
{
    return node_create(data_create(forest, "", 0, NULL, 0, &owner, 1), ++forest->last, 0);
}

static int compare_name(const char *part, size_t length, const char *name)
{
    for (size_t i = 0; i < length; i++)
        if (part[i] != name[i])
            return (unsigned char)part[i] < (unsigned char)name[i] ? -1 : 1;
    return name[length] ? -1 : 0;
}

/* Where the child of that name is, or would be. @return whether it is there. */
static bool find_child(const struct tree_node *node, const char *part, size_t length, size_t *index)
{
    size_t low = 0, high = node->child_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(part, length, node->children[middle]->data->name);

        if (order == 0) {
            *index = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *index = low;
    return false;
}

static void walk_path(struct walk *w, const struct tree_node *root, const char *path)
{
    w->parts = w->found = 0;
    w->node[0] = root;
    while (*path && w->parts < TREE_MAX_DEPTH) {
        const char *end = path;

        if (*path == '/') {
            path++;
            continue;
        }
        while (*end && *end != '/')
            end++;
        w->part[w->parts] = path;
        w->length[w->parts] = (size_t)(end - path);
        if (w->found == w->parts &&
            find_child(w->node[w->found], path, w->length[w->parts], &w->index[w->parts])) {
            w->node[w->found + 1] = w->node[w->found]->children[w->index[w->parts]];
            w->found++;
        }
        w->parts++;
        path = end;
    }
}

const struct tree_node *tree_find(const struct tree_node *root, const char *path)
{
    struct walk w;

    walk_path(&w, root, path);
    return w.found == w.parts ? w.node[w.found] : NULL;
}

const struct tree_node *tree_nearest(const struct tree_node *root, const char *path)
{
    struct walk w;

    walk_path(&w, root, path);
    return w.node[w.found];
}

const struct tree_node *tree_reach(const struct tree_node *root, const char *path,
                                   const struct tree_node **nearest)
{
    struct walk w;

    walk_path(&w, root, path);
    *nearest = w.node[w.found];
    return w.found == w.parts ? *nearest : NULL;
}

const struct tree_node *tree_above(const struct tree_node *root, const char *path)
{
    struct walk w;

    walk_path(&w, root, path);
    return w.node[w.found && w.found == w.parts ? w.found - 1 : w.found];
}

unsigned int tree_missing(const struct tree_node *root, const char *path)
{
    struct walk w;

    walk_path(&w, root, path);
    return w.parts - w.found;
}

/* A new version of a node with the same children. Takes over the reference to @data. */
static struct tree_node *with_data(const struct tree_node *node, struct tree_data *data,
                                   uint64_t stamp)
{
    struct tree_node *copy = node_create(data, stamp, node->child_count);

    for (size_t i = 0; copy && i < node->child_count; i++)
        copy->children[i] = tree_hold(node->children[i]);
    return copy;
}

/* Makes sure that nobody else holds the node in @slot, so that it may be changed. */
static struct tree_node *own_node(struct tree_node **slot)
{
    struct tree_node *node = *slot, *copy = node;

    if (node->refs > 1) {
        node->data->refs++;
        copy = with_data(node, node->data, node->stamp);
        if (copy) {
            *slot = copy;
            tree_release(node);
        }
    }
    return copy;
}

/*
 * Makes sure that nobody else holds the nodes above node[@depth] of the walk, of which there is at
 * least one. @return where the tree has the pointer to node[@depth - 1], or NULL when memory is
 * short.
 */
static struct tree_node **own_path(struct tree_node **root, const struct walk *w,
                                   unsigned int depth)
{
    struct tree_node **slot = root;

    for (unsigned int i = 0;; i++) {
        struct tree_node *node = own_node(slot);

        if (!node || i + 1 == depth)
            return node ? slot : NULL;
        slot = &node->children[w->index[i]];
    }
}

/*
 * Replaces the node in @slot, which nobody else holds, by one that has @child as an additional one
 * at @index, or, with NULL, has none there. *@removed receives the former child then. Takes over
 * the reference to @child.
 */
static int change_children(struct tree_node **slot, struct tree_forest *forest, size_t index,
                           struct tree_node *child, struct tree_node **removed)
{
    struct tree_node *node = *slot, *copy;
    size_t count = child ? node->child_count + 1 : node->child_count - 1;
    size_t added = child ? 1 : 0, gone = child ? 0 : 1;

    node->data->refs++;
    copy = node_create(node->data, forest->last + 1, count);
    if (!copy)
        return -1;
    forest->last++;
    memcpy(copy->children, node->children, index * sizeof(node->children[0]));
    memcpy(&copy->children[index + added], &node->children[index + gone],
           (node->child_count - index - gone) * sizeof(node->children[0]));
    if (child)
        copy->children[index] = child;
    else
        *removed = node->children[index];
    /* The children are the copy's now. */
    count_bytes(node->data->usage, -(long)node_bytes(node));
    data_release(node->data);
    free(node);
    *slot = copy;
    return 0;
}

/* Puts @changed, a new version of node[@depth] of the walk, or a new child, into the tree. */
static int put_node(struct tree_node **root, struct tree_forest *forest, const struct walk *w,
                    unsigned int depth, struct tree_node *changed, struct tree_edit *edit)
{
    struct tree_node **slot = depth ? own_path(root, w, depth) : NULL;
    bool exists = depth <= w->found;

    if ((depth && !slot) ||
        (!exists && change_children(slot, forest, w->index[depth - 1], changed, NULL))) {
        tree_release(changed);
        return -1;
    }
    edit->now = changed;
    edit->parent = slot ? (*slot)->data->usage : NULL;
    if (exists) {
        struct tree_node **place = slot ? &(*slot)->children[w->index[depth - 1]] : root;

        edit->former = *place;
        *place = changed;
    }
    return 0;
}

void tree_edit_end(struct tree_edit *edit)
{
    tree_release(edit->former);
    edit->former = NULL;
}

int tree_set(struct tree_node **root, struct tree_forest *forest, const char *path,
             const void *value, size_t length, const struct tree_perm *perms,
             unsigned int perm_count, struct tree_edit *edit)
{
    struct tree_node *changed;
    unsigned int depth;
    struct walk w;

    *edit = (struct tree_edit){.former = NULL};
    walk_path(&w, *root, path);
    if (w.found == w.parts) {
        const struct tree_node *node = w.node[w.found];
        const struct tree_data *old = node->data;

        depth = w.parts;
        changed = with_data(node,
                            data_create(forest, old->name, strlen(old->name),
                                        value ? value : old->value, value ? length : old->length,
                                        perms ? perms : old->perms,
                                        perms ? perm_count : old->perm_count),
                            ++forest->last);
        return changed ? put_node(root, forest, &w, depth, changed, edit) : -1;
    }
    changed = node_create(data_create(forest, w.part[w.parts - 1], w.length[w.parts - 1], value,
                                      length, perms, perm_count),
                          ++forest->last, 0);
    for (depth = w.parts; changed && depth > w.found + 1; depth--) {
        struct tree_node *parent = node_create(
            data_create(forest, w.part[depth - 2], w.length[depth - 2], NULL, 0, perms, perm_count),
            ++forest->last, 1);

        if (parent)
            parent->children[0] = changed;
        else
            tree_release(changed);
        changed = parent;
    }
    return changed ? put_node(root, forest, &w, depth, changed, edit) : -1;
}

int tree_remove(struct tree_node **root, struct tree_forest *forest, const char *path,
                struct tree_edit *edit)
{
    struct tree_usage *parent;
    struct tree_node **slot;
    struct walk w;

    *edit = (struct tree_edit){.former = NULL};
    walk_path(&w, *root, path);
    if (!w.parts || w.found != w.parts)
        return -1; /* the root stays, and so does what is not there */
    slot = own_path(root, &w, w.parts);
    if (!slot)
        return -1;
    parent = (*slot)->data->usage;
    if (change_children(slot, forest, w.index[w.parts - 1], NULL, &edit->former))
        return -1;
    edit->parent = parent;
    return 0;
}

/* Whether a permission of the node names @domid. */
static bool is_mentioned(const struct tree_node *node, uint16_t domid)
{
    for (unsigned int i = 0; i < node->data->perm_count; i++)
        if (node->data->perms[i].domid == domid)
            return true;
    return false;
}

/* The same data without the permissions of @domid, which is not its owner. */
static struct tree_data *data_without(struct tree_forest *forest, struct tree_data *data,
                                      uint16_t domid)
{
    struct tree_data *copy = data_create(forest, data->name, strlen(data->name), data->value,
                                         data->length, data->perms, data->perm_count);
    unsigned int count = 0;

    if (!copy)
        return NULL;
    count_bytes(copy->usage, -(long)data_bytes(copy));
    for (unsigned int i = 0; i < copy->perm_count; i++)
        if (copy->perms[i].domid != domid)
            copy->perms[count++] = copy->perms[i];
    copy->perm_count = count;
    count_bytes(copy->usage, (long)data_bytes(copy));
    return copy;
}

/*
 * A new version of @node without @domid in its permissions, and with places for the children that
 * @domid does not own; the first @count of these are filled in.
 */
static struct tree_node *begin_purged(struct tree_forest *forest, const struct tree_node *node,
                                      uint16_t domid, size_t count)
{
    struct tree_node *copy;
    size_t kept = 0;

    for (size_t i = 0; i < node->child_count; i++)
        kept += tree_owner(node->children[i]) != domid;
    copy = node_create(data_without(forest, node->data, domid), ++forest->last, kept);
    for (size_t i = 0, to = 0; copy && to < kept; i++)
        if (tree_owner(node->children[i]) != domid) {
            copy->children[to] = to < count ? tree_hold(node->children[i]) : NULL;
            to++;
        }
    return copy;
}

/*
 * *@result receives a version of @node, which is not owned by @domid, without what mentions @domid;
 * NULL: nothing does. @return 0, or -1 without memory.
 */
static int purge_node(struct tree_forest *forest, struct tree_node *node, uint16_t domid,
                      struct tree_node **result)
{
    bool differs = is_mentioned(node, domid);
    struct tree_node *copy = differs ? begin_purged(forest, node, domid, 0) : NULL;
    size_t to = 0;

    for (size_t i = 0; i < node->child_count && (copy || !differs); i++) {
        struct tree_node *child = node->children[i], *now = NULL;
        bool goes = tree_owner(child) == domid;

        if (!goes && purge_node(forest, child, domid, &now)) {
            tree_release(copy);
            return -1;
        }
        if (!differs && (goes || now)) {
            differs = true;
            copy = begin_purged(forest, node, domid, to);
        }
        if (!goes && copy)
            copy->children[to] = now ? now : tree_hold(child);
        else
            tree_release(now); /* there was no memory for the copy */
        to += !goes;
    }
    *result = copy;
    return differs && !copy ? -1 : 0;
}

int tree_purge(struct tree_node **root, struct tree_forest *forest, uint16_t domid)
{
    struct tree_node *changed;

    if (purge_node(forest, *root, domid, &changed))
        return -1;
    if (changed) {
        tree_release(*root);
        *root = changed;
    }
    return 0;
}
