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
    unsigned int found;
};

/* What the allocator needs for itself, about. */
#define BLOCK_OVERHEAD 16

struct tree_usage *tree_usage(struct tree_forest *forest, uint16_t domid, bool create)
{
    struct tree_usage *u = forest->usages;

    while (u && u->domid != domid)
        u = u->next;
    if (u || !create)
        return u;
    u = calloc(1, sizeof(*u));
    if (!u)
        return NULL;
    u->domid = domid;
    u->next = forest->usages;
    forest->usages = u;
    return u;
}

void tree_usages_sweep(struct tree_forest *forest, bool all)
{
    struct tree_usage **link = &forest->usages;

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
    usage->bytes += data_bytes(data);
    return data;
}

static void data_release(struct tree_data *data)
{
    if (--data->refs)
        return;
    data->usage->bytes -= data_bytes(data);
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
    node->data->usage->bytes -= node_bytes(node);
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
    node->stamp = stamp;
    node->data = data;
    node->child_count = child_count;
    data->usage->bytes += node_bytes(node);
    return node;
}

struct tree_node *tree_create(struct tree_forest *forest, struct tree_perm owner)
{
    return node_create(data_create(forest, "", 0, NULL, 0, &owner, 1), ++forest->last, 0);
}

static int compare_name(const char *part, size_t length, const char *name)
{
    int order = strncmp(part, name, length);

    if (order)
        return order;
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
        const char *end;
        size_t index;

        if (*path == '/') {
            path++;
            continue;
        }
        end = strchr(path, '/');
        w->part[w->parts] = path;
        w->length[w->parts] = end ? (size_t)(end - path) : strlen(path);
        if (w->found == w->parts &&
            find_child(w->node[w->found], path, w->length[w->parts], &index)) {
            w->node[w->found + 1] = w->node[w->found]->children[index];
            w->found++;
        }
        path += w->length[w->parts++];
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

/*
 * A version of @node with the child at @index replaced by @child (NULL: removed), or, with @insert,
 * @child put in front of it. Takes over the reference to @child.
 */
static struct tree_node *with_child(const struct tree_node *node, uint64_t stamp, size_t index,
                                    struct tree_node *child, bool insert)
{
    size_t count = node->child_count + (insert ? 1 : 0) - (child ? 0 : 1);
    struct tree_node *copy;
    size_t to = 0;

    node->data->refs++;
    copy = node_create(node->data, stamp, count);
    if (!copy) {
        tree_release(child);
        return NULL;
    }
    for (size_t from = 0; from <= node->child_count; from++) {
        if (from == index && child)
            copy->children[to++] = child;
        if (from == node->child_count || (from == index && !insert))
            continue;
        copy->children[to++] = tree_hold(node->children[from]);
    }
    return copy;
}

/*
 * Rebuilds the tree above node[@depth] of the walk, which becomes @changed (NULL: goes away), and
 * makes it *@root. The direct parent gets a new stamp if its set of children changed.
 */
static int rebuild(struct tree_node **root, struct tree_forest *forest, const struct walk *w,
                   unsigned int depth, struct tree_node *changed)
{
    bool names_change = !changed || depth > w->found;

    while (depth > 0) {
        const struct tree_node *parent = w->node[depth - 1];
        bool exists;
        size_t index;

        exists = find_child(parent, w->part[depth - 1], w->length[depth - 1], &index);
        changed = with_child(parent, names_change ? ++forest->last : parent->stamp, index, changed,
                             !exists);
        if (!changed)
            return -1;
        /* The node is held by its new parent. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        names_change = false;
        depth--;
    }
    tree_release(*root);
    *root = changed;
    return 0;
}

/* A new version of an existing node with other data. */
static struct tree_node *with_data(const struct tree_node *node, struct tree_data *data,
                                   uint64_t stamp)
{
    struct tree_node *copy = node_create(data, stamp, node->child_count);

    for (size_t i = 0; copy && i < node->child_count; i++)
        copy->children[i] = tree_hold(node->children[i]);
    return copy;
}

int tree_set(struct tree_node **root, struct tree_forest *forest, const char *path,
             const void *value, size_t length, const struct tree_perm *perms,
             unsigned int perm_count)
{
    struct tree_node *changed;
    unsigned int depth;
    struct walk w;

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
        return changed ? rebuild(root, forest, &w, depth, changed) : -1;
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
    return changed ? rebuild(root, forest, &w, depth, changed) : -1;
}

int tree_remove(struct tree_node **root, struct tree_forest *forest, const char *path)
{
    struct walk w;

    walk_path(&w, *root, path);
    return rebuild(root, forest, &w, w.parts, NULL);
}

/* Whether @domid has a part in @node or anything below it. */
static bool mentions(const struct tree_node *node, uint16_t domid)
{
    const struct tree_data *data = node->data;

    for (unsigned int i = 0; i < data->perm_count; i++)
        if (data->perms[i].domid == domid)
            return true;
    for (size_t i = 0; i < node->child_count; i++)
        if (mentions(node->children[i], domid))
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
    copy->usage->bytes -= data_bytes(copy);
    for (unsigned int i = 0; i < copy->perm_count; i++)
        if (copy->perms[i].domid != domid)
            copy->perms[count++] = copy->perms[i];
    copy->perm_count = count;
    copy->usage->bytes += data_bytes(copy);
    return copy;
}

/*
 * A version of @node, which is not owned by @domid, without what mentions @domid; NULL without
 * memory.
 */
static struct tree_node *purged(struct tree_forest *forest, struct tree_node *node, uint16_t domid)
{
    size_t kept = 0, to = 0;
    struct tree_node *copy;
    bool failed = false;

    if (!mentions(node, domid))
        return tree_hold(node);
    for (size_t i = 0; i < node->child_count; i++)
        kept += tree_owner(node->children[i]) != domid;
    copy = node_create(data_without(forest, node->data, domid), ++forest->last, kept);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < node->child_count; i++) {
        if (tree_owner(node->children[i]) == domid)
            continue;
        copy->children[to] = purged(forest, node->children[i], domid);
        if (!copy->children[to])
            failed = true;
        to++;
    }
    if (failed) {
        tree_release(copy);
        return NULL;
    }
    return copy;
}

int tree_purge(struct tree_node **root, struct tree_forest *forest, uint16_t domid)
{
    struct tree_node *changed = purged(forest, *root, domid);

    if (!changed)
        return -1;
    tree_release(*root);
    *root = changed;
    return 0;
}
