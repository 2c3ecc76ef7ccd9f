/* SPDX-License-Identifier: MIT */
/*
 * The store's tree: named nodes with a value and permissions.
 *
 * A node with more than one reference never changes: a change makes new versions of those from the
 * place of the change up to the root that others hold too, and shares all other nodes. So a root is
 * a snapshot for as long as a reference to it is held, a change that fails half-way leaves the tree
 * with the same content, and a transaction is two roots. What nobody else holds is changed in
 * place: a write costs the same however many neighbours a node has. Private to dom0-tools/store.
 */
#ifndef TOOLS_STORE_TREE_H
#define TOOLS_STORE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_MAX_DEPTH 48 /* components in a path */
#define BLOCK_OVERHEAD 16 /* what the allocator needs for itself, about, for each block */

#define PERM_READ  1u
#define PERM_WRITE 2u

/* The first of a node's permissions names its owner and what all not listed may do. */
struct tree_perm {
    uint16_t domid;
    uint16_t access; /* PERM_* */
};

struct tree_forest;

/* What a domain has in the forest. */
struct tree_usage {
    struct tree_usage *next; /* of the same bucket */
    struct tree_forest *forest;
    uint16_t domid;
    unsigned int nodes; /* in the live tree, which the store knows and counts for */
    size_t live;        /* bytes of these */
    size_t charged;     /* bytes that its connections hold, without nodes */
    unsigned int holds; /* pointers to this, without those in nodes */
    size_t bytes;       /* of all its nodes, live or held by a snapshot */
};

#define TREE_USAGE_BUCKETS 256u

/* All trees that share nodes or are compared with each other: their stamps and their owners. */
struct tree_forest {
    uint64_t last;                                 /* stamp */
    struct tree_usage *usages[TREE_USAGE_BUCKETS]; /* by number */
    unsigned int sweep_at;                         /* bucket that is swept next */
    size_t bytes;                                  /* of all usages */
    size_t live;                                   /* of all usages */
};

/*
 * The entry of a domain; makes a missing one if @create. @return NULL when there is no entry, or
 * memory is short.
 */
struct tree_usage *tree_usage(struct tree_forest *forest, uint16_t domid, bool create);

/*
 * Forgets entries that are all zero: the one of @domid and, at each call, some others, since a
 * snapshot may have kept nodes of a domain until long after its end.
 */
void tree_usages_sweep(struct tree_forest *forest, uint16_t domid);

/* Frees all entries, whatever they are. */
void tree_usages_free(struct tree_forest *forest);

/* Counts bytes of nodes in the live tree (negative: no longer). */
void tree_count_live(struct tree_usage *usage, long bytes);

/* What a node holds. Shared between versions of the node. */
struct tree_data {
    struct tree_usage *usage; /* of the owner */
    unsigned int refs;
    unsigned int perm_count; /* at least 1 */
    size_t length;           /* of the value */
    struct tree_perm *perms;
    char *name; /* "" for the root */
    uint8_t *value;
};

struct tree_node {
    unsigned int refs;
    /* It is not in the live tree any more, and the watches on it and below it know. */
    bool told_gone;
    /* Unique; new when the value, the permissions or the set of children's names change. */
    uint64_t stamp;
    struct tree_data *data;
    size_t child_count;
    struct tree_node *children[]; /* sorted by name */
};

/* Makes a root with one permission entry. @return NULL when memory is short. */
struct tree_node *tree_create(struct tree_forest *forest, struct tree_perm owner);

/* What a node takes, for itself. */
size_t tree_bytes(const struct tree_node *node);

/* Takes and drops a reference. */
struct tree_node *tree_hold(struct tree_node *node);
void tree_release(struct tree_node *node);

/* The node at @path, which is absolute and well formed, or NULL. */
const struct tree_node *tree_find(const struct tree_node *root, const char *path);

/* The node at @path or, when there is none, its nearest ancestor that exists. */
const struct tree_node *tree_nearest(const struct tree_node *root, const char *path);

/* The nearest ancestor of the node at @path, there or not, that exists; the root for itself. */
const struct tree_node *tree_above(const struct tree_node *root, const char *path);

/* How many nodes tree_set would create for @path. */
unsigned int tree_missing(const struct tree_node *root, const char *path);

/* The same walk for both: @return the node at @path or NULL; *@nearest as tree_nearest. */
const struct tree_node *tree_reach(const struct tree_node *root, const char *path,
                                   const struct tree_node **nearest);

/* What a change has done. */
struct tree_edit {
    struct tree_node *former;    /* what was at its place, with a reference, or NULL */
    const struct tree_node *now; /* what is there, or NULL: the uppermost of those created */
    struct tree_usage *parent;   /* of the node above, or NULL for the root */
};

/* Drops the reference in @edit. */
void tree_edit_end(struct tree_edit *edit);

/*
 * Gives the node at @path this value and these permissions, creating it and its missing ancestors
 * (empty, with the same permissions). NULL @value or @perms keep what an existing node has; @perms
 * is not NULL when the node does not exist. May replace *@root. @return 0 with *@edit filled in, or
 * -1 with the same content below *@root when memory is short.
 */
int tree_set(struct tree_node **root, struct tree_forest *forest, const char *path,
             const void *value, size_t length, const struct tree_perm *perms,
             unsigned int perm_count, struct tree_edit *edit);

/*
 * Removes the node at @path, which exists and is not the root, with all below it. @return as
 * tree_set.
 */
int tree_remove(struct tree_node **root, struct tree_forest *forest, const char *path,
                struct tree_edit *edit);

/*
 * Removes the nodes of a domain that has gone (except the root), with all below them, and its
 * number from the permissions of other nodes, since another domain may get that number. @return as
 * tree_set.
 */
int tree_purge(struct tree_node **root, struct tree_forest *forest, uint16_t domid);

static inline uint16_t tree_owner(const struct tree_node *node)
{
    return node->data->perms[0].domid;
}

#endif
