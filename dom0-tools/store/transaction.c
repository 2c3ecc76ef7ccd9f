/* SPDX-License-Identifier: MIT */
/*
 * Transactions.
 *
 * A transaction holds the root it began with and its own working root; it notes each path that it
 * looked at or changed, and each change. Ending it compares the noted paths in the root it began
 * with and in the live one: if all are unchanged, the changes are repeated on the live tree. So two
 * transactions conflict only if they touch the same nodes.
 *
 * Old roots keep former versions of all nodes alive, which no domain is charged for. So beyond a
 * bound all transactions continue from the live root.
 */
#include <stdlib.h>
#include <string.h>

#include <public/errno.h>

#include "store_internal.h"

#ifndef HELD_BYTES            /* the fuzzer has few */
#define HELD_BYTES (1u << 20) /* of former versions, more than was left by the last look */
#endif

struct transaction *transaction_find(struct store_connection *c, uint32_t id)
{
    struct transaction *t = c->transactions;

    while (t && t->id != id)
        t = t->next;
    return t;
}

static void charge(struct transaction *t, size_t bytes)
{
    t->bytes += bytes;
    xs_charge(t->owner, (long)bytes);
}

int transaction_touch(struct transaction *t, const char *path)
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
    if (connection_is_over_memory(t->owner))
        return XEN_ENOMEM;
    length = strlen(path) + 1;
    touched = malloc(sizeof(*touched) + length);
    if (!touched)
        return XEN_ENOMEM;
    memcpy(touched->path, path, length);
    touched->next = t->touched;
    t->touched = touched;
    t->touched_count++;
    charge(t, sizeof(*touched) + length);
    return 0;
}

void transaction_keep_change(struct transaction *t, struct change *change)
{
    *t->changes_end = change;
    t->changes_end = &change->next;
    t->change_count++;
    charge(t, sizeof(*change) + change->perm_count * sizeof(*change->perms) + change->length +
                  strlen(change->path) + 1);
}

static void free_transaction(struct transaction *t)
{
    while (t->touched) {
        struct touched *touched = t->touched;

        t->touched = touched->next;
        free(touched);
    }
    while (t->changes) {
        struct change *change = t->changes;

        t->changes = change->next;
        free(change);
    }
    xs_charge(t->owner, -(long)t->bytes);
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
    if (connection_is_over_memory(c))
        return XEN_ENOMEM;
    t = calloc(1, sizeof(*t));
    if (!t)
        return XEN_ENOMEM;
    do
        t->id = ++c->last_transaction;
    while (t->id == STORE_NO_TRANSACTION || transaction_find(c, t->id));
    t->owner = c;
    charge(t, sizeof(*t));
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
        /*
         * Of what is not there, the folders above count: it would be made in them, with their
         * rights.
         */
        if (!now && tree_missing(t->base, touched->path) != tree_missing(s->root, touched->path))
            return false;
    }
    return true;
}

/*
 * Makes the changes again on *@root, which was the live one, and says in *@created what came of it.
 * @return 0, the errno of the first change that cannot be made (the others are), or XEN_ENOMEM, and
 * then stops.
 */
static int replay(const struct transaction *t, struct tree_node **root, int *created)
{
    int first = 0;

    *created = 0;
    for (const struct change *change = t->changes; change; change = change->next) {
        const struct tree_node *node;
        struct tree_edit edit;
        int error = change_check(t->owner, *root, *created, change, &node);

        if (!error) {
            error = change_make(t->owner, root, created, change, node, &edit);
            tree_edit_end(&edit);
        }
        if (error == XEN_ENOMEM)
            return error;
        if (error && !first)
            first = error == XEN_ENOSPC ? error : XEN_EAGAIN;
    }
    return first;
}

/* Makes the changes again on the live tree, all or none, then fires the watches. */
static int commit(struct store_connection *c, struct transaction *t)
{
    struct store *s = c->store;
    struct tree_node *former;
    int error = t->failed || !still_valid(s, t) ? XEN_EAGAIN : 0;

    if (error || !t->changes)
        return error;
    /* A rehearsal on a root of its own finds what would fail, before anything counts. */
    tree_release(t->work);
    t->work = tree_hold(s->root);
    error = replay(t, &t->work, &t->created);
    if (error)
        return error;
    former = s->root;
    s->root = tree_hold(t->work);
    store_recount(s, former, s->root);
    /* Nobody hears of what has come and gone within. */
    for (const struct change *change = t->changes; change; change = change->next) {
        const struct tree_node *before = tree_find(former, change->path);

        if (before || tree_find(s->root, change->path))
            watches_fire(s, before, change);
    }
    tree_release(former);
    return 0;
}

/*
 * Has a transaction continue from the live tree. What it has looked at is as it was, so it sees the
 * same; or it is not, and the transaction has failed, though it is told at its end only. Without
 * memory it stays where it is.
 */
static void follow(struct store *s, struct transaction *t)
{
    struct tree_node *work = tree_hold(s->root);
    bool valid = still_valid(s, t);
    int created, error = replay(t, &work, &created);

    if (error == XEN_ENOMEM) {
        tree_release(work);
        return;
    }
    t->failed = t->failed || !valid || error == XEN_EAGAIN;
    tree_release(t->base);
    tree_release(t->work);
    t->base = tree_hold(s->root);
    t->work = work;
    t->created = created;
}

void transactions_follow(struct store *s)
{
    size_t held = xs_memory_held(s);

    if (held < s->held)
        s->held = held;
    if (held - s->held < HELD_BYTES)
        return;
    for (struct store_connection *c = s->connections; c; c = c->next)
        for (struct transaction *t = c->transactions; t; t = t->next)
            follow(s, t);
    s->held = xs_memory_held(s);
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
    transactions_follow(c->store);
    return error;
}

void transactions_drop(struct store_connection *c)
{
    while (c->transactions) {
        struct transaction *t = c->transactions;

        c->transactions = t->next;
        free_transaction(t);
    }
}
