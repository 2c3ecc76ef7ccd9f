/* SPDX-License-Identifier: MIT */
/*
 * The queue of a CPU: a binary search tree by deadline that is a heap by random numbers (a treap),
 * so its expected depth is logarithmic whatever its guests do. Each node knows the least v below
 * it, which leads to the first eligible node without a look at the others, and whether anybody
 * below it is owed a slice.
 */
#include <sched_fair.h>

/* Is virtual time @a before @b? They wrap. */
static bool before(u64 a, u64 b)
{
    return (s64)(a - b) < 0;
}

static u64 earlier(u64 a, u64 b)
{
    return before(a, b) ? a : b;
}

/* @return did that change what the node knows? */
static bool update_least(struct fair_vcpu *n)
{
    u64 v = n->v, due = n->v + n->slice;

    if (n->left) {
        v = earlier(n->left->least_v, v);
        due = earlier(n->left->least_due, due);
    }
    if (n->right) {
        v = earlier(n->right->least_v, v);
        due = earlier(n->right->least_due, due);
    }
    if (n->least_v == v && n->least_due == due)
        return false;
    n->least_v = v;
    n->least_due = due;
    return true;
}

static struct fair_vcpu **link_to(struct fair_vcpu **root, const struct fair_vcpu *n)
{
    if (!n->parent)
        return root;
    return n->parent->left == n ? &n->parent->left : &n->parent->right;
}

/* Turns the tree so that @n takes its parent's place, and the parent becomes its child. */
static void rotate_up(struct fair_vcpu **root, struct fair_vcpu *n)
{
    struct fair_vcpu *parent = n->parent, **link = link_to(root, parent), *inner;

    if (parent->left == n) {
        inner = parent->left = n->right;
        n->right = parent;
    } else {
        inner = parent->right = n->left;
        n->left = parent;
    }
    if (inner)
        inner->parent = parent;
    n->parent = parent->parent;
    parent->parent = n;
    *link = n;
    (void)update_least(parent);
    (void)update_least(n);
}

void fair_tree_insert(struct fair_vcpu **root, struct fair_vcpu *n, u32 heap_order)
{
    struct fair_vcpu **link = root, *parent = NULL;

    while (*link) {
        parent = *link;
        parent->least_v = earlier(n->v, parent->least_v);
        parent->least_due = earlier(n->v + n->slice, parent->least_due);
        link = before(n->deadline, parent->deadline) ? &parent->left : &parent->right;
    }
    n->parent = parent;
    n->left = n->right = NULL;
    n->least_v = n->v;
    n->least_due = n->v + n->slice;
    n->heap_order = heap_order;
    *link = n;
    while (n->parent && n->heap_order < n->parent->heap_order)
        rotate_up(root, n);
}

void fair_tree_remove(struct fair_vcpu **root, struct fair_vcpu *n)
{
    struct fair_vcpu *child, *parent;

    while (n->left && n->right)
        rotate_up(root, n->left->heap_order < n->right->heap_order ? n->left : n->right);
    child = n->left ? n->left : n->right;
    parent = n->parent;
    *link_to(root, n) = child;
    if (child)
        child->parent = parent;
    while (parent && update_least(parent))
        parent = parent->parent;
}

struct fair_vcpu *fair_tree_first_eligible(struct fair_vcpu *root, u64 v)
{
    struct fair_vcpu *n = root;

    while (n) {
        if (n->left && !before(v, n->left->least_v))
            n = n->left; /* the first one is in there */
        else if (!before(v, n->v))
            return n;
        else
            n = n->right;
    }
    return NULL;
}

struct fair_vcpu *fair_tree_first(struct fair_vcpu *root)
{
    while (root && root->left)
        root = root->left;
    return root;
}

struct fair_vcpu *fair_tree_next(const struct fair_vcpu *n)
{
    if (n->right)
        return fair_tree_first(n->right);
    while (n->parent && n->parent->right == n)
        n = n->parent;
    return n->parent;
}
