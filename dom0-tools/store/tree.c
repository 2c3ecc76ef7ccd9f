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

static struct tree_data *data_create(const char *name, size_t name_length, const void *value,
                                     size_t length, const struct tree_perm *perms,
                                     unsigned int perm_count)
{
    size_t perm_bytes = perm_count * sizeof(*perms);
    struct tree_data *data = malloc(sizeof(*data) + perm_bytes + length + name_length + 1);

    if (!data)
        return NULL;
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
    return data;
}

static void data_release(struct tree_data *data)
{
    if (--data->refs == 0)
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
    return node;
}

struct tree_node *tree_create(struct tree_stamps *stamps, struct tree_perm owner)
{
    return node_create(data_create("", 0, NULL, 0, &owner, 1), ++stamps->last, 0);
}

static int compare_name(const char *part, size_t length, const char *name)
{
    int order = strncmp(part, name, length);

    if (order)
        return order;
    return name[length] ? -1 : 0;
}

/* Where the child of that name is, or would be. Returns whether it is there. */
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

unsigned int tree_missing(const struct tree_node *root, const char *path)
{
    struct walk w;

    walk_path(&w, root, path);
    return w.parts - w.found;
}

/*
 * A version of @node with the child at @index replaced by @child (NULL: removed), or, with @insert, @child
 * put in front of it. Takes over the reference to @child.
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
 * Rebuilds the tree above node[@depth] of the walk, which becomes @changed (NULL: goes away), and makes it
 * *@root. The direct parent gets a new stamp if its set of children changed.
 */
static int rebuild(struct tree_node **root, struct tree_stamps *stamps, const struct walk *w,
                   unsigned int depth, struct tree_node *changed)
{
    bool names_change = !changed || depth > w->found;

    while (depth > 0) {
        const struct tree_node *parent = w->node[depth - 1];
        bool exists;
        size_t index;

        exists = find_child(parent, w->part[depth - 1], w->length[depth - 1], &index);
        changed = with_child(parent, names_change ? ++stamps->last : parent->stamp, index, changed,
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

int tree_set(struct tree_node **root, struct tree_stamps *stamps, const char *path,
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
                            data_create(old->name, strlen(old->name), value ? value : old->value,
                                        value ? length : old->length, perms ? perms : old->perms,
                                        perms ? perm_count : old->perm_count),
                            ++stamps->last);
        return changed ? rebuild(root, stamps, &w, depth, changed) : -1;
    }
    changed = node_create(
        data_create(w.part[w.parts - 1], w.length[w.parts - 1], value, length, perms, perm_count),
        ++stamps->last, 0);
    for (depth = w.parts; changed && depth > w.found + 1; depth--) {
        struct tree_node *parent = node_create(
            data_create(w.part[depth - 2], w.length[depth - 2], NULL, 0, perms, perm_count),
            ++stamps->last, 1);

        if (parent)
            parent->children[0] = changed;
        else
            tree_release(changed);
        changed = parent;
    }
    return changed ? rebuild(root, stamps, &w, depth, changed) : -1;
}

int tree_remove(struct tree_node **root, struct tree_stamps *stamps, const char *path)
{
    struct walk w;

    walk_path(&w, *root, path);
    return rebuild(root, stamps, &w, w.parts, NULL);
}

unsigned int tree_access(const struct tree_node *node, uint16_t domid)
{
    const struct tree_data *data = node->data;

    if (data->perms[0].domid == domid)
        return PERM_READ | PERM_WRITE;
    for (unsigned int i = 1; i < data->perm_count; i++)
        if (data->perms[i].domid == domid)
            return data->perms[i].access;
    return data->perms[0].access;
}
